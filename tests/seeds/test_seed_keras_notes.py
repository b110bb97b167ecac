"""The notes on Keras's optimizers: every class with the arguments shown, schedules, clipping, and what is said of each.

graphopt has no `model.compile` and `fit`; a small regression and a small classification are trained by running the step instead. Numbers
are those of tables 4 and 6.5 of the reference; errata are those of its 0.3.
"""

import inspect
import math
from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras

# --- how optimizers work -----------------------------------------------------------------------------------------------------


def test_forward_loss_gradients_update(run: Any) -> None:
    x, y = tf.constant([[1.0, 2.0], [3.0, -1.0]]), tf.constant([[1.0], [2.0]])
    weight, bias = tf.Variable([[0.5], [0.5]]), tf.Variable([0.0])
    with tf.GradientTape() as tape:
        predictions = tf.matmul(x, weight) + bias
        loss = tf.reduce_mean(tf.square(predictions - y))
    gradients = tape.gradient(loss, [weight, bias])
    step = keras.optimizers.SGD(0.01).apply_gradients(zip(gradients, [weight, bias], strict=True))
    before, direction = run([loss, gradients])
    start = run([weight, bias])
    run(step)
    moved = [np.subtract(after, first) for after, first in zip(run([weight, bias]), start, strict=True)]
    assert run(loss) < before
    assert all(np.all(m * np.asarray(g) <= 0) for m, g in zip(moved, direction, strict=True))  # opposite to the gradient


# --- classes and their arguments ---------------------------------------------------------------------------------------------

