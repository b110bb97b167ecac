"""Divisions, extremes and sorted order: the same bits as the op's NumPy kernel, and a status where the kernel raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from running import Array, call_of, run_kernel, run_natively

from graphopt import dtypes
from graphopt.backends.native import selection
from graphopt.backends.native.host import this_host
from graphopt.backends.native.lowering import LOWERINGS, NotLowered
from graphopt.errors import InvalidArgumentError
from graphopt.ir.samples import SPECIAL
from graphopt.ops.control import check_numerics, check_true
from graphopt.ops.elementwise import div_no_nan, floordiv, floormod, power, round_, truncatediv
from graphopt.ops.elementwise.functions import digamma, lgamma
from graphopt.ops.nn import in_top_k_op, top_k_op
from graphopt.ops.partition import argsort_op, searchsorted_op
from graphopt.ops.reduce import argmax_op, argmin_op
from graphopt.ops.sequence import invert_permutation
from graphopt.ops.update_rule import check_sign
from graphopt.testing.compare import has_same_bits

OPS = [op for op, lowering in LOWERINGS.items() if lowering.__module__.startswith(selection.__name__)]
GAMMA = {lgamma, digamma}
PARTS = [1, 2, 5]
INTEGERS = ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]


def check(op: Any, *arrays: Array, **attributes: Any) -> None:
    """Compare the lowering with the kernel, bit by bit, for several divisions of the work."""
    expected = run_kernel(op, arrays, **attributes)
    for parts in PARTS:
        results, status = run_natively(op, arrays, parts=parts, **attributes)
        assert status == 0
        for result, wanted in zip(results, expected, strict=True):
            assert has_same_bits(result, wanted)


SAMPLES = [
    pytest.param(op, sample, id=f"{op.name}-{i}")
    for op in OPS
    for i, sample in enumerate(op.samples)
    if sample.error is None and op not in GAMMA and not (op is power and sample.operands[0].dtype.is_floating)
]


@pytest.mark.parametrize(("op", "sample"), SAMPLES)
def test_samples(op: Any, sample: Any) -> None:
    check(op, *sample.arrays(), **sample.attributes)


def numbers_of(shape: Any, dtype: str, seed: int = 0) -> Array:
    """Return numbers of a type with many ties, and for floats NaN, both zeros and infinities among them."""
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return generator.choice(np.array([info.min, info.max, 0, 1, 2, 3, 7], dtype), shape)
    return generator.choice(np.array([0.0, -0.0, 1.5, -1.5, 2.0, np.inf, -np.inf, np.nan, 3.25, -7.0], dtype), shape)


def rounded(x: Array, dtype: str) -> Array:
    """Return numbers in a type, infinite where it can't hold them."""
    with np.errstate(over="ignore"):
        return x.astype(dtype)


