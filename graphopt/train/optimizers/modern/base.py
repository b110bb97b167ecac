"""The base of the optimizers that count their own steps and compute their scalars once per step in float64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.initializers import Constant
from graphopt.graph.operation import Tensor
from graphopt.graph.slots import create_zeros_slot
from graphopt.graph.variables import Variable, assign, assign_add, group
from graphopt.ops import operators as operators  # enters Python's operators, in which the scalars are written
from graphopt.ops.array import shape_of
from graphopt.ops.broadcast import fill
from graphopt.ops.elementwise import cast, equal, power
from graphopt.ops.step_rule import StepRule, compute_type, dense_gradient
from graphopt.train.hyper import ANY_NUMBER, DECAY, NON_NEGATIVE, POSITIVE, Range, check_hyper, hyper_parameter
from graphopt.train.optimizers.base import Optimizer
from graphopt.train.optimizers.modern.selection import is_selected
from graphopt.train.optimizers.rule import note_write

# What numbers the hyper-parameters may be, by name; those that are not listed may be any.
RANGES: Mapping[str, Range] = {
    **dict.fromkeys(("b1", "b2", "b3", "beta", "beta1", "beta2", "beta3", "momentum", "adam_b1", "adam_b2"), DECAY),
    **dict.fromkeys(("learning_rate", "adam_learning_rate", "weight_decay", "adam_weight_decay", "weight_decay_rate"), NON_NEGATIVE),
    **dict.fromkeys(("eps", "eps_root", "adam_eps_root", "min_norm", "trust_coefficient", "consistent_rms"), NON_NEGATIVE),
    **dict.fromkeys(("rho", "estim_lr0", "estim_lr_coef", "clipping_threshold"), POSITIVE),
    **dict.fromkeys(("eta_minus", "eta_plus", "min_step_size", "max_step_size"), POSITIVE),
}


class StepSlot(NamedTuple):
    """State that a rule keeps for each variable.

    Attributes:
      name: how `get_slot` calls it. start: the value of every element at first. shape: None for the variable's own.
    """

    name: str
    start: float = 0.0
    shape: tuple[int, ...] | None = None


class CountingOptimizer(Optimizer):
    """An optimizer that counts the updates it has made, and computes what all variables share once per step, in float64.

    Hyper-parameters are numbers, scalar tensors, variables, schedules (functions of the number of updates made so far, an int64 scalar)
    or functions without arguments that are called at every run. float16 variables are updated in float32 and have float32 slots. Rows
    of a sparse gradient count as a dense gradient with zeros elsewhere.

    A subclass gives `rule_of`, `slots_of` and `scalars`.

    Args:
      name: name of the training operation and the slots. given: the hyper-parameters by name.

    Raises:
      TypeError, ValueError: for what is no hyper-parameter, at the user's line.
    """

    # What weight decay applies to, and the scalars that are 0 for the other variables.
    decays: Any = None
    ranges: ClassVar[Mapping[str, Range]] = {}  # where they differ from `RANGES`
    decaying: ClassVar[tuple[str, ...]] = ("decay", "weight_decay")
    # The scalar variables of the optimizer's own besides the count, with the values they start from.
    own: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, name: str, **given: Any) -> None:
        super().__init__(False, name)
        self._given = given
        for key, value in given.items():
            check_hyper(value, key, self._range(key))

    def _range(self, name: str) -> Range:
        """Return what numbers a hyper-parameter may be."""
        return self.ranges.get(name, RANGES.get(name, ANY_NUMBER))

    # --- what a subclass defines -----------------------------------------------------------------------------------------

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule that updates a variable."""
        raise NotImplementedError

    def slots_of(self, var: Variable) -> Sequence[StepSlot]:
        """Return the state wanted for a variable: zeros of its shape for each slot of the rule, by default."""
        return [StepSlot(name) for name in self.rule_of(var).slots]

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars by name, float64.

        Args:
          h: the hyper-parameters as attributes, float64 scalars. t: the number of this step, from 1 on, a float64 scalar.
        """
        return dict(vars(h))

    def rule_attributes_of(self, var: Variable) -> dict[str, Any]:
        """Return the attributes of a variable's rule."""
        return {}

    # --- hyper-parameters and the count ------------------------------------------------------------------------------------

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return dict(self._given)

    @property
    def count(self) -> Variable:
        """The number of updates made so far, an int64 variable."""
        return self._create_non_slot_variable(np.int64(0), f"{self._name}/count")

    def _own(self, name: str) -> Variable:
        """Return a scalar variable of the optimizer's own, made when it is new."""
        return self._create_non_slot_variable(self.own[name], f"{self._name}/{name}")

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters in the default graph, unless they are there.

        Args:
          global_step: not used: schedules are called with the optimizer's own count.
        """
        steps = self.count.value()
        known = self._state_in(get_default_graph()).hypers
        for name, given in self._given.items():
            if name not in known or known[name].given is not given:
                known[name] = hyper_parameter(given, name, step=steps, allowed=self._range(name))
        self._counted: Any = steps

    def _prepare(self) -> None:
        known = self._state_in(get_default_graph()).hypers
        for name in [name for name, hyper in known.items() if name in self._given and hyper.kind != "number"]:
            del known[name]  # schedules are recorded anew: they look at the count where it stands now
        self.prepare_hyper()
        h = SimpleNamespace(**{name: known[name].tensor for name in self._given})
        self._scalars = self.scalars(h, cast(self._counted, dtypes.float64) + 1)

    def _is_first(self) -> Tensor:
        """Return a bool scalar: whether this is the first step."""
        first: Tensor = equal(self._counted, np.int64(0))
        return first

    def _is_first_number(self) -> Any:
        """Return 1 in the first step, then 0: a float64 scalar."""
        return cast(self._is_first(), dtypes.float64)

    # --- slots -----------------------------------------------------------------------------------------------------------

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        _ = [self.count, *[self._own(name) for name in self.own]]  # made here, outside of the training operation's name scope
        for var in var_list:
            for slot in self.slots_of(var):
                self._make_slot(var, slot)

    def _make_slot(self, var: Variable, slot: StepSlot) -> Variable:
        dtype = compute_type(var.dtype)
        shape = var.get_shape() if slot.shape is None else slot.shape
        if slot.shape is None and not var.get_shape().is_fully_defined():
            if slot.start == 0.0:
                return self._slot(var, slot.name, lambda: create_zeros_slot(var, self._name, dtype))
            value = fill(shape_of(var.initialized_value()), np.array(slot.start, dtype.np))
            return self._get_or_make_slot(var, value, slot.name, self._name)
        return self._get_or_make_slot_with_initializer(var, Constant(slot.start), shape, dtype, slot.name, self._name)

    def _kept(self, var: Variable, name: str) -> Variable:
        """Return a slot that has been made."""
        slot = self.get_slot(var, name)
        assert slot is not None
        return slot

    # --- updates -----------------------------------------------------------------------------------------------------------

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        return self._record(self.rule_of(var), grad, var)

    def _record(self, rule: StepRule, grad: Tensor, var: Variable) -> Tensor:
        """Record the one operation that a rule is."""
        state = [var, *[self.get_slot(var, name) for name in rule.slots]]
        scalars = [self._scalar(name, var) for name in rule.scalars]
        update: Tensor = rule.op(*state, *scalars, grad, **self.rule_attributes_of(var))
        for written in state:
            note_write(written)
        return update

    def _scalar(self, name: str, var: Variable) -> Any:
        """Return a scalar of the rule: for weight decay the constant 0 where the variable does not decay."""
        if name in self.decaying and not is_selected(self.decays, var):
            return np.float64(0.0)
        return self._scalars[name]

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        return self._apply_dense(dense_gradient(grad.values, grad.indices, var), var)

    def _own_updates(self) -> Iterable[Any]:
        """Record the updates of the optimizer's own variables besides the count."""
        return ()

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        with get_default_graph().control_dependencies(update_ops):
            own = [*self._own_updates(), assign_add(self.count, np.int64(1))]
        return group(*update_ops, *own, name=name_scope)


def check_choice(value: Any, name: str, choices: Sequence[Any]) -> Any:
    """Return an argument; raise ValueError unless it is one of the choices."""
    if value not in choices:
        raise ArgumentError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.")
    return value


def check_whole_number(value: Any, name: str, least: int) -> int:
    """Return a whole number; raise ValueError unless it is one, and at least so large."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ArgumentError(f"{name} must be a whole number of at least {least}, got {value!r}.")
    return int(value)


def bias_correction(beta: Any, t: Any) -> Any:
    """Return 1 / (1 - βᵗ)."""
    return 1 / (1 - power(beta, t))


def direction_scales(beta: Any, t: Any, nesterov: bool) -> dict[str, Any]:
    """Return what the average of the gradients, and with Nesterov's look ahead the gradient, are multiplied by."""
    if not nesterov:
        return {"m_scale": bias_correction(beta, t), "grad_scale": np.float64(0.0)}
    return {"m_scale": beta * bias_correction(beta, t + 1), "grad_scale": (1 - beta) * bias_correction(beta, t)}


def write(variable: Variable, value: Any) -> Any:
    """Record that a variable takes a value, rounded to its element type."""
    return assign(variable, cast(value, variable.dtype))
