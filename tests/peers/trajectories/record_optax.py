"""Records the trajectories of optax's optimizers in float64; graphopt is not imported.

python -m pip install jax[cpu]==0.10.2 optax==0.2.8
cd tests/peers && python -m trajectories.record_optax
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from trajectories.case import Call, Case, data_of, gradient_of_quadratic
from trajectories.store import by_variable, record_peer

jax.config.update("jax_enable_x64", True)


def make(value: Any) -> Any:
    """What a `Call` in the arguments stands for."""
    if isinstance(value, Call):
        return call(value.name, value.kwargs)
    if isinstance(value, Mapping):
        return {key: make(item) for key, item in value.items()}
    if isinstance(value, list):
        return [make(item) for item in value]
    return value


def call(name: str, kwargs: Mapping[str, Any]) -> Any:
    if name == "chain":
        return optax.chain(*make(kwargs["transforms"]))
    if name == "skip_not_finite":
        return optax.skip_not_finite
    made = getattr(optax, name, None) or getattr(optax.contrib, name)
    return made(**{key: make(value) for key, value in kwargs.items()})


def transformation(case: Case) -> Any:
    made = call(case.cls, case.kwargs)
    if case.then is not None:
        return optax.chain(made, make(case.then))
    return made.gradient_transformation() if case.cls == "MultiSteps" else made


COUNTERS = {
    "MultiSteps": ("mini_step", "gradient_step"),
    "apply_if_finite": ("notfinite_count", "total_notfinite", "last_finite"),
    "lookahead": ("steps_since_sync",),
    "sam": ("steps_since_sync",),
    "prodigy": ("estim_lr",),
}


def record(case: Case) -> dict[str, Any]:
    start, gradients = data_of(case)
    weights: Any = {name: jnp.asarray(value) for name, value in start.items()}
    if case.cls == "lookahead":
        weights = optax.LookaheadParams.init_synced(weights)
    optimizer = transformation(case)
    state = optimizer.init(weights)
    steps: list[Any] = []
    seen: dict[str, list[Any]] = {}
    for given in gradients:
        grads = {name: jnp.asarray(value) for name, value in given.items()} or gradient_of_quadratic(weights)
        updates, state = optimizer.update(grads, state, weights)
        weights = optax.apply_updates(weights, updates)
        steps.append(weights.fast if case.cls == "lookahead" else weights)
        for name, value in beside(case, state, weights).items():
            seen.setdefault(name, []).append(value)
    kept = {name: by_variable(values) for name, values in seen.items()}
    return {"weights": by_variable(steps), **kept}


def beside(case: Case, state: Any, weights: Any) -> dict[str, Any]:
    """What else there is to see after a step."""
    made: dict[str, Any] = {}
    if case.cls in COUNTERS:
        made["counters"] = {name: np.asarray(getattr(state, name)) for name in COUNTERS[case.cls] if hasattr(state, name)}
    if case.cls == "lookahead":
        made["slow"] = weights.slow
    if case.cls.startswith("schedule_free"):
        made["evaluation"] = optax.contrib.schedule_free_eval_params(state, weights)
    return made


if __name__ == "__main__":
    record_peer("optax", f"optax {optax.__version__}, jax {jax.__version__}, float64", record)
