"""The text of an exported file, from its parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.inspection.exporting import parts
from graphopt.inspection.exporting.definitions import Definitions
from graphopt.inspection.exporting.plain import array_code, is_small, packed_code, scalar_code
from graphopt.inspection.exporting.stand_ins import STAND_INS
from graphopt.inspection.exporting.step_source import StepSource
from graphopt.ir.node import Node
from graphopt.ir.plan import Plan
from graphopt.ir.types import TensorType

_RESERVED = ("FEEDS", "INITIAL", "LOCK", "STATE", "arena", "initial_state", "run", "state", "feeds", "results", "step")
_HELPERS = (parts.aligned, parts.unpacked, parts.described, parts.checked_feeds, parts.checked_state, parts.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What is to be written.

    Attributes:
      title: what the step is, in one line. version: graphopt's version.
      plan: the plan, without batches. feeds: the types of the feeds by name; those that the plan doesn't need count too.
      fetches: the expression of what a step returns, in which ``results[i]`` is the plan's output i. fetched: what it is, in words.
      values: the present values of variables and random counters by name; those without one are left out.
    """

    title: str
    version: str
    plan: Plan
    feeds: Mapping[str, TensorType]
    fetches: str
    fetched: str
    values: Mapping[str, Any]

    def inputs(self, *kinds: str) -> dict[str, Node]:
        """Return the plan's inputs of these kinds by name."""
        return {n.attributes["name"]: n for n in self.plan.inputs if n.attributes["kind"] in kinds}


def file_text(exported: Exported) -> str:
    """Return the source of the file.

    Raises:
      NotStandAlone: when an operation can't be written into it.
    """
    source = StepSource(exported.plan)
    definitions = Definitions([*_RESERVED, *source.names, *source.arguments], STAND_INS)
    helpers = [definitions.function(helper) for helper in _HELPERS]
    statements = _run_text(source, definitions)
    own = definitions.blocks[: len(helpers)]
    kernels = definitions.blocks[len(helpers) :]
    imports = sorted({"base64", "threading", "zlib", *definitions.imports})
    sections = [
        _doc(exported),
        "\n".join([f"import {name}" for name in imports]) + "\n\nimport numpy as np",
        _types(exported),
        _INITIAL_STATE,
        _step_text(exported, source),
        statements,
        _headed("What every exported step has: memory, checks, the new state.", own),
        *([_headed("The kernels that the statements call.", kernels)] if kernels else []),
        _memory(exported.plan, source),
        *_constants(source),
        _initial(exported),
        'if __name__ == "__main__":\n    print(__doc__)',
    ]
    return "\n\n\n".join(sections) + "\n"


# --- the head --------------------------------------------------------------------------------------------------------------------


def _doc(exported: Exported) -> str:
    feeds, state, counters = exported.feeds, _state(exported), ", ".join(exported.inputs("counter"))
    size = sum([np.asarray(value).nbytes for value in exported.values.values()])
    example = "{" + ", ".join([f"{json.dumps(name)}: ..." for name in feeds]) + "}"
    promise = "It runs to the same numbers, bit for bit, as graphopt's numpy backend with the same NumPy on the same machine."
    rows = [
        f'"""{exported.title}, as Python that needs NumPy 2 alone.',
        "",
        f"graphopt {exported.version} wrote this file. {promise}",
        "",
        "    state = initial_state()",
        f"    fetched = step(state{f', {example}' if feeds else ''})",
        "",
        "`step` runs one step: it returns what is fetched and puts the new values into `state`. When it raises, the state is as it was.",
        "",
        f"Fetched: {exported.fetched}",
        "",
        *_listed("Feeds, by name:", feeds),
        "",
        *_listed(f"State ({size:,} bytes), by name; `initial_state` gives the values from when the file was written:", state),
        *(["", f"How far streams of random numbers are: {counters}"] if counters else []),
        '"""',
    ]
    return "\n".join(rows)


def _state(exported: Exported) -> dict[str, TensorType]:
    """Return the types of all state that the step reads or writes."""
    inputs = {name: node.tensor_type for name, node in exported.inputs("variable", "counter", "optional").items()}
    outputs = {name: node.tensor_type for kind, name, node in exported.plan.program.outputs if kind == "update"}
    return {**outputs, **inputs}


def _listed(title: str, types: Mapping[str, TensorType]) -> list[str]:
    if not types:
        return [f"{title} none."]
    width = max(map(len, types))
    return [title, "", *[f"    {name.ljust(width)}  {_type_text(t)}" for name, t in types.items()]]


