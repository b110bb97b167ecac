"""What shapes, dimensions and element types refuse."""

from collections.abc import Callable
from typing import Any

import pytest

import graphopt as tf
from graphopt.shapes import to_shape

UNKNOWN = tf.TensorShape(None)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: tf.Dimension("a"), TypeError, "Dimension must be an integer or None, got 'a'."),
        (lambda: tf.Dimension(-2), ValueError, "Dimension -2 must be >= 0"),
        (lambda: tf.Dimension(2).merge_with(3), ValueError, "Dimensions 2 and 3 are not compatible"),
        (
            lambda: int(tf.Dimension(None)),
            TypeError,
            "An unknown dimension has no integer value; use tf.shape(x)[i] for the size at run time.",
        ),
        (UNKNOWN.as_list, ValueError, "as_list() is not defined on an unknown TensorShape."),
        (lambda: tf.TensorShape([2]).with_rank(3), ValueError, "Shape (2,) must have rank 3"),
        (lambda: tf.TensorShape([2]).assert_has_rank(4), ValueError, "Shape (2,) must have rank 4"),
        (lambda: tf.TensorShape([2]).with_rank_at_least(2), ValueError, "Shape (2,) must have rank at least 2"),
        (tf.TensorShape([None]).assert_is_fully_defined, ValueError, " is not fully defined"),
        (lambda: tf.TensorShape([2]).assert_same_rank([2, 3]), ValueError, "Shapes (2,) and (2, 3) must have the same rank"),
        (lambda: len(UNKNOWN), ValueError, "Cannot take the length of Shape with unknown rank."),
        (lambda: iter(UNKNOWN), ValueError, "Cannot iterate over a shape with unknown rank."),
        (lambda: to_shape((2, -3)), ValueError, "Dimension sizes must be >= 0, got [2, -3]"),
        (lambda: tf.string.max, TypeError, "Cannot find the limits of tf.string."),
    ],
)
def test_refused(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)
