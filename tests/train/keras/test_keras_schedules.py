"""Keras's schedules: the values they must have, types, steps, arguments, and what they refuse."""

import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import schedules as S

STEPS = (0, 5, 10, 15, 20, 30, 45, 60)


def values_at(schedule: Any, steps: Any) -> list[float]:
    step = tf.placeholder(tf.int64, [])
    rate = schedule(step)
    assert rate.shape == ()
    with tf.Session() as session:
        return [session.run(rate, {step: s}).item() for s in steps]


def value(tensor: Any) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensor)


TABLE: dict[str, tuple[Any, list[float]]] = {
    "exponential": (
        S.ExponentialDecay(0.1, 10, 0.96),
        [0.1, 0.0979795897, 0.096, 0.0940604061, 0.09216, 0.0884736, 0.0832186275, 0.0782757790],
    ),
    "exponential staircase": (
        S.ExponentialDecay(0.1, 10, 0.96, staircase=True),
        [0.1, 0.1, 0.096, 0.096, 0.09216, 0.0884736, 0.0849346560, 0.0782757790],
    ),
    "inverse": (S.InverseTimeDecay(0.1, 10, 0.5), [0.1, 0.08, 0.0666666667, 0.0571428571, 0.05, 0.04, 0.0307692308, 0.025]),
    "inverse staircase": (
        S.InverseTimeDecay(0.1, 10, 0.5, staircase=True),
        [0.1, 0.1, 0.0666666667, 0.0666666667, 0.05, 0.04, 0.0333333333, 0.025],
    ),
    "polynomial": (S.PolynomialDecay(0.1, 20, 0.01), [0.1, 0.0775, 0.055, 0.0325, 0.01, 0.01, 0.01, 0.01]),
    "polynomial cycle": (
        S.PolynomialDecay(0.1, 20, 0.01, power=0.5, cycle=True),
        [0.1, 0.0879422863, 0.0736396103, 0.055, 0.01, 0.055, 0.055, 0.01],
    ),
    "cosine": (S.CosineDecay(0.1, 20), [0.1, 0.0853553391, 0.05, 0.0146446609, 0, 0, 0, 0]),
    "cosine alpha": (S.CosineDecay(0.1, 20, alpha=0.2), [0.1, 0.0882842712, 0.06, 0.0317157288, 0.02, 0.02, 0.02, 0.02]),
    "cosine warm-up": (
        S.CosineDecay(0.01, 20, alpha=0.2, warmup_target=0.1, warmup_steps=10),
        [0.01, 0.055, 0.1, 0.0882842712, 0.06, 0.02, 0.02, 0.02],
    ),
    "restarts": (S.CosineDecayRestarts(0.1, 10), [0.1, 0.05, 0.1, 0.0853553391, 0.05, 0.1, 0.0691341716, 0.0146446609]),
    "restarts all": (
        S.CosineDecayRestarts(0.1, 10, t_mul=1.5, m_mul=0.8, alpha=0.1),
        [0.1, 0.055, 0.082, 0.064, 0.028, 0.0608620800, 0.0117368525, 0.0421656778],
    ),
    "restarts even": (S.CosineDecayRestarts(0.1, 10, t_mul=1, m_mul=0.5), [0.1, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.003125, 0.0015625]),
}


@pytest.mark.parametrize("name", TABLE)
def test_values(name: str) -> None:
    schedule, expected = TABLE[name]
    np.testing.assert_allclose(values_at(schedule, STEPS), expected, rtol=0, atol=5e-11)


def test_a_boundary_belongs_to_the_left() -> None:
    assert values_at(S.PiecewiseConstantDecay([5, 10], [1, 0.5, 0.1]), [0, 5, 6, 10, 11]) == [1.0, 1.0, 0.5, 0.5, 0.1]
    assert values_at(S.PiecewiseConstantDecay((2.7,), (1.0, 0.5)), [2, 3]) == [1.0, 0.5]
    assert values_at(S.PiecewiseConstantDecay([5, 5], [1.0, 0.5, 0.1]), [5, 6]) == [1.0, 0.1]


