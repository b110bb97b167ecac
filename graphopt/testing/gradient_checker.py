"""`tf.test.compute_gradient`: a gradient as a matrix, beside the matrix of central differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.autodiff.gradients import gradients
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor, default_session

Matrix = np.ndarray[Any, Any]


def compute_gradient(
    x: Any,
    x_shape: Any,
    y: Any,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: Any = None,
) -> Any:
    """Return the derivative of `y` by `x` as graphopt and as central differences give it, in the default session.

    Args:
      x: a tensor or a list of tensors. x_shape: its shape, or a list of shapes. y: a tensor. y_shape: its shape.
      x_init_value: where to differentiate (random by default). delta: the step. init_targets: operations to run first.
      extra_feed_dict: further feeds.

    Returns:
      A pair of matrices with a row for each element of x and a column for each of y; a list of pairs when x is a list.

    Raises:
      ValueError: without a default session, or when y does not depend on x.

    Example:
      >>> x = tf.constant([1.0, 2.0])
      >>> y = x * x
      >>> with tf.Session():
      ...     theoretical, numeric = tf.test.compute_gradient(x, [2], y, [2], np.float32([1.0, 2.0]))
      >>> theoretical.tolist()
      [[2.0, 0.0], [0.0, 4.0]]
    """
    session = default_session()
    if session is None:
        raise ArgumentError("compute_gradient needs a default session: use it inside `with tf.Session():`.")
    if init_targets is not None:
        session.run(init_targets)
    xs, x_shapes = (list(x), list(x_shape)) if isinstance(x, (list, tuple)) else ([x], [x_shape])
    starts = list(x_init_value) if isinstance(x, (list, tuple)) and x_init_value is not None else [x_init_value] * len(xs)
    points = [_start(t, shape, value) for t, shape, value in zip(xs, x_shapes, starts, strict=True)]
    feeds = {**(extra_feed_dict or {}), **dict(zip(xs, points, strict=True))}
    output = convert_to_tensor(y)
    pairs = [
        (_theoretical(t, point, output, y_shape, feeds, session), _numeric(t, point, output, delta, feeds, session))
        for t, point in zip(xs, points, strict=True)
    ]
    return pairs if isinstance(x, (list, tuple)) else pairs[0]


def compute_gradient_error(
    x: Any,
    x_shape: Any,
    y: Any,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Any = None,
    extra_feed_dict: Any = None,
) -> float:
    """Return the largest difference between the gradient and central differences; see `compute_gradient`."""
    found = compute_gradient(x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict)
    pairs = found if isinstance(found, list) else [found]
    return max((float(np.abs(a - b).max()) for a, b in pairs if a.size), default=0.0)


def _start(x: Any, shape: Any, value: Any) -> Matrix:
    dtype = x.dtype.np
    if value is None:
        return np.asarray(np.random.default_rng(0).random(tuple(shape)), dtype)
    return np.asarray(value, dtype).reshape(tuple(shape))


def _theoretical(x: Any, point: Matrix, y: Tensor, y_shape: Any, feeds: Any, session: Any) -> Matrix:
    count = int(np.prod(y_shape, dtype=np.int64))
    matrix = np.zeros((point.size, count), point.dtype)
    weights = convert_to_tensor(np.zeros(tuple(y_shape), y.dtype.np))
    (gradient,) = gradients(y, x, grad_ys=weights)
    if gradient is None:
        raise ArgumentError(f"{y} does not depend on {x}.")
    dense = convert_to_tensor(gradient)
    for column in range(count):
        direction = np.zeros(count, y.dtype.np)
        direction[column] = 1
        matrix[:, column] = np.reshape(session.run(dense, {**feeds, weights: direction.reshape(tuple(y_shape))}), -1)
    return matrix


def _numeric(x: Any, point: Matrix, y: Tensor, delta: float, feeds: Any, session: Any) -> Matrix:
    rows = []
    for place in range(point.size):
        values = []
        for step in (delta, -delta):
            moved = point.copy()
            moved.reshape(-1)[place] += point.dtype.type(step)
            values.append(np.reshape(session.run(y, {**feeds, x: moved}), -1).astype(np.float64))
        rows.append((values[0] - values[1]) / (2 * delta))
    return np.asarray(rows).astype(point.dtype).reshape(point.size, -1)
