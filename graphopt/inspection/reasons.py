"""Why something is there: an operation in a training op, a node in a program; or why something is not: a variable's gradient."""

from __future__ import annotations

from typing import Any

from graphopt.autodiff.derivations import derivations_of
from graphopt.autodiff.unconnected import why_no_gradient
from graphopt.compiler.discharge import discharge
from graphopt.compiler.passes.specialize import specialize
from graphopt.compiler.pipeline import BACKEND_PASSES, PASSES
from graphopt.errors import ArgumentError
from graphopt.graph.operation import Operation
from graphopt.graph.variables import Variable
from graphopt.inspection.paths import operation_of
from graphopt.inspection.recorded import before, is_placeholder, reach_back, written_variables
from graphopt.inspection.roles import roles_of
from graphopt.inspection.subject import Subject, is_frozen, subject_of
from graphopt.ir.node import Node
from graphopt.ir.program import Program
from graphopt.runtime.store import Store


def why(node: Any, train_op: Any = None) -> str:
    """Say why an operation is part of a training op, why a variable has no gradient, or where a node of a compiled program comes from.

    Args:
      node: a recorded operation, tensor or their name; a variable; or a node of a program, such as one of
        ``session.compiled(train_op).plan.order``.
      train_op: the training op it is about (by default the one of the graph, when there is one).

    Returns:
      A few lines of text.

    Raises:
      ValueError: when there is no training op, or several, and none was given. TypeError: for anything else as a node.

    Example:
      >>> w, unused = tf.Variable(1.0, name="w"), tf.Variable(1.0, name="unused")
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD")
      >>> print(tf.inspection.why(unused))
      unused has no gradient: the loss mul:0 does not depend on it
    """
    if isinstance(node, Node):
        return _why_node(node, subject_of(_chosen(train_op, None)))
    operation = operation_of(node)
    subject = subject_of(_chosen(train_op, operation))
    if isinstance(node, Variable):
        return _why_variable(node, subject)
    return _why_operation(operation, subject)


def _chosen(train_op: Any, operation: Operation | None) -> Any:
    """Return the training op that is meant: what was given, or the only one of the graph."""
    if train_op is not None:
        return train_op
    graph = None if operation is None else operation.graph.root
    known = [] if graph is None else [*graph.state.get("training_ops", {})]
    if not known and graph is not None:
        known = [info.step for info in graph.state.get("optimizer_updates", ())]
    if len(known) != 1:
        names = ", ".join([op.name for op in known]) or "none"
        raise ArgumentError(f"Which training op is meant? This graph has {names}: pass it, why(node, train_op).")
    return known[0]


# --- operations ----------------------------------------------------------------------------------------------------------------------


def _why_operation(operation: Operation, subject: Subject) -> str:
    own = f"{operation.name} ({operation.type}), made at {operation.location}"
    needed = set(subject.operations)
    if operation not in needed:
        losses = [loss.name for loss in subject.losses if operation in reach_back([loss.op])]
        if losses:
            what = f"it computes the loss {' and '.join(losses)}, whose value a run does not give, and no gradient needs its result"
            return f"{own}\nis not part of {subject.name}: {what}. Fetch the loss beside it, and it is computed."
        return f"{own}\nis not part of {subject.name}: nothing that a run of it needs depends on it.{_elsewhere(operation)}"
    role = roles_of(subject.operations)[operation]
    consumers = [op for op in subject.operations if operation in before(op)]
    rows = [own, f"is part of {subject.name}: {_ROLE_WORDS[role]}."]
    written = [v.name for v in written_variables(operation)]
    if written:
        rows.append(f"It writes {', '.join(written)}.")
    rows += [f"{op.name} ({op.type}) {_uses(op, operation)}, at {op.location}" for op in consumers[:4]]
    if len(consumers) > 4:
        rows.append(f"and {len(consumers) - 4} more")
    for derivation in derivations_of(operation.graph):
        if derivation.first <= operation.id < derivation.end:
            rows.append(f"It was recorded by the differentiation of {', '.join([t.name for t in derivation.targets])}.")
    if operation.guard is not None:
        rows.append(f"It writes only in runs in which {operation.guard.name} is true.")
    return "\n".join(rows)


_ROLE_WORDS = {
    "state": "it is state, or reads it",
    "forward": "it computes the loss",
    "backward": "it computes a gradient",
    "update": "it turns gradients into new values of variables, or counts",
    "other": "it has to happen before the result is given",
}


def _uses(consumer: Operation, operation: Operation) -> str:
    if any(t.op is operation for t in consumer.inputs):
        return "takes its result"
    if consumer.guard is not None and consumer.guard.op is operation:
        return "writes only if it is true"
    return "waits for it"


def _elsewhere(operation: Operation) -> str:
    users = [op.name for t in operation.outputs for op in t.consumers()]
    return f" It is used by {', '.join(users[:3])}." if users else " Nothing uses it."


def _why_variable(variable: Variable, subject: Subject) -> str:
    for part in subject.parts:
        for info in part.variables:
            if info.variable is variable and info.gradient is not None:
                loss = "the loss" if part.loss is None else part.loss.name
                gradient = getattr(info.gradient, "name", None) or info.gradient.values.name
                return f"{variable.op.name} has a gradient: {gradient}, of {loss}"
    if any(is_frozen(part.optimizer, variable) for part in subject.parts if variable in [info.variable for info in part.variables]):
        return f"{variable.op.name} has no gradient: its group is frozen"
    if subject.loss is None:
        return f"{variable.op.name} has no gradient that is known: the loss of {subject.name} is unknown"
    reason = why_no_gradient(subject.loss, variable)
    if reason.startswith("no gradient arrives") and not any(v.variable is variable for part in subject.parts for v in part.variables):
        reason = "the training op was not given it: it is not trainable, or not among the variables to change"
    return f"{variable.op.name} has no gradient: {reason}"


# --- nodes of a program ----------------------------------------------------------------------------------------------------------------


def _why_node(node: Node, subject: Subject) -> str:
    """Say which operation a node comes from and which pass made it, by compiling again for the shapes as they were recorded."""
    fed = {op.outputs[0]: op.outputs[0].tensor_type for op in subject.operations if is_placeholder(op) and not op.inputs}
    program = discharge(list(subject.targets), fed, Store().entropy).program
    stages: list[tuple[str, Program]] = [("discharge", program)]
    program = specialize(program, {})
    stages.append(("specialize", program))
    passes = dict(PASSES) | dict(BACKEND_PASSES["native"])
    for name, run_pass in passes.items():
        program = run_pass(program)
        stages.append((name, program))
    for name, made in stages:
        if node in set(made.nodes()):
            return f"{_node_text(node)}\n{_origin(made.origins.get(node))}\nIt first stands in the program after the pass '{name}'."
    names = {stage: made for stage, made in stages}
    alike = [other for made in names.values() for other in made.nodes() if other.op is node.op]
    origin = next((made.origins.get(other) for made in names.values() for other in alike if made.origins.get(other) is not None), None)
    where = f"Nodes of this op come from {origin.name}." if isinstance(origin, Operation) else "It comes from a backend's own pass."
    return f"{_node_text(node)}\nis no node of this training op as it was recorded; shapes that were fed make others. {where}"


def _node_text(node: Node) -> str:
    operands = ", ".join([str(source.types[0]) for source in node.inputs])
    return f"{node.op.name}({operands}) -> {', '.join(map(str, node.types))}"


def _origin(origin: Any) -> str:
    if not isinstance(origin, Operation):
        return "It is an input or a constant of the program."
    return f"It comes from {origin.name} ({origin.type}), made at {origin.location}."
