"""The page of `tf.keras.optimizers.Optimizer`: its examples, arguments, attributes and methods, sentence by sentence, in graph mode.

Where the page says that a call does something, the call returns what a session runs. Errata are numbered as in the reference: 0.3 lists
what the page says wrongly.
"""
# Long because: one short test for each sentence of one page.

import inspect
import json
from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras
optimizers = tf.keras.optimizers


def two(value_1: float = 2.0, value_2: float = 2.0) -> tuple[Any, Any]:
    return tf.Variable(value_1, name="var1"), tf.Variable(value_2, name="var2")


# --- signature ---------------------------------------------------------------------------------------------------------------


def test_signature() -> None:
    parameters = inspect.signature(optimizers.Optimizer).parameters
    expected = {
        "name": inspect.Parameter.empty, "weight_decay": 0, "clipnorm": None, "clipvalue": None, "global_clipnorm": None,
        "use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None, "jit_compile": True,
    }  # fmt: skip
    assert {name: parameters[name].default for name in list(parameters)[:9]} == expected


def test_main_alias() -> None:
    assert optimizers.experimental.Optimizer is optimizers.Optimizer
    assert optimizers.experimental.SGD is optimizers.SGD


# --- usage -------------------------------------------------------------------------------------------------------------------


def test_usage(run: Any) -> None:
    opt = keras.optimizers.SGD(learning_rate=0.1)
    var1, var2 = tf.Variable(1.0), tf.Variable(2.0)
    loss = lambda: 3 * var1 * var1 + 2 * var2 * var2  # noqa: E731
    step = opt.minimize(loss, var_list=[var1, var2])
    run(step)
    assert run([var1, var2]) == [pytest.approx(1.0 - 0.1 * 6.0), pytest.approx(2.0 - 0.1 * 8.0)]


