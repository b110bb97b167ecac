"""Values whose origin LLVM must not look into."""

from __future__ import annotations

from graphopt.backends.native.emitter import Function, Value


def opaque(f: Function, value: Value) -> Value:
    """Return the same value in a way that hides where it comes from.

    An index of a loop that many addresses are made of is hidden from the pass that replaces indices by pointers that go along: it would
    keep a pointer for each address, which takes longer to find than all other code generation, and longer to run than an index.
    """
    return f.value(value.type, f"freeze {value}")
