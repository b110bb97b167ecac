"""MNIST's reader: files, batches, and what it says of files that are missing or broken."""

import gzip
import importlib
import struct
from pathlib import Path

import numpy as np
import pytest

import graphopt as tf
from graphopt.tf1 import mnist, stand_in
from graphopt.tf1.mnist import DataSet, load_data, load_mnist, read_data_sets, read_idx

FILES = (mnist.TRAIN_IMAGES, mnist.TRAIN_LABELS, mnist.TEST_IMAGES, mnist.TEST_LABELS)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write(folder: Path, train: int = 24, test: int = 6, names: tuple[str, ...] = FILES, zipped: bool = False) -> Path:
    rng = np.random.RandomState(0)
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in zip(names, (train, train, test, test), strict=True):
        array = rng.randint(0, 10, count) if "labels" in name else rng.randint(0, 256, (count, 28, 28))
        data = idx(array.astype(np.uint8))
        (folder / f"{name}{'.gz' * zipped}").write_bytes(gzip.compress(data) if zipped else data)
    return folder


def test_what_is_read(tmp_path: Path) -> None:
    sets = read_data_sets(write(tmp_path))
    raw = read_idx(tmp_path / mnist.TRAIN_IMAGES, 3)
    assert [s.num_examples for s in sets] == [22, 2, 6]
    assert sets.train.images.shape == (22, 784)
    assert sets.train.images.dtype == np.float32
    np.testing.assert_array_equal(sets.train.images, raw[2:].reshape(22, 784).astype(np.float32) * np.float32(1 / 255))
    np.testing.assert_array_equal(sets.validation.labels, read_idx(tmp_path / mnist.TRAIN_LABELS, 1)[:2])
    assert sets.train.labels.dtype == np.uint8


def test_forms_of_images_and_labels(tmp_path: Path) -> None:
    sets = read_data_sets(str(write(tmp_path, zipped=True)), one_hot=True, dtype=tf.uint8, reshape=False, validation_size=4)
    assert sets.train.images.shape == (20, 28, 28, 1)
    assert sets.train.images.dtype == np.uint8
    assert sets.train.labels.shape == (20, 10)
    assert sets.train.labels.sum() == 20
    np.testing.assert_array_equal(sets.test.labels.argmax(1), read_idx(tmp_path / f"{mnist.TEST_LABELS}.gz", 1))


def test_names_with_a_dot(tmp_path: Path) -> None:
    write(tmp_path, names=tuple(name.replace("-idx", ".idx") for name in FILES))
    assert read_data_sets(tmp_path).test.num_examples == 6


def test_the_folder_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(mnist.VARIABLE, str(write(tmp_path / "there")))
    assert read_data_sets("MNIST_data/", one_hot=True).test.num_examples == 6
    assert load_mnist().train.num_examples == 22
    (images, labels), (test_images, _) = load_data()
    assert images.shape == (24, 28, 28)
    assert labels.shape == (24,)
    assert len(test_images) == 6
    # The folder that is given comes first.
    assert read_data_sets(write(tmp_path / "given", test=3)).test.num_examples == 3


def test_through_the_stand_in(tmp_path: Path) -> None:
    with stand_in.standing_in(force=True):
        for name in ("tensorflow.examples.tutorials.mnist.input_data", "tensorflow.contrib.learn.datasets.mnist"):
            assert importlib.import_module(name).read_data_sets(write(tmp_path)).test.num_examples == 6
        keras = importlib.import_module("tensorflow.keras.datasets.mnist")
        assert keras.load_data(tmp_path)[1][1].shape == (6,)


# --- batches ---------------------------------------------------------------------------------------------------------------


def numbered(count: int, **options: object) -> DataSet:
    images = np.arange(count, dtype=np.uint8).reshape(count, 1, 1, 1)
    return DataSet(images, images[:, 0, 0, 0], dtype=tf.uint8, **options)


def test_order_of_batches() -> None:
    """What TensorFlow 1.15's class does, written down with NumPy: a new order at the start of each epoch, made of the one before."""
    made = numbered(10, seed=5)
    random = np.random.RandomState(5)
    first = random.permutation(10)
    second = first[random.permutation(10)]
    batches = [made.next_batch(4)[1].tolist() for _ in range(4)]
    assert batches == [first[:4].tolist(), first[4:8].tolist(), [*first[8:], *second[:2]], second[2:6].tolist()]
    assert made.epochs_completed == 1
    assert made.labels.tolist() == second.tolist()


def test_images_go_with_their_labels() -> None:
    made = numbered(7, seed=1)
    for _ in range(5):
        images, labels = made.next_batch(3)
        assert images[:, 0].tolist() == labels.tolist()


def test_without_shuffling() -> None:
    made = numbered(5)
    assert [made.next_batch(3, shuffle=False)[1].tolist() for _ in range(3)] == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]


