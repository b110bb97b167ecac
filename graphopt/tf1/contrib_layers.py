"""The layers of `tf.contrib.layers`, with TensorFlow 1's names, argument orders and variable names (`weights`, `biases`).

All variables are model variables. Functions marked `add_arg_scope` take defaults from `arg_scope`.
"""
# Long because: TensorFlow's arguments are repeated in each of the functions.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.initializers import Ones, Zeros
from graphopt.graph.variable_scope import variable_scope
from graphopt.ops import conv, normalization, pool
from graphopt.ops import nn as nn_ops
from graphopt.ops.activations import relu as relu_op
from graphopt.ops.array import identity, reshape, shape_of, shape_op
from graphopt.ops.contraction import tensordot
from graphopt.ops.elementwise import cast
from graphopt.ops.indexing import one_hot
from graphopt.ops.linalg import matmul
from graphopt.ops.softmax import softmax_op
from graphopt.tf1.arg_scope import add_arg_scope
from graphopt.tf1.contrib_layer_parts import both_sides, collected, finished, last_size, layer_variable, to_layout
from graphopt.tf1.contrib_summaries import summarize_activation as summarize_activation
from graphopt.tf1.contrib_summaries import summarize_activations as summarize_activations
from graphopt.tf1.contrib_summaries import summarize_biases as summarize_biases
from graphopt.tf1.contrib_summaries import summarize_collection as summarize_collection
from graphopt.tf1.contrib_summaries import summarize_tensor as summarize_tensor
from graphopt.tf1.contrib_summaries import summarize_tensors as summarize_tensors
from graphopt.tf1.contrib_summaries import summarize_variables as summarize_variables
from graphopt.tf1.contrib_summaries import summarize_weights as summarize_weights
from graphopt.tf1.contrib_weights import apply_regularization as apply_regularization
from graphopt.tf1.contrib_weights import l1_l2_regularizer as l1_l2_regularizer
from graphopt.tf1.contrib_weights import l1_regularizer as l1_regularizer
from graphopt.tf1.contrib_weights import l2_regularizer as l2_regularizer
from graphopt.tf1.contrib_weights import sum_regularizer as sum_regularizer
from graphopt.tf1.contrib_weights import variance_scaling_initializer as variance_scaling_initializer
from graphopt.tf1.contrib_weights import xavier_initializer as xavier_initializer
from graphopt.tf1.contrib_weights import xavier_initializer_conv2d as xavier_initializer_conv2d
from graphopt.tf1.layers import Averages, choose, flat_shape, normalized
from graphopt.train.averages import assign_moving_average

_XAVIER = xavier_initializer()
_ZEROS = Zeros()
_NORM_EPSILON, _NORM_EPSILON_HALF = 1e-12, 1e-3


def relu(features: Any, name: str | None = None) -> Any:
    """Return max(features, 0): the default activation of these layers."""
    return relu_op(features, name=name)


# --- weighted layers -----------------------------------------------------------------------------------------------------


