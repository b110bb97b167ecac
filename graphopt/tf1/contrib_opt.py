"""`tf.contrib.opt` and `tf.contrib.estimator` with TensorFlow 1's names."""

from types import SimpleNamespace

from graphopt.train.external import ExternalOptimizerInterface, LBFGSOptimizerInterface, ScipyOptimizerInterface
from graphopt.train.optimizers import contrib

opt = SimpleNamespace(
    AdaMaxOptimizer=contrib.AdaMaxOptimizer,
    AdamGSOptimizer=contrib.AdamGSOptimizer,
    AdamWOptimizer=contrib.AdamWOptimizer,
    AddSignOptimizer=contrib.AddSignOptimizer,
    DecoupledWeightDecayExtension=contrib.DecoupledWeightDecayExtension,
    ExternalOptimizerInterface=ExternalOptimizerInterface,
    GGTOptimizer=contrib.GGTOptimizer,
    LARSOptimizer=contrib.LARSOptimizer,
    LBFGSOptimizerInterface=LBFGSOptimizerInterface,
    LazyAdamGSOptimizer=contrib.LazyAdamGSOptimizer,
    LazyAdamOptimizer=contrib.LazyAdamOptimizer,
    MomentumWOptimizer=contrib.MomentumWOptimizer,
    MovingAverageOptimizer=contrib.MovingAverageOptimizer,
    MultitaskOptimizerWrapper=contrib.MultitaskOptimizerWrapper,
    NadamOptimizer=contrib.NadamOptimizer,
    PowerSignOptimizer=contrib.PowerSignOptimizer,
    RegAdagradOptimizer=contrib.RegAdagradOptimizer,
    ScipyOptimizerInterface=ScipyOptimizerInterface,
    ShampooOptimizer=contrib.ShampooOptimizer,
    ShampooWOptimizer=contrib.ShampooWOptimizer,
    VariableClippingOptimizer=contrib.VariableClippingOptimizer,
    clip_gradients_by_global_norm=contrib.clip_gradients_by_global_norm,
    extend_with_decoupled_weight_decay=contrib.extend_with_decoupled_weight_decay,
    get_cosine_decay_fn=contrib.get_cosine_decay_fn,
    get_linear_decay_fn=contrib.get_linear_decay_fn,
    get_restart_decay_fn=contrib.get_restart_decay_fn,
)

estimator = SimpleNamespace(clip_gradients_by_norm=contrib.clip_gradients_by_norm)
