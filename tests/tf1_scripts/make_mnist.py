"""Writes small files in the format of MNIST: digits that are stripes with noise."""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np


def idx(array):
    """Return an array of bytes in the idx format."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def images_of(labels, rng):
    """Return u8[n,28,28]: a bright stripe whose place says the label."""
    images = rng.randint(0, 60, (len(labels), 28, 28))
    for image, label in zip(images, labels, strict=True):
        image[2 * label + 4 : 2 * label + 7] += 180
    return images.astype(np.uint8)


def write(folder, train=240, test=60):
    """Write the four files, two of them gzipped."""
    rng = np.random.RandomState(0)
    for name, count, zipped in (("train", train, True), ("t10k", test, False)):
        labels = rng.randint(0, 10, count).astype(np.uint8)
        for kind, array in (("images-idx3", images_of(labels, rng)), ("labels-idx1", labels)):
            path = Path(folder) / f"{name}-{kind}-ubyte{'.gz' * zipped}"
            path.write_bytes(gzip.compress(idx(array), mtime=0) if zipped else idx(array))


if __name__ == "__main__":
    write(sys.argv[1])
