"""Stages that act after the update: constraints, lookahead, moving averages."""

import re
from typing import Any

import numpy as np
import pytest
from staging import DTYPES, TOLERANCE, initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages
F5 = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]]


def averaged(averages: Any, optimizer: Any = None, start: Any = 2.0, **more: Any) -> tuple[Any, Any, Any]:
    """A training op whose gradient is fed and which keeps averages, with its variable and the placeholder."""
    w, g, loss = linear(start)
    train_op = tf.train.training_op(loss, optimizer=optimizer or sgd(1.0), stages=[averages], **more)
    return train_op, w, g


# --- constraints ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constraint_is_applied_after_the_update(dtype: str) -> None:
    w, g, loss = linear([1.0, 2.0, 3.0], dtype)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.constrain(lambda x: tf.clip_by_value(x, -0.5, 0.5))])
    assert trained(train_op, [{g: [5.0, 1.75, 0.0]}], w)[0].tolist() == [-0.5, 0.25, 0.5]


def test_the_numbers_of_keras_with_a_constraint_for_each_variable() -> None:
    w0, w1 = tf.Variable([1.0, 2.0], name="w0"), tf.Variable([3.0, 4.0], name="w1")
    loss = tf.reduce_sum(5.0 * w0 + 3.0 * w1)
    both = {"w0": lambda x: tf.clip_by_value(x, -0.1, 0.0), re.compile("1"): lambda x: tf.clip_by_value(x, 0.0, 1.0)}
    train_op = tf.train.training_op(loss, optimizer=sgd(3.0), stages=[stages.constrain(both)])
    found = trained(train_op, [None], [w0, w1])[0]
    np.testing.assert_allclose(found, [[-0.1, -0.1], [0.0, 0.0]], rtol=1e-7)


def test_sparse_rows_and_idle_variables() -> None:
    table = tf.Variable(np.full((3, 2), 5.0), name="table")
    idle = tf.Variable(5.0, name="idle")
    train_op = tf.train.training_op(
        tf.reduce_sum(tf.gather(table, [1, 1])), optimizer=sgd(1.0), stages=[stages.constrain(lambda x: tf.minimum(x, x * 0.0 + 4.0))]
    )
    found = trained(train_op, [None], [table, idle])[0]
    assert found[0].tolist() == [[4, 4], [3, 3], [4, 4]] and found[1] == 5.0


def test_a_constraint_that_fits_nothing_is_refused() -> None:
    _, _, loss = linear([1.0])
    with pytest.raises(ValueError, match=r"The constraint of 'ww' fits no variable of w. Did you mean 'w'\?"):
        tf.train.training_op(loss, optimizer=sgd(), stages=[stages.constrain({"ww": tf.abs})])


@pytest.mark.parametrize("given", [3, {"w": 3}, None])
def test_constraints_are_functions(given: Any) -> None:
    with pytest.raises(TypeError, match="Constraints are a function of a tensor, or a dict of such functions, got"):
        stages.constrain(given)


# --- lookahead --------------------------------------------------------------------------------------------------------


