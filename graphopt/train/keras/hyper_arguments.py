"""Arguments of optimizers that are hyper-parameters: attributes that read as numbers and can be set while running."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Iterable
from typing import Any, NoReturn

from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, user_location
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.train.hyper import (
    ANY_NUMBER,
    NON_NEGATIVE,
    POSITIVE,
    HyperParameter,
    HyperParameters,
    Range,
    check_hyper,
    hyper_parameter,
    takes_step,
)
from graphopt.train.keras.serialization import serialize_keras_object, to_plain


class Hyper:
    """An attribute of an optimizer that is a hyper-parameter.

    It is given a number, a scalar tensor or variable, a schedule (a function of the step) or a function without arguments. A number
    reads as the present session has it; whatever else reads as it was given. Setting it never compiles anything anew.

    Args:
      allowed: which numbers it may be. switches: None, 0 and less, when the updates are recorded, leave out what it is for.
    """

    def __init__(self, allowed: Range = ANY_NUMBER, *, switches: bool = False) -> None:
        self.allowed = allowed
        self.switches = switches
        self.name = ""

    @property
    def once_recorded(self) -> Range:
        """Which numbers it may be while running: a clip that is on can't be switched off."""
        return POSITIVE if self.switches and self.allowed.holds(-1.0) else self.allowed

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else optimizer._hyper_value(self.name)

    def __set__(self, optimizer: Any, value: Any) -> None:
        optimizer._set_hyper(self.name, value)


class LearningRate(Hyper):
    """The learning rate: reads as a tensor, its value in the step that is being recorded or comes next."""

    def __init__(self) -> None:
        super().__init__(NON_NEGATIVE)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = "learning_rate"  # whatever the attribute is called: `lr` is the same

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else optimizer._learning_rate_tensor()

    def __set__(self, optimizer: Any, value: Any) -> None:
        optimizer._set_learning_rate(value)


