"""Variables: writing and reading them, sparse writes, initializers, and what `get_variable` refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_case import ScenarioTable, raised
from peer_data import normal

state = ScenarioTable("variables")
initializers = ScenarioTable("initializers")

START = normal(4, 2, seed=151)
ROWS = normal(3, 2, seed=152)


def written(tf: Any, write: Callable[[Any, Any], Any]) -> dict[str, Any]:
    """The variable after one and after two runs of the write, what the write returned, and its name."""
    w = tf.get_variable("w", initializer=tf.constant(START))
    op = write(tf, w)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        returned = session.run(op)
        once = session.run(w)
        session.run(op)
        return {"name": op.name, "returned": returned, "once": once, "twice": session.run(w)}


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "assign": lambda tf, w: tf.assign(w, tf.constant(START) * 2.0),
    "assign/method": lambda tf, w: w.assign(np.ones((4, 2), "float32")),
    "assign/named": lambda tf, w: tf.assign(w, w * 0.5, name="halve"),
    "assign_add": lambda tf, w: tf.assign_add(w, tf.ones([4, 2])),
    "assign_add/method": lambda tf, w: w.assign_add(np.full((4, 2), 0.5, "float32")),
    "assign_sub": lambda tf, w: tf.assign_sub(w, 0.1 * tf.constant(START)),
    "scatter_update": lambda tf, w: tf.scatter_update(w, [3, 0, 1], ROWS),
    "scatter_add": lambda tf, w: tf.scatter_add(w, [1, 3, 1], ROWS),
    "scatter_sub": lambda tf, w: tf.scatter_sub(w, [1, 3, 1], ROWS),
    "scatter_add/scalar_index": lambda tf, w: tf.scatter_add(w, 2, ROWS[0]),
    "scatter_nd_update": lambda tf, w: tf.scatter_nd_update(w, [[0, 1], [3, 0]], [9.0, 8.0]),
    "scatter_nd_add": lambda tf, w: tf.scatter_nd_add(w, [[0], [2]], ROWS[:2]),
}
for label, write in WRITES.items():
    state.add(label, lambda tf, w=write: written(tf, w))


@state("count_up_to")
def count_up_to(tf: Any) -> list[Any]:
    n = tf.get_variable("n", [], tf.int32, initializer=tf.zeros_initializer(), trainable=False)
    up = n.count_up_to(2)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [session.run(up), session.run(up), raised(lambda: session.run(up), "Reached limit of 2"), session.run(n)]


@state("validate_shape")
def validate_shape(tf: Any) -> list[Any]:
    """A variable that may change its shape."""
    w = tf.Variable(tf.zeros([2]), validate_shape=False, name="w")
    grow = tf.assign(w, tf.zeros([3]), validate_shape=False)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(w)
        session.run(grow)
        return [before, session.run(w)]


@state("dependencies")
def dependencies(tf: Any) -> list[Any]:
    """A write that waits for another one sees its result."""
    a = tf.get_variable("a", initializer=tf.constant(1.0), use_resource=True)
    b = tf.get_variable("b", initializer=tf.constant(10.0), use_resource=True)
    with tf.control_dependencies([tf.assign_add(a, 2.0)]):
        second = tf.assign(b, a.read_value() * 100.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(second)
        return session.run([a, b])


@state("initialisation")
def initialisation(tf: Any) -> list[Any]:
    a = tf.get_variable("a", initializer=tf.constant([1.0, 2.0]))
    b = tf.Variable(a.initialized_value() * 3.0, name="b")
    missing = tf.report_uninitialized_variables()
    ready = tf.is_variable_initialized(a)
    with tf.Session() as session:
        first = [session.run(missing), session.run(ready)]
        session.run(tf.variables_initializer([a]))
        second = [session.run(missing), session.run(ready)]
        session.run(b.initializer)
        return [first, second, session.run(missing), session.run(b)]


@state("load_and_eval")
def load_and_eval(tf: Any) -> list[Any]:
    w = tf.get_variable("w", initializer=tf.constant([1.0, 2.0]))
    with tf.Session() as session:
        session.run(w.initializer)
        w.load([5.0, 6.0], session)
        with tf.Session(graph=tf.get_default_graph()) as other:
            other.run(w.initializer)
            second = other.run(w)
        with session.as_default():
            return [w.eval(), second, (w + 1.0).eval(), w.assign([0.0, 0.0]).eval()]


@state("operators")
def operators(tf: Any) -> list[Any]:
    w = tf.get_variable("w", initializer=tf.constant([[1.0, -2.0], [3.0, 4.0]]))
    made = [w + 1.0, 2.0 * w, w / w, -w, w**2, abs(w), w[0], w[:, 1], w > 0.0, tf.matmul(w, w), w @ w, tf.reduce_sum(w), w - w, 1.0 / w]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(made)


@state("attributes")
def attributes(tf: Any) -> list[Any]:
    a = tf.Variable([1, 2], name="a", dtype=tf.float64, trainable=False)
    b = tf.get_variable("b", [3], collections=["mine"])
    return [
        [a.name, a.dtype.base_dtype.name, a.shape.as_list(), a.get_shape().as_list(), a.trainable, a.op.name],
        [b.name, b.trainable, [x.name for x in tf.get_collection("mine")], [x.name for x in tf.global_variables()]],
    ]


EXISTS = "Variable w already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
MISSING = "Variable new does not exist, or was not created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"


def reusing(tf: Any, name: str, *args: Any, **options: Any) -> Any:
    with tf.variable_scope("", reuse=True):
        return tf.get_variable(name, *args, **options)


REFUSALS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "exists": (lambda tf: tf.get_variable("w", [2]), EXISTS),
    "missing": (lambda tf: reusing(tf, "new", [2]), MISSING),
    "reuse_shape": (lambda tf: reusing(tf, "w", [3]), "Trying to share variable w, but specified shape (3,) and found shape (2,)."),
    "reuse_type": (
        lambda tf: reusing(tf, "w", [2], dtype=tf.int32),
        "Trying to share variable w, but specified dtype int32 and found dtype float32",
    ),
    "constant_and_shape": (
        lambda tf: tf.get_variable("new", [2], initializer=tf.constant([1.0, 2.0])),
        "If initializer is a constant, do not specify shape.",
    ),
    "constant_and_type": (lambda tf: tf.get_variable("new", initializer=tf.constant(1.0), dtype=tf.int32), "don't match."),
    "no_shape": (lambda tf: tf.get_variable("new"), ""),
    "hidden_shape": (lambda tf: tf.get_variable("new", [None, 2]), ""),
    "no_value": (lambda tf: tf.Variable(), "initial_value must be specified."),
    "collections": (lambda tf: tf.Variable(1.0, collections="mine"), ""),
    "constraint": (lambda tf: tf.Variable(1.0, constraint=3), ""),
    "unknown_shape": (lambda tf: tf.Variable(tf.placeholder(tf.float32)), "initial_value must have a shape specified"),
    "assign_shape": (lambda tf: tf.assign(tf.global_variables()[0], tf.zeros([3])), ""),
    "assign_type": (lambda tf: tf.assign(tf.global_variables()[0], tf.zeros([2], tf.int32)), ""),
}
for label, (action, words) in REFUSALS.items():

    def refuse(tf: Any, action: Any = action, words: str = words) -> Any:
        tf.get_variable("w", [2])
        return raised(lambda: action(tf), words)

    state.add(f"refused/{label}", refuse)


# Initializers.
def initial(tf: Any, make: Callable[[Any], Any], shape: list[int] | None, **options: Any) -> Any:
    w = tf.get_variable("w", shape, initializer=make(tf), **options)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(w)


GIVEN: dict[str, tuple[Callable[[Any], Any], list[int] | None]] = {
    "zeros": (lambda tf: tf.zeros_initializer(), [2, 3]),
    "zeros_class": (lambda tf: tf.zeros_initializer, [2]),
    "ones": (lambda tf: tf.ones_initializer(), [2]),
    "constant": (lambda tf: tf.constant_initializer(0.25), [2, 2]),
    "constant/int_value": (lambda tf: tf.constant_initializer(3), [2]),
    "constant/list": (lambda tf: tf.constant_initializer([1.0, 2.0, 3.0, 4.0]), [2, 2]),
    "constant/array": (lambda tf: tf.constant_initializer(np.array([[1, 2], [3, 4]])), [2, 2]),
    "constant/repeats_the_last": (lambda tf: tf.constant_initializer([1.0, 2.0]), [4]),
    "identity": (lambda tf: tf.initializers.identity(gain=2.0), [2, 3]),
    "tensor": (lambda tf: tf.constant([1.0, 2.0]), None),
    "array": (lambda tf: np.array([1.0, 2.0], "float32"), None),
    "number": (lambda tf: 1.5, None),
    "callable": (lambda tf: lambda shape, dtype=None, partition_info=None: tf.fill(shape, tf.cast(7, dtype)), [2]),
    "callable_without_arguments": (lambda tf: lambda: tf.constant([1.0, 2.0]), None),
    "default_of_int": (lambda tf: None, [2]),
}
for label, (make, of_shape) in GIVEN.items():
    extra = {"dtype": "int32"} if label == "default_of_int" else {}
    initializers.add(label, lambda tf, m=make, s=of_shape, e=extra: initial(tf, m, s, **({k: getattr(tf, v) for k, v in e.items()})))
initializers.add("ones/float64", lambda tf: initial(tf, lambda tf: tf.ones_initializer(), [2], dtype=tf.float64))
initializers.add("constant/int32", lambda tf: initial(tf, lambda tf: tf.constant_initializer(3), [2], dtype=tf.int32))


@initializers("orthogonal")
def orthogonal(tf: Any) -> list[Any]:
    """Random, but its product with its transpose is not."""
    tall = initial(tf, lambda tf: tf.orthogonal_initializer(gain=2.0, seed=1), [5, 3])
    return [tall.shape, (tall.T @ tall).astype("float32")]


RANDOM: dict[str, Callable[[Any], Any]] = {
    "random_uniform": lambda tf: tf.random_uniform_initializer(-0.5, 0.5, seed=1),
    "random_normal": lambda tf: tf.random_normal_initializer(stddev=0.1, seed=1),
    "truncated_normal": lambda tf: tf.truncated_normal_initializer(stddev=0.1, seed=1),
    "glorot_uniform": lambda tf: tf.glorot_uniform_initializer(seed=1),
    "glorot_normal": lambda tf: tf.glorot_normal_initializer(seed=1),
    "variance_scaling": lambda tf: tf.variance_scaling_initializer(scale=2.0, mode="fan_out", distribution="uniform", seed=1),
    "he_normal": lambda tf: tf.initializers.he_normal(seed=1),
    "lecun_uniform": lambda tf: tf.initializers.lecun_uniform(seed=1),
    "uniform_unit_scaling": lambda tf: tf.uniform_unit_scaling_initializer(seed=1),
    "default": lambda tf: None,
}
LIMITS = {  # no value may be larger, for a 30 x 20 matrix
    "random_uniform": 0.5,
    "truncated_normal": 0.2,
    "glorot_uniform": (6 / 50) ** 0.5,
    "glorot_normal": 2 * (2 / 50) ** 0.5 / 0.87962566103423978,
    "variance_scaling": (3 * 2 / 20) ** 0.5,
    "he_normal": 2 * (2 / 30) ** 0.5 / 0.87962566103423978,
    "lecun_uniform": (3 / 30) ** 0.5,
    "uniform_unit_scaling": (3 / 30) ** 0.5,
    "default": (6 / 50) ** 0.5,
}
for label, make in RANDOM.items():

    def spread(tf: Any, make: Any = make, limit: float = LIMITS.get(label, np.inf)) -> list[Any]:
        values = initial(tf, make, [30, 20])
        largest = float(np.abs(values).max())
        return [
            list(values.shape),
            values.dtype.name,
            largest <= limit * 1.0001,
            np.isinf(limit) or largest > 0.8 * limit,
            bool(np.std(values) > 0),
        ]

    initializers.add(f"random/{label}", spread)

BAD: dict[str, tuple[Callable[[Any], Any], str]] = {
    "scale": (lambda tf: tf.variance_scaling_initializer(scale=-1.0), ""),
    "mode": (lambda tf: tf.variance_scaling_initializer(mode="fan_sideways"), ""),
    "distribution": (lambda tf: tf.variance_scaling_initializer(distribution="odd"), ""),
    "constant_value": (lambda tf: tf.constant_initializer(object()), ""),
    "orthogonal_rank": (lambda tf: tf.orthogonal_initializer()([3]), ""),
    "identity_rank": (lambda tf: tf.initializers.identity()([2, 2, 2]), ""),
}
for label, (action, words) in BAD.items():
    initializers.add(f"refused/{label}", lambda tf, a=action, s=words: raised(lambda: a(tf), s))

TABLES = (state, initializers)
