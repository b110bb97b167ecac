"""The two pages of `tf.contrib.layers.optimize_loss`: every way to pass an optimizer, every argument, every error.

The model is that of TensorFlow's own tests: one variable of 10 and the loss |5 w|, whose gradient is 5.
"""
# Long because: one short test for each sentence of two pages.

import inspect
import math
from typing import Any

import numpy as np
import pytest

import graphopt as tf

optimize_loss = tf.contrib.layers.optimize_loss
RATE = 0.1
GRADIENT = 5.0


@pytest.fixture
def w() -> Any:
    return tf.get_variable("w", [], initializer=tf.constant_initializer(10.0))


@pytest.fixture
def loss(w: Any) -> Any:
    return tf.abs(w * 5.0)


@pytest.fixture
def step() -> Any:
    return tf.train.get_or_create_global_step()


# --- what it is --------------------------------------------------------------------------------------------------------------


def test_given_loss_and_parameters_returns_a_training_op(run: Any, w: Any, loss: Any, step: Any) -> None:
    train_op = optimize_loss(loss, step, RATE, "SGD")
    assert run(train_op) == 50.0
    assert run([w, step]) == [9.5, 1]


def test_it_is_defined_in_contrib_layers_and_at_the_top() -> None:
    assert tf.contrib.layers.optimize_loss is optimize_loss
    assert tf.optimize_loss is optimize_loss


def test_signature_of_the_later_page() -> None:
    expected = [
        "loss", "global_step", "learning_rate", "optimizer", "gradient_noise_scale", "gradient_multipliers", "clip_gradients",
        "learning_rate_decay_fn", "update_ops", "variables", "name", "summaries", "colocate_gradients_with_ops", "increment_global_step",
    ]  # fmt: skip
    parameters = inspect.signature(optimize_loss).parameters
    assert list(parameters)[:14] == expected
    defaults = {name: parameters[name].default for name in expected[4:]}
    assert defaults == dict.fromkeys(expected[4:-2]) | {"colocate_gradients_with_ops": False, "increment_global_step": True}
    assert all(p.kind in (p.KEYWORD_ONLY, p.VAR_KEYWORD) for p in list(parameters.values())[14:])


def test_the_thirteen_arguments_of_the_earlier_page_by_place(run: Any, w: Any, loss: Any, step: Any) -> None:
    decay = lambda rate, _: rate * 0.5  # noqa: E731
    train_op = optimize_loss(loss, step, RATE, "SGD", None, {w: 2.0}, 100.0, decay, [], [w], "fit", ["loss"], False)
    run(train_op)
    assert run([w, step]) == [9.5, 1]
    assert train_op.name.startswith("fit/")


# --- various ways of passing optimizers --------------------------------------------------------------------------------------


def after_first_step(name: str) -> float:
    """Each update by its formula, from w = 10 with a gradient of 5."""
    g = GRADIENT
    accumulator = 0.1 + g * g
    ftrl = -(g - (math.sqrt(accumulator) - math.sqrt(0.1)) / RATE * 10.0) / (math.sqrt(accumulator) / RATE)
    return {
        "Adagrad": 10.0 - RATE * g / math.sqrt(accumulator),
        "Adam": 10.0 - RATE * math.sqrt(1.0 - 0.999) / (1.0 - 0.9) * 0.1 * g / (math.sqrt(0.001 * g * g) + 1e-8),
        "Ftrl": ftrl,
        "Momentum": 10.0 - RATE * g,
        "RMSProp": 10.0 - RATE * g / math.sqrt(0.9 + 0.1 * g * g + 1e-10),
        "SGD": 10.0 - RATE * g,
    }[name]


def test_the_full_list_of_names() -> None:
    assert sorted(tf.contrib.layers.OPTIMIZER_CLS_NAMES) == ["Adagrad", "Adam", "Ftrl", "Momentum", "RMSProp", "SGD"]


@pytest.mark.parametrize("name", ["Adagrad", "Adam", "Ftrl", "Momentum", "RMSProp", "SGD"])
def test_by_string(run: Any, w: Any, loss: Any, step: Any, name: str) -> None:
    run(optimize_loss(loss, step, RATE, optimizer=name))
    assert run(w) == pytest.approx(after_first_step(name), abs=2e-6)


