"""Records and columns of event files."""

from pathlib import Path

import numpy as np
import pytest

import graphopt as tf
from graphopt.ops.summary_proto import SessionLog
from graphopt.summary.columns import layout_of, read_columns
from graphopt.summary.event_file import frame, summary_event
from graphopt.summary.protos import Event
from graphopt.summary.records import find_records

Value = tf.Summary.Value
VERSION = Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString()


def event(step: int, **values: float) -> bytes:
    summary = tf.Summary([Value(tag, simple_value=value) for tag, value in values.items()])
    return summary_event(summary.SerializeToString(), step, 100.0 + step)


def put(folder: Path, events: list[bytes]) -> None:
    (folder / "events.out.tfevents.1.h").write_bytes(b"".join([frame(item) for item in [VERSION, *events]]))


# --- records ---------------------------------------------------------------------------------------------------------


def lengths() -> list[int]:
    return [5, 7, *[30] * 100, 3, 0, 4, 5000, 9000, *[30] * 9, 31, *range(40, 400, 7), *[64] * 3000]


def test_records_of_all_sizes() -> None:
    random = np.random.default_rng(0)
    given = [random.bytes(size) for size in lengths()]
    found = find_records(b"".join([frame(item) for item in given]))
    assert (found.problem, found.sizes.tolist()) == ("", lengths())
    assert [found.data[i : i + n].tobytes() for i, n in zip(found.starts, found.sizes, strict=True)] == given


def test_every_flipped_byte_is_noticed() -> None:
    given = [b"", b"abc", bytes(range(200)), b"x" * 5000, b"y" * 30]
    parts = [frame(item) for item in given]
    whole = b"".join(parts)
    ends = np.cumsum([len(part) for part in parts])
    for at in [*range(300), *range(300, len(whole), 97), len(whole) - 1]:
        broken = bytearray(whole)
        broken[at] ^= 0x10
        found = find_records(bytes(broken))
        before = int(np.searchsorted(ends, at, side="right"))
        assert (found.starts.size, found.stopped_at) == (before, [0, *ends][before]), at
        assert found.problem


def test_an_empty_file_has_no_records() -> None:
    assert find_records(b"").starts.size == 0
    assert find_records(b"").problem == ""


# --- columns ---------------------------------------------------------------------------------------------------------


def test_numbers_of_many_tags_and_layouts(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    expected: dict[str, list[tuple[int, float, float]]] = {}
    events = []
    for i in range(3000):
        step = int(random.choice([0, 1, 127, 128, 300, 20_000, 1 << 33]))
        values = {tag: float(np.float32(random.normal())) for tag in random.permutation(["a", "b", "loss", "rate", "x/y"])[: 1 + i % 3]}
        events.append(event(step, **values))
        for tag, value in values.items():
            expected.setdefault(tag, []).append((step, 100.0 + step, value))
    put(tmp_path, events)
    log = tf.summary.read(tmp_path)
    assert log.tags()["scalars"] == sorted(expected)
    for tag, items in expected.items():
        series = log.scalars(tag)
        assert list(zip(series.steps.tolist(), series.wall_times.tolist(), series.values.tolist(), strict=True)) == items
        assert len(series) == len(items)
    data, starts, sizes = (find_records(b"".join(map(frame, events))))[:3]
    assert read_columns(data, starts, sizes)[1].size == 0  # nothing was left to be read one by one


def test_numbers_beside_other_values(tmp_path: Path) -> None:
    other = tf.Summary([Value("loss", simple_value=3.0), Value("h", histo=tf.summary.HistogramProto(num=1.0))])
    more = tf.Summary([Value("loss", simple_value=5.0, node_name="n")])
    events = [
        event(1, loss=1.0),
        summary_event(other.SerializeToString(), 2, 1.0),
        event(3, loss=4.0),
        summary_event(more.SerializeToString(), 4, 1.0),
        event(5, loss=6.0),
    ]
    put(tmp_path, events)
    log = tf.summary.read(tmp_path)
    assert log.scalars("loss").steps.tolist() == [1, 2, 3, 4, 5]
    assert log.scalars("loss").values.tolist() == [1.0, 3.0, 4.0, 5.0, 6.0]
    assert log.scalars("loss").values.dtype == np.float32
    assert log.histograms("h").values[0].num == 1.0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x09",
        VERSION,
        event(3, loss=1.0)[:-1],
        event(3, loss=1.0) + b"\x10\x05",
        event(3),
        b"\x09" + bytes(8) + b"\x2a\x05\x0a\x09\x0a\x01a",
        b"\x09" + bytes(8) + b"\x2a\x04\x12\x02\x0a\x00",
        b"\x09" + bytes(8) + b"\x2a\x05\x0a\x03\x0a\x01a",
        b"\x09" + bytes(8) + b"\x2a\x80",
    ],
)
def test_events_that_are_not_numbers_alone(data: bytes) -> None:
    assert layout_of(data) is None


def test_others_of_one_length_are_left() -> None:
    same = [Event(wall_time=1.0, step=1, session_log=SessionLog(msg="m" * 10)).SerializeToString() for _ in range(5)]
    size = len(same[0])
    padded = next(made for n in range(60) if len(made := event(1, **{"t" * (n + 1): 1.0})) == size)
    data, starts, sizes, *_ = find_records(b"".join(map(frame, [*same, padded])))
    columns, left = read_columns(data, starts, sizes)
    assert len(left) + sum(column.places.size for column in columns) == 6
