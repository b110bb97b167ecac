"""The recorded graph: an append-only list of operations with names, scopes, control dependencies and collections."""
# Long because: TensorFlow's Graph has this many members, each a few lines.

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from graphopt import shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError, ElementNotFoundError, GraphStateError
from graphopt.graph.names import NameTable, check_op_name, check_scope_name
from graphopt.graph.operation import Location, Operation, Tensor, user_location
from graphopt.graph.static_value import static_value
from graphopt.ir.bind import CURRENT, bind, set_fallback_builder
from graphopt.ir.literals import to_array
from graphopt.ir.node import CONST, Literal
from graphopt.ir.opdef import OpDef
from graphopt.ir.types import TensorType
from graphopt.ir.value import Value
from graphopt.ops.array import stack
from graphopt.shapes import Dimension, TensorShape

Converter = Callable[..., Any]
_CONVERTERS: list[tuple[int, type, Converter]] = []


def register_tensor_conversion_function(base_type: type, conversion_func: Converter, priority: int = 100) -> None:
    """Convert values of a class to tensors with ``conversion_func(value, dtype=None, name=None, as_ref=False)``.

    Args:
      base_type: the class.
      conversion_func: gives a tensor.
      priority: lower ones are tried first.
    """
    if not callable(conversion_func):
        raise ArgumentTypeError("conversion_func must be callable.")
    _CONVERTERS.append((priority, base_type, conversion_func))
    _CONVERTERS.sort(key=lambda item: item[0])


class _ControlScope:
    """One ``with control_dependencies(...)`` block: its operations, and those recorded inside it."""

    __slots__ = ("clears", "inputs", "seen")

    def __init__(self, inputs: list[Operation], clears: bool) -> None:
        self.inputs = inputs
        self.clears = clears
        self.seen: set[Operation] = set()