def test_by_function_of_the_learning_rate(run: Any, w: Any, loss: Any, step: Any) -> None:
    train_op = optimize_loss(loss, step, RATE, optimizer=lambda lr: tf.train.MomentumOptimizer(lr, momentum=0.5))
    assert [run([train_op, w])[0] for _ in range(2)] == [50.0, 47.5]
    assert run(w) == 10.0 - RATE * 5.0 - RATE * (0.5 * 5.0 + 5.0)


def test_the_function_gets_a_tensor(loss: Any, step: Any) -> None:
    seen = []

    def make(rate: Any) -> Any:
        seen.append(rate)
        return tf.train.GradientDescentOptimizer(rate)

    optimize_loss(loss, step, RATE, optimizer=make)
    assert len(seen) == 1 and isinstance(seen[0], (tf.Tensor, tf.Variable)) and seen[0].dtype is tf.float32


def test_by_function_without_arguments_if_the_learning_rate_is_none(run: Any, w: Any, loss: Any, step: Any) -> None:
    train_op = optimize_loss(loss, step, learning_rate=None, optimizer=lambda: tf.train.MomentumOptimizer(0.5, momentum=0.5))
    run(train_op)
    assert run(w) == 7.5
    run(train_op)
    assert run(w) == 3.75


@pytest.mark.parametrize(("optimizer", "name"), [(tf.train.AdagradOptimizer, "Adagrad"), (tf.train.AdamOptimizer, "Adam")])
def test_by_class_whose_constructor_needs_the_learning_rate_alone(
    run: Any, w: Any, loss: Any, step: Any, optimizer: Any, name: str
) -> None:
    run(optimize_loss(loss, step, RATE, optimizer=optimizer))
    assert run(w) == pytest.approx(after_first_step(name), abs=2e-6)


def test_by_instance(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, RATE, optimizer=tf.train.AdagradOptimizer(0.5)))
    assert run(w) == pytest.approx(10.0 - 0.5 * 5.0 / math.sqrt(25.1), abs=1e-6)  # the instance's rate, not optimize_loss's


class Halving(tf.train.Optimizer):
    """A subclass of the base with `compute_gradients` and `apply_gradients` of its own: halves every variable that has a gradient."""

    def __init__(self, learning_rate: Any = None) -> None:
        super().__init__(False, "Halving")
        self.rate = learning_rate

    def compute_gradients(self, loss: Any, var_list: Any = None, **options: Any) -> Any:
        return list(zip(tf.gradients(loss, var_list), var_list, strict=True))

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Any:
        updates = [v.assign(0.5 * v.value()) for g, v in grads_and_vars if g is not None]
        with tf.control_dependencies(updates):
            return tf.no_op(name) if global_step is None else tf.assign_add(global_step, 1, name=name).op


@pytest.mark.parametrize("optimizer", [Halving, Halving()], ids=["class", "instance"])
def test_a_subclass_that_implements_compute_gradients_and_apply_gradients(run: Any, w: Any, loss: Any, step: Any, optimizer: Any) -> None:
    assert run(optimize_loss(loss, step, RATE, optimizer)) == 50.0
    assert run([w, step]) == [5.0, 1]


# --- arguments, sentence by sentence -----------------------------------------------------------------------------------------


def test_the_step_is_counted_unless_increment_global_step_is_false(run: Any, w: Any, loss: Any, step: Any) -> None:
    counting, silent = optimize_loss(loss, step, RATE, "SGD"), optimize_loss(loss, step, RATE, "SGD", increment_global_step=False)
    run(counting)
    run(silent)
    assert run([w, step]) == [9.0, 1]


def test_two_training_ops_of_one_training_step_count_it_once(run: Any, step: Any) -> None:
    a, b = tf.get_variable("a", initializer=1.0), tf.get_variable("b", initializer=1.0)
    both = tf.group(
        optimize_loss(a * 2.0, step, RATE, "SGD", variables=[a]),
        optimize_loss(b * 3.0, step, RATE, "SGD", variables=[b], increment_global_step=False),
    )
    run(both)
    assert run([a, b, step]) == [pytest.approx(0.8), pytest.approx(0.7), 1]


def test_a_step_that_is_not_supplied_is_fetched_from_the_graph(run: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, None, RATE, "SGD"))
    assert run(step) == 1


