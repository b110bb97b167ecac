"""Reductions, cumulative ops, segments, norms and counts."""

from __future__ import annotations

import numpy as np
from peer_case import OpTable, call
from peer_data import INF, NAN, booleans, integers, normal, positive

reduce = OpTable("reduce")
norms = OpTable("norm")
scans = OpTable("cumulative")
segments = OpTable("segment")

X = normal(2, 3, 2)
AXES = {"all": None, "first": 0, "last": -1, "two": [0, 2], "none": []}
for word in "reduce_sum reduce_mean reduce_max reduce_prod reduce_logsumexp".split():
    rule = "scope" if word == "reduce_logsumexp" else "auto"
    for label, axis in AXES.items():
        reduce(f"{word}/{label}", call(word, axis=axis), x=X, names=rule)
    reduce(f"{word}/keepdims", call(word, axis=1, keepdims=True), x=X, names=rule)
reduce("reduce_min/last", call("reduce_min", axis=-1), x=X)
reduce("reduce_min/all", call("reduce_min"), x=X)
reduce("reduce_sum/keep_dims_alias", call("reduce_sum", axis=0, keep_dims=True), x=X)
reduce("reduce_mean/reduction_indices_alias", call("reduce_mean", reduction_indices=[1]), x=X)
reduce("reduce_sum/axis_placeholder", call("reduce_sum"), x=X, axis=np.int32(1), gradient=False)
reduce("reduce_sum/int32", call("reduce_sum", axis=0), x=integers(3, 2))
reduce("reduce_mean/int32", call("reduce_mean"), x=np.array([1, 2, 4], "int32"))
reduce("reduce_mean/float64", call("reduce_mean", axis=1), x=normal(2, 3, dtype="float64"))
reduce("reduce_sum/scalar", call("reduce_sum"), x=np.float32(2.5))
reduce("reduce_sum/list", lambda tf, a, b: tf.reduce_sum([a, b]), a=np.float32(2), b=np.float32(3))
for word in "reduce_any reduce_all".split():
    reduce(f"{word}/first", call(word, axis=0), x=booleans(3, 4))
    reduce(f"{word}/all", call(word), x=booleans(3, 4))
EMPTY = np.zeros((0, 2), "float32")
for word in "reduce_sum reduce_mean reduce_max reduce_min reduce_prod reduce_logsumexp".split():
    reduce(f"{word}/empty", call(word, axis=0), x=EMPTY, gradient=False, names="scope")
reduce("reduce_any/empty", call("reduce_any"), x=np.zeros(0, bool))
reduce("reduce_all/empty", call("reduce_all"), x=np.zeros(0, bool))
reduce("reduce_max/ties", call("reduce_max", axis=1), x=np.array([[1, 3, 3], [2, 2, 2]], "float32"))
reduce("reduce_min/ties", call("reduce_min", axis=0), x=np.array([[1, 2, 3], [1, 2, 4]], "float32"))
reduce("reduce_prod/one_zero", call("reduce_prod", axis=1), x=np.array([[1, 0, 3], [2, 4, 5]], "float32"))
reduce("reduce_prod/two_zeros", call("reduce_prod"), x=np.array([2, 0, 0, 3], "float32"))
reduce("reduce_sum/nan", call("reduce_sum", axis=1), x=np.array([[1, NAN], [INF, 1], [INF, -INF]], "float32"))
reduce("reduce_max/infinite", call("reduce_max", axis=1), x=np.array([[1, INF], [-INF, 1], [-INF, -INF]], "float32"))
reduce(
    "reduce_logsumexp/infinite",
    call("reduce_logsumexp", axis=1),
    x=np.array([[1, -INF], [-INF, -INF]], "float32"),
    gradient=False,
    names="scope",
)
reduce("reduce_logsumexp/large", call("reduce_logsumexp", axis=1), x=np.array([[1000, 999], [-1000, -1001]], "float32"), names="scope")
reduce("argmax/last", call("argmax", axis=1), x=normal(3, 4))
reduce("argmax/default", call("argmax"), x=normal(3, 4))
reduce("argmax/position", call("argmax", 1), x=normal(3, 4))
reduce("argmax/int32_output", lambda tf, x: tf.argmax(x, axis=0, output_type=tf.int32), x=normal(3, 4))
reduce("argmax/ties", call("argmax", axis=1), x=np.array([[1, 3, 3], [2, 2, 2]], "float32"))
reduce("argmin/ties", call("argmin", axis=1), x=np.array([[1, 3, 1], [2, 2, 2]], "float32"))
reduce("argmin/int", call("argmin", axis=-1), x=integers(3, 4))
reduce("count_nonzero/all", call("count_nonzero"), x=np.array([[0, 1, 2], [0, 0, 3]], "float32"))
reduce("count_nonzero/axis", lambda tf, x: tf.count_nonzero(x, axis=1, dtype=tf.int32), x=np.array([[0, 1, 2], [0, 0, 3]], "int32"))
reduce("count_nonzero/bool", call("count_nonzero", axis=0, keepdims=True), x=booleans(3, 2))

