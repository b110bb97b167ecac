"""Random programs of elementwise steps and reductions over one shape, on operands that lie in memory in every way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from running import unaligned
from whole_programs import Feeds, call, fetching

from graphopt.dtypes import as_dtype
from graphopt.ir.node import Node
from graphopt.ir.program import Program
from graphopt.ir.samples import SPECIAL
from graphopt.ops import elementwise as ops
from graphopt.ops.array import transpose_op
from graphopt.ops.broadcast import broadcast_to, reduce_sum_op
from graphopt.ops.elementwise.choice import cast_op
from graphopt.ops.reduce import reduce_all_op, reduce_any_op, reduce_max_op, reduce_min_op, reduce_prod_op

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_LONG = 10_007
_MOST_ELEMENTS = 100_000

_ARITHMETIC = (ops.add, ops.subtract, ops.multiply, ops.maximum, ops.minimum)
_COMPARISONS = (ops.less, ops.less_equal, ops.equal, ops.not_equal, ops.greater, ops.greater_equal)
_OF_ONE = (ops.negative, ops.absolute, ops.square, ops.sign, ops.round_)
_OF_ONE_FLOAT = (ops.sqrt, ops.floor, ops.ceil, ops.rint, ops.is_nan, ops.is_inf, ops.is_finite, ops.reciprocal)
_BITS = (ops.bitwise_and, ops.bitwise_or, ops.bitwise_xor)
_REDUCTIONS = (reduce_sum_op, reduce_sum_op, reduce_max_op, reduce_min_op, reduce_prod_op)


def random_values(random: np.random.Generator, dtype: Any, shape: Sequence[int]) -> Any:
    """Return random values; at times special ones among them, or whole numbers of the type's full range."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(random.random(shape) < 0.5)
    is_wild = random.random() < 0.3
    if kind == "f":
        values = np.asarray(2 * random.standard_normal(shape)).astype(dtype)
        with np.errstate(over="ignore"):
            special = random.choice(SPECIAL, shape).astype(dtype)
        return np.where(random.random(shape) < 0.1, special, values) if is_wild else values
    limits = np.iinfo(dtype)
    if is_wild:
        return np.asarray(random.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True))
    return np.asarray(random.integers(max(-5, limits.min), 6, shape)).astype(dtype)


