"""The doctor: each rule on a program that has the fault, and on one that has not."""

import json

import numpy as np
import pytest

import graphopt as tf
from graphopt.inspection.doctoring import summaries


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


def line(text):
    """Return the number of the line of this file that has a text."""
    with open(__file__, encoding="utf-8") as file:
        return next(i for i, source in enumerate(file, 1) if source.rstrip().endswith(f"# {text}"))


def found(train_op, name, **known):
    """Return what one rule finds."""
    diagnosis = tf.doctor(train_op, only=[name], **known)
    assert all(finding.name == name for finding in diagnosis)
    return list(diagnosis)


def one(train_op, name, marked=None, **known):
    findings = found(train_op, name, **known)
    assert len(findings) == 1, findings
    if marked is not None:
        assert findings[0].where == f"{__file__}:{line(marked)}"
    return findings[0]


def regression(**arguments):
    """Record a network with one layer; return its input and training op."""
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    w = tf.get_variable("w", initializer=np.ones((4, 3), np.float32))
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
    return x, tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.01, "SGD", **arguments)


BATCH = np.random.RandomState(0).normal(size=(16, 4)).astype(np.float32)


# --- update ops --------------------------------------------------------------------------------------------------------------


def average_of_inputs():
    x = tf.placeholder(tf.float32, [None, 2])
    mean = tf.Variable(tf.zeros([2]), trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, mean.assign(tf.reduce_mean(x, 0)))  # the update op
    w = tf.get_variable("w", [2])
    return tf.reduce_sum((x - mean) * w)


def test_update_ops_that_never_run():
    loss = average_of_inputs()
    with pytest.warns(UserWarning, match=r"UPDATE_OPS .* not part of what minimize returns"):
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    finding = one(train, "update-ops-never-run", "the update op")
    assert finding.severity == "error"
    assert "control_dependencies" in finding.mend


def test_update_ops_that_run():
    loss = average_of_inputs()
    assert not found(tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD"), "update-ops-never-run")
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert not found(train, "update-ops-never-run")


# --- the global step ---------------------------------------------------------------------------------------------------------


def test_a_step_that_is_counted_twice():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", [])
    first = tf.train.GradientDescentOptimizer(0.1).minimize(w * w, global_step=step)
    with tf.control_dependencies([first]):
        both = tf.group(tf.assign_add(step, 1))  # the second count
    assert "2 times" in one(both, "step-counted-twice", "the second count").message


def test_a_step_that_is_counted_once():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", [])
    assert not found(tf.train.GradientDescentOptimizer(0.1).minimize(w * w, global_step=step), "step-counted-twice")


def decayed(count):
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", [])
    rate = tf.train.exponential_decay(0.1, step, 10, 0.5)
    return tf.train.GradientDescentOptimizer(rate).minimize(w * w, global_step=step if count else None)


def test_a_schedule_whose_step_is_never_counted():
    finding = one(decayed(count=False), "step-never-counted")
    assert "stays where it begins" in finding.message
    assert finding.where.startswith(__file__)


def test_a_schedule_whose_step_is_counted():
    assert not found(decayed(count=True), "step-never-counted")


# --- the loss ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", [lambda p: p, lambda p: p + 1e-8, lambda p: tf.clip_by_value(p, 1e-8, 1.0)])
def test_the_logarithm_of_a_softmax(guard):
    w = tf.get_variable("w", [5, 3])
    logarithm = tf.log(guard(tf.nn.softmax(w)))  # the logarithm
    train = tf.train.GradientDescentOptimizer(0.1).minimize(-tf.reduce_mean(logarithm))
    one(train, "log-of-softmax", "the logarithm")


def test_a_log_softmax_and_another_logarithm():
    w = tf.get_variable("w", [5, 3])
    loss = -tf.reduce_mean(tf.nn.log_softmax(w)) + tf.reduce_mean(tf.log(tf.square(w) + 1.0))
    assert not found(tf.train.GradientDescentOptimizer(0.1).minimize(loss), "log-of-softmax")


# --- variables ---------------------------------------------------------------------------------------------------------------


def test_an_unused_variable():
    _, train_op = regression()
    tf.get_variable("idle", [3])  # the idle variable
    assert one(train_op, "unused-variable", "the idle variable").severity == "note"


def test_variables_that_are_all_used():
    _, train_op = regression()
    assert not found(train_op, "unused-variable")


def test_variables_made_after_the_initializer():
    w = tf.get_variable("w", [])
    tf.global_variables_initializer()  # the initializer
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(w * w)
    finding = one(train, "variable-after-initializer")
    assert "'w/Momentum'" in finding.message
    assert str(line("the initializer")) in finding.message


def test_an_initializer_after_all_variables():
    w = tf.get_variable("w", [])
    train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(w * w)
    tf.global_variables_initializer()
    assert not found(train, "variable-after-initializer")


# --- a checkpoint ------------------------------------------------------------------------------------------------------------


def test_a_learning_rate_that_differs_from_the_checkpoint():
    _, train_op = regression()
    held = {"OptimizeLoss/learning_rate": np.float32(0.5)}
    finding = one(train_op, "learning-rate-differs-from-checkpoint", checkpoint=held)
    assert "0.01" in finding.message
    assert "0.5" in finding.message


def test_a_learning_rate_that_is_that_of_the_checkpoint():
    _, train_op = regression()
    name = "learning-rate-differs-from-checkpoint"
    assert not found(train_op, name, checkpoint={"OptimizeLoss/learning_rate": np.float32(0.01)})
    assert not found(train_op, name, checkpoint={"w": np.zeros(3)})
    assert not found(train_op, name)


# --- running -----------------------------------------------------------------------------------------------------------------


def test_float64_fed_into_float32():
    x, train_op = regression()
    assert "float32" in one(train_op, "float64-fed", feeds={x: BATCH.astype(np.float64)}).message


def test_float32_fed_into_float32():
    x, train_op = regression()
    assert not found(train_op, "float64-fed", feeds={x: BATCH})
    assert not found(train_op, "float64-fed", feeds={x: BATCH.tolist()})


def test_a_graph_that_grows():
    x, train_op = regression()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run([train_op, tf.reduce_mean(x)], {x: BATCH})  # the operation in the loop
        one(train_op, "graph-grows", "the operation in the loop", session=session)


def test_a_graph_that_stays():
    x, train_op = regression()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for size in range(1, 6):
            session.run(train_op, {x: BATCH[:size]})
        assert not found(train_op, "graph-grows", session=session)


@pytest.mark.parametrize(("limit", "clips"), [(1e-3, True), (1e3, False)])
def test_gradients_that_are_clipped_in_every_step(limit, clips):
    x, train_op = regression(clip_gradients=limit)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(tf.global_variables())
        findings = found(train_op, "clipped-every-step", session=session, feeds={x: BATCH})
        assert len(findings) == clips
        for old, new in zip(before, session.run(tf.global_variables()), strict=True):
            np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(("bias", "dead"), [(-100.0, 2), (0.5, 0)])
def test_dead_units(bias, dead):
    x = tf.placeholder(tf.float32, [None, 4])
    start = np.float32([[1, -1, 1, -1]] * 4)
    hidden = tf.nn.relu(tf.matmul(x, tf.Variable(start)) + np.float32([bias, bias, 0.5, 0.5]))  # the rectifier
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_mean(hidden), None, 0.01, "SGD")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        findings = found(train_op, "dead-units", session=session, feeds=[{x: BATCH}, {x: -BATCH}])
    assert len(findings) == (dead > 0)
    if dead:
        assert "2 of 4 units" in findings[0].message
        assert "32 examples" in findings[0].message
        assert findings[0].where == f"{__file__}:{line('the rectifier')}"


