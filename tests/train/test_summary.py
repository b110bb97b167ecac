"""Summaries: tags and collections, histograms, the protocol buffer."""

import struct
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.ops.summary import BUCKET_LIMITS, histogram_of
from graphopt.ops.summary_proto import HistogramProto

LARGEST = np.finfo(np.float64).max


def run(fetches: Any, feed: Any = None) -> Any:
    with tf.Session() as session:
        return session.run(fetches, feed)


# --- tags --------------------------------------------------------------------------------------------------------------------


def test_tags_and_names() -> None:
    with tf.name_scope("train"):
        first, second = (tf.summary.scalar("loss", 1.0) for _ in range(2))
        family = tf.summary.scalar("loss", 1.0, family="fam")
    odd = tf.summary.scalar("/a b:c", tf.constant(2))
    assert [s.name for s in (first, second, family, odd)] == ["train/loss:0", "train/loss_1:0", "train/fam/loss:0", "a_b_c:0"]
    assert [run(s).value[0].tag for s in (first, second, family, odd)] == ["train/loss", "train/loss_1", "fam/train/fam/loss", "a_b_c"]
    assert tf.get_collection(tf.GraphKeys.SUMMARIES) == [first, second, family, odd]
    assert tf.summary.histogram("h", [1.0], collections=["mine"]) in tf.get_collection("mine")


def test_scalars_have_float32_precision() -> None:
    (value,) = run(tf.summary.scalar("x", tf.constant(0.1, tf.float64))).value
    assert value.simple_value == np.float32(0.1)
    assert (value.HasField("simple_value"), value.HasField("histo"), value.WhichOneof("value")) == (True, False, "simple_value")
    assert run(tf.summary.scalar("big", tf.constant(1e300, tf.float64))).value[0].simple_value == float("inf")
    with pytest.raises(ValueError, match="Protocol message Value has no field nothing"):
        value.HasField("nothing")


def test_a_vector_is_no_scalar() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"tags and values not the same shape: \[\] != \[2\] \(tag 'x'\)"):
        run(tf.summary.scalar("x", [1.0, 2.0]))


