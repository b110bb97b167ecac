"""Random numbers: natively the same as NumPy's, for every counter, seed and size, and however the work is divided."""

import numpy as np
import pytest
from running import Array, call_of, run_kernel, run_natively

from graphopt import dtypes
from graphopt.backends.native import random_numbers as random_numbers
from graphopt.backends.native.host import this_host
from graphopt.backends.native.lowering import LOWERINGS
from graphopt.ops.random import draw_classes, draw_gamma, draw_int, draw_normal, draw_order, draw_truncated, draw_uniform

SHAPES = [(), (0,), (1,), (4,), (31,), (32,), (33,), (37, 3), (10_007,)]
COUNTERS = [0, 512, 2**32 - 3, 2**63 - 5, -4]
SEEDS = [{"seed": 1234, "seed2": 7}, {"seed": 2**31 - 1, "seed2": 2**40 + 5}, {"seed": 0, "seed2": 2**64 - 1}]
FLOATS = ["float16", "float32", "float64"]


def _operands(shape=(1000,), counter: int = 512) -> list[Array]:
    return [np.array(counter, "int64"), np.array(shape, "int32")]


def _agree(own: Array, reference: Array) -> None:
    assert (own.dtype, own.shape) == (reference.dtype, reference.shape)
    if own.dtype == np.float64:  # NumPy's routines for double precision are off by a few units in the last place themselves
        np.testing.assert_allclose(own, reference, rtol=4e-15, atol=1e-15)
    else:
        assert own.tobytes() == reference.tobytes()


def _check(op, arrays: list[Array], **attributes) -> None:
    (expected,) = run_kernel(op, arrays, **attributes)
    for parts in (1, 3):
        (found,), status = run_natively(op, arrays, parts=parts, **attributes)
        assert status == 0
        if op is draw_uniform or op is draw_int or op is draw_order:
            assert found.tobytes() == np.ascontiguousarray(expected).tobytes()
        else:
            _agree(found, expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [draw_uniform, draw_normal, draw_truncated], ids=lambda op: op.name)
def test_numbers_of_every_size(op, dtype: str) -> None:
    for shape in SHAPES:
        _check(op, _operands(shape), **SEEDS[0], dtype=dtypes.as_dtype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [draw_uniform, draw_normal, draw_truncated], ids=lambda op: op.name)
def test_numbers_of_every_counter_and_seed(op, dtype: str) -> None:
    for counter in COUNTERS:
        for seeds in SEEDS:
            _check(op, _operands(counter=counter), **seeds, dtype=dtypes.as_dtype(dtype))


def test_many_normals_have_the_same_bits() -> None:
    _check(draw_normal, _operands((1_000_003,)), **SEEDS[1], dtype=dtypes.float32)


def test_truncated_normals_that_need_several_blocks() -> None:
    (drawn,), _ = run_natively(draw_truncated, _operands((200_000,)), **SEEDS[0], dtype=dtypes.float32)
    assert np.abs(drawn).max() < 2
    _check(draw_truncated, _operands((200_000,)), **SEEDS[0], dtype=dtypes.float32)


BOUNDS = [(0, 1), (0, 10), (-3, 9), (-(2**31), 2**31 - 1), (2**31 - 2, 2**31 - 1), (-(2**31), -(2**31) + 3)]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("bounds", BOUNDS)
def test_integers(dtype: str, bounds: tuple[int, int]) -> None:
    limits = [np.array(bound, dtype) for bound in bounds]
    for shape in SHAPES:
        _check(draw_int, [*_operands(shape), *limits], **SEEDS[0])


def test_integers_of_the_widest_range() -> None:
    limits = [np.array(bound, "int64") for bound in (-(2**63), 2**63 - 1)]
    _check(draw_int, [*_operands(), *limits], **SEEDS[1])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("bounds", [(5, 5), (5, -5)])
def test_an_empty_range_is_noticed_when_numbers_are_asked_for(dtype: str, bounds: tuple[int, int]) -> None:
    limits = [np.array(bound, dtype) for bound in bounds]
    assert run_natively(draw_int, [*_operands((1,)), *limits], **SEEDS[0])[1] != 0
    assert run_natively(draw_int, [*_operands((0,)), *limits], **SEEDS[0])[1] == 0


@pytest.mark.parametrize("shape", [(), (0, 3), (1,), (2,), (5,), (4, 0), (17, 3), (1009, 2, 2)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_rows_are_shuffled(shape, dtype: str) -> None:
    rows = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    _check(draw_order, [np.array(512, "int64"), rows], **SEEDS[0])


def test_seeds_are_no_part_of_the_code() -> None:
    kernels = [
        LOWERINGS[draw_uniform](call_of(draw_uniform, _operands(), **seeds, dtype=dtypes.float32)[0], this_host()) for seeds in SEEDS
    ]
    assert len({call.kernel for calls in kernels for call in calls}) == 1


def test_what_has_no_kernel_stays_in_python() -> None:
    assert draw_classes not in LOWERINGS
    assert draw_gamma not in LOWERINGS
