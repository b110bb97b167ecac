"""What summaries cost, by how often each is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphopt.compiler.needed import needed_operations
from graphopt.errors import OpError, first_line
from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Tensor
from graphopt.graph.summary_cadence import Cadence, single_summaries, tag_of
from graphopt.inspection.doctoring.case import Case, Finding, NotLooked, line_of, rule
from graphopt.inspection.doctoring.measured import seconds
from graphopt.runtime.profile import RunMetadata

_NAME = "expensive-summaries"
_SHARE = 0.1
# What so little a step costs is not worth a word, however short the step is.
_FLOOR = 50e-6
# After how many steps a monitored session writes summaries where nobody says it.
_USUAL_STEPS = 100


@rule(_NAME)
def expensive_summaries(case: Case) -> Iterator[Finding | NotLooked]:
    """Find summaries that take more than a tenth of the time, as often as they are written."""
    collected = [s for s in case.graph.get_collection(GraphKeys.SUMMARIES) if isinstance(s, Tensor)]
    cadence = Cadence({}) if case.cadence is None else case.cadence
    summaries = [s for s in single_summaries(collected) if cadence.period(tag_of(s)) > 0]
    if not summaries:
        return
    traced = _traced(case, summaries)
    reason = None if traced is not None else case.cannot_try([*case.targets, *summaries])
    if reason is not None:
        yield NotLooked(_NAME, reason)
        return
    try:
        plain, costs = _measured(case, summaries) if traced is None else traced
    except OpError as error:
        yield NotLooked(_NAME, f"a step could not be tried with these feeds and values: {first_line(error)}")
        return
    yield from _judged(case, cadence, plain, costs)


def _judged(case: Case, cadence: Cadence, plain: float, costs: Mapping[Tensor, float]) -> Iterator[Finding]:
    each_step = {s: cost / cadence.period(tag_of(s)) for s, cost in costs.items()}
    cost = sum(each_step.values())
    share = cost / (plain + cost)
    if share <= _SHARE or cost < _FLOOR:
        return
    worst = max(each_step, key=lambda s: each_step[s])
    # As often as this they take a tenth: cost / n = share * (plain + cost / n).
    steps = int(cost * (1 - _SHARE) / (_SHARE * max(plain, 1e-9))) + 1
    how_often, severity = "as often as they are written", "warning"
    if case.cadence is None:
        how_often = "if all are written in every step (cadence= says how often they are)"
        # Written as seldom as monitored sessions do it, they would be no fault.
        seldom = cost / _USUAL_STEPS
        severity = "warning" if seldom > _SHARE * (plain + seldom) else "note"
    yield Finding(
        _NAME,
        severity,  # type: ignore[arg-type]
        f"The {len(costs)} summaries take {share:.0%} of the time {how_often}: {cost * 1e6:,.0f} µs a step beside {plain * 1e6:,.0f} µs; "
        f"'{tag_of(worst)}' costs most.",
        line_of(worst.op),
        f"Write them {steps:,} times less often (save_summaries_steps, or a tf.summary.Cadence for the dear ones): they take a tenth then.",
    )


def _measured(case: Case, summaries: Sequence[Tensor]) -> tuple[float, dict[Tensor, float]]:
    """Return the seconds of a step without summaries, and what each summary adds, measured with a copy of the values."""
    feeds = case.feeds[0] if case.feeds else {}
    with case.trial() as session:
        plain = seconds(session, case.targets, feeds)
        with_all = seconds(session, [case.targets, list(summaries)], feeds)
        together = max(with_all - plain, 0.0)
        if together < _FLOOR:
            return plain, dict.fromkeys(summaries, together / len(summaries))
        alone = {s: max(seconds(session, [case.targets, s], feeds) - plain, 0.0) for s in summaries}
    # What several share, such as a norm, is computed once.
    scale = together / (sum(alone.values()) or 1.0)
    return plain, {s: cost * scale for s, cost in alone.items()}


def _traced(case: Case, summaries: Sequence[Tensor]) -> tuple[float, dict[Tensor, float]] | None:
    """Return the same from the trace of a real run; None where there is none, or it made no summaries."""
    if case.run_metadata is None:
        return None
    times = _times(case.run_metadata)
    own = {s: {op.name for op in needed_operations([s], ())} - {op.name for op in case.needed} for s in summaries}
    costs = {s: sum([times.get(name, 0.0) for name in names]) for s, names in own.items() if s.op.name in times}
    if not costs:
        return None
    shared = set().union(*own.values())
    return sum([time for name, time in times.items() if name not in shared]), costs


def _times(metadata: RunMetadata) -> dict[str, float]:
    found: dict[str, float] = {}
    for device in metadata.step_stats.dev_stats:
        for stats in device.node_stats:
            found[stats.node_name] = found.get(stats.node_name, 0.0) + stats.all_end_rel_micros * 1e-6
    return found
