"""What a `py_func` is given is its own: it may keep it and return it, however often the step runs."""

from typing import Any

import numpy as np

import graphopt as tf


def test_what_a_function_keeps_or_returns_stays_as_it_was() -> None:
    kept: list[Any] = []

    def keep(v: Any) -> Any:
        kept.append(v)
        return v

    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [64])
        returned = tf.py_func(keep, [x * 2.0], tf.float32)
        returned.set_shape([64])
        with tf.control_dependencies([returned]):
            # Made after it, where its operand was.
            busy = tf.sin(tf.exp(x * 0.1) + 1.0) * 3.0
        both = [tf.log(returned) + busy, returned]
        for i in range(1, 9):
            assert session.run(both, {x: np.full(64, i)})[1].tolist() == [2.0 * i] * 64
    assert [float(v[0]) for v in kept] == [2.0 * i for i in range(1, 9)]
    assert all((v == v[0]).all() for v in kept)
