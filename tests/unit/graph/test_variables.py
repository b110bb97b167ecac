"""Variables: their names, reads and writes, initial values, errors."""

import re

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture
def session(graph):
    with tf.Session() as entered:
        yield entered


def names(graph):
    return [op.name for op in graph.get_operations()]


# --- making them -------------------------------------------------------------------------------------------------------------


def test_operations_of_a_variable(graph):
    v = tf.Variable(1.0, name="v")
    assert names(graph) == ["v/initial_value", "v", "v/Assign", "v/read"]
    assert (v.name, v.op.name, v.op.type, v.initializer.name) == ("v:0", "v", "VariableV2", "v/Assign")
    assert (v.dtype, v.shape.as_list(), v.trainable, v.graph) == (tf.float32, [], True, graph)
    assert v.value() is graph.get_tensor_by_name("v/read:0")
    assert repr(v) == "<tf.Variable 'v:0' shape=() dtype=float32>"


def test_names_follow_the_name_scope():
    with tf.name_scope("s"):
        assert [tf.Variable(1.0).name, tf.Variable(1.0).name, tf.Variable(1.0, name="v").name] == [
            "s/Variable:0",
            "s/Variable_1:0",
            "s/v:0",
        ]


def test_initial_values(session):
    given = {
        "number": tf.Variable(2.0),
        "array": tf.Variable(np.arange(3)),
        "tensor": tf.Variable(tf.constant([1.5]) * 2.0),
        "function": tf.Variable(lambda: tf.constant(4.0), name="f"),
        "cast": tf.Variable(1, dtype=tf.float64),
    }
    session.run(tf.global_variables_initializer())
    values = session.run(given)
    assert {key: np.asarray(value).tolist() for key, value in values.items()} == {
        "number": 2.0,
        "array": [0, 1, 2],
        "tensor": [3.0],
        "function": 4.0,
        "cast": 1.0,
    }
    assert given["array"].dtype is tf.int64
    assert given["cast"].dtype is tf.float64
    assert given["function"].initial_value.op.name == "f/Initializer/Const"


def test_collections(graph):
    trained = tf.Variable(1.0)
    fixed = tf.Variable(1.0, trainable=False)
    local = tf.Variable(1.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
    mine = tf.Variable(1.0, collections=["mine"])
    assert tf.global_variables() == [trained, fixed]
    assert tf.trainable_variables() == [trained, mine]
    assert tf.local_variables() == [local]
    assert tf.get_collection("mine") == [mine]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "initial_value must be specified."),
        (
            {"initial_value": 1.0, "collections": "mine"},
            "collections argument to Variable constructor must be a list, tuple, or set. Got mine",
        ),
        ({"initial_value": 1.0, "constraint": 3}, "The `constraint` argument must be a callable."),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tf.Variable(**arguments)


def test_an_initial_value_of_unknown_shape(session):
    x = tf.placeholder(tf.float32, [None])
    with pytest.raises(ValueError, match="initial_value must have a shape specified: Tensor"):
        tf.Variable(x)
    free = tf.Variable(x, validate_shape=False)
    session.run(free.initializer, {x: [1.0, 2.0]})
    assert session.run(free).tolist() == [1.0, 2.0]
    session.run(tf.assign(free, [1.0, 2.0, 3.0], validate_shape=False))
    assert session.run(free).tolist() == [1.0, 2.0, 3.0]


def test_an_initial_value_from_inside_a_branch():
    with pytest.raises(
        ValueError, match=r"Initializer for variable v is from inside a control-flow construct, such as a loop or conditional."
    ):
        tf.cond(tf.constant(True), lambda: tf.Variable(tf.constant(1.0), name="v").value(), lambda: 1.0)


# --- reading -----------------------------------------------------------------------------------------------------------------


def test_a_read_is_shared_while_nothing_changed():
    v = tf.Variable(1.0, name="v")
    first = v.value()
    assert v.value() is first
    tf.assign(v, 2.0)
    second = v.value()
    assert second is not first
    assert v.value() is second
    with tf.control_dependencies([tf.no_op()]):
        assert v.value() is not second


def test_read_value_records_a_new_read():
    v = tf.Variable(1.0, name="v")
    assert v.read_value() is not v.read_value()


def test_operators_read(session):
    v = tf.Variable(3.0)
    session.run(v.initializer)
    results = [v + 1.0, 1.0 - v, v * v, v / 2.0, -v, v > 2.0, v**2.0]
    assert session.run(results) == [4.0, -2.0, 9.0, 1.5, -3.0, True, 9.0]
    assert v.eval() == 3.0


def test_a_variable_is_compared_by_identity():
    v, w = tf.Variable(1.0), tf.Variable(1.0)
    assert v == v
    assert v != w
    with pytest.raises(TypeError, match=r"'Variable' object is not iterable."):
        list(v)


def test_initialized_value(session):
    v = tf.Variable(3.0)
    w = tf.Variable(v.initialized_value() * 2.0)
    session.run(tf.global_variables_initializer())
    assert session.run([v, w]) == [3.0, 6.0]
    assert session.run(v.initialized_value()) == 3.0


# --- writing -----------------------------------------------------------------------------------------------------------------


