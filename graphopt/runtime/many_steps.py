"""Many steps in one call: natively without coming back to Python in between, or one after another where that can't be."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.operation import Tensor
from graphopt.ops.summary import to_summary
from graphopt.ops.summary_proto import Summary
from graphopt.runtime.fetching import to_feed
from graphopt.runtime.signature import Signature


class StepResults(NamedTuple):
    """What `Session.run_steps` returns.

    Attributes:
      losses: the training op's value at each step: the loss from before its update, ``[steps, ...]``.
      global_steps: the step after each update, ``i64[steps]``, or None when there is no global step.
      summaries: for each step all its summaries in one `Summary`, or None when there are none. A step's is made when it is asked for.
    """

    losses: Any
    global_steps: Any
    summaries: Sequence[Any] | None


class SummaryOfValues:
    """A summary that is made afterwards, from the values it would have seen.

    Args:
      summary: the summary's tensor.

    Attributes:
      values: the tensors that it summarises.
    """

    def __init__(self, summary: Tensor) -> None:
        self._operation = summary.op
        self.values: list[Tensor] = list(summary.op.inputs)

    @staticmethod
    def can_wait(summary: Any) -> bool:
        """Return True for a summary of single numbers: making it can't fail, so it makes no difference when it is made."""
        op = summary.op
        numbers = all([source.dtype is not dtypes.string and source.tensor_type.shape == () for source in op.inputs])
        return bool(op.opdef.kernel is not None and op.opdef.host_only and numbers)

    def made_of(self, values: Sequence[Any]) -> Any:
        """Return the serialised summary of these values."""
        kernel: Any = self._operation.opdef.kernel
        return kernel(np, *values, **self._operation.attributes)


class StepSummaries(Sequence[Any]):
    """The summaries of many steps, each made when it is looked at.

    Args:
      summaries: the summaries of one step. values: for each value that they summarise its array, with a row for each step.
      steps: how many.
    """

    def __init__(self, summaries: Sequence[SummaryOfValues], values: Mapping[Tensor, Any], steps: int) -> None:
        self._summaries = summaries
        self._values = values
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        """Return the `Summary` of a step, or a list of them."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._steps))]
        at = operator.index(index)
        if not -self._steps <= at < self._steps:
            raise IndexError(f"There are {self._steps} steps, got {at}.")
        return merged([summary.made_of([self._values[value][at] for value in summary.values]) for summary in self._summaries])


class ManySteps(NamedTuple):
    """What many steps of a training op fetch.

    Attributes:
      signature: fetches the training op, the global step and the values.
      can_wait: the summaries can be made afterwards; otherwise the steps have to be run one by one.
      has_step: whether there is a global step. summaries: the summaries of a step. values: what they summarise.
    """

    signature: Signature
    can_wait: bool
    has_step: bool
    summaries: list[SummaryOfValues]
    values: list[Tensor]

    def results(self, fetched: Sequence[Any], steps: int) -> StepResults:
        """Return what was fetched, stacked, as the results of `steps` steps."""
        found = dict(zip(self.values, fetched[1 + self.has_step :], strict=True))
        summaries = StepSummaries(self.summaries, found, steps) if self.summaries else None
        return StepResults(fetched[0], fetched[1] if self.has_step else None, summaries)


def merged(summaries: Sequence[Any]) -> Any:
    """Return several summaries as one, None when there are none."""
    if not summaries:
        return None
    whole = Summary()
    for summary in summaries:
        whole.MergeFrom(to_summary(summary))
    return whole


def stacked_feeds(feeds: Mapping[Tensor, Any], steps: int | None) -> tuple[list[Any], int]:
    """Return the feeds as arrays with a row for each step, and the number of steps.

    Args:
      feeds: tensors with their values of all steps, along a leading axis. steps: how many, where nothing is fed.

    Raises:
      ValueError: when the leading axes differ, or nothing says how many steps there are. TypeError: for a scalar, or a number of steps
        that isn't a whole one.
    """
    _check_count(steps)
    arrays = [np.require(to_feed_of_steps(tensor, value), requirements=["C", "A"]) for tensor, value in feeds.items()]
    counts = {tensor.name: len(array) for tensor, array in zip(feeds, arrays, strict=True)}
    if steps is None and not counts:
        raise ArgumentError("run_steps needs `steps` when nothing is fed.")
    wanted = next(iter(counts.values())) if steps is None else steps
    for name, count in counts.items():
        if count != wanted:
            raise ArgumentError(f"The feeds of a run of {wanted} steps need as many rows; '{name}' has {count}.")
    return arrays, wanted


def first_feeds(feeds: Any, steps: int | None) -> Iterator[Any]:
    """Return the first `steps` feed dictionaries of an iterator, or all.

    Raises:
      TypeError: for what is no iterator.
    """
    _check_count(steps)
    if not isinstance(feeds, Iterable):
        raise ArgumentTypeError(f"feeds must be a mapping of tensors, or an iterator of such mappings, got {type(feeds)}.")
    return itertools.islice(feeds, steps)


def _check_count(steps: Any) -> None:
    if steps is not None and (not isinstance(steps, (int, np.integer)) or steps < 0):
        raise ArgumentTypeError(f"The number of steps must be a whole number, 0 or more, got {steps!r}.")


def to_feed_of_steps(tensor: Tensor, value: Any) -> Any:
    """Return the values of all steps as an array in the tensor's element type; they are checked as a single feed is.

    Raises:
      TypeError: for a scalar.
    """
    if isinstance(value, (list, tuple)) and value:
        return np.stack([to_feed(tensor, row) for row in value])
    array = np.asarray(value)
    if array.ndim == 0:
        raise ArgumentTypeError(f"The feed of '{tensor.name}' needs a leading axis with a value for each step, got a scalar.")
    return to_feed(tensor, array)


def run_stacked(signature: Signature, arrays: Sequence[Any], steps: int) -> list[Any]:
    """Run a signature `steps` times with the rows of the arrays, and return what was fetched, stacked.

    A step that fails raises its error; the steps before it have been done.
    """
    if steps == 0:
        return [np.empty((0, *_known(e)), e.dtype.np) if isinstance(e, Tensor) else None for e in signature.elements]
    results: list[Any] = []
    done = 0
    while done < steps:
        rest = [array[done:] for array in arrays]
        many = signature.run_quickly(rest, steps - done)
        if many is not None and many[0] > 0:
            results.append([None if value is None else value[: many[0]] for value in many[1]])
            done += many[0]
            continue
        one = signature.run_flat([array[0] for array in rest])
        results.append([None if value is None else np.asarray(value)[None] for value in one])
        done += 1
    return [_joined(parts) for parts in zip(*results, strict=True)]


def _joined(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 or parts[0] is None else np.concatenate(parts)


def _known(element: Any) -> tuple[int, ...]:
    return tuple([size or 0 for size in element.tensor_type.shape or ()])
