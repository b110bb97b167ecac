"""Further functions of `tf.layers`: pooling of sequences, and separable convolutions."""

from __future__ import annotations

from typing import Any

from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.initializers import Zeros
from graphopt.ops import depthwise, pool
from graphopt.ops import nn as nn_ops
from graphopt.ops.array import expand_dims_op, squeeze_op
from graphopt.tf1.layer_parts import check_rank, finished, first_number, is_channels_first, known_size, layer_scope, two_numbers, weight

_ZEROS = Zeros()


def max_pooling1d(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
                  name: str | None = None) -> Any:  # fmt: skip
    """Return the largest element of each window of sequences.

    Args:
      inputs: sequences ``[batch, length, channels]`` (``[batch, channels, length]`` for "channels_first").
      pool_size, strides: numbers. padding: "valid" or "same". data_format: "channels_last" or "channels_first". name: of the scope.

    Raises:
      ValueError: when the sequences have another rank.

    >>> tf.layers.max_pooling1d(tf.zeros([2, 8, 3]), 2, 2).shape.as_list()
    [2, 4, 3]
    """
    return _pooled(pool.max_pool, "max_pooling1d", inputs, pool_size, strides, padding, data_format, name)


def average_pooling1d(inputs: Any, pool_size: Any, strides: Any, padding: str = "valid", data_format: str = "channels_last",
                      name: str | None = None) -> Any:  # fmt: skip
    """Return the mean of each window of sequences; padding does not count. Arguments as for `max_pooling1d`.

    >>> tf.layers.average_pooling1d(tf.zeros([2, 8, 3]), 3, 2, padding="same").shape.as_list()
    [2, 4, 3]
    """
    return _pooled(pool.avg_pool, "average_pooling1d", inputs, pool_size, strides, padding, data_format, name)


def _pooled(function: Any, layer: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str, name: str | None) -> Any:
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, layer, None):
        check_rank(x, 3, layer)
        axis, layout = (3, "NCHW") if is_channels_first(data_format) else (2, "NHWC")
        size, steps = (first_number(pool_size), 1), (first_number(strides), 1)
        image = expand_dims_op(x, axis=axis)
        return squeeze_op(function(image, ksize=size, strides=steps, padding=padding, data_format=layout), axis=(axis,))


def separable_conv2d(inputs: Any, filters: int, kernel_size: Any, strides: Any = (1, 1), padding: str = "valid",
                     data_format: str = "channels_last", dilation_rate: Any = (1, 1), depth_multiplier: int = 1, activation: Any = None,
                     use_bias: bool = True, depthwise_initializer: Any = None, pointwise_initializer: Any = None,
                     bias_initializer: Any = _ZEROS, depthwise_regularizer: Any = None, pointwise_regularizer: Any = None,
                     bias_regularizer: Any = None, activity_regularizer: Any = None, depthwise_constraint: Any = None,
                     pointwise_constraint: Any = None, bias_constraint: Any = None, trainable: bool = True, name: str | None = None,
                     reuse: Any = None) -> Any:  # fmt: skip
    """Return activation(convolution of each channel by itself, then one of all channels with kernels of size 1, + bias).

    Args:
      depth_multiplier: how many channels the first convolution makes of each. The other arguments are those of `tf.layers.conv2d`,
        with an initializer, a regularizer and a constraint for each of the kernels.

    Raises:
      ValueError: when the images have another rank, or the number of channels is not known.

    >>> tf.layers.separable_conv2d(tf.zeros([2, 8, 8, 3]), 4, 3).shape.as_list(), [v.name for v in tf.trainable_variables()][:2]
    ([2, 6, 6, 4], ['separable_conv2d/depthwise_kernel:0', 'separable_conv2d/pointwise_kernel:0'])
    """
    x = convert_to_tensor(inputs, name="inputs")
    with layer_scope(name, "separable_conv2d", reuse):
        check_rank(x, 4, "separable_conv2d")
        layout = "NCHW" if is_channels_first(data_format) else "NHWC"
        depth = known_size(x, 1 if layout == "NCHW" else -1, "SeparableConv2D")
        shape = [*two_numbers(kernel_size, "kernel_size"), depth, int(depth_multiplier)]
        first = weight("depthwise_kernel", shape, x.dtype, initializer=depthwise_initializer, regularizer=depthwise_regularizer,
                       constraint=depthwise_constraint, trainable=trainable)  # fmt: skip
        shape = [1, 1, depth * int(depth_multiplier), int(filters)]
        second = weight("pointwise_kernel", shape, x.dtype, initializer=pointwise_initializer, regularizer=pointwise_regularizer,
                        constraint=pointwise_constraint, trainable=trainable)  # fmt: skip
        bias = weight("bias", [int(filters)], x.dtype, initializer=bias_initializer, regularizer=bias_regularizer,
                      constraint=bias_constraint, trainable=trainable) if use_bias else None  # fmt: skip
        result = depthwise.separable_conv2d(x, first, second, strides=two_numbers(strides, "strides"), padding=padding,
                                            dilations=two_numbers(dilation_rate, "dilation_rate"), data_format=layout)  # fmt: skip
        if bias is not None:
            result = nn_ops.bias_add(result, bias, data_format=layout)
        return finished(result, activation, activity_regularizer)
