"""Waiting for checkpoints that another process writes, to evaluate them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from graphopt.train.checkpoints.files import latest_checkpoint


def wait_for_new_checkpoint(
    checkpoint_dir: Any, last_checkpoint: str | None = None, seconds_to_sleep: float = 1, timeout: float | None = None
) -> str | None:
    """Return the newest checkpoint of a folder, as soon as it is another one than before; None when that takes too long.

    Args:
      checkpoint_dir: the folder. last_checkpoint: the one before, None to take any. seconds_to_sleep: how often it is looked for.
      timeout: seconds to wait at most; None for ever.

    Example:
      >>> tf.contrib.training.wait_for_new_checkpoint("no such folder", timeout=0) is None
      True

    Source: tensorflow/contrib/training/python/training/evaluation.py (r1.15).
    """
    stop = None if timeout is None else time.monotonic() + timeout
    while True:
        newest = latest_checkpoint(checkpoint_dir)
        if newest is not None and newest != last_checkpoint:
            return newest
        if stop is not None and time.monotonic() + seconds_to_sleep > stop:
            return None
        time.sleep(seconds_to_sleep)


def checkpoints_iterator(
    checkpoint_dir: Any, min_interval_secs: float = 0, timeout: float | None = None, timeout_fn: Callable[[], Any] | None = None
) -> Iterator[str]:
    """Yield the checkpoints of a folder as another process writes them; of several written meanwhile only the newest.

    Args:
      checkpoint_dir: the folder. min_interval_secs: seconds between two of them at least.
      timeout: seconds to wait for one at most, None for ever. timeout_fn: called then, and after each; True ends it. Without a function
        the end of the time ends it.

    Example:
      >>> list(tf.train.checkpoints_iterator("no such folder", timeout=0))
      []

    Source: tensorflow/python/training/checkpoint_utils.py.
    """
    newest: str | None = None
    while True:
        found = wait_for_new_checkpoint(checkpoint_dir, newest, timeout=timeout)
        if found is None and timeout_fn is None:
            return
        if found is not None:
            newest = found
            start = time.monotonic()
            yield found
            time.sleep(max(0.0, start + min_interval_secs - time.monotonic()))
        if timeout_fn is not None and timeout_fn():
            return
