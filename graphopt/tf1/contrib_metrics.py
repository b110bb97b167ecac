"""`tf.contrib.metrics` and `slim.metrics`: the metrics of `tf.metrics` with predictions before labels, and dealing with several of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.scopes import name_scope
from graphopt.graph.variable_scope import variable_scope
from graphopt.tf1 import array, math, metrics, nn
from graphopt.tf1.metric_parts import Pair, accumulated, float_weights, metric_variable, of_one_shape
from graphopt.tf1.metrics_classes import confusion_matrix as confusion_matrix
from graphopt.tf1.metrics_counts import share_of

# --- several metrics -------------------------------------------------------------------------------------------------------


def aggregate_metrics(*value_update_tuples: Pair) -> tuple[list[Any], list[Any]]:
    """Return the values of several metrics as one list, and their update operations as another.

    Args:
      value_update_tuples: what functions of `tf.metrics` returned.

    Raises:
      ValueError: without any.

    Example:
      >>> values, updates = tf.contrib.metrics.aggregate_metrics(tf.metrics.mean([1.0]), tf.metrics.mean([2.0]))
      >>> [value.name for value in values]
      ['mean/value:0', 'mean_1/value:0']
    """
    if not value_update_tuples:
        raise ArgumentError("Expected at least one value_tensor/update_op pair")
    values, updates = zip(*value_update_tuples, strict=True)
    return list(values), list(updates)


def aggregate_metric_map(names_to_tuples: Mapping[str, Pair]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values of several metrics by name, and their update operations by name.

    Args:
      names_to_tuples: by name what functions of `tf.metrics` returned.

    Example:
      >>> values, updates = tf.contrib.metrics.aggregate_metric_map({"loss": tf.metrics.mean([1.0])})
      >>> updates["loss"].name
      'mean/update_op:0'
    """
    values = {name: pair[0] for name, pair in names_to_tuples.items()}
    return values, {name: pair[1] for name, pair in names_to_tuples.items()}


# --- metrics that `tf.metrics` has not ---------------------------------------------------------------------------------------


def accuracy(predictions: Any, labels: Any, weights: Any = None, name: str | None = None) -> Any:
    """Return the weighted share of the predictions of this batch that are equal to the labels.

    Args:
      predictions, labels: integers, bools or texts of one shape and type. weights: of that shape; None: 1. name: of the scope.

    Raises:
      ValueError: for other or different types.

    Example:
      >>> tf.Session().run(tf.contrib.metrics.accuracy(tf.constant([1, 2]), tf.constant([1, 3]))).item()
      0.5
    """
    guesses, truth = convert_to_tensor(predictions), convert_to_tensor(labels)
    if not (truth.dtype.is_integer or truth.dtype in (dtypes.bool_, dtypes.string)):
        raise ArgumentError(f"Labels should have bool, integer, or string dtype, not {truth.dtype!r}")
    if guesses.dtype is not truth.dtype:
        found = f"predictions ({guesses.dtype!r}) and labels ({truth.dtype!r})"
        raise ArgumentError(f"Dtypes of predictions and labels should match. Given: {found}")
    with name_scope(name, "accuracy", [guesses, truth]):
        right = math.cast(math.equal(guesses, truth), dtypes.float32)
        if weights is None:
            return math.reduce_mean(right)
        right = math.multiply(right, weights)
        total = math.multiply(weights, array.ones_like(right))
        return math.divide(math.reduce_sum(right), math.reduce_sum(total))


def count(values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
          name: str | None = None) -> Pair:  # fmt: skip
    """Return the sum of the weights of all values so far (their number without weights), and the update operation.

    Args:
      values: any tensor. The other arguments are those of `tf.metrics.mean`.

    Example:
      >>> number, update = tf.contrib.metrics.count([5.0, 6.0])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     [sess.run(update).item() for _ in range(2)]
      [2.0, 4.0]
    """
    with variable_scope(name, "count", [values, weights]):
        total = metric_variable([], dtypes.float32, name="count")
        numbers = convert_to_tensor(values)
        if weights is None:
            more = math.cast(array.size(numbers), dtypes.float32)
        else:
            numbers, _, weights = of_one_shape(math.cast(numbers, dtypes.float32), None, weights)
            more = math.reduce_sum(float_weights(weights, numbers))
        with get_default_graph().control_dependencies([numbers]):
            more = array.identity(more, name="num_values")
        return accumulated(total, more, (metrics_collections, updates_collections))


