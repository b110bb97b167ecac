"""`tf.metrics`, their older faces in contrib, and confusion matrices: over batches, weighted, with shapes that are not known."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import ScenarioTable, lookup, raised
from peer_data import booleans, integers, normal, positive, probabilities

metrics = ScenarioTable("metrics")
streaming = ScenarioTable("streaming")
confusion = ScenarioTable("confusion")

Batch = dict[str, np.ndarray]


def streamed(tf: Any, path: str, batches: list[Batch], shapes: str = "full", **options: Any) -> dict[str, Any]:
    """What a metric shows of itself, and its value and updates over the batches.

    `shapes` says what the placeholders know: "full", "hidden" (not the first axis) or "unknown" (not even the rank).
    """
    inputs = {}
    for name, array in batches[0].items():
        known = {"full": list(array.shape), "hidden": [None, *array.shape[1:]][: array.ndim], "unknown": None}[shapes]
        inputs[name] = tf.placeholder(array.dtype, known, name=name)
    value, update = lookup(tf, path)(**inputs, **options, metrics_collections=["values"], updates_collections=["updates"])
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        seen = {
            "names": [value.name, update.name],
            "dtypes": [value.dtype.base_dtype.name, update.dtype.base_dtype.name],
            "local": [v.name for v in tf.local_variables()],
            "metric": [v.name for v in tf.get_collection(tf.GraphKeys.METRIC_VARIABLES)],
            "others": [v.name for v in (*tf.global_variables(), *tf.trainable_variables())],
            "collections": [[t.name for t in tf.get_collection(key)] for key in ("values", "updates")],
            "start": session.run(value),
        }
        for i, batch in enumerate(batches):
            seen[f"update {i}"] = session.run(update, {inputs[name]: array for name, array in batch.items()})
            seen[f"value {i}"] = session.run(value)
        seen["state"] = session.run(tf.local_variables())
    return seen


def add(path: str, label: str, batches: list[Batch], shapes: tuple[str, ...] = ("full", "hidden"), **options: Any) -> None:
    family, _, name = path.rpartition(".")
    table = streaming if "contrib" in family else metrics
    for known in shapes:
        full = "/".join(part for part in (name, label, "" if known == "full" else known) if part)
        table.add(full, lambda tf, known=known: streamed(tf, path, batches, known, **options))


def pairs(make: Any, *shape: int, weights: Any = None, count: int = 3, names: tuple[str, str] = ("labels", "predictions")) -> list[Batch]:
    """Batches of labels and predictions, and weights of some shape."""
    found = []
    for i in range(count):
        batch = dict(zip(names, (make(*shape, seed=200 + 2 * i), make(*shape, seed=201 + 2 * i)), strict=True))
        if weights is not None:
            batch["weights"] = positive(*weights, seed=220 + i) * (positive(*weights, seed=240 + i) > 1.0)
        found.append(batch)
    return found


def classes(*shape: int, seed: int = 4) -> np.ndarray:
    return integers(*shape, low=0, high=4, seed=seed)


def chances(*shape: int, seed: int = 4) -> np.ndarray:
    return np.round(np.random.RandomState(seed).uniform(0, 1, shape), 3).astype("float32")


def answers(*shape: int, weights: Any = None) -> list[Batch]:
    """Batches of bools and chances, more of the right ones than of others."""
    found = pairs(chances, *shape, weights=weights)
    for batch in found:
        batch["predictions"] = np.round(0.6 * batch["predictions"] + 0.3 * batch["labels"], 3).astype("float32")
        batch["labels"] = batch["labels"] > 0.5
    return found


# --- means ---------------------------------------------------------------------------------------------------------------

VALUES = [{"values": normal(4, 3, seed=s)} for s in (1, 2, 3)]
for where in ("metrics.mean", "metrics.mean_tensor"):
    known = ("full", "hidden", "unknown") if where == "metrics.mean" else ("full",)
    add(where, "", VALUES, known)
    add(where, "weights", [{**b, "weights": positive(4, 3, seed=7)} for b in VALUES], known)
    add(where, "row_weights", [{**b, "weights": positive(4, 1, seed=8)} for b in VALUES], known[:2])
    add(where, "weights_without_last_axis", [{"values": b["values"][:, :1], "weights": positive(4, seed=8)} for b in VALUES], known[:2])
    add(where, "weights_zero", [{**b, "weights": np.float32(0)} for b in VALUES], known[:1])
    add(where, "named", VALUES, ("full",), name="mine")
add("metrics.mean", "int_values", [{"values": classes(5, seed=s)} for s in (1, 2)])
add("metrics.mean", "int_weights", [{"values": normal(4, seed=s), "weights": classes(4, seed=s)} for s in (1, 2)])
add("metrics.percentage_below", "", [{"values": normal(6, seed=s)} for s in (1, 2)], threshold=0.3)

for word in ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error"):
    add(f"metrics.{word}", "", pairs(normal, 4, 2))
    add(f"metrics.{word}", "weights", pairs(normal, 4, 2, weights=(4, 2)))
    add(f"metrics.{word}", "row_weights", pairs(normal, 4, 2, weights=(4, 1)))
    add(f"metrics.{word}", "scalar_weights", pairs(normal, 4, 2, weights=()), name="error")
add("metrics.mean_squared_error", "", pairs(normal, 4, 2), ("unknown",))
add("metrics.mean_cosine_distance", "", pairs(normal, 4, 2), dim=1)
add("metrics.mean_cosine_distance", "weights", pairs(normal, 4, 2, weights=(4, 1)), dim=1)
add("metrics.mean_relative_error", "", pairs(normal, 3), ("full",), normalizer=np.array([1.0, 0.0, 2.0], "float32"))

add("metrics.accuracy", "", pairs(classes, 8))
add("metrics.accuracy", "", pairs(classes, 8), ("unknown",))
add("metrics.accuracy", "matrix", pairs(classes, 4, 3, weights=(4, 3)))
add("metrics.accuracy", "weights", pairs(classes, 8, weights=(8,)))
add("metrics.accuracy", "bools", pairs(booleans, 8))
COLUMN = [{"labels": b["labels"][:, None], "predictions": b["predictions"].astype("int64")} for b in pairs(classes, 8)]
add("metrics.accuracy", "column_labels", COLUMN, ("full", "hidden", "unknown"))
add("metrics.accuracy", "column_weights", [{**b, "weights": positive(8, 1)} for b in pairs(classes, 8)], ("full", "hidden", "unknown"))

# --- counts --------------------------------------------------------------------------------------------------------------

COUNTS = ("true_positives", "true_negatives", "false_positives", "false_negatives")
for word in (*COUNTS, "precision", "recall"):
    add(f"metrics.{word}", "", pairs(booleans, 6))
    add(f"metrics.{word}", "weights", pairs(booleans, 6, weights=(6,)))
    add(f"metrics.{word}", "ints", pairs(classes, 6), ("hidden",))
add("metrics.precision", "nothing", [{"labels": np.zeros(3, bool), "predictions": np.zeros(3, bool)}], name="p")
add("metrics.recall", "scalar_weights", pairs(booleans, 6, weights=()))
BOUNDS = [0.1, 0.45, 0.5, 0.8]
for word in (*COUNTS, "precision", "recall"):
    add(f"metrics.{word}_at_thresholds", "", answers(8), thresholds=BOUNDS)
    add(f"metrics.{word}_at_thresholds", "weights", answers(8, weights=(8,)), thresholds=BOUNDS)

for curve in ("ROC", "PR"):
    for method in ("trapezoidal", "careful_interpolation", "minoring", "majoring"):
        add("metrics.auc", f"{curve}/{method}", answers(12), ("full",), curve=curve, summation_method=method)
add("metrics.auc", "hidden", answers(12), ("hidden",))
add("metrics.auc", "matrix", answers(6, 2, weights=(6, 1)), num_thresholds=20)
add("metrics.auc", "thresholds", answers(12), ("full",), thresholds=[0.7, 0.2, 0.5])
add("metrics.sensitivity_at_specificity", "", answers(12), specificity=0.7)
add("metrics.specificity_at_sensitivity", "", answers(12), sensitivity=0.7, num_thresholds=30)
add("metrics.specificity_at_sensitivity", "weights", answers(12, weights=(12,)), ("full",), sensitivity=0.7)

# --- classes -------------------------------------------------------------------------------------------------------------

for word in ("mean_iou", "mean_per_class_accuracy"):
    add(f"metrics.{word}", "", pairs(classes, 10), num_classes=5)
    add(f"metrics.{word}", "matrix", pairs(classes, 5, 2), num_classes=4)
    add(f"metrics.{word}", "weights", pairs(classes, 10, weights=(10,)), num_classes=4)
for known in (None, 5):
    for weights in (None, positive(6)):
        label = f"{'all' if known is None else known}/{'plain' if weights is None else 'weighted'}"
        confusion.add(label, lambda tf, k=known, w=weights: matrices(tf, k, w))


def matrices(tf: Any, num_classes: int | None, weights: Any) -> list[Any]:
    labels, predictions = (tf.placeholder(tf.int32, [None], name=name) for name in ("labels", "predictions"))
    matrix = tf.confusion_matrix(labels, predictions, num_classes, dtype=tf.float32 if weights is not None else tf.int32, weights=weights)
    column = tf.math.confusion_matrix(tf.expand_dims(labels, 1), predictions, num_classes=num_classes, name="other")
    good, bad = classes(6, seed=11), np.array([0, 1, 2, 3, 4, -1])
    with tf.Session() as session:
        values = session.run([matrix, column], {labels: good, predictions: classes(6, seed=12)})
        negative = raised(lambda: session.run(column, {labels: bad, predictions: good}), "`labels` contains negative values")
        large = raised(lambda: session.run(column, {labels: bad + 1, predictions: good}), "`labels` out of bound")
    return [matrix.name, column.name, matrix.dtype.name, values, negative, large]


# --- the best k ----------------------------------------------------------------------------------------------------------

SCORES = [probabilities(4, 5, seed=s) for s in (1, 2)]
SEVERAL = [{"labels": integers(4, 3, low=0, high=5, seed=s, dtype="int64"), "predictions": p} for s, p in zip((3, 4), SCORES, strict=True)]
SINGLE = [{"labels": integers(4, 1, low=0, high=5, seed=s, dtype="int64"), "predictions": p} for s, p in zip((3, 4), SCORES, strict=True)]
FLAT = [{**b, "labels": b["labels"][:, 0]} for b in SINGLE]
PADDED = [{**b, "labels": np.where(b["labels"] > 3, -1, b["labels"])} for b in SEVERAL]
for word in ("recall_at_k", "precision_at_k", "average_precision_at_k"):
    for label, batches in {"several": SEVERAL, "single": SINGLE, "flat": FLAT, "padded": PADDED}.items():
        add(f"metrics.{word}", label, batches, k=2)
    add(f"metrics.{word}", "weights", [{**b, "weights": positive(4, seed=9)} for b in SEVERAL], k=3)
for word in ("recall_at_k", "precision_at_k"):
    add(f"metrics.{word}", "class", SEVERAL, ("full",), k=3, class_id=2)
TOP = [{"labels": b["labels"], "predictions_idx": np.argsort(-b["predictions"])[:, :3].astype("int64")} for b in SEVERAL]
for word in ("recall_at_top_k", "precision_at_top_k"):
    add(f"metrics.{word}", "", TOP)
    add(f"metrics.{word}", "k", TOP, ("full",), k=3, class_id=1, name="best")


# --- several metrics, refusals ---------------------------------------------------------------------------------------------


@metrics("twice")
def twice(tf: Any) -> list[Any]:
    """Metrics of one kind have variables of their own."""
    labels, predictions = tf.constant([1, 2, 3]), tf.constant([1, 2, 0])
    with tf.variable_scope("eval"):
        found = [tf.metrics.accuracy(labels, predictions), tf.metrics.accuracy(labels, predictions), tf.metrics.mean(predictions)]
    return [[t.name for pair in found for t in pair], [v.name for v in tf.local_variables()]]


@metrics("start_anew")
def start_anew(tf: Any) -> list[Any]:
    value, update = tf.metrics.mean(tf.constant([1.0, 4.0]))
    start = tf.variables_initializer(tf.get_collection(tf.GraphKeys.METRIC_VARIABLES))
    with tf.Session() as session:
        session.run(start)
        session.run([update])
        before = session.run(value)
        session.run(start)
        return [before, session.run(value)]


@metrics("refused")
def refused(tf: Any) -> dict[str, Any]:
    ones = tf.constant([1.0, 1.0])
    labels, scores = tf.constant([0, 1]), tf.placeholder(tf.float32, [2])
    area = tf.metrics.auc(labels, scores)[1]
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        too_large = raised(lambda: session.run(area, {scores: [0.5, 1.5]}), "predictions must be in [0, 1]")
    return {
        "weights": raised(lambda: tf.metrics.mean(ones, tf.constant([1.0, 1.0, 1.0])), "weights can not be broadcast to values."),
        "ranks": raised(lambda: tf.metrics.true_positives(ones, ones, tf.ones([2, 1, 1])), "must have rank in"),
        "shapes": raised(lambda: tf.metrics.accuracy(ones, tf.constant([1.0, 2.0, 3.0])), "are incompatible"),
        "curve": raised(lambda: tf.metrics.auc(labels, scores, curve="XY"), "Curve must be either ROC or PR"),
        "method": raised(lambda: tf.metrics.auc(labels, scores, summation_method="best"), "Invalid summation_method: best"),
        "specificity": raised(lambda: tf.metrics.sensitivity_at_specificity(labels, scores, 2.0), "must be in the range [0, 1]"),
        "sensitivity": raised(lambda: tf.metrics.specificity_at_sensitivity(labels, scores, -1.0), "must be in the range [0, 1]"),
        "k": raised(lambda: tf.metrics.average_precision_at_k(labels, tf.ones([2, 2]), 0), "Invalid k=0"),
        "labels": raised(lambda: tf.metrics.precision_at_k(tf.constant(1), tf.ones([2, 2, 2]), 1), "Unexpected labels shape ()"),
        "too_large": too_large,
    }


# --- contrib.metrics -------------------------------------------------------------------------------------------------------

ORDER = ("predictions", "labels")
STREAMING = (
    "accuracy precision recall true_positives true_negatives false_positives false_negatives".split(),
    "mean_absolute_error mean_squared_error root_mean_squared_error".split(),
)
for words, make in zip(STREAMING, (booleans, normal), strict=True):
    for word in words:
        add(f"contrib.metrics.streaming_{word}", "", pairs(make, 6, names=ORDER), ("full",))
add("contrib.metrics.streaming_mean", "", VALUES, ("full",))
add("contrib.metrics.streaming_auc", "", answers(12), ("full",))
add("contrib.metrics.streaming_percentage_less", "", [{"values": normal(6)}], ("full",), threshold=0.2)
add("contrib.metrics.streaming_mean_iou", "", pairs(classes, 8), ("full",), num_classes=4)
add("contrib.metrics.streaming_mean_cosine_distance", "", pairs(normal, 4, 2), ("full",), dim=1)
add("contrib.metrics.streaming_sparse_precision_at_k", "", SEVERAL, ("full",), k=2)
add("contrib.metrics.streaming_sparse_recall_at_k", "", SEVERAL, ("full",), k=2)
add("contrib.metrics.streaming_sparse_average_precision_at_k", "", SEVERAL, ("full",), k=2)
add("contrib.metrics.streaming_recall_at_k", "", FLAT, ("full",), k=2)
add("contrib.metrics.streaming_precision_at_thresholds", "", answers(8), ("full",), thresholds=BOUNDS)
add("contrib.metrics.streaming_false_positive_rate", "", pairs(booleans, 6, weights=(6,)), ("full", "hidden"))
add("contrib.metrics.streaming_false_negative_rate", "", pairs(booleans, 6), ("full",))
add("contrib.metrics.count", "", VALUES, ("full", "hidden"))
add("contrib.metrics.count", "weights", [{**b, "weights": positive(4, 1, seed=8)} for b in VALUES], ("full",))


@streaming("aggregate")
def aggregate(tf: Any) -> list[Any]:
    ones = tf.constant([1.0, 2.0])
    first, second = tf.metrics.mean(ones), tf.metrics.mean(2.0 * ones)
    values, updates = tf.contrib.metrics.aggregate_metrics(first, second)
    named = tf.contrib.metrics.aggregate_metric_map({"a": first, "b": second})
    nothing = raised(tf.contrib.metrics.aggregate_metrics, "Expected at least one value_tensor/update_op pair")
    of_names = [{key: t.name for key, t in part.items()} for part in named]
    return [[t.name for t in values], [t.name for t in updates], of_names, nothing]


@streaming("accuracy_of_labels")
def accuracy_of_labels(tf: Any) -> list[Any]:
    found = tf.contrib.metrics.accuracy(tf.constant([1, 2, 3]), tf.constant([1, 2, 0]), weights=tf.constant([1.0, 2.0, 3.0]))
    plain = tf.contrib.metrics.accuracy(tf.constant([1, 2, 3]), tf.constant([1, 2, 0]))
    with tf.Session() as session:
        return session.run([found, plain])


TABLES = (metrics, streaming, confusion)
