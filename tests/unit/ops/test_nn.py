"""Activations, normalisation, bias, dropout and the largest elements: values, gradients and messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphopt import errors
from graphopt.autodiff.gradients import gradients
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.variables import global_variables_initializer
from graphopt.ops import activations, normalization
from graphopt.ops import nn as nn_ops
from graphopt.ops.control import placeholder
from graphopt.ops.reduce import reduce_sum
from graphopt.runtime.session import Session
from graphopt.tf1 import nn

RANDOM = np.random.default_rng(0)


def run(fetches: Any, feeds: Any = None) -> Any:
    with Session() as session:
        session.run(global_variables_initializer())
        return session.run(fetches, feeds)


def tensor(array: Any, dtype: str = "float64") -> Any:
    return convert_to_tensor(np.asarray(array, dtype))


def normal(*shape: int) -> Any:
    return RANDOM.standard_normal(shape)


def gradient(y: Any, x: Any) -> Any:
    return run(gradients(y, x)[0])


# --- activations -------------------------------------------------------------------------------------------------------

X = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 2.0, 7.0])
SIGMOID = 1 / (1 + np.exp(-X))
ACTIVATIONS = {
    "relu": np.maximum(X, 0),
    "relu6": np.clip(X, 0, 6),
    "elu": np.where(X < 0, np.exp(X) - 1, X),
    "selu": np.where(X < 0, 1.7580993408473766 * (np.exp(X) - 1), 1.0507009873554805 * X),
    "softplus": np.log(1 + np.exp(X)),
    "softsign": X / (1 + np.abs(X)),
    "log_sigmoid": np.log(SIGMOID),
    "swish": X * SIGMOID,
    "leaky_relu": np.where(X > 0, X, 0.2 * X),
    "crelu": np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)]),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    np.testing.assert_allclose(run(getattr(nn, name)(tensor(X))), ACTIVATIONS[name], rtol=1e-12, atol=1e-12)


def test_gradients_at_the_corners() -> None:
    x = tensor([0.0, 6.0, 3.0, -1.0])
    np.testing.assert_array_equal(gradient(nn.relu(x), x), [0, 1, 1, 0])
    np.testing.assert_array_equal(gradient(nn.relu6(x), x), [0, 0, 1, 0])


def test_leaky_relu_with_a_tensor_as_slope_and_with_whole_numbers() -> None:
    slope = tensor(0.5)
    y = activations.leaky_relu(tensor([-2.0, 2.0]), alpha=slope)
    assert run(y).tolist() == [-1.0, 2.0]
    assert gradient(y, slope) == -2.0
    assert run(nn.leaky_relu(np.array([-5, 5], "int32"))).tolist() == [-1.0, 5.0]


def test_far_values_neither_overflow_nor_vanish() -> None:
    x = tensor([-1000.0, -100.0, 1000.0], "float32")
    assert run(nn.softplus(x)).tolist() == [0.0, np.float32(np.exp(-100.0)), 1000.0]
    assert run(nn.elu(x)).tolist() == [-1.0, -1.0, 1000.0]
    assert run(nn.log_sigmoid(x)).tolist() == [-1000.0, -100.0, 0.0]


# --- normalisation -----------------------------------------------------------------------------------------------------


def test_moments_stop_the_gradient_of_the_mean() -> None:
    x = normal(4, 3)
    t = tensor(x)
    mean, variance = nn.moments(t, [0])
    np.testing.assert_allclose(run(mean), x.mean(0))
    np.testing.assert_allclose(run(variance), x.var(0))
    np.testing.assert_allclose(gradient(variance, t), 2 * (x - x.mean(0)) / 4)
    kept = nn.moments(t, [1], keep_dims=True)
    assert [part.shape.as_list() for part in kept] == [[4, 1], [4, 1]]
    with pytest.raises(ValueError, match="Cannot specify both 'keep_dims' and 'keepdims'"):
        nn.moments(t, [0], keep_dims=True, keepdims=True)


def test_moments_of_half_are_found_in_single_precision() -> None:
    x = np.full((3000, 1), 30.0, "float16")
    mean, variance = nn.moments(x, [0])
    assert (mean.dtype.name, run(mean).tolist(), run(variance).tolist()) == ("float16", [30.0], [0.0])


@pytest.mark.parametrize("axis", [1, 3])
def test_batch_norm_is_what_its_parts_give(axis: int) -> None:
    x, scale, offset = tensor(normal(3, 2, 4, 2)), tensor(normal(2)), tensor(normal(2))
    others = [i for i in range(4) if i != axis]
    fused, mean, variance = normalization.batch_norm(x, scale=scale, offset=offset, axis=axis, epsilon=0.01)
    parts = nn.moments(x, others)
    beside = [normalization.beside(v, 4, axis) for v in (*parts, offset, scale)]
    plain = nn.batch_normalization(x, *beside, 0.01)
    weights = tensor(normal(3, 2, 4, 2))
    for got, want in ((fused, plain), (mean, parts[0]), (variance, parts[1])):
        np.testing.assert_allclose(run(got), run(want), atol=1e-12)
    for source in (scale, offset):
        np.testing.assert_allclose(gradient(fused * weights, source), gradient(plain * weights, source), atol=1e-12)
    full_variance = reduce_sum((x - beside_mean(x, others)) ** 2.0, axis=others) / 24.0
    exact = nn.batch_normalization(x, beside_mean(x, others), normalization.beside(full_variance, 4, axis), *beside[2:], 0.01)
    np.testing.assert_allclose(gradient(fused * weights, x), gradient(exact * weights, x), atol=1e-12)


def beside_mean(x: Any, axes: list[int]) -> Any:
    return reduce_sum(x, axis=axes, keepdims=True) / 24.0


def test_fused_batch_norm_in_training_and_outside() -> None:
    x = normal(2, 3, 3, 2).astype("float32")
    ones = np.ones(2, "float32")
    y, mean, variance = run(nn.fused_batch_norm(x, 2.0 * ones, ones))
    flat = x.reshape(-1, 2)
    np.testing.assert_allclose(mean, flat.mean(0), atol=1e-6)
    np.testing.assert_allclose(variance, flat.var(0, ddof=1), rtol=1e-5)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(flat.var(0) + 1e-3) * 2 + 1, rtol=1e-4, atol=1e-5)
    for layout, images in (("NHWC", x), ("NCHW", x.transpose(0, 3, 1, 2))):
        z = run(nn.fused_batch_norm(images, ones, 0 * ones, mean=mean, variance=variance, data_format=layout, is_training=False).y)
        expected = (x - mean) / np.sqrt(variance + 1e-3)
        np.testing.assert_allclose(z, expected if layout == "NHWC" else expected.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-5)


def test_fused_batch_norm_refuses_arguments() -> None:
    x, v = tensor(normal(2, 3, 3, 2)), tensor([1.0, 1.0])
    with pytest.raises(ValueError, match="Both 'mean' and 'variance' must be None if is_training is True"):
        nn.fused_batch_norm(x, v, v, mean=v, variance=v)
    with pytest.raises(ValueError, match="Both 'mean' and 'variance' must be given if is_training is False"):
        nn.fused_batch_norm(x, v, v, is_training=False)
    with pytest.raises(ValueError, match="Inputs of batch normalization must have a known rank"):
        nn.fused_batch_norm(placeholder(dtype=x.dtype, shape=None), v, v)
    with pytest.raises(ValueError, match="Shape must be rank 1 but is rank 2"):
        nn.fused_batch_norm(x, tensor([[1.0, 1.0]]), v)


def test_unit_length() -> None:
    x = normal(3, 4)
    np.testing.assert_allclose(run(nn.l2_normalize(tensor(x), 1)), x / np.linalg.norm(x, axis=1, keepdims=True))
    assert run(nn.l2_normalize(tensor([0.0, 0.0]))).tolist() == [0.0, 0.0]


def test_local_response_normalization() -> None:
    x = normal(1, 2, 2, 7)
    near = np.stack([(x[..., max(0, i - 2) : i + 3] ** 2).sum(-1) for i in range(7)], -1)
    got = run(nn.lrn(tensor(x), 2, bias=2.0, alpha=0.5, beta=0.75))
    np.testing.assert_allclose(got, x / (2.0 + 0.5 * near) ** 0.75)


# --- bias, dropout -----------------------------------------------------------------------------------------------------


def test_bias_add_in_both_layouts() -> None:
    x, b = normal(2, 3, 2, 2), normal(3)
    bias = tensor(b)
    y = nn.bias_add(tensor(x), bias, data_format="NCHW")
    np.testing.assert_allclose(run(y), x + b[:, None, None])
    np.testing.assert_allclose(gradient(y * x, bias), x.sum((0, 2, 3)))
    assert run(nn.bias_add(tensor(normal(2, 3) * 0), bias, data_format="NWC")).shape == (2, 3)


def test_bias_add_of_unknown_rank() -> None:
    x = placeholder(dtype=tensor(1.0).dtype, shape=None)
    bias = tensor(normal(3))
    y = nn.bias_add(x, bias)
    assert run(gradients(y, bias)[0], {x: normal(2, 4, 3)}).tolist() == [8.0, 8.0, 8.0]
    with pytest.raises(errors.InvalidArgumentError, match="Must provide as many biases as the last dimension of the input tensor"):
        run(y, {x: normal(2, 4)})


def test_bias_add_refuses_shapes_and_layouts() -> None:
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 3 and 2 for 'BiasAdd'"):
        nn.bias_add(tensor(normal(2, 3)), tensor(normal(2)))
    with pytest.raises(ValueError, match="Shape must be at least rank 2 but is rank 1"):
        nn.bias_add(tensor(normal(3)), tensor(normal(3)))
    with pytest.raises(ValueError, match="Shape must be rank 1 but is rank 2"):
        nn.bias_add(tensor(normal(2, 3)), tensor(normal(1, 3)))
    with pytest.raises(ValueError, match=r"data_format must be of the form `N\.\.\.C` or `NC\.\.\.`"):
        nn.bias_add(tensor(normal(2, 3)), tensor(normal(3)), data_format="HWC")


def test_xw_plus_b_and_zero_fraction() -> None:
    x, w, b = normal(2, 3), normal(3, 4), normal(4)
    np.testing.assert_allclose(run(nn.xw_plus_b(tensor(x), tensor(w), tensor(b))), x @ w + b)
    np.testing.assert_allclose(run(nn.relu_layer(tensor(x), tensor(w), tensor(b))), np.maximum(x @ w + b, 0))
    fraction = nn.zero_fraction(np.array([[0, 1], [2, 0]], "int32"))
    assert (run(fraction), fraction.dtype.name, fraction.name) == (0.5, "float32", "zero_fraction/fraction:0")


def test_dropout_keeps_the_mean_and_its_gradient_the_choice() -> None:
    x = convert_to_tensor(np.ones((200, 50), "float32"))
    y = nn.dropout(x, rate=0.2, seed=3)
    value, slope = run([y, gradients(y, x)[0]])
    assert set(np.unique(value).tolist()) == {0.0, 1.25}
    assert abs((value == 0).mean() - 0.2) < 0.02
    np.testing.assert_array_equal(slope, value)


def test_dropout_with_a_noise_shape_and_a_tensor_as_rate() -> None:
    x = convert_to_tensor(np.ones((40, 30), "float32"))
    value = run(nn.dropout(x, keep_prob=convert_to_tensor(0.5), noise_shape=[None, 1], seed=1))
    assert {len(set(row.tolist())) for row in value} == {1}
    assert set(value[:, 0].tolist()) == {0.0, 2.0}
    rows = placeholder(dtype=x.dtype, shape=(None, 3))
    assert run(nn.dropout(rows, rate=0.5, noise_shape=[None, 1]), {rows: np.ones((2, 3))}).shape == (2, 3)
    assert nn.dropout(x, keep_prob=1.0) is x


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({}, "You must provide a rate to dropout."),
        ({"rate": 1.0}, r"rate must be a scalar tensor or a float in the range \[0, 1\), got 1"),
        ({"keep_prob": 1.5}, r"got -0\.5"),
        ({"rate": "a"}, "rate is neither scalar nor scalar tensor 'a'"),
        ({"keep_prob": "a"}, r"keep_prob must be a floating point number or Tensor \(got 'a'\)"),
        ({"rate": 0.5, "keep_prob": 0.5}, "Cannot specify both 'keep_prob' and 'rate'"),
        ({"rate": 0.5, "noise_shape": [None]}, r"noise_shape \[None\] has unknown sizes and does not match x"),
    ],
)
def test_dropout_refuses_arguments(arguments: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        nn.dropout(tensor([[1.0]]), **arguments)


def test_dropout_refuses_whole_numbers_and_long_rates() -> None:
    with pytest.raises(ValueError, match="x has to be a floating point tensor since it's going to be scaled"):
        nn.dropout(np.array([1, 2], "int32"), rate=0.5)
    with pytest.raises(ValueError, match="must have rank 0"):
        nn.dropout(tensor([1.0]), rate=tensor([0.5]))
    with pytest.raises(ValueError, match="rate is neither scalar"):
        nn_ops.dropout(tensor([1.0]), rate=None)


# --- the largest elements ------------------------------------------------------------------------------------------------


def test_top_k_orders_equal_elements_by_index() -> None:
    found = nn.top_k(np.array([[1.0, 3.0, 3.0, 2.0, 3.0]]), 4)
    values, indices = run([found.values, found.indices])
    assert (values.tolist(), indices.tolist(), indices.dtype.name) == ([[3.0, 3.0, 3.0, 2.0]], [[1, 2, 4, 3]], "int32")
    assert run(nn.top_k(np.array([-128, 127, -128], "int8"), 3).indices).tolist() == [1, 0, 2]


def test_gradient_of_top_k_goes_to_the_chosen() -> None:
    x = tensor([[1.0, 3.0, 2.0]])
    assert gradient(nn.top_k(x, 2).values * tensor([[10.0, 20.0]]), x).tolist() == [[0.0, 10.0, 20.0]]


def test_top_k_refuses_k() -> None:
    with pytest.raises(ValueError, match="input must have last dimension >= k = 4 but is 3"):
        nn.top_k(tensor([1.0, 2.0, 3.0]), 4)
    with pytest.raises(ValueError, match="Need k >= 0, got -1"):
        nn.top_k(tensor([1.0]), -1)
    with pytest.raises(ValueError, match="Shape must be at least rank 1 but is rank 0"):
        nn.top_k(tensor(1.0), 1)
    x = placeholder(dtype=tensor(1.0).dtype, shape=(None,))
    with pytest.raises(errors.InvalidArgumentError, match=r"input must have at least k columns\. Had 1, needed 2"):
        run(nn.top_k(x, 2).values, {x: [1.0]})


def test_in_top_k() -> None:
    predictions = np.array([[1, 1, 0], [0, 2, 3], [np.inf, 0, 0], [5, 0, 0]], "float32")
    assert run(nn.in_top_k(predictions, [1, 1, 0, 9], 1)).tolist() == [True, False, False, False]
    with pytest.raises(ValueError, match="Shape must be rank 1 but is rank 2"):
        nn.in_top_k(predictions, [[1]], 1)
    targets = placeholder(dtype=convert_to_tensor(1).dtype, shape=None)
    with pytest.raises(errors.InvalidArgumentError, match="First dimension of predictions 4 must match length of targets 2"):
        run(nn.in_top_k(predictions, targets, 1), {targets: [0, 1]})
