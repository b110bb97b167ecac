"""Runs a case on a module with TensorFlow 1 names and says what it saw."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import ErrorCase, OpCase, Raised, Scenario

Observation = dict[str, Any]


def observe_values(tf: Any, case: OpCase, hidden: bool) -> Observation:
    """Names, types, static shapes and values of the results, and the names of the variables made on the way."""
    with tf.Graph().as_default():
        inputs, feed = placeholders(tf, case, hidden)
        results = flatten(case.build(tf, *inputs))
        seen = describe(results)
        seen["variables"] = [v.name for v in tf.global_variables()]
        seen["values"] = evaluate(tf, results, feed)
    return seen


def observe_gradients(tf: Any, case: OpCase, shapes: list[tuple[int, ...] | None], hidden: bool) -> Observation:
    """d(sum of every float result times fixed weights) / d(each float input). `shapes` are those of the results' values."""
    with tf.Graph().as_default():
        inputs, feed = placeholders(tf, case, hidden)
        losses = []
        for i, (result, shape) in enumerate(zip(flatten(case.build(tf, *inputs)), shapes, strict=True)):
            if result is not None and shape is not None and is_float(result):
                losses.append(tf.reduce_sum(result * tf.constant(weights(shape, i).astype(numpy_type(result)))))
        sources = {k: t for k, t in zip(case.inputs, inputs, strict=True) if is_float(t)}
        if not losses or not sources:
            return {}
        gradients = tf.gradients(losses, list(sources.values()))
        values = evaluate(tf, gradients, feed)
    return {k: dense_gradient(v, case.inputs[k].shape) for k, v in zip(sources, values, strict=True)}


def observe_error(tf: Any, case: ErrorCase) -> Observation:
    """At which moment the case is refused, and how."""
    with tf.Graph().as_default():
        try:
            inputs = [tf.placeholder(a.dtype, shape_of(a, case.shapes), name=k) for k, a in case.inputs.items()]
            results = flatten(case.build(tf, *inputs))
        except Exception as error:
            return {"kind": "build", "error": Raised.of(error, case.says)}
        feed = dict(zip(inputs, case.inputs.values(), strict=True))
        try:
            evaluate(tf, results, feed)
        except Exception as error:
            return {"kind": "run", "error": Raised.of(error, case.says)}
    return {"kind": "none", "error": None}


def observe_scenario(tf: Any, case: Scenario) -> Any:
    with tf.Graph().as_default():
        return case.run(tf)


def placeholders(tf: Any, case: OpCase, hidden: bool) -> tuple[list[Any], dict[Any, np.ndarray]]:
    tensors = []
    for name, array in case.inputs.items():
        visible = "full" if not hidden or name in case.fixed else "hidden"
        tensors.append(tf.placeholder(array.dtype, shape_of(array, visible), name=name))
    return tensors, dict(zip(tensors, case.inputs.values(), strict=True))


def shape_of(array: np.ndarray, visible: str) -> list[int | None] | None:
    if visible == "unknown":
        return None
    if visible == "hidden" and array.ndim:
        return [None, *array.shape[1:]]
    return list(array.shape)


def flatten(result: Any) -> list[Any]:
    """The tensors of a tensor, list, tuple, namedtuple or dict, in order; None stays."""
    if isinstance(result, dict):
        return [t for k in sorted(result) for t in flatten(result[k])]
    if isinstance(result, list | tuple):
        return [t for r in result for t in flatten(r)]
    return [result]


def describe(results: list[Any]) -> Observation:
    return {
        "names": [r if r is None else r.name for r in results],
        "dtypes": [r if r is None else r.dtype.base_dtype.name for r in results],
        "shapes": [r if r is None else static_shape(r) for r in results],
    }


def static_shape(tensor: Any) -> list[int | None] | str:
    shape = tensor.get_shape()
    return "unknown" if shape.ndims is None else list(shape.as_list())


def evaluate(tf: Any, results: list[Any], feed: dict[Any, np.ndarray]) -> list[Any]:
    """The values of one run in a new session; None for None. Fetches that are no tensors (operations) give None too."""
    wanted = [r for r in results if r is not None]
    with tf.Session() as session:
        if tf.global_variables() or tf.local_variables():
            session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        values = iter(session.run(wanted, feed))
    return [None if r is None else next(values) for r in results]


def is_float(tensor: Any) -> bool:
    return bool(tensor.dtype.base_dtype.is_floating)


def numpy_type(tensor: Any) -> Any:
    return tensor.dtype.base_dtype.as_numpy_dtype


def weights(shape: tuple[int, ...], i: int) -> np.ndarray:
    """Fixed weights of both signs for the i-th result."""
    return np.round(np.cos(0.7 * np.arange(int(np.prod(shape))) + i + 1.0), 3).reshape(shape)


def dense_gradient(value: Any, shape: tuple[int, ...]) -> Observation | None:
    """The gradient as an array, and whether it came as IndexedSlices (whose duplicate rows are summed here)."""
    if value is None:
        return None
    if not hasattr(value, "indices"):
        return {"sparse": False, "value": np.asarray(value)}
    dense = np.zeros(shape, value.values.dtype)
    np.add.at(dense, value.indices, value.values)
    return {"sparse": True, "value": dense}
