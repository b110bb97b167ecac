"""Initializers: values, scales, configuration, errors."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.graph import initializers


def value(initializer, shape, dtype=None):
    return tf.Session().run(initializer(shape, dtype=dtype))


SHAPE = [200, 300]


def test_constant_values():
    assert value(tf.zeros_initializer(), [2]).tolist() == [0.0, 0.0]
    assert value(tf.zeros_initializer(), [1], tf.string).tolist() == [b""]
    assert value(tf.ones_initializer(tf.int32), [2]).dtype == np.int32
    assert value(tf.ones_initializer(), [2], tf.float64).tolist() == [1.0, 1.0]
    assert value(tf.constant_initializer([1, 2]), [3]).tolist() == [1.0, 2.0, 2.0]
    assert value(tf.constant_initializer(3, tf.int32), []).dtype == np.int32
    assert value(initializers.Identity(2.0), [2, 3]).tolist() == [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]


@pytest.mark.parametrize("shape", [(2, 3), tf.TensorShape([2, 3]), [tf.Dimension(2), 3]])
def test_how_a_shape_may_be_written(shape):
    assert value(tf.zeros_initializer(), shape).shape == (2, 3)


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (tf.random_uniform_initializer(), 0.0, 1.0),
        (tf.random_uniform_initializer(-2.0, 3.0), -2.0, 3.0),
        (tf.uniform_unit_scaling_initializer(2.0), -2 * np.sqrt(3 / 200), 2 * np.sqrt(3 / 200)),
        (tf.glorot_uniform_initializer(), -np.sqrt(6 / 500), np.sqrt(6 / 500)),
        (initializers.he_uniform(), -np.sqrt(6 / 200), np.sqrt(6 / 200)),
        (initializers.lecun_uniform(), -np.sqrt(3 / 200), np.sqrt(3 / 200)),
        (tf.variance_scaling_initializer(3.0, "fan_out", "uniform"), -np.sqrt(9 / 300), np.sqrt(9 / 300)),
    ],
)
def test_uniform_numbers_fill_their_interval(initializer, low, high):
    found = value(initializer, SHAPE)
    assert low <= found.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < found.max() <= high
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("initializer", "mean", "stddev"),
    [
        (tf.random_normal_initializer(), 0.0, 1.0),
        (tf.random_normal_initializer(2.0, 0.5), 2.0, 0.5),
        (tf.truncated_normal_initializer(1.0, 2.0), 1.0, 2.0 * 0.87962566),
        (tf.glorot_normal_initializer(), 0.0, np.sqrt(2 / 500)),
        (initializers.he_normal(), 0.0, np.sqrt(2 / 200)),
        (initializers.lecun_normal(), 0.0, np.sqrt(1 / 200)),
        (tf.variance_scaling_initializer(distribution="normal"), 0.0, np.sqrt(1 / 200)),
        (tf.variance_scaling_initializer(distribution="untruncated_normal", mode="fan_avg"), 0.0, np.sqrt(1 / 250)),
    ],
)
def test_normal_numbers_have_their_moments(initializer, mean, stddev):
    found = value(initializer, SHAPE)
    assert found.mean() == pytest.approx(mean, abs=0.03 * stddev)
    assert found.std() == pytest.approx(stddev, rel=0.02)


def test_a_truncated_normal_is_cut_at_two_deviations():
    assert np.abs(value(tf.truncated_normal_initializer(0.0, 1.5), SHAPE)).max() <= 3.0


def test_seeds():
    make = lambda: tf.random_normal_initializer(seed=3)  # noqa: E731
    assert np.array_equal(value(make(), [5]), value(make(), [5]))


def test_fans():
    assert initializers.fans([]) == (1.0, 1.0)
    assert initializers.fans([7]) == (7.0, 7.0)
    assert initializers.fans([3, 4]) == (3.0, 4.0)
    assert initializers.fans([2, 5, 3, 4]) == (30.0, 40.0)


@pytest.mark.parametrize("shape", [[4, 4], [6, 3], [3, 6], [2, 2, 3]])
def test_orthogonal(shape):
    found = value(tf.orthogonal_initializer(2.0), shape).reshape(-1, shape[-1]) / 2.0
    small = found if found.shape[0] <= found.shape[1] else found.T
    assert np.allclose(small @ small.T, np.eye(len(small)), atol=1e-5)


def test_delta_orthogonal():
    found = value(initializers.ConvolutionDeltaOrthogonal(), [3, 3, 2, 4])
    centre = found[1, 1]
    assert np.allclose(centre @ centre.T, np.eye(2), atol=1e-5)
    found[1, 1] = 0.0
    assert not found.any()


ALL = [
    tf.zeros_initializer(tf.float64),
    tf.ones_initializer(),
    tf.constant_initializer(3.0),
    tf.random_uniform_initializer(1, 2, seed=3),
    tf.random_normal_initializer(1.0, 2.0, seed=3, dtype=tf.float64),
    tf.truncated_normal_initializer(1.0, 2.0),
    tf.uniform_unit_scaling_initializer(2.0, seed=1),
    tf.variance_scaling_initializer(2.0, "fan_out", "uniform", seed=5),
    tf.glorot_uniform_initializer(seed=5),
    tf.glorot_normal_initializer(),
    tf.orthogonal_initializer(2.0, seed=7),
    initializers.Identity(3.0),
    initializers.ConvolutionDeltaOrthogonal(2.0),
]


@pytest.mark.parametrize("initializer", ALL, ids=lambda i: type(i).__name__)
def test_configurations_give_the_same_initializer(initializer):
    config = initializer.get_config()
    assert config["dtype"] in ("float32", "float64")
    assert type(initializer).from_config(config).get_config() == config


def test_a_configuration():
    assert tf.variance_scaling_initializer(2.0, "fan_out", seed=5).get_config() == {
        "scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal", "seed": 5, "dtype": "float32",
    }  # fmt: skip
    assert tf.glorot_uniform_initializer().get_config() == {"seed": None, "dtype": "float32"}


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: tf.constant_initializer(tf.constant(1.0)),
            TypeError,
            "Invalid type for initial value: <class 'graphopt.graph.operation.Tensor'>",
        ),
        (lambda: tf.constant_initializer([1, 2, 3])([2]), ValueError, "Too many elements provided. Needed at most 2, but received 3"),
        (lambda: tf.constant_initializer([1, 2], verify_shape=True)([2, 1]), TypeError, "Expected Tensor's shape: (2, 1), got (2,)."),
        (lambda: tf.random_normal_initializer(dtype=tf.int32), ValueError, "Expected floating point type, got <dtype: 'int32'>."),
        (lambda: tf.variance_scaling_initializer(0.0), ValueError, "`scale` must be positive float"),
        (lambda: tf.variance_scaling_initializer(mode="fan"), ValueError, "Invalid `mode` argument: fan"),
        (lambda: tf.variance_scaling_initializer(distribution="even"), ValueError, "Invalid `distribution` argument: even"),
        (lambda: tf.orthogonal_initializer()([3]), ValueError, "The tensor to initialize must be at least two-dimensional"),
        (lambda: initializers.Identity()([3]), ValueError, "Identity matrix initializer can only be used for 2D matrices."),
        (
            lambda: initializers.ConvolutionDeltaOrthogonal()([3, 3]),
            ValueError,
            "must be at least three-dimensional and at most five-dimensional",
        ),
        (lambda: initializers.ConvolutionDeltaOrthogonal()([3, 4, 3]), ValueError, "In_filters cannot be greater than out_filters."),
    ],
)
def test_what_is_refused(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


def test_the_base_defines_no_value():
    with pytest.raises(NotImplementedError):
        initializers.Initializer()([1])
