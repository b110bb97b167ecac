"""Checks of an op's kernel and its type rule."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import GraphOptError
from graphopt.testing.calls import Call, as_value
from graphopt.testing.compare import TOLERANCE, difference, has_same_bits, is_close
from graphopt.testing.errors import ContractError

# What an op says that can't be recorded for operands of unknown rank.
NEEDS_RANK = "must have a known rank"


def check_same(check: str, what: str, found: Any, expected: Any) -> None:
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        if not has_same_bits(a, b):
            raise ContractError(check, f"{what} differs from the kernel in result {i}: {difference(a, b)}")


def scale_of(call: Call) -> float:
    """Return the size of the numbers that an op adds up; 1 where special values are among the operands."""
    sizes = [float(np.abs(a.astype(np.float64)).max(initial=1.0)) for a in call.arrays if a.dtype.kind == "f"]
    largest = max(sizes, default=1.0)
    return largest if largest < 1e6 else 1.0


# --- types -------------------------------------------------------------------------------------------------------------------


def check_static_types(call: Call) -> None:
    """The inferred types are those of the kernel's results. A size may be open only where the host computes it from values."""
    inferred = [node.tensor_type for node in call.results()]
    if len(inferred) != len(call.expected):
        raise ContractError("types", f"{len(inferred)} results are inferred, the kernel gives {len(call.expected)}")
    for i, (known, value) in enumerate(zip(inferred, call.expected, strict=True)):
        if known.dtype.np != value.dtype or not shapes.is_compatible(known.shape, value.shape):
            raise ContractError("types", f"result {i} is inferred as {known}, the kernel gives {value.dtype}{list(value.shape)}")
        if not known.is_static and not call.op.host_only and not _is_left_open(call, known.shape):
            raise ContractError("types", f"result {i} is inferred as {known} from known operands, but the op is not host_only")


def _is_left_open(call: Call, shape: shapes.Shape) -> bool:
    """Return True when an attribute leaves the shape open, or a floating point operand, whose value nobody follows, decides it."""
    by_float = any(call.is_static(i) and t.dtype.is_floating for i, t in enumerate(call.types))
    return by_float or call.attributes.get("shape") == shape


def check_hidden_types(call: Call) -> None:
    """With any size or rank hidden the op can be recorded, and what is inferred does not contradict the result.

    An op may insist on a known rank, if it says so.
    """
    for hidden in call.hidings():
        try:
            _, results, _ = call.record(hidden)
        except GraphOptError as error:
            if NEEDS_RANK in str(error):
                continue
            raise ContractError("hidden types", f"hiding {hidden.what}: {error}") from None
        for i, (tensor, value) in enumerate(zip(results, call.expected, strict=True)):
            if tensor.dtype.np != value.dtype or not shapes.is_compatible(tensor.tensor_type.shape, value.shape):
                inferred = f"hiding {hidden.what}, result {i} is inferred as {tensor.tensor_type}"
                raise ContractError("hidden types", f"{inferred}, the kernel gives {value.dtype}{list(value.shape)}")


def check_value_from_types(call: Call) -> None:
    """The value that types alone decide is the kernel's."""
    find = call.op.value_from_types
    if find is not None:
        value = find(*call.types, **call.attributes)
        if value is not None:
            check_same("value_from_types", "the value from types", [np.asarray(value)], call.expected)


# --- the kernel --------------------------------------------------------------------------------------------------------------


def check_memory(call: Call) -> None:
    """The kernel leaves its operands alone, and no result shares memory with an operand that `view_of` does not name."""
    operands = [as_value(array.copy()) for array in call.arrays]
    results = call.run_kernel(operands)
    for i, (operand, before) in enumerate(zip(operands, call.arrays, strict=True)):
        if not has_same_bits(operand, before):
            raise ContractError("mutation", f"the kernel changes operand {i}: {difference(operand, before)}")
        name = call.op.parameter_of(i).name
        if name != call.op.view_of and any(_share(operand, result) for result in results):
            raise ContractError("view", f"a result shares memory with operand {i} ({name}), which view_of does not name")
    if call.op.view_of is None and any(_share(a, b) for a, b in itertools.combinations(results, 2)):
        raise ContractError("view", "two results share memory")


def _share(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)


def check_layouts(call: Call) -> None:
    """The kernel gives the same for operands that are views, read-only, or 0-d arrays in place of scalars."""
    strided = [_as_strided(array) for array in call.arrays]
    for found, expected in zip(call.run_kernel(strided), call.expected, strict=True):
        if not is_close(np.asarray(found), expected, scale=scale_of(call)):
            raise ContractError("layout", f"operands that are views give another result: {difference(found, expected)}")


def _as_strided(array: Any) -> Any:
    """Return the same values in memory that is neither contiguous nor writable."""
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]) if array.ndim else (2,), array.dtype)
    view = wide[..., ::2] if array.ndim else wide[0:1].reshape(())
    view[...] = array
    view.flags.writeable = False
    return view


def check_commutes(call: Call) -> None:
    """Operands of a commutative op may be swapped."""
    if call.op.commutative:
        check_same("commutative", "swapping the operands", call.run_kernel([as_value(a) for a in reversed(call.arrays)]), call.expected)


def check_linear(call: Call) -> None:
    """The result is linear in the operands that `linear_in` names: in each of them, or in all together."""
    at = [i for i, a in enumerate(call.arrays) if call.op.parameter_of(i).name in call.op.linear_in and a.dtype.kind == "f"]
    if at and all(np.isfinite(call.arrays[i]).all() for i in at):
        together = _is_additive(call, at)
        if not together and not all(_is_additive(call, [i]) for i in at):
            raise ContractError("linear", f"the result is not linear in {', '.join(call.op.linear_in)}")


def _is_additive(call: Call, at: list[int]) -> bool:
    first = [as_value(a) for a in call.arrays]
    second = [as_value(2 * a[..., ::-1].copy() if a.ndim else 3 * a) if i in at else as_value(a) for i, a in enumerate(call.arrays)]
    both = [as_value(np.asarray(a + b, a.dtype)) if i in at else a for i, (a, b) in enumerate(zip(first, second, strict=True))]
    apart = zip(call.run_kernel(first), call.run_kernel(second), strict=True)
    tolerance = max(TOLERANCE[a.dtype.itemsize] for a in call.arrays if a.dtype.kind == "f")
    return all(
        is_close(np.asarray(c), np.asarray(a + b, np.asarray(c).dtype), tolerance=tolerance, scale=8 * scale_of(call))
        for (a, b), c in zip(apart, call.run_kernel(both), strict=True)
        if np.asarray(c).dtype.kind == "f"
    )
