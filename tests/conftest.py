"""What all tests need before they are collected."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import graphopt as tf

# A shell that starts the tests in the background has Ctrl-C ignored, and so would the tests of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# These namespaces are loaded at first use, and only then are their optimizers in the registry that tests are generated from.
LATE_NAMESPACES = (tf.contrib.opt, tf.keras.optimizers, tf.optimizers)


# What a test must not leave out because something isn't installed: "screen", "packages", or both with a comma between them.
REQUIRED = frozenset(os.environ.get("GRAPHOPT_REQUIRED", "").split(","))


@pytest.fixture
def leave_out(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Note what a test does not look at; it is said at the end of all tests. Where it is required, the test fails."""

    def note(kind: str, what: str) -> None:
        if kind in REQUIRED:
            pytest.fail(f"not {what}; GRAPHOPT_REQUIRED asks for it", pytrace=False)
        record_property("left_out", what)

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what tests that passed have not looked at."""
    reports = [report for report in terminalreporter.stats.get("passed", []) if getattr(report, "when", "") == "call"]
    found = Counter(value for report in reports for name, value in report.user_properties if name == "left_out")
    if found:
        terminalreporter.section("left out")
        for what, count in sorted(found.items()):
            terminalreporter.write_line(f"not {what} ({count} {'test' if count == 1 else 'tests'})")
