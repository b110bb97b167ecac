"""The short way of a run gives what the long way gives, whatever comes between two of them."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from training_ops import Log, both, dense, embedding, ones, regression, session_of, state_of

import graphopt as tf


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def _is_quick(session: Any) -> bool:
    """Return True when the signature made last has a short way."""
    return list(session._signatures.values())[-1]._quick is not None


def test_mixed_ways_of_running_agree_with_numpy() -> None:
    def scenario(make_session: Any) -> Log:
        train_op, feeds = dense(20, 16, 10, batch=8)
        (x, y), (rows, labels) = feeds, feeds.values()
        step, bias = tf.train.get_global_step(), next(v for v in tf.global_variables() if v.op.name == "b1")
        norm, rewind = tf.reduce_sum(tf.square(bias)), tf.assign(step, 3)
        change = tf.assign(bias, tf.zeros_like(bias))
        session = make_session()
        call = session.make_callable(train_op, [x, y])
        seen: Log = []
        for turn in range(3):
            seen += [session.run(train_op, feeds) for _ in range(3)]
            seen += [call(rows, labels) for _ in range(2)]
            seen += [session.run([train_op, norm], feeds)[1], session.run(step)]
            seen += [*session.step(train_op, feeds)[:2], session.run(norm)]
            many = session.run_steps(train_op, {x: np.stack([rows] * 4), y: np.stack([labels] * 4)})
            seen += [many.losses, many.global_steps]
            session.run(rewind if turn == 1 else change)
            seen += [session.run(step), call(rows, labels), session.run(step)]
            seen += [value for _, value in sorted(state_of(session).items())]
        return seen

    both(scenario, rtol=2e-5)


def test_two_signatures_take_turns_on_the_same_variables() -> None:
    def scenario(make_session: Any) -> Log:
        w, n = tf.Variable(ones(3)), tf.Variable(0)
        x = tf.placeholder(tf.float32, [3])
        grow = tf.group(tf.assign_add(w, x), tf.assign_add(n, 1))
        shrink = tf.group(tf.assign(w, w * 0.5), tf.assign_add(n, 10))
        session = make_session()
        seen: Log = []
        for i in range(4):
            for op in (grow, shrink, grow, grow, shrink, shrink):
                session.run(op, {x: ones(3) * i})
                seen += session.run([w, n]) if i % 2 else [session.run(n)]
        return [*seen, *session.run([w, n])]

    both(scenario)


def test_feeds_of_every_kind_may_come_between() -> None:
    unaligned = np.frombuffer(b"\0" + np.arange(6, dtype=np.float32).tobytes(), np.uint8)[1:].view(np.float32).reshape(2, 3)
    read_only = np.full((2, 3), 2.0, np.float32)
    read_only.flags.writeable = False
    values = [
        ones(2, 3),
        [[1, 2, 3], [4, 5, 6]],
        ones(2, 3).astype(np.float64),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        ones(4, 6)[::2, ::2],
        unaligned,
        read_only,
        ones(2, 3).astype(">f4"),
        np.ma.masked_array(ones(2, 3)),
        ones(5, 3),
        ones(0, 3),
        ones(1, 3),
        ones(2, 3)[::-1],
        np.broadcast_to(np.float32(3.0), (2, 3)),
    ]
    assert not unaligned.flags.aligned

    def scenario(make_session: Any) -> Log:
        w, n = tf.Variable(ones(3)), tf.Variable(np.float32(0.5))
        x = tf.placeholder(tf.float32, [None, 3])
        step = tf.group(tf.assign_add(w, tf.reduce_sum(x, 0)), tf.assign_add(n, 1.0))
        with tf.control_dependencies([step]):
            result = x * 2.0
        session = make_session()
        seen: Log = []
        for value in values:
            for fed in (ones(2, 3), value, ones(2, 3), value):
                seen += [session.run(result, {x: fed}), session.run(n)]
            seen.append(session.run(w))
        return seen

    both(scenario)


@pytest.mark.parametrize("wrong", [None, 1.5, "text", object(), [1.0, 2.0], {}, np.ones((3, 1), np.float32), np.float32(1.0)])
def test_a_feed_that_does_not_fit_is_refused_and_nothing_changes(wrong: Any) -> None:
    w, x = tf.Variable(ones(3)), tf.placeholder(tf.float32, [3])
    step = tf.assign_add(w, x)
    session = session_of("native")
    for _ in range(3):
        session.run(step, {x: ones(3)})
    assert _is_quick(session)
    with pytest.raises(ValueError, match="Cannot feed"):
        session.run(step, {x: wrong})
    assert session.run(step, {x: ones(3)}).tolist() == [5.0] * 3


def test_scalars_variables_and_views_may_be_fed_and_fetched() -> None:
    def scenario(make_session: Any) -> Log:
        w, n = tf.Variable(ones(2, 3)), tf.Variable(1.0)
        x, rate = tf.placeholder(tf.float32, [2, 3]), tf.placeholder(tf.float32, [])
        with tf.control_dependencies([w.read_value(), n.read_value()]):
            new, more = tf.assign_add(w, x * rate), tf.assign_add(n, rate)
        fetches = [x, tf.transpose(x), x[:, 1], new, more, tf.transpose(new), tf.reshape(x * 2.0, [3, 2])[1]]
        session = make_session()
        seen: Log = []
        for i in range(4):
            seen += session.run(fetches, {x: ones(2, 3) * i, rate: 0.5})
            seen += session.run([new * 2.0, w], {x: ones(2, 3) * i, rate: 0.5, w: ones(2, 3) * 9})
            seen += session.run([w, n])
        return seen

    both(scenario)


def test_the_value_from_before_an_update_is_the_one_from_before() -> None:
    def scenario(make_session: Any) -> Log:
        w, v, n = tf.Variable(ones(3)), tf.Variable(ones(3) * 5), tf.Variable(0)
        x = tf.placeholder(tf.float32, [3])
        old = [w.read_value(), tf.reshape(v.read_value(), [3, 1]), n.read_value(), tf.reshape(n.read_value(), [1])]
        with tf.control_dependencies(old):
            updates = [tf.assign(w, tf.cumsum(w) + x), tf.assign(v, tf.reverse(v, [0]) + w), tf.assign_add(n, 1)]
        session = make_session()
        seen: Log = []
        for i in range(4):
            seen += session.run([*old, *[update.op for update in updates]], {x: ones(3) * i})[:4]
            seen += session.run([w, v, n])
        return seen

    both(scenario)


def test_new_values_that_do_not_stand_row_by_row_are_kept_in_order() -> None:
    def scenario(make_session: Any) -> Log:
        w, x = tf.Variable(np.zeros((2, 3), np.float32)), tf.placeholder(tf.float32, [3, 2])
        update = tf.assign(w, tf.transpose(x * 2.0))
        strided = [tf.transpose(x + 1.0), (x * 3.0)[:, 1], (x + 5.0)[::-1]]
        rows = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
        session = make_session()
        seen: Log = []
        for row in rows:
            seen += [*session.run([update, *strided], {x: row}), session.run(w)]
        return [*seen, *[session.run_steps(op, {x: rows}).losses for op in (update, *strided)], session.run(w)]

    both(scenario)


def test_swapped_variables() -> None:
    def scenario(make_session: Any) -> Log:
        a, b, x = tf.Variable(ones(3)), tf.Variable(ones(3) * 5), tf.placeholder(tf.float32, [3])
        swap = tf.group(tf.assign(a, b.read_value()), tf.assign(b, a.read_value() + x))
        session = make_session()
        seen: Log = []
        for _ in range(4):
            session.run(swap, {x: np.zeros(3, np.float32)})
            seen += session.run([a, b])
        return seen

    both(scenario)


def test_what_was_fetched_belongs_to_the_caller() -> None:
    w, x = tf.Variable(ones(3)), tf.placeholder(tf.float32, [3])
    fetches = [tf.assign_add(w, x), tf.constant([1.0, 2.0]), x * 2.0]
    session = session_of("native")
    first = [session.run(fetches, {x: ones(3)}) for _ in range(3)]
    kept = [[value.copy() for value in values] for values in first]
    for values in first:
        for value in values:
            value[:] = 77.0
    again = session.run(fetches, {x: ones(3)})
    assert [value.tolist() for value in again] == [[5.0] * 3, [1.0, 2.0], [2.0] * 3]
    assert [values[0].tolist() for values in kept] == [[2.0] * 3, [3.0] * 3, [4.0] * 3]


def test_scalar_variables_of_every_type() -> None:
    def scenario(make_session: Any) -> Log:
        types = [tf.bool, tf.int8, tf.uint8, tf.int16, tf.int32, tf.int64, tf.float16, tf.float32, tf.float64]
        x = tf.placeholder(tf.float32, [3])
        variables = [tf.Variable(np.zeros((), dtype.as_numpy_dtype)) for dtype in types]
        step = tf.group(*[tf.assign(v, tf.cast(x, v.dtype.base_dtype)[1]) for v in variables])
        session = make_session()
        seen: Log = []
        for i in (1, 0, 2, 3):
            session.run(step, {x: np.array([9, i, 9], np.float32)})
            seen += session.run(variables)
        return seen

    both(scenario)


# --- errors ----------------------------------------------------------------------------------------------------------------


def test_a_failing_run_changes_nothing_and_names_the_operation() -> None:
    def scenario(make_session: Any) -> Log:
        n, v, ids = tf.Variable(1.0), tf.Variable(np.arange(3, dtype=np.float32)), tf.placeholder(tf.int32, [2])
        found = tf.gather(v, ids, name="look")
        step = tf.group(tf.assign_add(n, found[0]), tf.assign_add(v, tf.reduce_sum(found) * tf.ones([3])))
        with tf.control_dependencies([step]):
            result = tf.identity(found)
        session = make_session()
        seen: Log = []

        def attempt(run: Callable[[], Any]) -> None:
            try:
                seen.append(run())
            except tf.errors.InvalidArgumentError as error:
                seen.append((error.op.name, error.message.splitlines()[0]))
            seen.extend(session.run([n, v]))

        for rows in ([0, 1], [2, 1], [7, 1], [0, 1], [1, -1], [1, 2]):
            attempt(lambda rows=rows: session.run(result, {ids: np.array(rows, np.int32)}))
        # Those before the failing one are done.
        attempt(lambda: session.run_steps(result, {ids: np.array([[0, 1], [1, 2], [3, 3], [0, 1]], np.int32)}))
        return seen

    seen = both(scenario)
    assert [entry for entry in seen if isinstance(entry, tuple)] == [
        ("look", "indices[0] = 7 is not in [0, 3)"),
        ("look", "indices[1] = -1 is not in [0, 3)"),
        ("look", "indices[0] = 3 is not in [0, 3)"),
    ]


def test_an_id_outside_of_the_table_changes_no_variable() -> None:
    train_op, feeds = embedding(4, 20)
    ids = next(iter(feeds))
    session = session_of("native")
    for _ in range(3):
        session.run(train_op, feeds)
    assert _is_quick(session)
    before = state_of(session)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 20 is not in \[0, 20\)"):
        session.run(train_op, {**feeds, ids: np.where(feeds[ids] == feeds[ids].max(), 20, feeds[ids]).astype(np.int32)})
    for name, value in state_of(session).items():
        assert np.array_equal(value, before[name]), name
    assert np.isfinite(session.run(train_op, feeds))


def test_a_check_that_numpy_does_not_confirm_is_a_bug_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = tf.placeholder(tf.int32, [1])
    found = tf.gather(tf.constant([1.0, 2.0]), ids) * 2.0
    monkeypatch.setattr("graphopt.backends.native.executable.HostStep.check", lambda step, values: None)
    with pytest.raises(tf.errors.InternalError, match=r"The native check of gather\w* failed where NumPy finds nothing wrong\."):
        session_of("native").run(found, {ids: [5]})


def test_a_failing_first_step_leaves_a_variable_without_a_value() -> None:
    w, ids = tf.Variable(1.0, name="w"), tf.placeholder(tf.int32, [1])
    update = tf.assign(w, tf.gather(tf.constant([1.0, 2.0, 3.0]), ids)[0])
    session = tf.Session(backend="native")
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run_steps(update, {ids: np.array([[7], [1]], np.int32)})
    with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value w"):
        session.run(w)
    assert session.run_steps(update, {ids: np.array([[1], [2]], np.int32)}).losses.tolist() == [2.0, 3.0]
    assert session.run(w) == 3.0


def test_a_step_without_initialised_variables_is_refused() -> None:
    train_op, feeds = regression(4)
    with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value"):
        tf.Session(backend="native").run(train_op, feeds)


def test_a_closed_session_is_closed_for_every_way() -> None:
    train_op, feeds = regression(4)
    session = session_of("native")
    call = session.make_callable(train_op, list(feeds))
    for _ in range(3):
        call(*feeds.values())
    session.close()
    many = {tensor: value[None] for tensor, value in feeds.items()}
    for run in (lambda: call(*feeds.values()), lambda: session.run(train_op, feeds), lambda: session.run_steps(train_op, many)):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            run()


def test_tracing_comes_between() -> None:
    def scenario(make_session: Any) -> Log:
        w, x = tf.Variable(ones(3)), tf.placeholder(tf.float32, [3])
        update = tf.assign_add(w, x * 2.0)
        session = make_session()
        seen: Log = []
        for i in range(8):
            metadata = tf.RunMetadata()
            traced = {"options": tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), "run_metadata": metadata} if i in (2, 4, 5) else {}
            session.run(update.op, {x: ones(3)}, **traced)
            seen += [session.run(w), bool(metadata.step_stats.dev_stats)]
        return seen

    both(scenario)
