"""`create_train_op` with every optimizer, nearest arguments, missing gradients, closed sessions, groups that decay, wrappers."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.unknown_arguments import keywords_of

stages = tf.train.stages
keras = tf.keras.optimizers


def started() -> tf.Session:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


# --- create_train_op ----------------------------------------------------------------------------------------------------------

CREATE = {"contrib": tf.contrib.training.create_train_op, "slim": tf.contrib.slim.learning.create_train_op}
# What descends at a rate, by one rate for all.
DESCENTS: dict[str, Callable[[float], Any]] = {
    "tf.train": tf.train.GradientDescentOptimizer,
    "keras": keras.SGD,
    "legacy": keras.legacy.SGD,
    "contrib": lambda rate: tf.contrib.opt.MovingAverageOptimizer(tf.train.GradientDescentOptimizer(rate)),
    "groups": lambda rate: tf.optimizers.Groups([("w", tf.train.GradientDescentOptimizer(rate))], default=keras.SGD(rate)),
}


@pytest.mark.parametrize("face", CREATE)
@pytest.mark.parametrize("design", DESCENTS)
def test_create_train_op_takes_optimizers_of_every_design(face: str, design: str) -> None:
    w, b = tf.get_variable("w", initializer=[3.0, 4.0]), tf.get_variable("b", initializer=1.0)
    train_op = CREATE[face](tf.nn.l2_loss(w) + b, DESCENTS[design](0.25))
    with started() as session:
        assert session.run(train_op) == 13.5
        assert session.run(w).tolist() == [2.25, 3.0] and session.run(b) == 0.75
        assert session.run(tf.train.get_global_step()) == 1
        assert tf.get_collection(tf.GraphKeys.TRAIN_OP)[-1] is train_op
        rates = [name for name in train_op.hyper if name.endswith("learning_rate")]
        for name in rates:
            train_op.hyper[name] = 0.0
        result = session.step(train_op)
        assert rates and session.run(w).tolist() == [2.25, 3.0]
        assert result.global_step == 2


def test_create_train_op_takes_optimizers_of_optax_with_their_own_rate() -> None:
    w = tf.get_variable("w", initializer=[3.0, 4.0])
    train_op = tf.contrib.training.create_train_op(tf.nn.l2_loss(w), tf.optimizers.Lion(0.5, weight_decay=0.0), global_step=None)
    with started() as session:
        session.run(train_op)
        assert session.run(w).tolist() == [2.5, 3.5]
        assert session.run(train_op.stats["learning_rate"]) == 0.5


def test_summaries_and_writes_of_a_transformation_are_part_of_create_train_op() -> None:
    w = tf.get_variable("w", initializer=[3.0, 4.0])
    seen = tf.Variable(0.0, trainable=False, name="seen")

    def counted(pairs: Any) -> Any:
        tf.summary.scalar("first", pairs[0][0][0])
        tf.assign_add(seen, 1.0)
        return pairs

    train_op = tf.contrib.training.create_train_op(tf.nn.l2_loss(w), keras.SGD(0.5), transform_grads_fn=counted)
    with started() as session:
        result = session.step(train_op)
        assert [value.tag for value in result.summaries.value] == ["first"]
        assert session.run(seen) == 1.0


@pytest.mark.parametrize("face", ["training_op", "create_train_op"])
def test_an_optimizer_that_scales_the_loss_does_so(face: str) -> None:
    # The gradient passes through half precision, where 2^-26 is zero.
    w = tf.get_variable("w", initializer=1.0)
    loss = tf.cast(tf.cast(w, tf.float16), tf.float32) * np.float32(2.0**-26)
    optimizer = tf.keras.mixed_precision.LossScaleOptimizer(keras.SGD(2.0**20))
    make = CREATE["slim"] if face == "create_train_op" else lambda loss, optimizer: tf.train.training_op(loss, optimizer=optimizer)
    train_op = make(loss, optimizer)
    with started() as session:
        session.run(train_op)
        assert session.run(w) == 1.0 - 2.0**-6


@pytest.mark.parametrize("face", CREATE)
def test_create_train_op_names_the_nearest_argument_and_refuses_classes(face: str) -> None:
    w = tf.get_variable("w", initializer=1.0)
    with pytest.raises(TypeError, match=r"create_train_op\(\) .* keyword argument 'update_op'\. Did you mean 'update_ops'\?"):
        CREATE[face](w, keras.SGD(0.5), update_op=[])
    with pytest.raises(TypeError, match="create_train_op takes an optimizer object"):
        CREATE[face](w, keras.SGD)


# --- nearest arguments --------------------------------------------------------------------------------------------------------

STAGES = [name for name in vars(stages) if callable(getattr(stages, name)) and name[0].islower() and keywords_of(getattr(stages, name))]


@pytest.mark.parametrize("name", [*STAGES, "MovingAverages"])
def test_every_stage_names_the_nearest_argument(name: str) -> None:
    make = getattr(stages, name)
    last = list(inspect.signature(make).parameters)[-1]
    with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument '{last}s'\. Did you mean '{last}'\?"):
        make(**{f"{last}s": 1})


def test_all_stages_with_arguments_are_tested() -> None:
    assert {"accumulate", "clip_by_unit_ratio", "decay_weights", "scale_loss", "skip_non_finite", "look_ahead"} <= set(STAGES)


def loss() -> Any:
    return tf.square(tf.Variable(1.0, name="w"))


CALLS: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "minimize": (lambda: tf.train.AdamOptimizer().minimize(loss(), vars_list=[]), "minimize", "vars_list", "var_list"),
    "apply": (lambda: tf.train.AdamOptimizer().apply_gradients([], global_steps=1), "apply_gradients", "global_steps", "global_step"),
    "gradients": (lambda: tf.train.AdamOptimizer().compute_gradients(loss(), grad_los=1), "compute_gradients", "grad_los", "grad_loss"),
    "average": (
        lambda: tf.contrib.opt.MovingAverageOptimizer(keras.SGD()).apply_gradients([], nam=1),
        "apply_gradients",
        "nam",
        "name",
    ),
    "keras": (lambda: keras.SGD().minimize(loss(), vars_list=[]), "minimize", "vars_list", "var_list"),
    "legacy": (lambda: keras.legacy.SGD().minimize(loss(), vars_list=[]), "minimize", "vars_list", "var_list"),
    "legacy apply": (lambda: keras.legacy.SGD().apply_gradients([], names=1), "apply_gradients", "names", "name"),
    "SAM": (lambda: tf.optimizers.SAM(keras.SGD(), rh=1), "SAM", "rh", "rho"),
    "SAM minimize": (lambda: tf.optimizers.SAM(keras.SGD()).minimize(loss(), vars_list=[]), "minimize", "vars_list", "var_list"),
    "groups": (lambda: tf.optimizers.Groups([], defaults=None), "Groups", "defaults", "default"),
    "step": (lambda: tf.train.Step(learning_rat=1), "Step", "learning_rat", "learning_rate"),
    "clipping": (lambda: tf.contrib.layers.adaptive_clipping_fn(std_facto=1), "adaptive_clipping_fn", "std_facto", "std_factor"),
    "factory": (
        lambda: tf.contrib.opt.extend_with_decoupled_weight_decay(optimizer=1),
        "extend_with_decoupled_weight_decay",
        "optimizer",
        "base_optimizer",
    ),
    "extended": (lambda: extended()(weight_deca=0.1, learning_rate=0.1), "GradientDescentOptimizer", "weight_deca", "weight_decay"),
    "extended rate": (lambda: extended()(0.1, learning_rat=0.1), "GradientDescentOptimizer", "learning_rat", "learning_rate"),
    "extended minimize": (lambda: extended()(0.1, 0.1).minimize(loss(), decay_vars=[]), "minimize", "decay_vars", "decay_var_list"),
}


def extended() -> Any:
    return tf.contrib.opt.extend_with_decoupled_weight_decay(tf.train.GradientDescentOptimizer)


@pytest.mark.parametrize("name", CALLS)
def test_methods_and_factories_name_the_nearest_argument(name: str) -> None:
    call, what, wrong, right = CALLS[name]
    with pytest.raises(TypeError, match=rf"{what}\(\) got an unexpected keyword argument '{wrong}'\. Did you mean '{right}'\?"):
        call()


def test_apply_gradients_of_keras_names_the_nearest_argument() -> None:
    with pytest.raises(TypeError, match=r"names is not a valid argument of apply_gradients, .* Did you mean `name`"):
        keras.SGD().apply_gradients([], names="x")


def test_an_extended_optimizer_still_takes_all_its_arguments() -> None:
    w = tf.Variable(2.0)
    step = extended()(weight_decay=0.25, learning_rate=1.0, name="Plain").apply_gradients([(tf.constant(1.0), w)], decay_var_list=[w])
    with started() as session:
        session.run(step)
        assert session.run(w) == 0.5


def test_the_warning_of_idle_update_ops_stands_at_the_users_line() -> None:
    w = tf.Variable(1.0)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_add(tf.Variable(0.0, trainable=False), 1.0))
    with pytest.warns(UserWarning, match="are not part of what minimize returns") as caught:
        tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
    assert caught[0].filename == __file__


# --- why there is no gradient -------------------------------------------------------------------------------------------------


def test_the_older_optimizers_of_keras_tell_why_there_is_no_gradient() -> None:
    cut, apart = tf.Variable([1.0, 2.0], name="cut"), tf.Variable(1.0, name="apart")
    text = r"(?s)No gradients provided for any variable: \['cut:0', 'apart:0'\].*cut:0: its path to the loss is cut at .*"
    with pytest.raises(ValueError, match=text + r"apart:0: the loss .* does not depend on it"):
        keras.legacy.Adam().minimize(lambda: tf.reduce_sum(tf.stop_gradient(cut)), [cut, apart])


# --- closed sessions, starts, arguments of Keras 3 ----------------------------------------------------------------------------


def test_hyper_parameters_of_a_closed_session() -> None:
    w = tf.Variable(1.0)
    train_op = tf.train.training_op(w, optimizer=tf.train.GradientDescentOptimizer(0.5))
    session = started()
    hyper = train_op.hyper.of(session)
    hyper["learning_rate"] = 0.25
    session.close()
    with pytest.raises(RuntimeError, match="Hyper-parameters cannot be read or set in a closed Session"):
        train_op.hyper.of(session)
    with pytest.raises(RuntimeError, match="learning_rate cannot be read or set in a closed Session: it has forgotten its values"):
        _ = hyper["learning_rate"]
    with pytest.raises(RuntimeError, match="learning_rate cannot be read or set in a closed Session"):
        hyper["learning_rate"] = 0.1
    assert train_op.hyper["learning_rate"] == 0.5


def test_hyper_parameters_of_a_monitored_session() -> None:
    w = tf.Variable(1.0)
    step = tf.train.get_or_create_global_step()
    train_op = tf.train.training_op(w, optimizer=tf.train.GradientDescentOptimizer(0.5), global_step=step)
    with tf.train.MonitoredTrainingSession() as session:
        hyper = train_op.hyper.of(session)
        assert hyper["learning_rate"] == 0.5
        hyper["learning_rate"] = 0.25
        session.run(train_op)
        assert session.run(w) == 0.75
    assert train_op.hyper["learning_rate"] == 0.5


@pytest.mark.parametrize("make", [keras.Adagrad, keras.Ftrl, keras.legacy.Adagrad, keras.legacy.Ftrl])
@pytest.mark.parametrize("start", ["0.1", None, True, lambda: 0.1, [0.1]])
def test_slots_of_keras_start_from_a_number(make: Any, start: Any) -> None:
    with pytest.raises(TypeError, match=r"initial_accumulator_value must be a number, got "):
        make(0.1, initial_accumulator_value=start)


@pytest.mark.parametrize("make", [keras.Adagrad, keras.Ftrl, keras.legacy.Adagrad, keras.legacy.Ftrl])
def test_slots_of_keras_do_not_start_from_a_tensor(make: Any) -> None:
    with pytest.raises(TypeError, match=r"initial_accumulator_value must be a number, got <tf.Tensor"):
        make(0.1, initial_accumulator_value=tf.constant(0.1))
    assert make(0.1, initial_accumulator_value=np.float32(0.5)).get_config()["initial_accumulator_value"] == 0.5


@pytest.mark.parametrize("make", [keras.SGD, keras.Adam, keras.Muon])
def test_arguments_of_keras_3_that_are_stages(make: Any) -> None:
    with pytest.raises(TypeError, match=r"gradient_accumulation_steps is not an argument of .* here: use the stage tf.train.stages.acc"):
        make(gradient_accumulation_steps=2)
    with pytest.raises(TypeError, match=r"loss_scale_factor is not an argument of .* here: use the stage tf.train.stages.scale_loss"):
        make(loss_scale_factor=2.0)
    assert make(loss_scale_factor=None, gradient_accumulation_steps=None).name


# --- groups that decay --------------------------------------------------------------------------------------------------------

MEMBERS: dict[str, Callable[[Any], Any]] = {
    **{name: make for name, make in DESCENTS.items() if name != "groups"},
    "lion": lambda rate: tf.optimizers.Lion(rate, weight_decay=0.0),
    "SAM": lambda rate: tf.optimizers.SAM(tf.train.GradientDescentOptimizer(rate), sync_period=1),
    "groups in groups": lambda rate: tf.optimizers.Groups([("", tf.train.GradientDescentOptimizer(rate))]),
}
RATES: dict[str, Any] = {"number": 0.5, "schedule": lambda step: tf.constant(0.5, tf.float64), "callable": lambda: 0.5}


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("face", ["training_op", "optimize_loss"])
def test_each_group_decays_by_its_own_rate(member: str, rate: str, face: str) -> None:
    a, b = tf.Variable(np.float64(1.0), name="a"), tf.Variable(np.float64(1.0), name="b")
    frozen = tf.Variable(np.float64(1.0), name="frozen")
    step = tf.train.get_or_create_global_step()
    groups = tf.optimizers.Groups([("^a", MEMBERS[member](RATES[rate])), ("^b", tf.train.GradientDescentOptimizer(0.25)), ("frozen", None)])
    total = a + b + frozen
    if face == "training_op":
        train_op = tf.train.training_op(total, optimizer=groups, global_step=step, stages=[stages.decay_weights(0.5)])
    else:
        train_op = tf.contrib.layers.optimize_loss(total, step, None, groups, summaries=[], weight_decay=0.5)
    with started() as session:
        session.run(train_op)
        assert session.run([a, b, frozen]) == [1.0 - 0.5 * 0.5 - 0.5, 1.0 - 0.5 * 0.25 - 0.25, 1.0]
        train_op.hyper["GradientDescent/learning_rate" if member != "tf.train" else "GradientDescent_1/learning_rate"] = 0.0
        session.run(train_op)
        assert session.run(b) == 0.625


def test_a_group_without_a_rate_needs_one_to_decay() -> None:
    class Own(tf.train.Optimizer):
        def __init__(self) -> None:
            super().__init__(False, "Own")

        def _apply_dense(self, grad: Any, var: Any) -> Any:
            return tf.assign_sub(var, grad)

    w = tf.Variable(1.0, name="w")
    with pytest.raises(ValueError, match="This stage needs the learning rate, and the step has none"):
        tf.train.training_op(w, optimizer=tf.optimizers.Groups([("w", Own())]), stages=[stages.decay_weights(0.5)])
    step = tf.train.Step(learning_rate_of=lambda v: 0.5)
    with step, started() as session:
        assert session.run(step.learning_rate_of(w)) == 0.5
    with pytest.raises(ValueError, match="This stage needs the learning rate"):
        _ = step.learning_rate


def test_a_schedule_of_optax_is_read_where_the_step_stands() -> None:
    w = tf.Variable(np.float64(0.0), name="w")
    optimizer = tf.optimizers.Lion(lambda step: 1.0 / (1.0 + tf.cast(step, tf.float64)), weight_decay=0.0)
    train_op = tf.train.training_op(w, optimizer=optimizer, stages=[stages.decay_weights(0.5)])
    with started() as session:
        expected = 0.0
        for step in range(3):
            rate = 1.0 / (1.0 + step)
            expected = expected * (1.0 - 0.5 * rate) - rate
            _, seen = session.run([train_op, train_op.stats["learning_rate"]])
            assert seen == rate and session.run(w) == pytest.approx(expected, rel=1e-14)


# --- wrappers around Keras ----------------------------------------------------------------------------------------------------

MOMENTA: dict[str, Callable[[], Any]] = {
    "keras": lambda: keras.SGD(0.01, momentum=0.9),
    "legacy": lambda: keras.legacy.SGD(0.01, momentum=0.9),
}


def descended(wrap: Callable[[Any], Any], make: Callable[[], Any], way: str) -> list[Any]:
    """The weights and the global step after four runs."""
    with tf.Graph().as_default():
        w = tf.Variable(np.array([1.5, -2.0]), name="w")
        step = tf.train.get_or_create_global_step()
        optimizer = wrap(make())

        def make_loss() -> Any:
            return tf.reduce_sum(tf.square(w) * tf.square(w))

        if way == "training op":
            train_op = tf.train.training_op(make_loss(), optimizer=optimizer)
        else:
            train_op = optimizer.minimize(make_loss if way == "function" else make_loss(), global_step=step)
        with started() as session:
            for _ in range(4):
                session.run(train_op)
            optimizer.hyper.of(session)["learning_rate"] = 0.0
            averages = [optimizer.average(w)] if hasattr(optimizer, "average") else []
            return list(session.run([w, step, *averages]))


@pytest.mark.parametrize("design", MOMENTA)
@pytest.mark.parametrize("way", ["tensor", "function", "training op"])
@pytest.mark.parametrize("wrapper", ["SAM", "average"])
def test_wrappers_take_optimizers_of_keras(wrapper: str, way: str, design: str) -> None:
    wrap: Any = {
        "SAM": lambda inside: tf.optimizers.SAM(inside, rho=0.25),
        "average": lambda inside: tf.contrib.opt.MovingAverageOptimizer(inside, 0.5),
    }[wrapper]
    wanted = descended(wrap, lambda: tf.train.MomentumOptimizer(0.01, 0.9), way)
    for found, value in zip(descended(wrap, MOMENTA[design], way), wanted, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-12)


def test_a_climber_may_be_one_of_keras() -> None:
    w = tf.Variable(np.float64(2.0), name="w")
    optimizer = tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.5), adv_optimizer=keras.SGD(0.25))
    step = optimizer.minimize(lambda: tf.square(w))
    with started() as session:
        session.run(step)
        assert session.run(w) == 2.0 - 0.5 * 2.0 * (2.0 + 0.25 * 4.0)
    with pytest.raises(TypeError, match=r"SAM needs an optimizer of tf.train, tf.optimizers or tf.keras.optimizers, got <class"):
        tf.optimizers.SAM(keras.SGD)
    with pytest.raises(TypeError, match=r"Supplied optimizer must be an instance of tf.train.Optimizer"):
        tf.contrib.opt.MovingAverageOptimizer(keras.SGD)