def test_processing_gradients_before_applying_them(run: Any) -> None:
    opt = tf.keras.optimizers.experimental.SGD(learning_rate=0.1)
    var1, var2 = tf.Variable(1.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        loss = 3 * var1 * var1 + 2 * var2 * var2
    grads = tape.gradient(loss, [var1, var2])
    grads[0] = grads[0] + 1
    step = opt.apply_gradients(zip(grads, [var1, var2], strict=True))
    run(step)
    assert run([var1, var2]) == [pytest.approx(0.3), pytest.approx(1.2)]


def test_dynamic_learning_rate(run: Any) -> None:
    start = np.random.default_rng(0).random(size=(1,))
    var = tf.Variable(start)
    learning_rate = tf.keras.optimizers.schedules.ExponentialDecay(initial_learning_rate=0.01, decay_steps=20, decay_rate=0.1)
    opt = tf.keras.optimizers.experimental.SGD(learning_rate=learning_rate)
    loss = lambda: 3 * var  # noqa: E731
    step = opt.minimize(loss, var_list=[var])
    expected = start[0]
    for i in range(5):
        run(step)
        expected -= 3.0 * 0.01 * 0.1 ** (i / 20)
    assert run(var) == [pytest.approx(expected, abs=1e-12)]


class Halved(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A customized schedule: half of a start, then a quarter, and so on."""

    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, step: Any) -> Any:
        return self.start * 0.5 ** (tf.cast(step, tf.float64) + 1.0)

    def get_config(self) -> Any:
        return {"start": self.start}


def test_customized_schedule(run: Any) -> None:
    var = tf.Variable(0.0)
    step = optimizers.SGD(Halved(4.0)).minimize(lambda: -1.0 * var, [var])
    seen = []
    for _ in range(3):
        run(step)
        seen.append(run(var))
    assert seen == [2.0, 3.0, 3.5]


def test_a_callable_rate_is_called_at_every_step(run: Any) -> None:
    """Keras's newer optimizers call it once, when they are made (reference, 0.2, surprise 6); graphopt does what the older pages say."""
    rate = {"now": 0.5}
    var = tf.Variable(2.0)
    step = optimizers.SGD(lambda: rate["now"]).minimize(lambda: var * 1.0, [var])
    seen = []
    for rate["now"] in (0.5, 0.25):
        run(step)
        seen.append(run(var))
    assert seen == [1.5, 1.25]


def test_gradients_clipping(run: Any) -> None:
    opt = tf.keras.optimizers.experimental.SGD(learning_rate=1, clipvalue=1)
    var1, var2 = tf.Variable(2.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        loss = 2 * var1 + 2 * var2
    grads = tape.gradient(loss, [var1, var2])
    assert run([grads[0], grads[1]]) == [2.0, 2.0]
    step = opt.apply_gradients(zip(grads, [var1, var2], strict=True))
    run(step)
    assert run([var1, var2]) == [1.0, 1.0]


def test_without_clipping_we_should_get_0_0(run: Any) -> None:
    var1, var2 = two()
    run(optimizers.SGD(learning_rate=1).minimize(lambda: 2 * var1 + 2 * var2, [var1, var2]))
    assert run([var1, var2]) == [0.0, 0.0]


def test_only_one_of_clipnorm_and_global_clipnorm_can_be_set() -> None:
    with pytest.raises(ValueError, match="At most one of `clipnorm` and `global_clipnorm` can be set"):
        optimizers.SGD(clipnorm=1.0, global_clipnorm=1.0)


def test_weight_decay(run: Any) -> None:
    opt = tf.keras.optimizers.experimental.SGD(1, weight_decay=0.004)
    grads, var1, var2 = tf.zeros(()), tf.Variable(2.0), tf.Variable(2.0)
    opt.exclude_from_weight_decay(var_list=[var2])
    step = opt.apply_gradients(zip([grads, grads], [var1, var2], strict=True))
    run(step)
    assert run([var1, var2]) == [np.float32(1.992), 2.0]


OTHERS = ["Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl", "Lion", "Adafactor"]


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in ("Ftrl", "Adafactor")])
def test_weight_decay_is_built_into_all_optimizers(run: Any, name: str) -> None:
    var = tf.Variable(2.0)
    opt = getattr(optimizers, name)(1, weight_decay=0.004)
    run(opt.apply_gradients([(tf.zeros(()), var)]))
    assert run(var) == pytest.approx(1.992, abs=1e-6)  # a gradient of zero moves nothing else


@pytest.mark.parametrize("name", ["Ftrl", "Adafactor"])
def test_weight_decay_is_built_in_where_zero_gradients_move_weights(run: Any, name: str) -> None:
    plain, decayed = tf.Variable([2.0, -1.0]), tf.Variable([2.0, -1.0])
    shrunk = tf.Variable(np.float32([2.0, -1.0]) * np.float32(1.0 - 0.01 * 0.5))
    make, gradient = getattr(optimizers, name), tf.constant([0.3, 0.1])
    run([make(0.5).apply_gradients([(gradient, v)]) for v in (plain, shrunk)])
    run(make(0.5, weight_decay=0.01).apply_gradients([(gradient, decayed)]))
    assert run(decayed) == pytest.approx(run(shrunk), abs=1e-6)
    assert run(decayed) != run(plain)


EMA_STEPS = [[1.0, 1.0], [0.0, 0.0], [-0.125, -0.125]]


def averaging(**options: Any) -> Any:
    return tf.keras.optimizers.experimental.SGD(
        **{"learning_rate": 1, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3, **options}
    )


def test_moving_average_with_the_calls_of_the_page(run: Any) -> None:
    opt = averaging()
    var1, var2 = tf.Variable(2.0), tf.Variable(2.0)
    with tf.GradientTape() as tape:
        loss = var1 + var2
    grads = tape.gradient(loss, [var1, var2])
    printed = []
    for _ in range(3):
        step = opt.apply_gradients(zip(grads, [var1, var2], strict=True))
        run(step)
        printed.append(run([var1, var2]))
    assert printed == EMA_STEPS


def test_moving_average_with_one_step_run_many_times(run: Any) -> None:
    """Seven steps, with the averages: 1.7 of the reference."""
    opt = averaging()
    var1, var2 = two()
    step = opt.minimize(lambda: var1 + var2, [var1, var2])
    average = opt.average_of(var1)
    seen = []
    for _ in range(7):
        run(step)
        seen.append(run([var1, average]))
    assert seen == [[1, 1.5], [0, 0.75], [-0.125, -0.125], [-1.125, -0.625], [-2.125, -1.375], [-2.25, -2.25], [-3.25, -2.75]]


def test_the_full_calculation_of_the_average() -> None:
    assert 2 * 0.5**3 + 1 * (1 - 0.5) * 0.5**2 + 0 * (1 - 0.5) * 0.5**1 + (-1) * (1 - 0.5) == EMA_STEPS[2][0]


def test_ema_momentum_1_keeps_the_initial_value_and_0_is_no_ema(run: Any) -> None:
    frozen, free = two()
    run(averaging(ema_momentum=1, ema_overwrite_frequency=1).minimize(lambda: frozen * 1.0, [frozen]))
    run(averaging(ema_momentum=0, ema_overwrite_frequency=1).minimize(lambda: free * 1.0, [free]))
    assert run([frozen, free]) == [2.0, 1.0]


def test_finalize_variable_values_overwrites_variables_explicitly(run: Any) -> None:
    opt = averaging(ema_overwrite_frequency=None)
    var1, var2 = two()
    step = opt.minimize(lambda: var1 + var2, [var1, var2])
    for _ in range(3):
        run(step)
    assert run([var1, var2]) == [-1.0, -1.0]  # not overwritten in the middle of training
    run(opt.finalize_variable_values([var1, var2]))
    assert run([var1, var2]) == [-0.125, -0.125]


def test_finalize_variable_values_without_averages_does_nothing(run: Any) -> None:
    var1, _ = two()
    opt = optimizers.SGD(1.0)
    run(opt.minimize(lambda: var1 * 1.0, [var1]))
    run(opt.finalize_variable_values([var1]))
    assert run(var1) == 1.0


def test_distribution_with_gradients_aggregated_outside(run: Any) -> None:
    """The page's dummy code, on one replica, whose sum over replicas is the gradient itself."""
    opt = tf.keras.optimizers.experimental.SGD()
    trainable_variables = list(two())
    gradients = tf.gradients(3.0 * trainable_variables[0] + trainable_variables[1], trainable_variables)
    gradients = [tf.add_n([g]) for g in gradients]  # strategy.reduce("SUM", gradients, axis=None)
    step = opt.apply_gradients(zip(gradients, trainable_variables, strict=True), skip_gradients_aggregation=True)
    run(step)
    assert run(trainable_variables) == [pytest.approx(1.97), pytest.approx(1.99)]


class Doubling(tf.keras.optimizers.SGD):
    """Aggregates by its own logic: as if there were two equal replicas."""

    def aggregate_gradients(self, grads_and_vars: Any) -> Any:
        return [(None if g is None else 2.0 * g, v) for g, v in grads_and_vars]


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 0.0), ({"skip_gradients_aggregation": True}, 1.0), ({"experimental_aggregate_gradients": False}, 1.0)],
)
def test_aggregation_is_overridden_and_skipped(run: Any, options: Any, expected: float) -> None:
    var1, _ = two()
    run(Doubling(1.0).apply_gradients([(tf.constant(1.0), var1)], **options))
    assert run(var1) == expected


