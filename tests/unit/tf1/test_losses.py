"""`tf.losses`: reductions, weights, collections and messages (values are compared with TensorFlow's in tests/peers)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf

Y = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
P = np.array([[1.5, 2.0], [1.0, 0.0]], "float32")
SQUARES = (P - Y) ** 2


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    """Record every test into a graph of its own."""
    with tf.Graph().as_default() as fresh:
        yield fresh


def run(fetches: Any, feeds: Any = None) -> Any:
    with tf.Session() as session:
        return session.run(fetches, feeds)


REDUCTIONS = {
    "none": lambda losses, w: losses * w,
    "weighted_sum": lambda losses, w: (losses * w).sum(),
    "weighted_mean": lambda losses, w: (losses * w).sum() / (w * np.ones_like(losses)).sum(),
    "weighted_sum_over_batch_size": lambda losses, w: (losses * w).sum() / losses.size,
    "weighted_sum_by_nonzero_weights": lambda losses, w: (losses * w).sum() / (w * np.ones_like(losses) != 0).sum(),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", [1.0, 0.5, np.array([[2.0], [0.0]], "float32"), np.array([[1.0, 0.0], [3.0, 1.0]], "float32")], ids=str)
@pytest.mark.parametrize("is_known", [True, False])
def test_reduction(reduction: str, weights: Any, is_known: bool) -> None:
    p = tf.placeholder(tf.float32, [2, 2] if is_known else None)
    given = tf.placeholder(tf.float32, np.shape(weights) if is_known else [None] * np.ndim(weights))
    loss = tf.losses.mean_squared_error(Y, p, given, reduction=reduction)
    np.testing.assert_allclose(run(loss, {p: P, given: weights}), REDUCTIONS[reduction](SQUARES, weights), rtol=1e-6)


def test_weights_of_zero_give_zero() -> None:
    assert run(tf.losses.mean_squared_error(Y, P, weights=0.0)) == 0.0


def test_losses_enter_their_collection_and_the_total() -> None:
    first = tf.losses.mean_squared_error(Y, P)
    tf.losses.absolute_difference(Y, P, loss_collection=None)
    tf.losses.absolute_difference(Y, P, loss_collection="mine")
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.constant(10.0))
    assert tf.losses.get_losses() == [first]
    assert len(tf.losses.get_losses(loss_collection="mine")) == 1
    total, plain, penalty = run(
        [tf.losses.get_total_loss(), tf.losses.get_total_loss(add_regularization_losses=False), tf.losses.get_regularization_loss()]
    )
    assert (total, plain, penalty) == (SQUARES.mean() + 10, SQUARES.mean(), 10.0)


def test_no_regularization_loss_is_zero() -> None:
    assert run(tf.losses.get_regularization_loss()) == 0.0


def test_labels_of_a_softmax_cross_entropy_have_no_gradient() -> None:
    y, z = tf.constant(np.eye(2, dtype="float32")), tf.constant(P)
    loss = tf.losses.softmax_cross_entropy(y, z)
    assert tf.gradients(loss, y) == [None]
    assert tf.gradients(loss, z)[0].shape.as_list() == [2, 2]


def test_sparse_softmax_cross_entropy_drops_axes_of_size_one() -> None:
    labels = np.array([[1], [0]])
    plain = run(tf.losses.sparse_softmax_cross_entropy(labels[:, 0], P))
    assert run(tf.losses.sparse_softmax_cross_entropy(labels, P)) == plain
    assert run(tf.losses.sparse_softmax_cross_entropy(labels[:, 0], P[..., None])) == plain
    assert run(tf.losses.sparse_softmax_cross_entropy(labels, P, weights=[[1.0], [1.0]])) == plain
    hidden = tf.placeholder(tf.float32, None)
    assert run(tf.losses.sparse_softmax_cross_entropy(labels[:, 0], hidden), {hidden: P}) == plain


MISSING = {
    "mean_squared_error": ("labels", "predictions"),
    "absolute_difference": ("labels", "predictions"),
    "huber_loss": ("labels", "predictions"),
    "log_loss": ("labels", "predictions"),
    "hinge_loss": ("labels", "logits"),
    "sigmoid_cross_entropy": ("multi_class_labels", "logits"),
    "softmax_cross_entropy": ("onehot_labels", "logits"),
    "sparse_softmax_cross_entropy": ("labels", "logits"),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_operands(name: str) -> None:
    loss = getattr(tf.losses, name)
    for given, missing in (((None, P), MISSING[name][0]), ((P, None), MISSING[name][1])):
        with pytest.raises(ValueError, match=rf"^{missing} must not be None\."):
            loss(*given)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"Invalid ReductionKey sideways\."):
        tf.losses.mean_squared_error(Y, P, reduction="sideways")
    with pytest.raises(ValueError, match="You must specify 'axis'"):
        tf.losses.cosine_distance(Y, P)
    with pytest.raises(ValueError, match="Cannot specify both 'dim' and 'axis'"):
        tf.losses.cosine_distance(Y, P, axis=1, dim=1)
    with pytest.raises(ValueError, match="labels must not be None"):
        tf.losses.cosine_distance(None, P, axis=1)
    with pytest.raises(ValueError, match=r"Shapes \(2, 2\) and \(3,\) are incompatible"):
        tf.losses.mean_squared_error([1.0, 2.0, 3.0], P)
    with pytest.raises(ValueError, match="There is no loss to add up: inputs must be a list of at least one Tensor"):
        tf.losses.get_total_loss()


def test_weights_that_do_not_broadcast() -> None:
    with pytest.raises(ValueError, match=r"weights can not be broadcast to values\. values\.rank=2\. weights\.rank=1\."):
        tf.losses.mean_squared_error(Y, P, weights=[1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"weights can not be broadcast to values\. Mismatch at dim 1\. values\.shape=\(2, 2\)\. weights\.shape"
    ):
        tf.losses.mean_squared_error(Y, P, weights=[[1.0, 2.0, 3.0]])
    weights, p = tf.placeholder(tf.float32, [None, None]), tf.placeholder(tf.float32, [None, 2])
    loss = tf.losses.mean_squared_error(p * 0.0, p, weights=weights)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"assertion failed: .*weights can not be broadcast to values"):
        run(loss, {p: P[:1], weights: [[1.0], [1.0]]})
    assert run(loss, {p: P, weights: [[1.0], [1.0]]}) == pytest.approx((P**2).mean())
