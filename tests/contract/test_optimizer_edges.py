"""What every registered optimizer keeps to where numbers end: element types, zeros, huge numbers, NaN, infinities, and no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optimizer_setup import NAMES, SHAPES, Training, apply_gradients, gradients_of, make_optimizer, random_arrays

import graphopt as tf

FLOATS = ("float16", "float32", "float64")

# Their variables depend on each other: on all gradients' norm, or on an estimate over all of them.
COUPLED = {"optimizers.DoG", "optimizers.Prodigy", "optimizers.SAM"}


# --- element types -----------------------------------------------------------------------------------------------------------


def slot_type(name: str, variable: Any) -> str:
    """The documented element type of slots: the variable's; in `tf.optimizers` float32 for float16 (SAM keeps the weights themselves)."""
    is_half = variable.dtype.base_dtype.name == "float16"
    computes_in_float32 = name.startswith("optimizers.") and name != "optimizers.SAM"
    return "float32" if is_half and computes_in_float32 else variable.dtype.base_dtype.name


@pytest.mark.parametrize("types", [*[(t,) for t in FLOATS], FLOATS], ids="-".join)
@pytest.mark.parametrize("name", NAMES)
def test_every_element_type_trains(name: str, types: tuple[str, ...]) -> None:
    with tf.Graph().as_default(), tf.Session(backend="numpy") as session:
        variables = [tf.Variable(np.array([[2.0, -1.0], [0.5, -3.0]], t), name=t) for t in types]
        losses = [0.5 * tf.reduce_sum(tf.square(tf.cast(v, tf.float32))) for v in variables]
        optimizer = make_optimizer(name)
        train_op = apply_gradients(optimizer, optimizer.compute_gradients(tf.add_n(losses), variables))
        session.run(tf.global_variables_initializer())
        before = session.run(losses)
        for _ in range(40):
            session.run(train_op)
        after, kept = session.run([losses, tf.global_variables()])
        assert all(np.all(np.isfinite(value)) for value in kept)
        assert all(new < 0.95 * old for new, old in zip(after, before, strict=True))
        for v in variables:
            slots = [optimizer.get_slot(v, slot) for slot in optimizer.get_slot_names()]
            found = {slot.dtype.base_dtype.name for slot in slots if slot is not None}
            assert found <= {slot_type(name, v)}


# --- zeros -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_zero_move_nothing_far(name: str, dtype: str) -> None:
    start = {**random_arrays(0, dtype=dtype), "zero": np.zeros(3, dtype)}
    training = Training(name, start)
    for _ in range(4):
        training.step({key: np.zeros_like(value) for key, value in start.items()})
    after = training.state()
    assert all(np.all(np.isfinite(value)) for value in after.values())
    moved = 1e-3 if name in MOVES else 0.0
    assert np.all(np.abs(after["zero"]) <= moved)
    for key in SHAPES:
        # Weight decay, dual averaging and FTRL bring weights nearer to 0.
        assert np.all(np.abs(after[key]) <= np.abs(start[key]) * (1 + 4 * np.finfo(dtype).eps) + moved), key


# The average of the gradients starts from 1e-6.
MOVES = {"optimizers.Yogi"}


# --- huge numbers, NaN, infinities -------------------------------------------------------------------------------------------


def bad_and_good(name: str, bad: float) -> tuple[Training, Training, list[dict[str, Any]]]:
    """A training in which one element of one gradient is bad in the second step; one without; and the steps after."""
    start, steps = random_arrays(0, dtype=np.float32), gradients_of(4, dtype=np.float32)
    spoilt, clean = Training(name, start), Training(name, start)
    for training in (spoilt, clean):
        training.step(steps[0])
    wrong = {key: value.copy() for key, value in steps[1].items()}
    wrong["matrix"][1, 2] = bad
    spoilt.step(wrong)
    clean.step(steps[1])
    return spoilt, clean, steps[2:]


@pytest.mark.parametrize("bad", [1e30, np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_bad_gradient_stays_in_its_variable(name: str, bad: float) -> None:
    spoilt, clean, steps = bad_and_good(name, bad)
    for gradients in [None, *steps]:
        if gradients is not None:
            spoilt.step(gradients)
            clean.step(gradients)
        got, want = spoilt.weights(), clean.weights()
        if name not in COUPLED:
            np.testing.assert_array_equal(got["vector"], want["vector"])
            np.testing.assert_array_equal(got["number"], want["number"])
        if name not in WHOLE_VARIABLE and name not in COUPLED:
            others = np.ones((3, 4), bool)
            others[1, 2] = False
            np.testing.assert_array_equal(got["matrix"][others], want["matrix"][others])


# Their steps depend on the whole variable: on its norm, or its rows and columns.
WHOLE_VARIABLE = {
    "contrib.opt.LARSOptimizer",
    "contrib.opt.ShampooOptimizer",
    "contrib.opt.ShampooWOptimizer",
    "keras.optimizers.Adafactor",
    "keras.optimizers.Lamb",
    "keras.optimizers.Muon",
    "optimizers.Adafactor",
    "optimizers.Fromage",
    "optimizers.LAMB",
    "optimizers.LARS",
    "optimizers.Muon",
    "optimizers.NovoGrad",
    "optimizers.SM3",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_huge_gradient(name: str) -> None:
    spoilt, _, steps = bad_and_good(name, 1e30)
    spoilt.after(steps)
    is_finite = bool(np.all(np.isfinite(spoilt.weights()["matrix"])))
    assert is_finite == (name not in NOT_FINITE_AFTER_1E30)


# The square of 1e30 is infinite in float32. Averages in the form of the peers, v += (g² - v)(1-β), then take infinity from infinity in
# the next step; factored ones divide one by the other. All others go on: the element stays, or is as far away as the rule says.
NOT_FINITE_AFTER_1E30 = {
    "contrib.opt.AdamGSOptimizer",
    "contrib.opt.AdamWOptimizer",
    "contrib.opt.LazyAdamGSOptimizer",
    "contrib.opt.LazyAdamOptimizer",
    "contrib.opt.NadamOptimizer",
    "contrib.opt.ShampooOptimizer",
    "contrib.opt.ShampooWOptimizer",
    "keras.optimizers.Adafactor",
    "keras.optimizers.Adam",
    "keras.optimizers.AdamW",
    "keras.optimizers.Lamb",
    "keras.optimizers.Nadam",
    "keras.optimizers.RMSprop",
    "keras.optimizers.legacy.Adadelta",
    "keras.optimizers.legacy.Adam",
    "keras.optimizers.legacy.Nadam",
    "keras.optimizers.legacy.RMSprop",
    "train.AdamOptimizer",
    "train.RMSPropOptimizer",
}


# --- no gradient -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_without_gradient_stays_as_it_is(name: str) -> None:
    start, steps = random_arrays(0), gradients_of(3)
    training = Training(name, start, none=["matrix"])
    before = training.state()
    training.after(steps)
    after = training.state()
    for key in before:
        if "matrix" in key:
            np.testing.assert_array_equal(after[key], before[key], key)
    assert not np.array_equal(after["vector"], before["vector"])