def test_without_any_global_step_nothing_is_counted(run: Any, w: Any, loss: Any) -> None:
    run(optimize_loss(loss, None, RATE, "SGD"))
    assert run(w) == 9.5
    assert tf.train.get_global_step() is None


@pytest.mark.parametrize("rate", [0.2, lambda: tf.constant(0.2), lambda: tf.placeholder_with_default(0.2, [])])
def test_the_learning_rate_is_a_float_or_a_tensor(run: Any, w: Any, loss: Any, step: Any, rate: Any) -> None:
    run(optimize_loss(loss, step, rate() if callable(rate) else rate, "SGD"))
    assert run(w) == 9.0


def test_the_learning_rate_can_be_none(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, None, tf.train.GradientDescentOptimizer(0.2)))
    assert run(w) == 9.0


def test_noise_has_mean_zero_and_is_scaled_by_the_value(run: Any, step: Any) -> None:
    """The pages say "normal"; it is truncated at two standard deviations (reference, stage 11), whose deviation is 0.8796."""
    tf.set_random_seed(7)
    many = tf.get_variable("many", [40000], initializer=tf.zeros_initializer())
    run(optimize_loss(tf.reduce_sum(many * 0.0), step, 1.0, "SGD", gradient_noise_scale=3.0))
    noise = -np.asarray(run(many))
    assert abs(noise.mean()) < 0.05
    assert noise.std() == pytest.approx(3.0 * 0.87962, rel=0.02)
    assert np.abs(noise).max() <= 6.0


def test_without_a_noise_scale_there_is_none(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, RATE, "SGD", gradient_noise_scale=None))
    assert run(w) == 9.5


def test_noise_is_new_in_every_step(run: Any, w: Any, step: Any) -> None:
    train_op = optimize_loss(w * 0.0, step, 1.0, "SGD", gradient_noise_scale=1.0)
    places = [10.0]
    for _ in range(3):
        run(train_op)
        places.append(run(w))
    assert len(set(np.diff(places).tolist())) == 3


@pytest.mark.parametrize("key", [lambda v: v, lambda v: v.name], ids=["variable", "name"])
def test_gradients_of_named_variables_are_multiplied_by_a_constant(run: Any, w: Any, loss: Any, step: Any, key: Any) -> None:
    other = tf.get_variable("other", initializer=1.0)
    run(optimize_loss(loss + other, step, RATE, "SGD", gradient_multipliers={key(w): 7.0}))
    assert run([w, other]) == [6.5, pytest.approx(0.9)]


def test_a_float_clips_the_norm_of_all_gradients_together(run: Any, step: Any) -> None:
    a, b = tf.get_variable("a", initializer=0.0), tf.get_variable("b", initializer=0.0)
    run(optimize_loss(3.0 * a + 4.0 * b, step, 1.0, "SGD", clip_gradients=1.0))
    assert run([a, b]) == [pytest.approx(-0.6), pytest.approx(-0.8)]


def test_a_norm_below_the_float_is_left_alone(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, RATE, "SGD", clip_gradients=5.5))
    assert run(w) == 9.5


def test_a_callable_takes_pairs_and_returns_the_same_with_other_gradients(run: Any, w: Any, loss: Any, step: Any) -> None:
    seen = []

    def clip(grads_and_vars: Any) -> Any:
        seen.extend(grads_and_vars)
        return [(tf.clip_by_value(g, -0.5, 0.5), v) for g, v in grads_and_vars]

    run(optimize_loss(loss, step, RATE, "SGD", clip_gradients=clip))
    assert run(w) == pytest.approx(9.95)
    ((gradient, variable),) = seen
    assert variable is w and gradient.shape == w.shape


def test_adaptive_clipping_as_the_callable(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, RATE, "SGD", clip_gradients=tf.contrib.layers.adaptive_clipping_fn()))
    assert run(w) == pytest.approx(9.8916, abs=1e-4)


def test_clip_gradients_may_be_none(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, RATE, "SGD", clip_gradients=None))
    assert run(w) == 9.5


