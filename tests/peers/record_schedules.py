"""Record what Keras's and optax's learning-rate schedules give, for `test_schedules_agree.py`.

Needs environments of their own (graphopt is not imported); each run writes its part of `schedules.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0 && TF_USE_LEGACY_KERAS=1 python tests/peers/record_schedules.py tf_keras
    python -m pip install jax optax==0.2.8 && python tests/peers/record_schedules.py optax

A case is the configuration of a schedule, and its values at many steps: float32 of Keras, float64 of optax.
"""

from __future__ import annotations

import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import Any

PATH = Path(__file__).parent / "schedules.json.gz"
STEPS = [*range(0, 45), 49, 50, 51, 60, 61, 75, 90, 91, 100, 101, 120, 121, 150, 310, 311, 1000, 12345]
Case = tuple[str, dict[str, Any]]

RATE = 0.1
KERAS: dict[str, Case] = {
    "exponential": ("ExponentialDecay", {"initial_learning_rate": RATE, "decay_steps": 10, "decay_rate": 0.96}),
    "exponential/staircase": (
        "ExponentialDecay",
        {"initial_learning_rate": RATE, "decay_steps": 10, "decay_rate": 0.96, "staircase": True},
    ),
    "exponential/growing": ("ExponentialDecay", {"initial_learning_rate": 0.5, "decay_steps": 1000.5, "decay_rate": 1.5}),
    "inverse_time": ("InverseTimeDecay", {"initial_learning_rate": RATE, "decay_steps": 10, "decay_rate": 0.5}),
    "inverse_time/staircase": ("InverseTimeDecay", {"initial_learning_rate": RATE, "decay_steps": 7, "decay_rate": 0.5, "staircase": True}),
    "polynomial": ("PolynomialDecay", {"initial_learning_rate": RATE, "decay_steps": 20}),
    "polynomial/square": ("PolynomialDecay", {"initial_learning_rate": RATE, "decay_steps": 40, "end_learning_rate": 0.01, "power": 2.0}),
    "polynomial/cycle": ("PolynomialDecay", {"initial_learning_rate": RATE, "decay_steps": 20, "end_learning_rate": 0.01, "cycle": True}),
    "polynomial/cycle_cube": (
        "PolynomialDecay",
        {"initial_learning_rate": RATE, "decay_steps": 16, "end_learning_rate": 0.01, "power": 3.0, "cycle": True},
    ),
    "piecewise": ("PiecewiseConstantDecay", {"boundaries": [5, 10], "values": [1.0, 0.5, 0.1]}),
    "piecewise/fraction": ("PiecewiseConstantDecay", {"boundaries": [2.7, 30.0], "values": [1.0, 0.5, 0.1]}),
    "cosine": ("CosineDecay", {"initial_learning_rate": RATE, "decay_steps": 20}),
    "cosine/alpha": ("CosineDecay", {"initial_learning_rate": RATE, "decay_steps": 33, "alpha": 0.2}),
    "cosine/warmup": (
        "CosineDecay",
        {"initial_learning_rate": 0.01, "decay_steps": 20, "alpha": 0.2, "warmup_target": 0.1, "warmup_steps": 10},
    ),
    "cosine/warmup_down": ("CosineDecay", {"initial_learning_rate": 0.2, "decay_steps": 20, "warmup_target": 0.1, "warmup_steps": 7}),
    "cosine/warmup_no_steps": ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 20, "warmup_target": 0.1}),
    "cosine/steps_no_target": ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "warmup_steps": 10}),
    "restarts": ("CosineDecayRestarts", {"initial_learning_rate": RATE, "first_decay_steps": 10}),
    "restarts/all": (
        "CosineDecayRestarts",
        {"initial_learning_rate": RATE, "first_decay_steps": 10, "t_mul": 1.5, "m_mul": 0.8, "alpha": 0.1},
    ),
    "restarts/even": ("CosineDecayRestarts", {"initial_learning_rate": RATE, "first_decay_steps": 10, "t_mul": 1.0, "m_mul": 0.5}),
    "restarts/three": ("CosineDecayRestarts", {"initial_learning_rate": RATE, "first_decay_steps": 3, "t_mul": 3.0, "m_mul": 0.9}),
}

