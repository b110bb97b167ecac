"""What happens to the writers when the disk is full, or when their file or directory is deleted while they write."""

import contextlib
import gc
import logging
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.summary import appending
from graphopt.summary.appending import AppendingFile

Value = tf.Summary.Value
WRITERS = [tf.summary.FileWriter, tf.summary.JSONLinesWriter]


def scalar(number: float, tag: str = "loss") -> Any:
    return tf.Summary(value=[Value(tag=tag, simple_value=number)])


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow over a size, in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def steps(folder: Path) -> list[int]:
    return tf.summary.read(folder).scalars("loss").steps.tolist()


@pytest.mark.parametrize("kind", WRITERS)
def test_what_a_full_disk_refuses_is_written_when_there_is_room(kind: Any, tmp_path: Path) -> None:
    writer = kind(tmp_path)
    with full_disk(1000), pytest.warns(UserWarning) as caught:
        for step in range(300):
            writer.add_summary(scalar(step), step)
        writer.flush()
        writer.flush()  # said once
        assert Path(writer.get_filename()).stat().st_size <= 1000
    said = f"Summaries can't be written to '{writer.get_filename()}': file too large. They are kept, and tried again"
    assert [str(one.message).startswith(said) for one in caught] == [True]
    assert caught[0].filename == __file__
    for step in range(300, 310):
        writer.add_summary(scalar(step), step)
    writer.close()
    assert steps(tmp_path) == list(range(310))


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_lost_is_said_when_closing(kind: Any, tmp_path: Path) -> None:
    writer = kind(tmp_path)
    for step in range(10):
        writer.add_summary(scalar(step), step)
    writer.flush()
    with full_disk(Path(writer.get_filename()).stat().st_size + 10), pytest.warns(UserWarning) as caught:
        for step in range(10, 30):
            writer.add_summary(scalar(step), step)
        writer.close()
    assert ["can't be written" in str(caught[0].message), len(caught)] == [True, 2]
    assert str(caught[1].message).startswith("20 summaries for '")
    assert str(caught[1].message).endswith("are lost: they could not be written.")
    assert steps(tmp_path) == list(range(10))  # the file ends with a whole record


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("remove", [shutil.rmtree, lambda folder: next(folder.iterdir()).unlink()])
def test_a_deleted_file_is_made_anew(kind: Any, remove: Callable[[Path], Any], tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    writer = kind(folder)
    writer.add_summary(scalar(1.0), 1)
    writer.flush()
    writer.flush()  # sees it in its place
    remove(folder)
    writer.add_summary(scalar(2.0), 2)
    with pytest.warns(UserWarning, match=r"was deleted or moved while it was being written: from here on summaries go to '.*b.*'"):
        writer.flush()
    writer.add_summary(scalar(3.0), 3)
    assert Path(writer.get_filename()).is_file()
    writer.close()
    assert steps(folder) == [2, 3]


def test_what_was_written_since_the_file_was_seen_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "_AT_ONCE", 1)
    monkeypatch.setattr(appending, "_SECONDS", 1000.0)
    writer = tf.summary.FileWriter(tmp_path / "a", max_queue=1)
    shutil.rmtree(tmp_path / "a")
    for step in range(50):
        writer.add_summary(scalar(step), step)
    with pytest.warns(UserWarning, match="was deleted or moved"):
        writer.close()
    assert steps(tmp_path / "a") == list(range(50))


def test_a_new_file_has_graph_hyper_parameters_and_metadata(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path / "a", tf.constant(1.0, name="one").graph)
    writer.add_hparams({"rate": 0.5})
    note = tf.Session().run(tf.summary.text("note", tf.constant("hello")))
    writer.add_summary(note, 1)
    writer.flush()
    writer.flush()  # sees it in its place
    shutil.rmtree(tmp_path / "a")
    writer.add_summary(scalar(1.0), 1)
    with pytest.warns(UserWarning, match="was deleted or moved"):
        writer.flush()
    writer.add_summary(note, 2)
    writer.close()
    log = tf.summary.read(tmp_path / "a")
    assert [log.graph().node[0].name, log.hparams(), log.tensors("note").steps.tolist()] == ["one", {"rate": 0.5}, [2]]
    assert log._runs["."].plugins["note"] == "text"


def test_a_file_where_the_directory_was(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "a").write_text("in the way")
    writer.add_summary(scalar(1.0), 1)
    with pytest.warns(UserWarning, match=r"Summaries can't be written to '.*': '.*a' is not a directory"):
        writer.flush()
    (tmp_path / "a").unlink()
    with pytest.warns(UserWarning, match="was deleted or moved"):
        writer.close()
    assert steps(tmp_path / "a") == [1]


def test_a_forgotten_writer_tells_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = tf.summary.FileWriter(tmp_path / "a")
    shutil.rmtree(tmp_path / "a")
    writer.add_summary(scalar(1.0), 1)
    with caplog.at_level(logging.WARNING, logger="graphopt"):
        del writer
        gc.collect()
    assert "can't be written" in caplog.text
    assert "it was deleted" in caplog.text
    assert "1 summaries for '" in caplog.text
    assert list(tmp_path.iterdir()) == []  # a temporary directory does not come back


def test_a_deleted_directory_does_not_come_back_for_nothing(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path / "a")
    writer.add_summary(scalar(1.0), 1)
    writer.flush()
    writer.flush()  # sees it in its place
    shutil.rmtree(tmp_path / "a")
    writer.flush()
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_the_program_may_go_to_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with tf.summary.FileWriter("a") as writer, tf.summary.JSONLinesWriter("b") as lines:
        monkeypatch.chdir(tmp_path / "other")
        for each in (writer, lines):
            each.add_summary(scalar(1.0), 1)
            each.flush()
    assert (steps(tmp_path / "a"), steps(tmp_path / "b")) == ([1], [1])
    assert list((tmp_path / "other").iterdir()) == []


def test_no_more_is_kept_than_memory_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "_MOST_KEPT", 25)
    file = AppendingFile(lambda: (tmp_path / "blocks").open("xb", buffering=0))
    with full_disk(4):
        for _ in range(5):
            file.append([b"0123456789"])
            file.flush()
        assert file.problem is not None
    file.append([b"abc"])
    file.flush()
    file.append([b"def"])
    file.close()
    assert file.problem is None
    assert (tmp_path / "blocks").read_bytes() == b"01234567890123456789abcdef"
    assert [text.split("'")[0] for text in file.news] == ["Summaries can", "3 summaries for "]


def test_a_hook_does_not_stop_training_on_a_full_disk(tmp_path: Path) -> None:
    count = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    summary = tf.summary.scalar("loss", tf.cast(count, tf.float32))
    hook = tf.train.SummarySaverHook(save_steps=1, output_dir=str(tmp_path), summary_op=summary)
    with full_disk(100), pytest.warns(UserWarning, match="Summaries can't be written"):
        with tf.train.MonitoredSession(hooks=[hook]) as session:
            for _ in range(40):
                last = session.run(count)
    tf.summary.FileWriterCache.clear()
    assert int(last) == 40
    assert steps(tmp_path) == list(range(1, 41))
