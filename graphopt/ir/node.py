"""Program nodes: immutable, interned, one type per result, no names, no control edges, no state.

Two nodes with the same op, inputs and attributes are the same object, so common subexpressions are shared as they are built and
structural equality is ``is``.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentTypeError
from graphopt.ir.literals import to_array
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType
from graphopt.ir.value import Value

_BY_CONTENT_BYTES = 1 << 16


class Literal:
    """A constant array that can be compared and hashed (large ones by identity)."""

    __slots__ = ("_key", "array")

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        if array.flags.writeable:
            array = array.copy()
            array.flags.writeable = False
        self.array = array
        content: Any = id(array)
        if array.dtype.kind == "O":
            content = tuple(array.reshape(-1).tolist())
        elif array.nbytes <= _BY_CONTENT_BYTES:
            content = array.tobytes()
        self._key = (array.dtype.char, array.shape, content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return repr(self.array.tolist())


class Node(Value):
    """One operation of a program. Made by calling ops on nodes, never by hand.

    Attributes:
      op: its definition.
      inputs: the nodes it takes.
      attributes: its attributes, complete and in the order of the signature.
      types: the type of each result (one, except for ops with several).
      frozen: the attributes in hashable form.
    """

    __slots__ = ("__weakref__", "attributes", "frozen", "inputs", "op", "types")

    op: OpDef
    inputs: tuple[Node, ...]
    attributes: dict[str, Any]
    types: tuple[TensorType, ...]
    frozen: tuple[Any, ...]

    def __init__(
        self, op: OpDef, inputs: tuple[Node, ...], attributes: dict[str, Any], types: tuple[TensorType, ...], frozen: tuple[Any, ...] = ()
    ) -> None:
        self.op = op
        self.frozen = frozen
        self.inputs = inputs
        self.attributes = attributes
        self.types = types

    @property
    def builder(self) -> NodeBuilder:
        """The builder all nodes share."""
        return NODES

    @property
    def tensor_type(self) -> TensorType:  # type: ignore[override]
        """The type of the (first) result."""
        return self.types[0]

    @property
    def shape(self) -> Any:
        """The shape as a plain tuple."""
        return self.types[0].shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.types[0].dtype

    @property
    def is_constant(self) -> bool:
        """True for a constant."""
        return self.op is CONST

    @property
    def value(self) -> np.ndarray[Any, Any]:
        """The array of a constant."""
        array: np.ndarray[Any, Any] = self.attributes["value"].array
        return array

    def is_scalar_constant(self, value: float) -> bool:
        """Return True for a constant scalar of exactly this value (0.0 and -0.0 differ)."""
        if self.op is not CONST or self.types[0].shape != () or self.types[0].dtype is dtypes.string:
            return False
        own = self.value[()]
        return bool(own == value) and bool(np.signbit(own) == np.signbit(value) if self.dtype.is_floating else True)

    def __repr__(self) -> str:
        return f"<Node {self.op.name} {', '.join(map(str, self.types))}>"


def _const_type(value: Literal) -> TensorType:
    return TensorType(dtypes.as_dtype(value.array.dtype), value.array.shape)


CONST = define_op(
    "const(; value) -> ",
    infer=_const_type,
    kernel=lambda xp, value: value.array[()],
    tf_name="Const",
    vjp=(),
    samples=[case(value=Literal(np.array([[1.5, -0.0], [np.inf, 2.0]], np.float32))), case(value=Literal(np.array(3)))],
    doc="A constant.",
)

INPUT = define_op(
    "input(; kind, name, dtype, shape) -> ",
    infer=lambda kind, name, dtype, shape: TensorType(dtype, shape),
    doc="A value that comes from outside of the program: a feed, a variable, a random counter.",
)

ITEM = define_op(
    "item(x: any; index, dtype, shape) -> ",
    infer=lambda x, index, dtype, shape: TensorType(dtype, shape),
    doc="One result of an operation with several.",
)

_Key = tuple[Any, ...]
_INTERNED: weakref.WeakValueDictionary[_Key, Node] = weakref.WeakValueDictionary()
_LOCK = threading.RLock()


def _freeze(value: Any) -> Any:
    """Return a hashable key of an attribute that keeps 1, 1.0 and True, and 0.0 and -0.0, apart."""
    if isinstance(value, float):
        return ("f", value.hex())
    if isinstance(value, tuple):
        return tuple([_freeze(v) for v in value])
    return (type(value), value)


def intern(
    op: OpDef, inputs: tuple[Node, ...], attributes: dict[str, Any], types: tuple[TensorType, ...], frozen: tuple[Any, ...] | None = None
) -> Node:
    """Return the one node with this content, making it when it is new.

    Args:
      op: its definition. inputs: the nodes it takes. attributes: its attributes, complete and in the order of the signature.
      types: the type of each result.
      frozen: saves freezing the attributes again when another node has the same ones.
    """
    if frozen is None:
        frozen = tuple([_freeze(v) for v in attributes.values()]) if attributes else ()
    key: _Key = (op, inputs, frozen)
    with _LOCK:
        node = _INTERNED.get(key)
        if node is None:
            node = Node(op, inputs, attributes, types, frozen)
            _INTERNED[key] = node
    return node


def input_node(kind: str, name: str, tensor_type: TensorType) -> Node:
    """Return the input of a program that brings the named feed, variable or counter.

    Args:
      kind: what brings it (``feed``, ``variable``, ``optional``, ``counter``, ``operand``). name: its name. tensor_type: its type.
    """
    attributes = {"kind": kind, "name": name, "dtype": tensor_type.dtype, "shape": tensor_type.shape}
    return intern(INPUT, (), attributes, (tensor_type,))


def constant_node(value: Any, dtype: DType | None = None) -> Node:
    """Return a constant."""
    literal = value if isinstance(value, Literal) else Literal(to_array(value, dtype))
    return intern(CONST, (), {"value": literal}, (_const_type(literal),))


def item_of(node: Node, index: int) -> Node:
    """Return one result of a node with several."""
    result = node.types[index]
    return intern(ITEM, (node,), {"index": index, "dtype": result.dtype, "shape": result.shape}, (result,))


class NodeBuilder:
    """Makes nodes; the program side of `bind`."""

    is_untyped = False

    def constant(self, value: Any, dtype: DType | None, name: str | None = None) -> Node:
        """Return a constant node."""
        return constant_node(value, dtype)

    def admit(self, value: Any, name: str | None = None) -> Node:
        """Refuse: only nodes stand in a program."""
        raise ArgumentTypeError(f"A {type(value).__name__} can't be an operand in a program.")

    def preferred_over(self, other: Any) -> Any:
        """Return `other`: operands say where an op belongs."""
        return other

    def static_value(self, value: Node) -> Any:
        """Return the value of a constant scalar or vector; for a vector of known and unknown parts a tuple with None."""
        if value.op is CONST and value.dtype.is_integer:
            array = value.value
            return int(array) if array.ndim == 0 else tuple(array.reshape(-1).tolist())
        return None

    def build(
        self, op: OpDef, operands: tuple[Node, ...], attributes: dict[str, Any], types: tuple[TensorType, ...], name: str | None
    ) -> Any:
        """Return the interned node, or a tuple with one node for each result."""
        node = intern(op, operands, attributes, types)
        return node if op.single_result else tuple([item_of(node, i) for i in range(len(types))])

    def explain_operands(self, op: OpDef, operands: tuple[Node, ...], name: str | None) -> list[str]:
        """Return the operands' types."""
        return [f"in the program: {op.name}({', '.join(str(v.tensor_type) for v in operands)})"]


NODES = NodeBuilder()
