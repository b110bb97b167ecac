"""Algebra on single values and on layout. Each rule's class says what it may change; see `compiler/rewrite.py`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt.compiler.pattern import AnyAttribute
from graphopt.compiler.rewrite import rule
from graphopt.dtypes import string
from graphopt.ir.node import Node, constant_node
from graphopt.ops.array import expand_dims_op, identity, reshape_op, squeeze_op, stop_gradient, transpose_op
from graphopt.ops.broadcast import broadcast_to, fill
from graphopt.ops.control import ensure_shape, placeholder_with_default
from graphopt.ops.elementwise import (
    absolute,
    add,
    cast_op,
    divide,
    logical_not,
    multiply,
    negative,
    ones_as,
    select,
    sqrt,
    square,
    subtract,
    zeros_as,
)
from graphopt.ops.gradient_rows import take_rows
from graphopt.ops.linalg import matmul_op
from graphopt.ops.state import rows_subtract, rows_update

# --- arithmetic ----------------------------------------------------------------------------------------------------------

rule("multiply-by-one", "exact", lambda x: multiply(x, 1), lambda x: x)
rule("divide-by-one", "exact", lambda x: divide(x, 1), lambda x: x)
# x - 0 is x for every x; x + 0 is not: -0.0 + 0.0 is 0.0. Adding -0.0 is.
rule("subtract-zero", "exact", lambda x: subtract(x, 0.0), lambda x: x)
rule("add-negative-zero", "exact", lambda x: add(x, -0.0), lambda x: x if x.dtype.is_floating else None)
rule("add-integer-zero", "exact", lambda x: add(x, 0), lambda x: x if x.dtype.is_integer else None)
rule("negate-twice", "exact", lambda x: negative(negative(x)), lambda x: x)
rule("multiply-by-minus-one", "exact", lambda x: multiply(x, -1), negative)
rule("add-negative", "exact", lambda x, y: add(x, negative(y)), lambda x, y: subtract(x, y))
rule("subtract-negative", "exact", lambda x, y: subtract(x, negative(y)), lambda x, y: add(x, y))
rule("multiply-by-itself", "exact", lambda x: multiply(x, x), square)
rule("absolute-twice", "exact", lambda x: absolute(absolute(x)), absolute)
rule("square-of-negative", "exact", lambda x: square(negative(x)), square)
rule("square-of-absolute", "exact", lambda x: square(absolute(x)), square)
rule("not-not", "exact", lambda x: logical_not(logical_not(x)), lambda x: x)
rule("root-of-square", "better", lambda x: sqrt(square(x)), lambda x: absolute(x) if x.dtype.is_floating else None)


def _by_power_of_two(x: Node, c: Node) -> Node | None:
    # Dividing by a power of two and multiplying by its inverse round the same real number. For a single number it isn't worth it: the
    # divisor of a mean is the batch's size, and a last batch of another size would be other code.
    if not c.is_constant or c.shape != () or not c.dtype.is_floating or x.shape == ():
        return None
    value = float(c.value)
    mantissa, exponent = math.frexp(value) if value and math.isfinite(value) else (0.0, 0)
    if abs(mantissa) != 0.5 or not -100 < exponent < 100 or (c.dtype.np.itemsize == 2 and not -10 < exponent < 10):
        return None
    return multiply(x, constant_node(np.array(1.0 / value, c.dtype.np)))  # type: ignore[no-any-return]


rule("divide-by-power-of-two", "exact", lambda x, c: divide(x, c), _by_power_of_two)

# --- choice and casts ------------------------------------------------------------------------------------------------------

rule("select-true", "exact", lambda x, y: select(True, x, y), lambda x, y: x)
rule("select-false", "exact", lambda x, y: select(False, x, y), lambda x, y: y)
rule("select-same", "exact", lambda c, x: select(c, x, x), lambda c, x: x)
rule("cast-to-itself", "exact", lambda x: cast_op(x, dtype=AnyAttribute("dtype")), lambda x, dtype: x if x.dtype is dtype else None)


# A guarded write of some rows chooses between rows, not between whole variables.
def _keep_rows(p: Node, x: Node, i: Node, r: Node) -> Node | None:
    is_plain = p.shape == () and i.shape is not None and len(i.shape) == 1 and r.shape != ()
    return rows_update(x, i, select(p, r, take_rows(x, i))) if is_plain else None


def _nothing_taken(p: Node, x: Node, i: Node, r: Node) -> Node | None:
    return rows_subtract(x, i, select(p, r, zeros_as(r))) if p.shape == () and not x.dtype.is_bool else None


rule("choose-updated-rows", "exact", lambda p, x, i, r: select(p, rows_update(x, i, r), x), _keep_rows)
rule("choose-subtracted-rows", "exact", lambda p, x, i, r: select(p, rows_subtract(x, i, r), x), _nothing_taken)


def _cast_through_wider(x: Node, middle: Any, dtype: Any) -> Node | None:
    widens = x.dtype.is_floating and middle.is_floating and middle.np.itemsize > x.dtype.np.itemsize
    return cast_op(x, dtype=dtype) if widens and dtype.is_floating else None


rule(
    "cast-through-wider",
    "exact",
    lambda x: cast_op(cast_op(x, dtype=AnyAttribute("middle")), dtype=AnyAttribute("dtype")),
    _cast_through_wider,
)

# --- values that pass through ------------------------------------------------------------------------------------------------

rule("identity", "exact", lambda x: identity(x), lambda x: x)
rule("stop-gradient", "exact", lambda x: stop_gradient(x), lambda x: x)
rule("default-of-placeholder", "exact", lambda x: placeholder_with_default(x, shape=AnyAttribute("shape")), lambda x: x)
rule(
    "shape-is-sure",
    "exact",
    lambda x: ensure_shape(x, shape=AnyAttribute("shape"), message=AnyAttribute("message")),
    lambda x: x if x.tensor_type.is_static else None,
)

# --- layout ------------------------------------------------------------------------------------------------------------------


def _shape_constant(shape: Any) -> Node:
    return constant_node(np.array(shape, np.int32))


def _reshape_static(x: Node, shape: Any) -> Node:
    return x if x.shape == shape else reshape_op(x, _shape_constant(shape))


rule(
    "reshape-to-same",
    "exact",
    lambda x, s: reshape_op(x, s),
    lambda x, s, node: x if x.tensor_type.is_static and x.shape == node.shape else None,
)
rule(
    "reshape-twice",
    "exact",
    lambda x, s, t: reshape_op(reshape_op(x, s), t),
    lambda x, s, t, node: _reshape_static(x, node.shape) if node.tensor_type.is_static and x.tensor_type.is_static else None,
)
rule(
    "expand-dims-is-reshape",
    "exact",
    lambda x: expand_dims_op(x, axis=AnyAttribute("axis")),
    lambda x, axis, node: _reshape_static(x, node.shape) if x.tensor_type.is_static else None,
)
rule(
    "squeeze-is-reshape",
    "exact",
    lambda x: squeeze_op(x, axis=AnyAttribute("axis")),
    lambda x, axis, node: _reshape_static(x, node.shape) if x.tensor_type.is_static else None,
)
rule(
    "broadcast-to-same",
    "exact",
    lambda x, s: broadcast_to(x, s),
    lambda x, s, node: x if x.tensor_type.is_static and x.shape == node.shape else None,
)


def _full_perm(perm: Any, rank: int) -> tuple[int, ...]:
    return tuple(range(rank))[::-1] if perm is None else perm


def _transpose_twice(x: Node, inner: Any, outer: Any) -> Node | None:
    if x.shape is None:
        return None
    first, second = _full_perm(inner, len(x.shape)), _full_perm(outer, len(x.shape))
    perm = tuple([first[i] for i in second])
    return x if perm == tuple(range(len(perm))) else transpose_op(x, perm=perm)


rule(
    "transpose-twice",
    "exact",
    lambda x: transpose_op(transpose_op(x, perm=AnyAttribute("inner")), perm=AnyAttribute("outer")),
    _transpose_twice,
)
rule(
    "transpose-nothing",
    "exact",
    lambda x: transpose_op(x, perm=AnyAttribute("perm")),
    lambda x, perm: x if x.shape is not None and _full_perm(perm, len(x.shape)) == tuple(range(len(x.shape))) else None,
)


def _is_matrix_transpose(x: Node, perm: Any) -> bool:
    return x.shape is not None and len(x.shape) == 2 and _full_perm(perm, 2) == (1, 0)


_PRODUCT: dict[str, Any] = {"transpose_a": AnyAttribute("ta"), "transpose_b": AnyAttribute("tb")}
rule("transpose-left-factor", "exact", lambda a, b: matmul_op(transpose_op(a, perm=AnyAttribute("perm")), b, **_PRODUCT),
     lambda a, b, perm, ta, tb: matmul_op(a, b, transpose_a=not ta, transpose_b=tb) if _is_matrix_transpose(a, perm) else None)  # fmt: skip
rule("transpose-right-factor", "exact", lambda a, b: matmul_op(a, transpose_op(b, perm=AnyAttribute("perm")), **_PRODUCT),
     lambda a, b, perm, ta, tb: matmul_op(a, b, transpose_a=ta, transpose_b=not tb) if _is_matrix_transpose(b, perm) else None)  # fmt: skip

# --- an operand that is one repeated value enters an elementwise op as a scalar ------------------------------------------------


def _filled(x: Node, value: int) -> Node | None:
    if not x.tensor_type.is_static or x.dtype is string:
        return None
    return fill(_shape_constant(x.shape), constant_node(np.array(value, x.dtype.np)))  # type: ignore[no-any-return]


rule("zeros-are-filled", "exact", lambda x: zeros_as(x), lambda x: _filled(x, 0))
rule("ones-are-filled", "exact", lambda x: ones_as(x), lambda x: _filled(x, 1))


def _unrepeated(operand: Node) -> Node | None:
    """Return the scalar (or smaller operand) that `operand` repeats, or None."""
    if operand.op is fill and operand.inputs[1].shape == ():
        return operand.inputs[1]
    if operand.op is broadcast_to:
        return operand.inputs[0]
    if operand.is_constant and operand.shape != () and operand.value.size > 1 and operand.dtype.is_floating and _is_uniform(operand.value):
        return constant_node(operand.value.reshape(-1)[0])
    return None


def _is_uniform(value: Any) -> bool:
    flat = value.reshape(-1)
    return bool(np.all(flat.view(f"u{value.dtype.itemsize}") == flat[:1].view(f"u{value.dtype.itemsize}")))


def _enter_unrepeated(op: Any) -> Any:
    def replacement(x: Node, y: Node, node: Node) -> Node | None:
        for first, second in ((_unrepeated(x) or x, y), (x, _unrepeated(y) or y)):
            if (first is not x or second is not y) and (first.shape == node.shape or second.shape == node.shape):
                return op(first, second)  # type: ignore[no-any-return]
        return None

    return replacement


def _select_unrepeated(c: Node, x: Node, y: Node, node: Node) -> Node | None:
    for first, second in ((_unrepeated(x) or x, y), (x, _unrepeated(y) or y)):
        if (first is not x or second is not y) and node.shape in (first.shape, second.shape, c.shape):
            return select(c, first, second)  # type: ignore[no-any-return]
    return None


rule("select-repeated-value", "exact", lambda c, x, y: select(c, x, y), _select_unrepeated)


def _repeated_value_rule(op: Any) -> None:
    rule(f"{op.name}-repeated-value", "exact", lambda x, y: op(x, y), _enter_unrepeated(op))


_repeated_value_rule(add)
_repeated_value_rule(subtract)
_repeated_value_rule(multiply)
_repeated_value_rule(divide)
