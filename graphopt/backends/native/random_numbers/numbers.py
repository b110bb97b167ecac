"""Words of random blocks to random numbers: uniforms, normals, integers, in the order in which they stand in the result."""

from __future__ import annotations

from graphopt.backends.native.emitter import Function, Value, constant, lanes_of
from graphopt.backends.native.math.lanes import Lanes
from graphopt.backends.native.random_numbers.normals import normal_pair
from graphopt.backends.native.random_numbers.stream import Words

_LOW = 0xFFFFFFFF
_ONE = {"float": 0x3F800000, "double": 0x3FF0000000000000}  # the bits of 1.0
_MANTISSA = {"float": 0x7FFFFF, "double": 0xFFFFFFFFFFFFF}
_BITS_OF_2_52 = 0x4330000000000000


def _interleaved(function: Function, *vectors: Value) -> Value:
    """Return the first lanes of the vectors one after the other, then the second ones, and so on."""
    result = vectors[0]
    if len(vectors) == 4:
        a, b = (_interleaved(function, *vectors[i::2]) for i in range(2))
        return _interleaved(function, a, b)
    if len(vectors) == 2:
        lanes = lanes_of(result.type)
        result = function.shuffle(*vectors, [i + half for i in range(lanes) for half in (0, lanes)])
    return result


def _pairs(function: Function, words: Words, high_first: bool) -> list[Value]:
    """Return the words (x0, x1) and (x2, x3) as numbers of 64 bits."""
    pairs = []
    for first, second in (words[:2], words[2:]):
        high, low = (first, second) if high_first else (second, first)
        pairs.append(function.let("or", function.let("shl", high, constant(high.type, 32)), low))
    return pairs


def bits_of(function: Function, words: Words) -> Value:
    """Return the words as i32."""
    pairs = _interleaved(function, *_pairs(function, words, high_first=False))
    return function.value(f"<{2 * lanes_of(pairs.type)} x i32>", f"bitcast {pairs} to <{2 * lanes_of(pairs.type)} x i32>")


def fractions(function: Function, bits: Value, element: str) -> Value:
    """Return the numbers of [0, 1) with these mantissas, other bits aside: that of 1.0 to 2.0, less 1."""
    mantissa = function.let("and", bits, constant(bits.type, _MANTISSA[element]))
    number = function.convert("bitcast", function.let("or", mantissa, constant(bits.type, _ONE[element])), element)
    return function.let("fsub", number, constant(number.type, 1.0))


def uniforms(function: Function, words: Words, element: str) -> Value:
    """Return the numbers of [0, 1) that blocks give, in an element type."""
    if element == "double":
        return _interleaved(function, *[fractions(function, pair, element) for pair in _pairs(function, words, high_first=True)])
    bits = bits_of(function, words)
    if element == "float":
        return fractions(function, bits, element)
    # The ten bits of half precision lead the mantissa of a float, which then is rounded without loss.
    lifted = function.let("shl", bits, constant(bits.type, 13))
    return function.convert("fptrunc", fractions(function, lifted, "float"), "half")


def normals(function: Function, words: Words, element: str) -> Value:
    """Return the numbers of the standard normal distribution that blocks give, in an element type."""
    if element == "double":
        first, second = (fractions(function, pair, "double") for pair in _pairs(function, words, high_first=True))
        return _interleaved(function, *normal_pair(function, first, second, "double"))
    # The 23 bits of a float lead the mantissa of a double.
    x0, x1, x2, x3 = (fractions(function, function.let("shl", word, constant(word.type, 29)), "double") for word in words)
    numbers = _interleaved(function, *normal_pair(function, x0, x1, "float"), *normal_pair(function, x2, x3, "float"))
    return numbers if element == "float" else function.convert("fptrunc", numbers, "half")


def _below(function: Function, words: Words, width: Value) -> Value:
    """Return the words modulo `width` (i32, above 0), as i32. The quotients of such numbers are right in double precision."""
    wide = function.convert("uitofp", width, "double")
    divisor = Lanes(function, function.splat(wide, lanes_of(words[0].type)))
    rests = []
    for word in words:
        x = (Lanes(function, word) | _BITS_OF_2_52).bits() - 2.0**52
        quotient = Lanes(function, function.intrinsic("floor", (x / divisor).value))
        rests.append(((x - quotient * divisor + 2.0**52).bits() & _LOW).value)
    return bits_of(function, rests)


def integers(function: Function, words: Words, low: Value, high: Value) -> Value:
    """Return the integers of [low, high) that blocks give; both bounds (i32 or i64) are of the result's type."""
    one = constant(low.type, 1)
    difference = function.let("sub", high, low)
    width = function.select(function.compare("sgt", high, low), difference, one)
    if low.type == "i64":
        bits = _interleaved(function, *_pairs(function, words, high_first=False))
        rests = function.let("urem", bits, function.splat(width, lanes_of(bits.type)))
    else:
        rests = _below(function, words, width)
    return function.add(rests, function.splat(low, lanes_of(rests.type)))
