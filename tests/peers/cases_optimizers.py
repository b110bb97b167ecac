"""Every optimizer of `tf.train`: six steps on dense and on sparse gradients, its slots, its names and its refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_case import ScenarioTable, raised
from peer_data import integers, normal

optimizers = ScenarioTable("optimizers")
minimize = ScenarioTable("minimize")

STEPS = 6
Make = Callable[[Any], Any]

# What is exact in float32 is exact everywhere, so that float64 runs can be compared closely.
SETTINGS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "GradientDescent": [("", {"learning_rate": 0.1}), ("exact", {"learning_rate": 0.125})],
    "Momentum": [
        ("", {"learning_rate": 0.1, "momentum": 0.9}),
        ("nesterov", {"learning_rate": 0.1, "momentum": 0.8, "use_nesterov": True}),
        ("none", {"learning_rate": 0.1, "momentum": 0.0}),
        ("exact", {"learning_rate": 0.125, "momentum": 0.75, "use_nesterov": True}),
    ],
    "Adagrad": [
        ("", {"learning_rate": 0.1}),
        ("start", {"learning_rate": 0.5, "initial_accumulator_value": 2.0}),
        ("exact", {"learning_rate": 0.125, "initial_accumulator_value": 0.25}),
    ],
    "AdagradDA": [
        ("", {"learning_rate": 0.1}),
        ("l1", {"learning_rate": 0.3, "l1_regularization_strength": 0.05}),
        ("l1_l2", {"learning_rate": 0.3, "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2}),
        ("start", {"learning_rate": 0.3, "initial_gradient_squared_accumulator_value": 1.5}),
    ],
    "Adadelta": [
        ("", {}),
        ("fast", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-2}),
        ("exact", {"learning_rate": 1.0, "rho": 0.75, "epsilon": 0.015625}),
    ],
    "Adam": [
        ("", {}),
        ("fast", {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3}),
        ("no_memory", {"learning_rate": 0.1, "beta1": 0.0, "beta2": 0.9}),
        ("exact", {"learning_rate": 0.125, "beta1": 0.5, "beta2": 0.75, "epsilon": 0.015625}),
    ],
    "Ftrl": [
        ("", {"learning_rate": 0.1}),
        ("l1_l2", {"learning_rate": 0.1, "l1_regularization_strength": 0.02, "l2_regularization_strength": 0.1}),
        ("l1_strong", {"learning_rate": 0.1, "l1_regularization_strength": 1.0}),
        ("power", {"learning_rate": 0.2, "learning_rate_power": -0.3, "initial_accumulator_value": 0.5}),
        ("power_zero", {"learning_rate": 0.2, "learning_rate_power": 0.0}),
        ("shrinkage", {"learning_rate": 0.1, "l2_shrinkage_regularization_strength": 0.2, "l1_regularization_strength": 0.01}),
        ("named_slots", {"learning_rate": 0.1, "accum_name": "acc", "linear_name": "lin"}),
    ],
    "RMSProp": [
        ("", {"learning_rate": 0.1}),
        ("momentum", {"learning_rate": 0.1, "decay": 0.8, "momentum": 0.5, "epsilon": 1e-6}),
        ("centered", {"learning_rate": 0.1, "decay": 0.8, "momentum": 0.3, "epsilon": 1e-3, "centered": True}),
        ("exact", {"learning_rate": 0.125, "decay": 0.75, "momentum": 0.5, "epsilon": 0.015625, "centered": True}),
    ],
    "ProximalGradientDescent": [
        ("", {"learning_rate": 0.1}),
        ("l1", {"learning_rate": 0.1, "l1_regularization_strength": 0.5}),
        ("l1_l2", {"learning_rate": 0.1, "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.3}),
    ],
    "ProximalAdagrad": [
        ("", {"learning_rate": 0.1}),
        ("l1", {"learning_rate": 0.1, "l1_regularization_strength": 0.5}),
        (
            "l1_l2",
            {"learning_rate": 0.1, "l1_regularization_strength": 0.1, "l2_regularization_strength": 0.3, "initial_accumulator_value": 0.5},
        ),
    ],
}
ROUNDED = {"rtol": 5e-5, "why": "TensorFlow computes with hyper-parameters rounded to float32, of which 1 - beta2 keeps five digits"}


def maker(name: str, options: dict[str, Any]) -> Make:
    """Makes the optimizer; AdagradDA is given the global step."""

    def make(tf: Any) -> Any:
        extra = {"global_step": tf.train.get_or_create_global_step()} if name == "AdagradDA" else {}
        return getattr(tf.train, f"{name}Optimizer")(**extra, **options)

    return make


def gradients(sparse: bool, dtype: str) -> tuple[np.ndarray, np.ndarray | None]:
    """The values of every step and, of a sparse gradient, its indices: each step repeats at least one row."""
    if not sparse:
        return normal(STEPS, 5, 2, seed=101, dtype=dtype), None
    indices = integers(STEPS, 4, low=0, high=5, seed=102)
    indices[:, 3] = indices[:, 0]
    return normal(STEPS, 4, 2, seed=103, dtype=dtype), indices


def steps(tf: Any, make: Make, *, dtype: str = "float32", sparse: bool = False) -> dict[str, Any]:
    """Six steps of the optimizer on a matrix `w` (with dense or sparse gradients) and a vector `b`."""
    values, indices = gradients(sparse, dtype)
    bias = normal(STEPS, 3, seed=104, dtype=dtype)
    w = tf.get_variable("w", initializer=tf.constant(normal(5, 2, seed=105, dtype=dtype)))
    b = tf.get_variable("b", initializer=tf.constant(normal(3, seed=106, dtype=dtype)))
    opt = make(tf)
    value_ph, bias_ph = tf.placeholder(dtype, values.shape[1:]), tf.placeholder(dtype, [3])
    index_ph = tf.placeholder(tf.int32, [4])
    gradient = tf.IndexedSlices(value_ph, index_ph, tf.constant([5, 2])) if sparse else value_ph
    train = opt.apply_gradients([(gradient, w), (bias_ph, b)], global_step=tf.train.get_global_step())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        # Of float64 variables the powers of Adam are float64 in graphopt and float32 in TensorFlow: here both are exact.
        start = {v.name: values_of(session, v, dtype) for v in tf.global_variables()}
        path = []
        for step in range(STEPS):
            feed = {value_ph: values[step], bias_ph: bias[step]}
            session.run(train, feed if indices is None else {**feed, index_ph: indices[step]})
            path.append(session.run(w))
        end = {v.name: values_of(session, v, dtype) for v in tf.global_variables()}
    return {
        "optimizer": opt.get_name(),
        "train_op": train.name,
        "slots": {s: [opt.get_slot(w, s).name, opt.get_slot(b, s).name] for s in opt.get_slot_names()},
        "variables": [v.name for v in opt.variables()],
        "trainable": [v.name for v in tf.trainable_variables()],
        "start": start,
        "path": np.stack(path),
        "end": end,
    }


def values_of(session: Any, variable: Any, dtype: str) -> np.ndarray:
    values = np.asarray(session.run(variable))
    return values.astype(dtype) if dtype == "float64" and values.dtype.kind == "f" else values


for optimizer, settings in SETTINGS.items():
    for variant, chosen in settings:
        label = f"{optimizer}/{variant or 'default'}"
        loose = ROUNDED if optimizer in {"Adam", "Adadelta", "Ftrl"} else {}
        make_it = maker(optimizer, chosen)
        if variant != "exact":
            optimizers.add(f"{label}/dense", lambda tf, m=make_it: steps(tf, m), **loose)
            optimizers.add(f"{label}/sparse", lambda tf, m=make_it: steps(tf, m, sparse=True), **loose)
            continue
        for kind, is_sparse in (("dense", False), ("sparse", True)):
            optimizers.add(f"{label}/{kind}_float64", lambda tf, m=make_it, s=is_sparse: steps(tf, m, dtype="float64", sparse=s))

# Hyper-parameters that are tensors, variables or callables.
HYPER = {
    "tensor": lambda tf: tf.train.MomentumOptimizer(tf.constant(0.1), tf.constant(0.9)),
    "callable": lambda tf: tf.train.MomentumOptimizer(lambda: 0.1, lambda: 0.9),
    "callable_tensor": lambda tf: tf.train.AdamOptimizer(lambda: tf.constant(0.1), beta1=lambda: 0.8),
    "variable": lambda tf: tf.train.GradientDescentOptimizer(
        tf.get_variable("rate", [], initializer=tf.constant_initializer(0.25), trainable=False)
    ),
    "scheduled": lambda tf: tf.train.GradientDescentOptimizer(
        tf.train.exponential_decay(0.5, tf.train.get_or_create_global_step(), 2, 0.5)
    ),
    "renamed": lambda tf: tf.train.AdamOptimizer(0.1, name="Fast"),
    "locking": lambda tf: tf.train.MomentumOptimizer(0.1, 0.9, use_locking=True),
}
for label, make_one in HYPER.items():
    optimizers.add(f"hyper/{label}", lambda tf, m=make_one: steps(tf, m), **ROUNDED)


@optimizers("two_of_a_kind")
def two(tf: Any) -> dict[str, Any]:
    """Names of the slots and powers of two optimizers over the same variable, and inside scopes."""
    w = tf.get_variable("w", initializer=tf.constant([1.0, 2.0]))
    first = tf.train.AdamOptimizer(0.1)
    ops = [first.apply_gradients([(w * 2.0, w)])]
    with tf.variable_scope("outer"):
        second = tf.train.AdamOptimizer(0.1)
        ops.append(second.apply_gradients([(w * 2.0, w)]))
    with tf.name_scope("named"):
        third = tf.train.MomentumOptimizer(0.1, 0.9)
        ops.append(third.apply_gradients([(w * 2.0, w)], name="step"))
    return {
        "ops": [op.name for op in ops],
        "globals": [v.name for v in tf.global_variables()],
        "of": [[v.name for v in o.variables()] for o in (first, second, third)],
        "missing_slot": first.get_slot(w, "other"),
        "slot_names": [o.get_slot_names() for o in (first, second, third)],
    }


@optimizers("own_subclass")
def subclass(tf: Any) -> dict[str, Any]:
    """A user's optimizer with a slot, written against the documented methods."""

    class SignDescent(tf.train.Optimizer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(False, "SignDescent")

        def _create_slots(self, var_list: Any) -> None:
            for v in var_list:
                self._zeros_slot(v, "count", self._name)

        def _prepare(self) -> None:
            self._rate = tf.convert_to_tensor(0.25)

        def _apply_dense(self, grad: Any, var: Any) -> Any:
            count = tf.assign_add(self.get_slot(var, "count"), tf.ones_like(grad))
            return tf.group(tf.assign_sub(var, self._rate * tf.sign(grad)), count)

        _resource_apply_dense = _apply_dense

    w = tf.get_variable("w", initializer=tf.constant([1.0, -2.0, 3.0]))
    opt = SignDescent()
    train = opt.minimize(tf.reduce_sum(w * w))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(train)
        values = {v.name: session.run(v) for v in tf.global_variables()}
    return {"values": values, "slots": opt.get_slot_names(), "train": train.name}


# minimize, compute_gradients and apply_gradients.
def regression(tf: Any) -> tuple[Any, Any, Any]:
    x, y = tf.constant(normal(6, 2, seed=107)), tf.constant(normal(6, 1, seed=108))
    w = tf.get_variable("w", initializer=tf.constant(normal(2, 1, seed=109)))
    b = tf.get_variable("b", initializer=tf.constant([0.25]))
    return tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y)), w, b


