"""Decoupled weight decay."""

import re
from typing import Any

import numpy as np
import pytest
from staging import DTYPES, INDICES, ROWS, TOLERANCE, WEIGHTS, dense_of, gradient_of, initialized, linear, sgd, trained, variable

import graphopt as tf

stages = tf.train.stages


def stepped(stage: Any, pairs: Any, rate: Any = 0.5) -> Any:
    """The operation of one step of gradient descent on pairs that are given."""
    with tf.train.Step(learning_rate=rate) as step:
        made = stage(pairs, step)
        return step.finish(sgd(rate).apply_gradients(made), made)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["dense", "rows"])
def test_weights_decay_before_the_update_in_all_rows(kind: str, dtype: str) -> None:
    w = variable(dtype)
    idle = tf.Variable(1.0, name="idle")
    train_op = stepped(stages.decay_weights(0.1), [(gradient_of(kind, dtype), w), (None, idle)])
    with initialized() as session:
        session.run(train_op)
        found, untouched = session.run([w, idle])
    start = WEIGHTS.astype(dtype).astype(np.float64)
    wanted = start - start * 0.1 * 0.5 - 0.5 * dense_of(kind, dtype)
    np.testing.assert_allclose(found.astype(float), wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    assert untouched == 1.0


def test_without_the_learning_rate_the_rate_counts_alone() -> None:
    w, g, loss = linear([2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[stages.decay_weights(0.1, times_learning_rate=False)])
    assert trained(train_op, [{g: [1.0]}], w)[0].item() == pytest.approx(2.0 * 0.9 - 0.5, rel=1e-15)


def test_the_numbers_of_keras() -> None:
    w, g, loss = linear([2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.decay_weights(0.004)])
    found = trained(train_op, [{g: [0.0]}] * 3, w)
    assert found[-1].item() == pytest.approx(1.976095872, abs=1e-12)
    with tf.Graph().as_default():
        w, g, loss = linear([1.0])
        train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.decay_weights(0.1)])
        assert trained(train_op, [{g: [2.0]}], w)[0].item() == pytest.approx(-1.1, abs=1e-15)


def test_adam_with_decay_is_the_adamw_of_keras() -> None:
    w, g, loss = linear([1.0, -2.0])
    optimizer = tf.train.AdamOptimizer(0.1, epsilon=1e-7)
    train_op = tf.train.training_op(loss, optimizer=optimizer, stages=[stages.decay_weights(0.004)])
    gradients = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]]
    found = trained(train_op, [{g: value} for value in gradients], w)
    np.testing.assert_allclose(found[0], [0.899603162178, -1.899201581114], atol=1e-12)
    np.testing.assert_allclose(found[1], [0.807466126833, -1.851495803820], atol=1e-12)
    np.testing.assert_allclose(found[4], [0.701971233576, -1.913617101482], atol=1e-12)


@pytest.mark.parametrize(
    "chosen",
    [
        lambda w, b: {"exclude": [b]},
        lambda w, b: {"exclude": "bias"},
        lambda w, b: {"exclude": ["bias:0"]},
        lambda w, b: {"exclude": re.compile("^b.*s")},
        lambda w, b: {"mask": lambda v: v is not b},
        lambda w, b: {"mask": lambda v: v.op.name == "w", "exclude": [b]},
    ],
)
def test_masks_and_exclusions(chosen: Any) -> None:
    w, b = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="bias")
    zero = tf.constant(0.0)
    train_op = stepped(stages.decay_weights(0.5, **chosen(w, b)), [(zero, w), (zero, b)], 1.0)
    with initialized() as session:
        session.run(train_op)
        assert session.run([w, b]) == [0.5, 1.0]


def test_an_excluded_name_that_fits_nothing_is_refused() -> None:
    w = tf.Variable(1.0, name="w")
    for key in ("v", re.compile("v"), tf.Variable(1.0, name="v")):
        with pytest.raises(ValueError, match="excluded from weight decay, fits no variable of w"):
            stepped(stages.decay_weights(0.5, exclude=[key]), [(tf.constant(0.0), w)])


def test_a_mask_is_a_function() -> None:
    with pytest.raises(TypeError, match=r"mask is a function of a variable that says whether it decays, got \['w'\]"):
        stages.decay_weights(0.5, mask=["w"])


def test_without_a_learning_rate_there_is_nothing_to_multiply_by() -> None:
    w = variable()
    with pytest.raises(ValueError, match="This stage needs the learning rate, and the step has none: give learning_rate to training_op"):
        stages.decay_weights(0.5)([(gradient_of("dense"), w)])


def test_the_rate_is_that_of_the_schedule() -> None:
    w, g, loss = linear([1.0])
    step = tf.train.get_or_create_global_step()
    rate = lambda count: 1.0 / (1.0 + tf.cast(count, tf.float64))  # noqa: E731
    train_op = tf.train.training_op(
        loss, optimizer=tf.train.GradientDescentOptimizer, learning_rate=rate, global_step=step, stages=[stages.decay_weights(0.1)]
    )
    found = trained(train_op, [{g: [0.0]}] * 3, w)
    np.testing.assert_allclose(np.ravel(found), [0.9, 0.9 * 0.95, 0.9 * 0.95 * (1 - 0.1 / 3)], rtol=1e-15)


def test_rows_that_repeat_decay_once() -> None:
    w = variable()
    train_op = stepped(stages.decay_weights(0.1), [(gradient_of("rows"), w)], 1.0)
    with initialized() as session:
        session.run(train_op)
        found = session.run(w)
    wanted = WEIGHTS * 0.9
    np.subtract.at(wanted, INDICES, ROWS)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
