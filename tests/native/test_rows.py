"""Rows at indices: natively as with NumPy, whatever the sizes and however the work is divided; nothing outside is touched."""

import numpy as np
import pytest
from running import Array, call_of, run_calls, run_kernel, run_natively, unaligned

from graphopt.backends.native import rows as rows
from graphopt.backends.native.host import this_host
from graphopt.backends.native.lowering import LOWERINGS, NotLowered
from graphopt.ops.gradient_rows import check_gradient_rows, spread_row_sums, take_rows
from graphopt.ops.indexing import gather_gradient, gather_op, one_hot_op
from graphopt.ops.nd import gather_nd_op, nd_add, nd_subtract, nd_update, scatter_nd_op
from graphopt.ops.picking import batch_gather_gradient, batch_gather_op
from graphopt.ops.segment import unsorted_segment_max, unsorted_segment_min, unsorted_segment_prod, unsorted_segment_sum
from graphopt.ops.softmax import sparse_softmax_cross_entropy_op
from graphopt.ops.state import (
    check_below,
    checked_rows,
    rows_add,
    rows_divide,
    rows_max,
    rows_min,
    rows_multiply,
    rows_subtract,
    rows_update,
)

WRITES = [rows_update, rows_add, rows_subtract, rows_multiply, rows_divide, rows_max, rows_min]
WIDTHS = [(), (1,), (3,), (16,), (33,), (2, 7)]


def _numbers(seed: int, *shape: int, dtype: str = "float32") -> Array:
    drawn = np.random.default_rng(seed).normal(size=shape) * 5
    return drawn.astype(dtype)


def _indices(seed: int, limit: int, *shape: int, dtype: str = "int32") -> Array:
    return np.random.default_rng(seed).integers(0, limit, shape).astype(dtype)


def _scalar(value: float, dtype: str = "int32") -> Array:
    return np.array(value, dtype)


def _check(op, arrays, **attributes) -> None:
    """Raise AssertionError unless each element's bits are NumPy's, for work in one part and in five."""
    expected = run_kernel(op, arrays, **attributes)
    for parts in (1, 5):
        found, status = run_natively(op, arrays, parts=parts, **attributes)
        assert status == 0
        for own, reference in zip(found, expected, strict=True):
            assert own.dtype == reference.dtype
            assert own.tobytes() == np.ascontiguousarray(reference).tobytes()


def _status(op, arrays, **attributes) -> int:
    return run_natively(op, arrays, **attributes)[1]


# --- taking ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [0, 1, 7, 1009])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_rows_are_taken(width, count: int, index: str) -> None:
    table, places = _numbers(0, 50, *width), _indices(1, 50, count, dtype=index)
    _check(gather_op, [table, places])
    _check(take_rows, [table, places])


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "bool", "int16", "uint64"])
def test_rows_of_every_element_type_are_taken(dtype: str) -> None:
    _check(gather_op, [_numbers(0, 20, 5).astype(dtype), _indices(1, 20, 3, 4)])


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_rows_are_taken_along_any_axis(axis: int) -> None:
    _check(gather_op, [_numbers(0, 5, 7, 9), _indices(1, 7, 4, 2)], axis=axis)


def test_each_batch_element_takes_its_own_rows() -> None:
    x = _numbers(0, 3, 2, 7, 5)
    _check(batch_gather_op, [x, _indices(1, 7, 3, 4)], axis=2, batch_dims=1)
    _check(batch_gather_op, [x, _indices(1, 7, 3, 2, 4, dtype="int64")], axis=2, batch_dims=2)
    _check(batch_gather_op, [x, _indices(1, 5, 3, 4)], axis=3, batch_dims=1)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_index_vectors_of_any_depth_take_rows(depth: int) -> None:
    x = _numbers(0, 3, 4, 5)
    vectors = np.stack([_indices(i, x.shape[i], 6, 2, dtype="int64") for i in range(depth)], axis=-1)
    _check(gather_nd_op, [x, vectors])


