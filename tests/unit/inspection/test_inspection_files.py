"""Files that inspection can't write: an error that names the path, says what would be right, and stands at the user's line."""

import os
from pathlib import Path

import pytest

import graphopt as tf
from graphopt.inspection import draw


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def train_op():
    w = tf.get_variable("w", initializer=1.0)
    return tf.train.GradientDescentOptimizer(0.1).minimize(w * w)


def explained(path):
    tf.explain(train_op()).to_html(path)


def drawn(path):
    draw(train_op(), path)


def exported(path):
    op = train_op()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tf.export(op, path)


WRITERS = pytest.mark.parametrize("write", [explained, drawn, exported])


@WRITERS
def test_a_folder_that_is_missing(write, tmp_path):
    path = tmp_path / "missing" / "page.html"
    with pytest.raises(tf.errors.NotFoundError, match="can't be written: there is no folder") as caught:
        write(path)
    assert str(path) in caught.value.message
    assert "Make the folder first" in caught.value.message
    assert f"at {__file__}:" in caught.value.message


@WRITERS
def test_a_folder_in_place_of_a_file(write, tmp_path):
    path = tmp_path / "graph.html"
    path.mkdir()
    with pytest.raises(tf.errors.FailedPreconditionError, match="can't be written: it is a folder") as caught:
        write(path)
    assert "Name a file in it" in caught.value.message


@WRITERS
def test_a_file_in_place_of_a_folder(write, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"graph\.html' can't be written"):
        write(tmp_path / "file" / "graph.html")
    assert (tmp_path / "file").read_text() == "mine"


@WRITERS
@pytest.mark.parametrize(("problem", "kind"), [(13, tf.errors.PermissionDeniedError), (28, tf.errors.ResourceExhaustedError)])
def test_what_the_system_forbids(write, problem, kind, tmp_path, monkeypatch):
    path = tmp_path / "graph.html"
    real = Path.open

    def refused(self, *arguments, **named):
        if self.parent == tmp_path:
            raise OSError(problem, os.strerror(problem), str(self))
        return real(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(kind, match=f"{path}' can't be written"):
        write(path)
    assert list(tmp_path.iterdir()) == []


@WRITERS
def test_what_is_no_path(write):
    with pytest.raises(TypeError, match=r"The path of a (file|picture) must be a path, got 5"):
        write(5)
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"no file can have a NUL character"):
        write("a\0b.html")


def test_an_empty_path():
    with pytest.raises(ValueError, match="The path of a file is needed, got an empty one"):
        explained("")


def test_names_that_no_file_can_hold_are_replaced(tmp_path):
    explanation = tf.explain(train_op())
    explanation.content["variables"][0]["name"] = "half \ud800 of a pair"
    explanation.to_html(tmp_path / "page.html")
    assert "half ? of a pair" in (tmp_path / "page.html").read_text(encoding="utf-8")
