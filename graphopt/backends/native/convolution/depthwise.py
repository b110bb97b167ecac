"""Depthwise convolution, where each channel has one filter of its own, and its gradients: a vector of channels at a time.

The convolution and the gradient for the images add up products in the order in which NumPy adds them up, rounded one by one as there, so
their results have the same bits. The gradient for the filters is a long sum in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from graphopt.backends.native.convolution.channels import ChannelWriter, Lanes
from graphopt.backends.native.convolution.images import windows_of
from graphopt.backends.native.emitter import Module, Value, bytes_of, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Kernel, Pointer
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.ir.node import Node
from graphopt.ops.depthwise import depthwise_backprop_filter, depthwise_backprop_input, depthwise_conv2d_op
from graphopt.ops.windows import Axis

# So many products are worth a thread.
_PRODUCTS_PER_THREAD = 1 << 16


class _Sizes(NamedTuple):
    """The numbers of a record: of the images, of the results, of a window, between windows and in a window, and of the zeros before."""

    height: Value
    width: Value
    channels: Value
    images: Value
    out_rows: Value
    out_columns: Value
    kernel_rows: Value
    kernel_columns: Value
    down: Value
    across: Value
    row_dilation: Value
    column_dilation: Value
    top: Value
    left: Value


class _Writer(ChannelWriter):
    """Writes a kernel of three pointers.

    Args:
      module: where to write. name: of the kernel. element: type of an element.
    """

    def __init__(self, module: Module, name: str, element: str) -> None:
        super().__init__(module, name, element, 3, len(_Sizes._fields))
        self.sizes = _Sizes(*self.numbers)

    def reached(self, number: Value, step: Value, tap: Value, dilation: Value, before: Value) -> Value:
        """Return which row (or column) of the image an element of a window lies on."""
        f = self.f
        return f.let("sub", f.add(f.mul(number, step), f.mul(tap, dilation)), before)

    def is_both(self, row: Value, rows: Value, column: Value, columns: Value) -> Value:
        """Return whether a pixel exists. Unsigned, so that what is before the first is as far outside as what is behind the last."""
        f = self.f
        return f.let("and", f.compare("ult", row, rows), f.compare("ult", column, columns))

    def where(self, lanes: Lanes, exists: Value) -> Value:
        """Return the mask of the channels of a pixel that may not exist."""
        return self.f.let("and", lanes.mask, self.f.splat(exists, self.lanes))

    def weights(self, filters: Value, row: Value, column: Value, lanes: Lanes) -> Value:
        """Return the filters' elements at a place."""
        at = self.pixel(filters, row, column, self.sizes.kernel_columns, self.sizes.channels)
        return self.load(self.f.offset(at, self.element, lanes.first), lanes.mask)


