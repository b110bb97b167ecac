"""Metrics of `tf.metrics` that count right and wrong answers to yes-or-no questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError, lines
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.variable_scope import variable_scope
from graphopt.tf1 import math
from graphopt.tf1.metric_parts import Pair, accumulated, metric_variable, of_one_shape, with_update


def _answers(labels: Any, predictions: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    """Return labels and predictions as bools of one shape, and the weights."""
    guesses = math.cast(convert_to_tensor(predictions), dtypes.bool_)
    guesses, truth, factor = of_one_shape(guesses, math.cast(convert_to_tensor(labels), dtypes.bool_), weights)
    return truth, guesses, factor


def _check_weights_rank(weights: Any, values: Tensor) -> None:
    own, other = weights.tensor_type.rank, values.tensor_type.rank
    if own is not None and other is not None and own not in (0, other):
        rule = f"Tensor {weights.name} must have rank in (0, {other}): weights of shape {weights.shape} don't fit the values"
        raise ArgumentError(lines(rule, f"values: {values.tensor_type} = {values.name} ({values.op.location})"))


def _count(condition: Tensor, weights: Any, collections: tuple[Any, Any]) -> Pair:
    """Return the weighted number of elements for which a condition held so far, and the update operation."""
    count = metric_variable([], dtypes.float32, name="count")
    values = math.cast(condition, dtypes.float32)
    if weights is not None:
        _check_weights_rank(weights, values)
        values = math.multiply(values, math.cast(weights, dtypes.float32))
    return accumulated(count, math.reduce_sum(values), collections)


def _counted(word: str, label: bool, prediction: bool, labels: Any, predictions: Any, weights: Any, collections: tuple[Any, Any],
             name: str | None) -> Pair:  # fmt: skip
    """Return the weighted number of answers with this label and this prediction, and the update operation."""
    with variable_scope(name, word, [predictions, labels, weights]):
        truth, guesses, factor = _answers(labels, predictions, weights)
        of_kind = math.logical_and(math.equal(truth, label), math.equal(guesses, prediction))
        return _count(of_kind, factor, collections)


def true_positives(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
                   name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions were rightly true so far, and the update operation.

    Args:
      labels, predictions: of one shape; cast to bool. The other arguments are those of `tf.metrics.mean`.

    Raises:
      ValueError: when shapes don't fit.

    Example:
      >>> count, update = tf.metrics.true_positives(labels=[1, 1, 0, 0], predictions=[1, 0, 1, 0])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     [sess.run(update).item() for _ in range(2)]
      [1.0, 2.0]
    """
    return _counted("true_positives", True, True, labels, predictions, weights, (metrics_collections, updates_collections), name)


def true_negatives(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
                   name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions were rightly false so far, and the update operation. Arguments as for `true_positives`.

    >>> tf.metrics.true_negatives([0, 1], [0, 0])[0].name
    'true_negatives/Identity:0'
    """
    return _counted("true_negatives", False, False, labels, predictions, weights, (metrics_collections, updates_collections), name)


def false_positives(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
                    name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions were wrongly true so far, and the update operation. Arguments as for `true_positives`.

    >>> [v.name for v in tf.metrics.false_positives([0, 1], [1, 0]) and tf.local_variables()]
    ['false_positives/count:0']
    """
    return _counted("false_positives", False, True, labels, predictions, weights, (metrics_collections, updates_collections), name)


def false_negatives(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
                    name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions were wrongly false so far, and the update operation. Arguments as for `true_positives`.

    >>> tf.metrics.false_negatives([0, 1], [1, 0], name="missed")[1].name
    'missed/AssignAdd:0'
    """
    return _counted("false_negatives", True, False, labels, predictions, weights, (metrics_collections, updates_collections), name)


# --- ratios of counts ------------------------------------------------------------------------------------------------------


def share(part: Any, rest: Any, name: str) -> Tensor:
    """Return part / (part + rest), 0 where both are 0."""
    is_any = math.greater(math.add(part, rest), 0.0)
    return math.where(is_any, math.divide(part, math.add(part, rest)), 0.0, name)


def share_of(word: str, counts: tuple[Callable[..., Pair], Callable[..., Pair]], labels: Any, predictions: Any, weights: Any,
             collections: tuple[Any, Any], name: str | None) -> Pair:  # fmt: skip
    """Return one count's share in the sum of two counts so far, and the update operation.

    Args:
      word: the default name of the scope. counts: the two metrics. collections: of the value, and of the update operation.
      labels, predictions, weights, name: as for `true_positives`.
    """
    with variable_scope(name, word, [predictions, labels, weights]):
        truth, guesses, factor = _answers(labels, predictions, weights)
        state, updated = zip(*[count(truth, guesses, factor) for count in counts], strict=True)
        return with_update(share, state, updated, collections)


def precision(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
              name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the true predictions was right so far, and the update operation. Arguments as for `true_positives`.

    >>> precision, update = tf.metrics.precision(labels=[1, 1, 0, 0], predictions=[1, 0, 1, 0])
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update).item()
    0.5
    """
    counts, collections = (true_positives, false_positives), (metrics_collections, updates_collections)
    return share_of("precision", counts, labels, predictions, weights, collections, name)


def recall(labels: Any, predictions: Any, weights: Any = None, metrics_collections: Any = None, updates_collections: Any = None,
           name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the true labels was predicted so far, and the update operation. Arguments as for `true_positives`.

    >>> recall, update = tf.metrics.recall(labels=[1, 1, 1, 0], predictions=[1, 1, 0, 0])
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     round(sess.run(update).item(), 4)
    0.6667
    """
    counts, collections = (true_positives, false_negatives), (metrics_collections, updates_collections)
    return share_of("recall", counts, labels, predictions, weights, collections, name)
