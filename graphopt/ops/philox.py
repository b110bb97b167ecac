"""TensorFlow's random number streams (Philox4x32-10) in plain numpy.

Every function here is pure: the same seeds, counter and shape give the same numbers. A random op keeps its counter outside, draws with the
stored value, and then adds `counter_increment(kind, count)` to it. Random bits, and with them uniforms, integers and shuffles, equal
TensorFlow's bit for bit. What goes through log, sin, cos or exp equals them to about one unit in the last place.

A *block* is one output of the generator: four 32-bit words x0 to x3. Block `i` of a stream depends on the two seeds and on `i` only, so any
part of a stream can be drawn without what comes before it.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011); TensorFlow's `philox_random.h`, `random_distributions.h`,
`random_op_cpu.h`, `random_op.cc`, `random_shuffle_op.cc` and `multinomial_op.cc`.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]
Words = NDArray[np.uint64]  # 32-bit values, or block numbers
Maker = Callable[[Words, Words], Array]  # words (x0, x2) and (x1, x3) of n blocks -> numbers[n, per block]

# An op moves its counter by 256 blocks for every number it gives, though most numbers need a quarter of a block. The reserve is for ops
# that reject draws; TensorFlow applies it to all ops.
BLOCKS_PER_OUTPUT = 256
DEFAULT_GRAPH_SEED = 87654321
MAX_SEED = 2**31 - 1

_MASK32 = 0xFFFFFFFF
_LOW = np.array(_MASK32, np.uint64)
_SHIFT = np.array(32, np.uint64)
_MULTIPLIERS = np.array([[0xD2511F53], [0xCD9E8D57]], np.uint64)

_MANTISSA_F16 = np.array(0x3FF, np.uint64)
_MANTISSA_F32 = np.array(0x7FFFFF, np.uint64)
_MANTISSA_F64_HIGH = np.array(0xFFFFF, np.uint64)
_FLOOR_F32 = np.float64(np.float32(1e-7))  # TensorFlow raises a uniform to this before it takes the log

# Groups drawn at a time: the scratch arrays then stay in the processor's cache, and a large draw needs little memory.
_CHUNK = 8192
# Up to this many groups, one call with spare blocks costs less than a second call for the groups that came out short.
_FEW_GROUPS = 1024


@lru_cache(maxsize=1024)
def _round_keys(seed: int) -> tuple[Words, ...]:
    """Return the keys of the ten rounds, each a column `[k0, k1]`."""
    keys = [(seed + i * 0x9E3779B9, (seed >> 32) + i * 0xBB67AE85) for i in range(10)]
    return tuple([np.array([[k0 & _MASK32], [k1 & _MASK32]], np.uint64) for k0, k1 in keys])


def _philox(seed: int, seed2: int, index: Words) -> tuple[Words, Words]:
    """Return the blocks at `index[n]` as words (x0, x2) and (x1, x3), two arrays u64[2, n].

    Numbers of 64 bits hold the products, and a round works on both halves of the state at once. A short draw costs what its number of numpy
    calls costs, and so a round is five.
    """
    evens = np.empty((2, index.size), np.uint64)
    odds, products = np.empty_like(evens), np.empty_like(evens)
    crossed = products[::-1]  # each half of the new state comes from the product of the other half
    np.bitwise_and(index, _LOW, out=evens[0])
    np.right_shift(index, _SHIFT, out=odds[0])
    evens[1] = seed2 & _MASK32
    odds[1] = seed2 >> 32 & _MASK32
    for key in _round_keys(seed):
        np.multiply(evens, _MULTIPLIERS, out=products)
        np.right_shift(crossed, _SHIFT, out=evens)
        np.bitwise_xor(evens, odds, out=evens)
        np.bitwise_xor(evens, key, out=evens)
        np.bitwise_and(crossed, _LOW, out=odds)
    return evens, odds


def _indices(start: int, count: int, stride: int = 1) -> Words:
    """Return `count` block numbers from `start` on, `stride` apart, modulo 2**64."""
    return np.arange(0, count * stride, stride, dtype=np.uint64) + np.uint64(start % 2**64)


def _interleave(evens: Array, odds: Array, dtype: DTypeLike) -> Array:
    """Put (x0, x2) and (x1, x3) back in order: `dtype[n, 4]`."""
    words = np.empty((evens.shape[1], 4), dtype)
    words[:, 0::2] = evens.T
    words[:, 1::2] = odds.T
    return words


def blocks(seed: int, seed2: int, start: int, count: int) -> NDArray[np.uint32]:
    """Return `count` blocks of the stream from block `start` on, as `u32[count, 4]`.

    >>> blocks(0, 0, 0, 1).tolist()
    [[1713891541, 3781805453, 3159862348, 2600524760]]
    """
    return _interleave(*_philox(seed, seed2, _indices(start, count)), np.uint32)


def _uniforms_f16(evens: Words, odds: Words) -> Array:
    return _interleave(evens & _MANTISSA_F16, odds & _MANTISSA_F16, np.float16) * np.float16(2.0**-10)


def _uniforms_f32(evens: Words, odds: Words) -> Array:
    return _interleave(evens & _MANTISSA_F32, odds & _MANTISSA_F32, np.float32) * np.float32(2.0**-23)


def _uniforms_f64(evens: Words, odds: Words) -> Array:
    return _join_words(evens, odds).T


def _join_words(high: Words, low: Words) -> Array:
    """Return the uniforms of 52 bits whose upper 20 are the last of `high` and whose lower 32 are `low`."""
    return ((high & _MANTISSA_F64_HIGH) << _SHIFT | low) * np.float64(2.0**-52)


def _normals_f32(evens: Words, odds: Words) -> Array:
    """Box and Muller's transform of the pairs (x0, x1) and (x2, x3): `f32[n, 4]`.

    Each step is computed in float64 and rounded to float32, as the C library that TensorFlow calls does inside: the bits agree but for one
    number in 65 or so, which is off by the last bit. It also keeps the numbers the same on machines where numpy's float32 routines differ.
    """
    first = np.maximum((evens & _MANTISSA_F32) * 2.0**-23, _FLOOR_F32)
    radius = np.sqrt(np.float32(-2) * np.log(first).astype(np.float32))
    angle = ((odds & _MANTISSA_F32) * 2.0**-23 * (2 * math.pi)).astype(np.float32).astype(np.float64)
    return _interleave(radius * np.sin(angle).astype(np.float32), radius * np.cos(angle).astype(np.float32), np.float32)


def _normals_f64(evens: Words, odds: Words) -> Array:
    """Box and Muller's transform of (x0, x1) with (x2, x3): `f64[n, 2]`."""
    first, second = _join_words(evens, odds)
    radius = np.sqrt(-2 * np.log(np.maximum(first, 1e-7)))
    angle = second * (2 * math.pi)
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)


