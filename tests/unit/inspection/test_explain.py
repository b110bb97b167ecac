"""`explain` says what was recorded, in order, and what it became."""

import json

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def training_op():
    table = tf.get_variable("table", initializer=np.ones((6, 2), "f"))
    w = tf.get_variable("w", initializer=np.ones((2, 1), "f"))
    unused = tf.get_variable("unused", initializer=1.0)
    counter = tf.get_variable("counter", [], trainable=False, initializer=tf.zeros_initializer())
    loss = tf.reduce_sum(tf.matmul(tf.gather(table, [1, 1, 4]), w))
    return tf.contrib.layers.optimize_loss(
        loss,
        tf.train.get_or_create_global_step(),
        0.1,
        "Adam",
        gradient_multipliers={w: 2.0},
        clip_gradients=3.0,
        learning_rate_decay_fn=lambda rate, step: tf.train.exponential_decay(rate, step, 10, 0.9),
        update_ops=[tf.assign_add(counter, 1.0)],
        variables=[table, w, unused],
        summaries=["loss", "learning_rate", "gradients", "global_gradient_norm"],
    )


def test_the_stages_stand_in_order_with_their_settings():
    content = tf.explain(training_op()).to_dict()
    stages = [step["stage"] for step in content["pipeline"]]
    assert stages == ["update ops", "gradients", "multiply gradients", "clip by global norm", "update by AdamOptimizer", "global step"]
    settings = {step["stage"]: step["settings"] for step in content["pipeline"]}
    assert settings["update ops"] == {"operations": ["AssignAdd"]}
    assert settings["clip by global norm"] == {"clip_norm": 3.0}
    assert settings["update by AdamOptimizer"]["beta1"] == 0.9
    assert content["built_at"].rpartition(":")[0].endswith("test_explain.py")


def test_variables_slots_and_summaries_are_listed():
    content = tf.explain(training_op()).to_dict()
    found = {v["name"]: v for v in content["variables"]}
    assert found["table"]["gradient"] == "sparse rows"
    assert found["w"]["gradient"] == "dense"
    assert found["unused"]["gradient"] == "none"
    assert found["table"]["type"] == "f32[6,2]"
    assert found["table"]["bytes"] == 48
    assert found["w"]["slots"] == {"m": "OptimizeLoss/w/Adam", "v": "OptimizeLoss/w/Adam_1"}
    assert content["optimizer_variables"] == ["OptimizeLoss/beta1_power", "OptimizeLoss/beta2_power"]
    measured = {s["tag"]: s["measured"] for s in content["summaries"]}
    assert measured["OptimizeLoss/gradients/w_0"] == "after clipping"
    assert "before clipping" in measured["OptimizeLoss/global_norm/gradient_norm"]


def test_it_says_how_many_operations_became_how_many_steps():
    train_op = training_op()
    before = tf.explain(train_op).to_dict()["cost"]
    assert before["recorded_operations"] > before["steps"] > 5
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        session.run(train_op)
        explanation = tf.explain(train_op, session=session)
    assert explanation.to_dict()["pipeline"][-1]["settings"]["variable"] == "global_step (now 2)"
    assert f"compiled: {before['recorded_operations']} recorded operations became" in str(explanation)


def test_json_holds_the_same_as_the_dict():
    explanation = tf.explain(training_op())
    assert json.loads(explanation.to_json()) == explanation.to_dict()


def test_anything_else_is_refused():
    loss = tf.constant(1.0)
    for wrong in (loss, loss.op, None):
        with pytest.raises(ValueError, match="is not a training op: pass what optimize_loss returned"):
            tf.explain(wrong)
