"""Accumulation: several runs make one step, and all that comes after it happens once for each step; aggregation over replicas."""

from typing import Any

import numpy as np
import pytest
from staging import DTYPES, TOLERANCE, WEIGHTS, initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages
RANDOM = np.random.default_rng(8)
GRADIENTS = RANDOM.standard_normal((12, 2))
BY_THREE = GRADIENTS.reshape(4, 3, 2)
OPTIMIZERS = {
    "SGD": lambda: tf.train.GradientDescentOptimizer(0.1),
    "Momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "Adam": lambda: tf.train.AdamOptimizer(0.1),
    "Ftrl": lambda: tf.train.FtrlOptimizer(0.1),
    "RMSProp": lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.5),
}


def states(optimizer: Any, first: list[Any], feeds: list[Any]) -> list[list[Any]]:
    """All variables of a graph after each run of a training op with these first stages."""
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        _w, g, loss = linear([1.0, -2.0])
        train_op = tf.train.training_op(loss, optimizer=optimizer(), stages=[*first, stages.decay_weights(0.01)], global_step=step)
        kept = [v for v in tf.global_variables() if "accumulated" not in v.name]
        return trained(train_op, [{g: value} for value in feeds], kept)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_runs_with_accumulation_are_one_step_on_the_mean(name: str) -> None:
    plain = states(OPTIMIZERS[name], [], list(BY_THREE.mean(axis=1)))
    accumulated = states(OPTIMIZERS[name], [stages.accumulate(3)], list(GRADIENTS))
    for wanted, found in zip(plain, accumulated[2::3], strict=True):
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-15)
    # Between the steps nothing moves at all.
    for i in range(len(accumulated)):
        if i % 3 != 2 and i > 2:
            for a, b in zip(accumulated[i], accumulated[i - i % 3 - 1], strict=True):
                np.testing.assert_array_equal(a, b)


def test_sums_are_one_step_on_the_sum() -> None:
    plain = states(OPTIMIZERS["Adam"], [], list(BY_THREE.sum(axis=1)))
    summed = states(OPTIMIZERS["Adam"], [stages.accumulate(3, how="sum")], list(GRADIENTS))
    for wanted, found in zip(plain, summed[2::3], strict=True):
        for a, b in zip(wanted, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-12)


F5 = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]]
OPTAX = {
    "mean": [[1, -2], [0.98, -1.9925], [0.98, -1.9925], [0.9825, -1.995], [0.9825, -1.995]],
    "sum": [[1, -2], [0.96, -1.985], [0.96, -1.985], [0.965, -1.99], [0.965, -1.99]],
}


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_the_numbers_of_optax_with_its_counters(how: Any) -> None:
    step = tf.train.get_or_create_global_step()
    w, g, loss = linear([1.0, -2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.1), stages=[stages.accumulate(2, how)], global_step=step)
    found = trained(train_op, [{g: value} for value in F5], [w, train_op.stats["accumulated_steps"], step])
    np.testing.assert_allclose([x[0] for x in found], OPTAX[how], rtol=1e-14)
    assert [x[1] for x in found] == [1, 0, 1, 0, 1]
    assert [x[2] for x in found] == [0, 1, 1, 2, 2]


