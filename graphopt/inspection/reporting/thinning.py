"""Making curves and histograms small enough for a page, without hiding what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt.inspection.reporting.log import Array, Curve

# So many points are on a page, shared by all curves; a curve has at most so many, about one for each pixel, and some even among very many.
POINTS, MOST, FEWEST = 60_000, 1_000, 20
# A ridge plot has so many rows, each with so many bins; all on a page share so many rows, and each has some.
ROWS, BINS, ALL_ROWS, FEWEST_ROWS = 24, 60, 4_500, 4
_SHOWN_BAD = 50


class ThinCurve(NamedTuple):
    """Points of a curve, each standing for one or more values.

    Attributes:
      steps, wall_times: of the last value of each point. means: of the finite values, NaN where there is none.
      lows, highs: the least and the greatest finite value of each point; None when each point is one value.
      bad: step, time and text of values that are not finite: the first of them.
    """

    steps: Array
    wall_times: Array
    means: Array
    lows: Array | None
    highs: Array | None
    bad: Sequence[tuple[int, float, str]]


def points_for(curves: int) -> int:
    """Return how many points a curve may have on a page with so many.

    >>> points_for(3), points_for(600)
    (1000, 100)
    """
    return max(FEWEST, min(MOST, POINTS // max(curves, 1)))


def thin(curve: Curve, points: int) -> ThinCurve:
    """Return a curve with at most so many points, by parts of equal numbers of values.

    Args:
      curve: the curve. points: how many points it may have.
    """
    is_finite = curve.is_finite
    bad = [
        (int(curve.steps[i]), float(curve.wall_times[i]), _name_of_bad(curve.values[i])) for i in np.flatnonzero(~is_finite)[:_SHOWN_BAD]
    ]
    if len(curve.steps) <= points:
        return ThinCurve(curve.steps, curve.wall_times, np.where(is_finite, curve.values, np.nan), None, None, bad)
    starts = np.linspace(0, len(curve.steps), points, endpoint=False).astype(np.int64)
    ends = np.append(starts[1:], len(curve.steps)) - 1
    counts = np.add.reduceat(is_finite, starts, dtype=np.int64)
    sums = np.add.reduceat(np.where(is_finite, curve.values, 0.0), starts)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    lows = np.minimum.reduceat(np.where(is_finite, curve.values, np.inf), starts)
    highs = np.maximum.reduceat(np.where(is_finite, curve.values, -np.inf), starts)
    nothing = counts == 0
    return ThinCurve(
        curve.steps[ends], curve.wall_times[ends], means, np.where(nothing, np.nan, lows), np.where(nothing, np.nan, highs), bad
    )


def _name_of_bad(value: float) -> str:
    return "NaN" if np.isnan(value) else "infinity" if value > 0 else "-infinity"


def rows_for(plots: int) -> int:
    """Return how many rows a ridge plot may have on a page with so many plots.

    >>> rows_for(10), rows_for(450)
    (24, 10)
    """
    return max(FEWEST_ROWS, min(ROWS, ALL_ROWS // max(plots, 1)))


class Ridges(NamedTuple):
    """Histograms over steps, in bins of equal width.

    Attributes:
      low, high: the limits of all bins. rows: step and how many values are in each bin, from the first step to the last.
    """

    low: float
    high: float
    rows: Sequence[tuple[int, Array]]


def ridges(series: Any, rows: int = ROWS, bins: int = BINS) -> Ridges:
    """Return histograms with buckets of their own as rows over common bins.

    Args:
      series: the histograms of a tag. rows: how many to take, evenly. bins: how many bins.
    """
    places = np.unique(np.linspace(0, len(series.steps) - 1, min(rows, len(series.steps))).round().astype(np.int64))
    chosen = [(int(series.steps[i]), _cumulative(series.values[i])) for i in places]
    low = min([limits[0] for _, (limits, _) in chosen], default=0.0)
    high = max([limits[-1] for _, (limits, _) in chosen], default=0.0)
    if not low < high:
        margin = max(abs(low), 1.0) * 1e-3
        low, high = low - margin, high + margin
    edges = np.linspace(low, high, bins + 1)
    return Ridges(float(low), float(high), [(step, _rebinned(limits, counts, edges)) for step, (limits, counts) in chosen])


def _rebinned(limits: Array, counts: Array, edges: Array) -> Array:
    """Return how many values are in each bin; the values of a bucket count as spread evenly, those of one without width as one place."""
    if limits[0] == limits[-1]:
        return np.histogram(limits[:1], edges)[0] * counts[-1]
    return np.diff(np.interp(edges, limits, counts))


def _cumulative(histogram: Any) -> tuple[Array, Array]:
    """Return limits of buckets, and how many values lie below each. The outermost are the least and the greatest value."""
    upper = np.asarray(histogram.bucket_limit, np.float64)
    counts = np.asarray(histogram.bucket, np.float64)
    low, high = _finite(histogram.min), _finite(histogram.max)
    if not counts.sum() or not low <= high:
        return np.array([0.0, 0.0]), np.array([0.0, 0.0])
    used = np.flatnonzero(counts)
    upper, counts = upper[: used[-1] + 1], counts[: used[-1] + 1]
    below = upper[used[0] - 1] if used[0] else low
    limits = np.clip(np.append(below, upper[used[0] :]), low, high)
    return limits, np.append(0.0, np.cumsum(counts[used[0] :]))


def _finite(value: float) -> float:
    return float(np.nan_to_num(value, nan=0.0, posinf=1e30, neginf=-1e30))


def quantile(histogram: Any, share: float) -> float:
    """Return the value below which a share of a histogram's values lies.

    Args:
      histogram: a `HistogramProto`. share: from 0 to 1.
    """
    limits, counts = _cumulative(histogram)
    if not counts[-1]:
        return float("nan")
    return float(np.interp(share * counts[-1], counts, limits))
