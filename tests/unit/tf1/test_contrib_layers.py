"""`tf.contrib.layers`: variables, names, collections, regularizers, initializers, summaries, `arg_scope` and messages."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf

layers = tf.contrib.layers
framework = tf.contrib.framework

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


def names(items: Any) -> list[str]:
    return [item.name for item in items]


def test_fully_connected() -> None:
    y = layers.fully_connected(
        X, 2, biases_initializer=tf.ones_initializer(), weights_regularizer=layers.l2_regularizer(0.5), outputs_collections="out",
        variables_collections={"weights": ["mine"]},
    )  # fmt: skip
    weights, biases = tf.model_variables()
    value, w, loss = run([y, weights, tf.losses.get_regularization_loss()])
    np.testing.assert_allclose(value, np.maximum(X @ w + 1, 0), rtol=1e-5, atol=1e-6)
    assert loss == pytest.approx(0.25 * (w**2).sum(), rel=1e-5)
    assert names([weights, biases, y]) == ["fully_connected/weights:0", "fully_connected/biases:0", "fully_connected/Relu:0"]
    assert (tf.get_collection("out"), tf.get_collection("mine")) == ([y], [weights])
    assert np.abs(w).max() <= np.sqrt(6 / 5)


def test_fully_connected_with_a_normalizer_has_no_biases() -> None:
    layers.fully_connected(X, 2, normalizer_fn=layers.batch_norm, normalizer_params={"scale": True}, activation_fn=None, scope="a")
    assert names(tf.model_variables()) == [
        "a/weights:0",
        "a/BatchNorm/beta:0",
        "a/BatchNorm/gamma:0",
        "a/BatchNorm/moving_mean:0",
        "a/BatchNorm/moving_variance:0",
    ]
    again = layers.fully_connected(X[None], 2, normalizer_fn=lambda x: x, activation_fn=None, scope="a", reuse=True)
    assert (again.shape.as_list(), len(tf.global_variables())) == ([1, 6, 2], 5)


def test_conv2d_and_bias_add() -> None:
    y = layers.conv2d(IMAGES, 4, [3, 3], stride=2, activation_fn=None)
    first = layers.conv2d(IMAGES.transpose(0, 3, 1, 2), 4, 3, stride=2, data_format="NCHW", activation_fn=None, scope="Conv", reuse=True)
    a, b = run([y, first])
    np.testing.assert_allclose(a, b.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
    assert names([y, *tf.model_variables()]) == ["Conv/BiasAdd:0", "Conv/weights:0", "Conv/biases:0"]
    z = layers.bias_add(X, initializer=tf.ones_initializer(), activation_fn=tf.nn.relu)
    np.testing.assert_allclose(run(z), np.maximum(X + 1, 0), rtol=1e-6)


# --- normalisation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 2, 3), (2, 3, 3)])
def test_batch_norm_and_its_updates(shape: Any) -> None:
    x = RANDOM.standard_normal(shape).astype("float32")
    y = layers.batch_norm(x, decay=0.9, activation_fn=tf.nn.relu)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    flat = x.reshape(-1, shape[-1])
    value, mean, variance = run([y, *updates])
    np.testing.assert_allclose(value, np.maximum((x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-3), 0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(mean, 0.1 * flat.mean(0), rtol=1e-4, atol=1e-6)
    # As in TensorFlow, where the fused kernel is used (rank 2 and 4) the unbiased variance is averaged.
    np.testing.assert_allclose(variance, 0.9 + 0.1 * flat.var(0, ddof=1 if len(shape) != 3 else 0), rtol=1e-4)
    assert names(tf.model_variables()) == ["BatchNorm/beta:0", "BatchNorm/moving_mean:0", "BatchNorm/moving_variance:0"]
    assert names(tf.trainable_variables()) == ["BatchNorm/beta:0"]


def test_batch_norm_without_a_collection_updates_in_place() -> None:
    y = layers.batch_norm(X, decay=0.0, updates_collections=None)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(y)
        np.testing.assert_allclose(session.run(tf.model_variables()[1]), X.mean(0), rtol=1e-5)


def test_batch_norm_outside_of_training_and_by_a_tensor() -> None:
    given = {"moving_mean": tf.constant_initializer(0.5), "beta": tf.ones_initializer()}
    y = layers.batch_norm(X, is_training=False, param_initializers=given, epsilon=0.0)
    assert tf.get_collection(tf.GraphKeys.UPDATE_OPS) == []
    np.testing.assert_allclose(run(y), X - 0.5 + 1, rtol=1e-5, atol=1e-6)
    training = tf.placeholder(tf.bool, [])
    z = layers.batch_norm(X, is_training=training, center=False, zero_debias_moving_mean=True, decay=0.9)
    update = tf.get_collection(tf.GraphKeys.UPDATE_OPS)[0]
    np.testing.assert_allclose(run(update, {training: True}), X.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(run(z, {training: False}), X / np.sqrt(1.001), rtol=1e-5, atol=1e-6)


def test_optimize_loss_runs_the_updates() -> None:
    loss = tf.reduce_mean(tf.square(layers.fully_connected(layers.batch_norm(X, decay=0.5), 1, None)))
    train = layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.01, "SGD")
    average = next(v for v in tf.model_variables() if v.op.name.endswith("moving_mean"))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        np.testing.assert_allclose(session.run(average), 0.5 * X.mean(0), rtol=1e-5)


def test_layer_norm() -> None:
    y = layers.layer_norm(IMAGES, begin_norm_axis=-3, activation_fn=tf.nn.relu)
    flat = IMAGES.reshape(2, -1)
    unit = (flat - flat.mean(1, keepdims=True)) / flat.std(1, keepdims=True)
    np.testing.assert_allclose(run(y), np.maximum(unit, 0).reshape(IMAGES.shape), rtol=1e-4, atol=1e-5)
    assert names(tf.model_variables()) == ["LayerNorm/beta:0", "LayerNorm/gamma:0"]


# --- small layers --------------------------------------------------------------------------------------------------------


def test_small_layers() -> None:
    x = tf.placeholder(tf.float32, [None, 5, 6, 3])
    assert layers.flatten(x).shape.as_list() == [None, 90]
    assert layers.max_pool2d(x, 2).name == "MaxPool2D/MaxPool:0"
    assert layers.avg_pool2d(x, [2, 2], stride=1, padding="SAME").shape.as_list() == [None, 5, 6, 3]
    assert set(np.unique(run(layers.dropout(np.ones((40, 40), "float32"), 0.8))).tolist()) == {0.0, 1.25}
    assert run(layers.dropout(X, is_training=False)).tolist() == X.tolist()
    assert run(layers.one_hot_encoding([2, 0], 3)).tolist() == [[0, 0, 1], [1, 0, 0]]
    p = layers.softmax(x)
    np.testing.assert_allclose(run(p, {x: IMAGES}).sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(run(layers.softmax(X)).sum(-1), 1, rtol=1e-5)


def test_stack_and_repeat() -> None:
    y = layers.stack(X, layers.fully_connected, [4, [5]], scope="net")
    z = layers.repeat(y, 2, layers.fully_connected, 3, activation_fn=None)
    assert (y.shape.as_list(), z.name) == ([6, 5], "Repeat/fully_connected_2/BiasAdd:0")
    assert names(tf.model_variables())[::2] == [
        "net/net_1/weights:0", "net/net_2/weights:0", "Repeat/fully_connected_1/weights:0", "Repeat/fully_connected_2/weights:0"
    ]  # fmt: skip
    assert layers.stack(X, lambda x, scope: x, [[]]).shape.as_list() == [6, 3]


# --- regularizers and initializers -----------------------------------------------------------------------------------------


def test_regularizers() -> None:
    w = tf.constant([1.0, -3.0])
    penalties = [layers.l1_regularizer(0.5)(w), layers.l2_regularizer(0.1)(w), layers.l1_l2_regularizer(0.5, 0.1)(w)]
    np.testing.assert_allclose(run(penalties), [2.0, 0.5, 2.5], rtol=1e-6)
    np.testing.assert_allclose(run([layers.l1_l2_regularizer(0.0, 0.1)(w), layers.l1_l2_regularizer(0.5, 0.0)(w)]), [0.5, 2.0], rtol=1e-6)
    assert layers.l1_regularizer(0.0)(w) is None
    assert layers.sum_regularizer([None]) is None
    assert layers.sum_regularizer([layers.l1_regularizer(0.0)])(w) is None


def test_apply_regularization() -> None:
    tf.add_to_collection(tf.GraphKeys.WEIGHTS, tf.constant([2.0]))
    total = layers.apply_regularization(layers.l2_regularizer(1.0))
    assert (run(total), tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == (2.0, [total])
    assert run(layers.apply_regularization(lambda w: None, [tf.constant(1.0)])) == 0.0


@pytest.mark.parametrize(("mode", "n"), [("FAN_IN", 200), ("FAN_OUT", 400), ("FAN_AVG", 300)])
@pytest.mark.parametrize("uniform", [True, False])
def test_variance_scaling(mode: str, n: int, uniform: bool) -> None:
    values = run(layers.variance_scaling_initializer(2.0, mode, uniform, seed=1)([2, 1, 100, 200]))
    assert values.var() == pytest.approx(2.0 / n, rel=0.05)
    assert np.abs(values).max() <= np.sqrt(6.0 / n) if uniform else 2 * np.sqrt(2.6 / n)


def test_initializers_of_small_shapes() -> None:
    initializer = layers.variance_scaling_initializer(uniform=True)
    assert [run(initializer(shape)).shape for shape in ([], [5])] == [(), (5,)]
    assert run(layers.xavier_initializer_conv2d(dtype=tf.float64)([3, 3, 2, 2])).dtype == np.float64


# --- summaries ---------------------------------------------------------------------------------------------------------


def test_summaries() -> None:
    layers.fully_connected(X, 2, scope="fc")
    y = tf.nn.relu6(tf.constant([-1.0, 3.0, 7.0, 8.0]), name="act")
    tf.add_to_collection(tf.GraphKeys.ACTIVATIONS, y)
    tf.add_to_collection(tf.GraphKeys.BIASES, tf.model_variables()[1])
    tf.add_to_collection(tf.GraphKeys.WEIGHTS, tf.model_variables()[0])
    made = [*layers.summarize_variables(), *layers.summarize_activations(), *layers.summarize_biases(), *layers.summarize_weights()]
    assert len(made) == 5
    assert layers.summarize_tensor(tf.constant(True)) is None
    layers.summarize_tensors([tf.constant(1.0, name="one")])
    merged = tf.summary.merge(tf.get_collection(tf.GraphKeys.SUMMARIES))
    values = {v.tag: v for v in run(merged).value}
    assert {"fc/weights_summary", "fc/biases_summary", "act/activation", "act/zeros", "act/sixes", "one_summary"} <= set(values)
    assert (values["act/zeros"].simple_value, values["act/sixes"].simple_value) == (0.25, 0.5)


# --- arg_scope ---------------------------------------------------------------------------------------------------------


def test_arg_scope() -> None:
    with framework.arg_scope([layers.fully_connected, layers.conv2d], activation_fn=None) as outer:
        with framework.arg_scope([layers.fully_connected], biases_initializer=None):
            assert layers.fully_connected(X, 2).op.type == "MatMul"
            assert layers.fully_connected(X, 2, activation_fn=tf.nn.relu).op.type == "Relu"
        assert layers.fully_connected(X, 2).op.type == "BiasAdd"
    assert layers.fully_connected(X, 2).op.type == "Relu"
    with framework.arg_scope(outer):
        assert layers.conv2d(IMAGES, 2, 3).op.type == "BiasAdd"


def test_arg_scope_takes_own_functions() -> None:
    @framework.add_arg_scope
    def layer(x: int, factor: int = 1) -> int:
        return x * factor

    with framework.arg_scope([layer], factor=3):
        assert (layer(2), layer(2, factor=5)) == (6, 10)
    assert layer(2) == 2


# --- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: layers.fully_connected(X, 2.0), r"num_outputs type should be one of \[<class 'int'>\], got <class 'float'>"),
        (lambda: layers.fully_connected(tf.placeholder(tf.float32, [2, None]), 2), "The number of channels of inputs .* should be defined"),
        (lambda: layers.conv2d(X, 2, 3), "Convolution expects input with rank 4, got 2"),
        (lambda: layers.conv2d(IMAGES, 2, 3, data_format="NHCW"), "data_format has to be either NCHW or NHWC"),
        (lambda: layers.flatten(X[:, 0]), "Inputs must have a least 2 dimensions"),
        (lambda: layers.batch_norm(tf.placeholder(tf.float32, None)), "has undefined rank"),
        (lambda: layers.batch_norm(X, renorm=True), "batch_norm does not support batch_weights, renorm and adjustment"),
        (lambda: layers.layer_norm(tf.placeholder(tf.float32, None)), r"has undefined rank\."),
        (lambda: layers.layer_norm(X, begin_norm_axis=2), r"begin_norm_axis \(2\) must be < rank\(inputs\) \(2\)"),
        (lambda: layers.layer_norm(tf.placeholder(tf.float32, [2, None])), r"shape\(inputs\)\[-1:\] is not fully defined: \(\?,\)"),
        (lambda: layers.stack(X, layers.fully_connected, 3), "stack_args need to be a list or tuple"),
        (lambda: layers.l1_regularizer(1), "scale cannot be an integer: 1"),
        (lambda: layers.l2_regularizer(-0.5), "Setting a scale less than 0 on a regularizer: -0.5"),
        (lambda: layers.l1_l2_regularizer(1.0, 2), "scale_l2 cannot be an integer: 2"),
        (lambda: layers.apply_regularization(layers.l1_regularizer(1.0)), "No weights to regularize"),
        (lambda: layers.apply_regularization(tf.identity, [tf.constant([1.0])]), "a scalar Tensor instead of a Tensor with rank 1"),
        (lambda: framework.arg_scope([tf.nn.relu], name="x").__enter__(), "relu is not decorated with @add_arg_scope"),
        (lambda: framework.arg_scope({}, name="x").__enter__(), "When attempting to re-use a scope by suppling a dictionary"),
    ],
)  # fmt: skip
def test_value_errors(call: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        call()


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: layers.variance_scaling_initializer(mode="FAN"), "Unknown mode FAN"),
        (lambda: layers.xavier_initializer(dtype=tf.int32), "Cannot create initializer for non-floating point type"),
        (lambda: layers.xavier_initializer()([2], tf.int32), "Cannot create initializer for non-floating point type"),
        (lambda: framework.arg_scope(layers.conv2d, stride=1).__enter__(), "list_ops_or_scope must either be a list/tuple or reused scope"),
    ],
)
def test_type_errors(call: Any, rule: str) -> None:
    with pytest.raises(TypeError, match=rule):
        call()
