"""The plain interpreter of programs: the oracle of the backends, and what runs branches."""

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.errors import FailedPreconditionError, InvalidArgumentError
from graphopt.ir.interpret import run_program
from graphopt.ir.node import constant_node, input_node
from graphopt.ir.opdef import REGISTRY, define_op
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ops.array import reshape_op
from graphopt.ops.division import floordiv
from graphopt.ops.elementwise import add, multiply
from graphopt.ops.partition import unique_op

VECTOR = TensorType(dtypes.float32, (2,))
X = input_node("feed", "x", VECTOR)
V = input_node("variable", "v", VECTOR)


def test_values_constants_and_shared_nodes():
    twice = add(X, X)
    program = Program([Output("fetch", "y", multiply(twice, constant_node(3.0))), Output("fetch", "z", twice)])
    y, z = run_program(program, {"feed x": np.float32([1.0, 2.0])})
    assert (y.tolist(), z.tolist()) == ([6.0, 12.0], [2.0, 4.0])


def test_several_results_of_one_node():
    values, indices = unique_op(input_node("feed", "n", TensorType(dtypes.int32, (3,))), dtype=dtypes.int32)
    program = Program([Output("fetch", "a", values), Output("fetch", "b", indices)])
    assert [v.tolist() for v in run_program(program, {"feed n": np.int32([5, 5, 7])})] == [[5, 7], [0, 0, 1]]


def test_results_share_memory_with_nothing():
    given = np.float32([1.0, 2.0])
    view = reshape_op(X, np.array([2, 1], np.int32))
    made = add(X, X)
    program = Program(
        [
            Output("fetch", str(i), node)
            for i, node in enumerate([X, view, constant_node(given), made, made, reshape_op(made, np.array([1, 2], np.int32))])
        ]
    )
    results = run_program(program, {"feed x": given})
    for i, result in enumerate(results):
        assert not np.shares_memory(result, given)
        assert result.flags.writeable
        assert not any(np.shares_memory(result, other) for other in results[i + 1 :])


def test_a_variable_without_a_value():
    handed_on = Program([Output("update", "new v", V), Output("fetch", "x", X)])
    assert run_program(handed_on, {"variable v": None, "feed x": np.zeros(2, np.float32)})[0] is None
    for used in (Program([Output("fetch", "y", V)]), Program([Output("update", "new w", add(V, V))])):
        with pytest.raises(FailedPreconditionError, match="Attempting to use uninitialized value v"):
            run_program(used, {"variable v": None})


def test_a_failing_node_names_its_origin():
    n = input_node("feed", "n", TensorType(dtypes.int32, ()))
    bad = floordiv(n, constant_node(0))

    class Recorded:
        name, location = "mine", "here:1"

    for origins, expected in (({bad: Recorded}, Recorded), ({}, None)):
        with pytest.raises(InvalidArgumentError, match="Integer division by zero") as caught:
            run_program(Program([Output("fetch", "y", bad)], origins), {"feed n": np.int32(1)})
        assert caught.value.op is expected


def test_an_op_that_has_only_an_expansion():
    op = define_op("only_expands(x: float) -> like(x)", expand=lambda x: add(x, x), vjp=lambda g, out, x: g, doc="Twice x.")
    try:
        unknown = input_node("feed", "u", TensorType(dtypes.float32, None))
        assert run_program(Program([Output("fetch", "y", op(unknown))]), {"feed u": np.float32([3.0])})[0].tolist() == [6.0]
    finally:
        del REGISTRY["only_expands"]
