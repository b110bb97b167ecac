"""Matrix decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ShapeError
from graphopt.ir.opdef import define_op
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType


def _qr_type(x: TensorType, full_matrices: bool) -> tuple[TensorType, TensorType]:
    if x.shape is None:
        return TensorType(x.dtype, None), TensorType(x.dtype, None)
    if len(x.shape) < 2:
        raise ShapeError(f"Shape must be at least rank 2 but is rank {len(x.shape)}")
    *batch, rows, columns = x.shape
    if full_matrices:
        inner = rows
    else:
        inner = None if rows is None or columns is None else min(rows, columns)
    return TensorType(x.dtype, (*batch, rows, inner)), TensorType(x.dtype, (*batch, inner, columns))


def _qr_kernel(xp: Any, x: Any, full_matrices: bool) -> Any:
    wide = np.float32 if x.dtype == np.float16 else x.dtype
    q, r = xp.linalg.qr(x.astype(wide), mode="complete" if full_matrices else "reduced")
    return q.astype(x.dtype), r.astype(x.dtype)


qr = define_op(
    "qr(x: float; full_matrices = False) -> many()",
    infer=_qr_type, kernel=_qr_kernel, tf_name="Qr", samples=[case("f32[4,3]"), case("f64[2,3,5]"), case("f32[3,2]", full_matrices=True)],
    doc="Return matrices q, with orthonormal columns, and r, upper triangular, whose product is x.", ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/linalg/qr",
)  # fmt: skip
