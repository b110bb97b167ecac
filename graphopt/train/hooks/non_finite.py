"""A hook that keeps numbers that are not finite out of training, and says where they come from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, InvalidArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.control import check_numerics
from graphopt.ops.elementwise import is_finite, logical_and, logical_not, logical_or, select
from graphopt.ops.reduce import reduce_all
from graphopt.ops.state import variable as variable_op
from graphopt.ops.update_rule import check_sign
from graphopt.runtime.fetching import Fetches, fetch_key
from graphopt.train.global_step import get_global_step
from graphopt.train.hooks.diagnosis import NonFiniteReport, Rerun, diagnose, forward_of, starts_backward
from graphopt.train.hooks.protocol import Recovered, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues

_LOG = logging.getLogger("graphopt")
_POLICIES = ("raise", "skip", "rollback", "warn")
_MESSAGE = "The loss or a gradient is not finite."
_REPORTS_KEPT = 100

Policy = Literal["raise", "skip", "rollback", "warn"]


class NonFiniteError(InvalidArgumentError):
    """A step was not made, because its loss or a gradient is not finite.

    Attributes:
      report: where the first bad number comes from.
    """

    def __init__(self, report: NonFiniteReport, remark: str = "") -> None:
        super().__init__(None, None, f"{report}{remark}")
        self.report = report


class NonFiniteHook(SessionRunHook):
    """Looks at the loss and all gradients of every step, inside the run: a step with a number that is not finite changes nothing.

    What then happens is the policy. Whatever it is, the step is run once more, one operation at a time, and a report names the operation
    that made the first bad number, the user's line, forward or backward, and the ranges of its inputs. The functions of a `py_func` that
    the step has are called again for it.

    Args:
      train_op: what `optimize_loss`, `training_op`, `create_train_op` or `minimize` returned.
      policy: "raise" raises a `NonFiniteError`. "skip" goes on with the next step; nothing has changed, also no random stream.
        "rollback" restores the latest checkpoint. "warn" logs, and makes the step all the same, unless a `check_numerics` forbids it.
      most: how many steps in a row may be skipped, how many rollbacks there may be; beyond that it raises.
      loss: what is minimised, where the training op does not know it.
      saver: what rolls back (that of the collection SAVERS by default). checkpoint_dir: where it finds the latest checkpoint (the last one
        it has saved by default).
      on_report: a function of each `NonFiniteReport`, called after the policy was carried out: to lower a learning rate, for example.

    Attributes:
      reports: the last 100 reports. skipped, rollbacks: how many there were.

    Raises:
      ValueError: for another policy. TypeError: for what is no training op. NonFiniteError: from a run, as the policy says.

    Example:
      >>> x = tf.placeholder(tf.float32, [None], name="x")
      >>> w = tf.get_variable("w", initializer=1.0)
      >>> train_op = tf.contrib.layers.optimize_loss(tf.reduce_mean(w * tf.log(x)), None, 0.1, "SGD")
      >>> hook = tf.train.NonFiniteHook(train_op, policy="skip")
      >>> with tf.train.MonitoredSession(hooks=[hook]) as session:
      ...     _ = session.run(train_op, {x: [1.0, 0.0]})
      ...     print(session.run(w), hook.skipped, hook.reports[0].operation.name, hook.reports[0].hint)
      1.0 1 Log log of 1 zeros and 0 negative numbers.
    """

    def __init__(
        self,
        train_op: Any,
        policy: Policy = "raise",
        *,
        most: int = 10,
        loss: Any = None,
        saver: Any = None,
        checkpoint_dir: Any = None,
        on_report: Callable[[NonFiniteReport], Any] | None = None,
    ) -> None:
        if policy not in _POLICIES:
            raise ArgumentError(f"The policy for numbers that are not finite is one of {', '.join(_POLICIES)}, got {policy!r}.")
        if not isinstance(train_op, (Tensor, Operation)):
            raise ArgumentTypeError(f"NonFiniteHook takes a training op: a tensor or an operation, got {train_op!r}.")
        self._train_op = train_op
        self._policy = policy
        self._most = most
        self._loss = loss
        self._saver = saver
        self._checkpoint_dir = checkpoint_dir
        self._on_report = on_report
        self.reports: list[NonFiniteReport] = []
        self.skipped = 0
        self.rollbacks = 0

    def begin(self) -> None:
        """Record the check of loss and gradients."""
        graph = get_default_graph()
        self._graph = graph
        info = graph.state.get("training_ops", {}).get(self._train_op)
        if self._loss is None:
            self._loss = _loss_of(self._train_op) if info is None else info.loss
        self._watched = _watched(self._train_op, self._loss, info)
        with name_scope("non_finite"):
            finite = None
            for tensor in self._watched:
                here = reduce_all(is_finite(tensor))
                finite = here if finite is None else logical_and(finite, here)
            if finite is None:
                raise ArgumentError(f"{self._train_op.name} has no loss and no gradients to look at: is it a training op?")
            # A step that a guard leaves out, such as one whose scaled loss overflows, does no harm.
            for guard in _guards(self._train_op):
                finite = logical_or(finite, logical_not(guard))
            self._finite = finite
            self._check = check_sign(select(finite, 0.0, -1.0), rule="non-negative", message=_MESSAGE)
        self._checking = SessionRunArgs(self._check)
        self._looking = SessionRunArgs(self._finite)
        self._is_checking = True
        self._in_a_row = 0
        self._has_train_op: dict[Any, bool] = {}

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Add the check to runs that make a step."""
        fetches = run_context.original_args.fetches
        key = fetch_key(fetches)
        makes_step = self._has_train_op.get(key)
        if makes_step is None:
            operation = self._train_op.op if isinstance(self._train_op, Tensor) else self._train_op
            makes_step = operation in needed_operations(Fetches(self._graph, fetches).elements, ())
            self._has_train_op[key] = makes_step
        if not makes_step:
            return None
        return self._checking if self._is_checking else self._looking

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look again for the next bad step, once one was good."""
        if run_values.results is None:
            return
        is_good = run_values.results >= 0.0 if self._is_checking else bool(run_values.results)
        if is_good:
            self._in_a_row, self._is_checking = 0, True

    def on_error(self, run_context: SessionRunContext, error: BaseException, run_args: SessionRunArgs) -> Recovered | None:
        """Carry out the policy when the check has failed, or one that the training op has by itself."""
        if not isinstance(error, InvalidArgumentError) or isinstance(error, NonFiniteError) or error.op is None:
            return None
        if not self._is_own(error) and error.op.opdef is not check_numerics:
            return None
        return self._mended(error, run_context.session, run_args)

    def _mended(self, error: InvalidArgumentError, session: Any, run_args: SessionRunArgs) -> Recovered:
        """Report, and carry out the policy; raise when that is to raise."""
        fetches = Fetches(self._graph, run_args.fetches)
        watched = self._watched if self._is_own(error) else [error.op.inputs[0], *self._watched]
        rerun = Rerun(session, [*fetches.elements, *watched], run_args.feed_dict)
        step = get_global_step(self._graph)
        report = diagnose(rerun, watched, self._loss, None if step is None else int(session.run(step)))
        self.reports = [*self.reports, report][-_REPORTS_KEPT:]
        if self._policy == "raise" or (self._policy == "warn" and not self._is_own(error)):
            self._tell(report)
            raise NonFiniteError(report) from error  # message from: NonFiniteReport
        _LOG.warning("%s", report)
        if self._policy == "warn":
            results = self._run_all_the_same(session, run_args)
        elif self._policy == "skip":
            self._skip(report)
            results = _results(fetches, rerun, session)
        else:
            self._roll_back(report, session)
            results = _results(fetches, rerun, session)
        self._tell(report)
        return Recovered(results)

    def _is_own(self, error: InvalidArgumentError) -> bool:
        return error.op is self._check.op

    def _tell(self, report: NonFiniteReport) -> None:
        if self._on_report is not None:
            self._on_report(report)

    def _run_all_the_same(self, session: Any, run_args: SessionRunArgs) -> Any:
        """Run without the check, and leave it out until all is finite again."""
        self._is_checking = False
        wanted = [self._finite if each is self._check else each for each in run_args.fetches]
        return session.run(wanted, run_args.feed_dict)

    def _skip(self, report: NonFiniteReport) -> None:
        self._in_a_row += 1
        if self._in_a_row > self._most:
            raise NonFiniteError(report, f"\nThis is step {self._in_a_row} of them in a row: {self._most} may be skipped.")
        self.skipped += 1

    def _roll_back(self, report: NonFiniteReport, session: Any) -> None:
        if self.rollbacks >= self._most:
            raise NonFiniteError(report, f"\nTraining was rolled back {self._most} times, which is the most that is allowed.")
        saver = self._saver if self._saver is not None else next(iter(self._graph.get_collection(GraphKeys.SAVERS)), None)
        if saver is None:
            raise GraphStateError("There is no saver to roll back with: give NonFiniteHook a saver, or use a MonitoredTrainingSession.")
        saver.wait()
        if self._checkpoint_dir is not None:
            restored = saver.restore_latest(session, self._checkpoint_dir)
        else:
            restored = next(reversed(saver.last_checkpoints), None)
            if restored is not None:
                saver.restore(session, restored)
        if restored is None:
            raise NonFiniteError(report, "\nThere is no checkpoint to roll back to.")
        self.rollbacks += 1
        _LOG.warning("Rolled back to %s.", restored)


def _results(fetches: Fetches, rerun: Rerun, session: Any) -> Any:
    """Return what a run gives that was not made: its values, and variables as they are."""
    values: list[Any] = []
    for element in fetches.elements:
        if isinstance(element, Operation):
            values.append(None)
        else:
            is_variable = element.op.opdef is variable_op
            values.append(np.array(session.store.cell(element.op.name).value if is_variable else rerun.value(element))[()])
    return fetches.assemble(values)


def _watched(train_op: Any, loss: Any, info: Any) -> list[Tensor]:
    """Return the tensors that have to be finite: the loss, and the gradients as they come from the loss."""
    gradients = _gradients_used(train_op) if info is None else [v.gradient for v in info.variables]
    dense = [gradient.values if isinstance(gradient, IndexedSlices) else gradient for gradient in gradients]
    found = [tensor for tensor in (loss, *dense) if tensor is not None and tensor.dtype.is_floating]
    return list(dict.fromkeys(found))


def _gradients_used(train_op: Any) -> list[Tensor]:
    """Return what comes from `tf.gradients` and is written, in some way, into variables."""
    backward: set[Operation] = set()
    found: list[Tensor] = []
    for operation in needed_operations([train_op], ()):
        if starts_backward(operation) or any(source.op in backward for source in operation.inputs):
            backward.add(operation)
        if operation.opdef.discharge is not None and not operation.opdef.only_reads:
            found += [source for source in operation.inputs if source.op in backward]
    return found


def _loss_of(train_op: Any) -> Tensor | None:
    """Return what a training op minimises, when the names of its gradients say so: what `tf.gradients` begins with."""
    starts = [operation for operation in needed_operations([train_op], ()) if starts_backward(operation)]
    for consumer in [consumer for start in starts for consumer in start.graph.consumers_of(start.outputs[0])]:
        forward = forward_of(consumer)
        if forward is not None and len(forward.outputs) == 1:
            return forward.outputs[0]
    return None


def _guards(train_op: Any) -> list[Tensor]:
    """Return the guards of a training op's writes: where one is false its step is not made."""
    found = [operation.guard for operation in needed_operations([train_op], ()) if operation.guard is not None]
    return list(dict.fromkeys(found))
