"""What recording, running and training refuse in rarer cases."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.ir.opdef import REGISTRY, define_op
from graphopt.ops.elementwise import add, tanh
from graphopt.tf1.platform import FLAGS


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as fresh:
        yield fresh


class Bare(tf.train.Optimizer):
    """Defines no update."""

    def __init__(self) -> None:
        super().__init__(use_locking=False, name="Bare")

    def update_dense(self) -> Any:
        return self._resource_apply_dense(tf.constant([1.0]), tf.Variable([1.0]))

    def update_sparse(self) -> Any:
        return self._resource_apply_sparse(tf.constant([1.0]), tf.Variable([1.0]), tf.constant([0]))


def _train_by(optimizer: Any) -> Any:
    loss = tf.square(tf.Variable(1.0))
    return tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, optimizer)


def _run(fetch: Any, feed: Any) -> Any:
    with tf.Session() as session:
        return session.run(fetch, feed)


def _fed(dtype: Any, value: Any) -> Any:
    x = tf.placeholder(dtype, None, name="x")
    return _run(x, {x: value})


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (
            lambda: add(tf.constant(1.0), np.add),
            TypeError,
            "Cannot convert <ufunc 'add'> with type <class 'numpy.ufunc'> to Tensor: no Tensor conversion function registered.",
        ),
        (lambda: _fed(tf.float32, "a"), ValueError, "Cannot feed str for Tensor 'x:0' of type float32: could not convert"),
        (
            lambda: _run(tf.constant(1.0), {(tf.constant(1.0), tf.constant(2.0)): (1.0,)}),
            TypeError,
            "needs as many values, got (1.0,)",
        ),
        (Bare().update_dense, NotImplementedError, "Bare does not define _resource_apply_dense"),
        (Bare().update_sparse, NotImplementedError, "Bare does not define _resource_apply_sparse"),
        (
            lambda: _train_by(3),
            ValueError,
            "Unrecognized optimizer: should be string, subclass of Optimizer, instance of subclass of Optimizer or function with",
        ),
        (lambda: setattr(FLAGS, "no_such_flag", 1), AttributeError, "There is no flag 'no_such_flag'."),
        (lambda: FLAGS.no_such_flag, AttributeError, "no_such_flag"),
        (
            lambda: tf.while_loop(lambda x: x < 3.0, lambda x: x + 1.0, [tf.constant(1.0)], shape_invariants=[tf.TensorShape([2])]),
            ValueError,
            "The shape invariant specified for Const:0 is not compatible with the initial shape of the loop variable.",
        ),
    ],
)
def test_refused(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)


def test_a_gradient_rule_of_too_many_results() -> None:
    op = define_op("one_rule_too_many(x: float) -> like(x)", kernel=lambda xp, x: x, vjp=lambda g, out, x: (g, g), doc="Do nothing.")
    try:
        x = tf.constant(1.0)
        with pytest.raises(ValueError, match=r"Num gradients 2 generated for op .* do not match num inputs 1"):
            tf.gradients(op(tanh(x)), x)
    finally:
        del REGISTRY[op.name]


def test_a_step_that_fails_while_it_is_timed() -> None:
    x = tf.placeholder(tf.float32, [2])
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with (
        tf.Session() as session,
        pytest.raises(tf.errors.InvalidArgumentError, match="not a number here : Tensor had NaN values") as caught,
    ):
        session.run(tf.check_numerics(x, "not a number here"), {x: [np.nan, 1.0]}, options=options, run_metadata=tf.RunMetadata())
    assert caught.value.op.type == "CheckNumerics"
