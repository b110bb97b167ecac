"""Activations, softmax, cross entropies, normalisation, dropout, top_k and embeddings: values, gradients and messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphopt import errors
from graphopt.autodiff.gradients import gradients
from graphopt.graph.graph import Graph, convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.sparse_tensor import SparseTensor
from graphopt.graph.variables import Variable, global_variables_initializer
from graphopt.ops import activations, embedding, normalization, softmax
from graphopt.ops import nn as nn_ops
from graphopt.ops.control import placeholder
from graphopt.ops.reduce import reduce_sum
from graphopt.runtime.session import Session
from graphopt.tf1 import nn

RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def graph() -> Any:
    """Record every test into a graph of its own."""
    with Graph().as_default() as fresh:
        yield fresh


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


# --- softmax -----------------------------------------------------------------------------------------------------------


def reference_softmax(x: Any, axis: int = -1) -> Any:
    grown = np.exp(x - x.max(axis, keepdims=True))
    return grown / grown.sum(axis, keepdims=True)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_over_an_axis(axis: int) -> None:
    x = normal(3, 4)
    np.testing.assert_allclose(run(nn.softmax(tensor(x), axis)), reference_softmax(x, axis))
    np.testing.assert_allclose(run(nn.log_softmax(tensor(x), dim=axis)), np.log(reference_softmax(x, axis)))


def test_softmax_of_far_logits() -> None:
    x = tensor([[1000.0, 0.0], [-np.inf, 0.0]])
    assert run(nn.softmax(x)).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert run(nn.log_softmax(tensor([[1000.0, 0.0]]))).tolist() == [[0.0, -1000.0]]


def test_softmax_refuses_scalars_and_two_names_of_one_argument() -> None:
    with pytest.raises(errors.ShapeError, match="Shape must be at least rank 1 but is rank 0 for 'Softmax'"):
        nn.softmax(tensor(1.0))
    with pytest.raises(errors.ArgumentError, match="Cannot specify both 'dim' and 'axis'"):
        nn.softmax(tensor([1.0]), axis=0, dim=0)


# --- cross entropies -----------------------------------------------------------------------------------------------------

LOGITS = normal(4, 3)
LABELS = reference_softmax(normal(4, 3))
CLASSES = np.array([2, 0, 1, 1], "int32")


def test_softmax_cross_entropy_and_its_gradients() -> None:
    z, y = tensor(LOGITS), tensor(LABELS)
    loss = nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)
    log_p = np.log(reference_softmax(LOGITS))
    np.testing.assert_allclose(run(loss), -(LABELS * log_p).sum(1))
    np.testing.assert_allclose(gradient(loss, z), np.exp(log_p) - LABELS, atol=1e-12)
    np.testing.assert_allclose(gradient(loss, y), -log_p)


def test_the_first_version_stops_the_gradient_of_labels() -> None:
    z, y = tensor(LOGITS), tensor(LABELS)
    loss = nn.softmax_cross_entropy_with_logits(labels=y, logits=z)
    assert gradients(loss, y) == [None]
    np.testing.assert_allclose(gradient(loss, z), reference_softmax(LOGITS) - LABELS, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "sparse", "sigmoid"])
def test_second_order_of_a_cross_entropy(kind: str) -> None:
    z = tensor(LOGITS)
    loss = {
        "dense": lambda: nn.softmax_cross_entropy_with_logits(labels=LABELS, logits=z),
        "sparse": lambda: nn.sparse_softmax_cross_entropy_with_logits(labels=CLASSES, logits=z),
        "sigmoid": lambda: reduce_sum(nn.sigmoid_cross_entropy_with_logits(labels=LABELS, logits=z), axis=1),
    }[kind]()
    first = gradients(loss, z)[0]
    direction = normal(4, 3)
    second = run(gradients(first, z, grad_ys=[tensor(direction)])[0])
    step = 1e-6
    with Session() as session:
        up = session.run(first, {z: LOGITS + step * direction})
        down = session.run(first, {z: LOGITS - step * direction})
    np.testing.assert_allclose(second, (up - down) / (2 * step), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("axis", [0, 1, -3])
def test_softmax_cross_entropy_over_another_axis(axis: int) -> None:
    z = normal(2, 3, 4)
    y = reference_softmax(normal(2, 3, 4), axis)
    loss = nn.softmax_cross_entropy_with_logits_v2(labels=tensor(y), logits=tensor(z), axis=axis)
    np.testing.assert_allclose(run(loss), -(y * np.log(reference_softmax(z, axis))).sum(axis))


def test_softmax_cross_entropy_converts_labels_and_widens_half() -> None:
    half = convert_to_tensor(LOGITS.astype("float16"))
    loss = nn.softmax_cross_entropy_with_logits(labels=np.eye(3, dtype="int32")[CLASSES], logits=half)
    assert loss.dtype.name == "float16"
    expected = -np.log(reference_softmax(LOGITS.astype("float16").astype("float32")))[np.arange(4), CLASSES]
    np.testing.assert_allclose(run(loss), expected, rtol=1e-3)


def test_softmax_cross_entropy_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 3 and 4 for"):
        nn.softmax_cross_entropy_with_logits_v2(labels=tensor(normal(2, 4)), logits=tensor(normal(2, 3)))
    with pytest.raises(ValueError, match="Shapes must be equal rank, but are 2 and 1 for"):
        nn.softmax_cross_entropy_with_logits_v2(labels=tensor(normal(3)), logits=tensor(normal(2, 3)))
    unknown = placeholder(dtype=tensor(1.0).dtype, shape=None)
    with pytest.raises(errors.ShapeError, match="The rank of logits must be known to take the classes from axis 0"):
        nn.softmax_cross_entropy_with_logits_v2(labels=unknown, logits=unknown, axis=0)
    loss = nn.softmax_cross_entropy_with_logits_v2(labels=unknown, logits=tensor(LOGITS))
    with pytest.raises(
        errors.InvalidArgumentError, match=r"logits and labels must be broadcastable: logits_size=\[4,3\] labels_size=\[1,3\]"
    ):
        run(loss, {unknown: [[0.0, 0.0, 1.0]]})


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("layout", ["rows", "columns", "empty"])
def test_sparse_softmax_cross_entropy(dtype: str, layout: str) -> None:
    logits, labels = (LOGITS, CLASSES) if layout != "empty" else (np.zeros((0, 3)), np.zeros(0))
    z = placeholder(dtype=tensor(1.0).dtype, shape=(None, 3))
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=labels.astype(dtype), logits=z)
    given = np.asfortranarray(logits) if layout == "columns" else logits
    seen, slope = run([loss, gradients(loss, z)[0]], {z: given})
    p = reference_softmax(logits) if logits.size else logits
    rows, classes = np.arange(len(labels)), labels.astype(int)
    np.testing.assert_allclose(seen, -np.log(p[rows, classes]))
    np.testing.assert_allclose(slope, p - np.eye(3)[classes], atol=1e-12)


@pytest.mark.parametrize(("labels", "wrong"), [([5, 0, 1], 5), ([0, -2, 7], -2)])
def test_a_label_that_is_no_class(labels: list[int], wrong: int) -> None:
    y = placeholder(dtype=convert_to_tensor(1).dtype, shape=(None,))
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tensor(normal(3, 3)))
    with Session() as session:
        with pytest.raises(errors.InvalidArgumentError) as caught:
            session.run(loss, {y: labels})
        shown = " ".join(map(str, labels))
        assert (
            caught.value.message == f"Received a label value of {wrong} which is outside the valid range of [0, 3).  Label values: {shown}"
        )
        assert caught.value.op.type == "SparseSoftmaxCrossEntropyWithLogits"
        assert session.run(loss, {y: [0, 1, 2]}).shape == (3,)


def test_sparse_softmax_cross_entropy_refuses_shapes() -> None:
    z = tensor(normal(2, 3))
    rule = r"Rank mismatch: Rank of labels \(received 2\) should equal rank of logits minus 1 \(received 2\)\."
    with pytest.raises(ValueError, match=rule):
        nn.sparse_softmax_cross_entropy_with_logits(labels=[[1], [0]], logits=z)
    with pytest.raises(
        ValueError, match=r"Shape mismatch: The shape of labels \(received \(3,\)\) should equal the shape of logits except"
    ):
        nn.sparse_softmax_cross_entropy_with_logits(labels=[1, 0, 2], logits=z)
    with pytest.raises(ValueError, match=r"Logits cannot be scalars - received shape \(\)\."):
        nn.sparse_softmax_cross_entropy_with_logits(labels=1, logits=tensor(1.0))
    with pytest.raises(ValueError, match="Rank mismatch"):
        softmax.sparse_softmax_cross_entropy(convert_to_tensor([[1, 2]]), z)
    y = placeholder(dtype=convert_to_tensor(1).dtype, shape=None)
    loss = nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z)
    with pytest.raises(
        errors.InvalidArgumentError, match=r"logits and labels must have the same first dimension, got logits shape \[2,3\]"
    ):
        run(loss, {y: [0, 1, 2]})


def test_sigmoid_and_weighted_cross_entropy() -> None:
    y, z = LABELS, LOGITS
    p = 1 / (1 + np.exp(-z))
    plain = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(run(nn.sigmoid_cross_entropy_with_logits(labels=y, logits=tensor(z))), plain)
    weighted = -(y * np.log(p) * 2.5 + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(run(nn.weighted_cross_entropy_with_logits(targets=y, logits=tensor(z), pos_weight=2.5)), weighted)
    far = nn.sigmoid_cross_entropy_with_logits(labels=tensor([0.0, 1.0]), logits=tensor([-200.0, -200.0]))
    np.testing.assert_allclose(run(far), [np.exp(-200.0), 200.0])


CROSS_ENTROPIES = ["softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits", "sigmoid_cross_entropy_with_logits"]


@pytest.mark.parametrize("name", CROSS_ENTROPIES)
def test_cross_entropies_want_named_arguments(name: str) -> None:
    function, x = getattr(nn, name), tensor(LOGITS)
    with pytest.raises(ValueError, match=rf"Only call `{name}` with named arguments \(labels=\.\.\., logits=\.\.\., \.\.\.\)"):
        function(x, x)
    with pytest.raises(ValueError, match=r"Both labels and logits must be provided\."):
        function(labels=x)


def test_sigmoid_cross_entropies_refuse_other_shapes() -> None:
    x, y = tensor(normal(2, 4)), tensor(normal(2, 3))
    with pytest.raises(ValueError, match=r"logits and labels must have the same shape \(\(2, 4\) vs \(2, 3\)\)"):
        nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x)
    with pytest.raises(ValueError, match=r"logits and targets must have the same shape \(\(2, 4\) vs \(2, 3\)\)"):
        nn.weighted_cross_entropy_with_logits(labels=y, logits=x, pos_weight=1.0)


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
    full_variance = reduce_sum((x - beside_mean(x, others)) ** 2.0, axis=others) / 12.0
    exact = nn.batch_normalization(x, beside_mean(x, others), normalization.beside(full_variance, 4, axis), *beside[2:], 0.01)
    np.testing.assert_allclose(gradient(fused * weights, x), gradient(exact * weights, x), atol=1e-12)


def beside_mean(x: Any, axes: list[int]) -> Any:
    return reduce_sum(x, axis=axes, keepdims=True) / 12.0


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


# --- embeddings --------------------------------------------------------------------------------------------------------

TABLE = normal(7, 2).astype("float32")
IDS = np.array([[6, 0], [3, 3]], "int32")


def test_embedding_lookup_of_a_variable_has_sparse_gradients() -> None:
    table = Variable(TABLE)
    rows = nn.embedding_lookup(table, IDS)
    slope = gradients(rows, table)[0]
    assert isinstance(slope, IndexedSlices)
    got, indices = run([rows, slope.indices])
    np.testing.assert_array_equal(got, TABLE[IDS])
    assert indices.tolist() == [6, 0, 3, 3]


@pytest.mark.parametrize("strategy", ["mod", "div"])
@pytest.mark.parametrize("parts", [2, 3])
def test_embedding_lookup_in_parts(strategy: str, parts: int) -> None:
    pieces = [TABLE[i::parts] for i in range(parts)] if strategy == "mod" else np.array_split(TABLE, parts)
    rows = nn.embedding_lookup([convert_to_tensor(p) for p in pieces], IDS, partition_strategy=strategy)
    np.testing.assert_array_equal(run(rows), TABLE[IDS])


def test_embedding_lookup_shortens_long_rows() -> None:
    norm = np.linalg.norm(TABLE[IDS], axis=-1, keepdims=True)
    expected = TABLE[IDS] * np.minimum(1, 0.5 / norm)
    np.testing.assert_allclose(run(nn.embedding_lookup(convert_to_tensor(TABLE), IDS, max_norm=0.5)), expected, rtol=1e-6)
    halves = [convert_to_tensor(TABLE[0::2]), convert_to_tensor(TABLE[1::2])]
    np.testing.assert_allclose(run(nn.embedding_lookup(halves, IDS, max_norm=0.5)), expected, rtol=1e-6)


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_embedding_lookup_sparse(combiner: str, is_weighted: bool) -> None:
    places, ids, weights = [[0, 0], [1, 0], [1, 2]], [4, 0, 4], np.array([0.5, 2.0, 3.0], "float32")
    given = SparseTensor(places, weights, [2, 3]) if is_weighted else None
    got = run(nn.embedding_lookup_sparse(convert_to_tensor(TABLE), SparseTensor(places, ids, [2, 3]), given, combiner=combiner))
    w = weights if is_weighted else np.ones(3, "float32")
    total = np.stack([w[0] * TABLE[4], w[1] * TABLE[0] + w[2] * TABLE[4]])
    norm = {"sum": [1, 1], "mean": [w[0], w[1] + w[2]], "sqrtn": [w[0], np.hypot(w[1], w[2])]}[combiner]
    np.testing.assert_allclose(got, total / np.array(norm)[:, None], rtol=1e-6)


def test_embedding_lookup_refuses_arguments() -> None:
    table, ids = convert_to_tensor(TABLE), convert_to_tensor([0])
    with pytest.raises(ValueError, match="params must be specified"):
        nn.embedding_lookup(None, ids)
    with pytest.raises(ValueError, match="Need at least one param"):
        nn.embedding_lookup([], ids)
    with pytest.raises(ValueError, match="Unrecognized partition strategy: odd"):
        nn.embedding_lookup([table, table], ids, partition_strategy="odd")
    with pytest.raises(errors.InvalidArgumentError, match=r"indices\[0\] = 7 is not in \[0, 7\)"):
        run(nn.embedding_lookup(table, [7]))
    unknown = placeholder(dtype=table.dtype, shape=None)
    with pytest.raises(ValueError, match="The ranks of params and ids must be known to clip"):
        nn.embedding_lookup(unknown, ids, max_norm=1.0)
    with pytest.raises(ValueError, match="must have a known number of rows for the strategy 'div'"):
        nn.embedding_lookup([unknown, unknown], ids, partition_strategy="div")
    sparse = SparseTensor([[0, 0]], [1], [1, 1])
    with pytest.raises(ValueError, match="combiner must be one of 'mean', 'sqrtn' or 'sum'"):
        nn.embedding_lookup_sparse(table, sparse, None, combiner="max")
    with pytest.raises(TypeError, match="sp_ids must be SparseTensor"):
        nn.embedding_lookup_sparse(table, ids, None)
    with pytest.raises(TypeError, match="sp_weights must be SparseTensor"):
        nn.embedding_lookup_sparse(table, sparse, ids)
    with pytest.raises(ValueError, match="The rank of params must be known"):
        embedding.embedding_lookup_sparse(unknown, sparse, None, combiner="sqrtn")


# --- sampled losses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nce_loss", "sampled_softmax_loss"])
@pytest.mark.parametrize("removes_hits", [False, True])
def test_sampled_losses(name: str, removes_hits: bool) -> None:
    w, b, x = normal(6, 3), normal(6), normal(2, 3)
    labels, sampled = np.array([[5], [0]], "int64"), np.array([1, 5, 2], "int64")
    expected = np.full((2, 1), 0.5), np.array([0.2, 0.3, 0.4])
    loss = getattr(nn, name)(
        tensor(w), tensor(b), labels, tensor(x), 3, 6, sampled_values=(sampled, *expected), remove_accidental_hits=removes_hits
    )
    of_true = (x * w[labels[:, 0]]).sum(1, keepdims=True) + b[labels] - np.log(0.5)
    of_sampled = x @ w[sampled].T + b[sampled] - np.log(expected[1])
    if removes_hits:
        of_sampled[labels == sampled] = -np.inf
    logits = np.concatenate([of_true, of_sampled], 1)
    if name == "nce_loss":
        want = np.log1p(np.exp(-of_true[:, 0])) + np.log1p(np.exp(of_sampled)).sum(1)
    else:
        want = -np.log(reference_softmax(logits)[:, 0])
    np.testing.assert_allclose(run(loss), want)


def test_sampled_losses_need_samples() -> None:
    with pytest.raises(NotImplementedError, match="sampled_values must be given"):
        nn.nce_loss(tensor(normal(6, 3)), tensor(normal(6)), [[1]], tensor(normal(1, 3)), 3, 6)
