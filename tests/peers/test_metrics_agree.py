"""`tf.metrics`, `contrib.metrics` and confusion matrices do what TensorFlow 2.21 and tf_slim 1.1.0 were recorded doing.

Values and updates over batches, weights, types, names, variables, collections and refusals. The programs: `cases_metrics.py`; how they were
recorded: `record_metrics_and_layers.py`.
"""

from __future__ import annotations

import pytest
from cases_metrics import TABLES
from cases_ops import by_name
from peer_compare import tree_differences
from peer_observe import observe_scenario
from peer_store import load

import graphopt as tf

pytestmark = pytest.mark.filterwarnings("ignore")  # what is warned of is not the subject here

RECORDED = load("metrics.json.gz")
PROGRAMS = by_name(TABLES)


def test_every_program_is_recorded() -> None:
    assert RECORDED.keys() == PROGRAMS.keys(), "run record_metrics_and_layers.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    differences = tree_differences(observe_scenario(tf, PROGRAMS[name]), RECORDED[name], 2e-6, 1e-7)
    if differences:
        pytest.fail(f"{name} differs from TensorFlow:\n  " + "\n  ".join(differences), pytrace=False)
