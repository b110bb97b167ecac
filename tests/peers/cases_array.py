"""Constants, shapes and rearrangements."""

from __future__ import annotations

import numpy as np
from peer_case import OpTable, call, call_list
from peer_data import integers, normal

constant = OpTable("constant")
shape = OpTable("shape")
array = OpTable("array")

X = normal(2, 3)
X3 = normal(2, 3, 4)

# Constants and what Python values become.
PYTHON_VALUES = {
    "int": 1,
    "float": 1.5,
    "bool": True,
    "string": "text",
    "list": [1, 2, 3],
    "mixed_list": [1, 2.5],
    "nested": [[1.0, 2.0], [3.0, 4.0]],
    "empty": [],
    "bytes_list": [b"a", b"bc"],
    "float64_array": np.array([1.0, 2.0]),
    "int64_array": np.array([1, 2]),
    "float32_scalar": np.float32(2),
    "uint8_array": np.array([1, 2], "uint8"),
    "bool_array": np.array([True, False]),
}
for word, value in PYTHON_VALUES.items():
    constant(f"constant/{word}", lambda tf, value=value: tf.constant(value))
    if word in {"int", "float", "nested", "float64_array"}:
        constant(f"convert_to_tensor/{word}", lambda tf, value=value: tf.convert_to_tensor(value))
constant("constant/dtype", lambda tf: tf.constant([1, 2], dtype=tf.float64))
constant("constant/fill_shape", lambda tf: tf.constant(3.0, shape=[2, 2]))
constant("constant/repeat_last", lambda tf: tf.constant([1, 2, 3], shape=[5]))
constant("constant/reshape", lambda tf: tf.constant([1, 2, 3, 4], shape=[2, 2]))
constant("constant/named_twice", lambda tf: [tf.constant(1, name="c"), tf.constant(2, name="c"), tf.constant(3)])
constant("convert_to_tensor/identity", call("convert_to_tensor"), x=X)
constant("convert_to_tensor/list_of_tensors", lambda tf, a, b: tf.convert_to_tensor([a, b]), a=np.float32(1), b=np.float32(2), names="off")
constant("convert_to_tensor/dtype", lambda tf: tf.convert_to_tensor([1, 2], dtype=tf.float32, name="mine"))
constant("convert_to_tensor/preferred_dtype", lambda tf: tf.convert_to_tensor([1, 2], preferred_dtype=tf.float64))
constant("zeros", lambda tf: tf.zeros([2, 3]))
constant("zeros/int32", lambda tf: tf.zeros((2,), tf.int32))
constant("zeros/scalar", lambda tf: tf.zeros([]))
constant("ones", lambda tf: tf.ones([2, 1], dtype=tf.float64))
constant("zeros/dynamic", lambda tf, x: tf.zeros(tf.shape(x)), x=X)
constant("zeros/tensor_in_shape", lambda tf, x: tf.zeros([tf.shape(x)[0], 2]), x=X)
constant("fill", lambda tf: tf.fill([2, 2], 7.0))
constant("fill/value_tensor", lambda tf, v: tf.fill([2, 3], v), v=np.float32(1.5))
constant("zeros_like", call("zeros_like"), x=X)
constant("zeros_like/dtype", lambda tf, x: tf.zeros_like(x, dtype=tf.int32), x=X)
constant("ones_like", call("ones_like"), x=X)
constant("ones_like/bool", lambda tf, x: tf.ones_like(x, dtype=tf.bool), x=X)
constant("range/limit", lambda tf: tf.range(5))
constant("range/start", lambda tf: tf.range(2, 8, 3))
constant("range/down", lambda tf: tf.range(5, 0, -2))
constant("range/float", lambda tf: tf.range(0.0, 1.0, 0.25))
constant("range/dtype", lambda tf: tf.range(3, dtype=tf.float32))
constant("range/tensor", call("range"), n=np.int32(4))
constant("range/empty", lambda tf: tf.range(3, 3))
constant("linspace", lambda tf: tf.linspace(0.0, 1.0, 5), names="off")
constant("linspace/one", lambda tf: tf.linspace(2.0, 5.0, 1), names="off")
constant("eye", lambda tf: tf.eye(3), names="off")
constant("eye/rectangle", lambda tf: tf.eye(2, 3, dtype=tf.float64), names="off")
constant("eye/batch", lambda tf: tf.eye(2, batch_shape=[2]), names="off")
IDS = np.array([0, 2, -1, 1, 5], "int32")
constant("one_hot", call("one_hot", 3), ids=IDS)
constant("one_hot/values", call("one_hot", 3, on_value=5.0, off_value=-1.0), ids=IDS)
constant("one_hot/first_axis", call("one_hot", 3, axis=0), ids=IDS)
constant("one_hot/matrix", call("one_hot", 3, axis=1), ids=integers(2, 2, low=0, high=3))
constant("one_hot/int32", lambda tf, ids: tf.one_hot(ids, 3, dtype=tf.int32), ids=IDS.astype("int64"))
constant("one_hot/bool", lambda tf, ids: tf.one_hot(ids, 3, on_value=True, off_value=False), ids=IDS)
constant("one_hot/depth_tensor", call("one_hot"), ids=IDS, depth=np.int32(4))
constant("sequence_mask", call("sequence_mask", 4), lengths=np.array([0, 2, 4], "int32"), names="scope")
constant("sequence_mask/longest", call("sequence_mask"), lengths=np.array([1, 3, 2], "int32"), names="scope")
constant("sequence_mask/float", lambda tf, n: tf.sequence_mask(n, 3, dtype=tf.float32), n=np.array([[1], [3]], "int32"), names="scope")
constant("meshgrid", lambda tf, a, b: tf.meshgrid(a, b), a=normal(3), b=normal(2), names="scope")
constant("meshgrid/ij", lambda tf, a, b: tf.meshgrid(a, b, indexing="ij"), a=normal(3), b=normal(2), names="scope")
constant("placeholder_with_default", lambda tf: tf.placeholder_with_default([[1.0, 2.0]], [None, 2]), names="exact")
constant("strings", lambda tf: tf.concat([tf.constant(["a", "b"]), tf.constant([b"\xff"])], 0))

