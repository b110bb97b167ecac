"""`optimize_loss`: names, tags, order and value of TensorFlow 1, and what the training op knows of itself."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

ALL = ["learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm"]
optimize = tf.contrib.layers.optimize_loss


def model() -> tuple[Any, Any]:
    """TensorFlow's own test: one variable of 10, the loss |5 w|."""
    w = tf.get_variable("test", [], initializer=tf.constant_initializer(10.0))
    return w, tf.abs(w * tf.constant(5.0))


def step() -> Any:
    return tf.train.get_or_create_global_step()


def halve(rate: Any, global_step: Any) -> Any:
    return tf.train.exponential_decay(rate, global_step, 1, 0.5)


def after(train: Any, *fetches: Any, steps: int = 1) -> list[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(train)
        return [np.asarray(session.run(f)).tolist() for f in fetches]


def tags() -> list[str]:
    return [s.op.name for s in tf.get_collection(tf.GraphKeys.SUMMARIES)]


# --- value and order -------------------------------------------------------------------------------------------------------


def test_the_value_is_the_loss_from_before_the_step() -> None:
    w, loss = model()
    train = optimize(loss, step(), 0.1, "SGD")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([train, w, step()]) == [50.0, 9.5, 1]
        assert session.run(train) == 47.5
        assert session.run([loss, w]) == [45.0, 9.0]


OPTIMIZERS = [
    "SGD",
    tf.train.GradientDescentOptimizer,
    tf.train.GradientDescentOptimizer(0.1),
    lambda rate: tf.train.GradientDescentOptimizer(rate),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["name", "class", "instance", "function"])
def test_ways_to_give_an_optimizer(optimizer: Any) -> None:
    w, loss = model()
    assert after(optimize(loss, step(), 0.1, optimizer), w, step()) == [9.5, 1]


@pytest.mark.parametrize("name", tf.contrib.layers.OPTIMIZER_CLS_NAMES)
def test_every_name_trains(name: str) -> None:
    w, loss = model()
    (got,) = after(optimize(loss, step(), 0.1, name), w)
    assert got < 10.0


def test_a_function_without_arguments_when_there_is_no_rate() -> None:
    w, loss = model()
    assert after(optimize(loss, step(), None, lambda: tf.train.MomentumOptimizer(0.1, 0.5)), w) == [9.5]


def test_the_rate_may_be_a_tensor() -> None:
    w, loss = model()
    assert after(optimize(loss, step(), tf.constant(0.2), "SGD"), w) == [9.0]


def test_noise_changes_the_gradient_and_makes_rows_dense() -> None:
    w, loss = model()
    rows = tf.get_variable("rows", [4, 2], initializer=tf.zeros_initializer())
    loss = loss + tf.reduce_sum(tf.gather(rows, [0, 0]))
    train = optimize(loss, step(), 0.1, "SGD", gradient_noise_scale=1.0)
    noisy_w, noisy_rows = after(train, w, rows)
    assert noisy_w != 9.5
    assert np.all(np.asarray(noisy_rows) != 0.0)


def test_noise_and_multipliers_take_the_type_of_the_gradient() -> None:
    w = tf.get_variable("w", initializer=tf.constant(np.zeros(3)))
    loss = tf.reduce_sum(w * tf.constant(2.0, tf.float64))
    train = optimize(loss, step(), 0.5, "SGD", gradient_noise_scale=0.0, gradient_multipliers={w: tf.constant(3)}, clip_gradients=100.0)
    assert after(train, w) == [[-3.0] * 3]


def test_the_same_seed_gives_the_same_noise() -> None:
    found = []
    for _ in range(2):
        with tf.Graph().as_default():
            tf.set_random_seed(42)
            w, loss = model()
            found.append(after(optimize(loss, step(), 0.1, "SGD", gradient_noise_scale=10.0), w))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("key", "factor", "expected"),
    [
        (lambda w: w, 7.0, 6.5),
        (lambda w: w.name, 7.0, 6.5),
        (lambda w: w.op.name, 7.0, 9.5),  # without ":0" it names nothing
        (lambda w: w, 7, 6.5),
        (lambda w: w, "tensor", 6.5),
    ],
)
def test_multipliers(key: Any, factor: Any, expected: float) -> None:
    w, loss = model()
    multipliers = {key(w): tf.constant(7, tf.int32) if factor == "tensor" else factor}
    assert after(optimize(loss, step(), 0.1, "SGD", gradient_multipliers=multipliers), w) == [expected]


