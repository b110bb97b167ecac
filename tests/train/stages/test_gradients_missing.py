"""No variable has a gradient: the error says for each variable why."""

import re
from typing import Any

import numpy as np
import pytest
from staging import sgd

import graphopt as tf


def by_training_op(loss: Any, variables: Any) -> None:
    tf.train.training_op(loss, optimizer=sgd(0.1), variables=variables)


def by_optimize_loss(loss: Any, variables: Any) -> None:
    tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD", variables=variables)


def by_minimize(loss: Any, variables: Any) -> None:
    sgd(0.1).minimize(loss, var_list=variables)


def by_apply_gradients(loss: Any, variables: Any) -> None:
    optimizer = sgd(0.1)
    optimizer.apply_gradients(optimizer.compute_gradients(loss, variables))


WAYS = [by_training_op, by_optimize_loss, by_minimize, by_apply_gradients]


def float_of(value: Any) -> Any:
    return tf.cast(value, tf.float32)


REASONS: dict[str, tuple[Any, str]] = {
    "no path": (lambda w: tf.constant(1.0) * 2.0, r"w:0: the loss .* does not depend on it"),
    "stop_gradient": (
        lambda w: tf.reduce_sum(tf.stop_gradient(w * 2.0, name="stop")),
        r"w:0: its path to the loss is cut at 'stop' \(StopGradient\), which passes no gradient on, at .*test_gradients_missing.py",
    ),
    "argmax": (
        lambda w: float_of(tf.argmax(w * 2.0, name="best")) * 3.0,
        r"w:0: its path to the loss is cut at 'best' \(ArgMax\), which passes no gradient on",
    ),
    "comparison": (
        lambda w: tf.reduce_sum(float_of(tf.greater(w, 0.0, name="above"))),
        r"w:0: its path to the loss is cut at 'above' \(Greater\), which passes no gradient on",
    ),
    "rounding to integers": (
        lambda w: tf.reduce_sum(float_of(tf.cast(w, tf.int32, name="whole"))),
        r"w:0: its path to the loss is cut at 'whole' \(Cast\), which passes no gradient on",
    ),
    "shape": (
        lambda w: float_of(tf.shape(w * 2.0, name="size")[0]),
        r"w:0: its path to the loss is cut at 'size' \(Shape\), which passes no gradient on",
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_told_by_every_way_to_train(reason: str, way: Any) -> None:
    make, text = REASONS[reason]
    w = tf.Variable([1.0, 2.0], name="w")
    with pytest.raises(ValueError, match=r"(?s)^No gradients provided for any variable.*\n  " + text):
        way(make(w), [w])


@pytest.mark.parametrize("way", WAYS)
def test_each_variable_has_its_own_reason(way: Any) -> None:
    w, v = tf.Variable([1.0, 2.0], name="w"), tf.Variable(1.0, name="v")
    u = tf.Variable(1.0, name="u")
    loss = tf.reduce_sum(tf.stop_gradient(w, name="stop")) + float_of(tf.cast(u, tf.int32, name="whole"))
    with pytest.raises(ValueError, match="No gradients provided") as caught:
        way(loss, [w, v, u])
    told = [line.strip() for line in str(caught.value).splitlines() if re.match(r" +[wvu]:0", line)]
    assert [line.split(":0: ")[0] for line in told] == ["w", "v", "u"]
    assert "'stop'" in told[0] and "does not depend on it" in told[1] and "'whole'" in told[2]


@pytest.mark.parametrize("way", WAYS)
def test_whole_numbers_have_no_gradient(way: Any) -> None:
    n = tf.Variable(3, name="n")
    loss = float_of(n) * 2.0
    with pytest.raises(ValueError, match="n:0: it holds int32, and whole numbers have no gradient"):
        way(loss, [n])


def test_the_first_line_is_that_of_tensorflow() -> None:
    w = tf.Variable(1.0, name="w")
    loss = tf.constant(1.0) * 2.0
    first = "No gradients provided for any variable, check your graph for ops that do not support gradients, between variables "
    with pytest.raises(ValueError, match=re.escape(first + "[\"<tf.Variable 'w:0' shape=() dtype=float32")):
        by_minimize(loss, [w])
    with pytest.raises(ValueError, match=re.escape("No gradients provided for any variable: [\"<tf.Variable 'w:0' shape=() dtype=float32")):
        by_apply_gradients(loss, [w])


def test_pairs_that_no_loss_has_given_have_no_reasons() -> None:
    w = tf.Variable(1.0, name="w")
    with pytest.raises(ValueError, match=r"No gradients provided for any variable: .*\]\.") as caught:
        sgd(0.1).apply_gradients([(None, w)])
    assert "w:0: " not in str(caught.value)


def test_stages_that_have_removed_all_gradients() -> None:
    w = tf.Variable(1.0, name="w")
    with pytest.raises(ValueError, match=r"(?s)No gradients provided for any variable: .* The stages have removed all of them\."):
        tf.train.training_op(w * w, optimizer=sgd(0.1), stages=[lambda pairs: [(None, v) for _, v in pairs]])
    with pytest.raises(ValueError, match="The stages have removed all of them"):
        tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD", clip_gradients=lambda pairs: [(None, v) for _, v in pairs])


def test_the_cut_nearest_to_the_loss_is_named() -> None:
    w = tf.Variable(1.0, name="w")
    inner = tf.stop_gradient(w, name="inner")
    loss = tf.stop_gradient(inner * 2.0, name="outer") * 3.0
    with pytest.raises(ValueError, match="cut at 'outer'"):
        by_minimize(loss, [w])


def test_one_variable_with_a_gradient_is_enough() -> None:
    w, v = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="v")
    train_op = tf.train.training_op(w * w, optimizer=sgd(0.25), variables=[w, v])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        assert session.run([w, v]) == [0.5, 1.0]


def test_a_path_that_no_gradient_takes_though_none_is_cut() -> None:
    """A function of the user's may give no gradient; then no operation is to blame."""

    @tf.custom_gradient
    def stubborn(x: Any) -> Any:
        return x * 2.0, lambda upstream: None

    w = tf.Variable(np.float32(1.0), name="w")
    loss = stubborn(w.value()) * 3.0
    assert tf.gradients(loss, [w]) == [None]
    with pytest.raises(ValueError, match="w:0: no gradient arrives on any of its paths to the loss"):
        by_training_op(loss, [w])
