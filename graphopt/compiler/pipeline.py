"""The passes, in order. This is the only place that orders them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from graphopt.compiler.passes.expand import expand, expand_all
from graphopt.compiler.passes.fold import fold_constants
from graphopt.compiler.passes.fuse import fuse
from graphopt.compiler.passes.prune import prune
from graphopt.compiler.passes.simplify import simplify
from graphopt.compiler.passes.specialize import specialize
from graphopt.config import settings
from graphopt.errors import ArgumentError, OpError
from graphopt.ir.nested import has_programs, map_nested
from graphopt.ir.program import Program
from graphopt.ir.text import format_program
from graphopt.ir.types import TensorType
from graphopt.ir.verify import verify

Pass = Callable[[Program], Program]

# Level 0 runs the first alone: every op as its kernel does it.
PASSES: tuple[tuple[str, Pass], ...] = (
    ("prune", prune),
    ("expand", expand),
    ("fold", fold_constants),
    ("simplify", simplify),
    ("fold-again", fold_constants),
    ("prune-again", prune),
)

# What a backend does otherwise: the native one takes every op apart, and puts the parts together as loops at the end.
BACKEND_PASSES: Mapping[str, tuple[tuple[str, Pass], ...]] = {
    "native": (
        ("prune", prune),
        ("expand-all", expand_all),
        ("fold", fold_constants),
        ("expand-rest", expand_all),  # what has a known shape now that shapes computed from the batch's size are constants
        ("simplify", simplify),
        ("fold-again", fold_constants),
        ("prune-again", prune),
    ),
}
FUSING: tuple[tuple[str, Pass], ...] = (("fuse", fuse),)


def optimize(
    program: Program, types: Mapping[tuple[str, str], TensorType], fed: Mapping[str, Any] | None = None, backend: str = "numpy"
) -> Program:
    """Return the program specialised to the inputs' actual types and optimised as the settings say.

    Args:
      program: what `discharge` gave. types: (kind, name) of inputs with their actual types.
      fed: the values of feeds by name, for the message when they don't fit. backend: the name of the backend it is for.
    """
    _check_stage_names(settings().print_stages)
    program = _after("specialize", specialize(program, types, fed))
    passes = BACKEND_PASSES.get(backend, PASSES)
    passes = passes if settings().optimize > 0 else passes[:1]
    if any([has_programs(node) for node in program.nodes()]):
        program = map_nested(program, _optimize_nested)
    for name, run_pass in passes:
        program = _after(name, run_pass(program))
    return program


def fused(program: Program) -> Program:
    """Return an optimised program with its loops put together."""
    for name, run_pass in FUSING:
        program = _after(name, run_pass(program))
    return program


def _optimize_nested(program: Program) -> Program:
    """Run the passes on a program inside a node, and on those inside of it. One that must fail is left to fail if it is run."""
    optimized = map_nested(program, _optimize_nested)
    try:
        for _, run_pass in PASSES if settings().optimize > 0 else PASSES[:1]:
            optimized = run_pass(optimized)
    except OpError:
        return program
    return optimized


def _check_stage_names(stages: tuple[str, ...]) -> None:
    names = [name for passes in (PASSES, *BACKEND_PASSES.values(), FUSING) for name, _ in passes]
    known = ["after:specialize", *[f"after:{name}" for name in dict.fromkeys(names)]]
    for stage in stages:
        if stage not in known:
            raise ArgumentError(f"GRAPHOPT_PRINT names the unknown stage {stage!r}; there are: {', '.join(known)}.")


def _after(name: str, program: Program) -> Program:
    options = settings()
    if options.verify:
        verify(program, name)
    if f"after:{name}" in options.print_stages:
        print(f"# after {name}\n{format_program(program)}", file=sys.stderr)
    return program
