"""Loops over the rows of tensors: `map_fn`, `scan`, `foldl`, `foldr`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphopt.autodiff.loops import Recorder, following_value
from graphopt.dtypes import as_dtype
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError
from graphopt.graph.capture import record_branch
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.nest import flatten, pack_sequence_as
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.array import concat, shape_op
from graphopt.ops.elementwise import add, less, subtract
from graphopt.ops.indexing import gather
from graphopt.ops.layout import reverse_op


def _rows(elems: Any, what: str) -> tuple[list[Tensor], Any, int | None]:
    """Return the tensors of `elems`, how many rows they have as a tensor, and as a number where it is known."""
    flat = [convert_to_tensor(e) for e in flatten(elems)]
    if not flat:
        raise ArgumentError(f"{what} needs at least one tensor in elems.")
    if any(t.tensor_type.rank == 0 for t in flat):
        raise ArgumentError(f"elements in elems must be 1+ dimensional Tensors, not scalars: {what}")
    sizes = [t.tensor_type.shape[0] for t in flat if t.tensor_type.shape is not None and t.tensor_type.shape[0] is not None]
    return flat, shape_op(flat[0])[0], sizes[0] if sizes else None


def loop_over_rows(
    step: Callable[[Any, Sequence[Tensor]], tuple[Sequence[Any], Sequence[Any]]],
    order: Callable[[Tensor], Any],
    start: Any,
    stop: Any,
    initial: Sequence[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Run ``step(row, carried)`` for each row; return the last carried values and, stacked, what each step gave besides."""
    counter = convert_to_tensor(start)
    recorder = Recorder([counter.tensor_type, *[t.tensor_type for t in initial]])
    condition = record_branch(recorder.cond, lambda: less(recorder.cond_inputs[0], stop))
    turn, *carried = recorder.body_inputs

    def body() -> tuple[list[Tensor], list[Tensor]]:
        following, collected = step(order(turn), carried)
        checked = [
            following_value(recorder.body, v, variable, first) for v, variable, first in zip(following, carried, initial, strict=True)
        ]
        return [add(turn, 1), *checked], [recorder.body.adopt(convert_to_tensor(c)) for c in collected]

    following, collected = record_branch(recorder.body, body)
    made = recorder.finish([counter, *initial], condition, following, collected)
    return list(made[1 : 1 + len(initial)]), list(made[1 + len(initial) :])


def map_fn(fn: Any, elems: Any, dtype: Any = None, *, name: str | None = None) -> Any:
    """Return a function applied to every row of tensors, stacked.

    Args:
      fn: a function of one row, or of a structure of rows. elems: a tensor or a structure of tensors with as many rows each.
      dtype: the element type, or structure of types, of what fn gives; by default that of elems. name: name of the scope.

    Raises:
      TypeError: when fn is no function, or gives another type. ValueError: for scalars.

    Example:
      >>> tf.Session().run(tf.map_fn(lambda row: tf.reduce_sum(row), tf.constant([[1.0, 2.0], [3.0, 4.0]]))).tolist()
      [3.0, 7.0]
    """
    if not callable(fn):
        raise ArgumentTypeError("fn must be callable.")
    with name_scope(name, "map"):
        flat, count, known = _rows(elems, "map_fn")
        structure = elems if dtype is None else dtype
        types = [t.dtype for t in flat] if dtype is None else [as_dtype(t) for t in flatten(dtype)]

        def step(row: Any, _: Sequence[Tensor]) -> tuple[Sequence[Any], Sequence[Any]]:
            given = flatten(fn(pack_sequence_as(elems, [gather(t, row) for t in flat])))
            if len(given) != len(types):
                raise ArgumentError(f"map_fn: fn gives {len(given)} tensors where {len(types)} were expected; see `dtype`.")
            return (), [_typed(value, wanted) for value, wanted in zip(given, types, strict=True)]

        _, stacked = loop_over_rows(step, lambda i: i, 0, count, [])
        return pack_sequence_as(structure, [_with_rows(t, known) for t in stacked])


