"""Monitored sessions, hooks and training loops do what TensorFlow 2.21 and tf_slim 1.1.0 were recorded doing.

The order of calls, the values that hooks see, log lines, files, events and refusals. The programs: `cases_monitored.py` and
`cases_monitored_hooks.py`; how they were recorded: `record_monitored.py`.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cases_monitored  # noqa: F401 (enters its programs)
import cases_monitored_hooks  # noqa: F401 (enters its programs)
import pytest
from monitored_programs import PROGRAMS, run_program
from peer_compare import tree_differences
from peer_store import load

import graphopt as tf
from graphopt.summary import Event

RECORDED = load("monitored.json.gz")
SLIM = SimpleNamespace(learning=tf.contrib.slim.learning, training=tf.contrib.training, evaluation=tf.contrib.training)
MODULE = SimpleNamespace(**{**vars(tf), "Event": Event, "slim": SLIM})


def test_every_program_is_recorded() -> None:
    assert RECORDED.keys() == PROGRAMS.keys(), "run record_monitored.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str, tmp_path: Path) -> None:
    got: Any = run_program(MODULE, name, tmp_path, "graphopt")
    differences = tree_differences(got, RECORDED[name], 1e-6, 0.0)
    if differences:
        pytest.fail(f"{name} differs from TensorFlow:\n  " + "\n  ".join(differences), pytrace=False)
