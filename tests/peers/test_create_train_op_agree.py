"""`slim.learning.create_train_op` and `contrib.training.create_train_op` do what tf_slim 1.1.0 was recorded doing.

Losses, variables by name, tags and values of summaries, names, collections and refusals. The programs: `cases_create_train_op.py`; how
they were recorded: `record_create_train_op.py`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from cases_create_train_op import PROGRAMS
from peer_compare import tree_differences
from peer_store import load

import graphopt as tf
from graphopt.tf1 import slim
from graphopt.train import create_train_op, slim_stages

RECORDED = load("create_train_op.json.gz")
TRAINING = SimpleNamespace(**{**vars(slim_stages), "create_train_op": create_train_op.create_train_op})


def test_every_program_is_recorded() -> None:
    assert RECORDED.keys() == PROGRAMS.keys(), "run record_create_train_op.py"


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    with tf.Graph().as_default():
        got: Any = PROGRAMS[name](tf, slim.learning, TRAINING)
    differences = tree_differences(got, RECORDED[name], 2e-5, 2e-6)
    if differences:
        pytest.fail(f"{name} differs from tf_slim:\n  " + "\n  ".join(differences), pytrace=False)
