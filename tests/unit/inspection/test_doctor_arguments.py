"""What the doctor is given: checkpoints in every form, sessions, feeds, lists of training ops; and which rules could not look."""

import json
import os

import numpy as np
import pytest

import graphopt as tf

RATE = "learning-rate-differs-from-checkpoint"


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


def minimized(rate, optimizer=tf.train.AdamOptimizer):
    w = tf.get_variable("w", initializer=1.0)
    return optimizer(rate).minimize(w * w)


def optimized(rate):
    w = tf.get_variable("w", initializer=1.0)
    step = tf.train.get_or_create_global_step()

    def decayed(rate, step):
        return tf.train.exponential_decay(rate, step, 10, 0.5)

    return tf.contrib.layers.optimize_loss(w * w, step, rate, "Adam", learning_rate_decay_fn=decayed)


def of_keras(rate):
    w = tf.get_variable("w", initializer=1.0)
    return tf.keras.optimizers.Adam(rate).minimize(w * w, [w])


def of_a_variable(rate):
    return minimized(tf.get_variable("rate", initializer=rate, trainable=False), tf.train.GradientDescentOptimizer)


MAKERS = pytest.mark.parametrize("make", [minimized, optimized, of_keras, of_a_variable])


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a training op's state and returns the prefix."""

    def save(make, rate):
        with tf.Graph().as_default():
            make(rate)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                return tf.train.Saver().save(session, str(tmp_path / "model"), global_step=7)

    return save


def found(train_op, checkpoint):
    return list(tf.doctor(train_op, checkpoint=checkpoint, only=[RATE]))


# --- checkpoints -----------------------------------------------------------------------------------------------------------------------


@MAKERS
def test_a_rate_that_was_edited(make, saved):
    prefix = saved(make, 0.1)
    (finding,) = found(make(0.2), prefix)
    assert "gives the learning rate 0.2" in finding.message
    assert "holds 0.1 in" in finding.message
    assert prefix in finding.message
    assert finding.where.startswith(__file__)
    assert "on_difference" in finding.mend


@MAKERS
def test_a_rate_that_was_not_edited(make, saved):
    prefix = saved(make, 0.1)
    diagnosis = tf.doctor(make(0.1), checkpoint=prefix, only=[RATE])
    assert not diagnosis
    assert diagnosis.checked == (RATE,)


def test_a_checkpoint_in_every_form(saved, tmp_path):
    prefix = saved(minimized, 0.1)
    train_op = minimized(0.2)
    forms = [prefix, prefix.encode(), tmp_path, str(tmp_path), f"{prefix}.npz", tf.train.load_checkpoint(prefix)]
    assert [len(found(train_op, form)) for form in [*forms, {"Adam/learning_rate": 0.1}]] == [1] * 7
    assert found(train_op, {"Adam/learning_rate": np.float32(0.2)}) == []


def test_a_rate_that_was_lowered_while_training_is_no_difference(saved, tmp_path):
    train_op = minimized(0.1)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        train_op_rate = tf.inspection.explain(train_op).to_dict()["schedules"][0]["rate"]
        session.store.cell(train_op_rate.removesuffix(":0")).value = np.float64(0.01)
        prefix = tf.train.Saver().save(session, str(tmp_path / "model"))
    assert found(train_op, prefix) == []


def test_a_checkpoint_without_a_rate_says_so():
    diagnosis = tf.doctor(minimized(0.1), checkpoint={"w": np.float32(1.0)}, only=[RATE])
    assert diagnosis.not_checked == {RATE: "the checkpoint holds no learning rate of this training op ('Adam/learning_rate')"}


