"""Each hyper-parameter of stages and optimizers in all its kinds, changed while running; nothing is compiled anew."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from staging import executables, initialized, linear, sgd

import graphopt as tf

stages = tf.train.stages
train = tf.train
STARTS = np.array([1.0, -2.0, 0.5])


class Case:
    """One hyper-parameter: what makes a training op with it, a first and another value."""

    def __init__(self, make: Callable[[Any], Any], name: str, first: float, other: float) -> None:
        self.make, self.name, self.first, self.other = make, name, first, other


def stage_case(make: Callable[[Any], Any], name: str, first: float, other: float) -> Case:
    return Case(lambda value: {"stages": [make(value)], "optimizer": sgd(0.1)}, name, first, other)


def optimizer_case(make: Callable[[Any], Any], name: str, first: float = 0.1, other: float = 0.3) -> Case:
    return Case(lambda value: {"optimizer": make(value)}, name, first, other)


def dual_averaging(**settings: Any) -> Any:
    return train.AdagradDAOptimizer(**{"learning_rate": 0.1, "global_step": train.get_or_create_global_step(), **settings})


CASES = {
    "accumulate": stage_case(stages.accumulate, "accumulate_steps", 2, 1),
    "clip value": stage_case(stages.clip_by_value, "clip_value", 0.5, 0.25),
    "clip norm": stage_case(stages.clip_each_by_norm, "clip_norm", 0.5, 0.25),
    "clip global norm": stage_case(stages.clip_by_global_norm, "clip_gradients", 0.5, 0.25),
    "block rms": stage_case(stages.clip_by_block_rms, "clip_block_rms", 0.5, 0.25),
    "unit ratio": stage_case(stages.clip_by_unit_ratio, "clip_unit_ratio", 0.5, 0.25),
    "unit epsilon": stage_case(lambda value: stages.clip_by_unit_ratio(0.1, value), "clip_unit_epsilon", 5.0, 8.0),
    "decay": stage_case(stages.decay_weights, "weight_decay", 0.5, 0.25),
    "gradient factor": stage_case(lambda value: stages.multiply_gradients({"w": value}), "gradient_multiplier/w", 0.5, 0.25),
    "rate factor": stage_case(lambda value: stages.multiply_learning_rates({"w": value}), "learning_rate_multiplier/w", 0.5, 0.25),
    "loss scale": stage_case(stages.scale_loss, "loss_scale", 4.0, 8.0),
    "scale growth": stage_case(lambda value: stages.scale_loss(stages.LossScale(8, value)), "loss_scale_growth_steps", 2, 1),
    "least scale": stage_case(lambda value: stages.scale_loss(stages.LossScale(8, 5, value)), "least_loss_scale", 2, 1),
    "noise": stage_case(stages.add_noise, "gradient_noise_scale", 0.5, 0.25),
    "annealed noise": stage_case(stages.add_annealed_noise, "gradient_noise_eta", 0.5, 0.25),
    "annealing": stage_case(lambda value: stages.add_annealed_noise(0.5, value), "gradient_noise_gamma", 0.5, 0.25),
    "skipped": stage_case(stages.skip_non_finite, "max_skipped_steps", 2, 1),
    "zeroed": stage_case(stages.zero_non_finite, "max_zeroed_steps", 2, 1),
    "lookahead": stage_case(stages.look_ahead, "lookahead_every", 2, 1),
    "slow step": stage_case(lambda value: stages.look_ahead(1, value), "lookahead_slow_step", 0.5, 0.25),
    "average": stage_case(stages.MovingAverages, "average_decay", 0.5, 0.25),
    "overwrite": stage_case(lambda value: stages.MovingAverages(0.5, overwrite_every=value), "average_overwrite_every", 2, 1),
    "SGD": optimizer_case(train.GradientDescentOptimizer, "learning_rate"),
    "Momentum": optimizer_case(lambda rate: train.MomentumOptimizer(rate, 0.9), "learning_rate"),
    "Momentum momentum": optimizer_case(lambda value: train.MomentumOptimizer(0.1, value), "momentum", 0.9, 0.5),
    "ProximalGradientDescent": optimizer_case(train.ProximalGradientDescentOptimizer, "learning_rate"),
    "ProximalGradientDescent l1": optimizer_case(
        lambda value: train.ProximalGradientDescentOptimizer(0.1, value), "l1_regularization_strength"
    ),
    "ProximalGradientDescent l2": optimizer_case(
        lambda value: train.ProximalGradientDescentOptimizer(0.1, l2_regularization_strength=value), "l2_regularization_strength"
    ),
    "Adagrad": optimizer_case(train.AdagradOptimizer, "learning_rate"),
    "ProximalAdagrad": optimizer_case(train.ProximalAdagradOptimizer, "learning_rate"),
    "ProximalAdagrad l1": optimizer_case(
        lambda value: train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=value), "l1_regularization_strength"
    ),
    "AdagradDA": optimizer_case(lambda rate: dual_averaging(learning_rate=rate), "learning_rate"),
    "AdagradDA l1": optimizer_case(lambda value: dual_averaging(l1_regularization_strength=value), "l1_regularization_strength"),
    "AdagradDA l2": optimizer_case(lambda value: dual_averaging(l2_regularization_strength=value), "l2_regularization_strength"),
    "Adadelta": optimizer_case(train.AdadeltaOptimizer, "learning_rate"),
    "Adadelta rho": optimizer_case(lambda value: train.AdadeltaOptimizer(0.1, rho=value), "rho", 0.9, 0.5),
    "Adadelta epsilon": optimizer_case(lambda value: train.AdadeltaOptimizer(0.1, epsilon=value), "epsilon", 0.01, 0.1),
    "Adam": optimizer_case(train.AdamOptimizer, "learning_rate"),
    "Adam beta1": optimizer_case(lambda value: train.AdamOptimizer(0.1, beta1=value), "beta1", 0.9, 0.5),
    "Adam beta2": optimizer_case(lambda value: train.AdamOptimizer(0.1, beta2=value), "beta2", 0.9, 0.5),
    "Adam epsilon": optimizer_case(lambda value: train.AdamOptimizer(0.1, epsilon=value), "epsilon", 0.01, 0.1),
    "Ftrl": optimizer_case(train.FtrlOptimizer, "learning_rate"),
    "Ftrl l1": optimizer_case(lambda value: train.FtrlOptimizer(0.1, l1_regularization_strength=value), "l1_regularization_strength"),
    "Ftrl l2": optimizer_case(lambda value: train.FtrlOptimizer(0.1, l2_regularization_strength=value), "l2_regularization_strength"),
    "Ftrl power": optimizer_case(lambda value: train.FtrlOptimizer(0.1, learning_rate_power=value), "learning_rate_power", -0.5, -0.25),
    "Ftrl shrinkage": optimizer_case(
        lambda value: train.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=value), "l2_shrinkage_regularization_strength"
    ),
    "RMSProp": optimizer_case(train.RMSPropOptimizer, "learning_rate"),
    "RMSProp decay": optimizer_case(lambda value: train.RMSPropOptimizer(0.1, decay=value), "decay", 0.9, 0.5),
    "RMSProp momentum": optimizer_case(lambda value: train.RMSPropOptimizer(0.1, momentum=value), "momentum", 0.9, 0.5),
    "RMSProp epsilon": optimizer_case(lambda value: train.RMSPropOptimizer(0.1, epsilon=value), "epsilon", 0.01, 0.1),
}
GRADIENTS = [[1.0, 2.0, -1.0], [0.5, -1.0, 2.0], [2.0, 1.0, 0.25], [1.0, 1.0, 1.0]]


def run_with(case: Case, value: Any, between: Callable[[Any, Any], Any]) -> tuple[list[Any], int]:
    """All variables after each of four steps, and how many executables were made for them.

    Args:
      between: is called with the training op and the session before each of the last two steps, and gives what to feed.
    """
    with tf.Graph().as_default() as graph:
        graph.seed = 7
        train.get_or_create_global_step()
        _w, g, loss = linear(STARTS)
        given = value() if callable(value) and getattr(value, "makes", False) else value
        train_op = train.training_op(loss, **case.make(given))
        extra = [v for v in tf.global_variables() if v is not given]
        with initialized() as session:
            found = []
            for i, gradient in enumerate(GRADIENTS):
                feeds = between(train_op, session) if i >= 2 else {}
                session.run(train_op, {g: gradient, **_feeds_of(given, case.other if i >= 2 else case.first), **feeds})
                found.append(session.run(extra))
            return found, executables(session, train_op)


def _feeds_of(given: Any, value: float) -> dict[Any, float]:
    return {given: value} if isinstance(given, tf.Tensor) else {}


def making(function: Callable[[], Any]) -> Any:
    function.makes = True
    return function


def nothing(train_op: Any, session: Any) -> dict[Any, Any]:
    return {}


@pytest.fixture
def plain(request: Any) -> list[Any]:
    """The run that sets a plain number to the other value after two steps."""
    case = CASES[request.param]

    def set_it(train_op: Any, session: Any) -> dict[Any, Any]:
        assert train_op.hyper[case.name] in (case.first, case.other)
        train_op.hyper[case.name] = case.other
        assert train_op.hyper[case.name] == case.other
        return {}

    found, compiled = run_with(case, case.first, set_it)
    assert compiled == 1
    return found


def assert_same(found: list[Any], wanted: list[Any]) -> None:
    for a, b in zip(found, wanted, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


WITHOUT_EFFECT = {"skipped", "zeroed", "least scale", "loss scale"}


@pytest.mark.parametrize(("plain", "name"), [(name, name) for name in CASES], indirect=["plain"])
def test_each_is_a_number_a_tensor_a_variable_a_schedule_or_a_callable(plain: list[Any], name: str) -> None:
    case = CASES[name]
    first = case.first

    kept, _ = run_with(case, first, nothing)
    changed = any(np.any(x != y) for x, y in zip(kept[-1], plain[-1], strict=True))
    assert changed == (name not in WITHOUT_EFFECT)

    found, compiled = run_with(case, making(lambda: tf.placeholder_with_default(np.float64(first), [])), nothing)
    assert compiled == 1
    assert_same(found, plain)

    def set_it(train_op: Any, session: Any) -> dict[Any, Any]:
        train_op.hyper[case.name] = case.other
        return {}

    found, compiled = run_with(case, making(lambda: tf.Variable(np.float64(first), name="hyper", trainable=False)), set_it)
    assert compiled == 1
    assert_same(found, plain)

    values = [first]

    def change(train_op: Any, session: Any) -> dict[Any, Any]:
        values[0] = case.other
        return {}

    found, compiled = run_with(case, lambda: values[0], change)
    assert compiled == 1
    assert_same(found, plain)


@pytest.mark.parametrize("name", [name for name in CASES if name != "accumulate"])
def test_each_may_be_a_schedule_of_the_global_step(name: str) -> None:
    case = CASES[name]

    def schedule(step: Any) -> Any:
        return tf.where(step < 2, tf.constant(case.first, tf.float64), tf.constant(case.other, tf.float64))

    def set_it(train_op: Any, session: Any) -> dict[Any, Any]:
        train_op.hyper[case.name] = case.other
        return {}

    wanted, _ = run_with(case, case.first, set_it)
    found, compiled = run_with(case, schedule, nothing)
    assert compiled == 1
    assert_same(found, wanted)
