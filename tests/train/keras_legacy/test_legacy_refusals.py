"""What Keras's older optimizers refuse: classes of errors and what they say."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import legacy, schedules

Case = tuple[type[Exception], str, Callable[[], Any]]
SCHEDULE = schedules.ExponentialDecay(0.5, 1, 0.5)

CONSTRUCTORS: dict[str, Case] = {
    "unknown keyword": (TypeError, "Unexpected keyword argument passed to optimizer: foo. Allowed kwargs are ", lambda: legacy.SGD(foo=1)),
    "near keyword": (TypeError, "Did you mean `clipnorm`?", lambda: legacy.SGD(clip_norm=1.0)),
    "near argument": (TypeError, "Did you mean `momentum`?", lambda: legacy.SGD(momentun=1.0)),
    "negative clip": (ValueError, "Expected clipnorm >= 0, received: -1", lambda: legacy.SGD(clipnorm=-1)),
    "negative decay": (ValueError, "Expected decay >= 0, received: -1", lambda: legacy.SGD(decay=-1)),
    "negative lr": (ValueError, "Expected lr >= 0, received: -0.5", lambda: legacy.SGD(lr=-0.5)),
    "negative rate": (ValueError, "learning_rate must be 0 or more, got -0.1.", lambda: legacy.SGD(-0.1)),
    "rate not a number": (ValueError, "learning_rate must be 0 or more, got nan.", lambda: legacy.SGD(float("nan"))),
    "rate a string": (TypeError, "learning_rate must be a number", lambda: legacy.SGD("fast")),
    "clip a string": (TypeError, "clipvalue must be a number", lambda: legacy.SGD(clipvalue="much")),
    "both norms": (
        ValueError,
        "Cannot accept both `clipnorm` and `global_clipnorm`. Received: `clipnorm`=1, `global_clipnorm`=2.",
        lambda: legacy.SGD(clipnorm=1, global_clipnorm=2),
    ),
    "clip and transformers": (
        ValueError,
        "`clipnorm` cannot be set when `gradient_transformers` is set. Instead, use the `gradient_transformers`",
        lambda: legacy.SGD(clipnorm=1, gradient_transformers=[lambda pairs: pairs]),
    ),
    "momentum": (
        ValueError,
        "`momentum` must be between [0, 1]. Received: momentum=2 (of type <class 'int'>).",
        lambda: legacy.SGD(momentum=2),
    ),
    "momentum of rmsprop": (
        ValueError,
        "`momentum` must be between [0, 1]. Received: momentum=-0.1",
        lambda: legacy.RMSprop(momentum=-0.1),
    ),
    "beta": (ValueError, "beta_1 must be between 0 and 1, got 1.5.", lambda: legacy.Adam(beta_1=1.5)),
    "epsilon": (ValueError, "epsilon must be 0 or more, got -1.", lambda: legacy.Adam(epsilon=-1)),
    "accumulator of adagrad": (
        ValueError,
        "initial_accumulator_value must be non-negative: -1",
        lambda: legacy.Adagrad(initial_accumulator_value=-1),
    ),
    "schedule of nadam": (
        ValueError,
        "The Nadam optimizer does not support tf.keras.optimizers.LearningRateSchedules as the learning rate",
        lambda: legacy.Nadam(SCHEDULE),
    ),
    "schedule set to nadam": (
        ValueError,
        "The Nadam optimizer does not support tf.keras.optimizers.LearningRateSchedules as the learning rate",
        lambda: setattr(legacy.Nadam(), "lr", SCHEDULE),
    ),
    "two decays of nadam": (
        ValueError,
        "For Nadam `decay` and `schedule_decay` mean the same: give one of them.",
        lambda: legacy.Nadam(decay=0.1, schedule_decay=0.1),
    ),
    "accumulator of ftrl": (
        ValueError,
        "`initial_accumulator_value` needs to be positive or zero. Received: initial_accumulator_value=-1.",
        lambda: legacy.Ftrl(initial_accumulator_value=-1),
    ),
    "l1": (ValueError, "`l1_regularization_strength` needs to be positive or zero.", lambda: legacy.Ftrl(l1_regularization_strength=-1)),
    "l2": (ValueError, "`l2_regularization_strength` needs to be positive or zero.", lambda: legacy.Ftrl(l2_regularization_strength=-1)),
    "shrinkage": (
        ValueError,
        "`l2_shrinkage_regularization_strength` needs to be positive or zero.",
        lambda: legacy.Ftrl(l2_shrinkage_regularization_strength=-1),
    ),
    "power": (
        ValueError,
        "`learning_rate_power` needs to be negative or zero. Received: learning_rate_power=1.",
        lambda: legacy.Ftrl(learning_rate_power=1),
    ),
}


def vector(**options: Any) -> Any:
    return tf.Variable([1.0, 2.0], name="w", **options)


def rows() -> Any:
    return tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))


def with_updates(optimizer: Any) -> Any:
    optimizer.apply_gradients([([1.0, 1.0], vector())])
    return optimizer


def set_in_session(optimizer: Any, weights: Any) -> None:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.set_weights(weights)


CALLS: dict[str, Case] = {
    "no gradients": (
        ValueError,
        "No gradients provided for any variable: ['w:0']. Provided `grads_and_vars` is ",
        lambda: legacy.SGD().apply_gradients([(None, vector())]),
    ),
    "no gradients of the loss": (
        ValueError,
        "No gradients provided for any variable: ['w:0']",
        lambda: legacy.SGD().minimize(tf.constant(3.0), [vector()]),
    ),
    "no pairs": (
        TypeError,
        "apply_gradients takes an iterable of pairs (gradient, variable), got None.",
        lambda: legacy.SGD().apply_gradients(None),  # type: ignore[arg-type]
    ),
    "not a pair": (
        TypeError,
        "apply_gradients takes an iterable of pairs (gradient, variable), but one of them is 1.",
        lambda: legacy.SGD().apply_gradients([1, 2]),  # type: ignore[list-item]
    ),
    "three in a pair": (
        ValueError,
        "apply_gradients takes an iterable of pairs (gradient, variable), but one of them has 3 elements:",
        lambda: legacy.SGD().apply_gradients([(1, 2, 3)]),  # type: ignore[list-item]
    ),
    "a tensor": (
        NotImplementedError,
        "Updating a `Tensor` is not implemented. Received: var=Tensor(",
        lambda: legacy.SGD().apply_gradients([([1.0, 1.0], vector() + 1.0)]),
    ),
    "rows and a constraint": (
        RuntimeError,
        "Cannot use a constraint function on a sparse variable. Received: w:0",
        lambda: legacy.SGD().apply_gradients([(rows(), vector(constraint=tf.nn.relu))]),
    ),
    "shape": (
        ValueError,
        "The gradient of w:0 has shape (3,), but the variable has (2,).",
        lambda: legacy.SGD().apply_gradients([(tf.ones([3]), vector())]),
    ),
    "element type": (
        TypeError,
        "The gradient of w:0 has dtype float64, but the variable has float32.",
        lambda: legacy.SGD().apply_gradients([(np.ones(2), vector())]),
    ),
    "integer loss": (ValueError, "Invalid type tf.int32 for ", lambda: legacy.SGD().minimize(lambda: tf.constant(1), [vector()])),
    "without dense update": (
        NotImplementedError,
        "`_resource_apply_dense` must be implemented in subclasses: Optimizer has none.",
        lambda: legacy.Optimizer("plain").apply_gradients([([1.0, 1.0], vector())]),
    ),
    "without sparse update": (
        NotImplementedError,
        "`_resource_apply_sparse` must be implemented in subclasses: Optimizer has none.",
        lambda: legacy.Optimizer("plain").apply_gradients([(rows(), vector())]),
    ),
    "not connected": (
        ValueError,
        "has `None` for gradient. Please make sure that the loss depends on it",
        lambda: legacy.SGD().get_gradients(tf.constant(1.0), [vector()]),
    ),
    "no slot": (
        KeyError,
        "SGD has no slot 'foo' for w:0; there are none yet: they are made by `apply_gradients`.",
        lambda: legacy.SGD().get_slot(vector(), "foo"),
    ),
    "no attribute": (AttributeError, "'SGD' object has no attribute 'foo'", lambda: legacy.SGD().foo),
    "no rate": (AttributeError, "'Optimizer' object has no attribute 'lr'", lambda: legacy.Optimizer("plain").lr),
    "counter in use": (
        RuntimeError,
        "Cannot set `iterations` to a new Variable after the Optimizer weights have been created. Here it is attempting",
        lambda: setattr(with_updates(legacy.SGD()), "iterations", 3),
    ),
    "counter no integer": (
        TypeError,
        "`iterations` must be an integer variable or a whole number, got 2.5.",
        lambda: setattr(legacy.SGD(), "iterations", 2.5),
    ),
    "number of weights": (
        ValueError,
        "You called `set_weights(weights)` on optimizer SGD with a  weight list of length 3, but the optimizer was expecting 1 weights. "
        "Provided weights: [1, 2, 3]...",
        lambda: set_in_session(with_updates(legacy.SGD()), [1, 2, 3]),
    ),
    "shape of weights": (
        ValueError,
        "Optimizer weight shape (2,) not compatible with provided weight shape (3,): SGD/w/momentum:0.",
        lambda: set_in_session(with_updates(legacy.SGD(momentum=0.5)), [1, [1, 2, 3]]),
    ),
    "weights without a session": (
        ValueError,
        "`get_weights` needs a session, to which the values belong: pass one, or call it inside `with session:`.",
        lambda: with_updates(legacy.SGD()).get_weights(),
    ),
    "initializer": (ValueError, "Unknown initializer: 'foo'. There are zeros, ", lambda: legacy.SGD().add_slot(vector(), "s", "foo")),
    "momentum set late": (
        RuntimeError,
        "momentum can't be set to 0.5: the updates of SGD were recorded without momentum, so there is no slot for it.",
        lambda: setattr(with_updates(legacy.SGD()), "momentum", 0.5),
    ),
    "shrinkage set late": (
        RuntimeError,
        "l2_shrinkage_regularization_strength can't be set to 0.5: the updates of Ftrl were recorded without shrinkage.",
        lambda: setattr(with_updates(legacy.Ftrl()), "l2_shrinkage_regularization_strength", 0.5),
    ),
    "momentum out of range": (ValueError, "momentum must be between 0 and 1, got 3.", lambda: setattr(legacy.SGD(), "momentum", 3)),
    "a tensor in a configuration": (
        ValueError,
        "SGD can't be serialised because of its argument `learning_rate`:",
        lambda: legacy.SGD(tf.constant(0.5)).get_config(),
    ),
    "converting an old one": (
        ValueError,
        "`convert_to_legacy_optimizer` should only be called on a new Keras optimizer, but got ",
        lambda: legacy.convert_to_legacy_optimizer(legacy.SGD()),
    ),
    "converting without a counterpart": (
        ValueError,
        "There is no legacy optimizer 'Lion' to convert to; there are Adadelta, Adagrad,",
        lambda: legacy.convert_to_legacy_optimizer(type("Lion", (), {"get_config": dict})()),
    ),
}


@pytest.mark.filterwarnings("ignore:The `lr` argument")
@pytest.mark.parametrize("name", [*CONSTRUCTORS, *CALLS])
def test_refusals(name: str) -> None:
    kind, message, call = {**CONSTRUCTORS, **CALLS}[name]
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


def test_a_rate_that_is_not_positive_in_ftrl_fails_the_run() -> None:
    step = legacy.Ftrl(0.0).apply_gradients([([1.0, 1.0], vector())])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="lr is not a positive scalar"):
            session.run(step)


def test_a_refused_value_changes_nothing() -> None:
    opt = legacy.SGD(0.5, momentum=0.25)
    with pytest.raises(ValueError, match="learning_rate must be 0 or more"):
        opt.lr = -1.0
    with pytest.raises(ValueError, match="momentum must be between 0 and 1"):
        opt.momentum = 2.0
    assert (opt.lr, opt.momentum) == (0.5, 0.25)
