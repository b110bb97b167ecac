"""Layers as objects, further layers and functions do what TensorFlow 2.21, tf_keras and tf_slim 1.1.0 were recorded doing.

Values and gradients, names, static shapes, variables, collections and refusals. The programs: `cases_layer_objects.py`; how they were
recorded: `record_metrics_and_layers.py`.
"""

from __future__ import annotations

import pytest
from cases_layer_objects import TABLES
from cases_ops import by_name
from peer_compare import tree_differences
from peer_observe import observe_scenario
from peer_store import load

import graphopt as tf

pytestmark = pytest.mark.filterwarnings("ignore")  # what is warned of is not the subject here

RECORDED = load("layer_objects.json.gz")
PROGRAMS = by_name(TABLES)


def test_every_program_is_recorded() -> None:
    assert RECORDED.keys() == PROGRAMS.keys(), "run record_metrics_and_layers.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    case = PROGRAMS[name]
    differences = tree_differences(observe_scenario(tf, case), RECORDED[name], case.rtol, case.atol)
    if differences:
        pytest.fail(f"{name} differs from TensorFlow:\n  " + "\n  ".join(differences), pytrace=False)
