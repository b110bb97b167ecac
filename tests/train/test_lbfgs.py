"""L-BFGS without SciPy: where it ends, how many evaluations it takes, what it remembers, and the refusals."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import graphopt as tf
from graphopt.train.external import LBFGSOptimizerInterface
from graphopt.train.external.lbfgs import Settings, minimize_lbfgs, two_loop
from graphopt.train.external.line_search import Point, strong_wolfe

SETTINGS = Settings(memory=10, gradient_tolerance=1e-8, loss_tolerance=0.0, max_iterations=2000, max_line_search=30)


def rosenbrock(x: Any) -> Any:
    return tf.reduce_sum(100.0 * tf.square(x[1:] - tf.square(x[:-1])) + tf.square(1.0 - x[:-1]))


def minimized(optimizer: Any, *fetches: Any, **arguments: Any) -> list[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.minimize(session, **arguments)
        return session.run(list(fetches))


# --- where it ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 5, 30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rosenbrock_ends_at_ones_about_as_fast_as_scipy(size: int, dtype: str) -> None:
    start = np.linspace(-1.5, 1.2, size).astype(dtype)
    x = tf.get_variable("x", initializer=start)
    optimizer = LBFGSOptimizerInterface(rosenbrock(x), gradient_tolerance=1e-4 if dtype == "float32" else 1e-9, loss_tolerance=0.0)
    (found,) = minimized(optimizer, x)
    np.testing.assert_allclose(found, 1.0, atol=2e-3 if dtype == "float32" else 1e-7)
    direct = optimize.minimize(optimize.rosen, start, jac=optimize.rosen_der, method="L-BFGS-B", options={"ftol": 0.0, "gtol": 1e-9})
    np.testing.assert_allclose(found, direct.x, atol=2e-3 if dtype == "float32" else 1e-7)
    assert optimizer.result.evaluations <= 1.5 * direct.nfev


def test_a_quadratic_ends_at_its_solution() -> None:
    rng = np.random.default_rng(7)
    root = rng.normal(size=(8, 8))
    matrix, right = root @ root.T + 0.1 * np.eye(8), rng.normal(size=8)
    x = tf.get_variable("x", initializer=np.zeros(8))
    loss = 0.5 * tf.reduce_sum(x * tf.reduce_sum(tf.constant(matrix) * x, axis=1)) - tf.reduce_sum(x * right)
    optimizer = LBFGSOptimizerInterface(loss, gradient_tolerance=1e-7, loss_tolerance=0.0)
    (found,) = minimized(optimizer, x)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-6)
    assert optimizer.result.has_converged
    assert optimizer.result.message == "The gradient is within its tolerance."
    assert optimizer.result.gradient_norm <= 1e-7


def test_variables_of_several_shapes_and_types_are_one_vector() -> None:
    a, b = tf.get_variable("a", initializer=np.array(3.0)), tf.get_variable("b", initializer=[[1.0, 2.0], [3.0, 4.0]])
    loss = tf.square(a - 0.5) + tf.cast(tf.reduce_sum(tf.square(b + 1.0)), tf.float64) * (1.0 + tf.square(a))
    found = minimized(LBFGSOptimizerInterface(loss), a, b)
    np.testing.assert_allclose(found[0], 0.5, atol=1e-4)
    np.testing.assert_allclose(found[1], -1.0, atol=1e-4)
    assert (found[0].dtype, found[1].dtype) == (np.float64, np.float32)


def test_a_trial_that_is_not_finite_is_too_far() -> None:
    x = tf.get_variable("x", initializer=np.array(30.0))
    # Along the first direction the logarithm's argument is negative, so the loss there is NaN.
    found, loss = minimized(LBFGSOptimizerInterface(x - 3.0 * tf.log(x), gradient_tolerance=1e-9), x, tf.log(x))
    np.testing.assert_allclose(found, 3.0, rtol=1e-6)
    assert np.isfinite(loss)


def test_float32_ends_where_rounding_begins() -> None:
    x = tf.get_variable("x", initializer=[3.0, -4.0])
    optimizer = LBFGSOptimizerInterface(tf.reduce_sum(tf.square(x - 0.1)) + 1e4, gradient_tolerance=0.0, loss_tolerance=0.0)
    (found,) = minimized(optimizer, x)
    np.testing.assert_allclose(found, 0.1, atol=0.05)
    assert optimizer.result.message in ("The line search found no lower loss.", "The change of the loss is within its tolerance.")


# --- when it stops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "message", "converged"),
    [
        ({"max_iterations": 3}, "The largest number of iterations is reached.", False),
        ({"max_iterations": 0}, "The largest number of iterations is reached.", False),
        ({"loss_tolerance": 0.5}, "The change of the loss is within its tolerance.", True),
        ({"gradient_tolerance": 1e6}, "The gradient is within its tolerance.", True),
    ],
)
def test_each_limit_stops_it(limits: dict[str, Any], message: str, converged: bool) -> None:
    x = tf.get_variable("x", initializer=np.linspace(-1.5, 1.2, 5))
    optimizer = LBFGSOptimizerInterface(rosenbrock(x), **limits)
    minimized(optimizer)
    assert (optimizer.result.message, optimizer.result.has_converged) == (message, converged)
    assert optimizer.result.iterations == limits.get("max_iterations", optimizer.result.iterations)


def test_callbacks_see_steps_and_evaluations_and_may_stop_it() -> None:
    x = tf.get_variable("x", initializer=np.linspace(-1.5, 1.2, 5))
    loss = rosenbrock(x)
    optimizer = LBFGSOptimizerInterface(loss)
    seen: list[float] = []
    steps: list[np.ndarray] = []

    def stop_at_four(packed: np.ndarray) -> None:
        steps.append(packed)
        if len(steps) == 4:
            raise StopIteration

    (found,) = minimized(optimizer, x, fetches=[loss], loss_callback=seen.append, step_callback=stop_at_four)
    assert found.tolist() == steps[-1].tolist()
    assert optimizer.result.message == "The callback raised StopIteration."
    assert (optimizer.result.iterations, optimizer.result.evaluations) == (4, len(seen))
    assert optimizer.result.loss in seen
    values = [optimize.rosen(step) for step in steps]
    assert values == sorted(values, reverse=True)


def test_a_callback_that_fails_leaves_its_step() -> None:
    x = tf.get_variable("x", initializer=np.linspace(-1.5, 1.2, 5))
    steps: list[np.ndarray] = []

    def fail_at_two(packed: np.ndarray) -> None:
        steps.append(packed)
        assert len(steps) < 2, "enough"

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(AssertionError, match="enough"):
            LBFGSOptimizerInterface(rosenbrock(x)).minimize(session, step_callback=fail_at_two)
        assert session.run(x).tolist() == steps[1].tolist()


def test_how_it_ended_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    x = tf.get_variable("x", initializer=[3.0])
    with caplog.at_level(logging.INFO, "graphopt"):
        minimized(LBFGSOptimizerInterface(tf.reduce_sum(tf.square(x))))
    assert "Optimization terminated with:\n  Message: The gradient is within its tolerance.\n  Objective function value: 0.0" in caplog.text


# --- its parts -------------------------------------------------------------------------------------------------------------


def test_two_loop_is_the_inverse_hessian_of_bfgs() -> None:
    """Against the matrix that the update formula builds from the same pairs."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(5, 5))
    hessian = root @ root.T + np.eye(5)
    pairs = [(moved, hessian @ moved) for moved in rng.normal(size=(4, 5))]
    moved, turned = pairs[-1]
    inverse = np.eye(5) * (moved @ turned) / (turned @ turned)
    for moved, turned in pairs:
        rho = 1.0 / (moved @ turned)
        left = np.eye(5) - rho * np.outer(moved, turned)
        inverse = left @ inverse @ left.T + rho * np.outer(moved, moved)
    gradient = rng.normal(size=5)
    np.testing.assert_allclose(two_loop(pairs, gradient), inverse @ gradient, rtol=1e-12)
    assert two_loop([], gradient).tolist() == gradient.tolist()


