"""Sharpness-aware minimization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import init_scope, name_scope
from graphopt.graph.variables import Variable, assign, assign_add, group
from graphopt.ops.elementwise import add_n, cast, equal, greater, logical_not, select, sqrt, square, zeros_as
from graphopt.ops.reduce import reduce_sum
from graphopt.ops.step_rule import checked_gradient, compute_type, dense_gradient
from graphopt.train.hyper import NON_NEGATIVE, HyperParameters, check_hyper, hyper_parameter
from graphopt.train.optimizers.base import Optimizer, Pair
from graphopt.train.optimizers.descent import GradientDescentOptimizer
from graphopt.train.optimizers.modern.base import check_whole_number, write
from graphopt.train.optimizers.modern.guards import apply_and_count, apply_member, create_member_slots, write_only_if
from graphopt.train.optimizers.registry import OPTIMIZERS, OptimizerEntry
from graphopt.train.unknown_arguments import naming_nearest


def _descent_with_sam(learning_rate: Any, rho: Any = 0.05, sync_period: int = 2) -> SAM:
    return SAM(GradientDescentOptimizer(learning_rate), rho, sync_period)


class SAM(Optimizer):
    """Sharpness-aware minimization: the gradient is taken where the loss is worse, a step of length ρ up the slope.

    `apply_gradients`, and `minimize` with a tensor, take turns: in ``sync_period - 1`` runs the variables climb by ``ρ g / ‖g‖``, in the
    next they go back to where they were, and the optimizer makes its step with the gradient from above. `minimize` with a function
    that records the loss does all of that in one run: it calls the function ``sync_period`` times.

    Args:
      optimizer: the optimizer that makes the steps, of any design.
      rho: the length of a climb: a number, scalar tensor, schedule of the number of steps that the optimizer has made, or function.
      sync_period: number of gradients for each step of the optimizer. name: name of the training operation and the slots.
      adv_optimizer: what climbs in place of ``ρ g / ‖g‖``: an optimizer whose steps are made the other way round.
      reset_state: whether what it keeps starts anew after each step of the optimizer.

    Raises:
      TypeError: for what is no optimizer. ValueError: for a wrong rho or sync_period.

    Source: Foret et al. 2021, https://arxiv.org/abs/2010.01412; optax.contrib.sam.

    Example:
      >>> w = tf.Variable([3.0, -4.0])
      >>> step = tf.optimizers.SAM(tf.train.GradientDescentOptimizer(0.25), rho=1.0).minimize(lambda: tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 1.2 -1.6]
    """

    @partial(naming_nearest, name="SAM")
    def __init__(
        self,
        optimizer: Any,
        rho: Any = 0.05,
        sync_period: int = 2,
        name: str = "SAM",
        *,
        adv_optimizer: Any = None,
        reset_state: bool = True,
    ) -> None:
        super().__init__(False, name)
        for given in [optimizer] if adv_optimizer is None else [optimizer, adv_optimizer]:
            if isinstance(given, type) or not hasattr(given, "apply_gradients"):
                raise ArgumentTypeError(f"SAM needs an optimizer of tf.train, tf.optimizers or tf.keras.optimizers, got {given!r}.")
        self._climber = adv_optimizer
        self._resets = reset_state
        self._optimizer = optimizer
        self._rho = check_hyper(rho, "rho", NON_NEGATIVE)
        self._sync_period = check_whole_number(sync_period, "sync_period", 1)

    # --- the two ways ------------------------------------------------------------------------------------------------------

    @naming_nearest
    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = Optimizer.GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """Return an operation that makes one step, or one part of it, as the class says.

        Args:
          loss: a tensor, or a function without arguments that records the loss and gives it. The other arguments: as `Optimizer`.
        """
        ways = {
            "var_list": var_list,
            "gate_gradients": gate_gradients,
            "aggregation_method": aggregation_method,
            "colocate_gradients_with_ops": colocate_gradients_with_ops,
            "grad_loss": grad_loss,
        }
        if not callable(loss) or isinstance(loss, Tensor | Variable):
            return super().minimize(loss, global_step=global_step, name=name, **ways)
        return self._minimize_in_one_run(lambda: self.compute_gradients(loss, **ways), global_step, name or self._name)

    def _minimize_in_one_run(self, gradients: Callable[[], list[Pair]], global_step: Any, name: str) -> Operation:
        graph, count = get_default_graph(), self.count
        pairs = gradients()
        if all([gradient is None for gradient, _ in pairs]):
            return self.apply_gradients(pairs)  # which says so
        with name_scope(f"{name}_climb"):
            self._prepare_rho()
            variables = [v for gradient, v in pairs if gradient is not None]
            self._create_climber_slots(variables)
            starts = [v.value() for v in variables]
            for _ in range(self._sync_period - 1):
                with graph.control_dependencies(self._climb(pairs)):
                    pairs = gradients()
            returned = [assign(v, start) for v, start in zip(variables, starts, strict=True)]
            returned += [*self._reset_climber(), assign_add(count, np.int64(1))]
        with graph.control_dependencies(returned):
            return apply_and_count(self._optimizer, pairs, global_step, name)

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for v in var_list:
            self._zeros_slot(v, "start", self._name)
        _ = (self._turn, self.count)  # made here, outside of the training operation's name scope
        create_member_slots(self._optimizer, var_list)
        self._create_climber_slots(var_list)

    def _create_climber_slots(self, var_list: Sequence[Variable]) -> None:
        if self._climber is not None:
            with init_scope():
                create_member_slots(self._climber, var_list)

    @property
    def count(self) -> Variable:
        """The number of steps that the optimizer inside has made, an int64 variable."""
        return self._create_non_slot_variable(np.int64(0), f"{self._name}/count")

    @property
    def _turn(self) -> Variable:
        """How many climbs the variables have made since the optimizer's last step, an int64 variable."""
        return self._create_non_slot_variable(np.int64(0), f"{self._name}/climbs")

    def _prepare(self) -> None:
        self._climbs: Any = self._turn.value()
        self._prepare_rho()
        self._pairs: list[Pair] = []

    def _prepare_rho(self) -> None:
        known = self._state_in(get_default_graph()).hypers
        if "rho" not in known or known["rho"].kind != "number":
            known["rho"] = hyper_parameter(self._rho, "rho", step=self.count.value(), allowed=NON_NEGATIVE)

    def _update(self, gradient: Any, variable: Variable) -> Any:
        self._pairs.append((gradient, variable))
        return gradient

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        is_first, is_last = equal(self._climbs, np.int64(0)), equal(self._climbs, np.int64(self._sync_period - 1))
        variables = [v for _, v in self._pairs]
        starts = [self._start(v) for v in variables]
        with write_only_if(is_first):
            kept = [assign(start, v.value()) for start, v in zip(starts, variables, strict=True)]
        with write_only_if(logical_not(is_last)):
            climbed = self._climb(self._pairs)
        with write_only_if(is_last):
            returned = [assign(v, start.value()) for start, v in zip(starts, variables, strict=True)]
            with get_default_graph().control_dependencies(returned):
                stepped = [apply_member(self._optimizer, self._pairs, self._step), assign_add(self.count, np.int64(1))]
            stepped += self._reset_climber()
        turned = assign(self._turn, select(is_last, np.int64(0), self._climbs + np.int64(1)))
        return group(*update_ops, *kept, *climbed, *returned, *stepped, turned, name=name_scope)

    def _start(self, variable: Variable) -> Variable:
        slot = self.get_slot(variable, "start")
        assert slot is not None
        return slot

    def _climb(self, pairs: list[Pair]) -> list[Tensor]:
        """Record a step up the slope: of length ρ, or a step of the climber turned round."""
        if self._climber is not None:
            return self._climb_by_optimizer(self._climber, [(gradient, v) for gradient, v in pairs if gradient is not None])
        dense = [(cast(_dense(gradient, v), compute_type(v.dtype)), v) for gradient, v in pairs if gradient is not None]
        norm = sqrt(add_n([cast(reduce_sum(square(gradient)), dtypes.float64) for gradient, _ in dense]))
        is_slope = greater(norm, zeros_as(norm))
        # Where there is no slope there is no way up.
        scale = select(is_slope, self._state_in(get_default_graph()).hypers["rho"].tensor / select(is_slope, norm, np.float64(1.0)), 0.0)
        return [write(v, cast(v.value(), gradient.dtype) + gradient * cast(scale, gradient.dtype)) for gradient, v in dense]

    def _climb_by_optimizer(self, climber: Any, pairs: list[Pair]) -> list[Tensor]:
        before: list[Any] = [v.value() for _, v in pairs]
        with get_default_graph().control_dependencies([apply_member(climber, pairs, self.count.value())]):
            return [assign(v, start + start - v.value()) for start, (_, v) in zip(before, pairs, strict=True)]

    def _reset_climber(self) -> list[Tensor]:
        """Record that what the climber keeps starts anew."""
        if self._climber is None or not self._resets:
            return []
        return [assign(kept, kept.initial_value) for kept in self._climber.variables()]

    def _members(self) -> list[Any]:
        return [self._optimizer] if self._climber is None else [self._optimizer, self._climber]

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters of the optimizer inside in the default graph, unless they are there.

        Args:
          global_step: what a schedule is called with.
        """
        prepare = getattr(self._optimizer, "prepare_hyper", None)
        if prepare is not None:
            prepare(global_step)

    # --- what is inside ------------------------------------------------------------------------------------------------------

    def variables(self) -> list[Variable]:
        """Return what this optimizer and the one inside keep in the default graph, sorted by name."""
        inside = [v for member in self._members() for v in member.variables()]
        return sorted([*super().variables(), *inside], key=lambda v: v.name)

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """Return the slot of that name of a variable, here or inside, or None."""
        own = super().get_slot(var, name)
        return own if own is not None else self._optimizer.get_slot(var, name)

    def get_slot_names(self) -> list[str]:
        """Return the names of the slots, here and inside, sorted."""
        return sorted({*super().get_slot_names(), *self._optimizer.get_slot_names()})

    @property
    def hyper(self) -> HyperParameters:
        """The hyper-parameters of both: ``rho``, and those of the optimizer inside by their own names."""
        return HyperParameters({**self._optimizer.hyper.parameters, **super().hyper.parameters})

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return {**self._optimizer.hyper_parameters, "rho": self._rho, "sync_period": self._sync_period}


def _dense(gradient: Any, variable: Variable) -> Any:
    if isinstance(gradient, IndexedSlices):
        return dense_gradient(gradient.values, gradient.indices, variable)
    return checked_gradient(gradient, variable.value())


# The list of optimizers makes each from numbers alone.
OPTIMIZERS["optimizers.SAM"] = OptimizerEntry("optimizers.SAM", _descent_with_sam, {"learning_rate": 0.1}, "as dense")
