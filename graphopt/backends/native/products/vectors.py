"""The product of a vector and a matrix that stands row by row: each row times one element of the vector, added up."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import kernel_function, slot
from graphopt.backends.native.products.opaque import opaque

_STRIP = 4
_CHAINS = 8


@dataclass(frozen=True)
class VectorProduct:
    """The structure of ``c[n] = sum over k of a[k] B[k, n]``; ``begin`` and ``end`` count strips of columns of B.

    Every other row, or every eighth where less than a strip is left, goes to a sum of its own, because an addition that waits for the one
    before it takes four times as long as one that doesn't.

    The record: pointers to a, B and c; the sizes n and k; how many products there are, and the elements from one to the next in a, B, c.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"vector times matrix of {self.element}"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        f, record, begin, end, _ = kernel_function(module, name)
        a, b, c = (slot(f, record, i) for i in range(3))
        n, k, count, *steps = (slot(f, record, i, "i64") for i in range(3, 9))
        lanes = module.host.lanes(bytes_of(self.element))
        wide = strip_columns(module.host, self.element)
        first, last = f.mul(begin, wide), f.intrinsic("smin", f.mul(end, wide), n)
        whole = f.add(first, f.let("and", f.let("sub", last, first), constant("i64", -wide)))
        with f.loop(0, count) as batch:
            a_at, b_at, c_at = (f.offset(p, self.element, f.mul(batch.index, step)) for p, step in zip((a, b, c), steps, strict=True))
            for start, stop, vectors in ((first, whole, _STRIP), (whole, last, 1)):
                with f.loop(start, stop, vectors * lanes) as across:
                    column = opaque(f, across.index)
                    mask = None if vectors > 1 else f.first_lanes(f.let("sub", stop, column), lanes)
                    matrix, result = (f.offset(p, self.element, column) for p in (b_at, c_at))
                    strip = _Strip(f, self.element, lanes, vectors, mask, n)
                    for v, total in enumerate(strip.sums(a_at, matrix, k)):
                        strip.store(total, result, v)
                    across.carry()
            batch.carry()
        f.ret()


class _Strip:
    """Writes the product of the vector and some columns."""

    def __init__(self, f: Function, element: str, lanes: int, vectors: int, mask: Value | None, stride: Value) -> None:
        self.f, self.element, self.lanes, self.mask, self.stride = f, element, lanes, mask, stride
        self.type, self.vectors = vector(lanes, element), vectors

    def sums(self, a: Value, b: Value, k: Value) -> list[Value]:
        """Return the sum of each vector of columns."""
        f, chains = self.f, _CHAINS // self.vectors
        whole = f.let("and", k, constant("i64", -chains))
        with f.loop(0, whole, chains, carried=[b, *[constant(self.type, 0)] * _CHAINS]) as loop:
            at, *sums = loop.carried
            at = opaque(f, at)
            for i in range(chains):
                part = slice(i * self.vectors, (i + 1) * self.vectors)
                sums[part] = self._add(a, f.add(loop.index, i), at, sums[part])
                at = f.offset(at, self.element, self.stride)
            loop.carry(at, *sums)
        at, *sums = loop.results
        with f.loop(whole, k, carried=[at, *sums[: self.vectors]]) as rest:
            at, *first = rest.carried
            rest.carry(f.offset(at, self.element, self.stride), *self._add(a, rest.index, at, first))
        sums[: self.vectors] = rest.results[1:]
        while len(sums) > self.vectors:
            half = len(sums) // 2
            sums = [f.let("fadd", x, y) for x, y in zip(sums[:half], sums[half:], strict=True)]
        return sums

    def store(self, total: Value, pointer: Value, number: int) -> None:
        """Write the store of one vector."""
        at = self.f.offset(pointer, self.element, number * self.lanes)
        if self.mask is None:
            self.f.store(total, at)
        else:
            self.f.masked_store(total, at, self.mask)

    def _add(self, a: Value, index: Value, row: Value, sums: list[Value]) -> list[Value]:
        f = self.f
        factor = f.splat(f.load(self.element, f.offset(a, self.element, index)), self.lanes)
        return [f.intrinsic("fmuladd", factor, self._load(f.offset(row, self.element, v * self.lanes)), x) for v, x in enumerate(sums)]

    def _load(self, at: Value) -> Value:
        return self.f.load(self.type, at) if self.mask is None else self.f.masked_load(self.type, at, self.mask)


def strip_columns(host: Host, element: str) -> int:
    """Return how many columns a strip has."""
    return _STRIP * host.lanes(bytes_of(element))
