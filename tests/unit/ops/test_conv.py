"""Convolution and pooling against loops written by hand, in both layouts; gradients as adjoints; messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphopt import dtypes, errors
from graphopt.autodiff.gradients import gradients
from graphopt.graph.graph import convert_to_tensor
from graphopt.ops import conv, pool
from graphopt.ops.control import placeholder
from graphopt.ops.reduce import reduce_sum
from graphopt.runtime.session import Session
from graphopt.tf1 import nn

RANDOM = np.random.default_rng(0)


def run(fetches: Any, feeds: Any = None) -> Any:
    with Session() as session:
        return session.run(fetches, feeds)


def normal(*shape: int) -> Any:
    return RANDOM.standard_normal(shape)


def tensor(array: Any) -> Any:
    return convert_to_tensor(np.asarray(array))


def unknown(*shape: int | None) -> Any:
    return placeholder(dtype=dtypes.float64, shape=shape or None)


def pads(size: int, k: int, stride: int, dilation: int, padding: Any, axis: int) -> tuple[int, int, int]:
    """Return padding before and after, and the number of windows, by TensorFlow's formulas."""
    reach = (k - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        total = max((out - 1) * stride + reach - size, 0)
        return total // 2, total - total // 2, out
    before, after = (0, 0) if padding == "VALID" else padding[axis + 1]
    return before, after, (size + before + after - reach) // stride + 1


def windows(x: Any, size: Any, strides: Any, padding: Any, dilations: Any = (1, 1), fill: float = 0.0) -> Any:
    """Yield (i, j, window) of an image with channels last."""
    (top, bottom, rows), (left, right, columns) = [pads(x.shape[1 + a], size[a], strides[a], dilations[a], padding, a) for a in (0, 1)]
    full = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    for i in range(rows):
        for j in range(columns):
            down = slice(i * strides[0], i * strides[0] + (size[0] - 1) * dilations[0] + 1, dilations[0])
            across = slice(j * strides[1], j * strides[1] + (size[1] - 1) * dilations[1] + 1, dilations[1])
            yield i, j, full[:, down, across, :]


def reference_conv(x: Any, w: Any, strides: Any, padding: Any, dilations: Any = (1, 1)) -> Any:
    found = {(i, j): np.tensordot(part, w, 3) for i, j, part in windows(x, w.shape[:2], strides, padding, dilations)}
    rows, columns = (max(k[a] for k in found) + 1 for a in (0, 1))
    return np.stack([np.stack([found[i, j] for j in range(columns)], 1) for i in range(rows)], 1)


CASES = [
    ((2, 5, 6, 2), (3, 3, 2, 3), (1, 1), "SAME", (1, 1)),
    ((2, 5, 6, 2), (3, 3, 2, 3), (2, 2), "SAME", (1, 1)),
    ((2, 5, 6, 2), (3, 2, 2, 3), (2, 1), "VALID", (1, 1)),
    ((1, 7, 7, 1), (3, 3, 1, 2), (1, 1), "VALID", (2, 3)),
    ((1, 7, 6, 2), (2, 3, 2, 2), (1, 1), "SAME", (2, 2)),
    ((2, 4, 4, 3), (1, 1, 3, 2), (1, 1), "SAME", (1, 1)),
    ((2, 4, 4, 3), (1, 1, 3, 2), (2, 2), "VALID", (1, 1)),
    ((2, 5, 5, 18), (3, 3, 18, 2), (1, 1), "SAME", (1, 1)),
    ((1, 4, 5, 1), (2, 2, 1, 2), (1, 2), [(0, 0), (2, 1), (0, 3), (0, 0)], (1, 1)),
    ((1, 5, 5, 2), (2, 2, 2, 2), (3, 3), "SAME", (1, 1)),
]


@pytest.mark.parametrize(("image", "kernel", "strides", "padding", "dilations"), CASES)
def test_conv2d(image: Any, kernel: Any, strides: Any, padding: Any, dilations: Any) -> None:
    x, w = normal(*image), normal(*kernel)
    images, filters = tensor(x), tensor(w)
    y = nn.conv2d(images, filters, [1, *strides, 1], padding, dilations=[1, *dilations, 1])
    expected = reference_conv(x, w, strides, padding, dilations)
    assert y.shape.as_list() == list(expected.shape)
    g = normal(*expected.shape)
    value, dx, dw = run([y, *gradients(y, [images, filters], grad_ys=[tensor(g)])])
    np.testing.assert_allclose(value, expected, atol=1e-12)
    # The gradients are the adjoints of a bilinear map: <conv(u, w), g> = <u, dx> and <conv(x, v), g> = <v, dw>.
    u, v = normal(*image), normal(*kernel)
    assert np.vdot(reference_conv(u, w, strides, padding, dilations), g) == pytest.approx(np.vdot(u, dx))
    assert np.vdot(reference_conv(x, v, strides, padding, dilations), g) == pytest.approx(np.vdot(v, dw))


@pytest.mark.parametrize(("image", "kernel", "strides", "padding", "dilations"), CASES[:5])
def test_channels_first_is_the_same(image: Any, kernel: Any, strides: Any, padding: Any, dilations: Any) -> None:
    x, w = normal(*image), normal(*kernel)
    first = tensor(x.transpose(0, 3, 1, 2))
    y = nn.conv2d(first, tensor(w), [1, 1, *strides], padding, data_format="NCHW", dilations=[1, 1, *dilations])
    np.testing.assert_allclose(run(y).transpose(0, 2, 3, 1), reference_conv(x, w, strides, padding, dilations), atol=1e-12)
    assert gradients(y, first)[0].shape.as_list() == first.shape.as_list()


def test_working_in_small_parts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = tensor(normal(5, 6, 6, 2)), tensor(normal(3, 3, 2, 3))
    y = nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
    fetches = [y, *gradients(y, [x, w])]
    whole = run(fetches)
    monkeypatch.setattr(conv, "_CACHE_BYTES", 2 * 6 * 6 * 18 * 8)
    for got, want in zip(run(fetches), whole, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


def test_half_precision_and_empty_batches() -> None:
    half = np.ones((1, 3, 3, 1), "float16")
    y = nn.conv2d(half, np.ones((2, 2, 1, 1), "float16"), 1, "VALID")
    assert (y.dtype.name, run(y).ravel().tolist()) == ("float16", [4.0] * 4)
    empty = tensor(np.zeros((0, 4, 4, 2)))
    w = tensor(normal(3, 3, 2, 2))
    y = nn.conv2d(empty, w, 1, "SAME")
    value, dx, dw = run([y, *gradients(y, [empty, w])])
    assert (value.shape, dx.shape, dw.tolist()) == ((0, 4, 4, 2), (0, 4, 4, 2), np.zeros((3, 3, 2, 2)).tolist())


def test_static_shapes_with_unknown_sizes() -> None:
    w = tensor(normal(3, 3, 2, 5))
    x = unknown(None, 8, None, 2)
    assert nn.conv2d(x, w, [1, 2, 2, 1], "VALID").shape.as_list() == [None, 3, None, 5]
    assert nn.conv2d(unknown(), w, 1, "SAME").shape.as_list() == [None, None, None, 5]
    assert nn.max_pool(x, 2, 2, "SAME").shape.as_list() == [None, 4, None, 2]
    y = nn.conv2d(x, w, 1, "SAME")
    assert run(gradients(y, x)[0], {x: normal(3, 8, 4, 2)}).shape == (3, 8, 4, 2)


def test_second_order_through_a_convolution() -> None:
    x, w = normal(1, 4, 4, 1), normal(2, 2, 1, 2)
    images, filters = tensor(x), tensor(w)
    y = nn.conv2d(images, filters, 1, "VALID")
    slope = gradients(reduce_sum(y * y), images)[0]
    second = run(gradients(reduce_sum(slope * slope), filters)[0])
    step, direction = 1e-6, normal(2, 2, 1, 2)

    def size(v: Any) -> float:
        return float((run(slope, {filters: v}) ** 2).sum())

    assert np.vdot(second, direction) == pytest.approx((size(w + step * direction) - size(w - step * direction)) / (2 * step), rel=1e-5)


# --- transposed, one-dimensional, depthwise, separable ---------------------------------------------------------------------


@pytest.mark.parametrize(("padding", "out"), [("SAME", 6), ("VALID", 7)])
def test_conv2d_transpose_is_the_adjoint(padding: str, out: int) -> None:
    g, w, u = normal(2, 3, 3, 4), normal(3, 3, 2, 4), normal(2, out, out, 2)
    y = nn.conv2d_transpose(tensor(g), tensor(w), [2, out, out, 2], [1, 2, 2, 1], padding)
    assert (y.name, y.shape.as_list()) == ("conv2d_transpose:0", [2, out, out, 2])
    assert np.vdot(run(y), u) == pytest.approx(np.vdot(reference_conv(u, w, (2, 2), padding), g))


@pytest.mark.parametrize("layout", ["NWC", "NCW"])
def test_conv1d(layout: str) -> None:
    x, w = normal(2, 7, 2), normal(3, 2, 4)
    given = x if layout == "NWC" else x.transpose(0, 2, 1)
    got = run(nn.conv1d(tensor(given), tensor(w), 2, "SAME", data_format=layout))
    expected = reference_conv(x[:, None], w[None], (1, 2), "SAME")[:, 0]
    np.testing.assert_allclose(got if layout == "NWC" else got.transpose(0, 2, 1), expected, atol=1e-12)
    assert run(nn.conv1d(tensor(x), tensor(w), stride=[1, 1, 1], padding="VALID", dilations=2)).shape == (2, 3, 4)


@pytest.mark.parametrize(("stride", "padding", "rate"), [(1, "SAME", 1), (2, "VALID", 1), (1, "VALID", 2)])
def test_depthwise_conv2d(stride: int, padding: str, rate: int) -> None:
    x, w = normal(2, 5, 6, 2), normal(3, 3, 2, 2)
    # A depthwise filter is a full one that is zero between channels.
    full = np.zeros((3, 3, 2, 4))
    for channel in range(2):
        full[:, :, channel, 2 * channel : 2 * channel + 2] = w[:, :, channel]
    images = tensor(x)
    got = nn.depthwise_conv2d(images, tensor(w), [1, stride, stride, 1], padding, rate=[rate, rate])
    same = nn.conv2d(images, tensor(full), [1, stride, stride, 1], padding, dilations=[1, rate, rate, 1])
    np.testing.assert_allclose(run(got), run(same), atol=1e-12)
    np.testing.assert_allclose(run(gradients(got, images)[0]), run(gradients(same, images)[0]), atol=1e-12)


def test_separable_conv2d() -> None:
    x, depth, point = normal(1, 4, 4, 2), normal(3, 3, 2, 2), normal(1, 1, 4, 3)
    between = run(nn.depthwise_conv2d(tensor(x), tensor(depth), [1, 1, 1, 1], "SAME"))
    got = run(nn.separable_conv2d(tensor(x), tensor(depth), tensor(point), [1, 1, 1, 1], "SAME"))
    np.testing.assert_allclose(got, between @ point[0, 0], atol=1e-12)


# --- pooling -----------------------------------------------------------------------------------------------------------

POOLS = [((2, 2), (2, 2), "VALID"), ((2, 2), (2, 2), "SAME"), ((3, 3), (2, 2), "SAME"), ((2, 3), (1, 1), "VALID"), ((3, 2), (1, 2), "SAME")]


@pytest.mark.parametrize(("size", "strides", "padding"), POOLS)
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_pooling(size: Any, strides: Any, padding: str, layout: str) -> None:
    x = normal(2, 5, 6, 2)
    given = x if layout == "NHWC" else x.transpose(0, 3, 1, 2)
    for function, reduce in ((pool.max_pool, np.nanmax), (pool.avg_pool, np.nanmean)):
        images = tensor(given)
        y = function(images, ksize=size, strides=strides, padding=padding, data_format=layout)
        value, slope = run([y, gradients(y, images)[0]])
        for i, j, part in windows(x, size, strides, padding, fill=np.nan):
            at = value[:, i, j] if layout == "NHWC" else value[:, :, i, j]
            np.testing.assert_allclose(at, reduce(part, axis=(1, 2)))
        assert slope.sum() == pytest.approx(value.size)


def test_the_gradient_of_max_pool_goes_to_the_first_of_equal_elements() -> None:
    x = tensor(np.ones((1, 4, 4, 1)))
    y = nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
    slope = run(gradients(y, x)[0])[0, :, :, 0]
    assert slope.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_overlapping_windows_add_up_their_gradients() -> None:
    x = tensor(np.array([1.0, 9.0, 1.0, 1.0]).reshape(1, 1, 4, 1))
    y = nn.max_pool(x, [1, 1, 2, 1], 1, "VALID")
    assert run(gradients(y, x)[0]).ravel().tolist() == [0.0, 2.0, 1.0, 0.0]


def test_padding_never_wins_and_never_counts() -> None:
    x = tensor(-np.arange(1.0, 10.0).reshape(1, 3, 3, 1))
    assert run(nn.max_pool(x, 2, 2, "SAME")).ravel().tolist() == [-1.0, -3.0, -7.0, -9.0]
    assert run(nn.avg_pool(x, 2, 2, "SAME")).ravel().tolist() == [-3.0, -4.5, -7.5, -9.0]
    whole = convert_to_tensor(-np.arange(1, 10, dtype="int32").reshape(1, 3, 3, 1))
    assert run(nn.max_pool(whole, 2, 2, "SAME")).ravel().tolist() == [-1, -3, -7, -9]


def test_second_and_third_order_of_max_pool() -> None:
    x = normal(1, 4, 4, 1)
    images = tensor(x)
    y = nn.max_pool(images, 2, 2, "VALID")
    first = gradients(reduce_sum(y * y * y), images)[0]
    second = gradients(reduce_sum(first), images)[0]
    third = gradients(reduce_sum(second), images)[0]
    is_max = run(gradients(y, images)[0])
    np.testing.assert_allclose(run(first), 3 * x**2 * is_max)
    np.testing.assert_allclose(run(second), 6 * x * is_max)
    np.testing.assert_allclose(run(third), 6 * is_max)


# --- messages ----------------------------------------------------------------------------------------------------------

IMAGE, FILTER = np.zeros((1, 4, 4, 2)), np.zeros((3, 3, 2, 1))


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"filter": np.zeros((3, 3, 3, 1))}, "Dimensions must be equal, but are 2 and 3 for 'Conv2D'"),
        ({"filter": np.zeros((5, 3, 2, 1))}, "Negative dimension size caused by subtracting 5 from 4 for 'Conv2D'"),
        ({"filter": np.zeros((3, 2, 1))}, "Shape must be rank 4 but is rank 3"),
        ({"input": np.zeros((4, 4, 2))}, "Shape must be rank 4 but is rank 3"),
        ({"strides": [1, 1, 1]}, "strides should be of length 1, 2 or 4 but was 3"),
        ({"strides": [2, 1, 1, 1]}, "does not yet support strides in the batch and depth dimensions"),
        ({"strides": [1, 0, 1, 1]}, r"strides must be positive, got \[1, 0, 1, 1\]"),
        ({"padding": "FULL"}, '\'FULL\', which is not in: "SAME", "VALID"'),
        ({"padding": None}, 'padding must be "SAME" or "VALID", got None'),
        ({"padding": [[0, 0]]}, r"Explicit padding must be a list of four pairs, got \[\[0, 0\]\]"),
        ({"padding": [[1, 0], [0, 0], [0, 0], [0, 0]]}, "Nonzero explicit padding in the batch or depth dimensions is not supported"),
        ({"data_format": "CHWN"}, 'data_format must be "NHWC" or "NCHW", got \'CHWN\''),
        ({"filters": FILTER}, "Cannot specify both 'filter' and 'filters'"),
    ],
)
def test_conv2d_refuses_arguments(arguments: dict[str, Any], rule: str) -> None:
    given = {"input": IMAGE, "filter": FILTER, "strides": 1, "padding": "VALID", **arguments}
    with pytest.raises(ValueError, match=rule):
        nn.conv2d(**given)


