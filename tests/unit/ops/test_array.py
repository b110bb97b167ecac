"""Layout, picking, sequences, partitions and segments against numpy; what is refused, by its text."""
# Long because: one family after the other, a few lines each.

from typing import Any

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.autodiff.gradients import gradients
from graphopt.errors import InvalidArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.variables import Variable, global_variables_initializer
from graphopt.ops.composing import shape_operand
from graphopt.ops.sequence import range_size
from graphopt.runtime.session import Session
from graphopt.shapes import TensorShape
from graphopt.tf1 import array, math

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32)


def shape_of(tensor: Any) -> Any:
    return tensor.tensor_type.shape


# --- layout ---------------------------------------------------------------------------------------------------------------


def test_tile(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.tile(ROWS, [2, 3])), np.tile(ROWS, [2, 3]))
    x, times = feed(ROWS), feed(np.array([2, 1], np.int32))
    np.testing.assert_array_equal(run(array.tile(x, times), {x: ROWS, times: [2, 1]}), np.tile(ROWS, [2, 1]))
    assert shape_of(array.tile(x, [2, 3])) == (None, None)
    assert run(array.tile(np.float32(3), [])) == 3
    with pytest.raises(ValueError, match="Shape must be rank 1 but is rank 2"):
        array.tile(ROWS, [2])
    with pytest.raises(ValueError, match="Expected multiples >= 0"):
        array.tile(ROWS, [2, -1])


def test_pad(run: Any) -> None:
    widths = [[1, 0], [2, 1]]
    np.testing.assert_array_equal(run(array.pad(ROWS, widths)), np.pad(ROWS, widths))
    np.testing.assert_array_equal(run(array.pad(ROWS, widths, constant_values=7.0)), np.pad(ROWS, widths, constant_values=7))
    np.testing.assert_array_equal(run(array.pad(ROWS, [[1, 1], [2, 2]], "reflect")), np.pad(ROWS, [[1, 1], [2, 2]], "reflect"))
    np.testing.assert_array_equal(run(array.pad(ROWS, [[2, 2], [3, 0]], "SYMMETRIC")), np.pad(ROWS, [[2, 2], [3, 0]], "symmetric"))
    assert run(array.pad(["a"], [[1, 0]])).tolist() == [b"", b"a"]


