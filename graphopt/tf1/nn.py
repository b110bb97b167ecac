"""`tf.nn` with TensorFlow 1's names, argument orders and deprecated aliases."""
# Long because: one function per name, each a few lines.

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, lines
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops import activations, conv, depthwise, elementwise, embedding, normalization, picking, pool, reduce, sampled
from graphopt.ops import nn as nn_ops
from graphopt.ops import softmax as softmax_ops
from graphopt.ops.array import shape_op, stop_gradient
from graphopt.ops.elementwise import cast
from graphopt.shapes import to_shape
from graphopt.tf1 import rnn_cell as rnn_cell
from graphopt.tf1.arguments import renamed
from graphopt.tf1.candidates import fixed_unigram_candidate_sampler as fixed_unigram_candidate_sampler
from graphopt.tf1.candidates import log_uniform_candidate_sampler as log_uniform_candidate_sampler
from graphopt.tf1.candidates import uniform_candidate_sampler as uniform_candidate_sampler
from graphopt.tf1.math import log_sigmoid as log_sigmoid
from graphopt.tf1.math import sigmoid as sigmoid
from graphopt.tf1.math import tanh as tanh
from graphopt.tf1.rnn import bidirectional_dynamic_rnn as bidirectional_dynamic_rnn
from graphopt.tf1.rnn import dynamic_rnn as dynamic_rnn
from graphopt.tf1.rnn import static_bidirectional_rnn as static_bidirectional_rnn
from graphopt.tf1.rnn import static_rnn as static_rnn

# --- activations -------------------------------------------------------------------------------------------------------


