"""graphopt in TensorFlow's place: scripts that `import tensorflow` run as they are.

A finder on `sys.meta_path` answers imports of `tensorflow` and of the modules below it, of `tf_slim` too, with modules that look names up
in graphopt when they are asked for them. No file is written or changed, and nothing outside the process notices.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

from graphopt import errors
from graphopt.errors import GraphStateError, MissingModuleError, MissingNameError
from graphopt.tf1.python_modules import MODULES, Namespace
from graphopt.train import stages

# The modules of graphopt outside of this package that are public namespaces.
_OTHER_NAMESPACES = (errors, stages)

# The packages stood in for, and where their names are.
_PACKAGES = {"tensorflow": "", "tf_slim": "contrib.slim"}
_VERSION_1 = "compat.v1"
_MISSING = object()


class StandInModule(ModuleType):
    """A module of TensorFlow that graphopt stands in for."""

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)  # message from: Python's own text for names that scripts don't ask for
        value = _look_up(self.__name__, name)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted(_names_of(self.__name__))


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and loads the modules that graphopt stands in for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in _PACKAGES:
            return None
        if not _is_module(fullname):
            raise MissingModuleError(
                f"No module named '{fullname}' in graphopt, which stands in for tensorflow.{_nearest_module(fullname)}"
            )
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return StandInModule(spec.name, f"What graphopt has of `{spec.name}`.")

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked up when they are asked for."""


_FINDER = _Finder()
_REPLACED: dict[str, ModuleType] = {}


def install_as_tensorflow(*, force: bool = False) -> None:
    """Make graphopt what `import tensorflow` gives, in this process and from now on.

    Modules of TensorFlow 1 that scripts import are there: `tensorflow.compat.v1`, `tensorflow.contrib` and what is below it,
    `tensorflow.python.framework.ops`, `tensorflow.examples.tutorials.mnist` and more, and `tf_slim`. A name that graphopt lacks
    raises `AttributeError`, a module `ModuleNotFoundError`; both say so and name the nearest. A second call does nothing.

    Args:
      force: do so even when TensorFlow itself is imported already. Modules that hold on to it keep it.

    Raises:
      RuntimeError: when TensorFlow is imported already and `force` is not set.

    Example:
      >>> tf.install_as_tensorflow()
      >>> import tensorflow.compat.v1 as tf1
      >>> tf1.train.AdamOptimizer is tf.train.AdamOptimizer
      True
      >>> from graphopt.tf1 import stand_in
      >>> stand_in.uninstall()
    """
    if is_installed():
        return
    real = [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]
    if real and not force:
        raise GraphStateError(
            f"{real[0]} is already imported: call install_as_tensorflow() before anything imports it, or with force=True to replace it."
        )
    _REPLACED.update({name: sys.modules.pop(name) for name in real})
    sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """Take graphopt out of TensorFlow's place again, and put back what was there; without `install_as_tensorflow` nothing happens."""
    if not is_installed():
        return
    sys.meta_path.remove(_FINDER)
    for name in [name for name in sys.modules if name.partition(".")[0] in _PACKAGES]:
        del sys.modules[name]
    sys.modules.update(_REPLACED)
    _REPLACED.clear()


def is_installed() -> bool:
    """Return True while graphopt is in TensorFlow's place."""
    return _FINDER in sys.meta_path


@contextlib.contextmanager
def standing_in(*, force: bool = False) -> Iterator[None]:
    """Put graphopt in TensorFlow's place inside a ``with`` block.

    Args:
      force: as for `install_as_tensorflow`.
    """
    was_installed = is_installed()
    install_as_tensorflow(force=force)
    try:
        yield
    finally:
        if not was_installed:
            uninstall()


# --- names -----------------------------------------------------------------------------------------------------------------


def _path_of(fullname: str) -> str:
    """Return the path below graphopt of a module's full name: 'contrib.layers' for 'tensorflow.compat.v1.contrib.layers'."""
    package, _, path = fullname.partition(".")
    if path == _VERSION_1 or path.startswith(f"{_VERSION_1}."):
        path = path[len(_VERSION_1) + 1 :]
    start = _PACKAGES[package]
    return ".".join(part for part in (start, path) if part)


