"""The writer of event files: what stands in them, when it is there, and what goes wrong."""

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph_def import GraphDef, MetaGraphDef, NodeDef
from graphopt.ops.summary_proto import SessionLog
from graphopt.ops.summary_scalars import ScalarLayout
from graphopt.runtime.profile import DeviceStepStats, NodeExecStats, RunMetadata, StepStats
from graphopt.summary.background import Background
from graphopt.summary.event_file import ScalarEvents, frame, frames, records, summary_event
from graphopt.summary.hparams import FAILURE, HParamsPluginData
from graphopt.summary.protos import Event, RunMetadataProto
from graphopt.summary.records import find_records

Value = tf.Summary.Value


def scalar(number: float, tag: str = "loss") -> Any:
    return tf.Summary(value=[Value(tag=tag, simple_value=number)])


def events(path: str | Path) -> list[Event]:
    records = find_records(Path(path).read_bytes())
    assert records.problem == ""
    return [
        Event.FromString(records.data[start : start + size].tobytes()) for start, size in zip(records.starts, records.sizes, strict=True)
    ]


def written(writer: Any) -> list[Event]:
    """What stands in a writer's file, without the version."""
    writer.close()
    return events(writer.get_filename())[1:]


def test_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    writer = tf.summary.FileWriter(folder, filename_suffix=".test")
    name = Path(writer.get_filename()).name
    assert (writer.get_logdir(), Path(writer.get_filename()).parent) == (str(folder), folder)
    assert name.startswith("events.out.tfevents.")
    assert name.split(".")[3].isdigit()
    assert name.endswith(".test")
    writer.close()
    (version,) = events(writer.get_filename())
    assert version.file_version == "brain.Event:2"
    assert abs(version.wall_time - time.time()) < 1000
    assert "file_version" in repr(version)


def test_summaries(tmp_path: Path) -> None:
    before = time.time()
    with tf.summary.FileWriter(str(tmp_path)) as writer:
        writer.add_summary(scalar(0.5), global_step=np.int64(3))
        writer.add_summary(scalar(1.5).SerializeToString())
        writer.add_summary(scalar(2.5), global_step=0)
        writer.add_summary(None, global_step=4)
        writer.write(scalar(3.5), 9, 12.25)
        writer.add_scalars(ScalarLayout([("loss", 1)]), [(13.5, (np.int64(10), np.float32(4.5)))])
        writer.add_scalars(ScalarLayout([("loss", 1)]), [])
    found = written(writer)
    first, second, third, fourth, last = found
    assert [e.summary.value[0].simple_value for e in found] == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert [e.step for e in found] == [3, 0, 0, 9, 10]
    assert (fourth.wall_time, last.wall_time) == (12.25, 13.5)
    assert before <= first.wall_time <= second.wall_time <= third.wall_time <= time.time()


@pytest.mark.parametrize("step", [None, 0, 1, 127, 128, 1 << 40, -1])
def test_the_short_way_to_an_event_gives_the_same_bytes(step: int | None) -> None:
    for summary in (scalar(1.5), tf.Summary(), tf.Summary([Value("w" * 300, simple_value=1.0)] * 20)):
        made = Event(wall_time=2.5, step=step, summary=summary).SerializeToString()
        assert summary_event(summary.SerializeToString(), step, 2.5) == made


TAGS = ["loss", "a/" + "long" * 60, "ü"]


@pytest.mark.parametrize(
    "values", [[0.0, -1.5, np.float32(3.25)], [np.float64(1e300), np.nan, -np.inf], [np.int64(3), np.float16(0.5), True]]
)
def test_numbers_have_the_bytes_of_their_message(values: list[Any]) -> None:
    layout = ScalarLayout([(tag, i) for i, tag in enumerate(TAGS)])
    message = tf.Summary(value=[Value(tag=tag, simple_value=float(value)) for tag, value in zip(TAGS, values, strict=True)])
    assert layout.summary(values) == message.SerializeToString()


