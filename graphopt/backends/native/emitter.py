"""Writes LLVM's intermediate representation as text: values with types, one line per instruction, loops and branches.

The text is what a person reads in ``session.compiled(train_op).llvm``, and LLVM parses it some ten times faster than llvmlite's
builder makes it, which is what lets a training op start in a fraction of a second.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from graphopt.backends.native.host import Host

_VECTOR = re.compile(r"<(\d+) x (\w+)>")
_FLOATS = {"half": 2, "float": 4, "double": 8}
_BYTES = {**_FLOATS, "i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "ptr": 8}
_BITS = {"half": 16, "float": 32, "double": 64}


class Value(NamedTuple):
    """A value of a function: its name, or the text of a constant, and its LLVM type."""

    text: str
    type: str

    def __str__(self) -> str:
        return f"{self.type} {self.text}"


def vector(lanes: int, element: str) -> str:
    """Return the type of a vector; of one lane it is the element's type itself."""
    return element if lanes == 1 else f"<{lanes} x {element}>"


def element_of(type_: str) -> str:
    """Return the element type of a vector type, or the type itself."""
    found = _VECTOR.fullmatch(type_)
    return found[2] if found else type_


def lanes_of(type_: str) -> int:
    """Return how many lanes a type has; 1 for what is no vector."""
    found = _VECTOR.fullmatch(type_)
    return int(found[1]) if found else 1


def with_element(type_: str, element: str) -> str:
    """Return the type with the same number of lanes and another element type."""
    return vector(lanes_of(type_), element)


def is_float(type_: str) -> bool:
    """Return True for a floating-point type or a vector of one."""
    return element_of(type_) in _FLOATS


def bytes_of(type_: str) -> int:
    """Return the bytes of one element of the type."""
    return _BYTES[element_of(type_)]


def constant(type_: str, number: float | int | bool) -> Value:
    """Return a constant of the type; in a vector every lane has it.

    A floating-point number is rounded to the type first.

    >>> str(constant("<4 x float>", 0.1))
    '<4 x float> splat (float 0x3FB99999A0000000)'
    """
    element = element_of(type_)
    if element == "i1":
        text = "true" if number else "false"
    elif element == "half":
        text = f"0xH{struct.unpack('<H', struct.pack('<e', number))[0]:04X}"
    elif element in _FLOATS:
        rounded = struct.unpack("<f", struct.pack("<f", number))[0] if element == "float" else float(number)
        text = f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"
    elif element == "ptr":
        text = "null"
    else:
        text = str(int(number))
    return Value(text if element == type_ else f"splat ({element} {text})", type_)


class Module:
    """The text of one module: functions, and the declarations of what they call.

    Args:
      host: the machine the code is for.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self._functions: dict[str, Function] = {}
        self._declarations: dict[str, str] = {}
        self._globals: dict[str, str] = {}

    def function(
        self, name: str, parameters: Sequence[tuple[str, str]], result: str = "void", *, internal: bool = True, attributes: str = ""
    ) -> Function:
        """Return a new function to write into.

        Args:
          name: its name. parameters: (type, name) of each. result: its result's type.
          internal: it is only called inside of the module. attributes: LLVM's function attributes, such as ``alwaysinline``.
        """
        made = Function(self, name, parameters, result, internal, attributes)
        self._functions[name] = made
        return made

    def has(self, name: str) -> bool:
        """Return True when the module has a function of this name."""
        return name in self._functions

    def declare(self, name: str, result: str, parameters: Sequence[str]) -> None:
        """Declare a function from outside: an intrinsic, or one of the C library."""
        if name not in self._functions:
            self._declarations[name] = f"declare {result} @{name}({', '.join(parameters)})"

    def constant_table(self, name: str, type_: str, numbers: Sequence[float | int]) -> Value:
        """Return a pointer to a constant array with these numbers."""
        texts = ", ".join(str(constant(type_, number)) for number in numbers)
        self._globals[name] = f"@{name} = private unnamed_addr constant [{len(numbers)} x {type_}] [{texts}], align 64"
        return Value(f"@{name}", "ptr")

    @property
    def text(self) -> str:
        """The module's text."""
        functions = [function.text for function in self._functions.values()]
        return "\n".join([*self._globals.values(), *functions, *self._declarations.values(), ""])


class Loop:
    """A loop that is being written.

    Attributes:
      index: the loop's index, ``i64``.
      carried: the values that the loop carries from round to round, as they are at the beginning of this round.
      results: after the loop, the values it ended with.
    """

    def __init__(self, index: Value, carried: list[Value]) -> None:
        self.index = index
        self.carried = carried
        self.next: list[Value] = []
        self.results: list[Value] = []

    def carry(self, *values: Value) -> None:
        """Say what the carried values are in the next round; call it last in the loop's body."""
        self.next = list(values)


