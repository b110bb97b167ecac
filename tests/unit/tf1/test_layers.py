"""`tf.layers`: variables, names, collections, training and inference, messages (values are compared with TensorFlow's in tests/peers)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((6, 3)).astype("float32")
IMAGES = RANDOM.standard_normal((2, 5, 6, 3)).astype("float32")


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """Record every test into a graph of its own."""
    with tf.Graph().as_default() as fresh:
        yield fresh


def run(fetches: Any, feeds: Any = None) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feeds)


def names(variables: Any) -> list[str]:
    return [v.name for v in variables]


def test_dense() -> None:
    y = tf.layers.dense(X, 2, activation=tf.nn.relu, kernel_regularizer=tf.nn.l2_loss, activity_regularizer=tf.reduce_sum)
    w, b = tf.trainable_variables()
    value, kernel, bias, losses = run([y, w, b, tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)])
    np.testing.assert_allclose(value, np.maximum(X @ kernel + bias, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(losses, [(kernel**2).sum() / 2, value.sum()], rtol=1e-5)
    assert names([w, b, y]) == ["dense/kernel:0", "dense/bias:0", "dense/Relu:0"]


def test_dense_takes_names_scopes_and_reuse() -> None:
    tf.layers.dense(X, 2, use_bias=False)
    tf.layers.dense(X, 2, use_bias=False)
    tf.layers.dense(X, 2, use_bias=False, name="out")
    tf.layers.dense(X, 2, use_bias=False, name="out", reuse=True)
    tf.layers.dense(X, 2, use_bias=False, reuse=True)
    assert names(tf.global_variables()) == ["dense/kernel:0", "dense_1/kernel:0", "out/kernel:0"]
    with pytest.raises(ValueError, match="Variable out/kernel already exists, disallowed"):
        tf.layers.dense(X, 2, name="out")


def test_dense_of_higher_rank_keeps_leading_axes() -> None:
    x = RANDOM.standard_normal((2, 4, 3))
    y = tf.layers.dense(x, 5, trainable=False, bias_initializer=tf.ones_initializer())
    kernel = tf.global_variables()[0]
    value, w = run([y, kernel])
    np.testing.assert_allclose(value, x @ w + 1.0)
    assert (y.dtype, tf.trainable_variables()) == (tf.float64, [])


@pytest.mark.parametrize("padding", ["valid", "SAME"])
def test_conv2d_in_both_layouts(padding: str) -> None:
    last = tf.layers.conv2d(IMAGES, 4, (3, 2), strides=2, padding=padding, name="c")
    first = tf.layers.conv2d(
        IMAGES.transpose(0, 3, 1, 2), 4, (3, 2), strides=2, padding=padding, data_format="channels_first", name="c", reuse=True
    )
    a, b = run([last, first])
    np.testing.assert_allclose(a, b.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
    assert tf.trainable_variables()[0].shape.as_list() == [3, 2, 3, 4]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_conv2d_transpose_has_the_size_a_convolution_came_from(padding: str, data_format: str) -> None:
    is_last = data_format == "channels_last"
    x = tf.placeholder(tf.float32, [None, 5, None, 3] if is_last else [None, 3, 5, None])
    y = tf.layers.conv2d_transpose(x, 4, 3, strides=2, padding=padding, data_format=data_format)
    height, width = (10, 12) if padding == "same" else (11, 13)
    value = run(y, {x: IMAGES if is_last else IMAGES.transpose(0, 3, 1, 2)})
    assert value.shape == ((2, height, width, 4) if is_last else (2, 4, height, width))
    assert y.shape.as_list() == ([None, height, None, 4] if is_last else [None, 4, height, None])


def test_conv1d_in_both_layouts() -> None:
    x = RANDOM.standard_normal((2, 7, 3)).astype("float32")
    last = tf.layers.conv1d(x, 4, 3, name="c")
    first = tf.layers.conv1d(x.transpose(0, 2, 1), 4, 3, data_format="channels_first", name="c", reuse=True)
    a, b = run([last, first])
    np.testing.assert_allclose(a, b.transpose(0, 2, 1), rtol=1e-4, atol=1e-5)


def test_flatten_and_pooling() -> None:
    x = tf.placeholder(tf.float32, [None, 5, 6, 3])
    flat, first = tf.layers.flatten(x), tf.layers.flatten(x, data_format="channels_first")
    assert (flat.shape.as_list(), flat.name) == ([None, 90], "flatten/Reshape:0")
    a, b = run([flat, first], {x: IMAGES})
    np.testing.assert_array_equal(a, IMAGES.reshape(2, 90))
    np.testing.assert_array_equal(b, IMAGES.transpose(0, 2, 3, 1).reshape(2, 90))
    unknown = tf.placeholder(tf.float32, [None, None, 3])
    assert run(tf.layers.flatten(unknown), {unknown: IMAGES[0]}).shape == (5, 18)
    fixed = tf.placeholder(tf.float32, [5, None, 3])
    assert run(tf.layers.flatten(fixed), {fixed: IMAGES[0]}).shape == (5, 18)
    assert tf.layers.max_pooling2d(x, 2, 2).shape.as_list() == [None, 2, 3, 3]
    assert tf.layers.average_pooling2d(x, [2, 3], (1, 3), padding="same").shape.as_list() == [None, 5, 2, 3]


@pytest.mark.parametrize("flag", [True, False, 1, 0])
def test_dropout_by_a_python_value_or_a_tensor(flag: Any) -> None:
    x = np.ones((50, 20), "float32")
    training = tf.placeholder(tf.bool, [])
    known, chosen = tf.layers.dropout(x, 0.5, training=flag), tf.layers.dropout(x, 0.5, training=training)
    for value in run([known, chosen], {training: bool(flag)}):
        assert set(np.unique(value).tolist()) == ({0.0, 2.0} if flag else {1.0})


# --- batch normalisation -------------------------------------------------------------------------------------------------


def reference(x: Any, mean: Any, variance: Any) -> Any:
    return (x - mean) / np.sqrt(variance + 1e-3)


@pytest.mark.parametrize("how", ["python", "tensor"])
def test_batch_normalization_in_training_and_after(how: str) -> None:
    training = tf.placeholder(tf.bool, []) if how == "tensor" else True
    y = tf.layers.batch_normalization(X, momentum=0.9, training=training)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    averages = tf.global_variables()[2:]
    feed = {training: True} if how == "tensor" else None
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value, *_ = session.run([y, *updates], feed)
        np.testing.assert_allclose(value, reference(X, X.mean(0), X.var(0)), rtol=1e-4, atol=1e-5)
        moved = session.run(averages)
        np.testing.assert_allclose(moved, [0.1 * X.mean(0), 0.9 + 0.1 * X.var(0)], rtol=1e-4, atol=1e-6)
        if how == "tensor":
            after, *_ = session.run([y, *updates], {training: False})
            np.testing.assert_allclose(after, reference(X, *moved), rtol=1e-4, atol=1e-5)
            np.testing.assert_array_equal(session.run(averages), moved)
    assert names(tf.trainable_variables()) == ["batch_normalization/gamma:0", "batch_normalization/beta:0"]


@pytest.mark.parametrize("axis", [1, 3])
def test_batch_normalization_of_images_averages_the_unbiased_variance(axis: int) -> None:
    tf.layers.batch_normalization(IMAGES, axis=axis, momentum=0.0, training=True, center=False, scale=False, name="a")
    tf.layers.batch_normalization(IMAGES, axis=axis, momentum=0.0, training=True, center=False, scale=False, fused=False, name="b")
    flat = np.moveaxis(IMAGES, axis, -1).reshape(-1, IMAGES.shape[axis])
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    np.testing.assert_allclose(run(updates[1]), flat.var(0, ddof=1), rtol=1e-4)
    np.testing.assert_allclose(run(updates[3]), flat.var(0), rtol=1e-4)
    assert names(tf.global_variables()) == ["a/moving_mean:0", "a/moving_variance:0", "b/moving_mean:0", "b/moving_variance:0"]


def test_batch_normalization_trains() -> None:
    y = tf.layers.batch_normalization(X, training=True)
    slopes = tf.gradients(tf.reduce_sum(y * X), tf.trainable_variables())
    unit = reference(X, X.mean(0), X.var(0))
    np.testing.assert_allclose(run(slopes), [(unit * X).sum(0), X.sum(0)], rtol=1e-4, atol=1e-5)


def test_batch_normalization_of_half_keeps_its_variables_single() -> None:
    y = tf.layers.batch_normalization(X.astype("float16"), training=True)
    assert (y.dtype, {v.dtype for v in tf.global_variables()}) == (tf.float16, {tf.float32})
    np.testing.assert_allclose(run(y), reference(X, X.mean(0), X.var(0)), atol=2e-3)


# --- messages ----------------------------------------------------------------------------------------------------------


def test_refusals() -> None:
    hidden, unknown = tf.placeholder(tf.float32, [2, None]), tf.placeholder(tf.float32, None)
    with pytest.raises(ValueError, match=r"The last dimension of the inputs to `Dense` should be defined\. Found `None`\."):
        tf.layers.dense(hidden, 2)
    with pytest.raises(ValueError, match=r"The last dimension of the inputs to `Dense` should be defined"):
        tf.layers.dense(unknown, 2)
    with pytest.raises(ValueError, match="Input 0 of layer conv2d is incompatible with the layer: expected ndim=4, found ndim=2"):
        tf.layers.conv2d(X, 2, 3)
    with pytest.raises(ValueError, match=r'must be one of "channels_first", "channels_last"\. Received: NHWC'):
        tf.layers.conv2d(IMAGES, 2, 3, data_format="NHWC")
    with pytest.raises(ValueError, match=r"The `kernel_size` argument must be a tuple of 2 integers\. Received: \(1, 2, 3\)"):
        tf.layers.conv2d(IMAGES, 2, (1, 2, 3))
    with pytest.raises(ValueError, match="batch_normalization does not support renorm, virtual_batch_size and adjustment"):
        tf.layers.batch_normalization(X, renorm=True)
    with pytest.raises(ValueError, match="Input has undefined rank: <unknown>"):
        tf.layers.batch_normalization(unknown)
