"""Diagonals, bands, cross products and gradients of products: the bits of the op's NumPy kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import Array, run_kernel, run_natively

from graphopt.backends.native import matrices
from graphopt.backends.native.lowering import LOWERINGS
from graphopt.ops.decompositions import cholesky_op, matrix_inverse_op
from graphopt.ops.matrix import cross, diag_op, diag_part_op, matrix_band_part_op, matrix_diag_op, matrix_diag_part_op, matrix_set_diag_op
from graphopt.ops.reduce import prod_gradient
from graphopt.testing.compare import has_same_bits

OPS = [op for op, lowering in LOWERINGS.items() if lowering.__module__ == matrices.__name__]


def check(op: Any, *arrays: Array, **attributes: Any) -> None:
    """Compare the lowering with the kernel, bit by bit, for several divisions of the work."""
    [expected] = run_kernel(op, arrays, **attributes)
    for parts in (1, 2, 5):
        [result], status = run_natively(op, arrays, parts=parts, **attributes)
        assert status == 0
        assert has_same_bits(result, expected)


@pytest.mark.parametrize(("op", "sample"), [pytest.param(op, s, id=f"{op.name}-{i}") for op in OPS for i, s in enumerate(op.samples)])
def test_samples(op: Any, sample: Any) -> None:
    check(op, *sample.arrays(), **sample.attributes)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64"])
@pytest.mark.parametrize("shape", [(3,), (0, 3), (1, 3), (7, 3), (2, 5, 3), (10007, 3)])
def test_cross_products(shape: tuple[int, ...], dtype: str) -> None:
    generator = np.random.default_rng(0)
    check(cross, *[(generator.standard_normal(shape) * 9).astype(dtype) for _ in range(2)])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((), None), ((7,), None), ((7,), ()), ((3, 4), (0,)), ((3, 4), (1,)), ((3, 4), None), ((2, 3, 4), (0, -1)), ((2, 3, 4), (1,)),
     ((5, 0), (1,)), ((3, 1, 2, 5), (1, 3)), ((2, 1009), (1,)), ((1009, 2), (0,))],
)  # fmt: skip
def test_gradients_of_products(shape: tuple[int, ...], axis: Any, dtype: str) -> None:
    generator = np.random.default_rng(0)
    x = generator.choice(np.array([0.5, 1.5, -1.25, 0.9, 1.1], dtype), shape)
    for keepdims in (False, True):
        g = np.asarray(generator.standard_normal(np.sum(x, axis, keepdims=keepdims).shape)).astype(dtype)
        check(prod_gradient, g, x, axis=axis, keepdims=keepdims)
        check(prod_gradient, g, np.where(x == x.dtype.type(0.5), np.array(0, dtype), x), axis=axis, keepdims=keepdims)


def test_there_may_be_no_product() -> None:
    [result], status = run_natively(prod_gradient, [np.zeros(0), np.zeros((0, 5))], axis=(1,))
    assert (result.shape, status) == ((0, 5), 0)


def test_decompositions_stay_with_numpy() -> None:
    assert cholesky_op not in LOWERINGS and matrix_inverse_op not in LOWERINGS


def elements_of(shape: Any, seed: int = 0) -> Array:
    """Return different elements."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (5, 5), (3, 17), (17, 3), (2, 3, 4, 7), (0, 4), (4, 0), (0, 2, 2), (130, 129)])
def test_diagonals_and_bands(shape: tuple[int, ...]) -> None:
    x, rows, columns = elements_of(shape), shape[-2], shape[-1]
    for k in {0, 1, -1, columns - 1, 1 - rows}:
        check(matrix_diag_part_op, x, k=k)
        [diagonal] = run_kernel(matrix_diag_part_op, [x], k=k)
        check(matrix_set_diag_op, x, elements_of(diagonal.shape, seed=1), k=k)
        check(matrix_diag_op, diagonal, k=k)
        if diagonal.shape[-1]:
            check(matrix_diag_op, diagonal, k=k, rows=rows, columns=columns)
    for lower in (-1, 0, 1, 20):
        for upper in (-1, 0, 2, 20):
            check(matrix_band_part_op, x, num_lower=lower, num_upper=upper)


@pytest.mark.parametrize("shape", [(1,), (7,), (0,), (2, 3), (3, 0)])
def test_tensors_with_a_diagonal(shape: tuple[int, ...]) -> None:
    check(diag_op, elements_of(shape))
    check(diag_part_op, elements_of(shape * 2))
