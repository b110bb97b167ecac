"""Every rewrite rule on every combination of types that its pattern matches: the program it makes, and the numbers.

The programs are made from the patterns, so a new rule needs nothing here but its entry in `rules.txt`, which
``GRAPHOPT_WRITE_GOLDEN=1 pytest tests/contract/test_rule_instances.py`` writes, for you to read.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rule_programs import programs_for

import graphopt  # noqa: F401  (enters the rules)
from graphopt import dtypes
from graphopt.compiler.passes.simplify import simplify
from graphopt.compiler.rewrite import RULES, Rule, apply_rules, rules_for
from graphopt.compiler.rewrite import rule as define_rule
from graphopt.config import override
from graphopt.errors import InvalidArgumentError
from graphopt.ir.node import INPUT, Node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.text import format_program
from graphopt.ir.types import TensorType
from graphopt.ir.verify import verify
from graphopt.ops.elementwise import add, multiply, negative, sqrt, square, subtract
from graphopt.testing import BACKENDS, SPECIAL, difference, has_same_bits, is_close

GOLDEN = Path(__file__).parent / "rules.txt"
ROUNDS = 6
PROGRAMS = {rule.name: programs_for(rule) for rule in RULES}


def by_name(rule: Rule) -> str:
    return rule.name


def golden() -> dict[str, str]:
    """Return the recorded programs of each rule."""
    if not GOLDEN.exists():
        return {}
    sections = GOLDEN.read_text(encoding="utf-8").split("== ")[1:]
    return {head.strip(): body.strip() for head, _, body in (section.partition("\n") for section in sections)}


def shown(rule: Rule) -> str:
    before, after = PROGRAMS[rule.name][0]
    return f"{format_program(before)}\n=>\n{format_program(after)}"


def test_every_rule_has_a_recorded_program() -> None:
    if os.environ.get("GRAPHOPT_WRITE_GOLDEN"):
        GOLDEN.write_text("\n\n".join(f"== {rule.name}\n{shown(rule)}" for rule in RULES if PROGRAMS[rule.name]) + "\n", encoding="utf-8")
    assert set(golden()) == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_the_rule_fires(rule: Rule) -> None:
    assert PROGRAMS[rule.name], "no program found on which this rule fires: give its ops samples with the types it is for"


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_the_rule_makes_the_recorded_program(rule: Rule) -> None:
    assert shown(rule) == golden()[rule.name]


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_the_rule_keeps_types_and_invariants(rule: Rule) -> None:
    for before, after in PROGRAMS[rule.name]:
        verify(before)
        verify(after, rule.name)
        assert after != before
        assert [o.node.types for o in after.outputs] == [o.node.types for o in before.outputs]
        assert set(after.inputs()) <= set(before.inputs())


# --- numbers -------------------------------------------------------------------------------------------------------------


def feed_for(node: Node, random: np.random.Generator, *, special: bool, largest: int = 9) -> Any:
    shape, dtype = node.shape, node.dtype
    if dtype.is_floating:
        array = random.choice(SPECIAL, shape) if special else random.standard_normal(shape)
    elif dtype.is_bool:
        array = random.random(shape) < 0.5
    else:
        array = random.integers(*((dtype.min, dtype.max) if special else (0, largest)), shape, dtype=dtype.np, endpoint=True)
    with np.errstate(all="ignore"):
        return np.asarray(array).astype(dtype.np)[()]


def check_numbers(rule: Rule) -> None:
    """Compare the programs of a rule on ordinary and on special values, as the rule's class promises.

    What fails before need not fail afterwards: operations that may fail are outputs of their own.
    """
    random = np.random.default_rng(0)
    compared = 0
    for before, after in PROGRAMS[rule.name]:
        for i in range(ROUNDS):
            special = i % 2 == 1 and "finite" not in rule.numerics
            named = {n.attributes["name"]: feed_for(n, random, special=special, largest=9 if i else 1) for n in before.inputs()}
            for backend in BACKENDS.values():
                try:
                    (old,) = backend(before, named)
                except (InvalidArgumentError, IndexError):  # rows that `checked_rows` would have refused before
                    continue
                (new,) = backend(after, named)
                check_pair(rule, before, named, old, new)
                compared += 1
    assert compared


def check_pair(rule: Rule, before: Program, named: dict[str, Any], old: Any, new: Any) -> None:
    if rule.numerics == "exact":
        assert has_same_bits(new, old), f"{format_program(before)}: {difference(new, old)} for {named}"
    elif rule.numerics == "better":
        check_better(before, named, old, new)
    else:
        assert is_close(np.asarray(new), np.asarray(old)), difference(new, old)


def check_better(before: Program, named: dict[str, Any], old: Any, new: Any) -> None:
    """The new value is at least as near as the old one to what the same program gives in longer floats."""
    exact = np.asarray(wide(before, named))
    with np.errstate(all="ignore"):
        error = np.abs(np.asarray(new, np.longdouble) - exact)
        allowed = np.abs(np.asarray(old, np.longdouble) - exact)
    assert np.all((error <= allowed) | np.isnan(allowed) | ~np.isfinite(exact)), f"{new} is farther from {exact} than {old}"


def wide(program: Program, named: dict[str, Any]) -> Any:
    """Return the value of a program with every fed floating point number as a longer one."""
    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in program.nodes():
            if node.op is INPUT:
                value = named[node.attributes["name"]]
                values[node] = np.asarray(value, np.longdouble) if node.dtype.is_floating else value
            else:
                assert node.op.kernel is not None
                values[node] = node.op.kernel(np, *[values[source] for source in node.inputs], **node.attributes)
    return values[program.outputs[0].node]


@pytest.mark.parametrize("rule", RULES, ids=by_name)
def test_the_rule_keeps_the_numbers(rule: Rule) -> None:
    check_numbers(rule)


# --- the checks themselves -----------------------------------------------------------------------------------------------


@pytest.fixture
def extra_rule():
    """Define rules for one test."""
    before = list(RULES)

    def define(*arguments: Any) -> Rule:
        return define_rule(*arguments)

    yield define
    for made in RULES[len(before) :]:
        PROGRAMS.pop(made.name, None)
    RULES[:] = before


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (lambda x: add(x, 0.0), lambda x: x),
        (lambda x: multiply(x, 0.0), lambda x: subtract(x, x)),
        (lambda x, y: subtract(x, y), lambda x, y: negative(subtract(y, x))),
        (lambda x: square(square(x)), lambda x: multiply(multiply(multiply(x, x), x), x)),
    ],
)
def test_a_rule_that_is_not_exact_is_found(extra_rule: Any, pattern: Any, replacement: Any) -> None:
    made = extra_rule("test-inexact", "exact", pattern, lambda *nodes: None)
    x, y = [input_node("feed", name, TensorType(dtypes.float32, (2, 3))) for name in "xy"]
    operands = [x, y][: pattern.__code__.co_argcount]
    pair = [Program([Output("fetch", "y", function(*operands))]) for function in (pattern, replacement)]
    PROGRAMS[made.name] = [(pair[0], pair[1])]
    with pytest.raises(AssertionError, match="is not"):
        check_numbers(made)


def test_a_rule_that_is_not_better_is_found(extra_rule: Any) -> None:
    made = extra_rule("test-worse", "better", lambda x: multiply(x, 1), lambda x: sqrt(square(x)) if x.dtype.is_floating else None)
    PROGRAMS[made.name] = programs_for(made)
    with pytest.raises(AssertionError, match="is farther from"):
        check_numbers(made)


def test_a_rule_that_is_right_on_ordinary_values_alone_may_assume_finite_ones(extra_rule: Any) -> None:
    made = extra_rule("test-finite", "assumes(finite)", lambda x: subtract(x, x), lambda x: multiply(x, 0) if x.dtype.is_floating else None)
    PROGRAMS[made.name] = programs_for(made)
    assert PROGRAMS[made.name]
    check_numbers(made)


# --- levels --------------------------------------------------------------------------------------------------------------


def test_levels_beyond_the_last_are_the_last() -> None:
    assert rules_for(7) == rules_for(3) == RULES
    assert rules_for(-1) == []


@pytest.mark.parametrize(("numerics", "first"), [("exact", 1), ("better", 2), ("reassociates", 3), ("assumes(finite)", 3)])
def test_a_rule_runs_from_its_level_on(extra_rule: Any, numerics: str, first: int) -> None:
    x, y = [input_node("feed", name, TensorType(dtypes.float32, (2,))) for name in "xy"]
    program = Program([Output("fetch", "z", subtract(x, sqrt(y)))])
    made = extra_rule("test-level", numerics, lambda x, y: subtract(x, sqrt(y)), lambda x, y: add(y, x))
    for level in (0, 1, 2, 3):
        assert (made in rules_for(level)) == (level >= first)
        with override(optimize=level):
            assert (simplify(program) == program) == (level < first)


def test_root_of_square_needs_level_two() -> None:
    x = input_node("feed", "x", TensorType(dtypes.float32, (2,)))
    program = Program([Output("fetch", "y", sqrt(square(x)))])
    assert apply_rules(program, rules_for(1)) == program
    assert "absolute" in format_program(apply_rules(program, rules_for(2)))
