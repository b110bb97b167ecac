"""`import graphopt` loads nothing that only some users need. How long it takes is measured in benchmarks/, not here."""

import subprocess
import sys

import pytest

LATE = ("jax", "llvmlite", "matplotlib", "networkx", "scipy", "tensorboard", "tensorflow", "tqdm")

PROGRAM = """
import sys
before = set(sys.modules)
import {module}
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}}))
"""


def loaded_by(module: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has loaded after importing `module`."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(module=module)], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


def test_import_loads_nothing_optional() -> None:
    loaded = loaded_by("graphopt")
    assert {"graphopt", "numpy"} <= loaded
    assert loaded.isdisjoint(LATE), f"import graphopt loads {sorted(loaded.intersection(LATE))}"


@pytest.mark.parametrize("module", ["networkx", "tqdm"])
def test_a_loaded_package_is_seen(module: str) -> None:
    assert module in loaded_by(module)
