"""What graphopt has for each of the peers' classes, and what it has not.

An entry makes graphopt's counterpart from a case's keyword arguments; `replay.MakeOptimizer` says what it must be able to do.
"""

from __future__ import annotations

from typing import Any

from trajectories.case import Case
from trajectories.replay import MakeOptimizer

Key = tuple[str, str]


class CountedSteps:
    """An optimizer whose update counts the global step, too."""

    def __init__(self, optimizer: Any, global_step: Any) -> None:
        self.optimizer, self.global_step = optimizer, global_step

    def apply_gradients(self, pairs: Any) -> Any:
        return self.optimizer.apply_gradients(pairs, global_step=self.global_step)


def v1_optimizer(tf: Any, case: Case) -> Any:
    return getattr(tf.train, case.cls)(**case.kwargs)


def dual_averaging(tf: Any, case: Case) -> Any:
    step = tf.train.get_or_create_global_step()
    return CountedSteps(tf.train.AdagradDAOptimizer(**case.kwargs, global_step=step), step)


FACES: dict[Key, MakeOptimizer] = {
    ("tensorflow_v1", "AdadeltaOptimizer"): v1_optimizer,
    ("tensorflow_v1", "AdagradDAOptimizer"): dual_averaging,
    ("tensorflow_v1", "AdagradOptimizer"): v1_optimizer,
    ("tensorflow_v1", "AdamOptimizer"): v1_optimizer,
    ("tensorflow_v1", "FtrlOptimizer"): v1_optimizer,
    ("tensorflow_v1", "GradientDescentOptimizer"): v1_optimizer,
    ("tensorflow_v1", "MomentumOptimizer"): v1_optimizer,
    ("tensorflow_v1", "ProximalAdagradOptimizer"): v1_optimizer,
    ("tensorflow_v1", "ProximalGradientDescentOptimizer"): v1_optimizer,
    ("tensorflow_v1", "RMSPropOptimizer"): v1_optimizer,
}

# (peer, class), or the name of a single case, and the reason why graphopt does not follow it.
NOT_OURS: dict[Key | str, str] = {
    "keras3/Adam/repeated rows": "it squares the gradients of a repeated row one by one; their sum is the row's gradient",
    ("keras3", "Adadelta"): "pending",
    ("keras3", "Adafactor"): "pending",
    ("keras3", "Adagrad"): "pending",
    ("keras3", "Adam"): "pending",
    ("keras3", "AdamW"): "pending",
    ("keras3", "Adamax"): "pending",
    ("keras3", "Ftrl"): "pending",
    ("keras3", "Lamb"): "pending",
    ("keras3", "Lion"): "pending",
    ("keras3", "Muon"): "pending",
    ("keras3", "Nadam"): "pending",
    ("keras3", "RMSprop"): "pending",
    ("keras3", "SGD"): "pending",
    ("keras3", "ScheduleFreeAdamW"): "pending",
    ("optax", "MultiSteps"): "pending",
    ("optax", "adabelief"): "pending",
    ("optax", "adadelta"): "pending",
    ("optax", "adafactor"): "pending",
    ("optax", "adagrad"): "pending",
    ("optax", "adam"): "pending",
    ("optax", "adamax"): "pending",
    ("optax", "adamaxw"): "pending",
    ("optax", "adamw"): "pending",
    ("optax", "adan"): "pending",
    ("optax", "adaptive_grad_clip"): "pending",
    ("optax", "add_decayed_weights"): "pending",
    ("optax", "ademamix"): "pending",
    ("optax", "adopt"): "pending",
    ("optax", "amsgrad"): "pending",
    ("optax", "apply_if_finite"): "pending",
    ("optax", "centralize"): "pending",
    ("optax", "clip"): "pending",
    ("optax", "clip_by_block_rms"): "pending",
    ("optax", "clip_by_global_norm"): "pending",
    ("optax", "dog"): "pending",
    ("optax", "ema"): "pending",
    ("optax", "fromage"): "pending",
    ("optax", "lamb"): "pending",
    ("optax", "lars"): "pending",
    ("optax", "lion"): "pending",
    ("optax", "lookahead"): "pending",
    ("optax", "multi_transform"): "pending",
    ("optax", "muon"): "pending",
    ("optax", "nadam"): "pending",
    ("optax", "nadamw"): "pending",
    ("optax", "normalize_by_update_norm"): "pending",
    ("optax", "novograd"): "pending",
    ("optax", "optimistic_gradient_descent"): "pending",
    ("optax", "prodigy"): "pending",
    ("optax", "radam"): "pending",
    ("optax", "rmsprop"): "pending",
    ("optax", "rprop"): "pending",
    ("optax", "sam"): "pending",
    ("optax", "scale_by_trust_ratio"): "pending",
    ("optax", "schedule_free_adamw"): "pending",
    ("optax", "schedule_free_sgd"): "pending",
    ("optax", "sgd"): "pending",
    ("optax", "sign_sgd"): "pending",
    ("optax", "signum"): "pending",
    ("optax", "sm3"): "pending",
    ("optax", "yogi"): "pending",
    ("optax", "zero_nans"): "pending",
    ("tf_keras", "Adadelta"): "pending",
    ("tf_keras", "Adafactor"): "pending",
    ("tf_keras", "Adagrad"): "pending",
    ("tf_keras", "Adam"): "pending",
    ("tf_keras", "AdamW"): "pending",
    ("tf_keras", "Adamax"): "pending",
    ("tf_keras", "Ftrl"): "pending",
    ("tf_keras", "Lion"): "pending",
    ("tf_keras", "Nadam"): "pending",
    ("tf_keras", "RMSprop"): "pending",
    ("tf_keras", "SGD"): "pending",
    ("tf_keras_legacy", "Adadelta"): "pending",
    ("tf_keras_legacy", "Adagrad"): "pending",
    ("tf_keras_legacy", "Adam"): "pending",
    ("tf_keras_legacy", "Adamax"): "pending",
    ("tf_keras_legacy", "Ftrl"): "pending",
    ("tf_keras_legacy", "Nadam"): "pending",
    ("tf_keras_legacy", "RMSprop"): "pending",
    ("tf_keras_legacy", "SGD"): "pending",
    ("torch", "ASGD"): "pending",
    ("torch", "Adadelta"): "pending",
    ("torch", "Adafactor"): "pending",
    ("torch", "Adagrad"): "pending",
    ("torch", "Adam"): "pending",
    ("torch", "AdamW"): "pending",
    ("torch", "Adamax"): "pending",
    ("torch", "Muon"): "pending",
    ("torch", "NAdam"): "pending",
    ("torch", "RAdam"): "pending",
    ("torch", "RMSprop"): "pending",
    ("torch", "Rprop"): "pending",
    ("torch", "SGD"): "pending",
    ("torch", "SparseAdam"): "pending",
}


def face_of(case: Case) -> MakeOptimizer | None:
    """graphopt's counterpart of a case, if it is to be compared."""
    return None if case.name in NOT_OURS else FACES.get(case.key)
