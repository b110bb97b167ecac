"""`ConfigProto`: fields that TensorFlow scripts set. graphopt accepts them; those that mean something here say so."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError


class _Options:
    """A group of options with free names; setting one has no effect."""

    def __init__(self, **options: Any) -> None:
        self.__dict__.update(options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class GPUOptions(_Options):
    """Accepted, without effect."""


class GraphOptions(_Options):
    """Accepted, without effect."""


class ConfigProto:
    """Settings of a session.

    Args:
      options: any of the fields TensorFlow scripts set: allow_soft_placement, log_device_placement, gpu_options, device_count,
        intra_op_parallelism_threads, inter_op_parallelism_threads, graph_options, operation_timeout_in_ms, device_filters.

    Raises:
      ValueError: for a field TensorFlow does not have.
    """

    _FIELDS = (
        "allow_soft_placement", "log_device_placement", "gpu_options", "device_count", "intra_op_parallelism_threads",
        "inter_op_parallelism_threads", "graph_options", "operation_timeout_in_ms", "device_filters", "use_per_session_threads",
        "isolate_session_state", "placement_period", "experimental", "session_inter_op_thread_pool", "rpc_options", "cluster_def",
    )  # fmt: skip

    def __init__(self, **options: Any) -> None:
        self.allow_soft_placement = False
        self.log_device_placement = False
        self.gpu_options = GPUOptions()
        self.graph_options = GraphOptions()
        self.device_count: dict[str, int] = {}
        self.intra_op_parallelism_threads = 0
        self.inter_op_parallelism_threads = 0
        for name, value in options.items():
            if name not in self._FIELDS:
                raise ArgumentError(f'Protocol message ConfigProto has no "{name}" field.')
            setattr(self, name, value)
