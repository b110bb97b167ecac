"""Parameter groups: different optimizers for different variables, in one training operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.variables import Variable, group
from graphopt.train.hyper import HyperParameters
from graphopt.train.optimizers.base import Optimizer, Pair
from graphopt.train.optimizers.chosen_variables import default_variables, flatten
from graphopt.train.optimizers.modern.guards import apply_member, create_member_slots
from graphopt.train.optimizers.modern.selection import is_selected
from graphopt.train.unknown_arguments import naming_nearest


class Group(NamedTuple):
    """One group of variables.

    Attributes:
      name: its name. which: which variables. optimizer: what trains them, or None: they stay as they are.
    """

    name: str
    which: Any
    optimizer: Any


class Groups(Optimizer):
    """Different optimizers for groups of variables, in one training operation. Each variable belongs to exactly one group.

    Args:
      groups: pairs (which, optimizer). `which` is a list of variables and regular expressions, a regular expression that is looked for
        in the variable's name, or a function of the variable that gives a bool. The optimizer is one of ``tf.train``,
        ``tf.optimizers``, ``tf.keras.optimizers`` or your own; None freezes the group.
      default: pairs one optimizer, or None to freeze, with the variables of no group. Without it such a variable is an error.
      name: name of the training operation.

    Raises:
      TypeError, ValueError: for what are no groups; when updates are recorded, for a variable in no group or in two.

    Example:
      >>> kernel, bias = tf.Variable([[2.0]], name="kernel"), tf.Variable([1.0], name="bias")
      >>> optimizer = tf.optimizers.Groups([("kernel", tf.optimizers.Lion(0.5, weight_decay=0.0))], tf.train.GradientDescentOptimizer(0.1))
      >>> step = optimizer.minimize(tf.reduce_sum(tf.square(kernel)) + tf.reduce_sum(tf.square(bias)))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run([kernel, bias]))
      ...     print(optimizer.hyper["Lion/learning_rate"], optimizer.hyper["GradientDescent/learning_rate"])
      [array([[1.5]], dtype=float32), array([0.8], dtype=float32)]
      0.5 0.1
    """

    _NO_DEFAULT = object()

    @partial(naming_nearest, name="Groups")
    def __init__(self, groups: Iterable[tuple[Any, Any]], default: Any = _NO_DEFAULT, name: str = "Groups") -> None:
        super().__init__(False, name)
        listed = [_checked(one, i) for i, one in enumerate(groups)]
        if not listed and default is Groups._NO_DEFAULT:
            raise ArgumentError("Groups needs at least one group, a pair (which variables, optimizer), or a default.")
        self._groups = _named(listed)
        self._default: Group | None = None
        if default is not Groups._NO_DEFAULT:
            *_, (own, _, _) = _named([*listed, (None, _checked_optimizer(default, "The default"))])
            self._default = Group(own, None, default)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups, with the default as the last."""
        return (*self._groups, self._default) if self._default is not None else tuple(self._groups)

    def group_of(self, variable: Variable) -> Group:
        """Return the group of a variable.

        Raises:
          ValueError: when it is in none, or in several.
        """
        found = [one for one in self._groups if is_selected(one.which, variable)]
        if len(found) > 1:
            names = " and ".join([_described(one) for one in found])
            raise ArgumentError(f"Variable {variable.op.name} belongs to {len(found)} groups: {names}. It must belong to exactly one.")
        if found:
            return found[0]
        if self._default is None:
            names = ", ".join([_described(one) for one in self._groups])
            raise ArgumentError(f"Variable {variable.op.name} belongs to no group ({names}): add it to one, or give a default.")
        return self._default

    # --- the training operation --------------------------------------------------------------------------------------------

    def compute_gradients(self, loss: Any, var_list: Any = None, *args: Any, **kwargs: Any) -> list[Pair]:
        """Return the gradient of the loss for each variable, as pairs (gradient or None, variable): None for frozen ones.

        Args:
          loss, var_list, and the others: as `Optimizer.compute_gradients`.
        """
        loss = loss() if callable(loss) and not hasattr(loss, "builder") else loss
        variables = default_variables() if var_list is None else list(flatten(var_list))
        frozen = [isinstance(v, Variable) and self.group_of(v).optimizer is None for v in variables]
        trained = [v for v, is_frozen in zip(variables, frozen, strict=True) if not is_frozen]
        found = iter(super().compute_gradients(loss, trained, *args, **kwargs))
        return [(None, v) if is_frozen else next(found) for v, is_frozen in zip(variables, frozen, strict=True)]

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for optimizer, variables in self._by_optimizer([(None, v) for v in var_list]):
            create_member_slots(optimizer, [v for _, v in variables])

    def _prepare(self) -> None:
        self._pairs: list[Pair] = []

    def _update(self, gradient: Any, variable: Variable) -> Any:
        self._pairs.append((gradient, variable))
        return gradient

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        updates = [apply_member(optimizer, pairs, self._step) for optimizer, pairs in self._by_optimizer(self._pairs)]
        return group(*updates, name=name_scope)

    def _by_optimizer(self, pairs: list[Pair]) -> list[tuple[Any, list[Pair]]]:
        """Return the pairs of each optimizer, in the order of the groups; an optimizer may stand in several groups."""
        found: dict[int, tuple[Any, list[Pair]]] = {}
        places = {id(one.optimizer): place for place, one in reversed(list(enumerate(self.groups)))}
        for gradient, variable in pairs:
            optimizer = self.group_of(variable).optimizer
            if optimizer is not None:
                found.setdefault(id(optimizer), (optimizer, []))[1].append((gradient, variable))
        return [found[key] for key in sorted(found, key=places.__getitem__)]

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters of all groups in the default graph, unless they are there.

        Args:
          global_step: what a schedule is called with.
        """
        for _, optimizer in self._members():
            prepare = getattr(optimizer, "prepare_hyper", None)
            if prepare is not None:
                prepare(global_step)

    def learning_rate_of(self, variable: Variable) -> Any:
        """Return the learning rate of a variable's group, a float64 scalar tensor; None where it has none.

        Args:
          variable: the variable.
        """
        optimizer = self.group_of(variable).optimizer
        inside = optimizer.learning_rate_of(variable) if hasattr(optimizer, "learning_rate_of") else None
        if inside is not None:
            return inside
        found = optimizer.hyper.parameters.get("learning_rate") if hasattr(optimizer, "hyper") else None
        return None if found is None else found.tensor

    # --- what is inside ------------------------------------------------------------------------------------------------------

    def _members(self) -> list[tuple[str, Any]]:
        members = {id(one.optimizer): (one.name, one.optimizer) for one in reversed(self.groups) if one.optimizer is not None}
        return list(reversed(members.values()))

    def variables(self) -> list[Variable]:
        """Return what the optimizers keep in the default graph, sorted by name."""
        found: list[Variable] = []
        for _, optimizer in self._members():
            own = optimizer.variables
            found += own() if callable(own) else own
        return sorted(found, key=lambda v: v.name)

    def get_slot(self, var: Any, name: str) -> Variable | None:
        """Return the slot of that name of a variable, from the optimizer of its group, or None."""
        optimizer = self.group_of(var).optimizer
        slot: Variable | None = optimizer.get_slot(var, name) if hasattr(optimizer, "get_slot") else None
        return slot

    def get_slot_names(self) -> list[str]:
        """Return the names of all slots, sorted."""
        return sorted({name for _, o in self._members() if hasattr(o, "get_slot_names") for name in o.get_slot_names()})

    @property
    def hyper(self) -> HyperParameters:
        """The hyper-parameters of all groups, by name: ``Adam/learning_rate``."""
        found: dict[str, Any] = {}
        for name, optimizer in self._members():
            own = getattr(optimizer, "hyper", None)
            found |= {f"{name}/{key}": value for key, value in (own.parameters if own is not None else {}).items()}
        return HyperParameters(found)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name, with the group before them."""
        given = [(name, getattr(optimizer, "hyper_parameters", {})) for name, optimizer in self._members()]
        return {f"{name}/{key}": value for name, own in given for key, value in own.items()}


def _checked(one: Any, place: int) -> tuple[Any, Any]:
    if not isinstance(one, tuple | list) or len(one) != 2:
        raise ArgumentTypeError(f"A group is a pair (which variables, optimizer), got {one!r} as number {place}.")
    return one[0], _checked_optimizer(one[1], f"Group number {place}")


def _checked_optimizer(optimizer: Any, what: str) -> Any:
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "apply_gradients")):
        raise ArgumentTypeError(f"{what} needs an optimizer, or None to freeze its variables, got {optimizer!r}.")
    return optimizer


def _named(listed: list[tuple[Any, Any]]) -> list[Group]:
    """Return the groups, called after their optimizers, and numbered where a name comes again."""
    named: dict[str, Group] = {}
    for which, optimizer in listed:
        get_name = getattr(optimizer, "get_name", lambda: getattr(optimizer, "name", type(optimizer).__name__))  # noqa: B023
        base = "frozen" if optimizer is None else str(get_name())
        name = next(n for n in (base, *(f"{base}_{i}" for i in range(1, len(listed) + 1))) if n not in named)
        named[name] = Group(name, which, optimizer)
    return list(named.values())


def _described(one: Group) -> str:
    return f"{one.name} ({one.which!r})"
