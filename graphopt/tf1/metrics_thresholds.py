"""Metrics of `tf.metrics` that count answers for many thresholds at once: areas under curves, precision and recall at thresholds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variable_scope import variable_scope
from graphopt.tf1 import array, checks, math, platform
from graphopt.tf1.metric_parts import Pair, collected, float_weights, metric_variable, of_one_shape, with_update

# How far the outermost thresholds are from 0 and 1, and what keeps divisions from 0 / 0.
_MARGIN = 1e-7
_AUC_EPSILON = 1e-6

# --- counts for each threshold ---------------------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """Answers of one kind: how labels and predictions must be, and the variable that counts them."""

    label: bool
    prediction: bool
    variable: str


_TP = _Kind(True, True, "true_positives")
_FN = _Kind(True, False, "false_negatives")
_TN = _Kind(False, False, "true_negatives")
_FP = _Kind(False, True, "false_positives")


def _operands(labels: Any, predictions: Any, weights: Any) -> tuple[Tensor, Tensor, Any]:
    """Return labels, predictions and weights in one shape, once the predictions have been found in [0, 1]."""
    guesses = convert_to_tensor(predictions)
    message = "predictions must be in [0, 1]"
    zero, one = (np.asarray(bound, guesses.dtype.np) for bound in (0, 1))
    within = [
        checks.assert_greater_equal(guesses, zero, message=message),
        checks.assert_less_equal(guesses, one, message=message),
    ]
    with get_default_graph().control_dependencies(within):
        wide, truth = math.cast(guesses, dtypes.float32), math.cast(convert_to_tensor(labels), dtypes.bool_)
        # A cast to its own type records nothing that could wait for the checks.
        wide = array.identity(wide, name="checked_predictions")
        wide, truth, factor = of_one_shape(wide, truth, weights)
    return truth, wide, factor


def _counts(kinds: Sequence[_Kind], labels: Any, predictions: Any, thresholds: Sequence[float],
            weights: Any) -> tuple[list[Any], list[Any]]:  # fmt: skip
    """Return a variable for each kind with a count for each threshold, and the results of their updates."""
    truth, guesses, factor = _operands(labels, predictions, weights)
    bounds = np.asarray(thresholds, np.float32)[:, np.newaxis]
    is_predicted = math.greater(array.reshape(guesses, [1, -1]), bounds)
    is_true = array.reshape(truth, [1, -1])
    if factor is not None:
        factor = array.reshape(float_weights(factor, guesses), [1, -1])
    variables, updates = [], []
    for kind in kinds:
        variable = metric_variable([len(thresholds)], dtypes.float32, name=kind.variable)
        wanted = is_true if kind.label else math.logical_not(is_true)
        answered = is_predicted if kind.prediction else math.logical_not(is_predicted)
        found = math.cast(math.logical_and(wanted, answered), dtypes.float32)
        if factor is not None:
            found = math.multiply(found, factor)
        variables.append(variable)
        updates.append(variable.assign_add(math.reduce_sum(found, 1)))
    return variables, updates


def _thresholds(count: int) -> list[float]:
    """Return thresholds evenly over [0, 1], the outermost a little outside."""
    return [-_MARGIN, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0 + _MARGIN]


def _counted(kind: _Kind, labels: Any, predictions: Any, thresholds: Any, weights: Any, collections: tuple[Any, Any],
             name: str | None) -> Pair:  # fmt: skip
    """Return the pair of the counts of one kind of answers."""
    with variable_scope(name, kind.variable, [predictions, labels, weights]):
        variables, updates = _counts([kind], labels, predictions, thresholds, weights)
        return collected(collections[0], array.identity(variables[0])), collected(collections[1], updates[0])


def true_positives_at_thresholds(labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
                                 updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions above each threshold were right so far, and the update operation.

    Args:
      labels: cast to bool. predictions: floats in [0, 1] of the same shape. thresholds: a list of floats.
      The other arguments are those of `tf.metrics.mean`.

    Returns:
      A float32 vector with a number for each threshold, and the operation that takes a batch in.

    Raises:
      ValueError: when shapes don't fit.
      tf.errors.InvalidArgumentError: for predictions outside of [0, 1].

    Example:
      >>> counts, update = tf.metrics.true_positives_at_thresholds([1, 1, 0], [0.2, 0.8, 0.9], thresholds=[0.1, 0.5])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     sess.run(update).tolist()
      [2.0, 1.0]
    """
    return _counted(_TP, labels, predictions, thresholds, weights, (metrics_collections, updates_collections), name)


