"""`train_op.stats`: every number against NumPy, and that looking changes nothing."""

from typing import Any

import numpy as np
import pytest
from staging import initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages
TABLE = np.arange(1.0, 7.0).reshape(3, 2)


def mixed(*chosen: Any, optimizer: Any = None, **more: Any) -> tuple[Any, Any, Any, Any, Any]:
    """A training op with a dense and a sparse gradient that are fed: rows 1 and 1 of a table, and w."""
    table = tf.Variable(TABLE, name="table")
    rows = tf.placeholder(tf.float64, [2, 2])
    w, g, loss = linear([3.0, 4.0])
    whole = loss + tf.reduce_sum(tf.gather(table, [1, 1]) * rows)
    train_op = tf.train.training_op(whole, optimizer=optimizer or sgd(0.5), stages=chosen, **more)
    return train_op, w, table, g, rows


FEED = ([1.0, -2.0], [[1.0, 2.0], [3.0, 0.0]])


def test_every_number_of_a_clipped_step() -> None:
    train_op, w, table, g, rows = mixed(stages.clip_by_value(1.5))
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: FEED[0], rows: FEED[1]})
        moved = session.run([w, table])
    gradients = [np.array([1.0, -2.0]), np.array([[0, 0], [4.0, 2.0], [0, 0]])]
    clipped = [np.clip(x, -1.5, 1.5) for x in gradients]
    changes = [0.5 * x for x in clipped]
    starts = [np.array([3.0, 4.0]), TABLE]
    for a, b, c in zip(moved, starts, changes, strict=True):
        np.testing.assert_allclose(a, b - c, rtol=1e-14)

    def norm(parts: Any) -> Any:
        return np.sqrt(sum(np.sum(np.square(x)) for x in parts))

    # Before clipping, repeated rows count one by one, as in the summary of the norm.
    assert found["gradient_norm"] == pytest.approx(norm([gradients[0], np.array(FEED[1])]), rel=1e-14)
    assert found["clipped_gradient_norm"] == pytest.approx(norm(clipped), rel=1e-14)
    assert found["clipped_fraction"] == pytest.approx(3 / 4, rel=1e-14)
    assert found["update_ratio"] == pytest.approx(norm(changes) / norm(starts), rel=1e-14)
    assert found["update_ratio/w"] == pytest.approx(norm(changes[:1]) / norm(starts[:1]), rel=1e-14)
    assert found["update_ratio/table"] == pytest.approx(norm(changes[1:]) / norm(starts[1:]), rel=1e-14)
    assert found["learning_rate"] == 0.5 and found["skipped_steps"] == 0
    assert set(found) == {
        "gradient_norm",
        "clipped_gradient_norm",
        "clipped_fraction",
        "update_ratio",
        "update_ratio/w",
        "update_ratio/table",
        "learning_rate",
        "skipped_steps",
    }


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_statistics_are_float64_of_all_types(dtype: str) -> None:
    _w, g, loss = linear([3.0, 4.0], dtype)
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[stages.clip_by_global_norm(2.0)])
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [300.0, 400.0]})
    assert found["gradient_norm"] == 500.0 and found["gradient_norm"].dtype == np.float64
    assert found["clipped_gradient_norm"] == pytest.approx(2.0, rel=2e-3 if dtype == "float16" else 1e-6)
    assert found["clipped_fraction"] == 1.0
    assert found["update_ratio"] == pytest.approx(0.2, rel=2e-3 if dtype == "float16" else 1e-6)


def test_without_the_step_statistics_tell_of_gradients_and_change_nothing() -> None:
    train_op, w, table, g, rows = mixed(stages.clip_by_value(1.5))
    with initialized() as session:
        found = session.run(train_op.stats, {g: FEED[0], rows: FEED[1]})
        assert session.run(w).tolist() == [3, 4] and session.run(table).tolist() == TABLE.tolist()
    assert found["clipped_fraction"] == 0.75 and found["update_ratio"] == 0.0


