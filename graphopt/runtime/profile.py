"""What a traced run reports: a time for each step, as TensorFlow's `RunMetadata`, and a Chrome trace of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphopt.system_errors import to_path, write_whole


class RunOptions:
    """How to run.

    Args:
      trace_level: NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE or FULL_TRACE; anything above NO_TRACE fills the `RunMetadata`.
      The other arguments are accepted for TensorFlow's sake.
    """

    NO_TRACE = 0
    SOFTWARE_TRACE = 1
    HARDWARE_TRACE = 2
    FULL_TRACE = 3

    def __init__(self, trace_level: int = 0, timeout_in_ms: int = 0, inter_op_thread_pool: int = 0, output_partition_graphs: bool = False,
                 debug_options: Any = None, report_tensor_allocations_upon_oom: bool = False) -> None:  # fmt: skip
        self.trace_level = trace_level
        self.timeout_in_ms = timeout_in_ms
        self.output_partition_graphs = output_partition_graphs


@dataclass
class NodeExecStats:
    """When one step of the plan ran: microseconds since the epoch of the clock, and from the step's start."""

    node_name: str
    all_start_micros: int
    op_start_rel_micros: int
    op_end_rel_micros: int
    all_end_rel_micros: int
    timeline_label: str
    scope: str = ""


@dataclass
class DeviceStepStats:
    """The steps of one device."""

    device: str
    node_stats: list[NodeExecStats] = field(default_factory=list)


@dataclass
class StepStats:
    """The steps of a run, by device."""

    dev_stats: list[DeviceStepStats] = field(default_factory=list)


class RunMetadata:
    """What a traced run reports.

    Attributes:
      step_stats: when each step ran.
    """

    def __init__(self) -> None:
        self.step_stats = StepStats()
        self.partition_graphs: list[Any] = []
        self.cost_graph: Any = None

    def fill(self, timings: Sequence[Any], origins: Any) -> None:
        """Enter the timings of a run; steps are named after the recorded operations they come from."""
        device = DeviceStepStats("/job:localhost/replica:0/task:0/device:CPU:0")
        for timing in timings:
            # The ends are rounded, not the durations: many steps shorter than a microsecond still add up to what they took.
            start = int(timing.start * 1e6)
            duration = max(int(timing.end * 1e6) - start, 0)
            origin = origins.get(timing.node)
            name = timing.node.op.name if origin is None else origin.name
            label = f"{name} = {timing.node.op.name}({', '.join(str(s.tensor_type) for s in timing.node.inputs)})"
            device.node_stats.append(NodeExecStats(name, start, 0, duration, duration, label))
        self.step_stats = StepStats([device])

    def chrome_trace(self) -> str:
        """Return the run as a Chrome trace: JSON for chrome://tracing or Perfetto."""
        return Timeline(self.step_stats).generate_chrome_trace_format()

    def write_chrome_trace(self, path: str | Path) -> None:
        """Write the Chrome trace to a file, whole or not at all.

        Args:
          path: text or an `os.PathLike`.

        Raises:
          TypeError, ValueError: when `path` is no path. tf.errors.OpError: when the file can't be written, with its path:
          `NotFoundError` without its folder, `FailedPreconditionError` for a folder, `PermissionDeniedError`, `ResourceExhaustedError`.

        Example:
          >>> metadata = tf.RunMetadata()
          >>> metadata.write_chrome_trace("trace.json")
        """
        trace = self.chrome_trace().encode("utf-8")
        write_whole(to_path(path, "The path of a trace"), lambda file: file.write(trace))


class Timeline:
    """A Chrome trace of step stats.

    Args:
      step_stats: `RunMetadata.step_stats` of a traced run.
    """

    def __init__(self, step_stats: StepStats, graph: Any = None) -> None:
        self._step_stats = step_stats

    def generate_chrome_trace_format(self, show_dataflow: bool = True, show_memory: bool = False) -> str:
        """Return the trace as JSON."""
        events: list[dict[str, Any]] = []
        for pid, device in enumerate(self._step_stats.dev_stats):
            events.append({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": device.device}})
            events.extend(
                {
                    "name": stats.timeline_label.split(" = ", 1)[-1].split("(", 1)[0],
                    "cat": "Op",
                    "ph": "X",
                    "pid": pid,
                    "tid": 0,
                    "ts": stats.all_start_micros,
                    "dur": stats.all_end_rel_micros,
                    "args": {"name": stats.node_name, "op": stats.timeline_label},
                }
                for stats in device.node_stats
            )
        return json.dumps({"traceEvents": events}, indent=2)
