"""What all optimizers share: minimize, slots, names, kinds of hyper-parameters, subclasses."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf


def sgd(rate: Any = 0.5, **options: Any) -> Any:
    return tf.train.GradientDescentOptimizer(rate, **options)


def after(train: Any, *fetches: Any, steps: int = 1, feed: Any = None) -> list[Any]:
    """The values of the fetches after some steps."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(train, feed)
        return [np.asarray(session.run(fetch)).tolist() for fetch in fetches]


def test_minimize_changes_the_trainable_variables_and_counts() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0, trainable=False)
    step = tf.train.get_or_create_global_step()
    train = sgd(0.25).minimize(a * a + b * b, global_step=step, name="fit")
    assert isinstance(train, tf.Operation)
    assert (train.name, train.type) == ("fit", "AssignAdd")
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP) == [train]
    assert after(train, a, b, step, steps=2) == [0.25, 2.0, 2]


def test_without_a_global_step_the_operation_groups_the_updates() -> None:
    w = tf.Variable(1.0, name="w")
    train = tf.train.AdamOptimizer(0.5).minimize(w * w)
    assert (train.name, train.type) == ("Adam", "NoOp")
    assert {op.name for op in train.control_inputs} == {"Adam/update_w/ApplyAdam", "Adam/Assign", "Adam/Assign_1"}


def test_var_list_may_be_nested_and_hold_tensors() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    square = a * a
    pairs = sgd().compute_gradients(square * b, var_list={"z": [b], "a": (square,)})
    assert [v for _, v in pairs] == [square, b]
    assert after(tf.no_op(), *[g for g, _ in pairs]) == [2.0, 1.0]


def test_loss_may_be_a_function() -> None:
    w = tf.Variable(3.0)
    assert after(sgd(0.5).minimize(lambda: w * w), w) == [0.0]


def test_a_variable_without_gradient_stays() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    opt = tf.train.MomentumOptimizer(0.5, 0.9)
    pairs = opt.compute_gradients(a * a)
    assert [g is None for g, _ in pairs] == [False, True]
    assert after(opt.apply_gradients(pairs), a, b) == [0.0, 2.0]
    assert opt.get_slot(b, "momentum") is None


@pytest.mark.parametrize("gate", [0, 1, 2])
def test_gates_change_no_value(gate: int) -> None:
    w, rows = tf.Variable([1.0, 2.0]), tf.Variable([[1.0], [2.0]])
    loss = tf.reduce_sum(w * w) + tf.reduce_sum(tf.gather(rows, [0, 0]))
    opt = sgd(0.25)
    pairs = opt.compute_gradients(loss, gate_gradients=gate)
    assert isinstance(pairs[1][0], tf.IndexedSlices)
    assert after(opt.apply_gradients(pairs), w, rows) == [[0.5, 1.0], [[0.5], [2.0]]]


def test_grad_loss_scales_the_gradient() -> None:
    w = tf.Variable(1.0)
    assert after(sgd(1.0).minimize(w * w, grad_loss=tf.constant(0.25)), w) == [0.5]


@pytest.mark.parametrize(
    "rate",
    [0.25, lambda: 0.25, lambda: tf.constant(0.25), np.float64(0.25), np.float32(0.25)],
    ids=["float", "function", "function of a tensor", "float64", "float32"],
)
def test_kinds_of_hyper_parameters(rate: Any) -> None:
    w, half = tf.Variable(2.0), tf.Variable(np.float64(2.0))
    train = tf.train.MomentumOptimizer(rate, momentum=0.5).apply_gradients([(tf.constant(4.0), w), (tf.constant(4.0, tf.float64), half)])
    assert after(train, w, half) == [1.0, 1.0]


def test_every_optimizer_takes_functions() -> None:
    w, start = tf.Variable(2.0), tf.Variable(2.0)
    for make in (tf.train.FtrlOptimizer, tf.train.ProximalAdagradOptimizer, tf.train.AdadeltaOptimizer):
        pair = [make(rate).apply_gradients([(tf.constant(1.0), v)]) for rate, v in ((lambda: 0.5, w), (0.5, start))]
        assert len({value for value in after(tf.group(pair), w, start)}) == 1


def test_hyper_parameters_may_be_variables_and_placeholders() -> None:
    w, rate, momentum = tf.Variable(2.0), tf.Variable(0.5, trainable=False), tf.placeholder(tf.float32, [])
    train = tf.train.MomentumOptimizer(rate, momentum).apply_gradients([(tf.constant(1.0), w)])
    assert after(train, w, steps=2, feed={momentum: 1.0}) == [0.5]


def test_updates_of_one_run_see_the_values_from_before_it() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    assert after(sgd(1.0).minimize(a * b), a, b) == [-1.0, 1.0]


def test_what_is_recorded_after_the_step_reads_the_new_value() -> None:
    w = tf.Variable(1.0)
    before = w * 1.0
    train = sgd(0.25).minimize(w * w)
    with tf.control_dependencies([train]):
        later = w * 1.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([before, later, w]) == [1.0, 0.5, 0.5]


def test_a_clip_of_the_weights_recorded_after_the_step_clips_the_new_weights() -> None:
    w = tf.Variable(1.0)
    train = sgd(2.0).minimize(w * w)
    clip = w.assign(tf.clip_by_value(w, -0.5, 0.5))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([train, clip, w])[1:] == [-0.5, -0.5]


def test_constraints_apply_to_the_new_value() -> None:
    w = tf.Variable([1.0, -3.0], constraint=lambda v: tf.clip_by_value(v, -0.5, 0.5))
    assert after(sgd(0.125).minimize(tf.reduce_sum(w * w)), w) == [[0.5, -0.5]]


