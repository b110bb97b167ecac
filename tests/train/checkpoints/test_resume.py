"""N steps, a checkpoint, a new process and M steps give what N + M steps give, bit for bit, on every backend."""

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from resume_programs import AFTER, PROGRAMS

import graphopt as tf
from graphopt.backends import BACKENDS

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("resume_programs.py")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that runs all programs on a backend, once: in two processes, the second from the checkpoints of the first."""

    @functools.cache
    def run(backend: str) -> Path:
        folder = tmp_path_factory.mktemp(backend)
        for which in ("first", "second"):
            command = [sys.executable, "-W", "error", str(SCRIPT), which, str(folder), backend]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
            assert result.returncode == 0, result.stderr
        return folder

    return run


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_resumed_run_is_the_run_that_was_never_stopped(ran: Callable[[str], Path], program: str, backend: str) -> None:
    folder = ran(backend)
    first, second = np.load(folder / f"first-{program}.npz"), np.load(folder / f"second-{program}.npz")
    assert set(first.files) == set(second.files) and len(first["losses"]) == AFTER
    assert len(np.unique(first["losses"])) == AFTER
    for name in first.files:
        assert first[name].tobytes() == second[name].tobytes(), name


def _noisy() -> tuple[tf.Tensor, tf.Tensor]:
    return tf.random_normal([3], name="seeded", seed=1), tf.random_normal([3], name="drawn")


def test_streams_go_back_in_the_session_that_saved(tmp_path: Path) -> None:
    tf.get_variable("w", initializer=1.0)
    seeded, drawn = _noisy()
    late = tf.random_normal([2], seed=2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([seeded, drawn])
        path = tf.train.Saver().save(session, tmp_path / "m")
        expected = session.run([seeded, drawn, late])
        tf.train.Saver().restore(session, path)
        for found, value in zip(session.run([seeded, drawn, late]), expected, strict=True):
            assert np.array_equal(found, value)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_compiled_with_other_seeds_is_compiled_anew(tmp_path: Path, backend: str) -> None:
    tf.get_variable("w", initializer=1.0)
    seeded, drawn = _noisy()
    with tf.Session(backend=backend) as session:
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, tmp_path / "before")
        assert tf.train.load_checkpoint(path).manifest["seeds"] == {}
        session.run([seeded, drawn])
        path = tf.train.Saver().save(session, tmp_path / "m")
        expected = session.run([seeded, drawn])
    with tf.Session(backend=backend) as session:
        call = session.make_callable([seeded, drawn])
        for _ in range(3):
            call(), session.run([seeded, drawn])
        tf.train.Saver().restore(session, path)
        assert np.array_equal(call(), expected)
        tf.train.Saver().restore(session, path)
        assert np.array_equal(session.run([seeded, drawn]), expected)


def test_a_part_leaves_the_streams_and_settings_alone(tmp_path: Path) -> None:
    w, v = tf.get_variable("w", initializer=1.0), tf.get_variable("v", initializer=2.0)
    seeded, _ = _noisy()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, tmp_path / "m")
        before = session.run(seeded)
        session.run([w.assign(5.0), v.assign(6.0)])
        tf.train.Saver([w]).restore(session, path)
        assert session.run([w, v]) == [1.0, 6.0]
        assert not np.array_equal(session.run(seeded), before)
        tf.train.Saver([w, v]).restore(session, path)
        assert np.array_equal(session.run(seeded), before)