def test_rows_stay_sparse_through_multipliers_and_clipping() -> None:
    table = tf.get_variable("table", [5, 2], initializer=tf.zeros_initializer())
    loss = tf.reduce_sum(tf.gather(table, [1, 1, 3]))
    optimize(loss, step(), 0.1, "SGD", gradient_multipliers={table: 2.0}, clip_gradients=1.0, name="train")
    (info,) = tf.train.training_info(tf.get_default_graph().get_tensor_by_name("train/control_dependency:0")).variables
    assert isinstance(info.gradient, tf.IndexedSlices)
    assert isinstance(info.final_gradient, tf.IndexedSlices)
    train = tf.get_default_graph().get_tensor_by_name("train/control_dependency:0")
    (got,) = after(train, table)
    # Six elements of 2: the norm is √24; the repeated row counts twice in the update, not in the norm.
    unit = 0.1 * 2.0 / np.sqrt(24.0)
    np.testing.assert_allclose(got, [[0, 0], [-2 * unit] * 2, [0, 0], [-unit] * 2, [0, 0]], rtol=1e-6)


def test_clip_by_global_norm_and_by_a_function() -> None:
    w, loss = model()
    train = optimize(loss, step(), 0.1, "SGD", clip_gradients=0.1)
    (got,) = after(train, w)
    assert got == pytest.approx(9.99, rel=1e-6)
    with tf.Graph().as_default():
        w, loss = model()
        train = optimize(loss, step(), 0.1, "SGD", clip_gradients=lambda pairs: [(g * 0.5, v) for g, v in pairs])
        assert after(train, w) == [9.75]


def test_decay_uses_the_step_from_before_the_increment() -> None:
    w, loss = model()
    assert after(optimize(loss, step(), 0.2, "SGD", learning_rate_decay_fn=halve), w, steps=2) == [8.5]


def test_update_ops_happen_before_the_loss_is_returned() -> None:
    w, loss = model()
    counter = tf.get_variable("counter", [], initializer=tf.zeros_initializer(), trainable=False)
    bump = counter.assign_add(1.0)
    given = optimize(loss, step(), 0.1, "SGD", update_ops=[bump])
    assert after(given, w, counter) == [9.5, 1.0]
    assert given.name == "OptimizeLoss/control_dependency_1:0"
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, bump)
    assert after(optimize(loss, step(), 0.1, "SGD"), w, counter) == [9.5, 1.0]
    assert after(optimize(loss, step(), 0.1, "SGD", update_ops=[]), w, counter) == [9.5, 0.0]


def test_the_global_step_is_found_or_left_alone() -> None:
    w, loss = model()
    assert after(optimize(loss, None, 0.1, "SGD"), w) == [9.5]
    count = step()
    assert after(optimize(loss, None, 0.1, "SGD"), w, count) == [9.5, 1]
    assert after(optimize(loss, count, 0.1, "SGD", increment_global_step=False), w, count) == [9.5, 0]


def test_only_the_given_variables_change() -> None:
    w, loss = model()
    other = tf.get_variable("other", [], initializer=tf.zeros_initializer())
    assert after(optimize(loss + other, step(), 0.5, "SGD", variables=[other]), w, other) == [10.0, -0.5]


# --- names and tags ----------------------------------------------------------------------------------------------------------


