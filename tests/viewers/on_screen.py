"""Take pictures of a run of the digits example in TensorBoard and in the report, to look at by hand.

    PYTHONPATH=. python tests/viewers/on_screen.py FOLDER [LOGDIR]

Needs chromium and chromedriver; TensorBoard is started with this Python, from the path, or as `GRAPHOPT_TENSORBOARD` says, and left out
where there is none.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import board
from browser import Browser, found, opened
from digits_run import write_runs

from graphopt.cli import main as graphopt

PAGES = ("scalars", "histograms", "distributions", "graphs", "images", "text", "hparams", "timeseries")
# The pages draw themselves bit by bit.
_SECONDS = 5.0
_THEME = "const s = document.getElementById('theme'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"


def main(folder: Path, logdir: Path | None) -> int:
    """Write the pictures into a folder; return the exit code."""
    if found() is None:
        print("chromium and chromedriver are needed: apt-get install chromium chromium-driver", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    if logdir is None:
        logdir = folder / "runs"
        write_runs(logdir)
    with opened() as browser:
        _report(browser, folder, logdir)
        if board.command() is None:
            print("no TensorBoard is installed: its pages are left out", file=sys.stderr)
        else:
            _tensorboard(browser, folder, logdir)
    print(*sorted(folder.glob("*.png")), sep="\n")
    return 0


def _report(browser: Browser, folder: Path, logdir: Path) -> None:
    page = folder / "report.html"
    graphopt(["report", str(logdir), "-o", str(page)])
    browser.open(page.resolve().as_uri())
    for theme in ("light", "dark"):
        browser.run(_THEME, theme)
        for section in browser.run("return [...document.querySelectorAll('main section')].map(section => section.id)"):
            browser.run("document.getElementById(arguments[0]).scrollIntoView()", section)
            time.sleep(0.3)
            browser.picture(folder / f"report-{theme}-{section}.png")


def _tensorboard(browser: Browser, folder: Path, logdir: Path) -> None:
    with board.serving(logdir) as address:
        for page in PAGES:
            browser.open(f"{address}/?darkMode=false&page={page}#{page}")
            time.sleep(_SECONDS)
            browser.picture(folder / f"tensorboard-{page}.png")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
