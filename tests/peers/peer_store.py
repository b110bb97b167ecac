"""Recorded cases on disk: gzipped JSON in which arrays are their raw bytes, so that every bit, NaN and infinity survives."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from peer_case import Raised, Reworded

HERE = Path(__file__).parent


def encode(value: Any) -> Any:
    """A tree of Python values, arrays and `Raised` as JSON."""
    if isinstance(value, np.ndarray | np.generic):
        return encode_array(np.asarray(value))
    if isinstance(value, Raised):
        says = {"reworded": str(value.says)} if isinstance(value.says, Reworded) else value.says
        return {"raises": value.classes[0], "message": value.first_line[:400], "says": says}
    if isinstance(value, dict):
        return {str(k): encode(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [encode(v) for v in value]
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin1")}
    if isinstance(value, float):
        return encode_array(np.asarray(value))
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"a case returned {value!r} of {type(value)}, which is not recorded")


def encode_array(array: np.ndarray) -> dict[str, Any]:
    if array.dtype.kind in "OSU":
        return {"shape": list(array.shape), "text": [encode(v) for v in array.ravel().tolist()]}
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": base64.b64encode(little.tobytes()).decode()}


def decode(value: Any) -> Any:
    """What `encode` was given; sequences come back as lists."""
    if isinstance(value, list):
        return [decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"dtype", "shape", "data"}:
        return np.frombuffer(base64.b64decode(value["data"]), np.dtype(value["dtype"]).newbyteorder("<")).reshape(value["shape"])
    if value.keys() == {"shape", "text"}:
        array = np.empty(len(value["text"]), object)
        array[:] = [decode(v) for v in value["text"]]
        return array.reshape(value["shape"])
    if value.keys() == {"bytes"}:
        return value["bytes"].encode("latin1")
    if value.keys() == {"raises", "message", "says"}:
        says = value["says"]
        return Raised((value["raises"],), value["message"], Reworded(says["reworded"]) if isinstance(says, dict) else says)
    return {k: decode(v) for k, v in value.items()}


def save(name: str, peer: str, records: dict[str, Any]) -> Path:
    """Writes the encoded records; the same records give the same bytes."""
    text = json.dumps({"peer": peer, "cases": {k: encode(v) for k, v in records.items()}}, sort_keys=True, separators=(",", ":"))
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(text.encode())
    path = HERE / name
    path.write_bytes(buffer.getvalue())
    return path


def load(name: str) -> dict[str, Any]:
    """The records by case name; empty where nothing has been recorded yet."""
    path = HERE / name
    if not path.exists():
        return {}
    return {k: decode(v) for k, v in json.loads(gzip.decompress(path.read_bytes()))["cases"].items()}