def streaming_false_positive_rate(predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
                                  updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the false labels was predicted true so far, and the update operation.

    Args:
      predictions, labels: of one shape; cast to bool. The other arguments are those of `tf.metrics.mean`.

    Example:
      >>> rate, update = tf.contrib.metrics.streaming_false_positive_rate(predictions=[1, 0, 0], labels=[0, 0, 1])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.5
    """
    counts, collections = (metrics.false_positives, metrics.true_negatives), (metrics_collections, updates_collections)
    return share_of("false_positive_rate", counts, labels, predictions, weights, collections, name)


def streaming_false_negative_rate(predictions: Any, labels: Any, weights: Any = None, metrics_collections: Any = None,
                                  updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the true labels was predicted false so far. As `streaming_false_positive_rate`.

    >>> tf.contrib.metrics.streaming_false_negative_rate([1, 0, 0], [0, 0, 1])[1].name
    'false_negative_rate/update_op:0'
    """
    counts, collections = (metrics.false_negatives, metrics.true_positives), (metrics_collections, updates_collections)
    return share_of("false_negative_rate", counts, labels, predictions, weights, collections, name)


def streaming_recall_at_k(predictions: Any, labels: Any, k: int, weights: Any = None, metrics_collections: Any = None,
                          updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return how often the true class was among the k best predictions so far, and the update operation.

    Args:
      predictions: a number for each class ``[batch, classes]``. labels: the true classes ``[batch]``. k: how many are taken.
      The other arguments are those of `tf.metrics.mean`.

    Example:
      >>> recall, update = tf.contrib.metrics.streaming_recall_at_k([[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]], [2, 0], k=2)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.5
    """
    is_in = math.cast(nn.in_top_k(predictions, labels, k), dtypes.float32)
    return metrics.mean(is_in, weights, metrics_collections, updates_collections, name or f"recall_at_{k}")


# --- metrics of `tf.metrics` with predictions before labels ------------------------------------------------------------------


def _with_predictions_first(metric: Callable[..., Pair]) -> Callable[..., Pair]:
    """Return a metric that takes the predictions before the labels; further arguments are the same."""

    def streaming(predictions: Any, labels: Any, *args: Any, **kwargs: Any) -> Pair:
        return metric(labels, predictions, *args, **kwargs)

    streaming.__name__ = streaming.__qualname__ = f"streaming_{metric.__name__}"
    streaming.__doc__ = f"Do what `tf.metrics.{metric.__name__}` does; here the predictions stand before the labels."
    return streaming


streaming_accuracy = _with_predictions_first(metrics.accuracy)
streaming_false_negatives = _with_predictions_first(metrics.false_negatives)
streaming_false_positives = _with_predictions_first(metrics.false_positives)
streaming_mean_absolute_error = _with_predictions_first(metrics.mean_absolute_error)
streaming_mean_cosine_distance = _with_predictions_first(metrics.mean_cosine_distance)
streaming_mean_iou = _with_predictions_first(metrics.mean_iou)
streaming_mean_relative_error = _with_predictions_first(metrics.mean_relative_error)
streaming_mean_squared_error = _with_predictions_first(metrics.mean_squared_error)
streaming_precision = _with_predictions_first(metrics.precision)
streaming_precision_at_thresholds = _with_predictions_first(metrics.precision_at_thresholds)
streaming_recall = _with_predictions_first(metrics.recall)
streaming_recall_at_thresholds = _with_predictions_first(metrics.recall_at_thresholds)
streaming_root_mean_squared_error = _with_predictions_first(metrics.root_mean_squared_error)
streaming_sensitivity_at_specificity = _with_predictions_first(metrics.sensitivity_at_specificity)
streaming_sparse_average_precision_at_k = _with_predictions_first(metrics.average_precision_at_k)
streaming_sparse_precision_at_k = _with_predictions_first(metrics.precision_at_k)
streaming_sparse_recall_at_k = _with_predictions_first(metrics.recall_at_k)
streaming_specificity_at_sensitivity = _with_predictions_first(metrics.specificity_at_sensitivity)
streaming_true_negatives = _with_predictions_first(metrics.true_negatives)
streaming_true_positives = _with_predictions_first(metrics.true_positives)
streaming_auc = _with_predictions_first(metrics.auc)
streaming_mean = metrics.mean
streaming_mean_tensor = metrics.mean_tensor
streaming_percentage_less = metrics.percentage_below
