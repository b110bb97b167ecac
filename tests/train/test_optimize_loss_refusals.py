"""What `optimize_loss` refuses, with TensorFlow 1's texts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf

optimize = tf.contrib.layers.optimize_loss


def model() -> tuple[Any, Any]:
    w = tf.get_variable("test", [], initializer=tf.constant_initializer(10.0))
    return w, tf.abs(w * tf.constant(5.0))


def step() -> Any:
    return tf.train.get_or_create_global_step()


def halve(rate: Any, global_step: Any) -> Any:
    return tf.train.exponential_decay(rate, global_step, 1, 0.5)


def plain(**changes: Any) -> Any:
    """The plain call with some arguments changed."""
    _, loss = model()
    return optimize(**{"loss": loss, "global_step": step(), "learning_rate": 0.1, "optimizer": "SGD", **changes})


def stepless(**changes: Any) -> Any:
    _, loss = model()
    return optimize(loss, None, 0.1, "SGD", **changes)


def twice() -> Any:
    _, loss = model()
    return [optimize(loss, step(), 0.1, "SGD", name="fit") for _ in range(2)]


def from_two_graphs() -> Any:
    with tf.Graph().as_default():
        other = step()
    return plain(global_step=other)


UNRECOGNIZED = "instance of subclass of Optimizer or function with one argument. Got 3."
REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "no loss": (ValueError, "None values not supported.", lambda: plain(loss=None)),
    "vector loss": (ValueError, "Expected scalar shape for Const:0, saw shape: (1,).", lambda: plain(loss=tf.constant([1.0]))),
    "unknown loss": (
        ValueError,
        "Expected scalar shape for Placeholder:0, saw shape: <unknown>.",
        lambda: plain(loss=tf.placeholder(tf.float32)),
    ),
    "step of floats": (TypeError, "does not have integer type", lambda: plain(global_step=tf.constant(1.0))),
    "vector step": (TypeError, "is not scalar", lambda: plain(global_step=tf.constant([1]))),
    "number as step": (TypeError, "must be a Variable or Tensor", lambda: plain(global_step=3)),
    "constant step": (AttributeError, "assign_add", lambda: plain(global_step=tf.constant(3))),
    "two graphs": (ValueError, "must be from the same graph", from_two_graphs),
    "name twice": (ValueError, "Variable fit/learning_rate already exists, disallowed.", twice),
    "negative rate": (ValueError, "('Invalid learning_rate %s.', -0.1)", lambda: plain(learning_rate=-0.1)),
    "int rate": (ValueError, "Learning rate should be 0d Tensor or float. Got 1 of type <class 'int'>", lambda: plain(learning_rate=1)),
    "float32 rate": (ValueError, "Got 0.1 of type <class 'numpy.float32'>", lambda: plain(learning_rate=np.float32(0.1))),
    "variable rate": (
        ValueError,
        "Learning rate should be 0d Tensor or float. Got <tf.Variable",
        lambda: plain(learning_rate=tf.Variable(0.1)),
    ),
    "vector rate": (ValueError, "Learning rate should be 0d Tensor or float.", lambda: plain(learning_rate=tf.constant([0.1]))),
    "unknown summary": (
        ValueError,
        "Summaries should be one of [learning_rate, loss, gradients, gradient_norm, global_gradient_norm], you provided bad.",
        lambda: plain(summaries=["loss", "bad"]),
    ),
    "decay without step": (
        ValueError,
        "global_step is required for learning_rate_decay_fn.",
        lambda: stepless(learning_rate_decay_fn=halve),
    ),
    "no rate, name": (
        ValueError,
        "Learning rate is None, but should be specified if optimizer is string (SGD).",
        lambda: plain(learning_rate=None),
    ),
    "no rate, class": (
        ValueError,
        "Learning rate is None, but should be specified if optimizer is class (<class",
        lambda: plain(learning_rate=None, optimizer=tf.train.AdamOptimizer),
    ),
    "unknown name": (
        ValueError,
        "Optimizer name should be one of [Adagrad, Adam, Ftrl, Momentum, RMSProp, SGD], you provided sgd.",
        lambda: plain(optimizer="sgd"),
    ),
    "function's result": (
        ValueError,
        "Unrecognized optimizer: function should return subclass of Optimizer. Got 3.",
        lambda: plain(optimizer=lambda rate: 3),
    ),
    "number as optimizer": (ValueError, UNRECOGNIZED, lambda: plain(optimizer=3)),
    "int clip": (ValueError, "Unknown type <class 'int'> for clip_gradients", lambda: plain(clip_gradients=1)),
    "tensor clip": (
        ValueError,
        "Unknown type <class 'graphopt.graph.operation.Tensor'> for clip_gradients",
        lambda: plain(clip_gradients=tf.constant(1.0)),
    ),
    "no variables": (ValueError, "No variables to optimize.", lambda: plain(variables=[])),
    "variable out of reach": (ValueError, "No gradients provided for any variable: [", lambda: plain(variables=[tf.Variable(1.0)])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    kind, text, action = REFUSED[case]
    with pytest.raises(kind) as caught:
        action()
    assert text in str(caught.value)


class Forgetful(tf.train.GradientDescentOptimizer):
    """Computes no gradients at all."""

    def compute_gradients(self, *args: Any, **kwargs: Any) -> list[Any]:
        return []


def test_nothing_left_after_the_multipliers() -> None:
    with pytest.raises(ValueError, match=r"Empty list of \(gradient, var\) pairs encountered. This is most likely"):
        plain(optimizer=Forgetful(0.1), gradient_multipliers={})
