"""`explain` shows rates over the steps, present values of a session, and what a step costs."""

import json

import numpy as np
import pytest
from inspected_models import settings_of, training_op

import graphopt as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


# --- rates -----------------------------------------------------------------------------------------------------------------------


def test_the_schedule_has_its_formula_values_and_counter():
    (schedule,) = tf.explain(training_op()).to_dict()["schedules"]
    assert schedule["formula"] == "OptimizeLoss/learning_rate * (0.9 ** (global_step / 10))"
    assert schedule["given"] == "0.1 decayed by <lambda>"
    values = dict(schedule["values"])
    assert values[0] == pytest.approx(0.1)
    assert values[100] == pytest.approx(0.1 * 0.9**10, rel=1e-5)
    assert schedule["sparkline"][0] == "█"
    assert schedule["sparkline"][-1] == "▁"
    assert schedule["horizon"] >= 20
    assert [(row["operation"], row["runs_with_the_op"]) for row in schedule["increments"]] == [("OptimizeLoss/train", True)]


def test_a_rate_that_nothing_counts_for_says_so():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", initializer=1.0)
    rate = tf.train.exponential_decay(0.5, step, 10, 0.9)
    explanation = tf.explain(tf.train.GradientDescentOptimizer(rate).minimize(w))
    assert explanation.to_dict()["schedules"][0]["increments"] == []
    assert "nothing in this graph counts global_step: the rate stays as it is" in str(explanation)
    other = tf.assign_add(step, 1)
    (row,) = tf.explain(tf.train.GradientDescentOptimizer(rate).minimize(w)).to_dict()["schedules"][0]["increments"]
    assert row["operation"] == other.op.name
    assert not row["runs_with_the_op"]


def test_a_schedule_of_keras_shows_its_configuration():
    w = tf.get_variable("w", initializer=1.0)
    adam = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(0.5, 100))
    (schedule,) = tf.explain(adam.minimize(w, [w])).to_dict()["schedules"]
    assert schedule["given"].startswith("CosineDecay(initial_learning_rate=0.5, decay_steps=100")
    assert dict(schedule["values"])[100] == pytest.approx(0.0, abs=1e-7)
    assert "cos(" in schedule["formula"]


def test_a_rate_that_is_fed_is_not_evaluated():
    rate = tf.placeholder(tf.float32, [], name="rate")
    w = tf.get_variable("w", initializer=1.0)
    (schedule,) = tf.explain(tf.train.GradientDescentOptimizer(rate).minimize(w)).to_dict()["schedules"]
    assert schedule["now"] is None
    assert schedule["varies"]
    assert schedule["formula"] == "rate"


# --- with a session ----------------------------------------------------------------------------------------------------------------


def test_present_values_are_those_of_the_session_which_nothing_changes():
    train_op = training_op()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        session.run(train_op)
        train_op.hyper["beta1"] = 0.5
        train_op.hyper["clip_gradients"] = 1.5
        before = {name: np.array(cell.value) for name, cell in session.store.cells.items()}
        known = list(session._signatures)
        content = tf.explain(train_op, session=session).to_dict()
        assert list(session._signatures) == known
        assert all(np.array_equal(before[name], cell.value) for name, cell in session.store.cells.items())
    settings = settings_of(content)
    assert settings["global step"]["variable"] == "global_step (now 2)"
    assert settings["update by AdamOptimizer"]["beta1"] == 0.5
    clip = next(step for step in content["pipeline"] if step["stage"] == "clip by global norm")
    assert clip["now"] == {"clip_gradients": 1.5}
    assert content["schedules"][0]["now"] == pytest.approx(0.1 * 0.9**0.2, rel=1e-5)
    assert 2 in dict(content["schedules"][0]["values"])


def test_it_says_how_many_operations_became_how_many_steps():
    train_op = training_op()
    before = tf.explain(train_op).to_dict()["cost"]
    assert before["recorded_operations"] > before["steps"] > 5
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        explanation = tf.explain(train_op, session=session)
    assert f"compiled: {before['recorded_operations']} recorded operations became" in str(explanation)


