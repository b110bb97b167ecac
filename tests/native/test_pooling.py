"""Pooling and its gradients: the bits of NumPy's, also at ties, for NaN and infinity, and where windows reach out of the image."""

import numpy as np
import pytest
from running import call_of, run_kernel, run_natively

from graphopt.backends.native.host import this_host
from graphopt.backends.native.lowering import NotLowered
from graphopt.backends.native.pooling import Pooling, PoolingGradient, lower_max_gradient, lower_mean_gradient, lower_pooling
from graphopt.ops.pool import avg_pool_gradient, avg_pool_op, max_pool_gradient, max_pool_op

OPS = (max_pool_op, max_pool_gradient, avg_pool_op, avg_pool_gradient)
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, 1.0, 2.0)

GRIDS = [
    ((2, 4, 6, 5), {"ksize": (2, 2), "strides": (2, 2)}),
    ((2, 5, 7, 3), {"ksize": (2, 2), "strides": (2, 2), "padding": "SAME"}),
    ((2, 5, 7, 3), {"ksize": (3, 3), "strides": (2, 2), "padding": "SAME"}),
    ((1, 7, 5, 17), {"ksize": (3, 2), "strides": (1, 1), "padding": "SAME"}),
    ((1, 7, 5, 17), {"ksize": (3, 2), "strides": (1, 2)}),
    ((3, 7, 9, 1), {"ksize": (2, 3), "strides": (3, 4)}),
    ((1, 13, 31, 2), {"ksize": (5, 7), "strides": (4, 3), "padding": "SAME"}),
    ((1, 5, 5, 33), {"ksize": (5, 5), "strides": (1, 1)}),
    ((2, 4, 4, 2), {"ksize": (3, 3), "strides": (1, 1), "padding": ((2, 1), (0, 2))}),
    ((1, 3, 3, 2), {"ksize": (2, 2), "strides": (1, 1), "padding": ((2, 3), (2, 2))}),
    ((1, 1, 10_007, 1), {"ksize": (1, 2), "strides": (1, 2), "padding": "SAME"}),
    ((1, 2, 2, 10_007), {"ksize": (2, 2), "strides": (2, 2)}),
    ((0, 4, 4, 2), {"ksize": (2, 2), "strides": (2, 2)}),
    ((2, 4, 4, 0), {"ksize": (2, 2), "strides": (2, 2)}),
]


def arrays_of(op, images, dtype, values, attributes):
    """Return the operands of an op, drawn from `values` or normally distributed."""
    rng = np.random.default_rng(5)

    def make(shape):
        return (rng.choice(values, shape) if values is not None else rng.standard_normal(shape)).astype(dtype)

    x = make(images)
    (pooled,) = run_kernel(max_pool_op, [x], **attributes)
    return {
        max_pool_op: [x],
        avg_pool_op: [x],
        max_pool_gradient: [x, pooled, make(pooled.shape)],
        avg_pool_gradient: [np.array(images, "i4"), make(pooled.shape)],
    }[op]


def bits(x):
    return np.where(np.isnan(x), np.float64("nan").astype(x.dtype), x).tobytes() if x.dtype.kind == "f" else x.tobytes()


def check(op, arrays, attributes):
    (expected,) = run_kernel(op, arrays, **attributes)
    for parts in (1, 2, 3):
        (found,), status = run_natively(op, arrays, parts=parts, **attributes)
        assert status == 0
        np.testing.assert_array_equal(found, expected)
        assert bits(found) == bits(expected)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize(("images", "attributes"), GRIDS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_kind_of_window_has_the_bits_of_numpy(op, images, attributes, dtype):
    check(op, arrays_of(op, images, dtype, None, attributes), attributes)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize(("images", "attributes"), GRIDS)
@pytest.mark.parametrize("values", [SPECIAL, (0.0, 1.0), (-np.inf,), (-np.inf, np.nan)])
def test_ties_and_special_values_are_those_of_numpy(op, images, attributes, values):
    check(op, arrays_of(op, images, "f4", values, attributes), attributes)


@pytest.mark.parametrize(("images", "attributes"), GRIDS)
@pytest.mark.parametrize("pooled", [(-np.inf, 1.0), (-np.inf,)])
def test_a_gradient_for_other_results_than_those_of_pooling_is_that_of_numpy(images, attributes, pooled):
    arrays = arrays_of(max_pool_gradient, images, "f4", (-np.inf, 1.0, 2.0), attributes)
    arrays[1] = np.random.default_rng(7).choice(pooled, arrays[1].shape).astype("f4")
    check(max_pool_gradient, arrays, attributes)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize(("images", "attributes"), GRIDS)
def test_the_largest_whole_number_is_exact(dtype, images, attributes):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(2)
    check(max_pool_op, [rng.integers(info.min, info.max, images, dtype, endpoint=True)], attributes)


@pytest.mark.parametrize(
    ("op", "lower", "kernel"),
    [
        (max_pool_op, lower_pooling, Pooling("float", False)),
        (avg_pool_op, lower_pooling, Pooling("float", True)),
        (max_pool_gradient, lower_max_gradient, PoolingGradient("float", False, True)),
        (avg_pool_gradient, lower_mean_gradient, PoolingGradient("float", True, True)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_another_batch_size_runs_the_same_code(op, lower, kernel):
    attributes = {"ksize": (2, 2), "strides": (2, 2)}
    for n in (2, 5):
        node, _ = call_of(op, arrays_of(op, (n, 6, 6, 3), "f4", None, attributes), **attributes)
        assert [call.kernel for call in lower(node, this_host())] == [kernel]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_what_does_not_run_natively_says_why(op):
    attributes = {"ksize": (2, 2), "strides": (2, 2)}
    with pytest.raises(NotLowered, match="channels first"):
        run_natively(op, arrays_of(op, (2, 4, 4, 4), "f4", None, {**attributes, "data_format": "NCHW"}), **attributes, data_format="NCHW")
    with pytest.raises(NotLowered, match="float16"):
        run_natively(op, arrays_of(op, (2, 4, 4, 4), "f2", None, attributes), **attributes)
