"""`create_train_op` of slim and of contrib.training: order, value, inspection, warnings and refusals."""

import logging
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.graph.training_info import training_info
from graphopt.tf1.slim import learning
from graphopt.train.create_train_op import create_train_op
from graphopt.train.slim_stages import add_gradients_summaries, clip_gradient_norms_fn, multiply_gradients

create_slim = learning.create_train_op


def model() -> tuple[Any, Any]:
    """A vector of length 5 whose gradient is itself, so that clipped values can be told by hand."""
    w = tf.get_variable("w", initializer=[3.0, 4.0])
    return w, tf.nn.l2_loss(w)


def sgd(rate: float = 1.0) -> Any:
    return tf.train.GradientDescentOptimizer(rate)


def after(train: Any, *fetches: Any) -> list[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [session.run(train), *[np.asarray(v) for v in session.run(list(fetches))]]


# --- value and order -------------------------------------------------------------------------------------------------------


def test_the_value_is_the_loss_from_before_the_step() -> None:
    w, loss = model()
    train = create_slim(loss, sgd(0.25))
    value, weights, step = after(train, w, tf.train.get_global_step())
    assert (value, weights.tolist(), step) == (12.5, [2.25, 3.0], 1)
    assert train.name == "train_op/control_dependency:0"
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP)[-1] is train


def test_multipliers_come_before_clipping() -> None:
    w, loss = model()
    # [3, 4] times 10 is clipped from 50 to 1; the other way round it would be 10.
    _, weights = after(create_slim(loss, sgd(), clip_gradient_norm=1.0, gradient_multipliers={"w": 10.0}), w)
    np.testing.assert_allclose(weights, [3.0 - 0.6, 4.0 - 0.8], rtol=1e-6)


@pytest.mark.parametrize("norm", [0, -1.0])
def test_a_norm_of_zero_or_less_clips_nothing(norm: float) -> None:
    w, loss = model()
    _, weights = after(create_slim(loss, sgd(), clip_gradient_norm=norm), w)
    assert weights.tolist() == [0.0, 0.0]


def test_each_gradient_is_clipped_by_its_own_norm() -> None:
    w, loss = model()
    small = tf.get_variable("small", initializer=0.5)
    found = after(create_train_op(loss + tf.nn.l2_loss(small), sgd(), transform_grads_fn=clip_gradient_norms_fn(1.0)), w, small)
    np.testing.assert_allclose(found[1], [2.4, 3.2], rtol=1e-6)
    assert found[2] == 0.0


def test_sparse_rows_stay_sparse() -> None:
    table = tf.get_variable("table", initializer=np.ones((4, 2), np.float32))
    loss = tf.reduce_sum(tf.nn.embedding_lookup(table, [1, 1]))
    train = create_slim(loss, sgd(), clip_gradient_norm=1.0, gradient_multipliers={table: 2.0})
    assert isinstance(training_info(train).variables[0].final_gradient, tf.IndexedSlices)
    _, rows = after(train, table)
    np.testing.assert_allclose(rows, [[1, 1], [0, 0], [1, 1], [1, 1]], atol=1e-6)


def test_update_ops_happen_before_the_loss_is_returned() -> None:
    _, loss = model()
    count = tf.get_variable("count", [], initializer=tf.zeros_initializer(), trainable=False)
    up = tf.assign_add(count, 1.0)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, up)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, up)
    train = create_slim(loss, sgd())
    assert after(train, count)[1] == 1.0
    assert [op.name for op in training_info(train).update_ops] == [up.op.name]
    assert tf.get_default_graph().get_operation_by_name("update_barrier").type == "NoOp"


