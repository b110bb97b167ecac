"""Softmax and the cross entropies: values, gradients of both orders, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphopt import errors
from graphopt.autodiff.gradients import gradients
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.variables import global_variables_initializer
from graphopt.ops import softmax
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


def test_the_gradient_for_logits_depends_on_the_labels() -> None:
    # TensorFlow leaves this part of the second order out.
    z, y = tensor(LOGITS), tensor(LABELS)
    loss = nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=z)
    direction = normal(4, 3)
    np.testing.assert_allclose(run(gradients(gradients(loss, z)[0], y, grad_ys=[tensor(direction)])[0]), -direction)


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
