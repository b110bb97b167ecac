"""`custom_gradient`: a function that says itself what its gradient is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.nest import flatten, pack_sequence_as
from graphopt.graph.variables import Variable, variable_of
from graphopt.ir.opdef import define_op
from graphopt.ops import state
from graphopt.ops.array import identity
from graphopt.ops.elementwise import zeros_as


def _rule_vjp(g: Any, out: Any, *xs: Any, rule: Any, count: int) -> Any:
    gradients = [zeros_as(result) if gradient is None else gradient for gradient, result in zip(g, out, strict=True)]
    return (*[None] * count, *rule(*gradients))


with_gradient = define_op(
    "with_gradient(*xs: each; rule, count) -> many()",
    infer=lambda *xs, rule, count: xs[:count], discharge=lambda ctx, *xs, rule, count: xs[:count], vjp=_rule_vjp, tf_name="IdentityN",
    doc="Return the first operands; the gradients of the others are what a function makes of those of the results.",
)  # fmt: skip


def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function a gradient of its own.

    Args:
      f: ``f(*tensors)`` gives ``(result, grad_fn)``; ``grad_fn(*dresults)`` gives the gradients of the tensors. When f uses variables,
        ``grad_fn(*dresults, variables=[...])`` gives those and the gradients of the variables as a pair.

    Returns:
      A function of the tensors that gives the result.

    Raises:
      ValueError: from that function for keyword arguments. TypeError: when f uses variables and grad_fn does not take them.

    Example:
      >>> @tf.custom_gradient
      ... def clipped(x):
      ...     return tf.identity(x), lambda dy: tf.clip_by_value(dy, -1.0, 1.0)
      >>> x = tf.constant(3.0)
      >>> tf.Session().run(tf.gradients(5.0 * clipped(x), x)[0]).item()
      1.0
    """

    @functools.wraps(f)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise ArgumentError("The custom_gradient decorator currently supports keywords arguments only when eager execution is enabled.")
        graph = get_default_graph()
        operands = [identity(convert_to_tensor(x)) for x in args]
        before = graph.version
        made = f(*operands)
        if not isinstance(made, tuple) or len(made) != 2 or not callable(made[1]):
            raise ArgumentTypeError(f"A function with @custom_gradient returns (result, grad_fn), got {made!r}.")
        result, grad_fn = made
        results = [convert_to_tensor(r) for r in flatten(result)]
        variables = _variables_used(before, args)
        _check_takes_variables(grad_fn, variables)
        rule = _rule(grad_fn, len(operands), variables)
        outputs = with_gradient(*results, *operands, *[v.as_ref() for v in variables], rule=rule, count=len(results))
        return pack_sequence_as(result, outputs)

    return decorated


def _rule(grad_fn: Any, count: int, variables: Sequence[Variable]) -> Callable[..., list[Any]]:
    def rule(*gradients: Any) -> list[Any]:
        if not variables:
            found = _as_list(grad_fn(*gradients))
            of_variables: list[Any] = []
        else:
            found, of_variables = [_as_list(part) for part in grad_fn(*gradients, variables=list(variables))]
            if len(of_variables) != len(variables):
                raise ArgumentError("Must return gradient for each variable from @custom_gradient grad_fn.")
        if len(found) != count:
            raise ArgumentError(f"custom_gradient function expected to return {count} gradients but returned {len(found)} instead.")
        return [*found, *of_variables]

    return rule


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _variables_used(before: int, args: Sequence[Any]) -> list[Variable]:
    """Return the variables that operations recorded since `before` read, without those that are arguments."""
    graph = get_default_graph()
    reads: dict[Any, None] = {}
    for operation in graph.get_operations()[before:]:
        for tensor in operation.inputs:
            found = variable_of(tensor) if tensor.op.opdef in (state.read, state.variable) else None
            if found is not None and not any(found is x for x in args):
                reads[found] = None
    return list(reads)


def _check_takes_variables(grad_fn: Any, variables: Sequence[Variable]) -> None:
    parameters = inspect.signature(grad_fn).parameters.values()
    if variables and not any(p.name == "variables" or p.kind is p.VAR_KEYWORD for p in parameters):
        raise ArgumentTypeError(
            "If using @custom_gradient with a function that uses variables, then grad_fn must accept a 'variables' keyword argument."
        )