@add_arg_scope
def fully_connected(inputs: Any, num_outputs: int, activation_fn: Any = relu, normalizer_fn: Any = None, normalizer_params: Any = None,
                    weights_initializer: Any = _XAVIER, weights_regularizer: Any = None, biases_initializer: Any = _ZEROS,
                    biases_regularizer: Any = None, reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
                    trainable: bool = True, scope: Any = None) -> Any:  # fmt: skip
    """Return activation_fn(inputs @ weights + biases), over the last axis of the inputs.

    Args:
      inputs: floats of rank 2 or more, the last size known. num_outputs: size of the result's last axis.
      activation_fn: a function, or None. normalizer_fn: a function in place of the biases, such as `batch_norm`.
      normalizer_params: its arguments. weights_initializer, weights_regularizer, biases_initializer, biases_regularizer: of the variables;
        without biases_initializer there are no biases.
      reuse: take the variables of the scope. variables_collections: further collections of the variables, or a dict of them by name.
      outputs_collections: collections of the result. trainable: whether optimizers change the variables. scope: name of the scope.

    Raises:
      ValueError: when num_outputs is no int, or the last size is not known.

    >>> y = tf.contrib.layers.fully_connected(tf.zeros([2, 3]), 4)
    >>> y.name, [v.name for v in tf.model_variables()]
    ('fully_connected/Relu:0', ['fully_connected/weights:0', 'fully_connected/biases:0'])
    """
    if not isinstance(num_outputs, (int, np.integer)):
        raise ArgumentError(f"num_outputs type should be one of [<class 'int'>], got {type(num_outputs)}.")
    with variable_scope(scope, "fully_connected", [inputs], reuse=reuse):
        x = convert_to_tensor(inputs)
        size, rank = last_size(x), x.tensor_type.rank or 0
        weights = layer_variable("weights", [size, int(num_outputs)], x.dtype, weights_initializer, regularizer=weights_regularizer,
                            trainable=trainable, collections=variables_collections)  # fmt: skip
        has_biases = normalizer_fn is None and biases_initializer is not None
        biases = layer_variable("biases", [int(num_outputs)], x.dtype, biases_initializer, regularizer=biases_regularizer,
                           trainable=trainable, collections=variables_collections) if has_biases else None  # fmt: skip
        outputs = matmul(x, weights) if rank == 2 else tensordot(x, weights, [[rank - 1], [0]])
        if biases is not None:
            outputs = nn_ops.bias_add(outputs, biases)
        return finished(outputs, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


linear = fully_connected


@add_arg_scope
def conv2d(inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME", data_format: str | None = None,
           rate: Any = 1, activation_fn: Any = relu, normalizer_fn: Any = None, normalizer_params: Any = None,
           weights_initializer: Any = _XAVIER, weights_regularizer: Any = None, biases_initializer: Any = _ZEROS,
           biases_regularizer: Any = None, reuse: Any = None, variables_collections: Any = None, outputs_collections: Any = None,
           trainable: bool = True, scope: Any = None) -> Any:  # fmt: skip
    """Return activation_fn(convolution of images and weights + biases).

    Args:
      inputs: images. num_outputs: how many channels the result has. kernel_size, stride, rate: a number, or height and width.
      padding: "SAME" or "VALID". data_format: "NHWC" or "NCHW". The other arguments are those of `fully_connected`.

    Raises:
      ValueError: for another layout or rank, or when the number of channels is not known.

    >>> tf.contrib.layers.conv2d(tf.zeros([2, 8, 8, 3]), 4, 3).name, [v.name for v in tf.model_variables()]
    ('Conv/Relu:0', ['Conv/weights:0', 'Conv/biases:0'])
    """
    layout = to_layout(data_format)
    with variable_scope(scope, "Conv", [inputs], reuse=reuse):
        x = convert_to_tensor(inputs)
        if x.tensor_type.rank != 4:
            raise ArgumentError(f"Convolution expects input with rank 4, got {x.tensor_type.rank}")
        depth = last_size(x, 1 if layout == "NCHW" else -1)
        weights = layer_variable("weights", [*both_sides(kernel_size), depth, int(num_outputs)], x.dtype, weights_initializer,
                            regularizer=weights_regularizer, trainable=trainable, collections=variables_collections)  # fmt: skip
        has_biases = normalizer_fn is None and biases_initializer is not None
        biases = layer_variable("biases", [int(num_outputs)], x.dtype, biases_initializer, regularizer=biases_regularizer,
                           trainable=trainable, collections=variables_collections) if has_biases else None  # fmt: skip
        outputs = conv.conv2d(x, weights, strides=both_sides(stride), padding=padding, dilations=both_sides(rate), data_format=layout)
        if biases is not None:
            outputs = nn_ops.bias_add(outputs, biases, data_format=layout)
        return finished(outputs, normalizer_fn, normalizer_params, activation_fn, outputs_collections)


convolution2d = conv2d


@add_arg_scope
def bias_add(inputs: Any, activation_fn: Any = None, initializer: Any = _ZEROS, regularizer: Any = None, reuse: Any = None,
             variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True, data_format: str = "NHWC",
             scope: Any = None) -> Any:  # fmt: skip
    """Return the inputs with a variable `biases`, one number for each channel, added. Arguments as for `fully_connected`."""
    layout = to_layout(data_format)
    with variable_scope(scope, "BiasAdd", [inputs], reuse=reuse):
        x = convert_to_tensor(inputs)
        biases = layer_variable("biases", [last_size(x, 1 if layout == "NCHW" else -1)], x.dtype, initializer, regularizer=regularizer,
                           trainable=trainable, collections=variables_collections)  # fmt: skip
        outputs = nn_ops.bias_add(x, biases, data_format=layout)
        return finished(outputs, None, None, activation_fn, outputs_collections)


# --- normalisation -------------------------------------------------------------------------------------------------------


@add_arg_scope
def batch_norm(inputs: Any, decay: float = 0.999, center: bool = True, scale: bool = False, epsilon: float = 0.001,
               activation_fn: Any = None, param_initializers: Any = None, param_regularizers: Any = None,
               updates_collections: Any = GraphKeys.UPDATE_OPS, is_training: Any = True, reuse: Any = None,
               variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True, batch_weights: Any = None,
               fused: bool | None = None, data_format: str = "NHWC", zero_debias_moving_mean: bool = False, scope: Any = None,
               renorm: bool = False, renorm_clipping: Any = None, renorm_decay: float = 0.99, adjustment: Any = None) -> Any:  # fmt: skip
    """Normalise each channel: in training by the batch's own mean and variance, otherwise by moving averages of them.

    In training, two operations in `updates_collections` move the averages; `optimize_loss` runs those in UPDATE_OPS. With None the
    averages move whenever the result is computed.

    Args:
      inputs: floats of known rank. decay: how much of an average stays in each step. center, scale: whether there are `beta` and `gamma`.
      epsilon: added to the variance. activation_fn: a function of the result. param_initializers, param_regularizers: dicts by variable.
      is_training: a Python bool, or a bool tensor. fused: as in TensorFlow: for rank 2 and 4 the averaged variance is the unbiased one,
        unless False. data_format: "NHWC" or "NCHW". zero_debias_moving_mean: correct the mean for its start from 0.
      reuse, variables_collections, outputs_collections, trainable, scope: as for `fully_connected`.
      batch_weights, renorm, adjustment: not supported.

    Raises:
      ValueError: when the rank or the number of channels is not known, or for what is not supported.

    >>> y = tf.contrib.layers.batch_norm(tf.zeros([8, 3]))
    >>> [v.name for v in tf.model_variables()]
    ['BatchNorm/beta:0', 'BatchNorm/moving_mean:0', 'BatchNorm/moving_variance:0']
    """
    if renorm or batch_weights is not None or adjustment is not None:
        raise ArgumentError("batch_norm does not support batch_weights, renorm and adjustment.")
    layout = to_layout(data_format)
    with variable_scope(scope, "BatchNorm", [inputs], reuse=reuse):
        x = convert_to_tensor(inputs)
        rank = x.tensor_type.rank
        if rank is None:
            raise ArgumentError(f"Inputs {x.name} has undefined rank")
        axis = 1 if layout == "NCHW" else rank - 1
        size = last_size(x, axis)
        make = _normalisation_variables(size, x.dtype, param_initializers, param_regularizers, variables_collections)
        beta = make("beta", _ZEROS, trainable) if center else np.zeros(size, _wide(x.dtype).np)
        gamma = make("gamma", Ones(), trainable) if scale else np.ones(size, _wide(x.dtype).np)
        averages = Averages(
            make("moving_mean", _ZEROS, False), make("moving_variance", Ones(), False), fused is not False and rank in (2, 4)
        )
        outputs, moments = normalized(
            cast(x, _wide(x.dtype)), gamma, beta, averages, axis=axis, epsilon=float(epsilon), training=is_training
        )
        outputs = _with_updates(cast(outputs, x.dtype), averages, moments, decay, zero_debias_moving_mean, updates_collections)
        return finished(outputs, None, None, activation_fn, outputs_collections)


def _wide(dtype: DType) -> DType:
    return dtypes.float32 if dtype is dtypes.float16 else dtype


def _normalisation_variables(size: int, dtype: DType, initializers: Any, regularizers: Any, collections: Any) -> Callable[..., Any]:
    """Return a function that makes the variable of a name, with the initializer and regularizer given for it."""
    own_initializers, own_regularizers = initializers or {}, regularizers or {}

    def make(name: str, initializer: Any, trainable: bool) -> Any:
        return layer_variable(name, [size], _wide(dtype), own_initializers.get(name, initializer), regularizer=own_regularizers.get(name),
                         trainable=trainable, collections=collections)  # fmt: skip

    return make


def _with_updates(outputs: Any, averages: Averages, moments: Any, decay: float, zero_debias: bool, collections: Any) -> Any:
    """Record what moves the averages; return the outputs, after these updates where they belong to no collection."""
    if moments is None:
        return outputs
    updates = [assign_moving_average(averages.mean, moments[0], decay, zero_debias=zero_debias),
               assign_moving_average(averages.variance, moments[1], decay, zero_debias=False)]  # fmt: skip
    if collections is None:
        with get_default_graph().control_dependencies(updates):
            return identity(outputs)
    for update in updates:
        get_default_graph().root.add_to_collections(collections, update)
    return outputs


@add_arg_scope
def layer_norm(inputs: Any, center: bool = True, scale: bool = True, activation_fn: Any = None, reuse: Any = None,
               variables_collections: Any = None, outputs_collections: Any = None, trainable: bool = True, begin_norm_axis: int = 1,
               begin_params_axis: int = -1, scope: Any = None) -> Any:  # fmt: skip
    """Normalise each example to mean 0 and variance 1 over its axes from `begin_norm_axis` on (Ba et al. 2016).

    Args:
      inputs: floats of known rank. center, scale: whether there are `beta` and `gamma`, shaped like the axes from `begin_params_axis` on.
      The other arguments are those of `fully_connected`.

    Raises:
      ValueError: when the rank or those sizes are not known, or for an axis that does not exist.
    """
    with variable_scope(scope, "LayerNorm", [inputs], reuse=reuse):
        x = convert_to_tensor(inputs)
        shape = x.tensor_type.shape
        if shape is None:
            raise ArgumentError(f"Inputs {x.name} has undefined rank.")
        rank = len(shape)
        first = begin_norm_axis + rank if begin_norm_axis < 0 else begin_norm_axis
        if begin_params_axis >= rank or first >= rank:
            found = f"begin_params_axis ({begin_params_axis}) and begin_norm_axis ({first})"
            raise ArgumentError(f"{found} must be < rank(inputs) ({rank})")
        sizes = shape[begin_params_axis:]
        if None in sizes:
            raise ArgumentError(f"Inputs {x.name}: shape(inputs)[{begin_params_axis}:] is not fully defined: {x.shape[begin_params_axis:]}")
        make: dict[str, Any] = {"trainable": trainable, "collections": variables_collections}
        beta = layer_variable("beta", list(sizes), x.dtype, _ZEROS, **make) if center else None
        gamma = layer_variable("gamma", list(sizes), x.dtype, Ones(), **make) if scale else None
        mean, variance = normalization.moments(x, list(range(first, rank)), keepdims=True)
        epsilon = _NORM_EPSILON_HALF if x.dtype is dtypes.float16 else _NORM_EPSILON
        outputs = normalization.batch_normalization(x, mean, variance, offset=beta, scale=gamma, epsilon=epsilon)
        return finished(outputs, None, None, activation_fn, outputs_collections)


# --- pooling, shape, dropout -----------------------------------------------------------------------------------------------


@add_arg_scope
def max_pool2d(inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NHWC",
               outputs_collections: Any = None, scope: Any = None) -> Any:  # fmt: skip
    """Return the largest element of each window of images."""
    return _pooled(pool.max_pool, "MaxPool2D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope)


@add_arg_scope
def avg_pool2d(inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID", data_format: str = "NHWC",
               outputs_collections: Any = None, scope: Any = None) -> Any:  # fmt: skip
    """Return the mean of each window of images; padding does not count."""
    return _pooled(pool.avg_pool, "AvgPool2D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope)


def _pooled(function: Any, default_scope: str, inputs: Any, kernel_size: Any, stride: Any, padding: str, data_format: str, collections: Any,
            scope: Any) -> Any:  # fmt: skip
    layout = to_layout(data_format)
    with variable_scope(scope, default_scope, [inputs]):
        x = convert_to_tensor(inputs)
        outputs = function(x, ksize=both_sides(kernel_size), strides=both_sides(stride), padding=padding, data_format=layout)
        return collected(collections, outputs)


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Any:
    """Return the inputs as a matrix: the first axis stays, the others become one.

    Raises:
      ValueError: for fewer than two axes.
    """
    with variable_scope(scope, "Flatten", [inputs]):
        x = convert_to_tensor(inputs)
        if x.tensor_type.rank is None or x.tensor_type.rank < 2:
            raise ArgumentError("Inputs must have a least 2 dimensions.")
        return collected(outputs_collections, reshape(x, flat_shape(x)))


@add_arg_scope
def dropout(inputs: Any, keep_prob: Any = 0.5, noise_shape: Any = None, is_training: Any = True, outputs_collections: Any = None,
            scope: Any = None, seed: int | None = None) -> Any:  # fmt: skip
    """Return the inputs with elements set to 0 with probability 1 - `keep_prob` in training, and as they are otherwise."""
    with variable_scope(scope, "Dropout", [inputs]):
        x = convert_to_tensor(inputs)
        outputs = choose(
            is_training, lambda: nn_ops.dropout(x, rate=1 - keep_prob, noise_shape=noise_shape, seed=seed), lambda: identity(x)
        )
        return collected(outputs_collections, outputs)


@add_arg_scope
def one_hot_encoding(labels: Any, num_classes: int, on_value: float = 1.0, off_value: float = 0.0, outputs_collections: Any = None,
                     scope: Any = None) -> Any:  # fmt: skip
    """Return labels, given by number, as vectors with `on_value` at the label's place.

    >>> tf.contrib.layers.one_hot_encoding([1], 3).shape.as_list()
    [1, 3]
    """
    with variable_scope(scope, "OneHotEncoding", [labels]):
        return collected(outputs_collections, one_hot(convert_to_tensor(labels), num_classes, on_value=on_value, off_value=off_value))


def softmax(logits: Any, scope: Any = None) -> Any:
    """Return softmax over the last axis of tensors of any rank."""
    with variable_scope(scope, "softmax", [logits]):
        x = convert_to_tensor(logits)
        matrix = reshape(x, [-1, last_size(x)])
        return reshape(softmax_op(matrix), shape_of(x) if x.tensor_type.is_static else shape_op(x))


# --- several layers --------------------------------------------------------------------------------------------------------


def _layer_name(layer: Any, default: str) -> str:
    return getattr(layer, "__name__", None) or getattr(getattr(layer, "func", None), "__name__", None) or default


def stack(inputs: Any, layer: Callable[..., Any], stack_args: Any, **kwargs: Any) -> Any:
    """Apply a layer several times, each time with other arguments.

    Args:
      inputs: of the first. layer: a layer function. stack_args: for each time its arguments (a list, or the only one).
      kwargs: further arguments of all; `scope` names the scope.

    Raises:
      ValueError: when stack_args is no list.

    >>> tf.contrib.layers.stack(tf.zeros([2, 3]), tf.contrib.layers.fully_connected, [4, 5]).name
    'Stack/fully_connected_2/Relu:0'
    """
    scope = kwargs.pop("scope", None)
    if not isinstance(stack_args, (list, tuple)):
        raise ArgumentError("stack_args need to be a list or tuple")
    with variable_scope(scope, "Stack", [inputs]):
        outputs = convert_to_tensor(inputs)
        prefix = scope if isinstance(scope, str) else _layer_name(layer, "stack")
        for i, own in enumerate(stack_args, 1):
            arguments = own if isinstance(own, (list, tuple)) else [own]
            outputs = layer(outputs, *arguments, scope=f"{prefix}_{i}", **kwargs)
        return outputs


def repeat(inputs: Any, repetitions: int, layer: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Apply a layer several times with the same arguments.

    Args:
      inputs: of the first. repetitions: how often. layer: a layer function. args, kwargs: its arguments; `scope` names the scope.
    """
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat", [inputs]):
        outputs = convert_to_tensor(inputs)
        prefix = scope if isinstance(scope, str) else _layer_name(layer, "repeat")
        for i in range(1, int(repetitions) + 1):
            outputs = layer(outputs, *args, scope=f"{prefix}_{i}", **kwargs)
        return outputs
