"""Layers of `tf.layers` as objects, and further layers of contrib: arguments and refusals (numbers and names: tests/peers)."""

import inspect

import numpy as np
import pytest

import graphopt as tf


def test_arguments_are_those_of_the_function() -> None:
    names = list(inspect.signature(tf.layers.Dense).parameters)
    assert names[:3] == ["units", "activation", "use_bias"]
    assert names[-2:] == ["name", "dtype"]
    assert "inputs" not in names and "reuse" not in names
    assert "training" not in inspect.signature(tf.layers.BatchNormalization).parameters
    with pytest.raises(TypeError, match="Dense: missing a required argument: 'units'"):
        tf.layers.Dense()


def test_calls_take_training_where_the_function_does() -> None:
    x = tf.ones([2, 3])
    drop = tf.layers.Dropout(0.999999)
    assert np.count_nonzero(tf.Session().run(drop(x, True))) == 0
    assert np.count_nonzero(tf.Session().run(drop(x))) == 6
    with pytest.raises(TypeError, match="A call of Dropout takes the inputs and training, not 'colour'"):
        drop(x, colour=1)
    with pytest.raises(TypeError, match="A call of Flatten takes the inputs, not True"):
        tf.layers.Flatten()(x, True)


def test_attributes() -> None:
    layer = tf.layers.Dense(2, use_bias=False, name="fc")
    assert (layer.units, layer.use_bias, layer.name, layer.built) == (2, False, "fc", False)
    assert layer.variables == [] == layer.losses
    with pytest.raises(AttributeError, match="'Dense' object has no attribute 'kernel'"):
        _ = layer.kernel
    layer(np.ones([1, 3], "float32"))
    assert layer.kernel is layer.weights[0]
    assert layer.bias is None
    assert layer.scope_name == "fc"


def test_the_name_follows_the_scope() -> None:
    layers = [tf.layers.Dense(2) for _ in range(2)]
    assert [layer.name for layer in layers] == ["dense", "dense"]
    for layer in layers:
        layer(tf.ones([1, 3]))
    assert [layer.name for layer in layers] == ["dense", "dense_1"]


def test_scope_name_before_the_first_call() -> None:
    with pytest.raises(ValueError, match='No name available for layer scope because the layer "dense" has not been used yet'):
        _ = tf.layers.Dense(2).scope_name


def test_a_given_scope_and_type() -> None:
    layer = tf.layers.Dense(2, dtype=tf.float64, _scope="given")
    assert layer([[1.0, 2.0]]).dtype is tf.float64
    assert layer.kernel.name == "given/kernel:0"


def test_weights_are_shared_between_calls() -> None:
    layer = tf.layers.Conv2D(2, 3)
    first, second = layer(tf.ones([1, 5, 5, 3])), layer(tf.ones([2, 7, 7, 3]))
    assert len(tf.trainable_variables()) == 2
    tf.train.AdamOptimizer().minimize(tf.reduce_mean(first))
    assert [v.op.name for v in layer.variables] == ["conv2d/kernel", "conv2d/bias"]
    step = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(first) + tf.reduce_mean(second))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_allclose(session.run(layer.bias), [-0.1, -0.1], rtol=1e-6)


# --- contrib.layers --------------------------------------------------------------------------------------------------------


def test_embed_sequence() -> None:
    ids = tf.constant([[1, 2], [0, 1]])
    vectors = tf.contrib.layers.embed_sequence(
        ids, 3, 2, initializer=tf.constant_initializer([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]), scope="e"
    )
    again = tf.contrib.layers.embed_sequence(ids, 3, 2, scope="e", reuse=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(vectors).tolist() == session.run(again).tolist() == [[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [1.0, 2.0]]]
    assert [v.name for v in tf.model_variables()] == ["e/embeddings:0"]
    with pytest.raises(ValueError, match=r"Must specify vocab size and embedding dimension when not reusing\. Got 3 and None"):
        tf.contrib.layers.embed_sequence(ids, 3)


def test_unit_norm_of_unknown_rank() -> None:
    with pytest.raises(ValueError, match=r"The input rank must be known\."):
        tf.contrib.layers.unit_norm(tf.placeholder(tf.float32), 1)


def test_arguments_come_from_the_scope() -> None:
    with tf.contrib.framework.arg_scope([tf.contrib.layers.conv2d_transpose], stride=2, activation_fn=None):
        y = tf.contrib.layers.conv2d_transpose(tf.ones([1, 4, 4, 3]), 2, 3)
    assert (y.shape.as_list(), y.op.type) == ([1, 8, 8, 2], "BiasAdd")
    y = tf.contrib.layers.separable_conv2d(tf.ones([1, 4, 4, 3]), 2, 3, normalizer_fn=tf.contrib.layers.batch_norm)
    assert "SeparableConv2d/biases" not in [v.op.name for v in tf.model_variables()]


def test_group_norm_of_images_of_any_size() -> None:
    x = tf.placeholder(tf.float32, [None, None, None, 4])
    y = tf.contrib.layers.group_norm(x, 2)
    image = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        grouped = session.run(y, {x: image}).reshape(2, 15, 2, 2)
    np.testing.assert_allclose(grouped.mean((1, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(grouped.std((1, 3)), 1, rtol=1e-4)


# --- legacy_seq2seq ----------------------------------------------------------------------------------------------------------


def test_rnn_decoder_is_a_static_rnn_from_a_state() -> None:
    rng = np.random.default_rng(0)
    inputs = [tf.constant(rng.normal(size=(2, 3)).astype("float32")) for _ in range(4)]
    cell = tf.nn.rnn_cell.BasicLSTMCell(3)
    start = cell.zero_state(2, tf.float32)
    outputs, state = tf.contrib.legacy_seq2seq.rnn_decoder(inputs, start, cell, scope="rnn")
    with tf.variable_scope("", reuse=True):
        wanted, last = tf.nn.static_rnn(cell, inputs, start, scope="rnn")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        got, expected = session.run([[outputs, state], [wanted, last]])
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])
    assert [v.name for v in tf.trainable_variables()] == ["rnn/basic_lstm_cell/kernel:0", "rnn/basic_lstm_cell/bias:0"]


def test_rnn_decoder_with_a_loop_function() -> None:
    seen = []

    def loop(previous: tf.Tensor, step: int) -> tf.Tensor:
        seen.append((step, tf.get_variable_scope().name, tf.get_variable_scope().reuse))
        return previous * 2.0

    cell = tf.nn.rnn_cell.GRUCell(3)
    outputs, _ = tf.contrib.legacy_seq2seq.rnn_decoder([tf.ones([1, 3])] * 3, tf.zeros([1, 3]), cell, loop)
    assert seen == [(1, "rnn_decoder/loop_function", True), (2, "rnn_decoder/loop_function", True)]
    with tf.variable_scope("rnn_decoder", reuse=True):
        first, state = cell(tf.ones([1, 3]), tf.zeros([1, 3]))
        second, _ = cell(first * 2.0, state)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(*session.run([outputs[1], second]))