def test_the_lookahead_of_optax() -> None:
    w, g, loss = linear([1.0, -2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.1), stages=[stages.look_ahead(2, 0.5)])
    slow = next(v for v in tf.global_variables() if v.op.name.endswith("w/lookahead"))
    found = trained(train_op, [{g: value} for value in F5], [w, slow])
    # Where the slow weights move, the fast ones start anew from them.
    np.testing.assert_allclose([x[0] for x in found], [[0.99, -1.98], [0.98, -1.9925], [1.0, -2.0325], [0.9825, -1.995], [0.9805, -2.055]])
    np.testing.assert_allclose([x[1] for x in found], [[1, -2], [0.98, -1.9925], [0.98, -1.9925], [0.9825, -1.995], [0.9825, -1.995]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_second_lookahead_of_optax(dtype: str) -> None:
    w, g, loss = linear(3.0, dtype)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.look_ahead(3, 1 / 3)])
    found = trained(train_op, [{g: 1.0}] * 6, w)
    np.testing.assert_allclose([float(x) for x in found], [2, 1, 2, 1, 0, 1], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_a_sparse_variable_looks_ahead_as_a_whole() -> None:
    table = tf.Variable(np.ones((3, 2)), name="table")
    train_op = tf.train.training_op(tf.reduce_sum(tf.gather(table, [1, 1])), optimizer=sgd(1.0), stages=[stages.look_ahead(1, 0.25)])
    assert trained(train_op, [None], table)[0].tolist() == [[1, 1], [0.5, 0.5], [1, 1]]


def test_both_settings_of_lookahead_may_change() -> None:
    w, g, loss = linear(0.0)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.look_ahead(2, 0.5)])
    with initialized() as session:
        session.run(train_op, {g: -1.0})
        session.run(train_op, {g: -1.0})
        assert session.run(w) == 1.0
        train_op.hyper["lookahead_every"] = 1
        train_op.hyper["lookahead_slow_step"] = 0.25
        session.run(train_op, {g: -4.0})
        assert session.run(w) == 2.0


# --- moving averages --------------------------------------------------------------------------------------------------


def test_the_averages_of_keras_that_overwrite() -> None:
    averages = stages.MovingAverages(0.5, overwrite_every=3)
    train_op, w, g = averaged(averages)
    found = trained(train_op, [{g: 1.0}] * 7, [w, averages.average(w)])
    wanted = [(1, 1.5), (0, 0.75), (-0.125, -0.125), (-1.125, -0.625), (-2.125, -1.375), (-2.25, -2.25), (-3.25, -2.75)]
    assert [tuple(float(x) for x in both) for both in found] == wanted


@pytest.mark.parametrize(("decay", "wanted"), [(1.0, [2, 2, 2]), (0.0, [1, 0, -1])])
def test_the_ends_of_the_decay(decay: float, wanted: list[float]) -> None:
    averages = stages.MovingAverages(decay)
    train_op, w, g = averaged(averages)
    assert trained(train_op, [{g: 1.0}] * 3, averages.average(w)) == wanted


