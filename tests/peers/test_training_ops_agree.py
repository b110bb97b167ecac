"""80 random training ops recorded on TensorFlow 2.21 (`compat.v1`): losses, variables, summaries and collections over six steps.

`training_ops/cases.py` builds them through the public names alone; three of the 80 raise in TensorFlow itself and are left out.
"""

import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

FOLDER = Path(__file__).parent / "training_ops"


def _load_cases() -> Any:
    spec = importlib.util.spec_from_file_location("training_op_cases", FOLDER / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = _load_cases()
RECORDED = [r for r in json.loads(gzip.decompress((FOLDER / "optimize_loss.json.gz").read_bytes())) if "error" not in r["rec"]]


def is_close(got: Any, want: Any, rtol: float, atol: float) -> bool:
    a, b = np.asarray(got, "float64"), np.asarray(want, "float64")
    return a.shape == b.shape and np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True)


def test_the_recording_is_whole() -> None:
    assert len(RECORDED) == 77


@pytest.mark.parametrize("recorded", RECORDED, ids=[str(r["cfg"]["seed"]) for r in RECORDED])
def test_the_training_op_agrees_with_tensorflow(recorded: dict[str, Any]) -> None:
    want = recorded["rec"]
    got = CASES.run(tf, recorded["cfg"], lambda summary: summary)
    assert is_close(got["loss"], want["loss"], 3e-4, 3e-5)
    assert sorted(got["vars"]) == sorted(want["vars"])
    assert all(is_close(got["vars"][name], value, 3e-4, 3e-5) for name, value in want["vars"].items())
    assert got["trainable"] == want["trainable"]
    assert got["collections"] == want["collections"]
    assert [sorted(step) for step in got["summaries"]] == [sorted(step) for step in want["summaries"]]
    for mine, theirs in zip(got["summaries"], want["summaries"], strict=True):
        assert all(is_close(mine[tag], value, 1e-3, 1e-4) for tag, value in theirs.items())
