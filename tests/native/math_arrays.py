"""The mathematical functions under test as functions of arrays, with references and the errors allowed."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from graphopt.backends.native import compiling
from graphopt.backends.native.emitter import Module, vector
from graphopt.backends.native.host import Host, this_host
from graphopt.backends.native.math import MATH

Array = npt.NDArray[Any]

ELEMENTS = {np.dtype(np.float16): "half", np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
TWO_OPERANDS = ("pow", "atan2")


def source(name: str, element: str, lanes: int, host: Host) -> str:
    """Return a module's text: ``kernel(operands..., result, count)``, which applies a function; the count is a multiple of the lanes."""
    module = Module(host)
    operands = 2 if name in TWO_OPERANDS else 1
    parameters = [("ptr", f"operand{index}") for index in range(operands)]
    function = module.function("kernel", [*parameters, ("ptr", "result"), ("i64", "count")], internal=False)
    *pointers, result, count = function.parameters
    with function.loop(0, count, lanes) as loop:
        values = [function.load(vector(lanes, element), function.offset(pointer, element, loop.index)) for pointer in pointers]
        function.store(MATH[name](function, *values), function.offset(result, element, loop.index))
    function.ret()
    return module.text


@functools.cache
def _loaded(name: str, element: str, lanes: int, host: Host) -> tuple[Any, compiling.Loaded]:
    loaded = compiling.Loaded(compiling.to_object(source(name, element, lanes, host), host), host)
    pointers = [ctypes.c_void_p] * (3 if name in TWO_OPERANDS else 2)
    return ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)(loaded.address("kernel")), loaded


def compute(name: str, *operands: Array, lanes: int = 16, host: Host | None = None) -> Array:
    """Return the function of one-dimensional arrays of one floating-point type.

    Args:
      name: the function. operands: its operands. lanes: those of the vectors it is computed with. host: the machine; by default this one.
    """
    count = operands[0].size
    whole = -(-count // lanes) * lanes
    padded = [np.concatenate([operand, np.ones(whole - count, operand.dtype)]) for operand in operands]
    result = np.empty(whole, operands[0].dtype)
    kernel, _ = _loaded(name, ELEMENTS[operands[0].dtype], lanes, host or this_host())
    kernel(*(operand.ctypes.data for operand in padded), result.ctypes.data, whole)
    return result[:count]


def ordered(values: Array) -> Array:
    """Return integers in the order of the floating-point numbers, so that neighbours differ by 1; both zeros are 0."""
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def ulps(found: Array, exact: Array) -> Array:
    """Return by how many float32 numbers results miss the correctly rounded ones; where just one is NaN, or a zero's sign is wrong, a lot.

    Args:
      found: float32. exact: float64.
    """
    with np.errstate(over="ignore", under="ignore"):
        rounded = exact.astype(np.float32)
    both_nan = np.isnan(found) & np.isnan(rounded)
    wrong = (np.isnan(found) != np.isnan(rounded)) | ((rounded == 0) & (found == 0) & (np.signbit(found) != np.signbit(rounded)))
    distance = np.abs(ordered(found) - ordered(rounded))
    return np.where(both_nan, 0, np.where(wrong, 2**40, distance))


def _sigmoid(x: Array) -> Array:
    decayed = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, decayed) / (1 + decayed)


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


REFERENCES: dict[str, Callable[..., Array]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "sigmoid": _sigmoid,
    "log": np.log,
    "log1p": np.log1p,
    "softplus": _softplus,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "pow": np.power,
    "atan2": np.arctan2,
}
# The largest error allowed, in float32 numbers from the correctly rounded one.
BOUNDS = {**dict.fromkeys(REFERENCES, 2), "tan": 3, "sqrt": 0}
