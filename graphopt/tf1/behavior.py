"""TensorFlow's switches between its versions 1 and 2, for scripts that call them: graphopt has graphs and sessions, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt.errors import UnsupportedError


def executing_eagerly() -> bool:
    """Return False: operations are recorded, and run in a session.

    >>> tf.executing_eagerly()
    False
    """
    return False


def _nothing(text: str) -> Callable[[], None]:
    def switch() -> None:
        pass

    switch.__doc__ = text
    return switch


def _refusal(name: str) -> Callable[..., Any]:
    def switch(*args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(f"{name}: graphopt has no eager mode; record a graph and run it in a Session.")

    switch.__doc__ = f"Refuse {name}: graphopt has no eager mode."
    return switch


disable_v2_behavior = _nothing("Do nothing: graphopt behaves as TensorFlow 1.")
disable_eager_execution = _nothing("Do nothing: graphopt has no eager mode.")
disable_resource_variables = _nothing("Do nothing: graphopt has one kind of variable.")
enable_resource_variables = _nothing("Do nothing: graphopt has one kind of variable.")
disable_v2_tensorshape = _nothing("Do nothing: graphopt has TensorFlow 1's shapes.")
disable_control_flow_v2 = _nothing("Do nothing: graphopt has its own control flow.")
enable_eager_execution = _refusal("enable_eager_execution")
enable_v2_behavior = _refusal("enable_v2_behavior")
