"""The eight training ops that every peer builds: data, initial values, shapes and hyper-parameters, from NumPy alone.

Everything comes from one seeded generator, so that the losses of all peers can be compared. Learning rates are low: the same batch comes
again in every step, and a network that has learnt it by heart has gradients that fade into denormal numbers, which some peers flush to zero
and others compute with slowly. That would measure the floating point unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray]

SEED = 20_240_229
CLIP_NORM = 1.0
DECAY_STEPS = 1000.0
DECAY_RATE = 0.96

MOMENTUM = 0.9
ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
ADAGRAD_START = 0.1

CLASSES = 10
LSTM_STEPS, LSTM_INPUTS, LSTM_HIDDEN = 20, 32, 64
VOCABULARY, EMBEDDING, IDS_PER_EXAMPLE = 100_000, 32, 8
LARGE = 10_000_000
TARGET_VALUE = 0.1


@dataclass(frozen=True)
class Workload:
    """One training op.

    Attributes:
      number: what it is called on the command line.
      key: which loss function of a peer it takes.
      title: what it is called in tables and pictures.
      optimizer: "SGD", "Momentum", "Adagrad" or "Adam".
      learning_rate: the rate at step 0; it decays by `DECAY_RATE` in every `DECAY_STEPS` steps.
      initial: makes the initial values of the variables, by name, in order.
      data: makes the one batch, by name, in the order in which it is fed.
    """

    number: int
    key: str
    title: str
    optimizer: str
    learning_rate: float
    initial: Callable[[np.random.Generator], Arrays]
    data: Callable[[np.random.Generator], Arrays]

    def values(self) -> tuple[Arrays, Arrays]:
        """Return the initial values and the batch: the same ones in every process."""
        rng = np.random.default_rng([SEED, self.number])
        return self.initial(rng), self.data(rng)


def decayed_rate(initial_rate: float, step: float) -> float:
    """Return the learning rate of the step with number `step`, the first being 0.

    >>> round(decayed_rate(0.1, 1000), 6)
    0.096
    """
    return initial_rate * DECAY_RATE ** (step / DECAY_STEPS)


def glorot(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    """Return Glorot-uniform weights; leading axes of a filter count as its window."""
    window = int(np.prod(shape[:-2]))
    limit = np.sqrt(6.0 / (window * (shape[-2] + shape[-1])))
    return rng.uniform(-limit, limit, shape).astype(np.float32)


def zeros(*shape: int) -> NDArray[np.float32]:
    """Return float32 zeros."""
    return np.zeros(shape, np.float32)


def layers(*sizes: int) -> Callable[[np.random.Generator], Arrays]:
    """Return what makes the variables W1, b1, W2, b2, ... of dense layers of these sizes."""

    def initial(rng: np.random.Generator) -> Arrays:
        values: Arrays = {}
        for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
            values[f"W{number}"] = glorot(rng, inputs, outputs)
            values[f"b{number}"] = zeros(outputs)
        return values

    return initial


def labelled(*shape: int) -> Callable[[np.random.Generator], Arrays]:
    """Return what makes inputs of `shape` in [0, 1), the batch first, and int64 labels."""
    return lambda rng: {"x": rng.random(shape, np.float32), "y": rng.integers(0, CLASSES, shape[0])}


def regression_data(rng: np.random.Generator) -> Arrays:
    """Return 32 points of a noisy linear function of 10 inputs."""
    x = rng.normal(size=(32, 10)).astype(np.float32)
    noise = 0.1 * rng.normal(size=(32, 1))
    return {"x": x, "y": (x @ rng.normal(size=(10, 1)) + 0.5 + noise).astype(np.float32)}


def lenet_initial(rng: np.random.Generator) -> Arrays:
    """Return two filters (height, width, in, out) and two dense layers, with their biases."""
    return {
        "F1": glorot(rng, 5, 5, 1, 32),
        "c1": zeros(32),
        "F2": glorot(rng, 5, 5, 32, 64),
        "c2": zeros(64),
        **layers(7 * 7 * 64, 256, CLASSES)(rng),
    }


def embedding_initial(rng: np.random.Generator) -> Arrays:
    """Return the table of rows and the dense layer."""
    table = (0.1 * rng.normal(size=(VOCABULARY, EMBEDDING))).astype(np.float32)
    return {"table": table, **layers(EMBEDDING, CLASSES)(rng)}


def embedding_data(rng: np.random.Generator) -> Arrays:
    """Return ids i64[256, 8], a few of them twice, and labels."""
    return {"ids": rng.integers(0, VOCABULARY, (256, IDS_PER_EXAMPLE)), "y": rng.integers(0, CLASSES, 256)}


def lstm_initial(rng: np.random.Generator) -> Arrays:
    """Return the cell's one matrix for the gates i, j, f, o, its bias, and the dense layer."""
    return {
        "kernel": glorot(rng, LSTM_INPUTS + LSTM_HIDDEN, 4 * LSTM_HIDDEN),
        "bias": zeros(4 * LSTM_HIDDEN),
        **layers(LSTM_HIDDEN, CLASSES)(rng),
    }


def large_initial(rng: np.random.Generator) -> Arrays:
    """Return ten million numbers."""
    return {"w": rng.standard_normal(LARGE, np.float32)}


def no_data(_rng: np.random.Generator) -> Arrays:
    """Return no batch: the loss depends on the variable alone."""
    return {}


WORKLOADS = (
    Workload(1, "regression", "linear regression 32x10, SGD", "SGD", 0.01, layers(10, 1), regression_data),
    Workload(2, "dense", "64-32-10, batch 32, Adam", "Adam", 1e-4, layers(64, 32, CLASSES), labelled(32, 64)),
    Workload(3, "dense", "784-256-128-10, batch 128, Adam", "Adam", 1e-4, layers(784, 256, 128, CLASSES), labelled(128, 784)),
    Workload(4, "dense", "784-1024-1024-10, batch 256, Adam", "Adam", 1e-4, layers(784, 1024, 1024, CLASSES), labelled(256, 784)),
    Workload(5, "lenet", "LeNet 28x28, batch 32, Momentum", "Momentum", 1e-3, lenet_initial, labelled(32, 28, 28, 1)),
    Workload(6, "embedding", "embedding 100,000x32, Adagrad", "Adagrad", 0.01, embedding_initial, embedding_data),
    Workload(7, "lstm", "LSTM, 20 steps, batch 16, Adam", "Adam", 1e-4, lstm_initial, labelled(16, LSTM_STEPS, LSTM_INPUTS)),
    Workload(8, "large", "10 million parameters, Adam", "Adam", 1e-4, large_initial, no_data),
)


def workload(number: int) -> Workload:
    """Return the workload of that number.

    Raises:
      ValueError: when there is none.
    """
    for candidate in WORKLOADS:
        if candidate.number == number:
            return candidate
    raise ValueError(f"There is no workload {number}; there are {', '.join(str(w.number) for w in WORKLOADS)}.")
