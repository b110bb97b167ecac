"""The one way in which an op is called, whoever calls it.

`bind` finds the builder (the graph that records, the program that is compiled, the pattern that is written), turns plain Python values
into constants, checks element types, infers the result types and hands all that to the builder.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, DTypeError, GraphOptError, ShapeError, first_line, lines
from graphopt.ir.opdef import _BIND, OpDef
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ir.value import Value


class Builder(Protocol):
    """What makes values: a recorded graph, the node builder, or the pattern builder (which is untyped)."""

    is_untyped: bool

    def constant(self, value: Any, dtype: DType | None, name: str | None = None) -> Any:
        """Return `value` as a value of this builder."""

    def admit(self, value: Any, name: str | None = None) -> Any:
        """Return a value-like object (a variable, sparse slices) as a value of this builder, or raise."""

    def preferred_over(self, other: Any) -> Any:
        """Return the builder to use when this one is current and the operands belong to `other`."""

    def static_value(self, value: Any) -> Any:
        """Return what is known of a value while building: int, tuple with None for unknown parts, or None."""

    def build(
        self, op: OpDef, operands: tuple[Any, ...], attributes: dict[str, Any], types: tuple[TensorType, ...], name: str | None
    ) -> Any:
        """Make the operation and return its result, or a tuple of results.

        Args:
          op: its definition. operands: values of this builder. attributes: its attributes, complete.
          types: the types of its results. name: the name the caller gave, or None.
        """

    def explain_operands(self, op: OpDef, operands: tuple[Any, ...], name: str | None) -> list[str]:
        """Return the lines of an error message that say where an operation and its operands come from."""


# The builder for calls without any symbolic operand. `graph/` sets it to the default graph.
CURRENT: ContextVar[Builder | None] = ContextVar("graphopt_current_builder", default=None)
_FALLBACK: list[Callable[[], Builder]] = []


def current_builder() -> Builder:
    """Return the builder that constants and operand-free ops go to."""
    builder = CURRENT.get()
    return _FALLBACK[0]() if builder is None else builder


def set_fallback_builder(factory: Callable[[], Builder]) -> None:
    """Name the function that gives the builder when none was chosen (the global default graph)."""
    _FALLBACK[:] = [factory]


def bind(op: OpDef, operands: tuple[Any, ...], attributes: dict[str, Any], name: str | None = None) -> Any:
    """Call an op.

    Args:
      op: the op.
      operands: values of one builder, or Python and NumPy values that become constants.
      attributes: keyword attributes of the op; missing ones take their defaults.
      name: the name of the recorded operation.

    Returns:
      The result, a tuple of results, or the operation when it has none.

    Raises:
      DTypeError, ShapeError, ArgumentError: when operands or attributes don't fit; the message names the user's line.
    """
    builder: Any = None
    for operand in operands:
        builder = getattr(operand, "builder", None)
        if builder is not None:
            current = CURRENT.get()
            if current is not None and current is not builder:
                builder = current.preferred_over(builder)
            break
    else:
        builder = current_builder()
    attributes = op.complete_attributes(attributes) if op.attributes or attributes else attributes
    if not op.is_variadic and len(operands) != len(op.parameters):
        raise ArgumentError(
            f"Op '{op.name}' takes {len(op.parameters)} operands ({', '.join(p.name for p in op.parameters)}), got {len(operands)}."
        )
    if builder.is_untyped:
        return builder.build(op, operands, attributes, (), name)
    values = to_values(op, operands, builder, name)
    types: tuple[Any, ...] = tuple([value.tensor_type for value in values])
    if op.has_static:
        types = tuple(
            [
                StaticOperand(t, builder.static_value(v)) if op.parameter_of(i).static else t
                for i, (v, t) in enumerate(zip(values, types, strict=True))
            ]
        )
    try:
        result_types = op.infer(*types, **attributes)
    except (ValueError, TypeError) as error:
        raise _with_context(error, op, values, builder, name) from None
    return builder.build(op, values, attributes, result_types, name)


_BIND.append(bind)


def to_values(op: OpDef, operands: tuple[Any, ...], builder: Builder, name: str | None) -> tuple[Any, ...]:
    """Return the operands as values of `builder`, with element types checked.

    Args:
      op: the op that is called. operands: values, variables, or Python and NumPy values.
      builder: what makes values of the others. name: the name the caller gave, or None.

    Raises:
      DTypeError: when an element type is not allowed, or differs from that of the operand it shares its type with.
    """
    values: list[Any] = []
    by_name: dict[str, DType] = {}
    for position, operand in enumerate(operands):
        parameter = op.parameter_of(position)
        if isinstance(operand, Value):
            value = operand
        elif parameter.is_ref or hasattr(operand, "builder"):
            value = operand.as_ref() if parameter.is_ref and hasattr(operand, "as_ref") else builder.admit(operand)
        else:
            value = builder.constant(operand, _dtype_hint(op, position, operands, by_name), _constant_name(op, parameter, name))
        dtype = value.tensor_type.dtype
        expected = by_name.get(parameter.same_as or parameter.name)
        if expected is not None and expected is not dtype and not parameter.mixed:
            raise _dtype_mismatch(op, parameter.name, dtype, parameter.same_as or parameter.name, expected, builder, (*values, value), name)
        if dtype not in parameter.allowed:
            raise _dtype_not_allowed(op, parameter.name, dtype, parameter.allowed, builder, (*values, value), name)
        by_name.setdefault(parameter.name, dtype)
        values.append(value)
    return tuple(values)


def _constant_name(op: OpDef, parameter: Any, name: str | None) -> str:
    if name is not None and name.endswith("/"):  # the name of the scope that is open now
        return str(parameter.name)
    return f"{name or op.default_name}/{parameter.name}"


def _dtype_hint(op: OpDef, position: int, operands: tuple[Any, ...], by_name: dict[str, DType]) -> DType | None:
    """Return the element type a plain value should take: that of the operand it shares its type with."""
    parameter = op.parameter_of(position)
    group = parameter.same_as or parameter.name
    if parameter.mixed:
        return None
    if group in by_name:
        return by_name[group]
    for other_position, other in enumerate(operands):
        other_parameter = op.parameter_of(other_position)
        if group in (other_parameter.name, other_parameter.same_as) and hasattr(other, "builder"):
            dtype: DType = other.tensor_type.dtype if isinstance(other, Value) else other.dtype
            return dtype
    return parameter.allowed[0] if len(parameter.allowed) == 1 else None


def _dtype_mismatch(
    op: OpDef, own: str, dtype: DType, other: str, expected: DType, builder: Builder, values: tuple[Any, ...], name: str | None
) -> DTypeError:
    rule = f"Input '{own}' of '{op.tf_name}' Op has type {dtype.name} that does not match type {expected.name} of argument '{other}'."
    return DTypeError(lines(rule, *builder.explain_operands(op, values, name), "See docs/errors.md#dtypes"))


def _dtype_not_allowed(
    op: OpDef, own: str, dtype: DType, allowed: tuple[DType, ...], builder: Builder, values: tuple[Any, ...], name: str | None
) -> DTypeError:
    names = ", ".join(d.name for d in allowed)
    rule = f"Value passed to parameter '{own}' has DataType {dtype.name} not in list of allowed values: {names}"
    return DTypeError(lines(rule, *builder.explain_operands(op, values, name), "See docs/errors.md#dtypes"))


def _with_context(error: Exception, op: OpDef, values: tuple[Any, ...], builder: Builder, name: str | None) -> Exception:
    """Return the same kind of error, with the operation, the user's line and the operands added."""
    shapes = ", ".join(_tf_shape(v.tensor_type) for v in values)
    message = first_line(error).removesuffix(".")
    rule = f"{message} for '{name or op.default_name}' (op: '{op.tf_name}') with input shapes: {shapes}."
    kind = type(error) if isinstance(error, GraphOptError) else ShapeError if isinstance(error, ValueError) else DTypeError
    return kind(lines(rule, *builder.explain_operands(op, values, name), "See docs/errors.md#shapes"))


def _tf_shape(t: TensorType) -> str:
    return "<unknown>" if t.shape is None else "[" + ",".join("?" if d is None else str(d) for d in t.shape) + "]"
