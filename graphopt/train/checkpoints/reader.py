"""Looking into checkpoints, whoever wrote them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, NotFoundError, lines
from graphopt.runtime.checkpoint_opening import opens_checkpoints
from graphopt.train.checkpoints.archive import SUFFIX, Archive
from graphopt.train.checkpoints.damage import text_of
from graphopt.train.checkpoints.files import latest_checkpoint, prefix_of
from graphopt.train.checkpoints.pending import wait_for_writes
from graphopt.train.checkpoints.tensorflow_format import INDEX, TensorFlowCheckpoint, refuse_first_format


class CheckpointReader:
    """Reads the tensors of one checkpoint; one that this process is writing in that folder is waited for.

    Args:
      prefix: what `Saver.save` or `latest_checkpoint` returned.

    Attributes:
      path: the file that was opened. manifest: what graphopt wrote beside the variables (random streams, settings); empty for TensorFlow's.

    Raises:
      tf.errors.NotFoundError: when there is no such checkpoint. tf.errors.DataLossError: when it is damaged, or no checkpoint.
      NotImplementedError: when it is of TensorFlow's first format.

    Example:
      >>> tf.train.NewCheckpointReader("logs/no_such_file")
      Traceback (most recent call last):
          ...
      graphopt.errors.NotFoundError: There is no checkpoint logs/no_such_file: no file ...
    """

    def __init__(self, prefix: Any) -> None:
        wait_for_writes(os.path.dirname(text_of(prefix)))
        self._archive = _open(prefix_of(prefix))
        self.path = self._archive.path
        self.manifest = self._archive.manifest

    @property
    def variables(self) -> dict[str, tuple[DType | None, tuple[int, ...]]]:
        """Element type and shape by name; the type is None for those that graphopt has not."""
        return dict(self._archive.variables)

    def keys(self, names: Iterable[str]) -> dict[str, str]:
        """Return under which keys variables of these names stand: the names, or paths of objects where TensorFlow 2 wrote them by those."""
        known = self._archive.variables
        names = list(names)
        if isinstance(self._archive, Archive) or all(name in known for name in names):
            return {name: name for name in names}
        objects = self._archive.keys_of_variables()
        return {name: name if name in known else objects.get(name, name) for name in names}

    def has_tensor(self, tensor_str: str) -> bool:
        """Return whether the checkpoint has a tensor of that name."""
        return tensor_str in self._archive.variables

    def get_tensor(self, tensor_str: str) -> Any:
        """Return a tensor's value: an array, or a NumPy scalar for rank 0.

        Raises:
          tf.errors.NotFoundError: when there is none of that name. tf.errors.DataLossError: when its bytes are damaged.
          TypeError: for an element type of TensorFlow's that NumPy has not; bfloat16 comes as float32.
        """
        if tensor_str not in self._archive.variables:
            raise NotFoundError(None, None, f"Key {tensor_str} not found in checkpoint {self.path}")
        return self._archive.read(tensor_str)

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Return the shapes by name, as lists."""
        return {name: list(shape) for name, (_, shape) in self._archive.variables.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """Return the element types by name."""
        return {name: dtype for name, (dtype, _) in self._archive.variables.items()}

    def debug_string(self) -> bytes:
        """Return a line for each tensor: name, element type and shape."""
        rows = sorted(self._archive.variables.items())
        text = [f"{name} (DT_{'?' if dtype is None else dtype.tf_short.upper()}) {list(shape)}" for name, (dtype, shape) in rows]
        return "\n".join(text).encode()


def _open(prefix: str) -> Archive | TensorFlowCheckpoint:
    if os.path.isfile(prefix + SUFFIX):
        return Archive(prefix + SUFFIX)
    if os.path.isfile(prefix + INDEX):
        return TensorFlowCheckpoint(prefix)
    if os.path.isfile(prefix):
        refuse_first_format(prefix)
    raise NotFoundError(None, None, f"There is no checkpoint {prefix}: no file {prefix}{SUFFIX} or {prefix}{INDEX}.")


@opens_checkpoints
def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """Return a reader of a checkpoint.

    Args:
      ckpt_dir_or_file: a prefix, or a folder, whose newest checkpoint is taken.

    Raises:
      ValueError: when the folder has none. tf.errors.OpError: as `CheckpointReader`.

    Example:
      >>> tf.train.load_checkpoint(".")
      Traceback (most recent call last):
          ...
      graphopt.errors.ArgumentError: Couldn't find 'checkpoint' file or checkpoints in given directory .
        at ...
    """
    return CheckpointReader(checkpoint_of(ckpt_dir_or_file))


def checkpoint_of(ckpt_dir_or_file: Any) -> str:
    """Return the prefix that a prefix or folder stands for; errors as `load_checkpoint`."""
    path = text_of(ckpt_dir_or_file)
    if not os.path.isdir(path):
        return path
    newest = latest_checkpoint(path)
    if newest is None:
        raise ArgumentError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}")
    return newest


def NewCheckpointReader(filepattern: Any) -> CheckpointReader:
    """Return a reader of a checkpoint; see `CheckpointReader`."""
    if not isinstance(filepattern, str | bytes | os.PathLike):
        hint = "latest_checkpoint returns None when a folder has no checkpoint." if filepattern is None else None
        raise ArgumentTypeError(lines(f"A checkpoint's path must be a string, got {filepattern!r}.", hint))
    return CheckpointReader(filepattern)


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Return names and shapes of a checkpoint's variables, by name.

    Args:
      ckpt_dir_or_file: a prefix, or a folder, whose newest checkpoint is taken.

    Raises:
      ValueError, tf.errors.OpError: as `load_checkpoint`.
    """
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """Return the value of a checkpoint's variable: an array, or a NumPy scalar for rank 0.

    Args:
      ckpt_dir_or_file: a prefix, or a folder, whose newest checkpoint is taken. name: the variable's name, with or without ``:0``.

    Raises:
      ValueError, tf.errors.OpError: as `load_checkpoint` and `CheckpointReader.get_tensor`.

    Example:
      >>> import tempfile
      >>> w = tf.get_variable("layer/w", initializer=[1.0, 2.0])
      >>> with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
      ...     session.run(w.initializer)
      ...     path = tf.train.Saver().save(session, f"{folder}/model.ckpt")
      ...     tf.train.list_variables(folder), tf.train.load_variable(folder, "layer/w").tolist()
      ([('layer/w', [2])], [1.0, 2.0])
    """
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))