@dataclass(frozen=True)
class DepthwiseConvolution:
    """The structure of the convolution; ``begin`` and ``end`` count rows of the results of all images. Pointers: x, w, result.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return "depthwise convolution"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        w = _Writer(module, name, self.element)
        f, s = w.f, w.sizes
        with f.loop(w.begin, w.end) as down, f.loop(0, s.out_columns) as across, w.vectors_of(s.channels) as lanes:
            image = f.mul(f.let("sdiv", down.index, s.out_rows), s.height)
            total = self._window(w, image, f.let("srem", down.index, s.out_rows), across.index, lanes)
            at = w.pixel(w.pointers[2], down.index, across.index, s.out_columns, s.channels)
            f.masked_store(total, f.offset(at, self.element, lanes.first), lanes.mask)
            across.carry()
            down.carry()
        f.ret()

    def _window(self, w: _Writer, image: Value, out_row: Value, out_column: Value, lanes: Lanes) -> Value:
        f, s, (x, filters, _) = w.f, w.sizes, w.pointers
        with f.loop(0, s.kernel_rows, carried=[constant(w.type, 0)]) as rows:
            row = w.reached(out_row, s.down, rows.index, s.row_dilation, s.top)
            with f.loop(0, s.kernel_columns, carried=rows.carried) as columns:
                column = w.reached(out_column, s.across, columns.index, s.column_dilation, s.left)
                mask = w.where(lanes, w.is_both(row, s.height, column, s.width))
                at = w.pixel(x, f.add(image, row), column, s.width, s.channels)
                value = w.load(f.offset(at, self.element, lanes.first), mask)
                product = f.let("fmul", value, w.weights(filters, rows.index, columns.index, lanes))
                columns.carry(f.let("fadd", columns.carried[0], product))
            rows.carry(columns.results[0])
        return rows.results[0]


@dataclass(frozen=True)
class DepthwiseInputGradient:
    """The structure of the gradient for the images; ``begin`` and ``end`` count their rows. Pointers: w, g, result.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return "depthwise convolution's gradient for images"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        w = _Writer(module, name, self.element)
        f, s = w.f, w.sizes
        with f.loop(w.begin, w.end) as down, f.loop(0, s.width) as across, w.vectors_of(s.channels) as lanes:
            image = f.mul(f.let("sdiv", down.index, s.height), s.out_rows)
            total = self._windows(w, image, f.let("srem", down.index, s.height), across.index, lanes)
            at = w.pixel(w.pointers[2], down.index, across.index, s.width, s.channels)
            f.masked_store(total, f.offset(at, self.element, lanes.first), lanes.mask)
            across.carry()
            down.carry()
        f.ret()

    def _windows(self, w: _Writer, image: Value, row: Value, column: Value, lanes: Lanes) -> Value:
        """Return the sum over the windows that reach a pixel, one for each element of a window at most."""
        f, s, (filters, g, _) = w.f, w.sizes, w.pointers
        with f.loop(0, s.kernel_rows, carried=[constant(w.type, 0)]) as rows:
            out_row, fits_down = self._window(w, f.add(row, s.top), rows.index, s.row_dilation, s.down)
            with f.loop(0, s.kernel_columns, carried=rows.carried) as columns:
                out_column, fits_across = self._window(w, f.add(column, s.left), columns.index, s.column_dilation, s.across)
                exists = f.let("and", w.is_both(out_row, s.out_rows, out_column, s.out_columns), f.let("and", fits_down, fits_across))
                at = w.pixel(g, f.add(image, out_row), out_column, s.out_columns, s.channels)
                value = w.load(f.offset(at, self.element, lanes.first), w.where(lanes, exists))
                product = f.let("fmul", value, w.weights(filters, rows.index, columns.index, lanes))
                (total,) = columns.carried
                columns.carry(f.select(f.splat(exists, w.lanes), f.let("fadd", total, product), total))
            rows.carry(columns.results[0])
        return rows.results[0]

    def _window(self, w: _Writer, place: Value, tap: Value, dilation: Value, step: Value) -> tuple[Value, Value]:
        """Return the number of the window whose element `tap` is at a place, and whether there is one."""
        f = w.f
        start = f.let("sub", place, f.mul(tap, dilation))
        number = f.let("sdiv", start, step)
        return number, f.let("and", f.compare("eq", f.mul(number, step), start), f.compare("sge", start, constant("i64", 0)))


