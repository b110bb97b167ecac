"""Every optimizer takes the path that its peer was recorded taking.

One peer: `pytest tests/peers/test_trajectories_agree.py -k optax/`. Which cases there are: `trajectories/cases.py`. How they were
recorded: `trajectories/record_*.py`. What graphopt has for each: `trajectories/faces.py`.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from trajectories.case import TABLE, UNTOUCHED_ROW, Call, Case, Rows, data_of, gradient_of_quadratic
from trajectories.cases import CASES
from trajectories.faces import FACES, NOT_OURS, face_of
from trajectories.replay import deviation, replay
from trajectories.store import load, load_peers

import graphopt as tf

RECORDED = load()
COMPARED = [name for name, case in CASES.items() if face_of(case) is not None]


@pytest.mark.parametrize("name", COMPARED)
def test_the_path_is_the_peers(name: str) -> None:
    case = CASES[name]
    make = FACES[case.key]
    assert replay(tf, case, RECORDED[name], make) <= case.tolerance


def test_every_case_is_recorded() -> None:
    assert RECORDED.keys() == CASES.keys(), "run the recorders in trajectories/"
    assert load_peers().keys() == {case.peer for case in CASES.values()}
    assert not [name for name, record in RECORDED.items() if "raises" in record]


@pytest.mark.parametrize("name", CASES)
def test_a_record_has_every_step(name: str) -> None:
    start, gradients = data_of(CASES[name])
    weights = RECORDED[name]["weights"]
    assert {k: (v.shape, v.dtype) for k, v in weights.items()} == {k: ((len(gradients), *w.shape), w.dtype) for k, w in start.items()}
    assert any(deviation(weights[k][-1], w) > 0 for k, w in start.items()) or "clipnorm zero" in name


def test_every_case_is_compared_or_has_a_reason() -> None:
    unexplained = {case.key for case in CASES.values() if case.key not in FACES and case.key not in NOT_OURS and case.name not in NOT_OURS}
    assert not unexplained, "write in trajectories/faces.py what graphopt has for them, or why it has nothing"


def test_the_table_has_nothing_else() -> None:
    keys = {case.key for case in CASES.values()}
    assert FACES.keys() <= keys
    assert NOT_OURS.keys() <= keys | CASES.keys()
    assert not FACES.keys() & NOT_OURS.keys(), "these are compared: their reasons are out of date"
    assert all(NOT_OURS.values())


# ---- the tools themselves -----------------------------------------------------------------------------------------------


def test_deviation_is_relative_to_the_recorded_or_to_one() -> None:
    assert deviation([1e-3, 2.0], [0.0, 2.0]) == 1e-3
    assert deviation([101.0], [100.0]) == 0.01
    assert deviation([math.nan, math.inf], [math.nan, math.inf]) == 0
    assert deviation([math.nan], [1.0]) == math.inf
    assert deviation([math.inf], [-math.inf]) == math.inf
    assert deviation([1.0], [[1.0]]) == math.inf


@pytest.mark.parametrize("sparse", [False, True])
def test_a_wrong_rule_is_noticed(sparse: bool) -> None:
    name = "tensorflow_v1/GradientDescentOptimizer/plain" + " sparse" * sparse
    assert replay(tf, CASES[name], RECORDED[name], lambda tf, case: tf.train.GradientDescentOptimizer(0.126)) > 1e-3


def test_gradients_from_the_weights() -> None:
    case = CASES["optax/sgd/quadratic"]
    assert gradient_of_quadratic({"w": np.ones(3)})["w"].tolist() == [0.125, 0.28125, 0.5]

    def momentum(tf: Any, case: Case) -> Any:
        return tf.train.MomentumOptimizer(case.kwargs["learning_rate"], case.kwargs["momentum"])

    assert replay(tf, case, RECORDED[case.name], momentum) <= case.tolerance


def test_constraints_reach_the_variable() -> None:
    case = CASES["tf_keras_legacy/SGD/constraint"]

    def unconstrained(tf: Any, case: Case) -> Any:
        seen = []

        def apply_gradients(pairs: Any) -> Any:
            seen.extend(v.constraint is not None for _, v in pairs)
            assert seen == [True, False]
            return tf.no_op()

        return SimpleNamespace(apply_gradients=apply_gradients)

    assert replay(tf, case, RECORDED[case.name], unconstrained) > case.tolerance


class AveragedMomentum:
    """Momentum whose weights are averaged at 0.75, from TensorFlow 1's parts."""

    def __init__(self, tf: Any, case: Case) -> None:
        self.optimizer = tf.train.MomentumOptimizer(case.kwargs["learning_rate"], case.kwargs["momentum"])
        self.averages: dict[str, Any] = {}

    def apply_gradients(self, pairs: Any) -> Any:
        self.averages = {v.op.name: tf.Variable(v.initialized_value(), trainable=False) for _, v in pairs}
        with tf.control_dependencies([self.optimizer.apply_gradients(pairs)]):
            updates = [tf.assign(a, 0.75 * a + 0.25 * v.read_value()) for a, (_, v) in zip(self.averages.values(), pairs, strict=True)]
        return tf.group(*updates)

    def beside(self, variables: Any) -> Any:
        return {"averages": {name: self.averages[name] for name in variables}}

    def finalize_variable_values(self, variables: Any) -> Any:
        return tf.group(*(tf.assign(v, self.averages[v.op.name]) for v in variables))


def test_what_is_beside_the_weights_is_compared() -> None:
    case = CASES["tf_keras/SGD/ema"]
    record = RECORDED[case.name]
    assert replay(tf, case, record, AveragedMomentum) <= case.tolerance
    for kind in ("averages", "finalized"):
        wrong = {**record, kind: {name: value + 1 for name, value in record[kind].items()}}
        assert replay(tf, case, wrong, AveragedMomentum) > 0.1


def test_sparse_gradients_repeat_a_row_and_leave_one() -> None:
    case = Case("a", "peer", "cls", {"learning_rate": Call("constant", {})}, shapes=TABLE, sparse=True)
    for given in data_of(case)[1]:
        rows = given["table"]
        assert isinstance(rows, Rows)
        assert len(set(rows.indices.tolist())) < len(rows.indices)
        assert UNTOUCHED_ROW not in rows.indices
