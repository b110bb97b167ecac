"""The mathematical functions of vectors are as exact as they promise, for numbers of every kind; `exhaustive_math.py` looks at all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from math_arrays import BOUNDS, REFERENCES, TWO_OPERANDS, Array, compute, ulps

from graphopt.backends.native.host import this_host

ONE_OPERAND = [name for name in REFERENCES if name not in TWO_OPERANDS]
LANES = (1, 4, 8, 16)

SPECIAL = np.array(
    [0.0, 1e-45, 1e-40, 2.0**-126, 1e-30, 2.0**-25, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 2.0**23 + 1, 2.0**24, 2.0**25, 2.0**100,
     np.finfo(np.float32).max, np.inf, np.nan], np.float32)  # fmt: skip
SPECIAL = np.concatenate([SPECIAL, -SPECIAL])

# Where a formula changes, or a result overflows or vanishes.
BORDERS = (
    2.0**-126, 2.0**-25, 0.17328679, 0.34657359, 0.5, 2 / 3, np.pi / 4, 0.92, 1.0, 1.0397207, 4 / 3, 2.0, 3.95, 9.010913, 9.02, 10.0543,
    10.1, 16.63, 17.328679, 17.5, 87.33655, 88.029692, 88.37626, 88.72284, 89.0, 89.41599, 90.0, 103.27893, 103.97208, 104.0, 2.0**16,
    2.0**22,
)  # fmt: skip


def around(value: float) -> Array:
    """Return the 129 numbers next to a positive one."""
    return (np.float32(value).view(np.int32) + np.arange(-64, 65, dtype=np.int32)).view(np.float32)


def everywhere() -> Array:
    """Return numbers with every sign, exponent and upper half of the mantissa, special ones, and those next to the borders."""
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    patterns = np.concatenate([upper | lower for lower in (0x0000, 0x5A5B, 0xFFFF)]).view(np.float32)
    borders = np.concatenate([around(border) for border in BORDERS])
    turns = np.concatenate([around(quarters * np.pi / 2) for quarters in range(1, 100)])
    return np.concatenate([SPECIAL, patterns, borders, -borders, turns, -turns])


def exact(name: str, *operands: Array) -> Array:
    """Return the function in float64."""
    with np.errstate(all="ignore"):
        return REFERENCES[name](*(operand.astype(np.float64) for operand in operands))


def worst(name: str, *operands: Array) -> tuple[int, str]:
    """Return the largest error of a function at float32 operands, and where it is."""
    found, wanted = compute(name, *operands), exact(name, *operands)
    errors = ulps(found, wanted)
    at = int(errors.argmax())
    return int(errors[at]), f"{name}({', '.join(repr(operand[at]) for operand in operands)}) = {found[at]!r}, exactly {wanted[at]!r}"


def grid(first: Array, second: Array) -> tuple[Array, Array]:
    """Return all pairs."""
    return np.repeat(first, second.size), np.tile(second, first.size)


def same_bits(a: Array, b: Array) -> bool:
    """Tell whether two arrays are the same to the last bit, NaN being NaN."""
    return bool(np.array_equal(np.isnan(a), np.isnan(b)) and np.array_equal(a[~np.isnan(a)].view(np.int32), b[~np.isnan(b)].view(np.int32)))


@pytest.mark.parametrize("name", ONE_OPERAND)
def test_error_of_float32(name: str) -> None:
    error, where = worst(name, everywhere())
    assert error <= BOUNDS[name], where


@pytest.mark.parametrize("name", TWO_OPERANDS)
def test_special_pairs(name: str) -> None:
    error, where = worst(name, *grid(SPECIAL, SPECIAL))
    assert error <= BOUNDS[name], where


def test_pow_of_random_pairs() -> None:
    random = np.random.default_rng(1)
    base = np.exp2(random.uniform(-30, 30, 200_000)).astype(np.float32)
    power = (random.uniform(-150, 150, base.size) / np.log2(base)).astype(np.float32)
    near_one = (1 + random.normal(size=base.size) * 1e-4).astype(np.float32)
    whole = np.rint(random.normal(size=base.size) * 5).astype(np.float32)
    for operands in ((base, power), (near_one, power * 1e5), (-base, whole)):
        error, where = worst("pow", *operands)
        assert error <= BOUNDS["pow"], where


def test_pow_of_whole_numbers_is_exact() -> None:
    base, power = grid(np.arange(1, 17, dtype=np.float32), np.arange(1, 6, dtype=np.float32))
    np.testing.assert_array_equal(compute("pow", base, power), base**power)


def test_atan2_of_random_pairs() -> None:
    random = np.random.default_rng(2)
    y, x = (random.normal(size=(2, 200_000)) * np.exp2(random.uniform(-60, 60, (2, 200_000)))).astype(np.float32)
    for operands in ((y, x), (y, y * random.uniform(0.3, 3, y.size).astype(np.float32))):
        error, where = worst("atan2", *operands)
        assert error <= BOUNDS["atan2"], where


@pytest.mark.parametrize("name", list(REFERENCES))
def test_bits_do_not_depend_on_the_lanes(name: str) -> None:
    values = everywhere()[:: 1 if name not in TWO_OPERANDS else 3]
    operands = [values] if name not in TWO_OPERANDS else [values, values[::-1].copy()]
    expected = compute(name, *operands, lanes=LANES[-1])
    for lanes in LANES[:-1]:
        assert same_bits(compute(name, *operands, lanes=lanes), expected), f"{lanes} lanes"


@pytest.mark.parametrize("name", ["exp", "expm1", "log1p", "tanh", "erf", "sin", "sinh", "pow"])
def test_bits_do_not_depend_on_the_processor(name: str) -> None:
    plain = dataclasses.replace(this_host(), cpu="generic", features="", vector_bytes=16, registers=16)
    values = everywhere()[::16]
    operands = [values] if name not in TWO_OPERANDS else [values, values[::-1].copy()]
    assert same_bits(compute(name, *operands, lanes=4, host=plain), compute(name, *operands))


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("name", list(REFERENCES))
def test_float64(name: str, lanes: int) -> None:
    random = np.random.default_rng(3)
    scaled = random.normal(size=2000) * np.exp2(random.uniform(-40, 12, 2000))
    values = np.concatenate([SPECIAL.astype(np.float64), scaled, random.normal(size=2000)])
    operands = [values] if name not in TWO_OPERANDS else [values, values[::-1].copy()]
    # That far out SciPy's erfc is not exact.
    np.testing.assert_allclose(compute(name, *operands, lanes=lanes), exact(name, *operands), rtol=1e-13 if name == "erfc" else 2e-15)


@pytest.mark.parametrize("lanes", [1, 16])
@pytest.mark.parametrize("name", ONE_OPERAND)
def test_float16(name: str, lanes: int) -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    with np.errstate(all="ignore"):
        wanted = exact(name, values).astype(np.float16)
    found = compute(name, values, lanes=lanes)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    real = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(found[real]), np.signbit(wanted[real]))
    distance = np.abs((found[real].view(np.int16) & 0x7FFF).astype(int) - (wanted[real].view(np.int16) & 0x7FFF))
    assert distance.max() <= 1
