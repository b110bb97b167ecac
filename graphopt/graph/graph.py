"""The recorded graph: an append-only list of operations with names, scopes, control dependencies and collections."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError, GraphStateError
from graphopt.graph.device import merged_device
from graphopt.graph.operation import Location, Operation, Tensor, user_location
from graphopt.graph.recording_scopes import RecordingScopes
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


class Graph(RecordingScopes):
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
        super().__init__()
        self._collections: dict[Any, list[Any]] = {}
        self._late_edges = 0
        self._writes: dict[str, int] = {}
        self._branch_writes = False
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
        """Record a constant; a list with tensors in it becomes a `stack`.

        Args:
          value: a number, string, (nested) list, array, shape, or an instance of a class with a conversion function.
          dtype: the element type it must have, or None. name: name of the operation.

        Raises:
          TypeError, ValueError: when it can't be converted.
        """
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
        """Record an operation; return its tensor, a tuple of tensors, or the operation when it has no result.

        Args:
          op: its definition. operands: its inputs; those of other graphs are adopted or refused.
          attributes: its attributes, complete. types: the types of its results. name: its name, made unique here.

        Raises:
          RuntimeError: when the graph is finalized. ValueError: for an operand of another graph.
        """
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
            "",
        )
        if self._devices:
            operation.device = merged_device(self._devices, operation)
        if op.discharge is not None and not op.only_reads:
            guard = self.current_guard
            operation.guard = guard if guard is None or guard.builder is self else self.adopt(guard)
        self._append(operation)
        if self._branch_writes and any(hasattr(value, "graph") for value in attributes.values()):
            self._collect(operation)  # it holds the branch that was just recorded
            self._branch_writes = False
        if op.single_result:
            return operation.outputs[0]
        return tuple(operation.outputs) if operation.outputs else operation

    def _append(self, operation: Operation) -> None:
        operation.id = len(self._operations)
        self._operations.append(operation)
        self._by_name[operation.name] = operation
        if self._overrides and operation.type in self._overrides:
            self.state.setdefault("gradient_overrides", {})[operation] = self._overrides[operation.type]
        for scope in self._control_scopes:
            scope.seen.add(operation)

    def note_write(self, variable_name: str) -> None:
        """Count a write of a variable by the operation recorded last, so that later uses record a new read."""
        self._writes[variable_name] = self._writes.get(variable_name, 0) + 1
        if CURRENT.get() is self or not self._is_inside_branch():
            self._collect(self._operations[-1])
        else:
            self._branch_writes = True

    def _is_inside_branch(self) -> bool:
        """Return whether a branch of this graph is being recorded."""
        graph = get_default_graph()
        while graph.outer is not None and graph is not self:
            graph = graph.outer
        return graph is self and get_default_graph() is not self

    def _collect(self, operation: Operation) -> None:
        if self._collectors and self._collectors[-1] is not None:
            self._collectors[-1][operation] = None

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

    def note_late_edge(self) -> None:
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
            "Do not use tf.reset_default_graph() to clear nested graphs. "
            "If you need a cleared graph, exit the nesting and create a new graph."
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
