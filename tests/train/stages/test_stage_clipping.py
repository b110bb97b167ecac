"""Stages that limit gradients, and centralising: on tensors, sparse rows and None, in all element types."""

from typing import Any

import numpy as np
import pytest
from staging import DENSE, DTYPES, INDICES, KINDS, ROWS, TOLERANCE, WEIGHTS, alone, dense_of, evaluate, gradient_of, variable

import graphopt as tf

stages = tf.train.stages
# The data of optax's own outputs below.
W2D = [[1.0, -2.0, 0.5], [0.3, 0.1, -1.0]]
G2D = [[0.1, -0.2, 0.3], [0.4, 0.05, -0.1]]


def norm(x: np.ndarray, axis: Any = None) -> np.ndarray:
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=axis is not None))


def by_value(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.clip(g, -0.7, 0.7)


def by_norm(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    return g * 1.5 / max(norm(g), 1.5)


def by_block_rms(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    return g / max(np.sqrt(np.mean(g * g)) / 0.4, 1.0)


def by_unit_ratio(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    largest = 0.5 * np.maximum(norm(w, 0), 1e-3)
    return np.where(norm(g, 0) >= largest, g * largest / np.maximum(norm(g, 0), 1e-6), g)


def centralized(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    return g - g.mean(axis=1, keepdims=True)


CASES = {
    "value": (lambda: stages.clip_by_value(0.7), by_value),
    "norm": (lambda: stages.clip_each_by_norm(1.5), by_norm),
    "global norm": (lambda: stages.clip_by_global_norm(1.5), by_norm),
    "block rms": (lambda: stages.clip_by_block_rms(0.4), by_block_rms),
    "unit ratio": (lambda: stages.clip_by_unit_ratio(0.5), by_unit_ratio),
    "centralize": (stages.centralize, centralized),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_the_stage_does_what_numpy_does(case: str, kind: str, dtype: str) -> None:
    stage, reference = CASES[case]
    wanted = reference(dense_of(kind, dtype), WEIGHTS.astype(dtype).astype(np.float64))
    assert not np.allclose(wanted, dense_of(kind, dtype), rtol=1e-2)
    np.testing.assert_allclose(alone(stage(), kind, dtype), wanted, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("case", [case for case in CASES if case != "centralize"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_within_the_limit_stays_as_it_is(case: str, kind: str) -> None:
    made = {
        "value": stages.clip_by_value(100.0),
        "norm": stages.clip_each_by_norm(100.0),
        "global norm": stages.clip_by_global_norm(100.0),
        "block rms": stages.clip_by_block_rms(100.0),
        "unit ratio": stages.clip_by_unit_ratio(1000.0),
    }[case]
    np.testing.assert_allclose(alone(made, kind, "float64"), dense_of(kind), rtol=1e-15, atol=0)


@pytest.mark.parametrize("case", [case for case in CASES if case != "centralize"])
def test_zeros_stay_zeros(case: str) -> None:
    w = variable()
    found = evaluate(CASES[case][0]()([(tf.constant(np.zeros((4, 3))), w)]))
    np.testing.assert_array_equal(found[0], np.zeros((4, 3)))


@pytest.mark.parametrize("case", [case for case in CASES if case != "centralize"])
def test_sparse_rows_stay_sparse_and_repeated_ones_become_one(case: str) -> None:
    w = variable()
    made = CASES[case][0]()([(gradient_of("rows"), w)])[0][0]
    assert isinstance(made, tf.IndexedSlices)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        indices = session.run(made.indices)
    assert sorted(set(indices.tolist())) == [0, 2]


def test_centralizing_keeps_rows_as_they_are_given() -> None:
    made = stages.centralize()([(gradient_of("rows"), variable())])[0][0]
    with tf.Session() as session:
        values, indices = session.run([made.values, made.indices])
    np.testing.assert_allclose(values, ROWS - ROWS.mean(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_array_equal(indices, INDICES)


@pytest.mark.parametrize("case", ["norm", "global norm", "block rms", "unit ratio"])
def test_half_precision_has_norms_whose_squares_would_overflow(case: str) -> None:
    big = np.array([300.0, 400.0], np.float16)
    w = tf.Variable(np.array([3.0, 4.0], np.float16))
    made = {
        "norm": stages.clip_each_by_norm(5.0),
        "global norm": stages.clip_by_global_norm(5.0),
        "block rms": stages.clip_by_block_rms(5.0 / np.sqrt(2.0)),
        "unit ratio": stages.clip_by_unit_ratio(1.0),
    }[case]
    found = evaluate(made([(tf.constant(big), w)]))
    np.testing.assert_allclose(found[0].astype(float), [3.0, 4.0], rtol=4e-3)


def test_the_global_norm_is_one_of_all_gradients_of_all_kinds() -> None:
    pairs = [(gradient_of("dense"), variable(name="a")), (None, variable(name="b")), (gradient_of("rows"), variable(name="c"))]
    found = evaluate(stages.clip_by_global_norm(2.0)(pairs))
    n = np.sqrt(np.sum(DENSE**2) + np.sum(dense_of("rows") ** 2))
    np.testing.assert_allclose(found[0], DENSE * 2.0 / n, rtol=1e-12)
    assert found[1] is None
    np.testing.assert_allclose(found[2], dense_of("rows") * 2.0 / n, rtol=1e-12)


def test_the_global_norm_is_one_of_gradients_of_several_types() -> None:
    types = ["float16", "float32", "float64"]
    pairs = [(tf.constant(np.array([2.0], dtype)), tf.Variable(np.array([1.0], dtype))) for dtype in types]
    found = evaluate(stages.clip_by_global_norm(1.0)(pairs))
    assert [x.dtype.name for x in found] == types
    np.testing.assert_allclose([float(x[0]) for x in found], [1 / np.sqrt(3)] * 3, rtol=1e-3)
    np.testing.assert_allclose(found[2], [1 / np.sqrt(3)], rtol=1e-15)


def test_no_gradient_at_all_is_left_alone() -> None:
    w = variable()
    for make, _ in CASES.values():
        assert make()([(None, w)]) == [(None, w)]


def shapeless() -> Any:
    """A variable of which only a run knows the shape."""
    w = tf.Variable(tf.placeholder_with_default(WEIGHTS, [None, 3]), validate_shape=False)
    assert w.get_shape().ndims is None
    return w


def test_the_block_of_an_unknown_shape_is_counted_in_the_run() -> None:
    found = evaluate(stages.clip_by_block_rms(0.4)([(gradient_of("dense"), shapeless())]))
    np.testing.assert_allclose(found[0], by_block_rms(DENSE, WEIGHTS), rtol=1e-12)


@pytest.mark.parametrize("stage", [stages.clip_by_unit_ratio(0.5), stages.centralize()])
def test_units_and_rows_of_an_unknown_shape_are_refused(stage: Any) -> None:
    with pytest.raises(ValueError, match=r"This stage must know how many axes Variable:0 has, but its shape is unknown\."):
        stage([(gradient_of("dense"), shapeless())])


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: stages.clip_by_value(0), ValueError, "clip_value must be more than 0, got 0"),
        (lambda: stages.clip_each_by_norm(-1.0), ValueError, r"clip_norm must be more than 0, got -1\.0"),
        (lambda: stages.clip_by_global_norm(np.nan), ValueError, "clip_gradients must be more than 0, got nan"),
        (lambda: stages.clip_by_block_rms("1"), TypeError, "clip_block_rms must be a number, a scalar tensor"),
        (lambda: stages.clip_by_unit_ratio(None), TypeError, "clip_unit_ratio must be a number, a scalar tensor"),
        (lambda: stages.clip_by_unit_ratio(1.0, 0.0), ValueError, r"clip_unit_epsilon must be more than 0, got 0\.0"),
        (lambda: stages.clip_by_value(tf.constant([1.0])), ValueError, r"clip_value is not a scalar: Const.*:0 has shape \(1,\)"),
    ],
)
def test_limits_that_are_none(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


# --- values that are not finite, as the peers have them ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "given", "wanted"),
    [
        (stages.clip_each_by_norm(1.0), [np.inf, 1.0], [np.nan, 0.0]),
        (stages.clip_each_by_norm(1.0), [np.nan, 1.0], [np.nan, np.nan]),
        (stages.clip_by_value(2.0), [np.inf, -np.inf], [2.0, -2.0]),
        (stages.clip_by_value(2.0), [np.nan, 1.0], [np.nan, 1.0]),
    ],
)
def test_infinities_and_nan(stage: Any, given: Any, wanted: Any) -> None:
    found = evaluate(stage([(tf.constant(np.array(given)), tf.Variable(np.ones(2)))]))
    np.testing.assert_array_equal(found[0], wanted)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_one_bad_number_makes_the_global_norm_and_all_gradients_nan(bad: float) -> None:
    a, b = tf.Variable(np.ones(2)), tf.Variable(1.0)
    found = evaluate(stages.clip_by_global_norm(1.0)([(tf.constant(np.array([bad, 1.0])), a), (tf.constant(1.0), b)]))
    assert np.all(np.isnan(found[0])) and np.isnan(found[1])


# --- numbers of the peers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "given", "wanted"),
    [
        (stages.clip_each_by_norm(1.0), [[100.0, 100.0]], [[0.70710678, 0.70710678]]),
        (stages.clip_by_value(1.0), [[100.0, 100.0]], [[1.0, 1.0]]),
        (stages.clip_by_global_norm(1.0), [[100.0, 100.0], [100.0, 100.0]], [[0.5, 0.5], [0.5, 0.5]]),
        (stages.clip_by_global_norm(2.0), [[3.0], [4.0]], [[1.2], [1.6]]),
    ],
)
def test_the_numbers_of_keras(stage: Any, given: Any, wanted: Any) -> None:
    found = evaluate(stage([(tf.constant(np.array(g)), tf.Variable(np.ones(len(g)))) for g in given]))
    np.testing.assert_allclose(found, wanted, rtol=1e-8)


@pytest.mark.parametrize(
    ("stage", "wanted"),
    [
        (
            stages.clip_by_unit_ratio(0.1),
            [0.025321462647, -0.194270884259, 0.106066017178, 0.101285850588, 0.048567721065, -0.035355339059],
        ),
        (stages.clip_by_block_rms(0.1), [0.0438178046, -0.0876356092, 0.1314534138, 0.1752712184, 0.0219089023, -0.0438178046]),
        (stages.centralize(), [0.0333333333, -0.2666666667, 0.2333333333, 0.2833333333, -0.0666666667, -0.2166666667]),
    ],
)
def test_the_numbers_of_optax(stage: Any, wanted: Any) -> None:
    found = evaluate(stage([(tf.constant(np.array(G2D)), tf.Variable(np.array(W2D)))]))
    np.testing.assert_allclose(found[0].ravel(), wanted, atol=1e-10, rtol=0)


def test_a_vector_is_one_unit_as_optax_has_it() -> None:
    w = tf.Variable(np.array([1.0, -2.0]))
    found = evaluate(stages.clip_by_unit_ratio(0.01)([(tf.constant(np.array([3.0, 4.0])), w)]))
    np.testing.assert_allclose(found[0], [0.013416407865, 0.017888543820], atol=1e-12)


@pytest.mark.parametrize(("shape", "axes"), [((), ()), ((5,), (0,)), ((2, 3), (0,)), ((2, 2, 3), (0, 1)), ((2, 2, 2, 3), (0, 1, 2))])
def test_the_units_of_all_ranks(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    w, g = np.random.default_rng(1).standard_normal((2, *shape))
    found = evaluate(stages.clip_by_unit_ratio(0.1)([(tf.constant(g), tf.Variable(w))]))
    norms = [np.sqrt(np.sum(np.square(x), axis=axes, keepdims=True)) for x in (w, g)]
    largest = 0.1 * np.maximum(norms[0], 1e-3)
    np.testing.assert_allclose(found[0], np.where(norms[1] >= largest, g * largest / norms[1], g), rtol=1e-12)


def test_small_weights_count_as_epsilon() -> None:
    w = tf.Variable(np.zeros(2))
    found = evaluate(stages.clip_by_unit_ratio(0.1, epsilon=0.5)([(tf.constant(np.array([3.0, 4.0])), w)]))
    np.testing.assert_allclose(found[0], [0.03, 0.04], rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_scalars_and_vectors_are_not_centralized(shape: tuple[int, ...]) -> None:
    g = np.full(shape, 2.0)
    found = evaluate(stages.centralize()([(tf.constant(g), tf.Variable(g))]))
    np.testing.assert_array_equal(found[0], g)


def test_all_axes_but_the_first_are_centralized() -> None:
    g = np.random.default_rng(2).standard_normal((3, 2, 4))
    found = evaluate(stages.centralize()([(tf.constant(g), tf.Variable(g))]))
    np.testing.assert_allclose(found[0], g - g.mean(axis=(1, 2), keepdims=True), rtol=1e-12)
