"""Inverses, determinants, linear systems, factorisations, norms. The last two axes hold the matrix, those before are a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.array import squeeze_op, transpose_op
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import absolute, add, log, multiply, negative, power, reciprocal, sqrt, square, subtract, zeros_as
from graphopt.ops.linalg import matmul_op
from graphopt.ops.matrix import (
    LINALG,
    Size,
    check_at_least_matrix,
    matrix_band_part_op,
    matrix_diag_op,
    matrix_diag_part_op,
    matrix_set_diag_op,
    matrix_transpose,
)
from graphopt.ops.reduce import reduce_max_op, to_axes


def _square(x: TensorType) -> TensorType:
    """Return the type with both sizes of the matrix known where one is."""
    check_at_least_matrix(x)
    if x.shape is None:
        return x
    rows, columns = x.shape[-2:]
    if rows is not None and columns is not None and rows != columns:
        raise ShapeError(f"Dimensions must be equal, but are {rows} and {columns}")
    size = columns if rows is None else rows
    return TensorType(x.dtype, (*x.shape[:-2], size, size))


def _without_last(x: TensorType, count: int) -> TensorType:
    return x if x.shape is None else TensorType(x.dtype, x.shape[: len(x.shape) - count])


def _check_square(x: Any) -> None:
    if np.shape(x)[-1] != np.shape(x)[-2]:
        raise invalid_argument(f"Input matrix must be square, got {list(np.shape(x))}")


# --- inverse, determinant, solving -----------------------------------------------------------------------------------------


def _wide(x: Any) -> Any:
    """Return half precision numbers in single precision: LAPACK has no other."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _swap(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _inverse_kernel(xp: Any, x: Any, adjoint: bool) -> Any:
    _check_square(x)
    try:
        result = xp.linalg.inv(_wide(_swap(x) if adjoint else x))
    except np.linalg.LinAlgError:
        raise invalid_argument("Input is not invertible.") from None
    return result.astype(x.dtype)


def _inverse_vjp(g: Any, out: Any, x: Any, adjoint: bool) -> Any:
    if adjoint:
        return negative(matmul_op(out, matmul_op(g, out, transpose_a=True)))
    return negative(matmul_op(out, matmul_op(g, out, transpose_b=True), transpose_a=True))


_REGULAR = [[4.0, 1.0, 0.5], [-1.0, 3.0, 0.2], [0.3, 0.6, 5.0]]
_SYMMETRIC = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 5.0]]

matrix_inverse_op = define_op(
    "matrix_inverse(x: float; adjoint = False)",
    infer=lambda x, adjoint: _square(x), kernel=_inverse_kernel, vjp=_inverse_vjp, fallible=True, tf_name="MatrixInverse",
    public_name="matrix_inverse",
    samples=[case(values([[1.0, 1.0], [1.0, 1.0]], "f64"), error="Input is not invertible."), case(values(_REGULAR, "f64")),
             case(values(_REGULAR, "f64"), adjoint=True), case(values([_SYMMETRIC, _REGULAR], "f32")),
             case("f32[0,0]")],
    doc="Return the inverse (adjoint: of the transpose) of each matrix.", ref=f"{LINALG}/inv",
)  # fmt: skip


def _determinant_vjp(g: Any, out: Any, x: Any) -> Any:
    scale = multiply(g, out)
    return multiply(scale[..., None, None], matrix_inverse_op(x, adjoint=True))


def _determinant_kernel(xp: Any, x: Any) -> Any:
    _check_square(x)
    return xp.linalg.det(_wide(x)).astype(x.dtype)


matrix_determinant_op = define_op(
    "matrix_determinant(x: float)",
    infer=lambda x: _without_last(_square(x), 2), kernel=_determinant_kernel, vjp=_determinant_vjp, fallible=True,
    tf_name="MatrixDeterminant", public_name="matrix_determinant",
    samples=[case(values(_REGULAR, "f64")), case(values([_SYMMETRIC, _REGULAR], "f32"))],
    doc="Return the determinant of each matrix.", ref=f"{LINALG}/det",
)  # fmt: skip


def _solve_type(matrix: TensorType, rhs: TensorType, adjoint: bool) -> TensorType:
    matrix = _square(matrix)
    check_at_least_matrix(rhs)
    if matrix.shape is None or rhs.shape is None:
        return TensorType(rhs.dtype, rhs.shape)
    head = shapes.merge_shapes(matrix.shape[:-1], rhs.shape[:-1]) or ()
    return TensorType(rhs.dtype, (*head, rhs.shape[-1]))


