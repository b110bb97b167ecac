"""`tf.layers` with TensorFlow 1's names and argument orders: functions that make their variables by `get_variable`.

Each opens a variable scope named after the layer (`dense`, `dense_1`...), or the given one; with `reuse` it takes the variables there.
"""
# Long because: TensorFlow's arguments are repeated in each of the functions.

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.deferred import at_first_use
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.initializers import Ones, Zeros
from graphopt.graph.operation import Tensor
from graphopt.ops import conv, normalization, pool
from graphopt.ops import nn as nn_ops
from graphopt.ops.array import identity, reshape, shape_op, transpose_op
from graphopt.ops.contraction import tensordot
from graphopt.ops.elementwise import cast
from graphopt.ops.linalg import matmul
from graphopt.tf1.control_flow import cond
from graphopt.tf1.layer_parts import check_rank, finished, first_number, is_channels_first, known_size, layer_scope, two_numbers, weight
from graphopt.train.averages import assign_moving_average

if TYPE_CHECKING:
    from graphopt.tf1.layer_objects import AveragePooling1D as AveragePooling1D
    from graphopt.tf1.layer_objects import AveragePooling2D as AveragePooling2D
    from graphopt.tf1.layer_objects import AvgPool2D as AvgPool2D
    from graphopt.tf1.layer_objects import BatchNormalization as BatchNormalization
    from graphopt.tf1.layer_objects import Conv1D as Conv1D
    from graphopt.tf1.layer_objects import Conv2D as Conv2D
    from graphopt.tf1.layer_objects import Conv2DTranspose as Conv2DTranspose
    from graphopt.tf1.layer_objects import Dense as Dense
    from graphopt.tf1.layer_objects import Dropout as Dropout
    from graphopt.tf1.layer_objects import Flatten as Flatten
    from graphopt.tf1.layer_objects import Layer as Layer
    from graphopt.tf1.layer_objects import MaxPool2D as MaxPool2D
    from graphopt.tf1.layer_objects import MaxPooling1D as MaxPooling1D
    from graphopt.tf1.layer_objects import MaxPooling2D as MaxPooling2D
    from graphopt.tf1.layer_objects import SeparableConv2D as SeparableConv2D
    from graphopt.tf1.layers_more import average_pooling1d as average_pooling1d
    from graphopt.tf1.layers_more import max_pooling1d as max_pooling1d
    from graphopt.tf1.layers_more import separable_conv2d as separable_conv2d
else:
    __getattr__, __dir__ = at_first_use(
        __name__,
        {
            "AveragePooling1D": "graphopt.tf1.layer_objects:AveragePooling1D",
            "AveragePooling2D": "graphopt.tf1.layer_objects:AveragePooling2D",
            "AvgPool2D": "graphopt.tf1.layer_objects:AvgPool2D",
            "BatchNormalization": "graphopt.tf1.layer_objects:BatchNormalization",
            "Conv1D": "graphopt.tf1.layer_objects:Conv1D",
            "Conv2D": "graphopt.tf1.layer_objects:Conv2D",
            "Conv2DTranspose": "graphopt.tf1.layer_objects:Conv2DTranspose",
            "Dense": "graphopt.tf1.layer_objects:Dense",
            "Dropout": "graphopt.tf1.layer_objects:Dropout",
            "Flatten": "graphopt.tf1.layer_objects:Flatten",
            "Layer": "graphopt.tf1.layer_objects:Layer",
            "MaxPool2D": "graphopt.tf1.layer_objects:MaxPool2D",
            "MaxPooling1D": "graphopt.tf1.layer_objects:MaxPooling1D",
            "MaxPooling2D": "graphopt.tf1.layer_objects:MaxPooling2D",
            "SeparableConv2D": "graphopt.tf1.layer_objects:SeparableConv2D",
            "average_pooling1d": "graphopt.tf1.layers_more:average_pooling1d",
            "max_pooling1d": "graphopt.tf1.layers_more:max_pooling1d",
            "separable_conv2d": "graphopt.tf1.layers_more:separable_conv2d",
        },
    )

_ZEROS = Zeros()
_ONES = Ones()


