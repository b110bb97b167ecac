"""Which checkpoints of a folder are kept: TensorFlow 1's rules."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from typing import NamedTuple

from graphopt.train.checkpoints.damage import warn
from graphopt.train.checkpoints.files import mark_of, remove_checkpoint

_HOUR = 3600.0


class Place(NamedTuple):
    """Where a checkpoint is written.

    Attributes:
      given: its prefix as the user gave it, which lists show. absolute: the same from the root on.
    """

    given: str
    absolute: str


class Retention:
    """The checkpoints that one `Saver` has written and not yet deleted.

    Args:
      max_to_keep: how many to keep; None or 0 for all. every_hours: one in that many hours is kept for good.

    Attributes:
      kept: (prefix, time in seconds since 1970) from the oldest to the newest.
    """

    def __init__(self, max_to_keep: int | None, every_hours: float) -> None:
        self.kept: list[tuple[str, float]] = []
        self._max_to_keep = max_to_keep
        self._every = every_hours * _HOUR
        self._next_kept_for_good = time.time() + self._every
        self._dropped: list[tuple[str, float]] = []
        self._marks: dict[str, tuple[int, int] | None] = {}
        self._places: dict[str, str] = {}

    @property
    def paths(self) -> list[str]:
        """The prefixes, from the oldest to the newest."""
        return [path for path, _ in self.kept]

    @property
    def dropped_paths(self) -> list[str]:
        """The prefixes of what is too much, from the oldest to the newest."""
        return [path for path, _ in self._dropped]

    def add(self, place: Place) -> None:
        """Enter a checkpoint that was written as the newest."""
        if not self._max_to_keep:
            return
        path = place.given
        self._places[path] = place.absolute
        self.kept = [item for item in self.kept if item[0] != path]
        self.kept.append((path, time.time()))
        self._marks[path] = mark_of(place.absolute)
        while len(self.kept) > self._max_to_keep:
            self._dropped.append(self.kept.pop(0))

    def set(self, kept: Sequence[tuple[str, float]]) -> None:
        """Replace the list."""
        self.kept = list(kept)
        self._places = {path: os.path.abspath(path) for path, _ in self.kept}
        self._marks = {path: mark_of(path) for path, _ in self.kept}

    def delete_old(self, meta_graph_suffix: str) -> None:
        """Delete what is too much, but for what is kept for good or is somebody else's by now; warn of files that can't be deleted."""
        while self._dropped:
            path, written = self._dropped.pop(0)
            mark, place = self._marks.pop(path, None), self._places.pop(path, path)
            if written > self._next_kept_for_good:
                # A list that was set without times keeps everything in it, and says nothing about when the next one is due.
                self._next_kept_for_good += self._every if math.isfinite(written) else 0.0
                continue
            if mark is not None and mark_of(place) not in (mark, None):
                warn(f"The old checkpoint {path} was not deleted: somebody else has written one of that name.")
                continue
            try:
                remove_checkpoint(place, None, meta_graph_suffix)
            except OSError as error:
                warn(f"The old checkpoint {path} was not deleted: {error}")
