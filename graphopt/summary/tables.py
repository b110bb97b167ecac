"""Numbers of a log directory as a table: pandas, CSV, Parquet, JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from graphopt.summary.optional import load
from graphopt.system_errors import to_path, write_whole

Array = np.ndarray[Any, Any]


class Table(NamedTuple):
    """Columns of one length; `run` and `tag` are numbers of the entries of `runs` and `tags`."""

    runs: list[str]
    tags: list[str]
    run: Array
    tag: Array
    step: Array
    wall_time: Array
    value: Array

    @classmethod
    def of(cls, parts: Sequence[tuple[str, str, Any]]) -> Table:
        """Return the table of series, each with its run and tag."""
        runs = list(dict.fromkeys(run for run, _, _ in parts))
        tags = list(dict.fromkeys(tag for _, tag, _ in parts))
        counts = [len(series.steps) for _, _, series in parts]
        run_numbers, tag_numbers = {run: i for i, run in enumerate(runs)}, {tag: i for i, tag in enumerate(tags)}
        return cls(
            runs,
            tags,
            np.repeat(np.array([run_numbers[run] for run, _, _ in parts], np.int32), counts),
            np.repeat(np.array([tag_numbers[tag] for _, tag, _ in parts], np.int32), counts),
            np.concatenate([series.steps for _, _, series in parts] or [np.zeros(0, np.int64)]),
            np.concatenate([series.wall_times for _, _, series in parts] or [np.zeros(0)]),
            np.concatenate([series.values for _, _, series in parts] or [np.zeros(0, np.float32)]),
        )


def write_pandas(table: Table) -> Any:
    """Return a table as a `pandas.DataFrame`."""
    pandas = load("pandas", "LogData.to_pandas", "tables")
    return pandas.DataFrame(
        {
            "run": pandas.Categorical.from_codes(table.run, table.runs),
            "tag": pandas.Categorical.from_codes(table.tag, table.tags),
            "step": table.step,
            "wall_time": table.wall_time,
            "value": table.value,
        }
    )


def write_csv(table: Table, path: Any) -> None:
    """Write a table as CSV; the numbers with as many digits as they need."""
    runs = map(table.runs.__getitem__, table.run.tolist())
    tags = map(table.tags.__getitem__, table.tag.tolist())
    rows = zip(runs, tags, table.step.tolist(), table.wall_time.tolist(), table.value.astype(str).tolist(), strict=True)

    def write(file: IO[bytes]) -> None:
        with io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True) as text:
            writer = csv.writer(text)
            writer.writerow(["run", "tag", "step", "wall_time", "value"])
            writer.writerows(rows)

    write_whole(_file_path(path), write)


def write_parquet(table: Table, path: Any) -> None:
    """Write a table as a Parquet file."""
    arrow, parquet = (load(name, "LogData.to_parquet", "tables") for name in ("pyarrow", "pyarrow.parquet"))
    columns = {
        "run": arrow.DictionaryArray.from_arrays(table.run, arrow.array(table.runs, arrow.string())),
        "tag": arrow.DictionaryArray.from_arrays(table.tag, arrow.array(table.tags, arrow.string())),
        "step": table.step,
        "wall_time": table.wall_time,
        "value": table.value,
    }
    write_whole(_file_path(path), lambda file: parquet.write_table(arrow.table(columns), file))


def write_json(found: Any, path: Any) -> str | None:
    """Return a value as JSON, or write it to a file."""
    text = json.dumps(found)
    if path is None:
        return text
    write_whole(_file_path(path), lambda file: file.write(text.encode()))
    return None


def _file_path(path: Any) -> Path:
    return to_path(path, "A file")
