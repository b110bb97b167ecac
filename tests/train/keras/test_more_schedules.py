"""Schedules beyond Keras's: optax's numbers, types, configurations, joins and warm-ups, and what they refuse."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import more_schedules as M
from graphopt.train.keras import schedules as S

STEPS = (0, 1, 5, 10, 15, 20, 30)
WARM = {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 10}


def values_at(schedule: Any, steps: Any) -> list[float]:
    step = tf.placeholder(tf.int64, [])
    rate = schedule(step)
    with tf.Session() as session:
        return [session.run(rate, {step: s}).item() for s in steps]


def value(tensor: Any) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensor)


TABLE: dict[str, tuple[Any, list[float]]] = {
    "warm-up cosine": (
        M.WarmupCosineDecay(0.0, 0.1, 10, 30, end_value=0.01),
        [0, 0.01, 0.05, 0.1, 0.0868198052, 0.055, 0.01],
    ),
    "cosine": (M.CosineSchedule(0.1, 20, alpha=0.1), [0.1, 0.0994459753, 0.0868198052, 0.055, 0.0231801948, 0.01, 0.01]),
    "exponential": (M.ExponentialSchedule(0.1, 10, 0.5), [0.1, 0.0933032992, 0.0707106781, 0.05, 0.0353553391, 0.025, 0.0125]),
    "exponential all": (
        M.ExponentialSchedule(0.1, 10, 0.5, transition_begin=5, staircase=True, end_value=0.03),
        [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.03],
    ),
    "polynomial": (M.PolynomialSchedule(0.1, 0.01, 2, 20), [0.1, 0.091225, 0.060625, 0.0325, 0.015625, 0.01, 0.01]),
    "linear one-cycle": (M.LinearOneCycle(20, 1), [0.04, 0.2, 0.84, 0.6509090909, 0.2145454545, 4e-6, 4e-6]),
    "cosine one-cycle": (M.CosineOneCycle(20, 1), [0.04, 0.1043078062, 0.9356921938, 0.8117456539, 0.2830609982, 4e-6, 4e-6]),
    "join": (M.JoinedSchedules([M.ConstantSchedule(1), M.LinearSchedule(1, 0, 10)], [5]), [1, 1, 1, 0.5, 0, 0, 0]),
    "warm-up constant": (M.WarmupConstant(**WARM), [0, 0.01, 0.05, 0.1, 0.1, 0.1, 0.1]),
    "warm-up exponential": (
        M.WarmupExponentialDecay(**WARM, transition_steps=10, decay_rate=0.25),
        [0, 0.01, 0.05, 0.1, 0.05, 0.025, 0.00625],
    ),
    "scale": (M.PiecewiseScale(1.0, {10: 0.1, 5: 0.5}), [1, 1, 0.5, 0.05, 0.05, 0.05, 0.05]),
    "interpolate": (M.PiecewiseInterpolate("linear", 1.0, {10: 0.5, 20: 0.2}), [1, 0.95, 0.75, 0.5, 0.3, 0.1, 0.1]),
    "sgdr": (
        M.SGDRSchedule([dict(WARM, warmup_steps=0, decay_steps=10), dict(WARM, warmup_steps=5, decay_steps=10)]),
        [0.1, 0.0975528258, 0.05, 0, 0.1, 0, 0],
    ),
    "warm-up of a schedule": (M.WarmUp(S.PolynomialDecay(0.1, 10, 0.0), 10), [0, 0.01, 0.05, 0.1, 0.05, 0, 0]),
}


@pytest.mark.parametrize("name", TABLE)
def test_values(name: str) -> None:
    schedule, expected = TABLE[name]
    np.testing.assert_allclose(values_at(schedule, STEPS), expected, rtol=0, atol=5e-11)


@pytest.mark.parametrize("name", TABLE)
def test_round_trip(name: str) -> None:
    schedule, _ = TABLE[name]
    config = json.loads(json.dumps(schedule.get_config()))
    assert config == schedule.get_config()
    written = S.serialize(schedule)
    assert written["module"] == "keras.optimizers.schedules"
    for again in (type(schedule).from_config(config), S.deserialize(json.loads(json.dumps(written)))):
        assert again.get_config() == config
        assert values_at(again, STEPS) == values_at(schedule, STEPS)


def test_a_scale_counts_from_its_boundary_on() -> None:
    schedule = M.PiecewiseScale(1.0, {5: 0.5, 10: 0.1})
    np.testing.assert_allclose(values_at(schedule, [0, 4, 5, 6, 9, 10, 11]), [1, 1, 0.5, 0.5, 0.5, 0.05, 0.05], rtol=1e-15)
    assert values_at(M.PiecewiseScale(0.3), [0, 100]) == [0.3, 0.3]


def test_steps_without_a_warm_up() -> None:
    # optax's stays at the initial value for good.
    assert values_at(M.WarmupConstant(0.0, 0.1, 0), [0, 5]) == [0.1, 0.1]
    assert values_at(M.WarmUp(0.5, 0), [0, 5]) == [0.5, 0.5]


def test_values_may_be_negative() -> None:
    assert values_at(M.LinearSchedule(-1.0, 1.0, 4), [0, 1, 2, 4]) == [-1.0, -0.5, 0.0, 1.0]


def test_the_smallest_cycles() -> None:
    np.testing.assert_allclose(values_at(M.LinearOneCycle(1, 1.0), [0, 1]), [0.04, 4e-6], rtol=1e-12)
    np.testing.assert_allclose(values_at(M.CosineOneCycle(1, 1.0), [0, 1]), [1.0, 4e-6], rtol=1e-12)


@pytest.mark.parametrize("power", [1, 2.0, 0.5])
def test_a_warm_up_of_any_schedule(power: float) -> None:
    schedule = M.WarmUp(S.CosineDecay(0.8, 10), 4, power=power, initial_value=0.2)
    warm = [0.2 + 0.6 * (s / 4) ** power for s in range(4)]
    np.testing.assert_allclose(values_at(schedule, range(4)), warm, rtol=1e-14)
    assert values_at(schedule, range(4, 20)) == values_at(S.CosineDecay(0.8, 10), range(16))


class Shown(S.LearningRateSchedule):
    """A schedule of the user's that needs an integer."""

    def __call__(self, step: Any) -> Any:
        assert step.dtype in (tf.int32, tf.int64)
        return tf.cast(step % 3, tf.float32)


