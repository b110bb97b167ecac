"""`tf.losses`: every loss with its weights, reductions and collections."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import Build, OpTable, lookup
from peer_data import integers, normal, one_hot, positive, probabilities

losses = OpTable("losses")

Y, P = normal(3, 2), normal(3, 2, seed=61)
BINARY = (normal(3, 2, seed=62) > 0).astype("float32")
CHANCE = probabilities(3, 2)
NAMES = "exact"


def loss(path: str, **options: Any) -> Build:
    return lambda tf, labels, scores, *weights: lookup(tf.losses, path)(labels, scores, *weights, **options)


for word in "mean_squared_error absolute_difference huber_loss".split():
    losses(word, loss(word), labels=Y, scores=P, names=NAMES)
    losses(f"{word}/row_weights", loss(word), labels=Y, scores=P, weights=np.array([[2.0], [0.0], [1.5]], "float32"), names=NAMES)
losses("huber_loss/delta", loss("huber_loss", delta=0.3), labels=Y, scores=P, names=NAMES)
losses("hinge_loss", loss("hinge_loss"), labels=BINARY, scores=P, names=NAMES)
losses("log_loss", loss("log_loss"), labels=BINARY, scores=CHANCE, names=NAMES)
losses("log_loss/epsilon", loss("log_loss", epsilon=0.1), labels=BINARY, scores=np.round(CHANCE), names=NAMES, gradient=False)
losses("cosine_distance", loss("cosine_distance", axis=1), labels=Y, scores=P, names=NAMES)
losses("cosine_distance/dim_alias", loss("cosine_distance", dim=1), labels=Y, scores=P, names=NAMES)
losses("sigmoid_cross_entropy", loss("sigmoid_cross_entropy"), labels=BINARY, scores=P, names=NAMES)
losses("sigmoid_cross_entropy/smoothing", loss("sigmoid_cross_entropy", label_smoothing=0.2), labels=BINARY, scores=P, names=NAMES)
losses("softmax_cross_entropy", loss("softmax_cross_entropy"), labels=one_hot(3, 2), scores=P, names=NAMES)
losses("softmax_cross_entropy/smoothing", loss("softmax_cross_entropy", label_smoothing=0.1), labels=one_hot(3, 2), scores=P, names=NAMES)
losses("softmax_cross_entropy/weights", loss("softmax_cross_entropy"), labels=one_hot(3, 2), scores=P, weights=positive(3), names=NAMES)
losses("sparse_softmax_cross_entropy", loss("sparse_softmax_cross_entropy"), labels=integers(3, low=0, high=2), scores=P, names=NAMES)
losses(
    "sparse_softmax_cross_entropy/column_labels",
    loss("sparse_softmax_cross_entropy"),
    labels=integers(3, 1, low=0, high=2, dtype="int64"),
    scores=P,
    names=NAMES,
)
losses("keywords", lambda tf, y, p: tf.losses.mean_squared_error(labels=y, predictions=p, scope="fit"), y=Y, p=P, names=NAMES)
losses("int_labels", loss("mean_squared_error"), labels=integers(3, 2), scores=P, names=NAMES)
losses(
    "float64",
    loss("mean_squared_error"),
    labels=Y.astype("float64"),
    scores=P.astype("float64"),
    names=NAMES,
    rtol=2e-6,
    why="computed in float32",
)
losses("weight_scalar", loss("mean_squared_error", weights=0.25), labels=Y, scores=P, names=NAMES)
losses("weight_zero", loss("mean_squared_error", weights=0.0), labels=Y, scores=P, names=NAMES)
losses("weight_each", loss("absolute_difference"), labels=Y, scores=P, weights=positive(3, 2), names=NAMES)
REDUCTIONS = {
    "NONE": "none",
    "SUM": "weighted_sum",
    "MEAN": "weighted_mean",
    "SUM_OVER_BATCH_SIZE": "weighted_sum_over_batch_size",
    "SUM_BY_NONZERO_WEIGHTS": "weighted_sum_by_nonzero_weights",
}
WEIGHTS = np.array([[2.0], [0.0], [0.5]], "float32")
for label, reduction in REDUCTIONS.items():
    for how, weights in (("unweighted", {}), ("weighted", {"weights": WEIGHTS})):
        losses(f"reduction/{label}/{how}", loss("mean_squared_error", reduction=reduction), labels=Y, scores=P, **weights)
losses("reduction/by_class", lambda tf, y, p: tf.losses.mean_squared_error(y, p, reduction=tf.losses.Reduction.MEAN), y=Y, p=P)
losses("compute_weighted_loss", lambda tf, x, w: tf.losses.compute_weighted_loss(x, w), x=positive(3), w=positive(3, seed=63), names=NAMES)


@losses.define("collection", y=Y, p=P, names=NAMES)
def collected(tf: Any, y: Any, p: Any) -> list[Any]:
    tf.losses.mean_squared_error(y, p)
    tf.losses.add_loss(tf.reduce_sum(p, name="extra"))
    tf.losses.absolute_difference(y, p, loss_collection=None)
    tf.add_to_collection(tf.GraphKeys.REGULARIZATION_LOSSES, tf.reduce_sum(y, name="penalty"))
    total = [tf.losses.get_total_loss(), tf.losses.get_total_loss(add_regularization_losses=False), tf.losses.get_regularization_loss()]
    return [*total, *tf.losses.get_losses(), *tf.losses.get_regularization_losses()]


@losses.define("scoped_collection", y=Y, p=P, names=NAMES)
def scoped(tf: Any, y: Any, p: Any) -> list[Any]:
    with tf.name_scope("a"):
        tf.losses.mean_squared_error(y, p)
    with tf.name_scope("b"):
        tf.losses.mean_squared_error(y, 2.0 * p)
    return [*tf.losses.get_losses(scope="b"), tf.losses.get_total_loss(scope="a")]


TABLES = (losses,)