def choose(condition: Any, if_true: Callable[[], Any], if_false: Callable[[], Any]) -> Any:
    """Return the result of one of two functions: by a Python bool or number now, by a bool tensor at run time."""
    if not hasattr(condition, "builder"):
        return if_true() if condition else if_false()
    return cond(condition, if_true, if_false)


# --- dense ---------------------------------------------------------------------------------------------------------------


def dense(inputs: Any, units: int, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = None,
          bias_initializer: Any = _ZEROS, kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
          kernel_constraint: Any = None, bias_constraint: Any = None, trainable: bool = True, name: str | None = None,
          reuse: Any = None) -> Any:  # fmt: skip
    """Return activation(inputs @ kernel + bias), over the last axis of the inputs.

    Args:
      inputs: floats of rank 2 or more, the last size known. units: size of the result's last axis.
      activation: a function, or None. use_bias: whether a bias is added.
      kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: of the variables.
      activity_regularizer: a function of the result; what it gives is a regularization loss.
      trainable: whether optimizers change the variables. name: of the scope. reuse: take the variables of that scope.

    Raises:
      ValueError: when the last size is not known.

    >>> tf.layers.dense(tf.zeros([2, 3]), 4).shape.as_list(), [v.name for v in tf.trainable_variables()]
    ([2, 4], ['dense/kernel:0', 'dense/bias:0'])
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "dense", reuse):
        size = known_size(x, -1, "Dense")
        kernel = weight("kernel", [size, int(units)], x.dtype, initializer=kernel_initializer, regularizer=kernel_regularizer,
                         constraint=kernel_constraint, trainable=trainable)  # fmt: skip
        bias = weight("bias", [int(units)], x.dtype, initializer=bias_initializer, regularizer=bias_regularizer,
                       constraint=bias_constraint, trainable=trainable) if use_bias else None  # fmt: skip
        rank = x.tensor_type.rank
        result = matmul(x, kernel) if rank == 2 else tensordot(x, kernel, [[(rank or 0) - 1], [0]])
        if bias is not None:
            result = nn_ops.bias_add(result, bias)
        return finished(result, activation, activity_regularizer)


# --- convolutions --------------------------------------------------------------------------------------------------------


def conv2d(inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid", data_format: str = "channels_last",
           dilation_rate: Any = (1, 1), activation: Any = None, use_bias: bool = True, kernel_initializer: Any = None,
           bias_initializer: Any = _ZEROS, kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
           kernel_constraint: Any = None, bias_constraint: Any = None, trainable: bool = True, name: str | None = None,
           reuse: Any = None) -> Any:  # fmt: skip
    """Return activation(convolution of images and kernel + bias).

    Args:
      inputs: images ``[batch, height, width, channels]`` (``[batch, channels, height, width]`` for "channels_first").
      filters: how many channels the result has. kernel_size, strides, dilation_rate: a number, or height and width.
      padding: "valid" or "same". data_format: "channels_last" or "channels_first". The other arguments are those of `dense`.

    Raises:
      ValueError: when the images have another rank, or the number of channels is not known.

    >>> tf.layers.conv2d(tf.zeros([2, 8, 8, 3]), 4, 3).shape.as_list(), tf.trainable_variables()[0].shape.as_list()
    ([2, 6, 6, 4], [3, 3, 3, 4])
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "conv2d", reuse):
        check_rank(x, 4, "conv2d")
        layout = "NCHW" if is_channels_first(data_format) else "NHWC"
        depth = known_size(x, 1 if layout == "NCHW" else -1, "Conv2D")
        kernel = weight("kernel", [*two_numbers(kernel_size, "kernel_size"), depth, int(filters)], x.dtype, initializer=kernel_initializer,
                         regularizer=kernel_regularizer, constraint=kernel_constraint, trainable=trainable)  # fmt: skip
        bias = weight("bias", [int(filters)], x.dtype, initializer=bias_initializer, regularizer=bias_regularizer,
                       constraint=bias_constraint, trainable=trainable) if use_bias else None  # fmt: skip
        result = conv.conv2d(x, kernel, strides=two_numbers(strides, "strides"), padding=padding,
                             dilations=two_numbers(dilation_rate, "dilation_rate"), data_format=layout)  # fmt: skip
        if bias is not None:
            result = nn_ops.bias_add(result, bias, data_format=layout)
        return finished(result, activation, activity_regularizer)