def test_flops_memory_and_measured_time_by_part():
    x = tf.placeholder(tf.float32, [None, 64])
    w = tf.get_variable("w", [64, 32])
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_mean(tf.matmul(x, w)), None, 0.1, "SGD")
    assert not tf.explain(train_op).to_dict()["cost"]["flops_are_complete"]
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        metadata = tf.RunMetadata()
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        session.run(train_op, {x: np.ones((16, 64), "f")}, options=options, run_metadata=metadata)
        explanation = tf.explain(train_op, session=session, run_metadata=metadata)
    cost = explanation.to_dict()["cost"]
    product = 2 * 16 * 64 * 32
    assert cost["flops_are_complete"]
    parts = {part["part"]: part for part in cost["parts"]}
    assert product <= parts["forward"]["flops"] < 1.1 * product
    assert product <= parts["backward"]["flops"] < 1.2 * product
    assert cost["flops"] == sum(part["flops"] for part in cost["parts"])
    assert cost["peak_bytes"] >= 4 * (16 * 64 + 64 * 32)
    assert sum(part["operations"] for part in cost["parts"]) == cost["recorded_operations"]
    assert all(part["microseconds"] >= 0 for part in cost["parts"])
    assert "µs" in str(explanation)


def test_a_convolution_counts_its_products():
    x = tf.placeholder(tf.float32, [2, 8, 8, 3])
    w = tf.get_variable("w", [3, 3, 3, 4])
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(tf.nn.l2_loss(tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")))
    parts = {part["part"]: part["flops"] for part in tf.explain(train_op).to_dict()["cost"]["parts"]}
    product = 2 * (2 * 8 * 8 * 4) * (3 * 3 * 3)
    assert product <= parts["forward"] <= product + 2 * 8 * 8 * 4
    assert product <= parts["backward"] <= product + 4 * 2 * 8 * 8 * 4


def traced(train_op, feeds=None):
    """Return what `explain` gives after a traced run in which no loop spans several stages."""
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op, feeds, options=options, run_metadata=metadata)
        return tf.explain(train_op, session=session, run_metadata=metadata)


def test_each_stage_has_its_operations_flops_and_time():
    w = tf.get_variable("w", [64, 32])
    arguments = {"gradient_noise_scale": 0.1, "clip_gradients": 1.0, "gradient_multipliers": {w: 0.5}, "moving_average": 0.9}
    explanation = traced(tf.contrib.layers.optimize_loss(tf.nn.l2_loss(w), None, 0.1, "Adam", **arguments))
    cost = explanation.to_dict()["cost"]
    stages = {stage["part"]: stage for stage in cost["stages"]}
    names = ["add noise", "multiply gradients", "clip by global norm", "update by AdamOptimizer, average weights"]
    assert list(stages) == names
    assert 64 * 32 <= stages["multiply gradients"]["flops"] <= 64 * 32 + 2
    assert stages["clip by global norm"]["flops"] >= 2 * 64 * 32
    assert all(stage["operations"] > 0 for stage in stages.values())
    update = next(part for part in cost["parts"] if part["part"] == "update")
    for column in ("operations", "nodes", "flops", "microseconds"):
        assert sum(stage[column] for stage in stages.values()) == update[column]
    assert "  update: add noise" in str(explanation)


def test_the_stages_of_create_train_op_and_of_several_training_ops_are_told_apart():
    a, b = tf.get_variable("a", [4]), tf.get_variable("b", [4])
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    first = tf.contrib.slim.learning.create_train_op(tf.nn.l2_loss(a), optimizer, clip_gradient_norm=1.0, variables_to_train=[a])
    second = tf.contrib.layers.optimize_loss(tf.nn.l2_loss(b), None, 0.1, "Adam", clip_gradients=1.0, variables=[b])
    stages = [stage["part"] for stage in tf.explain([first, second]).to_dict()["cost"]["stages"]]
    assert stages == [
        "clip each gradient by norm",
        "clip by global norm",
        "update by GradientDescentOptimizer and AdamOptimizer",
    ]
    assert all(stage["microseconds"] is None for stage in tf.explain(first).to_dict()["cost"]["stages"])


def test_without_stages_the_update_is_one_part():
    w = tf.get_variable("w", [4])
    assert tf.explain(tf.train.AdamOptimizer(0.1).minimize(tf.nn.l2_loss(w))).to_dict()["cost"]["stages"] == []


def test_what_a_training_op_of_keras_returns_is_told():
    w = tf.get_variable("w", [4])
    train_op = tf.keras.optimizers.Adam(0.1).minimize(tf.nn.l2_loss(w), [w])
    assert tf.explain(train_op).to_dict()["value"] == "iteration, counted up"
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [int(session.run(train_op)) for _ in range(2)] == [1, 2]


def strict(text):
    """Return what JSON says; raise for what is no JSON."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def test_json_has_no_infinity_and_no_nan():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", [4])
    rate = tf.rsqrt(tf.cast(step, tf.float32))
    train_op = tf.contrib.layers.optimize_loss(tf.nn.l2_loss(w), step, rate, "SGD", clip_gradients=float("inf"))
    explanation = tf.explain(train_op)
    assert explanation.to_dict()["schedules"][0]["now"] == np.inf
    content = strict(explanation.to_json())
    assert content["schedules"][0]["now"] == "inf"
    (clip,) = [stage for stage in content["pipeline"] if stage["stage"] == "clip by global norm"]
    assert clip["settings"] == {"clip_norm": "inf"}
    assert "clip_norm: inf" in str(explanation)


def test_something_else_than_a_session_is_refused():
    with pytest.raises(TypeError, match=r"session must be a tf\.Session, got"):
        tf.explain(training_op(), session="here")


def test_a_closed_session_and_one_of_another_graph_say_what_they_can():
    train_op = training_op()
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    session.run(train_op)
    session.close()
    with tf.Graph().as_default() as other:
        elsewhere = tf.Session(graph=other)
    for known in (session, elsewhere):
        content = tf.explain(train_op, session=known).to_dict()
        assert [v["name"] for v in content["variables"]] == ["table", "w", "unused"]
        assert content["cost"]["steps"] > 5


def test_what_variables_hold_counts_even_before_they_have_values():
    step = tf.train.get_or_create_global_step()
    rate = tf.get_variable("rate", initializer=0.25, trainable=False)
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.train.GradientDescentOptimizer(rate * tf.exp(-tf.cast(step, tf.float32))).minimize(w, global_step=step)
    assert tf.explain(train_op).to_dict()["schedules"][0]["now"] == 0.25
    with tf.Session() as session:
        assert tf.explain(train_op, session=session).to_dict()["schedules"][0]["now"] is None
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        schedule = tf.explain(train_op, session=session).to_dict()["schedules"][0]
    assert schedule["now"] == pytest.approx(0.25 * np.exp(-1.0))
    assert schedule["formula"] == "rate * exp(-global_step)"


def test_fused_loops_count_their_steps():
    w = tf.get_variable("w", [1000])
    train_op = tf.train.AdamOptimizer(0.1).minimize(tf.nn.l2_loss(w))
    counts = []
    for backend in ("numpy", "auto"):
        with tf.Session(backend=backend) as session:
            session.run(tf.global_variables_initializer())
            session.run(train_op)
            parts = {p["part"]: p["flops"] for p in tf.explain(train_op, session=session).to_dict()["cost"]["parts"]}
            counts.append(parts["update"])
    assert all(6_000 < count < 30_000 for count in counts)


def test_functions_of_the_users_are_not_called():
    calls = []

    def rate():
        calls.append(None)
        return 0.5

    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.optimizers.SignSGD(rate).minimize(w)
    made = len(calls)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        explanation = tf.explain(train_op, session=session)
    assert len(calls) == made
    schedule = explanation.to_dict()["schedules"][0]
    assert schedule["now"] is None
    assert schedule["varies"]
    assert schedule["given"] == "rate"
    assert "it changes with what is fed or computed" in str(explanation)
