"""The text form of a program: one line per node, types on every binder. What is printed can be parsed again.

program {
  %0: f32[2] = input(kind="feed", name="x:0", dtype=f32, shape=[2])
  %1: f32[] = const(value=f32[] 2.0)
  %2: f32[2] = multiply(%0, %1)
  fetch "y:0" = %2
}
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.ir.node import CONST, INPUT, ITEM, Literal, Node, constant_node, input_node, item_of
from graphopt.ir.opdef import REGISTRY
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType

_INLINE_ELEMENTS = 64


def format_program(program: Program) -> str:
    """Return the text form of a program.

    Nested programs (the branches of a ``cond``) are printed before the one that uses them, as ``program @1 {...}``.
    """
    printer = _Printer()
    return printer.program(program, "program")


class _Printer:
    def __init__(self) -> None:
        self.nested: dict[int, str] = {}
        self.before: list[str] = []

    def program(self, program: Program, head: str) -> str:
        names: dict[Node, str] = {}
        rows: list[str] = []
        for node in program.nodes():
            names[node] = f"%{len(names)}"
            types = ", ".join(map(str, node.types))
            parts = [names[source] for source in node.inputs] + [f"{key}={self.attribute(value)}" for key, value in node.attributes.items()]
            rows.append(f"  {names[node]}: {types} = {node.op.name}({', '.join(parts)})")
        rows.extend(f"  {kind} {json.dumps(name)} = {names[node]}" for kind, name, node in program.outputs)
        text = "\n".join([f"{head} {{", *rows, "}"])
        if head == "program":
            return "\n".join([*self.before, text])
        return text

    def attribute(self, value: Any) -> str:
        if isinstance(value, Literal):
            return format_literal(value.array)
        if isinstance(value, DType):
            return value.short
        if isinstance(value, Program):
            return self.reference(value)
        if isinstance(value, tuple):
            return "[" + ", ".join(self.attribute(item) for item in value) + "]"
        if value is None or isinstance(value, (bool, int, float, str)):
            return json.dumps(value)
        return f"<{type(value).__name__}>"

    def reference(self, program: Program) -> str:
        if id(program) not in self.nested:
            self.nested[id(program)] = f"@{len(self.nested) + 1}"
            name = self.nested[id(program)]
            self.before.append(self.program(program, f"program {name}"))
        return self.nested[id(program)]


def format_literal(array: np.ndarray[Any, Any]) -> str:
    """Return the text form of a constant: its type and elements (the bytes in base64 when there are many)."""
    head = str(TensorType(dtypes.as_dtype(array.dtype), array.shape))
    if array.dtype.kind == "O":
        return f"{head} {json.dumps([base64.b64encode(item).decode() for item in array.reshape(-1)])}"
    if array.size > _INLINE_ELEMENTS:
        return f"{head} base64:{base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}"
    return f"{head} {json.dumps(array.tolist())}"


# --- parsing -------------------------------------------------------------------------------------------------------------

_HEAD = re.compile(r"^program(?: (@\d+))? \{$")
_NODE = re.compile(r"^  (%\d+): (.*?) = (\w+)\((.*)\)$")
_OUTPUT = re.compile(r'^  (fetch|update|effect) ("(?:[^"\\]|\\.)*") = (%\d+)$')
_TYPE = re.compile(r"^(\w+)\[([^\]]*)\]")


def parse_program(text: str) -> Program:
    """Return the program that a text form describes.

    Raises:
      ValueError: naming the line that can't be read.
    """
    nested: dict[str, Program] = {}
    program: Program | None = None
    lines = [line for line in text.splitlines() if line.strip()]
    at = 0
    while at < len(lines):
        head = _HEAD.match(lines[at])
        if head is None:
            raise ArgumentError(f"Not the head of a program: {lines[at]!r}")
        end = lines.index("}", at)
        program = _parse_body(lines[at + 1 : end], nested)
        if head[1]:
            nested[head[1]] = program
        at = end + 1
    if program is None:
        raise ArgumentError("The text holds no program.")
    return program


def _parse_body(lines: list[str], nested: dict[str, Program]) -> Program:
    nodes: dict[str, Node] = {}
    outputs: list[Output] = []
    for line in lines:
        output, node = _OUTPUT.match(line), _NODE.match(line)
        if output is not None:
            outputs.append(Output(output[1], json.loads(output[2]), nodes[output[3]]))
        elif node is not None and node[3] in REGISTRY:
            made = nodes[node[1]] = _parse_node(node[3], node[4], nodes, nested)
            if node[2] != ", ".join(map(str, made.types)):
                raise ArgumentError(f"The line says {node[2]}, but the result is {', '.join(map(str, made.types))}: {line!r}")
        else:
            raise ArgumentError(f"Not a line of a program: {line!r}")
    return Program(tuple(outputs))


def _parse_node(op_name: str, text: str, nodes: dict[str, Node], nested: dict[str, Program]) -> Node:
    op = REGISTRY[op_name]
    inputs: list[Node] = []
    attributes: dict[str, Any] = {}
    for part in _split(text):
        if part.startswith("%"):
            inputs.append(nodes[part])
        else:
            key, _, value = part.partition("=")
            attributes[key] = _parse_attribute(value, nested)
    if op is CONST:
        return constant_node(attributes["value"])
    if op is INPUT:
        return input_node(attributes["kind"], attributes["name"], TensorType(attributes["dtype"], attributes["shape"]))
    if op is ITEM:
        return item_of(inputs[0], attributes["index"])
    result = op(*inputs, **attributes)
    made: Node = result[0].inputs[0] if isinstance(result, tuple) else result
    return made


_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\](),]')


def _split(text: str) -> list[str]:
    """Split at the commas outside of brackets and strings."""
    parts, depth, start = [], 0, 0
    for piece in _PIECE.finditer(text):
        depth += (piece[0] in "[(") - (piece[0] in "])")
        if piece[0] == "," and depth == 0:
            parts.append(text[start : piece.start()].strip())
            start = piece.end()
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _parse_attribute(text: str, nested: dict[str, Program]) -> Any:
    if text.startswith("@"):
        return nested[text]
    if text in dtypes.BY_SHORT:
        return dtypes.BY_SHORT[text]
    found = _TYPE.match(text)
    if found is not None and found[1] in dtypes.BY_SHORT:
        return _parse_literal(dtypes.BY_SHORT[found[1]], found[2], text[found.end() :].strip())
    if text.startswith("["):
        return tuple([_parse_attribute(part, nested) for part in _split(text[1:-1])])
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise ArgumentError(f"Not an attribute that can be parsed: {text!r}") from None


def _parse_literal(dtype: DType, sizes: str, body: str) -> Literal:
    shape = tuple(int(size) for size in sizes.split(",") if size.strip())
    if body.startswith("base64:"):
        return Literal(np.frombuffer(base64.b64decode(body.removeprefix("base64:")), dtype.np).reshape(shape))
    items = json.loads(body)
    if dtype is dtypes.string:
        array = np.empty(len(items), object)
        array[:] = [base64.b64decode(item) for item in items]
        return Literal(array.reshape(shape))
    return Literal(np.array(items, dtype.np).reshape(shape))
