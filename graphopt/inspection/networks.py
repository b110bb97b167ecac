"""networkx, which is loaded when it is first needed: it takes longer to load than graphopt."""

from __future__ import annotations

import importlib
from typing import Any


def networkx() -> Any:
    """Return the module networkx."""
    return importlib.import_module("networkx")
