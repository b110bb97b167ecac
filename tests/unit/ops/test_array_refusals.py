"""What is refused only when the run brings the shapes, and the rarer refusals while recording."""

from typing import Any

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.errors import InvalidArgumentError
from graphopt.ops.composing import shape_operand
from graphopt.tf1 import array, linalg, math, strings

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
IMAGE = np.zeros((1, 3, 2, 3), np.float32)
INTS = np.array([1, 0], np.int32)

WHILE_RUNNING = {
    "tile": (lambda x, n: array.tile(x, n), [ROWS, INTS[:1]], "Expected multiples argument to be a vector of length 2 but got length 1"),
    "reverse_sequence": (lambda x, n: array.reverse_sequence(x, n, seq_axis=1), [ROWS, INTS[:1]], "batch|seq_lengths|compatible"),
    "space_to_depth": (lambda x: array.space_to_depth(x, 2), [IMAGE], "should be divisible by block_size: 2|evenly divisible by 2"),
    "depth_to_space": (lambda x: array.depth_to_space(x, 2), [IMAGE], "should be divisible by: 4|evenly divisible by 4"),
    "pad_rank": (
        lambda x, p: array.pad(x, p),
        [ROWS, np.ones((1, 2), np.int32)],
        "The first dimension of paddings must be the rank of inputs 2",
    ),
    "pad_negative": (lambda x, p: array.pad(x, p), [ROWS, -np.ones((2, 2), np.int32)], "Paddings must be non-negative: -1 -1"),
    "slice": (lambda x, n: array.slice(x, [n, 0], [1, 1]), [ROWS, np.int32(3)], r"Expected begin\[0\] in \[0, 2\], but got 3"),
    "linspace": (lambda n: array.linspace(0.0, 1.0, n), [np.int32(0)], "Requires num > 0: 0"),
    "invert_permutation": (math.invert_permutation, [np.array([0, 2])], "2 is not between 0 and 2"),
    "dynamic_stitch": (lambda i: array.dynamic_stitch([i], [[1.0]]), [np.array([-1], np.int32)], r"indices\[0\] is out of range"),
    "bincount": (math.bincount, [np.array([-1])], "Input arr must be non-negative!"),
    "segments": (math.segment_sum, [ROWS, INTS[:1]], "segment_ids should be the same size as dimension 0 of input|not compatible"),
    "unsorted": (lambda x, i: math.unsorted_segment_sum(x, i, 2), [ROWS, INTS[:1]], "does not start with segment_ids.shape"),
    "square": (linalg.matrix_inverse, [ROWS], r"Input matrix must be square, got \[2, 3\]|must be equal"),
    "einsum": (
        lambda x, y: linalg.einsum("ij,jk->ik", x, y),
        [ROWS, ROWS],
        "fit the equation|Expected dimension 3 at axis 'j' but got dimension 2",
    ),
    "string_to_number": (strings.string_to_number, [np.array([b"x"], object)], "could not correctly convert string: x"),
}


@pytest.mark.parametrize("name", WHILE_RUNNING)
def test_refused_while_running(name: str, run: Any, feed: Any) -> None:
    function, given, text = WHILE_RUNNING[name]
    placeholders = [feed(value, shape=None if np.ndim(value) else ()) for value in given]
    with pytest.raises(InvalidArgumentError, match=text):
        run(function(*placeholders), dict(zip(placeholders, given, strict=True)))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: array.depth_to_space(np.zeros((1, 2, 2, 3), np.float32), 2), "evenly divisible by 4 but is 3"),
        (lambda: array.space_to_depth(ROWS, 2), "Shape must be rank 4 but is rank 2"),
        (lambda: array.bitcast([True], dtypes.int8), "Cannot bitcast from bool to int8"),
        (lambda: array.gather_nd(ROWS, 1), "Shape must be at least rank 1 but is rank 0"),
        (lambda: array.argsort(1.0), "Shape must be at least rank 1 but is rank 0"),
        (lambda: array.slice(ROWS, [0], [1]), "Shape must be rank 1 but is rank 2"),
        (lambda: math.segment_sum(1.0, [0]), "Shape must be at least rank 1 but is rank 0"),
        (lambda: math.invert_permutation([[0]]), "Shape must be rank 1 but is rank 2"),
        (lambda: strings.as_string(1.0, scientific=True, shortest=True), "Cannot select both scientific and shortest notation"),
    ],
)
def test_refused_while_recording(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


def test_a_size_is_no_fraction() -> None:
    with pytest.raises(TypeError, match=r"2\.5"):
        shape_operand([2.5])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: linalg.tensordot(x, x, 1), "tensordot needs arguments of known rank"),
        (lambda x: linalg.einsum("...i->i", x), "must have a known rank"),
        (lambda x: linalg.matrix_transpose(x), "matrix_transpose needs an argument of known rank"),
        (lambda x: math.norm(x, 2, axis=[0, 1]), "The spectral norm needs an argument of known rank"),
    ],
)
def test_what_needs_a_known_rank(call: Any, text: str, feed: Any) -> None:
    with pytest.raises(ValueError, match=text):
        call(feed(ROWS, shape=None))


def test_strings(run: Any) -> None:
    assert run(strings.string_join(["a", ["b", "c"]], "-")).tolist() == [b"a-b", b"a-c"]
    assert run(strings.as_string([1.5, -2.0], precision=2)).tolist() == [b"1.50", b"-2.00"]
    assert run(strings.as_string([3], width=3, fill="0")).tolist() == [b"003"]
    assert run(strings.as_string([True])).tolist() == [b"true"]
    assert run(strings.as_string(0.25, scientific=True)) == b"2.500000e-01"
    assert run(strings.string_to_number(["1.5"])).tolist() == [1.5]
    assert run(strings.string_to_number("7", dtypes.int64)) == 7


def test_where_does_not_broadcast_shapes_that_only_the_run_knows(run: Any, feed: Any) -> None:
    x, y = feed(np.ones(1, np.float32), shape=(None,)), feed(np.ones(2, np.float32), shape=(None,))
    with pytest.raises(InvalidArgumentError, match=r"Inputs to where must have the same shape: \[2\] vs. \[1\]"):
        run(math.where(x > 0.0, x, y), {x: np.ones(1, np.float32), y: np.ones(2, np.float32)})


def test_fill_repeats_one_value_and_bools_do_not_add() -> None:
    with pytest.raises(ValueError, match="Shape must be rank 0 but is rank 1: fill repeats one value"):
        array.fill([2], [1])
    with pytest.raises(TypeError, match="has DataType bool not in list of allowed values"):
        math.add(True, True)
