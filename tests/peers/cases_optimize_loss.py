"""`tf.contrib.layers.optimize_loss`: every argument on and off, with its names, tags, values and refusals."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from peer_case import Raised, ScenarioTable, raised
from peer_data import normal

training = ScenarioTable("optimize_loss")

STEPS = 4
ALL = ["learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm"]
COLLECTIONS = ("variables", "trainable_variables", "local_variables", "train_op", "update_ops", "global_step", "losses")
EXPECTED_OPS = ("OptimizeLoss/train", "OptimizeLoss/train/update", "OptimizeLoss/control_dependency", "OptimizeLoss/control_dependency_1")
EXPECTED_SCOPES = ("OptimizeLoss/gradients/", "OptimizeLoss/train/update_w/", "OptimizeLoss/train/update_b/")


def linear(tf: Any) -> SimpleNamespace:
    """A linear regression whose loss no update can change within a run: the residual is needed for the gradient."""
    x, y = tf.constant(normal(6, 3, seed=141)), tf.constant(normal(6, 2, seed=142))
    w = tf.get_variable("w", initializer=tf.constant(normal(3, 2, seed=143)))
    b = tf.get_variable("b", initializer=tf.constant([0.5, -0.25]))
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y), name="mse")
    return SimpleNamespace(loss=loss, w=w, b=b, step=tf.train.get_or_create_global_step())


def embedded(tf: Any) -> SimpleNamespace:
    """A loss with an IndexedSlices gradient of repeated rows, a dense one and a variable that is not used."""
    table = tf.get_variable("table", initializer=tf.constant(normal(5, 3, seed=144)))
    w = tf.get_variable("w", initializer=tf.constant(normal(3, 2, seed=145)))
    tf.get_variable("idle", initializer=tf.constant([1.0]))
    rows = tf.reduce_sum(tf.nn.embedding_lookup(table, [[0, 3], [3, 3], [1, 0]]), axis=1)
    loss = tf.reduce_mean(tf.square(tf.matmul(rows, w) - 1.0), name="mse")
    return SimpleNamespace(loss=loss, w=w, table=table, step=tf.train.get_or_create_global_step())


Arguments = Callable[[Any, SimpleNamespace], dict[str, Any]]


def observe(tf: Any, arguments: Arguments, model: Callable[[Any], SimpleNamespace] = linear) -> dict[str, Any]:
    """Builds one training op from the arguments that differ from the plain call, and runs it."""
    m = model(tf)
    options = {"loss": m.loss, "global_step": m.step, "learning_rate": 0.1, "optimizer": "SGD", **arguments(tf, m)}
    train = tf.contrib.layers.optimize_loss(**options)
    return {"names": names(tf, train), **run(tf, train)}


def names(tf: Any, train: Any) -> dict[str, Any]:
    operations = {op.name for op in tf.get_default_graph().get_operations()}
    return {
        "returned": [train.name, train.dtype.base_dtype.name, train.get_shape().as_list()],
        "collections": {k: [item.name for item in tf.get_collection(k)] for k in COLLECTIONS},
        "summaries": sorted(s.name for s in tf.get_collection(tf.GraphKeys.SUMMARIES)),
        "operations": [name for name in EXPECTED_OPS if name in operations],
        "scopes": [scope for scope in EXPECTED_SCOPES if any(name.startswith(scope) for name in operations)],
    }


def run(tf: Any, train: Any) -> dict[str, Any]:
    merged = tf.summary.merge_all()
    losses, summaries = [], []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(STEPS):
            if merged is not None:
                summaries.append(parse(tf, session.run(merged)))
            losses.append(session.run(train))
        variables = {v.name: session.run(v) for v in tf.global_variables()}
    return {"losses": np.stack(losses), "summaries": summaries, "variables": variables}


def parse(tf: Any, serialized: bytes) -> dict[str, Any]:
    """Tag to value; of a histogram its statistics."""
    summary = tf.Summary()
    summary.ParseFromString(serialized)
    out: dict[str, Any] = {}
    for value in summary.value:
        if value.HasField("histo"):
            h = value.histo
            out[value.tag] = {"stats": np.array([h.min, h.max, h.num, h.sum, h.sum_squares], "float32"), "counts": np.array(list(h.bucket))}
        else:
            out[value.tag] = np.float32(value.simple_value)
    return out


def with_none(pairs: list[Any]) -> list[Any]:
    return [(None if v.name.startswith("b") else g, v) for g, v in pairs]


def halved(pairs: list[Any]) -> list[Any]:
    return [(None if g is None else 0.5 * g, v) for g, v in pairs]


def decay(tf: Any) -> Any:
    return lambda rate, step: tf.train.exponential_decay(rate, step, 2, 0.5)


def updates(tf: Any) -> list[Any]:
    counter = tf.get_variable("counter", [], initializer=tf.zeros_initializer(), trainable=False)
    return [tf.assign_add(counter, 2.0, name="count")]


def collected(tf: Any) -> None:
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, updates(tf)[0])


def adaptive(tf: Any, m: SimpleNamespace, step: bool = False, **options: Any) -> dict[str, Any]:
    given = {"global_step": m.step} if step else {}
    return {"clip_gradients": tf.contrib.layers.adaptive_clipping_fn(**given, **options), "summaries": ALL}


VARIANTS: dict[str, Arguments] = {
    "plain": lambda tf, m: {},
    "learning_rate/tensor": lambda tf, m: {"learning_rate": tf.constant(0.2)},
    "learning_rate/numpy_float64": lambda tf, m: {"learning_rate": np.float64(0.2)},
    "learning_rate/none_with_instance": lambda tf, m: {"learning_rate": None, "optimizer": tf.train.GradientDescentOptimizer(0.3)},
    "learning_rate/none_with_callable": lambda tf, m: {"learning_rate": None, "optimizer": lambda: tf.train.MomentumOptimizer(0.3, 0.5)},
    "learning_rate/none_with_decay": lambda tf, m: {
        "learning_rate": None,
        "optimizer": tf.train.GradientDescentOptimizer(0.3),
        "learning_rate_decay_fn": decay(tf),
        "summaries": ALL,
    },
    "learning_rate/zero": lambda tf, m: {"learning_rate": 0.0},
    "optimizer/class": lambda tf, m: {"optimizer": tf.train.AdamOptimizer},
    "optimizer/instance": lambda tf, m: {"optimizer": tf.train.AdagradOptimizer(0.5)},
    "optimizer/callable": lambda tf, m: {"optimizer": lambda rate: tf.train.RMSPropOptimizer(rate, momentum=0.5)},
    "optimizer/wide_callable": lambda tf, m: {
        "optimizer": lambda rate: tf.train.FtrlOptimizer(2.0 * rate, l1_regularization_strength=0.01)
    },
    "noise/zero": lambda tf, m: {"gradient_noise_scale": 0.0, "summaries": ALL},
    "multipliers/variable": lambda tf, m: {"gradient_multipliers": {m.w: 3.0}},
    "multipliers/name": lambda tf, m: {"gradient_multipliers": {"b:0": 0.5}},
    "multipliers/name_without_index": lambda tf, m: {"gradient_multipliers": {"b": 0.5}},
    "multipliers/unknown": lambda tf, m: {"gradient_multipliers": {"nothing:0": 0.5}},
    "multipliers/tensor": lambda tf, m: {"gradient_multipliers": {m.w: tf.constant(2.0), m.b: tf.constant(0.0)}},
    "multipliers/int": lambda tf, m: {"gradient_multipliers": {m.w: 2}},
    "multipliers/zero_freezes": lambda tf, m: {"gradient_multipliers": {m.w: 0.0}, "summaries": ALL},
    "clip/float": lambda tf, m: {"clip_gradients": 0.5, "summaries": ALL},
    "clip/large": lambda tf, m: {"clip_gradients": 100.0, "summaries": ALL},
    "clip/default_summaries": lambda tf, m: {"clip_gradients": 0.5},
    "clip/callable": lambda tf, m: {"clip_gradients": halved, "summaries": ALL},
    "clip/callable_drops_one": lambda tf, m: {"clip_gradients": with_none, "summaries": ALL},
    "clip/adaptive": lambda tf, m: adaptive(tf, m),
    "clip/adaptive_step": lambda tf, m: adaptive(tf, m, step=True, std_factor=0.5, decay=0.9),
    "clip/adaptive_static": lambda tf, m: adaptive(tf, m, static_max_norm=0.5, report_summary=True),
    "clip/adaptive_named": lambda tf, m: adaptive(tf, m, name="Adapt", epsilon=1e-4),
    "decay": lambda tf, m: {"learning_rate_decay_fn": decay(tf)},
    "decay/tensor": lambda tf, m: {"learning_rate": tf.constant(0.2), "learning_rate_decay_fn": decay(tf)},
    "decay/not_summarised": lambda tf, m: {"learning_rate_decay_fn": decay(tf), "summaries": ["loss"]},
    "update_ops/list": lambda tf, m: {"update_ops": updates(tf)},
    "update_ops/collection": lambda tf, m: [collected(tf), {}][1],
    "update_ops/collection_refused": lambda tf, m: [collected(tf), {"update_ops": []}][1],
    "variables/one": lambda tf, m: {"variables": [m.b], "summaries": ALL},
    "name": lambda tf, m: {"name": "training", "summaries": ALL},
    "increment_global_step/off": lambda tf, m: {"increment_global_step": False},
    "global_step/default": lambda tf, m: {"global_step": None},
    "colocate": lambda tf, m: {"colocate_gradients_with_ops": True},
    "summaries/none_wanted": lambda tf, m: {"summaries": []},
    "everything": lambda tf, m: {
        "optimizer": "Adam",
        "gradient_noise_scale": 0.0,
        "gradient_multipliers": {m.w: 2.0},
        "clip_gradients": 1.0,
        "learning_rate_decay_fn": decay(tf),
        "update_ops": updates(tf),
        "variables": [m.w, m.b],
        "summaries": ALL,
    },
}
for word in ("SGD", "Adam", "Adagrad", "Ftrl", "Momentum", "RMSProp"):
    VARIANTS[f"optimizer/{word}"] = lambda tf, m, w=word: {"optimizer": w, "summaries": ALL}
for word in ALL:
    VARIANTS[f"summaries/{word}"] = lambda tf, m, w=word: {"summaries": [w], "clip_gradients": 0.5, "learning_rate_decay_fn": decay(tf)}
LOOSE: dict[str, Any] = {"rtol": 5e-5, "atol": 2e-6, "why": "hyper-parameters rounded to float32, sums in another order"}
for label, variant in VARIANTS.items():
    training.add(label, lambda tf, v=variant: observe(tf, v), **LOOSE)

SPARSE: dict[str, Arguments] = {
    "plain": lambda tf, m: {"summaries": ALL},
    "Adam": lambda tf, m: {"optimizer": "Adam"},
    "Adagrad": lambda tf, m: {"optimizer": "Adagrad"},
    "noise_densifies": lambda tf, m: {"gradient_noise_scale": 0.0, "summaries": ALL},
    "multipliers": lambda tf, m: {"gradient_multipliers": {m.table: 0.5, "w:0": 2.0}, "summaries": ALL},
    "clip": lambda tf, m: {"clip_gradients": 0.5, "summaries": ALL},
    "adaptive": lambda tf, m: adaptive(tf, m),
}
for label, variant in SPARSE.items():
    training.add(f"sparse/{label}", lambda tf, v=variant: observe(tf, v, embedded), **LOOSE)


# Situations that are not one argument.
@training("no_global_step", **LOOSE)
def no_global_step(tf: Any) -> dict[str, Any]:
    w = tf.get_variable("w", initializer=tf.constant([[1.0], [2.0]]))
    loss = tf.reduce_sum(tf.square(tf.matmul(tf.constant([[3.0, -1.0]]), w) - 0.5))
    train = tf.contrib.layers.optimize_loss(loss, None, 0.01, "Momentum")
    return {"names": names(tf, train), **run(tf, train)}


@training("twice", **LOOSE)
def twice(tf: Any) -> dict[str, Any]:
    m = linear(tf)
    first = tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "Adam", variables=[m.w])
    second = tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "SGD", variables=[m.b], increment_global_step=False)
    return {"first": first.name, "second": names(tf, second), **run(tf, second)}


@training("inside_scopes", **LOOSE)
def inside(tf: Any) -> dict[str, Any]:
    m = linear(tf)
    with tf.variable_scope("model"), tf.name_scope("fit"):
        train = tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "Adam", summaries=ALL, clip_gradients=0.5)
    return {"names": names(tf, train), **run(tf, train)}


@training("float64", **LOOSE)
def double(tf: Any) -> dict[str, Any]:
    w = tf.get_variable("w", initializer=tf.constant(normal(3, 1, seed=146, dtype="float64")))
    loss = tf.reduce_mean(tf.square(tf.matmul(tf.constant(normal(4, 3, seed=147, dtype="float64")), w) - 1.0))
    train = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.125, "SGD", summaries=ALL, clip_gradients=1.0)
    return {"names": names(tf, train), **run(tf, train)}


@training("documented_adaptive_value")
def documented(tf: Any) -> dict[str, Any]:
    """A variable of 10, a loss of abs(5 v), adaptive clipping: 9.8916 after one step."""
    v = tf.get_variable("test", [], initializer=tf.constant_initializer(10))
    loss = tf.abs(v * tf.constant(5.0))
    train = tf.contrib.layers.optimize_loss(
        loss, tf.train.get_or_create_global_step(), 0.1, "SGD", clip_gradients=tf.contrib.layers.adaptive_clipping_fn()
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        return {"test": session.run(v)}


@training("tables")
def tables(tf: Any) -> dict[str, Any]:
    layers = tf.contrib.layers
    return {"optimizers": sorted(layers.OPTIMIZER_CLS_NAMES), "summaries": list(layers.OPTIMIZER_SUMMARIES)}


@training("adaptive_clipping_alone")
def adaptive_alone(tf: Any) -> dict[str, Any]:
    """The function on its own, over slices and None, with the norm rising tenfold half way."""
    scale = tf.placeholder(tf.float32, [])
    dense = tf.constant(normal(3, seed=148)) * scale
    sparse = tf.IndexedSlices(tf.constant(normal(2, 2, seed=149)) * scale, tf.constant([1, 1]), tf.constant([3, 2]))
    # With a factor of 1.0 the first norm would stand exactly at the limit, and rounding would decide.
    clip = tf.contrib.layers.adaptive_clipping_fn(std_factor=1.25, decay=0.5)
    clipped = clip([(dense, "a"), (None, "b"), (sparse, "c")])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = [session.run([clipped[0][0], clipped[2][0].values], {scale: s}) for s in (1.0, 1.0, 10.0, 10.0, 0.1)]
        variables = {v.name: session.run(v) for v in tf.global_variables()}
    return {
        "kept": [clipped[1][0], [v for _, v in clipped]],
        "dense": np.stack([f[0] for f in found]),
        "sparse": np.stack([f[1] for f in found]),
        "variables": variables,
    }


# Refusals.
def placeholder(tf: Any, dtype: str = "float32", shape: Any = None) -> Any:
    return tf.placeholder(dtype, shape)


Refusal = tuple[Callable[[Any, SimpleNamespace], dict[str, Any]], str | None]
REFUSALS: dict[str, Refusal] = {
    "loss/none": (lambda tf, m: {"loss": None}, "None values not supported."),
    "loss/vector": (lambda tf, m: {"loss": m.b * 1.0}, "Expected scalar shape for"),
    "loss/unknown_shape": (lambda tf, m: {"loss": placeholder(tf)}, "Expected scalar shape for"),
    "global_step/float": (lambda tf, m: {"global_step": tf.get_variable("s", [], trainable=False)}, ""),
    "global_step/vector": (
        lambda tf, m: {"global_step": tf.get_variable("s", [1], tf.int64, trainable=False, initializer=tf.zeros_initializer())},
        "",
    ),
    "global_step/number": (lambda tf, m: {"global_step": 3}, ""),
    "learning_rate/int": (lambda tf, m: {"learning_rate": 1}, None),
    "learning_rate/numpy_float32": (lambda tf, m: {"learning_rate": np.float32(0.1)}, None),
    "learning_rate/negative": (lambda tf, m: {"learning_rate": -0.1}, "Invalid learning_rate"),
    "learning_rate/variable": (
        lambda tf, m: {"learning_rate": tf.get_variable("rate", [], trainable=False)},
        "Learning rate should be 0d Tensor or float. Got",
    ),
    "learning_rate/vector": (lambda tf, m: {"learning_rate": tf.constant([0.1])}, "Learning rate should be 0d Tensor or float. Got"),
    "learning_rate/unknown_shape": (lambda tf, m: {"learning_rate": placeholder(tf)}, "Learning rate should be 0d Tensor or float. Got"),
    "learning_rate/none_with_name": (lambda tf, m: {"learning_rate": None}, None),
    "learning_rate/none_with_class": (
        lambda tf, m: {"learning_rate": None, "optimizer": tf.train.AdamOptimizer},
        "Learning rate is None, but should be specified if optimizer is class (",
    ),
    "summaries/unknown": (lambda tf, m: {"summaries": ["loss", "bad"]}, None),
    "decay/without_step": (lambda tf, m: {"global_step": None, "learning_rate_decay_fn": decay(tf)}, None),
    "optimizer/unknown_name": (
        lambda tf, m: {"optimizer": "Sgd"},
        "Optimizer name should be one of [Adagrad, Adam, Ftrl, Momentum, RMSProp, SGD], you provided Sgd.",
    ),
    "optimizer/callable_result": (lambda tf, m: {"optimizer": lambda rate: 3}, None),
    "optimizer/number": (lambda tf, m: {"optimizer": 3}, None),
    "clip/int": (lambda tf, m: {"clip_gradients": 1}, None),
    "clip/tensor": (lambda tf, m: {"clip_gradients": tf.constant(1.0)}, "Unknown type <class"),
    "variables/empty": (lambda tf, m: {"variables": []}, "No variables to optimize."),
    "variables/not_connected": (lambda tf, m: {"variables": [tf.get_variable("far", [])]}, "No gradients provided for any variable"),
}


def refusal(tf: Any, arguments: Any, says: str | None) -> Raised | None:
    m = linear(tf)
    options = {"loss": m.loss, "global_step": m.step, "learning_rate": 0.1, "optimizer": "SGD", **arguments(tf, m)}
    if options["global_step"] is None:
        tf.get_collection_ref(tf.GraphKeys.GLOBAL_STEP).clear()
        tf.get_collection_ref(tf.GraphKeys.GLOBAL_VARIABLES).clear()
        return raised(lambda: without_step(tf, options), says)
    return raised(lambda: tf.contrib.layers.optimize_loss(**options), says)


def without_step(tf: Any, options: dict[str, Any]) -> Any:
    """The same call in a graph that has no global step at all."""
    with tf.Graph().as_default():
        w = tf.get_variable("w", initializer=tf.constant([1.0, 2.0]))
        return tf.contrib.layers.optimize_loss(**{**options, "loss": tf.reduce_sum(w * w)})


for label, (arguments_of, words) in REFUSALS.items():
    training.add(f"refused/{label}", lambda tf, a=arguments_of, s=words: refusal(tf, a, s))


@training("refused/consumes_a_scope")
def consumed(tf: Any) -> list[Any]:
    m = linear(tf)
    first = raised(lambda: tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "Nothing"), "Optimizer name should be one of")
    return [first, tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "SGD").name]


@training("refused/same_name_twice")
def same_name(tf: Any) -> list[Any]:
    m = linear(tf)
    first = tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "SGD", name="fit").name
    second = raised(
        lambda: tf.contrib.layers.optimize_loss(m.loss, m.step, 0.1, "SGD", name="fit"),
        "Variable fit/learning_rate already exists, disallowed.",
    )
    return [first, second, tf.contrib.layers.optimize_loss(m.loss, m.step, tf.constant(0.1), "SGD", name="fit").name]


TABLES = (training,)