def test_checkpoints_that_are_none(tmp_path):
    train_op = minimized(0.1)
    with pytest.raises(tf.errors.NotFoundError, match=r"There is no checkpoint .*missing: no file"):
        tf.doctor(train_op, checkpoint=str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file or checkpoints in given directory"):
        tf.doctor(train_op, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="checkpoint is an empty path: give the prefix that"):
        tf.doctor(train_op, checkpoint="")
    with pytest.raises(TypeError, match="checkpoint must be a path, a folder, a reader or values by name, got 3"):
        tf.doctor(train_op, checkpoint=3)
    with pytest.raises(TypeError, match="The values of a checkpoint go by the names of variables, got the key 3"):
        tf.doctor(train_op, checkpoint={3: 0.1})


def test_a_damaged_checkpoint_is_named(saved):
    file = f"{saved(minimized, 0.1)}.npz"
    with open(file, "rb") as opened:
        content = bytearray(opened.read())
    content[content.index(b"\x93NUMPY") + 130] ^= 255
    with open(file, "wb") as opened:
        opened.write(content)
    with pytest.raises(tf.errors.DataLossError, match="is damaged") as caught:
        tf.doctor(minimized(0.1), checkpoint=file)
    assert os.path.basename(file) in caught.value.message


# --- what could not be looked at -------------------------------------------------------------------------------------------------------


def everything():
    x = tf.placeholder(tf.float32, [None, 4], name="x")
    hidden = tf.nn.relu(tf.matmul(x, tf.get_variable("w", initializer=np.ones((4, 3), np.float32))))
    return x, tf.contrib.layers.optimize_loss(tf.reduce_mean(hidden), None, 0.1, "SGD", clip_gradients=1.0)


def test_rules_that_could_not_look_are_told_with_the_reason():
    x, train_op = everything()
    diagnosis = tf.doctor(train_op)
    expected = {RATE, "clipped-every-step", "dead-units", "expensive-summaries", "float64-fed", "graph-grows"}
    assert set(diagnosis.not_checked) == expected
    assert not expected & set(diagnosis.checked)
    assert "\nnot looked at:\n" in str(diagnosis)
    assert "  clipped-every-step: no session was given" in str(diagnosis)
    assert json.loads(diagnosis.to_json())["not_checked"] == diagnosis.not_checked
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        missing = tf.doctor(train_op, session=session).not_checked
        assert missing["dead-units"] == "no feeds were given"
        few = tf.doctor(train_op, session=session, feeds={x: np.ones((3, 4), np.float32)}).not_checked
        assert few["dead-units"].startswith("too few examples were fed")
        everywhere = tf.doctor(
            train_op, session=session, feeds={x: np.ones((32, 4), np.float32)}, checkpoint={"OptimizeLoss/learning_rate": 0.1}
        )
    assert everywhere.not_checked == {}
    assert "not looked at" not in str(everywhere)


@pytest.mark.parametrize("what", ["calls Python", "prints"])
def test_steps_that_would_do_more_are_not_tried(what):
    calls = []

    def call(value):
        calls.append(value)
        return value

    w = tf.get_variable("w", initializer=np.ones(3, np.float32))
    value = tf.py_func(call, [w], tf.float32) if what == "calls Python" else tf.Print(w, [w], first_n=1)
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(value * w), None, 0.1, "SGD", clip_gradients=1e-3)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        diagnosis = tf.doctor(train_op, session=session)
    assert f"a step {what} (" in diagnosis.not_checked["clipped-every-step"]
    assert calls == []


def test_a_session_that_has_not_been_initialized_is_a_reason():
    x, train_op = everything()
    with tf.Session() as session:
        reasons = tf.doctor(train_op, session=session, feeds={x: np.ones((32, 4), np.float32)}).not_checked
    assert "uninitialized value" in reasons["clipped-every-step"]


# --- arguments that are wrong ----------------------------------------------------------------------------------------------------------


def test_sessions_that_can_not_be_looked_at():
    _, train_op = everything()
    with pytest.raises(TypeError, match=r"session must be a tf\.Session, got <class 'str'>") as caught:
        tf.doctor(train_op, session="mine")
    assert str(caught.value.location).startswith(__file__)
    session = tf.Session()
    session.close()
    with pytest.raises(RuntimeError, match="The session is closed: its values are gone"):
        tf.doctor(train_op, session=session)
    with (
        tf.Graph().as_default(),
        tf.Session() as other,
        pytest.raises(ValueError, match="runs another graph than the one of the training op"),
    ):
        tf.doctor(train_op, session=other)