def _namespaces(path: str) -> list[Namespace]:
    """Return where the names of a module are, in the order in which they are asked."""
    if path in MODULES:
        found = [_walk(place) if isinstance(place, str) else place for place in MODULES[path]]
    else:
        above, _, last = path.rpartition(".")
        found = [_public_namespace(namespace, last) for namespace in _namespaces(above)]
    return [namespace for namespace in found if namespace is not None]


def _public_namespace(namespace: Namespace, name: str) -> Namespace | None:
    """Return the namespace of that name in another, or None."""
    value = _value_in(namespace, name)
    return value if isinstance(value, Namespace) and not _is_private_import(namespace, name) else None


def _walk(path: str) -> Namespace | None:
    """Return the namespace at a path below graphopt, or None."""
    # The public names stand above this layer; they are looked up while scripts run, when all is loaded.
    value: Any = sys.modules[__name__.partition(".")[0]]
    for part in path.split(".") if path else ():
        value = getattr(value, part, None)
        if not isinstance(value, Namespace):
            return None
    namespace: Namespace = value
    return namespace


def _children(path: str) -> set[str]:
    """Return the names of the modules of the table that are directly below a path."""
    prefix = f"{path}." if path else ""
    return {module[len(prefix) :].partition(".")[0] for module in MODULES if module.startswith(prefix) and module != path}


def _is_module(fullname: str) -> bool:
    path = _path_of(fullname)
    return bool(path in MODULES or _children(path) or _namespaces(path))


def _look_up(module: str, name: str) -> Any:
    """Return the value of a name of a module that graphopt stands in for.

    Raises:
      MissingNameError: when graphopt has not that name.
    """
    path = _path_of(module)
    for namespace in _namespaces(path):
        value = _value_in(namespace, name)
        if value is not _MISSING and not _is_private_import(namespace, name):
            return importlib.import_module(f"{module}.{name}") if isinstance(value, Namespace) else value
    if name in _children(path):
        return importlib.import_module(f"{module}.{name}")
    rule = f"module '{module}' has no attribute '{name}' in graphopt, which stands in for it."
    raise MissingNameError(rule + _nearest_name(module, name))


def _value_in(namespace: Namespace | None, name: str) -> Any:
    """Return what a namespace has by that name, loaded now if it is loaded at first use; `_MISSING` when it has none."""
    return _MISSING if namespace is None else getattr(namespace, name, _MISSING)


def _is_private_import(namespace: Namespace, name: str) -> bool:
    """Tell whether a name of a module is something that the module imported or made for its own use."""
    value = _value_in(namespace, name)
    if name.startswith("_"):
        return name.startswith("__") and name != "__version__"
    if not isinstance(namespace, ModuleType) or not isinstance(value, ModuleType):
        return False
    is_namespace = value.__name__.startswith(f"{__name__.rpartition('.')[0]}.") and not name.startswith("contrib_")
    return not is_namespace and value not in _OTHER_NAMESPACES


def _names_of(module: str) -> set[str]:
    path = _path_of(module)
    own = {name for namespace in _namespaces(path) for name in dir(namespace) if name[0] != "_" and not _is_private_import(namespace, name)}
    return own | _children(path)


def _nearest_name(module: str, name: str) -> str:
    """Return a sentence with what has the same name elsewhere, or nearly the same name in the module; '' when there is neither."""
    elsewhere = [f"tf.{place}.{name}".replace("..", ".") for place in _PLACES if _value_in(_walk(place), name) is not _MISSING]
    near = elsewhere or [f"{module}.{close}" for close in difflib.get_close_matches(name, _names_of(module), 2)]
    return f" The nearest: {', '.join(near)}." if near else ""


# Where a name that a module lacks may be instead.
_PLACES = (
    "",
    "train",
    "nn",
    "math",
    "layers",
    "losses",
    "summary",
    "contrib.layers",
    "contrib.framework",
    "contrib.training",
    "contrib.rnn",
)


def _nearest_module(fullname: str) -> str:
    above, _, last = fullname.rpartition(".")
    known = [name for name in _names_of(above) if _is_module(f"{above}.{name}")] if _is_module(above) else []
    near = difflib.get_close_matches(last, known, 2)
    return f" In {above} it has {', '.join(near)}." if near else ""
