"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import define_op
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType

_MATMUL = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/linalg/matmul"


def _matmul_type(a: TensorType, b: TensorType, transpose_a: bool, transpose_b: bool) -> TensorType:
    for operand in (a, b):
        if operand.shape is not None and len(operand.shape) < 2:
            raise ShapeError(f"Shape must be at least rank 2 but is rank {len(operand.shape)}")
    if a.shape is None or b.shape is None:
        return TensorType(a.dtype, None)
    rows, inner_a = (a.shape[-1], a.shape[-2]) if transpose_a else (a.shape[-2], a.shape[-1])
    inner_b, columns = (b.shape[-1], b.shape[-2]) if transpose_b else (b.shape[-2], b.shape[-1])
    if inner_a is not None and inner_b is not None and inner_a != inner_b:
        raise ShapeError(f"Dimensions must be equal, but are {inner_a} and {inner_b}")
    batch = shapes.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return TensorType(a.dtype, (*(batch or ()), rows, columns) if batch is not None else None)


def _swap(x: Any) -> Any:
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def _matmul_kernel(xp: Any, a: Any, b: Any, transpose_a: bool, transpose_b: bool) -> Any:
    if a.ndim < 2 or b.ndim < 2:
        raise invalid_argument(f"Matrix expected: In[0]: {_sizes(a)}, In[1]: {_sizes(b)}")
    left, right = _swap(a) if transpose_a else a, _swap(b) if transpose_b else b
    if left.shape[-1] != right.shape[-2]:
        raise invalid_argument(f"Matrix size-incompatible: In[0]: {_sizes(a)}, In[1]: {_sizes(b)}")
    return xp.matmul(left, right)


def _sizes(x: Any) -> str:
    return shapes.format_shape(x.shape)


def _emit_matmul(node: Any) -> str:
    # np.dot with out= has the smallest overhead for two matrices; it needs a C-contiguous result of the same type.
    a, b = node.inputs
    left = "{a}.T" if node.attributes["transpose_a"] else "{a}"
    right = "{b}.T" if node.attributes["transpose_b"] else "{b}"
    if len(a.shape) == 2 and len(b.shape) == 2:
        return f"dot({left}, {right}, {{out}})"
    left = "{a}.swapaxes(-1, -2)" if node.attributes["transpose_a"] else "{a}"
    right = "{b}.swapaxes(-1, -2)" if node.attributes["transpose_b"] else "{b}"
    return f"matmul({left}, {right}, {{out}})"


def _gradient_a(g: Any, out: Any, a: Any, b: Any, transpose_a: bool, transpose_b: bool) -> Any:
    if transpose_a:
        return matmul_op(b, g, transpose_a=transpose_b, transpose_b=True)
    return matmul_op(g, b, transpose_a=False, transpose_b=not transpose_b)


def _gradient_b(g: Any, out: Any, a: Any, b: Any, transpose_a: bool, transpose_b: bool) -> Any:
    if transpose_b:
        return matmul_op(g, a, transpose_a=True, transpose_b=transpose_a)
    return matmul_op(a, g, transpose_a=not transpose_a, transpose_b=False)


matmul_op = define_op(
    "matmul(a: num, b: same(a); transpose_a = False, transpose_b = False)",
    infer=_matmul_type,
    kernel=_matmul_kernel,
    vjp=(_gradient_a, _gradient_b),
    buffered=_emit_matmul,
    fallible=lambda a, b, transpose_a, transpose_b: not (a.is_static and b.is_static),
    linear_in=("a", "b"),
    rounding="sum",
    tf_name="MatMul",
    samples=[
        case("f32[2,3]", "f32[3,4]"),
        case("f64[3,2]", "f64[4,3]", transpose_a=True, transpose_b=True),
        case("f64[2,3]", "f64[4,3]", transpose_b=True),
        case("f64[5,2,3]", "f64[5,3,4]"),
        case("f64[1,2,3]", "f64[4,3,2]"),
        case("f32[0,3]", "f32[3,4]"),
        case("i32[2,3]", "i32[3,2]"),
    ],
    doc="Return the matrix product over the last two axes, the axes before them broadcast.",
    ref=_MATMUL,
)


def matmul(a: Any, b: Any, *, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None) -> Any:
    """Return the matrix product of `a` and `b`.

    Args:
      a, b: tensors of rank 2 or more with one element type; the axes before the last two broadcast.
      transpose_a, transpose_b: use the operand with its last two axes swapped.
      name: name of the operation.
    """
    return matmul_op(a, b, transpose_a=bool(transpose_a), transpose_b=bool(transpose_b), name=name)
