"""What the ops of optimizers, of random numbers and of summaries refuse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import InvalidArgumentError
from graphopt.ops import philox
from graphopt.ops.gradient_rows import check_gradient_rows, sum_duplicate_rows
from graphopt.ops.summary_proto import Summary, SummaryValue
from graphopt.ops.training import gradient_descent, momentum

ROWS = np.zeros((3, 2), np.float32)
TWO = np.array([0, 2], np.int32)
MATRIX = np.array([[0, 2]], np.int32)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: sum_duplicate_rows(ROWS, MATRIX), ValueError, "indices must be one-dimensional, got shape [1,2]"),
        (
            lambda: momentum.dense(tf.Variable(ROWS), tf.Variable(ROWS[:1]), 0.1, ROWS, 0.9),
            ValueError,
            "var and accum do not have the same shape[3,2] [1,2]",
        ),
        (
            lambda: gradient_descent.dense(tf.Variable(ROWS), [0.1], ROWS),
            ValueError,
            "alpha is not a scalar: [1]",
        ),
        (
            lambda: philox.uniform(1, 2, 0, (2,), dtype=np.int8),
            TypeError,
            "random numbers of dtype int8 are not supported; use float16, float32, float64",
        ),
        (lambda: philox.uniform_int(1, 2, 0, (2,), 5, 5), ValueError, "Need minval < maxval, got 5 >= 5"),
        (lambda: philox.multinomial(1, 2, 0, np.zeros((2, 0)), 3), ValueError, "num_classes should be positive, got 0"),
        (lambda: philox.counter_increment("wish", 3), ValueError, "no random op of the kind 'wish'"),
        (lambda: SummaryValue("a").HasField("wish"), ValueError, "Protocol message Value has no field wish."),
        (lambda: Summary.FromString(b"\x0b"), ValueError, "message: unknown wire type 3"),
        (lambda: Summary.FromString(b"\x0a\x05a"), ValueError, "Error parsing message: the message ends too soon"),
    ],
)
def test_refused(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)


def _checked_rows(indices: Any, rows: Any, var: Any) -> Any:
    return check_gradient_rows(indices, rows, var, gradient="delta")


WHILE_RUNNING: dict[str, tuple[Callable[..., Any], list[Any], str]] = {
    "rank of the indices": (lambda rows, at: sum_duplicate_rows(rows, at)[0], [ROWS, MATRIX], "indices must be one-dimensional"),
    "rows for each index": (
        lambda rows, at: sum_duplicate_rows(rows, at)[0],
        [ROWS, TWO],
        "grad must be the same size as indices in the first dimension.",
    ),
    "rank of the variable": (_checked_rows, [TWO, ROWS[:2], np.float32(0)], "var must be at least 1 dimensional"),
    "rank of checked indices": (_checked_rows, [MATRIX, ROWS[:2], ROWS], "indices must be one-dimensional"),
    "rank of the gradient": (_checked_rows, [TWO, ROWS[0], ROWS], "var and delta must match in dimension 1"),
    "width of the gradient": (_checked_rows, [TWO, ROWS[:2, :1], ROWS], "var and delta must match in dimension 1"),
    "number of rows": (_checked_rows, [TWO, ROWS, ROWS], "delta must be the same size as indices in the first dimension."),
    "scalar": (
        lambda rate: gradient_descent.dense(tf.Variable(ROWS), rate, ROWS),
        [np.array([0.5], np.float32)],
        "alpha is not a scalar: [1]",
    ),
}


@pytest.mark.parametrize("name", WHILE_RUNNING)
def test_refused_while_running(name: str, feed: Any) -> None:
    function, given, text = WHILE_RUNNING[name]
    placeholders = [feed(value, shape=None) for value in given]
    fetch = function(*placeholders)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with pytest.raises(InvalidArgumentError) as caught:
            session.run(fetch, dict(zip(placeholders, given, strict=True)))
    assert text in str(caught.value)
