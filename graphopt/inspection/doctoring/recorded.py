"""Faults that the recorded graph shows."""

from __future__ import annotations

from collections.abc import Iterator

from graphopt.autodiff.unconnected import why_no_gradient
from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable
from graphopt.inspection.doctoring.case import Case, Finding, line_of, rule
from graphopt.inspection.subject import is_frozen
from graphopt.ops.array import identity
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.elementwise import add, log, multiply
from graphopt.ops.elementwise import maximum as maximum_op
from graphopt.ops.elementwise import minimum as minimum_op
from graphopt.ops.indexing import gather_op
from graphopt.ops.nd import gather_nd_op
from graphopt.ops.softmax import softmax_op

# What may stand between a softmax and its logarithm: a clip, a small constant, the choice of the label's probability.
_BETWEEN = (add, maximum_op, minimum_op, identity, multiply, reduce_sum_op, gather_op, gather_nd_op)
_FARTHEST = 6


@rule("update-ops-never-run")
def update_ops_never_run(case: Case) -> Iterator[Finding]:
    """Find operations of the collection UPDATE_OPS that no step runs: batch statistics, as a rule."""
    for item in dict.fromkeys(case.graph.get_collection(GraphKeys.UPDATE_OPS)):
        operation = item.op if isinstance(item, Tensor) else item
        if isinstance(operation, Operation) and operation not in case.needed_set and operation not in case.needed_by_others:
            yield Finding(
                "update-ops-never-run",
                "error",
                f"The update op '{operation.name}' is not part of the training op: what it keeps (batch statistics?) stays as it is.",
                line_of(operation),
                "Use optimize_loss, or record the training op inside "
                "`with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS))`.",
            )


@rule("log-of-softmax")
def log_of_softmax(case: Case) -> Iterator[Finding]:
    """Find the logarithm of a softmax, which is -inf where the softmax rounds to 0."""
    for operation in case.inside:
        if operation.opdef is log and _comes_from_softmax(operation.inputs[0]):
            yield Finding(
                "log-of-softmax",
                "warning",
                f"'{operation.name}' takes the logarithm of a softmax: where that rounds to 0 the loss is infinite and its gradient NaN.",
                line_of(operation),
                "Use tf.nn.log_softmax, or tf.nn.softmax_cross_entropy_with_logits on the logits.",
            )


def _comes_from_softmax(tensor: Tensor) -> bool:
    nearest = {tensor.op}
    for _ in range(_FARTHEST):
        if any(operation.opdef is softmax_op for operation in nearest):
            return True
        passing = [op for op in nearest if op.opdef in _BETWEEN or op.opdef.view_of is not None]
        nearest = {t.op for op in passing for t in op.inputs}
    return False


@rule("unused-variable")
def unused_variable(case: Case) -> Iterator[Finding]:
    """Find trainable variables that no training op touches, and those that were to be trained and have no gradient."""
    for variable in case.graph.get_collection(GraphKeys.TRAINABLE_VARIABLES):
        if isinstance(variable, Variable) and variable.op not in case.needed_set and variable.op not in case.needed_by_others:
            yield Finding(
                "unused-variable",
                "note",
                f"The trainable variable '{variable.op.name}' has no influence on the loss, and the training op doesn't change it.",
                line_of(variable.op),
                "Leave it out, or pass trainable=False.",
            )
    yield from _without_gradient(case)


def _without_gradient(case: Case) -> Iterator[Finding]:
    trained = {info.variable for part in case.subject.parts for info in part.variables if info.gradient is not None}
    for part in case.subject.parts:
        for info in part.variables:
            variable = info.variable
            if variable in trained or part.loss is None or variable.op not in case.needed_set or is_frozen(part.optimizer, variable):
                continue
            yield Finding(
                "unused-variable",
                "note",
                f"'{variable.op.name}' was to be trained and has no gradient, so that it stays as it is: "
                f"{why_no_gradient(part.loss, variable)}.",
                line_of(variable.op),
                "Connect it with the loss, leave it out of the variables to train, or pass trainable=False.",
            )


@rule("variable-after-initializer")
def variable_after_initializer(case: Case) -> Iterator[Finding]:
    """Find variables that were made after `global_variables_initializer`, which therefore does not initialise them."""
    initializers = {v.initializer for v in case.variables}
    groups = [op for op in case.graph.get_operations() if any(control in initializers for control in op._control_inputs)]
    groups = [op for op in groups if op not in case.needed_set]
    if not groups:
        return
    covered = {control for op in groups for control in op._control_inputs}
    last = groups[-1]
    for variable in case.graph.get_collection(GraphKeys.GLOBAL_VARIABLES):
        is_late = isinstance(variable, Variable) and variable.initializer not in covered and variable.op.id > last.id
        if is_late and variable.op in case.needed_set and not case.has_value(variable):
            yield Finding(
                "variable-after-initializer",
                "error",
                f"'{variable.op.name}' was made after the initializer '{last.name}' ({line_of(last)}), which does not initialise it.",
                line_of(variable.op),
                "Record tf.global_variables_initializer() after the training op.",
            )
