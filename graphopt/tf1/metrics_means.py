"""Metrics of `tf.metrics` that are means over all batches: of values, of right answers, of errors."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.variable_scope import variable_scope
from graphopt.tf1 import array, math
from graphopt.tf1.metric_parts import Pair, collected, float_weights, metric_variable, of_one_shape, ratio, with_update, without_extra_axis


def mean(values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
         name: str | None = None) -> Pair:  # fmt: skip
    """Return the weighted mean of all values so far, and the operation that takes a batch of values in.

    Its two float32 variables `total` and `count` are local ones: run `tf.local_variables_initializer()` first, and again to start anew.

    Args:
      values: numbers of any shape. weights: a number, or a tensor of the same rank whose sizes are 1 or those of the values; None: 1.
      metrics_collections: collections that the value enters. updates_collections: collections that the update operation enters.
      name: of the scope.

    Returns:
      The mean so far, 0 before the first batch; and an operation that adds a batch and gives the new mean.

    Raises:
      ValueError: when the weights don't fit the values.

    Example:
      >>> x = tf.placeholder(tf.float32, [None])
      >>> mean, update = tf.metrics.mean(x)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     [sess.run(update, {x: batch}).item() for batch in ([1.0, 2.0], [6.0])], sess.run(mean).item()
      ([1.5, 3.0], 3.0)
    """
    with variable_scope(name, "mean", [values, weights]):
        numbers = math.cast(convert_to_tensor(values), dtypes.float32)
        total, count = (metric_variable([], dtypes.float32, name=word) for word in ("total", "count"))
        if weights is None:
            size = math.cast(array.size(numbers), dtypes.float32)
        else:
            numbers, _, weights = of_one_shape(numbers, None, weights)
            factor = float_weights(weights, numbers)
            numbers, size = math.multiply(numbers, factor), math.reduce_sum(factor)
        more = total.assign_add(math.reduce_sum(numbers))
        with get_default_graph().control_dependencies([numbers]):
            state, updated = (total, count), (more, count.assign_add(size))
        return with_update(ratio, state, updated, (metrics_collections, updates_collections))


def mean_tensor(values: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
                name: str | None = None) -> Pair:  # fmt: skip
    """Return the weighted mean of each element over all batches so far, and its update operation. Arguments as for `mean`.

    Args:
      values: numbers whose shape is fully known.

    Raises:
      ValueError: when the weights don't fit the values, or the shape is not known.

    Example:
      >>> mean, update = tf.metrics.mean_tensor([[1.0, 2.0]])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).tolist()
      [[1.0, 2.0]]
    """
    with variable_scope(name, "mean", [values, weights]):
        numbers = math.cast(convert_to_tensor(values), dtypes.float32)
        shape = numbers.get_shape().as_list()
        total, count = (metric_variable(shape, dtypes.float32, name=word) for word in ("total_tensor", "count_tensor"))
        present = array.ones_like(numbers)
        if weights is not None:
            numbers, _, weights = of_one_shape(numbers, None, weights)
            factor = float_weights(weights, numbers)
            numbers, present = math.multiply(numbers, factor), math.multiply(present, factor)
        more = total.assign_add(numbers)
        with get_default_graph().control_dependencies([numbers]):
            state, updated = (total, count), (more, count.assign_add(present))
        return with_update(ratio, state, updated, (metrics_collections, updates_collections))


def accuracy(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
             name: str | None = None) -> Pair:  # fmt: skip
    """Return how often predictions were equal to labels so far, and the update operation.

    Args:
      labels: the true values. predictions: of the same shape; cast to the type of the labels.
      The other arguments are those of `mean`.

    Raises:
      ValueError: when shapes don't fit.

    Example:
      >>> accuracy, update = tf.metrics.accuracy(labels=[1, 2, 3, 4], predictions=[1, 2, 0, 4])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.75
    """
    guesses, truth, weights = of_one_shape(predictions, labels, weights)
    if guesses.dtype is not truth.dtype:
        guesses = math.cast(guesses, truth.dtype)
    right = math.cast(math.equal(guesses, truth), dtypes.float32)
    return mean(right, weights, metrics_collections, updates_collections, name or "accuracy")


def mean_absolute_error(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
                        updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the weighted mean of |predictions - labels| so far, and the update operation. Arguments as for `accuracy`.

    >>> error, update = tf.metrics.mean_absolute_error([1.0, 2.0], [1.0, 5.0])
    >>> error.name, update.name
    ('mean_absolute_error/value:0', 'mean_absolute_error/update_op:0')
    """
    guesses, truth, weights = of_one_shape(predictions, labels, weights)
    errors = math.abs(math.subtract(guesses, truth))
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_absolute_error")


