"""Keras's older optimizers against their formulas: recorded tables in float64, sparse rows, FTRL, half precision."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import legacy

GRADIENTS = np.array([[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]])


def trained(optimizer: Any, start: Any, gradients: Any, dtype: Any = np.float64) -> list[np.ndarray]:
    """The variable after each step."""
    variable = tf.Variable(np.array(start, dtype), name="w")
    fed = tf.placeholder(dtype, np.shape(start))
    step = optimizer.apply_gradients([(fed, variable)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = []
        for gradient in gradients:
            session.run(step, {fed: np.array(gradient, dtype)})
            found.append(session.run(variable))
        return found


ALL_OF_FTRL = {
    "l1_regularization_strength": 0.01,
    "l2_regularization_strength": 0.02,
    "l2_shrinkage_regularization_strength": 0.03,
    "beta": 0.5,
}
# Weights after 1, 2 and 5 steps from [1, -2], calculated with exact hyper-parameters.
TABLE: list[tuple[str, dict[str, Any], list[list[float]]]] = [
    ("SGD", {}, [[0.99, -1.98], [0.96, -1.985], [0.963, -2.05]]),
    ("SGD", {"momentum": 0.9}, [[0.99, -1.98], [0.951, -1.967], [0.879579, -2.037193]]),
    ("SGD", {"momentum": 0.9, "nesterov": True}, [[0.981, -1.962], [0.9159, -1.9553], [0.8546211, -2.0834737]]),
    (
        "Adam",
        {},
        [[0.900003162178, -1.900001581114], [0.808225968097, -1.853055484452], [0.703662519935, -1.917425940284]],
    ),
    (
        "Adam",
        {"beta_2": 0.9},
        [[0.900000316227, -1.900000158114], [0.810077526300, -1.851934434247], [0.704425967730, -1.913548702747]],
    ),
    (
        "Adam",
        {"beta_2": 0.9, "amsgrad": True},
        [[0.900000316227, -1.900000158114], [0.810077526300, -1.852844276416], [0.706354400522, -1.914458544916]],
    ),
    (
        "Adamax",
        {},
        [[0.900000100000, -1.900000050000], [0.831579070175, -1.865755296053], [0.762579906797, -1.905856148860]],
    ),
    (
        "Nadam",
        {},
        [[0.894354927810, -1.894354874987], [0.793220881689, -1.913592688877], [0.783582960942, -2.036951134492]],
    ),
    (
        "RMSprop",
        {},
        [[0.683773233980, -1.683772733982], [0.382262192432, -1.764354900515], [0.413040928740, -2.087643265129]],
    ),
    (
        "RMSprop",
        {"centered": True},
        [[0.666667777774, -1.666667222221], [0.338931373139, -1.749078449128], [0.366782098597, -2.083350169800]],
    ),
    (
        "RMSprop",
        {"momentum": 0.9},
        [[0.683788044186, -1.683776186756], [0.097687462148, -1.479756004736], [-1.114669832624, -1.613129421392]],
    ),
    (
        "RMSprop",
        {"momentum": 0.9, "centered": True},
        [[0.666685183642, -1.666671296200], [0.038967041934, -1.449085706126], [-1.278664773188, -1.570485453905]],
    ),
    (
        "Adagrad",
        {},
        [[0.969848874633, -1.946547765903], [0.902766850308, -1.959793085965], [0.910414045793, -2.046552714600]],
    ),
    (
        "Adadelta",
        {},
        [[0.999858592784, -1.999858582179], [0.999668391417, -1.999908270731], [0.999681645352, -2.000155188176]],
    ),
    (
        "Adadelta",
        {"learning_rate": 1.0},
        [[0.998585927838, -1.998585821792], [0.996683914168, -1.999082707307], [0.996816453524, -2.001551881759]],
    ),
    (
        "Ftrl",
        {},
        [[0.016386276297, -0.256239242160], [-0.050695763028, -0.269484565731], [-0.043048565685, -0.356244206997]],
    ),
    (
        "Ftrl",
        ALL_OF_FTRL,
        [[0.0, -0.094373922451], [-0.031081648876, -0.099403755807], [-0.027283159740, -0.148508333485]],
    ),
    (
        "Ftrl",
        {"learning_rate_power": -0.2},
        [[0.003331824025, -0.100525284759], [-0.038060065819, -0.107907845544], [-0.033666580495, -0.180157452068]],
    ),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), TABLE, ids=lambda x: str(x) if isinstance(x, str) else "")
def test_the_table_of_exact_values(name: str, arguments: dict[str, Any], expected: list[list[float]]) -> None:
    weights = trained(getattr(legacy, name)(**{"learning_rate": 0.1, **arguments}), [1.0, -2.0], GRADIENTS)
    np.testing.assert_allclose([weights[0], weights[1], weights[4]], expected, rtol=0, atol=1.1e-12)


SPARSE_STEPS = [([0.3, 0.7], [0, 2]), ([0.5, -0.2], [0, 1]), ([0.1, 0.4], [2, 0])]
SPARSE: list[tuple[str, dict[str, Any], list[float]]] = [
    ("SGD", {}, [0.88, 2.02, 2.92, 4]),
    ("SGD", {"momentum": 0.9}, [0.7837, 2.02, 2.857, 4]),
    ("SGD", {"momentum": 0.9, "nesterov": True}, [0.68533, 2.038, 2.7913, 4]),
    ("Adam", {}, [0.702937, 2.131934, 2.772678, 4]),
    ("Adamax", {}, [0.738203, 2.052632, 2.86148, 4]),
    ("Nadam", {}, [0.729652, 2.104498, 2.871854, 4]),
    ("RMSprop", {"momentum": 0.9}, [-0.566067, 2.316224, 2.35208, 4]),
    ("Adagrad", {}, [0.804158, 2.053452, 2.895958, 4]),
    ("Adadelta", {}, [0.999534, 2.000141, 2.99983, 4]),
    ("Ftrl", {}, [0.078681, 0.363144, 1.660877, 4]),
    ("Ftrl", {"l2_shrinkage_regularization_strength": 0.1}, [0.025924, 0.256239, 1.541564, 4]),
]


def trained_sparsely(optimizer: Any, *, doubled: bool) -> np.ndarray:
    variable = tf.Variable(np.array([1.0, 2.0, 3.0, 4.0]))
    values, indices = tf.placeholder(tf.float64, [None]), tf.placeholder(tf.int64, [None])
    step = optimizer.apply_gradients([(tf.IndexedSlices(values, indices), variable)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for rows, places in SPARSE_STEPS:
            again = ([r / 2 for r in rows] * 2, places * 2) if doubled else (rows, places)
            session.run(step, {values: again[0], indices: again[1]})
        return session.run(variable)


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize(("name", "arguments", "expected"), SPARSE, ids=lambda x: str(x) if isinstance(x, str) else "")
def test_sparse_rows(name: str, arguments: dict[str, Any], expected: list[float], doubled: bool) -> None:
    optimizer = getattr(legacy, name)(**{"learning_rate": 0.1, **arguments})
    np.testing.assert_allclose(trained_sparsely(optimizer, doubled=doubled), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "arguments"), [("Adam", {}), ("Adam", {"amsgrad": True}), ("RMSprop", {}), ("RMSprop", {"centered": True})]
)
def test_sparse_rows_that_do_what_a_dense_gradient_would(name: str, arguments: dict[str, Any]) -> None:
    dense = []
    for rows, places in SPARSE_STEPS:
        dense.append(np.zeros(4))
        dense[-1][places] = rows
    found = trained_sparsely(getattr(legacy, name)(0.1, **arguments), doubled=True)
    expected = trained(getattr(legacy, name)(0.1, **arguments), [1.0, 2.0, 3.0, 4.0], dense)[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


FTRL: list[tuple[dict[str, Any], int, tuple[Any, Any], tuple[Any, Any]]] = [
    ({}, 3, ([0, 0], [0, 0]), ([-2.60260963, -4.29698515], [-0.28432083, -0.56694895])),
    ({}, 3, ([1, 2], [4, 3]), ([-2.55607247, -3.98729396], [-0.28232238, -0.56096673])),
    ({"l1_regularization_strength": 0.001}, 10, ([1, 2], [4, 3]), ([-7.66718769, -10.91273689], [-0.93460727, -1.86147261])),
    ({"beta": 0.1}, 10, ([1, 2], [4, 3]), ([-6.096838, -9.162214], [-0.717741, -1.425132])),
    ({"l2_regularization_strength": 0.1, "beta": 0.1}, 10, ([1, 2], [4, 3]), ([-2.735487, -4.704625], [-0.294335, -0.586556])),
    (
        {"l1_regularization_strength": 0.001, "l2_regularization_strength": 2.0},
        10,
        ([1, 2], [4, 3]),
        ([-0.24059935, -0.46829352], [-0.02406147, -0.04830509]),
    ),
    (
        {"l1_regularization_strength": 0.001, "l2_regularization_strength": 2.0, "l2_shrinkage_regularization_strength": 0.1},
        10,
        ([1, 2], [4, 3]),
        ([-0.22578995, -0.44345796], [-0.14378493, -0.13229476]),
    ),
]


@pytest.mark.parametrize(("arguments", "steps", "start", "expected"), FTRL)
def test_recorded_ftrl(arguments: dict[str, Any], steps: int, start: Any, expected: Any) -> None:
    w0, w1 = (tf.Variable(np.array(s, np.float64)) for s in start)
    optimizer = legacy.Ftrl(3.0, initial_accumulator_value=0.1, **arguments)
    step = optimizer.apply_gradients([([0.1, 0.2], w0), ([0.01, 0.02], w1)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            session.run(step)
        np.testing.assert_allclose(session.run([w0, w1]), expected, rtol=0, atol=2e-6)


def test_recorded_ftrl_of_rows_leaves_the_others_alone() -> None:
    w0, w1 = tf.Variable(np.array([[1.0], [2.0]])), tf.Variable(np.array([[4.0], [3.0]]))
    strengths = {"l1_regularization_strength": 0.001, "l2_regularization_strength": 2.0, "l2_shrinkage_regularization_strength": 0.1}
    optimizer = legacy.Ftrl(3.0, initial_accumulator_value=0.1, **strengths)
    rows = [tf.IndexedSlices(tf.constant(np.array([[g]])), tf.constant([i])) for g, i in ((0.1, 0), (0.02, 1))]
    step = optimizer.apply_gradients(zip(rows, [w0, w1], strict=True))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(10):
            session.run(step)
        np.testing.assert_allclose(session.run(w0), [[-0.22578995], [2.0]], rtol=0, atol=1e-7)
        np.testing.assert_allclose(session.run(w1), [[4.0], [-0.13229476]], rtol=0, atol=1e-7)


def test_ftrl_is_descent_with_power_0_and_adagrad_with_power_a_half() -> None:
    start = [0.0, 0.0]
    descent = trained(legacy.SGD(3.0), start, GRADIENTS)
    np.testing.assert_allclose(trained(legacy.Ftrl(3.0, learning_rate_power=0.0), start, GRADIENTS), descent, rtol=1e-12)
    adagrad = trained(legacy.Adagrad(3.0, epsilon=0), start, GRADIENTS)
    np.testing.assert_allclose(trained(legacy.Ftrl(3.0), start, GRADIENTS), adagrad, rtol=1e-12)


def test_adagrad_in_half_precision() -> None:
    start = [0.00872496, -0.106952, 0.110467, 0.226505, -0.0147257, -0.0105945]
    gradient = [-5.91278e-05, 5.31673e-05, -2.5779e-06, 4.29153e-05, -8.4877e-05, -9.48906e-05]
    expected = [0.00891194, -0.10712013, 0.11047515, 0.22636929, -0.0144573, -0.01029443]
    weights = trained(legacy.Adagrad(1.0, epsilon=1e-7), start, [gradient], np.float16)
    np.testing.assert_allclose(weights[0], expected, rtol=0, atol=2e-4)


def test_the_product_of_nadam_moves_on_once_a_step_whatever_the_number_of_variables() -> None:
    variables = [tf.Variable(np.float64(1.0)) for _ in range(3)]
    optimizer = legacy.Nadam(0.1, schedule_decay=1.0)
    step = optimizer.apply_gradients([(0.5, v) for v in variables])
    momenta = [0.9 * (1 - 0.5 * 0.96**t) for t in (1, 2, 3)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for k in range(3):
            session.run(step)
            assert optimizer.get_weights()[1] == pytest.approx(np.prod(momenta[: k + 1]), rel=1e-14)
        values = session.run(variables)
    assert values[0] == values[1] == values[2]


def test_a_centered_average_below_its_square_by_rounding_is_no_nan() -> None:
    weights = trained(legacy.RMSprop(0.01, rho=0.5, centered=True), [1.0], [[0.1]] * 60, np.float32)
    assert np.isfinite(weights).all()


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_element_type(name: str, dtype: Any) -> None:
    weights = trained(getattr(legacy, name)(0.125), [1.0, -2.0], [[0.5, -0.25]] * 2, dtype)
    wide = trained(getattr(legacy, name)(0.125), [1.0, -2.0], [[0.5, -0.25]] * 2)
    assert weights[-1].dtype == dtype
    np.testing.assert_allclose(weights[-1], wide[-1], rtol=0, atol=4 * np.finfo(dtype).eps)
