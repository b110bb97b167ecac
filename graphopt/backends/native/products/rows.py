"""Where the rows of a tile stand."""

from __future__ import annotations

from collections.abc import Sequence

from graphopt.backends.native.emitter import Function, Value, constant

# Rows found at a time: at least as many as a tile has.
ROWS = 8
OFFSETS = f"<{ROWS} x i64>"


def emit_rows(f: Function, loops: Sequence[Sequence[Value]], first: Value, last: Value) -> tuple[Value, Value]:
    """Return the offsets of the next `ROWS` rows in A and in C, as vectors of i64.

    The offsets stay in registers all the way: reading single lanes of a vector that was just stored would take longer than the search.

    Args:
      f: where to write. loops: the nested loops that number the rows, the outermost first: rounds, step in A, step in C.
      first: the first of the rows. last: the last one there is, which stands for those beyond it too.
    """
    rows = f.let("add", f.splat(first, ROWS), Value(f"<{', '.join(f'i64 {i}' for i in range(ROWS))}>", OFFSETS))
    rows = f.intrinsic("smin", rows, f.splat(last, ROWS))
    if len(loops) > 1:
        return _in_nest(f, loops, rows)
    _, a_step, c_step = loops[0]
    return f.let("mul", rows, f.splat(a_step, ROWS)), f.let("mul", rows, f.splat(c_step, ROWS))


def _in_nest(f: Function, loops: Sequence[Sequence[Value]], rows: Value) -> tuple[Value, Value]:
    # In double precision, which has vectors of everything needed and is exact here: all numbers stay far below 2**50.
    left = f.convert("sitofp", rows, "double")
    type_ = left.type
    a = c = constant(type_, 0)
    for i in reversed(range(len(loops))):
        rounds, a_step, c_step = (f.convert("sitofp", value, "double") for value in loops[i])
        number = left
        if i:
            inverse = f.splat(f.let("fdiv", constant("double", 1), rounds), ROWS)
            turns = f.intrinsic("floor", f.let("fmul", f.let("fadd", left, constant(type_, 0.5)), inverse))
            number, left = f.let("fsub", left, f.let("fmul", turns, f.splat(rounds, ROWS))), turns
        a = f.let("fadd", a, f.let("fmul", number, f.splat(a_step, ROWS)))
        c = f.let("fadd", c, f.let("fmul", number, f.splat(c_step, ROWS)))
    return f.convert("fptosi", a, "i64"), f.convert("fptosi", c, "i64")
