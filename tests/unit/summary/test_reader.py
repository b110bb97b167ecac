"""Reading log directories: event files and JSON lines, broken ones, resumed runs, tables."""

import csv
import importlib.util
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import ArgumentError, ElementNotFoundError, MissingPackageError
from graphopt.ops.summary_proto import SessionLog
from graphopt.summary.columns import layout_of
from graphopt.summary.event_file import frame, summary_event
from graphopt.summary.log_data import LogData, RunData
from graphopt.summary.protos import Event

Value = tf.Summary.Value
VERSION = Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString()


def numbers(**values: float) -> Any:
    return tf.Summary([Value(tag, simple_value=value) for tag, value in values.items()])


def event(step: int, **values: float) -> bytes:
    return summary_event(numbers(**values).SerializeToString(), step, 100.0 + step)


def put(folder: Path, events: list[bytes], name: str = "events.out.tfevents.1.h") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join([frame(item) for item in [VERSION, *events]]))
    return path


# --- directories -----------------------------------------------------------------------------------------------------


def test_runs_in_subfolders(tmp_path: Path) -> None:
    put(tmp_path / "train", [event(1, loss=1.0)])
    put(tmp_path / "train", [event(2, loss=0.5)], "events.out.tfevents.2.h")
    put(tmp_path / "eval" / "one", [event(2, loss=3.0, accuracy=0.5)])
    log = tf.summary.read(tmp_path)
    assert log.runs == ["eval/one", "train"]
    assert log.scalars("loss", run="train").steps.tolist() == [1, 2]
    assert log.scalars("accuracy").values.tolist() == [0.5]
    assert log.tags("train")["scalars"] == ["loss"]
    with pytest.raises(ArgumentError, match=r"Several runs have the tag 'loss' \(eval/one, train\): say which with run="):
        log.scalars("loss")
    with pytest.raises(ArgumentError, match=r"The log directory has 2 runs \(eval/one, train\): say which with run="):
        log.graph()
    with pytest.raises(ElementNotFoundError, match="There is no run 'test' in the log directory; there are: eval/one, train"):
        log.scalars("loss", run="test")
    with pytest.raises(ElementNotFoundError, match="There are no scalars with the tag 'los'; near it: loss"):
        log.scalars("los")


def test_one_file(tmp_path: Path) -> None:
    path = put(tmp_path, [event(1, loss=1.0)])
    put(tmp_path, [event(2, loss=1.0)], "events.out.tfevents.2.h")
    assert tf.summary.read(path).scalars("loss").steps.tolist() == [1]


def test_a_resumed_run_has_no_zig_zag(tmp_path: Path) -> None:
    start = Event(step=3, session_log=SessionLog(status=SessionLog.START)).SerializeToString()
    put(tmp_path, [event(step, loss=step) for step in range(6)])
    put(tmp_path, [start, *[event(step, loss=10.0 * step) for step in (3, 4)]], "events.out.tfevents.2.h")
    log = tf.summary.read(tmp_path)
    assert log.scalars("loss").steps.tolist() == [0, 1, 2, 3, 4]
    assert log.scalars("loss").values.tolist() == [0.0, 1.0, 2.0, 30.0, 40.0]
    assert [(step, entry.status) for step, entry in log.session_logs()] == [(3, SessionLog.START)]


def test_everything_else(tmp_path: Path) -> None:
    summary = tf.Summary(
        [
            Value("i", image=tf.Summary.Image(width=3)),
            Value("s", audio=tf.Summary.Audio(length_frames=4)),
            Value("t", tensor=tf.summary.TensorProto.of(np.array([[1, 2]]))),
            Value("unknown", tensor=tf.summary.TensorProto(dtype=99)),
            Value("nothing"),
        ]
    )
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_summary(summary, 1)
        writer.add_run_metadata(b"traced", "t", 1)
    log = tf.summary.read(tmp_path)
    assert log.images("i").values[0].width == 3
    assert log.audio("s").values[0].length_frames == 4
    assert log.tensors("t").values[0].tolist() == [[1, 2]]
    assert log.tensors("unknown").values[0].dtype == 99
    assert log.run_metadata() == {"t": b"traced"}
    assert (log.graph(), log.hparams()) == (None, {})
    assert "nothing" not in {tag for tags in log.tags().values() for tag in tags}


def of_tensor(step: int, array: object, *, plugin: str = "scalars") -> bytes:
    metadata = tf.summary.SummaryMetadata(plugin_data=tf.summary.SummaryMetadata.PluginData(plugin_name=plugin)) if plugin else None
    value = Value("loss", tensor=tf.summary.TensorProto.of(np.asarray(array)), metadata=metadata)
    return summary_event(tf.Summary([value]).SerializeToString(), step, 1.0)


