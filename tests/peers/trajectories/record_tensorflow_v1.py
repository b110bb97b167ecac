"""Records the trajectories of `tf.compat.v1.train`'s optimizers in a graph; graphopt is not imported.

python -m pip install tensorflow-cpu==2.21.0
cd tests/peers && python -m trajectories.record_tensorflow_v1
"""

from __future__ import annotations

import os
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="")

import tensorflow
from tensorflow.compat import v1 as tf
from trajectories.case import Case, data_of
from trajectories.replay import feeds_of, placeholders
from trajectories.store import by_variable, record_peer


def record(case: Case) -> dict[str, Any]:
    start, gradients = data_of(case)
    with tf.Graph().as_default(), tf.Session() as session:
        variables = {name: tf.Variable(value, name=name) for name, value in start.items()}
        holders = placeholders(tf, gradients[0])
        kwargs = dict(case.kwargs)
        step = tf.train.get_or_create_global_step()
        if case.cls == "AdagradDAOptimizer":
            kwargs["global_step"] = step
        optimizer = getattr(tf.train, case.cls)(**kwargs)
        train_op = optimizer.apply_gradients([(holders[name], v) for name, v in variables.items()], global_step=step)
        session.run(tf.global_variables_initializer())
        weights = []
        for given in gradients:
            session.run(train_op, feeds_of(holders, given))
            weights.append(session.run(variables))
        made = optimizer.variables()
        values = session.run(made)
    return {
        "weights": by_variable(weights),
        "variables": [[v.name, v.shape.as_list(), v.dtype.base_dtype.name] for v in made],
        "state": values,
    }


if __name__ == "__main__":
    tf.disable_v2_behavior()
    tf.logging.set_verbosity(tf.logging.FATAL)
    record_peer("tensorflow_v1", f"tensorflow {tensorflow.__version__}, compat.v1", record)
