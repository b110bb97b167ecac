"""Stages against optax's transformations of gradients, as recorded by `record_stages.py`."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

STORED = json.loads(gzip.decompress((Path(__file__).parent / "stages.json.gz").read_bytes()))
stages = tf.train.stages


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as fresh:
        yield fresh


def adam() -> Any:
    return tf.train.AdamOptimizer(0.1, epsilon=0.0)


def sgd() -> Any:
    return tf.train.GradientDescentOptimizer(0.1)


CASES: dict[str, tuple[Callable[[], Any], Callable[[], list[Any]]]] = {
    "accumulate": (adam, lambda: [stages.accumulate(3)]),
    "accumulate the sum": (adam, lambda: [stages.accumulate(3, "sum")]),
    "skip": (adam, lambda: [stages.skip_non_finite()]),
    "skip up to a bound": (sgd, lambda: [stages.skip_non_finite(2, "apply")]),
    "clip by unit ratio": (adam, lambda: [stages.clip_by_unit_ratio(0.05)]),
    "clip by block rms": (sgd, lambda: [stages.clip_by_block_rms(0.3)]),
    "clip by global norm": (sgd, lambda: [stages.clip_by_global_norm(0.7)]),
    "clip by value": (sgd, lambda: [stages.clip_by_value(0.4)]),
    "centralize": (adam, lambda: [stages.centralize()]),
    "decay": (adam, lambda: [stages.decay_weights(0.05)]),
    "three in order": (adam, lambda: [stages.clip_by_value(0.8), stages.clip_by_global_norm(0.7), stages.centralize()]),
    "three in another order": (sgd, lambda: [stages.centralize(), stages.clip_by_global_norm(0.7), stages.clip_by_value(0.2)]),
    "look ahead": (adam, lambda: [stages.look_ahead(4, 0.3)]),
}


def test_every_recorded_case_is_compared() -> None:
    assert set(CASES) == set(STORED["cases"])


@pytest.mark.parametrize("name", CASES)
def test_stages_train_as_optax_does(name: str) -> None:
    optimizer, chosen = CASES[name]
    recorded = STORED["cases"][name]
    w = tf.Variable(np.array(STORED["start"]), name="w")
    g = tf.placeholder(tf.float64, [4, 3])
    train_op = tf.train.training_op(tf.reduce_sum(w * g), optimizer=optimizer(), stages=chosen())
    found = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for i, gradient in enumerate(recorded["gradients"]):
            session.run(train_op, {g: gradient})
            if i % 4 == 3:
                found.append(session.run(w))
    # optax adds gradients up in float32.
    tolerance = 1e-7 if "accumulate" in name else 1e-13
    np.testing.assert_allclose(found, recorded["weights"], rtol=tolerance, atol=tolerance)
