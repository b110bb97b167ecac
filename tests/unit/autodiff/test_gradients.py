"""`tf.gradients`: which paths count, how contributions add up, names, sparse rows, options and errors."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.ir.opdef import REGISTRY, define_op


def run(fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed)


@pytest.fixture
def x():
    return tf.placeholder(tf.float32, [], name="x")


# --- paths -------------------------------------------------------------------------------------------------------------------


def test_contributions_add_up(x):
    y = x * x + tf.exp(x) * x
    assert run(tf.gradients(y, x)[0], {x: 1.0}) == pytest.approx(2 + 2 * np.e)


def test_several_ys_are_summed_and_several_xs_stand_side_by_side(x):
    w = tf.constant(3.0)
    dx, dw = tf.gradients([x * w, x * x], [x, w])
    assert run([dx, dw], {x: 2.0}) == [7.0, 2.0]


def test_a_tensor_by_itself(x):
    assert run(tf.gradients(x, x)[0], {x: 5.0}) == 1.0


def test_orders(x):
    y = x**4.0
    found = []
    for _ in range(3):
        (y,) = tf.gradients(y, x)
        found.append(y)
    assert run(found, {x: 2.0}) == [32.0, 48.0, 48.0]


def test_what_does_not_depend(x):
    other = tf.constant(1.0)
    assert tf.gradients(x * 2.0, [other]) == [None]
    zero = tf.gradients(x * 2.0, [other, x], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert run(zero, {x: 1.0}) == [0.0, 2.0]


@pytest.mark.parametrize(
    "blocked",
    [tf.stop_gradient, lambda t: tf.cast(tf.cast(t, tf.int32), tf.float32), lambda t: tf.cast(t > 0.0, tf.float32), tf.ones_like],
    ids=["stop_gradient", "integers", "comparison", "ones_like"],
)
def test_what_stops_a_path(x, blocked):
    assert tf.gradients(blocked(x * x), x) == [None]


def test_stopped_tensors_receive_gradients_but_do_not_pass_them_on():
    a = tf.constant(0.0)
    b = 2.0 * a
    assert run(tf.gradients(a + b, [a, b])) == [3.0, 1.0]
    assert run(tf.gradients(a + b, [a, b], stop_gradients=[a, b])) == [1.0, 1.0]
    assert run(tf.gradients(a + b, [a, b], stop_gradients=a)) == [3.0, 1.0]


def test_broadcast_operands_are_summed_back():
    x, b = tf.placeholder(tf.float32, [None, 3]), tf.constant([1.0, 2.0, 3.0])
    db, ds = tf.gradients(x * b * tf.constant(2.0), [b, x])
    found = run([db, ds], {x: [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]})
    assert [v.tolist() for v in found] == [[6.0, 6.0, 6.0], [[2.0, 4.0, 6.0], [2.0, 4.0, 6.0]]]


def test_an_op_with_several_results_and_gradients_for_some():
    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    first, _ = tf.split(x, 2)
    assert run(tf.gradients(first * first, x)[0]).tolist() == [2.0, 4.0, 0.0, 0.0]


# --- start -------------------------------------------------------------------------------------------------------------------


def test_given_gradients(x):
    y, z = x * 2.0, x * 3.0
    assert run(tf.gradients([y, z], x, grad_ys=[10.0, None])[0], {x: 1.0}) == 23.0
    assert run(tf.gradients(y, x, grad_ys=tf.constant(5.0))[0], {x: 1.0}) == 10.0
    rows = tf.IndexedSlices(tf.constant([7.0]), tf.constant([1]), tf.constant([2]))
    w = tf.constant([1.0, 1.0])
    assert run(tf.gradients(w * 2.0, w, grad_ys=rows)[0]).tolist() == [0.0, 14.0]


def test_names(graph, x):
    tf.gradients(tf.exp(x, name="y"), x)
    names = [op.name for op in graph.get_operations() if op.name.startswith("gradients")]
    assert "gradients/grad_ys_0" in names
    assert any(name.startswith("gradients/y_grad/") for name in names)
    (slope,) = tf.gradients(x * x, x, name="slope")
    assert slope.name.startswith("slope/")


# --- variables and sparse rows -------------------------------------------------------------------------------------------------


def test_variables():
    v = tf.Variable([1.0, 2.0])
    assert run(tf.gradients(tf.reduce_sum(v * v), v)[0]).tolist() == [2.0, 4.0]
    assert run(tf.gradients(tf.reduce_sum(v * v), [v, v.value()])[0]).tolist() == [2.0, 4.0]


def test_rows_stay_sparse_until_they_meet_a_dense_gradient():
    table = tf.Variable([[1.0], [2.0], [3.0]])
    rows = tf.gather(table, [2, 0, 2])
    (sparse,) = tf.gradients(rows * 2.0, table)
    assert isinstance(sparse, tf.IndexedSlices)
    found = run([sparse.values, sparse.indices, tf.convert_to_tensor(sparse)])
    assert [v.tolist() for v in found] == [[[2.0], [2.0], [2.0]], [2, 0, 2], [[2.0], [0.0], [4.0]]]
    (joined,) = tf.gradients([rows, tf.gather(table, [1])], table)
    assert run([joined.values, joined.indices])[1].tolist() == [1, 2, 0, 2]
    (mixed,) = tf.gradients([rows, table * 10.0], table)
    assert run(mixed).tolist() == [[11.0], [10.0], [12.0]]


def test_slices_without_a_shape():
    loose = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    with pytest.raises(ValueError, match="Tensor conversion requested for IndexedSlices without dense_shape: IndexedSlices"):
        tf.convert_to_tensor(loose)
    negative = -loose
    assert (negative.indices, negative.dense_shape, negative.dtype) == (loose.indices, None, tf.float32)
    assert run(negative.values).tolist() == [-1.0]


# --- hessians and registered gradients -----------------------------------------------------------------------------------------


def test_hessians():
    x = tf.constant([1.0, 2.0])
    assert run(tf.hessians(tf.reduce_sum(x * x * x) + x[0] * x[1], x)[0]).tolist() == [[6.0, 1.0], [1.0, 12.0]]


@tf.RegisterGradient("TestTwiceTheGradient")
def _twice(op, grad):
    assert op.type == "Square"
    return grad * 2.0


@tf.RegisterGradient("TestWrongCount")
def _wrong_count(op, grad):
    return grad, grad


@tf.RegisterGradient("TestWrongShape")
def _wrong_shape(op, grad):
    return tf.zeros([7])


def test_a_registered_gradient(graph, x):
    with graph.gradient_override_map({"Square": "TestTwiceTheGradient"}):
        y = tf.square(x)
    z = tf.square(x)
    assert run(tf.gradients([y, z], x)[0], {x: 3.0}) == 8.0
    assert run(tf.gradients(tf.gradients(y * x, x)[0], x)[0], {x: 3.0}) == 4.0


def test_the_gradient_of_a_python_function(graph, x):
    @tf.RegisterGradient("TestOfPython")
    def _slope(op, grad):
        return grad * op.inputs[0] * 2.0

    with graph.gradient_override_map({"PyFunc": "TestOfPython"}):
        y = tf.py_func(np.square, [x], tf.float32)
    assert run(tf.gradients(y, x)[0], {x: 3.0}) == 6.0


def test_a_type_without_gradient_by_nature(x):
    assert tf.gradients(tf.cast(tf.argmax(tf.stack([x, x])), tf.float32), x) == [None]


@pytest.fixture
def without_rule():
    op = define_op(
        "without_rule(x: float) -> like(x)", kernel=lambda xp, x: x, tf_name="WithoutRule", doc="An op whose gradient nobody wrote."
    )
    yield op
    del REGISTRY["without_rule"]


def test_a_missing_gradient_and_what_registers_one(without_rule, graph, x):
    y = without_rule(x, name="y")
    with pytest.raises(LookupError, match=re.escape("No gradient defined for operation 'y' (op type: WithoutRule)")):
        tf.gradients(y, x)
    with graph.gradient_override_map({"Square": "TestNobodyRegistered"}):
        z = tf.square(x, name="z")
    with pytest.raises(LookupError, match=re.escape("No gradient defined for operation 'z' (op type: Square)")):
        tf.gradients(z, x)
    tf.NotDifferentiable("WithoutRule")
    assert tf.gradients(y, x) == [None]


# --- errors --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda x: tf.gradients([x, x], x, grad_ys=[x]), ValueError, "Passed 1 grad_ys for 2 ys"),
        (lambda x: tf.gradients(x, x, unconnected_gradients="maybe"), ValueError, "Unknown value for unconnected_gradients: 'maybe'"),
        (lambda x: tf.gradients(x, x, aggregation_method=7), ValueError, "Invalid aggregation_method specified 7."),
        (lambda x: tf.gradients(tf.constant(1), x), TypeError, "Gradients of int32 tensors must set grad_ys: 'Const:0' made at"),
        (lambda x: tf.RegisterGradient(3), TypeError, "op_type must be a string"),
        (lambda x: tf.NotDifferentiable(3), TypeError, "op_type must be a string"),
        (
            lambda x: tf.RegisterGradient("TestWrongCount")(_twice),
            KeyError,
            "Registering two gradient with name 'TestWrongCount'! (Previous registration was in test_gradients.py:",
        ),
        (
            lambda x: tf.RegisterGradient("Square")(_twice),
            KeyError,
            "Registering two gradient with name 'Square'! (Previous registration was in the block of",
        ),
        (lambda x: tf.NoGradient("MatMul"), KeyError, "Registering two gradient with name 'MatMul'!"),
    ],
)
def test_what_is_refused(x, make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make(x)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TestWrongCount", "Num gradients 2 generated for op y do not match num inputs 1"),
        ("TestWrongShape", "Incompatible shapes between op input and calculated input gradient."),
    ],
)
def test_registered_gradients_that_do_not_fit(graph, x, name, message):
    with graph.gradient_override_map({"Square": name}):
        y = tf.square(x, name="y")
    with pytest.raises(ValueError, match=re.escape(message)):
        tf.gradients(y, x)
