"""Runs what a lowering returns on NumPy arrays, in one part or several, with memory laid out as awkwardly as it may be."""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphopt.backends.native import compiling
from graphopt.backends.native.emitter import Module
from graphopt.backends.native.host import this_host
from graphopt.backends.native.kernel import Argument, Call, Kernel, Pointer, Scratch, Status, Symbol
from graphopt.backends.native.lowering import LOWERINGS
from graphopt.dtypes import as_dtype
from graphopt.ir.node import Node, constant_node, input_node, item_of
from graphopt.ir.types import TensorType
from graphopt.testing.calls import as_value, in_program

Array = np.ndarray[Any, Any]

_FUNCTION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_GUARD = 64
_UNTOUCHED = 0xA5


@functools.cache
def _loaded(kernel: Kernel) -> tuple[Any, Any]:
    """Return a kernel's function and what keeps its code in memory."""
    module = Module(this_host())
    kernel.emit(module, "kernel")
    text = module.text.replace("define internal void @kernel(", "define void @kernel(")
    code = compiling.Loaded(compiling.to_object(text, this_host()), this_host())
    return _FUNCTION(code.address("kernel")), code


def run_calls(calls: Sequence[Call], arrays: Mapping[Node, Array], *, parts: int = 1, symbols: Mapping[str, int] | None = None) -> int:
    """Run the calls in order and return the status word: 0 unless one failed.

    Args:
      calls: what a lowering returned. arrays: for each operand and result its memory; results are written.
      parts: in how many parts a call's work is done when it is worth more than one. symbols: addresses of foreign functions.
    """
    status = np.zeros(1, np.int64)
    scratch: dict[str, Array] = {}

    def word(argument: Argument) -> int:
        if isinstance(argument, Pointer):
            return int(arrays[argument.node].ctypes.data) + argument.offset
        if isinstance(argument, Scratch):
            size = -(-argument.size // 64) * 64 * (parts if argument.per_thread else 1)
            found = scratch.setdefault(argument.label, _aligned(size))
            assert found.nbytes >= size
            return int(found.ctypes.data)
        if isinstance(argument, Status):
            return int(status.ctypes.data)
        return (symbols or {})[argument.name] if isinstance(argument, Symbol) else argument

    for call in calls:
        record = np.array([word(argument) for argument in call.arguments] or [0], np.int64)
        pieces = 1 if call.grain == call.extent else parts
        cuts = [call.extent * i // pieces for i in range(pieces + 1)]
        for thread, (begin, end) in enumerate(itertools.pairwise(cuts)):
            _loaded(call.kernel)[0](record.ctypes.data, begin, end, thread)
        if status[0]:
            assert call.fallible, "a call that may fail says so"
            break
    return int(status[0])


def _aligned(size: int) -> Array:
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def unaligned(array: Array) -> Array:
    """Return a copy that is aligned to one element and no more."""
    raw = np.zeros(array.nbytes + 128, np.uint8)
    start = -raw.ctypes.data % 64 + array.itemsize
    copied = raw[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copied[...] = array
    return copied


class Guarded:
    """Memory of one result, between bytes that nothing may touch.

    Attributes:
      array: the memory, not written yet.
    """

    def __init__(self, tensor_type: TensorType) -> None:
        size = tensor_type.num_bytes or 0
        self._raw = np.full(size + 3 * _GUARD, _UNTOUCHED, np.uint8)
        self._start = -self._raw.ctypes.data % _GUARD + _GUARD
        self._end = self._start + size
        self.array = self._raw[self._start : self._end].view(tensor_type.dtype.np).reshape(tensor_type.shape or ())

    def check(self) -> None:
        """Raise AssertionError when a byte beside the memory was written."""
        assert (self._raw[: self._start] == _UNTOUCHED).all(), "written before the result"
        assert (self._raw[self._end :] == _UNTOUCHED).all(), "written behind the result"


def operands_of(op: Any, arrays: Sequence[Array], constants: Sequence[int] = (), fed: Sequence[int] = ()) -> list[Node]:
    """Return nodes for the operands of a call: constants where the value decides a shape, inputs otherwise.

    Args:
      op: the op. arrays: the operands' values. constants: numbers of further operands that are constants.
      fed: numbers of operands that are inputs all the same.
    """
    types = [TensorType(as_dtype(array.dtype), array.shape) for array in arrays]
    known = [i not in fed and (i in constants or op.parameter_of(i).static) for i in range(len(arrays))]
    return [constant_node(array) if known[i] else input_node("feed", f"x{i}", types[i]) for i, array in enumerate(arrays)]


def call_of(
    op: Any, arrays: Sequence[Array], constants: Sequence[int] = (), fed: Sequence[int] = (), **attributes: Any
) -> tuple[Node, list[Node]]:
    """Return the node of one call of an op, and the nodes of its results."""
    found = in_program(op, *operands_of(op, arrays, constants, fed), **attributes)
    node = found[0] if op.single_result else found[0].inputs[0]
    return node, [node] if op.single_result else [item_of(node, i) for i in range(len(node.types))]


def run_natively(
    op: Any,
    arrays: Sequence[Array],
    constants: Sequence[int] = (),
    fed: Sequence[int] = (),
    *,
    parts: int = 1,
    symbols: Mapping[str, int] | None = None,
    **attributes: Any,
) -> tuple[list[Array], int]:
    """Return the results and the status word of one call of an op, run by its lowering.

    Args:
      op: the op. arrays: the operands' values. constants: numbers of operands that are constants of the program.
      fed: numbers of operands that are inputs, though their values decide a shape in other calls.
      parts: how the work is divided. symbols: addresses of foreign functions. attributes: of the op.

    Raises:
      NotLowered: when the call can't run natively.
    """
    node, results = call_of(op, arrays, constants, fed, **attributes)
    calls = LOWERINGS[op](node, this_host())
    memory = {source: unaligned(array) for source, array in zip(node.inputs, arrays, strict=True)}
    before = {source: array.copy() for source, array in memory.items()}
    guarded = [Guarded(result.types[0]) for result in results]
    memory |= {result: place.array for result, place in zip(results, guarded, strict=True)}
    status = run_calls(calls, memory, parts=parts, symbols=symbols)
    for place in guarded:
        place.check()
    for source, array in before.items():
        assert array.tobytes() == memory[source].tobytes(), "an operand was written"
    return [place.array.copy() for place in guarded], status


def run_kernel(op: Any, arrays: Sequence[Array], **attributes: Any) -> list[Array]:
    """Return what the op's NumPy kernel gives."""
    with np.errstate(all="ignore"):
        found = op.kernel(np, *[as_value(array.copy()) for array in arrays], **op.complete_attributes(attributes))
    return [np.asarray(result) for result in (found if isinstance(found, tuple) else (found,))]