norms("default", call("norm"), x=X)
norms("euclidean/axis", call("norm", axis=1), x=X)
norms("euclidean/keepdims", call("norm", axis=-1, keepdims=True), x=X)
norms("one", call("norm", ord=1, axis=1), x=X)
norms("three", call("norm", ord=3, axis=1), x=X)
norms("infinity", call("norm", ord=np.inf, axis=1), x=X)
norms("frobenius", call("norm", ord="fro", axis=[-2, -1]), x=X)
norms("zero", call("norm"), x=np.zeros(3, "float32"))

for word in "cumsum cumprod".split():
    scans(f"{word}/default", call(word), x=normal(3, 2))
    scans(f"{word}/axis", call(word, axis=1), x=normal(2, 3))
    scans(f"{word}/exclusive", call(word, axis=-1, exclusive=True), x=normal(2, 3))
    scans(f"{word}/reverse", call(word, axis=0, reverse=True), x=normal(3, 2))
    scans(f"{word}/exclusive_reverse", call(word, axis=0, exclusive=True, reverse=True), x=normal(3, 2))
scans("cumsum/int32", call("cumsum"), x=integers(5))

IDS = np.array([0, 0, 2, 2, 3], "int32")
segments("segment_sum", call("segment_sum"), data=normal(5, 2), ids=IDS)
segments("segment_mean", call("segment_mean"), data=normal(5, 2), ids=IDS)
segments("segment_sum/int64_ids", call("segment_sum"), data=normal(5), ids=IDS.astype("int64"))
segments("segment_sum/int32_data", call("segment_sum"), data=integers(5), ids=IDS)
SCATTERED = np.array([2, 0, 2, 1, 0], "int32")
segments("unsorted_segment_sum", call("unsorted_segment_sum", 4), data=normal(5, 2), ids=SCATTERED)
segments("unsorted_segment_sum/negative_ids", call("unsorted_segment_sum", 3), data=normal(5), ids=np.array([0, -1, 2, 2, -1], "int32"))
segments(
    "unsorted_segment_sum/matrix_ids", call("unsorted_segment_sum", 3), data=normal(2, 3, 2), ids=np.array([[0, 1, 2], [2, 0, 0]], "int32")
)
segments("unsorted_segment_max", call("unsorted_segment_max", 4), data=normal(5, 2), ids=SCATTERED)
segments("bincount", call("bincount"), x=np.array([1, 3, 3, 0, 3], "int32"), names="off")
segments("bincount/minlength", call("bincount", minlength=6), x=np.array([1, 3, 3, 0, 3], "int32"), names="off")
segments("bincount/maxlength", call("bincount", maxlength=3), x=np.array([1, 3, 3, 0, 2], "int32"), names="off")
segments(
    "bincount/weights",
    lambda tf, x, w: tf.bincount(x, weights=w),
    x=np.array([1, 3, 3, 0], "int32"),
    w=positive(4),
    names="off",
    gradient=False,
)

TABLES = (reduce, norms, scans, segments)
