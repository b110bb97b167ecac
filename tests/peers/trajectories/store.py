"""The recorded trajectories on disk: one file for all peers, into which each peer's recorder writes its own."""

from __future__ import annotations

import gzip
import io
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peer_store import decode, encode
from trajectories.case import Case
from trajectories.cases import CASES

PATH = Path(__file__).parent / "trajectories.json.gz"
MAX_BYTES = 300_000


def load() -> dict[str, Any]:
    """What was recorded, by the case's name.

    `weights` has each variable after every step, steps first. There may be: `averages`, `evaluation`, `slow` (likewise);
    `counters` and `learning_rates` (by step); `config` (see `json.loads`); `variables` ([name, shape, dtype] in the peer's order)
    with their last values in `state`; `finalized`; or `raises` and its `message` in place of all.
    """
    return {name: decode(value) for name, value in _content()["cases"].items()}


def load_peers() -> dict[str, str]:
    """The version of each peer that was recorded."""
    return _content()["peers"]


def _content() -> dict[str, Any]:
    return json.loads(gzip.decompress(PATH.read_bytes())) if PATH.exists() else {"peers": {}, "cases": {}}


def record_peer(peer: str, version: str, record: Callable[[Case], dict[str, Any]]) -> dict[str, Any]:
    """Records every case of a peer and puts them in place of those recorded before.

    Errors are recorded as such, and printed: a case that raises is seldom meant.
    """
    warnings.simplefilter("ignore")
    made = {name: _record(case, record) for name, case in CASES.items() if case.peer == peer}
    content = _content()
    # Cases that the list has no more go as well, whosever they were.
    kept = {name: value for name, value in content["cases"].items() if name in CASES and CASES[name].peer != peer}
    _write({"peers": {**content["peers"], peer: version}, "cases": {**kept, **{name: encode(value) for name, value in made.items()}}})
    print(f"{len(made)} trajectories of {version}; {PATH.name} has {PATH.stat().st_size} bytes")
    return made


def _record(case: Case, record: Callable[[Case], dict[str, Any]]) -> dict[str, Any]:
    try:
        return record(case)
    except Exception as error:
        print(f"{case.name}: {type(error).__name__}: {str(error)[:300]}")
        return {"raises": type(error).__name__, "message": str(error).splitlines()[0][:200]}


def _write(content: dict[str, Any]) -> None:
    """The same records give the same bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())
    if len(buffer.getvalue()) > MAX_BYTES:
        raise ValueError(f"{len(buffer.getvalue())} bytes are too many: {MAX_BYTES} are allowed")
    PATH.write_bytes(buffer.getvalue())


def by_variable(steps: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """Values of every step, `[{name: value}]`, as one array for each name, with the steps first."""
    return {name: np.stack([np.asarray(step[name]) for step in steps]) for name in steps[0]} if steps else {}


def to_json(config: Any) -> str:
    """A configuration as text; NumPy's numbers become Python's."""
    return json.dumps(config, default=lambda v: v.tolist() if hasattr(v, "tolist") else repr(v), sort_keys=True)
