"""Records the trajectories of Keras 3's optimizers on its TensorFlow backend; graphopt is not imported.

python -m pip install tensorflow-cpu==2.21.0 keras==3.15.1
cd tests/peers && python -m trajectories.record_keras3
"""

from __future__ import annotations

import os
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="", KERAS_BACKEND="tensorflow")
os.environ.pop("TF_USE_LEGACY_KERAS", None)

import keras
import numpy as np
import tensorflow as tf
from trajectories.case import Case
from trajectories.record_keras import described, run
from trajectories.replay import keras_optimizer
from trajectories.store import record_peer


class Bounds(keras.constraints.Constraint):
    """Keras 3 checks that a constraint is one of its own."""

    def __init__(self, clip: Any) -> None:
        self.clip = clip

    def __call__(self, w: Any) -> Any:
        return self.clip(w)


def make_variable(name: str, value: np.ndarray, constraint: Any) -> keras.Variable:
    variable = keras.Variable(value, name=name, dtype=value.dtype.name)
    if constraint is not None:
        variable.constraint = Bounds(constraint)
    return variable


def record(case: Case) -> dict[str, Any]:
    keras.backend.clear_session()  # so that automatic names begin anew
    optimizer = keras_optimizer(case, keras.optimizers, keras.optimizers.schedules)
    made, _ = run(case, optimizer, make_variable)
    return {**made, **described(optimizer.variables, lambda v: v.path)}


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    record_peer("keras3", f"keras {keras.__version__}, tensorflow {tf.__version__}", record)
