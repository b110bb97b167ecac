"""`doctor`: what is wrong with a training op, with the user's line and the mend."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.training_info import TrainingOpInfo, training_info
from graphopt.inspection.doctoring import RULES, Case, Finding
from graphopt.runtime.session import Session

_ORDER = {"error": 0, "warning": 1, "note": 2}


class Diagnosis(Sequence[Finding]):
    """What the doctor found, the worst first. `str` gives a page for people, `to_json` the same for programs.

    Attributes:
      findings: the findings. checked: the names of the rules that looked.
    """

    def __init__(self, findings: Sequence[Finding], checked: Sequence[str]) -> None:
        self.findings = tuple(sorted(findings, key=lambda finding: _ORDER[finding.severity]))
        self.checked = tuple(checked)

    def __getitem__(self, index: Any) -> Any:
        return self.findings[index]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the findings and the names of the rules, in plain values."""
        return {"findings": [finding._asdict() for finding in self.findings], "checked": list(self.checked)}

    def to_json(self, indent: int | None = 2) -> str:
        """Return the same as JSON."""
        return json.dumps(self.to_dict(), indent=indent)

    def __str__(self) -> str:
        if not self.findings:
            return f"nothing found ({len(self.checked)} rules looked)"
        blocks = []
        for finding in self.findings:
            where = "" if finding.where is None else f"\n  at {finding.where}"
            blocks.append(f"{finding.severity}: {finding.name}{where}\n  {finding.message}\n  {finding.mend}")
        return "\n\n".join(blocks)


def doctor(
    train_op: Any,
    *,
    session: Session | None = None,
    feeds: Mapping[Any, Any] | Sequence[Mapping[Any, Any]] = (),
    checkpoint: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
) -> Diagnosis:
    """Look for faults in a training op.

    Nothing of yours is changed: what has to be tried is tried with a copy of the session's values.

    Args:
      train_op: what `optimize_loss`, `training_op` or `minimize` returned.
      session: the session it runs in, for the rules that need values. feeds: the feed dictionary of a step, or of several.
      checkpoint: the values of a checkpoint by name, to compare with. only: names of rules, to ask those alone.

    Returns:
      The findings, the worst first, each with a stable name, the user's line and the mend.

    Raises:
      TypeError: for what is no tensor or operation. ValueError: for a rule that there is not, or a session of another graph.

    Example:
      >>> x = tf.placeholder(tf.float32, [None, 2])
      >>> w = tf.get_variable("w", [2, 3])
      >>> loss = -tf.reduce_mean(tf.log(tf.nn.softmax(tf.matmul(x, w))))
      >>> train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD")
      >>> [finding.name for finding in tf.doctor(train_op)]
      ['log-of-softmax']
    """
    if not isinstance(train_op, Tensor | Operation):
        raise ArgumentTypeError(f"doctor looks at a training op: a tensor or operation, got {train_op!r} of {type(train_op)}.")
    if session is not None and session.graph is not train_op.graph:
        raise ArgumentError("The session runs another graph than the one of the training op.")
    unknown = [name for name in only or () if name not in RULES]
    if unknown:
        raise ArgumentError(f"There is no rule {unknown[0]!r}; there are {', '.join(RULES)}.")
    chosen = {name: rule for name, rule in RULES.items() if only is None or name in only}
    known = [feeds] if isinstance(feeds, Mapping) else list(feeds)
    case = Case(train_op, _info_of(train_op), session, [feed for feed in known if feed], checkpoint)
    return Diagnosis([finding for rule in chosen.values() for finding in rule(case)], list(chosen))


def _info_of(train_op: Any) -> TrainingOpInfo | None:
    with contextlib.suppress(ArgumentError):
        return training_info(train_op)
    return None
