"""An op's `scalar=` text as instructions: the expression of one element, for as many lanes at once as the operands have.

The text is a Python expression of few forms: arithmetic, comparisons, a conditional, and calls of the functions named here or in
`math`. It comes from the op's definition, and is parsed, never run.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Mapping, Sequence

from graphopt.backends.native.emitter import Function, Value, bytes_of, constant, element_of, is_float
from graphopt.backends.native.math import MATH

_CAST = re.compile(r"\(\{dtype\}\)\{\w+\}")
_FIELD = re.compile(r"\{(\w+)(!r)?\}")

Operand = Value | float | int


class ScalarText:
    """Writes the instructions of one step.

    Args:
      function: the function to write into. signed: whether integers of this step are signed.
    """

    def __init__(self, function: Function, signed: bool) -> None:
        self.function = function
        self.signed = signed

    def evaluate(self, node: ast.expr, names: Mapping[str, Value]) -> Operand:
        """Return the value of an expression; a literal stays a number until it meets a typed operand."""
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.Name(id=name):
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._negative(self.evaluate(operand, names))
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return self._inverted(self._typed(self.evaluate(operand, names)))
            case ast.BinOp(left=left, op=operator, right=right):
                a, b = self._alike(self.evaluate(left, names), self.evaluate(right, names))
                return self.function.let(self._opcode(type(operator), a), a, b)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                a, b = self._alike(self.evaluate(left, names), self.evaluate(right, names))
                return self.function.compare(self._condition(type(operator), a), a, b)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                condition = self._typed(self.evaluate(test, names))
                a, b = self._alike(self.evaluate(body, names), self.evaluate(orelse, names))
                return self.function.select(condition, a, b)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(name, [self.evaluate(argument, names) for argument in arguments])
        raise AssertionError(f"an op's scalar text has the form {ast.dump(node)}, which loops don't know")

    def _typed(self, operand: Operand) -> Value:
        if not isinstance(operand, Value):
            raise AssertionError("an op's scalar text has a number where a value must stand")
        return operand

    def _alike(self, a: Operand, b: Operand) -> tuple[Value, Value]:
        """Return both operands as values: a number takes the type of the other one."""
        if isinstance(a, Value):
            return a, b if isinstance(b, Value) else constant(a.type, b)
        return constant(self._typed(b).type, a), self._typed(b)

    def _negative(self, operand: Operand) -> Operand:
        if not isinstance(operand, Value):
            return -operand
        return self.function.negate(operand) if is_float(operand.type) else self.function.let("sub", constant(operand.type, 0), operand)

    def _inverted(self, operand: Value) -> Value:
        return self.function.let("xor", operand, constant(operand.type, True if element_of(operand.type) == "i1" else -1))

    def _opcode(self, operator: type[ast.operator], a: Value) -> str:
        real = is_float(a.type)
        table = {
            ast.Add: "fadd" if real else "add",
            ast.Sub: "fsub" if real else "sub",
            ast.Mult: "fmul" if real else "mul",
            ast.Div: "fdiv",
            ast.BitAnd: "and",
            ast.BitOr: "or",
            ast.BitXor: "xor",
        }
        if element_of(a.type) == "i1":
            # Sums of truth values are "or", products "and", as in NumPy.
            table |= {ast.Add: "or", ast.Mult: "and"}
        return table[operator]

    def _condition(self, operator: type[ast.cmpop], a: Value) -> str:
        name = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}[operator]
        if is_float(a.type):
            return "une" if name == "ne" else f"o{name}"
        return name if name in ("eq", "ne") else f"{'s' if self.signed else 'u'}{name}"

    def _call(self, name: str, arguments: Sequence[Operand]) -> Value:
        if name in ("maximum", "minimum"):
            a, b = self._alike(*arguments)
            return extreme(self.function, name, a, b, self.signed)
        if len(arguments) == 2:
            a, b = self._alike(*arguments)
            return MATH[name](self.function, a, b)
        return self._call_of_one(name, self._typed(arguments[0]))

    def _call_of_one(self, name: str, x: Value) -> Value:
        if name in _ROUNDINGS:
            return self.function.intrinsic(name, x) if is_float(x.type) else x
        own = _OWN.get(name)
        return own(self.function, x, self.signed) if own is not None else MATH[name](self.function, x)


def extreme(function: Function, name: str, a: Value, b: Value, signed: bool) -> Value:
    """Return the larger or smaller of two values, as NumPy does: NaN where either is NaN, the second operand at ties.

    In half precision it is the first operand.
    """
    larger = name == "maximum"
    if not is_float(a.type):
        return function.select(function.compare(f"{'s' if signed else 'u'}{'gt' if larger else 'lt'}", a, b), a, b)
    condition = f"{'g' if larger else 'l'}{'e' if element_of(a.type) == 'half' else 't'}"
    if b.text.startswith(("splat", "0x")):
        # A constant is no NaN: one comparison is enough.
        return function.select(function.compare(f"u{condition}", a, b), a, b)
    keeps = function.compare(f"o{condition}", a, b)
    return function.select(function.let("or", keeps, function.compare("uno", a, a)), a, b)


def _absolute(function: Function, x: Value, signed: bool) -> Value:
    if is_float(x.type):
        return function.intrinsic("fabs", x)
    if not signed:
        return x
    return function.select(function.compare("slt", x, constant(x.type, 0)), function.let("sub", constant(x.type, 0), x), x)


def _sign(function: Function, x: Value, signed: bool) -> Value:
    zero, one = constant(x.type, 0), constant(x.type, 1)
    if not is_float(x.type):
        positive = function.select(function.compare("sgt" if signed else "ugt", x, zero), one, zero)
        return function.select(function.compare("slt", x, zero), constant(x.type, -1), positive) if signed else positive
    below = function.select(function.compare("olt", x, zero), constant(x.type, -1), zero)
    result = function.select(function.compare("ogt", x, zero), one, below)
    return function.select(function.compare("uno", x, x), x, result)


def _is_nan(function: Function, x: Value, signed: bool) -> Value:
    return function.compare("uno", x, x)


def _is_infinite(function: Function, x: Value, signed: bool) -> Value:
    return function.compare("oeq", function.intrinsic("fabs", x), constant(x.type, float("inf")))


def _is_finite(function: Function, x: Value, signed: bool) -> Value:
    return function.compare("olt", function.intrinsic("fabs", x), constant(x.type, float("inf")))


_ROUNDINGS = ("floor", "ceil", "rint", "trunc")  # not op names: functions of scalar texts, and LLVM's intrinsics
_OWN: dict[str, Callable[[Function, Value, bool], Value]] = {  # not op names: functions of scalar texts
    "abs": _absolute,
    "sign": _sign,
    "isnan": _is_nan,
    "isinf": _is_infinite,
    "isfinite": _is_finite,
    "sqrt": lambda function, x, signed: function.intrinsic("sqrt", x),
}


@functools.lru_cache(maxsize=512)
def _parsed(text: str) -> ast.expr:
    return ast.parse(_FIELD.sub(r"\1", text), mode="eval").body


def is_cast(text: str) -> bool:
    """Return True for the text of a conversion between element types."""
    return _CAST.fullmatch(text) is not None


def emit_scalar(function: Function, text: str, names: Mapping[str, Value], signed: bool) -> Value:
    """Write the instructions of a `scalar=` text and return its value.

    Args:
      function: the function to write into.
      text: the text, with operands and attributes as fields.
      names: the value of each field. signed: whether integer operands are signed.
    """
    writer = ScalarText(function, signed)
    result = writer.evaluate(_parsed(text), names)
    if not isinstance(result, Value):
        raise AssertionError(f"the scalar text {text!r} is a mere number")
    return result


def emit_cast(function: Function, x: Value, element: str, signed: bool, to_signed: bool) -> Value:
    """Write a conversion to another element type, as NumPy converts.

    Args:
      function: the function to write into. x: the value. element: the type to convert to (``i1`` for truth values).
      signed: whether `x` is signed, if an integer. to_signed: whether the result is, if an integer.
    """
    source = element_of(x.type)
    if source == element:
        return x
    if element == "i1":
        return function.compare("une" if is_float(x.type) else "ne", x, constant(x.type, 0))
    if element == "half" and not is_float(source):
        # By way of single precision, as NumPy does.
        x = emit_cast(function, x, "float", signed, to_signed)
        return function.convert("fptrunc", x, element)
    if element == "half" and source == "double":
        return function.convert("fptrunc", _rounded_to_odd(function, x), element)
    if source == "i1":
        return function.convert("uitofp" if is_float(element) else "zext", x, element)
    if is_float(source) and is_float(element):
        return function.convert("fpext" if bytes_of(element) > bytes_of(source) else "fptrunc", x, element)
    if is_float(source):
        return _float_to_integer(function, x, element, to_signed)
    if is_float(element):
        return function.convert("sitofp" if signed else "uitofp", x, element)
    if bytes_of(element) <= bytes_of(source):
        return function.convert("trunc", x, element)
    return function.convert("sext" if signed else "zext", x, element)


def _rounded_to_odd(function: Function, x: Value) -> Value:
    """Return a double in single precision so that rounding it once more to half precision is right: inexact results end in a 1."""
    nearest = function.convert("fptrunc", x, "float")
    back = function.convert("fpext", nearest, "double")
    bits = function.convert("bitcast", nearest, "i32")
    away = function.compare("ogt", function.intrinsic("fabs", back), function.intrinsic("fabs", x))
    towards_zero = function.select(away, function.let("sub", bits, constant(bits.type, 1)), bits)
    odd = function.let("or", towards_zero, constant(bits.type, 1))
    return function.convert("bitcast", function.select(function.compare("one", back, x), odd, bits), "float")


def _float_to_integer(function: Function, x: Value, element: str, to_signed: bool) -> Value:
    """Write the conversion of a number to an integer. Out of range it is what x86 gives: the smallest integer, cut to size."""
    if not to_signed and element == "i64":
        return _float_to_unsigned_word(function, x)
    wide = "i64" if element == "i64" or (element == "i32" and not to_signed) else "i32"
    size = 8 * bytes_of(wide)
    limit = 2.0 ** (size - 1)
    if element_of(x.type) == "half":
        x = function.convert("fpext", x, "float")
    inside = function.let("and", function.compare("oge", x, constant(x.type, -limit)), function.compare("olt", x, constant(x.type, limit)))
    safe = function.select(inside, x, constant(x.type, 0))
    whole = function.convert("fptosi", safe, wide)
    result = function.select(inside, whole, constant(whole.type, -int(limit)))
    return function.convert("trunc", result, element)


def _float_to_unsigned_word(function: Function, x: Value) -> Value:
    """Write the conversion to an unsigned integer of 64 bits as x86 does it: from 2**63 on, the lower half with the highest bit changed."""
    if element_of(x.type) == "half":
        x = function.convert("fpext", x, "float")
    limit = constant(x.type, 2.0**63)
    low, high = (_float_to_integer(function, part, "i64", True) for part in (x, function.let("fsub", x, limit)))
    high = function.let("xor", high, constant(high.type, -(1 << 63)))
    return function.select(function.compare("ult", x, limit), low, high)
