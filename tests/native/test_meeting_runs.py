"""Native runs that meet: in threads, inside each other, with Ctrl-C, and in sessions beside each other."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_ops import Log, both, ones, session_of

import graphopt as tf
from graphopt.runtime.store import Store


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def test_threads_with_the_same_and_other_signatures_lose_no_update() -> None:
    w, n, x = tf.Variable(np.zeros(1000, np.float32)), tf.Variable(0), tf.placeholder(tf.float32, [1000])
    grow = tf.group(tf.assign_add(w, x), tf.assign_add(n, 1))
    shrink = tf.group(tf.assign_sub(w, x * 2.0), tf.assign_add(n, 1))
    look = [tf.reduce_max(w), tf.reduce_min(w), tf.reduce_sum(tf.square(x))]
    session = session_of("native", threads=2)
    torn: list[Any] = []

    def work(fetches: Any, fed: Any) -> None:
        for _ in range(200):
            found = session.run(fetches, {x: fed})
            if isinstance(found, list) and (found[0] != found[1] or found[2] != 1000):
                torn.append(found)

    jobs = [(grow, ones(1000)), (grow, ones(1000)), (shrink, ones(1000)), (look, ones(1000)), (look, [1.0] * 1000)]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torn == []
    assert session.run(n) == 600
    assert session.run(w).tolist() == [0.0] * 1000


def test_a_python_function_in_a_step_may_fail_and_may_run_the_step_itself() -> None:
    def scenario(make_session: Any) -> Log:
        w, n, x = tf.Variable(ones(3)), tf.Variable(0), tf.placeholder(tf.float32, [3])
        inside: list[int] = []

        def double(value: Any) -> Any:
            if value[0] > 50 and not inside:
                raise ValueError("too large")
            if value[0] == 7 and not inside:
                inside.append(1)
                session.run(step, {x: ones(3) * 100})
                inside.clear()
            return value * 2

        doubled = tf.py_func(double, [x + 1.0], tf.float32)
        doubled.set_shape([3])
        step = tf.group(tf.assign_add(w, doubled), tf.assign_add(n, 1))
        session = make_session()
        seen: Log = []
        for i in (0, 1, 6, 90, 2, 6, 6):
            try:
                session.run(step, {x: ones(3) * i})
            except tf.errors.OpError as error:
                seen.append((type(error).__name__, "too large" in error.message))
            seen += session.run([w, n])
        session.run(step, {x: ones(3) * 6}, options=tf.RunOptions(trace_level=1), run_metadata=tf.RunMetadata())
        return [*seen, *session.run([w, n])]

    both(scenario)


INTERRUPTED = """
import os, signal, sys, threading
sys.path.insert(0, {here!r})
import numpy as np
import graphopt as tf
from training_ops import session_of
w, n = tf.Variable(np.zeros(200_000, np.float32)), tf.Variable(0)
step = tf.group(tf.assign_add(w, tf.ones([200_000])), tf.assign_add(n, 1))
with tf.control_dependencies([step]):
    result = tf.identity(1.0)
session = session_of("native", 1)
for _ in range(3):
    session.run(step)
for turn in range(6):
    threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        if turn % 2:
            session.run_steps(result, steps=10**6)
        while True:
            session.run(step)
    except KeyboardInterrupt:
        values, count = session.run([w, n])
        print(values.min() == values.max() == count > 3)
"""


def test_ctrl_c_comes_between_two_steps() -> None:
    script = INTERRUPTED.format(here=str(Path(__file__).parent))
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (found.stdout, found.returncode) == ("True\n" * 6, 0), found.stderr


# --- sessions beside each other, the store ---------------------------------------------------------------------------------


def test_sessions_of_one_graph_and_of_two_keep_apart() -> None:
    def counted(start: float) -> tuple[Any, Any, Any]:
        w, x = tf.Variable(start), tf.placeholder(tf.float32, [2])
        return tf.assign_add(w, tf.reduce_sum(x)), x, session_of("native")

    first, x, session = counted(1.0)
    second_session = session_of("native")
    with tf.Graph().as_default():
        other, other_x, other_session = counted(100.0)
    for i in range(1, 5):
        assert session.run(first, {x: ones(2)}) == 1 + 2 * i
        assert other_session.run(other, {other_x: ones(2)}) == 100 + 2 * i
        assert second_session.run(first, {x: -ones(2)}) == 1 - 2 * i


def test_a_lent_cell_shows_what_stands_in_the_place_until_it_gets_a_value() -> None:
    store = Store()
    cell, place = store.cell("n"), np.array(5, np.int64)
    cell.value = np.int64(5)
    changes = store.changes
    cell.lend(place)
    assert (cell.value, store.changes) == (5, changes)
    place[()] = 6
    assert cell.value == 6
    assert type(cell.value) is np.int64
    cell.value = np.int64(9)
    place[()] = 7
    assert (cell.value, store.changes) == (9, changes + 1)
