"""TensorFlow 1's assertions: what passes, what fails when, and how it says so."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.tf1 import checks


def run(fetches, feed=None):
    with tf.Session() as session:
        return session.run(fetches, feed)


COMPARISONS = [
    ("assert_equal", "==", [1.0, 2.0], [1.0, 3.0]),
    ("assert_none_equal", "!=", [0.0, 0.0], [0.0, 2.0]),
    ("assert_less", "<", [0.0, 1.0], [1.0, 1.0]),
    ("assert_less_equal", "<=", [1.0, 2.0], [2.0, 2.0]),
    ("assert_greater", ">", [2.0, 3.0], [1.0, 3.0]),
    ("assert_greater_equal", ">=", [1.0, 2.0], [1.0, 1.0]),
]
FIXED = [1.0, 2.0]


@pytest.mark.parametrize(("name", "sign", "good", "bad"), COMPARISONS)
def test_comparisons_at_run_time(name, sign, good, bad):
    x = tf.placeholder(tf.float32, [2], name="x")
    with tf.control_dependencies([getattr(checks, name)(x, FIXED, message="so it is not", name="check")]):
        y = tf.identity(x)
    assert run(y, {x: good}).tolist() == good
    rule = f"assertion failed: [so it is not] [Condition x {sign} y did not hold element-wise:] [x (x:0) = ] ["
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(rule)) as caught:
        run(y, {x: bad})
    assert caught.value.op.name == "check/Assert/Assert"


@pytest.mark.parametrize(("name", "sign", "good", "bad"), COMPARISONS)
def test_comparisons_of_constants(name, sign, good, bad):
    assert getattr(checks, name)(good, FIXED).type == "Assert"
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(f"not so\nCondition x {sign} y did not hold element-wise:")):
        getattr(checks, name)(bad, FIXED, message="not so")


@pytest.mark.parametrize(
    ("name", "sign", "good", "bad"),
    [
        ("assert_positive", ">", 1.0, 0.0), ("assert_negative", "<", -1.0, 0.0), ("assert_non_negative", ">=", 0.0, -1.0),
        ("assert_non_positive", "<=", 0.0, 1.0),
    ],
)  # fmt: skip
def test_comparisons_with_zero(name, sign, good, bad):
    x = tf.placeholder(tf.float32, [], name="x")
    check = getattr(checks, name)(x)
    assert run(check, {x: good}) is None
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=re.escape(f"[Condition x {sign} 0 did not hold element-wise:] [x (x:0) = ] [{bad}]")
    ):
        run(check, {x: bad})


def test_data_and_how_much_of_it():
    x = tf.placeholder(tf.float32, [5])
    check = tf.assert_positive(x, data=["these:", x], summarize=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("assertion failed: [these:] [1.0 -1.0...]")):
        run(check, {x: [1, -1, 1, 1, 1]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("assertion failed: [a] [1.0 -1.0 1.0...]")):
        run(tf.Assert(tf.reduce_all(x > 0.0), ["a", x]), {x: [1, -1, 1, 1, 1]})


def test_ranks():
    known, unknown = tf.placeholder(tf.float32, [2, 3], name="known"), tf.placeholder(tf.float32, name="unknown")
    assert [tf.assert_rank(known, 2).type, checks.assert_rank_at_least(known, 1).type] == ["NoOp", "NoOp"]
    with pytest.raises(ValueError, match=re.escape("mine  Tensor known:0 must have rank 1.  Received rank 2, shape (2, 3)")):
        tf.assert_rank(known, 1, message="mine")
    with pytest.raises(ValueError, match=re.escape("Tensor known:0 must have rank at least 3.  Received rank 2, shape (2, 3)")):
        checks.assert_rank_at_least(known, 3)
    exact, least = tf.assert_rank(unknown, 1), checks.assert_rank_at_least(unknown, 1)
    run([exact, least], {unknown: [1.0]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("[Tensor unknown:0 must have rank] [1] [Received shape: ] [1 1]")):
        run(exact, {unknown: [[1.0]]})
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("[Tensor unknown:0 must have rank at least] [1]")):
        run(least, {unknown: 1.0})


def test_scalars_types_and_iterables():
    x = tf.constant(1.0, name="x")
    assert tf.assert_scalar(x) is x
    with pytest.raises(ValueError, match=re.escape("mine Expected scalar shape for v:0, saw shape: (1,).")):
        tf.assert_scalar(tf.constant([1.0], name="v"), message="mine ")
    assert checks.assert_type(x, tf.float32).type == "NoOp"
    with pytest.raises(TypeError, match=re.escape("mine  x:0 must be of type tf.int32; got tf.float32")):
        checks.assert_type(x, tf.int32, message="mine")
    assert checks.assert_integer(tf.constant(1)).type == "NoOp"
    with pytest.raises(TypeError, match=re.escape("Expected \"x\" to be integer type.  Found: <dtype: 'float32'>")):
        checks.assert_integer(x)
    checks.assert_proper_iterable([x])
    for bad in (x, np.zeros(2), "text", b"bytes", 3):
        with pytest.raises(TypeError, match=r'Expected argument "values" to be a "proper" iterable.  Found: <class'):
            checks.assert_proper_iterable(bad)


def test_finite_numbers():
    x = tf.placeholder(tf.float32, [2])
    checked, verified = tf.check_numerics(x, "broken"), tf.verify_tensor_all_finite(x, "broken")
    assert [v.tolist() for v in run([checked, verified], {x: [1.0, 2.0]})] == [[1.0, 2.0]] * 2
    for values, what in (([np.nan, 1.0], "NaN"), ([np.inf, 1.0], "Inf"), ([np.inf, np.nan], "Inf and NaN")):
        for fetch in (checked, verified, checked.op):
            with pytest.raises(tf.errors.InvalidArgumentError, match=f"broken : Tensor had {what} values"):
                run(fetch, {x: values})
    with pytest.raises(ValueError, match="Cannot specify both 't' and 'x'"):
        tf.verify_tensor_all_finite(x, "broken", x=x)
    with pytest.raises(ValueError, match="Cannot specify both 'msg' and 'message'"):
        tf.verify_tensor_all_finite(x, "broken", message="broken")


def test_the_gradient_of_checked_numbers():
    x = tf.constant([0.0, 1.0])
    slope = tf.gradients(tf.sqrt(tf.check_numerics(x, "x")), x)[0]
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=re.escape("Not a number (NaN) or infinity (Inf) values detected in gradient.")
    ):
        run(slope)


def test_shapes():
    x = tf.placeholder(tf.float32, name="x")
    y = tf.ensure_shape(x, [None, 2])
    assert y.shape.as_list() == [None, 2]
    assert run(y, {x: [[1.0, 2.0]]}).tolist() == [[1.0, 2.0]]
    with pytest.raises(tf.errors.InvalidArgumentError):
        run(y, {x: [1.0, 2.0]})
    with pytest.raises(ValueError, match=re.escape("Shapes (2,) and (3,) are not compatible")):
        tf.ensure_shape(tf.constant([1.0, 2.0]), [3])


def test_order_and_kind():
    rising, flat = tf.constant([1, 2, 3]), tf.constant([1, 1, 2])
    assert run([checks.is_strictly_increasing(rising), checks.is_strictly_increasing(flat)]) == [True, False]
    assert run([checks.is_non_decreasing(flat), checks.is_non_decreasing(tf.constant([2, 1]))]) == [True, False]
    assert checks.is_numeric_tensor(rising)
    assert not checks.is_numeric_tensor(tf.constant("text"))
    assert not checks.is_numeric_tensor(3)


def test_a_check_that_nothing_waits_for_does_not_run():
    x = tf.placeholder(tf.float32, [])
    tf.assert_positive(x)
    tf.check_numerics(x, "x")
    assert run(x * 2.0, {x: -1.0}) == -2.0
