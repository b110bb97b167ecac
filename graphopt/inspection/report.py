"""`report`: one self-contained HTML page about training runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, NotFoundError, user_location
from graphopt.graph.summary_cadence import Cadence
from graphopt.inspection.doctor import doctor
from graphopt.inspection.explain import explain
from graphopt.inspection.reporting.log import Log, contents_of
from graphopt.inspection.reporting.page import page
from graphopt.inspection.strict_json import strict_json
from graphopt.runtime.profile import RunMetadata
from graphopt.system_errors import failing_as, to_path, write_whole

# The file beside the event files.
REPORT_DATA = "graphopt_report.json"


def report(
    log: Log,
    *,
    title: str = "Training run",
    training: Mapping[str, Mapping[str, Any]] | None = None,
    warnings: Sequence[str] = (),
) -> str:
    """Return one HTML page about the runs of a log directory: it needs no network and no other file.

    It shows curves (several runs in one chart), histograms over steps, pictures, sounds, texts, the pipeline of the training op, what the
    doctor found, hyper-parameters and a table of final values. Very long curves are thinned out; a band then shows the least and the
    greatest value of what each point stands for.

    Args:
      log: what `graphopt.summary.read` gives. title: the heading.
      training: by the name of a run what `save_report_data` wrote; `read_report_data` reads it.
      warnings: what the reader should know, such as the warnings of `graphopt.summary.read` about broken files.

    Returns:
      The page.

    Raises:
      TypeError: when `log` is a path, or anything else but a log.

    Example:
      >>> with tf.summary.FileWriter("logs/first") as writer:
      ...     for step in range(100):
      ...         writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1 / (1 + step))]), step)
      >>> from graphopt.inspection import read_report_data, report
      >>> page = report(tf.summary.read("logs"), title="logs", training=read_report_data("logs"))
      >>> page[:15], "http://" in page.replace("http://www.w3.org/2000/svg", "")
      ('<!doctype html>', False)
    """
    if not hasattr(log, "runs"):
        raise ArgumentTypeError(f"report takes a log, as graphopt.summary.read(logdir) gives it, got {log!r} of {type(log)}.")
    return page(contents_of(log, dict(training or {}), list(warnings)), title)


def save_report_data(
    logdir: str | PathLike[str],
    train_op: Any,
    session: Any = None,
    *,
    feeds: Mapping[Any, Any] | Iterable[Mapping[Any, Any]] | None = (),
    checkpoint: Any = None,
    cadence: Cadence | Mapping[str, int] | int | None = None,
    run_metadata: RunMetadata | None = None,
) -> Path:
    """Put what `explain` and `doctor` say of a training op beside the event files, for `graphopt report` to show.

    Args:
      logdir: the folder of the run; it is made when it is missing. train_op: what `optimize_loss` returned.
      session: the session it runs in: then present values are shown, and the doctor looks at them.
      feeds, checkpoint, cadence: what the doctor's rules need, as `doctor` takes them.
      run_metadata: of a traced run: then the explanation holds its times, and the doctor takes the cost of summaries from it.

    Returns:
      The file.

    Raises:
      ValueError: for anything but a training op. TypeError: when `logdir` is no path. What `explain` and `doctor` raise for the others.
      PermissionDeniedError, FailedPreconditionError, ResourceExhaustedError: when the file can't be written, with its path.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD")
      >>> from graphopt.inspection import save_report_data
      >>> save_report_data("logs/second", train_op).name
      'graphopt_report.json'
    """
    explanation = explain(train_op, session=session, run_metadata=run_metadata)
    known = {"session": session, "feeds": feeds, "checkpoint": checkpoint, "cadence": cadence, "run_metadata": run_metadata}
    found = {"explanation": explanation.to_dict(), "diagnosis": doctor(train_op, **known).to_dict()}
    path = to_path(logdir, "A log directory") / REPORT_DATA
    content = strict_json(found, indent=1).encode()
    with failing_as(f"The log directory '{path.parent}' can't be made"):
        path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever makes a report meanwhile finds the old file or the new one, whole.
    write_whole(path, lambda file: file.write(content))
    return path


def read_report_data(logdir: str | PathLike[str]) -> dict[str, dict[str, Any]]:
    """Return what `save_report_data` wrote to a log directory and its subfolders.

    Args:
      logdir: the directory.

    Returns:
      By the name of the run, "." for the directory itself: its `explanation` and `diagnosis`, as plain dicts. Nothing where none were
      written.

    Raises:
      NotFoundError: when there is no such directory. ValueError: when a file is broken, with its path. TypeError: when `logdir` is no path.
      PermissionDeniedError, FailedPreconditionError, UnknownError: when a file can't be read, with its path.
    """
    top = to_path(logdir, "A log directory")
    if not top.exists():
        raise NotFoundError(None, None, f"There is no log directory '{top}'.\n  at {user_location()}")
    return {path.parent.relative_to(top).as_posix(): _read(path) for path in sorted(top.rglob(REPORT_DATA))}


def _read(path: Path) -> dict[str, Any]:
    with failing_as(f"The report data '{path}' can't be read"):
        content = path.read_bytes()
    try:
        found = json.loads(content)
    except ValueError as error:
        raise ArgumentError(f"'{path}' holds no report data: {error}.") from None
    if not isinstance(found, dict):
        raise ArgumentError(f"'{path}' holds no report data: an object is needed, not {type(found).__name__}.")
    return found
