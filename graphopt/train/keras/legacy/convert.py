"""From Keras's new optimizers to the older ones."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError
from graphopt.train.keras.legacy.adam import Adam, Adamax, Nadam
from graphopt.train.keras.legacy.adaptive import Adadelta, Adagrad, RMSprop
from graphopt.train.keras.legacy.ftrl import Ftrl
from graphopt.train.keras.legacy.optimizer import Optimizer
from graphopt.train.keras.legacy.sgd import SGD

_CLASSES = {cls.__name__: cls for cls in (SGD, Adam, Adamax, Nadam, RMSprop, Adagrad, Adadelta, Ftrl)}
_NEW_ALONE = (
    "weight_decay", "use_ema", "ema_momentum", "ema_overwrite_frequency", "jit_compile", "is_legacy_optimizer", "clipping"
)  # fmt: skip


def convert_to_legacy_optimizer(optimizer: Any) -> Optimizer:
    """Return an older optimizer with the arguments of a new one of the same name; what only the new one has is left out.

    Args:
      optimizer: one of Keras's new optimizers. Left out are weight decay, moving averages and compilation.

    Raises:
      ValueError: for something else, or where there is no older optimizer of that name.
    """
    name = type(optimizer).__name__
    if isinstance(optimizer, Optimizer) or not hasattr(optimizer, "get_config"):
        raise ArgumentError(f"`convert_to_legacy_optimizer` should only be called on a new Keras optimizer, but got {optimizer!r}.")
    if name not in _CLASSES:
        raise ArgumentError(f"There is no legacy optimizer {name!r} to convert to; there are {', '.join(sorted(_CLASSES))}.")
    config = {key: value for key, value in optimizer.get_config().items() if key not in _NEW_ALONE}
    made: Optimizer = _CLASSES[name].from_config(config)
    return made
