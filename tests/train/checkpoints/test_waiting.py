"""Waiting for checkpoints that another process writes."""

from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.train.checkpoints import waiting

wait_for_new_checkpoint = tf.contrib.training.wait_for_new_checkpoint


@pytest.fixture
def writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock whose sleeping writes a checkpoint every ten seconds."""
    tf.get_variable("w", initializer=1.0)
    saver, session = tf.train.Saver(), tf.Session()
    session.run(tf.global_variables_initializer())
    now = [0.0]

    def sleep(seconds: float) -> None:
        before, now[0] = now[0], now[0] + seconds
        if now[0] // 10 != before // 10:
            saver.save(session, tmp_path / "m", int(now[0] // 10))

    monkeypatch.setattr(waiting.time, "sleep", sleep)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    return now


def test_a_checkpoint_is_waited_for(tmp_path: Path, writer: Any) -> None:
    assert wait_for_new_checkpoint(tmp_path, timeout=9) is None
    assert wait_for_new_checkpoint(tmp_path) == str(tmp_path / "m-1") and writer[0] == 10
    assert wait_for_new_checkpoint(tmp_path) == str(tmp_path / "m-1")
    assert wait_for_new_checkpoint(tmp_path, str(tmp_path / "m-1"), seconds_to_sleep=4) == str(tmp_path / "m-2")


def test_checkpoints_come_as_they_are_written(tmp_path: Path, writer: Any) -> None:
    found = tf.train.checkpoints_iterator(tmp_path, min_interval_secs=25, timeout_fn=lambda: writer[0] > 60)
    assert [Path(path).name for path in found] == ["m-1", "m-3", "m-6"]


def test_it_ends_when_nothing_comes(tmp_path: Path, writer: Any) -> None:
    asked: list[int] = []
    assert list(tf.train.checkpoints_iterator(tmp_path, timeout=5)) == []
    assert list(tf.train.checkpoints_iterator(tmp_path, timeout=2, timeout_fn=lambda: asked.append(1) or len(asked) == 2)) == []
