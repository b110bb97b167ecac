"""Summaries: ops that turn tensors into a `Summary`, in Python whatever the backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.summary_proto import HistogramProto, Summary, SummaryValue

SUMMARY = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/summary"
_LARGEST = float(np.finfo(np.float64).max)


def _bucket_limits() -> np.ndarray[Any, Any]:
    """Return the upper limits of TensorFlow's buckets: powers of 1.1 from 1e-12 to 1e20, their negatives, 0, and the largest numbers."""
    positive = []
    limit = 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    positive.append(_LARGEST)
    return np.array([-v for v in reversed(positive)] + [0.0] + positive)


BUCKET_LIMITS = _bucket_limits()


def histogram_of(x: np.ndarray[Any, Any], op_name: str = "") -> HistogramProto:
    """Return the histogram of an array, in TensorFlow's buckets with each run of empty ones joined.

    Args:
      x: numbers. op_name: the operation to name in the error.

    Raises:
      InvalidArgumentError: when one is NaN or infinite.

    >>> h = histogram_of(np.array([1.0, 2.0, 2.0]))
    >>> h.num, h.sum, sum(h.bucket)
    (3.0, 5.0, 3.0)
    """
    # Sorting is faster than looking up a bucket for each value, and puts what is not finite at the ends.
    ordered = np.sort(x, axis=None)
    if not ordered.size:
        return HistogramProto(_LARGEST, -_LARGEST, 0.0, 0.0, 0.0, [_LARGEST], [0.0])
    if np.isnan(ordered[-1]):
        raise invalid_argument(f"Nan in summary histogram for: {op_name}")
    if np.isinf(ordered[-1]) or np.isinf(ordered[0]):
        raise invalid_argument(f"Infinity in summary histogram for: {op_name}")
    exact = ordered.astype(np.float64)
    below = np.searchsorted(exact, BUCKET_LIMITS, side="left")
    below[-1] = exact.size
    counts = np.diff(below, prepend=0)
    is_kept = counts > 0
    is_kept[:-1] |= counts[1:] > 0
    is_kept[-1] = True
    with np.errstate(over="ignore"):
        total, squares = float(exact.sum()), float(np.dot(exact, exact))
    return HistogramProto(
        float(exact[0]),
        float(exact[-1]),
        float(exact.size),
        total,
        squares,
        BUCKET_LIMITS[is_kept].tolist(),
        counts[is_kept].astype(np.float64).tolist(),
    )


def _scalar_kernel(xp: Any, x: Any, tag: str) -> Any:
    if np.shape(x) != ():
        raise invalid_argument(f"tags and values not the same shape: [] != {list(np.shape(x))} (tag '{tag}')")
    return Summary([SummaryValue(tag, simple_value=float(x))])


scalar_summary = define_op(
    "scalar_summary(x: num; tag) -> string_scalar()",
    kernel=_scalar_kernel,
    host_only=True,
    fallible=lambda x, tag: x.shape != (),
    vjp=NOT_DIFFERENTIABLE,
    tf_name="ScalarSummary",
    samples=[
        case("f32[]", tag="loss"),
        case(values(3, "i64"), tag="count"),
        case("f64[2]", tag="loss", error="tags and values not the same shape: [] != [2] (tag 'loss')"),
    ],
    doc="Return a summary with one number.",
    ref=f"{SUMMARY}/scalar",
)

histogram_summary = define_op(
    "histogram_summary(x: num; tag, op_name = '') -> string_scalar()",
    kernel=lambda xp, x, tag, op_name: Summary([SummaryValue(tag, histo=histogram_of(np.asarray(x), op_name))]),
    host_only=True,
    fallible=lambda x, tag, op_name: bool(x.dtype.is_floating),
    vjp=NOT_DIFFERENTIABLE,
    tf_name="HistogramSummary",
    samples=[
        case("f32[3,4]", tag="w"),
        case("i32[5]", tag="n"),
        case("f64[0]", tag="none"),
        case(values([1.0, float("nan")]), tag="w", op_name="w", error="Nan in summary histogram for: w"),
        case(values([1.0, float("-inf")], "f64"), tag="w", op_name="w", error="Infinity in summary histogram for: w"),
    ],
    doc="Return a summary with the histogram of all elements; raise when one is NaN or infinite.",
    ref=f"{SUMMARY}/histogram",
)


def to_summary(item: Any) -> Summary:
    """Return a summary op's result, or the bytes of a summary, as a `Summary`.

    Raises:
      InvalidArgumentError: when the bytes are no summary.
    """
    if isinstance(item, np.ndarray) and item.shape == ():
        item = item[()]
    if isinstance(item, Summary):
        return item
    try:
        return Summary.FromString(item)
    except (ValueError, TypeError):
        raise invalid_argument("Could not parse one of the summary inputs") from None


def _merge_kernel(xp: Any, *inputs: Any) -> Any:
    values: list[SummaryValue] = []
    seen: set[str] = set()
    for array in inputs:
        for item in array.reshape(-1) if isinstance(array, np.ndarray) else (array,):
            for value in to_summary(item).value:
                if value.tag in seen:
                    raise invalid_argument(f"Duplicate tag {value.tag} found in summary inputs")
                seen.add(value.tag)
                values.append(value)
    return Summary(values)


_ONE, _TWO = [Summary([SummaryValue(tag, simple_value=1.0)]).SerializeToString() for tag in "ab"]

merge_summary = define_op(
    "merge_summary(*inputs: string)",
    infer=lambda *inputs: TensorType(dtypes.string, ()),
    kernel=_merge_kernel,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="MergeSummary",
    samples=[
        case(values(_ONE, "str"), values([_TWO], "str")),
        case(values(_ONE, "str"), values(_ONE, "str"), error="Duplicate tag a found in summary inputs"),
        case(values(b"\xff", "str"), error="Could not parse one of the summary inputs"),
    ],
    doc="Return one summary with the values of all; raise when two have one tag.",
    ref=f"{SUMMARY}/merge",
)
