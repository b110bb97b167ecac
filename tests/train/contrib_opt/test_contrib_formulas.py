"""The optimizers of ``tf.contrib.opt`` against their formulas in float64, dense and on rows, and in the other element types."""

import math
from typing import Any

import numpy as np
import pytest
from references_contrib import REFERENCES, adam, add_sign, power_sign

import graphopt as tf
from graphopt.tf1.contrib_opt import opt
from graphopt.train.optimizers.registry import OPTIMIZERS

STEPS = 6
RANDOM = np.random.default_rng(3)
START = RANDOM.standard_normal((5, 3))
GRADIENTS = RANDOM.standard_normal((STEPS, 5, 3))
GRADIENTS[2] = 0.0
ENTRIES = {name: entry for name, entry in OPTIMIZERS.items() if name in REFERENCES}


def train(optimizer: Any, gradients: Any, start: Any = START, dtype: Any = np.float64) -> list[np.ndarray]:
    """Return the weights after each step; a second variable without a gradient must stay as it is."""
    w, still = tf.Variable(start.astype(dtype), name="w"), tf.Variable(np.ones(2, dtype), name="still")
    g = tf.placeholder(w.dtype, start.shape)
    count = tf.train.get_or_create_global_step()
    step = optimizer.apply_gradients([(g, w), (None, still)], global_step=count)
    after = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(step, {g: gradient.astype(dtype)})
            after.append(session.run(w))
        assert session.run(count) == len(gradients)
        np.testing.assert_array_equal(session.run(still), np.ones(2))
    return after


def assert_near(actual: Any, wanted: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(np.array(actual), np.array(wanted), rtol=tolerance, atol=tolerance)


def test_every_optimizer_of_contrib_has_a_reference() -> None:
    assert set(REFERENCES) == {name for name in OPTIMIZERS if name.startswith("contrib.opt.")}


@pytest.mark.parametrize("name", REFERENCES)
def test_dense_steps_follow_the_formula(name: str) -> None:
    entry = ENTRIES[name]
    assert_near(train(entry.make(**entry.example), GRADIENTS), REFERENCES[name](START, GRADIENTS, **entry.example))


OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "beta and epsilon": ("LazyAdamOptimizer", {"learning_rate": 0.2, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1}),
    "nadam": ("NadamOptimizer", {"learning_rate": 0.2, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1}),
    "adamax": ("AdaMaxOptimizer", {"learning_rate": 0.2, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1}),
    "step": ("AdamGSOptimizer", {"global_step": 4, "learning_rate": 0.2, "beta1": 0.5}),
    "alpha": ("AddSignOptimizer", {"learning_rate": 0.2, "alpha": 0.5, "beta": 0.3}),
    "base": ("PowerSignOptimizer", {"learning_rate": 0.2, "base": 3.0, "beta": 0.3}),
    "adagrad": ("RegAdagradOptimizer", {"learning_rate": 0.2, "initial_accumulator_value": 0.5}),
    "lars": ("LARSOptimizer", {"learning_rate": 2.0, "momentum": 0.7, "weight_decay": 0.3, "eeta": 0.1, "epsilon": 0.2}),
    "lars nesterov": ("LARSOptimizer", {"learning_rate": 2.0, "use_nesterov": True}),
    "momentum": ("MomentumWOptimizer", {"weight_decay": 0.1, "learning_rate": 0.2, "momentum": 0.5}),
    "nesterov": ("MomentumWOptimizer", {"weight_decay": 0.1, "learning_rate": 0.2, "momentum": 0.5, "use_nesterov": True}),
    "adamw": ("AdamWOptimizer", {"weight_decay": 0.1, "learning_rate": 0.2, "beta1": 0.5, "beta2": 0.7, "epsilon": 0.1}),
    "adamw defaults": ("AdamWOptimizer", {"weight_decay": 0.1}),
    "lazy defaults": ("LazyAdamOptimizer", {}),
    "power defaults": ("PowerSignOptimizer", {}),
    "add defaults": ("AddSignOptimizer", {}),
    "lars defaults": ("LARSOptimizer", {"learning_rate": 1.0}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_arguments_have_the_formula_s_meaning(case: str) -> None:
    name, arguments = OTHERS[case]
    assert_near(train(getattr(opt, name)(**arguments), GRADIENTS), REFERENCES[f"contrib.opt.{name}"](START, GRADIENTS, **arguments))


def test_lars_takes_the_rate_as_it_is_where_a_norm_is_zero() -> None:
    zeros = np.zeros_like(START)
    assert_near(train(opt.LARSOptimizer(0.5, momentum=0.0), GRADIENTS[:1], start=zeros), [-0.5 * GRADIENTS[0]])


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_skips_variables_by_name(nesterov: bool) -> None:
    made = opt.LARSOptimizer(0.5, momentum=0.7, skip_list=["bias", "w"], use_nesterov=nesterov)
    a, w, wanted = 0.0, START, []
    for g in GRADIENTS:
        a = 0.7 * a + 0.5 * g
        w = w - (0.5 * g + 0.7 * a if nesterov else a)
        wanted.append(w)
    assert_near(train(made, GRADIENTS), wanted)


@pytest.mark.parametrize("name", ["AdamGSOptimizer", "LazyAdamGSOptimizer"])
def test_the_global_step_corrects_the_bias(name: str) -> None:
    made = getattr(opt, name)(tf.train.get_or_create_global_step(), learning_rate=0.1)
    assert_near(train(made, GRADIENTS), adam(START, GRADIENTS, learning_rate=0.1))
    assert [v.op.name for v in made.variables()] == ["w/Adam", "w/Adam_1"]


@pytest.mark.parametrize(("make", "reference"), [(opt.AddSignOptimizer, add_sign), (opt.PowerSignOptimizer, power_sign)])
def test_signs_decay_with_the_step(make: Any, reference: Any) -> None:
    made = make(0.1, sign_decay_fn=opt.get_cosine_decay_fn(4, zero_after=0.3))

    def decay(step: int) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * step / 4)) if step / 4 < 0.6 else 0.0

    assert_near(train(made, GRADIENTS), reference(START, GRADIENTS, 0.1, sign_decay_fn=decay))


