"""Rules, and the driver that applies them.

A rule has a numerical class that says what it may change:

* ``exact``: the same bits, with -0.0, infinities and NaN;
* ``better``: nearer to the real value;
* ``reassociates``: the same value but for rounding;
* ``assumes(finite)``: the same value unless an operand is infinite or NaN.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from graphopt.compiler.pattern import Pattern, match, pattern_of
from graphopt.ir.bind import CURRENT
from graphopt.ir.node import NODES, Node
from graphopt.ir.opdef import OpDef
from graphopt.ir.program import Program, rebuild, with_inputs

CLASSES = ("exact", "better", "reassociates", "assumes(finite)")
_LEVELS = {0: (), 1: ("exact",), 2: ("exact", "better"), 3: CLASSES}
_MAX_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """One rewrite.

    Attributes:
      name: what messages and tests call it.
      numerics: its numerical class.
      pattern: what it looks for.
      replacement: gives the new node from what the pattern's variables stand for, or None when it doesn't apply after all.
      samples: functions from nothing to a node that the rule must change, for the contract tests.
    """

    name: str
    numerics: str
    pattern: Pattern
    replacement: Callable[..., Node | None]
    arguments: tuple[str, ...]


RULES: list[Rule] = []


def rule(name: str, numerics: str, pattern: Callable[..., Any], replacement: Callable[..., Any]) -> Rule:
    """Define a rewrite rule.

    Args:
      name: unique name. numerics: one of CLASSES.
      pattern: a function that writes the pattern with its arguments as variables.
      replacement: a function of (some of) the same names, and of the names of captured attributes; may return None.

    Raises:
      ValueError: for an unknown class or a name used twice.
    """
    if numerics not in CLASSES:
        raise ValueError(f"Unknown numerical class {numerics!r}; one of {CLASSES}.")
    if any(existing.name == name for existing in RULES):
        raise ValueError(f"Rule {name!r} is defined twice.")
    # An op as the replacement takes the pattern's variables.
    arguments = inspect.signature(pattern if isinstance(replacement, OpDef) else replacement).parameters
    made = Rule(name, numerics, pattern_of(pattern), replacement, tuple(arguments))
    RULES.append(made)
    return made


def rules_for(level: int) -> list[Rule]:
    """Return the rules of an optimisation level: 0 none, 1 exact, 2 and better, 3 all."""
    return [r for r in RULES if r.numerics in _LEVELS[min(max(level, 0), 3)]]


def apply_rules(program: Program, rules: Iterable[Rule], fired: list[str] | None = None) -> Program:
    """Return the program with the rules applied wherever they match, from the inputs to the outputs.

    Args:
      program: the program. rules: the rules to try, in order. fired: collects the names of those that applied.
    """
    by_root: dict[Any, list[Rule]] = {}
    for r in rules:
        by_root.setdefault(r.pattern.op, []).append(r)
    if not by_root:
        return program

    def replace(node: Node, inputs: tuple[Node, ...]) -> Node:
        current = with_inputs(node, inputs)
        for _ in range(_MAX_ROUNDS):
            improved = _improve(current, by_root.get(current.op, ()), fired)
            if improved is None:
                return current
            current = improved
        raise RecursionError(f"Rules keep rewriting {current!r}.")

    token = CURRENT.set(NODES)
    try:
        return rebuild(program, replace)
    finally:
        CURRENT.reset(token)


def _improve(node: Node, rules: Iterable[Rule], fired: list[str] | None) -> Node | None:
    for r in rules:
        for found in match(r.pattern, node, {}):
            result = r.replacement(*[found[name] if name != "node" else node for name in r.arguments])
            if result is None or result is node:
                continue
            if result.types != node.types:
                continue
            if fired is not None:
                fired.append(r.name)
            return result
    return None
