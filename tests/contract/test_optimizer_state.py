"""What every registered optimizer keeps to: its state can be saved and set, its hyper-parameters too, and nothing compiles twice."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from optimizer_setup import BACKENDS, NAMES, Training, gradients_of, largest_deviation, make_optimizer, random_arrays

import graphopt as tf
from graphopt.runtime.signature import Signature
from graphopt.train.optimizers.registry import OPTIMIZERS

STEPS = gradients_of(8)


def other_value(parameter: Any, value: float) -> float:
    """Another value that a hyper-parameter may have, near its own."""
    candidates = (0.75 * value, 0.01, 1.5 * value)
    return next(other for other in candidates if other != value and parameter.allowed.holds(other))


def set_others(training: Training) -> dict[str, float]:
    """Change every hyper-parameter that is a number; return the new values."""
    hyper = training.hyper
    changed = {key: other_value(hyper.parameters[key], hyper[key]) for key in hyper if hyper.parameters[key].kind == "number"}
    for key, value in changed.items():
        hyper[key] = value
        assert hyper[key] == value
    return changed


def equal_bits(got: dict[str, Any], want: dict[str, Any]) -> None:
    assert got.keys() == want.keys()
    for key in want:
        np.testing.assert_array_equal(got[key], want[key], key)


# --- state -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_training_goes_on_from_saved_values(name: str) -> None:
    first = Training(name, random_arrays(0))
    first.after(STEPS[:2])
    hypers = set_others(first)
    first.after(STEPS[2:4])
    saved = first.state()
    first.after(STEPS[4:])

    # Another session of the graph; and a graph that is built the same way, with other values at the start.
    second, third = first, Training(name, random_arrays(5))
    wanted = first.state()
    second.session = first.new_session()
    for training in (second, third):
        training.load(saved)
        for key, value in hypers.items():
            training.hyper[key] = value
        training.after(STEPS[4:])
        equal_bits(training.state(), wanted)


@pytest.mark.parametrize("name", NAMES)
def test_all_state_is_in_variables(name: str) -> None:
    training = Training(name, random_arrays(0))
    optimizer, known = training.optimizer, set(training.all_variables.values())
    with training.graph.as_default():
        own = optimizer.variables() if callable(optimizer.variables) else optimizer.variables
        slots = [optimizer.get_slot(v, slot) for v in training.variables.values() for slot in optimizer.get_slot_names()]
    kept = {*own, *[slot for slot in slots if slot is not None]}
    assert kept <= known
    others = {v.op.name for v in known - kept - set(training.variables.values())}
    assert others <= {"global_step"}, "variables that neither `variables` nor `get_slot` knows"


# --- hyper-parameters --------------------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A list that grows with every program that is compiled."""
    made: list[int] = []
    make = Signature._make_runner

    def counted(self: Any, feeds: Any) -> Any:
        made.append(len(made))
        return make(self, feeds)

    monkeypatch.setattr(Signature, "_make_runner", counted)
    yield made


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_compiled_after_the_first_step(name: str, backend: str, compiled: list[int]) -> None:
    training = Training(name, random_arrays(0), backend=backend)
    training.step(STEPS[0])
    known = len(compiled)
    training.step(STEPS[1])
    changed = set_others(training)
    training.step(STEPS[2])
    assert changed and known > 0
    assert len(compiled) == known


# Numbers of constructors that no step reads.
NO_HYPER_PARAMETERS = {
    "initial_accumulator_value": "what a slot starts from",
    "initial_gradient_squared_accumulator_value": "what a slot starts from",
}
# Those that the examples switch off: there is no slot, no rule or no average for them.
SWITCHED_OFF = {
    **{name: {"ema_momentum"} for name in NAMES if name.startswith("keras.optimizers.")},
    "contrib.opt.VariableClippingOptimizer": {"max_norm"},
    "keras.optimizers.RMSprop": {"momentum", "ema_momentum"},
    "keras.optimizers.legacy.Ftrl": {"l2_shrinkage_regularization_strength"},
    "keras.optimizers.legacy.RMSprop": {"momentum"},
    "train.FtrlOptimizer": {"l2_shrinkage_regularization_strength"},
}
# The powers of these start from what the constructor was given, as TensorFlow's do.
WITH_POWERS = (tf.train.AdamOptimizer,)


