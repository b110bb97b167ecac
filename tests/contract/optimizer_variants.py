"""Arguments besides the examples of the registry, for the closed forms: every switch, and every hyper-parameter that is 0 by default."""

from __future__ import annotations

from typing import Any

PENALTIES = {"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.3}
SHRINKAGE = {"l2_shrinkage_regularization_strength": 0.2}

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "train.AdagradDAOptimizer": [PENALTIES, {"initial_gradient_squared_accumulator_value": 0.7}],
    "train.AdagradOptimizer": [{"initial_accumulator_value": 0.7}],
    "train.AdamOptimizer": [{"beta1": 0.7, "beta2": 0.9, "epsilon": 0.1}],
    "train.AdadeltaOptimizer": [{"rho": 0.7}],
    "train.FtrlOptimizer": [PENALTIES, {**PENALTIES, **SHRINKAGE}, {"learning_rate_power": -0.3, "initial_accumulator_value": 0.7}],
    "train.MomentumOptimizer": [{"use_nesterov": True}],
    "train.ProximalAdagradOptimizer": [PENALTIES],
    "train.ProximalGradientDescentOptimizer": [PENALTIES],
    "train.RMSPropOptimizer": [{"centered": True}, {"momentum": 0.7}, {"momentum": 0.7, "centered": True, "decay": 0.6}],
    "keras.optimizers.Adadelta": [{"rho": 0.7}],
    "keras.optimizers.Adafactor": [{"relative_step": True}, {"clip_threshold": 0.5, "beta_2_decay": -0.6, "epsilon_2": 10.0}],
    "keras.optimizers.Adagrad": [{"initial_accumulator_value": 0.7}],
    "keras.optimizers.Adam": [{"amsgrad": True, "beta_2": 0.9}, {"adaptive_epsilon": True, "epsilon": 0.1}, {"weight_decay": 0.3}],
    "keras.optimizers.AdamW": [{"weight_decay": 0.3, "amsgrad": True}],
    "keras.optimizers.Ftrl": [PENALTIES, {**PENALTIES, **SHRINKAGE, "beta": 0.4}, {"learning_rate_power": -0.3}],
    "keras.optimizers.Muon": [{"nesterov": False}, {"rms_rate": None}, {"weight_decay": 0.3, "adam_weight_decay": 0.1}],
    "keras.optimizers.RMSprop": [{"centered": True}, {"momentum": 0.7}, {"momentum": 0.7, "centered": True, "rho": 0.6}],
    "keras.optimizers.SGD": [{"nesterov": True}, {"momentum": 0.0}, {"weight_decay": 0.3}],
    "keras.optimizers.legacy.Adam": [{"amsgrad": True, "beta_2": 0.9}],
    "keras.optimizers.legacy.Ftrl": [PENALTIES, {**PENALTIES, **SHRINKAGE, "beta": 0.4}, {"learning_rate_power": -0.3}],
    "keras.optimizers.legacy.RMSprop": [{"centered": True}, {"momentum": 0.7}, {"momentum": 0.7, "centered": True, "rho": 0.6}],
    "keras.optimizers.legacy.SGD": [{"nesterov": True}, {"momentum": 0.0}],
    "contrib.opt.LARSOptimizer": [{"use_nesterov": True, "weight_decay": 0.1, "epsilon": 0.5}],
    "contrib.opt.MomentumWOptimizer": [{"use_nesterov": True, "weight_decay": 0.1}],
    "contrib.opt.AdamWOptimizer": [{"weight_decay": 0.1}],
}