def conv1d(inputs: Any, filters: int, kernel_size: Any, strides: Any = 1, padding: str = "valid", data_format: str = "channels_last",
           dilation_rate: Any = 1, activation: Any = None, use_bias: bool = True, kernel_initializer: Any = None,
           bias_initializer: Any = _ZEROS, kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None,
           kernel_constraint: Any = None, bias_constraint: Any = None, trainable: bool = True, name: str | None = None,
           reuse: Any = None) -> Any:  # fmt: skip
    """Return activation(convolution of sequences and kernel + bias).

    Args:
      inputs: sequences ``[batch, length, channels]``. The other arguments are those of `conv2d`, for one axis.

    Raises:
      ValueError: when the sequences have another rank, or the number of channels is not known.

    >>> tf.layers.conv1d(tf.zeros([2, 8, 3]), 4, 3).shape.as_list()
    [2, 6, 4]
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "conv1d", reuse):
        check_rank(x, 3, "conv1d")
        is_first = is_channels_first(data_format)
        depth = known_size(x, 1 if is_first else -1, "Conv1D")
        kernel = weight("kernel", [first_number(kernel_size), depth, int(filters)], x.dtype, initializer=kernel_initializer,
                         regularizer=kernel_regularizer, constraint=kernel_constraint, trainable=trainable)  # fmt: skip
        bias = weight("bias", [int(filters)], x.dtype, initializer=bias_initializer, regularizer=bias_regularizer,
                       constraint=bias_constraint, trainable=trainable) if use_bias else None  # fmt: skip
        result = conv.conv1d(x, convert_to_tensor(kernel), stride=first_number(strides), padding=padding,
                             dilation=first_number(dilation_rate), is_channels_first=is_first)  # fmt: skip
        if bias is not None:
            result = nn_ops.bias_add(result, bias, data_format="NCHW" if is_first else "NHWC")
        return finished(result, activation, activity_regularizer)


def conv2d_transpose(inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
                     data_format: str = "channels_last", activation: Any = None, use_bias: bool = True, kernel_initializer: Any = None,
                     bias_initializer: Any = _ZEROS, kernel_regularizer: Any = None, bias_regularizer: Any = None,
                     activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None, trainable: bool = True,
                     name: str | None = None, reuse: Any = None) -> Any:  # fmt: skip
    """Return activation(transposed convolution of images and kernel + bias): `strides` times as high and wide for "same".

    Args: those of `conv2d`.

    Raises:
      ValueError: when the images have another rank, or the number of channels is not known.

    >>> tf.layers.conv2d_transpose(tf.zeros([2, 4, 4, 3]), 1, 3, strides=2, padding="same").shape.as_list()
    [2, 8, 8, 1]
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "conv2d_transpose", reuse):
        check_rank(x, 4, "conv2d_transpose")
        layout = "NCHW" if is_channels_first(data_format) else "NHWC"
        depth = known_size(x, 1 if layout == "NCHW" else -1, "Conv2DTranspose")
        size, steps = two_numbers(kernel_size, "kernel_size"), two_numbers(strides, "strides")
        kernel = weight("kernel", [*size, int(filters), depth], x.dtype, initializer=kernel_initializer, regularizer=kernel_regularizer,
                         constraint=kernel_constraint, trainable=trainable)  # fmt: skip
        bias = weight("bias", [int(filters)], x.dtype, initializer=bias_initializer, regularizer=bias_regularizer,
                       constraint=bias_constraint, trainable=trainable) if use_bias else None  # fmt: skip
        shape = _transposed_shape(x, int(filters), size, steps, padding, layout)
        result = conv.conv2d_transpose(x, kernel, output_shape=shape, strides=steps, padding=padding, data_format=layout)
        if bias is not None:
            result = nn_ops.bias_add(result, bias, data_format=layout)
        return finished(result, activation, activity_regularizer)