# --- a custom optimizer ------------------------------------------------------------------------------------------------------


class SumOfGradients(tf.keras.optimizers.Optimizer):
    """Goes down the sum of all gradients so far."""

    def __init__(self, learning_rate: Any = 0.1, name: str = "SumOfGradients", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list: Any) -> None:
        super().build(var_list)
        if hasattr(self, "_built") and self._built:
            return
        self.sums = [self.add_variable_from_reference(v, "sum") for v in var_list]
        self._built = True

    def update_step(self, gradient: Any, variable: Any) -> None:
        total = self.sums[self._index_dict[self._var_key(variable)]]
        rate = tf.cast(self.learning_rate, variable.dtype)
        total.assign_add(gradient)
        variable.assign_sub(rate * total)

    def get_config(self) -> Any:
        return {**super().get_config(), "learning_rate": self._plain_hyper("learning_rate")}


def test_custom_optimizer(run: Any) -> None:
    """With clipping and weight decay for free: 1.10 of the reference."""
    w = tf.Variable([1.0, 2.0])
    opt = SumOfGradients(clipvalue=0.5, weight_decay=0.1)
    step = opt.apply_gradients([(tf.constant([1.0, 0.1]), w)])
    run(step)
    run(step)
    assert run(w) == pytest.approx([0.8306, 1.9303], abs=1e-6)
    assert run([opt.iterations, opt.sums[0]]) == [2, pytest.approx([1.0, 0.2])]


