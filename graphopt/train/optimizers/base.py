"""The base of all optimizers: gradients in, one training operation out.

An optimizer holds no variables. What it keeps for each variable (slots) and for itself belongs to the graph, under the optimizer, so one
object can serve several graphs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphopt import dtypes
from graphopt.autodiff.gradients import gradients
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, UnsupportedError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import init_scope, name_scope
from graphopt.graph.slots import create_slot, create_slot_with_initializer, create_zeros_slot
from graphopt.graph.training_info import record_update
from graphopt.graph.variables import Variable, assign_add, group, variable_of, with_dependencies
from graphopt.ops.gradient_rows import sum_duplicate_rows
from graphopt.train.gradients_missing import reasons_for
from graphopt.train.hyper import HyperParameter, HyperParameters
from graphopt.train.optimizers.chosen_variables import default_variables, flatten
from graphopt.train.unknown_arguments import naming_nearest
from graphopt.train.update_ops import warn_of_idle_update_ops

Pair = tuple[Any, Any]


class _State:
    """What one optimizer keeps in one graph: slots by slot name and variable; variables of its own and hyper-parameters by name;
    and by variable the loss that has given it no gradient."""

    def __init__(self) -> None:
        self.slots: dict[str, dict[str, Variable]] = {}
        self.others: dict[str, Variable] = {}
        self.hypers: dict[str, HyperParameter] = {}
        self.unreached: dict[Any, Tensor] = {}


class Optimizer:
    """Base of all optimizers.

    A new optimizer defines `_apply_dense` and `_apply_sparse`, `_create_slots` for what it keeps, and `_prepare` for its
    hyper-parameters; or, more simply, subclasses `RuleOptimizer` with an update rule.

    Args:
      use_locking: accepted for TensorFlow's sake: a run of graphopt always changes variables as one.
      name: name of the training operation and of the slots.

    Raises:
      ValueError: without a name.

    Example:
      >>> w = tf.Variable(3.0)
      >>> step = tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      2.4
    """

    # Accepted by `compute_gradients`: how much of the gradients is computed before any is used. A run computes the same in all three.
    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ArgumentError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slot_names: set[str] = set()
        self._step: Any = None

    def get_name(self) -> str:
        """Return the name."""
        return self._name

    # --- the training operation --------------------------------------------------------------------------------------

    @naming_nearest
    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """Return an operation that makes one step: `compute_gradients`, then `apply_gradients`.

        Args:
          loss: what to make smaller, a floating point tensor.
          global_step: an integer variable that counts the steps, or None.
          var_list: the variables to change (the trainable ones by default).
          name: name of the operation.
          The other arguments are those of `compute_gradients`.

        Raises:
          ValueError: when the loss depends on none of the variables.
        """
        pairs = self.compute_gradients(
            loss,
            var_list=var_list,
            gate_gradients=gate_gradients,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
            grad_loss=grad_loss,
        )
        if all(gradient is None for gradient, _ in pairs):
            names = [str(v) for _, v in pairs]
            rule = "No gradients provided for any variable, check your graph for ops that do not support gradients, "
            raise ArgumentError(lines(f"{rule}between variables {names} and loss {loss}.", *self._reasons(pairs)))
        operation = self.apply_gradients(pairs, global_step=global_step, name=name)
        warn_of_idle_update_ops(operation)
        return operation

    @naming_nearest
    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[Pair]:
        """Return the gradient of the loss for each variable, as pairs (gradient or None, variable).

        Args:
          loss: a floating point tensor, or a function without arguments that gives one.
          var_list: variables or tensors, nested as you like (the trainable variables by default).
          gate_gradients: GATE_NONE, GATE_OP or GATE_GRAPH.
          aggregation_method: one of `AggregationMethod`.
          grad_loss: the gradient of the loss to start from (ones by default).

        Raises:
          ValueError: for an unknown gate, a loss or variable that is no floating point number, or an empty list.
          NotImplementedError: for something that is neither variable nor tensor.
        """
        if gate_gradients not in (Optimizer.GATE_NONE, Optimizer.GATE_OP, Optimizer.GATE_GRAPH):
            raise ArgumentError(
                f"gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, Optimizer.GATE_GRAPH.  Not {gate_gradients}"
            )
        target = convert_to_tensor(loss() if callable(loss) else loss)
        self._assert_valid_dtypes([target])
        if grad_loss is not None:
            self._assert_valid_dtypes([grad_loss])
        variables = default_variables() if var_list is None else list(flatten(var_list))
        for v in variables:
            if not isinstance(v, (Variable, Tensor)):
                raise UnsupportedError("Trying to optimize unsupported type ", v)
        if not variables:
            raise ArgumentError("No variables to optimize.")
        found = gradients(
            target,
            variables,
            grad_ys=grad_loss,
            gate_gradients=gate_gradients == Optimizer.GATE_OP,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        if gate_gradients == Optimizer.GATE_GRAPH:
            found = _after_all(found)
        pairs = list(zip(found, variables, strict=True))
        self._assert_valid_dtypes([v for gradient, v in pairs if gradient is not None])
        self._state_in(target.graph).unreached.update({v: target for gradient, v in pairs if gradient is None})
        return pairs

    @naming_nearest
    def apply_gradients(self, grads_and_vars: Iterable[Pair], global_step: Any = None, name: str | None = None) -> Operation:
        """Return an operation that changes each variable by its gradient, and then adds one to the global step.

        Args:
          grads_and_vars: pairs as `compute_gradients` gives them; a variable whose gradient is None stays as it is.
          global_step: an integer variable, or None.
          name: name of the operation (the optimizer's by default).

        Raises:
          ValueError: without pairs, or when all gradients are None. TypeError: for a gradient that is no tensor.
          RuntimeError: for sparse rows of a variable with a constraint.
        """
        pairs = [(_as_gradient(gradient), v) for gradient, v in grads_and_vars]
        if not pairs:
            raise ArgumentError("No variables provided.")
        changed = [v for gradient, v in pairs if gradient is not None]
        if not changed:
            names = [str(v) for _, v in pairs]
            raise ArgumentError(lines(f"No gradients provided for any variable: {names}.", *self._reasons(pairs)))
        graph = get_default_graph()
        for v in changed:
            if not isinstance(v, Variable):
                raise UnsupportedError("Trying to update a Tensor ", v)
        with init_scope():
            self._create_slots(changed)
        with name_scope(name, self._name) as scope:
            self._step = global_step
            self._prepare()
            updates = [self._update(gradient, v) for gradient, v in pairs if gradient is not None]
            if global_step is None:
                result = self._finish(updates, scope)
            else:
                with graph.control_dependencies([self._finish(updates, "update")]):
                    result = _increment(global_step, scope)
        operation: Operation = result.op if isinstance(result, Tensor) else result
        train_ops = graph.root.get_collection_ref(GraphKeys.TRAIN_OP)
        if operation not in train_ops:
            train_ops.append(operation)
        record_update(operation, self, pairs, global_step)
        return operation

    def _update(self, gradient: Any, variable: Variable) -> Any:
        """Record the update of one variable, and its constraint."""
        with name_scope(f"update_{variable.op.name}"):
            if isinstance(gradient, IndexedSlices):
                if variable.constraint is not None:
                    raise GraphStateError("Cannot use a constraint function on a sparse variable.")
                return self._apply_sparse_duplicate_indices(gradient, variable)
            update = self._apply_dense(gradient, variable)
            if variable.constraint is None:
                return update
            with get_default_graph().control_dependencies([update]):
                return variable.assign(variable.constraint(variable))

    def _reasons(self, pairs: Iterable[Pair]) -> list[str]:
        """Return for each variable that a loss has given no gradient a line that says why."""
        losses = self._state_in(get_default_graph()).unreached
        return [line for _, v in pairs if v in losses for line in reasons_for(losses[v], [v])]

    # --- what the optimizer keeps --------------------------------------------------------------------------------------

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """Return the slot of that name of a variable, or None."""
        return self._state_in(var.graph).slots.get(name, {}).get(var.op.name)

    def get_slot_names(self) -> list[str]:
        """Return the names of the slots, sorted."""
        return sorted(self._slot_names)

    def variables(self) -> list[Variable]:
        """Return what the optimizer keeps in the default graph, sorted by name."""
        state = self._state_in(get_default_graph())
        slots = [slot for by_variable in state.slots.values() for slot in by_variable.values()]
        return sorted([*state.others.values(), *slots], key=lambda v: v.name)

    def _state_in(self, graph: Graph) -> _State:
        kept: dict[Optimizer, _State] = graph.root.state.setdefault("optimizers", {})
        return kept.setdefault(self, _State())

    def _slot_dict(self, slot_name: str) -> dict[str, Variable]:
        """Return the slots of that name in the default graph, by the variable's name."""
        return self._state_in(get_default_graph()).slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Variable, val: Any, slot_name: str, op_name: str) -> Variable:
        """Return a slot, made with the value `val` when it is new."""
        return self._slot(var, slot_name, lambda: create_slot(var, val, op_name))

    def _get_or_make_slot_with_initializer(
        self, var: Variable, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Variable:
        """Return a slot, made with an initializer when it is new."""
        return self._slot(var, slot_name, lambda: create_slot_with_initializer(var, initializer, shape, dtype, op_name))

    def _zeros_slot(self, var: Variable, slot_name: str, op_name: str) -> Variable:
        """Return a slot, made with zeros when it is new."""
        return self._slot(var, slot_name, lambda: create_zeros_slot(var, op_name))

    def _slot(self, var: Variable, slot_name: str, make: Any) -> Variable:
        by_variable = self._state_in(var.graph).slots.setdefault(slot_name, {})
        if var.op.name not in by_variable:
            by_variable[var.op.name] = make()
            self._slot_names.add(slot_name)
        return by_variable[var.op.name]

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any = None, dtype: Any = None) -> Variable:
        """Return a variable of the optimizer's own, made when it is new. Its name stands in the current name scope."""
        others = self._state_in(get_default_graph()).others
        if name not in others:
            others[name] = Variable(initial_value, name=name, trainable=False, dtype=dtype)
        return others[name]

    def _get_non_slot_variable(self, name: str, graph: Graph | None = None) -> Variable | None:
        """Return a variable of the optimizer's own, or None."""
        return self._state_in(graph or get_default_graph()).others.get(name)

    def _non_slot_variables(self) -> list[Variable]:
        """Return the variables of the optimizer's own in the default graph."""
        return list(self._state_in(get_default_graph()).others.values())

    # --- what an optimizer defines -------------------------------------------------------------------------------------

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        """Make the slots of the variables. Nothing by default."""

    def _prepare(self) -> None:
        """Turn the hyper-parameters into tensors, once before the updates. Nothing by default."""

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        """Record the update of one variable; return the operation or tensor that stands for it."""
        if type(self)._resource_apply_dense is not Optimizer._resource_apply_dense:
            return self._resource_apply_dense(grad, var)
        raise UnsupportedError(f"{type(self).__name__} does not define _apply_dense")

    def _resource_apply_dense(self, grad: Tensor, handle: Variable) -> Any:
        """Record the update of one variable, under the name that TensorFlow calls for resource variables."""
        raise UnsupportedError(f"{type(self).__name__} does not define _resource_apply_dense")

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        """Record the update of one variable by rows of which some may repeat: adds them up and calls `_apply_sparse`."""
        rows, indices = sum_duplicate_rows(grad.values, grad.indices)
        return self._apply_sparse(IndexedSlices(rows, indices, grad.dense_shape), var)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        """Record the update of one variable by rows without repetition."""
        if type(self)._resource_apply_sparse is not Optimizer._resource_apply_sparse:
            return self._resource_apply_sparse(grad.values, var, grad.indices)
        raise UnsupportedError(f"{type(self).__name__} does not define _apply_sparse")

    def _resource_apply_sparse(self, grad: Tensor, handle: Variable, indices: Tensor) -> Any:
        """Record the update of one variable by rows, under the name that TensorFlow calls for resource variables."""
        raise UnsupportedError(f"{type(self).__name__} does not define _resource_apply_sparse")

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        """Return an operation of the given name that stands for all updates."""
        return group(*update_ops, name=name_scope)

    def _valid_dtypes(self) -> set[dtypes.DType]:
        """Return the element types that losses and variables may have."""
        return set(dtypes.FLOATS)

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = self._valid_dtypes()
        for t in tensors:
            if t.dtype not in valid:
                raise ArgumentError(f"Invalid type {t.dtype!r} for {t.name}, expected: {sorted(valid, key=lambda d: d.name)}.")

    def _call_if_callable(self, param: Any) -> Any:
        """Return a hyper-parameter, or what it gives when it is a function."""
        return param() if callable(param) else param

    @property
    def hyper(self) -> HyperParameters:
        """The hyper-parameters that updates in the default graph read, by name: to read and to set while running."""
        return HyperParameters(self._state_in(get_default_graph()).hypers)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name, for inspection. None by default."""
        return {}


def _as_gradient(gradient: Any) -> Any:
    if gradient is None or isinstance(gradient, (Tensor, IndexedSlices)):
        return gradient
    try:
        return convert_to_tensor(gradient)
    except TypeError:
        raise ArgumentTypeError(f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {gradient}") from None


def _after_all(found: list[Any]) -> list[Any]:
    """Return the gradients, each available only when all are."""
    with name_scope("tuple"):
        ready = group(*[gradient for gradient in found if gradient is not None])
        return [_after(ready, gradient) for gradient in found]


def _after(ready: Operation, gradient: Any) -> Any:
    if gradient is None:
        return None
    if isinstance(gradient, IndexedSlices):
        return gradient.with_values(with_dependencies([ready], gradient.values))
    return with_dependencies([ready], gradient)


def _increment(global_step: Any, name: str) -> Any:
    known = variable_of(global_step) if isinstance(global_step, Tensor) else global_step
    if known is None:
        return global_step.assign_add(1, name=name)  # a tensor that is no variable: the AttributeError that TensorFlow raises
    return assign_add(known, convert_to_tensor(1, dtype=known.dtype, name="value"), name=name)