def test_a_cycle_begins_after_its_end() -> None:
    schedule = S.PolynomialDecay(0.1, 20, 0.01, cycle=True)
    np.testing.assert_allclose(values_at(schedule, [19, 20, 21, 40, 41]), [0.0145, 0.01, 0.05275, 0.01, 0.0385], rtol=1e-12)


def test_warm_up_steps_need_a_target_and_a_target_no_steps() -> None:
    plain, at = S.CosineDecay(0.1, 20), [0, 3, 10, 25]
    assert values_at(S.CosineDecay(0.1, 20, warmup_steps=10), at) == values_at(plain, at)
    np.testing.assert_allclose(values_at(S.CosineDecay(7.0, 20, warmup_target=0.1), at), values_at(plain, at), rtol=1e-14)


# --- restarts ----------------------------------------------------------------------------------------------------------------

GROWTHS = (1.001, 1.01, 1.1, 1.2, 1.25, 1.3, 1.5, 1.7, 1.9, 2, 2.1, 2.5, 3, 4, 5, 6, 7, 9, 10)


def period_ends(first: int, growth: float) -> list[tuple[int, int]]:
    """Return the whole steps at which a period ends, exactly, and how many have ended."""
    end, length, found = Fraction(0), Fraction(first), []
    for i in range(1, 60):
        end, length = end + length, length * Fraction(Decimal(str(growth)))
        if end > 10**9:
            break
        if end.denominator == 1:
            found.append((int(end), i))
    return found


@pytest.mark.parametrize("growth", GROWTHS)
def test_a_restart_comes_at_exactly_its_step(growth: float) -> None:
    for first in (1, 3, 7, 100, 333, 1000):
        steps, restarts = np.array(period_ends(first, growth)).T
        rate = S.CosineDecayRestarts(1.0, first, t_mul=growth, m_mul=0.9)
        np.testing.assert_allclose(value(rate(steps)), 0.9**restarts, rtol=1e-9)
        if first >= 100:
            assert value(rate(steps - 1)).max() < 0.01


@pytest.mark.parametrize(("growth", "step"), [(3, 121), (9, 91), (10, 111), (10, 1111)])
def test_the_restarts_that_logarithms_miss(growth: int, step: int) -> None:
    assert value(S.CosineDecayRestarts(0.1, 7, t_mul=growth, alpha=0.2)(step * 7)) == pytest.approx(0.1, rel=1e-12)
    decayed = tf.train.cosine_decay_restarts(tf.constant(0.1, tf.float64), step * 7, 7, t_mul=float(growth))
    assert value(decayed) == pytest.approx(0.1, rel=1e-12)


def test_beyond_the_end_of_shrinking_periods_is_no_rate() -> None:
    schedule = S.CosineDecayRestarts(1.0, 10, t_mul=0.5)
    got = values_at(schedule, [5, 10, 15, 25])
    np.testing.assert_allclose(got[:3], [0.5, 1.0, 1.0], rtol=1e-12)
    assert np.isnan(got[3])


# --- types -------------------------------------------------------------------------------------------------------------------

