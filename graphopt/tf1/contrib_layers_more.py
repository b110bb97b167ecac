"""Further layers of `tf.contrib.layers`: transposed and separable convolutions, normalisations of examples, embeddings of sequences."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.initializers import Ones, Zeros
from graphopt.graph.operation import Tensor
from graphopt.graph.variable_scope import variable_scope
from graphopt.ops import depthwise, normalization
from graphopt.ops import nn as nn_ops
from graphopt.ops.array import reshape, shape_op
from graphopt.ops.elementwise import add, divide, multiply, negative, rsqrt, sqrt, square
from graphopt.ops.reduce import reduce_sum
from graphopt.tf1 import layers, layers_more, nn
from graphopt.tf1.arg_scope import add_arg_scope
from graphopt.tf1.contrib_framework import model_variable
from graphopt.tf1.contrib_layer_parts import both_sides, enter, finished, last_size, layer_variable, to_layout
from graphopt.tf1.contrib_layers import relu
from graphopt.tf1.contrib_weights import xavier_initializer
from graphopt.tf1.layer_parts import OwnScope

_XAVIER = xavier_initializer()
_ZEROS = Zeros()

# --- convolutions ----------------------------------------------------------------------------------------------------------


def _renamed(names: dict[str, str], collections: Any) -> Callable[..., Any]:
    """Return a getter for `variable_scope` that makes variables of `tf.layers` as model variables under other names."""

    def get(getter: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        scope, _, last = name.rpartition("/")
        own = names.get(last, last)
        kwargs["collections"] = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
        variable = getter(f"{scope}/{own}", *args, **kwargs)
        enter(collections, own, variable)
        return variable

    return get


@contextlib.contextmanager
def _as_model_variables(scope: Any, names: dict[str, str], collections: Any) -> Iterator[OwnScope]:
    """Let a function of `tf.layers` make its variables in the current scope, as model variables under other names."""
    with variable_scope(scope, custom_getter=_renamed(names, collections), auxiliary_name_scope=False) as inner:
        yield OwnScope(inner, None)


@add_arg_scope
def conv2d_transpose(inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME", data_format: str = "NHWC",
                     activation_fn: Any = relu, normalizer_fn: Any = None, normalizer_params: Any = None,
                     weights_initializer: Any = _XAVIER, weights_regularizer: Any = None, biases_initializer: Any = _ZEROS,
                     biases_regularizer: Any = None, reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
                     trainable: bool = True, scope: Any = None) -> Any:  # fmt: skip
    """Return activation_fn(transposed convolution of images and weights + biases): `stride` times as high and wide for "SAME".

    Args: those of `conv2d`.

    Raises:
      ValueError: for another layout or rank, or when the number of channels is not known.

    >>> y = tf.contrib.layers.conv2d_transpose(tf.zeros([2, 4, 4, 3]), 1, 3, stride=2)
    >>> y.shape.as_list(), [v.name for v in tf.model_variables()]
    ([2, 8, 8, 1], ['Conv2d_transpose/weights:0', 'Conv2d_transpose/biases:0'])
    """
    is_first = to_layout(data_format) == "NCHW"
    with variable_scope(scope, "Conv2d_transpose", [inputs], reuse=reuse) as outer:
        names = {"kernel": "weights", "bias": "biases"}
        has_biases = normalizer_fn is None and biases_initializer is not None
        with _as_model_variables(outer, names, variables_collections) as own:
            outputs = layers.conv2d_transpose(
                inputs, num_outputs, kernel_size, stride, padding, "channels_first" if is_first else "channels_last", use_bias=has_biases,
                kernel_initializer=weights_initializer, bias_initializer=biases_initializer, kernel_regularizer=weights_regularizer,
                bias_regularizer=biases_regularizer, trainable=trainable, name=own)  # type: ignore[arg-type]  # fmt: skip
        return finished(outputs, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


convolution2d_transpose = conv2d_transpose


@add_arg_scope
def separable_conv2d(inputs: Any, num_outputs: int | None, kernel_size: Any, depth_multiplier: int = 1, stride: Any = 1,
                     padding: str = "SAME", data_format: str = "NHWC", rate: Any = 1, activation_fn: Any = relu,
                     normalizer_fn: Any = None, normalizer_params: Any = None, weights_initializer: Any = _XAVIER,
                     pointwise_initializer: Any = None, weights_regularizer: Any = None, biases_initializer: Any = _ZEROS,
                     biases_regularizer: Any = None, reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
                     trainable: bool = True, scope: Any = None) -> Any:  # fmt: skip
    """Return activation_fn(convolution of each channel by itself, then one of all channels + biases).

    Args:
      num_outputs: how many channels the result has; None: those of the first convolution, without the second.
      depth_multiplier: how many channels the first convolution makes of each. pointwise_initializer: of the second's weights
        (weights_initializer). The other arguments are those of `conv2d`.

    Raises:
      ValueError: for another layout or rank, or when the number of channels is not known.

    >>> y = tf.contrib.layers.separable_conv2d(tf.zeros([2, 8, 8, 3]), 4, 3)
    >>> y.shape.as_list(), [v.op.name for v in tf.model_variables()][:2]
    ([2, 8, 8, 4], ['SeparableConv2d/depthwise_weights', 'SeparableConv2d/pointwise_weights'])
    """
    layout = to_layout(data_format)
    has_biases = normalizer_fn is None and biases_initializer is not None
    with variable_scope(scope, "SeparableConv2d", [inputs], reuse=reuse) as outer:
        if num_outputs is None:
            x = convert_to_tensor(inputs)
            depth = last_size(x, 1 if layout == "NCHW" else -1)
            make: dict[str, Any] = {"trainable": trainable, "collections": variables_collections}
            weights = layer_variable("depthwise_weights", [*both_sides(kernel_size), depth, depth_multiplier], x.dtype, weights_initializer,
                                     regularizer=weights_regularizer, **make)  # fmt: skip
            outputs = depthwise.depthwise_conv2d(x, weights, strides=both_sides(stride), padding=padding, dilations=both_sides(rate),
                                                 data_format=layout)  # fmt: skip
            if has_biases:
                biases = layer_variable("biases", [depth * depth_multiplier], x.dtype, biases_initializer, regularizer=biases_regularizer,
                                        **make)  # fmt: skip
                outputs = nn_ops.bias_add(outputs, biases, data_format=layout)
        else:
            names = {"depthwise_kernel": "depthwise_weights", "pointwise_kernel": "pointwise_weights", "bias": "biases"}
            with _as_model_variables(outer, names, variables_collections) as own:
                outputs = layers_more.separable_conv2d(
                    inputs, num_outputs, kernel_size, stride, padding, "channels_first" if layout == "NCHW" else "channels_last", rate,
                    depth_multiplier, use_bias=has_biases, depthwise_initializer=weights_initializer,
                    pointwise_initializer=pointwise_initializer or weights_initializer, bias_initializer=biases_initializer,
                    depthwise_regularizer=weights_regularizer, pointwise_regularizer=weights_regularizer,
                    bias_regularizer=biases_regularizer, trainable=trainable, name=own)  # type: ignore[arg-type]  # fmt: skip
        return finished(outputs, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


separable_convolution2d = separable_conv2d


# --- normalisation of examples -----------------------------------------------------------------------------------------------


@add_arg_scope
def unit_norm(inputs: Any, dim: int, epsilon: float = 1e-7, scope: Any = None) -> Any:
    """Return the inputs scaled to length 1 along an axis.

    Args:
      inputs: floats of known rank. dim: the axis, not negative. epsilon: added to the squared length. scope: name of the scope.

    Raises:
      ValueError: when the rank is not known, or there is no such axis.

    >>> tf.Session().run(tf.contrib.layers.unit_norm([[3.0, 4.0]], 1)).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    with variable_scope(scope, "UnitNorm", [inputs]):
        x = convert_to_tensor(inputs)
        rank = x.tensor_type.rank
        if rank is None:
            raise ArgumentError("The input rank must be known.")
        if not 0 <= dim < rank:
            raise ArgumentError("dim must be positive but smaller than the input rank.")
        return divide(x, sqrt(add(reduce_sum(square(x), axis=(dim,), keepdims=True), epsilon)), name="div")


