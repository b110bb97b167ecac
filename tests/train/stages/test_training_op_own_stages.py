"""Stages that are functions of the user, and steps that the user puts together."""

from typing import Any

import numpy as np
import pytest
from staging import found_with, initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages


def halve(pairs: Any) -> Any:
    """A stage of a user."""
    return [(gradient * 0.5, v) for gradient, v in pairs]


def test_a_function_of_pairs_is_a_stage() -> None:
    assert found_with(halve, stages.clip_by_value(1.75)).tolist() == [-0.5, -3.75]


def test_a_function_of_pairs_and_step_gets_the_step() -> None:
    seen: list[Any] = []

    def with_step(pairs: Any, step: Any) -> Any:
        seen.append(step)
        factor = step.hyper("factor", 0.5)
        step.after_update(lambda pairs: seen.append(pairs))
        return [(gradient * factor.in_type(gradient.dtype), v) for gradient, v in pairs]

    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[with_step])
    assert isinstance(seen[0], tf.train.Step) and seen[1][0][1] is w
    with initialized() as session:
        session.run(train_op, {g: [2.0]})
        train_op.hyper["factor"] = 3.0
        session.run(train_op, {g: [2.0]})
        assert session.run(w).item() == 1 - 1 - 6


def test_a_second_argument_with_a_default_is_the_users_own() -> None:
    def scaled(pairs: Any, factor: float = 0.25) -> Any:
        return [(gradient * factor, v) for gradient, v in pairs]

    def scaled_with_step(pairs: Any, step: Any = None) -> Any:
        assert isinstance(step, tf.train.Step)
        return pairs

    assert found_with(scaled, scaled_with_step).tolist() == [0.25, -3.0]


def test_what_a_users_stage_writes_is_part_of_the_step() -> None:
    _w, g, loss = linear([1.0])
    largest = tf.Variable(np.float64(0.0), name="largest", trainable=False)

    def remember(pairs: Any) -> Any:
        largest.assign(tf.maximum(largest, tf.reduce_max(pairs[0][0])))
        return pairs

    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[remember])
    assert trained(train_op, [{g: [1.0]}, {g: [3.0]}, {g: [2.0]}], largest) == [1, 3, 3]


def test_what_a_clip_gradients_function_writes_is_not_as_in_tensorflow() -> None:
    w, g, loss = linear([1.0])
    calls = tf.Variable(0, name="calls", trainable=False)

    def count(pairs: Any) -> Any:
        calls.assign_add(1)
        return [(gradient * 0.5, v) for gradient, v in pairs]

    train_op = tf.contrib.layers.optimize_loss(loss, None, 1.0, "SGD", clip_gradients=count)
    assert trained(train_op, [{g: [1.0]}] * 2, [w, calls])[-1] == [0.0, 0]


def test_a_users_stage_may_drop_pairs_and_turn_them_around() -> None:
    w, g, loss = linear([1.0])
    v, h, other = linear([1.0], name="v")
    train_op = tf.train.training_op(loss + 0.0 * tf.reduce_sum(v) + other, optimizer=sgd(1.0), stages=[lambda pairs: pairs[::-1][:1]])
    assert trained(train_op, [{g: [1.0], h: [1.0]}], [w, v])[0] == [1.0, 0.0]


def test_a_users_gradient_of_another_shape_is_refused_with_both_shapes() -> None:
    w, _, loss = linear([1.0, 2.0])
    wrong = tf.constant(np.zeros(3))
    with pytest.raises(ValueError, match=r"The stage 'bad' gave a gradient of shape \(3,\) for w:0, which has shape \(2,\)\."):

        def bad(pairs: Any) -> Any:
            return [(wrong, w)]

        tf.train.training_op(loss, optimizer=sgd(), stages=[bad])
    rows = tf.IndexedSlices(tf.constant(np.zeros((1, 3))), tf.constant([0]), tf.constant([2]))
    with pytest.raises(ValueError, match=r"gave rows of shape \(1, 3\) for w:0, which has shape \(2,\)"):
        tf.train.training_op(loss, optimizer=sgd(), stages=[lambda pairs: [(rows, w)]])


def test_a_users_gradient_of_another_type_is_refused_with_both_types() -> None:
    w, _, loss = linear([1.0, 2.0])
    with pytest.raises(TypeError, match=r"The stage '<lambda>' gave a gradient of float32 for w:0, which holds float64\."):
        tf.train.training_op(loss, optimizer=sgd(), stages=[lambda pairs: [(tf.cast(pairs[0][0], tf.float32), w)]])


@pytest.mark.parametrize("optimizer", [sgd(1.0), tf.train.AdamOptimizer(0.1)])
def test_gradients_that_do_not_fit_are_refused_by_the_optimizers_with_both(optimizer: Any) -> None:
    w, _, _ = linear([1.0, 2.0])
    with pytest.raises(ValueError, match=r"do not have the same shape.*\[2\].*\[3\]"):
        optimizer.apply_gradients([(tf.constant(np.zeros(3)), w)])
    with pytest.raises(TypeError, match="type float32 that does not match type float64"):
        optimizer.apply_gradients([(tf.constant(np.zeros(2, np.float32)), w)])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "The stage '<lambda>' must give pairs .gradient, variable., it gave None"),
        (3, "must give pairs .gradient, variable., it gave 3"),
        ([1], "must give pairs .gradient, variable., it gave 1 among them"),
    ],
)
def test_what_is_no_list_of_pairs_is_refused(given: Any, text: str) -> None:
    _, _, loss = linear([1.0, 2.0])
    with pytest.raises(TypeError, match=text):
        tf.train.training_op(loss, optimizer=sgd(), stages=[lambda pairs: given])


def test_steps_around_an_optimizer_of_ones_own() -> None:
    """Stages with a step that one makes oneself."""
    w, g, _loss = linear([1.0])
    with tf.train.Step(learning_rate=0.5) as step:
        pairs = stages.skip_non_finite()([(g, w)], step)
        pairs = stages.decay_weights(0.5)(pairs, step)
        pairs = stages.MovingAverages(0.5)(pairs, step)
        update = w.assign_sub(0.5 * pairs[0][0]).op
        train_op = step.finish(update, pairs)
    found = trained(train_op, [{g: [1.0]}, {g: [np.nan]}], w)
    assert [x.item() for x in found] == [0.25, 0.25]
