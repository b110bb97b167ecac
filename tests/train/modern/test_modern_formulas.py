"""Every optimizer of `tf.optimizers` against its formula in float64, with all of its arguments; dense and sparse."""

from typing import Any

import numpy as np
import pytest
from references_modern import REFERENCES, schedule_free

import graphopt as tf
from graphopt.train.optimizers.registry import OPTIMIZERS

RANDOM = np.random.default_rng(11)
SHAPES = [(4, 3), (3, 5), (3,), ()]
START = [RANDOM.standard_normal(shape) for shape in SHAPES]
GRADIENTS = [[RANDOM.standard_normal(shape) for shape in SHAPES] for _ in range(9)]
GRADIENTS[4] = [np.zeros(shape) for shape in SHAPES]


def half_life(count: Any) -> Any:
    """A schedule, for tensors and for numbers."""
    return 0.1 / (1.0 + (tf.cast(count, tf.float64) if hasattr(count, "graph") else count))


BETAS = {"b1": 0.8, "b2": 0.95}
CASES: list[tuple[str, dict[str, Any]]] = [
    ("AdamW", {"learning_rate": 0.1, **BETAS, "eps": 1e-3, "eps_root": 1e-4, "weight_decay": 0.2}),
    ("AdamW", {"learning_rate": half_life, "nesterov": True, "weight_decay": half_life}),
    ("NAdamW", {"learning_rate": 0.1, **BETAS, "weight_decay": 0.2}),
    ("RAdam", {"learning_rate": 0.1}),
    ("RAdam", {"learning_rate": half_life, **BETAS, "eps": 1e-3, "eps_root": 1e-4, "threshold": 4.5, "nesterov": True}),
    ("AdaBelief", {"learning_rate": 0.1, **BETAS, "eps": 1e-3, "eps_root": 1e-4, "nesterov": True}),
    ("AdaBelief", {"learning_rate": half_life}),
    ("Yogi", {"learning_rate": 0.1}),
    ("Yogi", {"learning_rate": half_life, **BETAS, "eps": 1e-4}),
    ("Adan", {"learning_rate": 0.1}),
    ("Adan", {"learning_rate": half_life, **BETAS, "b3": 0.7, "eps": 1e-3, "eps_root": 1e-4, "weight_decay": 0.2}),
    ("AdEMAMix", {"learning_rate": 0.1}),
    ("AdEMAMix", {"learning_rate": half_life, **BETAS, "b3": 0.99, "alpha": 2.0, "eps": 1e-3, "eps_root": 1e-4, "weight_decay": 0.2}),
    ("ADOPT", {"learning_rate": 0.1}),
    ("ADOPT", {"learning_rate": half_life, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "nesterov": True}),
    ("ADOPT", {"learning_rate": 0.1, "use_clipping": False, "nesterov": True}),
    ("Lion", {"learning_rate": 0.1}),
    ("Lion", {"learning_rate": half_life, **BETAS, "weight_decay": 0.2}),
    ("SignSGD", {"learning_rate": half_life}),
    ("Signum", {"learning_rate": half_life, "beta": 0.7}),
    ("Rprop", {"learning_rate": 0.1}),
    ("Rprop", {"learning_rate": 0.1, "eta_minus": 0.4, "eta_plus": 1.5, "min_step_size": 0.05, "max_step_size": 0.2}),
    ("LAMB", {"learning_rate": 0.1}),
    ("LAMB", {"learning_rate": half_life, **BETAS, "eps": 1e-3, "eps_root": 1e-4, "weight_decay": 0.2}),
    ("LARS", {"learning_rate": 1.0}),
    ("LARS", {"learning_rate": half_life, "weight_decay": 0.2, "trust_coefficient": 0.5, "eps": 0.1, "momentum": 0.7, "nesterov": True}),
    ("NovoGrad", {"learning_rate": 0.1}),
    ("NovoGrad", {"learning_rate": half_life, **BETAS, "eps": 1e-3, "eps_root": 1e-4, "weight_decay": 0.2}),
    ("Fromage", {"learning_rate": 0.1}),
    ("Fromage", {"learning_rate": half_life, "min_norm": 1.5}),
    ("Muon", {"learning_rate": 0.1}),
    ("Muon", {"learning_rate": half_life, "ns_steps": 3, "beta": 0.7, "eps": 1e-3, "weight_decay": 0.2, "nesterov": False}),
    ("Muon", {"learning_rate": 0.1, "adaptive": True, "adam_learning_rate": half_life, "adam_weight_decay": 0.3, "consistent_rms": 0.2}),
    ("Adafactor", {"learning_rate": 0.1}),
    ("Adafactor", {"learning_rate": half_life, "min_dim_size_to_factor": 2, "momentum": 0.7, "weight_decay_rate": 0.2, "decay_rate": 0.5}),
    ("Adafactor", {"min_dim_size_to_factor": 2, "multiply_by_parameter_scale": False, "clipping_threshold": None, "decay_offset": -1}),
    ("Adafactor", {"learning_rate": 0.1, "min_dim_size_to_factor": 2, "factored": False, "momentum": 0.7, "clipping_threshold": 0.5}),
    ("SM3", {"learning_rate": 0.1}),
    ("SM3", {"learning_rate": half_life, "momentum": 0.5}),
    ("ScheduleFreeSGD", {"learning_rate": 0.1}),
    ("ScheduleFreeSGD", {"learning_rate": half_life, "warmup_steps": 4, "b1": 0.7, "weight_decay": 0.2, "weight_lr_power": 1.5}),
    ("ScheduleFreeAdamW", {"learning_rate": 0.1}),
    ("ScheduleFreeAdamW", {"learning_rate": half_life, "warmup_steps": 4, **BETAS, "eps": 1e-3, "weight_decay": 0.2}),
    ("Prodigy", {"estim_lr0": 0.01}),
    ("Prodigy", {"learning_rate": half_life, "betas": (0.8, 0.95), "beta3": 0.9, "eps": 1e-3, "estim_lr0": 0.1, "estim_lr_coef": 2.0}),
    ("Prodigy", {"estim_lr0": 0.1, "weight_decay": 0.2, "safeguard_warmup": True}),
    ("DoG", {}),
    ("DoG", {"learning_rate": half_life, "init_step": ("distance", 0.5), "eps": 1e-3, "weight_decay": 0.2}),
    ("DoG", {"init_step": ("learning_rate", 0.5)}),
]


