"""Where values stand: which are views of others, which need memory of their own, which stay in Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.backends.native.kernel import Pointer
from graphopt.backends.native.loops import View, contiguous_strides
from graphopt.compiler.passes.fuse import is_loop
from graphopt.compiler.passes.schedule import schedule
from graphopt.compiler.passes.views import is_fallible
from graphopt.ir.node import CONST, INPUT, ITEM, Node, item_of
from graphopt.ir.program import Program


class NativeStorage:
    """The storage of a program's values.

    Args:
      program: the fused program. numpy_steps: the nodes that run as numpy steps.

    Attributes:
      views: for each value in native memory, where it stands.
      copied: views that some step needs as contiguous memory, with the view that has to be copied there.
    """

    def __init__(self, program: Program, numpy_steps: Iterable[Node]) -> None:
        self.views: dict[Node, View] = {}
        self.copied: dict[Node, View] = {}
        self._numpy_steps = set(numpy_steps)
        self._order = schedule(program)
        self._wants_contiguous: set[Node] = set()
        sources = [node for node in program.nodes() if node.op is INPUT or node.op is CONST]
        wanted: set[Node] | None = None
        while wanted is None or not wanted <= self._wants_contiguous:
            # Until every kernel has its operands row by row: a view that is copied is no view for those who look at it.
            self._wants_contiguous |= wanted or set()
            self.views, self.copied = {}, {}
            for node in (*sources, *self._order):
                # Also results that nobody looks at: a kernel writes them all the same.
                for value in (node,) if node.op.single_result else self._all_results(node):
                    self._enter(value)
            wanted = self._scattered_operands()

    def _scattered_operands(self) -> set[Node]:
        """Return the operands that don't stand row by row, of kernels that know no strides."""
        wanted: set[Node] = set()
        for node in self._order:
            if node.op is not ITEM and not is_loop(node) and node not in self._numpy_steps and not self.is_view(node):
                wanted.update([s for s in node.inputs if s in self.views and not _is_contiguous(self.views[s], s.shape)])
        return wanted

    @staticmethod
    def _all_results(node: Node) -> tuple[Node, ...]:
        return tuple([item_of(node, i) for i in range(len(node.types))])

    def is_view(self, node: Node) -> bool:
        """Return True for a node that is no work: its results are views."""
        if node.op is ITEM:
            return True
        results = (node,) if node.op.single_result else self._all_results(node)
        return bool(results) and all([r in self.copied or (r in self.views and self.views[r].pointer.node is not r) for r in results])

    def _enter(self, node: Node) -> None:
        if not is_native_type(node):
            return
        if node.op is INPUT and node.attributes["kind"] == "optional":
            return
        view = None
        if node not in self._numpy_steps and (node.op is not ITEM or node.inputs[0] not in self._numpy_steps):
            view = self._view(node)
        own = View(Pointer(node), contiguous_strides(node.shape))
        if view is not None and node in self._wants_contiguous and not _is_contiguous(view, node.shape):
            self.copied[node] = view
            view = None
        self.views[node] = own if view is None else view

    def _view(self, node: Node) -> View | None:
        """Return where a view stands in the memory of what it looks at; None for what is no view.

        What an op's view looks like is found by doing it to an array that lies as the operand does.
        """
        maker = node.inputs[0] if node.op is ITEM else node
        source = viewed(maker)
        if source is None or source not in self.views:
            return None
        seen = self.views[source]
        base, offset = seen.pointer
        size = seen.pointer.node.tensor_type.num_bytes or 0
        if size == 0:
            return None
        memory = np.empty(size, np.uint8)
        itemsize = source.dtype.np.itemsize
        stand_in: Any = np.ndarray(source.shape, source.dtype.np, memory, offset, [s * itemsize for s in seen.strides])
        results = maker.op.kernel(np, *_operands(maker, source, stand_in), **maker.attributes)  # type: ignore[misc]
        result = results[node.attributes["index"]] if node.op is ITEM else results
        return _view_in(result, memory, base)

    def is_contiguous(self, node: Node) -> bool:
        """Return True when a value stands row by row."""
        return _is_contiguous(self.views[node], node.shape)

    # --- what the memory pass asks ---------------------------------------------------------------------------------

    def takes_place(self, node: Node) -> bool:
        """Return True when a result is written into memory that the plan gives."""
        view = self.views.get(node)
        if view is None or view.pointer.node is not node or node.op is INPUT or node.op is CONST:
            return False
        return node.op is ITEM or node.op.single_result

    def results_of(self, node: Node) -> tuple[Node, ...]:
        """Return the results of a node with several, or the node itself."""
        if node.op is ITEM:
            return (node,) if node in self.copied else ()
        return (node,) if node.op.single_result else self._all_results(node)

    def base_of(self, node: Node) -> Node:
        """Return the node whose memory a value stands in."""
        view = self.views.get(node)
        return node if view is None else view.pointer.node

    def reads_of(self, node: Node) -> list[Node]:
        """Return the nodes whose memory the operands stand in, and that of a view which the node copies."""
        copied = [self.copied[result].pointer.node for result in (node, *self.results_of(node)) if result in self.copied]
        return [*copied, *[self.base_of(source) for source in node.inputs]]

    def may_alias(self, maker: Node, result: Node, operand: Node) -> bool:
        """Return True when a step may write a result over an operand's memory.

        A loop may when it stores every element where it read it; another step when its op says so.
        """
        if not is_loop(maker):
            if maker.op.overwrites is None or maker in self._numpy_steps:
                return False
            written = [p.name for p in maker.op.parameters].index(maker.op.overwrites)
            # A copied view has memory of its own, in which others may stand.
            return all(
                [source is operand if i == written else self.base_of(source) is not operand for i, source in enumerate(maker.inputs)]
            )
        output = maker.attributes["body"].outputs[result.attributes["index"]].node
        if output.op.reduction is not None:
            return False
        own = contiguous_strides(result.shape)
        for source in maker.inputs:
            view = self.views.get(source)
            if view is None:
                return False
            if view.pointer.node is operand and (source.shape != result.shape or view.strides != own or view.pointer.offset):
                return False
        return True


