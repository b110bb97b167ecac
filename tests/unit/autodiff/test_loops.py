"""`while_loop`, `map_fn`, `scan`, `foldl`, `foldr`: values, effects, gradients of any order, errors."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.config import override

X = np.float32([0.5, 1.0, 1.5])


@pytest.fixture(autouse=True)
def verified():
    with override(verify=True):
        yield


@pytest.fixture
def x():
    return tf.placeholder(tf.float32, [3], name="x")


def run(fetches, feed=None, times=1):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            values = session.run(fetches, feed)
    return values


# --- values ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("n", [0, 1, 5])
def test_counting(n, times):
    limit = tf.placeholder(tf.int32, [])
    i, total = tf.while_loop(lambda i, t: i < limit, lambda i, t: (i + 1, t + i), [0, 0])
    assert (i.name, total.name) == ("while/Exit:0", "while/Exit_1:0")
    assert run([i, total], {limit: n}, times) == [n, n * (n - 1) // 2]


def test_structures():
    single = tf.while_loop(lambda v: v < 10.0, lambda v: v * 2.0, [1.0])
    kept = tf.while_loop(lambda v: v < 10.0, lambda v: [v * 2.0], [1.0], return_same_structure=True)
    bare = tf.while_loop(lambda v: v < 10.0, lambda v: v * 2.0, tf.constant(1.0))
    nested = tf.while_loop(lambda a, b: a[0] < 3, lambda a, b: [(a[0] + 1, a[1] * 2.0), {"k": b["k"] - 1.0}], [(0, 1.0), {"k": 0.0}])
    assert isinstance(single, tf.Tensor)
    assert isinstance(bare, tf.Tensor)
    assert isinstance(kept, list)
    assert run([single, bare, kept[0]]) == [16.0, 16.0, 16.0]
    assert run(nested) == [(3, 8.0), {"k": -3.0}]


def test_maximum_iterations():
    body = lambda v: v + 1.0  # noqa: E731
    assert run(tf.while_loop(lambda v: v < 100.0, body, [0.0], maximum_iterations=4)) == 4.0
    assert run(tf.while_loop(lambda v: v < 2.0, body, [0.0], maximum_iterations=tf.constant(4))) == 2.0
    assert run(tf.while_loop(lambda a, b: True, lambda a, b: (b, a), (1, 2), maximum_iterations=3)) == (2, 1)


def test_captured_tensors_and_variables(x):
    w = tf.Variable([1.0, 2.0, 3.0])
    y = tf.while_loop(lambda i, v: tf.reduce_sum(w) * 0.0 + 3.0 > tf.to_float(i), lambda i, v: (i + 1, v * w), [0, x])[1]
    assert run(y, {x: X}, 5) == pytest.approx(X * np.float32([1.0, 8.0, 27.0]))


def test_shapes_that_change(x):
    _, y = tf.while_loop(
        lambda i, v: i < 2,
        lambda i, v: (i + 1, tf.concat([v, v], 0)),
        [0, x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )
    assert y.shape.as_list() == [None]
    assert run(tf.reduce_sum(y * 2.0), {x: X}) == 24.0


def test_shapes_that_are_known_late():
    x = tf.placeholder(tf.float32, [None, None])
    y = tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, tf.nn.softmax(v)), [0, x])[1]
    assert run(y, {x: [[1.0, 1.0]]}).tolist() == [[0.5, 0.5]]


def test_loops_and_branches_nest(x):
    def body(i, v):
        inner = tf.while_loop(lambda j, u: j < i, lambda j, u: (j + 1, u + 1.0), [0, v])[1]
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: inner * 2.0, lambda: inner)

    y = tf.while_loop(lambda i, v: i < 4, body, [0, x])[1]
    expected = X
    for i in range(4):
        expected = (expected + i) * (2 if i % 2 == 0 else 1)
    assert run(y, {x: X}) == pytest.approx(expected)
    assert run(tf.gradients(y, x)[0], {x: X}).tolist() == [4.0] * 3
    p = tf.placeholder(tf.bool, [])
    z = tf.cond(p, lambda: tf.while_loop(lambda v: tf.reduce_sum(v) < 20.0, lambda v: v * 2.0, [x]), lambda: x)
    assert run([z, tf.gradients(z, x)[0]], {p: True, x: X})[1].tolist() == [8.0] * 3


# --- effects -----------------------------------------------------------------------------------------------------------------


def test_writes_go_from_turn_to_turn():
    v = tf.Variable(1.0)

    def body(i):
        with tf.control_dependencies([v.assign(v * 2.0)]):
            return i + 1

    n = tf.placeholder(tf.int32, [])
    last = tf.while_loop(lambda i: i < n, body, [0])
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run([last, v], {n: 3}) == [3, 8.0]
        assert session.run([last, v], {n: 0}) == [0, 8.0]
        assert session.run([last, v], {n: 1}) == [1, 16.0]


def test_a_variable_that_the_body_alone_writes_may_have_no_value():
    v = tf.Variable(1.0, name="v")
    n = tf.placeholder(tf.int32, [])
    last = tf.while_loop(lambda i: i < n, lambda i: tf.to_int32(v.assign(tf.to_float(i) + 1.0)), [0])
    with tf.Session() as session:
        assert session.run(last, {n: 0}) == 0
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"):
            session.run(v)
        assert session.run([last, v], {n: 3}) == [3, 3.0]


def test_random_numbers_and_actions_of_each_turn(capfd):
    def body(i, v):
        drawn = tf.random_uniform([], seed=3)
        return tf.Print(i, [i], "turn ") + 1, v + drawn

    total = tf.while_loop(lambda i, v: i < 3, body, [0, 0.0])
    plain = tf.random_uniform([], seed=3)
    with tf.Session() as session:
        _, found = session.run(total)
        assert found == pytest.approx(sum(session.run(plain) for _ in range(3)))
    assert capfd.readouterr().err == "turn [0]\nturn [1]\nturn [2]\n"


def test_a_check_in_a_turn():
    def body(i):
        with tf.control_dependencies([tf.Assert(i < 2, ["too far", i])]):
            return i + 1

    with pytest.raises(tf.errors.InvalidArgumentError, match=r"assertion failed: \[too far\] \[2\]"):
        run(tf.while_loop(lambda i: i < 5, body, [0]))


def test_a_condition_changes_nothing():
    v = tf.Variable(1.0)
    y = tf.while_loop(lambda i: v.assign_add(1.0) < 5.0, lambda i: i + 1, [0])
    with pytest.raises(NotImplementedError, match=r"The condition of a while_loop must not change anything: Variable."):
        run(y)
    z = tf.while_loop(lambda i: tf.Print(i, [i]) < 5, lambda i: i + 1, [0])
    with pytest.raises(NotImplementedError, match=r"The condition of a while_loop must not change anything: an action."):
        run(z)


# --- gradients ---------------------------------------------------------------------------------------------------------------


def unrolled(step, x, times):
    for _ in range(times):
        x = step(x)
    return x


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_gradients_of_three_orders_are_those_of_the_unrolled_loop(x, turns):
    w = tf.Variable([1.0, 1.2, 0.8])
    n = tf.placeholder(tf.int32, [])
    step = lambda v: tf.sin(v * w) * v  # noqa: E731
    pairs = [(tf.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, step(v)), [0, x])[1], unrolled(step, x, turns))]
    for _ in range(3):
        looped, plain = pairs[-1]
        pairs.append((tf.gradients(looped, x)[0], tf.gradients(plain, x, unconnected_gradients="zero")[0]))
    pairs.append((tf.gradients(pairs[0][0], w)[0], tf.gradients(pairs[0][1], w, unconnected_gradients="zero")[0]))
    pairs.append((tf.gradients(pairs[1][0], w)[0], tf.gradients(pairs[1][1], w, unconnected_gradients="zero")[0]))
    for found, wanted in run([list(pair) for pair in pairs], {x: X, n: turns}):
        assert found == pytest.approx(wanted, rel=2e-3, abs=1e-4)


def test_random_numbers_are_not_drawn_again_for_the_gradient(x):
    def body(i, v):
        return i + 1, v * tf.random_uniform([3], 0.5, 1.5)

    y = tf.while_loop(lambda i, v: i < 4, body, [0, x])[1]
    for _ in range(2):
        value, slope = run([y, tf.gradients(y, x)[0]], {x: X})
        assert value == pytest.approx(slope * X, rel=1e-5)


def test_rows_that_a_body_gathers():
    table = tf.Variable([[1.0], [2.0], [3.0]])
    total = tf.while_loop(lambda i, t: i < 2, lambda i, t: (i + 1, t + tf.reduce_sum(tf.gather(table, [i, i + 1]))), [0, 0.0])[1]
    assert run(tf.gradients(total, table)[0]).tolist() == [[1.0], [2.0], [1.0]]


def test_what_does_not_depend_and_what_is_held_back(x):
    other = tf.constant(2.0)
    y = tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, v * 2.0), [0, x])[1]
    assert tf.gradients(y, other) == [None]
    z = tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, v * 2.0), [0, x], back_prop=False)[1]
    assert tf.gradients(z, x) == [None]


def test_the_gradient_of_a_shape_that_changes(x):
    y = tf.while_loop(lambda i, v: i < 2, lambda i, v: (i + 1, tf.concat([v, v], 0)), [0, x], shape_invariants=[[], [None]])[1]
    slope = tf.gradients(y, x)[0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"or keeps of it for its gradient, must have one shape: got \[3\] and \[6\]."):
        run(slope, {x: X})


# --- loops over rows -----------------------------------------------------------------------------------------------------------


def test_map_fn():
    m = tf.placeholder(tf.float32, [None, 2])
    known = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y = tf.map_fn(lambda row: row * row, m)
    both = tf.map_fn(lambda p: (p[0] * 2.0, tf.reduce_sum(p[1])), (known, known), dtype=(tf.float32, tf.float32))
    counts = tf.map_fn(lambda i: tf.to_float(i) * 0.5, tf.constant([1, 2]), dtype=tf.float32)
    assert [t.shape.as_list() for t in (y, *both, counts)] == [[None, 2], [3, 2], [3], [2]]
    assert run(y, {m: [[1.0, 2.0]]}).tolist() == [[1.0, 4.0]]
    assert run(y, {m: np.zeros((0, 2))}).shape == (0, 2)
    assert run(both[1]).tolist() == [3.0, 7.0, 11.0]
    assert run(counts).tolist() == [0.5, 1.0]
    assert run(tf.gradients(y, m)[0], {m: [[1.0, 2.0]]}).tolist() == [[2.0, 4.0]]


def test_scan():
    x = tf.constant([1.0, 2.0, 3.0])
    add = lambda total, v: total + v  # noqa: E731
    found = run([tf.scan(add, x), tf.scan(add, x, 10.0), tf.scan(add, x, reverse=True), tf.scan(add, x, 10.0, reverse=True)])
    assert [v.tolist() for v in found] == [[1.0, 3.0, 6.0], [11.0, 13.0, 16.0], [6.0, 5.0, 3.0], [16.0, 15.0, 13.0]]
    pair = tf.scan(lambda a, v: (a[0] + v, a[1] * v), x, (0.0, 1.0))
    assert [v.tolist() for v in run(pair)] == [[1.0, 3.0, 6.0], [1.0, 2.0, 6.0]]
    assert run(tf.gradients(tf.scan(lambda a, v: a * v, x), x)[0]).tolist() == [1.0 + 2.0 + 6.0, 1.0 + 3.0, 2.0]


def test_folds():
    x = tf.constant([1.0, 2.0, 3.0])
    step = lambda a, v: 2.0 * a + v  # noqa: E731
    assert run([tf.foldl(step, x), tf.foldl(step, x, 1.0), tf.foldr(step, x), tf.foldr(step, x, 1.0)]) == [11.0, 19.0, 17.0, 25.0]
    assert run(tf.gradients(tf.foldl(step, x), x)[0]).tolist() == [4.0, 2.0, 1.0]
    assert tf.gradients(tf.foldl(step, x, back_prop=False), x) == [None]


# --- errors ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda x: tf.while_loop(x, lambda v: v, [x]), TypeError, "cond must be callable."),
        (lambda x: tf.while_loop(lambda v: True, x, [x]), TypeError, "body must be callable."),
        (lambda x: tf.while_loop(lambda: True, lambda: [], []), ValueError, "No loop variables provided."),
        (
            lambda x: tf.while_loop(lambda v: True, lambda v: v, [x], parallel_iterations=0),
            TypeError,
            "parallel_iterations must be a positive integer.",
        ),
        (
            lambda x: tf.while_loop(lambda v: v, lambda v: v, [x]),
            TypeError,
            "The condition of a while_loop must be a bool tensor, got float32.",
        ),
        (lambda x: tf.while_loop(lambda v: v > 0.0, lambda v: v, [x]), ValueError, "Shape must be rank 0 but is rank 1"),
        (
            lambda x: tf.while_loop(lambda v: True, lambda v: tf.to_int32(v), [x]),
            TypeError,
            "Loop variable x:0 enters the loop with type float32, but has type int32 after one iteration.",
        ),
        (
            lambda x: tf.while_loop(lambda v: True, lambda v: tf.concat([v, v], 0), [x]),
            ValueError,
            "The shape for x:0 is not an invariant for the loop. It enters the loop with shape (3,), but has shape (6,)",
        ),
        (
            lambda x: tf.while_loop(lambda v: True, lambda v: (v, v), [x]),
            ValueError,
            "The two structures don't have the same number of elements.",
        ),
        (
            lambda x: tf.while_loop(lambda v: True, lambda v: v, [x], [[None], []]),
            ValueError,
            "shape_invariants has 2 shapes for 1 loop variables.",
        ),
        (
            lambda x: tf.while_loop(lambda v: True, lambda v: v, [x], [tf.TensorShape([4])]),
            ValueError,
            "The shape invariant specified for x:0 is not compatible with the initial shape of the loop variable.",
        ),
        (lambda x: tf.map_fn(x, x), TypeError, "fn must be callable."),
        (lambda x: tf.scan(x, x), TypeError, "fn must be callable."),
        (lambda x: tf.foldl(x, x), TypeError, "fn must be callable."),
        (lambda x: tf.map_fn(lambda v: v, x[0]), ValueError, "elements in elems must be 1+ dimensional Tensors, not scalars: map_fn"),
        (lambda x: tf.foldr(lambda a, v: v, []), ValueError, "foldr needs at least one tensor in elems."),
        (lambda x: tf.map_fn(lambda v: (v, v), x), ValueError, "map_fn: fn gives 2 tensors where 1 were expected; see `dtype`."),
        (lambda x: tf.map_fn(lambda v: tf.to_int32(v), x), TypeError, "map_fn: fn gives int32 where float32 was expected; see `dtype`."),
        (lambda x: tf.scan(lambda a, v: tf.to_int32(v), x), TypeError, "but has type int32 after one iteration."),
    ],
)
def test_what_is_refused(x, make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make(x)
