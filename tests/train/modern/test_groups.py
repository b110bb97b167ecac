"""Parameter groups: which variable belongs where, one training operation, what is inside."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf


def network() -> dict[str, Any]:
    """Three variables, and the sum of their squares as a loss."""
    kernel = tf.Variable(np.array([[2.0, -1.0]]), name="dense/kernel")
    bias = tf.Variable(np.array([1.0]), name="dense/bias")
    scale = tf.Variable(np.array([3.0]), name="norm/scale")
    loss = tf.add_n([tf.reduce_sum(tf.square(v)) for v in (kernel, bias, scale)])
    return {"kernel": kernel, "bias": bias, "scale": scale, "loss": loss}


def run(train_op: Any, fetched: Any, steps: int = 1) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(train_op)
        return session.run(fetched)


@pytest.mark.parametrize(
    "which",
    ["kernel$", ["kernel"], lambda v: v.shape.ndims == 2, {"dense/kernel": True}, {"dense/kernel:0": True}],
    ids=["regular expression", "list", "predicate", "mapping", "name with output"],
)
def test_ways_to_select(which: Any) -> None:
    v = network()
    optimizer = tf.optimizers.Groups([(which, tf.train.GradientDescentOptimizer(0.25))], default=tf.optimizers.SignSGD(0.5))
    kernel, bias, scale = run(optimizer.minimize(v["loss"]), [v["kernel"], v["bias"], v["scale"]])
    np.testing.assert_array_equal(kernel, [[1.0, -0.5]])
    np.testing.assert_array_equal([bias, scale], [[0.5], [2.5]])


def test_variables_select() -> None:
    v = network()
    groups = [([v["kernel"], v["bias"]], tf.train.GradientDescentOptimizer(0.25)), (v["scale"], None)]
    values = run(tf.optimizers.Groups(groups).minimize(v["loss"]), [v["kernel"], v["bias"], v["scale"]])
    assert [value.tolist() for value in values] == [[[1.0, -0.5]], [0.5], [3.0]]


def test_every_group_trains_as_it_would_alone() -> None:
    v = network()
    step = tf.train.get_or_create_global_step()
    adam, momentum, muon = tf.train.AdamOptimizer(0.1), tf.train.MomentumOptimizer(0.1, 0.9), tf.optimizers.Muon(0.1)
    optimizer = tf.optimizers.Groups([("kernel", muon), ("bias", adam)], momentum)
    together = run(optimizer.minimize(v["loss"], global_step=step), [v["kernel"], v["bias"], v["scale"], step], 5)
    assert together[3] == 5
    for i, alone in enumerate([tf.optimizers.Muon(0.1), tf.train.AdamOptimizer(0.1), tf.train.MomentumOptimizer(0.1, 0.9)]):
        with tf.Graph().as_default():
            v = network()
            one = list(v.values())[i]
            np.testing.assert_array_equal(run(alone.minimize(v["loss"], var_list=[one]), one, 5), together[i])


def test_the_global_step_counts_once_and_schedules_see_it() -> None:
    v = network()
    step = tf.train.get_or_create_global_step()

    def rate(count: Any) -> Any:
        return tf.where(count < 1, np.float64(0.25), np.float64(0.0))

    groups = [("kernel", tf.train.GradientDescentOptimizer(rate)), ("bias|scale", tf.train.GradientDescentOptimizer(0.25))]
    kernel, bias, count = run(tf.optimizers.Groups(groups).minimize(v["loss"], step), [v["kernel"], v["bias"], step], 3)
    np.testing.assert_array_equal(kernel, [[1.0, -0.5]])
    np.testing.assert_array_equal(bias, [0.125])
    assert count == 3


def test_one_training_operation_of_the_graph() -> None:
    v = network()
    train_op = tf.optimizers.Groups([("kernel", tf.train.AdamOptimizer(0.1))], tf.optimizers.Lion(0.1)).minimize(v["loss"])
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP) == [train_op]


def test_frozen_variables_have_no_gradient() -> None:
    v = network()
    optimizer = tf.optimizers.Groups([("kernel", None)], tf.optimizers.SignSGD(0.5))
    pairs = optimizer.compute_gradients(v["loss"])
    assert [(gradient is None, variable) for gradient, variable in pairs] == [(True, v["kernel"]), (False, v["bias"]), (False, v["scale"])]
    # A gradient that is given all the same changes nothing.
    train_op = optimizer.apply_gradients([(tf.ones([1, 2], tf.float64), v["kernel"]), (tf.ones([1], tf.float64), v["bias"])])
    kernel, bias = run(train_op, [v["kernel"], v["bias"]])
    assert kernel.tolist() == [[2.0, -1.0]] and bias.tolist() == [0.5]


def test_hyper_parameters_and_slots_by_group() -> None:
    v = network()
    first, second = tf.train.MomentumOptimizer(0.5, 0.9), tf.train.MomentumOptimizer(0.25, 0.0)
    optimizer = tf.optimizers.Groups([("kernel", first), ("bias", second)], tf.optimizers.Lion(0.1))
    train_op = optimizer.minimize(v["loss"])
    names = ["Momentum/learning_rate", "Momentum/momentum", "Momentum_1/learning_rate", "Momentum_1/momentum"]
    assert list(optimizer.hyper)[:4] == names
    assert optimizer.hyper["Momentum_1/learning_rate"] == 0.25
    assert optimizer.hyper_parameters["Lion/b2"] == 0.99
    assert optimizer.get_slot(v["kernel"], "momentum") is first.get_slot(v["kernel"], "momentum")
    assert optimizer.get_slot(v["bias"], "m") is None
    assert optimizer.get_slot_names() == ["m", "momentum"]
    assert {one.op.name for one in optimizer.variables()} == {
        "dense/kernel/Momentum", "dense/bias/Momentum", "norm/scale/Lion", "Lion/count"
    }  # fmt: skip
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.hyper["Momentum_1/learning_rate"] = 0.0
        session.run(train_op)
        kernel, bias = session.run([v["kernel"], v["bias"]])
    assert kernel.tolist() == [[0.0, 0.0]] and bias.tolist() == [1.0]


def test_one_optimizer_in_two_groups_counts_once() -> None:
    v = network()
    adam = tf.optimizers.AdamW(0.1)
    run_once = tf.optimizers.Groups([("kernel", adam), ("bias", adam), ("scale", None)]).minimize(v["loss"])
    assert run(run_once, adam.count) == 1


def test_groups_inside_groups() -> None:
    v = network()
    inner = tf.optimizers.Groups([("kernel", tf.train.GradientDescentOptimizer(0.25))], tf.optimizers.SignSGD(0.5))
    optimizer = tf.optimizers.Groups([("dense", inner)], None)
    kernel, bias, scale = run(optimizer.minimize(v["loss"]), [v["kernel"], v["bias"], v["scale"]])
    assert [kernel.tolist(), bias.tolist(), scale.tolist()] == [[[1.0, -0.5]], [0.5], [3.0]]


class OwnWay:
    """An optimizer that is none of `tf.train`."""

    def __init__(self) -> None:
        self.variables: list[Any] = []

    def apply_gradients(self, pairs: Any) -> Any:
        return tf.group(*[v.assign_sub(0.25 * gradient) for gradient, v in pairs])


def test_an_optimizer_that_goes_its_own_way() -> None:
    v = network()
    optimizer = tf.optimizers.Groups([("kernel", OwnWay())], None)
    assert run(optimizer.minimize(v["loss"]), v["kernel"]).tolist() == [[1.0, -0.5]]
    assert [one.name for one in optimizer.groups] == ["OwnWay", "frozen"]
    assert optimizer.variables() == [] and optimizer.get_slot(v["kernel"], "m") is None


def test_keras_optimizers_in_groups() -> None:
    v = network()
    step = tf.train.get_or_create_global_step()
    optimizer = tf.optimizers.Groups([("kernel", tf.keras.optimizers.SGD(0.25))], tf.keras.optimizers.legacy.SGD(0.5))
    train_op = optimizer.minimize(v["loss"], global_step=step)
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP) == [train_op]
    kernel, bias, count = run(train_op, [v["kernel"], v["bias"], step], 2)
    assert [kernel.tolist(), bias.tolist(), count] == [[[0.5, -0.25]], [0.0], 2]
    assert optimizer.hyper["SGD/learning_rate"] == 0.25


def test_sparse_gradients_reach_their_group() -> None:
    table, other = tf.Variable(np.ones((4, 2)), name="table"), tf.Variable(np.ones(2), name="other")
    loss = tf.reduce_sum(tf.gather(table, [1, 1])) + tf.reduce_sum(other)
    optimizer = tf.optimizers.Groups([("table", tf.train.GradientDescentOptimizer(0.25))], tf.train.GradientDescentOptimizer(0.5))
    values = run(optimizer.minimize(loss), [table, other])
    assert values[0].tolist() == [[1, 1], [0.5, 0.5], [1, 1], [1, 1]] and values[1].tolist() == [0.5, 0.5]


def test_a_variable_in_two_groups_is_refused() -> None:
    v = network()
    optimizer = tf.optimizers.Groups([("dense", tf.train.AdamOptimizer(0.1)), ("bias", None)], tf.train.GradientDescentOptimizer(0.1))
    message = r"Variable dense/bias belongs to 2 groups: Adam \('dense'\) and frozen \('bias'\)\. It must belong to exactly one"
    with pytest.raises(ValueError, match=message):
        optimizer.minimize(v["loss"])
    with pytest.raises(ValueError, match=message):
        optimizer.apply_gradients([(tf.ones([1], tf.float64), v["bias"])])


def test_a_variable_in_no_group_is_refused() -> None:
    v = network()
    with pytest.raises(ValueError, match=r"Variable norm/scale belongs to no group \(Adam \('dense'\)\): add it to one, or give a default"):
        tf.optimizers.Groups([("dense", tf.train.AdamOptimizer(0.1))]).minimize(v["loss"])


def test_what_are_no_groups() -> None:
    sgd = tf.train.GradientDescentOptimizer(0.1)
    with pytest.raises(TypeError, match=r"A group is a pair \(which variables, optimizer\), got 'kernel' as number 0"):
        tf.optimizers.Groups(["kernel"])
    with pytest.raises(TypeError, match=r"Group number 1 needs an optimizer, or None to freeze its variables, got 0\.1"):
        tf.optimizers.Groups([("kernel", sgd), ("bias", 0.1)])
    with pytest.raises(TypeError, match="The default needs an optimizer, or None to freeze its variables, got <class"):
        tf.optimizers.Groups([("kernel", sgd)], tf.optimizers.Lion)
    with pytest.raises(ValueError, match="Groups needs at least one group"):
        tf.optimizers.Groups([])
    with pytest.raises(TypeError, match="Variables are selected by a list, a regular expression or a function of the variable, got 3"):
        tf.optimizers.Groups([(3, sgd)]).minimize(network()["loss"])
