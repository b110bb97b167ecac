"""What a graph holds, found by name and by use: the part of `Graph` that looks up."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, ElementNotFoundError
from graphopt.graph.graph_def import GraphDef, to_graph_def
from graphopt.graph.operation import Operation, Tensor

_TENSOR_NAMES = 'Tensor names must be of the form "<op_name>:<output_index>".'


class ElementLookup:
    """The operations of a graph, in order and by name, and which of them may be fed and fetched."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Any] = set()
        self._consumers: dict[Tensor, list[Operation]] = {}
        self._consumers_counted = 0

    def get_operations(self) -> list[Operation]:
        """Return the operations in order of creation."""
        return list(self._operations)

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> GraphDef:
        """Return the graph as a `GraphDef`, as viewers read it; what branches and loops record inside is not shown.

        Args:
          from_version: only what was recorded since the graph's `version` was this number; None for all.
          add_shapes: note what is known of the results' shapes, in the attribute ``_output_shapes`` of each node.

        Source: tensorflow/python/framework/ops.py (r1.15).

        Example:
          >>> x = tf.placeholder(tf.float32, [2], name="x")
          >>> before = x.graph.version
          >>> y = tf.nn.relu(x, name="y")
          >>> [[node.name for node in x.graph.as_graph_def(begin).node] for begin in (None, before)]
          [['x', 'y'], ['y']]
        """
        return to_graph_def(self, begin=from_version or 0, add_shapes=add_shapes)

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
        operation: Operation = self.as_graph_element(name, allow_tensor=False)
        return operation

    def get_tensor_by_name(self, name: str) -> Tensor:
        """Return the tensor of that name (``"loss:0"``).

        Raises:
          TypeError: for anything but a string. ValueError: for an operation's name. KeyError: when there is none.
        """
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        tensor: Tensor = self.as_graph_element(name, allow_operation=False)
        return tensor

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """Return the tensor or operation that `obj` (a name, tensor, operation or variable) stands for.

        Args:
          obj: what stands for it. allow_tensor, allow_operation: what it may be.

        Raises:
          TypeError: when it is nothing of that kind. KeyError: when a name refers to nothing.
          ValueError: when it belongs to another graph, or a name is not of the form that is asked for.
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
            raise ArgumentError(f"The name {name!r} refers to an Operation, not a Tensor. {_TENSOR_NAMES}")
        raise ArgumentError(f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. {_TENSOR_NAMES}")

    def _tensor_by_name(self, name: str) -> Tensor:
        op_name, _, index = name.rpartition(":")
        if not index.isdigit() or ":" in op_name:
            raise ArgumentError(f"The name {name} looks a like a Tensor name, but is not a valid one. {_TENSOR_NAMES}")
        operation = self._by_name.get(op_name)
        missing = f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r},"
        if operation is None:
            raise ElementNotFoundError(f"{missing} does not exist in the graph.")
        if int(index) >= len(operation.outputs):
            raise ElementNotFoundError(f"{missing} exists but only has {len(operation.outputs)} outputs.")
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