def test_the_decay_function_takes_rate_and_step_and_returns_a_tensor(run: Any, w: Any, loss: Any, step: Any) -> None:
    decay = lambda rate, global_step: tf.train.exponential_decay(rate, global_step, 1, 0.5)  # noqa: E731
    train_op = optimize_loss(loss, step, RATE, "SGD", learning_rate_decay_fn=decay)
    places = [10.0]
    for _ in range(3):
        run(train_op)
        places.append(run(w))
    assert -np.diff(places) == pytest.approx([0.5, 0.25, 0.125], abs=1e-6)


def test_the_decay_function_is_ignored_if_learning_rate_is_not_supplied(run: Any, w: Any, loss: Any, step: Any) -> None:
    def refuse(rate: Any, global_step: Any) -> Any:
        raise AssertionError("called")

    run(optimize_loss(loss, step, None, tf.train.GradientDescentOptimizer(RATE), learning_rate_decay_fn=refuse))
    assert run(w) == 9.5


def test_update_ops_are_executed_at_each_step(run: Any, loss: Any, step: Any) -> None:
    count = tf.get_variable("count", initializer=0, trainable=False)
    train_op = optimize_loss(loss, step, RATE, "SGD", update_ops=[tf.assign_add(count, 1)])
    for _ in range(3):
        run(train_op)
    assert run(count) == 3


def test_by_default_update_ops_are_those_of_the_collection(run: Any, loss: Any, step: Any) -> None:
    count, listed = [tf.get_variable(name, initializer=0, trainable=False) for name in ("count", "listed")]
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(count, 1))
    run(optimize_loss(loss, step, RATE, "SGD"))
    run(optimize_loss(loss, step, RATE, "SGD", update_ops=[]))
    run(optimize_loss(loss, step, RATE, "SGD", update_ops=[tf.assign_add(listed, 1)]))
    assert run([count, listed]) == [1, 1]


def test_the_order_of_update_ops_and_loss(run: Any, w: Any, step: Any) -> None:
    """The pages leave the order open. In graphopt it is that of recording: a loss recorded before an update op does not see it."""
    seen = tf.get_variable("seen", initializer=0.0, trainable=False)
    before = tf.abs(w * 5.0) + seen
    bump = tf.assign_add(seen, 100.0)
    train_op = optimize_loss(before, step, RATE, "SGD", update_ops=[bump])
    assert [run(train_op), run(seen)] == [50.0, 100.0]


def test_variables_to_optimize_or_all_trainable_ones(run: Any, w: Any, loss: Any, step: Any) -> None:
    other, fixed = tf.get_variable("other", initializer=1.0), tf.get_variable("fixed", initializer=1.0, trainable=False)
    total = loss + other + fixed
    run(optimize_loss(total, step, RATE, "SGD", variables=[other]))
    assert run([w, other, fixed]) == [10.0, pytest.approx(0.9), 1.0]
    run(optimize_loss(total, step, RATE, "SGD"))
    assert run([w, other, fixed]) == [9.5, pytest.approx(0.8), 1.0]


def test_the_name_scopes_operations_and_summaries(loss: Any, step: Any) -> None:
    train_op = optimize_loss(loss, step, RATE, "SGD", name="fitting")
    assert train_op.name.startswith("fitting/")
    summaries = tf.get_collection(tf.GraphKeys.SUMMARIES)
    assert summaries and all(summary.name.startswith("fitting/") for summary in summaries)
    assert optimize_loss(loss, step, RATE, "SGD").name.startswith("OptimizeLoss/")


def tags_of() -> set[str]:
    return {summary.op.name.split("/", 1)[1] for summary in tf.get_collection(tf.GraphKeys.SUMMARIES)}


def test_by_default_loss_learning_rate_and_global_norm_are_reported(loss: Any, step: Any) -> None:
    """The earlier page says "only the loss and the learning rate": that was so before TensorFlow 1.3 (reference, version history).

    The learning rate is reported where there is a decay function.
    """
    optimize_loss(loss, step, RATE, "SGD", learning_rate_decay_fn=lambda rate, _: rate)
    assert tags_of() == {"loss", "learning_rate_1", "global_norm/gradient_norm"}


def test_the_complete_list_of_summaries(w: Any, loss: Any, step: Any) -> None:
    names = tf.contrib.layers.OPTIMIZER_SUMMARIES
    assert sorted(names) == ["global_gradient_norm", "gradient_norm", "gradients", "learning_rate", "loss"]
    optimize_loss(loss, step, RATE, "SGD", summaries=names, learning_rate_decay_fn=lambda rate, _: rate)
    assert tags_of() == {"loss", "learning_rate_1", "gradients/w_0", "gradient_norm/w_0", "global_norm/gradient_norm"}


