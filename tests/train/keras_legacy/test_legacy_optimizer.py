"""What `minimize` and `apply_gradients` of Keras's older optimizers record: order, stages, names, and what a subclass may define."""

import logging
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import legacy


def two_variables() -> tuple[Any, Any, Any]:
    w0, w1 = tf.Variable([1.0, 2.0], name="w0"), tf.Variable([3.0, 4.0], name="w1")
    return w0, w1, lambda: tf.reduce_sum(5.0 * w0 + 3.0 * w1)


def values_after(step: Any, fetches: Any, times: int = 1) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            session.run(step)
        return session.run(fetches)


# --- the seed's examples -----------------------------------------------------------------------------------------------------


def test_a_step_is_minus_the_rate_times_the_gradient() -> None:
    opt = legacy.SGD(learning_rate=0.1)
    var = tf.Variable(1.0)
    step_count = opt.minimize(lambda: (var**2) / 2.0, [var])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(step_count) == 1
        assert session.run(var) == pytest.approx(0.9)


def test_steps_grow_with_momentum() -> None:
    opt = legacy.SGD(learning_rate=0.1, momentum=0.9)
    var = tf.Variable(1.0)
    step_count = opt.minimize(lambda: (var**2) / 2.0, [var])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        val0 = session.run(var)
        assert session.run(step_count) == 1
        val1 = session.run(var)
        assert session.run(step_count) == 2
        val2 = session.run(var)
    assert val0 - val1 == pytest.approx(0.1)
    assert val1 - val2 == pytest.approx(0.18)


def test_gradients_that_are_aggregated_already() -> None:
    opt = legacy.SGD(1.0)
    var = tf.Variable(1.0)
    grads = opt.get_gradients(3.0 * var, [var])
    step = opt.apply_gradients(zip(grads, [var], strict=True), experimental_aggregate_gradients=False)
    assert values_after(step, var) == -2.0


def test_gradients_of_a_tape_that_are_summed_already() -> None:
    var = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        loss = (var**2) / 2.0
    grads = tape.gradient(loss, [var])
    step = legacy.SGD(learning_rate=0.1).apply_gradients(zip(grads, [var], strict=True), experimental_aggregate_gradients=False)
    assert values_after(step, var) == pytest.approx(0.9)


# --- minimize ------------------------------------------------------------------------------------------------------------------


def test_basic() -> None:
    w0, w1, loss = two_variables()
    found = values_after(legacy.SGD(3.0).minimize(loss, [w0, w1]), [w0, w1])
    np.testing.assert_allclose(found, [[-14, -13], [-6, -5]])


@pytest.mark.parametrize("form", ["tensor", "callable", "callable list", "nested list"])
def test_forms_of_loss_and_variables(form: str) -> None:
    w0, w1, loss = two_variables()
    variables: Any = {"callable list": lambda: [w0, w1], "nested list": [[w0], (w1,)]}.get(form, [w0, w1])
    step = legacy.SGD(3.0).minimize(loss() if form == "tensor" else loss, variables)
    np.testing.assert_allclose(values_after(step, [w0, w1]), [[-14, -13], [-6, -5]])


def test_the_gradient_of_the_loss_to_start_from() -> None:
    w0, w1, _ = two_variables()
    step = legacy.SGD(3.0).minimize(lambda: 5.0 * w0 + 3.0 * w1, [w0, w1], grad_loss=tf.constant([42.0, -42.0]))
    np.testing.assert_allclose(values_after(step, [w0, w1]), [[1 - 630, 2 + 630], [3 - 378, 4 + 378]])


def test_a_matrix_and_a_bias() -> None:
    w, b = tf.Variable([[1.0, 2.0]]), tf.Variable([3.0])
    step = legacy.SGD(1.0).minimize(lambda: tf.reduce_sum(tf.matmul(w, tf.constant([[4.0], [5.0]])) + b), [w, b])
    found = values_after(step, [w, b])
    np.testing.assert_allclose(found[0], [[-3, -3]])
    np.testing.assert_allclose(found[1], [2])


SQUARED = [
    (lambda: legacy.SGD(1.0, momentum=0.9), [[-111.0, -138.0]]),
    (lambda: legacy.Adadelta(1.0, 1.0, 1.0), [[-111.0, -138.0]]),
    (lambda: legacy.RMSprop(1.0, rho=0.0, momentum=0.0, epsilon=1.0, centered=True), [[-111.0, -138.0]]),
    (lambda: legacy.RMSprop(1.0, rho=0.0, momentum=0.0, epsilon=0.0), [[0.0, 1.0]]),
    (lambda: legacy.Ftrl(1.0), [[0.0, 1.0]]),
]


@pytest.mark.parametrize(("make", "expected"), SQUARED)
def test_an_embedding_in_a_square(make: Any, expected: Any) -> None:
    w = tf.Variable([[1.0, 2.0]])
    pred = tf.matmul(tf.nn.embedding_lookup([w], [0]), tf.constant([[4.0], [5.0]]))
    step = make().minimize(lambda: pred * pred, [w])
    atol = 1e-3 if expected[0][0] < 0 else 1.0
    np.testing.assert_allclose(values_after(step, w), expected, atol=atol)


