"""Schedules and constants that were edited between two runs are noticed, though no checkpoint can set them."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints import session_state
from graphopt.train.checkpoints.formulas import formulas

schedules = tf.keras.optimizers.schedules


def _exponential(step: Any, rate: float = 0.1, steps: int = 100, factor: float = 0.5, staircase: bool = True) -> Any:
    return tf.train.exponential_decay(rate, step, steps, factor, staircase=staircase)


def _loop(step: Any, factor: float) -> Any:
    return tf.while_loop(lambda i, rate: i < step, lambda i, rate: (i + 1, rate * factor), (np.int64(0), 0.1))[1]


def tensor(make: Callable[[Any], Any]) -> None:
    """Train with a rate that is a tensor."""
    w, step = tf.get_variable("w", initializer=1.0), tf.train.get_or_create_global_step()
    tf.train.GradientDescentOptimizer(make(step)).minimize(w * w, step)


def decay_function(rate: float, steps: int) -> None:
    """Train with TensorFlow's function, the rate in a variable and the decay in a function."""
    w, step = tf.get_variable("w", initializer=1.0), tf.train.get_or_create_global_step()
    decay = lambda rate, step: tf.train.natural_exp_decay(rate, step, steps, 0.5)  # noqa: E731
    tf.contrib.layers.optimize_loss(w * w, step, rate, "SGD", learning_rate_decay_fn=decay)


def keras(schedule: Any) -> None:
    """Train with a schedule that is an object."""
    w = tf.get_variable("w", initializer=1.0)
    tf.train.training_op(w * w, optimizer=tf.keras.optimizers.Adam(schedule))


# What the code was, what it became, what is told of the two: now and then.
EDITED: dict[str, tuple[Callable[[], None], Callable[[], None], str, str]] = {
    "constant": (lambda: tensor(lambda _: tf.constant(0.1)), lambda: tensor(lambda _: tf.constant(0.2)), "0.2", "0.1"),
    "rate": (
        lambda: tensor(_exponential),
        lambda: tensor(lambda s: _exponential(s, 0.2)),
        "0.2 * (0.5 ** floor(global_step / 100))",
        "0.1 * (0.5 ** floor(global_step / 100))",
    ),
    "steps": (
        lambda: tensor(_exponential),
        lambda: tensor(lambda s: _exponential(s, steps=10)),
        "0.1 * (0.5 ** floor(global_step / 10))",
        "0.1 * (0.5 ** floor(global_step / 100))",
    ),
    "staircase": (
        lambda: tensor(_exponential),
        lambda: tensor(lambda s: _exponential(s, staircase=False)),
        "0.1 * (0.5 ** (global_step / 100))",
        "0.1 * (0.5 ** floor(global_step / 100))",
    ),
    "decay function": (
        lambda: decay_function(0.1, 10),
        lambda: decay_function(0.1, 20),
        "learning_rate * exp((-0.5) * (global_step / 20))",
        "learning_rate * exp((-0.5) * (global_step / 10))",
    ),
    "keras": (
        lambda: keras(schedules.InverseTimeDecay(0.1, 7, 0.5)),
        lambda: keras(schedules.InverseTimeDecay(0.1, 7, 0.25)),
        "0.1 / (((iteration / 7) * 0.25) + 1)",
        "0.1 / (((iteration / 7) * 0.5) + 1)",
    ),
    "a number became a schedule": (
        lambda: keras(0.1),
        lambda: keras(schedules.ExponentialDecay(0.1, 7, 0.25)),
        "0.1 * (0.25 ** (iteration / 7))",
        "a number that can be set",
    ),
    "branches": (
        lambda: tensor(lambda s: tf.cond(s < 5, lambda: tf.constant(0.1), lambda: tf.constant(0.2))),
        lambda: tensor(lambda s: tf.cond(s < 5, lambda: tf.constant(0.1), lambda: tf.constant(0.3))),
        "if(global_step < 5, 0.1, 0.3)",
        "if(global_step < 5, 0.1, 0.2)",
    ),
    "loop": (lambda: tensor(lambda s: _loop(s, 0.9)), lambda: tensor(lambda s: _loop(s, 0.8)), "0.1 * 0.8", "0.1 * 0.9"),
    "long": (
        lambda: keras(schedules.CosineDecayRestarts(0.1, 20)),
        lambda: keras(schedules.CosineDecayRestarts(0.1, 30)),
        "a formula of 61 operations and the numbers 0.1, 30, 2, 1,",
        "a formula of 61 operations and the numbers 0.1, 20, 2, 1,",
    ),
}
EDITS = pytest.mark.parametrize("edit", EDITED)


def save(folder: Path, build: Callable[[], None], **arguments: Any) -> str:
    with tf.Graph().as_default(), tf.Session() as session:
        build()
        session.run(tf.global_variables_initializer())
        return tf.train.Saver(**arguments).save(session, folder / "m")


def restore(path: str, build: Callable[[], None], **arguments: Any) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        build()
        tf.train.Saver().restore(session, path, **arguments)


