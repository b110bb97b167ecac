"""What a user may give as optimizer and learning rate of a training op."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.initializers import Constant
from graphopt.graph.operation import Tensor
from graphopt.graph.variable_scope import get_variable
from graphopt.train.optimizers import (
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
)

OPTIMIZER_CLS_NAMES: dict[str, Callable[..., Optimizer]] = {
    "Adagrad": AdagradOptimizer,
    "Adam": AdamOptimizer,
    "Ftrl": FtrlOptimizer,
    "Momentum": lambda learning_rate: MomentumOptimizer(learning_rate, momentum=0.9),
    "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}


def is_optimizer(value: Any) -> bool:
    """Return whether a value is an optimizer, or a class of optimizers, of TensorFlow 1's or Keras's design."""
    return callable(getattr(value, "apply_gradients", None))


def learning_rate_tensor(learning_rate: Any) -> Any:
    """Return the learning rate as a scalar tensor or variable, or None.

    Raises:
      ValueError: for a negative float or NaN, or anything but a float and a scalar tensor.
    """
    if learning_rate is None or (isinstance(learning_rate, Tensor) and learning_rate.get_shape().ndims == 0):
        return learning_rate
    if not isinstance(learning_rate, float):
        raise ArgumentError(f"Learning rate should be 0d Tensor or float. Got {learning_rate!s} of type {type(learning_rate)}")
    if not learning_rate >= 0.0:  # NaN, too
        raise ArgumentError("Invalid learning_rate %s.", learning_rate)
    return get_variable("learning_rate", [], trainable=False, initializer=Constant(learning_rate))


def to_optimizer(optimizer: Any, rate: Any, *, has_rate: bool) -> Any:
    """Return the optimizer that a name, class, object or function stands for.

    Raises:
      ValueError: for anything else, or where the learning rate it needs is missing.
    """
    if isinstance(optimizer, str):
        if rate is None:
            raise ArgumentError(f"Learning rate is None, but should be specified if optimizer is string ({optimizer}).")
        if optimizer not in OPTIMIZER_CLS_NAMES:
            by_lower_case = {name.lower(): name for name in OPTIMIZER_CLS_NAMES}
            near = difflib.get_close_matches(optimizer.lower(), by_lower_case, n=1)
            hint = f" Did you mean {by_lower_case[near[0]]!r}?" if near else ""
            raise ArgumentError(f"Optimizer name should be one of [{', '.join(OPTIMIZER_CLS_NAMES)}], you provided {optimizer}.{hint}")
        return OPTIMIZER_CLS_NAMES[optimizer](learning_rate=rate)
    if isinstance(optimizer, type) and is_optimizer(optimizer):
        if rate is None:
            raise ArgumentError(f"Learning rate is None, but should be specified if optimizer is class ({optimizer}).")
        return optimizer(learning_rate=rate)
    if is_optimizer(optimizer):
        return optimizer
    if not callable(optimizer):
        rule = "should be string, subclass of Optimizer, instance of subclass of Optimizer or function with one argument"
        raise ArgumentError(f"Unrecognized optimizer: {rule}. Got {optimizer}.")
    made = optimizer(rate) if has_rate else optimizer()
    if not is_optimizer(made):
        raise ArgumentError(f"Unrecognized optimizer: function should return subclass of Optimizer. Got {made}.")
    return made