# --- divisions and powers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("op", [floordiv, floormod, truncatediv])
def test_whole_divisions(op: Any, dtype: str) -> None:
    info = np.iinfo(dtype)
    edges = {info.min, info.min + 1, info.max, info.max - 1, 0, 1, 2, 3, 7, 100} | ({-1, -2, -3, -7} if info.min else set())
    x = np.array(sorted(edges), dtype)
    check(op, x[:, None], x[x != 0])
    generator = np.random.default_rng(0)
    a, b = (generator.integers(info.min, info.max, 10007, dtype, endpoint=True) for _ in range(2))
    check(op, a, np.where(b == 0, 1, b).astype(dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("op", [floordiv, floormod, truncatediv])
def test_division_by_zero_sets_the_status(op: Any, dtype: str) -> None:
    x, y = np.arange(10, dtype=dtype), np.ones(10, dtype)
    y[7] = 0
    with pytest.raises(InvalidArgumentError):
        run_kernel(op, [x, y])
    for parts in PARTS:
        assert run_natively(op, [x, y], parts=parts)[1] != 0
    assert run_natively(op, [x, np.array(0, dtype)])[1] != 0
    assert run_natively(op, [x[:0], np.array(0, dtype)])[1] == 0


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [floordiv, floormod, div_no_nan])
def test_float_divisions(op: Any, dtype: str) -> None:
    generator = np.random.default_rng(0)
    special = rounded(np.array([*SPECIAL, 2.0, -3.0, 7.5, 1e-7, 65504.0]), dtype)
    check(op, special[:, None], special)
    a, b = (generator.standard_normal(10007).astype(dtype) for _ in range(2))
    check(op, a, b)
    check(op, (a * 100).round(), (b * 3).round())


def shapes_that_broadcast() -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    return [
        ((), ()),
        ((0,), (1,)),
        ((7,), ()),
        ((), (7,)),
        ((3, 1), (1, 5)),
        ((2, 1, 4), (3, 1)),
        ((2, 0, 4), (2, 1, 4)),
        ((13, 17), (17,)),
    ]


@pytest.mark.parametrize(("left", "right"), shapes_that_broadcast())
def test_broadcasting(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.integers(-9, 9, left), generator.integers(1, 5, right)
    for op in (floordiv, floormod, truncatediv, power):
        check(op, np.asarray(x), np.asarray(y))
    check(div_no_nan, np.asarray(x, np.float32), np.asarray(y - 1, np.float32))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_powers(dtype: str) -> None:
    info = np.iinfo(dtype)
    bases = np.array([info.min, info.max, 0, 1, 2, 3, 7, 100], dtype)
    check(power, bases[:, None], np.array([0, 1, 2, 3, 5, 8, 13, 31, 63, 64, 127, info.max], np.uint64).astype(dtype))


def test_negative_powers_set_the_status() -> None:
    x, y = np.array([2, 3, 4]), np.array([1, -1, 2])
    with pytest.raises(InvalidArgumentError):
        run_kernel(power, [x, y])
    assert run_natively(power, [x, y])[1] != 0


def test_powers_of_floats_are_left_to_loops() -> None:
    node, _ = call_of(power, [np.ones(2), np.ones(2)])
    with pytest.raises(NotLowered):
        LOWERINGS[power](node, this_host())


@pytest.mark.parametrize("dtype", [*FLOATS, "int32"])
def test_rounding(dtype: str) -> None:
    check(round_, np.array([0.5, 1.5, 2.5, -0.5, -0.2, 2.4999, 1e4, 3], dtype))
    check(round_, np.zeros((0, 3), dtype))


@pytest.mark.parametrize("op", GAMMA)
def test_gamma_functions(op: Any) -> None:
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, -1.0, -2.0, -1e30, 1.0, 2.0])
    x = np.concatenate([special, np.random.default_rng(0).uniform(-20, 40, 10007)])
    for dtype in ("float32", "float64"):
        operands = [rounded(x, dtype)]
        [wanted], [[found], status] = run_kernel(op, operands), run_natively(op, operands, parts=2)
        assert status == 0 and found.dtype == wanted.dtype
        # Absolute near the zeros of the functions, where Python's own lgamma loses digits.
        tolerance = {"float32": 3e-7, "float64": 2e-13}[dtype]
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("op", GAMMA)
def test_gamma_functions_in_half_precision_are_refused(op: Any) -> None:
    node, _ = call_of(op, [np.ones(2, np.float16)])
    with pytest.raises(NotLowered):
        LOWERINGS[op](node, this_host())


# --- extremes ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
@pytest.mark.parametrize("op", [argmax_op, argmin_op])
def test_extremes_of_every_type(op: Any, dtype: str) -> None:
    x = numbers_of((37, 41), dtype)
    for axis in (0, 1, -1):
        check(op, x, axis=axis, dtype=dtypes.int64)
        check(op, x[:1], axis=axis, dtype=dtypes.int32)


