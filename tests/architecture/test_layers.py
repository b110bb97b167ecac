"""The layers of the package: a layer imports only layers below it, siblings do not import each other, no import hides in a function.

`LAYERS` is the one place that says which module or package stands where. It follows the layout in docs/architecture.md.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "graphopt"

# From the lowest to the highest. Names in one row are siblings. The base modules stand in rows of their own, in the order in which they
# may use each other.
LAYERS = (
    ("errors",),
    ("system_errors",),
    ("deferred",),
    ("config",),
    ("dtypes",),
    ("shapes",),
    ("ir",),
    ("ops",),
    ("graph",),
    ("autodiff", "compiler"),
    ("backends",),
    ("runtime",),
    ("train", "summary", "inspection", "testing"),
    ("tf1",),
    ("cli",),
    ("__init__", "__main__"),
)
HEIGHT = {unit: height for height, row in enumerate(LAYERS) for unit in row}


class Import(NamedTuple):
    """One import of a part of graphopt."""

    line: int
    unit: str
    in_function: bool


def files() -> list[Path]:
    """Return every source file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def unit_of(module: str) -> str:
    """Return which row entry a module belongs to: 'graphopt.ir.node' to 'ir', 'graphopt' itself to '__init__'."""
    _, _, rest = module.partition(".")
    return rest.split(".")[0] or "__init__"


def module_of(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[Import]:
    """Yield the imports of graphopt in `source`, which is the text of `module`."""
    package = module if is_package else module.rpartition(".")[0]
    yield from _imports_below(ast.parse(source), package, in_function=False)


def _imports_below(node: ast.AST, package: str, *, in_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for target in _targets(child, package):
            if target.split(".")[0] == "graphopt":
                yield Import(child.lineno, unit_of(target), in_function)
        # A module's own __getattr__ is how it loads a name late; the layers hold for it all the same.
        enters = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and getattr(child, "name", "") != "__getattr__"
        yield from _imports_below(child, package, in_function=in_function or enters)


def _targets(node: ast.AST, package: str) -> list[str]:
    """Return the modules that one node of the syntax tree imports, as far as the text says."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        # `from graphopt import x` is the module graphopt.x where there is one, and a public name of graphopt otherwise.
        return [f"graphopt.{a.name}" if a.name in HEIGHT else base for a in node.names] if base == "graphopt" else [base]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called == "called_at_first_use":
            return [node.args[0].value.partition(":")[0]]
        return [node.args[0].value] if called in ("import_module", "__import__") else []
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "at_first_use" and isinstance(node.args[1], ast.Dict):
        return [ast.literal_eval(value).partition(":")[0] for value in node.args[1].values]
    return []


def wrong_imports(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Return a line for each import that goes up or sideways."""
    own = unit_of(module)
    found = imports(source, module, is_package=is_package)
    return [f"line {i.line}: {own} imports {i.unit}" for i in found if i.unit != own and HEIGHT[i.unit] >= HEIGHT[own]]


def hidden_imports(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Return a line for each import of graphopt inside a function."""
    return [f"line {i.line}: {i.unit}" for i in imports(source, module, is_package=is_package) if i.in_function]


def test_every_module_has_a_layer() -> None:
    units = {unit_of(module_of(path)) for path in files()}
    assert units, f"no source found in {PACKAGE}"
    assert units <= set(HEIGHT), "give each of these its place in LAYERS"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path: Path) -> None:
    source, module, is_package = path.read_text(encoding="utf-8"), module_of(path), path.name == "__init__.py"
    assert wrong_imports(source, module, is_package=is_package) == []
    assert hidden_imports(source, module, is_package=is_package) == []


@pytest.mark.parametrize(
    "source",
    [
        "from graphopt.graph import graph",
        "import graphopt.runtime.session as s",
        "from graphopt import compiler",
        "from graphopt import placeholder",
        "import graphopt as tf",
        "from ..runtime import session",
        "from .. import compiler",
        "if TYPE_CHECKING:\n    from graphopt.graph.graph import Graph",
        "importlib.import_module('graphopt.backends.native')",
        "def __getattr__(name):\n    return import_module('graphopt.train')",
        "load, names = at_first_use(__name__, {'Session': 'graphopt.runtime.session:Session'})",
        "run = called_at_first_use('graphopt.runtime.session:Session')",
    ],
)
def test_an_import_that_goes_up_is_found(source: str) -> None:
    assert len(wrong_imports(source, "graphopt.ops.elementwise")) == 1


def test_an_import_of_a_sibling_is_found() -> None:
    assert wrong_imports("from graphopt.compiler import pipeline", "graphopt.autodiff.gradients") == ["line 1: autodiff imports compiler"]


def test_an_import_that_goes_down_or_stays_is_allowed() -> None:
    source = (
        "from graphopt import errors\nfrom graphopt.ir.bind import bind\nfrom . import reduce\nfrom .shape import reshape\nimport numpy"
    )
    assert wrong_imports(source, "graphopt.ops.elementwise") == []
    assert wrong_imports("from . import bind\nfrom ..errors import ShapeError", "graphopt.ir", is_package=True) == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    from graphopt import errors",
        "class C:\n    def f(self):\n        import graphopt.ir",
        "f = lambda: import_module('graphopt.ir')",
    ],
)
def test_an_import_inside_a_function_is_found(source: str) -> None:
    assert len(hidden_imports(source, "graphopt.ops.elementwise")) == 1
