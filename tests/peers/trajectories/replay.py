"""Runs a recorded case on graphopt: the same start, the same gradients, the weights after every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from trajectories.case import Call, Case, Gradients, Rows, data_of, quadratic

MakeOptimizer = Callable[[Any, Case], Any]
"""Makes what a case is about with the module of TensorFlow 1's names: something with `apply_gradients(pairs)`; with
`minimize(loss, var_list=)` for a "quadratic" case; with `finalize_variable_values(variables)` for one that has `finalize`. A method
`beside(variables)`, if there is one, gives more tensors to compare after every step: `{"averages": {"kernel": ...}}` and whatever else
the record has under such names."""

Steps = dict[str, list[dict[str, np.ndarray]]]


def keras_optimizer(case: Case, optimizers: Any, schedules: Any) -> Any:
    """The optimizer of a case of Keras, from modules of Keras's names."""
    kwargs = {name: getattr(schedules, v.name)(**v.kwargs) if isinstance(v, Call) else v for name, v in case.kwargs.items()}
    optimizer = getattr(optimizers, case.cls)(**kwargs)
    if case.excluded:
        optimizer.exclude_from_weight_decay(var_names=list(case.excluded))
    return optimizer


def placeholders(tf: Any, gradients: Gradients) -> dict[str, Any]:
    """What the gradients of a step are fed to: a tensor, `IndexedSlices` or None for each variable."""
    return {name: _placeholder(tf, name, value) for name, value in gradients.items()}


def _placeholder(tf: Any, name: str, value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, Rows):
        return tf.placeholder(value.dtype, value.shape, f"gradient_{name}")
    values = tf.placeholder(value.values.dtype, value.values.shape, f"values_{name}")
    indices = tf.placeholder(value.indices.dtype, value.indices.shape, f"indices_{name}")
    return tf.IndexedSlices(values, indices, tf.constant((value.rows, *value.values.shape[1:])))


def feeds_of(holders: Mapping[str, Any], gradients: Gradients) -> dict[Any, np.ndarray]:
    """The gradients of one step as feeds."""
    feeds: dict[Any, np.ndarray] = {}
    for name, value in gradients.items():
        if isinstance(value, Rows):
            feeds[holders[name].values], feeds[holders[name].indices] = value.values, value.indices
        elif value is not None:
            feeds[holders[name]] = value
    return feeds


def follow(tf: Any, case: Case, make_optimizer: MakeOptimizer) -> Steps:
    """The weights after every step, as graphopt computes them, with what the optimizer shows beside them, and the finalized ones."""
    start, gradients = data_of(case)
    with tf.Graph().as_default(), tf.Session() as session:
        variables = {name: _variable(tf, case, name, value) for name, value in start.items()}
        optimizer = make_optimizer(tf, case)
        holders = placeholders(tf, gradients[0])
        if case.data == "quadratic":
            train_op = optimizer.minimize(_quadratic_loss(tf, variables), var_list=list(variables.values()))
        else:
            train_op = optimizer.apply_gradients([(holders[name], v) for name, v in variables.items()])
        shown = {"weights": variables, **(optimizer.beside(variables) if hasattr(optimizer, "beside") else {})}
        finalize = optimizer.finalize_variable_values(list(variables.values())) if case.finalize else None
        session.run(tf.global_variables_initializer())
        seen: Steps = {kind: [] for kind in shown}
        for given in gradients:
            session.run(train_op, feeds_of(holders, given))
            for kind, values in session.run(shown).items():
                seen[kind].append(values)
        if case.finalize:
            session.run(finalize)
            seen["finalized"] = [session.run(variables)]
    return seen


def _variable(tf: Any, case: Case, name: str, value: np.ndarray) -> Any:
    if name not in case.bounds:
        return tf.Variable(value, name=name)
    low, high = case.bounds[name]
    return tf.Variable(value, name=name, constraint=lambda w: tf.clip_by_value(w, low, high))


def _quadratic_loss(tf: Any, variables: Mapping[str, Any]) -> Any:
    parts = []
    for v in variables.values():
        h, c = quadratic(tuple(v.shape.as_list()), v.dtype.base_dtype.as_numpy_dtype)
        parts.append(0.5 * tf.reduce_sum(h * tf.square(v - c)))
    return tf.add_n(parts)


def replay(tf: Any, case: Case, recorded: Mapping[str, Any], make_optimizer: MakeOptimizer) -> float:
    """The largest deviation of a weight at any step, relative to the recorded one or to 1; infinite where only one is finite."""
    recorded = {**recorded, "finalized": {name: value[None] for name, value in recorded.get("finalized", {}).items()}}
    seen = follow(tf, case, make_optimizer)
    return max(
        deviation(value, recorded[kind][name][i])
        for kind, steps in seen.items()
        for i, step in enumerate(steps)
        for name, value in step.items()
    )


def deviation(got: Any, want: Any) -> float:
    """The largest difference of two arrays, relative to `want` or to 1. NaN agrees with NaN, an infinity with itself."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return float("inf")
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    if np.any(~same & ~(np.isfinite(got) & np.isfinite(want))):
        return float("inf")
    got, want = got[~same], want[~same]
    return float(np.max(np.abs(got - want) / np.maximum(1.0, np.abs(want)), initial=0.0))
