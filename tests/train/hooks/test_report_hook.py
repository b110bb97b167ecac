"""The hook that keeps what a report shows of the training op."""

import json

import pytest

import graphopt as tf
from graphopt.train.hooks import report as report_hook


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


def train_op():
    w = tf.get_variable("w", initializer=1.0)
    return tf.contrib.layers.optimize_loss(w * w, tf.train.get_or_create_global_step(), 0.1, "SGD", clip_gradients=1.0)


def test_a_monitored_training_session_leaves_the_description(tmp_path):
    op = train_op()
    with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), hooks=[tf.train.StopAtStepHook(3)]) as session:
        while not session.should_stop():
            session.run(op)
    content = json.loads((tmp_path / "graphopt_report.json").read_text())
    stages = [stage["stage"] for stage in content["explanation"]["pipeline"]]
    assert "clip by global norm" in stages
    assert "log-of-softmax" in content["diagnosis"]["checked"]


def test_without_a_training_op_nothing_is_written(tmp_path):
    step = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    with tf.train.MonitoredSession(hooks=[tf.train.ReportDataHook(tmp_path)]) as session:
        session.run(step)
    assert not list(tmp_path.iterdir())


def test_what_goes_wrong_is_a_warning(tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("no space")

    monkeypatch.setattr(report_hook, "_SAVER", [fails])
    op = train_op()
    with (
        pytest.warns(UserWarning, match="The description of the training op was not saved to .*: no space"),
        tf.train.MonitoredSession(hooks=[tf.train.ReportDataHook(tmp_path)]) as session,
    ):
        assert session.run(op) == 1.0
