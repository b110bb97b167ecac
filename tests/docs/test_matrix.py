"""The matrix of stages in `docs/training_op.md`: graphopt's column is full, and every cell links tests that exist."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SECTION = "## Who has which stage"


def rows() -> dict[str, str]:
    """Return graphopt's cell by stage."""
    table = (DOCS / "training_op.md").read_text(encoding="utf-8").split(SECTION)[1]
    cells = [[cell.strip() for cell in line.strip("|\n ").split("|")] for line in table.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in cells if row[0] != "stage" and not row[0].startswith("--")}


def test_the_matrix_has_the_rows_of_the_stages() -> None:
    assert len(rows()) >= 25


@pytest.mark.parametrize("stage", sorted(rows()))
def test_every_cell_links_tests_that_exist(stage: str) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", rows()[stage])
    assert links, f"graphopt's cell of {stage!r} links no test"
    for path, name in links:
        file = DOCS / path
        assert file.is_file(), path
        text = file.read_text(encoding="utf-8")
        assert f"def {name or 'test_'}" in text, f"{path} has no {name}"