WARM = {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 10}
POLYNOMIAL = {"init_value": 0.1, "end_value": 0.01, "power": 2.0, "transition_steps": 20}
EXPONENTIAL = {"init_value": 0.1, "transition_steps": 10, "decay_rate": 0.5}
CYCLES = [
    dict(WARM, decay_steps=30),
    {"init_value": 0.01, "peak_value": 0.05, "warmup_steps": 0, "decay_steps": 25, "end_value": 0.001, "exponent": 2.0},
    {"init_value": 0.001, "peak_value": 0.02, "warmup_steps": 3, "decay_steps": 50},
]
SCALES = [[5, 0.5], [10, 0.1], [60, 3.0]]
# By name: the class of graphopt, the function of optax, and the arguments, which have the same names in both.
OPTAX: dict[str, tuple[str, str, dict[str, Any]]] = {
    "constant": ("ConstantSchedule", "constant_schedule", {"value": 0.3}),
    "polynomial": ("PolynomialSchedule", "polynomial_schedule", POLYNOMIAL),
    "polynomial/begin": ("PolynomialSchedule", "polynomial_schedule", dict(POLYNOMIAL, power=0.7, transition_begin=6)),
    "linear": ("LinearSchedule", "linear_schedule", {"init_value": 1.0, "end_value": -0.3, "transition_steps": 17, "transition_begin": 3}),
    "exponential": ("ExponentialSchedule", "exponential_decay", EXPONENTIAL),
    "exponential/all": (
        "ExponentialSchedule",
        "exponential_decay",
        dict(EXPONENTIAL, transition_begin=5, staircase=True, end_value=0.03),
    ),
    "exponential/growing": ("ExponentialSchedule", "exponential_decay", dict(EXPONENTIAL, decay_rate=1.3, end_value=0.5)),
    "cosine": ("CosineSchedule", "cosine_decay_schedule", {"init_value": 0.1, "decay_steps": 20, "alpha": 0.1}),
    "cosine/exponent": ("CosineSchedule", "cosine_decay_schedule", {"init_value": 0.1, "decay_steps": 37, "alpha": 0.2, "exponent": 0.5}),
    "warmup_constant": ("WarmupConstant", "warmup_constant_schedule", WARM),
    "warmup_cosine": ("WarmupCosineDecay", "warmup_cosine_decay_schedule", dict(WARM, decay_steps=30, end_value=0.01)),
    "warmup_cosine/exponent": ("WarmupCosineDecay", "warmup_cosine_decay_schedule", dict(WARM, decay_steps=100, exponent=1.7)),
    "warmup_cosine/no_warmup": ("WarmupCosineDecay", "warmup_cosine_decay_schedule", dict(WARM, warmup_steps=0, decay_steps=30)),
    "warmup_exponential": ("WarmupExponentialDecay", "warmup_exponential_decay_schedule", dict(WARM, transition_steps=7, decay_rate=0.8)),
    "warmup_exponential/all": (
        "WarmupExponentialDecay",
        "warmup_exponential_decay_schedule",
        dict(WARM, transition_steps=7, decay_rate=0.8, transition_begin=4, staircase=True, end_value=0.02),
    ),
    "linear_onecycle": ("LinearOneCycle", "linear_onecycle_schedule", {"transition_steps": 20, "peak_value": 1.0}),
    "linear_onecycle/all": (
        "LinearOneCycle",
        "linear_onecycle_schedule",
        {"transition_steps": 77, "peak_value": 0.3, "pct_start": 0.25, "pct_final": 0.7, "div_factor": 10.0, "final_div_factor": 50.0},
    ),
    "cosine_onecycle": ("CosineOneCycle", "cosine_onecycle_schedule", {"transition_steps": 20, "peak_value": 1.0}),
    "cosine_onecycle/all": (
        "CosineOneCycle",
        "cosine_onecycle_schedule",
        {"transition_steps": 77, "peak_value": 0.3, "pct_start": 0.45, "div_factor": 10.0, "final_div_factor": 50.0},
    ),
    "piecewise_scale": ("PiecewiseScale", "piecewise_constant_schedule", {"init_value": 1.0, "boundaries_and_scales": SCALES}),
    "piecewise_linear": (
        "PiecewiseInterpolate",
        "piecewise_interpolate_schedule",
        {"interpolate_type": "linear", "init_value": 1.0, "boundaries_and_scales": SCALES},
    ),
    "piecewise_cosine": (
        "PiecewiseInterpolate",
        "piecewise_interpolate_schedule",
        {"interpolate_type": "cosine", "init_value": 0.7, "boundaries_and_scales": SCALES},
    ),
    "sgdr": ("SGDRSchedule", "sgdr_schedule", {"cosine_kwargs": CYCLES}),
}
JOINED = {"boundaries": [5, 30, 61]}
JOINED_PARTS = ["constant", "linear", "cosine", "exponential/all"]


def record_keras() -> list[dict[str, Any]]:
    """Return Keras's values."""
    module = importlib.import_module("tf_keras.optimizers.schedules")
    found = []
    for name, (cls, config) in KERAS.items():
        schedule = getattr(module, cls)(**config)
        found.append({"name": name, "class_name": cls, "config": config, "values": [float(schedule(step)) for step in STEPS]})
    return found


def record_optax() -> list[dict[str, Any]]:
    """Return optax's values, in float64."""
    importlib.import_module("jax").config.update("jax_enable_x64", True)
    optax = importlib.import_module("optax")
    functions = {name: getattr(optax, function)(**optax_arguments(config)) for name, (_, function, config) in OPTAX.items()}
    described = {name: {"class_name": cls, "config": config} for name, (cls, _, config) in OPTAX.items()}
    functions["joined"] = optax.join_schedules([functions[part] for part in JOINED_PARTS], JOINED["boundaries"])
    parts = [described[part] for part in JOINED_PARTS]
    described["joined"] = {"class_name": "JoinedSchedules", "config": dict(JOINED, schedules=parts)}
    return [{"name": name, **described[name], "values": [float(functions[name](step)) for step in STEPS]} for name in functions]


def optax_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as optax takes them: a dictionary in place of pairs, which JSON can hold."""
    return {key: dict(value) if key == "boundaries_and_scales" else value for key, value in config.items()}


def main(peer: str) -> None:
    """Record one peer's part and keep the other's."""
    stored = json.loads(gzip.decompress(PATH.read_bytes())) if PATH.exists() else {}
    stored["steps"] = STEPS
    stored[peer] = {"tf_keras": record_keras, "optax": record_optax}[peer]()
    PATH.write_bytes(gzip.compress(json.dumps(stored).encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
