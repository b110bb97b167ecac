"""What the rules, the discharge and the backend refuse."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt import dtypes
from graphopt.backends.numpy_plan.steps import kernel_of
from graphopt.compiler.pattern import pattern_of
from graphopt.compiler.rewrite import RULES, Rule, apply_rules, rule
from graphopt.ir.node import Node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ops.branch import captured
from graphopt.ops.elementwise import add, negative, tanh
from graphopt.ops.state import assign

X = input_node("feed", "x", TensorType(dtypes.float32, (2,)))


def test_a_rule_of_an_unknown_class() -> None:
    with pytest.raises(ValueError, match="Unknown numerical class 'roughly'; one of "):
        rule("a rule for this test", "roughly", lambda x: negative(negative(x)), lambda x: x)


def test_a_rule_of_a_name_that_is_taken() -> None:
    with pytest.raises(ValueError, match=f"Rule '{re.escape(RULES[0].name)}' is defined twice"):
        rule(RULES[0].name, "exact", lambda x: negative(negative(x)), lambda x: x)


def test_rules_that_never_come_to_an_end() -> None:
    around = Rule("around", "exact", pattern_of(lambda x, y: add(x, y)), lambda x, y: add(y, x), ("x", "y"))
    program = Program([Output("fetch", "y:0", add(X, tanh(X)))])
    with pytest.raises(RecursionError, match="Rules keep rewriting "):
        apply_rules(program, [around])


def test_an_op_without_a_kernel() -> None:
    node = Node(assign, (X, X), {"validate_shape": True}, (X.tensor_type,))
    with pytest.raises(TypeError, match="Op 'assign' has no kernel for numpy"):
        kernel_of(node)


def test_a_variable_of_another_shape_than_the_assigned_value() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable([1.0, 2.0])
        x = tf.placeholder(tf.float32, None)
        step = tf.assign(w, x)
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"Assign requires shapes of both tensors to match. lhs shape= \[2\] rhs shape= \[3\]"
        ):
            session.run(step, {x: np.zeros(3)})


def test_operands_that_turn_out_not_to_fit() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Incompatible shapes: \[2\] vs. \[3\]") as caught:
            session.run(x + y, {x: np.zeros(2), y: np.zeros(3)})
    assert caught.value.op.type == "Add"


def test_a_captured_tensor_has_no_value_outside_of_its_branch() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(tf.errors.InternalError, match="A captured tensor has no value outside of its branch"):
            session.run(captured(dtype=tf.float32, shape=(2,)))


def test_the_message_names_the_sizes_that_were_fed() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, n = tf.placeholder(tf.float32, None), tf.placeholder(tf.int32, [1])
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Incompatible shapes: \[2, 3\] vs. \[4\]"):
            session.run(tf.broadcast_to(x, n), {x: np.zeros((2, 3)), n: [4]})
        computed = n * 1
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"Cannot broadcast f32\[2,3\] to \[\?\]"):
            session.run(tf.broadcast_to(x, computed), {x: np.zeros((2, 3)), n: [4]})


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (lambda w, x: tf.assign(w, x), r"Assign requires shapes of both tensors to match. lhs shape= \[2\] rhs shape= \[3\]"),
        (lambda w, x: tf.matmul(x, x), "Shape must be at least rank 2 but is rank 1"),
        (
            lambda w, x: tf.train.GradientDescentOptimizer(x).apply_gradients([(tf.zeros([2]), w)]),
            r"alpha is not a scalar: \[3\]",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_found_by_the_discharge(step, text):
    """The shape of what is read is hidden while recording; the program knows what was written."""
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable([1.0, 2.0])
        loose = tf.Variable([1.0], validate_shape=False)
        written = tf.assign(loose, [1.0, 2.0, 3.0], validate_shape=False)
        with tf.control_dependencies([written]):
            operation = step(w, loose.read_value())
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=text) as caught:
            session.run(operation)
        assert caught.value.op is not None
        assert session.run(loose).tolist() == [1.0]
