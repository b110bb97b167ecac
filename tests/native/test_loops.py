"""Fused loops give what NumPy's kernels give: bit for bit, but for sums and products, whose terms may be taken in another order."""

import itertools
from typing import Any

import numpy as np
import pytest
from random_loops import FLOATS, INTEGERS, RandomLoop, random_values
from running import unaligned
from whole_programs import Array, Feeds, call, expected_of, fetching, loops_of, run_native

from graphopt.backends.native.loops import lower
from graphopt.compiler.passes.fuse import fuse
from graphopt.dtypes import as_dtype
from graphopt.ir.node import Node
from graphopt.ir.program import Program
from graphopt.ir.samples import SPECIAL
from graphopt.ops import elementwise as ops
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.elementwise.choice import cast_op
from graphopt.ops.reduce import reduce_all_op, reduce_any_op, reduce_max_op, reduce_min_op, reduce_prod_op
from graphopt.testing import difference, has_same_bits, is_close

# Relative to the sum of the terms' sizes, and, for products, to the result.
SUM = {2: 5e-3, 4: 1e-5, 8: 1e-13}
PRODUCT = {2: 5e-2, 4: 1e-4, 8: 1e-11}
PROGRAMS = 120
CHUNKS = [range(start, start + 20) for start in range(0, PROGRAMS, 20)]


def agrees(node: Node, found: Array, expected: Array, terms: Array | None) -> bool:
    """Return whether a value is what NumPy gives; a sum within the rounding of its terms."""
    if has_same_bits(found, expected):
        return True
    if node.op.reduction is None or found.dtype != expected.dtype or found.shape != expected.shape or found.dtype.kind != "f":
        return False
    if node.op.reduction in ("max", "min"):
        # Which of 0.0 and -0.0 comes out depends on the order.
        return bool(np.all((found == expected) | (np.isnan(found) & np.isnan(expected))))
    size = found.itemsize
    known = terms[np.isfinite(terms)].astype(np.float64) if terms is not None else np.zeros(0)
    if node.op.reduction == "product":
        # Where parts of a product overflow or vanish, another order overflows elsewhere.
        is_tame = known.size == found.size or not known.size or (known.size < 60 and bool(np.all((abs(known) < 8) & (abs(known) > 1 / 8))))
        return is_close(found, expected, tolerance=PRODUCT[size], scale=1e-30) or not is_tame
    return is_close(found, expected, tolerance=SUM[size], scale=max(1.0, float(np.abs(known).sum())))


def check(program: Program, feeds: Feeds, where: str = "", **options: Any) -> None:
    reduced = [output.node for output in program.outputs if output.node.op.reduction is not None]
    expected = expected_of(program, feeds.named)
    terms = dict(zip(reduced, expected_of(fetching(*[node.inputs[0] for node in reduced]), feeds.named), strict=True))
    found = run_native(program, feeds.named, **options)
    for output, a, b in zip(program.outputs, found, expected, strict=True):
        node = output.node
        assert agrees(node, np.asarray(a), b, terms.get(node)), f"{where} {node!r}: {difference(a, b)}"


@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_random_loops(seeds: range) -> None:
    for seed in seeds:
        loop = RandomLoop(seed)
        check(loop.program, loop.feeds, f"seed {seed}")


