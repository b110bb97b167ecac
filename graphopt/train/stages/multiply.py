"""Factors: of gradients before the update rule sees them, and of the changes that the rule makes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.indexed_slices import map_values
from graphopt.graph.variables import assign
from graphopt.ops.elementwise import add, multiply, subtract
from graphopt.train.hyper import HyperParameter, check_hyper
from graphopt.train.stages.stage import Pairs, Stage, Step, stage
from graphopt.train.unknown_arguments import naming_nearest

_NOTHING_TO_MULTIPLY = (
    "Empty list of (gradient, var) pairs encountered. This is most likely to be caused by an improper value of gradient_multipliers."
)


@naming_nearest
def multiply_gradients(multipliers: Mapping[Any, Any]) -> Stage:
    """Return the stage that multiplies the gradients of some variables.

    Under an update rule that divides by the size of gradients, such as Adam's, a factor of the gradient changes almost nothing; use
    `multiply_learning_rates` to make the steps of some variables smaller.

    Args:
      multipliers: factors (numbers, scalar tensors, schedules or callables) by variable, by name (with or without ``:0``), or by a regular
        expression made with `re.compile`, which is searched for in the name. The first that fits counts.

    Raises:
      ValueError: for a name or expression that fits no variable.

    Example:
      >>> w, b = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="b")
      >>> pairs = [(tf.constant(1.0), w), (tf.constant(1.0), b)]
      >>> found = tf.train.stages.multiply_gradients({"w": 0.5})(pairs)
      >>> tf.Session().run([gradient for gradient, _ in found])
      [np.float32(0.5), np.float32(1.0)]
    """

    _check_factors(multipliers)

    def function(pairs: Pairs, step: Step) -> Pairs:
        return _multiplied(pairs, _factors(pairs, multipliers, step, "gradient_multiplier"))

    return stage("multiply gradients", function, multipliers=multipliers)


def multiply_gradients_by_name(multipliers: Mapping[Any, Any]) -> Stage:
    """Return the stage of `optimize_loss`'s argument `gradient_multipliers`: keys are variables and full names; others do nothing.

    Args:
      multipliers: numbers or scalar tensors by variable, or by the variable's name with ``:0``.
    """

    def function(pairs: Pairs, step: Step) -> Pairs:
        if not pairs:
            raise ArgumentError(_NOTHING_TO_MULTIPLY)
        known = {v: multipliers[key] for _, v in pairs for key in (v.name, v) if key in multipliers}
        factors = {v: _hyper(step, "gradient_multiplier", v, value) for v, value in known.items()}
        return _multiplied(pairs, factors)

    return stage("multiply gradients", function, multipliers=multipliers)


@naming_nearest
def multiply_learning_rates(multipliers: Mapping[Any, Any]) -> Stage:
    """Return the stage that multiplies the whole change which a step makes to some variables, as another learning rate there would.

    Args:
      multipliers: as those of `multiply_gradients`.

    Raises:
      ValueError: for a name or expression that fits no variable.

    Example:
      >>> w, b = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="b")
      >>> stages = [tf.train.stages.multiply_learning_rates({"b": 0.1})]
      >>> train_op = tf.train.training_op(w + b, optimizer=tf.train.AdamOptimizer(0.5), stages=stages)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     loss = session.run(train_op)
      ...     print([round(float(value), 3) for value in session.run([w, b])])
      [0.5, 0.95]
    """

    _check_factors(multipliers)

    def function(pairs: Pairs, step: Step) -> Pairs:
        factors = _factors([pair for pair in pairs if pair[0] is not None], multipliers, step, "learning_rate_multiplier")
        before = {v: v.value() for v in factors}

        def scale_changes(_: Pairs) -> None:
            for v, factor in factors.items():
                change = multiply(subtract(v.value(), before[v]), factor.in_type(v.dtype))
                assign(v, add(before[v], change))

        step.after_update(scale_changes)
        return pairs

    return stage("multiply learning rates", function, multipliers=multipliers)


def _check_factors(multipliers: Any) -> None:
    if not isinstance(multipliers, Mapping):
        raise ArgumentTypeError(f"Multipliers are a dict from variables, names or compiled expressions to factors, got {multipliers!r}.")
    for key, value in multipliers.items():
        check_hyper(value, f"The multiplier of {_name_of(key)!r}")


def _multiplied(pairs: Pairs, factors: Mapping[Any, HyperParameter]) -> Pairs:
    def scaled(gradient: Any, v: Any) -> Any:
        if v not in factors:
            return gradient
        return map_values(lambda values: multiply(values, factors[v].in_type(values.dtype)), gradient)

    return [(scaled(gradient, v), v) for gradient, v in pairs]


def _factors(pairs: Pairs, multipliers: Mapping[Any, Any], step: Step, word: str) -> dict[Any, HyperParameter]:
    variables = [v for _, v in pairs]
    chosen: dict[Any, Any] = {}
    for key, value in multipliers.items():
        fitting = [v for v in variables if fits(key, v)]
        if not fitting:
            raise ArgumentError(f"The multiplier of {_name_of(key)!r} fits no variable with a gradient.{_hint(key, variables)}")
        for v in fitting:
            chosen.setdefault(v, value)
    return {v: _hyper(step, word, v, value) for v, value in chosen.items()}


def _hyper(step: Step, word: str, variable: Any, value: Any) -> HyperParameter:
    return step.hyper(f"{word}/{variable.op.name}", value)


def fits(key: Any, variable: Any) -> bool:
    """Return whether a key means a variable: the variable itself, its name with or without ``:0``, or an expression found in its name."""
    if isinstance(key, re.Pattern):
        return key.search(variable.name) is not None
    if isinstance(key, str):
        return key in (variable.name, variable.op.name)
    return key is variable


def _name_of(key: Any) -> Any:
    return getattr(key, "pattern", getattr(key, "name", key))


def _hint(key: Any, variables: list[Any]) -> str:
    names = [v.op.name for v in variables]
    near = difflib.get_close_matches(str(_name_of(key)), names, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(names) or 'none'}."
