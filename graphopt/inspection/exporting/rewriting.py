"""A function's syntax tree, changed so that it can stand in another file: global names replaced, annotations left out."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from graphopt.inspection.exporting.syntax import NotStandAlone

# ``reference(name)`` gives the expression that stands for a global name; ``member(names)`` that for a dotted name which
# begins with a module or an op of graphopt, and None for any other.
Reference = Callable[[str], ast.expr]
Member = Callable[[list[str]], ast.expr | None]
Tree = TypeVar("Tree", bound=ast.AST)

_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def rewritten(tree: Tree, reference: Reference, member: Member) -> Tree:
    """Return a copy of a tree with every global name replaced and without annotations."""
    changed: Tree = _Rewriter(reference, member).visit(copy.deepcopy(tree))
    return ast.fix_missing_locations(changed)


class _Rewriter(ast.NodeTransformer):
    def __init__(self, reference: Reference, member: Member) -> None:
        self._reference = reference
        self._member = member
        self._local: list[set[str]] = []

    def _is_local(self, name: str) -> bool:
        return any(name in names for names in self._local)

    def _within(self, node: ast.AST) -> ast.AST:
        """Visit what stands inside of a scope."""
        self._local.append(set(bound_names(node)))
        self.generic_visit(node)
        self._local.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _within

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        statements = node.body[ast.get_docstring(node) is not None :]
        node.body = [*_short_doc(node), *self._within_function(node, statements)]
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        (node.body,) = self._within_function(node, [node.body])
        return node

    def _within_function(self, node: ast.FunctionDef | ast.Lambda, body: Sequence[ast.AST]) -> list[Any]:
        """Visit the defaults, which belong to the scope around, and the body; return the body."""
        node.args = self.visit(node.args)
        self._local.append(set(bound_names(node)))
        visited = [self.visit(statement) for statement in body]
        self._local.pop()
        return visited

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        is_record = any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases)
        node.bases = [self.visit(base) for base in node.bases]
        body: list[ast.stmt] = _short_doc(node)
        for child in node.body[ast.get_docstring(node) is not None :]:
            if is_record and isinstance(child, ast.AnnAssign):
                body.append(ast.AnnAssign(child.target, ast.Name("object", ast.Load()), child.value, child.simple))
            else:
                body.append(self.visit(child))
        node.body = body
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return ast.Pass()
        assigned: ast.AST = self.visit(ast.Assign([node.target], node.value))
        return assigned

    def visit_Global(self, node: ast.Global) -> ast.AST:
        raise NotStandAlone(f"it changes the global name {node.names[0]}")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        names = _dotted(node)
        if names is not None and not self._is_local(names[0]):
            found = self._member(names)
            if found is not None:
                return found
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        return _formatted(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if not isinstance(node.ctx, ast.Load) or self._is_local(node.id):
            return node
        found = self._reference(node.id)
        if any(isinstance(part, ast.Name) and self._is_local(part.id) for part in ast.walk(found)):
            raise AssertionError(f"{ast.unparse(found)}, which stands for {node.id}, is hidden by a local name")
        return found


def _formatted(node: ast.JoinedStr) -> ast.expr:
    """Return an f-string that Python 3.11 can read too: as ``"...".format(...)`` where strings stand inside of its braces.

    Later versions write those with any quotes.
    """
    values = [part for part in node.values if isinstance(part, ast.FormattedValue)]
    inner = [child for part in values for child in ast.walk(part.value)]
    if not any(isinstance(child, ast.Constant) and isinstance(child.value, (str, bytes)) for child in inner):
        return node
    text = ""
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            spec = "".join([ast.literal_eval(s) for s in getattr(part.format_spec, "values", [])])
            text += "{" + ("" if part.conversion < 0 else f"!{chr(part.conversion)}") + (f":{spec}" if spec else "") + "}"
        else:
            text += str(ast.literal_eval(part)).replace("{", "{{").replace("}", "}}")
    return ast.Call(ast.Attribute(ast.Constant(text), "format", ast.Load()), [part.value for part in values], [])


def _dotted(node: ast.Attribute) -> list[str] | None:
    """Return the names of ``a.b.c``, or None for another expression."""
    names = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        names.append(inner.attr)
        inner = inner.value
    return [inner.id, *reversed(names)] if isinstance(inner, ast.Name) else None


def _short_doc(node: ast.FunctionDef | ast.ClassDef) -> list[ast.stmt]:
    """Return the first paragraph of a docstring as a statement, or nothing."""
    text = ast.get_docstring(node)
    return [] if text is None else [ast.Expr(ast.Constant(text.split("\n\n")[0]))]


def bound_names(scope: ast.AST) -> Iterator[str]:
    """Yield the names that a function, lambda or comprehension binds itself."""
    if isinstance(scope, (ast.FunctionDef, ast.Lambda)):
        for argument in ast.walk(scope.args):
            if isinstance(argument, ast.arg):
                yield argument.arg
    pending = list(ast.iter_child_nodes(scope))
    is_comprehension = not isinstance(scope, (ast.FunctionDef, ast.Lambda))
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ExceptHandler) and node.name is not None:
            yield node.name
        if not isinstance(node, _SCOPES):
            pending.extend(ast.iter_child_nodes(node))
        elif not is_comprehension:
            yield from [inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]


def with_values(tree: Tree, values: Mapping[str, Any]) -> Tree:
    """Return a tree with names replaced by plain values, and what they decide decided.

    >>> tree = ast.parse("x = f if mode is None else getattr(np, mode)")
    >>> ast.unparse(with_values(tree, {"mode": "add"}))
    'x = np.add'
    """
    changed: Tree = _Fold(values).visit(copy.deepcopy(tree))
    return ast.fix_missing_locations(changed)


class _Fold(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Constant(self._values[node.id]) if node.id in self._values and isinstance(node.ctx, ast.Load) else node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        left, right, operator = node.left, node.comparators[0], node.ops[0]
        if len(node.ops) > 1 or not isinstance(left, ast.Constant) or not isinstance(right, ast.Constant):
            return node
        if isinstance(operator, (ast.Is, ast.Eq)):
            return ast.Constant(left.value == right.value)
        return ast.Constant(left.value != right.value) if isinstance(operator, (ast.IsNot, ast.NotEq)) else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return node if not isinstance(node.test, ast.Constant) else node.body if node.test.value else node.orelse

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if not isinstance(node.test, ast.Constant):
            return node
        return (node.body if node.test.value else node.orelse) or ast.Pass()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Name("getattr"), [ast.Name() as owner, ast.Constant(str(name))], []):
                return ast.Attribute(owner, name, ast.Load())
        return node
