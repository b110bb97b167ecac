"""`cond` and `case`: one of several branches, chosen while running, with gradients of any order.

Each branch is recorded into a graph of its own; one operation holds both. The gradient is an operation of the same kind, whose branches
differentiate those of the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt.autodiff.gradients import backpropagate
from graphopt.dtypes import bool_, int32
from graphopt.errors import ArgumentError, ArgumentTypeError, first_line
from graphopt.graph.capture import Branch, BranchGraph, Mirror, effects_reached, record_branch
from graphopt.graph.constants import bind_constant
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.nest import assert_same_structure, flatten, pack_sequence_as
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ir.opdef import define_op
from graphopt.ir.types import TensorType
from graphopt.ops import state
from graphopt.ops.array import identity, stack
from graphopt.ops.branch import check_predicate, joined_shape
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.control import assert_op
from graphopt.ops.elementwise import cast, less, zeros_as


def _if_type(pred: TensorType, *operands: TensorType, then_branch: Branch, else_branch: Branch) -> tuple[TensorType, ...]:
    check_predicate(pred)
    return tuple([_joined(a, b) for a, b in zip(then_branch.outputs, else_branch.outputs, strict=True)])


def _joined(then: Tensor | None, otherwise: Tensor | None) -> TensorType:
    if then is None:
        return otherwise.tensor_type  # type: ignore[union-attr]
    if otherwise is None:
        return then.tensor_type
    return TensorType(then.dtype, joined_shape(then.tensor_type.shape, otherwise.tensor_type.shape))


def _if_vjp(g: Any, out: Any, pred: Any, *operands: Any, then_branch: Branch, else_branch: Branch) -> Any:
    sides = [_differentiate(branch, g, out, operands) for branch in (then_branch, else_branch)]
    wanted = [i for i in range(len(operands)) if any(found[i] is not None for _, found in sides)]
    results: list[Any] = [None] * len(operands)
    if wanted:
        branches = [(graph, _complete(graph, [(found[i], operands[i]) for i in wanted])) for graph, found in sides]
        for i, gradient in zip(wanted, _choose(pred, branches, "If"), strict=True):
            results[i] = gradient
    return (None, *results)


def _differentiate(branch: Branch, g: Any, out: Any, operands: Sequence[Tensor]) -> tuple[BranchGraph, list[Any]]:
    """Record the gradient of a branch; return its graph and a gradient (or None) for each operand."""
    graph = BranchGraph(get_default_graph(), branch.graph.owner, Mirror.of(branch, operands, out))
    pairs = [(output, gradient) for output, gradient in zip(branch.outputs, g, strict=True) if output is not None and gradient is not None]
    places = [i for i, inner in enumerate(branch.inputs) if inner is not None and inner.dtype.is_floating]
    found: list[Any] = [None] * len(operands)
    sources: list[Any] = [branch.inputs[i] for i in places]
    gradients = record_branch(graph, lambda: backpropagate([t for t, _ in pairs], sources, [s for _, s in pairs], set()))
    for i, gradient in zip(places, gradients, strict=True):
        found[i] = gradient
    return graph, found


def _complete(graph: BranchGraph, pairs: Sequence[tuple[Any, Tensor]]) -> list[Tensor]:
    """Return gradients as tensors of a gradient branch, with zeros for operands that this branch does not use."""
    return record_branch(graph, lambda: [graph.adopt(_or_zeros(gradient, operand)) for gradient, operand in pairs])


def _or_zeros(gradient: Any, operand: Tensor) -> Tensor:
    if gradient is not None:
        return convert_to_tensor(gradient)
    value: Tensor = zeros_as(state.read(operand) if operand.op.opdef is state.variable else operand)
    return value


if_op = define_op(
    "if(pred: bool, *operands: each; then_branch, else_branch) -> many()",
    infer=_if_type, vjp=_if_vjp, tf_name="If",
    discharge=lambda ctx, pred, *operands, then_branch, else_branch: ctx.choose(pred, operands, then_branch, else_branch),
    doc="Run one of two branches.", ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/cond",
)  # fmt: skip


def _choose(pred: Any, branches: Sequence[tuple[BranchGraph, list[Tensor]]], name: str) -> list[Tensor]:
    """Close two branches and record the operation that holds them; return its results.

    Results of operations with an effect are results too, which the gradient needs: it must not have the effect again.
    """
    hidden = []
    for _, results in branches:
        known = set(results)
        hidden.append([tensor for tensor in effects_reached(results) if tensor not in known])
    operands = list(dict.fromkeys([tensor for graph, _ in branches for tensor in graph.captures]))
    made = []
    for i, (graph, results) in enumerate(branches):
        own = [[tensor if j == i else None for tensor in side] for j, side in enumerate(hidden)]
        graph.close()
        made.append(Branch(graph, tuple([graph.captures.get(t) for t in operands]), (*results, *own[0], *own[1])))
    controls = [op for graph, _ in branches for op in graph.control_captures]
    with get_default_graph().control_dependencies(controls):
        found: tuple[Tensor, ...] = if_op(pred, *operands, then_branch=made[0], else_branch=made[1], name=name)
    return list(found[: len(branches[0][1])])


def cond(pred: Any, true_fn: Any, false_fn: Any, *, strict: bool = False, name: str | None = None) -> Any:
    """Return what one of two functions gives; at run time only the operations of that one run.

    Args:
      pred: a bool tensor, scalar. true_fn, false_fn: functions without arguments that give a tensor or a nested structure of tensors.
      strict: keep a list of one element a list. name: name of the scope.

    Returns:
      What the function gives. Operations that were recorded outside of the functions run in any case.

    Raises:
      TypeError: when pred is a Python bool, or a function is none. ValueError: when a function gives None, or the types differ.

    Example:
      >>> x = tf.placeholder(tf.float32, [])
      >>> y = tf.cond(x > 0.0, lambda: x * 2.0, lambda: -x)
      >>> tf.Session().run([y, tf.gradients(y, x)[0]], {x: 3.0})
      [np.float32(6.0), np.float32(2.0)]
    """
    if isinstance(pred, bool):
        raise ArgumentTypeError("pred must not be a Python bool")
    if not callable(true_fn):
        raise ArgumentTypeError("true_fn must be callable.")
    if not callable(false_fn):
        raise ArgumentTypeError("false_fn must be callable.")
    with name_scope(name, "cond"):
        graph = get_default_graph()
        condition = convert_to_tensor(pred)
        recorded = [
            _record(graph, graph.get_name_scope(), function, what, strict)
            for function, what in ((true_fn, "true_fn"), (false_fn, "false_fn"))
        ]
        (_, structure, then), (_, other, otherwise) = recorded
        _check_same_results(structure, other, then, otherwise)
        results = _choose(condition, [(branch, tensors) for branch, _, tensors in recorded], "If")
        merged = [identity(t, name="Merge") for t in results]
    return pack_sequence_as(structure, _grouped(structure, merged))


def _record(outer: Any, owner: str, function: Any, what: str, strict: bool) -> tuple[BranchGraph, Any, list[Tensor]]:
    """Record one branch; return its graph, the structure it gave and its tensors."""
    branch = BranchGraph(outer, f"'{owner}'")

    def record() -> tuple[Any, list[Tensor]]:
        structure = function()
        if structure is None:
            raise ArgumentError(f"{what} must have a return value.")
        if not strict and isinstance(structure, (list, tuple)) and len(structure) == 1:
            structure = structure[0]
        return structure, [_own(branch, tensor) for leaf in flatten(structure) for tensor in _parts(leaf)]

    structure, tensors = record_branch(branch, record)
    return branch, structure, tensors


def _parts(leaf: Any) -> list[Any]:
    if isinstance(leaf, IndexedSlices):
        return [leaf.values, leaf.indices, *([] if leaf.dense_shape is None else [leaf.dense_shape])]
    return [leaf]


def _own(branch: BranchGraph, value: Any) -> Tensor:
    """Return a result of a branch as a tensor of the branch; an operation becomes True, available after it."""
    if isinstance(value, Operation):
        with branch.control_dependencies([value]):
            done = bind_constant(np.array(True), "done")
        return done
    tensor = branch.adopt(convert_to_tensor(value))
    return state.read(tensor) if tensor.op.opdef is state.variable else tensor


def _check_same_results(structure: Any, other: Any, then: Sequence[Tensor], otherwise: Sequence[Tensor]) -> None:
    try:
        assert_same_structure(structure, other)
    except TypeError as error:
        raise ArgumentTypeError(f"Incompatible return types of true_fn and false_fn: {first_line(error)}") from None
    except ValueError as error:
        raise ArgumentError(f"Incompatible return values of true_fn and false_fn: {first_line(error)}") from None
    if len(then) != len(otherwise):
        raise ArgumentError("Incompatible return values of true_fn and false_fn: sparse rows and a dense tensor.")
    for a, b in zip(then, otherwise, strict=True):
        if a.dtype is not b.dtype:
            raise ArgumentError(f"Outputs of true_fn and false_fn must have the same type: {a.dtype.name}, {b.dtype.name}")


def _grouped(structure: Any, tensors: Sequence[Tensor]) -> list[Any]:
    """Put sparse rows together again: one item for each leaf of the structure."""
    items, at = [], 0
    for leaf in flatten(structure):
        count = len(_parts(leaf))
        items.append(IndexedSlices(*tensors[at : at + count]) if isinstance(leaf, IndexedSlices) else tensors[at])
        at += count
    return items


def case(pred_fn_pairs: Any, default: Any = None, *, exclusive: bool = False, strict: bool = False, name: str | None = None) -> Any:
    """Return what the function of the first true condition gives.

    Args:
      pred_fn_pairs: pairs of a bool scalar tensor and a function, in a list or a dict (whose order is that of its keys).
      default: the function for "none of them"; without one that is an error at run time.
      exclusive: raise at run time when more than one condition is true. strict: as in `cond`. name: name of the scope.

    Raises:
      TypeError: when a pair, a condition or a function is none.

    Example:
      >>> x = tf.placeholder(tf.float32, [])
      >>> y = tf.case([(x < 0.0, lambda: -x), (x < 1.0, lambda: x * 0.5)], default=lambda: x)
      >>> tf.Session().run(y, {x: 0.5}).item()
      0.25
    """
    pairs = list(pred_fn_pairs.items()) if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    _check_pairs(pairs, default)
    with name_scope(name, "case"):
        conditions = [pred for pred, _ in pairs]
        true_ones = reduce_sum_op(cast(stack(conditions), int32))
        checks = []
        if exclusive:
            message = f"Input error: exclusive=True: more than 1 conditions ({_names(conditions)}) evaluated as True:"
            checks.append(assert_op(less(true_ones, 2), message, stack(conditions), summarize=len(pairs)))
        if default is None:
            message = f"None of the conditions evaluated as True. Conditions: ({_names(conditions)}), Values:"
            checks.append(assert_op(less(0, true_ones), message, stack(conditions), summarize=len(pairs)))
            pairs, default = pairs[:-1], pairs[-1][1]
        with get_default_graph().control_dependencies(checks):
            return _first_of(pairs, default, strict)


def _first_of(pairs: Sequence[tuple[Any, Any]], default: Any, strict: bool) -> Any:
    if not pairs:
        return default()
    pred, function = pairs[0]
    return cond(pred, function, lambda: _first_of(pairs[1:], default, strict), strict=strict)


def _check_pairs(pairs: Any, default: Any) -> None:
    if not isinstance(pairs, (list, tuple)):
        raise ArgumentTypeError("fns must be a list, 2-tuple, or dict")
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ArgumentTypeError("Each entry in pred_fn_pairs must be a 2-tuple")
        pred, function = pair
        if not isinstance(pred, Tensor):
            raise ArgumentTypeError(f"pred must be a Tensor, got: {pred}")
        if pred.dtype is not bool_:
            raise ArgumentTypeError(f"pred must be Tensor of type bool: {pred.name}")
        if not callable(function):
            raise ArgumentTypeError(f"fn for pred {pred.name} must be callable.")
    if not pairs:
        raise ArgumentError("pred_fn_pairs must hold at least one pair.")
    if default is not None and not callable(default):
        raise ArgumentTypeError("default must be callable")


def _names(conditions: Sequence[Tensor]) -> str:
    return ", ".join(condition.name for condition in conditions)