def test_custom_optimizer_in_optimize_loss(run: Any) -> None:
    w = tf.Variable(10.0)
    train_op = tf.contrib.layers.optimize_loss(tf.abs(w * 5.0), tf.train.get_or_create_global_step(), None, SumOfGradients(0.1))
    assert [run(train_op), run(w), run(train_op)] == [50.0, 9.5, 47.5]
    assert run([w, tf.train.get_global_step()]) == [8.5, 2]


def test_custom_optimizer_is_reinstantiated_from_its_config() -> None:
    opt = SumOfGradients.from_config(SumOfGradients(0.25, clipvalue=0.5).get_config())
    assert opt.get_config()["clipvalue"] == 0.5 and opt.get_config()["learning_rate"] == 0.25


def test_update_step_must_be_implemented() -> None:
    class Empty(tf.keras.optimizers.Optimizer):
        pass

    with pytest.raises(NotImplementedError, match="must override `update_step"):
        Empty("empty").apply_gradients([(tf.constant(1.0), tf.Variable(1.0))])


def test_build_must_call_that_of_the_base() -> None:
    """Without it Keras fails with an AttributeError for a missing `_index_dict` (reference, 1.2); graphopt names what is missing."""

    class Alone(SumOfGradients):
        def build(self, var_list: Any) -> None:
            self._built = True

    with pytest.raises(KeyError, match="The optimizer cannot recognize variable"):
        Alone().apply_gradients([(tf.constant(1.0), tf.Variable(1.0))])


def test_update_step_is_not_the_place_to_look_for_an_operation(run: Any) -> None:
    """Erratum 0.3: the page promises an operation, Keras's own return None. Whatever it returns, what it assigns is part of the step."""
    var1, _ = two()
    assert run(SumOfGradients(1.0).apply_gradients([(tf.constant(0.5), var1)])) == 1
    assert run(var1) == 1.5


# --- arguments ---------------------------------------------------------------------------------------------------------------


def test_the_name_names_what_the_optimizer_makes() -> None:
    var1, _ = two()
    step = optimizers.SGD(1.0, momentum=0.9, name="going_down").apply_gradients([(tf.constant(1.0), var1)])
    assert "going_down" in step.name


@pytest.mark.parametrize("off", [None, 0, 0.0])
def test_weight_decay_is_off_by_default(run: Any, off: Any) -> None:
    """Erratum 0.3: "defaults to None" is true of the subclasses, the base has 0; both give the same numbers."""
    var1, _ = two()
    run(optimizers.SGD(1, weight_decay=off).apply_gradients([(tf.zeros(()), var1)]))
    assert run(var1) == 2.0
    assert inspect.signature(optimizers.SGD).parameters["weight_decay"].default is None
    assert inspect.signature(optimizers.AdamW).parameters["weight_decay"].default == 0.004


def clipped(run: Any, **options: Any) -> Any:
    a, b = tf.Variable([0.0, 0.0]), tf.Variable([0.0, 0.0])
    run(optimizers.SGD(1.0, **options).apply_gradients([(tf.constant([-3.0, 0.3]), a), (tf.constant([0.0, 4.0]), b)]))
    return run([a, b])


def test_clipnorm_clips_the_gradient_of_each_weight_individually(run: Any) -> None:
    a, b = clipped(run, clipnorm=1.0)
    norm = np.hypot(3.0, 0.3)
    assert a == pytest.approx([3.0 / norm, -0.3 / norm]) and b == pytest.approx([0.0, -1.0])


def test_clipvalue_is_two_sided(run: Any) -> None:
    """Erratum 0.3: "no higher than this value" means between -value and value."""
    assert clipped(run, clipvalue=1.0) == [pytest.approx([1.0, -0.3]), pytest.approx([0.0, -1.0])]