@pytest.mark.parametrize("wrong", [-1, 5, 2**31 - 1, -(2**31)])
def test_an_index_outside_is_noticed_and_not_read(wrong: int) -> None:
    table, places = _numbers(0, 5, 3), np.array([0, 4, wrong, 1], "int32")
    assert _status(gather_op, [table, places]) != 0
    assert _status(gather_op, [_numbers(0, 3, 5), places], axis=1) != 0
    assert _status(gather_nd_op, [table, places[:, None]]) != 0
    assert _status(gather_nd_op, [table, np.stack([places * 0, places], -1)]) != 0
    assert _status(batch_gather_op, [_numbers(0, 1, 5), places[None]], axis=1, batch_dims=1) != 0


def test_empty_index_vectors_stay_in_python() -> None:
    with pytest.raises(NotLowered):
        run_natively(gather_nd_op, [_numbers(0, 3), np.zeros((2, 0), "int32")])


# --- checking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("count", [0, 1, 31, 32, 10_007])
def test_indices_inside_pass_the_check(index: str, count: int) -> None:
    variable, places = _numbers(0, 100, 2), _indices(1, 100, count, dtype=index)
    _check(checked_rows, [places, variable])
    _check(check_gradient_rows, [places, np.zeros((count, 2), "float32"), variable])


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("at", [0, 20, 10_006])
@pytest.mark.parametrize("wrong", [-1, 100, 2**31 - 1])
def test_an_index_outside_fails_the_check(index: str, at: int, wrong: int) -> None:
    places = _indices(1, 100, 10_007, dtype=index)
    places[at] = wrong
    assert _status(checked_rows, [places, _numbers(0, 100)]) != 0


def test_gradient_rows_that_fit_no_variable_stay_in_python() -> None:
    with pytest.raises(NotLowered):
        run_natively(check_gradient_rows, [_indices(0, 4, 2), _numbers(0, 2, 3), _numbers(0, 9, 2)])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_a_counter_is_checked_against_its_limit(dtype: str) -> None:
    _check(check_below, [_scalar(4, dtype)], limit=5)
    assert _status(check_below, [_scalar(5, dtype)], limit=5) != 0
    assert _status(check_below, [_scalar(6, dtype)], limit=5) != 0


# --- writing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("op", WRITES, ids=lambda op: op.name)
def test_rows_are_written_in_order(op, width) -> None:
    x, updates = _numbers(0, 20, *width), _numbers(1, 61, *width)
    _check(op, [x, _indices(2, 20, 61), updates])
    _check(op, [x, _indices(2, 20, 61, dtype="int64"), updates])


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8", "int64"])
@pytest.mark.parametrize("op", [rows_update, rows_add, rows_max, rows_min], ids=lambda op: op.name)
def test_rows_of_every_number_type_are_written(op, dtype: str) -> None:
    _check(op, [_numbers(0, 9, 21).astype(dtype), _indices(2, 9, 30), _numbers(1, 30, 21).astype(dtype)])


@pytest.mark.parametrize("op", WRITES, ids=lambda op: op.name)
def test_one_number_updates_every_element(op) -> None:
    _check(op, [_numbers(0, 9, 21), _indices(2, 9, 5), _scalar(3.5, "float32")])
    _check(op, [_numbers(0, 9), _indices(2, 9, 5), _scalar(3.5, "float32")])


@pytest.mark.parametrize("op", [rows_max, rows_min], ids=lambda op: op.name)
def test_extremes_of_rows_treat_nan_as_numpy_does(op) -> None:
    special = np.array([np.nan, 0.0, -0.0, np.inf, -np.inf, 1.0], "float32")
    first, second = (grid.reshape(-1) for grid in np.meshgrid(special, special))
    arrays = [first[None], np.zeros(1, "int32"), second[None]]
    # Of zeros that differ in sign NumPy takes this one or that one, by processor.
    np.testing.assert_array_equal(run_natively(op, arrays)[0][0], run_kernel(op, arrays)[0])


