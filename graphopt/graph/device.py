"""Device names: strings with fields, merged from the outer scope to the inner. They are kept for the user; nothing is placed by them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_FIELD = re.compile(r"/?(job|replica|task|device):([^/]+)|/(cpu|gpu|tpu)(?::(\d+|\*))?", re.IGNORECASE)
_ORDER = ("job", "replica", "task", "device")


def merged_device(scopes: Sequence[Any], operation: Any) -> str:
    """Return the device name that nested ``tf.device`` scopes give an operation.

    Args:
      scopes: from the outermost to the innermost: a device string, a function of the operation that gives one, or None, which
        forgets the outer ones.
      operation: the operation, for functions.

    >>> merged_device(["/gpu:0", "/job:ps"], None)
    '/job:ps/device:GPU:0'
    """
    fields: dict[str, str] = {}
    for scope in scopes:
        if scope is None:
            fields = {}
            continue
        fields.update(_fields(str((scope(operation) if callable(scope) else scope) or "")))
    return "".join(f"/{name}:{fields[name]}" for name in _ORDER if name in fields)


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value, kind, index in _FIELD.findall(text):
        if name:
            found[name.lower()] = _device_value(value) if name.lower() == "device" else value
        else:
            found["device"] = f"{kind.upper()}:{index or '*'}"
    return found


def _device_value(value: str) -> str:
    kind, _, index = value.partition(":")
    return f"{kind.upper()}:{index or '*'}"
