"""Clipping: NaN, infinity and zero, sparse rows, None, gradients at the bounds, refusals."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf

NAN, INF = float("nan"), float("inf")


def run(fetches: Any) -> Any:
    with tf.Session() as session:
        return session.run(fetches)


def rows(values: Any = ((3.0, 0.0), (0.0, 4.0))) -> Any:
    """Rows with a repeated index."""
    return tf.IndexedSlices(tf.constant(values), tf.constant([1, 1]), tf.constant([5, 2]))


# --- by value ----------------------------------------------------------------------------------------------------------------


def test_by_value_keeps_nan_and_cuts_infinity() -> None:
    got = run(tf.clip_by_value([NAN, INF, -INF, 0.5, -0.0], -1.0, 1.0))
    np.testing.assert_array_equal(got, np.array([NAN, 1.0, -1.0, 0.5, -0.0], np.float32))


def test_by_value_gradient_is_one_at_both_bounds() -> None:
    x = tf.constant([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert run(tf.gradients(tf.clip_by_value(x, -1.0, 1.0), x)[0]).tolist() == [0, 1, 1, 1, 0]


def test_by_value_takes_tensors_integers_and_rows() -> None:
    assert run(tf.clip_by_value(tf.constant([1, 5, 9]), 2, tf.constant(6))).tolist() == [2, 5, 6]
    clipped = tf.clip_by_value(rows(), 0.0, 1.0)
    assert isinstance(clipped, tf.IndexedSlices)
    assert run(clipped.values).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert tf.clip_by_value([1.0], 0.0, 1.0, name="cut").name == "cut:0"


# --- by norm -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "limit", "expected"),
    [
        ([3.0, 4.0], 1.0, [0.6, 0.8]),
        ([0.3, 0.4], 1.0, [0.3, 0.4]),
        ([0.0, 0.0], 1.0, [0.0, 0.0]),
        ([1.0, NAN], 1.0, [NAN, NAN]),
        ([1.0, INF], 1.0, [0.0, NAN]),
        ([3.0, 4.0], 0.0, [0.0, 0.0]),
    ],
)
def test_by_norm(values: list[float], limit: float, expected: list[float]) -> None:
    np.testing.assert_allclose(run(tf.clip_by_norm(tf.constant(values), limit)), expected, rtol=1e-6)


def test_by_norm_over_axes_and_rows() -> None:
    x = tf.constant([[3.0, 4.0], [0.0, 0.5]])
    np.testing.assert_allclose(run(tf.clip_by_norm(x, 1.0, axes=[1])), [[0.6, 0.8], [0.0, 0.5]], rtol=1e-6)
    clipped = tf.clip_by_norm(rows(), 1.0)
    np.testing.assert_allclose(run(clipped.values), [[0.6, 0.0], [0.0, 0.8]], rtol=1e-6)


def test_by_norm_gradient_at_zero_is_finite() -> None:
    x = tf.constant([0.0, 0.0])
    assert run(tf.gradients(tf.clip_by_norm(x, 1.0), x)[0]).tolist() == [1.0, 1.0]


# --- global norm -------------------------------------------------------------------------------------------------------------


def test_global_norm() -> None:
    assert run(tf.global_norm([tf.constant([3.0]), None, tf.constant([[4.0]])])) == 5.0
    assert run(tf.global_norm((tf.constant(3.0, tf.float64), tf.constant(4.0, tf.float64)))) == 5.0
    # Repeated rows are not added up first.
    assert run(tf.global_norm([rows()])) == 5.0


@pytest.mark.parametrize("nothing", [[], [None, None]])
def test_global_norm_of_nothing_is_zero(nothing: list[Any]) -> None:
    norm = tf.global_norm(nothing)
    assert (run(norm), norm.dtype) == (0.0, tf.float32)


def test_by_global_norm_scales_all_by_one_factor() -> None:
    clipped, norm = tf.clip_by_global_norm([tf.constant([6.0]), None, rows(((8.0, 0.0), (0.0, 0.0)))], 5.0)
    assert clipped[1] is None
    assert isinstance(clipped[2], tf.IndexedSlices)
    assert run([clipped[0], clipped[2].values, clipped[2].indices, norm])[3] == 10.0
    assert run(clipped[0]).tolist() == [3.0]
    assert run(clipped[2].values).tolist() == [[4.0, 0.0], [0.0, 0.0]]
    names = [clipped[0].name, clipped[2].values.name, norm.name]
    scope = "clip_by_global_norm/clip_by_global_norm"
    assert names == [f"{scope}/_0:0", f"{scope}/_2:0", "global_norm/global_norm:0"]


@pytest.mark.parametrize(
    ("values", "limit", "expected"),
    [
        ([3.0, 4.0], 10.0, [3.0, 4.0]),
        ([0.0, 0.0], 10.0, [0.0, 0.0]),
        ([3.0, NAN], 1.0, [NAN, NAN]),
        ([3.0, INF], 1.0, [NAN, NAN]),
        ([3.0, 4.0], 0.0, [0.0, 0.0]),
        ([0.0, 0.0], 0.0, [NAN, NAN]),
    ],
)
def test_by_global_norm_at_the_edges(values: list[float], limit: float, expected: list[float]) -> None:
    clipped, _ = tf.clip_by_global_norm([tf.constant(values)], limit)
    np.testing.assert_allclose(run(clipped[0]), expected, rtol=1e-6)


def test_a_norm_that_is_not_finite_spoils_every_gradient() -> None:
    clipped, norm = tf.clip_by_global_norm([tf.constant([1.0]), tf.constant([INF])], 1.0)
    assert np.isnan(run(clipped[0])).all()
    assert run(norm) == INF


def test_by_global_norm_with_a_norm_of_ones_own() -> None:
    norm = tf.constant(10.0)
    clipped, returned = tf.clip_by_global_norm([tf.constant([3.0, 4.0])], tf.constant(1.0), use_norm=norm, name="cut")
    assert returned is norm
    np.testing.assert_allclose(run(clipped[0]), [0.3, 0.4], rtol=1e-6)
    assert clipped[0].name == "cut/cut/_0:0"


def test_by_average_norm() -> None:
    np.testing.assert_allclose(run(tf.clip_by_average_norm([3.0, 4.0], 0.5)), [0.6, 0.8], rtol=1e-6)
    assert run(tf.clip_by_average_norm([3.0, 4.0], 10.0)).tolist() == [3.0, 4.0]
    assert run(tf.clip_by_average_norm([0.0, 0.0], 1.0)).tolist() == [0.0, 0.0]
    assert run(tf.clip_by_average_norm(tf.constant([3.0, 4.0], tf.float64), 0.5)).dtype == np.float64


REFUSED: dict[str, tuple[type[Exception], str, Callable[[], Any]]] = {
    "broadcast": (
        ValueError,
        "Shapes (2,) and (3, 2) are incompatible",
        lambda: tf.clip_by_value(tf.constant([1.0, 2.0]), tf.zeros([3, 2]), 1.0),
    ),
    "broadcast of the norm": (
        ValueError,
        "Shapes (2,) and (3, 2) are incompatible",
        lambda: tf.clip_by_norm(tf.constant([1.0, 2.0]), tf.ones([3, 2])),
    ),
    "a tensor": (TypeError, "t_list should be a sequence", lambda: tf.global_norm(tf.constant([1.0]))),
    "a string": (TypeError, "t_list should be a sequence", lambda: tf.clip_by_global_norm("ab", 1.0)),
    "two types": (TypeError, "float64", lambda: tf.global_norm([tf.constant(1.0), tf.constant(1.0, tf.float64)])),
    "integers": (TypeError, "int32", lambda: tf.global_norm([tf.constant([1, 2])])),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    kind, text, action = REFUSED[case]
    with pytest.raises(kind) as caught:
        action()
    assert text in str(caught.value)
