"""Every rewrite rule fires on a program of its own, changes its structure, and keeps its numbers as its class promises."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.compiler import rules as rules
from graphopt.compiler.rewrite import CLASSES, RULES, Rule, apply_rules, rule, rules_for
from graphopt.ir.interpret import run_program
from graphopt.ir.node import Node, constant_node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ir.verify import verify
from graphopt.ops import array, elementwise
from graphopt.ops.broadcast import broadcast_to, fill
from graphopt.ops.control import ensure_shape, placeholder_with_default
from graphopt.ops.linalg import matmul_op
from graphopt.ops.state import rows_subtract, rows_update

SPECIAL = np.float32([[0.0, -0.0, 1.0, -1.0], [np.inf, -np.inf, np.nan, 1e-42], [3.4e38, -1e-30, 0.1, 7.0]])


def array_input(name: str, dtype: Any = dtypes.float32, shape: tuple[int, ...] = (3, 4)) -> Node:
    return input_node("feed", name, TensorType(dtype, shape))


X, Y = array_input("x"), array_input("y")
WHOLE = array_input("n", dtypes.int32)
TRUTH = array_input("c", dtypes.bool_)
ONE_TRUTH = array_input("t", dtypes.bool_, ())


def shape_of(*sizes: int) -> Node:
    return constant_node(np.array(sizes, np.int32))


def repeated() -> Node:
    return fill(shape_of(3, 4), 0.1)


# One program for each rule, in which it must fire.
PROGRAMS: dict[str, Callable[[], Node]] = {
    "multiply-by-one": lambda: elementwise.multiply(X, 1.0),
    "divide-by-one": lambda: elementwise.divide(X, 1.0),
    "subtract-zero": lambda: elementwise.subtract(X, 0.0),
    "add-negative-zero": lambda: elementwise.add(X, -0.0),
    "add-integer-zero": lambda: elementwise.add(WHOLE, 0),
    "negate-twice": lambda: elementwise.negative(elementwise.negative(X)),
    "multiply-by-minus-one": lambda: elementwise.multiply(X, -1.0),
    "add-negative": lambda: elementwise.add(X, elementwise.negative(Y)),
    "subtract-negative": lambda: elementwise.subtract(X, elementwise.negative(Y)),
    "multiply-by-itself": lambda: elementwise.multiply(X, X),
    "absolute-twice": lambda: elementwise.absolute(elementwise.absolute(X)),
    "square-of-negative": lambda: elementwise.square(elementwise.negative(X)),
    "square-of-absolute": lambda: elementwise.square(elementwise.absolute(X)),
    "not-not": lambda: elementwise.logical_not(elementwise.logical_not(TRUTH)),
    "root-of-square": lambda: elementwise.sqrt(elementwise.square(X)),
    "divide-by-power-of-two": lambda: elementwise.divide(X, 8.0),
    "select-true": lambda: elementwise.select(True, X, Y),
    "select-false": lambda: elementwise.select(False, X, Y),
    "select-same": lambda: elementwise.select(TRUTH, X, X),
    "choose-updated-rows": lambda: elementwise.select(
        ONE_TRUTH, rows_update(X, constant_node(np.int32([2, 0])), array_input("r", shape=(2, 4))), X
    ),
    "choose-subtracted-rows": lambda: elementwise.select(
        ONE_TRUTH, rows_subtract(X, constant_node(np.int32([2, 2])), array_input("r", shape=(2, 4))), X
    ),
    "cast-to-itself": lambda: elementwise.cast_op(X, dtype=dtypes.float32),
    "cast-through-wider": lambda: elementwise.cast_op(elementwise.cast_op(X, dtype=dtypes.float64), dtype=dtypes.float32),
    "identity": lambda: array.identity(X),
    "stop-gradient": lambda: array.stop_gradient(X),
    "default-of-placeholder": lambda: placeholder_with_default(X, shape=(3, 4)),
    "shape-is-sure": lambda: ensure_shape(X, shape=(None, 4)),
    "reshape-to-same": lambda: array.reshape_op(X, shape_of(3, 4)),
    "reshape-twice": lambda: array.reshape_op(array.reshape_op(X, shape_of(12)), shape_of(2, 6)),
    "expand-dims-is-reshape": lambda: array.expand_dims_op(X, axis=1),
    "squeeze-is-reshape": lambda: array.squeeze_op(array_input("s", shape=(3, 1, 4)), axis=None),
    "broadcast-to-same": lambda: broadcast_to(X, shape_of(3, 4)),
    "transpose-twice": lambda: array.transpose_op(array.transpose_op(X, perm=(1, 0)), perm=None),
    "transpose-nothing": lambda: array.transpose_op(X, perm=(0, 1)),
    "transpose-left-factor": lambda: matmul_op(array.transpose_op(X, perm=(1, 0)), Y),
    "transpose-right-factor": lambda: matmul_op(X, array.transpose_op(Y, perm=None)),
    "zeros-are-filled": lambda: elementwise.zeros_as(X),
    "ones-are-filled": lambda: elementwise.ones_as(X),
    "select-repeated-value": lambda: elementwise.select(TRUTH, X, repeated()),
    "add-repeated-value": lambda: elementwise.add(X, repeated()),
    "subtract-repeated-value": lambda: elementwise.subtract(repeated(), X),
    "multiply-repeated-value": lambda: elementwise.multiply(X, constant_node(np.full((3, 4), 0.1, np.float32))),
    "divide-repeated-value": lambda: elementwise.divide(X, broadcast_to(constant_node(np.float32(0.1)), shape_of(3, 4))),
}

# Programs in which a rule must not fire, because it would be wrong there.
MUST_STAY: dict[str, Callable[[], Node]] = {
    "add-negative-zero": lambda: elementwise.add(X, 0.0),
    "add-integer-zero": lambda: elementwise.add(X, 0.0),
    "divide-by-power-of-two": lambda: elementwise.divide(X, 3.0),
    "cast-through-wider": lambda: elementwise.cast_op(elementwise.cast_op(X, dtype=dtypes.float16), dtype=dtypes.float32),
    "reshape-to-same": lambda: array.reshape_op(X, shape_of(4, 3)),
    "transpose-nothing": lambda: array.transpose_op(X, perm=(1, 0)),
    "multiply-by-one": lambda: elementwise.multiply(X, 1.0000001),
    "select-repeated-value": lambda: elementwise.select(TRUTH, X, Y),
    "choose-updated-rows": lambda: elementwise.select(TRUTH, rows_update(X, np.int32([2]), array_input("r", shape=(1, 4))), X),
    "choose-subtracted-rows": lambda: elementwise.select(ONE_TRUTH, rows_subtract(X, np.int32([2]), array_input("r", shape=(1, 4))), Y),
    "root-of-square": lambda: elementwise.sqrt(elementwise.multiply(X, Y)),
}

BY_NAME = {r.name: r for r in RULES}


def value_for(node: Node) -> np.ndarray:
    random = np.random.RandomState(len(node.attributes["name"]) + ord(node.attributes["name"][0]))
    if node.dtype is dtypes.bool_:
        return random.rand(*node.shape) < 0.5
    if node.dtype is dtypes.int32:
        return random.randint(-5, 5, node.shape).astype(np.int32)
    special = SPECIAL.reshape(-1)
    return random.choice(special, node.shape) if node.attributes["name"] != "x" else special.reshape(node.shape)


def evaluated(program: Program) -> np.ndarray:
    inputs = {f"feed {n.attributes['name']}": value_for(n) for n in program.inputs()}
    with np.errstate(all="ignore"):
        return np.asarray(run_program(program, inputs)[0])


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal with the sign of zeros; a NaN is a NaN."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    both = np.isnan(a) & np.isnan(b)
    return bool(np.all(both | ((a == b) & (np.signbit(a) == np.signbit(b)))))


def test_every_rule_has_a_program():
    assert set(PROGRAMS) == set(BY_NAME)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_rule_fires_and_keeps_the_numbers(name):
    before = Program([Output("fetch", "y:0", PROGRAMS[name]())])
    fired: list[str] = []
    after = apply_rules(before, [BY_NAME[name]], fired)
    verify(after)
    assert name in fired
    assert after != before
    assert after.outputs[0].node.types == before.outputs[0].node.types
    old, new = evaluated(before), evaluated(after)
    if BY_NAME[name].numerics == "exact":
        assert same_bits(old, new)
    else:
        # A better value may be finite where the other one overflowed.
        fine = np.isfinite(old) & (np.abs(old) > 1e-15)
        np.testing.assert_allclose(new[fine], old[fine], rtol=1e-6)


@pytest.mark.parametrize("name", sorted(MUST_STAY))
def test_the_rule_leaves_alone_what_it_does_not_hold_for(name):
    before = Program([Output("fetch", "y:0", MUST_STAY[name]())])
    assert apply_rules(before, [BY_NAME[name]]) == before


def test_adding_a_positive_zero_is_not_exact():
    x = np.float32(-0.0)
    assert np.signbit(x) != np.signbit(x + np.float32(0.0))
    assert not np.signbit(x) != np.signbit(x + np.float32(-0.0))


def test_levels_choose_classes():
    classes = {level: {r.numerics for r in rules_for(level)} for level in (0, 1, 2, 3)}
    assert classes[0] == set()
    assert classes[1] == {"exact"}
    assert classes[2] == {"exact", "better"}
    assert classes[3] >= classes[2]
    assert all(r.numerics in CLASSES for r in RULES)


def test_bad_definitions_are_refused():
    with pytest.raises(ValueError, match="Unknown numerical class 'nearly'"):
        rule("some-rule", "nearly", lambda x: elementwise.negative(x), lambda x: x)
    with pytest.raises(ValueError, match="Rule 'identity' is defined twice"):
        rule("identity", "exact", lambda x: elementwise.negative(x), lambda x: x)


def test_rules_that_never_end_are_noticed():
    first = _unlisted(lambda x: elementwise.sin(x), elementwise.cos)
    second = _unlisted(lambda x: elementwise.cos(x), elementwise.sin)
    with pytest.raises(RecursionError, match="Rules keep rewriting"):
        apply_rules(Program([Output("fetch", "y:0", elementwise.sin(X))]), [first, second])


def _unlisted(pattern: Callable[..., Any], replacement: Callable[..., Any]) -> Rule:
    made = rule(f"temporary-{len(RULES)}", "exact", pattern, lambda x: replacement(x))
    RULES.remove(made)
    return made
