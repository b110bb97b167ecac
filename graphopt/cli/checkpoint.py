"""`graphopt checkpoint list|show|diff`: looks into checkpoints, graphopt's and TensorFlow's."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from graphopt.cli.command import (
    FINE,
    FOUND,
    Command,
    CommandError,
    each_with_progress,
    existing_folder,
    print_json,
    size_text,
    table,
    warnings_in_lines,
)
from graphopt.cli.parser import Parser
from graphopt.errors import GraphOptError, OpError, first_line
from graphopt.train.checkpoints.reader import CheckpointReader, load_checkpoint
from graphopt.train.checkpoints.state_file import get_checkpoint_state

_DESCRIPTION = """Look into checkpoints: those of graphopt, and those that TensorFlow wrote (V2). A checkpoint is named by its prefix
(logs/model-100), or by its folder for the newest in it.

examples:
  graphopt checkpoint list logs
  graphopt checkpoint show logs/model-100
  graphopt checkpoint show logs --value layer/bias
  graphopt checkpoint diff logs/model-100 logs/model-200

exit code: 0; 1 when `diff` finds differences; 2 for wrong usage, or a checkpoint that can't be read."""


def _add_arguments(parser: Parser) -> None:
    actions = parser.add_words("actions", "ACTION")
    listing = actions.add_parser("list", help="the checkpoints of a folder", description="List the checkpoints of a folder.")
    listing.add_argument("folder")
    listing.set_defaults(action=_list)
    show = actions.add_parser("show", help="the variables of a checkpoint", description="Show what a checkpoint holds.")
    show.add_argument("checkpoint", help="its prefix, or its folder")
    show.add_argument("--value", metavar="NAME", help="print the value of one variable")
    show.set_defaults(action=_show)
    diff = actions.add_parser("diff", help="what two checkpoints differ in", description="Compare two checkpoints.")
    diff.add_argument("first", help="a prefix, or a folder")
    diff.add_argument("second", help="a prefix, or a folder")
    diff.add_argument("--tolerance", type=float, default=0.0, help="absolute differences up to this are none (default: 0)")
    diff.set_defaults(action=_diff)
    for action in (listing, show, diff):
        action.add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace) -> int:
    try:
        with warnings_in_lines():
            code: int = arguments.action(arguments)
    except (OpError, GraphOptError) as error:
        raise CommandError(first_line(error)) from None
    return code


# --- list ------------------------------------------------------------------------------------------------------------------


def _list(arguments: argparse.Namespace) -> int:
    folder = existing_folder(arguments.folder)
    state = get_checkpoint_state(str(folder))
    paths = [] if state is None else list(dict.fromkeys([*state.all_model_checkpoint_paths, state.model_checkpoint_path]))
    newest = None if state is None else state.model_checkpoint_path
    found = [_described(path, is_newest=path == newest) for path in each_with_progress(paths, "checkpoint", "looking")]
    if arguments.json:
        print_json({"folder": str(folder), "checkpoints": found})
    elif not found:
        print(f"{folder} has no checkpoints.")
    else:
        rows = [[c["path"], _shown(c["bytes"], size_text), _shown(c["written"], str), "newest" * c["newest"]] for c in found]
        print(table(["checkpoint", "size", "written", ""], rows))
    return FINE


def _shown(value: Any, text: Any) -> str:
    return "missing" if value is None else text(value)


def _described(prefix: str, *, is_newest: bool) -> dict[str, Any]:
    """Return what the files of a checkpoint say; no size where they are gone."""
    files = [path for path in Path(prefix).parent.glob(f"{_escaped(Path(prefix).name)}.*") if path.suffix != ".meta" and path.is_file()]
    stats = [path.stat() for path in files]
    written = max((stat.st_mtime for stat in stats), default=None)
    return {
        "path": prefix,
        "bytes": sum(stat.st_size for stat in stats) if stats else None,
        "written": None if written is None else datetime.fromtimestamp(written).isoformat(" ", "seconds"),
        "newest": is_newest,
    }


