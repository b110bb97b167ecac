"""`graphopt run`: runs a TensorFlow 1 script."""

from __future__ import annotations

import argparse

from graphopt.cli.command import Command
from graphopt.cli.scripts import add_run_options, run_script, run_settings

_DESCRIPTION = """Run a TensorFlow 1 script with graphopt in the place of tensorflow, tensorflow.contrib and the modules below them.
Nothing of the script needs to change. Options stand before the script; what stands after it is the script's.

MNIST's four files are read from the folder that the script gives to read_data_sets, or from GRAPHOPT_MNIST_DIR.

examples:
  graphopt run train.py
  graphopt run train.py --steps 100 --logdir logs
  graphopt run --backend numpy --threads 1 train.py

exit code: the script's own; 1 when it raises, 2 when there is no such script, and for wrong usage."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_options(parser)
    parser.add_argument("script", help="the Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the script's own arguments")


def _run(arguments: argparse.Namespace) -> int:
    with run_settings(arguments):
        return run_script(arguments.script, arguments.arguments, full_traceback=arguments.full_traceback)


_AFTER_THE_SCRIPT = "the script's own options stand after the script."

RUN = Command("run", "run a TensorFlow 1 script", _DESCRIPTION, _add_arguments, _run, unknown_hint=_AFTER_THE_SCRIPT)
