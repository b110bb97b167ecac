"""Recurrent networks: a cell applied step after step, with TensorFlow 1's names and argument orders."""
# Long because: TensorFlow's arguments are repeated in each of the functions.

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt.autodiff.row_loops import loop_over_rows
from graphopt.dtypes import int32
from graphopt.errors import ArgumentError, ArgumentTypeError, lines
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.nest import assert_same_structure, flatten, map_structure, pack_sequence_as
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variable_scope import variable_scope
from graphopt.ops.array import concat, identity, shape_op, stack, transpose_op, unstack_op
from graphopt.ops.control import assert_op
from graphopt.ops.elementwise import cast, equal, less, zeros_as
from graphopt.ops.indexing import gather
from graphopt.ops.layout import reverse_op, reverse_sequence_op
from graphopt.ops.picking import choose
from graphopt.ops.sequence import range_
from graphopt.tf1.rnn_base import check_cell


def dynamic_rnn(cell: Any, inputs: Any, sequence_length: Any = None, initial_state: Any = None, dtype: Any = None,
                parallel_iterations: Any = None, swap_memory: bool = False, time_major: bool = False,
                scope: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """Return what a cell gives for each step of sequences, and its last state. The number of steps may be unknown while recording.

    Args:
      cell: a cell of `tf.nn.rnn_cell`. inputs: ``[batch, steps, size]`` (steps first with `time_major`), or a nested tuple of such.
      sequence_length: integers ``[batch]``: how many steps each sequence has. After its end the outputs are 0 and the state stays.
      initial_state: the first state; by default zeros of `dtype`. parallel_iterations, swap_memory: accepted for TensorFlow's sake.
      scope: the variable scope, by default "rnn".

    Returns:
      The outputs ``[batch, steps, output size]`` (steps first with `time_major`) and the state after the last step.

    Raises:
      TypeError: when cell is none. ValueError: without initial_state and dtype, or when sizes are unknown or don't fit.

    Example:
      >>> x = tf.placeholder(tf.float32, [None, None, 3])
      >>> outputs, state = tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicLSTMCell(4), x, dtype=tf.float32)
      >>> outputs.shape.as_list(), state.h.shape.as_list()
      ([None, None, 4], [None, 4])
    """
    check_cell("cell", cell)
    with variable_scope(scope or "rnn"):
        flat = [convert_to_tensor(x) for x in flatten(inputs)]
        flat = flat if time_major else [_swap_batch_and_time(x) for x in flat]
        _check_inputs(flat)
        state = _initial_state(cell, initial_state, _batch_size(flat), dtype, "If there is no initial_state, you must give a dtype.")
        lengths = None if sequence_length is None else _checked_lengths(sequence_length, _batch_size(flat))
        outputs, last = _loop(cell, inputs, flat, state, lengths)
        return outputs if time_major else map_structure(_swap_batch_and_time, outputs), last


def _loop(cell: Any, inputs: Any, flat: Sequence[Tensor], state: Any, lengths: Tensor | None) -> tuple[Any, Any]:
    """Record the loop over the steps of time-major inputs; return the stacked outputs and the last state."""
    structure: list[Any] = []
    steps = flat[0].tensor_type.shape[0] if flat[0].tensor_type.shape is not None else None

    def step(time: Any, carried: Sequence[Tensor]) -> tuple[Sequence[Any], Sequence[Any]]:
        given = pack_sequence_as(inputs, [gather(x, time) for x in flat])
        before = pack_sequence_as(state, carried)
        output, after = _masked_step(cell, given, before, None if lengths is None else less(time, lengths))
        structure.append(output)
        return flatten(after), flatten(output)

    with name_scope("while"):
        last, stacked = loop_over_rows(step, lambda time: time, 0, shape_op(flat[0])[0] if steps is None else steps, flatten(state))
        last = [identity(tensor, name="Exit") for tensor in last]
    for tensor in stacked:
        if tensor.tensor_type.shape is not None:
            tensor.set_shape((steps, *tensor.tensor_type.shape[1:]))
    return pack_sequence_as(structure[0], stacked), pack_sequence_as(state, last)


def _masked_step(cell: Any, inputs: Any, state: Any, is_inside: Any) -> tuple[Any, Any]:
    """Return one step of a cell; where `is_inside` is False the output is 0 and the state stays."""
    output, new_state = cell(inputs, state)
    assert_same_structure(state, new_state)
    pairs = list(zip(flatten(state), flatten(new_state), strict=True))
    for old, new in pairs:
        if old.tensor_type.shape is not None:
            new.set_shape(old.tensor_type.shape)
    if is_inside is None:
        return output, new_state
    kept = [new if new.tensor_type.rank == 0 else choose(is_inside, new, old) for old, new in pairs]
    return map_structure(lambda x: choose(is_inside, x, zeros_as(x)), output), pack_sequence_as(state, kept)


def _swap_batch_and_time(x: Any) -> Tensor:
    rank = x.tensor_type.rank
    if rank is None or rank < 2:
        raise ArgumentError(
            lines(f"Expected input tensor {x.name} to have rank at least 2, but saw shape: {x.shape}", f"at {x.op.location}")
        )
    swapped: Tensor = transpose_op(x, perm=(1, 0, *range(2, rank)), name="transpose")
    return swapped


def _check_inputs(flat: Sequence[Tensor]) -> None:
    for x in flat:
        known = x.tensor_type.shape
        if known is None or None in known[2:]:
            rule = "Input size (depth of inputs) must be accessible via shape inference, but saw value None."
            raise ArgumentError(lines(rule, f"inputs: {x.tensor_type} = {x.name} ({x.op.location})"))
    for axis, what in ((0, "Time steps"), (1, "Batch_size")):
        sizes = {x.tensor_type.shape[axis] for x in flat if x.tensor_type.shape is not None} - {None}
        if len(sizes) > 1:
            raise ArgumentError(f"{what} is not the same for all the elements in the input in a batch.")


def _batch_size(flat: Sequence[Tensor]) -> Any:
    """Return the batch size of time-major inputs: a number where it is known."""
    sizes = [x.tensor_type.shape[1] for x in flat if x.tensor_type.shape is not None]
    return next((size for size in sizes if size is not None), None) or shape_op(flat[0])[1]


def _initial_state(cell: Any, given: Any, batch_size: Any, dtype: Any, otherwise: str) -> Any:
    if given is not None:
        return map_structure(convert_to_tensor, given)
    if not dtype:
        raise ArgumentError(otherwise)
    return cell.zero_state(batch_size, dtype)


def _checked_lengths(sequence_length: Any, batch_size: Any) -> Tensor:
    """Return the lengths as int32; the run fails unless there is one for each sequence."""
    given = convert_to_tensor(sequence_length, name="sequence_length")
    if given.tensor_type.rank not in (None, 1):
        raise ArgumentError(f"sequence_length must be a vector of length batch_size, but saw shape: {given.shape}")
    lengths: Tensor = identity(given if given.dtype is int32 else cast(given, int32), name="sequence_length")
    found = shape_op(lengths)
    message = f"Expected shape for Tensor {lengths.name} is "
    check = assert_op(equal(found[0], batch_size), message, [batch_size], " but saw shape: ", found)
    with get_default_graph().control_dependencies([check]):
        # What is known of the batch size is what the inputs say, as in TensorFlow.
        checked: Tensor = gather(identity(lengths, name="CheckSeqLen"), range_(batch_size))
    return checked


def static_rnn(cell: Any, inputs: Any, initial_state: Any = None, dtype: Any = None, sequence_length: Any = None,
               scope: Any = None) -> tuple[list[Any], Any]:  # fmt: skip
    """Return what a cell gives for each of a list of inputs, and its last state. Every step is recorded.

    Args:
      cell: a cell of `tf.nn.rnn_cell`. inputs: a list with a tensor ``[batch, size]``, or a nested tuple of such, for each step.
      initial_state: the first state; by default zeros of `dtype`.
      sequence_length: integers ``[batch]``: how many steps each sequence has. After its end the outputs are 0 and the state stays.
      scope: the variable scope, by default "rnn".

    Returns:
      A list of outputs and the state after the last step.

    Raises:
      TypeError: when cell or inputs is none. ValueError: without inputs, or without initial_state and dtype.

    Example:
      >>> outputs, state = tf.nn.static_rnn(tf.nn.rnn_cell.GRUCell(4), [tf.zeros([2, 3])] * 5, dtype=tf.float32)
      >>> len(outputs), outputs[0].shape.as_list()
      (5, [2, 4])
    """
    check_cell("cell", cell)
    if not isinstance(inputs, (list, tuple)):
        raise ArgumentTypeError("inputs must be a sequence")
    if not inputs:
        raise ArgumentError("inputs must not be empty")
    with variable_scope(scope or "rnn") as opened:
        given = [map_structure(convert_to_tensor, x) for x in inputs]
        first = flatten(given[0])[0]
        size = first.tensor_type.shape[0] if first.tensor_type.shape else None
        batch_size = shape_op(first)[0] if size is None else size
        state = _initial_state(cell, initial_state, batch_size, dtype, "If no initial_state is provided, dtype must be specified")
        lengths = None if sequence_length is None else _checked_lengths(sequence_length, batch_size)
        outputs = []
        for time, x in enumerate(given):
            if time:
                opened.reuse_variables()
            output, state = _masked_step(cell, x, state, None if lengths is None else less(time, lengths))
            outputs.append(output)
        return outputs, state


def bidirectional_dynamic_rnn(cell_fw: Any, cell_bw: Any, inputs: Any, sequence_length: Any = None, initial_state_fw: Any = None,
                              initial_state_bw: Any = None, dtype: Any = None, parallel_iterations: Any = None, swap_memory: bool = False,
                              time_major: bool = False, scope: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """Return what two cells give for sequences, one from the first step to the last, the other from the last to the first.

    Args:
      cell_fw, cell_bw: the two cells. initial_state_fw, initial_state_bw: their first states.
      scope: the variable scope, by default "bidirectional_rnn". The other arguments: as in `dynamic_rnn`.

    Returns:
      A pair of outputs and a pair of last states. The outputs of both cells stand in the order of the inputs.

    Raises:
      TypeError, ValueError: as `dynamic_rnn`.

    Example:
      >>> cells = [tf.nn.rnn_cell.GRUCell(4) for _ in range(2)]
      >>> outputs, _ = tf.nn.bidirectional_dynamic_rnn(*cells, tf.zeros([2, 5, 3]), dtype=tf.float32)
      >>> tf.concat(outputs, 2).shape.as_list()
      [2, 5, 8]
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)

    def backwards(x: Any) -> Any:
        time, batch = (0, 1) if time_major else (1, 0)
        if sequence_length is None:
            return reverse_op(convert_to_tensor(x), axis=(time,))
        return reverse_sequence_op(convert_to_tensor(x), sequence_length, seq_axis=time, batch_axis=batch, name="ReverseSequence")

    rest: dict[str, Any] = {"sequence_length": sequence_length, "dtype": dtype, "time_major": time_major}
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = dynamic_rnn(cell_fw, inputs, initial_state=initial_state_fw, scope=fw, **rest)
        with variable_scope("bw") as bw:
            turned = map_structure(backwards, inputs)
            backward, state_bw = dynamic_rnn(cell_bw, turned, initial_state=initial_state_bw, scope=bw, **rest)
    return (forward, map_structure(backwards, backward)), (state_fw, state_bw)


def static_bidirectional_rnn(cell_fw: Any, cell_bw: Any, inputs: Any, initial_state_fw: Any = None, initial_state_bw: Any = None,
                             dtype: Any = None, sequence_length: Any = None, scope: Any = None) -> tuple[list[Any], Any, Any]:  # fmt: skip
    """Return what two cells give for a list of inputs: for each step their outputs side by side, then the last state of each.

    Args:
      cell_fw, cell_bw: the two cells. initial_state_fw, initial_state_bw: their first states.
      scope: the variable scope, by default "bidirectional_rnn". The other arguments: as in `static_rnn`.

    Raises:
      TypeError, ValueError: as `static_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = static_rnn(cell_fw, inputs, initial_state_fw, dtype, sequence_length, scope=fw)
        with variable_scope("bw") as bw:
            turned = _reversed_steps(inputs, sequence_length)
            backward, state_bw = static_rnn(cell_bw, turned, initial_state_bw, dtype, sequence_length, scope=bw)
    ordered = _reversed_steps(backward, sequence_length)
    return [map_structure(_side_by_side, a, b) for a, b in zip(forward, ordered, strict=True)], state_fw, state_bw


def _reversed_steps(steps: Sequence[Any], lengths: Any) -> list[Any]:
    """Return a list of steps from the last to the first; each sequence as far as it goes when there are lengths."""
    if lengths is None:
        return list(reversed(steps))
    columns = []
    for column in zip(*map(flatten, steps), strict=True):
        turned = reverse_sequence_op(stack(column), lengths, seq_axis=0, batch_axis=1, name="ReverseSequence")
        columns.append(unstack_op(turned, num=len(steps), axis=0))
    return [pack_sequence_as(steps[0], leaves) for leaves in zip(*columns, strict=True)]


def _side_by_side(first: Any, second: Any) -> Tensor:
    joined: Tensor = concat([first, second], 1)
    return joined
