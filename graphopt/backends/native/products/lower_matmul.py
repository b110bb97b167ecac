"""How a matrix product runs: which kernel it gets, and how its work is divided."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import bytes_of, is_float
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Kernel, Pointer, Symbol
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.products import blas
from graphopt.backends.native.products.dots import DotProducts, columns_at_once, rows_at_once
from graphopt.backends.native.products.gemm import SINGLE, Batch, InnerLoop, RowLoop
from graphopt.backends.native.products.generated import Factors, grain, loops_call
from graphopt.backends.native.products.vectors import VectorProduct, strip_columns
from graphopt.backends.native.products.whole_numbers import WholeNumberProduct
from graphopt.ir.node import Node
from graphopt.ops.linalg import matmul_op

# Turning a panel of B over costs a quarter of a cycle for each element, adding up the lanes of a dot product some two cycles.
_DOTS_FROM = 8


@dataclass(frozen=True)
class Matrices:
    """A product ``C = A B`` of matrices in memory.

    Attributes:
      a, b, c: their addresses. m, n, k: A is [m, k] and B [k, n]. a_turned, b_turned: it stands transposed. element: its type.
      batch: how many products, with the elements from one to the next.
    """

    a: Argument
    b: Argument
    c: Argument
    m: int
    n: int
    k: int
    a_turned: bool
    b_turned: bool
    element: str
    batch: Batch = SINGLE

    @property
    def turned_over(self) -> Matrices:
        """The same memory as the product of the transposes: C' = B' A'. Where n is 1, C' stands in memory as C does."""
        batch = Batch(self.batch.size, self.batch.b, self.batch.a, self.batch.c)
        return Matrices(self.b, self.a, self.c, self.n, self.m, self.k, not self.b_turned, not self.a_turned, self.element, batch)

    @property
    def multiplications(self) -> int:
        """How many there are in each product."""
        return self.m * self.n * self.k


@lowers(matmul_op)
def lower_matmul(node: Node, host: Host) -> list[Call]:
    """Return the calls of a matrix product."""
    a, b = node.inputs
    element = element_type(node)
    if element == "half":
        raise NotLowered("there is no fast matrix product of float16")
    m, n = node.shape[-2:]
    turned = bool(node.attributes["transpose_a"]), bool(node.attributes["transpose_b"])
    k = a.shape[-2] if turned[0] else a.shape[-1]
    batch = _batch(a.shape, b.shape, m * n)
    if batch.size > 1 and not batch.b and not turned[0]:
        # One matrix for all: the rows of the batch are the rows of one product.
        m, batch = m * batch.size, SINGLE
    return product_calls(Matrices(Pointer(a), Pointer(b), Pointer(node), m, n, k, *turned, element, batch), host)


def product_calls(x: Matrices, host: Host) -> list[Call]:
    """Return the calls of a product."""
    if x.m == 0 or x.n == 0 or x.batch.size == 0:
        return []
    if x.n == 1 and x.m > 1:
        x = x.turned_over
    if not is_float(x.element):
        return [_whole_number_call(x)]
    if blas.uses_blas(x.m, x.n, x.k, x.element, host):
        return [_blas_call(x)]
    rows_are_whole = not x.a_turned or x.m == 1
    if x.b_turned and rows_are_whole and x.k >= _DOTS_FROM * x.m:
        return [_dot_call(x, host)]
    if x.m == 1 and not x.b_turned:
        return [_vector_call(x, host)]
    return [_generated_call(x, host)]


def _batch(a: tuple[int, ...], b: tuple[int, ...], c_step: int) -> Batch:
    """Return how to go through the batch.

    Raises:
      NotLowered: where the axes of both are broadcast.
    """
    sizes = [math.prod(shape[:-2]) for shape in (a, b)]
    lead = [(1,) * (max(len(a), len(b)) - len(shape)) + shape[:-2] for shape in (a, b)]
    a_step, b_step = (0 if size == 1 else math.prod(shape[-2:]) for size, shape in zip(sizes, (a, b), strict=True))
    if 1 not in sizes and lead[0] != lead[1]:
        raise NotLowered("both operands are broadcast over the batch")
    return Batch(0 if 0 in sizes else max(sizes), a_step, b_step, c_step)


def _call(x: Matrices, kernel: Kernel, words: tuple[Argument, ...], extent: int) -> Call:
    size, count = bytes_of(x.element), x.batch.size
    moved = size * count * (x.m * x.k + x.k * x.n + x.m * x.n)
    fewest = min(grain(x.multiplications * count // extent, x.m), extent)
    return Call(kernel, words, extent, fewest, flops=2 * x.multiplications * count, bytes_moved=moved)


def _generated_call(x: Matrices, host: Host) -> Call:
    factors = Factors(x.a, x.b, x.c, x.element, x.n, x.k if x.b_turned else x.n, by_columns=x.b_turned)
    rows, inner = RowLoop(x.m, 1 if x.a_turned else x.k, x.n), InnerLoop(x.k, x.m if x.a_turned else 1)
    return loops_call(factors, [rows], [inner], host, x.batch)


def _dot_call(x: Matrices, host: Host) -> Call:
    rows = 1 if x.m == 1 else rows_at_once(host, x.element)
    groups = -(-x.n // columns_at_once(host, x.element, rows))
    words = (x.a, x.b, x.c, x.m, x.n, x.k, *x.batch)
    return _call(x, DotProducts(x.element, rows), words, groups)


def _vector_call(x: Matrices, host: Host) -> Call:
    words = (x.a, x.b, x.c, x.n, x.k, *x.batch)
    return _call(x, VectorProduct(x.element), words, -(-x.n // strip_columns(host, x.element)))


def _blas_call(x: Matrices) -> Call:
    strides = x.m if x.a_turned else x.k, x.k if x.b_turned else x.n
    words = (x.a, x.b, x.c, Symbol(blas.symbol(x.element)), x.m, x.n, x.k, *(max(1, stride) for stride in strides),
             int(x.a_turned), int(x.b_turned), x.batch.a, x.batch.b, x.batch.c)  # fmt: skip
    return _call(x, blas.BlasProduct(x.element), words, x.batch.size)


def _whole_number_call(x: Matrices) -> Call:
    a = (1, x.m) if x.a_turned else (x.k, 1)
    b = (1, x.k) if x.b_turned else (x.n, 1)
    words = (x.a, x.b, x.c, x.m, x.n, x.k, *a, *b, *x.batch)
    return _call(x, WholeNumberProduct(x.element), words, x.m)
