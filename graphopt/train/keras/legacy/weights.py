"""What an older Keras optimizer keeps: the counter of steps, slots for each variable, and weights of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentError, ArgumentTypeError, ElementNotFoundError, GraphStateError
from graphopt.graph.initializers import Constant, GlorotNormal, GlorotUniform, Ones, RandomNormal, RandomUniform, TruncatedNormal, Zeros
from graphopt.graph.operation import default_session
from graphopt.graph.scopes import init_scope
from graphopt.graph.variables import Variable
from graphopt.ops.array import shape_of
from graphopt.ops.broadcast import fill
from graphopt.ops.elementwise import zeros_as
from graphopt.train.keras.legacy.state import StatePerGraph

_INITIALIZERS: dict[str, Callable[[], Any]] = {
    "zeros": Zeros,
    "ones": Ones,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "random_uniform": RandomUniform,
    "random_normal": RandomNormal,
    "truncated_normal": TruncatedNormal,
}


class KeptWeights(StatePerGraph):
    """The part of an optimizer that keeps variables. Each graph has its own; their values belong to sessions."""

    _name: str

    # --- the counter -----------------------------------------------------------------------------------------------------------

    @property
    def iterations(self) -> Variable:
        """The number of steps made so far, an int64 variable. Before it is used, a variable or a whole number can be set."""
        state = self._present_state
        if state.iterations is None:
            with self._present_graph.as_default(), init_scope():
                self._keep_counter(Variable(np.int64(0), trainable=False, name="iter"))
        counter: Variable | None = state.iterations
        assert counter is not None
        return counter

    @iterations.setter
    def iterations(self, variable: Any) -> None:
        state = self._state_in(variable.graph) if isinstance(variable, Variable) else self._present_state
        if state.iterations is not None:
            raise GraphStateError(
                "Cannot set `iterations` to a new Variable after the Optimizer weights have been created. "
                f"Here it is attempting to set `iterations` to {variable}."
            )
        if isinstance(variable, int | np.integer) and not isinstance(variable, bool):
            with init_scope():
                variable = Variable(np.int64(variable), trainable=False, name="iter")
        if not isinstance(variable, Variable) or not variable.dtype.is_integer:
            raise ArgumentTypeError(f"`iterations` must be an integer variable or a whole number, got {variable!r}.")
        self._keep_counter(variable)

    def _keep_counter(self, counter: Variable) -> None:
        state = self._state_in(counter.graph)
        state.iterations = counter
        state.weights.append(counter)

    # --- slots and weights -----------------------------------------------------------------------------------------------------

    def add_slot(self, var: Variable, slot_name: str, initializer: Any = "zeros", shape: Any = None) -> Variable:
        """Return a slot of a variable, made when it is new.

        Args:
          var: the variable. slot_name: the slot's name; the slot is called ``<variable>/<slot>`` in the current name scope.
          initializer: the name of an initializer, a function of shape and dtype, or the initial value.
          shape: its shape, where an initializer makes it (the variable's by default).

        Raises:
          ValueError: for an unknown initializer.
        """
        if slot_name not in self._slot_names:
            self._slot_names.append(slot_name)
        state = self._state_in(var.graph)
        by_name = state.slots.setdefault(var.op.name, {})
        if slot_name not in by_name:
            with init_scope():
                initial = _initial_value(var, initializer, shape)
                by_name[slot_name] = Variable(
                    initial,
                    trainable=False,
                    name=f"{var.op.name}/{slot_name}",
                    dtype=var.dtype,
                    validate_shape=var.get_shape().is_fully_defined(),
                )
            state.weights.append(by_name[slot_name])
        return by_name[slot_name]

    _slot_names: list[str]

    def get_slot(self, var: Variable, slot_name: str) -> Variable:
        """Return a slot of a variable.

        Raises:
          KeyError: when there is none of that name.
        """
        by_name = self._state_in(var.graph).slots.get(var.op.name, {})
        if slot_name not in by_name:
            known = ", ".join(map(repr, by_name)) or "none yet: they are made by `apply_gradients`"
            raise ElementNotFoundError(f"{self._name} has no slot {slot_name!r} for {var.name}; there are {known}.")
        return by_name[slot_name]

    def get_slot_names(self) -> list[str]:
        """Return the names of the slots in order of creation."""
        return self._slot_names

    def add_weight(
        self,
        name: str,
        shape: Any = (),
        dtype: Any = None,
        initializer: Any = "zeros",
        trainable: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
    ) -> Variable:
        """Return a new variable. Append it to `weights` when it is part of the optimizer's state.

        Args:
          name: its name. shape, dtype: its shape and element type (a float32 scalar by default).
          initializer: the name of an initializer, a function of shape and dtype, or the initial value.
          trainable: whether optimizers change it (as in Keras, yes by default).
          synchronization, aggregation: accepted for Keras's sake.
        """
        kind = dtypes.as_dtype(dtype or dtypes.float32)
        maker = _initializer(initializer)
        wanted = shapes.to_shape(shape)
        with init_scope():
            initial = maker if maker is None else (lambda: maker(wanted, kind))
            return Variable(initializer if initial is None else initial, trainable=trainable is not False, name=name, dtype=kind)

    @property
    def weights(self) -> list[Variable]:
        """The optimizer's variables in the present graph in order of creation, the counter first. Empty before its first use."""
        return self._present_state.weights

    @property
    def _weights(self) -> list[Variable]:
        return self._present_state.weights

    def variables(self) -> list[Variable]:
        """Return the optimizer's variables in order of creation."""
        return self.weights

    def get_weights(self, session: Any = None) -> list[Any]:
        """Return the values of `weights`, as NumPy arrays.

        Args:
          session: the session they belong to (the default session by default).

        Raises:
          ValueError: without a session.
        """
        values: list[Any] = self._session(session, "get_weights").run(list(self.weights))
        return values

    def set_weights(self, weights: Sequence[Any], session: Any = None) -> None:
        """Give `weights` values, in their order. Nothing is changed when one does not fit.

        Args:
          weights: arrays or numbers, one for each. session: the session they belong to (the default session by default).

        Raises:
          ValueError: for another number of values, for a shape that does not fit, and without a session.
        """
        variables, values = self.weights, [np.asarray(w) for w in weights]
        if len(variables) != len(values):
            raise ArgumentError(
                f"You called `set_weights(weights)` on optimizer {self._name} with a  weight list of length {len(values)}, but the "
                f"optimizer was expecting {len(variables)} weights. Provided weights: {str(weights)[:50]}..."
            )
        for variable, value in zip(variables, values, strict=True):
            if not shapes.is_compatible(variable.get_shape().raw, value.shape):
                own = variable.get_shape()
                raise ArgumentError(
                    f"Optimizer weight shape {own} not compatible with provided weight shape {value.shape}: {variable.name}."
                )
        present = self._session(session, "set_weights")
        for variable, value in zip(variables, values, strict=True):
            variable.load(value.astype(variable.dtype.np), present)

    def _session(self, session: Any, what: str) -> Any:
        found = session or default_session()
        if found is None:
            raise ArgumentError(f"`{what}` needs a session, to which the values belong: pass one, or call it inside `with session:`.")
        return found


class CounterMayBeMissing(KeptWeights):
    """`set_weights` also takes the list without the counter that Keras's first optimizers gave."""

    def set_weights(self, weights: Sequence[Any], session: Any = None) -> None:
        """Give `weights` values, in their order; those of Keras 1 have no counter, which then becomes 0.

        Args:
          weights: arrays or numbers. session: the session they belong to (the default session by default).
        """
        missing = len(self.weights) == len(weights) + 1
        super().set_weights([np.array(0), *weights] if missing else weights, session)


def _initializer(given: Any) -> Any:
    """Return a function of shape and dtype, or None where a value is given."""
    if isinstance(given, str):
        if given not in _INITIALIZERS:
            raise ArgumentError(f"Unknown initializer: {given!r}. There are {', '.join(_INITIALIZERS)}.")
        return _INITIALIZERS[given]()
    return given() if isinstance(given, type) else given if callable(given) else None


def _initial_value(var: Variable, initializer: Any, shape: Any) -> Any:
    maker = _initializer(initializer)
    if maker is None:
        return initializer
    if shape is None and not var.get_shape().is_fully_defined():
        value = var.initialized_value()
        return fill(shape_of(value), np.array(maker.value, var.dtype.np)) if isinstance(maker, Constant) else zeros_as(value)
    wanted = var.get_shape() if shape is None else shape
    return lambda: maker(wanted, var.dtype)
