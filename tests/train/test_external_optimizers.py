"""`ScipyOptimizerInterface` and its base: SciPy's own answers, what the variables hold when, and the refusals."""

import importlib.util
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import graphopt as tf
from graphopt.errors import GraphOptError, MissingPackageError
from graphopt.train.external import ExternalOptimizerInterface, ScipyOptimizerInterface

START = np.linspace(-1.5, 1.2, 5)


def rosenbrock(x: Any) -> Any:
    """TensorFlow's own test: minimal, 0, where all elements are 1."""
    return tf.reduce_sum(100.0 * tf.square(x[1:] - tf.square(x[:-1])) + tf.square(1.0 - x[:-1]))


def minimized(optimizer: Any, *fetches: Any, **arguments: Any) -> list[Any]:
    """Start the variables, minimise, and return values."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.minimize(session, **arguments)
        return session.run(list(fetches))


def rounded(function: Callable[[np.ndarray], Any], dtype: Any) -> Callable[[np.ndarray], Any]:
    """The function at a vector as float32 holds it, which is all that a float32 variable can be."""
    return lambda x: function(x.astype(dtype).astype(np.float64))


# --- SciPy's numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "Newton-CG", "SLSQP", "trust-constr"])
def test_ends_where_scipy_ends(method: str) -> None:
    x = tf.get_variable("x", initializer=START)
    optimizer = ScipyOptimizerInterface(rosenbrock(x), method=method, options={"maxiter": 300})
    (found,) = minimized(optimizer, x)
    options = {"method": method, "options": {"maxiter": 300}, "bounds": None, "constraints": []}
    direct = optimize.minimize(optimize.rosen, START, jac=optimize.rosen_der, callback=lambda *_: None, **options)
    np.testing.assert_allclose(found, direct.x, rtol=1e-5, atol=1e-6)
    assert optimize.rosen(found) < 4.0
    assert optimizer.result.nfev == direct.nfev
    assert optimizer.optimizer_kwargs["method"] == method


@pytest.mark.parametrize("method", ["Nelder-Mead", "Powell", "COBYLA"])
def test_methods_without_a_gradient_get_none(method: str) -> None:
    x = tf.get_variable("x", initializer=np.array([0.5, 0.7]))
    (found,) = minimized(ScipyOptimizerInterface(rosenbrock(x), method=method, tol=1e-8, options={"maxiter": 4000}), x)
    direct = optimize.minimize(optimize.rosen, np.array([0.5, 0.7]), method=method, tol=1e-8, options={"maxiter": 4000})
    np.testing.assert_allclose(found, direct.x, atol=1e-6)


def test_the_default_is_l_bfgs_b_with_its_options() -> None:
    x = tf.get_variable("x", initializer=START)
    optimizer = ScipyOptimizerInterface(rosenbrock(x), options={"maxiter": 7, "maxcor": 4})
    (found,) = minimized(optimizer, x)
    options = {"maxiter": 7, "maxcor": 4}
    direct = optimize.minimize(optimize.rosen, START, jac=optimize.rosen_der, method="L-BFGS-B", options=options)
    assert optimizer.result.nit == direct.nit == 7
    np.testing.assert_allclose(found, direct.x, rtol=1e-12)


def test_a_float32_variable_ends_where_scipy_ends_on_its_grid() -> None:
    target = np.array([0.1, -2.0, 3.3], np.float32)
    x = tf.get_variable("x", initializer=np.array([5.0, 5.0, 5.0], np.float32))
    assert x.dtype.base_dtype == tf.float32
    weights = np.array([1.0, 10.0, 0.5], np.float32)
    (found,) = minimized(ScipyOptimizerInterface(tf.reduce_sum(weights * tf.square(x - target))), x)
    loss = rounded(lambda v: float(np.sum(weights * (v - target) ** 2)), np.float32)
    slope = rounded(lambda v: 2 * weights * (v - target), np.float32)
    direct = optimize.minimize(loss, np.full(3, 5.0), jac=slope, method="L-BFGS-B")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, direct.x, atol=1e-5)
    np.testing.assert_allclose(found, target, atol=1e-5)


def test_variables_of_several_shapes_and_types_are_packed_together() -> None:
    scalar = tf.get_variable("scalar", initializer=2.0)
    matrix = tf.get_variable("matrix", initializer=np.arange(6.0).reshape(2, 3))
    empty = tf.get_variable("empty", initializer=np.zeros((0, 2), np.float32))
    idle = tf.get_variable("idle", initializer=[7.0])
    aim = np.array([[1.0, -1.0, 2.0], [0.5, 0.0, 4.0]])
    loss = tf.reduce_sum(tf.square(matrix - aim)) + tf.cast(tf.square(scalar + 3.0), tf.float64)
    found = minimized(ScipyOptimizerInterface(loss), scalar, matrix, empty, idle)
    np.testing.assert_allclose(found[0], -3.0, atol=1e-5)
    np.testing.assert_allclose(found[1], aim, atol=1e-6)
    assert (found[2].shape, found[3].tolist()) == ((0, 2), [7.0])


def test_sparse_gradients_are_packed_densely() -> None:
    table = tf.get_variable("table", initializer=np.ones((4, 2)))
    rows = tf.nn.embedding_lookup(table, [2, 0, 2])
    (found,) = minimized(ScipyOptimizerInterface(tf.reduce_sum(tf.square(rows - 3.0))), table)
    np.testing.assert_allclose(found, [[3, 3], [1, 1], [3, 3], [1, 1]], atol=1e-5)


def test_only_the_given_variables_change() -> None:
    a, b = tf.get_variable("a", initializer=4.0), tf.get_variable("b", initializer=5.0)
    found = minimized(ScipyOptimizerInterface(tf.square(a) + tf.square(b), var_list=[b]), a, b)
    assert found[0] == 4.0
    np.testing.assert_allclose(found[1], 0.0, atol=1e-5)


# --- bounds and constraints ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "trust-constr"])
def test_bounds_hold_at_the_end_as_scipy_has_them(method: str) -> None:
    x = tf.get_variable("x", initializer=np.array([7.0, 7.0, 7.0]))
    free = tf.get_variable("free", initializer=np.array(3.0))
    loss = tf.reduce_sum(tf.square(x - np.array([0.0, 3.0, 9.0]))) + tf.square(free + 50.0)
    found = minimized(ScipyOptimizerInterface(loss, method=method, var_to_bounds={x: ([1.0, None, -np.inf], 8.0)}), x, free)
    bounds = [(1.0, 8.0), (None, 8.0), (None, 8.0), (None, None)]
    aim = np.array([0.0, 3.0, 9.0, -50.0])
    start = np.array([7.0, 7.0, 7.0, 3.0])
    direct = optimize.minimize(lambda v: np.sum((v - aim) ** 2), start, jac=lambda v: 2 * (v - aim), bounds=bounds, method=method)
    np.testing.assert_allclose([*found[0], found[1]], direct.x, rtol=1e-6)
    np.testing.assert_allclose(found[0], [1.0, 3.0, 8.0], rtol=1e-4)


@pytest.mark.parametrize("bounds", [(1.0, 2.0), ([1.0, 1.0], None), (np.array([1.0, 1.0]), [None, 5.0])])
def test_bounds_broadcast_to_the_variable(bounds: Any) -> None:
    x = tf.get_variable("x", initializer=[7.0, 7.0])
    (found,) = minimized(ScipyOptimizerInterface(tf.reduce_sum(tf.square(x)), var_to_bounds={x: bounds}), x)
    np.testing.assert_allclose(found, [1.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("method", [None, "SLSQP", "slsqp", "COBYQA"])
def test_equalities_and_inequalities_hold_at_the_end(method: str | None) -> None:
    v = tf.get_variable("v", initializer=np.array([7.0, 7.0]))
    chosen = {} if method is None else {"method": method}
    optimizer = ScipyOptimizerInterface(tf.reduce_sum(tf.square(v)), equalities=[v[1] - 1.0], inequalities=[v[0] - 1.0], **chosen)
    (found,) = minimized(optimizer, v)
    np.testing.assert_allclose(found, [1.0, 1.0], atol=1e-4)


def test_a_nonlinear_constraint_ends_where_scipy_ends() -> None:
    v = tf.get_variable("v", initializer=np.array([0.3, 0.9]))
    optimizer = ScipyOptimizerInterface(v[0] + 2.0 * v[1], equalities=[tf.reduce_sum(tf.square(v)) - 1.0], tol=1e-10)
    (found,) = minimized(optimizer, v)
    circle = {"type": "eq", "fun": lambda x: x @ x - 1.0, "jac": lambda x: 2 * x}
    start = np.array([0.3, 0.9])
    direct = optimize.minimize(lambda x: x[0] + 2 * x[1], start, jac=lambda x: np.array([1.0, 2.0]), constraints=[circle], tol=1e-10)
    np.testing.assert_allclose(found, direct.x, rtol=1e-9)
    np.testing.assert_allclose(found, -np.array([1.0, 2.0]) / np.sqrt(5.0), rtol=1e-6)


# --- fetches, callbacks, and what the variables hold -----------------------------------------------------------------------


def test_callbacks_see_every_evaluation_and_every_accepted_step() -> None:
    x = tf.get_variable("x", initializer=np.array([7.0, -2.0]))
    scale = tf.placeholder(tf.float64, [])
    loss = scale * tf.reduce_sum(tf.square(x))
    losses: list[float] = []
    steps: list[tuple[list[float], list[float]]] = []
    optimizer = ScipyOptimizerInterface(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        optimizer.minimize(
            session,
            feed_dict={scale: 2.0},
            fetches=[loss, x],
            loss_callback=lambda value, at: losses.append((float(value), float(2.0 * at @ at))),
            step_callback=lambda packed: steps.append((packed.tolist(), session.run(x).tolist())),
        )
    assert losses[0] == (106.0, 106.0)
    assert all(value == from_x for value, from_x in losses)
    assert len(losses) == optimizer.result.nfev
    assert len(steps) == optimizer.result.nit
    assert all(packed == held for packed, held in steps)


def test_the_default_session_and_run_arguments_are_used() -> None:
    x = tf.get_variable("x", initializer=3.0)
    metadata = tf.RunMetadata()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        ScipyOptimizerInterface(tf.square(x)).minimize(options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), run_metadata=metadata)
        np.testing.assert_allclose(session.run(x), 0.0, atol=1e-6)
    assert metadata.step_stats is not None


class Counted:
    """A session that counts its calls, and fails at one of them."""

    def __init__(self, session: Any, fails_at: int = 0) -> None:
        self.session, self.fails_at, self.calls = session, fails_at, 0

    def run(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == self.fails_at:
            raise ValueError("the evaluation fails here")
        return self.session.run(*arguments, **options)


def test_an_evaluation_is_one_call_and_nothing_is_compiled_twice() -> None:
    x = tf.get_variable("x", initializer=START)
    optimizer = ScipyOptimizerInterface(rosenbrock(x), inequalities=[2.0 - x[0], x[1] + 3.0], equalities=[x[2] - 1.0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        counted = Counted(session)
        optimizer.minimize(counted)
        result, calls = optimizer.result, counted.calls
        # One call reads the variables, one writes them; loss and constraints are a call each where they are evaluated.
        assert calls <= 2 + 2 * result.nfev
        known = len(session._signatures)
        optimizer.minimize(counted)
        assert len(session._signatures) == known


def test_a_failed_evaluation_leaves_the_last_accepted_step() -> None:
    x = tf.get_variable("x", initializer=START)
    optimizer = ScipyOptimizerInterface(rosenbrock(x))
    steps: list[np.ndarray] = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match="the evaluation fails here"):
            optimizer.minimize(Counted(session, fails_at=12))
        alone = session.run(x)
        session.run(tf.global_variables_initializer())
        optimizer.minimize(session, step_callback=steps.append)
    assert any(np.array_equal(alone, step) for step in steps[:11])


def test_a_callback_that_raises_leaves_its_step() -> None:
    x = tf.get_variable("x", initializer=START)
    optimizer = ScipyOptimizerInterface(rosenbrock(x))
    steps: list[np.ndarray] = []

    def third(packed: np.ndarray) -> None:
        steps.append(packed)
        if len(steps) == 3:
            raise KeyboardInterrupt

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(KeyboardInterrupt):
            optimizer.minimize(session, step_callback=third)
        assert session.run(x).tolist() == steps[-1].tolist()
        session.run(tf.global_variables_initializer())
        with pytest.raises(ZeroDivisionError):
            optimizer.minimize(session, fetches=[x], loss_callback=lambda at: 1 / 0)
        assert session.run(x).tolist() == START.tolist()


def test_how_it_ended_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    x = tf.get_variable("x", initializer=[3.0])
    with caplog.at_level(logging.INFO, "graphopt"):
        minimized(ScipyOptimizerInterface(tf.reduce_sum(tf.square(x))))
    assert "Optimization terminated with:\n  Message: CONVERGENCE" in caplog.text
    assert "Objective function value: 0.000000\n  Number of iterations: " in caplog.text
    assert "Number of functions evaluations: " in caplog.text


# --- one's own -------------------------------------------------------------------------------------------------------------


class Halfway(ExternalOptimizerInterface):
    """Goes half of the way down the gradient, as often as `times` says."""

    def _minimize(  # type: ignore[override]
        self, initial_val: Any, loss_grad_func: Any, step_callback: Any, optimizer_kwargs: Any, **unused: Any
    ) -> Any:
        for _ in range(optimizer_kwargs["times"]):
            _, gradient = loss_grad_func(initial_val)
            initial_val = initial_val - 0.25 * gradient
            step_callback(initial_val)
        return initial_val


def test_a_subclass_needs_minimize_alone() -> None:
    a, b = tf.get_variable("a", initializer=8.0), tf.get_variable("b", initializer=[[4.0, -4.0]])
    found = minimized(Halfway(tf.square(a) + tf.reduce_sum(tf.square(b)), times=2), a, b)
    assert (found[0], found[1].tolist()) == (2.0, [[1.0, -1.0]])


def test_the_base_has_no_method_of_its_own() -> None:
    x = tf.get_variable("x", initializer=8.0)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(NotImplementedError, match=r"subclass from it and implement the _minimize\(\) method"):
            ExternalOptimizerInterface(x * x).minimize(session)


# --- refusals --------------------------------------------------------------------------------------------------------------


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    x = tf.get_variable("x", initializer=8.0)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"ScipyOptimizerInterface needs scipy: pip install 'graphopt\[scipy\]'") as info:
        ScipyOptimizerInterface(x * x)
    assert isinstance(info.value, ImportError) and isinstance(info.value, GraphOptError)
    assert info.value.location.filename == __file__


@pytest.mark.parametrize("name", ["fun", "x0", "jac", "callback", "constraints"])
def test_what_is_set_here_cannot_be_given(name: str) -> None:
    x = tf.get_variable("x", initializer=8.0)
    with pytest.raises(ValueError, match=f"Optimizer keyword arg '{name}' is set automatically and cannot be injected manually"):
        ScipyOptimizerInterface(x * x, **{name: None})
    with pytest.raises(ValueError, match="Bounds must be set using the var_to_bounds argument"):
        ScipyOptimizerInterface(x * x, bounds=[(0, 1)])


def test_a_method_that_cannot_is_refused() -> None:
    x = tf.get_variable("x", initializer=8.0)
    with pytest.raises(ValueError, match="The method 'L-BFGS-B' takes no constraints; these do: SLSQP, COBYLA, COBYQA, trust-constr"):
        ScipyOptimizerInterface(x * x, equalities=[x - 1.0], method="L-BFGS-B")
    with pytest.raises(ValueError, match="The method 'magic' takes no constraints"):
        ScipyOptimizerInterface(x * x, inequalities=[x - 1.0], method="magic")
    with pytest.raises(ValueError, match="The method 'CG' takes no bounds"):
        ScipyOptimizerInterface(x * x, var_to_bounds={x: (0.0, 1.0)}, method="CG")
    with tf.Session() as session, pytest.raises(ValueError, match="Unknown solver magic"):
        session.run(tf.global_variables_initializer())
        ScipyOptimizerInterface(x * x, method="magic").minimize(session)


def test_losses_and_constraints_must_be_floating_point_scalars() -> None:
    x = tf.get_variable("x", initializer=[8.0, 9.0])
    with pytest.raises(ValueError, match=r"The loss must be a scalar, it has shape \(2,\): sum it up, or pass its elements one by one"):
        ScipyOptimizerInterface(x * x)
    with pytest.raises(ValueError, match="The inequality 1 must be a scalar"):
        ScipyOptimizerInterface(tf.reduce_sum(x * x), inequalities=[x[0], x])
    with pytest.raises(TypeError, match=r"The loss must be floating point, .* has dtype int32"):
        ScipyOptimizerInterface(tf.constant(1))
    with pytest.raises(ValueError, match="depends on none of the variables to optimize: x:0"):
        ScipyOptimizerInterface(tf.constant(1.0))


def test_a_loss_of_unknown_shape_is_checked_at_its_first_value() -> None:
    x = tf.get_variable("x", initializer=8.0)
    factor = tf.placeholder(tf.float32)
    optimizer = ScipyOptimizerInterface(x * x * factor)
    (found,) = minimized(optimizer, x, feed_dict={factor: [2.0]})
    np.testing.assert_allclose(found, 0.0, atol=1e-5)
    with pytest.raises(ValueError, match=r"The loss must be a scalar, it has shape \(2,\)"):
        minimized(optimizer, x, feed_dict={factor: [2.0, 3.0]})


def test_variables_that_cannot_be_packed_are_refused() -> None:
    x = tf.get_variable("x", initializer=8.0)
    counter = tf.get_variable("counter", initializer=1)
    loose = tf.Variable([1.0], validate_shape=False, name="loose")
    with pytest.raises(ValueError, match="There are no variables to optimize: pass var_list"):
        ScipyOptimizerInterface(x * x, var_list=[])
    with pytest.raises(TypeError, match="var_list must hold variables, got"):
        ScipyOptimizerInterface(x * x, var_list=[x * x])
    with pytest.raises(TypeError, match="Only floating point variables can be optimized; counter:0 has dtype int32"):
        ScipyOptimizerInterface(x * x, var_list=[x, counter])
    with pytest.raises(ValueError, match="The shape of loose:0 must be known to pack it, it is <unknown>"):
        ScipyOptimizerInterface(x * x, var_list=[x, loose])


def test_bounds_that_do_not_fit_are_refused() -> None:
    x, other = tf.get_variable("x", initializer=[8.0, 9.0]), tf.get_variable("other", initializer=1.0)
    loss = tf.reduce_sum(x * x)

    def bound(bounds: Any) -> None:
        ScipyOptimizerInterface(loss, var_list=[x], var_to_bounds=bounds)

    with pytest.raises(ValueError, match="var_to_bounds has 'other:0', which is none of the variables to optimize"):
        bound({other: (0.0, 1.0)})
    with pytest.raises(ValueError, match=r"The bounds of x:0 must be a pair \(lower, upper\), got 1.0"):
        bound({x: 1.0})
    with pytest.raises(ValueError, match=r"A bound of shape \(3,\) does not broadcast to x:0 of shape \(2,\)"):
        bound({x: ([0.0, 0.0, 0.0], 1.0)})
    with pytest.raises(ValueError, match=r"A lower bound of x:0 is not at most its upper bound: 2.0 and 1.0"):
        bound({x: ([0.0, 2.0], 1.0)})
    with pytest.raises(ValueError, match="A lower bound of x:0 is not at most its upper bound: nan"):
        bound({x: (np.nan, 1.0)})


def test_a_session_and_lists_of_fetches_are_needed() -> None:
    x = tf.get_variable("x", initializer=8.0)
    optimizer = ScipyOptimizerInterface(x * x)
    with pytest.raises(RuntimeError, match="minimize needs a session: pass one, or call it inside"):
        optimizer.minimize()
    with tf.Session() as session, pytest.raises(TypeError, match="fetches must be a list or tuple of tensors for loss_callback"):
        optimizer.minimize(session, fetches=x)