def after(tf: Any, train: Any, count: int = 3) -> dict[str, Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(count):
            session.run(train)
        values = {v.name: session.run(v) for v in tf.global_variables()}
    names = [op.name for op in tf.get_collection(tf.GraphKeys.TRAIN_OP)]
    return {"train": train.name, "train_ops": names, "values": values}


CALLS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "plain": lambda tf, opt, loss, w: opt.minimize(loss),
    "global_step": lambda tf, opt, loss, w: opt.minimize(loss, global_step=tf.train.get_or_create_global_step()),
    "named": lambda tf, opt, loss, w: opt.minimize(loss, tf.train.get_or_create_global_step(), name="fit"),
    "var_list": lambda tf, opt, loss, w: opt.minimize(loss, var_list=[w]),
    "grad_loss": lambda tf, opt, loss, w: opt.minimize(loss, grad_loss=tf.constant(0.5)),
    "gate_none": lambda tf, opt, loss, w: opt.minimize(loss, gate_gradients=opt.GATE_NONE),
    "gate_graph": lambda tf, opt, loss, w: opt.minimize(loss, gate_gradients=opt.GATE_GRAPH),
    "two_calls": lambda tf, opt, loss, w: tf.group(opt.minimize(loss, var_list=[w]), name="both"),
    "clipped": lambda tf, opt, loss, w: opt.apply_gradients([(tf.clip_by_value(g, -0.1, 0.1), v) for g, v in opt.compute_gradients(loss)]),
}
for label, do in CALLS.items():

    def fit(tf: Any, do: Any = do) -> dict[str, Any]:
        loss, w, _ = regression(tf)
        return after(tf, do(tf, tf.train.MomentumOptimizer(0.1, 0.5), loss, w))

    minimize.add(label, fit)


