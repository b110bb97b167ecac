"""What all tests need before they are collected."""

import os
import signal
from collections import Counter
from typing import Any

import graphopt as tf

# A shell that starts the tests in the background has Ctrl-C ignored, and so would the tests of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# These namespaces are loaded at first use, and only then are their optimizers in the registry that tests are generated from.
LATE_NAMESPACES = (tf.contrib.opt, tf.keras.optimizers, tf.optimizers)


# What a test must not leave out, because something isn't installed: "screen", "packages", or both with a comma.
REQUIRED = frozenset(os.environ.get("GRAPHOPT_REQUIRED", "").split(","))


def pytest_runtest_logreport(report: Any) -> None:
    """Let a test fail that left out what is required of it."""
    if report.when == "call" and report.passed:
        missing = [f"not {what}" for kind, what in left_out(report) if kind in REQUIRED]
        if missing:
            report.outcome, report.longrepr = "failed", "; ".join(missing)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what tests that passed have not looked at."""
    reports = [report for report in terminalreporter.stats.get("passed", []) if getattr(report, "when", "") == "call"]
    found = Counter(what for report in reports for _, what in left_out(report))
    if found:
        terminalreporter.section("left out")
        for what, count in sorted(found.items()):
            terminalreporter.write_line(f"not {what} ({count} {'test' if count == 1 else 'tests'})")


def left_out(report: Any) -> list[tuple[str, str]]:
    """Return what a test has noted with ``record_property("left_out", (kind, what))``."""
    return [tuple(value) for name, value in report.user_properties if name == "left_out"]