def test_the_numbers_of_keras_3() -> None:
    w, g, loss = linear([1.0, 2.0, 3.0, 4.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(3)])
    total = next(v for v in tf.global_variables() if "accumulated_gradient" in v.name)
    found = trained(train_op, [{g: np.ones(4)}] * 4, [w, total])
    assert [x[1].tolist() for x in found] == [[1] * 4, [2] * 4, [0] * 4, [1] * 4]
    assert [x[0].tolist() for x in found] == [[1, 2, 3, 4], [1, 2, 3, 4], [0, 1, 2, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_gradients_add_up_and_half_precision_in_float32(dtype: str) -> None:
    w = tf.Variable(WEIGHTS.astype(dtype), name="w")
    rows, values = tf.placeholder(tf.int64, [None]), tf.placeholder(dtype, [None, 3])
    loss = tf.reduce_sum(tf.gather(w, rows) * values)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(2)])
    total = next(v for v in tf.global_variables() if "accumulated_gradient" in v.name)
    assert total.dtype == (tf.float32 if dtype == "float16" else tf.as_dtype(dtype))
    feeds = [{rows: [2, 0, 2], values: RANDOM.standard_normal((3, 3))}, {rows: [1], values: RANDOM.standard_normal((1, 3))}]
    wanted = WEIGHTS.astype(dtype).astype(float)
    for feed in feeds:
        np.subtract.at(wanted, feed[rows], feed[values].astype(dtype).astype(float) / 2)
    first, second = trained(train_op, feeds, w)
    np.testing.assert_array_equal(first, WEIGHTS.astype(dtype))
    np.testing.assert_allclose(second.astype(float), wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_what_stands_after_happens_once_for_each_step() -> None:
    step = tf.train.get_or_create_global_step()
    w, g, loss = linear([1.0])
    calls = tf.Variable(0, name="calls", trainable=False)

    def counting(pairs: Any) -> Any:
        calls.assign_add(1)
        return pairs

    averages = stages.MovingAverages(0.5)
    train_op = tf.train.training_op(
        loss, optimizer=sgd(1.0), stages=[stages.accumulate(2), counting, averages, stages.look_ahead(2, 0.5)], global_step=step
    )
    found = trained(train_op, [{g: [1.0]}] * 6, [w, averages.average(w), calls, step])
    assert [x[0].item() for x in found] == [1, 0, 0, 0, 0, -1]  # looked back at the second step: from -1 to 0
    assert [x[1].item() for x in found] == [1, 0.5, 0.5, -0.25, -0.25, -0.625]
    assert [x[2] for x in found] == [0, 1, 1, 2, 2, 3]
    assert [x[3] for x in found] == [0, 1, 1, 2, 2, 3]


def test_what_stands_before_happens_in_every_run() -> None:
    w, g, loss = linear([1.0])
    calls = tf.Variable(0, name="calls", trainable=False)

    def counting(pairs: Any) -> Any:
        calls.assign_add(1)
        return pairs

    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[counting, stages.clip_by_value(1.0), stages.accumulate(2, "sum")])
    found = trained(train_op, [{g: [0.5]}, {g: [5.0]}], [w, calls])
    assert found[1][0].item() == -0.5 and [x[1] for x in found] == [1, 2]


@pytest.mark.parametrize("noise", [lambda: stages.add_noise(1.0), lambda: stages.add_annealed_noise(1.0)])
def test_the_noise_of_the_steps_is_that_of_a_run_without_accumulation(noise: Any) -> None:
    found = {}
    for runs in (1, 3):
        with tf.Graph().as_default():
            w, g, loss = linear(np.zeros(4))
            step = tf.train.get_or_create_global_step()
            first = [stages.accumulate(runs)]
            tf.set_random_seed(5)
            train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[*first, noise()], global_step=step)
            found[runs] = trained(train_op, [{g: np.zeros(4)}] * (4 * runs), w)[runs - 1 :: runs]
    assert np.all(found[1][0] != 0) and np.all(found[1][0] != found[1][1])
    np.testing.assert_array_equal(found[1], found[3])


def test_adaptive_clipping_learns_from_whole_steps() -> None:
    found = []
    for runs, feeds in ((1, BY_THREE.mean(axis=1)), (3, GRADIENTS)):
        with tf.Graph().as_default():
            _w, g, loss = linear([1.0, -2.0])
            clip = tf.contrib.layers.adaptive_clipping_fn(std_factor=0.1, decay=0.5, name="adaptive")
            train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(runs), clip])
            kept = [v for v in tf.global_variables() if v.name.split(":")[0].endswith(("mean", "w"))]
            assert len(kept) == 3
            found.append(trained(train_op, [{g: value} for value in feeds], kept)[runs - 1 :: runs])
    for a, b in zip(*found, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)


def test_a_schedule_of_the_global_step_sees_steps_and_not_runs() -> None:
    w, g, loss = linear([0.0])
    step = tf.train.get_or_create_global_step()
    train_op = tf.train.training_op(
        loss,
        optimizer=tf.train.GradientDescentOptimizer,
        learning_rate=lambda count: 1.0 / (1.0 + tf.cast(count, tf.float64)),
        stages=[stages.accumulate(2)],
        global_step=step,
    )
    found = trained(train_op, [{g: [-1.0]}] * 6, w)
    np.testing.assert_allclose(np.ravel(found), [0, 1, 1, 1.5, 1.5, 1.5 + 1 / 3], rtol=1e-15)


def test_the_number_of_runs_may_change_while_training() -> None:
    w, g, loss = linear([0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(3)])
    with initialized() as session:
        session.run(train_op, {g: [-1.0]})
        plan = session.plan_of(train_op)
        train_op.hyper["accumulate_steps"] = 2
        session.run(train_op, {g: [-3.0]})
        assert session.run(w).item() == 2.0
        train_op.hyper["accumulate_steps"] = 1
        session.run(train_op, {g: [-3.0]})
        assert session.run(w).item() == 5.0
        assert session.plan_of(train_op) is plan


