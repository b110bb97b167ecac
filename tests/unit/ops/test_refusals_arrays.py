"""What the ops on arrays refuse: shapes that don't fit, while recording where they are known and while running where they aren't."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import InvalidArgumentError
from graphopt.ops import array as arrays
from graphopt.ops import state
from graphopt.ops.broadcast import broadcast_to, sum_like
from graphopt.ops.depthwise import depthwise_backprop_input
from graphopt.ops.layout import tile_op
from graphopt.ops.nn import in_top_k_op
from graphopt.ops.reduce import to_axes

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)
IMAGE = np.zeros((1, 3, 3, 2), np.float32)
WINDOW = {"strides": (1, 1), "padding": "SAME", "dilations": (1, 1), "data_format": "NHWC"}


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: tf.reshape(ROWS, 6), ValueError, "Shape must be rank 1 but is rank 0"),
        (lambda: tf.reshape(ROWS, [4]), ValueError, "Cannot reshape a tensor with 6 elements to shape [4] (4 elements)"),
        (
            lambda: tf.reshape(ROWS, [4, -1]),
            ValueError,
            "Dimension size must be evenly divisible by 4 but is 6: cannot reshape f32[2,3] to [4,-1]",
        ),
        (lambda: tf.transpose(ROWS, [0, 0]), ValueError, "Dimension must be 2 but is 2: [0, 0] is not a permutation of the axes"),
        (lambda: tf.squeeze(ROWS, [1]), ValueError, "Can not squeeze dim[1], expected a dimension of 1, got 3"),
        (lambda: arrays.stack([]), ValueError, "Must provide at least one tensor"),
        (lambda: arrays.concat([], 0), ValueError, "Must provide at least one tensor"),
        (lambda: arrays.stack([ROWS], axis=4), ValueError, "axis = 4 not in [-3, 3)"),
        (lambda: arrays.unstack_op(ROWS, num=5), ValueError, "Dimension must be 5 but is 2"),
        (lambda: tf.one_hot([0], 2, tf.constant(1), dtype=tf.float64), TypeError, " does not match dtype parameter <dtype: 'float64'>"),
        (lambda: arrays.concat([1.0, 2.0], 0), ValueError, "Can't concatenate scalars (use tf.stack instead)"),
        (
            lambda: tf.split(ROWS, [1, 1], 1),
            ValueError,
            "Determined shape must match: split sizes [1, 1] sum to 2, the dimension is 3",
        ),
        (lambda: broadcast_to(ROWS, [3]), ValueError, "Cannot broadcast f32[2,3] to [3]"),
        (lambda: sum_like(np.zeros(3), np.zeros(2)), ValueError, "Cannot sum elements of shape [3] to the shape [2]"),
        (lambda: tf.einsum("ijk->k", ROWS), ValueError, "Shape must be rank 3 but is rank 2: ijk->k"),
        (
            lambda: tf.nn.conv2d_backprop_input([1, 2], IMAGE[0, :, :, :, None], IMAGE, 1, "SAME"),
            ValueError,
            "must hold 4 values, but got (1, 2)",
        ),
        (lambda: tile_op(ROWS, [1, 1, 1]), ValueError, "Shape must be rank 3 but is rank 2"),
        (lambda: in_top_k_op(np.zeros(3, np.float32), [0], 1), ValueError, "Shape must be rank 2 but is rank 1"),
        (lambda: tf.pad(ROWS, [[[1, 1]]]), ValueError, "Shape must be rank 2 but is rank 3"),
        (lambda: tf.pad(ROWS, [[1, 1]]), ValueError, "Shape must be rank 1 but is rank 2"),
        (lambda: tf.slice(ROWS, [0], [1]), ValueError, "Shape must be rank 1 but is rank 2"),
        (lambda: tf.constant(ROWS)[0, 0, 0], ValueError, "Index out of range using input dim 2; input has only 2 dims"),
        (lambda: tf.constant(ROWS)[0, 7], ValueError, "slice index 7 of dimension 1 out of bounds"),
        (lambda: tf.constant(ROWS)[::0], ValueError, "strides[i] must be non-zero"),
        (lambda: tf.constant(ROWS)["a"], TypeError, "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar"),
        (lambda: tf.gather(1.0, 0), ValueError, "Shape must be at least rank 1 but is rank 0"),
        (lambda: to_axes([0.5]), TypeError, "axis must be an integer or a list of integers, got [0.5]"),
        (
            lambda: tf.assign(tf.Variable([1.0]), [1.0, 2.0]),
            ValueError,
            "Assign requires shapes of both tensors to match. lhs shape= [1] rhs shape= [2]",
        ),
        (lambda: depthwise_backprop_input([1, 2], IMAGE, IMAGE, **WINDOW), ValueError, "Sizes must hold 4 values, but got (1, 2)"),
        (
            lambda: state.scatter_add(ROWS, [0], ROWS[:1]),
            TypeError,
            "with type <class 'numpy.ndarray'> to Tensor: no Tensor conversion function registered.",
        ),
        (
            lambda: state.rows_add(ROWS, [0], [1.0]),
            ValueError,
            "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], got updates.shape [1], indices.shape [1]",
        ),
    ],
)
def test_refused_while_recording(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert text in str(caught.value)


def hidden(x: Any) -> Any:
    """Return a tensor whose shape nothing tells before the run."""
    return tf.placeholder_with_default(x, None)


WHILE_RUNNING: dict[str, tuple[Callable[..., Any], list[Any], str]] = {
    "stack": (
        lambda x, y: tf.stack([x, y]),
        [ROWS, ROWS[:1]],
        "Shapes of all inputs must match: values have shapes [[2, 3], [1, 3]]",
    ),
    "unstack": (lambda x: arrays.unstack_op(x, num=3), [ROWS], "Input shape axis 0 must equal 3, got shape [2, 3]"),
    "concat": (
        lambda x, y: tf.concat([x, y], 0),
        [ROWS, ROWS[:, :2]],
        "ConcatOp : Dimensions of inputs should match: shapes [[2, 3], [2, 2]]",
    ),
    "split": (lambda x: tf.split(x, [1, 1], 1), [ROWS], "Determined shape must match: split sizes [1, 1] do not sum to 3"),
    "even split": (
        lambda x: tf.split(x, 2, 1),
        [ROWS],
        "Number of ways to split should evenly divide the split dimension, but got split_dim 1 (size = 3) and num_split 2",
    ),
    "reshape": (
        lambda x, n: tf.reshape(x, n),
        [ROWS, np.array([4], np.int32)],
        "Input to reshape is a tensor with 6 values, but the requested shape has 4",
    ),
    "broadcast_to": (lambda x, n: broadcast_to(x, n), [ROWS, np.array([4, 3], np.int32)], "Incompatible shapes: [2, 3] vs. [4, 3]"),
    "sum_like": (sum_like, [ROWS, ROWS[:, :2]], "Cannot sum elements of shape [2, 3] to the shape [2, 2]"),
    "einsum": (lambda x, y: tf.einsum("ij,jk->ik", x, y), [ROWS, ROWS], " don't fit the equation ij,jk->ik: "),
    "matmul of a vector": (lambda x, y: tf.matmul(hidden(x), hidden(y)), [ROWS[0], ROWS.T], "Matrix expected: In[0]: [3], In[1]: [3,2]"),
    "add_n": (
        lambda x, y: tf.add_n([x, y]),
        [ROWS, ROWS[:1]],
        "Inputs to operation AddN must have the same size and shape.  Input 0: [2, 3] != input 1: [1, 3]",
    ),
    "pow": (tf.pow, [np.array([2]), np.array([-1])], "Integers to negative integer powers are not allowed"),
    "slice": (lambda x, n: x[n], [ROWS, np.int32(5)], "slice index out of bounds: index 5 is out of bounds"),
    "reverse_sequence": (
        lambda x, n: tf.reverse_sequence(x, n, seq_axis=1),
        [ROWS, np.array([1], np.int32)],
        "Length of seq_lengths != input.dims(0), (1 vs. 2)",
    ),
    "argmax": (lambda x: tf.argmax(x, 1), [ROWS[:, :0]], "Reduction axis 1 is empty in shape [2, 0]"),
    "range": (lambda n: tf.range(0, 5, n), [np.int32(0)], "Requires delta != 0"),
    "svd": (tf.svd, [np.full((2, 2), np.nan)], ". The input might not be valid."),
    "sigmoid cross-entropy": (
        lambda x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=y),
        [ROWS, ROWS[:1]],
        "logits and labels must have the same shape ((1, 3) vs (2, 3))",
    ),
}


@pytest.mark.parametrize("name", WHILE_RUNNING)
def test_refused_while_running(name: str, run: Any, feed: Any) -> None:
    function, given, text = WHILE_RUNNING[name]
    placeholders = [feed(value, shape=None if np.ndim(value) else ()) for value in given]
    with pytest.raises(InvalidArgumentError) as caught:
        run(function(*placeholders), dict(zip(placeholders, given, strict=True)))
    assert text in str(caught.value)
