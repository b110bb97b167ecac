"""What a report leaves out of long curves, and how histograms come to common bins."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from graphopt.inspection.reporting.log import Curve
from graphopt.inspection.reporting.thinning import FEWEST, MOST, POINTS, points_for, quantile, ridges, thin


def curve(values: Any) -> Curve:
    numbers = np.asarray(values, np.float64)
    return Curve(0, "loss", np.arange(len(numbers)), 1.7e9 + np.arange(len(numbers)), numbers)


def histogram(values: Any, limits: Any) -> SimpleNamespace:
    """Return a histogram as TensorFlow makes it: buckets up to each limit, the last at infinity."""
    numbers = np.asarray(values, np.float64)
    counts, _ = np.histogram(numbers, [-1.8e308 if np.isfinite(limits[0]) else limits[0], *limits])
    return SimpleNamespace(min=numbers.min(), max=numbers.max(), num=float(len(numbers)), bucket_limit=list(limits), bucket=list(counts))


def series(*histograms: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(steps=np.arange(len(histograms)) * 10, values=list(histograms))


def test_a_short_curve_stays_as_it_is() -> None:
    thinned = thin(curve([1.0, np.nan, 3.0]), 3)
    np.testing.assert_array_equal(thinned.means, [1.0, np.nan, 3.0])
    assert thinned.lows is None
    assert thinned.highs is None
    assert [(step, what) for step, _, what in thinned.bad] == [(1, "NaN")]


def test_no_outlier_is_lost() -> None:
    values = np.zeros(1_000_000)
    values[123_456], values[777_777] = 5.0, -7.0
    thinned = thin(curve(values), MOST)
    assert thinned.lows is not None
    assert thinned.highs is not None
    assert len(thinned.steps) == MOST
    assert thinned.highs.max() == 5.0
    assert thinned.lows.min() == -7.0
    assert thinned.steps[-1] == 999_999
    assert thinned.means.sum() * 1000 == pytest.approx(-2.0)


@pytest.mark.parametrize("count", [11, 12, 19, 20, 21, 1001])
def test_points_stand_for_all_values(count: int) -> None:
    values = np.random.RandomState(0).normal(size=count)
    thinned = thin(curve(values), 10)
    edges = np.append(-1, thinned.steps)
    parts = [values[a + 1 : b + 1] for a, b in itertools.pairwise(edges.tolist())]
    assert thinned.lows is not None
    assert thinned.highs is not None
    np.testing.assert_allclose(thinned.means, [part.mean() for part in parts])
    np.testing.assert_array_equal(thinned.lows, [part.min() for part in parts])
    np.testing.assert_array_equal(thinned.highs, [part.max() for part in parts])


def test_parts_without_a_finite_value_are_gaps() -> None:
    values = np.ones(100)
    values[:20] = np.inf
    thinned = thin(curve(values), 10)
    assert thinned.lows is not None
    np.testing.assert_array_equal(np.isnan(thinned.means), [True, True, *[False] * 8])
    np.testing.assert_array_equal(np.isnan(thinned.lows), [True, True, *[False] * 8])
    assert len(thinned.bad) == 20


def test_the_page_stays_small_with_many_curves() -> None:
    assert points_for(1) == MOST
    assert points_for(POINTS) == FEWEST
    assert all(points_for(curves) * curves <= POINTS for curves in (1, 60, 599, 3000))


def test_histograms_come_to_common_bins() -> None:
    limits = np.linspace(-5, 5, 401)
    rng = np.random.RandomState(0)
    narrow, wide = rng.normal(size=5000), rng.normal(size=5000) * 1.2
    found = ridges(series(histogram(narrow, limits), histogram(wide, limits)), bins=20)
    assert found.low == pytest.approx(wide.min())
    assert found.high == pytest.approx(wide.max())
    for values, (_, counts) in zip((narrow, wide), found.rows, strict=True):
        expected, _ = np.histogram(values, np.linspace(found.low, found.high, 21))
        np.testing.assert_allclose(counts, expected, atol=60)
        assert counts.sum() == pytest.approx(5000)


def test_a_histogram_of_one_value_is_one_bin() -> None:
    one = SimpleNamespace(min=2.0, max=2.0, num=7.0, bucket_limit=[1.9, 2.1, 1.7e308], bucket=[0.0, 7.0, 0.0])
    found = ridges(series(one, one), bins=11)
    assert found.low < 2.0 < found.high
    for _, counts in found.rows:
        assert counts.tolist() == [0.0] * 5 + [7.0] + [0.0] * 5
    assert quantile(one, 0.5) == 2.0


def test_an_empty_histogram_has_no_counts() -> None:
    empty = SimpleNamespace(min=1.7e308, max=-1.7e308, num=0.0, bucket_limit=[1.7e308], bucket=[0.0])
    assert sum(ridges(series(empty), bins=4).rows[0][1]) == 0
    assert np.isnan(quantile(empty, 0.5))


def test_of_many_steps_some_are_shown_with_the_first_and_the_last() -> None:
    one = histogram([0.0, 1.0], np.linspace(0, 1, 5))
    rows = ridges(series(*[one] * 100), rows=7).rows
    assert len(rows) == 7
    assert [rows[0][0], rows[-1][0]] == [0, 990]


def test_quantiles() -> None:
    values = np.random.RandomState(0).uniform(size=10_000)
    found = histogram(values, np.linspace(0.01, 1.0, 100))
    for share in (0.1, 0.5, 0.9):
        assert quantile(found, share) == pytest.approx(share, abs=0.02)