def relu(features: Any, name: str | None = None) -> Any:
    """Return max(features, 0).

    >>> with tf.Session() as sess:
    ...     sess.run(tf.nn.relu([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return activations.relu(features, name=name)


def relu6(features: Any, name: str | None = None) -> Any:
    """Return min(max(features, 0), 6)."""
    return activations.relu6(features, name=name)


def elu(features: Any, name: str | None = None) -> Any:
    """Return exp(features) - 1 where negative, features elsewhere."""
    return activations.elu(features, name=name)


def selu(features: Any, name: str | None = None) -> Any:
    """Return the scaled exponential linear unit of Klambauer et al. 2017."""
    return activations.selu(features, name=name)


def leaky_relu(features: Any, alpha: Any = 0.2, name: str | None = None) -> Any:
    """Return features where positive, alpha times features elsewhere (whole numbers as float32)."""
    x = convert_to_tensor(features, name="features")
    return activations.leaky_relu(cast(x, dtypes.float32) if x.dtype.is_integer else x, alpha=alpha, name=name)


def softplus(features: Any, name: str | None = None) -> Any:
    """Return log(1 + exp(features))."""
    return activations.softplus(features, name=name)


def softsign(features: Any, name: str | None = None) -> Any:
    """Return features / (|features| + 1)."""
    return activations.softsign(features, name=name)


def swish(features: Any) -> Any:
    """Return features * sigmoid(features)."""
    return activations.swish(convert_to_tensor(features, name="features"))


def crelu(features: Any, name: str | None = None, axis: int = -1) -> Any:
    """Return relu of features and of -features, joined along an axis."""
    return activations.crelu(convert_to_tensor(features, name="features"), axis=axis, name=name)


def softmax(logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Any:
    """Return exp(logits) divided by its sum along an axis (the last by default).

    >>> with tf.Session() as sess:
    ...     sess.run(tf.nn.softmax([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    return softmax_ops.softmax(logits, axis=renamed("axis", axis, "dim", dim), name=name)


def log_softmax(logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Any:
    """Return the logarithm of softmax."""
    return softmax_ops.log_softmax(logits, axis=renamed("axis", axis, "dim", dim), name=name)


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Return half the sum of squares."""
    return reduce.l2_loss(t, name=name)


# --- cross entropies ---------------------------------------------------------------------------------------------------


def _check_named(function: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ArgumentError(f"Only call `{function}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise ArgumentError("Both labels and logits must be provided.")


def _wide(x: Tensor) -> Tensor:
    return cast(x, dtypes.float32) if x.dtype is dtypes.float16 else x


def softmax_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None, dim: int | None = None,
                                      name: str | None = None, axis: int | None = None) -> Any:  # fmt: skip
    """Return the cross entropy of labels (distributions) and softmax(logits); no gradient flows to the labels.

    Raises:
      ValueError: when called without argument names, or when shapes differ.
    """
    _check_named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    axis = renamed("axis", axis, "dim", dim)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        constant = stop_gradient(convert_to_tensor(labels, name="labels"), name="labels_stop_gradient")
        return _softmax_cross_entropy(constant, logits, axis, scope)


def softmax_cross_entropy_with_logits_v2(labels: Any, logits: Any, axis: int | None = None, name: str | None = None,
                                         dim: int | None = None) -> Any:  # fmt: skip
    """Return the cross entropy of labels (distributions) and softmax(logits); gradients flow to both.

    Raises:
      ValueError: when shapes differ.
    """
    _check_named("softmax_cross_entropy_with_logits", None, labels, logits)
    axis = renamed("axis", axis, "dim", dim)
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        return _softmax_cross_entropy(labels, logits, axis, scope)


def _softmax_cross_entropy(labels: Any, logits: Any, axis: int | None, scope: str) -> Any:
    values = convert_to_tensor(logits, name="logits")
    wide = _wide(values)
    targets = cast(convert_to_tensor(labels, name="labels"), wide.dtype)
    return _narrow(softmax_ops.softmax_cross_entropy(targets, wide, axis=-1 if axis is None else axis, name=scope), values)


def _narrow(loss: Tensor, logits: Tensor) -> Tensor:
    return cast(loss, logits.dtype)


def sparse_softmax_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """Return the cross entropy of classes given by number and softmax(logits).

    Raises:
      ValueError: when called without argument names, or when shapes don't fit.
      InvalidArgumentError: at run time, for a label that is no class.

    >>> with tf.Session() as sess:
    ...     round(sess.run(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0], logits=[[0.0, 0.0]])).item(), 3)
    0.693
    """
    _check_named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]) as scope:
        classes, values = convert_to_tensor(labels, name="labels"), convert_to_tensor(logits, name="logits")
        _check_ranks(classes, values)
        return _narrow(softmax_ops.sparse_softmax_cross_entropy(classes, _wide(values), name=scope), values)


def _check_ranks(labels: Tensor, logits: Tensor) -> None:
    own, other = labels.tensor_type.rank, logits.tensor_type.rank
    where = f"labels: {labels.tensor_type} = {labels.name}; logits: {logits.tensor_type} = {logits.name}"
    if other == 0:
        raise ArgumentError(lines(f"Logits cannot be scalars - received shape {logits.shape}.", where))
    if own is not None and other is not None and own != other - 1:
        rule = f"Rank mismatch: Rank of labels (received {own}) should equal rank of logits minus 1 (received {other})."
        raise ArgumentError(lines(rule, where))


def sigmoid_cross_entropy_with_logits(_sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """Return the cross entropy of probabilities and sigmoid(logits), element by element.

    Raises:
      ValueError: when called without argument names, or when shapes differ.
    """
    _check_named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        values = convert_to_tensor(logits, name="logits")
        return softmax_ops.sigmoid_cross_entropy(_as_value(labels, values, "labels"), values, name=scope)


def _as_value(value: Any, like: Tensor, name: str) -> Tensor:
    return convert_to_tensor(value, None if hasattr(value, "builder") else like.dtype, name=name)


def weighted_cross_entropy_with_logits(labels: Any = None, logits: Any = None, pos_weight: Any = None, name: str | None = None,
                                       targets: Any = None) -> Any:  # fmt: skip
    """Return the sigmoid cross entropy with the part of positive labels multiplied by `pos_weight`.

    Raises:
      ValueError: when shapes differ.
    """
    given = renamed("labels", labels, "targets", targets)
    values = convert_to_tensor(logits, name="logits")
    wanted = _as_value(given, values, "targets")
    if not wanted.shape.is_compatible_with(values.shape):
        raise ArgumentError(f"logits and targets must have the same shape ({values.shape} vs {wanted.shape})")
    return softmax_ops.weighted_cross_entropy(wanted, values, pos_weight=pos_weight, name=name)


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None) -> Any:
    """Return exp(log_input) - targets * log_input: the negative log likelihood of counts, but for a part that no prediction changes.

    Args:
      targets: counts. log_input: the logarithm of the expected counts, of the same shape.
      compute_full_loss: add Stirling's approximation of that part, log(targets!), where the target is above 1. name: of the scope.

    Raises:
      ValueError: when shapes differ.

    Example:
      >>> tf.Session().run(tf.nn.log_poisson_loss([1.0, 3.0], [0.0, 0.0])).tolist()
      [1.0, 1.0]
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        rate: Any = convert_to_tensor(log_input, name="log_input")
        counts: Any = convert_to_tensor(targets, name="targets")
        if not counts.shape.is_compatible_with(rate.shape):
            raise ArgumentError(f"`log_input` and `targets` must have the same shape, received ({rate.shape} vs {counts.shape}).")
        result = elementwise.exp(rate) - rate * counts
        if not compute_full_loss:
            return result
        rest = counts * elementwise.log(counts) - counts + elementwise.log(counts * float(2 * np.pi)) * 0.5
        is_small = elementwise.logical_and(counts >= 0.0, counts <= 1.0)
        return result + picking.choose(is_small, elementwise.zeros_as(counts), rest)


# --- bias, dropout, the largest elements -----------------------------------------------------------------------------------


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """Return value with one number for each channel added."""
    return nn_ops.bias_add(value, bias, data_format=data_format, name=name)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """Return x @ weights + biases."""
    return nn_ops.xw_plus_b(convert_to_tensor(x, name="x"), weights, biases, name=name)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """Return relu(x @ weights + biases)."""
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        return activations.relu(nn_ops.bias_add(convert_to_tensor(x, name="x") @ weights, biases), name=scope)


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """Return the part of the elements that is 0, as float32."""
    return nn_ops.zero_fraction(convert_to_tensor(value, name="value"), name=name)


def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: int | None = None, name: str | None = None, rate: Any = None
) -> Any:
    """Return x with elements set to 0 at random and the others scaled up, so that the mean stays.

    Args:
      x: floats. keep_prob: the probability that an element stays (deprecated; 1 - rate). noise_shape: the shape of the choice.
      seed: op seed. name: name of the scope. rate: the probability that an element is set to 0.

    Raises:
      ValueError: without a rate, with both, for a rate outside of [0, 1), or an `x` that holds no floats.
    """
    chosen = renamed("rate", rate, "keep_prob", _complement(keep_prob))
    if chosen is None:
        raise ArgumentError("You must provide a rate to dropout.")
    values = convert_to_tensor(x, name="x")
    if not values.dtype.is_floating:
        raise ArgumentError(
            f"x has to be a floating point tensor since it's going to be scaled. Got a {values.dtype} tensor instead. ({values.name})"
        )
    if hasattr(chosen, "builder"):
        chosen = convert_to_tensor(chosen)
        chosen.shape.assert_has_rank(0)
    return nn_ops.dropout(values, rate=chosen, noise_shape=_noise_shape(values, noise_shape), seed=seed, name=name)


def _complement(keep_prob: Any) -> Any:
    if keep_prob is None:
        return None
    if not isinstance(keep_prob, numbers.Real) and not hasattr(keep_prob, "builder"):
        raise ArgumentError(f"keep_prob must be a floating point number or Tensor (got {keep_prob!r})")
    return 1.0 - keep_prob


def _noise_shape(x: Tensor, noise_shape: Any) -> Any:
    if noise_shape is None or hasattr(noise_shape, "builder"):
        return noise_shape
    if any(hasattr(size, "builder") for size in noise_shape):
        return convert_to_tensor(noise_shape)
    sizes, own = to_shape(noise_shape), x.tensor_type.shape
    if sizes is None or None not in sizes:
        return sizes
    if own is None or len(own) != len(sizes):
        raise ArgumentError(f"noise_shape {noise_shape} has unknown sizes and does not match x of shape {x.shape}.")
    merged = [d if s is None else s for s, d in zip(sizes, own, strict=True)]
    return merged if None not in merged else [shape_op(x)[i] if s is None else s for i, s in enumerate(merged)]


class TopKV2(NamedTuple):
    """What `top_k` returns.

    Attributes:
      values: the largest elements. indices: where they stand.
    """

    values: Any
    indices: Any


def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """Return the k largest elements of each row and their indices (always sorted).

    >>> with tf.Session() as sess:
    ...     sess.run(tf.nn.top_k([1.0, 3.0, 2.0], 2)).indices.tolist()
    [1, 2]
    """
    return TopKV2(*nn_ops.top_k(input, k=k, name=name))


def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Any:
    """Return for each row whether the prediction of its target is among the k largest."""
    classes = convert_to_tensor(targets, name="targets")
    return nn_ops.in_top_k(convert_to_tensor(predictions, name="predictions"), classes, k=k, name=name)


# --- normalisation -----------------------------------------------------------------------------------------------------


def moments(
    x: Any, axes: Any, shift: Any = None, name: str | None = None, keep_dims: bool | None = None, keepdims: bool | None = None
) -> Any:
    """Return mean and variance over axes. `shift` has no effect, as in TensorFlow 1.15."""
    kept = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    return normalization.moments(convert_to_tensor(x, name="x"), axes, keepdims=bool(kept), name=name)


def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None) -> Any:
    """Return (x - mean) / sqrt(variance + variance_epsilon) * scale + offset; offset and scale may be None."""
    values = convert_to_tensor(x, name="x")
    mean, variance = _as_value(mean, values, "mean"), _as_value(variance, values, "variance")
    return normalization.batch_normalization(values, mean, variance, offset=offset, scale=scale, epsilon=variance_epsilon, name=name)