@minimize("unused_variable")
def unused(tf: Any) -> dict[str, Any]:
    loss, _, _ = regression(tf)
    tf.get_variable("idle", initializer=tf.constant([3.0]))
    opt = tf.train.AdagradOptimizer(0.1)
    pairs = opt.compute_gradients(loss)
    return {"pairs": [[g is None, v.name] for g, v in pairs], **after(tf, opt.apply_gradients(pairs))}


@minimize("embedding")
def embedding(tf: Any) -> dict[str, Any]:
    table = tf.get_variable("table", initializer=tf.constant(normal(5, 3, seed=110)))
    rows = tf.nn.embedding_lookup(table, [[0, 3], [3, 3]])
    opt = tf.train.AdamOptimizer(0.1)
    pairs = opt.compute_gradients(tf.reduce_mean(tf.square(tf.reduce_sum(rows, 1) - 1.0)))
    kinds = [isinstance(g, tf.IndexedSlices) for g, _ in pairs]
    return {"sparse": kinds, **after(tf, opt.apply_gradients(pairs))}


@minimize("embedding_used_twice_and_densely")
def embedding_mixed(tf: Any) -> dict[str, Any]:
    table = tf.get_variable("table", initializer=tf.constant(normal(5, 3, seed=110)))
    loss = tf.reduce_sum(tf.square(tf.gather(table, [0, 1, 1]))) + tf.reduce_sum(tf.gather(table, [1, 4])) + tf.reduce_mean(table * table)
    return after(tf, tf.train.GradientDescentOptimizer(0.1).minimize(loss))


