"""Matrices: diagonals, bands, traces, cross products. The last two axes hold the matrix, those before are a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentError, ShapeError
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType
from graphopt.ops.array import concat, shape_op, transpose_op
from graphopt.ops.broadcast import fill, reduce_sum_op
from graphopt.ops.composing import scope, shape_operand, to_symbol
from graphopt.ops.elementwise import zeros_as

LINALG = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/linalg"

Size = int | None


def check_at_least_matrix(x: TensorType) -> None:
    """Raise ValueError when the rank is below 2."""
    if x.shape is not None and len(x.shape) < 2:
        raise ShapeError(f"Shape must be at least rank 2 but is rank {len(x.shape)}")


# --- diagonals ---------------------------------------------------------------------------------------------------------------


def _diagonal_size(rows: Size, columns: Size, k: int) -> Size:
    if rows is None or columns is None:
        return None
    return max(min(rows + min(k, 0), columns - max(k, 0)), 0)


def _places(rows: int, columns: int, k: int) -> tuple[Any, Any]:
    along = np.arange(_diagonal_size(rows, columns, k) or 0)
    return along - min(k, 0), along + max(k, 0)


def _matrix_sizes(size: int, k: int, rows: int, columns: int) -> tuple[int, int]:
    """Return the sizes of the matrix of a diagonal: a square where neither is given, as small as possible where one is."""
    least = (size + max(-k, 0), size + max(k, 0))
    if rows == -1 and columns == -1:
        return max(least), max(least)
    return least[0] if rows == -1 else rows, least[1] if columns == -1 else columns


def _matrix_diag_type(x: TensorType, k: int, rows: int, columns: int) -> TensorType:
    if x.shape is None:
        return x
    if not x.shape:
        raise ShapeError("Shape must be at least rank 1 but is rank 0")
    size = x.shape[-1]
    if size is None:
        return TensorType(x.dtype, (*x.shape[:-1], *[None if given == -1 else given for given in (rows, columns)]))
    found = _matrix_sizes(size, k, rows, columns)
    if _diagonal_size(*found, k) != size:
        raise ShapeError(f"A diagonal of {size} elements doesn't fit a matrix of {found[0]} rows and {found[1]} columns")
    return TensorType(x.dtype, (*x.shape[:-1], *found))


def _matrix_diag_kernel(xp: Any, x: Any, k: int, rows: int, columns: int) -> Any:
    height, width = _matrix_sizes(np.shape(x)[-1], k, rows, columns)
    result = np.zeros((*np.shape(x)[:-1], height, width), x.dtype)
    result[(..., *_places(height, width, k))] = x
    return result


matrix_diag_op = define_op(
    "matrix_diag(x: num; k = 0, rows = -1, columns = -1)",
    infer=_matrix_diag_type, kernel=_matrix_diag_kernel, vjp=lambda g, out, x, k, rows, columns: matrix_diag_part_op(g, k=k),
    linear_in=("x",), tf_name="MatrixDiag",
    default_name="diag", public_name="matrix_diag", samples=[case("f64[2,3]"), case("f64[2]", k=-1), case("f32[2]", rows=2, columns=4)],
    doc="Return matrices with the given diagonals and zeros elsewhere.", ref=f"{LINALG}/diag",
)  # fmt: skip


def _matrix_diag_part_type(x: TensorType, k: int) -> TensorType:
    check_at_least_matrix(x)
    return x if x.shape is None else TensorType(x.dtype, (*x.shape[:-2], _diagonal_size(x.shape[-2], x.shape[-1], k)))


def _matrix_diag_part_vjp(g: Any, out: Any, x: Any, k: int) -> Any:
    return matrix_set_diag_op(zeros_as(x), g, k=k)


matrix_diag_part_op: OpDef = define_op(
    "matrix_diag_part(x: any; k = 0)",
    infer=_matrix_diag_part_type, kernel=lambda xp, x, k: x[(..., *_places(np.shape(x)[-2], np.shape(x)[-1], k))],
    vjp=_matrix_diag_part_vjp, linear_in=("x",),
    tf_name="MatrixDiagPart", default_name="diag_part", public_name="matrix_diag_part",
    samples=[case("f64[2,3,3]"), case("f64[2,4]", k=1), case("f32[0,0]")],
    doc="Return the diagonals of matrices.", ref=f"{LINALG}/diag_part",
)  # fmt: skip


def _set_diag_type(x: TensorType, diagonal: TensorType, k: int) -> TensorType:
    part = _matrix_diag_part_type(x, k)
    shapes.merge_shapes(part.shape, diagonal.shape)
    return x


def _set_diag_kernel(xp: Any, x: Any, diagonal: Any, k: int) -> Any:
    result = np.array(x)
    result[(..., *_places(x.shape[-2], x.shape[-1], k))] = diagonal
    return result


matrix_set_diag_op: OpDef = define_op(
    "matrix_set_diag(x: any, diagonal: same(x); k = 0)",
    infer=_set_diag_type, kernel=_set_diag_kernel, overwrites="x", linear_in=(),
    vjp=(lambda g, out, x, diagonal, k: matrix_set_diag_op(g, zeros_as(diagonal), k=k),
         lambda g, out, x, diagonal, k: matrix_diag_part_op(g, k=k)),
    tf_name="MatrixSetDiag", default_name="set_diag", public_name="matrix_set_diag",
    samples=[case("f64[2,3,3]", "f64[2,3]"), case("f32[2,4]", "f32[2]", k=1)],
    doc="Return matrices with their diagonals replaced.", ref=f"{LINALG}/set_diag",
)  # fmt: skip


def _diag_kernel(xp: Any, x: Any) -> Any:
    return xp.reshape(xp.diag(xp.reshape(x, -1)), np.shape(x) * 2)


def _diag_part_type(x: TensorType) -> TensorType:
    if x.shape is None:
        return x
    half = len(x.shape) // 2
    if len(x.shape) % 2 or not x.shape:
        raise ShapeError(f"Input must have even and non-zero rank, input rank is {len(x.shape)}")
    return TensorType(x.dtype, shapes.merge_shapes(x.shape[:half], x.shape[half:]))


def _diag_part_kernel(xp: Any, x: Any) -> Any:
    half = np.shape(x)[: np.ndim(x) // 2]
    size = math.prod(half)
    return xp.reshape(xp.array(xp.diagonal(xp.reshape(x, (size, size)))), half)


diag_op = define_op(
    "diag(x: num)",
    infer=lambda x: TensorType(x.dtype, None if x.shape is None else x.shape * 2), kernel=_diag_kernel,
    vjp=lambda g, out, x: diag_part_op(g), linear_in=("x",), tf_name="Diag",
    public_name="diag", samples=[case("f64[3]"), case("f64[2,2]")], doc="Return a tensor of twice the rank with x on its diagonal.",
    ref=f"{LINALG}/tensor_diag",
)  # fmt: skip

diag_part_op: OpDef = define_op(
    "diag_part(x: num)",
    infer=_diag_part_type, kernel=_diag_part_kernel, vjp=lambda g, out, x: diag_op(g), linear_in=("x",), tf_name="DiagPart",
    public_name="diag_part",
    samples=[case("f64[3,3]"), case("f64[2,3,2,3]")], doc="Return the diagonal of a tensor of even rank.", ref=f"{LINALG}/tensor_diag_part",
)  # fmt: skip


def _band_kernel(xp: Any, x: Any, num_lower: int, num_upper: int) -> Any:
    rows, columns = np.arange(np.shape(x)[-2])[:, None], np.arange(np.shape(x)[-1])[None, :]
    inside = ((num_lower < 0) | (rows - columns <= num_lower)) & ((num_upper < 0) | (columns - rows <= num_upper))
    return xp.where(inside, x, xp.zeros((), x.dtype))


def _band_type(x: TensorType, num_lower: int, num_upper: int) -> TensorType:
    check_at_least_matrix(x)
    return x


matrix_band_part_op: OpDef = define_op(
    "matrix_band_part(x: num; num_lower, num_upper)",
    infer=_band_type, kernel=_band_kernel,
    vjp=lambda g, out, x, num_lower, num_upper: matrix_band_part_op(g, num_lower=num_lower, num_upper=num_upper), linear_in=("x",),
    tf_name="MatrixBandPart", public_name="matrix_band_part",
    samples=[case("f64[3,4]", num_lower=-1, num_upper=0), case("f64[2,3,3]", num_lower=1, num_upper=1)],
    doc="Return matrices with zeros outside of a band around the diagonal; -1 keeps a whole triangle.", ref=f"{LINALG}/band_part",
)  # fmt: skip

# --- derived ----------------------------------------------------------------------------------------------------------------


def matrix_transpose(x: Any, name: str | None = None) -> Any:
    """Return `x` with its last two axes swapped.

    Args:
      x: a tensor of known rank of at least 2. name: scope of the operation.

    Raises:
      ValueError: when the rank is below 2 or unknown.
    """
    with scope(name or "matrix_transpose", x):
        x = to_symbol(x)
        rank = x.tensor_type.rank
        if rank is None:
            raise ArgumentError("matrix_transpose needs an argument of known rank.")
        if rank < 2:
            raise ArgumentError(f"Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: {shapes.format_tf(x.tensor_type.shape)}")
        return transpose_op(x, perm=(*range(rank - 2), rank - 1, rank - 2))


def trace(x: Any, name: str | None = None) -> Any:
    """Return the sum of the diagonal of each matrix.

    Args:
      x: numbers, of rank 2 or more. name: scope of the operations.
    """
    with scope(name or "Trace", x) as entered:
        return reduce_sum_op(matrix_diag_part_op(x), axis=(-1,), keepdims=False, name=entered)


def eye(rows: Any, columns: Any = None, *, batch_shape: Any = None, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """Return a matrix, or a batch of them, with ones on the diagonal and zeros elsewhere.

    Args:
      rows, columns: sizes (columns: as many as rows by default). batch_shape: sizes of the axes before. dtype: element type. name: scope.
    """
    width = rows if columns is None else columns
    element = dtypes.as_dtype(dtype)
    with scope(name or "eye", rows, width, batch_shape):
        one, zero = np.array(1, element.np), np.array(0, element.np)
        lead = shape_operand([]) if batch_shape is None else shape_operand(batch_shape)
        if hasattr(rows, "builder") or hasattr(width, "builder") or hasattr(lead, "builder") or isinstance(lead, list):
            blank = fill(concat([lead, shape_operand([rows, width])], 0), zero)
            ones = fill(shape_op(matrix_diag_part_op(blank)), one)
            return matrix_set_diag_op(blank, ones)
        batch = tuple(lead.tolist())
        if int(rows) == int(width):
            return matrix_diag_op(fill(shape_operand([*batch, rows]), one))
        return matrix_set_diag_op(
            fill(shape_operand([*batch, rows, width]), zero), fill(shape_operand([*batch, min(int(rows), int(width))]), one)
        )


def _cross_type(a: TensorType, b: TensorType) -> TensorType:
    merged = shapes.merge_shapes(a.shape, b.shape)
    if merged is not None and (not merged or merged[-1] not in (3, None)):
        raise ShapeError(f"Dimension must be 3 but is {merged[-1] if merged else 'missing'}: the last axis holds vectors of 3 elements")
    return TensorType(a.dtype, merged)


cross: OpDef = define_op(
    "cross(a: num, b: same(a))",
    infer=_cross_type, kernel=lambda xp, a, b: xp.cross(a, b), vjp=(lambda g, out, a, b: cross(b, g), lambda g, out, a, b: cross(g, a)),
    linear_in=("a", "b"), tf_name="Cross",
    samples=[case("f64[2,3]", "f64[2,3]"), case("i32[3]", "i32[3]")], doc="Return the cross products of vectors of 3 elements.",
    ref=f"{LINALG}/cross",
)  # fmt: skip
