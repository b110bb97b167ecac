"""Training ops of `slim.learning.create_train_op` and `contrib.training.create_train_op`: programs, run on tf_slim to record them.

A program gets TensorFlow's module and the two namespaces `learning` (slim's) and `training` (contrib's).
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from peer_case import Raised, raised
from peer_data import normal

STEPS = 3
COLLECTIONS = ("variables", "trainable_variables", "train_op", "update_ops", "global_step")
EXPECTED_OPS = (
    "update_barrier",
    "control_dependency",
    "train_op/CheckNumerics",
    "train_op/control_dependency",
    "GradientDescent",
    "GradientDescent/update",
)
EXPECTED_SCOPES = ("gradients/", "multiply_grads/", "clip_grads/", "summarize_grads/", "train_op/", "GradientDescent/update_w/")

Program = Callable[[Any, Any, Any], Any]
PROGRAMS: dict[str, Program] = {}


def program(name: str) -> Callable[[Program], Program]:
    def keep(run: Program) -> Program:
        PROGRAMS[name] = run
        return run

    return keep


def linear(tf: Any) -> SimpleNamespace:
    """A linear regression with a variable that the loss doesn't use."""
    x, y = tf.constant(normal(6, 3, seed=141)), tf.constant(normal(6, 2, seed=142))
    w = tf.get_variable("w", initializer=tf.constant(normal(3, 2, seed=143)))
    b = tf.get_variable("b", initializer=tf.constant([0.5, -0.25]))
    idle = tf.get_variable("idle", initializer=tf.constant([1.0]))
    return SimpleNamespace(loss=tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y), name="mse"), w=w, b=b, idle=idle)


def embedded(tf: Any) -> SimpleNamespace:
    """A loss with an IndexedSlices gradient of repeated rows and a dense one."""
    table = tf.get_variable("table", initializer=tf.constant(normal(5, 3, seed=144)))
    w = tf.get_variable("w", initializer=tf.constant(normal(3, 2, seed=145)))
    rows = tf.reduce_sum(tf.nn.embedding_lookup(table, [[0, 3], [3, 3], [1, 0]]), axis=1)
    return SimpleNamespace(loss=tf.reduce_mean(tf.square(tf.matmul(rows, w) - 1.0), name="mse"), w=w, table=table)


def sgd(tf: Any) -> Any:
    return tf.train.GradientDescentOptimizer(0.125)


def counter(tf: Any, name: str = "counter") -> Any:
    """An update operation that counts."""
    v = tf.get_variable(name, [], initializer=tf.zeros_initializer(), trainable=False)
    return tf.assign_add(v, 2.0, name=f"{name}_up")


def seen(tf: Any, train: Any, feeds: dict[Any, Any] | None = None) -> dict[str, Any]:
    """Names and collections of a training op, and what some steps of it do."""
    operations = {op.name for op in tf.get_default_graph().get_operations()}
    merged = tf.summary.merge_all()
    losses, summaries = [], []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            if merged is not None:
                summaries.append(parse(tf, session.run(merged, feeds)))
            losses.append(session.run(train, feeds))
        variables = {v.name: session.run(v) for v in tf.global_variables()}
    return {
        "returned": [train.name, train.dtype.base_dtype.name, train.get_shape().as_list()],
        "collections": {k: [item.name for item in tf.get_collection(k)] for k in COLLECTIONS},
        "operations": [name for name in EXPECTED_OPS if name in operations],
        "scopes": [scope for scope in EXPECTED_SCOPES if any(name.startswith(scope) for name in operations)],
        "losses": np.stack(losses),
        "summaries": summaries,
        "variables": variables,
    }


def parse(tf: Any, serialized: bytes) -> dict[str, Any]:
    """Tag to value; of a histogram its statistics."""
    summary = tf.Summary()
    summary.ParseFromString(serialized)
    out: dict[str, Any] = {}
    for value in summary.value:
        h = value.histo
        is_histogram = value.HasField("histo")
        out[value.tag] = (
            np.array([h.min, h.max, h.num, h.sum, h.sum_squares], "float32") if is_histogram else np.float32(value.simple_value)
        )
    return out


