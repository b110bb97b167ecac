"""`run_steps` gives what as many `step`s give, on both backends."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from training_ops import WORKLOADS, dense, embedding, regression, session_of, state_of

import graphopt as tf

BACKENDS = ["numpy", "native"]


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def _rows(feeds: dict[Any, Any], steps: int) -> dict[Any, Any]:
    """Return feeds of many steps: each step's batch in another order."""
    return {tensor: np.stack([np.roll(value, i, 0) for i in range(steps)]) for tensor, value in feeds.items()}


def _each(rows: dict[Any, Any], steps: int) -> list[dict[Any, Any]]:
    return [{tensor: value[i] for tensor, value in rows.items()} for i in range(steps)]


def _same(found: Any, expected: list[Any], sessions: tuple[Any, Any]) -> None:
    """Check results of `run_steps` and the state it left against those of single steps."""
    assert found.losses.tobytes() == np.array([e.loss for e in expected]).tobytes()
    assert found.global_steps.tolist() == [e.global_step for e in expected]
    assert found.global_steps.dtype == np.int64
    if found.summaries is None:
        assert all(e.summaries is None for e in expected)
    else:
        assert len(found.summaries) == len(expected)
        assert [s.SerializeToString() for s in found.summaries] == [e.summaries.SerializeToString() for e in expected]
    states = [state_of(session) for session in sessions]
    for name, value in states[0].items():
        assert value.tobytes() == states[1][name].tobytes(), name


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["regression", "small", "embedding", "lstm"])
def test_many_steps_are_as_many_single_ones(name: str, backend: str) -> None:
    train_op, feeds = WORKLOADS[name]()
    rows = _rows(feeds, 6)
    one, many, fed = (session_of(backend) for _ in range(3))
    expected = [one.step(train_op, feed) for feed in _each(rows, 6)]
    _same(many.run_steps(train_op, rows), expected, (many, one))
    _same(fed.run_steps(train_op, iter(_each(rows, 6))), expected, (fed, one))
    # And again, after single steps, with what is there now.
    expected = [one.step(train_op, feed) for feed in _each(rows, 6)]
    _same(many.run_steps(train_op, rows, steps=6), expected, (many, one))


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_fed(backend: str) -> None:
    train_op, _ = WORKLOADS["large"]()
    one, many = session_of(backend), session_of(backend)
    _same(many.run_steps(train_op, steps=3), [one.step(train_op) for _ in range(3)], (many, one))


def _with_summaries(kinds: list[str]) -> tuple[Any, dict[Any, Any]]:
    rng = np.random.default_rng(0)
    x = tf.placeholder(tf.float32, [4, 3])
    w = tf.get_variable("w", initializer=np.ones((3, 1), np.float32))
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - 0.5))
    tf.summary.scalar("size", tf.norm(w))
    if "histogram" in kinds:
        tf.summary.histogram("weights", w)
    if "python" in kinds:
        seen = tf.py_func(lambda value: value * 2, [loss], tf.float32)
        seen.set_shape([])
        loss = loss + tf.stop_gradient(seen)
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(loss, step, 0.1, "Adam", summaries=["loss", "learning_rate", "global_gradient_norm"])
    return train_op, {x: rng.standard_normal((4, 3)).astype(np.float32)}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kinds", [[], ["histogram"], ["python"], ["histogram", "python"]], ids="-".join)
def test_every_step_has_its_summaries(kinds: list[str], backend: str) -> None:
    train_op, feeds = _with_summaries(kinds)
    rows = _rows(feeds, 5)
    one, many = session_of(backend), session_of(backend)
    found = many.run_steps(train_op, rows)
    _same(found, [one.step(train_op, feed) for feed in _each(rows, 5)], (many, one))
    tags = {value.tag for value in found.summaries[-1].value}
    assert {"OptimizeLoss/loss", "size"} <= tags
    assert len(found.summaries[1:3]) == 2
    with pytest.raises(IndexError, match=r"There are 5 steps, got 5\.|list index out of range"):
        found.summaries[5]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kinds", [[], ["histogram"]], ids=["later", "each"])
def test_no_steps_change_nothing(kinds: list[str], backend: str) -> None:
    train_op, feeds = _with_summaries(kinds)
    session = session_of(backend)
    before = state_of(session)
    found = session.run_steps(train_op, {tensor: value[None][:0] for tensor, value in feeds.items()})
    assert (found.losses.shape, found.losses.dtype, found.global_steps.shape) == ((0,), np.float32, (0,))
    assert list(found.summaries) == []
    assert session.run_steps(train_op, []).losses.shape == (0,)
    for name, value in state_of(session).items():
        assert value.tobytes() == before[name].tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_steps_before_a_failing_one_are_done(backend: str) -> None:
    train_op, feeds = embedding(4, 20)
    rows = _rows(feeds, 5)
    ids = next(iter(rows))
    one, many = session_of(backend), session_of(backend)
    for feed in _each(rows, 3):
        one.step(train_op, feed)
    rows[ids][3, 0, 0] = 20
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 20 is not in \[0, 20\)"):
        many.run_steps(train_op, rows)
    for name, value in state_of(one).items():
        assert state_of(many)[name].tobytes() == value.tobytes(), name
    rows[ids][3, 0, 0] = 19
    rest = {tensor: value[3:] for tensor, value in rows.items()}
    _same(many.run_steps(train_op, rest), [one.step(train_op, feed) for feed in _each(rest, 2)], (many, one))


