"""Older Keras optimizers that are one update rule: its slots, and the scalars that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt.dtypes import DType
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops.elementwise import cast
from graphopt.ops.update_rule import Rule
from graphopt.train.keras.legacy.optimizer import Optimizer


class RuleOptimizer(Optimizer):
    """An optimizer whose update is one rule. A subclass gives `_rule`, `_slots_of_rule` and `_scalars`."""

    @property
    def _rule(self) -> Rule:
        raise NotImplementedError

    @property
    def _rule_attributes(self) -> dict[str, Any]:
        return {}

    def _slots_of_rule(self) -> list[str]:
        """Return the names of the slots in the order in which the rule takes them."""
        return []

    def _scalars(self) -> dict[str, Tensor]:
        """Return what all variables share in this step, float64 scalars by the name of the rule's operand."""
        raise NotImplementedError

    def _slot_initializer(self, slot_name: str) -> Any:
        return "zeros"

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for slot_name in self._slots_of_rule():
            for var in var_list:
                self.add_slot(var, slot_name, self._slot_initializer(slot_name))

    def _prepare_local(self, var_device: Any, var_dtype: DType, apply_state: dict[Any, dict[str, Any]]) -> None:
        super()._prepare_local(var_device, var_dtype, apply_state)
        # Calculated in float64 and rounded once, whatever the variable's type.
        apply_state[(var_device, var_dtype)].update({name: cast(value, var_dtype) for name, value in self._scalars().items()})

    def _resource_apply_dense(self, grad: Tensor, handle: Variable, apply_state: Any = None) -> Any:
        return self._apply(self._rule.dense, handle, {self._rule.gradient: grad}, apply_state)

    def _resource_apply_sparse_duplicate_indices(self, grad: Tensor, handle: Variable, indices: Tensor, **kwargs: Any) -> Any:
        if type(self)._resource_apply_sparse is not RuleOptimizer._resource_apply_sparse:
            return super()._resource_apply_sparse_duplicate_indices(grad, handle, indices, **kwargs)
        # The rule's own operation adds up repeated rows.
        return self._resource_apply_sparse(grad, handle, indices, **kwargs)

    def _resource_apply_sparse(self, grad: Tensor, handle: Variable, indices: Tensor, apply_state: Any = None) -> Any:
        return self._apply(self._rule.sparse, handle, {self._rule.gradient: grad, "indices": indices}, apply_state)

    def _apply(self, op: Any, var: Variable, gradient: dict[str, Any], apply_state: Any) -> Tensor:
        """Record the one operation that updates a variable and its slots."""
        state = [var, *[self.get_slot(var, name) for name in self._slots_of_rule()]]
        operands = self._coefficients(var, apply_state) | gradient
        rest = [operands[parameter.name] for parameter in op.parameters[len(state) :]]
        update: Tensor = op(*[each.as_ref() for each in state], *rest, **self._rule_attributes)
        for graph in {get_default_graph(), var.graph}:
            for written in state:
                graph.note_write(written.name)
        return update
