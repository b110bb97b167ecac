"""`doctor`: what is wrong with a training op, with the user's line and the mend."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.summary_cadence import Cadence
from graphopt.inspection.doctoring import RULES, Case, Finding, NotLooked, checkpoint_values
from graphopt.inspection.sessions import check_runs, to_session
from graphopt.inspection.subject import subject_of
from graphopt.runtime.fetching import flatten_feeds, to_feed
from graphopt.runtime.profile import RunMetadata
from graphopt.runtime.signature import paused_collection

_ORDER = {"error": 0, "warning": 1, "note": 2}
_MOST_FEEDS = 1000


class Diagnosis(Sequence[Finding]):
    """What the doctor found, the worst first. `str` gives a page for people, `to_json` the same for programs.

    Attributes:
      findings: the findings. checked: the names of the rules that looked.
      not_checked: the names of the rules that could not look, each with the reason.
    """

    def __init__(self, findings: Sequence[Finding], checked: Sequence[str], not_checked: Mapping[str, str] | None = None) -> None:
        self.findings = tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))
        self.checked = tuple(checked)
        self.not_checked = dict(not_checked or {})

    def __getitem__(self, index: Any) -> Any:
        return self.findings[index]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings and the names of the rules, in plain values."""
        findings = [finding._asdict() for finding in self.findings]
        return {"findings": findings, "checked": list(self.checked), "not_checked": dict(self.not_checked)}

    def to_json(self, indent: int | None = 2) -> str:
        """Return the same as JSON."""
        return json.dumps(self.to_dict(), indent=indent)

    def __str__(self) -> str:
        blocks = [] if self.findings else [f"nothing found ({len(self.checked)} rules looked)"]
        for finding in self.findings:
            where = "" if finding.where is None else f"\n  at {finding.where}"
            blocks.append(f"{finding.severity}: {finding.name}{where}\n  {finding.message}\n  {finding.mend}")
        if self.not_checked:
            blocks.append("\n".join(["not looked at:", *[f"  {name}: {reason}" for name, reason in self.not_checked.items()]]))
        return "\n\n".join(blocks)

    __repr__ = __str__


def doctor(
    train_op: Any,
    *,
    session: Any = None,
    feeds: Mapping[Any, Any] | Iterable[Mapping[Any, Any]] | None = (),
    checkpoint: Any = None,
    only: Sequence[str] | None = None,
    cadence: Cadence | Mapping[str, int] | int | None = None,
    run_metadata: RunMetadata | None = None,
) -> Diagnosis:
    """Look for faults in a training op.

    Nothing of yours is changed: what has to be tried is tried with a copy of the session's values, and not where a step would call your
    Python or print.

    Args:
      train_op: what `optimize_loss`, `training_op` or `minimize` returned; a list of those that run together.
      session: the session it runs in, also a monitored one, for the rules that need values.
      feeds: the feed dictionary of a step, or of several.
      checkpoint: to compare with: a path, a folder (its newest checkpoint), a reader, or values by name.
      only: names of rules, to ask those alone.
      cadence: after how many steps summaries are written: a number, numbers by tag or pattern, or a `tf.summary.Cadence`.
      run_metadata: of a traced run with summaries: then their time is taken from it.

    Returns:
      The findings, the worst first, each with a stable name, the user's line and the mend; and which rules could not look, and why.

    Raises:
      TypeError: for arguments of another type, or a feed that is no tensor. ValueError: for what is no training op, a rule that there is
      not, a session of another graph, or a folder without a checkpoint. RuntimeError: for a closed session.
      tf.errors.OpError: when the checkpoint is missing or damaged.

    Example:
      >>> x = tf.placeholder(tf.float32, [None, 2])
      >>> w = tf.get_variable("w", [2, 3])
      >>> loss = -tf.reduce_mean(tf.log(tf.nn.softmax(tf.matmul(x, w))))
      >>> train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD")
      >>> [finding.name for finding in tf.doctor(train_op)]
      ['log-of-softmax']
    """
    chosen = _chosen(only)
    if not isinstance(train_op, Tensor | Operation | list | tuple):
        raise ArgumentTypeError(f"doctor looks at a training op: a tensor or operation, got {train_op!r} of {type(train_op)}.")
    subject = subject_of(train_op)
    inner = to_session(session)
    if inner is not None:
        check_runs(inner, subject.graph)
    held = None if checkpoint is None else checkpoint_values(checkpoint)
    case = Case(subject, inner, _feeds(subject.graph, feeds), held, _cadence(cadence), _metadata(run_metadata))
    with paused_collection():
        found = {name: list(rule(case)) for name, rule in chosen.items()}
    findings = [item for items in found.values() for item in items if isinstance(item, Finding)]
    missed = {item.name: item.reason for items in found.values() for item in items if isinstance(item, NotLooked)}
    return Diagnosis(findings, [name for name in chosen if name not in missed], missed)


def _chosen(only: Any) -> dict[str, Any]:
    if isinstance(only, str) or not isinstance(only, Iterable | None):
        raise ArgumentTypeError(f"only is a list of the names of rules, got {only!r}.")
    wanted = None if only is None else list(only)
    unknown = [name for name in wanted or () if name not in RULES]
    if unknown:
        raise ArgumentError(f"There is no rule {unknown[0]!r}; there are {', '.join(RULES)}.")
    return {name: rule for name, rule in RULES.items() if wanted is None or name in wanted}


def _feeds(graph: Graph, given: Any) -> list[dict[Tensor, Any]]:
    """Return feed dictionaries by tensor, without empty ones."""
    if isinstance(given, str | bytes) or not isinstance(given, Mapping | Iterable | None):
        raise ArgumentTypeError(f"feeds is a feed dictionary, or a list of them, got {given!r} of {type(given)}.")
    known = [given] if isinstance(given, Mapping) else list(itertools.islice(given or (), _MOST_FEEDS))
    for feed in known:
        if feed is not None and not isinstance(feed, Mapping):
            raise ArgumentTypeError(f"feeds is a feed dictionary, or a list of them; in the list stands {feed!r} of {type(feed)}.")
    found = [flatten_feeds(graph, feed) for feed in known if feed]
    for feed in found:
        for tensor, value in feed.items():
            to_feed(tensor, value)  # raises for what can't be fed
    return found


def _cadence(given: Any) -> Cadence | None:
    if given is None or isinstance(given, Cadence):
        return given
    if isinstance(given, Mapping):
        return Cadence(given)
    if isinstance(given, int):
        return Cadence({}, default=given)
    raise ArgumentTypeError(f"cadence is a number of steps, numbers by tag, or a tf.summary.Cadence, got {given!r} of {type(given)}.")


def _metadata(given: Any) -> RunMetadata | None:
    if given is not None and not isinstance(given, RunMetadata):
        raise ArgumentTypeError(f"run_metadata must be a tf.RunMetadata, got {given!r} of {type(given)}.")
    return given
