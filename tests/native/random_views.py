"""Random programs of views, loops and kernels, with variables that are given new values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from whole_programs import Feeds, call, fetching

from graphopt.ir.node import NODES, Node
from graphopt.ir.program import Program
from graphopt.ops import elementwise as ops
from graphopt.ops.array import concat_op, expand_dims_op, identity, reshape_op, split_sizes, transpose_op, unstack_op
from graphopt.ops.broadcast import broadcast_to, reduce_sum_op
from graphopt.ops.indexing import gather_op
from graphopt.ops.layout import reverse_op, tile_op
from graphopt.ops.linalg import matmul_op
from graphopt.ops.nd import nd_add
from graphopt.ops.padding import pad_op
from graphopt.ops.sequence import cumsum_op
from graphopt.testing.calls import in_program

_MOST_ELEMENTS = 400


class RandomViews:
    """A random program.

    Args:
      seed: chooses everything.

    Attributes:
      program: the program. feeds: what it is fed, variables among it.
    """

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.feeds = Feeds()
        self.pool: list[Node] = []
        rows, columns = self._below(6) + 1, self._below(6) + 1
        types = ("float32", "float64", "int32")[: self._below(3) + 1]
        for shape in ((rows, columns), (columns, rows), (columns,), (rows, columns, 2)):
            values = self.random.integers(-3, 4, shape).astype(str(self._one_of(types)))
            self.pool.append(self.feeds(values, "variable" if self._below(2) else "feed"))
        variables = [node for node in self.pool if node.attributes["kind"] == "variable"]
        for _ in range(self._below(20) + 3):
            x = self.pool[-1 - min(int(self.random.geometric(0.3)) - 1, len(self.pool) - 1)]
            made = self._one_of((self._view, self._view, self._kernel, self._loop, self._loop))(x)
            self.pool += [node for node in made if 0 < np.prod(node.shape) <= _MOST_ELEMENTS]
        outputs = [self._one_of(self.pool) for _ in range(self._below(3) + 1)]
        self.program: Program = fetching(*outputs, **self._updates(variables))

    def _below(self, limit: int) -> int:
        return int(self.random.integers(limit))

    def _one_of(self, things: Sequence[Any]) -> Any:
        return things[self._below(len(things))]

    def _updates(self, variables: Sequence[Node]) -> dict[str, Node]:
        updates = {}
        for variable in variables:
            fitting = [node for node in self.pool if node.types == variable.types and node is not variable]
            if fitting and self._below(5):
                updates[variable.attributes["name"]] = self._one_of(fitting[-2:])
        return updates

    def _view(self, x: Node) -> Sequence[Node]:
        shape, rank = x.shape, len(x.shape)
        longest = int(np.argmax(shape)) if rank else 0
        choice = self._below(8)
        if choice == 0:
            return [call(expand_dims_op, x, axis=self._below(rank + 1))]
        if choice == 1:
            size = int(np.prod(shape))
            rows = self._one_of([n for n in range(1, 7) if size % n == 0])
            return [call(reshape_op, x, np.array(self._one_of([(size,), (rows, size // rows)]), np.int32))]
        if choice == 2:
            return [call(identity, x)]
        if choice == 3 and rank <= 2:
            return [call(broadcast_to, x, np.array((self._below(3) + 1, *shape), np.int32))]
        if choice == 4 and rank:
            return [call(transpose_op, x, perm=tuple([int(axis) for axis in self.random.permutation(rank)]))]
        if choice == 5 and rank:
            parts = tuple([slice(None, None, -1) if self._below(2) else slice(self._below(min(size, 2)), None) for size in shape])
            return [call(lambda value: value[parts], x)]
        if choice == 6 and rank and shape[longest] > 1:
            first = self._below(shape[longest] - 1) + 1
            return in_program(split_sizes, x, sizes=(first, shape[longest] - first), axis=longest)
        if choice == 7 and rank and shape[longest] < 7:
            return in_program(unstack_op, x, num=shape[longest], axis=longest)
        return []

    def _kernel(self, x: Node) -> Sequence[Node]:
        shape, rank = x.shape, len(x.shape)
        choice = self._below(8)
        if not rank:
            return []
        if choice == 0:
            return [call(cumsum_op, x)]
        if choice == 1:
            return [call(gather_op, x, np.array([0, shape[0] - 1, 0], np.int32))]
        if choice == 2:
            return [call(tile_op, x, np.array([2] + [1] * (rank - 1), np.int32))]
        if choice == 3:
            return [call(pad_op, x, np.array([[1, 0]] * rank, np.int32))]
        if choice == 4:
            return [call(reverse_op, x, axis=(0,))]
        alike = [node for node in self.pool if node.dtype is x.dtype and len(node.shape) == rank]
        if choice == 5:
            update = self._one_of([node for node in alike if node.shape == shape])
            indices = NODES.constant(self.random.permutation(shape[0]).astype(np.int32).reshape(-1, 1), None)
            return [call(nd_add, x, indices, update)]
        if choice == 6:
            return in_program(concat_op, x, self._one_of([node for node in alike if node.shape[1:] == shape[1:]]), axis=0)
        factors = [node for node in alike if rank == 2 and node.shape[0] == shape[1]]
        return [call(matmul_op, x, self._one_of(factors))] if factors else []

    def _loop(self, x: Node) -> Sequence[Node]:
        fitting = [node for node in self.pool if node.dtype is x.dtype and node.shape in (x.shape, x.shape[1:], ())]
        choice = self._below(6)
        if choice == 5:
            axes = tuple([axis for axis in range(len(x.shape)) if self._below(2)])
            return [call(reduce_sum_op, x, axis=axes, keepdims=bool(self._below(2)))]
        # Numbers stay small, so that sums are exact in every order.
        of_two = (ops.add, ops.subtract, ops.maximum, ops.minimum)
        return [call(ops.sign, x)] if choice == 4 else [call(of_two[choice], x, self._one_of(fitting))]
