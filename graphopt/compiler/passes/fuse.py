"""Fusion: put elementwise steps over one shape, and the reductions that they end in, into one node with a body.

A backend runs such a node as one loop, so that each array is read and written once for all the steps: the update of a parameter with
its slots and the clipping of its gradient is one pass over memory. The groups are found from the outputs backwards: a step joins the
group of those that use it, unless something outside of the group stands between.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphopt import dtypes, shapes
from graphopt.compiler.passes.views import is_fallible
from graphopt.ir.bind import CURRENT
from graphopt.ir.node import CONST, INPUT, NODES, Node
from graphopt.ir.program import Output, Program, with_inputs
from graphopt.ops.fused import fused, operand_input

# More pointers than that don't fit the registers of a processor.
MOST_OPERANDS = 24
MOST_STEPS = 160


def scalar_text(node: Node) -> str | None:
    """Return the expression of one element of an elementwise step, or None when the node is none."""
    text = node.op.scalar
    if callable(text):
        text = text(node)
    if text is None or is_fallible(node) or not _is_numeric(node) or not all([_is_numeric(source) for source in node.inputs]):
        return None
    return text


def _is_numeric(node: Node) -> bool:
    return len(node.types) == 1 and node.types[0].is_static and node.dtype is not dtypes.string


def is_reduction(node: Node) -> bool:
    """Return True for a reduction that a loop can end in."""
    return node.op.reduction is not None and _is_numeric(node) and _is_numeric(node.inputs[0])


def reduced_axes(node: Node) -> frozenset[int]:
    """Return the axes of its operand that a reduction reduces, as numbers from 0."""
    rank, axis = len(node.inputs[0].shape), node.attributes["axis"]
    return frozenset(range(rank)) if axis is None else frozenset(shapes.normalize_axis(a, rank) for a in axis)


def fuse(program: Program) -> Program:
    """Return the program with every elementwise step and reduction inside a ``fused`` node."""
    grouping = _Grouping(program)
    token = CURRENT.set(NODES)
    try:
        return _Rewriting(program, grouping).run()
    finally:
        CURRENT.reset(token)


class _Group:
    """Steps that will be one loop.

    Attributes:
      space: the shape the loop goes over. members: its steps. axes: what its reductions reduce, or None without one.
      first, last: the earliest and latest position of a member in the program.
    """

    __slots__ = ("axes", "first", "last", "members", "space")

    def __init__(self, node: Node, position: int) -> None:
        self.members: dict[Node, None] = {node: None}
        reduces = node.op.reduction is not None
        self.space = node.inputs[0].shape if reduces else node.shape
        self.axes = reduced_axes(node) if reduces else None
        self.first = self.last = position


class _Grouping:
    """Finds the groups of a program.

    Attributes:
      group_of: the group of each step; copies: steps that each group that uses them does for itself.
    """

    def __init__(self, program: Program) -> None:
        self.nodes = program.nodes()
        self.position = {node: i for i, node in enumerate(self.nodes)}
        self.users: dict[Node, list[Node]] = {}
        for node in self.nodes:
            for source in dict.fromkeys(node.inputs):
                self.users.setdefault(source, []).append(node)
        self.outputs = {output.node for output in program.outputs}
        self.steps = {node for node in self.nodes if scalar_text(node) is not None or is_reduction(node)}
        self.group_of: dict[Node, _Group] = {}
        self.copies: set[Node] = set()
        for node in reversed(self.nodes):
            if node in self.steps:
                self._place(node)
        self._join_first_scalars()

    def _join_first_scalars(self) -> None:
        """Put all scalar steps that need nothing but inputs of the program into one group: schedules, counters, powers of decay rates."""
        first: _Group | None = None
        for group in list(dict.fromkeys(self.group_of.values())):
            ready = group.space == () and all([s.op is INPUT or s.op is CONST for s in self._operands(group.members)])
            if not ready or group.axes is not None:
                continue
            if first is None:
                first = group
            elif len(first.members) + len(group.members) <= MOST_STEPS and self._fits_operands(first, group):
                self._join(group, first)

    def _fits_operands(self, group: _Group, other: _Group) -> bool:
        members = (*group.members, *other.members)
        # Most groups are so small that nothing has to be counted.
        return 3 * len(members) <= MOST_OPERANDS or len(self._operands(members)) <= MOST_OPERANDS

    def _place(self, node: Node) -> None:
        group = _Group(node, self.position[node])
        self.group_of[node] = group
        if node.op.reduction is not None:
            return
        users = self.users.get(node, ())
        if self._is_done_again(node, users):
            self.copies.add(node)
            return
        for user in users:
            other = self.group_of.get(user)
            if other is not None and user not in self.copies and other is not group and self._may_join(group, other):
                self._join(group, other)
                group = other

    def _is_done_again(self, node: Node, users: Iterable[Node]) -> bool:
        """Return True when it costs less to do a step in every group that uses it than to store its result.

        So it is for a cheap step on one array that stands in memory already: a group reads that array in place of the step's result.
        """
        arrays = {source for source in node.inputs if source.types[0].shape != ()}
        if node in self.outputs or node.shape == () or not node.op.correctly_rounded or len(arrays) != 1:
            return False
        (source,) = arrays
        if source in self.steps or source.types[0].shape != node.shape:
            return False
        groups = {id(self.group_of[user]) for user in users if user in self.group_of}
        return len(groups) > 1 and all([user in self.group_of and self.group_of[user].space == node.shape for user in users])

    def _may_join(self, group: _Group, other: _Group) -> bool:
        if group.space != other.space or len(group.members) + len(other.members) > MOST_STEPS:
            return False
        if group.axes is not None and other.axes is not None and group.axes != other.axes:
            return False
        if not self._fits_operands(group, other):
            return False
        return not self._reduces_for(group, other) and not self._reduces_for(other, group) and not self._has_way_around(group, other)

    def _reduces_for(self, group: _Group, other: _Group) -> bool:
        """Return True when a group takes what another one reduces: it is there only once the other's loop is over."""
        if group.axes is None:
            return False
        users = [user for node in group.members if node.op.reduction is not None for user in self.users.get(node, ())]
        return any([user in other.members for user in users])

    def _operands(self, members: Iterable[Node]) -> set[Node]:
        inside = set(members)
        return {source for node in inside for source in node.inputs if source not in inside}

    def _has_way_around(self, group: _Group, other: _Group) -> bool:
        """Return True when a value goes from one group to the other through a node outside of both."""
        return self._reaches(group, other) or self._reaches(other, group)

    def _reaches(self, start: _Group, goal: _Group) -> bool:
        seen: set[int] = {id(start)}
        pending: list[Node] = [user for node in start.members for user in self.users.get(node, ())]
        pending = [user for user in pending if self.group_of.get(user) not in (start, goal)]
        while pending:
            node = pending.pop()
            group = self.group_of.get(node)
            if group is goal:
                return True
            key = id(node) if group is None else id(group)
            first = self.position[node] if group is None else group.first
            if key in seen or first > goal.last:
                continue
            seen.add(key)
            for member in (node,) if group is None else group.members:
                pending.extend(self.users.get(member, ()))
        return False

    def _join(self, group: _Group, other: _Group) -> None:
        for node in group.members:
            self.group_of[node] = other
        other.members.update(group.members)
        other.axes = group.axes if other.axes is None else other.axes
        other.first, other.last = min(group.first, other.first), max(group.last, other.last)