@pytest.mark.parametrize("dtype", DTYPES)
def test_averages_follow_the_formula_in_all_types(dtype: str) -> None:
    w, g, loss = linear([1.0, -2.0], dtype)
    averages = stages.MovingAverages(0.9)
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[averages])
    found = trained(train_op, [{g: value} for value in F5], [w, averages.average(w)])
    average = np.array([1.0, -2.0])
    for weights, kept in found:
        average = 0.9 * average + 0.1 * weights.astype(float)
        np.testing.assert_allclose(kept.astype(float), average, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_debiased_averages() -> None:
    averages = stages.MovingAverages(0.9, start="zeros")
    train_op, w, g = averaged(averages, start=[1.0, -2.0])
    held = averages.average_variable(w)
    with initialized() as session:
        assert session.run(averages.average(w)).tolist() == [0, 0]
        raw = np.zeros(2)
        for t, value in enumerate(F5, 1):
            session.run(train_op, {g: value})
            weights, found, kept = session.run([w, averages.average(w), held])
            raw = 0.9 * raw + 0.1 * weights
            np.testing.assert_allclose(kept, raw, rtol=1e-14)
            np.testing.assert_allclose(found, raw / (1 - 0.9**t), rtol=1e-13)


def test_the_debiased_numbers_of_optax() -> None:
    """An average of the numbers g1 to g3: the weights of each step are made to be them."""
    averages = stages.MovingAverages(0.9, start="zeros")
    train_op, w, g = averaged(averages, start=[0.0, 0.0])
    moves = -np.diff([[0.0, 0.0], *F5[:3]], axis=0)
    found = trained(train_op, [{g: value} for value in moves], averages.average(w))
    wanted = [[0.1, -0.2], [0.205263157895, -0.068421052632], [0.055719557196, 0.104428044280]]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_debiased_averages_overwrite_too() -> None:
    averages = stages.MovingAverages(0.5, overwrite_every=2, start="zeros")
    train_op, w, g = averaged(averages, start=0.0)
    found = trained(train_op, [{g: -1.0}] * 2, w)
    assert found == [1.0, pytest.approx((0.25 * 1 + 0.5 * 2) / 0.75, rel=1e-15)]


def test_swapping_in_and_out() -> None:
    averages = stages.MovingAverages(0.5)
    train_op, w, g = averaged(averages)
    with initialized() as session:
        session.run(train_op, {g: 1.0})
        with averages.swapped_in():
            assert session.run(w) == 1.5
        assert session.run([w, averages.average(w)]) == [1.0, 1.5]
        with pytest.raises(KeyError), averages.swapped_in(session):
            assert session.run(w) == 1.5
            raise KeyError
        assert session.run([w, averages.average(w)]) == [1.0, 1.5]
        session.run(train_op, {g: 1.0})
        assert session.run([w, averages.average(w)]) == [0.0, 0.75]


def test_swapping_before_the_first_step_and_outside_of_the_graph() -> None:
    averages = stages.MovingAverages(0.5)
    train_op, w, g = averaged(averages)
    session = initialized()
    w.graph.finalize()
    with tf.Graph().as_default():
        with averages.swapped_in(session):
            assert session.run(w) == 2.0
        session.run(train_op, {g: 1.0})
        with averages.swapped_in(session):
            assert session.run(w) == 1.5
    session.close()


def test_loading_replaces_the_weights() -> None:
    averages = stages.MovingAverages(0.5)
    train_op, w, g = averaged(averages)
    with tf.Graph().as_default():
        load = averages.load()
    assert load is averages.load() and load.graph is w.graph
    with initialized() as session:
        session.run(train_op, {g: 1.0})
        session.run(load)
        assert session.run([w, averages.average(w)]) == [1.5, 1.5]


def test_variables_without_a_gradient_have_no_average() -> None:
    averages = stages.MovingAverages(0.5)
    idle = tf.Variable(1.0, name="idle")
    _, w, _ = averaged(averages)
    assert averages.average(idle) is None and averages.average_variable(idle) is None
    assert averages.average_variable(w).name.endswith("w/moving_average:0")
    assert averages.average_variable(w) not in tf.trainable_variables()


def test_averages_do_not_see_constraints_that_come_after_as_in_keras() -> None:
    averages = stages.MovingAverages(0.5)
    w, g, loss = linear(2.0)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[averages, stages.constrain(lambda x: tf.maximum(x, 1.5))])
    found = trained(train_op, [{g: 1.0}] * 3, [w, averages.average(w)])
    assert [tuple(float(x) for x in both) for both in found] == [(1.5, 1.5), (1.5, 1.0), (1.5, 0.75)]


def test_averages_see_constraints_that_come_before() -> None:
    averages = stages.MovingAverages(0.5)
    w, g, loss = linear(2.0)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.constrain(lambda x: tf.maximum(x, 1.5)), averages])
    found = trained(train_op, [{g: 1.0}] * 2, averages.average(w))
    assert found == [1.75, 1.625]


def test_the_averages_of_sparse_variables_are_of_all_rows() -> None:
    table = tf.Variable(np.ones((3, 2)), name="table")
    averages = stages.MovingAverages(0.5)
    train_op = tf.train.training_op(tf.reduce_sum(tf.gather(table, [1, 1])), optimizer=sgd(1.0), stages=[averages])
    assert trained(train_op, [None], averages.average(table))[0].tolist() == [[1, 1], [0, 0], [1, 1]]


