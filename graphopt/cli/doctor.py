"""`graphopt doctor`: looks for faults in the training ops of a script."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from graphopt.cli.command import FINE, FOUND, Command, CommandError, each_with_progress, print_json, warnings_in_lines
from graphopt.cli.explain import AFTER_DASHES, add_script_arguments, look_at_training_ops
from graphopt.cli.watching import TrainingRun
from graphopt.errors import GraphOptError, OpError, first_line
from graphopt.inspection.doctor import Diagnosis, doctor
from graphopt.inspection.doctoring import RULES, CheckpointValues, numbers_of
from graphopt.train.checkpoints.reader import load_checkpoint

_DESCRIPTION = """Run a TensorFlow 1 script until it is about to run a training op, and look for faults in each training op it recorded:
update ops that never run, a step that nobody counts, a learning rate that a checkpoint overrides, and more. Each finding has a name,
a severity, the line and the mend. What the script prints goes to standard error.

examples:
  graphopt doctor train.py
  graphopt doctor train.py --steps 100        after 100 runs, with the values that the variables have then
  graphopt doctor train.py --checkpoint logs  with a look at what the newest checkpoint would restore
  graphopt doctor train.py --json -- --data mnist

exit code: 0 without findings, or with notes alone; 1 with errors or warnings, or what the script exits with when it fails;
2 for wrong usage."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_script_arguments(parser)
    parser.add_argument("--checkpoint", metavar="PATH", help="compare with the values of a checkpoint: its prefix or its folder")
    parser.add_argument("--only", action="append", choices=list(RULES), metavar="RULE", help=f"ask this rule alone: {', '.join(RULES)}")


def _run(arguments: argparse.Namespace) -> int:
    checkpoint = None if arguments.checkpoint is None else _values(arguments.checkpoint)

    def look(train_op: Any, run: TrainingRun | None) -> tuple[str, Diagnosis]:
        seen: dict[str, Any] = {} if run is None else {"session": run.session, "feeds": run.known_feeds.get(train_op) or ()}
        return train_op.name, doctor(train_op, checkpoint=checkpoint, only=arguments.only, **seen)

    looks, code = look_at_training_ops(arguments, look)
    if code != FINE:
        return code
    if arguments.json:
        print_json({"script": arguments.script, "training_ops": [{"training_op": name, **found.to_dict()} for name, found in looks]})
    else:
        print("\n\n".join(f"training op {name}\n\n{found}" for name, found in looks))
    if any(reason.startswith("no session") for _, found in looks for reason in found.not_checked.values()):
        print("graphopt: the script has ended, and its session is closed; --steps N looks at it while it runs.", file=sys.stderr)
    return FOUND if any(finding.severity != "note" for _, found in looks for finding in found) else FINE


def _values(path: str) -> CheckpointValues:
    """Return the numbers of a checkpoint.

    Raises:
      CommandError: when it can't be read.
    """
    try:
        with warnings_in_lines():
            reader = load_checkpoint(path)
            names = each_with_progress(reader.variables, "variable", "reading the checkpoint")
            return numbers_of(str(reader.path), {name: reader.get_tensor(name) for name in names}, reader.manifest or {})
    except (OpError, GraphOptError) as error:
        raise CommandError(first_line(error)) from None  # message from: the checkpoint's reader


DOCTOR = Command(
    "doctor",
    "look for faults in a script's training ops",
    _DESCRIPTION,
    _add_arguments,
    _run,
    splits_at_dashes=True,
    unknown_hint=AFTER_DASHES,
)
