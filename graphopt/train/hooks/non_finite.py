"""A hook that keeps numbers that are not finite out of training, and says where they come from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, InvalidArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.control import check_numerics
from graphopt.ops.elementwise import is_finite, logical_and, select
from graphopt.ops.reduce import reduce_all
from graphopt.ops.state import variable as variable_op
from graphopt.ops.update_rule import check_sign
from graphopt.compiler.needed import needed_operations
from graphopt.runtime.fetching import Fetches, fetch_key
from graphopt.train.global_step import get_global_step
from graphopt.train.hooks.diagnosis import NonFiniteReport, Rerun, diagnose
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
        "rollback" restores the latest checkpoint. "warn" logs, and makes the step all the same.
      most: how many steps in a row may be skipped, how many rollbacks there may be; beyond that it raises.
      loss: what is minimised, for a `train_op` of `minimize`: it is looked at too, and reported first.
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
        self._loss = info.loss if self._loss is None and info is not None else self._loss
        self._watched = _watched(self._train_op, self._loss, info)
        with name_scope("non_finite"):
            finite = None
            for tensor in self._watched:
                here = reduce_all(is_finite(tensor))
                finite = here if finite is None else logical_and(finite, here)
            if finite is None:
                raise ArgumentError(f"{self._train_op.name} has no loss and no gradients to look at: is it a training op?")
            self._finite = finite
            self._check = check_sign(select(finite, 0.0, -1.0), rule="non-negative", message=_MESSAGE)
        self._checking = SessionRunArgs([self._check])
        self._looking = SessionRunArgs([self._finite])
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
        if run_values.results is not None and run_values.results[0] not in (None, False):
            self._in_a_row, self._is_checking = 0, True

    def on_error(self, run_context: SessionRunContext, error: BaseException, run_args: SessionRunArgs) -> Recovered | None:
        """Carry out the policy when the check has failed, or one that the training op has by itself."""
        is_own = isinstance(error, InvalidArgumentError) and getattr(error.op, "outputs", None) == self._check.op.outputs
        if not is_own and not (isinstance(error, InvalidArgumentError) and getattr(error.op, "opdef", None) is check_numerics):
            return None
        session = run_context.session
        fetches = Fetches(self._graph, run_args.fetches)
        rerun = Rerun(session, [*fetches.elements, *self._watched], run_args.feed_dict)
        step = get_global_step(self._graph)
        report = diagnose(rerun, self._watched, self._loss, None if step is None else int(session.run(step)))
        if report is None:
            return None
        self.reports = [*self.reports, report][-_REPORTS_KEPT:]
        results = self._carry_out(report, error, session, run_args, fetches, rerun, is_own=is_own)
        if self._on_report is not None:
            self._on_report(report)
        return results