def test_pad_to_a_length_that_only_the_run_knows(run: Any, feed: Any) -> None:
    x = feed(ROWS)
    padded = array.pad(x, [[0, 0], [0, 5 - array.shape(x)[1]]])
    assert shape_of(padded) == (None, None)
    assert run(padded, {x: ROWS}).shape == (2, 5)
    constant = array.pad(convert_to_tensor(ROWS), convert_to_tensor([[1, 1], [0, 0]]))
    assert shape_of(constant) == (4, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (([[1, 1]],), "Shape must be rank 1 but is rank 2"),
        (([[1, 1, 1]] * 2,), "Dimension must be 2 but is 3"),
        (([1, 1],), "Shape must be rank 2 but is rank 1"),
        (([[-1, 1], [0, 0]],), "Paddings must be non-negative: -1, 1"),
        (([[1, 1], [0, 0]], "WRAP"), "Unknown padding mode: WRAP"),
    ],
)
def test_pad_refuses(arguments: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        array.pad(ROWS, *arguments)


def test_a_mirror_is_no_larger_than_the_tensor(run: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="paddings must be less than the dimension size: 2, 0"):
        run(array.pad(ROWS, [[2, 0], [0, 0]], "REFLECT"))
    with pytest.raises(InvalidArgumentError, match="paddings must be no greater than the dimension size: 3, 0"):
        run(array.pad(ROWS, [[3, 0], [0, 0]], "SYMMETRIC"))


def test_reverse_and_roll(run: Any) -> None:
    np.testing.assert_array_equal(run(array.reverse(X, [0, -1])), X[::-1, :, ::-1])
    np.testing.assert_array_equal(run(array.roll(X, [1, -2], [0, 2])), np.roll(X, [1, -2], [0, 2]))
    np.testing.assert_array_equal(run(array.roll(X, 1, 1)), np.roll(X, 1, 1))
    with pytest.raises(ValueError, match="names an axis more than once"):
        array.reverse(X, [0, -3])


def test_reverse_sequence(run: Any) -> None:
    expected = X.copy()
    expected[0, :2], expected[1, :3] = X[0, 1::-1], X[1, ::-1]
    np.testing.assert_array_equal(run(array.reverse_sequence(X, [2, 3], seq_axis=1)), expected)
    np.testing.assert_array_equal(run(array.reverse_sequence(X, [2, 3], seq_dim=1, batch_dim=0)), expected)
    with pytest.raises(ValueError, match="Cannot specify both 'seq_dim' and 'seq_axis'"):
        array.reverse_sequence(X, [2, 3], seq_axis=1, seq_dim=1)
    with pytest.raises(ValueError, match="needs a seq_axis"):
        array.reverse_sequence(X, [2, 3])
    with pytest.raises(ValueError, match="batch_dim == seq_dim == 0"):
        array.reverse_sequence(X, [2, 3], seq_axis=0)
    with pytest.raises(InvalidArgumentError, match="seq_lens out of range"):
        run(array.reverse_sequence(X, [2, 4], seq_axis=1))


def test_space_and_depth_undo_each_other(run: Any) -> None:
    x = np.arange(64, dtype=np.float32).reshape(1, 4, 4, 4)
    deep = array.space_to_depth(x, 2)
    assert shape_of(deep) == (1, 2, 2, 16)
    np.testing.assert_array_equal(run(deep)[0, 0, 0], x[0, :2, :2].reshape(-1))
    np.testing.assert_array_equal(run(array.depth_to_space(deep, 2)), x)
    first = array.space_to_depth(x.transpose(0, 3, 1, 2), 2, data_format="NCHW")
    np.testing.assert_array_equal(run(first), run(deep).transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match="evenly divisible by 3 but is 4"):
        array.space_to_depth(x, 3)
    with pytest.raises(ValueError, match="data_format must be NHWC or NCHW, got 'NHCW'"):
        array.space_to_depth(x, 2, data_format="NHCW")


def test_bitcast(run: Any) -> None:
    np.testing.assert_array_equal(run(array.bitcast(ROWS, dtypes.int32)), ROWS.view(np.int32))
    np.testing.assert_array_equal(run(array.bitcast(ROWS, dtypes.uint8)), ROWS.view(np.uint8).reshape(2, 3, 4))
    np.testing.assert_array_equal(run(array.bitcast(ROWS.view(np.uint8).reshape(2, 3, 4), dtypes.float32)), ROWS)
    with pytest.raises(ValueError, match="Cannot bitcast due to shape: the last dimension must be 2"):
        array.bitcast(ROWS, dtypes.float64)


def test_split(run: Any, feed: Any) -> None:
    parts = array.split(ROWS, 3, axis=1)
    assert [p.name for p in parts] == ["split:0", "split:1", "split:2"]
    for part, expected in zip(run(parts), np.split(ROWS, 3, 1), strict=True):
        np.testing.assert_array_equal(part, expected)
    assert [shape_of(p) for p in array.split(feed(ROWS), 2)] == [(None, None)] * 2
    assert [shape_of(p) for p in array.split(X, [1, -1, 1], 2)] == [(2, 3, 1), (2, 3, 2), (2, 3, 1)]
    assert len(array.split(ROWS, 1)) == 1
    with pytest.raises(ValueError, match="Dimension size must be evenly divisible by 2 but is 3"):
        array.split(ROWS, 2, 1)
    with pytest.raises(ValueError, match="Number of ways to split should be > 0"):
        array.split(ROWS, 0)
    with pytest.raises(ValueError, match="only be one -1"):
        array.split(ROWS, [-1, -1])
    x = feed(ROWS)
    with pytest.raises(InvalidArgumentError, match=r"must be evenly divisible|should evenly divide the split dimension"):
        run(array.split(x, 2, 1), {x: ROWS})


def test_stack_and_unstack(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.stack([ROWS, ROWS + 1], 1)), np.stack([ROWS, ROWS + 1], 1))
    assert array.stack([1, 2, 3]).op.type == "Const"
    assert [t.tolist() for t in run(array.unstack(ROWS))] == ROWS.tolist()
    with pytest.raises(ValueError, match="Cannot infer num from shape"):
        array.unstack(feed(ROWS))
    with pytest.raises(ValueError, match=r"axis = 2 not in \[-2, 2\)"):
        array.unstack(ROWS, axis=2)