class Graph:
    """What a user records. Operations are only ever added.

    >>> from graphopt.ops.elementwise import add
    >>> g = Graph()
    >>> with g.as_default():
    ...     t = add(1.0, 2.0, name="sum")
    >>> [op.name for op in g.get_operations()]
    ['sum/x', 'sum/y', 'sum']
    """

    is_untyped = False

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._names = NameTable()
        self._scope = ""
        self._control_scopes: list[_ControlScope] = []
        self._collections: dict[Any, list[Any]] = {}
        self._devices: list[Any] = []
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Any] = set()
        self._consumers: dict[Tensor, list[Operation]] = {}
        self._consumers_counted = 0
        self._late_edges = 0
        self._overrides: dict[str, str] = {}
        self._writes: dict[str, int] = {}
        self.finalized = False
        self.seed: int | None = None
        self.outer: Graph | None = None
        self.state: dict[str, Any] = {}

    @property
    def root(self) -> Graph:
        """The graph itself; for the branch of a `cond` the graph all around it, where variables live."""
        graph = self
        while graph.outer is not None:
            graph = graph.outer
        return graph

    # --- recording -------------------------------------------------------------------------------------------------

    @property
    def builder(self) -> Graph:
        """The graph itself: it builds the values of `bind`."""
        return self

    def constant(self, value: Any, dtype: DType | None, name: str | None = None) -> Tensor:
        """Record a constant; a list with tensors in it becomes a `stack`."""
        for _, base_type, convert in _CONVERTERS:
            if isinstance(value, base_type):
                return self.admit(convert(value, dtype=dtype, name=name, as_ref=False))
        if isinstance(value, (list, tuple)) and _has_value(value):
            return self._pack(value, dtype, name)
        if isinstance(value, TensorShape):
            if not value.is_fully_defined():
                raise ArgumentError(f"Cannot convert a partially known TensorShape to a Tensor: {value}")
            value = list(value.raw or ())
        elif isinstance(value, Dimension):
            value = int(value)
        elif isinstance(value, (list, tuple)):
            value = [int(v) if isinstance(v, Dimension) else v for v in value]
        elif isinstance(value, DType) or callable(value):
            raise ArgumentTypeError(
                f"Cannot convert {value!r} with type {type(value)} to Tensor: no Tensor conversion function registered."
            )
        result: Tensor = bind(CONST, (), {"value": Literal(to_array(value, dtype))}, name or "Const")
        return result

    def _pack(self, values: Any, dtype: DType | None, name: str | None) -> Tensor:
        known = dtype or next(iter(_dtypes_in(values)), None)
        elements = [v if hasattr(v, "builder") else self.constant(v, known, None) for v in values]
        result: Tensor = stack(elements, axis=0, name="packed" if name is None else f"{name}/packed" if "/" not in name else name)
        return result

    def admit(self, value: Any, name: str | None = None) -> Tensor:
        """Return a variable or sparse slices as a tensor."""
        if isinstance(value, Tensor):
            return value
        to_tensor = getattr(value, "to_tensor", None)
        if to_tensor is None:
            raise ArgumentTypeError(
                f"Cannot convert {value!r} with type {type(value)} to Tensor: no Tensor conversion function registered."
            )
        tensor: Tensor = to_tensor()
        return tensor

    def preferred_over(self, other: Any) -> Any:
        """Return `other`: operands say where an op belongs (a branch of a `cond` says otherwise)."""
        return other

    def adopt(self, tensor: Tensor) -> Tensor:
        """Refuse a tensor of another graph (a branch of a `cond` captures it)."""
        if tensor.graph.outer is not None:
            tensor.graph.check_not_finalized()
        raise ArgumentError(f"Tensor {tensor} must be from the same graph as the other operands, or the default graph.")

    def sources_of(self, operation: Operation) -> tuple[Tensor, ...]:
        """Return what an operation of this graph takes (a branch of a `cond` knows where captured tensors come from)."""
        return operation.inputs

    @property
    def depth(self) -> int:
        """How many graphs there are around this one."""
        return 0 if self.outer is None else self.outer.depth + 1

    def static_value(self, value: Tensor) -> Any:
        """Return what is known of an integer tensor's value while recording."""
        return static_value(value)

    def build(
        self, op: OpDef, operands: tuple[Tensor, ...], attributes: dict[str, Any], types: tuple[TensorType, ...], name: str | None
    ) -> Any:
        """Record an operation; return its tensor, a tuple of tensors, or the operation when it has no result."""
        self.check_not_finalized()
        if any([tensor.builder is not self for tensor in operands]):
            operands = tuple([tensor if tensor.builder is self else self.adopt(tensor) for tensor in operands])
        operation = Operation(
            self,
            self._operation_name(name or op.default_name),
            op,
            operands,
            attributes,
            types,
            self._control_inputs_for(operands),
            user_location(),
            self._device(),
        )
        self._append(operation)
        if op.single_result:
            return operation.outputs[0]
        return tuple(operation.outputs) if operation.outputs else operation

    def _operation_name(self, name: str) -> str:
        if name.endswith("/"):
            return name[:-1]
        full = f"{self._scope}/{name}" if self._scope else name
        check_op_name(full)
        return self._names.unique(full)

    def _append(self, operation: Operation) -> None:
        operation.id = len(self._operations)
        self._operations.append(operation)
        self._by_name[operation.name] = operation
        if self._overrides and operation.type in self._overrides:
            self.state.setdefault("gradient_overrides", {})[operation] = self._overrides[operation.type]
        for scope in self._control_scopes:
            scope.seen.add(operation)

    def _control_inputs_for(self, operands: tuple[Tensor, ...]) -> list[Operation]:
        if not self._control_scopes:
            return []
        sources = {tensor.op for tensor in operands}
        controls: dict[Operation, None] = {}
        for scope in self._control_scopes:
            if scope.clears:
                controls.clear()
            if not any(source in scope.seen for source in sources):
                controls.update(dict.fromkeys(op for op in scope.inputs if op not in sources))
        return list(controls)

    def note_write(self, variable_name: str) -> None:
        """Count a recorded write of a variable, so that later uses record a new read."""
        self._writes[variable_name] = self._writes.get(variable_name, 0) + 1

    def read_key(self, variable_name: str) -> Any:
        """Return what decides whether two reads of a variable, recorded now and before, see the same value."""
        controls = tuple([op for scope in self._control_scopes for op in scope.inputs])
        return (self._writes.get(variable_name, 0), controls)

    def check_not_finalized(self) -> None:
        """Raise RuntimeError when the graph may not change any more."""
        if self.finalized:
            raise GraphStateError("Graph is finalized and cannot be modified.")

    def finalize(self) -> None:
        """Forbid any further change."""
        self.finalized = True

    def note_late_edge(self, operation: Operation, control: Operation) -> None:
        """Count a control edge added after the fact: sessions discharge anew, and order by edges where it points backwards."""
        self._late_edges += 1

    @property
    def late_edges(self) -> int:
        """How many control edges were added to operations that already existed."""
        return self._late_edges

    @property
    def version(self) -> int:
        """The number of operations recorded so far."""
        return len(self._operations)

    def explain_operands(self, op: OpDef, operands: tuple[Tensor, ...], name: str | None) -> list[str]:
        """Return the lines of a message: the operation with the user's line, and where its operands came from."""
        location = user_location()
        source = f": {location.text}" if location.text else ""
        where = [f"in '{name or op.default_name}' at {location}{source}"]
        if operands:
            parts = [f"{op.parameter_of(i).name}: {t.tensor_type} = {t.name} ({_short(t.op.location)})" for i, t in enumerate(operands[:4])]
            where.append("; ".join(parts))
        return where

    # --- scopes ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Record into this graph inside a ``with`` block."""
        _stack().append(self)
        token = CURRENT.set(self)
        try:
            yield self
        finally:
            CURRENT.reset(token)
            popped = _stack().pop()
            if popped is not self:
                _stack().append(popped)
                raise AssertionError(f"Nesting violated for default stack of {type(self)} objects")

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put operations recorded inside a ``with`` block under a unique scope; yields ``"scope/"``.

        A name that ends with ``/`` enters exactly that scope again; None or "" leaves all scopes.
        """
        outer = self._scope
        self._scope = self._entered_scope(name)
        try:
            yield f"{self._scope}/" if self._scope else ""
        finally:
            self._scope = outer

    def _entered_scope(self, name: str | None) -> str:
        if not name:
            return ""
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Scope names are strings, got {name!r}.")
        check_scope_name(name, self._scope)
        if name.endswith("/"):
            return name[:-1]
        return self.unique_name(name)

    def get_name_scope(self) -> str:
        """Return the current name scope without a final slash."""
        return self._scope

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return a name under the current scope that no operation has yet."""
        return self._names.unique(f"{self._scope}/{name}" if self._scope else name, mark_as_used)

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Iterable[Any] | None) -> Iterator[None]:
        """Make the given operations and tensors happen before what is recorded inside; None forgets the outer ones."""
        scope = _ControlScope(self._control_operations(control_inputs or ()), clears=control_inputs is None)
        self._control_scopes.append(scope)
        try:
            yield
        finally:
            self._control_scopes.remove(scope)

    def _control_operations(self, elements: Iterable[Any]) -> list[Operation]:
        return [self._control_operation(element) for element in elements]

    def _control_operation(self, element: Any) -> Operation:
        indexed = getattr(element, "values", None)
        if isinstance(indexed, Tensor):
            element = indexed
        element = self.as_graph_element(element)
        return element.op if isinstance(element, Tensor) else element

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Note a device name on the operations recorded inside (graphopt runs all of them where the session runs)."""
        self._devices.append(device_name_or_function)
        try:
            yield
        finally:
            self._devices.pop()

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Give operations of some types, recorded inside a ``with`` block, the gradient that `RegisterGradient` has under another name.

        Raises:
          TypeError: unless the map is a dict from strings to strings.
        """
        if not isinstance(op_type_map, dict) or not all(isinstance(word, str) for pair in op_type_map.items() for word in pair):
            raise ArgumentTypeError("op_type_map must be a dictionary mapping strings to strings")
        outer = self._overrides
        self._overrides = {**outer, **op_type_map}
        try:
            yield
        finally:
            self._overrides = outer

    def _device(self) -> str:
        return str(self._devices[-1]) if self._devices and isinstance(self._devices[-1], str) else ""

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Do nothing: every operation runs in the same place."""
        yield

    @contextlib.contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        """Do nothing: variables belong to sessions."""
        yield container_name

    # --- looking up ------------------------------------------------------------------------------------------------

    def get_operations(self) -> list[Operation]:
        """Return the operations in order of creation."""
        return list(self._operations)

    def consumers_of(self, tensor: Tensor) -> list[Operation]:
        """Return the operations that take `tensor`."""
        for operation in self._operations[self._consumers_counted :]:
            for source in dict.fromkeys(operation.inputs):
                self._consumers.setdefault(source, []).append(operation)
        self._consumers_counted = len(self._operations)
        return list(self._consumers.get(tensor, ()))

    def get_operation_by_name(self, name: str) -> Operation:
        """Return the operation of that name.

        Raises:
          TypeError: for anything but a string. ValueError: for a tensor's name. KeyError: when there is none.
        """
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        element = self.as_graph_element(name, allow_tensor=False)
        return element  # type: ignore[no-any-return]

    def get_tensor_by_name(self, name: str) -> Tensor:
        """Return the tensor of that name (``"loss:0"``).

        Raises:
          TypeError: for anything but a string. ValueError: for an operation's name. KeyError: when there is none.
        """
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        element = self.as_graph_element(name, allow_operation=False)
        return element  # type: ignore[no-any-return]

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """Return the tensor or operation that `obj` (a name, tensor, operation or variable) stands for.

        Raises:
          ValueError, KeyError, TypeError: as TensorFlow does.
        """
        wanted = " or ".join(what for what, allowed in (("Tensor", allow_tensor), ("Operation", allow_operation)) if allowed)
        if not isinstance(obj, (str, Tensor, Operation)):
            convert = getattr(obj, "_as_graph_element", None)
            if convert is None:
                raise ArgumentTypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")
            obj = convert()
        if isinstance(obj, str):
            return self._element_by_name(obj, allow_tensor, allow_operation)
        what, allowed = ("Tensor", allow_tensor) if isinstance(obj, Tensor) else ("Operation", allow_operation)
        if not allowed:
            raise ArgumentTypeError(f"Can not convert a {what} into a {wanted}.")
        if obj.graph is not self:
            raise ArgumentError(f"{what} {obj} is not an element of this graph.")
        return obj

    def _element_by_name(self, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
        if ":" in name:
            if not allow_tensor:
                raise ArgumentError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
            return self._tensor_by_name(name)
        if allow_operation:
            if name not in self._by_name:
                raise ElementNotFoundError(f"The name {name!r} refers to an Operation not in the graph.")
            return self._by_name[name]
        if name in self._by_name:
            raise ArgumentError(
                f'The name {name!r} refers to an Operation, not a Tensor. Tensor names must be of the form "<op_name>:<output_index>".'
            )
        raise ArgumentError(
            f'The name {name!r} looks like an (invalid) Operation name, not a Tensor. Tensor names must be of the form "<op_name>:<output_index>".'
        )

    def _tensor_by_name(self, name: str) -> Tensor:
        op_name, _, index = name.rpartition(":")
        if not index.isdigit() or ":" in op_name:
            raise ArgumentError(
                f'The name {name} looks a like a Tensor name, but is not a valid one. Tensor names must be of the form "<op_name>:<output_index>".'
            )
        operation = self._by_name.get(op_name)
        if operation is None:
            raise ElementNotFoundError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r}, does not exist in the graph."
            )
        if int(index) >= len(operation.outputs):
            count = len(operation.outputs)
            raise ElementNotFoundError(
                f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r}, exists but only has {count} outputs."
            )
        return operation.outputs[int(index)]

    def prevent_feeding(self, tensor: Tensor) -> None:
        """Forbid feeding `tensor`."""
        self._unfeedable.add(tensor)

    def is_feedable(self, tensor: Tensor) -> bool:
        """Return True when `tensor` may be fed."""
        return tensor not in self._unfeedable

    def prevent_fetching(self, op: Operation) -> None:
        """Forbid fetching `op` and its results."""
        self._unfetchable.add(op)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        """Return True when the tensor or operation may be fetched."""
        op = tensor_or_op.op if isinstance(tensor_or_op, Tensor) else tensor_or_op
        return op not in self._unfetchable

    # --- collections -----------------------------------------------------------------------------------------------

    @property
    def collections(self) -> list[Any]:
        """The names of all collections."""
        return list(self._collections)

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append `value` to the collection `name`."""
        self.check_not_finalized()
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append `value` to every collection named (a string or several; each once)."""
        for name in (names,) if isinstance(names, str) else set(names):
            self.add_to_collection(name, value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """Return a copy of the collection, only what is named ``scope...`` when `scope` is given."""
        items = self._collections.get(name, [])
        if scope is None:
            return list(items)
        pattern = re.compile(scope)
        return [item for item in items if hasattr(item, "name") and pattern.match(item.name)]

    def get_collection_ref(self, name: Any) -> list[Any]:
        """Return the collection itself."""
        return self._collections.setdefault(name, [])

    def clear_collection(self, name: Any) -> None:
        """Empty the collection."""
        self.check_not_finalized()
        self._collections.pop(name, None)

    def get_all_collection_keys(self) -> list[Any]:
        """Return the names of the collections that hold something."""
        return [name for name, items in self._collections.items() if items]


def _short(location: Location) -> str:
    return f"{location.filename.rsplit('/', 1)[-1]}:{location.line}"


def _has_value(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(_has_value(item) for item in value)
    return isinstance(value, Value) or (hasattr(value, "builder") and not isinstance(value, Graph))


def _dtypes_in(value: Any) -> Iterator[DType]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _dtypes_in(item)
    elif isinstance(value, Value):
        yield value.tensor_type.dtype
    elif hasattr(value, "builder"):
        yield value.dtype


# --- the default graph -------------------------------------------------------------------------------------------------


class _ThreadStack(threading.local):
    def __init__(self) -> None:
        self.graphs: list[Graph] = []


_THREAD = _ThreadStack()
_GLOBAL: list[Graph] = []


def _stack() -> list[Graph]:
    return _THREAD.graphs


def get_default_graph() -> Graph:
    """Return the innermost graph entered with ``as_default``, or the global one (made when first needed)."""
    current = CURRENT.get()
    if isinstance(current, Graph):
        return current
    if _stack():
        return _stack()[-1]
    if not _GLOBAL:
        _GLOBAL.append(Graph())
    return _GLOBAL[0]


def reset_default_graph() -> None:
    """Forget the global default graph.

    Raises:
      AssertionError: inside ``with graph.as_default()``.
    """
    if _stack():
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared graph, exit the nesting and create a new graph."
        )
    _GLOBAL.clear()


set_fallback_builder(get_default_graph)


def convert_to_tensor(value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: DType | None = None) -> Tensor:
    """Return `value` as a tensor.

    Args:
      value: a tensor, variable, sparse slices, number, string, list or array.
      dtype: the element type it must have, or None. name: the name of the constant.
      preferred_dtype: the element type a plain value takes if it can.

    Raises:
      ValueError: for None, or a tensor of another element type. TypeError: when it can't be converted.
    """
    if hasattr(value, "builder") and not isinstance(value, Graph):
        tensor: Tensor = value.builder.admit(value)
        if dtype is not None and tensor.dtype is not dtype:
            raise ArgumentError(f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype {tensor.dtype.name}: {value!r}")
        return tensor
    graph = get_default_graph()
    if dtype is None and preferred_dtype is not None:
        with contextlib.suppress(DTypeError):
            return graph.constant(value, preferred_dtype, name)
    return graph.constant(value, dtype, name)


def is_same_shape(a: Tensor, b: Tensor) -> bool:
    """Return True when both shapes are fully known and equal."""
    return shapes.is_fully_defined(a.tensor_type.shape) and a.tensor_type.shape == b.tensor_type.shape
