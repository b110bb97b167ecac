"""Hyper-parameters of Keras's optimizers: every kind of them, read and set while running, without compiling anything anew."""

import json
from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras.optimizers
schedules = tf.keras.optimizers.schedules


def descending(optimizer: Any, gradient: float = 1.0) -> tuple[Any, Any]:
    """Return a variable that starts at 0 and the step that changes it by a constant gradient."""
    w = tf.Variable(0.0, dtype=tf.float64)
    return w, optimizer.apply_gradients([(gradient, w)])


def test_the_rate_is_set_while_running() -> None:
    optimizer = keras.SGD(1.0)
    w, step = descending(optimizer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        before = session.compiled(step).plan
        optimizer.learning_rate = 0.5
        session.run(step)
        assert session.run(w) == -1.5
        optimizer.lr = 0.25
        session.run(step)
        optimizer.hyper["learning_rate"] = 0.125
        session.run(step)
        assert session.run(w) == -1.875
        assert session.run(optimizer.learning_rate) == session.run(optimizer.lr) == optimizer.hyper["learning_rate"] == 0.125
        assert session.compiled(step).plan is before


def test_each_session_has_its_own_rate() -> None:
    optimizer = keras.SGD(1.0)
    w, step = descending(optimizer)
    with tf.Session() as one, tf.Session() as other:
        for session in (one, other):
            session.run(tf.global_variables_initializer())
        optimizer.hyper.of(one)["learning_rate"] = 0.5
        assert [(session.run(step), session.run(w).item())[1] for session in (one, other)] == [-0.5, -1.0]
    optimizer.learning_rate = 0.25  # no session is the default one: all of them
    with tf.Session() as session:
        assert session.run(optimizer.learning_rate) == 0.25


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lambda: keras.Adam(), "beta_1", 0.5),
        (lambda: keras.Adam(), "beta_2", 0.5),
        (lambda: keras.Adam(), "epsilon", 0.1),
        (lambda: keras.SGD(0.1, 0.9), "momentum", 0.5),
        (lambda: keras.RMSprop(momentum=0.1), "momentum", 0.5),
        (lambda: keras.RMSprop(), "rho", 0.5),
        (lambda: keras.Ftrl(0.1, l1_regularization_strength=0.1), "l1_regularization_strength", 0.5),
        (lambda: keras.Ftrl(0.1), "beta", 0.5),
        (lambda: keras.Lion(0.1), "beta_2", 0.5),
        (lambda: keras.Adafactor(0.1), "clip_threshold", 0.5),
        (lambda: keras.Lamb(0.1), "epsilon", 0.5),
        (lambda: keras.SGD(0.1, weight_decay=0.1), "weight_decay", 0.5),
        (lambda: keras.SGD(0.1, clipnorm=0.1), "clipnorm", 0.5),
        (lambda: keras.SGD(0.1, clipvalue=0.1), "clipvalue", 0.5),
        (lambda: keras.SGD(0.1, global_clipnorm=0.1), "global_clipnorm", 0.5),
        (lambda: keras.SGD(0.1, use_ema=True), "ema_momentum", 0.5),
    ],
)
def test_every_hyper_parameter_is_set_while_running(make: Any, name: str, value: float) -> None:
    """What is set before the second step acts as what the constructor was given would have acted on that step."""

    def two_steps(change: Any) -> list[Any]:
        with tf.Graph().as_default():
            optimizer = make()
            w = tf.Variable([1.0, -2.0], dtype=tf.float64)
            gradient = tf.placeholder(tf.float64, [2])
            step = optimizer.apply_gradients([(gradient, w)])
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                session.run(step, {gradient: [1.0, 0.25]})
                change(optimizer, session)
                session.run(step, {gradient: [2.0, -0.5]})
                assert optimizer.hyper[name] == getattr(optimizer, name)
                return session.run([w, *optimizer.variables[1:]])

    def differs(one: list[Any], other: list[Any]) -> bool:
        return any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))

    same = two_steps(lambda optimizer, session: None)
    by_attribute = two_steps(lambda optimizer, session: setattr(optimizer, name, value))
    by_mapping = two_steps(lambda optimizer, session: optimizer.hyper.of(session).__setitem__(name, value))
    assert differs(same, by_attribute)
    assert not differs(by_attribute, by_mapping)


