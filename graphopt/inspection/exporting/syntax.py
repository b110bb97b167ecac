"""The syntax tree of a function, a class or a module's constant of graphopt, found in the source file it was read from."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path
from types import CodeType
from typing import Any

Function = ast.FunctionDef | ast.Lambda


class NotStandAlone(Exception):
    """Something that can't be written into a file of its own; the text says what and why.

    Attributes:
      operation: the recorded operation that needs it, once it is known.
    """

    operation: Any = None


def function_syntax(function: Any) -> Function:
    """Return the syntax tree of a Python function: a `def` or the very lambda.

    Args:
      function: a function of an imported module.

    Raises:
      NotStandAlone: when the source isn't there, or several lambdas of one line could be it.
    """
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = [node for node in _functions_by_line(function.__module__).get(code.co_firstlineno, ()) if _has_names(node, code.co_name, names)]
    if code.co_name == "<lambda>" and len(found) > 1:
        found = _around(found, code)
    if len(found) != 1:
        raise NotStandAlone(f"the source of the function {function.__qualname__} in {function.__module__} can't be found")
    return found[0]


def class_syntax(kind: type) -> ast.ClassDef:
    """Return the syntax tree of a class that stands at the top of its module.

    Raises:
      NotStandAlone: when there is no such class.
    """
    for node in module_syntax(kind.__module__).body:
        if isinstance(node, ast.ClassDef) and node.name == kind.__qualname__:
            return node
    raise NotStandAlone(f"the source of the class {kind.__qualname__} in {kind.__module__} can't be found")


def constant_syntax(module: str, name: str) -> tuple[str, ast.expr]:
    """Return the module that gives a name its value, and the expression of the value.

    Args:
      module: a module in which the name stands at the top, assigned or imported. name: the name.

    Raises:
      NotStandAlone: when it is not assigned once, by itself.
    """
    values: list[ast.expr] = []
    for node in module_syntax(module).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return constant_syntax(node.module, alias.name)
        elif isinstance(node, ast.Assign):
            values.extend([node.value for target in node.targets if isinstance(target, ast.Name) and target.id == name])
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name and node.value is not None:
            values.append(node.value)
    if len(values) != 1:
        raise NotStandAlone(f"the value of {name} in {module} is not one expression")
    return module, values[0]


@functools.cache
def module_syntax(module: str) -> ast.Module:
    """Return the syntax tree of an imported module.

    Raises:
      NotStandAlone: when its source isn't there.
    """
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None or not Path(path).is_file():
        raise NotStandAlone(f"the source file of the module {module} is not there")
    return ast.parse(Path(path).read_text(encoding="utf-8"))


@functools.cache
def _functions_by_line(module: str) -> dict[int, list[Function]]:
    """Return the functions of a module by the line at which Python says that they begin: that of their first decorator."""
    found: dict[int, list[Function]] = {}
    for node in ast.walk(module_syntax(module)):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(min([d.lineno for d in node.decorator_list], default=node.lineno), []).append(node)
        elif isinstance(node, ast.Lambda):
            found.setdefault(node.lineno, []).append(node)
    return found


def _has_names(node: Function, name: str, names: tuple[str, ...]) -> bool:
    arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return getattr(node, "name", "<lambda>") == name and tuple(arguments) == names


def _around(lambdas: list[Function], code: CodeType) -> list[Function]:
    """Return the innermost of some lambdas in whose text the whole code stands."""
    places = [(line, column) for line, _, column, _ in code.co_positions() if line is not None and column]
    fitting = [node for node in lambdas if isinstance(node, ast.Lambda) and _holds(node.body, places)]
    last = max(fitting, key=lambda node: (node.lineno, node.col_offset), default=None)
    return [] if last is None else [last]


def _holds(node: ast.expr, places: list[tuple[int, int]]) -> bool:
    start, end = (node.lineno, node.col_offset), (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return bool(places) and all([start <= place <= end for place in places])
