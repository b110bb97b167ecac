"""Schedules as plain dictionaries and back: both formats, classes of the user's, and what can't be written or read."""

import copy
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import graphopt as tf
from graphopt.train.keras import more_schedules as M
from graphopt.train.keras import schedules as S
from graphopt.train.keras import serialization

MODULE = "keras.optimizers.schedules"
CONFIG = {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": False, "name": None}


class Constant(S.LearningRateSchedule):
    """A schedule of the user's."""

    def __init__(self, rate: Any) -> None:
        self.rate = rate

    def __call__(self, step: Any) -> Any:
        return self.rate

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate}


@serialization.register_keras_serializable("mine")
class Known(Constant):
    """A schedule of the user's that is registered."""


@serialization.register_keras_serializable("mine", "other")
class Renamed(Constant):
    """A schedule of the user's that is registered under another name."""


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data))


def test_the_format_of_today() -> None:
    assert S.serialize(S.ExponentialDecay(0.1, 10, 0.5)) == {
        "module": MODULE,
        "class_name": "ExponentialDecay",
        "config": CONFIG,
        "registered_name": None,
    }


def test_the_legacy_format() -> None:
    assert S.serialize(S.ExponentialDecay(0.1, 10, 0.5), use_legacy_format=True) == {"class_name": "ExponentialDecay", "config": CONFIG}


@pytest.mark.parametrize("written_legacy", [False, True])
@pytest.mark.parametrize("read_legacy", [False, True])
def test_both_formats_are_read_and_stay_as_they_are(written_legacy: bool, read_legacy: bool) -> None:
    config = S.serialize(S.PiecewiseConstantDecay([1, 2], [1.0, 0.5, 0.1]), use_legacy_format=written_legacy)
    before = copy.deepcopy(config)
    schedule = S.deserialize(config, use_legacy_format=read_legacy)
    schedule.boundaries.append(3)
    assert config == before
    assert type(schedule) is S.PiecewiseConstantDecay


def test_from_config_changes_nothing() -> None:
    config = {"schedule": S.serialize(S.CosineDecay(1.0, 2)), "warmup_steps": 3}
    before = copy.deepcopy(config)
    assert type(M.WarmUp.from_config(config).schedule) is S.CosineDecay
    assert config == before


def test_what_keras_writes_is_read() -> None:
    written = '{"module": "keras.optimizers.schedules", "class_name": "CosineDecay", "registered_name": null, "config": %s}'
    config = {"initial_learning_rate": 0.1, "decay_steps": 5, "alpha": 0.0, "name": None, "warmup_target": None, "warmup_steps": 0}
    assert S.deserialize(json.loads(written % json.dumps(config))).get_config() == config
    old = {"class_name": "PolynomialDecay", "config": {"cycle": False, "decay_steps": 10000, "initial_learning_rate": 0.1, "power": 0.5}}
    assert S.deserialize(old).end_learning_rate == 0.0001


def test_a_class_of_the_users() -> None:
    written = S.serialize(Constant(0.3))
    assert written == {"module": None, "class_name": "Constant", "config": {"rate": 0.3}, "registered_name": "Constant"}
    for legacy in (False, True):
        written = through_json(S.serialize(Constant(0.3), use_legacy_format=legacy))
        again = S.deserialize(written, custom_objects={"Constant": Constant}, use_legacy_format=legacy)
        assert type(again) is Constant and again.rate == 0.3


def test_a_registered_class_needs_no_custom_objects() -> None:
    assert S.serialize(Known(1)) == {"module": None, "class_name": "Known", "config": {"rate": 1}, "registered_name": "mine>Known"}
    for cls in (Known, Renamed):
        for legacy in (False, True):
            assert type(S.deserialize(S.serialize(cls(1), use_legacy_format=legacy), use_legacy_format=legacy)) is cls


def test_custom_objects_come_first() -> None:
    class ExponentialDecay(S.ExponentialDecay):
        pass

    config = S.serialize(S.ExponentialDecay(0.1, 10, 0.5))
    assert type(S.deserialize(config, {"ExponentialDecay": ExponentialDecay})) is ExponentialDecay
    assert S.serialize(ExponentialDecay(0.1, 10, 0.5))["registered_name"] == "ExponentialDecay"


@pytest.mark.parametrize("legacy", [False, True])
def test_objects_within_objects(legacy: bool) -> None:
    schedule = Constant([S.CosineDecay(1.0, 2), {"a": M.WarmUp(Known(2.0), 3)}, (1, None, "text", True)])
    written = S.serialize(schedule, use_legacy_format=legacy)
    assert through_json(written) == written
    assert written["config"]["rate"][0]["class_name"] == "CosineDecay"
    again = S.deserialize(written, {"Constant": Constant}, use_legacy_format=legacy)
    assert S.serialize(again, use_legacy_format=legacy) == written
    assert type(again.rate[1]["a"].schedule) is Known