@pytest.mark.parametrize("kind", ["variable", "tensor", "schedule", "callable", "callable of a tensor"])
def test_every_kind_of_hyper_parameter(kind: str) -> None:
    given: dict[str, Any] = {
        "variable": tf.Variable(0.5, trainable=False),
        "tensor": tf.constant(0.25) * 2.0,
        "schedule": schedules.PiecewiseConstantDecay([100], [0.5, 7.0]),
        "callable": lambda: 0.5,
        "callable of a tensor": lambda: tf.constant(0.5),
    }
    optimizer = keras.SGD(given[kind], momentum=given[kind], weight_decay=given[kind])
    w = tf.Variable(1.0, dtype=tf.float64)
    step = optimizer.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(w) == 1 * 0.75 - 0.5
        session.run(step)
        assert session.run(w) == 0.25 * 0.75 - 0.75
        assert session.run(optimizer.learning_rate) == 0.5
        if kind == "variable":
            optimizer.momentum = 0.0
            session.run(step)
            assert session.run([given[kind], w]) == [0.0, -0.5625]  # all three are this one variable


def test_a_callable_is_called_at_every_step() -> None:
    calls: list[float] = []

    def rate() -> float:
        calls.append(1.0)
        return float(len(calls))

    w, step = descending(keras.SGD(rate))
    calls.clear()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for wanted in [-1.0, -3.0, -6.0]:
            session.run(step)
            assert session.run(w) == wanted