def test_a_convolution_that_does_not_fit_at_run_time() -> None:
    x = unknown()
    y = nn.conv2d(x, FILTER, 1, "VALID")
    with pytest.raises(errors.InvalidArgumentError, match="input depth must be evenly divisible by filter depth: 3 vs 2"):
        run(y, {x: np.zeros((1, 4, 4, 3))})
    with pytest.raises(errors.InvalidArgumentError, match="Computed output size would be negative"):
        run(y, {x: np.zeros((1, 2, 4, 2))})
    with pytest.raises(errors.InvalidArgumentError, match="Computed output size would be negative"):
        run(nn.max_pool(x, 3, 1, "VALID"), {x: np.zeros((1, 2, 2, 1))})
    with pytest.raises(errors.InvalidArgumentError, match="input and filter must have the same depth: 3 vs 2"):
        run(nn.depthwise_conv2d(x, FILTER, [1, 1, 1, 1], "SAME"), {x: np.zeros((1, 4, 4, 3))})


def test_conv2d_transpose_refuses_shapes() -> None:
    g, w = tensor(np.zeros((1, 3, 3, 1))), tensor(np.zeros((3, 3, 2, 1)))
    with pytest.raises(ValueError, match="Size of out_backprop doesn't match computed: actual = 3, computed = 5"):
        nn.conv2d_transpose(g, w, [1, 9, 9, 2], [1, 2, 2, 1])
    with pytest.raises(ValueError, match=r"Dimensions must be equal, but are 5 and 2 \(channels of the input and of the filter\)"):
        nn.conv2d_transpose(g, w, [1, 6, 6, 5], [1, 2, 2, 1])
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 1 and 3"):
        nn.conv2d_transpose(g, tensor(np.zeros((3, 3, 2, 3))), [1, 6, 6, 2], [1, 2, 2, 1])
    with pytest.raises(ValueError, match=r"input_sizes must hold 4 values, but got \(1, 6, 6\)"):
        nn.conv2d_transpose(g, w, [1, 6, 6], [1, 2, 2, 1])
    sizes = placeholder(dtype=dtypes.int32, shape=(4,))
    y = nn.conv2d_transpose(g, w, sizes, [1, 2, 2, 1])
    with pytest.raises(errors.InvalidArgumentError, match=r"don't match input sizes \[1, 9, 9, 2\]"):
        run(y, {sizes: [1, 9, 9, 2]})
    dw = nn.conv2d_backprop_filter(tensor(np.zeros((1, 6, 6, 2))), sizes, g, [1, 2, 2, 1], "SAME")
    with pytest.raises(errors.InvalidArgumentError, match=r"don't match filter sizes \[3, 3, 9, 1\]"):
        run(dw, {sizes: [3, 3, 9, 1]})
    assert run(nn.conv2d_backprop_input([1, 6, 6, 2], w, g, [1, 2, 2, 1], "SAME")).shape == (1, 6, 6, 2)


