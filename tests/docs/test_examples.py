"""Every script in examples/ runs without a warning; the main one reaches its accuracy and prints the same text twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MAIN = EXAMPLES / "train_digits.py"

# An example that offers --steps is run with this many, except the main one, which runs whole.
FEW_STEPS = "5"


def scripts() -> list[Path]:
    """Return every example but the main one."""
    return sorted(set(EXAMPLES.glob("*.py")) - {MAIN})


def run_script(script: Path, folder: Path, *arguments: str) -> str:
    """Run one example in `folder`, so that what it writes lands there; return what it printed."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, str(script), *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, f"{script.name} failed\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}"
    return result.stdout


@pytest.mark.parametrize("script", scripts(), ids=lambda script: script.name)
def test_example_runs(script: Path, tmp_path: Path) -> None:
    offers_steps = "--steps" in script.read_text(encoding="utf-8")
    assert run_script(script, tmp_path, *(["--steps", FEW_STEPS] if offers_steps else []))


def test_the_digits_are_learned_and_the_same_twice(tmp_path: Path) -> None:
    first, second = (run_script(MAIN, tmp_path / name) for name in ("first", "second"))
    found = re.search(r"accuracy\D*?([\d.]+) ?%", first)
    assert found, f"no accuracy in what was printed:\n{first}"
    assert float(found[1]) >= 97.0
    assert first == second
