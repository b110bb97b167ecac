"""MLflow and Weights & Biases: what the sinks ask of them, what they have written, and what happens when they are missing or refuse.

With packages that stand for them always; with the packages themselves, and read by these, where they are installed.
"""

import importlib
import importlib.util
import inspect
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import MissingPackageError
from graphopt.ops.summary import histogram_of
from graphopt.summary import sinks

# By path: the tests' modules do not find each other by name here.
SPEC = importlib.util.spec_from_file_location("sink_packages", Path(__file__).with_name("sink_packages.py"))
packages: Any = importlib.util.module_from_spec(SPEC)  # type: ignore[arg-type]
SPEC.loader.exec_module(packages)  # type: ignore[union-attr]

Value = tf.Summary.Value
HAS = {name: importlib.util.find_spec(name) is not None for name in ("mlflow", "wandb")}
# What these packages warn of themselves.
QUIET = [pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("DeprecationWarning", "FutureWarning", "PendingDeprecationWarning")]
pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore::ResourceWarning")]
Leave = Callable[[str, str], None]


def summary(step: int) -> Any:
    return tf.Summary([Value("train/loss", simple_value=step / 2), Value("w", histo=histogram_of(np.arange(10.0))), Value("note")])


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the stand-ins are asked for; they stand in from here on."""
    found: list[Any] = []
    modules = {**packages.mlflow_standing_in(found), **packages.wandb_standing_in(found)}
    monkeypatch.setattr(sinks, "load", lambda name, use, extra: modules[name])
    return found


def own_signature(where: str) -> set[str]:
    module, _, path = where.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return set(inspect.signature(found).parameters)


@pytest.mark.parametrize("package", ["mlflow", "wandb"])
def test_the_packages_take_what_they_are_given(package: str, leave_out: Leave) -> None:
    used = {where: names for where, names in packages.USED.items() if where.split(":")[0].split(".")[0] == package}
    assert len(used) >= 5
    if not HAS[package]:
        leave_out("packages", f"checked with {package} itself: it is not installed")
        return
    assert {where: names - own_signature(where) for where, names in used.items()} == {where: set() for where in used}


# --- MLflow ----------------------------------------------------------------------------------------------------------


def test_what_mlflow_is_asked_for(calls: list[Any], tmp_path: Path) -> None:
    before = dict(os.environ)
    with tf.summary.MlflowSink(tmp_path / "runs", experiment="e", run_name="r") as sink:
        assert os.environ == before
        sink.add_hparams({"rate": 0.1, "who (me)": "x"})
        sink.write(summary(3), 3, 12.3456)
        sink.write(tf.Summary([Value("/a//b [1]", simple_value=1.0)]), None, 1.0)
    assert calls == [
        ("client", (tmp_path / "runs").as_uri()),
        ("run", "id of e", "r"),
        ("r1", [], [("rate", "0.1"), ("who _me_", "x")]),
        ("r1", [("train/loss", 1.5, 12346, 3), ("_a_/b _1_", 1.0, 1000, 0)], []),
        ("ended", "r1", "FINISHED"),
    ]


def test_mlflow_gets_batches_and_how_the_run_ended(calls: list[Any], tmp_path: Path) -> None:
    with pytest.raises(KeyError), tf.summary.MlflowSink(tmp_path) as sink:
        for step in range(2500):
            sink.add_summary(summary(step), step)
        raise KeyError("stop")
    sizes = [len(call[1]) for call in calls if call[0] == "r1"]
    assert sizes == [1000, 1000, 500]
    sink.close()
    assert [call for call in calls if call[0] == "ended"] == [("ended", "r1", "FAILED")]


def test_what_mlflow_refuses(calls: list[Any], tmp_path: Path) -> None:
    sink = tf.summary.MlflowSink(tmp_path)
    with pytest.raises(tf.errors.UnknownError, match="MLflow refused what was written: a parameter has another value already") as caught:
        sink.add_hparams({"a": "refuse"})
    assert f"at {__file__}:" in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"The log directory '.*file' can't be made"):
        tf.summary.MlflowSink(tmp_path / "file")


def test_what_mlflow_could_not_take_waits(calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = tf.summary.MlflowSink(tmp_path)
    sink.add_summary(summary(1), 1)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sink._client, "log_batch", full, raising=False)
        with pytest.raises(tf.errors.ResourceExhaustedError, match=r"The MLflow folder '.*' can't be written: no space left on device"):
            sink.flush()
    sink.close()
    assert [call[1][0][:2] for call in calls if call[0] == "r1"] == [("train/loss", 0.5)]


def test_mlflow_reads_what_was_written(tmp_path: Path, leave_out: Leave, monkeypatch: pytest.MonkeyPatch) -> None:
    if not HAS["mlflow"]:
        with pytest.raises(MissingPackageError, match=r"MlflowSink needs the package 'mlflow': pip install 'graphopt\[mlflow\]'"):
            tf.summary.MlflowSink(tmp_path)
        leave_out("packages", "checked with mlflow itself: it is not installed")
        return
    before, runs = dict(os.environ), []
    for name in ("first", "second"):
        with tf.summary.MlflowSink(tmp_path / "runs", experiment="e", run_name=name) as sink:
            sink.add_hparams({"rate": 0.1})
            for step in range(600):
                sink.add_summary(summary(step), step)
                sink.write(tf.Summary([Value("odd [1]", simple_value=float("nan"))]), None, 1.0)
            with pytest.raises(tf.errors.UnknownError, match="MLflow refused what was written: "):
                sink.add_hparams({"rate": 0.2})
        runs.append(sink.run_id)
    assert os.environ == before
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    client = importlib.import_module("mlflow").MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    found = client.search_runs([client.get_experiment_by_name("e").experiment_id])
    assert {(run.info.run_id, run.info.run_name, run.info.status) for run in found} == {
        (runs[0], "first", "FINISHED"),
        (runs[1], "second", "FINISHED"),
    }
    assert [run.data.params for run in found] == [{"rate": "0.1"}] * 2
    history = client.get_metric_history(runs[0], "train/loss")
    assert sorted((item.step, item.value) for item in history) == [(step, step / 2) for step in range(600)]
    assert len(client.get_metric_history(runs[0], "odd _1_")) == 600


# --- Weights & Biases ------------------------------------------------------------------------------------------------


def test_what_wandb_is_asked_for(calls: list[Any], tmp_path: Path) -> None:
    with tf.summary.WandbSink(tmp_path, project="p", name="n", hparams={"rate": 0.1}) as sink:
        sink.add_summary(summary(3), 3)
        sink.add_summary(tf.Summary([Value("loss", simple_value=1.0)]), 2)  # a step that was before
        sink.add_summary(tf.Summary([Value("loss", simple_value=2.0)]))
        sink.add_summary(tf.Summary([Value("empty", histo=histogram_of(np.zeros(0)))]), 4)
        sink.flush()
        assert sink.folder == str(Path("folder/run"))
    begun, axis, rest, first, second, third, end = calls
    assert begun == ("offline", str(tmp_path), "p", "n", {"rate": 0.1}, "finish_previous", True)
    assert (axis, rest) == (("metric", "global_step", None), ("metric", "*", "global_step"))
    counts, edges = first.pop("w")
    assert (len(counts), edges[0], edges[-1]) == (64, 0.0, 9.0)
    assert [first, second, third, end] == [
        {"global_step": 3, "train/loss": 1.5},
        {"global_step": 2, "loss": 1.0},
        {"loss": 2.0},
        ("ended", 0),
    ]


def test_what_wandb_refuses(calls: list[Any], tmp_path: Path) -> None:
    with pytest.raises(tf.errors.UnknownError, match="wandb refused what was written: no"), tf.summary.WandbSink(tmp_path) as sink:
        sink.add_summary(tf.Summary([Value("refuse", simple_value=1.0)]), 1)
    assert calls[-1] == ("ended", 1)
    sink.close()


def finished_records(path: Path) -> list[Any]:
    """The records of a run: wandb's own process may still be writing them for a moment after its end."""
    record_of = importlib.import_module("wandb.proto.wandb_internal_pb2").Record.FromString
    for _ in range(600):
        found = [record_of(data) for data in packages.records_of_wandb(path)]
        if any(record.HasField("exit") for record in found):
            break
        time.sleep(0.05)
    return found