def test_the_number_of_runs_may_follow_the_steps() -> None:
    w, g, loss = linear([0.0])
    step = tf.train.get_or_create_global_step()
    stage = stages.accumulate(lambda count: tf.cast(count, tf.float64) + 1.0)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stage], global_step=step)
    found = trained(train_op, [{g: [-1.0]}] * 6, w)
    assert np.ravel(found).tolist() == [1, 1, 2, 2, 2, 3]


def test_one_run_for_each_step_is_a_plain_training_op() -> None:
    assert str(states(OPTIMIZERS["Adam"], [stages.accumulate(1)], list(GRADIENTS))) == str(states(OPTIMIZERS["Adam"], [], list(GRADIENTS)))


def test_the_loss_of_each_run_is_its_own() -> None:
    _, g, loss = linear([2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(2)])
    with initialized() as session:
        assert [session.run(train_op, {g: [value]}) for value in (1.0, 3.0, 1.0)] == [2.0, 6.0, 0.0]


def test_update_ops_happen_in_every_run() -> None:
    _, g, loss = linear([2.0])
    seen = tf.Variable(0, trainable=False)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(2)], update_ops=[seen.assign_add(1)])
    assert trained(train_op, [{g: [1.0]}] * 3, seen) == [1, 2, 3]


def test_one_variable_without_a_gradient_is_left_out() -> None:
    w, g, loss = linear([1.0])
    idle = tf.Variable(7.0, name="idle")
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(2)])
    assert trained(train_op, [{g: [1.0]}] * 2, [w, idle])[-1] == [0.0, 7.0]
    assert not [v for v in tf.global_variables() if v.name.startswith("idle/")]


def test_a_skipped_run_is_no_part_of_the_mean_as_in_optax() -> None:
    w, g, loss = linear([1.0, -2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.1), stages=[stages.skip_non_finite(), stages.accumulate(2)])
    count = train_op.stats["accumulated_steps"]
    found = trained(train_op, [{g: F5[0]}, {g: [np.nan, 1.0]}, {g: F5[1]}], [w, count])
    assert [x[1] for x in found] == [1, 1, 0]
    np.testing.assert_allclose(found[2][0], [0.98, -1.9925], rtol=1e-14)


def test_a_step_of_a_mean_that_is_not_finite_is_skipped() -> None:
    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.accumulate(2), stages.skip_non_finite()])
    skipped = train_op.stats["skipped_steps"]
    found = trained(train_op, [{g: [value]} for value in (1.0, np.inf, 1.0, 1.0)], [w, skipped])
    assert [x[0].item() for x in found] == [1, 1, 1, 0]
    assert [x[1] for x in found] == [0, 1, 1, 1]


# --- bad input, and on its own ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "error", "text"),
    [
        (0, ValueError, "accumulate_steps must be 1 or more, got 0"),
        (float("nan"), ValueError, "accumulate_steps must be 1 or more, got nan"),
        ("2", TypeError, "accumulate_steps must be a number, a scalar tensor, a schedule or a callable, got '2'"),
    ],
)
def test_numbers_of_runs_that_are_none(steps: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        stages.accumulate(steps)


def test_another_word_for_how() -> None:
    with pytest.raises(ValueError, match="Gradients are accumulated as 'mean' or 'sum', got 'max'"):
        stages.accumulate(2, how="max")


def test_without_a_step_accumulation_is_refused() -> None:
    w, g, _ = linear()
    with pytest.raises(ValueError, match="This stage decides whether the update happens: pass it to training_op or optimize_loss, or give"):
        stages.accumulate(2)([(g, w)])


# --- aggregation ------------------------------------------------------------------------------------------------------


def test_one_replica_has_nothing_to_aggregate() -> None:
    w, g, _ = linear()
    assert stages.aggregate()([(g, w), (None, w)]) == [(g, w), (None, w)]


def test_all_reduce_is_called_with_tensors_and_with_rows() -> None:
    w, g, loss = linear([1.0])
    table = tf.Variable(np.ones((3, 2)), name="table")
    loss = loss + tf.reduce_sum(tf.gather(table, [1, 1]))
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.aggregate(lambda x: x * 4.0)])
    found = trained(train_op, [{g: [1.0]}], [w, table])[0]
    assert found[0].item() == -3.0
    assert found[1].tolist() == [[1, 1], [-7, -7], [1, 1]]


def test_all_reduce_is_a_function() -> None:
    with pytest.raises(TypeError, match="all_reduce is a function of a tensor, or None for one replica, got 2"):
        stages.aggregate(2)
