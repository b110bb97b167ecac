"""Keras's optimizers against exact numbers: float64 with exact hyper-parameters, Keras 3's own tests, and sparse against dense."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras.optimizers
START = [1.0, -2.0]
GRADIENTS = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]]


def ftrl_with_everything() -> Any:
    strengths = {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02, "l2_shrinkage_regularization_strength": 0.03}
    return keras.Ftrl(0.1, beta=0.5, **strengths)


def trained(optimizer: Any, start: Any, gradients: Any, dtype: Any = tf.float64) -> list[np.ndarray]:
    """Return the values of a variable after each step."""
    w = tf.Variable(start, dtype=dtype, name="w")
    gradient = tf.placeholder(dtype, np.shape(start))
    step = optimizer.apply_gradients([(gradient, w)])
    values = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value in gradients:
            session.run(step, {gradient: value})
            values.append(session.run(w))
    return values


# Values after steps 1, 2 and 5, by a program of NumPy in float64.
EXACT: list[tuple[Callable[[], Any], list[list[float]]]] = [
    (lambda: keras.SGD(0.1), [[0.99, -1.98], [0.96, -1.985], [0.963, -2.05]]),
    (lambda: keras.SGD(0.1, 0.9), [[0.99, -1.98], [0.951, -1.967], [0.879579, -2.037193]]),
    (lambda: keras.SGD(0.1, 0.9, True), [[0.981, -1.962], [0.9159, -1.9553], [0.8546211, -2.0834737]]),
    (lambda: keras.SGD(0.1, 0.9, weight_decay=0.01), [[0.989, -1.978], [0.949011, -1.963022], [0.874804587984, -2.027284779403]]),
    (lambda: keras.Adam(0.1), [[0.900003162178, -1.900001581114], [0.808225968097, -1.853055484452], [0.703662519935, -1.917425940284]]),
    (
        lambda: keras.Adam(0.1, beta_2=0.9),
        [[0.900000316227, -1.900000158114], [0.8100775263, -1.851934434247], [0.70442596773, -1.913548702747]],
    ),
    (
        lambda: keras.Adam(0.1, beta_2=0.9, amsgrad=True),
        [[0.900000316227, -1.900000158114], [0.8100775263, -1.852844276416], [0.706354400522, -1.914458544916]],
    ),
    (lambda: keras.AdamW(0.1), [[0.899603162178, -1.899201581114], [0.807466126833, -1.85149580382], [0.701971233576, -1.913617101482]]),
    (
        lambda: keras.Adam(0.1, weight_decay=0.01),
        [[0.899003162178, -1.898001581114], [0.806326964935, -1.849157482871], [0.699439755392, -1.907915406475]],
    ),
    (lambda: keras.Adamax(0.1), [[0.9000001, -1.90000005], [0.831579070175, -1.865755296053], [0.762579906797, -1.90585614886]]),
    (lambda: keras.Nadam(0.1), [[0.893721325948, -1.893721272808], [0.794512816164, -1.911516347036], [0.782858557001, -2.025141485199]]),
    (lambda: keras.RMSprop(0.1), [[0.683788044186, -1.683776186756], [0.382278222381, -1.764357436656], [0.41305683831, -2.087645398351]]),
    (
        lambda: keras.RMSprop(0.1, centered=True),
        [[0.666685183642, -1.6666712962], [0.338950376656, -1.749081539546], [0.366801009156, -2.083352810905]],
    ),
    (
        lambda: keras.RMSprop(0.1, momentum=0.9),
        [[0.683788044186, -1.683776186756], [0.097687462148, -1.479756004736], [-1.114669832624, -1.613129421392]],
    ),
    (
        lambda: keras.RMSprop(0.1, momentum=0.9, centered=True),
        [[0.666685183642, -1.6666712962], [0.038967041934, -1.449085706126], [-1.278664773188, -1.570485453905]],
    ),
    (lambda: keras.Adagrad(0.1), [[0.969848879247, -1.946547770708], [0.902766856693, -1.959793089631], [0.910414051849, -2.046552720878]]),
    (
        lambda: keras.Adadelta(0.1),
        [[0.999858592784, -1.999858582179], [0.999668391417, -1.999908270731], [0.999681645352, -2.000155188176]],
    ),
    (
        lambda: keras.Adadelta(1.0),
        [[0.998585927838, -1.998585821792], [0.996683914168, -1.999082707307], [0.996816453524, -2.001551881759]],
    ),
    (lambda: keras.Ftrl(0.1), [[0.016386276297, -0.25623924216], [-0.050695763028, -0.269484565731], [-0.043048565685, -0.356244206997]]),
    (lambda: ftrl_with_everything(), [[0.0, -0.094373922451], [-0.031081648876, -0.099403755807], [-0.02728315974, -0.148508333485]]),
    (
        lambda: keras.Ftrl(0.1, -0.2),
        [[0.003331824025, -0.100525284759], [-0.038060065819, -0.107907845544], [-0.033666580495, -0.180157452068]],
    ),
    (lambda: keras.Lion(0.01), [[0.99, -1.99], [0.98, -2.0], [0.97, -2.01]]),
    (lambda: keras.Lamb(0.1), [[0.84188615652, -1.841886077463], [0.661588184273, -1.749659143044], [0.226293447319, -1.988693221239]]),
    (
        lambda: keras.Adafactor(0.1),
        [[0.841886116992, -1.841886116992], [0.660261010277, -1.894582207208], [0.634821178981, -2.083926669512]],
    ),
]


@pytest.mark.parametrize(("make", "wanted"), EXACT, ids=lambda value: "" if isinstance(value, list) else None)
def test_float64_is_exact(make: Callable[[], Any], wanted: list[list[float]]) -> None:
    values = trained(make(), START, GRADIENTS)
    np.testing.assert_allclose([values[0], values[1], values[4]], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32])
@pytest.mark.parametrize(("make", "wanted"), EXACT, ids=lambda value: "" if isinstance(value, list) else None)
def test_narrower_types_are_near(make: Callable[[], Any], wanted: list[list[float]], dtype: Any) -> None:
    values = trained(make(), START, GRADIENTS, dtype)
    assert values[4].dtype == dtype.as_numpy_dtype
    np.testing.assert_allclose(values[4], wanted[2], rtol=0, atol=2e-2 if dtype is tf.float16 else 2e-6)


def test_adafactor_of_a_matrix() -> None:
    start = [[1, -2, 0.5], [0.3, 0.1, -1]]
    gradients = [
        [[0.1, -0.2, 0.3], [0.4, 0.05, -0.1]],
        [[0.3, 0.05, -0.2], [0.1, 0.2, 0.3]],
        [[-0.2, 0.4, 0.1], [0.05, -0.3, 0.2]],
        [[0.15, -0.35, 0.2], [-0.1, 0.1, 0.05]],
        [[0.02, 0.6, -0.4], [0.2, -0.05, 0.15]],
    ]
    values = trained(keras.Adafactor(0.1), start, gradients)
    first = [0.963428220722, -1.853712882890, 0.356948701142, 0.168212096428, 0.067053024107, -0.957042399103]
    last = [0.853097549965, -2.043993530502, 0.421449789645, 0.036938263344, 0.031380485163, -1.277326660423]
    np.testing.assert_allclose([values[0].ravel(), values[4].ravel()], [first, last], rtol=0, atol=1e-12)


# One step from [1, 2, 3, 4] with the gradient [1, 6, 7, 2] and a rate of 0.5, as Keras 3's tests have them, to four digits.
ONE_STEP = [
    (lambda: keras.SGD(0.5), [0.5, -1.0, -0.5, 3.0]),
    (lambda: keras.Adam(0.5), [0.5, 1.5, 2.5, 3.5]),
    (lambda: keras.Adamax(0.5), [0.5, 1.5, 2.5, 3.5]),
    (lambda: keras.Lion(0.5), [0.5, 1.5, 2.5, 3.5]),
    (lambda: keras.AdamW(0.5), [0.498, 1.496, 2.494, 3.492]),
    (lambda: keras.Adagrad(0.5), [0.5233, 1.5007, 2.5005, 3.5061]),
    (lambda: keras.Adadelta(0.5), [0.9993, 1.9993, 2.9993, 3.9993]),
    (lambda: keras.Nadam(0.5), [0.4686, 1.4686, 2.4686, 3.4686]),
    (lambda: keras.RMSprop(0.5), [-0.5811, 0.4189, 1.4189, 2.4189]),
    (lambda: keras.Ftrl(0.5), [0.2218, 1.3954, 2.3651, 2.8814]),
    (lambda: keras.Adafactor(0.5), [-0.3693, 0.6307, 1.6307, 2.6307]),
    (lambda: keras.Lamb(0.5), [-0.3693, 0.6306, 1.6306, 2.6306]),
]


@pytest.mark.parametrize(("make", "wanted"), ONE_STEP, ids=lambda value: "" if isinstance(value, list) else None)
def test_one_step_as_in_keras_3(make: Callable[[], Any], wanted: list[float]) -> None:
    values = trained(make(), [1.0, 2.0, 3.0, 4.0], [[1.0, 6.0, 7.0, 2.0]])
    np.testing.assert_allclose(values[0], wanted, rtol=0, atol=1e-4)


def test_one_step_of_matrices_as_in_keras_3() -> None:
    start, gradient = [[1.0, 2.0], [3.0, 4.0]], [[1.0, 6.0], [7.0, 2.0]]
    adafactor = trained(keras.Adafactor(0.5), start, [gradient])[0]
    np.testing.assert_allclose(adafactor, [[0.7007, -0.0081], [1.2492, 3.4407]], rtol=0, atol=1e-4)
    muon = trained(keras.Muon(0.5, weight_decay=0), start, [gradient])[0]
    np.testing.assert_allclose(muon, [[0.9888, 1.8871], [2.8734, 3.9704]], rtol=0, atol=1e-2)


# Elements 0 and 9 after five steps from ones with gradients 0.01, then 0.1, 0.2 .. 1.0, as Keras 3's tests have them.
FIVE_STEPS = [
    (lambda: keras.SGD(nesterov=True), [0.9959, 0.9599]),
    (lambda: keras.Adam(amsgrad=True), [0.9955, 0.9955]),
    (lambda: keras.AdamW(1.0, 0.5, epsilon=2), [0.0263, -0.0159]),
    (lambda: keras.Adagrad(0.2, 0.3, 1e-6), [0.856, 0.4825]),
    (lambda: keras.Adadelta(1.0, 0.8, 1e-6), [0.9849, 0.9849]),
    (lambda: keras.Adamax(0.2, 0.85, 0.95, 1e-6), [0.1933, 0.2126]),
    (lambda: keras.Nadam(0.5, 0.5, 0.67, 1e-5), [-1.7492, -1.7454]),
    (lambda: keras.RMSprop(centered=True), [0.9864, 0.9864]),
    (lambda: keras.Ftrl(0.05, -0.2, 0.4, 0.05, 0.15, 0.01, 0.3), [-0.0164, -0.1299]),
    (lambda: keras.Lion(1e-3), [0.995, 0.995]),
    (lambda: keras.Adafactor(0.5, -0.65, 1e-15, 1e-4, 0.9, False), [0.0554, 0.0545]),
    (lambda: keras.Lamb(), [0.9955, 0.9955]),
]


@pytest.mark.parametrize(("make", "wanted"), FIVE_STEPS, ids=lambda value: "" if isinstance(value, list) else None)
def test_five_steps_as_in_keras_3(make: Callable[[], Any], wanted: list[float]) -> None:
    gradients = [np.full(10, 0.01), *[np.linspace(0.1, 1.0, 10)] * 4]
    values = trained(make(), np.ones(10), gradients)
    np.testing.assert_allclose(values[4][[0, 9]], wanted, rtol=5e-4, atol=5e-4)


def test_muon_lets_adam_change_what_is_no_matrix() -> None:
    vector = trained(keras.Muon(0.1, weight_decay=0, adam_weight_decay=0), START, GRADIENTS)
    np.testing.assert_array_equal(vector, trained(keras.Adam(0.1), START, GRADIENTS))


def test_muon_by_the_formula() -> None:
    random = np.random.default_rng(3)
    start, gradients = random.normal(size=(4, 2)), random.normal(size=(3, 4, 2))
    w, m = start.copy(), np.zeros((4, 2))
    for g in gradients:
        w = w - w * 0.01 * 0.1
        m = 0.9 * m + g
        x = (g + 0.9 * m).T
        x = x / (np.linalg.norm(x) + 1e-7)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
        w = w - 0.1 * 0.2 * np.sqrt(4.0) * x.T
    np.testing.assert_allclose(trained(keras.Muon(0.1, momentum=0.9, weight_decay=0.01), start, gradients)[-1], w, rtol=1e-12)


@pytest.mark.parametrize("settings", [{"exclude_layers": ["^w"]}, {"exclude_embeddings": True, "name": "by embedding"}])
def test_muon_leaves_excluded_matrices_to_adam(settings: dict[str, Any]) -> None:
    name = "w" if "exclude_layers" in settings else "my_Embedding"
    optimizer = keras.Muon(0.1, adam_weight_decay=0.5, **settings | {"name": "Muon"})
    w = tf.Variable([[1.0, 2.0]], name=name)
    step = optimizer.apply_gradients([(tf.constant([[1.0, -1.0]]), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_allclose(session.run(w), [[0.95 - 0.1, 1.9 + 0.1]], rtol=1e-5)


def test_a_whole_pipeline_is_exact() -> None:
    optimizer = keras.SGD(
        keras.schedules.PiecewiseConstantDecay([1], [0.5, 0.25]),
        momentum=0.9,
        weight_decay=0.1,
        global_clipnorm=1.0,
        use_ema=True,
        ema_momentum=0.5,
        ema_overwrite_frequency=2,
    )
    a, b = tf.Variable([1.0, -2.0], dtype=tf.float64), tf.Variable([3.0], dtype=tf.float64)
    gradient_a, gradient_b = tf.placeholder(tf.float64, [2]), tf.placeholder(tf.float64, [1])
    step = optimizer.apply_gradients([(gradient_a, a), (gradient_b, b)])
    given = [([3, 4], [12]), ([0.3, 0.4], [0]), ([1, 1], [1]), ([-3, 0], [4])]
    weights = [
        [0.834615384615, -2.053846153846, 2.388461538462],
        [0.728173076923, -2.158269230769, 2.273942307692],
        [0.337169644241, -2.553265451913, 1.698910028856],
        [0.337946284267, -2.624629406839, 1.488249048690],
    ]
    averages = {0: [0.917307692308, -2.026923076923, 2.694230769231], 2: [0.532671360582, -2.355767341341, 1.986426168274]}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for index, (ga, gb) in enumerate(given):
            assert session.run(step, {gradient_a: ga, gradient_b: gb}) == index + 1
            np.testing.assert_allclose(np.concatenate(session.run([a, b])), weights[index], rtol=0, atol=1e-12)
            found = np.concatenate(session.run([optimizer.average_of(a), optimizer.average_of(b)]))
            np.testing.assert_allclose(found, averages.get(index, weights[index]), rtol=0, atol=1e-12)


# --- sparse gradients ----------------------------------------------------------------------------------------------------------

SPARSE_STEPS = [([0.3, 0.7], [0, 2]), ([0.5, -0.2], [0, 1]), ([0.1, 0.4], [2, 0])]
SPARSE = [
    (lambda: keras.SGD(0.1), [0.88, 2.02, 2.92, 4.0]),
    (lambda: keras.SGD(0.1, 0.9), [0.7837, 2.038, 2.8003, 4.0]),
    (lambda: keras.SGD(0.1, 0.9, True), [0.68533, 2.0542, 2.74027, 4.0]),
    (lambda: keras.Adam(0.1), [0.702937, 2.131934, 2.772678, 4.0]),
    (lambda: keras.Adamax(0.1), [0.738203, 2.085875, 2.817353, 4.0]),
    (lambda: keras.Nadam(0.1), [0.73258, 2.110745, 2.863737, 4.0]),
    (lambda: keras.RMSprop(0.1), [0.222022, 2.316224, 2.634198, 4.0]),
    (lambda: keras.Adagrad(0.1), [0.804158, 2.053452, 2.895958, 4.0]),
    (lambda: keras.Adadelta(0.1), [0.999534, 2.000141, 2.999829, 4.0]),
    (lambda: keras.Lion(0.1), [0.7, 2.2, 2.7, 4.0]),
    (lambda: keras.AdamW(0.1), [0.701858, 2.129504, 2.769188, 3.995202]),
    # FTRL touches the rows of a gradient alone: 4 stays 4, and row 1 has known one gradient only.
    (lambda: keras.Ftrl(0.1), [0.078681, 0.363144, 1.660877, 4.0]),
    (lambda: keras.Ftrl(0.1, l2_shrinkage_regularization_strength=0.1), [0.025924, 0.256239, 1.541564, 4.0]),
]


def trained_sparsely(optimizer: Any, repeat: int = 1) -> np.ndarray:
    """Return a variable after three steps with rows of gradients; each row comes in `repeat` equal parts."""
    w = tf.Variable([[1.0], [2.0], [3.0], [4.0]], dtype=tf.float64)
    values, rows = tf.placeholder(tf.float64, [None, 1]), tf.placeholder(tf.int32, [None])
    step = optimizer.apply_gradients([(tf.IndexedSlices(values, rows), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for given, at in SPARSE_STEPS:
            session.run(step, {values: np.repeat(np.reshape(given, (-1, 1)) / repeat, repeat, 0), rows: np.repeat(at, repeat)})
        return np.ravel(session.run(w))


@pytest.mark.parametrize("repeat", [1, 2])
@pytest.mark.parametrize(("make", "wanted"), SPARSE, ids=lambda value: "" if isinstance(value, list) else None)
def test_sparse_gradients(make: Callable[[], Any], wanted: list[float], repeat: int) -> None:
    np.testing.assert_allclose(trained_sparsely(make(), repeat), wanted, rtol=0, atol=2e-6)


SPARSE_AS_DENSE = [
    lambda: keras.Adafactor(0.1),
    lambda: keras.Lamb(0.1),
    lambda: keras.Muon(0.1),
    lambda: keras.RMSprop(0.1, momentum=0.9, centered=True),
    lambda: keras.Adam(0.1, amsgrad=True, clipnorm=0.3),
    lambda: keras.SGD(0.1, global_clipnorm=0.3, weight_decay=0.1, use_ema=True),
    lambda: keras.Adagrad(0.1, clipvalue=0.25),
]


@pytest.mark.parametrize("repeat", [1, 2])
@pytest.mark.parametrize("make", SPARSE_AS_DENSE)
def test_sparse_equals_dense(make: Callable[[], Any], repeat: int) -> None:
    gradients = np.zeros((3, 4, 1))
    for dense, (values, rows) in zip(gradients, SPARSE_STEPS, strict=True):
        dense[rows, 0] = values
    wanted = trained(make(), [[1.0], [2.0], [3.0], [4.0]], gradients)[-1]
    np.testing.assert_allclose(trained_sparsely(make(), repeat), np.ravel(wanted), rtol=1e-12)


@pytest.mark.parametrize(("clip", "wanted"), [({"clipnorm": 1.0}, 1.0), ({"clipvalue": 1.0}, 1.0), ({"global_clipnorm": 1.0}, 1.0)])
def test_rows_are_added_up_before_they_are_clipped(clip: dict[str, float], wanted: float) -> None:
    w = tf.Variable(np.zeros((3, 1)))
    gradient = tf.IndexedSlices(tf.constant([[3.0], [4.0]], tf.float64), tf.constant([1, 1]), tf.constant([3, 1]))
    step = keras.SGD(1.0, **clip).apply_gradients([(gradient, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_allclose(session.run(w), [[0.0], [-wanted], [0.0]])


def test_embedding_rows_train() -> None:
    table = tf.Variable(np.ones((2, 2), np.float32))
    step = keras.SGD(1.0, 0.9).minimize(lambda: tf.reduce_sum(tf.nn.embedding_lookup(table, [[1]])), [table])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_array_equal(session.run(table), [[1.0, 1.0], [0.0, 0.0]])


def test_nadam_advances_its_product_once_a_step_for_any_number_of_variables() -> None:
    variables = [tf.Variable([1.0, 2.0]) for _ in range(3)]
    optimizer = keras.Nadam(0.1)
    step = optimizer.apply_gradients([(tf.constant([1.0, 1.0]), v) for v in variables])
    product = optimizer.variables[-1]
    assert product.name.endswith("u_product:0")
    found = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(4):
            session.run(step)
            found.append(session.run(product))
        values = session.run(variables)
    np.testing.assert_allclose(found, [0.468, 0.227111, 0.11398, 0.059018], atol=1e-6)
    np.testing.assert_array_equal(values[0], values[2])
