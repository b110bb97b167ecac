"""Faults that only steps show. Steps are tried in a session of their own with a copy of the values: nothing of the user's changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphopt.errors import GraphStateError, OpError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Tensor
from graphopt.inspection.doctoring.case import Case, Finding, line_of, rule
from graphopt.ops.activations import relu
from graphopt.runtime.session import Session

_STEPS = 20
_SHARE = 0.1


def _cycled(case: Case, count: int) -> list[Mapping[Any, Any]]:
    return [case.feeds[i % len(case.feeds)] for i in range(count)] if case.feeds else [{}] * count


@rule("clipped-every-step")
def clipped_every_step(case: Case) -> Iterator[Finding]:
    """Find clipping that acts in every step, so that it sets the size of all steps."""
    clips = [] if case.info is None else [stage for stage in case.info.stages if stage.name.startswith("clip")]
    stats = _statistics(case) if clips else None
    scratch = None if stats is None else case.scratch_session()
    if scratch is None:
        return
    try:
        found = [scratch.run([case.train_op, stats], feeds)[1] for feeds in _cycled(case, _STEPS)]
    except OpError:
        return  # the feeds are not complete: nothing was learnt
    if all(step["clipped_fraction"] > 0.0 for step in found):
        norms = [step["gradient_norm"] for step in found]
        yield Finding(
            "clipped-every-step",
            "warning",
            f"'{clips[0].name}' ({clips[0].settings}) acted in all of {_STEPS} steps; the median norm before was {np.median(norms):.3g}: "
            "the limit, not the gradient, sets the size of the steps.",
            None if clips[0].location is None else str(clips[0].location),
            "Raise the limit above the usual norm, or lower the learning rate instead.",
        )


def _statistics(case: Case) -> dict[str, Any] | None:
    """Return tensors that tell whether clipping acted; None for what has none, or can't record them any more."""
    try:
        stats = case.train_op.stats  # type: ignore[union-attr]
    except (AttributeError, GraphStateError):
        return None
    return {name: stats[name] for name in ("clipped_fraction", "gradient_norm")}


@rule("dead-units")
def dead_units(case: Case) -> Iterator[Finding]:
    """Find units of a rectifier that give 0 for every example: no gradient reaches them."""
    layers = [op for op in case.needed if op.opdef is relu and op.outputs[0].tensor_type.rank not in (None, 0, 1)]
    scratch = case.scratch_session() if layers and case.feeds else None
    if scratch is None:
        return
    alive: list[Any] = [np.False_] * len(layers)
    try:
        for feeds in case.feeds:
            for i, value in enumerate(scratch.run([op.outputs[0] for op in layers], feeds)):
                alive[i] = alive[i] | np.any(value > 0.0, axis=tuple(range(value.ndim - 1)))
    except OpError:
        return
    for operation, units in zip(layers, alive, strict=True):
        dead = int(np.sum(~units))
        if dead:
            whose = f"{dead} of {len(units)} units of '{operation.name}'"
            yield Finding(
                "dead-units",
                "warning",
                f"{whose} are 0 for all {_examples(case)} examples: no gradient reaches their weights.",
                line_of(operation),
                "Lower the learning rate, begin with smaller weights or a positive bias, or use tf.nn.leaky_relu or tf.nn.elu.",
            )


def _examples(case: Case) -> int:
    sizes = [np.shape(value)[0] for feeds in case.feeds for value in feeds.values() if np.ndim(value)]
    return max(sizes, default=0) * len(case.feeds)


@rule("expensive-summaries")
def expensive_summaries(case: Case) -> Iterator[Finding]:
    """Find summaries that take more than a tenth of a step."""
    summaries = [s for s in case.graph.get_collection(GraphKeys.SUMMARIES) if isinstance(s, Tensor)]
    scratch = case.scratch_session() if summaries else None
    if scratch is None:
        return
    feeds = _cycled(case, 1)[0]
    try:
        plain = _seconds(scratch, case.train_op, feeds)
        with_all = _seconds(scratch, [case.train_op, summaries], feeds)
    except OpError:
        return
    share = (with_all - plain) / with_all
    if share > _SHARE:
        costs = {s: _seconds(scratch, [case.train_op, s], feeds) for s in summaries}
        worst = max(costs, key=lambda s: costs[s])
        yield Finding(
            "expensive-summaries",
            "warning",
            f"The {len(summaries)} summaries take {share:.0%} of a step that records them; '{worst.op.name}' costs most.",
            line_of(worst.op),
            "Record summaries every so many steps (save_summaries_steps), histograms less often than scalars.",
        )


def _seconds(session: Session, fetches: Any, feeds: Mapping[Any, Any]) -> float:
    """Return the least time of several runs."""
    return min([_once(lambda: session.run(fetches, dict(feeds))) for _ in range(8)][1:])


def _once(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
