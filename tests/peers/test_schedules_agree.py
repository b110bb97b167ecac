"""Every schedule of tf_keras and optax at many steps, recorded by `record_schedules.py`, against graphopt's.

Keras calculates in float32 with arguments rounded to float32, so that the numbers agree to float32's precision; optax ran in float64.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import more_schedules, schedules

RECORDED = json.loads(gzip.decompress((Path(__file__).parent / "schedules.json.gz").read_bytes()))
STEPS = RECORDED["steps"]


def values_of(schedule: Any) -> Any:
    """Return the rates at all recorded steps, one run each."""
    with tf.Graph().as_default():
        step = tf.placeholder(tf.int64, [])
        rate = schedule(step)
        assert rate.dtype == tf.float64
        with tf.Session() as session:
            return [session.run(rate, {step: i}) for i in STEPS]


def test_the_recording_is_whole() -> None:
    assert (len(RECORDED["tf_keras"]), len(RECORDED["optax"]), len(STEPS)) == (21, 24, 62)
    assert {case["class_name"] for case in RECORDED["optax"]} == set(public(more_schedules)) - {"WarmUp"}


def public(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if isinstance(value, type)]


@pytest.mark.parametrize("case", RECORDED["tf_keras"], ids=lambda case: case["name"])
def test_a_schedule_agrees_with_keras(case: dict[str, Any]) -> None:
    got = values_of(schedules.deserialize({"class_name": case["class_name"], "config": case["config"]}))
    rate = max(case["values"])
    np.testing.assert_allclose(got, case["values"], rtol=1e-6, atol=1e-6 * rate)


@pytest.mark.parametrize("case", RECORDED["optax"], ids=lambda case: case["name"])
def test_a_schedule_agrees_with_optax(case: dict[str, Any]) -> None:
    got = values_of(schedules.deserialize({"class_name": case["class_name"], "config": case["config"]}))
    np.testing.assert_allclose(got, case["values"], rtol=1e-12, atol=1e-15)
