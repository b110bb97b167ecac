"""Hyper-parameters as attributes: ``optimizer.momentum`` reads and sets them, by the rules of Keras's older optimizers.

Unlike there, a number that is set always reaches what is recorded already: also in place of a schedule, a callable or a tensor.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.operation import Tensor, default_session
from graphopt.graph.scopes import init_scope
from graphopt.graph.settings import setting
from graphopt.graph.variables import Variable
from graphopt.ops.elementwise import cast, is_nan, select
from graphopt.train.hyper import (
    ANY_NUMBER,
    FRACTION,
    NON_NEGATIVE,
    HyperParameter,
    HyperParameters,
    Range,
    check_hyper,
    hyper_parameter,
    takes_step,
)
from graphopt.train.keras.legacy.state import GraphState, StatePerGraph
from graphopt.train.keras.schedules import LearningRateSchedule, serialize

CLIPS = ("clipvalue", "clipnorm", "global_clipnorm")


class LiveNumber(float):
    """A hyper-parameter as it is read: the number it is now; and, where something is recorded with it, the value of each run.

    As a tensor it is a float32 scalar, as Keras's variables for hyper-parameters are.
    """

    def __new__(cls, value: float, tensor: Tensor) -> LiveNumber:
        """Return the number `value`, of which `tensor` is the symbol."""
        made = super().__new__(cls, value)
        made.tensor = tensor
        return made

    tensor: Tensor

    @property
    def builder(self) -> Graph:
        """The graph it belongs to."""
        return self.tensor.graph

    @property
    def dtype(self) -> DType:
        """The element type of the tensor."""
        return self.tensor.dtype

    def to_tensor(self) -> Tensor:
        """Return its symbol."""
        return self.tensor

    _as_graph_element = to_tensor

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)


@dataclass(eq=False)
class OverridableHyper(HyperParameter):
    """A hyper-parameter that comes from a schedule, a callable or a tensor, until a number is set in its place."""

    override: HyperParameter | None = None

    def set(self, value: Any, session: Any = None) -> None:
        """Put a number in the place of what comes from the schedule, callable or tensor."""
        if self.override is not None:
            self.override.set(value, session)

    def override_everywhere(self, number: float) -> None:
        """Put a number in its place in all sessions of the graph, also later ones."""
        if self.override is not None:
            self.override.set_everywhere(number)

    def read(self, session: Any = None) -> float:
        """Return the present value; without a session only a number that was set is known."""
        if session is None and default_session() is None and self.override is not None:
            number = self.override.read()
            if not math.isnan(number):
                return number
        return super().read(session)


def is_number(value: Any) -> bool:
    """Tell whether a hyper-parameter is a plain number, and neither symbolic nor a function."""
    return isinstance(value, LiveNumber) or not (isinstance(value, Tensor | Variable) or callable(value))


class HyperAttributes(StatePerGraph):
    """The part of an optimizer that knows its hyper-parameters."""

    ranges: ClassVar[dict[str, Range]] = {
        "learning_rate": NON_NEGATIVE,
        "decay": NON_NEGATIVE,
        "beta_1": FRACTION,
        "beta_2": FRACTION,
        "rho": FRACTION,
        "momentum": FRACTION,
        "epsilon": NON_NEGATIVE,
        **dict.fromkeys(CLIPS, NON_NEGATIVE),
    }
    _hyper: dict[str, Any]
    _clips: dict[str, Any]

    @property
    def iterations(self) -> Any:
        """The number of steps made so far."""
        raise NotImplementedError

    # --- setting ---------------------------------------------------------------------------------------------------------------

    def _set_hyper(self, name: str, value: Any) -> None:
        """Make a hyper-parameter known, or give it another value.

        Args:
          name: its name. value: a number, a scalar tensor or variable, a schedule, or a function without arguments.

        Raises:
          TypeError, ValueError: for what it cannot be.
        """
        value = float(value) if isinstance(value, LiveNumber) else value
        check_hyper(value, name, self.ranges.get(name, ANY_NUMBER))
        if name in self._hyper:
            self._change(self._hyper, name, value)
        else:
            self._hyper[name] = value

    def _change(self, given: dict[str, Any], name: str, value: Any) -> None:
        self._check_change(name, value)
        was = given[name]
        if value is not None and is_number(value) and isinstance(was, Variable):
            was.load(was.dtype.np.type(value))
            return
        given[name] = value
        for graph, state in self._known_states():
            known = state.hypers.get(name)
            if known is None or value is None or not is_number(value):
                self._forget(state, name, value)
            elif isinstance(known, OverridableHyper):
                known.override_everywhere(value)
            else:
                session = default_session()
                known.set(value, session if session is not None and session.graph is graph else None)

    def _check_change(self, name: str, value: Any) -> None:
        """Raise when a hyper-parameter cannot become a value. Nothing by default."""

    def _forget(self, state: GraphState, name: str, value: Any) -> None:
        """Let the next updates record a hyper-parameter anew."""
        for table in (state.hypers, state.overrides, state.shown):
            table.pop(name, None)
        if state.has_updates:
            warnings.warn(
                f"{name} is now {value!r} for updates that are recorded from here on; those that are recorded already go on with what it "
                "was. Set a number, or call `apply_gradients` again.",
                UserWarning,
                stacklevel=5,
            )

    # --- recording -------------------------------------------------------------------------------------------------------------

    def _create_hypers(self) -> None:
        """Record all hyper-parameters, sorted by name; those that depend on the step anew, where the updates stand."""
        state = self._state_in(get_default_graph())
        state.hypers = {name: hyper for name, hyper in state.hypers.items() if not isinstance(hyper, OverridableHyper)}
        for name in sorted(self._hyper):
            self._recorded(name)

    def _recorded(self, name: str) -> HyperParameter:
        """Return a hyper-parameter, recorded in the default graph."""
        graph = get_default_graph()
        state = self._state_in(graph)
        known = state.hypers.get(name)
        if known is None or (isinstance(known, OverridableHyper) and known.tensor.graph is not graph):
            known = state.hypers[name] = self._record(state, name)
        return known

    def _record(self, state: GraphState, name: str) -> HyperParameter:
        given = self._hyper[name] if name in self._hyper else self._clips[name]
        allowed = self.ranges.get(name, ANY_NUMBER)
        step = self.iterations if callable(given) and takes_step(given) else None
        if name in state.overrides and is_number(given):
            return state.overrides[name]  # a number that was set in place of something else
        made = hyper_parameter(given, name, step=step, allowed=allowed)
        if made.kind == "number" or isinstance(given, Variable):
            return made
        if name not in state.overrides:
            number = setting(math.nan, f"{name}/set")
            state.overrides[name] = HyperParameter(name, math.nan, number, "number", allowed)
        override = state.overrides[name]
        tensor = select(is_nan(override.tensor), made.tensor, override.tensor)
        return OverridableHyper(name, given, tensor, made.kind, allowed, override=override)

    def _hyper_tensor(self, name: str) -> Tensor:
        """Return a hyper-parameter's value of each run, a float64 scalar."""
        return self._recorded(name).tensor

    def _get_hyper(self, name: str, dtype: Any = None) -> Any:
        """Return a hyper-parameter.

        Args:
          name: its name. dtype: the element type of the tensor that is wanted; None: what was given, a number as it is now.

        Returns:
          A schedule itself, whatever the type; a tensor of the type; or, without a type, the number, or the tensor that was given.
        """
        given = self._hyper[name]
        if isinstance(given, LearningRateSchedule):
            return given
        if dtype is not None:
            return cast(self._hyper_tensor(name), dtypes.as_dtype(dtype))
        if not is_number(given):
            return given() if callable(given) and not takes_step(given) else given
        return self._live_number(name)

    def _live_number(self, name: str) -> LiveNumber:
        graph = self._present_graph
        state = self._state_in(graph)
        if name not in state.shown:
            with graph.as_default(), graph.name_scope(None), init_scope():
                state.shown[name] = cast(self._hyper_tensor(name), dtypes.float32, name=f"{name}/read")
        return LiveNumber(state.hypers[name].read(), state.shown[name])

    @property
    def hyper(self) -> HyperParameters:
        """All hyper-parameters that a step reads, by name, to read and to set: ``optimizer.hyper["learning_rate"] = 0.1``."""
        graph = self._present_graph
        with graph.as_default():
            read = [name for name in self._hyper if name not in self._unread()]
            return HyperParameters({name: self._recorded(name) for name in read} | self._recorded_clips())

    def _unread(self) -> set[str]:
        """Return the hyper-parameters that are switched off, so that setting them while running would do nothing."""
        return set()

    def _recorded_clips(self) -> dict[str, HyperParameter]:
        return {name: self._recorded(name) for name, given in self._clips.items() if given is not None}

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name, for inspection."""
        return {**self._hyper, **{name: given for name, given in self._clips.items() if given is not None}}

    # --- attributes ------------------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__.get("_hyper", {})
        wanted = "learning_rate" if name == "lr" else name
        if wanted in known:
            return self._get_hyper(wanted)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        name = "learning_rate" if name == "lr" else name
        if name in self.__dict__.get("_hyper", {}):
            self._set_hyper(name, value)
        else:
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self.__dict__.get("_hyper", {})}
        return sorted(names | {"lr"} if "learning_rate" in names else names)

    # --- configuration -----------------------------------------------------------------------------------------------------------

    def _serialize_hyperparameter(self, hyperparameter_name: str) -> Any:
        """Return a hyper-parameter as a configuration holds it: a plain float, or a schedule as a dictionary.

        Raises:
          ValueError: without a default session, for a tensor or variable.
        """
        return self._plain(hyperparameter_name, self._hyper[hyperparameter_name])

    def _plain(self, name: str, given: Any) -> Any:
        recorded = self._present_state.hypers.get(name)
        if isinstance(given, LearningRateSchedule):
            return serialize(given)
        if callable(given) and not takes_step(given):
            given = given()
        if is_number(given):
            return float(given if recorded is None or recorded.kind != "number" else recorded.read())
        session = default_session()
        if session is None or callable(given):
            rule = f"{type(self).__name__} can't be serialised because of its argument `{name}`: {given!r}"
            raise ArgumentError(f"{rule} is known in a run only. Give a number or a schedule with `get_config`, or open a default session.")
        return float(session.run(given))
