"""Trajectories of optax: data alone. `Call` is a schedule, an inner optimizer or another transformation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trajectories.case import VECTOR, Call
from trajectories.table import FLOAT32, add, add_f5

SGD = Call("sgd", {"learning_rate": 0.1})
ADAM = Call("adam", {"learning_rate": 0.1})
NO_BIAS = {"kernel": True, "bias": False}
COSINE = Call(
    "warmup_cosine_decay_schedule", {"init_value": 0.0, "peak_value": 0.1, "warmup_steps": 2, "decay_steps": 6, "end_value": 0.01}
)
PIECEWISE = Call("piecewise_constant_schedule", {"init_value": 0.1, "boundaries_and_scales": {2: 0.5, 5: 0.1}})

OPTAX: dict[tuple[str, str], dict[str, Any]] = {
    ("sgd", "plain"): {"learning_rate": 0.1},
    ("sgd", "momentum"): {"learning_rate": 0.1, "momentum": 0.9},
    ("sgd", "nesterov"): {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    ("sgd", "schedule cosine"): {"learning_rate": COSINE, "momentum": 0.9},
    ("sgd", "schedule piecewise"): {"learning_rate": PIECEWISE},
    ("adam", "plain"): {"learning_rate": 0.1},
    ("adam", "eps_root"): {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-3, "eps_root": 1e-4},
    ("adam", "nesterov"): {"learning_rate": 0.1, "nesterov": True},
    ("adam", "schedule cosine"): {"learning_rate": COSINE},
    ("adamw", "plain"): {"learning_rate": 0.1},
    ("adamw", "mask"): {"learning_rate": 0.1, "weight_decay": 0.1, "mask": NO_BIAS},
    ("adamw", "schedule cosine"): {"learning_rate": COSINE, "weight_decay": 0.1},
    ("nadam", "plain"): {"learning_rate": 0.1},
    ("nadamw", "plain"): {"learning_rate": 0.1, "weight_decay": 0.1},
    ("adamax", "plain"): {"learning_rate": 0.1},
    ("adamaxw", "plain"): {"learning_rate": 0.1, "weight_decay": 0.1},
    ("amsgrad", "plain"): {"learning_rate": 0.1, "b2": 0.9},
    ("radam", "plain"): {"learning_rate": 0.1},
    ("radam", "rectified"): {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95},
    ("radam", "threshold"): {"learning_rate": 0.1, "threshold": 4.5, "nesterov": True},
    ("adabelief", "plain"): {"learning_rate": 0.1},
    ("adabelief", "eps"): {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-4, "eps_root": 1e-5},
    ("yogi", "plain"): {"learning_rate": 0.1},
    ("yogi", "other betas"): {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9},
    ("novograd", "plain"): {"learning_rate": 0.1},
    ("novograd", "weight decay"): {"learning_rate": 0.1, "b1": 0.8, "b2": 0.5, "weight_decay": 0.1},
    ("lars", "plain"): {"learning_rate": 1.0},
    ("lars", "weight decay"): {"learning_rate": 1.0, "weight_decay": 0.1, "trust_coefficient": 0.05, "momentum": 0.5, "nesterov": True},
    ("lars", "masks"): {"learning_rate": 1.0, "weight_decay": 0.1, "weight_decay_mask": NO_BIAS, "trust_ratio_mask": NO_BIAS},
    ("lamb", "plain"): {"learning_rate": 0.1},
    ("lamb", "weight decay"): {"learning_rate": 0.1, "weight_decay": 0.1, "mask": NO_BIAS},
    ("lion", "plain"): {"learning_rate": 0.01},
    ("lion", "weight decay"): {"learning_rate": 0.01, "b1": 0.8, "b2": 0.9, "weight_decay": 0.1, "mask": NO_BIAS},
    ("rmsprop", "plain"): {"learning_rate": 0.1},
    ("rmsprop", "centered"): {"learning_rate": 0.1, "centered": True},
    ("rmsprop", "momentum"): {"learning_rate": 0.1, "momentum": 0.9},
    ("rmsprop", "nesterov"): {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "centered": True},
    ("rmsprop", "eps outside"): {"learning_rate": 0.1, "eps": 1e-3, "eps_in_sqrt": False, "initial_scale": 1.0},
    ("rmsprop", "bias correction"): {"learning_rate": 0.1, "bias_correction": True},
    ("adagrad", "plain"): {"learning_rate": 0.1},
    ("adagrad", "start zero"): {"learning_rate": 0.1, "initial_accumulator_value": 0.0},
    ("adadelta", "plain"): {"learning_rate": 1.0},
    ("adadelta", "weight decay"): {"learning_rate": 1.0, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1},
    ("adafactor", "factored"): {"learning_rate": 0.1, "min_dim_size_to_factor": 2},
    ("adafactor", "unfactored"): {"learning_rate": 0.1},
    ("adafactor", "momentum"): {"learning_rate": 0.1, "min_dim_size_to_factor": 2, "momentum": 0.9, "weight_decay_rate": 0.01},
    ("adafactor", "no scale"): {"learning_rate": 0.1, "multiply_by_parameter_scale": False, "clipping_threshold": None, "factored": False},
    ("schedule_free_sgd", "plain"): {"learning_rate": 0.1},
    ("schedule_free_sgd", "warm-up"): {"learning_rate": 0.1, "warmup_steps": 3, "b1": 0.8, "weight_decay": 0.1},
    ("schedule_free_adamw", "plain"): {"learning_rate": 0.1},
    ("schedule_free_adamw", "warm-up"): {"learning_rate": 0.1, "warmup_steps": 3, "b1": 0.8, "b2": 0.95, "weight_decay": 0.1},
    ("prodigy", "plain"): {"learning_rate": 1.0},
    ("prodigy", "large start"): {
        "learning_rate": 1.0,
        "estim_lr0": 0.01,
        "betas": (0.8, 0.95),
        "weight_decay": 0.1,
        "safeguard_warmup": True,
    },
    ("dog", "plain"): {},
    ("muon", "plain"): {"learning_rate": 0.1},
    ("muon", "no nesterov"): {"learning_rate": 0.1, "nesterov": False, "weight_decay": 0.1},
    ("muon", "consistent rms"): {"learning_rate": 0.1, "consistent_rms": 0.2, "adam_learning_rate": 0.05},
    ("muon", "adaptive"): {"learning_rate": 0.1, "adaptive": True},
    ("fromage", "plain"): {"learning_rate": 0.1},
    ("adan", "plain"): {"learning_rate": 0.1},
    ("adan", "weight decay"): {"learning_rate": 0.1, "b1": 0.9, "b2": 0.8, "b3": 0.7, "weight_decay": 0.1},
    ("sm3", "plain"): {"learning_rate": 0.1},
    ("ademamix", "plain"): {"learning_rate": 0.1},
    ("ademamix", "weight decay"): {"learning_rate": 0.1, "b3": 0.99, "alpha": 2.0, "weight_decay": 0.1},
    ("adopt", "plain"): {"learning_rate": 0.1},
    ("adopt", "no clipping"): {"learning_rate": 0.1, "b2": 0.9, "use_clipping": False, "nesterov": True},
    ("signum", "plain"): {"learning_rate": 0.1},
    ("sign_sgd", "plain"): {"learning_rate": 0.1},
    ("rprop", "plain"): {"learning_rate": 0.1},
    ("rprop", "bounds"): {"learning_rate": 0.1, "eta_minus": 0.4, "eta_plus": 1.5, "min_step_size": 0.05, "max_step_size": 0.2},
    ("optimistic_gradient_descent", "plain"): {"learning_rate": 0.1},
}


def tolerance_of(cls: str, kwargs: Mapping[str, Any]) -> float:
    """optax computes some things in float32 even for float64 weights: adafactor's decay, schedules of the step, an accumulator."""
    if cls == "MultiSteps":
        return FLOAT32
    warms_up = "warmup_steps" in kwargs or kwargs.get("learning_rate") == COSINE
    return 1e-6 if cls == "adafactor" or warms_up else 1e-12


