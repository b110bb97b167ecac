"""How often summaries are made: by tag and pattern, and not more than a share of the time."""

from __future__ import annotations

import contextlib
import difflib
import fnmatch
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError, user_location
from graphopt.graph.operation import Tensor
from graphopt.ops.summary import merge_summary


def tag_of(summary: Tensor) -> str:
    """Return the tag of a summary's tensor; the operation's name where it has none.

    >>> with tf.name_scope("train"):
    ...     summary = tf.summary.scalar("loss", 1.0)
    >>> tag_of(summary)
    'train/loss'
    """
    return str(summary.op.attributes.get("tag", summary.op.name))


def single_summaries(summaries: Any) -> list[Tensor]:
    """Return summaries with each merged one replaced by what it merges; None is nothing.

    >>> parts = [tf.summary.scalar(name, 1.0) for name in "ab"]
    >>> single_summaries(tf.summary.merge(parts)) == parts
    True
    """
    if summaries is None:
        return []
    if isinstance(summaries, Tensor):
        if summaries.op.opdef is not merge_summary:
            return [summaries]
        return single_summaries(summaries.op.inputs)
    return list(dict.fromkeys(one for summary in summaries for one in single_summaries(summary)))


class Cadence:
    """After how many steps each summary is made.

    Args:
      every: numbers of steps by tag or pattern (``*``, ``?``, ``[...]``); 0 is never. A pattern is also compared with what stands after
        each ``/`` of a tag, so ``"loss"`` means ``OptimizeLoss/loss``, too. The first entry that fits counts. The first run with
        summaries warns of an entry that fits no summary of the graph, and names the tag that is nearest to it.
      default: the number for all other tags.

    Raises:
      ValueError: for a number that isn't whole, or negative.

    Example:
      >>> cadence = tf.summary.Cadence({"loss": 1, "gradients/*": 100})
      >>> cadence.period("OptimizeLoss/gradients/w_0"), cadence.is_due("OptimizeLoss/gradients/w_0", 150)
      (100, False)
    """

    def __init__(self, every: Mapping[str, int], *, default: int = 1) -> None:
        for pattern, steps in (*every.items(), ("default", default)):
            if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
                raise ArgumentError(f"A summary is made every so many steps, a whole number, 0 for never; got {steps!r} for {pattern!r}.")
        self._every = dict(every)
        self._default = default
        self._periods: dict[str, int] = {}
        self._chosen: dict[tuple[tuple[Tensor, ...], tuple[bool, ...]], list[Tensor]] = {}
        self._is_checked = False

    def period(self, tag: str) -> int:
        """Return after how many steps a tag is recorded, 0 for never."""
        if tag not in self._periods:
            fitting = (steps for pattern, steps in self._every.items() if _fits(tag, pattern))
            self._periods[tag] = next(fitting, self._default)
        return self._periods[tag]

    def is_due(self, tag: str, step: int) -> bool:
        """Return whether a tag is recorded at a step."""
        period = self.period(tag)
        return period > 0 and step % period == 0

    def due(self, summaries: Any, step: int) -> list[Tensor]:
        """Return the summaries to fetch at a step: the same list for the same ones, so that a session compiles each choice once.

        Args:
          summaries: tensors of summaries, merged or not, or None. step: the global step.
        """
        every = tuple(single_summaries(summaries))
        if not self._is_checked:
            self.check(every)
        which = tuple([self.is_due(tag_of(summary), step) for summary in every])
        key = (every, which)
        if key not in self._chosen:
            self._chosen[key] = [summary for summary, is_due in zip(every, which, strict=True) if is_due]
        return self._chosen[key]

    def check(self, summaries: Sequence[Tensor]) -> None:
        """Warn, the first time there are summaries, of each pattern that fits none of them and none of their graph.

        Args:
          summaries: tensors of summaries, none of them merged.
        """
        if self._is_checked or not summaries:
            return
        self._is_checked = True
        tags = list(dict.fromkeys([*map(tag_of, summaries), *_tags_of_graph(summaries[0].graph)]))
        where = user_location()
        for pattern in self._every:
            if not any(_fits(tag, pattern) for tag in tags):
                message = f"The cadence names '{pattern}', but no summary has such a tag; the nearest is '{_nearest(pattern, tags)}'."
                warnings.warn_explicit(message, UserWarning, where.filename, where.line)


def _tags_of_graph(graph: Any) -> list[str]:
    return [str(operation.attributes["tag"]) for operation in graph.get_operations() if "tag" in operation.attributes]