@pytest.mark.parametrize("backend", BACKENDS)
def test_feeds_of_many_steps_come_in_every_form(backend: str) -> None:
    x, y = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.int8, [])
    w = tf.Variable(0.0)
    train_op = tf.assign_add(w, tf.reduce_sum(x) * tf.cast(y, tf.float32))
    session = session_of(backend)
    unaligned = np.frombuffer(b"\0" + np.ones(6, np.float32).tobytes(), np.uint8)[1:].view(np.float32).reshape(3, 2)
    forms = [
        np.ones((3, 2)),
        np.ones((3, 2), ">f4"),
        [[1, 1], [1, 1], [1, 1]],
        tuple(np.ones((3, 2), np.float32)),
        np.ones((2, 3), np.float32).T,
        np.ones((6, 2), np.float32)[::2],
        unaligned,
        np.broadcast_to(np.float32(1.0), (3, 2)),
    ]
    for i, form in enumerate(forms):
        assert session.run_steps(train_op, {x: form, y: [1, 2, 3]}).losses.tolist() == [12 * i + 2, 12 * i + 6, 12 * i + 12]
    session.run(tf.assign(w, 0.0))
    assert session.run_steps(train_op, {(x, y): (forms[0], range(3))}).losses.tolist() == [0, 2, 6]
    endless = ({x: [1.0, 0.0], y: 1} for _ in iter(int, 1))
    assert session.run_steps(train_op, endless, steps=2).losses.tolist() == [7, 8]


@pytest.mark.parametrize(
    ("run", "error", "text"),
    [
        (lambda s, op, x: s.run_steps(op, {x: 1.0}), TypeError, "needs a leading axis with a value for each step, got a scalar"),
        (lambda s, op, x: s.run_steps(op), ValueError, "run_steps needs `steps` when nothing is fed"),
        (lambda s, op, x: s.run_steps(op, {x: np.ones((2, 3))}, steps=4), ValueError, "run of 4 steps need as many rows; 'x:0' has 2"),
        (lambda s, op, x: s.run_steps(op, {x: np.ones((2, 3))}, steps=-1), TypeError, "must be a whole number, 0 or more, got -1"),
        (lambda s, op, x: s.run_steps(op, [], steps=2.5), TypeError, "must be a whole number, 0 or more, got 2.5"),
        (lambda s, op, x: s.run_steps(op, 7), TypeError, "feeds must be a mapping of tensors, or an iterator of such mappings"),
        (lambda s, op, x: s.run_steps(op, {x: np.ones((2, 4))}), ValueError, "Cannot feed value of shape"),
        (lambda s, op, x: s.run_steps(op, {x: [["a", "b", "c"]]}), ValueError, "Cannot feed list for Tensor 'x:0'"),
    ],
    ids=["scalar", "no-steps", "rows", "negative", "fraction", "int", "shape", "text"],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_no_feed_of_many_steps_is_refused(backend: str, run: Callable[..., Any], error: type[Exception], text: str) -> None:
    x = tf.placeholder(tf.float32, [3], name="x")
    w = tf.Variable(1.0)
    op = tf.assign_add(w, tf.reduce_sum(x))
    session = session_of(backend)
    with pytest.raises(error, match=text):
        run(session, op, x)
    assert session.run(w) == 1.0


def test_a_number_that_does_not_fit_is_refused_as_in_a_single_feed() -> None:
    x = tf.placeholder(tf.int8, [1], name="x")
    session = session_of("native")
    for run in (lambda: session.run(x + x, {x: [300]}), lambda: session.run_steps(x + x, {x: [[1], [300]]})):
        with pytest.raises(ValueError, match="Cannot feed list for Tensor 'x:0' of type int8"):
            run()


def test_long_runs_and_mixed_shapes() -> None:
    train_op, feeds = regression(4)
    one, many = session_of("native"), session_of("native")
    step = one.make_callable(train_op, list(feeds))
    expected = [step(*feeds.values()) for _ in range(3000)]
    wide = {tensor: np.broadcast_to(value, (1000, *value.shape)) for tensor, value in feeds.items()}
    found = np.concatenate([many.run_steps(train_op, wide).losses for _ in range(3)])
    assert found.tobytes() == np.array(expected).tobytes()
    smaller = {tensor: value[:, :3] for tensor, value in wide.items()}
    assert many.run_steps(train_op, smaller).global_steps[[0, -1]].tolist() == [3001, 4000]


def test_a_training_op_of_another_kind_falls_back() -> None:
    train_op, feeds = dense(20, 16, 10, batch=4)
    session = session_of("native")
    random = tf.reduce_sum(tf.random_uniform([3], seed=1)) + 0.0 * train_op
    losses = session.run_steps(random, _rows(feeds, 4)).losses
    assert len(set(losses.tolist())) == 4
