"""`graphopt report`: one HTML page about a folder of event files."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from graphopt.cli.command import FINE, Command, CommandError, check_writable, existing_folder, print_json, progress, write_text
from graphopt.errors import GraphOptError, OpError, first_line
from graphopt.inspection.report import read_report_data, report
from graphopt.summary import read

_DESCRIPTION = """Write one self-contained HTML page about a training run: curves, histograms, the pipeline and the findings, from the
event files of a folder and those below it. It opens in any browser, without a server.

examples:
  graphopt report logs -o report.html
  graphopt report logs --title "first try" --json

exit code: 0, with warnings on standard error about files that are broken and were read up to the break; 2 when there is no such folder,
nothing in it to show, or the page can't be written."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("logdir", help="the folder with the event files")
    parser.add_argument("-o", "--output", metavar="FILE", default="report.html", help="the page (default: report.html)")
    parser.add_argument("--title", help="the heading (default: the folder's name)")
    parser.add_argument("--json", action="store_true", help="print where the page is as JSON")


def _run(arguments: argparse.Namespace) -> int:
    folder = existing_folder(arguments.logdir)
    check_writable(arguments.output)
    page, troubles = _page(folder, arguments.title or folder.resolve().name)
    write_text(arguments.output, page)
    for trouble in troubles:
        print(f"graphopt: {trouble}", file=sys.stderr)
    if arguments.json:
        print_json({"logdir": str(folder), "report": arguments.output, "warnings": troubles})
    else:
        print(arguments.output)
    return FINE


def _page(folder: Path, title: str) -> tuple[str, list[str]]:
    """Return the page about a folder, and what was wrong with its files.

    Raises:
      CommandError: when there is nothing to show, or a file is broken beyond use.
    """
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with progress(None, "B", "reading the log", unit_scale=True) as bar:
                log, training = read(folder, on_progress=bar.tell), read_report_data(folder)
        troubles = [str(warning.message) for warning in caught]
        return report(log, title=title, training=training, warnings=troubles), troubles
    except (OpError, GraphOptError) as error:
        raise CommandError(first_line(error)) from None  # message from: the reader of the event files


REPORT = Command("report", "write an HTML page about a training run", _DESCRIPTION, _add_arguments, _run)
