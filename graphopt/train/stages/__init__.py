"""The stages of a training op: each makes of pairs (gradient, variable) such pairs, and may act after the update."""

from graphopt.train.stages.accumulate import accumulate as accumulate
from graphopt.train.stages.accumulate import aggregate as aggregate
from graphopt.train.stages.after_update import MovingAverages as MovingAverages
from graphopt.train.stages.after_update import constrain as constrain
from graphopt.train.stages.after_update import look_ahead as look_ahead
from graphopt.train.stages.clip import centralize as centralize
from graphopt.train.stages.clip import clip_by_block_rms as clip_by_block_rms
from graphopt.train.stages.clip import clip_by_global_norm as clip_by_global_norm
from graphopt.train.stages.clip import clip_by_unit_ratio as clip_by_unit_ratio
from graphopt.train.stages.clip import clip_by_value as clip_by_value
from graphopt.train.stages.clip import clip_each_by_norm as clip_each_by_norm
from graphopt.train.stages.decay import decay_weights as decay_weights
from graphopt.train.stages.multiply import multiply_gradients as multiply_gradients
from graphopt.train.stages.multiply import multiply_learning_rates as multiply_learning_rates
from graphopt.train.stages.noise import add_annealed_noise as add_annealed_noise
from graphopt.train.stages.noise import add_noise as add_noise
from graphopt.train.stages.non_finite import LossScale as LossScale
from graphopt.train.stages.non_finite import scale_loss as scale_loss
from graphopt.train.stages.non_finite import skip_non_finite as skip_non_finite
from graphopt.train.stages.non_finite import zero_non_finite as zero_non_finite
from graphopt.train.stages.stage import Pairs as Pairs
from graphopt.train.stages.stage import Stage as Stage
from graphopt.train.stages.stage import Step as Step
