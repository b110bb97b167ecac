"""Training ops as several users build them: whose learning rate counts, names that meet, statistics of rows that come twice."""

import numpy as np
import pytest

import graphopt as tf

stages = tf.train.stages


def started() -> tf.Session:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


@pytest.mark.parametrize("build", ["optimize_loss", "training_op"])
def test_the_rate_of_an_optimizer_object_is_the_one_that_is_read_and_set(build: str) -> None:
    w = tf.Variable(1.0, name="w")
    optimizer = tf.train.GradientDescentOptimizer(0.125)
    chosen = [stages.decay_weights(0.5)]
    if build == "optimize_loss":
        train_op = tf.contrib.layers.optimize_loss(w, None, 0.75, optimizer, weight_decay=0.5)
    else:
        train_op = tf.train.training_op(w, optimizer=optimizer, learning_rate=0.75, stages=chosen)
    with started() as session:
        assert train_op.hyper["learning_rate"] == 0.125
        _, rate = session.run([train_op, train_op.stats["learning_rate"]])
        assert rate == 0.125 and session.run(w) == 1.0 - 0.5 * 0.125 - 0.125
        train_op.hyper["learning_rate"] = 0.5
        w.load(1.0, session)
        session.run(train_op)
        assert session.run(w) == 1.0 - 0.5 * 0.5 - 0.5


def test_the_rate_that_was_given_serves_an_object_without_one() -> None:
    w = tf.Variable(1.0, name="w")
    groups = tf.optimizers.Groups([("w", tf.train.GradientDescentOptimizer(0.125))])
    train_op = tf.train.training_op(w, optimizer=groups, learning_rate=0.5, stages=[stages.decay_weights(0.5)])
    with started() as session:
        session.run(train_op)
        assert session.run(w) == 1.0 - 0.5 * 0.5 - 0.125
        assert train_op.hyper["learning_rate"] == 0.5 and train_op.hyper["GradientDescent/learning_rate"] == 0.125


def test_a_stage_and_the_optimizer_may_both_have_a_hyper_parameter_of_one_name() -> None:
    w = tf.Variable(1.0, name="w")
    optimizer = tf.keras.optimizers.SGD(0.5, weight_decay=0.5)
    train_op = tf.train.training_op(w, optimizer=optimizer, stages=[stages.decay_weights(0.25)])
    with started() as session:
        assert (train_op.hyper["weight_decay"], train_op.hyper["weight_decay_1"]) == (0.5, 0.25)
        train_op.hyper["weight_decay_1"] = 0.0
        session.run(train_op)
        assert session.run(w) == 1.0 - 0.5 * 0.5 - 0.5


@pytest.mark.parametrize("rate", [lambda: 0.1, lambda step: tf.constant(0.1, tf.float64)], ids=["callable", "schedule"])
def test_a_rate_that_is_called_keeps_all_digits_for_a_float64_loss(rate: object) -> None:
    w = tf.Variable(np.float64(1.0), name="w")
    train_op = tf.contrib.layers.optimize_loss(w, tf.train.get_or_create_global_step(), rate, "SGD")
    with started() as session:
        session.run(train_op)
        assert session.run(w) == 0.9


def test_a_loss_in_half_precision_does_not_round_the_rate() -> None:
    w = tf.Variable(1.0, name="w")
    train_op = tf.train.training_op(tf.cast(w, tf.float16), learning_rate=1e-8, optimizer=tf.keras.optimizers.SGD)
    with started() as session:
        _, rate = session.run([train_op, train_op.stats["learning_rate"]])
        assert rate == 1e-8
        w.load(0.0, session)
        session.run(train_op)
        assert session.run(w) == np.float32(-1e-8)


def test_how_much_of_rows_that_come_twice_is_clipped() -> None:
    table = tf.Variable(np.ones((4, 2), np.float32), name="table")
    ids = tf.placeholder(tf.int32, [None])
    loss = tf.reduce_sum(tf.nn.embedding_lookup(table, ids))
    train_op = tf.train.training_op(loss, learning_rate=0.5, optimizer="SGD", stages=[stages.clip_by_value(1.5)])
    with started() as session:
        _, found = session.run([train_op, train_op.stats], {ids: [1, 3, 1]})
        assert found["clipped_fraction"] == 0.5
        assert session.run(table)[:, 0].tolist() == [1.0, 0.25, 1.0, 0.5]


