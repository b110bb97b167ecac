"""Clipping of dense tensors: values and gradients, with NaN, infinities, zeros and ties. Lists and slices are in `cases_clipping`."""

from __future__ import annotations

import numpy as np
from peer_case import OpTable, call
from peer_data import INF, NAN, SPECIAL, integers, normal

clip = OpTable("clip")

X = normal(2, 3, scale=2.0)
BAD = {"nan": [1.0, NAN, 2.0], "inf": [1.0, INF, -2.0], "zero": [0.0, 0.0, 0.0]}

clip("by_value", call("clip_by_value", -1.0, 1.5), x=X, names="scope")
clip("by_value/special", call("clip_by_value", -2.0, 2.0), x=SPECIAL, names="scope", gradient=False)
clip("by_value/at_bounds", call("clip_by_value", -1.0, 1.0), x=np.array([-1, 1, 0, -2, 2], "float32"), names="scope")
clip("by_value/int32", call("clip_by_value", -1, 2), x=integers(6), names="scope")
clip(
    "by_value/tensor_bounds",
    lambda tf, x, low, high: tf.clip_by_value(x, low, high),
    x=X,
    low=np.float32(-0.5),
    high=np.float32(0.5),
    names="scope",
)
clip("by_value/bound_per_element", lambda tf, x, high: tf.clip_by_value(x, -10.0, high), x=X, high=normal(2, 3, seed=91), names="scope")
clip("by_value/keywords", call("clip_by_value", clip_value_min=0.0, clip_value_max=1e9, name="positive"), x=X, names="scope")
clip("by_norm", call("clip_by_norm", 1.0), x=X)
clip("by_norm/not_reached", call("clip_by_norm", 100.0), x=X)
clip("by_norm/exactly_reached", call("clip_by_norm", 5.0), x=np.array([3, 4], "float32"), gradient=False)
clip("by_norm/axes", call("clip_by_norm", 1.0, axes=[1]), x=X)
clip("by_norm/axes_columns", call("clip_by_norm", 0.5, axes=0), x=X)
clip("by_norm/zero_norm", call("clip_by_norm", 0.0), x=X)
clip("by_norm/norm_tensor", lambda tf, x, c: tf.clip_by_norm(x, c), x=X, c=np.float32(0.75))
clip("by_norm/float64", call("clip_by_norm", 0.5), x=normal(3, dtype="float64"))
clip("by_average_norm", call("clip_by_average_norm", 0.2), x=X, names="scope")
clip("by_average_norm/not_reached", call("clip_by_average_norm", 10.0), x=X, names="scope")
for label, numbers in BAD.items():
    clip(f"by_norm/{label}", call("clip_by_norm", 1.0), x=np.array(numbers, "float32"), gradient=label == "zero")
    clip(f"by_average_norm/{label}", call("clip_by_average_norm", 1.0), x=np.array(numbers, "float32"), gradient=False, names="scope")
    clip(f"global_norm/{label}", lambda tf, x: tf.global_norm([x]), x=np.array(numbers, "float32"), gradient=False, names="scope")
clip("global_norm", lambda tf, a, b: tf.global_norm([a, None, b]), a=X, b=normal(3), names="scope")
clip("by_global_norm", lambda tf, a, b: tf.clip_by_global_norm([a, None, b], 1.0), a=X, b=normal(3), names="exact")
clip("by_global_norm/not_reached", lambda tf, a, b: tf.clip_by_global_norm([a, b], 100.0), a=X, b=normal(3), names="exact")
clip("by_global_norm/use_norm", lambda tf, a, n: tf.clip_by_global_norm([a], 1.0, use_norm=n), a=X, n=np.float32(8), names="exact")
clip("by_global_norm/named", lambda tf, a, b: tf.clip_by_global_norm([a, b], 1.0, name="cut"), a=X, b=X, names="exact")
clip("by_global_norm/second_call", lambda tf, a: [tf.clip_by_global_norm([a], 1.0), tf.clip_by_global_norm([a], 2.0)], a=X, names="exact")
clip(
    "by_global_norm/zero",
    lambda tf, a, b: tf.clip_by_global_norm([a, b], 1.0),
    a=np.zeros(3, "float32"),
    b=np.zeros(2, "float32"),
    gradient=False,
)
clip("by_global_norm/clip_to_zero", lambda tf, a: tf.clip_by_global_norm([a], 0.0), a=X, gradient=False)
clip("by_global_norm/zero_to_zero", lambda tf, a: tf.clip_by_global_norm([a], 0.0), a=np.zeros(3, "float32"), gradient=False)
for label in ("nan", "inf"):
    clip(
        f"by_global_norm/{label}",
        lambda tf, a, b: tf.clip_by_global_norm([a, b], 1.0),
        a=np.array(BAD[label], "float32"),
        b=normal(2),
        gradient=False,
    )

TABLES = (clip,)