def test_slots_have_tensorflow_s_names() -> None:
    w = tf.Variable([1.0], name="w")
    makes = {
        "AdaMaxOptimizer": ({}, ["beta1_power", "w/AdaMax", "w/AdaMax_1"]),
        "AddSignOptimizer": ({}, ["w/AddSignOptimizer"]),
        "PowerSignOptimizer": ({}, ["w/PowerSignOptimizer"]),
        "RegAdagradOptimizer": ({"learning_rate": 0.1}, ["w/RegAdagrad"]),
        "LARSOptimizer": ({"learning_rate": 0.1}, ["w/LARSOptimizer"]),
        "MomentumWOptimizer": ({"weight_decay": 0.1, "learning_rate": 0.1, "momentum": 0.9}, ["w/MomentumW"]),
    }
    for name, (arguments, wanted) in makes.items():
        made = getattr(opt, name)(**arguments)
        made.apply_gradients([(tf.constant([1.0]), w)])
        assert [v.op.name for v in made.variables()] == wanted
    assert makes.keys() <= vars(opt).keys()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", REFERENCES)
def test_the_other_element_types_follow_the_formula(name: str, dtype: Any) -> None:
    entry = ENTRIES[name]
    arguments = dict(entry.example)
    if dtype is np.float16 and "Ada" in name and "Sign" not in name and "Reg" not in name:
        arguments["epsilon"] = 1e-3  # the usual one is 0 in half precision
    after = train(entry.make(**arguments), GRADIENTS, dtype=dtype)
    assert after[0].dtype == dtype
    assert_near(after, REFERENCES[name](START, GRADIENTS, **arguments), 1e-5 if dtype is np.float32 else 2e-2)


