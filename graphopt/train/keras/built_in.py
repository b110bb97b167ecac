"""Keras's own optimizers: one update rule each, with slots and per-step scalars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentTypeError
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.variables import Variable
from graphopt.ops.elementwise import add, cast, zeros_as
from graphopt.ops.state import rows_add, write_rows
from graphopt.ops.update_rule import Rule
from graphopt.train.keras.optimizer import Optimizer
from graphopt.train.optimizers.rule import note_write

MODULE = "keras.optimizers"


class Slot(NamedTuple):
    """State that is kept for each variable: a name, and the value of every element at first."""

    name: str
    start: float = 0.0


class BuiltInOptimizer(Optimizer):
    """An optimizer that says which slots it keeps and which scalars a step has, and applies a rule.

    Attributes:
      switches: the names of the arguments that are no hyper-parameters, for the configuration.
    """

    switches: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str | None, *args: Any, **kwargs: Any) -> None:
        super().__init__(name, *args, **kwargs)
        self._slots: dict[str, dict[Variable, Variable]] = {}
        self._scalars: dict[str, Any] | None = None
        self._casts: dict[tuple[str, DType], Any] = {}

    # --- slots -------------------------------------------------------------------------------------------------------------------

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots in order of creation: each group is made for one variable after the other."""
        raise NotImplementedError

    def build(self, var_list: Iterable[Variable]) -> None:
        """Make the slots of the variables, once.

        Args:
          var_list: the variables of the model that will be changed.
        """
        if self._built:
            return
        variables = list(var_list)
        super().build(variables)
        for group in self.slot_groups():
            for variable in variables:
                for slot in group:
                    self._make_slot(variable, slot)
        self._built = True

    def _make_slot(self, variable: Variable, slot: Slot) -> None:
        start = None if slot.start == 0.0 else self._constant_like(variable, slot.start)
        self._slots.setdefault(slot.name, {})[variable] = self.add_variable_from_reference(variable, slot.name, initial_value=start)

    def get_slot_names(self) -> list[str]:
        """Return the names of what is kept for each variable."""
        return sorted([*super().get_slot_names(), *self._slots])

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """Return what is kept for a variable under a name, or None."""
        return self._slots.get(name, {}).get(var) or super().get_slot(var, name)

    # --- scalars -----------------------------------------------------------------------------------------------------------------

    def step_scalars(self) -> dict[str, Any]:
        """Return the scalars of the step that is being recorded, by the names of the rule's operands, in float64."""
        raise NotImplementedError

    def _start_step(self) -> None:
        self._scalars = None
        self._casts = {}

    def _value(self, name: str) -> Any:
        """Return a hyper-parameter as a float64 scalar."""
        return self._hyper(name).tensor

    def _step_number(self) -> Any:
        """Return the number of this step, from 1 on, as a float64 scalar."""
        return add(cast(self.iterations.value(), dtypes.float64), np.float64(1.0))

    def scalar(self, name: str, dtype: DType) -> Any:
        """Return a scalar of the step in a variable's element type: computed once a step, rounded once."""
        if self._scalars is None:
            self._scalars = self.step_scalars()
        key = (name, dtype)
        if key not in self._casts:
            self._casts[key] = cast(self._scalars[name], dtype)
        return self._casts[key]

    # --- updates -----------------------------------------------------------------------------------------------------------------

    def _apply(
        self, rule: Rule, gradient: Any, variable: Variable, slots: Sequence[str] = (), *, by_rows: bool = False, **attributes: Any
    ) -> None:
        """Record the one operation that updates a variable and its slots.

        Args:
          rule: the rule. gradient: a tensor or `IndexedSlices`. slots: the names of the slots in the rule's order.
          by_rows: whether the rule changes only the rows that a sparse gradient has, because the others would stay as they are.
        """
        state = [variable, *[self._slots[name][variable] for name in slots]]
        if isinstance(gradient, IndexedSlices) and not by_rows:
            gradient = dense_gradient(gradient, variable)
        is_sparse = isinstance(gradient, IndexedSlices)
        op = rule.sparse if is_sparse else rule.dense
        known = {rule.gradient: gradient.values, "indices": gradient.indices} if is_sparse else {rule.gradient: gradient}
        names = [parameter.name for parameter in op.parameters[len(state) :]]
        op(*state, *[known[n] if n in known else self.scalar(n, variable.dtype) for n in names], **attributes)
        for written in state:
            note_write(written)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters and switches as they were given, by name, for inspection."""
        return super().hyper_parameters | {name: getattr(self, name) for name in self.switches}

    # --- configuration -------------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer, as JSON can hold them.

        Raises:
          ValueError: for an argument that is a tensor. TypeError: for a function that is no schedule with `get_config`.
        """
        config = super().get_config()
        own = [name for name in self._declared() if name not in config]
        config |= {name: self._plain_hyper(name) for name in own}
        return config | {name: getattr(self, name) for name in self.switches}


def dense_gradient(gradient: Any, variable: Variable) -> Any:
    """Return a gradient as a tensor: sparse rows become zeros with the rows added."""
    if not isinstance(gradient, IndexedSlices):
        return gradient
    zeros = zeros_as(variable.value())
    return write_rows(rows_add, zeros, gradient.indices, gradient.values)


def check_flag(value: Any, name: str) -> bool:
    """Return a switch; TypeError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ArgumentTypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)
