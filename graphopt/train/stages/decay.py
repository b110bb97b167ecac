"""Decoupled weight decay."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.variables import assign
from graphopt.ops.elementwise import cast, multiply, subtract
from graphopt.train.hyper import NON_NEGATIVE, check_hyper
from graphopt.train.stages.multiply import fits
from graphopt.train.stages.stage import Pairs, Stage, Step, stage
from graphopt.train.unknown_arguments import naming_nearest


@naming_nearest
def decay_weights(
    rate: Any,
    *,
    mask: Callable[[Any], bool] | None = None,
    exclude: Iterable[Any] = (),
    times_learning_rate: bool = True,
) -> Stage:
    """Return the stage that makes weights smaller before the update, apart from the loss: ``w -= w rate learning_rate``.

    Variables without a gradient stay as they are. Sparse gradients make no difference: all rows decay. With `Groups`, and no learning rate
    given for all, each variable decays by its group's.

    Args:
      rate: 0 or more: a number, scalar tensor, schedule or callable.
      mask: a function of a variable: whether it decays (all by default). exclude: variables, names or compiled expressions that do not.
      times_learning_rate: False for ``w -= w rate``.

    Raises:
      ValueError: when there is no learning rate to multiply by, or something excluded fits no variable.

    Source: Loshchilov, Hutter 2019, https://arxiv.org/abs/1711.05101, in the form of Keras.

    Example:
      >>> w, b = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="bias")
      >>> stages = [tf.train.stages.decay_weights(0.1, exclude=[re.compile("bias")])]
      >>> train_op = tf.train.training_op(w + b, learning_rate=0.5, optimizer="SGD", stages=stages)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     loss = session.run(train_op)
      ...     print([round(float(value), 3) for value in session.run([w, b])])
      [0.45, 0.5]
    """
    if mask is not None and not callable(mask):
        raise ArgumentTypeError(f"mask is a function of a variable that says whether it decays, got {mask!r}.")
    check_hyper(rate, "weight_decay", NON_NEGATIVE)
    excluded = [exclude] if isinstance(exclude, str | re.Pattern) else list(exclude)

    def function(pairs: Pairs, step: Step) -> Pairs:
        _check_known(excluded, pairs)
        decay = step.hyper("weight_decay", rate, NON_NEGATIVE).tensor
        products: dict[Any, Any] = {}
        for gradient, v in pairs:
            if gradient is not None and (mask is None or mask(v)) and not any(fits(key, v) for key in excluded):
                assign(v, _decayed(v, _factor(decay, step.learning_rate_of(v), products) if times_learning_rate else decay))
        return pairs

    return stage("decay weights", function, rate=rate, mask=mask, exclude=excluded or None, times_learning_rate=times_learning_rate)


def _factor(decay: Any, rate: Any, products: dict[Any, Any]) -> Any:
    """Return the decay times a rate, recorded once for each rate."""
    if rate not in products:
        products[rate] = multiply(decay, rate)
    return products[rate]


def _decayed(variable: Any, factor: Any) -> Any:
    weights = variable.value()
    return subtract(weights, multiply(weights, cast(factor, variable.dtype)))


def _check_known(excluded: list[Any], pairs: Pairs) -> None:
    for key in excluded:
        if not any(fits(key, v) for _, v in pairs):
            names = ", ".join(v.op.name for _, v in pairs)
            raise ArgumentError(f"{getattr(key, 'pattern', key)!r}, excluded from weight decay, fits no variable of {names}.")