@minimize("constraint")
def constrained(tf: Any) -> dict[str, Any]:
    w = tf.get_variable("w", initializer=tf.constant([1.0, -2.0, 0.3]), constraint=lambda v: tf.clip_by_value(v, -0.5, 0.5))
    return after(tf, tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(w * w)), 1)


# Refusals.
def plain(tf: Any, **options: Any) -> Any:
    return tf.train.GradientDescentOptimizer(0.1, **options)


POSITIVE = "initial_accumulator_value must be positive: 0.0"
REFUSALS: dict[str, tuple[Callable[[Any], Any], str | None]] = {
    "no_name": (lambda tf: plain(tf, name=""), "Must specify the optimizer name"),
    "no_variables": (lambda tf: plain(tf).minimize(tf.constant(1.0)), "No variables to optimize."),
    "nothing_to_apply": (lambda tf: plain(tf).apply_gradients([]), "No variables provided."),
    "all_none": (lambda tf: plain(tf).apply_gradients([(None, tf.get_variable("w", []))]), "No gradients provided for any variable"),
    "bad_gradient": (
        lambda tf: plain(tf).apply_gradients([(object(), tf.get_variable("w", []))]),
        "Gradient must be convertible to a Tensor or IndexedSlices, or None",
    ),
    "not_connected": (
        lambda tf: plain(tf).minimize(tf.constant(1.0), var_list=[tf.get_variable("w", [])]),
        "No gradients provided for any variable",
    ),
    "tensor_update": (lambda tf: [plain(tf).apply_gradients([(t, t)]) for t in [tf.constant(1.0)]], "Trying to update a Tensor"),
    "bad_gate": (lambda tf: plain(tf).minimize(regression(tf)[0], gate_gradients=7), ""),
    "adagrad_start": (lambda tf: tf.train.AdagradOptimizer(0.1, initial_accumulator_value=0.0), POSITIVE),
    "proximal_adagrad_start": (lambda tf: tf.train.ProximalAdagradOptimizer(0.1, initial_accumulator_value=0.0), POSITIVE),
    "adagrad_da_start": (
        lambda tf: tf.train.AdagradDAOptimizer(0.1, None, initial_gradient_squared_accumulator_value=0.0),
        "must be positive",
    ),
    "ftrl_start": (lambda tf: tf.train.FtrlOptimizer(0.1, initial_accumulator_value=-1.0), ""),
    "ftrl_power": (lambda tf: tf.train.FtrlOptimizer(0.1, learning_rate_power=0.5), ""),
    "ftrl_l1": (lambda tf: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=-0.5), ""),
    "ftrl_l2": (lambda tf: tf.train.FtrlOptimizer(0.1, l2_regularization_strength=-0.5), ""),
    "ftrl_shrinkage": (lambda tf: tf.train.FtrlOptimizer(0.1, l2_shrinkage_regularization_strength=-0.5), ""),
    "momentum_needed": (lambda tf: tf.train.MomentumOptimizer(0.1), ""),
    "sparse_constraint": (
        lambda tf: [
            plain(tf).minimize(tf.reduce_sum(tf.gather(v, [0, 1])))
            for v in [tf.get_variable("w", [3], constraint=lambda x: tf.clip_by_value(x, 0.0, 1.0))]
        ],
        "Cannot use a constraint function on a sparse variable.",
    ),
}
for label, (action, words) in REFUSALS.items():
    minimize.add(f"refused/{label}", lambda tf, a=action, s=words: raised(lambda: a(tf), s))

TABLES = (optimizers, minimize)