class FusedBatchNorm(NamedTuple):
    """What `fused_batch_norm` returns.

    Attributes:
      y: the normalised images. batch_mean, batch_var: mean and (unbiased) variance of each channel.
    """

    y: Any
    batch_mean: Any
    batch_var: Any


_SMALLEST_EPSILON = 1.001e-5


def fused_batch_norm(x: Any, scale: Any, offset: Any, mean: Any = None, variance: Any = None, epsilon: float = 0.001,
                     data_format: str = "NHWC", is_training: bool = True, name: str | None = None) -> FusedBatchNorm:  # fmt: skip
    """Normalise each channel by the batch's own mean and variance (training) or by given ones.

    Args:
      x: images. scale, offset: one value for each channel. mean, variance: given ones, when `is_training` is False.
      epsilon: added to the variance, at least 1.001e-5. data_format: "NHWC" or "NCHW". name: name of the scope.

    Raises:
      ValueError: when mean and variance are given in training, or missing otherwise.
    """
    values = convert_to_tensor(x, name="input")
    axis, least = (1 if data_format == "NCHW" else -1), max(float(epsilon), _SMALLEST_EPSILON)
    if is_training:
        if mean is not None or variance is not None:
            raise ArgumentError("Both 'mean' and 'variance' must be None if is_training is True.")
        y, batch_mean, batch_var = normalization.batch_norm(values, scale=scale, offset=offset, axis=axis, epsilon=least, name=name)
        # As in TensorFlow, a loss made of the mean or variance itself has no gradient.
        return FusedBatchNorm(y, stop_gradient(batch_mean), stop_gradient(normalization.unbiased(batch_var, values)))
    if mean is None or variance is None:
        raise ArgumentError("Both 'mean' and 'variance' must be given if is_training is False.")
    given = [convert_to_tensor(v, name=n) for v, n in ((mean, "mean"), (variance, "variance"), (offset, "offset"), (scale, "scale"))]
    beside = [normalization.beside(v, values.tensor_type.rank or 4, axis) for v in given]
    y = normalization.batch_normalization(
        values, *beside[:2], offset=beside[2], scale=beside[3], epsilon=least, name=name or "FusedBatchNorm"
    )
    return FusedBatchNorm(y, given[0], given[1])


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Any:
    """Return x divided by its Euclidean norm over axes (all by default)."""
    over = renamed("axis", axis, "dim", dim)
    return normalization.l2_normalize(convert_to_tensor(x, name="x"), axis=over, epsilon=epsilon, name=name)