def test_the_whole_pipeline_of_keras() -> None:
    """Reference numbers of Keras: rate 0.5 then 0.25, momentum, decay, one global norm, averages that overwrite."""
    a, ga, loss_a = linear([1.0, -2.0], name="a")
    b, gb, loss_b = linear([3.0], name="b")
    step = tf.train.get_or_create_global_step()

    class KerasMomentum(tf.train.Optimizer):
        """Momentum that has the rate inside: ``m = 0.9 m - lr g; w += m``."""

        def __init__(self, learning_rate: Any) -> None:
            super().__init__(False, "KerasMomentum")
            self._rate = learning_rate

        def _create_slots(self, var_list: Any) -> None:
            for v in var_list:
                self._zeros_slot(v, "m", "m")

        def _apply_dense(self, grad: Any, var: Any) -> Any:
            m = self.get_slot(var, "m")
            new = m.assign(0.9 * m - tf.cast(self._rate, var.dtype) * grad)
            return tf.group(var.assign_add(new))

    averages = stages.MovingAverages(0.5, overwrite_every=2)
    train_op = tf.train.training_op(
        loss_a + loss_b,
        optimizer=KerasMomentum,
        learning_rate=lambda count: tf.train.piecewise_constant(count, [1], [np.float64(0.5), np.float64(0.25)]),
        stages=[stages.clip_by_global_norm(1.0), stages.decay_weights(0.1), averages],
        global_step=step,
    )
    feeds = [([3, 4], [12]), ([0.3, 0.4], [0]), ([1, 1], [1]), ([-3, 0], [4])]
    found = trained(train_op, [{ga: x, gb: y} for x, y in feeds], [a, b, averages.average(a), averages.average(b)])
    wanted = [
        (0.834615384615, -2.053846153846, 2.388461538462, 0.917307692308, -2.026923076923, 2.694230769231),
        (0.728173076923, -2.158269230769, 2.273942307692, 0.728173076923, -2.158269230769, 2.273942307692),
        (0.337169644241, -2.553265451913, 1.698910028856, 0.532671360582, -2.355767341341, 1.986426168274),
        (0.337946284267, -2.624629406839, 1.488249048690, 0.337946284267, -2.624629406839, 1.488249048690),
    ]
    np.testing.assert_allclose([np.concatenate([np.ravel(x) for x in row]) for row in found], wanted, atol=1e-11)


# --- bad input --------------------------------------------------------------------------------------------------------


def test_two_training_ops_do_not_share_averages() -> None:
    averages = stages.MovingAverages(0.5)
    averaged(averages)
    with pytest.raises(RuntimeError, match="These MovingAverages belong to another training op already: make new ones for this one"):
        averaged(averages)


def test_averages_that_do_not_exist_yet() -> None:
    averages = stages.MovingAverages(0.5)
    with pytest.raises(RuntimeError, match="There are no averages yet: pass these MovingAverages to training_op or optimize_loss first"):
        averages.load()
    with tf.Session(), pytest.raises(RuntimeError, match="There are no averages yet"), averages.swapped_in():
        pass


def test_swapping_needs_a_session() -> None:
    averages = stages.MovingAverages(0.5)
    averaged(averages)
    with pytest.raises(ValueError, match="Swapping averages in needs a session: pass one, or enter"), averages.swapped_in():
        pass


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: stages.MovingAverages(1.5), ValueError, "average_decay must be between 0 and 1, got 1.5"),
        (lambda: stages.MovingAverages("0.5"), TypeError, "average_decay must be a number"),
        (lambda: stages.MovingAverages(0.5, overwrite_every=0), ValueError, "average_overwrite_every must be 1 or more, got 0"),
        (lambda: stages.MovingAverages(0.5, start="ones"), ValueError, "Moving averages start from 'weights' or 'zeros', got 'ones'"),
        (lambda: stages.look_ahead(0), ValueError, "lookahead_every must be 1 or more, got 0"),
        (lambda: stages.look_ahead(2, 1.5), ValueError, "lookahead_slow_step must be between 0 and 1, got 1.5"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("make", [stages.look_ahead, stages.MovingAverages, lambda: stages.constrain(tf.abs)])
def test_what_acts_after_the_update_needs_a_step(make: Any) -> None:
    w, g, _ = linear([1.0])
    with pytest.raises(ValueError, match="This stage acts after the update: pass it to training_op or optimize_loss, or give a step"):
        make()([(g, w)])