def numbers_of(name: str) -> dict[str, float]:
    """The constructor's arguments that are hyper-parameters and numbers, with their values."""
    entry = OPTIMIZERS[name]
    defaults = {key: p.default for key, p in inspect.signature(entry.make).parameters.items() if p.default is not p.empty}
    found = {key: value for key, value in {**defaults, **entry.example}.items() if type(value) is float and key not in NO_HYPER_PARAMETERS}
    return {key: value for key, value in found.items() if key not in SWITCHED_OFF.get(name, ())}


@pytest.mark.parametrize("name", NAMES)
def test_all_numbers_of_the_constructor_can_be_set(name: str) -> None:
    hyper = Training(name, random_arrays(0)).hyper
    assert numbers_of(name).items() <= dict(hyper).items()
    assert not set(hyper) & SWITCHED_OFF.get(name, set()), "setting them would do nothing"


@pytest.mark.parametrize("name", NAMES)
def test_hyper_parameters_that_are_set_are_those_given(name: str) -> None:
    start = random_arrays(0)
    later = Training(name, start)
    with_powers = isinstance(later.optimizer, WITH_POWERS)
    names = [key for key in numbers_of(name) if not (with_powers and key.startswith("beta"))]
    changed = {key: other_value(later.hyper.parameters[key], later.hyper[key]) for key in names}
    for key, value in changed.items():
        later.hyper[key] = value
    at_once = Training(name, start, optimizer=lambda: make_optimizer(name, **changed))
    for got, want in zip(later.after(STEPS), at_once.after(STEPS), strict=True):
        assert max(largest_deviation(got[key], want[key]) for key in want) < 1e-12


# Bounds that random gradients do not reach, and an ε that is too small to show.
DO_NOT_SHOW = {
    "keras.optimizers.Adafactor": {"epsilon_1", "epsilon_2"},
    "optimizers.ADOPT": {"eps"},
    "optimizers.AdaBelief": {"eps"},
    "optimizers.Adafactor": {"eps"},
    "optimizers.Fromage": {"min_norm"},
    "optimizers.Prodigy": {"estim_lr_coef"},
    "optimizers.Rprop": {"min_step_size", "max_step_size"},
}


@pytest.mark.parametrize("name", NAMES)
def test_every_hyper_parameter_that_is_set_matters(name: str) -> None:
    training = Training(name, random_arrays(0))
    start = training.state()

    def path() -> list[Any]:
        training.load(start)
        made = []
        for gradients in STEPS:
            training.step(gradients)
            made += training.state().values()
        return made

    plain = path()
    for key in set(training.hyper) - DO_NOT_SHOW.get(name, set()):
        was = training.hyper[key]
        training.hyper[key] = other_value(training.hyper.parameters[key], was)
        assert any(not np.array_equal(got, want) for got, want in zip(path(), plain, strict=True)), f"setting {key} does nothing"
        training.hyper[key] = was


# Arguments that may be no schedule: the optimizer has one of its own.
NO_SCHEDULE = {"keras.optimizers.legacy.Nadam": "learning_rate"}

KINDS = {
    "tensor": lambda value: tf.constant(value, tf.float64),
    "variable": lambda value: tf.Variable(np.float64(value), trainable=False),
    "schedule": lambda value: lambda step: tf.cast(step, tf.float64) * 0.0 + value,
    "callable": lambda value: lambda: value,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_numbers_tensors_schedules_and_callables_are_the_same(name: str, kind: str) -> None:
    start, numbers = random_arrays(0), numbers_of(name)
    plain = Training(name, start)
    if kind == "schedule" and name in NO_SCHEDULE:
        del numbers[NO_SCHEDULE[name]]

    def symbolic() -> Any:
        return make_optimizer(name, **{key: KINDS[kind](value) for key, value in numbers.items()})

    other = Training(name, start, optimizer=symbolic)
    for got, want in zip(other.after(STEPS[:4]), plain.after(STEPS[:4]), strict=True):
        assert max(largest_deviation(got[key], want[key]) for key in want) < 1e-12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad,error", [(-0.1, ValueError), (np.nan, ValueError), ("0.1", TypeError)])
def test_a_learning_rate_that_is_none_is_refused(name: str, bad: Any, error: type[Exception]) -> None:
    if "learning_rate" not in inspect.signature(OPTIMIZERS[name].make).parameters:
        assert "learning_rate" not in OPTIMIZERS[name].example
        return
    with tf.Graph().as_default(), pytest.raises(error, match="learning_rate"):
        make_optimizer(name, learning_rate=bad)
