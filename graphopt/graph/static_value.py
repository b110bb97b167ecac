"""What is known of an integer tensor's value while the graph is recorded: enough to infer shapes from ``[tf.shape(x)[0], -1]``."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import OpError
from graphopt.graph.operation import Tensor
from graphopt.ir.node import CONST
from graphopt.ops import array, branch, elementwise, indexing

_MAX_DEPTH = 64
# Longer vectors are not computed while recording: no shape has that many sizes.
_MAX_SIZE = 256


def static_value(tensor: Tensor, depth: int = 0) -> Any:
    """Return the value as an int (scalar) or a tuple (vector) with None for unknown parts; None when nothing is known.

    Args:
      tensor: an integer scalar or vector, or a constant or stacked matrix, whose rows follow each other; anything else gives None.
      depth: how far the search has gone.
    """
    rank = tensor.tensor_type.rank
    if rank == 2 and depth == 0 and tensor.dtype.is_integer:
        return _rows(tensor)
    if not tensor.dtype.is_integer or rank not in (0, 1) or depth > _MAX_DEPTH:
        return None
    op = tensor.op
    evaluate = _EVALUATORS.get(op.opdef.name)
    operands = [_Lazy(t, depth + 1) for t in op.inputs]
    return _computed(tensor, operands) if evaluate is None else evaluate(op, operands)


def _computed(tensor: Tensor, operands: list[_Lazy]) -> Any:
    """Return what the op's kernel makes of operands that are small and fully known, or None."""
    op = tensor.op
    known: dict[Tensor, Any] = op.graph.state.setdefault("static_values", {})
    if tensor not in known:
        known[tensor] = _run_kernel(tensor, operands)
    return known[tensor]


def _run_kernel(tensor: Tensor, operands: list[_Lazy]) -> Any:
    op = tensor.op
    if op.opdef.kernel is None or not operands:
        return None
    arrays = []
    for operand in operands:
        value = operand.value()
        if value is None or (isinstance(value, tuple) and (None in value or len(value) > _MAX_SIZE)):
            return None
        arrays.append(
            np.array(value, operand.tensor.dtype.np).reshape([d if d is not None else -1 for d in operand.tensor.tensor_type.shape or ()])[
                ()
            ]
        )
    try:
        result = op.opdef.kernel(np, *arrays, **op.attributes)
    except (OpError, ValueError, TypeError, IndexError, ArithmeticError):
        return None
    made = np.asarray(result[tensor.value_index] if isinstance(result, tuple) else result)
    return int(made) if made.ndim == 0 else tuple(made.tolist()) if made.size <= _MAX_SIZE else None


def _rows(tensor: Tensor) -> Any:
    """Return the elements of a matrix (the paddings of a `pad`), one row after the other."""
    if tensor.op.opdef is CONST:
        return tuple(tensor.op.attributes["value"].array.reshape(-1).tolist())
    if tensor.op.opdef is not array.stack_op or tensor.op.attributes["axis"] != 0:
        return None
    elements: list[Any] = []
    for row in tensor.op.inputs:
        known = static_value(row, 1)
        if known is None:
            count = shapes.num_elements(row.tensor_type.shape)
            if count is None:
                return None
            known = (None,) * count
        elements.extend(known)
    return tuple(elements)


class _Lazy:
    """An operand whose value is looked up when asked for."""

    __slots__ = ("_depth", "tensor")

    def __init__(self, tensor: Tensor, depth: int) -> None:
        self.tensor = tensor
        self._depth = depth

    def value(self) -> Any:
        return static_value(self.tensor, self._depth)


def _const(op: Any, operands: list[_Lazy]) -> Any:
    value = op.attributes["value"].array
    return int(value) if value.ndim == 0 else tuple(value.tolist())


def _shape(op: Any, operands: list[_Lazy]) -> Any:
    return operands[0].tensor.tensor_type.shape


def _captured(op: Any, operands: list[_Lazy]) -> Any:
    # What the holder of a branch gives has no source.
    sources = op.graph.sources_of(op)
    return static_value(sources[0]) if sources else None


def _size(op: Any, operands: list[_Lazy]) -> Any:
    return shapes.num_elements(operands[0].tensor.tensor_type.shape)


def _stack(op: Any, operands: list[_Lazy]) -> Any:
    return tuple([operand.value() for operand in operands]) if op.outputs[0].tensor_type.rank == 1 else None


def _concat(op: Any, operands: list[_Lazy]) -> Any:
    parts = [operand.value() for operand in operands]
    return None if any(part is None for part in parts) else tuple([size for part in parts for size in part])


def _same(op: Any, operands: list[_Lazy]) -> Any:
    return operands[0].value()


def _strided_slice(op: Any, operands: list[_Lazy]) -> Any:
    source, begin, end, strides = [operand.value() for operand in operands]
    if not isinstance(source, tuple) or None in (begin, end, strides) or len(begin) != 1 or None in (*begin, *end, *strides):
        return None
    if op.attributes["shrink_axis_mask"]:
        return source[begin[0]] if -len(source) <= begin[0] < len(source) else None
    start = None if op.attributes["begin_mask"] else begin[0]
    return source[start : None if op.attributes["end_mask"] else end[0] : strides[0]]


def _binary(function: Any) -> Any:
    def evaluate(op: Any, operands: list[_Lazy]) -> Any:
        x, y = operands[0].value(), operands[1].value()
        if x is None or y is None:
            return None
        if isinstance(x, int) and isinstance(y, int):
            return function(x, y)
        count = len(x) if isinstance(x, tuple) else len(y)
        xs, ys = (x,) * count if isinstance(x, int) else x, (y,) * count if isinstance(y, int) else y
        return (
            tuple([None if a is None or b is None else function(a, b) for a, b in zip(xs, ys, strict=True)]) if len(xs) == len(ys) else None
        )

    return evaluate


_EVALUATORS: dict[str, Any] = {
    CONST.name: _const,
    branch.captured.name: _captured,
    array.shape_op.name: _shape,
    array.size_op.name: _size,
    array.rank.name: lambda op, operands: operands[0].tensor.tensor_type.rank,
    array.stack_op.name: _stack,
    array.concat_op.name: _concat,
    array.identity.name: _same,
    elementwise.cast_op.name: _same,
    indexing.strided_slice_op.name: _strided_slice,
    elementwise.add.name: _binary(lambda x, y: x + y),
    elementwise.subtract.name: _binary(lambda x, y: x - y),
    elementwise.multiply.name: _binary(lambda x, y: x * y),
    elementwise.floordiv.name: _binary(lambda x, y: x // y if y else None),
}
