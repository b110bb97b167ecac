"""Deliberately wrong op blocks make `check_op` fail, each for its own reason. The same block without its fault passes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphopt.dtypes import float32
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, REGISTRY, OpDef, define_op
from graphopt.ir.types import TensorType
from graphopt.ops.array import reshape_op
from graphopt.ops.elementwise import add, multiply, square, subtract, zeros_as
from graphopt.testing import CALL_CHECKS, ERROR_CHECKS, SPECIAL, ContractError, arg, case, check_gradient, check_op, values

DOC = "Return three times the square."
SAMPLES = [case("f32[2,3]"), case("f64[]"), case("f32[0,2]"), case(values(SPECIAL), differentiable=False)]

# An op block without a fault. `three_squares(x) = 3 * x * x`, with every other way to compute it.
RIGHT: dict[str, Any] = {
    "signature": "three_squares(x: float) -> like(x)",
    "kernel": lambda xp, x: xp.multiply(xp.multiply(x, x), x.dtype.type(3)),
    "vjp": lambda g, out, x: multiply(multiply(g, 6.0), x),
    "expand": lambda x: multiply(square(x), 3.0),
    "buffered": "(multiply({x}, {x}, {out}), multiply({out}, 3, {out}))",
    "doc": DOC,
    "samples": SAMPLES,
}


def _squared_derivative(g: Any, out: Any, x: Any) -> Any:
    """Right as a value; its own gradient is wrong, because a factor is hidden from it."""
    return multiply(g, hidden_six(x))


@pytest.fixture(autouse=True)
def _leave_no_ops() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def block(**changes: Any) -> OpDef:
    """Define the right op with changes."""
    fields = {**RIGHT, **changes}
    return define_op(fields.pop("signature"), **fields)


def failing(op: OpDef) -> ContractError:
    with pytest.raises(ContractError) as caught:
        check_op(op)
    return caught.value


hidden_six = define_op(
    "test_hidden_six(x: float) -> like(x)",
    kernel=lambda xp, x: xp.multiply(x, x.dtype.type(6)),
    vjp=NOT_DIFFERENTIABLE,
    doc="Return six x.",
)
REGISTRY.pop(hidden_six.name)


def test_a_right_block_passes() -> None:
    check_op(block())


def _changes_operand(xp: Any, x: Any) -> Any:
    result = x * x * x.dtype.type(3)
    if isinstance(x, np.ndarray) and x.size and x.flags.writeable:
        x += 1
    return result


def _sorts_rows(xp: Any, x: Any) -> Any:
    # Right for arrays that stand in one piece in memory only.
    return np.frombuffer(x.tobytes() if x.flags.c_contiguous else bytes(x.nbytes), x.dtype).reshape(x.shape).copy()


WRONG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no sentence": ("doc", "needs a sentence", {"doc": "three squares"}),
    "no samples": ("samples", "has a kernel but no samples", {"samples": []}),
    "kernel and effect": ("kernel", "a kernel and an effect", {"discharge": lambda ctx, x: x}),
    "number of rules": ("gradient", "2 gradient rules for 1 operands", {"vjp": (None, None)}),
    "type rule, shape": (
        "types", "result 0 is inferred as f32[2], the kernel gives float32[2, 3]",
        {"signature": "three_squares(x: float)", "infer": lambda x: TensorType(x.dtype, x.shape[:1]) if x.shape else x},
    ),
    "type rule, element type": ("types", "is inferred as bool[2,3]", {"signature": "three_squares(x: float) -> bool_like(x)"}),
    "type rule, open size": (
        "types", "from known operands, but the op is not host_only",
        {"signature": "three_squares(x: float)", "infer": lambda x: TensorType(x.dtype, (None,) * len(x.shape or ()))},
    ),
    "type rule, number of results": (
        "types", "2 results are inferred, the kernel gives 1",
        {"signature": "three_squares(x: float) -> many()", "infer": lambda x: (x, x), "expand": None, "buffered": None},
    ),
    "type rule needs sizes": (
        "hidden types", "hiding size 0 of operand 0",
        {"signature": "three_squares(x: float)", "infer": lambda x: TensorType(x.dtype, tuple(d or 1 for d in x.shape or ()))},
    ),
    "type rule needs a rank": (
        "hidden types", "hiding rank of operand 0",
        {"signature": "three_squares(x: float)", "infer": lambda x: TensorType(x.dtype, x.shape if x.shape is not None else ())},
    ),
    "value from types": ("value_from_types", "the value from types differs", {"value_from_types": lambda x: np.zeros(x.shape, x.dtype.np)}),
    "gradient": ("gradient", "the gradient for x0 is", {"vjp": lambda g, out, x: multiply(multiply(g, 5.0), x)}),
    "gradient says not connected": ("gradient", "the gradient for x0 is None (not connected)", {"vjp": (None,)}),
    "gradient is not finite": ("gradient", "the gradient for x0 is nan", {"vjp": lambda g, out, x: multiply(g, float("nan"))}),
    "gradient of unknown sizes": (
        "gradient", "the gradient for x0 is",
        {"vjp": lambda g, out, x: multiply(multiply(g, 6.0 if x.tensor_type.is_static else 7.0), x)},
    ),
    "second gradient": ("gradient", "the gradient of the gradient for x0 is None (not connected)", {"vjp": _squared_derivative}),
    "gradient without a rule of its own": (
        "gradient", "No gradient defined for operation",
        {"vjp": lambda g, out, x: without_rule(multiply(multiply(g, 6.0), x))},
    ),
    "expansion": ("expand", "the expansion differs from the kernel", {"expand": lambda x: multiply(square(x), 3.001)}),
    "expansion at special values": (
        "expand", "the expansion differs from the kernel",
        {"expand": lambda x: add(multiply(square(x), 3.0), subtract(x, x))},
    ),
    "expansion of another shape": (
        "expand", "float32[6] is not float32[2, 3]",
        {"expand": lambda x: reshape_op(multiply(square(x), 3.0), np.array([-1], np.int32))},
    ),
    "statement": ("statement", "differs from the kernel", {"buffered": "multiply({x}, {x}, {out})"}),
    "statement, last bit": ("statement", "differs from the kernel", {"buffered": "(multiply({x}, 3, {out}), multiply({out}, {x}, {out}))"}),
    "statement changes its operand": (
        "statement", "changes operand 0",
        {"buffered": "(multiply({x}, {x}, {out}), multiply({out}, 3, {out}), copyto({x}, 0))"},
    ),
    "statement, over its operand": (
        "in place", "writing over operand 0 differs",
        {"buffered": "(copyto({out}, 3), multiply({out}, {x}, {out}), multiply({out}, {x}, {out}))", "overwrites": "x",
         "kernel": lambda xp, x: x * 3 * x},
    ),
    "into": ("into", "`into` differs from the kernel", {"into": lambda out, x: np.multiply(x, x, out)}),
    "scalar expression": (
        "scalar", "the expression '{x} * {x}'",
        {"scalar": "{x} * {x}", "buffered": None},
    ),
    "undeclared view": (
        "view", "a result shares memory with operand 0 (x), which view_of does not name",
        {"kernel": lambda xp, x: x, "vjp": lambda g, out, x: g, "expand": None, "buffered": None},
    ),
    "two results in one memory": (
        "view", "two results share memory",
        {"signature": "three_squares(x: float) -> many()", "infer": lambda x: (x, x), "kernel": lambda xp, x: (lambda y: (y, y))(x + x),
         "vjp": NOT_DIFFERENTIABLE, "expand": None, "buffered": None},
    ),
    "kernel changes its operand": ("mutation", "the kernel changes operand 0", {"kernel": _changes_operand}),
    "kernel that depends on layout": (
        "layout", "operands that are views give another result",
        {"kernel": _sorts_rows, "vjp": NOT_DIFFERENTIABLE, "expand": None, "buffered": None},
    ),
    "not linear": ("linear", "not linear in x", {"linear_in": ("x",)}),
    "text": ("text", "Not a line of a program", {"signature": "three-squares(x: float) -> like(x)"}),
    "unexpected error": ("mutation", "ZeroDivisionError", {"kernel": lambda xp, x: 1 // 0}),
}  # fmt: skip


without_rule = define_op("test_without_rule(x: float) -> like(x)", kernel=lambda xp, x: xp.array(x)[()], doc="Return a copy.")
REGISTRY.pop(without_rule.name)


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_block_fails_for_its_own_reason(fault: str) -> None:
    check, message, changes = WRONG[fault]
    error = failing(block(**changes))
    assert error.check == check
    assert message in str(error)


def test_not_commutative() -> None:
    op = define_op("minus(x: num, y: same(x)) -> broadcast(x, y)", kernel=lambda xp, x, y: xp.subtract(x, y), vjp=NOT_DIFFERENTIABLE,
                   commutative=True, samples=[case("f32[3]", "f32[3]")], doc="Return x - y.")  # fmt: skip
    assert failing(op).check == "commutative"


def test_a_second_operand_that_changes() -> None:
    def kernel(xp: Any, x: Any, y: Any) -> Any:
        result = x + y
        if isinstance(y, np.ndarray) and y.flags.writeable:
            y[...] = 0
        return result

    op = define_op(
        "plus(x: float, y: same(x)) -> broadcast(x, y)",
        kernel=kernel,
        vjp=NOT_DIFFERENTIABLE,
        samples=[case("f32[3]", "f32[3]")],
        doc="Add.",
    )
    assert "the kernel changes operand 1" in str(failing(op))


def test_a_wrong_folded_value() -> None:
    """A kernel that looks at more than its operands' values is found where it runs a second time."""
    calls: list[int] = []

    def kernel(xp: Any, x: Any) -> Any:
        calls.append(1)
        return x + x.dtype.type(len(calls))

    op = define_op("drifts(x: float) -> like(x)", kernel=kernel, vjp=NOT_DIFFERENTIABLE, samples=[case("f32[3]")], doc="Drift.")
    assert failing(op).check in CALL_CHECKS


