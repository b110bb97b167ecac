"""Variables by name: the store behind `get_variable`, one for each graph, with TensorFlow 1's rules for sharing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.initializers import GlorotUniform, Zeros
from graphopt.graph.operation import Location, Tensor
from graphopt.graph.scopes import init_scope
from graphopt.graph.variables import Variable
from graphopt.ir.literals import to_array
from graphopt.shapes import Shape, TensorShape

_NOT_VALID = (
    "The initializer passed is not valid. It should be a callable with no arguments and the shape should not be provided or an instance of "
    "`tf.keras.initializers.*' and `shape` should be fully defined."
)


class AutoReuse:
    """The class of `AUTO_REUSE`: take a variable that exists, make one that doesn't."""

    def __repr__(self) -> str:
        return "tf.AUTO_REUSE"


AUTO_REUSE = AutoReuse()


class Request(NamedTuple):
    """What `get_variable` was asked for, with the scope's defaults filled in. The fields are its arguments."""

    shape: Any = None
    dtype: Any = dtypes.float32
    initializer: Any = None
    regularizer: Any = None
    reuse: Any = None
    trainable: bool | None = None
    collections: Any = None
    caching_device: Any = None
    partitioner: Any = None
    validate_shape: bool = True
    use_resource: bool | None = None
    constraint: Any = None
    synchronization: Any = None
    aggregation: Any = None


class VariableStore:
    """The variables of one graph that were made with `get_variable`."""

    def __init__(self) -> None:
        self._variables: dict[str, Variable] = {}

    @property
    def variables(self) -> dict[str, Variable]:
        """The variables by full name."""
        return dict(self._variables)

    def get_variable(self, name: str, request: Request, custom_getter: Any = None) -> Any:
        """Return the variable of that (full) name, or make it.

        Args:
          name: the full name. request: what is wanted.
          custom_getter: called as ``custom_getter(getter, name, **arguments)`` in place of the store's own getter.

        Raises:
          ValueError: when the variable exists and must not, or is missing and must exist, or fits the request not.
        """
        if custom_getter is None:
            return self._get_or_make(name, request)
        if not callable(custom_getter):
            raise ArgumentError(f"Passed a custom_getter which is not callable: {custom_getter}")
        arguments = request._asdict()
        if not _takes_constraint(custom_getter):
            del arguments["constraint"]
        return custom_getter(self._true_getter, name, **arguments)

    def _true_getter(self, name: str, shape: Any = None, dtype: Any = dtypes.float32, **arguments: Any) -> Variable:
        return self._get_or_make(name, Request(shape, dtype, **arguments))

    def _get_or_make(self, name: str, request: Request) -> Variable:
        from_value = request.initializer is not None and not callable(request.initializer)
        if request.shape is not None and from_value:
            raise ArgumentError("If initializer is a constant, do not specify shape.")
        found = self._variables.get(name)
        if found is not None:
            return _shared(name, found, request)
        if request.reuse is True:
            raise ArgumentError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). "
                "Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            )
        variable = _make(name, request, from_value)
        self._variables[name] = variable
        if request.regularizer is not None:
            _regularize(name, variable, request.regularizer)
        return variable


def store_of(graph: Graph) -> VariableStore:
    """Return the store of a graph (of a branch: of the graph around it)."""
    store: VariableStore = graph.root.state.setdefault("variable_store", VariableStore())
    return store


def value_dtype(value: Any) -> DType:
    """Return the element type of an initializer that is a value: a tensor, variable, array, number or list."""
    own = getattr(value, "dtype", None)
    return own if isinstance(own, DType) else dtypes.as_dtype(to_array(value).dtype)


def _shared(name: str, found: Variable, request: Request) -> Variable:
    if not request.reuse:
        rule = f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
        raise ArgumentError(f"{rule} Originally defined at:\n\n{_trace(found.op.location)}")
    wanted = shapes.to_shape(request.shape)
    if not shapes.is_compatible(wanted, found.as_ref().tensor_type.shape):
        raise ArgumentError(f"Trying to share variable {name}, but specified shape {TensorShape(wanted)} and found shape {found.shape}.")
    dtype = dtypes.as_dtype(request.dtype)
    if dtype is not found.dtype:
        raise ArgumentError(f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype {found.dtype.name}.")
    return found


def _trace(location: Location) -> str:
    return f'  File "{location.filename}", line {location.line}, in {location.function}\n    {location.text}\n'


def _make(name: str, request: Request, from_value: bool) -> Variable:
    dtype = dtypes.as_dtype(request.dtype)
    initializer = request.initializer
    if initializer is None:
        initializer = GlorotUniform() if dtype.is_floating else Zeros()
    initial, variable_dtype = (
        (initializer, None) if from_value else _initial_function(name, initializer, shapes.to_shape(request.shape), dtype)
    )
    return Variable(
        initial,
        name=name,
        trainable=request.trainable,
        collections=request.collections,
        dtype=variable_dtype,
        validate_shape=request.validate_shape,
        constraint=request.constraint,
    )


def _initial_function(name: str, initializer: Any, shape: Shape, dtype: DType) -> tuple[Callable[[], Any], DType | None]:
    """Return a function without arguments that gives the initial value, and the element type the variable gets."""
    if inspect.isclass(initializer):
        initializer = initializer()
    if shapes.is_fully_defined(shape):
        sizes = list(shape or ())
        if any(p.name == "partition_info" for p in _parameters(initializer)):
            return (lambda: initializer(sizes, dtype=dtype, partition_info=None)), dtype
        return (lambda: initializer(sizes, dtype=dtype)), dtype
    if _needs_no_argument(initializer):
        return initializer, None
    raise ArgumentError(lines(_NOT_VALID, f"variable '{name}' with shape {TensorShape(shape)}"))


def _parameters(function: Any) -> Any:
    try:
        return inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return ()


def _takes_constraint(function: Any) -> bool:
    return any(p.name == "constraint" or p.kind is p.VAR_KEYWORD for p in _parameters(function))


def _needs_no_argument(function: Any) -> bool:
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in _parameters(function))


def _regularize(name: str, variable: Variable, regularizer: Any) -> None:
    with init_scope() as graph, graph.name_scope(f"{name}/Regularizer/"):
        loss: Tensor | None = regularizer(variable)
    if loss is not None:
        get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