@pytest.mark.parametrize("fetched", ["with the step", "asked for after steps", "alone"])
def test_training_is_the_same_whether_or_not_one_looks(fetched: str) -> None:
    """Random streams, sums of accumulation and counters included; also of sparse rows."""
    noise = [] if fetched == "alone" else [stages.add_annealed_noise(0.1)]

    def run(look: str) -> list[Any]:
        with tf.Graph().as_default():
            tf.set_random_seed(11)
            tf.train.get_or_create_global_step()
            chosen = [
                stages.scale_loss("dynamic"),
                stages.skip_non_finite(),
                stages.accumulate(2),
                *noise,
                stages.multiply_learning_rates({"w": 0.5}),
                stages.clip_by_global_norm(1.0),
                stages.decay_weights(0.01),
                stages.look_ahead(2),
                stages.MovingAverages(0.9),
            ]
            train_op, _, _, g, rows = mixed(*chosen, optimizer=tf.train.AdamOptimizer(0.1))
            kept = tf.global_variables()
            stats = train_op.stats if look in ("with the step", "alone") else None
            random = np.random.default_rng(1)
            with initialized() as session:
                for i in range(6):
                    feeds = {g: random.standard_normal(2), rows: random.standard_normal((2, 2))}
                    if look == "alone":
                        session.run(stats, feeds)
                    with_stats = look == "with the step" or (look == "asked for after steps" and i > 2)
                    session.run([train_op, train_op.stats] if with_stats else train_op, feeds)
                return list(session.run(kept))

    for a, b in zip(run("never"), run(fetched), strict=True):
        np.testing.assert_array_equal(a, b)


def test_skipped_steps_and_the_other_counters() -> None:
    _w, g, loss = linear([1.0])
    chosen = [stages.scale_loss(stages.LossScale(8, 2)), stages.skip_non_finite(), stages.zero_non_finite(), stages.accumulate(2)]
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=chosen)
    names = ["overflowed_steps", "skipped_steps", "zeroed_steps", "accumulated_steps", "loss_scale"]
    found = trained(train_op, [{g: [value]} for value in (1.0, np.nan, 1.0)], [train_op.stats[name] for name in names])
    assert [list(map(float, row)) for row in found] == [[0, 0, 0, 1, 8], [1, 1, 0, 1, 4], [1, 1, 0, 0, 4]]


def test_rows_without_a_shape_become_as_large_as_their_variable() -> None:
    table = tf.Variable(TABLE, name="table")
    rows = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 0.0]], tf.float64), tf.constant([1, 1]))
    chosen = [lambda pairs: [(rows, table)], stages.add_noise(0.0), lambda pairs: [(rows, table)], stages.accumulate(1)]
    train_op = tf.train.training_op(tf.reduce_sum(table), optimizer=sgd(0.5), stages=chosen)
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats])
        assert session.run(table).tolist() == [[1, 2], [1, 3], [5, 6]]
    assert found["clipped_gradient_norm"] == pytest.approx(20**0.5)


def test_a_skipped_step_moves_nothing() -> None:
    _w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[stages.skip_non_finite()])
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [np.nan]})
    assert found["update_ratio"] == 0.0 and found["skipped_steps"] == 1 and np.isnan(found["gradient_norm"])


def test_before_clipping_is_after_scaling_accumulation_and_noise() -> None:
    _w, g, loss = linear([3.0, 4.0])
    chosen = [stages.scale_loss(1024.0), stages.accumulate(2), stages.multiply_gradients({"w": 2.0}), stages.clip_by_global_norm(1.0)]
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=chosen)
    with initialized() as session:
        session.run(train_op, {g: [1.0, 0.0]})
        _, found = session.run([train_op, train_op.stats], {g: [5.0, 8.0]})
    assert found["gradient_norm"] == pytest.approx(10.0, rel=1e-14)
    assert found["clipped_gradient_norm"] == pytest.approx(1.0, rel=1e-14)
    assert found["clipped_fraction"] == 1.0


