"""Whole training ops with many stages: several in one graph, many steps in one call, both backends, Keras's optimizers."""

from typing import Any

import numpy as np
import pytest
from staging import initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages


def test_two_training_ops_of_one_variable_keep_their_own_sums_and_averages() -> None:
    w = tf.Variable(np.float64(0.0), name="w")
    averages = [stages.MovingAverages(0.5), stages.MovingAverages(0.5)]
    ops = [
        tf.train.training_op(-w * rate, optimizer=sgd(1.0), stages=[stages.accumulate(2), kept])
        for rate, kept in zip((1.0, 10.0), averages, strict=True)
    ]
    with initialized() as session:
        found = []
        for i in (0, 1, 0, 1):
            session.run(ops[i])
            found.append(session.run([w, *[kept.average(w) for kept in averages]]))
    assert found == [[0, 0, 0], [0, 0, 0], [1, 0.5, 0], [11, 0.5, 5.5]]


PIPELINE_FEEDS = np.array([[1.0, 2.0], [3.0, 6.0], [np.inf, 0.0], [1.0, 1.0], [1.0, -1.0], [2.0, 1.0], [0.5, 0.5]])


def pipeline(optimizer: Any) -> tuple[Any, Any]:
    """A training op with many stages, and the placeholder of its gradient."""
    _, g, loss = linear([1.0, -2.0])
    chosen = [
        stages.scale_loss("dynamic"),
        stages.accumulate(2),
        stages.add_noise(0.01),
        stages.clip_by_global_norm(1.0),
        stages.skip_non_finite(),
        stages.decay_weights(0.01),
        stages.look_ahead(2),
        stages.MovingAverages(0.5, overwrite_every=3),
    ]
    return tf.train.training_op(loss, optimizer=optimizer, stages=chosen), g


def test_many_steps_in_one_call_are_as_many_runs() -> None:
    found = []
    for at_once in (False, True):
        with tf.Graph().as_default():
            tf.set_random_seed(2)
            tf.train.get_or_create_global_step()
            train_op, g = pipeline(tf.train.AdamOptimizer(0.1))
            with initialized() as session:
                if at_once:
                    session.run_steps(train_op, {g: PIPELINE_FEEDS})
                else:
                    for value in PIPELINE_FEEDS:
                        session.run(train_op, {g: value})
                found.append(session.run(tf.global_variables()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Ftrl"])
def test_both_backends_agree_on_a_long_pipeline(name: str) -> None:
    makes = {
        "SGD": lambda: sgd(0.1),
        "Adam": lambda: tf.train.AdamOptimizer(0.1),
        "Ftrl": lambda: tf.train.FtrlOptimizer(0.1),
    }
    found = []
    for backend in ("numpy", "native"):
        with tf.Graph().as_default():
            tf.set_random_seed(2)
            tf.train.get_or_create_global_step()
            train_op, g = pipeline(makes[name]())
            with tf.Session(backend=backend) as session:
                session.run(tf.global_variables_initializer())
                for value in PIPELINE_FEEDS:
                    _, stats = session.run([train_op, train_op.stats], {g: value})
                found.append([*session.run(tf.global_variables()), *stats.values()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("report", [False, True])
def test_a_step_with_summaries_writes_the_statistics_of_adaptive_clipping_once(report: bool) -> None:
    _, g, loss = linear([1.0])
    clip = tf.contrib.layers.adaptive_clipping_fn(decay=0.5, report_summary=report, name="adaptive")
    train_op = tf.train.training_op(loss, optimizer=sgd(0.1), stages=[stages.accumulate(2), clip], summaries=["loss"])
    mean = next(v for v in tf.global_variables() if v.op.name.endswith("/mean"))
    with initialized() as session:
        found = []
        for value in (1.0, 3.0, 5.0, 7.0):
            session.step(train_op, {g: [value]})
            found.append(session.run(mean))
    np.testing.assert_allclose(found, [0, np.log(2) / 2, np.log(2) / 2, np.log(2) / 4 + np.log(6) / 2], rtol=1e-7)


@pytest.mark.parametrize("make", [lambda: tf.keras.optimizers.SGD(0.1), lambda: tf.keras.optimizers.Adam(0.1, epsilon=1e-8)])
@pytest.mark.parametrize("way", ["training_op", "optimize_loss"])
def test_keras_optimizers_have_the_same_stages(way: str, make: Any) -> None:
    optimizer = make()
    w, g, loss = linear([1.0, -2.0])
    step = tf.train.get_or_create_global_step()
    averages = stages.MovingAverages(0.5)
    if way == "training_op":
        chosen = [stages.accumulate(2), stages.clip_by_global_norm(1.0), stages.skip_non_finite(), stages.decay_weights(0.1), averages]
        train_op = tf.train.training_op(loss, optimizer=optimizer, stages=chosen)
    else:
        train_op = tf.contrib.layers.optimize_loss(
            loss,
            step,
            None,
            optimizer,
            accumulate_steps=2,
            clip_gradients=1.0,
            non_finite="skip",
            weight_decay=0.1,
            moving_average=averages,
        )
    feeds = [{g: value} for value in ([1.0, 2.0], [5.0, 6.0], [np.inf, 0.0], [1.0, 1.0], [1.0, 1.0])]
    found = trained(train_op, feeds, [w, averages.average(w), step, optimizer.iterations])
    start, gradient = np.array([1.0, -2.0]), np.array([0.6, 0.8])
    if isinstance(optimizer, tf.keras.optimizers.Adam):
        # One step of Adam: the bias corrections leave the sign, but for epsilon.
        gradient = gradient / (gradient + 1e-8 / np.sqrt(0.001))
    wanted = start - 0.01 * start - 0.1 * gradient
    np.testing.assert_array_equal(found[0][0], start)
    np.testing.assert_allclose(found[1][0], wanted, rtol=1e-7)
    np.testing.assert_array_equal(found[4][0], found[1][0])
    np.testing.assert_allclose(found[4][1], (start + wanted) / 2, rtol=1e-7)
    assert [row[2:] for row in found] == [[0, 0], [1, 1], [1, 1], [1, 1], [1, 1]]
    assert train_op.hyper["learning_rate"] == pytest.approx(0.1)
    with initialized() as session:
        train_op.hyper["learning_rate"] = 0.2
        assert session.run(train_op.stats["learning_rate"]) == pytest.approx(0.2)


def test_sparse_and_dense_together_in_all_stages() -> None:
    table = tf.Variable(np.ones((3, 2)), name="table")
    w, g, loss = linear([1.0])
    chosen = [
        stages.accumulate(1),
        stages.clip_by_value(1.5),
        stages.clip_each_by_norm(10.0),
        stages.clip_by_block_rms(10.0),
        stages.clip_by_global_norm(100.0),
        stages.decay_weights(0.5),
    ]
    train_op = tf.train.training_op(loss + tf.reduce_sum(tf.gather(table, [1, 1])), optimizer=sgd(1.0), stages=chosen)
    found = trained(train_op, [{g: [1.0]}], [table, w])[0]
    np.testing.assert_allclose(found[0], [[0.5, 0.5], [-1, -1], [0.5, 0.5]], rtol=1e-14)
    np.testing.assert_allclose(found[1], [-0.5], rtol=1e-14)