def _escaped(name: str) -> str:
    """Return a name for `glob` that stands for itself."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


# --- show ------------------------------------------------------------------------------------------------------------------


def _show(arguments: argparse.Namespace) -> int:
    reader = load_checkpoint(arguments.checkpoint)
    if arguments.value is not None:
        return _show_value(reader, arguments)
    variables = [_variable(reader, name) for name in sorted(reader.variables)]
    total = sum(v["bytes"] or 0 for v in variables)
    if arguments.json:
        print_json({"checkpoint": os.fspath(reader.path), "variables": variables, "bytes": total})
    else:
        print(table(["variable", "type", "bytes"], [[v["name"], v["type"], _shown_bytes(v["bytes"])] for v in variables]))
        print(f"\n{len(variables)} variables, {size_text(total)} in {reader.path}")
    return FINE


def _show_value(reader: CheckpointReader, arguments: argparse.Namespace) -> int:
    value = reader.get_tensor(arguments.value.removesuffix(":0"))
    if arguments.json:
        print_json({"checkpoint": os.fspath(reader.path), "variable": arguments.value, "value": _to_plain(value)})
    else:
        print(value)
    return FINE


def _to_plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else np.asarray(value).tolist()


def _variable(reader: CheckpointReader, name: str) -> dict[str, Any]:
    dtype, shape = reader.variables[name]
    text = "?" if dtype is None else dtype.short
    size = None if dtype is None or not dtype.size else int(np.prod(shape, dtype=np.int64)) * dtype.size
    return {"name": name, "type": f"{text}[{','.join(map(str, shape))}]", "bytes": size}


def _shown_bytes(size: int | None) -> str:
    return "?" if size is None else f"{size:,}"


# --- diff ------------------------------------------------------------------------------------------------------------------


def _diff(arguments: argparse.Namespace) -> int:
    first, second = load_checkpoint(arguments.first), load_checkpoint(arguments.second)
    found: dict[str, list[Any]] = {
        "only_in_first": sorted(set(first.variables) - set(second.variables)),
        "only_in_second": sorted(set(second.variables) - set(first.variables)),
        "differ": _differences(first, second, arguments.tolerance),
    }
    if arguments.json:
        print_json({"first": os.fspath(first.path), "second": os.fspath(second.path), **found})
    else:
        print(_diff_text(found, arguments))
    return FOUND if any(found.values()) else FINE


def _differences(first: CheckpointReader, second: CheckpointReader, tolerance: float) -> list[dict[str, Any]]:
    shared = sorted(set(first.variables) & set(second.variables))
    found = []
    for name in each_with_progress(shared, "variable", "comparing"):
        difference = _difference(first, second, name, tolerance)
        if difference:
            found.append({"name": name, **difference})
    return found


def _difference(first: CheckpointReader, second: CheckpointReader, name: str, tolerance: float) -> dict[str, Any]:
    """Return what differs of one variable: its type, or its values; nothing when they are equal."""
    types = _variable(first, name)["type"], _variable(second, name)["type"]
    if types[0] != types[1]:
        return {"what": f"{types[0]} against {types[1]}"}
    a, b = np.asarray(first.get_tensor(name)), np.asarray(second.get_tensor(name))
    if a.dtype.kind not in "biufc":
        return {} if np.array_equal(a, b) else {"what": "values"}
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    with np.errstate(invalid="ignore"):
        gap = np.abs(a.astype(wide) - b.astype(wide))
    same = (a == b) | ((a != a) & (b != b)) | (gap <= tolerance)
    if same.all():
        return {}
    return {"what": "values", "elements": int((~same).sum()), "of": int(a.size), "largest_difference": float(gap[~same].max())}


def _diff_text(found: dict[str, list[Any]], arguments: argparse.Namespace) -> str:
    rows = [f"only in {arguments.first}: {name}" for name in found["only_in_first"]]
    rows += [f"only in {arguments.second}: {name}" for name in found["only_in_second"]]
    for each in found["differ"]:
        if "elements" in each:
            rows.append(f"{each['name']}: {each['elements']:,} of {each['of']:,} values differ, by up to {each['largest_difference']:.6g}")
        else:
            rows.append(f"{each['name']}: {each['what']}{' differ' * (each['what'] == 'values')}")
    return "\n".join(rows) or "no differences"


CHECKPOINT = Command("checkpoint", "list, show and compare checkpoints", _DESCRIPTION, _add_arguments, _run)
