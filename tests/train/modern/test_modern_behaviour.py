"""What the optimizers of `tf.optimizers` do besides their formulas: masks, hyper-parameters, evaluation, SAM's two ways, refusals."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.optimizers.registry import OPTIMIZERS

NAMES = sorted(name for name in OPTIMIZERS if name.startswith("optimizers."))


def make(name: str) -> Any:
    return OPTIMIZERS[name].make(**OPTIMIZERS[name].example)


def parabola(w: Any) -> Any:
    return tf.reduce_sum(tf.square(w - 1.0))


# --- all of them -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls(name: str) -> None:
    w = tf.Variable(np.array([[3.0, -2.0], [0.5, 4.0]]))
    optimizer, loss = make(name), parabola(w)
    train_op = optimizer.minimize(loss, global_step=tf.train.get_or_create_global_step())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first = session.run(loss)
        for _ in range(200):
            session.run(train_op)
        assert session.run(loss) < 0.5 * first
        assert session.run(tf.train.get_global_step()) == 200


@pytest.mark.parametrize("name", NAMES)
def test_state_is_all_there_is(name: str) -> None:
    """Weights and `variables()` of a moment, put back, lead to the same weights again, bit for bit."""
    w = tf.Variable(np.array([[3.0, -2.0], [0.5, 4.0]]))
    optimizer = make(name)
    train_op = optimizer.minimize(parabola(w))
    kept = [w, *optimizer.variables()]
    assert len(kept) > 1
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(train_op)
        values = session.run(kept)
        for _ in range(4):
            session.run(train_op)
        expected = session.run(kept)
        for variable, value in zip(kept, values, strict=True):
            variable.load(value, session)
        for _ in range(4):
            session.run(train_op)
        for got, want in zip(session.run(kept), expected, strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_are_loaded_after_initialization(name: str) -> None:
    """What an optimizer remembers of the start is taken in its first step."""

    def after(load: bool) -> Any:
        with tf.Graph().as_default(), tf.Session() as session:
            w = tf.Variable(np.zeros(2) if load else np.array([3.0, -2.0]))
            train_op = make(name).minimize(parabola(w))
            session.run(tf.global_variables_initializer())
            if load:
                w.load(np.array([3.0, -2.0]), session)
            for _ in range(4):
                session.run(train_op)
            return session.run(w)

    np.testing.assert_array_equal(after(True), after(False))


@pytest.mark.parametrize("name", NAMES)
def test_every_number_can_be_set_while_running(name: str) -> None:
    w = tf.Variable(np.array([3.0, -2.0]))
    optimizer = make(name)
    train_op = optimizer.minimize(parabola(w))
    assert set(optimizer.hyper) <= set(optimizer.hyper_parameters)
    # SAM goes back from its climb; Rprop's rate is only the first step size.
    still = not name.endswith(("SAM", "Rprop"))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        optimizer.hyper["learning_rate"] = 0.0
        if "momentum" in optimizer.hyper:
            optimizer.hyper["momentum"] = 0.0
        before = session.run(w)
        session.run(train_op)
        assert np.array_equal(session.run(w), before) == still
        assert optimizer.hyper["learning_rate"] == 0.0


def test_constraints_hold() -> None:
    for name in NAMES:
        with tf.Graph().as_default(), tf.Session() as session:
            w = tf.Variable(np.array([3.0, -2.0]), constraint=lambda v: tf.clip_by_value(v, 2.5, 9.0))
            train_op = make(name).minimize(parabola(w))
            session.run(tf.global_variables_initializer())
            session.run(train_op)
            if name != "optimizers.SAM":
                assert session.run(w)[1] == 2.5, name


def test_kinds_of_hyper_parameters() -> None:
    rate, calls = tf.Variable(0.5), []

    def called() -> float:
        calls.append(None)
        return 0.5

    def schedule(count: Any) -> Any:
        assert count.dtype is tf.int64
        return tf.where(count < 1, 0.5, 0.0)

    for given, second in [(0.5, 0.0), (rate, 0.0), (called, 0.0), (tf.constant(0.5), 0.0), (schedule, 0.5)]:
        w = tf.Variable([1.0])
        train_op = tf.optimizers.SignSGD(given).minimize(tf.reduce_sum(w))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for expected in (0.5, second):
                session.run(train_op)
                assert session.run(w) == [expected], given
    assert len(calls) == 3


def test_a_schedule_goes_on_in_a_second_training_operation() -> None:
    w = tf.Variable([1.0])
    optimizer = tf.optimizers.SignSGD(lambda count: tf.cast(count + 1, tf.float32))
    first, second = optimizer.minimize(tf.reduce_sum(w)), optimizer.minimize(tf.reduce_sum(-w))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([first, second])
        assert session.run([w, optimizer.count]) == [[2.0], 2]


def test_only_unguarded_runs_count() -> None:
    guard, w = tf.placeholder(tf.bool, []), tf.Variable([1.0, 2.0])
    optimizer = tf.optimizers.ScheduleFreeAdamW(0.1)
    with tf.get_default_graph().write_only_if(guard):
        train_op = optimizer.minimize(parabola(w))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op, {guard: True})
        before = session.run([w, *optimizer.variables()])
        session.run(train_op, {guard: False})
        for got, want in zip(session.run([w, *optimizer.variables()]), before, strict=True):
            np.testing.assert_array_equal(got, want)


# --- masks -----------------------------------------------------------------------------------------------------------------

MASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("AdamW", "mask", {"weight_decay": 0.5}),
    ("NAdamW", "mask", {"weight_decay": 0.5}),
    ("Adan", "mask", {"weight_decay": 0.5}),
    ("AdEMAMix", "mask", {"weight_decay": 0.5}),
    ("Lion", "mask", {"weight_decay": 0.5}),
    ("LAMB", "mask", {"weight_decay": 0.5}),
    ("LARS", "weight_decay_mask", {"weight_decay": 0.5, "trust_coefficient": 0.5}),
    ("NovoGrad", "mask", {"weight_decay": 0.5}),
    ("Muon", "weight_decay_mask", {"weight_decay": 0.5}),
    ("Adafactor", "weight_decay_mask", {"weight_decay_rate": 0.5}),
    ("ScheduleFreeSGD", "mask", {"weight_decay": 0.5}),
    ("ScheduleFreeAdamW", "mask", {"weight_decay": 0.5}),
]


@pytest.mark.parametrize(("name", "mask", "decay"), MASKED, ids=lambda value: value if isinstance(value, str) else "")
def test_weight_decay_follows_its_mask(name: str, mask: str, decay: dict[str, Any]) -> None:
    def after(**arguments: Any) -> list[Any]:
        with tf.Graph().as_default(), tf.Session() as session:
            variables = [tf.Variable(np.array([[1.0, 2.0, -1.0]]), name=own) for own in ("kernel", "bias")]
            optimizer = getattr(tf.optimizers, name)(learning_rate=0.1, **arguments)
            train_op = optimizer.apply_gradients([(tf.constant([[0.3, -0.1, 0.2]], tf.float64), v) for v in variables])
            session.run(tf.global_variables_initializer())
            session.run(train_op)
            session.run(train_op)
            return session.run(variables)

    kernel, bias = after(**decay, **{mask: lambda v: v.op.name != "bias"})
    np.testing.assert_array_equal(kernel, after(**decay)[0])
    np.testing.assert_array_equal(bias, after(**{key: 0.0 if key.startswith("weight") else value for key, value in decay.items()})[1])
    assert np.all(kernel != bias)
    np.testing.assert_array_equal(after(**decay, **{mask: "^kernel"}), [kernel, bias])


def test_trust_ratio_follows_its_mask() -> None:
    kernel, bias = tf.Variable([3.0, 4.0], name="kernel"), tf.Variable([3.0, 4.0], name="bias")
    optimizer = tf.optimizers.LARS(1.0, trust_coefficient=0.5, trust_ratio_mask="kernel")
    train_op = optimizer.apply_gradients([(tf.constant([1.0, 0.0]), v) for v in (kernel, bias)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        assert [v.tolist() for v in session.run([kernel, bias])] == [[0.5, 4.0], [2.0, 4.0]]


# --- schedule-free ---------------------------------------------------------------------------------------------------------


def test_swapping_for_evaluation() -> None:
    w = tf.Variable([3.0, -2.0])
    optimizer = tf.optimizers.ScheduleFreeAdamW(0.1)
    train_op = optimizer.minimize(parabola(w))
    value = optimizer.evaluation_value(w)
    evaluate, train = optimizer.swap_to_evaluation(), optimizer.swap_to_training()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(train_op)
        trained, averaged = session.run(w), session.run(value)
        assert np.all(trained != averaged)
        session.run(train)  # it trains already
        np.testing.assert_array_equal(session.run(w), trained)
        for _ in range(2):  # the second changes nothing
            session.run(evaluate)
            np.testing.assert_array_equal(session.run(w), averaged)
            np.testing.assert_array_equal(session.run(value), averaged)
        for _ in range(2):
            session.run(train)
            np.testing.assert_array_equal(session.run(w), trained)
        np.testing.assert_array_equal(session.run(value), averaged)


def test_what_schedule_free_does_not_train() -> None:
    optimizer = tf.optimizers.ScheduleFreeSGD(0.1)
    with pytest.raises(ValueError, match="ScheduleFreeSGD does not train other: call minimize or apply_gradients first"):
        optimizer.evaluation_value(tf.Variable(1.0, name="other"))
    for swap in (optimizer.swap_to_evaluation, optimizer.swap_to_training):
        with pytest.raises(
            ValueError, match="ScheduleFreeSGD trains no variable of this graph yet: call minimize or apply_gradients first"
        ):
            swap()


# --- SAM -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sync_period", [1, 2, 3])
def test_sam_in_one_run_is_sam_in_several(sync_period: int) -> None:
    def train(in_one_run: bool) -> Any:
        with tf.Graph().as_default(), tf.Session() as session:
            w, step = tf.Variable(np.array([3.0, -2.0])), tf.train.get_or_create_global_step()

            def loss() -> Any:
                return tf.reduce_sum(w**4 + w**2)

            optimizer = tf.optimizers.SAM(tf.train.MomentumOptimizer(0.001, 0.9), rho=0.1, sync_period=sync_period)
            train_op = optimizer.minimize(loss if in_one_run else loss(), global_step=step)
            session.run(tf.global_variables_initializer())
            for _ in range(4 if in_one_run else 4 * sync_period):
                session.run(train_op)
            return session.run([w, step])

    (once, steps), (several, more_steps) = train(True), train(False)
    np.testing.assert_allclose(once, several, rtol=1e-14)
    assert (steps, more_steps) == (4, 4 * sync_period)


@pytest.mark.parametrize("in_one_run", [False, True])
@pytest.mark.parametrize(
    ("reset_state", "golden"), [(True, [0.07283583605796162, 1.7083056297448231]), (False, [0.030642870119201027, 1.947318032930671])]
)
def test_sam_climbs_by_another_optimizer(reset_state: bool, golden: list[float], in_one_run: bool) -> None:
    """The numbers are those of optax.contrib.sam(sgd(0.1, 0.9), sgd(0.05, 0.5), 3) after 12 gradients."""
    w = tf.Variable(np.array([1.0, -2.0]))
    climber = tf.train.MomentumOptimizer(0.05, 0.5)
    optimizer = tf.optimizers.SAM(tf.train.MomentumOptimizer(0.1, 0.9), sync_period=3, adv_optimizer=climber, reset_state=reset_state)

    def loss() -> Any:
        return tf.reduce_sum(w * w * np.array([0.5, 1.5]) + 0.025 * w**4)

    train_op = optimizer.minimize(loss if in_one_run else loss())
    assert {v.op.name for v in climber.variables()} <= {v.op.name for v in optimizer.variables()}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(4 if in_one_run else 12):
            session.run(train_op)
        np.testing.assert_allclose(session.run(w), golden, rtol=0, atol=1e-13)
        assert session.run(optimizer.count) == 4


def test_sam_in_one_run_calls_the_loss_for_every_gradient() -> None:
    w, calls = tf.Variable([1.0]), []

    def loss() -> Any:
        calls.append(None)
        return tf.reduce_sum(w * w)

    train_op = tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.1), sync_period=3).minimize(loss)
    assert len(calls) == 3
    assert tf.get_collection(tf.GraphKeys.TRAIN_OP) == [train_op]


def test_sam_in_one_run_without_gradients() -> None:
    w = tf.Variable([1.0], name="w")
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.1)).minimize(lambda: tf.constant(1.0), var_list=[w])


def test_sam_shows_what_is_inside() -> None:
    w = tf.Variable([1.0], name="w")
    inside = tf.train.MomentumOptimizer(0.1, 0.9)
    optimizer = tf.optimizers.SAM(inside, rho=0.2)
    optimizer.minimize(tf.reduce_sum(w * w))
    assert optimizer.get_slot(w, "momentum") is inside.get_slot(w, "momentum")
    assert optimizer.get_slot_names() == ["momentum", "start"]
    assert dict(optimizer.hyper) == {"learning_rate": 0.1, "momentum": 0.9, "rho": 0.2}
    assert optimizer.hyper_parameters["sync_period"] == 2


def test_sam_around_its_relatives() -> None:
    """The optimizer inside counts its own steps, not the climbs."""
    w = tf.Variable([3.0, -2.0])
    inside = tf.optimizers.LAMB(0.1)
    train_op = tf.optimizers.SAM(inside).minimize(parabola(w))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(6):
            session.run(train_op)
        assert session.run(inside.count) == 3


# --- bad input ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"optimizers.DoG", "optimizers.Prodigy"}))
@pytest.mark.parametrize(("rate", "error"), [(-0.1, ValueError), (float("nan"), ValueError), ("fast", TypeError)])
def test_bad_learning_rates(name: str, rate: Any, error: type[Exception]) -> None:
    if name == "optimizers.SAM":
        with pytest.raises(error, match="rho must be"):
            tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.1), rho=rate)
    else:
        with pytest.raises(error, match="learning_rate must be"):
            getattr(tf.optimizers, name.partition(".")[2])(rate)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="b1 must be at least 0 and less than 1, got 1"):
        tf.optimizers.AdamW(0.1, b1=1)
    with pytest.raises(ValueError, match="b1 must be more than 0 and less than 1, got 0"):
        tf.optimizers.ScheduleFreeSGD(0.1, b1=0)
    with pytest.raises(ValueError, match=r"betas must be two numbers, got 0\.9"):
        tf.optimizers.Prodigy(betas=0.9)
    with pytest.raises(ValueError, match=r"init_step must be a pair \(kind, number\), got 0\.1"):
        tf.optimizers.DoG(init_step=0.1)
    with pytest.raises(ValueError, match="The kind of init_step must be one of 'distance', 'learning_rate', 'heuristic', got 'guess'"):
        tf.optimizers.DoG(init_step=("guess", 1.0))
    with pytest.raises(ValueError, match="ns_steps must be a whole number of at least 1, got 0"):
        tf.optimizers.Muon(0.1, ns_steps=0)
    with pytest.raises(ValueError, match=r"sync_period must be a whole number of at least 1, got 1\.5"):
        tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.1), sync_period=1.5)
    with pytest.raises(TypeError, match=r"SAM needs an optimizer of tf.train, tf.optimizers or tf.keras.optimizers, got 0\.1"):
        tf.optimizers.SAM(0.1)


@pytest.mark.parametrize("name", ["Muon", "Adafactor", "SM3"])
def test_unknown_shapes(name: str) -> None:
    w = tf.Variable(tf.placeholder(tf.float32, [None, 2]), validate_shape=False, name="w")
    with pytest.raises(ValueError, match=rf"{name} needs variables of known shape, got w of shape"):
        getattr(tf.optimizers, name)(0.1).apply_gradients([(tf.ones([3, 2]), w)])


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_another_shape(name: str) -> None:
    w, g = tf.Variable([1.0, 2.0]), tf.placeholder(tf.float32, None)
    message = r"(A variable and its gradient must have the same shape, got \[2\] and \[3\]|shape\[2\] \[3\])"
    with pytest.raises(ValueError, match=message):
        make(name).apply_gradients([(tf.ones([3]), w)])
    train_op = tf.optimizers.SM3(0.1).apply_gradients([(g, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"A variable and its gradient must have the same shape, got \[2\] and \[\]"
        ):
            session.run(train_op, {g: 1.0})
