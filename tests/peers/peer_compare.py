"""Compares what was seen with what was recorded. Every function returns a list of differences in words; empty means agreement."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import OpCase, Raised

RTOL = {"float16": 2e-3, "float32": 2e-5, "float64": 1e-9}
ATOL = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-11}


def array_differences(
    got: Any, want: np.ndarray, rtol: float | None = None, atol: float | None = None, zero_sign: bool = False, exact_dtype: bool = True
) -> list[str]:
    got = np.asarray(got)
    if want.dtype.kind == "O":
        return [] if got.tolist() == want.tolist() else [f"got {got.tolist()!r}, recorded {want.tolist()!r}"]
    if exact_dtype and got.dtype.name != want.dtype.name:
        return [f"dtype {got.dtype.name}, recorded {want.dtype.name}"]
    if got.shape != want.shape:
        return [f"shape {got.shape}, recorded {want.shape}"]
    if want.dtype.kind not in "fc":
        bad = np.argwhere(np.atleast_1d(got != want))
    else:
        r = RTOL.get(want.dtype.name, 2e-5) if rtol is None else rtol
        a = ATOL.get(want.dtype.name, 1e-6) if atol is None else atol
        bad = np.argwhere(np.atleast_1d(~float_agreement(got, want, r, a, zero_sign)))
    if not len(bad):
        return []
    at = tuple(int(i) for i in bad[0])
    one, other = np.atleast_1d(got)[at], np.atleast_1d(want)[at]
    return [f"{len(bad)} of {want.size} elements differ, first at {list(at)}: got {one!r}, recorded {other!r}"]


def float_agreement(got: np.ndarray, want: np.ndarray, rtol: float, atol: float, zero_sign: bool) -> np.ndarray:
    with np.errstate(all="ignore"):
        agree = np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
        if zero_sign:
            zero = (want == 0) & (got == 0)
            agree &= ~zero | (np.signbit(got) == np.signbit(want))
    return np.asarray(agree)


def name_differences(got: list[str | None], want: list[str | None], rule: str) -> list[str]:
    """Names of one-op results must be equal. Of a composite result (`Scope/op:0`) only the scope is asked, as its inside is no promise."""
    if rule == "off":
        return []
    out = []
    for g, w in zip(got, want, strict=True):
        whole = rule == "exact" or (rule == "auto" and "/" not in (w or ""))
        if (g != w) if whole else ((g or "").split("/")[0].split(":")[0] != (w or "").split("/")[0].split(":")[0]):
            out.append(f"name {g!r}, recorded {w!r}")
    return out


def value_differences(case: OpCase, got: dict[str, Any], want: dict[str, Any], shapes_key: str = "shapes") -> list[str]:
    if len(got["values"]) != len(want["values"]):
        return [f"{len(got['values'])} results, recorded {len(want['values'])}"]
    out = [f"result {i}: dtype {g}, recorded {w}" for i, (g, w) in enumerate(zip(got["dtypes"], want["dtypes"], strict=True)) if g != w]
    pairs = zip(got["shapes"], want[shapes_key], strict=True)
    out += [f"result {i}: static shape {g}, recorded {w}" for i, (g, w) in enumerate(pairs) if g != w]
    for i, (g, w) in enumerate(zip(got["values"], want["values"], strict=True)):
        out += [f"result {i}: {d}" for d in optional_differences(case, g, w)]
    if shapes_key == "shapes":
        out += name_differences(got["names"], want["names"], case.names)
        if got["variables"] != want["variables"]:
            out.append(f"variables {got['variables']}, recorded {want['variables']}")
    return out


def optional_differences(case: OpCase, got: Any, want: Any) -> list[str]:
    if got is None or want is None:
        return [] if got is want else [f"got {got!r}, recorded {want!r}"]
    return array_differences(got, np.asarray(want), case.rtol, case.atol, case.zero_sign)


def gradient_differences(case: OpCase, got: dict[str, Any], want: dict[str, Any]) -> list[str]:
    if got.keys() != want.keys():
        return [f"gradients of {sorted(got)}, recorded of {sorted(want)}"]
    out = []
    for k, w in want.items():
        g = got[k]
        if g is None or w is None:
            out += [] if g is w else [f"gradient of {k}: got {g!r}, recorded {w!r}"]
            continue
        if g["sparse"] != w["sparse"]:
            out.append(f"gradient of {k}: IndexedSlices is {g['sparse']}, recorded {w['sparse']}")
        out += [f"gradient of {k}: {d}" for d in array_differences(g["value"], w["value"], case.rtol, case.atol)]
    return out


def error_differences(got: dict[str, Any], want: dict[str, Any]) -> list[str]:
    if got["kind"] != want["kind"]:
        return [f"refused at {got['kind']} time ({got['error']}), recorded at {want['kind']} time ({want['error']})"]
    return raised_differences(got["error"], want["error"])


def raised_differences(got: Any, want: Raised) -> list[str]:
    if not isinstance(got, Raised):
        return [f"nothing raised, recorded {want.classes[0]}: {want.message}"]
    out = []
    if want.classes[0] not in got.classes:
        out.append(f"raised {got.classes[0]}, recorded {want.classes[0]}")
    if want.expected not in got.message:
        out.append(f"message {got.message!r} does not say {want.expected!r}")
    return out


def tree_differences(got: Any, want: Any, rtol: float | None, atol: float | None, at: str = "") -> list[str]:
    """Differences between the trees of a scenario, each with its place."""
    where = at or "result"
    if isinstance(want, Raised):
        return [f"{where}: {d}" for d in raised_differences(got, want)]
    if isinstance(want, np.ndarray):
        if isinstance(got, np.ndarray | np.generic | float | int):
            return [f"{where}: {d}" for d in array_differences(got, want, rtol, atol)]
        return [f"{where}: got {got!r}, recorded {want!r}"]
    if isinstance(want, dict):
        return dict_differences(got, want, rtol, atol, at)
    if isinstance(want, list):
        if not isinstance(got, list | tuple) or len(got) != len(want):
            return [f"{where}: got {got!r}, recorded {want!r}"]
        return [d for i, (g, w) in enumerate(zip(got, want, strict=True)) for d in tree_differences(g, w, rtol, atol, f"{at}[{i}]")]
    if isinstance(got, Raised):
        return [f"{where}: raised {got.classes[0]}: {got.message}, recorded {want!r}"]
    return [] if got == want else [f"{where}: got {got!r}, recorded {want!r}"]


def dict_differences(got: Any, want: dict[str, Any], rtol: float | None, atol: float | None, at: str) -> list[str]:
    if not isinstance(got, dict):
        return [f"{at or 'result'}: got {got!r}, recorded a dict of {sorted(want)}"]
    seen = {str(k): v for k, v in got.items()}
    out = [f"{at}.{k}: missing" for k in want if k not in seen] + [f"{at}.{k}: not recorded" for k in seen if k not in want]
    return out + [d for k in want if k in seen for d in tree_differences(seen[k], want[k], rtol, atol, f"{at}.{k}")]