@add_arg_scope
def instance_norm(inputs: Any, center: bool = True, scale: bool = True, epsilon: float = 1e-6, activation_fn: Any = None,
                  param_initializers: Any = None, reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
                  trainable: bool = True, data_format: str = "NHWC", scope: Any = None) -> Any:  # fmt: skip
    """Normalise each channel of each example to mean 0 and variance 1 (Ulyanov et al. 2016).

    Args:
      inputs: floats of known rank. center, scale: whether there are `beta` and `gamma`. epsilon: added to the variance.
      param_initializers: a dict by variable. data_format: "NHWC" or "NCHW". The other arguments are those of `fully_connected`.

    Raises:
      ValueError: when the rank or the number of channels is not known, or for another layout.

    >>> y = tf.contrib.layers.instance_norm(tf.zeros([2, 4, 4, 3]))
    >>> [v.name for v in tf.model_variables()]
    ['InstanceNorm/beta:0', 'InstanceNorm/gamma:0']
    """
    layout = to_layout(data_format)
    with variable_scope(scope, "InstanceNorm", [inputs], reuse=reuse):
        x = convert_to_tensor(inputs)
        rank = x.tensor_type.rank
        if rank is None:
            raise ArgumentError(f"Inputs {x.name} has undefined rank.")
        axis = 1 if layout == "NCHW" else rank - 1
        size = last_size(x, axis)
        shape = [size if i == axis else 1 for i in range(rank)]
        beta, gamma = _offset_and_factor(x, size, shape, center, scale, param_initializers, trainable, variables_collections)
        mean, variance = normalization.moments(x, [i for i in range(1, rank) if i != axis], keepdims=True)
        outputs = normalization.batch_normalization(x, mean, variance, offset=beta, scale=gamma, epsilon=epsilon, name="instancenorm")
        return finished(outputs, None, None, activation_fn, outputs_collections)


