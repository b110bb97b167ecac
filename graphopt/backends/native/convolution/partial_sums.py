"""The sum of arrays that several threads have made."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, vector
from graphopt.backends.native.kernel import kernel_function, slot


@dataclass(frozen=True)
class SumOfParts:
    """The structure of the sum of arrays that stand one behind the other, always added in this order.

    ``begin`` and ``end`` count vectors of the result. The record: pointers to the arrays and the result; how many arrays, and how many
    elements each has.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return "sum of partial sums"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        f, record, begin, end, _ = kernel_function(module, name)
        source, target = (slot(f, record, i) for i in range(2))
        count, size = (slot(f, record, i, "i64") for i in range(2, 4))
        lanes = module.host.lanes(bytes_of(self.element))
        with f.loop(begin, end) as loop:
            at = f.mul(loop.index, lanes)
            mask = f.first_lanes(f.let("sub", size, at), lanes)
            total = self._total(f, f.offset(source, self.element, at), mask, count, size, lanes)
            f.masked_store(total, f.offset(target, self.element, at), mask)
            loop.carry()
        f.ret()

    def _total(self, f: Function, first: Value, mask: Value, count: Value, size: Value, lanes: int) -> Value:
        type_ = vector(lanes, self.element)
        with f.loop(0, count, carried=[first, constant(type_, 0)]) as parts:
            at, total = parts.carried
            parts.carry(f.offset(at, self.element, size), f.let("fadd", total, f.masked_load(type_, at, mask)))
        return parts.results[1]