def test_other_convolutions_refuse_arguments() -> None:
    x = tensor(IMAGE)
    with pytest.raises(ValueError, match="strides > 1 not supported in conjunction with dilation_rate > 1"):
        nn.depthwise_conv2d(x, tensor(FILTER), [1, 2, 2, 1], "VALID", rate=[2, 2])
    with pytest.raises(ValueError, match="Dimensions must be equal, but are 2 and 3"):
        nn.depthwise_conv2d(x, np.zeros((3, 3, 3, 1)), [1, 1, 1, 1], "SAME")
    with pytest.raises(ValueError, match="data_format must be 'NWC' or 'NCW'"):
        nn.conv1d(x[0], tensor(np.zeros((3, 2, 1))), 1, "SAME", data_format="CWN")
    with pytest.raises(ValueError, match="stride should be of length 1, 3 but was 2"):
        nn.conv1d(x[0], tensor(np.zeros((3, 2, 1))), [1, 1], "SAME")
    with pytest.raises(ValueError, match="ksize should be of length 1, 2 or 4 but was 3"):
        nn.max_pool(x, [1, 2, 2], 1, "VALID")
    with pytest.raises(ValueError, match=r"orig_input_shape must hold 4 values, but got \(1, 2\)"):
        pool.avg_pool_gradient([1, 2], tensor(np.zeros((1, 1, 1, 1))), ksize=(2, 2), strides=(1, 1))
