"""Default arguments for layer functions inside a ``with`` block (`tf.contrib.framework.arg_scope`)."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import get_default_graph

ArgScope = dict[Any, dict[str, Any]]

_MARK = "_has_arg_scope"


def _stack() -> list[ArgScope]:
    stack: list[ArgScope] = get_default_graph().root.state.setdefault("arg_scopes", [{}])
    return stack


def current_arg_scope() -> ArgScope:
    """Return the defaults in force here: arguments by function."""
    return _stack()[-1]


@contextlib.contextmanager
def arg_scope(list_ops_or_scope: Any, **kwargs: Any) -> Iterator[ArgScope]:
    """Give layer functions default arguments inside a ``with`` block; inner blocks add to outer ones.

    Args:
      list_ops_or_scope: a list of functions marked by `add_arg_scope`, or a scope that such a block yielded, to enter it again.
      kwargs: the defaults.

    Raises:
      TypeError: for anything else. ValueError: for a function that is not marked, or defaults beside a scope.

    >>> layers = tf.contrib.layers
    >>> with tf.contrib.framework.arg_scope([layers.fully_connected], activation_fn=None):
    ...     layers.fully_connected(tf.zeros([1, 2]), 3).op.type
    'BiasAdd'
    """
    stack = _stack()
    stack.append(_inner(list_ops_or_scope, kwargs, stack[-1]))
    try:
        yield stack[-1]
    finally:
        stack.pop()


def _inner(given: Any, kwargs: dict[str, Any], outer: ArgScope) -> ArgScope:
    if isinstance(given, dict):
        if kwargs:
            raise ArgumentError("When attempting to re-use a scope by suppling a dictionary, kwargs must be empty.")
        return dict(given)
    if not isinstance(given, (list, tuple)):
        raise ArgumentTypeError("list_ops_or_scope must either be a list/tuple or reused scope (i.e. dict)")
    inner = dict(outer)
    for function in given:
        if not has_arg_scope(function):
            raise ArgumentError(f"{getattr(function, '__name__', function)} is not decorated with @add_arg_scope")
        inner[_key(function)] = {**outer.get(_key(function), {}), **kwargs}
    return inner


def add_arg_scope(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a function as one that takes defaults from `arg_scope`."""

    @functools.wraps(function)
    def with_defaults(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{**current_arg_scope().get(function, {}), **kwargs})

    setattr(with_defaults, _MARK, function)
    return with_defaults


def has_arg_scope(function: Any) -> bool:
    """Return True when the function is marked by `add_arg_scope`."""
    return hasattr(function, _MARK)


def _key(function: Any) -> Any:
    return getattr(function, _MARK)