LINES: dict[str, tuple[Callable[[float], float], Callable[[float], float], float]] = {
    "far_minimum": (lambda t: (t - 40.0) ** 2, lambda t: 2 * (t - 40.0), 1.0),
    "near_minimum": (lambda t: (t - 0.001) ** 2, lambda t: 2 * (t - 0.001), 1.0),
    "waves": (lambda t: 0.05 * t**2 - t + np.sin(3 * t), lambda t: 0.1 * t - 1 + 3 * np.cos(3 * t) - 3.0 * (t == 0.0), 2.0),
    "wall": (lambda t: -t - np.log1p(-t) * 0.1 if t < 1 else np.nan, lambda t: -1 + 0.1 / (1 - t) if t < 1 else np.nan, 5.0),
    "flat_tail": (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2, 100.0),
}


@pytest.mark.parametrize("name", LINES)
def test_the_line_search_satisfies_the_strong_wolfe_conditions(name: str) -> None:
    value, slope, first = LINES[name]

    def at(x: np.ndarray) -> Point:
        return Point(x, float(value(x.item())), np.array([slope(x.item())]))

    start = at(np.zeros(1))
    point = strong_wolfe(at, start, np.ones(1), first, 40)
    assert point is not None
    assert point.value <= start.value + 1e-4 * point.x.item() * start.gradient.item()
    assert abs(point.gradient.item()) <= 0.9 * abs(start.gradient.item())


