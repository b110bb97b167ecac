"""The stages of a step of Keras's optimizers: clipping, weight decay, averages, constraints."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras.optimizers


def run_steps(step: Any, fetches: Any, times: int = 1, feeds: Any = None) -> Any:
    """Run a step some times in a new session, then return the fetches' values."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            session.run(step, feeds)
        return session.run(fetches)


def clipped(gradients: Any, **arguments: Any) -> list[list[float]]:
    """Return what clipping leaves of the gradients."""
    variables = [tf.Variable(np.zeros_like(g, np.float32)) for g in gradients]
    step = keras.SGD(1.0, **arguments).apply_gradients(zip([np.array(g, np.float32) for g in gradients], variables, strict=True))
    return [(-value).tolist() for value in run_steps(step, variables)]


def test_each_clip() -> None:
    np.testing.assert_allclose(clipped([[100.0, 100.0]], clipnorm=1), [[0.70710678] * 2], rtol=1e-6)
    np.testing.assert_allclose(clipped([[100.0, -100.0]], clipvalue=1), [[1, -1]])
    np.testing.assert_allclose(clipped([[100.0, 100.0]] * 2, global_clipnorm=1), [[0.5, 0.5]] * 2, rtol=1e-6)
    np.testing.assert_allclose(clipped([[3.0], [4.0]], global_clipnorm=2), [[1.2], [1.6]], rtol=1e-6)
    np.testing.assert_allclose(clipped([[3.0], [4.0]], global_clipnorm=0, clipvalue=-1, clipnorm=None), [[3.0], [4.0]])


def test_clipping_of_zeros_infinities_and_nan() -> None:
    assert clipped([[0.0, 0.0]], clipnorm=1.0) == [[0.0, 0.0]]
    assert clipped([[0.0], [0.0]], global_clipnorm=1.0) == [[0.0], [0.0]]
    np.testing.assert_array_equal(clipped([[np.inf, 1.0]], clipnorm=1.0), [[np.nan, 0.0]])
    np.testing.assert_array_equal(clipped([[np.nan, 1.0], [2.0, 3.0]], clipnorm=10.0), [[np.nan, np.nan], [2.0, 3.0]])
    np.testing.assert_array_equal(clipped([[np.inf], [1.0]], global_clipnorm=1.0), [[np.nan], [np.nan]])
    np.testing.assert_array_equal(clipped([[np.inf, np.nan]], clipvalue=1.0), [[1.0, np.nan]])


def test_the_first_clip_wins_and_a_warning_names_the_other() -> None:
    with pytest.warns(UserWarning, match="`clipvalue` is ignored, because `clipnorm` is set and the first clip wins"):
        assert clipped([[3.0, 4.0]], clipnorm=5.0, clipvalue=1.0) == [[3.0, 4.0]]


def test_all_clips_in_order() -> None:
    found = clipped([[100.0, 1.0]], clipvalue=3.0, clipnorm=1.0, clipping="all")
    np.testing.assert_allclose(found, [[3 / np.sqrt(10), 1 / np.sqrt(10)]], rtol=1e-6)
    found = clipped([[9.0], [4.0]], clipvalue=3.0, global_clipnorm=2.5, clipping="all")
    np.testing.assert_allclose(found, [[2.5 / np.sqrt(2)]] * 2, rtol=1e-6)


def test_one_norm_over_several_element_types() -> None:
    a, b = tf.Variable(0.0), tf.Variable(0.0, dtype=tf.float64)
    step = keras.SGD(1.0, global_clipnorm=1.0).apply_gradients([(3.0, a), (4.0, b)])
    np.testing.assert_allclose(run_steps(step, [a, b]), [-0.6, -0.8], rtol=1e-6)


