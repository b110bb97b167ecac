"""A monitored session finds again what was run before: never anything else, and never past a session's own `run`."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import graphopt as tf


class Asks(tf.train.SessionRunHook):
    """Asks for one tensor in some runs."""

    def __init__(self, tensor: Any) -> None:
        self.tensor, self.asks, self.seen = tensor, True, []

    def before_run(self, run_context: Any) -> Any:
        return tf.train.SessionRunArgs(self.tensor) if self.asks else None

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.seen.append(None if run_values.results is None else float(run_values.results))


@pytest.mark.parametrize("has_step", [True, False])
def test_what_a_hook_asks_for_is_not_what_the_caller_feeds(has_step: bool) -> None:
    if has_step:
        tf.train.get_or_create_global_step()
    x = tf.placeholder_with_default(2.0, [])
    y, hook = x * 10.0, Asks(x)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        assert session.run(y) == 20.0
        hook.asks = False
        assert session.run(y, {x: 3.0}) == 30.0
        hook.asks = True
        assert session.run(y) == 20.0
    assert hook.seen == [2.0, None, 2.0]


def test_the_order_of_feeds_and_changed_lists_count() -> None:
    a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    less, product = a - b, a * b
    fetches: list[Any] = [less]
    with tf.train.MonitoredSession() as session:
        for _ in range(2):
            assert session.run(fetches, {a: 5.0, b: 2.0}) == [3.0]
            assert session.run(fetches, {b: 5.0, a: 2.0}) == [-3.0]
            fetches.append(product)
            assert session.run(fetches, {b: 5.0, a: 2.0}) == [-3.0, 10.0]
            fetches[:] = [product]
            assert session.run(fetches, {b: 5.0, a: 2.0}) == [10.0]
            fetches[:] = [less]


def test_objects_that_die_are_not_mistaken_for_new_ones() -> None:
    x = tf.constant(1.0)
    tensors = [x + float(i) for i in range(60)]
    rng = np.random.default_rng(0)
    with tf.train.MonitoredSession() as session:
        for _ in range(400):
            places = rng.integers(0, 60, rng.integers(1, 3))
            fetches: Any = tuple([tensors[i] for i in places])
            if rng.random() < 0.3:
                fetches = {"found": fetches}
            found = session.run(fetches)
            found = found["found"] if isinstance(found, dict) else found
            assert found == tuple([1.0 + i for i in places])
            del fetches
            if rng.random() < 0.05:
                gc.collect()


class Wrapped:
    """Something around a session, as debuggers put it."""

    def __init__(self, session: Any) -> None:
        self._session, self.runs = session, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *arguments: Any, **named: Any) -> Any:
        self.runs += 1
        return self._session.run(*arguments, **named)


class Counted(tf.Session):
    """A session with a `run` of its own."""

    runs = 0

    def run(self, *arguments: Any, **named: Any) -> Any:
        self.runs += 1
        return super().run(*arguments, **named)


class Creator(tf.train.SessionCreator):
    def __init__(self, kind: str) -> None:
        self.kind, self.made = kind, None

    def create_session(self) -> Any:
        plain = Counted() if self.kind == "subclass" else tf.Session()
        plain.run(tf.global_variables_initializer())
        self.made = Wrapped(plain) if self.kind == "wrapped" else plain
        self.made.runs = 0
        if self.kind == "method":
            run = plain.run

            def counted(*arguments: Any, **named: Any) -> Any:
                plain.runs += 1  # type: ignore[attr-defined]
                return run(*arguments, **named)

            plain.run = counted  # type: ignore[method-assign]
        return self.made


@pytest.mark.parametrize("kind", ["wrapped", "subclass", "method"])
@pytest.mark.parametrize("rests", [True, False])
def test_a_session_with_its_own_run_is_run_by_it(kind: str, rests: bool) -> None:
    count = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    creator = Creator(kind)
    hooks = [tf.train.StopAtStepHook(last_step=5)] if rests else [Asks(tf.constant(1.0))]
    with tf.train.MonitoredSession(creator, hooks) as session:
        before = creator.made.runs
        assert [int(session.run(count)) for _ in range(5)] == [1, 2, 3, 4, 5]
        assert creator.made.runs - before == 5
        assert session.should_stop() is rests


def test_a_control_edge_that_comes_later_counts() -> None:
    total = tf.get_variable("total", initializer=0.0)
    add, x = tf.assign_add(total, 1.0), tf.identity(2.0)
    with tf.train.MonitoredSession(Creator("plain")) as session:  # it leaves the graph open
        assert [session.run(x), session.run_without_hooks(total)] == [2.0, 0.0]
        x.op.add_control_input(add.op)
        assert [session.run(x), session.run_without_hooks(total)] == [2.0, 1.0]
