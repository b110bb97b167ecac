"""The page of gradient descent as Keras had it before 2.11, sentence by sentence, in graph mode.

Erratum 0.3 of the reference: the whole page describes the older optimizers, which are `tf.keras.optimizers.legacy` now. Its examples run on
both faces.
"""

import inspect
from typing import Any

import numpy as np
import pytest

import graphopt as tf

SGD = tf.keras.optimizers.legacy.SGD
BOTH = pytest.mark.parametrize("make", [SGD, tf.keras.optimizers.SGD], ids=["legacy", "new"])


# --- the examples ------------------------------------------------------------------------------------------------------------


@BOTH
def test_example_of_one_step(run: Any, make: Any) -> None:
    """Erratum 0.3: the page leaves the result out: 0.9. `minimize` gives the count of steps."""
    opt = make(learning_rate=0.1)
    var = tf.Variable(1.0)
    loss = lambda: (var**2) / 2.0  # noqa: E731
    step_count = opt.minimize(loss, [var])
    assert run(step_count) == 1
    assert run(var) == np.float32(0.9)


@BOTH
def test_example_with_momentum(run: Any, make: Any) -> None:
    """Erratum 0.3: the results left out are a first step of 0.1 and a second one of 0.18."""
    opt = make(learning_rate=0.1, momentum=0.9)
    var = tf.Variable(1.0)
    val0 = run(var.value())
    loss = lambda: (var**2) / 2.0  # noqa: E731
    step_count = opt.minimize(loss, [var])
    assert run(step_count) == 1
    val1 = run(var.value())
    assert val0 - val1 == pytest.approx(0.1, abs=1e-6)
    step_count = opt.minimize(loss, [var])
    assert run(step_count) == 2
    val2 = run(var.value())
    assert val1 - val2 == pytest.approx(0.18, abs=1e-6)


@BOTH
def test_example_with_momentum_and_one_step_run_twice(run: Any, make: Any) -> None:
    var = tf.Variable(1.0, dtype=tf.float64)
    step_count = make(learning_rate=0.1, momentum=0.9).minimize(lambda: (var**2) / 2.0, [var])
    assert [run(step_count), run(var), run(step_count)] == [1, pytest.approx(0.9, abs=1e-15), 2]
    assert run(var) == pytest.approx(0.72, abs=1e-15)


def test_example_of_aggregating_gradients_outside(run: Any) -> None:
    """Erratum 0.3: the page's last line is cut off; it ends with ``experimental_aggregate_gradients=False)``."""
    doubled = lambda pairs: [(2.0 * g, v) for g, v in pairs]  # noqa: E731
    optimizer = SGD(1.0, gradient_aggregator=doubled)
    variables = [tf.Variable(1.0), tf.Variable(2.0)]
    with tf.GradientTape() as tape:
        loss = 3.0 * variables[0] + variables[1]
    grads = tape.gradient(loss, variables)
    grads = [tf.add_n([g]) for g in grads]  # the sum over one replica
    train_op = optimizer.apply_gradients(zip(grads, variables, strict=True), experimental_aggregate_gradients=False)
    run(train_op)
    assert run(variables) == [-2.0, 1.0]


# --- the update rules --------------------------------------------------------------------------------------------------------

GRADIENTS = [0.5, -2.0, 1.0, 0.25]


def places(run: Any, make: Any, **options: Any) -> list[float]:
    w, gradient = tf.Variable(1.0, dtype=tf.float64), tf.placeholder(tf.float64, [])
    step = make(learning_rate=0.1, **options).apply_gradients([(gradient, w)])
    found = []
    for g in GRADIENTS:
        run(step, {gradient: g})
        found.append(run(w))
    return found


@BOTH
def test_rule_without_momentum(run: Any, make: Any) -> None:
    expected = 1.0 - 0.1 * np.cumsum(GRADIENTS)
    assert places(run, make) == pytest.approx(expected.tolist(), abs=1e-14)


