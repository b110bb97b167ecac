"""Pictures as PNG and sounds as WAV, written here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

# Below this largest value TensorFlow takes a picture as black, so that it does not divide by zero.
_ZERO = 1e-6
_COLOR_TYPES = {1: 0, 3: 2, 4: 6}
BAD_COLOR = (255, 0, 0, 255)


def to_pixels(image: Array, bad_color: Sequence[int] = BAD_COLOR) -> Array:
    """Return a picture as bytes, scaled as TensorFlow's ``ImageSummary`` does.

    Args:
      image: ``[height, width, channels]``: uint8, taken as it is; or floats: without negative values the largest becomes 255, otherwise 0
        becomes 128 and the value farthest from it 1 or 255.
      bad_color: the color of a pixel in which a value is NaN or infinite.

    >>> to_pixels(np.array([[[0.0], [0.5], [1.0]]])).reshape(-1).tolist()
    [0, 127, 255]
    """
    if image.dtype == np.uint8:
        return image
    is_fine = np.isfinite(image).all(axis=2)
    kind = image.dtype.type
    finite = image[is_fine]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0:
        farthest = max(abs(low), abs(high))
        scale, offset = kind(0 if farthest < _ZERO else kind(127) / kind(farthest)), kind(128)
    else:
        scale, offset = kind(0 if high < _ZERO else kind(255) / kind(high)), kind(0)
    pixels = np.empty(image.shape, np.uint8)
    pixels[:] = np.asarray(bad_color, np.uint8)[: image.shape[2]]
    pixels[is_fine] = (finite * scale + offset).astype(np.uint8)
    return pixels


def encode_png(pixels: Array) -> bytes:
    """Return a picture as a PNG file.

    Args:
      pixels: uint8 ``[height, width, channels]`` with 1 channel (grey), 3 (RGB) or 4 (RGBA).

    >>> encode_png(np.zeros([2, 2, 3], np.uint8))[1:4]
    b'PNG'
    """
    height, width, channels = pixels.shape
    rows = np.zeros([height, 1 + width * channels], np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, width * channels)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join([_chunk(kind, data) for kind, data in parts])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def encode_wav(samples: Array, sample_rate: float) -> bytes:
    """Return a sound as a WAV file with 16 bits a sample.

    Args:
      samples: floats ``[frames, channels]`` between -1 and 1; what is beyond is cut off, NaN is silence. sample_rate: in hertz.

    >>> len(encode_wav(np.zeros([10, 2], np.float32), 8000.0))
    84
    """
    _frames, channels = samples.shape
    scaled = samples.astype(np.float32) * np.float32(1 << 15)
    # Halves are rounded away from zero, as C's roundf does.
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    data: bytes = np.clip(np.nan_to_num(rounded, nan=0.0), -(1 << 15), (1 << 15) - 1).astype("<i2").tobytes()
    rate = round(sample_rate) or 1
    header = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + header + b"data" + struct.pack("<I", len(data)) + data
