"""Algebra: apply the rewrite rules of the optimisation level."""

from __future__ import annotations

from graphopt.compiler import rules as rules
from graphopt.compiler.rewrite import apply_rules, rules_for
from graphopt.config import settings
from graphopt.ir.program import Program


def simplify(program: Program) -> Program:
    """Return the program with the rules of the current optimisation level applied."""
    return apply_rules(program, rules_for(settings().optimize))