def test_numbers_of_many_steps_have_the_records_of_single_ones() -> None:
    random = np.random.default_rng(0)
    layouts = [ScalarLayout([(tag, 3 - i) for i, tag in enumerate(TAGS)]), ScalarLayout([("other", 1)])]
    bounds = [bound + near for bound in (1 << 7 * i for i in range(1, 9)) for near in (-1, 0, 1)]
    steps = [0, 0, *range(60), -1, 0, *range(100, 160), *bounds, *[1 << 40] * 40, -1, -1, *range(60)]
    given: list[Any] = []
    expected: list[bytes] = []
    for i, step in enumerate(steps * 2):
        numbers = [random.normal() * 10.0 ** random.integers(-50, 50), np.float32(i), [np.inf, np.nan, 1e39][i % 3]]
        layout, values, wall_time = layouts[i >= len(steps)], (np.int64(step), *numbers), 1e9 + i / 7
        if i % 7 and i != 70 and given[-1].layout is layout:
            given[-1].collected.append((wall_time, values))
        else:
            given.append(ScalarEvents(layout, [(wall_time, values)]))
        expected.append(frame(summary_event(layout.summary(values), step, wall_time)))
        if i == 69:
            given.append(ScalarEvents(layout, []))
    given[9:9] = [b"something else"]
    expected[63:63] = [frame(b"something else")]
    assert b"".join(records(given)) == b"".join(expected)
    assert len(records(given)) < len(expected) / 2, "they are made side by side"


def test_records_of_one_length_are_framed_as_single_ones_are() -> None:
    random = np.random.default_rng(0)
    given = [random.bytes(int(size)) for size in random.choice([0, 5, 5, 5, 33, 33, 34, 5000], 300)]
    assert frames(given) == [frame(item) for item in given]
    assert frames(given[:3]) == [frame(item) for item in given[:3]]


def test_metadata_is_written_once_for_each_tag(tmp_path: Path) -> None:
    metadata = tf.summary.SummaryMetadata(display_name="shown")
    summaries = [tf.Summary(value=[Value(tag=tag, simple_value=1.0, metadata=metadata)]) for tag in "aab"]
    writer = tf.summary.FileWriter(tmp_path)
    for summary in (*summaries, summaries[0].SerializeToString()):
        writer.add_summary(summary)
    found = [event.summary.value[0] for event in written(writer)]
    assert [(value.tag, value.HasField("metadata")) for value in found] == [("a", True), ("a", False), ("b", True), ("a", False)]
    assert summaries[1].value[0].metadata.display_name == "shown"  # what was given is as it was


# --- graphs and logs -------------------------------------------------------------------------------------------------


def test_graphs(tmp_path: Path) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with tf.control_dependencies([tf.no_op(name="first")]):
        tf.split(x, 3, axis=1, name="parts")[1].op.add_control_input(x.op)
    with tf.summary.FileWriter(tmp_path, tf.get_default_graph()) as writer:
        writer.add_graph(GraphDef(node=[NodeDef(name="only", op="NoOp")]), global_step=4)
        writer.add_meta_graph(MetaGraphDef(graph_def=GraphDef(node=[NodeDef(name="inner", op="NoOp")])), 5)
    first, second, third = written(writer)
    nodes = {node.name: node for node in GraphDef.FromString(first.graph_def).node}
    assert nodes["x"].op == "Placeholder"
    assert [d.size for d in nodes["x"].attr["shape"].shape.dim] == [-1, 3]
    assert nodes["parts"].input[-2:] == ["^first", "^x"]
    assert [s.dim[1].size for s in nodes["parts"].attr["_output_shapes"].list.shape] == [1, 1, 1]
    assert (second.step, GraphDef.FromString(second.graph_def).node[0].name) == (4, "only")
    assert (third.step, MetaGraphDef.FromString(third.meta_graph_def).graph_def.node[0].name) == (5, "inner")