def test_constants(run: Any, feed: Any) -> None:
    assert run(array.zeros([2], dtypes.int32)).tolist() == [0, 0]
    assert run(array.zeros([1], dtypes.string)).tolist() == [b""]
    assert run(array.ones(TensorShape([1, 2]))).tolist() == [[1.0, 1.0]]
    assert run(array.fill([2], True)).tolist() == [True, True]
    x = feed(ROWS)
    assert shape_of(array.zeros([array.shape(x)[0], 3])) == (None, 3)
    assert run(array.ones_like(x, dtype=dtypes.bool_), {x: ROWS}).tolist() == [[True] * 3] * 2
    assert run(array.zeros_like(["a"])).tolist() == [b""]
    with pytest.raises(TypeError, match="has no strings"):
        array.ones([1], dtypes.string)
    with pytest.raises(ValueError, match="Cannot convert a partially known shape"):
        array.zeros([None, 2])


@pytest.mark.parametrize(("shape", "expected"), [([], []), (3, [3]), ((2, 3), [2, 3]), (TensorShape([4]), [4]), (np.array([5, 6]), [5, 6])])
def test_shape_operand(shape: Any, expected: list[int]) -> None:
    operand = shape_operand(shape)
    assert operand.tolist() == expected
    assert operand.dtype.kind == "i"


def test_one_hot_types() -> None:
    assert array.one_hot([1], 2, on_value=1, off_value=0, dtype=dtypes.float64).dtype is dtypes.float64
    assert array.one_hot([1], 2, on_value=True, off_value=False).dtype is dtypes.bool_
    with pytest.raises(TypeError, match="dtype <dtype: 'float32'> of on_value does not match dtype <dtype: 'int32'> of off_value"):
        array.one_hot([1], 2, on_value=1.0, off_value=0)
    with pytest.raises(TypeError, match="of off_value does not match dtype parameter"):
        array.one_hot([1], 2, off_value=0.5, dtype=dtypes.int32)


# --- picking --------------------------------------------------------------------------------------------------------------------


def test_slice(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.slice(X, [1, 0, 2], [1, -1, 2])), X[1:, :, 2:4])
    x, n = feed(X, shape=(None, 3, 4)), feed(np.int32(1))
    part = array.slice(x, [0, 0, 0], [n, 2, -1])
    assert shape_of(part) == (None, 2, 4)
    np.testing.assert_array_equal(run(part, {x: X, n: 1}), X[:1, :2])
    with pytest.raises(ValueError, match=r"Expected begin\[0\] in \[0, 2\], but got 3"):
        array.slice(X, [3, 0, 0], [0, 0, 0])
    with pytest.raises(ValueError, match=r"Expected size\[1\] in \[0, 2\], but got 3"):
        array.slice(X, [0, 1, 0], [1, 3, 1])
    with pytest.raises(InvalidArgumentError, match=r"Expected size\[0\] in \[0, 2\], but got 5"):
        run(part, {x: X, n: 5})


def test_strided_slice(run: Any) -> None:
    np.testing.assert_array_equal(run(array.strided_slice(X, [0, 1], [2, 3])), X[0:2, 1:3])
    np.testing.assert_array_equal(run(array.strided_slice(X, [0, 2], [2, 0], [1, -1], shrink_axis_mask=1)), X[0, 2:0:-1])


def test_gather_with_batches(run: Any) -> None:
    ids = np.array([[0, 2], [1, 1]], np.int32)
    expected = np.stack([X[i][ids[i]] for i in range(2)])
    np.testing.assert_array_equal(run(array.gather(X, ids, batch_dims=1)), expected)
    np.testing.assert_array_equal(run(array.gather(X, ids, axis=2, batch_dims=1)), np.stack([X[i][:, ids[i]] for i in range(2)]))
    np.testing.assert_array_equal(run(array.gather(X, ids, axis=-1, batch_dims=-1)), np.stack([X[i][:, ids[i]] for i in range(2)]))
    with pytest.raises(ValueError, match="less than or equal to axis"):
        array.gather(X, ids, axis=0, batch_dims=1)
    with pytest.raises(InvalidArgumentError, match=r"indices\[0,1\] = 3 is not in \[0, 3\)"):
        run(array.gather(X, [[0, 3], [0, 0]], batch_dims=1))


