"""Sessions on the native backend: how it is chosen, what can be looked at, and that every feature gives numpy's numbers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from training_ops import dense, session_of, state_of

import graphopt as tf
from graphopt import backends, config


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


@pytest.fixture
def without_llvmlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_missing", lambda name: ["llvmlite", "scipy"] if name == "native" else [])


# --- the choice ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "found"), [("native", "native"), ("numpy", "numpy"), ("auto", "native"), (None, "native")])
def test_a_session_says_which_backend_it_uses(asked: str | None, found: str) -> None:
    with config.override(backend="auto"):
        assert tf.Session(backend=asked).backend == found


def test_the_argument_goes_before_the_setting() -> None:
    with config.override(backend="numpy"):
        assert tf.Session().backend == "numpy"
        assert tf.Session(backend="native").backend == "native"


@pytest.mark.usefixtures("without_llvmlite")
def test_without_its_packages_the_native_backend_is_left_out() -> None:
    with config.override(backend="auto"):
        assert tf.Session().backend == "numpy"
    with pytest.raises(ValueError, match=r"The backend 'native' needs llvmlite and scipy: pip install 'graphopt\[native\]'\."):
        tf.Session(backend="native")


def test_a_package_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "llvmlite" else object())
    assert backends._missing.__wrapped__("native") == ["llvmlite"]
    assert backends._missing.__wrapped__("numpy") == []


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no backend 'cuda'; there are: auto, numpy, native"):
        tf.Session(backend="cuda")


# --- what can be looked at -------------------------------------------------------------------------------------------------


def test_what_was_compiled_can_be_read() -> None:
    train_op, feeds = dense(20, 16, 10, batch=4)
    session = session_of("native")
    compiled = session.compiled(train_op, feeds)
    assert compiled.backend == "native"
    assert "define" in compiled.llvm
    assert "enter" in compiled.assembly
    assert "def " in compiled.source
    assert "matmul" in compiled.program
    assert compiled.plan.in_place
    assert f"{len(compiled.description.kernels)} kernels" in repr(compiled)
    session.run(train_op, feeds)  # looking at it has run nothing
    assert session.run(tf.train.get_global_step()) == 1
    on_numpy = session_of("numpy").compiled(train_op, feeds)
    assert (on_numpy.backend, on_numpy.llvm, on_numpy.assembly, on_numpy.description.kernels) == ("numpy", None, None, ())


def test_explain_shows_kernels_and_python_steps_with_reasons() -> None:
    x = tf.placeholder(tf.float32, [4, 3])
    w = tf.Variable(np.ones((3, 1), np.float32))
    seen = tf.py_func(lambda value: value, [tf.matmul(x, w)], tf.float32, name="look")
    seen.set_shape([4, 1])
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(tf.square(tf.matmul(x, w)) + seen), None, 0.1, "SGD")
    session = session_of("native")
    assert "kernels" not in tf.explain(train_op, session=session).to_dict()["cost"]
    session.run(train_op, {x: np.ones((4, 3), np.float32)})
    explanation = tf.explain(train_op, session=session)
    text, cost = str(explanation), json.loads(explanation.to_json())["cost"]
    assert "kernels of the native backend" in text
    assert "in Python: call_python (look): its result f32[*] is kept in Python" in text
    assert cost["backend"] == "native"
    assert all(kernel["calls"] >= 1 and kernel["fused"] and kernel["title"] for kernel in cost["kernels"])
    assert all(step["reason"] for step in cost["python_steps"])


def test_a_traced_run_times_native_calls() -> None:
    train_op, feeds = dense(20, 16, 10, batch=4)
    session, plain = session_of("native"), session_of("native")
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    for _ in range(3):
        loss = session.run(train_op, feeds, options=options, run_metadata=metadata)
        assert loss == plain.run(train_op, feeds)
    stats = metadata.step_stats.dev_stats[0].node_stats
    assert len(stats) >= len(session.compiled(train_op, feeds).description.kernels) // 2
    assert all(0 <= s.op_start_rel_micros <= s.op_end_rel_micros for s in stats)


# --- features --------------------------------------------------------------------------------------------------------------


def _agree(build: Callable[[], tuple[Any, dict[Any, Any]]], runs: int = 4, rtol: float = 1e-6) -> None:
    """Compare what some fetches give in several runs on both backends, and the state they leave."""
    found: dict[str, list[Any]] = {}
    states: dict[str, dict[str, Any]] = {}
    for backend in ("numpy", "native"):
        with tf.Graph().as_default():
            tf.set_random_seed(7)
            fetches, feeds = build()
            session = session_of(backend)
            found[backend] = [value for _ in range(runs) for value in session.run(fetches, feeds)]
            states[backend] = state_of(session)
    for value, expected in zip(found["native"], found["numpy"], strict=True):
        np.testing.assert_allclose(value, expected, rtol=rtol, atol=1e-7)
    for name, expected in states["numpy"].items():
        np.testing.assert_allclose(states["native"][name], expected, rtol=rtol, atol=1e-7, err_msg=name)


def _branches() -> tuple[Any, dict[Any, Any]]:
    x, n = tf.placeholder(tf.float32, [3]), tf.Variable(0)
    with tf.control_dependencies([tf.assign_add(n, 1)]):
        odd = tf.equal(tf.mod(tf.identity(n), 2), 1)
    w = tf.Variable(np.ones(3, np.float32))
    new = tf.cond(odd, lambda: tf.assign_add(w, x), lambda: tf.assign(w, w * 3.0))
    return [odd, new, tf.cond(x[0] > 1.0, lambda: x * 2.0, lambda: tf.sin(x))], {x: np.arange(3, dtype=np.float32)}


def _loop() -> tuple[Any, dict[Any, Any]]:
    x = tf.placeholder(tf.float32, [3])
    w = tf.Variable(np.ones(3, np.float32))
    _, total = tf.while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, t * 0.5 + w * x), [tf.constant(0), x])
    loss = tf.reduce_sum(total)
    return [tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, "SGD")], {x: np.ones(3, np.float32)}


def _dropout() -> tuple[Any, dict[Any, Any]]:
    x = tf.placeholder(tf.float32, [8, 6])
    w = tf.get_variable("w", [6, 4], initializer=tf.glorot_uniform_initializer(seed=3))
    h = tf.nn.dropout(tf.matmul(x, w), 0.5, seed=5)
    noise = [tf.random_uniform([5], seed=1), tf.random_normal([5], seed=2), tf.random_uniform([4], maxval=9, dtype=tf.int32, seed=3)]
    loss = tf.reduce_sum(tf.square(h)) + tf.reduce_sum(tf.truncated_normal([3], seed=9))
    train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.01, "Adam", gradient_noise_scale=0.1)
    return [train_op, *noise], {x: np.ones((8, 6), np.float32)}


def _python_between() -> tuple[Any, dict[Any, Any]]:
    x, w = tf.placeholder(tf.float32, [3]), tf.Variable(np.ones(3, np.float32))
    sorted_ = tf.py_func(np.sort, [x * w], tf.float32)
    sorted_.set_shape([3])
    text = tf.as_string(tf.cast(tf.reduce_sum(sorted_), tf.int32))
    return [tf.assign(w, sorted_ * 0.5 + w), tf.string_to_number(text)], {x: np.array([3.0, 1.0, 2.0], np.float32)}


@pytest.mark.parametrize("build", [_branches, _loop, _dropout, _python_between], ids=lambda build: build.__name__.strip("_"))
def test_features_give_the_numbers_of_numpy(build: Callable[[], Any]) -> None:
    _agree(build)


def test_random_numbers_are_the_same_bits() -> None:
    found = []
    for backend in ("numpy", "native"):
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            x = tf.placeholder(tf.float32, [100])
            fetches = [tf.random_uniform([100]) + 0.0 * x, tf.random_uniform([9], maxval=100, dtype=tf.int64), tf.nn.dropout(x, 0.3)]
            session = session_of(backend)
            found.append([v.tobytes() for _ in range(4) for v in session.run(fetches, {x: np.ones(100, np.float32)})])
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0])


def _moved(session: Any, backend: str) -> Any:
    """Return a new session with the values of another's variables."""
    new = tf.Session(backend=backend)
    for variable in tf.global_variables():
        variable.load(session.run(variable), new)
    return new


@pytest.mark.parametrize("backend", ["native", "numpy"])
def test_training_goes_on_in_another_session(backend: str) -> None:
    train_op, feeds = dense(20, 16, 10, batch=4)
    whole, first = session_of("native"), session_of("native")
    expected = [whole.run(train_op, feeds) for _ in range(9)]
    found = [first.run(train_op, feeds) for _ in range(4)]
    second = _moved(first, backend)
    for name, value in state_of(first).items():
        assert state_of(second)[name].tobytes() == value.tobytes(), name
    found += [second.run(train_op, feeds) for _ in range(5)]
    np.testing.assert_allclose(found, expected, rtol=0 if backend == "native" else 1e-6)
    if backend == "native":
        for name, value in state_of(whole).items():
            assert state_of(second)[name].tobytes() == value.tobytes(), name
