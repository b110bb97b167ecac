"""Clipping of gradients as Keras's optimizers do it, in each of the three meanings that peers give to several clips at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.ops.elementwise import add_n, cast, multiply, negative, sqrt
from graphopt.ops.gradient_rows import sum_duplicate_rows
from graphopt.ops.reduce import l2_loss
from graphopt.train.clip import clip_by_global_norm, clip_by_norm, clip_by_value
from graphopt.train.hyper import HyperParameter
from graphopt.train.keras.hyper_arguments import warn_user

# In the order of the legacy optimizers; the first of Keras 2.15's order is `FIRST_WINS`.
ALL_IN_ORDER = ("clipvalue", "clipnorm", "global_clipnorm")
FIRST_WINS = ("clipnorm", "global_clipnorm", "clipvalue")
MEANINGS = ("first", "one", "all")


def check_clips(given: dict[str, Any], meaning: str) -> None:
    """Raise unless the clips that are given go together.

    Args:
      given: the clips by name; None or a number that is not positive is off. meaning: "first", "one" or "all".

    Raises:
      ValueError: for another meaning, for two norms, or for two clips where only one is allowed.
    """
    if meaning not in MEANINGS:
        raise ArgumentError(f"clipping must be one of {', '.join(map(repr, MEANINGS))}, got {meaning!r}.")
    norms = {name: given[name] for name in ("clipnorm", "global_clipnorm")}
    if None not in norms.values():
        raise ArgumentError(
            f"At most one of `clipnorm` and `global_clipnorm` can be set. Received: clipnorm={norms['clipnorm']}, "
            f"global_clipnorm={norms['global_clipnorm']}."
        )
    named = [name for name in FIRST_WINS if given[name] is not None]
    if len(named) > 1 and meaning == "one":
        received = ", ".join(f"{name}={given[name]}" for name in named)
        raise ArgumentError(f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: {received}.")


def chosen_clips(active: Sequence[str], meaning: str) -> list[str]:
    """Return the clips that are done, in order; warn of one that is ignored.

    Args:
      active: the names of those that are on. meaning: "first", "one" or "all".
    """
    if meaning == "all":
        return [name for name in ALL_IN_ORDER if name in active]
    ordered = [name for name in FIRST_WINS if name in active]
    for ignored in ordered[1:]:
        warn_user(
            f"`{ignored}` is ignored, because `{ordered[0]}` is set and the first clip wins, as in Keras 2.15. "
            'clipping="all" does all of them, clipping="one" refuses two.'
        )
    return ordered[:1]


def clip_each_by_value(gradients: Sequence[Any], limit: HyperParameter) -> list[Any]:
    """Return the gradients with each element between -limit and limit."""
    return [clip_by_value(g, negative(limit.in_type(g.dtype)), limit.in_type(g.dtype)) for g in gradients]


def clip_each_by_norm(gradients: Sequence[Any], limit: HyperParameter) -> list[Any]:
    """Return the gradients, each scaled down to a norm of at most the limit."""
    return [clip_by_norm(g, limit.in_type(g.dtype)) for g in gradients]


def clip_all_by_norm(gradients: Sequence[Any], limit: HyperParameter) -> list[Any]:
    """Return the gradients, all scaled by one factor to a common norm of at most the limit."""
    types = list(dict.fromkeys(g.dtype for g in gradients))
    if len(types) == 1:
        return clip_by_global_norm(gradients, limit.in_type(types[0]))[0]
    # Gradients of several element types have one norm, in the widest type there is.
    halves = [cast(l2_loss(g.values if isinstance(g, IndexedSlices) else g), dtypes.float64) for g in gradients]
    norm = sqrt(multiply(add_n(halves), 2.0))
    return [clip_by_global_norm([g], limit.in_type(g.dtype), use_norm=cast(norm, g.dtype))[0][0] for g in gradients]


CLIPS = {"clipvalue": clip_each_by_value, "clipnorm": clip_each_by_norm, "global_clipnorm": clip_all_by_norm}


def with_summed_rows(gradient: Any) -> Any:
    """Return a gradient whose sparse rows stand for one row each: those of one index are added up."""
    if not isinstance(gradient, IndexedSlices):
        return gradient
    rows, indices = sum_duplicate_rows(gradient.values, gradient.indices)
    return IndexedSlices(rows, indices, gradient.dense_shape)
