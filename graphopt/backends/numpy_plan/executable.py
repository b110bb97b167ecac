"""A plan that runs: closures first, generated source once the signature is hot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from graphopt.backends.description import Description
from graphopt.backends.numpy_plan.closures import RUN_ERRORS, Closures, Timing, with_origin
from graphopt.backends.numpy_plan.source import Source
from graphopt.backends.numpy_plan.steps import takes_place
from graphopt.compiler.passes.memory import make_plan
from graphopt.config import settings
from graphopt.ir.node import Node
from graphopt.ir.plan import Plan
from graphopt.ir.program import Program

# A long plan takes longer to compile, so it has to be used more often before that pays.
_STEPS_PER_RUN = 200


class NumpyExecutable:
    """A program, made ready to run with numpy.

    Args:
      program: an optimised program with the actual shapes of its inputs.
      batched: do the updates of several variables together. feeds, threads: nothing depends on them here.

    Attributes:
      plan: the plan.
      has_updates: whether a run changes state.
    """

    name = "numpy"
    llvm = None
    assembly_text = None
    description = Description("numpy", 1, (), (), False)

    def __init__(self, program: Program, *, batched: bool = True, feeds: int = 0, threads: int = 0) -> None:
        self.plan: Plan = make_plan(program, takes_place, batched=batched)
        self.has_updates = any(output.kind == "update" for output in program.outputs)
        self._closures: Closures | None = None
        self._source: Source | None = None
        self._hot: Callable[..., list[Any]] | None = None
        self._runs = 0
        self._hot_after = settings().hot_after + len(self.plan.order) // _STEPS_PER_RUN
        self._buffers = threading.Lock()

    @property
    def closures(self) -> Closures:
        """The first tier."""
        if self._closures is None:
            self._closures = Closures(self.plan)
        return self._closures

    @property
    def source(self) -> Source:
        """The second tier: the generated source and what its names stand for."""
        if self._source is None:
            self._source = Source(self.plan)
        return self._source

    @property
    def is_hot(self) -> bool:
        """True when the next run will use generated source."""
        return self._runs >= self._hot_after

    def run(self, inputs: Sequence[Any], *, may_overwrite: bool, together: Sequence[Any] | None = ()) -> list[Any]:
        """Return the outputs' values.

        Args:
          inputs: the inputs' values, in the order of the plan.
          together: for each of the plan's `variable_bundles` the memory in which they stand side by side; None while they don't.
          may_overwrite: the caller owns the variables' memory alone, so new values may be written into it. Their outputs
            are then None.

        Raises:
          OpError: with the recorded operation that failed; nothing was overwritten.
        """
        if self._hot is not None:
            usable = together is not None and (may_overwrite or not self.plan.in_place)
            if together is not None and usable and self._buffers.acquire(blocking=False):
                try:
                    return self._hot(*inputs, *together)
                except RUN_ERRORS as error:
                    raise with_origin(error, self.source.failing_node(error), self.plan) from None
                finally:
                    self._buffers.release()
            return self.closures.run(inputs)
        self._runs += 1
        if self._runs > self._hot_after:
            self._hot = self.source.compile()
            return self.run(inputs, may_overwrite=may_overwrite, together=together)
        return self.closures.run(inputs)

    def entry(self, feeds: Sequence[Node]) -> None:
        """Return None: Python runs every step."""

    def run_timed(self, inputs: Sequence[Any], timings: list[Timing]) -> list[Any]:
        """Return the outputs' values and note when each step ran."""
        return self.closures.run_timed(inputs, timings)