_UNIFORMS: dict[str, Maker] = {"float16": _uniforms_f16, "float32": _uniforms_f32, "float64": _uniforms_f64}
_PER_BLOCK = {2: 4, 4: 4, 8: 2}  # how many numbers of a size in bytes a block gives
# TensorFlow draws normals of half precision in single precision and rounds them.
_NORMALS: dict[str, Maker] = {"float16": _normals_f32, "float32": _normals_f32, "float64": _normals_f64}


def _check_dtype(dtype: DTypeLike, *allowed: str) -> np.dtype[Any]:
    """Return `dtype` as numpy's, or raise TypeError when it isn't among `allowed`."""
    found = np.dtype(dtype)
    if found.name not in allowed:
        raise TypeError(f"random numbers of dtype {found.name} are not supported; use {', '.join(allowed)}")
    return found


def _fill(shape: Shape, kind: np.dtype[Any], draw: Callable[[int, int], Array]) -> Array:
    """Fill an array, chunk by chunk, from `draw(first_group, groups)`; a group has as many numbers as a block gives."""
    per_group = _PER_BLOCK[kind.itemsize]
    out = np.empty(shape, kind)
    flat = out.reshape(-1)
    for first in range(0, flat.size, _CHUNK * per_group):
        part = flat[first : first + _CHUNK * per_group]
        groups = -(-part.size // per_group)
        part[:] = draw(first // per_group, groups).reshape(-1)[: part.size]
    return out


def _fill_in_order(seed: int, seed2: int, counter: int, shape: Shape, kind: np.dtype[Any], make: Maker) -> Array:
    """Fill an array from consecutive blocks."""
    return _fill(shape, kind, lambda first, groups: make(*_philox(seed, seed2, _indices(counter + first, groups))))


def uniform(seed: int, seed2: int, counter: int, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
    """Draw numbers of [0, 1), as `RandomUniform` does. `dtype` is float16, float32 or float64.

    >>> uniform(1234, 7, 0, (2,), "float64").round(3).tolist()
    [0.376, 0.76]
    """
    kind = _check_dtype(dtype, *_UNIFORMS)
    return _fill_in_order(seed, seed2, counter, shape, kind, _UNIFORMS[kind.name])


def uniform_int(seed: int, seed2: int, counter: int, shape: Shape, low: int, high: int, dtype: DTypeLike = np.int32) -> Array:
    """Draw integers of [low, high), as `RandomUniformInt` does. `dtype` is int32 or int64.

    Raises:
      ValueError: when the range is empty, unless no number is asked for (so does TensorFlow).

    >>> uniform_int(1234, 7, 0, (4,), 0, 10).tolist()
    [4, 5, 1, 1]
    """
    kind = _check_dtype(dtype, "int32", "int64")
    if low >= high and 0 not in shape:
        raise ValueError(f"Need minval < maxval, got {low} >= {high}")
    unsigned = np.dtype(f"uint{8 * kind.itemsize}")
    base = np.array(low, kind).view(unsigned)
    width = np.array(max(high - low, 1), unsigned)

    def make(evens: Words, odds: Words) -> Array:
        bits: Array = (evens | odds << _SHIFT).T if kind.itemsize == 8 else _interleave(evens, odds, unsigned)
        return np.asarray(np.add(bits % width, base).view(kind))  # the sum wraps round, and so is right for a negative `low`

    return _fill_in_order(seed, seed2, counter, shape, kind, make)


def normal(seed: int, seed2: int, counter: int, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
    """Draw from the standard normal distribution, as `RandomStandardNormal` does. `dtype` is float16, float32 or float64.

    >>> normal(1234, 7, 0, (2,), "float64").round(3).tolist()
    [-1.396, 0.088]
    """
    kind = _check_dtype(dtype, *_NORMALS)
    return _fill_in_order(seed, seed2, counter, shape, kind, _NORMALS[kind.name])


def truncated_normal(seed: int, seed2: int, counter: int, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
    """Draw from the standard normal distribution between -2 and 2, as `TruncatedNormal` does. `dtype` is float16, float32 or float64.

    Four numbers (two in float64) form a group, and each group has a part of the stream to itself: it takes normals from there in order and
    keeps those inside the bounds until it has enough.

    >>> bool(abs(truncated_normal(1234, 7, 0, (100,))).max() < 2)
    True
    """
    kind = _check_dtype(dtype, *_NORMALS)
    stride = _PER_BLOCK[kind.itemsize] * BLOCKS_PER_OUTPUT // 4

    def candidates(starts: Words, width: int) -> Array:
        index = np.add.outer(starts, np.arange(width, dtype=np.uint64)).reshape(-1)
        return _NORMALS[kind.name](*_philox(seed, seed2, index)).reshape(starts.size, -1)

    def draw(first: int, groups: int) -> Array:
        return _keep_inside(_indices(counter + first * stride, groups, stride), _PER_BLOCK[kind.itemsize], candidates)

    return _fill(shape, kind, draw)


def _keep_inside(starts: Words, per_group: int, candidates: Callable[[Words, int], Array]) -> Array:
    """Return the first `per_group` of each group's candidates that lie inside the bounds.

    Groups that come out short are drawn again with twice as many blocks. One in six needs a second block, one in 10**5 a third.
    """
    width = 2 if starts.size <= _FEW_GROUPS else 1
    values, short = _first_inside(candidates(starts, width), per_group)
    while short.size:
        width *= 2
        values[short], still = _first_inside(candidates(starts[short], width), per_group)
        short = short[still]
    return values


def _first_inside(drawn: Array, per_group: int) -> tuple[Array, NDArray[np.intp]]:
    """Return the first numbers of each row that lie inside the bounds, and which rows have too few of them."""
    inside = np.abs(drawn) < 2
    if drawn.shape[1] == per_group:  # nothing to choose from
        return drawn, np.flatnonzero(~inside.all(axis=1))
    order = np.argsort(~inside, axis=1, kind="stable")[:, :per_group]
    return np.take_along_axis(drawn, order, axis=1), np.flatnonzero(inside.sum(axis=1) < per_group)


def shuffle_permutation(seed: int, seed2: int, counter: int, n: int) -> NDArray[np.int64]:
    """Return the permutation i64[n] of `RandomShuffle`: the shuffled value is `value[permutation]`.

    >>> shuffle_permutation(1234, 7, 0, 5).tolist()
    [4, 2, 0, 1, 3]
    """
    order, swaps = list(range(n)), max(n - 1, 0)
    words = blocks(seed, seed2, counter, -(-swaps // 4)).reshape(-1)[:swaps].astype(np.int64)
    here = np.arange(swaps, dtype=np.int64)
    for i, j in enumerate((here + words % (n - here)).tolist()):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def multinomial(seed: int, seed2: int, counter: int, logits: ArrayLike, num_samples: int, dtype: DTypeLike = np.int64) -> Array:
    """Draw `num_samples` classes for each row of `logits[batch, classes]`, as `Multinomial` does: `dtype[batch, num_samples]`.

    A draw looks up a float64 uniform in the row's running sum of `exp(logits - max)`. A logit that isn't finite stands for a class that
    never comes; a row without a finite logit gives `classes`, one past the last, as in TensorFlow. TensorFlow may divide a large batch
    among threads, and then its numbers depend on how many there are; these are the numbers of one thread.

    Raises:
      ValueError: when there are no classes.

    >>> multinomial(1234, 7, 0, [[0.0, -np.inf]], 3).tolist()
    [[0, 0, 0]]
    """
    kind = _check_dtype(dtype, "int32", "int64")
    rows = np.asarray(logits).astype(np.float64)
    if rows.shape[1] == 0:
        raise ValueError("num_classes should be positive, got 0")
    rows = np.where(np.isfinite(rows), rows, -np.inf)
    top = rows.max(axis=1, keepdims=True)
    sums = np.cumsum(np.exp(rows - np.where(np.isfinite(top), top, 0.0)), axis=1)
    wanted = uniform(seed, seed2, counter, (len(rows), num_samples), np.float64) * sums[:, -1:]
    out = np.empty(wanted.shape, kind)
    if num_samples < len(rows):  # the shorter of two loops
        for column in range(num_samples):
            out[:, column] = np.count_nonzero(sums <= wanted[:, column, None], axis=1)
    else:
        for row in range(len(rows)):
            out[row] = np.searchsorted(sums[row], wanted[row], side="right")
    return out


class _PairStreams:
    """A stream for each of many samples, read as float64 numbers that come in pairs, the second of a pair first."""

    def __init__(self, seed: int, seed2: int, starts: Words) -> None:
        self._seeds = (seed, seed2)
        self._next = starts
        self._pairs: dict[Maker, Array] = {make: np.empty((starts.size, 2)) for make in (_normals_f64, _uniforms_f64)}
        self._left: dict[Maker, Array] = {make: np.zeros(starts.size, np.intp) for make in (_normals_f64, _uniforms_f64)}

    def take(self, make: Maker, samples: NDArray[np.intp]) -> Array:
        """Return the next number of the sort that `make` gives, for each of `samples`."""
        left, pairs = self._left[make], self._pairs[make]
        empty = samples[left[samples] == 0]
        pairs[empty] = make(*_philox(*self._seeds, self._next[empty]))
        self._next[empty] += np.uint64(1)
        left[empty] = 2
        left[samples] -= 1
        return np.asarray(pairs[samples, left[samples]])


def gamma(seed: int, seed2: int, counter: int, shape: Shape, alpha: ArrayLike) -> Array:
    """Draw from gamma distributions of rate 1, as `RandomGamma` does: `[*shape, *alpha.shape]` of alpha's dtype, a float type.

    The method is Marsaglia and Tsang's, "A simple method for generating gamma variables" (2000). Each sample has 256 blocks of the stream
    to itself, so that a rejected draw moves no other sample. A negative alpha or NaN gives NaN (TensorFlow's kernel may not return).

    >>> gamma(1234, 7, 0, (3,), np.float32([0.5, 2.0])).shape
    (3, 2)
    """
    given = np.asarray(alpha)
    kind = _check_dtype(given.dtype, *_UNIFORMS)
    each = math.prod(shape)
    alphas = np.repeat(given.reshape(-1).astype(np.float64), each)
    streams = _PairStreams(seed, seed2, _indices(counter, alphas.size, BLOCKS_PER_OUTPUT))
    values = np.full(alphas.shape, np.nan)
    ones = np.flatnonzero(alphas == 1)  # the exponential distribution
    values[ones] = -np.log1p(-streams.take(_uniforms_f64, ones))
    with np.errstate(all="ignore"):  # log(0) stands for a draw that is accepted, 1 / 0 for the power when alpha is 0
        _marsaglia_tsang(streams, alphas, np.flatnonzero((alphas >= 0) & (alphas != 1)), values)
        return values.reshape(given.size, each).T.reshape(shape + given.shape).astype(kind)


def _marsaglia_tsang(streams: _PairStreams, alphas: Array, todo: NDArray[np.intp], values: Array) -> None:
    """Put a draw for each of the samples `todo` into `values`."""
    boosted = todo[alphas[todo] < 1]  # drawn for alpha + 1 and then scaled
    d = np.where(alphas < 1, alphas + 2.0 / 3, alphas - 1.0 / 3)
    c = 1.0 / 3 / np.sqrt(d)
    while todo.size:
        x = streams.take(_normals_f64, todo)
        v = 1 + c[todo] * x
        possible = v > 0
        tried, x, v = todo[possible], x[possible], v[possible]
        u, v = streams.take(_uniforms_f64, tried), v * v * v
        squeezed = u < 1 - 0.0331 * (x * x) * (x * x)
        accepted = squeezed | (np.log(u) < 0.5 * x * x + d[tried] * (1 - v + np.log(v)))
        values[tried[accepted]] = d[tried[accepted]] * v[accepted]
        todo = np.setdiff1d(todo, tried[accepted], assume_unique=True)
    values[boosted] *= streams.take(_uniforms_f64, boosted) ** (1 / alphas[boosted])


def counter_increment(kind: str, count: int) -> int:
    """Return by how much one run of an op moves its counter.

    `kind` is "shuffle" or the name of a drawing function of this module. `count` is the number of values drawn; for "shuffle" the size
    of the first dimension (0 when the value has no elements), for "multinomial" what `multinomial_count` gives.

    >>> counter_increment("uniform", 6), counter_increment("shuffle", 6)
    (1536, 2)
    """
    if kind == "shuffle":
        return (count + 2) // 4 if count > 1 else 0
    if kind not in ("uniform", "uniform_int", "normal", "truncated_normal", "multinomial", "gamma"):
        raise ValueError(f"no random op of the kind {kind!r}")
    return count * BLOCKS_PER_OUTPUT


def multinomial_count(batch: int, num_samples: int) -> int:
    """Return the words TensorFlow reserves for `Multinomial`: two for each sample, with the samples of a row rounded up to four."""
    return batch * -(-num_samples // 4) * 8


def seed_pair(graph_seed: int | None, op_seed: int | None, name: str) -> tuple[int, int]:
    """Return the seeds (seed, seed2) of an op from its graph's seed, its own, and its name.

    For an op seed that isn't given TensorFlow takes the number of operations made before; here the op's name gives it, so that adding an op
    elsewhere changes no number. When no seed is given the pair comes from the system's entropy.

    >>> seed_pair(1, 2, "noise"), seed_pair(None, 2, "noise"), seed_pair(0, 0, "noise")
    ((1, 2), (87654321, 2), (0, 2147483647))
    """
    if graph_seed is None and op_seed is None:
        return 1 + secrets.randbelow(MAX_SEED - 1), 1 + secrets.randbelow(MAX_SEED - 1)
    if op_seed is None:
        op_seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    pair = (DEFAULT_GRAPH_SEED if graph_seed is None else int(graph_seed) % MAX_SEED, int(op_seed) % MAX_SEED)
    return (0, MAX_SEED) if pair == (0, 0) else pair
