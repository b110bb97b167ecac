"""`tf.linalg` and the top-level names of TensorFlow 1's linear algebra: its argument orders and deprecated aliases."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.ops import contraction, decompositions, linalg
from graphopt.ops import matrix as matrix_ops
from graphopt.tf1.arguments import known
from graphopt.tf1.array import eye as eye
from graphopt.tf1.math import norm as norm


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, adjoint_a: bool = False, adjoint_b: bool = False,
           a_is_sparse: bool = False, b_is_sparse: bool = False, name: str | None = None) -> Tensor:  # fmt: skip
    """Return the matrix product over the last two axes.

    Args:
      a, b: tensors of rank 2 or more and one type; the axes before the last two broadcast.
      transpose_a, transpose_b: use the operand with its last two axes swapped. adjoint_a, adjoint_b: the same for real numbers.
      a_is_sparse, b_is_sparse: without effect. name: name of the operation.

    Raises:
      ValueError: when the shapes don't fit, or an operand is both transposed and adjoint.

    Example:
      >>> tf.Session().run(tf.matmul([[1.0, 2.0]], [[3.0], [4.0]])).tolist()
      [[11.0]]
    """
    if transpose_a and adjoint_a:
        raise ArgumentError("Only one of transpose_a and adjoint_a can be True.")
    if transpose_b and adjoint_b:
        raise ArgumentError("Only one of transpose_b and adjoint_b can be True.")
    return linalg.matmul(a, b, transpose_a=transpose_a or adjoint_a, transpose_b=transpose_b or adjoint_b, name=name)


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """Return the sum of products over axes of `a` paired with axes of `b`.

    Args:
      a, b: tensors of one type. axes: a number n (the last n of a with the first n of b), or two lists of axes. name: scope.

    Raises:
      ValueError: when the axes don't fit.
    """
    return contraction.tensordot(a, b, axes, name=name)


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """Return the sum of products that an equation such as "ij,jk->ik" names.

    Args:
      equation: the axes of each operand, and of the result. inputs: tensors of one type. name: name of the operation.

    Raises:
      TypeError: for another keyword. ValueError: when the equation can't be read, or the shapes don't fit it.

    Example:
      >>> tf.Session().run(tf.einsum("ij->j", [[1.0, 2.0], [3.0, 4.0]])).tolist()
      [4.0, 6.0]
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise ArgumentTypeError(f"invalid keyword arguments for this function: {', '.join(sorted(kwargs))}")
    return contraction.einsum(equation, *inputs, name=name)


def cross(a: Any, b: Any, name: str | None = None) -> Tensor:
    """Return the cross products of vectors of 3 elements (the last axis)."""
    return matrix_ops.cross(a, b, name=name)


def trace(x: Any, name: str | None = None) -> Tensor:
    """Return the sum of the diagonal of each matrix."""
    return matrix_ops.trace(x, name=name)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """Return `a` with its last two axes swapped."""
    return matrix_ops.matrix_transpose(a, name=name)


def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Return matrices with zeros outside of a band around the diagonal.

    Args:
      input: matrices. num_lower, num_upper: how many diagonals to keep below and above (-1: all). name: name of the operation.

    Example:
      >>> tf.Session().run(tf.matrix_band_part([[1, 2], [3, 4]], -1, 0)).tolist()
      [[1, 0], [3, 4]]
    """
    lower, upper = [int(np.asarray(known(n, "number of diagonals"))) for n in (num_lower, num_upper)]
    return matrix_ops.matrix_band_part_op(input, num_lower=lower, num_upper=upper, name=name)


def tensor_diag(diagonal: Any, name: str | None = None) -> Tensor:
    """Return a tensor of twice the rank with the operand on its diagonal."""
    return matrix_ops.diag_op(diagonal, name=name)


def tensor_diag_part(input: Any, name: str | None = None) -> Tensor:
    """Return the diagonal of a tensor of even rank."""
    return matrix_ops.diag_part_op(input, name=name)


def _one_diagonal(k: Any) -> int:
    value = known(k, "k")
    if np.ndim(value):
        raise UnsupportedError("Only one diagonal at a time is supported: k must be a number")
    return int(value)


def matrix_diag(diagonal: Any, name: str = "diag", k: Any = 0, num_rows: Any = -1, num_cols: Any = -1, padding_value: Any = 0) -> Tensor:
    """Return matrices with the given diagonals and zeros elsewhere.

    Args:
      diagonal: one or more diagonals in the last axis. name: name of the operation. k: which diagonal, above (positive) or below.
      num_rows, num_cols: sizes, as small as possible by default. padding_value: 0.

    Raises:
      NotImplementedError: for several diagonals at a time, or a padding value other than 0.
    """
    if padding_value != 0:
        raise UnsupportedError("matrix_diag pads with 0 only")
    rows, columns = int(known(num_rows, "num_rows")), int(known(num_cols, "num_cols"))
    return matrix_ops.matrix_diag_op(diagonal, k=_one_diagonal(k), rows=rows, columns=columns, name=name)


def matrix_diag_part(input: Any, name: str = "diag_part", k: Any = 0, padding_value: Any = 0) -> Tensor:
    """Return the diagonals of matrices. Arguments as for `matrix_diag`."""
    return matrix_ops.matrix_diag_part_op(input, k=_one_diagonal(k), name=name)


def matrix_set_diag(input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0) -> Tensor:
    """Return matrices with their diagonals replaced. Arguments as for `matrix_diag`."""
    return matrix_ops.matrix_set_diag_op(input, diagonal, k=_one_diagonal(k), name=name)


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the inverse of each matrix.

    Args:
      input: square matrices. adjoint: invert the transpose. name: name of the operation.

    Raises:
      InvalidArgumentError: at run time, when a matrix is not invertible.
    """
    return decompositions.matrix_inverse_op(input, adjoint=bool(adjoint), name=name)


