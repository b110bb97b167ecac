"""What a native kernel is: a structure that code is made for once, called with other pointers and sizes as often as wanted.

Every kernel is one LLVM function with the same parameters::

    void kernel(ptr record, i64 begin, i64 end, i64 thread)

`record` is an array of 8-byte slots: pointers, and sizes as ``i64``. ``begin`` and ``end`` say which part of the kernel's work to do
(rows, blocks of elements: what it is, the kernel says), so that several threads can share it; the result's bits never depend on how
the work was divided. ``thread`` numbers the thread, for scratch memory of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from graphopt.backends.native.emitter import Function, Module, Value
from graphopt.ir.node import Node

PARAMETERS = (("ptr", "record"), ("i64", "begin"), ("i64", "end"), ("i64", "thread"))


class Kernel(Protocol):
    """The structure of a kernel: hashable, equal for kernels that share code. Implementations are frozen dataclasses.

    Whatever stands in it must be part of its `repr`, from which the key of the code cache is made.
    """

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel's function, named `name`, with `PARAMETERS`, and what it calls, into the module."""

    @property
    def title(self) -> str:
        """A few words for people: what the kernel does."""


class Pointer(NamedTuple):
    """The address of a value, or of an element in it.

    Attributes:
      node: the value. offset: bytes from its beginning.
    """

    node: Node
    offset: int = 0


class Scratch(NamedTuple):
    """Memory that a call may use until the next one of the same lowering ends.

    Attributes:
      label: two calls of one lowering that name the same label get the same memory.
      size: its bytes. per_thread: every thread has as many bytes for itself (at `thread` times `size`, rounded up to 64).
    """

    label: str
    size: int
    per_thread: bool = False


class Status(NamedTuple):
    """The address of an i64 that a fallible kernel sets to something other than 0 when the run must fail."""


class Symbol(NamedTuple):
    """The address of a function of another library.

    Attributes:
      name: its name, such as ``sgemm``.
    """

    name: str


Argument = Pointer | Scratch | Status | Symbol | int


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a kernel in a step.

    Attributes:
      kernel: what is called.
      arguments: what stands in the record's slots.
      extent: how much work there is: the kernel is called for parts of ``0`` to ``extent``.
      grain: the fewest items worth a thread of their own; `extent` when the work must not be divided.
      fallible: the kernel may set its `Status`; then the step ends there, before any variable was written.
      flops: floating-point operations, and `bytes_moved`: bytes read and written, for people.
    """

    kernel: Kernel
    arguments: tuple[Argument, ...]
    extent: int = 1
    grain: int = 1
    fallible: bool = False
    flops: int = 0
    bytes_moved: int = field(default=0)


def kernel_function(module: Module, name: str) -> tuple[Function, Value, Value, Value, Value]:
    """Return a new kernel function and its four parameters: record, begin, end, thread."""
    function = module.function(name, PARAMETERS, internal=False, attributes="nounwind")
    record, begin, end, thread = function.parameters
    return function, record, begin, end, thread


def slot(function: Function, record: Value, index: int, type_: str = "ptr") -> Value:
    """Return what stands in a slot of the record: a pointer, or an i64."""
    return function.load(type_, function.offset(record, "i64", index), 8)
