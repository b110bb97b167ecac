"""`tf.contrib.training.HParams`: hyper-parameters as attributes, read from a command line's text or from JSON."""

from __future__ import annotations

import json
import numbers
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphopt.errors import ArgumentError

# name=value, name[2]=value or name=[value,value], up to a comma or the end.
_ASSIGNMENT = re.compile(
    r"(?P<name>[a-zA-Z][\w.]*)\s*(\[\s*(?P<index>\d+)\s*\])?\s*=\s*(\[(?P<values>[^\]]*)\]|(?P<value>[^,\[]*))(,\s*|$)"
)
_TRUTH = {"true": True, "True": True, "false": False, "False": False}


class _Kind(NamedTuple):
    """Of which type a hyper-parameter is, and whether it is a list of such values."""

    type: type
    is_list: bool


class HParams:
    """Hyper-parameters by name, each of the type that its first value has.

    Args:
      kwargs: the hyper-parameters: numbers, texts, bools, or lists of one of them that are not empty.

    Raises:
      ValueError: for a name that the class itself uses, or an empty list.

    Example:
      >>> hparams = tf.contrib.training.HParams(learning_rate=0.1, layers=[64, 32], name="net")
      >>> hparams.parse("learning_rate=0.01,layers=[128,64]").learning_rate, hparams.layers
      (0.01, [128, 64])

    Source: tensorflow/contrib/training/python/training/hparam.py.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._kinds: dict[str, _Kind] = {}
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        """Add a hyper-parameter.

        Args:
          name: its name. value: its value, or a list that is not empty.

        Raises:
          ValueError: when the name is taken or used by the class, or the list is empty.
        """
        if getattr(self, name, None) is not None or name in self._kinds:
            raise ArgumentError(f"Hyperparameter name is reserved: {name}")
        if isinstance(value, (list, tuple)):
            if not value:
                raise ArgumentError(f"Multi-valued hyperparameters cannot be empty: {name}")
            self._kinds[name] = _Kind(type(value[0]), True)
        else:
            self._kinds[name] = _Kind(type(value), False)
        setattr(self, name, value)

    def set_hparam(self, name: str, value: Any) -> None:
        """Give a hyper-parameter another value of its type; integers become floats where it is a float.

        Args:
          name: its name. value: its value; a list where it is a list.

        Raises:
          KeyError: when there is none of that name. ValueError: for a value of another type, or a list in place of a value.
        """
        kind = self._kinds[name]
        if isinstance(value, (list, tuple)):
            if not kind.is_list:
                raise ArgumentError(f"Must not pass a list for single-valued parameter: {name}")
            setattr(self, name, [_converted(name, kind.type, item) for item in value])
        else:
            if kind.is_list:
                raise ArgumentError(f"Must pass a list for multi-valued parameter: {name}.")
            setattr(self, name, _converted(name, kind.type, value))

    def del_hparam(self, name: str) -> None:
        """Remove a hyper-parameter, if it is there."""
        if name in self._kinds:
            delattr(self, name)
            del self._kinds[name]

    def parse(self, values: str) -> HParams:
        """Set hyper-parameters from text; return this object.

        Args:
          values: ``name=value`` several times with commas between, lists as ``name=[value,value]``, one element as ``name[1]=value``.

        Raises:
          ValueError: for a name that is not there, text that is not of this form, or a value of another type.

        Example:
          >>> tf.contrib.training.HParams(rate=0.5, steps=3, decay=True).parse("steps=10, decay=false").values()
          {'rate': 0.5, 'steps': 10, 'decay': False}
        """
        for name, index, value in _assignments(values):
            if name not in self._kinds:
                raise ArgumentError(f"Unknown hyperparameter type for {name}")
            kind = self._kinds[name]
            if index is not None:
                self._set_element(name, index, _parsed(name, kind.type, str(value), values))
            elif isinstance(value, list):
                self.set_hparam(name, [_parsed(name, kind.type, item, values) for item in value])
            else:
                self.set_hparam(name, _parsed(name, kind.type, value, values))
        return self

    def _set_element(self, name: str, index: int, value: Any) -> None:
        if not self._kinds[name].is_list:
            raise ArgumentError(f"Must not pass a list for single-valued parameter: {name}")
        items = list(getattr(self, name))
        if index >= len(items):
            raise ArgumentError(f"{name}[{index}] is not there: {name} has {len(items)} values")
        items[index] = value
        setattr(self, name, items)

    def override_from_dict(self, values_dict: Mapping[str, Any]) -> HParams:
        """Set hyper-parameters by name; return this object. Raises as `set_hparam` does.

        >>> tf.contrib.training.HParams(rate=0.5).override_from_dict({"rate": 1}).rate
        1.0
        """
        for name, value in values_dict.items():
            self.set_hparam(name, value)
        return self

    def parse_json(self, values_json: str) -> HParams:
        """Set hyper-parameters from a JSON object; return this object. Raises as `set_hparam` does, and ValueError for no JSON."""
        return self.override_from_dict(json.loads(values_json))

    def to_json(self, indent: int | None = None, separators: tuple[str, str] | None = None, sort_keys: bool = False) -> str:
        """Return the hyper-parameters as a JSON object; functions among them are left out.

        Args:
          indent, separators, sort_keys: as for `json.dumps`.

        Example:
          >>> tf.contrib.training.HParams(rate=0.5, layers=[2, 1]).to_json()
          '{"rate": 0.5, "layers": [2, 1]}'
        """
        plain = {name: value for name, value in self.values().items() if not callable(value)}
        return json.dumps(plain, indent=indent, separators=separators, sort_keys=sort_keys)

    def values(self) -> dict[str, Any]:
        """Return the hyper-parameters by name."""
        return {name: getattr(self, name) for name in self._kinds}

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a hyper-parameter, or the default when there is none of that name."""
        return getattr(self, key) if key in self._kinds else default

    def __contains__(self, key: str) -> bool:
        return key in self._kinds

    def __str__(self) -> str:
        return str(self.values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


def _assignments(text: str) -> list[tuple[str, int | None, Any]]:
    """Return names, indices and values of a text, the values still as texts."""
    found: list[tuple[str, int | None, Any]] = []
    seen: set[tuple[str, int | None]] = set()
    at = 0
    while at < len(text):
        match = _ASSIGNMENT.match(text, at)
        if match is None:
            raise ArgumentError(f"Malformed hyperparameter value: {text[at:]}")
        at = match.end()
        index = None if match["index"] is None else int(match["index"])
        key = match["name"], index
        if key in seen or (index is not None and (match["name"], None) in seen):
            raise ArgumentError(f"Multiple assignments to variable '{match['name']}' in {text}")
        seen.add(key)
        several = match["values"]
        if several is None:
            found.append((*key, match["value"].strip()))
        elif index is None:
            found.append((*key, [item.strip() for item in several.split(",") if item.strip()]))
        else:
            raise ArgumentError(f"Malformed hyperparameter value: {match[0]}")
    return found


def _parsed(name: str, wanted: type, text: str, whole: str) -> Any:
    """Return a text as a value of the type wanted."""
    try:
        if wanted is bool:
            return _TRUTH[text] if text in _TRUTH else bool(int(text))
        return text if wanted in (str, type(None)) else wanted(text)
    except (TypeError, ValueError):
        raise ArgumentError(f"Could not parse hparam '{name}' of type '{wanted.__name__}' with value '{text}' in {whole}") from None


def _converted(name: str, wanted: type, value: Any) -> Any:
    """Return a value in the type wanted, where nothing is lost by that; texts, bools and numbers don't become each other."""
    if value is None or wanted is type(None):
        return value
    is_same_sort = isinstance(value, str) == issubclass(wanted, str) and isinstance(value, bool) == issubclass(wanted, bool)
    is_number = isinstance(value, numbers.Number) or not issubclass(wanted, numbers.Number)
    is_whole = isinstance(value, numbers.Integral) or not issubclass(wanted, numbers.Integral)
    if not (is_same_sort and is_number and is_whole):
        raise ArgumentError(f"Could not cast hparam '{name}' of type '{wanted.__name__}' from value {value!r}")
    return value if callable(value) else wanted(value)
