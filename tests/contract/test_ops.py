"""Every op keeps the contract of op blocks. The tests come from the registry: a new op needs none of its own."""

from collections.abc import Callable

import numpy as np
import pytest

from graphopt.autodiff import gradients
from graphopt.errors import GradientError
from graphopt.graph.graph import Graph
from graphopt.ir.node import INPUT, ITEM
from graphopt.ir.opdef import OpDef
from graphopt.ops.control import placeholder
from graphopt.ops.decompositions import cholesky_op, self_adjoint_eig_op
from graphopt.ops.elementwise import add, square
from graphopt.ops.linalg import matmul
from graphopt.ops.matrix import matrix_transpose
from graphopt.ops.pool import max_pool_gradient, max_pool_op, max_pool_pick
from graphopt.testing import check_gradient, check_op, registered_ops

OPS = registered_ops()
KERNELS = [op for op in OPS if op.kernel is not None]

# TensorFlow has no gradient for these either: asking for one is a LookupError, not a wrong zero.
WITHOUT_RULE = {"qr", "svd", "singular_values", "unique", "unique_with_counts", "segment_prod", "unsorted_segment_prod", "reduce_along"}


def by_name(op: OpDef) -> str:
    return op.name


def has_rule(op: OpDef) -> bool:
    rules = op.vjp if isinstance(op.vjp, tuple) else (op.vjp,)
    return any(callable(rule) for rule in rules)


def is_differentiated(op: OpDef) -> bool:
    return any(s.differentiable and s.error is None and any(a.dtype.is_floating for a in s.operands) for s in op.samples)


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_op_keeps_its_contract(op: OpDef) -> None:
    check_op(op)


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_op_can_be_run_somehow(op: OpDef) -> None:
    ways = [op.kernel is not None or op.expand is not None, op.discharge is not None]
    assert ways.count(True) == (0 if op in (INPUT, ITEM) else 1)


@pytest.mark.parametrize("op", KERNELS, ids=by_name)
def test_op_answers_for_its_gradient(op: OpDef) -> None:
    assert (op.vjp is None) == (op.name in WITHOUT_RULE)
    if has_rule(op) and op.name not in COMPOSED:
        assert is_differentiated(op), "no sample checks the gradient"


def test_an_op_without_a_rule_says_so() -> None:
    for op in KERNELS:
        if op.name not in WITHOUT_RULE:
            continue
        sample = next(s for s in op.samples if s.error is None)
        with Graph().as_default():
            operands = [placeholder(dtype=a.dtype, shape=a.shape) for a in sample.operands]
            results = op(*operands, **sample.attributes)
            y = results[0] if isinstance(results, tuple) else results
            with pytest.raises(GradientError, match="No gradient defined for operation"):
                gradients(y, operands[0], grad_ys=placeholder(dtype=y.dtype, shape=None))


# --- ops whose operands can't be moved in every direction are differentiated inside of a function ------------------------------

_X = np.array([[0.5, -1.0, 0.3], [1.2, 0.4, -0.7], [0.1, 0.9, 1.1]])
_IMAGE = (np.arange(32.0) * 7 % 32).reshape(1, 4, 4, 2)
_HALVES = {"ksize": (2, 2), "strides": (2, 2)}


def _positive(x: object) -> object:
    return add(matmul(x, x, transpose_b=True), np.eye(3))


def _symmetric(x: object) -> object:
    return add(add(x, matrix_transpose(x)), np.diag([1.0, 5.0, 9.0]))


COMPOSED: dict[str, tuple[Callable[..., object], list[np.ndarray]]] = {
    "cholesky": (lambda x: cholesky_op(_positive(x)), [_X]),
    # Eigenvectors are known but for their sign, which their squares don't have.
    "self_adjoint_eig": (lambda x: (lambda e, v: (e, square(v)))(*self_adjoint_eig_op(_symmetric(x))), [_X]),
    # The pooled image belongs to the image.
    "max_pool_gradient": (lambda x, g: max_pool_gradient(x, max_pool_op(x, **_HALVES), g, **_HALVES), [_IMAGE, _IMAGE[:, :2, :2]]),
    "max_pool_pick": (lambda x, h: max_pool_pick(x, max_pool_op(x, **_HALVES), h, **_HALVES), [_IMAGE, np.sqrt(_IMAGE)]),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_gradient_inside_of_a_function(name: str) -> None:
    function, arrays = COMPOSED[name]
    assert check_gradient(function, arrays) == len(arrays)
