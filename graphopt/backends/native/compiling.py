"""Text of LLVM's intermediate representation to machine code in this process."""

from __future__ import annotations

import llvmlite.binding as llvm

from graphopt.backends.native.host import Host, target_machine


def to_object(text: str, host: Host) -> bytes:
    """Return the object code of a module's text.

    Raises:
      RuntimeError: when LLVM refuses the text, which is a bug of the backend.
    """
    module = _optimized(text, host)
    return bytes(target_machine(host).emit_object(module))


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
