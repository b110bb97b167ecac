"""One training step of a 64-32-10 network, written by hand in NumPy: the mark that graphopt's numpy backend is measured against.

The step: relu hidden layer, softmax cross-entropy with integer labels (mean over the batch), gradients by hand, clipping by global norm,
exponential decay of the learning rate at every step, Adam in TensorFlow's form (`epsilon` outside the bias correction). float32, batch 32.

It is written as someone would who cares for its speed and keeps four separate variables: every buffer is made once, no call of a step
makes an array, the clip factor is folded into Adam's coefficients, and of several spellings the one that measured faster stands here:

* 0-d float32 arrays as operands, not Python floats: a ufunc call on ten elements takes 0.18 µs with the one and 0.43 µs with the other.
* ``array.dot(other, out)``, not ``numpy.matmul``: 1.6 µs against 2.1 µs for 32x64 by 64x32; sums as products with ones: 0.4 against 1.0 µs.
* Logits are kept transposed, classes by batch, so that the softmax reduces and broadcasts along rows: 1.0 µs less a step.

Run it for the check against finite differences and the time of a step: ``python benchmarks/handwritten.py [--json FILE]``.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from common import Measurement, measure, print_table, write_json
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Params = dict[str, NDArray]

SIZES = (64, 32, 10)
BATCH = 32


class Settings(NamedTuple):
    """The numbers of the training op."""

    learning_rate: float = 0.01
    decay_rate: float = 0.9
    decay_steps: float = 100.0
    clip_norm: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def decayed_rate(self, step: int) -> float:
        """Return the learning rate of the step with number `step`, the first being 0."""
        return self.learning_rate * self.decay_rate ** (step / self.decay_steps)

    def adam_rate(self, step: int) -> float:
        """Return the rate of that step with Adam's bias correction."""
        return self.decayed_rate(step) * math.sqrt(1.0 - self.beta2 ** (step + 1)) / (1.0 - self.beta1 ** (step + 1))


def initial_params(seed: int = 0) -> Params:
    """Return Glorot-uniform weights and zero biases: W1 f32[64,32], b1 f32[32], W2 f32[32,10], b2 f32[10]."""
    rng = np.random.default_rng(seed)

    def glorot(rows: int, columns: int) -> F32:
        limit = math.sqrt(6.0 / (rows + columns))
        return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)

    inputs, hidden, classes = SIZES
    return {
        "W1": glorot(inputs, hidden),
        "b1": np.zeros(hidden, np.float32),
        "W2": glorot(hidden, classes),
        "b2": np.zeros(classes, np.float32),
    }


def random_batch(seed: int = 1) -> tuple[F32, NDArray[np.int64]]:
    """Return images f32[32,64] in [0, 1) and labels i64[32] in [0, 10)."""
    rng = np.random.default_rng(seed)
    return rng.random((BATCH, SIZES[0]), np.float32), rng.integers(0, SIZES[2], BATCH)


