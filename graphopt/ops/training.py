"""The update rules of the optimizers, each one operation on a variable, its slots, a gradient and hyper-parameters.

A rule is one function ``update(var, *slots, *operands) -> (var, *slots)`` in the op vocabulary: new values as expressions of old ones.
`define_rule` makes two ops of it: one for dense gradients, and one for sparse rows, which takes the touched rows out, updates them by
the same function and puts them back. Discharge replaces both by the expressions, so that the compiler simplifies, shares and fuses them.

The formulas are those of TensorFlow's kernels, with the fewest operations on arrays as large as the variable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops import operators as operators  # noqa: PLC0414 (enters Python's operators, in which the rules are written)
from graphopt.ops.elementwise import absolute, cast, greater, maximum, power, select, sign, sqrt, zeros_as
from graphopt.ops.state import rows_add, rows_update

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
        return rows, indices
    starts = np.flatnonzero(is_first)
    return np.add.reduceat(rows[order], starts, axis=0, dtype=rows.dtype), ordered[starts]


def _summed_types(rows: TensorType, indices: TensorType) -> tuple[TensorType, TensorType]:
    if indices.rank not in (None, 1):
        raise ShapeError(f"indices must be one-dimensional, got shape {shapes.format_shape(indices.shape)}")
    return TensorType(rows.dtype, None if not rows.shape else (None, *rows.shape[1:])), TensorType(indices.dtype, (None,))


sum_duplicate_rows = define_op(
    "sum_duplicate_rows(rows: num, indices: index) -> many()",
    infer=_summed_types, kernel=_sum_duplicates, fallible=True, vjp=NOT_DIFFERENTIABLE, tf_name="SumDuplicateRows",
    samples=[case("f32[4,2]", values([3, 0, 3, 1], "i32")), case("f64[3]", values([2, 0, 1], "i64")), case("f32[0,2]", values(np.zeros(0), "i32"))],
    doc="Return rows with those of one index added up, and their indices, each once.",
    ref="https://github.com/tensorflow/tensorflow/blob/r1.15/tensorflow/python/training/optimizer.py (_deduplicate_indexed_slices)",
)  # fmt: skip


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
    infer=lambda indices, rows, var, gradient: indices, kernel=_check_rows, fallible=True, view_of="indices", vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckGradientRows", samples=[case(values([3, 0], "i32"), "f32[2,3]", "f32[4,3]")],
    doc="Return the indices; raise unless they and the gradient's rows fit the variable.", ref=KERNELS,
)  # fmt: skip

# The rows have been checked, so that neither this nor `rows_update` can fail after a variable has been written in place.
take_rows = define_op(
    "take_rows(x: any, indices: index)",
    infer=lambda x, indices: TensorType(x.dtype, None if x.shape is None else (*(indices.shape or (None,)), *x.shape[1:])),
    kernel=lambda xp, x, indices: x[indices], vjp=NOT_DIFFERENTIABLE, linear_in=("x",), tf_name="TakeRows",
    samples=[case("f32[4,3]", values([3, 0], "i32")), case("f64[4]", values([1, 1], "i64"))], doc="Return the rows of x at checked indices.",
)  # fmt: skip

# --- checks ----------------------------------------------------------------------------------------------------------------


def _same_shape(xp: Any, x: Any, y: Any, message: str) -> Any:
    if np.shape(x) != np.shape(y):
        raise invalid_argument(message.format(x=list(np.shape(x)), y=list(np.shape(y))))
    return x


same_shape = define_op(
    "same_shape(x: any, y: any; message)",
    infer=lambda x, y, message: TensorType(x.dtype, y.shape), kernel=_same_shape, expand=lambda x, y, message: x,
    fallible=lambda x, y, message: not (x.is_static and x.shape == y.shape), view_of="x", vjp=NOT_DIFFERENTIABLE, tf_name="SameShape",
    samples=[case("f32[2,3]", "f64[2,3]", message="")], doc="Return x; raise unless it has the shape of y.",
)  # fmt: skip


def _sign_kernel(xp: Any, x: Any, rule: str, message: str) -> Any:
    holds = {"positive": x > 0, "non-negative": x >= 0, "non-positive": x <= 0}[rule]
    if not holds:
        raise invalid_argument(message)
    return x


check_sign = define_op(
    "check_sign(x: float; rule, message) -> like(x)",
    kernel=_sign_kernel, fallible=True, view_of="x", vjp=NOT_DIFFERENTIABLE, tf_name="CheckSign", samples=[case(values(1.0), rule="positive", message="")],
    doc="Return a scalar; raise unless it is positive, non-negative or non-positive.",
)  # fmt: skip


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


def define_rule(name: str, tf_name: str, operands: str, update: Update, *, doc: str, slots: str = "", attributes: str = "", gradient: str = "grad",
                signs: dict[str, str] | None = None, all_rows: Update | None = None, ref: str = KERNELS) -> Rule:  # fmt: skip
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
        scalars = checks.scalars(ctx, scalars)
        message = f"var and {gradient} do not have the same shape{{y}} {{x}}"
        scalars[gradient] = _with_shape_of(scalars[gradient], current[0], message)
        return _write(ctx, references, update(*current, *scalars.values(), **settings))

    def sparse(ctx: Any, *given: Any, **settings: Any) -> Any:
        references, scalars = given[: len(state)], dict(zip(with_indices, given[len(state) :], strict=True))
        current = [ctx.get(reference) for reference in references]
        scalars = checks.scalars(ctx, scalars)
        indices = check_gradient_rows(scalars["indices"], scalars[gradient], current[0], gradient=gradient)
        if all_rows is not None:
            return _write(ctx, references, all_rows(*current, *{**scalars, "indices": indices}.values(), **settings))
        rows = [take_rows(value, indices) for value in current]
        del scalars["indices"]
        changed = update(*rows, *scalars.values(), **settings)
        return _write(ctx, references, tuple([rows_update(old, indices, new) for old, new in zip(current, changed, strict=True)]))

    dense_op = define_op(f"apply_{name}({types_of(names)}{tail})", infer=checks.dense_type(names), discharge=dense, vjp=NOT_DIFFERENTIABLE,
                         tf_name=f"Apply{tf_name}", doc=doc, ref=ref)  # fmt: skip
    sparse_op = define_op(f"sparse_apply_{name}({types_of(with_indices)}{tail})", infer=checks.sparse_type(with_indices), discharge=sparse,
                          vjp=NOT_DIFFERENTIABLE, tf_name=f"SparseApply{tf_name}", doc=f"{doc} Only some rows have a gradient.", ref=ref)  # fmt: skip
    return Rule(dense_op, sparse_op, state[1:], gradient)


def _kind(word: str) -> str:
    return {"indices": "indices: index", "global_step": "global_step: i64"}.get(word, f"{word}: same(var)")


def _write(ctx: Any, references: Any, new_values: tuple[Any, ...]) -> Any:
    return [ctx.set(reference, value) for reference, value in zip(references, new_values, strict=True)][0]


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

    def scalars(self, ctx: Any, operands: dict[str, Any]) -> dict[str, Any]:
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
                checked[word] = _with_sign(ctx, checked[word], *self.signs[word].split("/"))
        return checked


def _with_sign(ctx: Any, value: Any, rule: str, what: str) -> Any:
    message = f"{what} is not a {rule} scalar: []"
    if value.is_constant:  # known now: nothing is left to do in each run
        _sign_kernel(np, value.value[()], rule, message)
        return value
    checked = check_sign(value, rule=rule, message=message)
    ctx.check(checked)
    return checked


def _is_zero(scalar: Any) -> bool:
    return bool(scalar.is_scalar_constant(0.0))


# --- the rules -------------------------------------------------------------------------------------------------------------


def _descend(var: Any, alpha: Any, delta: Any) -> tuple[Any, ...]:
    return (var - delta * alpha,)


gradient_descent = define_rule("gradient_descent", "GradientDescent", "alpha delta", _descend, gradient="delta", doc="w -= lr g.")


def _momentum(var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, use_nesterov: bool) -> tuple[Any, ...]:
    accum = accum * momentum + grad
    if use_nesterov:
        return var - (grad * lr + accum * (momentum * lr)), accum
    return var - accum * lr, accum


momentum = define_rule("momentum", "Momentum", "lr grad momentum", _momentum, slots="accum", attributes="use_nesterov = False",
                       doc="a = μ a + g; w -= lr a, or with Nesterov's look ahead w -= lr g + lr μ a.")  # fmt: skip


def _adagrad(var: Any, accum: Any, lr: Any, grad: Any) -> tuple[Any, ...]:
    accum = accum + grad * grad
    return var - grad * lr / sqrt(accum), accum


adagrad = define_rule("adagrad", "Adagrad", "lr grad", _adagrad, slots="accum", doc="a += g²; w -= lr g / √a.")


def _adagrad_da(var: Any, total: Any, squares: Any, grad: Any, lr: Any, l1: Any, l2: Any, global_step: Any) -> tuple[Any, ...]:
    steps = cast(global_step, var.dtype)
    total = total + grad
    squares = squares + grad * grad
    scale = sqrt(squares) + l2 * steps * lr
    reach = total if _is_zero(l1) else sign(total) * maximum(absolute(total) - maximum(l1, zeros_as(l1)) * steps, zeros_as(l1))
    return -(reach * lr) / scale, total, squares


adagrad_da = define_rule("adagrad_da", "AdagradDA", "grad lr l1 l2 global_step", _adagrad_da, slots="gradient_accumulator gradient_squared_accumulator",
                         doc="G += g; Q += g²; w = -lr sign(G) max(|G| - l1 T, 0) / (l2 T lr + √Q), T the number of steps.",
                         ref="Duchi, Hazan, Singer 2011, https://jmlr.org/papers/v12/duchi11a.html")  # fmt: skip


def _adadelta(var: Any, accum: Any, accum_update: Any, lr: Any, rho: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    rest = 1 - rho
    accum = accum * rho + grad * grad * rest
    change = sqrt(accum_update + epsilon) / sqrt(accum + epsilon) * grad
    return var - change * lr, accum, accum_update * rho + change * change * rest


adadelta = define_rule("adadelta", "Adadelta", "lr rho epsilon grad", _adadelta, slots="accum accum_update",
                       doc="a = ρ a + (1-ρ) g²; u = √(x+ε) / √(a+ε) g; w -= lr u; x = ρ x + (1-ρ) u².", ref="Zeiler 2012, https://arxiv.org/abs/1212.5701")  # fmt: skip


def _adam_rate(lr: Any, beta1_power: Any, beta2_power: Any) -> Any:
    return lr * sqrt(1 - beta2_power) / (1 - beta1_power)


def _adam(var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m = m + (grad - m) * (1 - beta1)
    v = v + (grad * grad - v) * (1 - beta2)
    return var - m * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v) + epsilon), m, v


def _adam_rows(var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any,
               indices: Any) -> tuple[Any, ...]:  # fmt: skip
    # Every row decays and moves, as in TensorFlow: a row without a gradient still follows its momentum.
    m = rows_add(m * beta1, indices, grad * (1 - beta1))
    v = rows_add(v * beta2, indices, grad * grad * (1 - beta2))
    return var - m * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v) + epsilon), m, v


adam = define_rule("adam", "Adam", "beta1_power beta2_power lr beta1 beta2 epsilon grad", _adam, slots="m v", all_rows=_adam_rows,
                   doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr √(1-β2ᵗ)/(1-β1ᵗ) m / (√v + ε).",
                   ref="Kingma, Ba 2015, https://arxiv.org/abs/1412.6980, section 2 (the efficient form, so that ε is the paper's ε̂)")  # fmt: skip


def _rms(grad: Any, lr: Any, mom: Any, momentum: Any, spread: Any, epsilon: Any) -> Any:
    step = grad * lr / sqrt(spread + epsilon)
    return step if _is_zero(momentum) else mom * momentum + step


def _rmsprop(var: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = _rms(grad, lr, mom, momentum, ms, epsilon)
    return var - mom, ms, mom


def _centered_rmsprop(var: Any, mg: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    rest = 1 - rho
    ms = ms + (grad * grad - ms) * rest
    mg = mg + (grad - mg) * rest
    mom = _rms(grad, lr, mom, momentum, ms - mg * mg, epsilon)
    return var - mom, mg, ms, mom


_RMSPROP = "Tieleman, Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf"
rmsprop = define_rule("rmsprop", "RMSProp", "lr rho momentum epsilon grad", _rmsprop, slots="ms mom",
                      doc="s += (g² - s)(1-ρ); m = μ m + lr g / √(s+ε); w -= m.", ref=_RMSPROP)  # fmt: skip
centered_rmsprop = define_rule("centered_rmsprop", "CenteredRMSProp", "lr rho momentum epsilon grad", _centered_rmsprop, slots="mg ms mom",
                               doc="s += (g² - s)(1-ρ); b += (g - b)(1-ρ); m = μ m + lr g / √(s - b² + ε); w -= m.", ref=_RMSPROP)  # fmt: skip


def _ftrl(var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, l2_shrinkage: Any, lr_power: Any) -> tuple[Any, ...]:
    def powered(x: Any) -> Any:
        return sqrt(x) if lr_power.is_scalar_constant(-0.5) else power(x, -lr_power)

    new_accum = accum + grad * grad
    rate = powered(new_accum)
    shrunk = grad if l2_shrinkage is None or _is_zero(l2_shrinkage) else grad + var * (l2_shrinkage * 2)
    linear = linear + shrunk - (rate - powered(accum)) / lr * var
    curvature = rate / lr if _is_zero(l2) else rate / lr + l2 * 2
    reach = (sign(linear) * l1 - linear) / curvature
    return select(greater(absolute(linear), l1), reach, zeros_as(reach)), new_accum, linear


def _plain_ftrl(var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, lr_power: Any) -> tuple[Any, ...]:
    return _ftrl(var, accum, linear, grad, lr, l1, l2, None, lr_power)


_FTRL_SIGNS = {"lr": "positive/lr", "l1": "non-negative/l1 regularization strength", "l2": "non-negative/l2 regularization strength",
               "l2_shrinkage": "non-negative/l2 shrinkage regularization strength", "lr_power": "non-positive/lr_power"}  # fmt: skip
_FTRL = "McMahan et al. 2013, https://research.google.com/pubs/archive/41159.pdf"
ftrl = define_rule("ftrl", "Ftrl", "grad lr l1 l2 lr_power", _plain_ftrl, slots="accum linear", signs=_FTRL_SIGNS, ref=_FTRL,
                   doc="n' = n + g²; z += g - (n'ᵖ - nᵖ)/lr w; w = (sign(z) l1 - z)/(n'ᵖ/lr + 2 l2) where |z| > l1, else 0; p = -lr_power.")  # fmt: skip
ftrl_shrinkage = define_rule("ftrl_v2", "FtrlV2", "grad lr l1 l2 l2_shrinkage lr_power", _ftrl, slots="accum linear", signs=_FTRL_SIGNS, ref=_FTRL,
                             doc="FTRL with g + 2 l2_shrinkage w in place of g in z.")  # fmt: skip


def _shrunk(target: Any, l1: Any, l2: Any, rate: Any) -> Any:
    """Return the proximal point: `target` moved towards 0 by rate l1, and divided by 1 + rate l2."""
    near = target if _is_zero(l1) else sign(target) * maximum(absolute(target) - l1 * rate, zeros_as(l1))
    return near if _is_zero(l2) else near / (l2 * rate + 1)


def _proximal_descent(var: Any, alpha: Any, l1: Any, l2: Any, delta: Any) -> tuple[Any, ...]:
    return (_shrunk(var - delta * alpha, l1, l2, alpha),)


_PROXIMAL = "Duchi, Singer 2009, https://papers.nips.cc/paper/3793-efficient-learning-using-forward-backward-splitting"
_PROXIMAL_SIGNS = {"alpha": "positive/alpha", "lr": "positive/lr", "l1": "non-negative/l1 regularization strength", "l2": "non-negative/l2 regularization strength"}
proximal_gradient_descent = define_rule("proximal_gradient_descent", "ProximalGradientDescent", "alpha l1 l2 delta", _proximal_descent, gradient="delta",
                                        doc="q = w - lr g; w = sign(q) max(|q| - lr l1, 0) / (1 + lr l2).", ref=_PROXIMAL)  # fmt: skip


def _proximal_adagrad(var: Any, accum: Any, lr: Any, l1: Any, l2: Any, grad: Any) -> tuple[Any, ...]:
    accum = accum + grad * grad
    rate = lr / sqrt(accum)
    return _shrunk(var - grad * rate, l1, l2, rate), accum


proximal_adagrad = define_rule("proximal_adagrad", "ProximalAdagrad", "lr l1 l2 grad", _proximal_adagrad, slots="accum",
                               doc="a += g²; η = lr / √a; q = w - η g; w = sign(q) max(|q| - η l1, 0) / (1 + η l2).", ref=_PROXIMAL)  # fmt: skip

RULES = {rule.dense.name.removeprefix("apply_"): rule for rule in
         (gradient_descent, momentum, adagrad, adagrad_da, adadelta, adam, rmsprop, centered_rmsprop, ftrl, ftrl_shrinkage, proximal_gradient_descent,
          proximal_adagrad)}  # fmt: skip
