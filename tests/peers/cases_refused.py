"""Expressions that TensorFlow refuses. `says` is the text of the 1.x reference where it names one; "" leaves the words open."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import ErrorTable, Reworded, call
from peer_data import INF, NAN, integers, normal

refused = ErrorTable("refused")

A, B = normal(2, 3), normal(2, 3, seed=81)
TWO, THREE = normal(2), normal(3)

# Conversion and types.
refused("convert/none", "build", lambda tf: tf.convert_to_tensor(None), says="None values not supported.")
refused(
    "convert/tensor_of_other_type",
    "build",
    lambda tf, x: tf.convert_to_tensor(x, dtype=tf.int32),
    x=A,
    says="Tensor conversion requested dtype int32 for Tensor with dtype float32",
)
refused("convert/float_to_int", "build", lambda tf: tf.constant(1.5, dtype=tf.int32), says="")
refused("convert/object", "build", lambda tf: tf.convert_to_tensor(object()), says="")
refused("convert/ragged", "build", lambda tf: tf.constant([[1.0], [1.0, 2.0]]), says="")
refused("binary/types", "build", call("add"), x=TWO, y=integers(2), says="that does not match type")
refused("operator/types", "build", lambda tf, x, y: x * y, x=TWO, y=integers(2), says="")
refused("matmul/types", "build", call("matmul"), a=A, b=integers(3, 2), says="")
refused("operator/int_times_float", "build", lambda tf, x: x * 1.5, x=integers(2), says="")
refused(
    "bool_of_tensor", "build", lambda tf, x: 1 if x else 0, x=np.float32(1), says="as a Python `bool` is not allowed", reference="TypeError"
)
refused("iteration", "build", lambda tf, x: list(x), x=A, says="", reference="TypeError")
refused("len", "build", lambda tf, x: len(x), x=A, says="")
refused("numpy_array", "build", lambda tf, x: np.array(x), x=A, says="Cannot convert a symbolic")
refused("fill/too_many", "build", lambda tf: tf.constant([1, 2, 3], shape=[2]), says="")
refused("verify_shape", "build", lambda tf: tf.constant(1.0, shape=[2], verify_shape=True), says="")
refused("logical/float", "build", call("logical_and"), x=TWO, y=TWO, says="")
refused("log/int32", "build", call("log"), x=integers(2), says="")
refused("set_shape", "build", lambda tf, x: x.set_shape([3, 3]), x=A, says="")

# Static shapes.
refused("add/shapes", "build", call("add"), x=TWO, y=THREE, says="Dimensions must be equal, but are 2 and 3 for")
refused("matmul/shapes", "build", call("matmul"), a=A, b=B, says="Dimensions must be equal, but are 3 and 2 for")
refused("matmul/vector", "build", call("matmul"), a=THREE, b=A, says="")
refused("reshape/size", "build", call("reshape", [4]), x=A, says="")
refused("concat/shapes", "build", lambda tf, a, b: tf.concat([a, b], 0), a=A, b=normal(2, 4), says="")
refused("concat/ranks", "build", lambda tf, a, b: tf.concat([a, b], 0), a=A, b=TWO, says="")
refused("stack/shapes", "build", lambda tf, a, b: tf.stack([a, b]), a=TWO, b=THREE, says="")
refused("split/uneven", "build", call("split", 2, 1), x=A, says="")
refused("squeeze/not_one", "build", call("squeeze", [0]), x=A, says="")
refused("expand_dims/axis", "build", call("expand_dims", 5), x=A, says="")
refused("transpose/perm", "build", call("transpose", [0, 1, 2]), x=A, says="")
refused("reduce_sum/axis", "build", call("reduce_sum", axis=2), x=A, says="")
refused("slice/index", "build", lambda tf, x: x[5], x=A, says="")
refused("slice/too_many", "build", lambda tf, x: x[0, 0, 0], x=A, says="")
refused("unstack/hidden", "build", call("unstack"), x=A, shapes="hidden", says="Cannot infer")
refused("unstack/num", "build", call("unstack", 3), x=A, says="")
refused(
    "conv2d/channels",
    "build",
    lambda tf, x, w: tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME"),
    x=normal(1, 4, 4, 2),
    w=normal(3, 3, 3, 1),
    says="",
)
refused("bias_add/length", "build", call("nn.bias_add"), x=A, b=TWO, says="")
refused("one_hot/types", "build", lambda tf, i: tf.one_hot(i, 3, on_value=1.0, off_value=0), i=integers(2, low=0), says="")
refused("pad/rank", "build", call("pad", [[1, 1]]), x=A, says="")
refused("ensure_shape", "build", lambda tf, x: tf.ensure_shape(x, [3, 3]), x=A, says="")

# Aliases and named arguments.
refused(
    "alias/axis_twice",
    "build",
    lambda tf, x: tf.reduce_sum(x, axis=0, reduction_indices=[0]),
    x=A,
    says="Cannot specify both 'reduction_indices' and 'axis'",
)
refused("alias/keepdims_twice", "build", lambda tf, x: tf.reduce_sum(x, keepdims=True, keep_dims=True), x=A, says="Cannot specify both")
refused("alias/expand_dims_twice", "build", lambda tf, x: tf.expand_dims(x, 0, dim=0), x=A, says="Cannot specify both")
POSITIONAL = "Only call `{}` with named arguments (labels=..., logits=..., ...)"
for word in "softmax_cross_entropy_with_logits sparse_softmax_cross_entropy_with_logits sigmoid_cross_entropy_with_logits".split():
    refused(f"positional/{word}", "build", call(f"nn.{word}"), x=A, y=A, says=POSITIONAL.format(word), reference="ValueError")
refused(
    "sparse_xent/ranks",
    "build",
    lambda tf, y, z: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z),
    y=integers(2, 1),
    z=A,
    says="",
)
refused(
    "softmax_xent/shapes",
    "build",
    lambda tf, y, z: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z),
    y=A,
    z=normal(2, 4),
    says="",
)
refused(
    "sigmoid_xent/shapes",
    "build",
    lambda tf, y, z: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z),
    y=A,
    z=normal(2, 4),
    says=Reworded("logits and labels must have the same shape"),
)
refused("dropout/keep_prob", "build", lambda tf, x: tf.nn.dropout(x, keep_prob=1.5), x=A, says="")
refused("dropout/rate", "build", lambda tf, x: tf.nn.dropout(x, rate=1.0), x=A, says="")
refused("losses/none", "build", lambda tf, x: tf.losses.mean_squared_error(None, x), x=A, says=Reworded("labels must not be None."))
refused(
    "losses/none_predictions",
    "build",
    lambda tf, x: tf.losses.mean_squared_error(x, None),
    x=A,
    says=Reworded("predictions must not be None."),
)
refused(
    "losses/none_logits", "build", lambda tf, x: tf.losses.softmax_cross_entropy(x, None), x=A, says=Reworded("logits must not be None.")
)
refused("losses/shapes", "build", lambda tf, x, y: tf.losses.mean_squared_error(x, y), x=A, y=TWO, says="")
refused("losses/weights", "build", lambda tf, x, y: tf.losses.mean_squared_error(x, y, weights=[1.0, 2.0, 3.0]), x=A, y=B, says="")
refused("losses/reduction", "build", lambda tf, x, y: tf.losses.mean_squared_error(x, y, reduction="sideways"), x=A, y=B, says="")
refused("losses/empty_total", "build", lambda tf: tf.losses.get_total_loss(), says="")

# Control flow and grouping.
refused(
    "cond/python_bool", "build", lambda tf, x: tf.cond(True, lambda: x, lambda: x), x=A, says=Reworded("pred must not be a Python bool")
)
refused("cond/not_callable", "build", lambda tf, x: tf.cond(tf.reduce_sum(x) > 0.0, x, x), x=A, says="must be callable")
refused(
    "cond/returns_none",
    "build",
    lambda tf, x: tf.cond(tf.reduce_sum(x) > 0.0, lambda: None, lambda: None),
    x=A,
    says=Reworded("true_fn must have a return value."),
)
refused(
    "cond/types",
    "build",
    lambda tf, x: tf.cond(x > 0.0, lambda: 1, lambda: 1.0),
    x=np.float32(1),
    says=Reworded("Outputs of true_fn and false_fn must have the same type"),
)
refused("cond/lengths", "build", lambda tf, x: tf.cond(x > 0.0, lambda: [x, x], lambda: [x]), x=np.float32(1), says="")
refused(
    "while/shape_changes",
    "build",
    lambda tf, x: tf.while_loop(lambda v: tf.reduce_sum(v) < 9.0, lambda v: tf.concat([v, v], 0), [x]),
    x=TWO,
    says="",
)
refused("while/not_callable", "build", lambda tf, x: tf.while_loop(x, lambda v: v, [x]), x=TWO, says="")
refused("while/no_variables", "build", lambda tf: tf.while_loop(lambda: True, lambda: [], []), says="")
refused("group/number", "build", lambda tf: tf.group(3), says="")
refused("tuple/all_none", "build", lambda tf: tf.tuple([None, None]), says=Reworded("Must have at least one Tensor"))
refused("add_n/empty", "build", lambda tf: tf.add_n([]), says="")
refused("add_n/shapes", "build", lambda tf, a, b: tf.add_n([a, b]), a=TWO, b=THREE, says="")
refused("control_dependencies/number", "build", lambda tf: tf.control_dependencies([3]).__enter__(), says="")

# Gradients.
refused("gradients/grad_ys_length", "build", lambda tf, x: tf.gradients([x, x], x, grad_ys=[x]), x=A, says="Passed 1 grad_ys for 2 ys")
refused(
    "gradients/aggregation",
    "build",
    lambda tf, x: tf.gradients(x * x + x, x, aggregation_method=7),
    x=A,
    says=Reworded("Invalid aggregation_method specified 7"),
)
refused(
    "gradients/unconnected",
    "build",
    lambda tf, x: tf.gradients(x * x, x, unconnected_gradients="maybe"),
    x=A,
    says="Unknown value for unconnected_gradients: 'maybe'",
)
refused("gradients/of_string", "build", lambda tf: tf.gradients(tf.constant("a"), tf.constant(1.0)), says="")
refused(
    "slices/no_dense_shape",
    "build",
    lambda tf, v: tf.convert_to_tensor(tf.IndexedSlices(v, tf.constant([0, 1]))),
    v=A,
    says=Reworded("Tensor conversion requested for IndexedSlices without dense_shape"),
)

# While running.
refused(
    "run/unfed",
    "run",
    lambda tf: tf.placeholder(tf.float32, [2, 3], name="x"),
    says="You must feed a value for placeholder tensor 'x' with dtype float and shape [2,3]",
)
refused(
    "run/unfed_no_shape",
    "run",
    lambda tf: tf.placeholder(tf.int32, name="x") + 1,
    says="You must feed a value for placeholder tensor 'x' with dtype int32",
)
refused("run/add_shapes", "run", call("add"), x=TWO, y=THREE, shapes="unknown", says="Incompatible shapes: [2] vs. [3]")
refused("run/matmul_shapes", "run", call("matmul"), a=A, b=B, shapes="hidden", says="Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]")
refused(
    "run/reshape",
    "run",
    call("reshape", [3]),
    x=TWO,
    shapes="hidden",
    says="Input to reshape is a tensor with 2 values, but the requested shape has 3",
)
refused("run/gather", "run", call("gather", [5]), x=TWO, says="= 5 is not in [0, 2)")
refused("run/gather_nd", "run", call("gather_nd", [[5]]), x=TWO, says="")
refused(
    "run/int_division", "run", call("floordiv"), x=np.array([1, 2], "int32"), y=np.array([1, 0], "int32"), says="Integer division by zero"
)
refused("run/int_mod", "run", call("floormod"), x=np.array([1, 2], "int32"), y=np.array([1, 0], "int32"), says="Integer division by zero")
refused(
    "run/sparse_xent_label",
    "run",
    lambda tf, y, z: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=z),
    y=np.array([0, 3], "int32"),
    z=A,
    says="Received a label value of 3 which is outside the valid range of [0, 3)",
)
refused("run/concat_shapes", "run", lambda tf, a, b: tf.concat([a, b], 0), a=A, b=normal(2, 4), shapes="unknown", says="")
refused("run/stack_shapes", "run", lambda tf, a, b: tf.stack([a, b]), a=TWO, b=THREE, shapes="unknown", says="")
refused("run/segment_order", "run", call("segment_sum"), x=THREE, ids=np.array([1, 0, 2], "int32"), says="segment ids are not increasing")
refused("run/partition_range", "run", call("dynamic_partition", 2), x=TWO, parts=np.array([0, 2], "int32"), says="")
refused("run/inverse", "run", call("matrix_inverse"), x=np.ones((2, 2)), says="not invertible")
refused("run/ensure_shape", "run", lambda tf, x: tf.ensure_shape(x, [3, None]), x=A, shapes="unknown", says="")
refused("run/squeeze", "run", call("squeeze", [0]), x=A, shapes="hidden", says="")
refused("run/py_func", "run", lambda tf, x: tf.py_func(lambda v: 1 / 0, [x], tf.float32), x=TWO, says="division by zero")
refused("run/py_func_type", "run", lambda tf, x: tf.py_func(lambda v: v.astype("float64"), [x], tf.float32), x=TWO, says="")
refused(
    "run/uninitialised",
    "run",
    lambda tf: [tf.Variable(1.0, name="v", collections=[]) + 1.0],
    says="Attempting to use uninitialized value v",
)


def guarded(tf: Any, check: Any, value: Any) -> Any:
    with tf.control_dependencies([check]):
        return tf.identity(value)


ASSERTIONS = {
    "assert_equal": lambda tf, x: tf.assert_equal(x, x + 1.0),
    "assert_less": lambda tf, x: tf.assert_less(x, x),
    "assert_less_equal": lambda tf, x: tf.assert_less_equal(x + 1.0, x),
    "assert_greater": lambda tf, x: tf.assert_greater(x, x),
    "assert_greater_equal": lambda tf, x: tf.assert_greater_equal(x, x + 1.0),
    "assert_positive": lambda tf, x: tf.assert_positive(x * 0.0),
    "Assert": lambda tf, x: tf.Assert(tf.reduce_sum(x * 0.0) > 1.0, [x]),
}
for word, make in ASSERTIONS.items():
    refused(f"run/{word}", "run", lambda tf, x, make=make: guarded(tf, make(tf, x), x), x=TWO, says="assertion failed:")
refused("run/assert_message", "run", lambda tf, x: guarded(tf, tf.assert_less(x, x, message="too large"), x), x=TWO, says="too large")
refused("assert_rank", "build", lambda tf, x: tf.assert_rank(x, 1), x=A, says="must have rank 1.  Received rank 2, shape (2, 3)")
refused("assert_scalar", "build", lambda tf, x: tf.assert_scalar(x), x=A, says="Expected scalar shape")
refused("assert_equal/static", "build", lambda tf: tf.assert_equal(tf.constant(1), tf.constant(2)), says="")
FINITE = {"nan": [1, NAN], "inf": [INF, 1], "both": [NAN, INF]}
WORDS = {"nan": "NaN", "inf": "Inf", "both": "Inf and NaN"}
for label, numbers in FINITE.items():
    says = f"broken : Tensor had {WORDS[label]} values"
    refused(
        f"run/check_numerics/{label}",
        "run",
        call("check_numerics", "broken"),
        x=np.array(numbers, "float32"),
        says=says if label == "nan" else "broken : Tensor had ",
    )
    refused(
        f"run/all_finite/{label}",
        "run",
        call("verify_tensor_all_finite", "broken"),
        x=np.array(numbers, "float32"),
        says="broken : Tensor had ",
    )

TABLES = (refused,)
