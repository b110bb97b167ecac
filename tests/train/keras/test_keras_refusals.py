"""What Keras's optimizers refuse, and what they say then."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras.optimizers
SCHEDULE = keras.schedules.ExponentialDecay(0.1, 10, 0.5)

# --- constructors ---------------------------------------------------------------------------------------------------------------------

CONSTRUCTORS = [
    (lambda: keras.SGD(-0.1), ValueError, "learning_rate must be 0 or more, got -0.1"),
    (lambda: keras.SGD(float("nan")), ValueError, "learning_rate must be 0 or more, got nan"),
    (lambda: keras.Adam("0.1"), TypeError, "learning_rate must be a number, a scalar tensor, a schedule or a callable, got '0.1'"),
    (lambda: keras.SGD(tf.constant([0.1])), ValueError, "learning_rate is not a scalar"),
    (lambda: keras.SGD(0.1, lr=0.2), ValueError, r"Both `learning_rate` \(0.1\) and `lr` \(0.2\) are given"),
    (lambda: keras.SGD(momentun=0.9), TypeError, "momentun is not a valid argument of SGD.*Did you mean `momentum`"),
    (lambda: keras.Adam(xyz=0.9), TypeError, "xyz is not a valid argument of Adam, kwargs should be empty"),
    (lambda: keras.Adam(decay=0.1), ValueError, "decay is deprecated in the new Keras optimizer.*legacy.Adam"),
    (lambda: keras.Adam(gradient_aggregator=None), ValueError, "gradient_aggregator is deprecated in the new Keras optimizer"),
    (lambda: keras.Adam(gradient_transformers=None), ValueError, "gradient_transformers is deprecated in the new Keras optimizer"),
    (lambda: keras.Adam(mesh="mesh"), NotImplementedError, "mesh: graphopt has no DTensor"),
    (lambda: keras.SGD(0.1, 1.5), ValueError, r"`momentum` must be between \[0, 1\]. Received: momentum=1.5"),
    (lambda: keras.SGD(nesterov="yes"), TypeError, "nesterov must be True or False, got 'yes'"),
    (lambda: keras.RMSprop(momentum=2.0), ValueError, "momentum must be between 0 and 1, got 2.0"),
    (lambda: keras.Adam(beta_1=1.0), ValueError, "beta_1 must be at least 0 and less than 1, got 1.0"),
    (lambda: keras.AdamW(weight_decay=None), ValueError, "Missing value of `weight_decay` which is required and must be a float value"),
    (lambda: keras.SGD(weight_decay=-1), ValueError, "weight_decay must be 0 or more, got -1"),
    (lambda: keras.Lion(beta_1=0), ValueError, "beta_1 must be more than 0 and at most 1, got 0"),
    (lambda: keras.Lion(beta_1=1.5), ValueError, "beta_1 must be more than 0 and at most 1, got 1.5"),
    (lambda: keras.Adagrad(0.1, -1), ValueError, "initial_accumulator_value must be 0 or more, got -1"),
    (lambda: keras.Ftrl(0.1, 0.5), ValueError, "learning_rate_power must be negative or zero, got 0.5"),
    (lambda: keras.Ftrl(initial_accumulator_value=-1), ValueError, "initial_accumulator_value must be positive or zero, got -1"),
    (lambda: keras.Ftrl(l1_regularization_strength=-1), ValueError, "l1_regularization_strength must be positive or zero"),
    (lambda: keras.Ftrl(l2_regularization_strength=-1), ValueError, "l2_regularization_strength must be positive or zero"),
    (lambda: keras.Ftrl(l2_shrinkage_regularization_strength=-1), ValueError, "l2_shrinkage_regularization_strength must be positive"),
    (lambda: keras.Adafactor(clip_threshold=0), ValueError, "clip_threshold must be more than 0, got 0"),
    (lambda: keras.Muon(ns_steps=0), ValueError, "ns_steps must be an integer of 1 or more, got 0"),
    (
        lambda: keras.SGD(clipnorm=1, global_clipnorm=1),
        ValueError,
        "At most one of `clipnorm` and `global_clipnorm` can be set. Received: c",
    ),
    (
        lambda: keras.SGD(clipnorm=1, clipvalue=1, clipping="one"),
        ValueError,
        "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can",
    ),
    (lambda: keras.SGD(clipping="last"), ValueError, "clipping must be one of 'first', 'one', 'all', got 'last'"),
    (lambda: keras.SGD(clipnorm="1"), TypeError, "clipnorm must be a number"),
    (
        lambda: keras.SGD(use_ema=True, ema_momentum=1.5),
        ValueError,
        r"`ema_momentum` must be in the range \[0, 1\]. Received: ema_momentum=1.5",
    ),
    (lambda: keras.SGD(use_ema=True, ema_overwrite_frequency=0.5), ValueError, "`ema_overwrite_frequency` must be an integer >= 1 or None"),
    (lambda: keras.SGD(use_ema=True, ema_start="first"), ValueError, "ema_start must be one of 'weights', 'zeros', got 'first'"),
]


@pytest.mark.parametrize(("make", "error", "message"), CONSTRUCTORS, ids=[message for _, _, message in CONSTRUCTORS])
def test_constructors(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        make()
    assert __file__ in str(caught.value)


def test_what_is_not_used_is_not_looked_at() -> None:
    assert keras.SGD(ema_momentum=7, ema_overwrite_frequency=-3, jit_compile=None, is_legacy_optimizer=False, mesh=None).jit_compile is None


# --- the step -------------------------------------------------------------------------------------------------------------------------


def test_pairs() -> None:
    w, f = tf.Variable([1.0, 2.0], name="w"), tf.Variable(1.0, dtype=tf.float64, name="f")
    given: list[tuple[Any, type[Exception], str]] = [
        (None, TypeError, r"grads_and_vars must be pairs \(gradient, variable\), got None"),
        ([1, 2], TypeError, r"grads_and_vars must be pairs \(gradient, variable\), got 1 among them"),
        ([(1.0, tf.constant(1.0))], TypeError, "Trying to update what is no variable"),
        ([(None, w), (None, f)], ValueError, r"No gradients provided for any variable: \['w:0', 'f:0'\]. Provided `grads_and_vars` is"),
        ([(tf.constant(1.0), f)], TypeError, "The gradient of f:0 has type float32, the variable float64"),
        ([(tf.constant([1.0]), w)], ValueError, r"The gradient of w:0 has shape \(1,\), the variable \(2,\)"),
    ]
    for pairs, error, message in given:
        with pytest.raises(error, match=message):
            keras.SGD().apply_gradients(pairs)


def test_unknown_arguments_of_apply_gradients() -> None:
    with pytest.raises(TypeError, match=r"experimental_aggregate_gradient is not a valid argument of apply_gradients.*Did you mean"):
        keras.SGD().apply_gradients([], experimental_aggregate_gradient=False)


def test_a_variable_that_was_not_there_when_it_was_built() -> None:
    a, b = tf.Variable(1.0, name="a"), tf.Variable(1.0, name="b")
    optimizer = keras.SGD(use_ema=True)
    optimizer.build([a])
    with pytest.raises(KeyError, match=r"The optimizer cannot recognize variable b:0. It was built for \['a:0'\]"):
        optimizer.apply_gradients([(1.0, b)])
    assert optimizer.average_of(b) is None


def test_another_graph() -> None:
    optimizer = keras.SGD()
    optimizer.apply_gradients([(1.0, tf.Variable(1.0))])
    with tf.Graph().as_default():
        w = tf.Variable(1.0)
        with pytest.raises(RuntimeError, match=r"This SGD belongs to another graph than the default one"):
            optimizer.apply_gradients([(1.0, w)])


def test_losses_without_variables() -> None:
    w = tf.Variable(1.0)
    with pytest.raises(ValueError, match=r"No variables to optimize"):
        keras.SGD().minimize(w * 2.0, [])
    with pytest.raises(ValueError, match=r"No gradients provided for any variable"):
        keras.SGD().minimize(tf.constant(1.0), [w])


def test_the_base_class_updates_nothing() -> None:
    optimizer, w = keras.Optimizer("base"), tf.Variable(1.0)
    with pytest.raises(ValueError, match=r"Missing learning rate, please set self.learning_rate at optimizer creation time"):
        _ = optimizer.learning_rate
    with pytest.raises(NotImplementedError, match=r"Optimizer must override `update_step"):
        optimizer.apply_gradients([(1.0, w)])


def test_adafactor_needs_known_shapes() -> None:
    w = tf.Variable(tf.placeholder_with_default(np.ones(2, np.float32), [None]), validate_shape=False, name="w")
    with pytest.raises(ValueError, match=r"Adafactor needs variables of known shapes, and w:0 has"):
        keras.Adafactor().apply_gradients([(tf.identity(w), w)])


# --- settings -------------------------------------------------------------------------------------------------------------------------


def test_a_schedule_cannot_be_set() -> None:
    optimizer = keras.SGD(SCHEDULE)
    for record in (lambda: None, lambda: optimizer.apply_gradients([(1.0, tf.Variable(1.0))])):
        record()
        with pytest.raises(
            TypeError, match="This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor"
        ):
            optimizer.learning_rate = 0.1
        with pytest.raises(TypeError, match=r"learning_rate comes from a schedule"):
            optimizer.hyper["learning_rate"] = 0.1


def test_a_recorded_number_takes_numbers_only() -> None:
    optimizer = keras.SGD(0.1, momentum=0.5)
    optimizer.apply_gradients([(1.0, tf.Variable(1.0))])
    with pytest.raises(
        RuntimeError, match=r"learning_rate can't be set to .*: the updates of SGD are recorded, and from then on it takes num"
    ):
        optimizer.learning_rate = SCHEDULE
    with pytest.raises(ValueError, match=r"momentum must be between 0 and 1, got 3.0"):
        optimizer.momentum = 3.0
    with pytest.raises(ValueError, match=r"learning_rate must be 0 or more, got -1"):
        optimizer.learning_rate = -1
    with pytest.raises(TypeError, match=r"learning_rate must be a number, a scalar tensor, a schedule or a callable, got None"):
        optimizer.learning_rate = None


@pytest.mark.parametrize(("name", "given"), [("momentum", "0.0"), ("weight_decay", "None"), ("clipnorm", "None")])
def test_what_was_off_cannot_be_switched_on(name: str, given: str) -> None:
    optimizer = keras.SGD(0.1)
    optimizer.apply_gradients([(1.0, tf.Variable(1.0))])
    with pytest.raises(RuntimeError, match=f"{name} can't be set to 0.5: it was {given} when the updates of SGD were recorded"):
        setattr(optimizer, name, 0.5)


def test_an_argument_that_a_constructor_has_not_set() -> None:
    class Unfinished(keras.SGD):
        def __init__(self) -> None:
            keras.Optimizer.__init__(self, "unfinished")

    with pytest.raises(AttributeError, match=r"Unfinished has no momentum yet: its constructor has not set it"):
        _ = Unfinished().momentum


def test_iterations() -> None:
    optimizer = keras.SGD()
    with pytest.raises(TypeError, match=r"iterations must be an integer variable or an integer, got 1.5"):
        optimizer.iterations = 1.5
    optimizer.build([tf.Variable(1.0)])
    with pytest.raises(RuntimeError, match=r"Cannot set `iterations` to a new Variable after the Optimizer weights have been created"):
        optimizer.iterations = 1


def test_exclusions_come_before_building() -> None:
    optimizer = keras.SGD(weight_decay=0.1)
    optimizer.build([tf.Variable(1.0)])
    with pytest.raises(ValueError, match=r"`exclude_from_weight_decay\(\)` can only be configured before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_finalizing_before_building() -> None:
    with pytest.raises(RuntimeError, match=r"There are no moving averages yet: call `build`, `apply_gradients` or `minimize` first"):
        keras.SGD(use_ema=True).finalize_variable_values([tf.Variable(1.0)])


def test_initializers() -> None:
    with pytest.raises(ValueError, match=r"Unknown initializer: 'twos'"):
        keras.SGD().add_variable((), initializer="twos")


# --- values and configurations ----------------------------------------------------------------------------------------------------------


def test_weights() -> None:
    optimizer, w = keras.SGD(), tf.Variable([1.0, 2.0], name="w")
    with pytest.raises(ValueError, match=r"You are calling `set_weights\(\)` on an optimizer that has not yet been built"):
        optimizer.set_weights([])
    optimizer.build([w])
    with pytest.raises(ValueError, match=r"Values belong to sessions: pass `session`, or call this where a session is the default one"):
        optimizer.get_weights()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match=r"SGD has 2 variables, got 1 weights"):
            optimizer.set_weights([1])
        with pytest.raises(ValueError, match=r"Optimizer variable m/w:0 has shape \(2,\) not compatible with provided weight shape \(3,\)"):
            optimizer.set_weights([1, np.ones(3)])
        with pytest.raises(ValueError, match=r"it has 2 variables whereas the saved optimizer has 1 variables"):
            optimizer.load_own_variables({"0": np.int64(5)})
        assert optimizer.get_weights()[0] == 0


def test_configurations_of_what_only_a_run_knows() -> None:
    with pytest.raises(ValueError, match=r"SGD can't be serialised because of its argument `learning_rate`"):
        keras.SGD(tf.constant(0.1)).get_config()
    with pytest.raises(ValueError, match=r"Adam can't be serialised because of its argument `beta_1`"):
        keras.Adam(beta_1=tf.Variable(0.5)).get_config()


def test_names_of_optimizers() -> None:
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'adamm'. Please ensure .*Did you mean 'adam"):
        keras.get("adamm")
    for identifier in (None, 3, keras.SGD):
        with pytest.raises(ValueError, match=r"Could not interpret optimizer identifier"):
            keras.get(identifier)
    with pytest.raises(TypeError, match=r"Cannot deserialize object of type `Mine`"):
        keras.deserialize({"class_name": "Mine", "config": {}})
    with pytest.raises(ValueError, match=r"Unknown optimizer: 'Mine'"):
        keras.deserialize({"class_name": "Mine", "config": {}}, use_legacy_format=True)
    with pytest.raises(TypeError, match=r"Could not parse config"):
        keras.deserialize("sgd")
