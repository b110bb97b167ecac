"""What a signature compiles to, to look at."""

from __future__ import annotations

import functools
from typing import Any

from graphopt.backends.description import Description
from graphopt.ir.plan import Plan
from graphopt.ir.text import format_program


class Compiled:
    """What a signature compiles to. Each text is made when it is asked for; print it.

    Args:
      executable: the backend's executable.

    Attributes:
      backend: the backend's name.
      plan: the steps in running order, with their places in memory.
    """

    def __init__(self, executable: Any) -> None:
        self._executable = executable
        self.backend: str = executable.name
        self.plan: Plan = executable.plan

    @functools.cached_property
    def program(self) -> str:
        """The optimised program, as text."""
        return format_program(self.plan.program)

    @functools.cached_property
    def source(self) -> str:
        """The step as Python/NumPy source: what the numpy backend runs, and what the native one computes."""
        text: str = self._executable.source.text
        return text

    @functools.cached_property
    def llvm(self) -> str | None:
        """LLVM's intermediate representation of the step, or None on another backend."""
        text: str | None = self._executable.llvm
        return text

    @functools.cached_property
    def assembly(self) -> str | None:
        """The machine code of the step as assembly, or None on a backend that makes none."""
        text: str | None = self._executable.assembly_text
        return text

    @property
    def description(self) -> Description:
        """The kernels, and what runs in Python."""
        found: Description = self._executable.description
        return found

    def __repr__(self) -> str:
        kernels = len(self.description.kernels)
        return f"<compiled for {self.backend}: {len(self.plan.units)} steps{f', {kernels} kernels' if kernels else ''}>"
