"""Say what a training op does: its stages, variables, rates, side effects, summaries, and what it compiles to."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentTypeError
from graphopt.inspection.cost import cost
from graphopt.inspection.explanation import Explanation as Explanation
from graphopt.inspection.happenings import effects, placeholders, random_operations, summaries
from graphopt.inspection.pipeline import Present, pipeline, variable_rows
from graphopt.inspection.rates import schedules
from graphopt.inspection.scratch import Scratch
from graphopt.inspection.sessions import to_session
from graphopt.inspection.subject import subject_of
from graphopt.runtime.profile import RunMetadata
from graphopt.runtime.session import Session
from graphopt.runtime.signature import paused_collection


def explain(train_op: Any, *, session: Any = None, run_metadata: RunMetadata | None = None) -> Explanation:
    """Say what a training op does.

    Args:
      train_op: what `optimize_loss`, `training_op`, `create_train_op`, or any optimizer's `minimize` or `apply_gradients` returned; any
        other operation that changes variables; a list of those that are fetched together.
      session: a session that has run it, also a monitored one: then the plan it runs is described, and hyper-parameters and variables are
        shown with their present values. Nothing is run in it and nothing in it changes.
      run_metadata: what a traced run of it has filled: then the time of each part is shown.

    Returns:
      An `Explanation`: print it, or take `to_markdown()`, `to_html()`, `to_json()` or `to_dict()`.

    Raises:
      ValueError: for what changes no variable. TypeError: when `session` is no session, or `run_metadata` no `RunMetadata`.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD", clip_gradients=1.0)
      >>> print(tf.explain(train_op))  # doctest: +ELLIPSIS
      training op OptimizeLoss/control_dependency:0
      ...
    """
    if run_metadata is not None and not isinstance(run_metadata, RunMetadata):
        raise ArgumentTypeError(f"run_metadata must be a tf.RunMetadata, got {run_metadata!r} of {type(run_metadata)}.")
    inner = to_session(session)
    with paused_collection():
        return Explanation(_content(train_op, inner, run_metadata))


def _content(train_op: Any, session: Session | None, run_metadata: RunMetadata | None) -> dict[str, Any]:
    subject = subject_of(train_op)
    present = Present(Scratch(subject.graph, session), session)
    return {
        "training_op": subject.name,
        "loss": None if subject.loss is None else subject.loss.name,
        "losses": [loss.name for loss in subject.losses],
        "value": subject.value,
        "built_at": None if subject.location is None else str(subject.location),
        "unknown": list(subject.unknown),
        "pipeline": pipeline(subject, present),
        "variables": variable_rows(subject, present),
        "optimizer_variables": [v.op.name for part in subject.parts for v in part.optimizer_variables],
        "schedules": schedules(subject, present),
        "effects": effects(subject),
        "random": random_operations(subject),
        "placeholders": placeholders(subject),
        "summaries": summaries(subject),
        "cost": cost(subject, session, run_metadata),
    }
