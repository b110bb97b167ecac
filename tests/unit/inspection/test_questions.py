"""`diff`, `why` and `path` answer questions about training ops."""

import pytest

import graphopt as tf
from graphopt.inspection import diff, path, why


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def variables():
    return tf.get_variable("w", [3, 2]), tf.get_variable("b", [2])


def loss_of(w, b):
    return tf.reduce_mean(tf.square(tf.matmul(tf.placeholder(tf.float32, [None, 3], name="x"), w) + b), name="loss")


def optimized(loss, *, rate=0.1, optimizer="SGD", **more):
    return tf.contrib.layers.optimize_loss(loss, None, rate, optimizer, summaries=[], **more)


# --- diff --------------------------------------------------------------------------------------------------------------------------


def test_equal_ops_in_two_scopes_do_not_differ():
    loss = loss_of(*variables())
    found = diff(optimized(loss), optimized(loss))
    assert not found
    assert len(found) == 0
    assert str(found) == "no difference"


def test_stages_settings_and_rates_that_differ_are_named():
    loss = loss_of(*variables())
    one = optimized(loss, clip_gradients=1.0)
    other = optimized(loss, rate=0.2, clip_gradients=2.0, gradient_noise_scale=0.5)
    found = {(d.part, d.what): (d.a, d.b) for d in diff(one, other)}
    assert found["pipeline", "add noise"] == (None, "scale: 0.5")
    assert found["settings", "clip by global norm, clip_norm"] == (1.0, 2.0)
    assert found["learning rate", "now"] == pytest.approx((0.1, 0.2))
    assert found["cost", "recorded_operations"][0] < found["cost", "recorded_operations"][1]
    assert "pipeline: add noise: only in b (scale: 0.5)" in str(diff(one, other))
    assert "settings: clip by global norm, clip_norm: 1 in a, 2 in b" in str(diff(one, other))


def test_variables_slots_and_effects_that_differ_are_named():
    w, b = variables()
    loss = loss_of(w, b)
    all_of_them, one_of_them = optimized(loss, optimizer="Adam"), optimized(loss, variables=[w])
    found = diff(tf.explain(all_of_them), one_of_them)
    by_name = {(d.part, d.what): (d.a, d.b) for d in found}
    assert by_name["variables", "b"] == ("f32[2]", None)
    assert by_name["variables", "w, slots"] == (["m", "v"], [])
    assert ("pipeline", "update by GradientDescentOptimizer") in by_name
    assert any(part == "side effects" for part, _ in by_name)
    assert found.to_dict()[0].keys() == {"part", "what", "a", "b"}
    assert [d.what for d in found] == [d["what"] for d in found.to_dict()]


def test_ops_of_two_graphs_can_be_compared():
    ops = []
    for size in (2, 3):
        with tf.Graph().as_default():
            ops.append(tf.train.MomentumOptimizer(0.1, 0.9).minimize(tf.nn.l2_loss(tf.get_variable("w", [size]))))
    found = {(d.part, d.what): (d.a, d.b) for d in diff(*ops)}
    assert found["variables", "w, type"] == ("f32[2]", "f32[3]")
    assert found["variables", "w, bytes"] == (8, 12)


# --- path --------------------------------------------------------------------------------------------------------------------------


def test_the_path_has_the_operations_and_the_users_lines():
    w, b = variables()
    loss = loss_of(w, b)
    found = path(b, loss)
    assert [op.name for op in found.operations] == ["b", "b/read", "add", "Square", "loss"]
    assert found.by_control == (False,) * 4
    assert len(found) == 5
    lines = str(found).splitlines()
    assert lines[0].startswith("b (VariableV2), f32[2], made at ")
    assert lines[-1].startswith("-> loss (Mean), f32[], made at ")
    assert all("test_questions.py:" in line for line in lines)
    assert repr(path("b", "loss")) == str(found)


def test_without_a_way_of_data_control_edges_and_writes_count():
    w, b = variables()
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss_of(w, b))
    found = path("x", step)
    assert found.operations[-1] is step
    assert found.by_control[-1]
    assert "-> waits for it: GradientDescent (NoOp), no result" in str(found)
    changed = path("GradientDescent/learning_rate", w)
    assert [op.type for op in changed.operations][-2:] == ["ApplyGradientDescent", "VariableV2"]


def test_where_there_is_no_path_it_says_whether_it_is_the_other_way_round():
    w, b = variables()
    loss = loss_of(w, b)
    other = tf.constant(1.0, name="other")
    with pytest.raises(ValueError, match=r"'b' does not depend on 'loss': it is the other way round, path\('b', 'loss'\)\."):
        path(loss, b)
    with pytest.raises(ValueError, match=r"'loss' does not depend on 'other'\."):
        path(other, loss)
    with tf.Graph().as_default():
        elsewhere = tf.constant(1.0)
    with pytest.raises(ValueError, match="'loss' and 'Const' belong to different graphs"):
        path(loss, elsewhere)
    with pytest.raises(TypeError, match="A tensor, an operation, a variable or a name is needed, got 3"):
        path(3, loss)
    with pytest.raises((KeyError, ValueError), match="nowhere"):
        path("nowhere", loss)


