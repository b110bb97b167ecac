"""Trajectories of `tf.compat.v1.train`: data alone. Hyper-parameters that float32 holds, as in `cases_keras.py`."""

from __future__ import annotations

from typing import Any

from trajectories.case import TABLE
from trajectories.cases_keras import ADADELTA, ADAGRAD, FTRL, FTRL_ALL, MOMENTUM, SGD
from trajectories.table import FLOAT16, FLOAT32, ROUNDED, add, add_f5

V1: dict[tuple[str, str], dict[str, Any]] = {
    ("GradientDescentOptimizer", "plain"): SGD,
    ("MomentumOptimizer", "plain"): MOMENTUM,
    ("MomentumOptimizer", "nesterov"): {**MOMENTUM, "use_nesterov": True},
    ("AdagradOptimizer", "plain"): ADAGRAD,
    ("AdadeltaOptimizer", "plain"): ADADELTA,
    ("AdamOptimizer", "plain"): {"learning_rate": 0.125, "beta1": 0.75, "beta2": 0.875, "epsilon": 2.0**-10},
    ("FtrlOptimizer", "plain"): FTRL,
    ("FtrlOptimizer", "all regularisers"): {k: v for k, v in FTRL_ALL.items() if k != "beta"},
    ("FtrlOptimizer", "power"): {**FTRL, "learning_rate_power": -0.25},
    ("RMSPropOptimizer", "plain"): {"learning_rate": 0.125, "decay": 0.875, "epsilon": 2.0**-10},
    ("RMSPropOptimizer", "centered momentum"): {
        "learning_rate": 0.125,
        "decay": 0.875,
        "epsilon": 2.0**-10,
        "momentum": 0.5,
        "centered": True,
    },
    ("ProximalGradientDescentOptimizer", "plain"): {
        "learning_rate": 0.125,
        "l1_regularization_strength": 0.125,
        "l2_regularization_strength": 0.25,
    },
    ("ProximalAdagradOptimizer", "plain"): {
        "learning_rate": 0.125,
        "initial_accumulator_value": 0.25,
        "l1_regularization_strength": 0.125,
        "l2_regularization_strength": 0.25,
    },
    ("AdagradDAOptimizer", "plain"): {
        "learning_rate": 0.125,
        "initial_gradient_squared_accumulator_value": 0.25,
        "l1_regularization_strength": 0.125,
        "l2_regularization_strength": 0.25,
    },
}
FLOAT32_ALONE = ("ProximalAdagradOptimizer", "ProximalGradientDescentOptimizer")  # the peer gives a float64 variable a float32 rate
NO_HALF = ("AdagradDAOptimizer", *FLOAT32_ALONE)  # the peer has no kernel for float16
for (_cls, _label), _kwargs in V1.items():
    add("tensorflow_v1", _cls, f"{_label} float32", _kwargs, dtype="float32", tolerance=FLOAT32)
    if _cls in FLOAT32_ALONE:
        add("tensorflow_v1", _cls, f"{_label} sparse", _kwargs, shapes=TABLE, sparse=True, dtype="float32", tolerance=FLOAT32)
    else:
        add("tensorflow_v1", _cls, _label, _kwargs)
        add("tensorflow_v1", _cls, f"{_label} sparse", _kwargs, shapes=TABLE, sparse=True)
    if _cls not in NO_HALF:
        add("tensorflow_v1", _cls, f"{_label} float16", _kwargs, dtype="float16", tolerance=FLOAT16)
add_f5("tensorflow_v1", "AdamOptimizer", {"learning_rate": 0.1}, tolerance=ROUNDED)
