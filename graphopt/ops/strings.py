"""The few string ops that training scripts use."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType

STRINGS = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/strings"


def _to_text(x: Any, precision: int, scientific: bool, shortest: bool, width: int, fill: str) -> bytes:
    if isinstance(x, bytes):
        return x
    if isinstance(x, np.bool_):
        return b"true" if x else b"false"
    if isinstance(x, np.integer):
        return f"{int(x):{fill}{width}}".encode() if width > -1 else str(int(x)).encode()
    kind = "e" if scientific else "g" if shortest else "f"
    size = str(width) if width > -1 else ""
    return f"{float(x):{fill}{size}.{6 if precision < 0 else precision}{kind}}".encode()


def _map(function: Any, x: Any, dtype: Any) -> Any:
    array = np.asarray(x)
    result = np.empty(array.shape, dtype)
    for place in np.ndindex(array.shape):
        result[place] = function(array[place])
    return result


def _join_kernel(xp: Any, *parts: Any, separator: str) -> Any:
    spread: list[Any] = list(np.broadcast_arrays(*[np.asarray(part, object) for part in parts]))
    result = np.empty(spread[0].shape, object)
    for place in np.ndindex(result.shape):
        result[place] = separator.encode().join([part[place] for part in spread])
    return result


def _join_type(*parts: TensorType, separator: str) -> TensorType:
    merged: shapes.Shape = ()
    for part in parts:
        if part.shape != ():
            merged = part.shape if merged == () else shapes.merge_shapes(merged, part.shape)
    return TensorType(dtypes.string, merged)


string_join = define_op(
    "string_join(*parts: str; separator = '')",
    infer=_join_type,
    kernel=_join_kernel,
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="StringJoin",
    samples=[
        case(values([b"a", b"b"], "str"), values([b"c", b"d"], "str"), separator="-"),
        case(values([b"a"], "str"), values(b"c", "str")),
    ],
    doc="Join strings element by element; scalars are repeated.",
    ref=f"{STRINGS}/join",
)

as_string = define_op(
    "as_string(x: any; precision = -1, scientific = False, shortest = False, width = -1, fill = '')",
    infer=lambda x, **format: TensorType(dtypes.string, x.shape),
    kernel=lambda xp, x, **format: _map(lambda v: _to_text(v, **format), x, object),
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="AsString",
    samples=[case(values([1.5, -2.0])), case(values([3, 4], "i32"), width=4, fill="0"), case(values([True], "bool"))],
    doc="Write each number as text.",
    ref=f"{STRINGS}/as_string",
)


def _to_number(text: bytes, dtype: DType) -> Any:
    try:
        return dtype.np_type(float(text) if dtype.is_floating else int(text))
    except (ValueError, OverflowError):
        raise invalid_argument(f"StringToNumberOp could not correctly convert string: {text.decode(errors='replace')}") from None


string_to_number = define_op(
    "string_to_number(x: str; dtype)",
    infer=lambda x, dtype: TensorType(dtype, x.shape),
    kernel=lambda xp, x, dtype: _map(lambda v: _to_number(v, dtype), np.asarray(x, object), dtype.np),
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="StringToNumber",
    samples=[
        case(values([b"x"], "str"), dtype=dtypes.float32, error="could not correctly convert string: x"),
        case(values([b"1.5", b"-2"], "str"), dtype=dtypes.float32),
        case(values([b"7"], "str"), dtype=dtypes.int64),
    ],
    doc="Read each text as a number.",
    ref=f"{STRINGS}/to_number",
)
