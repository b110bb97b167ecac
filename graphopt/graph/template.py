"""`make_template`: a function whose variables are the same at every call."""

from __future__ import annotations

import functools
from typing import Any

from graphopt.errors import ArgumentError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.variable_scope import VariableScope, get_variable_scope, variable_scope


def make_template(
    name_: str, func_: Any, create_scope_now_: bool = False, unique_name_: str | None = None, custom_getter_: Any = None, **kwargs: Any
) -> Template:
    """Return a function that makes its variables when it is called first, and takes them again afterwards.

    Args:
      name_: name of its variable scope, made unique. func_: the function; it uses `get_variable`.
      create_scope_now_: open the scope now and not at the first call.
      unique_name_: the scope's name as it is. custom_getter_: of the scope. kwargs: fixed arguments of the function.

    Raises:
      ValueError: when unique_name_ goes together with create_scope_now_, or a later call makes new trainable variables.

    Example:
      >>> scale = tf.make_template("scale", lambda x: x * tf.get_variable("w", [], initializer=tf.ones_initializer()))
      >>> _ = scale(1.0), scale(2.0)
      >>> [v.name for v in tf.global_variables()]
      ['scale/w:0']
    """
    function = functools.partial(func_, **kwargs) if kwargs else func_
    return Template(name_, function, create_scope_now=create_scope_now_, unique_name=unique_name_, custom_getter=custom_getter_)


class Template:
    """A function with variables of its own; made by `make_template`."""

    def __init__(
        self, name: str, function: Any, *, create_scope_now: bool = False, unique_name: str | None = None, custom_getter: Any = None
    ) -> None:
        if name is None:
            raise ArgumentError("name cannot be None.")
        self._name = name
        self._function = function
        self._unique_name = unique_name
        self._custom_getter = custom_getter
        self._scope: VariableScope | None = None
        self._called = False
        if create_scope_now:
            with variable_scope(unique_name, default_name=name, custom_getter=custom_getter) as scope:
                self._scope = scope

    @property
    def variable_scope(self) -> VariableScope | None:
        """The scope of its variables, or None before there is one."""
        return self._scope

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    @property
    def variables(self) -> list[Any]:
        """Its global variables."""
        return [] if self._scope is None else self._scope.global_variables()

    @property
    def trainable_variables(self) -> list[Any]:
        """Its trainable variables."""
        return [] if self._scope is None else self._scope.trainable_variables()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._scope is None:
            with variable_scope(self._unique_name, default_name=self._name, custom_getter=self._custom_getter) as scope:
                self._scope = scope
                return self._call(args, kwargs)
        with variable_scope(self._scope, reuse=True if self._called else None):
            return self._call(args, kwargs)

    def _call(self, args: Any, kwargs: Any) -> Any:
        before = _trainable()
        result = self._function(*args, **kwargs)
        new = [v.name for v in _trainable() if v not in before]
        if self._called and new:
            raise ArgumentError(
                lines(
                    "New trainable variable created when calling a template after the first time, perhaps you used tf.Variable when you "
                    f"meant tf.get_variable: {new}",
                    f"template '{self._name}' in scope '{get_variable_scope().name}'",
                )
            )
        self._called = True
        return result


def _trainable() -> list[Any]:
    return get_default_graph().root.get_collection(GraphKeys.TRAINABLE_VARIABLES)