@pytest.mark.parametrize("seeds", CHUNKS[:4], ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_the_bits_do_not_depend_on_how_the_work_is_divided(seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lower, "_STEPS_PER_THREAD", 8)
    for seed in seeds:
        loop = RandomLoop(seed)
        run_native(loop.program, loop.feeds.named, threads=(1, 2, 3))


def test_random_loops_reach_what_they_should() -> None:
    loops = [RandomLoop(seed) for seed in range(PROGRAMS)]
    names = {node.op.name for loop in loops for node in loop.program.nodes()}
    assert {
        "transpose",
        "strided_slice",
        "broadcast_to",
        "select",
        "cast",
        "reduce_sum",
        "reduce_prod",
        "reduce_max",
        "reduce_any",
    } <= names
    assert {len(loop.shape) for loop in loops} == set(range(6))
    assert any(0 in loop.shape for loop in loops) and any(10_007 in loop.shape for loop in loops)
    assert {node.dtype.name for loop in loops for node in loop.program.nodes()} == {*FLOATS, *INTEGERS, "bool"}
    assert sum(len(loops_of(fuse(loop.program))) for loop in loops) > PROGRAMS / 2


SHAPES = [(3, 5, 4), (1, 37, 2), (2, 3, 0)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reductions_over_every_subset_of_axes(shape: tuple[int, ...]) -> None:
    """Of one operand, in one program: those over the same axes are one loop."""
    random = np.random.default_rng(3)
    feeds = Feeds()
    x, b = feeds(random.standard_normal(shape).astype(np.float32)), feeds(random.random(shape) < 0.8)
    subsets = [axes for count in range(4) for axes in itertools.combinations(range(3), count)]
    for keepdims in (False, True):
        results = []
        for axes in (*subsets, None, (-1,), (-3, 1)):
            results += [call(op, x, axis=axes, keepdims=keepdims) for op in (reduce_sum_op, reduce_max_op, reduce_min_op, reduce_prod_op)]
            results += [call(op, b, axis=axes, keepdims=keepdims) for op in (reduce_any_op, reduce_all_op)]
        program = fetching(*results)
        check(program, feeds)
        for loop in loops_of(fuse(program)):
            assert len({output.node.attributes["axis"] for output in loop.attributes["body"].outputs}) <= 3


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 10_007, 40_000])
def test_reductions_of_one_axis(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of more elements than one partial result is made of, and of columns."""
    monkeypatch.setattr(lower, "_STEPS_PER_THREAD", 8)
    random = np.random.default_rng(size)
    for shape in ((size,), (size, 3), (3, size), (2, size, 2)):
        feeds = Feeds()
        x = feeds(unaligned(random.standard_normal(shape).astype(np.float32)))
        y = call(ops.add, x, 0.5)
        axis = shape.index(size)
        one, two = call(reduce_sum_op, y, axis=(axis,)), call(reduce_max_op, y, axis=(axis,))
        check(fetching(one, two, y), feeds, str(shape), threads=(1, 2))


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_reductions_of_every_type(dtype: str) -> None:
    random = np.random.default_rng(5)
    feeds = Feeds()
    values = random.integers(1, 3, (7, 9)).astype(dtype)
    x = feeds(values)
    results = [
        call(op, x, axis=axis) for op in (reduce_sum_op, reduce_max_op, reduce_min_op, reduce_prod_op) for axis in ((0,), (1,), None)
    ]
    check(fetching(*results), feeds)


def test_special_values_in_reductions() -> None:
    for order in itertools.islice(itertools.permutations((np.nan, np.inf, -np.inf, -0.0, 1.0)), 0, None, 13):
        feeds = Feeds()
        x = feeds(np.array([[*order], [-0.0] * 5, [np.inf] * 5, [*order[1:], 2.0]], np.float32))
        program = fetching(*[call(op, x, axis=axis) for op in (reduce_max_op, reduce_min_op, reduce_sum_op) for axis in ((0,), (1,))])
        check(program, feeds)


@pytest.mark.parametrize("to", [*FLOATS, *INTEGERS, "bool"])
def test_casts(to: str) -> None:
    """From every type, with numbers that the new type doesn't have, where NumPy itself gives one answer for them."""
    random = np.random.default_rng(7)
    for source in (*FLOATS, *INTEGERS, "bool"):
        feeds = Feeds()
        if np.dtype(source).kind == "f":
            beyond = [] if to == "uint32" else [np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**33 + 4096, -(2.0**40), -1.0, -300.0, 2.0**63]
            with np.errstate(over="ignore"):
                values = np.array([0.0, -0.0, 0.5, 3.7, 126.5, 65504.0, 1e-7, 1.0009765625, *beyond] * 2).astype(source)
            values = values[: 8 + len(beyond)] if to.startswith(("int8", "uint8", "int16", "uint16")) else values
        else:
            values = random_values(random, source, (37,)) if source == "bool" else _extremes(source)
        result = call(cast_op, feeds(values), dtype=as_dtype(to))
        check(fetching(call(ops.select, feeds(np.ones(values.shape, np.bool_)), result, result)), feeds, f"{source} to {to}")


def _extremes(dtype: str) -> Array:
    limits = np.iinfo(dtype)
    numbers = [0, 1, limits.min, limits.max, limits.max - 1, limits.max // 2 + 3]
    return np.array([number for number in numbers if limits.min <= number <= limits.max] * 5, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values_meet_each_other(dtype: str) -> None:
    with np.errstate(over="ignore"):
        special = np.array(SPECIAL).astype(dtype)
    feeds = Feeds()
    x, y = feeds(special[:, None]), feeds(special)
    of_two = (ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum, ops.minimum, ops.div_no_nan, ops.less, ops.equal, ops.not_equal)
    of_one = (ops.negative, ops.absolute, ops.sign, ops.square, ops.sqrt, ops.floor, ops.ceil, ops.rint, ops.round_, ops.is_nan)
    check(fetching(*[call(op, x, y) for op in of_two], *[call(op, y) for op in of_one]), feeds)


def test_round_and_div_no_nan_are_steps_of_a_loop() -> None:
    feeds = Feeds()
    x, y, n = feeds(np.float32([2.5, 1.5, -2.5])), feeds(np.float32([0.0, -0.0, 2.0])), feeds(np.int32([1, 2, 3]))
    program = fetching(call(ops.round_, call(ops.div_no_nan, call(ops.multiply, x, 3.0), y)), call(ops.round_, call(ops.add, n, n)))
    assert {node.op.name for node in fuse(program).nodes()} == {"input", "const", "item", "fused"}
    check(program, feeds)
