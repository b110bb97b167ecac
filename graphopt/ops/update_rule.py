"""How the update rule of an optimizer becomes an op: one for dense gradients and one for sparse rows.

A rule is one function ``update(var, *slots, *operands) -> (var, *slots)`` in the op vocabulary: new values as expressions of old ones.
`define_rule` makes two ops of it: one for dense gradients, and one for sparse rows, which takes the touched rows out, updates them by
the same function and puts them back. Discharge replaces both by the expressions, so that the compiler simplifies, shares and fuses them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphopt import shapes
from graphopt.errors import ShapeError, UnsupportedError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.gradient_rows import KERNELS, check_gradient_rows, spread_row_sums, take_rows
from graphopt.ops.state import rows_update

# --- checks ----------------------------------------------------------------------------------------------------------------


def _same_shape(xp: Any, x: Any, y: Any, message: str) -> Any:
    if np.shape(x) != np.shape(y):
        raise invalid_argument(message.format(x=list(np.shape(x)), y=list(np.shape(y))))
    return x


same_shape = define_op(
    "same_shape(x: any, y: any; message)",
    infer=lambda x, y, message: TensorType(x.dtype, y.shape),
    kernel=_same_shape,
    expand=lambda x, y, message: x,
    fallible=lambda x, y, message: not (x.is_static and x.shape == y.shape),
    view_of="x",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="SameShape",
    samples=[
        case("f32[2,3]", "f64[2,3]", message=""),
        case("f32[2]", "f32[3]", message="not the same shape{y} {x}", error="not the same shape[3] [2]"),
    ],
    doc="Return x; raise unless it has the shape of y.",
)


def _sign_kernel(xp: Any, x: Any, rule: str, message: str) -> Any:
    holds = {"positive": x > 0, "non-negative": x >= 0, "non-positive": x <= 0}[rule]
    if not holds:
        raise invalid_argument(message)
    return x


check_sign = define_op(
    "check_sign(x: float; rule, message) -> like(x)",
    kernel=_sign_kernel,
    fallible=True,
    view_of="x",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckSign",
    samples=[
        case(values(1.0), rule="positive", message=""),
        case(values(0.0, "f64"), rule="non-negative", message=""),
        case(values(0.0), rule="positive", message="lr is not positive", error="lr is not positive"),
        case(values(0.5), rule="non-positive", message="too large", error="too large"),
    ],
    doc="Return a scalar; raise unless it is positive, non-negative or non-positive.",
)


class Rule(NamedTuple):
    """One update rule as two ops.

    Attributes:
      dense: takes a gradient as large as the variable.
      sparse: takes rows of a gradient and, after them, their indices. Repeated rows are added up first.
      slots: the names of the operands that are slots.
      gradient: the name of the gradient operand.
    """

    dense: OpDef
    sparse: OpDef
    slots: tuple[str, ...]
    gradient: str


Update = Callable[..., tuple[Any, ...]]


def define_rule(
    name: str,
    tf_name: str,
    operands: str,
    update: Update,
    *,
    doc: str,
    slots: str = "",
    free: str = "",
    attributes: str = "",
    gradient: str = "grad",
    signs: dict[str, str] | None = None,
    all_rows: Update | None = None,
    ref: str = KERNELS,
) -> Rule:
    """Define the dense and the sparse op of an update rule.

    Args:
      name: its name; tf_name: the part of TensorFlow's op names after ``Apply``.
      operands: names of the scalars and the gradient, in TensorFlow's order.
      update: ``update(var, *slots, *operands, **attributes)`` gives the new values of the variable and its slots.
      slots: names of the slots, in TensorFlow's order. attributes: attributes with their defaults.
      free: names of the slots that have shapes of their own, which the rule knows. Rows can't be taken out of them, so that without
        `all_rows` the sparse op is refused where it is recorded.
      gradient: the name of the gradient among the operands.
      signs: operands that must be "positive", "non-negative" or "non-positive", with TensorFlow's words for them after a ``/``.
      all_rows: the sparse rule where it changes more than the gradient's rows: as `update`, with the indices after the gradient.
      doc: what the rule does.
    """
    state = ("var", *slots.split())
    names = operands.split()
    refs = [f"{word}: ref" for word in state]

    def types_of(words: list[str]) -> str:
        return ", ".join([*refs, *[_kind(word) for word in words]])

    tail = f"; {attributes}" if attributes else ""
    at = names.index(gradient)
    with_indices = [*names[: at + 1], "indices", *names[at + 1 :]]
    checks = _Checks(state, frozenset(free.split()), gradient, signs or {})
    has_sparse = all_rows is not None or not free

    def dense(ctx: Any, *given: Any, **settings: Any) -> Any:
        references, scalars = given[: len(state)], dict(zip(names, given[len(state) :], strict=True))
        current = [ctx.get(reference) for reference in references]
        scalars = checks.scalars(scalars)
        message = f"var and {gradient} do not have the same shape{{y}} {{x}}"
        scalars[gradient] = _with_shape_of(scalars[gradient], current[0], message)
        return _write(ctx, references, update(*current, *scalars.values(), **settings))

    def sparse(ctx: Any, *given: Any, **settings: Any) -> Any:
        references, scalars = given[: len(state)], dict(zip(with_indices, given[len(state) :], strict=True))
        current = [ctx.get(reference) for reference in references]
        scalars = checks.scalars(scalars)
        indices = check_gradient_rows(scalars["indices"], scalars[gradient], current[0], gradient=gradient)
        scalars |= {"indices": indices, gradient: spread_row_sums(scalars[gradient], indices)}
        if all_rows is not None:
            return _write(ctx, references, all_rows(*current, *scalars.values(), **settings))
        del scalars["indices"]
        changed = update(*[take_rows(value, indices) for value in current], *scalars.values(), **settings)
        return _write(ctx, references, tuple([rows_update(old, indices, new) for old, new in zip(current, changed, strict=True)]))

    dense_op = define_op(
        f"apply_{name}({types_of(names)}{tail})",
        infer=checks.dense_type(names),
        discharge=dense,
        vjp=NOT_DIFFERENTIABLE,
        tf_name=f"Apply{tf_name}",
        doc=doc,
        ref=ref,
    )
    sparse_op = define_op(
        f"sparse_apply_{name}({types_of(with_indices)}{tail})",
        infer=checks.sparse_type(with_indices) if has_sparse else _refuse_rows(tf_name, free),
        discharge=sparse,
        vjp=NOT_DIFFERENTIABLE,
        tf_name=f"SparseApply{tf_name}",
        doc=f"{doc} Only some rows have a gradient.",
        ref=ref,
    )
    return Rule(dense_op, sparse_op, state[1:], gradient)


def _kind(word: str) -> str:
    return {"indices": "indices: index", "global_step": "global_step: i64"}.get(word, f"{word}: same(var)")


def _write(ctx: Any, references: Any, new_values: tuple[Any, ...]) -> Any:
    written = [ctx.set(reference, value) for reference, value in zip(references, new_values, strict=True)]
    return written[0]


def _with_shape_of(x: Any, y: Any, message: str) -> Any:
    own, wanted = x.tensor_type, y.tensor_type
    if own.is_static and own.shape == wanted.shape:
        return x
    return same_shape(x, y, message=message)


def _refuse_rows(tf_name: str, free: str) -> Callable[..., TensorType]:
    def infer(*types: TensorType, **attributes: Any) -> TensorType:
        kept = " and ".join(free.split())
        raise UnsupportedError(f"{tf_name} takes no sparse rows: it keeps {kept} for the whole variable. Give a dense gradient.")

    return infer


class _Checks:
    """What the operands of one rule must be, while recording and while running."""

    def __init__(self, state: tuple[str, ...], free: frozenset[str], gradient: str, signs: dict[str, str]) -> None:
        self.state = state
        self.free = free
        self.gradient = gradient
        self.signs = signs

    def dense_type(self, names: list[str]) -> Callable[..., TensorType]:
        """Return the inference function of the dense op."""

        def infer(*types: TensorType, **attributes: Any) -> TensorType:
            var, of = types[0], self._operands(types, names)
            if not shapes.is_compatible(var.shape, of[self.gradient].shape):
                pair = shapes.format_shape(var.shape) + " " + shapes.format_shape(of[self.gradient].shape)
                raise ShapeError(f"var and {self.gradient} do not have the same shape{pair}")
            return var

        return infer

    def sparse_type(self, names: list[str]) -> Callable[..., TensorType]:
        """Return the inference function of the sparse op."""

        def infer(*types: TensorType, **attributes: Any) -> TensorType:
            var, of = types[0], self._operands(types, names)
            if var.rank == 0:
                raise ShapeError("var must be at least 1 dimensional")
            if of["indices"].rank not in (None, 1):
                raise ShapeError("indices must be one-dimensional")
            rows = of[self.gradient].shape
            if var.shape is not None and rows is not None:
                for axis in range(1, max(len(var.shape), len(rows))):
                    if not shapes.is_compatible(var.shape[axis : axis + 1], rows[axis : axis + 1]):
                        raise ShapeError(f"var and {self.gradient} must match in dimension {axis}")
            return var

        return infer

    def _operands(self, types: tuple[TensorType, ...], names: list[str]) -> dict[str, TensorType]:
        var, slots = types[0], types[1 : len(self.state)]
        for word, slot in zip(self.state[1:], slots, strict=True):
            if word not in self.free and not shapes.is_compatible(var.shape, slot.shape):
                pair = shapes.format_shape(var.shape) + " " + shapes.format_shape(slot.shape)
                raise ShapeError(f"var and {word} do not have the same shape{pair}")
        of = dict(zip(names, types[len(self.state) :], strict=True))
        for word, given in of.items():
            if word not in (self.gradient, "indices") and given.rank not in (None, 0):
                raise ShapeError(f"{word} is not a scalar: {shapes.format_shape(given.shape)}")
        return of

    def scalars(self, operands: dict[str, Any]) -> dict[str, Any]:
        """Return the operands with what still has to be checked while running."""
        checked = dict(operands)
        for word, value in operands.items():
            if word in (self.gradient, "indices"):
                continue
            known = value.tensor_type.shape
            if known is not None and known != ():
                raise invalid_argument(f"{word} is not a scalar: {list(known)}")
            if known is None:
                checked[word] = same_shape(value, np.zeros((), value.dtype.np), message=f"{word} is not a scalar: {{x}}")
            if word in self.signs:
                checked[word] = _with_sign(checked[word], *self.signs[word].split("/"))
        return checked


def _with_sign(value: Any, rule: str, what: str) -> Any:
    message = f"{what} is not a {rule} scalar: []"
    if value.is_constant:  # known now: nothing is left to do in each run
        _sign_kernel(np, value.value[()], rule, message)
        return value
    return check_sign(value, rule=rule, message=message)