@dataclass(frozen=True)
class DepthwiseFilterGradient:
    """The structure of the gradient for the filters; ``begin`` and ``end`` count elements of a window. Pointers: x, g, result.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return "depthwise convolution's gradient for filters"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        w = _Writer(module, name, self.element)
        f, s = w.f, w.sizes
        with f.loop(w.begin, w.end) as taps, w.vectors_of(s.channels) as lanes:
            tap_row, tap_column = f.let("sdiv", taps.index, s.kernel_columns), f.let("srem", taps.index, s.kernel_columns)
            total = self._sum(w, tap_row, tap_column, lanes)
            at = f.offset(w.pointers[2], self.element, f.add(f.mul(taps.index, s.channels), lanes.first))
            f.masked_store(total, at, lanes.mask)
            taps.carry()
        f.ret()

    def _sum(self, w: _Writer, tap_row: Value, tap_column: Value, lanes: Lanes) -> Value:
        """Return the sum over all windows; each row's is made by itself, which keeps the rounding errors small."""
        f, s, (x, g, _), zero = w.f, w.sizes, w.pointers, constant(w.type, 0)
        with f.loop(0, f.mul(s.images, s.out_rows), carried=[zero]) as down:
            row = w.reached(f.let("srem", down.index, s.out_rows), s.down, tap_row, s.row_dilation, s.top)
            image = f.mul(f.let("sdiv", down.index, s.out_rows), s.height)
            with f.loop(0, s.out_columns, carried=[zero]) as across:
                column = w.reached(across.index, s.across, tap_column, s.column_dilation, s.left)
                mask = w.where(lanes, w.is_both(row, s.height, column, s.width))
                at = w.pixel(x, f.add(image, row), column, s.width, s.channels)
                value = w.load(f.offset(at, self.element, lanes.first), mask)
                at = w.pixel(g, down.index, across.index, s.out_columns, s.channels)
                gradient = w.load(f.offset(at, self.element, lanes.first), lanes.mask)
                across.carry(f.intrinsic("fmuladd", value, gradient, across.carried[0]))
            down.carry(f.let("fadd", down.carried[0], across.results[0]))
        return down.results[0]


# --- lowerings -----------------------------------------------------------------------------------------------------------


def _windows(node: Node, image: tuple[int, ...], filters: tuple[int, ...]) -> tuple[Axis, Axis]:
    """Return the windows along both axes.

    Raises:
      NotLowered: for what only NumPy does.
    """
    if filters[3] != 1:
        raise NotLowered("several filters for each channel are taken one by one by NumPy")
    return windows_of(node, image, filters)


def _calls(
    element: str, kernel: Kernel, pointers: list[Argument], image: tuple[int, ...], grid: tuple[Axis, Axis], extent: int
) -> list[Call]:
    """Return the call of a kernel, for images [n, height, width, channels]; none when there is nothing to do."""
    rows, columns = grid
    n, height, width, channels = image
    if not extent * channels:
        return []
    steps = (rows.stride, columns.stride, rows.dilation, columns.dilation, rows.before, columns.before)
    sizes = (height, width, channels, n, rows.out, columns.out, rows.kernel, columns.kernel, *steps)
    products = n * rows.out * columns.out * rows.kernel * columns.kernel * channels
    fewest = max(1, _PRODUCTS_PER_THREAD * extent // max(1, products))
    moved = bytes_of(element) * n * channels * (height * width + rows.out * columns.out)
    return [Call(kernel, (*pointers, *sizes), extent, min(fewest, extent), flops=2 * products, bytes_moved=moved)]


@lowers(depthwise_conv2d_op)
def lower_depthwise(node: Node, host: Host) -> list[Call]:
    """Return the call of a depthwise convolution."""
    x, w = node.inputs
    grid = _windows(node, x.shape, w.shape)
    extent = node.shape[0] * grid[0].out if 0 not in node.shape else 0
    element = element_type(node)
    return _calls(element, DepthwiseConvolution(element), [Pointer(x), Pointer(w), Pointer(node)], x.shape, grid, extent)


@lowers(depthwise_backprop_input)
def lower_depthwise_input_gradient(node: Node, host: Host) -> list[Call]:
    """Return the call of a depthwise convolution's gradient for its images."""
    _, w, g = node.inputs
    grid = _windows(node, node.shape, w.shape)
    extent = node.shape[0] * node.shape[1] if 0 not in node.shape else 0
    element = element_type(node)
    return _calls(element, DepthwiseInputGradient(element), [Pointer(w), Pointer(g), Pointer(node)], node.shape, grid, extent)


@lowers(depthwise_backprop_filter)
def lower_depthwise_filter_gradient(node: Node, host: Host) -> list[Call]:
    """Return the call of a depthwise convolution's gradient for its filters."""
    x, _, g = node.inputs
    grid = _windows(node, x.shape, node.shape)
    extent = node.shape[0] * node.shape[1] if 0 not in node.shape else 0
    element = element_type(node)
    return _calls(element, DepthwiseFilterGradient(element), [Pointer(x), Pointer(g), Pointer(node)], x.shape, grid, extent)