def true_negatives_at_thresholds(labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
                                 updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions not above each threshold were right so far. As `true_positives_at_thresholds`.

    >>> tf.metrics.true_negatives_at_thresholds([1, 0], [0.2, 0.8], thresholds=[0.5])[0].shape.as_list()
    [1]
    """
    return _counted(_TN, labels, predictions, thresholds, weights, (metrics_collections, updates_collections), name)


def false_positives_at_thresholds(labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
                                  updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions above each threshold were wrong so far. As `true_positives_at_thresholds`.

    >>> tf.metrics.false_positives_at_thresholds([1, 0], [0.2, 0.8], thresholds=[0.5])[0].shape.as_list()
    [1]
    """
    return _counted(_FP, labels, predictions, thresholds, weights, (metrics_collections, updates_collections), name)


def false_negatives_at_thresholds(labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
                                  updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return how many predictions not above each threshold were wrong so far. As `true_positives_at_thresholds`.

    >>> tf.metrics.false_negatives_at_thresholds([1, 0], [0.2, 0.8], thresholds=[0.5])[0].shape.as_list()
    [1]
    """
    return _counted(_FN, labels, predictions, thresholds, weights, (metrics_collections, updates_collections), name)


def _share_at(rest: _Kind, word: str, labels: Any, predictions: Any, thresholds: Any, weights: Any, collections: tuple[Any, Any],
              name: str | None) -> Pair:  # fmt: skip
    """Return true positives / (true positives + answers of another kind) for each threshold, and the update operation."""

    def share(right: Any, others: Any, result: str) -> Tensor:
        return math.divide(right, math.add(math.add(_MARGIN, right), others), name=f"{word}_{result}")

    with variable_scope(name, f"{word}_at_thresholds", [predictions, labels, weights]):
        state, updated = _counts([_TP, rest], labels, predictions, thresholds, weights)
        return with_update(share, state, updated, collections)


def precision_at_thresholds(labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
                            updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the predictions above each threshold was right so far. As `true_positives_at_thresholds`.

    >>> precision, update = tf.metrics.precision_at_thresholds([1, 1, 0], [0.2, 0.8, 0.9], thresholds=[0.1, 0.5])
    >>> with tf.Session() as sess:
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update).round(3).tolist()
    [0.6669999957084656, 0.5]
    """
    collections = (metrics_collections, updates_collections)
    return _share_at(_FP, "precision", labels, predictions, thresholds, weights, collections, name)


def recall_at_thresholds(labels: Any, predictions: Any, thresholds: Any, weights: Any = None, metrics_collections: Any = None,
                         updates_collections: Any = None, name: str | None = None) -> Pair:  # fmt: skip
    """Return which part of the true labels was predicted above each threshold so far. As `true_positives_at_thresholds`.

    >>> tf.metrics.recall_at_thresholds([1, 0], [0.2, 0.8], thresholds=[0.5])[0].name
    'recall_at_thresholds/recall_value:0'
    """
    collections = (metrics_collections, updates_collections)
    return _share_at(_FN, "recall", labels, predictions, thresholds, weights, collections, name)


# --- areas under curves ----------------------------------------------------------------------------------------------------

# How the heights of a curve at two neighbouring points become the height between them.
_HEIGHTS: dict[str, Callable[[Any, Any], Any]] = {
    "trapezoidal": lambda left, right: math.divide(math.add(left, right), 2.0),
    "careful_interpolation": lambda left, right: math.divide(math.add(left, right), 2.0),
    "minoring": math.minimum,
    "majoring": math.maximum,
}


def auc(labels: Any, predictions: Any, weights: Any = None, num_thresholds: int = 200, metrics_collections: Any = None,
        updates_collections: Any = None, curve: str = "ROC", name: str | None = None, summation_method: str = "trapezoidal",
        thresholds: Any = None) -> Pair:  # fmt: skip
    """Return the area under a curve of all answers so far, by sums over thresholds, and the update operation.

    Args:
      labels: cast to bool. predictions: floats in [0, 1] of the same shape. num_thresholds: how many, evenly over [0, 1].
      curve: "ROC" (hits by false alarms) or "PR" (precision by recall).
      summation_method: "trapezoidal", "careful_interpolation" (right for "PR"), or the bounds "minoring" and "majoring".
      thresholds: floats in (0, 1), in place of those of `num_thresholds`. The other arguments are those of `tf.metrics.mean`.

    Raises:
      ValueError: for another curve or method, or when shapes don't fit.
      tf.errors.InvalidArgumentError: for predictions outside of [0, 1].

    Example:
      >>> area, update = tf.metrics.auc(labels=[0, 1, 0, 1], predictions=[0.1, 0.9, 0.6, 0.7])
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     round(sess.run(update).item(), 3)
      1.0
    """
    with variable_scope(name, "auc", [labels, predictions, weights]):
        if curve not in ("ROC", "PR"):
            raise ArgumentError(f"Curve must be either ROC or PR. Curve {curve} is unknown.")
        if summation_method not in _HEIGHTS:
            raise ArgumentError(f"Invalid summation_method: {summation_method} summation_method should be one of {', '.join(_HEIGHTS)}.")
        if curve == "PR" and summation_method == "trapezoidal":
            platform.logging.warning("Trapezoidal rule is known to produce incorrect PR-AUCs; 'careful_interpolation' is right.")
        bounds = _thresholds(num_thresholds) if thresholds is None else [-_MARGIN, *sorted(thresholds), 1.0 + _MARGIN]
        state, updated = _counts([_TP, _FN, _TN, _FP], labels, predictions, bounds, weights)

        def area(tp: Any, fn: Any, tn: Any, fp: Any, result: str) -> Tensor:
            if curve == "PR" and summation_method == "careful_interpolation":
                return _interpolated_area(tp, fn, fp)
            hits = math.divide(math.add(tp, _AUC_EPSILON), math.add(math.add(tp, fn), _AUC_EPSILON))
            x: Any
            y: Any
            if curve == "ROC":
                x, y = math.divide(fp, math.add(math.add(fp, tn), _AUC_EPSILON)), hits
            else:
                x, y = hits, math.divide(math.add(tp, _AUC_EPSILON), math.add(math.add(tp, fp), _AUC_EPSILON))
            widths = math.subtract(x[:-1], x[1:])
            return math.reduce_sum(math.multiply(widths, _HEIGHTS[summation_method](y[:-1], y[1:])), name=result)

        return with_update(area, state, updated, (metrics_collections, updates_collections))


def _interpolated_area(tp: Any, fn: Any, fp: Any) -> Tensor:
    """Return the area under the curve of precision by recall (Davis and Goadrich 2006): true positives between two
    thresholds are taken as linear in the positives, and precision by recall is integrated exactly."""
    counts: list[Any] = [array.identity(count) for count in (tp, fn, math.add(tp, fp))]
    hits, misses, positives = counts
    more = math.subtract(hits[:-1], hits[1:])
    slope = math.div_no_nan(more, math.maximum(math.subtract(positives[:-1], positives[1:]), 0.0), name="prec_slope")
    start = math.subtract(hits[1:], math.multiply(slope, positives[1:]))
    is_ratio = math.logical_and(math.greater(positives[:-1], 0.0), math.greater(positives[1:], 0.0))
    quotient = math.div_no_nan(positives[:-1], math.maximum(positives[1:], 0.0), name="recall_relative_ratio")
    growth = math.where(is_ratio, quotient, array.ones_like(positives[1:]))
    part = math.multiply(slope, math.add(more, math.multiply(start, math.log(growth))))
    pieces = math.div_no_nan(part, math.maximum(math.add(hits[1:], misses[1:]), 0.0), name="pr_auc_increment")
    return math.reduce_sum(pieces, name="interpolate_pr_auc")


# --- one rate where another has a given value ------------------------------------------------------------------------------


def _check_rate(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise ArgumentError(f"`{name}` must be in the range [0, 1]. Currently, `{name}` got {value}.")


def sensitivity_at_specificity(labels: Any, predictions: Any, specificity: float, weights: Any = None, num_thresholds: int = 200,
                               metrics_collections: Any = None, updates_collections: Any = None,
                               name: str | None = None) -> Pair:  # fmt: skip
    """Return the hit rate at the threshold whose rate of right refusals is nearest to a given one, and the update operation.

    Args:
      specificity: the rate of right refusals, in [0, 1]. num_thresholds: how many thresholds are tried.
      The other arguments are those of `true_positives_at_thresholds`.

    Raises:
      ValueError: for a rate outside of [0, 1], or when shapes don't fit.

    Example:
      >>> rate, update = tf.metrics.sensitivity_at_specificity([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], specificity=0.9)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     round(sess.run(update).item(), 3)
      0.5
    """
    _check_rate(specificity, "specificity")

    def rate(tp: Any, fn: Any, tn: Any, fp: Any, result: str) -> Tensor:
        refusals = math.divide(tn, math.add(math.add(tn, fp), _MARGIN))
        at = math.cast(math.argmin(math.abs(math.subtract(refusals, specificity)), 0), dtypes.int32)
        hits, misses = array.gather(tp, at), array.gather(fn, at)
        return math.divide(hits, math.add(math.add(hits, misses), _MARGIN), result)

    with variable_scope(name, "sensitivity_at_specificity", [predictions, labels, weights]):
        state, updated = _counts([_TP, _FN, _TN, _FP], labels, predictions, _thresholds(num_thresholds), weights)
        return with_update(rate, state, updated, (metrics_collections, updates_collections))


def specificity_at_sensitivity(labels: Any, predictions: Any, sensitivity: float, weights: Any = None, num_thresholds: int = 200,
                               metrics_collections: Any = None, updates_collections: Any = None,
                               name: str | None = None) -> Pair:  # fmt: skip
    """Return the rate of right refusals at the last threshold whose hit rate is nearest to a given one, and the update operation.

    Args:
      sensitivity: the hit rate, in [0, 1]. num_thresholds: how many thresholds are tried.
      The other arguments are those of `true_positives_at_thresholds`.

    Raises:
      ValueError: for a rate outside of [0, 1], or when shapes don't fit.

    Example:
      >>> rate, update = tf.metrics.specificity_at_sensitivity([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], sensitivity=0.9)
      >>> with tf.Session() as sess:
      ...     sess.run(tf.local_variables_initializer())
      ...     round(sess.run(update).item(), 3)
      0.5
    """
    _check_rate(sensitivity, "sensitivity")

    def rate(tp: Any, fn: Any, tn: Any, fp: Any, result: str) -> Tensor:
        distances = math.abs(math.subtract(math.divide(tp, math.add(math.add(tp, fn), _MARGIN)), sensitivity))
        is_nearest = math.cast(math.equal(distances, math.reduce_min(distances)), dtypes.int64)
        at = math.cast(math.argmax(math.cumsum(is_nearest), 0), dtypes.int32)
        refusals, alarms = array.gather(tn, at), array.gather(fp, at)
        return math.divide(refusals, math.add(math.add(refusals, alarms), _MARGIN), result)

    # TensorFlow's last threshold is below 1 here, unlike elsewhere.
    bounds = [*_thresholds(num_thresholds)[:-1], 1.0 - _MARGIN]
    with variable_scope(name, "specificity_at_sensitivity", [predictions, labels, weights]):
        state, updated = _counts([_TP, _FN, _TN, _FP], labels, predictions, bounds, weights)
        return with_update(rate, state, updated, (metrics_collections, updates_collections))