def _solve_kernel(xp: Any, matrix: Any, rhs: Any, adjoint: bool) -> Any:
    _check_square(matrix)
    try:
        result = xp.linalg.solve(_wide(_swap(matrix) if adjoint else matrix), _wide(rhs))
    except np.linalg.LinAlgError:
        raise invalid_argument("Input matrix is not invertible.") from None
    return result.astype(rhs.dtype)


def _solve_gradient_of_matrix(g: Any, out: Any, matrix: Any, rhs: Any, adjoint: bool) -> Any:
    back = matrix_solve_op(matrix, g, adjoint=not adjoint)
    return negative(matmul_op(out, back, transpose_b=True) if adjoint else matmul_op(back, out, transpose_b=True))


matrix_solve_op: OpDef = define_op(
    "matrix_solve(matrix: float, rhs: same(matrix); adjoint = False)",
    infer=_solve_type, kernel=_solve_kernel, fallible=True,
    vjp=(_solve_gradient_of_matrix, lambda g, out, matrix, rhs, adjoint: matrix_solve_op(matrix, g, adjoint=not adjoint)),
    linear_in=("rhs",), tf_name="MatrixSolve",
    public_name="matrix_solve", samples=[case(values([[1.0, 1.0], [1.0, 1.0]], "f64"), "f64[2,1]", error="Input matrix is not invertible."),
                                         case(values(_REGULAR, "f64"), "f64[3,2]"),
                                         case(values(_REGULAR, "f64"), "f64[3,1]", adjoint=True)],
    doc="Solve matrix @ x = rhs (adjoint: with the transpose).", ref=f"{LINALG}/solve",
)  # fmt: skip


