"""Keras's older optimizers do what tf_keras was recorded doing: weights, slots, their names and order, the counter, the configuration.

Which programs there are: `legacy_keras_programs.py`. How they were recorded: `record_legacy_keras.py`.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from legacy_keras_programs import STEPS, programs, run_program

import graphopt as tf
from graphopt.train.keras import legacy, schedules

RECORDED: dict[str, Any] = json.loads(gzip.decompress((Path(__file__).parent / "legacy_keras.json.gz").read_bytes()))["programs"]
PROGRAMS = programs()


def tolerance(program: dict[str, Any]) -> float:
    # Keras calculates schedules in float32, and has 0.96 as a float32 in Nadam.
    return 2e-6 if program["schedule"] or program["optimizer"] == "Nadam" else 1e-12


def test_every_program_is_recorded() -> None:
    assert list(RECORDED) == list(PROGRAMS), "run record_legacy_keras.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_weights_and_slots(name: str) -> None:
    program, expected = PROGRAMS[name], RECORDED[name]
    found = run_program(tf, legacy, schedules, program)
    assert found["names"] == expected["names"]
    assert found["slots"] == expected["slots"]
    assert len(found["states"]) == STEPS
    limit = tolerance(program)
    for step, (ours, theirs) in enumerate(zip(found["states"], expected["states"], strict=True)):
        for what, x, y in zip(found["names"], ours, theirs, strict=True):
            np.testing.assert_allclose(x, y, rtol=limit, atol=limit, err_msg=f"{what} after step {step + 1}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_configuration(name: str) -> None:
    program, expected = PROGRAMS[name], RECORDED[name]["config"]
    arguments = {} if program["schedule"] else program["arguments"]
    with tf.Graph().as_default():
        found = getattr(legacy, program["optimizer"])(**arguments).get_config()
    assert found.keys() == expected.keys()
    assert json.loads(json.dumps(found)) == found
    for key, value in expected.items():
        assert found[key] == (value if isinstance(value, str | bool) else pytest.approx(value, rel=1e-7)), key
