"""The further stages as keyword arguments of `optimize_loss`: each at its place in the documented order."""

from typing import Any

import numpy as np
import pytest
from staging import initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages
optimize = tf.contrib.layers.optimize_loss


def twins(steps: int, gradient: Any, arguments: dict[str, Any], chosen: Any, optimizer: Any = "SGD") -> None:
    """Check that arguments and a list of stages do the same."""
    found = []
    for way in ("arguments", "stages"):
        with tf.Graph().as_default():
            tf.set_random_seed(1)
            step = tf.train.get_or_create_global_step()
            w, g, loss = linear([2.0, -1.0])
            if way == "arguments":
                train_op = optimize(loss, step, 0.5, optimizer, summaries=[], **arguments)
            else:
                train_op = tf.train.training_op(loss, learning_rate=0.5, optimizer=optimizer, global_step=step, stages=chosen())
            kept = [w, step]
            found.append(trained(train_op, [{g: gradient}] * steps, kept))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a[0], b[0], rtol=1e-14)
        assert a[1] == b[1]
    assert np.all(found[0][-1][0] != [2.0, -1.0])


ARGUMENTS: dict[str, tuple[dict[str, Any], Any]] = {
    "loss_scale": ({"loss_scale": 8.0}, lambda: [stages.scale_loss(8.0)]),
    "dynamic loss_scale": ({"loss_scale": "dynamic"}, lambda: [stages.scale_loss("dynamic")]),
    "aggregate": ({"aggregate_gradients": lambda x: x * 2.0}, lambda: [stages.aggregate(lambda x: x * 2.0)]),
    "accumulate": ({"accumulate_steps": 2}, lambda: [stages.accumulate(2)]),
    "accumulate sum": ({"accumulate_steps": stages.accumulate(2, "sum")}, lambda: [stages.accumulate(2, "sum")]),
    "rates": ({"learning_rate_multipliers": {"w": 0.5}}, lambda: [stages.multiply_learning_rates({"w": 0.5})]),
    "value": ({"clip_value": 1.0}, lambda: [stages.clip_by_value(1.0)]),
    "norm": ({"clip_norm": 1.0}, lambda: [stages.clip_each_by_norm(1.0)]),
    "block rms": ({"clip_block_rms": 1.0}, lambda: [stages.clip_by_block_rms(1.0)]),
    "unit ratio": ({"clip_unit_ratio": 0.1}, lambda: [stages.clip_by_unit_ratio(0.1)]),
    "centralize": ({"centralize_gradients": True}, lambda: [stages.centralize()]),
    "no centralize": ({"centralize_gradients": False}, list),
    "skip": ({"non_finite": "skip", "max_non_finite": 3}, lambda: [stages.skip_non_finite(3)]),
    "zero": ({"non_finite": "zero"}, lambda: [stages.zero_non_finite()]),
    "decay": ({"weight_decay": 0.1}, lambda: [stages.decay_weights(0.1)]),
    "lookahead": ({"lookahead": 2}, lambda: [stages.look_ahead(2)]),
    "constraints": ({"constraints": lambda x: x * 0.5}, lambda: [stages.constrain(lambda x: x * 0.5)]),
    "average": ({"moving_average": 0.5}, lambda: [stages.MovingAverages(0.5)]),
    "overwriting average": (
        {"moving_average": stages.MovingAverages(0.5, overwrite_every=2)},
        lambda: [stages.MovingAverages(0.5, overwrite_every=2)],
    ),
    "all clips": (
        {"clip_value": 2.5, "clip_norm": 2.0, "clip_block_rms": 1.2, "clip_gradients": 1.1, "clip_unit_ratio": 0.3, "clipping": "all"},
        lambda: [
            stages.clip_by_value(2.5),
            stages.clip_each_by_norm(2.0),
            stages.clip_by_block_rms(1.2),
            stages.clip_by_global_norm(1.1),
            stages.clip_by_unit_ratio(0.3),
        ],
    ),
    "the whole order": (
        {
            "moving_average": stages.MovingAverages(0.5, overwrite_every=3),
            "constraints": lambda x: x * 0.9,
            "lookahead": stages.look_ahead(2, 0.25),
            "weight_decay": 0.1,
            "non_finite": "skip",
            "clip_unit_ratio": 0.3,
            "clip_gradients": 1.1,
            "clip_value": 2.5,
            "clipping": "all",
            "learning_rate_multipliers": {"w": 0.5},
            "gradient_multipliers": {"w:0": 1.5},
            "accumulate_steps": 2,
            "loss_scale": "dynamic",
        },
        lambda: [
            stages.scale_loss("dynamic"),
            stages.accumulate(2),
            stages.multiply_gradients({"w": 1.5}),
            stages.multiply_learning_rates({"w": 0.5}),
            stages.clip_by_value(2.5),
            stages.clip_by_global_norm(1.1),
            stages.clip_by_unit_ratio(0.3),
            stages.skip_non_finite(),
            stages.decay_weights(0.1),
            stages.look_ahead(2, 0.25),
            stages.constrain(lambda x: x * 0.9),
            stages.MovingAverages(0.5, overwrite_every=3),
        ],
    ),
}


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_is_its_stage(name: str, optimizer: str) -> None:
    arguments, chosen = ARGUMENTS[name]
    if any(isinstance(value, stages.MovingAverages) for value in arguments.values()):
        arguments = {**arguments, "moving_average": stages.MovingAverages(0.5, overwrite_every=3 if "whole" in name else 2)}
    twins(8, [3.0, 1.0], arguments, chosen, optimizer)


