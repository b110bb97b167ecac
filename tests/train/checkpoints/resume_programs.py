"""Training programs that are stopped and resumed, and the script that does both.

    python resume_programs.py first FOLDER BACKEND     # N steps, a checkpoint, M further steps
    python resume_programs.py second FOLDER BACKEND    # the checkpoint, M further steps

Each writes losses and final variables of the M steps of every program to ``FOLDER/<which>-<program>.npz``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import graphopt as tf

BEFORE = 7
AFTER = 6


class Model:
    """A small network with dropout, and what it is fed."""

    def __init__(self, dtype: Any = tf.float32) -> None:
        self.x = tf.placeholder(dtype, [None, 3], name="x")
        self.step = tf.train.get_or_create_global_step()
        w = tf.get_variable("w", [3, 8], dtype)
        b = tf.get_variable("b", [8], dtype, initializer=tf.zeros_initializer())
        v = tf.get_variable("v", [8, 1], dtype, initializer=tf.glorot_uniform_initializer(seed=3, dtype=dtype))
        hidden = tf.tanh(tf.matmul(self.x, w) + b)
        # One without a seed, which draws one for the session, and one with.
        hidden = tf.nn.dropout(tf.nn.dropout(hidden, keep_prob=0.9), keep_prob=0.8, seed=5)
        self.loss = tf.reduce_mean(tf.square(tf.matmul(hidden, v) - 1.0))

    def feed(self, step: int) -> dict[Any, Any]:
        """Return what a run is fed."""
        return {self.x: np.random.RandomState(step).normal(size=(16, 3))}


def _adam() -> tuple[Model, Any]:
    model = Model()
    decay = lambda rate, step: tf.train.exponential_decay(rate, step, 3, 0.9)  # noqa: E731
    noise = {"gradient_noise_scale": 0.1, "gradient_noise": tf.train.stages.add_annealed_noise(0.1)}
    return model, tf.contrib.layers.optimize_loss(model.loss, model.step, 0.05, "Adam", learning_rate_decay_fn=decay, **noise)


def _accumulation_and_adaptive_clipping() -> tuple[Model, Any]:
    model = Model()
    clip = tf.contrib.layers.adaptive_clipping_fn(std_factor=0.5, decay=0.9, report_summary=False)
    # Seven runs are no multiple of three: the checkpoint holds half of a sum.
    more = {"accumulate_steps": 3, "clip_gradients": clip, "moving_average": 0.9, "lookahead": 2, "weight_decay": 0.01}
    return model, tf.contrib.layers.optimize_loss(model.loss, model.step, 0.1, "RMSProp", **more)


def _loss_scale() -> tuple[Model, Any]:
    model = Model()
    scale = tf.train.stages.LossScale(initial=2.0**127, growth_steps=2)
    more = {"loss_scale": scale, "non_finite": "skip"}
    return model, tf.contrib.layers.optimize_loss(model.loss, model.step, 0.1, "Adagrad", **more)


def _float64() -> tuple[Model, Any]:
    model = Model(tf.float64)
    return model, tf.contrib.layers.optimize_loss(model.loss, model.step, 0.05, "Adam", clip_gradients=1.0)


def _keras() -> tuple[Model, Any]:
    model = Model()
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.1, 20)
    optimizer = tf.keras.optimizers.AdamW(schedule, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=4)
    return model, tf.train.training_op(model.loss, optimizer=optimizer)


def _schedule_free() -> tuple[Model, Any]:
    model = Model()
    return model, tf.train.training_op(model.loss, optimizer=tf.optimizers.ScheduleFreeAdamW(0.05))


def _hyper() -> tuple[Model, Any]:
    model = Model()
    return model, tf.train.training_op(model.loss, optimizer=tf.train.AdamOptimizer(0.05, beta1=0.8))


def _streams() -> tuple[Model, Any]:
    model = Model()
    noise = tf.while_loop(lambda i, _: i < 3, lambda i, total: (i + 1, total + tf.random_normal([])), (0, 0.0))[1]
    coin = tf.cond(tf.random_uniform([]) < 0.5, lambda: tf.random_uniform([]), lambda: -tf.random_uniform([], seed=4))
    gamma = tf.reduce_sum(tf.random_gamma([3], 0.7)) + tf.to_float(tf.reduce_sum(tf.multinomial([[0.0, 1.0]], 4)))
    shuffled = tf.random_shuffle(tf.range(10))[0]
    loss = model.loss * (2.0 + 0.1 * (noise + coin + gamma + tf.to_float(shuffled)))
    return model, tf.train.training_op(loss, optimizer=tf.train.GradientDescentOptimizer(0.05))


PROGRAMS: dict[str, Callable[[], tuple[Model, Any]]] = {
    "adam": _adam,
    "accumulation": _accumulation_and_adaptive_clipping,
    "loss_scale": _loss_scale,
    "float64": _float64,
    "keras": _keras,
    "schedule_free": _schedule_free,
    "hyper": _hyper,
    "streams": _streams,
}


def _train(session: tf.Session, model: Model, train_op: Any, runs: range) -> list[Any]:
    losses = []
    for run in runs:
        if run == BEFORE - 2 and "beta1" in train_op.hyper:
            # A setting and a variable, or two settings, are changed by hand.
            train_op.hyper.of(session)["beta1"] = 0.7
            train_op.hyper.of(session)["learning_rate"] = 0.02
        losses.append(session.run(train_op, model.feed(run)))
    return losses


def run_program(name: str, which: str, folder: str, backend: str) -> None:
    """Do one program's part of one process."""
    with tf.Graph().as_default(), tf.Session(backend=backend) as session:
        model, train_op = PROGRAMS[name]()
        saver = tf.train.Saver()
        prefix = f"{folder}/{name}.ckpt"
        if which == "first":
            session.run(tf.global_variables_initializer())
            _train(session, model, train_op, range(BEFORE))
            saver.save(session, prefix)
        else:
            saver.restore(session, prefix)
        losses = _train(session, model, train_op, range(BEFORE, BEFORE + AFTER))
        values = {variable.op.name: session.run(variable) for variable in tf.global_variables()}
        np.savez(f"{folder}/{which}-{name}.npz", losses=losses, step=session.run(model.step), **values)


if __name__ == "__main__":
    for program in PROGRAMS:
        run_program(program, *sys.argv[1:])
