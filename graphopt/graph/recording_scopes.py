"""The scopes that decide what is noted with each new operation: names, control dependencies, devices, gradient overrides."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from graphopt.errors import ArgumentTypeError
from graphopt.graph.lookup import ElementLookup
from graphopt.graph.names import NameTable, check_op_name, check_scope_name
from graphopt.graph.operation import Operation, Tensor


class _ControlScope:
    """One ``with control_dependencies(...)`` block: its operations, and those recorded inside it."""

    __slots__ = ("clears", "inputs", "seen")

    def __init__(self, inputs: list[Operation], clears: bool) -> None:
        self.inputs = inputs
        self.clears = clears
        self.seen: set[Operation] = set()


class RecordingScopes(ElementLookup):
    """The ``with`` blocks that a graph is in while operations are recorded: the part of `Graph` that keeps scopes."""

    def __init__(self) -> None:
        super().__init__()
        self._names = NameTable()
        self._scope = ""
        self._control_scopes: list[_ControlScope] = []
        self._devices: list[Any] = []
        self._overrides: dict[str, str] = {}
        self._guards: list[Tensor | None] = []
        self._collectors: list[dict[Operation, None] | None] = []

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put operations recorded inside a ``with`` block under a unique scope; yields ``"scope/"``.

        A name that ends with ``/`` enters exactly that scope again; None or "" leaves all scopes.
        """
        outer = self._scope
        self._scope = self._entered_scope(name)
        try:
            yield f"{self._scope}/" if self._scope else ""
        finally:
            self._scope = outer

    def _entered_scope(self, name: str | None) -> str:
        if not name:
            return ""
        if not isinstance(name, str):
            raise ArgumentTypeError(f"Scope names are strings, got {name!r}.")
        check_scope_name(name, self._scope)
        if name.endswith("/"):
            return name[:-1]
        return self.unique_name(name)

    def get_name_scope(self) -> str:
        """Return the current name scope without a final slash."""
        return self._scope

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return a name under the current scope that no operation has yet."""
        return self._names.unique(f"{self._scope}/{name}" if self._scope else name, mark_as_used)

    def _operation_name(self, name: str) -> str:
        if name.endswith("/"):
            return name[:-1]
        full = f"{self._scope}/{name}" if self._scope else name
        check_op_name(full)
        return self._names.unique(full)

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Iterable[Any] | None) -> Iterator[None]:
        """Make the given operations and tensors happen before what is recorded inside; None forgets the outer ones."""
        scope = _ControlScope(self._control_operations(control_inputs or ()), clears=control_inputs is None)
        self._control_scopes.append(scope)
        try:
            yield
        finally:
            self._control_scopes.remove(scope)

    def _control_operations(self, elements: Iterable[Any]) -> list[Operation]:
        return [self._control_operation(element) for element in elements]

    def _control_operation(self, element: Any) -> Operation:
        indexed = getattr(element, "values", None)
        if isinstance(indexed, Tensor):
            element = indexed
        element = self.as_graph_element(element)
        return element.op if isinstance(element, Tensor) else element

    def _control_inputs_for(self, operands: tuple[Tensor, ...]) -> list[Operation]:
        if not self._control_scopes:
            return []
        sources = {tensor.op for tensor in operands}
        controls: dict[Operation, None] = {}
        for scope in self._control_scopes:
            if scope.clears:
                controls.clear()
            if not any(source in scope.seen for source in sources):
                controls.update(dict.fromkeys(op for op in scope.inputs if op not in sources))
        return list(controls)

    @contextlib.contextmanager
    def write_only_if(self, guard: Tensor | None) -> Iterator[None]:
        """Make what is recorded inside a ``with`` block change variables only in runs in which a bool scalar is true.

        Reads and computations go on as ever; random operations, too, give their numbers, but do not move on. Blocks may stand inside each
        other: give the conjunction. None: whatever stands around, write in every run.
        """
        self._guards.append(guard)
        try:
            yield
        finally:
            self._guards.pop()

    @contextlib.contextmanager
    def collect_writes(self, *, suspend: bool = False) -> Iterator[dict[Operation, None]]:
        """Yield a dict that gets the operations which change variables, as they are recorded inside a ``with`` block.

        Args:
          suspend: hide them from the blocks around, as the initializers of new variables are.
        """
        found: dict[Operation, None] = {}
        self._collectors.append(None if suspend else found)
        try:
            yield found
        finally:
            self._collectors.pop()
            if self._collectors and self._collectors[-1] is not None and not suspend:
                self._collectors[-1].update(found)

    @property
    def current_guard(self) -> Tensor | None:
        """What the innermost `write_only_if` was given."""
        return self._guards[-1] if self._guards else None

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """Note a device name on the operations recorded inside (graphopt runs all of them where the session runs)."""
        self._devices.append(device_name_or_function)
        try:
            yield
        finally:
            self._devices.pop()

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Give operations of some types, recorded inside a ``with`` block, the gradient that `RegisterGradient` has under another name.

        Raises:
          TypeError: unless the map is a dict from strings to strings.
        """
        if not isinstance(op_type_map, dict) or not all(isinstance(word, str) for pair in op_type_map.items() for word in pair):
            raise ArgumentTypeError("op_type_map must be a dictionary mapping strings to strings")
        outer = self._overrides
        self._overrides = {**outer, **op_type_map}
        try:
            yield
        finally:
            self._overrides = outer

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Do nothing: every operation runs in the same place."""
        yield

    @contextlib.contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        """Do nothing: variables belong to sessions."""
        yield container_name