def test_gather_nd(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.gather_nd(X, [[0, 1], [1, 2]])), X[[0, 1], [1, 2]])
    np.testing.assert_array_equal(run(array.gather_nd(X, np.zeros((2, 0), np.int32))), np.stack([X, X]))
    ids = np.array([[[0], [2]], [[1], [1]]])
    np.testing.assert_array_equal(run(array.gather_nd(X, ids, batch_dims=1)), np.stack([X[i][ids[i, :, 0]] for i in range(2)]))
    with pytest.raises(ValueError, match=r"indices.shape\[-1\] must be <= params.rank"):
        array.gather_nd(ROWS, [[0, 0, 0]])
    with pytest.raises(ValueError, match=r"batch_dims = 2 must be less than rank\(indices\) = 2"):
        array.gather_nd(X, [[0], [1]], batch_dims=2)
    with pytest.raises(InvalidArgumentError, match=r"indices\[1\] = \[0, 3\] does not index into param shape \[2, 3\]"):
        run(array.gather_nd(ROWS, [[0, 0], [0, 3]]))


def test_scatter_nd(run: Any) -> None:
    np.testing.assert_array_equal(run(array.scatter_nd([[1], [0], [1]], [1.0, 2.0, 3.0], [3])), [2, 4, 0])
    np.testing.assert_array_equal(run(array.scatter_nd(np.zeros((2, 0), np.int32), ROWS, [3])), ROWS.sum(0))
    with pytest.raises(ValueError, match=r"The shape of updates must be \[2\], but is \[3\]"):
        array.scatter_nd([[1], [0]], [1.0, 2.0, 3.0], [3])
    with pytest.raises(InvalidArgumentError, match=r"indices\[0\] = \[3\] does not index into shape \[3\]"):
        run(array.scatter_nd([[3]], [1.0], [3]))


def test_scatter_nd_on_variables() -> None:
    v = Variable(np.zeros((3, 2), np.float32))
    steps = [
        (array.scatter_nd_update, [[0], [2]], ROWS[:, :2], [[1, 2], [0, 0], [4, 5]]),
        (array.scatter_nd_add, [[0, 1], [0, 1]], [1.0, 1.0], [[1, 4], [0, 0], [4, 5]]),
        (array.scatter_nd_sub, [[2]], [[4.0, 5.0]], [[1, 4], [0, 0], [0, 0]]),
    ]
    operations = [function(v, indices, updates) for function, indices, updates, _ in steps]
    bad = array.scatter_nd_add(v, [[3]], [[1.0, 1.0]])
    with Session() as session:
        session.run(global_variables_initializer())
        for operation, (_, _, _, expected) in zip(operations, steps, strict=True):
            np.testing.assert_array_equal(session.run(operation), expected)
            np.testing.assert_array_equal(session.run(v), expected)
        with pytest.raises(InvalidArgumentError, match=r"indices\[0\] = \[3\] does not index into shape \[3, 2\]"):
            session.run(bad)
        np.testing.assert_array_equal(session.run(v), [[1, 4], [0, 0], [0, 0]])


def test_boolean_mask(run: Any, feed: Any) -> None:
    mask = np.array([[True, False, True], [False, False, True]])
    np.testing.assert_array_equal(run(array.boolean_mask(X, mask)), X[mask])
    np.testing.assert_array_equal(run(array.boolean_mask(X, [True, False, True, True], axis=2)), X[..., [0, 2, 3]])
    x, m = feed(X), feed(mask)
    np.testing.assert_array_equal(run(array.boolean_mask(x, m), {x: X, m: mask}), X[mask])
    with pytest.raises(ValueError, match=r"mask cannot be scalar."):
        array.boolean_mask(X, True)
    with pytest.raises(ValueError, match=r"Shapes \(2,\) and \(3,\) are incompatible"):
        array.boolean_mask(X, [True, False, True])
    with pytest.raises(ValueError, match="Number of mask dimensions must be specified"):
        array.boolean_mask(X, feed(mask, shape=None))


