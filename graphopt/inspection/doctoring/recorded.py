"""Faults that the recorded graph shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable, variable_of
from graphopt.inspection.doctoring.case import Case, Finding, line_of, rule
from graphopt.ops.array import identity
from graphopt.ops.elementwise import add, log
from graphopt.ops.elementwise import maximum as maximum_op
from graphopt.ops.elementwise import minimum as minimum_op
from graphopt.ops.softmax import softmax_op


@rule("update-ops-never-run")
def update_ops_never_run(case: Case) -> Iterator[Finding]:
    """Find operations of the collection UPDATE_OPS that no step runs: batch statistics, as a rule."""
    for item in case.graph.get_collection(GraphKeys.UPDATE_OPS):
        operation = item.op if isinstance(item, Tensor) else item
        if isinstance(operation, Operation) and operation not in case.needed_set:
            yield Finding(
                "update-ops-never-run",
                "error",
                f"The update op '{operation.name}' is not part of the training op: what it keeps (batch statistics?) stays as it is.",
                line_of(operation),
                "Use optimize_loss, or record the training op inside "
                "`with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS))`.",
            )


def _step_variable(case: Case) -> Variable | None:
    given = case.info.global_step if case.info is not None else None
    if given is None:
        found = case.graph.get_collection(GraphKeys.GLOBAL_STEP)
        given = found[0] if found else None
    known: Any = variable_of(given) if isinstance(given, Tensor) else given
    return known if isinstance(known, Variable) else None


@rule("step-counted-twice")
def step_counted_twice(case: Case) -> Iterator[Finding]:
    """Find a global step that one run changes more than once."""
    step = _step_variable(case)
    writers = [] if step is None else case.writers_of(step)
    if step is not None and len(writers) > 1:
        names = ", ".join(f"'{op.name}' ({line_of(op)})" for op in writers)
        yield Finding(
            "step-counted-twice",
            "error",
            f"One run changes the global step '{step.op.name}' {len(writers)} times: {names}. Schedules run too fast.",
            line_of(writers[-1]),
            "Let one training op count: pass increment_global_step=False to the others.",
        )


@rule("step-never-counted")
def step_never_counted(case: Case) -> Iterator[Finding]:
    """Find a global step that is read, by a schedule say, and that no step counts."""
    step = _step_variable(case)
    if step is None or case.writers_of(step):
        return
    readers = [op for op in case.readers_of(step) if _is_used(op, case)]
    if readers:
        yield Finding(
            "step-never-counted",
            "error",
            f"The training op reads the global step '{step.op.name}', but nothing in it counts: a schedule stays where it begins.",
            line_of(case.graph.consumers_of(readers[0].outputs[0])[0]),
            "Pass global_step to minimize, apply_gradients or optimize_loss.",
        )


def _is_used(reader: Operation, case: Case) -> bool:
    return any(consumer in case.needed_set for tensor in reader.outputs for consumer in case.graph.consumers_of(tensor))


@rule("log-of-softmax")
def log_of_softmax(case: Case) -> Iterator[Finding]:
    """Find the logarithm of a softmax, which is -inf where the softmax rounds to 0."""
    for operation in case.needed:
        if operation.opdef is log and _comes_from_softmax(operation.inputs[0]):
            yield Finding(
                "log-of-softmax",
                "warning",
                f"'{operation.name}' takes the logarithm of a softmax: where that rounds to 0 the loss is infinite and its gradient NaN.",
                line_of(operation),
                "Use tf.nn.log_softmax, or tf.nn.softmax_cross_entropy_with_logits on the logits.",
            )


def _comes_from_softmax(tensor: Tensor) -> bool:
    for _ in range(4):  # a clip or a small constant between the two is common
        if tensor.op.opdef is softmax_op:
            return True
        if tensor.op.opdef not in (add, maximum_op, minimum_op, identity):
            return False
        tensor = next((t for t in tensor.op.inputs if t.tensor_type.shape != ()), tensor.op.inputs[0])
    return False


@rule("learning-rate-differs-from-checkpoint")
def learning_rate_differs_from_checkpoint(case: Case) -> Iterator[Finding]:
    """Find a learning rate in the code that is not the one of the checkpoint."""
    if case.checkpoint is None or case.info is None:
        return
    rate = case.info.given_learning_rate
    variables = [v for v in case.variables if v.op.name.endswith("learning_rate") and v.op.name in case.checkpoint]
    for variable in variables:
        held = float(np.asarray(case.checkpoint[variable.op.name]))
        if isinstance(rate, float) and not np.isclose(held, rate, rtol=1e-6):
            yield Finding(
                "learning-rate-differs-from-checkpoint",
                "warning",
                f"The code gives the learning rate {rate:g}; the checkpoint holds {held:g} in '{variable.op.name}'.",
                line_of(variable.op),
                "Set train_op.hyper['learning_rate'] after restoring, or say which holds when you restore.",
            )


@rule("unused-variable")
def unused_variable(case: Case) -> Iterator[Finding]:
    """Find trainable variables that the training op does not touch."""
    for variable in case.graph.get_collection(GraphKeys.TRAINABLE_VARIABLES):
        if isinstance(variable, Variable) and variable.op not in case.needed_set:
            yield Finding(
                "unused-variable",
                "note",
                f"The trainable variable '{variable.op.name}' has no influence on the loss, and the training op doesn't change it.",
                line_of(variable.op),
                "Leave it out, or pass trainable=False.",
            )


@rule("variable-after-initializer")
def variable_after_initializer(case: Case) -> Iterator[Finding]:
    """Find variables that were made after `global_variables_initializer`, which therefore does not initialise them."""
    initializers = {v.initializer: v for v in case.variables}
    groups = [op for op in case.graph.get_operations() if any(control in initializers for control in op._control_inputs)]
    if not groups:
        return
    covered = {control for op in groups for control in op._control_inputs}
    last = groups[-1]
    for variable in case.graph.get_collection(GraphKeys.GLOBAL_VARIABLES):
        if (
            isinstance(variable, Variable)
            and variable.initializer not in covered
            and variable.op.id > last.id
            and variable.op in case.needed_set
        ):
            yield Finding(
                "variable-after-initializer",
                "error",
                f"'{variable.op.name}' was made after the initializer '{last.name}' ({line_of(last)}), which does not initialise it.",
                line_of(variable.op),
                "Record tf.global_variables_initializer() after the training op.",
            )


@rule("graph-grows")
def graph_grows(case: Case) -> Iterator[Finding]:
    """Find operations that are recorded between runs, in the training loop."""
    versions = [] if case.session is None else case.session.graph_versions
    grown = [later for earlier, later in itertools.pairwise(versions) if later > earlier]
    if len(grown) >= 3:
        newest = case.graph.get_operations()[-1]
        yield Finding(
            "graph-grows",
            "error",
            f"The graph grew between runs {len(grown)} times, to {versions[-1]} operations: something records operations in the loop, "
            "and each new one is compiled.",
            line_of(newest),
            "Record everything before the loop, and call graph.finalize() to be told where it happens.",
        )


@rule("float64-fed")
def float64_fed(case: Case) -> Iterator[Finding]:
    """Find float64 arrays that are fed into float32 tensors."""
    told = set()
    for feeds in case.feeds:
        for tensor, value in feeds.items():
            is_double = isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size > 1
            if isinstance(tensor, Tensor) and is_double and tensor.dtype is dtypes.float32 and tensor not in told:
                told.add(tensor)
                yield Finding(
                    "float64-fed",
                    "warning",
                    f"float64 arrays of {value.nbytes:,} bytes are fed into '{tensor.name}', which is float32: each step converts them.",
                    line_of(tensor.op),
                    "Convert the data once: data.astype(np.float32).",
                )