def _type_text(known: TensorType) -> str:
    return f"{known.dtype.np.name} of unknown shape" if known.shape is None else parts.described(known.dtype.np.name, known.shape)


def _types(exported: Exported) -> str:
    state = {name: node.tensor_type for name, node in exported.inputs("variable", "counter").items()}
    return "\n\n".join([_table("FEEDS", exported.feeds), _table("STATE", state)])


def _table(name: str, types: Mapping[str, TensorType]) -> str:
    rows = [f'    {json.dumps(key)}: ("{known.dtype.np.name}", {known.shape}),' for key, known in types.items()]
    return "\n".join([f"{name} = {{", *rows, "}"]) if rows else f"{name} = {{}}"


_INITIAL_STATE = '''def initial_state():
    """Return the state as it was when this file was written, in arrays of its own."""
    return {name: unpacked(*packed) for name, packed in INITIAL.items()}'''


# --- the step --------------------------------------------------------------------------------------------------------------------


def _step_text(exported: Exported, source: StepSource) -> str:
    arguments = [f"{name}={_argument(node)}," for name, node in zip(source.arguments, exported.plan.inputs, strict=True)]
    outputs = exported.plan.program.outputs
    updates = [
        f"{json.dumps(name)}: results[{i}],"
        for i, (kind, name, _) in enumerate(outputs)
        if kind == "update" and source.results[i] != "None"
    ]
    written = [f"state[{json.dumps(name)}]," for name in exported.plan.in_place]
    rows = [
        "def step(state, feeds=None):",
        '    """Run one step and return what it fetches.',
        "",
        "    state: a dict like that of `initial_state`; it gets the new values. feeds: a dict from name to array.",
        '    """',
        "    checked_state(state, STATE)",
        *_call("    written = (", written, ")"),
        "    feeds = checked_feeds(feeds or {}, FEEDS, written)",
        '    with LOCK, np.errstate(all="ignore"):',
        "        try:",
        *_call("            results = run(", arguments, ")"),
        "        except IndexError as error:",
        "            raise ValueError(str(error)) from None",
        *(_call("        commit(state, {", updates, "})") if updates else []),
        f"    return {exported.fetches}",
    ]
    return "\n".join(rows)


def _call(head: str, parts: Sequence[str], tail: str) -> list[str]:
    """Return the lines of a bracket with one part on each."""
    indent = " " * (len(head) - len(head.lstrip()))
    return [head, *[f"{indent}    {part}" for part in parts], f"{indent}{tail}"] if parts else [head + tail]


def _argument(node: Node) -> str:
    kind, name = node.attributes["kind"], json.dumps(node.attributes["name"])
    return f"feeds[{name}]" if kind == "feed" else f"state.get({name})" if kind == "optional" else f"state[{name}]"


def _run_text(source: StepSource, definitions: Definitions) -> str:
    lines = [line for text in source.lines(definitions) for line in text.split("\n")]
    doc = '"""The step, statement after statement; what is written into an argument is a variable\'s new value."""'
    body = [doc, *lines, f"return [{', '.join(source.results)}]"]
    return "\n".join([f"def run({', '.join(source.arguments)}):", *[f"    {line}" for line in body]])


# --- what they work on -------------------------------------------------------------------------------------------------------------


def _headed(title: str, blocks: Sequence[str]) -> str:
    return "\n\n\n".join([f"# --- {title} ---", *blocks])


def _memory(plan: Plan, source: StepSource) -> str:
    rows = [
        "# --- Memory for the results of statements; those whose lives don't overlap share it. ---",
        "",
        "LOCK = threading.Lock()",
        f"arena = aligned(np.zeros({plan.arena_bytes}, np.uint8))",
        *source.buffers(),
    ]
    return "\n".join(rows)


def _constants(source: StepSource) -> list[str]:
    rows = [f"{name} = {_constant_code(value)}" for name, value in source.constants()]
    return ["\n".join(["# --- Constants. ---", "", *rows])] if rows else []


def _constant_code(value: Any) -> str:
    if isinstance(value, np.generic):
        return scalar_code(value)
    return array_code(value) if is_small(value) else f"unpacked{packed_code(value)}"


def _initial(exported: Exported) -> str:
    rows = [f"    {json.dumps(name)}: {packed_code(value)}," for name, value in exported.values.items()]
    head = "# --- The state when this file was written: for each name its type, shape and compressed bytes. ---\n\n"
    return head + ("\n".join(["INITIAL = {", *rows, "}"]) if rows else "INITIAL = {}")
