"""The ways into a step from Python: one step with arrays as arguments, or many steps in a row. Both commit the new state themselves."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from graphopt.backends.native.emitter import Function, Module, Value, constant

# The words of a frame: what a step's functions are called with.
FRAME = ("records", "fixups", "fixup_count", "inputs", "pool", "status", "feeds", "commits", "commit_count")

# The words of a feed's row: the input's number (-1: nobody looks at it), NumPy's array class, the element type, the number of
# dimensions, and their sizes.
FEED_SIZES = 4
MOST_DIMENSIONS = 8
FEED_WORDS = FEED_SIZES + MOST_DIMENSIONS

# What `enter` returns for a feed that isn't the array it was compiled for.
OTHER_FEED = -1

# Where the parts of an array object stand (`PyArrayObject_fields`, which NumPy's C interface makes public).
_CLASS, _DATA, _RANK, _SIZES, _ELEMENT, _FLAGS = 8, 16, 24, 32, 56, 64
_ROW_BY_ROW_AND_ALIGNED = 0x0101


def feed_row(number: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[int]:
    """Return the row of a feed: what its array has to be."""
    sizes = [*shape, *[0] * (MOST_DIMENSIONS - len(shape))]
    return [number, id(np.ndarray), id(dtype), len(shape), *sizes]


@functools.cache
def arrays_are_readable() -> bool:
    """Return True when array objects look in memory as `emit_enter` expects: checked on samples, because another Python may differ."""
    for sample in (np.zeros((2, 3), np.float32), np.zeros(5, np.int64)[1:], np.asfortranarray(np.ones((3, 2)))):
        at = id(sample)
        sizes = (ctypes.c_int64 * sample.ndim).from_address(ctypes.c_int64.from_address(at + _SIZES).value)
        flags = ctypes.c_int32.from_address(at + _FLAGS).value & _ROW_BY_ROW_AND_ALIGNED
        found = (
            ctypes.c_int64.from_address(at + _CLASS).value,
            ctypes.c_int64.from_address(at + _DATA).value,
            ctypes.c_int32.from_address(at + _RANK).value,
            tuple(sizes),
            ctypes.c_int64.from_address(at + _ELEMENT).value,
            flags == _ROW_BY_ROW_AND_ALIGNED,
        )
        expected = (id(np.ndarray), sample.ctypes.data, sample.ndim, sample.shape, id(sample.dtype), sample.flags.c_contiguous)
        if found != expected:
            return False
    return True


def emit_enter(module: Module, feeds: int) -> None:
    """Write ``i64 enter(ptr frame, ptr array...)``: one step with arrays as arguments, state committed.

    Returns 0 when the step was done, `OTHER_FEED` when an array isn't the one the step was compiled for, else what a check left behind.
    Reading the array objects here takes nanoseconds where asking Python for their addresses takes microseconds.
    """
    parameters = [("ptr", "frame"), *[("ptr", f"array{i}") for i in range(feeds)]]
    f = module.function("enter", parameters, "i64", internal=False, attributes="nounwind")
    frame, *arrays = f.parameters
    rows, inputs = _word(f, frame, "feeds"), _word(f, frame, "inputs")
    for i, array in enumerate(arrays):
        _check_array(f, array, f.offset(rows, "i64", i * FEED_WORDS))
    for i, array in enumerate(arrays):
        number = f.load("i64", f.offset(rows, "i64", i * FEED_WORDS), 8)
        with f.when(f.compare("sge", number, constant("i64", 0))):
            f.store(f.load("i64", f.offset(array, "i8", _DATA), 8), f.offset(inputs, "i64", number))
    status = f.call("segment0", "i64", frame)
    with f.when(f.compare("ne", status, constant("i64", 0))):
        f.ret(status)
    _commit(f, frame)
    f.ret(constant("i64", 0))


def _check_array(f: Function, array: Value, row: Value) -> None:
    """Write the return for an array that isn't the one its row describes."""
    other_class = f.compare("ne", f.load("i64", f.offset(array, "i8", _CLASS), 8), f.load("i64", f.offset(row, "i64", 1), 8))
    with f.when(other_class):
        f.ret(constant("i64", OTHER_FEED))  # before anything else is read: another object may be shorter than an array
    flags = f.let("and", f.load("i32", f.offset(array, "i8", _FLAGS), 4), constant("i32", _ROW_BY_ROW_AND_ALIGNED))
    rank = f.convert("sext", f.load("i32", f.offset(array, "i8", _RANK), 4), "i64")
    checks = [
        f.compare("ne", f.load("i64", f.offset(array, "i8", _ELEMENT), 8), f.load("i64", f.offset(row, "i64", 2), 8)),
        f.compare("ne", rank, f.load("i64", f.offset(row, "i64", 3), 8)),
        f.compare("ne", flags, constant("i32", _ROW_BY_ROW_AND_ALIGNED)),
    ]
    for check in checks:
        with f.when(check):
            f.ret(constant("i64", OTHER_FEED))
    sizes = f.load("ptr", f.offset(array, "i8", _SIZES), 8)
    with f.loop(0, rank) as loop:
        size = f.load("i64", f.offset(sizes, "i64", loop.index), 8)
        expected = f.load("i64", f.offset(row, "i64", f.add(loop.index, FEED_SIZES)), 8)
        with f.when(f.compare("ne", size, expected)):
            f.ret(constant("i64", OTHER_FEED))