def test_weights_decay_before_the_update_and_by_the_rate() -> None:
    w = tf.Variable(1.0)
    assert run_steps(keras.SGD(1.0, weight_decay=0.1).apply_gradients([(2.0, w)]), w) == pytest.approx(-1.1)
    w = tf.Variable(2.0, dtype=tf.float64)
    assert run_steps(keras.SGD(1.0, weight_decay=0.004).apply_gradients([(0.0, w)]), w, 3) == pytest.approx(1.976095872, abs=1e-12)


@pytest.mark.parametrize("by", ["variable", "name", "pattern"])
def test_variables_are_excluded_from_weight_decay(by: str) -> None:
    a, b = tf.Variable(2.0, name="kernel"), tf.Variable(2.0, name="bias")
    optimizer = keras.SGD(1.0, weight_decay=0.004)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])  # the next call replaces it
    optimizer.exclude_from_weight_decay(
        **{"variable": {"var_list": [b]}, "name": {"var_names": ["bias"]}}.get(by, {"var_names": "^b.*:0$"})
    )
    step = optimizer.apply_gradients([(0.0, a), (0.0, b)])
    np.testing.assert_allclose(run_steps(step, [a, b]), [1.992, 2.0], rtol=1e-6)


AVERAGED = [(1, 1.5), (0, 0.75), (-0.125, -0.125), (-1.125, -0.625), (-2.125, -1.375), (-2.25, -2.25), (-3.25, -2.75)]


def test_averages_and_overwriting() -> None:
    w, still = tf.Variable(2.0), tf.Variable(2.0)
    optimizer = keras.SGD(1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3)
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        step = optimizer.apply_gradients([(1.0, w), (None, still)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for wanted in AVERAGED:
            session.run(step)
            assert tuple(session.run([w, optimizer.average_of(w)])) == wanted
        assert session.run([still, optimizer.average_of(still)]) == [2.0, 2.0]


def test_averages_that_start_from_zeros_as_in_keras_3() -> None:
    w = tf.Variable(2.0)
    optimizer = keras.SGD(1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3, ema_start="zeros")
    step = optimizer.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for wanted in [(1, 1), (0, 0.5), (-0.25, -0.25), (-1.25, -0.75)]:
            session.run(step)
            assert tuple(session.run([w, optimizer.average_of(w)])) == wanted


def test_averages_see_weights_before_their_constraint() -> None:
    w = tf.Variable(2.0, constraint=lambda v: tf.maximum(v, 1.5))
    optimizer = keras.SGD(1.0, use_ema=True, ema_momentum=0.5)
    step = optimizer.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for wanted in [(1.5, 1.5), (1.5, 1.0), (1.5, 0.75)]:
            session.run(step)
            assert tuple(session.run([w, optimizer.average_of(w)])) == wanted


def test_finalizing_replaces_variables_by_their_averages() -> None:
    w = tf.Variable([2.0])
    optimizer = keras.SGD(1.0, use_ema=True, ema_momentum=0.5)
    step = optimizer.apply_gradients([(np.ones(1), w)])
    finalize = optimizer.finalize_variable_values([w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run([w, optimizer.average_of(w)]) == [1.0, 1.5]
        session.run(finalize)
        assert session.run(w) == 1.5


def test_finalizing_without_averages_does_nothing() -> None:
    w = tf.Variable(2.0)
    optimizer = keras.SGD(1.0)
    finalize = optimizer.finalize_variable_values([w])
    assert run_steps(finalize, w) == 2.0
    assert optimizer.average_of(w) is None


def test_constraints_come_last() -> None:
    a = tf.Variable([1.0, 2.0], constraint=lambda v: tf.clip_by_value(v, -0.1, 0.0))
    b = tf.Variable([3.0, 4.0], constraint=lambda v: tf.clip_by_value(v, 0.0, 1.0))
    step = keras.SGD(3.0).minimize(lambda: 5 * a + 3 * b, [a, b])
    np.testing.assert_allclose(run_steps(step, [a, b]), [[-0.1, -0.1], [0.0, 0.0]])
