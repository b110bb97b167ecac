"""Records what TensorFlow's own kernels, which ``tf.contrib.opt`` called, do to a variable. Run where TensorFlow 2 is installed.

The contrib classes are gone from TensorFlow 2, but the kernels are not: ``python record_kernels.py`` writes ``kernels.json``.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

STEPS = 6
START = [[1.0, -2.0, 0.5], [0.25, -0.125, 3.0]]


def gradients() -> list[list[list[float]]]:
    random = np.random.RandomState(4)
    made = np.round(random.randn(STEPS, 2, 3) * 64) / 64
    made[2] = 0.0
    return made.tolist()


def run(name: str, dtype: tf.DType) -> list[list[list[float]]]:
    raw = tf.raw_ops
    var, m = tf.Variable(tf.constant(START, dtype)), tf.Variable(tf.zeros([2, 3], dtype))
    v = tf.Variable(tf.fill([2, 3], tf.constant(0.1 if "adagrad" in name else 0.0, dtype)))

    def number(value: float) -> tf.Tensor:
        return tf.constant(value, dtype)

    after = []
    for t, gradient in enumerate(gradients(), 1):
        grad = tf.constant(gradient, dtype)
        base = {"var": var.handle, "grad": grad, "lr": number(0.1)}
        adam = {"m": m.handle, "v": v.handle, "beta1": number(0.9), "beta2": number(0.999), "epsilon": number(1e-8)}
        powers = {"beta1_power": number(0.9**t), "beta2_power": number(0.999**t)}
        sign = {"m": m.handle, "sign_decay": number(1 - t / 10), "beta": number(0.9)}
        if name == "adam":
            raw.ResourceApplyAdam(**base, **adam, **powers)
        elif name == "nadam":
            raw.ResourceApplyAdam(**base, **adam, **powers, use_nesterov=True)
        elif name == "ada_max":
            raw.ResourceApplyAdaMax(**base, **adam, beta1_power=powers["beta1_power"])
        elif name == "add_sign":
            raw.ResourceApplyAddSign(**base, **sign, alpha=number(0.5))
        elif name == "power_sign":
            raw.ResourceApplyPowerSign(**base, **sign, logbase=number(np.log(3.0)))
        elif name == "adagrad":
            raw.ResourceApplyAdagrad(**base, accum=v.handle)
        else:
            raw.ResourceApplyAdagrad(**base, accum=v.handle, update_slots=False)
        after.append(var.numpy().tolist())
    return after


if __name__ == "__main__":
    names = ["adam", "nadam", "ada_max", "add_sign", "power_sign", "adagrad", "still_adagrad"]
    recorded = {f"{name} {dtype.name}": run(name, dtype) for name in names for dtype in (tf.float32, tf.float64)}
    content = {"tensorflow": tf.__version__, "start": START, "gradients": gradients(), "weights": recorded}
    Path(__file__).with_name("kernels.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