def test_global_clipnorm_clips_all_weights_by_one_norm(run: Any) -> None:
    a, b = clipped(run, global_clipnorm=1.0)
    norm = np.sqrt(9.0 + 0.09 + 16.0)
    assert a == pytest.approx([3.0 / norm, -0.3 / norm]) and b == pytest.approx([0.0, -4.0 / norm])


def test_use_ema_is_off_by_default(run: Any) -> None:
    var1, _ = two()
    opt = optimizers.SGD(1.0)
    run(opt.minimize(lambda: var1 * 1.0, [var1]))
    assert opt.use_ema is False and opt.average_of(var1) is None


def test_ema_arguments_count_only_if_use_ema(run: Any) -> None:
    var1, _ = two()
    run(optimizers.SGD(1.0, ema_momentum=2.0, ema_overwrite_frequency=-3).minimize(lambda: var1 * 1.0, [var1]))
    assert run(var1) == 1.0
    with pytest.raises(ValueError, match=r"`ema_momentum` must be in the range \[0, 1\]"):
        averaging(ema_momentum=2.0)
    with pytest.raises(ValueError, match="`ema_overwrite_frequency` must be an integer"):
        averaging(ema_overwrite_frequency=-3)


def test_ema_overwrite_frequency_1_and_0_are_accepted(run: Any) -> None:
    """Erratum 0.3: Keras's message says "integer > 1", but 1 overwrites in every step, and 0 never does."""
    each, never = two()
    run(averaging(ema_overwrite_frequency=1).minimize(lambda: each * 1.0, [each]))
    run(averaging(ema_overwrite_frequency=0).minimize(lambda: never * 1.0, [never]))
    assert run([each, never]) == [1.5, 1.0]


def test_jit_compile_changes_no_number(run: Any) -> None:
    assert inspect.signature(optimizers.Optimizer).parameters["jit_compile"].default is True
    a, b = two()
    run([optimizers.SGD(1.0, jit_compile=flag).minimize(lambda v=v: v * v, [v]) for flag, v in ((True, a), (False, b))])
    assert run([a, b]) == [-2.0, -2.0]


def test_a_mesh_is_refused_and_none_is_not() -> None:
    optimizers.SGD(mesh=None)
    with pytest.raises(NotImplementedError, match="mesh: graphopt has no DTensor"):
        optimizers.SGD(mesh=object())


def test_kwargs_are_for_backward_compatibility(run: Any) -> None:
    """Keras drops `lr` (reference, 0.2): graphopt takes it as the learning rate. Legacy words and unknown ones are refused, as in 1.1."""
    var1, _ = two()
    run(optimizers.SGD(lr=0.5).minimize(lambda: var1 * 1.0, [var1]))
    assert run(var1) == 1.5
    with pytest.raises(ValueError, match="decay is deprecated in the new Keras optimizer"):
        optimizers.SGD(decay=0.1)
    with pytest.raises(TypeError, match="speed is not a valid argument"):
        optimizers.SGD(speed=0.1)


# --- attributes --------------------------------------------------------------------------------------------------------------


def test_iterations_counts_applications(run: Any) -> None:
    """Erratum 0.3: "every time apply_gradients() is called", but not for an empty list, nor when all gradients are None."""
    var1, _ = two()
    opt = optimizers.SGD(1.0)
    assert run(opt.iterations) == 0
    step = opt.minimize(lambda: var1 * 1.0, [var1])
    assert [run(step) for _ in range(3)] == [1, 2, 3]
    assert run(opt.apply_gradients([])) == 3
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        opt.apply_gradients([(None, var1)])
    assert run(opt.iterations) == 3


def test_iterations_may_be_set_before_it_is_built(run: Any) -> None:
    var1, _ = two()
    opt = optimizers.SGD(1.0)
    opt.iterations = tf.Variable(2, dtype=tf.int64, trainable=False)
    assert run(opt.minimize(lambda: var1 * 1.0, [var1])) == 3
    with pytest.raises(RuntimeError, match="Cannot set `iterations` to a new Variable after the Optimizer weights have been created"):
        opt.iterations = tf.Variable(0, dtype=tf.int64, trainable=False)


