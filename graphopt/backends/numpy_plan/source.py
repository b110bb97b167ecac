"""The second tier: the plan as straight-line Python/NumPy source with preallocated buffers, for a person to read and for Python to run."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt.backends.numpy_plan.steps import NAMESPACE, is_fresh, is_scalar, kernel_of, operand_names, scalar_expression, statement
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.plan import ALIGNMENT, Batch, Bundle, Plan, aligned_size

_FILENAME = "<graphopt plan>"
_PREFIXES = {"feed": "f", "variable": "v", "optional": "o", "counter": "n"}
_CALLED = re.compile(r"(?<![\w.])([a-z_0-9]+)(?=[(.])")


class Source:
    """Generated source and the values its names stand for.

    Attributes:
      text: the source of ``step(...)``, which takes the inputs' values and returns the outputs' values.
      names: what the source's free names stand for: constants, buffers, kernels.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.names: dict[str, Any] = {}
        self._of: dict[Node, str] = {}
        self._array_of: dict[Node, str] = {}
        self._lines: list[str] = []
        self._arena = aligned_bytes(plan.arena_bytes)
        self._kernels: dict[Any, str] = {}
        self._owners = {node: name for name, node in plan.in_place.items()}
        self._variables = {n.attributes["name"]: n for n in plan.inputs if n.attributes["kind"] == "variable"}
        arguments = [self._enter(node, f"{_PREFIXES.get(node.attributes['kind'], 'i')}{i}") for i, node in enumerate(plan.inputs)]
        self._bundles: dict[Bundle, str] = {}
        self._together = {names: f"w{i}" for i, names in enumerate(plan.variable_bundles)}
        self._line_nodes: list[Node] = []
        for unit in plan.units:
            node = unit.result.nodes[0] if isinstance(unit, Batch) else unit
            if isinstance(unit, Batch):
                self._emit_batch(unit)
            else:
                self._emit(node)
            self._line_nodes.extend([node] * (len(self._lines) - len(self._line_nodes)))
        returned = [self._returned(i) for i in range(len(plan.program.outputs))]
        constants = sorted(self.names)
        defaults = [f"{name}={name}" for name in constants]
        head = f"def step({', '.join([*arguments, *self._together.values(), *defaults])}):"
        body = [*self._lines, f"return [{', '.join(returned)}]"]
        self.text = "\n".join([head, *[f"    {line}" for line in body], ""])

    def failing_node(self, error: BaseException) -> Node | None:
        """Return the node whose statement raised an error, found by its line."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != _FILENAME:
            trace = trace.tb_next
        return None if trace is None else self._line_nodes[trace.tb_lineno - 2]

    def compile(self) -> Callable[..., list[Any]]:
        """Return the generated function."""
        scope = dict(self.names)
        exec(compile(self.text, _FILENAME, "exec"), scope)
        function: Callable[..., list[Any]] = scope["step"]
        return function

    # --- names -----------------------------------------------------------------------------------------------------

    def _enter(self, node: Node, name: str) -> str:
        self._of[node] = name
        return name

    def _name(self, node: Node) -> str:
        """Return the name of a node's value."""
        if node not in self._of:
            if node.op is CONST:
                self._of[node] = self._bind("c", node.value[()] if is_scalar(node) else node.value)
            else:
                # One lane of a batch, looked at by itself.
                self._out(node)
        return self._of[node]

    def _array_name(self, node: Node) -> str:
        """Return the name of a node's value as an array: ufuncs take 0-d arrays faster than scalars."""
        if not is_scalar(node):
            return self._name(node)
        if node not in self._array_of:
            if node.op is CONST:
                self._array_of[node] = self._bind("z", np.array(node.value))
            else:
                self._array_of[node] = self._bind("z", np.empty((), node.dtype.np))
                self._lines.append(f"{self._array_of[node]}.fill({self._name(node)})")
        return self._array_of[node]

    def _bind(self, prefix: str, value: Any) -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def _numpy(self, text: str) -> str:
        """Bind the numpy functions that a statement calls."""
        for root in _CALLED.findall(text):
            if root in NAMESPACE:
                self.names.setdefault(root, NAMESPACE[root])
        return text

    # --- statements ------------------------------------------------------------------------------------------------

    def _emit(self, node: Node) -> None:
        text = statement(node)
        if node.op is ITEM:
            name = self._enter(node, f"t{len(self._of)}")
            self._lines.append(f"{name} = {self._name(node.inputs[0])}[{node.attributes['index']}]")
        elif text is not None:
            self._emit_statement(node, text)
        elif node.op.into is not None and (node in self.plan.places or node in self._owners):
            self._emit_into(node)
        else:
            self._emit_expression(node)

    def _emit_statement(self, node: Node, text: str) -> None:
        fields = dict(zip(operand_names(node), [self._array_name(source) for source in node.inputs], strict=True))
        out = self._out(node)
        self._lines.append(self._numpy(text.format(**fields, out=out)))

    def _emit_into(self, node: Node) -> None:
        operands = [self._name(source) for source in node.inputs]
        kernel = self._bind("k", node.op.into)
        extra = [f"{key}={value!r}" for key, value in node.attributes.items()]
        self._lines.append(f"{kernel}({', '.join([self._out(node), *operands, *extra])})")

    def _emit_expression(self, node: Node) -> None:
        operands = [self._name(source) for source in node.inputs]
        text = scalar_expression(node)
        if text is not None:
            expression = self._numpy(text.format(**dict(zip(operand_names(node), operands, strict=True))))
        else:
            expression = f"{self._kernel(node)}({', '.join(operands)})"
        name = self._enter(node, f"{'s' if is_scalar(node) else 't'}{len(self._of)}")
        self._lines.append(f"{name} = {expression}")

    def _kernel(self, node: Node) -> str:
        key = (node.op, *map(repr, node.attributes.values())) if not node.op.host_only else node
        if key not in self._kernels:
            self._kernels[key] = self._bind(f"{node.op.name}_", kernel_of(node))
        return self._kernels[key]

    def _out(self, node: Node) -> str:
        """Return the name of the memory that takes the node's result, and enter it as the node's name."""
        owner = self._owners.get(node)
        if owner is not None:
            return self._enter(node, self._name(self._variables[owner]))
        return self._enter(node, self._bind("b", self._view(node)))

    def _view(self, node: Node) -> np.ndarray[Any, Any]:
        place = self.plan.places[node]
        count = node.tensor_type.num_bytes or 0
        return self._arena[place.offset : place.offset + count].view(node.dtype.np).reshape(node.shape)

    # --- the same step for several lanes ---------------------------------------------------------------------------

    def _emit_batch(self, batch: Batch) -> None:
        first = batch.result.nodes[0]
        operands = [self._array_name(o) if isinstance(o, Node) else self._bundle_name(o) for o in batch.operands]
        text = statement(first)
        if text is None:
            raise AssertionError(f"{first!r} is batched but has no statement")
        out = self._bundle_name(batch.result)
        self._lines.append(self._numpy(text.format(**dict(zip(operand_names(first), operands, strict=True)), out=out)))

    def _bundle_name(self, bundle: Bundle) -> str:
        """Return the name of the memory in which all lanes stand side by side."""
        if bundle.variables:
            return self._together[bundle.variables]
        if bundle not in self._bundles:
            place = self.plan.bundles[bundle]
            # The gaps between lanes are worked on too: they must hold numbers.
            self._arena[place.offset : place.offset + place.size] = 0
            flat = self._arena[place.offset : place.offset + place.size].view(bundle.nodes[0].dtype.np)
            self._bundles[bundle] = self._bind("b", flat)
        return self._bundles[bundle]

    # --- results ---------------------------------------------------------------------------------------------------

    def _returned(self, index: int) -> str:
        """Return the expression for an output: a copy where its memory belongs to the plan, a variable or the caller."""
        kind, name, node = self.plan.program.outputs[index]
        if kind == "effect" or (kind == "update" and name in self.plan.in_place):
            return "None"
        text = self._name(node)
        if kind == "update" and node.op is ITEM:
            # None where a branch left a variable without a value; the store copies what it keeps.
            return text
        if is_scalar(node):
            # A kernel may give a view of rank 0; what is given out is the NumPy scalar.
            return text if node.op in (CONST, INPUT) or scalar_expression(node) is not None else f"{text}[()]"
        kept = node in self.plan.places or node in self._owners
        return text if is_fresh(node, self.plan) and not kept else f"{text}.copy()"


def bundled_size(plan: Plan, names: tuple[str, ...]) -> list[int]:
    """Return the bytes each of the named variables takes where they stand side by side."""
    inputs = {n.attributes["name"]: n for n in plan.inputs if n.attributes["kind"] == "variable"}
    return [aligned_size(inputs[name]) for name in names]


def aligned_bytes(size: int) -> np.ndarray[Any, Any]:
    """Return `size` bytes of memory that start at a multiple of 64."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
