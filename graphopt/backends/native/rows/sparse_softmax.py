"""Softmax and cross entropy of rows whose class is given by number."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, suffix, vector, with_element
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.math import MATH
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.rows.parts import fail_unless
from graphopt.ir.node import Node, item_of
from graphopt.ops.softmax import sparse_softmax_cross_entropy_op

_WORTH_NANOSECONDS = 20_000


@dataclass(frozen=True)
class SparseSoftmax:
    """Writes for each row of logits the cross entropy with its class, and its gradient. Its items are rows.

    Record: logits, labels, losses, gradients, the status, how many classes.

    Attributes:
      element: the LLVM type of a logit. index: that of a label.
    """

    element: str
    index: str

    @property
    def title(self) -> str:
        return "softmax cross entropy with labels"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        logits, labels, losses, gradients, status = (slots.pointer() for _ in range(5))
        classes = slots.integer()
        lanes = module.host.lanes(bytes_of(self.element))
        with function.loop(begin, end) as loop:
            first = function.mul(loop.index, classes)
            row, gradient = (function.offset(place, self.element, first) for place in (logits, gradients))
            label = function.load(self.index, function.offset(labels, self.index, loop.index))
            label = function.convert("sext", label, "i64")
            inside = function.compare("ult", label, classes)
            with function.when(inside):
                writer = _Row(function, self.element, classes, lanes)
                greatest = writer.greatest(row)
                total = writer.grown(row, greatest, gradient)
                writer.divide(gradient, total)
                hit = function.offset(gradient, self.element, label)
                one = constant(self.element, 1.0)
                function.store(function.let("fsub", function.load(self.element, hit), one), hit)
                picked = function.let("fsub", function.load(self.element, function.offset(row, self.element, label)), greatest)
                loss = function.let("fsub", MATH["log"](function, total), picked)
                function.store(loss, function.offset(losses, self.element, loop.index))
            fail_unless(function, inside, status)
        function.ret()


class _Row:
    """The steps of one row, while a kernel is written.

    Args:
      function: the kernel. element: the type of a logit. classes: how many there are (i64). lanes: how many are worked on at once.
    """

    def __init__(self, function: Function, element: str, classes: Value, lanes: int) -> None:
        self._function = function
        self._element = element
        self._classes = classes
        self._lanes = lanes
        self._type = vector(lanes, element)
        # NumPy adds numbers of half precision up in single precision.
        self._sum_element = "float" if element == "half" else element

    def _part(self, index: Value) -> tuple[Value, Value]:
        """Return the offset of a vector's first class, and the mask of the classes there are."""
        return index, self._function.first_lanes(self._function.let("sub", self._classes, index), self._lanes)

    def greatest(self, row: Value) -> Value:
        """Return the greatest logit; NaN when there is one."""
        function = self._function
        lowest = constant(self._type, -math.inf)
        with function.loop(0, self._classes, self._lanes, carried=[lowest]) as loop:
            index, mask = self._part(loop.index)
            logits = function.masked_load(self._type, function.offset(row, self._element, index), mask)
            loop.carry(function.intrinsic("maximum", loop.carried[0], function.select(mask, logits, lowest)))
        return function.call(f"llvm.vector.reduce.fmaximum.{suffix(self._type)}", self._element, loop.results[0])

    def grown(self, row: Value, greatest: Value, target: Value) -> Value:
        """Write the exponentials of the logits less the greatest one, and return their sum."""
        function = self._function
        sum_type = with_element(self._type, self._sum_element)
        splat = function.splat(greatest, self._lanes)
        zero = constant(sum_type, 0.0)
        with function.loop(0, self._classes, self._lanes, carried=[zero]) as loop:
            index, mask = self._part(loop.index)
            logits = function.masked_load(self._type, function.offset(row, self._element, index), mask)
            grown = MATH["exp"](function, function.let("fsub", logits, splat))
            function.masked_store(grown, function.offset(target, self._element, index), mask)
            term = function.select(mask, function.convert("fpext", grown, self._sum_element), zero)
            loop.carry(function.let("fadd", loop.carried[0], term))
        name = f"llvm.vector.reduce.fadd.{suffix(sum_type)}"
        function.module.declare(name, self._sum_element, [self._sum_element, sum_type])
        start = constant(self._sum_element, -0.0)
        total = function.value(self._sum_element, f"call reassoc {self._sum_element} @{name}({start}, {loop.results[0]})")
        return function.convert("fptrunc", total, self._element)

    def divide(self, row: Value, total: Value) -> None:
        """Write the row divided by its sum."""
        function = self._function
        splat = function.splat(total, self._lanes)
        with function.loop(0, self._classes, self._lanes) as loop:
            index, mask = self._part(loop.index)
            place = function.offset(row, self._element, index)
            function.masked_store(function.let("fdiv", function.masked_load(self._type, place, mask), splat), place, mask)


@lowers(sparse_softmax_cross_entropy_op)
def _sparse_softmax(node: Node, host: Host) -> list[Call]:
    """The results differ from NumPy's in their last bits: sums are taken in another order."""
    logits, labels = node.inputs
    losses, gradients = (item_of(node, i) for i in range(2))
    element, classes = element_type(losses), logits.shape[-1]
    if not classes or labels.shape != logits.shape[:-1]:
        raise NotLowered("the labels don't fit the logits, or there are no classes")
    if element == "half" and host.vector_bytes < 64:
        raise NotLowered("numbers of half precision are slow on this processor")
    rows = math.prod(labels.shape)
    arguments: tuple[Argument, ...] = (Pointer(logits), Pointer(labels), Pointer(losses), Pointer(gradients), Status(), classes)
    grain = -(-_WORTH_NANOSECONDS // (20 + classes))
    size = rows * classes * losses.dtype.np.itemsize
    kernel = SparseSoftmax(element, element_type(labels))
    return [Call(kernel, arguments, rows, grain, fallible=True, flops=5 * rows * classes, bytes_moved=2 * size)]
