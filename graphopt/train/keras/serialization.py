"""Objects to plain dictionaries and back, in Keras's two formats.

The format of today is ``{"module", "class_name", "config", "registered_name"}``, the older one ``{"class_name", "config"}``. Reading
makes objects of registered classes and of the caller's `custom_objects` only: nothing is imported or evaluated by a name that stands
in the data.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError

C = TypeVar("C", bound=type)

# Classes of this package by the module that users know them under, and the way back.
_CLASSES: dict[str, dict[str, type]] = {}
_MODULES: dict[type, str] = {}
# Classes that users have registered, by "package>name", and the way back.
_CUSTOM_CLASSES: dict[str, type] = {}
_CUSTOM_NAMES: dict[type, str] = {}


def register(module: str) -> Callable[[C], C]:
    """Return a decorator that makes a class of this package known under a public module, such as ``"keras.optimizers"``."""

    def decorate(cls: C) -> C:
        _CLASSES.setdefault(module, {})[cls.__name__] = cls
        _MODULES[cls] = module
        return cls

    return decorate


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[C], C]:
    """Return a decorator that lets one's own class be read without `custom_objects`.

    Args:
      package: what the class belongs to. name: what it is called there (the class's name by default).

    Raises:
      ValueError: for a class without `get_config`.

    Example:
      >>> from graphopt.train.keras.serialization import register_keras_serializable, serialize_keras_object
      >>> @register_keras_serializable("mine")
      ... class Halving:
      ...     def get_config(self):
      ...         return {}
      >>> serialize_keras_object(Halving())["registered_name"]
      'mine>Halving'

    Source: ``keras/saving/object_registration.py``.
    """

    def decorate(cls: C) -> C:
        if not hasattr(cls, "get_config"):
            raise ArgumentError(f"Cannot register class {cls.__name__!r}: it has no `get_config()` method.")
        registered_name = f"{package}>{name or cls.__name__}"
        _CUSTOM_CLASSES[registered_name] = cls
        _CUSTOM_NAMES[cls] = registered_name
        return cls

    return decorate


def get_registered_class(module: str, class_name: str) -> type | None:
    """Return the class of this package that users know under ``module.class_name``, or None."""
    return _CLASSES.get(module, {}).get(class_name)


# --- writing -----------------------------------------------------------------------------------------------------------------


def serialize_keras_object(obj: Any) -> dict[str, Any]:
    """Return an object as a JSON-safe dictionary, in the format of today.

    Args:
      obj: an object with `get_config`; objects within its configuration are written alike.

    Raises:
      TypeError: for an object without `get_config`. ValueError: for a tensor or variable in the configuration.
    """
    cls = type(obj)
    module = _MODULES.get(cls)
    return {
        "module": module,
        "class_name": cls.__name__,
        "config": _plain_config(obj, serialize_keras_object),
        "registered_name": _CUSTOM_NAMES.get(cls, cls.__name__) if module is None else None,
    }


def serialize_legacy_object(obj: Any) -> dict[str, Any]:
    """Return an object as a JSON-safe dictionary ``{"class_name", "config"}``.

    Args:
      obj: see `serialize_keras_object`, also for the errors.
    """
    return {"class_name": _CUSTOM_NAMES.get(type(obj), type(obj).__name__), "config": _plain_config(obj, serialize_legacy_object)}


def to_plain(value: Any, owner: str, argument: str, serialize: Callable[[Any], Any] = serialize_keras_object) -> Any:
    """Return a value of a configuration as JSON can hold it: numbers, strings, lists and dictionaries.

    Args:
      value: the value of an argument. owner, argument: whose it is, and its name, for the error. serialize: for objects within it.

    Raises:
      ValueError: for a tensor or variable, whose value no program knows before a run. TypeError: for an object without `get_config`.
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    if hasattr(value, "builder"):
        raise ArgumentError(
            f"{owner} can't be serialised because of its argument `{argument}`: "
            f"the value of {value!r} is known in a run only. Give a Python number."
        )
    if isinstance(value, list | tuple):
        return [to_plain(item, owner, argument, serialize) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, owner, argument, serialize) for key, item in value.items()}
    if hasattr(value, "get_config") and not isinstance(value, type):
        return serialize(value)
    raise ArgumentTypeError(
        f"{owner} can't be serialised because of its argument `{argument}`: "
        f"{value!r} is neither plain data nor an object with `get_config()`."
    )