def test_assignments_return_the_new_value(session):
    v = tf.Variable([1.0, 2.0])
    session.run(v.initializer)
    assert session.run(v.assign([5.0, 6.0])).tolist() == [5.0, 6.0]
    assert session.run(tf.assign_add(v, [1.0, 1.0])).tolist() == [6.0, 7.0]
    assert session.run(v.assign_sub([2.0, 2.0])).tolist() == [4.0, 5.0]
    assert session.run(tf.assign(v, [0.0, 0.0], name="reset")).tolist() == [0.0, 0.0]


def test_the_result_of_an_assignment_stands_for_the_variable(session):
    v = tf.Variable(1.0)
    session.run(v.initializer)
    assert session.run(tf.assign_add(tf.assign(v, 5.0), 1.0)) == 6.0
    assert session.run(v) == 6.0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scatter_add", [1.0, 4.0, 13.0]),
        ("scatter_sub", [1.0, 0.0, -7.0]),
        ("scatter_update", [1.0, 2.0, 10.0]),
        ("scatter_mul", [1.0, 4.0, 30.0]),
        ("scatter_div", [1.0, 1.0, 0.3]),
        ("scatter_max", [1.0, 2.0, 10.0]),
        ("scatter_min", [1.0, 2.0, 3.0]),
    ],
)
def test_scatters(session, name, expected):
    v, w = tf.Variable([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0])
    session.run(tf.global_variables_initializer())
    indices, rows = tf.constant([1, 2]), tf.constant([2.0, 10.0])
    session.run([getattr(v, name)(tf.IndexedSlices(rows, indices)), getattr(tf, name)(w, indices, rows)])
    assert session.run(v).tolist() == pytest.approx(expected)
    assert session.run(w).tolist() == pytest.approx(expected)


def test_a_scatter_takes_slices():
    with pytest.raises(TypeError, match=r"sparse_delta is not IndexedSlices: 3.0"):
        tf.Variable([1.0]).scatter_add(3.0)


def test_a_write_needs_a_variable():
    with pytest.raises(TypeError, match=r"assign_add needs a Variable, got <tf.Tensor"):
        tf.assign_add(tf.constant(1.0), 1.0)


def test_an_assignment_of_another_shape(session):
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match=re.escape("Assign requires shapes of both tensors to match. lhs shape= [2] rhs shape= [3]")):
        v.assign([1.0, 2.0, 3.0])
    x = tf.placeholder(tf.float32, [None])
    late = v.assign(x)
    session.run(v.initializer)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=re.escape("Assign requires shapes of both tensors to match. lhs shape= [2] rhs shape= [3]")
    ):
        session.run(late, {x: [1.0, 2.0, 3.0]})
    assert session.run(v).tolist() == [1.0, 2.0]


def test_count_up_to(session):
    v = tf.Variable(0)
    count = tf.count_up_to(v, 2)
    session.run(v.initializer)
    assert [session.run(count), session.run(v.count_up_to(2))] == [0, 1]
    with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
        session.run(count)
    assert session.run(v) == 2


def test_load(graph):
    v = tf.Variable([1.0, 2.0])
    with pytest.raises(ValueError, match="Either session argument should be provided or default session should be established"):
        v.load([3.0, 4.0])
    with tf.Session() as session:
        v.load([3.0, 4.0])
        assert session.run(v).tolist() == [3.0, 4.0]


# --- initialising ------------------------------------------------------------------------------------------------------------


def test_initializers_and_what_is_missing(session):
    v, w = tf.Variable(1.0, name="v"), tf.Variable(2.0, name="w")
    local = tf.Variable(3.0, name="local", collections=[tf.GraphKeys.LOCAL_VARIABLES])
    missing = tf.report_uninitialized_variables()
    assert session.run(missing).tolist() == [b"v", b"w", b"local"]
    session.run(tf.variables_initializer([v]))
    assert session.run(missing).tolist() == [b"w", b"local"]
    assert session.run(tf.report_uninitialized_variables([v])).tolist() == []
    assert session.run(tf.report_uninitialized_variables([])).tolist() == []
    assert session.run([tf.is_variable_initialized(v), tf.is_variable_initialized(w)]) == [True, False]
    check = tf.assert_variables_initialized()
    with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value w"):
        session.run(check)
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    assert session.run(check) is None
    assert session.run(local) == 3.0
    assert tf.assert_variables_initialized([]) is None
    assert tf.variables_initializer([]).type == "NoOp"


def test_is_variable_initialized_needs_a_variable():
    with pytest.raises(TypeError, match="is_variable_initialized needs a Variable"):
        tf.is_variable_initialized(tf.constant(1.0))


def test_former_names_warn_once(caplog):
    v = tf.Variable(1.0)
    tf.all_variables()
    caplog.clear()
    with caplog.at_level("WARNING", logger="graphopt"):
        assert tf.all_variables() == [v]
        for former in (tf.initialize_all_variables, tf.initialize_local_variables, lambda: tf.initialize_variables([v])):
            assert [former().type, former().type] == ["NoOp", "NoOp"]
    assert len(caplog.records) <= 3


# --- as tensors that a name finds --------------------------------------------------------------------------------------------


def test_feeding_a_variable_overrides_its_reads(session):
    v = tf.Variable(1.0, name="v")
    session.run(v.initializer)
    assert session.run(v * 2.0, {v: 5.0}) == 10.0
    assert session.run("v:0") == 1.0