for (_cls, _label), _kwargs in OPTAX.items():
    add("optax", _cls, _label, _kwargs, tolerance=tolerance_of(_cls, _kwargs))
for _cls in ("sgd", "adam", "adamw", "lion", "lamb", "rmsprop"):
    add("optax", _cls, "float32", {"learning_rate": 0.1}, dtype="float32", tolerance=FLOAT32)

TRANSFORMATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("adaptive_grad_clip", "plain"): {"clipping": 0.1},
    ("clip_by_block_rms", "plain"): {"threshold": 0.5},
    ("clip_by_global_norm", "plain"): {"max_norm": 0.5},
    ("clip", "plain"): {"max_delta": 0.25},
    ("centralize", "plain"): {},
    ("ema", "debiased"): {"decay": 0.9},
    ("ema", "biased"): {"decay": 0.9, "debias": False},
    ("add_decayed_weights", "plain"): {"weight_decay": 0.1},
    ("add_decayed_weights", "mask"): {"weight_decay": 0.1, "mask": NO_BIAS},
    ("scale_by_trust_ratio", "plain"): {"trust_coefficient": 0.1, "min_norm": 0.01},
    ("normalize_by_update_norm", "plain"): {},
}
for (_cls, _label), _kwargs in TRANSFORMATIONS.items():
    add("optax", _cls, _label, _kwargs, then=SGD)
add("optax", "adaptive_grad_clip", "before adam", {"clipping": 0.1}, then=ADAM)
add("optax", "add_decayed_weights", "before adam", {"weight_decay": 0.1}, then=ADAM)
add("optax", "zero_nans", "plain", {}, then=SGD, poison={1: math.nan, 3: math.nan})