def test_statistics_are_asked_for_before_the_graph_is_finalized() -> None:
    w = tf.Variable(1.0)
    first, second = [tf.train.training_op(w, optimizer=tf.train.GradientDescentOptimizer(0.5)) for _ in range(2)]
    known = first.stats
    tf.get_default_graph().finalize()
    assert first.stats == known
    with pytest.raises(RuntimeError, match=r"Statistics are recorded when they are first asked for: read train_op.stats before"):
        _ = second.stats


def test_a_decay_that_changes_leaves_averages_unbiased() -> None:
    w = tf.Variable(3.0, name="w")
    averages = stages.MovingAverages(0.5, start="zeros")
    train_op = tf.train.training_op(0.0 * w, optimizer=tf.train.GradientDescentOptimizer(1.0), stages=[averages])
    with started() as session:
        assert session.run(averages.average(w)) == 0.0
        for decay in (0.5, 0.9, 0.25):
            train_op.hyper.of(session)["average_decay"] = decay
            session.run(train_op)
            assert session.run(averages.average(w)) == pytest.approx(3.0, rel=1e-6)


@pytest.mark.parametrize("word, near", [("sgd", "SGD"), ("Adagard", "Adagrad"), ("RMSprop", "RMSProp")])
def test_an_unknown_name_of_an_optimizer_tells_the_nearest(word: str, near: str) -> None:
    with pytest.raises(ValueError, match=rf"you provided {word}\. Did you mean '{near}'\?"):
        tf.contrib.layers.optimize_loss(tf.Variable(1.0), None, 0.1, word)


@pytest.mark.parametrize("make", [tf.train.AdagradOptimizer, tf.train.ProximalAdagradOptimizer, tf.train.FtrlOptimizer])
@pytest.mark.parametrize("start", ["0.1", True, lambda: 0.1, None])
def test_slots_start_from_a_number(make: type, start: object) -> None:
    with pytest.raises(TypeError, match=r"initial_accumulator_value is what slots start from, so it must be a number, got "):
        make(0.1, initial_accumulator_value=start)


@pytest.mark.parametrize("create", [tf.contrib.training.create_train_op, tf.contrib.slim.learning.create_train_op])
def test_what_create_train_op_gives_has_hyper_parameters_and_statistics(create: object) -> None:
    w = tf.get_variable("w", initializer=[3.0, 4.0])
    halve = {"transform_grads_fn": lambda pairs: [(0.5 * g, v) for g, v in pairs]}
    clip = {"clip_gradient_norm": 2.5}
    options = halve if create is tf.contrib.training.create_train_op else clip
    train_op = create(tf.nn.l2_loss(w), tf.train.GradientDescentOptimizer(1.0), **options)  # type: ignore[operator]
    with started() as session:
        _, found = session.run([train_op, train_op.stats])
        assert (found["gradient_norm"], found["learning_rate"]) == (5.0, 1.0)
        assert found["clipped_gradient_norm"] == pytest.approx(2.5) and found["update_ratio"] == pytest.approx(0.5)
        train_op.hyper["learning_rate"] = 0.0
        session.run(train_op)
        np.testing.assert_allclose(session.run(w), [1.5, 2.0], rtol=1e-6)


def test_training_ops_in_a_scope_that_reuses_share_no_state_of_stages() -> None:
    w = tf.get_variable("w", initializer=1.0)
    g = tf.placeholder(tf.float32, [])

    def build() -> tf.Tensor:
        chosen = [stages.accumulate(2), stages.look_ahead(1, 1.0), stages.MovingAverages(0.5), stages.MovingAverages(0.5, start="zeros")]
        return tf.train.training_op(w * g, optimizer=tf.train.GradientDescentOptimizer(1.0), stages=chosen)

    with tf.variable_scope("model"):
        first = build()
    with tf.variable_scope("model", reuse=True):
        second = build()
    names = [v.name for v in tf.global_variables()]
    assert {"model/TrainingOp/w/accumulated_gradient:0", "model_1/TrainingOp/w/accumulated_gradient:0"} <= set(names)
    assert sum("w/" in name for name in names) == 8
    with started() as session:
        session.run(first, {g: 5.0})
        for _ in range(2):
            session.run(second, {g: 1.0})
        assert session.run(w) == 0.0
        session.run(first, {g: 1.0})
        assert session.run(w) == -3.0