# --- why ---------------------------------------------------------------------------------------------------------------------------


def test_why_an_operation_is_part_of_a_training_op():
    w, b = variables()
    loss = loss_of(w, b)
    train_op = optimized(loss, clip_gradients=1.0)
    forward = why("Square")
    assert f"is part of {train_op.name}: it computes the loss." in forward
    assert "loss (Mean) takes its result" in forward
    backward = why("OptimizeLoss/gradients/Square_grad/Mul")
    assert "it computes a gradient" in backward
    assert f"It was recorded by the differentiation of {loss.name}" in backward
    update = why("OptimizeLoss/train/update_w/ApplyGradientDescent", train_op)
    assert "it turns gradients into new values of variables" in update
    assert "It writes w." in update
    assert "waits for it" in update
    assert "it is state, or reads it" in why(w.op)


def test_why_an_operation_is_not_part_of_it():
    w, b = variables()
    loss = loss_of(w, b)
    unused = tf.identity(loss, name="unused")
    user = tf.identity(unused, name="user")
    train_op = optimized(loss)
    assert f"is not part of {train_op.name}: nothing that a run of it needs depends on it. Nothing uses it." in why(user)
    assert "It is used by user." in why(unused)


def test_why_a_variable_has_no_gradient_or_which():
    w, b = variables()
    cut = tf.get_variable("cut", [2])
    whole = tf.get_variable("whole", initializer=3, trainable=False)
    held = tf.get_variable("held", [2], trainable=False)
    loss = loss_of(w, b + tf.stop_gradient(cut)) + tf.reduce_sum(held)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert why(w).startswith("w has a gradient: gradients/")
    assert "cut at 'StopGradient'" in why(cut, train_op)
    assert "whole numbers have no gradient" in why(whole)
    assert "the training op was not given it" in why(held)
    with tf.Graph().as_default():
        v = tf.get_variable("v", [2])
        by_hand = tf.train.GradientDescentOptimizer(0.1).apply_gradients([(tf.ones([2]), v), (None, tf.get_variable("u", [2]))])
        assert why(v) == f"v has a gradient: {v.graph.get_operation_by_name('ones').name}:0, of the loss"
        assert why(tf.global_variables()[-1], by_hand).startswith("u has no gradient that is known: the loss of")


def test_why_a_guarded_write():
    w, b = variables()
    train_op = optimized(loss_of(w, b), non_finite="skip")
    text = why("OptimizeLoss/train/update_w/ApplyGradientDescent", train_op)
    assert "It writes only in runs in which OptimizeLoss/" in text


def test_which_operation_and_which_pass_a_node_comes_from():
    w = tf.get_variable("w", [2, 2])
    train_op = optimized(tf.reduce_sum(tf.matmul(w, w)) * 2.0, rate=0.5)
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        nodes = session.compiled(train_op).plan.order
        texts = {node.op.name: why(node, train_op) for node in nodes}
    assert "It comes from MatMul (MatMul), made at " in texts["matmul"] or "MatMul_grad" in texts["matmul"]
    assert "It first stands in the program after the pass '" in texts["matmul"]
    stages = {line.rpartition("pass ")[2] for text in texts.values() for line in text.splitlines() if "after the pass" in line}
    assert len(stages) > 1, "some nodes were made by passes"


def test_a_node_of_another_shape_is_told_from_which_operation_its_like_comes():
    x = tf.placeholder(tf.float32, [None], name="x")
    w = tf.get_variable("w", initializer=1.0)
    train_op = optimized(tf.reduce_sum(tf.tanh(x * w)))
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op, {x: [1.0, 2.0]})
        (node,) = [node for node in session.plan_of(train_op).order if node.op.name == "tanh"]
    assert "Nodes of this op come from Tanh" in why(node, train_op)


def test_the_training_op_that_is_meant_has_to_be_clear():
    w, b = variables()
    with pytest.raises(ValueError, match=r"Which training op is meant\? This graph has none: pass it"):
        why(w)
    loss = loss_of(w, b)
    first, second = optimized(loss), optimized(loss)
    with pytest.raises(ValueError, match=f"This graph has {first.name}, {second.name}: pass it"):
        why(w)
    assert "has a gradient" in why(w, second)
    with pytest.raises(TypeError, match="A tensor, an operation, a variable or a name is needed"):
        why(object())


def test_why_the_loss_itself_is_not_run():
    w = tf.get_variable("w", [3])
    loss = tf.nn.l2_loss(tf.tanh(w, name="tanh"), name="loss")
    train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
    assert "is not part of Adam: it computes the loss loss:0, whose value a run does not give" in why(loss, train_op)
    assert "is part of Adam: it computes the loss." in why("tanh", train_op)
    with_value = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD")
    assert f"is part of {with_value.name}: it computes the loss." in why(loss, with_value)
