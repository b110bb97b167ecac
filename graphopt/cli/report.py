"""`graphopt report`: one HTML page about a folder of event files."""

from __future__ import annotations

import argparse

from graphopt.cli.command import FINE, Command, existing_folder, print_json, write_text
from graphopt.cli.late import needed

_DESCRIPTION = """Write one self-contained HTML page about a training run: curves, histograms, the pipeline and the findings, from the
event files of a folder. It opens in any browser, without a server.

examples:
  graphopt report logs -o report.html

exit code: 0; 2 when there is no such folder, or the page can't be written."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("logdir", help="the folder with the event files")
    parser.add_argument("-o", "--output", metavar="FILE", default="report.html", help="the page (default: report.html)")
    parser.add_argument("--json", action="store_true", help="print where the page is as JSON")


def _run(arguments: argparse.Namespace) -> int:
    folder = existing_folder(arguments.logdir)
    page: str = needed("graphopt.inspection.report", "report", "report")(folder)
    write_text(arguments.output, page)
    if arguments.json:
        print_json({"logdir": str(folder), "report": arguments.output})
    else:
        print(arguments.output)
    return FINE


REPORT = Command("report", "write an HTML page about a training run", _DESCRIPTION, _add_arguments, _run)
