"""Where the windows of a convolution or a pooling lie: sizes, padding, and views of an image's windows.

Inside the kernels images are ``[batch, height, width, channels]``; "NCHW" ones are transposed on the way in and out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphopt import shapes
from graphopt.errors import ArgumentError, ShapeError
from graphopt.shapes import Shape

Padding = Any  # "SAME", "VALID", or ((top, bottom), (left, right))


class Axis(NamedTuple):
    """The windows along one axis.

    Attributes:
      size: of the image; kernel: of the window; stride: between windows; dilation: between the elements of a window.
      before, after: zeros put around the image; out: how many windows there are.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int


def output_size(size: int | None, kernel: int | None, stride: int, dilation: int, padding: Padding, axis: int) -> int | None:
    """Return how many windows fit along an axis (0 is the height), or None when it is not known.

    Raises:
      ShapeError: when not even one does.

    >>> output_size(5, 3, 2, 1, "SAME", 0), output_size(5, 3, 2, 1, "VALID", 0)
    (3, 2)
    """
    if size is None:
        return None
    if padding == "SAME":
        return -(-size // stride)
    if kernel is None:
        return None
    reach = (kernel - 1) * dilation + 1
    room = size if padding == "VALID" else size + sum(padding[axis])
    if room < reach:
        raise ShapeError(f"Negative dimension size caused by subtracting {reach} from {room}")
    return (room - reach) // stride + 1


def axis_of(size: int, kernel: int, stride: int, dilation: int, padding: Padding, axis: int) -> Axis:
    """Return the windows along one axis of an image of known size."""
    out = output_size(size, kernel, stride, dilation, padding, axis) or 0
    if padding == "SAME":
        missing = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
        before, after = missing // 2, missing - missing // 2
    elif padding == "VALID":
        before, after = 0, 0
    else:
        before, after = padding[axis]
    return Axis(size, kernel, stride, dilation, before, after, out)


def grid_of(image: Any, kernel: Any, strides: Any, dilations: Any, padding: Padding) -> tuple[Axis, Axis]:
    """Return the windows along both axes.

    Args:
      image: height and width. kernel: height and width of a window. strides, dilations: one for each axis.
      padding: see `Padding`.
    """
    rows = axis_of(image[0], kernel[0], strides[0], dilations[0], padding, 0)
    columns = axis_of(image[1], kernel[1], strides[1], dilations[1], padding, 1)
    return rows, columns


def padded(x: Any, grid: tuple[Axis, Axis], value: Any = 0) -> Any:
    """Return the image with its padding; the image itself where there is none."""
    (rows, columns) = grid
    if not (rows.before or rows.after or columns.before or columns.after):
        return x
    n, height, width, channels = x.shape
    shape = (n, height + rows.before + rows.after, width + columns.before + columns.after, channels)
    result = np.zeros(shape, x.dtype) if value == 0 else np.full(shape, value, x.dtype)
    result[:, rows.before : rows.before + height, columns.before : columns.before + width] = x
    return result


def blank(n: int, channels: int, grid: tuple[Axis, Axis], dtype: Any) -> Any:
    """Return zeros as large as the padded images."""
    rows, columns = grid
    return np.zeros((n, rows.before + rows.size + rows.after, columns.before + columns.size + columns.after, channels), dtype)


def cropped(x: Any, grid: tuple[Axis, Axis]) -> Any:
    """Return an image without its padding: the reverse of `padded`."""
    rows, columns = grid
    return x[:, rows.before : rows.before + rows.size, columns.before : columns.before + columns.size]


def windows(x: Any, grid: tuple[Axis, Axis]) -> Any:
    """Return a view ``[batch, rows, columns, kernel height, kernel width, channels]`` of a padded image. Nothing is copied."""
    rows, columns = grid
    n, _, _, channels = x.shape
    a, b, c, d = x.strides
    return np.lib.stride_tricks.as_strided(
        x,
        (n, rows.out, columns.out, rows.kernel, columns.kernel, channels),
        (a, b * rows.stride, c * columns.stride, b * rows.dilation, c * columns.dilation, d),
        writeable=False,
    )


def taps(grid: tuple[Axis, Axis]) -> list[tuple[int, int, Any]]:
    """Return for each element (i, j) of a window the index that picks it from all windows of a padded image at once."""
    rows, columns = grid
    found = []
    for i in range(rows.kernel):
        for j in range(columns.kernel):
            top, left = i * rows.dilation, j * columns.dilation
            down = slice(top, top + (rows.out - 1) * rows.stride + 1, rows.stride) if rows.out else slice(0, 0)
            across = slice(left, left + (columns.out - 1) * columns.stride + 1, columns.stride) if columns.out else slice(0, 0)
            found.append((i, j, (slice(None), down, across)))
    return found


# --- the two layouts ---------------------------------------------------------------------------------------------------


def to_last(x: Any, data_format: str) -> Any:
    """Return an image with its channels last."""
    return x if data_format == "NHWC" else np.ascontiguousarray(np.transpose(x, (0, 2, 3, 1)))


def from_last(x: Any, data_format: str) -> Any:
    """Return an image with channels last in the layout `data_format`."""
    return x if data_format == "NHWC" else np.ascontiguousarray(np.transpose(x, (0, 3, 1, 2)))


def image_shape(shape: Shape, data_format: str) -> tuple[int | None, int | None, int | None, int | None]:
    """Return batch, height, width and channels, None for what is not known.

    Raises:
      ShapeError: when the rank is not 4.
    """
    if shape is None:
        return None, None, None, None
    if len(shape) != 4:
        raise ShapeError(f"Shape must be rank 4 but is rank {len(shape)}")
    n, a, b, c = shape
    return (n, a, b, c) if data_format == "NHWC" else (n, b, c, a)


def laid_out(n: int | None, height: int | None, width: int | None, channels: int | None, data_format: str) -> Shape:
    """Return the shape of an image in the layout `data_format`."""
    return (n, height, width, channels) if data_format == "NHWC" else (n, channels, height, width)


# --- arguments ---------------------------------------------------------------------------------------------------------


def to_pair(value: Any, what: str, data_format: str = "NHWC") -> tuple[int, int]:
    """Return the height and width of an argument given as one number, two, or four in the order of the layout.

    Args:
      value: an int, or a list of 1, 2 or 4. what: its name, for the message. data_format: the layout.

    Raises:
      ValueError: for another length, or a step along batch or channels.

    >>> to_pair([1, 2, 3, 1], "strides")
    (2, 3)
    """
    sizes = [int(v) for v in np.reshape(value, -1)]
    if len(sizes) == 4:
        n, height, width, channels = image_shape(tuple(sizes), data_format)
        if n != 1 or channels != 1:
            raise ArgumentError(f"Current implementation does not yet support {what} in the batch and depth dimensions.")
        sizes = [height or 0, width or 0]
    if len(sizes) not in (1, 2):
        raise ArgumentError(f"{what} should be of length 1, 2 or 4 but was {len(sizes)}")
    if min(sizes) < 1:
        raise ArgumentError(f"{what} must be positive, got {list(value) if np.ndim(value) else value}")
    return sizes[0], sizes[-1]


def to_padding(padding: Any, data_format: str = "NHWC") -> Padding:
    """Return ``"SAME"``, ``"VALID"`` or the zeros around height and width.

    Args:
      padding: one of the two words, or four pairs in the order of the layout. data_format: the layout.

    Raises:
      ValueError: for anything else.
    """
    if isinstance(padding, str):
        word = padding.upper()
        if word not in ("SAME", "VALID"):
            raise ArgumentError(f'Attr \'padding\' got the string {padding!r}, which is not in: "SAME", "VALID".')
        return word
    pairs = [tuple(int(v) for v in pair) for pair in padding]
    if len(pairs) != 4 or any(len(pair) != 2 for pair in pairs):
        raise ArgumentError(f"Explicit padding must be a list of four pairs, got {padding}")
    n, rows, columns, channels = (pairs[0], *pairs[1:3], pairs[3]) if data_format == "NHWC" else (pairs[0], pairs[2], pairs[3], pairs[1])
    if n != (0, 0) or channels != (0, 0):
        raise ArgumentError("Nonzero explicit padding in the batch or depth dimensions is not supported")
    return rows, columns


def to_format(data_format: str | None) -> str:
    """Return ``"NHWC"`` or ``"NCHW"``; ValueError for another layout."""
    wanted = data_format or "NHWC"
    if wanted not in ("NHWC", "NCHW"):
        raise ArgumentError(f'data_format must be "NHWC" or "NCHW", got {wanted!r}')
    return wanted


def merged(a: int | None, b: int | None, what: str) -> int | None:
    """Return what is known of a size from two places; ShapeError when they differ."""
    if a is not None and b is not None and a != b:
        raise ShapeError(f"Dimensions must be equal, but are {a} and {b} ({what})")
    return b if a is None else a


def format_sizes(x: Any) -> str:
    """Return the shape of an array in the short notation."""
    return shapes.format_shape(np.shape(x))