def test_logs_and_events(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_session_log(SessionLog(status=SessionLog.CHECKPOINT, checkpoint_path="model-3"), np.int32(3))
    writer.add_event(Event(wall_time=1.0, step=5, summary=scalar(0.5)))
    stats = NodeExecStats("w", 1_000_000, 0, 5, 5, "w = matmul(...)")
    metadata = RunMetadata()
    metadata.step_stats = StepStats([DeviceStepStats("cpu", [stats])])
    writer.add_run_metadata(metadata, "traced", 7)
    writer.add_run_metadata(RunMetadataProto(), "empty")
    log, event, traced, empty = written(writer)
    assert (log.step, log.session_log.status, log.session_log.checkpoint_path) == (3, SessionLog.CHECKPOINT, "model-3")
    assert (event.wall_time, event.step) == (1.0, 5)
    assert (traced.step, traced.tagged_run_metadata.tag) == (7, "traced")
    read = RunMetadataProto.FromString(traced.tagged_run_metadata.run_metadata).step_stats.dev_stats[0]
    assert (read.device, read.node_stats[0].node_name, read.node_stats[0].op_end_rel_micros) == ("cpu", "w", 5)
    assert empty.tagged_run_metadata.run_metadata == b""


def test_hyper_parameters(tmp_path: Path) -> None:
    given = {"rate": np.float32(0.5), "units": 3, "name": "Adam", "nesterov": True}
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_hparams(given, group_name="g")
    start, end = (event.summary.value[0] for event in written(writer))
    assert (start.tag, end.tag) == ("_hparams_/session_start_info", "_hparams_/session_end_info")
    assert start.metadata.plugin_data.plugin_name == "hparams"
    assert tf.summary.read(tmp_path).hparams() == given
    with pytest.raises(ArgumentTypeError, match="The hyper-parameter 'layers' must be a number, a text or a truth value, got"):
        tf.summary.FileWriter(tmp_path / "other").add_hparams({"layers": [1, 2]})


def test_a_run_that_fails_says_so_in_its_hyper_parameters(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), tf.summary.FileWriter(tmp_path) as writer:
        writer.add_hparams({"rate": 1.0})
        _ = 1 / 0
    content = written(writer)[1].summary.value[0].metadata.plugin_data.content
    assert HParamsPluginData.FromString(content).session_end_info.status == FAILURE


# --- when it is there ------------------------------------------------------------------------------------------------


def eventually(condition: Callable[[], bool]) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_flushing(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_summary(scalar(1.0))
    assert len(events(writer.get_filename())) == 1  # the version
    writer.flush()
    assert len(events(writer.get_filename())) == 2
    writer.close()


def test_the_thread_flushes_by_itself(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path, flush_secs=0)
    writer.add_summary(scalar(1.0))
    assert eventually(lambda: len(events(writer.get_filename())) == 2)
    writer.close()


@pytest.mark.parametrize("max_queue", [0, 1, 2, 10, 1000])
def test_nothing_is_lost_and_the_order_is_kept(tmp_path: Path, max_queue: int) -> None:
    writer = tf.summary.FileWriter(tmp_path, max_queue=max_queue, flush_secs=0.001)
    for step in range(3000):
        writer.add_summary(scalar(step), step)
    assert [event.step for event in written(writer)] == list(range(3000))


def test_several_threads_may_write(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path, max_queue=3)

    def work(tag: str) -> None:
        for step in range(500):
            writer.add_summary(scalar(step, tag), step)

    threads = [threading.Thread(target=work, args=(tag,)) for tag in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    log = tf.summary.read(tmp_path)
    assert [log.scalars(tag).steps.tolist() for tag in "abcd"] == [list(range(500))] * 4


def test_a_forgotten_writer_writes_what_waits(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_summary(scalar(1.0), 1)
    path = writer.get_filename()
    del writer
    gc.collect()
    assert [event.step for event in events(path)] == [0, 1]


def test_a_writer_may_be_collected_on_its_own_thread() -> None:
    done = []

    class ClosesItself:
        def write(self, items: Any) -> None:
            done.extend(items)
            writing.close()

        def flush(self) -> None:
            done.append("flushed")

        def close(self) -> None:
            done.append("closed")

        def fork(self) -> None:
            raise AssertionError("no process is forked")

    writing = Background(ClosesItself(), 2, 120)
    writing.add(1)
    writing.add(2)
    assert eventually(lambda: "closed" in done)
    assert [item for item in done if item != "flushed"] == [1, 2, "closed"]


def test_the_end_of_the_program_writes_what_waits(tmp_path: Path) -> None:
    text = "import sys, graphopt as tf; w = tf.summary.FileWriter(sys.argv[1])\nfor i in range(7): w.add_summary(tf.Summary(), i)"
    subprocess.run([sys.executable, "-c", text, str(tmp_path)], check=True)
    assert len(events(next(tmp_path.iterdir()))) == 8


def test_closing_and_opening_again(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(str(tmp_path))
    writer.close()
    writer.close()
    for use in (
        lambda: writer.add_summary(scalar(1.0)),
        writer.flush,
        lambda: writer.add_graph(tf.get_default_graph()),
        lambda: writer.add_event(Event()),
    ):
        with pytest.warns(UserWarning, match="Attempting to use a closed FileWriter"):
            use()
    first = writer.get_filename()
    writer.reopen()
    writer.reopen()
    writer.add_summary(scalar(1.0), 1)
    assert [event.step for event in written(writer)] == [1]
    assert sorted(tmp_path.iterdir()) == sorted([Path(first), Path(writer.get_filename())])


def test_cache(tmp_path: Path) -> None:
    cache = tf.summary.FileWriterCache
    tf.constant(1.0, name="one")
    writer = cache.get(str(tmp_path))
    assert cache.get(tmp_path) is writer
    cache.clear()
    assert GraphDef.FromString(written(writer)[0].graph_def).node[0].name == "one"
    with pytest.warns(UserWarning, match="closed FileWriter"):
        writer.add_summary(scalar(1.0))
    assert cache.get(str(tmp_path)) is not writer
    cache.clear()
