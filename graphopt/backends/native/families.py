"""The families of lowerings, each imported when an op asks for it: a step of a dense network needs no kernels for images."""

from __future__ import annotations

import importlib

from graphopt.backends.native.lowering import LOWERINGS, Lowering
from graphopt.ir.opdef import OpDef

_HERE = __name__.rpartition(".")[0]
# For each module of ops (below ``graphopt.ops``) the families that lower ops of it.
_FAMILIES_OF = {
    "array": ("movement",),
    "broadcast": ("movement",),
    "control": ("movement", "selection"),
    "conv": ("convolution",),
    "depthwise": ("convolution",),
    "elementwise.arithmetic": ("selection",),
    "elementwise.choice": ("movement",),
    "elementwise.functions": ("selection",),
    "gradient_rows": ("rows",),
    "indexing": ("movement", "rows"),
    "layout": ("movement",),
    "linalg": ("products",),
    "matrix": ("matrices", "movement"),
    "nd": ("rows",),
    "nn": ("selection",),
    "normalization": ("scans",),
    "padding": ("movement",),
    "partition": ("selection",),
    "picking": ("movement", "rows"),
    "pool": ("pooling",),
    "random": ("random_numbers",),
    "reduce": ("matrices", "selection"),
    "segment": ("rows",),
    "sequence": ("movement", "scans", "selection"),
    "softmax": ("rows",),
    "special": ("selection",),
    "state": ("rows",),
    "update_rule": ("movement", "selection"),
}


def lowering_of(op: OpDef) -> Lowering | None:
    """Return the lowering of an op, or None when it has none."""
    found = LOWERINGS.get(op)
    if found is None and op.kernel is not None:
        for family in families_of(op):
            importlib.import_module(f"{_HERE}.{family}")
        found = LOWERINGS.get(op)
    return found


def families_of(op: OpDef) -> tuple[str, ...]:
    """Return the families in which an op's lowering may stand, by the module that its kernel is written in."""
    module = "" if op.kernel is None else op.kernel.__module__.removeprefix("graphopt.ops.")
    return _FAMILIES_OF.get(module, ())


def import_all() -> None:
    """Import every family, so that the table of lowerings is full."""
    for family in sorted({family for families in _FAMILIES_OF.values() for family in families}):
        importlib.import_module(f"{_HERE}.{family}")
