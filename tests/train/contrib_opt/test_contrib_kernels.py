"""The dense updates against TensorFlow's own kernels, recorded by ``record_kernels.py``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.tf1.contrib_opt import opt

RECORDED = json.loads(Path(__file__).with_name("kernels.json").read_text(encoding="utf-8"))


def decay(step: Any) -> Any:
    return 1.0 - tf.cast(step + 1, tf.float64) / 10.0


MAKE: dict[str, Callable[[], Any]] = {
    "adam": lambda: opt.LazyAdamOptimizer(0.1),
    "nadam": lambda: opt.NadamOptimizer(0.1),
    "ada_max": lambda: opt.AdaMaxOptimizer(0.1),
    "add_sign": lambda: opt.AddSignOptimizer(0.1, alpha=0.5, sign_decay_fn=decay),
    "power_sign": lambda: opt.PowerSignOptimizer(0.1, base=3.0, sign_decay_fn=decay),
    "adagrad": lambda: opt.RegAdagradOptimizer(0.1),
}


@pytest.mark.parametrize("name", RECORDED["weights"])
def test_as_tensorflow_s_kernel(name: str) -> None:
    kernel, dtype = name.split()
    made = MAKE[kernel.removeprefix("still_")]()
    w, g = tf.Variable(np.array(RECORDED["start"], dtype)), tf.placeholder(dtype, [2, 3])
    pairs, count = [(g, w)], tf.train.get_or_create_global_step()
    if kernel == "still_adagrad":
        with made.avoid_slot_update():
            step = made.apply_gradients(pairs, global_step=count)
    else:
        step = made.apply_gradients(pairs, global_step=count)
    after = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in RECORDED["gradients"]:
            session.run(step, {g: gradient})
            after.append(session.run(w))
    # In float32 the powers of beta2 are rounded before they are taken from 1, which loses three digits of what remains.
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(after, RECORDED["weights"][name], rtol=tolerance, atol=tolerance)