def local_response_normalization(input: Any, depth_radius: int = 5, bias: float = 1, alpha: float = 1, beta: float = 0.5,
                                 name: str | None = None) -> Any:  # fmt: skip
    """Return input / (bias + alpha * sum of squares of the near channels) ** beta."""
    images = convert_to_tensor(input, name="input")
    return normalization.local_response_normalization(images, depth_radius=depth_radius, bias=bias, alpha=alpha, beta=beta, name=name)


lrn = local_response_normalization

# --- embeddings --------------------------------------------------------------------------------------------------------


def embedding_lookup(params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None, validate_indices: bool = True,
                     max_norm: Any = None) -> Any:  # fmt: skip
    """Return the rows of a table (or of a list of its parts) at the given ids.

    Args:
      params: a tensor or variable, or a list of them. ids: integers. partition_strategy: "mod" or "div".
      name: name of the scope. validate_indices: accepted; an id out of range always raises. max_norm: longer rows are scaled down.

    Raises:
      ValueError: without params, or for another strategy.
    """
    return embedding.embedding_lookup(params, ids, partition_strategy=partition_strategy, max_norm=max_norm, name=name)


def embedding_lookup_sparse(params: Any, sp_ids: Any, sp_weights: Any, partition_strategy: str = "mod", name: str | None = None,
                            combiner: str | None = None, max_norm: Any = None) -> Any:  # fmt: skip
    """Return for each row of sparse ids the sum, mean ("mean", the default) or "sqrtn" of rows of a table.

    Raises:
      TypeError: when ids or weights are not sparse. ValueError: for another combiner.
    """
    how = "mean" if combiner is None else combiner
    return embedding.embedding_lookup_sparse(
        params, sp_ids, sp_weights, partition_strategy=partition_strategy, combiner=how, max_norm=max_norm, name=name
    )