def test_colocating_gradients_changes_no_number(run: Any, w: Any, loss: Any, step: Any) -> None:
    run(optimize_loss(loss, step, RATE, "SGD", colocate_gradients_with_ops=True))
    assert run(w) == 9.5


# --- errors listed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda w: None, "None values not supported"),
        (lambda w: tf.stack([w, w]), "Expected scalar shape for"),
        (lambda w: tf.placeholder(tf.float32), "Expected scalar shape for"),
    ],
    ids=["none", "vector", "unknown shape"],
)
def test_loss_of_an_invalid_type_or_shape(w: Any, step: Any, bad: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimize_loss(bad(w), step, RATE, "SGD")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: "step", 'Existing "global_step" must be a Variable or Tensor'),
        (lambda: tf.get_variable("step", initializer=0.0, trainable=False), 'Existing "global_step" does not have integer type'),
        (lambda: tf.get_variable("step", initializer=[0, 0], trainable=False), 'Existing "global_step" is not scalar'),
    ],
    ids=["string", "float", "vector"],
)
def test_global_step_of_an_invalid_type_or_shape(loss: Any, bad: Any, message: str) -> None:
    """The pages promise ValueError; TensorFlow raises TypeError (reference, stage 2), and so does graphopt."""
    with pytest.raises(TypeError, match=message):
        optimize_loss(loss, bad(), RATE, "SGD")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: "fast", "Learning rate should be 0d Tensor or float. Got fast of type"),
        (lambda: tf.constant([0.1, 0.2]), "Learning rate should be 0d Tensor or float"),
        (lambda: -0.1, "Invalid learning_rate"),
    ],
    ids=["string", "vector", "negative"],
)
def test_learning_rate_of_an_invalid_type_or_value(loss: Any, step: Any, bad: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimize_loss(loss, step, bad(), "SGD")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("Unknown", "Optimizer name should be one of"),
        (3, "Unrecognized optimizer: should be string, subclass of Optimizer"),
        (lambda rate: rate, "Unrecognized optimizer: function should return subclass of Optimizer"),
    ],
    ids=["unknown name", "number", "function of something else"],
)
def test_optimizer_of_the_wrong_type(loss: Any, step: Any, bad: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimize_loss(loss, step, RATE, bad)


@pytest.mark.parametrize("optimizer", ["SGD", tf.train.AdamOptimizer])
def test_a_name_or_class_needs_the_learning_rate(loss: Any, step: Any, optimizer: Any) -> None:
    with pytest.raises(ValueError, match="Learning rate is None, but should be specified if optimizer is"):
        optimize_loss(loss, step, None, optimizer)


@pytest.mark.parametrize("bad", [1, "5.0", [1.0]])
def test_clip_gradients_neither_float_nor_callable(loss: Any, step: Any, bad: Any) -> None:
    with pytest.raises(ValueError, match=r"Unknown type .* for clip_gradients"):
        optimize_loss(loss, step, RATE, "SGD", clip_gradients=bad)


def test_a_decay_function_without_a_global_step(loss: Any) -> None:
    with pytest.raises(ValueError, match="global_step is required for learning_rate_decay_fn"):
        optimize_loss(loss, None, RATE, "SGD", learning_rate_decay_fn=lambda rate, _: rate)


class Forgetful(tf.train.GradientDescentOptimizer):
    """Computes no gradients."""

    def compute_gradients(self, *args: Any, **options: Any) -> Any:
        return []


def test_gradients_empty(w: Any, loss: Any, step: Any) -> None:
    with pytest.raises(ValueError, match=r"Empty list of \(gradient, var\) pairs encountered"):
        optimize_loss(loss, step, RATE, Forgetful(RATE), gradient_multipliers={w: 1.0})


def test_a_summary_that_there_is_not(loss: Any, step: Any) -> None:
    with pytest.raises(ValueError, match=r"Summaries should be one of \[.*\], you provided weights"):
        optimize_loss(loss, step, RATE, "SGD", summaries=["weights"])
