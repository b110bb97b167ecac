"""Gradients that are infinite or NaN: steps that are skipped, numbers that become zero, and the scale of the loss."""

from typing import Any

import numpy as np
import pytest
from staging import DTYPES, initialized, linear, sgd, trained

import graphopt as tf

stages = tf.train.stages
NAN, INF = np.nan, np.inf


def pair_of_variables(dtype: str = "float64") -> tuple[Any, Any, Any, Any]:
    """Two variables, the gradient of one, and a loss in which that of the other is 1."""
    w, g, loss = linear([1.0, 2.0], dtype)
    other = tf.Variable(np.asarray(5.0, dtype), name="other")
    return w, other, g, loss + other


# --- skipping ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_at_all_changes_in_a_skipped_step(dtype: str, bad: float) -> None:
    tf.set_random_seed(3)
    step = tf.train.get_or_create_global_step()
    _, _, g, loss = pair_of_variables(dtype)
    averages = stages.MovingAverages(0.5)
    after = [stages.decay_weights(0.1), averages, stages.look_ahead(2)]
    train_op = tf.train.training_op(
        loss, optimizer=tf.train.AdamOptimizer(0.1), stages=[stages.skip_non_finite(), *after], global_step=step
    )
    counters = [v for v in tf.global_variables() if "skipped" in v.name]
    others = [v for v in tf.global_variables() if v not in counters]
    assert len(counters) == 2 and len(others) >= 14
    with initialized() as session:
        session.run(train_op, {g: [1.0, -1.0]})
        before = session.run(others)
        loss_before = session.run(train_op, {g: [bad, 1.0]})
        assert not np.isfinite(loss_before)
        for old, new in zip(before, session.run(others), strict=True):
            np.testing.assert_array_equal(old, new)
        session.run(train_op, {g: [1.0, -1.0]})
        for v, old, new in zip(others, before, session.run(others), strict=True):
            assert np.any(old != new), v.name


def test_a_run_with_skipped_steps_ends_where_one_without_them_does() -> None:
    """Random streams, powers, counts and averages included."""
    found = []
    for feeds in ([1.0, 2.0, 3.0], [1.0, NAN, 2.0, INF, -INF, 3.0]):
        with tf.Graph().as_default():
            tf.set_random_seed(4)
            step = tf.train.get_or_create_global_step()
            _, g, loss = linear([1.0])
            train_op = tf.train.training_op(
                loss,
                optimizer=tf.train.AdamOptimizer(0.1),
                stages=[stages.skip_non_finite(), stages.add_noise(0.5), stages.add_annealed_noise(0.5), stages.MovingAverages(0.9)],
                global_step=step,
            )
            kept = [v for v in tf.global_variables() if "skipped" not in v.name]
            found.append(trained(train_op, [{g: [value]} for value in feeds], kept)[-1])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_counters_count() -> None:
    w, g, loss = linear([0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.skip_non_finite()])
    stats = train_op.stats
    feeds = [{g: [value]} for value in (1.0, NAN, INF, 1.0, NAN, 1.0)]
    found = trained(train_op, feeds, [w, stats["skipped_steps"], stats["skipped_steps_in_a_row"]])
    assert [x[0].item() for x in found] == [-1, -1, -1, -2, -2, -3]
    assert [x[1] for x in found] == [0, 1, 2, 2, 3, 3]
    assert [x[2] for x in found] == [0, 1, 2, 0, 1, 0]
    assert found[0][1].dtype == np.int64


def test_a_sparse_gradient_that_is_bad_skips_the_step_of_all() -> None:
    table = tf.Variable(np.ones((3, 2)), name="table")
    w = tf.Variable(np.float64(1.0), name="w")
    x = tf.placeholder(tf.float64, [])
    loss = tf.reduce_sum(tf.gather(table, [1, 1])) * x + w
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.skip_non_finite()])
    found = trained(train_op, [{x: NAN}, {x: 1.0}], [table, w])
    assert found[0][0].tolist() == np.ones((3, 2)).tolist() and found[0][1] == 1.0
    assert found[1][0].tolist() == [[1, 1], [-1, -1], [1, 1]] and found[1][1] == 0.0