def test_an_embedding_with_indices_of_two_dimensions() -> None:
    w = tf.Variable(np.ones((2, 2), np.float32))
    loss = tf.reduce_sum(tf.nn.embedding_lookup(w, [[1]]))
    np.testing.assert_allclose(values_after(legacy.SGD(1.0, momentum=0.9).minimize(loss, [w]), w), [[1, 1], [0, 0]])


def test_a_tape_that_is_given_makes_the_gradients() -> None:
    class Doubling:
        inside = False

        def __enter__(self) -> None:
            self.inside = True

        def __exit__(self, *error: Any) -> None:
            self.inside = False

        def gradient(self, target: Any, sources: Any, output_gradients: Any = None) -> list[Any]:
            return [2.0 * g for g in tf.gradients(target, sources, output_gradients)]

    tape, seen = Doubling(), []
    w = tf.Variable(1.0)

    def loss() -> Any:
        seen.append(tape.inside)
        return 3.0 * w

    assert values_after(legacy.SGD(1.0).minimize(loss, [w], tape=tape), w) == -5.0
    assert seen == [True]


def test_a_loss_that_a_tape_recorded() -> None:
    w = tf.Variable(1.0)
    opt = legacy.SGD(1.0)
    with tf.GradientTape() as tape:
        loss = 3.0 * w
    assert values_after(opt.minimize(loss, [w], tape=tape), w) == -2.0
    assert values_after(opt.minimize(lambda: 3.0 * w, [w], tape=tf.GradientTape()), w) == -2.0


def test_gradients_by_themselves() -> None:
    w, other = tf.Variable(2.0), tf.Variable(1.0)
    opt = legacy.SGD(1.0)
    pairs = opt.compute_gradients(lambda: w * w)
    assert [v for _, v in pairs] == [w, other]
    assert pairs[1][0] is None
    (step,) = opt.get_updates(w * w, [w])
    assert values_after(step, w) == -2.0


# --- apply_gradients ---------------------------------------------------------------------------------------------------------


def test_the_step_is_counted_after_the_updates() -> None:
    w = tf.Variable(1.0)
    opt = legacy.SGD(tf.keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.25]))
    step = opt.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [session.run(step) for _ in range(2)] == [1, 2]
        assert session.run([w, opt.iterations]) == [-0.25, 2]


