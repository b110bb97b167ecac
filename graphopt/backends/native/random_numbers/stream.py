"""Blocks of TensorFlow's random streams (Philox4x32-10), a vector of them at once.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); see `graphopt.ops.philox`.
"""

from __future__ import annotations

from graphopt.backends.native.emitter import Function, Value, constant

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LOW = 0xFFFFFFFF

# Words x0 to x3 of a vector of blocks, each in the low half of an i64.
Words = list[Value]


class Stream:
    """The blocks of a stream, while a kernel is written.

    Args:
      function: the kernel. seed, seed2: the stream's (i64). lanes: how many blocks are made at once.
    """

    def __init__(self, function: Function, seed: Value, seed2: Value, lanes: int) -> None:
        self._function = function
        self._lanes = lanes
        halves = [self._halves(seed), self._halves(seed2)]
        self._keys, self._second = [[function.splat(half, lanes) for half in pair] for pair in halves]

    def _halves(self, number: Value) -> list[Value]:
        low = self._function.let("and", number, constant(number.type, _LOW))
        return [low, self._function.let("lshr", number, constant(number.type, 32))]

    def words(self, blocks: Value) -> Words:
        """Return the words of the blocks with these numbers (i64, a vector)."""
        function = self._function
        state = [*self._halves(blocks), *self._second]
        with function.loop(0, constant("i64", _ROUNDS), carried=[*state, *self._keys]) as loop:
            # Only the low halves count: the products ask for them, and the last words are cut to them.
            x0, x1, x2, x3, k0, k1 = loop.carried
            p0, p2 = (function.mul(self._low(x), factor) for x, factor in zip((x0, x2), _MULTIPLIERS, strict=True))
            keys = [function.add(key, step) for key, step in zip((k0, k1), _KEY_STEPS, strict=True)]
            loop.carry(self._crossed(p2, x1, k0), p2, self._crossed(p0, x3, k1), p0, *keys)
        return [self._low(word) for word in loop.results[:4]]

    def _low(self, x: Value) -> Value:
        return self._function.let("and", x, constant(x.type, _LOW))

    def _crossed(self, product: Value, other: Value, key: Value) -> Value:
        high = self._function.let("lshr", product, constant(product.type, 32))
        return self._function.let("xor", self._function.let("xor", high, other), key)


def seed_arguments(seed: int, seed2: int) -> tuple[int, int]:
    """Return the seeds as they stand in a record: modulo 2**64, signed."""
    first, second = ((number + 2**63) % 2**64 - 2**63 for number in (seed, seed2))
    return first, second


def consecutive(function: Function, first: Value, lanes: int, step: int = 1) -> Value:
    """Return a vector of numbers from `first` (i64) on, `step` apart."""
    steps = ", ".join(f"i64 {lane * step}" for lane in range(lanes))
    return function.let("add", function.splat(first, lanes), Value(f"<{steps}>", f"<{lanes} x i64>"))


def numbers_of_block(number_bytes: int) -> int:
    """Return how many numbers of a size a block gives."""
    return 16 // max(4, number_bytes)