def test_beyond_the_bound_the_run_fails_and_nothing_is_lost() -> None:
    w, g, loss = linear([0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.skip_non_finite(2)])
    stats = [train_op.stats["skipped_steps"], train_op.stats["skipped_steps_in_a_row"]]
    with initialized() as session:
        for value in (1.0, NAN, NAN):
            session.run(train_op, {g: [value]})
        for _ in range(2):
            with pytest.raises(tf.errors.InvalidArgumentError, match="The gradients of too many steps in a row are not finite"):
                session.run(train_op, {g: [NAN]})
            assert session.run([w, *stats]) == [-1.0, 2, 2]
        session.run(train_op, {g: [1.0]})
        assert session.run([w, *stats]) == [-2.0, 2, 0]


def test_the_bound_may_change_while_training() -> None:
    w, g, loss = linear([0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.skip_non_finite(0)])
    with initialized() as session:
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run(train_op, {g: [NAN]})
        train_op.hyper["max_skipped_steps"] = 1
        session.run(train_op, {g: [NAN]})
        session.run(train_op, {g: [1.0]})
        assert session.run(w).item() == -1.0


def test_beyond_the_bound_bad_gradients_may_be_applied_as_optax_does() -> None:
    w, g, loss = linear([0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.skip_non_finite(2, beyond="apply")])
    stats = train_op.stats
    feeds = [{g: [value]} for value in (1.0, NAN, NAN, 1.0, NAN, NAN, NAN)]
    found = trained(train_op, feeds, [w, stats["skipped_steps_in_a_row"], stats["skipped_steps"]])
    np.testing.assert_array_equal([x[0].item() for x in found], [-1, -1, -1, -2, -2, -2, NAN])
    assert [x[1] for x in found] == [0, 1, 2, 0, 1, 2, 3]
    assert found[-1][2] == 5


def test_the_second_sequence_of_optax() -> None:
    w, g, loss = linear([1.0, -2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(0.1), stages=[stages.skip_non_finite(2, beyond="apply")])
    row = train_op.stats["skipped_steps_in_a_row"]
    feeds = [{g: value} for value in ([0.1, -0.2], [NAN, 1], [INF, 1], [INF, 1], [0.3, 0.05])]
    found = trained(train_op, feeds, [w, row])
    np.testing.assert_allclose(found[2][0], [0.99, -1.98], rtol=1e-14)
    assert found[3][0][0] == -INF
    assert [x[1] for x in found] == [0, 1, 2, 3, 0]


def test_two_skips_and_a_loss_scale_count_each_for_itself() -> None:
    """What the first has skipped the second does not see; `skipped_steps` is the sum."""
    w, g, loss = linear([0.0])
    spoiled = tf.placeholder_with_default(np.float64(1.0), [])
    spoil = lambda pairs: [(gradient * spoiled, v) for gradient, v in pairs]  # noqa: E731
    train_op = tf.train.training_op(
        loss, optimizer=sgd(1.0), stages=[stages.scale_loss("dynamic"), stages.skip_non_finite(), spoil, stages.skip_non_finite()]
    )
    stats = train_op.stats
    counters = [stats[name] for name in ("skipped_steps", "overflowed_steps", "skipped_steps_in_a_row", "skipped_steps_in_a_row_1")]
    with pytest.raises(KeyError):
        stats["skipped_steps_2"]
    found = trained(train_op, [{g: [NAN]}, {g: [1.0], spoiled: INF}, {g: [1.0]}], [w, *counters])
    assert [[float(np.ravel(x)[0]) for x in row] for row in found] == [[0, 1, 1, 0, 0], [0, 2, 1, 0, 1], [-1, 2, 1, 0, 0]]


# --- zeroing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_bad_numbers_become_zero_and_others_stay(dtype: str) -> None:
    w, other, g, loss = pair_of_variables(dtype)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.zero_non_finite()])
    stats = train_op.stats
    feeds = [{g: [NAN, 1.0]}, {g: [-INF, INF]}, {g: [1.0, 1.0]}]
    found = trained(train_op, feeds, [w, other, stats["zeroed_steps"], stats["zeroed_steps_in_a_row"]])
    assert [x[0].tolist() for x in found] == [[1, 1], [1, 1], [0, 0]]
    assert [x[1] for x in found] == [4, 3, 2]
    assert [x[2:] for x in found] == [[1, 1], [2, 2], [2, 0]]


