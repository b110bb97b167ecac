"""Random programs give the same values however they are run: level by level, tier by tier, as the recorded graph says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphopt.compiler.passes.expand import expand
from graphopt.compiler.passes.fold import fold_constants
from graphopt.compiler.passes.specialize import specialize
from graphopt.compiler.rewrite import apply_rules, rules_for
from graphopt.config import override
from graphopt.errors import OpError
from graphopt.ir.program import Program
from graphopt.ir.text import format_program, parse_program
from graphopt.ir.types import TensorType
from graphopt.runtime.session import Session
from graphopt.testing import BACKENDS, RandomProgram, difference, has_same_bits, is_close, random_program, run_recorded

COUNT = 400
CHUNK = 20
CHUNKS = [range(start, start + CHUNK) for start in range(0, COUNT, CHUNK)]
# Fewer programs run natively, because each is compiled.
NATIVE_CHUNKS = [range(start, start + 10) for start in range(0, 60, 10)]

COLD = 10**9
# Rounding grows along up to eight levels of steps on numbers up to 20.
TOLERANCE = {4: 1e-3, 8: 1e-7}
SCALE = 20.0


def by_seeds(seeds: range) -> str:
    return f"{seeds.start}-{seeds.stop - 1}"


def programs(seeds: range) -> Iterator[RandomProgram]:
    for seed in seeds:
        yield random_program(seed, depth=1 + seed % 8)


def outcome(run: Any) -> Any:
    """Return the values of a run, or the error it raises."""
    try:
        return run()
    except OpError as error:
        return error


def feeds_of(program: RandomProgram, seed: int) -> list[Any]:
    """Return what to feed, run by run: other shapes, and other integers with which a run may fail after it has begun."""
    wrong = {t: np.asarray(value + 1 + seed % 3) if value.dtype.kind == "i" else value for t, value in program.feeds.items()}
    return [program.feeds, program.other_feeds(seed), wrong, program.feeds]


def all_close(found: Any, expected: Any) -> str:
    """Return how two lists of values differ, or an empty string."""
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        if (a is None) != (b is None):
            return f"value {i}: {a!r} and {b!r}"
        if a is not None and not is_close(np.asarray(a), np.asarray(b), tolerance=TOLERANCE.get(np.asarray(a).dtype.itemsize), scale=SCALE):
            return f"value {i}: {difference(a, b)}"
    return ""


def all_same(found: Any, expected: Any) -> str:
    """Return where two lists of values differ in their bits, or an empty string."""
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        if (a is None) != (b is None) or (a is not None and not has_same_bits(a, b)):
            return f"value {i}: {difference(a, b)}"
    return ""


def run_session(program: RandomProgram, feeds: list[Any], **settings: Any) -> list[Any]:
    """Return the outcomes of runs one after the other in one session. What one run gave must not change in the next."""
    outcomes: list[Any] = []
    copies: list[Any] = []
    with override(**{"verify": True, "backend": "numpy", **settings}):
        session = Session(graph=program.graph)
        session.run(program.initializer)
        for feed in feeds:
            fed = [value.copy() for value in feed.values()]
            outcomes.append(outcome(lambda: session.run(program.everything, feed)))  # noqa: B023
            copies.append([None if v is None else np.array(v) for v in outcomes[-1]] if isinstance(outcomes[-1], list) else None)
            assert all(has_same_bits(a, b) for a, b in zip(fed, feed.values(), strict=True)), "a run changes what it is fed"
    for values, copy in zip(outcomes, copies, strict=True):
        assert copy is None or not all_same(values, copy), "a later run changes what an earlier one gave"
    return outcomes


@pytest.mark.parametrize("seeds", CHUNKS, ids=by_seeds)
def test_levels_and_tiers_agree(seeds: range) -> None:
    for seed, program in zip(seeds, programs(seeds), strict=True):
        feeds, state = feeds_of(program, seed), program.state()
        expected = [outcome(lambda: run_recorded(program.everything, feed, state)) for feed in feeds]  # noqa: B023
        for level in (0, 1, 2, 3):
            cold, hot = [run_session(program, feeds, optimize=level, hot_after=after) for after in (COLD, 0)]
            for i, (a, b, reference) in enumerate(zip(cold, hot, expected, strict=True)):
                where = f"seed {seed}, level {level}, run {i}"
                if isinstance(reference, OpError):
                    assert isinstance(a, type(reference)) and isinstance(b, type(reference)), f"{where}: {a!r}, not {reference!r}"
                    continue
                assert isinstance(a, list) and isinstance(b, list), f"{where}: {a!r}, {b!r}"
                assert all_same(b, a) == "", f"{where}, between tiers"
                assert all_close(a, reference) == "", where


@pytest.mark.parametrize("seeds", NATIVE_CHUNKS, ids=by_seeds)
def test_native_code_agrees_with_numpy(seeds: range) -> None:
    """Within rounding; and every run gives the same bits, whatever the number of threads."""
    for seed, program in zip(seeds, programs(seeds), strict=True):
        feeds = [*feeds_of(program, seed), program.feeds]
        expected = run_session(program, feeds)
        alone, again, together = [run_session(program, feeds, backend="native", threads=threads) for threads in (1, 1, 2)]
        for i, (a, b, c, reference) in enumerate(zip(alone, again, together, expected, strict=True)):
            where = f"seed {seed}, run {i}"
            if isinstance(reference, OpError):
                assert all(type(found) is type(reference) for found in (a, b, c)), f"{where}: {a!r}, {b!r}, {c!r}, not {reference!r}"
                continue
            assert all(isinstance(found, list) for found in (a, b, c)), f"{where}: {a!r}, {b!r}, {c!r}"
            assert all_close(a, reference) == "", where
            assert all_same(b, a) == "", f"{where}, the second time"
            assert all_same(c, a) == "", f"{where}, with two threads"


@pytest.mark.parametrize("seeds", CHUNKS, ids=by_seeds)
def test_exact_rules_keep_every_bit(seeds: range) -> None:
    """Also with infinities, NaN and -0.0 among the feeds."""
    fired: list[str] = []
    for seed, program in zip(seeds, programs(seeds), strict=True):
        plain = expanded(program)
        simpler = fold_constants(apply_rules(fold_constants(plain), rules_for(1), fired))
        for feeds in (program.feeds, program.other_values(seed)):
            a, b = [outcome(lambda: run_all(p, program, feeds)) for p in (plain, simpler)]  # noqa: B023
            assert isinstance(a, OpError) == isinstance(b, OpError), f"seed {seed}: {a!r}, {b!r}"
            if not isinstance(a, OpError):
                assert all_same(b, a) == "", f"seed {seed}"
    assert len(set(fired)) > 5


def expanded(program: RandomProgram) -> Program:
    types = {("feed", t.name): TensorType(t.dtype, value.shape) for t, value in program.feeds.items()}
    return expand(specialize(program.discharged(), types))


def run_all(program: Program, recorded: RandomProgram, feeds: Any) -> list[Any]:
    """Return all outputs of a program for the given feeds, the initial variables and unused counters."""
    named = {t.name: value[()] if value.ndim == 0 else value for t, value in feeds.items()} | recorded.state()
    named |= {n.attributes["name"]: np.int64(0) for n in program.inputs() if n.attributes["kind"] == "counter"}
    outputs = BACKENDS["numpy closures"](program, named)
    return [value for value, output in zip(outputs, program.outputs, strict=True) if output.kind != "effect"]


@pytest.mark.parametrize("seeds", CHUNKS[:3], ids=by_seeds)
def test_programs_can_be_printed_and_parsed(seeds: range) -> None:
    for program in programs(seeds):
        for made in (program.discharged(), program.optimized()):
            assert parse_program(format_program(made)) == made


@pytest.mark.parametrize("seeds", CHUNKS[:2], ids=by_seeds)
def test_the_same_run_twice_gives_the_same_bits(seeds: range) -> None:
    for program in programs(seeds):
        first, second = [run_session(program, [program.feeds] * 3, hot_after=1) for _ in range(2)]
        for a, b in zip(first, second, strict=True):
            assert isinstance(a, OpError) or all_same(a, b) == ""


def test_a_seed_gives_one_program() -> None:
    a, b = random_program(7), random_program(7)
    assert [str(op) for op in a.graph.get_operations()] == [str(op) for op in b.graph.get_operations()]


def test_random_programs_reach_all_families() -> None:
    found = {op.type for program in programs(range(COUNT // 2)) for op in program.graph.get_operations()}
    for family in (
        {"Add", "Mul", "Tanh"}, {"Sum", "Max", "Prod"}, {"Reshape", "Transpose", "ConcatV2"}, {"GatherV2", "StridedSlice", "OneHot"},
        {"MatMul", "MatrixSolve", "Einsum"}, {"Softmax", "Conv2D", "MaxPool", "FusedBatchNorm"}, {"Select", "Cast"},
        {"AssignAdd", "ScatterAdd", "Assign"}, {"RandomUniform"},
    ):  # fmt: skip
        assert family <= found


def test_random_programs_have_hidden_sizes_and_control_edges() -> None:
    some = list(programs(range(40)))
    assert any(t.tensor_type.shape is None for p in some for t in p.feeds)
    assert any(None in (t.tensor_type.shape or ()) for p in some for t in p.feeds)
    assert any(op.control_inputs for p in some for op in p.graph.get_operations() if op is not p.train)


@pytest.mark.parametrize("feeds", [0, 1])
@pytest.mark.parametrize("kept", [0, 1])
def test_a_subset_of_the_fetches_runs_only_what_it_needs(feeds: int, kept: int) -> None:
    """Fetches without the updates leave the variables alone, and give what the recorded graph gives."""
    for seed, program in zip(range(20), programs(range(20)), strict=True):
        state = program.state()
        fetches = program.fetches[kept::2] or program.fetches
        feed = program.feeds if feeds == 0 else program.other_feeds(seed)
        session = Session(graph=program.graph)
        session.run(program.initializer)
        expected = outcome(lambda: run_recorded(fetches, feed, state))  # noqa: B023
        found = outcome(lambda: session.run(fetches, feed))  # noqa: B023
        assert isinstance(found, OpError) == isinstance(expected, OpError)
        if isinstance(found, list):
            assert all_close(found, expected) == ""
        after = [session.run(v) for v in program.variables]
        assert all_close(after, [state[v.op.name] for v in program.variables]) == "", f"seed {seed}"
