"""Random ops whose seed is given: TensorFlow's own numbers, run after run. Numbers from seeds that are derived are not compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_case import ScenarioTable, raised
from peer_data import normal

random = ScenarioTable("random")

Make = Callable[[Any], Any]
VALUES = normal(6, 2, seed=161)


def drawn(tf: Any, make: Make, graph_seed: int | None = 7) -> dict[str, Any]:
    """Two runs in one session and one in another, which starts again."""
    if graph_seed is not None:
        tf.set_random_seed(graph_seed)
    x = make(tf)
    with tf.Session() as session:
        first, second = session.run(x), session.run(x)
    with tf.Session() as session:
        again = session.run(x)
    shape = x.get_shape()
    described = [x.name.split("/")[0].split(":")[0], x.dtype.base_dtype.name, None if shape.ndims is None else shape.as_list()]
    return {"first": first, "second": second, "restarts": bool(np.array_equal(first, again)), "described": described}


DRAWS: dict[str, Make] = {
    "uniform": lambda tf: tf.random_uniform([5], seed=3),
    "uniform/range": lambda tf: tf.random_uniform([2, 3], -2.0, 5.0, seed=3),
    "uniform/float64": lambda tf: tf.random_uniform([5], dtype=tf.float64, seed=3),
    "uniform/int32": lambda tf: tf.random_uniform([6], 0, 10, dtype=tf.int32, seed=3),
    "uniform/int64": lambda tf: tf.random_uniform([6], -5, 1000, dtype=tf.int64, seed=3),
    "uniform/scalar": lambda tf: tf.random_uniform([], seed=3),
    "uniform/dynamic": lambda tf: tf.random_uniform(tf.shape(tf.constant(VALUES)), seed=3),
    "normal": lambda tf: tf.random_normal([5], seed=3),
    "normal/parameters": lambda tf: tf.random_normal([2, 3], mean=1.0, stddev=0.5, seed=3),
    "normal/float64": lambda tf: tf.random_normal([5], dtype=tf.float64, seed=3),
    "truncated_normal": lambda tf: tf.truncated_normal([9], seed=3),
    "truncated_normal/parameters": lambda tf: tf.truncated_normal([2, 3], 1.0, 0.1, seed=3),
    "shuffle": lambda tf: tf.random_shuffle(tf.constant(VALUES), seed=3),
    "crop": lambda tf: tf.random_crop(tf.constant(VALUES), [3, 1], seed=3),
    "multinomial": lambda tf: tf.multinomial(tf.log([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1]]), 8, seed=3),
    "dropout/keep_prob": lambda tf: tf.nn.dropout(tf.constant(VALUES), 0.6, seed=3),
    "dropout/rate": lambda tf: tf.nn.dropout(tf.constant(VALUES), rate=0.25, seed=3),
    "dropout/noise_shape": lambda tf: tf.nn.dropout(tf.constant(VALUES), 0.5, noise_shape=[6, 1], seed=3),
}
for label, make in DRAWS.items():
    random.add(label, lambda tf, m=make: drawn(tf, m))
random.add("no_graph_seed", lambda tf: drawn(tf, DRAWS["uniform"], graph_seed=None))
random.add("zero_seeds", lambda tf: drawn(tf, lambda tf: tf.random_uniform([5], seed=0), graph_seed=0))
random.add("large_seed", lambda tf: drawn(tf, lambda tf: tf.random_uniform([5], seed=2**31 + 5), graph_seed=2**33 + 1))

INITIALIZERS: dict[str, Make] = {
    "uniform": lambda tf: tf.random_uniform_initializer(-1.0, 1.0, seed=3),
    "normal": lambda tf: tf.random_normal_initializer(0.5, 2.0, seed=3),
    "truncated_normal": lambda tf: tf.truncated_normal_initializer(stddev=0.1, seed=3),
    "glorot_uniform": lambda tf: tf.glorot_uniform_initializer(seed=3),
    "glorot_normal": lambda tf: tf.glorot_normal_initializer(seed=3),
    "variance_scaling": lambda tf: tf.variance_scaling_initializer(2.0, "fan_out", "uniform", seed=3),
    "he_normal": lambda tf: tf.initializers.he_normal(seed=3),
}
for label, make in INITIALIZERS.items():

    def initial(tf: Any, make: Make = make) -> Any:
        tf.set_random_seed(7)
        w = tf.get_variable("w", [3, 4], initializer=make(tf))
        with tf.Session() as session:
            session.run(w.initializer)
            return session.run(w)

    random.add(f"initializer/{label}", initial, rtol=2e-5, atol=1e-6)


@random("gradient_noise")
def gradient_noise(tf: Any) -> dict[str, Any]:
    """Noise made by hand on top of a gradient: fresh in each step."""
    tf.set_random_seed(7)
    w = tf.get_variable("w", initializer=tf.constant([1.0, -2.0, 0.5]))
    opt = tf.train.GradientDescentOptimizer(0.1)
    pairs = [(g + 0.1 * tf.truncated_normal([3], seed=3), v) for g, v in opt.compute_gradients(tf.reduce_sum(w * w))]
    train = opt.apply_gradients(pairs)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = []
        for _ in range(3):
            session.run(train)
            path.append(session.run(w))
    return {"path": np.stack(path)}


@random("get_seed")
def get_seed(tf: Any) -> list[Any]:
    out = [list(tf.get_seed(5))]
    tf.set_random_seed(9)
    out.append(list(tf.get_seed(5)))
    tf.set_random_seed(0)
    return [*out, list(tf.get_seed(0)), tf.get_default_graph().seed]


random.add(
    "refused/int_without_limit", lambda tf: raised(lambda: tf.random_uniform([2], dtype=tf.int32), "Must specify maxval for integer dtype")
)

TABLES = (random,)
