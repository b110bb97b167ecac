"""The base of optimizers that run outside the graph: variables become one float64 vector, each evaluation is one session call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np

from graphopt.autodiff.gradients import gradients
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, UnsupportedError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable, trainable_variables
from graphopt.ops.control import placeholder
from graphopt.ops.elementwise import zeros_as
from graphopt.runtime.session import get_default_session

Vector = np.ndarray
Function = Callable[[Vector], Any]
Bounds = list[tuple[float, float]]


class Packing:
    """How the values of variables lie one after the other in one float64 vector.

    Args:
      variables: floating point variables of known shapes.

    Raises:
      ValueError: without variables, or for one whose shape is not known. TypeError: for what is no floating point variable.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        if not variables:
            raise ArgumentError("There are no variables to optimize: pass var_list, or make a trainable variable first.")
        for v in variables:
            _check_variable(v)
        self.variables = list(variables)
        self.shapes = [tuple(int(n or 0) for n in v.get_shape().as_list()) for v in variables]  # all known, see above
        self._types = [v.dtype.base_dtype.as_numpy_dtype for v in variables]
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes]).tolist()
        self.slices = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def pack(self, values: Sequence[Any]) -> Vector:
        """Return arrays in the variables' shapes as one vector."""
        return np.concatenate([np.ravel(value) for value in values], dtype=np.float64)

    def unpack(self, packed: Vector) -> list[np.ndarray]:
        """Return the variables' arrays of a vector, in the variables' element types."""
        layout = zip(self.slices, self.shapes, self._types, strict=True)
        return [packed[part].reshape(shape).astype(dtype) for part, shape, dtype in layout]


class _Scalar(NamedTuple):
    """The loss or a constraint, and its gradients for the variables."""

    what: str
    value: Tensor
    gradients: list[Tensor]


class Problem(TypedDict):
    """What `_minimize` gets, by keyword.

    Attributes:
      initial_val: the packed values to start from, a float64 vector.
      loss_grad_func: gives the loss, a float, and its packed gradient at a vector.
      equality_funcs, inequality_funcs: give each constraint's value.
      equality_grad_funcs, inequality_grad_funcs: give its packed gradient.
      packed_bounds: (lower, upper) of each element, or None. step_callback: to be called with the vector of each accepted step.
      optimizer_kwargs: what the user gave.
    """

    initial_val: Vector
    loss_grad_func: Function
    equality_funcs: list[Function]
    equality_grad_funcs: list[Function]
    inequality_funcs: list[Function]
    inequality_grad_funcs: list[Function]
    packed_bounds: Bounds | None
    step_callback: Callable[..., Any]
    optimizer_kwargs: Mapping[str, Any]


