"""Scaffolds, session managers, coordinators: what they refuse and what they do beside it."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf


def test_a_scaffold_takes_what_the_collections_hold() -> None:
    w = tf.get_variable("w", initializer=1.0)
    init = tf.group(w.assign(7.0))
    tf.add_to_collection(tf.GraphKeys.INIT_OP, init)
    with tf.train.MonitoredSession() as session:
        assert session.run(w) == 7.0


def test_two_candidates_are_refused() -> None:
    for _ in range(2):
        tf.add_to_collection(tf.GraphKeys.READY_OP, tf.constant([], tf.string))
    with pytest.raises(RuntimeError, match=r'More than one item in the collection "ready_op". Please indicate which one to use by passing'):
        tf.train.Scaffold().finalize()


def test_only_scaffolds_are_copied() -> None:
    with pytest.raises(TypeError, match="copy_from_scaffold is not a Scaffold instance"):
        tf.train.Scaffold(copy_from_scaffold=3)  # type: ignore[arg-type]


def test_a_copy_calls_the_init_function_of_its_model() -> None:
    w = tf.get_variable("w", initializer=1.0)
    more = w.assign_add(2.0)
    first = tf.train.Scaffold(init_fn=lambda scaffold, session: session.run(more))
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(tf.train.Scaffold(copy_from_scaffold=first))) as session:
        assert session.run(w) == 3.0


def test_local_variables_are_initialised_after_a_restore(tmp_path: Path) -> None:
    w = tf.get_variable("w", initializer=1.0)
    local = tf.Variable(5.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
    step = tf.train.get_or_create_global_step()
    count, add = tf.assign_add(step, 1), w.assign_add(1.0)
    for expected in (2.0, 3.0):
        with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path)) as session:
            session.run([count, add])
            assert session.run([w, local]) == [expected, 5.0]


def test_what_is_not_ready_is_named() -> None:
    tf.get_variable("w", initializer=1.0)
    nothing, everything = tf.no_op(name="nothing"), tf.constant([], tf.string)
    with pytest.raises(RuntimeError, match=r"not make model ready for local_init.  Init op: nothing, init fn: None, error: .*: w"):
        tf.train.MonitoredSession(tf.train.ChiefSessionCreator(tf.train.Scaffold(init_op=nothing)))
    with pytest.raises(RuntimeError, match=r"did not make model ready.  Init op: nothing, init fn: None, local_init_op: .*, error: .*: w"):
        tf.train.MonitoredSession(
            tf.train.ChiefSessionCreator(tf.train.Scaffold(init_op=nothing, ready_for_local_init_op=everything, copy_from_scaffold=None))
        )


def test_a_manager_needs_something_to_initialise_with() -> None:
    with pytest.raises(RuntimeError, match="Model is not initialized and no init_op or init_fn or local_init_op was given"):
        tf.train.SessionManager().prepare_session("")


def test_a_manager_takes_a_directory_or_a_file() -> None:
    with pytest.raises(ValueError, match="Can not provide both checkpoint_dir and checkpoint_filename_with_path"):
        tf.train.SessionManager().prepare_session("", checkpoint_dir="a", checkpoint_filename_with_path="b")


def test_a_manager_initialises_with_a_function_alone() -> None:
    w = tf.get_variable("w", initializer=1.0)
    session = tf.train.SessionManager().prepare_session("", init_fn=lambda session: session.run(w.initializer))
    assert session.run(w) == 1.0


def test_recovering(tmp_path: Path) -> None:
    w = tf.get_variable("w", initializer=1.0)
    other = tf.get_variable("other", initializer=1.0)
    part = tf.train.Saver([w])
    manager = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables(), recovery_wait_secs=0.01)
    assert manager.recover_session("", part, checkpoint_dir=str(tmp_path))[1] is False
    assert manager.recover_session("", part, checkpoint_dir=str(tmp_path), wait_for_checkpoint=True, max_wait_secs=0.02)[1] is False
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = part.save(session, str(tmp_path / "model.ckpt"))
    assert manager.recover_session("", part, checkpoint_dir=str(tmp_path))[1] is False
    ready = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables([w]))
    session, recovered = ready.recover_session("", part, checkpoint_filename_with_path=path)
    assert recovered and session.run(w) == 1.0
    local = tf.train.SessionManager(local_init_op=other.initializer, ready_for_local_init_op=tf.report_uninitialized_variables([other]))
    assert local.recover_session("", part, checkpoint_dir=str(tmp_path))[1] is False


def test_waiting_for_a_session_ends() -> None:
    w = tf.get_variable("w", initializer=1.0)
    manager = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables(), recovery_wait_secs=0.01)
    with pytest.raises(tf.errors.DeadlineExceededError, match=r"was not ready after waiting 0.02 secs: Variables not initialized: w"):
        manager.wait_for_session("", max_wait_secs=0.02)
    assert tf.train.SessionManager(local_init_op=w.initializer).wait_for_session("").run(w) == 1.0


def test_a_check_of_variables_serves_as_ready_op() -> None:
    w = tf.get_variable("w", initializer=1.0)
    check = tf.assert_variables_initialized([w])
    with pytest.raises(RuntimeError, match=r"did not make model ready.* error: Attempting to use uninitialized value w"):
        tf.train.SessionManager(ready_op=check).prepare_session("", init_fn=lambda session: None)
    assert tf.train.SessionManager(ready_op=check).prepare_session("", init_op=w.initializer).run(w) == 1.0


# --- coordinators ----------------------------------------------------------------------------------------------------------------


def test_a_coordinator_waits_for_its_threads() -> None:
    coordinator, done = tf.train.Coordinator(), []

    def work() -> None:
        coordinator.wait_for_stop()
        done.append(True)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    coordinator.register_thread(threads[0])
    coordinator.request_stop()
    coordinator.join(threads[1:])
    assert done == [True] * 3 and coordinator.joined


def test_a_coordinator_names_stragglers() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="straggler")
    thread.start()
    try:
        coordinator = tf.train.Coordinator()
        coordinator.request_stop()
        with pytest.raises(RuntimeError, match="Coordinator stopped with threads still running: straggler"):
            coordinator.join([thread], stop_grace_period_secs=0.05)
        coordinator.clear_stop()
        coordinator.request_stop()
        coordinator.join([thread], stop_grace_period_secs=0.05, ignore_live_threads=True)
    finally:
        over.set()
        thread.join()


def test_the_first_error_is_raised() -> None:
    coordinator = tf.train.Coordinator()
    try:
        raise ValueError("first")
    except ValueError:
        coordinator.request_stop(sys.exc_info())
    coordinator.request_stop(OSError("second"))
    with pytest.raises(ValueError, match="first"):
        coordinator.join()


def test_an_error_after_the_end_goes_to_the_caller() -> None:
    coordinator = tf.train.Coordinator()
    coordinator.request_stop()
    coordinator.join()
    coordinator.request_stop()
    with pytest.raises(ValueError, match="late"):
        coordinator.request_stop(ValueError("late"))


def test_which_exceptions_are_clean() -> None:
    coordinator = tf.train.Coordinator(clean_stop_exception_types=(ValueError,))
    with coordinator.stop_on_exception():
        raise ValueError("the end")
    coordinator.join()
    dirty: Any = tf.train.Coordinator(clean_stop_exception_types=())
    with dirty.stop_on_exception():
        raise tf.errors.OutOfRangeError(None, None, "the end")
    with pytest.raises(tf.errors.OutOfRangeError, match="the end"):
        dirty.join()


def test_only_exceptions_are_reported() -> None:
    with pytest.raises(TypeError, match=r"request_stop takes an exception or what sys.exc_info\(\) gives, got 3"):
        tf.train.Coordinator().request_stop(3)