def nce_loss(weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
             sampled_values: Any = None, remove_accidental_hits: bool = False, partition_strategy: str = "mod",
             name: str = "nce_loss") -> Any:  # fmt: skip
    """Return the noise contrastive estimation loss of each example, over sampled classes.

    Args:
      weights, biases: one row and one number for each class. labels: class numbers ``[batch, num_true]``. inputs: ``[batch, size]``.
      num_sampled, num_classes: how many classes are sampled, of how many. num_true: how many true classes an example has.
      sampled_values: the sampled classes, and how often the true and the sampled ones are expected; by default of
        `log_uniform_candidate_sampler`, for classes sorted by frequency.
      remove_accidental_hits: leave out samples that are true classes. partition_strategy: "mod" or "div". name: name of the scope.

    Raises:
      ValueError: when more classes are to be sampled than there are.
    """
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes)
    return sampled.nce_loss(
        weights, biases, labels, inputs, num_true=num_true, sampled_values=sampled_values, remove_accidental_hits=remove_accidental_hits,
        partition_strategy=partition_strategy, name=name,
    )  # fmt: skip


def sampled_softmax_loss(weights: Any, biases: Any, labels: Any, inputs: Any, num_sampled: int, num_classes: int, num_true: int = 1,
                         sampled_values: Any = None, remove_accidental_hits: bool = True, partition_strategy: str = "mod",
                         name: str = "sampled_softmax_loss", seed: int | None = None) -> Any:  # fmt: skip
    """Return the softmax cross entropy over the true and sampled classes. Arguments and errors as for `nce_loss`; `seed` for sampling."""
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
    return sampled.sampled_softmax_loss(
        weights, biases, labels, inputs, num_true=num_true, sampled_values=sampled_values, remove_accidental_hits=remove_accidental_hits,
        partition_strategy=partition_strategy, name=name,
    )  # fmt: skip


