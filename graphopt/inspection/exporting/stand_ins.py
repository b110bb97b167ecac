"""What stands in an exported file for graphopt's own kinds of values: element types, errors, programs inside of nodes."""

from __future__ import annotations

from typing import Any

from graphopt.compiler.passes.views import base_of
from graphopt.dtypes import DType
from graphopt.errors import GraphOptError, OpError
from graphopt.inspection.exporting.calls import kernel_call, with_operation
from graphopt.inspection.exporting.definitions import Definitions, StandIn
from graphopt.ir.interpret import run_program
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.program import Output, Program

# --- element types -----------------------------------------------------------------------------------------------------------

_DTYPE = '''class {name}:
    """An element type: its names and what NumPy calls it."""

    def __init__(self, name, short, kind):
        self.name, self.short, self.np_type = name, short, kind
        self.np = np.dtype(kind)
        self.size = self.np.itemsize
        self.is_floating, self.is_integer = self.np.kind == "f", self.np.kind in "iu"
        self.is_unsigned, self.is_bool = self.np.kind == "u", self.np.kind == "b"'''


def dtype_stand_in(definitions: Definitions, value: Any) -> str | None:
    """Return the name of an element type."""
    if not isinstance(value, DType):
        return None

    def write(name: str) -> str:
        kind = definitions.once(DType, "DType", lambda own: _DTYPE.format(name=own))
        return f'{name} = {kind}("{value.name}", "{value.short}", {definitions.code(value.np_type)})'

    return definitions.once(value, "bool_" if value.is_bool else value.name, write)


# --- errors --------------------------------------------------------------------------------------------------------------------

_RUN_ERROR = '''class {name}(ValueError):
    """An operation failed: its values are not what it works on."""

    def __init__(self, node_def, op, message):
        super().__init__(message)
        self.op, self.message = op, message'''


def error_stand_in(definitions: Definitions, value: Any) -> str | None:
    """Return the name of an error class: here they are all ValueErrors, with the same text."""
    if not isinstance(value, type) or not issubclass(value, (GraphOptError, OpError)):
        return None
    if value is OpError:
        return definitions.once(value, value.__name__, lambda name: _RUN_ERROR.format(name=name))
    bases = [base for base in value.__bases__ if issubclass(base, (GraphOptError, OpError))]
    base = definitions.code(bases[0]) if bases else "ValueError"
    doc = (value.__doc__ or "").split("\n")[0]
    return definitions.once(value, value.__name__, lambda name: f'class {name}({base}):\n    """{doc}"""')


# --- programs inside of nodes --------------------------------------------------------------------------------------------------

_PROGRAM = '''class {name}:
    """What an operation runs inside of it.

    run: a function of the values of its inputs by name that returns those of its outputs. outputs: what is known of them.
    """

    def __init__(self, run, *outputs):
        self.run, self.outputs = run, outputs'''

_OUTPUT = '''def {name}(kind, name, dtype, shape):
    """Return what is known of one output of a program."""
    value = types.SimpleNamespace(dtype=dtype, shape=shape)
    return types.SimpleNamespace(kind=kind, name=name, node=types.SimpleNamespace(tensor_type=value))'''

_RUN_PROGRAM = '''def {name}(program, inputs, xp=np):
    """Return the values of a program's outputs for the values of its inputs."""
    return program.run(inputs)'''

_REQUIRED = '''def {name}(inputs, key):
    """Return a value that must be there."""
    if inputs[key] is None:
        raise ValueError(f"Attempting to use uninitialized value {{key.partition(' ')[2]}}")
    return inputs[key]'''


def program_stand_in(definitions: Definitions, value: Any) -> str | None:
    """Return the name of a program, or of the function that runs one."""
    if value is run_program:
        return definitions.once(run_program, "run_program", lambda name: _RUN_PROGRAM.format(name=name))
    if not isinstance(value, Program):
        return None

    def write(name: str) -> str:
        kind = definitions.once(Program, "Program", lambda own: _PROGRAM.format(name=own))
        body = definitions.new_name(f"run_{name}")
        outputs = [_output_code(definitions, output) for output in value.outputs]
        return f"{_body_text(definitions, value, body)}\n\n\n{name} = {kind}({', '.join([body, *outputs])})"

    return definitions.once(value, "program", write)


def _output_code(definitions: Definitions, output: Output) -> str:
    definitions.imports.add("types")
    make = definitions.once(Output, "output", lambda own: _OUTPUT.format(name=own))
    known = output.node.tensor_type
    return f"{make}({output.kind!r}, {output.name!r}, {definitions.code(known.dtype)}, {known.shape!r})"


def _body_text(definitions: Definitions, program: Program, name: str) -> str:
    """Return the function that runs a program: node after node, each by its kernel."""
    names: dict[Node, str] = {}
    lines = []
    required = _required(program)
    for node in program.nodes():
        text = with_operation(node, program.origins, lambda node=node: _expression(definitions, node, names, required))  # type: ignore[misc]
        if node.op is CONST:
            names[node] = text
        else:
            names[node] = f"{'x' if node.op is INPUT else 't'}{len(names)}"
            lines.append(f"    {names[node]} = {text}")
    results = ", ".join(_results(program, names))
    return "\n".join([f"def {name}(inputs):", *lines, f"    return [{results}]"])


def _expression(definitions: Definitions, node: Node, names: dict[Node, str], required: set[Node]) -> str:
    if node.op is CONST:
        return definitions.code(node.value[()] if node.shape == () else node.value)
    if node.op is INPUT:
        key = f"{node.attributes['kind']} {node.attributes['name']}"
        if node in required:
            return f"{definitions.once(_REQUIRED, 'required', lambda own: _REQUIRED.format(name=own))}(inputs, {key!r})"
        return f"inputs[{key!r}]"
    operands = [names[source] for source in node.inputs]
    if node.op is ITEM:
        return f"{operands[0]}[{node.attributes['index']}]"
    return kernel_call(definitions, node, operands)


def _required(program: Program) -> set[Node]:
    """Return the variables whose value is looked at, not merely handed on as their new value."""
    used = {source for node in program.nodes() for source in node.inputs}
    used.update([output.node for output in program.outputs if output.kind != "update"])
    return {node for node in program.inputs() if node.attributes["kind"] == "variable" and node in used}


def _results(program: Program, names: dict[Node, str]) -> list[str]:
    """Return the outputs' expressions: a copy where the memory may belong to an input, a constant or another output."""
    seen: set[Node] = set()
    results = []
    for output in program.outputs:
        base = base_of(output.node)
        name = names[output.node]
        is_shared = base in seen or base.op in (INPUT, CONST)
        results.append(f"({name}.copy() if isinstance({name}, np.ndarray) else {name})" if is_shared else name)
        seen.add(base)
    return results


STAND_INS: tuple[StandIn, ...] = (dtype_stand_in, error_stand_in, program_stand_in)