@BOTH
def test_rule_with_momentum(run: Any, make: Any) -> None:
    """Erratum 0.3: not ``w = w * velocity`` but ``w = w + velocity``."""
    w, velocity, expected = 1.0, 0.0, []
    for g in GRADIENTS:
        velocity = 0.9 * velocity - 0.1 * g
        w = w + velocity
        expected.append(w)
    assert places(run, make, momentum=0.9) == pytest.approx(expected, abs=1e-14)


@BOTH
def test_rule_with_nesterov_momentum(run: Any, make: Any) -> None:
    """Erratum 0.3: the page gives this rule for ``nesterov=False``; it is that of True, with the updated velocity."""
    w, velocity, expected = 1.0, 0.0, []
    for g in GRADIENTS:
        velocity = 0.9 * velocity - 0.1 * g
        w = w + 0.9 * velocity - 0.1 * g
        expected.append(w)
    assert places(run, make, momentum=0.9, nesterov=True) == pytest.approx(expected, abs=1e-14)


# --- arguments ---------------------------------------------------------------------------------------------------------------


def test_signature_and_base() -> None:
    parameters = inspect.signature(SGD).parameters
    assert {name: parameters[name].default for name in list(parameters)[:4]} == {
        "learning_rate": 0.01,
        "momentum": 0.0,
        "nesterov": False,
        "name": "SGD",
    }
    assert issubclass(SGD, tf.keras.optimizers.legacy.Optimizer)


def test_learning_rate_defaults_to_one_hundredth(run: Any) -> None:
    w = tf.Variable(1.0)
    run(SGD().minimize(lambda: w * 1.0, [w]))
    assert run(w) == np.float32(0.99)


RATES = {
    "number": lambda: 0.5,
    "tensor": lambda: tf.constant(0.5),
    "schedule": lambda: tf.keras.optimizers.schedules.InverseTimeDecay(0.5, 1, 1.0),
    "callable": lambda: lambda: tf.constant(0.5),
}


@pytest.mark.parametrize("kind", RATES)
def test_learning_rate_is_a_tensor_a_number_a_schedule_or_a_callable(run: Any, kind: str) -> None:
    w = tf.Variable(2.0)
    step = SGD(RATES[kind]()).minimize(lambda: w * 1.0, [w])
    run(step)
    run(step)
    assert run(w) == (1.25 if kind == "schedule" else 1.0)


def test_a_callable_returns_the_actual_value_at_every_step(run: Any) -> None:
    rate = {"now": 0.5}
    w = tf.Variable(2.0)
    step = SGD(lambda: rate["now"]).minimize(lambda: w * 1.0, [w])
    seen = []
    for rate["now"] in (0.5, 0.25, 1.0):
        run(step)
        seen.append(run(w))
    assert seen == [1.5, 1.25, 0.25]


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_momentum_is_between_0_and_1(momentum: float) -> None:
    """Erratum 0.3: "float hyperparameter >= 0", but above 1 is refused, too."""
    with pytest.raises(ValueError, match=r"`momentum` must be between \[0, 1\]"):
        SGD(momentum=momentum)


def test_momentum_defaults_to_vanilla_gradient_descent(run: Any) -> None:
    w = tf.Variable(1.0)
    opt = SGD(0.5)
    run(opt.minimize(lambda: w * 1.0, [w]))
    assert opt.get_slot_names() == []
    assert len(opt.weights) == 1  # the counter alone


def test_the_name_is_a_prefix_of_operations_and_accumulators() -> None:
    w = tf.Variable(1.0, name="w")
    opt = SGD(0.5, momentum=0.9, name="descent")
    opt.minimize(lambda: w * 1.0, [w])
    assert opt.get_slot(w, "momentum").op.name == "descent/w/momentum"
    assert any(op.name.startswith("descent/") and "update" in op.name for op in tf.get_default_graph().get_operations())