WRAPPERS: dict[tuple[str, str], dict[str, Any]] = {
    ("lookahead", "sgd"): {"fast_optimizer": SGD, "sync_period": 3, "slow_step_size": 0.5},
    ("lookahead", "adam"): {"fast_optimizer": ADAM, "sync_period": 2, "slow_step_size": 0.25},
    ("lookahead", "reset"): {"fast_optimizer": ADAM, "sync_period": 2, "slow_step_size": 0.25, "reset_state": True},
    ("MultiSteps", "mean"): {"opt": ADAM, "every_k_schedule": 3},
    ("MultiSteps", "sum"): {"opt": ADAM, "every_k_schedule": 2, "use_grad_mean": False},
    ("multi_transform", "two groups"): {"transforms": {"a": SGD, "b": ADAM}, "param_labels": {"kernel": "b", "bias": "a"}},
    ("multi_transform", "frozen"): {
        "transforms": {"a": Call("set_to_zero", {}), "b": ADAM},
        "param_labels": {"kernel": "b", "bias": "a"},
    },
}
for (_cls, _label), _kwargs in WRAPPERS.items():
    add("optax", _cls, _label, _kwargs, tolerance=tolerance_of(_cls, _kwargs))

SKIP = Call("skip_not_finite", {})
add(
    "optax",
    "MultiSteps",
    "skip",
    {"opt": SGD, "every_k_schedule": 2, "should_skip_update_fn": SKIP},
    poison={1: math.nan},
    tolerance=FLOAT32,
)
FINITE = {"inner": ADAM, "max_consecutive_errors": 2}
add("optax", "apply_if_finite", "single", FINITE, poison={1: math.nan, 4: math.inf})
add("optax", "apply_if_finite", "too many", FINITE, poison={2: math.nan, 3: math.inf, 4: -math.inf})

# A step of SAM: one up the slope, then one from where it began; `transparent` mode takes a step's gradient for each.
UP = Call("chain", {"transforms": [Call("normalize", {}), Call("sgd", {"learning_rate": 0.05})]})
for _label, _fields in {
    "plain": {"optimizer": SGD},
    "adam": {"optimizer": ADAM},
    "three": {"optimizer": ADAM, "sync_period": 3, "reset_state": False},
}.items():
    add("optax", "sam", _label, {"sync_period": 2, "adv_optimizer": UP, **_fields}, data="quadratic", steps=12)
add("optax", "sgd", "quadratic", {"learning_rate": 0.1, "momentum": 0.9}, data="quadratic")
for _cls in ("schedule_free_sgd", "schedule_free_adamw", "prodigy"):
    add("optax", _cls, "quadratic", {"learning_rate": 1.0 if _cls == "prodigy" else 0.1}, data="quadratic")

F5: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    ("amsgrad", {"b2": 0.9}),
    ("rmsprop", {"centered": True, "momentum": 0.9}),
    ("lion", {"learning_rate": 0.01}),
    ("lamb", {"weight_decay": 0.01}),
    ("lars", {"learning_rate": 1.0, "weight_decay": 0.01}),
    ("schedule_free_adamw", {"warmup_steps": 3}),
    ("prodigy", {"learning_rate": 1.0}),
]
for _cls, _kwargs in (
    ("lookahead", {"fast_optimizer": SGD, "sync_period": 2, "slow_step_size": 0.5}),
    ("MultiSteps", {"opt": SGD, "every_k_schedule": 2}),
    ("MultiSteps", {"opt": SGD, "every_k_schedule": 2, "use_grad_mean": False}),
):
    add("optax", _cls, "f5" + (" sum" if "use_grad_mean" in _kwargs else ""), _kwargs, data="f5", shapes=VECTOR, steps=5, tolerance=FLOAT32)
PLAIN = (
    "sgd adam adamw nadam adamax radam adabelief yogi adan rmsprop adagrad adadelta lamb lars adafactor novograd fromage signum sm3 rprop "
    "schedule_free_sgd schedule_free_adamw ademamix adopt"
)
for _cls, _kwargs in [*F5, *((name, {}) for name in PLAIN.split())]:
    add_f5("optax", _cls, {"learning_rate": 0.1, **_kwargs}, tolerance=tolerance_of(_cls, _kwargs))
add_f5("optax", "dog", {})
add_f5("optax", "muon", {"learning_rate": 0.1}, matrix=True)
add_f5("optax", "muon", {"learning_rate": 0.1, "nesterov": False}, matrix=True)
add_f5("optax", "muon", {"learning_rate": 0.1, "consistent_rms": 0.2}, matrix=True)
add_f5("optax", "adafactor", {"learning_rate": 0.1, "min_dim_size_to_factor": 2}, matrix=True, tolerance=1e-6)