def _plain_config(obj: Any, serialize: Callable[[Any], Any]) -> dict[str, Any]:
    name = type(obj).__name__
    if not hasattr(obj, "get_config") or isinstance(obj, type):
        raise ArgumentTypeError(f"Cannot serialize object {obj!r} of type {name}: its class must implement the `get_config()` method.")
    config = obj.get_config()
    if not isinstance(config, Mapping):
        raise ArgumentTypeError(f"The `get_config()` method of {name} should return a dict. It returned: {config!r}")
    return {key: to_plain(value, name, key, serialize) for key, value in config.items()}


# --- reading -----------------------------------------------------------------------------------------------------------------


def deserialize_keras_object(config: Any, module: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the object that a dictionary of either format describes; the dictionary stays as it is.

    Args:
      config: the dictionary. module: where to look first for a class that has no module in it, such as ``"keras.optimizers"``.
      custom_objects: further classes by name; they come first.

    Raises:
      TypeError: for something else than a dictionary, or an unknown class. ValueError: for a dictionary without class or configuration.
    """
    _check_format(config)
    cls = _find(config, module, custom_objects or {})
    if cls is None:
        raise ArgumentTypeError(
            f"Cannot deserialize object of type `{config['class_name']}`. If `{config['class_name']}` is a class of your own, pass it in "
            f"`custom_objects` or register it with `register_keras_serializable`.{_known(module)}"
        )
    return _made(cls, config, module, custom_objects)


def deserialize_legacy_object(config: Any, module: str, custom_objects: Mapping[str, Any] | None = None, kind: str = "object") -> Any:
    """Return the object that a dictionary describes; as Keras's older function, raise ValueError for an unknown class.

    Args:
      config, module, custom_objects: see `deserialize_keras_object`. kind: what the object is, for the error.

    Raises:
      TypeError: for something else than a dictionary. ValueError: for an unknown class, or a dictionary without class or configuration.
    """
    _check_format(config)
    cls = _find(config, module, custom_objects or {})
    if cls is None:
        raise ArgumentError(f"Unknown {kind}: {config['class_name']!r}. Pass a class of your own in `custom_objects`.{_known(module)}")
    return _made(cls, config, module, custom_objects)


def _check_format(config: Any) -> None:
    if not isinstance(config, Mapping):
        raise ArgumentTypeError(f"Could not parse config: {config!r}. A dict with `class_name` and `config` is needed.")
    if not (isinstance(config.get("class_name"), str) and isinstance(config.get("config"), Mapping)):
        raise ArgumentError(
            f"Improper config format: {dict(config)!r}. A dict with `class_name` (a string) and `config` (a dict) is needed."
        )


def _find(config: Mapping[str, Any], module: str, custom_objects: Mapping[str, Any]) -> Any:
    """Return the class that a dictionary names, or None."""
    class_name, registered_name = config["class_name"], config.get("registered_name")
    for name in (class_name if registered_name is None else registered_name, class_name):
        if name in custom_objects:
            return custom_objects[name]
        if name in _CUSTOM_CLASSES:
            return _CUSTOM_CLASSES[name]
    given_module = config.get("module")
    if given_module is not None:
        return get_registered_class(given_module, class_name)
    # Objects within an older configuration carry no module: what stands in an optimizer may be a schedule.
    places = [module, *(other for other in _CLASSES if other != module)] if registered_name is None else []
    return next((found for place in places if (found := get_registered_class(place, class_name)) is not None), None)


def _known(module: str) -> str:
    names = sorted(_CLASSES.get(module, {}))
    return f" Known in {module}: {', '.join(names)}." if names else ""


def _made(cls: Any, config: Mapping[str, Any], module: str, custom_objects: Mapping[str, Any] | None) -> Any:
    if not hasattr(cls, "from_config"):
        raise ArgumentTypeError(f"Unable to reconstruct an instance of {config['class_name']!r}: {cls!r} has no `from_config()` method.")
    return cls.from_config({key: revived(value, module, custom_objects) for key, value in config["config"].items()})


def revived(value: Any, module: str, custom_objects: Mapping[str, Any] | None) -> Any:
    """Return a copy of plain data with every dictionary that describes an object replaced by the object."""
    if isinstance(value, list | tuple):
        return [revived(item, module, custom_objects) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "class_name" in value and "config" in value:
        return deserialize_keras_object(value, module, custom_objects)
    return {key: revived(item, module, custom_objects) for key, item in value.items()}
