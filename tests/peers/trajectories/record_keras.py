"""What the recorders of the three optimizers of Keras share; each gives its own module of optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from trajectories.case import Case, Rows, Weights, data_of
from trajectories.store import by_variable, to_json

MakeVariable = Callable[[str, np.ndarray, Any], Any]


def gradient(value: Any) -> Any:
    if isinstance(value, Rows):
        shape = (value.rows, *value.values.shape[1:])
        return tf.IndexedSlices(tf.constant(value.values), tf.constant(value.indices), tf.constant(shape))
    return None if value is None else tf.constant(value)


def constraint(case: Case, name: str) -> Any:
    if name not in case.bounds:
        return None
    low, high = case.bounds[name]
    return lambda w: tf.clip_by_value(w, low, high)


def run(case: Case, optimizer: Any, make_variable: MakeVariable) -> tuple[dict[str, Any], list[Any]]:
    """Eagerly: the newer Nadam is wrong with several variables in a `tf.function`. Returns the record and the variables."""
    start, gradients = data_of(case)
    variables = {name: make_variable(name, value, constraint(case, name)) for name, value in start.items()}
    weights: list[Weights] = []
    averages: list[Weights] = []
    rates: list[float] = []
    for given in gradients:
        optimizer.apply_gradients([(gradient(given[name]), v) for name, v in variables.items()])
        weights.append({name: v.numpy() for name, v in variables.items()})
        rates.append(rate(optimizer))
        if case.kwargs.get("use_ema"):
            averages.append(averages_of(optimizer, list(variables)))
    made: dict[str, Any] = {"weights": by_variable(weights), "learning_rates": np.array(rates), "config": to_json(optimizer.get_config())}
    if averages:
        made["averages"] = by_variable(averages)
    if case.finalize:
        optimizer.finalize_variable_values(list(variables.values()))
        made["finalized"] = {name: v.numpy() for name, v in variables.items()}
    return made, list(variables.values())


def rate(optimizer: Any) -> float:
    """The rate of the last step, or of the next one where the peer says that: NaN where it is a schedule that must be called."""
    value = optimizer.learning_rate
    return float("nan") if callable(value) else float(value)


def averages_of(optimizer: Any, names: list[str]) -> Weights:
    return {name: average.numpy() for name, average in zip(names, optimizer._model_variables_moving_average, strict=True)}


def described(variables: list[Any], name: Callable[[Any], str]) -> dict[str, Any]:
    """Names, shapes and types of an optimizer's variables in its order, and their values."""
    values = [v.numpy() for v in variables]
    return {
        "variables": [[name(v), list(np.shape(x)), np.asarray(x).dtype.name] for v, x in zip(variables, values, strict=True)],
        "state": values,
    }
