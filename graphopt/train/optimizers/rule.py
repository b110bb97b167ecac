"""Optimizers that are one update rule: what state it wants, which hyper-parameters it takes, and the rule itself.

A new optimizer of this kind is a rule in `ops/training.py` and a class that names its slots and hyper-parameters.
"""

from __future__ import annotations

import numbers
from typing import Any, ClassVar, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.initializers import Constant
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops.array import shape_of
from graphopt.ops.broadcast import fill
from graphopt.ops.elementwise import greater, maximum, select
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import ANY_NUMBER, HyperParameter, Range, hyper_parameter
from graphopt.train.optimizers.base import Optimizer


class Slot(NamedTuple):
    """State that a rule keeps for each variable.

    Attributes:
      name: how `get_slot` calls it. start: the value of every element at first.
      scope: the last part of the variable's name (the optimizer's name by default).
    """

    name: str
    start: float = 0.0
    scope: str | None = None


def check_start(name: str, value: Any) -> None:
    """Raise a TypeError unless what a slot starts from is a number: it is no hyper-parameter, which changes while running."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ArgumentTypeError(f"{name} is what slots start from, so it must be a number, got {value!r}.")


class Hyper(NamedTuple):
    """One hyper-parameter.

    Attributes:
      operand: the operand of the rule that takes it. given: the attribute with what the user gave.
      tensor: the attribute that holds it as a tensor while updates are recorded. name: its name for people and for the operation.
      allowed: which numbers it may be set to.
    """

    operand: str
    given: str
    tensor: str
    name: str
    allowed: Range = ANY_NUMBER


class RuleOptimizer(Optimizer):
    """An optimizer whose step is one rule of `ops/training.py`.

    A subclass gives `rule`, `slots` and the class attribute `hypers`.
    """

    hypers: ClassVar[tuple[Hyper, ...]] = ()

    @property
    def rule(self) -> Rule:
        """The update rule."""
        raise NotImplementedError

    @property
    def rule_attributes(self) -> dict[str, Any]:
        """The attributes of the rule's ops."""
        return {}

    def slots(self) -> tuple[Slot, ...]:
        """Return the state wanted for each variable, in order of creation. The rule takes it by `slot_order`."""
        return ()

    def slot_order(self) -> list[str]:
        """Return the names of the slots in the order in which the rule takes them."""
        return [slot.name for slot in self.slots()]

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return {hyper.name: getattr(self, hyper.given) for hyper in self.hypers} | self.rule_attributes

    def _create_slots(self, var_list: Any) -> None:
        for var in var_list:
            for slot in self.slots():
                self._make_slot(var, slot)

    def _make_slot(self, var: Variable, slot: Slot) -> Variable:
        scope = slot.scope or self._name
        if slot.start == 0.0:
            return self._zeros_slot(var, slot.name, scope)
        if var.get_shape().is_fully_defined():
            return self._get_or_make_slot_with_initializer(var, Constant(slot.start), var.get_shape(), var.dtype, slot.name, scope)
        value = fill(shape_of(var.initialized_value()), np.array(slot.start, var.dtype.np))
        return self._get_or_make_slot(var, value, slot.name, scope)

    def read_hypers(self) -> tuple[Hyper, ...]:
        """Return those of the hyper-parameters that the rule reads: all, by default. The others can't be set."""
        return self.hypers

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters in the default graph, unless they are there.

        Args:
          global_step: what a schedule is called with.
        """
        known = self._state_in(get_default_graph()).hypers
        for hyper in self.read_hypers():
            given = getattr(self, hyper.given)
            if hyper.name not in known or known[hyper.name].given is not given:
                known[hyper.name] = hyper_parameter(given, hyper.name, step=global_step, allowed=hyper.allowed)

    def _prepare(self) -> None:
        self.prepare_hyper(self._step)
        self._casts: dict[tuple[str, DType], Tensor] = {}
        for hyper in self.read_hypers():
            given = getattr(self, hyper.given)
            # As TensorFlow has it for those who take it from here: a number as float32.
            setattr(self, hyper.tensor, self._hyper(hyper, _type_of(given)))

    def _hyper(self, hyper: Hyper, dtype: DType) -> Tensor:
        """Return a hyper-parameter in a variable's element type: rounded once, never to float32 before."""
        key = (hyper.operand, dtype)
        if key not in self._casts:
            made = self._state_in(get_default_graph()).hypers[hyper.name]
            self._casts[key] = _not_rounded_to_zero(made) if hyper.operand == "epsilon" and dtype is dtypes.float16 else made.in_type(dtype)
        return self._casts[key]

    def _operands(self, dtype: DType) -> dict[str, Any]:
        """Return the rule's scalar operands by name."""
        return {hyper.operand: self._hyper(hyper, dtype) for hyper in self.read_hypers()}

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return self._record(self.rule.dense, var, {self.rule.gradient: grad})

    def _resource_apply_dense(self, grad: Tensor, handle: Variable) -> Any:
        return self._record(self.rule.dense, handle, {self.rule.gradient: grad})

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        if type(self)._apply_sparse is not RuleOptimizer._apply_sparse:
            return super()._apply_sparse_duplicate_indices(grad, var)
        # The rule's own operation adds up repeated rows.
        return self._apply_sparse(grad, var)

    def _apply_sparse(self, grad: IndexedSlices, var: Variable) -> Any:
        return self._record(self.rule.sparse, var, {self.rule.gradient: grad.values, "indices": grad.indices})

    def _resource_apply_sparse(self, grad: Tensor, handle: Variable, indices: Tensor) -> Any:
        return self._record(self.rule.sparse, handle, {self.rule.gradient: grad, "indices": indices})

    def _record(self, op: Any, var: Variable, gradient: dict[str, Any]) -> Tensor:
        """Record the one operation that updates a variable and its slots."""
        state = [var, *[self.get_slot(var, name) for name in self.slot_order()]]
        operands = self._operands(var.dtype) | gradient
        rest = [operands[parameter.name] for parameter in op.parameters[len(state) :]]
        update: Tensor = op(*state, *rest, **self.rule_attributes)
        for written in state:
            note_write(written)
        return update


def _type_of(given: Any) -> DType:
    found = getattr(given, "dtype", None)
    return found if isinstance(found, DType) else dtypes.float32


def _not_rounded_to_zero(epsilon: HyperParameter) -> Tensor:
    """Return ε as float16, which has no number for the usual 1e-8: with 0 in its place, elements without a gradient would be 0/0."""
    rounded, least = epsilon.in_type(dtypes.float16), np.finfo(np.float16).smallest_subnormal
    tensor: Tensor = select(greater(epsilon.tensor, np.float64(0.0)), maximum(rounded, least), rounded)
    return tensor


def note_write(variable: Any) -> None:
    """Note that a recorded operation changes a variable, so that what is recorded from here on reads it anew."""
    for graph in {get_default_graph(), variable.graph}:
        graph.note_write(variable.name)
