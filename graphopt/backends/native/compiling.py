"""Text of LLVM's intermediate representation to machine code in this process."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from graphopt.backends.native.cache import ObjectCache
from graphopt.backends.native.host import Host, target_machine
from graphopt.config import settings


def to_object(text: str, host: Host, level: int = 2) -> bytes:
    """Return the object code of a module's text.

    Args:
      text: the module. host: the machine. level: how hard the code generator tries, 0 to 3.

    Raises:
      RuntimeError: when LLVM refuses the text, which is a bug of the backend.
    """
    module = _optimized(text, host)
    return bytes(target_machine(host, level).emit_object(module))


def cached_object(structure: str, make_text: Callable[[], str], host: Host, level: int = 2) -> tuple[bytes, bool]:
    """Return the object code of a module and whether it came from the disk.

    Args:
      structure: all that the module's text depends on, besides the host. make_text: gives the text, when it has to be compiled.
      host: the machine. level: how hard the code generator tries.
    """
    cache = ObjectCache(settings().cache_dir)
    key = hashlib.sha256(f"{_versions(host)}\n{structure}".encode()).hexdigest()
    code = cache.load(key)
    if code is not None:
        return code, True
    code = to_object(make_text(), host, level)
    cache.store(key, code)
    return code, False


@functools.cache
def _versions(host: Host) -> str:
    """Return all that machine code depends on besides the module's structure: the machine, LLVM, and the code that writes the code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return f"{host} {llvmlite.__version__} {digest.hexdigest()}"


def to_assembly(text: str, host: Host) -> str:
    """Return the assembly of a module's text, for people to read."""
    return str(target_machine(host).emit_assembly(_optimized(text, host)))


def _optimized(text: str, host: Host) -> llvm.ModuleRef:
    module = llvm.parse_assembly(text)
    module.triple = host.triple
    machine = target_machine(host)
    # The kernels are written as vector code already: what is left is inlining and common subexpressions.
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_new_gvn_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return module


class Loaded:
    """Object code loaded into this process; its functions stay as long as it lives.

    Args:
      code: the object code. host: the machine it was made for.
    """

    def __init__(self, code: bytes, host: Host) -> None:
        self._machine = target_machine(host)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), self._machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return int(self._engine.get_function_address(name))
