"""Every error that graphopt builds has a test that knows its text.

`sites` reads the source and finds every call that builds an error: a call of an error class, of what a `raise` calls, or of a function that
hands a text of its caller on to one of these. The literal parts of the text are compared with the strings of the tests. A test's string
stands for the texts it shares most with, so a few common words don't make it the test of every error that has them.

Nothing is asked of

* `AssertionError` and `NotImplementedError`: an invariant of graphopt, and a method its subclasses must write;
* `NotLowered`: no error but the reason, shown by `explain`, why a node runs in Python;
* a raise without a text of its own: `raise`, `raise error` (built, and found, somewhere else), `raise NotPossible` (caught by its caller),
  and an error of another class with nothing but the text of the error that was caught;
* a call in whose text no literal has room for a word, if a comment `# message from: ...` says who writes the text.
"""

import ast
import builtins
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LENGTH = 12
SHORTEST = 4
EXEMPT = {"AssertionError", "NotImplementedError", "NotLowered"}
COMMENT = re.compile(r"# message from: \w")
FIELD = re.compile(r"\{[^{}]*\}|%[sdrg]")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Site(NamedTuple):
    """One call that builds an error, and the literal parts of its text."""

    path: str
    line: int
    name: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}: {' ... '.join(self.parts) or 'no literal text'}"


class Module(NamedTuple):
    """One source file, its lines, and for each call the functions it stands in, from the inside out."""

    path: str
    lines: list[str]
    tree: ast.Module
    calls: list[tuple[ast.Call, tuple[Function, ...], bool]]


