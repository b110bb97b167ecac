"""Reductions over axes that only the run knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.reduce import reduce_max_op, reduce_mean_op, reduce_min_op, reduce_prod_op

_KERNELS: dict[str, Any] = {
    "sum": reduce_sum_op.kernel,
    "mean": reduce_mean_op.kernel,
    "max": reduce_max_op.kernel,
    "min": reduce_min_op.kernel,
    "prod": reduce_prod_op.kernel,
}


def _kernel(xp: Any, x: Any, axis: Any, kind: str, keepdims: bool) -> Any:
    rank = np.ndim(x)
    axes = np.asarray(axis).reshape(-1).tolist()
    for a in axes:
        if not -rank <= a < rank:
            raise invalid_argument(f"Invalid reduction dimension ({a} for input with {rank} dimension(s)")
    return _KERNELS[kind](xp, x, axis=tuple(sorted({shapes.normalize_axis(a, rank) for a in axes})), keepdims=keepdims)


reduce_along = define_op(
    "reduce_along(x: num, axis: index; kind, keepdims = False)",
    infer=lambda x, axis, kind, keepdims: TensorType(x.dtype, (None,) * len(x.shape) if keepdims and x.shape is not None else None),
    kernel=_kernel,
    host_only=True,
    fallible=True,
    tf_name="Sum",
    samples=[
        case("f32[2]", values(1, "i32"), kind="sum", error="Invalid reduction dimension"),
        case("f32[2,3]", values([1], "i32"), kind="sum", differentiable=False),
        case("f32[2,3]", values(-2, "i32"), kind="max", keepdims=True, differentiable=False),
    ],
    doc="Return the sum, mean, product or an extreme over axes that are an operand.",
    ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/math/reduce_sum",
)
