"""What the checks of op blocks report in rarer cases (tests/contract/test_checker.py has the others)."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import InvalidArgumentError
from graphopt.ir.opdef import REGISTRY, OpDef, define_op
from graphopt.ir.program import Program
from graphopt.ir.samples import case
from graphopt.ops.elementwise import add, tanh
from graphopt.ops.state import read
from graphopt.testing import ContractError, check_gradient, compiled_checks
from graphopt.testing.backends import BACKENDS
from graphopt.testing.calls import Call
from graphopt.testing.compare import units_apart
from graphopt.testing.contract import check_declared_error
from graphopt.testing.recorded import run_recorded

SAMPLE = case("f32[2,3]")


@pytest.fixture(autouse=True)
def leave_no_ops() -> Iterator[None]:
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def block(**fields: Any) -> OpDef:
    return define_op("refused_block(x: float) -> like(x)", doc="Do little.", **fields)


def test_an_op_without_a_kernel() -> None:
    with pytest.raises(TypeError, match=r"Op 'read' has no kernel\.$"):
        Call(read, SAMPLE).run_kernel([])


@pytest.mark.parametrize("check", [compiled_checks.check_native, compiled_checks.check_native_in_place])
@pytest.mark.parametrize(
    ("rounding", "scalar", "passes"),
    [
        ("exact", "{x} * {x}", True),
        ("exact", "{x} * {x} + {x}", False),
        ("exact", "{x} * {x} * 1.0000002", False),
        ("function", "{x} * {x} * 1.0000002", True),
        ("function", "{x} * {x} * 1.000001", False),
        ("sum", "{x} * {x} * 1.000001", True),
        ("sum", "{x} * {x} * 1.001", False),
    ],
)
def test_native_code_that_gives_another_result(check: Any, rounding: str, scalar: str, passes: bool) -> None:
    call = Call(block(kernel=lambda xp, x: xp.multiply(x, x), scalar=scalar, rounding=rounding), SAMPLE)
    if passes:
        check(call)
        return
    with pytest.raises(ContractError, match=f"backend 'native'.* differs in result 0 by more than '{rounding}' allows: "):
        check(call)


def test_a_rounding_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"Op 'refused_block' has the rounding 'none'; there are: exact, function, sum$"):
        block(rounding="none")


def test_native_code_that_writes_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(program: Program, named: dict[str, Any]) -> list[Any]:
        found = BACKENDS["numpy closures"](program, named)
        named["x0"][...] = 0.0
        return found

    monkeypatch.setitem(compiled_checks.OTHER_BACKENDS, "native", write)
    with pytest.raises(ContractError, match="backend 'native' changes x0"):
        compiled_checks.check_native(Call(tanh, SAMPLE))


def test_units_apart() -> None:
    one = np.float32([1.0, np.nan, np.inf])
    assert units_apart(np.float32([1.0000004, np.nan, np.inf]), one) == 3.0
    assert units_apart(one, one) == 0.0
    for other in (np.float32([1.0, 1.0, np.inf]), np.float32([1.0, np.nan, -np.inf]), one[:2], one.astype(np.float64)):
        assert units_apart(other, one) == np.inf
    assert units_apart([1, 2], [1, 3]) == np.inf


def test_a_session_that_gives_another_result() -> None:
    op = block(kernel=lambda xp, x: x, expand=lambda x: add(x, 1.0))
    with pytest.raises(ContractError, match=r"hiding nothing, at level 2, a session gives another result: "):
        compiled_checks.check_hidden_values(Call(op, SAMPLE))


def test_a_text_that_is_read_as_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(tanh, SAMPLE)
    compiled_checks.check_text(call)
    monkeypatch.setattr(compiled_checks, "parse_program", lambda text: Program([]))
    with pytest.raises(ContractError, match="parsed again this is another program:\nprogram"):
        compiled_checks.check_text(call)


def test_an_error_that_names_another_operation() -> None:
    with tf.Graph().as_default():
        other = tf.constant(1.0).op

    def fail(xp: Any, x: Any) -> Any:
        raise InvalidArgumentError(None, other, "no such luck")

    op = block(kernel=fail, fallible=True)
    with pytest.raises(ContractError, match="the error does not name the operation: InvalidArgumentError"):
        check_declared_error(Call(op, case("f32[2,3]", error="no such luck")))


def test_a_gradient_of_another_shape() -> None:
    """A user's own gradient is taken as it is where nothing is known of the shapes."""

    @tf.RegisterGradient("GradientOfAnotherShape")
    def summed(op: Any, g: Any) -> Any:
        return tf.reduce_sum(g)

    def function(x: Any) -> Any:
        with tf.get_default_graph().gradient_override_map({"Tanh": "GradientOfAnotherShape"}):
            return tf.tanh(x)

    with pytest.raises(ContractError, match=r"the gradient for x0 has type float64\[\], not float64\[2, 3\]"):
        check_gradient(function, [np.ones((2, 3))], known="nothing")


def test_what_a_plain_run_refuses() -> None:
    with tf.Graph().as_default():
        x, y = tf.placeholder(tf.float32, None), tf.placeholder(tf.float32, None)
        total, w = x + y, tf.Variable([1.0], name="w")
    with pytest.raises(InvalidArgumentError, match=r"could not be broadcast together with shapes \(2,\) \(3,\)") as caught:
        run_recorded([total], {x: np.zeros(2, np.float32), y: np.zeros(3, np.float32)}, {})
    assert caught.value.op is total.op
    with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value w"):
        run_recorded([w.value()], {}, {})
