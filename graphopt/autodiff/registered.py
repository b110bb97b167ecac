"""Gradients that users register: a function of the operation and the gradients of its results, under the name of an op type."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graphopt.errors import ArgumentTypeError, GraphOptError
from graphopt.graph.operation import Operation
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, REGISTRY

GradientFunction = Callable[..., Any]

# None stands for "no gradient by nature".
_REGISTERED: dict[str, tuple[GradientFunction | None, str]] = {}


class DuplicateGradientError(GraphOptError, KeyError):
    """A gradient is registered twice under one name."""

    def __str__(self) -> str:
        return str(self.args[0])


class RegisterGradient:
    """A decorator that registers ``function(op, *grads)`` as the gradient of an op type.

    `Graph.gradient_override_map` lets operations use it in place of their own.

    Args:
      op_type: a name of your own, or the type of an op that has no gradient yet.

    Raises:
      TypeError: when the name is no string. KeyError: when the name has a gradient.

    Example:
      >>> @tf.RegisterGradient("HalfOfIt")
      ... def _half(op, grad):
      ...     return grad * 0.5
      >>> x = tf.constant(3.0)
      >>> with tf.get_default_graph().gradient_override_map({"Square": "HalfOfIt"}):
      ...     y = tf.square(x)
      >>> tf.Session().run(tf.gradients(y, x)[0]).item()
      0.5
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise ArgumentTypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: GradientFunction) -> GradientFunction:
        """Register the function; return it."""
        code = inspect.unwrap(f).__code__ if hasattr(inspect.unwrap(f), "__code__") else None
        _register(self._op_type, f, "unknown" if code is None else f"{Path(code.co_filename).name}:{code.co_firstlineno}")
        return f


def no_gradient(op_type: str) -> None:
    """Say that operations of a type have no gradient by nature: nothing flows back through them, and that is no error.

    Raises:
      TypeError: when the name is no string. KeyError: when the type has a gradient.
    """
    if not isinstance(op_type, str):
        raise ArgumentTypeError("op_type must be a string")
    _register(op_type, None, "no_gradient")


def _register(op_type: str, function: GradientFunction | None, where: str) -> None:
    previous = _REGISTERED[op_type][1] if op_type in _REGISTERED else _built_in().get(op_type)
    if previous is not None:
        raise DuplicateGradientError(f"Registering two gradient with name '{op_type}'! (Previous registration was in {previous})")
    _REGISTERED[op_type] = (function, where)


@functools.cache
def _built_in() -> dict[str, str]:
    """Return the op types that have a gradient of their own."""
    return {op.tf_name: f"the block of op '{op.name}'" for op in REGISTRY.values() if op.vjp is not None and op.vjp != ()}


def registered_gradient(operation: Operation) -> Any:
    """Return the registered gradient function of an operation, NOT_DIFFERENTIABLE, or None when it uses its op's own rule."""
    override = operation.graph.state.get("gradient_overrides", {}).get(operation)
    if override is not None:
        return _lookup(override)
    return _lookup(operation.type) if operation.opdef.vjp is None else None


def is_override_without_gradient(operation: Operation) -> bool:
    """Return True when the operation was told to use a gradient that nobody registered."""
    override = operation.graph.state.get("gradient_overrides", {}).get(operation)
    return override is not None and override not in _REGISTERED


def _lookup(op_type: str) -> Any:
    if op_type not in _REGISTERED:
        return None
    function = _REGISTERED[op_type][0]
    return NOT_DIFFERENTIABLE if function is None else function