def _offset_and_factor(x: Tensor, size: int, shape: Any, center: bool, scale: bool, initializers: Any, trainable: bool,
                       collections: Any) -> list[Any]:  # fmt: skip
    """Return the variables `beta` and `gamma` of a normalisation in a shape, None for what is not wanted."""
    found: list[Any] = []
    for name, is_wanted, default in (("beta", center, _ZEROS), ("gamma", scale, Ones())):
        initializer = (initializers or {}).get(name, default)
        variable = layer_variable(name, [size], x.dtype, initializer, trainable=trainable, collections=collections) if is_wanted else None
        found.append(None if variable is None else reshape(variable, shape))
    return found


@add_arg_scope
def group_norm(inputs: Any, groups: int = 32, channels_axis: int = -1, reduction_axes: Any = (-3, -2), center: bool = True,
               scale: bool = True, epsilon: float = 1e-6, activation_fn: Any = None, param_initializers: Any = None, reuse: Any = None,
               variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True, scope: Any = None,
               mean_close_to_zero: bool = False) -> Any:  # fmt: skip
    """Normalise groups of channels of each example to mean 0 and variance 1 (Wu and He 2018).

    Args:
      inputs: floats of known rank. groups: how many groups the channels make. channels_axis: the axis of the channels.
      reduction_axes: the axes over which moments are taken, with the channels of a group. center, scale: whether there are `beta` and
        `gamma`. epsilon: added to the variance. param_initializers: a dict by variable.
      mean_close_to_zero: accepted; the moments are taken about the mean anyway. The other arguments are those of `fully_connected`.

    Raises:
      ValueError: for a shape that is not known enough, axes that don't exist or fit, or groups that don't divide the channels.

    >>> tf.contrib.layers.group_norm(tf.zeros([2, 4, 4, 6]), groups=3).shape.as_list()
    [2, 4, 4, 6]
    """
    x = convert_to_tensor(inputs)
    shape = x.tensor_type.shape
    if shape is None:
        raise ArgumentError(f"Inputs {x.name} has undefined rank.")
    rank = len(shape)
    if not -rank <= channels_axis < rank or any(not -rank <= axis < rank for axis in reduction_axes):
        raise ArgumentError("Axis is out of bounds.")
    at, over = channels_axis % rank, [axis % rank for axis in reduction_axes]
    size = last_size(x, at)
    if at in over:
        raise ArgumentError("reduction_axis must be mutually exclusive with channels_axis")
    if groups > size:
        raise ArgumentError(f"Invalid groups {groups} for {size} channels.")
    if size % groups:
        raise ArgumentError(f"{size} channels is not commensurate with {groups} groups.")
    split = [groups, size // groups]
    # One size that is not known can stand as -1; several are looked up at run time.
    unknown = [i for i, length in enumerate(shape) if length is None]
    own: list[Any] = list(shape)
    for i in unknown:
        own[i] = -1 if len(unknown) == 1 else shape_op(x)[i]
    grouped = reshape(x, [*own[:at], *split, *own[at + 1 :]])
    with variable_scope(scope, "GroupNorm", [inputs], reuse=reuse):
        beta, gamma = _offset_and_factor(x, size, [1] * at + split + [1] * (rank - at - 1), center, scale, param_initializers, trainable,
                                         variables_collections)  # fmt: skip
        mean, variance = normalization.moments(grouped, [at + 1, *[axis + 1 if axis > at else axis for axis in over]], keepdims=True)
        gain = rsqrt(add(variance, epsilon))
        offset = multiply(negative(mean), gain)
        if gamma is not None:
            gain, offset = multiply(gain, gamma), multiply(offset, gamma)
        if beta is not None:
            offset = add(offset, beta)
        outputs = reshape(add(multiply(grouped, gain), offset), own)
        return finished(outputs, None, None, activation_fn, outputs_collections)


# --- embeddings ------------------------------------------------------------------------------------------------------------


def embed_sequence(ids: Any, vocab_size: int | None = None, embed_dim: int | None = None, unique: bool = False, initializer: Any = None,
                   regularizer: Any = None, trainable: bool = True, scope: Any = None, reuse: Any = None) -> Any:  # fmt: skip
    """Return vectors of a variable `embeddings` for numbers of symbols.

    Args:
      ids: ``[batch, length]``. vocab_size: how many symbols there are. embed_dim: size of the vectors.
      unique: accepted; it changes how the rows are looked up, not what comes out. initializer, regularizer, trainable: of the variable.
      scope: name of the scope. reuse: take the variable of that scope.

    Returns:
      A tensor ``[batch, length, embed_dim]``.

    Raises:
      ValueError: without the sizes of a variable that is to be made.

    Source: tf.contrib.layers.python.layers.encoders.

    >>> tf.contrib.layers.embed_sequence([[1, 2, 0]], vocab_size=5, embed_dim=3).shape.as_list()
    [1, 3, 3]
    """
    if not (reuse or (vocab_size and embed_dim)):
        raise ArgumentError(f"Must specify vocab size and embedding dimension when not reusing. Got {vocab_size} and {embed_dim}")
    with variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        shape = [vocab_size, embed_dim]
        embeddings = model_variable("embeddings", None if None in shape else shape, dtypes.float32, initializer, regularizer, trainable)
        return nn.embedding_lookup(embeddings, ids)
