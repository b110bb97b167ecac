"""What MLflow and Weights & Biases are asked for, and packages that stand for them where they are not installed.

`USED` was taken down from MLflow 3.17.2 and wandb 0.31.0: the functions that the sinks call, with the names of the arguments that they
pass. A stand-in takes these and nothing else; where the packages are installed their own signatures are compared with it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

USED: dict[str, set[str]] = {
    "mlflow:MlflowClient": {"tracking_uri"},
    "mlflow:MlflowClient.get_experiment_by_name": {"name"},
    "mlflow:MlflowClient.create_experiment": {"name"},
    "mlflow:MlflowClient.create_run": {"experiment_id", "run_name"},
    "mlflow:MlflowClient.log_batch": {"run_id", "metrics", "params"},
    "mlflow:MlflowClient.set_terminated": {"run_id", "status"},
    "mlflow.entities:Metric": {"key", "value", "timestamp", "step"},
    "mlflow.entities:Param": {"key", "value"},
    "wandb:init": {"mode", "dir", "project", "name", "config", "reinit", "settings"},
    "wandb:Histogram": {"np_histogram"},
    "wandb.sdk.wandb_run:Run.define_metric": {"name", "step_metric"},
    "wandb.sdk.wandb_run:Run.log": {"data"},
    "wandb.sdk.wandb_run:Run.finish": {"exit_code"},
}


class Refused(Exception):
    """What the packages raise."""


def mlflow_standing_in(calls: list[Any]) -> dict[str, Any]:
    """MLflow's modules by name, which note what they are asked for."""

    class Client:
        def __init__(self, tracking_uri: str) -> None:
            calls.append(("client", tracking_uri))
            self.experiments: dict[str, str] = {}

        def get_experiment_by_name(self, name: str) -> Any:
            return SimpleNamespace(experiment_id=self.experiments[name]) if name in self.experiments else None

        def create_experiment(self, name: str) -> str:
            self.experiments[name] = f"id of {name}"
            return self.experiments[name]

        def create_run(self, experiment_id: str, run_name: str | None = None) -> Any:
            calls.append(("run", experiment_id, run_name))
            return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

        def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
            if any(param[1] == "refuse" for param in params):
                raise Refused("a parameter has another value already")
            if len(metrics) > 1000:
                raise Refused("a batch has 1000 metrics at most")
            calls.append((run_id, [tuple(metric) for metric in metrics], [tuple(param) for param in params]))

        def set_terminated(self, run_id: str, status: str | None = None) -> None:
            calls.append(("ended", run_id, status))

    entities = SimpleNamespace(
        Metric=lambda key, value, timestamp, step: (key, value, timestamp, step), Param=lambda key, value: (key, value)
    )
    return {
        "mlflow": SimpleNamespace(MlflowClient=Client),
        "mlflow.entities": entities,
        "mlflow.exceptions": SimpleNamespace(MlflowException=Refused),
    }


def wandb_standing_in(calls: list[Any]) -> dict[str, Any]:
    """Wandb by name, which notes what it is asked for."""

    class Run:
        dir = "folder/run/files"

        def define_metric(self, name: str, step_metric: str | None = None) -> None:
            calls.append(("metric", name, step_metric))

        def log(self, data: dict[str, Any]) -> None:
            if any(key == "refuse" for key in data):
                raise Refused("no")
            calls.append(data)

        def finish(self, exit_code: int | None = None) -> None:
            calls.append(("ended", exit_code))

    def init(*, mode: str, dir: str, project: str, name: str | None, config: Any, reinit: str, settings: Any) -> Run:
        calls.append((mode, dir, project, name, config, reinit, settings))
        return Run()

    histogram = SimpleNamespace(Error=Refused, init=init, Settings=lambda silent: silent, Histogram=lambda np_histogram: np_histogram)
    return {"wandb": histogram}


def records_of_wandb(path: Path) -> Iterator[bytes]:
    """The records of wandb's file: a head of 7 bytes, then LevelDB's log format with blocks of 32 KiB."""
    content = path.read_bytes()
    assert content[:4] in (b"", b":W&B"), f"{path} is no file of wandb"
    at, whole = 7, b""
    while at + 7 <= len(content):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        size, kind = struct.unpack_from("<HB", content, at + 4)
        whole += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # a record in one piece, or the last piece of one
            yield whole
            whole = b""
