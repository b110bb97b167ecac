"""`Saver`: its arguments and errors, the names of files, what is kept, and partial restores."""

import os
import re
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints import archive


def initialized() -> tf.Session:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


@pytest.fixture
def model() -> tuple[Any, Any]:
    return tf.get_variable("w", initializer=np.float32([1.0, 2.0])), tf.get_variable("deep/b", initializer=3)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- what is saved ---------------------------------------------------------------------------------------------------------


def test_variables_are_named_by_their_operations(tmp_path: Path, model: Any) -> None:
    tf.Variable(1.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], name="local")
    assert sorted(tf.train.Saver().variables) == ["deep/b", "w"]
    assert sorted(tf.train.Saver(set(model)).variables) == ["deep/b", "w"]
    assert sorted(tf.train.Saver((model[0], model[0].as_ref(), model[0].value())).variables) == ["w"]
    assert sorted(tf.train.Saver({"x": model[0], "y": [model[1]]}).variables) == ["x", "y"]
    with initialized() as session:
        path = tf.train.Saver({"x": model[0]}).save(session, tmp_path / "m")
        assert tf.train.list_variables(path) == [("x", [2])]


def test_wrong_variables_are_refused(model: Any) -> None:
    with pytest.raises(TypeError, match="Variables to save should be passed in a dict or a list: w"):
        tf.train.Saver("w")
    with pytest.raises(TypeError, match="Variable to save is not a Variable: w"):
        tf.train.Saver(["w"])
    with pytest.raises(ValueError, match="The same saveable will be restored with two names: y"):
        tf.train.Saver({"x": model[0], "y": model[0], "z": model[1]})
    with tf.Graph().as_default():
        twin = tf.get_variable("w", [2])
        with pytest.raises(ValueError, match="At least two variables have the same name: w"):
            tf.train.Saver([model[0], twin])
        with (
            initialized() as session,
            pytest.raises(ValueError, match="variable w:0 of the Saver is not an element of the session's graph"),
        ):
            tf.train.Saver([model[0]]).save(session, "never")
    with pytest.raises(ValueError, match="on_difference must be one of checkpoint, code, raise, got 'both'"):
        tf.train.Saver(on_difference="both")


