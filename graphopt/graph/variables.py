"""Variables: named state with an initial value. The value belongs to a session, the variable to the graph."""
# Long because: TensorFlow's Variable has this many members, each a few lines.

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor, default_session, user_location
from graphopt.graph.scopes import init_scope, name_scope
from graphopt.ir.value import Symbolic
from graphopt.ops import nd, state
from graphopt.ops.array import identity
from graphopt.ops.control import no_op
from graphopt.shapes import TensorShape


class Variable(Symbolic):
    """State that training changes.

    Args:
      initial_value: a number, array or tensor, or a function without arguments that gives one.
      trainable: whether optimizers change it by default (yes).
      collections: names of the collections it enters (GLOBAL_VARIABLES by default).
      validate_shape: its shape is that of the initial value for good.
      name: its name; made unique in the current name scope.
      dtype: its element type; that of the initial value by default.
      constraint: applied to its value after each optimizer update.
      shape: a (partly known) shape, in place of the initial value's.
      The other arguments are accepted for TensorFlow's sake and have no effect.

    Raises:
      ValueError: without an initial value, or when its shape is unknown.
    """

    __slots__ = ("__weakref__", "_initial_value", "_initializer", "_ref", "_save_name", "constraint", "trainable")

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        use_resource: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        if initial_value is None:
            raise ArgumentError("initial_value must be specified.")
        _check_arguments(collections, constraint)
        self.trainable = True if trainable is None else bool(trainable)
        self.constraint = constraint
        if isinstance(initial_value, Tensor) and initial_value.graph.outer is not None:
            rule = f"Initializer for variable {name or 'Variable'} is from inside a control-flow construct, such as a loop or conditional."
            raise ArgumentError(lines(rule, "When creating a variable inside a loop or conditional, use a lambda as the initializer."))
        with init_scope() as graph, name_scope(name, "Variable") as scope:
            self._record(graph, scope, initial_value, None if dtype is None else dtypes.as_dtype(dtype), validate_shape, shape)
        names = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
        if self.trainable and GraphKeys.TRAINABLE_VARIABLES not in names:
            names.append(GraphKeys.TRAINABLE_VARIABLES)
        graph.add_to_collections(names, self)

    def _record(self, graph: Graph, scope: str, initial_value: Any, dtype: DType | None, validate_shape: bool, shape: Any) -> None:
        full_name = scope[:-1]
        initial = _initial_tensor(initial_value, dtype, full_name)
        known = initial.tensor_type.shape if shape is None else shapes.to_shape(shape)
        if validate_shape and shape is None and not shapes.is_fully_defined(known):
            where = f"variable '{full_name}' at {user_location()}"
            raise ArgumentError(
                lines(f"initial_value must have a shape specified: {initial}", where, "Pass validate_shape=False to let the shape change.")
            )
        self._initial_value = initial
        self._ref: Tensor = state.variable(dtype=initial.dtype, shape=known if validate_shape else None, name=scope)
        graph.state.setdefault("variables", {})[self._ref] = self
        self._initializer: Tensor = state.assign(self._ref, initial, validate_shape=validate_shape, name=f"{full_name}/Assign/")
        _note_write(graph, self._ref)
        self.value()

    def start_with(self, value: Tensor) -> None:
        """Replace the initial value, and the operation that assigns it; what was recorded with the old one keeps that.

        Args:
          value: of the variable's element type and shape.
        """
        self._initial_value = value
        self._initializer = state.assign(
            self._ref, value, validate_shape=self._ref.tensor_type.shape is not None, name=f"{self.op.name}/Assign"
        )
        _note_write(self.graph, self._ref)

    # --- identity --------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name with the result's number: ``"w:0"``."""
        return self._ref.name

    @property
    def op(self) -> Operation:
        """The operation that stands for the variable."""
        return self._ref.op

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self._ref.graph

    @property
    def builder(self) -> Graph:
        """The graph it belongs to."""
        return self._ref.graph

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._ref.dtype

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return self._ref.shape

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self._ref.shape

    def set_shape(self, shape: Any) -> None:
        """Add what you know about the shape; ValueError when it contradicts what is known."""
        self._ref.set_shape(shape)

    @property
    def device(self) -> str:
        """The device name given by ``tf.device``."""
        return self._ref.device

    @property
    def initializer(self) -> Operation:
        """The operation that gives the variable its initial value."""
        return self._initializer.op

    @property
    def initial_value(self) -> Tensor:
        """The tensor that the initializer assigns."""
        return self._initial_value

    def as_ref(self) -> Tensor:
        """Return the tensor that stands for the variable itself, not its value."""
        return self._ref

    def _as_graph_element(self) -> Tensor:
        return self._ref

    # --- reading ---------------------------------------------------------------------------------------------------

    def value(self) -> Tensor:
        """Return the variable's value at this point of the program.

        A read recorded before is used again while nothing could have changed what it sees.
        """
        graph = get_default_graph()
        graph = graph if graph.preferred_over(self._ref.graph) is graph else self._ref.graph
        reads = graph.state.setdefault("reads", {})
        key = (self._ref, *graph.read_key(self._ref.name))
        if key not in reads:
            reads[key] = self._record_read(graph)
        tensor: Tensor = reads[key]
        return tensor

    def read_value(self) -> Tensor:
        """Return a new read of the variable's value at this point of the program."""
        return self._record_read(self._ref.graph)

    def _record_read(self, graph: Graph) -> Tensor:
        with graph.name_scope(None):
            tensor: Tensor = state.read(self._ref, name=f"{self._ref.op.name}/read")
        return tensor

    to_tensor = value

    def initialized_value(self) -> Tensor:
        """Return the value, or the initial value while the variable has none."""
        tensor: Tensor = state.initialized_value(self._ref, self._initial_value)
        return tensor

    def eval(self, session: Any = None) -> Any:
        """Return the value in `session`, or in the default session."""
        return self._ref.eval(session=session)

    # --- writing ---------------------------------------------------------------------------------------------------

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """Record an operation that replaces the value; return the new value."""
        return assign(self, value, name=name)

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """Record an operation that adds to the value; return the new value."""
        return assign_add(self, delta, name=name)

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """Record an operation that subtracts from the value; return the new value."""
        return assign_sub(self, delta, name=name)

    def scatter_add(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Add rows to the value."""
        return self._scatter(scatter_add, sparse_delta, name)

    def scatter_sub(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Subtract rows from the value."""
        return self._scatter(scatter_sub, sparse_delta, name)

    def scatter_update(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Replace rows of the value."""
        return self._scatter(scatter_update, sparse_delta, name)

    def scatter_max(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Take the larger of rows of the value and the given ones."""
        return self._scatter(scatter_max, sparse_delta, name)

    def scatter_min(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Take the smaller of rows of the value and the given ones."""
        return self._scatter(scatter_min, sparse_delta, name)

    def scatter_mul(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Multiply rows of the value."""
        return self._scatter(scatter_mul, sparse_delta, name)

    def scatter_div(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Divide rows of the value."""
        return self._scatter(scatter_div, sparse_delta, name)

    def _scatter(self, function: Any, sparse_delta: Any, name: str | None) -> Tensor:
        if not isinstance(sparse_delta, IndexedSlices):
            raise ArgumentTypeError(f"sparse_delta is not IndexedSlices: {sparse_delta}")
        tensor: Tensor = function(self, sparse_delta.indices, sparse_delta.values, name=name)
        return tensor

    def count_up_to(self, limit: int) -> Tensor:
        """Record an operation that returns the value and adds one; OutOfRangeError at the limit."""
        return count_up_to(self, limit)

    def load(self, value: Any, session: Any = None) -> None:
        """Give the variable a value in `session`, or in the default session.

        Raises:
          ValueError: when there is no session.
        """
        session = session or default_session()
        if session is None:
            raise ArgumentError("Either session argument should be provided or default session should be established")
        session.run(self.initializer, {self.initializer.inputs[1]: value})

    def __iter__(self) -> Any:
        raise ArgumentTypeError("'Variable' object is not iterable.")

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _check_arguments(collections: Any, constraint: Any) -> None:
    if collections is not None and not isinstance(collections, (list, tuple, set)):
        raise ArgumentError(
            f"collections argument to Variable constructor must be a list, tuple, or set. Got {collections} of type {type(collections)}"
        )
    if constraint is not None and not callable(constraint):
        raise ArgumentError("The `constraint` argument must be a callable.")


def _initial_tensor(initial_value: Any, dtype: DType | None, full_name: str) -> Tensor:
    if callable(initial_value) and not hasattr(initial_value, "builder"):
        with get_default_graph().name_scope(f"{full_name}/Initializer/"):
            return convert_to_tensor(initial_value(), dtype=dtype, name="initial_value")
    if hasattr(initial_value, "builder"):
        return convert_to_tensor(initial_value, dtype=dtype)
    with get_default_graph().name_scope(f"{full_name}/"):
        return convert_to_tensor(initial_value, dtype=dtype, name="initial_value")


def _note_write(graph: Graph, ref: Tensor) -> None:
    around: Graph | None = get_default_graph()
    graphs = [graph]
    while around is not None:
        graphs.append(around)
        around = around.outer
    for each in dict.fromkeys(graphs):
        each.note_write(ref.name)


def _ref_of(variable: Any, what: str) -> Tensor:
    as_ref = getattr(variable, "as_ref", None)
    if as_ref is not None:
        ref: Tensor = as_ref()
        return ref
    if isinstance(variable, Tensor) and variable.op.opdef is state.variable:
        return variable
    if isinstance(variable, Tensor) and variable.op.inputs and variable.op.inputs[0].op.opdef is state.variable:
        # The result of an assignment stands for its variable, as TensorFlow's references did.
        return variable.op.inputs[0]
    raise ArgumentTypeError(f"{what} needs a Variable, got {variable!r}.")


def _written(variable: Any, what: str, record: Any) -> Tensor:
    ref = _ref_of(variable, what)
    # What an assignment gave stands for the variable after it.
    before = [variable.op] if isinstance(variable, Tensor) and variable is not ref else []
    with get_default_graph().control_dependencies(before):
        tensor: Tensor = record(ref)
    _note_write(ref.graph, ref)
    return tensor


def assign(ref: Any, value: Any, *, validate_shape: bool = True, name: str | None = None) -> Tensor:
    """Record an operation that replaces a variable's value; return the new value.

    Args:
      ref: the variable. value: the new value, of the same element type and shape. name: name of the operation.

    Raises:
      ValueError: when the shapes can't match.
    """
    return _written(ref, "assign", lambda r: state.assign(r, _as_value(value, r), validate_shape=validate_shape, name=name))


def _as_value(value: Any, ref: Tensor) -> Any:
    return value if hasattr(value, "builder") else get_default_graph().constant(value, ref.dtype, None)


def assign_add(ref: Any, value: Any, *, name: str | None = None) -> Tensor:
    """Record an operation that adds to a variable; return the new value.

    Args:
      ref: the variable. value: what is added, of the same element type and a shape that fits. name: name of the operation.
    """
    return _written(ref, "assign_add", lambda r: state.assign_add(r, value, name=name))


def assign_sub(ref: Any, value: Any, *, name: str | None = None) -> Tensor:
    """Record an operation that subtracts from a variable; return the new value.

    Args:
      ref: the variable. value: what is subtracted, of the same element type and a shape that fits. name: name of the operation.
    """
    return _written(ref, "assign_sub", lambda r: state.assign_sub(r, value, name=name))


def _scatter_function(op: Any, what: str) -> Any:
    def scatter(ref: Any, indices: Any, updates: Any, *, name: str | None = None) -> Tensor:
        return _written(ref, op.name, lambda r: op(r, indices, updates, name=name))

    scatter.__name__ = op.name
    scatter.__doc__ = f"Record an operation that {what} rows of a variable; return the new value."
    return scatter


scatter_add = _scatter_function(state.scatter_add, "adds to")
scatter_sub = _scatter_function(state.scatter_sub, "subtracts from")
scatter_update = _scatter_function(state.scatter_update, "replaces")
scatter_mul = _scatter_function(state.scatter_mul, "multiplies")
scatter_div = _scatter_function(state.scatter_div, "divides")
scatter_max = _scatter_function(state.scatter_max, "takes the maximum with")
scatter_min = _scatter_function(state.scatter_min, "takes the minimum with")
scatter_nd_add = _scatter_function(nd.scatter_nd_add, "adds to elements or")
scatter_nd_sub = _scatter_function(nd.scatter_nd_sub, "subtracts from elements or")
scatter_nd_update = _scatter_function(nd.scatter_nd_update, "replaces elements or")


def count_up_to(ref: Any, limit: int, *, name: str | None = None) -> Tensor:
    """Record an operation that returns a variable's value and adds one; OutOfRangeError at the limit."""
    return _written(ref, "count_up_to", lambda r: state.count_up_to(r, limit=int(limit), name=name))


def is_variable_initialized(variable: Any, name: str | None = None) -> Tensor:
    """Return a bool tensor: whether the variable has a value."""
    tensor: Tensor = state.is_variable_initialized(_ref_of(variable, "is_variable_initialized"), name=name)
    return tensor


def variable_of(tensor: Tensor) -> Variable | None:
    """Return the variable that a reference, or a read of it, belongs to; None for other tensors."""
    ref = tensor.op.inputs[0] if tensor.op.opdef is state.read else tensor
    variable: Variable | None = ref.graph.state.get("variables", {}).get(ref)
    return variable


# --- grouping ---------------------------------------------------------------------------------------------------------------


def group(*inputs: Any, name: str | None = None) -> Operation:
    """Return an operation that happens after all inputs.

    Args:
      inputs: operations, tensors, variables, sparse slices, or lists of them. name: name of the operation.

    Raises:
      TypeError: for anything else.
    """
    operations: list[Operation] = []
    graph = get_default_graph()
    for item in _flatten(inputs):
        element = item.values if isinstance(item, IndexedSlices) else item
        if not isinstance(element, (Operation, Tensor)) and not hasattr(element, "_as_graph_element"):
            raise ArgumentTypeError(
                f"Expected tf.group() expected Tensor objects not None: got {item!r} of type {type(item).__name__}"
                if item is None
                else f"Expected tf.group() to get operations or tensors, got {item!r} of type {type(item).__name__}"
            )
        element = element if isinstance(element, (Operation, Tensor)) else element._as_graph_element()
        operations.append(element.op if isinstance(element, Tensor) else element)
    if operations:
        graph = operations[0].graph if get_default_graph().preferred_over(operations[0].graph) is operations[0].graph else graph
    default = graph.as_default() if graph is not get_default_graph() else contextlib.nullcontext()
    with default, graph.control_dependencies(operations):
        operation: Operation = no_op(name=name or "group_deps")
    return operation


def _flatten(items: Any) -> Iterable[Any]:
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from _flatten(item)
        else:
            yield item


def with_dependencies(dependencies: Any, tensor: Any, name: str | None = None) -> Tensor:
    """Return `tensor` again, available only after the dependencies.

    Args:
      dependencies: an operation, tensor or variable, or a list of them. tensor: what is returned. name: name of the operation.
    """
    value = convert_to_tensor(tensor)
    graph = get_default_graph()
    graph = graph if graph.preferred_over(value.graph) is graph else value.graph
    with graph.control_dependencies(list(_flatten([dependencies]))):
        after: Tensor = identity(value, name=name or "control_dependency")
    return after


def _collection(key: str, doc: str) -> Any:
    def variables(scope: str | None = None) -> list[Any]:
        return get_default_graph().get_collection(key, scope)

    variables.__doc__ = doc
    return variables


global_variables = _collection(GraphKeys.GLOBAL_VARIABLES, "Return the variables that are initialised and saved.")
local_variables = _collection(GraphKeys.LOCAL_VARIABLES, "Return the variables that are initialised but not saved.")
trainable_variables = _collection(GraphKeys.TRAINABLE_VARIABLES, "Return the variables that optimizers change by default.")
model_variables = _collection(GraphKeys.MODEL_VARIABLES, "Return the variables that layers made.")
moving_average_variables = _collection(GraphKeys.MOVING_AVERAGE_VARIABLES, "Return the variables that have a moving average.")


def variables_initializer(var_list: Iterable[Any], name: str = "init") -> Operation:
    """Return an operation that initialises the given variables."""
    initializers = [v.initializer for v in var_list]
    if not initializers:
        nothing: Operation = no_op(name=name)
        return nothing
    return group(*initializers, name=name)


def global_variables_initializer() -> Operation:
    """Return an operation that initialises all global variables."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """Return an operation that initialises all local variables."""
    return variables_initializer(local_variables(), name="init_1")
