"""Every op of the public surface does what TensorFlow was recorded doing: values, types, static shapes, names, gradients and refusals.

One family: `pytest tests/peers/test_ops_agree.py -k "nn/"`. Which cases there are: `cases_ops.py`. How they were recorded:
`record_tensorflow.py`.
"""

from __future__ import annotations

import numpy as np
import pytest
from cases_ops import ERRORS, OPS
from peer_compare import error_differences, gradient_differences, value_differences
from peer_observe import observe_error, observe_gradients, observe_values
from peer_store import load

import graphopt as tf

pytestmark = pytest.mark.filterwarnings("ignore")  # what is warned of is not the subject here

RECORDED = load("ops.json.gz")
DIFFERENTIABLE = [n for n, c in OPS.items() if c.gradient and RECORDED.get(n, {}).get("gradients")]


def value_shapes(name: str) -> list[tuple[int, ...] | None]:
    return [None if v is None else np.shape(v) for v in RECORDED[name]["values"]]


def report(name: str, differences: list[str], why: str = "") -> None:
    if differences:
        note = f"\n  note: {why}" if why else ""
        pytest.fail(f"{name} differs from TensorFlow:\n  " + "\n  ".join(differences) + note, pytrace=False)


def test_every_case_is_recorded() -> None:
    assert RECORDED.keys() == OPS.keys() | ERRORS.keys(), "run record_tensorflow.py"


@pytest.mark.parametrize("name", OPS)
def test_values(name: str) -> None:
    case = OPS[name]
    report(name, value_differences(case, observe_values(tf, case, hidden=False), RECORDED[name]), case.why)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients(name: str) -> None:
    case = OPS[name]
    seen = observe_gradients(tf, case, value_shapes(name), hidden=False)
    report(name, gradient_differences(case, seen, RECORDED[name]["gradients"]), case.why)


@pytest.mark.parametrize("name", [n for n, c in OPS.items() if c.hidden])
def test_values_with_a_hidden_dimension(name: str) -> None:
    case = OPS[name]
    report(name, value_differences(case, observe_values(tf, case, hidden=True), RECORDED[name], "hidden_shapes"), case.why)


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if OPS[n].hidden])
def test_gradients_with_a_hidden_dimension(name: str) -> None:
    case = OPS[name]
    seen = observe_gradients(tf, case, value_shapes(name), hidden=True)
    report(name, gradient_differences(case, seen, RECORDED[name]["gradients"]), case.why)


@pytest.mark.parametrize("name", ERRORS)
def test_refusals(name: str) -> None:
    report(name, error_differences(observe_error(tf, ERRORS[name]), RECORDED[name]))
