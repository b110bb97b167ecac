"""The peer tests' own tools: what is recorded comes back bit for bit, and the comparisons see what they must see."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from cases_ops import ERRORS, OPS
from cases_train import SCENARIOS
from peer_case import Raised, Reworded
from peer_compare import array_differences, name_differences, raised_differences, tree_differences
from peer_store import decode, encode

ODD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, 0.1], "float32")


@pytest.mark.parametrize(
    "array", [ODD, ODD.astype("float64"), np.arange(6).reshape(2, 3), np.zeros((0, 2), bool), np.float16(0.1), np.uint8(200)]
)
def test_arrays_come_back_bit_for_bit(array: np.ndarray) -> None:
    back = decode(json.loads(json.dumps(encode(array))))
    assert back.dtype == np.asarray(array).dtype
    assert back.shape == np.shape(array)
    assert back.tobytes() == np.asarray(array).tobytes()


def test_trees_come_back() -> None:
    tree = {"names": ["a:0", None], "number": 3, "text": np.array([b"a", b"\xff"], object), "raw": b"\x00", "truth": True}
    back = decode(json.loads(json.dumps(encode(tree))))
    assert tree_differences(tree, back, None, None) == []
    error = decode(encode(Raised(("ValueError", "Exception"), "first\nsecond", Reworded("old words"))))
    assert error == Raised(("ValueError",), "first", Reworded("old words"))
    assert isinstance(error.says, Reworded)


@pytest.mark.parametrize(
    ("got", "found"),
    [
        (ODD, ""),
        (ODD.astype("float64"), "dtype"),
        (ODD.reshape(1, 7), "shape"),
        (np.where(np.isnan(ODD), 0, ODD).astype("float32"), "at [4]"),
        (np.where(np.isinf(ODD), 3e38, ODD).astype("float32"), "at [2]"),
        (np.abs(ODD), "at [1]"),
        (np.where(ODD == ODD[6], np.float32(0.10001), ODD), "at [6]"),
    ],
)
def test_array_differences(got: np.ndarray, found: str) -> None:
    differences = array_differences(got, ODD, zero_sign=True)
    assert bool(differences) == bool(found)
    assert found in "".join(differences)


def test_zero_signs_are_told_apart_only_on_request() -> None:
    assert array_differences(np.float32(0.0), np.asarray(np.float32(-0.0))) == []
    assert array_differences(np.float32(0.0), np.asarray(np.float32(-0.0)), zero_sign=True)


@pytest.mark.parametrize(
    ("got", "want", "rule", "agree"),
    [
        ("Add:0", "Add:0", "auto", True),
        ("Add_1:0", "Add:0", "auto", False),
        ("moments/mean:0", "moments/Squeeze:0", "auto", True),
        ("moments:0", "moments/Squeeze:0", "auto", True),
        ("mean/mean:0", "moments/Squeeze:0", "auto", False),
        ("dense/Add:0", "dense/BiasAdd:0", "exact", False),
        ("anything:0", "Sort:0", "off", True),
    ],
)
def test_name_rules(got: str, want: str, rule: str, agree: bool) -> None:
    assert (name_differences([got], [want], rule) == []) is agree


@pytest.mark.parametrize(
    ("got", "agree"),
    [
        (Raised(("ShapeError", "ValueError"), "Rank must be 2 here, not 3"), True),
        (Raised(("TypeError",), "Rank must be 2"), False),
        (Raised(("ValueError",), "rank is wrong"), False),
        (None, False),
    ],
)
def test_raised_differences(got: Any, agree: bool) -> None:
    assert (raised_differences(got, Raised(("ValueError",), "Rank must be 2\nmore", None)) == []) is agree


def test_names_of_cases_say_their_family() -> None:
    assert all(name.count("/") >= 1 and name == name.strip("/") for name in [*OPS, *ERRORS, *SCENARIOS])
