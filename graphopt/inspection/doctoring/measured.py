"""Faults that only steps show. Steps are tried in a session of their own with a copy of the values: nothing of the user's changes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.errors import OpError, first_line
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable, variable_of
from graphopt.inspection.doctoring.case import Case, Finding, NotLooked, line_of, rule
from graphopt.inspection.doctoring.clipping import Clipping, clippings_of
from graphopt.ops.activations import relu, relu6
from graphopt.runtime.session import Session

_STEPS = 20
_FEWEST_STEPS = 5
_SECONDS = 5.0
# How many values of each unit there must be before one that is always 0 is called dead: of a healthy one half are.
_FEWEST_VALUES = 16
# Fewer of a layer's units than this are dead in many healthy networks, from their random start on.
_MANY_DEAD = 0.5


@rule("clipped-every-step")
def clipped_every_step(case: Case) -> Iterator[Finding | NotLooked]:
    """Find clipping that acts in every step, so that it sets the size of all steps."""
    known = clippings_of(case.subject)
    clippings = [clipping for clipping in known if not clipping.is_mixed]
    if len(clippings) < len(known):
        yield NotLooked("clipped-every-step", "gradients are centralised beside clipping, and their numbers don't tell the two apart")
    if not clippings:
        return
    reason = case.cannot_try(case.targets)
    if reason is not None:
        yield NotLooked("clipped-every-step", reason)
        return
    fetches = [clipping.fetches for clipping in clippings]
    with case.trial() as session:
        try:
            found = list(_tried(case, session, [case.targets, fetches]))
        except OpError as error:
            yield NotLooked("clipped-every-step", _failed(error))
            return
    for i, clipping in enumerate(clippings):
        norms = [clipping.norm_where_it_acted(values[1][i]) for values in found]
        acted = [norm for norm in norms if norm is not None]
        if len(acted) == len(found):
            yield _clipped(clipping, acted)


def _clipped(clipping: Clipping, norms: Sequence[float]) -> Finding:
    return Finding(
        "clipped-every-step",
        "warning",
        f"{clipping.what} acted in all of {len(norms)} steps; the median norm before was {np.median(norms):.3g}: "
        "the limit, not the gradient, sets the size of the steps.",
        clipping.where,
        "Raise the limit above the usual norm, or lower the learning rate instead.",
    )


def _tried(case: Case, session: Session, fetches: Any) -> Iterator[Any]:
    """Yield what steps give: twenty, or as many as take a few seconds."""
    began = time.perf_counter()
    for i in range(_STEPS):
        if i >= _FEWEST_STEPS and time.perf_counter() - began > _SECONDS:
            return
        yield session.run(fetches, dict(case.feeds[i % len(case.feeds)]) if case.feeds else {})


def _failed(error: OpError) -> str:
    return f"a step could not be tried with these feeds and values: {first_line(error)}"


# --- dead units -----------------------------------------------------------------------------------------------------------------------


@rule("dead-units")
def dead_units(case: Case) -> Iterator[Finding | NotLooked]:
    """Find units of a rectifier that give 0 for every example: no gradient reaches them."""
    layers = [op for op in case.needed if op.opdef in (relu, relu6) and op.outputs[0].tensor_type.rank not in (0, 1)]
    if not layers:
        return
    outputs = [op.outputs[0] for op in layers]
    reason = case.cannot_try(outputs)
    is_fed = any(op.type == "Placeholder" for op in needed_operations(outputs, ()))
    if reason is None and is_fed and not case.feeds:
        reason = "no feeds were given"
    if reason is not None:
        yield NotLooked("dead-units", reason)
        return
    with case.trial() as session:
        try:
            values = [session.run(outputs, dict(feeds)) for feeds in case.feeds or [{}]]
        except OpError as error:
            yield NotLooked("dead-units", _failed(error))
            return
    few = [op for op, seen in zip(layers, zip(*values, strict=True), strict=True) if _count(seen) < _FEWEST_VALUES]
    if few:
        yield NotLooked("dead-units", f"too few examples were fed: {_FEWEST_VALUES} values of each unit are needed ('{few[0].name}')")
    found = {op: seen for op, seen in zip(layers, zip(*values, strict=True), strict=True) if op not in few}
    for alike in _sharing_weights(found):
        finding = _dead(alike[0], [value for op in alike for value in found[op]], len(alike))
        if finding is not None:
            yield finding


def _sharing_weights(layers: Mapping[Operation, Sequence[Any]]) -> list[list[Operation]]:
    """Return rectifiers by their units: a network that is applied to several inputs has the same units for each.

    Args:
      layers: the rectifiers with their values.
    """
    groups: dict[Any, list[Operation]] = {}
    for operation, seen in layers.items():
        weights = _weights(operation)
        groups.setdefault((weights, seen[0].shape[-1]) if weights else operation, []).append(operation)
    return list(groups.values())


def _weights(layer: Operation) -> frozenset[Variable]:
    """Return the variables between an operation and what its layer takes: back to the first product with a matrix or a filter."""
    found: set[Variable] = set()
    reached, left = {layer}, [layer]
    while left:
        inputs = left.pop().inputs
        variables = {v for v in map(variable_of, inputs) if v is not None}
        found |= variables
        if not any((v.shape.ndims or 0) > 1 for v in variables):
            further = {tensor.op for tensor in inputs} - reached
            reached |= further
            left += further
    return frozenset(found)


def _count(seen: Sequence[Any]) -> int:
    """Return how many values of each unit there are: the last axis is that of the units."""
    return sum([int(np.prod(value.shape[:-1])) if value.ndim > 1 else 0 for value in seen])


def _dead(operation: Operation, seen: Sequence[Any], applications: int) -> Finding | None:
    alive = np.any([np.any(value > 0.0, axis=tuple(range(value.ndim - 1))) for value in seen if value.size], axis=0)
    dead = int(np.sum(~alive))
    if not dead:
        return None
    examples = sum([len(value) for value in seen]) // applications
    are_few = dead < _MANY_DEAD * alive.size
    usual = " So few are usual and do little harm; with more examples some may turn out to be alive." if are_few else ""
    return Finding(
        "dead-units",
        "note" if are_few else "warning",
        f"{dead} of {alive.size} units of '{operation.name}' are 0 for all {examples} examples: no gradient reaches their weights.{usual}",
        line_of(operation),
        "Lower the learning rate, begin with smaller weights or a positive bias, or use tf.nn.leaky_relu or tf.nn.elu.",
    )


# --- times ----------------------------------------------------------------------------------------------------------------------------


def seconds(session: Session, fetches: Any, feeds: Mapping[Tensor, Any]) -> float:
    """Return the least time of several runs; the first ones, which compile, are not counted."""
    times = []
    began = time.perf_counter()
    for i in range(12):
        start = time.perf_counter()
        session.run(fetches, dict(feeds))
        times.append(time.perf_counter() - start)
        if i >= 3 and time.perf_counter() - began > _SECONDS:
            break
    return min(times[2:])
