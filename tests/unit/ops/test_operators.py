"""Python's operators on tensors, variables and program nodes."""

import operator
from typing import Any

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.variables import Variable, global_variables_initializer
from graphopt.ir.node import constant_node
from graphopt.ops import division
from graphopt.runtime.session import Session

ARITHMETIC = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
}
COMPARISONS = {"Less": operator.lt, "LessEqual": operator.le, "Greater": operator.gt, "GreaterEqual": operator.ge}
X = np.array([[1.0, 2.5, 3.0], [0.5, 4.0, 2.0]], np.float32)
Y = np.array([2.0, 0.5, 3.0], np.float32)


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic(name: str, run: Any) -> None:
    do = ARITHMETIC[name]
    results = [
        do(convert_to_tensor(X), convert_to_tensor(Y)),
        do(convert_to_tensor(X), 2.0),
        do(2.0, convert_to_tensor(X)),
        do(X, convert_to_tensor(Y)),
    ]
    for value, expected in zip(run(results), [do(X, Y), do(X, np.float32(2)), do(np.float32(2), X), do(X, Y)], strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert value.dtype == np.float32
    assert results[0].op.name == name
    assert results[1].op.name == f"{name}_1"


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name: str, run: Any) -> None:
    do = COMPARISONS[name]
    found = do(convert_to_tensor(X), 2.0)
    assert found.op.name == name
    np.testing.assert_array_equal(run(found), do(X, 2.0))
    np.testing.assert_array_equal(run(do(2.0, convert_to_tensor(X))), do(2.0, X))


@pytest.mark.parametrize(("name", "do"), [("and", operator.and_), ("or", operator.or_), ("xor", operator.xor)])
def test_logic_of_bools_and_bits_of_integers(name: str, do: Any, run: Any) -> None:
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    found = do(convert_to_tensor(a), convert_to_tensor(b))
    assert found.op.name == name
    np.testing.assert_array_equal(run(found), do(a, b))
    np.testing.assert_array_equal(run(do(convert_to_tensor([6, 5]), 3)), do(np.array([6, 5]), 3))
    np.testing.assert_array_equal(run(do(True, convert_to_tensor(b))), do(True, b))


def test_one_operand(run: Any) -> None:
    x = convert_to_tensor(-X)
    np.testing.assert_array_equal(run(-x), X)
    np.testing.assert_array_equal(run(abs(x)), X)
    np.testing.assert_array_equal(run(~(x < -2.0)), ~(-X < -2))
    np.testing.assert_array_equal(run(~convert_to_tensor([5])), [~5])


def test_matrix_product(run: Any) -> None:
    found = convert_to_tensor(X) @ Y.reshape(3, 1)
    assert found.op.name == "matmul"
    np.testing.assert_allclose(run(found), X @ Y.reshape(3, 1), rtol=1e-6)
    np.testing.assert_allclose(run(X.T @ convert_to_tensor(X)), X.T @ X, rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "result"), [("int32", "float64"), ("int64", "float64"), ("int8", "float32"), ("uint16", "float32"), ("float16", "float16")]
)
def test_true_division_of_whole_numbers(dtype: str, result: str, run: Any) -> None:
    found = convert_to_tensor(np.array([7, 9], dtype)) / convert_to_tensor(np.array([2, 4], dtype))
    assert found.dtype.name == result
    np.testing.assert_array_equal(run(found), np.array([3.5, 2.25], result))


def test_python_two_division(run: Any) -> None:
    np.testing.assert_array_equal(run(division.div(np.array([7, -7]), np.array([2, 2]))), [3, -4])
    np.testing.assert_array_equal(run(division.div(convert_to_tensor([7.0]), 2.0)), [3.5])


def test_identity_is_equality() -> None:
    x = convert_to_tensor(X)
    assert x == x
    assert x != convert_to_tensor(X)
    assert {x: 1}[x] == 1


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda i, f: i + f, "Input 'y' of 'Add' Op has type float32 that does not match type int32 of argument 'x'."),
        (lambda i, f: i + 1.5, "Expected int32, got 1.5 of type 'float' instead."),
        (lambda i, f: i / 1.5, "x and y must have the same dtype, got tf.int32 != tf.float32"),
        (lambda i, f: i / f, "x and y must have the same dtype, got tf.int32 != tf.float32"),
        (lambda i, f: division.div(i, f), "x and y must have the same dtype, got tf.int32 != tf.float32"),
        (lambda i, f: (i < 1) / (i < 1), "Invalid dtype tf.bool in __truediv__"),
        (lambda i, f: f & f, "Value passed to parameter 'x' has DataType float32 not in list of allowed values: bool"),
    ],
)
def test_wrong_types(call: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(convert_to_tensor([1, 2]), convert_to_tensor([1.0, 2.0]))
    assert text in str(caught.value)


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 3 and 2 for 'add'"):
        convert_to_tensor(Y) + convert_to_tensor([1.0, 2.0])


def test_variables(run: Any) -> None:
    v = Variable([1.0, 2.0], name="v")
    results = [v + 1.0, 1.0 - v, v * v, v / 2.0, -v, v[1], v < 1.5, np.ones(2, np.float32) + v]
    with Session() as session:
        session.run(global_variables_initializer())
        values = session.run(results)
    assert [value.tolist() for value in values] == [[2, 3], [0, -1], [1, 4], [0.5, 1], [-1, -2], 2, [True, False], [2, 3]]


def test_nodes_have_the_same_vocabulary() -> None:
    x = constant_node(X)
    assert [(node.op.name, str(node.tensor_type)) for node in (x + 1.0, 1.0 - x, x @ X.T, x[0], -x, x < 2.0, x / x)] == [
        ("add", "f32[2,3]"),
        ("subtract", "f32[2,3]"),
        ("matmul", "f32[2,2]"),
        ("strided_slice", "f32[3]"),
        ("negative", "f32[2,3]"),
        ("less", "bool[2,3]"),
        ("divide", "f32[2,3]"),
    ]
    assert x + 1.0 is x + 1.0


def test_values_are_not_iterable() -> None:
    with pytest.raises(TypeError, match="iterating over"):
        list(convert_to_tensor(X))
    with pytest.raises(TypeError, match="not iterable"):
        list(constant_node(X))


def test_saturate_cast(run: Any) -> None:
    x = np.array([-1e20, -3.7, 300.2, 1e20], np.float32)
    np.testing.assert_array_equal(run(division.saturate_cast(x, dtypes.uint8)), [0, 0, 255, 255])
    np.testing.assert_array_equal(run(division.saturate_cast(x, dtypes.int32)), [-(2**31), -3, 300, 2**31 - 128])
    np.testing.assert_array_equal(run(division.saturate_cast(np.array([3, -3], np.int8), dtypes.float32)), [3, -3])


def test_logical_xor_takes_bools_only(run: Any) -> None:
    np.testing.assert_array_equal(run(division.logical_xor(np.array([True, False]), True)), [False, True])
    with pytest.raises(TypeError, match="not in list of allowed values: bool"):
        division.logical_xor(convert_to_tensor([1.0]), convert_to_tensor([1.0]))
