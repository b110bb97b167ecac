"""Reverse-mode differentiation of the recorded graph.

The driver walks from ys back to xs, last recorded operation first, so that every operation has all its gradients when its turn
comes. Rules come from the op blocks; broadcasting back, casts, sums of contributions and zeros are done here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.autodiff.derivations import Derivation, note_derivation
from graphopt.autodiff.registered import is_override_without_gradient, registered_gradient
from graphopt.errors import ArgumentError, ArgumentTypeError, GradientError, lines
from graphopt.graph.graph import Graph, convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ir.opdef import NOT_DIFFERENTIABLE
from graphopt.ops import state
from graphopt.ops.array import concat, shape_of
from graphopt.ops.branch import captured
from graphopt.ops.broadcast import fill, sum_like
from graphopt.ops.elementwise import add_n, cast, zeros_as

Gradient = Tensor | IndexedSlices


class UnconnectedGradients:
    """What `gradients` gives for an x that no y depends on: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


class AggregationMethod:
    """TensorFlow's ways of adding contributions; all give the same sum here, added from left to right."""

    ADD_N = 0
    DEFAULT = 0
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = UnconnectedGradients.NONE,
) -> list[Any]:
    """Return the derivative of the sum of all ys with respect to each x.

    Args:
      ys: a tensor or a list. xs: a tensor, a variable, or a list.
      grad_ys: gradients to start from, one for each y (ones where None).
      name: scope of the new operations.
      stop_gradients: tensors taken as constant: gradients reach them, but don't go through.
      unconnected_gradients: "none" (None for an x without influence) or "zero".
      The other arguments are accepted for TensorFlow's sake.

    Returns:
      A list as long as xs: a tensor, an `IndexedSlices`, or None.

    Raises:
      ValueError: when grad_ys has another length, or an option is unknown. LookupError: for an op without a gradient on the way.

    Example:
      >>> x = tf.placeholder(tf.float32, [])
      >>> dx, = tf.gradients(x * x, [x])
      >>> tf.Session().run(dx, {x: 3.0}).item()
      6.0
    """
    check_unconnected(unconnected_gradients)
    if aggregation_method not in (None, 0, 1, 2):
        raise ArgumentError(f"Invalid aggregation_method specified {aggregation_method}.")
    targets = [_as_target(y) for y in _as_list(ys)]
    sources = [source_of(x) for x in _as_list(xs)]
    stops = {source_of(s) for s in _as_list(stop_gradients)} if stop_gradients is not None else set()
    starts = _as_list(grad_ys) if grad_ys is not None else [None] * len(targets)
    if len(starts) != len(targets):
        raise ArgumentError(f"Passed {len(starts)} grad_ys for {len(targets)} ys")
    graph = get_default_graph()
    first = graph.version
    with name_scope(name, "gradients", [*targets, *sources]):
        results = backpropagate(
            targets, sources, [start_of(y, start, i) for i, (y, start) in enumerate(zip(targets, starts, strict=True))], stops
        )
        if unconnected_gradients == UnconnectedGradients.ZERO:
            results = [zeros_of(x) if r is None else r for x, r in zip(sources, results, strict=True)]
    note_derivation(graph, Derivation(tuple(targets), tuple(sources), tuple(results), first, graph.version))
    return results


def backpropagate(
    targets: Sequence[Tensor],
    sources: Sequence[Tensor],
    starts: Sequence[Gradient],
    stops: set[Tensor],
    passes: Callable[[Operation], bool] | None = None,
) -> list[Gradient | None]:
    """Return the gradients of the sources for given gradients of the targets, recorded into the default graph.

    Args:
      targets: what is differentiated. sources: what it is differentiated by.
      starts: the gradient of each target. stops: tensors through which nothing flows.
      passes: says of an operation whether gradients may flow through it; by default through all.

    Returns:
      One gradient per source; None where no target depends on it.

    Raises:
      LookupError: when an operation on the way has no gradient.
    """
    walk = _Walk(get_default_graph(), targets, sources, stops, passes)
    for y, start in zip(targets, starts, strict=True):
        walk.add(y, start)
    walk.run()
    return [walk.total(x) for x in sources]


def hessians(ys: Any, xs: Any, name: str = "hessians") -> list[Any]:
    """Return the matrix of second derivatives of the sum of ys for each x (a vector), by one more differentiation per element.

    Args:
      ys: tensors, differentiated as their sum. xs: vectors of known size. name: name of the scope.
    """
    results = []
    with name_scope(name, "hessians"):
        for x in _as_list(xs):
            (first,) = gradients(ys, x)
            size = int(x.shape.as_list()[0])
            rows = [gradients(first[i], x, unconnected_gradients=UnconnectedGradients.ZERO)[0] for i in range(size)]
            results.append(concat([row[None, :] for row in rows], 0))
    return results


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def check_unconnected(unconnected_gradients: Any) -> None:
    """Raise ValueError unless it is one of `UnconnectedGradients`."""
    if unconnected_gradients not in (UnconnectedGradients.NONE, UnconnectedGradients.ZERO):
        raise ArgumentError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}")


