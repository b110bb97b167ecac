"""Record what optax's transformations of gradients make of training, for `test_stages_agree.py`.

Needs an environment of its own (graphopt is not imported); it writes `stages.json.gz` beside this file:

    python -m pip install jax optax==0.2.8 && python tests/peers/record_stages.py

A case is the weights after every fourth of 24 steps, in float64. Adam has an epsilon of 0, because optax's stands elsewhere.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

PATH = Path(__file__).parent / "stages.json.gz"
RANDOM = np.random.default_rng(3)
GRADIENTS = RANDOM.standard_normal((24, 4, 3))
WEIGHTS = RANDOM.standard_normal((4, 3))
BAD = GRADIENTS.copy()
BAD[[3, 4, 9, 10, 11, 15], 1, 1] = [np.nan, np.inf, np.nan, -np.inf, np.nan, np.nan]

Make = Callable[[], Any]


def adam() -> Any:
    return optax.adam(0.1, eps=0.0)


def sgd() -> Any:
    return optax.sgd(0.1)


CASES: dict[str, tuple[Make, np.ndarray]] = {
    "accumulate": (lambda: optax.MultiSteps(adam(), 3), GRADIENTS),
    "accumulate the sum": (lambda: optax.MultiSteps(adam(), 3, use_grad_mean=False), GRADIENTS),
    "skip": (lambda: optax.apply_if_finite(adam(), 100), BAD),
    "skip up to a bound": (lambda: optax.apply_if_finite(sgd(), 2), BAD),
    "clip by unit ratio": (lambda: optax.chain(optax.adaptive_grad_clip(0.05), adam()), GRADIENTS),
    "clip by block rms": (lambda: optax.chain(optax.clip_by_block_rms(0.3), sgd()), GRADIENTS),
    "clip by global norm": (lambda: optax.chain(optax.clip_by_global_norm(0.7), sgd()), GRADIENTS),
    "clip by value": (lambda: optax.chain(optax.clip(0.4), sgd()), GRADIENTS),
    "centralize": (lambda: optax.chain(optax.centralize(), adam()), GRADIENTS),
    "decay": (lambda: optax.chain(optax.scale_by_adam(eps=0.0), optax.add_decayed_weights(0.05), optax.scale(-0.1)), GRADIENTS),
    "three in order": (lambda: optax.chain(optax.clip(0.8), optax.clip_by_global_norm(0.7), optax.centralize(), adam()), GRADIENTS),
    "three in another order": (lambda: optax.chain(optax.centralize(), optax.clip_by_global_norm(0.7), optax.clip(0.2), sgd()), GRADIENTS),
    "look ahead": (lambda: optax.lookahead(adam(), 4, 0.3), GRADIENTS),
}


def trained(transformation: Any, gradients: np.ndarray) -> list[Any]:
    """Return the weights after every fourth step; of lookahead the slow ones."""
    looks_ahead = "lookahead" in getattr(transformation.update, "__qualname__", "")
    weights = jax.numpy.array(WEIGHTS)
    parameters = optax.LookaheadParams(weights, weights) if looks_ahead else weights
    state, found = transformation.init(parameters), []
    for i, gradient in enumerate(gradients):
        updates, state = transformation.update(jax.numpy.array(gradient), state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        if i % 4 == 3:
            found.append(np.asarray(parameters.slow if looks_ahead else parameters).tolist())
    return found


def main() -> None:
    """Record all cases."""
    jax.config.update("jax_enable_x64", True)
    found = {name: {"gradients": gradients.tolist(), "weights": trained(make(), gradients)} for name, (make, gradients) in CASES.items()}
    stored = {"start": WEIGHTS.tolist(), "optax": optax.__version__, "cases": found}
    PATH.write_bytes(gzip.compress(json.dumps(stored).encode(), 9, mtime=0))
    print(f"{len(found)} cases")


if __name__ == "__main__":
    main()
