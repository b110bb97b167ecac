"""`tensorflow.examples.tutorials.mnist.input_data`: reads MNIST's four files from a folder and hands out shuffled batches.

Nothing is downloaded. Source of the behaviour: tensorflow/contrib/learn/python/learn/datasets/mnist.py of TensorFlow 1.15.
"""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError, AssertedArgumentError, NotFoundError
from graphopt.graph.graph import get_default_graph

Array = np.ndarray[Any, Any]

VARIABLE = "GRAPHOPT_MNIST_DIR"
TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
DEFAULT_SOURCE_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"

_CLASSES = 10
_UNSIGNED_BYTES = 0x08
# Of the 60,000 training images TensorFlow keeps 5,000 for validation.
_VALIDATION_SIZE = 5000
_VALIDATION_SHARE = 12
# TensorFlow's graph seed for operations whose own seed alone is set.
_DEFAULT_GRAPH_SEED = 87654321


class DataSet:
    """Images with their labels, and the batches that `next_batch` hands out.

    Shuffles with `numpy.random`, which it seeds, as TensorFlow does.

    Args:
      images: u8[n,h,w,1]. labels: u8[n], or f64[n,10] when `one_hot`.
      fake_data: hand out images of ones, for tests. dtype: uint8, or float32 for values from 0 to 1. reshape: make the images flat.
      seed: for the order; by default the graph's seed, or no fixed order.

    Raises:
      TypeError: for another dtype. AssertionError: when there aren't as many images as labels, or they have colours and `reshape`.
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = dtypes.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        np.random.seed(_numpy_seed(seed))
        wanted = dtypes.as_dtype(dtype)
        if wanted not in (dtypes.uint8, dtypes.float32):
            raise ArgumentTypeError(f"Invalid image dtype {wanted!r}, expected uint8 or float32")
        self.one_hot = one_hot
        self._epochs_completed = 0
        self._index_in_epoch = 0
        if fake_data:
            self._num_examples, self._images, self._labels = 10000, images, labels
            return
        if len(images) != len(labels):
            raise AssertedArgumentError(f"images.shape: {images.shape} labels.shape: {labels.shape}")
        if reshape and images.shape[3] != 1:
            raise AssertedArgumentError(f"Images of one channel can be made flat, got images of shape {images.shape}.")
        flat = images.reshape(len(images), images.shape[1] * images.shape[2]) if reshape else images
        self._num_examples = len(flat)
        self._images = np.multiply(flat.astype(np.float32), 1.0 / 255.0) if wanted is dtypes.float32 else flat
        self._labels = labels

    @property
    def images(self) -> Any:
        """The images, in their present order."""
        return self._images

    @property
    def labels(self) -> Any:
        """The labels, in their present order."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many images there are."""
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        """How often all images have been handed out."""
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """Return the next images and labels; a batch at the end of an epoch goes on with the next epoch.

        Args:
          batch_size: how many. fake_data: images of ones. shuffle: in a new order in every epoch.
        """
        if fake_data:
            label: Any = [1] + [0] * (_CLASSES - 1) if self.one_hot else 0
            return [[1] * 784 for _ in range(batch_size)], [label for _ in range(batch_size)]
        start = self._index_in_epoch
        if self._epochs_completed == 0 and start == 0 and shuffle:
            self._shuffle()
        if start + batch_size <= self._num_examples:
            self._index_in_epoch = start + batch_size
            return self._images[start : start + batch_size], self._labels[start : start + batch_size]
        self._epochs_completed += 1
        rest = self._images[start:], self._labels[start:]
        if shuffle:
            self._shuffle()
        self._index_in_epoch = end = batch_size - (self._num_examples - start)
        return np.concatenate((rest[0], self._images[:end]), axis=0), np.concatenate((rest[1], self._labels[:end]), axis=0)

    def _shuffle(self) -> None:
        order = np.arange(self._num_examples)
        np.random.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]


class Datasets(NamedTuple):
    """What `read_data_sets` returns: three data sets."""

    train: DataSet
    validation: DataSet
    test: DataSet


def _numpy_seed(seed: int | None) -> int | None:
    """Return what TensorFlow seeds NumPy with, from the graph's seed and the data set's."""
    graph_seed = get_default_graph().seed
    if seed is None:
        return graph_seed
    graph_seed = _DEFAULT_GRAPH_SEED if graph_seed is None else graph_seed
    return 2**31 - 1 if (graph_seed, seed) == (0, 0) else seed


