"""Records the trajectories of tf_keras's optimizers, the newer and the legacy ones; graphopt is not imported.

python -m pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0
cd tests/peers && python -m trajectories.record_tf_keras
"""

from __future__ import annotations

import os
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")

import numpy as np
import tensorflow as tf
import tf_keras
from trajectories.case import Case
from trajectories.record_keras import described, run
from trajectories.replay import keras_optimizer
from trajectories.store import record_peer


def make_variable(name: str, value: np.ndarray, constraint: Any) -> tf.Variable:
    return tf.Variable(value, name=name, constraint=constraint)


def record(case: Case) -> dict[str, Any]:
    optimizer = keras_optimizer(case, tf_keras.optimizers, tf_keras.optimizers.schedules)
    made, _ = run(case, optimizer, make_variable)
    return {**made, **described(optimizer.variables, lambda v: v.name)}


def record_legacy(case: Case) -> dict[str, Any]:
    optimizer = keras_optimizer(case, tf_keras.optimizers.legacy, tf_keras.optimizers.schedules)
    made, _ = run(case, optimizer, make_variable)
    return {**made, **described(optimizer.weights, lambda v: v.name)}


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    VERSION = f"tf_keras {tf_keras.__version__}, tensorflow {tf.__version__}"
    record_peer("tf_keras", VERSION, record)
    record_peer("tf_keras_legacy", VERSION, record_legacy)