def emit_run_steps(module: Module) -> None:
    """Write ``i64 run_steps(ptr frame, ptr moves, i64 steps)``: run many steps, state committed after each; returns how many were done.

    `moves` has two counts and two tables: feeds (input's number, bytes to the next step's) and what is kept of each step (source,
    first target, bytes).
    """
    parameters = [("ptr", "frame"), ("ptr", "moves"), ("i64", "steps")]
    f = module.function("run_steps", parameters, "i64", internal=False, attributes="nounwind")
    frame, moves, steps = f.parameters
    inputs = _word(f, frame, "inputs")
    feeds, kept = (f.load("i64", f.offset(moves, "i64", i), 8) for i in range(2))
    feed_table = f.offset(moves, "i64", 2)
    kept_table = f.offset(feed_table, "i64", f.mul(feeds, 2))
    with f.loop(0, steps) as loop:
        status = f.call("segment0", "i64", frame)
        with f.when(f.compare("ne", status, constant("i64", 0))):
            f.ret(loop.index)
        with f.loop(0, kept) as keep:
            source, target, size = _row(f, kept_table, keep.index, 3)
            _copy(f, f.add(target, f.mul(loop.index, size)), source, size)
        _commit(f, frame)
        with f.loop(0, feeds) as feed:
            number, stride = _row(f, feed_table, feed.index, 2)
            place = f.offset(inputs, "i64", number)
            f.store(f.add(f.load("i64", place, 8), stride), place)
    f.ret(steps)


def _commit(f: Function, frame: Value) -> None:
    """Write the copies of new values to where they are kept: (source, target, bytes)."""
    table, count = _word(f, frame, "commits"), f.load("i64", f.offset(frame, "i64", FRAME.index("commit_count")), 8)
    with f.loop(0, count) as loop:
        source, target, size = _row(f, table, loop.index, 3)
        _copy(f, target, source, size)


def _word(f: Function, frame: Value, name: str) -> Value:
    return f.load("ptr", f.offset(frame, "i64", FRAME.index(name)), 8)


def _row(f: Function, table: Value, index: Value, count: int) -> list[Value]:
    entry = f.offset(table, "i64", f.mul(index, count))
    return [f.load("i64", f.offset(entry, "i64", i), 8) for i in range(count)]


def _copy(f: Function, target: Value, source: Value, size: Value) -> None:
    """Write a copy between two addresses; one word, the commonest case, without a call."""
    to, of = (f.value("ptr", f"inttoptr {address} to ptr") for address in (target, source))
    is_word = f.compare("eq", size, constant("i64", 8))
    with f.when(is_word):
        f.store(f.load("i64", of, 1), to, 1)
    with f.when(f.let("xor", is_word, constant("i1", True))):
        f.call("llvm.memcpy.p0.p0.i64", "void", to, of, size, Value("false", "i1"))