DEFAULTS = {
    "SGD": {"learning_rate": 0.01, "momentum": 0.0, "nesterov": False},
    "Adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "RMSprop": {"learning_rate": 0.001, "rho": 0.9, "momentum": 0.0, "epsilon": 1e-7},
    "Adagrad": {"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Adadelta": {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
    # Erratum 0.3: the notes give no defaults of AdamW.
    "AdamW": {"learning_rate": 0.001, "weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Nadam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Ftrl": {"learning_rate": 0.001},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_key_arguments_and_defaults(name: str) -> None:
    made = getattr(keras.optimizers, name)
    parameters = inspect.signature(made).parameters
    assert {key: parameters[key].default for key in DEFAULTS[name]} == DEFAULTS[name]
    config = made().get_config()
    assert {key: config[key] for key in DEFAULTS[name]} == DEFAULTS[name]


@pytest.mark.parametrize("name", DEFAULTS)
def test_key_arguments_by_place_and_by_name(name: str) -> None:
    """Each argument takes another value than its default."""
    given = {key: (not value if isinstance(value, bool) else value / 2 + 0.0625) for key, value in DEFAULTS[name].items()}
    config = getattr(keras.optimizers, name)(**given).get_config()
    assert {key: config[key] for key in given} == given


def test_momentum_is_between_0_and_1() -> None:
    """Erratum 0.3 (of the SGD page, whose words these are): not "Float >= 0" alone."""
    with pytest.raises(ValueError, match=r"`momentum` must be between \[0, 1\]"):
        keras.optimizers.SGD(momentum=1.5)


GRADIENTS = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]]
# After one, two and five steps from [1, -2] with a rate of 0.1; SGD with a momentum of 0.9.
TABLE = {
    "SGD": [[0.99, -1.98], [0.951, -1.967], [0.879579, -2.037193]],
    "Adam": [[0.900003162178, -1.900001581114], [0.808225968097, -1.853055484452], [0.703662519935, -1.917425940284]],
    "RMSprop": [[0.683788044186, -1.683776186756], [0.382278222381, -1.764357436656], [0.413056838310, -2.087645398351]],
    "Adagrad": [[0.969848879247, -1.946547770708], [0.902766856693, -1.959793089631], [0.910414051849, -2.046552720878]],
    "Adadelta": [[0.999858592784, -1.999858582179], [0.999668391417, -1.999908270731], [0.999681645352, -2.000155188176]],
    "AdamW": [[0.899603162178, -1.899201581114], [0.807466126833, -1.851495803820], [0.701971233576, -1.913617101482]],
    "Nadam": [[0.893721325948, -1.893721272808], [0.794512816164, -1.911516347036], [0.782858557001, -2.025141485199]],
    "Ftrl": [[0.016386276297, -0.256239242160], [-0.050695763028, -0.269484565731], [-0.043048565685, -0.356244206997]],
}


@pytest.mark.parametrize("name", TABLE)
def test_five_steps(run: Any, name: str) -> None:
    options = {"momentum": 0.9} if name == "SGD" else {}
    w, gradient = tf.Variable(np.array([1.0, -2.0])), tf.placeholder(tf.float64, [2])
    step = getattr(keras.optimizers, name)(0.1, **options).apply_gradients([(gradient, w)])
    seen = []
    for g in GRADIENTS:
        run(step, {gradient: g})
        seen.append(run(w))
    np.testing.assert_allclose([seen[0], seen[1], seen[4]], TABLE[name], rtol=0, atol=2e-12)


# --- what is said of each ----------------------------------------------------------------------------------------------------


def places(run: Any, optimizer: Any, gradients: Any, start: Any = 0.0) -> Any:
    """Return the places a variable goes through, one for each gradient, the start first."""
    w = tf.Variable(np.asarray(start, np.float64))
    gradient = tf.placeholder(tf.float64, w.get_shape())
    step = optimizer.apply_gradients([(gradient, w)])
    found = [run(w)]
    for g in gradients:
        run(step, {gradient: g})
        found.append(run(w))
    return np.asarray(found)


def test_sgd_moves_against_the_gradient(run: Any) -> None:
    assert places(run, keras.optimizers.SGD(0.1), [1.0, -2.0]).tolist() == pytest.approx([0.0, -0.1, 0.1])


def test_momentum_accelerates_in_the_relevant_direction_and_dampens_oscillations(run: Any) -> None:
    steady = np.diff(places(run, keras.optimizers.SGD(0.1, momentum=0.9), [1.0] * 20))
    assert np.all(np.diff(np.abs(steady)) > 0) and abs(steady[-1]) > 8 * 0.1
    swinging = np.diff(places(run, keras.optimizers.SGD(0.1, momentum=0.9), [1.0, -1.0] * 20))
    assert abs(swinging[-1]) == pytest.approx(0.1 / 1.9, rel=0.02)  # a step of half the size that it has without momentum


def test_nesterov_looks_ahead(run: Any) -> None:
    assert places(run, keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), [1.0])[-1] == pytest.approx(-0.19)


def test_adam_has_a_rate_for_each_parameter(run: Any) -> None:
    """The first step is as large for a gradient of 1000 as for one of 0.001."""
    first = places(run, keras.optimizers.Adam(0.1), [[1000.0, 0.001]], [0.0, 0.0])[-1]
    assert first == pytest.approx([-0.1, -0.1], rel=0.004)


def test_rmsprop_divides_by_the_root_of_a_decaying_average_of_squares(run: Any) -> None:
    average, expected = 0.0, [0.0]
    for g in (0.5, -2.0, 1.0):
        average = 0.9 * average + 0.1 * g * g
        expected.append(expected[-1] - 0.1 * g / math.sqrt(average + 1e-7))
    assert places(run, keras.optimizers.RMSprop(0.1, rho=0.9), [0.5, -2.0, 1.0]) == pytest.approx(expected, abs=1e-12)


def test_adagrad_moves_infrequent_parameters_further(run: Any) -> None:
    often_and_rarely = [[1.0, 0.0]] * 9 + [[1.0, 1.0]]
    last = np.diff(places(run, keras.optimizers.Adagrad(0.1), often_and_rarely, [0.0, 0.0]), axis=0)[-1]
    assert last == pytest.approx([-0.1 / math.sqrt(10.1), -0.1 / math.sqrt(1.1)], rel=1e-6)


def test_adagrad_takes_sparse_data(run: Any) -> None:
    table = tf.Variable(np.ones((4, 2)))
    step = keras.optimizers.Adagrad(0.1).minimize(lambda: tf.reduce_sum(tf.gather(table, [2, 2])), [table])
    run(step)
    moved = 1.0 - np.asarray(run(table))
    assert moved[[0, 1, 3]].tolist() == [[0.0, 0.0]] * 3
    assert moved[2] == pytest.approx([0.2 / math.sqrt(0.1 + 4.0)] * 2)  # the two rows of one index add up


def test_adagrads_rate_decreases_and_adadeltas_does_not(run: Any) -> None:
    adagrad = -np.diff(places(run, keras.optimizers.Adagrad(0.1), [1.0] * 100))
    adadelta = -np.diff(places(run, keras.optimizers.Adadelta(1.0), [1.0] * 100))
    assert np.all(np.diff(adagrad) < 0) and adagrad[-1] < 0.11 * adagrad[0]
    assert adadelta[-1] > adadelta[50] > adadelta[5]


def test_adadelta_hardly_minds_the_size_of_gradients(run: Any) -> None:
    small = places(run, keras.optimizers.Adadelta(1.0), [1.0] * 10)[-1]
    large = places(run, keras.optimizers.Adadelta(1.0), [1000.0] * 10)[-1]
    assert large == pytest.approx(small, rel=1e-4)


def test_adamw_decouples_decay_from_the_gradient(run: Any) -> None:
    gradients, start = [0.3, -0.1, 0.2], 2.0
    adamw = places(run, keras.optimizers.AdamW(0.1, weight_decay=0.1), gradients, start)
    adam_decayed = places(run, keras.optimizers.Adam(0.1, weight_decay=0.1), gradients, start)
    w = tf.Variable(start, dtype=tf.float64)
    gradient = tf.placeholder(tf.float64, [])
    with_l2 = keras.optimizers.Adam(0.1).minimize(lambda: gradient * w + 0.05 * w * w, [w])
    for g in gradients:
        run(with_l2, {gradient: g})
    assert adamw.tolist() == adam_decayed.tolist()
    assert abs(run(w) - adamw[-1]) > 1e-3


def test_nadam_is_adam_with_nesterov_momentum(run: Any) -> None:
    """Looking ahead, it turns sooner than Adam when the gradient does."""
    gradients = [1.0] * 5 + [-1.0]
    adam, nadam = [np.diff(places(run, make(0.1), gradients))[-1] for make in (keras.optimizers.Adam, keras.optimizers.Nadam)]
    assert adam < 0.0 and nadam > adam


def test_ftrl_leaves_features_that_say_nothing_at_zero(run: Any) -> None:
    opt = keras.optimizers.Ftrl(0.5, l1_regularization_strength=0.5)
    found = places(run, opt, [[1.0, 0.1]] * 4, [0.0, 0.0])[-1]
    assert found[0] < -0.1 and found[1] == 0.0


# --- in place of compile and fit ---------------------------------------------------------------------------------------------


class Data:
    """Thirty-two points of two features, what a line gives for them, and on which side of another line they lie."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.x = rng.normal(size=(32, 2)).astype(np.float32)
        self.values = self.x @ np.float32([[1.0], [-2.0]]) + np.float32(0.5)
        self.sides = (self.x[:, :1] + self.x[:, 1:] > 0).astype(np.float32)


DATA = Data()


def dense(x: Any, units: int) -> tuple[Any, list[Any]]:
    """A layer as Keras has it: a kernel and a bias."""
    kernel, bias = tf.Variable(np.zeros((2, units), np.float32)), tf.Variable(np.zeros(units, np.float32))
    return tf.matmul(x, kernel) + bias, [kernel, bias]


def mse() -> tuple[Any, list[Any], Any]:
    predictions, variables = dense(tf.constant(DATA.x), 1)
    return tf.reduce_mean(tf.square(predictions - DATA.values)), variables, predictions


def binary_crossentropy() -> tuple[Any, list[Any], Any]:
    logits, variables = dense(tf.constant(DATA.x), 1)
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.constant(DATA.sides), logits=logits))
    return loss, variables, tf.cast(logits > 0.0, tf.float32)


def categorical_crossentropy() -> tuple[Any, list[Any], Any]:
    logits, variables = dense(tf.constant(DATA.x), 2)
    labels = np.concatenate([1.0 - DATA.sides, DATA.sides], axis=1)
    loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=tf.constant(labels), logits=logits))
    return loss, variables, tf.cast(tf.argmax(logits, 1), tf.float32)[:, None]


def fit(run: Any, optimizer: Any, problem: Any, steps: int) -> tuple[float, float, Any]:
    """Train for some steps; return the losses before and after, and the predictions."""
    loss, variables, predictions = problem
    step = optimizer.minimize(loss, variables)
    before = run(loss)
    for _ in range(steps):
        run(step)
    after, found = run([loss, predictions])
    return before, after, np.asarray(found)


AS_SHOWN = {
    "SGD": (lambda: keras.optimizers.SGD(learning_rate=0.01, momentum=0.9), mse),
    "Adam": (lambda: keras.optimizers.Adam(learning_rate=0.001), categorical_crossentropy),
    "RMSprop": (lambda: keras.optimizers.RMSprop(learning_rate=0.001, rho=0.9), binary_crossentropy),
    # Erratum 0.3: 0.01 is fine here, the default is 0.001.
    "Adagrad": (lambda: keras.optimizers.Adagrad(learning_rate=0.01), mse),
    "Adam by instance": (lambda: keras.optimizers.Adam(learning_rate=0.005), binary_crossentropy),
    "rmsprop by name": (lambda: keras.optimizers.get("rmsprop"), binary_crossentropy),
    "Adam, clipped": (lambda: keras.optimizers.Adam(learning_rate=0.001, clipnorm=1.0), mse),
}


@pytest.mark.parametrize("example", AS_SHOWN)
def test_the_example_as_shown_trains(run: Any, example: str) -> None:
    make, problem = AS_SHOWN[example]
    before, after, _ = fit(run, make(), problem(), 50)
    assert after < 0.995 * before


def test_a_name_means_default_parameters() -> None:
    by_name = keras.optimizers.get("rmsprop")
    assert isinstance(by_name, keras.optimizers.RMSprop)
    assert by_name.get_config() == keras.optimizers.RMSprop().get_config()


RATES = {
    "SGD": {"learning_rate": 0.1, "momentum": 0.9},
    "Adam": {"learning_rate": 0.1},
    "RMSprop": {"learning_rate": 0.02},
    "Adagrad": {"learning_rate": 0.5},
    "Adadelta": {"learning_rate": 1.0, "epsilon": 1e-4},
    "AdamW": {"learning_rate": 0.1, "weight_decay": 1e-4},
    "Nadam": {"learning_rate": 0.1},
    "Ftrl": {"learning_rate": 1.0},
}


@pytest.mark.parametrize("name", RATES)
def test_a_regression(run: Any, name: str) -> None:
    problem = mse()
    _, after, _ = fit(run, getattr(keras.optimizers, name)(**RATES[name]), problem, 300)
    kernel, bias = run(problem[1])
    assert after < 1e-3
    assert np.ravel(kernel) == pytest.approx([1.0, -2.0], abs=0.05) and bias == pytest.approx([0.5], abs=0.05)


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("problem", [binary_crossentropy, categorical_crossentropy])
def test_a_classification(run: Any, name: str, problem: Any) -> None:
    before, after, found = fit(run, getattr(keras.optimizers, name)(**RATES[name]), problem(), 300)
    assert before == pytest.approx(math.log(2.0), abs=1e-6)
    assert after < 0.2
    assert np.mean(found == DATA.sides) >= 0.95


def test_all_of_them_in_optimize_loss(run: Any) -> None:
    """The nearest thing to `compile` that graphopt has: an optimizer goes with a loss."""
    loss, variables, _ = mse()
    train_op = tf.contrib.layers.optimize_loss(
        loss, tf.train.get_or_create_global_step(), None, keras.optimizers.Adam(learning_rate=0.1), variables=variables
    )
    losses = [run(train_op) for _ in range(200)]
    assert losses[-1] < 1e-3 < losses[0]


# --- schedules ---------------------------------------------------------------------------------------------------------------


def test_the_example_with_a_schedule(run: Any) -> None:
    """In a staircase nothing changes for 100000 steps, then everything is multiplied by 0.96."""
    lr_schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=100000, decay_rate=0.96, staircase=True)
    optimizer_with_schedule = keras.optimizers.Adam(learning_rate=lr_schedule)
    assert fit(run, optimizer_with_schedule, mse(), 100)[1] < 0.1
    steps = tf.placeholder(tf.int64, [])
    assert [run(lr_schedule(steps), {steps: n}) for n in (0, 99999, 100000)] == pytest.approx([0.1, 0.1, 0.096], rel=1e-6)


def test_the_schedule_says_the_rate_of_each_step(run: Any) -> None:
    schedule = keras.optimizers.schedules.ExponentialDecay(np.float64(0.1), decay_steps=2, decay_rate=0.25, staircase=True)
    found = -np.diff(places(run, keras.optimizers.SGD(schedule), [1.0] * 5))
    assert found == pytest.approx([0.1, 0.1, 0.025, 0.025, 0.00625], rel=1e-12)


AT = [0, 5, 10, 15, 20, 30, 45, 60]
SCHEDULES = {
    ("ExponentialDecay", 0.1, 10, 0.96): [0.1, 0.0979795897, 0.096, 0.0940604061, 0.09216, 0.0884736, 0.0832186275, 0.0782757790],
    ("ExponentialDecay", 0.1, 10, 0.96, True): [0.1, 0.1, 0.096, 0.096, 0.09216, 0.0884736, 0.0849346560, 0.0782757790],
    ("InverseTimeDecay", 0.1, 10, 0.5): [0.1, 0.08, 0.0666666667, 0.0571428571, 0.05, 0.04, 0.0307692308, 0.025],
    ("InverseTimeDecay", 0.1, 10, 0.5, True): [0.1, 0.1, 0.0666666667, 0.0666666667, 0.05, 0.04, 0.0333333333, 0.025],
    ("PiecewiseConstantDecay", (5, 20), (0.1, 0.05, 0.01)): [0.1, 0.1, 0.05, 0.05, 0.05, 0.01, 0.01, 0.01],
    ("PolynomialDecay", 0.1, 20, 0.01): [0.1, 0.0775, 0.055, 0.0325, 0.01, 0.01, 0.01, 0.01],
    ("CosineDecay", 0.1, 20): [0.1, 0.0853553391, 0.05, 0.0146446609, 0, 0, 0, 0],
    ("CosineDecayRestarts", 0.1, 10): [0.1, 0.05, 0.1, 0.0853553391, 0.05, 0.1, 0.0691341716, 0.0146446609],
}


@pytest.mark.parametrize("case", SCHEDULES, ids=lambda case: "-".join(str(part) for part in case))
def test_schedule_classes(run: Any, case: Any) -> None:
    name, *arguments = case
    schedule = getattr(keras.optimizers.schedules, name)(*arguments)
    step = tf.placeholder(tf.int64, [])
    assert [run(schedule(step), {step: n}) for n in AT] == pytest.approx(SCHEDULES[case], abs=2e-8)


@pytest.mark.parametrize("name", RATES)
def test_every_optimizer_takes_a_schedule(run: Any, name: str) -> None:
    """A rate that is almost 0 after two steps lets nothing move in the third; Ftrl then keeps this part of the weight."""
    options = {**RATES[name], "learning_rate": keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 1e-12])}
    if name == "SGD":
        options["momentum"] = 0.0
    found = places(run, getattr(keras.optimizers, name)(**options), [1.0, 1.0, 1.0])
    assert found[2] < found[1] < 0.0
    kept = 1.0 - math.sqrt(2.1 / 3.1) if name == "Ftrl" else 1.0
    assert found[3] == pytest.approx(kept * found[2], abs=1e-9)


# --- clipping ----------------------------------------------------------------------------------------------------------------


def clipped(run: Any, **options: Any) -> list[float]:
    return [-place for place in places(run, keras.optimizers.SGD(1.0, **options), [[3.0, -4.0, 0.1]], [0.0] * 3)[-1]]


def test_clipnorm_scales_the_whole_gradient(run: Any) -> None:
    """Erratum 0.3: not element-wise: all elements are divided by the same number, the small one too."""
    norm = math.sqrt(25.01)
    assert clipped(run, clipnorm=1.0) == pytest.approx([3.0 / norm, -4.0 / norm, 0.1 / norm])
    assert clipped(run, clipnorm=6.0) == pytest.approx([3.0, -4.0, 0.1])


def test_clipvalue_clips_elements_between_minus_value_and_value(run: Any) -> None:
    assert clipped(run, clipvalue=1.0) == pytest.approx([1.0, -1.0, 0.1])


def test_global_clipnorm_which_the_notes_leave_out(run: Any) -> None:
    a, b = tf.Variable(0.0), tf.Variable(0.0)
    run(keras.optimizers.SGD(1.0, global_clipnorm=1.0).minimize(lambda: 3.0 * a - 4.0 * b, [a, b]))
    assert run([a, b]) == [pytest.approx(-0.6), pytest.approx(0.8)]


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("clip", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_every_optimizer_clips(run: Any, name: str, clip: str) -> None:
    """A gradient of 1000, clipped to 0.5, moves the weight as a gradient of 0.5 does."""
    make = getattr(keras.optimizers, name)
    first = places(run, make(**RATES[name], **{clip: 0.5}), [1000.0, -0.1], 1.0)
    second = places(run, make(**RATES[name]), [0.5, -0.1], 1.0)
    assert first == pytest.approx(second, rel=1e-12)