def test_names_of_the_default_scope() -> None:
    _, loss = model()
    clip = tf.contrib.layers.adaptive_clipping_fn(report_summary=True)
    train = optimize(loss, step(), 0.1, "Adam", clip_gradients=clip, learning_rate_decay_fn=halve, summaries=ALL)
    graph = tf.get_default_graph()
    assert train.name == "OptimizeLoss/control_dependency:0"
    assert [op.name for op in tf.get_collection(tf.GraphKeys.TRAIN_OP)] == ["OptimizeLoss/train"]
    assert graph.get_operation_by_name("OptimizeLoss/train").type == "AssignAdd"
    assert graph.get_operation_by_name("OptimizeLoss/train/update").type == "NoOp"
    assert graph.get_operation_by_name("OptimizeLoss/train/update_test/ApplyAdam").type == "ApplyAdam"
    assert {v.op.name for v in tf.global_variables()} == {
        "test",
        "global_step",
        "OptimizeLoss/learning_rate",
        "OptimizeLoss/AdaptiveMaxNorm/mean",
        "OptimizeLoss/AdaptiveMaxNorm/sq_mean",
        "OptimizeLoss/beta1_power",
        "OptimizeLoss/beta2_power",
        "OptimizeLoss/test/Adam",
        "OptimizeLoss/test/Adam_1",
    }
    assert [v.op.name for v in tf.trainable_variables()] == ["test"]
    assert tags() == [
        "OptimizeLoss/learning_rate_1",
        "OptimizeLoss/global_norm/gradient_norm",
        "OptimizeLoss/global_norm/adaptive_max_gradient_norm",
        "OptimizeLoss/loss",
        "OptimizeLoss/gradients/test_0",
        "OptimizeLoss/gradient_norm/test_0",
        "OptimizeLoss/global_norm/clipped_gradient_norm",
    ]
    assert any(op.name.startswith("OptimizeLoss/gradients/") for op in graph.get_operations())


def test_without_an_increment_the_train_op_is_the_group() -> None:
    _, loss = model()
    optimize(loss, step(), 0.1, "SGD", increment_global_step=False)
    assert tf.get_default_graph().get_operation_by_name("OptimizeLoss/train").type == "NoOp"


def test_second_calls_and_given_names() -> None:
    _, loss = model()
    rate = tf.constant(0.1)
    names = [optimize(loss, step(), rate, "Momentum", name=name).name for name in (None, None, "fit")]
    names.append(optimize(loss, step(), rate, "SGD", name="fit").name)
    assert names == [f"{scope}/control_dependency:0" for scope in ("OptimizeLoss", "OptimizeLoss_1", "fit", "fit_1")]
    slots = [v.op.name for v in tf.global_variables() if v.op.name.endswith("Momentum")]
    assert slots == ["OptimizeLoss/test/Momentum", "OptimizeLoss_1/test/Momentum", "fit/test/Momentum"]


def test_a_failed_call_uses_up_its_name() -> None:
    _, loss = model()
    with pytest.raises(ValueError, match="Optimizer name should be one of"):
        optimize(loss, step(), 0.1, "Nothing")
    assert optimize(loss, step(), 0.1, "SGD").name == "OptimizeLoss_1/control_dependency:0"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["loss", "global_norm/gradient_norm"]),
        ({"clip_gradients": 1.0}, ["loss", "global_norm/gradient_norm", "global_norm/clipped_gradient_norm"]),
        ({"learning_rate_decay_fn": halve}, ["learning_rate_1", "loss", "global_norm/gradient_norm"]),
        ({"summaries": []}, []),
        ({"summaries": ["gradients"], "clip_gradients": 1.0}, ["gradients/test_0"]),
        ({"summaries": ["gradient_norm"]}, ["global_norm/gradient_norm", "gradient_norm/test_0"]),
        ({"summaries": ["learning_rate"]}, []),
    ],
    ids=["default", "clip", "decay", "none", "gradients", "gradient_norm", "learning_rate"],
)
def test_which_summaries(options: dict[str, Any], expected: list[str]) -> None:
    _, loss = model()
    optimize(loss, step(), 0.1, "SGD", **options)
    assert sorted(tags()) == sorted(f"OptimizeLoss/{tag}" for tag in expected)


def test_the_tag_of_a_rate_that_is_a_tensor() -> None:
    _, loss = model()
    optimize(loss, step(), tf.constant(0.1), "SGD", learning_rate_decay_fn=halve, summaries=["learning_rate"])
    assert tags() == ["OptimizeLoss/learning_rate"]


