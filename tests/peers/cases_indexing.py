"""Python slices, gather, scatter, masks and partitions."""

from __future__ import annotations

import numpy as np
from peer_case import OpTable, call
from peer_data import booleans, integers, normal

slices = OpTable("slicing")
gather = OpTable("gather")
scatter = OpTable("scatter")

X3 = normal(4, 3, 2)
EXPRESSIONS = {
    "int": lambda tf, x: x[1],
    "negative_int": lambda tf, x: x[-1],
    "two_ints": lambda tf, x: x[1, 2],
    "range": lambda tf, x: x[1:3],
    "open_start": lambda tf, x: x[:2],
    "open_end": lambda tf, x: x[2:],
    "negative_end": lambda tf, x: x[:-1],
    "beyond_end": lambda tf, x: x[2:10],
    "step": lambda tf, x: x[::2],
    "reversed": lambda tf, x: x[::-1],
    "negative_step": lambda tf, x: x[3:0:-2],
    "column": lambda tf, x: x[:, 1],
    "last_column": lambda tf, x: x[:, -1],
    "last_axis": lambda tf, x: x[..., 0],
    "ellipsis_middle": lambda tf, x: x[0, ..., 1],
    "newaxis_first": lambda tf, x: x[tf.newaxis],
    "newaxis_middle": lambda tf, x: x[:, None, 1:],
    "newaxis_last": lambda tf, x: x[..., tf.newaxis],
    "ellipsis_and_step": lambda tf, x: x[..., ::-1],
    "everything": lambda tf, x: x[:],
    "mixed": lambda tf, x: x[1:, ::-1, 0],
    "empty": lambda tf, x: x[2:2],
    "twice": lambda tf, x: x[1:][0],
}
for label, build in EXPRESSIONS.items():
    slices(label, build, x=X3)
slices("tensor_index", lambda tf, x, i: x[i], x=X3, i=np.int32(2))
slices("tensor_range", lambda tf, x, i: x[i : i + 2], x=X3, i=np.int32(1))
slices("tensor_end", lambda tf, x, n: x[:, :n], x=X3, n=np.int32(2))
slices("strided_slice", lambda tf, x: tf.strided_slice(x, [0, 1], [4, 3], [2, 1]), x=X3)
slices("strided_slice/masks", lambda tf, x: tf.strided_slice(x, [1, 1, 1], [2, 2, 2], end_mask=1, shrink_axis_mask=2), x=X3)
slices("slice", call("slice", [1, 0, 0], [2, 3, 1]), x=X3)
slices("slice/rest", call("slice", [1, 1, 0], [-1, -1, 1]), x=X3)
slices("slice/dynamic", lambda tf, x, n: tf.slice(x, [0, 0, 0], [n, 2, 2]), x=X3, n=np.int32(3))

gather("gather/vector", call("gather", [2, 0, 2]), params=normal(4, 3))
gather("gather/scalar", call("gather", 1), params=normal(4, 3))
gather("gather/matrix", call("gather"), params=normal(4, 3), ids=np.array([[0, 3], [3, 3]], "int32"))
gather("gather/int64", call("gather"), params=normal(4), ids=np.array([3, 1], "int64"))
gather("gather/axis", call("gather", [1, 1, 0], axis=1), params=normal(2, 3, 2))
gather("gather/last_axis", call("gather", [1, 0], axis=-1), params=normal(2, 3))
gather(
    "gather/batch_dims", call("gather", axis=1, batch_dims=1), params=normal(2, 3, 2), ids=np.array([[0, 2], [1, 1]], "int32"), hidden=False
)
gather("gather/empty", call("gather"), params=normal(4, 3), ids=np.zeros(0, "int32"))
gather("gather/int32_params", call("gather", [1, 2]), params=integers(4, 2))
gather("gather/twice", lambda tf, p: tf.gather(p, [0, 1]) * tf.gather(p, [1, 1]), p=normal(3, 2))
gather("gather/and_dense", lambda tf, p: tf.reduce_sum(tf.gather(p, [0, 1, 1])) + tf.reduce_sum(p * p), p=normal(3, 2))
gather("gather_nd/elements", call("gather_nd", [[0, 1], [3, 2], [0, 1]]), params=normal(4, 3))
gather("gather_nd/rows", call("gather_nd", [[2], [0]]), params=normal(4, 3))
gather("gather_nd/matrix", call("gather_nd"), params=normal(3, 2), ids=np.array([[[0], [1]], [[2], [2]]], "int32"))
gather("gather_nd/one", call("gather_nd", [1, 2]), params=normal(4, 3), gradient=False, why="TensorFlow's own gradient fails here")
gather("batch_pick", lambda tf, q, a: tf.reduce_sum(q * tf.one_hot(a, 3), axis=1), q=normal(4, 3), a=integers(4, low=0, high=3))
MASK = np.array([True, False, True, True])
gather("boolean_mask/vector", call("boolean_mask"), x=normal(4, 3), mask=MASK, fixed=("mask",), names="scope")
gather("boolean_mask/matrix", call("boolean_mask"), x=normal(4, 3, 2), mask=booleans(4, 3), names="scope")
gather("boolean_mask/axis", lambda tf, x, mask: tf.boolean_mask(x, mask, axis=1), x=normal(2, 4), mask=MASK, names="scope")
gather("where_then_gather", lambda tf, x: tf.gather_nd(x, tf.where(x > 0.0)), x=normal(3, 3))

scatter("scatter_nd/rows", call("scatter_nd", [4, 2]), ids=np.array([[1], [3], [1]], "int32"), updates=normal(3, 2), hidden=False)
scatter("scatter_nd/elements", call("scatter_nd", [3, 2]), ids=np.array([[0, 1], [2, 0], [0, 1]], "int32"), updates=normal(3), hidden=False)
scatter(
    "scatter_nd/dynamic_shape",
    lambda tf, ids, u, n: tf.scatter_nd(ids, u, [n]),
    ids=np.array([[1], [3]], "int32"),
    u=normal(2),
    n=np.int32(5),
)
scatter("dynamic_partition", call("dynamic_partition", 3), x=normal(5, 2), parts=np.array([2, 0, 2, 0, 0], "int32"))
scatter("dynamic_partition/matrix", call("dynamic_partition", 2), x=normal(2, 3), parts=np.array([[0, 1, 0], [1, 1, 0]], "int32"))
scatter(
    "dynamic_stitch",
    lambda tf, i, j, a, b: tf.dynamic_stitch([i, j], [a, b]),
    i=np.array([0, 3], "int32"),
    j=np.array([1, 2], "int32"),
    a=normal(2, 2),
    b=normal(2, 2, seed=5),
)
scatter(
    "dynamic_stitch/overlap",
    lambda tf, i, j, a, b: tf.dynamic_stitch([i, j], [a, b]),
    i=np.array([0, 1], "int32"),
    j=np.array([1, 2], "int32"),
    a=normal(2),
    b=normal(2, seed=5),
)
scatter(
    "partition_and_stitch",
    lambda tf, x: tf.dynamic_stitch(
        tf.dynamic_partition(tf.range(5), [1, 0, 1, 0, 0], 2), [tf.exp(p) for p in tf.dynamic_partition(x, [1, 0, 1, 0, 0], 2)]
    ),
    x=normal(5, 2),
    fixed=("x",),
)

TABLES = (slices, gather, scatter)