def test_a_join_of_everything_callable() -> None:
    schedule = M.JoinedSchedules([Shown(), lambda s: 10.0 + tf.cast(s, tf.float64), 7, S.ExponentialDecay(1.0, 1, 0.5)], [4, 6, 8])
    step = tf.placeholder(tf.int32, [])
    rate = schedule(step)
    assert rate.dtype == tf.float32
    with tf.Session() as session:
        assert [session.run(rate, {step: s}) for s in range(10)] == [0, 1, 2, 0, 10, 11, 7, 7, 1, 0.5]
    with pytest.raises(NotImplementedError, match="'Shown' must override `get_config"):
        schedule.get_config()
    with pytest.raises(TypeError, match="JoinedSchedules can't be serialised because of its argument `schedules`"):
        M.JoinedSchedules([lambda s: 1.0, 2.0], [3]).get_config()


def test_a_nested_schedule_gets_an_integer_and_never_less_than_zero() -> None:
    assert values_at(M.WarmUp(Shown(), 4), [0, 3, 4, 5, 6, 7]) == [0, 0, 0, 1, 2, 0]
    assert value(M.JoinedSchedules([1.0, Shown()], [2])(3)) == 1.0


def test_nested_schedules_in_a_configuration() -> None:
    inner = M.WarmUp(S.ExponentialDecay(1.0, 2, 0.5), 3, power=2)
    schedule = M.JoinedSchedules([M.WarmUp(inner, 2), 0.25], [9], name="rate")
    config = schedule.get_config()
    assert config["schedules"][0]["config"]["schedule"]["config"]["schedule"]["class_name"] == "ExponentialDecay"
    again = M.JoinedSchedules.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert type(again.schedules[0].schedule.schedule) is S.ExponentialDecay
    assert values_at(again, range(12)) == values_at(schedule, range(12))


