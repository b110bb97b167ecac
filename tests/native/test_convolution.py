"""Convolutions and their gradients, exactly as NumPy's where all sums are whole numbers."""

import numpy as np
import pytest
from machines import calls_for, narrow
from running import Guarded, call_of, run_calls, run_kernel, run_natively, unaligned

from graphopt.backends.native.convolution.lower_input_gradient import _phases
from graphopt.backends.native.convolution.partial_sums import SumOfParts
from graphopt.backends.native.host import this_host
from graphopt.backends.native.lowering import LOWERINGS, NotLowered
from graphopt.ops.conv import conv2d_backprop_filter, conv2d_backprop_input, conv2d_op
from graphopt.ops.depthwise import depthwise_backprop_filter, depthwise_backprop_input, depthwise_conv2d_op
from graphopt.ops.windows import axis_of

OPS = (conv2d_op, conv2d_backprop_filter, conv2d_backprop_input)


def arrays_of(op, images, window, outputs, dtype="f4", *, whole=True, seed=0, **attributes):
    """Return the operands of one of the three ops for images [n, height, width, in]."""
    rng = np.random.default_rng(seed)
    make = (lambda shape: rng.integers(-4, 5, shape).astype(dtype)) if whole else (lambda shape: rng.standard_normal(shape).astype(dtype))
    filters = (*window, images[3], outputs)
    x, w = make(images), make(filters)
    g = make(call_of(conv2d_op, [x, w], **attributes)[0].shape)
    return {
        conv2d_op: [x, w],
        conv2d_backprop_filter: [x, np.array(filters, "i4"), g],
        conv2d_backprop_input: [np.array(images, "i4"), w, g],
    }[op]


def check_exact(op, *sizes, dtype="f4", parts=1, **attributes):
    arrays = arrays_of(op, *sizes, dtype, **attributes)
    (found,), status = run_natively(op, arrays, parts=parts, **attributes)
    (expected,) = run_kernel(op, arrays, **attributes)
    assert status == 0
    np.testing.assert_array_equal(found, expected)