class RandomLoop:
    """A random program.

    Args:
      seed: chooses everything.

    Attributes:
      program: the program. feeds: what it is fed.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.feeds = Feeds()
        self.shape = self._shape()
        dtype = str(self.random.choice([*FLOATS, *["float32"] * 3, *INTEGERS, "bool"]))
        self.pool = [self._operand(dtype) for _ in range(self._below(3) + 1)]
        for _ in range(self._below(6) + 1):
            self.pool += self._step()
        outputs = [self.pool[-1]]
        if self.random.random() < 0.4:
            outputs.append(self._one_of(self.pool))
        if self.random.random() < 0.6:
            outputs += [self._reduction(self._one_of(self.pool[-2:])) for _ in range(self._below(2) + 1)]
        self.program: Program = fetching(*outputs)

    def _below(self, limit: int) -> int:
        return int(self.random.integers(limit))

    def _one_of(self, things: Sequence[Any]) -> Any:
        return things[self._below(len(things))]

    def _shape(self) -> tuple[int, ...]:
        rank = self._below(6)
        shape = [self._one_of((0, 1, 2, 3, 5, 7, 13, 17, 31) if rank > 2 else (0, 1, 2, 7, 16, 17, 31, 64, 97, 257)) for _ in range(rank)]
        if self.random.random() < 0.7:
            shape = [max(1, size) for size in shape]
        if rank in (1, 2) and self.random.random() < 0.25:
            shape = [min(size, 3) for size in shape]
            shape[self._below(rank)] = _LONG
        while np.prod(shape) > _MOST_ELEMENTS:
            shape = [max(1, size // 2) for size in shape]
        return tuple(shape)

    def _fed(self, dtype: str, shape: Sequence[int]) -> Node:
        return self.feeds(unaligned(random_values(self.random, dtype, tuple(shape))))

    def _operand(self, dtype: str) -> Node:
        """Return an operand that fits the shape with broadcasting: a feed, or a view of one."""
        shape = list(self.shape)
        if self.random.random() < 0.4:
            shape = [1 if self.random.random() < 0.4 else size for size in shape]
            if self.random.random() < 0.3:
                shape = shape[self._below(len(shape) + 1) :]
        views: list[Callable[[str, list[int]], Node]] = [self._transposed, self._reversed, self._strided, self._repeated]
        choice = self._below(7)
        return views[choice](dtype, shape) if shape and choice < len(views) else self._fed(dtype, shape)

    def _transposed(self, dtype: str, shape: list[int]) -> Node:
        order = [int(axis) for axis in self.random.permutation(len(shape))]
        source = [shape[order.index(axis)] for axis in range(len(shape))]
        return call(transpose_op, self._fed(dtype, source), perm=tuple(order))

    def _reversed(self, dtype: str, shape: list[int]) -> Node:
        axis = self._below(len(shape))
        return _sliced(self._fed(dtype, shape), axis, slice(None, None, -1))

    def _strided(self, dtype: str, shape: list[int]) -> Node:
        axis, step, first = self._below(len(shape)), self._below(3) + 1, self._below(3)
        end = first + shape[axis] * step
        source = [end if i == axis else size for i, size in enumerate(shape)]
        return _sliced(self._fed(dtype, source), axis, slice(first, end, step))

    def _repeated(self, dtype: str, shape: list[int]) -> Node:
        source = [1 if self.random.random() < 0.5 else size for size in shape]
        return call(broadcast_to, self._fed(dtype, source), np.array(shape, np.int32))

    def _another(self, dtype: str) -> Node:
        known = [node for node in self.pool if node.dtype.name == dtype]
        return self._operand(dtype) if not known or self.random.random() < 0.15 else self._one_of(known)

    def _step(self) -> list[Node]:
        """Return a new step, or nothing when what was chosen doesn't go with its operand."""
        dtype = str(self._one_of([node.dtype.name for node in self.pool]))
        x, kind, choice = self._another(dtype), np.dtype(dtype).kind, self._below(12)
        if choice == 7:
            return [call(ops.select, self._another("bool"), x, self._another(dtype))]
        if choice == 8:
            to = str(self._one_of((*FLOATS, *INTEGERS, "bool")))
            # What a float beyond the type's range becomes depends on how many there are, in NumPy itself.
            return [] if to == dtype or (kind == "f" and to == "uint32") else [call(cast_op, x, dtype=as_dtype(to))]
        if kind == "b":
            of_two = self._one_of((ops.logical_and, ops.logical_or))
            return [call(of_two, x, self._another(dtype)) if choice < 4 else call(ops.logical_not, x)]
        if choice < 4:
            return [call(self._one_of(_ARITHMETIC), x, self._another(dtype))]
        if choice == 6:
            return [call(self._one_of(_COMPARISONS), x, self._another(dtype))]
        if kind == "f" and choice > 8:
            of_two = self._one_of((ops.divide, ops.div_no_nan))
            return [call(of_two, x, self._another(dtype)) if choice == 10 else call(self._one_of(_OF_ONE_FLOAT), x)]
        return [call(self._one_of(_BITS), x, self._another(dtype)) if choice > 8 else call(self._one_of(_OF_ONE), x)]

    def _reduction(self, x: Node) -> Node:
        axes = None if self.random.random() < 0.25 else tuple([axis for axis in range(len(x.shape)) if self.random.random() < 0.5])
        op = self._one_of((reduce_all_op, reduce_any_op) if x.dtype.is_bool else _REDUCTIONS)
        return call(op, x, axis=axes, keepdims=bool(self.random.random() < 0.4))


def _sliced(x: Node, axis: int, part: slice) -> Node:
    return call(lambda value: value[tuple([part if i == axis else slice(None) for i in range(len(x.shape))])], x)