def test_learning_rate_is_read_and_set(run: Any) -> None:
    """6.2 of the reference: SGD of rate 1 for one step, then of rate 0.5."""
    w0, w1 = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    opt = optimizers.SGD(1.0)
    step = opt.minimize(lambda: tf.reduce_sum(5 * w0) + tf.reduce_sum(3 * w1), [w0, w1])
    run(step)
    assert run([w0, w1, opt.learning_rate]) == [[-4.0, -3.0], [0.0, 1.0], 1.0]
    with run.session.as_default():
        opt.learning_rate = 0.5
    run(step)
    assert run([w0, w1, opt.learning_rate]) == [[-6.5, -5.5], [-1.5, -0.5], 0.5]


def test_learning_rate_of_a_schedule_is_not_settable() -> None:
    opt = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="This optimizer was created with a `LearningRateSchedule` object"):
        opt.learning_rate = 0.1


def test_variables_of_the_optimizer() -> None:
    var1, var2 = two()
    opt = optimizers.Adam()
    assert [v.op.name for v in opt.variables] == ["iteration"]
    opt.build([var1, var2])
    assert [v.op.name for v in opt.variables] == ["iteration", "m/var1", "v/var1", "m/var2", "v/var2"]
    assert list(opt.variables()) == list(opt.variables)
    assert not set(opt.variables) & set(tf.trainable_variables())


# --- methods -----------------------------------------------------------------------------------------------------------------


def test_add_variable(run: Any) -> None:
    """Erratum 0.3: `shape` must be given; None makes a scalar."""
    opt = optimizers.SGD()
    scalar, row = opt.add_variable(None), opt.add_variable([3], dtype=tf.float64, initializer="ones", name="row")
    made = opt.add_variable((2,), initializer=lambda shape, dtype: tf.fill(shape, tf.cast(7.0, dtype)))
    assert run([scalar, row, made]) == [0.0, [1.0] * 3, [7.0, 7.0]]
    assert (scalar.dtype, row.dtype, row.op.name) == (tf.float32, tf.float64, "row")
    assert list(opt.variables)[1:] == [scalar, row, made]
    with pytest.raises(TypeError, match="shape"):
        opt.add_variable()


def test_add_variable_from_reference(run: Any) -> None:
    model_variable = tf.Variable(np.ones((2, 3)), name="dense_1")
    opt = optimizers.SGD()
    momentum = opt.add_variable_from_reference(model_variable, "momentum")
    other = opt.add_variable_from_reference(model_variable, "other", shape=[2])
    start = opt.add_variable_from_reference(model_variable, "start", initial_value=5.0 * np.ones((2, 3)))
    assert momentum.op.name == "momentum/dense_1"
    assert [v.dtype for v in (momentum, other, start)] == [tf.float64] * 3
    assert run([momentum, other, start]) == [[[0.0] * 3] * 2, [0.0] * 2, [[5.0] * 3] * 2]


def test_aggregate_gradients_on_one_device() -> None:
    var1, var2 = two()
    pairs = [(tf.constant(1.0), var1), (None, var2)]
    assert optimizers.SGD().aggregate_gradients(pairs) == pairs


def test_apply_gradients_returns_the_current_iteration(run: Any) -> None:
    """The page says that it is a variable. It is read after everything else in the step, so running it makes the step."""
    var1, _ = two()
    step = optimizers.SGD(1.0).apply_gradients([(tf.constant(1.0), var1)])
    assert step.dtype is tf.int64
    assert [run(step), run(var1), run(step), run(var1)] == [1, 1.0, 2, 0.0]


def test_apply_gradients_names_its_scope() -> None:
    var1, _ = two()
    assert optimizers.SGD(1.0).apply_gradients([(tf.constant(1.0), var1)], name="dummy").name.startswith("dummy")


@pytest.mark.parametrize("malformed", [None, [1, 2], 3.0, [(1.0,)]])
def test_apply_gradients_raises_type_error_if_malformed(malformed: Any) -> None:
    """Erratum 0.3: in Keras it is whatever unpacking raises; here it is a TypeError for all."""
    with pytest.raises(TypeError, match="grads_and_vars must be pairs"):
        optimizers.SGD().apply_gradients(malformed)


