"""Products of matrices of whole numbers: plain loops, which wrap around as NumPy's do."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, constant
from graphopt.backends.native.kernel import kernel_function, slot


@dataclass(frozen=True)
class WholeNumberProduct:
    """The structure of a product of whole numbers; ``begin`` and ``end`` count rows of the result.

    The record: pointers to A, B and C; the sizes m, n, k; the elements from row to row and from column to column of A and of B; and how
    many products there are, with the elements from one to the next in A, B and C.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"matrix product of {self.element}"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        f, record, begin, end, _ = kernel_function(module, name)
        a, b, c = (slot(f, record, i) for i in range(3))
        _, n, k, a_row, a_step, b_step, b_column, count, *batch = (slot(f, record, i, "i64") for i in range(3, 14))
        with f.loop(0, count) as product:
            matrices = [f.offset(p, self.element, f.mul(product.index, step)) for p, step in zip((a, b, c), batch, strict=True)]
            with f.loop(begin, end) as down:
                row, result = f.offset(matrices[0], self.element, f.mul(down.index, a_row)), f.mul(down.index, n)
                with f.loop(0, n) as across:
                    column = f.offset(matrices[1], self.element, f.mul(across.index, b_column))
                    with f.loop(0, k, carried=[constant(self.element, 0)]) as inner:
                        x = f.load(self.element, f.offset(row, self.element, f.mul(inner.index, a_step)))
                        y = f.load(self.element, f.offset(column, self.element, f.mul(inner.index, b_step)))
                        inner.carry(f.add(inner.carried[0], f.mul(x, y)))
                    f.store(inner.results[0], f.offset(matrices[2], self.element, f.add(result, across.index)))
                    across.carry()
                down.carry()
            product.carry()
        f.ret()
