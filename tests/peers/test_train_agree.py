"""Optimizers, schedules, clips, averages, `optimize_loss`, variables and names do what TensorFlow was recorded doing.

One family: `pytest tests/peers/test_train_agree.py -k "optimizers/"`. Which scenarios there are: `cases_train.py`. How they were
recorded: `record_tensorflow.py`.
"""

from __future__ import annotations

import pytest
from cases_train import SCENARIOS
from peer_compare import tree_differences
from peer_observe import observe_scenario
from peer_store import load

import graphopt as tf

pytestmark = pytest.mark.filterwarnings("ignore")  # what is warned of is not the subject here

RECORDED = load("train.json.gz")


def test_every_scenario_is_recorded() -> None:
    assert RECORDED.keys() == SCENARIOS.keys(), "run record_tensorflow.py"


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str) -> None:
    case = SCENARIOS[name]
    differences = tree_differences(observe_scenario(tf, case), RECORDED[name], case.rtol, case.atol)
    if differences:
        note = f"\n  note: {case.why}" if case.why else ""
        pytest.fail(f"{name} differs from TensorFlow:\n  " + "\n  ".join(differences) + note, pytrace=False)
