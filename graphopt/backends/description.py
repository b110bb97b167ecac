"""What a backend made of a program, for people: the kernels, what each fused, and the steps that stayed in Python, with the reason."""

from __future__ import annotations

from typing import NamedTuple


class KernelUse(NamedTuple):
    """One kernel of a compiled step.

    Attributes:
      name: its function's name in the generated code. title: what it does. fused: the ops it stands for, in order.
      calls: how often a step calls it. flops, bytes: floating-point operations, and bytes read and written, of all its calls.
    """

    name: str
    title: str
    fused: tuple[str, ...]
    calls: int
    flops: int
    bytes: int


class PythonStep(NamedTuple):
    """A node that runs in Python.

    Attributes:
      op: its op. operation: the recorded operation it comes from, or "". reason: why it isn't native.
    """

    op: str
    operation: str
    reason: str


class Description(NamedTuple):
    """What a backend made of a program.

    Attributes:
      backend: the backend's name. threads: how many threads its kernels may use.
      kernels: its kernels, empty for a backend that has none of its own. python_steps: what runs in Python between them.
      was_cached: whether the machine code came from the disk.
    """

    backend: str
    threads: int
    kernels: tuple[KernelUse, ...]
    python_steps: tuple[PythonStep, ...]
    was_cached: bool