def test_bad_rows_become_zero_and_stay_rows() -> None:
    w = tf.Variable(np.ones((3, 2)))
    given = tf.IndexedSlices(tf.constant(np.array([[NAN, 1.0], [2.0, INF]])), tf.constant([2, 2]), tf.constant([3, 2]))
    made = stages.zero_non_finite()([(given, w), (None, w)])
    assert made[1][0] is None
    with initialized() as session:
        assert session.run(made[0][0].values).tolist() == [[0, 1], [2, 0]]


def test_too_many_zeroed_steps_fail() -> None:
    w, g, loss = linear([0.0, 0.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.zero_non_finite(1)])
    with initialized() as session:
        session.run(train_op, {g: [NAN, 1.0]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="The gradients of too many steps in a row are not finite"):
            session.run(train_op, {g: [NAN, 1.0]})
        assert session.run(w).tolist() == [0, -1]
        session.run(train_op, {g: [1.0, 1.0]})
        session.run(train_op, {g: [1.0, NAN]})
        assert session.run(w).tolist() == [-2, -2]


# --- loss scaling -----------------------------------------------------------------------------------------------------


def test_the_sequence_of_keras() -> None:
    w, g, loss = linear([1.0])
    step = tf.train.get_or_create_global_step()
    scale = stages.LossScale(4, growth_steps=2)
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.scale_loss(scale)], global_step=step)
    kept = [next(v for v in tf.global_variables() if v.op.name.endswith(name)) for name in ("loss_scale", "good_steps")]
    feeds = [{g: [value]} for value in (1.0, INF, 2.0, 2.0, 2.0, 2.0)]
    found = trained(train_op, feeds, [w, *kept, step])
    assert [x[0].item() for x in found] == [0, 0, -2, -4, -6, -8]
    assert [x[1] for x in found] == [4, 2, 2, 4, 4, 8]
    assert [x[2] for x in found] == [1, 0, 1, 0, 1, 0]
    assert [x[3] for x in found] == [1, 1, 2, 3, 4, 5]  # a skipped step is no step


def test_the_second_sequence_of_keras() -> None:
    w, g, loss = linear([1.0, 2.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.scale_loss(stages.LossScale(2, 1))])
    scale = next(v for v in tf.global_variables() if v.op.name.endswith("loss_scale"))
    found = trained(train_op, [{g: [2.0, 2.0]}, {g: [NAN, 2.0]}], [w, scale])
    assert [(x[0].tolist(), x[1]) for x in found] == [([-1, 0], 4), ([-1, 0], 2)]


def test_the_scale_does_not_fall_below_the_least() -> None:
    _, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.scale_loss(stages.LossScale(4, least=2.0))])
    scale = next(v for v in tf.global_variables() if v.op.name.endswith("loss_scale"))
    assert trained(train_op, [{g: [NAN]}] * 4, scale) == [2, 2, 2, 2]


def test_a_loss_that_overflows_in_half_precision_finds_its_scale() -> None:
    w = tf.Variable(np.float16(1.0), name="w")
    train_op = tf.train.training_op(w * np.float16(16.0), optimizer=sgd(2.0**-5), stages=[stages.scale_loss("dynamic")])
    stats = train_op.stats
    found = trained(train_op, [None] * 6, [w, stats["overflowed_steps"], stats["skipped_steps"]])
    assert [x[0] for x in found] == [1, 1, 1, 1, 0.5, 0]
    assert [x[1:] for x in found] == [[min(i, 4)] * 2 for i in range(1, 7)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1024.0, "dynamic"])
