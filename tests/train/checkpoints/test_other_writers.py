"""Two that write checkpoints to one folder are noticed; one after the other is no fault."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.train.checkpoints import other_writers

SOMEBODY = "Somebody else writes checkpoints here too: "
OTHER = SOMEBODY + "another Saver or session of this process, which is still open, writes "


def build() -> tuple[Any, Any]:
    """Record a model; return its step and what counts it."""
    tf.get_variable("w", initializer=[1.0, 2.0])
    step = tf.train.get_or_create_global_step()
    return step, tf.assign_add(step, 1)


def initialized() -> tf.Session:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


@pytest.fixture
def session() -> Iterator[Any]:
    build()
    with initialized() as session:
        yield session


def monitored(folder: Path, steps: int = 2) -> Any:
    return tf.train.MonitoredTrainingSession(checkpoint_dir=str(folder), save_checkpoint_steps=steps)


# --- Savers ----------------------------------------------------------------------------------------------------------------


def test_the_very_same_file_is_noticed_before_it_is_written(tmp_path: Path, session: Any) -> None:
    one, other = tf.train.Saver(), tf.train.Saver()
    one.save(session, tmp_path / "m", 1)
    before = (tmp_path / "m-1.npz").stat().st_ino
    with pytest.raises(UserWarning, match=rf"{OTHER}m-1 in the folder {tmp_path}\. What is written last holds\. Give each a folder"):
        other.save(session, tmp_path / "m", 1)
    assert (tmp_path / "m-1.npz").stat().st_ino == before
    other.save(session, tmp_path / "m", 1)  # says it once
    with pytest.warns(UserWarning, match=OTHER) as caught:
        one.save(session, tmp_path / "m", 2, wait=False)
    assert len(caught) == 1 and caught[0].filename == __file__
    one.save(session, tmp_path / "m", 3)
    other.save(session, tmp_path / "m", 3)


def test_taking_turns_is_noticed(tmp_path: Path, session: Any) -> None:
    one, other = tf.train.Saver(), tf.train.Saver()
    one.save(session, tmp_path / "a", 1)
    one.save(session, tmp_path / "a", 2)
    other.save(session, tmp_path / "b", 1)
    with pytest.warns(UserWarning, match=f"{OTHER}checkpoint in the folder"):
        one.save(session, tmp_path / "a", 3)
    one.save(session, tmp_path / "a", 4)  # says it once
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1.npz", "a-2.npz", "a-3.npz", "a-4.npz", "b-1.npz", "checkpoint"]


def test_one_after_the_other_is_no_fault(tmp_path: Path, session: Any) -> None:
    one, other = tf.train.Saver(), tf.train.Saver()
    one.save(session, tmp_path / "m", 1)
    other.save(session, tmp_path / "m", 2)  # goes on where the first has ended
    other.save(session, tmp_path / "m", 3)
    other.close()
    one.save(session, tmp_path / "m", 3)
    one.close()
    other.save(session, tmp_path / "m", 3)
    session.close()
    with initialized() as second:
        one.save(second, tmp_path / "m", 3)


def test_one_that_is_gone_is_no_fault(tmp_path: Path, session: Any) -> None:
    one = tf.train.Saver()
    one.save(session, tmp_path / "m", 1)
    one.itself = one  # only the collector can tell that it is gone
    del one
    tf.train.Saver().save(session, tmp_path / "m", 1)
    tf.train.Saver().save(session, tmp_path / "m", 1)


def test_other_prefixes_with_lists_of_their_own_are_no_fault(tmp_path: Path, session: Any) -> None:
    latest, best = tf.train.Saver(), tf.train.Saver(max_to_keep=1)
    for step in (1, 2, 3):
        latest.save(session, tmp_path / "m", step)
        best.save(session, tmp_path / "best", step, latest_filename="best_checkpoint")
        best.save(session, tmp_path / "unlisted", step, write_state=False)
    assert tf.train.latest_checkpoint(tmp_path, "best_checkpoint") == str(tmp_path / "best-3")


def test_one_saver_of_two_sessions(tmp_path: Path, session: Any) -> None:
    saver = tf.train.Saver()
    with initialized() as second:
        for step in (1, 2):
            saver.save(session, tmp_path / "a", step)
            saver.save(second, tmp_path / "b", step)
        saver.save(second, tmp_path / "a", 3)
        with pytest.warns(UserWarning, match=f"{OTHER}a-3 in the folder"):
            saver.save(session, tmp_path / "a", 3)


def test_nothing_is_kept_of_what_is_gone(tmp_path: Path, session: Any) -> None:
    for i in range(10):
        (tmp_path / f"{i}").mkdir()
        tf.train.Saver().save(session, tmp_path / f"{i}" / "m")
    saver = tf.train.Saver()
    saver.save(session, tmp_path / "m")
    assert all(claim.is_alive() for claim in other_writers._claims.known)
    saver.close()
    assert not [claim for claim in other_writers._claims.known if claim.saver() is saver]


def test_another_process_is_known_by_the_state_file(tmp_path: Path, session: Any) -> None:
    saver = tf.train.Saver()
    saver.save(session, tmp_path / "m", 1)
    tf.train.update_checkpoint_state(tmp_path, "somebody's-7")
    with pytest.warns(UserWarning, match=rf"{SOMEBODY}{tmp_path}/checkpoint is not what this Saver wrote\. The last one that writes it"):
        saver.save(session, tmp_path / "m", 2)
    tf.train.update_checkpoint_state(tmp_path, "somebody's-8")
    saver.save(session, tmp_path / "m", 3)  # says it once
    (tmp_path / "checkpoint").unlink()
    saver.save(session, tmp_path / "m", 4)
    again = tf.train.Saver()
    again.save(session, tmp_path / "x", 1, latest_filename="x")
    (tmp_path / "x").unlink()
    again.save(session, tmp_path / "x", 2, latest_filename="x")  # one that is gone is written anew


def test_what_somebody_else_wrote_is_not_deleted(tmp_path: Path, session: Any) -> None:
    def write_as_another_process(step: int) -> None:
        os.utime(tmp_path / f"m-{step}.npz", ns=(1, 1))

    saver = tf.train.Saver(max_to_keep=1)
    saver.save(session, tmp_path / "m", 1)
    write_as_another_process(1)
    with pytest.warns(UserWarning, match=r"The old checkpoint .*m-1 was not deleted: somebody else has written one of that name"):
        saver.save(session, tmp_path / "m", 2)
    again = tf.train.Saver(max_to_keep=1)
    again.restore_latest(session, tmp_path)
    saver.close()
    write_as_another_process(2)
    with pytest.warns(UserWarning, match=r"m-2 was not deleted: somebody else"):
        again.save(session, tmp_path / "m", 3)
    again.save(session, tmp_path / "m", 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "m-1.npz", "m-2.npz", "m-4.npz"]


# --- monitored sessions ----------------------------------------------------------------------------------------------------


def test_two_open_training_sessions_are_noticed(tmp_path: Path) -> None:
    with tf.Graph().as_default():
        _, count = build()
        with monitored(tmp_path) as first:
            with tf.Graph().as_default():
                build()
                with pytest.warns(UserWarning, match=rf"{OTHER}model\.ckpt-0 in the folder {tmp_path}\."), monitored(tmp_path):
                    pass
            first.run(count)


def test_two_open_training_sessions_of_one_graph_are_noticed(tmp_path: Path) -> None:
    _, count = build()
    with pytest.warns(UserWarning, match=rf"{OTHER}model\.ckpt-2 in the folder {tmp_path}\."), monitored(tmp_path) as first:
        with monitored(tmp_path):
            for _ in range(2):
                first.run(count)


def test_training_sessions_one_after_the_other_are_no_fault(tmp_path: Path) -> None:
    for i in range(3):
        with tf.Graph().as_default():
            step, count = build()
            with monitored(tmp_path) as session:
                assert session.run(step) == 3 * i
                for _ in range(3):
                    session.run(count)
