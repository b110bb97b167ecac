"""Initial values from checkpoints, and `tf.contrib.framework`'s assignments."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

framework = tf.contrib.framework


@pytest.fixture
def path(tmp_path: Path) -> str:
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in {"old/w": [1.0, 2.0], "old/b": [3.0], "other/b": [4.0], "n": 5}.items():
            tf.get_variable(name, initializer=tf.constant(value))
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, tmp_path / "m")


def values(*variables: Any) -> list[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [value.tolist() for value in session.run(list(variables))]


def test_names_variables_and_scopes(path: str) -> None:
    w, b = tf.get_variable("new/w", [2]), tf.get_variable("new/b", [1])
    tf.get_variable("newer/b", [1], initializer=tf.zeros_initializer())
    tf.train.init_from_checkpoint(path, {"old/": "new/"})
    assert values(w, b) == [[1.0, 2.0], [3.0]]
    tf.train.init_from_checkpoint(path, [("other/b", "new/b"), ("old/b", tf.get_default_graph().get_collection("variables")[2])])
    assert values(*tf.global_variables()) == [[1.0, 2.0], [4.0], [3.0]]


def test_roots(path: str) -> None:
    with tf.variable_scope("scope"):
        made = [tf.get_variable("old/b", [1]), tf.get_variable("n", [], tf.int32)]
    tf.train.init_from_checkpoint(path, {"/": "scope/"})
    assert values(*made) == [[3.0], 5]
    with tf.Graph().as_default():
        n = tf.get_variable("n", [], tf.int32)
        tf.train.init_from_checkpoint(path, {"/": "/"})
        assert values(n) == [5]


def test_values_are_read_when_they_are_needed(path: str) -> None:
    w = tf.get_variable("w", [2])
    tf.train.init_from_checkpoint(path, {"old/w": [w]})
    twice = tf.Variable(w.initialized_value() * 2.0, name="twice")
    assert values(w, twice) == [[1.0, 2.0], [2.0, 4.0]]
    with tf.Session() as session:
        assert session.run(w.initial_value).tolist() == [1.0, 2.0]
        session.run(w.initializer)
        Path(f"{path}.npz").unlink()
        with pytest.raises(tf.errors.OpError, match="No such file or directory while reading"):
            session.run(w.initializer)
        assert session.run(w).tolist() == [1.0, 2.0]


def test_what_does_not_fit_is_refused(path: str) -> None:
    w = tf.get_variable("w", [3])
    with pytest.raises(ValueError, match=r"Tensor missing \(for w:0\) is not found in .*m\.npz checkpoint, which has n, old/b"):
        tf.train.init_from_checkpoint(path, {"missing": w})
    with pytest.raises(
        ValueError, match=r"Shape of variable w:0 \(\(3,\)\) doesn't match with shape of tensor old/w \(\[2\]\) from checkpoint"
    ):
        tf.train.init_from_checkpoint(path, {"old/w": "w"})
    with pytest.raises(ValueError, match="Variable k:0 is float32, and tensor n of"):
        tf.train.init_from_checkpoint(path, {"n": tf.get_variable("k", [])})
    with pytest.raises(ValueError, match="Assignment map with scope only name nothing should map to scope only old/w"):
        tf.train.init_from_checkpoint(path, {"old/w": "nothing"})
    with pytest.raises(TypeError, match="An assignment map leads to variables or names of variables, got 3 for 'old/w'"):
        tf.train.init_from_checkpoint(path, {"old/w": 3})


def test_warm_starts(path: str) -> None:
    w, b = tf.get_variable("old/w", [2]), tf.get_variable("old/b", [1])
    n = tf.get_variable("n", [], tf.int32, trainable=False, initializer=tf.zeros_initializer())
    tf.train.warm_start(path, "old/", var_name_to_prev_var_name={"old/b": "other/b"})
    assert values(w, b, n) == [[1.0, 2.0], [4.0], 0]
    tf.train.warm_start(path, ["n", "old/b"])
    assert values(w, b, n) == [[1.0, 2.0], [3.0], 5]
    tf.train.warm_start(path, [b], var_name_to_prev_var_name={"old/b": "other/b"})
    assert values(b) == [[4.0]]
    tf.train.warm_start(path, None)
    with pytest.raises(ValueError, match="var_name_to_prev_var_name names variables that are not warm-started: nothing"):
        tf.train.warm_start(path, "old/", var_name_to_prev_var_name={"nothing": "n"})
    with pytest.raises(NotImplementedError, match="warm_start with vocabularies is not supported"):
        tf.train.warm_start(path, "old/", {"old/w": object()})


def test_assignments_from_a_checkpoint(path: str) -> None:
    w, b = tf.get_variable("old/w", [2]), tf.get_variable("mine", [1])
    more = tf.get_variable("more", [1])
    assign, feed = framework.assign_from_checkpoint(path, {"old/w": w, "other/b": [b]})
    with tf.Session() as session:
        session.run(assign, feed)
        assert session.run(w).tolist() == [1.0, 2.0] and session.run(b).tolist() == [4.0]
    with pytest.raises(ValueError, match=r"Checkpoint is missing variable \[more\]: .*m\.npz"):
        framework.assign_from_checkpoint(path, [w, more])
    with pytest.warns(UserWarning, match=r"Checkpoint is missing variable \[more\]"):
        _, feed = framework.assign_from_checkpoint(path, [w, more], ignore_missing_vars=True)
    assert len(feed) == 1
    wrong = tf.get_variable("wrong", [3])
    with pytest.raises(ValueError, match=r"wrong:0 has shape \(3,\), and the value to assign has shape \[2\]"):
        framework.assign_from_checkpoint(path, {"old/w": wrong})


def test_functions_that_assign_from_a_checkpoint(path: str) -> None:
    w, more = tf.get_variable("old/w", [2, 1]), tf.get_variable("more", [1])
    with tf.Session() as session:
        framework.assign_from_checkpoint_fn(path, [w], reshape_variables=True)(session)
        assert session.run(w).tolist() == [[1.0], [2.0]]
        with pytest.raises(tf.errors.NotFoundError, match="Key more not found"):
            framework.assign_from_checkpoint_fn(path, [more])(session)
    with pytest.raises(ValueError, match="var_list cannot be empty"):
        framework.assign_from_checkpoint_fn(path, [])
    with pytest.warns(UserWarning, match=r"Checkpoint is missing variable \[more\]"):
        assert framework.assign_from_checkpoint_fn(path, [more], ignore_missing_vars=True) is None


def test_assignments_of_values() -> None:
    w = tf.get_variable("w", [2])
    copy = tf.Variable(w.initial_value, name="copy")
    with tf.Session() as session:
        framework.assign_from_values_fn({"w": np.float32([1, 2]), "copy": [3, 4]})(session)
        assert session.run([w, copy])[0].tolist() == [1.0, 2.0] and session.run(copy).tolist() == [3.0, 4.0]
    with pytest.raises(ValueError, match="There are no variables v to assign to"):
        framework.assign_from_values({"v": 1.0})
    assert framework.load_variable is tf.train.load_variable and framework.init_from_checkpoint is tf.train.init_from_checkpoint
