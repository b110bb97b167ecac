"""How convolutions and their gradients run: as matrix products without a matrix of windows.

A window's element stands at the window's place in the image plus the element's place in the window. So the windows are the rows of a
matrix that the generated product reads where they stand, through loops; only the zeros around the images have to be written.
"""

from __future__ import annotations

import math
from dataclasses import replace

from graphopt.backends.native.convolution.images import Images, border_of, window_loops, windows_of, with_border
from graphopt.backends.native.convolution.partial_sums import SumOfParts
from graphopt.backends.native.emitter import bytes_of
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Scratch
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.products.gemm import Batch, InnerLoop, RowLoop
from graphopt.backends.native.products.generated import MULTIPLICATIONS_PER_THREAD, Factors, loops_call
from graphopt.backends.native.products.microkernel import tile_shape
from graphopt.ir.node import Node
from graphopt.ops.conv import conv2d_backprop_filter, conv2d_op
from graphopt.ops.windows import Axis

# Into so many sums a filter's gradient is split where it has too few rows to share among threads. Always the same number, so that the
# result doesn't depend on the threads.
_PARTS = 16
_TILES_TO_SHARE = 16

# --- the convolution -----------------------------------------------------------------------------------------------------


@lowers(conv2d_op)
def lower_conv2d(node: Node, host: Host) -> list[Call]:
    """Return the calls of a convolution: windows times filters."""
    x, w = node.inputs
    grid, element, filters = windows_of(node, x.shape, w.shape), element_type(node), w.shape[3]
    if 0 in node.shape:
        return []
    calls, images = with_border(Images(Pointer(x), *x.shape[1:]), x.shape[0], border_of(grid), element)
    rows, columns = grid
    spots = [
        RowLoop(x.shape[0], images.image, rows.out * columns.out * filters),
        RowLoop(rows.out, rows.stride * images.row, columns.out * filters),
        RowLoop(columns.out, columns.stride * images.channels, filters),
    ]
    factors = Factors(images.at, Pointer(w), Pointer(node), element, filters, filters)
    return [*calls, loops_call(factors, spots, _window(grid, images), host)]


def _window(grid: tuple[Axis, Axis], images: Images) -> list[InnerLoop]:
    """Return the loops through the elements of a window: three, so that all convolutions share one kernel."""
    rows, columns = grid
    return window_loops(rows.kernel, rows.dilation * images.row, columns.kernel, columns.dilation, images.channels)


# --- its gradient for the filters ----------------------------------------------------------------------------------------


@lowers(conv2d_backprop_filter)
def lower_filter_gradient(node: Node, host: Host) -> list[Call]:
    """Return the calls of a convolution's gradient for its filters: windows, transposed, times gradients."""
    x, _, g = node.inputs
    grid, element, filters = windows_of(node, x.shape, node.shape), element_type(node), node.shape[3]
    if 0 in node.shape:
        return []
    calls, images = with_border(Images(Pointer(x), *x.shape[1:]), x.shape[0], border_of(grid), element)
    elements: list[RowLoop] = []
    step = filters
    for loop in reversed(_window(grid, images)):
        elements.insert(0, RowLoop(loop.rounds, loop.a, step))
        step *= loop.rounds
    rows, columns = grid
    spots = [
        InnerLoop(x.shape[0], images.image),
        InnerLoop(rows.out, rows.stride * images.row),
        InnerLoop(columns.out, columns.stride * images.channels),
    ]
    factors = Factors(images.at, Pointer(g), Pointer(node), element, filters, filters)
    if step // filters >= _TILES_TO_SHARE * tile_shape(host)[0] or step * math.prod(g.shape[:3]) < 2 * MULTIPLICATIONS_PER_THREAD:
        return [*calls, loops_call(factors, elements, spots, host)]
    return [*calls, *_in_parts(factors, g, elements, spots, step, host)]


def _in_parts(factors: Factors, g: Node, rows: list[RowLoop], spots: list[InnerLoop], size: int, host: Host) -> list[Call]:
    """Return the calls that make sums over some images each, for threads to share, and add them up.

    Args:
      factors: those of the whole sum. g: the gradients. rows: the result's. spots: the loops over images, and over windows in an image.
      size: elements of the result.
    """
    g_step = math.prod(g.shape[1:])
    images, *inner = spots
    each = -(-images.rounds // _PARTS)
    parts, left = divmod(images.rounds, each)
    sums = Scratch("sums", (parts + 1) * size * bytes_of(factors.element))
    batch = Batch(parts, each * images.a, each * g_step, size)
    whole = loops_call(replace(factors, c=sums), rows, [InnerLoop(each, images.a), *inner], host, batch)
    calls = [whole]
    if left:
        b = Pointer(g, parts * each * g_step * bytes_of(factors.element))
        rest = replace(factors, b=b, c=sums, starts=(parts * each * images.a, parts * size))
        calls.append(loops_call(rest, rows, [InnerLoop(left, images.a), *inner], host))
        parts += 1
    lanes = host.lanes(bytes_of(factors.element))
    vectors = -(-size // lanes)
    return [*calls, Call(SumOfParts(factors.element), (sums, factors.c, parts, size), vectors, vectors, flops=parts * size)]
