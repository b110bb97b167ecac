"""The modules of this folder import each other by name, whatever pytest's import mode is; and the run that the viewers look at."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

import board  # noqa: E402
from browser import Browser, found, opened  # noqa: E402
from digits_run import write_runs  # noqa: E402


@pytest.fixture(scope="session")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the log directory of two short runs of the digits example."""
    folder = tmp_path_factory.mktemp("viewers") / "digits"
    write_runs(folder)
    return folder


@pytest.fixture(autouse=True)
def what_is_not_looked_at(request: pytest.FixtureRequest, leave_out: Callable[[str, str], None]) -> None:
    """Note what a test can't look at, so that it does not pass in silence."""
    missing = []
    if "browser" in request.fixturenames and found() is None:
        missing.append("Chromium or chromedriver")
    if "address" in request.fixturenames and board.command() is None:
        missing.append("TensorBoard")
    if missing:
        leave_out("screen", f"looked at on screen: no {' and no '.join(missing)}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser | None]:
    """Start a headless Chromium; None where it is not installed."""
    if found() is None:
        yield None
        return
    with opened() as window:
        yield window
