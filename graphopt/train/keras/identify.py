"""Optimizers from what names or describes them, and back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.train.keras import legacy, optimizers
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer
from graphopt.train.keras.optimizer import Optimizer
from graphopt.train.keras.serialization import (
    deserialize_keras_object,
    deserialize_legacy_object,
    serialize_keras_object,
    serialize_legacy_object,
)

_LEGACY = f"{MODULE}.legacy"
# Every name that `get` knows, without regard to case.
_CLASSES: dict[str, Any] = {
    name.lower(): cls for name, cls in vars(optimizers).items() if isinstance(cls, type) and issubclass(cls, BuiltInOptimizer)
}


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return the optimizer that a name or a dictionary stands for.

    Args:
      identifier: a name such as ``"adam"`` in any case, which gives an optimizer with its defaults; a dictionary as `serialize` gives it;
        or an optimizer, which is returned as it is. kwargs: `use_legacy_format`, as `deserialize` takes it.

    Raises:
      ValueError: for an unknown name, or anything else.

    Example:
      >>> tf.keras.optimizers.get("sgd").get_config()["learning_rate"]
      0.01

    Source: ``keras/optimizers/__init__.py``.
    """
    if isinstance(identifier, Optimizer | legacy.Optimizer):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier, **kwargs)
    if isinstance(identifier, str):
        return _named(identifier)()
    raise ArgumentError(f"Could not interpret optimizer identifier: {identifier!r}. Give a name, a configuration or an optimizer.")


def _named(name: str) -> Any:
    if name.lower() not in _CLASSES:
        near = difflib.get_close_matches(name.lower(), _CLASSES, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(
            f"Unknown optimizer: {name!r}. Please ensure you are using one of {', '.join(sorted(_CLASSES))}; a class of your own is to be "
            f"passed in `custom_objects` of `deserialize`.{hint}"
        )
    return _CLASSES[name.lower()]


def serialize(optimizer: Any, use_legacy_format: bool = False) -> dict[str, Any]:
    """Return an optimizer as a JSON-safe dictionary, without its variables.

    Args:
      optimizer: the optimizer. use_legacy_format: give ``{"class_name", "config"}`` only.

    Raises:
      TypeError: for something without `get_config`. ValueError: when an argument is a tensor.

    Example:
      >>> tf.keras.optimizers.serialize(tf.keras.optimizers.SGD(0.1))["config"]["learning_rate"]
      0.1

    Source: ``keras/optimizers/__init__.py``.
    """
    return serialize_legacy_object(optimizer) if use_legacy_format else serialize_keras_object(optimizer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the optimizer that `serialize` described, in either format.

    Args:
      config: the dictionary; it stays as it is. The name of a class of Keras may be written in any case. One that has no module, and no
        ``"is_legacy_optimizer": False`` in its configuration, stands for an optimizer of `legacy` where there is one of that name.
      custom_objects: optimizers and schedules of one's own, by the names of their classes.
      use_legacy_format: raise what Keras's older function raises.

    Raises:
      TypeError: for an unknown class (ValueError with `use_legacy_format`) or no dictionary. ValueError: for one without `class_name` and
        `config`.

    Example:
      >>> config = tf.keras.optimizers.serialize(tf.keras.optimizers.Adam(0.1, beta_1=0.8))
      >>> tf.keras.optimizers.deserialize(config).beta_1
      0.8

    Source: ``keras/optimizers/__init__.py``.
    """
    name = config.get("class_name") if isinstance(config, Mapping) else None
    if isinstance(name, str) and name.lower() in _CLASSES and name not in (custom_objects or {}):
        config = {**config, "class_name": _CLASSES[name.lower()].__name__}
    module = _LEGACY if _means_legacy(config) else MODULE
    if use_legacy_format:
        return deserialize_legacy_object(config, module, custom_objects, "optimizer")
    return deserialize_keras_object(config, module, custom_objects)


def _means_legacy(config: Any) -> bool:
    """Tell whether a dictionary without a module stands for an older optimizer: as in Keras, unless it says the contrary."""
    inner = config.get("config") if isinstance(config, Mapping) and config.get("module") is None else None
    return isinstance(inner, Mapping) and bool(inner.get("is_legacy_optimizer", True))
