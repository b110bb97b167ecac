"""The mapping `train_op.hyper`: reading and setting while running, in one session and in all, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from staging import RATE_OPTIMIZERS, executables, initialized, linear, sgd

import graphopt as tf

stages = tf.train.stages
train = tf.train


def plain_op(rate: Any = 0.1) -> tuple[Any, Any, Any]:
    w, g, loss = linear([0.0])
    return train.training_op(loss, optimizer=sgd(rate)), w, g


# --- one session and all sessions -------------------------------------------------------------------------------------


def test_a_value_that_is_set_in_one_session_is_not_seen_in_another() -> None:
    train_op, w, g = plain_op()
    first, second = initialized(), initialized()
    with first.as_default():
        train_op.hyper["learning_rate"] = 0.5
        assert train_op.hyper["learning_rate"] == 0.5
    with second.as_default():
        assert train_op.hyper["learning_rate"] == 0.1
    assert train_op.hyper["learning_rate"] == 0.1
    for session, wanted in ((first, -0.5), (second, -0.1)):
        session.run(train_op, {g: [1.0]})
        assert session.run(w).item() == wanted
        session.close()


def test_a_session_may_be_given() -> None:
    train_op, _, _ = plain_op()
    session = initialized()
    train_op.hyper.of(session)["learning_rate"] = 0.5
    assert train_op.hyper.of(session)["learning_rate"] == 0.5 and train_op.hyper["learning_rate"] == 0.1
    session.close()


def test_a_session_of_another_graph_is_not_meant() -> None:
    train_op, _, _ = plain_op()
    with tf.Graph().as_default(), tf.Session() as other:
        train_op.hyper["learning_rate"] = 0.5
        assert train_op.hyper["learning_rate"] == 0.5
        with pytest.raises(ValueError, match="learning_rate belongs to another graph than the session that was given"):
            train_op.hyper.of(other)["learning_rate"] = 0.25
    with initialized():
        assert train_op.hyper["learning_rate"] == 0.5


def test_without_a_session_all_have_it_also_later_ones() -> None:
    train_op, w, g = plain_op()
    session = initialized()
    session.run(train_op, {g: [1.0]})
    train_op.hyper["learning_rate"] = 0.5
    later = initialized()
    for one, wanted in ((session, -0.6), (later, -0.5)):
        one.run(train_op, {g: [1.0]})
        assert one.run(w).item() == pytest.approx(wanted, rel=1e-15)
        one.close()


def test_setting_between_quick_runs_is_seen_at_once() -> None:
    train_op, w, g = plain_op()
    with initialized() as session:
        plan = None
        total = 0.0
        for i in range(40):
            train_op.hyper["learning_rate"] = float(i)
            session.run(train_op, {g: [1.0]})
            total -= i
            assert session.run(w).item() == total
            plan = plan or session.plan_of(train_op)
            assert session.plan_of(train_op) is plan
        assert executables(session, train_op) == 1


def test_many_steps_in_one_call_take_the_value_that_is_set() -> None:
    train_op, w, g = plain_op()
    with initialized() as session:
        for rate in (0.5, 0.25):
            train_op.hyper["learning_rate"] = rate
            session.run_steps(train_op, {g: np.ones((4, 1))})
        assert session.run(w).item() == -3.0


def test_float64_variables_have_exactly_the_number() -> None:
    train_op, w, g = plain_op(0.1)
    with initialized() as session:
        session.run(train_op, {g: [-1.0]})
        assert session.run(w).item() == 0.1
        train_op.hyper["learning_rate"] = 0.3
        session.run(train_op, {g: [-1.0]})
        assert session.run(w).item() == 0.1 + 0.3


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_smaller_types_have_the_number_rounded_once(dtype: str) -> None:
    w, g, loss = linear([0.0], dtype)
    train_op = train.training_op(loss, optimizer=sgd(0.1))
    with initialized() as session:
        session.run(train_op, {g: [-1.0]})
        assert session.run(w)[0] == np.dtype(dtype).type(0.1)


# --- the mapping ------------------------------------------------------------------------------------------------------


def test_the_mapping_has_all_of_optimizer_and_stages() -> None:
    _, _, loss = linear([0.0])
    train_op = train.training_op(
        loss, optimizer=train.MomentumOptimizer(0.1, 0.9), stages=[stages.clip_by_value(1.0), stages.clip_by_value(2.0)]
    )
    assert dict(train_op.hyper) == {"learning_rate": 0.1, "momentum": 0.9, "clip_value": 1.0, "clip_value_1": 2.0}
    assert len(train_op.hyper) == 4 and "momentum" in train_op.hyper and "beta1" not in train_op.hyper
    assert repr(train_op.hyper) == "HyperParameters(learning_rate, momentum, clip_value, clip_value_1)"
    with initialized():
        assert dict(train_op.hyper)["clip_value_1"] == 2.0


def test_the_rate_of_optimize_loss_can_be_set() -> None:
    w, g, loss = linear([0.0])
    train_op = tf.contrib.layers.optimize_loss(loss, None, 0.5, "SGD")
    with initialized() as session:
        assert train_op.hyper["learning_rate"] == 0.5
        train_op.hyper["learning_rate"] = 0.25
        session.run(train_op, {g: [-1.0]})
        assert session.run(w).item() == 0.25


def test_an_optimizer_shows_its_own() -> None:
    _, _, loss = linear([0.0])
    optimizer = train.AdamOptimizer(0.1, beta1=0.8)
    optimizer.minimize(loss)
    assert dict(optimizer.hyper) == {"learning_rate": 0.1, "beta1": 0.8, "beta2": 0.999, "epsilon": 1e-8}
    optimizer.hyper["beta1"] = 0.5
    assert optimizer.hyper["beta1"] == 0.5


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    train_op, _, _ = plain_op()
    with pytest.raises(
        KeyError, match=r"There is no hyper-parameter 'learning_rat'; there are learning_rate. Did you mean 'learning_rate'\?"
    ):
        train_op.hyper["learning_rat"]
    with pytest.raises(KeyError, match="There is no hyper-parameter 'x'"):
        train_op.hyper["x"] = 1.0


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-1.0, ValueError, "learning_rate must be 0 or more, got -1.0"),
        (float("nan"), ValueError, "learning_rate must be 0 or more, got nan"),
        ("0.1", TypeError, "learning_rate must be a number, got '0.1'"),
        (True, TypeError, "learning_rate must be a number"),
        ([0.1], TypeError, "learning_rate must be a number"),
    ],
)
@pytest.mark.parametrize("name", list(RATE_OPTIMIZERS))
def test_values_that_cannot_be_set(name: str, value: Any, error: type[Exception], text: str) -> None:
    _, _, loss = linear([0.0])
    train_op = train.training_op(loss, optimizer=RATE_OPTIMIZERS[name](0.1))
    with pytest.raises(error, match=text):
        train_op.hyper["learning_rate"] = value
    assert train_op.hyper["learning_rate"] == 0.1


def test_stages_check_what_is_set() -> None:
    _, _, loss = linear([0.0])
    train_op = train.training_op(loss, optimizer=sgd(), stages=[stages.accumulate(2), stages.clip_by_value(1.0)])
    with pytest.raises(ValueError, match="accumulate_steps must be 1 or more, got 0"):
        train_op.hyper["accumulate_steps"] = 0
    with pytest.raises(ValueError, match="clip_value must be more than 0, got 0"):
        train_op.hyper["clip_value"] = 0


@pytest.mark.parametrize(
    ("rate", "kind"),
    [
        (lambda step: 1.0 / (1.0 + tf.cast(step, tf.float64)), "schedule"),
        (lambda: 0.5, "callable"),
    ],
)
def test_what_says_its_value_itself_cannot_be_set(rate: Any, kind: str) -> None:
    _, _, loss = linear([0.0])
    train.get_or_create_global_step()
    train_op = train.training_op(loss, optimizer=sgd(rate))
    with pytest.raises(TypeError, match=f"learning_rate comes from a {kind} .*, so its value cannot be set: give a number or a variable"):
        train_op.hyper["learning_rate"] = 0.1
    with pytest.raises(ValueError, match=f"learning_rate comes from a {kind} .*, whose value only a session knows"):
        train_op.hyper["learning_rate"]
    with initialized():
        assert train_op.hyper["learning_rate"] in (1.0, 0.5)


def test_a_tensor_that_is_no_variable_cannot_be_set() -> None:
    train_op, _, _ = plain_op(tf.constant(0.5))
    with initialized():
        assert train_op.hyper["learning_rate"] == 0.5
        with pytest.raises(TypeError, match="learning_rate comes from a tensor"):
            train_op.hyper["learning_rate"] = 0.1


def test_hyper_parameters_are_not_removed() -> None:
    train_op, _, _ = plain_op()
    with pytest.raises(TypeError, match="Hyper-parameters can be set, not removed: 'learning_rate'"):
        del train_op.hyper["learning_rate"]


def test_a_callable_that_gives_a_bad_number_fails_the_run_and_changes_nothing() -> None:
    values = [0.5]
    train_op, w, g = plain_op(lambda: values[0])
    with initialized() as session:
        session.run(train_op, {g: [-1.0]})
        values[0] = -1.0
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"learning_rate must be 0 or more, got -1\.0"):
            session.run(train_op, {g: [-1.0]})
        values[0] = 0.25
        session.run(train_op, {g: [-1.0]})
        assert session.run(w).item() == 0.75