def read_data_sets(
    train_dir: Any,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = dtypes.float32,
    reshape: bool = True,
    validation_size: int = _VALIDATION_SIZE,
    seed: int | None = None,
    source_url: str = DEFAULT_SOURCE_URL,
) -> Datasets:
    """Return MNIST's images and labels: for training, validation and test.

    Args:
      train_dir: the folder with the four files, gzipped or not. Where one is missing the folder GRAPHOPT_MNIST_DIR is looked into.
      fake_data: images of ones, for tests. one_hot: labels f64[n,10] in place of u8[n].
      dtype: uint8, or float32 for values from 0 to 1. reshape: images [n,784] in place of [n,28,28,1].
      validation_size: how many of the training images are kept for validation. With fewer than 5,000 training images the default is
        one in twelve.
      seed: for the order of batches. source_url: not used, nothing is downloaded.

    Returns:
      A named tuple `train`, `validation`, `test` of `DataSet`.

    Raises:
      tf.errors.NotFoundError: when a file is missing. ValueError: for a broken file, or too large a validation size.
    """
    if fake_data:
        options: dict[str, Any] = {"fake_data": True, "one_hot": one_hot, "dtype": dtype, "seed": seed}
        return Datasets(*[DataSet([], [], **options) for _ in range(3)])
    folders = _folders(train_dir)
    (train_images, train_labels), (test_images, test_labels) = _read_all(folders, one_hot)
    size = _validation_count(validation_size, len(train_images))
    options = {"dtype": dtype, "reshape": reshape, "seed": seed, "one_hot": one_hot}
    # In this order: each seeds numpy.random, as in TensorFlow.
    train = DataSet(train_images[size:], train_labels[size:], **options)
    validation = DataSet(train_images[:size], train_labels[:size], **options)
    return Datasets(train, validation, DataSet(test_images, test_labels, **options))


def load_mnist(train_dir: Any = "MNIST-data") -> Datasets:
    """Return MNIST with labels u8[n]; see `read_data_sets`."""
    return read_data_sets(train_dir)


def load_data(path: Any = "mnist.npz") -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return MNIST as `tf.keras.datasets.mnist.load_data` does: (images u8[n,28,28], labels u8[n]) for training and for test.

    Args:
      path: a folder with the four files; a name of a file stands for GRAPHOPT_MNIST_DIR.

    Raises:
      tf.errors.NotFoundError: when a file is missing. ValueError: for a broken file.
    """
    train, test = _read_all(_folders(path), one_hot=False)
    return (train[0][..., 0], train[1]), (test[0][..., 0], test[1])


def _validation_count(size: int, images: int) -> int:
    if size == _VALIDATION_SIZE and images <= size:
        return images // _VALIDATION_SHARE
    if not 0 <= size <= images:
        raise ArgumentError(f"Validation size should be between 0 and {images}. Received: {size}.")
    return size


# --- files -----------------------------------------------------------------------------------------------------------------


def _folders(given: Any) -> list[Path]:
    """Return the folders to look into."""
    return [Path(folder) for folder in (given, os.environ.get(VARIABLE)) if folder]


def _read_all(folders: list[Path], one_hot: bool) -> list[tuple[Array, Array]]:
    paths = [_find(name, folders) for name in (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)]
    return [_read_pair(images, labels, one_hot) for images, labels in (paths[:2], paths[2:])]


def _find(name: str, folders: list[Path]) -> Path:
    """Return the path of one file, gzipped or not; some mirrors write a dot before 'idx'."""
    spelled = [name, name.replace("-idx", ".idx")]
    for folder in folders:
        for path in [folder / f"{base}{suffix}" for base in spelled for suffix in ("", ".gz")]:
            if path.is_file():
                return path
    looked = " and ".join(str(folder.absolute()) for folder in folders) or "no folder"
    raise NotFoundError(
        None,
        None,
        f"MNIST's file {name} (or {name}.gz) is missing; graphopt downloads nothing and has looked in {looked}.\n"
        f"  Put these four files, each as it is or with .gz, into one folder: {TRAIN_IMAGES}, {TRAIN_LABELS}, {TEST_IMAGES}, "
        f"{TEST_LABELS};\n  pass that folder to read_data_sets, or name it in the environment variable {VARIABLE}.",
    )


def _read_pair(images_path: Path, labels_path: Path, one_hot: bool) -> tuple[Array, Array]:
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise ArgumentError(f"{images_path} holds {len(images)} images, but {labels_path} holds {len(labels)} labels.")
    if len(labels) and labels.max() >= _CLASSES:
        raise ArgumentError(f"{labels_path} holds the label {labels.max()}; MNIST's labels are 0 to {_CLASSES - 1}.")
    return images[..., np.newaxis], np.eye(_CLASSES)[labels] if one_hot else labels


def read_idx(path: Any, rank: int) -> Array:
    """Return what an idx file of unsigned bytes holds.

    Args:
      path: the file; gzipped when its first bytes say so. rank: how many dimensions it must have.

    Raises:
      ValueError: when it is no such file, is shorter or longer than it says, or its gzip data are broken.

    The format: two zero bytes, a byte for the type of the elements, a byte for the number of dimensions, each dimension in four bytes
    (the highest first), then the elements.
    """
    data = _read_bytes(Path(path))
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTES or data[3] != rank:
        wanted = f"00 00 {_UNSIGNED_BYTES:02x} {rank:02x}"
        raise ArgumentError(
            f"{path} is no idx file of bytes with {rank} dimensions: it begins with {data[:4].hex(' ') or 'nothing'}, not with {wanted}."
        )
    header = 4 + 4 * rank
    shape = np.frombuffer(data[4:header].ljust(4 * rank, b"\0"), ">u4").astype(np.int64)
    if len(data) != header + int(np.prod(shape, dtype=object)):
        sizes = " x ".join(map(str, shape))
        raise ArgumentError(f"{path} says that it holds {sizes} bytes, but {max(len(data) - header, 0)} are there.")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _read_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error) as error:
        raise ArgumentError(f"{path} is a broken gzip file: {error}") from None