def name_of(node: ast.AST) -> str:
    """Return the last name of `f`, `m.f` and `f(...)`; '' for anything else."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def read(path: str, source: str) -> Module:
    """Return what the scan needs of one file."""
    tree = ast.parse(source)
    calls: list[tuple[ast.Call, tuple[Function, ...], bool]] = []

    def walk(node: ast.AST, inside: tuple[Function, ...], raised: bool) -> None:
        if isinstance(node, ast.Call):
            calls.append((node, inside, raised))
        if isinstance(node, Function):
            inside = (node, *inside)
        for child in ast.iter_child_nodes(node):
            walk(child, inside, isinstance(node, ast.Raise) and child is node.exc)

    walk(tree, (), False)
    return Module(path, source.splitlines(), tree, calls)


def error_classes(modules: Iterable[Module]) -> set[str]:
    """Return the names of the exception classes: Python's, and those the modules define."""
    known = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)}
    classes = [node for module in modules for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    before = 0
    while before != len(known):
        before = len(known)
        known |= {c.name for c in classes if any(name_of(base) in known for base in c.bases)}
    return known


def parameters(function: Function) -> list[str]:
    """Return the names of the parameters as a caller counts them."""
    a = function.args
    names = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def assigned(name: str, scope: ast.AST) -> list[ast.expr]:
    """Return the values that statements in `scope` give to `name`."""
    return [
        node.value
        for node in ast.walk(scope)
        if (isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets))
        or (isinstance(node, ast.AugAssign | ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name)
        if node.value is not None
    ]


def texts(node: ast.AST, module: Module, inside: tuple[Function, ...], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the literal parts of an expression, with the names looked up that the function or the module assigns."""
    if isinstance(node, ast.Constant):
        yield from FIELD.split(node.value) if isinstance(node.value, str) else ()
    elif isinstance(node, ast.Name):
        if node.id not in seen:
            # A parameter hides the module's name.
            scopes = [*inside, *([] if any(node.id in parameters(f) for f in inside) else [module.tree])]
            values = next((found for scope in scopes if (found := assigned(node.id, scope))), [])
            for value in values:
                yield from texts(value, module, inside, seen | {node.id})
    elif isinstance(node, ast.Attribute):
        yield from texts(node.value, module, inside, seen)
    elif isinstance(node, ast.FormattedValue):
        if isinstance(node.value, ast.Name):
            yield from texts(node.value, module, inside, seen)
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body, module, inside, seen), *texts(node.orelse, module, inside, seen))
    elif not isinstance(node, ast.Subscript | ast.Compare | ast.BoolOp):
        for child in ast.iter_child_nodes(node):
            yield from texts(child, module, inside, seen)


def literal_parts(nodes: Iterable[ast.AST], module: Module, inside: tuple[Function, ...]) -> tuple[str, ...]:
    """Return the literal parts with a letter in them, the longest first; none if there is no room for a word in any."""
    parts = {part for node in nodes for part in texts(node, module, inside) if any(c.isalpha() for c in part)}
    ordered = sorted(parts, key=lambda part: (-len(part), part))
    return tuple(ordered) if ordered and len(ordered[0].strip()) >= SHORTEST else ()


def is_passed_on(nodes: Iterable[ast.AST], inside: tuple[Function, ...]) -> bool:
    """Tell whether the text is made of an error that was caught here."""
    caught = {node.name for function in inside for node in ast.walk(function) if isinstance(node, ast.ExceptHandler)}
    return any(isinstance(name, ast.Name) and name.id in caught for node in nodes for name in ast.walk(node))


def is_local(name: str, inside: tuple[Function, ...]) -> bool:
    """Tell whether a name is a variable of the functions around."""
    return any(name in parameters(function) or assigned(name, function) for function in inside)


def handed_on(call: ast.Call, inside: tuple[Function, ...]) -> tuple[str, str] | None:
    """Return the function and the parameter of it that holds the text of an error, if the last argument is one or formats one."""
    last = call.args[-1] if call.args else None
    if isinstance(last, ast.Call) and isinstance(last.func, ast.Attribute) and last.func.attr == "format":
        last = last.func.value
    if isinstance(last, ast.Name):
        for function in inside:
            if last.id in parameters(function) and not assigned(last.id, function):
                return function.name, last.id
    return None


def argument(call: ast.Call, names: list[str], wanted: str) -> list[ast.expr]:
    """Return the argument that a call gives for one parameter."""
    found = [k.value for k in call.keywords if k.arg == wanted]
    index = names.index(wanted)
    return found or call.args[index : index + 1]


def has_comment(call: ast.Call, module: Module) -> bool:
    """Tell whether a comment on the lines of the call, or on the line above, says where the text comes from."""
    return any(COMMENT.search(line) for line in module.lines[max(call.lineno - 2, 0) : call.end_lineno])


def sites(sources: dict[str, str]) -> list[Site]:
    """Return every place in the sources (path to text) that writes the text of an error."""
    modules = [read(path, source) for path, source in sources.items()]
    classes = error_classes(modules)
    functions = {f.name: f for module in modules for f in ast.walk(module.tree) if isinstance(f, Function)}
    makers: dict[str, str] = {}
    found: dict[tuple[str, int, int], Site] = {}
    while True:
        known = len(makers)
        for module in modules:
            for call, inside, raised in module.calls:
                name = name_of(call)
                if name in EXEMPT or (name in functions and name not in makers and not is_local(name, inside)):
                    continue
                if name in makers:
                    nodes = argument(call, parameters(functions[name]), makers[name])
                elif name in classes or (raised and name != "with_op"):
                    nodes = call.args
                else:
                    continue
                key = (module.path, call.lineno, call.col_offset)
                parts = literal_parts(nodes, module, inside)
                maker = None if parts else handed_on(ast.Call(call.func, nodes, []), inside)
                if maker is not None:
                    makers.setdefault(*maker)
                elif nodes and (parts or not (has_comment(call, module) or is_passed_on(nodes, inside))):
                    found[key] = Site(module.path, call.lineno, name, parts)
        if len(makers) == known:
            return sorted(found.values())


def strings(source: str) -> set[str]:
    """Return the strings of a test file, docstrings left out, as written and as a pattern's text without its escapes."""
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    values = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in docs}
    return values | {re.sub(r"\\([^\w\s]|\s)", r"\1", value) for value in values}


def shared(part: str, string: str) -> range:
    """Return where in `string` the longest text stands that both have, if it has `LENGTH` or is the whole part; else nothing."""
    best, least = range(0), min(LENGTH, len(part))
    for start in range(len(part) - least + 1):
        size = max(len(best) + 1, least)
        while start + size <= len(part) and (at := string.find(part[start : start + size])) >= 0:
            best, size = range(at, at + size), size + 1
    return best


def nearness(parts: Iterable[str], string: str) -> int:
    """Return how much of a string is text of the parts."""
    return len({at for part in parts for at in shared(part, string)})


def without_a_test(found: Iterable[Site], known: Iterable[str]) -> list[Site]:
    """Return the sites whose text no string is nearest to."""
    found = list(found)
    by_start: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for parts in {site.parts for site in found if site.parts}:
        # A text is known by any part of `LENGTH`, or by the longest if none is as long.
        for part in [part for part in parts if len(part) >= LENGTH] or parts[:1]:
            size = min(LENGTH, len(part))
            for i in range(len(part) - size + 1):
                by_start[part[i : i + size]].add(parts)
    sizes = {len(start) for start in by_start}
    tested: set[tuple[str, ...]] = set()
    for string in known:
        near = {parts for size in sizes for i in range(len(string) - size + 1) for parts in by_start.get(string[i : i + size], ())}
        found_near = {parts: nearness(parts, string) for parts in near}
        tested |= {parts for parts, size in found_near.items() if size == max(found_near.values())}
    return [site for site in found if site.parts not in tested]


def all_sites() -> list[Site]:
    """Return the sites of the package."""
    return sites({p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in sorted((ROOT / "graphopt").rglob("*.py"))})


def test_every_error_has_a_test_that_knows_its_text() -> None:
    files = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    known = set().union(*[strings(path.read_text(encoding="utf-8")) for path in files])
    found = all_sites()
    assert len(found) > 500
    missing = without_a_test(found, known)
    assert not missing, "write a test that matches the text of each of these:\n" + "\n".join(map(str, missing))


# --- deliberately wrong input --------------------------------------------------------------------------------------------

ERRORS = """
class BadError(ValueError):
    pass

def invalid(message):
    return BadError(None, message)
"""


def untested(source: str, *known: str) -> list[int]:
    """Return the lines of the sites in a source that no string knows."""
    return [site.line for site in without_a_test(sites({"errors.py": ERRORS, "m.py": source}), known)]


@pytest.mark.parametrize(
    "source",
    [
        "raise BadError('the size of a thing is wrong')",
        "raise errors.BadError('the size of a thing is wrong')",
        "raise ValueError(f'{x}: the size of a thing is {wrong}')",
        "raise invalid(f'the size of a {thing} is wrong')",
        "def f():\n    return invalid('the size of a thing is wrong')",
        "error = BadError('the size of a thing is wrong')\nraise error",
        "rule = 'the size of a thing'\nraise BadError(f'{rule} is wrong')",
        "def f():\n    rule = 'the size of a thing'\n    raise BadError(rule)",
        "def f(rule):\n    raise BadError(rule)\nf('the size of a thing is wrong')",
        "def f(rule):\n    raise BadError(rule.format(x=1))\nf(rule='the size of a thing is {x}')",
        "class C:\n    def f(self, x, rule):\n        raise BadError(rule)\nc.f(1, 'the size of a thing is wrong')",
        "def f(kind):\n    raise kind('the size of a thing is wrong')",
        "raise BadError(x if y else 'the size of a thing is wrong')",
        "raise BadError('a: %s ' % x + 'the size of a thing is wrong')",
        "raise BadError('too long')",
        "raise BadError(text)",
        "raise BadError(f'{x}: {y}')",
        "# message from:\nraise BadError(text)",
    ],
)
def test_an_error_without_a_test_is_found(source: str) -> None:
    assert len(untested(source)) == 1
    assert len(untested(source, "the size", "too", "something else that is said of another thing")) == 1
    if "text" not in source and "{y}" not in source:
        assert untested(source, "m: the size of a thing", "too long") == []


@pytest.mark.parametrize(
    "source",
    [
        "raise",
        "raise error",
        "raise NotPossible",
        "raise AssertionError('compile before discharge')",
        "raise NotImplementedError('a subclass writes this')",
        "raise error.with_op(operation)",
        "def f():\n    try:\n        g()\n    except ValueError as error:\n        raise BadError(str(error)) from None",
        "# message from: the caller\nraise BadError(text)",
        "raise BadError(text)  # message from: NumPy",
        "except_ = (ValueError, BadError)",
    ],
)
def test_nothing_is_asked_of_an_error_without_a_text_of_its_own(source: str) -> None:
    assert untested(source) == []


def test_a_comment_does_not_free_an_error_that_has_a_text() -> None:
    assert untested("raise BadError(f'the size of a {thing} is wrong')  # message from: here") == [1]


def test_a_string_stands_for_the_nearest_texts_only() -> None:
    source = "raise BadError(f'Shape must be rank {n}')\nraise BadError(f'Shape must be at least rank {n}')"
    assert untested(source, "Shape must be rank 2") == [2]
    assert untested(source, "Shape must be at least rank 2") == [1]
    assert untested(source, "Shape must be rank 2", "Shape must be at least rank 2") == []


def test_the_strings_of_a_test() -> None:
    source = '''
def test_a():
    """The doc of a test is no test."""
    with pytest.raises(ValueError, match=r"Expected begin\\[0\\] in \\[0, 2\\]"):
        run(f"the number {n} of things")
'''
    found = strings(source)
    assert "Expected begin[0] in [0, 2]" in found
    assert {"the number ", " of things"} <= found
    assert not any("no test" in string for string in found)
