"""The doctor's rules on training ops of every kind: by hand, several together, with branches; each with the fault and without it."""

import numpy as np
import pytest

import graphopt as tf
from graphopt.inspection.doctoring import summaries


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


def names(train_op, rule, **known):
    diagnosis = tf.doctor(train_op, only=[rule], **known)
    assert diagnosis.not_checked == {}
    return [finding.name for finding in diagnosis]


def running():
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


# --- clipping by hand ------------------------------------------------------------------------------------------------------------------

CLIPS = {
    "global norm": lambda gradients, limit: tf.clip_by_global_norm(gradients, limit)[0],
    "norm": lambda gradients, limit: [tf.clip_by_norm(gradient, limit) for gradient in gradients],
    "value": lambda gradients, limit: [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients],
}


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize(("limit", "acts"), [(1e-3, True), (1e3, False)])
def test_clipping_by_hand(clip, limit, acts):
    w = tf.get_variable("w", initializer=np.ones((4, 3), np.float32))
    table = tf.get_variable("table", initializer=np.ones((6, 3), np.float32))
    loss = tf.reduce_sum(tf.square(w)) + tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, [1, 1, 4])))
    optimizer = tf.train.MomentumOptimizer(1e-4, 0.9)
    pairs = optimizer.compute_gradients(loss)
    clipped = CLIPS[clip]([gradient for gradient, _ in pairs], limit)
    train_op = optimizer.apply_gradients([(gradient, v) for gradient, (_, v) in zip(clipped, pairs, strict=True)])
    before = len(tf.get_default_graph().get_operations())
    with running() as session:
        assert bool(names(train_op, "clipped-every-step", session=session)) == acts
    assert len(tf.get_default_graph().get_operations()) - before <= 1  # the initializer: the doctor records nothing


@pytest.mark.parametrize(("limit", "acts"), [(1e-3, True), (49.0, False)])
def test_clipping_in_a_finalized_graph_with_sparse_gradients(limit, acts):
    table = tf.get_variable("table", initializer=np.ones((6, 3), np.float32))
    loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, [1, 1, 4])))
    train_op = tf.contrib.layers.optimize_loss(loss, None, 1e-4, "Adagrad", clip_gradients=limit)
    with running() as session:
        tf.get_default_graph().finalize()
        assert bool(names(train_op, "clipped-every-step", session=session)) == acts


def test_gradients_that_are_scaled_by_hand_are_not_clipped():
    w = tf.get_variable("w", initializer=1.0)
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    train_op = optimizer.apply_gradients([(gradient / 2.0, v) for gradient, v in optimizer.compute_gradients(w * w)])
    with running() as session:
        assert names(train_op, "clipped-every-step", session=session) == []


def test_centralising_is_not_taken_for_clipping():
    w = tf.get_variable("w", initializer=np.ones((4, 3), np.float32))
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(w * w), None, 1e-4, "SGD", clip_gradients=1e3, centralize_gradients=True)
    with running() as session:
        diagnosis = tf.doctor(train_op, only=["clipped-every-step"], session=session)
    assert not diagnosis
    assert diagnosis.not_checked["clipped-every-step"].startswith("gradients are centralised beside clipping")


# --- steps -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("counts", [False, True])
def test_a_step_of_the_users_own_that_a_schedule_reads(counts):
    step = tf.Variable(0, trainable=False, name="my_step")
    w = tf.get_variable("w", initializer=1.0)
    rate = tf.train.exponential_decay(0.1, step, 10, 0.5)
    train_op = tf.train.GradientDescentOptimizer(rate).minimize(w * w, global_step=step if counts else None)
    assert names(train_op, "step-never-counted") == ([] if counts else ["step-never-counted"])


def test_a_step_that_another_operation_counts():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.train.GradientDescentOptimizer(tf.train.exponential_decay(0.1, step, 10, 0.5)).minimize(w * w)
    count = tf.assign_add(step, 1)
    (finding,) = tf.doctor(train_op, only=["step-never-counted"])
    assert finding.severity == "warning"
    assert f"only '{count.op.name}' (" in finding.message
    assert names([train_op, count], "step-never-counted") == []


def test_two_training_ops_that_count_one_step():
    step = tf.train.get_or_create_global_step()
    w, b = tf.get_variable("w", initializer=1.0), tf.get_variable("b", initializer=1.0)
    first = tf.train.AdamOptimizer(0.1).minimize(w * w, var_list=[w], global_step=step)
    second = tf.contrib.layers.optimize_loss(b * b, step, 0.1, "SGD", variables=[b])
    assert names([first, second], "step-counted-twice") == ["step-counted-twice"]
    assert names(first, "step-counted-twice") == names(second, "step-counted-twice") == []