RATES: dict[str, tuple[Callable[[], Any], Any]] = {
    "float": (lambda: 0.5, tf.float64),
    "int": (lambda: 1, tf.float64),
    "fraction": (lambda: Fraction(1, 2), tf.float64),
    "numpy float32": (lambda: np.float32(0.5), tf.float32),
    "numpy float64": (lambda: np.float64(0.5), tf.float64),
    "numpy int": (lambda: np.int32(1), tf.float64),
    "array": (lambda: np.array(0.5, np.float16), tf.float16),
    "float32 tensor": (lambda: tf.constant(0.5), tf.float32),
    "int tensor": (lambda: tf.constant(1), tf.float64),
    "float32 variable": (lambda: tf.Variable(0.5), tf.float32),
}
MADE: dict[str, Callable[[Any], Any]] = {
    "exponential": lambda rate: S.ExponentialDecay(rate, 2, 0.5),
    "inverse": lambda rate: S.InverseTimeDecay(rate, 2, 0.5),
    "polynomial": lambda rate: S.PolynomialDecay(rate, 4, 0),
    "piecewise": lambda rate: S.PiecewiseConstantDecay([1, 2], [1, rate, 2.0]),
    "cosine": lambda rate: S.CosineDecay(rate, 4),
    "warm-up": lambda rate: S.CosineDecay(rate, 4, warmup_target=1, warmup_steps=2),
    "restarts": lambda rate: S.CosineDecayRestarts(rate, 4),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("kind", RATES)
def test_the_result_has_the_type_of_the_rate(kind: str, made: str) -> None:
    make, dtype = RATES[kind]
    rate = make()
    schedule = MADE[made](rate)
    result = schedule(tf.constant(2))
    assert result.dtype == dtype
    exact = MADE[made](float(value(rate)) if hasattr(rate, "builder") else float(rate))
    assert value(result) == dtype.np.type(value(exact(2)))


def test_float32_is_rounded_once() -> None:
    rates = value([S.ExponentialDecay(np.float32(0.1), 1000, 0.999)(s) for s in range(0, 5000, 100)])
    exact = [np.float32(float(np.float32(0.1)) * 0.999 ** (s / 1000)) for s in range(0, 5000, 100)]
    np.testing.assert_array_equal(rates, exact)


STEP_KINDS: dict[str, Callable[[], Any]] = {
    "int": lambda: 6,
    "float": lambda: 6.0,
    "numpy": lambda: np.int64(6),
    "int32 tensor": lambda: tf.constant(6),
    "int64 tensor": lambda: tf.constant(6, tf.int64),
    "float32 tensor": lambda: tf.constant(6.0),
    "variable": lambda: tf.Variable(6, dtype=tf.int64, trainable=False),
}


@pytest.mark.parametrize("kind", STEP_KINDS)
def test_the_step_may_be_anything_that_counts(kind: str) -> None:
    rate = S.ExponentialDecay(1, 3, 0.5)(STEP_KINDS[kind]())
    assert isinstance(rate, tf.Tensor)
    assert value(rate) == 0.25


def test_a_step_beyond_32_bits() -> None:
    assert value(S.InverseTimeDecay(1.0, 10**9, 1.0)(7 * 10**9)) == 0.125
    assert value(S.ExponentialDecay(1.0, 2**40, 0.5)(tf.constant(2**41, tf.int64))) == 0.25


def test_all_steps_at_once() -> None:
    rates = value(S.CosineDecay(1.0, 4)(np.arange(6)))
    np.testing.assert_allclose(rates, 0.5 * (1 + np.cos(np.pi * np.minimum(np.arange(6), 4) / 4)), atol=1e-15)


def test_every_number_may_be_a_tensor_or_a_variable() -> None:
    def of(number: float) -> Any:
        return tf.Variable(number, dtype=tf.float32) if number == 0.5 else tf.constant(number, tf.float64)

    expected = {
        S.ExponentialDecay(1.0, of(4), of(0.5)): 0.25,
        S.InverseTimeDecay(1.0, of(4), of(0.5)): 0.5,
        S.PolynomialDecay(1.0, of(16), of(0.5), of(2)): 0.625,
        S.PiecewiseConstantDecay([of(4), of(9)], [of(1), of(2), 3.0]): 2.0,
        S.CosineDecay(of(3), of(16), of(0.5)): 2.25,
        S.CosineDecay(of(3), of(12), of(0.5), warmup_target=of(2), warmup_steps=of(2)): 1.5,
        S.CosineDecay(of(3), of(16), of(0.5), warmup_target=of(2), warmup_steps=of(0)): 1.5,
        S.CosineDecayRestarts(of(3), of(8), of(2), of(0.5), of(0)): 1.5,
        S.CosineDecayRestarts(of(3), of(8), of(1), of(0.5), of(0)): 1.5,
    }
    got = value([schedule(8) for schedule in expected])
    np.testing.assert_allclose(got, list(expected.values()), rtol=0, atol=1e-15)


def test_a_setting_changes_while_running() -> None:
    steps = tf.placeholder(tf.int32, [])
    rate = S.PolynomialDecay(1.0, steps, 0.0)(5)
    with tf.Session() as session:
        assert [session.run(rate, {steps: n}) for n in (10, 20)] == [0.5, 0.75]


def test_names() -> None:
    step = tf.train.get_or_create_global_step()
    assert S.ExponentialDecay(1.0, 2, 0.5)(step).name == "ExponentialDecay:0"
    assert S.PolynomialDecay(1.0, 2, name="rate")(step).name == "rate:0"
    assert S.PolynomialDecay(1.0, 2, name="rate")(step).name == "rate_1:0"


def test_the_step_is_read_in_each_run() -> None:
    step = tf.train.get_or_create_global_step()
    rate = S.ExponentialDecay(1.0, 1, 0.5)(step)
    advance = tf.assign_add(step, 1)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        rates = []
        for _ in range(3):
            rates.append(session.run(rate).item())
            session.run(advance)
    assert rates == [1.0, 0.5, 0.25]


# --- configuration -----------------------------------------------------------------------------------------------------------

CONFIGS = {
    "exponential": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.96, "staircase": False, "name": None},
    "inverse staircase": {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True, "name": None},
    "polynomial": {
        **{"initial_learning_rate": 0.1, "decay_steps": 20, "end_learning_rate": 0.01},
        **{"power": 1.0, "cycle": False, "name": None},
    },
    "cosine": {
        **{"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.0, "name": None},
        **{"warmup_target": None, "warmup_steps": 0},
    },
    "restarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10, "t_mul": 2.0, "m_mul": 1.0, "alpha": 0.0, "name": None},
}


@pytest.mark.parametrize("name", CONFIGS)
def test_config(name: str) -> None:
    assert TABLE[name][0].get_config() == CONFIGS[name]


@pytest.mark.parametrize("name", TABLE)
def test_round_trip(name: str) -> None:
    schedule, _ = TABLE[name]
    config = json.loads(json.dumps(schedule.get_config()))
    again = type(schedule).from_config(config)
    assert again.get_config() == config == schedule.get_config()
    assert values_at(again, STEPS) == values_at(schedule, STEPS)


def test_a_configuration_is_plain_data_of_its_own() -> None:
    boundaries = [np.int64(5)]
    schedule = S.PiecewiseConstantDecay(boundaries, (np.float32(0.5), Fraction(1, 4)), name="rate")
    boundaries.append(np.int64(6))
    config = schedule.get_config()
    assert json.dumps(config) == '{"boundaries": [5], "values": [0.5, 0.25], "name": "rate"}'
    config["boundaries"].append(7)
    assert schedule.get_config()["boundaries"] == [5]


def test_a_tensor_has_no_configuration() -> None:
    with pytest.raises(ValueError, match="ExponentialDecay can't be serialised because of its argument `decay_rate`: the value of"):
        S.ExponentialDecay(0.1, 10, tf.constant(0.5)).get_config()
    with pytest.raises(ValueError, match=r"argument `values`.*known in a run only"):
        S.PiecewiseConstantDecay([1], [1.0, tf.Variable(2.0)]).get_config()


def test_repr() -> None:
    assert (
        repr(S.InverseTimeDecay(1, 2, 0.5)) == "InverseTimeDecay(initial_learning_rate=1, decay_steps=2, decay_rate=0.5, staircase=False)"
    )


def test_the_base() -> None:
    with pytest.raises(NotImplementedError, match=r"schedule 'LearningRateSchedule' must override `__call__\(self, step\)`"):
        S.LearningRateSchedule()(1)
    with pytest.raises(NotImplementedError, match=r"must override `get_config\(\)` in order to be serializable"):
        S.LearningRateSchedule().get_config()
    assert isinstance(S.LearningRateSchedule.from_config({}), S.LearningRateSchedule)


# --- refusals ----------------------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[type, str, Callable[[], Any]]] = {
    "no steps": (ValueError, "Argument `decay_steps` must be > 0. Received: decay_steps=0", lambda: S.ExponentialDecay(0.1, 0, 0.5)),
    "inverse": (ValueError, "Argument `decay_steps` must be > 0. Received: decay_steps=-2", lambda: S.InverseTimeDecay(0.1, -2, 0.5)),
    "polynomial": (ValueError, "Argument `decay_steps` must be > 0. Received: decay_steps=0.0", lambda: S.PolynomialDecay(0.1, 0.0)),
    "cosine": (ValueError, "Argument `decay_steps` must be > 0. Received: decay_steps=0", lambda: S.CosineDecay(0.1, np.int64(0))),
    "restarts": (ValueError, "Argument `first_decay_steps` must be > 0", lambda: S.CosineDecayRestarts(0.1, 0)),
    "growth": (ValueError, "Argument `t_mul` must be > 0. Received: t_mul=0", lambda: S.CosineDecayRestarts(0.1, 1, t_mul=0)),
    "warm-up": (
        ValueError,
        "Argument `warmup_steps` must be >= 0. Received: warmup_steps=-1",
        lambda: S.CosineDecay(0, 1, warmup_steps=-1),
    ),
    "alpha": (ValueError, "Argument `alpha` must be >= 0. Received: alpha=-0.1", lambda: S.CosineDecay(1, 1, alpha=-0.1)),
    "negative": (
        ValueError,
        "Argument `initial_learning_rate` is a learning rate and must be >= 0. Received: initial_learning_rate=-0.1",
        lambda: S.ExponentialDecay(-0.1, 2, 0.5),
    ),
    "negative end": (ValueError, "`end_learning_rate` is a learning rate", lambda: S.PolynomialDecay(0.1, 2, -1)),
    "negative value": (ValueError, "`values[1]` is a learning rate", lambda: S.PiecewiseConstantDecay([1], [1.0, -1.0])),
    "nan": (ValueError, "`decay_rate` must be a number that is not NaN", lambda: S.InverseTimeDecay(0.1, 2, float("nan"))),
    "string": (
        TypeError,
        "Argument `initial_learning_rate` must be a number, a scalar tensor or a variable. Received: initial_learning_rate='0.1'",
        lambda: S.ExponentialDecay("0.1", 2, 0.5),
    ),
    "none": (TypeError, "Argument `decay_steps` must be a number", lambda: S.ExponentialDecay(0.1, None, 0.5)),
    "bool": (TypeError, "Argument `decay_rate` must be a number", lambda: S.ExponentialDecay(0.1, 2, True)),
    "array": (TypeError, "Argument `power` must be a number", lambda: S.PolynomialDecay(0.1, 2, power=np.ones(2))),
    "lengths": (
        ValueError,
        "The length of boundaries should be 1 less than the length of values. "
        "Received: boundaries=[1, 2] of length 2, and values=[1.0, 0.5] of length 2.",
        lambda: S.PiecewiseConstantDecay([1, 2], [1.0, 0.5]),
    ),
    "no boundary": (ValueError, "needs at least one boundary. Use the number itself", lambda: S.PiecewiseConstantDecay([], [1.0])),
    "unsorted": (
        ValueError,
        "Argument `boundaries` must be sorted, the smallest first. Received: boundaries=[2, 1]",
        lambda: S.PiecewiseConstantDecay([2, 1], [1.0, 0.5, 0.1]),
    ),
    "value types": (
        ValueError,
        "The values of a PiecewiseConstantDecay must have one element type. Received: float16 and float32.",
        lambda: S.PiecewiseConstantDecay([1], [np.float16(1), np.float32(1)])(1),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    kind, text, action = REFUSED[case]
    with pytest.raises(kind) as caught:
        action()
    assert text in str(caught.value)
    assert caught.value.location.filename == __file__
