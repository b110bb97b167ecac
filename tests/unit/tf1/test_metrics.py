"""`tf.metrics` and `tf.contrib.metrics`: what is refused, and how they stand in a training script (numbers: tests/peers)."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf


def test_a_loop_of_evaluation() -> None:
    labels, scores = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, 3])
    accuracy, update = tf.metrics.accuracy(labels, tf.argmax(scores, 1), name="eval")
    rng = np.random.default_rng(0)
    batches = [(rng.integers(0, 3, n), rng.normal(size=(n, 3)).astype("float32")) for n in (5, 7, 4)]
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        for y, x in batches:
            session.run(update, {labels: y, scores: x})
        right = sum(int((x.argmax(1) == y).sum()) for y, x in batches)
        assert session.run(accuracy) == np.float32(right / 16)
        assert session.run(tf.get_collection(tf.GraphKeys.METRIC_VARIABLES)) == [right, 16]


def test_metrics_are_not_saved_nor_trained() -> None:
    w = tf.get_variable("w", [2])
    tf.metrics.mean(w)
    assert tf.global_variables() == tf.trainable_variables() == [w]
    assert [v.name for v in tf.local_variables()] == ["mean/total:0", "mean/count:0"]


def test_value_and_update_in_one_run() -> None:
    """Operations take effect in the order of recording: a mean is read after its update, a count before."""
    value, update = tf.metrics.mean(tf.constant([2.0, 4.0]))
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run([value, update]) == [3.0, 3.0]
    count, update = tf.metrics.true_positives([True], [True])
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run([count, update]) == [0.0, 1.0]
        assert session.run(count) == 1.0


def test_predictions_are_looked_at_whatever_the_labels_are() -> None:
    predictions = tf.placeholder(tf.float32, [2])
    _, update = tf.metrics.true_positives_at_thresholds(tf.constant([True, False]), predictions, [0.5])
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"predictions must be in \[0, 1\]"):
            session.run(update, {predictions: [1.5, 0.0]})
        assert session.run(update, {predictions: [1.0, 0.0]}).tolist() == [1.0]


def test_weights_are_checked_at_run_time() -> None:
    values, weights = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [None, 2])
    _, update = tf.metrics.mean(values, weights)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run(update, {values: np.ones((3, 2)), weights: np.ones((1, 2))}) == 1.0
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"weights can not be broadcast to values\.|Incompatible shapes"):
            session.run(update, {values: np.ones((3, 2)), weights: np.ones((2, 2))})


@pytest.mark.parametrize("function", ["recall_at_k", "precision_at_k", "average_precision_at_k", "sparse_precision_at_k"])
def test_sparse_labels_are_refused(function: str) -> None:
    labels = tf.SparseTensor([[0, 0]], tf.constant([1], tf.int64), [1, 2])
    with pytest.raises(
        NotImplementedError, match="graphopt's metrics take no sparse labels: give a dense tensor, its rows filled up with -1"
    ):
        getattr(tf.metrics, function)(labels, tf.ones([1, 3]), 2)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"Invalid k=0\. `k` should be >= 1"):
        tf.metrics.average_precision_at_k([[1]], tf.ones([1, 3]), 0)
    with pytest.raises(ValueError, match=r"Unexpected labels shape \(\) for predictions shape \(2, 2, 1\)"):
        tf.metrics.recall_at_k(tf.constant(1), tf.ones([2, 2, 2]), 1)
    with pytest.raises(ValueError, match=r"must have rank in \(0, 1\): weights of shape \(2, 1, 1\) don't fit the values"):
        tf.metrics.recall([True, False], [True, True], tf.ones([2, 1, 1]))


def test_labels_of_rank_that_is_not_known() -> None:
    labels = tf.placeholder(tf.int64)
    _, update = tf.metrics.recall_at_k(labels, tf.constant([[0.1, 0.6, 0.3]]), 1)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run(update, {labels: [[1]]}) == 1.0


def test_pr_auc_by_trapezoids_warns(caplog: pytest.LogCaptureFixture) -> None:
    tf.metrics.auc(tf.constant([True]), tf.constant([0.5]), curve="PR")
    assert "careful_interpolation" in caplog.text


# --- contrib ---------------------------------------------------------------------------------------------------------------


def test_streaming_metrics_take_predictions_first() -> None:
    _, update = tf.contrib.metrics.streaming_precision([True, True], [True, False])
    _, swapped = tf.contrib.metrics.streaming_precision(labels=[True, True], predictions=[True, False])
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        assert session.run([update, swapped]) == [0.5, 1.0]
    assert tf.contrib.metrics.streaming_precision.__name__ == "streaming_precision"


def test_slim_metrics_are_those_of_contrib() -> None:
    assert tf.contrib.slim.metrics is tf.contrib.metrics
    assert tf.contrib.metrics.confusion_matrix is tf.confusion_matrix is tf.math.confusion_matrix


def test_accuracy_of_a_batch() -> None:
    with pytest.raises(ValueError, match=r"Labels should have bool, integer, or string dtype, not tf\.float32"):
        tf.contrib.metrics.accuracy(tf.constant([1.0]), tf.constant([1.0]))
    with pytest.raises(ValueError, match=r"Dtypes of predictions and labels should match\. Given: predictions \(tf.int64\) and labels"):
        tf.contrib.metrics.accuracy(tf.constant([1], tf.int64), tf.constant([1]))


def test_confusion_matrix_has_a_static_shape() -> None:
    labels = tf.placeholder(tf.int32, [None])
    assert tf.confusion_matrix(labels, labels, 3).shape.as_list() == [3, 3]
    assert tf.confusion_matrix(labels, labels).shape.as_list() in ([None, None], None)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_confusion_matrix_of_impossible_classes(labels: Any) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`labels` (out of bound|contains negative values)"):
        tf.Session().run(tf.confusion_matrix(tf.constant(labels), tf.constant([0, 1]), 3))
