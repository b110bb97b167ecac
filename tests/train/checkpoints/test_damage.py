"""Bytes that are lost or changed, in a checkpoint and in the state file, and disks that are full at any point: nothing begins anew."""

import os
import re
import resource
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints.archive import Archive, write_archive

STEPS = (1, 2, 3)


@pytest.fixture
def w() -> Any:
    return tf.get_variable("w", initializer=np.zeros(3, np.float32))


@pytest.fixture
def session(w: Any) -> Iterator[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield session


@pytest.fixture
def folder(tmp_path: Path, session: Any, w: Any) -> Path:
    """Return a folder with three checkpoints whose variable is their number."""
    made = tmp_path / "run"
    made.mkdir()
    saver = tf.train.Saver()
    for step in STEPS:
        session.run(w.assign(np.full(3, step, np.float32)))
        saver.save(session, made / "m", step)
    return made


def resume(folder: Path, session: Any, w: Any) -> tuple[int, list[str]]:
    """Restore the newest checkpoint that can be; return its number and what was warned of."""
    session.run(w.assign(np.zeros(3, np.float32)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        restored = tf.train.Saver().restore_latest(session, folder)
        assert tf.train.latest_checkpoint(folder) is not None
    values = session.run(w)
    step = int(values[0])
    # (A bit of a path may lead to the folder of a test beside this one, which has the same checkpoints.)
    assert Path(restored).name == f"m-{step}" and (values == step).all()
    return step, [str(warning.message) for warning in caught]


def flips(content: bytes, places: Iterator[int]) -> Iterator[bytes]:
    """Yield a content with one bit flipped at each place, another bit each time."""
    for i, at in enumerate(places):
        yield content[:at] + bytes([content[at] ^ (1 << i % 8)]) + content[at + 1 :]


# --- the checkpoint --------------------------------------------------------------------------------------------------------


def test_a_flipped_bit_anywhere_in_a_checkpoint(folder: Path, session: Any, w: Any) -> None:
    newest = folder / "m-3.npz"
    whole = newest.read_bytes()
    steps = []
    for content in flips(whole, iter(range(0, len(whole), 5))):
        newest.write_bytes(content)
        step, told = resume(folder, session, w)
        # Some bytes of the directory mean nothing: then all is as it was saved.
        named = told and re.match(r"The checkpoint .*m-3 is passed over: .*m-3\.npz is (damaged at|no checkpoint)", told[0])
        assert (step == 2 and named) or (step == 3 and not told), told
        steps.append(step)
    assert steps.count(2) > 0.8 * len(steps)
    newest.write_bytes(whole)
    assert resume(folder, session, w) == (3, [])


def test_a_checkpoint_cut_off_anywhere(folder: Path, session: Any, w: Any) -> None:
    newest = folder / "m-3.npz"
    whole = newest.read_bytes()
    for size in [*range(0, len(whole) - 40, 13), *range(len(whole) - 40, len(whole))]:
        newest.write_bytes(whole[:size])
        step, told = resume(folder, session, w)
        assert step == 2 and re.match(r"The checkpoint .*m-3 is passed over: .*m-3\.npz is damaged at", told[0]), told


# --- the state file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", range(4))
def test_a_flipped_bit_anywhere_in_the_state_file(folder: Path, session: Any, w: Any, shift: int) -> None:
    path = folder / "checkpoint"
    whole = path.read_bytes()
    # Once round all bytes, in each turn another bit of each.
    places = (at % len(whole) for at in range(shift, len(whole) + shift))
    for content in flips(whole, places):
        path.write_bytes(content)
        step, told = resume(folder, session, w)
        assert step == 3 or any("m-3" in text or str(path) in text for text in told), (content, told)


def test_a_state_file_cut_off_anywhere(folder: Path, session: Any, w: Any) -> None:
    path = folder / "checkpoint"
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        step, told = resume(folder, session, w)
        assert step == 3
        # Where the first line is whole, what is told of the newest is right, whether the rest can be read or not.
        assert size >= whole.index(b"\n") or f"{path} does not tell the checkpoints of its folder" in told[-1], (size, told)


def test_a_damaged_state_file_deletes_nothing(folder: Path, session: Any, w: Any) -> None:
    (folder / "checkpoint").write_bytes(b"")
    (folder / "best-9.npz").write_bytes((folder / "m-1.npz").read_bytes())
    os.utime(folder / "best-9.npz", (1, 1))
    saver = tf.train.Saver(max_to_keep=1)
    with pytest.warns(
        UserWarning, match=r"checkpoint names no newest checkpoint|does not tell the checkpoints of its folder, so"
    ) as caught:
        assert saver.restore_latest(session, folder) == str(folder / "m-3")
    assert len(caught) == 2 and saver.last_checkpoints == []
    for step in (4, 5):
        saver.save(session, folder / "m", step)
    assert sorted(path.name for path in folder.iterdir()) == ["best-9.npz", "checkpoint", "m-1.npz", "m-2.npz", "m-3.npz", "m-5.npz"]


def test_a_damaged_state_file_without_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text("hello")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.warns(UserWarning, match="checkpoint is ignored, because it can't be read") as caught:
        assert tf.train.latest_checkpoint(tmp_path) is None
    assert len(caught) == 1
    assert tf.train.latest_checkpoint(tmp_path / "missing") is None


def test_an_older_one_may_be_called_the_newest(folder: Path, session: Any, w: Any) -> None:
    path = folder / "checkpoint"
    path.write_text(path.read_text().replace("m-3", "m-1", 1))
    step, told = resume(folder, session, w)
    assert step == 1 and set(told) == {
        f"{path} calls {folder}/m-1 the newest checkpoint and lists {folder}/m-3 after it. The first is taken."
    }


def test_monitored_training_goes_on_after_damage(tmp_path: Path) -> None:
    def train(last_step: int) -> int:
        with tf.Graph().as_default():
            step = tf.train.get_or_create_global_step()
            count = tf.assign_add(step, 1)
            hooks = [tf.train.StopAtStepHook(last_step=last_step)]
            with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), hooks=hooks, save_checkpoint_steps=2) as session:
                first = int(session.run_without_hooks(step))
                while not session.should_stop():
                    session.run(count)
        return first

    assert train(4) == 0
    (tmp_path / "checkpoint").write_bytes(b"\0" * 100)
    with pytest.warns(UserWarning, match="because it can't be read|does not tell the checkpoints of its folder") as caught:
        assert train(6) == 4
    assert len(caught) == 2
    newest = tmp_path / "model.ckpt-6.npz"
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.warns(UserWarning, match=r"ckpt-6 is passed over: .*ckpt-6\.npz is damaged"):
        assert train(8) == 4


# --- the disk --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [True, False])
def test_a_disk_that_is_full_at_any_point(folder: Path, session: Any, w: Any, wait: bool) -> None:
    """The system's own limit to the size of a file stands in for the disk: writing fails in the midst, as it does on a full one."""
    size = (folder / "m-3.npz").stat().st_size
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    saver = tf.train.Saver(max_to_keep=2)
    assert saver.restore_latest(session, folder) == str(folder / "m-3")
    for limit in range(0, size, size // 20):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(tf.errors.ResourceExhaustedError, match=r"File too large while writing .*m-4\.npz\.\n.*Nothing is lost"):
                saver.save(session, folder / "m", 4, wait=wait)
                saver.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert resume(folder, session, w) == (3, [])
    saver.save(session, folder / "m", 4)
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "m-3.npz", "m-4.npz"]


def test_a_disk_that_is_full_at_the_state_file(folder: Path, session: Any, w: Any, tmp_path: Path) -> None:
    """The checkpoint has place, and the longer list of a folder with a longer name has not."""
    deep = tmp_path / ("long" * 40) / ("name" * 40)
    shutil.copytree(folder, deep)
    saver = tf.train.Saver(max_to_keep=100)
    for step in range(4, 12):
        saver.save(session, deep / "m", step)
    listed, size = (deep / "checkpoint").read_bytes(), (deep / "m-4.npz").stat().st_size
    assert len(listed) > size + 100, "the list is longer than a checkpoint"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, hard))
    try:
        with pytest.raises(tf.errors.ResourceExhaustedError, match=r"File too large while writing .*/checkpoint"):
            saver.save(session, deep / "m", 12)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (deep / "checkpoint").read_bytes() == listed and (deep / "m-12.npz").exists()
    assert tf.train.latest_checkpoint(deep) == str(deep / "m-11")


