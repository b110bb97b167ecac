"""A hook that keeps numbers that are not finite out of training, and says where they come from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal

from graphopt.compiler.needed import needed_operations
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, InvalidArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.control import check_numerics
from graphopt.runtime.fetching import Fetches, fetch_key
from graphopt.train.global_step import get_global_step
from graphopt.train.hooks.diagnosis import NonFiniteReport, diagnose, error_in_words
from graphopt.train.hooks.not_made import results_of_no_step
from graphopt.train.hooks.protocol import Recovered, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.rerun import Rerun
from graphopt.train.hooks.value_range import is_finite
from graphopt.train.hooks.watched import Check, guards_of, loss_and_gradients, loss_of, updated_variables

_LOG = logging.getLogger("graphopt")
_POLICIES = ("raise", "skip", "rollback", "warn")
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
    """Looks at the loss, all gradients and what is written, inside the run: a step with a number that is not finite changes nothing.

    What then happens is the policy. Whatever it is, the step is run once more, one operation at a time, with the values and the random
    numbers that it had. A report names the operation that made the first bad number, inside of branches and turns of loops too, the user's
    line, forward or backward, and the ranges of its inputs. The functions of a `py_func` that the step has are called again for it. When
    no report can be made it says why, and the policy is carried out all the same.

    Args:
      train_op: what `optimize_loss`, `training_op`, `create_train_op` or `minimize` returned.
      policy: "raise" raises a `NonFiniteError`. "skip" goes on with the next step; nothing has changed, also no random stream.
        "rollback" restores the latest checkpoint. "warn" logs, and makes the step all the same, unless a `check_numerics` forbids it.
      most: how many steps in a row may be skipped, how many rollbacks there may be; beyond that it raises.
      loss: what is minimised, where the training op does not know it.
      updates: also look at the new values of variables and slots (not of those that are updated row by row). They are then written after
        the check, not in place. A variable that is not finite before the step either ends this.
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
        updates: bool = True,
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
        self._updates = updates
        self._saver = saver
        self._checkpoint_dir = checkpoint_dir
        self._on_report = on_report
        self.reports: list[NonFiniteReport] = []
        self.skipped = 0
        self.rollbacks = 0

    def begin(self) -> None:
        """Record the checks."""
        graph = get_default_graph()
        self._graph = graph
        info = graph.state.get("training_ops", {}).get(self._train_op)
        if self._loss is None:
            self._loss = loss_of(self._train_op) if info is None else info.loss
        watched = loss_and_gradients(self._train_op, self._loss, info)
        if not watched:
            raise ArgumentError(f"{self._train_op.name} has no loss and no gradients to look at: is it a training op?")
        self._gradients = [tensor for tensor in watched if tensor is not self._loss]
        with name_scope("non_finite"):
            guards = guards_of(self._train_op)
            self._narrow = self._check = Check(watched, guards)
            self._updated = updated_variables(self._train_op) if self._updates else {}
            if self._updated:
                named = {tensor: f"{variable.name} after the update" for tensor, variable in self._updated.items()}
                self._check = Check({**watched, **named}, guards)
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
        return self._check.checking if self._is_checking else self._check.looking

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
        report, rerun = self._diagnosed(error, fetches, session, run_args.feed_dict)
        old = [] if rerun is None or not self._is_own(error) else self._only_bad_before(rerun)
        if old:
            return Recovered(self._run_narrowly(old, session, run_args))
        self.reports = [*self.reports, report][-_REPORTS_KEPT:]
        if self._policy == "raise" or (self._policy == "warn" and not self._is_own(error)):
            self._tell(report)
            raise NonFiniteError(report) from error  # message from: NonFiniteReport
        _LOG.warning("%s", report)
        if self._policy == "warn":
            # Leave the check out until all is finite again.
            self._is_checking = False
            results = self._run_instead(session, run_args, self._check.failing, self._check.finite)
        elif self._policy == "skip":
            self._skip(report)
            results = results_of_no_step(fetches, rerun, session, run_args.feed_dict)
        else:
            self._roll_back(report, session)
            results = results_of_no_step(fetches, rerun, session, run_args.feed_dict)
        self._tell(report)
        return Recovered(results)

    def _diagnosed(
        self, error: InvalidArgumentError, fetches: Fetches, session: Any, feed_dict: Any
    ) -> tuple[NonFiniteReport, Rerun | None]:
        """Return the report and the step as it was run again. Whatever fails here must not come in the way of the policy."""
        rerun = step = None
        try:
            counter = get_global_step(self._graph)
            step = None if counter is None else int(session.run(counter))
            rerun = Rerun(session, [*fetches.elements, *self._check.watched], feed_dict)
            stopped = None if self._is_own(error) else error.op
            report = diagnose(rerun, self._check.watched, self._loss, self._gradients, step, stopped)
            str(report)
        except Exception as failure:
            _LOG.debug("The report of a step with numbers that are not finite failed.", exc_info=True)
            report = NonFiniteReport(step, None, unnamed=f"running the step again failed with {error_in_words(failure)}")
        return report, rerun

    def _only_bad_before(self, rerun: Rerun) -> list[Tensor]:
        """Return the variables that are bad after the step, if all were so before it and nothing else is: infinities that are meant."""
        bad = [tensor for tensor in self._check.watched if rerun.has(tensor) and not is_finite(rerun.value(tensor))]
        variables = [self._updated[tensor] for tensor in bad if tensor in self._updated]
        is_old = [(value := rerun.before(variable)) is not None and not is_finite(value) for variable in variables]
        return variables if len(variables) == len(bad) and all(is_old) else []

    def _run_narrowly(self, old: list[Tensor], session: Any, run_args: SessionRunArgs) -> Any:
        """Run with the check of loss and gradients alone, from now on."""
        names = ", ".join([variable.name for variable in old])
        _LOG.info("%s was not finite before the step either: updated variables are not watched from here on.", names)
        wide, self._check = self._check, self._narrow
        return self._run_instead(session, run_args, wide.failing, self._check.failing)

    def _run_instead(self, session: Any, run_args: SessionRunArgs, unwanted: Tensor, wanted: Tensor) -> Any:
        """Run with another check."""
        return session.run([wanted if each is unwanted else each for each in run_args.fetches], run_args.feed_dict)

    def _is_own(self, error: InvalidArgumentError) -> bool:
        return error.op is self._check.failing.op

    def _tell(self, report: NonFiniteReport) -> None:
        if self._on_report is not None:
            self._on_report(report)

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
