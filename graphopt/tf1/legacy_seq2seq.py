"""What `tf.contrib.legacy_seq2seq` has besides its losses: a decoder that is recorded step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphopt.graph.variable_scope import variable_scope


def rnn_decoder(decoder_inputs: Sequence[Any], initial_state: Any, cell: Any, loop_function: Callable[[Any, int], Any] | None = None,
                scope: Any = None) -> tuple[list[Any], Any]:  # fmt: skip
    """Return what a cell gives for each of a list of inputs, from a state on, and its last state.

    Args:
      decoder_inputs: a list with a tensor ``[batch, size]`` for each step. initial_state: the first state.
      cell: a cell of `tf.nn.rnn_cell`. loop_function: a function of the output before and of the number of the step, which gives the
        input of that step in place of the list's; the first step takes the list's anyway.
      scope: the variable scope, by default "rnn_decoder".

    Returns:
      A list of outputs and the state after the last step.

    Example:
      >>> cell = tf.nn.rnn_cell.GRUCell(4)
      >>> outputs, state = tf.contrib.legacy_seq2seq.rnn_decoder([tf.zeros([2, 3])] * 5, tf.zeros([2, 4]), cell)
      >>> len(outputs), tf.trainable_variables()[0].name
      (5, 'rnn_decoder/gru_cell/gates/kernel:0')

    Source: tf.contrib.legacy_seq2seq.python.ops.seq2seq.
    """
    with variable_scope(scope or "rnn_decoder") as opened:
        state = initial_state
        outputs: list[Any] = []
        for step, given in enumerate(decoder_inputs):
            x = given
            if loop_function is not None and outputs:
                with variable_scope("loop_function", reuse=True):
                    x = loop_function(outputs[-1], step)
            if step:
                opened.reuse_variables()
            output, state = cell(x, state)
            outputs.append(output)
        return outputs, state