def test_a_saver_without_variables(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No variables to save"):
        tf.train.Saver()
    saver = tf.train.Saver(allow_empty=True)
    tf.constant(1.0)
    with tf.Session() as session:
        assert saver.save(session, tmp_path / "m") is None
        saver.restore(session, None)
    assert names(tmp_path) == []


def test_building_may_be_deferred(tmp_path: Path, model: Any) -> None:
    with pytest.raises(ValueError, match="If `var_list` is provided then build cannot be deferred"):
        tf.train.Saver(list(model), defer_build=True)
    saver = tf.train.Saver(defer_build=True)
    with initialized() as session:
        with pytest.raises(RuntimeError, match=r"`build\(\)` should be called before save if defer_build==True"):
            saver.save(session, tmp_path / "m")
        with pytest.raises(RuntimeError, match=r"`build\(\)` should be called before restore if defer_build==True"):
            saver.restore(session, tmp_path / "m")
        saver.build()
        saver.build()
        assert saver.save(session, tmp_path / "m") == str(tmp_path / "m")


def test_graphs_are_not_saved(model: Any) -> None:
    with pytest.raises(NotImplementedError, match="graphopt has no SaverDef"):
        tf.train.Saver().as_saver_def()
    with pytest.raises(NotImplementedError, match="graphopt writes no MetaGraphDef"):
        tf.train.Saver().export_meta_graph("m.meta")
    with pytest.raises(NotImplementedError, match="graphopt reads no MetaGraphDef: build the graph with its code"):
        tf.train.import_meta_graph("m.meta")


# --- save ------------------------------------------------------------------------------------------------------------------


def test_the_step_is_part_of_the_name(tmp_path: Path, model: Any) -> None:
    step = tf.train.get_or_create_global_step()
    with initialized() as session:
        session.run(step.assign(12))
        saver = tf.train.Saver()
        for given, expected in ((None, "m"), (3, "m-3"), (np.int64(4), "m-4"), (step, "m-12"), (step.as_ref(), "m-12")):
            assert saver.save(session, tmp_path / "m", global_step=given) == str(tmp_path / expected)
            assert tf.train.checkpoint_exists(tmp_path / expected)
        assert tf.train.Saver(pad_step_number=True).save(session, str(tmp_path / "m"), 5) == str(tmp_path / "m-00000005")
        assert tf.train.load_checkpoint(tmp_path / "m-12").manifest["step"] == 12
    assert tf.train.Saver().last_checkpoints == []


def test_a_finished_graph_is_saved_and_restored(tmp_path: Path, model: Any) -> None:
    step = tf.train.get_or_create_global_step()
    saver = tf.train.Saver()
    with initialized() as session:
        session.graph.finalize()
        path = saver.save(session, tmp_path / "m", step)
        saver.restore(session, path)
        assert path.endswith("m-0") and session.run(model[1]) == 3


def test_only_sessions_are_saved(tmp_path: Path, model: Any) -> None:
    class Monitored:
        def __init__(self, session: tf.Session) -> None:
            self._session = session

        def raw_session(self) -> tf.Session:
            return self._session

    saver = tf.train.Saver()
    with pytest.raises(TypeError, match="'sess' must be a Session; 3"):
        saver.save(3, tmp_path / "m")
    with initialized() as session:
        assert saver.save(Monitored(session), tmp_path / "m") == str(tmp_path / "m")
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        saver.save(session, tmp_path / "m")
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        saver.restore(session, tmp_path / "m")


def test_names_that_collide_are_refused(tmp_path: Path, model: Any) -> None:
    saver = tf.train.Saver()
    with initialized() as session:
        with pytest.raises(ValueError, match="'latest_filename' must not contain path components"):
            saver.save(session, tmp_path / "m", latest_filename="a/b")
        with pytest.raises(ValueError, match=r"'latest_filename' collides with 'save_path': 'checkpoint' and '.*/checkpoint'"):
            saver.save(session, tmp_path / "checkpoint")
        with pytest.raises(ValueError, match=r"Parent directory of .*missing/m doesn't exist, can't save"):
            saver.save(session, tmp_path / "missing" / "m")
    assert names(tmp_path) == []


def test_variables_without_a_value_are_named(tmp_path: Path, model: Any) -> None:
    saver = tf.train.Saver()
    with tf.Session() as session:
        with pytest.raises(
            tf.errors.FailedPreconditionError, match=r"uninitialized value deep/b\n.*nor have 1 others a value: w"
        ) as caught:
            saver.save(session, tmp_path / "m")
        assert caught.value.op is model[1].op
        session.run(model[1].initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value w"):
            saver.save(session, tmp_path / "m", wait=False)
    assert names(tmp_path) == []


def test_a_shape_that_changes_and_strings_are_saved(tmp_path: Path) -> None:
    free = tf.Variable(np.zeros((0, 2), np.float32), validate_shape=False, name="free")
    text = tf.Variable([b"a", b"bc"], name="text")
    with initialized() as session:
        session.run(tf.assign(free, np.ones((3, 2)), validate_shape=False))
        path = tf.train.Saver().save(session, tmp_path / "m")
    with tf.Session() as session:
        tf.train.Saver().restore(session, path)
        assert session.run(free).shape == (3, 2) and session.run(text).tolist() == [b"a", b"bc"]


# --- the state file and what is kept ---------------------------------------------------------------------------------------


def test_the_oldest_are_deleted(tmp_path: Path, model: Any) -> None:
    saver = tf.train.Saver(max_to_keep=2)
    with initialized() as session:
        for step in (1, 2, 3, 2, 4):
            saver.save(session, tmp_path / "m", step)
    assert names(tmp_path) == ["checkpoint", "m-2.npz", "m-4.npz"]
    assert saver.last_checkpoints == [str(tmp_path / "m-2"), str(tmp_path / "m-4")]
    assert (tmp_path / "checkpoint").read_text() == (
        f'model_checkpoint_path: "{tmp_path}/m-4"\n'
        f'all_model_checkpoint_paths: "{tmp_path}/m-2"\nall_model_checkpoint_paths: "{tmp_path}/m-4"\n'
    )
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-4")


@pytest.mark.parametrize("keep", [None, 0])
def test_all_are_kept_and_only_the_newest_listed(tmp_path: Path, model: Any, keep: Any) -> None:
    saver = tf.train.Saver(max_to_keep=keep)
    with initialized() as session:
        for step in range(7):
            saver.save(session, tmp_path / "m", step)
    assert len(names(tmp_path)) == 8 and saver.last_checkpoints == []
    assert tf.train.get_checkpoint_state(tmp_path).all_model_checkpoint_paths == [str(tmp_path / "m-6")]


def test_one_in_so_many_hours_is_kept(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=1.0)
    with initialized() as session:
        for step in range(6):
            now = 1000.0 + step * 1500.0
            saver.save(session, tmp_path / "m", step)
    # Written after 0, 25, 50, 75, 100 and 125 minutes: the first past one hour and the first past two hours stay, and the newest.
    assert names(tmp_path) == ["checkpoint", "m-3.npz", "m-5.npz"]


def test_state_is_not_written_unless_wanted(tmp_path: Path, model: Any) -> None:
    saver = tf.train.Saver(max_to_keep=1)
    with initialized() as session:
        for step in range(3):
            saver.save(session, tmp_path / "m", step, write_state=False)
        saver.save(session, tmp_path / "best", 1, latest_filename="best")
    assert names(tmp_path) == ["best", "best-1.npz", "m-0.npz", "m-1.npz", "m-2.npz"]
    assert tf.train.latest_checkpoint(tmp_path) is None
    assert tf.train.latest_checkpoint(tmp_path, "best") == str(tmp_path / "best-1")


def test_paths_may_be_relative(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkdir("logs")
    with initialized() as session:
        tf.train.Saver().save(session, "logs/m", 1)
        assert tf.train.get_checkpoint_state("logs").model_checkpoint_path == "logs/m-1"
        assert 'model_checkpoint_path: "m-1"' in Path("logs/checkpoint").read_text()
        tf.train.Saver().save(session, "here", 1)
        assert tf.train.latest_checkpoint("") == "here-1"
        saver = tf.train.Saver(save_relative_paths=True)
        saver.save(session, tmp_path / "logs" / "m", 2)
        saver.save(session, tmp_path / "logs" / "m", 3)
    shutil.move(tmp_path / "logs", tmp_path / "moved")
    assert tf.train.latest_checkpoint(tmp_path / "moved") == str(tmp_path / "moved" / "m-3")
    assert len(tf.train.get_checkpoint_state("moved").all_model_checkpoint_paths) == 2


def test_the_list_may_be_set_and_recovered(tmp_path: Path, model: Any) -> None:
    with initialized() as session:
        first = tf.train.Saver(max_to_keep=2)
        for step in (1, 2):
            first.save(session, tmp_path / "m", step)
        second = tf.train.Saver(max_to_keep=2)
        second.recover_last_checkpoints([*first.last_checkpoints, str(tmp_path / "gone")])
        assert second.last_checkpoints == first.last_checkpoints
        second.save(session, tmp_path / "m", 3)
        assert names(tmp_path) == ["checkpoint", "m-2.npz", "m-3.npz"]
        second.set_last_checkpoints(second.last_checkpoints)
        second.save(session, tmp_path / "m", 4)
        assert names(tmp_path) == ["checkpoint", "m-2.npz", "m-3.npz", "m-4.npz"]
        second.set_last_checkpoints_with_time([(str(tmp_path / "m-3"), 1.0), (str(tmp_path / "m-4"), 2.0)])
        second.save(session, tmp_path / "m", 5)
        assert names(tmp_path) == ["checkpoint", "m-2.npz", "m-4.npz", "m-5.npz"]
    for wrong in (second.set_last_checkpoints, second.set_last_checkpoints_with_time):
        with pytest.raises(AssertionError, match="must be a list, got 'm-1'"):
            wrong("m-1")


def test_what_killed_processes_left_is_removed(tmp_path: Path, model: Any) -> None:
    with initialized() as session:
        tf.train.Saver().save(session, tmp_path / "m", 1)
        ours = re.sub("[^A-Za-z0-9]", "", socket.gethostname())[:32]
        kept = [f"m-2.npz.{ours}-{os.getpid()}-9.part", "m-2.npz.elsewhere-4194305-0.part", "x.part"]
        for name in (f"m-2.npz.{ours}-4194305-0.part", *kept):  # no process has so high a number
            (tmp_path / name).write_text("half")
        tf.train.Saver().save(session, tmp_path / "m", 3)
    assert [name for name in names(tmp_path) if name.endswith("part")] == sorted(kept)


# --- restore ---------------------------------------------------------------------------------------------------------------


def test_parts_are_restored_and_renamed(tmp_path: Path, model: Any) -> None:
    with initialized() as session:
        path = tf.train.Saver().save(session, tmp_path / "m")
    with tf.Graph().as_default():
        renamed, new = tf.get_variable("renamed", [2]), tf.get_variable("new", initializer=9.0)
        with initialized() as session:
            tf.train.Saver({"w": renamed}).restore(session, path)
            assert session.run([renamed, new])[0].tolist() == [1.0, 2.0]
            assert session.run(new) == 9.0


def test_a_path_with_the_file_ending_is_taken_too(tmp_path: Path, model: Any) -> None:
    with initialized() as session:
        path = tf.train.Saver().save(session, tmp_path / "m")
        session.run(model[1].assign(8))
        tf.train.Saver().restore(session, f"{path}.npz")
        assert session.run(model[1]) == 3
    assert tf.train.checkpoint_exists(f"{path}.npz") and tf.train.get_checkpoint_mtimes([f"{path}.npz"])


def test_shapes_may_differ_where_that_is_wanted(tmp_path: Path) -> None:
    tf.get_variable("w", initializer=np.arange(6.0).reshape(2, 3))
    with initialized() as session:
        path = tf.train.Saver().save(session, tmp_path / "m")
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", [3, 2], tf.float64)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"w has shape \(3, 2\) in the graph and \(2, 3\) in the checkpoint"):
            tf.train.Saver().restore(session, path)
        tf.train.Saver(reshape=True).restore(session, path)
        assert session.run(w).tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("w", [7], tf.float64)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"w has shape \(7,\) in the graph"):
            tf.train.Saver(reshape=True).restore(session, path)


def test_a_checkpoint_of_another_graph_lists_everything(tmp_path: Path, model: Any) -> None:
    for i in range(30):
        tf.get_variable(f"old{i}", initializer=1.0)
    with initialized() as session:
        path = tf.train.Saver().save(session, tmp_path / "m")
    with tf.Graph().as_default(), tf.Session() as session:
        w, kept = tf.get_variable("w", [3]), tf.get_variable("deep/b", initializer=1.0)
        missing = tf.get_variable("more", [2, 2])
        with pytest.raises(tf.errors.NotFoundError, match="Restoring from checkpoint failed") as caught:
            tf.train.Saver().restore(session, path)
        text = caught.value.message
        assert "a Variable name or other graph key that is missing from the checkpoint. Key more not found in checkpoint" in text
        assert "missing in the checkpoint (1):\n    more: float32 (2, 2)" in text
        assert "w has shape (3,) in the graph and (2,) in the checkpoint" in text
        assert "deep/b is float32 in the graph and int32 in the checkpoint" in text
        assert "only in the checkpoint (30):\n    old0: float32 []" in text and "... and 10 more" in text
        with pytest.raises(tf.errors.InvalidArgumentError, match="a mismatch between the current graph and the graph from the checkpoint"):
            tf.train.Saver([w]).restore(session, path)
        assert session.run(tf.report_uninitialized_variables([w, kept, missing])).tolist() == [b"w", b"deep/b", b"more"]


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, model: Any) -> None:
    saver = tf.train.Saver()
    with tf.Session() as session:
        with pytest.raises(ValueError, match="Can't load save_path when it is None"):
            saver.restore(session, None)
        with pytest.raises(ValueError, match=r"The passed save_path is not a valid checkpoint: .*nothing"):
            saver.restore(session, tmp_path / "nothing")
        (tmp_path / "text").write_text("hello")
        with pytest.raises(tf.errors.DataLossError, match=r"text is no checkpoint of graphopt or TensorFlow"):
            saver.restore(session, tmp_path / "text")


def test_runs_may_change_variables_while_they_are_written(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    w, _ = model
    add = w.assign_add([1.0, 1.0])
    write_member = archive._write_member
    with initialized() as session:
        for _ in range(20):  # a hot step writes in place
            session.run(add)

        def write_after_a_step(*arguments: Any) -> None:
            session.run(add)
            write_member(*arguments)

        monkeypatch.setattr(archive, "_write_member", write_after_a_step)
        path = tf.train.Saver().save(session, tmp_path / "m")
        assert session.run(w).tolist() == [24.0, 25.0]
    assert tf.train.load_variable(path, "w").tolist() == [21.0, 22.0]
