"""Matrices, factorisations, einsum and tensordot against numpy; what is refused, by its text."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphopt.autodiff.gradients import gradients
from graphopt.errors import InvalidArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.ops import contraction
from graphopt.tf1 import array, linalg, math

RNG = np.random.default_rng(7)
M = RNG.standard_normal((2, 3, 3))
REGULAR = M + 4 * np.eye(3)
SPD = M @ M.swapaxes(-1, -2) + np.eye(3)


def shape_of(tensor: Any) -> Any:
    return tensor.tensor_type.shape


def slope_along(function: Callable[[Any], Any], x: Any, run: Any, direction: Any) -> tuple[float, float]:
    """Return the derivative of the sum of weighted results along a direction: by the gradient, and by a central difference."""
    tensor = convert_to_tensor(x)
    result = function(tensor)
    weights = np.random.default_rng(1).standard_normal(shape_of(result))
    (slope,) = gradients(math.multiply(result, weights), tensor)
    ends = [float(np.sum(run(function(convert_to_tensor(x + s * 1e-6 * direction))) * weights)) for s in (1, -1)]
    return float(np.sum(run(slope) * direction)), (ends[0] - ends[1]) / 2e-6


SYMMETRIC = RNG.standard_normal((3, 3))
SYMMETRIC = SYMMETRIC + SYMMETRIC.T


@pytest.mark.parametrize(
    "function",
    [
        linalg.cholesky,
        lambda x: linalg.self_adjoint_eig(x)[0],
        lambda x: math.square(linalg.self_adjoint_eig(x)[1]),
        linalg.logdet,
        lambda x: linalg.cholesky_solve(linalg.cholesky(x), np.ones((2, 3, 1))),
    ],
)
def test_gradients_of_symmetric_matrices(function: Any, run: Any) -> None:
    by_rule, by_difference = slope_along(function, SPD, run, SYMMETRIC)
    assert by_rule == pytest.approx(by_difference, rel=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        linalg.matrix_inverse,
        lambda x: linalg.matrix_inverse(x, adjoint=True),
        linalg.matrix_determinant,
        lambda x: linalg.matrix_solve(x, np.ones((2, 3, 2)), adjoint=True),
        lambda x: linalg.matrix_triangular_solve(x, np.ones((2, 3, 2)), lower=False),
        lambda x: math.norm(x, axis=[1, 2], ord=np.inf),
        lambda x: math.norm(x, axis=-1, ord=3),
        lambda x: linalg.matvec(x, np.ones((2, 3))),
    ],
)
def test_gradients_of_any_matrices(function: Any, run: Any) -> None:
    by_rule, by_difference = slope_along(function, REGULAR, run, RNG.standard_normal((2, 3, 3)))
    assert by_rule == pytest.approx(by_difference, rel=1e-5)


def test_solving(run: Any) -> None:
    b = RNG.standard_normal((2, 3, 2))
    np.testing.assert_allclose(run(linalg.matrix_inverse(REGULAR)), np.linalg.inv(REGULAR), rtol=1e-10)
    np.testing.assert_allclose(run(linalg.matrix_determinant(REGULAR)), np.linalg.det(REGULAR), rtol=1e-10)
    np.testing.assert_allclose(run(linalg.matrix_solve(REGULAR, b)), np.linalg.solve(REGULAR, b), rtol=1e-10)
    lower = np.tril(REGULAR)
    np.testing.assert_allclose(run(linalg.matrix_triangular_solve(REGULAR, b)), np.linalg.solve(lower, b), rtol=1e-10)
    np.testing.assert_allclose(run(linalg.cholesky_solve(np.linalg.cholesky(SPD), b)), np.linalg.solve(SPD, b), rtol=1e-9)
    np.testing.assert_allclose(run(linalg.logdet(SPD)), np.log(np.linalg.det(SPD)), rtol=1e-9)
    half = REGULAR.astype(np.float16)
    assert run(linalg.matrix_inverse(half)).dtype == np.float16


def test_factorisations(run: Any) -> None:
    x = RNG.standard_normal((2, 4, 3))
    for full in (False, True):
        q, r = run(list(linalg.qr(x, full_matrices=full)))
        np.testing.assert_allclose(q @ r, x, atol=1e-12)
        s, u, v = run(list(linalg.svd(x, full_matrices=full)))
        np.testing.assert_allclose(u[..., :3] * s[:, None] @ v[..., :3].swapaxes(-1, -2), x, atol=1e-12)
        assert q.shape == u.shape == ((2, 4, 4) if full else (2, 4, 3))
    np.testing.assert_allclose(run(linalg.svd(x, compute_uv=False)), np.linalg.svd(x, compute_uv=False))
    e, v = run(list(linalg.self_adjoint_eig(SPD)))
    np.testing.assert_allclose(v * e[:, None] @ v.swapaxes(-1, -2), SPD, atol=1e-12)
    np.testing.assert_allclose(run(linalg.self_adjoint_eigvals(SPD)), np.linalg.eigvalsh(SPD))
    np.testing.assert_allclose(run(linalg.cholesky(SPD)), np.linalg.cholesky(SPD), rtol=1e-10)
    t = convert_to_tensor(x)
    for result, name in ((linalg.qr(t).q, "Qr"), (linalg.svd(t)[0], "Svd")):
        with pytest.raises(LookupError, match=f"No gradient defined for operation '{name}"):
            gradients(result, t)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: linalg.matrix_inverse(np.ones((2, 2))), "Input is not invertible."),
        (lambda: linalg.matrix_solve(np.ones((2, 2)), np.ones((2, 1))), "Input matrix is not invertible."),
        (lambda: linalg.cholesky(-np.eye(2)), "Cholesky decomposition was not successful. The input might not be valid."),
    ],
)
def test_what_has_no_solution(call: Any, text: str, run: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=text):
        run(call())


def test_diagonals(run: Any) -> None:
    x = np.arange(12.0).reshape(3, 4)
    for k in (-1, 0, 2):
        np.testing.assert_array_equal(run(linalg.matrix_diag_part(x, k=k)), np.diagonal(x, k))
        d = np.arange(2.0)
        np.testing.assert_array_equal(run(linalg.matrix_diag(d, k=k)), np.diag(d, k))
    np.testing.assert_array_equal(run(linalg.matrix_diag([1.0, 2.0], num_rows=2, num_cols=3)), [[1, 0, 0], [0, 2, 0]])
    replaced = x.copy()
    np.fill_diagonal(replaced, -1)
    np.testing.assert_array_equal(run(linalg.matrix_set_diag(x, np.full(3, -1.0))), replaced)
    np.testing.assert_array_equal(run(linalg.tensor_diag([[1, 2], [3, 4]]))[1, 0], [[0, 0], [3, 0]])
    np.testing.assert_array_equal(run(linalg.tensor_diag_part(np.arange(16).reshape(2, 2, 2, 2))), [[0, 5], [10, 15]])
    np.testing.assert_array_equal(run(linalg.trace(REGULAR)), np.trace(REGULAR, axis1=1, axis2=2))
    np.testing.assert_array_equal(run(linalg.matrix_transpose(REGULAR)), REGULAR.swapaxes(1, 2))
    for lower, upper in ((-1, 0), (0, -1), (1, 1)):
        keep = np.tril(np.ones((3, 4)), upper if upper >= 0 else 9) * np.triu(np.ones((3, 4)), -lower if lower >= 0 else -9)
        np.testing.assert_array_equal(run(linalg.matrix_band_part(x, lower, upper)), x * keep)


def test_eye(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.eye(3)), np.eye(3))
    np.testing.assert_array_equal(run(array.eye(2, 3)), np.eye(2, 3))
    assert shape_of(array.eye(2, batch_shape=[4, 1])) == (4, 1, 2, 2)
    n = feed(np.int32(2))
    np.testing.assert_array_equal(run(array.eye(n, 3), {n: 2}), np.eye(2, 3))


NORMS = [
    ("euclidean", None),
    ("euclidean", 1),
    (1, -1),
    (np.inf, 0),
    (3, 1),
    ("fro", [1, 2]),
    (1, [1, 2]),
    (np.inf, [2, 1]),
    (2, [0, 1]),
]


@pytest.mark.parametrize(("order", "axis"), NORMS)
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm(order: Any, axis: Any, keepdims: bool, run: Any) -> None:
    if axis is None:
        expected = np.sqrt(np.sum(REGULAR**2, keepdims=keepdims))
    else:
        numpy_order = {"euclidean": None}.get(order, order)
        expected = np.linalg.norm(REGULAR, numpy_order, tuple(axis) if isinstance(axis, list) else axis, keepdims)
    np.testing.assert_allclose(run(math.norm(REGULAR, order, axis, keepdims)), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: math.norm(REGULAR, "nuc"), "'ord' must be a supported vector norm, got nuc"),
        (lambda: math.norm(REGULAR, 3, [0, 1]), "'ord' must be a supported matrix norm in .*, got 3"),
        (lambda: math.norm(REGULAR, 0), "'ord' must be a supported vector norm, got 0"),
        (lambda: math.norm(REGULAR, axis=[1, 1]), "'axis' must be None, an integer, or a tuple of 2 unique integers"),
        (lambda: linalg.matrix_inverse(np.ones((2, 3))), "Dimensions must be equal, but are 2 and 3"),
        (lambda: linalg.cholesky(np.ones(3)), "Shape must be at least rank 2 but is rank 1"),
        (lambda: linalg.matrix_transpose(np.ones(3)), r"should be a \(batch\) matrix, with rank >= 2"),
        (lambda: linalg.matrix_diag([1.0, 2.0], num_rows=1), "A diagonal of 2 elements doesn't fit"),
        (lambda: linalg.matrix_diag(1.0), "Shape must be at least rank 1 but is rank 0"),
        (lambda: linalg.tensor_diag_part(np.ones(3)), "Input must have even and non-zero rank, input rank is 1"),
        (lambda: linalg.cross(np.ones(2), np.ones(2)), "Dimension must be 3 but is 2"),
        (lambda: linalg.matmul(REGULAR, REGULAR, transpose_a=True, adjoint_a=True), "Only one of transpose_a and adjoint_a can be True."),
        (lambda: linalg.matmul(REGULAR, REGULAR, transpose_b=True, adjoint_b=True), "Only one of transpose_b and adjoint_b can be True."),
    ],
)
def test_refused(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


def test_not_supported() -> None:
    with pytest.raises(NotImplementedError, match="k must be a number"):
        linalg.matrix_diag([[1.0], [2.0]], k=(0, 1))
    with pytest.raises(NotImplementedError, match="pads with 0 only"):
        linalg.matrix_diag([1.0], padding_value=1)


def test_cross_and_matvec(run: Any) -> None:
    a, b = RNG.standard_normal((2, 4, 3))
    np.testing.assert_allclose(run(linalg.cross(a, b)), np.cross(a, b))
    np.testing.assert_allclose(run(linalg.matvec(REGULAR, a[:2])), np.einsum("bij,bj->bi", REGULAR, a[:2]))


# --- einsum and tensordot ----------------------------------------------------------------------------------------------------------

SIZES = {"a": 2, "b": 3, "c": 4, "d": 2, "i": 2, "j": 3, "k": 4}
EQUATIONS = [
    "ij,jk->ik",
    "ab,ab->a",
    "ab,ab->",
    "abc,acd->abd",
    "abc,dcb->ad",
    "i,j->ji",
    "ij->",
    "ijk->ki",
    "ab,bc,cd->da",
    "ij,jk",
    "ab,c->abc",
    "ba,a->ba",
]


def operands_of(equation: str) -> list[Any]:
    terms = equation.partition("->")[0].split(",")
    return [RNG.standard_normal([SIZES[c] for c in term]) for term in terms]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation: str, run: Any, feed: Any) -> None:
    xs = operands_of(equation)
    expected = np.einsum(equation, *xs)
    found = linalg.einsum(equation, *xs)
    assert shape_of(found) == expected.shape
    np.testing.assert_allclose(run(found), expected, rtol=1e-10)
    hidden = [feed(x) for x in xs]
    np.testing.assert_allclose(run(linalg.einsum(equation, *hidden), dict(zip(hidden, xs, strict=True))), expected, rtol=1e-10)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_gradient_of_einsum(equation: str, run: Any) -> None:
    xs = operands_of(equation)
    tensors = [convert_to_tensor(x) for x in xs]
    weights = RNG.standard_normal(np.einsum(equation, *xs).shape)
    slopes = run(gradients(math.multiply(linalg.einsum(equation, *tensors), weights), tensors))
    for i, slope in enumerate(slopes):
        direction = RNG.standard_normal(xs[i].shape)
        changed = [direction if j == i else x for j, x in enumerate(xs)]
        assert np.sum(slope * direction) == pytest.approx(np.sum(np.einsum(equation, *changed) * weights))


def test_einsum_with_an_ellipsis(run: Any) -> None:
    a, b = RNG.standard_normal((2, 5, 3, 4)), RNG.standard_normal((2, 5, 4, 2))
    for equation in ("...ij,...jk->...ik", "...ij,...jk"):
        np.testing.assert_allclose(run(linalg.einsum(equation, a, b)), np.einsum(equation, a, b))
    assert contraction.parse_equation("...i,i", [3, 1]).text == "BAi,i->BA"


@pytest.mark.parametrize(
    ("equation", "shapes", "text"),
    [
        ("ij,jk->ik", [(2, 3)], "Got 1 arguments for equation 'ij,jk->ik', expecting 2"),
        ("ii->i", [(2, 2)], "an axis appears more than once: ii"),
        ("i1->i", [(2, 2)], "Indices have incorrect format"),
        ("ij->k", [(2, 2)], "the result has the index 'k', which no argument has"),
        ("ij,jk->ik", [(2, 3), (4, 2)], "Expected dimension 3 at axis 'j' but got dimension 4"),
        ("ij->i", [(2, 3, 4)], "Shape must be rank 2 but is rank 3"),
    ],
)
def test_einsum_refuses(equation: str, shapes: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        linalg.einsum(equation, *[np.ones(shape) for shape in shapes])


def test_einsum_takes_no_other_keyword() -> None:
    with pytest.raises(TypeError, match="invalid keyword arguments for this function: optimise"):
        linalg.einsum("i->i", [1.0], optimise=True)


@pytest.mark.parametrize("axes", [0, 1, 2, [[2, 1], [1, 0]], [[1], [0]], [2, 1], [[-1], [1]]])
def test_tensordot(axes: Any, run: Any, feed: Any) -> None:
    a, b = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((3, 4, 5))
    if axes == 1:
        b = RNG.standard_normal((4, 5))
    expected = np.tensordot(a, b, axes)
    found = linalg.tensordot(a, b, axes)
    assert shape_of(found) == expected.shape
    np.testing.assert_allclose(run(found), expected, rtol=1e-10)
    x, y = feed(a), feed(b)
    np.testing.assert_allclose(run(linalg.tensordot(x, y, axes), {x: a, y: b}), expected, rtol=1e-10)


def test_tensordot_of_vectors(run: Any) -> None:
    assert run(linalg.tensordot([1.0, 2.0], [3.0, 4.0], 1)) == 11
    with pytest.raises(ValueError, match="'axes' must be between 0 and 1, got 2"):
        linalg.tensordot([1.0, 2.0], [3.0, 4.0], 2)
    with pytest.raises(ValueError, match=r"'axes' must be an integer or have length 2."):
        linalg.tensordot([1.0, 2.0], [3.0, 4.0], [0, 1, 2])
    with pytest.raises(ValueError, match="Different number of contraction axes 'a' and 'b', 2 != 1"):
        linalg.tensordot(np.ones((2, 2)), np.ones(2), [[0, 1], [0]])