def test_the_order_is_the_documented_one() -> None:
    _, _, loss = linear([1.0])
    step = tf.train.get_or_create_global_step()
    train_op = optimize(
        loss,
        step,
        0.1,
        "SGD",
        gradient_noise_scale=0.1,
        gradient_multipliers={"w:0": 2.0},
        clip_gradients=1.0,
        loss_scale=2.0,
        aggregate_gradients=lambda x: x,
        accumulate_steps=2,
        gradient_noise=(0.1, 0.5),
        learning_rate_multipliers={"w": 2.0},
        centralize_gradients=True,
        clip_value=1.0,
        clip_norm=1.0,
        clip_block_rms=1.0,
        clip_unit_ratio=1.0,
        clipping="all",
        non_finite="zero",
        weight_decay=0.1,
        lookahead=2,
        constraints=tf.abs,
        moving_average=0.9,
    )
    assert [stage.name for stage in train_op.info.stages] == [
        "unscale loss",
        "aggregate",
        "accumulate",
        "add noise",
        "add annealed noise",
        "multiply gradients",
        "multiply learning rates",
        "centralize",
        "clip by value",
        "clip each gradient by norm",
        "clip by block RMS",
        "clip by global norm",
        "clip by unit ratio",
        "zero what is not finite",
        "decay weights",
        "look ahead",
        "constrain",
        "average weights",
    ]


def test_annealed_noise_as_a_number_a_pair_and_a_stage() -> None:
    for given in (1e4, (1e4, 0.0), stages.add_annealed_noise(1e4)):
        with tf.Graph().as_default():
            tf.set_random_seed(6)
            w, g, loss = linear(np.zeros(50))
            train_op = optimize(loss, tf.train.get_or_create_global_step(), 1.0, "SGD", gradient_noise=given)
            assert 70 < trained(train_op, [{g: np.zeros(50)}], w)[0].std() < 130


def test_what_does_not_decay() -> None:
    w, g, loss = linear([1.0])
    train_op = optimize(loss, None, 1.0, "SGD", weight_decay=0.5, weight_decay_exclude=["w"])
    assert trained(train_op, [{g: [0.0]}], w)[0].item() == 1.0


def test_the_rate_that_multiplies_the_decay_is_the_decayed_one() -> None:
    step = tf.train.get_or_create_global_step()
    w, g, loss = linear([1.0])
    train_op = optimize(loss, step, 0.5, "SGD", learning_rate_decay_fn=lambda rate, _: rate * 0.5, weight_decay=0.1)
    assert trained(train_op, [{g: [0.0]}], w)[0].item() == pytest.approx(1 - 0.25 * 0.1, rel=1e-15)


def test_the_rate_of_an_optimizer_that_has_its_own() -> None:
    w, g, loss = linear([1.0])
    train_op = optimize(loss, None, None, sgd(0.5), weight_decay=0.1)
    assert trained(train_op, [{g: [0.0]}], w)[0].item() == pytest.approx(0.95, rel=1e-15)


