"""The stages of a training operation: each takes pairs (gradient, variable) and gives pairs.

A gradient is a tensor, sparse rows or None; `map_values` handles all three, so a stage is one function of a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import map_values
from graphopt.graph.operation import Location, user_location
from graphopt.graph.training_info import StageInfo
from graphopt.ops.array import shape_of
from graphopt.ops.elementwise import add, cast, multiply
from graphopt.ops.random import truncated_normal
from graphopt.train.clip import clip_by_global_norm

Pairs = list[tuple[Any, Any]]

_NOTHING_TO_MULTIPLY = (
    "Empty list of (gradient, var) pairs encountered. This is most likely to be caused by an improper value of gradient_multipliers."
)


@dataclass(frozen=True)
class Stage:
    """A stage with its name and settings.

    Attributes:
      name: what it does, in a few words. settings: by name. function: from pairs to pairs.
      location: the line it comes from.
    """

    name: str
    settings: Mapping[str, Any]
    function: Callable[[Pairs], Pairs]
    location: Location

    def __call__(self, pairs: Pairs) -> Pairs:
        """Return what the stage makes of the pairs."""
        return self.function(pairs)

    @property
    def info(self) -> StageInfo:
        """The stage for inspection."""
        return StageInfo(self.name, self.settings, self.location)


def add_noise(pairs: Iterable[tuple[Any, Any]], scale: Any) -> Pairs:
    """Add normal noise, cut at two standard deviations and times `scale`, to every gradient; sparse rows become dense.

    Args:
      pairs: (gradient, variable). scale: a number or scalar tensor. The noise is fresh in every run.
    """

    def noisy(gradient: Any) -> Any:
        dense = convert_to_tensor(gradient)
        noise = truncated_normal(shape_of(dense), dtype=dense.dtype)
        return add(dense, multiply(noise, _of_type(scale, dense)))

    return [(None if gradient is None else noisy(gradient), v) for gradient, v in pairs]


def multiply_gradients(pairs: Iterable[tuple[Any, Any]], multipliers: Mapping[Any, Any]) -> Pairs:
    """Multiply the gradients of some variables.

    Args:
      pairs: (gradient, variable).
      multipliers: numbers or scalar tensors by variable, or by the variable's name with ``:0``.

    Raises:
      ValueError: when nothing is left to multiply.
    """
    result: Pairs = []
    for gradient, v in pairs:
        found = v in multipliers or v.name in multipliers
        factor = multipliers[v if v in multipliers else v.name] if found else None
        result.append((_multiplied(gradient, factor) if found else gradient, v))
    if not result:
        raise ArgumentError(_NOTHING_TO_MULTIPLY)
    return result


def _multiplied(gradient: Any, factor: Any) -> Any:
    return map_values(lambda values: multiply(values, _of_type(factor, values)), gradient)


def _of_type(value: Any, like: Any) -> Any:
    """Return a scalar in the element type of a gradient."""
    return cast(convert_to_tensor(value), like.dtype) if hasattr(value, "builder") else convert_to_tensor(float(value), dtype=like.dtype)


def clip_by_norm(pairs: Iterable[tuple[Any, Any]], clip_norm: Any) -> Pairs:
    """Scale all gradients by one factor so that their global norm is at most `clip_norm`.

    Args:
      pairs: (gradient, variable). clip_norm: a scalar above 0.
    """
    gradients, variables = _unzip(pairs)
    clipped, _ = clip_by_global_norm(gradients, clip_norm)
    return list(zip(clipped, variables, strict=True))


def _unzip(pairs: Iterable[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    known = list(pairs)
    return [gradient for gradient, _ in known], [v for _, v in known]


def location_of(function: Any) -> Location:
    """Return where a function is defined, or the user's current line."""
    own: Location | None = getattr(function, "location", None)
    code = getattr(function, "__code__", None)
    if own is not None or code is None:
        return own or user_location()
    return Location(code.co_filename, code.co_firstlineno, code.co_name)


def noise_stage(scale: Any) -> Stage:
    """Return the stage that adds noise."""
    return Stage("add noise", {"scale": scale}, lambda pairs: add_noise(pairs, scale), user_location())


def multiplier_stage(multipliers: Mapping[Any, Any]) -> Stage:
    """Return the stage that multiplies the gradients of some variables."""
    shown = {getattr(key, "name", key): value for key, value in multipliers.items()}
    return Stage("multiply gradients", {"multipliers": shown}, lambda pairs: multiply_gradients(pairs, multipliers), user_location())


def clip_stage(clip_gradients: Any) -> Stage:
    """Return the stage that clips: by global norm for a float, else what the user's function does.

    Raises:
      ValueError: for anything but a float or a function.
    """
    if isinstance(clip_gradients, float):
        return Stage(
            "clip by global norm", {"clip_norm": clip_gradients}, lambda pairs: clip_by_norm(pairs, clip_gradients), user_location()
        )
    if callable(clip_gradients):
        settings = getattr(clip_gradients, "settings", {})
        name = getattr(clip_gradients, "stage_name", None) or f"clip by {getattr(clip_gradients, '__name__', repr(clip_gradients))}"
        return Stage(name, settings, lambda pairs: list(clip_gradients(pairs)), location_of(clip_gradients))
    raise ArgumentError(f"Unknown type {type(clip_gradients)} for clip_gradients")