def matrix_determinant(input: Any, name: str | None = None) -> Tensor:
    """Return the determinant of each matrix."""
    return decompositions.matrix_determinant_op(input, name=name)


def logdet(matrix: Any, name: str | None = None) -> Tensor:
    """Return the logarithm of the determinant of positive definite matrices."""
    return decompositions.log_determinant(matrix, name=name)


def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the solution of a linear system.

    Args:
      matrix: square matrices. rhs: right sides as columns. adjoint: use the transpose. name: name of the operation.

    Raises:
      InvalidArgumentError: at run time, when a matrix is not invertible.
    """
    return decompositions.matrix_solve_op(matrix, rhs, adjoint=bool(adjoint), name=name)


def matrix_triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None) -> Tensor:
    """Return the solution of a linear system with a triangular matrix. Arguments as for `matrix_solve`; `lower` says which triangle."""
    return decompositions.matrix_triangular_solve(matrix, rhs, lower=lower, adjoint=adjoint, name=name)


def cholesky(input: Any, name: str | None = None) -> Tensor:
    """Return the lower triangle L of each positive definite matrix L @ transpose(L).

    Raises:
      InvalidArgumentError: at run time, when a matrix is not positive definite.
    """
    return decompositions.cholesky_op(input, name=name)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Tensor:
    """Return the solution of a linear system from the Cholesky factor of its matrix."""
    half = decompositions.matrix_triangular_solve(chol, rhs, lower=True)
    return decompositions.matrix_triangular_solve(chol, half, lower=True, adjoint=True, name=name or "cholesky_solve")


class Qr(NamedTuple):
    """What `qr` gives: orthogonal q and upper triangular r."""

    q: Tensor
    r: Tensor


def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """Return orthogonal q and upper triangular r with input = q @ r. It has no gradient."""
    return Qr(*decompositions.qr_op(input, full_matrices=bool(full_matrices), name=name))


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """Return singular values s, the largest first, and u, v with tensor = u @ diag(s) @ transpose(v). It has no gradient.

    Args:
      tensor: matrices. full_matrices: make u and v square. compute_uv: False for s alone. name: name of the operation.
    """
    if not compute_uv:
        return decompositions.singular_values_op(tensor, name=name)
    return decompositions.svd_op(tensor, full_matrices=bool(full_matrices), name=name)


def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues, the smallest first, and eigenvectors (as columns) of symmetric matrices."""
    values, vectors = decompositions.self_adjoint_eig_op(tensor, name=name or "self_adjoint_eig")
    return values, vectors


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Tensor:
    """Return the eigenvalues of symmetric matrices, the smallest first."""
    values: Tensor = decompositions.self_adjoint_eig_op(tensor, name=name or "self_adjoint_eigvals")[0]
    return values


def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False, a_is_sparse: bool = False, b_is_sparse: bool = False,
           name: str | None = None) -> Tensor:  # fmt: skip
    """Return the products of matrices and vectors. Arguments as for `matmul`."""
    vector: Any = convert_to_tensor(b)
    product: Any = matmul(a, vector[..., None], transpose_a=transpose_a, adjoint_a=adjoint_a, name=name)
    column: Tensor = product[..., 0]
    return column


# `tf.linalg` leaves "matrix" out of the names; its `diag` is the one of batches.
band_part = matrix_band_part
det = matrix_determinant
diag = matrix_diag
diag_part = matrix_diag_part
eigh = self_adjoint_eig
eigvalsh = self_adjoint_eigvals
inv = matrix_inverse
set_diag = matrix_set_diag
solve = matrix_solve
transpose = matrix_transpose
triangular_solve = matrix_triangular_solve
