"""Clipping of lists and of IndexedSlices, and what the clips refuse. Dense tensors are in `cases_clip`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_case import Reworded, ScenarioTable, raised
from peer_data import INF, NAN, normal

clipping = ScenarioTable("clipping")

VALUES = normal(3, 2, seed=121, scale=2.0)


def slices(tf: Any, values: np.ndarray = VALUES) -> Any:
    """Three rows, two of them the same."""
    return tf.IndexedSlices(tf.constant(values), tf.constant([2, 0, 2]), tf.constant([4, 2]))


def seen(tf: Any, results: Any) -> list[Any]:
    """The values of tensors, the parts of slices, None."""
    out: list[Any] = []
    with tf.Session() as session:
        for result in results:
            if result is None:
                out.append(None)
            elif isinstance(result, tf.IndexedSlices):
                shape = None if result.dense_shape is None else session.run(result.dense_shape)
                out.append({"values": session.run(result.values), "indices": session.run(result.indices), "dense_shape": shape})
            else:
                out.append(session.run(result))
    return out


SINGLE: dict[str, Callable[[Any], Any]] = {
    "by_value/slices": lambda tf: tf.clip_by_value(slices(tf), -1.0, 1.0),
    "by_norm/slices": lambda tf: tf.clip_by_norm(slices(tf), 1.0),
    "global_norm/slices_do_not_add_up": lambda tf: tf.global_norm([slices(tf)]),
    "global_norm/mixed": lambda tf: tf.global_norm([slices(tf), None, tf.constant([3.0, 4.0])]),
    "global_norm/float64": lambda tf: tf.global_norm([tf.constant([3.0, 4.0], tf.float64)]),
    "global_norm/large": lambda tf: tf.global_norm([tf.constant([1e18, 1e18])]),
    "global_norm/scalars": lambda tf: tf.global_norm([tf.constant(3.0), tf.constant(4.0)]),
}
for label, make in SINGLE.items():
    clipping.add(label, lambda tf, m=make: seen(tf, [m(tf)]))

LISTS: dict[str, Callable[[Any], Any]] = {
    "mixed": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0]), None, slices(tf)], 2.0),
    "mixed_not_reached": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0]), None, slices(tf)], 200.0),
    "nan_elsewhere": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0]), tf.constant([NAN])], 2.0),
    "inf_elsewhere": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0]), tf.constant([INF])], 2.0),
    "nan_in_slices": lambda tf: tf.clip_by_global_norm([slices(tf, np.array([[NAN, 1], [2, 3], [4, 5]], "float32"))], 2.0),
    "use_norm": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0])], 2.0, use_norm=tf.constant(10.0)),
    "use_norm_below": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0])], 2.0, use_norm=tf.constant(1.0)),
    "tuple": lambda tf: tf.clip_by_global_norm((tf.constant([3.0, 4.0]),), 1.0),
    "clip_norm_tensor": lambda tf: tf.clip_by_global_norm([tf.constant([3.0, 4.0])], tf.constant(1.0)),
    "python_values": lambda tf: tf.clip_by_global_norm([[3.0, 4.0]], 1.0),
}
for label, make in LISTS.items():

    def listed(tf: Any, m: Any = make) -> dict[str, Any]:
        clipped, norm = m(tf)
        return {"clipped": seen(tf, clipped), "norm": seen(tf, [norm])}

    clipping.add(f"by_global_norm/{label}", listed)


@clipping("by_global_norm/typical_use")
def typical(tf: Any) -> dict[str, Any]:
    """Gradients of a small net clipped and applied by hand."""
    w = tf.get_variable("w", initializer=tf.constant(normal(3, 2, seed=122)))
    loss = tf.reduce_sum(tf.square(tf.matmul(tf.constant(normal(4, 3, seed=123)), w)))
    variables = tf.trainable_variables()
    gradients, norm = tf.clip_by_global_norm(tf.gradients(loss, variables), 1.0)
    train = tf.train.GradientDescentOptimizer(0.5).apply_gradients(zip(gradients, variables, strict=True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        norms = [session.run([norm, train])[0] for _ in range(3)]
        return {"norms": np.stack(norms), "w": session.run(w)}


REFUSALS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "global_norm/tensor": (lambda tf: tf.global_norm(tf.constant([1.0])), Reworded("t_list should be a sequence")),
    "global_norm/types": (lambda tf: tf.global_norm([tf.constant([1.0]), tf.constant([1.0], tf.float64)]), ""),
    "global_norm/int": (lambda tf: tf.global_norm([tf.constant([1, 2])]), ""),
    "by_global_norm/tensor": (lambda tf: tf.clip_by_global_norm(tf.constant([1.0]), 1.0), Reworded("t_list should be a sequence")),
    "by_value/broadcast": (lambda tf: tf.clip_by_value(tf.constant([1.0, 2.0]), tf.zeros([3, 2]), 1.0), ""),
    "by_value/types": (lambda tf: tf.clip_by_value(tf.constant([1, 2]), 0.5, 1.5), ""),
}
for label, (action, words) in REFUSALS.items():
    clipping.add(f"refused/{label}", lambda tf, a=action, s=words: raised(lambda: a(tf), s))

TABLES = (clipping,)
