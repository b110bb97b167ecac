"""SciPy's optimizers on the variables of a graph. SciPy itself is loaded when it is first used: it is an extra."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from graphopt.errors import ArgumentError, MissingPackageError
from graphopt.train.external.base import ExternalOptimizerInterface, Function, Problem, Vector

_LOG = logging.getLogger("graphopt")

_WITH_CONSTRAINTS = ("SLSQP", "COBYLA", "COBYQA", "trust-constr")
_WITH_BOUNDS = (*_WITH_CONSTRAINTS, "L-BFGS-B", "TNC", "Nelder-Mead", "Powell")
# SciPy warns when these are given a gradient.
_WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
# Arguments of SciPy's function that come from this class's own.
_FROM = {
    "fun": "loss",
    "x0": "the variables' values",
    "jac": "the loss",
    "callback": "step_callback",
    "constraints": "equalities and inequalities",
}


class ScipyOptimizerInterface(ExternalOptimizerInterface):
    """Minimises a loss with one of SciPy's methods: `scipy.optimize.minimize`.

    L-BFGS-B by default, SLSQP where there are constraints. Needs ``pip install 'graphopt[scipy]'``.

    Args:
      loss, var_list, equalities, inequalities, var_to_bounds: as in `ExternalOptimizerInterface`.
      optimizer_kwargs: further arguments of `scipy.optimize.minimize`, such as ``method="SLSQP"``, ``tol`` and
        ``options={"maxiter": 100}``.

    Attributes:
      result: what `scipy.optimize.minimize` returned at the last call, or None.

    Raises:
      ImportError: when SciPy isn't installed.
      ValueError: for an argument that is set here, and a method that knows no constraints or bounds where there are some.

    Source: tensorflow/contrib/opt/python/training/external_optimizer.py (r1.15).

    Example:
      >>> from graphopt.train.external import ScipyOptimizerInterface
      >>> w = tf.Variable([7.0, 7.0])
      >>> optimizer = ScipyOptimizerInterface(tf.reduce_sum(tf.square(w)), inequalities=[w[0] - 1.0], equalities=[w[1] - 2.0])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     optimizer.minimize(session)
      ...     print(session.run(w).round(4))
      [1. 2.]
    """

    _DEFAULT_METHOD = "L-BFGS-B"

    def __init__(
        self,
        loss: Any,
        var_list: Iterable[Any] | None = None,
        equalities: Iterable[Any] | None = None,
        inequalities: Iterable[Any] | None = None,
        var_to_bounds: Mapping[Any, Any] | None = None,
        **optimizer_kwargs: Any,
    ) -> None:
        if importlib.util.find_spec("scipy") is None:
            raise MissingPackageError("ScipyOptimizerInterface needs scipy: pip install 'graphopt[scipy]'.")
        super().__init__(loss, var_list, equalities, inequalities, var_to_bounds, **optimizer_kwargs)
        self.result: Any = None
        _check_arguments(optimizer_kwargs)
        if self._equalities or self._inequalities:
            _check_method("constraints", self._method(optimizer_kwargs), _WITH_CONSTRAINTS)
        if var_to_bounds is not None:
            _check_method("bounds", self._method(optimizer_kwargs), _WITH_BOUNDS)

    def _method(self, optimizer_kwargs: Mapping[str, Any]) -> Any:
        constrained = self._equalities or self._inequalities
        return optimizer_kwargs.get("method") or ("SLSQP" if constrained else self._DEFAULT_METHOD)

    def _minimize(self, **problem: Unpack[Problem]) -> Vector:
        loss_grad_func, given = problem["loss_grad_func"], problem["optimizer_kwargs"]
        method = self._method(given)
        uses_gradient = not _is_one_of(method, _WITHOUT_GRADIENT)
        # Loaded here, so that `import graphopt` does without it.
        self.result = importlib.import_module("scipy.optimize").minimize(
            loss_grad_func if uses_gradient else lambda packed: loss_grad_func(packed)[0],
            problem["initial_val"],
            jac=True if uses_gradient else None,
            callback=problem["step_callback"],
            constraints=[
                *_constraints("eq", problem["equality_funcs"], problem["equality_grad_funcs"]),
                *_constraints("ineq", problem["inequality_funcs"], problem["inequality_grad_funcs"]),
            ],
            bounds=problem["packed_bounds"],
            **{**given, "method": method},
        )
        _log(self.result)
        packed: Vector = self.result.x
        return packed


def _constraints(kind: str, functions: list[Function], gradients: list[Function]) -> list[dict[str, Any]]:
    return [{"type": kind, "fun": function, "jac": gradient} for function, gradient in zip(functions, gradients, strict=True)]


def _check_arguments(optimizer_kwargs: Mapping[str, Any]) -> None:
    if "bounds" in optimizer_kwargs:
        raise ArgumentError("Bounds must be set using the var_to_bounds argument")
    for name, source in _FROM.items():
        if name in optimizer_kwargs:
            raise ArgumentError(
                f"Optimizer keyword arg '{name}' is set automatically and cannot be injected manually: it comes from {source}."
            )


def _check_method(what: str, method: Any, known: tuple[str, ...]) -> None:
    if isinstance(method, str) and not _is_one_of(method, known):
        raise ArgumentError(f"The method {method!r} takes no {what}; these do: {', '.join(known)}.")


def _is_one_of(method: Any, names: tuple[str, ...]) -> bool:
    return isinstance(method, str) and method.lower() in [name.lower() for name in names]


def _log(result: Any) -> None:
    """Log how it ended. Not every method counts its iterations and evaluations."""
    counts = {"iterations": result.get("nit"), "functions evaluations": result.get("nfev")}
    lines = ["Optimization terminated with:", f"  Message: {result.message}", f"  Objective function value: {float(result.fun):f}"]
    lines += [f"  Number of {what}: {count}" for what, count in counts.items() if count is not None]
    _LOG.info("\n".join(lines))