class HandwrittenStep:
    """The step and all its buffers. `params` and `slots` are updated in place; `grads` holds the last gradients, before clipping."""

    def __init__(self, params: Params, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.params = {name: np.array(value, np.float32) for name, value in params.items()}
        self.grads = {name: np.zeros_like(value) for name, value in self.params.items()}
        self.slots = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in self.params.items()}
        self.count = 0
        self._gradients = self._bind_gradients()
        self._update = self._bind_update()

    def __call__(self, images: F32, labels: NDArray[np.int64]) -> float:
        """Train on one batch, images f32[32,64] and labels i64[32]; return the loss from before the update."""
        loss = self._gradients(images, labels)
        self._update()
        return loss

    def gradients(self, images: F32, labels: NDArray[np.int64]) -> float:
        """Fill `grads` for one batch and return the loss; no parameter changes."""
        return self._gradients(images, labels)

    def _bind_gradients(self) -> Callable[[F32, NDArray[np.int64]], float]:
        """Make the buffers of the forward and backward pass and return the function that uses them."""
        w1, b1, w2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        grad_w1, grad_b1, grad_w2, grad_b2 = (self.grads[name] for name in ("W1", "b1", "W2", "b2"))
        batch, (_, hidden_size, classes) = BATCH, SIZES
        hidden = np.empty((batch, hidden_size), np.float32)
        grad_hidden, active = np.empty_like(hidden), np.empty_like(hidden)
        logits = np.empty((classes, batch), np.float32)  # transposed: a row holds one class for the whole batch
        probs = np.empty_like(logits)
        largest, total, picked = (np.empty(batch, np.float32) for _ in range(3))
        index, row = np.empty(batch, np.intp), np.arange(batch)
        ones, ones_classes = np.ones(batch, np.float32), np.ones(classes, np.float32)
        zero, batch_size, one_each = (np.array(value, np.float32) for value in (0.0, batch, 1.0 / batch))
        row_length = np.array(batch, np.intp)
        inverse_batch = 1.0 / batch
        # Views, made once.
        w2_t, hidden_t, probs_t, b2_column = w2.T, hidden.T, probs.T, b2[:, None]
        logits_flat, probs_flat = logits.reshape(-1), probs.reshape(-1)
        add, subtract, multiply, divide = np.add, np.subtract, np.multiply, np.divide
        maximum, exp, log, sign, reduce_max = np.maximum, np.exp, np.log, np.sign, np.maximum.reduce

        def gradients(images: F32, labels: NDArray[np.int64]) -> float:
            images.dot(w1, hidden)
            add(hidden, b1, hidden)
            maximum(hidden, zero, out=hidden)
            w2_t.dot(hidden_t, logits)
            add(logits, b2_column, logits)
            # Softmax cross-entropy, shifted by the largest logit.
            reduce_max(logits, 0, None, largest)
            subtract(logits, largest, logits)
            exp(logits, probs)
            ones_classes.dot(probs, total)
            multiply(labels, row_length, index)
            add(index, row, index)
            logits_flat.take(index, None, picked, "clip")
            # d loss / d logits = (softmax - onehot) / batch.
            multiply(total, batch_size, largest)
            divide(probs, largest, probs)
            log(total, total)
            subtract(total, picked, total)
            loss = float(ones.dot(total)) * inverse_batch
            probs_flat.take(index, None, picked, "clip")
            subtract(picked, one_each, picked)
            probs_flat.put(index, picked)
            # Backward.
            hidden_t.dot(probs_t, grad_w2)
            probs.dot(ones, grad_b2)
            probs_t.dot(w2_t, grad_hidden)
            sign(hidden, active)  # relu's output is never negative: its sign is 1 where the unit was active, and 0 elsewhere
            multiply(grad_hidden, active, grad_hidden)
            images.T.dot(grad_hidden, grad_w1)
            ones.dot(grad_hidden, grad_b1)
            return loss

        return gradients

    def _bind_update(self) -> Callable[[], None]:
        """Make the buffers of clipping and Adam and return the function that uses them."""
        settings = self.settings
        flat_grads = [grad.reshape(-1) for grad in self.grads.values()]
        rows = [
            (self.params[name], self.grads[name], *self.slots[name], np.empty_like(self.params[name]), np.empty_like(self.params[name]))
            for name in self.params
        ]
        beta1, beta2, epsilon = (np.array(value, np.float32) for value in (settings.beta1, settings.beta2, settings.epsilon))
        mean_factor, root_factor, rate = (np.empty((), np.float32) for _ in range(3))
        from_mean, from_root = 1.0 - settings.beta1, math.sqrt(1.0 - settings.beta2)
        clip_norm, adam_rate = settings.clip_norm, settings.adam_rate
        add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt
        root = math.sqrt

        def update() -> None:
            squares = 0.0
            for flat in flat_grads:
                squares += float(flat.dot(flat))
            clip = clip_norm / max(root(squares), clip_norm)
            mean_factor.fill(clip * from_mean)
            root_factor.fill(clip * from_root)
            rate.fill(adam_rate(self.count))
            for param, grad, mean, square, scratch, scratch2 in rows:
                multiply(grad, mean_factor, scratch)  # mean = beta1 mean + (1 - beta1) clip grad
                multiply(mean, beta1, mean)
                add(mean, scratch, mean)
                multiply(grad, root_factor, scratch)  # square = beta2 square + (1 - beta2) (clip grad)^2
                multiply(scratch, scratch, scratch)
                multiply(square, beta2, square)
                add(square, scratch, square)
                sqrt(square, scratch)  # param = param - rate mean / (sqrt(square) + epsilon)
                add(scratch, epsilon, scratch)
                multiply(mean, rate, scratch2)
                divide(scratch2, scratch, scratch2)
                subtract(param, scratch2, param)
            self.count += 1

        return update


