"""Every example in a docstring of the package runs and prints what it says. `tf` and `np` are there without an import."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import graphopt as tf

OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Installed only with an extra: the modules that need one have no examples to run where it is missing.
OPTIONAL = ("jax", "llvmlite", "scipy", "tensorboard")


def modules() -> Iterator[ModuleType]:
    """Yield every module of the package that can be imported with what is installed."""
    yield tf
    for found in pkgutil.walk_packages(tf.__path__, "graphopt.", onerror=_only_optional):
        if not found.name.endswith("__main__"):
            try:
                yield importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                _check_optional(error)


def _only_optional(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        _check_optional(error)


def _check_optional(error: ModuleNotFoundError) -> None:
    if (error.name or "").partition(".")[0] not in OPTIONAL:
        raise error


def examples() -> list[doctest.DocTest]:
    """Return every docstring with an example, sorted by name so that all test processes see the same list."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found: dict[str, doctest.DocTest] = {}
    for module in modules():
        for test in [*finder.find(module), *_op_examples(module)]:
            if test.examples:
                found[f"{test.name}:{test.lineno}"] = test
    return [found[name] for name in sorted(found)]


def _op_examples(module: ModuleType) -> Iterator[doctest.DocTest]:
    """Yield the examples in the text of the ops that a module defines; those are values, which the finder does not look at."""
    parser = doctest.DocTestParser()
    for name, value in vars(module).items():
        text = getattr(value, "doc", None)
        if isinstance(text, str) and ">>>" in text and not isinstance(value, type):
            yield parser.get_doctest(text, dict(vars(module)), f"{module.__name__}.{name}", module.__file__, None)


def run_example(test: doctest.DocTest) -> str:
    """Run one docstring in a fresh default graph; return the report of what failed, empty when all went well."""
    report: list[str] = []
    test.globs.update({"tf": tf, "np": np})
    tf.reset_default_graph()
    try:
        doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=report.append)
    finally:
        tf.reset_default_graph()
    return "".join(report)


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_docstring(test: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = run_example(test)
    assert not report, report


def test_a_wrong_example_is_found() -> None:
    parse = doctest.DocTestParser().get_doctest
    assert run_example(parse(">>> 1 + 1\n2\n", {}, "right", None, None)) == ""
    assert "Expected:\n    3" in run_example(parse(">>> 1 + 1\n3\n", {}, "wrong", None, None))