GRIDS = [
    ((2, 5, 7, 3), (3, 3), 5, {}),
    ((2, 5, 7, 3), (3, 3), 5, {"padding": "VALID"}),
    ((1, 6, 5, 1), (5, 5), 2, {}),
    ((3, 7, 9, 2), (2, 4), 17, {}),
    ((3, 7, 9, 2), (2, 4), 17, {"padding": ((2, 0), (1, 3))}),
    ((2, 8, 9, 4), (3, 3), 7, {"strides": (2, 2)}),
    ((2, 8, 9, 4), (3, 2), 7, {"strides": (2, 3), "padding": "VALID"}),
    ((2, 9, 8, 2), (5, 5), 3, {"strides": (3, 2), "padding": ((2, 1), (0, 4))}),
    ((2, 9, 8, 2), (1, 1), 3, {"strides": (2, 3)}),
    ((2, 9, 8, 2), (1, 1), 33, {}),
    ((2, 9, 8, 2), (2, 1), 3, {"strides": (4, 1), "padding": "VALID"}),
    ((1, 9, 11, 3), (3, 3), 4, {"dilations": (2, 2)}),
    ((1, 9, 11, 3), (3, 2), 4, {"dilations": (1, 3), "padding": "VALID"}),
    ((1, 9, 11, 3), (2, 3), 4, {"dilations": (4, 1), "padding": ((3, 1), (0, 2))}),
    ((1, 9, 11, 3), (2, 3), 4, {"dilations": (2, 1), "strides": (1, 2)}),
    ((1, 3, 3, 2), (3, 3), 4, {"padding": "VALID"}),
    ((2, 2, 2, 2), (5, 5), 4, {}),
    ((1, 4, 4, 2), (2, 2), 3, {"padding": ((3, 3), (4, 4))}),
    ((2, 3, 4, 97), (3, 3), 50, {}),
    ((2, 4, 3, 20), (3, 2), 48, {"strides": (1, 2)}),
    ((13, 1, 31, 5), (1, 7), 13, {}),
    ((1, 1, 10_007, 1), (1, 3), 2, {}),
]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize(("images", "window", "outputs", "attributes"), GRIDS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_kind_of_window_is_exact(op, images, window, outputs, attributes, dtype):
    check_exact(op, images, window, outputs, dtype=dtype, **attributes)
    check_exact(op, images, window, outputs, dtype=dtype, parts=3, **attributes)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize("size", [32, 16])
@pytest.mark.parametrize(("images", "window", "outputs", "attributes"), [((1, 9, 9, 2), (5, 5), 90, {"strides": (2, 2)}), GRIDS[0]])
def test_narrower_vectors_give_exact_results(op, size, images, window, outputs, attributes):
    arrays = arrays_of(op, images, window, outputs, **attributes)
    node, _ = call_of(op, arrays, **attributes)
    place = Guarded(node.types[0])
    memory = {source: unaligned(x) for source, x in zip(node.inputs, arrays, strict=True)} | {node: place.array}
    run_calls(calls_for(narrow(size), LOWERINGS[op], node), memory, parts=2)
    place.check()
    np.testing.assert_array_equal(place.array, run_kernel(op, arrays, **attributes)[0])


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize("n", [1, 15, 16, 33])
@pytest.mark.parametrize("parts", [1, 3])
def test_images_with_one_channel_are_exact(op, n, parts):
    check_exact(op, (n, 28, 28, 1), (5, 5), 32, parts=parts)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_filters_whose_rows_are_packed_are_exact(op):
    check_exact(op, (3, 8, 9, 40), (3, 3), 1030, parts=2)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize("images", [(0, 4, 5, 2), (2, 4, 5, 0)])
@pytest.mark.parametrize("outputs", [0, 3])
def test_nothing_gives_zeros_or_nothing(op, images, outputs):
    check_exact(op, images, (3, 3), outputs)
    check_exact(op, images, (3, 3), outputs, strides=(2, 2))


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("images", "outputs", "attributes"), [((17, 14, 14, 8), 24, {}), ((9, 14, 14, 8), 24, {"strides": (2, 2)})])
def test_rounding_is_bounded_and_does_not_depend_on_the_parts(op, dtype, images, outputs, attributes):
    arrays = arrays_of(op, images, (5, 5), outputs, dtype, whole=False, **attributes)
    (found,), _ = run_natively(op, arrays, **attributes)
    doubles = [x.astype("f8") if x.dtype.kind == "f" else x for x in arrays]
    (exact,), (sizes,) = run_kernel(op, doubles, **attributes), run_kernel(op, [np.abs(x) for x in doubles], **attributes)
    assert (np.abs(found - exact) <= 40 * np.finfo(dtype).eps * sizes).all()
    for parts in (2, 3, 5):
        assert run_natively(op, arrays, parts=parts, **attributes)[0][0].tobytes() == found.tobytes()


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_infinity_and_nan_spread_as_in_numpy(op):
    arrays = arrays_of(op, (2, 6, 6, 3), (3, 3), 4)
    for x, value in zip([a for a in arrays if a.dtype.kind == "f"], (np.inf, np.nan), strict=True):
        x[(1,) * x.ndim] = value
    np.testing.assert_array_equal(run_natively(op, arrays)[0][0], run_kernel(op, arrays)[0])


def test_a_small_filter_gradient_is_split_always_alike():
    def kernels(n):
        arrays = arrays_of(conv2d_backprop_filter, (n, 28, 28, 1), (5, 5), 32)
        node, _ = call_of(conv2d_backprop_filter, arrays)
        return [call.kernel for call in LOWERINGS[conv2d_backprop_filter](node, this_host())]

    assert SumOfParts("float") in kernels(32)
    assert set(kernels(32)) == set(kernels(37))


def test_another_batch_size_runs_the_same_code_as_do_the_three_ops():
    def products(op, n):
        node, _ = call_of(op, arrays_of(op, (n, 8, 8, 3), (3, 3), 4))
        return {call.kernel for call in LOWERINGS[op](node, this_host()) if "product" in call.kernel.title}

    assert len({kernel for op in OPS for n in (5, 8) for kernel in products(op, n)}) == 1


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(7, 3, 2, "SAME"), (8, 5, 3, "VALID"), (9, 2, 4, "VALID"), (3, 3, 1, "SAME"), (2, 5, 4, "SAME")],
)
def test_phases_are_all_pixels_once(size, kernel, stride, padding):
    phases = _phases(axis_of(size, kernel, stride, 1, padding, 0))
    pixels = [phase.first + i * phase.step for phase in phases for i in range(phase.count)]
    assert sorted(pixels) == list(range(size))
    assert sum(phase.taps for phase in _phases(axis_of(100, kernel, stride, 1, padding, 0))) == kernel