def test_apply_gradients_has_no_cross_replica_context(run: Any) -> None:
    """Erratum 0.3: Keras raises AttributeError where the page says RuntimeError. graphopt has one replica; another graph is refused."""
    var1, _ = two()
    opt = optimizers.SGD(1.0)
    run(opt.apply_gradients([(tf.constant(1.0), var1)]))
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="belongs to another graph than the default one"):
        opt.apply_gradients([(tf.constant(1.0), tf.Variable(1.0))])


def test_apply_gradients_refuses_unknown_keywords() -> None:
    """Erratum 0.3: Keras ignores any unknown keyword silently."""
    with pytest.raises(TypeError, match="skip_aggregation is not a valid argument of apply_gradients"):
        optimizers.SGD().apply_gradients([(tf.constant(1.0), tf.Variable(1.0))], skip_aggregation=True)


def test_build_makes_one_momentum_for_each_model_variable() -> None:
    var1, var2 = two()
    opt = optimizers.SGD(momentum=0.9)
    opt.build([var1, var2])
    opt.build([var1, var2])  # once only
    assert [v.op.name for v in opt.variables] == ["iteration", "m/var1", "m/var2"]


def test_compute_gradients_of_a_callable(run: Any) -> None:
    var1, var2 = two()
    (first, v1), (second, v2) = optimizers.SGD().compute_gradients(lambda: var1 * var1, [var1, var2])
    assert (v1, v2) == (var1, var2)
    assert second is None  # the variable is always present, but the gradient can be None
    assert run(first) == 4.0


def test_compute_gradients_of_a_tensor_with_its_tape(run: Any) -> None:
    var1, _ = two()
    with tf.GradientTape() as tape:
        loss = var1 * var1
    ((gradient, _),) = optimizers.SGD().compute_gradients(loss, [var1], tape=tape)
    assert run(gradient) == 4.0


def test_compute_gradients_of_a_tensor_needs_no_tape_in_a_graph(run: Any) -> None:
    """The page asks for the tape that computed the loss; a graph knows how it was computed."""
    var1, _ = two()
    ((gradient, _),) = optimizers.SGD().compute_gradients(var1 * var1, [var1])
    assert run(gradient) == 4.0


def test_compute_gradients_of_a_callable_on_a_given_tape(run: Any) -> None:
    var1, fixed = tf.Variable(2.0), tf.Variable(3.0, trainable=False)
    pairs = optimizers.SGD().compute_gradients(lambda: var1 * fixed, [var1, fixed], tape=tf.GradientTape())
    assert run([gradient for gradient, _ in pairs]) == [3.0, 2.0]


def test_a_callable_var_list_is_called_after_the_loss(run: Any) -> None:
    made: list[Any] = []

    def loss() -> Any:
        made.append(tf.Variable(2.0))
        return made[0] * made[0]

    run(optimizers.SGD(0.5).minimize(loss, lambda: made))
    assert run(made[0]) == 0.0


def test_minimize_is_compute_gradients_and_apply_gradients(run: Any) -> None:
    a, b = two()
    opt_a, opt_b = optimizers.Adam(0.1), optimizers.Adam(0.1)
    loss = lambda v: lambda: v * v * v  # noqa: E731
    step_a = opt_a.minimize(loss(a), [a])
    step_b = opt_b.apply_gradients(opt_b.compute_gradients(loss(b), [b]))
    for _ in range(3):
        run([step_a, step_b])
    first, second = run([a, b])
    assert first == second < 2.0


def test_minimize_of_a_tensor_with_its_tape(run: Any) -> None:
    var1, _ = two()
    with tf.GradientTape() as tape:
        loss = var1 * var1
    run(optimizers.SGD(0.5).minimize(loss, [var1], tape=tape))
    assert run(var1) == 0.0


def test_minimize_returns_what_a_session_runs(run: Any) -> None:
    """The page says None, since eager code has nothing to run; a graph's step has to be something."""
    var1, _ = two()
    assert run(optimizers.SGD(0.5).minimize(lambda: var1 * var1, [var1])) == 1


def test_some_gradients_none_is_a_warning(run: Any) -> None:
    var1, var2 = two()
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        step = optimizers.SGD(1.0, weight_decay=0.5).minimize(lambda: var1 * 1.0, [var1, var2])
    run(step)
    assert run([var1, var2]) == [0.0, 2.0]  # nor is it decayed


