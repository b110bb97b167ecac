"""Giving a session the values of a checkpoint: all of them or, with one error that lists everything, none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import InvalidArgumentError, NotFoundError, OpError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.variables import Variable
from graphopt.runtime.session import Session
from graphopt.shapes import Shape
from graphopt.train.checkpoints.formulas import formula_differences
from graphopt.train.checkpoints.hyper_differences import Difference, code_values, differences, hyper_variables, report
from graphopt.train.checkpoints.reader import CheckpointReader
from graphopt.train.checkpoints.session_state import put_state

_SHOWN = 20
_MISSING = "a Variable name or other graph key that is missing from the checkpoint"
_MISMATCH = "a mismatch between the current graph and the graph from the checkpoint"


def restore_session(
    session: Session, reader: CheckpointReader, variables: Mapping[str, Variable], choice: str, *, reshape: bool = False
) -> None:
    """Give a session the values of a checkpoint.

    Args:
      session: the session. reader: the checkpoint. variables: what is restored, by the name in the checkpoint.
      choice: what holds where the code gives a hyper-parameter another value: "checkpoint", "code" or "raise".
      reshape: take values of another shape and the same size.

    Raises:
      tf.errors.NotFoundError, tf.errors.InvalidArgumentError: when they don't fit. tf.errors.DataLossError: when the file is damaged.
      ValueError: for a difference, where the choice is "raise".
    """
    keys = reader.keys(variables)
    variables = {keys[name]: variable for name, variable in variables.items()}
    check_fit(reader, variables, reshape=reshape)
    values = {variable: _shaped(variable, reader.get_tensor(name)) for name, variable in variables.items()}
    # A part of a model is restored into a session that has random streams and settings of its own.
    is_whole = set(session.graph.get_collection(GraphKeys.GLOBAL_VARIABLES)) <= set(values)
    manifest = dict(reader.manifest) if is_whole else {}
    held = {name: float(value) for name, value in manifest.get("settings", {}).items()}
    hypers = set(hyper_variables(session.graph))
    held.update({name: float(values[variable]) for name, variable in variables.items() if variable in hypers})
    found = _differences(session, variables, held, reader.manifest)
    report(found, formula_differences(manifest.get("formulas", {}), session.graph), reader.path, choice)
    if choice == "code":
        _take_code(found, variables, values, manifest)
    put_state(session, values, manifest)


def _shape_of(variable: Variable) -> Shape:
    return variable.as_ref().tensor_type.shape


def _shaped(variable: Variable, value: Any) -> Any:
    """Return a value in a variable's shape, where that is known."""
    shape: Any = _shape_of(variable)
    if not shapes.is_fully_defined(shape) or np.shape(value) == shape:
        return value
    return np.asarray(value).reshape(shape)[()]


def _differences(
    session: Session, variables: Mapping[str, Variable], held: Mapping[str, float], manifest: Mapping[str, Any]
) -> list[Difference]:
    """Return what the code gives another value than the checkpoint; its names are those in the checkpoint."""
    names = {variable.op.name: name for name, variable in variables.items()}
    now = {names.get(name, name): value for name, value in code_values(session.graph).items()}
    code_then = manifest.get("code", {})
    if manifest and "formulas" not in manifest:
        # Written before variables that a formula reads were noted: what the code gave them is not known.
        now = {name: value for name, value in now.items() if name in code_then}

    def rounded(values: Mapping[str, float]) -> dict[str, float]:
        """Return numbers as their variables hold them."""
        types = {name: variables[name].dtype.np.type for name in values if name in variables}
        return {name: float(types.get(name, float)(value)) for name, value in values.items()}

    return differences(held, rounded(code_then), rounded(now))


def _take_code(
    found: Sequence[Difference], variables: Mapping[str, Variable], values: dict[Variable, Any], manifest: dict[str, Any]
) -> None:
    for difference in found:
        variable = variables.get(difference.name)
        if variable is None:
            manifest["settings"] = {**manifest["settings"], difference.name: difference.code}
        else:
            values[variable] = variable.dtype.np.type(difference.code)


# --- does it fit? ----------------------------------------------------------------------------------------------------------


def check_fit(reader: CheckpointReader, variables: Mapping[str, Variable], *, reshape: bool = False) -> None:
    """Raise one error that lists all that is missing, differs and is more, unless a checkpoint has what the variables need."""
    saved = reader.variables
    missing = [name for name in variables if name not in saved]
    differing = [_difference(name, variable, saved[name], reshape) for name, variable in variables.items() if name in saved]
    differing = [text for text in differing if text]
    if not missing and not differing:
        return
    first = f"Key {missing[0]} not found in checkpoint {reader.path}." if missing else f"{differing[0]}, {reader.path}."
    rule = f"Restoring from checkpoint failed. This is most likely due to {_MISSING if missing else _MISMATCH}. {first}"
    absent = [f"{name}: {variables[name].dtype.name} {shapes.format_tf(_shape_of(variables[name]))}" for name in missing]
    extra = [f"{name}: {dtype.name if dtype else '?'} {list(shape)}" for name, (dtype, shape) in saved.items() if name not in variables]
    tables = [_table("missing in the checkpoint", absent), _table("different", differing), _table("only in the checkpoint", extra)]
    hint = 'Saver({"name in the checkpoint": variable}) renames, and Saver([variables]) restores a part.'
    kind: type[OpError] = NotFoundError if missing else InvalidArgumentError
    raise kind(None, None, lines(rule, *tables, hint))


def _difference(name: str, variable: Variable, saved: Any, reshape: bool) -> str:
    """Return how a variable differs from its tensor in the checkpoint, or an empty text."""
    dtype, shape = saved
    if dtype is not variable.dtype:
        found = "of a type graphopt has not" if dtype is None else dtype.name
        return f"{name} is {variable.dtype.name} in the graph and {found} in the checkpoint"
    expected: Any = _shape_of(variable)
    if shapes.is_compatible(expected, shape):
        return ""
    if reshape and shapes.is_fully_defined(expected) and math.prod(shape) == math.prod(expected):
        return ""
    return f"{name} has shape {shapes.format_tf(expected)} in the graph and {shapes.format_tf(shape)} in the checkpoint"


def _table(title: str, rows: Sequence[str]) -> str | None:
    if not rows:
        return None
    shown = [*rows[:_SHOWN], *([f"... and {len(rows) - _SHOWN} more"] if len(rows) > _SHOWN else [])]
    return f"{title} ({len(rows)}):" + "".join(f"\n    {row}" for row in shown)
