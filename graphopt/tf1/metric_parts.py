"""What the metrics of `tf.metrics` share: their variables, shapes that are made alike, and entering results in collections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt import dtypes
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable
from graphopt.ops.elementwise import cast
from graphopt.tf1 import array, math
from graphopt.tf1.control_flow import cond
from graphopt.tf1.weights import broadcast_weights

Pair = tuple[Any, Any]
"""What each metric returns: the value, and the operation that takes a batch in and gives the new value."""


def metric_variable(shape: Any, dtype: Any, validate_shape: bool = True, name: str | None = None) -> Variable:
    """Make a variable of a metric: it starts at 0, is not trained, and stands in LOCAL_VARIABLES and METRIC_VARIABLES.

    Args:
      shape: its shape. dtype: its element type. validate_shape: whether it keeps its shape. name: its name in the name scope.

    Example:
      >>> from graphopt.tf1.metric_parts import metric_variable
      >>> metric_variable([2], tf.float32, name="total") in tf.local_variables()
      True
    """
    names = [GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES]
    return Variable(lambda: array.zeros(shape, dtype), trainable=False, collections=names, validate_shape=validate_shape, name=name)


def collected(collections: Any, value: Any) -> Any:
    """Return a value, entered in some collections."""
    if collections:
        get_default_graph().root.add_to_collections(collections, value)
    return value


def accumulated(variable: Variable, added: Any, collections: tuple[Any, Any]) -> Pair:
    """Return the pair of a metric that is a sum.

    Args:
      variable: holds the sum. added: what a batch adds to it. collections: of the value, and of the update operation.
    """
    value = collected(collections[0], array.identity(variable))
    return value, collected(collections[1], variable.assign_add(added))


# --- shapes --------------------------------------------------------------------------------------------------------------


def _may_be_one(x: Tensor) -> bool:
    """Tell whether the last axis of a tensor can have size 1."""
    shape = x.tensor_type.shape
    return shape is None or (bool(shape) and shape[-1] in (1, None))


def _without_last_if(condition: Any, x: Tensor) -> Tensor:
    squeezed: Tensor = cond(condition, lambda: array.squeeze(x, [-1]), lambda: array.identity(x))
    return squeezed


def without_extra_axis(labels: Any, predictions: Any) -> tuple[Tensor, Tensor]:
    """Return labels and predictions, without the last axis of size 1 of the one that has an axis more than the other.

    Args:
      labels, predictions: tensors; where ranks are not known, it is decided at run time.
    """
    with name_scope(None, "remove_squeezable_dimensions", [labels, predictions]):
        guesses, truth = convert_to_tensor(predictions), convert_to_tensor(labels)
        own, other = guesses.tensor_type.rank, truth.tensor_type.rank
        if own is not None and other is not None:
            if own == other + 1 and _may_be_one(guesses):
                guesses = array.squeeze(guesses, [-1])
            elif other == own + 1 and _may_be_one(truth):
                truth = array.squeeze(truth, [-1])
            return truth, guesses
        more = math.subtract(array.rank(guesses), array.rank(truth))
        if _may_be_one(guesses):
            guesses = _without_last_if(math.equal(more, 1), guesses)
        if _may_be_one(truth):
            truth = _without_last_if(math.equal(more, -1), truth)
        return truth, guesses


def _fitting_weights(weights: Any, predictions: Tensor) -> Tensor:
    """Return weights with the predictions' rank: an axis of size 1 at their end is dropped or added; scalars stay."""
    factor = convert_to_tensor(weights)
    own, other = factor.tensor_type.rank, predictions.tensor_type.rank
    if own == 0:
        return factor
    if own is not None and other is not None:
        if own - other == 1:
            return array.squeeze(factor, [-1])
        return array.expand_dims(factor, -1) if other - own == 1 else factor
    size = array.rank(factor)
    more = math.subtract(size, array.rank(predictions))

    def lengthened() -> Any:
        return cond(math.equal(more, -1), lambda: array.expand_dims(factor, -1), lambda: array.identity(factor))

    def adjusted() -> Any:
        if not _may_be_one(factor):
            return lengthened()
        return cond(math.equal(more, 1), lambda: array.squeeze(factor, [-1]), lengthened)

    fitting: Tensor = cond(math.equal(size, 0), lambda: array.identity(factor), adjusted)
    return fitting


def of_one_shape(predictions: Any, labels: Any, weights: Any) -> tuple[Tensor, Any, Any]:
    """Return predictions, labels and weights in shapes that fit each other.

    Args:
      predictions: any tensor. labels: of the same shape, but for a last axis of size 1 in one of the two; None without labels.
      weights: a number, or a tensor that may lack the last axis or have one too many; None without weights.

    Raises:
      ValueError: when predictions and labels have different shapes.
    """
    guesses, truth = convert_to_tensor(predictions), labels
    if labels is not None:
        truth, guesses = without_extra_axis(labels, guesses)
        guesses.get_shape().assert_is_compatible_with(truth.get_shape())
    return guesses, truth, None if weights is None else _fitting_weights(weights, guesses)


def float_weights(weights: Any, values: Tensor) -> Tensor:
    """Return weights as float32 in the shape of the values."""
    return broadcast_weights(cast(convert_to_tensor(weights), dtypes.float32), values)


def as_vector(x: Any) -> Tensor:
    """Return a tensor of more than one axis as a vector, and others as they are."""
    tensor = convert_to_tensor(x)
    return array.reshape(tensor, [-1]) if (tensor.tensor_type.rank or 0) > 1 else tensor


def ratio(part: Any, whole: Any, name: str) -> Tensor:
    """Return part / whole, 0 where the whole is not positive."""
    return math.div_no_nan(part, math.maximum(whole, 0.0), name=name)


def with_update(compute: Callable[..., Any], state: Any, updated: Any, collections: tuple[Any, Any]) -> Pair:
    """Return the pair of a metric that is computed from its variables.

    Args:
      compute: a function of them and of the result's name. state: the variables. updated: what the updates of the variables give.
      collections: of the value, and of the update operation.
    """
    value = collected(collections[0], compute(*state, "value"))
    return value, collected(collections[1], compute(*updated, "update_op"))
