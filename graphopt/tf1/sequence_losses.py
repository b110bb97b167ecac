"""`tf.contrib.seq2seq.sequence_loss` and the losses of `tf.contrib.legacy_seq2seq`: cross entropy over sequences, with weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.scopes import name_scope
from graphopt.tf1 import array, math, nn

# What the older functions add to a sum of weights before they divide by it.
_TINY = 1e-12


def sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Any:
    """Return the weighted cross entropy of sequences: a mean over all steps, or one for each example, or step, or both.

    Args:
      logits: f32[batch, steps, classes]. targets: class numbers ``[batch, steps]``. weights: f32[batch, steps].
      average_across_timesteps, average_across_batch: over what the weighted mean is taken; 0 where all weights are 0.
      softmax_loss_function: takes ``labels`` and ``logits`` and returns the loss of each step; cross entropy by default.
      name: name of the scope.

    Raises:
      ValueError: for another rank.

    Example:
      >>> loss = tf.contrib.seq2seq.sequence_loss(tf.zeros([1, 2, 4]), [[3, 0]], [[1.0, 0.0]])
      >>> print(f"{tf.Session().run(loss):.4f}")
      1.3863

    Source: tensorflow/contrib/seq2seq/python/ops/loss.py.
    """
    given = [convert_to_tensor(value) for value in (logits, targets, weights)]
    for tensor, rank, what in zip(given, (3, 2, 2), ("Logits", "Targets", "Weights"), strict=True):
        if tensor.shape.ndims != rank:
            size = "[batch_size x sequence_length x logits]" if rank == 3 else "[batch_size x sequence_length]"
            raise ArgumentError(f"{what} must be a {size} tensor, got the shape {tensor.shape}.")
    scores, classes, factors = given
    with name_scope(name or "sequence_loss"):
        sizes: Any = array.shape(scores)
        flat = array.reshape(scores, array.stack([-1, sizes[2]]))
        losses = _losses(array.reshape(classes, [-1]), flat, softmax_loss_function) * array.reshape(factors, [-1])
        losses = array.reshape(losses, sizes[:2])
        axes = [axis for axis, averages in enumerate((average_across_batch, average_across_timesteps)) if averages]
        if not axes:
            return losses
        return math.div_no_nan(math.reduce_sum(losses, axis=axes), math.reduce_sum(factors, axis=axes))


def sequence_loss_by_example(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Any:
    """Return the weighted cross entropy of each example, from lists with a tensor for each step.

    Args:
      logits: of f32[batch, classes]. targets: of class numbers ``[batch]``. weights: of f32[batch].
      average_across_timesteps: divide by the sum of an example's weights. The others are as for `sequence_loss`.

    Raises:
      ValueError: when the lists have different lengths.

    Source: tensorflow/contrib/legacy_seq2seq/python/ops/seq2seq.py.
    """
    _check_lengths(logits, targets, weights)
    with name_scope(name or "sequence_loss_by_example"):
        losses = [
            _losses(array.reshape(target, [-1]), logit, softmax_loss_function) * weight
            for logit, target, weight in zip(logits, targets, weights, strict=True)
        ]
        total = math.add_n(losses)
        if not average_across_timesteps:
            return total
        return math.divide(total, math.add(math.add_n([convert_to_tensor(weight) for weight in weights]), _TINY))


def legacy_sequence_loss(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Callable[..., Any] | None = None,
    name: str | None = None,
) -> Any:
    """Return the weighted cross entropy of a batch; `average_across_batch` divides by how many examples it has.

    Arguments and errors as for `sequence_loss_by_example`.
    """
    with name_scope(name or "sequence_loss"):
        cost = math.reduce_sum(sequence_loss_by_example(logits, targets, weights, average_across_timesteps, softmax_loss_function))
        sizes: Any = array.shape(targets[0])
        return cost / math.cast(sizes[0], cost.dtype) if average_across_batch else cost


def _losses(labels: Any, logits: Any, function: Callable[..., Any] | None) -> Any:
    if function is not None:
        return function(labels=labels, logits=logits)
    return nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)


def _check_lengths(logits: Sequence[Any], targets: Sequence[Any], weights: Sequence[Any]) -> None:
    if len(targets) != len(logits) or len(weights) != len(logits):
        counts = f"{len(logits)}, {len(weights)}, {len(targets)}"
        raise ArgumentError(f"Lengths of logits, weights, and targets must be the same: {counts}.")
