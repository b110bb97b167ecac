"""Hyper-parameters: numbers that decide how a step is made, float64 inside, readable and settable while running.

Whatever a user gives becomes a float64 scalar tensor that every run reads: a number becomes a setting, which each session may set; a
tensor or variable is taken as it is; a function of the step is a schedule; a function without arguments is called at every run. None of
them is a constant of the program, so no change compiles anything anew.
"""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, ElementNotFoundError, GraphStateError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor, default_session
from graphopt.graph.settings import default_settings, setting, stores_of
from graphopt.graph.variables import Variable, variable_of
from graphopt.ops import control
from graphopt.ops.array import reshape
from graphopt.ops.elementwise import cast


@dataclass(frozen=True)
class Range:
    """Which numbers a hyper-parameter may be.

    Attributes:
      low, high: the ends. open_low, open_high: whether the end itself is left out. words: the rule in words, after "must be".
    """

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    words: str = "a number"

    def holds(self, value: float) -> bool:
        """Return whether a number is allowed; NaN never is."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below


ANY_NUMBER = Range()
NON_NEGATIVE = Range(low=0.0, words="0 or more")
POSITIVE = Range(low=0.0, open_low=True, words="more than 0")
NON_POSITIVE = Range(high=0.0, words="0 or less")
FRACTION = Range(low=0.0, high=1.0, words="between 0 and 1")
DECAY = Range(low=0.0, high=1.0, open_high=True, words="at least 0 and less than 1")


def check_number(value: Any, name: str, allowed: Range = ANY_NUMBER, kinds: str = "a number") -> float:
    """Return a Python or NumPy number as a float.

    Args:
      value: what was given. name: its name for messages. allowed: which numbers it may be. kinds: what it may be, in words.

    Raises:
      TypeError: for anything else. ValueError: for NaN, or a number outside of the range.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise ArgumentTypeError(f"{name} must be {kinds}, got {value!r} of {type(value)}.")
    number = float(value)
    if not allowed.holds(number):
        raise ArgumentError(f"{name} must be {allowed.words}, got {value!r}.")
    return number


def check_hyper(value: Any, name: str, allowed: Range = ANY_NUMBER) -> Any:
    """Return what a user gave for a hyper-parameter; raise unless it can be one.

    Args:
      value: a number, a scalar tensor or variable, a schedule or a callable. name: its name for messages. allowed: which numbers it may be.

    Raises:
      TypeError: for anything else. ValueError: for NaN, a number outside of the range, or a tensor that is no scalar.
    """
    if isinstance(value, Tensor | Variable):
        if value.get_shape().ndims not in (None, 0):
            raise ArgumentError(f"{name} is not a scalar: {value.name} has shape {value.get_shape()}.")
        return value
    if not callable(value):
        check_number(value, name, allowed, "a number, a scalar tensor, a schedule or a callable")
    return value


def check_learning_rate(value: Any) -> Any:
    """Return a learning rate; raise for a negative number, NaN, a string, and whatever else is no hyper-parameter.

    Raises:
      TypeError, ValueError: as `check_hyper`.
    """
    return check_hyper(value, "learning_rate", NON_NEGATIVE)


