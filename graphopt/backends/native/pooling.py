"""Pooling and its gradients: images with channels last, a vector of channels at a time.

The sums are made in the order in which NumPy makes them, so all results have the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from graphopt.backends.native.convolution.channels import ChannelWriter, Lanes
from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, is_float, with_element
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Kernel, Pointer
from graphopt.backends.native.loops.scalar import extreme
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.ir.node import Node
from graphopt.ops.pool import avg_pool_gradient, avg_pool_op, max_pool_gradient, max_pool_op
from graphopt.ops.windows import Axis, grid_of

# So many elements of windows are worth a thread.
_ELEMENTS_PER_THREAD = 1 << 16


class _Sizes(NamedTuple):
    """The numbers of a record: of the images, of the results of pooling, of a window, from window to window, and of the zeros before.

    The last one says how many rows of an image's gradient are cleared first: none where each pixel is in one window.
    """

    height: Value
    width: Value
    channels: Value
    out_rows: Value
    out_columns: Value
    kernel_rows: Value
    kernel_columns: Value
    down: Value
    across: Value
    top: Value
    left: Value
    cleared: Value


class _Range(NamedTuple):
    """The elements of a window along an axis that lie in the image.

    Attributes:
      first, end: their numbers in the window. start: where the window begins, in the image or before. inside: how many there are.
    """

    first: Value
    end: Value
    start: Value
    inside: Value


class _Writer(ChannelWriter):
    """What the kernels have in common.

    Args:
      module: where to write. name: of the kernel. element: type of an element. pointers: how many the record begins with.
    """

    def __init__(self, module: Module, name: str, element: str, pointers: int) -> None:
        super().__init__(module, name, element, pointers, len(_Sizes._fields))
        self.sizes = _Sizes(*self.numbers)

    @contextmanager
    def channels(self) -> Iterator[Lanes]:
        """Write the loop over vectors of channels."""
        with self.vectors_of(self.sizes.channels) as lanes:
            yield lanes

    def range(self, number: Value, step: Value, before: Value, kernel: Value, size: Value) -> _Range:
        """Return which elements of a window lie in the image, given the window's number along an axis."""
        f, zero = self.f, constant("i64", 0)
        start = f.let("sub", f.mul(number, step), before)
        first = f.intrinsic("smax", f.let("sub", zero, start), zero)
        end = f.intrinsic("smin", f.let("sub", size, start), kernel)
        return _Range(first, end, start, f.let("sub", end, first))

    def rows(self, number: Value) -> _Range:
        """Return the range of the windows of a row."""
        s = self.sizes
        return self.range(number, s.down, s.top, s.kernel_rows, s.height)

    def columns(self, number: Value) -> _Range:
        """Return the range of the windows of a column."""
        s = self.sizes
        return self.range(number, s.across, s.left, s.kernel_columns, s.width)

    def at(self, pointer: Value, row: Value, column: Value, width: Value, channel: Value) -> Value:
        """Return the address of a channel of a pixel; rows are counted through all images."""
        return self.f.offset(self.pixel(pointer, row, column, width, self.sizes.channels), self.element, channel)

    def share(self, rows: _Range, columns: _Range) -> Value:
        """Return, as a vector, how many elements of a window lie in the image."""
        inside = self.f.convert("sitofp", self.f.mul(rows.inside, columns.inside), self.element)
        return self.f.splat(inside, self.lanes)


@dataclass(frozen=True)
class Pooling:
    """The structure of the largest elements, or means, of windows; ``begin`` and ``end`` count rows of the results of all images.

    Attributes:
      element: type of an element. mean: the mean rather than the largest. signed: whole numbers have signs.
    """

    element: str
    mean: bool
    signed: bool = True

    @property
    def title(self) -> str:
        """What it does."""
        return "mean of windows" if self.mean else "largest of windows"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        w = _Writer(module, name, self.element, 2)
        f, s, (x, result) = w.f, w.sizes, w.pointers
        with f.loop(w.begin, w.end) as row:
            image = f.mul(f.let("sdiv", row.index, s.out_rows), s.height)
            rows = w.rows(f.let("srem", row.index, s.out_rows))
            with f.loop(0, s.out_columns) as column, w.channels() as lanes:
                columns = w.columns(column.index)
                total = self._window(w, x, image, rows, columns, lanes)
                if self.mean:
                    total = f.let("fdiv", total, w.share(rows, columns))
                f.masked_store(total, w.at(result, row.index, column.index, s.out_columns, lanes.first), lanes.mask)
                column.carry()
            row.carry()
        f.ret()

    def _window(self, w: _Writer, x: Value, image: Value, rows: _Range, columns: _Range, lanes: Lanes) -> Value:
        f = w.f
        nothing = constant(w.type, 0 if self.mean else _lowest(self.element, self.signed))
        with f.loop(rows.first, rows.end, carried=[nothing]) as down:
            row = f.add(image, f.add(rows.start, down.index))
            first = w.at(x, row, f.add(columns.start, columns.first), w.sizes.width, lanes.first)
            with f.loop(columns.first, columns.end, carried=[first, *down.carried]) as across:
                at, total = across.carried
                w.prefetch(at)
                value = w.load(at, lanes.mask)
                total = f.let("fadd", total, value) if self.mean else extreme(f, "maximum", total, value, self.signed)
                across.carry(f.offset(at, self.element, w.sizes.channels), total)
            down.carry(across.results[1])
        return down.results[0]