def mean_squared_error(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
                       updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the weighted mean of (predictions - labels)**2 so far, and the update operation. Arguments as for `accuracy`.

    >>> error, update = tf.metrics.mean_squared_error([1.0, 2.0], [1.0, 5.0])
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update).item()
    4.5
    """
    guesses, truth, weights = of_one_shape(predictions, labels, weights)
    errors = math.squared_difference(truth, guesses)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_squared_error")


def root_mean_squared_error(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None,
                            updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the square root of `mean_squared_error`, and the update operation. Arguments as for `accuracy`.

    >>> error, update = tf.metrics.root_mean_squared_error([1.0, 2.0], [3.0, 4.0])
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update).item()
    2.0
    """
    guesses, truth, weights = of_one_shape(predictions, labels, weights)
    squares, update = mean_squared_error(truth, guesses, weights, name=name or "root_mean_squared_error")
    root = collected(metrics_collections, math.sqrt(squares))
    return root, collected(updates_collections, math.sqrt(update))


def mean_relative_error(labels: Any, predictions: Any, normalizer: Any, weights: Any = None, metrics_collections: Any = None,
                        updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return the weighted mean of |labels - predictions| / normalizer so far (0 where the normalizer is 0), and the update operation.

    Args:
      normalizer: of the shape of the predictions. The other arguments are those of `accuracy`.

    Raises:
      ValueError: when shapes don't fit.

    Example:
      >>> error, update = tf.metrics.mean_relative_error([1.0, 2.0], [2.0, 4.0], normalizer=[1.0, 4.0])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.75
    """
    guesses, truth, weights = of_one_shape(predictions, labels, weights)
    guesses, scale = without_extra_axis(guesses, normalizer)
    guesses.get_shape().assert_is_compatible_with(scale.get_shape())
    distances = math.divide(math.abs(math.subtract(truth, guesses)), scale)
    errors = math.where(math.equal(scale, 0.0), array.zeros_like(truth), distances)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_relative_error")


def mean_cosine_distance(labels: Any, predictions: Any, dim: int, weights: Any = None, metrics_collections: Any = None,
                         updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return 1 - the weighted mean of sum(labels * predictions) along an axis, and the update operation.

    Args:
      labels, predictions: unit vectors along the axis `dim`. The other arguments are those of `accuracy`.

    Raises:
      ValueError: when shapes don't fit.

    Example:
      >>> distance, update = tf.metrics.mean_cosine_distance([[1.0, 0.0]], [[0.0, 1.0]], dim=1)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      1.0
    """
    guesses, truth, weights = of_one_shape(predictions, labels, weights)
    products = math.reduce_sum(math.multiply(guesses, truth), axis=[dim], keepdims=True)
    value, update = mean(products, weights, name=name or "mean_cosine_distance")
    distance, update = math.subtract(1.0, value), math.subtract(1.0, update)
    return collected(metrics_collections, distance), collected(updates_collections, update)


def percentage_below(values: Any, threshold: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
                     name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the values was below a threshold so far, and the update operation.

    Args:
      values: numbers of any shape. threshold: a number. The other arguments are those of `mean`.

    Example:
      >>> part, update = tf.metrics.percentage_below([1.0, 2.0, 3.0, 4.0], 1.5)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).item()
      0.25
    """
    below = math.cast(math.less(values, threshold), dtypes.float32)
    return mean(below, weights, metrics_collections, updates_collections, name or "percentage_below_threshold")
