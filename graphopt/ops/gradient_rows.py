"""Rows of a sparse gradient: checked, added up where an index repeats, taken out of a variable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphopt import shapes
from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import TensorType

KERNELS = "https://github.com/tensorflow/tensorflow/blob/r1.15/tensorflow/core/kernels/training_ops.cc"


class _Groups(NamedTuple):
    """Rows with those of one index added up.

    Attributes:
      summed: one row for each index. indices: the indices, ascending.
      order: the places of the rows in the order of their indices. place: which row of `summed` each of those belongs to.
    """

    summed: Any
    indices: Any
    order: Any
    place: Any


def _group(rows: Any, indices: Any) -> _Groups | None:
    """Return the rows by index, or None when no index repeats."""
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    is_first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    if is_first.all():
        return None
    place = np.cumsum(is_first) - 1
    summed = rows[order[is_first]]
    again = np.flatnonzero(~is_first)
    # Element by element, because `add.at` is fast in one dimension alone.
    width = summed[0].size
    at = place[again, None] * width + np.arange(width)
    np.add.at(summed.reshape(-1), at.reshape(-1), rows[order[again]].reshape(-1))
    return _Groups(summed, ordered[is_first], order, place)


def _sum_duplicates(xp: Any, rows: Any, indices: Any) -> Any:
    if indices.ndim != 1:
        raise invalid_argument("indices must be one-dimensional")
    if rows.ndim == 0 or rows.shape[0] != indices.shape[0]:
        raise invalid_argument("grad must be the same size as indices in the first dimension.")
    groups = _group(rows, indices)
    # The rows may be the operand's own memory, as `view_of` says.
    return (rows, indices.copy()) if groups is None else (groups.summed, groups.indices)


def _spread_sums(xp: Any, rows: Any, indices: Any) -> Any:
    groups = _group(rows, indices)
    if groups is None:
        return rows
    result = np.empty_like(rows)
    result[groups.order] = groups.summed[groups.place]
    return result


def _summed_types(rows: TensorType, indices: TensorType) -> tuple[TensorType, TensorType]:
    if indices.rank not in (None, 1):
        raise ShapeError(f"indices must be one-dimensional, got shape {shapes.format_shape(indices.shape)}")
    return TensorType(rows.dtype, None if not rows.shape else (None, *rows.shape[1:])), TensorType(indices.dtype, (None,))


sum_duplicate_rows = define_op(
    "sum_duplicate_rows(rows: num, indices: index) -> many()",
    infer=_summed_types,
    kernel=_sum_duplicates,
    host_only=True,
    fallible=True,
    view_of="rows",
    vjp=NOT_DIFFERENTIABLE,
    rounding="sum",
    tf_name="SumDuplicateRows",
    samples=[
        case("f32[3,2]", "i32[2]", error="grad must be the same size as indices in the first dimension."),
        case("f32[2,2]", arg("i32[2,1]", 0, 4), error="indices must be one-dimensional"),
        case("f32[4,2]", values([3, 0, 3, 1], "i32")),
        case("f64[3]", values([2, 0, 1], "i64")),
        case("f32[0,2]", values(np.zeros(0), "i32")),
    ],
    doc="Return rows with those of one index added up, and their indices, each once.",
    ref="https://github.com/tensorflow/tensorflow/blob/r1.15/tensorflow/python/training/optimizer.py (_deduplicate_indexed_slices)",
)


def _check_rows(xp: Any, indices: Any, rows: Any, var: Any, gradient: str) -> Any:
    if np.ndim(var) < 1:
        raise invalid_argument("var must be at least 1 dimensional")
    if indices.ndim != 1:
        raise invalid_argument("indices must be one-dimensional")
    if rows.ndim != var.ndim:
        raise invalid_argument(f"var and {gradient} must match in dimension {min(rows.ndim, var.ndim)}")
    for axis in range(1, var.ndim):
        if rows.shape[axis] != var.shape[axis]:
            raise invalid_argument(f"var and {gradient} must match in dimension {axis}")
    if rows.shape[0] != indices.shape[0]:
        raise invalid_argument(f"{gradient} must be the same size as indices in the first dimension.")
    wrong = np.flatnonzero((indices < 0) | (indices >= var.shape[0]))
    if wrong.size:
        raise invalid_argument(f"Index {indices[wrong[0]]} at offset {wrong[0]} in indices is out of range")
    return indices


check_gradient_rows = define_op(
    "check_gradient_rows(indices: index, rows: num, var: num; gradient = 'grad')",
    infer=lambda indices, rows, var, gradient: indices,
    kernel=_check_rows,
    fallible=True,
    view_of="indices",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckGradientRows",
    samples=[
        case(values([3, 0], "i32"), "f32[2,3]", "f32[4,3]"),
        case(values([3, 4], "i32"), "f32[2,3]", "f32[4,3]", error="Index 4 at offset 1 in indices is out of range"),
        case(values([-1], "i64"), "f64[1]", "f64[4]", error="Index -1 at offset 0 in indices is out of range"),
        case("i32[2]", "f32[2,3]", "f32[9,2]", error="var and grad must match in dimension 1"),
        case("i32[2]", "f32[2,3]", "f32[9]", gradient="delta", error="var and delta must match in dimension 1"),
        case("i32[2]", "f32[3,3]", "f32[9,3]", error="grad must be the same size as indices in the first dimension."),
        case("i32[1]", "f32[1]", "f32[]", error="var must be at least 1 dimensional"),
        case("i32[]", "f32[1]", "f32[2]", error="indices must be one-dimensional"),
    ],
    doc="Return the indices; raise unless they and the gradient's rows fit the variable.",
    ref=KERNELS,
)

spread_row_sums = define_op(
    "spread_row_sums(rows: num, indices: index) -> like(rows)",
    kernel=_spread_sums,
    host_only=True,
    view_of="rows",
    vjp=NOT_DIFFERENTIABLE,
    linear_in=("rows",),
    rounding="sum",
    tf_name="SpreadRowSums",
    samples=[
        case("f32[4,2]", values([3, 0, 3, 1], "i32")),
        case("f64[3]", values([2, 0, 1], "i64")),
        case("f64[5]", values([1, 1, 0, 1, 0], "i64")),
        case("f32[0,2]", values(np.zeros(0), "i32")),
    ],
    doc="Return for each row the sum of all rows of its index: as many rows, so that nothing depends on how many indices repeat.",
)

# The rows have been checked, so that neither this nor `rows_update` can fail after a variable has been written in place.
take_rows = define_op(
    "take_rows(x: any, indices: index)",
    infer=lambda x, indices: TensorType(x.dtype, None if x.shape is None else (*(indices.shape or (None,)), *x.shape[1:])),
    kernel=lambda xp, x, indices: x[indices],
    vjp=NOT_DIFFERENTIABLE,
    linear_in=("x",),
    tf_name="TakeRows",
    samples=[case("f32[4,3]", values([3, 0], "i32")), case("f64[4]", values([1, 1], "i64"))],
    doc="Return the rows of x at checked indices.",
)
