"""Losses over a few sampled classes in place of all: noise contrastive estimation and sampled softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import UnsupportedError
from graphopt.ops.array import concat, expand_dims_op, reshape, shape_op, stop_gradient
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import add, cast, divide, equal, log, multiply, ones_as, subtract, zeros_as
from graphopt.ops.embedding import embedding_lookup
from graphopt.ops.linalg import matmul
from graphopt.ops.softmax import sigmoid_cross_entropy, softmax_cross_entropy

# What is added to the logit of a sample that is the true class: its probability becomes 0.
_NEVER = float(np.finfo(np.float32).min)


def _logits_and_labels(weights: Any, biases: Any, labels: Any, inputs: Any, *, num_true: int, sampled_values: Any,
                       removes_hits: bool, strategy: str) -> tuple[Any, Any]:  # fmt: skip
    """Return the logits of true and sampled classes side by side, and the labels: 1 / num_true for the true ones."""
    if sampled_values is None:
        raise UnsupportedError(
            "sampled_values must be given: the sampled classes, and how often the true and the sampled ones are expected."
        )
    x = to_symbol(inputs, None, "inputs", weights[0] if isinstance(weights, (list, tuple)) else weights)
    true_ids = cast(to_symbol(labels, None, "labels", x), dtypes.int64)
    sampled, true_expected, sampled_expected = [stop_gradient(to_symbol(v, None, None, x)) for v in sampled_values]
    sampled = cast(sampled, dtypes.int64)
    flat = reshape(true_ids, [-1])
    true_rows = [embedding_lookup(table, flat, partition_strategy=strategy) for table in (weights, biases)]
    sampled_rows = [embedding_lookup(table, sampled, partition_strategy=strategy) for table in (weights, biases)]
    per_input = concat([np.array([-1, num_true], np.int32), shape_op(true_rows[0])[1:2]], 0)
    products = multiply(expand_dims_op(x, axis=1), reshape(true_rows[0], per_input))
    of_true = add(reduce_sum_op(products, axis=(2,), keepdims=False), reshape(true_rows[1], [-1, num_true]))
    of_sampled = add(matmul(x, sampled_rows[0], transpose_b=True), sampled_rows[1])
    if removes_hits:
        hits = cast(equal(expand_dims_op(true_ids, axis=2), sampled), of_sampled.dtype)
        of_sampled = add(of_sampled, multiply(reduce_sum_op(hits, axis=(1,), keepdims=False), _NEVER))
    of_true, of_sampled = subtract(of_true, log(true_expected)), subtract(of_sampled, log(sampled_expected))
    wanted = concat([divide(ones_as(of_true), float(num_true)), zeros_as(of_sampled)], 1)
    return concat([of_true, of_sampled], 1), wanted


def nce_loss(weights: Any, biases: Any, labels: Any, inputs: Any, *, num_true: int = 1, sampled_values: Any = None,
             remove_accidental_hits: bool = False, partition_strategy: str = "mod", name: str | None = None) -> Any:  # fmt: skip
    """Return the noise contrastive estimation loss of each example (Gutmann and Hyvärinen 2010).

    Args:
      weights, biases: one row and one number for each class (or lists of parts). labels: class numbers ``[batch, num_true]``.
      inputs: ``[batch, size]``. num_true: how many true classes an example has.
      sampled_values: the sampled classes, and how often the true and the sampled ones are expected among the samples.
      remove_accidental_hits: leave out samples that are true classes. partition_strategy: as for `embedding_lookup`.
      name: name of the scope.

    Raises:
      NotImplementedError: without sampled_values.
    """
    with scope(name or "nce_loss", inputs, weights):
        logits, wanted = _logits_and_labels(
            weights, biases, labels, inputs, num_true=num_true, sampled_values=sampled_values,
            removes_hits=remove_accidental_hits, strategy=partition_strategy,
        )  # fmt: skip
        return reduce_sum_op(sigmoid_cross_entropy(wanted, logits, name="sampled_losses"), axis=(1,), keepdims=False)


def sampled_softmax_loss(weights: Any, biases: Any, labels: Any, inputs: Any, *, num_true: int = 1, sampled_values: Any = None,
                         remove_accidental_hits: bool = True, partition_strategy: str = "mod", name: str | None = None) -> Any:  # fmt: skip
    """Return the softmax cross entropy over the true and the sampled classes of each example (Jean et al. 2015).

    Args: those of `nce_loss`.

    Raises:
      NotImplementedError: without sampled_values.
    """
    with scope(name or "sampled_softmax_loss", inputs, weights):
        logits, wanted = _logits_and_labels(
            weights, biases, labels, inputs, num_true=num_true, sampled_values=sampled_values,
            removes_hits=remove_accidental_hits, strategy=partition_strategy,
        )  # fmt: skip
        return softmax_cross_entropy(stop_gradient(wanted), logits)