# Shapes.
for word in "shape size rank".split():
    shape(word, call(word), x=X3, names="off" if word == "rank" else "auto")
shape("shape/int64", lambda tf, x: tf.shape(x, out_type=tf.int64), x=X)
shape("size/int64", lambda tf, x: tf.size(x, out_type=tf.int64), x=X)
shape("shape/scalar", call("shape"), x=np.float32(1))
shape("shape/element", lambda tf, x: tf.shape(x)[0] * 2, x=X)
shape("shape/unstack", lambda tf, x: tf.unstack(tf.shape(x)), x=X)
shape("reshape", call("reshape", [3, 2]), x=X)
shape("reshape/minus_one", call("reshape", [-1, 2]), x=X3)
shape("reshape/flat", call("reshape", [-1]), x=X3)
shape("reshape/scalar", call("reshape", []), x=np.array([[2.5]], "float32"))
shape("reshape/shape_of_other", lambda tf, x, y: tf.reshape(x, tf.shape(y)), x=X, y=normal(3, 2))
shape("reshape/part_known", lambda tf, x: tf.reshape(x, [tf.shape(x)[0], 12]), x=X3)
shape("reshape/keep_batch", lambda tf, x: tf.reshape(x, tf.stack([tf.shape(x)[0], -1])), x=X3)
shape("expand_dims/first", call("expand_dims", 0), x=X)
shape("expand_dims/last", call("expand_dims", -1), x=X)
shape("expand_dims/dim_alias", lambda tf, x: tf.expand_dims(x, dim=1), x=X)
shape("squeeze/all", call("squeeze"), x=normal(1, 3, 1, 2), fixed=("x",))
shape("squeeze/axis", call("squeeze", [0]), x=normal(1, 3, 1))
shape("squeeze/negative", call("squeeze", axis=-1), x=normal(2, 3, 1))
shape("squeeze/squeeze_dims_alias", call("squeeze", squeeze_dims=[1]), x=normal(2, 1, 3))
shape("identity", call("identity"), x=X)
shape("identity/string", call("identity"), x=np.array([b"a", b"bc"], object), gradient=False)
shape("stop_gradient", call("stop_gradient"), x=X)
shape("stop_gradient/part", lambda tf, x: x * tf.stop_gradient(x), x=X)
shape("identity_n", call_list("identity_n"), a=X, b=integers(3))
shape("broadcast_to", call("broadcast_to", [4, 2, 3]), x=normal(2, 1))
shape("broadcast_to/dynamic", lambda tf, x, y: tf.broadcast_to(x, tf.shape(y)), x=normal(3), y=X)
shape("set_shape", lambda tf, x: [x.set_shape([2, None]), tf.tanh(x)][1:], x=X)
shape("ensure_shape", lambda tf, x: tf.ensure_shape(x, [None, 3]), x=X)

