"""Any feedable tensor may be fed; feeding a variable overrides its reads in that run."""

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def test_a_fed_tensor_cuts_what_it_would_need():
    x = tf.placeholder(tf.float32, [])
    y = x * 2.0
    z = y + 1.0
    with tf.Session() as session:
        assert session.run(z, {y: 10.0}) == 11.0
        assert session.run([z, y], {y: 3}) == [4.0, 3.0]
        assert session.run(z, {"mul:0": 5.0}) == 6.0


def test_constants_may_be_fed():
    c = tf.constant([1.0, 2.0])
    with tf.Session() as session:
        assert session.run(c * 2.0, {c: [5.0, 6.0]}).tolist() == [10.0, 12.0]


def test_feeding_a_variable_overrides_its_reads_but_not_its_value():
    v = tf.Variable(1.0)
    early = v * 2.0
    bump = tf.assign_add(v, 1.0)
    late = v * 3.0
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([early, late, v], {v: 100.0}) == [200.0, 300.0, 100.0]
        assert session.run(v) == 1.0
        session.run(bump.op, {v: 10.0})
        assert session.run(v) == 11.0


def test_an_uninitialised_variable_may_be_fed():
    v = tf.Variable(1.0)
    with tf.Session() as session:
        assert session.run(v + 1.0, {v: 4.0}) == 5.0


def test_a_fed_value_that_is_fetched_comes_back():
    x = tf.placeholder(tf.float32, [2])
    given = np.array([1.0, 2.0], np.float32)
    with tf.Session() as session:
        fetched = session.run(x, {x: given})
        assert fetched.tolist() == [1.0, 2.0]
        fetched[0] = 9.0
        assert given[0] == 1.0


def test_unknown_sizes_take_any_batch():
    x = tf.placeholder(tf.float32, [None, 2])
    total = tf.reduce_sum(x, 0) / tf.cast(tf.shape(x)[0], tf.float32)
    with tf.Session() as session:
        for rows in (1, 3, 7, 3, 3, 3, 3):
            assert session.run(total, {x: np.ones((rows, 2))}).tolist() == [1.0, 1.0]


def test_float64_is_converted_to_the_placeholder_type():
    x = tf.placeholder(tf.float32, [None])
    n = tf.placeholder(tf.int32, [])
    with tf.Session() as session:
        value = session.run(x * 1.0, {x: [1, 2]})
        assert value.dtype == np.float32
        assert session.run(n + 0, {n: 2.7}) == 2


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda x: {"nowhere:0": 1.0}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        (lambda x: {x.op.name: 1.0}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        (lambda x: {3: 1.0}, TypeError, "Cannot interpret feed_dict key as Tensor"),
        (lambda x: {x: x}, TypeError, "The value of a feed cannot be a tf.Tensor object"),
        (lambda x: {x: np.ones((3, 3))}, ValueError, r"Cannot feed value of shape \(3, 3\) for Tensor 'x:0', which has shape '\(2, 3\)'"),
        (lambda x: {x: "abc"}, ValueError, "Cannot feed str for Tensor 'x:0' of type float32"),
    ],
)
def test_bad_feeds_are_named(make, error, text):
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    y = x * 2.0
    with tf.Session() as session:
        with pytest.raises(error, match=text):
            session.run(y, make(x))
        assert session.run(y, {x: np.ones((2, 3))}).sum() == 12.0


def test_an_int_that_does_not_fit_is_refused():
    n = tf.placeholder(tf.int32, [])
    with tf.Session() as session, pytest.raises(TypeError, match=r"is not compatible with Tensor type tf\.int32\. Try explicitly setting"):
        session.run(n, {n: 2**40})


def test_sparse_slices_and_tuples_are_fed_by_parts():
    values, indices = tf.placeholder(tf.float32, [None, 1]), tf.placeholder(tf.int32, [None])
    slices = tf.IndexedSlices(values, indices, tf.constant([3, 1]))
    dense = tf.convert_to_tensor(slices)
    with tf.Session() as session:
        assert session.run(dense, {slices: ([[1.0], [2.0]], [0, 2], [3, 1])}).tolist() == [[1.0], [0.0], [2.0]]
        assert session.run(dense, {(values, indices): ([[4.0]], [1])}).tolist() == [[0.0], [4.0], [0.0]]


def test_an_unfeedable_tensor_is_refused(graph):
    x = tf.constant(1.0) * 2.0
    graph.prevent_feeding(x)
    with tf.Session() as session, pytest.raises(ValueError, match="may not be fed"):
        session.run(x, {x: 1.0})
