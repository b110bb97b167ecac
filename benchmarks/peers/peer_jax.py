"""The training ops in JAX with optax, under `jit` with donated state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from measure import Training
from workloads import (
    ADAGRAD_START,
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    CLIP_NORM,
    DECAY_RATE,
    DECAY_STEPS,
    LSTM_HIDDEN,
    MOMENTUM,
    TARGET_VALUE,
    VOCABULARY,
    Arrays,
    Workload,
    decayed_rate,
)

ROWS = "rows"  # the variant for embeddings that changes the rows it looked up and no others

Params = dict[str, jax.Array]


def versions() -> str:
    """Return what ran."""
    return f"JAX {jax.__version__}, optax {optax.__version__}"


def regression(v: Params, x: Any, y: Any) -> jax.Array:
    """Return the mean squared error of a linear function."""
    return jnp.mean(jnp.square(x @ v["W1"] + v["b1"] - y))


def dense(v: Params, x: Any, y: Any) -> jax.Array:
    """Return the softmax cross entropy of dense layers with relu between them."""
    count = sum(name.startswith("W") for name in v)
    for number in range(1, count):
        x = jax.nn.relu(x @ v[f"W{number}"] + v[f"b{number}"])
    logits = x @ v[f"W{count}"] + v[f"b{count}"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def lenet(v: Params, x: Any, y: Any) -> jax.Array:
    """Return the loss of two convolutions with pooling and two dense layers."""
    for number in (1, 2):
        x = jax.lax.conv_general_dilated(x, v[f"F{number}"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + v[f"c{number}"])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
    return dense(v, x.reshape(x.shape[0], -1), y)


def embedding(v: Params, ids: Any, y: Any) -> jax.Array:
    """Return the loss of a dense layer on the mean of looked-up rows."""
    return dense(v, v["table"][ids].mean(axis=1), y)


def lstm(v: Params, x: Any, y: Any) -> jax.Array:
    """Return the loss of a dense layer on the last state of an unrolled LSTM."""
    c = h = jnp.zeros((x.shape[0], LSTM_HIDDEN), jnp.float32)
    for now in range(x.shape[1]):
        gates = jnp.concatenate([x[:, now], h], axis=1) @ v["kernel"] + v["bias"]
        i, j, f, o = jnp.split(gates, 4, axis=1)
        c = c * jax.nn.sigmoid(f + 1.0) + jax.nn.sigmoid(i) * jnp.tanh(j)
        h = jnp.tanh(c) * jax.nn.sigmoid(o)
    return dense(v, h, y)


def large(v: Params) -> jax.Array:
    """Return half the squared distance of all parameters from the target value."""
    return 0.5 * jnp.sum(jnp.square(v["w"] - TARGET_VALUE))


LOSSES: dict[str, Callable[..., jax.Array]] = {
    "regression": regression,
    "dense": dense,
    "lenet": lenet,
    "embedding": embedding,
    "lstm": lstm,
    "large": large,
}


def make_optimizer(workload: Workload) -> optax.GradientTransformation:
    """Return clipping by the global norm and the optimizer, with the rate that decays."""
    rate = optax.exponential_decay(workload.learning_rate, int(DECAY_STEPS), DECAY_RATE)
    optimizers = {
        "SGD": lambda: optax.sgd(rate),
        "Momentum": lambda: optax.sgd(rate, momentum=MOMENTUM),
        "Adagrad": lambda: optax.adagrad(rate, initial_accumulator_value=ADAGRAD_START),
        "Adam": lambda: optax.adam(rate, ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON),
    }
    return optax.chain(optax.clip_by_global_norm(CLIP_NORM), optimizers[workload.optimizer]())


def build(workload: Workload, initial: Arrays, batch: Arrays, variant: str) -> Training:
    """Make the state and the step; `jit` compiles it at the first call."""
    params = {name: jnp.array(value) for name, value in initial.items()}
    if variant == ROWS:
        state, update = rows_state(params), partial(rows_step, workload.learning_rate)
    else:
        optimizer = make_optimizer(workload)
        state, update = (params, optimizer.init(params)), partial(optax_step, optimizer, LOSSES[workload.key])
    # Labels and ids are int64 in NumPy; JAX has 32 bits unless told otherwise, and would convert them at every call.
    values = tuple(value.astype("int32") if value.dtype.kind == "i" else value for value in batch.values())
    run = jax.jit(update, donate_argnums=0)

    def step() -> float:
        nonlocal state
        state, loss = run(state, *values)
        return float(loss)

    return Training(step, f"jit, donated state, {variant}")


def optax_step(optimizer: optax.GradientTransformation, loss_of: Callable[..., jax.Array], state: Any, *batch: Any) -> Any:
    """Return the next state and the loss."""
    params, slots = state
    loss, gradients = jax.value_and_grad(loss_of)(params, *batch)
    updates, slots = optimizer.update(gradients, slots, params)
    return (optax.apply_updates(params, updates), slots), loss


def rows_state(params: Params) -> Any:
    """Return parameters, Adagrad's accumulators and the step count."""
    return params, {name: jnp.full_like(value, ADAGRAD_START) for name, value in params.items()}, jnp.zeros((), jnp.float32)


def rows_step(learning_rate: float, state: Any, ids: Any, y: Any) -> Any:
    """Return the next state and the loss of the embedding: optax has no sparse gradients, so this is Adagrad by hand on the rows in use."""
    params, sums, count = state
    used, place = jnp.unique(ids.ravel(), size=ids.size, fill_value=VOCABULARY, return_inverse=True)
    rows = params["table"].at[used].get(mode="clip")
    small = {**params, "table": rows}
    loss, gradients = jax.value_and_grad(embedding)(small, place.reshape(ids.shape), y)
    factor = CLIP_NORM / jnp.maximum(optax.global_norm(gradients), CLIP_NORM)
    rate = decayed_rate(learning_rate, count)
    small_sums = {**sums, "table": sums["table"].at[used].get(mode="clip")}
    new_params, new_sums = {}, {}
    for name, gradient in gradients.items():
        clipped = gradient * factor
        more = jnp.square(clipped)
        change = -rate * clipped * jax.lax.rsqrt(small_sums[name] + more)
        new_params[name] = add_rows(params[name], used, change) if name == "table" else params[name] + change
        new_sums[name] = add_rows(sums[name], used, more) if name == "table" else sums[name] + more
    return (new_params, new_sums, count + 1), loss


def add_rows(table: jax.Array, used: jax.Array, more: jax.Array) -> jax.Array:
    """Return the table with `more` added to the rows `used`; the filler beyond its end is dropped."""
    return table.at[used].add(more, mode="drop", unique_indices=False, indices_are_sorted=True)
