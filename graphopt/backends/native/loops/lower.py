"""From a ``fused`` node to calls of the loop kernel: which dimensions there are, how the operands lie, and how the work is cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from graphopt import dtypes
from graphopt.backends.native.kernel import Argument, Call, Pointer, Scratch
from graphopt.backends.native.loops.nest import LoopNest
from graphopt.backends.native.loops.scalar import is_cast
from graphopt.backends.native.loops.structure import KEPT, REDUCED, Operand, Result, Step
from graphopt.backends.native.lowering import element_type
from graphopt.compiler.passes.fuse import reduced_axes, scalar_text
from graphopt.ir.node import INPUT, Node, item_of
from graphopt.ir.program import Program

# Elements that one partial result is made of: small enough for a cache, large enough that joining them costs nothing.
_CHUNK_ELEMENTS = 16384
_FEWEST_ROWS = 64
# How many simple steps on elements are worth a thread.
_STEPS_PER_THREAD = 800_000
_STEPS_OF_A_CALL = 8


class View(NamedTuple):
    """Where a value stands.

    Attributes:
      pointer: its first element. strides: the distance of neighbours along each dimension, in elements.
    """

    pointer: Pointer
    strides: tuple[int, ...]


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides, in elements, of an array that stands row by row.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def _element(node: Node) -> str:
    return "i1" if node.dtype is dtypes.bool_ else element_type(node)


def _is_signed(node: Node) -> bool:
    return not (node.dtype.is_unsigned or node.dtype is dtypes.bool_)


class _Space:
    """The loop's dimensions: those of the program, joined where all operands and results allow it.

    Attributes:
      sizes: the dimensions' sizes, outermost first. kinds: kept or reduced. accesses: the strides of each access, by dimension.
    """

    def __init__(self, shape: Sequence[int], kinds: str, accesses: Sequence[Sequence[int]]) -> None:
        self.sizes: list[int] = []
        self.kinds = ""
        self.accesses: list[list[int]] = [[] for _ in accesses]
        for axis, size in enumerate(shape):
            if size != 1:
                self._add(size, kinds[axis], [access[axis] for access in accesses])

    def _add(self, size: int, kind: str, strides: list[int]) -> None:
        if self.kinds.endswith(kind) and all([known[-1] == stride * size for known, stride in zip(self.accesses, strides, strict=True)]):
            self.sizes[-1] *= size
            for known, stride in zip(self.accesses, strides, strict=True):
                known[-1] = stride
            return
        self.sizes.append(size)
        self.kinds += kind
        for known, stride in zip(self.accesses, strides, strict=True):
            known.append(stride)


def lower_loop(node: Node, view_of: Callable[[Node], View]) -> list[Call]:
    """Return the calls that run a ``fused`` node.

    Args:
      node: the node. view_of: where the value of an operand stands.
    """
    return _Lowering(node, view_of).calls()


class _Lowering:
    def __init__(self, node: Node, view_of: Callable[[Node], View]) -> None:
        self.node = node
        self.body: Program = node.attributes["body"]
        self.steps = [step for step in self.body.nodes() if step.op is not INPUT and step.op.reduction is None]
        self.inner = {int(n.attributes["name"]): n for n in self.body.inputs()}
        self.used = sorted(self.inner)
        self.views = [view_of(node.inputs[i]) for i in self.used]
        self.shape, self.kinds = self._shape_and_kinds()

    def _shape_and_kinds(self) -> tuple[tuple[int, ...], str]:
        for output in self.body.outputs:
            if output.node.op.reduction is not None:
                shape = tuple(output.node.inputs[0].shape)
                axes = reduced_axes(output.node)
                return shape, "".join(REDUCED if axis in axes else KEPT for axis in range(len(shape)))
        shape = tuple(self.body.outputs[0].node.shape)
        return shape, KEPT * len(shape)

    def _broadcast(self, view: View, shape: Sequence[int]) -> list[int]:
        """Return the strides of an operand along the space's dimensions: 0 where it is repeated."""
        missing = len(self.shape) - len(shape)
        own = [0 if size == 1 else stride for size, stride in zip(shape, view.strides, strict=True)]
        return [0] * missing + own

    def _result_strides(self, output: Node) -> list[int]:
        if output.op.reduction is None:
            return list(contiguous_strides(self.shape))
        kept = [1 if kind == REDUCED else size for size, kind in zip(self.shape, self.kinds, strict=True)]
        return [0 if kind == REDUCED else stride for stride, kind in zip(contiguous_strides(kept), self.kinds, strict=True)]

    def calls(self) -> list[Call]:
        """Return the loop and, where it leaves partial results, the calls that join them."""
        numbers = [_structural_number(self.node.inputs[i]) for i in self.used]
        accesses = [self._broadcast(view, self.node.inputs[i].shape) for i, view in zip(self.used, self.views, strict=True)]
        results = [self._result_strides(output.node) for output in self.body.outputs]
        space = _Space(self.shape, self.kinds, [*accesses, *results])
        operands = [
            Operand(_element(self.node.inputs[i]), _is_signed(self.node.inputs[i]), _classes(strides) if number is None else "", number)
            for i, strides, number in zip(self.used, space.accesses, numbers, strict=False)
        ]
        kernel = LoopNest(space.kinds, tuple(operands), self._steps(), self._results())
        return self._cut(kernel, space)

    def _values(self) -> Mapping[Node, int]:
        values = {self.inner[i]: at for at, i in enumerate(self.used)}
        for step in self.steps:
            values[step] = len(values)
        return values

    def _steps(self) -> tuple[Step, ...]:
        values = self._values()
        made = []
        for step in self.steps:
            fields = tuple([(p.name, values[source]) for p, source in zip(step.op.parameters, step.inputs, strict=True)])
            signed = all([_is_signed(source) for source in step.inputs if source.dtype is not dtypes.bool_])
            made.append(Step(_filled(step), fields, _element(step), signed, _is_signed(step)))
        return tuple(made)

    def _results(self) -> tuple[Result, ...]:
        values = self._values()
        made = []
        for output in self.body.outputs:
            node = output.node
            reduction = node.op.reduction
            value = values[node if reduction is None else node.inputs[0]]
            made.append(Result(value, _element(node), _is_signed(node), reduction))
        return tuple(made)

    # --- how the work is cut ---------------------------------------------------------------------------------------

    def _cut(self, kernel: LoopNest, space: _Space) -> list[Call]:
        rest = math.prod(space.sizes[1:])
        partial = math.prod([size for size, kind in zip(space.sizes, space.kinds, strict=True) if kind == KEPT])
        if not space.kinds.startswith(REDUCED):
            extent = space.sizes[0] if space.sizes else 1
            return [self._call(kernel, space, [], extent, max(1, self._grain(kernel) // max(rest, 1)), {})]
        chunk = max(1 if partial == 1 else _FEWEST_ROWS, _CHUNK_ELEMENTS // max(rest, 1))
        chunks = max(1, -(-space.sizes[0] // chunk))
        partials = {} if chunks == 1 else {i: self._scratch(i, chunks * partial) for i, r in enumerate(kernel.results) if r.reduction}
        grain = max(1, self._grain(kernel) // max(chunk * rest, 1))
        joins = [self._join(i, result, chunks, partial) for i, result in enumerate(kernel.results) if result.reduction]
        return [self._call(kernel, space, [chunk, partial], chunks, grain, partials), *joins]

    def _grain(self, kernel: LoopNest) -> int:
        cost = sum(_STEPS_OF_A_CALL if "(" in step.text and not is_cast(step.text) else 1 for step in kernel.steps)
        return _STEPS_PER_THREAD // max(cost, _STEPS_OF_A_CALL)

    def _scratch(self, index: int, elements: int) -> Scratch:
        return Scratch(f"partial{index}", elements * self.body.outputs[index].node.dtype.np.itemsize)

    def _join(self, index: int, result: Result, chunks: int, partial: int) -> Call:
        """Return the call that joins the partial results of the chunks; with one chunk, which is the result, it has nothing to do."""
        source = Operand(result.element, result.signed, "1" if partial == 1 else "n1")
        kernel = LoopNest(
            REDUCED if partial == 1 else REDUCED + KEPT, (source,), (), (Result(0, result.element, result.signed, result.reduction),)
        )
        arguments: list[Argument] = [chunks] if partial == 1 else [chunks, partial]
        arguments += [chunks, partial, self._scratch(index, chunks * partial), *([] if partial == 1 else [partial])]
        arguments += [Pointer(item_of(self.node, index)), *([] if partial == 1 else [1])]
        return Call(kernel, tuple(arguments), extent=0 if chunks == 1 else 1, bytes_moved=0)

    def _call(self, kernel: LoopNest, space: _Space, more: list[int], extent: int, grain: int, partials: Mapping[int, Scratch]) -> Call:
        arguments: list[Argument] = [*space.sizes, *more]
        accesses = iter(space.accesses)
        moved = 0
        for operand, view, i in zip(kernel.operands, self.views, self.used, strict=True):
            strides = next(accesses)
            if operand.number is None:
                arguments += [view.pointer, *[s for s, c in zip(strides, operand.strides, strict=True) if c == "n"]]
                moved += self.node.inputs[i].tensor_type.num_bytes or 0
        for index, (result, strides) in enumerate(zip(kernel.results, accesses, strict=True)):
            pointer = partials.get(index, Pointer(item_of(self.node, index)))
            kept = [s for s, kind in zip(strides, space.kinds, strict=True) if kind == KEPT or result.reduction is None]
            arguments += [pointer, *kept]
            moved += self.node.types[index].num_bytes or 0
        elements = math.prod(self.shape)
        return Call(kernel, tuple(arguments), extent, grain, flops=elements * len(kernel.steps), bytes_moved=moved)


def _classes(strides: Sequence[int]) -> str:
    """Return how an operand lies along each dimension, for the kernel's structure."""
    last = len(strides) - 1
    return "".join("0" if stride == 0 else "1" if stride == 1 and axis == last else "n" for axis, stride in enumerate(strides))


def _structural_number(node: Node) -> float | None:
    """Return the value of a constant that is worth a kernel of its own: 0 and 1 alone, which no size ever is."""
    if not node.is_constant or node.shape != ():
        return None
    for number in (0.0, 1.0):
        if node.is_scalar_constant(number):
            return number
    return None


def _filled(step: Node) -> str:
    text = scalar_text(step)
    if text is None:
        raise AssertionError(f"{step!r} is in a loop and has no scalar text")
    if not is_cast(text):
        for key, value in step.attributes.items():
            text = text.replace(f"{{{key}}}", repr(value)).replace(f"{{{key}!r}}", repr(value))
    return text
