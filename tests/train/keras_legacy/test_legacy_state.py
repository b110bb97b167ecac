"""Hyper-parameters as attributes, and the configuration of Keras's older optimizers."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import legacy, schedules

ALL = ["SGD", "Adam", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl"]


def started(optimizer: Any, gradient: Any = -1.0) -> tuple[Any, Any, Any]:
    """A float64 scalar from 0, a step that moves it by the learning rate, and a session."""
    w = tf.Variable(np.float64(0.0), name="w")
    step = optimizer.apply_gradients([(gradient, w)])
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return w, step, session


def moved_by(session: Any, step: Any, w: Any) -> float:
    before = session.run(w)
    session.run(step)
    return float(session.run(w) - before)


# --- hyper-parameters ------------------------------------------------------------------------------------------------------------


def test_attributes_read_and_set_the_numbers_of_recorded_steps() -> None:
    opt = legacy.SGD(0.5)
    w, step, session = started(opt)
    assert moved_by(session, step, w) == 0.5
    opt.learning_rate = 0.25
    assert moved_by(session, step, w) == 0.25
    opt.lr = opt.lr / 2
    assert (opt.lr, opt.learning_rate, opt.momentum, opt.decay) == (0.125, 0.125, 0.0, 0.0)
    assert moved_by(session, step, w) == 0.125
    opt.hyper["learning_rate"] = 2.0
    assert opt.lr == 2.0
    assert moved_by(session, step, w) == 2.0
    opt.decay = 1.0
    assert moved_by(session, step, w) == pytest.approx(2.0 / 5.0)
    assert len(session._signatures) == 3  # initializer, step, variable: nothing was compiled anew


def test_a_number_that_is_set_belongs_to_the_default_session() -> None:
    opt = legacy.SGD(0.5)
    w, step, first = started(opt)
    second = tf.Session()
    second.run(tf.global_variables_initializer())
    with first.as_default():
        opt.lr = 1.0
        assert opt.lr == 1.0
    assert (moved_by(first, step, w), moved_by(second, step, w)) == (1.0, 0.5)
    opt.lr = 2.0
    assert (moved_by(first, step, w), moved_by(second, step, w)) == (2.0, 2.0)


def test_a_number_that_is_read_is_a_symbol_where_something_is_recorded_with_it() -> None:
    opt = legacy.SGD(0.5)
    _, _, session = started(opt)
    doubled = tf.constant(2.0) * opt.lr
    assert isinstance(opt.lr, float)
    assert opt.lr.dtype is tf.float32
    assert session.run([doubled, opt.lr]) == [1.0, 0.5]
    opt.lr = 0.25
    assert session.run([doubled, opt.lr]) == [0.5, 0.25]
    assert json.dumps(opt.lr) == "0.25"
    assert pickle.loads(pickle.dumps(opt.lr)) == 0.25


@pytest.mark.parametrize("kind", ["schedule", "callable", "tensor", "variable"])
def test_where_a_rate_may_come_from(kind: str) -> None:
    rates = [1.0]
    source: Any = {
        "schedule": lambda: schedules.PiecewiseConstantDecay([0], [1.0, 0.5]),
        "callable": lambda: lambda: rates[0],
        "tensor": lambda: tf.constant(1.0) / (1.0 + tf.cast(counter, tf.float32)),
        "variable": lambda: tf.Variable(np.float64(1.0)),
    }
    counter = tf.Variable(0)
    given = source[kind]()
    opt = legacy.SGD(given)
    w, step, session = started(opt)
    with session:
        assert moved_by(session, step, w) == 1.0
        rates[0] = 0.5
        session.run(counter.assign(1))
        if kind == "variable":
            given.load(0.5)
        assert moved_by(session, step, w) == 0.5
        opt.learning_rate = 4.0
        assert moved_by(session, step, w) == 4.0
        again = opt.apply_gradients([(-1.0, w)])
        assert moved_by(session, again, w) == 4.0
        opt.lr = 8.0
        assert (moved_by(session, again, w), moved_by(session, step, w)) == (8.0, 8.0)
        assert opt.get_config()["learning_rate"] == 8.0
        assert opt.hyper["learning_rate"] == 8.0


def test_reading_what_is_no_number() -> None:
    schedule, rate = schedules.ExponentialDecay(0.5, 1, 0.5), tf.Variable(0.5)
    assert legacy.SGD(schedule).learning_rate is schedule
    assert legacy.SGD(schedule)._get_hyper("learning_rate", tf.float32) is schedule
    assert legacy.SGD(rate).learning_rate is rate
    assert legacy.SGD(lambda: 0.25).lr == 0.25
    assert legacy.SGD(0.5).hyper_parameters == {"learning_rate": 0.5, "decay": 0.0, "momentum": 0.0}
    assert legacy.SGD(0.5, clipnorm=2.0).hyper_parameters["clipnorm"] == 2.0


def test_decay_and_a_schedule_come_together() -> None:
    w, step, session = started(legacy.SGD(schedules.ExponentialDecay(0.5, 1, 0.5), decay=1.0))
    found = [moved_by(session, step, w) for _ in range(3)]
    np.testing.assert_allclose(found, [0.5, 0.125, 0.125 / 3], rtol=1e-12)


@pytest.mark.parametrize("rate", [{"learning_rate": 3.0, "decay": 0.5}, {"learning_rate": schedules.InverseTimeDecay(3.0, 1, 0.5)}])
def test_inverse_decay(rate: dict[str, Any]) -> None:
    w, step, session = started(legacy.SGD(**rate), gradient=-0.1)
    np.testing.assert_allclose([moved_by(session, step, w) for _ in range(2)], [0.3, 0.2], rtol=1e-12)


def test_a_schedule_over_a_number_is_for_updates_recorded_later() -> None:
    opt = legacy.SGD(1.0)
    w, step, session = started(opt)
    with pytest.warns(UserWarning, match="learning_rate is now .* for updates that are recorded from here on") as caught:
        opt.learning_rate = schedules.PiecewiseConstantDecay([0], [1.0, 0.25])
    assert caught[0].filename == __file__
    later = opt.apply_gradients([(-1.0, w)])
    assert (moved_by(session, step, w), moved_by(session, later, w)) == (1.0, 0.25)


def test_a_schedule_over_a_number_before_anything_is_recorded() -> None:
    opt = legacy.SGD(1.0)
    assert opt.lr == 1.0
    opt.lr = schedules.PiecewiseConstantDecay([0], [0.5, 0.25])
    w, step, session = started(opt)
    assert [moved_by(session, step, w) for _ in range(2)] == [0.5, 0.25]


def test_momentum_that_is_set_before_updates_are_recorded_has_a_slot() -> None:
    opt = legacy.SGD(1.0)
    opt.momentum = 0.0
    opt.momentum = 0.5
    w, step, session = started(opt)
    assert [moved_by(session, step, w) for _ in range(2)] == [1.0, 1.5]
    assert opt.get_slot_names() == ["momentum"]
    opt.momentum = 0.0
    assert moved_by(session, step, w) == 1.0
    opt.momentum = 1.0
    assert moved_by(session, step, w) == 2.0


def test_shrinkage_that_is_set_before_updates_are_recorded() -> None:
    plain, later = legacy.Ftrl(1.0, l2_shrinkage_regularization_strength=0.5), legacy.Ftrl(1.0)
    later.l2_shrinkage_regularization_strength = 0.5
    values = []
    for opt in (plain, later):
        w = tf.Variable(np.float64(1.0))
        step = opt.apply_gradients([(0.1, w)])
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(step)
            values.append(session.run(w))
    assert values[0] == values[1]


def test_clips_are_read_and_set_like_the_others() -> None:
    opt = legacy.SGD(1.0, clipvalue=0.5)
    w, step, session = started(opt)
    assert moved_by(session, step, w) == 0.5
    opt.clipvalue = 0.25
    assert opt.clipvalue == 0.25
    assert moved_by(session, step, w) == 0.25
    with pytest.warns(UserWarning, match="clipvalue is now None"):
        opt.clipvalue = None
    with pytest.warns(UserWarning, match=r"clipnorm is now 0\.125"):
        opt.clipnorm = 0.125
    assert moved_by(session, opt.apply_gradients([(-1.0, w)]), w) == 0.125
    rates = [0.5]
    assert legacy.SGD(clipnorm=lambda: rates[0]).get_config()["clipnorm"] == 0.5


def test_names_of_attributes() -> None:
    opt = legacy.Adam()
    assert {"lr", "learning_rate", "beta_1", "beta_2", "decay", "epsilon"} <= set(dir(opt))
    assert "lr" not in dir(legacy.Optimizer("plain"))
    opt.anything = 3
    assert opt.anything == 3
    assert opt.epsilon == 1e-7
    assert legacy.Adam(epsilon=None).epsilon == 1e-7
    assert legacy.Adam(epsilon=0).epsilon == 0.0


def test_lr_wins_and_warns_where_it_is_written() -> None:
    with pytest.warns(UserWarning, match="The `lr` argument is deprecated, use `learning_rate` instead") as caught:
        opt = legacy.SGD(0.5, lr=0.25)
    assert caught[0].filename == __file__
    assert opt.learning_rate == 0.25


def test_one_optimizer_in_two_graphs() -> None:
    opt = legacy.SGD(0.5, momentum=0.5)
    found = []
    for _ in range(2):
        with tf.Graph().as_default():
            w, step, session = started(opt)
            found.append((w, step, session))
            assert [v.name for v in opt.weights] == ["SGD/iter:0", "SGD/w/momentum:0"]
    opt.lr = 1.0
    for w, step, session in found:
        assert moved_by(session, step, w) == 1.0
        with session.as_default():
            assert opt.lr == 1.0
            assert opt.get_weights() == [1, 1.0]


def test_outside_of_its_graph_an_optimizer_knows_its_only_one() -> None:
    opt = legacy.SGD(0.5)
    with tf.Graph().as_default():
        w, step, session = started(opt)
    opt.lr = 0.25
    assert (opt.lr, len(opt.weights)) == (0.25, 1)
    assert moved_by(session, step, w) == 0.25


def test_a_copy_has_the_settings_and_no_weights() -> None:
    opt = legacy.SGD(0.5, momentum=0.5, clipnorm=1.0)
    started(opt)
    made = copy.deepcopy(opt)
    assert made.get_config() == opt.get_config()
    assert made.weights == []
    made.lr = 0.25
    assert opt.lr == 0.5


# --- configuration -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_configuration_there_and_back(name: str) -> None:
    made = getattr(legacy, name)(0.3, decay=0.25, clipvalue=0.5, clipnorm=2.0, name="mine")
    config = made.get_config()
    assert json.loads(json.dumps(config)) == config
    assert (config["learning_rate"], config["decay"], config["clipvalue"], config["clipnorm"]) == (0.3, 0.25, 0.5, 2.0)
    before = copy.deepcopy(config)
    assert getattr(legacy, name).from_config(config).get_config() == before == config


@pytest.mark.parametrize("name", [name for name in ALL if name != "Nadam"])
def test_configuration_with_a_schedule(name: str) -> None:
    schedule = schedules.ExponentialDecay(0.5, 4, 0.25)
    config = getattr(legacy, name)(schedule).get_config()
    before = copy.deepcopy(config)
    made = getattr(legacy, name).from_config(config)
    assert config == before
    assert isinstance(made.learning_rate, schedules.ExponentialDecay)
    w, step, session = started(made)
    session.run(step)
    assert session.run(w) > 0


def test_configuration_of_what_a_run_knows() -> None:
    opt = legacy.SGD(tf.constant(0.5), momentum=tf.Variable(0.25))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        config = opt.get_config()
    assert (config["learning_rate"], config["momentum"]) == (0.5, 0.25)
    assert legacy.SGD(lambda: 0.75).get_config()["learning_rate"] == 0.75
    assert legacy.SGD.from_config({"lr": 0.3}).get_config()["learning_rate"] == 0.3


def test_from_the_new_optimizers_to_the_older_ones() -> None:
    class Adam:
        def get_config(self) -> dict[str, Any]:
            new = {"weight_decay": 0.1, "use_ema": False, "ema_momentum": 0.9, "ema_overwrite_frequency": None, "jit_compile": True}
            return {"name": "mine", "learning_rate": 0.5, "beta_1": 0.75, "clipnorm": None, "is_legacy_optimizer": False, **new}

    made = legacy.convert_to_legacy_optimizer(Adam())
    assert type(made) is legacy.Adam
    assert (made.learning_rate, made.beta_1, made.clipnorm) == (0.5, 0.75, None)