@pytest.mark.parametrize("optimizer", [tf.train.AdadeltaOptimizer, tf.train.AdamOptimizer, tf.train.FtrlOptimizer])
def test_every_optimizer_with_its_own_rate_gives_it_to_the_decay(optimizer: Any) -> None:
    _, _, loss = linear([1.0])
    train_op = optimize(loss, None, None, optimizer(0.5), weight_decay=0.1)
    with initialized() as session:
        assert session.run(train_op.stats["learning_rate"]) == 0.5


def test_summaries_stand_around_the_clip() -> None:
    _w, g, loss = linear([3.0, 4.0])
    train_op = optimize(loss, None, 0.5, "SGD", summaries=["global_gradient_norm"], loss_scale=1024.0, clip_value=1.0)
    with initialized() as session:
        result = session.step(train_op, {g: [3.0, 4.0]})
    found = {value.tag.rsplit("/", 1)[-1]: value.simple_value for value in result.summaries.value}
    assert found["gradient_norm"] == 5.0 and found["clipped_gradient_norm"] == pytest.approx(2**0.5)


# --- what several clips mean ------------------------------------------------------------------------------------------


def test_two_clips_are_refused_unless_one_says_what_they_mean() -> None:
    _, _, loss = linear([1.0])
    text = (
        "Two ways of clipping were given: 'clip by value', then 'clip by global norm'. "
        r"Pass clipping='all' for all in this order, or clipping='first'\."
    )
    with pytest.raises(ValueError, match=text):
        optimize(loss, None, 0.1, "SGD", clip_gradients=1.0, clip_value=1.0)


def test_the_first_of_several_clips_may_win_with_a_warning() -> None:
    w, g, loss = linear([0.0, 0.0])
    text = "Of 'clip by value', then 'clip by global norm' only the first is done, as clipping='first' says"
    with pytest.warns(UserWarning, match=text) as told:
        train_op = optimize(loss, None, 1.0, "SGD", clip_gradients=1.0, clip_value=2.5, clipping="first")
    assert trained(train_op, [{g: [3.0, 1.0]}], w)[0].tolist() == [-2.5, -1.0]
    assert told[0].filename == __file__


@pytest.mark.parametrize("rate", [-0.1, float("nan")])
def test_rates_that_are_none(rate: float) -> None:
    _, _, loss = linear([1.0])
    with pytest.raises(ValueError, match=r"Invalid learning_rate %s\."):
        optimize(loss, None, rate, "SGD")


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"clip_valu": 1.0}, TypeError, r"optimize_loss\(\) got an unexpected keyword argument 'clip_valu'. Did you mean 'clip_value'\?"),
        ({"clip_gradient": 1.0}, TypeError, r"unexpected keyword argument 'clip_gradient'. Did you mean 'clip_gradients'\?"),
        ({"xyzzy": 1.0}, TypeError, r"unexpected keyword argument 'xyzzy'\."),
        ({"clipping": "last"}, ValueError, "clipping is 'one', 'first' or 'all', got 'last'"),
        ({"non_finite": "stop"}, ValueError, "non_finite is 'skip' or 'zero', or a stage, got 'stop'"),
        ({"clip_value": -1.0}, ValueError, "clip_value must be more than 0, got -1.0"),
        ({"weight_decay": "much"}, TypeError, "weight_decay must be a number"),
        ({"accumulate_steps": 0}, ValueError, "accumulate_steps must be 1 or more, got 0"),
        ({"moving_average": 2.0}, ValueError, "average_decay must be between 0 and 1, got 2.0"),
        ({"loss_scale": "big"}, ValueError, "A loss scale is a number or 'dynamic', got 'big'"),
        ({"gradient_noise": 1.0}, ValueError, "Annealed noise needs a global step"),
        ({"weight_decay_exclude": ["w"]}, ValueError, "weight_decay_exclude was given without weight_decay"),
        ({"max_non_finite": 3}, ValueError, "max_non_finite was given without non_finite"),
    ],
)
def test_bad_arguments(arguments: Any, error: type[Exception], text: str) -> None:
    _, _, loss = linear([1.0])
    with pytest.raises(error, match=text):
        optimize(loss, None, 0.1, "SGD", **arguments)