def test_tolerance_of_linear_is_not_too_wide() -> None:
    op = define_op("bent(x: float) -> like(x)", kernel=lambda xp, x: x + x.dtype.type(0.01), vjp=NOT_DIFFERENTIABLE, linear_in=("x",),
                   samples=[case("f32[3]")], doc="Shift.")  # fmt: skip
    assert failing(op).check == "linear"


# --- declared errors -----------------------------------------------------------------------------------------------------------


def _positive(xp: Any, x: Any) -> Any:
    if np.any(x < 0):
        raise invalid_argument("x must not be negative")
    return xp.sqrt(x)


ERRORS: dict[str, Any] = {
    "signature": "careful_root(x: float) -> like(x)",
    "kernel": _positive,
    "vjp": NOT_DIFFERENTIABLE,
    "fallible": True,
    "doc": "Return the root.",
    "samples": [case(arg("f32[3]", 0.1, 2.0)), case(values([-1.0]), error="must not be negative")],
}


def test_declared_errors_pass() -> None:
    check_op(define_op(**ERRORS))


@pytest.mark.parametrize(
    ("check", "message", "changes"),
    [
        ("error", "does not say 'must be positive'", {"samples": [ERRORS["samples"][0], case(values([-1.0]), error="must be positive")]}),
        ("error", "no error; it should say", {"samples": [ERRORS["samples"][0], case(values([1.0]), error="must not be negative")]}),
        ("fallible", "`fallible` says that it can't", {"fallible": False}),
        ("fallible", "`fallible` says that it can't", {"fallible": lambda x: not x.is_static}),
    ],
)
def test_wrong_declared_errors(check: str, message: str, changes: dict[str, Any]) -> None:
    error = failing(define_op(**{**ERRORS, **changes}))
    assert (error.check, message in str(error)) == (check, True)


def test_an_error_that_is_not_of_this_kind_is_found() -> None:
    def kernel(xp: Any, x: Any) -> Any:
        if np.any(x < 0):
            raise RuntimeError("must not be negative")
        return xp.sqrt(x)

    error = failing(define_op(**{**ERRORS, "kernel": kernel}))
    assert error.check in ERROR_CHECKS
    assert "RuntimeError" in str(error)


# --- the gradient check by itself ---------------------------------------------------------------------------------------------


def test_check_gradient_of_a_function() -> None:
    assert check_gradient(lambda x, y: multiply(square(x), y), [np.ones((2, 3)), np.ones(3, np.float32)]) == 2
    assert check_gradient(lambda x, y: square(x), [np.ones(2), np.ones(2)]) == 1
    assert check_gradient(lambda x: zeros_as(x), [np.ones(2)]) == 0


def test_check_gradient_of_the_third_order() -> None:
    assert check_gradient(lambda x: multiply(square(x), square(x)), [np.float64([0.5, -1.5])], order=3) == 1


def test_types_of_special_samples() -> None:
    assert values(SPECIAL).dtype is float32
