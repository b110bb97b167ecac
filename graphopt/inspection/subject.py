"""What there is to say about a training op before it is said: its updates, losses, gradients, variables and slots.

`optimize_loss`, `training_op` and `create_train_op` keep what they know with the graph. Of what `minimize` and `apply_gradients` return the
optimizer keeps its pairs, and the rest is found in the graph; of updates written by hand everything is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphopt.autodiff.derivations import Derivation, derivations_of
from graphopt.compiler.needed import needed_operations
from graphopt.errors import ArgumentError
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Location, Operation, Tensor
from graphopt.graph.training_info import StageInfo, SummaryInfo, TrainingOpInfo, UpdateInfo, VariableInfo, updates_of
from graphopt.graph.variables import Variable, variable_of
from graphopt.inspection.recorded import is_variable, reach_back, tensors_of, with_branches, written_variables
from graphopt.ops.array import identity


@dataclass(frozen=True)
class Part:
    """One update of variables in a training op; most have one.

    Attributes:
      loss: what is differentiated, or None where that isn't known. optimizer: the optimizer, or None.
      hypers: its hyper-parameters and those of stages, by name (`graphopt.train.hyper.HyperParameter`). constants: by name, as given.
      given_learning_rate, learning_rate, decay: as in `TrainingOpInfo`. stages: in order.
      variables: what is changed. optimizer_variables: what the optimizer keeps besides slots.
      global_step: the variable that counts the steps, or None. increments: whether this update counts.
      summaries, update_ops: as in `TrainingOpInfo`.
    """

    loss: Tensor | None
    optimizer: Any
    hypers: Mapping[str, Any]
    constants: Mapping[str, Any]
    given_learning_rate: Any
    learning_rate: Any
    decay: Any
    stages: tuple[StageInfo, ...]
    variables: tuple[VariableInfo, ...]
    optimizer_variables: tuple[Variable, ...]
    global_step: Any
    increments: bool
    summaries: tuple[SummaryInfo, ...] = ()
    update_ops: tuple[Operation, ...] = ()


@dataclass(frozen=True)
class Subject:
    """A training op, ready to be described.

    Attributes:
      targets: the op, or several that are fetched together. graph: their graph. operations: what a run of them needs, in order.
      info: what its maker has kept, or None. parts: its updates. location: where it was built.
      value: what a fetch of it gives, in words. unknown: what could not be found out, in words.
    """

    targets: tuple[Tensor | Operation, ...]
    graph: Graph
    operations: Sequence[Operation]
    info: TrainingOpInfo | None
    parts: tuple[Part, ...]
    location: Location | None
    value: str
    unknown: tuple[str, ...]

    @property
    def name(self) -> str:
        """The names of the targets."""
        return ", ".join([target.name for target in self.targets])

    @property
    def loss(self) -> Tensor | None:
        """The loss of the first part that has one."""
        return next(iter(self.losses), None)

    @property
    def losses(self) -> list[Tensor]:
        """What the parts differentiate, in order."""
        return list(dict.fromkeys([part.loss for part in self.parts if part.loss is not None]))


def group_names(optimizer: Any) -> list[str]:
    """Return the names of the groups of variables for which an optimizer has optimizers; none where it is one for all."""
    return [group.name for group in optimizer.groups] if hasattr(optimizer, "group_of") else []


def group_of(optimizer: Any, variable: Variable) -> Any:
    """Return the group of a variable (`tf.optimizers.Group`), or None where its optimizer knows no groups."""
    return optimizer.group_of(variable) if hasattr(optimizer, "group_of") else None


def is_frozen(optimizer: Any, variable: Variable) -> bool:
    """Return whether a variable is in a group that is not to be trained."""
    group = group_of(optimizer, variable)
    return group is not None and group.optimizer is None


def subject_of(train_op: Any) -> Subject:
    """Return what there is to say about a training op, or about several that are fetched together.

    Raises:
      ValueError: for what changes no variable when it is run, or lies in several graphs or in a branch.
    """
    targets = _elements(train_op)
    operations = needed_operations(list(targets), ()) if _share_graph(targets) else []
    if not any(written_variables(operation) for operation in with_branches(operations)):
        rule = "is not a training op: pass what optimize_loss returned, or another operation that changes a variable"
        raise ArgumentError(f"{train_op!r} {rule}{_known_names(train_op)}.")
    graph = targets[0].graph
    known: Mapping[Any, TrainingOpInfo] = graph.state.get("training_ops", {})
    value = "; ".join(["the loss from before the step" if target in known else _value(target) for target in targets])
    if len(targets) == 1 and targets[0] in known:
        info = known[targets[0]]
        return Subject(targets, graph, operations, info, (_part_of_info(info),), info.location, value, ())
    parts, unknown = _found_parts(graph, operations, known)
    location = next((info.location for target, info in known.items() if target in targets), None)
    location = location or next((update.location for update in _updates_in(graph, operations)), None)
    return Subject(targets, graph, operations, None, parts, location or _op(targets[0]).location, value, tuple(unknown))


def _elements(given: Any) -> tuple[Tensor | Operation, ...]:
    """Return the tensors and operations that are meant; nothing for a variable or a name of the default graph."""
    listed = tuple(dict.fromkeys(given)) if isinstance(given, list | tuple) and all(map(_is_element, given)) else (given,)
    return listed if all(map(_is_element, listed)) else ()


def _is_element(given: Any) -> bool:
    return isinstance(given, Tensor | Operation)


def _share_graph(targets: tuple[Tensor | Operation, ...]) -> bool:
    """Return whether there are targets and all are recorded in one graph itself, not in a branch or loop of it."""
    graphs = {target.graph for target in targets}
    return len(graphs) == 1 and all(graph is graph.root for graph in graphs)


def _known_names(given: Any) -> str:
    graph = getattr(given, "graph", None)
    names = [tensor.name for tensor in graph.state.get("training_ops", {})] if isinstance(graph, Graph) else []
    return f" (in this graph: {', '.join(names)})" if names else ""


def _op(target: Tensor | Operation) -> Operation:
    return target.op if isinstance(target, Tensor) else target


def _value(target: Tensor | Operation) -> str:
    if isinstance(target, Operation) and not target.outputs:
        return "nothing (None): it is an operation"
    tensor = target if isinstance(target, Tensor) else target.outputs[0]
    counted = written_variables(tensor.op) or _written_before(tensor.op)
    if counted and tensor.dtype.is_integer:
        given = f"{counted[0].name}, counted up" if isinstance(target, Tensor) else "nothing (None): it is an operation"
        return given
    return f"the tensor {tensor.name}, {tensor.tensor_type}" if isinstance(target, Tensor) else "nothing (None): it is an operation"


def _written_before(operation: Operation) -> Sequence[Operation]:
    """Return the variables whose new value an operation passes on."""
    return written_variables(operation.inputs[0].op) if operation.opdef is identity else ()


# --- what was kept -----------------------------------------------------------------------------------------------------------------


def _part_of_info(info: TrainingOpInfo) -> Part:
    graph = info.train_op.graph
    hypers = graph.state.get("training_hyper", {}).get(info.train_op)
    return Part(
        loss=info.loss,
        optimizer=info.optimizer,
        hypers=hypers_of(info.optimizer, graph) if hypers is None else dict(hypers.parameters),
        constants=info.hyper_parameters,
        given_learning_rate=info.given_learning_rate,
        learning_rate=info.learning_rate,
        decay=info.decay,
        stages=info.stages,
        variables=info.variables,
        optimizer_variables=info.optimizer_variables,
        global_step=info.global_step,
        increments=info.increments_global_step,
        summaries=info.summaries,
        update_ops=info.update_ops,
    )


def hypers_of(optimizer: Any, graph: Graph) -> dict[str, Any]:
    """Return the hyper-parameters that an optimizer has recorded in a graph, by name."""
    with graph.as_default(), contextlib.suppress(AttributeError):
        return dict(optimizer.hyper.parameters)
    return {}


# --- what is found -------------------------------------------------------------------------------------------------------------------


def _updates_in(graph: Graph, operations: Sequence[Operation]) -> list[UpdateInfo]:
    needed = set(operations)
    return [update for update in updates_of(graph) if update.step in needed]


def _found_parts(graph: Graph, operations: Sequence[Operation], known: Mapping[Any, TrainingOpInfo]) -> tuple[tuple[Part, ...], list[str]]:
    """Return the updates that a run of the operations makes, and what isn't known of them."""
    needed = set(operations)
    inside = [info for tensor, info in known.items() if tensor.op in needed]
    made_by_them = {operation for info in inside for operation in needed_operations([info.train_op], ())}
    updates = [update for update in _updates_in(graph, operations) if update.step not in made_by_them]
    found = [(info.apply_op.id, _part_of_info(info)) for info in inside]
    found += [(update.step.id, _part_of_update(update, operations)) for update in updates]
    parts = [part for _, part in sorted(found, key=lambda item: item[0])]
    unknown: list[str] = []
    if any(part.loss is None for part in parts):
        unknown.append("the loss: the gradients that were given come from no differentiation in this graph")
    changed = {v.variable for part in parts for v in part.variables}
    rest = [] if updates or inside else _rest(operations, changed)
    if rest:
        parts.append(_part_by_hand(graph, rest, operations))
        unknown.append("the optimizer: the variables are changed by operations that no optimizer of graphopt has recorded")
        if parts[-1].loss is None:
            unknown.append("the loss")
    return tuple(parts), list(dict.fromkeys(unknown))


