"""Optimizers: the base class, and those of ``tf.train``."""

from graphopt.train.optimizers.adam import AdamOptimizer as AdamOptimizer
from graphopt.train.optimizers.adaptive import AdadeltaOptimizer as AdadeltaOptimizer
from graphopt.train.optimizers.adaptive import AdagradDAOptimizer as AdagradDAOptimizer
from graphopt.train.optimizers.adaptive import AdagradOptimizer as AdagradOptimizer
from graphopt.train.optimizers.adaptive import ProximalAdagradOptimizer as ProximalAdagradOptimizer
from graphopt.train.optimizers.adaptive import RMSPropOptimizer as RMSPropOptimizer
from graphopt.train.optimizers.base import Optimizer as Optimizer
from graphopt.train.optimizers.descent import GradientDescentOptimizer as GradientDescentOptimizer
from graphopt.train.optimizers.descent import MomentumOptimizer as MomentumOptimizer
from graphopt.train.optimizers.descent import ProximalGradientDescentOptimizer as ProximalGradientDescentOptimizer
from graphopt.train.optimizers.ftrl import FtrlOptimizer as FtrlOptimizer
from graphopt.train.optimizers.rule import RuleOptimizer as RuleOptimizer