def test_a_step_that_either_branch_counts_is_counted_once():
    step = tf.train.get_or_create_global_step()
    w = tf.get_variable("w", initializer=1.0)
    update = tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
    with tf.control_dependencies([update]):
        train_op = tf.cond(w > 0, lambda: tf.assign_add(step, 1), lambda: tf.assign_add(step, 2))
    assert names(train_op, "step-counted-twice") == []
    assert names([train_op, tf.assign_add(step, 1)], "step-counted-twice") == ["step-counted-twice"]


# --- the graph -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_stable", [False, True])
def test_the_probability_of_the_label(is_stable):
    logits, labels = tf.get_variable("w", [5, 3]), tf.placeholder(tf.float32, [5, 3])
    chosen = tf.nn.log_softmax(logits) if is_stable else tf.log(tf.reduce_sum(labels * tf.nn.softmax(logits), 1) + 1e-9)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(-tf.reduce_mean(chosen))
    assert names(train_op, "log-of-softmax") == ([] if is_stable else ["log-of-softmax"])


def test_the_logarithm_of_a_softmax_in_a_branch():
    w = tf.get_variable("w", [5, 3])
    loss = tf.cond(tf.placeholder(tf.bool, []), lambda: tf.reduce_sum(tf.log(tf.nn.softmax(w))), lambda: tf.reduce_sum(w))
    assert "log-of-softmax" in names(tf.train.GradientDescentOptimizer(0.1).minimize(loss), "log-of-softmax")


def test_a_variable_without_a_gradient_and_those_of_another_training_op():
    w, cut = tf.get_variable("w", initializer=1.0), tf.get_variable("cut", initializer=1.0)
    other = tf.get_variable("other", initializer=1.0)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(w * tf.stop_gradient(cut), var_list=[w, cut])
    (finding, idle) = tf.doctor(train_op, only=["unused-variable"])
    assert "'cut' was to be trained and has no gradient, so that it stays as it is: the path" in finding.message or "cut" in idle.message
    tf.train.GradientDescentOptimizer(0.1).minimize(other * cut, var_list=[other])
    (finding,) = tf.doctor(train_op, only=["unused-variable"])
    assert "'cut' was to be trained" in finding.message
    assert "StopGradient" in finding.message


def test_update_ops_that_another_training_op_runs():
    mean = tf.Variable(0.0, trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, mean.assign_add(1.0))
    w, b = tf.get_variable("w", initializer=1.0), tf.get_variable("b", initializer=1.0)
    tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD", variables=[w])
    second = tf.contrib.layers.optimize_loss(b * b, None, 0.1, "SGD", variables=[b], update_ops=[])
    assert names(second, "update-ops-never-run") == []


def test_a_late_variable_that_was_initialized_by_itself():
    w = tf.get_variable("w", initializer=1.0)
    early = tf.global_variables_initializer()
    train_op = tf.train.MomentumOptimizer(0.1, 0.9).minimize(w * w)
    assert names(train_op, "variable-after-initializer") == ["variable-after-initializer"]
    with tf.Session() as session:
        session.run(early)
        assert names(train_op, "variable-after-initializer", session=session) == ["variable-after-initializer"]
        session.run([v.initializer for v in tf.global_variables()])
        assert names(train_op, "variable-after-initializer", session=session) == []


@pytest.mark.parametrize("turns", [30, 3])
def test_operations_that_are_recorded_in_the_loop_and_never_run(turns):
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
    with running() as session:
        for _ in range(turns):
            session.run(train_op)
            tf.square(w)
        (finding,) = tf.doctor(train_op, only=["graph-grows"], session=session) or [None]
    assert (finding is not None) == (turns == 30)
    assert finding is None or (finding.severity == "warning" and finding.where.startswith(__file__))


# --- units -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shift", "dead"), [(-100.0, 3), (0.0, 0)])
def test_dead_units_without_feeds_and_of_filters(shift, dead):
    images = tf.constant(np.random.RandomState(0).normal(size=(2, 6, 6, 2)).astype(np.float32))
    filters = tf.get_variable("filters", initializer=np.random.RandomState(1).normal(size=(3, 3, 2, 3)).astype(np.float32))
    layer = tf.nn.relu6(tf.nn.conv2d(images, filters, [1, 1, 1, 1], "SAME") + shift)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(layer))
    with running() as session:
        findings = list(tf.doctor(train_op, only=["dead-units"], session=session))
    assert [f"{dead} of 3 units of '{layer.op.name}' are 0 for all 2 examples" in finding.message for finding in findings] == [True] * bool(
        dead
    )


