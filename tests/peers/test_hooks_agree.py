"""Stock hooks act at the steps and seconds, log, write, feed, wait and refuse as TensorFlow 2.21 was recorded doing.

The programs: `cases_hooks.py` and `cases_hooks_writing.py`; how they were recorded: `record_hooks.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cases_hooks  # noqa: F401 (enters its programs)
import cases_hooks_writing  # noqa: F401 (enters its programs)
import pytest
from hook_programs import HOOK_PROGRAMS, run_hook_program
from peer_compare import tree_differences
from peer_store import load

import graphopt as tf
from graphopt.summary import Event

RECORDED = load("hooks.json.gz")


class Module:
    """The package, with the class of events; its hooks do not read the step in the run."""

    Event = Event
    reads_of_step = list

    def __getattr__(self, name: str) -> Any:
        return getattr(tf, name)


def test_every_program_is_recorded() -> None:
    assert RECORDED.keys() == HOOK_PROGRAMS.keys(), "run record_hooks.py"
    assert len(HOOK_PROGRAMS) >= 25


@pytest.mark.parametrize("name", HOOK_PROGRAMS)
def test_programs(name: str, tmp_path: Path) -> None:
    got: Any = run_hook_program(Module(), name, tmp_path, "graphopt")
    differences = tree_differences(got, RECORDED[name], 1e-6, 0.0)
    if differences:
        pytest.fail(f"{name} differs from TensorFlow:\n  " + "\n  ".join(differences), pytrace=False)
