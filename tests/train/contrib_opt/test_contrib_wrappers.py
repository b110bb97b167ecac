"""The optimizers that stand around another one: clipping, several tasks, moving averages, one replica, weight decay."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.tf1.contrib_opt import estimator, opt
from graphopt.train.optimizers.contrib import SyncReplicasOptimizer

RANDOM = np.random.default_rng(5)
START = RANDOM.standard_normal((4, 3)) * 3
ROWS = RANDOM.standard_normal((3, 3)) * 5
INDICES = np.array([2, 0, 2])


def sgd(rate: Any = 1.0) -> Any:
    return tf.train.GradientDescentOptimizer(rate)


def run(step: Any, *fetches: Any, feeds: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, feeds)
        return session.run(list(fetches), feeds)


def clipped(w: np.ndarray, norm: float, axes: Any) -> np.ndarray:
    return w * norm / np.maximum(np.sqrt(np.sum(w * w, axis=axes, keepdims=True)), norm)


def table_rows() -> tf.IndexedSlices:
    return tf.IndexedSlices(tf.constant(ROWS), tf.constant(INDICES), tf.constant([4, 3]))


def after_rows() -> np.ndarray:
    w = START.copy()
    np.subtract.at(w, INDICES, ROWS)
    return w


# --- VariableClippingOptimizer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dims", "axes"), [([1], 1), ([0], 0), ([0, 1], (0, 1))])
def test_variables_are_clipped_after_dense_updates(dims: list[int], axes: Any) -> None:
    w, free = tf.Variable(START), tf.Variable(START)
    made = opt.VariableClippingOptimizer(sgd(), {w: dims}, 0.75)
    gradient = tf.constant(np.ones_like(START))
    found = run(made.apply_gradients([(gradient, w), (gradient, free)]), w, free)
    np.testing.assert_allclose(found[0], clipped(START - 1, 0.75, axes), rtol=1e-12)
    np.testing.assert_allclose(found[1], START - 1, rtol=1e-12)


def test_rows_are_clipped_once_however_often_they_come() -> None:
    w = tf.Variable(START)
    made = opt.VariableClippingOptimizer(sgd(), {w: [1]}, 0.75)
    (found,) = run(made.apply_gradients([(table_rows(), w)]), w)
    wanted = after_rows()
    wanted[[0, 2]] = clipped(wanted[[0, 2]], 0.75, 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_rows_of_a_variable_that_is_clipped_over_its_rows() -> None:
    w = tf.Variable(START)
    made = opt.VariableClippingOptimizer(sgd(), {w: [0]}, 0.75)
    (found,) = run(made.apply_gradients([(table_rows(), w)]), w)
    np.testing.assert_allclose(found, clipped(after_rows(), 0.75, 0), rtol=1e-12)


def test_clipping_keeps_small_variables_and_counts_steps() -> None:
    w = tf.Variable([0.1, 0.2])
    count = tf.train.get_or_create_global_step()
    made = opt.VariableClippingOptimizer(tf.train.MomentumOptimizer(0.0, 0.9), {w: [0]}, 1.0)
    step = made.minimize(tf.reduce_sum(w), global_step=count)
    found = run(step, w, count)
    np.testing.assert_array_equal(found[0], np.array([0.1, 0.2], np.float32))
    assert found[1] == 1
    assert made.get_slot_names() == ["momentum"]
    assert made.get_slot(w, "momentum") in made.variables()


def test_the_largest_norm_is_a_hyper_parameter() -> None:
    w = tf.Variable([3.0, 4.0])
    made = opt.VariableClippingOptimizer(sgd(0.0), {w: [0]}, 5.0)
    step = made.apply_gradients([(tf.constant([1.0, 1.0]), w)])
    assert sorted(made.hyper) == ["learning_rate", "max_norm"]
    assert made.hyper_parameters == {"learning_rate": 0.0, "max_norm": 5.0}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with session.as_default():
            made.hyper["max_norm"] = 1.0
        session.run(step)
        np.testing.assert_allclose(session.run(w), [0.6, 0.8], rtol=1e-6)


# --- clip_gradients_by_norm ------------------------------------------------------------------------------------------


def test_gradients_are_clipped_by_their_global_norm() -> None:
    a, b, c = tf.Variable([0.0, 0.0]), tf.Variable(0.0), tf.Variable(1.0)
    made = estimator.clip_gradients_by_norm(sgd(), 6.5)
    assert made.get_name() == "ClipByNormGradientDescent"
    step = made.apply_gradients([(tf.constant([3.0, 4.0]), a), (tf.constant(12.0), b), (None, c)])
    found = run(step, a, b, c)
    np.testing.assert_allclose(found[0], [-1.5, -2.0], rtol=1e-6)
    assert found[1:] == [-6.0, 1.0]


def test_gradients_of_small_norm_pass_and_the_norm_can_be_set() -> None:
    w = tf.Variable(np.zeros(2))
    made = estimator.clip_gradients_by_norm(tf.train.AdamOptimizer(), 6.0)
    assert made.get_slot_names() == []
    made = estimator.clip_gradients_by_norm(sgd(), 6.0)
    step = made.minimize(tf.reduce_sum(w * np.array([3.0, 4.0])))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_allclose(session.run(w), [-3, -4], rtol=1e-15)
        made.hyper.of(session)["clip_norm"] = 1.0
        session.run(step)
        np.testing.assert_allclose(session.run(w), [-3.6, -4.8], rtol=1e-15)


# --- several tasks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_a_gradient_of_zeros_changes_nothing(sparse: bool) -> None:
    w, other = tf.Variable(START), tf.Variable(1.0)
    g = tf.placeholder(tf.float64, [4, 3])
    inner = tf.train.AdamOptimizer(0.1)
    made = opt.MultitaskOptimizerWrapper(inner)
    gradient = tf.IndexedSlices(g, tf.constant([0, 1, 2, 3]), tf.constant([4, 3])) if sparse else g
    step = made.apply_gradients([(gradient, w), (tf.constant(1.0), other)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, {g: np.ones((4, 3))})
        state = [w, inner.get_slot(w, "m"), inner.get_slot(w, "v")]
        before, other_before = session.run([state, other])
        session.run(step, {g: np.zeros((4, 3))})
        np.testing.assert_array_equal(session.run(state), before)
        assert session.run(other) < other_before
        session.run(step, {g: np.ones((4, 3))})
        assert np.all(session.run(w) < before[0])


def test_the_optimizer_inside_stays_what_it_was() -> None:
    w = tf.Variable(1.0)
    inner = tf.train.MomentumOptimizer(1.0, 0.5)
    opt.MultitaskOptimizerWrapper(inner).apply_gradients([(tf.constant(1.0), w)])
    assert "_update" not in vars(inner)
    step = inner.apply_gradients([(tf.constant(0.0), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        inner.get_slot(w, "momentum").load(np.float32(1.0), session)
        session.run(step)
        assert session.run(w) == 0.5


def test_wrappers_inside_of_wrappers() -> None:
    w = tf.Variable([3.0, 4.0])
    g = tf.placeholder(tf.float32, [2])
    clipping = opt.VariableClippingOptimizer(tf.train.MomentumOptimizer(1.0, 0.5), {w: [0]}, 5.0)
    step = opt.MultitaskOptimizerWrapper(opt.MultitaskOptimizerWrapper(clipping)).apply_gradients([(g, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value in ([1.0, 1.0], [0.0, 0.0]):
            session.run(step, {g: value})
        np.testing.assert_array_equal(session.run(w), [2.0, 3.0])


def test_a_guard_around_holds_as_well() -> None:
    w, is_on = tf.Variable(1.0), tf.placeholder(tf.bool, [])
    graph = tf.get_default_graph()
    with graph.write_only_if(is_on):
        step = opt.MultitaskOptimizerWrapper(sgd()).apply_gradients([(tf.constant(1.0), w)])
    assert run(step, w, feeds={is_on: False}) == [1.0]
    assert run(step, w, feeds={is_on: True}) == [0.0]


def test_clipping_of_several_tasks_gradients() -> None:
    a, b, c = tf.Variable([1.0, 1.0]), tf.Variable([1.0]), tf.Variable(1.0)
    pairs, norm = opt.clip_gradients_by_global_norm([(tf.constant([30.0, 40.0]), a), (tf.zeros([1]), b), (None, c)])
    assert pairs[2] == (None, c)
    assert [v for _, v in pairs] == [a, b, c]
    found = tf.Session().run([pairs[0][0], pairs[1][0], norm])
    np.testing.assert_allclose(found[0], [12, 16], rtol=1e-6)
    assert found[1:] == [0.0, 50.0]


# --- moving averages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sequential", [True, False])
def test_averages_follow_the_variable_after_or_before_the_step(sequential: bool) -> None:
    w = tf.Variable(START, name="w")
    made = opt.MovingAverageOptimizer(sgd(0.5), average_decay=0.75, sequential_update=sequential)
    step = made.minimize(tf.reduce_sum(w * w) / 2)
    value, average = START, START
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(4):
            session.run(step)
            after = value * 0.5
            average = 0.75 * average + 0.25 * (after if sequential else value)
            value = after
            np.testing.assert_allclose(session.run(made.average(w)), average, rtol=1e-12)
            np.testing.assert_allclose(session.run(w), value, rtol=1e-12)
    assert made.average(w).op.name == "w/ExponentialMovingAverage"
    assert made.average(tf.Variable(1.0)) is None
    assert tf.moving_average_variables() == [w]


def test_averages_move_faster_at_first_with_a_count() -> None:
    w = tf.Variable(START)
    count = tf.train.get_or_create_global_step()
    made = opt.MovingAverageOptimizer(sgd(0.5), num_updates=count)
    step = made.minimize(tf.reduce_sum(w * w) / 2, global_step=count)
    value, average = START, START
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for n in (1, 2, 3):
            session.run(step)
            value, decay = value * 0.5, (1 + n) / (10 + n)
            average = decay * average + (1 - decay) * value
            np.testing.assert_allclose(session.run(made.average(w)), average, rtol=1e-12)


def test_averages_are_swapped_in_once_and_out_once() -> None:
    w, v = tf.Variable(1.0, name="w"), tf.Variable(2.0, name="v")
    made = opt.MovingAverageOptimizer(sgd(), average_decay=0.5)
    step = made.apply_gradients([(tf.constant(2.0), w), (tf.constant(4.0), v)])
    swap_in, swap_out = made.swap_in(), made.swap_out()
    assert made.swap_in() is swap_in
    both = [w, v, made.average(w), made.average(v)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        trained = [-1.0, -2.0, 0.0, 0.0]
        assert session.run(both) == trained
        session.run(swap_out)
        assert session.run(both) == trained
        for _ in range(2):
            session.run(swap_in)
            assert session.run(both) == [0.0, 0.0, -1.0, -2.0]
        session.run(swap_out)
        assert session.run(both) == trained
        with session.as_default(), made.swapped():
            assert session.run(both) == [0.0, 0.0, -1.0, -2.0]
        assert session.run(both) == trained
        with pytest.raises(KeyError), made.swapped(session):
            raise KeyError
        assert session.run(both) == trained
    assert made.swapped_names() == {
        "w": "w/ExponentialMovingAverage",
        "v": "v/ExponentialMovingAverage",
        "w/ExponentialMovingAverage": "w",
        "v/ExponentialMovingAverage": "v",
    }


def test_the_decay_of_averages_is_a_hyper_parameter_and_serves_two_steps() -> None:
    w = tf.Variable(1.0)
    made = opt.MovingAverageOptimizer(sgd(), average_decay=0.5)
    steps = [made.apply_gradients([(tf.constant(value), w)]) for value in (2.0, -2.0)]
    assert made.hyper_parameters == {"learning_rate": 1.0, "average_decay": 0.5}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(steps[0])
        assert session.run(made.average(w)) == 0.0
        made.hyper.of(session)["average_decay"] = 0.0
        session.run(steps[1])
        assert session.run([w, made.average(w)]) == [1.0, 1.0]


# --- one replica -----------------------------------------------------------------------------------------------------


def test_one_replica_does_what_the_optimizer_inside_does() -> None:
    w = tf.Variable(1.0)
    count = tf.train.get_or_create_global_step()
    averages = tf.train.ExponentialMovingAverage(0.5)
    made = SyncReplicasOptimizer(tf.train.MomentumOptimizer(0.25, 0.5), 1, variable_averages=averages, variables_to_average=[w])
    step = made.minimize(w * w, global_step=count)
    assert run(step, w, count, averages.average(w), made.get_slot(w, "momentum")) == [0.5, 1, 0.75, 2.0]


def test_one_replica_without_averages() -> None:
    w = tf.Variable(1.0)
    count = tf.train.get_or_create_global_step()
    assert run(SyncReplicasOptimizer(sgd(0.25), 1, 1).minimize(w * w, global_step=count), w, count) == [0.5, 1]


# --- weight decay ----------------------------------------------------------------------------------------------------


def test_any_optimizer_can_be_extended() -> None:
    a, b = tf.Variable(2.0), tf.Variable(2.0)
    made = opt.extend_with_decoupled_weight_decay(tf.train.GradientDescentOptimizer)(0.25, learning_rate=1.0)
    assert isinstance(made, opt.DecoupledWeightDecayExtension)
    assert isinstance(made, tf.train.GradientDescentOptimizer)
    assert made.hyper_parameters == {"learning_rate": 1.0, "weight_decay": 0.25}
    pairs = [(tf.constant(1.0), a), (tf.constant(1.0), b)]
    chosen, everything = made.apply_gradients(pairs, decay_var_list=[b]), made.apply_gradients(pairs)
    assert run(chosen, a, b) == [1.0, 0.5]
    assert run(everything, a, b) == [0.5, 0.5]


def test_minimize_keeps_the_list_of_variables_that_decay() -> None:
    a, b = tf.Variable(2.0), tf.Variable(2.0)
    made = opt.MomentumWOptimizer(0.25, learning_rate=1.0, momentum=0.0)
    step = made.minimize(a + b, decay_var_list=[b])
    assert run(step, a, b) == [1.0, 0.5]
    assert run(made.minimize(a + b, decay_var_list=[]), a, b) == [0.5, 0.5]


def test_the_decay_is_not_multiplied_by_the_rate_and_can_be_set() -> None:
    w = tf.Variable(4.0)
    made = opt.AdamWOptimizer(0.5, learning_rate=0.0)
    step = made.apply_gradients([(tf.constant(1.0), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(w) == 2.0
        made.hyper.of(session)["weight_decay"] = 0.25
        session.run(step)
        assert session.run(w) == 1.5


def test_the_decay_follows_a_schedule() -> None:
    w = tf.Variable(8.0)
    count = tf.train.get_or_create_global_step()
    made = opt.MomentumWOptimizer(lambda step: 0.5 / (tf.cast(step, tf.float64) + 1), 0.0, 0.0)
    step = made.apply_gradients([(tf.constant(1.0), w)], global_step=count)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = []
        for _ in range(2):
            session.run(step)
            values.append(float(session.run(w)))
    assert values == [4.0, 3.0]


def test_a_regularizer_s_update_leaves_the_accumulator() -> None:
    w = tf.Variable(1.0)
    made = opt.RegAdagradOptimizer(1.0, initial_accumulator_value=1.0)
    rows = tf.Variable([[1.0], [1.0]])
    slices = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([1]), tf.constant([2, 1]))
    with made.avoid_slot_update():
        still = made.apply_gradients([(tf.constant(0.5), w), (slices, rows)])
    moving = made.apply_gradients([(tf.constant(1.0), w)])
    found = run(still, w, rows, made.get_slot(w, "accumulator"), made.get_slot(rows, "accumulator"))
    assert found[0] == 0.5 and found[2] == 1.0
    np.testing.assert_array_equal(found[1], [[1], [0]])
    np.testing.assert_array_equal(found[3], [[1], [1]])
    assert run(moving, made.get_slot(w, "accumulator")) == [2.0]


@pytest.mark.parametrize(
    "make", [lambda: opt.VariableClippingOptimizer(sgd(0.25), {}, 1.0), lambda: opt.ShampooOptimizer(learning_rate=0.25)]
)
def test_the_rate_is_known_before_the_update(make: Any) -> None:
    made = make()
    made.prepare_hyper()
    assert made.hyper["learning_rate"] == 0.25


def test_optimize_loss_takes_them() -> None:
    w = tf.get_variable("w", initializer=np.array([3.0, -2.0]))
    made = opt.MovingAverageOptimizer(opt.LazyAdamOptimizer(0.1), 0.5)
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(w * w), None, None, lambda: made)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [session.run(train_op) for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
    assert {v.op.name.split("/")[-1] for v in made.variables()} >= {"ExponentialMovingAverage", "beta1_power"}