# Rearrangements.
array("concat/rows", lambda tf, a, b: tf.concat([a, b], 0), a=X, b=normal(1, 3))
array("concat/last", lambda tf, a, b, c: tf.concat([a, b, c], axis=-1), a=X, b=normal(2, 1), c=normal(2, 2, seed=4))
array("concat/one", lambda tf, a: tf.concat([a], 0), a=X, names="scope")
array("concat/empty_part", lambda tf, a, b: tf.concat([a, b], 0), a=np.zeros((0, 3), "float32"), b=X)
array("concat/int32", lambda tf, a, b: tf.concat([a, b], 0), a=integers(2), b=integers(3))
array("concat/values_keyword", lambda tf, a, b: tf.concat(values=[a, b], axis=1, name="both"), a=X, b=X)
array("stack/first", call_list("stack"), a=X, b=normal(2, 3, seed=2))
array("stack/axis", call_list("stack", axis=1), a=X, b=normal(2, 3, seed=2), c=normal(2, 3, seed=3))
array("stack/last", call_list("stack", axis=-1), a=X, b=normal(2, 3, seed=2))
array("stack/scalars", call_list("stack"), a=np.float32(1), b=np.float32(2))
array("unstack/first", call("unstack"), x=X, hidden=False)
array("unstack/axis", call("unstack", axis=1), x=X)
array("unstack/num", call("unstack", 2), x=X3)
array("unstack/one_used", lambda tf, x: tf.unstack(x, axis=1)[1], x=X)
array("split/even", call("split", 2, 1), x=normal(2, 4))
array("split/sizes", call("split", [1, 3, 2], axis=-1), x=normal(2, 6))
array("split/sizes_minus_one", call("split", [1, -1], axis=0), x=normal(4, 2))
array("split/first", call("split", 3), x=normal(3, 2))
array("split/one_used", lambda tf, x: tf.split(x, 2, 1)[1], x=normal(2, 4))
array("transpose", call("transpose"), x=X3)
array("transpose/perm", call("transpose", [0, 2, 1]), x=X3)
array("transpose/keyword", call("transpose", perm=[2, 0, 1], name="turned"), x=X3)
array("transpose/vector", call("transpose"), x=normal(3))
array("tile", call("tile", [2, 3]), x=X)
array("tile/row", lambda tf, x: tf.tile(tf.expand_dims(x, 0), [4, 1]), x=normal(3))
array("tile/dynamic", lambda tf, x, n: tf.tile(x, [n, 1]), x=X, n=np.int32(2))
PADDINGS = [[1, 2], [0, 1]]
array("pad", call("pad", PADDINGS), x=X)
array("pad/value", call("pad", PADDINGS, constant_values=2.0), x=X)
array("pad/reflect", call("pad", [[1, 0], [2, 1]], mode="REFLECT"), x=normal(3, 4))
array("pad/symmetric", call("pad", [[1, 1], [3, 2]], "SYMMETRIC"), x=normal(3, 4))
array("pad/lower_case_mode", call("pad", [[1, 0], [1, 1]], mode="reflect"), x=normal(3, 4))
array("reverse/first", call("reverse", [0]), x=X)
array("reverse/two", call("reverse", axis=[-1, 0]), x=X3)
array("reverse_sequence", call("reverse_sequence", [3, 1], seq_axis=1, batch_axis=0), x=X3)
array("reverse_sequence/lengths", lambda tf, x, n: tf.reverse_sequence(x, n, seq_dim=0, batch_dim=1), x=X3, n=np.array([2, 1, 2], "int64"))
array("roll", call("roll", 1, 0), x=normal(4, 2), names="off")
array("roll/two_axes", call("roll", [1, -2], [0, 1]), x=normal(3, 4), names="off")
array("depth_to_space", call("depth_to_space", 2), x=normal(1, 2, 2, 8))
array("space_to_depth", call("space_to_depth", 2), x=normal(1, 4, 4, 2))
array("sort", call("sort"), x=normal(2, 4), names="off")
array("sort/descending", call("sort", axis=0, direction="DESCENDING"), x=normal(4, 2), names="off")
array("argsort", call("argsort"), x=normal(2, 4), names="off", gradient=False)
array(
    "argsort/descending_stable",
    call("argsort", direction="DESCENDING", stable=True),
    x=np.array([1, 3, 3, 2], "float32"),
    names="off",
    gradient=False,
)
array("top_k", lambda tf, x: tuple(tf.nn.top_k(x, 2)), x=normal(3, 4))
array("top_k/ties", lambda tf, x: tuple(tf.nn.top_k(x, k=3)), x=np.array([2, 3, 3, 1, 3], "float32"), gradient=False)
array("top_k/default", lambda tf, x: tf.nn.top_k(x).values, x=normal(2, 4))
array("unique", lambda tf, x: tuple(tf.unique(x)), x=np.array([4, 1, 4, 2, 1], "int32"))
array("unique/float", lambda tf, x: tuple(tf.unique(x, out_idx=tf.int64)), x=np.array([4, 1, 4, 2], "float32"), gradient=False)
array("unique_with_counts", lambda tf, x: tuple(tf.unique_with_counts(x)), x=np.array([4, 1, 4, 2, 1], "int64"))
array("invert_permutation", call("invert_permutation"), x=np.array([2, 0, 3, 1], "int32"))
SORTED = np.array([[1, 3, 3, 5], [0, 2, 4, 6]], "float32")
WANTED = np.array([[3, 0, 6], [2, 3, 7]], "float32")
array("searchsorted/left", call("searchsorted"), sorted=SORTED, values=WANTED, names="off", gradient=False)
array("searchsorted/right", call("searchsorted", side="right"), sorted=SORTED, values=WANTED, names="off", gradient=False)

TABLES = (constant, shape, array)
