"""TensorFlow 1's assertions: operations that raise at run time, or at once where the values or shapes are known."""
# Long because: one function for each public name.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import with_dependencies
from graphopt.ir.node import CONST
from graphopt.ops import array, control, elementwise, reduce
from graphopt.tf1.arguments import renamed


def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Operation:
    """Return an operation that raises InvalidArgumentError with `data` unless the condition holds.

    Args:
      condition: a bool tensor. data: a list of tensors and texts for the message.
      summarize: how many elements of each tensor to show (3). name: name of the scope.

    Raises:
      tf.errors.InvalidArgumentError: at run time.

    Example:
      >>> x = tf.placeholder(tf.float32, [])
      >>> with tf.control_dependencies([tf.Assert(x > 0.0, ["x must be positive:", x])]):
      ...     y = tf.sqrt(x)
      >>> tf.Session().run(y, {x: 4.0}).item()
      2.0
    """
    with name_scope(name, "Assert"):
        operation: Operation = control.assert_op(condition, *data, summarize=3 if summarize is None else summarize, name="Assert")
    return operation


def _static(tensor: Tensor) -> Any:
    return tensor.op.attributes["value"].array if tensor.op.opdef is CONST else None


def _compare(
    x: Any,
    y: Any,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str | None,
    word: str,
    sign: str,
    op: Any,
    holds: Callable[[Any, Any], Any],
) -> Operation:
    """Record the check that ``x sign y`` holds for every element; raise at once when both are constant and it doesn't."""
    with name_scope(name, word):
        left = convert_to_tensor(x)
        right = convert_to_tensor(y, dtype=None if hasattr(y, "builder") else left.dtype)
        told = f"Condition x {sign} y did not hold element-wise:"
        shown = [told, f"x ({left.name}) = ", left, f"y ({right.name}) = ", right] if data is None else list(data)
        known = [_static(left), _static(right)]
        if known[0] is not None and known[1] is not None and not np.all(holds(*known)):
            parts = [*([message] if message else []), *[str(_static(p)) if isinstance(p, Tensor) else str(p) for p in shown]]
            raise InvalidArgumentError(None, None, "\n".join(parts))
        condition = reduce.reduce_all(op(left, right))
        return Assert(condition, [*([message] if message else []), *shown], summarize)


def assert_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x == y for all elements.

    Args:
      x, y: tensors that broadcast. data: what the message shows, by default both. summarize: how many elements. message: what stands first.
      name: name of the scope.

    Raises:
      tf.errors.InvalidArgumentError: at run time, or at once when both are constants.

    >>> tf.assert_equal(1, 2, message="not the same")
    Traceback (most recent call last):
    graphopt.errors.InvalidArgumentError: not the same
    Condition x == y did not hold element-wise:
    ...
    """
    return _compare(x, y, data, summarize, message, name, "assert_equal", "==", elementwise.equal, np.equal)


def assert_none_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x != y for all elements; see `assert_equal`."""
    return _compare(x, y, data, summarize, message, name, "assert_none_equal", "!=", elementwise.not_equal, np.not_equal)


