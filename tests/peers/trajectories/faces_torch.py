"""What graphopt has for torch's optimizers: those that are the same rule, under whatever name."""

from __future__ import annotations

from typing import Any

from trajectories.case import Case
from trajectories.faces_common import Key, Staged, plus_weights
from trajectories.replay import MakeOptimizer


def with_l2(tf: Any, optimizer: Any, kwargs: dict[str, Any]) -> Any:
    """Put torch's weight decay, which is added to the gradient, before an optimizer."""
    decay = kwargs.get("weight_decay", 0.0)
    return Staged(tf, optimizer, [plus_weights(decay)]) if decay else optimizer


def sgd(tf: Any, case: Case) -> Any:
    k = dict(case.kwargs)
    if "momentum" not in k:
        return tf.train.GradientDescentOptimizer(k["lr"])
    return with_l2(tf, tf.train.MomentumOptimizer(k["lr"], k["momentum"], use_nesterov=k.get("nesterov", False)), k)


def adam(tf: Any, case: Case) -> Any:
    """Adam with the paper's ε, which is what Keras calls adaptive."""
    k = dict(case.kwargs)
    b1, b2 = k.get("betas", (0.9, 0.999))
    decoupled = case.cls == "AdamW" or k.get("decoupled_weight_decay", False)
    decay = k.get("weight_decay", 0.01 if case.cls == "AdamW" else 0.0)
    made = tf.keras.optimizers.Adam(
        k["lr"], b1, b2, k.get("eps", 1e-8), k.get("amsgrad", False), weight_decay=decay if decoupled else None, adaptive_epsilon=True
    )
    return made if decoupled else with_l2(tf, made, k)


def nadam(tf: Any, case: Case) -> Any:
    """Keras's older Nadam, which has torch's momentum schedule."""
    k = dict(case.kwargs)
    made = tf.keras.optimizers.legacy.Nadam(k["lr"], epsilon=1e-8, schedule_decay=k.get("momentum_decay", 0.004))
    if k.get("decoupled_weight_decay"):
        return Staged(tf, made, [tf.train.stages.decay_weights(k["weight_decay"])], learning_rate=k["lr"])
    return with_l2(tf, made, k)


def radam(tf: Any, case: Case) -> Any:
    return tf.optimizers.RAdam(case.kwargs["lr"])


def rmsprop(tf: Any, case: Case) -> Any:
    """Keras's older RMSprop, whose ε is outside of the root where there is no momentum."""
    k = case.kwargs
    return tf.keras.optimizers.legacy.RMSprop(k["lr"], k.get("alpha", 0.99), epsilon=1e-8, centered=k.get("centered", False))


def adagrad(tf: Any, case: Case) -> Any:
    k = dict(case.kwargs)
    made = tf.keras.optimizers.legacy.Adagrad(k["lr"], k.get("initial_accumulator_value", 0.0), epsilon=1e-10, decay=k.get("lr_decay", 0.0))
    return with_l2(tf, made, k)


def adadelta(tf: Any, case: Case) -> Any:
    k = dict(case.kwargs)
    return with_l2(tf, tf.keras.optimizers.Adadelta(k["lr"], k.get("rho", 0.9), k.get("eps", 1e-6)), k)


def adafactor(tf: Any, case: Case) -> Any:
    k = case.kwargs
    return tf.keras.optimizers.Adafactor(
        k["lr"], epsilon_1=0.0, epsilon_2=k.get("eps", (None, 1e-3))[1], clip_threshold=k.get("d", 1.0), weight_decay=k.get("weight_decay")
    )


def sparse_adam(tf: Any, case: Case) -> Any:
    return tf.contrib.opt.LazyAdamOptimizer(case.kwargs["lr"])


def muon(tf: Any, case: Case) -> Any:
    return tf.keras.optimizers.Muon(case.kwargs["lr"], weight_decay=0.1)


TORCH_FACES: dict[Key, MakeOptimizer] = {
    ("torch", "Adadelta"): adadelta,
    ("torch", "Adafactor"): adafactor,
    ("torch", "Adagrad"): adagrad,
    ("torch", "Adam"): adam,
    ("torch", "AdamW"): adam,
    ("torch", "Muon"): muon,
    ("torch", "NAdam"): nadam,
    ("torch", "RAdam"): radam,
    ("torch", "RMSprop"): rmsprop,
    ("torch", "SGD"): sgd,
    ("torch", "SparseAdam"): sparse_adam,
}

EPSILON_OUTSIDE = "with momentum, too, its ε is outside of the root; TensorFlow's and Keras's is inside"
EPSILON_HAT = "in rectified steps its ε is that of Adam's efficient form, not scaled by the bias correction; optax's is"
NOT_TORCH: dict[Key | str, str] = {
    (
        "torch",
        "ASGD",
    ): "graphopt has averages of weights beside any optimizer, and no rate that decays in this form",
    ("torch", "Adamax"): "its ε is added inside of the maximum, Keras's and TensorFlow's where the maximum is used",
    ("torch", "Rprop"): "it makes each step at once; graphopt's Rprop is optax's, which makes it in the run after",
    "torch/Adafactor/weight decay": "it decays the weights after it has measured them; Keras before",
    "torch/Muon/plain": "it scales by the root of rows over columns; Keras's Muon by the larger of the two",
    "torch/RAdam/plain": EPSILON_HAT,
    "torch/RAdam/rectified": EPSILON_HAT,
    "torch/RAdam/decoupled": EPSILON_HAT,
    "torch/RMSprop/momentum": EPSILON_OUTSIDE,
    "torch/RMSprop/centered momentum": EPSILON_OUTSIDE,
    "torch/SGD/dampening": "dampening is a smaller rate from the second step on; graphopt has no such argument",
    "torch/SGD/maximize": "graphopt minimises: give the loss another sign",
}
