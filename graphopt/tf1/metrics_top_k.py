"""Metrics of `tf.metrics` that compare the k best classes with the true ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, UnsupportedError, lines
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.sparse_tensor import SparseTensor, SparseTensorValue
from graphopt.tf1 import array, math, nn
from graphopt.tf1.metric_parts import Pair, collected, metric_variable
from graphopt.tf1.weights import broadcast_checks, broadcast_weights

# --- sets of class numbers in the last axis ----------------------------------------------------------------------------------


def _true_classes(labels: Any, predictions: Tensor) -> Tensor:
    """Return labels as int64 ``[..., number of labels]``; labels without the last axis are one for each row."""
    if isinstance(labels, (SparseTensor, SparseTensorValue)):
        raise UnsupportedError("graphopt's metrics take no sparse labels: give a dense tensor, its rows filled up with -1.")
    classes = math.cast(convert_to_tensor(labels), dtypes.int64)
    own, other = classes.tensor_type.rank, predictions.tensor_type.rank
    if own is None or other is None or own == other:
        return classes
    if other == own + 1:
        return array.expand_dims(classes, -1)
    rule = f"Unexpected labels shape {classes.get_shape()} for predictions shape {predictions.get_shape()}."
    raise ArgumentError(lines(rule, "Labels have the rank of the predictions, or one axis less."))


def _is_in(these: Tensor, those: Tensor) -> Tensor:
    """Tell for each number in the last axis of `these` whether it is among those of the same row."""
    pairs = math.equal(array.expand_dims(these, -1), array.expand_dims(those, -2))
    return math.reduce_any(pairs, -1)


def _last_size(x: Tensor) -> Any:
    sizes: Any = array.shape(x)
    return sizes[-1]


def _is_first(x: Tensor) -> Tensor:
    """Tell for each number in the last axis whether it stands there for the first time."""
    pairs = math.equal(array.expand_dims(x, -1), array.expand_dims(x, -2))
    places = array.range(_last_size(x))
    is_earlier = math.less(array.expand_dims(places, 0), array.expand_dims(places, 1))
    return math.logical_not(math.reduce_any(math.logical_and(pairs, is_earlier), -1))


def _size(these: Tensor, condition: Tensor, class_id: int | None) -> Tensor:
    """Return for each row how many different numbers fulfil the condition, only the given class when there is one."""
    counted = math.logical_and(condition, _is_first(these))
    if class_id is not None:
        counted = math.logical_and(counted, math.equal(these, np.int64(class_id)))
    return math.reduce_sum(math.cast(counted, dtypes.float64), -1)


def _weighted(values: Tensor, weights: Any) -> Tensor:
    if weights is None:
        return values
    factor = convert_to_tensor(weights)
    with values.graph.control_dependencies(broadcast_checks(factor, values)):
        return math.multiply(values, math.cast(array.identity(factor), dtypes.float64))


def _name_at(word: str, k: Any, class_id: int | None) -> str:
    at = f"{word}_at_k" if k is None else f"{word}_at_{k}"
    return at if class_id is None else f"{at}_class{class_id}"


def _total(name: str, values: Tensor, weights: Any) -> tuple[Any, Any]:
    """Return a variable of that name to which the weighted sum of the values is added, and its update."""
    with name_scope(None, name) as scope:
        more = math.reduce_sum(_weighted(values, weights))
        variable = metric_variable([], dtypes.float64, name=scope)
        return variable, variable.assign_add(more, name="update")


def _counted(these: Tensor, is_right: Tensor, class_id: int | None, weights: Any, names: tuple[str, str]) -> tuple[Pair, Pair]:
    """Return the sums of those that are right and of those that are wrong so far, under two names, each with its update."""
    right = _total(names[0], _size(these, is_right, class_id), weights)
    return right, _total(names[1], _size(these, math.logical_not(is_right), class_id), weights)


def _part_of_right_ones(right: Pair, wrong: Pair, metrics_collections: Any, updates_collections: Any, scope: str) -> Pair:
    """Return which part of two sums the first is, before and after their updates."""
    value = collected(metrics_collections, math.divide(right[0], math.add(right[0], wrong[0]), name=scope))
    return value, collected(updates_collections, math.divide(right[1], math.add(right[1], wrong[1]), name="update"))


# --- recall and precision ----------------------------------------------------------------------------------------------------


def recall_at_top_k(labels: Any, predictions_idx: Any, k: Any = None, class_id: int | None = None, weights: Any = None,
                    metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the true classes was among the best so far, and the update operation.

    Args:
      labels: true classes ``[..., number of labels]``, or ``[...]`` for one label each; -1 fills rows up, but counts as missed.
      predictions_idx: the best classes ``[..., k]``. k: for the names alone. class_id: look at this class only.
      weights: a number, or one for each row. The other arguments are those of `tf.metrics.mean`.

    Returns:
      The recall in float64 (NaN before the first batch), and an operation that takes a batch in.

    Raises:
      ValueError: when shapes don't fit. NotImplementedError: for sparse labels.

    Example:
      >>> recall, update = tf.metrics.recall_at_top_k(labels=[[0], [2]], predictions_idx=[[0, 1], [0, 1]], k=2)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.5
    """
    with name_scope(name, _name_at("recall", k, class_id), [predictions_idx, labels, weights]) as scope:
        best = math.cast(convert_to_tensor(predictions_idx), dtypes.int64)
        classes = _true_classes(labels, best)
        names = _name_at("true_positive", k, class_id), _name_at("false_negative", k, class_id)
        right, wrong = _counted(classes, _is_in(classes, best), class_id, weights, names)
        return _part_of_right_ones(right, wrong, metrics_collections, updates_collections, scope)


