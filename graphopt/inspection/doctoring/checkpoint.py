"""What the doctor knows of a checkpoint: its scalars, and what the code gave the hyper-parameters when it was written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError, lines
from graphopt.runtime.checkpoint_opening import open_checkpoint


@dataclass(frozen=True)
class CheckpointValues:
    """The numbers of a checkpoint.

    Attributes:
      name: the file, or what stands for it in messages. scalars: variables and settings by name.
      code: what the code gave hyper-parameters when it was written, by name: a value that was changed while training is no difference.
    """

    name: str
    scalars: Mapping[str, float]
    code: Mapping[str, float] = field(default_factory=dict)


def checkpoint_values(given: Any) -> CheckpointValues:
    """Return the numbers of a checkpoint. All of it is read: a damaged one is found out.

    Args:
      given: a prefix, a file or a folder (its newest checkpoint); a reader of a checkpoint; or values by name.

    Raises:
      TypeError: for anything else. ValueError: for a folder without a checkpoint.
      tf.errors.OpError: when there is no such checkpoint, or it is damaged, with the name of the file.

    Example:
      >>> checkpoint_values({"learning_rate": 0.5, "w": [1.0, 2.0]}).scalars
      {'learning_rate': 0.5}
    """
    if isinstance(given, CheckpointValues):
        return given
    if isinstance(given, Mapping):
        return CheckpointValues("the checkpoint", _scalars(given))
    if isinstance(given, str | bytes | os.PathLike):
        if not os.fspath(given):
            raise ArgumentError("checkpoint is an empty path: give the prefix that Saver.save returned, or the folder.")
        given = open_checkpoint(given)
    if not all(hasattr(given, name) for name in ("get_tensor", "variables", "manifest")):
        rule = f"checkpoint must be a path, a folder, a reader or values by name, got {given!r} of {type(given)}."
        hint = "latest_checkpoint returns None when a folder has no checkpoint." if given is None else None
        raise ArgumentTypeError(lines(rule, hint))
    held = {name: given.get_tensor(name) for name, (dtype, _) in given.variables.items() if dtype is not None}
    return numbers_of(str(given.path), held, given.manifest or {})


def numbers_of(name: str, values: Mapping[str, Any], manifest: Mapping[str, Any]) -> CheckpointValues:
    """Return the numbers of a checkpoint that was read: its file, its values by name, and what was written beside them."""
    scalars = _scalars(values) | _scalars(manifest.get("settings", {}))
    return CheckpointValues(name, scalars, _scalars(manifest.get("code", {})))


def _scalars(values: Mapping[str, Any]) -> dict[str, float]:
    """Return those of the values that are numbers."""
    found = {}
    for name, value in values.items():
        if not isinstance(name, str):
            raise ArgumentTypeError(f"The values of a checkpoint go by the names of variables, got the key {name!r} of {type(name)}.")
        array = np.asarray(value)
        if array.ndim == 0 and array.dtype.kind in "fiu":
            found[name] = float(array)
    return found
