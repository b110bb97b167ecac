"""The global step as hooks see it: its value after the run."""

from __future__ import annotations

from typing import Any

from graphopt.errors import GraphStateError
from graphopt.train.global_step import get_global_step
from graphopt.train.hooks.protocol import SessionRunArgs


def required_step(hook: str) -> Any:
    """Return the graph's global step for a hook.

    TensorFlow's hooks read the step during the run, where its value is not certain, and look again; a fetched variable gives its value at
    the end of the run, so that one look is enough.

    Args:
      hook: the hook's name, for the message.

    Raises:
      RuntimeError: when the graph has none.
    """
    step = get_global_step()
    if step is None:
        raise GraphStateError(f"Global step should be created to use {hook}.")
    return step


def step_request() -> tuple[Any, SessionRunArgs | None]:
    """Return the graph's global step and the request that fetches it; None and None when there is none."""
    step = get_global_step()
    return step, None if step is None else SessionRunArgs(step)
