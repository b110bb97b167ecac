"""Making namespaces of TensorFlow 1 out of modules."""

from types import ModuleType
from typing import Any


def defined_in(*modules: ModuleType) -> dict[str, Any]:
    """Return the public functions that the modules define, by name."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }
