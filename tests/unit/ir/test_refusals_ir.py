"""What the op definitions and the program refuse: calls, literals, signatures and samples that don't fit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.errors import InvalidArgumentError
from graphopt.ir.bind import bind
from graphopt.ir.literals import to_array
from graphopt.ir.node import NODES, Node, constant_node, input_node
from graphopt.ir.opdef import REGISTRY, define_op
from graphopt.ir.program import Output, Program, rebuild, with_inputs
from graphopt.ir.rules import shape_from
from graphopt.ir.samples import arg
from graphopt.ir.signature import parse_signature
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import reshape, transpose_op
from graphopt.ops.branch import captured
from graphopt.ops.elementwise import add, tanh

X = input_node("feed", "x", TensorType(dtypes.float32, (2,)))


class Stubborn:
    """Neither a number nor a list."""


def _sizes(*values: int) -> StaticOperand:
    return StaticOperand(TensorType(dtypes.int32, (len(values),)), values)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: bind(tanh, (X, X), {}), ValueError, "Op 'tanh' takes 1 operands (x), got 2."),
        (lambda: transpose_op(X, wish=1), ValueError, "Op 'transpose' has no attribute 'wish'; it has ['perm']."),
        (captured, ValueError, "Op 'captured' needs the attribute 'dtype'."),
        (lambda: define_op("tanh(x: float) -> like(x)", doc="Again."), ValueError, "Op 'tanh' is defined twice"),
        (lambda: parse_signature("tanh"), ValueError, "Not a signature: 'tanh'"),
        (lambda: arg("float"), ValueError, "Not a type: 'float'; write it like f32[2,3]."),
        (lambda: NODES.admit(Stubborn()), TypeError, "A Stubborn can't be an operand in a program."),
        (lambda: shape_from(_sizes(2, -3)), ValueError, "Dimension -3 must be >= 0"),
        (
            lambda: shape_from(StaticOperand(TensorType(dtypes.int32, ()), 4)),
            ValueError,
            "Shape must be rank 1 but is rank 0",
        ),
        (lambda: setattr(Program([]), "outputs", ()), AttributeError, "A program is immutable: 'outputs' can't be set."),
        # --- literals
        (lambda: to_array(np.zeros(2), dtypes.string), TypeError, "Expected string, got an array of float64 instead."),
        (lambda: to_array([1.0, None], None), ValueError, "None values not supported."),
        (lambda: to_array([[1.0], [1.0, 2.0]], None), ValueError, "Argument must be a dense tensor: [[1.0], [1.0, 2.0]] - "),
        (
            lambda: to_array([Stubborn()], None),
            TypeError,
            "Failed to convert object of type <class 'list'> to Tensor. Contents: [<",
        ),
        (lambda: to_array(["a", 2], None), TypeError, "Expected string, got 2 of type 'int' instead."),
        (lambda: to_array(["a"], dtypes.float32), TypeError, "Expected float32, got 'a' of type 'str' instead."),
        (lambda: to_array([2.5], dtypes.int32), TypeError, "Expected int32, got 2.5 of type 'float' instead."),
    ],
)
def test_refused(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    before = set(REGISTRY)
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)
    assert set(REGISTRY) == before


def test_shapes_that_fit_no_longer_once_an_input_is_replaced() -> None:
    loose = input_node("feed", "loose", TensorType(dtypes.float32, (None,)))
    total = add(loose, constant_node(np.zeros(3, np.float32)))
    program = Program([Output("fetch", "y:0", total)])

    def narrow(node: Node) -> Node:
        return X if node is loose else node

    with pytest.raises(InvalidArgumentError, match=r"f32\[2\].*f32\[3\]|\[2\].*\[3\]|2 and 3"):
        rebuild(program, with_inputs, narrow)


def test_a_shape_of_two_unknown_sizes() -> None:
    with pytest.raises(ValueError, match=r"Only one input size may be -1, got \[-1, -1\]"):
        reshape(X, [-1, -1])
