"""What the optimizers of ``tf.contrib.opt`` share: checks of hyper-parameters, and the base of those that wrap another optimizer."""

from __future__ import annotations

from typing import Any, ClassVar

from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.variables import Variable
from graphopt.train.hyper import ANY_NUMBER, HyperParameter, HyperParameters, Range, check_hyper, hyper_parameter
from graphopt.train.optimizers.base import Optimizer, Pair
from graphopt.train.optimizers.rule import RuleOptimizer


def check_hypers(optimizer: RuleOptimizer) -> None:
    """Raise unless each hyper-parameter of a new optimizer can be one.

    Raises:
      TypeError: for what is no number, tensor, schedule or callable. ValueError: for a number that is not allowed.
    """
    for hyper in optimizer.hypers:
        check_hyper(getattr(optimizer, hyper.given), hyper.name, hyper.allowed)


def own_hyper(optimizer: Optimizer, given: Any, name: str, allowed: Range = ANY_NUMBER, step: Any = None) -> HyperParameter:
    """Return an optimizer's hyper-parameter in the default graph, recorded when it is new.

    Args:
      optimizer: whose it is. given: what the user gave. name: its name. allowed: which numbers it may be.
      step: what a schedule is called with (the global step of `apply_gradients` by default).
    """
    known = optimizer._state_in(get_default_graph()).hypers
    if name not in known or known[name].given is not given:
        known[name] = hyper_parameter(given, name, step=optimizer._step if step is None else step, allowed=allowed)
    return known[name]


class OptimizerWrapper(Optimizer):
    """An optimizer that leaves gradients and updates to another one and does something around them.

    Slots, variables and hyper-parameters are its own and those of the optimizer inside.

    Args:
      opt: the optimizer inside. use_locking: accepted for TensorFlow's sake. name: name of the training operation.

    Raises:
      TypeError: unless `opt` is an optimizer.
    """

    def __init__(self, opt: Any, use_locking: bool, name: str) -> None:
        super().__init__(use_locking, name)
        is_of_any_design = hasattr(opt, "apply_gradients") and not isinstance(opt, type)
        if not isinstance(opt, Optimizer) and not (self._wraps_any_design and is_of_any_design):
            raise ArgumentTypeError(f"Supplied optimizer must be an instance of tf.train.Optimizer, got {opt!r}.")
        self._opt = opt

    # Whether the optimizer inside may be one of Keras's design.
    _wraps_any_design: ClassVar[bool] = False

    def compute_gradients(self, *args: Any, **kwargs: Any) -> list[Pair]:
        """Return the gradients as the optimizer inside computes them."""
        if isinstance(self._opt, Optimizer):
            return self._opt.compute_gradients(*args, **kwargs)
        return super().compute_gradients(*args, **kwargs)

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """Return the slot of that name of a variable, or None."""
        own = super().get_slot(var, name)
        return self._opt.get_slot(var, name) if own is None else own

    def get_slot_names(self) -> list[str]:
        """Return the names of the slots, sorted."""
        return sorted({*super().get_slot_names(), *self._opt.get_slot_names()})

    def variables(self) -> list[Variable]:
        """Return what both optimizers keep in the default graph, sorted by name."""
        return sorted([*super().variables(), *self._opt.variables()], key=lambda v: v.name)

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters of the optimizer inside in the default graph, unless they are there.

        Args:
          global_step: what a schedule is called with.
        """
        prepare = getattr(self._opt, "prepare_hyper", None)
        if prepare is not None:
            prepare(global_step)

    def learning_rate_of(self, variable: Variable) -> Any:
        """Return the learning rate of a variable, where the optimizer inside has several; None where it has not.

        Args:
          variable: the variable.
        """
        own = getattr(self._opt, "learning_rate_of", None)
        return None if own is None else own(variable)

    def _non_slot_variables(self) -> list[Variable]:
        inside = self._opt._non_slot_variables() if isinstance(self._opt, Optimizer) else []
        return [*inside, *super()._non_slot_variables()]

    @property
    def hyper(self) -> HyperParameters:
        """The hyper-parameters of both optimizers in the default graph, by name: to read and to set while running."""
        return HyperParameters({**self._opt.hyper.parameters, **super().hyper.parameters})

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name, for inspection."""
        return self._opt.hyper_parameters


def innermost(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer that updates the variables: the one inside all wrappers."""
    while isinstance(optimizer, OptimizerWrapper):
        optimizer = optimizer._opt
    return optimizer
