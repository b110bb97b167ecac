"""Numbers of optax 0.2.8 in float64 on fixed gradients, to twelve decimals; and of Keras 3 where the rule is the same."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

START = np.array([1.0, -2.0])
GRADIENTS = np.array([[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]])
# name, arguments, weights after steps 1, 2 and 5
GOLDENS: list[tuple[str, dict[str, Any], list[float]]] = [
    ("AdamW", {}, [0.899990010000, -1.899980005000, 0.808202902305, -1.853014191300, 0.703615305634, -1.917328706789]),
    ("RAdam", {}, [0.990000000000, -1.980000000000, 0.969473684211, -1.973157894737, 0.948816513669, -1.993386747270]),
    ("AdaBelief", {}, [0.888888888890, -1.888888888889, 0.783764578606, -1.838140296079, 0.670432867794, -1.907634773305]),
    ("Yogi", {}, [0.905545745889, -1.901716870896, 0.814630248442, -1.855649827806, 0.711009697885, -1.919684610704]),
    ("Adan", {}, [0.900000060000, -1.900000017500, 0.810860252997, -1.857655990068, 0.712175208568, -1.914380878114]),
    ("Lion", {"learning_rate": 0.01}, [0.989990000000, -1.989980000000, 0.979980100100, -1.999960100200, 0.969950600992, -2.009900001998]),
    ("LAMB", {}, [0.841886512274, -1.841885721710, 0.661588475228, -1.749658952541, 0.226293984406, -1.988693170891]),
    ("LAMB", {"weight_decay": 0.01}, [0.842667309197, -1.841108765489, 0.663521988699, -1.746744307416, 0.222939115668, -1.969284476592]),
    ("LARS", {}, [0.999900000000, -1.999800000000, 0.999589457670, -1.999656757055, 0.998928218737, -1.999682263912]),
    ("LARS", {"learning_rate": 1.0, "weight_decay": 0.01},
     [0.999000000000, -1.998000000000, 0.995876569803, -1.996415321057, 0.989166058085, -1.996292791417]),
    ("NovoGrad", {}, [0.955278840449, -1.910557680898, 0.810185676465, -1.847533613771, 0.510720252689, -1.893526966787]),
    ("Fromage", {}, [0.895533471189, -1.791066942378, 0.694546586173, -1.814935304945, 0.680639530384, -1.955161460619]),
    ("Signum", {}, [0.900000000000, -1.900000000000, 0.800000000000, -1.800000000000, 0.500000000000, -1.900000000000]),
    ("SM3", {}, [0.990000005000, -1.990000001250, 0.971513176994, -1.983425358340, 0.933343853211, -1.987063286166]),
    ("Rprop", {}, [1.000000000000, -2.000000000000, 0.900000000000, -2.000000000000, 0.840000000000, -2.000000000000]),
    ("ScheduleFreeSGD", {}, [0.990000000000, -1.980000000000, 0.973500000000, -1.982750000000, 0.970740000000, -2.010400000000]),
    ("ScheduleFreeAdamW", {}, [0.900000010000, -1.900000005000, 0.826224531042, -1.918869012894, 0.811916034470, -2.015535933351]),
    ("AdEMAMix", {}, [0.899950010005, -1.899950005002, 0.808082479623, -1.852951737034, 0.703282625718, -1.917420628037]),
    ("ADOPT", {}, [1.000000000000, -2.000000000000, 0.990000000000, -2.002500000000, 0.970833330257, -2.029961742194]),
    ("Prodigy", {"learning_rate": 1.0},
     [0.999999000003, -1.999999000002, 0.999998082223, -1.999998530534, 0.999997036581, -1.999999174242]),
    ("DoG", {"learning_rate": 1.0}, [0.999998552787, -1.999997105573, 0.999995981021, -1.999997534201, 0.999996476998, -2.000001465680]),
    # Exact arithmetic: optax computes the decay of the second moment, and warm-ups, in float32.
    ("Adafactor", {}, [0.841886116992, -1.841886116992, 0.660261010277, -1.894582207208, 0.634821178981, -2.083926669512]),
]  # fmt: skip


def weights_after(optimizer: Any, start: np.ndarray, gradients: Any) -> list[np.ndarray]:
    """The weights after every step."""
    w, g = tf.Variable(start), tf.placeholder(tf.float64, start.shape)
    train_op = optimizer.apply_gradients([(g, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        seen = []
        for gradient in gradients:
            session.run(train_op, {g: gradient})
            seen.append(session.run(w))
    return seen


@pytest.mark.parametrize(("name", "arguments", "golden"), GOLDENS, ids=lambda value: value if isinstance(value, str) else "")
def test_optax(name: str, arguments: dict[str, Any], golden: list[float]) -> None:
    seen = weights_after(getattr(tf.optimizers, name)(**{"learning_rate": 0.1, **arguments}), START, GRADIENTS)
    np.testing.assert_allclose([*seen[0], *seen[1], *seen[4]], golden, rtol=0, atol=1e-11)


def test_optax_warm_up() -> None:
    seen = weights_after(tf.optimizers.ScheduleFreeAdamW(0.1, warmup_steps=3), START, GRADIENTS)
    golden = [1.000000000000, -2.000000000000, 0.963335818008, -2.009377326304, 0.960548905720, -2.082088032732]
    # optax computes the warm-up in float32.
    np.testing.assert_allclose([*seen[0], *seen[1], *seen[4]], golden, rtol=0, atol=1e-8)


MATRIX = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, -1.0]])
MATRIX_GRADIENTS = np.array([
    [[0.1, -0.2, 0.3], [0.4, 0.05, -0.1]],
    [[0.3, 0.05, -0.2], [0.1, 0.2, 0.3]],
    [[-0.2, 0.4, 0.1], [0.05, -0.3, 0.2]],
    [[0.15, -0.35, 0.2], [-0.1, 0.1, 0.05]],
    [[0.02, 0.6, -0.4], [0.2, -0.05, 0.15]],
])  # fmt: skip
MATRIX_GOLDENS: list[tuple[str, dict[str, Any], int, list[float]]] = [
    ("Muon", {}, 1, [0.963283197494, -1.926566394989, 0.389849592483, 0.176239847738, 0.084529980967, -0.969059961934]),
    ("Muon", {}, 5, [0.811608068696, -2.057042687931, 0.400645177496, -0.060688199809, 0.008670520547, -1.267435964245]),
    ("Muon", {"nesterov": False}, 5, [0.795281400047, -1.966369736345, 0.323300150297, -0.086069423524, -0.004550416748, -1.190834331052]),
    ("Muon", {"consistent_rms": 0.2}, 1,
     [0.989614919986, -1.979229839972, 0.468844759958, 0.264995342838, 0.095624417855, -0.991248835709]),
    ("Adafactor", {"min_dim_size_to_factor": 2}, 1,
     [0.963428220722, -1.853712882890, 0.356948701142, 0.168212096428, 0.067053024107, -0.957042399103]),
    ("Adafactor", {"min_dim_size_to_factor": 2}, 5,
     [0.853097549965, -2.043993530502, 0.421449789645, 0.036938263344, 0.031380485163, -1.277326660423]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "steps", "golden"), MATRIX_GOLDENS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_matrices(name: str, arguments: dict[str, Any], steps: int, golden: list[float]) -> None:
    seen = weights_after(getattr(tf.optimizers, name)(0.1, **arguments), MATRIX, MATRIX_GRADIENTS)
    np.testing.assert_allclose(seen[steps - 1].ravel(), golden, rtol=0, atol=1e-11)


def test_evaluation_point_of_schedule_free() -> None:
    optimizer = tf.optimizers.ScheduleFreeSGD(0.1)
    w, g = tf.Variable(START), tf.placeholder(tf.float64, START.shape)
    train_op = optimizer.apply_gradients([(g, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in GRADIENTS:
            session.run(train_op, {g: gradient})
        np.testing.assert_allclose(session.run(optimizer.evaluation_value(w)), [0.9716, -2.006], rtol=0, atol=1e-12)


# Keras 3's tests: ones, a gradient of 0.01, then 0.1, ..., 1.0; the first and the last element after each step.
KERAS: list[tuple[str, dict[str, Any], list[tuple[float, float]]]] = [
    ("Lion", {"learning_rate": 1e-3, "b2": 0.99, "weight_decay": 0.0}, [(0.999, 0.999), (0.998, 0.998), (0.997, 0.997), (0.996, 0.996)]),
    ("LAMB", {"learning_rate": 1e-3}, [(0.999, 0.999), (0.9982, 0.9982), (0.9974, 0.9974), (0.9965, 0.9965), (0.9955, 0.9955)]),
    ("AdamW", {"learning_rate": 1.0, "weight_decay": 0.5}, [(-0.5, -0.5)]),
]


@pytest.mark.parametrize(("name", "arguments", "golden"), KERAS, ids=lambda value: value if isinstance(value, str) else "")
def test_keras(name: str, arguments: dict[str, Any], golden: list[tuple[float, float]]) -> None:
    gradients = [np.full(10, 0.01), *[np.arange(1, 11) / 10] * (len(golden) - 1)]
    seen = weights_after(getattr(tf.optimizers, name)(**arguments), np.ones(10), gradients)
    for w, (first, last) in zip(seen, golden, strict=True):
        np.testing.assert_allclose([w[0], w[-1]], [first, last], rtol=5e-4, atol=5e-4)