# --- tensors and types -------------------------------------------------------------------------------------------------------


def tensor(number: float) -> Any:
    """Return a number as a tensor of some type."""
    return tf.constant(int(number)) if number == int(number) else tf.Variable(number, dtype=tf.float64)


MADE: dict[str, Callable[[Callable[[float], Any]], Any]] = {
    "constant": lambda n: M.ConstantSchedule(n(0.5)),
    "polynomial": lambda n: M.PolynomialSchedule(n(0.5), n(1), n(2), n(20), n(3)),
    "exponential": lambda n: M.ExponentialSchedule(n(0.5), n(4), n(0.7), n(3), end_value=n(0.25)),
    "exponential growing": lambda n: M.ExponentialSchedule(n(0.5), n(4), n(1.7), n(3), end_value=n(0.75)),
    "cosine": lambda n: M.CosineSchedule(n(0.5), n(11), n(0.25), n(2)),
    "warm-up constant": lambda n: M.WarmupConstant(n(0.5), n(2), n(6)),
    "warm-up cosine": lambda n: M.WarmupCosineDecay(n(0.5), n(2), n(6), n(15), n(0.25), n(2)),
    "warm-up exponential": lambda n: M.WarmupExponentialDecay(n(0.5), n(2), n(6), n(3), n(0.75), n(2), True, n(0.25)),
    "scale": lambda n: M.PiecewiseScale(n(0.5), [(n(2), n(0.25)), (n(8), n(3))]),
    "interpolate": lambda n: M.PiecewiseInterpolate("cosine", n(0.5), [(n(2), n(0.25)), (n(8), n(3))]),
    "linear one-cycle": lambda n: M.LinearOneCycle(n(15), n(0.5), n(0.25), n(0.75), n(10), n(100)),
    "cosine one-cycle": lambda n: M.CosineOneCycle(n(15), n(0.5), n(0.25), n(10), n(100)),
    "join": lambda n: M.JoinedSchedules([n(0.5), M.LinearSchedule(n(1), n(0), n(10)), n(3)], [n(5), n(9)]),
    "sgdr": lambda n: M.SGDRSchedule([dict(WARM, decay_steps=n(11), warmup_steps=2)] * 3),
    "warm-up": lambda n: M.WarmUp(n(0.5), n(9), n(2), n(0.25)),
}


@pytest.mark.parametrize("made", MADE)
def test_every_number_may_be_a_tensor_or_a_variable(made: str) -> None:
    plain, given = MADE[made](float), MADE[made](tensor)
    steps = tf.placeholder(tf.int64, [])
    rates = [plain(steps), given(steps)]
    assert [rate.dtype for rate in rates] == [tf.float64, tf.float64]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for s in (0, 1, 2, 5, 7, 8, 9, 12, 15, 25, 40):
            expected, got = session.run(rates, {steps: s})
            assert got == pytest.approx(expected, rel=1e-14, abs=1e-16)
    with pytest.raises(ValueError, match="can't be serialised because of its argument"):
        given.get_config()


@pytest.mark.parametrize("made", sorted(set(MADE) - {"sgdr"}))
def test_the_result_has_the_type_of_the_first_value(made: str) -> None:
    narrow = MADE[made](lambda number: np.float32(number) if number == 0.5 else number)
    exact = MADE[made](float)
    got, expected = value([narrow(7), exact(7)])
    assert got.dtype == np.float32
    assert got == np.float32(expected)


