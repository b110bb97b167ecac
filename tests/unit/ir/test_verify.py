"""The verifier finds each broken invariant; interning, immutability and the text form of programs."""

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.errors import VerifyError
from graphopt.ir.node import Literal, Node, constant_node, input_node, intern
from graphopt.ir.opdef import REGISTRY, OpDef, define_op
from graphopt.ir.program import Output, Program
from graphopt.ir.text import format_program, parse_program
from graphopt.ir.types import TensorType
from graphopt.ir.verify import verify
from graphopt.ops import array, control, elementwise
from graphopt.ops.state import assign

F32 = TensorType(dtypes.float32, (2,))
X = input_node("feed", "x", F32)
N = input_node("feed", "n", TensorType(dtypes.int32, (2,)))


def fetching(node: Node, kind: str = "fetch", name: str = "y:0") -> Program:
    return Program([Output(kind, name, node)])


def forged(op: OpDef, inputs: tuple[Node, ...], attributes: dict | None = None, types: tuple[TensorType, ...] = (F32,)) -> Node:
    """A node made behind the back of `bind`."""
    return Node(op, inputs, attributes or {}, types)


def unregistered() -> OpDef:
    op = define_op("made_for_a_test(x: float) -> like(x)", kernel=lambda xp, x: x, doc="Do nothing.")
    del REGISTRY[op.name]
    return op


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: fetching(forged(unregistered(), (X,))), "op 'made_for_a_test' is not in the registry"),
        (
            lambda: fetching(forged(assign, (X, X), {"validate_shape": True})),
            "neither a kernel nor an expansion: an effect came through the door",
        ),
        (lambda: fetching(forged(array.transpose_op, (X,))), r"attributes \[\] are not \['perm'\]"),
        (lambda: fetching(forged(elementwise.add, (X,))), "1 operands where the op takes 2"),
        (lambda: fetching(forged(elementwise.tanh, (N,))), "operand x has element type int32"),
        (
            lambda: fetching(forged(elementwise.tanh, (X,), types=(TensorType(dtypes.float32, (3,)),))),
            r"types \['f32\[3\]'\] are not the inferred",
        ),
        (lambda: Program([Output("fetch", "y:0", X), Output("fetch", "y:0", X)]), "Output fetch 'y:0' stands twice"),
        (lambda: fetching(X, kind="wish"), "has the unknown kind 'wish'"),
        (lambda: fetching(input_node("optional", "v", F32)), "is an optional input"),
    ],
)
def test_each_broken_invariant_is_found(make, text):
    with pytest.raises(VerifyError, match=text):
        verify(make())


def test_the_message_names_the_pass():
    with pytest.raises(VerifyError, match="after fold: "):
        verify(fetching(forged(elementwise.add, (X,))), "fold")


def test_a_right_program_passes():
    verify(fetching(elementwise.add(elementwise.tanh(X), 1.0)))


def test_equal_nodes_are_one_node():
    assert elementwise.add(X, 1.0) is elementwise.add(X, 1.0)
    assert elementwise.add(X, 0.0) is not elementwise.add(X, -0.0)
    assert constant_node(1) is not constant_node(1.0)
    assert constant_node(np.float32(np.nan)) is constant_node(np.float32(np.nan))
    assert array.expand_dims_op(X, axis=1) is not array.expand_dims_op(X, axis=0)
    assert intern(elementwise.tanh, (X,), {}, (F32,)) is elementwise.tanh(X)


def test_attributes_that_are_equal_in_python_stay_apart():
    assert control.check_numerics(X, message="1") is not control.check_numerics(X, message="2")
    yes = intern(elementwise.tanh, (X,), {"flag": True}, (F32,))
    one = intern(elementwise.tanh, (X,), {"flag": 1}, (F32,))
    assert yes is not one


def test_constants_do_not_change_with_the_array_they_came_from():
    values = np.ones(3, np.float32)
    node = constant_node(values)
    values[0] = 9.0
    assert node.value.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        node.value[0] = 2.0
    assert Literal(np.ones(2)) == Literal(np.ones(2)) != Literal(np.zeros(2))


def test_programs_do_not_change():
    program = fetching(X)
    with pytest.raises(AttributeError, match="A program is immutable: 'outputs' can't be set"):
        program.outputs = ()


def test_several_results_survive_the_text_form():
    first, second = array.split_sizes(X, sizes=(1, 1), axis=0)
    program = Program([Output("fetch", "a:0", first), Output("update", "b", second)])
    assert parse_program(format_program(program)) == program


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The text holds no program"),
        ("nonsense {\n}", "Not the head of a program: 'nonsense {'"),
        ("program {\n  %0 = add\n}", "Not a line of a program: '  %0 = add'"),
        ("program {\n  %0: f32[] = no_such_op()\n}", "Not a line of a program"),
        ("program {\n  %0: f32[] = const(value=what)\n}", "Not an attribute that can be parsed: 'what'"),
    ],
)
def test_text_that_is_no_program_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_program(text)


def test_text_whose_types_are_not_those_of_the_results_is_refused():
    text = format_program(fetching(elementwise.add(X, X)))
    assert parse_program(text) == fetching(elementwise.add(X, X))
    with pytest.raises(ValueError, match=r"The line says f32\[9\], but the result is f32\[2\]: .*add"):
        parse_program(text.replace("f32[2] = add", "f32[9] = add"))