def test_a_schedule_within_something_of_another_module() -> None:
    within = {"class_name": "CosineDecay", "config": {"initial_learning_rate": 1.0, "decay_steps": 2}}
    written = {"class_name": "Constant", "config": {"rate": within}}
    again = serialization.deserialize_keras_object(written, "keras.optimizers", {"Constant": Constant})
    assert type(again.rate) is S.CosineDecay


def test_the_registry() -> None:
    assert serialization.get_registered_class(MODULE, "CosineDecay") is S.CosineDecay
    assert serialization.get_registered_class(MODULE, "Known") is None
    assert serialization.get_registered_class("os", "system") is None


UNKNOWN = "Cannot deserialize object of type `Nope`. If `Nope` is a class of your own, pass it in `custom_objects`"
REFUSED: dict[str, tuple[type, str, Callable[[], Any]]] = {
    "unknown": (TypeError, UNKNOWN, lambda: S.deserialize({"class_name": "Nope", "config": {}})),
    "unknown names what is known": (
        TypeError,
        "Known in keras.optimizers.schedules: ",
        lambda: S.deserialize({"class_name": "Nope", "config": {}}),
    ),
    "unknown in a module": (TypeError, UNKNOWN, lambda: S.deserialize({"module": MODULE, "class_name": "Nope", "config": {}})),
    "unknown of the user's": (
        TypeError,
        UNKNOWN,
        lambda: S.deserialize({"module": None, "class_name": "Nope", "config": {}, "registered_name": "Nope"}),
    ),
    "unknown legacy": (
        ValueError,
        "Unknown decay: 'Nope'. Pass a class of your own in `custom_objects`.",
        lambda: S.deserialize({"class_name": "Nope", "config": {}}, use_legacy_format=True),
    ),
    "import": (
        TypeError,
        "Cannot deserialize object of type `OrderedDict`",
        lambda: S.deserialize({"module": "collections", "class_name": "OrderedDict", "config": {}}),
    ),
    "base": (TypeError, "Cannot deserialize", lambda: S.deserialize({"class_name": "LearningRateSchedule", "config": {}})),
    "none": (TypeError, "Could not parse config: None. A dict with `class_name` and `config` is needed.", lambda: S.deserialize(None)),
    "string": (TypeError, "Could not parse config: 'CosineDecay'", lambda: S.deserialize("CosineDecay", use_legacy_format=True)),
    "empty": (ValueError, "Improper config format: {}. A dict with `class_name` (a string)", lambda: S.deserialize({})),
    "no config": (ValueError, "Improper config format", lambda: S.deserialize({"class_name": "CosineDecay"})),
    "config": (ValueError, "Improper config format", lambda: S.deserialize({"class_name": "CosineDecay", "config": [1]})),
    "argument": (TypeError, "unexpected keyword argument 'a'", lambda: S.deserialize({"class_name": "CosineDecay", "config": {"a": 1}})),
    "no from_config": (
        TypeError,
        "Unable to reconstruct an instance of 'A': ",
        lambda: S.deserialize({"class_name": "A", "config": {}}, {"A": dict}),
    ),
    "number": (TypeError, "Cannot serialize object 3 of type int: its class must implement the `get_config()`", lambda: S.serialize(3)),
    "class": (TypeError, "Cannot serialize object", lambda: S.serialize(S.CosineDecay)),
    "not overridden": (NotImplementedError, "must override `get_config()`", lambda: S.serialize(S.LearningRateSchedule())),
    "no dict": (
        TypeError,
        "The `get_config()` method of SimpleNamespace should return a dict. It returned: 3",
        lambda: S.serialize(SimpleNamespace(get_config=lambda: 3)),
    ),
    "tensor": (
        ValueError,
        "Constant can't be serialised because of its argument `rate`: the value of",
        lambda: S.serialize(Constant({"a": tf.constant(1.0)})),
    ),
    "function": (
        TypeError,
        "is neither plain data nor an object with `get_config()`",
        lambda: S.serialize(Constant(abs), use_legacy_format=True),
    ),
    "register": (
        ValueError,
        "Cannot register class 'dict': it has no `get_config()` method.",
        lambda: serialization.register_keras_serializable()(dict),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    kind, text, action = REFUSED[case]
    with pytest.raises(kind) as caught:
        action()
    assert text in str(caught.value)
