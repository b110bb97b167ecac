"""What the tests of stages share: gradients of all kinds, a stage on its own, and a training op run for some steps."""

from typing import Any

import numpy as np

import graphopt as tf

RANDOM = np.random.default_rng(4)
WEIGHTS = RANDOM.standard_normal((4, 3))
DENSE = RANDOM.standard_normal((4, 3)) * 2
ROWS = RANDOM.standard_normal((3, 3)) * 2
INDICES = np.array([2, 0, 2])
TOLERANCE = {"float16": 4e-3, "float32": 2e-6, "float64": 1e-12}
DTYPES = list(TOLERANCE)
KINDS = ["dense", "rows"]


def dense_of(kind: str, dtype: str = "float64") -> np.ndarray:
    """The gradient of a kind as NumPy has it, rounded as the element type rounds it, in float64."""
    if kind == "dense":
        return DENSE.astype(dtype).astype(np.float64)
    whole = np.zeros_like(WEIGHTS)
    np.add.at(whole, INDICES, ROWS.astype(dtype).astype(np.float64))
    return whole


def gradient_of(kind: str, dtype: str = "float64") -> Any:
    """The gradient of a kind as a tensor, or as sparse rows of which one comes twice."""
    if kind == "dense":
        return tf.constant(DENSE.astype(dtype))
    return tf.IndexedSlices(tf.constant(ROWS.astype(dtype)), tf.constant(INDICES), tf.constant([4, 3]))


def variable(dtype: str = "float64", name: str = "w") -> Any:
    return tf.Variable(WEIGHTS.astype(dtype), name=name)


def sgd(rate: Any = 1.0) -> Any:
    return tf.train.GradientDescentOptimizer(rate)


def dense(gradient: Any) -> Any:
    """A gradient as a tensor to fetch; None stays None."""
    return None if gradient is None else tf.convert_to_tensor(gradient)


def evaluate(pairs: list[tuple[Any, Any]], feeds: Any = None) -> list[Any]:
    """The gradients of pairs as arrays; None stays None."""
    fetched = {i: dense(gradient) for i, (gradient, _) in enumerate(pairs) if gradient is not None}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = session.run(fetched, feeds)
    return [found.get(i) for i in range(len(pairs))]


def alone(stage: Any, kind: str, dtype: str) -> np.ndarray:
    """What a stage makes of one gradient beside one that is None; checks what must hold for every stage."""
    w, other = variable(dtype), tf.Variable(1.0, name="other")
    made = stage([(gradient_of(kind, dtype), w), (None, other)])
    assert [v for _, v in made] == [w, other]
    assert made[1][0] is None
    found, _ = evaluate(made)
    assert found.dtype == dtype
    return found


def initialized() -> Any:
    """A session in which all variables have their initial values."""
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def trained(train_op: Any, feeds: Any, fetch: Any) -> list[Any]:
    """What is fetched after each step, one step for each feed."""
    with initialized() as session:
        found = []
        for feed in feeds:
            session.run(train_op, feed)
            found.append(session.run(fetch))
    return found


def linear(start: Any = 1.0, dtype: str = "float64", name: str = "w") -> tuple[Any, Any, Any]:
    """A variable, a placeholder for its gradient, and a loss that has it."""
    w = tf.Variable(np.asarray(start, dtype), name=name)
    g = tf.placeholder(dtype, w.get_shape(), name=f"{name}_gradient")
    return w, g, tf.reduce_sum(w * g)


def executables(session: Any, train_op: Any) -> int:
    """How many executables a session has made for runs of a training op."""
    return sum(len(signature._runners) for signature in session._signatures.values() if train_op in signature._fetches.elements)


def found_with(*chosen: Any, start: Any = (1.0, -2.0), gradient: Any = (3.0, 4.0), steps: int = 1) -> np.ndarray:
    """The weights after steps of gradient descent at rate 1 with these stages."""
    with tf.Graph().as_default():
        w, g, loss = linear(start)
        train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=chosen)
        found: np.ndarray = trained(train_op, [{g: gradient}] * steps, w)[-1]
    return found


# Each optimizer of `tf.train` made of a learning rate alone.
RATE_OPTIMIZERS: dict[str, Any] = {
    "SGD": tf.train.GradientDescentOptimizer,
    "Momentum": lambda rate: tf.train.MomentumOptimizer(rate, 0.9),
    "ProximalGradientDescent": tf.train.ProximalGradientDescentOptimizer,
    "Adagrad": tf.train.AdagradOptimizer,
    "ProximalAdagrad": tf.train.ProximalAdagradOptimizer,
    "AdagradDA": lambda rate: tf.train.AdagradDAOptimizer(rate, tf.train.get_or_create_global_step()),
    "Adadelta": tf.train.AdadeltaOptimizer,
    "Adam": tf.train.AdamOptimizer,
    "Ftrl": tf.train.FtrlOptimizer,
    "RMSProp": tf.train.RMSPropOptimizer,
}