# --- convolution and pooling ---------------------------------------------------------------------------------------------


def conv2d(input: Any, filter: Any = None, strides: Any = None, padding: Any = None, use_cudnn_on_gpu: bool = True,
           data_format: str = "NHWC", dilations: Sequence[int] = (1, 1, 1, 1), name: str | None = None,
           filters: Any = None) -> Any:  # fmt: skip
    """Return the convolution of images ``[batch, height, width, in]`` and filters ``[height, width, in, out]``.

    Raises:
      ValueError: for strides, padding or shapes that don't fit.

    >>> with tf.Session() as sess:
    ...     sess.run(tf.nn.conv2d(tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1]), [1, 1, 1, 1], "VALID"))[0, :, :, 0].tolist()
    [[4.0, 4.0], [4.0, 4.0]]
    """
    w = renamed("filters", filters, "filter", filter)
    return conv.conv2d(
        input,
        w,
        strides=1 if strides is None else strides,
        padding=_padding(padding),
        dilations=dilations,
        data_format=data_format,
        name=name,
    )


def _padding(padding: Any) -> Any:
    if padding is None:
        raise ArgumentError('padding must be "SAME" or "VALID", got None')
    return padding


def conv2d_backprop_input(input_sizes: Any, filter: Any = None, out_backprop: Any = None, strides: Any = None, padding: Any = None,
                          use_cudnn_on_gpu: bool = True, data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None,
                          filters: Any = None) -> Any:  # fmt: skip
    """Return the gradient of `conv2d` for its images."""
    attributes = conv.attributes_of(strides, _padding(padding), dilations, data_format)
    return conv.conv2d_backprop_input(input_sizes, renamed("filters", filters, "filter", filter), out_backprop, name=name, **attributes)


def conv2d_backprop_filter(input: Any, filter_sizes: Any, out_backprop: Any, strides: Any, padding: Any, use_cudnn_on_gpu: bool = True,
                           data_format: str = "NHWC", dilations: Any = (1, 1, 1, 1), name: str | None = None) -> Any:  # fmt: skip
    """Return the gradient of `conv2d` for its filters."""
    attributes = conv.attributes_of(strides, _padding(padding), dilations, data_format)
    return conv.conv2d_backprop_filter(input, filter_sizes, out_backprop, name=name, **attributes)


def conv2d_transpose(value: Any = None, filter: Any = None, output_shape: Any = None, strides: Any = None, padding: Any = "SAME",
                     data_format: str = "NHWC", name: str | None = None, input: Any = None, filters: Any = None,
                     dilations: Any = None) -> Any:  # fmt: skip
    """Return the transposed convolution: the gradient of `conv2d` for its images.

    Args:
      value: images ``[batch, height, width, in]``. filter: ``[height, width, out, in]``. output_shape: the shape of the result.
      The other arguments are those of `conv2d`; `input` and `filters` are other names of the first two.

    Raises:
      ValueError: for arguments that don't fit.
    """
    images = renamed("input", input, "value", value)
    w = renamed("filters", filters, "filter", filter)
    with name_scope(name, "conv2d_transpose", [images, w, output_shape]) as scope:
        return conv.conv2d_transpose(
            images, w, output_shape=output_shape, strides=1 if strides is None else strides, padding=padding, dilations=dilations,
            data_format=data_format, name=scope,
        )  # fmt: skip


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: Any, name: str | None = None) -> Any:
    """Return the convolution with `rate` - 1 holes between the elements of a filter."""
    return conv.conv2d(value, filters, padding=padding, dilations=rate, name=name or "convolution")