def source_of(x: Any) -> Tensor:
    """Return the tensor that gradients arrive at: a variable's reference, the values of sparse rows."""
    as_ref = getattr(x, "as_ref", None)
    if as_ref is not None:
        ref: Tensor = as_ref()
        return ref
    return convert_to_tensor(x.values if isinstance(x, IndexedSlices) else x)


def zeros_of(x: Tensor) -> Tensor:
    """Return zeros like a tensor, or like the variable that a reference stands for."""
    zeros: Tensor = zeros_as(state.read(x) if x.op.opdef is state.variable else x)
    return zeros


def _as_target(y: Any) -> Tensor:
    return convert_to_tensor(y)


def start_of(y: Tensor, given: Any, index: int) -> Gradient:
    """Return the gradient that a walk starts with: what was given for the target, else ones."""
    if given is None:
        if not y.dtype.is_floating:
            raise ArgumentTypeError(f"Gradients of {y.dtype.name} tensors must set grad_ys: {y.name!r} made at {y.op.location}")
        return fill(shape_of(y), np.array(1, y.dtype.np), name=f"grad_ys_{index}")  # type: ignore[no-any-return]
    if isinstance(given, IndexedSlices):
        return given
    return convert_to_tensor(given, dtype=y.dtype, name=f"grad_ys_{index}")


class _Walk:
    """One backward walk: which operations lie between xs and ys, and the gradients that have arrived."""

    def __init__(
        self,
        graph: Graph,
        targets: Sequence[Tensor],
        sources: Sequence[Tensor],
        stops: set[Tensor],
        passes: Callable[[Operation], bool] | None,
    ) -> None:
        self.graph = graph
        self.sources = set(sources)
        self.stops = stops
        self.arrived: dict[Tensor, list[Gradient]] = {}
        self.between, self.active = _between(targets, self.sources, stops, passes)

    def add(self, tensor: Tensor, gradient: Gradient | None) -> None:
        """Note a contribution to the gradient of `tensor`."""
        if gradient is not None:
            self.arrived.setdefault(tensor, []).append(gradient)

    def total(self, tensor: Tensor) -> Gradient | None:
        """Return the sum of what arrived, or None."""
        found = self.arrived.get(tensor)
        if not found:
            return None
        if len(found) > 1:
            found[:] = [_aggregate(found)]
        return found[0]

    def run(self) -> None:
        """Visit the operations, last recorded first."""
        scope = self.graph.get_name_scope()
        for operation in self.between:
            totals = [self.total(t) for t in operation.outputs]
            if any(total is not None for total in totals):
                with self.graph.name_scope(f"{scope}/{operation.name}_grad/"):
                    self._visit(operation, totals)

    def _visit(self, operation: Operation, totals: list[Gradient | None]) -> None:
        opdef = operation.opdef
        if opdef is captured or (opdef is state.variable and operation.graph.outer is not None):
            # What a branch captured continues in the graph around it.
            for tensor in operation.graph.sources_of(operation):
                self.add(tensor, totals[0])
            return
        registered = registered_gradient(operation)
        if registered is not None:
            self._visit_registered(operation, registered, totals)
            return
        if opdef.vjp is NOT_DIFFERENTIABLE:
            return
        if opdef.vjp is None or is_override_without_gradient(operation):
            raise _no_rule(operation)
        wanted = [t in self.active and t.dtype.is_floating for t in operation.inputs]
        if opdef.passes_slices:
            self.add(operation.inputs[0], totals[0])
            return
        dense = [None if g is None else convert_to_tensor(g) for g in totals]
        single = opdef.single_result
        g, out = (dense[0], operation.outputs[0]) if single else (tuple(dense), tuple(operation.outputs))
        for tensor, found in zip(operation.inputs, self._rules(operation, g, out, wanted), strict=True):
            if found is not None and found is not NOT_DIFFERENTIABLE and tensor in self.active and tensor.dtype.is_floating:
                self.add(tensor, found if isinstance(found, IndexedSlices) else _fit(found, tensor))

    def _visit_registered(self, operation: Operation, function: Any, totals: list[Gradient | None]) -> None:
        """Call a gradient that the user registered: with the operation, and zeros for results without a gradient."""
        if function is NOT_DIFFERENTIABLE:
            return
        found = function(operation, *[zeros_as(t) if g is None else g for t, g in zip(operation.outputs, totals, strict=True)])
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        if len(found) != len(operation.inputs):
            raise ArgumentError(
                f"Num gradients {len(found)} generated for op {operation.name} do not match num inputs {len(operation.inputs)}"
            )
        for i, (tensor, gradient) in enumerate(zip(operation.inputs, found, strict=True)):
            if gradient is not None and tensor in self.active and tensor.dtype.is_floating:
                self.add(tensor, gradient if isinstance(gradient, IndexedSlices) else _checked(gradient, tensor, operation, i))

    def _rules(self, operation: Operation, g: Any, out: Any, wanted: list[bool]) -> Iterable[Any]:
        """Call the op's rules: only those whose operand matters when there is one for each."""
        opdef, inputs, attributes = operation.opdef, operation.inputs, operation.attributes
        results: list[Any] = [None] * len(inputs)
        if opdef.sparse_vjp is not None and wanted[0]:
            rows = opdef.sparse_vjp(g, out, *inputs, **attributes)
            if rows is not None:
                results[0], wanted[0] = IndexedSlices(*[convert_to_tensor(part) for part in rows]), False
        if not isinstance(opdef.vjp, tuple):
            found = opdef.vjp(g, out, *inputs, **attributes) if any(wanted) else results
            found = found if isinstance(found, (tuple, list)) else (found,)
            if len(found) != len(inputs):
                raise ArgumentError(f"Num gradients {len(found)} generated for op {operation.name} do not match num inputs {len(inputs)}")
            return [f if w else r for f, r, w in zip(found, results, wanted, strict=True)]
        for i, rule in enumerate(opdef.vjp):
            if rule is not None and rule is not NOT_DIFFERENTIABLE and wanted[i]:
                results[i] = rule(g, out, *inputs, **attributes)
        return results