def _lowest(element: str, signed: bool) -> float:
    if is_float(element):
        return -np.inf
    return -(1 << (8 * bytes_of(element) - 1)) if signed else 0


@dataclass(frozen=True)
class PoolingGradient:
    """The structure of a gradient of pooling; ``begin`` and ``end`` count images.

    Windows that overlap are gone through from the last to the first, because so NumPy adds up what reaches a pixel.

    Attributes:
      element: type of an element. mean: of the mean rather than the largest element.
      apart: no pixel is in two windows.
    """

    element: str
    mean: bool
    apart: bool

    @property
    def title(self) -> str:
        """What it does."""
        return f"gradient of the {'mean' if self.mean else 'largest'} of windows"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        w = _Writer(module, name, self.element, 2 if self.mean else 4)
        f, s = w.f, w.sizes
        with f.loop(w.begin, w.end) as image:
            image_row = f.mul(image.index, s.height)
            self._clear(w, image_row)
            with f.loop(0, s.out_rows) as down, f.loop(0, s.out_columns) as across:
                row, column = self._number(f, down.index, s.out_rows), self._number(f, across.index, s.out_columns)
                self._window(w, image_row, f.add(f.mul(image.index, s.out_rows), row), row, column)
                across.carry()
                down.carry()
            image.carry()
        f.ret()

    def _number(self, f: Function, round_: Value, count: Value) -> Value:
        """Return the number of the window that comes in a round."""
        return round_ if self.apart else f.let("sub", f.add(count, -1), round_)

    def _window(self, w: _Writer, image_row: Value, out_row: Value, row: Value, column: Value) -> None:
        """Write what a window adds to its pixels."""
        f, s = w.f, w.sizes
        with w.channels() as lanes:
            place = _Place(image_row, w.rows(row), w.columns(column), lanes)
            given = [w.load(w.at(p, out_row, column, s.out_columns, lanes.first), lanes.mask) for p in w.pointers[:-1][-2:]]
            if self.mean:
                self._spread(w, place, f.let("fdiv", given[-1], w.share(place.rows, place.columns)))
            else:
                self._to_first_largest(w, place, *given)

    def _clear(self, w: _Writer, image_row: Value) -> None:
        f, s = w.f, w.sizes
        with f.loop(0, s.cleared) as down, f.loop(0, s.width) as across, w.channels() as lanes:
            at = w.at(w.pointers[-1], f.add(image_row, down.index), across.index, s.width, lanes.first)
            f.masked_store(constant(w.type, 0), at, lanes.mask)
            across.carry()
            down.carry()

    def _spread(self, w: _Writer, place: _Place, share: Value) -> None:
        """Write the addition of a share to each pixel of a window."""
        f, result = w.f, w.pointers[-1]
        with f.loop(place.rows.first, place.rows.end) as down, f.loop(place.columns.first, place.columns.end) as across:
            at = place.pixel(w, result, down.index, across.index)
            before = constant(w.type, 0) if self.apart else w.load(at, place.lanes.mask)
            f.masked_store(f.let("fadd", before, share), at, place.lanes.mask)
            across.carry()
            down.carry()

    def _to_first_largest(self, w: _Writer, place: _Place, largest: Value, gradient: Value) -> None:
        """Write the addition of a window's gradient to the first pixel that is the largest. Padding counts as minus infinity."""
        f, x, result = w.f, w.pointers[0], w.pointers[-1]
        rows, columns, s = place.rows, place.columns, w.sizes
        finds_padding = f.compare("oeq", largest, constant(w.type, -np.inf))
        nothing = constant(w.type, 0)
        is_open = self._closed_by(w, constant(with_element(w.type, "i1"), True), finds_padding, rows.first, constant("i64", 0))
        with f.loop(rows.first, rows.end, carried=[is_open]) as down:
            is_open = self._closed_by(w, down.carried[0], finds_padding, columns.first, constant("i64", 0))
            with f.loop(columns.first, columns.end, carried=[is_open]) as across:
                at = place.pixel(w, x, down.index, across.index)
                w.prefetch(at)
                value = w.load(at, place.lanes.mask)
                hit = f.let("and", f.compare("oeq", value, largest), across.carried[0])
                at = place.pixel(w, result, down.index, across.index)
                w.prefetch(at, writes=True)
                part = f.select(hit, gradient, nothing)
                f.masked_store(part if self.apart else f.let("fadd", w.load(at, place.lanes.mask), part), at, place.lanes.mask)
                across.carry(f.let("xor", across.carried[0], hit))
            down.carry(self._closed_by(w, across.results[0], finds_padding, s.kernel_columns, columns.end))

    def _closed_by(self, w: _Writer, is_open: Value, finds_padding: Value, more: Value, less: Value) -> Value:
        """Return which lanes still look for their pixel after padding, which there is where `more` is greater than `less`."""
        f = w.f
        has_padding = f.splat(f.compare("sgt", more, less), w.lanes)
        closed = f.let("and", has_padding, finds_padding)
        return f.let("and", is_open, f.value(closed.type, f"xor {closed}, splat (i1 true)"))


