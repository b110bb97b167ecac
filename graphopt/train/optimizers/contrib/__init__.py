"""The optimizers of ``tf.contrib.opt``."""

from graphopt.train.optimizers.contrib.adagrad_family import RegAdagradOptimizer as RegAdagradOptimizer
from graphopt.train.optimizers.contrib.adam_family import AdaMaxOptimizer as AdaMaxOptimizer
from graphopt.train.optimizers.contrib.adam_family import AdamGSOptimizer as AdamGSOptimizer
from graphopt.train.optimizers.contrib.adam_family import LazyAdamGSOptimizer as LazyAdamGSOptimizer
from graphopt.train.optimizers.contrib.adam_family import LazyAdamOptimizer as LazyAdamOptimizer
from graphopt.train.optimizers.contrib.adam_family import NadamOptimizer as NadamOptimizer
from graphopt.train.optimizers.contrib.clipping import VariableClippingOptimizer as VariableClippingOptimizer
from graphopt.train.optimizers.contrib.clipping import clip_gradients_by_norm as clip_gradients_by_norm
from graphopt.train.optimizers.contrib.ggt import GGTOptimizer as GGTOptimizer
from graphopt.train.optimizers.contrib.lars import LARSOptimizer as LARSOptimizer
from graphopt.train.optimizers.contrib.moving_average import MovingAverageOptimizer as MovingAverageOptimizer
from graphopt.train.optimizers.contrib.multitask import MultitaskOptimizerWrapper as MultitaskOptimizerWrapper
from graphopt.train.optimizers.contrib.multitask import clip_gradients_by_global_norm as clip_gradients_by_global_norm
from graphopt.train.optimizers.contrib.shampoo import ShampooOptimizer as ShampooOptimizer
from graphopt.train.optimizers.contrib.shampoo import ShampooWOptimizer as ShampooWOptimizer
from graphopt.train.optimizers.contrib.sign_decay import get_cosine_decay_fn as get_cosine_decay_fn
from graphopt.train.optimizers.contrib.sign_decay import get_linear_decay_fn as get_linear_decay_fn
from graphopt.train.optimizers.contrib.sign_decay import get_restart_decay_fn as get_restart_decay_fn
from graphopt.train.optimizers.contrib.sign_family import AddSignOptimizer as AddSignOptimizer
from graphopt.train.optimizers.contrib.sign_family import PowerSignOptimizer as PowerSignOptimizer
from graphopt.train.optimizers.contrib.sync_replicas import SyncReplicasOptimizer as SyncReplicasOptimizer
from graphopt.train.optimizers.contrib.weight_decay import AdamWOptimizer as AdamWOptimizer
from graphopt.train.optimizers.contrib.weight_decay import DecoupledWeightDecayExtension as DecoupledWeightDecayExtension
from graphopt.train.optimizers.contrib.weight_decay import MomentumWOptimizer as MomentumWOptimizer
from graphopt.train.optimizers.contrib.weight_decay import extend_with_decoupled_weight_decay as extend_with_decoupled_weight_decay