def test_names() -> None:
    assert M.WarmupConstant(0.0, 1.0, 2, name="rate")(tf.constant(1)).name.startswith("rate/")
    assert M.WarmUp(1.0, 2)(tf.constant(1)).name.startswith("WarmUp/")


# --- refusals ----------------------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[type, str, Callable[[], Any]]] = {
    "steps": (ValueError, "Argument `transition_steps` must be > 0. Received: transition_steps=0", lambda: M.LinearSchedule(1, 0, 0)),
    "begin": (ValueError, "Argument `transition_begin` must be >= 0", lambda: M.LinearSchedule(1, 0, 1, -1)),
    "no decay": (ValueError, "Argument `decay_rate` must not be 0. Received: decay_rate=0", lambda: M.ExponentialSchedule(1, 1, 0)),
    "no decay after": (ValueError, "`decay_rate` must not be 0", lambda: M.WarmupExponentialDecay(0, 1, 1, 1, 0.0)),
    "cosine": (ValueError, "Argument `decay_steps` must be > 0", lambda: M.CosineSchedule(1, 0)),
    "warm-up": (ValueError, "Argument `warmup_steps` must be >= 0", lambda: M.WarmupConstant(0, 1, -1)),
    "whole": (
        ValueError,
        "`decay_steps` counts the warm-up and must be above `warmup_steps`. Received: decay_steps=10, warmup_steps=10",
        lambda: M.WarmupCosineDecay(0, 1, 10, 10),
    ),
    "negative scale": (ValueError, "Argument `scale` must be >= 0. Received: scale=-1", lambda: M.PiecewiseScale(1, {1: -1})),
    "negative boundary": (ValueError, "Argument `boundary` must be >= 0", lambda: M.PiecewiseInterpolate("linear", 1, {-1: 1})),
    "interpolation": (
        ValueError,
        "`interpolate_type` must be either 'cosine' or 'linear'. Received: 'cubic'",
        lambda: M.PiecewiseInterpolate("cubic", 1),
    ),
    "parts": (
        ValueError,
        "The parts of a one-cycle schedule must be sorted and from 0 to 1. Received: pct_start=0.9, pct_final=0.85",
        lambda: M.LinearOneCycle(10, 1, pct_start=0.9),
    ),
    "part": (ValueError, "must be sorted and from 0 to 1. Received: pct_start=1.5", lambda: M.CosineOneCycle(10, 1, pct_start=1.5)),
    "factor": (ValueError, "Argument `div_factor` must be > 0", lambda: M.CosineOneCycle(10, 1, div_factor=0)),
    "boundaries": (
        ValueError,
        "JoinedSchedules needs one boundary between every two schedules. Received: 2 schedules and 0 boundaries.",
        lambda: M.JoinedSchedules([1, 2], []),
    ),
    "unsorted": (ValueError, "Argument `boundaries` must be sorted", lambda: M.JoinedSchedules([1, 2, 3], [5, 4])),
    "nothing to join": (ValueError, "needs one boundary between", lambda: M.JoinedSchedules([], [])),
    "no cycle": (ValueError, "SGDRSchedule needs at least one cycle in `cosine_kwargs`.", lambda: M.SGDRSchedule([])),
    "no schedule": (
        TypeError,
        "`schedule` must be a schedule, a function of the step or a number. Received: 'cosine'",
        lambda: M.WarmUp("cosine", 3),
    ),
    "no schedules": (TypeError, "`schedules[1]` must be a schedule", lambda: M.JoinedSchedules([1, None], [3])),
    "power": (ValueError, "Argument `power` must be > 0", lambda: M.WarmUp(1.0, 3, power=0)),
    "nan": (ValueError, "`value` must be a number that is not NaN", lambda: M.ConstantSchedule(float("nan"))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    kind, text, action = REFUSED[case]
    with pytest.raises(kind) as caught:
        action()
    assert text in str(caught.value)
    assert caught.value.location.filename == __file__