class HyperArguments:
    """What an optimizer knows of its hyper-parameters: what was given for each, and what is recorded of it in the graph.

    A subclass declares each as a class attribute, ``beta_1 = Hyper(DECAY)``, and sets it in its constructor.
    """

    learning_rate = LearningRate()
    lr = LearningRate()

    def __init__(self) -> None:
        self._given: dict[str, Any] = {}
        self._recorded: dict[str, HyperParameter] = {}
        self._has_updates = False

    @property
    def iterations(self) -> Variable:
        """The number of steps made so far."""
        raise NotImplementedError

    def _own_graph(self) -> Any:
        raise NotImplementedError

    @property
    def hyper(self) -> HyperParameters:
        """The hyper-parameters by name, to read and to set while running: ``optimizer.hyper["learning_rate"] = 0.1``."""
        return HyperParameters({name: self._hyper(name) for name in self._given if self._is_in_use(name)})

    def _is_in_use(self, name: str) -> bool:
        """Tell whether the updates look at a hyper-parameter."""
        return self._given[name] is not None and not (self._declared()[name].switches and self._is_off(name))

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name, for inspection."""
        return {name: given for name, given in self._given.items() if self._is_in_use(name)}

    @classmethod
    def _declared(cls) -> dict[str, Hyper]:
        found = {}
        for owner in reversed(cls.__mro__):
            found.update({value.name: value for value in vars(owner).values() if isinstance(value, Hyper)})
        return found

    # --- recording -------------------------------------------------------------------------------------------------------------

    def _hyper(self, name: str) -> HyperParameter:
        """Return a hyper-parameter, recorded in the graph when it is first asked for."""
        if name not in self._recorded:
            graph = self._own_graph()
            with graph.as_default():
                allowed = self._declared()[name].once_recorded
                self._recorded[name] = hyper_parameter(self._given[name], name, step=self.iterations, allowed=allowed)
        return self._recorded[name]

    def _renew_schedules(self) -> None:
        """Let what depends on the step be recorded anew, so that it looks at the step where the next update stands."""
        self._recorded = {name: hyper for name, hyper in self._recorded.items() if hyper.kind not in ("schedule", "callable")}

    def _is_off(self, name: str) -> bool:
        """Tell whether a hyper-parameter was given as None or a number that is not positive, which leaves out what it is for."""
        given = self._given.get(name)
        symbolic = isinstance(given, Tensor | Variable) or callable(given)
        return given is None or (not symbolic and float(given) <= 0.0)

    # --- reading and setting -----------------------------------------------------------------------------------------------------

    def _hyper_value(self, name: str) -> Any:
        if name not in self._given:
            raise AttributeError(f"{type(self).__name__} has no {name} yet: its constructor has not set it.")
        recorded = self._recorded.get(name)
        if recorded is not None and recorded.kind == "number":
            return recorded.read()
        return self._given[name]

    def _set_hyper(self, name: str, value: Any) -> None:
        allowed = self._declared()[name].allowed
        if value is not None:
            check_hyper(value, name, allowed)
        recorded = self._recorded.get(name)
        is_number = value is not None and not callable(value) and not isinstance(value, Tensor | Variable)
        if recorded is not None and is_number and (self._has_updates or recorded.kind == "number"):
            recorded.set(value)
        elif self._has_updates:
            self._refuse(name, value)
        else:
            self._given[name] = value
            self._recorded.pop(name, None)

    def _refuse(self, name: str, value: Any) -> NoReturn:
        """Raise for what cannot be set any more."""
        if name in self._recorded:
            raise GraphStateError(
                f"{name} can't be set to {value!r}: the updates of {type(self).__name__} are recorded, and from then on it takes numbers. "
                "Set a schedule, callable or tensor before `apply_gradients` or `minimize`."
            )
        raise GraphStateError(
            f"{name} can't be set to {value!r}: it was {self._given.get(name)!r} when the updates of {type(self).__name__} were recorded, "
            f"so they don't look at it. Give the constructor a {name} that is not 0, or a variable."
        )

    def _set_learning_rate(self, value: Any) -> None:
        given = self._given.get("learning_rate")
        by_schedule = callable(given) and takes_step(given)
        if by_schedule and not callable(value):
            raise ArgumentTypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor argument, hence its "
                f"learning rate is not settable. Create it with a number instead. Received: {value!r}"
            )
        if value is None:
            raise ArgumentTypeError("learning_rate must be a number, a scalar tensor, a schedule or a callable, got None.")
        self._set_hyper("learning_rate", value)

    def _learning_rate_tensor(self) -> Tensor:
        if "learning_rate" not in self._given:
            raise ArgumentError("Missing learning rate, please set self.learning_rate at optimizer creation time.")
        return self._hyper("learning_rate").tensor

    def _plain_hyper(self, name: str) -> Any:
        """Return a hyper-parameter as a configuration holds it: a number as it is, a schedule as a dictionary."""
        value = self._hyper_value(name) if name != "learning_rate" or name not in self._recorded else self._rate_value()
        if callable(value):
            return serialize_keras_object(value) if hasattr(value, "get_config") else float(value())
        return to_plain(value, type(self).__name__, name)

    def _rate_value(self) -> Any:
        recorded = self._recorded["learning_rate"]
        return recorded.read() if recorded.kind == "number" else self._given["learning_rate"]


def check_no_unknown(unknown: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raise a TypeError that names the nearest argument, if there are unknown keyword arguments."""
    for word in unknown:
        near = difflib.get_close_matches(word, list(known), n=1)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise ArgumentTypeError(f"{word} is not a valid argument of {what}, kwargs should be empty for `optimizer_experimental`.{hint}")


# Arguments of Keras 3 that are stages of a training op.
_ELSEWHERE = {
    "gradient_accumulation_steps": "use the stage tf.train.stages.accumulate(k) of training_op, or accumulate_steps=k of optimize_loss.",
    "loss_scale_factor": "use the stage tf.train.stages.scale_loss(factor) of training_op, or loss_scale=factor of optimize_loss.",
}


def check_none_elsewhere(given: dict[str, Any], what: str) -> None:
    """Take the arguments of Keras 3 that are stages here out of `given`; raise a TypeError that names the stage unless they are None."""
    for word, instead in _ELSEWHERE.items():
        if given.pop(word, None) is not None:
            raise ArgumentTypeError(f"{word} is not an argument of {what} here: {instead}")


def warn_user(message: str) -> None:
    """Warn of something at the user's line."""
    where = user_location()
    warnings.warn_explicit(message, UserWarning, where.filename, where.line)


def default_rate(cls: type) -> Any:
    """Return the default of a constructor's learning rate: the very object, so that an equal number counts as given."""
    code = cls.__init__  # type: ignore[misc]
    found = inspect.signature(code).parameters.get("learning_rate")
    return None if found is None else found.default