def test_values_of_the_summaries() -> None:
    _, loss = model()
    optimize(
        loss, step(), 0.1, "SGD", learning_rate_decay_fn=halve, clip_gradients=0.5, gradient_multipliers={"test:0": 2.0}, summaries=ALL
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = {v.tag.removeprefix("OptimizeLoss/"): v for v in session.run(tf.summary.merge_all()).value}
    numbers = {tag: v.simple_value for tag, v in found.items() if v.HasField("simple_value")}
    assert numbers == pytest.approx(
        {
            "learning_rate_1": 0.1,
            "loss": 50.0,
            "global_norm/gradient_norm": 10.0,
            "gradient_norm/test_0": 0.5,
            "global_norm/clipped_gradient_norm": 0.5,
        }
    )
    assert found["gradients/test_0"].histo.max == 0.5


# --- what it knows of itself -------------------------------------------------------------------------------------------------


def test_training_info() -> None:
    w, loss = model()
    counter = tf.get_variable("counter", [], initializer=tf.zeros_initializer(), trainable=False)
    bump = counter.assign_add(1.0)
    idle = tf.get_variable("idle", [])
    train = optimize(
        loss, step(), 0.1, "Adam", 0.5, {w: 2.0}, tf.contrib.layers.adaptive_clipping_fn(report_summary=True), halve, update_ops=[bump]
    )
    info = tf.train.training_info(train)
    assert info.train_op is train
    assert (info.name, info.given_learning_rate, info.decay) == ("OptimizeLoss", 0.1, halve)
    assert info.learning_rate.name == "OptimizeLoss/ExponentialDecay:0"
    assert (info.global_step, info.increments_global_step) == (step(), True)
    assert info.apply_op.name == "OptimizeLoss/train"
    assert [s.name for s in info.stages] == ["add noise", "multiply gradients", "clip adaptively"]
    assert info.stages[0].settings == {"scale": 0.5}
    assert info.stages[1].settings == {"multipliers": {"test:0": 2.0}}
    assert info.stages[2].settings["std_factor"] == 2.0
    assert all(s.location is not None and s.location.filename == __file__ for s in info.stages)
    assert [v.variable for v in info.variables] == [w, idle]
    assert info.variables[0].slots.keys() == {"m", "v"}
    assert info.variables[0].final_gradient is not info.variables[0].gradient
    assert (info.variables[1].gradient, info.variables[1].slots) == (None, {})
    assert info.hyper_parameters["beta1"] == 0.9
    assert [v.op.name for v in info.optimizer_variables] == ["OptimizeLoss/beta1_power", "OptimizeLoss/beta2_power"]
    assert info.update_ops == (bump.op,)
    assert {s.tag.removeprefix("OptimizeLoss/"): s.measured for s in info.summaries} == {
        "learning_rate_1": "after the decay",
        "global_norm/gradient_norm": "after noise and multipliers, before clipping",
        "global_norm/adaptive_max_gradient_norm": "in the stage 'clip adaptively'",
        "loss": "before the step",
        "global_norm/clipped_gradient_norm": "after clipping",
    }
    assert info.summary_tensors == tf.get_collection(tf.GraphKeys.SUMMARIES)


def clip_nothing(pairs: Any) -> Any:
    return pairs


def test_a_clipping_function_is_shown_with_its_place() -> None:
    _, loss = model()
    (stage,) = tf.train.training_info(optimize(loss, step(), 0.1, "SGD", clip_gradients=clip_nothing)).stages
    assert stage.name == "clip by clip_nothing"
    assert stage.location.line == clip_nothing.__code__.co_firstlineno


def test_only_training_ops_have_an_info() -> None:
    _, loss = model()
    optimize(loss, step(), 0.1, "SGD")
    for other in (loss, "OptimizeLoss", None):
        with pytest.raises(ValueError, match="is not a training op: pass what optimize_loss returned"):
            tf.train.training_info(other)


def test_contrib_s_own_module_and_its_helpers_are_there() -> None:
    helpers = tf.contrib.layers.python.layers.optimizers
    assert helpers.optimize_loss is tf.contrib.layers.optimize_loss is tf.optimize_loss
    w = tf.get_variable("w", initializer=np.array([3.0, 4.0], np.float32))
    pairs = [(tf.constant([3.0, 4.0]), w), (None, tf.get_variable("u", [2]))]
    clipped = helpers._clip_gradients_by_norm(pairs, 1.0)
    doubled = helpers._multiply_gradients(pairs, {w: 2.0})
    noisy = helpers._add_scaled_noise_to_gradients(pairs, 0.0)
    assert [gradient for gradient, _ in (clipped[1], doubled[1], noisy[1])] == [None, None, None]
    with tf.Session() as session:
        values = session.run([clipped[0][0], doubled[0][0], noisy[0][0]])
    assert [v.round(6).tolist() for v in values] == [pytest.approx([0.6, 0.8]), [6.0, 8.0], [3.0, 4.0]]