@pytest.mark.parametrize("expensive", [True, False])
def test_summaries_that_cost_more_than_a_tenth(expensive, monkeypatch):
    # Not the clock of this machine: a run with the histogram takes half as long again.
    monkeypatch.setattr(summaries, "seconds", lambda session, fetches, feeds: 1.0 + 0.5 * ("hidden" in str(fetches)))
    x = tf.placeholder(tf.float32, [None, 4])
    w = tf.get_variable("w", initializer=np.ones((4, 400), np.float32))
    hidden = tf.matmul(x, w)
    if expensive:
        tf.summary.histogram("hidden", tf.tile(hidden, [50, 1]))
    tf.summary.scalar("cheap", tf.reduce_mean(hidden))
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_mean(tf.square(hidden)), None, 0.01, "SGD", summaries=[])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        findings = found(train_op, "expensive-summaries", session=session, feeds={x: np.ones((64, 4), np.float32)})
    assert len(findings) == expensive


# --- the page ----------------------------------------------------------------------------------------------------------------


def test_the_page_and_the_json():
    w = tf.get_variable("w", [5, 3])
    tf.get_variable("idle", [3])
    train_op = tf.contrib.layers.optimize_loss(-tf.reduce_mean(tf.log(tf.nn.softmax(w))), None, 0.1, "SGD")
    diagnosis = tf.doctor(train_op)
    assert [finding.name for finding in diagnosis] == ["log-of-softmax", "unused-variable"]
    page = str(diagnosis)
    assert page.index("warning: log-of-softmax") < page.index("note: unused-variable")
    assert f"at {__file__}:" in page
    content = json.loads(diagnosis.to_json())
    assert content["findings"][0]["severity"] == "warning"
    assert "clipped-every-step" in content["checked"]
    assert len(diagnosis) == 2
    assert diagnosis[0].name == "log-of-softmax"


def test_a_healthy_training_op():
    x, train_op = regression()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        diagnosis = tf.doctor(train_op, session=session, feeds={x: BATCH}, cadence=1_000_000)
    assert str(diagnosis).startswith(f"nothing found ({len(diagnosis.checked)} rules looked)")
    assert diagnosis.not_checked == {"learning-rate-differs-from-checkpoint": "no checkpoint was given"}


def test_feeds_that_are_missing_are_no_fault():
    x = tf.placeholder(tf.float32, [None, 4])
    scale = tf.placeholder(tf.float32, [])
    w = tf.get_variable("w", initializer=-np.ones((4, 3), np.float32))
    hidden = tf.nn.relu(tf.matmul(tf.abs(x), w) * scale)
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_mean(hidden), None, 0.01, "SGD", clip_gradients=1e-3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert not found(train_op, "clipped-every-step", session=session)
        assert not found(train_op, "expensive-summaries", session=session)
        assert not found(train_op, "dead-units", session=session, feeds={x: BATCH})
        reasons = tf.doctor(train_op, session=session, feeds={x: BATCH}).not_checked
        assert reasons["clipped-every-step"].startswith("a step could not be tried with these feeds and values: You must feed")
        assert set(reasons) >= {"clipped-every-step", "expensive-summaries", "dead-units"}
        assert found(train_op, "dead-units", session=session, feeds={x: BATCH, scale: 1.0})


def test_bad_arguments():
    _, train_op = regression()
    with pytest.raises(TypeError, match="doctor looks at a training op"):
        tf.doctor("train")
    with pytest.raises(ValueError, match=r"There is no rule 'log-softmax'; there are .*log-of-softmax"):
        tf.doctor(train_op, only=["log-softmax"])
    with tf.Graph().as_default(), tf.Session() as other, pytest.raises(ValueError, match="runs another graph"):
        tf.doctor(train_op, session=other)