@pytest.mark.parametrize(
    "wrong", [{"settings": 5}, {"counters": {"noise": "x"}}, {"formulas": {"rate": 1}}, {"seeds": None}, {"code": [1]}]
)
def test_a_manifest_of_another_form_is_no_checkpoint(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "m.npz"
    with path.open("wb") as file:
        write_archive(file, {"counters": {}, **wrong}, {})
    with pytest.raises(tf.errors.DataLossError, match=r"m\.npz is damaged at member 'graphopt\.json': it is no manifest of a checkpoint"):
        Archive(str(path))


@pytest.mark.parametrize("kept", [(), ("settings",), ("counters", "seeds"), ("graph", "step", "counters", "seeds", "settings", "code")])
def test_a_checkpoint_of_before_some_of_its_keys_is_restored(tmp_path: Path, kept: tuple[str, ...]) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", initializer=1.0)
        train_op = tf.contrib.layers.optimize_loss(w * w, tf.train.get_or_create_global_step(), 0.1, "Adam")
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        saver = tf.train.Saver()
        now = Archive(saver.save(session, tmp_path / "now") + ".npz")
        expected = session.run(w)
        with (tmp_path / "then.npz").open("wb") as file:
            manifest = {name: now.manifest[name] for name in kept}
            write_archive(file, manifest, {name: (dtype, now.read(name)) for name, (dtype, _) in now.variables.items()})
        session.run(train_op)
        saver.restore(session, tmp_path / "then")
        assert session.run(w) == expected
