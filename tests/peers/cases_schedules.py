"""Every learning rate decay of `tf.train` at the steps 0 to 12, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from peer_case import Raised, ScenarioTable, raised

schedules = ScenarioTable("schedules")

Decay = Callable[[Any, Any, Any], Any]
STEPS = 13


def values(tf: Any, decay: Decay, *, rate_type: str | None = None, step_type: str = "int64") -> dict[str, Any]:
    """The decayed rate at every step, its type and its scope. `rate_type` None gives the rate as a Python float."""
    step = tf.placeholder(step_type, [], name="step")
    rate = 0.5 if rate_type is None else tf.constant(0.5, dtype=rate_type, name="rate")
    decayed = decay(tf, rate, step)
    with tf.Session() as session:
        found = [session.run(decayed, {step: i}) for i in range(STEPS)]
    return {"scope": decayed.op.name.split("/")[0], "dtype": decayed.dtype.base_dtype.name, "values": np.stack(found)}


DECAYS: dict[str, Decay] = {
    "exponential": lambda tf, r, s: tf.train.exponential_decay(r, s, 4, 0.7),
    "exponential/staircase": lambda tf, r, s: tf.train.exponential_decay(r, s, 4, 0.7, staircase=True),
    "exponential/growing": lambda tf, r, s: tf.train.exponential_decay(r, s, 5, 1.5),
    "exponential/every_step": lambda tf, r, s: tf.train.exponential_decay(r, s, 1, 0.9),
    "exponential/keywords": lambda tf, r, s: tf.train.exponential_decay(
        learning_rate=r, global_step=s, decay_steps=3, decay_rate=0.5, staircase=True, name="lr"
    ),
    "inverse_time": lambda tf, r, s: tf.train.inverse_time_decay(r, s, 3, 0.5),
    "inverse_time/staircase": lambda tf, r, s: tf.train.inverse_time_decay(r, s, 3, 0.5, staircase=True),
    "polynomial": lambda tf, r, s: tf.train.polynomial_decay(r, s, 8),
    "polynomial/square": lambda tf, r, s: tf.train.polynomial_decay(r, s, 8, 0.01, power=2.0),
    "polynomial/root": lambda tf, r, s: tf.train.polynomial_decay(r, s, 8, 0.01, power=0.5),
    "polynomial/cycle": lambda tf, r, s: tf.train.polynomial_decay(r, s, 4, 0.01, power=1.0, cycle=True),
    "polynomial/cycle_square": lambda tf, r, s: tf.train.polynomial_decay(r, s, 5, 0.05, power=2.0, cycle=True),
    "piecewise": lambda tf, r, s: tf.train.piecewise_constant(s, [2, 5, 9], [1.0, 0.5, 0.25, 0.125]),
    "piecewise/long_name": lambda tf, r, s: tf.train.piecewise_constant_decay(s, [3], [1.0, 0.5]),
    "piecewise/float_step": lambda tf, r, s: tf.train.piecewise_constant(tf.cast(s, tf.float32), [2.5, 5.5], [1.0, 0.5, 0.25]),
    "cosine": lambda tf, r, s: tf.train.cosine_decay(r, s, 10),
    "cosine/alpha": lambda tf, r, s: tf.train.cosine_decay(r, s, 7, alpha=0.2),
    "cosine_restarts": lambda tf, r, s: tf.train.cosine_decay_restarts(r, s, 3),
    "cosine_restarts/even": lambda tf, r, s: tf.train.cosine_decay_restarts(r, s, 4, t_mul=1.0, m_mul=0.8),
    "cosine_restarts/all": lambda tf, r, s: tf.train.cosine_decay_restarts(r, s, 4.1, t_mul=1.5, m_mul=0.9, alpha=0.1),
    "linear_cosine": lambda tf, r, s: tf.train.linear_cosine_decay(r, s, 10),
    "linear_cosine/all": lambda tf, r, s: tf.train.linear_cosine_decay(r, s, 8, num_periods=1.5, alpha=0.1, beta=0.01),
    "noisy_linear_cosine/no_noise": lambda tf, r, s: tf.train.noisy_linear_cosine_decay(r, s, 10, initial_variance=0.0, num_periods=1.0),
    "natural_exp": lambda tf, r, s: tf.identity(tf.train.natural_exp_decay(r, s, 3, 0.4), name="out"),
    "natural_exp/staircase": lambda tf, r, s: tf.identity(tf.train.natural_exp_decay(r, s, 3, 0.4, staircase=True), name="out"),
}
FLOAT64 = {"exponential", "inverse_time", "polynomial", "natural_exp"}  # TensorFlow 2.21 fails on the others
for label, decay_of in DECAYS.items():
    schedules.add(label, lambda tf, d=decay_of: values(tf, d), atol=2e-7, rtol=2e-5)
    if label.split("/")[0] in FLOAT64 and "cycle" not in label:
        schedules.add(
            f"{label}/float64",
            lambda tf, d=decay_of: values(tf, d, rate_type="float64"),
            rtol=2e-6,
            atol=1e-7,
            why="TensorFlow keeps some of the arguments in float32",
        )
schedules.add("exponential/int32_step", lambda tf: values(tf, DECAYS["exponential"], step_type="int32"))
schedules.add("piecewise/int32_step", lambda tf: values(tf, DECAYS["piecewise"], step_type="int32"))
schedules.add("polynomial/tensor_rate", lambda tf: values(tf, DECAYS["polynomial"], rate_type="float32"))
schedules.add(
    "tensor_arguments",
    lambda tf: values(tf, lambda tf, r, s: tf.train.exponential_decay(r, s, tf.constant(4.0), tf.constant(0.7)), rate_type="float32"),
)


@schedules("used_twice")
def names(tf: Any) -> list[str]:
    """Each schedule has a scope of its own, and the result takes the scope's name."""
    step = tf.train.get_or_create_global_step()
    twice = [tf.train.exponential_decay(0.1, step, 2, 0.5) for _ in range(2)]
    with tf.name_scope("train"):
        twice.append(tf.train.polynomial_decay(0.1, step, 10))
    return [t.name for t in twice]


REFUSALS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "exponential": (lambda tf: tf.train.exponential_decay(0.1, None, 2, 0.5), ""),
    "polynomial": (lambda tf: tf.train.polynomial_decay(0.1, None, 2), ""),
    "inverse_time": (lambda tf: tf.train.inverse_time_decay(0.1, None, 2, 0.5), ""),
    "cosine": (lambda tf: tf.train.cosine_decay(0.1, None, 2), ""),
    "cosine_restarts": (lambda tf: tf.train.cosine_decay_restarts(0.1, None, 2), ""),
    "linear_cosine": (lambda tf: tf.train.linear_cosine_decay(0.1, None, 2), ""),
    "piecewise_lengths": (
        lambda tf: tf.train.piecewise_constant(tf.constant(1), [1, 2], [1.0, 2.0]),
        "The length of boundaries should be 1 less than the length of values",
    ),
    "piecewise_boundary_type": (lambda tf: tf.train.piecewise_constant(tf.constant(1), [1.5], [1.0, 2.0]), ""),
    "piecewise_value_types": (lambda tf: tf.train.piecewise_constant(tf.constant(1), [1], [1.0, 2]), ""),
}


def refusal(tf: Any, action: Callable[[Any], Any], says: str) -> Raised | None:
    return raised(lambda: action(tf), says)


for label, (action, words) in REFUSALS.items():
    schedules.add(f"refused/{label}", lambda tf, a=action, s=words: refusal(tf, a, s))

TABLES = (schedules,)