def assert_less(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x < y for all elements; see `assert_equal`."""
    return _compare(x, y, data, summarize, message, name, "assert_less", "<", elementwise.less, np.less)


def assert_less_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x <= y for all elements; see `assert_equal`."""
    return _compare(x, y, data, summarize, message, name, "assert_less_equal", "<=", elementwise.less_equal, np.less_equal)


def assert_greater(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x > y for all elements; see `assert_equal`."""
    return _compare(x, y, data, summarize, message, name, "assert_greater", ">", elementwise.greater, np.greater)


def assert_greater_equal(
    x: Any, y: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x >= y for all elements; see `assert_equal`."""
    return _compare(x, y, data, summarize, message, name, "assert_greater_equal", ">=", elementwise.greater_equal, np.greater_equal)


def _against_zero(
    x: Any, data: Any, summarize: int | None, message: str | None, name: str | None, word: str, sign: str, op: Any, holds: Any
) -> Operation:
    with name_scope(name, word):
        tensor = convert_to_tensor(x)
        shown = [f"Condition x {sign} 0 did not hold element-wise:", f"x ({tensor.name}) = ", tensor] if data is None else data
        return _compare(tensor, 0, shown, summarize, message, None, word, sign, op, holds)


def assert_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x > 0 for all elements; see `assert_equal`."""
    return _against_zero(x, data, summarize, message, name, "assert_positive", ">", elementwise.greater, np.greater)


def assert_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x < 0 for all elements; see `assert_equal`."""
    return _against_zero(x, data, summarize, message, name, "assert_negative", "<", elementwise.less, np.less)


def assert_non_negative(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x >= 0 for all elements; see `assert_equal`."""
    return _against_zero(x, data, summarize, message, name, "assert_non_negative", ">=", elementwise.greater_equal, np.greater_equal)


def assert_non_positive(
    x: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless x <= 0 for all elements; see `assert_equal`."""
    return _against_zero(x, data, summarize, message, name, "assert_non_positive", "<=", elementwise.less_equal, np.less_equal)


def _nothing_to_check() -> Operation:
    operation: Operation = control.no_op(name="static_checks_determined_all_ok")
    return operation


def assert_rank(
    x: Any, rank: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless `x` has that many dimensions.

    Args:
      x: a tensor. rank: an int. data, summarize, message, name: as in `assert_equal`.

    Raises:
      ValueError: at once, when the rank of x is known. tf.errors.InvalidArgumentError: at run time.
    """
    return _check_rank(
        x, int(rank), data, summarize, message, name, "assert_rank", "have rank", elementwise.equal, lambda own, wanted: own == wanted
    )


def assert_rank_at_least(
    x: Any, rank: Any, data: Any = None, summarize: int | None = None, message: str | None = None, name: str | None = None
) -> Operation:
    """Return an operation that raises unless `x` has that many dimensions or more; see `assert_rank`."""
    return _check_rank(
        x,
        int(rank),
        data,
        summarize,
        message,
        name,
        "assert_rank_at_least",
        "have rank at least",
        elementwise.greater_equal,
        lambda own, wanted: own >= wanted,
    )


def _check_rank(
    x: Any,
    rank: int,
    data: Any,
    summarize: int | None,
    message: str | None,
    name: str | None,
    word: str,
    must: str,
    op: Any,
    holds: Callable[[int, int], bool],
) -> Operation:
    with name_scope(name, word):
        tensor = convert_to_tensor(x)
        own = tensor.tensor_type.rank
        if own is None:
            shown = [f"Tensor {tensor.name} must {must}", rank, "Received shape: ", array.shape_op(tensor)] if data is None else list(data)
            return Assert(op(array.rank(tensor), rank), [*([message] if message else []), *shown], summarize)
        if not holds(own, rank):
            head = f"{message}  " if message else ""
            raise ShapeError(f"{head}Tensor {tensor.name} must {must} {rank}.  Received rank {own}, shape {tensor.shape}")
        return _nothing_to_check()


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """Return a tensor that must be a scalar.

    Raises:
      ValueError: when its shape is another, or unknown.
    """
    with name_scope(name, "assert_scalar"):
        value = convert_to_tensor(tensor)
        if value.tensor_type.rank != 0:
            raise ShapeError(f"{message or ''}Expected scalar shape for {value.name}, saw shape: {value.shape}.")
        return value


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Return an operation that does nothing; raise unless the tensor has that element type.

    Raises:
      TypeError: at once.
    """
    with name_scope(name, "assert_type"):
        value, wanted = convert_to_tensor(tensor), dtypes.as_dtype(tf_type)
        if value.dtype is not wanted:
            raise ArgumentTypeError(f"{f'{message}  ' if message else ''}{value.name} must be of type {wanted!r}; got {value.dtype!r}")
        operation: Operation = control.no_op(name="statically_determined_correct_type")
        return operation


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Return an operation that does nothing; raise unless the tensor has an integer type.

    Raises:
      TypeError: at once.
    """
    with name_scope(name, "assert_integer"):
        value = convert_to_tensor(x)
        if not value.dtype.is_integer:
            raise ArgumentTypeError(f'{f"{message}  " if message else ""}Expected "x" to be integer type.  Found: {value.dtype}')
        operation: Operation = control.no_op(name="statically_determined_was_integer")
        return operation


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """Return a float tensor; a run that needs it raises when it has a NaN or an infinite element.

    Args:
      tensor: a float tensor. message: what the error begins with. name: name of the operation.

    Raises:
      tf.errors.InvalidArgumentError: at run time.
    """
    value: Tensor = control.check_numerics(tensor, message=message, name=name)
    return value


def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None, message: str | None = None
) -> Tensor:
    """Return a float tensor after a check that it has neither NaN nor infinite elements.

    Args:
      t, msg: former names of `x` and `message`. name: name of the scope. x: a float tensor. message: what the error begins with.

    Raises:
      tf.errors.InvalidArgumentError: at run time. ValueError: when an argument is given under both names.
    """
    value, text = renamed("x", x, "t", t), renamed("message", message, "msg", msg)
    with name_scope(name, "VerifyFinite"):
        tensor = convert_to_tensor(value)
        return with_dependencies([check_numerics(tensor, text or "")], tensor)


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return a tensor that has (at run time: must have) a shape.

    Args:
      x: a tensor. shape: a shape, with None for any size. name: name of the operation.

    Raises:
      ValueError: at once, when the shapes can't match. tf.errors.InvalidArgumentError: at run time.

    Example:
      >>> x = tf.placeholder(tf.float32)
      >>> tf.ensure_shape(x, [None, 3]).shape
      TensorShape([Dimension(None), Dimension(3)])
    """
    wanted = shapes.to_shape(shape)
    told = f"Shape of tensor {convert_to_tensor(x).op.name} {{shape}} is not compatible with expected shape {shapes.format_shape(wanted)}."
    tensor: Tensor = control.ensure_shape(x, shape=wanted, message=told, name=name)
    return tensor


def assert_proper_iterable(values: Any) -> None:
    """Raise unless `values` is an iterable other than a tensor, array or text.

    Raises:
      TypeError: for those and for what is no iterable.
    """
    if isinstance(values, (Tensor, np.ndarray, bytes, str)) or not hasattr(values, "__iter__"):
        raise ArgumentTypeError(f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}')


def is_numeric_tensor(tensor: Any) -> bool:
    """Return True for a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype in (*dtypes.FLOATS, *dtypes.INTEGERS)


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Return a bool tensor: whether the elements, taken in order, never fall."""
    return _ordered(x, name, "is_non_decreasing", elementwise.less_equal)


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Return a bool tensor: whether the elements, taken in order, always rise."""
    return _ordered(x, name, "is_strictly_increasing", elementwise.less)


def _ordered(x: Any, name: str | None, word: str, op: Any) -> Tensor:
    with name_scope(name, word):
        flat = array.reshape(convert_to_tensor(x), [-1])
        result: Tensor = reduce.reduce_all(op(flat[:-1], flat[1:]))
        return result
