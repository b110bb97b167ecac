"""`tf.custom_gradient`, and `tf.test.compute_gradient` that compares gradients with differences."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.testing.gradient_checker import compute_gradient, compute_gradient_error


def run(fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed)


@tf.custom_gradient
def log1pexp(x):
    """The logarithm of 1 + e**x, with a gradient that does not overflow."""
    e = tf.exp(x)
    return tf.log(1.0 + e), lambda dy: dy * (1.0 - 1.0 / (1.0 + e))


def test_the_gradient_is_the_given_one():
    x = tf.constant(100.0)
    plain = tf.log(1.0 + tf.exp(x))
    assert np.isnan(run(tf.gradients(plain, x)[0]))
    assert run(tf.gradients(log1pexp(x), x)[0]) == 1.0
    assert log1pexp.__name__ == "log1pexp"


def test_the_second_order_differentiates_the_given_one():
    x = tf.constant(0.0)
    (slope,) = tf.gradients(log1pexp(x), x)
    assert run(tf.gradients(slope, x)[0]) == pytest.approx(0.25)


def test_several_arguments_and_results():
    @tf.custom_gradient
    def both(a, b):
        return [a + b, (a * b,)], lambda first, second: (first * 10.0, second * 100.0)

    a, b = tf.constant(2.0), tf.constant(3.0)
    total, (product,) = both(a, b)
    assert run([total, product]) == [5.0, 6.0]
    assert run(tf.gradients([total, product], [a, b])) == [10.0, 100.0]
    assert run(tf.gradients(product, [a, b])) == [0.0, 100.0]


def test_no_gradient_for_an_argument():
    @tf.custom_gradient
    def first(a, b):
        return a * b, lambda dy: (dy, None)

    a, b = tf.constant(2.0), tf.constant(3.0)
    assert tf.gradients(first(a, b), b) == [None]


def test_variables_inside():
    w = tf.Variable(3.0, name="w")

    @tf.custom_gradient
    def scaled(x):
        def grad(dy, variables=None):
            assert variables == [w]
            return dy * 10.0, [dy * 100.0]

        return x * w, grad

    x = tf.constant(2.0)
    y = scaled(x)
    assert run([y, *tf.gradients(y, [x, w])]) == [6.0, 10.0, 100.0]


def test_a_variable_as_argument_is_no_variable_inside():
    w = tf.Variable(3.0)
    y = tf.custom_gradient(lambda x: (x * x, lambda dy: dy * 7.0))(w)
    assert run([y, tf.gradients(y, w)[0]]) == [9.0, 7.0]


def test_inside_a_branch():
    p, x = tf.placeholder(tf.bool, []), tf.constant(0.0)
    y = tf.cond(p, lambda: log1pexp(x), lambda: x)
    (slope,) = tf.gradients(y, x)
    assert run([slope, tf.gradients(slope, x)[0]], {p: True}) == pytest.approx([0.5, 0.25])


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (lambda x: x, TypeError, "A function with @custom_gradient returns (result, grad_fn), got"),
        (lambda x: (x, 3), TypeError, "A function with @custom_gradient returns (result, grad_fn), got"),
        (
            lambda x: (x * tf.get_variable("w", []), lambda dy: dy),
            TypeError,
            "If using @custom_gradient with a function that uses variables, then grad_fn must accept a 'variables' keyword argument.",
        ),
    ],
)
def test_what_is_refused(function, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        tf.custom_gradient(function)(tf.constant(1.0))


def test_keyword_arguments_are_refused():
    with pytest.raises(ValueError, match=r"currently supports keywords arguments only when eager execution is enabled."):
        log1pexp(x=tf.constant(1.0))


def test_gradients_that_do_not_fit():
    x = tf.constant(1.0)
    wrong = tf.custom_gradient(lambda x: (x * 1.0, lambda dy: (dy, dy)))(x)
    with pytest.raises(ValueError, match=r"custom_gradient function expected to return 1 gradients but returned 2 instead."):
        tf.gradients(wrong, x)
    w = tf.get_variable("w", [])
    missing = tf.custom_gradient(lambda x: (x * w, lambda dy, variables: (dy, [])))(x)
    with pytest.raises(ValueError, match=r"Must return gradient for each variable from @custom_gradient grad_fn."):
        tf.gradients(missing, x)


# --- compute_gradient --------------------------------------------------------------------------------------------------------


def test_the_matrix_of_a_gradient():
    x = tf.constant([1.0, 2.0], tf.float64)
    y = tf.stack([x[0] * x[1], x[0], x[1] ** 2.0])
    with tf.Session():
        theoretical, numeric = compute_gradient(x, [2], y, [3], np.array([1.0, 2.0]))
        assert theoretical.tolist() == [[2.0, 1.0, 0.0], [1.0, 0.0, 4.0]]
        assert numeric == pytest.approx(theoretical, abs=1e-6)
        assert compute_gradient_error(x, [2], y, [3]) < 1e-6


def test_several_arguments_feeds_and_targets():
    a, b = tf.placeholder(tf.float64, [2]), tf.placeholder(tf.float64, [])
    scale, w = tf.placeholder(tf.float64, []), tf.Variable(np.float64(3.0))
    y = a * b * scale * w
    with tf.Session():
        pairs = compute_gradient([a, b], [[2], []], y, [2], [[1.0, 2.0], 5.0], init_targets=w.initializer, extra_feed_dict={scale: 2.0})
    assert [p[0].tolist() for p in pairs] == [[[30.0, 0.0], [0.0, 30.0]], [[6.0, 12.0]]]


def test_a_wrong_gradient_is_found():
    x = tf.constant(2.0, tf.float64)
    wrong = tf.custom_gradient(lambda x: (x * x, lambda dy: dy))(x)
    with tf.Session():
        assert compute_gradient_error(x, [], wrong, [], 2.0) == pytest.approx(3.0, abs=1e-6)


def test_what_compute_gradient_refuses():
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match="compute_gradient needs a default session"):
        compute_gradient(x, [], x, [])
    with tf.Session(), pytest.raises(ValueError, match="does not depend on"):
        compute_gradient(x, [], tf.constant(2.0), [])