def test_gradients_do_not_show_the_scale(dtype: str, scale: Any) -> None:
    w, g, loss = linear([1.0, 2.0], dtype)
    seen: list[Any] = []

    def look(pairs: Any) -> Any:
        seen.extend(gradient for gradient, _ in pairs)
        return pairs

    given = stages.LossScale(8.0) if scale == "dynamic" else scale
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.scale_loss(given), look])
    with initialized() as session:
        value, gradient = session.run([train_op, seen[0]], {g: [0.5, 0.25]})
        assert value == 1.0 and gradient.tolist() == [0.5, 0.25] and gradient.dtype == dtype
        assert session.run(w).tolist() == [0.5, 1.75]


def test_the_gradients_of_a_fixed_scale_are_scaled_before_the_stage() -> None:
    w, g, loss = linear([1.0])
    seen: list[Any] = []

    def look(pairs: Any) -> Any:
        seen.extend(gradient for gradient, _ in pairs)
        return pairs

    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[look, stages.scale_loss(8.0)])
    with initialized() as session:
        assert session.run([train_op, seen[0], train_op.stats["loss_scale"]], {g: [0.5]}) == [0.5, 4.0, 8.0]
        assert session.run(w).item() == 0.5


def test_a_fixed_scale_applies_what_is_not_finite() -> None:
    w, g, loss = linear([1.0])
    train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=[stages.scale_loss(8.0)])
    assert np.isnan(trained(train_op, [{g: [NAN]}], w)[0].item())


def test_sparse_gradients_are_unscaled_and_stay_sparse() -> None:
    table = tf.Variable(np.ones((3, 2), np.float32), name="table")
    train_op = tf.train.training_op(tf.reduce_sum(tf.gather(table, [1, 1])), optimizer=sgd(1.0), stages=[stages.scale_loss("dynamic")])
    assert isinstance(train_op.info.variables[0].final_gradient, tf.IndexedSlices)
    assert trained(train_op, [None], table)[0].tolist() == [[1, 1], [-1, -1], [1, 1]]


# --- bad input --------------------------------------------------------------------------------------------------------


def test_the_stage_of_a_loss_scale_needs_a_loss_that_was_scaled() -> None:
    w, g, _ = linear([1.0])
    with pytest.raises(ValueError, match="The loss has not been scaled: pass this stage to training_op or optimize_loss"):
        stages.scale_loss(2.0)([(g, w)])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: stages.scale_loss("static"), ValueError, "A loss scale is a number or 'dynamic', got 'static'"),
        (lambda: stages.scale_loss(0.0), ValueError, "loss_scale must be more than 0, got 0.0"),
        (lambda: stages.scale_loss(None), TypeError, "loss_scale must be a number"),
        (lambda: stages.scale_loss(stages.LossScale(-1.0)), ValueError, "loss_scale must be more than 0, got -1.0"),
        (lambda: stages.scale_loss(stages.LossScale(1.0, 0)), ValueError, "loss_scale_growth_steps must be more than 0, got 0"),
        (lambda: stages.scale_loss(stages.LossScale(1.0, 1, 0)), ValueError, "least_loss_scale must be more than 0, got 0"),
        (lambda: stages.skip_non_finite(-1), ValueError, "max_skipped_steps must be 0 or more, got -1"),
        (lambda: stages.skip_non_finite("2"), TypeError, "max_skipped_steps must be a number"),
        (lambda: stages.skip_non_finite(2, "stop"), ValueError, "Beyond the bound, non-finite steps 'raise' or 'apply', got 'stop'"),
        (lambda: stages.zero_non_finite(NAN), ValueError, "max_zeroed_steps must be 0 or more, got nan"),
    ],
)
def test_bad_arguments(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_skipping_needs_a_step() -> None:
    w, g, _ = linear([1.0])
    with pytest.raises(ValueError, match="This stage decides whether the update happens: pass it to training_op or optimize_loss"):
        stages.skip_non_finite()([(g, w)])
