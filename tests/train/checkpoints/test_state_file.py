"""The ``checkpoint`` file, and the functions that look for checkpoints."""

import os
from pathlib import Path

import pytest

import graphopt as tf


def state(folder: Path, text: str) -> tf.train.CheckpointState | None:
    (folder / "checkpoint").write_text(text, encoding="utf-8")
    return tf.train.get_checkpoint_state(folder)


def test_what_tensorflow_writes_by_hand_is_read(tmp_path: Path) -> None:
    text = (
        "# a comment\n\nmodel_checkpoint_path: 'm-2'  # newest\nall_model_checkpoint_paths : \"/abs/m-1\";\nlast_preserved_timestamp: 1e3\n"
    )
    found = state(tmp_path, text)
    assert found == tf.train.CheckpointState(str(tmp_path / "m-2"), ["/abs/m-1"], [], 1000.0)


@pytest.mark.parametrize("name", ["plain-1", "q\"uo'te", "tab\there\nand\\there", "höhe-日", os.fsdecode(b"bytes-\xff")])
def test_names_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    tf.train.update_checkpoint_state(tmp_path, f"/abs/{name}", ["/abs/other"])
    found = tf.train.get_checkpoint_state(tmp_path)
    assert found.model_checkpoint_path == f"/abs/{name}" and found.all_model_checkpoint_paths == ["/abs/other", f"/abs/{name}"]
    assert (tmp_path / "checkpoint").read_bytes().isascii()


def test_escapes_of_other_writers_are_read(tmp_path: Path) -> None:
    assert state(tmp_path, r'model_checkpoint_path: "/a\x41\101\a\?"').model_checkpoint_path == "/aAA\a?"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "line 'hello' is not of the form 'name: \"path\"'"),
        ('model_checkpoint_path: "half', "is not of the form"),
        ('somebody: "else"', "'somebody' is no field of a checkpoint state, or its value is of the wrong kind"),
        ("model_checkpoint_path: 3", "'model_checkpoint_path' is no field of a checkpoint state, or its value"),
        ("last_preserved_timestamp: never", "could not convert string to float: 'never'"),
    ],
)
def test_a_broken_file_is_ignored_with_a_warning(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.warns(UserWarning, match=r"checkpoint is ignored, because it can't be read: ") as caught:
        assert state(tmp_path, text) is None
    assert reason in str(caught[0].message)


def test_a_file_without_the_newest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Invalid checkpoint state loaded from .*checkpoint names no newest checkpoint"):
        state(tmp_path, 'all_model_checkpoint_paths: "m-1"\n')


def test_states_are_generated() -> None:
    generate = tf.train.generate_checkpoint_state_proto
    given = ["logs/m-1"]
    made = generate("logs", "logs/m-2", given)
    assert made.model_checkpoint_path == "m-2" and made.all_model_checkpoint_paths == ["m-1", "m-2"] and given == ["logs/m-1"]
    assert generate("/logs", "m-2").all_model_checkpoint_paths == ["m-2"]
    assert generate("logs", "/abs/m-2", ["m-1", "/abs/m-2"]).all_model_checkpoint_paths == ["../m-1", "/abs/m-2"]
    with pytest.raises(ValueError, match=r"Checkpoint timestamps, if provided, must match checkpoint paths \(got paths \['m-1'\]"):
        generate("/logs", "m-1", all_model_checkpoint_timestamps=[1.0, 2.0])


def test_files_are_found_and_removed(tmp_path: Path) -> None:
    kept = tmp_path / "m-1x.npz"
    for name in ("m-1.npz", "m-1.index", "m-1.data-00000-of-00002", "m-1.data-00001-of-00002", "m-1.meta", "m-1x.npz", "m-[1].index"):
        (tmp_path / name).write_bytes(b"")
    prefix = str(tmp_path / "m-1")
    assert tf.train.checkpoint_exists(prefix) and not tf.train.checkpoint_exists(tmp_path / "m")
    os.utime(f"{prefix}.npz", (5, 7))
    assert tf.train.get_checkpoint_mtimes([prefix, tmp_path / "m", f"{prefix}.npz"]) == [7.0, 7.0]
    tf.train.remove_checkpoint(prefix)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m-1x.npz", "m-[1].index"]
    tf.train.remove_checkpoint(tmp_path / "m-[1]")
    assert list(tmp_path.iterdir()) == [kept]


def test_a_folder_without_checkpoints(tmp_path: Path) -> None:
    assert tf.train.latest_checkpoint(tmp_path) is None
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file or checkpoints in given directory"):
        tf.train.load_checkpoint(tmp_path)
    with pytest.raises(tf.errors.NotFoundError, match=r"There is no checkpoint .*m: no file .*m\.npz or .*m\.index"):
        tf.train.load_checkpoint(tmp_path / "m")
    with pytest.raises(TypeError, match="A checkpoint's path must be a string, got None"):
        tf.train.NewCheckpointReader(None)
    with pytest.raises(TypeError, match="A checkpoint's path must be a string, got 3"):
        tf.train.NewCheckpointReader(3)


def test_checkpoints_are_looked_into(tmp_path: Path) -> None:
    tf.get_variable("b/w", initializer=[1.0, 2.0])
    tf.get_variable("a", initializer=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, tmp_path / "m", 4)
    reader = tf.train.NewCheckpointReader(path)
    assert reader.path == f"{path}.npz"
    assert reader.get_variable_to_shape_map() == {"a": [], "b/w": [2]}
    assert reader.get_variable_to_dtype_map() == {"a": tf.bool, "b/w": tf.float32}
    assert reader.has_tensor("a") and not reader.has_tensor("b")
    assert reader.debug_string() == b"a (DT_BOOL) []\nb/w (DT_FLOAT) [2]"
    assert tf.train.list_variables(tmp_path) == [("a", []), ("b/w", [2])]
    assert tf.train.load_variable(tmp_path, "b/w:0").tolist() == [1.0, 2.0]
    with pytest.raises(tf.errors.NotFoundError, match=r"Key b not found in checkpoint .*m-4\.npz"):
        reader.get_tensor("b")