def _transposed_shape(x: Tensor, filters: int, size: tuple[int, int], steps: tuple[int, int], padding: str, layout: str) -> Any:
    """Return the shape of a transposed convolution: numbers where they are known, else tensors."""
    own: Any = x.tensor_type.shape or (None,) * 4
    first = 2 if layout == "NCHW" else 1

    def stretched(i: int) -> Any:
        length = own[first + i] if own[first + i] is not None else shape_op(x)[first + i]
        extra = max(size[i] - steps[i], 0) if padding.lower() == "valid" else 0
        return length * steps[i] + extra

    batch = own[0] if own[0] is not None else shape_op(x)[0]
    sizes = [batch, filters, stretched(0), stretched(1)] if layout == "NCHW" else [batch, stretched(0), stretched(1), filters]
    return sizes if any(hasattr(s, "builder") for s in sizes) else np.array(sizes, np.int32)


# --- pooling, shape, dropout ---------------------------------------------------------------------------------------------


def max_pooling2d(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
                  name: str | None = None) -> Any:  # fmt: skip
    """Return the largest element of each window of images.

    Args:
      inputs: images. pool_size, strides: a number, or height and width. padding: "valid" or "same".
      data_format: "channels_last" or "channels_first". name: of the scope.

    >>> tf.layers.max_pooling2d(tf.zeros([2, 8, 8, 3]), 2, 2).shape.as_list()
    [2, 4, 4, 3]
    """
    return _pooled(pool.max_pool, "max_pooling2d", inputs, pool_size, strides, padding, data_format, name)


def average_pooling2d(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
                      name: str | None = None) -> Any:  # fmt: skip
    """Return the mean of each window of images; padding does not count. Arguments as for `max_pooling2d`."""
    return _pooled(pool.avg_pool, "average_pooling2d", inputs, pool_size, strides, padding, data_format, name)


