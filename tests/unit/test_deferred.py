"""Names that are loaded when they are first asked for."""

import subprocess
import sys

import pytest

import graphopt as tf
from graphopt.deferred import at_first_use, called_at_first_use

LATE = ("doctor", "explain", "export", "keras", "optimizers", "test")


def test_a_name_is_loaded_once_and_stays() -> None:
    load, names = at_first_use("graphopt.deferred", {"Fraction": "fractions:Fraction"})
    module = sys.modules["graphopt.deferred"]
    assert "Fraction" in names() and "at_first_use" in names()
    try:
        assert load("Fraction") is vars(module)["Fraction"]
    finally:
        del module.Fraction  # type: ignore[attr-defined]


def test_a_module_is_loaded_as_itself() -> None:
    load, _ = at_first_use("graphopt.deferred", {"fractions": "fractions"})
    try:
        assert load("fractions") is sys.modules["fractions"]
    finally:
        del sys.modules["graphopt.deferred"].fractions  # type: ignore[attr-defined]


def test_other_names_are_missing_as_ever() -> None:
    with pytest.raises(AttributeError, match="module 'graphopt' has no attribute 'optimisers'") as caught:
        tf.optimisers  # noqa: B018
    assert caught.value.name == "optimisers"


def test_a_function_is_loaded_when_it_is_called() -> None:
    assert called_at_first_use("fractions:Fraction")(2, denominator=4) == 0.5


def test_the_import_loads_none_of_the_late_parts() -> None:
    program = (
        "import sys, graphopt as tf\n"
        "late = ('graphopt.inspection', 'graphopt.train.keras', 'graphopt.train.external', 'graphopt.testing', 'networkx', 'unittest')\n"
        "print(*[name for name in sys.modules if name.startswith(late)])\n"
        f"print(*[name for name in {LATE} if name not in dir(tf)])\n"
        f"for name in {LATE}: getattr(tf, name)\n"
        "print(tf.contrib.opt.LazyAdamOptimizer.__name__, tf.contrib.estimator.clip_gradients_by_norm.__name__)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "", "LazyAdamOptimizer clip_gradients_by_norm"]
