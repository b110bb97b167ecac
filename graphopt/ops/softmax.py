"""Softmax and the cross entropies, stable for logits of any size."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import TensorType
from graphopt.ops.activations import NN, relu
from graphopt.ops.array import expand_dims_op, transpose_op
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope
from graphopt.ops.elementwise import absolute, add, divide, exp, log, log1p, multiply, negative, sigmoid, subtract
from graphopt.ops.reduce import reduce_max_op
from graphopt.shapes import Shape


def _same_with_axis(x: TensorType, axis: int) -> TensorType:
    if x.shape is not None:
        if not x.shape:
            raise ShapeError("Shape must be at least rank 1 but is rank 0")
        shapes.normalize_axis(axis, len(x.shape))
    return x


def _shifted(xp: Any, x: Any, axis: int) -> Any:
    return x - xp.max(x, axis=axis, keepdims=True) if x.size else x


def _softmax_kernel(xp: Any, x: Any, axis: int) -> Any:
    grown = xp.exp(_shifted(xp, x, axis))
    return grown / xp.sum(grown, axis=axis, keepdims=True)


def _log_softmax_kernel(xp: Any, x: Any, axis: int) -> Any:
    shifted = _shifted(xp, x, axis)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


def _sum(x: Any, axis: int) -> Any:
    return reduce_sum_op(x, axis=(axis,), keepdims=True)


def _shift(x: Any, axis: int) -> Any:
    return subtract(x, reduce_max_op(x, axis=(axis,), keepdims=True))


def _softmax_expand(x: Any, axis: int) -> Any:
    grown = exp(_shift(x, axis))
    return divide(grown, _sum(grown, axis))


def _log_softmax_expand(x: Any, axis: int) -> Any:
    shifted = _shift(x, axis)
    return subtract(shifted, log(_sum(exp(shifted), axis)))


def _over_classes(name: str, kernel: Any, vjp: Any, expand: Any, tf_name: str, doc: str) -> OpDef:
    return define_op(f"{name}(x: float; axis = -1)", infer=_same_with_axis, kernel=kernel, vjp=vjp, expand=expand, tf_name=tf_name,
                     samples=[case("f32[3,4]"), case("f64[3]"), case("f64[2,3,4]", axis=1), case("f32[0,2]"),
                              case(values([[1000.0, 0.0, -1000.0], [-np.inf, 0.0, 1.0]]), differentiable=False)],
                     doc=doc, ref=f"{NN}/{name}")  # fmt: skip


softmax_op = _over_classes(
    "softmax",
    _softmax_kernel,
    lambda g, out, x, axis: multiply(subtract(g, _sum(multiply(g, out), axis)), out),
    _softmax_expand,
    "Softmax",
    "Return exp(x) divided by its sum along an axis.",
)

log_softmax_op = _over_classes(
    "log_softmax",
    _log_softmax_kernel,
    lambda g, out, x, axis: subtract(g, multiply(_sum(g, axis), exp(out))),
    _log_softmax_expand,
    "LogSoftmax",
    "Return the logarithm of softmax along an axis, exact where softmax would be 0.",
)


def softmax(x: Any, *, axis: int | None = None, name: str | None = None) -> Any:
    """Return exp(x) divided by its sum along `axis` (the last by default).

    Args:
      x: floats of rank 1 or more. axis: an axis of `x`. name: name of the operation.
    """
    return softmax_op(x, axis=-1 if axis is None else int(axis), name=name)


def log_softmax(x: Any, *, axis: int | None = None, name: str | None = None) -> Any:
    """Return the logarithm of `softmax(x)`.

    Args:
      x: floats of rank 1 or more. axis: an axis of `x` (the last by default). name: name of the operation.
    """
    return log_softmax_op(x, axis=-1 if axis is None else int(axis), name=name)


# --- cross entropy of classes --------------------------------------------------------------------------------------------


def _loss_types(logits: TensorType, shape: Shape) -> tuple[TensorType, TensorType]:
    return TensorType(logits.dtype, None if shape is None else shape[:-1]), TensorType(logits.dtype, shape)


def _cross_entropy_type(logits: TensorType, labels: TensorType) -> tuple[TensorType, TensorType]:
    for operand in (logits, labels):
        _same_with_axis(operand, -1)
    if logits.shape is not None and labels.shape is not None:
        if len(logits.shape) != len(labels.shape):
            raise ShapeError(f"Shapes must be equal rank, but are {len(logits.shape)} and {len(labels.shape)}")
        for a, b in zip(logits.shape, labels.shape, strict=True):
            if a is not None and b is not None and a != b:
                raise ShapeError(f"Dimensions must be equal, but are {a} and {b}")
    return _loss_types(logits, shapes.merge_shapes(logits.shape, labels.shape))


def _cross_entropy_kernel(xp: Any, logits: Any, labels: Any) -> Any:
    if np.shape(logits) != np.shape(labels):
        sizes = [shapes.format_shape(np.shape(x)) for x in (logits, labels)]
        raise invalid_argument(f"logits and labels must be broadcastable: logits_size={sizes[0]} labels_size={sizes[1]}")
    shifted = _shifted(xp, logits, -1)
    grown = xp.exp(shifted)
    total = xp.sum(grown, axis=-1, keepdims=True)
    loss = xp.sum(labels * (xp.log(total) - shifted), axis=-1)
    return loss, grown / total - labels


def _cross_entropy_expand(logits: Any, labels: Any) -> Any:
    shifted = _shift(logits, -1)
    grown = exp(shifted)
    total = _sum(grown, -1)
    loss = reduce_sum_op(multiply(labels, subtract(log(total), shifted)), axis=(-1,), keepdims=False)
    return loss, subtract(divide(grown, total), labels)


def _times_rows(g: Any, x: Any) -> Any:
    return multiply(expand_dims_op(g, axis=-1), x)


def _through_softmax(h: Any, logits: Any) -> Any:
    """Return what a gradient `h` of the second result (softmax minus labels) means for the logits."""
    probability = softmax_op(logits, axis=-1)
    return multiply(subtract(h, _sum(multiply(h, probability), -1)), probability)


def _total(parts: list[Any]) -> Any:
    return None if not parts else parts[0] if len(parts) == 1 else add(*parts)


def _cross_entropy_vjp(g: Any, out: Any, logits: Any, labels: Any) -> Any:
    of_loss, of_gradient = g
    to_logits, to_labels = [], []
    if of_loss is not None:
        to_logits.append(_times_rows(of_loss, out[1]))
        to_labels.append(_times_rows(of_loss, negative(log_softmax_op(logits, axis=-1))))
    if of_gradient is not None:
        to_logits.append(_through_softmax(of_gradient, logits))
        to_labels.append(negative(of_gradient))
    return _total(to_logits), _total(to_labels)


_PROBABILITIES = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]

softmax_cross_entropy_op = define_op(
    "softmax_cross_entropy(logits: float, labels: same(logits)) -> many()",
    infer=_cross_entropy_type, kernel=_cross_entropy_kernel, vjp=_cross_entropy_vjp, expand=_cross_entropy_expand,
    fallible=lambda logits, labels: not (logits.is_static and labels.is_static),
    tf_name="SoftmaxCrossEntropyWithLogits", default_name="softmax_cross_entropy_with_logits",
    samples=[case("f32[2,3]", values(_PROBABILITIES)), case("f64[2,3]", values(_PROBABILITIES, "f64")),
             case("f64[1,2,3]", values([_PROBABILITIES], "f64")), case("f32[0,3]", "f32[0,3]"),
             case(values([[1000.0, 0.0, -1000.0]]), values([[0.5, 0.5, 0.0]]))],
    doc="Return the cross entropy of softmax(logits) and labels, each row of which sums to 1, and its gradient for the logits.",
    ref=f"{NN}/softmax_cross_entropy_with_logits_v2",
)  # fmt: skip


def softmax_cross_entropy(labels: Any, logits: Any, *, axis: int = -1, name: str | None = None) -> Any:
    """Return the cross entropy of each row of `labels` and softmax of the row of `logits`; gradients flow to both.

    Args:
      labels: probabilities, each row sums to 1. logits: floats of the same shape.
      axis: the axis of the classes. name: name of the operation.

    Returns:
      The losses, of the shape of `logits` without `axis`.
    """
    rank = next((x.tensor_type.rank for x in (logits, labels) if hasattr(x, "builder")), None)
    if axis != -1 and (rank is None or axis % rank != rank - 1):
        labels, logits = _with_axis_last(labels, axis, rank), _with_axis_last(logits, axis, rank)
    return softmax_cross_entropy_op(logits, labels, name=name)[0]


def _with_axis_last(x: Any, axis: int, rank: int | None) -> Any:
    if rank is None:
        raise ShapeError(f"The rank of logits must be known to take the classes from axis {axis}.")
    at = shapes.normalize_axis(axis, rank)
    return transpose_op(x, perm=(*range(at), *range(at + 1, rank), at))


def _sparse_type(logits: TensorType, labels: TensorType) -> tuple[TensorType, TensorType]:
    _same_with_axis(logits, -1)
    if logits.shape is None or labels.shape is None:
        return _loss_types(logits, logits.shape)
    if len(labels.shape) != len(logits.shape) - 1:
        ranks = len(labels.shape), len(logits.shape)
        raise ShapeError(f"Rank mismatch: Rank of labels (received {ranks[0]}) should equal rank of logits minus 1 (received {ranks[1]})")
    if not shapes.is_compatible(labels.shape, logits.shape[:-1]):
        found = shapes.format_tf(labels.shape), shapes.format_tf(logits.shape)
        raise ShapeError(
            f"Shape mismatch: The shape of labels (received {found[0]}) should equal the shape of logits "
            f"except for the last dimension (received {found[1]})"
        )
    rows = shapes.merge_shapes(labels.shape, logits.shape[:-1]) or ()
    return _loss_types(logits, (*rows, logits.shape[-1]))


def _check_labels(logits: Any, labels: Any) -> None:
    if np.shape(labels) != np.shape(logits)[:-1]:
        sizes = [shapes.format_shape(np.shape(x)) for x in (logits, labels)]
        raise invalid_argument(
            f"logits and labels must have the same first dimension, got logits shape {sizes[0]} and labels shape {sizes[1]}"
        )
    if not np.size(labels):
        return
    low, high, limit = int(np.min(labels)), int(np.max(labels)), np.shape(logits)[-1]
    if low < 0 or high >= limit:
        shown = " ".join(str(label) for label in np.reshape(labels, -1).tolist())
        rule = f"Received a label value of {low if low < 0 else high} which is outside the valid range of [0, {limit})."
        raise invalid_argument(f"{rule}  Label values: {shown}")


@functools.lru_cache(maxsize=256)
def _row_starts(rows: int, classes: int, dtype: Any) -> Any:
    starts = np.arange(0, rows * classes, classes, dtype=dtype)
    starts.flags.writeable = False
    return starts


def _sparse_by_rows(logits: Any, labels: Any) -> Any:
    """Do the same with NumPy calls that are quick on small batches: one look at the labels, flat indices, a product for the sum."""
    classes = logits.shape[-1]
    rows, flat_labels = logits.reshape(-1, classes), labels.reshape(-1)
    unsigned = flat_labels.view(np.uint64 if labels.dtype.itemsize == 8 else np.uint32)
    if labels.shape != logits.shape[:-1] or np.maximum.reduce(unsigned) >= classes:
        _check_labels(logits, labels)
    hits = flat_labels + _row_starts(len(rows), classes, np.dtype(np.int64))
    shifted = rows - np.maximum.reduce(rows, 1, None, None, True)  # type: ignore[call-overload]
    picked = shifted.reshape(-1).take(hits)
    grown = np.exp(shifted, shifted)
    total = np.add.reduce(grown, 1) if grown.dtype.char == "e" else grown.dot(_ones(classes, grown.dtype))
    np.divide(grown, total[:, None], grown)
    grown.reshape(-1)[hits] -= 1
    loss = np.subtract(np.log(total, total), picked, picked)
    return loss.reshape(labels.shape), grown.reshape(logits.shape)


@functools.lru_cache(maxsize=256)
def _ones(count: int, dtype: Any) -> Any:
    ones = np.ones(count, dtype)
    ones.flags.writeable = False
    return ones


def _sparse_kernel(xp: Any, logits: Any, labels: Any) -> Any:
    if xp is np and logits.size and logits.flags.c_contiguous:
        return _sparse_by_rows(logits, labels)
    _check_labels(logits, labels)
    classes = np.shape(logits)[-1]
    shifted = _shifted(xp, logits, -1)
    grown = xp.exp(shifted)
    total = xp.sum(grown, axis=-1, keepdims=True)
    hit = labels[..., None] == xp.arange(classes, dtype=labels.dtype)
    picked = xp.take_along_axis(shifted, labels[..., None], -1) if classes else shifted[..., :1]
    loss = (xp.log(total) - picked)[..., 0] if classes else xp.zeros(np.shape(labels), logits.dtype)
    return loss, grown / total - hit


def _sparse_vjp(g: Any, out: Any, logits: Any, labels: Any) -> Any:
    of_loss, of_gradient = g
    parts = []
    if of_loss is not None:
        parts.append(_times_rows(of_loss, out[1]))
    if of_gradient is not None:
        parts.append(_through_softmax(of_gradient, logits))
    return _total(parts), None


sparse_softmax_cross_entropy_op = define_op(
    "sparse_softmax_cross_entropy(logits: float, labels: index) -> many()",
    infer=_sparse_type, kernel=_sparse_kernel, vjp=_sparse_vjp, fallible=True, rounding="sum",
    tf_name="SparseSoftmaxCrossEntropyWithLogits", default_name="SparseSoftmaxCrossEntropyWithLogits",
    samples=[case("f32[4,3]", arg("i32[4]", 0, 3)), case("f64[4,3]", arg("i64[4]", 0, 3)), case("f64[3]", arg("i32[]", 0, 3)),
             case("f64[2,2,3]", arg("i32[2,2]", 0, 3)), case("f32[0,3]", arg("i32[0]", 0, 3))],
    doc="Return the cross entropy of softmax(logits) and classes given by number, and its gradient for the logits.",
    ref=f"{NN}/sparse_softmax_cross_entropy_with_logits",
)  # fmt: skip


def sparse_softmax_cross_entropy(labels: Any, logits: Any, *, name: str | None = None) -> Any:
    """Return the cross entropy of the class `labels` name and softmax of the row of `logits`.

    Args:
      labels: int32 or int64 class numbers. logits: floats with one axis more, the classes. name: name of the operation.

    Returns:
      The losses, of the shape of `labels`. A label outside of the classes raises InvalidArgumentError when it is run.
    """
    return sparse_softmax_cross_entropy_op(logits, labels, name=name)[0]


# --- cross entropy of independent yes and no ---------------------------------------------------------------------------


def _merged_type(labels: TensorType, logits: TensorType) -> TensorType:
    if not shapes.is_compatible(labels.shape, logits.shape):
        found = shapes.format_tf(logits.shape), shapes.format_tf(labels.shape)
        raise ShapeError(f"logits and labels must have the same shape ({found[0]} vs {found[1]})")
    return TensorType(logits.dtype, shapes.merge_shapes(labels.shape, logits.shape))


def _sigmoid_kernel(xp: Any, labels: Any, logits: Any) -> Any:
    if np.shape(labels) != np.shape(logits):
        found = f"{shapes.format_tf(np.shape(logits))} vs {shapes.format_tf(np.shape(labels))}"
        raise invalid_argument(f"logits and labels must have the same shape ({found})")
    return xp.maximum(logits, logits.dtype.type(0)) - logits * labels + xp.log1p(xp.exp(-xp.abs(logits)))


sigmoid_cross_entropy_op = define_op(
    "sigmoid_cross_entropy(labels: float, logits: same(labels))",
    infer=_merged_type, kernel=_sigmoid_kernel, fallible=lambda labels, logits: not (labels.is_static and logits.is_static),
    vjp=(lambda g, out, labels, logits: multiply(g, negative(logits)),
         lambda g, out, labels, logits: multiply(g, subtract(sigmoid(logits), labels))),
    scalar="maximum({logits}, 0) - {logits} * {labels} + log1p(exp(-abs({logits})))",
    tf_name="SigmoidCrossEntropyWithLogits", default_name="logistic_loss",
    expand=lambda labels, logits: add(subtract(relu(logits), multiply(logits, labels)), log1p(exp(negative(absolute(logits))))),
    samples=[case(arg("f32[2,3]", 0, 1), "f32[2,3]"), case(arg("f64[3]", 0, 1), "f64[3]"), case("f64[]", "f64[]"),
             case("f32[0,2]", "f32[0,2]"), case(values([0.0, 1.0, 1.0, 0.0]), values([-200.0, -200.0, 200.0, 200.0])),
             case("f32[2]", "f32[2,1]", error="logits and labels must have the same shape ((2, 1) vs (2,))")],
    doc="Return the cross entropy of probabilities and sigmoid(logits), element by element, without overflow.",
    ref=f"{NN}/sigmoid_cross_entropy_with_logits",
)  # fmt: skip


def sigmoid_cross_entropy(labels: Any, logits: Any, *, name: str | None = None) -> Any:
    """Return max(x, 0) - x * z + log(1 + exp(-|x|)) for logits x and labels z, element by element.

    Args:
      labels: probabilities. logits: floats of the same shape. name: name of the operation.
    """
    return sigmoid_cross_entropy_op(labels, logits, name=name)


def weighted_cross_entropy(labels: Any, logits: Any, *, pos_weight: Any, name: str | None = None) -> Any:
    """Return the sigmoid cross entropy with the part of positive labels multiplied by `pos_weight`.

    Args:
      labels: probabilities. logits: floats of the same shape. pos_weight: a number or tensor. name: name of the operation.
    """
    with scope(name or "logistic_loss", labels, logits) as entered:
        weight = add(multiply(labels, pos_weight - 1.0), 1.0)
        tail = add(log1p(exp(negative(absolute(logits)))), relu(negative(logits)))
        return add(multiply(subtract(1.0, labels), logits), multiply(weight, tail), name=entered)