@EDITS
def test_an_edit_is_noticed(tmp_path: Path, edit: str) -> None:
    before, after, now, then = EDITED[edit]
    path = save(tmp_path, before)
    for choice in ("checkpoint", "code"):
        with pytest.warns(UserWarning, match="Of a schedule or a constant the code's holds, whatever on_difference says") as caught:
            restore(path, after, on_difference=choice)
        (warning,) = caught
        told = str(warning.message)
        assert re.search(rf"/learning_rate is [^;]*{re.escape(now)}[^;]* in the code \({re.escape(__file__)}:\d+\) and ", told), told
        assert re.search(rf" and [^;]*{re.escape(then)}[^;]* in the checkpoint\.", told), told
        assert warning.filename == __file__ and "write what the checkpoint has into the code" in told


@EDITS
def test_what_was_not_edited_is_no_difference(tmp_path: Path, edit: str) -> None:
    before, after, _, _ = EDITED[edit]
    for build in (before, after):
        path = save(tmp_path, build)
        for choice in ("checkpoint", "code", "raise"):
            restore(path, build, on_difference=choice)


@EDITS
def test_it_may_raise(tmp_path: Path, edit: str) -> None:
    before, after, _, _ = EDITED[edit]
    path = save(tmp_path, before)
    told = r"Hyper-parameters of the code differ from those of .*m\.npz: .*/learning_rate is .* in the code .*\n.*constant the code's holds"
    with pytest.raises(ValueError, match=told):
        restore(path, after, on_difference="raise")


def test_a_variable_and_the_decay_are_told_apart(tmp_path: Path) -> None:
    path = save(tmp_path, lambda: decay_function(0.1, 10))
    with pytest.warns(UserWarning, match="Restored from") as caught:
        restore(path, lambda: decay_function(0.2, 20), on_difference="code")
    number, formula = (str(warning.message) for warning in caught)
    assert "OptimizeLoss/learning_rate is 0.2 in the code and 0.1 in the checkpoint. The code's holds" in number
    assert "OptimizeLoss/train/learning_rate is learning_rate * exp(" in formula
    with pytest.raises(ValueError, match=r"is 0\.2 in the code and 0\.1 in the checkpoint; OptimizeLoss/train/.*\n.*says which holds"):
        restore(path, lambda: decay_function(0.2, 20), on_difference="raise")


def test_it_is_told_until_the_next_checkpoint(tmp_path: Path) -> None:
    before, after, _, _ = EDITED["steps"]
    path = save(tmp_path, before)
    with tf.Graph().as_default(), tf.Session() as session:
        after()
        saver = tf.train.Saver()
        with pytest.warns(UserWarning, match="in the code"):
            saver.restore(session, path)
        path = saver.save(session, tmp_path / "m")
    restore(path, after)


@pytest.mark.parametrize("edit", [*EDITED, "variable"])
def test_old_checkpoints_say_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: str) -> None:
    before, after, *_ = {**EDITED, "variable": (lambda: decay_function(0.1, 10), lambda: decay_function(0.2, 10))}[edit]
    make = session_state._state

    def without(*arguments: Any) -> Any:
        state = make(*arguments)
        del state.manifest["formulas"]
        state.manifest["code"].pop("OptimizeLoss/learning_rate", None)
        return state

    monkeypatch.setattr(session_state, "_state", without)
    restore(save(tmp_path, before), after, on_difference="raise")


def test_a_part_of_the_model_and_a_graph_that_does_not_train_are_not_compared(tmp_path: Path) -> None:
    before, after, _, _ = EDITED["steps"]
    path = save(tmp_path, before)
    with tf.Graph().as_default(), tf.Session() as session:
        after()
        tf.train.Saver(tf.trainable_variables()).restore(session, path, on_difference="raise")

    def evaluate() -> None:
        tf.get_variable("w", initializer=1.0)
        tf.train.get_or_create_global_step()

    restore(path, evaluate, on_difference="raise")


def test_names_and_types_are_no_part_of_a_formula() -> None:
    found = set()
    for name, dtype in (("rate", tf.float32), ("other", tf.float64)):
        with tf.Graph().as_default():
            step = tf.train.get_or_create_global_step()
            tf.random_normal([3], name=name)  # which has the next operation's seed
            fed = tf.placeholder(dtype, [], name=name) * tf.exp(tf.constant(0.1, dtype))
            noisy = fed * (1 + tf.random_normal([], dtype=dtype)) / tf.cast(step, dtype)
            tf.train.MomentumOptimizer(noisy, lambda: 0.9).minimize(tf.get_variable("w", initializer=1.0) ** 2, step)
            made = formulas(tf.get_default_graph())
            assert list(made) == ["Momentum/learning_rate", "Momentum/momentum"]
            assert formulas(tf.get_default_graph())["Momentum/momentum"] is made["Momentum/momentum"]
            found.add(tuple(formula.digest for formula in made.values()))
    assert len(found) == 1


def test_a_formula_of_many_operations_is_read_up_to_a_point() -> None:
    digests = []
    for change in (0, 1):
        with tf.Graph().as_default():
            rate = tf.constant(1.0 + change)
            for _ in range(3000):
                rate = rate * 0.999
            tf.train.GradientDescentOptimizer(rate * 2).minimize(tf.get_variable("w", initializer=1.0) ** 2)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                digests.append(formulas(tf.get_default_graph())["GradientDescent/learning_rate"].digest)
    assert digests[0] == digests[1]
