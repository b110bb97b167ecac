"""`tf.losses` with TensorFlow 1's names and argument orders: a loss is weighted, reduced, and entered in a collection."""
# Long because: one function per loss, each with its own arguments and scope.

from __future__ import annotations

from typing import Any, ClassVar

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops import softmax as softmax_ops
from graphopt.ops.activations import relu
from graphopt.ops.array import shape_op, size_op, squeeze_op, stop_gradient
from graphopt.ops.elementwise import (
    absolute,
    add,
    add_n,
    cast,
    div_no_nan,
    divide,
    log,
    minimum,
    multiply,
    negative,
    not_equal,
    ones_as,
    squared_difference,
    subtract,
)
from graphopt.ops.reduce import reduce_sum
from graphopt.tf1.arguments import renamed
from graphopt.tf1.weights import broadcast_checks


class Reduction:
    """How the weighted losses of the elements become the loss."""

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    _ALL: ClassVar[tuple[str, ...]] = (NONE, SUM, MEAN, SUM_OVER_BATCH_SIZE, SUM_BY_NONZERO_WEIGHTS)

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Return all reductions."""
        return cls._ALL

    @classmethod
    def validate(cls, key: str) -> None:
        """Raise ValueError unless `key` is a reduction."""
        if key not in cls._ALL:
            raise ArgumentError(f"Invalid ReductionKey {key}.")


_REDUCTION = Reduction.SUM_BY_NONZERO_WEIGHTS

# --- weights and reduction -----------------------------------------------------------------------------------------------


def compute_weighted_loss(losses: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
                          reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted and reduced loss, computed in float32.

    Args:
      losses: the losses of the elements. weights: a number, or a tensor of the same rank whose sizes are 1 or those of the losses.
      scope: name of the scope. loss_collection: where the loss is entered (None: nowhere). reduction: see `Reduction`.

    Raises:
      ValueError: for another reduction, or weights that don't broadcast to the losses.

    >>> with tf.Session() as sess:
    ...     sess.run(tf.losses.compute_weighted_loss([1.0, 3.0], [1.0, 0.0])).item()
    1.0
    """
    Reduction.validate(reduction)
    with name_scope(scope, "weighted_loss", [losses, weights]):
        values = convert_to_tensor(losses, name="losses")
        factor = cast(convert_to_tensor(weights, name="weights"), dtypes.float32)
        with values.graph.control_dependencies(broadcast_checks(factor, values)):
            wide = cast(values, dtypes.float32)
            loss = cast(_reduced(wide, factor, reduction), values.dtype)
    add_loss(loss, loss_collection)
    return loss


def _reduced(losses: Tensor, weights: Tensor, reduction: str) -> Any:
    weighted = multiply(losses, weights)
    if reduction == Reduction.NONE:
        return weighted
    total = reduce_sum(weighted)
    if reduction == Reduction.SUM:
        return total
    if reduction == Reduction.MEAN:
        count = reduce_sum(multiply(ones_as(losses), weights))
    elif reduction == Reduction.SUM_OVER_BATCH_SIZE:
        count = cast(size_op(losses), dtypes.float32)
    else:
        count = _num_present(losses, weights)
    return div_no_nan(total, count, name="value")


def _num_present(losses: Tensor, weights: Tensor) -> Any:
    """Return for how many losses the weight is not 0."""
    with name_scope(None, "num_present", [losses, weights]) as scope:
        present = cast(not_equal(weights, 0.0), dtypes.float32)
        return reduce_sum(multiply(present, ones_as(losses)), name=scope)


def add_loss(loss: Any, loss_collection: str | None = GraphKeys.LOSSES) -> None:
    """Enter a loss in a collection (None: nowhere)."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


# --- losses ------------------------------------------------------------------------------------------------------------


def _check_given(**operands: Any) -> None:
    for name, value in operands.items():
        if value is None:
            raise ArgumentError(f"{name} must not be None.")


def _float_pair(labels: Any, scores: Any, name: str) -> tuple[Tensor, Tensor]:
    """Return both operands in float32; ValueError when their shapes contradict each other."""
    first = cast(convert_to_tensor(scores, name=name), dtypes.float32)
    second = cast(convert_to_tensor(labels, name="labels"), dtypes.float32)
    first.shape.assert_is_compatible_with(second.shape)
    return second, first


def mean_squared_error(labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
                       loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of (predictions - labels)**2. Arguments as in `compute_weighted_loss`.

    Raises:
      ValueError: without labels or predictions, or when shapes don't fit.

    >>> with tf.Session() as sess:
    ...     sess.run(tf.losses.mean_squared_error([1.0, 2.0], [1.0, 4.0])).item()
    2.0
    """
    _check_given(labels=labels, predictions=predictions)
    with name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as entered:
        targets, values = _float_pair(labels, predictions, "predictions")
        return compute_weighted_loss(squared_difference(values, targets), weights, entered, loss_collection, reduction)