def test_the_line_search_finds_nothing_uphill() -> None:
    def at(x: np.ndarray) -> Point:
        return Point(x, float(x @ x), 2 * x)

    assert strong_wolfe(at, Point(np.ones(1), 1.0, np.full(1, 2.0)), np.ones(1), 1.0, 20) is None


def test_the_memory_bounds_what_is_remembered() -> None:
    def rosen(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(optimize.rosen(x)), optimize.rosen_der(x)

    start = np.linspace(-1.5, 1.2, 20)
    short, long = (minimize_lbfgs(rosen, start, SETTINGS._replace(memory=memory))[1] for memory in (1, 20))
    assert short.has_converged and long.has_converged
    assert long.iterations < short.iterations


# --- refusals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["equalities", "inequalities", "var_to_bounds"])
def test_bounds_and_constraints_are_refused(name: str) -> None:
    x = tf.get_variable("x", initializer=3.0)
    given = {x: (0.0, 1.0)} if name == "var_to_bounds" else [x - 1.0]
    with pytest.raises(NotImplementedError, match=f"minimises without constraints and takes no {name}: ScipyOptimizerInterface does"):
        LBFGSOptimizerInterface(x * x, **{name: given})


@pytest.mark.parametrize(
    ("argument", "value", "error", "message"),
    [
        ("memory", 0, ValueError, "memory must be 1 or more, got 0"),
        ("memory", 2.5, TypeError, "memory must be an integer, got 2.5"),
        ("max_iterations", -1, ValueError, "max_iterations must be 0 or more, got -1"),
        ("max_line_search", True, TypeError, "max_line_search must be an integer, got True"),
        ("gradient_tolerance", -1e-3, ValueError, "gradient_tolerance must be finite and 0 or more, got -0.001"),
        ("loss_tolerance", float("nan"), ValueError, "loss_tolerance must be finite and 0 or more, got nan"),
        ("loss_tolerance", "1e-9", TypeError, "loss_tolerance must be a number, got '1e-9'"),
    ],
)
def test_numbers_out_of_range_are_refused(argument: str, value: Any, error: type[Exception], message: str) -> None:
    x = tf.get_variable("x", initializer=3.0)
    with pytest.raises(error, match=message):
        LBFGSOptimizerInterface(x * x, **{argument: value})


def test_a_start_without_a_finite_loss_is_refused() -> None:
    x = tf.get_variable("x", initializer=-3.0)
    with pytest.raises(ValueError, match="The loss is nan at the values the variables start from, and its gradient"):
        minimized(LBFGSOptimizerInterface(tf.sqrt(x)))
