"""The files of a checkpoint: a prefix such as ``logs/model.ckpt-100`` stands for all of them, ours or TensorFlow's."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from graphopt.errors import ArgumentError, OpError, first_line
from graphopt.train.checkpoints.archive import SUFFIX, Archive
from graphopt.train.checkpoints.damage import text_of, warn
from graphopt.train.checkpoints.state_file import get_checkpoint_state, state_path
from graphopt.train.checkpoints.tensorflow_format import INDEX


def prefix_of(path: Any) -> str:
    """Return the prefix that a path stands for: the path itself, or without the ending of a checkpoint's file."""
    text = text_of(path)
    ending = next((suffix for suffix in (SUFFIX, INDEX) if text.endswith(suffix)), "")
    is_prefix = os.path.isfile(text + SUFFIX) or os.path.isfile(text + INDEX)
    return text.removesuffix(ending) if os.path.isfile(text) and not is_prefix else text


def _main_file(prefix: str) -> str | None:
    """Return the file that says that a checkpoint exists: ours, TensorFlow's index, or its first format's only file; or None."""
    for path in (prefix + SUFFIX, prefix + INDEX, prefix):
        if os.path.isfile(path):
            return path
    return None


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Return whether there is a checkpoint, ours or TensorFlow's, of that prefix.

    Args:
      checkpoint_prefix: what `Saver.save` or `latest_checkpoint` returned.

    Example:
      >>> tf.train.checkpoint_exists("logs/model.ckpt-7")
      False
    """
    return _main_file(prefix_of(checkpoint_prefix)) is not None


def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[Any]) -> list[float]:
    """Return when checkpoints were last changed, in seconds since 1970; those that don't exist are left out.

    Args:
      checkpoint_prefixes: what `Saver.save` returned.

    Example:
      >>> tf.train.get_checkpoint_mtimes(["logs/model.ckpt-7"])
      []
    """
    times = []
    for prefix in checkpoint_prefixes:
        file = _main_file(prefix_of(prefix))
        if file is not None:
            # Another process may be deleting it.
            with contextlib.suppress(FileNotFoundError):
                times.append(os.path.getmtime(file))
    return times


def mark_of(checkpoint_prefix: str) -> tuple[int, int] | None:
    """Return what tells a checkpoint from another of the same name that is written later; None where there is none."""
    file = _main_file(checkpoint_prefix)
    with contextlib.suppress(OSError):
        if file is not None:
            found = os.stat(file)
            return found.st_mtime_ns, found.st_size
    return None


def remove_checkpoint(checkpoint_prefix: Any, checkpoint_format_version: Any = None, meta_graph_suffix: str = "meta") -> None:
    """Delete the files of a checkpoint, ours and TensorFlow's; those that don't exist are left out.

    Args:
      checkpoint_prefix: what `Saver.save` returned. checkpoint_format_version: accepted for TensorFlow's sake.
      meta_graph_suffix: the ending of TensorFlow's graph file.

    Raises:
      OSError: when a file can't be deleted.

    Example:
      >>> tf.train.remove_checkpoint("logs/model.ckpt-7")
    """
    prefix = prefix_of(checkpoint_prefix)
    data = glob.glob(glob.escape(prefix) + ".data-?????-of-?????")
    for path in (prefix + SUFFIX, prefix + INDEX, *data, f"{prefix}.{meta_graph_suffix}"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


class Listed(NamedTuple):
    """The checkpoints of a folder.

    Attributes:
      newest_first: in the order in which they are to be tried. kept: those that the state file lists, from the oldest to the newest.
    """

    newest_first: list[str]
    kept: list[str]


def listed_checkpoints(checkpoint_dir: Any, latest_filename: str | None = None) -> Listed:
    """Return the checkpoints that a folder's state file lists; where that file is damaged, with a warning, those that are in the folder.

    Args:
      checkpoint_dir: the folder. latest_filename: the name of its state file (``checkpoint`` by default).
    """
    folder = text_of(checkpoint_dir)
    path = state_path(folder, latest_filename)
    try:
        state = get_checkpoint_state(folder, latest_filename)
    except ArgumentError as error:
        warn(first_line(error))
        state = None
    if state is None:
        return Listed(_by_age(folder, path) if os.path.lexists(path) else [], [])
    newest, kept = state.model_checkpoint_path, [prefix for prefix in state.all_model_checkpoint_paths if prefix]
    if newest in kept[:-1] and kept[-1] != newest:
        # Edited by hand, as a rule; but a byte that was damaged looks the same.
        warn(f"{path} calls {newest} the newest checkpoint and lists {kept[-1]} after it. The first is taken.")
    return Listed(list(dict.fromkeys([newest, *reversed(kept)])), kept)


def _by_age(folder: str, state_file: str) -> list[str]:
    """Return the checkpoints in a folder, the newest first."""
    found: dict[str, float] = {}
    with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
        for entry in entries:
            prefix, suffix = os.path.splitext(os.path.join(folder, entry.name))
            if suffix in (SUFFIX, INDEX) and entry.is_file():
                found[prefix] = entry.stat().st_mtime_ns
    prefixes = sorted(found, key=lambda prefix: (found[prefix], len(prefix), prefix), reverse=True)
    if prefixes:
        warn(f"{state_file} does not tell the checkpoints of its folder, so they are taken by their age: the newest is {prefixes[0]}.")
    return prefixes


def latest_checkpoint(checkpoint_dir: Any, latest_filename: str | None = None) -> str | None:
    """Return the newest checkpoint of a folder.

    A checkpoint whose file is gone, cut off or of another program is passed over with a warning, and the one before is taken. Where the
    state file is damaged, the checkpoints in the folder are taken by their age. Contents are checked when they are restored: see
    `Saver.restore_latest`. A checkpoint that this process is writing there is waited for.

    Args:
      checkpoint_dir: the folder. latest_filename: the name of its state file (``checkpoint`` by default).

    Returns:
      The prefix, to be given to `Saver.restore`; None when there is none.

    Example:
      >>> tf.train.latest_checkpoint("no such folder") is None
      True
    """
    for prefix in listed_checkpoints(checkpoint_dir, latest_filename).newest_first:
        trouble = _trouble(prefix)
        if trouble is None:
            return prefix
        warn(f"The checkpoint {prefix} is passed over: {trouble}")
    return None


def _trouble(prefix: str) -> str | None:
    """Return what can be seen to be wrong with a checkpoint without reading its contents, or None."""
    file = _main_file(prefix)
    if file is None:
        return "its files are gone."
    if file.endswith(SUFFIX):
        try:
            Archive(file)
        except OpError as error:
            return error.message
    return None
