"""The straight-line source of a step, as the function of an exported file that a person can read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphopt.backends.numpy_plan.source import Source
from graphopt.backends.numpy_plan.steps import NAMESPACE
from graphopt.inspection.exporting.calls import into_call, kernel_call, with_operation
from graphopt.inspection.exporting.definitions import Definitions
from graphopt.inspection.exporting.plain import type_code
from graphopt.ir.node import CONST, Node
from graphopt.ir.plan import Plan


class StepSource(Source):
    """The generated source of a plan, with what is needed to write it down.

    Args:
      plan: a plan without batches.

    Attributes:
      arguments: the names of the inputs, in the order of the plan.
      results: the expressions of the outputs, in their order.
    """

    def __init__(self, plan: Plan) -> None:
        self._kernel_nodes: dict[str, Node] = {}
        super().__init__(plan)
        self.arguments = [self._of[node] for node in plan.inputs]
        returned = ast.parse(self.text.splitlines()[-1].strip().removeprefix("return "), mode="eval").body
        self.results = [ast.unparse(part) for part in returned.elts] if isinstance(returned, ast.List) else []

    def _kernel(self, node: Node) -> str:
        name = super()._kernel(node)
        self._kernel_nodes.setdefault(name, node)
        return name

    def _emit_into(self, node: Node) -> None:
        super()._emit_into(node)
        call = ast.parse(self._lines[-1], mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            self._kernel_nodes[call.func.id] = node

    # --- the function ------------------------------------------------------------------------------------------------

    def lines(self, definitions: Definitions) -> Iterator[str]:
        """Yield the statements, each after the name of the recorded operation it comes from; what they call is defined."""
        origins = self.plan.program.origins
        before: Any = None
        for node in (*self.plan.inputs, *[output.node for output in self.plan.program.outputs]):
            with_operation(node, origins, str)
        for text, node in zip(self._lines, self._line_nodes, strict=True):
            origin = origins.get(node)
            if origin is not before and origin is not None:
                yield f"# {origin.name}"
                before = origin
            yield with_operation(node, origins, lambda text=text: self._written(text, definitions))  # type: ignore[misc]

    def _written(self, text: str, definitions: Definitions) -> str:
        tree = _Calls(self._kernel_nodes, self.names, definitions).visit(ast.parse(text))
        return ast.unparse(ast.fix_missing_locations(tree))

    # --- what it names -----------------------------------------------------------------------------------------------

    def buffers(self) -> Iterator[str]:
        """Yield the definitions of the preallocated memory."""
        start = self._arena.ctypes.data
        for name, value in self.names.items():
            if isinstance(value, np.ndarray) and value.size and np.may_share_memory(value, self._arena):
                first = value.ctypes.data - start
                yield f"{name} = arena[{first} : {first + value.nbytes}].view({type_code(value.dtype)}).reshape({value.shape})"
        for node, name in self._array_of.items():
            if node.op is not CONST:
                yield f"{name} = np.empty((), {type_code(node.dtype.np)})"

    def constants(self) -> Iterator[tuple[str, Any]]:
        """Yield the constants by name."""
        temporary = [name for node, name in self._array_of.items() if node.op is not CONST]
        for name, value in self.names.items():
            is_buffer = isinstance(value, np.ndarray) and value.size and np.may_share_memory(value, self._arena)
            if isinstance(value, (np.ndarray, np.generic)) and not is_buffer and name not in temporary:
                yield name, value


class _Calls(ast.NodeTransformer):
    """Puts ``np.`` before NumPy's functions and the extracted kernels in place of the bound ones."""

    def __init__(self, nodes: dict[str, Node], names: dict[str, Any], definitions: Definitions) -> None:
        self._nodes = nodes
        self._names = names
        self._definitions = definitions

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id not in self._nodes:
            return node
        owner = self._nodes[node.func.id]
        operands = [ast.unparse(operand) for operand in node.args]
        write = into_call if self._names[node.func.id] is owner.op.into else kernel_call
        return ast.parse(write(self._definitions, owner, operands), mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._names and self._names[node.id] is NAMESPACE.get(node.id, self):
            return ast.Attribute(ast.Name("np", ast.Load()), node.id, ast.Load())
        return node