class _Place(NamedTuple):
    """A window: its image's first row, its rows and columns, and the channels."""

    image_row: Value
    rows: _Range
    columns: _Range
    lanes: Lanes

    def pixel(self, w: _Writer, pointer: Value, row: Value, column: Value) -> Value:
        """Return the address of an element of the window in the images at a pointer."""
        f = w.f
        down = f.add(self.image_row, f.add(self.rows.start, row))
        return w.at(pointer, down, f.add(self.columns.start, column), w.sizes.width, self.lanes.first)


# --- lowerings -----------------------------------------------------------------------------------------------------------


def _grid(node: Node, image: tuple[int, ...]) -> tuple[Axis, Axis]:
    """Return the windows along both axes.

    Raises:
      NotLowered: for what only NumPy does.
    """
    attributes = node.attributes
    if attributes["data_format"] != "NHWC":
        raise NotLowered("images with channels first are transposed by NumPy")
    if element_type(node) == "half":
        raise NotLowered("windows of float16 are taken by NumPy")
    return grid_of(image[1:3], attributes["ksize"], attributes["strides"], (1, 1), attributes["padding"])


def _call(kernel: Kernel, pointers: list[Argument], image: tuple[int, ...], grid: tuple[Axis, Axis], extent: int) -> list[Call]:
    """Return the call of a pooling kernel, for images [n, height, width, channels]."""
    rows, columns = grid
    n, height, width, channels = image
    is_tiled = all(axis.stride == axis.kernel and not axis.before and axis.out * axis.stride == axis.size for axis in grid)
    steps = (rows.stride, columns.stride, rows.before, columns.before, 0 if is_tiled else height)
    sizes = (height, width, channels, rows.out, columns.out, rows.kernel, columns.kernel, *steps)
    work = n * rows.out * columns.out * rows.kernel * columns.kernel * channels
    grain = max(1, _ELEMENTS_PER_THREAD * extent // max(1, work))
    moved = 4 * n * channels * (height * width + rows.out * columns.out)
    return [Call(kernel, (*pointers, *sizes), extent, min(grain, extent), flops=work, bytes_moved=moved)]


@lowers(max_pool_op, avg_pool_op)
def lower_pooling(node: Node, host: Host) -> list[Call]:
    """Return the call of a pooling."""
    (x,) = node.inputs
    grid = _grid(node, x.shape)
    if 0 in node.shape:
        return []
    kernel = Pooling(element_type(node), node.op is avg_pool_op, node.dtype.np.kind != "u")
    return _call(kernel, [Pointer(x), Pointer(node)], x.shape, grid, node.shape[0] * grid[0].out)


def _are_apart(grid: tuple[Axis, Axis]) -> bool:
    return all(axis.stride >= axis.kernel for axis in grid)


@lowers(max_pool_gradient)
def lower_max_gradient(node: Node, host: Host) -> list[Call]:
    """Return the call of max_pool's gradient."""
    grid = _grid(node, node.shape)
    if 0 in node.shape:
        return []
    pointers: list[Argument] = [Pointer(operand) for operand in node.inputs]
    return _call(PoolingGradient(element_type(node), False, _are_apart(grid)), [*pointers, Pointer(node)], node.shape, grid, node.shape[0])


@lowers(avg_pool_gradient)
def lower_mean_gradient(node: Node, host: Host) -> list[Call]:
    """Return the call of avg_pool's gradient."""
    grid = _grid(node, node.shape)
    if 0 in node.shape:
        return []
    kernel = PoolingGradient(element_type(node), True, _are_apart(grid))
    return _call(kernel, [Pointer(node.inputs[1]), Pointer(node)], node.shape, grid, node.shape[0])