def test_a_name_is_never_malformed() -> None:
    """Erratum 0.3: there is no ValueError; without a name there is an automatic one."""
    assert [SGD(name=name).get_config()["name"] for name in (None, "", None)] == ["sgd", "sgd_1", "sgd_2"]


def after_one(run: Any, start: Any, loss: Any, **options: Any) -> Any:
    variables = [tf.Variable(value) for value in start]
    run(SGD(1.0, **options).minimize(lambda: loss(*variables), variables))
    return run(variables)


def test_clipnorm_clips_by_norm(run: Any) -> None:
    assert after_one(run, [[1.0]], lambda w: tf.reduce_sum(3.0 * w), clipnorm=1.0) == [[0.0]]


def test_clipvalue_clips_by_value(run: Any) -> None:
    assert after_one(run, [[1.0, 2.0]], lambda w: tf.reduce_sum(3.0 * w), clipvalue=1.0) == [[0.0, 1.0]]


def test_global_clipnorm_which_the_page_leaves_out(run: Any) -> None:
    """Erratum 0.3: both lists of keywords are incomplete."""
    found = after_one(run, [1.0, 2.0], lambda a, b: 3.0 * a + 4.0 * b, global_clipnorm=2.0)
    assert found == [pytest.approx(-0.2), pytest.approx(0.4)]


def test_clipvalue_and_clipnorm_are_both_done(run: Any) -> None:
    """Erratum 0.3: "one of"; with both, values are clipped first and then the norm."""
    (found,) = after_one(run, [[0.0, 0.0]], lambda w: tf.reduce_sum(tf.constant([3.0, -9.0]) * w), clipvalue=1.0, clipnorm=1.0)
    assert found == pytest.approx([-(0.5**0.5), 0.5**0.5])


def test_decay_divides_the_rate_by_time(run: Any) -> None:
    w = tf.Variable(1.0)
    step = SGD(3.0, decay=0.5).minimize(lambda: 0.1 * w, [w])
    seen = []
    for _ in range(2):
        run(step)
        seen.append(run(w))
    assert seen == pytest.approx([1.0 - 0.3, 1.0 - 0.3 - 0.2])


def test_decay_divides_the_rate_of_a_schedule(run: Any) -> None:
    w = tf.Variable(0.0)
    step = SGD(tf.keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5), decay=1.0).minimize(lambda: -1.0 * w, [w])
    seen = [0.0]
    for _ in range(3):
        run(step)
        seen.append(run(w))
    assert np.diff(seen) == pytest.approx([0.5, 0.125, 0.0416667], abs=1e-6)


def test_lr_is_an_old_name_of_learning_rate(run: Any) -> None:
    w = tf.Variable(1.0)
    with pytest.warns(UserWarning, match="The `lr` argument is deprecated, use `learning_rate` instead"):
        opt = SGD(lr=0.5)
    run(opt.minimize(lambda: w * 1.0, [w]))
    assert run([w, opt.lr, opt.learning_rate]) == [0.5, 0.5, 0.5]


def test_other_keywords_and_negative_ones_are_refused() -> None:
    with pytest.raises(TypeError, match="Unexpected keyword argument passed to optimizer: clip"):
        SGD(clip=1.0)
    with pytest.raises(ValueError, match="Expected clipnorm >= 0, received: -1"):
        SGD(clipnorm=-1.0)


# --- attributes and methods --------------------------------------------------------------------------------------------------


def test_iterations_is_the_number_of_steps(run: Any) -> None:
    w = tf.Variable(1.0)
    opt = SGD(0.1)
    step = opt.minimize(lambda: w * 1.0, [w])
    assert run(opt.iterations) == 0
    for _ in range(3):
        run(step)
    assert run(opt.iterations) == 3 and opt.iterations.dtype is tf.int64