@pytest.mark.parametrize(
    "shape", [(1,), (10007,), (1, 1), (7, 3), (3, 7), (2, 16, 5), (2, 5, 33), (3, 0, 4), (4, 2, 3, 17), (2, 10007), (10007, 2)]
)
def test_extremes_of_every_shape(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    for x in (generator.standard_normal(shape).astype(np.float32), numbers_of(shape, "float32")):
        for axis in range(len(shape)):
            if shape[axis]:
                check(argmax_op, x, axis=axis, dtype=dtypes.int64)
                check(argmin_op, x, axis=axis, dtype=dtypes.int64)


def test_the_first_of_equal_elements_is_found_in_every_lane() -> None:
    for size in (5, 16, 33, 100):
        x = np.zeros((size, size), np.float32)
        x[np.arange(size), np.arange(size)] = 1
        x[:, -1] = 1
        check(argmax_op, x, axis=1, dtype=dtypes.int64)
        check(argmax_op, np.where(x == 1, np.float32(np.nan), x), axis=1, dtype=dtypes.int64)


def test_an_empty_axis_has_no_extreme() -> None:
    node, _ = call_of(argmax_op, [np.zeros((2, 0), np.float32)], axis=1, dtype=dtypes.int64)
    with pytest.raises(NotLowered):
        LOWERINGS[argmax_op](node, this_host())


# --- order -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, *FLOATS])
def test_sorting_every_type(dtype: str) -> None:
    x = numbers_of((5, 67), dtype)
    for descending in (False, True):
        check(argsort_op, x, descending=descending)
        check(argsort_op, x, descending=descending, axis=0)
    for k in (1, 3, 40, 67):
        check(top_k_op, x, np.array(k))


@pytest.mark.parametrize("shape", [(0,), (1,), (2,), (3,), (10007,), (4, 0), (0, 4), (3, 1), (2, 3, 4), (5, 16), (2, 129)])
def test_sorting_every_shape(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    for x in (generator.standard_normal(shape).astype(np.float32), generator.integers(0, 3, shape)):
        for axis in range(len(shape)):
            check(argsort_op, x, axis=axis)
            check(argsort_op, x, axis=axis, descending=True)
        for k in {0, 1, min(5, shape[-1]), min(32, shape[-1]), shape[-1]}:
            if k <= shape[-1]:
                check(top_k_op, x, np.array(k))


def test_rows_that_rise_or_fall() -> None:
    for x in (np.arange(100.0), -np.arange(100.0), np.zeros(100)):
        for k in (1, 7, 32, 33, 100):
            check(top_k_op, np.stack([x, x[::-1]]), np.array(k))


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize(("rows", "classes"), [(0, 3), (1, 1), (7, 16), (5, 33), (4, 0), (3, 10007)])
def test_targets_among_the_largest(rows: int, classes: int, index: str) -> None:
    generator = np.random.default_rng(0)
    predictions = np.round(generator.standard_normal((rows, classes)), 1).astype(np.float32)
    if rows > 2 and classes:
        predictions[1, -1] = np.nan
        predictions[2, 0] = np.inf
    targets = generator.integers(-1, classes + 2, rows).astype(index)
    for k in (-1, 0, 1, 3, classes):
        check(in_top_k_op, predictions, targets, np.array(k, index))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
def test_places_in_sorted_rows(side: str, dtype: str) -> None:
    for rows, size, wanted in ((1, 1, 1), (3, 17, 40), (2, 0, 3), (2, 5, 0), (0, 3, 3)):
        x, y = np.sort(numbers_of((rows, size), dtype), axis=-1), numbers_of((rows, wanted), dtype, seed=1)
        check(searchsorted_op, x, y, side=side, dtype=dtypes.int32)
        check(searchsorted_op, x, y, side=side, dtype=dtypes.int64)


# --- permutations --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("size", [0, 1, 2, 17, 10007])
def test_permutations_are_inverted(size: int, index: str) -> None:
    check(invert_permutation, np.random.default_rng(0).permutation(size).astype(index))


@pytest.mark.parametrize("places", [[0, 0], [0, 2], [-1, 0], [1, 1 << 31], [0, 1, 2, 2]])
def test_what_is_no_permutation_sets_the_status(places: list[int]) -> None:
    x = np.array(places)
    with pytest.raises(InvalidArgumentError):
        run_kernel(invert_permutation, [x])
    assert run_natively(invert_permutation, [x])[1] != 0


# --- checks of values ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [0, 1, 7, 64, 10007, 70000])
def test_what_is_not_finite_sets_the_status(size: int, dtype: str) -> None:
    x = np.random.default_rng(0).standard_normal(size).astype(dtype)
    check(check_numerics, x, message="bad")
    for place in {0, size // 2, size - 1} if size else set():
        for wrong in (np.nan, np.inf, -np.inf):
            broken = x.copy()
            broken[place] = wrong
            for parts in PARTS:
                assert run_natively(check_numerics, [broken], parts=parts, message="bad")[1] != 0


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5)])
def test_conditions_that_do_not_hold_set_the_status(shape: tuple[int, ...]) -> None:
    x = np.ones(shape, bool)
    check(check_true, x, np.zeros(3))
    if x.size:
        x[(-1,) * len(shape)] = False
        assert run_natively(check_true, [x, np.zeros(3)])[1] != 0


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rule", ["positive", "non-negative", "non-positive"])
def test_numbers_on_the_wrong_side_of_zero_set_the_status(rule: str, dtype: str) -> None:
    holds = {"positive": lambda v: v > 0, "non-negative": lambda v: v >= 0, "non-positive": lambda v: v <= 0}[rule]
    for number in (1.5, 0.0, -0.0, -1.5, np.nan, np.inf, -np.inf):
        operand = np.array(number, dtype)
        [result], status = run_natively(check_sign, [operand], rule=rule, message="")
        assert has_same_bits(result, operand)
        assert (status == 0) == holds(number)
