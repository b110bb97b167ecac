"""The public names of graphopt, compared with the snapshot in public_api.txt, and a docstring for every public callable.

A name is public when its module defines it, or re-exports it as ``X as X`` or in ``__all__``, without a leading underscore; a module is
looked into when it is public itself. After an intended change write the snapshot anew and read its difference:

    python tests/architecture/test_public_api.py > tests/architecture/public_api.txt
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SNAPSHOT = Path(__file__).with_name("public_api.txt")


def public_names(module: ModuleType) -> list[str]:
    """Return the public names of one module, sorted."""
    exported = getattr(module, "__all__", None)
    if exported is not None:
        return sorted(exported)
    source = Path(module.__file__ or "").read_text(encoding="utf-8")
    return sorted({name for name in bound_names(ast.parse(source).body) if not name.startswith("_")})


def bound_names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield what a module's own statements define or re-export; what they import for their own use is left out."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                yield name
            case ast.ImportFrom(module=str(module), level=0, names=[ast.alias(name="*")]):
                yield from public_names(importlib.import_module(module))
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.name for alias in aliases if alias.asname == alias.name)
            case ast.If(body=inner, orelse=other) | ast.Try(body=inner, orelse=other):
                yield from bound_names([*inner, *other])


def walk(path: str, value: object, seen: dict[int, str]) -> Iterator[tuple[str, object]]:
    """Yield (dotted path, value) for everything public below a namespace; a namespace met again is named, not walked again."""
    if isinstance(value, SimpleNamespace):
        names = sorted(name for name in vars(value) if not name.startswith("_"))
    elif isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "graphopt":
        names = public_names(value)
    else:
        yield path, value
        return
    if id(value) in seen:
        yield f"{path} is {seen[id(value)]}", value
        return
    seen[id(value)] = path
    for name in names:
        yield from walk(f"{path}.{name}", getattr(value, name), seen)


def public_api() -> dict[str, object]:
    """Return everything public, by dotted path."""
    return dict(walk("graphopt", importlib.import_module("graphopt"), {}))


def has_docstring(value: object) -> bool:
    """Tell whether a callable has a docstring of its own: not a parent's, and not one that was made up for it."""
    if isinstance(value, type):
        own = vars(value).get("__doc__") or ""
        is_generated = (is_dataclass(value) or hasattr(value, "_fields")) and own.startswith(f"{value.__name__}(")
        return bool(own.strip()) and not is_generated
    if inspect.isroutine(value):
        return bool((value.__doc__ or "").strip())
    own = getattr(value, "doc", None) or getattr(value, "__doc__", None) or ""  # an op's block carries its text in `doc`
    return isinstance(own, str) and bool(own.strip()) and own != type(value).__doc__


def test_public_names_are_those_of_the_snapshot() -> None:
    now, then = set(public_api()), set(SNAPSHOT.read_text(encoding="utf-8").splitlines())
    assert sorted(now - then) == [], "new public names: see the top of this file"
    assert sorted(then - now) == [], "public names that are gone: see the top of this file"


def test_every_public_callable_has_a_docstring() -> None:
    bare = [path for path, value in public_api().items() if callable(value) and not has_docstring(value)]
    assert bare == []


def test_what_counts_as_public() -> None:
    source = """
import math
import numpy as np
from a import b
from a import c as c
from a import d as e
from a import _f as _f
__version__ = "1"
float32 = object()
first, second = 1, 2
limit: int = 3
declared: int
def function(): ...
class Class: ...
if True:
    inner = 1
"""
    names = [name for name in bound_names(ast.parse(source).body) if not name.startswith("_")]
    assert names == ["c", "float32", "first", "second", "limit", "function", "Class", "inner"]


class _Bare:
    def __call__(self) -> None: ...


class _Child(SimpleNamespace):
    """A docstring."""


@pytest.mark.parametrize(
    ("value", "expected"), [(walk, True), (lambda: 0, False), (_Bare, False), (_Bare(), False), (_Child, True), (len, True)]
)
def test_what_counts_as_a_docstring(value: object, expected: bool) -> None:
    assert has_docstring(value) is expected


if __name__ == "__main__":
    print(*sorted(public_api()), sep="\n")
