"""`graphopt explain`: says what the training ops of a script do."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from graphopt.cli.command import FINE, FOUND, Command, CommandError, check_writable, each_with_progress, print_json, write_text
from graphopt.cli.scripts import add_run_options, run_settings
from graphopt.cli.watching import TrainingRun, Watch, training_ops, watch_script
from graphopt.inspection.explain import explain

_DESCRIPTION = """Run a TensorFlow 1 script until it is about to run a training op, and say what each training op it recorded does:
the pipeline from the loss to the step, the variables with their slots, the summaries, and what it compiles to. The script stops there;
one that runs no training op is run to its end. What the script prints goes to standard error.

examples:
  graphopt explain train.py
  graphopt explain train.py --json > train.json
  graphopt explain train.py --steps 3                  after three runs: with the compiled kernels and present values
  graphopt explain train.py -- --data mnist --fast     the script's own arguments stand after --

exit code: 0; 1 when the script records no training op, or what it exits with when it fails; 2 for wrong usage."""

# The forms besides text and JSON: an option, and the method of an explanation that writes it.
_FORMS = {"html": "to_html", "markdown": "to_markdown"}


def add_script_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the commands that run a script up to its training op."""
    parser.add_argument("script", help="the Python file")
    parser.usage = f"{parser.prog} [options] script [-- ARGUMENT ...]"
    parser.add_argument("--steps", type=_steps, default=0, metavar="N", help="let it make N runs of training ops first (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_run_options(parser)


def _steps(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"a whole number or 'all' is needed, not {text!r}")
    return int(text)


def look_at_training_ops(arguments: argparse.Namespace, look: Callable[[Any, Any], Any]) -> tuple[list[Any], int]:
    """Run a script up to its training op and look at each training op it recorded.

    Args:
      look: called with a training op and the run that the script is about to make, or None.

    Returns:
      What `look` gave for each, and the script's exit code.
    """
    looks: list[Any] = []

    def at_run(run: TrainingRun) -> None:
        # Now, while the session is open and holds the values.
        ops = training_ops(run.session.graph)
        looks.extend(look(op, run) for op in each_with_progress(ops, "training op", "looking"))

    with run_settings(arguments):
        watch, code = watch_script(
            arguments.script, arguments.arguments, steps=arguments.steps, at_run=at_run, full_traceback=arguments.full_traceback
        )
        if not watch.stopped and code == FINE:
            looks.extend(_at_end(watch, look))
    if not looks and code == FINE:
        raise NoTrainingOp(f"{arguments.script} records no training op: optimize_loss, create_train_op or minimize makes one.")
    return looks, code


class NoTrainingOp(CommandError):
    """A script made no training op."""

    exit_code = FOUND


def _at_end(watch: Watch, look: Callable[[Any, Any], Any]) -> list[Any]:
    return [look(op, None) for op in each_with_progress(watch.training_ops(), "training op", "looking")]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_script_arguments(parser)
    for form in _FORMS:
        parser.add_argument(f"--{form}", metavar="FILE", help=f"write it as {form.upper() if form == 'html' else 'Markdown'} to a file")


def _run(arguments: argparse.Namespace) -> int:
    for path in filter(None, (getattr(arguments, form) for form in _FORMS)):
        check_writable(path)
    found, code = look_at_training_ops(arguments, _explained)
    if code != FINE:
        return code
    for form, method in _FORMS.items():
        path = getattr(arguments, form)
        if path is not None:
            write_text(path, "\n".join(_in_form(each, form, method) for each in found))
    if arguments.json:
        print_json({"script": arguments.script, "training_ops": [each.to_dict() for each in found]})
    elif not any(getattr(arguments, form) for form in _FORMS):
        print("\n\n".join(map(str, found)))
    return FINE


def _explained(train_op: Any, run: TrainingRun | None) -> Any:
    return explain(train_op, session=None if run is None else run.session)


def _in_form(found: Any, form: str, method: str) -> str:
    write = getattr(found, method, None)
    if write is None:
        raise CommandError(f"this version of graphopt can't write an explanation as {form}.")
    text: str = write()
    return text


AFTER_DASHES = "the script's own options stand after --."

EXPLAIN = Command(
    "explain",
    "say what a script's training ops do",
    _DESCRIPTION,
    _add_arguments,
    _run,
    splits_at_dashes=True,
    unknown_hint=AFTER_DASHES,
)