class _Rewriting:
    """Builds the program with one node for each group."""

    def __init__(self, program: Program, grouping: _Grouping) -> None:
        self.program = program
        self.grouping = grouping
        self.changed: dict[Node, Node] = {}
        self.origins = dict(program.origins)

    def run(self) -> Program:
        for output in self.program.outputs:
            self._make(output.node)
        outputs = [Output(kind, name, self.changed[node]) for kind, name, node in self.program.outputs]
        return self.program.with_outputs(outputs, self.origins)

    def _make(self, root: Node) -> None:
        """Make the new node of `root` and of all it needs, without recursion."""
        pending = [root]
        while pending:
            node = pending[-1]
            if node in self.changed:
                pending.pop()
                continue
            group = self._group(node)
            needed = node.inputs if group is None else self._operands(group)
            missing = [source for source in needed if source not in self.changed]
            if missing:
                pending.extend(reversed(missing))
                continue
            pending.pop()
            if group is None:
                self._keep(node, with_inputs(node, tuple([self.changed[source] for source in node.inputs])))
            else:
                self._make_group(group)

    def _group(self, node: Node) -> _Group | None:
        return self.grouping.group_of.get(node)

    def _keep(self, node: Node, made: Node) -> None:
        self.changed[node] = made
        if node in self.program.origins:
            self.origins.setdefault(made, self.program.origins[node])

    def _steps(self, group: _Group) -> list[Node]:
        """Return the steps a group does, in order: its own, and those of which it makes its own copy."""
        steps = dict.fromkeys(group.members)
        pending = list(group.members)
        while pending:
            for source in pending.pop().inputs:
                if source in self.grouping.copies and source not in steps:
                    steps[source] = None
                    pending.append(source)
        return sorted(steps, key=self.grouping.position.__getitem__)

    def _operands(self, group: _Group) -> list[Node]:
        steps = self._steps(group)
        inside = set(steps)
        return list(dict.fromkeys([source for step in steps for source in step.inputs if source not in inside]))

    def _make_group(self, group: _Group) -> None:
        operands = self._operands(group)
        inner = {source: operand_input(i, source.types[0]) for i, source in enumerate(operands)}
        steps = self._steps(group)
        for step in steps:
            inner[step] = with_inputs(step, tuple([inner[source] for source in step.inputs]))
        inside = set(steps)
        results = [
            step
            for step in steps
            if step in group.members
            and (step in self.grouping.outputs or any([user not in inside for user in self.grouping.users.get(step, ())]))
        ]
        body = Program([Output("fetch", str(i), inner[step]) for i, step in enumerate(results)])
        made = fused(*[self.changed[source] for source in operands], body=body)
        for step, item in zip(results, made, strict=True):
            self._keep(step, item)
            if step in self.program.origins:
                self.origins.setdefault(item.inputs[0], self.program.origins[step])


def is_loop(node: Node) -> bool:
    """Return True for a node that the fusion pass made."""
    return node.op is fused