class Function:
    """The text of one function. Every method that makes a value writes one instruction and returns the value."""

    def __init__(
        self, module: Module, name: str, parameters: Sequence[tuple[str, str]], result: str, internal: bool, attributes: str
    ) -> None:
        self.module = module
        self.name = name
        self.parameters = [Value(f"%{label}", type_) for type_, label in parameters]
        self._types = [type_ for type_, _ in parameters]
        self._result = result
        signature = ", ".join(f"{type_} {'noundef ' if type_ == 'ptr' else ''}%{label}" for type_, label in parameters)
        self._head = f"define {'internal ' if internal else ''}{result} @{name}({signature}) {attributes}".rstrip()
        self._lines: list[str] = []
        self._count = 0
        self._block = "entry"

    @property
    def text(self) -> str:
        """The function's text."""
        return "\n".join([f"{self._head} {{", "entry:", *self._lines, "}"])

    # --- instructions ----------------------------------------------------------------------------------------------

    def value(self, type_: str, instruction: str) -> Value:
        """Write ``%new = instruction`` and return the value: for what has no method of its own."""
        self._count += 1
        made = Value(f"%v{self._count}", type_)
        self._lines.append(f"  {made.text} = {instruction}")
        return made

    def line(self, instruction: str) -> None:
        """Write an instruction that gives no value."""
        self._lines.append(f"  {instruction}")

    def let(self, opcode: str, a: Value, b: Value) -> Value:
        """Write a two-operand instruction such as ``fadd``, ``add``, ``and``, ``shl`` (flags may be part of the opcode)."""
        return self.value(a.type, f"{opcode} {a}, {b.text}")

    def compare(self, condition: str, a: Value, b: Value) -> Value:
        """Write ``icmp`` or ``fcmp``, whichever the operands' type asks for, with LLVM's condition (``olt``, ``slt``, ``eq`` ...)."""
        opcode = "fcmp" if is_float(a.type) else "icmp"
        return self.value(with_element(a.type, "i1"), f"{opcode} {condition} {a}, {b.text}")

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """Write a choice, lane by lane when the condition is a vector."""
        return self.value(a.type, f"select {condition}, {a}, {b}")

    def negate(self, a: Value) -> Value:
        """Write ``fneg``."""
        return self.value(a.type, f"fneg {a}")

    def convert(self, opcode: str, a: Value, element: str) -> Value:
        """Write a conversion (``sext``, ``fptosi``, ``bitcast`` ...) to `element`, keeping the lanes; the same type is no work."""
        type_ = with_element(a.type, element)
        return a if type_ == a.type else self.value(type_, f"{opcode} {a} to {type_}")

    def splat(self, a: Value, lanes: int) -> Value:
        """Return a vector with `a` in every lane."""
        if lanes == 1:
            return a
        type_ = vector(lanes, a.type)
        first = self.value(type_, f"insertelement {type_} poison, {a}, i64 0")
        return self.value(type_, f"shufflevector {first}, {type_} poison, <{lanes} x i32> zeroinitializer")

    def extract(self, a: Value, lane: int | Value) -> Value:
        """Return one lane of a vector."""
        index = lane if isinstance(lane, Value) else constant("i64", lane)
        return self.value(element_of(a.type), f"extractelement {a}, {index}")

    def shuffle(self, a: Value, b: Value, lanes: Sequence[int]) -> Value:
        """Return the given lanes of `a` and `b` laid end to end."""
        mask = ", ".join(f"i32 {lane}" for lane in lanes)
        return self.value(vector(len(lanes), element_of(a.type)), f"shufflevector {a}, {b}, <{len(lanes)} x i32> <{mask}>")

    def call(self, name: str, result: str, *arguments: Value) -> Value:
        """Write a call and return its result; an unknown function is declared. With ``void`` the result means nothing."""
        self.module.declare(name, result, [a.type for a in arguments])
        text = f"call {result} @{name}({', '.join(map(str, arguments))})"
        if result == "void":
            self.line(text)
            return Value("", "void")
        return self.value(result, text)

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """Write a call of an intrinsic overloaded on its operands' type alone, such as ``fma``, ``sqrt``, ``floor``, ``maximum``."""
        return self.call(f"llvm.{name}.{suffix(arguments[0].type)}", arguments[0].type, *arguments)

    def ret(self, value: Value | None = None) -> None:
        """Write the function's return."""
        self.line("ret void" if value is None else f"ret {value}")

    # --- memory ----------------------------------------------------------------------------------------------------

    def offset(self, pointer: Value, element: str, index: Value | int) -> Value:
        """Return the pointer to the element at `index` (i64) of an array."""
        at = index if isinstance(index, Value) else constant("i64", index)
        return self.value("ptr", f"getelementptr {element}, {pointer}, {at}")

    def load(self, type_: str, pointer: Value, align: int | None = None) -> Value:
        """Return what stands at a pointer; by default only the alignment of one element is relied on."""
        return self.value(type_, f"load {type_}, {pointer}, align {align or bytes_of(type_)}")

    def store(self, value: Value, pointer: Value, align: int | None = None) -> None:
        """Write a value to memory."""
        self.line(f"store {value}, {pointer}, align {align or bytes_of(value.type)}")

    def first_lanes(self, count: Value, lanes: int) -> Value:
        """Return the mask of a vector's first `count` (i64) lanes."""
        numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
        return self.value(f"<{lanes} x i1>", f"icmp slt <{lanes} x i64> <{numbers}>, {self.splat(count, lanes).text}")

    def masked_load(self, type_: str, pointer: Value, mask: Value) -> Value:
        """Return what stands at a pointer in the lanes of the mask, 0 in the others; memory outside of the mask is not touched."""
        zero = Value("zeroinitializer", type_)
        name = f"llvm.masked.load.{suffix(type_)}.p0"
        pointer_with_alignment = f"ptr align {bytes_of(type_)} {pointer.text}"
        self.module.declare(name, type_, ["ptr", mask.type, type_])
        return self.value(type_, f"call {type_} @{name}({pointer_with_alignment}, {mask}, {zero})")

    def masked_store(self, value: Value, pointer: Value, mask: Value) -> None:
        """Write the lanes of the mask; other memory is not touched."""
        name = f"llvm.masked.store.{suffix(value.type)}.p0"
        self.module.declare(name, "void", [value.type, "ptr", mask.type])
        self.line(f"call void @{name}({value}, ptr align {bytes_of(value.type)} {pointer.text}, {mask})")

    # --- integers for addresses ------------------------------------------------------------------------------------

    def add(self, a: Value, b: Value | int) -> Value:
        """Return the sum of two integers, or of an integer and a number."""
        return self.let("add", a, b if isinstance(b, Value) else constant(a.type, b))

    def mul(self, a: Value, b: Value | int) -> Value:
        """Return the product of two integers, or of an integer and a number."""
        return self.let("mul", a, b if isinstance(b, Value) else constant(a.type, b))

    # --- control ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def loop(self, begin: Value | int, end: Value, step: Value | int = 1, carried: Sequence[Value] = ()) -> Iterator[Loop]:
        """Write a loop ``for (index = begin; index < end; index += step)``; the body is what is written inside the ``with``.

        Args:
          begin, end, step: of type i64. carried: first values of what the loop carries; say the next ones with ``carry``.
        """
        first = begin if isinstance(begin, Value) else constant("i64", begin)
        head, body, out = (self._label(part) for part in ("head", "body", "out"))
        before = self._block
        self.line(f"br label %{head}")
        self._enter(head)
        at = len(self._lines)
        self._count += 1
        index = Value(f"%i{self._count}", "i64")
        phis = []
        for value in carried:
            self._count += 1
            phis.append(Value(f"%c{self._count}", value.type))
        current = Loop(index, list(phis))
        more = self.compare("slt", index, end)
        self.line(f"br {more}, label %{body}, label %{out}")
        self._enter(body)
        yield current
        if len(current.next) != len(phis):
            raise AssertionError(f"a loop of {self.name} carries {len(phis)} values and was given {len(current.next)} next ones")
        following = self.add(index, step)
        latch = self._block
        self.line(f"br label %{head}")
        lines = [f"  {index.text} = phi i64 [ {first.text}, %{before} ], [ {following.text}, %{latch} ]"]
        for phi, start, later in zip(phis, carried, current.next, strict=True):
            lines.append(f"  {phi.text} = phi {phi.type} [ {start.text}, %{before} ], [ {later.text}, %{latch} ]")
        self._lines[at:at] = lines
        self._enter(out)
        current.results = phis

    @contextlib.contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Write a block that runs only where the condition (i1) holds; values made inside don't exist after it."""
        then, out = self._label("then"), self._label("out")
        self.line(f"br {condition}, label %{then}, label %{out}")
        self._enter(then)
        yield
        if not self._lines[-1].startswith("  ret"):
            self.line(f"br label %{out}")
        self._enter(out)

    def _label(self, part: str) -> str:
        self._count += 1
        return f"{part}{self._count}"

    def _enter(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._block = label


def suffix(type_: str) -> str:
    """Return a type as it stands in an intrinsic's name, such as ``v8f32``."""
    element = element_of(type_)
    short = f"f{_BITS[element]}" if element in _BITS else "p0" if element == "ptr" else element
    return short if element == type_ else f"v{lanes_of(type_)}{short}"
