"""What graphopt has for each of the peers' classes, and what it has not.

An entry makes graphopt's counterpart from a case's keyword arguments; `replay.MakeOptimizer` says what it must be able to do.
"""

from __future__ import annotations

from typing import Any

from trajectories.case import Case
from trajectories.faces_common import CountedSteps, Key
from trajectories.faces_keras import KERAS_FACES, NOT_KERAS
from trajectories.faces_optax import NOT_OPTAX, OPTAX_FACES
from trajectories.faces_torch import NOT_TORCH, TORCH_FACES
from trajectories.replay import MakeOptimizer


def v1_optimizer(tf: Any, case: Case) -> Any:
    return getattr(tf.train, case.cls)(**case.kwargs)


def dual_averaging(tf: Any, case: Case) -> Any:
    step = tf.train.get_or_create_global_step()
    return CountedSteps(tf.train.AdagradDAOptimizer(**case.kwargs, global_step=step), step)


FACES: dict[Key, MakeOptimizer] = {
    **KERAS_FACES,
    **OPTAX_FACES,
    **TORCH_FACES,
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
NOT_OURS: dict[Key | str, str] = {**NOT_KERAS, **NOT_OPTAX, **NOT_TORCH}


def face_of(case: Case) -> MakeOptimizer | None:
    """graphopt's counterpart of a case, if it is to be compared."""
    return None if case.name in NOT_OURS else FACES.get(case.key)
