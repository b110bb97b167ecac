"""How a convolution's gradient for its images runs: as convolutions of the gradients with the filters turned around."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.convolution.filters import copy_bytes, copy_stride, turned_filter_call
from graphopt.backends.native.convolution.images import Images, window_loops, windows_of, with_border
from graphopt.backends.native.emitter import bytes_of
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Scratch
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.products.gemm import RowLoop
from graphopt.backends.native.products.generated import Factors, loops_call
from graphopt.ir.node import Node
from graphopt.ops.conv import conv2d_backprop_input
from graphopt.ops.windows import Axis


@dataclass(frozen=True)
class Phase:
    """The elements of the image, along one axis, that the same elements of windows reach: every element where windows move by 1.

    With windows that move by more, an image's element meets only every so many elements of a window.

    Attributes:
      first: the first of these elements. step: to the next. count: how many there are.
      taps: how many elements of a window reach them. tap: the last of these. tap_step: back to the one before. reach: elements of the
        gradient from one of them to the next. start: the gradient's element that meets the first with the last tap, maybe before 0.
    """

    first: int
    step: int
    count: int
    taps: int
    tap: int
    tap_step: int
    reach: int
    start: int

    @property
    def end(self) -> int:
        """One more than the last of the gradient's elements that are met."""
        return self.start + (self.taps - 1) * self.reach + self.count if self.taps else 0


def _phases(axis: Axis) -> list[Phase]:
    """Return the phases of an axis.

    Raises:
      NotLowered: where windows with holes move by more than 1.
    """
    if axis.stride > 1 and axis.dilation > 1:
        raise NotLowered("windows with holes that move by more than 1 are taken one by one by NumPy")
    found = []
    for offset in range(axis.stride):
        taps = max(0, -(-(axis.kernel - offset) // axis.stride))
        first = -(-(axis.before - offset) // axis.stride)  # of the elements, counted in strides from the border's beginning
        last = (axis.before + axis.size - 1 - offset) // axis.stride
        start = first - (taps - 1) * axis.dilation
        place = axis.stride * first + offset - axis.before
        tap = offset + axis.stride * (taps - 1)
        found.append(Phase(place, axis.stride, last - first + 1, taps, tap, -axis.stride, axis.dilation, start if taps else 0))
    return [phase for phase in found if phase.count > 0]


@lowers(conv2d_backprop_input)
def lower_input_gradient(node: Node, host: Host) -> list[Call]:
    """Return the calls of a convolution's gradient for its images: for each phase a convolution of the gradients with turned filters."""
    _, w, g = node.inputs
    grid, element = windows_of(node, node.shape, w.shape), element_type(node)
    if 0 in node.shape:
        return []
    phases = [_phases(axis) for axis in grid]
    around = [
        (max(0, *(-p.start for p in found)), max(0, *(p.end - axis.out for p in found))) for found, axis in zip(phases, grid, strict=True)
    ]
    calls, gradients = with_border(Images(Pointer(g), *g.shape[1:]), g.shape[0], around, element)
    starts = around[0][0], around[1][0]
    for i, rows in enumerate(phases[0]):
        for j, columns in enumerate(phases[1]):
            calls += _phase_calls(node, gradients, starts, rows, columns, f"filters{i}.{j}", host)
    return calls


def _phase_calls(node: Node, g: Images, starts: tuple[int, int], rows: Phase, columns: Phase, label: str, host: Host) -> list[Call]:
    """Return the calls for the elements of the images that are of one phase down and one across.

    Args:
      g: the gradients with their border. starts: rows and columns of that before the gradients begin. label: of the turned filters' memory.
    """
    w, element = node.inputs[1], element_type(node)
    n, height, width, inputs = node.shape
    _, across, _, outputs = w.shape
    lanes = host.lanes(bytes_of(element))
    matrices, matrix = rows.taps * columns.taps, inputs * outputs
    turned = Scratch(label, copy_bytes(element, lanes, matrices, inputs, outputs))
    calls = []
    if matrices * outputs:
        start = (rows.tap * across + columns.tap) * matrix
        down, right = (rows.taps, rows.tap_step * across * matrix), (columns.taps, columns.tap_step * matrix)
        calls = [turned_filter_call(Pointer(w), turned, element, lanes, start, down, right, inputs, outputs)]
    pixels = [
        RowLoop(n, g.image, height * width * inputs),
        RowLoop(rows.count, g.row, rows.step * width * inputs),
        RowLoop(columns.count, g.channels, columns.step * inputs),
    ]
    window = window_loops(rows.taps, rows.reach * g.row, columns.taps, columns.reach, outputs)
    begin = (starts[0] + rows.start) * g.row + (starts[1] + columns.start) * g.channels
    place = (rows.first * width + columns.first) * inputs
    factors = Factors(g.at, turned, Pointer(node), element, inputs, copy_stride(lanes, inputs), starts=(begin, place))
    return [*calls, loops_call(factors, pixels, window, host)]