def _between(
    targets: Sequence[Tensor], sources: set[Tensor], stops: set[Tensor], passes: Callable[[Operation], bool] | None
) -> tuple[list[Operation], set[Tensor]]:
    """Return the operations on paths from sources to targets (last recorded first), and the tensors on those paths."""
    reached: dict[Operation, None] = {}
    pending = [t.op for t in targets]
    while pending:
        operation = pending.pop()
        if operation in reached:
            continue
        reached[operation] = None
        pending.extend([t.op for t in operation.graph.sources_of(operation) if t.op not in reached])
    # What a branch captures was recorded before anything in the branch.
    order = sorted(reached, key=lambda op: (op.graph.depth, op.id))
    active = set(sources)
    between: list[Operation] = []
    for operation in order:
        if passes is not None and not passes(operation):
            continue
        if any(t in active for t in operation.graph.sources_of(operation)):
            active.update(operation.outputs)
            if not any(t in stops for t in operation.outputs):
                between.append(operation)
    between.reverse()
    return between, active


def _fit(gradient: Any, tensor: Tensor) -> Tensor:
    """Bring a gradient to the element type and shape of what it belongs to."""
    value = gradient if isinstance(gradient, Tensor) else convert_to_tensor(gradient, dtype=tensor.dtype)
    if value.dtype is not tensor.dtype:
        value = cast(value, tensor.dtype)
    own, wanted = value.tensor_type, tensor.tensor_type
    if (own.shape == wanted.shape and own.is_static) or tensor.op.opdef is state.variable:
        return value
    fitted: Tensor = sum_like(value, tensor)
    return fitted


def _checked(gradient: Any, tensor: Tensor, operation: Operation, index: int) -> Tensor:
    """Return a registered gradient as a tensor; it must have the shape of what it belongs to."""
    value = convert_to_tensor(gradient, dtype=None if hasattr(gradient, "builder") else tensor.dtype)
    if not shapes.is_compatible(value.tensor_type.shape, tensor.tensor_type.shape):
        raise ArgumentError(
            lines(
                "Incompatible shapes between op input and calculated input gradient.",
                f"Forward operation: {operation.name}. Input index: {index}.",
                f"Original input shape: {tensor.shape}. Calculated input gradient shape: {value.shape}",
            )
        )
    return value if value.dtype is tensor.dtype else cast(value, tensor.dtype)


def _aggregate(found: list[Gradient]) -> Gradient:
    if all(isinstance(g, IndexedSlices) for g in found):
        slices: list[Any] = found
        return IndexedSlices(concat([s.values for s in slices], 0), concat([s.indices for s in slices], 0), slices[0].dense_shape)
    return add_n([convert_to_tensor(g) for g in found])  # type: ignore[no-any-return]


def _no_rule(operation: Operation) -> GradientError:
    rule = f"No gradient defined for operation '{operation.name}' (op type: {operation.type})"
    return GradientError(
        lines(
            rule, f"recorded at {operation.location}", "it lies on the path from the variables to the loss", "See docs/errors.md#gradients"
        )
    )