def conv1d(value: Any = None, filters: Any = None, stride: Any = None, padding: Any = None, use_cudnn_on_gpu: bool | None = None,
           data_format: str | None = None, name: str | None = None, input: Any = None, dilations: Any = None) -> Any:  # fmt: skip
    """Return the convolution of sequences ``[batch, length, in]`` and filters ``[length, in, out]``.

    Args:
      value: sequences (or `input`). filters: see above. stride: between windows. padding: "SAME" or "VALID".
      data_format: "NWC" (also "NHWC") or "NCW" (also "NCHW"). name: name of the scope. dilations: between the elements of a window.

    Raises:
      ValueError: for another layout.
    """
    sequences = convert_to_tensor(renamed("input", input, "value", value), name="value")
    layout = data_format or "NWC"
    if layout not in ("NWC", "NHWC", "NCW", "NCHW"):
        raise ArgumentError("data_format must be 'NWC' or 'NCW'.")
    return conv.conv1d(
        sequences, filters, stride=_single(stride, layout), padding=_padding(padding), dilation=_single(dilations, layout),
        is_channels_first=layout.startswith("NC"), name=name,
    )  # fmt: skip


def _single(value: Any, layout: str) -> int:
    """Return the step along a sequence, given as None, a number, or a list of 1 or 3 in the order of the layout."""
    if value is None:
        return 1
    sizes = [value] if isinstance(value, numbers.Integral) else list(value)
    if len(sizes) not in (1, 3):
        raise ArgumentError(f"stride should be of length 1, 3 but was {len(sizes)}")
    return int(sizes[0] if len(sizes) == 1 else sizes[2 if layout.startswith("NC") else 1])


def _rate(rate: Any, dilations: Any, strides: Any) -> Any:
    given = renamed("dilations", dilations, "rate", rate)
    if given is not None and max(given) > 1 and max(strides) > 1:
        raise ArgumentError("strides > 1 not supported in conjunction with dilation_rate > 1")
    return 1 if given is None else given


def depthwise_conv2d(input: Any, filter: Any, strides: Any, padding: Any, rate: Any = None, name: str | None = None,
                     data_format: str | None = None, dilations: Any = None) -> Any:  # fmt: skip
    """Return the convolution of each channel with filters of its own, ``[height, width, in, multiplier]``."""
    step = _rate(rate, dilations, strides)
    return depthwise.depthwise_conv2d(input, filter, strides=strides, padding=padding, dilations=step, data_format=data_format, name=name)


depthwise_conv2d_native = depthwise_conv2d


def separable_conv2d(input: Any, depthwise_filter: Any, pointwise_filter: Any, strides: Any, padding: Any, rate: Any = None,
                     name: str | None = None, data_format: str | None = None, dilations: Any = None) -> Any:  # fmt: skip
    """Return a depthwise convolution followed by one with filters of size 1."""
    return depthwise.separable_conv2d(
        convert_to_tensor(input, name="tensor_in"), depthwise_filter, pointwise_filter, strides=strides, padding=padding,
        dilations=_rate(rate, dilations, strides), data_format=data_format, name=name,
    )  # fmt: skip


def max_pool(
    value: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None, input: Any = None
) -> Any:
    """Return the largest element of each window.

    >>> with tf.Session() as sess:
    ...     sess.run(tf.nn.max_pool(tf.reshape(tf.range(4.0), [1, 2, 2, 1]), [1, 2, 2, 1], [1, 2, 2, 1], "VALID")).item()
    3.0
    """
    images = renamed("input", input, "value", value)
    return pool.max_pool(images, ksize=ksize, strides=strides, padding=padding, data_format=data_format, name=name)


def avg_pool(
    value: Any, ksize: Any, strides: Any, padding: Any, data_format: str = "NHWC", name: str | None = None, input: Any = None
) -> Any:
    """Return the mean of each window; padding does not count."""
    images = renamed("input", input, "value", value)
    return pool.avg_pool(images, ksize=ksize, strides=strides, padding=padding, data_format=data_format, name=name)
