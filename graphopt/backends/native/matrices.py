"""Products of a few elements: cross products, and the gradient of a product. Decompositions of matrices stay with LAPACK, in NumPy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, is_float
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, kernel_function
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.movement.boxes import Axis, Slots, box_arguments, collapse, each_position, row_strides
from graphopt.ir.node import Node
from graphopt.ops.matrix import cross
from graphopt.ops.reduce import prod_gradient
from graphopt.shapes import normalize_axis

# Elements worth a thread: some 20 microseconds.
_WORTH = 1 << 14


@dataclass(frozen=True)
class CrossProduct:
    """Multiplies vectors of three elements. Its items are vectors.

    Record: both operands, result.

    Attributes:
      element: the elements' type.
    """

    element: str

    @property
    def title(self) -> str:
        return "cross product"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        arrays = [slots.pointer() for _ in range(3)]
        multiply, subtract = ("fmul", "fsub") if is_float(self.element) else ("mul", "sub")
        with function.loop(begin, end) as loop:
            first = function.mul(loop.index, 3)
            places = [[function.offset(array, self.element, function.add(first, i)) for i in range(3)] for array in arrays]
            a, b = [[function.load(self.element, pointer) for pointer in own] for own in places[:2]]
            for i in range(3):
                j, k = (i + 1) % 3, (i + 2) % 3
                products = function.let(multiply, a[j], b[k]), function.let(multiply, a[k], b[j])
                function.store(function.let(subtract, *products), places[2][i])
        function.ret()


@lowers(cross)
def lower_cross(node: Node, host: Host) -> list[Call]:
    """Return the call that multiplies vectors."""
    count = math.prod(node.shape) // 3
    arguments = (Pointer(node.inputs[0]), Pointer(node.inputs[1]), Pointer(node))
    moved = 3 * (node.types[0].num_bytes or 0)
    return [Call(CrossProduct(element_type(node)), arguments, count, _WORTH // 4, flops=9 * count, bytes_moved=moved)] if count else []


@dataclass(frozen=True)
class ProductGradient:
    """Multiplies for each factor all others: those before it on the way there, those after it on the way back, then the gradient.

    Its items are products.

    Record: gradient, factors, result, how many factors a product has, then for each dimension that is kept size and strides in gradient
    and factors, and for each reduced one size and stride in the factors, all in bytes.

    Attributes:
      element: the elements' type. kept, reduced: how many dimensions of each kind there are.
    """

    element: str
    kept: int
    reduced: int

    @property
    def title(self) -> str:
        return "gradient of a product"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        gradient, factors, result = (slots.pointer() for _ in range(3))
        count = slots.integer()
        kept, reduced = slots.axes(self.kept, 2), slots.axes(self.reduced, 1)
        with each_position(function, kept, begin, end) as position:
            g = function.load(self.element, function.offset(gradient, "i8", position.offsets[0]))
            read, write = (function.offset(array, "i8", position.offsets[1]) for array in (factors, result))
            self._there(function, read, write, count, reduced)
            self._back(function, read, write, count, reduced, g)
        function.ret()

    def _there(self, function: Function, read: Value, write: Value, count: Value, axes: list[Axis]) -> None:
        """Write the products of all factors before each."""
        start = [constant(self.element, 1.0)]
        with each_position(function, axes, constant("i64", 0), count, 1, start) as position:
            [product], [offset] = position.carried, position.offsets
            function.store(product, function.offset(write, "i8", offset))
            factor = function.load(self.element, function.offset(read, "i8", offset))
            position.carry(function.let("fmul", product, factor))

    def _back(self, function: Function, read: Value, write: Value, count: Value, axes: list[Axis], g: Value) -> None:
        """Multiply them by the products of all factors behind each, and by the gradient."""
        zero, end = constant("i64", 0), constant("i64", 0)
        for axis in axes:
            end = function.add(end, function.mul(function.add(axis.size, -1), axis.strides[0]))
        turned = [Axis(axis.size, [function.let("sub", zero, axis.strides[0])]) for axis in axes]
        last_read, last_write = (function.offset(array, "i8", end) for array in (read, write))
        with each_position(function, turned, zero, count, 1, [constant(self.element, 1.0)]) as position:
            [product], [offset] = position.carried, position.offsets
            place = function.offset(last_write, "i8", offset)
            others = function.let("fmul", function.load(self.element, place), product)
            factor = function.load(self.element, function.offset(last_read, "i8", offset))
            function.store(function.let("fmul", others, g), place)
            position.carry(function.let("fmul", product, factor))


@lowers(prod_gradient)
def lower_prod_gradient(node: Node, host: Host) -> list[Call]:
    """Return the call that multiplies for each factor all others."""
    g, x = node.inputs
    rank, axis = len(x.shape), node.attributes["axis"]
    reduced = set(range(rank)) if axis is None else {normalize_axis(a, rank) for a in axis}
    if not math.prod(x.shape):
        return []
    element, steps = element_type(x), row_strides(x.shape)
    kept = [i for i in range(rank) if i not in reduced]
    sizes, (reads, writes) = collapse([x.shape[i] for i in kept], row_strides([x.shape[i] for i in kept]), [steps[i] for i in kept])
    factors, (inner,) = collapse([x.shape[i] for i in sorted(reduced)], [steps[i] for i in sorted(reduced)])
    scale, count = bytes_of(element), math.prod(factors)
    box = [*box_arguments(sizes, reads, writes, scale=scale), *box_arguments(factors, inner, scale=scale)]
    kernel = ProductGradient(element, len(sizes), len(factors))
    arguments: tuple[Argument, ...] = (Pointer(g), Pointer(x), Pointer(node), count, *box)
    moved = 3 * (x.types[0].num_bytes or 0)
    return [Call(kernel, arguments, math.prod(sizes), max(1, _WORTH // count), flops=4 * math.prod(x.shape), bytes_moved=moved)]
