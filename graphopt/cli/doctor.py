"""`graphopt doctor`: looks for faults in the training ops of a script."""

from __future__ import annotations

import argparse
from typing import Any

from graphopt.cli.command import FINE, FOUND, Command, print_json
from graphopt.cli.explain import add_script_arguments, look_at_training_ops
from graphopt.cli.late import needed

_DESCRIPTION = """Run a TensorFlow 1 script until it is about to run a training op, and look for faults in each training op it recorded:
update ops that never run, a step that nobody counts, a learning rate that a checkpoint overrides, and more. Each finding has a name,
a severity, the line and the mend. What the script prints goes to standard error.

examples:
  graphopt doctor train.py
  graphopt doctor train.py --steps 100        after 100 runs: findings that need values, too
  graphopt doctor train.py --json -- --data mnist

exit code: 0 without findings; 1 with findings, or what the script exits with when it fails; 2 for wrong usage."""


def _run(arguments: argparse.Namespace) -> int:
    doctor = needed("graphopt.inspection.doctor", "doctor", "doctor")
    looks, code = look_at_training_ops(arguments, lambda op, session: (op.name, _examined(doctor, op, session)))
    if code != FINE:
        return code
    if arguments.json:
        findings = [{"training_op": name, "findings": [_plain(finding) for finding in found]} for name, found in looks]
        print_json({"script": arguments.script, "training_ops": findings})
    else:
        for name, found in looks:
            print(f"training op {name}: {len(found) or 'no'} finding{'s' * (len(found) != 1)}")
            for finding in found:
                print(f"\n{finding}")
    return FOUND if any(found for _, found in looks) else FINE


def _examined(doctor: Any, train_op: Any, session: Any) -> list[Any]:
    return list(doctor(train_op) if session is None else doctor(train_op, session=session))


def _plain(finding: Any) -> Any:
    """Return a finding as JSON takes it."""
    return finding.to_dict() if hasattr(finding, "to_dict") else finding._asdict() if hasattr(finding, "_asdict") else str(finding)


DOCTOR = Command("doctor", "look for faults in a script's training ops", _DESCRIPTION, add_script_arguments, _run, splits_at_dashes=True)