def test_a_monitored_session_is_looked_at_inside():
    x, train_op = everything()
    with tf.train.MonitoredSession() as session:
        diagnosis = tf.doctor(train_op, session=session, feeds={x: np.ones((32, 4), np.float32)})
        assert "clipped-every-step" in diagnosis.checked
        assert tf.explain(train_op, session=session).to_dict()["schedules"][0]["now"] == pytest.approx(0.1)


def test_feeds_that_are_wrong():
    x, train_op = everything()
    with pytest.raises(TypeError, match="feeds is a feed dictionary, or a list of them, got 'x'"):
        tf.doctor(train_op, feeds="x")
    with pytest.raises(TypeError, match="feeds is a feed dictionary, or a list of them; in the list stands 3"):
        tf.doctor(train_op, feeds=[3])
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        tf.doctor(train_op, feeds={"no such": 1.0})
    with pytest.raises(ValueError, match="Cannot feed"):
        tf.doctor(train_op, feeds={x: "text"})
    with tf.Graph().as_default():
        elsewhere = tf.placeholder(tf.float32, [])
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        tf.doctor(train_op, feeds={elsewhere: 1.0})
    double = {"x:0": np.ones((3, 4))}
    assert [finding.name for finding in tf.doctor(train_op, feeds=[double, None], only=["float64-fed"])] == ["float64-fed"]


def test_other_arguments_that_are_wrong():
    _, train_op = everything()
    with pytest.raises(TypeError, match="only is a list of the names of rules, got 'dead-units'"):
        tf.doctor(train_op, only="dead-units")
    with pytest.raises(TypeError, match=r"cadence is a number of steps, numbers by tag, or a tf\.summary\.Cadence, got 'often'"):
        tf.doctor(train_op, cadence="often")
    with pytest.raises(TypeError, match=r"run_metadata must be a tf\.RunMetadata, got 3"):
        tf.doctor(train_op, run_metadata=3)
    with pytest.raises(TypeError, match=r"run_metadata must be a tf\.RunMetadata, got 3"):
        tf.explain(train_op, run_metadata=3)


def test_what_is_no_training_op():
    x, train_op = everything()
    with pytest.raises(ValueError, match="is not a training op: pass what optimize_loss returned"):
        tf.doctor(tf.reduce_sum(x))
    with tf.Graph().as_default():
        other = minimized(0.1)
    for wrong in ([], [train_op, other], [train_op, 3]):
        with pytest.raises(ValueError, match="is not a training op: pass what optimize_loss returned"):
            tf.doctor(wrong)


def test_training_ops_in_a_list():
    _, train_op = everything()
    assert tf.doctor([train_op]).to_dict() == tf.doctor(train_op).to_dict()
    assert tf.explain([train_op]).to_dict() == tf.explain(train_op).to_dict()
    w = tf.get_variable("other", initializer=1.0)
    second = tf.train.AdamOptimizer(0.5).minimize(w * w, var_list=[w])
    explanation = tf.explain((train_op, second))
    content = explanation.to_dict()
    assert content["training_op"] == f"{train_op.name}, {second.name}"
    assert content["losses"] == [train_op.info.loss.name, "mul:0"]
    assert [v["name"] for v in content["variables"]] == ["w", "other"]
    assert [s["now"] for s in content["schedules"]] == pytest.approx([0.1, 0.5])
    assert f"losses: {train_op.info.loss.name}, mul:0" in str(explanation)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        x = tf.get_default_graph().get_tensor_by_name("x:0")
        session.run([train_op, second], {x: np.ones((2, 4), np.float32)})
        together = tf.explain([train_op, second], session=session).to_dict()["cost"]
        assert together["flops_are_complete"]  # the shapes of that run
        session.run(train_op, {x: np.ones((2, 4), np.float32)})
        alone = tf.explain(train_op, session=session).to_dict()["cost"]
    assert alone["flops"] < together["flops"]
