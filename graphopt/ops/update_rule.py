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
from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import TensorType
from graphopt.ops.state import rows_update

KERNELS = "https://github.com/tensorflow/tensorflow/blob/r1.15/tensorflow/core/kernels/training_ops.cc"

# --- sparse rows -----------------------------------------------------------------------------------------------------------


def _sum_duplicates(xp: Any, rows: Any, indices: Any) -> Any:
    if indices.ndim != 1:
        raise invalid_argument("indices must be one-dimensional")
    if rows.ndim == 0 or rows.shape[0] != indices.shape[0]:
        raise invalid_argument("grad must be the same size as indices in the first dimension.")
    order = np.argsort(indices, kind="stable")
    ordered = indices[order]
    is_first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=is_first[1:])
    if is_first.all():
        return rows, indices.copy()  # the rows may be the operand's own memory, as `view_of` says
    summed = rows[order[is_first]]
    again = np.flatnonzero(~is_first)
    # Element by element, because `add.at` is fast in one dimension alone.
    width = summed[0].size
    places = (np.cumsum(is_first)[again, None] - 1) * width + np.arange(width)
    np.add.at(summed.reshape(-1), places.reshape(-1), rows[order[again]].reshape(-1))
    return summed, ordered[is_first]


def _summed_types(rows: TensorType, indices: TensorType) -> tuple[TensorType, TensorType]:
    if indices.rank not in (None, 1):
        raise ShapeError(f"indices must be one-dimensional, got shape {shapes.format_shape(indices.shape)}")
    return TensorType(rows.dtype, None if not rows.shape else (None, *rows.shape[1:])), TensorType(indices.dtype, (None,))


sum_duplicate_rows = define_op(
    "sum_duplicate_rows(rows: num, indices: index) -> many()",
    infer=_summed_types,
    kernel=_sum_duplicates,
    host_only=True,
    fallible=True,
    view_of="rows",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="SumDuplicateRows",
    samples=[
        case("f32[3,2]", "i32[2]", error="grad must be the same size as indices in the first dimension."),
        case("f32[2,2]", arg("i32[2,1]", 0, 4), error="indices must be one-dimensional"),
        case("f32[4,2]", values([3, 0, 3, 1], "i32")),
        case("f64[3]", values([2, 0, 1], "i64")),
        case("f32[0,2]", values(np.zeros(0), "i32")),
    ],
    doc="Return rows with those of one index added up, and their indices, each once.",
    ref="https://github.com/tensorflow/tensorflow/blob/r1.15/tensorflow/python/training/optimizer.py (_deduplicate_indexed_slices)",
)


def _check_rows(xp: Any, indices: Any, rows: Any, var: Any, gradient: str) -> Any:
    if np.ndim(var) < 1:
        raise invalid_argument("var must be at least 1 dimensional")
    if indices.ndim != 1:
        raise invalid_argument("indices must be one-dimensional")
    if rows.ndim != var.ndim:
        raise invalid_argument(f"var and {gradient} must match in dimension {min(rows.ndim, var.ndim)}")
    for axis in range(1, var.ndim):
        if rows.shape[axis] != var.shape[axis]:
            raise invalid_argument(f"var and {gradient} must match in dimension {axis}")
    if rows.shape[0] != indices.shape[0]:
        raise invalid_argument(f"{gradient} must be the same size as indices in the first dimension.")
    wrong = np.flatnonzero((indices < 0) | (indices >= var.shape[0]))
    if wrong.size:
        raise invalid_argument(f"Index {indices[wrong[0]]} at offset {wrong[0]} in indices is out of range")
    return indices


check_gradient_rows = define_op(
    "check_gradient_rows(indices: index, rows: num, var: num; gradient = 'grad')",
    infer=lambda indices, rows, var, gradient: indices,
    kernel=_check_rows,
    fallible=True,
    view_of="indices",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckGradientRows",
    samples=[
        case(values([3, 0], "i32"), "f32[2,3]", "f32[4,3]"),
        case(values([3, 4], "i32"), "f32[2,3]", "f32[4,3]", error="Index 4 at offset 1 in indices is out of range"),
        case(values([-1], "i64"), "f64[1]", "f64[4]", error="Index -1 at offset 0 in indices is out of range"),
        case("i32[2]", "f32[2,3]", "f32[9,2]", error="var and grad must match in dimension 1"),
        case("i32[2]", "f32[2,3]", "f32[9]", gradient="delta", error="var and delta must match in dimension 1"),
        case("i32[2]", "f32[3,3]", "f32[9,3]", error="grad must be the same size as indices in the first dimension."),
        case("i32[1]", "f32[1]", "f32[]", error="var must be at least 1 dimensional"),
        case("i32[]", "f32[1]", "f32[2]", error="indices must be one-dimensional"),
    ],
    doc="Return the indices; raise unless they and the gradient's rows fit the variable.",
    ref=KERNELS,
)

# The rows have been checked, so that neither this nor `rows_update` can fail after a variable has been written in place.
take_rows = define_op(
    "take_rows(x: any, indices: index)",
    infer=lambda x, indices: TensorType(x.dtype, None if x.shape is None else (*(indices.shape or (None,)), *x.shape[1:])),
    kernel=lambda xp, x, indices: x[indices],
    vjp=NOT_DIFFERENTIABLE,
    linear_in=("x",),
    tf_name="TakeRows",
    samples=[case("f32[4,3]", values([3, 0], "i32")), case("f64[4]", values([1, 1], "i64"))],
    doc="Return the rows of x at checked indices.",
)

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
      sparse: takes rows of a gradient and, after them, their indices (each once).
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
    checks = _Checks(state, gradient, signs or {})

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
        if all_rows is not None:
            return _write(ctx, references, all_rows(*current, *{**scalars, "indices": indices}.values(), **settings))
        rows = [take_rows(value, indices) for value in current]
        del scalars["indices"]
        changed = update(*rows, *scalars.values(), **settings)
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
        infer=checks.sparse_type(with_indices),
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


class _Checks:
    """What the operands of one rule must be, while recording and while running."""

    def __init__(self, state: tuple[str, ...], gradient: str, signs: dict[str, str]) -> None:
        self.state = state
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
            if not shapes.is_compatible(var.shape, slot.shape):
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
