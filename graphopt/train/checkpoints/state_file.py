"""The ``checkpoint`` file, which says which checkpoints a folder has: TensorFlow 1's text format."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphopt.errors import ArgumentError, GraphStateError
from graphopt.train.checkpoints.atomic_file import write_atomically
from graphopt.train.checkpoints.damage import system_error, text_of, warn
from graphopt.train.checkpoints.pending import wait_for_writes

DEFAULT_NAME = "checkpoint"
_LINE = re.compile(r"""\s*(?:(\w+)\s*:\s*(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|([-+.\w]+))\s*[;,]?\s*)?(?:\#.*)?\Z""")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)")
_NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_WRITTEN = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t", ord('"'): '\\"', ord("'"): "\\'", ord("\\"): "\\\\"}


@dataclass
class CheckpointState:
    """What a ``checkpoint`` file says.

    Attributes:
      model_checkpoint_path: the newest checkpoint. all_model_checkpoint_paths: all that are kept, from the oldest to the newest.
      all_model_checkpoint_timestamps: when they were written, in seconds since 1970; or empty.
      last_preserved_timestamp: when the last one that is kept for good was written, or None.
    """

    model_checkpoint_path: str = ""
    all_model_checkpoint_paths: list[str] = field(default_factory=list)
    all_model_checkpoint_timestamps: list[float] = field(default_factory=list)
    last_preserved_timestamp: float | None = None

    def to_text(self) -> str:
        """Return the file's content."""
        lines = [f"model_checkpoint_path: {_quoted(self.model_checkpoint_path)}"]
        lines += [f"all_model_checkpoint_paths: {_quoted(path)}" for path in self.all_model_checkpoint_paths]
        lines += [f"all_model_checkpoint_timestamps: {time!r}" for time in self.all_model_checkpoint_timestamps]
        if self.last_preserved_timestamp is not None:
            lines.append(f"last_preserved_timestamp: {self.last_preserved_timestamp!r}")
        return "".join(f"{line}\n" for line in lines)

    def map_paths(self, change: Callable[[str], str]) -> CheckpointState:
        """Return it with every path changed."""
        paths = [change(path) for path in self.all_model_checkpoint_paths]
        return CheckpointState(
            change(self.model_checkpoint_path), paths, self.all_model_checkpoint_timestamps, self.last_preserved_timestamp
        )


def parse_state(text: str) -> CheckpointState:
    """Return what the text of a ``checkpoint`` file says.

    Raises:
      ValueError: for a line that it can't have.
    """
    state = CheckpointState()
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            raise ArgumentError(f"line {line!r} is not of the form 'name: \"path\"'")
        name, *values = found.groups()
        quoted = next((value for value in values[:2] if value is not None), None)
        if name == "model_checkpoint_path" and quoted is not None:
            state.model_checkpoint_path = _unquoted(quoted)
        elif name == "all_model_checkpoint_paths" and quoted is not None:
            state.all_model_checkpoint_paths.append(_unquoted(quoted))
        elif name == "all_model_checkpoint_timestamps" and quoted is None:
            state.all_model_checkpoint_timestamps.append(float(values[2]))
        elif name == "last_preserved_timestamp" and quoted is None:
            state.last_preserved_timestamp = float(values[2])
        elif name is not None:
            raise ArgumentError(f"{name!r} is no field of a checkpoint state, or its value is of the wrong kind")
    return state


def _quoted(text: str) -> str:
    parts = [_WRITTEN.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in os.fsencode(text)]
    return f'"{"".join(parts)}"'


def _unquoted(text: str) -> str:
    def replace(found: re.Match[bytes]) -> bytes:
        code = found[1]
        if code[:1].isdigit():
            return bytes([int(code, 8) & 255])
        if len(code) > 1:
            return bytes([int(code[1:], 16)])
        return _NAMED.get(code, code)

    return os.fsdecode(_ESCAPE.sub(replace, os.fsencode(text)))


def state_path(folder: str, latest_filename: str | None) -> str:
    """Return the path of a folder's state file."""
    return os.path.join(folder, DEFAULT_NAME if latest_filename is None else latest_filename)


def generate_checkpoint_state_proto(
    save_dir: Any,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> CheckpointState:
    """Return what the ``checkpoint`` file of a folder is to say.

    Args:
      save_dir: the folder; where it is relative, relative paths become relative to it. model_checkpoint_path: the newest checkpoint.
      all_model_checkpoint_paths: all, from the oldest on; the newest is added where it isn't the last.
      all_model_checkpoint_timestamps: seconds since 1970, one for each. last_preserved_timestamp: seconds since 1970.

    Raises:
      ValueError: when there are not as many timestamps as paths.

    Example:
      >>> tf.train.generate_checkpoint_state_proto("logs", "logs/m-2", ["logs/m-1"]).all_model_checkpoint_paths
      ['m-1', 'm-2']
    """
    folder = text_of(save_dir)
    paths = list(all_model_checkpoint_paths or [])
    if not paths or paths[-1] != model_checkpoint_path:
        paths.append(model_checkpoint_path)
    timestamps = list(all_model_checkpoint_timestamps or [])
    if timestamps and len(timestamps) != len(paths):
        raise ArgumentError(
            f"Checkpoint timestamps, if provided, must match checkpoint paths (got paths {paths} and timestamps {timestamps})"
        )
    state = CheckpointState(model_checkpoint_path, paths, timestamps, last_preserved_timestamp)
    if os.path.isabs(folder):
        return state
    return state.map_paths(lambda path: path if os.path.isabs(path) else os.path.relpath(path, folder or "."))


def update_checkpoint_state(
    save_dir: Any,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Sequence[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Sequence[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Write the ``checkpoint`` file of a folder, whole or not at all.

    Args:
      latest_filename: the file's name (``checkpoint`` by default). The others are as in `generate_checkpoint_state_proto`.

    Raises:
      RuntimeError: when the checkpoint has the path of the file itself. tf.errors.OpError: when it can't be written.

    Example:
      >>> import tempfile
      >>> with tempfile.TemporaryDirectory() as folder:
      ...     tf.train.update_checkpoint_state(folder, "/models/m-2", ["/models/m-1", "/models/m-2"])
      ...     tf.train.get_checkpoint_state(folder).all_model_checkpoint_paths
      ['/models/m-1', '/models/m-2']
    """
    folder = text_of(save_dir)
    write_state(
        folder,
        generate_checkpoint_state_proto(
            folder, model_checkpoint_path, all_model_checkpoint_paths, all_model_checkpoint_timestamps, last_preserved_timestamp
        ),
        latest_filename,
    )


def write_state(folder: str, state: CheckpointState, latest_filename: str | None = None) -> None:
    """Write a folder's state file; errors as `update_checkpoint_state`."""
    path = state_path(folder, latest_filename)
    if path == state.model_checkpoint_path:
        rule = f"Save path '{path}' conflicts with path used for checkpoint state.  Please use a different save path."
        raise GraphStateError(rule)
    try:
        write_atomically(path, lambda file: _discard(file.write(state.to_text().encode("ascii"))))
    except OSError as error:
        raise system_error(error, path, "writing") from error


def _discard(_: Any) -> None:
    pass


def relative_state(folder: str, newest: str, paths: Sequence[str]) -> CheckpointState:
    """Return a state whose paths are all relative to the folder, so that the folder can be copied."""
    state = CheckpointState(newest, [*paths] if newest in paths[-1:] else [*paths, newest])
    base = os.path.abspath(folder or ".")
    return state.map_paths(lambda path: os.path.relpath(os.path.abspath(path), base))


def get_checkpoint_state(checkpoint_dir: Any, latest_filename: str | None = None) -> CheckpointState | None:
    """Return what the ``checkpoint`` file of a folder says, with relative paths joined to the folder.

    A checkpoint that this process is writing there is waited for.

    Args:
      checkpoint_dir: the folder. latest_filename: the file's name (``checkpoint`` by default).

    Returns:
      A `CheckpointState`; None when there is no such file, or (with a warning) when it can't be read.

    Raises:
      ValueError: when it names no newest checkpoint.

    Example:
      >>> tf.train.get_checkpoint_state("no such folder") is None
      True
    """
    folder = text_of(checkpoint_dir)
    wait_for_writes(folder)
    path = state_path(folder, latest_filename)
    try:
        with open(path, "rb") as file:
            state = parse_state(os.fsdecode(file.read()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = str(error).split("\n")[0]
        warn(f"{path} is ignored, because it can't be read: {reason}")
        return None
    if not state.model_checkpoint_path:
        raise ArgumentError(f"Invalid checkpoint state loaded from {folder}: {path} names no newest checkpoint.")
    return state.map_paths(lambda name: name if os.path.isabs(name) else os.path.join(folder, name))
