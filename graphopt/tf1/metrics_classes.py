"""Confusion matrices, and the metrics of `tf.metrics` that look at each class."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variable_scope import variable_scope
from graphopt.graph.variables import scatter_add, with_dependencies
from graphopt.tf1 import array, checks, linalg, math
from graphopt.tf1.metric_parts import Pair, as_vector, collected, metric_variable, ratio, without_extra_axis


def confusion_matrix(labels: Any, predictions: Any, num_classes: Any = None, dtype: Any = dtypes.int32, name: str | None = None,
                     weights: Any = None) -> Tensor:  # fmt: skip
    """Return how often each label (row) got each prediction (column).

    Args:
      labels, predictions: vectors of class numbers, a last axis of size 1 allowed. num_classes: how many classes there are;
        None: one more than the largest number. dtype: of the result. name: of the scope. weights: what each answer counts; None: 1.

    Returns:
      A matrix ``[num_classes, num_classes]``.

    Raises:
      ValueError: when shapes don't fit.
      tf.errors.InvalidArgumentError: for a class number that is negative or too large.

    Example:
      >>> tf.Session().run(tf.math.confusion_matrix(labels=[1, 2, 0], predictions=[1, 1, 0])).tolist()
      [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    """
    with name_scope(name, "confusion_matrix", [predictions, labels, num_classes, weights]):
        rows, columns = without_extra_axis(convert_to_tensor(labels, name="labels"), convert_to_tensor(predictions, name="predictions"))
        rows, columns = math.cast(rows, dtypes.int64), math.cast(columns, dtypes.int64)
        rows = with_dependencies([checks.assert_non_negative(rows, message="`labels` contains negative values")], rows)
        columns = with_dependencies([checks.assert_non_negative(columns, message="`predictions` contains negative values")], columns)
        if num_classes is None:
            count = math.add(math.maximum(math.reduce_max(columns), math.reduce_max(rows)), 1)
        else:
            count = math.cast(num_classes, dtypes.int64)
            rows = with_dependencies([checks.assert_less(rows, count, message="`labels` out of bound")], rows)
            columns = with_dependencies([checks.assert_less(columns, count, message="`predictions` out of bound")], columns)
        if weights is not None:
            factor = convert_to_tensor(weights, name="weights")
            columns.get_shape().assert_is_compatible_with(factor.get_shape())
            values = math.cast(factor, dtype)
        else:
            values = array.ones_like(columns, dtype)
        matrix = array.scatter_nd(array.stack([rows, columns], axis=1), values, array.stack([count, count]))
        if isinstance(num_classes, int):
            matrix.set_shape([num_classes, num_classes])
        return matrix


def mean_per_class_accuracy(labels: Any, predictions: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
                            updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the mean over the classes of how often a class was predicted rightly so far, and the update operation.

    Args:
      labels, predictions: class numbers of one shape. num_classes: how many classes there are.
      The other arguments are those of `tf.metrics.mean`; weights have the shape of the labels.

    Returns:
      The mean, in which a class without labels counts 0; and an operation that gives the accuracy of each class, as in TensorFlow.

    Raises:
      ValueError: when shapes don't fit.

    Example:
      >>> accuracy, update = tf.metrics.mean_per_class_accuracy([0, 0, 1, 1], [0, 1, 1, 1], num_classes=2)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).tolist(), sess.run(accuracy).item()
      ([0.5, 1.0], 0.75)
    """
    with variable_scope(name, "mean_accuracy", [predictions, labels, weights]):
        truth, guesses = as_vector(math.cast(convert_to_tensor(labels), dtypes.int64)), as_vector(predictions)
        guesses.get_shape().assert_is_compatible_with(truth.get_shape())
        total, count = (metric_variable([num_classes], dtypes.float32, name=word) for word in ("total", "count"))
        ones = array.ones([array.size(truth)], dtypes.float32)
        is_right = math.cast(math.equal(math.cast(guesses, dtypes.int64), truth), dtypes.float32)
        if weights is not None:
            factor = math.cast(as_vector(weights), dtypes.float32)
            ones, is_right = math.multiply(ones, factor), math.multiply(is_right, factor)
        all_of_class, right_of_class = scatter_add(total, truth, ones), scatter_add(count, truth, is_right)
        value = math.reduce_mean(math.div_no_nan(count, math.maximum(total, 0.0)), name="mean_accuracy")
        collected(metrics_collections, value)
        return value, collected(updates_collections, ratio(right_of_class, all_of_class, "update_op"))


def mean_iou(labels: Any, predictions: Any, num_classes: int, weights: Any = None, metrics_collections: Any = None,
             updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the mean over the classes of intersection / union of labels and predictions so far, and the update operation.

    Args:
      labels, predictions: class numbers of one shape. num_classes: how many classes there are.
      The other arguments are those of `tf.metrics.mean`; weights have the shape of the labels.

    Returns:
      The mean over the classes that occurred; and an operation that gives the confusion matrix, as in TensorFlow.

    Raises:
      ValueError: when shapes don't fit.
      tf.errors.InvalidArgumentError: for a class number that is negative or too large.

    Example:
      >>> iou, update = tf.metrics.mean_iou([0, 0, 1, 1], [0, 1, 1, 1], num_classes=2)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).tolist(), round(sess.run(iou).item(), 4)
      ([[1.0, 1.0], [0.0, 2.0]], 0.5833)
    """
    with variable_scope(name, "mean_iou", [predictions, labels, weights]):
        guesses, truth = convert_to_tensor(predictions), convert_to_tensor(labels)
        guesses.get_shape().assert_is_compatible_with(truth.get_shape())
        matrix = metric_variable([num_classes, num_classes], dtypes.float64, name="total_confusion_matrix")
        factor = None if weights is None else as_vector(weights)
        more = confusion_matrix(as_vector(truth), as_vector(guesses), num_classes, dtypes.float64, weights=factor)
        update = matrix.assign_add(more)
        value = collected(metrics_collections, _mean_iou_of(matrix))
        return value, collected(updates_collections, update)


def _mean_iou_of(matrix: Any) -> Tensor:
    """Return the mean over the classes that occur of intersection / union, in float32."""
    by_column, by_row = (math.cast(math.reduce_sum(matrix, axis), dtypes.float32) for axis in (0, 1))
    both = math.cast(linalg.tensor_diag_part(matrix), dtypes.float32)
    union = math.subtract(math.add(by_column, by_row), both)
    count = math.reduce_sum(math.cast(math.not_equal(union, 0.0), dtypes.float32))
    safe = math.where(math.greater(union, 0.0), union, array.ones_like(union))
    total = math.reduce_sum(math.divide(both, safe), name="mean_iou")
    return math.where(math.greater(count, 0.0), math.divide(total, count), 0.0)