def test_where(run: Any) -> None:
    c = np.array([[True, False, True], [False, True, False]])
    np.testing.assert_array_equal(run(math.where(c)), np.argwhere(c))
    assert shape_of(math.where(c)) == (None, 2)
    np.testing.assert_array_equal(run(math.where(c, ROWS, -ROWS)), np.where(c, ROWS, -ROWS))
    np.testing.assert_array_equal(run(math.where([True, False], ROWS, -ROWS)), [ROWS[0], -ROWS[1]])
    assert run(math.where(True, 1, 2)) == 1
    with pytest.raises(ValueError, match=r"x and y must both be non-None or both be None."):
        math.where(c, ROWS)
    with pytest.raises(ValueError, match="are not compatible"):
        math.where(c, ROWS, ROWS[0])
    with pytest.raises(ValueError, match="are not compatible"):
        math.where([True, False, True], ROWS, ROWS)


def test_the_branch_that_is_not_taken_has_no_gradient(run: Any) -> None:
    x = convert_to_tensor([0.0, 4.0])
    (slope,) = gradients(math.where(math.greater(x, 0.0), math.log(x), array.zeros_like(x)), x)
    assert run(slope)[1] == 0.25


# --- sequences ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bounds", [(5,), (2, 8, 3), (5, 0, -2), (3, 3), (0, -3, -1)])
def test_range(bounds: tuple[int, ...], run: Any) -> None:
    expected = np.arange(*bounds)
    found = array.range(*bounds)
    assert found.dtype is dtypes.int32
    assert shape_of(found) == expected.shape
    np.testing.assert_array_equal(run(found), expected)


def test_range_of_other_types(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.range(0.0, 1.0, 0.25)), [0, 0.25, 0.5, 0.75])
    assert array.range(3, dtype=dtypes.float64).dtype is dtypes.float64
    n = feed(np.int64(3))
    found = array.range(n)
    assert (found.dtype, shape_of(found)) == (dtypes.int64, (None,))
    np.testing.assert_array_equal(run(found, {n: 3}), [0, 1, 2])
    with pytest.raises(InvalidArgumentError, match="Requires start <= limit when delta > 0: 0/-1"):
        run(found, {n: -1})


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((0, 3, 0), "Requires delta != 0: 0"),
        ((5, 3), "Requires start <= limit when delta > 0: 5/3"),
        ((3, 5, -1), "Requires start >= limit when delta < 0: 3/5"),
    ],
)
def test_range_refuses(bounds: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        array.range(*bounds)
    with pytest.raises(ValueError, match=text):
        range_size(*bounds, *([1] if len(bounds) == 2 else []))


def test_linspace(run: Any) -> None:
    np.testing.assert_allclose(run(array.linspace(0.0, 1.0, 5)), np.linspace(0, 1, 5), rtol=1e-6)
    with pytest.raises(ValueError, match="Requires num > 0: 0"):
        array.linspace(0.0, 1.0, 0)


def test_meshgrid(run: Any) -> None:
    for indexing in ("xy", "ij"):
        for found, expected in zip(
            run(array.meshgrid([1, 2], [3, 4, 5], [6], indexing=indexing)),
            np.meshgrid([1, 2], [3, 4, 5], [6], indexing=indexing),
            strict=True,
        ):
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="indexing parameter must be either 'xy' or 'ij'"):
        array.meshgrid([1], indexing="yx")
    with pytest.raises(TypeError, match="'sparse' is an invalid keyword argument"):
        array.meshgrid([1], sparse=True)


def test_sequence_mask(run: Any, feed: Any) -> None:
    np.testing.assert_array_equal(run(array.sequence_mask([1, 3, 0], 4)), np.arange(4) < np.array([[1], [3], [0]]))
    assert run(array.sequence_mask([[1], [2]], dtype=dtypes.float32)).tolist() == [[[1, 0]], [[1, 1]]]
    n = feed(np.array([1, 2], np.int64))
    assert run(array.sequence_mask(n), {n: [1, 2]}).tolist() == [[True, False], [True, True]]
    with pytest.raises(ValueError, match="maxlen must be scalar for sequence_mask"):
        array.sequence_mask([1], [2])


def test_running_sums_and_products(run: Any) -> None:
    for axis in (0, -1):
        np.testing.assert_array_equal(run(math.cumsum(X, axis)), np.cumsum(X, axis))
        np.testing.assert_allclose(run(math.cumprod(ROWS, axis)), np.cumprod(ROWS, axis))
    assert run(math.cumsum([1, 2, 3], exclusive=True)).tolist() == [0, 1, 3]
    assert run(math.cumsum([1, 2, 3], reverse=True)).tolist() == [6, 5, 3]
    assert run(math.cumprod([2, 3, 4], exclusive=True, reverse=True)).tolist() == [12, 4, 1]
    with pytest.raises(ValueError, match="Shape must be at least rank 1 but is rank 0"):
        math.cumsum(3)