def _nearest(pattern: str, tags: Sequence[str]) -> str:
    """Return the tag that is most like a pattern, itself or from one of its slashes on."""

    def likeness(tag: str) -> float:
        parts = tag.split("/")
        ends = ["/".join(parts[i:]) for i in range(len(parts))]
        return max(difflib.SequenceMatcher(None, end.lower(), pattern.lower()).ratio() for end in ends)

    return max(tags, key=likeness)


def _fits(tag: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(tag, pattern) or fnmatch.fnmatchcase(tag, f"*/{pattern}")


def due_summaries(summaries: Any, step: int, cadence: Cadence | Mapping[str, int] | None = None) -> list[Tensor]:
    """Return the summaries to fetch at a step.

    Args:
      summaries: tensors of summaries, merged or not, or None. step: the global step.
      cadence: a `Cadence`, or what one is made of; None for all at each step.

    Example:
      >>> loss, weights = tf.summary.scalar("loss", 1.0), tf.summary.histogram("weights", [1.0, 2.0])
      >>> [len(due_summaries(tf.summary.merge_all(), step, {"weights": 10})) for step in (0, 1, 10)]
      [2, 1, 2]
    """
    if not isinstance(cadence, Cadence):
        cadence = Cadence(cadence or {})
    return cadence.due(summaries, step)


class LoggingBudget:
    """Keeps logging below a share of the time: it measures what logging costs, and thins it out.

    Ask `is_due` whenever something could be logged, and log inside ``with budget.logging()``; what a step with summaries takes longer than
    one without is told with `note`.

    Args:
      share: the share of all the time that logging may take. clock: gives the time in seconds.

    Attributes:
      stretch: only every so many opportunities are used: a power of two.

    Raises:
      ValueError: when the share isn't between 0 and 1.

    Example:
      >>> seconds = iter([0.0, 1.0, 2.0, 8.0]).__next__
      >>> budget = LoggingBudget(0.25, clock=seconds)
      >>> for _ in range(2):
      ...     if budget.is_due():
      ...         with budget.logging():  # the second time it takes six seconds of seven
      ...             pass
      >>> budget.stretch
      32
    """

    _NEW = 0.25  # how much a new measurement counts against those before

    def __init__(self, share: float = 0.1, *, clock: Callable[[], float] = time.perf_counter) -> None:
        if not 0 < share < 1:
            raise ArgumentError(f"The share of the time for logging must be between 0 and 1, got {share!r}.")
        self._share = share
        self._clock = clock
        self._opportunities = 0
        self._spent = 0.0
        self._cost: float | None = None
        self._between: float | None = None
        self._last: float | None = None
        self._count_at_last = 0
        self.stretch = 1

    def is_due(self) -> bool:
        """Return whether this opportunity to log is used."""
        self._opportunities += 1
        return (self._opportunities - 1) % self.stretch == 0

    @property
    def is_easily_kept(self) -> bool:
        """Whether logging at every opportunity takes less than half of the share, as far as was measured."""
        return self._cost is not None and self.stretch == 1 and self._wanted() <= 0.5

    def count(self, opportunities: int) -> None:
        """Count opportunities that were used and not measured, between two that are."""
        self._opportunities += opportunities

    @contextlib.contextmanager
    def logging(self) -> Iterator[None]:
        """Measure the logging inside a ``with`` block."""
        began = self._clock()
        try:
            yield
        finally:
            ended = self._clock()
            self._finish(began, ended)

    def note(self, seconds: float) -> None:
        """Count seconds that logging took outside of `logging`, before the next time it is used."""
        self._spent += max(seconds, 0.0)

    def _finish(self, began: float, ended: float) -> None:
        cost = ended - began + self._spent
        if self._last is not None:
            # The first time is not counted: it compiles the plan with the summaries, or opens the file.
            passed = max(self._opportunities - self._count_at_last, 1)
            self._cost = self._mean(self._cost, cost)
            self._between = self._mean(self._between, max(began - self._last - self._spent, 0.0) / passed)
            self.stretch = self._needed()
        self._last, self._count_at_last, self._spent = ended, self._opportunities, 0.0

    def _mean(self, known: float | None, new: float) -> float:
        return new if known is None else known + self._NEW * (new - known)

    def _wanted(self) -> float:
        """Return the stretch at which the cost is the share: cost / (stretch * between + cost) = share."""
        cost, between = self._cost or 0.0, max(self._between or 0.0, 1e-9)
        return cost * (1 - self._share) / (self._share * between)

    def _needed(self) -> int:
        """Return the stretch, a power of two, at which the cost is the share at most."""
        wanted = self._wanted()
        return 1 << max(math.ceil(math.log2(wanted)), 0) if wanted > 1 else 1