def discriminator(images, reuse):
    with tf.variable_scope("discriminator", reuse=reuse):
        start = np.float32([[1, 1, -1, 0], [0, 1, -1, 0]])
        kernel = tf.get_variable("kernel", initializer=start)
        bias = tf.get_variable("bias", initializer=np.float32([0, 0, 0, -1]))
        return tf.nn.relu(tf.matmul(images, kernel) + bias)


@pytest.mark.parametrize(("fake", "dead", "severity"), [(-1.0, 1, "note"), (1.0, 2, "warning")])
def test_a_unit_of_shared_weights_is_dead_only_where_no_application_wakes_it(fake, dead, severity):
    generated = tf.tanh(tf.get_variable("generator", initializer=np.float32([[1, 0], [0, 1]])))
    real = discriminator(tf.ones([16, 2]), None)
    made = discriminator(tf.matmul(fake * tf.ones([16, 2]), generated), True)
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_mean(real - made))
    with running() as session:
        (finding,) = tf.doctor(train_op, only=["dead-units"], session=session)
    assert f"{dead} of 4 units of '{real.op.name}' are 0 for all 16 examples" in finding.message
    assert finding.severity == severity
    assert ("So few are usual" in finding.message) == (severity == "note")


# --- summaries -------------------------------------------------------------------------------------------------------------------------


def with_summaries():
    w = tf.get_variable("w", initializer=np.ones(8, np.float32))
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(w * w), None, 0.1, "SGD", summaries=["loss"])
    tf.summary.histogram("weights", w)
    return train_op


@pytest.fixture
def clock(monkeypatch):
    """Give the seconds of a step and what it takes more with the histogram; not those of this machine."""

    def set_to(step, histogram):
        def seconds(session, fetches, feeds):
            return step + histogram * ("weights" in str(fetches))

        monkeypatch.setattr(summaries, "seconds", seconds)

    return set_to


@pytest.mark.parametrize(("cadence", "is_dear"), [(None, True), (1, True), (100, False), ({"weights": 100}, False), ({"weights": 2}, True)])
def test_summaries_weigh_as_often_as_they_are_written(cadence, is_dear, clock):
    clock(1e-3, 1e-3)
    train_op = with_summaries()
    with running() as session:
        findings = list(tf.doctor(train_op, only=["expensive-summaries"], session=session, cadence=cadence))
    assert len(findings) == is_dear
    if is_dear:
        # Nobody said that they are written so often.
        assert findings[0].severity == ("note" if cadence is None else "warning")
        assert "'weights' costs most" in findings[0].message
        assert ("if all are written in every step" in findings[0].message) == (cadence is None)
    if cadence is None:
        assert "take 50% of the time" in findings[0].message
        assert "Write them 10 times less often" in findings[0].mend
    assert tf.doctor(train_op, only=["expensive-summaries"], cadence=0).not_checked == {}


def test_summaries_that_are_dear_even_every_hundredth_step(clock):
    clock(1e-3, 20e-3)
    train_op = with_summaries()
    with running() as session:
        (finding,) = tf.doctor(train_op, only=["expensive-summaries"], session=session)
    assert finding.severity == "warning"


@pytest.mark.parametrize(("step", "histogram"), [(5e-6, 20e-6), (1e-3, 60e-6)])
def test_a_step_so_short_or_summaries_so_cheap_are_no_fault(step, histogram, clock):
    clock(step, histogram)
    train_op = with_summaries()
    with running() as session:
        assert names(train_op, "expensive-summaries", session=session) == []


@pytest.mark.parametrize("is_dear", [True, False])
def test_times_of_a_traced_run_count(is_dear):
    train_op = with_summaries()
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with running() as session:
        session.run([train_op, tf.summary.merge_all()], options=options, run_metadata=metadata)
    for stats in metadata.step_stats.dev_stats[0].node_stats:
        is_summary = stats.node_name in ("weights", "OptimizeLoss/loss")
        stats.all_end_rel_micros = 500 if is_summary == is_dear else 1
    assert bool(names(train_op, "expensive-summaries", run_metadata=metadata)) == is_dear
