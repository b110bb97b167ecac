"""Where images and their windows stand in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphopt.backends.native.convolution.border import Border
from graphopt.backends.native.emitter import bytes_of
from graphopt.backends.native.kernel import Argument, Call, Scratch
from graphopt.backends.native.lowering import NotLowered, element_type
from graphopt.backends.native.products.gemm import InnerLoop
from graphopt.ir.node import Node
from graphopt.ops.windows import Axis, grid_of

# Copying so many elements is worth a thread.
_ELEMENTS_PER_THREAD = 1 << 17


@dataclass(frozen=True)
class Images:
    """Images in memory, maybe with zeros around them.

    Attributes:
      at: their address. height, width, channels: of each.
    """

    at: Argument
    height: int
    width: int
    channels: int

    @property
    def row(self) -> int:
        """Elements from row to row."""
        return self.width * self.channels

    @property
    def image(self) -> int:
        """Elements from image to image."""
        return self.height * self.row


def windows_of(node: Node, image: tuple[int, ...], kernel: tuple[int, ...]) -> tuple[Axis, Axis]:
    """Return the windows along both axes.

    Raises:
      NotLowered: for what only NumPy does.
    """
    attributes = node.attributes
    if attributes["data_format"] != "NHWC":
        raise NotLowered("images with channels first are transposed by NumPy")
    if element_type(node) == "half":
        raise NotLowered("there is no fast matrix product of float16")
    return grid_of(image[1:3], kernel[:2], attributes["strides"], attributes["dilations"], attributes["padding"])


def with_border(images: Images, count: int, around: Sequence[tuple[int, int]], element: str) -> tuple[list[Call], Images]:
    """Return the call that puts zeros around images, if there are any, and the images with them.

    Args:
      images: as they are. count: how many. around: zeros before and after, for both axes. element: type of an element.
    """
    rows, columns = around
    if not any((*rows, *columns)):
        return [], images
    height, width = images.height + sum(rows), images.width + sum(columns)
    size = bytes_of(element) * count * height * width * images.channels
    larger = Images(Scratch("images", size), height, width, images.channels)
    words = (images.at, larger.at, images.height, images.row, height, larger.row, rows[0], columns[0] * images.channels)
    grain = max(1, _ELEMENTS_PER_THREAD // max(1, larger.row))
    extent = count * height
    return [Call(Border(element), words, extent, min(grain, extent), bytes_moved=2 * size)] if extent else [], larger


def border_of(grid: tuple[Axis, Axis]) -> list[tuple[int, int]]:
    return [(axis.before, axis.after) for axis in grid]


def window_loops(rows: int, row_step: int, columns: int, dilation: int, channels: int) -> list[InnerLoop]:
    """Return the loops through the elements of a window: always three, so that all convolutions share one kernel.

    Args:
      rows, columns: of the window. row_step: elements of the image from one of its rows to the next.
      dilation: columns of the image from one of its columns to the next. channels: of the image.
    """
    down = InnerLoop(rows, row_step)
    if dilation == 1:
        return [down, InnerLoop(1, 0), InnerLoop(columns * channels, 1)]
    return [down, InnerLoop(columns, dilation * channels), InnerLoop(channels, 1)]