def test_weights_in_the_order_created(run: Any) -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable([1.0, 2.0], name="b")
    opt = SGD(2.0, momentum=0.9)
    step = opt.apply_gradients([(tf.constant(0.1), a), (tf.constant([0.1, 0.1]), b)])
    run(step)
    assert run(opt.weights) == [1, pytest.approx(-0.2), pytest.approx([-0.2, -0.2])]
    run(step)
    assert run(opt.weights) == [2, pytest.approx(-0.38), pytest.approx([-0.38, -0.38])]
    assert run(a) == pytest.approx(0.42)


def test_add_slot(run: Any) -> None:
    w = tf.Variable([1.0, 2.0], name="w")
    opt = SGD(0.1)
    slot = opt.add_slot(w, "mean", initializer="ones")
    assert opt.add_slot(w, "mean") is slot and opt.get_slot(w, "mean") is slot
    assert slot.op.name == "w/mean"
    assert run(slot) == [1.0, 1.0]
    assert opt.get_slot_names() == ["mean"]


def test_apply_gradients_is_the_second_part_of_minimize(run: Any) -> None:
    a, b = tf.Variable(2.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        loss = b * b
    steps = [SGD(0.1).minimize(lambda: a * a, [a]), SGD(0.1).apply_gradients([(tape.gradient(loss, b), b)])]
    run(steps)
    assert run(a) == run(b) == pytest.approx(1.6)


def test_what_apply_gradients_returns_applies_and_counts(run: Any) -> None:
    """Erratum 0.3: "an Operation", true of graphs; the value is the count, as eager code gets it."""
    w = tf.Variable(1.0)
    train_op = SGD(0.5).apply_gradients([(tf.constant(1.0), w)])
    assert [run(train_op), run(w), run(train_op), run(w)] == [1, 0.5, 2, 0.0]


def test_the_operation_alone_applies_too(run: Any) -> None:
    w = tf.Variable(1.0)
    train_op = SGD(0.5).apply_gradients([(tf.constant(1.0), w)])
    run(tf.group(train_op))
    assert run(w) == 0.5


def test_optional_name_of_the_updates() -> None:
    w = tf.Variable(1.0)
    before = len(tf.get_default_graph().get_operations())
    SGD(0.5).apply_gradients([(tf.constant(1.0), w)], name="my_updates")
    names = [op.name for op in tf.get_default_graph().get_operations()[before:]]
    assert any("my_updates" in name for name in names)


@pytest.mark.parametrize(("aggregate", "expected"), [(True, -7.0), (False, -5.0)])
def test_gradients_are_summed_over_replicas_unless_switched_off(run: Any, aggregate: bool, expected: float) -> None:
    """An aggregator that adds 1, then a transformer that doubles: 3 becomes 8, and without aggregation 6."""
    opt = SGD(
        1.0,
        gradient_aggregator=lambda pairs: [(g + 1.0, v) for g, v in pairs],
        gradient_transformers=[lambda pairs: [(g * 2.0, v) for g, v in pairs]],
    )
    w = tf.Variable(1.0)
    run(opt.apply_gradients([(tf.constant(3.0), w)], experimental_aggregate_gradients=aggregate))
    assert run(w) == expected


def test_minimize_with_grad_loss(run: Any) -> None:
    w0, w1 = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    step = SGD(3.0).minimize(lambda: 5 * w0 + 3 * w1, [w0, w1], grad_loss=tf.constant([42.0, -42.0]))
    run(step)
    assert run([w0, w1]) == [[1.0 - 630, 2.0 + 630], [3.0 - 378, 4.0 + 378]]


def test_in_optimize_loss(run: Any) -> None:
    w = tf.Variable(10.0)
    train_op = tf.contrib.layers.optimize_loss(tf.abs(w * 5.0), tf.train.get_or_create_global_step(), None, SGD(0.1))
    assert [run(train_op), run(w)] == [50.0, 9.5]