class ExternalOptimizerInterface:
    """Base of optimizers that call the graph for the loss and its gradient, and decide themselves where to go.

    A subclass implements `_minimize`. The graph gets everything it needs here, so `minimize` records nothing and compiles each
    combination of fetches once, however often it is called.

    Args:
      loss: a scalar tensor, to be made small.
      var_list: the variables to change, floating point, of any shapes (the trainable ones by default).
      equalities: scalar tensors that are to be 0 at the end. inequalities: scalar tensors that are to be 0 or more.
      var_to_bounds: by variable a pair (lower, upper): numbers, arrays that broadcast to the variable's shape, or None for no bound.
      optimizer_kwargs: what the subclass's `_minimize` gets.

    Raises:
      ValueError: for a loss or constraint that is no scalar, a loss that depends on none of the variables, variables without a known
        shape, and bounds that don't fit. TypeError: for a variable or scalar that is not floating point.

    Source: tensorflow/contrib/opt/python/training/external_optimizer.py (r1.15).
    """

    def __init__(
        self,
        loss: Any,
        var_list: Iterable[Any] | None = None,
        equalities: Iterable[Any] | None = None,
        inequalities: Iterable[Any] | None = None,
        var_to_bounds: Mapping[Any, Any] | None = None,
        **optimizer_kwargs: Any,
    ) -> None:
        self._packing = Packing(list(trainable_variables() if var_list is None else var_list))
        self._vars = self._packing.variables
        self._packed_bounds = None if var_to_bounds is None else _packed_bounds(self._packing, var_to_bounds)
        with name_scope(None, "ExternalOptimizer"):
            self._loss = _differentiated("loss", loss, self._vars)
            self._equalities = [_differentiated(f"equality {i}", t, self._vars) for i, t in enumerate(equalities or ())]
            self._inequalities = [_differentiated(f"inequality {i}", t, self._vars) for i, t in enumerate(inequalities or ())]
            self._new_values = [
                placeholder(dtype=v.dtype.base_dtype, shape=shape) for v, shape in zip(self._vars, self._packing.shapes, strict=True)
            ]
            self._var_updates = [v.assign(value).op for v, value in zip(self._vars, self._new_values, strict=True)]
        self._fed = [v.graph.as_graph_element(v, allow_operation=False) for v in self._vars]
        self.optimizer_kwargs = optimizer_kwargs

    def minimize(
        self,
        session: Any = None,
        feed_dict: Mapping[Any, Any] | None = None,
        fetches: Sequence[Any] | None = None,
        step_callback: Callable[..., Any] | None = None,
        loss_callback: Callable[..., Any] | None = None,
        **run_kwargs: Any,
    ) -> None:
        """Make the loss small, and leave the variables of the session where it is.

        Trial values are fed: the variables change at accepted steps only, before `step_callback`, and at the end. When an evaluation
        or a callback raises, they stay as the last accepted step had them.

        Args:
          session: where the variables live (the default session by default).
          feed_dict: fed to every evaluation. fetches: evaluated with the loss, for `loss_callback`.
          step_callback: called after each accepted step with the packed variables: a float64 vector.
          loss_callback: called after each evaluation of the loss with the values of `fetches`.
          run_kwargs: further arguments of the session call that writes the result.

        Raises:
          RuntimeError: without a session. TypeError: when `fetches` is no list or tuple.
        """
        session = _checked_session(session)
        if fetches is not None and not isinstance(fetches, (list, tuple)):
            raise ArgumentTypeError(f"fetches must be a list or tuple of tensors for loss_callback, got {fetches!r}.")
        evaluation = _Evaluation(session, self._packing, self._fed, dict(feed_dict or {}))
        loss_grad = evaluation.loss_and_gradient(self._loss, list(fetches or ()), loss_callback)
        values, constraint_gradients = evaluation.values_and_gradients([*self._equalities, *self._inequalities])
        count = len(self._equalities)
        steps = _AcceptedSteps(lambda packed, **options: self._assign(session, packed, options), step_callback)
        try:
            result = self._minimize(
                initial_val=self._packing.pack(session.run(self._vars)),
                loss_grad_func=loss_grad,
                equality_funcs=values[:count],
                equality_grad_funcs=constraint_gradients[:count],
                inequality_funcs=values[count:],
                inequality_grad_funcs=constraint_gradients[count:],
                packed_bounds=self._packed_bounds,
                step_callback=steps,
                optimizer_kwargs=self.optimizer_kwargs,
            )
        except BaseException:  # Ctrl-C in a long run, too
            steps.keep_last()
            raise
        self._assign(session, np.asarray(result, np.float64), run_kwargs)

    def _minimize(self, **problem: Unpack[Problem]) -> Vector:
        """Return the packed values at which the loss is small.

        Args:
          problem: see `Problem`; a subclass may name the arguments one by one instead.
        """
        raise UnsupportedError("To use ExternalOptimizerInterface, subclass from it and implement the _minimize() method.")

    def _assign(self, session: Any, packed: Vector, options: Mapping[str, Any]) -> None:
        """Write packed values to the session's variables, all in one call."""
        values = dict(zip(self._new_values, self._packing.unpack(packed), strict=True))
        session.run(self._var_updates, feed_dict=values, **options)


class _Evaluation:
    """Calls of a session at trial values of the variables.

    Args:
      session: a session. packing: how the variables are packed. fed: their tensors. feed_dict: what else is fed; it goes first.
    """

    def __init__(self, session: Any, packing: Packing, fed: list[Tensor], feed_dict: Mapping[Any, Any]) -> None:
        self._session = session
        self._packing = packing
        self._fed = fed
        self._feed_dict = feed_dict

    def _run(self, fetches: Any, packed: Vector) -> Any:
        values = dict(zip(self._fed, self._packing.unpack(packed), strict=True))
        return self._session.run(fetches, feed_dict={**values, **self._feed_dict})

    def loss_and_gradient(self, loss: _Scalar, extra: list[Any], callback: Callable[..., Any] | None) -> Function:
        """Return the function that gives the loss and its packed gradient, and calls the callback with the extra fetches."""
        fetches = [loss.value, *loss.gradients, *extra]
        end = 1 + len(loss.gradients)

        def loss_grad(packed: Vector) -> tuple[float, Vector]:
            values = self._run(fetches, packed)
            if callback is not None:
                callback(*values[end:])
            return _to_number(loss.what, values[0]), self._packing.pack(values[1:end])

        return loss_grad

    def values_and_gradients(self, constraints: list[_Scalar]) -> tuple[list[Function], list[Function]]:
        """Return for each constraint the functions that give its value and its packed gradient.

        All values and gradients at one vector come from one session call: optimizers ask for them one after the other.
        """
        fetches = [[constraint.value, *constraint.gradients] for constraint in constraints]
        last: dict[bytes, Any] = {}

        def at(packed: Vector) -> Any:
            key = packed.tobytes()
            if key not in last:
                found = self._run(fetches, packed)
                last.clear()
                last[key] = found
            return last[key]

        def value_of(i: int) -> Function:
            return lambda packed: _to_number(constraints[i].what, at(packed)[i][0])

        def gradient_of(i: int) -> Function:
            return lambda packed: self._packing.pack(at(packed)[i][1:])

        places = range(len(constraints))
        return [value_of(i) for i in places], [gradient_of(i) for i in places]