@program("slim/plain")
def slim_plain(tf: Any, learning: Any, training: Any) -> Any:
    return seen(tf, learning.create_train_op(linear(tf).loss, sgd(tf)))


@program("slim/everything")
def slim_everything(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, counter(tf))
    multipliers = {m.w: 3.0, "b": 0.5}
    train = learning.create_train_op(
        m.loss,
        tf.train.AdamOptimizer(0.05),
        clip_gradient_norm=0.75,
        summarize_gradients=True,
        gradient_multipliers=multipliers,
        aggregation_method=tf.AggregationMethod.ADD_N,
        colocate_gradients_with_ops=True,
    )
    return seen(tf, train)


@program("slim/clip_and_sgd")
def slim_clip(tf: Any, learning: Any, training: Any) -> Any:
    return seen(tf, learning.create_train_op(linear(tf).loss, sgd(tf), clip_gradient_norm=0.5))


@program("slim/multiply_and_sgd")
def slim_multiply(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    multipliers = {"w": tf.constant(2.0), m.b: 0, "nothing": 7.0}
    return seen(tf, learning.create_train_op(m.loss, sgd(tf), gradient_multipliers=multipliers, summarize_gradients=True))


@program("slim/sparse")
def slim_sparse(tf: Any, learning: Any, training: Any) -> Any:
    m = embedded(tf)
    options = {"gradient_multipliers": {m.table: 2.0}, "clip_gradient_norm": 0.5, "summarize_gradients": True}
    return seen(tf, learning.create_train_op(m.loss, sgd(tf), **options))


@program("slim/no_step_no_check_one_variable")
def slim_without(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    return seen(tf, learning.create_train_op(m.loss, sgd(tf), global_step=None, check_numerics=False, variables_to_train=[m.b]))


@program("slim/own_step_and_gate")
def slim_own_step(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    step = tf.get_variable("steps", [], tf.int64, initializer=tf.zeros_initializer(), trainable=False)
    momentum = tf.train.MomentumOptimizer(0.1, 0.9)
    return seen(tf, learning.create_train_op(m.loss, momentum, step, gate_gradients=tf.train.Optimizer.GATE_GRAPH))


@program("slim/update_ops_given")
def slim_update_ops(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    given = counter(tf, "given")
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, counter(tf, "left_out"))
    return seen(tf, learning.create_train_op(m.loss, sgd(tf), update_ops=[given]))


@program("slim/update_before_the_loss")
def slim_update_first(tf: Any, learning: Any, training: Any) -> Any:
    """The barrier stands before the returned loss only: what the loss was made of was read before."""
    m = linear(tf)
    count = counter(tf)
    with tf.control_dependencies([count]):
        loss = m.loss + 0.0 * tf.identity(count)
    return seen(tf, learning.create_train_op(loss, sgd(tf), update_ops=[count]))


@program("training/plain")
def training_plain(tf: Any, learning: Any, training: Any) -> Any:
    return seen(tf, training.create_train_op(linear(tf).loss, sgd(tf)))


@program("training/clip_fn")
def training_clip(tf: Any, learning: Any, training: Any) -> Any:
    clip = training.clip_gradient_norms_fn(0.5)
    return seen(tf, training.create_train_op(linear(tf).loss, sgd(tf), transform_grads_fn=clip, summarize_gradients=True))


@program("training/transform_drops_one")
def training_transform(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)

    def without_b(pairs: Any) -> Any:
        return training.multiply_gradients([(g, v) for g, v in pairs if v is not m.b], {"w": 0.25})

    return seen(tf, training.create_train_op(m.loss, sgd(tf), transform_grads_fn=without_b, summarize_gradients=True))


@program("training/inside_scopes")
def training_scopes(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    with tf.name_scope("fit"):
        train = training.create_train_op(m.loss, sgd(tf), update_ops=[counter(tf)], summarize_gradients=True)
    return seen(tf, train)


@program("training/twice")
def training_twice(tf: Any, learning: Any, training: Any) -> Any:
    m = linear(tf)
    first = training.create_train_op(m.loss, sgd(tf), variables_to_train=[m.w])
    second = training.create_train_op(m.loss, sgd(tf), global_step=None, variables_to_train=[m.b])
    return {"first": first.name, **seen(tf, second)}


@program("training/float64_vector_loss")
def training_vector(tf: Any, learning: Any, training: Any) -> Any:
    w = tf.get_variable("w", initializer=tf.constant(normal(3, seed=146, dtype="float64")))
    return seen(tf, training.create_train_op(tf.square(w), tf.train.AdagradOptimizer(0.5)))


@program("helpers")
def helpers(tf: Any, learning: Any, training: Any) -> Any:
    """The functions of pairs on their own: dense, sparse and None."""
    w = tf.get_variable("scope/w", initializer=tf.constant([3.0, 4.0]))
    table = tf.get_variable("table", initializer=tf.constant(normal(3, 2, seed=149)))
    idle = tf.get_variable("idle", [])
    rows = tf.IndexedSlices(tf.constant(normal(2, 2, seed=148)), tf.constant([1, 1]), tf.constant([3, 2]))
    pairs = [(tf.constant([3.0, 4.0]), w), (rows, table), (None, idle)]
    out: dict[str, Any] = {}
    for name, space in {"learning": learning, "training": training}.items():
        multiplied = space.multiply_gradients(space.clip_gradient_norms(pairs, 1.0), {w: 2.0, "table": 0.5})
        made = space.add_gradients_summaries(multiplied)
        with tf.Session() as session:
            dense, sparse, summaries = session.run([multiplied[0][0], multiplied[1][0].values, made])
        out[name] = [dense, sparse, multiplied[2][0], [parse(tf, s) for s in summaries], [s.op.name for s in made]]
    return out


@program("errors/building")
def refused(tf: Any, learning: Any, training: Any) -> dict[str, Raised | None]:
    m = linear(tf)
    frozen = tf.get_variable("frozen", [], trainable=False)
    pair = [(tf.constant([1.0]), m.b)]

    def build(says: str | None = None, **options: Any) -> Raised | None:
        return raised(lambda: learning.create_train_op(m.loss, sgd(tf), **options), says)

    return {
        "not trainable": build("", variables_to_train=[m.w, frozen]),
        "no variables": build("", variables_to_train=[]),
        "no gradient": build("No gradients provided for any variable", variables_to_train=[m.idle]),
        "none is multiplied": build(gradient_multipliers={"idle": 2.0}),
        "multipliers are a list": build(gradient_multipliers=["w"]),
        "clip is a word": build("", clip_gradient_norm="1"),
        "clip is none": build("", clip_gradient_norm=None),
        "gate": build("gate_gradients must be one of", gate_gradients=7),
        "pairs are a tuple": raised(lambda: training.multiply_gradients(tuple(pair), {"b": 1.0})),
        "multipliers are empty": raised(lambda: training.multiply_gradients(pair, {})),
        "multipliers are none": raised(lambda: learning.multiply_gradients(pair, None)),
        "multipliers are a set": raised(lambda: learning.multiply_gradients(pair, {"b"})),
    }


@program("errors/running")
def not_finite(tf: Any, learning: Any, training: Any) -> dict[str, Any]:
    """A loss that is NaN or infinite raises while it runs; without the check it is returned."""
    out: dict[str, Any] = {}
    for name, value in {"nan": np.nan, "inf": np.inf}.items():
        with tf.Graph().as_default():
            w = tf.get_variable("w", initializer=tf.constant(2.0))
            loss = w * w + tf.constant(np.float32(value))
            checked = learning.create_train_op(loss, sgd(tf))
            plain = training.create_train_op(loss, sgd(tf), check_numerics=False)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                out[name] = [raised(lambda run=session.run, op=checked: run(op), "LossTensor is inf or nan"), session.run(plain)]
    return out