def test_a_list_of_update_ops_that_lacks_one_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    _, loss = model()
    count = tf.get_variable("count", [], initializer=tf.zeros_initializer(), trainable=False)
    first, second = tf.assign_add(count, 1.0, name="first"), tf.assign_add(count, 10.0, name="second")
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, first)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, second)
    with caplog.at_level(logging.WARNING, "graphopt"):
        create_slim(loss, sgd(), update_ops=[first, second], global_step=None)
        assert caplog.text == ""
        train = create_slim(loss, sgd(), update_ops=[first])
    text = "update_ops in create_train_op does not contain all the update_ops in GraphKeys.UPDATE_OPS: second will not happen."
    assert [r.message for r in caplog.records] == [text]
    assert after(train, count)[1] == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_raises_and_changes_nothing(value: float) -> None:
    w, loss = model()
    count = tf.get_variable("count", [], initializer=tf.zeros_initializer(), trainable=False)
    train = create_slim(loss + np.float32(value), sgd(), update_ops=[tf.assign_add(count, 1.0)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="LossTensor is inf or nan"):
            session.run(train)
        assert session.run([w, count, tf.train.get_global_step()])[0].tolist() == [3.0, 4.0]
        assert session.run([count, tf.train.get_global_step()]) == [0.0, 0]


def test_no_step_is_made_without_a_global_step() -> None:
    w, loss = model()
    train = create_train_op(loss, sgd(), global_step=None)
    assert tf.train.get_global_step() is None
    assert training_info(train).increments_global_step is False
    assert after(train, w)[1].tolist() == [0.0, 0.0]


# --- inspection ------------------------------------------------------------------------------------------------------------


def test_the_training_op_knows_its_stages_slots_and_summaries() -> None:
    _, loss = model()
    momentum = tf.train.MomentumOptimizer(0.1, 0.9)
    options = {"clip_gradient_norm": 1.0, "gradient_multipliers": {"w": 2.0}, "summarize_gradients": True}
    train = create_slim(loss, momentum, **options)
    info = training_info(train)
    assert [(s.name, dict(s.settings)) for s in info.stages] == [
        ("multiply gradients", {"multipliers": {"w": 2.0}}),
        ("clip each gradient by norm", {"max_norm": 1.0}),
    ]
    assert all(s.location.filename == __file__ for s in info.stages)
    assert [s.tag for s in info.summaries] == ["summarize_grads/w_gradient", "summarize_grads/w_gradient_norm"]
    assert list(info.variables[0].slots) == ["momentum"]
    pipeline = [step["stage"] for step in tf.explain(train).to_dict()["pipeline"]]
    assert pipeline == ["gradients", "multiply gradients", "clip each gradient by norm", "update by MomentumOptimizer", "global step"]


def test_a_function_of_the_pairs_is_named_with_its_line() -> None:
    def halve(pairs: Any) -> Any:
        return [(0.5 * g, v) for g, v in pairs]

    _, loss = model()
    named = training_info(create_train_op(loss, sgd(), transform_grads_fn=halve)).stages
    clipped = training_info(create_train_op(loss, sgd(), transform_grads_fn=clip_gradient_norms_fn(2.0))).stages
    assert (named[0].name, named[0].location.line) == ("transform by halve", halve.__code__.co_firstlineno)
    assert (clipped[0].name, dict(clipped[0].settings), clipped[0].location.filename) == (
        "clip each gradient by norm",
        {"max_norm": 2.0},
        __file__,
    )


def test_clip_gradient_norms_fn_is_a_stage_of_optimize_loss_too() -> None:
    w, loss = model()
    train = tf.contrib.layers.optimize_loss(loss, None, 1.0, "SGD", clip_gradients=clip_gradient_norms_fn(1.0))
    assert [stage.name for stage in training_info(train).stages] == ["clip each gradient by norm"]
    np.testing.assert_allclose(after(train, w)[1], [2.4, 3.2], rtol=1e-6)


def test_a_step_gives_loss_step_and_summaries() -> None:
    _, loss = model()
    train = create_slim(loss, sgd(), summarize_gradients=True)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        result = session.step(train)
    assert (result.loss, result.global_step) == (12.5, 1)
    assert {v.tag for v in result.summaries.value} == {"summarize_grads/w_gradient", "summarize_grads/w_gradient_norm"}


def test_a_missing_gradient_is_logged_by_the_summaries(caplog: pytest.LogCaptureFixture) -> None:
    w, _ = model()
    with caplog.at_level(logging.INFO, "graphopt"):
        assert add_gradients_summaries([(None, w)]) == learning.add_gradients_summaries([(None, w)]) == []
    assert [r.message for r in caplog.records] == ["Var w has no gradient"] * 2


# --- refusals --------------------------------------------------------------------------------------------------------------


def test_variables_must_be_trainable() -> None:
    w, loss = model()
    frozen = tf.get_variable("frozen", [], trainable=False)
    with pytest.raises(AssertionError, match="frozen:0 in variables_to_train is not trainable: it was made with trainable=False"):
        create_slim(loss, sgd(), variables_to_train=[w, frozen])
    with pytest.raises(AssertionError, match="There are no variables to train: the graph has no trainable ones"):
        create_train_op(loss, sgd(), variables_to_train=iter([]))
    tf.add_to_collection(tf.GraphKeys.TRAINABLE_VARIABLES, frozen)
    assert create_slim(loss + frozen, sgd(), variables_to_train=[w, frozen]) is not None


def test_what_is_no_optimizer_is_refused() -> None:
    _, loss = model()
    for wrong in ("SGD", tf.train.AdamOptimizer):
        with pytest.raises(TypeError, match=r"create_train_op takes an optimizer object, such as .*; optimize_loss takes names"):
            create_slim(loss, wrong)


def test_what_is_no_function_or_number_is_refused() -> None:
    _, loss = model()
    with pytest.raises(TypeError, match=r"transform_grads_fn must be a function of the pairs \(gradient, variable\), got 1.0"):
        create_train_op(loss, sgd(), transform_grads_fn=1.0)
    with pytest.raises(TypeError, match=r"clip_gradient_norm must be a number \(0 for no clipping\), got None"):
        create_slim(loss, sgd(), clip_gradient_norm=None)


def test_multipliers_are_checked() -> None:
    w, loss = model()
    idle = tf.get_variable("idle", initializer=1.0)
    with pytest.raises(ValueError, match="`grads_and_vars` must be a list"):
        multiply_gradients(((loss, w),), {"w": 1.0})
    with pytest.raises(ValueError, match="`gradient_multipliers` is empty"):
        multiply_gradients([(loss, w)], {})
    with pytest.raises(ValueError, match="`gradient_multipliers` must be a dict"):
        create_slim(loss, sgd(), gradient_multipliers=["w"])
    with pytest.raises(ValueError, match=r"Requested multiple of `None` gradient\. The loss does not depend on idle"):
        create_slim(loss, sgd(), gradient_multipliers={idle: 2.0})
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        create_slim(loss, sgd(), variables_to_train=[idle])
