"""What optimizers refuse, while recording and while running."""

from collections.abc import Callable
from typing import Any

import pytest

import graphopt as tf


def sgd(rate: Any = 0.5, **options: Any) -> Any:
    return tf.train.GradientDescentOptimizer(rate, **options)


def vector(name: str = "w", **options: Any) -> Any:
    return tf.get_variable(name, initializer=tf.constant([1.0, 2.0]), **options)


CAPPED = {"constraint": lambda v: tf.clip_by_value(v, 0.0, 1.0)}
REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "no name": (ValueError, "Must specify the optimizer name", lambda: sgd(name="")),
    "gate": (
        ValueError,
        "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, Optimizer.GATE_GRAPH.  Not 7",
        lambda: sgd().compute_gradients(vector() * 1.0, gate_gradients=7),
    ),
    "integer loss": (
        ValueError,
        "Invalid type tf.int32 for Const:0, expected: [tf.float16, tf.float32, tf.float64].",
        lambda: sgd().minimize(tf.constant(3)),
    ),
    "integer grad_loss": (
        ValueError,
        "Invalid type tf.int32 for one:0",
        lambda: sgd().minimize(vector() * 1.0, grad_loss=tf.constant(1, name="one")),
    ),
    "nothing to optimize": (ValueError, "No variables to optimize.", lambda: sgd().minimize(tf.constant(1.0))),
    "empty list": (ValueError, "No variables to optimize.", lambda: sgd().minimize(vector() * 1.0, var_list=[])),
    "not a variable": (
        NotImplementedError,
        "('Trying to optimize unsupported type ', 3)",
        lambda: sgd().minimize(vector() * 1.0, var_list=[3]),
    ),
    "not connected": (
        ValueError,
        "No gradients provided for any variable, check your graph for ops that do not support gradients, between variables",
        lambda: sgd().minimize(tf.constant(1.0), var_list=[vector()]),
    ),
    "no pairs": (ValueError, "No variables provided.", lambda: sgd().apply_gradients([])),
    "all None": (
        ValueError,
        "No gradients provided for any variable: [\"<tf.Variable 'w:0' shape=(2,) dtype=float32",
        lambda: sgd().apply_gradients([(None, vector())]),
    ),
    "not a gradient": (
        TypeError,
        "Gradient must be convertible to a Tensor or IndexedSlices, or None: <object",
        lambda: sgd().apply_gradients([(object(), vector())]),
    ),
    "update of a tensor": (
        NotImplementedError,
        "Trying to update a Tensor ",
        lambda: sgd().apply_gradients([(tf.constant(1.0), tf.constant(1.0))]),
    ),
    "constraint on rows": (
        RuntimeError,
        "Cannot use a constraint function on a sparse variable.",
        lambda: sgd().minimize(tf.reduce_sum(tf.gather(vector(**CAPPED), [0]))),
    ),
    "step that is a constant": (
        AttributeError,
        "assign_add",
        lambda: sgd().minimize(tf.reduce_sum(vector()), global_step=tf.constant(1)),
    ),
    "shape of the gradient": (
        ValueError,
        "var and delta do not have the same shape[2] [3]",
        lambda: sgd().apply_gradients([(tf.constant([1.0, 2.0, 3.0]), vector())]),
    ),
    "shape of a hyper-parameter": (
        ValueError,
        "learning_rate is not a scalar: Const:0 has shape (1,)",
        lambda: sgd(tf.constant([0.1])).minimize(tf.reduce_sum(vector())),
    ),
    "rows of a scalar": (
        ValueError,
        "var must be at least 1 dimensional",
        lambda: tf.train.AdagradOptimizer(0.1).apply_gradients(
            [(tf.IndexedSlices(tf.constant([1.0]), tf.constant([0])), tf.get_variable("s", []))]
        ),
    ),
    "size of rows": (
        ValueError,
        "var and grad must match in dimension 1",
        lambda: tf.train.AdagradOptimizer(0.1).apply_gradients(
            [(tf.IndexedSlices(tf.constant([[1.0, 2.0]]), tf.constant([0])), tf.get_variable("m", [2, 3]))]
        ),
    ),
    "matrix of indices": (
        ValueError,
        "indices must be one-dimensional",
        lambda: tf.train.AdagradOptimizer(0.1).apply_gradients([(tf.IndexedSlices(tf.constant([1.0]), tf.constant([[0]])), vector())]),
    ),
    "Adagrad start": (ValueError, "initial_accumulator_value must be positive: 0.0", lambda: tf.train.AdagradOptimizer(0.1, 0.0)),
    "ProximalAdagrad start": (
        ValueError,
        "initial_accumulator_value must be positive: -1.0",
        lambda: tf.train.ProximalAdagradOptimizer(0.1, -1.0),
    ),
    "AdagradDA start": (
        ValueError,
        "initial_gradient_squared_accumulator_value must be positive: 0.0",
        lambda: tf.train.AdagradDAOptimizer(0.1, None, 0.0),
    ),
    "Ftrl start": (
        ValueError,
        "initial_accumulator_value -1.000000 needs to be positive or zero",
        lambda: tf.train.FtrlOptimizer(0.1, initial_accumulator_value=-1.0),
    ),
    "Ftrl power": (ValueError, "learning_rate_power 0.500000 needs to be negative or zero", lambda: tf.train.FtrlOptimizer(0.1, 0.5)),
    "Ftrl l1": (
        ValueError,
        "l1_regularization_strength -0.500000 needs to be positive or zero",
        lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=-0.5),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_while_recording(case: str) -> None:
    kind, text, action = REFUSED[case]
    with pytest.raises(kind) as caught:
        action()
    assert text in str(caught.value)