def absolute_difference(labels: Any, predictions: Any, weights: Any = 1.0, scope: str | None = None,
                        loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of |predictions - labels|. Arguments as in `compute_weighted_loss`.

    Raises:
      ValueError: without labels or predictions, or when shapes don't fit.
    """
    _check_given(labels=labels, predictions=predictions)
    with name_scope(scope, "absolute_difference", [predictions, labels, weights]) as entered:
        targets, values = _float_pair(labels, predictions, "predictions")
        return compute_weighted_loss(absolute(subtract(values, targets)), weights, entered, loss_collection, reduction)


def huber_loss(labels: Any, predictions: Any, weights: Any = 1.0, delta: float = 1.0, scope: str | None = None,
               loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of the Huber loss: quadratic up to `delta`, linear beyond. Arguments as in `compute_weighted_loss`.

    Raises:
      ValueError: without labels or predictions, or when shapes don't fit.
    """
    _check_given(labels=labels, predictions=predictions)
    with name_scope(scope, "huber_loss", [predictions, labels, weights]) as entered:
        targets, values = _float_pair(labels, predictions, "predictions")
        distance = absolute(subtract(values, targets))
        near = minimum(distance, delta)
        losses = add(multiply(multiply(near, near), 0.5), multiply(subtract(distance, near), delta))
        return compute_weighted_loss(losses, weights, entered, loss_collection, reduction)


def hinge_loss(labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None, loss_collection: str | None = GraphKeys.LOSSES,
               reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of max(0, 1 - (2 * labels - 1) * logits) for labels 0 and 1. Arguments as in `compute_weighted_loss`.

    Raises:
      ValueError: without labels or logits, or when shapes don't fit.
    """
    _check_given(labels=labels, logits=logits)
    with name_scope(scope, "hinge_loss", [logits, labels, weights]) as entered:
        targets, values = _float_pair(labels, logits, "logits")
        signs = subtract(multiply(targets, 2.0), 1.0)
        return compute_weighted_loss(relu(subtract(1.0, multiply(signs, values))), weights, entered, loss_collection, reduction)


def log_loss(labels: Any, predictions: Any, weights: Any = 1.0, epsilon: float = 1e-7, scope: str | None = None,
             loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of -labels * log(predictions) - (1 - labels) * log(1 - predictions).

    Args:
      epsilon: added to what logarithms are taken of. The other arguments are those of `compute_weighted_loss`.

    Raises:
      ValueError: without labels or predictions, or when shapes don't fit.
    """
    _check_given(labels=labels, predictions=predictions)
    with name_scope(scope, "log_loss", [predictions, labels, weights]) as entered:
        targets, values = _float_pair(labels, predictions, "predictions")
        of_yes = multiply(targets, log(add(values, epsilon)))
        of_no = multiply(subtract(1.0, targets), log(add(subtract(1.0, values), epsilon)))
        return compute_weighted_loss(subtract(negative(of_yes), of_no), weights, entered, loss_collection, reduction)


def cosine_distance(labels: Any, predictions: Any, axis: int | None = None, weights: Any = 1.0, scope: str | None = None,
                    loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION,
                    dim: int | None = None) -> Any:  # fmt: skip
    """Return the weighted mean of 1 - sum(labels * predictions) over `axis`, for unit vectors along it.

    Args:
      axis: the axis of the vectors. The other arguments are those of `compute_weighted_loss`.

    Raises:
      ValueError: without an axis, labels or predictions, or when shapes don't fit.
    """
    over = renamed("axis", axis, "dim", dim)
    if over is None:
        raise ArgumentError("You must specify 'axis'.")
    _check_given(labels=labels, predictions=predictions)
    with name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as entered:
        targets, values = _float_pair(labels, predictions, "predictions")
        losses = subtract(1.0, reduce_sum(multiply(values, targets), axis=(over,), keepdims=True))
        return compute_weighted_loss(losses, weights, entered, loss_collection, reduction)


def sigmoid_cross_entropy(multi_class_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
                          loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of the sigmoid cross entropy.

    Args:
      multi_class_labels: 0 or 1 for each class. logits: of the same shape.
      label_smoothing: how far labels are moved to 1/2. The other arguments are those of `compute_weighted_loss`.

    Raises:
      ValueError: without labels or logits, or when shapes don't fit.
    """
    _check_given(multi_class_labels=multi_class_labels, logits=logits)
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as entered:
        values = convert_to_tensor(logits, name="logits")
        targets = cast(convert_to_tensor(multi_class_labels, name="labels"), values.dtype)
        values.shape.assert_is_compatible_with(targets.shape)
        if label_smoothing > 0:
            targets = add(multiply(targets, 1 - label_smoothing), 0.5 * label_smoothing)
        losses = softmax_ops.sigmoid_cross_entropy(targets, values, name="xentropy")
        return compute_weighted_loss(losses, weights, entered, loss_collection, reduction)


def softmax_cross_entropy(onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0, scope: str | None = None,
                          loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of the softmax cross entropy; no gradient flows to the labels.

    Args:
      onehot_labels: distributions over the classes. logits: of the same shape.
      label_smoothing: how far labels are moved to 1 / classes. The other arguments are those of `compute_weighted_loss`.

    Raises:
      ValueError: without labels or logits, or when shapes don't fit.
    """
    _check_given(onehot_labels=onehot_labels, logits=logits)
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as entered:
        values = convert_to_tensor(logits, name="logits")
        targets = cast(convert_to_tensor(onehot_labels, name="labels"), values.dtype)
        values.shape.assert_is_compatible_with(targets.shape)
        if label_smoothing > 0:
            share = divide(label_smoothing, cast(shape_op(targets)[-1], values.dtype))
            targets = add(multiply(targets, 1 - label_smoothing), share)
        losses = softmax_ops.softmax_cross_entropy(stop_gradient(targets, name="labels_stop_gradient"), values, name="xentropy")
        return compute_weighted_loss(losses, weights, entered, loss_collection, reduction)


def sparse_softmax_cross_entropy(labels: Any, logits: Any, weights: Any = 1.0, scope: str | None = None,
                                 loss_collection: str | None = GraphKeys.LOSSES, reduction: str = _REDUCTION) -> Any:  # fmt: skip
    """Return the weighted mean of the cross entropy of classes given by number and softmax(logits).

    Args:
      labels: class numbers, with a last axis of size 1 or without. logits: with one axis more, the classes.
      The other arguments are those of `compute_weighted_loss`.

    Raises:
      ValueError: without labels or logits, or when shapes don't fit.
    """
    _check_given(labels=labels, logits=logits)
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as entered:
        values, classes = convert_to_tensor(logits, name="logits"), convert_to_tensor(labels, name="labels")
        classes, values = _squeeze_to_rank(classes, values)
        factor = _squeeze_weights(weights, classes)
        losses = softmax_ops.sparse_softmax_cross_entropy(classes, values, name="xentropy")
        return compute_weighted_loss(losses, factor, entered, loss_collection, reduction)


def _squeeze_to_rank(labels: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Drop a last axis of size 1 from the operand that has one too many (labels should have one axis less than logits)."""
    own, other = labels.tensor_type.shape, logits.tensor_type.shape
    if own is None or other is None:
        return labels, logits
    if len(other) == len(own) + 2 and other[-1] in (1, None):
        return labels, squeeze_op(logits, axis=(-1,))
    if len(other) == len(own) and own[-1] in (1, None):
        return squeeze_op(labels, axis=(-1,)), logits
    return labels, logits


def _squeeze_weights(weights: Any, labels: Tensor) -> Any:
    factor = convert_to_tensor(weights, name="weights")
    own, other = factor.tensor_type.rank, labels.tensor_type.rank
    return squeeze_op(factor, axis=(-1,)) if own is not None and other is not None and own == other + 1 else factor


# --- collections -------------------------------------------------------------------------------------------------------


def get_losses(scope: str | None = None, loss_collection: str = GraphKeys.LOSSES) -> list[Any]:
    """Return the losses of a collection, only those whose names begin with `scope` when it is given."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """Return the regularization losses, only those whose names begin with `scope` when it is given."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Any:
    """Return the sum of the regularization losses, 0 when there are none."""
    found = get_regularization_losses(scope)
    return add_n(found, name=name) if found else convert_to_tensor(0.0)


def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None) -> Any:
    """Return the sum of all losses, and of the regularization losses unless told otherwise.

    Raises:
      ValueError: when there are none.
    """
    found = get_losses(scope)
    if add_regularization_losses:
        found += get_regularization_losses(scope)
    if not found:
        raise ArgumentError("There is no loss to add up: inputs must be a list of at least one Tensor with the same dtype and shape")
    return add_n(found, name=name)
