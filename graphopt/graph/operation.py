"""What the user records: operations and their result tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphopt import shapes
from graphopt.deferred import called_at_first_use
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, OperatorNotAllowedInGraphError, ShapeError, UnsupportedError
from graphopt.errors import Location as Location
from graphopt.errors import user_location as user_location
from graphopt.ir.opdef import OpDef
from graphopt.ir.types import TensorType
from graphopt.ir.value import Value
from graphopt.shapes import TensorShape

if TYPE_CHECKING:
    from graphopt.graph.graph import Graph
    from graphopt.graph.graph_def import NodeDef

# That module knows this one.
_to_node_def = called_at_first_use("graphopt.graph.graph_def:to_node_def")


class Operation:
    """One recorded operation: an op with inputs, attributes, a unique name, control inputs and the user's line.

    Attributes:
      name: unique in the graph.
      graph: the graph it belongs to.
      id: its place in the order of creation.
      opdef: the definition of its op.
      inputs: the tensors it takes.
      outputs: the tensors it gives.
      attributes: the op's attributes.
      location: the user's line that made it.
      guard: a bool tensor, or None: what the operation writes is written only in runs in which the tensor is true.
    """

    __slots__ = (
        "__weakref__",
        "_control_inputs",
        "attributes",
        "device",
        "graph",
        "guard",
        "id",
        "inputs",
        "location",
        "name",
        "opdef",
        "outputs",
    )

    def __init__(
        self,
        graph: Graph,
        name: str,
        opdef: OpDef,
        inputs: tuple[Tensor, ...],
        attributes: dict[str, Any],
        types: tuple[TensorType, ...],
        control_inputs: list[Operation],
        location: Location,
        device: str,
    ) -> None:
        self.graph = graph
        self.name = name
        self.id = -1
        self.opdef = opdef
        self.inputs = inputs
        self.attributes = attributes
        self.location = location
        self.device = device
        self.guard: Tensor | None = None
        self._control_inputs = control_inputs
        self.outputs = [Tensor(self, i, t) for i, t in enumerate(types)]

    @property
    def type(self) -> str:
        """TensorFlow's name of the op."""
        return self.opdef.tf_name

    @property
    def control_inputs(self) -> list[Operation]:
        """The operations that must happen before this one (a copy)."""
        return list(self._control_inputs)

    def add_control_input(self, op: Operation) -> None:
        """Make `op` happen before this operation, also when `op` was made later.

        Raises:
          ValueError: when `op` belongs to another graph.
        """
        if op.graph is not self.graph:
            raise ArgumentError(f"Operation {op.name!r} is not an element of this graph.")
        self.graph.check_not_finalized()
        self._control_inputs.append(op)
        self.graph.note_late_edge()

    def values(self) -> tuple[Tensor, ...]:
        """Return the results."""
        return tuple(self.outputs)

    def get_attr(self, name: str) -> Any:
        """Return an attribute; ValueError when there is none of that name."""
        if name not in self.attributes:
            raise ArgumentError(f"Operation '{self.name}' has no attr named '{name}'.")
        return self.attributes[name]

    def colocation_groups(self) -> list[bytes]:
        """Return TensorFlow's colocation groups: the operation's own."""
        return [f"loc:@{self.name}".encode()]

    @property
    def node_def(self) -> NodeDef:
        """The operation as it stands in a `GraphDef`.

        >>> node = tf.nn.relu(tf.constant([1.0], name="x"), name="y").op.node_def
        >>> node.name, node.op, node.input
        ('y', 'Relu', ['x'])
        """
        node: NodeDef = _to_node_def(self, add_shapes=False)
        return node

    @property
    def traceback(self) -> list[Location]:
        """The user's line that made the operation."""
        return [self.location]

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run this operation in `session`, or in the default session."""
        _session_for(self.graph, session, "execute operation using `run()`", "operation").run(self, feed_dict)

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"

    def __str__(self) -> str:
        inputs = "".join(f'\ninput: "{t.name.removesuffix(":0")}"' for t in self.inputs)
        controls = "".join(f'\ninput: "^{op.name}"' for op in self._control_inputs)
        return f'name: "{self.name}"\nop: "{self.type}"{inputs}{controls}\n'


class Tensor(Value):
    """One result of an operation: a symbolic value with a name, an element type and a shape.

    Attributes:
      op: the operation it comes from.
      value_index: which of the operation's results it is.
      tensor_type: element type and shape.
    """

    __slots__ = ("__weakref__", "builder", "op", "tensor_type", "value_index")

    def __init__(self, op: Operation, value_index: int, tensor_type: TensorType) -> None:
        self.op = op
        self.value_index = value_index
        self.tensor_type = tensor_type
        self.builder = op.graph  # type: ignore[misc]

    @property
    def name(self) -> str:
        """The operation's name and the result's number: ``"loss:0"``."""
        return f"{self.op.name}:{self.value_index}"

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self.op.graph

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.tensor_type.dtype

    @property
    def shape(self) -> TensorShape:
        """The shape as far as it is known."""
        return TensorShape(self.tensor_type.shape)

    def get_shape(self) -> TensorShape:
        """Return the shape as far as it is known."""
        return TensorShape(self.tensor_type.shape)

    def set_shape(self, shape: Any) -> None:
        """Add what you know about the shape; ValueError when it contradicts what is known."""
        try:
            merged = shapes.merge_shapes(self.tensor_type.shape, shapes.to_shape(shape))
        except ShapeError:
            raise ShapeError(
                f"Shapes {self.shape} and {TensorShape(shape)} are not compatible: tensor {self.name!r} made at {self.op.location}"
            ) from None
        self.tensor_type = TensorType(self.tensor_type.dtype, merged)

    @property
    def device(self) -> str:
        """The device name given by ``tf.device``."""
        return self.op.device

    def consumers(self) -> list[Operation]:
        """Return the operations that take this tensor."""
        return self.graph.consumers_of(self)

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """Return the value of this tensor in `session`, or in the default session."""
        return _session_for(self.graph, session, "evaluate tensor using `eval()`", "tensor").run(self, feed_dict)

    def _as_graph_element(self) -> Tensor:
        return self

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"

    def __str__(self) -> str:
        shape = "" if self.tensor_type.shape is None else f", shape={self.shape}"
        return f'Tensor("{self.name}"{shape}, dtype={self.dtype.name})'

    def __eq__(self, other: object) -> bool:
        return self is other

    # Not a function of Python's: tensors are the keys of every run's feeds.
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise OperatorNotAllowedInGraphError(
            "using a `tf.Tensor` as a Python `bool` is not allowed in Graph execution. "
            f"Use `tf.cond` or `tf.where` to choose by the value of {self.name!r} (made at {self.op.location})."
        )

    def __iter__(self) -> Any:
        raise OperatorNotAllowedInGraphError(
            "iterating over `tf.Tensor` is not allowed in Graph execution. "
            f"Use `tf.unstack` to split {self.name!r} (made at {self.op.location})."
        )

    def __len__(self) -> int:
        raise OperatorNotAllowedInGraphError(
            f"len is not well defined for symbolic tensor {self.name!r}; use `tf.shape(x)[0]` or `x.shape[0]`."
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"Cannot convert a symbolic Tensor ({self.name}) to a numpy array.")


# Sessions stand above this layer: the one that is entered as default puts itself here through `session_stack`.
_SESSION_STACK: list[Any] = []


def set_session_stack(stack: Any) -> None:
    """Name the object whose ``current()`` gives the default session."""
    _SESSION_STACK[:] = [stack]


def default_session() -> Any:
    """Return the default session of this thread, or None."""
    return _SESSION_STACK[0].current() if _SESSION_STACK else None


def _session_for(graph: Graph, session: Any, action: str, what: str) -> Any:
    if session is None:
        session = default_session()
        if session is None:
            verb = "eval" if what == "tensor" else "run"
            raise ArgumentError(
                f"Cannot {action}: No default session is registered. "
                f"Use `with sess.as_default()` or pass an explicit session to `{verb}(session=sess)`"
            )
        if session.graph is not graph:
            raise ArgumentError(
                f"Cannot use the default session to {action.split(' using')[0]}: the {what}'s graph is different from the session's graph."
            )
    elif session.graph is not graph:
        raise ArgumentError(
            f"Cannot use the given session to {action.split(' using')[0]}: the {what}'s graph is different from the session's graph."
        )
    return session