def test_wandb_has_what_was_written(tmp_path: Path, leave_out: Leave) -> None:
    if not HAS["wandb"]:
        with pytest.raises(MissingPackageError, match=r"WandbSink needs the package 'wandb': pip install 'graphopt\[wandb\]'"):
            tf.summary.WandbSink(tmp_path)
        leave_out("packages", "checked with wandb itself: it is not installed")
        return
    with tf.summary.WandbSink(tmp_path, project="p", name="n", hparams={"rate": 0.1}) as sink:
        for step in (0, 1, 2, 1, 2, 3):  # it was rolled back after the third
            sink.add_summary(summary(step), step)
        folder = Path(sink.folder)
    assert folder.is_relative_to(tmp_path)
    records = finished_records(next(folder.glob("*.wandb")))
    run = next(record.run for record in records if record.HasField("run"))
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert (run.project, run.display_name, config["rate"]) == ("p", "n", 0.1)
    rows = [record.history for record in records if record.HasField("history")]
    values = [{item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in row.item} for row in rows]
    assert [(row["global_step"], row["train/loss"]) for row in values] == [(step, step / 2) for step in (0, 1, 2, 1, 2, 3)]
    assert (values[0]["w/_type"], len(values[0]["w/values"]), sum(values[0]["w/values"])) == ("histogram", 64, pytest.approx(10.0))
    metrics = [
        (record.metric.name or record.metric.glob_name, record.metric.step_metric) for record in records if record.HasField("metric")
    ]
    assert ("*", "global_step") in metrics
    assert next(record.exit.exit_code for record in records if record.HasField("exit")) == 0
