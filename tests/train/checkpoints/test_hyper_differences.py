"""A learning rate that was edited between two runs is noticed, and one chooses which holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf


def variable_rate(rate: float) -> tuple[Any, Callable[[tf.Session], float]]:
    """Train with TensorFlow's function, which makes a variable of the rate."""
    loss = tf.square(tf.get_variable("w", initializer=1.0))
    op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), rate, "SGD")
    return op, lambda session: session.run("OptimizeLoss/learning_rate:0")


def setting_rate(rate: float) -> tuple[Any, Callable[[tf.Session], float]]:
    """Train with an optimizer, whose rate is a setting."""
    loss = tf.square(tf.get_variable("w", initializer=1.0))
    op = tf.train.training_op(loss, optimizer=tf.train.AdamOptimizer(rate))
    return op, lambda session: op.hyper.of(session)["learning_rate"]


KINDS = pytest.mark.parametrize("train", [variable_rate, setting_rate])


def save(folder: Path, train: Any, rate: float, set_to: float | None = None) -> str:
    with tf.Graph().as_default(), tf.Session() as session:
        op, _ = train(rate)
        session.run(tf.global_variables_initializer())
        if set_to is not None:
            op.hyper.of(session)["learning_rate"] = set_to
        return tf.train.Saver().save(session, folder / "m")


def restored(path: str, train: Any, rate: float, **arguments: Any) -> float:
    with tf.Graph().as_default(), tf.Session() as session:
        _, read = train(rate)
        saver = tf.train.Saver(on_difference=arguments.pop("by_default", "checkpoint"))
        saver.restore(session, path, **arguments)
        return round(float(read(session)), 6)


@KINDS
def test_the_checkpoints_holds_and_both_are_told(tmp_path: Path, train: Any) -> None:
    path = save(tmp_path, train, 0.1)
    told = (
        r"/learning_rate is 0\.2 in the code and 0\.1 in the checkpoint\. The checkpoint's holds; on_difference=\"code\" chooses the other"
    )
    with pytest.warns(UserWarning, match=told) as caught:
        assert restored(path, train, 0.2) == 0.1
    assert caught[0].filename == __file__


@KINDS
def test_the_codes_holds_where_that_is_chosen(tmp_path: Path, train: Any) -> None:
    path = save(tmp_path, train, 0.1)
    for arguments in ({"on_difference": "code"}, {"by_default": "code"}):
        with pytest.warns(UserWarning, match=r"The code's holds; on_difference=\"checkpoint\" chooses the other"):
            assert restored(path, train, 0.2, **arguments) == 0.2


@KINDS
def test_it_may_raise(tmp_path: Path, train: Any) -> None:
    path = save(tmp_path, train, 0.1)
    with pytest.raises(ValueError, match=r"Hyper-parameters of the code differ from those of .*m\.npz: .*is 0\.2 in the code and 0\.1"):
        restored(path, train, 0.2, on_difference="raise")
    with pytest.raises(ValueError, match="on_difference must be one of checkpoint, code, raise, got 'mine'"):
        restored(path, train, 0.2, on_difference="mine")


@KINDS
@pytest.mark.parametrize("choice", ["checkpoint", "code", "raise"])
def test_a_rate_that_was_set_while_training_is_no_difference(tmp_path: Path, train: Any, choice: str) -> None:
    path = save(tmp_path, train, 0.1, set_to=0.01)
    assert restored(path, train, 0.1, on_difference=choice) == 0.01


@KINDS
def test_a_rate_set_while_training_and_edited_is_a_difference(tmp_path: Path, train: Any) -> None:
    path = save(tmp_path, train, 0.1, set_to=0.01)
    with pytest.warns(UserWarning, match=r"is 0\.2 in the code and 0\.01 in the checkpoint"):
        assert restored(path, train, 0.2, on_difference="code") == 0.2
    # The code was brought to what held: nothing to tell.
    assert restored(path, train, 0.01) == 0.01


def test_names_in_the_checkpoint_may_be_others(tmp_path: Path) -> None:
    def everything() -> dict[str, Any]:
        return {f"saved/{variable.op.name}": variable for variable in tf.global_variables()}

    with tf.Graph().as_default(), tf.Session() as session:
        variable_rate(0.1)
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver(everything()).save(session, tmp_path / "m")
    with tf.Graph().as_default(), tf.Session() as session:
        _, read = variable_rate(0.2)
        with pytest.warns(UserWarning, match=r"saved/OptimizeLoss/learning_rate is 0\.2 in the code"):
            tf.train.Saver(everything(), on_difference="code").restore(session, path)
        assert read(session) == np.float32(0.2)


def test_a_variable_that_the_user_made_is_looked_at_too(tmp_path: Path) -> None:
    def build(rate: float) -> Any:
        mine = tf.Variable(rate, trainable=False, name="mine")
        tf.train.training_op(tf.square(tf.get_variable("w", initializer=1.0)), optimizer=tf.train.MomentumOptimizer(mine, 0.9))
        return mine

    with tf.Graph().as_default(), tf.Session() as session:
        build(0.1)
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, tmp_path / "m")
    with tf.Graph().as_default(), tf.Session() as session:
        mine = build(0.3)
        with pytest.warns(UserWarning, match=r"mine is 0\.3 in the code and 0\.1 in the checkpoint"):
            tf.train.Saver().restore(session, path)
        assert session.run(mine) == np.float32(0.1)