@pytest.mark.parametrize("name", REFERENCES)
def test_learning_rates_are_set_while_running_without_compiling(name: str) -> None:
    entry = ENTRIES[name]
    made = entry.make(**entry.example)
    w = tf.Variable(START, name="w")
    step = made.apply_gradients([(tf.constant(GRADIENTS[0]), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        made.hyper["learning_rate"] = 0.0
        session.run(step)
        decay = entry.example.get("weight_decay", 0.0) if "LARS" not in name else 0.0
        assert_near(session.run(w), START * (1 - decay))
        made.hyper["learning_rate"] = 0.5
        session.run(step)
        assert not np.allclose(session.run(w), START)


# --- rows ------------------------------------------------------------------------------------------------------------

ROWS = RANDOM.standard_normal((STEPS, 4, 3))
INDICES = np.array([[0, 2, 0, 3], [1, 1, 1, 1], [3, 2, 0, 2], [0, 0, 1, 3], [2, 2, 0, 0], [1, 0, 3, 0]])


def summed(rows: np.ndarray, indices: np.ndarray) -> np.ndarray:
    total = np.zeros_like(START)
    np.add.at(total, indices, rows)
    return total


def train_rows(optimizer: Any, rows: Any, indices: Any) -> list[np.ndarray]:
    w = tf.Variable(START, name="w")
    values, at = tf.placeholder(tf.float64, [None, 3]), tf.placeholder(tf.int32, [None])
    step = optimizer.apply_gradients([(tf.IndexedSlices(values, at, tf.constant([5, 3])), w)])
    after = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for r, i in zip(rows, indices, strict=True):
            session.run(step, {values: r, at: i})
            after.append(session.run(w))
    return after


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.sparse == "as dense"])
def test_rows_that_do_as_dense_gradients_do(name: str) -> None:
    entry = ENTRIES[name]
    dense = [summed(r, i) for r, i in zip(ROWS, INDICES, strict=True)]
    assert_near(train_rows(entry.make(**entry.example), ROWS, INDICES), REFERENCES[name](START, dense, **entry.example))


@pytest.mark.parametrize("name", [name for name, entry in ENTRIES.items() if entry.sparse == "only rows"])
def test_rows_that_alone_are_changed(name: str) -> None:
    """Rows 0 and 2 in every step, one of them twice: they go the way of dense gradients, and the others stay."""
    entry = ENTRIES[name]
    after = train_rows(entry.make(**entry.example), ROWS[:, :3], [[2, 0, 2]] * STEPS)
    dense = [summed(r[:3], np.array([2, 0, 2]))[[0, 2]] for r in ROWS]
    if "LARS" in name:
        wanted = REFERENCES["contrib.opt.MomentumWOptimizer"](START[[0, 2]], dense, 0.0, 1.0, 0.5)
    else:
        wanted = REFERENCES[name](START[[0, 2]], dense, **entry.example)
    assert_near([w[[0, 2]] for w in after], wanted)
    np.testing.assert_array_equal(after[-1][[1, 3, 4]], START[[1, 3, 4]])


def test_lazy_rows_rest_between_their_steps() -> None:
    after = train_rows(opt.LazyAdamOptimizer(0.1), ROWS[:3, :1], [[1], [0], [1]])
    m = [0.1 * ROWS[0, 0], 0.9 * 0.1 * ROWS[0, 0] + 0.1 * ROWS[2, 0]]
    v = [0.001 * ROWS[0, 0] ** 2, 0.999 * 0.001 * ROWS[0, 0] ** 2 + 0.001 * ROWS[2, 0] ** 2]
    w = START[1]
    for moment, spread, t in zip(m, v, (1, 3), strict=True):
        w = w - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * moment / (np.sqrt(spread) + 1e-8)
    assert_near(after[2][1], w)
    assert_near(after[1][1], after[0][1])


def test_nadam_decays_the_averages_of_all_rows() -> None:
    made = opt.NadamOptimizer(0.1)
    w = tf.Variable(START, name="w")
    at = tf.placeholder(tf.int32, [None])
    step = made.apply_gradients([(tf.IndexedSlices(tf.ones([1, 3], tf.float64), at, tf.constant([5, 3])), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step, {at: [1]})
        before = session.run(w)
        session.run(step, {at: [0]})
        assert_near(
            session.run([made.get_slot(w, "m"), made.get_slot(w, "v")]),
            [[[0.1] * 3, [0.09] * 3, *[[0] * 3] * 3], [[1e-3] * 3, [0.999e-3] * 3, *[[0] * 3] * 3]],
        )
        np.testing.assert_array_equal(session.run(w)[1:], before[1:])


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_gives_rows_momentum_alone(nesterov: bool) -> None:
    made = opt.LARSOptimizer(0.5, momentum=0.7, use_nesterov=nesterov)
    wanted = REFERENCES["contrib.opt.MomentumWOptimizer"](START[1], ROWS[:, 0], 0.0, 0.5, 0.7, use_nesterov=nesterov)
    assert_near([w[1] for w in train_rows(made, ROWS[:, :1], [[1]] * STEPS)], wanted)


def test_only_the_rows_with_a_gradient_decay_and_each_once() -> None:
    after = train_rows(opt.MomentumWOptimizer(0.5, 0.1, 0.0), ROWS[:1, :3], [[2, 0, 2]])
    wanted = START.copy()
    wanted[[0, 2]] = 0.5 * START[[0, 2]] - 0.1 * summed(ROWS[0, :3], np.array([2, 0, 2]))[[0, 2]]
    assert_near(after, [wanted])
