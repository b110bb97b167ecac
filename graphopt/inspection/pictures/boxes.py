"""What a picture of a graph shows: boxes in name scopes, and edges between boxes.

A variable and its reads are one box, and constants stand in the boxes that take them. Scopes with one thing in them are left out, and a
scope with very many things gets groups.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphopt.compiler.needed import needed_operations
from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.inspection.formula import constant_text
from graphopt.inspection.recorded import branches_of, is_state, is_variable, place, written_variables
from graphopt.inspection.roles import OTHER, STATE, roles_of
from graphopt.ir.node import CONST

_MOST_CHILDREN = 48
_GROUP = 24
_SERIES = re.compile(r"[\d_]+$")


@dataclass(eq=False)
class Box:
    """One operation, or a variable with its reads.

    Attributes:
      name: the full name. label: the part of it inside of its scope. kind: TensorFlow's name of the op. result: types of the results.
      role: one of `ROLES`. made_at: the user's line. details: what else there is to say, line by line. operations: what it stands for.
    """

    name: str
    kind: str
    result: str
    role: str
    made_at: str
    operations: list[Operation]
    details: list[str] = field(default_factory=list)
    label: str = ""

    @property
    def size(self) -> int:
        """How many operations it stands for."""
        return len(self.operations)


@dataclass(eq=False)
class Scope:
    """A name scope, or a group of many alike.

    Attributes:
      name: the full name. label: the part of it inside of the scope around. children: boxes and scopes in order of recording.
      is_group: whether it was made for the picture and is no name scope.
    """

    name: str
    label: str
    children: list[Box | Scope] = field(default_factory=list)
    is_group: bool = False

    @property
    def size(self) -> int:
        """How many operations are in it."""
        return sum([child.size for child in self.children])

    @property
    def boxes(self) -> list[Box]:
        """All boxes in it."""
        found: list[Box] = []
        for child in self.children:
            found += child.boxes if isinstance(child, Scope) else [child]
        return found

    @property
    def roles(self) -> Counter[str]:
        """How many of its operations play which role."""
        return sum([Counter({box.role: box.size}) for box in self.boxes], Counter())

    @property
    def role(self) -> str:
        """The role most of its operations play; state only where there is nothing else, because much reads state."""
        found = [role for role, _ in self.roles.most_common()] or [OTHER]
        return next((role for role in found if role != STATE), found[0])


@dataclass(frozen=True)
class Edge:
    """From one box to another.

    Attributes:
      a, b: the boxes. is_control: whether b only waits for a. label: what flows: the type.
    """

    a: Box
    b: Box
    is_control: bool
    label: str


@dataclass(frozen=True)
class Drawing:
    """What a picture shows.

    Attributes:
      title: what it is of, and how many operations there are. root: everything. edges: between boxes.
    """

    title: str
    root: Scope
    edges: tuple[Edge, ...]


def operations_of(given: Any) -> tuple[str, list[Operation]]:
    """Return a title and the operations that a picture of `given` shows.

    Args:
      given: a graph: all of its operations; a tensor or operation: what a run of it needs; or a list of these.

    Raises:
      TypeError: for anything else.
    """
    if isinstance(given, Graph):
        return "graph", given.get_operations()
    elements = list(given) if isinstance(given, list | tuple) else [given]
    elements = [getattr(element, "op", element) if not isinstance(element, Tensor | Operation) else element for element in elements]
    if not elements or not all(isinstance(element, Tensor | Operation) for element in elements):
        raise ArgumentTypeError(f"A picture is made of a training op, a tensor, an operation, a list of these, or a graph, got {given!r}.")
    return ", ".join([element.name for element in elements]), needed_operations(elements, ())


def drawing_of(given: Any) -> Drawing:
    """Return what a picture of a training op, tensors, operations or a graph shows."""
    title, operations = operations_of(given)
    box_of = _boxes(operations)
    boxes = list(dict.fromkeys(box_of.values()))
    root = _grouped(_flattened(_tree(boxes)))
    _label(root)
    return Drawing(f"{title}: {len(operations)} operations", root, tuple(_edges(operations, box_of)))


# --- boxes -----------------------------------------------------------------------------------------------------------------------------


def _boxes(operations: Sequence[Operation]) -> dict[Operation, Box]:
    """Return the box of each operation; constants that others take have none."""
    roles = roles_of(operations)
    taken = {t.op for op in operations for t in op.inputs}
    found: dict[Operation, Box] = {}
    for operation in operations:
        if operation.opdef is CONST and operation in taken:
            continue
        if is_state(operation) and operation.inputs and operation.inputs[0].op in found:
            box = found[operation.inputs[0].op]
            box.operations.append(operation)
        else:
            result = ", ".join([str(t.tensor_type) for t in operation.outputs])
            box = Box(operation.name, operation.type, result, roles[operation], place(operation) or "", [operation])
            box.details = _details(operation)
        found[operation] = box
    return found


def _details(operation: Operation) -> list[str]:
    rows = []
    for i, tensor in enumerate(operation.inputs):
        if tensor.op.opdef is CONST:
            rows.append(f"{operation.opdef.parameter_of(i).name} = {constant_text(tensor.op)}")
    written = [v.name for v in written_variables(operation)]
    if written:
        rows.append(f"writes {', '.join(written)}")
    if operation.guard is not None:
        rows.append(f"only if {operation.guard.name}")
    inside = [len(branch.graph.get_operations()) for branch in branches_of(operation)]
    if inside:
        rows.append(f"holds {len(inside)} branches of {' and '.join(map(str, inside))} operations")
    return rows


def _edges(operations: Iterable[Operation], box_of: dict[Operation, Box]) -> list[Edge]:
    found: dict[tuple[Box, Box], Edge] = {}

    def add(a: Operation, b: Box, is_control: bool, label: str) -> None:
        source = box_of.get(a)
        if source is None or source is b:
            return
        known = found.get((source, b))
        if known is None or (known.is_control and not is_control):
            found[source, b] = Edge(source, b, is_control, label)

    for operation in operations:
        box = box_of.get(operation)
        if box is None:
            continue
        # A read that waits for a write belongs to the variable's box: an edge from the write to it would go round in a circle.
        waits = [] if is_state(operation) else operation.control_inputs
        for tensor in operation.inputs:
            if not (is_variable(tensor.op) and is_state(operation)):
                add(tensor.op, box, False, str(tensor.tensor_type))
        for earlier in waits:
            add(earlier, box, True, "waits for it")
        if operation.guard is not None:
            add(operation.guard.op, box, True, "writes only if it is true")
    return list(found.values())


# --- scopes ----------------------------------------------------------------------------------------------------------------------------


def _tree(boxes: Sequence[Box]) -> Scope:
    """Return the boxes in their name scopes; an operation called like a scope stands in it."""
    prefixes = {name[:i] for name in [box.name for box in boxes] for i, character in enumerate(name) if character == "/"}
    root = Scope("", "")
    scopes: dict[str, Scope] = {"": root}

    def scope(name: str) -> Scope:
        if name not in scopes:
            around = name.rpartition("/")[0]
            scopes[name] = Scope(name, name)
            scope(around).children.append(scopes[name])
        return scopes[name]

    for box in boxes:
        scope(box.name if box.name in prefixes else box.name.rpartition("/")[0]).children.append(box)
    return root


def _flattened(scope: Scope) -> Scope:
    """Leave out scopes with one child."""
    children: list[Box | Scope] = []
    for child in scope.children:
        flat = _flattened(child) if isinstance(child, Scope) else child
        children.append(flat.children[0] if isinstance(flat, Scope) and len(flat.children) == 1 else flat)
    scope.children = children
    return scope


def _grouped(scope: Scope) -> Scope:
    """Give scopes with very many children groups: of those called alike, then of those that follow each other."""
    scope.children = [_grouped(child) if isinstance(child, Scope) else child for child in scope.children]
    if len(scope.children) > _MOST_CHILDREN:
        alike: dict[str, list[Box | Scope]] = {}
        for child in scope.children:
            alike.setdefault(_SERIES.sub("", child.name), []).append(child)
        scope.children = [part for stem, children in alike.items() for part in _series(stem, children, len(alike) > 1)]
    while len(scope.children) > _MOST_CHILDREN:
        parts = [scope.children[i : i + _GROUP] for i in range(0, len(scope.children), _GROUP)]
        scope.children = [_group(scope.name, part) for part in parts]
    return scope


def _series(stem: str, children: list[Box | Scope], has_others: bool) -> list[Box | Scope]:
    if len(children) < 5 or not has_others:
        return children
    group = Scope(stem, f"{stem.rpartition('/')[2]}* × {len(children)}", children, is_group=True)
    return [_grouped(group)]


def _group(name: str, children: list[Box | Scope]) -> Box | Scope:
    if len(children) == 1:
        return children[0]
    first, last = _short(children[0].name), _short(children[-1].name)
    return Scope(f"{name}/{first}", f"{first} … {last}", children, is_group=True)


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def _label(scope: Scope, around: str = "") -> None:
    """Give everything its name without the scope around."""
    for child in scope.children:
        if isinstance(child, Box) or not child.is_group:
            own = child.name[len(around) + 1 :] if around and child.name.startswith(f"{around}/") else child.name
            child.label = _short(child.name) if child.name == around else own
        if isinstance(child, Scope):
            _label(child, around if child.is_group else child.name)