def _part_of_update(update: UpdateInfo, operations: Sequence[Operation]) -> Part:
    graph = update.step.graph
    derived = _Derived(graph, [gradient for gradient, _ in update.pairs])
    slots = _slots_in(operations)
    variables = []
    for gradient, v in update.pairs:
        if isinstance(v, Variable):
            found = derived.gradient_of(v)
            variables.append(VariableInfo(v, gradient if found is None else found, gradient, slots.get(v.op, {})))
    hypers = hypers_of(update.optimizer, graph)
    rate = next((hypers[name] for name in ("learning_rate", "lr") if name in hypers), None)
    step = variable_of(update.global_step) if isinstance(update.global_step, Tensor) else update.global_step
    with graph.as_default():
        constants = getattr(update.optimizer, "hyper_parameters", None) or {}
        others = [v for v in _kept(update.optimizer) if not any(v is slot for info in variables for slot in info.slots.values())]
    return Part(
        loss=derived.loss,
        optimizer=update.optimizer,
        hypers=hypers,
        constants=constants,
        given_learning_rate=None if rate is None else rate.given,
        learning_rate=None if rate is None else rate.tensor,
        decay=None,
        stages=(),
        variables=tuple(variables),
        optimizer_variables=tuple([v for v in others if v is not step]),
        global_step=step,
        increments=step is not None,
    )


