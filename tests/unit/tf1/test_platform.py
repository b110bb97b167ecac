"""`tf.logging`, `tf.flags` and `tf.app`."""

import logging
import re
import sys

import pytest

import graphopt as tf
from graphopt.tf1.platform import FLAGS, FlagValues, flags


@pytest.fixture
def values():
    made = FlagValues()
    flags.DEFINE_string("name", "x", "a name", flag_values=made)
    flags.DEFINE_integer("steps", 10, "how many", made)
    flags.DEFINE_float("rate", 0.5, flag_values=made)
    flags.DEFINE_boolean("fast", False, "quickly", flag_values=made)
    flags.DEFINE_bool("noisy", True, "loudly", flag_values=made)
    flags.DEFINE_list("parts", ["a"], "parts", flag_values=made)
    flags.DEFINE_enum("mode", "train", ["train", "test"], "which", flag_values=made)
    return made


def test_defaults(values):
    values.mark_as_parsed()
    assert values.flag_values_dict() == {
        "name": "x",
        "steps": 10,
        "rate": 0.5,
        "fast": False,
        "noisy": True,
        "parts": ["a"],
        "mode": "train",
    }
    assert list(values) == ["name", "steps", "rate", "fast", "noisy", "parts", "mode"]
    assert "name" in values
    assert values["name"].text == "a name"


def test_a_command_line(values):
    left = values(
        [
            "prog",
            "--name=y",
            "-steps",
            "3",
            "file",
            "--rate",
            "1e-3",
            "--fast",
            "--nonoisy",
            "--parts=a, b",
            "--mode=test",
            "--",
            "--steps=9",
        ]
    )
    assert left == ["prog", "file", "--steps=9"]
    assert values.flag_values_dict() == {
        "name": "y",
        "steps": 3,
        "rate": 1e-3,
        "fast": True,
        "noisy": False,
        "parts": ["a", "b"],
        "mode": "test",
    }
    assert values["steps"].present == 1


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("1", True), ("no", False), ("False", False)])
def test_bools(values, text, expected):
    values(["prog", f"--fast={text}"])
    assert values.fast is expected


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--steps=many", "flag --steps=many: invalid literal for int()"),
        ("--fast=maybe", "flag --fast=maybe: Non-boolean argument to boolean flag: maybe"),
        ("--mode=other", "flag --mode=other: value should be one of <train|test>"),
        ("--unknown=1", "Unknown command line flag 'unknown'"),
        ("--name", "Missing value for flag --name"),
    ],
)
def test_bad_arguments(values, argument, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        values(["prog", argument])


def test_unknown_flags_may_be_left(values):
    assert values(["prog", "--unknown=1", "-"], known_only=True) == ["prog", "--unknown=1", "-"]


def test_the_command_line_is_read_when_a_value_is_asked_for(values, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["prog", "--steps=7", "--of_another_library"])
    assert not values.is_parsed()
    assert values.steps == 7
    assert values.is_parsed()
    values.unparse_flags()
    monkeypatch.setattr(sys, "argv", ["prog", "--steps=8"])
    assert values.steps == 8


def test_values_may_be_set(values):
    values.mark_as_parsed()
    values.steps = 99
    assert values.steps == 99
    with pytest.raises(AttributeError, match=r"There is no flag 'stepz'."):
        values.stepz = 1
    with pytest.raises(AttributeError, match="stepz"):
        _ = values.stepz
    del values.steps
    assert "steps" not in values


def test_a_flag_is_defined_once(values):
    with pytest.raises(ValueError, match=r"The flag 'name' is defined twice."):
        flags.DEFINE_string("name", "", "", flag_values=values)


def test_required_flags(values):
    flags.DEFINE_string("path", None, "where", flag_values=values)
    flags.mark_flag_as_required("path", values)
    with pytest.raises(ValueError, match=r"flag --path=None: Flag --path must have a value other than None."):
        values(["prog"])
    values(["prog", "--path=here"])


def test_app_run(monkeypatch):
    tf.flags.DEFINE_integer("graphopt_test_steps", 1, "for this test")
    try:
        seen = []
        with pytest.raises(SystemExit) as caught:
            tf.app.run(
                lambda argv: seen.append((argv, tf.app.flags.FLAGS.graphopt_test_steps)) or 3,
                argv=["prog", "--graphopt_test_steps=5", "rest"],
            )
        assert caught.value.code == 3
        assert seen == [(["prog", "rest"], 5)]
        main = sys.modules["__main__"]
        monkeypatch.setattr(main, "main", lambda argv: None, raising=False)
        with pytest.raises(SystemExit) as caught:
            tf.app.run(argv=["prog"])
        assert caught.value.code is None
    finally:
        del FLAGS.graphopt_test_steps
        FLAGS.unparse_flags()


def test_logging(caplog):
    before = tf.logging.get_verbosity()
    try:
        tf.logging.set_verbosity(tf.logging.INFO)
        assert tf.logging.get_verbosity() == logging.INFO
        tf.logging.debug("no")
        tf.logging.info("%d steps", 3)
        tf.logging.warn("warn")
        tf.logging.warning("warning")
        tf.logging.error("error")
        tf.logging.fatal("fatal")
        tf.logging.log(tf.logging.ERROR, "log")
        tf.logging.vlog(tf.logging.INFO, "vlog")
        tf.logging.log_if(tf.logging.INFO, "if", True)
        tf.logging.log_if(tf.logging.INFO, "if not", False)
        for _ in range(5):
            tf.logging.log_every_n(tf.logging.INFO, "every", 3)
            tf.logging.log_first_n(tf.logging.INFO, "first", 2)
        tf.logging.flush()
    finally:
        tf.logging.set_verbosity(before)
    words = [record.getMessage() for record in caplog.records]
    assert words[:8] == ["3 steps", "warn", "warning", "error", "fatal", "log", "vlog", "if"]
    assert [words.count("every"), words.count("first"), words.count("if not")] == [2, 2, 0]
    assert caplog.records[0].name == "graphopt"