@pytest.mark.parametrize(
    ("attributes", "dtype", "reason"),
    [
        ({"data_format": "NCHW"}, "f4", "channels first"),
        ({}, "f2", "float16"),
    ],
)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_what_does_not_run_natively_says_why(op, attributes, dtype, reason):
    arrays = arrays_of(op, (2, 4, 4, 4), (2, 2), 3, dtype)
    if attributes:
        arrays = [np.moveaxis(x, 3, 1).copy() if i != 1 and x.ndim == 4 else x for i, x in enumerate(arrays)]
        arrays = [x[[0, 3, 1, 2]] if x.ndim == 1 and op is conv2d_backprop_input else x for x in arrays]
    with pytest.raises(NotLowered, match=reason):
        run_natively(op, arrays, **attributes)


def test_windows_with_holes_that_jump_have_no_native_gradient():
    arrays = arrays_of(conv2d_backprop_input, (1, 9, 9, 2), (3, 3), 3, strides=(2, 2), dilations=(2, 2))
    with pytest.raises(NotLowered, match="holes"):
        run_natively(conv2d_backprop_input, arrays, strides=(2, 2), dilations=(2, 2))


# --- depthwise -----------------------------------------------------------------------------------------------------------

DEPTHWISE = (depthwise_conv2d_op, depthwise_backprop_filter, depthwise_backprop_input)


def depthwise_arrays(op, images, window, dtype, multiplier=1, *, whole, **attributes):
    rng = np.random.default_rng(4)
    make = (lambda shape: rng.integers(-4, 5, shape).astype(dtype)) if whole else (lambda shape: rng.standard_normal(shape).astype(dtype))
    x, w = make(images), make((*window, images[3], multiplier))
    g = make(call_of(depthwise_conv2d_op, [x, w], **attributes)[0].shape)
    return {
        depthwise_conv2d_op: [x, w],
        depthwise_backprop_filter: [x, np.array(w.shape, "i4"), g],
        depthwise_backprop_input: [np.array(images, "i4"), w, g],
    }[op]


@pytest.mark.parametrize("op", DEPTHWISE, ids=lambda op: op.name)
@pytest.mark.parametrize(
    ("images", "window", "outputs", "attributes"), [*GRIDS, ((0, 4, 5, 2), (3, 3), 1, {}), ((2, 4, 5, 0), (3, 3), 1, {})]
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_depthwise_convolutions_are_exact(op, images, window, outputs, attributes, dtype):
    arrays = depthwise_arrays(op, images, window, dtype, whole=True, **attributes)
    (expected,) = run_kernel(op, arrays, **attributes)
    for parts in (1, 3):
        np.testing.assert_array_equal(run_natively(op, arrays, parts=parts, **attributes)[0][0], expected)


@pytest.mark.parametrize("op", DEPTHWISE, ids=lambda op: op.name)
@pytest.mark.parametrize("attributes", [{}, {"strides": (2, 2)}, {"dilations": (2, 1), "padding": "VALID"}])
def test_depthwise_convolutions_round_as_numpy_but_for_long_sums(op, attributes):
    arrays = depthwise_arrays(op, (3, 11, 12, 19), (3, 3), "f4", whole=False, **attributes)
    arrays[-1].ravel()[7] = np.inf
    (found,), _ = run_natively(op, arrays, **attributes)
    (expected,) = run_kernel(op, arrays, **attributes)
    if op is depthwise_backprop_filter:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    else:
        np.testing.assert_array_equal(found, expected)


def test_several_filters_for_each_channel_are_left_to_numpy():
    arrays = depthwise_arrays(depthwise_conv2d_op, (1, 5, 5, 2), (2, 2), "f4", 2, whole=True)
    with pytest.raises(NotLowered, match="several filters"):
        run_natively(depthwise_conv2d_op, arrays)
