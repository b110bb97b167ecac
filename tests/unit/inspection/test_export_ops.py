"""Every op that numpy runs can stand in an exported file, but for those that work on Python objects."""

import runpy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.config import override
from graphopt.errors import ArgumentError, OpError
from graphopt.ir.opdef import OpDef
from graphopt.testing import random_program, registered_ops
from graphopt.testing.calls import Call
from graphopt.testing.compare import difference, has_same_bits

OPS = [op for op in registered_ops() if op.kernel is not None]

STRINGS = "it works on strings, which NumPy keeps as Python objects"
REFUSED = {
    "as_string": STRINGS,
    "audio_summary": STRINGS,
    "histogram_summary": STRINGS,
    "image_summary": STRINGS,
    "merge_summary": STRINGS,
    "scalar_summary": STRINGS,
    "string_join": STRINGS,
    "string_to_number": STRINGS,
    "tensor_summary": STRINGS,
}
# Made by the compiler alone, for backends with loops of their own: there is no way to record one.
NOT_RECORDED = {"fused"}


def run_file(path: Path, feeds: dict[Any, Any]) -> Any:
    """Run an exported file twice, because the second run finds used buffers."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exported = runpy.run_path(str(path))
    given = {tensor.name: np.asarray(value, tensor.dtype.np) for tensor, value in feeds.items()}
    state = exported["initial_state"]()
    exported["step"](state, given)
    return exported["step"](state, given)


def check(call: Call, level: int, path: Path) -> None:
    with override(optimize=level):
        graph, results, feeds = call.record(next(iter(call.blind())))
        session = tf.Session(graph=graph, backend="numpy")
        expected = session.run(list(results), feeds)
        tf.export(list(results), path, feed_dict=feeds, session=session)
    for found, value in zip(run_file(path, feeds), expected, strict=True):
        assert type(found) is type(value)
        assert has_same_bits(found, value), difference(found, value)


@pytest.mark.parametrize("op", [op for op in OPS if op.name not in REFUSED and op.name not in NOT_RECORDED], ids=lambda op: op.name)
def test_an_exported_op_gives_the_same_bits(op: OpDef, tmp_path: Path) -> None:
    for i, sample in enumerate(op.samples):
        if sample.error is None:
            # Optimised, and at level 0, where each op runs as its kernel.
            for level in (0, 2):
                check(Call(op, sample), level, tmp_path / f"{i}_{level}.py")


@pytest.mark.parametrize("name", REFUSED)
def test_an_op_on_python_objects_is_refused(name: str, tmp_path: Path) -> None:
    (op,) = [op for op in OPS if op.name == name]
    call = Call(op, next(sample for sample in op.samples if sample.error is None))
    graph, results, feeds = call.record(next(iter(call.blind())))
    with pytest.raises(ArgumentError, match=f"The operation '{op.default_name}' .* can't be exported: {REFUSED[name]}"):
        tf.export(list(results), tmp_path / "op.py", feed_dict=feeds, session=tf.Session(graph=graph))


def fails_at_run_time(op: OpDef) -> bool:
    return op.name not in REFUSED and any(sample.error is not None for sample in op.samples)


@pytest.mark.parametrize("op", [op for op in OPS if fails_at_run_time(op)], ids=lambda op: op.name)
def test_an_exported_op_raises_the_same_error(op: OpDef, tmp_path: Path) -> None:
    for i, sample in enumerate(op.samples):
        if sample.error is None:
            continue
        graph, results, feeds = Call(op, sample).record(list(Call(op, sample).blind())[-1])
        path = tmp_path / f"{i}.py"
        try:
            tf.export(list(results), path, feed_dict=feeds, session=tf.Session(graph=graph, backend="numpy"))
        except OpError as error:  # what types alone decide is found when the step is compiled
            assert sample.error in str(error)
            continue
        with pytest.raises(ValueError) as raised:
            run_file(path, feeds)
        assert sample.error in str(raised.value)


def same_state(state: dict[str, Any], session: Any) -> bool:
    return all(has_same_bits(value, session.store.cell(name).value) for name, value in state.items())


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_give_the_same_bits_and_fail_at_the_same_steps(seed: int, tmp_path: Path) -> None:
    program = random_program(seed, depth=1 + seed % 8)
    session = tf.Session(graph=program.graph, backend="numpy")
    session.run(program.initializer)
    try:
        tf.export(program.everything, tmp_path / "exported.py", feed_dict=program.feeds, session=session)
    except OpError:  # a step that must fail
        return
    exported = runpy.run_path(str(tmp_path / "exported.py"))
    state = exported["initial_state"]()
    wrong = {t: np.asarray(value + 1 + seed % 3) if value.dtype.kind == "i" else value for t, value in program.feeds.items()}
    for feeds in (program.feeds, wrong, program.other_values(seed), program.feeds):
        given = {t.name: value for t, value in feeds.items()}
        try:
            expected = session.run(program.everything, feeds)
        except OpError:
            with pytest.raises(ValueError):
                exported["step"](state, given)
        else:
            for found, value in zip(exported["step"](state, given), expected, strict=True):
                assert has_same_bits(found, value), difference(found, value)
        assert same_state(state, session)