@pytest.mark.parametrize("op", [rows_update, rows_add], ids=lambda op: op.name)
def test_rows_are_written_where_they_stand(op) -> None:
    arrays = [_numbers(0, 20, 5), _indices(2, 20, 61), _numbers(1, 61, 5)]
    node, _ = call_of(op, arrays)
    memory = {source: unaligned(array) for source, array in zip(node.inputs, arrays, strict=True)}
    memory[node] = memory[node.inputs[0]]
    assert run_calls(LOWERINGS[op](node, this_host()), memory, parts=2) == 0
    assert memory[node].tobytes() == run_kernel(op, arrays)[0].tobytes()


@pytest.mark.parametrize("op", [nd_update, nd_add, nd_subtract], ids=lambda op: op.name)
@pytest.mark.parametrize("depth", [1, 2])
def test_index_vectors_write_rows(op, depth: int) -> None:
    x = _numbers(0, 6, 7, 3)
    vectors = np.stack([_indices(i, x.shape[i], 40) for i in range(depth)], axis=-1)
    _check(op, [x, vectors, _numbers(1, 40, *x.shape[depth:])])


def test_nothing_is_written_when_an_index_vector_is_outside() -> None:
    arrays = [_numbers(0, 6, 2), np.array([[0], [6]], "int32"), _numbers(1, 2, 2)]
    node, _ = call_of(nd_add, arrays)
    memory = {source: array.copy() for source, array in zip(node.inputs, arrays, strict=True)}
    memory[node] = memory[node.inputs[0]]
    assert run_calls(LOWERINGS[nd_add](node, this_host()), memory) != 0
    assert memory[node].tobytes() == arrays[0].tobytes()


def test_scattered_updates_add_up() -> None:
    _check(scatter_nd_op, [_indices(0, 9, 50, 1), _numbers(1, 50, 4), np.array([9, 4], "int32")])
    _check(scatter_nd_op, [np.stack([_indices(0, 9, 50), _indices(1, 4, 50)], -1), _numbers(1, 50), np.array([9, 4], "int32")])
    assert _status(scatter_nd_op, [np.array([[9]], "int32"), _numbers(1, 1, 4), np.array([9, 4], "int32")]) != 0


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gradients_of_taken_rows_add_up(axis: int) -> None:
    params, places = _numbers(0, 5, 7, 9), _indices(1, 5, 4, 2)
    g = run_kernel(gather_op, [params, places], axis=axis)[0]
    _check(gather_gradient, [g, params, places], axis=axis)


def test_gradients_of_rows_taken_by_batches_add_up() -> None:
    params, places = _numbers(0, 3, 2, 7, 5), _indices(1, 7, 3, 12)
    g = run_kernel(batch_gather_op, [params, places], axis=2, batch_dims=1)[0]
    _check(batch_gather_gradient, [g, params, places], axis=2, batch_dims=1)


def test_truth_values_are_added_in_python() -> None:
    with pytest.raises(NotLowered):
        run_natively(gather_gradient, [np.ones((2, 3), bool), np.ones((5, 3), bool), _indices(0, 5, 2)])


# --- sums --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [(), (1,), (5,), (32,)])
@pytest.mark.parametrize(("count", "limit"), [(0, 5), (1, 5), (200, 10), (200, 10_000), (10_007, 3_000)])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_each_row_becomes_the_sum_of_its_index(width, count: int, limit: int, index: str) -> None:
    places = _indices(0, limit, count, dtype=index) * (1 if index == "int32" else 2**33)
    _check(spread_row_sums, [_numbers(1, count, *width), places])


def test_indices_that_collide_in_the_hash_table_stay_apart() -> None:
    places = np.concatenate([np.arange(100) * 2**20, np.arange(100) * 2**20]).astype("int64")
    _check(spread_row_sums, [_numbers(1, 200, 3), places])


