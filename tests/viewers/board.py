"""TensorBoard as a server of its own, and what stands on its pages."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from browser import wait_until

_ADDRESS = re.compile(r"http://[^\s/]+:\d+")
# TensorBoard's pages are made of elements with trees of their own; this finds elements in all of them, in the order of the page.
DEEP = """
const deep = (query, root = document) => {
  const found = [];
  for (const element of root.querySelectorAll('*')) {
    if (element.matches(query)) found.push(element);
    if (element.shadowRoot) found.push(...deep(query, element.shadowRoot));
  }
  return found;
};
const isSeen = element => { const box = element.getBoundingClientRect(); return box.width > 1 && box.height > 1; };
"""


def command() -> list[str] | None:
    """Return how TensorBoard is started: with this Python, as `GRAPHOPT_TENSORBOARD` says, or from the path; None where there is none."""
    given = os.environ.get("GRAPHOPT_TENSORBOARD") or shutil.which("tensorboard")
    if importlib.util.find_spec("tensorboard") is not None:
        return [sys.executable, "-m", "tensorboard.main"]
    return [given] if given else None


@contextmanager
def serving(logdir: Path) -> Iterator[str]:
    """Start TensorBoard on a log directory, yield its address, and end it afterwards."""
    start = command()
    assert start is not None, "tensorboard is needed"
    with tempfile.TemporaryDirectory(prefix="board-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            # The plain loader: the other is a program of its own, which is not there for every processor.
            options = ["--logdir", str(logdir), "--port", "0", "--host", "127.0.0.1", "--load_fast", "false", "--reload_interval", "1"]
            server = subprocess.Popen([*start, *options], stdout=output, stderr=output)
        try:
            yield wait_until(lambda: _address(log), "TensorBoard", 120)
        finally:
            server.terminate()
            server.wait(30)


def _address(log: Path) -> str:
    found = _ADDRESS.search(log.read_text(errors="replace"))
    return found[0] if found else ""
