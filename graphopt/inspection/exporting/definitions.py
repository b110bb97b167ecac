"""What an exported file defines besides its step: functions of graphopt with all that they need, as Python source."""

from __future__ import annotations

import ast
import builtins
import keyword
import sys
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np

from graphopt.inspection.exporting.parts import unpacked
from graphopt.inspection.exporting.plain import array_code, is_small, packed_code, scalar_code, type_code
from graphopt.inspection.exporting.rewriting import rewritten, with_values
from graphopt.inspection.exporting.syntax import NotStandAlone, class_syntax, constant_syntax, function_syntax
from graphopt.ir.opdef import OpDef

_PLAIN = (bool, int, float, str, bytes, type(None))
_NOTHING: Mapping[str, Any] = {}
_PACKAGE = __name__.partition(".")[0]

# ``stand_in(definitions, value)`` gives the code that stands for a value, or None when the value is written as it is.
StandIn = Callable[["Definitions", Any], str | None]


class Definitions:
    """The definitions of one file, each with a name of its own, in an order in which Python can run them.

    Args:
      reserved: names that are taken. stand_ins: what stands for values of graphopt's own kinds.

    Attributes:
      imports: the modules that the file imports, NumPy left out.
      blocks: the source of the definitions.
    """

    def __init__(self, reserved: Iterable[str], stand_ins: Iterable[StandIn] = ()) -> None:
        self.imports: set[str] = set()
        self.blocks: list[str] = []
        self._taken = {*reserved, *keyword.kwlist, *dir(builtins), *sys.stdlib_module_names, "np"}
        self._stand_ins = tuple(stand_ins)
        self._names: dict[Any, str] = {}
        # Keys are object identities: what they belong to must live as long.
        self._kept: list[Any] = []

    # --- names -----------------------------------------------------------------------------------------------------

    def new_name(self, wanted: str) -> str:
        """Return a name that is not taken yet: the wanted one, or one with a number after it."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name

    def once(self, key: Any, wanted: str, write: Callable[[str], str]) -> str:
        """Return the name of the definition with this key; ``write(name)`` gives its source when it is asked for first."""
        if key not in self._names:
            self._names[key] = name = self.new_name(wanted)
            # Before the block is added, what it needs adds its own.
            self.blocks.append(write(name))
        return self._names[key]

    # --- values ----------------------------------------------------------------------------------------------------

    def code(self, value: Any, wanted: str = "constant") -> str:
        """Return the expression of a value; what it needs is defined.

        Args:
          value: any value a kernel works with. wanted: the name to give it where it needs one.

        Raises:
          NotStandAlone: when it has no source of its own.
        """
        for stand_in in self._stand_ins:
            found = stand_in(self, value)
            if found is not None:
                return found
        if isinstance(value, (*_PLAIN, np.generic)):
            return scalar_code(value)
        if isinstance(value, (tuple, list, dict)) and type(value).__module__ == "builtins":
            return self._collection(value, wanted)
        if isinstance(value, np.ndarray):
            return self.constant(value, wanted)
        if isinstance(value, np.dtype):
            return f"np.dtype({type_code(value)})"
        if isinstance(value, np.ufunc):
            return f"np.{value.__name__}"
        return self._callable(value, wanted)

    def _collection(self, value: Any, wanted: str) -> str:
        if isinstance(value, dict):
            return f"{{{', '.join([f'{self.code(k)}: {self.code(v, wanted)}' for k, v in value.items()])}}}"
        parts = ", ".join([self.code(item, wanted) for item in value])
        return f"[{parts}]" if isinstance(value, list) else f"({parts},)" if len(value) == 1 else f"({parts})"

    def constant(self, array: Any, wanted: str) -> str:
        """Return the name of a constant array."""
        if array.dtype.kind not in "fiub":
            raise NotStandAlone("it needs an array of strings or objects")
        self._kept.append(array)
        code = array_code(array) if is_small(array) else f"{self.function(unpacked)}{packed_code(array)}"
        return self.once(("array", id(array)), wanted, lambda name: f"{name} = {code}")

    def _callable(self, value: Any, wanted: str) -> str:
        inner = getattr(value, "__wrapped__", value)
        if isinstance(inner, FunctionType) and inner.__module__.split(".")[0] == _PACKAGE:
            return self.function(value, wanted)
        if isinstance(value, type) and value.__module__.split(".")[0] == _PACKAGE:
            return self._class(value)
        return self._foreign(value)

    def _foreign(self, value: Any) -> str:
        """Return the dotted name of what NumPy or the standard library defines."""
        owner, name = getattr(value, "__self__", None), getattr(value, "__name__", "")
        if isinstance(owner, np.ufunc):
            return f"np.{owner.__name__}.{name}"
        module = getattr(value, "__module__", None) or ""
        if vars(np).get(name) is value:
            return f"np.{name}"
        if module == "builtins" and getattr(builtins, name, None) is value:
            return name
        for home in (module.lstrip("_"), module):
            if home.split(".")[0] in sys.stdlib_module_names and getattr(sys.modules.get(home), name, None) is value:
                self.imports.add(home)
                return f"{home}.{name}"
        what = "the Python function" if isinstance(value, (FunctionType, BuiltinFunctionType)) else "an object of the class"
        shown = name if name else type(value).__qualname__
        raise NotStandAlone(f"it needs {what} {shown}, which stands outside of graphopt")

    # --- functions, classes, names ---------------------------------------------------------------------------------

    def function(self, function: Any, wanted: str = "") -> str:
        """Return the name of a function of graphopt, extracted from its source.

        Args:
          function: a function, possibly with values it closes over, or one with a cache. wanted: a name for a lambda.
        """
        self._kept.append(function)
        inner = getattr(function, "__wrapped__", function)
        parts = [part for part in inner.__qualname__.split(".") if part != "<locals>"]
        own = "_".join(parts) if parts[-1] != "<lambda>" else wanted or "function"
        return self.once(id(function), own, lambda name: self._function_text(inner, name))

    def _function_text(self, function: Any, name: str) -> str:
        tree = function_syntax(function)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        around = {free: cell.cell_contents for free, cell in cells}
        tree = with_values(tree, {key: value for key, value in around.items() if isinstance(value, _PLAIN)})
        tree = self._rewritten(tree, function.__module__, function.__globals__, around)
        if isinstance(tree, ast.Lambda):
            tree = ast.FunctionDef(name, tree.args, [ast.Return(tree.body)], [], lineno=0, col_offset=0)
        tree.name = name
        return ast.unparse(ast.fix_missing_locations(tree))

    def _class(self, kind: type) -> str:
        def write(name: str) -> str:
            tree = self._rewritten(class_syntax(kind), kind.__module__, vars(sys.modules[kind.__module__]))
            tree.name = name
            return ast.unparse(tree)

        return self.once(kind, kind.__name__, write)

    def _rewritten(self, tree: Any, module: str, scope: Mapping[str, Any], around: Mapping[str, Any] = _NOTHING) -> Any:
        """Return a tree of a module for this file; `around` holds the values of names of the functions around it."""

        def reference(name: str) -> ast.expr:
            text = self.code(around[name], name) if name in around else self._global(module, name, scope)
            return ast.parse(text, mode="eval").body

        def member(names: list[str]) -> ast.expr | None:
            value = scope.get(names[0])
            return ast.parse(self._member(value, names[1:]), mode="eval").body if _is_own_namespace(value) else None

        return rewritten(tree, reference, member)

    def _member(self, owner: Any, names: list[str]) -> str:
        """Return the expression of a dotted name that begins with a module or an op of graphopt."""
        name, *rest = names
        value = getattr(owner, name)
        if rest and _is_own_namespace(value):
            return self._member(value, rest)
        is_module = isinstance(owner, ModuleType)
        text = self._global(owner.__name__, name, vars(owner)) if is_module else self.code(value, f"{owner.name}_{name}")
        return ".".join([text, *rest])

    def _global(self, module: str, name: str, scope: Mapping[str, Any]) -> str:
        """Return the expression of a global name of a module."""
        if name not in scope:
            if hasattr(builtins, name):
                return name
            raise NotStandAlone(f"the name {name} in {module} has no value")
        value = scope[name]
        if value is np:
            return "np"
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, _PLAIN) or not callable(value) or type(value).__module__.split(".")[0] == "numpy":
            return self._constant_of(module, name, value)
        return self.code(value, name)

    def _module(self, module: ModuleType) -> str:
        if module.__name__.split(".")[0] not in sys.stdlib_module_names:
            raise NotStandAlone(f"it needs the module {module.__name__}")
        self.imports.add(module.__name__)
        return module.__name__

    def _constant_of(self, module: str, name: str, value: Any) -> str:
        """Return the name of what a module calls by this name: written as the module writes it."""
        for stand_in in self._stand_ins:
            found = stand_in(self, value)
            if found is not None:
                return found
        if isinstance(value, (np.ufunc, type(np.array))):
            return self.code(value, name)
        try:
            home, tree = constant_syntax(module, name)
        except NotStandAlone:
            if isinstance(value, _PLAIN):
                return scalar_code(value)
            raise

        def write(own: str) -> str:
            return f"{own} = {ast.unparse(self._rewritten(tree, home, vars(sys.modules[home])))}"

        return self.once((home, name), name, write)


def _is_own_namespace(value: Any) -> bool:
    return isinstance(value, OpDef) or (isinstance(value, ModuleType) and value.__name__.split(".")[0] == _PACKAGE)
