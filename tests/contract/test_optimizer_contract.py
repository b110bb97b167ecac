"""What every registered optimizer keeps to: its closed form, that it trains, what sparse rows do.

An optimizer enters `graphopt.train.optimizers.registry.OPTIMIZERS` and gets all tests here; of its own it needs only a reference of a few
lines of NumPy in `optimizer_references`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optimizer_references import ONE_VARIABLE, WHOLE_MODEL, expected
from optimizer_setup import (
    BACKENDS,
    NAMES,
    Training,
    apply_gradients,
    gradients_of,
    largest_deviation,
    make_optimizer,
    random_arrays,
)
from optimizer_training import FOR_ROSENBROCK, parabola, rosenbrock
from optimizer_variants import VARIANTS

import graphopt as tf
from graphopt.train.optimizers.registry import OPTIMIZERS


def deviation_of_paths(got: Any, want: Any) -> float:
    assert len(got) == len(want)
    return max(largest_deviation(g[key], w[key]) for g, w in zip(got, want, strict=True) for key in w)


NAMESPACES = (tf.train, tf.keras.optimizers, tf.keras.optimizers.legacy, tf.contrib.opt, tf.optimizers)
# Public classes that are not in the list: bases and mixins, and what cannot be made and trained as all others can.
NOT_LISTED = {
    tf.train.Optimizer: "a base",
    tf.train.RuleOptimizer: "a base",
    tf.keras.optimizers.Optimizer: "a base",
    tf.keras.optimizers.legacy.Optimizer: "a base",
    tf.contrib.opt.DecoupledWeightDecayExtension: "a mixin",
    tf.contrib.opt.GGTOptimizer: "it takes all variables for one vector, so that they must have one element type",
    tf.optimizers.Groups: "its groups name variables",
    tf.optimizers.SAM: "listed as a function that makes one around gradient descent",
    tf.train.SyncReplicasOptimizer: "it refuses to train",
}


def test_every_public_optimizer_is_listed() -> None:
    public = {found for space in NAMESPACES for found in vars(space).values() if isinstance(found, type)}
    optimizers = {found for found in public if hasattr(found, "apply_gradients")}
    listed = {entry.make for entry in OPTIMIZERS.values()}
    assert len(optimizers) > 60
    assert optimizers - listed == set(NOT_LISTED)


def test_every_optimizer_has_a_reference() -> None:
    known = ONE_VARIABLE.keys() | WHOLE_MODEL.keys()
    assert not set(NAMES) - known, "write their formulas down in optimizer_references.py"
    assert not known - set(NAMES)
    assert VARIANTS.keys() <= set(NAMES)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_closed_form(name: str, backend: str) -> None:
    start, steps = random_arrays(0), gradients_of(9)
    seen = Training(name, start, backend=backend).after(steps)
    assert deviation_of_paths(seen, expected(name, start, steps, OPTIMIZERS[name].example)) < 1e-12


@pytest.mark.parametrize("name,changes", [(name, changes) for name, many in VARIANTS.items() for changes in many])
def test_closed_form_of_variants(name: str, changes: dict[str, Any]) -> None:
    start, steps = random_arrays(0), gradients_of(9)
    seen = Training(name, start, optimizer=lambda: make_optimizer(name, **changes)).after(steps)
    assert deviation_of_paths(seen, expected(name, start, steps, {**OPTIMIZERS[name].example, **changes})) < 1e-12


def in_float32(arguments: Any) -> dict[str, Any]:
    return {key: float(np.float32(value)) if isinstance(value, float) else value for key, value in arguments.items()}


@pytest.mark.parametrize("name", [name for name in NAMES if "learning_rate" in OPTIMIZERS[name].example])
def test_float64_variables_have_float64_hyper_parameters(name: str) -> None:
    # 0.1 has no float32 form. Whoever rounds it on the way is further off, of the length of the way, than rounding in float64 can be.
    start, steps = random_arrays(0), gradients_of(3)
    arguments = {**OPTIMIZERS[name].example, "learning_rate": 0.1}
    seen = Training(name, start, optimizer=lambda: make_optimizer(name, learning_rate=0.1)).after(steps)[-1]
    exact, rounded = [expected(name, start, steps, given)[-1] for given in (arguments, in_float32(arguments))]
    length = max(float(np.max(np.abs(seen[key] - start[key]))) for key in start)
    assert max(largest_deviation(seen[key], exact[key]) for key in start) < 1e-11 * length
    assert max(largest_deviation(seen[key], rounded[key]) for key in start) > 1e-10 * length


# --- training ----------------------------------------------------------------------------------------------------------------


def steps_until_small(name: str, make_loss: Callable[[], Any], arguments: Any, most: int) -> int:
    """How many steps, in hundreds of five, an optimizer takes until the loss is a hundredth of what it was."""
    with tf.Graph().as_default(), tf.Session() as session:
        loss = make_loss()
        optimizer = make_optimizer(name, **arguments)
        train_op = apply_gradients(optimizer, optimizer.compute_gradients(loss, tf.trainable_variables()))
        with tf.control_dependencies([train_op]):
            loss_after = tf.identity(loss)
        session.run(tf.global_variables_initializer())
        wanted, done, seen = session.run(loss) / 100, 0, np.inf
        while seen > wanted and done < most:
            seen, done = session.run_steps(loss_after, steps=500).losses[-1], done + 500
        assert seen <= wanted, f"{100 * wanted} became {seen} in {done} steps"
        return done


@pytest.mark.parametrize("name", NAMES)
def test_a_parabola_is_trained(name: str) -> None:
    assert steps_until_small(name, parabola, {}, most=2000)


@pytest.mark.parametrize("name", NAMES)
def test_rosenbrock_is_trained(name: str) -> None:
    arguments, _ = FOR_ROSENBROCK.get(name, ({}, ""))
    assert steps_until_small(name, rosenbrock, arguments, most=5000)


def test_other_arguments_for_rosenbrock_have_a_reason() -> None:
    assert FOR_ROSENBROCK.keys() <= set(NAMES)
    assert all(reason for _, reason in FOR_ROSENBROCK.values())


# --- sparse rows -------------------------------------------------------------------------------------------------------------

TABLE = {"table": (6, 3)}
# Their slots average over all steps, also those that a row was not in: of the rows that don't come only the weights stay.
SLOTS_OF_ALL_ROWS = {"contrib.opt.NadamOptimizer", "keras.optimizers.legacy.Nadam"}
# What they do with rows is another rule: LARS, like TensorFlow's, falls back on momentum.
RULE_OF_ROWS = {"contrib.opt.LARSOptimizer": lambda: tf.train.MomentumOptimizer(1.0, 0.5)}
# Rows of each step: some repeat, and the last row never comes.
ROWS = [[0, 2, 0], [1, 1, 1], [3, 2, 4], [0, 1, 0], [4, 4, 2]]


def sparse_steps(rows: list[list[int]]) -> list[dict[str, Any]]:
    random = np.random.RandomState(2)
    return [{"table": (random.randn(len(step), 3), np.array(step, np.int32))} for step in rows]


def as_dense(steps: list[dict[str, Any]], rows: int) -> list[dict[str, Any]]:
    made = []
    for step in steps:
        values, indices = step["table"]
        dense = np.zeros((rows, 3))
        np.add.at(dense, indices, values)
        made.append({"table": dense})
    return made


def of_kind(kind: str) -> list[str]:
    return [name for name in NAMES if OPTIMIZERS[name].sparse == kind]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", of_kind("as dense"))
def test_sparse_rows_are_as_dense(name: str, backend: str) -> None:
    start, steps = random_arrays(0, TABLE), sparse_steps(ROWS)
    sparse, dense = Training(name, start, rows={"table": 3}, backend=backend), Training(name, start)
    for few, all_rows in zip(steps, as_dense(steps, 6), strict=True):
        sparse.step(few)
        dense.step(all_rows)
        got, want = sparse.state(), dense.state()
        assert got.keys() == want.keys()
        assert max(largest_deviation(got[key], want[key]) for key in want) < 1e-12


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", of_kind("only rows"))
def test_only_the_rows_that_come_change(name: str, backend: str) -> None:
    training = Training(name, random_arrays(0, TABLE), rows={"table": 3}, backend=backend)
    before = training.state()
    for step, rows in zip(sparse_steps(ROWS), ROWS, strict=True):
        training.step(step)
        after = training.state()
        others = [row for row in range(6) if row not in rows]
        by_row = [key for key, value in after.items() if np.shape(value) == (6, 3)]
        assert "table" in by_row and not np.array_equal(after["table"], before["table"])
        for key in by_row if name not in SLOTS_OF_ALL_ROWS else ["table"]:
            np.testing.assert_array_equal(after[key][others], before[key][others], key)
        before = after


@pytest.mark.parametrize("name", of_kind("only rows"))
def test_rows_change_as_a_dense_gradient_would_change_them(name: str) -> None:
    start, steps = random_arrays(0, TABLE)["table"], sparse_steps([[4, 1, 2, 1, 1]] * 5)
    rows = [1, 2, 4]
    sparse = Training(name, {"table": start}, rows={"table": 5}).after(steps)
    dense = Training(name, {"table": start[rows]}, optimizer=RULE_OF_ROWS.get(name)).after(
        [{"table": step["table"][rows]} for step in as_dense(steps, 6)]
    )
    for got, want in zip(sparse, dense, strict=True):
        assert largest_deviation(got["table"][rows], want["table"]) < 1e-12


def test_sparse_rows_that_are_refused_raise() -> None:
    kinds = {kind: of_kind(kind) for kind in ("as dense", "only rows", "refused")}
    assert sorted(name for names in kinds.values() for name in names) == NAMES
    for name in kinds["refused"]:
        with pytest.raises((NotImplementedError, ValueError), match=r"sparse|IndexedSlices"):
            Training(name, random_arrays(0, TABLE), rows={"table": 3})