def decay_of(run: Any, **excluded: Any) -> Any:
    with tf.variable_scope("dense"):
        kernel, bias = tf.get_variable("kernel", initializer=2.0), tf.get_variable("bias", initializer=2.0)
    opt = optimizers.SGD(1, weight_decay=0.5)
    opt.exclude_from_weight_decay(**excluded)
    run(opt.apply_gradients([(tf.zeros(()), kernel), (tf.zeros(()), bias)]))
    return run([kernel, bias])


def test_exclude_from_weight_decay_by_name(run: Any) -> None:
    assert decay_of(run, var_names=["bias"]) == [1.0, 2.0]


def test_names_to_exclude_are_regular_expressions(run: Any) -> None:
    """Erratum 0.3: not "appears in the name" but `re.search`, on the name with scope and ":0"."""
    assert decay_of(run, var_names=["^dense/k.*:0$"]) == [2.0, 1.0]


def test_exclude_from_weight_decay_before_build_only() -> None:
    var1, _ = two()
    opt = optimizers.SGD(1, weight_decay=0.5)
    opt.build([var1])
    with pytest.raises(ValueError, match=r"`exclude_from_weight_decay\(\)` can only be configured before the optimizer is built"):
        opt.exclude_from_weight_decay(var_list=[var1])


def test_config_is_a_serializable_dictionary_that_reinstantiates_the_optimizer() -> None:
    made = optimizers.Adam(
        learning_rate=0.05, beta_1=0.7, beta_2=0.77, epsilon=0.001, clipnorm=0.5, use_ema=True, ema_momentum=0.5,
        ema_overwrite_frequency=50, name="custom_adam",
    )  # fmt: skip
    config = made.get_config()
    assert config["learning_rate"] == 0.05 and config["name"] == "custom_adam"
    again = optimizers.Adam.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config


def test_config_with_a_schedule_and_custom_objects() -> None:
    config = optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)).get_config()
    kept = json.loads(json.dumps(config))
    again = optimizers.SGD.from_config(config)
    assert again.get_config() == config == kept  # from_config leaves its argument alone
    own = optimizers.SGD(Halved(4.0)).get_config()
    assert optimizers.SGD.from_config(own, custom_objects={"Halved": Halved}).get_config() == own


def trained(run: Any, steps: int) -> tuple[Any, Any, Any]:
    var = tf.Variable([1.0, -2.0])
    opt = optimizers.Adam(0.1, amsgrad=True)
    step = opt.minimize(lambda: tf.reduce_sum(var * var * var), [var])
    for _ in range(steps):
        run(step)
    return opt, step, var


def test_save_and_load_own_variables(run: Any) -> None:
    first, step, var = trained(run, 3)
    store: dict[str, Any] = {}
    first.save_own_variables(store, session=run.session)
    assert sorted(store) == ["0", "1", "2", "3"] and store["0"] == 3
    second, other_step, other = trained(run, 1)
    second.load_own_variables(store, session=run.session)
    other.load(np.float32(run(var)), run.session)
    run([step, other_step])
    assert run(var) == run(other)
    assert run(second.iterations) == 4


def test_load_own_variables_of_another_number() -> None:
    var1, _ = two()
    opt = optimizers.Adam()
    opt.build([var1])
    with pytest.raises(ValueError, match="it has 3 variables whereas the saved optimizer has 1 variables"):
        opt.load_own_variables({"0": np.int64(3)})


def test_set_weights_in_the_order_of_the_variables(run: Any) -> None:
    var = tf.Variable([1.0, 2.0])
    opt = optimizers.SGD(1.0, momentum=0.5)
    with pytest.raises(ValueError, match=r"You are calling `set_weights\(\)` on an optimizer that has not yet been built"):
        opt.set_weights([0, [0.0, 0.0]])
    step = opt.apply_gradients([(tf.constant([0.0, 0.0]), var)])
    run(opt.iterations)
    opt.set_weights([np.int64(7), np.float32([-1.0, 2.0])], session=run.session)
    assert [run(step), run(var)] == [8, [0.5, 3.0]]
