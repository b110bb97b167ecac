"""Running sums and products, sums over neighbours, and regular sequences: the bits of the op's NumPy kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import Array, call_of, run_kernel, run_natively

from graphopt.backends.native import scans
from graphopt.backends.native.host import this_host
from graphopt.backends.native.lowering import LOWERINGS, NotLowered
from graphopt.ops.normalization import window_sum
from graphopt.ops.sequence import cumprod_op, cumsum_op, linspace_op, range_op
from graphopt.testing.compare import has_same_bits

OPS = [op for op, lowering in LOWERINGS.items() if lowering.__module__ == scans.__name__]
SCANS = [cumsum_op, cumprod_op]
SHAPES = [(1,), (10007,), (0, 3), (3, 0), (7, 1), (1, 7), (13, 17), (3, 4, 5), (2, 33, 1, 40), (10007, 2), (2, 10007)]


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


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", SCANS)
def test_scans_of_every_shape(op: Any, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.9, shape).astype(np.float32)
    for axis in range(-1, len(shape)):
        for flags in range(4):
            check(op, x, axis=axis, exclusive=bool(flags & 1), reverse=bool(flags & 2))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("op", SCANS)
def test_scans_of_every_type(op: Any, dtype: str) -> None:
    x = (np.random.default_rng(0).standard_normal((19, 21)) * 3).astype(dtype)
    for axis in (0, 1):
        for exclusive in (False, True):
            check(op, x, axis=axis, exclusive=exclusive)


@pytest.mark.parametrize("op", SCANS)
def test_scans_of_special_numbers(op: Any) -> None:
    x = np.array([-0.0, -0.0, 1e38, 1e38, -np.inf, 2.0, np.nan, 0.0], np.float32)
    for flags in range(4):
        check(op, x, exclusive=bool(flags & 1), reverse=bool(flags & 2))
        check(op, np.stack([x] * 17, axis=1), exclusive=bool(flags & 1), reverse=bool(flags & 2))


@pytest.mark.parametrize("shape", [(1,), (0,), (3, 0), (10007,), (5, 16), (5, 17), (2, 3, 40)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_over_neighbours(dtype: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).choice(np.array([0.1, -0.0, 0.0, 1e5, -3.3], dtype), shape)
    for radius in (0, 1, 2, 5, 20):
        check(window_sum, x, radius=radius)
    special = np.where(np.random.default_rng(1).random(shape) < 0.1, np.array(np.inf, dtype), x)
    check(window_sum, special, radius=2)


def test_neighbours_in_half_precision_are_refused() -> None:
    node, _ = call_of(window_sum, [np.ones(3, np.float16)], radius=1)
    with pytest.raises(NotLowered):
        LOWERINGS[window_sum](node, this_host())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int32", "int64", "uint8"])
def test_ranges(dtype: str) -> None:
    for size in (0, 1, 7, 100):
        operands = [np.array(number, dtype) for number in (3, 0, 2)]
        check(range_op, *operands, size=size)
    if np.dtype(dtype).kind == "f":
        check(range_op, *[np.array(number, dtype) for number in (0.1, 0.0, -0.3)], size=10007)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_evenly_spaced_numbers(dtype: str) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    for first, last in ((0.0, 1.0), (-3.3, 7.7), (5.0, -2.0), (1.0, 1.0), (0.0, 3 * tiny), (-0.0, 0.0), (0.0, np.inf)):
        for count in (1, 2, 3, 50, 1009):
            check(linspace_op, np.array(first, dtype), np.array(last, dtype), np.array(count))
