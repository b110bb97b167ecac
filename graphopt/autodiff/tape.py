"""`GradientTape`: gradients of what was recorded while the tape was on.

The graph records everything anyway. The tape only notes which operations were recorded while it was on and what it watched by then;
gradients flow through no others.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphopt.autodiff.gradients import UnconnectedGradients, check_unconnected, source_of, start_of, zeros_of
from graphopt.autodiff.row_loops import map_fn
from graphopt.autodiff.tape_notes import TapeNotes
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.nest import flatten, pack_sequence_as
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable
from graphopt.ops.array import concat, reshape, shape_of, transpose_op
from graphopt.ops.broadcast import broadcast_to
from graphopt.ops.indexing import one_hot
from graphopt.ops.sequence import range_

_LOG = logging.getLogger("graphopt")

_USED = "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)"


class GradientTape:
    """Record operations for differentiation.

    Args:
      persistent: allow more than one call of `gradient`. watch_accessed_variables: watch trainable variables as they are read.

    What was recorded before the ``with`` block, after it, or under `stop_recording` passes no gradient, nor does what was recorded from a
    tensor before it was watched. Tapes may stand inside each other: what an inner tape's `gradient` records, the outer one differentiates.

    Example:
      >>> w = tf.Variable(3.0)
      >>> with tf.GradientTape() as tape:
      ...     loss = w * w
      >>> with tf.Session() as session:
      ...     session.run(w.initializer)
      ...     session.run(tape.gradient(loss, w)).item()
      6.0

    Source: `tf.GradientTape`, https://www.tensorflow.org/api_docs/python/tf/GradientTape.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = bool(persistent)
        self._watch_accessed_variables = bool(watch_accessed_variables)
        self._notes: TapeNotes | None = None
        self._is_recording = False
        self._watched_variables: tuple[Variable, ...] = ()

    # --- recording -------------------------------------------------------------------------------------------------

    def __enter__(self) -> GradientTape:
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_recording:
            self._stop()

    def _start(self) -> None:
        if self._is_recording:
            raise ArgumentError("Tape is still recording, This can happen if you try to re-enter an already-active tape.")
        graph = get_default_graph()
        if self._notes is None:
            self._notes = TapeNotes(graph, self._watch_accessed_variables)
        elif self._notes.graph is not graph:
            raise GraphStateError("A GradientTape records in one graph: it was entered first in another one. Make a new tape here.")
        self._notes.start()
        self._is_recording = True

    def _stop(self) -> None:
        if not self._is_recording or self._notes is None:
            raise ArgumentError("Tape is not recording.")
        self._notes.stop()
        self._is_recording = False

    def watch(self, tensor: Any) -> None:
        """Follow tensors or variables from here on.

        Args:
          tensor: a tensor, a variable, or a nested structure of them. Integers are never followed (a warning is logged).

        Raises:
          ValueError: for anything else. RuntimeError: when the tape never recorded.
        """
        if self._notes is None:
            raise GraphStateError("GradientTape.watch: the tape is not recording; call it inside of `with tf.GradientTape() as tape:`.")
        for value in flatten(tensor):
            if not isinstance(value, (Tensor, Variable, IndexedSlices)):
                raise ArgumentError(f"Passed in object {value!r} of type {type(value).__name__!r}, not tf.Tensor or tf.Variable.")
            if not value.dtype.is_floating:
                _LOG.warning("The dtype of the watched tensor must be floating (e.g. tf.float32), got %s", value.dtype.name)
            self._notes.watch(source_of(value))

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Record nothing on this tape inside a ``with`` block.

        Raises:
          RuntimeError: when the tape never recorded. ValueError: when it is not recording now.
        """
        if self._notes is None:
            raise GraphStateError("Trying to stop recording a tape which is not recording.")
        self._stop()
        try:
            yield
        finally:
            self._start()

    def reset(self) -> None:
        """Forget what was recorded and watched, and go on recording.

        Raises:
          ValueError: when the tape is not recording.
        """
        self._stop()
        self._notes = None
        self._start()

    def watched_variables(self) -> tuple[Variable, ...]:
        """Return the variables that are watched, in order of construction."""
        if self._notes is not None:
            self._watched_variables = self._notes.watched_variables()
        return self._watched_variables

    # --- gradients -------------------------------------------------------------------------------------------------

    def gradient(
        self, target: Any, sources: Any, output_gradients: Any = None, unconnected_gradients: str = UnconnectedGradients.NONE
    ) -> Any:
        """Return the derivative of the sum of all targets with respect to each source.

        Args:
          target: a tensor, a variable, or a nested structure of them; integers among them count for nothing.
          sources: a tensor, a variable, or a nested structure of them.
          output_gradients: gradients to start from, one for each target (ones where None).
          unconnected_gradients: what a source gets that no target depends on: "none" for None, "zero" for zeros.

        A tape that is not persistent is used up, and stops recording if it was still on.

        Returns:
          A structure like sources: tensors, `IndexedSlices`, or None.

        Raises:
          RuntimeError: when the tape has been used up, or never recorded. TypeError: when a target is no tensor or variable.
          ValueError: for an unknown unconnected_gradients or another number of output_gradients.
          LookupError: for an op without a gradient on the way.
        """
        notes = self._check_usable()
        if target is None:
            raise ArgumentTypeError("Argument `target` should be a list or nested structure of Tensors or Variables, but received None.")
        check_unconnected(unconnected_gradients)
        if not self._persistent and self._is_recording:
            self._stop()
        targets, starts = _starting_points(flatten(target), output_gradients)
        leaves = [source_of(x) for x in flatten(sources)]
        for leaf in leaves:
            _warn_unless_floating(leaf, "source")
        with name_scope(None, "gradient_tape", [*targets, *leaves]):
            found = notes.gradients(targets, leaves, [start_of(y, g, i) for i, (y, g) in enumerate(zip(targets, starts, strict=True))])
            if unconnected_gradients == UnconnectedGradients.ZERO:
                found = [zeros_of(x) if g is None else g for x, g in zip(leaves, found, strict=True)]
        self._use_up()
        return pack_sequence_as(sources, found)

    def jacobian(
        self,
        target: Any,
        sources: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivative of each element of the target with respect to each element of each source, by a loop over the target.

        Args:
          target: a tensor. sources, unconnected_gradients: as in `gradient`.
          parallel_iterations, experimental_use_pfor: accepted for TensorFlow's sake.

        Returns:
          A structure like sources: tensors of shape ``target.shape + source.shape``, or None.

        Raises:
          RuntimeError: when the tape has been used up, or never recorded.

        Example:
          >>> x = tf.constant([1.0, 2.0])
          >>> with tf.GradientTape() as tape:
          ...     tape.watch(x)
          ...     y = x * x
          >>> tf.Session().run(tape.jacobian(y, x)).tolist()
          [[2.0, 0.0], [0.0, 4.0]]
        """
        self._check_usable()
        y, shape = convert_to_tensor(target), shape_of(convert_to_tensor(target))
        size = shape_of(reshape(y, [-1]))[0]
        rows = self._rows(y, flatten(sources), size, lambda row: reshape(row, shape), unconnected_gradients)
        found = [None if rows_of is None else reshape(rows_of, _joined(shape, shape_of(rows_of)[1:])) for rows_of in rows]
        return pack_sequence_as(sources, found)

    def batch_jacobian(
        self,
        target: Any,
        source: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Tensor:
        """Return the Jacobian of each row of the target with respect to the same row of the source.

        Rows of the target must depend on no other row of the source.

        Args:
          target: a tensor of shape ``[b, ...]``. source: a tensor of shape ``[b, ...]``.
          unconnected_gradients, parallel_iterations, experimental_use_pfor: accepted for TensorFlow's sake.

        Returns:
          A tensor of shape ``target.shape + source.shape[1:]``, zeros where the target does not depend on the source.

        Raises:
          ValueError: when one is no matrix or more, or the numbers of rows differ. RuntimeError: when the tape has been used up.

        Example:
          >>> x = tf.constant([[1.0, 2.0]])
          >>> with tf.GradientTape() as tape:
          ...     tape.watch(x)
          ...     y = x * x
          >>> tf.Session().run(tape.batch_jacobian(y, x)).tolist()
          [[[2.0, 0.0], [0.0, 4.0]]]
        """
        self._check_usable()
        y, x = convert_to_tensor(target), source_of(source)
        _check_rows(y, x)
        shape = shape_of(y)
        batch, size = shape[:1], shape_of(reshape(y, _joined(shape[:1], [-1])))[1:]
        start = partial(_start_of_column, y, _joined(batch, size))
        each = self._rows(y, [source], size[0], start, UnconnectedGradients.ZERO)[0]
        rows = transpose_op(reshape(each, _joined(size, batch, [-1])), perm=(1, 0, 2))
        jacobian: Tensor = reshape(rows, _joined(shape, shape_of(x)[1:]))
        return jacobian

    def _rows(self, y: Tensor, sources: Sequence[Any], size: Any, to_start: Any, unconnected: str) -> list[Any]:
        """Return, for each source, the gradients for each of `size` one-hot starts, stacked; None for one without influence."""
        notes = self._check_usable()
        leaves = [source_of(x) for x in sources]
        connected = notes.connected(y, leaves)
        wanted = [x for x, is_connected in zip(leaves, connected, strict=True) if is_connected or unconnected == UnconnectedGradients.ZERO]
        check_unconnected(unconnected)
        if not self._persistent and self._is_recording:
            self._stop()

        def one(i: Tensor) -> list[Tensor]:
            found = notes.gradients([y], wanted, [start_of(y, to_start(one_hot(i, size, dtype=y.dtype)), 0)])
            return [zeros_of(x) if g is None else convert_to_tensor(g) for x, g in zip(wanted, found, strict=True)]

        stacked = iter(map_fn(one, range_(size), dtype=[x.dtype for x in wanted], name="jacobian") if wanted else [])
        self._use_up()
        return [next(stacked) if x in wanted else None for x in leaves]

    def _check_usable(self) -> TapeNotes:
        if self._notes is None:
            raise GraphStateError(_USED)
        return self._notes

    def _use_up(self) -> None:
        if not self._persistent:
            self.watched_variables()
            self._notes = None


def _starting_points(targets: list[Any], output_gradients: Any) -> tuple[list[Tensor], list[Any]]:
    """Return the targets that have a gradient, and the gradient given for each, or None."""
    given = [None] * len(targets) if output_gradients is None else _leaves(output_gradients)
    if len(given) != len(targets):
        raise ArgumentError(f"GradientTape.gradient: {len(given)} output_gradients for {len(targets)} targets; give one for each.")
    for value in targets:
        if not isinstance(value, (Tensor, Variable, IndexedSlices)):
            raise ArgumentTypeError(f"GradientTape.gradient: targets are tensors and variables, got {value!r}.")
    pairs = [(_as_target(y), g) for y, g in zip(targets, given, strict=True)]
    pairs = [(y, g) for y, g in pairs if _warn_unless_floating(y, "target")]
    return [y for y, _ in pairs], [g for _, g in pairs]


def _leaves(output_gradients: Any) -> list[Any]:
    return list(output_gradients) if isinstance(output_gradients, (list, tuple)) else flatten(output_gradients)


def _as_target(value: Any) -> Tensor:
    return source_of(value) if isinstance(value, Variable) else convert_to_tensor(value)


def _warn_unless_floating(tensor: Tensor, role: str) -> bool:
    if not tensor.dtype.is_floating:
        _LOG.warning(
            "The dtype of the %s tensor must be floating (e.g. tf.float32) when calling GradientTape.gradient, got %s",
            role,
            tensor.dtype.name,
        )
    return bool(tensor.dtype.is_floating)


def _joined(*parts: Any) -> Any:
    """Return one shape made of several, without an operation where all are known."""
    if any(hasattr(part, "builder") for part in parts):
        return concat(list(parts), 0)
    return np.concatenate([np.asarray(part, np.int32) for part in parts])


def _start_of_column(y: Tensor, matrix_shape: Any, column: Any) -> Any:
    return reshape(broadcast_to(column, matrix_shape), shape_of(y))


def _check_rows(target: Tensor, source: Tensor) -> None:
    for tensor in (target, source):
        if tensor.tensor_type.rank is not None and tensor.tensor_type.rank < 2:
            raise ArgumentError(f"GradientTape.batch_jacobian: Shape {tensor.shape} must have rank at least 2")
    rows = [None if t.tensor_type.shape is None else t.tensor_type.shape[0] for t in (target, source)]
    if None not in rows and rows[0] != rows[1]:
        raise ArgumentError(f"Need first dimension of target shape ({target.shape}) and source shape ({source.shape}) to match.")