def test_two_steps_in_one_run_see_each_other() -> None:
    w = tf.Variable(np.float64(1.0))
    opt = legacy.SGD(1.0, decay=1.0)
    steps = [opt.apply_gradients([(1.0, w)]) for _ in range(2)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(steps)
        assert session.run([w, opt.iterations]) == [pytest.approx(1 - 1 - 0.5), 2]


def test_an_empty_list_does_nothing() -> None:
    opt = legacy.SGD(1.0)
    nothing = opt.apply_gradients([])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(nothing) is None
        assert session.run(opt.iterations) == 0


def test_a_variable_without_gradient_stays(caplog: pytest.LogCaptureFixture) -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(1.0, name="b")
    opt = legacy.SGD(1.0, momentum=0.5)
    with caplog.at_level(logging.WARNING, "graphopt"):
        step = opt.apply_gradients([(None, a), (1.0, b)])
    assert "Gradients do not exist for variables ['a:0']" in caplog.text
    assert values_after(step, [a, b]) == [1.0, 0.0]
    assert [v.name for v in opt.weights] == ["SGD/iter:0", "SGD/b/momentum:0"]


def test_new_variables_may_appear_later() -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(1.0, name="b")
    opt = legacy.SGD(1.0, momentum=0.5)
    first = opt.apply_gradients([(1.0, a)])
    second = opt.apply_gradients([(1.0, b)])
    assert [v.name for v in opt.weights] == ["SGD/iter:0", "SGD/a/momentum:0", "SGD_1/b/momentum:0"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(first) == 1
        assert session.run(second) == 2
        assert session.run([a, b]) == [0.0, 0.0]


def test_a_variable_listed_twice_is_updated_twice() -> None:
    w = tf.Variable(1.0)
    assert values_after(legacy.SGD(1.0).apply_gradients([(1.0, w), (2.0, w)]), w) == -2.0


def test_constraints_come_after_the_update() -> None:
    w0 = tf.Variable([1.0, 2.0], constraint=lambda x: tf.clip_by_value(x, -0.1, 0.0))
    w1 = tf.Variable([3.0, 4.0], constraint=lambda x: tf.clip_by_value(x, 0.0, 1.0))
    step = legacy.SGD(3.0).minimize(lambda: tf.reduce_sum(5.0 * w0 + 3.0 * w1), [w0, w1])
    np.testing.assert_allclose(values_after(step, [w0, w1]), [[-0.1, -0.1], [0.0, 0.0]])


def test_names() -> None:
    w = tf.Variable(1.0, name="w")
    named = legacy.Adam(name="mine")
    step = named.apply_gradients([(1.0, w)], name="train")
    assert step.op.name.startswith("mine/train")
    assert [v.name for v in named.weights] == ["mine/iter:0", "mine/w/m:0", "mine/w/v:0"]
    assert [legacy.SGD(name=None)._name, legacy.SGD(name="")._name, legacy.RMSprop(name=None)._name] == ["sgd", "sgd_1", "rm_sprop"]


def test_skipped_writes_change_nothing() -> None:
    w, flag = tf.Variable(1.0), tf.placeholder(tf.bool, [])
    opt = legacy.Nadam(0.5)
    with tf.get_default_graph().write_only_if(flag):
        step = opt.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, {flag: False})
        assert session.run(w) == 1.0
        assert opt.get_weights() == [0, 1.0, 0.0, 0.0]
        session.run(step, {flag: True})
        assert session.run(w) < 1.0
        assert opt.get_weights()[0] == 1


def test_in_a_branch() -> None:
    w, flag = tf.Variable(1.0), tf.placeholder(tf.bool, [])
    opt = legacy.SGD(tf.keras.optimizers.schedules.InverseTimeDecay(1.0, 1, 1.0), momentum=0.5)
    step = tf.cond(flag, lambda: opt.apply_gradients([(1.0, w)]), lambda: tf.constant(-1, tf.int64))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [int(session.run(step, {flag: f})) for f in (False, True, False, True)] == [-1, 1, -1, 2]
        assert session.run(w) == pytest.approx(1.0 - 1.0 - 1.0)


# --- transformations ----------------------------------------------------------------------------------------------------------


def test_the_aggregator_comes_before_the_transformers() -> None:
    w = tf.Variable(0.0)
    options = {
        "gradient_aggregator": lambda pairs: [(g + 1.0, v) for g, v in pairs],
        "gradient_transformers": [lambda pairs: [(2.0 * g, v) for g, v in pairs]],
    }
    step = legacy.SGD(1.0, **options).apply_gradients([(tf.constant(3.0), w)])
    alone = legacy.SGD(1.0, **options).apply_gradients([(tf.constant(3.0), w)], experimental_aggregate_gradients=False)
    assert values_after(step, w) == -8.0
    assert values_after(alone, w) == -6.0


CLIPPED: list[tuple[dict[str, float], list[float]]] = [
    ({"clipnorm": 1.0}, [0.70710678, 0.70710678]),
    ({"clipvalue": 1.0}, [1.0, 1.0]),
    ({"global_clipnorm": 1.0}, [0.5, 0.5]),
    ({"clipvalue": 3.0, "clipnorm": 1.0}, [0.70710678, 0.70710678]),
    ({"clipvalue": 0.25, "clipnorm": 1.0}, [0.25, 0.25]),
    ({"clipvalue": 0.25, "global_clipnorm": 0.25}, [0.125, 0.125]),
]


@pytest.mark.parametrize(("clips", "expected"), CLIPPED)
def test_clips(clips: dict[str, float], expected: list[float]) -> None:
    variables = [tf.Variable([0.0, 0.0]) for _ in range(2)]
    step = legacy.SGD(1.0, **clips).apply_gradients([([100.0, 100.0], v) for v in variables])
    np.testing.assert_allclose(values_after(step, variables), [np.negative(expected)] * 2, rtol=1e-6)


def test_recorded_clips_of_a_loss() -> None:
    w0, w1 = tf.Variable(1.0), tf.Variable(2.0)
    step = legacy.SGD(1.0, global_clipnorm=2.0).minimize(lambda: 3.0 * w0 + 4.0 * w1, [w0, w1])
    np.testing.assert_allclose(values_after(step, [w0, w1]), [-0.2, 0.4], rtol=1e-5)
    w = tf.Variable([1.0, 2.0])
    np.testing.assert_allclose(values_after(legacy.SGD(1.0, clipvalue=1.0).minimize(lambda: 3.0 * w, [w]), w), [0.0, 1.0])
    one = tf.Variable([1.0])
    np.testing.assert_allclose(values_after(legacy.SGD(1.0, clipnorm=1.0).minimize(lambda: 3.0 * one, [one]), one), [0.0])


@pytest.mark.parametrize("clip", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_a_clip_of_0_makes_every_gradient_zero(clip: str) -> None:
    a, b, table = tf.Variable([1.0, 2.0]), tf.Variable(3.0), tf.Variable([[1.0], [2.0]])
    rows = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([1, 1]))
    step = legacy.SGD(1.0, **{clip: 0.0}).apply_gradients([([1.0, 0.0], a), (0.0, b), (rows, table)])
    found = values_after(step, [a, b, table])
    np.testing.assert_array_equal(found[0], [1.0, 2.0])
    assert found[1] == 3.0
    np.testing.assert_array_equal(found[2], [[1.0], [2.0]])


def test_repeated_rows_are_clipped_before_they_are_added_up() -> None:
    table = tf.Variable([0.0, 0.0])
    rows = tf.IndexedSlices(tf.constant([3.0, 4.0]), tf.constant([1, 1]))
    step = legacy.SGD(1.0, clipnorm=1.0).apply_gradients([(rows, table)])
    np.testing.assert_allclose(values_after(step, table), [0.0, -1.4], rtol=1e-6)
