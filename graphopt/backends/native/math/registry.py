"""How a formula becomes a function of a module, for every element type and number of lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from graphopt.backends.native.emitter import Function, Module, Value, constant, element_of, lanes_of, suffix
from graphopt.backends.native.math.lanes import Lanes

# Computes on operands of one type and returns a value of that type.
Formula = Callable[..., Lanes]


class VectorFunction(Protocol):
    """Writes the call of a mathematical function into a function that is being written."""

    def __call__(self, function: Function, *operands: Value) -> Value:
        """Return the result, of the operands' type."""


def vector_function(name: str, single: Formula, double: Formula, *, inline_double: bool = False) -> VectorFunction:
    """Return what writes a call of ``math_<name>_<type>``, a function that is made once in each module.

    Args:
      name: the function's name.
      single: the formula for float; half is computed with it too. double: that for double.
      inline_double: whether the formula for double, too, is put where it is called; calls of the C library are not worth it.
    """

    def write_call(function: Function, *operands: Value) -> Value:
        type_ = operands[0].type
        if element_of(type_) == "half":
            wide = [function.convert("fpext", operand, "float") for operand in operands]
            return function.convert("fptrunc", write_call(function, *wide), "half")
        is_double = element_of(type_) == "double"
        label = f"math_{name}_{suffix(type_)}"
        if not function.module.has(label):
            _make(function.module, label, double if is_double else single, len(operands), type_, inline_double or not is_double)
        return function.call(label, type_, *operands)

    return write_call


def _make(module: Module, label: str, formula: Formula, operands: int, type_: str, inline: bool) -> None:
    parameters = [(type_, f"x{index}") for index in range(operands)]
    made = module.function(label, parameters, type_, attributes="nounwind alwaysinline" if inline else "nounwind")
    made.ret(formula(*(Lanes(made, parameter) for parameter in made.parameters)).value)


def library(name: str) -> Formula:
    """Return a formula that calls a function of the C library for each lane; float is computed in double and rounded.

    Args:
      name: the C function's name, for double.
    """

    def one(function: Function, operands: Sequence[Value]) -> Value:
        answer = function.call(name, "double", *(function.convert("fpext", operand, "double") for operand in operands))
        return function.convert("fptrunc", answer, operands[0].type)

    def per_lane(*operands: Lanes) -> Lanes:
        function, type_ = operands[0].function, operands[0].type
        lanes = lanes_of(type_)
        if lanes == 1:
            return Lanes(function, one(function, [operand.value for operand in operands]))
        with function.loop(0, constant("i64", lanes), carried=[Value("poison", type_)]) as loop:
            answer = one(function, [function.extract(operand.value, loop.index) for operand in operands])
            loop.carry(function.value(type_, f"insertelement {loop.carried[0]}, {answer}, {loop.index}"))
        return Lanes(function, loop.results[0])

    return per_lane


def with_rare_case(rare: Lanes, name: str, formula: Formula, usual: Lanes, *operands: Lanes) -> Lanes:
    """Return `usual`, but in the lanes of the mask `rare` what a formula gives, behind a branch that is taken when there is such a lane.

    The function that is being written must have had no branch before.

    Args:
      rare: the mask. name: a name for the formula's function. formula: what to compute there. usual: the other lanes' result.
      operands: the formula's operands.
    """
    function, type_ = usual.function, usual.type
    label = f"math_{name}_{suffix(type_)}"
    if not function.module.has(label):
        parameters = [(type_, f"x{index}") for index in range(len(operands))]
        made = function.module.function(label, parameters, type_, attributes="nounwind noinline cold")
        made.ret(formula(*(Lanes(made, parameter) for parameter in made.parameters)).value)
    function.line(f"br {rare.any()}, label %rare, label %done")
    function.line("rare:")
    answer = Lanes(function, function.call(label, type_, *(operand.where(rare, 0).value for operand in operands)))
    answer = answer.where(rare, usual)
    function.line("br label %done")
    function.line("done:")
    return Lanes(function, function.value(type_, f"phi {type_} [ {usual.value.text}, %entry ], [ {answer.value.text}, %rare ]"))
