"""`Saver`: writes and restores checkpoints of a session."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from graphopt.errors import ArgumentError, AssertedArgumentError, DataLossError, GraphStateError, UnsupportedError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.variables import Variable
from graphopt.train.checkpoints.archive import SUFFIX, write_archive
from graphopt.train.checkpoints.atomic_file import remove_leftovers, write_atomically
from graphopt.train.checkpoints.background import BackgroundWriter
from graphopt.train.checkpoints.damage import system_error, text_of, warn
from graphopt.train.checkpoints.files import checkpoint_exists, get_checkpoint_mtimes, listed_checkpoints
from graphopt.train.checkpoints.hyper_differences import check_choice
from graphopt.train.checkpoints.meta_graph import export_meta_graph
from graphopt.train.checkpoints.other_writers import OtherWriters, withdraw
from graphopt.train.checkpoints.pending import PendingWrite, wait_for_writes
from graphopt.train.checkpoints.reader import CheckpointReader
from graphopt.train.checkpoints.restoring import restore_session
from graphopt.train.checkpoints.retention import Place, Retention
from graphopt.train.checkpoints.session_state import SessionState, check_graph, copied_state, held_state, session_of
from graphopt.train.checkpoints.state_file import (
    generate_checkpoint_state_proto,
    relative_state,
    state_path,
    write_state,
)
from graphopt.train.checkpoints.variable_names import saved_variables
from graphopt.train.global_step import global_step as value_of_step


class Saver:
    """Writes and restores checkpoints.

    A checkpoint is one file, ``<prefix>-<step>.npz``. Besides the variables it holds the random streams and the settings (learning rate and
    other numbers of optimizers), so that training goes on as if it had never stopped. A restore of all global variables restores those
    too; one of a part of them restores variables only.

    Args:
      var_list: what is saved: a list of variables, or a dict from the names in the checkpoint to variables; by default what is in
        GLOBAL_VARIABLES and SAVEABLE_OBJECTS when the Saver is built.
      reshape: restore variables whose shape in the checkpoint is another one of the same size.
      max_to_keep: how many checkpoints to keep; None or 0 for all, of which the state file then lists only the newest.
      keep_checkpoint_every_n_hours: one checkpoint in that many hours is kept for good.
      defer_build: `build` is called later. allow_empty: do nothing where there are no variables, in place of raising.
      pad_step_number: write the step with at least eight digits. save_relative_paths: write relative paths into the state file.
      on_difference: which holds when the code gives a hyper-parameter another value than the checkpoint has: "checkpoint", "code", or
        "raise". The first two warn. Of a schedule or a constant tensor the code's holds in any case; a difference warns, or raises.
      sharded, name, restore_sequentially, saver_def, builder, write_version, filename: accepted for TensorFlow's sake.

    Raises:
      TypeError: when `var_list` is neither list nor dict, or has something else than variables.
      ValueError: when two variables have one name, when there are none, when `defer_build` comes with a `var_list`, or for another
        `on_difference`.

    Example:
      >>> import tempfile
      >>> w = tf.get_variable("w", initializer=1.0)
      >>> saver = tf.train.Saver()
      >>> with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     path = saver.save(session, f"{folder}/model.ckpt", global_step=3)
      ...     session.run(w.assign(5.0)).item()
      ...     saver.restore(session, path)
      ...     session.run(w).item()
      5.0
      1.0

    Source: tensorflow/python/training/saver.py.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = None,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
        *,
        on_difference: str = "checkpoint",
    ) -> None:
        if defer_build and var_list:
            rule = "If `var_list` is provided then build cannot be deferred. Either set defer_build=False or var_list=None."
            raise ArgumentError(rule)
        self._given = var_list
        self._reshape = reshape
        self._sharded = sharded
        self._allow_empty = allow_empty
        self._pad_step_number = pad_step_number
        self._save_relative_paths = save_relative_paths
        self._on_difference = check_choice(on_difference)
        self._hours = keep_checkpoint_every_n_hours
        self._max_to_keep = max_to_keep
        self._variables: dict[str, Variable] | None = None
        self._retention = Retention(max_to_keep, keep_checkpoint_every_n_hours)
        self._writer = BackgroundWriter()
        self._others = OtherWriters()
        if not defer_build:
            self.build()

    def build(self) -> None:
        """Find the variables; the constructor has done it unless it was given `defer_build`.

        Raises:
          TypeError, ValueError: as the constructor.
        """
        if self._variables is not None:
            return
        graph = get_default_graph()
        given = self._given
        if given is None:
            keys = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.SAVEABLE_OBJECTS)
            given = list(dict.fromkeys(item for key in keys for item in graph.get_collection(key)))
        variables = saved_variables(given)
        if not variables and not self._allow_empty:
            raise ArgumentError("No variables to save")
        self._variables = variables
        self._retention = Retention(self._max_to_keep, self._hours)

    # --- saving ----------------------------------------------------------------------------------------------------

    def save(
        self,
        sess: Any,
        save_path: Any,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
        *,
        wait: bool = True,
    ) -> str | None:
        """Write a checkpoint; return its path without ``.npz``.

        The file appears whole or not at all, whatever happens meanwhile; older ones are deleted when it is on the disk. Another write of
        this process to the folder is waited for. Warns, once for each folder, when another Saver or session that is still open, or
        another process, writes there what this one writes.

        Args:
          sess: a `Session`, or a monitored session. save_path: the prefix of the file. global_step: a number, tensor or variable that is
            added to it.
          latest_filename: the name of the state file (``checkpoint`` by default). write_state: write it, and delete old checkpoints.
          wait: False to go on as soon as the values are copied: a thread writes them. An error of it is raised by the next `save`, or by
            `wait` or `close`.
          meta_graph_suffix: the ending of TensorFlow's graph files, deleted together with its old checkpoints.
          write_meta_graph, strip_default_attrs, save_debug_info: accepted for TensorFlow's sake; no graph is written.

        Returns:
          What `restore` takes, ``<save_path>-<global_step>``; None when there is nothing to save.

        Raises:
          TypeError: when `sess` is no session. RuntimeError: when `build` was not called.
          ValueError: for a `latest_filename` with a folder, or that is the checkpoint's own name; when the folder does not exist.
          tf.errors.FailedPreconditionError: when a variable has no value. tf.errors.ResourceExhaustedError: when the disk is full.
          tf.errors.PermissionDeniedError, tf.errors.UnknownError: when the system does not let the file be written.
        """
        variables = self._built("save")
        prefix = self._prefix(sess, text_of(save_path), global_step, latest_filename)
        session = session_of(sess)
        self.wait()
        if not variables:
            return None
        check_graph(session, variables)
        folder = os.path.dirname(prefix)
        if not os.path.isdir(folder or "."):
            raise ArgumentError(f"Parent directory of {text_of(save_path)} doesn't exist, can't save.")
        listing = (latest_filename, meta_graph_suffix) if write_state else None
        state_file = state_path(os.path.abspath(folder), latest_filename) if write_state else None
        # Where it is now: the program may go to another directory while a thread writes.
        place = Place(prefix, os.path.abspath(prefix))
        pending = PendingWrite(folder)
        try:
            pending.begin()
            self._others.notice(self, session, text_of(save_path), prefix, state_file)
            if wait:
                with held_state(session, variables) as state:
                    self._write(pending, place, state, listing)
            else:
                self._writer.start(partial(self._write, pending, place, copied_state(session, variables), listing))
        except BaseException:
            if not self._writer.is_writing:  # else Ctrl-C came when the thread had it already
                pending.end()
            raise
        return prefix

    def _built(self, doing: str) -> dict[str, Variable]:
        if self._variables is None:
            raise GraphStateError(f"`build()` should be called before {doing} if defer_build==True")
        return self._variables

    def _prefix(self, sess: Any, save_path: str, global_step: Any, latest_filename: str | None) -> str:
        state_name = os.path.basename(state_path("", latest_filename))
        if latest_filename is not None and os.path.split(latest_filename)[0]:
            raise ArgumentError("'latest_filename' must not contain path components")
        if global_step is None:
            if os.path.basename(save_path) == state_name and not self._sharded:
                raise ArgumentError(f"'latest_filename' collides with 'save_path': '{state_name}' and '{save_path}'")
            return save_path
        try:
            step = operator.index(global_step)
        except TypeError:
            step = value_of_step(session_of(sess), global_step)
        return f"{save_path}-{step:08d}" if self._pad_step_number else f"{save_path}-{step}"

    def _write(self, pending: PendingWrite, place: Place, state: SessionState, listing: tuple[str | None, str] | None) -> None:
        """Write the checkpoint, then what lists it, then delete what the list has no more: in this order nothing is ever missing."""

        def content(file: BinaryIO) -> None:
            write_archive(file, state.manifest, state.variables)

        with pending:
            remove_leftovers(place.absolute)
            try:
                write_atomically(place.absolute + SUFFIX, content)
            except OSError as error:
                raise system_error(error, place.given + SUFFIX, "writing") from error
            if listing is not None:
                self._list(place, *listing)

    def _list(self, place: Place, latest_filename: str | None, meta_graph_suffix: str) -> None:
        """Enter a checkpoint into the state file, and delete old ones."""
        self._retention.add(place)
        # A file to be deleted stays in the list until it is, so that a process that goes on from here knows of it.
        if self._retention.dropped_paths:
            self._write_state(place, [*self._retention.dropped_paths, *self._retention.paths], latest_filename)
            self._retention.delete_old(meta_graph_suffix)
        self._write_state(place, self._retention.paths, latest_filename)

    def _write_state(self, place: Place, paths: list[str], latest_filename: str | None) -> None:
        make = relative_state if self._save_relative_paths else generate_checkpoint_state_proto
        state = make(os.path.dirname(place.given), place.given, paths)
        folder = os.path.dirname(place.absolute)
        write_state(folder, state, latest_filename)
        self._others.wrote(state_path(folder, latest_filename), state.to_text())

    def wait(self) -> None:
        """Wait until the checkpoint of a ``save(..., wait=False)`` is on the disk.

        Raises:
          Exception: what went wrong when it was written, as `save`.
        """
        self._writer.wait()

    def close(self) -> None:
        """Wait as `wait` does, and be no writer of any folder from then on; the Saver may be used again."""
        withdraw(self)
        self.wait()

    def __enter__(self) -> Saver:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # --- restoring -------------------------------------------------------------------------------------------------

    def restore(self, sess: Any, save_path: Any, *, on_difference: str | None = None) -> None:
        """Give a session the values of a checkpoint, ours or TensorFlow's (V2); variables need no initializer then.

        Nothing changes unless all can be restored.

        Args:
          sess: a `Session`, or a monitored session. save_path: what `save` or `latest_checkpoint` returned.
          on_difference: as in the constructor, for this time.

        Raises:
          ValueError: when there is no such checkpoint, or `save_path` is None; for differences where they are to raise.
          tf.errors.NotFoundError: when variables are missing in the checkpoint. tf.errors.InvalidArgumentError: when shapes or element
            types differ; both list what is missing, what differs and what the checkpoint has besides.
          tf.errors.DataLossError: when the file is damaged: its message names file and member.
        """
        choice = self._on_difference if on_difference is None else check_choice(on_difference)
        variables = self._built("restore")
        if not variables:
            return
        if save_path is None:
            raise ArgumentError("Can't load save_path when it is None.")
        self.wait()
        wait_for_writes(os.path.dirname(text_of(save_path)))
        if not checkpoint_exists(save_path):
            raise ArgumentError(f"The passed save_path is not a valid checkpoint: {text_of(save_path)}")
        session = session_of(sess)
        check_graph(session, variables)
        restore_session(session, CheckpointReader(save_path), variables, choice, reshape=self._reshape)

    def restore_latest(
        self, sess: Any, checkpoint_dir: Any, latest_filename: str | None = None, *, on_difference: str | None = None
    ) -> str | None:
        """Restore the newest checkpoint of a folder that is whole; return it, or None when there is none to restore.

        One that is gone or damaged is passed over with a warning, and the one before is taken. The list of checkpoints to keep goes on
        where the folder's state file ends. Where that file itself is damaged, the checkpoints in the folder are taken by their age, and
        none of them is deleted later.

        Args:
          sess: as in `restore`. checkpoint_dir: the folder. latest_filename: the name of its state file. on_difference: as in `restore`.

        Raises:
          tf.errors.DataLossError: when the folder lists checkpoints and every one is damaged. Others: as `restore`.
        """
        listed = listed_checkpoints(checkpoint_dir, latest_filename)
        last: DataLossError | None = None
        for prefix in listed.newest_first:
            try:
                if checkpoint_exists(prefix):
                    self.restore(sess, prefix, on_difference=on_difference)
                    self.recover_last_checkpoints(listed.kept)
                    return prefix
                warn(f"The checkpoint {prefix} is passed over: its files are gone.")
            except DataLossError as error:
                last = error
                warn(f"The checkpoint {prefix} is passed over: {error.message}")
        if last is not None:
            raise last
        return None

    # --- the list of checkpoints -----------------------------------------------------------------------------------

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept, from the oldest to the newest."""
        return self._retention.paths

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Replace the list of checkpoints; those of it are never deleted.

        Raises:
          AssertionError, ValueError: when it is no list.
        """
        _check_list(last_checkpoints, "last_checkpoints")
        self._retention.set([(path, np.inf) for path in last_checkpoints])

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: list[tuple[str, float]]) -> None:
        """Replace the list of checkpoints by pairs of a path and when it was written, in seconds since 1970.

        Raises:
          AssertionError, ValueError: when it is no list.
        """
        _check_list(last_checkpoints_with_time, "last_checkpoints_with_time")
        self._retention.set(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Replace the list of checkpoints by those of the paths that exist, for a process that goes on where another ended."""
        found = [(path, times[0]) for path in checkpoint_paths if (times := get_checkpoint_mtimes([path]))]
        self.set_last_checkpoints_with_time(found)

    # --- what TensorFlow's Saver has besides -----------------------------------------------------------------------

    def as_saver_def(self) -> Any:
        """Raise a NotImplementedError: there are no operations that save and restore, which a SaverDef would name."""
        raise UnsupportedError("graphopt has no SaverDef: a Saver records no operations. Use save and restore.")

    to_proto = as_saver_def

    def export_meta_graph(self, *arguments: Any, **more: Any) -> Any:
        """Raise a NotImplementedError: graphopt writes no MetaGraphDef."""
        return export_meta_graph(*arguments, **more)

    @property
    def variables(self) -> Mapping[str, Variable]:
        """What is saved, by the name in the checkpoint."""
        return dict(self._built("variables"))


def _check_list(given: Any, name: str) -> None:
    if not isinstance(given, list):
        raise AssertedArgumentError(f"{name} must be a list, got {given!r}.")