@pytest.mark.parametrize("op", [unsorted_segment_prod, unsorted_segment_max, unsorted_segment_min], ids=lambda op: op.name)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_segments_are_combined(op, dtype: str) -> None:
    for width in WIDTHS:
        ids = _indices(0, 12, 50) - 2  # some are left out
        _check(op, [_numbers(1, 50, *width).astype(dtype), ids, _scalar(15)])
    _check(op, [np.full((3, 2), -np.inf).astype("float32"), np.array([0, 0, 1], "int32"), _scalar(3)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_segments_agree_up_to_their_order(dtype: str) -> None:
    for width in WIDTHS:
        data, ids = _numbers(1, 500, *width, dtype=dtype), _indices(0, 12, 500) - 2
        found, status = run_natively(unsorted_segment_sum, [data, ids, _scalar(15)], parts=3)
        assert status == 0
        size = np.abs(data).sum() * np.finfo(dtype).eps
        np.testing.assert_allclose(found[0], run_kernel(unsorted_segment_sum, [data, ids, _scalar(15)])[0], rtol=0, atol=size)
    whole = [_numbers(1, 500).astype("int32"), _indices(0, 12, 500), _scalar(15)]
    _check(unsorted_segment_sum, whole)


def test_segments_of_several_axes_and_one_row_keep_their_bits() -> None:
    _check(unsorted_segment_sum, [-np.zeros((2, 3, 4), "float32"), np.array([[0, 3, 2], [5, -1, 4]], "int64"), _scalar(6)])


def test_an_id_that_is_too_large_is_noticed() -> None:
    for op in (unsorted_segment_sum, unsorted_segment_max):
        assert _status(op, [_numbers(0, 3, 2), np.array([0, 4, -1], "int32"), _scalar(4)]) != 0


def test_sums_of_half_precision_stay_in_python() -> None:
    with pytest.raises(NotLowered):
        run_natively(unsorted_segment_sum, [_numbers(0, 3, 2, dtype="float16"), _indices(0, 2, 3), _scalar(2)])


# --- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 1, 3, 16, 37, 200])
@pytest.mark.parametrize(("index", "value"), [("int32", "float32"), ("int64", "float64"), ("uint8", "float16"), ("int8", "bool")])
def test_one_hot_rows(depth: int, index: str, value: str) -> None:
    indices = (_indices(0, 40, 23) - (5 if index != "uint8" else 0)).astype(index)
    _check(one_hot_op, [indices, _scalar(depth), _scalar(1, value), _scalar(0, value)])
    _check(one_hot_op, [indices.reshape(23, 1), _scalar(depth), _scalar(3, value), _scalar(2, value)], axis=-1)


def test_one_hot_along_another_axis_stays_in_python() -> None:
    with pytest.raises(NotLowered):
        run_natively(one_hot_op, [_indices(0, 4, 5), _scalar(3), _scalar(1.0, "float32"), _scalar(0.0, "float32")], axis=0)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (4, 10), (3, 2, 17), (10, 1009), (7, 16), (0, 4)])
@pytest.mark.parametrize(("dtype", "index"), [("float32", "int32"), ("float64", "int64"), ("float32", "int64")])
def test_cross_entropy_of_labels(shape, dtype: str, index: str) -> None:
    arrays = [_numbers(0, *shape, dtype=dtype), _indices(1, shape[-1], *shape[:-1], dtype=index)]
    found, status = run_natively(sparse_softmax_cross_entropy_op, arrays, parts=3)
    assert status == 0
    whole, _ = run_natively(sparse_softmax_cross_entropy_op, arrays)
    for own, alone, reference in zip(found, whole, run_kernel(sparse_softmax_cross_entropy_op, arrays), strict=True):
        assert own.tobytes() == alone.tobytes()
        np.testing.assert_allclose(own, reference, rtol=0, atol=8 * np.finfo(dtype).eps * max(1.0, np.abs(reference).max(initial=0)))


def test_cross_entropy_of_special_logits() -> None:
    logits = np.array([[np.nan, 1, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [-np.inf] * 3, [1e30, -1e30, 0], [80, -80, 0]], "float32")
    for label in range(3):
        arrays = [logits, np.full(6, label, "int32")]
        for own, reference in zip(
            run_natively(sparse_softmax_cross_entropy_op, arrays)[0], run_kernel(sparse_softmax_cross_entropy_op, arrays), strict=True
        ):
            np.testing.assert_allclose(own, reference, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("wrong", [-1, 3, 2**31 - 1])
def test_a_label_outside_of_the_classes_is_noticed(wrong: int) -> None:
    assert _status(sparse_softmax_cross_entropy_op, [_numbers(0, 4, 3), np.array([0, wrong, 2, 1], "int32")]) != 0
