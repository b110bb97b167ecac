"""`tf.contrib.layers` as a whole: layers, regularizers, initializers, summaries and `optimize_loss`."""

from types import SimpleNamespace
from typing import Any

from graphopt.tf1 import contrib_layers, contrib_layers_more, contrib_summaries, contrib_weights
from graphopt.tf1.namespaces import defined_in
from graphopt.train import clip
from graphopt.train.adaptive_clipping import _adaptive_max_norm, adaptive_clipping_fn
from graphopt.train.optimize_loss import OPTIMIZER_CLS_NAMES, OPTIMIZER_SUMMARIES, optimize_loss
from graphopt.train.stages.multiply import multiply_gradients_by_name
from graphopt.train.stages.noise import add_noise


def _clip_gradients_by_norm(pairs: Any, clip_gradients: Any) -> list[Any]:
    gradients, variables = zip(*pairs, strict=True)
    return list(zip(clip.clip_by_global_norm(gradients, clip_gradients)[0], variables, strict=True))


# tensorflow/contrib/layers/python/layers/optimizers.py, whose private helpers tests reached into.
_optimizers = SimpleNamespace(
    OPTIMIZER_CLS_NAMES=OPTIMIZER_CLS_NAMES,
    OPTIMIZER_SUMMARIES=OPTIMIZER_SUMMARIES,
    adaptive_clipping_fn=adaptive_clipping_fn,
    optimize_loss=optimize_loss,
    _adaptive_max_norm=_adaptive_max_norm,
    _add_scaled_noise_to_gradients=lambda pairs, scale: add_noise(scale)(pairs),
    _clip_gradients_by_norm=_clip_gradients_by_norm,
    _multiply_gradients=lambda pairs, multipliers: multiply_gradients_by_name(multipliers)(pairs),
)

layers = SimpleNamespace(
    python=SimpleNamespace(layers=SimpleNamespace(optimizers=_optimizers)),
    **defined_in(contrib_layers, contrib_layers_more, contrib_summaries, contrib_weights),
    OPTIMIZER_CLS_NAMES=OPTIMIZER_CLS_NAMES,
    OPTIMIZER_SUMMARIES=OPTIMIZER_SUMMARIES,
    adaptive_clipping_fn=adaptive_clipping_fn,
    optimize_loss=optimize_loss,
)
