"""`training_op`: stages in the order that the user chooses, its arguments, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from staging import RATE_OPTIMIZERS, found_with, initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages


# --- order ------------------------------------------------------------------------------------------------------------


def test_the_value_is_the_loss_from_before_the_step() -> None:
    w, g, loss = linear([2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0))
    assert isinstance(train_op, tf.train.TrainingOp) and isinstance(train_op, tf.Tensor)
    with initialized() as session:
        assert session.run(train_op, {g: [3.0]}) == 6.0
        assert session.run(w).item() == -1.0


def test_clipping_and_multiplying_do_not_commute() -> None:
    clip, double = stages.clip_by_global_norm(1.0), stages.multiply_gradients({"w": 2.0})
    np.testing.assert_allclose(found_with(clip, double), [1 - 1.2, -2 - 1.6], rtol=1e-14)
    np.testing.assert_allclose(found_with(double, clip), [1 - 0.6, -2 - 0.8], rtol=1e-14)


def test_clips_of_several_kinds_act_in_their_order() -> None:
    value, norm = stages.clip_by_value(3.0), stages.clip_by_global_norm(3.0)
    np.testing.assert_allclose(found_with(value, norm), [1 - 3 / 2**0.5, -2 - 3 / 2**0.5], rtol=1e-14)
    np.testing.assert_allclose(found_with(norm, value), [1 - 1.8, -2 - 2.4], rtol=1e-14)


def test_noise_before_a_clip_is_clipped_and_after_it_is_not() -> None:
    clip, noise = stages.clip_by_global_norm(1.0), stages.add_noise(5.0)
    before = found_with(noise, clip, start=np.zeros(50), gradient=np.ones(50))
    after = found_with(clip, noise, start=np.zeros(50), gradient=np.ones(50))
    assert np.linalg.norm(before) == pytest.approx(1.0, rel=1e-12)
    assert np.linalg.norm(after) > 10


def test_noise_on_a_gradient_can_be_predicted_from_what_is_fetched() -> None:
    w, g, loss = linear([0.0, 0.0])
    seen: list[Any] = []

    def look(pairs: Any) -> Any:
        seen.append(pairs[0][0])
        return pairs

    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.add_noise(1.0), look, stages.clip_by_global_norm(0.25), look])
    with initialized() as session:
        _, noisy, clipped = session.run([train_op, *seen], {g: [3.0, 4.0]})
        assert np.all(noisy != [3, 4])
        np.testing.assert_allclose(clipped, noisy * 0.25 / np.linalg.norm(noisy), rtol=1e-14)
        np.testing.assert_allclose(session.run(w), -clipped, rtol=1e-14)


def test_decay_changes_weights_where_it_stands() -> None:
    """A clip that looks at the weights sees them before or after the decay."""
    decay, clip = stages.decay_weights(0.5, times_learning_rate=False), stages.clip_by_unit_ratio(0.1)
    largest = 0.1 * np.sqrt(5)
    g = np.array([3.0, 4.0]) / 5
    np.testing.assert_allclose(found_with(clip, decay), [0.5, -1] - g * largest, rtol=1e-14)
    np.testing.assert_allclose(found_with(decay, clip), [0.5, -1] - g * largest / 2, rtol=1e-14)


def test_decay_is_not_clipped_wherever_it_stands() -> None:
    decay, clip = stages.decay_weights(0.5), stages.clip_by_global_norm(1.0)
    for order in ([decay, clip], [clip, decay]):
        np.testing.assert_allclose(found_with(*order), [0.5 - 0.6, -1 - 0.8], rtol=1e-14)


def test_zeroing_before_a_clip_saves_what_a_clip_would_make_nan() -> None:
    zero, clip = stages.zero_non_finite(), stages.clip_by_global_norm(1.0)
    gradient = [np.nan, 4.0]
    np.testing.assert_allclose(found_with(zero, clip, gradient=gradient), [1, -3], rtol=1e-14)
    np.testing.assert_allclose(found_with(clip, zero, gradient=gradient), [1, -2], rtol=1e-14)


def test_every_stage_at_once() -> None:
    """Ten stages, worked out by hand: two runs make one step."""
    w, g, loss = linear([2.0, -1.0])
    step = tf.train.get_or_create_global_step()
    averages = stages.MovingAverages(0.5)
    chosen = [
        stages.scale_loss(8.0),
        stages.aggregate(),
        stages.skip_non_finite(3),
        stages.accumulate(2),
        stages.add_noise(0.0),
        stages.multiply_gradients({"w": 2.0}),
        stages.multiply_learning_rates({"w": 0.5}),
        stages.clip_by_global_norm(1.0),
        stages.decay_weights(0.1),
        stages.look_ahead(1, 0.5),
        stages.constrain(lambda x: tf.minimum(x, 1.9 + 0.0 * x)),
        averages,
    ]
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=chosen, global_step=step)
    feeds = [{g: [1.0, 3.0]}, {g: [np.inf, 0.0]}, {g: [5.0, 5.0]}]
    found = trained(train_op, feeds, [w, averages.average(w), step, train_op.stats["skipped_steps"]])
    start = np.array([2.0, -1.0])
    update = start - start * 0.05 - 0.5 * np.array([0.6, 0.8])
    weights = start + 0.5 * 0.5 * (update - start)
    weights = np.minimum(weights, 1.9)
    np.testing.assert_array_equal(found[1][0], start)
    np.testing.assert_allclose(found[2][0], weights, rtol=1e-13)
    np.testing.assert_allclose(found[2][1], (start + weights) / 2, rtol=1e-13)
    assert found[2][2:] == [1, 1]


def test_the_stages_are_told_in_their_order() -> None:
    _, _, loss = linear()
    chosen = [stages.clip_by_value(1.0), stages.decay_weights(0.1), stages.MovingAverages(0.5)]
    train_op = tf.train.training_op(loss, optimizer=sgd(), stages=chosen)
    assert [(stage.name, dict(stage.settings)) for stage in train_op.info.stages] == [
        ("clip by value", {"limit": 1.0}),
        ("decay weights", {"rate": 0.1, "times_learning_rate": True}),
        ("average weights", {"decay": 0.5, "start": "weights"}),
    ]
    assert "clip by value" in str(tf.explain(train_op))


def test_one_stage_needs_no_list() -> None:
    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=stages.clip_by_value(0.5))
    assert trained(train_op, [{g: [3.0]}], w)[0].item() == 0.5


def test_the_same_stage_serves_two_training_ops() -> None:
    found = []
    stage = stages.clip_by_value(0.5)
    scale = stages.scale_loss("dynamic")
    for _ in range(2):
        w, g, loss = linear([1.0])
        train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[scale, stage, stages.multiply_gradients({w: 2.0})], variables=[w])
        found.append((train_op, w, g))
    for train_op, w, g in found:
        assert trained(train_op, [{g: [3.0]}], w)[0].item() == 0.0


# --- arguments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        "SGD",
        tf.train.GradientDescentOptimizer,
        lambda rate: tf.train.GradientDescentOptimizer(rate),
    ],
)
def test_optimizers_by_name_class_and_function(optimizer: Any) -> None:
    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=optimizer, learning_rate=0.5)
    assert trained(train_op, [{g: [3.0]}], w)[0].item() == -0.5
    assert train_op.hyper["learning_rate"] == 0.5


def test_a_function_without_a_rate() -> None:
    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=lambda: sgd(0.25))
    assert trained(train_op, [{g: [4.0]}], w)[0].item() == 0.0


def test_the_global_step_is_counted_unless_one_says_no() -> None:
    step = tf.train.get_or_create_global_step()
    _, g, loss = linear([1.0])
    plain = tf.train.training_op(loss, optimizer=sgd(1.0))
    silent = tf.train.training_op(loss, optimizer=sgd(1.0), increment_global_step=False)
    own = tf.Variable(np.int32(5), trainable=False)
    other = tf.train.training_op(loss, optimizer=sgd(1.0), global_step=own)
    with initialized() as session:
        for train_op in (plain, silent, silent, other):
            session.run(train_op, {g: [1.0]})
        assert session.run([step, own]) == [1, 6]


def test_update_ops_summaries_and_name() -> None:
    seen = tf.Variable(0, trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, seen.assign_add(1))
    _, g, loss = linear([3.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), learning_rate=1.0, name="fit", summaries=["loss", "gradient_norm"])
    assert train_op.info.name == "fit" and train_op.name.startswith("fit/")
    assert [s.tag for s in train_op.info.summaries] == ["fit/global_norm/gradient_norm", "fit/loss", "fit/gradient_norm/w_0"]
    assert trained(train_op, [{g: [1.0]}] * 2, seen) == [1, 2]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"loss": np.zeros(2)}, ValueError, r"Expected scalar shape for .*, saw shape: \(2,\)"),
        ({"learning_rate": -0.1}, ValueError, "learning_rate must be 0 or more, got -0.1"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate must be 0 or more, got nan"),
        ({"learning_rate": "0.1"}, TypeError, "learning_rate must be a number, a scalar tensor, a schedule or a callable, got '0.1'"),
        ({"learning_rate": lambda step: 0.1}, ValueError, r"learning_rate is a schedule .*, which needs a step to look at"),
        ({"optimizer": "SGD"}, ValueError, "Learning rate is None, but should be specified if optimizer is string"),
        ({"optimizer": "SDG", "learning_rate": 0.1}, ValueError, "Optimizer name should be one of"),
        ({"optimizer": 3}, ValueError, "Unrecognized optimizer"),
        ({"stages": [3]}, TypeError, r"A stage is a function of pairs \(gradient, variable\), got 3"),
        ({"global_step": 3}, TypeError, "must be a Variable or Tensor"),
        ({"variables": []}, ValueError, "No variables to optimize"),
        ({"summaries": ["bad"]}, ValueError, "Summaries should be one of"),
        ({"stages": [lambda pairs: []]}, ValueError, "No variables provided"),
    ],
)
def test_bad_arguments(changes: Any, error: type[Exception], text: str) -> None:
    _, _, loss = linear([1.0, 2.0])
    with pytest.raises(error, match=text):
        tf.train.training_op(**{"loss": loss, "optimizer": sgd(), **changes})


@pytest.mark.parametrize("name", RATE_OPTIMIZERS)
def test_a_learning_rate_that_is_none_is_refused_by_every_constructor(name: str) -> None:
    for rate, error, text in (
        (-0.1, ValueError, "learning_rate must be 0 or more, got -0.1"),
        (float("nan"), ValueError, "learning_rate must be 0 or more, got nan"),
        ("0.1", TypeError, "learning_rate must be a number, a scalar tensor, a schedule or a callable, got '0.1'"),
        (None, TypeError, "learning_rate must be a number"),
        (True, TypeError, "learning_rate must be a number"),
        (tf.constant([0.1]), ValueError, "learning_rate is not a scalar"),
    ):
        with pytest.raises(error, match=text):
            RATE_OPTIMIZERS[name](rate)
