"""Products and matrix functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import OpTable, call
from peer_data import dominant, integers, normal, spd

products = OpTable("product")
matrices = OpTable("matrix")

A, B = normal(2, 3), normal(3, 4, seed=21)
products("matmul", call("matmul"), a=A, b=B, fixed=("b",))
products("matmul/transpose_a", call("matmul", transpose_a=True), a=normal(3, 2), b=B, fixed=("b",))
products("matmul/transpose_b", call("matmul", transpose_b=True), a=A, b=normal(4, 3))
products("matmul/both", call("matmul", transpose_a=True, transpose_b=True), a=normal(3, 2), b=normal(4, 3))
products("matmul/adjoint", call("matmul", adjoint_b=True), a=A, b=normal(4, 3), names="off")
products("matmul/float64", call("matmul"), a=normal(2, 3, dtype="float64"), b=normal(3, 2, dtype="float64"), fixed=("b",))
products("matmul/int32", call("matmul"), a=integers(2, 3), b=integers(3, 2), fixed=("b",))
products("matmul/empty", call("matmul"), a=np.zeros((0, 3), "float32"), b=B, fixed=("b",))
products("matmul/batch", call("matmul"), a=normal(2, 2, 3), b=normal(2, 3, 4))
products("matmul/batch_transpose", call("matmul", transpose_a=True, transpose_b=True), a=normal(2, 3, 2), b=normal(2, 4, 3))
products("matmul/rank_4", call("matmul", transpose_b=True), a=normal(2, 2, 3, 2), b=normal(2, 2, 4, 2))
products("matmul/batch_broadcast", call("matmul"), a=normal(2, 2, 3), b=normal(3, 2), fixed=("b",))
products("matmul/named", call("matmul", name="scores"), a=A, b=B, fixed=("b",))
products("tensordot/1", call("tensordot", 1), a=normal(2, 3), b=normal(3, 2), fixed=("b",), names="scope")
products("tensordot/2", call("tensordot", 2), a=normal(2, 3, 4), b=normal(3, 4, 2), fixed=("b",), names="scope")
products("tensordot/0", call("tensordot", 0), a=normal(2), b=normal(3), names="scope")
products("tensordot/lists", call("tensordot", axes=[[2, 0], [0, 1]]), a=normal(2, 3, 4), b=normal(4, 2, 3), hidden=False, names="scope")
products("tensordot/layer", call("tensordot", [[2], [0]]), a=normal(2, 3, 4), b=normal(4, 5), fixed=("b",), names="scope")
EQUATIONS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "bij,bjk->bik": ((2, 2, 3), (2, 3, 2)),
    "bij,jk->bik": ((2, 2, 3), (3, 4)),
    "ij,ij->i": ((2, 3), (2, 3)),
    "i,j->ij": ((2,), (3,)),
    "bhqd,bhkd->bhqk": ((2, 2, 3, 2), (2, 2, 2, 2)),
    "ij,jk": ((2, 3), (3, 4)),
}
for equation, (left, right) in EQUATIONS.items():
    products(
        f"einsum/{equation}",
        lambda tf, a, b, e=equation: tf.einsum(e, a, b),
        a=normal(*left),
        b=normal(*right, seed=22),
        hidden=False,
        names="off",
    )
products("einsum/transpose", lambda tf, a: tf.einsum("ijk->kij", a), a=normal(2, 3, 4), names="off")
products("einsum/sum", lambda tf, a: tf.einsum("ij->j", a), a=normal(2, 3), names="off")
products("einsum/three", lambda tf, a, b, c: tf.einsum("ij,jk,kl->il", a, b, c), a=A, b=B, c=normal(4, 2), hidden=False, names="off")
products(
    "einsum/batch_hidden", lambda tf, a, b: tf.einsum("bij,jk->bik", a, b), a=normal(2, 2, 3), b=normal(3, 4), fixed=("b",), names="off"
)
products("cross", call("cross"), a=normal(2, 3), b=normal(2, 3, seed=23))


def rebuilt(tf: Any, x: Any) -> Any:
    values, vectors = tf.self_adjoint_eig(x)
    return tf.matmul(vectors * values[None, :], vectors, transpose_b=True)


LOOSE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5, "why": "float32 factorisations"}
EXACT: dict[str, Any] = {"rtol": 1e-7, "atol": 1e-9, "why": "another order of a factorisation's sums"}
matrices("cholesky", call("cholesky"), x=spd(3), **EXACT)
matrices("cholesky/batch", call("cholesky"), x=spd(2, 2), **EXACT)
matrices("cholesky/float32", call("cholesky"), x=spd(3, dtype="float32"), **LOOSE)
matrices("matrix_inverse", call("matrix_inverse"), x=dominant(3), **EXACT)
matrices("matrix_inverse/batch", call("matrix_inverse"), x=dominant(2, 2), **EXACT)
matrices("matrix_inverse/adjoint", call("matrix_inverse", adjoint=True), x=dominant(3), **EXACT)
matrices("matrix_determinant", call("matrix_determinant"), x=dominant(3), **EXACT)
matrices("matrix_determinant/batch", call("matrix_determinant"), x=dominant(2, 3, dtype="float32"), **LOOSE)
matrices("matrix_solve", call("matrix_solve"), a=dominant(3), b=normal(3, 2, dtype="float64"), hidden=False, **EXACT)
matrices("matrix_solve/adjoint", call("matrix_solve", adjoint=True), a=dominant(3), b=normal(3, 2, dtype="float64"), hidden=False, **EXACT)
matrices("matrix_solve/batch", call("matrix_solve"), a=dominant(2, 2), b=normal(2, 2, 1, dtype="float64"), **EXACT)
matrices("self_adjoint_eig/values", lambda tf, x: tf.self_adjoint_eig(x + tf.matrix_transpose(x))[0], x=dominant(3), names="off", **EXACT)
matrices("self_adjoint_eigvals", lambda tf, x: tf.self_adjoint_eigvals(x), x=spd(3), names="off", gradient=False, **EXACT)
matrices(
    "self_adjoint_eig/product",
    rebuilt,
    x=spd(3),
    names="off",
    gradient=False,
    hidden=False,
    **EXACT,
)
matrices("svd/values", call("svd", compute_uv=False), x=normal(3, 2, dtype="float64"), names="off", gradient=False, **EXACT)
matrices("svd/up_to_sign", lambda tf, x: [abs(t) for t in tf.svd(x)], x=normal(3, 2, dtype="float64"), names="off", gradient=False, **EXACT)
matrices("qr/up_to_sign", lambda tf, x: [abs(t) for t in tf.qr(x)], x=normal(3, 2, dtype="float64"), names="off", gradient=False, **EXACT)
matrices(
    "qr/full_shapes",
    lambda tf, x: tf.abs(tf.qr(x, full_matrices=True)[1]),
    x=normal(3, 2, dtype="float64"),
    names="off",
    gradient=False,
    **EXACT,
)
matrices("trace", call("trace"), x=normal(3, 3), names="off")
matrices("trace/batch", call("trace"), x=normal(2, 3, 3), names="off")
matrices("diag", call("diag"), x=normal(3))
matrices("diag/matrix", call("diag"), x=normal(2, 2))
matrices("diag_part", call("diag_part"), x=normal(3, 3))
matrices("matrix_diag", call("matrix_diag"), x=normal(2, 3), names="off")
matrices("matrix_diag_part", call("matrix_diag_part"), x=normal(2, 3, 3), names="off")
matrices("matrix_set_diag", call("matrix_set_diag"), x=normal(2, 3, 3), d=normal(2, 3), names="off")
matrices("matrix_transpose", call("matrix_transpose"), x=normal(2, 3, 4), names="scope")
for lower, upper in ((-1, 0), (0, -1), (1, 1), (0, 0)):
    matrices(f"matrix_band_part/{lower},{upper}", call("matrix_band_part", lower, upper), x=normal(3, 4))
matrices("matrix_band_part/batch", call("matrix_band_part", -1, 0), x=normal(2, 3, 3))

TABLES = (products, matrices)
