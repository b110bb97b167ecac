"""Trajectories of the three optimizers of Keras: data alone.

Most hyper-parameters are sums of few powers of two, which are the same in float32 and in float64: Keras rounds its own to float32, and
would otherwise be followed to some six digits only. The cases labelled "defaults" and "f5" show what the rounding does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajectories.case import TABLE, Call
from trajectories.table import FLOAT32, ROUNDED, add, add_f5

SGD = {"learning_rate": 0.125}
MOMENTUM = {"learning_rate": 0.125, "momentum": 0.75}
ADAM = {"learning_rate": 0.125, "beta_1": 0.75, "beta_2": 0.875}
RMSPROP = {"learning_rate": 0.125, "rho": 0.875}
FTRL = {"learning_rate": 0.125, "initial_accumulator_value": 0.125}
FTRL_ALL = {
    **FTRL,
    "l1_regularization_strength": 0.0625,
    "l2_regularization_strength": 0.125,
    "l2_shrinkage_regularization_strength": 0.25,
    "beta": 0.5,
}
ADADELTA = {"learning_rate": 1.0, "rho": 0.875, "epsilon": 2.0**-10}
ADAGRAD = {"learning_rate": 0.125, "initial_accumulator_value": 0.25}

KERAS: dict[tuple[str, str], dict[str, Any]] = {
    ("SGD", "plain"): SGD,
    ("SGD", "momentum"): MOMENTUM,
    ("SGD", "nesterov"): {**MOMENTUM, "nesterov": True},
    ("Adam", "plain"): ADAM,
    ("Adam", "amsgrad"): {**ADAM, "amsgrad": True},
    ("Adamax", "plain"): ADAM,
    ("Nadam", "plain"): ADAM,
    ("RMSprop", "plain"): RMSPROP,
    ("RMSprop", "centered"): {**RMSPROP, "centered": True},
    ("RMSprop", "momentum"): {**RMSPROP, "momentum": 0.5},
    ("RMSprop", "centered momentum"): {**RMSPROP, "centered": True, "momentum": 0.5},
    ("Adagrad", "plain"): ADAGRAD,
    ("Adadelta", "plain"): ADADELTA,
    ("Ftrl", "plain"): FTRL,
    ("Ftrl", "all regularisers"): FTRL_ALL,
    ("Ftrl", "power"): {**FTRL, "learning_rate_power": -0.25},
}
NEWER: dict[tuple[str, str], dict[str, Any]] = {
    ("AdamW", "plain"): {**ADAM, "weight_decay": 0.0625},
    ("Lion", "plain"): {**ADAM, "learning_rate": 0.03125},
    ("Adafactor", "plain"): {"learning_rate": 0.125, "beta_2_decay": -0.75, "epsilon_2": 2.0**-10},
    ("Adafactor", "absolute step"): {"learning_rate": 0.5, "relative_step": False, "clip_threshold": 0.75, "epsilon_2": 2.0**-10},
}
KERAS_3: dict[tuple[str, str], dict[str, Any]] = {
    ("Lamb", "plain"): ADAM,
    ("Lamb", "weight decay"): {**ADAM, "weight_decay": 0.0625},
    ("Muon", "plain"): {"learning_rate": 0.125},
    ("Muon", "no decay"): {"learning_rate": 0.125, "weight_decay": None, "nesterov": False, "exclude_layers": ["bias"]},
    ("ScheduleFreeAdamW", "plain"): {**ADAM, "weight_decay": 0.0625},
    ("ScheduleFreeAdamW", "warm-up"): {**ADAM, "warmup_steps": 3},
}
LOOSE = {"Nadam": 1e-7, "Muon": 1e-5, "ScheduleFreeAdamW": 1e-6}  # constants of their own, in float32
DEFAULTS = ("SGD", "Adam", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl")

SCHEDULES: dict[str, Call] = {
    "exponential": Call("ExponentialDecay", {"initial_learning_rate": 0.25, "decay_steps": 3, "decay_rate": 0.5}),
    "staircase": Call("ExponentialDecay", {"initial_learning_rate": 0.25, "decay_steps": 3, "decay_rate": 0.5, "staircase": True}),
    "piecewise": Call("PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [0.25, 0.125, 0.0625]}),
    "polynomial": Call("PolynomialDecay", {"initial_learning_rate": 0.25, "decay_steps": 5, "end_learning_rate": 0.0625, "power": 2.0}),
    "polynomial cycle": Call(
        "PolynomialDecay", {"initial_learning_rate": 0.25, "decay_steps": 3, "end_learning_rate": 0.0625, "cycle": True}
    ),
    "inverse time": Call("InverseTimeDecay", {"initial_learning_rate": 0.25, "decay_steps": 2, "decay_rate": 0.5}),
    "cosine": Call("CosineDecay", {"initial_learning_rate": 0.25, "decay_steps": 6, "alpha": 0.125}),
    "cosine warm-up": Call(
        "CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 5, "alpha": 0.125, "warmup_target": 0.25, "warmup_steps": 3}
    ),
    "restarts": Call(
        "CosineDecayRestarts", {"initial_learning_rate": 0.25, "first_decay_steps": 2, "t_mul": 2.0, "m_mul": 0.75, "alpha": 0.125}
    ),
}
EMA = {"use_ema": True, "ema_momentum": 0.75}


def add_keras(peer: str, table: Mapping[tuple[str, str], dict[str, Any]], defaults: tuple[str, ...]) -> None:
    """What every Keras optimizer is recorded in: dense and sparse, float64 and float32, and with its default arguments."""
    for (cls, label), kwargs in table.items():
        tolerance = LOOSE.get(cls, 1e-12)
        if cls != "Muon":  # in float64 Keras 3's own fails
            add(peer, cls, label, kwargs, tolerance=tolerance)
        if peer != "keras3" or cls in ("SGD", "Adam", "Muon", "Lamb"):
            add(peer, cls, f"{label} float32", kwargs, dtype="float32", tolerance=max(FLOAT32, tolerance))
        if cls not in ("Muon", "Lamb", "ScheduleFreeAdamW"):
            # Keras 3 takes squares and absolute values of a repeated row's gradients before it adds them up.
            repeated = peer != "keras3"
            add(peer, cls, f"{label} sparse", kwargs, shapes=TABLE, sparse=True, repeated=repeated, tolerance=tolerance)
    for cls in defaults:
        add(peer, cls, "defaults", {}, tolerance=ROUNDED)


def add_keras_base(peer: str) -> None:
    """What the base class of the newer Keras optimizers does to any of them."""
    for label, clip in (("clipnorm", 0.5), ("global_clipnorm", 0.5), ("clipvalue", 0.25)):
        add(peer, "SGD", label, {**MOMENTUM, label: clip})
        add(peer, "Adam", label, {**ADAM, label: clip})
        add(peer, "SGD", f"{label} sparse", {**MOMENTUM, label: clip}, shapes=TABLE, sparse=True)
    add(peer, "SGD", "ema", {**MOMENTUM, **EMA}, finalize=True)
    add(peer, "SGD", "ema overwrite", {**MOMENTUM, **EMA, "ema_overwrite_frequency": 3}, finalize=True)
    add(peer, "Adam", "ema overwrite", {**ADAM, **EMA, "ema_overwrite_frequency": 2})
    add(peer, "SGD", "ema missing", {**MOMENTUM, **EMA, "weight_decay": 0.125, "ema_overwrite_frequency": 3}, missing=("bias",))
    add(peer, "SGD", "ema constraint", {**MOMENTUM, **EMA}, bounds={"kernel": (-0.5, 0.5)}, finalize=True)
    add(peer, "SGD", "ema sparse", {**MOMENTUM, **EMA, "ema_overwrite_frequency": 3}, shapes=TABLE, sparse=True)
    add(peer, "SGD", "weight decay", {**MOMENTUM, "weight_decay": 0.125})
    add(peer, "SGD", "weight decay sparse", {**MOMENTUM, "weight_decay": 0.125}, shapes=TABLE, sparse=True)
    add(peer, "Adam", "weight decay", {**ADAM, "weight_decay": 0.0625})
    add(peer, "AdamW", "exclusions", {**ADAM, "weight_decay": 0.0625}, excluded=("bias",))
    add(peer, "AdamW", "amsgrad", {**ADAM, "weight_decay": 0.0625, "amsgrad": True})
    add(peer, "Adafactor", "weight decay", {"learning_rate": 0.125, "weight_decay": 0.0625, "epsilon_2": 2.0**-10})
    add(peer, "Ftrl", "weight decay", {**FTRL, "weight_decay": 0.0625})
    for label, schedule in SCHEDULES.items():
        add(peer, "SGD", f"schedule {label}", {"learning_rate": schedule, "momentum": 0.75}, tolerance=1e-6)
    add(peer, "Adam", "schedule cosine", {**ADAM, "learning_rate": SCHEDULES["cosine"]}, tolerance=1e-6)
    add(peer, "AdamW", "schedule piecewise", {**ADAM, "weight_decay": 0.0625, "learning_rate": SCHEDULES["piecewise"]})
    add(peer, "Adafactor", "schedule piecewise", {"learning_rate": SCHEDULES["piecewise"], "epsilon_2": 2.0**-10})
    every_stage = {
        "learning_rate": Call("PiecewiseConstantDecay", {"boundaries": [1], "values": [0.5, 0.25]}),
        "momentum": 0.9,
        "weight_decay": 0.1,
        "global_clipnorm": 1.0,
        "use_ema": True,
        "ema_momentum": 0.5,
        "ema_overwrite_frequency": 2,
    }
    add(peer, "SGD", "every stage", every_stage, data="pipeline", shapes={"a": (2,), "b": (1,)}, steps=4, tolerance=1e-6)


add_keras("tf_keras", {**KERAS, **NEWER}, (*DEFAULTS, "AdamW", "Lion", "Adafactor"))
add_keras_base("tf_keras")
add("tf_keras", "SGD", "clipnorm before clipvalue", {**MOMENTUM, "clipnorm": 0.5, "clipvalue": 0.0625})
add("tf_keras", "Adam", "adaptive epsilon", {**ADAM, "adaptive_epsilon": True, "epsilon": 2.0**-6})

add_keras("keras3", {**KERAS, **NEWER, **KERAS_3}, (*DEFAULTS, "AdamW", "Lion", "Adafactor", "Lamb"))
add_keras_base("keras3")
add("keras3", "Adam", "repeated rows", ADAM, shapes=TABLE, sparse=True)
add("keras3", "SGD", "accumulation", {**MOMENTUM, "gradient_accumulation_steps": 3})
add("keras3", "Adam", "accumulation", {**ADAM, "gradient_accumulation_steps": 2, "clipnorm": 0.5, "weight_decay": 0.0625})
add("keras3", "SGD", "accumulation ema", {**MOMENTUM, **EMA, "gradient_accumulation_steps": 2, "ema_overwrite_frequency": 2})
add("keras3", "SGD", "accumulation schedule", {"learning_rate": SCHEDULES["piecewise"], "gradient_accumulation_steps": 2})
add("keras3", "SGD", "loss scale", {**MOMENTUM, "loss_scale_factor": 8.0, "clipnorm": 0.5})

LEGACY = {**KERAS, ("Adam", "plain"): {**ADAM, "epsilon": 2.0**-20}}
add_keras("tf_keras_legacy", LEGACY, DEFAULTS)
for _label, _kwargs in {
    "decay": {**SGD, "decay": 0.5},
    "decay momentum": {**MOMENTUM, "decay": 0.5},
    "decay schedule": {"learning_rate": SCHEDULES["piecewise"], "decay": 0.5},
    "lr": {"lr": 0.125},
    "clipvalue and clipnorm": {**MOMENTUM, "clipvalue": 0.25, "clipnorm": 0.5},
    "clipvalue and global_clipnorm": {**MOMENTUM, "clipvalue": 0.25, "global_clipnorm": 0.5},
    "clipnorm": {**MOMENTUM, "clipnorm": 0.5},
}.items():
    add("tf_keras_legacy", "SGD", _label, _kwargs, tolerance=1e-6 if "decay" in _label else 1e-12)
# Zero makes every gradient zero; of one that is zero already, in the sixth step, it would make NaN.
add("tf_keras_legacy", "SGD", "clipnorm zero", {**MOMENTUM, "clipnorm": 0.0}, steps=5)
add("tf_keras_legacy", "SGD", "clipnorm sparse", {**MOMENTUM, "clipnorm": 0.5}, shapes=TABLE, sparse=True)
add("tf_keras_legacy", "SGD", "constraint", MOMENTUM, bounds={"kernel": (-0.5, 0.5)})
add("tf_keras_legacy", "SGD", "missing", MOMENTUM, missing=("bias",))
add("tf_keras_legacy", "Adam", "decay", {**ADAM, "decay": 0.5}, tolerance=1e-6)
add("tf_keras_legacy", "Adam", "no epsilon", {**ADAM, "epsilon": 0.0})
add("tf_keras_legacy", "Nadam", "schedule_decay", {**ADAM, "schedule_decay": 0.5}, tolerance=1e-6)

F5_LEGACY: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.1}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"learning_rate": 0.1}),
    ("Adam", {"learning_rate": 0.1, "beta_2": 0.9, "amsgrad": True}),
    ("Adamax", {"learning_rate": 0.1}),
    ("Nadam", {"learning_rate": 0.1}),
    ("RMSprop", {"learning_rate": 0.1}),
    ("RMSprop", {"learning_rate": 0.1, "centered": True}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Ftrl", {"learning_rate": 0.1}),
]
F5_KERAS: list[tuple[str, dict[str, Any]]] = [
    *F5_LEGACY,
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("Adam", {"learning_rate": 0.1, "beta_2": 0.9}),
    ("Adam", {"learning_rate": 0.1, "weight_decay": 0.01}),
    ("AdamW", {"learning_rate": 0.1}),
    ("RMSprop", {"learning_rate": 0.1, "momentum": 0.9}),
    ("RMSprop", {"learning_rate": 0.1, "momentum": 0.9, "centered": True}),
    ("Adadelta", {"learning_rate": 0.1}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.02,
            "l2_shrinkage_regularization_strength": 0.03,
            "beta": 0.5,
        },
    ),
    ("Ftrl", {"learning_rate": 0.1, "learning_rate_power": -0.2}),
    ("Lion", {"learning_rate": 0.01}),
    ("Adafactor", {"learning_rate": 0.1}),
]


for _cls, _kwargs in F5_LEGACY:
    add_f5("tf_keras_legacy", _cls, _kwargs, tolerance=ROUNDED)
for _cls, _kwargs in F5_KERAS:
    add_f5("tf_keras", _cls, _kwargs, tolerance=ROUNDED)
    add_f5("keras3", _cls, _kwargs, tolerance=ROUNDED)
for _peer in ("tf_keras", "keras3"):
    add_f5(_peer, "Adafactor", {"learning_rate": 0.1}, matrix=True, tolerance=ROUNDED)
add_f5("keras3", "Lamb", {"learning_rate": 0.1}, tolerance=ROUNDED)
