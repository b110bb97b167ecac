"""Trajectories of `torch.optim`: data alone."""

from __future__ import annotations

from typing import Any

from trajectories.case import TABLE
from trajectories.table import FLOAT32, add, add_f5

MUON_SHAPES = {"wide": (2, 3), "tall": (4, 2)}

TORCH: dict[tuple[str, str], dict[str, Any]] = {
    ("SGD", "plain"): {"lr": 0.1},
    ("SGD", "momentum"): {"lr": 0.1, "momentum": 0.9},
    ("SGD", "nesterov"): {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ("SGD", "dampening"): {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
    ("SGD", "weight decay"): {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    ("SGD", "maximize"): {"lr": 0.1, "momentum": 0.9, "maximize": True},
    ("Adam", "plain"): {"lr": 0.1},
    ("Adam", "amsgrad"): {"lr": 0.1, "betas": (0.8, 0.9), "amsgrad": True},
    ("Adam", "weight decay"): {"lr": 0.1, "weight_decay": 0.01},
    ("Adam", "decoupled"): {"lr": 0.1, "weight_decay": 0.01, "decoupled_weight_decay": True},
    ("AdamW", "plain"): {"lr": 0.1},
    ("AdamW", "amsgrad"): {"lr": 0.1, "betas": (0.8, 0.9), "amsgrad": True, "weight_decay": 0.1},
    ("NAdam", "plain"): {"lr": 0.1},
    ("NAdam", "weight decay"): {"lr": 0.1, "weight_decay": 0.01, "momentum_decay": 0.04},
    ("NAdam", "decoupled"): {"lr": 0.1, "weight_decay": 0.01, "decoupled_weight_decay": True},
    ("RAdam", "plain"): {"lr": 0.1},
    ("RAdam", "rectified"): {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.01},
    ("RAdam", "decoupled"): {"lr": 0.1, "weight_decay": 0.01, "decoupled_weight_decay": True},
    ("Adamax", "plain"): {"lr": 0.1},
    ("Adamax", "weight decay"): {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.01},
    ("RMSprop", "plain"): {"lr": 0.1},
    ("RMSprop", "centered"): {"lr": 0.1, "alpha": 0.9, "centered": True},
    ("RMSprop", "momentum"): {"lr": 0.1, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.01},
    ("RMSprop", "centered momentum"): {"lr": 0.1, "alpha": 0.9, "momentum": 0.5, "centered": True},
    ("Adagrad", "plain"): {"lr": 0.1},
    ("Adagrad", "decay"): {"lr": 0.1, "lr_decay": 0.5, "initial_accumulator_value": 0.1, "weight_decay": 0.01},
    ("Adadelta", "plain"): {"lr": 1.0},
    ("Adadelta", "weight decay"): {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.01},
    ("Adafactor", "plain"): {"lr": 0.1},
    ("Adafactor", "weight decay"): {"lr": 0.05, "weight_decay": 0.1, "d": 2.0, "eps": (1e-20, 1e-2)},
    ("Rprop", "plain"): {"lr": 0.1},
    ("Rprop", "bounds"): {"lr": 0.1, "etas": (0.4, 1.5), "step_sizes": (0.05, 0.2)},
    ("ASGD", "plain"): {"lr": 0.1},
    ("ASGD", "averaged"): {"lr": 0.1, "lambd": 0.01, "t0": 3, "weight_decay": 0.01},
}
LOOSE = {"NAdam": 1e-8}  # it keeps the product of its momenta in float32

for (_cls, _label), _kwargs in TORCH.items():
    add("torch", _cls, _label, _kwargs, tolerance=LOOSE.get(_cls, 1e-12))
for _cls in ("SGD", "Adam", "AdamW", "RMSprop"):
    add("torch", _cls, "float32", {"lr": 0.1}, dtype="float32", tolerance=FLOAT32)

add("torch", "Muon", "plain", {"lr": 0.1}, shapes=MUON_SHAPES, tolerance=0.02)  # its iteration runs in bfloat16
add("torch", "Muon", "rms", {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw"}, shapes=MUON_SHAPES, tolerance=0.02)
add("torch", "SGD", "sparse", {"lr": 0.1}, shapes=TABLE, sparse=True)
add("torch", "Adagrad", "sparse", {"lr": 0.1}, shapes=TABLE, sparse=True)
add("torch", "SparseAdam", "sparse", {"lr": 0.1}, shapes=TABLE, sparse=True)

F5: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.9, 0.9), "amsgrad": True}),
    ("AdamW", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9}),
    ("Adagrad", {"lr": 0.1}),
    ("Adadelta", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1}),
    ("Adafactor", {"lr": 0.1}),
]
for _cls, _kwargs in F5:
    add_f5("torch", _cls, _kwargs, tolerance=LOOSE.get(_cls, 1e-12))