class _AcceptedSteps:
    """Hands each accepted step to the user's callback, and keeps the last one.

    Args:
      assign: writes packed values to the variables. callback: the user's, or None.
    """

    def __init__(self, assign: Callable[..., None], callback: Callable[..., Any] | None) -> None:
        self._assign = assign
        self._callback = callback
        self._last: Vector | None = None

    def __call__(self, packed: Vector, *state: Any) -> Any:
        self._last = np.array(packed, np.float64)
        if self._callback is None:
            return None
        # The callback may look at the model: it must be where the step is.
        self._assign(self._last)
        return self._callback(self._last.copy(), *state)

    def keep_last(self) -> None:
        """Write the last accepted step, if there was one."""
        if self._last is not None:
            self._assign(self._last)


# --- checks -----------------------------------------------------------------------------------------------------------------


def _check_variable(v: Any) -> None:
    if not isinstance(v, Variable):
        raise ArgumentTypeError(f"var_list must hold variables, got {v!r}.")
    if not v.dtype.base_dtype.is_floating:
        raise ArgumentTypeError(f"Only floating point variables can be optimized; {v.name} has dtype {v.dtype.base_dtype.name}.")
    if not v.get_shape().is_fully_defined():
        raise ArgumentError(f"The shape of {v.name} must be known to pack it, it is {v.get_shape()}.")


def _differentiated(what: str, given: Any, variables: Sequence[Variable]) -> _Scalar:
    """Return a scalar with its gradients, zeros for variables it doesn't depend on."""
    tensor = convert_to_tensor(given)
    if not tensor.dtype.is_floating:
        raise ArgumentTypeError(f"The {what} must be floating point, {tensor.name} has dtype {tensor.dtype.name}.")
    if tensor.get_shape().num_elements() not in (None, 1):
        raise _not_scalar(what, tensor.get_shape())
    found = gradients(tensor, list(variables))
    if what == "loss" and all(gradient is None for gradient in found):
        names = ", ".join(v.name for v in variables)
        raise ArgumentError(f"The loss {tensor.name} depends on none of the variables to optimize: {names}.")
    pairs = zip(found, variables, strict=True)
    return _Scalar(what, tensor, [zeros_as(convert_to_tensor(v)) if g is None else convert_to_tensor(g) for g, v in pairs])


def _to_number(what: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1:
        raise _not_scalar(what, array.shape)
    return float(array.item())


def _not_scalar(what: str, shape: Any) -> ArgumentError:
    return ArgumentError(f"The {what} must be a scalar, it has shape {shape}: sum it up, or pass its elements one by one.")


def _packed_bounds(packing: Packing, var_to_bounds: Mapping[Any, Any]) -> Bounds:
    """Return the bounds of each element of the packed variables."""
    for v in var_to_bounds:
        if v not in packing.variables:
            raise ArgumentError(f"var_to_bounds has {getattr(v, 'name', v)!r}, which is none of the variables to optimize.")
    bounds: Bounds = []
    for v, shape in zip(packing.variables, packing.shapes, strict=True):
        lower, upper = _bounds_of(v, shape, var_to_bounds.get(v, (None, None)))
        bounds.extend(zip(lower, upper, strict=True))
    return bounds


def _bounds_of(v: Variable, shape: tuple[int, ...], bounds: Any) -> tuple[list[float], list[float]]:
    if not isinstance(bounds, (list, tuple, np.ndarray)) or len(bounds) != 2:
        raise ArgumentError(f"The bounds of {v.name} must be a pair (lower, upper), got {bounds!r}.")
    lower, upper = (_flat_bound(v, shape, bound, infinite) for bound, infinite in zip(bounds, (-np.inf, np.inf), strict=True))
    for low, high in zip(lower, upper, strict=True):
        if not low <= high:
            raise ArgumentError(f"A lower bound of {v.name} is not at most its upper bound: {low} and {high}.")
    return lower, upper


def _flat_bound(v: Variable, shape: tuple[int, ...], bound: Any, infinite: float) -> list[float]:
    given = np.asarray(bound, object)
    try:
        whole = np.broadcast_to(given, shape)
    except ValueError:
        raise ArgumentError(f"A bound of shape {given.shape} does not broadcast to {v.name} of shape {shape}.") from None
    return [infinite if element is None else float(element) for element in whole.flat]


def _checked_session(session: Any) -> Any:
    found = get_default_session() if session is None else session
    if found is None:
        raise GraphStateError("minimize needs a session: pass one, or call it inside `with tf.Session():`.")
    return found
