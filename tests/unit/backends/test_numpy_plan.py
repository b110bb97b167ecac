"""The numpy backend: two tiers with the same bits, updates in place and in batches, the generated source."""

import itertools

import numpy as np
import pytest

import graphopt as tf
from graphopt.config import override
from graphopt.ir.plan import Batch


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def network(sizes=(5, 7, 3), seed=0):
    """A network with Adam, clipping and decay; returns feeds and training op."""
    random = np.random.RandomState(seed)
    x = tf.placeholder(tf.float32, [None, sizes[0]], name="x")
    layer = x
    for i, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        w = tf.get_variable(f"w{i}", initializer=random.randn(rows, columns).astype("f"))
        b = tf.get_variable(f"b{i}", initializer=random.randn(columns).astype("f"))
        layer = tf.tanh(tf.matmul(layer, w) + b)
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(
        tf.reduce_mean(tf.square(layer)), step, 0.1, "Adam", clip_gradients=0.5,
        learning_rate_decay_fn=lambda rate, s: tf.train.exponential_decay(rate, s, 3, 0.7),
    )  # fmt: skip
    return {x: random.randn(6, sizes[0]).astype("f")}, train_op


def train(hot_after, steps=12):
    with tf.Graph().as_default(), override(hot_after=hot_after):
        feeds, train_op = network()
        with tf.Session(backend="numpy") as session:
            session.run(tf.global_variables_initializer())
            losses = [session.run(train_op, feeds) for _ in range(steps)]
            return losses, session.run(tf.global_variables())


@pytest.mark.parametrize("hot_after", [0, 1, 5])
def test_both_tiers_give_the_same_bits(hot_after):
    cold_losses, cold = train(hot_after=10**9)
    losses, values = train(hot_after)
    assert [v.tobytes() for v in losses] == [v.tobytes() for v in cold_losses]
    for a, b in zip(values, cold, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


def test_updates_of_several_variables_are_one_call_each():
    feeds, train_op = network(sizes=(5, 7, 6, 4, 3))
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        plan = session.compiled(train_op, feeds).plan
    batches = [unit for unit in plan.units if isinstance(unit, Batch)]
    assert batches
    assert {len(batch.result.nodes) for batch in batches} == {8}
    # Eight weights and biases with two slots each, in three bundles.
    assert sorted(len(names) for names in plan.variable_bundles) == [8, 8, 8]
    assert len(plan.in_place) == 24


def test_batched_variables_can_still_be_assigned_fed_and_fetched():
    feeds, train_op = network()
    w = tf.get_default_graph().get_tensor_by_name("w0:0")
    variable = next(v for v in tf.trainable_variables() if v.name == "w0:0")
    reset = tf.assign(variable, tf.zeros([5, 7]))
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(train_op, feeds)
        kept = session.run(w)
        copy = kept.copy()
        session.run(train_op, feeds)
        assert np.array_equal(kept, copy)
        assert not np.array_equal(session.run(w), kept)
        session.run(reset)
        assert not session.run(w).any()
        loss, after = session.run([train_op, w], feeds)
        assert np.isfinite(loss)
        assert after.any()


def test_a_variable_that_two_plans_bundle_differently_still_trains_right():
    def losses(first, second):
        with tf.Graph().as_default():
            a, b, c = (tf.get_variable(n, initializer=np.full(s, 2.0, "f")) for n, s in (("a", 3), ("b", 4), ("c", 5)))
            total = sum(tf.reduce_sum(tf.square(v)) for v in (a, b, c))
            ops = [tf.train.MomentumOptimizer(0.05, 0.5).minimize(total, var_list=chosen) for chosen in ([a, b], [b, c])]
            with tf.Session(backend="numpy") as session, override(hot_after=first):
                session.run(tf.global_variables_initializer())
                for i in range(10):
                    with override(hot_after=second):
                        session.run(ops[i % 2])
                return [v.tobytes() for v in session.run(tf.global_variables())]

    assert losses(0, 0) == losses(10**9, 10**9)


def test_what_may_fail_runs_before_the_first_write_in_place():
    v = tf.Variable(np.zeros(4, "f"), name="v")
    i = tf.placeholder(tf.int32, [None])
    bump = tf.assign_add(v, np.ones(4, "f"))
    picked = tf.gather(bump, i)
    checked = tf.check_numerics(tf.gather(tf.constant([1.0, np.inf]), i), "bad")
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        plan = session.compiled([bump, checked], {i: [0]}).plan
        names = [node.op.name for node in plan.order]
        assert names.index("check_numerics") < names.index("add")
        # A value that fails after the write keeps the write out of place instead.
        assert "v" not in session.compiled([bump, picked], {i: [0]}).plan.in_place


def test_generated_source_can_be_read():
    x = tf.placeholder(tf.float32, [4, 3], name="x")
    w = tf.Variable(np.ones((3, 2), "f"), name="w")
    y = tf.tanh(tf.matmul(x, w) + 1.0)
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        source = session.compiled(y, {x: np.ones((4, 3))}).source
    lines = [line.split("(")[0].strip() for line in source.splitlines()]
    assert lines[0] == "def step"
    assert lines[1:4] == ["dot", "add", "tanh"]


def test_working_memory_is_shared_by_results_that_do_not_live_together():
    x = tf.placeholder(tf.float32, [1000])
    y = x
    for _ in range(20):
        y = tf.sin(y) * 2.0
    with tf.Session(backend="numpy") as session:
        plan = session.compiled(y, {x: np.ones(1000)}).plan
    assert plan.arena_bytes <= 2 * 4096


def test_compiling_nothing_is_refused():
    tf.constant(1.0)
    with tf.Session(backend="numpy") as session, pytest.raises(ValueError, match="There is nothing to compile"):
        session.compiled([])