def is_native_type(node: Node) -> bool:
    """Return True for a value whose size is known and whose elements are numbers: what native memory holds."""
    return len(node.types) == 1 and node.types[0].is_static and node.dtype is not dtypes.string


def viewed(node: Node) -> Node | None:
    """Return the operand that a node only looks at in another way, or None; then what it gives depends on shapes alone."""
    if node.op.view_of is None or node.op.host_only or node.op.kernel is None or is_fallible(node):
        return None
    position = [p.name for p in node.op.parameters].index(node.op.view_of)
    source = node.inputs[position]
    others = [other for i, other in enumerate(node.inputs) if i != position]
    # Of an operand of real numbers only the shape can matter; whole numbers may say what is looked at.
    known = all([other.is_constant or other.dtype.is_floating for other in others])
    return source if known and is_native_type(source) else None


def _operands(maker: Node, source: Node, stand_in: Any) -> list[Any]:
    return [
        stand_in if other is source else other.value[()] if other.is_constant else _blank(other.shape, other.dtype.np)
        for other in maker.inputs
    ]


def _blank(shape: Any, dtype: Any) -> Any:
    """Return an array of a shape that takes no memory: only the shape of such an operand matters."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def _view_in(result: Any, memory: Any, base: Node) -> View | None:
    """Return where an array stands in `memory`, the memory of `base`; None when it has memory of its own."""
    if not isinstance(result, np.ndarray) or result.size == 0 or not result.flags.aligned:
        return None
    start = result.ctypes.data - memory.ctypes.data
    itemsize = result.dtype.itemsize
    if not np.may_share_memory(result, memory) or any(stride % itemsize for stride in result.strides):
        return None
    strides = tuple([0 if size == 1 else stride // itemsize for stride, size in zip(result.strides, result.shape, strict=True)])
    return View(Pointer(base, start), strides)


def _is_contiguous(view: View, shape: Any) -> bool:
    return all([size == 1 or own == step for own, step, size in zip(view.strides, contiguous_strides(shape), shape, strict=True)])


def as_array(view: View, node: Node, memory: Mapping[Node, Any]) -> Any:
    """Return the NumPy array of a value.

    Args:
      view: where it stands. node: the value. memory: the array of each node that has memory of its own.
    """
    base = memory[view.pointer.node]
    if view.pointer.node is node:
        return base
    itemsize = node.dtype.np.itemsize
    strides = [stride * itemsize for stride in view.strides]
    if math.prod(node.shape) == 0:
        return np.empty(node.shape, node.dtype.np)
    return np.ndarray(node.shape, node.dtype.np, np.ascontiguousarray(base).reshape(-1).view(np.uint8), view.pointer.offset, strides)