def train(optimizer: Any, start: list[np.ndarray], gradients: list[list[np.ndarray]], dtype: Any = np.float64) -> list[np.ndarray]:
    """The weights at the end, as graphopt computes them."""
    variables = [tf.Variable(w.astype(dtype)) for w in start]
    fed = [tf.placeholder(dtype, w.shape) for w in start]
    train_op = optimizer.apply_gradients(list(zip(fed, variables, strict=True)))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(train_op, dict(zip(fed, gradient, strict=True)))
        return session.run(variables)


def identifier(value: Any) -> Any:
    return value if isinstance(value, str) else ",".join(value)


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=identifier)
def test_formula(name: str, arguments: dict[str, Any]) -> None:
    got = train(getattr(tf.optimizers, name)(**arguments), START, GRADIENTS)
    want = REFERENCES[f"optimizers.{name}"](START, GRADIENTS, **arguments)
    for w, expected in zip(got, want, strict=True):
        np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sync_period", [1, 2, 3])
def test_formula_of_sam(sync_period: int) -> None:
    optimizer = tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.1), 0.3, sync_period)
    want = REFERENCES["optimizers.SAM"](START, GRADIENTS, 0.1, 0.3, sync_period)
    for w, expected in zip(train(optimizer, START, GRADIENTS), want, strict=True):
        np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-12)


def test_every_optimizer_has_a_reference_and_is_public() -> None:
    registered = {name for name in OPTIMIZERS if name.startswith("optimizers.")}
    assert registered == set(REFERENCES)
    assert {f"optimizers.{name}" for name, _ in CASES} | {"optimizers.SAM"} == registered
    assert all(hasattr(tf.optimizers, name.partition(".")[2]) for name in registered)


NAMES = sorted(REFERENCES)


def make(name: str) -> Any:
    return OPTIMIZERS[name].make(**OPTIMIZERS[name].example)


@pytest.mark.parametrize("name", NAMES)
def test_sparse_rows_count_as_a_dense_gradient(name: str) -> None:
    start, indices = RANDOM.standard_normal((6, 2)), np.array([[0, 2, 0], [5, 5, 1], [3, 2, 4]])
    rows = RANDOM.standard_normal((3, 3, 2))
    dense = [np.zeros((6, 2)) for _ in rows]
    for table, at, values in zip(dense, indices, rows, strict=True):
        np.add.at(table, at, values)
    expected = train(make(name), [start], [[table] for table in dense])[0]
    w, values, at = tf.Variable(start), tf.placeholder(tf.float64, [3, 2]), tf.placeholder(tf.int64, [3])
    train_op = make(name).apply_gradients([(tf.IndexedSlices(values, at), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for i in range(3):
            session.run(train_op, {values: rows[i], at: indices[i]})
        np.testing.assert_allclose(session.run(w), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("name", NAMES)
def test_narrow_types_follow_float64(name: str, dtype: Any) -> None:
    if name.endswith("Signum") or name.endswith("Lion"):
        start, gradients = START, GRADIENTS[:4]  # the sign of a sum that is 0 but for its rounding says nothing
    else:
        start, gradients = START, GRADIENTS
    start = [np.asarray(w.astype(np.float16), np.float64) for w in start]
    gradients = [[np.asarray(g.astype(np.float16), np.float64) for g in step] for step in gradients]
    want = train(make(name), start, gradients)
    got = train(make(name), start, gradients, dtype)
    for w, expected in zip(got, want, strict=True):
        assert w.dtype == dtype
        np.testing.assert_allclose(w.astype(np.float64), expected, atol=3e-2 if dtype is np.float16 else 2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_zero_gradients_leave_finite_weights(name: str) -> None:
    got = train(make(name), START, [[np.zeros_like(w) for w in START]] * 3, np.float16)
    assert all(np.all(np.isfinite(w)) for w in got)


def test_evaluation_value_is_the_average() -> None:
    optimizer = tf.optimizers.ScheduleFreeSGD(0.1, b1=0.7)
    variables = [tf.Variable(w) for w in START]
    fed = [tf.placeholder(tf.float64, w.shape) for w in START]
    train_op = optimizer.apply_gradients(list(zip(fed, variables, strict=True)))
    values = [optimizer.evaluation_value(v) for v in variables]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for w, expected in zip(session.run(values), START, strict=True):
            np.testing.assert_array_equal(w, expected)
        for gradient in GRADIENTS:
            session.run(train_op, dict(zip(fed, gradient, strict=True)))
        _, want = schedule_free(START, GRADIENTS, 0.1, lambda g, s, t: g, b1=0.7)
        for w, expected in zip(session.run(values), want, strict=True):
            np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-12)