def test_without_a_clip_nothing_is_clipped() -> None:
    _w, g, loss = linear([3.0, 4.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[stages.scale_loss(8.0), stages.multiply_gradients({"w": 2.0})])
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [3.0, 4.0]})
    assert found["gradient_norm"] == found["clipped_gradient_norm"] == 10.0 and found["clipped_fraction"] == 0.0


def test_a_users_stage_counts_as_a_clip() -> None:
    _w, g, loss = linear([3.0, 4.0])
    halve = lambda pairs: [(gradient * 0.5, v) for gradient, v in pairs]  # noqa: E731
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[halve])
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [3.0, 0.0]})
    assert (found["gradient_norm"], found["clipped_gradient_norm"], found["clipped_fraction"]) == (3.0, 1.5, 1.0)


def test_the_statistics_of_optimize_loss_stand_around_its_clip() -> None:
    _w, g, loss = linear([3.0, 4.0])
    train_op = tf.contrib.layers.optimize_loss(loss, None, 0.5, "SGD", gradient_multipliers={"w:0": 2.0}, clip_gradients=1.0)
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [3.0, 4.0]})
    assert found["gradient_norm"] == 10.0 and found["clipped_gradient_norm"] == pytest.approx(1.0)
    assert found["learning_rate"] == 0.5


def test_weights_of_zero_and_gradients_of_zero() -> None:
    _w, g, loss = linear([0.0, 0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[stages.clip_by_global_norm(1.0)])
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [0.0, 0.0]})
        _, moved = session.run([train_op, train_op.stats], {g: [0.5, 0.0]})
    assert found["update_ratio"] == found["clipped_fraction"] == found["gradient_norm"] == 0.0
    assert moved["update_ratio"] == 0.0 and moved["clipped_fraction"] == 0.0


def test_the_learning_rate_is_the_one_of_the_step() -> None:
    step = tf.train.get_or_create_global_step()
    _w, g, loss = linear([0.0])
    train_op = tf.train.training_op(
        loss, optimizer="SGD", learning_rate=lambda count: 1.0 / (1.0 + tf.cast(count, tf.float64)), global_step=step
    )
    with initialized() as session:
        rates = [session.run([train_op, train_op.stats["learning_rate"]], {g: [1.0]})[1] for _ in range(3)]
    np.testing.assert_allclose(rates, [1, 0.5, 1 / 3], rtol=1e-15)


def test_the_learning_rate_of_optimize_loss_is_the_decayed_one() -> None:
    _, g, loss = linear([0.0])
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(
        loss, step, 0.5, "SGD", learning_rate_decay_fn=lambda rate, count: rate / (1.0 + tf.cast(count, tf.float32))
    )
    with initialized() as session:
        rates = [session.run([train_op, train_op.stats["learning_rate"]], {g: [1.0]})[1] for _ in range(2)]
    assert rates == [0.5, 0.25] and rates[0].dtype == np.float64


def test_an_optimizer_without_a_rate_shows_none() -> None:
    class Plain(tf.train.Optimizer):
        def __init__(self) -> None:
            super().__init__(False, "Plain")

        def _apply_dense(self, grad: Any, var: Any) -> Any:
            return var.assign_sub(grad).op

    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=Plain())
    assert "learning_rate" not in train_op.stats
    assert trained(train_op, [{g: [1.0]}], w)[0].item() == 0.0


def test_the_statistics_are_the_same_tensors_each_time_and_one_may_not_change_them() -> None:
    _, _, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), name="fit")
    stats = train_op.stats
    assert all(stats[name] is train_op.stats[name] for name in stats)
    assert all(tensor.name.startswith("fit/stats/") for name, tensor in stats.items() if name != "learning_rate")


def test_an_optimizer_that_moves_a_variable_twice_shows_the_whole_change() -> None:
    w, g, loss = linear([2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.decay_weights(0.25), stages.constrain(lambda x: x * 0.5)])
    with initialized() as session:
        _, found = session.run([train_op, train_op.stats], {g: [0.5]})
        assert session.run(w).item() == 0.5
    assert found["update_ratio"] == 0.75