def _typed(value: Any, wanted: Any) -> Tensor:
    tensor = convert_to_tensor(value, dtype=None if hasattr(value, "builder") else wanted)
    if tensor.dtype is not wanted:
        raise DTypeError(f"map_fn: fn gives {tensor.dtype.name} where {wanted.name} was expected; see `dtype`.")
    return tensor


def _with_rows(tensor: Tensor, count: int | None) -> Tensor:
    if count is not None and tensor.tensor_type.shape is not None:
        tensor.set_shape((count, *tensor.tensor_type.shape[1:]))
    return tensor


def scan(fn: Any, elems: Any, initializer: Any = None, *, reverse: bool = False, name: str | None = None) -> Any:
    """Return what a function of the result so far and the next row gives, after every row, stacked.

    Args:
      fn: a function of the last result and a row. elems: a tensor or a structure of tensors.
      initializer: the first result; by default the first row. reverse: begin with the last row. name: name of the scope.

    Raises:
      TypeError: when fn is no function. ValueError: for scalars.

    Example:
      >>> tf.Session().run(tf.scan(lambda total, x: total + x, tf.constant([1.0, 2.0, 3.0]))).tolist()
      [1.0, 3.0, 6.0]
    """
    if not callable(fn):
        raise ArgumentTypeError("fn must be callable.")
    with name_scope(name, "scan"):
        flat, count, known = _rows(elems, "scan")
        begins_with_row = initializer is None
        structure = elems if begins_with_row else initializer
        first = _first_row(flat, count, reverse) if begins_with_row else [convert_to_tensor(v) for v in flatten(initializer)]

        def step(row: Any, carried: Sequence[Tensor]) -> tuple[Sequence[Any], Sequence[Any]]:
            given = flatten(fn(pack_sequence_as(structure, carried), pack_sequence_as(elems, [gather(t, row) for t in flat])))
            return given, given

        order = (lambda i: subtract(subtract(count, 1), i)) if reverse else (lambda i: i)
        _, stacked = loop_over_rows(step, order, 1 if begins_with_row else 0, count, first)
        if begins_with_row:
            stacked = [concat([_as_row(one), rest], 0) for one, rest in zip(first, stacked, strict=True)]
        if reverse:
            stacked = [reverse_op(t, axis=(0,)) for t in stacked]
        return pack_sequence_as(structure, [_with_rows(t, known) for t in stacked])


def _as_row(x: Any) -> Tensor:
    row: Tensor = x[None]
    return row


def _first_row(flat: Sequence[Tensor], count: Any, reverse: bool) -> list[Tensor]:
    return [gather(t, subtract(count, 1) if reverse else 0) for t in flat]


def foldl(fn: Any, elems: Any, initializer: Any = None, *, name: str | None = None) -> Any:
    """Return the last result of a function of the result so far and the next row, from the first row to the last.

    Args:
      fn: a function of the last result and a row. elems: a tensor or a structure of tensors.
      initializer: the first result; by default the first row. name: name of the scope.

    Raises:
      TypeError: when fn is no function. ValueError: for scalars.
    """
    return _fold(fn, elems, initializer, False, name, "foldl")


def foldr(fn: Any, elems: Any, initializer: Any = None, *, name: str | None = None) -> Any:
    """Return the last result of a function of the result so far and the next row, from the last row to the first; see `foldl`."""
    return _fold(fn, elems, initializer, True, name, "foldr")


def _fold(fn: Any, elems: Any, initializer: Any, reverse: bool, name: str | None, what: str) -> Any:
    if not callable(fn):
        raise ArgumentTypeError("fn must be callable.")
    with name_scope(name, what):
        flat, count, _ = _rows(elems, what)
        structure = elems if initializer is None else initializer
        first = _first_row(flat, count, reverse) if initializer is None else [convert_to_tensor(v) for v in flatten(initializer)]

        def step(row: Any, carried: Sequence[Tensor]) -> tuple[Sequence[Any], Sequence[Any]]:
            return flatten(fn(pack_sequence_as(structure, carried), pack_sequence_as(elems, [gather(t, row) for t in flat]))), ()

        order = (lambda i: subtract(subtract(count, 1), i)) if reverse else (lambda i: i)
        last, _ = loop_over_rows(step, order, 1 if initializer is None else 0, count, first)
        return pack_sequence_as(structure, last)