def _kept(optimizer: Any) -> list[Variable]:
    found = getattr(optimizer, "variables", ())
    found = found() if callable(found) else found
    return [v for v in found if isinstance(v, Variable)]


def _slots_in(operations: Sequence[Operation]) -> dict[Operation, dict[str, Variable]]:
    """Return what update operations change besides their variable: slots, by variable and name."""
    found: dict[Operation, dict[str, Variable]] = {}
    for operation in operations:
        written = written_variables(operation)
        if len(written) > 1:
            slots = found.setdefault(written[0], {})
            for i, tensor in enumerate(operation.inputs[1:], 1):
                slot = variable_of(tensor) if is_variable(tensor.op) and tensor.op in written else None
                if slot is not None:
                    slots[operation.opdef.parameter_of(i).name] = slot
    return found


def _rest(operations: Sequence[Operation], known: set[Variable]) -> list[Variable]:
    """Return the variables that operations change, without those that are known: the trainable ones, if there are any."""
    written = [op for operation in with_branches(operations) for op in written_variables(operation)]
    found = [variable_of(op.outputs[0]) for op in dict.fromkeys(written)]
    variables = [v for v in dict.fromkeys(found) if v is not None and v not in known]
    return [v for v in variables if v.trainable] or variables


def _part_by_hand(graph: Graph, variables: Iterable[Variable], operations: Sequence[Operation]) -> Part:
    written = [operation for operation in operations if written_variables(operation)]
    derived = _Derived(graph, [t for operation in written for t in operation.inputs])
    infos = [VariableInfo(v, derived.gradient_of(v), derived.gradient_of(v), {}) for v in variables]
    return Part(derived.loss, None, {}, {}, None, None, None, (), tuple(infos), (), None, False)


class _Derived:
    """The differentiations from which gradients come.

    Args:
      graph: the graph. gradients: tensors, sparse rows and None.
    """

    def __init__(self, graph: Graph, gradients: Iterable[Any]) -> None:
        derivations = derivations_of(graph)
        first = min([d.first for d in derivations], default=0)
        reached = reach_back([t.op for gradient in gradients for t in tensors_of(gradient)], first=first)
        self._used: list[Derivation] = [
            d for d in derivations if any(t.op in reached for gradient in d.gradients for t in tensors_of(gradient))
        ]
        self.loss: Tensor | None = self._used[-1].targets[0] if self._used else None

    def gradient_of(self, v: Variable) -> Any:
        """Return the gradient that was computed for a variable, or None."""
        for derivation in reversed(self._used):
            for source, gradient in zip(derivation.sources, derivation.gradients, strict=True):
                if source.op is v.op:
                    return gradient
        return None
