"""`cond` and `case`: what runs, what it gives, gradients of any order, effects, errors."""
# Long because: every rule of one construct.

import re
from collections import namedtuple

import numpy as np
import pytest

import graphopt as tf
from graphopt.config import override

X = np.float32([1.0, 2.0, 3.0])
Pair = namedtuple("Pair", ["a", "b"])


@pytest.fixture(autouse=True)
def verified():
    with override(verify=True):
        yield


@pytest.fixture
def x():
    return tf.placeholder(tf.float32, [3], name="x")


@pytest.fixture
def p():
    return tf.placeholder(tf.bool, [], name="p")


def run(fetches, feed=None, times=1):
    """The values of the last of several runs: after a few the second tier of the backend takes over."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            values = session.run(fetches, feed)
    return values


# --- values ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 5])
def test_the_branch_that_is_true(p, x, times):
    y = tf.cond(p, lambda: tf.exp(x), lambda: x * 2.0)
    assert run(y, {p: True, x: X}, times) == pytest.approx(np.exp(X))
    assert run(y, {p: False, x: X}, times).tolist() == [2.0, 4.0, 6.0]


def test_names_and_types(graph, p, x):
    y = tf.cond(p, lambda: tf.exp(x), lambda: x * 2.0)
    z = tf.cond(p, lambda: x[:2], lambda: x, name="choice")
    assert (y.name, y.dtype, y.shape.as_list()) == ("cond/Merge:0", tf.float32, [3])
    assert (z.name, z.shape.as_list()) == ("choice/Merge:0", [None])
    assert [op.type for op in graph.get_operations() if op.name.startswith("cond/")] == ["If", "Identity"]


def test_only_the_taken_branch_runs(p, x):
    seen = []

    def note(word, value):
        return tf.py_func(lambda v: seen.append(word) or v, [value], tf.float32)

    def fails():
        with tf.control_dependencies([tf.Assert(False, ["never"])]):
            return x + 1.0

    y = tf.cond(p, lambda: note("then", x), fails)
    assert run(y, {p: True, x: X}).tolist() == X.tolist()
    assert seen == ["then"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("assertion failed: [never]")) as caught:
        run(y, {p: False, x: X})
    assert caught.value.op.name == "cond/Assert/Assert"
    assert seen == ["then"]


def test_what_is_recorded_outside_runs_in_any_case(p, x):
    seen = []
    outside = tf.py_func(lambda v: seen.append(1) or v, [x], tf.float32)
    run(tf.cond(p, lambda: outside, lambda: x), {p: False, x: X})
    assert seen == [1]


@pytest.mark.parametrize(
    ("then", "otherwise", "expected"),
    [
        (lambda x: [x, x + 1.0], lambda x: [x, x], [list, 2]),
        (lambda x: (x, (x, x)), lambda x: (x, (x, x)), [tuple, 2]),
        (lambda x: Pair(x, x), lambda x: Pair(x, x), [Pair, 2]),
        (lambda x: {"b": x, "a": x}, lambda x: {"b": x, "a": x}, [dict, 2]),
    ],
)
def test_structures_are_kept(p, x, then, otherwise, expected):
    y = tf.cond(p, lambda: then(x), lambda: otherwise(x))
    assert [type(y), len(y)] == expected
    run(y, {p: True, x: X})


def test_a_list_of_one_is_unpacked_unless_strict(p, x):
    assert isinstance(tf.cond(p, lambda: [x], lambda: [x]), tf.Tensor)
    assert isinstance(tf.cond(p, lambda: [x], lambda: [x], strict=True), list)


def test_plain_values_variables_and_sparse_rows(p, x):
    v = tf.Variable([5.0, 6.0, 7.0])
    number = tf.cond(p, lambda: 1.5, lambda: 2.5)
    variable = tf.cond(p, lambda: v, lambda: x)
    rows = tf.IndexedSlices(x, tf.constant([0, 1, 2]), tf.constant([5]))
    slices = tf.cond(p, lambda: rows, lambda: rows.with_values(x * 2.0))
    assert isinstance(slices, tf.IndexedSlices)
    found = run([number, variable, tf.convert_to_tensor(slices)], {p: False, x: X})
    assert found[0] == 2.5
    assert found[1].tolist() == X.tolist()
    assert found[2].tolist() == [2.0, 4.0, 6.0, 0.0, 0.0]
    assert run(variable, {p: True, x: X}).tolist() == [5.0, 6.0, 7.0]


def test_a_constant_condition_is_decided_while_compiling(x):
    y = tf.cond(tf.constant(True), lambda: x * 2.0, lambda: tf.py_func(lambda: 1 / 0, [], tf.float32))
    assert run(y, {x: X}).tolist() == [2.0, 4.0, 6.0]
    w = tf.Variable(0.0)
    assert run([tf.cond(tf.constant(False), lambda: w + 0.0, lambda: w.assign(3.0)), w]) == [3.0, 3.0]


def test_branches_nest(p, x):
    n = tf.reduce_sum(x)
    y = tf.cond(p, lambda: tf.cond(n > 4.0, lambda: x * 3.0, lambda: x * 2.0), lambda: x)
    assert run(y, {p: True, x: X}).tolist() == [3.0, 6.0, 9.0]
    assert run(y, {p: True, x: X / 10}) == pytest.approx(X / 5)
    assert run(y, {p: False, x: X}).tolist() == X.tolist()


def test_shapes_that_are_known_late(p):
    x = tf.placeholder(tf.float32, [None, None])
    y = tf.cond(p, lambda: tf.nn.softmax(x), lambda: tf.reshape(x, [-1, tf.shape(x)[1]]))
    assert run(y, {p: True, x: [[1.0, 1.0]]}).tolist() == [[0.5, 0.5]]
    assert run(y, {p: False, x: [[1.0, 2.0]]}).tolist() == [[1.0, 2.0]]


def test_results_do_not_share_memory_with_variables(p):
    v = tf.Variable([1.0, 2.0])
    with tf.Session() as session:
        session.run(v.initializer)
        for _ in range(5):
            before = session.run(tf.cond(p, lambda: v, lambda: v * 1.0), {p: True})
            session.run(v.assign_add([1.0, 1.0]))
            assert before.tolist() != session.run(v).tolist()


# --- effects -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 6])
def test_writes_happen_in_the_taken_branch_alone(p, times):
    v, w = tf.Variable(0.0), tf.Variable(0.0)
    y = tf.cond(p, lambda: v.assign_add(1.0), lambda: w.assign_sub(1.0))
    after = v + 0.0
    assert run([y, v, w, after], {p: True}, times) == [times, times, 0.0, times]
    assert run([y, v, w, after], {p: False}, times) == [-times, 0.0, -times, 0.0]


def test_a_branch_sees_what_was_written_before(p):
    v = tf.Variable(1.0)
    with tf.control_dependencies([v.assign(5.0)]):
        y = tf.cond(p, lambda: v * 2.0, lambda: v * 3.0)
    assert run([y, v], {p: True}) == [10.0, 5.0]


def test_a_write_then_a_read_inside(p):
    v = tf.Variable(1.0)

    def twice():
        with tf.control_dependencies([v.assign_add(1.0)]):
            first = v * 1.0
        with tf.control_dependencies([v.assign_add(10.0)]):
            return [first, v * 1.0]

    assert run([*tf.cond(p, twice, lambda: [0.0, 0.0]), v], {p: True}) == [2.0, 12.0, 12.0]


def test_what_is_captured_under_control_edges_does_not_hide_them(p, x):
    v = tf.Variable(1.0)

    def then():
        with tf.control_dependencies([v.assign(5.0)]):
            return tf.identity(x)

    assert run([tf.cond(p, then, lambda: x), v], {p: True, x: X})[1] == 5.0


def test_an_operation_as_result(p):
    v = tf.Variable(0.0)
    done = tf.cond(p, lambda: tf.group(v.assign(1.0)), tf.no_op)
    assert done.dtype is tf.bool
    assert run([done, v], {p: True}) == [True, 1.0]
    assert run([done, v], {p: False}) == [True, 0.0]


def test_operations_of_outside_as_control_inputs(p, x):
    v = tf.Variable(0.0)
    write = v.assign(1.0)

    def then():
        with tf.control_dependencies([write, v]):
            return tf.identity(x)

    assert run([tf.cond(p, then, lambda: x), v], {p: False, x: X})[1] == 1.0


def test_a_variable_without_a_value_in_the_branch_not_taken(p, x):
    v = tf.Variable([1.0, 1.0, 1.0], name="v")
    y = tf.cond(p, lambda: x, lambda: x + v)
    fill = tf.cond(p, lambda: x, lambda: v.assign(x))
    with tf.Session() as session:
        for _ in range(5):
            assert session.run(y, {p: True, x: X}).tolist() == X.tolist()
            assert session.run(fill, {p: True, x: X}).tolist() == X.tolist()
        with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value v"):
            session.run(y, {p: False, x: X})
        with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value v"):
            session.run(v)
        session.run(fill, {p: False, x: X})
        assert session.run(y, {p: False, x: X}).tolist() == (2 * X).tolist()


def test_whether_a_variable_has_a_value_inside(p):
    v = tf.Variable(1.0)
    known = tf.cond(p, lambda: tf.is_variable_initialized(v), lambda: False)
    with tf.Session() as session:
        assert not session.run(known, {p: True})
        session.run(v.initializer)
        assert session.run(known, {p: True})
    with tf.control_dependencies([v.assign(2.0)]):
        late = tf.cond(p, lambda: [tf.is_variable_initialized(v), v.initialized_value()], lambda: [False, 0.0])
    with tf.Session() as session:
        assert session.run(late, {p: True}) == [True, 2.0]


def test_feeding_a_variable_reaches_the_branches(p):
    v = tf.Variable(1.0)
    y = tf.cond(p, lambda: v * 2.0, lambda: v)
    assert run(y, {p: True, v: 7.0}) == 14.0


def test_a_failing_branch_leaves_everything_as_it_was(p):
    v = tf.Variable(1.0)

    def then():
        with tf.control_dependencies([v.assign(5.0)]), tf.control_dependencies([tf.Assert(v < 2.0, [v])]):
            return tf.constant(1.0)

    with tf.Session() as session:
        session.run(v.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError, match="assertion failed"):
            session.run(tf.cond(p, then, lambda: 0.0), {p: True})
        assert session.run(v) == 1.0


def test_random_numbers_of_a_branch_move_on_only_when_it_runs(p):
    drawn = tf.cond(p, lambda: tf.random_uniform([2], seed=3), lambda: tf.zeros([2]))
    plain = tf.random_uniform([2], seed=3)
    with tf.Session() as session:
        first = session.run(drawn, {p: True}).tolist()
        assert session.run(drawn, {p: False}).tolist() == [0.0, 0.0]
        second = session.run(drawn, {p: True}).tolist()
        assert [first, second] == [session.run(plain).tolist(), session.run(plain).tolist()]


def test_actions_keep_their_order(p, capfd):
    x = tf.constant(1.0)
    first = tf.Print(x, [x], "first ")
    inside = tf.cond(p, lambda: tf.Print(first, [x], "inside "), lambda: x)
    last = tf.Print(inside, [x], "last ")
    run(last, {p: True})
    assert capfd.readouterr().err == "first [1.0]\ninside [1.0]\nlast [1.0]\n"
    run(last, {p: False})
    assert capfd.readouterr().err == "first [1.0]\nlast [1.0]\n"


def test_variables_made_in_a_branch_live_outside(graph, p):
    def then():
        w = tf.get_variable("w", [], initializer=tf.ones_initializer())
        v = tf.Variable(lambda: tf.constant(2.0), name="v")
        return w + v

    y = tf.cond(p, then, lambda: 0.0)
    assert [v.name for v in tf.global_variables()] == ["w:0", "cond/v:0"]
    assert all(v.graph is graph for v in tf.global_variables())
    assert run(y, {p: True}) == 3.0


def test_collections_are_shared(p, x):
    tf.cond(p, lambda: tf.add_to_collection("c", 1) or x, lambda: x)
    assert tf.get_collection("c") == [1]


# --- gradients ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 5])
def test_gradients_of_both_orders(p, x, times):
    v = tf.Variable([1.0, 2.0, 3.0])
    y = tf.cond(p, lambda: tf.exp(x) * v, lambda: x * x)
    dx, dv = tf.gradients(y, [x, v])
    second = tf.gradients(dx, [x, v])
    e, w = np.exp(X), np.float32([1.0, 2.0, 3.0])
    for flag, expected in ((True, [e * w, e, e * w, e]), (False, [2 * X, 0 * X, 0 * X + 2, 0 * X])):
        for found, wanted in zip(run([dx, dv, *second], {p: flag, x: X}, times), expected, strict=True):
            assert found == pytest.approx(wanted, rel=1e-5)


def test_third_order_and_nested_branches(p, x):
    y = tf.cond(p, lambda: tf.cond(x[0] > 0.0, lambda: x**3.0, lambda: -x), lambda: x)
    first = tf.gradients(y, x)[0]
    second = tf.gradients(first, x)[0]
    third = tf.gradients(second, x)[0]
    found = run([first, second, third], {p: True, x: X})
    for value, wanted in zip(found, [3 * X**2, 6 * X, 6 + 0 * X], strict=True):
        assert value == pytest.approx(wanted, rel=1e-4)
    assert [v.tolist() for v in run([first, second, third], {p: True, x: -X})] == [[-1.0] * 3, [0.0] * 3, [0.0] * 3]


def test_random_numbers_and_calls_are_not_made_again_for_the_gradient(p, x):
    calls = []
    y = tf.cond(p, lambda: x * tf.random_uniform([3]) * tf.py_func(lambda: calls.append(1) or np.float32(2.0), [], tf.float32), lambda: x)
    dx = tf.gradients(y, x)[0]
    for _ in range(3):
        value, slope = run([y, dx], {p: True, x: X})
        assert value == pytest.approx(slope * X, rel=1e-5)
    assert calls == [1, 1, 1]


def test_writes_are_not_made_again_for_the_gradient(p, x):
    v = tf.Variable(1.0)
    y = tf.cond(p, lambda: x * v.assign_add(1.0), lambda: x)
    assert [np.asarray(a).tolist() for a in run([tf.gradients(y, x)[0], v], {p: True, x: X})] == [[2.0] * 3, 2.0]


def test_the_gradient_sees_the_value_from_when_the_branch_ran(p, x):
    v = tf.Variable(2.0)
    y = tf.cond(p, lambda: x * v, lambda: x)
    with tf.control_dependencies([y]):
        late = v.assign(100.0)
    with tf.control_dependencies([late]):
        dx = tf.gradients(y, x)[0]
    assert run(dx, {p: True, x: X}).tolist() == [2.0] * 3


def test_what_only_one_branch_uses(p, x):
    w = tf.Variable([1.0, 1.0, 1.0])
    y = tf.cond(p, lambda: tf.reduce_sum(x * w), lambda: tf.constant(0.0))
    found = run(tf.gradients(y, [x, w]), {p: False, x: X})
    assert [v.tolist() for v in found] == [[0.0] * 3, [0.0] * 3]
    assert tf.gradients(tf.cond(p, lambda: 1.0, lambda: 2.0), x) == [None]


def test_gradients_of_one_of_several_results(p, x):
    a, b = tf.cond(p, lambda: [x, x * 2.0], lambda: [x * 3.0, x * 4.0])
    assert run(tf.gradients(b, x)[0], {p: False, x: X}).tolist() == [4.0] * 3
    assert run(tf.gradients([a, b], x)[0], {p: True, x: X}).tolist() == [3.0] * 3


def test_gradients_of_rows(p):
    table = tf.Variable([[1.0], [2.0], [3.0]])
    y = tf.cond(p, lambda: tf.gather(table, [2, 2]), lambda: table[:2])
    dense = tf.convert_to_tensor(tf.gradients(y, table)[0])
    assert run(dense, {p: True}).tolist() == [[0.0], [0.0], [2.0]]
    assert run(dense, {p: False}).tolist() == [[1.0], [1.0], [0.0]]


def test_gradients_taken_inside_a_branch(p, x):
    outside = x * x
    v = tf.Variable(3.0)

    def inside():
        y = x * x * v
        return [tf.gradients(y, x)[0], tf.gradients(y, v)[0], tf.gradients(outside, x)[0], tf.gradients(y + outside, x)[0]]

    found = run(tf.cond(p, inside, lambda: [x, 0.0, x, x]), {p: True, x: X})
    assert [np.asarray(v).tolist() for v in found] == [(6 * X).tolist(), 14.0, (2 * X).tolist(), (8 * X).tolist()]


def test_an_optimizer_inside_a_branch(p):
    w = tf.Variable(2.0)
    loss = w * w
    step = tf.cond(p, lambda: tf.group(tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)), tf.no_op)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, {p: False})
        assert session.run(w) == 2.0
        session.run(step, {p: True})
        assert session.run(w) == pytest.approx(1.6)


# --- case --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "expected"), [(1, 10.0), (4, 20.0), (9, 30.0)])
def test_the_first_true_case(n, expected):
    x = tf.placeholder(tf.int32, [])
    y = tf.case([(x < 3, lambda: 10.0), (x < 5, lambda: 20.0)], default=lambda: 30.0)
    assert run(y, {x: n}) == expected


def test_exclusive_cases():
    x = tf.placeholder(tf.int32, [])
    y = tf.case({x < 3: lambda: 10.0, x < 5: lambda: 20.0}, default=lambda: 0.0, exclusive=True)
    assert run(y, {x: 4}) == 20.0
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"exclusive=True: more than 1 conditions \(Less:0, Less_1:0\) evaluated as True"
    ):
        run(y, {x: 1})


def test_no_case_without_a_default():
    x = tf.placeholder(tf.int32, [])
    y = tf.case([(x < 3, lambda: 10.0), (x < 5, lambda: 20.0)])
    assert run(y, {x: 4}) == 20.0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"None of the conditions evaluated as True."):
        run(y, {x: 9})


# --- errors ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda p, x: tf.cond(True, lambda: x, lambda: x), TypeError, "pred must not be a Python bool"),
        (lambda p, x: tf.cond(p, x, lambda: x), TypeError, "true_fn must be callable."),
        (lambda p, x: tf.cond(p, lambda: x, 3), TypeError, "false_fn must be callable."),
        (lambda p, x: tf.cond(p, None, lambda: x), TypeError, "cond(): true_fn argument required"),
        (lambda p, x: tf.cond(p, lambda: x), TypeError, "cond(): false_fn argument required"),
        (lambda p, x: tf.cond(p, lambda: x, lambda: x, fn1=lambda: x), ValueError, "Cannot specify both 'fn1' and 'true_fn'"),
        (lambda p, x: tf.cond(p, lambda: None, lambda: x), ValueError, "true_fn must have a return value."),
        (lambda p, x: tf.cond(p, lambda: x, lambda: None), ValueError, "false_fn must have a return value."),
        (
            lambda p, x: tf.cond(p, lambda: 1, lambda: 1.0),
            ValueError,
            "Outputs of true_fn and false_fn must have the same type: int32, float32",
        ),
        (
            lambda p, x: tf.cond(p, lambda: [x, x], lambda: x),
            ValueError,
            "Incompatible return values of true_fn and false_fn: The two structures",
        ),
        (lambda p, x: tf.cond(p, lambda: [x, x], lambda: [x, x, x]), ValueError, "don't have the same number of elements."),
        (
            lambda p, x: tf.cond(p, lambda: [x, x], lambda: (x, x)),
            TypeError,
            "Incompatible return types of true_fn and false_fn: The two structures",
        ),
        (lambda p, x: tf.cond(p, lambda: {"a": x}, lambda: {"b": x}), ValueError, "The two dictionaries don't have the same set of keys"),
        (
            lambda p, x: tf.cond(p, lambda: tf.IndexedSlices(x, tf.constant([0])), lambda: x),
            ValueError,
            "Incompatible return values of true_fn and false_fn: sparse rows and a dense tensor.",
        ),
        (
            lambda p, x: tf.cond(x, lambda: x, lambda: x),
            TypeError,
            "Value passed to parameter 'pred' has DataType float32 not in list of allowed values: bool",
        ),
        (lambda p, x: tf.cond(x > 0.0, lambda: x, lambda: x), ValueError, "Shape must be rank 0 but is rank 1"),
        (lambda p, x: tf.case(p), TypeError, "fns must be a list, 2-tuple, or dict"),
        (lambda p, x: tf.case([p]), TypeError, "Each entry in pred_fn_pairs must be a 2-tuple"),
        (lambda p, x: tf.case([(True, lambda: x)]), TypeError, "pred must be a Tensor, got: True"),
        (lambda p, x: tf.case([(x, lambda: x)]), TypeError, "pred must be Tensor of type bool: x:0"),
        (lambda p, x: tf.case([(p, x)]), TypeError, "fn for pred p:0 must be callable."),
        (lambda p, x: tf.case([]), ValueError, "pred_fn_pairs must hold at least one pair."),
        (lambda p, x: tf.case([(p, lambda: x)], default=3), TypeError, "default must be callable"),
    ],
)
def test_what_is_refused(p, x, make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make(p, x)


def test_a_tensor_of_a_branch_does_not_leave_it(p, x):
    kept = []
    y = tf.cond(p, lambda: kept.append(x * 2.0) or x, lambda: x)
    for use in (lambda: kept[0] + 1.0, lambda: y + kept[0], lambda: tf.cond(p, lambda: kept[0], lambda: x)):
        with pytest.raises(ValueError, match=r"A tensor from inside a branch of 'cond' is used outside of it."):
            use()
    with pytest.raises(ValueError, match="cannot be interpreted as a Tensor"):
        run(kept[0], {p: True, x: X})


def test_the_shape_of_a_condition_at_run_time(x):
    p = tf.placeholder(tf.bool)
    y = tf.cond(p, lambda: x, lambda: -x)
    assert run(y, {p: True, x: X}).tolist() == X.tolist()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be rank 0 but is rank 1"):
        run(y, {p: [True, False], x: X})


def test_an_operation_that_fails_inside_is_named(p):
    x = tf.placeholder(tf.int32, [])
    y = tf.cond(p, lambda: x // tf.constant(0, name="zero"), lambda: x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Integer division by zero") as caught:
        run(y, {p: True, x: 1})
    assert caught.value.op.name == "cond/floordiv"