def test_merging() -> None:
    assert tf.summary.merge_all() is None
    parts = [tf.summary.scalar(name, 1.0) for name in "ab"]
    merged = tf.summary.merge_all()
    assert merged.name == "Merge/MergeSummary:0"
    assert [v.tag for v in run(merged).value] == ["a", "b"]
    assert merged not in tf.get_collection(tf.GraphKeys.SUMMARIES)
    assert tf.summary.merge_all(scope="a").op.inputs == (parts[0],)
    serialized = tf.placeholder(tf.string, [])
    both = tf.summary.merge([parts[0], serialized], collections=["mine"], name="all")
    assert (both.name, tf.get_collection("mine")) == ("all/all:0", [both])
    other = tf.Summary(value=[tf.Summary.Value(tag="c", simple_value=2.0)]).SerializeToString()
    assert [v.tag for v in run(both, {serialized: other}).value] == ["a", "c"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a found in summary inputs"):
        run(tf.summary.merge([parts[0], parts[0]]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Could not parse one of the summary inputs"):
        run(both, {serialized: b"\xff"})


# --- histograms --------------------------------------------------------------------------------------------------------------


def one_by_one(values: list[float]) -> tuple[list[float], list[float]]:
    """TensorFlow's algorithm as it is written there: a bucket for each value, then runs of empty buckets joined."""
    counts = [0.0] * len(BUCKET_LIMITS)
    for v in values:
        counts[next((i for i, limit in enumerate(BUCKET_LIMITS) if limit > v), len(counts) - 1)] += 1
    limits, kept, i = [], [], 0
    while i < len(counts):
        end, count = BUCKET_LIMITS[i], counts[i]
        i += 1
        while count <= 0 and i < len(counts) and counts[i] <= 0:
            end = BUCKET_LIMITS[i]
            i += 1
        limits.append(end)
        kept.append(count)
    return limits, kept


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [1.0, 2.0, 2.0, -3.0],
        [-1e30, 1e30],
        [1e-13, -1e-13, 1e-12],
        [BUCKET_LIMITS[1000], np.nextafter(BUCKET_LIMITS[1000], 0)],
        [LARGEST, -LARGEST],
        list(np.random.default_rng(0).standard_normal(50)),
    ],
)
def test_buckets(values: list[float]) -> None:
    histogram = histogram_of(np.array(values))
    limits, counts = one_by_one(values)
    assert histogram.bucket_limit == limits
    assert histogram.bucket == counts
    assert (histogram.min, histogram.max, histogram.num) == (min(values), max(values), len(values))
    np.testing.assert_allclose([histogram.sum], [np.sum(values)], rtol=1e-12, atol=1e-300)


def test_limits() -> None:
    assert BUCKET_LIMITS[0] == -LARGEST
    assert BUCKET_LIMITS[-1] == LARGEST
    middle = len(BUCKET_LIMITS) // 2
    assert BUCKET_LIMITS[middle - 1 : middle + 3].tolist() == [-1e-12, 0.0, 1e-12, 1e-12 * 1.1]


def test_an_empty_histogram() -> None:
    histogram = run(tf.summary.histogram("none", tf.zeros([0, 3]))).value[0].histo
    assert (histogram.min, histogram.max, histogram.num) == (LARGEST, -LARGEST, 0.0)
    assert (histogram.bucket_limit, histogram.bucket) == ([LARGEST], [0.0])


@pytest.mark.parametrize("bad", [[float("nan")], [float("inf")], [float("-inf"), float("nan")]])
def test_values_that_are_not_finite_are_counted(bad: list[float]) -> None:
    with tf.name_scope("net"):
        histogram, count = run(tf.summary.histogram("w", [1.0, *bad, 3.0])).value
    assert (histogram.tag, histogram.histo.num, histogram.histo.sum) == ("net/w", 2.0, 4.0)
    assert (count.tag, count.simple_value) == ("net/w/non_finite", len(bad))


def test_nothing_finite() -> None:
    histogram, count = run(tf.summary.histogram("w", [float("nan")] * 3)).value
    assert (histogram.histo.num, histogram.histo.bucket, count.simple_value) == (0.0, [0.0], 3.0)
    assert histogram.histo == histogram_of(np.zeros(0))


def test_statistics() -> None:
    histogram = run(tf.summary.histogram("w", tf.constant([1, 2, 3]))).value[0].histo
    assert (histogram.sum, histogram.sum_squares, sum(histogram.bucket)) == (6.0, 14.0, 3.0)


# --- the protocol buffer -----------------------------------------------------------------------------------------------------


def sample() -> Any:
    histogram = HistogramProto(-1.0, 2.0, 3.0, 1.5, 5.25, [0.0, 2.5, LARGEST], [1.0, 2.0, 0.0])
    values = [tf.Summary.Value(tag="loss", simple_value=0.5, node_name="n"), tf.Summary.Value(tag="w" * 200, histo=histogram)]
    return tf.Summary(value=values)


def test_wire_format() -> None:
    made = sample()
    again = tf.Summary.FromString(made.SerializeToString())
    assert again == made
    assert repr(again) == repr(made)
    assert again.value[1].histo.bucket_limit == [0.0, 2.5, LARGEST]
    copied = tf.Summary()
    copied.ParseFromString(made)
    assert copied == made
    copied.MergeFrom(made)
    assert len(copied.value) == 4
    copied.value.add(tag="more", simple_value=1.0)
    assert copied.value[-1].tag == "more"
    # The bytes of TensorFlow for one number.
    assert tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=1.0)]).SerializeToString() == b"\n\x08\n\x01a\x15" + struct.pack(
        "<f", 1.0
    )


def test_unknown_fields_are_skipped() -> None:
    inner = b"\n\x01a" + b"\x10\x05" + b"\x15" + struct.pack("<f", 2.0) + b"\x7a\x01x"
    (value,) = tf.Summary.FromString(bytes([0x0A, len(inner)]) + inner).value
    assert (value.tag, value.simple_value) == ("a", 2.0)


@pytest.mark.parametrize("data", [b"\x0a\x05\x0a", b"\x0f", b"\x80"])
def test_bytes_that_are_no_summary(data: bytes) -> None:
    with pytest.raises(ValueError, match="Error parsing message"):
        tf.Summary.FromString(data)


def test_a_fetched_summary_is_bytes_that_can_be_looked_into() -> None:
    merged = tf.summary.merge([tf.summary.scalar("loss", 0.5), tf.summary.histogram("w", [1.0, 2.0])])
    with tf.Session() as session:
        fetched = session.run(merged)
    assert isinstance(fetched, bytes)
    assert [value.tag for value in fetched.value] == ["loss", "w"]
    read = tf.Summary()
    assert read.ParseFromString(fetched) == len(fetched)
    for _ in range(2):  # the first time without parsing
        assert tf.Summary.FromString(fetched).SerializeToString() == fetched
    assert fetched.value[1].histo.num == 2.0


def test_a_summary_that_was_given_away_may_be_changed() -> None:
    with tf.Session() as session:
        fetched = session.run(tf.summary.scalar("loss", 0.5))
    tf.Summary.FromString(fetched).value[0].tag = "other"
    assert (fetched.value[0].tag, tf.Summary.FromString(fetched).value[0].tag) == ("loss", "loss")
