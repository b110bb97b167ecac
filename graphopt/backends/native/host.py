"""What the machine that code is made for can do."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import llvmlite.binding as llvm


@dataclass(frozen=True)
class Host:
    """A processor.

    Attributes:
      cpu: LLVM's name of it. features: LLVM's list of what it can do. triple: LLVM's name of the platform.
      vector_bytes: the bytes of one vector register.
      registers: how many vector registers there are.
    """

    cpu: str
    features: str
    triple: str
    vector_bytes: int
    registers: int

    @property
    def converts_half(self) -> bool:
        """True where half precision is converted by an instruction; elsewhere LLVM calls functions that the process may not have."""
        return "+f16c" in self.features or self.triple.startswith("aarch64")

    def lanes(self, element_bytes: int) -> int:
        """Return how many elements of a size a vector register holds."""
        return self.vector_bytes // element_bytes


@functools.cache
def this_host() -> Host:
    """Return the machine this process runs on."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    wide = all(features.get(name, False) for name in ("avx512f", "avx512vl", "avx512dq", "avx512bw"))
    size = 64 if wide else 32 if features.get("avx2", False) else 16
    # LLVM keeps to half vectors on some processors because old ones slowed down; the kernels ask for whole ones by their types.
    text = features.flatten() + (",-prefer-256-bit" if wide else "")
    triple: str = llvm.get_default_triple()
    return Host(llvm.get_host_cpu_name(), text, triple, size, 32 if wide or triple.startswith("aarch64") else 16)


def target_machine(host: Host, level: int = 2) -> llvm.TargetMachine:
    """Return LLVM's code generator for the host, which tries as hard as `level` says (0 to 3)."""
    target = llvm.Target.from_triple(host.triple)
    made: llvm.TargetMachine = target.create_target_machine(
        cpu=host.cpu, features=host.features, opt=level, reloc="pic", codemodel="jitdefault", jit=True
    )
    return made