def recall_at_k(labels: Any, predictions: Any, k: int, class_id: int | None = None, weights: Any = None, metrics_collections: Any = None,
                updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the true classes was among the k best predictions so far, and the update operation.

    Args:
      predictions: a number for each class ``[..., number of classes]``. k: how many are taken.
      The other arguments are those of `recall_at_top_k`.

    Raises:
      ValueError: when shapes don't fit. NotImplementedError: for sparse labels.

    Example:
      >>> recall, update = tf.metrics.recall_at_k([[1], [0]], [[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]], k=1)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item(), [v.name for v in tf.local_variables()]
      (0.5, ['recall_at_1/true_positive_at_1:0', 'recall_at_1/false_negative_at_1:0'])
    """
    with name_scope(name, _name_at("recall", k, class_id), [predictions, labels, weights]) as scope:
        best = nn.top_k(predictions, k).indices
        return recall_at_top_k(labels, best, k, class_id, weights, metrics_collections, updates_collections, scope)


def precision_at_top_k(labels: Any, predictions_idx: Any, k: Any = None, class_id: int | None = None, weights: Any = None,
                       metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the best classes was true so far, and the update operation. Arguments as for `recall_at_top_k`.

    >>> precision, update = tf.metrics.precision_at_top_k(labels=[[0], [2]], predictions_idx=[[0, 1], [0, 1]], k=2)
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update).item()
    0.25
    """
    with name_scope(name, _name_at("precision", k, class_id), [predictions_idx, labels, weights]) as scope:
        best = math.cast(convert_to_tensor(predictions_idx), dtypes.int64)
        classes = _true_classes(labels, best)
        names = _name_at("true_positive", k, class_id), _name_at("false_positive", k, class_id)
        right, wrong = _counted(best, _is_in(best, classes), class_id, weights, names)
        return _part_of_right_ones(right, wrong, metrics_collections, updates_collections, scope)


def precision_at_k(labels: Any, predictions: Any, k: int, class_id: int | None = None, weights: Any = None,
                   metrics_collections: Any = None, updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the k best predictions was true so far, and the update operation. Arguments as for `recall_at_k`.

    >>> precision, update = tf.metrics.precision_at_k([[1], [0]], [[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]], k=2)
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update).item()
    0.25
    """
    with name_scope(name, _name_at("precision", k, class_id), [predictions, labels, weights]) as scope:
        best = nn.top_k(predictions, k).indices
        return precision_at_top_k(labels, best, k, class_id, weights, metrics_collections, updates_collections, scope)


sparse_precision_at_k = precision_at_k


# --- average precision -------------------------------------------------------------------------------------------------------


def _average_precision(classes: Tensor, best: Tensor, k: int) -> Tensor:
    """Return for each row the mean of the precisions at the places where a true class stands."""
    is_right = math.cast(_is_in(best, classes), dtypes.float64)
    precisions = math.divide(math.cumsum(is_right, -1), math.cumsum(array.ones_like(is_right), -1))
    present = math.reduce_sum(math.cast(math.greater_equal(classes, np.int64(0)), dtypes.int64), -1)
    possible = math.cast(math.minimum(present, np.int64(k)), dtypes.float64)
    return math.divide(math.reduce_sum(math.multiply(precisions, is_right), -1), possible)


def average_precision_at_k(labels: Any, predictions: Any, k: int, weights: Any = None, metrics_collections: Any = None,
                           updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the mean over all rows so far of the average precision among the k best predictions, and the update operation.

    Args:
      labels: true classes as for `recall_at_top_k`; those outside of the classes don't count.
      predictions: a number for each class ``[..., number of classes]``. k: how many are taken.
      The other arguments are those of `recall_at_top_k`.

    Returns:
      The mean in float64, 0 before the first batch; and an operation that takes a batch in.

    Raises:
      ValueError: for a k below 1, or when shapes don't fit. NotImplementedError: for sparse labels.

    Example:
      >>> precision, update = tf.metrics.average_precision_at_k([[1], [0]], [[0.1, 0.6, 0.3], [0.4, 0.5, 0.1]], k=2)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.75
    """
    if k < 1:
        raise ArgumentError(f"Invalid k={k}. `k` should be >= 1.")
    with name_scope(name, _name_at("average_precision", k, None), [predictions, labels, weights]) as scope:
        scores = convert_to_tensor(predictions)
        best = math.cast(nn.top_k(scores, k).indices, dtypes.int64)
        classes = _true_classes(labels, best)
        count = math.cast(_last_size(scores), dtypes.int64)
        classes = math.where(math.greater_equal(classes, count), math.negative(array.ones_like(classes)), classes)
        precisions = _average_precision(classes, best, k)
        if weights is None:
            rows = math.cast(array.size(precisions), dtypes.float64)
        else:
            factor = broadcast_weights(math.cast(convert_to_tensor(weights), dtypes.float64), precisions)
            precisions, rows = math.multiply(precisions, factor), math.reduce_sum(factor)
        # TensorFlow's own name: an operation of it is called Max.
        most, more_most = _sum("max_1", rows)
        total, more_total = _sum("total", math.reduce_sum(precisions))
        value = collected(metrics_collections, math.div_no_nan(total, most, name="mean"))
        return value, collected(updates_collections, math.div_no_nan(more_total, more_most, name=scope))


def _sum(name: str, more: Tensor) -> tuple[Any, Any]:
    """Return a variable of that name, and the operation that adds to it."""
    with name_scope(None, name) as scope:
        variable = metric_variable([], dtypes.float64, name=scope)
        return variable, variable.assign_add(more, name="update")


sparse_average_precision_at_k = average_precision_at_k