def test_numbers_that_are_tensors(tmp_path: Path) -> None:
    loss = np.float32
    events = [of_tensor(step, loss(step / 2)) for step in range(100)]
    # Without metadata it is what it was before; other tensors are read one by one.
    events += [of_tensor(100, loss(50), plugin=""), of_tensor(101, [50.5]), of_tensor(102, np.int64(51))]
    literal = tf.summary.TensorProto(dtype=1, tensor_shape=tf.summary.TensorProto.of(loss(0)).tensor_shape, float_val=[51.5])
    metadata = tf.summary.SummaryMetadata(plugin_data=tf.summary.SummaryMetadata.PluginData(plugin_name="scalars"))
    events.append(summary_event(tf.Summary([Value("loss", tensor=literal, metadata=metadata)]).SerializeToString(), 103, 1.0))
    put(tmp_path, events)
    log = tf.summary.read(tmp_path)
    assert log.tags() == {"scalars": ["loss"], "histograms": [], "images": [], "audio": [], "tensors": []}
    assert log.scalars("loss").values.tolist() == [step / 2 for step in range(104)]
    assert [layout_of(event) is None for event in events] == [False] * 100 + [True, True, True, False]
    assert layout_of(of_tensor(1, loss(1), plugin="text")) is None


# --- broken files ----------------------------------------------------------------------------------------------------


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = put(tmp_path, [event(step, loss=1.0) for step in range(5)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    size = len(frame(event(4, loss=1.0)))
    text = rf"is read up to byte {len(whole) - size}, 5 records: the last record is cut off"
    with pytest.warns(UserWarning, match=text) as caught:
        log = tf.summary.read(tmp_path)
    assert caught[0].filename == __file__
    assert log.scalars("loss").steps.tolist() == [0, 1, 2, 3]


def test_a_file_that_is_being_written_is_no_broken_one(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_summary(numbers(loss=1.0), 1)
    writer.flush()
    with Path(writer.get_filename()).open("ab") as file:
        file.write(frame(event(2, loss=1.0))[:20])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tf.summary.read(tmp_path).scalars("loss").steps.tolist() == [1]
    writer.close()
    with pytest.warns(UserWarning, match="the last record is cut off"):
        tf.summary.read(tmp_path)


def test_a_flipped_byte(tmp_path: Path) -> None:
    path = put(tmp_path, [event(step, loss=1.0) for step in range(5)])
    size = len(frame(event(4, loss=1.0)))
    broken = bytearray(path.read_bytes())
    broken[-2 * size + 20] ^= 1
    path.write_bytes(broken)
    with pytest.warns(UserWarning, match="4 records: the checksum of a record is wrong"):
        assert tf.summary.read(tmp_path).scalars("loss").steps.tolist() == [0, 1, 2]
    broken[-size + 3] ^= 1
    path.write_bytes(broken[:-size] + broken[-size:])
    with pytest.warns(UserWarning, match="the checksum of a record"):
        tf.summary.read(tmp_path)


def test_a_wrong_length(tmp_path: Path) -> None:
    path = put(tmp_path, [event(1, loss=1.0)])
    path.write_bytes(path.read_bytes() + b"this is no record at all")
    with pytest.warns(UserWarning, match="2 records: the checksum of a record's length is wrong"):
        assert tf.summary.read(tmp_path).scalars("loss").steps.tolist() == [1]


def test_a_record_that_is_no_event(tmp_path: Path) -> None:
    put(tmp_path, [event(1, loss=1.0), b"\xff\xff", event(2, loss=2.0)])
    with pytest.warns(UserWarning, match="2 records: the record is no event"):
        tf.summary.read(tmp_path)


def test_a_file_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "tfevents.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.warns(UserWarning, match="is read up to byte 0, 0 records"):
        assert tf.summary.read(tmp_path).tags()["scalars"] == []


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="There is no event file and no file of JSON lines in") as caught:
        tf.summary.read(tmp_path)
    assert f"at {__file__}:" in caught.value.message
    with pytest.raises(tf.errors.NotFoundError, match=r"There is no log directory '.*nowhere'"):
        tf.summary.read(tmp_path / "nowhere")


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, [])

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(tf.errors.PermissionDeniedError, match="can't be read: permission denied"):
        tf.summary.read(tmp_path)


# --- JSON lines ------------------------------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    histogram = tf.summary.HistogramProto(min=-1.0, max=2.0, num=3.0, sum=1.5, bucket_limit=[0.0, 2.5], bucket=[1.0, 2.0])
    values = [
        Value("loss", simple_value=0.5),
        Value("w", histo=histogram),
        Value("i", image=tf.Summary.Image(height=2, width=3, colorspace=1)),
        Value("s", audio=tf.Summary.Audio(sample_rate=8000.0, num_channels=1, length_frames=4)),
        Value("t", tensor=tf.summary.TensorProto.of(np.array([b"a", b"b"], object))),
    ]
    writer = tf.summary.JSONLinesWriter(tmp_path, filename_suffix=".x")
    writer.add_summary(tf.Summary(values), np.int64(3))
    writer.add_summary(numbers(loss=0.25).SerializeToString())
    writer.close()
    (path,) = tmp_path.iterdir()
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert re.fullmatch(r"summaries\.\d{10}\..*\.x\.jsonl", path.name)
    assert (first["step"], second["step"], second["values"]) == (3, None, {"loss": 0.25})
    assert first["values"]["w"]["bucket"] == [1.0, 2.0]
    assert first["values"]["i"] == {"height": 2, "width": 3, "channels": 1}
    assert first["values"]["s"] == {"sample_rate": 8000.0, "channels": 1, "frames": 4}
    assert first["values"]["t"] == ["a", "b"]
    log = tf.summary.read(tmp_path)
    assert log.scalars("loss").steps.tolist() == [3, 0]
    assert log.histograms("w").values == [histogram]
    assert log.tensors("t").values[0].tolist() == ["a", "b"]


def test_event_files_count_where_there_are_both(tmp_path: Path) -> None:
    with tf.summary.Tee(tf.summary.FileWriter(tmp_path), tf.summary.JSONLinesWriter(tmp_path)) as writer:
        writer.add_summary(numbers(loss=1.0), 1)
        writer.add_summary(None)
        writer.flush()
    assert len(tf.summary.read(tmp_path).scalars("loss")) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_broken_line(tmp_path: Path) -> None:
    (tmp_path / "summaries.1.h.jsonl").write_text('{"wall_time": 1, "step": 1, "values": {"loss": 2}}\n{"wall')
    with pytest.warns(UserWarning, match="is read up to line 2: the line is no summary"):
        assert tf.summary.read(tmp_path).scalars("loss").values.tolist() == [2.0]


def test_the_writer_of_json_lines(tmp_path: Path) -> None:
    writer = tf.summary.JSONLinesWriter(str(tmp_path), max_queue=2)
    path = Path(writer.get_filename())
    writer.add_summary(numbers(a=1.0))
    assert path.read_text() == ""
    writer.add_summary(numbers(a=1.0))
    assert len(path.read_text().splitlines()) == 2
    writer.add_summary(numbers(a=1.0))
    writer.flush()
    assert len(path.read_text().splitlines()) == 3
    writer.close()
    writer.close()
    assert (writer.get_filename(), writer.get_logdir()) == (None, str(tmp_path))
    for use in (lambda: writer.add_summary(numbers(a=1.0)), writer.flush):
        with pytest.warns(UserWarning, match="Attempting to use a closed JSONLinesWriter"):
            use()
    writer.reopen()
    writer.reopen()
    assert writer.get_filename() != str(path)

    writer.close()


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Any:
    put(tmp_path / "a", [event(1, loss=0.1), event(2, loss=float("nan"))])
    put(tmp_path / "b", [event(1, rate=2.0)])
    return tf.summary.read(tmp_path)


def test_csv(log: Any, tmp_path: Path) -> None:
    log.to_csv(tmp_path / "log.csv")
    header, *rows = csv.reader((tmp_path / "log.csv").read_text().splitlines())
    assert header == ["run", "tag", "step", "wall_time", "value"]
    assert rows == [["a", "loss", "1", "101.0", "0.1"], ["a", "loss", "2", "102.0", "nan"], ["b", "rate", "1", "101.0", "2.0"]]


def test_json(log: Any, tmp_path: Path) -> None:
    log.to_json(tmp_path / "log.json")
    found = json.loads((tmp_path / "log.json").read_text())
    assert found["b"] == {"rate": {"step": [1], "wall_time": [101.0], "value": [2.0]}}
    assert json.loads(log.to_json()).keys() == {"a", "b"}


def test_tables_of_nothing(tmp_path: Path) -> None:
    empty = LogData([RunData(".")])
    empty.to_csv(tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text().split() == ["run,tag,step,wall_time,value"]


HAS = {name: importlib.util.find_spec(name) is not None for name in ("pandas", "pyarrow")}


def test_pandas(log: Any) -> None:
    if not HAS["pandas"]:
        with pytest.raises(MissingPackageError, match=r"LogData.to_pandas needs the package 'pandas': pip install 'graphopt\[tables\]'"):
            log.to_pandas()
        return
    frame = log.to_pandas()
    assert list(frame.columns) == ["run", "tag", "step", "wall_time", "value"]
    assert frame["tag"].tolist() == ["loss", "loss", "rate"]
    assert frame["step"].tolist() == [1, 2, 1]
    assert frame[frame["run"] == "b"]["value"].tolist() == [2.0]


def test_parquet(log: Any, tmp_path: Path) -> None:
    if not HAS["pyarrow"]:
        with pytest.raises(MissingPackageError, match=r"LogData.to_parquet needs the package 'pyarrow': pip install 'graphopt\[tables\]'"):
            log.to_parquet(tmp_path / "log.parquet")
        return
    log.to_parquet(tmp_path / "log.parquet")
    parquet = importlib.import_module("pyarrow.parquet")
    columns = parquet.read_table(os.fspath(tmp_path / "log.parquet")).to_pydict()
    assert columns["run"] == ["a", "a", "b"]
    assert columns["step"] == [1, 2, 1]
    assert columns["value"][2] == 2.0