# --- slots -----------------------------------------------------------------------------------------------------------------


def test_slots_stand_beside_their_variable_and_belong_to_the_graph() -> None:
    opt = tf.train.AdamOptimizer()
    with tf.variable_scope("net"):
        w = tf.get_variable("w", [2])
    with tf.variable_scope("train"):
        opt.minimize(tf.reduce_sum(w * w))
    assert [v.name for v in opt.variables()] == ["train/beta1_power:0", "train/beta2_power:0", "train/net/w/Adam:0", "train/net/w/Adam_1:0"]
    assert opt.get_slot(w, "v").name == "train/net/w/Adam_1:0"
    assert opt.get_slot_names() == ["m", "v"]
    assert not any(v in tf.trainable_variables() for v in opt.variables())
    with tf.Graph().as_default():
        assert opt.variables() == []
        other = tf.get_variable("net/w", [2])
        opt.minimize(tf.reduce_sum(other))
        assert opt.get_slot(other, "m").name == "net/w/Adam:0"
    assert opt.get_slot(w, "m").name == "train/net/w/Adam:0"


def test_a_second_step_of_one_optimizer_shares_the_slots() -> None:
    w = tf.Variable(1.0, name="w")
    opt = tf.train.MomentumOptimizer(0.1, 0.9)
    opt.minimize(w * w)
    opt.minimize(w * 3.0)
    assert [v.name for v in opt.variables()] == ["w/Momentum:0"]
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(w * w)
    assert [v.name for v in tf.global_variables()] == ["w:0", "w/Momentum:0", "w/Momentum_1:0"]


def test_slots_of_a_variable_of_unknown_shape() -> None:
    shape = tf.placeholder(tf.int32, [1])
    w = tf.Variable(tf.ones(shape), validate_shape=False)
    opt = tf.train.RMSPropOptimizer(0.5)
    train = opt.apply_gradients([(tf.ones(shape), w)])
    with tf.Session() as session:
        session.run(tf.variables_initializer([w]), {shape: [3]})
        session.run(tf.variables_initializer(opt.variables()), {shape: [3]})
        session.run(train, {shape: [3]})
        assert session.run(opt.get_slot(w, "rms")).tolist() == [1.0, 1.0, 1.0]
        assert session.run(w).tolist() == [0.5, 0.5, 0.5]
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"var and grad do not have the same shape\[3\] \[2\]"):
            session.run(train, {shape: [2]})


# --- subclasses --------------------------------------------------------------------------------------------------------------


class Halving(tf.train.Optimizer):
    """Written against the documented methods: halves the variable where its gradient is not 0, and counts."""

    def __init__(self) -> None:
        super().__init__(False, "Halving")

    def _create_slots(self, var_list: Any) -> None:
        for v in var_list:
            self._zeros_slot(v, "count", self._name)

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        changed = tf.cast(tf.not_equal(grad, 0.0), tf.float32)
        count = tf.assign_add(self.get_slot(var, "count"), changed)
        return tf.group(tf.assign_sub(var, 0.5 * var * changed), count)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        rows = tf.gather(var, grad.indices)
        return tf.group(tf.scatter_sub(var, grad.indices, 0.5 * rows))


def test_own_optimizer() -> None:
    opt, w = Halving(), tf.Variable([4.0, 8.0])
    train = opt.apply_gradients([(tf.constant([1.0, 0.0]), w)])
    assert after(train, w, opt.get_slot(w, "count"), steps=2) == [[1.0, 8.0], [2.0, 0.0]]


def test_own_optimizer_gets_rows_without_repetition() -> None:
    w = tf.Variable([[4.0], [8.0], [2.0]])
    train = Halving().minimize(tf.reduce_sum(tf.gather(w, [1, 1, 0])))
    assert after(train, w) == [[[2.0], [4.0], [2.0]]]


class ByTheOtherName(tf.train.Optimizer):
    """Defines only what TensorFlow calls for resource variables."""

    def __init__(self) -> None:
        super().__init__(False, "Other")

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        return handle.assign_sub(grad)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        return tf.scatter_sub(handle, indices, grad)


def test_methods_for_resource_variables_are_taken_too() -> None:
    w, rows = tf.Variable(3.0), tf.Variable([1.0, 2.0])
    train = ByTheOtherName().minimize(w * 2.0 + tf.reduce_sum(tf.gather(rows, [1, 1])))
    assert after(train, w, rows) == [1.0, [1.0, 0.0]]


class Nothing(tf.train.Optimizer):
    def __init__(self) -> None:
        super().__init__(False, "Nothing")


def test_an_optimizer_that_defines_nothing_says_so() -> None:
    w = tf.Variable([1.0])
    with pytest.raises(NotImplementedError, match="Nothing does not define _apply_dense"):
        Nothing().minimize(tf.reduce_sum(w))
    with pytest.raises(NotImplementedError, match="Nothing does not define _apply_sparse"):
        Nothing().minimize(tf.reduce_sum(tf.gather(w, [0])))


class Doubled(tf.train.AdamOptimizer):
    """Changes the gradient on its way to the rule."""

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return super()._apply_dense(2.0 * grad, var)


def test_subclass_of_a_stock_optimizer() -> None:
    opt, w = Doubled(0.1), tf.Variable(1.0)
    train = opt.apply_gradients([(tf.constant(3.0), w)])
    assert after(train, opt.get_slot(w, "m")) == [pytest.approx(0.6)]
