"""A source file has up to 400 lines; a longer one says near its top why."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("graphopt", "tests", "examples", "benchmarks")

LIMIT = 400
REASON = "# Long because: "
NEAR_TOP = 30


def files() -> list[Path]:
    """Return every Python file of the project."""
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def is_too_long(text: str) -> bool:
    """Tell whether a file of this text is over the limit without a reason."""
    lines = text.splitlines()
    return len(lines) > LIMIT and not any(line.startswith(REASON) and line[len(REASON) :].strip() for line in lines[:NEAR_TOP])


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_file_length(path: Path) -> None:
    assert not is_too_long(path.read_text(encoding="utf-8")), (
        f"over {LIMIT} lines: split it, or write '{REASON}...' in its first {NEAR_TOP} lines"
    )


def test_a_long_file_is_found() -> None:
    body = ["x = 1"] * LIMIT
    assert not is_too_long("\n".join(body))
    assert is_too_long("\n".join([*body, "x = 1"]))
    assert is_too_long("\n".join([REASON, *body]))
    assert is_too_long("\n".join([*body, "# Long because: too late to say"]))
    assert not is_too_long("\n".join(["# Long because: one table", *body]))