def _pooled(function: Any, layer: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str, name: str | None) -> Any:
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, layer, None):
        check_rank(x, 4, layer)
        layout = "NCHW" if is_channels_first(data_format) else "NHWC"
        return function(
            x, ksize=two_numbers(pool_size, "pool_size"), strides=two_numbers(strides, "strides"), padding=padding, data_format=layout
        )


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Any:
    """Return the inputs as a matrix: the first axis stays, the others become one.

    >>> tf.layers.flatten(tf.zeros([2, 3, 4])).shape.as_list()
    [2, 12]
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "flatten", None):
        rank = x.tensor_type.rank
        if is_channels_first(data_format) and rank is not None and rank > 2:
            x = transpose_op(x, perm=(0, *range(2, rank), 1))
        return reshape(x, flat_shape(x))


def flat_shape(x: Tensor) -> Any:
    """Return the shape of `x` with all axes but the first made one: numbers, of which at most one is -1, or a tensor."""
    shape = x.tensor_type.shape
    if shape is not None and None not in shape[1:]:
        rest = math.prod(size for size in shape[1:] if size is not None)
        return [-1 if shape[0] is None else shape[0], rest]
    if shape is not None and shape[0] is not None:
        return [shape[0], -1]
    return [shape_op(x)[0], -1]


def dropout(
    inputs: Any, rate: Any = 0.5, noise_shape: Any = None, seed: int | None = None, training: Any = False, name: str | None = None
) -> Any:
    """Return the inputs with elements set to 0 at random in training, and as they are otherwise.

    Args:
      inputs: floats. rate: the probability that an element is set to 0. noise_shape: the shape of the choice. seed: op seed.
      training: a Python bool, or a bool tensor. name: of the scope.

    >>> with tf.Session() as sess:
    ...     sess.run(tf.layers.dropout([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "dropout", None):
        return choose(training, lambda: nn_ops.dropout(x, rate=rate, noise_shape=noise_shape, seed=seed), lambda: identity(x))


# --- batch normalisation -------------------------------------------------------------------------------------------------


def batch_normalization(inputs: Any, axis: Any = -1, momentum: float = 0.99, epsilon: float = 0.001, center: bool = True,
                        scale: bool = True, beta_initializer: Any = _ZEROS, gamma_initializer: Any = _ONES,
                        moving_mean_initializer: Any = _ZEROS, moving_variance_initializer: Any = _ONES, beta_regularizer: Any = None,
                        gamma_regularizer: Any = None, beta_constraint: Any = None,
                        gamma_constraint: Any = None, training: Any = False, trainable: bool = True,
                        name: str | None = None, reuse: Any = None, renorm: bool = False, renorm_clipping: Any = None,
                        renorm_momentum: float = 0.99, fused: bool | None = None, virtual_batch_size: Any = None,
                        adjustment: Any = None) -> Any:  # fmt: skip
    """Normalise each channel: in training by the batch's own mean and variance, otherwise by moving averages of them.

    In training, two operations in the collection UPDATE_OPS move the averages; run them with the training op.

    Args:
      inputs: floats of known rank. axis: the axis of the channels. momentum: how much of an average stays in each step.
      epsilon: added to the variance. center, scale: whether there is an offset `beta` and a factor `gamma`.
      training: a Python bool, or a bool tensor. trainable: whether optimizers change `beta` and `gamma`.
      fused: as in TensorFlow: for images (rank 4) the averaged variance is the unbiased one, unless False.
      name: of the scope. reuse: take the variables of that scope.
      The initializers, regularizers and constraints are those of the variables. renorm, virtual_batch_size, adjustment: not supported.

    Raises:
      ValueError: when the rank or the number of channels is not known, or for what is not supported.

    >>> y = tf.layers.batch_normalization(tf.zeros([8, 3]), training=True)
    >>> [v.name.split("/")[1] for v in tf.global_variables()], len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    (['gamma:0', 'beta:0', 'moving_mean:0', 'moving_variance:0'], 2)
    """
    if renorm or virtual_batch_size is not None or adjustment is not None:
        raise ArgumentError("batch_normalization does not support renorm, virtual_batch_size and adjustment.")
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "batch_normalization", reuse):
        rank = x.tensor_type.rank
        if rank is None:
            raise ArgumentError(f"Input has undefined rank: {x.shape}")
        at = first_number(axis) % rank
        size = known_size(x, at, "BatchNormalization")
        dtype = dtypes.float32 if x.dtype is dtypes.float16 else x.dtype
        gamma = weight("gamma", [size], dtype, initializer=gamma_initializer, regularizer=gamma_regularizer, constraint=gamma_constraint,
                        trainable=trainable) if scale else np.ones(size, dtype.np)  # fmt: skip
        beta = weight("beta", [size], dtype, initializer=beta_initializer, regularizer=beta_regularizer, constraint=beta_constraint,
                       trainable=trainable) if center else np.zeros(size, dtype.np)  # fmt: skip
        mean = weight("moving_mean", [size], dtype, initializer=moving_mean_initializer, trainable=False)
        variance = weight("moving_variance", [size], dtype, initializer=moving_variance_initializer, trainable=False)
        is_unbiased = fused if fused is not None else rank == 4
        averages = Averages(mean, variance, is_unbiased)
        result, moments = normalized(cast(x, dtype), gamma, beta, averages, axis=at, epsilon=float(epsilon), training=training)
        if moments is not None:
            for average, value in zip((mean, variance), moments, strict=True):
                update = assign_moving_average(average, value, momentum, zero_debias=False)
                get_default_graph().root.add_to_collection(GraphKeys.UPDATE_OPS, update)
        return cast(result, x.dtype)


class Averages(NamedTuple):
    """The moving averages of a batch normalisation.

    Attributes:
      mean, variance: the variables. is_unbiased: whether the unbiased variance is averaged.
    """

    mean: Any
    variance: Any
    is_unbiased: bool


def normalized(x: Tensor, gamma: Any, beta: Any, averages: Averages, *, axis: int, epsilon: float, training: Any) -> tuple[Any, Any]:
    """Return the normalised tensor, and the mean and variance that enter the averages (None outside of training)."""
    rank = x.tensor_type.rank or 1

    def by_batch() -> list[Any]:
        y, mean, variance = normalization.batch_norm(x, scale=gamma, offset=beta, axis=axis, epsilon=epsilon)
        return [y, mean, normalization.unbiased(variance, x) if averages.is_unbiased else variance]

    def by_averages() -> list[Any]:
        given = [averages.mean.value(), averages.variance.value()]
        mean, variance, factor, offset = [normalization.beside(convert_to_tensor(v), rank, axis) for v in (*given, gamma, beta)]
        return [normalization.batch_normalization(x, mean, variance, offset=offset, scale=factor, epsilon=epsilon), *given]

    if not hasattr(training, "builder") and not training:
        return by_averages()[0], None
    # Outside of training the averages themselves come back, and nothing moves.
    y, mean, variance = choose(training, by_batch, by_averages)
    return y, (mean, variance)