def test_a_schedule_sees_the_steps_before_this_one() -> None:
    optimizer = keras.SGD(schedules.PiecewiseConstantDecay([1], [1.0, 0.1]))
    w = tf.Variable(1.0, dtype=tf.float64)
    step = optimizer.minimize(lambda: w * w, [w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([step, optimizer.learning_rate]) == [1, 1.0]
        assert session.run(w) == -1.0
        session.run(step)
        assert session.run(w) == 1.0  # the boundary belongs to the first rate
        assert session.run(optimizer.learning_rate) == 0.1


def test_steps_recorded_one_after_the_other_see_each_others_count() -> None:
    optimizer = keras.SGD(lambda step: tf.cast(step, tf.float64) + 1.0)
    w = tf.Variable(0.0, dtype=tf.float64)
    first, second = optimizer.apply_gradients([(1.0, w)]), optimizer.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([first, second]) == [1, 2]
        assert session.run(w) == -3.0


def test_exponential_decay_after_two_steps() -> None:
    optimizer = keras.SGD(schedules.ExponentialDecay(0.01, 10000, 0.9))
    _, step = descending(optimizer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step), session.run(step)
        assert 0.00999 < session.run(optimizer.learning_rate) < 0.01


def test_hyper_parameters_are_exact() -> None:
    optimizer = keras.Adam(0.1, beta_1=0.8)
    assert (optimizer.beta_1, optimizer.epsilon) == (0.8, 1e-7)
    w = tf.Variable(1.0, dtype=tf.float64)
    optimizer.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        assert session.run(optimizer.learning_rate) == 0.1
    assert optimizer.get_config()["learning_rate"] == 0.1


# --- before the updates are recorded ------------------------------------------------------------------------------------------------


def test_anything_may_be_set_before_the_updates_are_recorded() -> None:
    optimizer = keras.SGD(7.0)
    assert optimizer.learning_rate.dtype == tf.float64  # recorded, but no update looks at it
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([0], [0.5, 0.25])
    optimizer.momentum = tf.constant(0.5)
    w, step = descending(optimizer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step), session.run(step)
        assert session.run(w) == -0.5 - 0.5


def test_a_schedule_may_be_replaced_by_a_schedule() -> None:
    optimizer = keras.SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    optimizer.learning_rate = schedules.PiecewiseConstantDecay([0], [1.0, 0.25])
    w, step = descending(optimizer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(w) == -1.0


def test_lr_is_the_learning_rate() -> None:
    w, step = descending(keras.SGD(lr=0.5))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(w) == -0.5
    assert keras.Nadam(lr=0.25).get_config()["learning_rate"] == 0.25


def test_a_custom_class_sees_the_rate_in_the_type_of_the_variable() -> None:
    class Plain(keras.Optimizer):
        def __init__(self) -> None:
            super().__init__("plain")
            self._build_learning_rate(0.5)

        def update_step(self, gradient: Any, variable: Any) -> None:
            assert self.learning_rate.dtype == variable.dtype
            variable.assign_sub(self.learning_rate * gradient)

    variables = [tf.Variable(np.zeros(2, dtype)) for dtype in (np.float16, np.float32, np.float64)]
    step = Plain().apply_gradients([(np.ones(2), v) for v in variables])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert [v.tolist() for v in session.run(variables)] == [[-0.5, -0.5]] * 3


# --- configurations -----------------------------------------------------------------------------------------------------------------

ALL = ["SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl", "Lion", "Adafactor", "Lamb", "Muon"]


@pytest.mark.parametrize("name", ALL)
def test_configurations_round_trip_through_json(name: str) -> None:
    cls = getattr(keras, name)
    optimizer = cls(
        0.1, name="custom", clipnorm=0.5, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=50, clipping="all", ema_start="zeros"
    )
    config = json.loads(json.dumps(optimizer.get_config()))
    assert config["learning_rate"] == 0.1 and config["is_legacy_optimizer"] is False and config["jit_compile"] is True
    assert cls.from_config(config).get_config() == config
    serialized = json.loads(json.dumps(keras.serialize(optimizer)))
    assert (serialized["module"], serialized["class_name"], serialized["registered_name"]) == ("keras.optimizers", name, None)
    again = keras.deserialize(serialized)
    assert type(again) is cls and again.get_config() == config
    legacy = keras.serialize(optimizer, use_legacy_format=True)
    assert keras.deserialize({**legacy, "class_name": name.lower()}, use_legacy_format=True).get_config() == config


@pytest.mark.parametrize("name", ALL)
def test_names_give_optimizers(name: str) -> None:
    optimizer = keras.get(name.lower())
    assert type(optimizer) is getattr(keras, name) and keras.get(optimizer) is optimizer
    assert type(keras.get(keras.serialize(optimizer))) is type(optimizer)
    assert optimizer.name == name and optimizer.get_config() == getattr(keras, name)().get_config()


def test_a_schedule_is_part_of_the_configuration_which_stays_as_it_is() -> None:
    schedule = schedules.ExponentialDecay(0.1, 10, 0.5)
    config = keras.Adam(schedule, weight_decay=schedule).get_config()
    text = json.dumps(config)
    again = keras.Adam.from_config(config)
    assert json.dumps(config) == text == json.dumps(again.get_config())


def test_the_configuration_has_what_was_set() -> None:
    optimizer = keras.SGD(1, momentum=0.5)
    _, step = descending(optimizer)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.learning_rate = 0.3
        config = optimizer.get_config()
        assert (config["learning_rate"], config["momentum"], config["nesterov"]) == (0.3, 0.5, False)
        assert session.run(step) == 1
    assert keras.SGD(lambda: 0.25).get_config()["learning_rate"] == 0.25


def test_a_custom_class_is_read_by_its_name() -> None:
    class Mine(keras.SGD):
        pass

    made = keras.deserialize(keras.serialize(Mine(0.5)), custom_objects={"Mine": Mine})
    assert type(made) is Mine and made.get_config()["learning_rate"] == 0.5


# --- values of the variables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_resumed_run_is_the_run_that_was_never_stopped(name: str) -> None:
    def record() -> tuple[Any, Any, Any, Any]:
        w = tf.Variable(np.arange(1.0, 7.0).reshape(2, 3), name="w")
        gradient = tf.placeholder(tf.float64, [2, 3])
        optimizer = getattr(keras, name)(0.1, use_ema=True)
        return w, gradient, optimizer, optimizer.apply_gradients([(gradient, w)])

    gradients = np.random.default_rng(1).normal(size=(6, 2, 3))
    store: dict[str, Any] = {}
    w, gradient, optimizer, step = record()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for index, value in enumerate(gradients):
            if index == 3:
                optimizer.save_own_variables(store)
                weights, middle = optimizer.get_weights(), session.run(w)
            session.run(step, {gradient: value})
        wanted = session.run(w)
    assert list(store) == [str(index) for index in range(len(optimizer.variables))]
    for load in (lambda o, s: o.load_own_variables(store, session=s), lambda o, s: o.set_weights(weights, session=s)):
        with tf.Graph().as_default():
            w, gradient, optimizer, step = record()
            session = tf.Session()
            session.run(tf.global_variables_initializer())
            load(optimizer, session)
            w.load(middle, session)
            for value in gradients[3:]:
                session.run(step, {gradient: value})
            np.testing.assert_array_equal(session.run(w), wanted)


def test_weights_may_be_variables_and_numbers() -> None:
    w, other = tf.Variable([1.0, 2.0], name="w"), tf.Variable([5.0, 6.0])
    optimizer = keras.SGD()
    optimizer.build([w])
    optimizer.apply_gradients([([1.0, 1.0], w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.set_weights([3, other])
        assert [value.tolist() for value in optimizer.get_weights()] == [3, [5.0, 6.0]]
        assert optimizer.get_weights(session)[0].dtype == np.int64


def test_what_is_off_is_no_hyper_parameter_and_looking_at_the_others_leaves_it_off() -> None:
    optimizer = keras.SGD(0.5, clipnorm=0, weight_decay=0.0)
    assert list(optimizer.hyper) == ["learning_rate"]
    assert sorted(keras.SGD(use_ema=True).hyper) == ["ema_momentum", "learning_rate"]
    w, step = descending(optimizer, 4.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(w) == -2.0


def test_a_clip_that_is_on_stays_positive() -> None:
    optimizer = keras.SGD(1.0, clipvalue=0.5)
    w, step = descending(optimizer, 4.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.clipvalue = 0.25
        session.run(step)
        assert session.run(w) == -0.25
        with pytest.raises(ValueError, match="clipvalue must be more than 0, got 0"):
            optimizer.clipvalue = 0


def test_what_was_given_is_there_to_look_at() -> None:
    schedule = schedules.PiecewiseConstantDecay([0], [0.5, 0.25])
    wanted = {"learning_rate": schedule, "momentum": 0.5, "clipnorm": 1.0, "nesterov": False}
    assert keras.SGD(schedule, 0.5, clipnorm=1.0).hyper_parameters == wanted


@pytest.mark.parametrize("make", [lambda rate: keras.Adam(rate, beta_1=0.8), keras.Adam])
def test_as_the_optimizer_of_a_training_op(make: Any) -> None:
    def loss_of(w: Any) -> Any:
        return tf.reduce_sum(tf.square(w))

    w, other = tf.Variable([1.0, -2.0]), tf.Variable([1.0, -2.0])
    beta = 0.8 if make is not keras.Adam else 0.9
    step = keras.Adam(0.1, beta_1=beta).minimize(lambda: loss_of(other), [other])
    train_op = tf.contrib.layers.optimize_loss(loss_of(w), tf.train.get_or_create_global_step(), 0.1, make, variables=[w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run([train_op, step])
        np.testing.assert_allclose(*session.run([w, other]), rtol=1e-6)
        assert session.run(tf.train.get_global_step()) == 3
        assert train_op.hyper["beta_1"] == beta