def matrix_triangular_solve(matrix: Any, rhs: Any, *, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Any:
    """Solve a system with a triangular matrix; the other triangle is not looked at.

    Args:
      matrix: square matrices. rhs: right sides as columns. lower: which triangle counts. adjoint: use the transpose.
      name: name of the operation.
    """
    triangle = matrix_band_part_op(matrix, num_lower=-1 if lower else 0, num_upper=0 if lower else -1)
    return matrix_solve_op(triangle, rhs, adjoint=bool(adjoint), name=name or "MatrixTriangularSolve")


def _smaller(rows: Size, columns: Size) -> Size:
    return None if rows is None or columns is None else min(rows, columns)


# --- factorisations ---------------------------------------------------------------------------------------------------------


def _cholesky_kernel(xp: Any, x: Any) -> Any:
    _check_square(x)
    try:
        return xp.linalg.cholesky(_wide(x)).astype(x.dtype)
    except np.linalg.LinAlgError:
        raise invalid_argument("Cholesky decomposition was not successful. The input might not be valid.") from None


def _cholesky_vjp(g: Any, out: Any, x: Any) -> Any:
    # Murray, "Differentiation of the Cholesky decomposition" (2016); the gradient of a symmetric matrix, as TensorFlow gives it.
    inverse = matrix_inverse_op(out)
    middle = matmul_op(out, g, transpose_a=True)
    middle = matrix_set_diag_op(middle, multiply(matrix_diag_part_op(middle), 0.5))
    middle = matrix_band_part_op(middle, num_lower=-1, num_upper=0)
    whole = matmul_op(matmul_op(inverse, middle, transpose_a=True), inverse)
    return multiply(add(whole, matrix_transpose(whole)), 0.5)


cholesky_op = define_op(
    "cholesky(x: float)",
    infer=_square, kernel=_cholesky_kernel, vjp=_cholesky_vjp, fallible=True, tf_name="Cholesky", public_name="cholesky",
    # Its gradient takes x as symmetric, and so isn't the derivative along a direction that is not.
    samples=[case(values([[-1.0]], "f64"), error="Cholesky decomposition was not successful."),
             case(values(_SYMMETRIC, "f64"), differentiable=False), case(values([_SYMMETRIC, _SYMMETRIC], "f32"), differentiable=False)],
    doc="Return the lower triangle L with x = L @ transpose(L), for positive definite x.", ref=f"{LINALG}/cholesky",
)  # fmt: skip


def _qr_type(x: TensorType, full_matrices: bool) -> tuple[TensorType, TensorType]:
    check_at_least_matrix(x)
    if x.shape is None:
        return (x, x)
    *batch, rows, columns = x.shape
    inner = rows if full_matrices else _smaller(rows, columns)
    return (TensorType(x.dtype, (*batch, rows, inner)), TensorType(x.dtype, (*batch, inner, columns)))


def _qr_kernel(xp: Any, x: Any, full_matrices: bool) -> Any:
    q, r = xp.linalg.qr(_wide(x), "complete" if full_matrices else "reduced")
    return q.astype(x.dtype), r.astype(x.dtype)


qr_op = define_op(
    "qr(x: float; full_matrices = False) -> many()",
    infer=_qr_type, kernel=_qr_kernel, tf_name="Qr", public_name="qr",
    samples=[case("f64[3,2]", differentiable=False), case("f32[2,2,3]", full_matrices=True, differentiable=False)],
    doc="Return orthogonal q and upper triangular r with x = q @ r.", ref=f"{LINALG}/qr",
)  # fmt: skip


def _svd_type(x: TensorType, full_matrices: bool) -> tuple[TensorType, ...]:
    check_at_least_matrix(x)
    if x.shape is None:
        return (x, x, x)
    *batch, rows, columns = x.shape
    inner = _smaller(rows, columns)
    left, right = (rows, columns) if full_matrices else (inner, inner)
    return (TensorType(x.dtype, (*batch, inner)), TensorType(x.dtype, (*batch, rows, left)), TensorType(x.dtype, (*batch, columns, right)))


def _converge(function: Any, *operands: Any, **options: Any) -> Any:
    """Call a factorisation; an operand with NaN makes it fail."""
    try:
        return function(*operands, **options)
    except np.linalg.LinAlgError as error:
        raise invalid_argument(f"{error}. The input might not be valid.") from None


def _svd_kernel(xp: Any, x: Any, full_matrices: bool) -> Any:
    u, s, vh = _converge(xp.linalg.svd, _wide(x), full_matrices=full_matrices)
    return s.astype(x.dtype), u.astype(x.dtype), _swap(vh).astype(x.dtype)


svd_op = define_op(
    "svd(x: float; full_matrices = False) -> many()",
    infer=_svd_type, kernel=_svd_kernel, fallible=True, tf_name="Svd", public_name="svd",
    samples=[case("f64[3,2]", differentiable=False), case("f32[2,2,3]", full_matrices=True, differentiable=False),
             case(values([[np.nan, 1.0]], "f64"), error="The input might not be valid.")],
    doc="Return singular values s and u, v with x = u @ diag(s) @ transpose(v).", ref=f"{LINALG}/svd",
)  # fmt: skip

singular_values_op = define_op(
    "singular_values(x: float)",
    infer=lambda x: _svd_type(x, False)[0], kernel=lambda xp, x: _converge(xp.linalg.svd, _wide(x), compute_uv=False).astype(x.dtype),
    fallible=True, tf_name="Svd", public_name="svd",
    samples=[case("f64[3,2]", differentiable=False)], doc="Return the singular values of each matrix, the largest first.",
    ref=f"{LINALG}/svd",
)  # fmt: skip


def _eigen_kernel(xp: Any, x: Any) -> Any:
    _check_square(x)
    e, v = _converge(xp.linalg.eigh, _wide(x))
    return e.astype(x.dtype), v.astype(x.dtype)


def _eigen_vjp(gradients: Any, results: Any, x: Any) -> Any:
    e, v = results
    inner = zeros_as(x) if gradients[0] is None else matrix_diag_op(gradients[0])
    if gradients[1] is not None:
        gaps = subtract(e[..., None, :], e[..., :, None])
        weights = matrix_set_diag_op(reciprocal(matrix_set_diag_op(gaps, add(zeros_as(e), 1.0))), zeros_as(e))
        inner = add(inner, multiply(weights, matmul_op(v, gradients[1], transpose_a=True)))
    whole = matmul_op(v, matmul_op(inner, v, transpose_b=True))
    # Only the lower triangle of x is looked at.
    lower = matrix_band_part_op(add(whole, matrix_transpose(whole)), num_lower=-1, num_upper=0)
    return (matrix_set_diag_op(lower, multiply(matrix_diag_part_op(lower), 0.5)),)


self_adjoint_eig_op = define_op(
    "self_adjoint_eig(x: float) -> many()",
    infer=lambda x: (_without_last(_square(x), 1), _square(x)), kernel=_eigen_kernel, vjp=_eigen_vjp, fallible=True,
    tf_name="SelfAdjointEigV2", public_name="self_adjoint_eig",
    samples=[case(values(_SYMMETRIC, "f64"), differentiable=False), case(values([_SYMMETRIC, _SYMMETRIC], "f32"), differentiable=False)],
    doc="Return the eigenvalues, the smallest first, and eigenvectors (as columns) of symmetric matrices.", ref=f"{LINALG}/eigh",
)  # fmt: skip


def log_determinant(x: Any, name: str | None = None) -> Any:
    """Return the logarithm of the determinant of positive definite matrices.

    Args:
      x: symmetric positive definite matrices. name: scope of the operations.
    """
    with scope(name or "logdet", x) as entered:
        diagonal = log(matrix_diag_part_op(cholesky_op(x)))
        return multiply(reduce_sum_op(diagonal, axis=(-1,), keepdims=False), 2.0, name=entered)


# --- norms -------------------------------------------------------------------------------------------------------------------

_VECTOR_NORMS = ("euclidean", 1, 2, math.inf)
_MATRIX_NORMS = ("euclidean", "fro", 1, 2, math.inf)


def norm(x: Any, ord: Any = "euclidean", *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return the norm of the elements of `x`, of vectors along one axis, or of matrices along two.

    Args:
      x: floating point numbers. ord: "euclidean", "fro" (matrices), 1, 2, np.inf, or for vectors any positive number.
      axis: None, an int, or two ints. keepdims: keep the axes with size 1. name: scope of the operations.

    Raises:
      ValueError: for an unknown norm or axis.
    """
    pair = isinstance(axis, (list, tuple)) and len(axis) == 2
    if isinstance(axis, (list, tuple)) and not (len(axis) == 1 or (pair and axis[0] != axis[1])):
        raise ArgumentError("'axis' must be None, an integer, or a tuple of 2 unique integers")
    _check_norm(ord, pair)
    with scope(name or "norm", x):
        x = to_symbol(x)
        axes = tuple(range(x.tensor_type.rank)) if axis is None and x.tensor_type.rank is not None else to_axes(axis)
        result = _matrix_norm(x, ord, to_axes(axis) or ()) if pair and ord in (1, 2, math.inf) else _vector_norm(x, ord, axes)
        if keepdims:
            return result
        return squeeze_op(result, axis=axes) if axes is not None else reduce_sum_op(result, axis=None, keepdims=False)


def _check_norm(order: Any, is_matrix: bool) -> None:
    known = order in (_MATRIX_NORMS if is_matrix else _VECTOR_NORMS)
    if is_matrix and not known:
        raise ArgumentError(f"'ord' must be a supported matrix norm in {list(_MATRIX_NORMS)}, got {order}")
    if not known and (isinstance(order, str) or order is None or not order > 0):
        raise ArgumentError(f"'ord' must be a supported vector norm, got {order}")


def _vector_norm(x: Any, order: Any, axes: Any) -> Any:
    if order in ("fro", "euclidean", 2):
        return sqrt(reduce_sum_op(square(x), axis=axes, keepdims=True))
    size = absolute(x)
    if order == 1:
        return reduce_sum_op(size, axis=axes, keepdims=True)
    if order == math.inf:
        return reduce_max_op(size, axis=axes, keepdims=True)
    return power(reduce_sum_op(power(size, float(order)), axis=axes, keepdims=True), 1.0 / order)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...]) -> Any:
    if order == 2:
        rank = x.tensor_type.rank
        if rank is None:
            raise ArgumentError("The spectral norm needs an argument of known rank.")
        rows, columns = (shapes.normalize_axis(a, rank) for a in axes)
        rest = tuple(i for i in range(rank) if i not in (rows, columns))
        largest = reduce_max_op(singular_values_op(transpose_op(x, perm=(*rest, rows, columns))), axis=(-1,), keepdims=True)
        order_back = tuple(int(i) for i in np.argsort((*rest, rows, columns)))
        return transpose_op(largest[..., None], perm=order_back)
    summed, top = axes if order == 1 else axes[::-1]
    return reduce_max_op(reduce_sum_op(absolute(x), axis=(summed,), keepdims=True), axis=(top,), keepdims=True)
