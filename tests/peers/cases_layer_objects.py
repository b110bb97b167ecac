"""`tf.layers` as objects, pooling of sequences, separable convolutions, the further layers of contrib, and a loss of counts.

Weights come from an initializer that is a formula of the shape.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cases_layers import formula
from peer_case import ScenarioTable, lookup, raised
from peer_data import normal, positive

objects = ScenarioTable("objects")
functions = ScenarioTable("functions")
contrib = ScenarioTable("contrib_layers")
others = ScenarioTable("others")

SUMS: dict[str, Any] = {"rtol": 2e-5, "atol": 2e-5, "why": "sums of products in another order"}
FLAT, SEQUENCE, IMAGE = normal(3, 4), normal(2, 6, 3), normal(2, 5, 6, 4)
FIRST = normal(2, 4, 5, 6)


def results(tf: Any, outputs: list[Any], feeds: Any = None) -> list[Any]:
    """The names, static shapes and values of outputs, their gradients for the variables, and what stands in the collections."""
    variables = tf.trainable_variables()
    total = tf.add_n([tf.reduce_sum(tf.square(output)) for output in outputs])
    gradients = [g for g in tf.gradients(total, variables) if g is not None] if variables else []
    names = {key: [v.op.name for v in tf.get_collection(key)] for key in ("variables", "trainable_variables", "model_variables")}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values, slopes = session.run([outputs, gradients], feeds)
    return [[o.name for o in outputs], [o.get_shape().as_list() for o in outputs], names, values, slopes]


# --- objects -------------------------------------------------------------------------------------------------------------

OBJECTS: dict[str, tuple[str, Any, dict[str, Any], tuple[str, ...]]] = {
    "dense": ("Dense", FLAT, {"units": 2}, ("kernel_initializer",)),
    "dense/named": ("Dense", FLAT, {"units": 2, "use_bias": False, "name": "fc"}, ("kernel_initializer",)),
    "dense/rank_3": ("Dense", SEQUENCE, {"units": 2}, ("kernel_initializer", "bias_initializer")),
    "conv1d": ("Conv1D", SEQUENCE, {"filters": 2, "kernel_size": 3}, ("kernel_initializer",)),
    "conv2d": ("Conv2D", IMAGE, {"filters": 2, "kernel_size": 3, "padding": "same", "strides": 2}, ("kernel_initializer",)),
    "conv2d_transpose": ("Conv2DTranspose", IMAGE, {"filters": 2, "kernel_size": 3, "strides": 2}, ("kernel_initializer",)),
    "separable": ("SeparableConv2D", IMAGE, {"filters": 2, "kernel_size": 3}, ("depthwise_initializer", "pointwise_initializer")),
    "max_pooling1d": ("MaxPooling1D", SEQUENCE, {"pool_size": 2, "strides": 2}, ()),
    "max_pooling2d": ("MaxPooling2D", IMAGE, {"pool_size": 2, "strides": 2}, ()),
    "average_pooling1d": ("AveragePooling1D", SEQUENCE, {"pool_size": 3, "strides": 2, "padding": "same"}, ()),
    "average_pooling2d": ("AveragePooling2D", IMAGE, {"pool_size": [2, 3], "strides": 2, "padding": "same", "name": "p"}, ()),
    "flatten": ("Flatten", IMAGE, {}, ()),
    "dropout": ("Dropout", FLAT, {"rate": 0.4}, ()),
    "batch_normalization": ("BatchNormalization", FLAT, {"momentum": 0.9}, ()),
}


def called_twice(tf: Any, name: str, x: Any, options: dict[str, Any], initializers: tuple[str, ...]) -> list[Any]:
    """A layer used for two inputs, in a scope, and a second layer of its kind."""
    made = [getattr(tf.layers, name)(**options, **{word: formula(tf) for word in initializers}) for _ in range(2)]
    first, second = tf.constant(x), tf.constant(2.0 * x + 0.5)
    with tf.variable_scope("net"):
        outputs = [made[0](first), made[0].apply(second), made[1](first)]
    of_layers = [
        [layer.scope_name, layer.built, [v.name for v in layer.variables], [v.name for v in layer.trainable_variables]] for layer in made
    ]
    return [*results(tf, outputs), of_layers]


for label, (name, x, options, initializers) in OBJECTS.items():
    objects.add(label, lambda tf, a=(name, x, options, initializers): called_twice(tf, *a), **SUMS)


@objects("training", **SUMS)
def training(tf: Any) -> list[Any]:
    layer, other = tf.layers.BatchNormalization(momentum=0.5, name="bn"), tf.layers.Dropout(0.5)
    x = tf.constant(FLAT)
    y = layer(x, training=True)
    kept = [other(x), other(x, training=False), layer(x)]
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = session.run([y, *kept])
        session.run(updates)
        after = session.run([layer.moving_mean, layer.moving_variance, layer(x)])
    return [values, after, len(updates), len(layer.updates), layer.gamma.name, [v.name for v in layer.non_trainable_variables]]


@objects("regularized")
def regularized(tf: Any) -> list[Any]:
    """The loss of a variable is entered once, however often the layer is called."""
    options = {"kernel_initializer": formula(tf), "kernel_regularizer": lambda v: tf.reduce_sum(tf.square(v))}
    layer = tf.layers.Dense(2, name="fc", **options)
    layer(tf.constant(FLAT))
    layer(tf.constant(FLAT))
    found = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [len(found), len(layer.losses), session.run(found), layer.count_params()]


@objects("reused", **SUMS)
def reused(tf: Any) -> list[Any]:
    """A layer in a scope that reuses takes the variables that are there."""
    with tf.variable_scope("net"):
        tf.layers.dense(tf.constant(FLAT), 2, kernel_initializer=formula(tf), name="fc")
    with tf.variable_scope("net", reuse=True):
        layer = tf.layers.Dense(2, name="fc", _reuse=True)
        y = layer(tf.constant(FLAT))
    return [*results(tf, [y]), layer.kernel.name, layer.bias.name]


@objects("refused")
def refused(tf: Any) -> list[Any]:
    layer = tf.layers.Dense(2)
    wrong = raised(lambda: tf.layers.Dense(units=2, colour="red"), "colour")
    return [raised(lambda: layer.scope_name, "No name available for layer scope"), wrong]


# --- functions -----------------------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, tuple[str, Any, dict[str, Any], tuple[str, ...]]] = {
    "max_pooling1d": ("max_pooling1d", SEQUENCE, {"pool_size": 2, "strides": 1}, ()),
    "max_pooling1d/same": ("max_pooling1d", SEQUENCE, {"pool_size": 3, "strides": 2, "padding": "same"}, ()),
    "average_pooling1d": ("average_pooling1d", SEQUENCE, {"pool_size": [2], "strides": (2,), "name": "mean"}, ()),
    "separable": ("separable_conv2d", IMAGE, {"filters": 3, "kernel_size": 3}, ("depthwise_initializer", "pointwise_initializer")),
    "separable/more": (
        "separable_conv2d",
        IMAGE,
        {"filters": 2, "kernel_size": [3, 2], "strides": 2, "padding": "same", "depth_multiplier": 2, "use_bias": False},
        ("depthwise_initializer", "pointwise_initializer"),
    ),
    "separable/dilated": (
        "separable_conv2d",
        IMAGE,
        {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "name": "sep"},
        ("depthwise_initializer", "pointwise_initializer", "bias_initializer"),
    ),
}
for label, (name, x, options, initializers) in FUNCTIONS.items():
    functions.add(
        label,
        lambda tf, a=(name, x, options, initializers): results(
            tf, [getattr(tf.layers, a[0])(tf.constant(a[1]), **a[2], **{word: formula(tf) for word in a[3]})]
        ),
        **SUMS,
    )

# --- contrib.layers --------------------------------------------------------------------------------------------------------

BOTH = ("weights_initializer",)
CONTRIB: dict[str, tuple[str, Any, tuple[Any, ...], dict[str, Any], tuple[str, ...]]] = {
    "conv2d_transpose": ("conv2d_transpose", IMAGE, (2, 3), {"stride": 2}, BOTH),
    "conv2d_transpose/valid": ("conv2d_transpose", IMAGE, (2, [3, 2]), {"padding": "VALID", "activation_fn": None, "scope": "up"}, BOTH),
    "conv2d_transpose/no_biases": ("conv2d_transpose", IMAGE, (2, 3), {"biases_initializer": None}, BOTH),
    "separable_conv2d": ("separable_conv2d", IMAGE, (3, 3), {}, BOTH),
    "separable_conv2d/more": ("separable_conv2d", IMAGE, (3, [3, 2], 2), {"stride": 2, "activation_fn": None, "scope": "sep"}, BOTH),
    "separable_conv2d/depthwise": ("separable_conv2d", IMAGE, (None, 3, 2), {"padding": "VALID"}, BOTH),
    "unit_norm": ("unit_norm", FLAT, (1,), {}, ()),
    "unit_norm/first": ("unit_norm", IMAGE, (0,), {"epsilon": 1e-3, "scope": "norm"}, ()),
    "instance_norm": ("instance_norm", IMAGE, (), {}, ()),
    "instance_norm/first": ("instance_norm", FIRST, (), {"data_format": "NCHW", "center": False, "epsilon": 1e-3}, ()),
    "group_norm": ("group_norm", IMAGE, (2,), {}, ()),
    "group_norm/first": ("group_norm", FIRST, (2,), {"channels_axis": 1, "reduction_axes": (2, 3), "scale": False, "scope": "g"}, ()),
    "group_norm/one": ("group_norm", FIRST, (4,), {"channels_axis": -3, "reduction_axes": [-2, -1], "mean_close_to_zero": True}, ()),
}
for label, (name, x, positional, options, initializers) in CONTRIB.items():
    contrib.add(
        label,
        lambda tf, a=(name, x, positional, options, initializers): results(
            tf, [lookup(tf.contrib.layers, a[0])(tf.constant(a[1]), *a[2], **a[3], **{word: formula(tf) for word in a[4]})]
        ),
        rtol=1e-4,
        atol=2e-5,
        why="sums of products in another order",
    )


@contrib("collections")
def collections(tf: Any) -> list[Any]:
    images = tf.constant(IMAGE)
    tf.contrib.layers.separable_conv2d(images, 2, 3, variables_collections={"weights": ["w"], "biases": ["b"]}, outputs_collections="out")
    tf.contrib.layers.conv2d_transpose(
        images, 2, 3, variables_collections=["all"], weights_regularizer=lambda v: tf.reduce_sum(v, name="r")
    )
    found = {key: [v.op.name for v in tf.get_collection(key)] for key in ("w", "b", "out", "all")}
    return [found, len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES))]


@contrib("hidden", rtol=1e-4, atol=2e-5)
def hidden(tf: Any) -> list[Any]:
    """With a batch whose size is not known."""
    x = tf.placeholder(tf.float32, [None, 5, 6, 4])
    layers = tf.contrib.layers
    outputs = [layers.group_norm(x, 2), layers.instance_norm(x), layers.unit_norm(x, 3)]
    outputs.append(layers.conv2d_transpose(x, 2, 3, stride=2, weights_initializer=formula(tf)))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [[o.get_shape().as_list() for o in outputs], session.run(outputs, {x: IMAGE})]


@contrib("refused")
def contrib_refused(tf: Any) -> dict[str, Any]:
    layers, x = tf.contrib.layers, tf.constant(IMAGE)
    return {
        "dim": raised(lambda: layers.unit_norm(x, 4), "dim must be positive but smaller than the input rank."),
        "groups": raised(lambda: layers.group_norm(x, 3), "4 channels is not commensurate with 3 groups."),
        "too_many": raised(lambda: layers.group_norm(x, 8), "Invalid groups 8 for 4 channels."),
        "axes": raised(lambda: layers.group_norm(x, 2, -2), "reduction_axis must be mutually exclusive with channels_axis"),
        "axis": raised(lambda: layers.group_norm(x, 2, 4), "Axis is out of bounds."),
        "rank": raised(lambda: layers.instance_norm(tf.placeholder(tf.float32)), "has undefined rank."),
        "group_rank": raised(lambda: layers.group_norm(tf.placeholder(tf.float32)), "has undefined rank."),
        "layout": raised(lambda: layers.instance_norm(x, data_format="HWC"), "data_format has to be either NCHW or NHWC."),
    }


# --- others ----------------------------------------------------------------------------------------------------------------

COUNTS = np.array([[0.0, 0.5, 1.0], [2.0, 3.5, 7.0]], "float32")


@others("log_poisson_loss", rtol=1e-6)
def log_poisson_loss(tf: Any) -> list[Any]:
    rate = tf.constant(normal(2, 3, seed=5))
    found = [tf.nn.log_poisson_loss(COUNTS, rate), tf.nn.log_poisson_loss(tf.constant(COUNTS), rate, compute_full_loss=True, name="full")]
    wrong = raised(lambda: tf.nn.log_poisson_loss(COUNTS[:1], rate), "`log_input` and `targets` must have the same shape")
    slopes = tf.gradients(found, rate)
    with tf.Session() as session:
        return [[t.name.split("/")[0] for t in found], session.run([found, slopes]), wrong]


@others("sparse_placeholder")
def sparse_placeholder(tf: Any) -> list[Any]:
    x, y = tf.sparse_placeholder(tf.float32, name="x"), tf.sparse_placeholder(tf.int32, [3, 4])
    value = tf.SparseTensorValue(np.array([[0, 1], [2, 3]], "int64"), np.array([5.0, 6.0], "float32"), np.array([3, 4], "int64"))
    other = tf.SparseTensorValue(np.array([[1, 1]], "int64"), np.array([7], "int32"), np.array([3, 4], "int64"))
    parts = [x.indices, x.values, x.dense_shape, y.indices, y.values, y.dense_shape]
    with tf.Session() as session:
        given = session.run(parts, {x: value, y: other})
        again = session.run(parts[3:], {y.indices: other.indices, y.values: other.values})
    return [[t.name for t in parts], [t.dtype.name for t in parts], [t.get_shape().as_list() for t in parts], given, again]


@others("partly_known")
def partly_known(tf: Any) -> list[Any]:
    y = tf.sparse_placeholder(tf.float32, [None, 4], name="y")
    return [y.indices.get_shape().as_list(), positive(1).tolist(), y.dense_shape.name]


TABLES = (objects, functions, contrib, others)