@pytest.mark.parametrize("options", [{}, {"exclusive": True}, {"reverse": True}, {"exclusive": True, "reverse": True}])
@pytest.mark.parametrize("values", [[2.0, 0.0, 3.0, 5.0], [2.0, 0.0, 3.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
def test_gradient_of_a_product_with_zeros(options: dict[str, bool], values: list[float], run: Any) -> None:
    x = np.array(values)
    weights = np.array([1.0, -2.0, 0.5, 3.0])
    tensor = convert_to_tensor(x)
    (slope,) = gradients(math.multiply(math.cumprod(tensor, **options), weights), tensor)
    expected = np.zeros(4)
    for i in range(4):
        step = np.zeros(4)
        step[i] = 1e-6
        up, down = [float(np.sum(run(math.cumprod(x + s * step, **options)) * weights)) for s in (1, -1)]
        expected[i] = (up - down) / 2e-6
    np.testing.assert_allclose(run(slope), expected, atol=1e-6)


# --- sorting, dividing, counting -------------------------------------------------------------------------------------------------


def test_sort(run: Any) -> None:
    x = np.array([[3.0, 1.0, 2.0], [2.0, 2.0, 0.0]], np.float32)
    np.testing.assert_array_equal(run(array.sort(x)), np.sort(x))
    np.testing.assert_array_equal(run(array.sort(x, 0, "DESCENDING")), -np.sort(-x, 0))
    np.testing.assert_array_equal(run(array.argsort([1, 3, 3, 2], direction="DESCENDING")), [1, 2, 3, 0])
    np.testing.assert_array_equal(run(array.argsort(np.array([0, 255, 3], np.uint8))), [0, 2, 1])
    with pytest.raises(ValueError, match="Direction should be one of ASCENDING or DESCENDING"):
        array.sort(x, direction="UP")


def test_the_gradient_of_a_sort_follows_the_elements(run: Any) -> None:
    x = convert_to_tensor([3.0, 1.0, 2.0])
    (slope,) = gradients(math.multiply(array.sort(x), [10.0, 20.0, 30.0]), x)
    assert run(slope).tolist() == [30, 10, 20]


def test_searchsorted(run: Any) -> None:
    rows, wanted = np.array([[1, 3, 3, 5], [0, 2, 4, 6]]), np.array([[3, 0], [7, 2]])
    for side in ("left", "right"):
        expected = [np.searchsorted(r, w, side) for r, w in zip(rows, wanted, strict=True)]
        np.testing.assert_array_equal(run(array.searchsorted(rows, wanted, side=side)), expected)
    with pytest.raises(ValueError, match=r"side must be either 'right' or 'left'.  Saw: middle."):
        array.searchsorted(rows, wanted, side="middle")


def test_unique(run: Any) -> None:
    y, idx, count = run(list(array.unique_with_counts([4, 1, 4, 2, 1])))
    assert (y.tolist(), idx.tolist(), count.tolist()) == ([4, 1, 2], [0, 1, 0, 2, 1], [2, 2, 1])
    assert run(array.unique(["b", "a", "b"]).y).tolist() == [b"b", b"a"]
    with pytest.raises(ValueError, match="Shape must be rank 1 but is rank 2"):
        array.unique(ROWS)
    with pytest.raises(LookupError, match="No gradient defined for operation 'Unique"):
        x = convert_to_tensor([1.0, 2.0])
        gradients(array.unique(x).y, x)


def test_partition_and_stitch(run: Any) -> None:
    parts = np.array([1, 0, 1, 0, 0], np.int32)
    x = convert_to_tensor(np.arange(10.0).reshape(5, 2))
    divided = array.dynamic_partition(x, parts, 2)
    for value, i in zip(run(divided), range(2), strict=True):
        np.testing.assert_array_equal(value, np.arange(10.0).reshape(5, 2)[parts == i])
    whole = array.dynamic_stitch(array.dynamic_partition(array.range(5), parts, 2), divided)
    np.testing.assert_array_equal(run(whole), np.arange(10.0).reshape(5, 2))
    (slope,) = gradients(math.square(divided[1]), x)
    np.testing.assert_array_equal(run(slope), np.where(parts[:, None] == 1, 2 * np.arange(10.0).reshape(5, 2), 0))
    with pytest.raises(ValueError, match="num_partitions must be at least 1"):
        array.dynamic_partition(x, parts, 0)
    with pytest.raises(ValueError, match=r"data.shape must start with partitions.shape"):
        array.dynamic_partition(x, [0, 1], 2)
    with pytest.raises(ValueError, match="needs as many indices as data, got 2 and 1"):
        array.dynamic_stitch([0, 1], [1.0])
    with pytest.raises(ValueError, match="must start with indices shape"):
        array.dynamic_stitch([[0, 1]], [[1.0, 2.0, 3.0]])


def test_bincount(run: Any) -> None:
    assert run(math.bincount([1, 3, 3])).tolist() == [0, 1, 0, 2]
    assert run(math.bincount([1, 3], minlength=6)).tolist() == [0, 1, 0, 1, 0, 0]
    assert run(math.bincount([1, 3], maxlength=2)).tolist() == [0, 1]
    assert run(math.bincount([1, 1], weights=[0.5, 0.25])).tolist() == [0, 0.75]
    assert run(math.bincount(np.zeros(0, np.int32))).tolist() == []


def test_count_nonzero(run: Any) -> None:
    x = [[0, 1, 2], [0, 0, 3]]
    assert run(math.count_nonzero(x)) == 3
    assert run(math.count_nonzero(x, axis=1, keepdims=True, dtype=dtypes.int32)).tolist() == [[2], [1]]
    assert run(math.count_nonzero(["", "a"])) == 1
    assert run(math.count_nonzero(input=[True, False])) == 1
    with pytest.raises(ValueError, match="Cannot specify both 'input_tensor' and 'input'"):
        math.count_nonzero(x, input=x)


def test_invert_permutation(run: Any) -> None:
    assert run(math.invert_permutation([2, 0, 1])).tolist() == [1, 2, 0]
    with pytest.raises(InvalidArgumentError, match="0 is duplicated in the input"):
        run(math.invert_permutation([0, 0]))


# --- segments ----------------------------------------------------------------------------------------------------------------------

DATA = np.array([[1.0, 5.0], [3.0, -2.0], [4.0, 4.0]], np.float32)


def test_sorted_segments(run: Any) -> None:
    ids = [0, 0, 2]
    assert run(math.segment_sum(DATA, ids)).tolist() == [[4, 3], [0, 0], [4, 4]]
    assert run(math.segment_mean(DATA, ids)).tolist() == [[2, 1.5], [0, 0], [4, 4]]
    assert run(math.segment_max(DATA, ids)).tolist() == [[3, 5], [0, 0], [4, 4]]
    assert run(math.segment_min(DATA, ids)).tolist() == [[1, -2], [0, 0], [4, 4]]
    assert run(math.segment_prod(DATA, ids)).tolist() == [[3, -10], [1, 1], [4, 4]]
    with pytest.raises(InvalidArgumentError, match="segment ids are not increasing"):
        run(math.segment_sum(DATA, [1, 0, 2]))
    with pytest.raises(InvalidArgumentError, match="segment ids must be >= 0"):
        run(math.segment_sum(DATA, [-1, 0, 2]))
    with pytest.raises(ValueError, match=r"Shape must be rank 1 but is rank 2"):
        math.segment_sum(DATA, [[0, 0, 2]])
    with pytest.raises(ValueError, match=r"Shapes .* are not compatible"):
        math.segment_sum(DATA, [0, 0])


def test_unsorted_segments(run: Any) -> None:
    ids, lowest = [1, -1, 1], float(np.finfo(np.float32).min)
    assert run(math.unsorted_segment_sum(DATA, ids, 2)).tolist() == [[0, 0], [5, 9]]
    assert run(math.unsorted_segment_max(DATA, ids, 2)).tolist() == [[lowest, lowest], [4, 5]]
    assert run(math.unsorted_segment_min(DATA, ids, 2)).tolist() == [[-lowest, -lowest], [1, 4]]
    assert run(math.unsorted_segment_prod(DATA, ids, 2)).tolist() == [[1, 1], [4, 20]]
    assert run(math.unsorted_segment_mean(DATA, ids, 2)).tolist() == [[0, 0], [2.5, 4.5]]
    np.testing.assert_allclose(run(math.unsorted_segment_sqrt_n(DATA, ids, 2)), [[0, 0], [5 / np.sqrt(2), 9 / np.sqrt(2)]], rtol=1e-6)
    with pytest.raises(InvalidArgumentError, match=r"segment_ids\[2\] = 2 is out of range \[0, 2\)"):
        run(math.unsorted_segment_sum(DATA, [0, 1, 2], 2))
    with pytest.raises(ValueError, match=r"does not start with segment_ids.shape"):
        math.unsorted_segment_sum(DATA, [0, 1], 2)
    with pytest.raises(ValueError, match="must be non-negative but is -1"):
        math.unsorted_segment_sum(DATA, ids, -1)


def test_wide_segments_add_up_like_a_loop(run: Any) -> None:
    generator = np.random.default_rng(0)
    data, ids = generator.standard_normal((500, 7)), generator.integers(0, 40, 500)
    expected = np.zeros((40, 7))
    np.add.at(expected, ids, data)
    np.testing.assert_allclose(run(math.unsorted_segment_sum(data, ids, 40)), expected, rtol=1e-12)


# --- lists of tensors, arguments under two names ------------------------------------------------------------------------------------


def test_add_n(run: Any) -> None:
    assert run(math.add_n([[1, 2], [3, 4], [5, 6]])).tolist() == [9, 12]
    x = convert_to_tensor([1.0])
    assert math.add_n([x]) is x
    assert math.accumulate_n([x, x], shape=[1], tensor_dtype=dtypes.float32).op.type == "AddN"
    with pytest.raises(ValueError, match="inputs must be a list of at least one Tensor"):
        math.add_n([])
    with pytest.raises(TypeError, match=r"tensor_dtype is tf.int32, but input is of type tf.float32"):
        math.accumulate_n([x], tensor_dtype=dtypes.int32)


def test_identity_n(run: Any) -> None:
    results = array.identity_n([convert_to_tensor([1.0]), convert_to_tensor(2)])
    assert [t.name for t in results] == ["IdentityN:0", "IdentityN:1"]
    x = convert_to_tensor([3.0])
    (slope,) = gradients(math.square(array.identity_n([x, x])[1]), x)
    assert run(slope).tolist() == [6]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: math.reduce_sum(ROWS, axis=0, reduction_indices=[0]), "Cannot specify both 'reduction_indices' and 'axis'"),
        (lambda: math.reduce_max(ROWS, keepdims=True, keep_dims=True), "Cannot specify both 'keep_dims' and 'keepdims'"),
        (lambda: math.argmax(ROWS, 0, dimension=0), "Cannot specify both 'dimension' and 'axis'"),
        (lambda: array.expand_dims(ROWS, 0, dim=0), "Cannot specify both 'dim' and 'axis'"),
        (lambda: array.expand_dims(ROWS), "Must specify an axis argument"),
        (lambda: array.squeeze(ROWS, 0, squeeze_dims=[0]), "Cannot specify both 'squeeze_dims' and 'axis'"),
        (lambda: math.scalar_mul([1.0], ROWS), "Only scalar multiply works"),
    ],
)
def test_arguments_that_do_not_go_together(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


def test_arguments_as_tensors(run: Any, feed: Any) -> None:
    axis = feed(np.int32(1))
    np.testing.assert_array_equal(run(math.reduce_sum(ROWS, axis), {axis: 1}), ROWS.sum(1))
    np.testing.assert_array_equal(run(math.reduce_mean(ROWS, axis, keepdims=True), {axis: -2}), ROWS.mean(0, keepdims=True))
    np.testing.assert_array_equal(run(math.reduce_max(ROWS, convert_to_tensor([1]))), ROWS.max(1))
    np.testing.assert_array_equal(run(array.transpose(X, convert_to_tensor([2, 0, 1]))), X.transpose(2, 0, 1))
    np.testing.assert_array_equal(run(array.concat([ROWS, ROWS], convert_to_tensor(1))), np.concatenate([ROWS, ROWS], 1))
    with pytest.raises(ValueError, match="'perm' must be known while the graph is recorded"):
        array.transpose(X, feed(np.array([0, 1, 2], np.int32)))
    with pytest.raises(InvalidArgumentError, match="Invalid reduction dimension"):
        run(math.reduce_sum(ROWS, axis), {axis: 2})
