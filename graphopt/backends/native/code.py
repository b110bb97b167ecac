"""Machine code by structure: compiled once in a process, and kept on disk for the next one."""

from __future__ import annotations

import ctypes
import functools
import threading
from typing import Any

from graphopt.backends.native import compiling
from graphopt.backends.native.assembly import Assembly
from graphopt.backends.native.host import Host, this_host

_SEGMENT = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


class Code:
    """The machine code of a step.

    Args:
      assembly: what the step is made of. host: the machine.

    Attributes:
      was_cached: whether the code came from the disk.
    """

    def __init__(self, assembly: Assembly, host: Host) -> None:
        self._assembly = assembly
        self._host = host
        code, self.was_cached = compiling.cached_object(assembly.structure, lambda: self.llvm, host)
        self._loaded = compiling.Loaded(code, host)

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return self._loaded.address(name)

    def function(self, name: str) -> Any:
        """Return a segment as a function of a frame's address."""
        return _SEGMENT(self.address(name))

    @functools.cached_property
    def llvm(self) -> str:
        """The intermediate representation, as text."""
        return self._assembly.text(self._host)

    @functools.cached_property
    def assembly_text(self) -> str:
        """The machine code as assembly."""
        return compiling.to_assembly(self.llvm, self._host)


# Training ops of one process whose code is shared by structure: the oldest are forgotten.
_MOST_CODES = 128
_CODES: dict[str, Code] = {}
_LOCK = threading.Lock()


def code_for(assembly: Assembly) -> Code:
    """Return the machine code for a step; steps of one structure share it."""
    host = this_host()
    structure = assembly.structure
    with _LOCK:
        found = _CODES.get(structure)
        if found is None:
            if len(_CODES) >= _MOST_CODES:
                del _CODES[next(iter(_CODES))]  # whoever runs it keeps it alive
            found = _CODES[structure] = Code(assembly, host)
        return found
