"""No list of op names outside ops/: what a pass or a backend wants to know about an op is a field of the op's block.

A list is a tuple, list, set, the keys of a dict, a string to be split, a run of comparisons or `case` patterns in one function, or a
container of the ops themselves. Three names make one. Where three strings are op names only by accident, a comment
``# not op names: <what they are>`` on the line says so.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import graphopt  # noqa: F401  (fills the registry)
from graphopt.ir.opdef import REGISTRY

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "graphopt"

ENOUGH = 3
EXCUSE = "# not op names:"

# `tf1/` spells TensorFlow's own tables; an `__init__.py` re-exports.
EXEMPT_FOLDERS = ("ops", "tf1")
# Names assigned to these are attributes or exports, not ops.
EXEMPT_TARGETS = ("__all__", "__slots__", "__match_args__")


def op_names() -> frozenset[str]:
    """Return graphopt's and TensorFlow's name of every op."""
    return frozenset(name for op in REGISTRY.values() for name in (op.name, op.tf_name))


def files() -> list[Path]:
    """Return the source files in which no list may stand."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if path.name != "__init__.py" and path.relative_to(PACKAGE).parts[0] not in EXEMPT_FOLDERS]


def op_lists(source: str, names: frozenset[str]) -> list[str]:
    """Return a line for each list of op names in `source`."""
    tree = ast.parse(source)
    lines = source.splitlines()
    exempt = {id(node) for node in _exempt(tree)}
    aliases = _imported_from_ops(tree)
    found = []
    for node in ast.walk(tree):
        words = [] if id(node) in exempt else list(_words(node, aliases))
        known = [word for word in words if word in names]
        # Most of them must be op names: field names of a record that share a word with an op ('min', 'max', 'sum') are no list.
        if len(set(known)) >= ENOUGH and 2 * len(known) >= len(words):
            where = range(node.lineno, (node.end_lineno or node.lineno) + 1) if not isinstance(node, ast.FunctionDef) else [node.lineno]
            if not any(EXCUSE in lines[number - 1] for number in where):
                found.append(f"line {node.lineno}: {', '.join(sorted(set(known)))}")
    return found


def _exempt(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the values of `__all__`, `__slots__` and the like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id in EXEMPT_TARGETS for t in node.targets):
            yield node.value


def _imported_from_ops(tree: ast.Module) -> frozenset[str]:
    """Return the local names of everything imported from graphopt.ops, modules and ops alike."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            from_ops = node.module.split(".")[:2] == ["graphopt", "ops"]
            names |= {alias.asname or alias.name for alias in node.names if from_ops or (node.module, alias.name) == ("graphopt", "ops")}
    return frozenset(names)


def _words(node: ast.AST, aliases: frozenset[str]) -> Iterator[str]:
    """Yield what a list, if the node is one, lists."""
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            yield from _elements(elements, aliases)
        case ast.Dict(keys=keys):
            yield from _elements([key for key in keys if key], aliases)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="split")):
            yield from text.split()
        case ast.FunctionDef():
            yield from _compared(node)


def _elements(nodes: Iterable[ast.AST], aliases: frozenset[str]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Attribute(value=ast.Name(id=base), attr=name) if base in aliases:
                yield name
            case ast.Name(id=name) if name in aliases:
                yield name


def _compared(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the strings that a function compares something with, one at a time."""
    for node in ast.walk(function):
        match node:
            case ast.Compare(ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=str(text))]):
                yield text
            case ast.MatchValue(value=ast.Constant(value=str(text))):
                yield text


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_list_of_op_names(path: Path) -> None:
    assert op_lists(path.read_text(encoding="utf-8"), op_names()) == []


def test_the_registry_is_filled() -> None:
    assert len(op_names()) > 20


NAMES = frozenset({"add", "mul", "neg", "max", "min", "sum"})


@pytest.mark.parametrize(
    "source",
    [
        "fusible = ('add', 'mul', 'neg')",
        "fusible = frozenset({'add', 'mul', 'neg', 'other'})",
        "cost = {'add': 1, 'mul': 1, 'neg': 2}",
        "fusible = 'add mul neg'.split()",
        "def f(op):\n    return op in ['add', 'mul', 'neg']",
        "def f(op):\n    if op == 'add': return 1\n    if op == 'mul': return 2\n    return op == 'neg'",
        "def f(op):\n    match op:\n        case 'add' | 'mul' | 'neg': return 1",
        "from graphopt import ops\nfusible = {ops.add, ops.mul, ops.neg}",
        "from graphopt.ops.elementwise import add, mul, neg\nfusible = (add, mul, neg)",
    ],
)
def test_a_list_is_found(source: str) -> None:
    assert len(op_lists(source, NAMES)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "pair = ('add', 'mul')",
        "fields = ('min', 'max', 'num', 'sum', 'sum_squares', 'bucket_limit', 'bucket')",
        "__slots__ = ('min', 'max', 'sum')",
        "modes = ('min', 'max', 'sum')  # not op names: how segments are combined",
        "from graphopt import ops\nx = ops.add(ops.mul(1, 2), ops.neg(3))",
        "from graphopt import ops\ngrads = (ops.add(g, g), ops.mul(g, x), ops.neg(g))",
    ],
)
def test_what_is_no_list_is_left_alone(source: str) -> None:
    assert op_lists(source, NAMES) == []
