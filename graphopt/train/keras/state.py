"""The variables that a Keras optimizer keeps: how they are made, named, read, set, saved and loaded."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError, ElementNotFoundError, GraphStateError
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.initializers import Constant, Ones, Zeros
from graphopt.graph.operation import default_session
from graphopt.graph.scopes import init_scope
from graphopt.graph.variables import Variable
from graphopt.ops.array import shape_of
from graphopt.ops.broadcast import fill
from graphopt.ops.elementwise import zeros_as
from graphopt.train.keras.hyper_arguments import HyperArguments

_INITIALIZERS = {"zeros": Zeros, "ones": Ones}


class VariableList(list[Variable]):
    """The variables of an optimizer: a list that may also be called, as older scripts do."""

    def __call__(self) -> VariableList:
        return self


class OptimizerState(HyperArguments):
    """The variables of an optimizer, in one graph: the first in which it records anything."""

    def __init__(self, use_ema: bool, ema_start: str) -> None:
        super().__init__()
        self.use_ema = use_ema
        self.ema_start = ema_start
        self._graph: Graph | None = None
        self._built = False
        self._iterations: Variable | None = None
        self._others: list[Variable] = []
        self._index_dict: dict[Variable, int] = {}
        self._model_variables_moving_average: list[Variable] = []

    def _own_graph(self) -> Graph:
        """Return the graph that the optimizer belongs to.

        Raises:
          RuntimeError: when another graph is the default one.
        """
        graph = get_default_graph().root
        if self._graph is None:
            self._graph = graph
        if self._graph is not graph:
            raise GraphStateError(
                f"This {type(self).__name__} belongs to another graph than the default one: an optimizer keeps its variables in the graph "
                "in which it was first used. Make one optimizer for each graph."
            )
        return graph

    # --- what is kept ------------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> VariableList:
        """All variables of the optimizer: iterations first, then averages of the model's variables, then slots."""
        return VariableList([self._iteration_counter(), *self._others])

    @property
    def iterations(self) -> Variable:
        """The number of steps made so far, an int64 variable. It may be set to another variable, or a number to start from.

        Raises:
          RuntimeError: when it is set after the optimizer's variables have been made. TypeError: for what is no integer.
        """
        return self._iteration_counter()

    @iterations.setter
    def iterations(self, value: Any) -> None:
        if self._built:
            raise GraphStateError(
                "Cannot set `iterations` to a new Variable after the Optimizer weights have been created. Set it before `build`, "
                "`apply_gradients` or `minimize`."
            )
        if isinstance(value, Variable) and value.dtype.is_integer:
            self._iterations = value
        elif isinstance(value, numbers.Integral) and not isinstance(value, bool):
            self._iterations = self._new_counter(int(value))
        else:
            raise ArgumentTypeError(f"iterations must be an integer variable or an integer, got {value!r}.")
        self._recorded.clear()  # schedules look at the new counter

    def _iteration_counter(self) -> Variable:
        if self._iterations is None:
            self._iterations = self._new_counter(0)
        return self._iterations

    def _new_counter(self, start: int) -> Variable:
        graph = self._own_graph()
        with init_scope(), graph.name_scope(None):
            return Variable(np.int64(start), trainable=False, name="iteration")

    def average_of(self, variable: Variable) -> Variable | None:
        """Return the moving average of a variable, or None when there is none.

        Evaluate with it by fetching it in place of the variable, or by feeding its value.
        """
        index = self._index_dict.get(variable)
        return None if index is None or not self.use_ema else self._model_variables_moving_average[index]

    # --- making it ---------------------------------------------------------------------------------------------------------------

    def build(self, var_list: Iterable[Variable]) -> None:
        """Make what the optimizer keeps for each variable. It happens once; a subclass calls this first.

        Args:
          var_list: the variables of the model that will be changed. `apply_gradients` calls this with all of its variables.
        """
        if self._built:
            return
        variables = list(var_list)
        self._own_graph()
        self._iteration_counter()
        self._index_dict = {variable: index for index, variable in enumerate(variables)}
        if self.use_ema:
            self._model_variables_moving_average = [self._new_average(v) for v in variables]

    def _new_average(self, variable: Variable) -> Variable:
        with init_scope():
            start = variable.initialized_value() if self.ema_start == "weights" else None
        return self.add_variable_from_reference(variable, "average", initial_value=start)

    def add_variable(self, shape: Any, dtype: Any = None, initializer: Any = "zeros", name: str | None = None) -> Variable:
        """Make a variable of the optimizer that belongs to no single variable of the model.

        Args:
          shape: its shape; None for a scalar. dtype: its element type (float32 by default).
          initializer: "zeros", "ones", or a function ``(shape, dtype)`` that gives the initial value. name: its name.

        Raises:
          ValueError: for another string.
        """
        if isinstance(initializer, str):
            if initializer not in _INITIALIZERS:
                raise ArgumentError(f"Unknown initializer: {initializer!r}. Known are 'zeros', 'ones' and functions (shape, dtype).")
            initializer = _INITIALIZERS[initializer]()
        wanted = dtypes.as_dtype(dtype or dtypes.float32)
        shape = [] if shape is None else shape
        return self._keep(lambda: initializer(shape, dtype=wanted), wanted, name or "Variable")

    def add_variable_from_reference(
        self, model_variable: Variable, variable_name: str, shape: Any = None, initial_value: Any = None
    ) -> Variable:
        """Make a variable that is kept for one variable of the model, named ``<variable_name>/<the variable's name>``.

        Args:
          model_variable: the variable of the model; the new one has its element type. variable_name: what is kept.
          shape: its shape (the variable's by default). initial_value: its initial value (zeros by default).
        """
        dtype = model_variable.dtype
        if initial_value is None:
            initial_value = self._constant_like(model_variable, 0.0, shape)
        elif not callable(initial_value) and not hasattr(initial_value, "builder"):
            initial_value = np.asarray(initial_value, dtype.np)
        return self._keep(initial_value, dtype, f"{variable_name}/{model_variable.op.name}")

    def _keep(self, initial_value: Any, dtype: Any, name: str) -> Variable:
        with self._own_graph().as_default(), init_scope():
            variable = Variable(initial_value, trainable=False, name=name, dtype=dtype, validate_shape=_is_static(initial_value))
        self._others.append(variable)
        return variable

    def _constant_like(self, variable: Variable, value: float, shape: Any = None) -> Any:
        """Return the initial value of a slot: a number in each element, in the shape of its variable or in another shape."""
        known = variable.get_shape() if shape is None else shape
        if shape is not None or variable.get_shape().is_fully_defined():
            # Of an integer variable, which gets no gradient, it is rounded: it is never used.
            return lambda: Constant(variable.dtype.np.type(value).item())(known, dtype=variable.dtype)
        with init_scope():
            initial = variable.initialized_value()
            return zeros_as(initial) if value == 0.0 else fill(shape_of(initial), np.array(value, variable.dtype.np))

    def _var_key(self, variable: Variable) -> Variable:
        """Return what stands for a variable in `_index_dict`: the variable itself, so that equal names are no problem."""
        return variable

    def _index_of(self, variable: Variable) -> int:
        if variable not in self._index_dict:
            known = [v.name for v in self._index_dict]
            raise ElementNotFoundError(
                f"The optimizer cannot recognize variable {variable.name}. It was built for {known}: call `build` with all variables "
                "before the first `apply_gradients`."
            )
        return self._index_dict[variable]

    # --- values ------------------------------------------------------------------------------------------------------------------

    def get_weights(self, session: Any = None) -> list[np.ndarray]:
        """Return the values of `variables` in a session (the default session)."""
        return [np.asarray(value) for value in _session(session).run(list(self.variables))]

    def set_weights(self, weights: Sequence[Any], session: Any = None) -> None:
        """Give `variables` values in a session (the default session).

        Args:
          weights: arrays, numbers or variables, one for each of `variables`.

        Raises:
          ValueError: when the optimizer has no variables yet, or the number of values or a shape does not fit.
        """
        if not self._built:
            raise ArgumentError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. Please call "
                "`optimizer.build(trainable_variables)` to create the optimizer weights before calling `set_weights()`."
            )
        weights, variables, at = list(weights), self.variables, _session(session)
        if len(weights) != len(variables):
            raise ArgumentError(f"{type(self).__name__} has {len(variables)} variables, got {len(weights)} weights: {_names(variables)}.")
        values = [np.asarray(at.run(w) if hasattr(w, "builder") else w) for w in weights]
        for variable, value in zip(variables, values, strict=True):
            if not variable.get_shape().is_compatible_with(value.shape):
                raise ArgumentError(
                    f"Optimizer variable {variable.name} has shape {variable.get_shape()} not compatible with provided weight shape "
                    f"{value.shape}."
                )
        for variable, value in zip(variables, values, strict=True):
            variable.load(value.astype(variable.dtype.np), at)

    def save_own_variables(self, store: MutableMapping[str, Any], session: Any = None) -> None:
        """Put the values of `variables` into a mapping, under "0", "1" and so on.

        Args:
          store: a dictionary, or a group of an HDF5 file. session: the session (the default session).
        """
        for index, value in enumerate(self.get_weights(session)):
            store[str(index)] = value

    def load_own_variables(self, store: Any, session: Any = None) -> None:
        """Give `variables` the values that `save_own_variables` has put into a mapping.

        Raises:
          ValueError: when their number differs; nothing is loaded then.
        """
        if len(store.keys()) != len(self.variables):
            raise ArgumentError(
                f"Cannot load the variables of optimizer '{type(self).__name__}': it has {len(self.variables)} variables whereas the saved "
                f"optimizer has {len(store.keys())} variables. Build it for the same variables first: {_names(self.variables)}."
            )
        self.set_weights([np.asarray(store[str(index)]) for index in range(len(self.variables))], session)


def _names(variables: Iterable[Variable]) -> list[str]:
    return [variable.name for variable in variables]


def _session(session: Any) -> Any:
    found = session or default_session()
    if found is None:
        raise ArgumentError("Values belong to sessions: pass `session`, or call this where a session is the default one.")
    return found


def _is_static(initial_value: Any) -> bool:
    shape = initial_value.get_shape() if hasattr(initial_value, "get_shape") else None
    return shape is None or shape.is_fully_defined()