# ---- the check --------------------------------------------------------------------------------------------------------


def loss_float64(params: Params, images: NDArray, labels: NDArray[np.int64]) -> float:
    """Return the loss in float64, written plainly."""
    hidden = np.maximum(images @ params["W1"] + params["b1"], 0.0)
    logits = hidden @ params["W2"] + params["b2"]
    logits = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]))


def finite_differences(params: Params, images: NDArray, labels: NDArray[np.int64], width: float = 1e-6) -> Params:
    """Return the central difference of the float64 loss for every single parameter."""
    wide = {name: value.astype(np.float64) for name, value in params.items()}
    images = images.astype(np.float64)
    result = {name: np.empty_like(value) for name, value in wide.items()}
    for name, value in wide.items():
        for place in np.ndindex(value.shape):
            kept = value[place]
            value[place] = kept + width
            above = loss_float64(wide, images, labels)
            value[place] = kept - width
            below = loss_float64(wide, images, labels)
            value[place] = kept
            result[name][place] = (above - below) / (2.0 * width)
    return result


def adam_float64(params: Params, grads_of: Callable[[Params], Params], steps: int, settings: Settings) -> Params:
    """Return the parameters after `steps` clipped Adam steps in float64, written plainly."""
    params = {name: value.astype(np.float64) for name, value in params.items()}
    mean = {name: np.zeros_like(value) for name, value in params.items()}
    square = {name: np.zeros_like(value) for name, value in params.items()}
    for step in range(steps):
        grads = grads_of(params)
        norm = math.sqrt(sum(float(np.sum(grad * grad)) for grad in grads.values()))
        clip = settings.clip_norm / max(norm, settings.clip_norm)
        for name in params:
            grad = grads[name] * clip
            mean[name] = settings.beta1 * mean[name] + (1.0 - settings.beta1) * grad
            square[name] = settings.beta2 * square[name] + (1.0 - settings.beta2) * grad * grad
            params[name] = params[name] - settings.adam_rate(step) * mean[name] / (np.sqrt(square[name]) + settings.epsilon)
    return params


def check(steps: int = 5) -> None:
    """Compare the loss, every gradient and five updates with float64 and finite differences; raise AssertionError if one is off."""
    # A clip norm below the gradient's own, so that clipping takes part.
    settings = Settings(clip_norm=0.5)
    params = initial_params()
    images, labels = random_batch()
    by_hand = HandwrittenStep(params, settings)
    loss = by_hand.gradients(images, labels)
    np.testing.assert_allclose(loss, loss_float64(by_hand.params, images, labels), rtol=1e-6)
    expected = finite_differences(params, images, labels)
    for name, grad in by_hand.grads.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-4, atol=2e-7, err_msg=name)
    norm = math.sqrt(sum(float(np.sum(grad * grad)) for grad in expected.values()))
    assert norm > settings.clip_norm, f"the check must clip, but the gradient's norm is {norm}"

    expected = adam_float64(params, lambda now: finite_differences(now, images, labels), steps, settings)
    for _ in range(steps):
        by_hand(images, labels)
    for name, value in by_hand.params.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-5, err_msg=name)


def measure_step(*, repeats: int = 50) -> Measurement:
    """Return the time of one step."""
    step = HandwrittenStep(initial_params())
    images, labels = random_batch()
    return measure("handwritten NumPy step", lambda: step(images, labels), repeats=repeats)


def main() -> None:
    """Check the step, time it, and print the result."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--json", metavar="FILE", help="write the numbers to this file as well")
    arguments = parser.parse_args()
    check()
    print("check: loss, gradients and updates agree with float64 and finite differences")
    result = [measure_step()]
    print_table(result)
    if arguments.json:
        write_json(arguments.json, result)


if __name__ == "__main__":
    main()