def takes_step(function: Callable[..., Any]) -> bool:
    """Return whether a callable is a schedule: it needs one argument, the step."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built in: it says nothing of its arguments
        return False
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


@dataclass(eq=False)
class HyperParameter:
    """One hyper-parameter in one graph.

    Attributes:
      name: its name. given: what the user gave. tensor: its value, a float64 scalar. allowed: which numbers it may be set to.
      kind: "number", "tensor", "schedule" or "callable".
    """

    name: str
    given: Any
    tensor: Tensor
    kind: str
    allowed: Range = ANY_NUMBER
    _casts: dict[tuple[Any, DType], Tensor] = field(default_factory=dict)

    def in_type(self, dtype: DType) -> Tensor:
        """Return the value in another element type, rounded once."""
        if dtype is dtypes.float64:
            return self.tensor
        if self.kind == "tensor" and convert_to_tensor(self.given).dtype is dtype:
            return convert_to_tensor(self.given)
        tensor: Tensor = cast(self.tensor, dtype)
        return tensor

    def read(self, session: Any = None) -> float:
        """Return the present value.

        Args:
          session: the session, also a monitored one (the default session when there is one, else the value that new sessions start with).

        Raises:
          ValueError: without a session, for what is not a number; for a session of another graph.
        """
        session = self._chosen(session)
        name = self.tensor.op.name
        if self.kind == "number":
            return float(default_settings(self.tensor.graph)[name] if session is None else session.store.cell(name).value)
        if session is None:
            rule = f"{self.name} comes from a {self.kind} ({self.given!r}), whose value only a session knows:"
            raise ArgumentError(f"{rule} enter `with session.as_default()`, or read `hyper.of(session)` (a monitored one, too).")
        return float(session.run(self.tensor))

    def set(self, value: Any, session: Any = None) -> None:
        """Give it another value, without compiling anything anew.

        Args:
          value: a number. session: the session (the default session when there is one, else all sessions of the graph, also later ones).

        Raises:
          TypeError: for a schedule, a callable or a tensor that is no variable, which say the value themselves; for what is no number.
          ValueError: for a number that is not allowed, or a session of another graph.
        """
        number = check_number(value, self.name, self.allowed)
        session = self._chosen(session)
        variable = variable_of(self.given) if isinstance(self.given, Tensor) else self.given
        if self.kind == "number":
            self._set_setting(np.float64(number), session)
        elif isinstance(variable, Variable):
            variable.load(variable.dtype.np.type(number), session)
        else:
            rule = f"{self.name} comes from a {self.kind} ({self.given!r}), so its value cannot be set:"
            raise ArgumentTypeError(f"{rule} give a number or a variable where it is made.")

    def set_everywhere(self, value: Any) -> None:
        """Give a hyper-parameter that was a number another one in all sessions of the graph, also later ones; errors as `set`."""
        self._set_setting(np.float64(check_number(value, self.name, self.allowed)), None)

    def _chosen(self, session: Any) -> Any:
        """Return the session that is meant: the given one, or the default session if it is one of this graph."""
        graph = self.tensor.graph.root
        if session is None:
            session = default_session()
            if session is None or session.graph is not graph:
                return None
        # A monitored session: the one inside, which may become another when it recovers.
        session = session._tf_sess() if hasattr(session, "_tf_sess") else session
        check_open(session, self.name)
        if session.graph is not graph:
            raise ArgumentError(f"{self.name} belongs to another graph than the session that was given.")
        return session

    def _set_setting(self, number: Any, session: Any) -> None:
        name, graph = self.tensor.op.name, self.tensor.graph
        if session is None:
            default_settings(graph)[name] = number
        for store in stores_of(graph) if session is None else [session.store]:
            with store.lock:
                store.cell(name).value = number


def check_open(session: Any, name: str) -> None:
    """Raise a RuntimeError when a session is closed: it has forgotten its values."""
    if session is not None and getattr(session, "_closed", False):
        raise GraphStateError(f"{name} cannot be read or set in a closed Session: it has forgotten its values.")


def hyper_parameter(value: Any, name: str, *, step: Any = None, allowed: Range = ANY_NUMBER) -> HyperParameter:
    """Record a hyper-parameter in the default graph.

    Args:
      value: a number; a scalar tensor or variable; a function of the step that gives one (a schedule); or a function without arguments,
        called now if it gives a tensor, else at every run.
      name: its name, and its operation's. step: the number of steps made so far, an integer scalar: what a schedule is called with.
      allowed: which numbers it may be.

    Raises:
      TypeError, ValueError: for what is no hyper-parameter; for a schedule without a step.

    Example:
      >>> rate = tf.train.hyper_parameter(0.5, "rate")
      >>> with tf.Session() as session:
      ...     rate.set(0.25)
      ...     print(session.run(rate.tensor))
      0.25
    """
    check_hyper(value, name, allowed)
    if isinstance(value, Tensor | Variable):
        return HyperParameter(name, value, _to_float64(value), "tensor", allowed)
    if not callable(value):
        return HyperParameter(name, value, setting(float(value), name), "number", allowed)
    if takes_step(value):
        if step is None:
            raise ArgumentError(f"{name} is a schedule ({value!r}), which needs a step to look at: pass a global_step.")
        return HyperParameter(name, value, _to_float64(value(step)), "schedule", allowed)
    first = value()
    if isinstance(first, Tensor | Variable) or callable(first):
        made = hyper_parameter(first, name, step=step, allowed=allowed)
        return HyperParameter(name, value, made.tensor, "callable", allowed)
    check_number(first, name, allowed)
    return HyperParameter(name, value, _called_each_run(value, name, allowed), "callable", allowed)


def _to_float64(value: Any) -> Tensor:
    tensor: Tensor = cast(convert_to_tensor(value), dtypes.float64)
    return tensor


def _called_each_run(function: Callable[[], Any], name: str, allowed: Range) -> Tensor:
    def call() -> Any:
        return np.float64(check_number(function(), name, allowed))

    made = control.py_func(function=call, dtypes_out=(dtypes.float64,), name=name)
    tensor: Tensor = reshape(made[0], ())
    return tensor


class HyperParameters(MutableMapping[str, float]):
    """The hyper-parameters of a training op: values by name, of the default session or of a session that is given.

    ``hyper["learning_rate"]`` reads, ``hyper["learning_rate"] = 0.01`` sets.

    Example:
      >>> w = tf.Variable(1.0)
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD")
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     train_op.hyper["learning_rate"] = 0.5
      ...     print(train_op.hyper["learning_rate"])
      0.5
    """

    def __init__(self, parameters: Mapping[str, HyperParameter], session: Any = None) -> None:
        self.parameters = dict(parameters)
        self._session = session

    def of(self, session: Any) -> HyperParameters:
        """Return the hyper-parameters as one session has them.

        Raises:
          RuntimeError: when it is closed.
        """
        check_open(session, "Hyper-parameters")
        return HyperParameters(self.parameters, session)

    def __getitem__(self, name: str) -> float:
        return self._known(name).read(self._session)

    def __setitem__(self, name: str, value: Any) -> None:
        self._known(name).set(value, self._session)

    def __delitem__(self, name: str) -> None:
        raise ArgumentTypeError(f"Hyper-parameters can be set, not removed: {name!r}.")

    def __iter__(self) -> Iterator[str]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __repr__(self) -> str:
        return f"HyperParameters({', '.join(self.parameters)})"

    def _known(self, name: str) -> HyperParameter:
        if name not in self.parameters:
            near = difflib.get_close_matches(str(name), self.parameters, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ElementNotFoundError(f"There is no hyper-parameter {name!r}; there are {', '.join(self.parameters)}.{hint}")
        return self.parameters[name]