def test_the_seed() -> None:
    def order(seed: int | None) -> list[int]:
        return numbered(20, seed=seed).next_batch(20)[1].tolist()

    assert order(3) == order(3) != order(4)
    tf.set_random_seed(7)
    expected = np.random.RandomState(7).permutation(20).tolist()
    assert order(None) == expected
    tf.set_random_seed(0)
    assert order(0) == np.random.RandomState(2**31 - 1).permutation(20).tolist()


def test_numpy_seeds_reach_the_order() -> None:
    made = numbered(20)
    np.random.seed(11)
    assert made.next_batch(20)[1].tolist() == np.random.RandomState(11).permutation(20).tolist()


def test_fake_data(tmp_path: Path) -> None:
    sets = read_data_sets(tmp_path, fake_data=True, one_hot=True)
    images, labels = sets.train.next_batch(2, fake_data=True)
    assert sets.train.num_examples == 10000
    assert images == [[1] * 784] * 2
    assert labels == [[1] + [0] * 9] * 2
    assert read_data_sets(tmp_path, fake_data=True).test.next_batch(1, fake_data=True)[1] == [0]


# --- mistakes --------------------------------------------------------------------------------------------------------------


def test_missing_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(mnist.VARIABLE, raising=False)
    with pytest.raises(
        tf.errors.NotFoundError, match=r"(?s)MNIST's file train-images-idx3-ubyte \(or .*\.gz\) is missing; graphopt"
    ) as error:
        read_data_sets(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(error.value)
    assert all(name in str(error.value) for name in (*FILES, mnist.VARIABLE))
    (write(tmp_path) / mnist.TEST_LABELS).unlink()
    with pytest.raises(tf.errors.NotFoundError, match="t10k-labels-idx1-ubyte"):
        read_data_sets(tmp_path)


@pytest.mark.parametrize("count", [-1, 25])
def test_validation_size(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=rf"Validation size should be between 0 and 24\. Received: {count}\."):
        read_data_sets(write(tmp_path), validation_size=count)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no idx file of bytes with 3 dimensions: it begins with nothing, not with 00 00 08 03"),
        (b"not an idx file", "it begins with 6e 6f 74 20"),
        (idx(np.zeros(4, np.uint8)), "it begins with 00 00 08 01"),
        (idx(np.zeros((4, 28, 28), np.uint8))[:-1], "says that it holds 4 x 28 x 28 bytes, but 3135 are there"),
        (idx(np.zeros((4, 28, 28), np.uint8)) + b"0", "but 3137 are there"),
        (idx(np.zeros((4, 28, 28), np.uint8))[:9], "but 0 are there"),
        (gzip.compress(idx(np.zeros((4, 28, 28), np.uint8)), mtime=0)[:40], "is a broken gzip file"),
        (b"\x1f\x8b" + b"x" * 40, "is a broken gzip file"),
    ],
    ids=["empty", "text", "labels", "too-short", "too-long", "header-only", "cut-gzip", "no-gzip"],
)
def test_broken_files(tmp_path: Path, data: bytes, message: str) -> None:
    (write(tmp_path) / mnist.TRAIN_IMAGES).write_bytes(data)
    with pytest.raises(ValueError, match=message) as error:
        read_data_sets(tmp_path)
    assert mnist.TRAIN_IMAGES in str(error.value)


def test_flipped_gzip(tmp_path: Path) -> None:
    path = write(tmp_path, zipped=True) / f"{mnist.TEST_IMAGES}.gz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is a broken gzip file"):
        read_data_sets(tmp_path)


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    (write(tmp_path) / mnist.TRAIN_LABELS).write_bytes(idx(np.zeros(23, np.uint8)))
    with pytest.raises(ValueError, match=r"holds 24 images, but .* holds 23 labels"):
        read_data_sets(tmp_path)
    (tmp_path / mnist.TRAIN_LABELS).write_bytes(idx(np.full(24, 11, np.uint8)))
    with pytest.raises(ValueError, match="holds the label 11; MNIST's labels are 0 to 9"):
        read_data_sets(tmp_path)


def test_refused_data_sets() -> None:
    images = np.zeros((4, 2, 2, 3), np.uint8)
    with pytest.raises(AssertionError, match=r"images.shape: \(4, 2, 2, 3\) labels.shape: \(3,\)"):
        DataSet(images, np.zeros(3))
    with pytest.raises(AssertionError, match=r"Images of one channel can be made flat, got images of shape \(4, 2, 2, 3\)"):
        DataSet(images, np.zeros(4))
    with pytest.raises(TypeError, match=r"Invalid image dtype .*int32.*, expected uint8 or float32"):
        DataSet(images, np.zeros(4), dtype=tf.int32)
