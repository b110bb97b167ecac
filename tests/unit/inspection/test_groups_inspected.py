"""Inspection of a training op whose variables have optimizers of their own."""

import numpy as np
import pytest

import graphopt as tf
from graphopt.inspection import why


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


def in_groups(counts=True, rate=0.01):
    """Record a training op with a group that follows a schedule, one with a constant rate, and a frozen one."""
    kernel = tf.get_variable("kernel", initializer=np.ones((4, 4), np.float32))
    bias, fixed = tf.get_variable("bias", [4]), tf.get_variable("fixed", [4])
    step = tf.train.get_or_create_global_step()
    decayed = tf.train.exponential_decay(0.1, step, 10, 0.5)
    groups = [("kernel", tf.train.AdamOptimizer(decayed)), ("fixed", None)]
    optimizer = tf.optimizers.Groups(groups, tf.train.GradientDescentOptimizer(rate))
    loss = tf.nn.l2_loss(tf.matmul(tf.ones([2, 4]), kernel) + bias + fixed)
    return tf.contrib.layers.optimize_loss(
        loss, step, None, optimizer, learning_rate_multipliers={"bias": 2.0}, increment_global_step=counts
    )


def test_each_group_has_its_learning_rate_and_each_variable_its_group():
    explanation = tf.explain(in_groups())
    content = explanation.to_dict()
    decayed, constant = content["schedules"]
    assert (decayed["group"], decayed["formula"]) == ("Adam", "0.1 * (0.5 ** (global_step / 10))")
    assert [row["runs_with_the_op"] for row in decayed["increments"]] == [True]
    assert (constant["group"], constant["given"], constant["step"]) == ("GradientDescent", "0.01", None)
    rows = {row["name"]: row for row in content["variables"]}
    assert {name: row["group"] for name, row in rows.items()} == {"kernel": "Adam", "bias": "GradientDescent", "fixed": "frozen"}
    assert rows["bias"]["rate_multiplier"] == 2.0
    assert not any("multiplier" in row for row in rows.values())  # of the gradient
    assert rows["fixed"]["why"] == "its group is frozen"
    assert "of the group Adam" in str(explanation)
    assert "fixed has no gradient: its group is frozen" in str(explanation)


def test_an_optimizer_for_all_has_no_groups():
    w = tf.get_variable("w", [4])
    content = tf.explain(tf.train.AdamOptimizer(0.1).minimize(tf.nn.l2_loss(w))).to_dict()
    assert "group" not in content["variables"][0]
    assert "group" not in content["schedules"][0]


def test_a_frozen_group_is_meant_to_be_so():
    train_op = in_groups()
    assert list(tf.doctor(train_op, only=["unused-variable"])) == []
    (fixed,) = [v for v in tf.trainable_variables() if v.op.name == "fixed"]
    assert why(fixed, train_op) == "fixed has no gradient: its group is frozen"


@pytest.mark.parametrize("counts", [True, False])
def test_the_schedule_of_a_group_needs_a_step_that_is_counted(counts):
    findings = list(tf.doctor(in_groups(counts), only=["step-never-counted"]))
    assert len(findings) == (not counts)
    if findings:
        assert "reads the step 'global_step', but nothing counts it" in findings[0].message


@pytest.mark.parametrize("saved", [0.01, 0.5])
def test_the_rate_of_a_group_against_a_checkpoint(saved):
    train_op = in_groups()
    known = tf.explain(train_op).to_dict()["schedules"][1]["rate"].split(":")[0]
    found = tf.doctor(train_op, only=["learning-rate-differs-from-checkpoint"], checkpoint={known: saved})
    assert len(found) == (saved != 0.01)
    assert found.not_checked == {}
