"""The backends that every op and every random program runs on, under one calling convention.

A new backend enters `BACKENDS`; nothing else is needed for its tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphopt.backends import AUTO, backend, choose
from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.compiler.passes.expand import expand_all
from graphopt.ir.program import Program

# ``backend(program, {input name: value})`` gives the outputs' values. No backend may change the inputs unless the program says so.
Backend = Callable[[Program, Mapping[str, Any]], list[Any]]


def inputs_of(executable: Any, named: Mapping[str, Any]) -> list[Any]:
    """Return the named values in the order of the plan's inputs."""
    return [named[node.attributes["name"]] for node in executable.plan.inputs]


def run_closures(program: Program, named: Mapping[str, Any]) -> list[Any]:
    """Run a program with numpy's first tier."""
    executable = NumpyExecutable(program)
    with np.errstate(all="ignore"):
        return executable.closures.run(inputs_of(executable, named))


def run_source(program: Program, named: Mapping[str, Any]) -> list[Any]:
    """Run a program with numpy's second tier, twice, because the second run finds used buffers."""
    executable = NumpyExecutable(program)
    step = executable.source.compile()
    with np.errstate(all="ignore"):
        if not executable.plan.in_place:
            step(*inputs_of(executable, named))
        return step(*inputs_of(executable, named))


BACKENDS: dict[str, Backend] = {
    "numpy closures": run_closures,
    "numpy source": run_source,
}


def run_native(program: Program, named: Mapping[str, Any]) -> list[Any]:
    """Run a program natively, with composite ops taken apart as in the pipeline; twice, because the second run finds used memory."""
    executable = backend("native")(expand_all(program))
    with np.errstate(all="ignore"):
        executable.run(inputs_of(executable, named), may_overwrite=False)
        found: list[Any] = executable.run(inputs_of(executable, named), may_overwrite=False)
    return found


# Backends that may differ from the kernels where their op's definition says so (`OpDef.rounding`).
OTHER_BACKENDS: dict[str, Backend] = {"native": run_native} if choose(AUTO) == "native" else {}
