"""The training ops in PyTensor: one `function` with updates, compiled by numba, which trusts its inputs. There is no LeNet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytensor
import pytensor.tensor as pt
from measure import Training
from workloads import (
    ADAGRAD_START,
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    CLIP_NORM,
    LSTM_HIDDEN,
    LSTM_STEPS,
    TARGET_VALUE,
    Arrays,
    Workload,
    decayed_rate,
)

Variables = dict[str, Any]
Updates = dict[Any, Any]


def versions() -> str:
    """Return what ran."""
    return f"PyTensor {pytensor.__version__}, numba {numba.__version__}"


def regression(v: Variables, x: Any, y: Any) -> Any:
    """Return the mean squared error of a linear function."""
    return pt.mean(pt.sqr(x @ v["W1"] + v["b1"] - y))


def dense(v: Variables, x: Any, y: Any) -> Any:
    """Return the softmax cross entropy of dense layers with relu between them."""
    count = sum(name.startswith("W") for name in v)
    for number in range(1, count):
        x = pt.maximum(x @ v[f"W{number}"] + v[f"b{number}"], np.float32(0))
    scores = pt.special.log_softmax(x @ v[f"W{count}"] + v[f"b{count}"], axis=-1)
    return -pt.mean(scores[pt.arange(y.shape[0]), y])


def lstm(v: Variables, x: Any, y: Any) -> Any:
    """Return the loss of a dense layer on the last state of an unrolled LSTM."""
    c = h = pt.zeros((x.shape[0], LSTM_HIDDEN), dtype="float32")
    for now in range(LSTM_STEPS):
        gates = pt.concatenate([x[:, now], h], axis=1) @ v["kernel"] + v["bias"]
        i, j, f, o = (gates[:, n * LSTM_HIDDEN : (n + 1) * LSTM_HIDDEN] for n in range(4))
        c = c * pt.sigmoid(f + np.float32(1)) + pt.sigmoid(i) * pt.tanh(j)
        h = pt.tanh(c) * pt.sigmoid(o)
    return dense(v, h, y)


def large(v: Variables) -> Any:
    """Return half the squared distance of all parameters from the target value."""
    return np.float32(0.5) * pt.sum(pt.sqr(v["w"] - np.float32(TARGET_VALUE)))


LOSSES: dict[str, Callable[..., Any]] = {"regression": regression, "dense": dense, "lstm": lstm, "large": large}


def build(workload: Workload, initial: Arrays, batch: Arrays, _variant: str) -> Training:
    """Compile the function that makes a step."""
    pytensor.config.floatX = "float32"
    shared = {name: pytensor.shared(value, name, shape=value.shape) for name, value in initial.items()}
    feeds = [pt.tensor(name, dtype=value.dtype.name, shape=value.shape) for name, value in batch.items()]
    step_count = pytensor.shared(np.float32(0), "step")
    if workload.key == "embedding":
        loss, trained, gradients, rows = embedding_gradients(shared, *feeds)
    else:
        loss, rows = LOSSES[workload.key](shared, *feeds), None
        trained = list(shared.values())
        gradients = pytensor.grad(loss, trained)
    rate = decayed_rate(np.float32(workload.learning_rate), step_count)
    updates = {step_count: step_count + np.float32(1)}
    for variable, gradient in zip(trained, clipped(gradients), strict=True):
        used = rows if variable is shared.get("table") else None
        updates |= update(workload.optimizer, variable, gradient, rate, step_count + np.float32(1), used)
    updates = {variable: value.astype(variable.dtype) for variable, value in updates.items()}
    run = pytensor.function(
        [pytensor.In(feed, borrow=True) for feed in feeds], pytensor.Out(loss, borrow=True), updates=updates, mode="NUMBA"
    )
    run.trust_input = True
    values = tuple(batch.values())
    return Training(lambda: run(*values), "numba linker, trust_input" + (", rows by hand" if rows is not None else ""))


def embedding_gradients(shared: Variables, ids: Any, y: Any) -> tuple[Any, list[Any], list[Any], Any]:
    """Return loss, variables, gradients and the ids in use: the table's gradient is that of its rows in use."""
    used, place = pt.unique(ids.ravel(), return_inverse=True)
    rows = shared["table"][used]
    loss = dense(shared, pt.mean(rows[place.reshape(ids.shape)], axis=1), y)
    others = [variable for name, variable in shared.items() if name != "table"]
    return loss, [shared["table"], *others], pytensor.grad(loss, [rows, *others]), used


def clipped(gradients: list[Any]) -> list[Any]:
    """Return the gradients, scaled down where their global norm is over the limit."""
    norm = pt.sqrt(sum(pt.sum(pt.sqr(gradient)) for gradient in gradients))
    factor = np.float32(CLIP_NORM) / pt.maximum(norm, np.float32(CLIP_NORM))
    return [gradient * factor for gradient in gradients]


def update(optimizer: str, variable: Any, gradient: Any, rate: Any, count: Any, used: Any) -> Updates:
    """Return the new values of a variable and its slots; `used` are the rows that the gradient is for, None for all."""
    if optimizer == "SGD":
        return {variable: variable - rate * gradient}
    if optimizer == "Adagrad":
        return adagrad(variable, gradient, rate, used)
    first, second = zeros_like(variable), zeros_like(variable)
    m = np.float32(ADAM_BETA1) * first + np.float32(1 - ADAM_BETA1) * gradient
    v = np.float32(ADAM_BETA2) * second + np.float32(1 - ADAM_BETA2) * pt.sqr(gradient)
    corrected = rate * pt.sqrt(1 - np.float32(ADAM_BETA2) ** count) / (1 - np.float32(ADAM_BETA1) ** count)
    return {variable: variable - corrected * m / (pt.sqrt(v) + np.float32(ADAM_EPSILON)), first: m, second: v}


def adagrad(variable: Any, gradient: Any, rate: Any, used: Any) -> Updates:
    """Return the new variable and the new sum of squares."""
    value = variable.get_value(borrow=True)
    total = pytensor.shared(np.full_like(value, ADAGRAD_START), shape=value.shape)
    if used is None:
        squares = total + pt.sqr(gradient)
        return {variable: variable - rate * gradient / pt.sqrt(squares), total: squares}
    squares = total[used] + pt.sqr(gradient)
    return {
        variable: pt.inc_subtensor(variable[used], -rate * gradient / pt.sqrt(squares)),
        total: pt.set_subtensor(total[used], squares),
    }


def zeros_like(variable: Any) -> Any:
    """Return a shared variable of zeros."""
    value = variable.get_value(borrow=True)
    return pytensor.shared(np.zeros_like(value), shape=value.shape)