def run_time(gradient: Any, w: Any, feed: dict[Any, Any], opt: Any) -> str:
    """The message of the error that one step raises; nothing may have changed."""
    train = opt.apply_gradients([(gradient, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = [session.run(v).tolist() for v in tf.global_variables()]
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            session.run(train, feed)
        assert caught.value.op is not None
        assert [session.run(v).tolist() for v in tf.global_variables()] == before
    return str(caught.value.message)


def test_refused_while_running() -> None:
    w = vector()
    unknown = tf.placeholder(tf.float32)
    assert run_time(unknown, w, {unknown: [1.0, 2.0, 3.0]}, tf.train.AdamOptimizer()) == "var and grad do not have the same shape[2] [3]"
    rate = tf.placeholder(tf.float32)
    assert run_time(tf.constant([1.0, 1.0]), w, {rate: [0.1]}, sgd(rate)) == "alpha is not a scalar: [1]"


@pytest.mark.parametrize(
    ("index", "text"), [(2, "Index 2 at offset 1 in indices is out of range"), (-1, "Index -1 at offset 1 in indices is out of range")]
)
def test_index_out_of_range(index: int, text: str) -> None:
    w = vector()
    indices = tf.placeholder(tf.int32, [2])
    gradient = tf.IndexedSlices(tf.constant([1.0, 1.0]), indices)
    assert run_time(gradient, w, {indices: [0, index]}, tf.train.MomentumOptimizer(0.1, 0.9)) == text


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("learning_rate", 0.0, "lr is not a positive scalar: []"),
        ("l1_regularization_strength", -1.0, "l1 regularization strength is not a non-negative scalar: []"),
        ("l2_regularization_strength", -1.0, "l2 regularization strength is not a non-negative scalar: []"),
        ("l2_shrinkage_regularization_strength", -1.0, "l2 shrinkage regularization strength is not a non-negative scalar: []"),
        ("learning_rate_power", 0.5, "lr_power is not a non-positive scalar: []"),
    ],
)
def test_ftrl_checks_its_hyper_parameters_while_running(option: str, value: float, text: str) -> None:
    given = tf.placeholder(tf.float32, [])
    options = {"learning_rate": 0.1, option: given}
    assert run_time(tf.constant([1.0, 1.0]), vector(), {given: value}, tf.train.FtrlOptimizer(**options)) == text


def test_uninitialised_variables() -> None:
    w = vector()
    train = tf.train.MomentumOptimizer(0.1, 0.9).apply_gradients([(tf.constant([1.0, 1.0]), w)])
    with tf.Session() as session:
        session.run(w.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value w/Momentum"):
            session.run(train)
