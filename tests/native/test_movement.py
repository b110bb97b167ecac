"""Data movement: every lowering gives the bits of the op's NumPy kernel, whatever shapes, alignment and division of the work."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from running import Array, call_of, run_calls, run_kernel, run_natively, unaligned

from graphopt import dtypes
from graphopt.backends.native import movement
from graphopt.backends.native.host import this_host
from graphopt.backends.native.kernel import Pointer
from graphopt.backends.native.lowering import LOWERINGS, NotLowered
from graphopt.backends.native.movement.boxes import collapse, row_strides
from graphopt.errors import InvalidArgumentError
from graphopt.ir.node import input_node
from graphopt.ir.types import TensorType
from graphopt.ops.array import (
    concat_gradient,
    concat_op,
    reshape_op,
    split_sizes,
    stack_op,
    transpose_op,
    unstack_op,
)
from graphopt.ops.broadcast import broadcast_to, fill
from graphopt.ops.elementwise import ones_as, zeros_as
from graphopt.ops.indexing import strided_slice_gradient, strided_slice_op
from graphopt.ops.layout import (
    bitcast_op,
    depth_to_space_op,
    reverse_op,
    reverse_sequence_op,
    roll_op,
    space_to_depth_op,
    split_even,
    tile_op,
)
from graphopt.ops.padding import cut_op, mirror_pad_op, pad_op, pad_value_op, place_op
from graphopt.ops.partition import argsort_op
from graphopt.ops.picking import slice_op, take_along, take_along_gradient
from graphopt.testing.calls import in_program

# Operands whose values the type rules don't need, but the lowerings do.
POSITIONS = {cut_op: [2], place_op: [2], roll_op: [1]}
DTYPES = ["float32", "float64", "float16", "int8", "int64", "bool"]
PARTS = [1, 2, 5]


def lowered_in(package: str) -> list[Any]:
    """Return the ops whose lowerings stand in a package."""
    return [op for op, lowering in LOWERINGS.items() if lowering.__module__.startswith(package)]


OPS = lowered_in(movement.__name__)


def array_of(shape: Any, dtype: str = "float32", seed: int = 0) -> Array:
    """Return different elements of any bits."""
    generator = np.random.default_rng(seed)
    if dtype == "bool":
        return generator.random(shape) < 0.5
    size = np.dtype(dtype).itemsize
    return generator.integers(0, 256, (*shape, size), np.uint8).view(dtype).reshape(shape)


def check(op: Any, *arrays: Array, **attributes: Any) -> None:
    """Compare the lowering with the kernel, byte by byte, for several divisions of the work."""
    expected = run_kernel(op, arrays, **attributes)
    for parts in PARTS:
        results, status = run_natively(op, arrays, POSITIONS.get(op, ()), parts=parts, **attributes)
        assert status == 0
        for result, wanted in zip(results, expected, strict=True):
            assert (result.dtype, result.shape) == (wanted.dtype, wanted.shape)
            assert result.tobytes() == wanted.tobytes()


def is_run(op: Any, sample: Any) -> bool:
    """Tell whether a sample succeeds, and by its operands' types alone has a known shape."""
    if sample.error is not None or op in (take_along, take_along_gradient):
        return False
    return all(result.types[0].is_static for result in call_of(op, sample.arrays(), **sample.attributes)[1])


SAMPLES = [pytest.param(op, s, id=f"{op.name}-{i}") for op in OPS for i, s in enumerate(op.samples) if is_run(op, s)]


@pytest.mark.parametrize(("op", "sample"), SAMPLES)
def test_samples(op: Any, sample: Any) -> None:
    check(op, *sample.arrays(), **sample.attributes)


# --- the strided copy ------------------------------------------------------------------------------------------------------


def copied(view: Array, base: Array, parts: int) -> Array:
    """Return a view of an array materialised by one call."""
    size = view.itemsize
    result = np.zeros(view.shape, view.dtype)
    source, target = (input_node("feed", name, TensorType(dtypes.as_dtype(view.dtype), base.shape)) for name in ("source", "target"))
    strides = [[step // size for step in array.strides] for array in (view, result)]
    offset = view.ctypes.data - base.ctypes.data
    call = movement.strided_copy_call(Pointer(source, offset), strides[0], Pointer(target), strides[1], view.shape, size)
    run_calls([call], {source: base, target: result}, parts=parts)
    return result


VIEWS = {
    "whole": lambda x: x,
    "permuted": lambda x: x.transpose(2, 0, 3, 1),
    "matrices turned": lambda x: x.swapaxes(-1, -2),
    "all axes reversed": lambda x: x.T,
    "backwards": lambda x: x[::-1, :, ::-1, ::-1],
    "every other": lambda x: x[:, ::2, :, 1::2],
    "inner part": lambda x: x[1:, :, 1:-1, 2:-3],
    "one column": lambda x: x[..., 1],
    "few columns turned": lambda x: x[..., :3].transpose(0, 3, 1, 2),
    "repeated along the last axis": lambda x: np.broadcast_to(x[..., :1], x.shape),
    "repeated along the first axes": lambda x: np.broadcast_to(x[:1, :, :1], x.shape),
    "nothing": lambda x: x[:, 2:2],
    "one element": lambda x: x[1:2, 2:3, 3:4, 4:5],
}


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "float64"])
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_copied(name: str, dtype: str) -> None:
    base = unaligned(array_of((3, 17, 23, 19), dtype))
    view = VIEWS[name](base)
    for parts in PARTS:
        assert copied(view, base, parts).tobytes() == view.tobytes()


@pytest.mark.parametrize("shape", [(10007,), (1, 10007), (10007, 2), (3, 10007), (128, 129), (64, 64)])
def test_turned_matrices(shape: tuple[int, ...]) -> None:
    for dtype in ("int8", "int16", "float32", "float64"):
        base = unaligned(array_of(shape, dtype))
        for view in (base, base.T, base[::-1], base.T[::-1], base[..., ::2]):
            assert copied(view, base, 2).tobytes() == view.tobytes()


def test_long_rows_are_divided() -> None:
    base = array_of((2, 3 << 18))
    call = movement.strided_copy_call(Pointer(input_node("feed", "x", TensorType(dtypes.float32, (2, 3 << 18)))), (3 << 19, 2),
                                      Pointer(input_node("feed", "y", TensorType(dtypes.float32, (2, 3 << 18)))), (3 << 18, 1),
                                      (2, 3 << 18), 4)  # fmt: skip
    assert call.extent > 2 and call.grain < call.extent
    assert copied(base[:, : 3 << 17], base, 5).tobytes() == base[:, : 3 << 17].tobytes()


def test_boxes_collapse() -> None:
    assert collapse((4, 5, 6), row_strides((4, 5, 6)), row_strides((4, 5, 6))) == ((120,), ((1,), (1,)))
    assert collapse((), (), ()) == ((), ((), ()))
    # A batch of another size gives the same number of dimensions.
    for batch in (2, 32):
        sizes, _ = collapse((batch, 8, 8, 3), (256, 32, 4, 1), row_strides((batch, 8, 8, 3)))
        assert sizes == (batch * 64, 3)


# --- ops, with shapes and attributes of all kinds ------------------------------------------------------------------------------

SHAPES = [(0,), (1,), (7,), (10007,), (0, 3), (5, 0, 2), (1, 1), (13, 17), (3, 1, 5), (4, 6, 10), (2, 3, 4, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_transpose(shape: tuple[int, ...]) -> None:
    for perm in [None, *itertools.permutations(range(len(shape)))]:
        check(transpose_op, array_of(shape, "float64"), perm=perm)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_element_type(dtype: str) -> None:
    x = array_of((19, 18), dtype)
    check(transpose_op, x)
    check(concat_op, x, x[:, :1], axis=1)
    check(reverse_op, x, axis=(1,))
    check(broadcast_to, x[:, :1], np.array([2, 19, 5]))
    check(ones_as, x)
    check(zeros_as, x)
    if dtype != "bool":
        check(pad_op, x, np.array([[1, 2], [0, 3]]))


@pytest.mark.parametrize("shape", SHAPES)
def test_parts_and_joins(shape: tuple[int, ...]) -> None:
    x = array_of(shape)
    for axis in range(-len(shape), len(shape)):
        size = shape[axis]
        first = size // 3
        check(split_sizes, x, sizes=(first, -1, 0), axis=axis)
        check(concat_op, *np.split(x, [first, first], axis), x, axis=axis)
        check(concat_gradient, x, *np.split(x, [first], axis), axis=axis)
        check(stack_op, x, array_of(shape, seed=1), x, axis=axis)
        if size and size < 20:
            check(unstack_op, x, num=size, axis=axis)
            check(split_even, x, num=size, axis=axis)
    check(stack_op, x, axis=len(shape))


@pytest.mark.parametrize("seed", range(30))
def test_slices(seed: int) -> None:
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(1, 12, generator.integers(1, 5)).tolist())
    x = array_of(shape)
    begin = [int(generator.integers(0, size)) for size in shape]
    size = [int(generator.integers(0, whole - first + 1)) for whole, first in zip(shape, begin, strict=True)]
    check(slice_op, x, np.array(begin), np.array(size))
    part = array_of(size)
    check(cut_op, x, part, np.array(begin))
    check(place_op, part, x, np.array(begin))
    bounds = [generator.integers(-whole, whole + 1, 2) for whole in shape]
    steps = generator.choice([-3, -2, -1, 1, 2, 3], len(shape))
    operands = [np.array([b[0] for b in bounds]), np.array([b[1] for b in bounds]), steps]
    masks = {name: int(generator.integers(0, 1 << len(shape))) for name in ("begin_mask", "end_mask")}
    check(strided_slice_op, x, *operands, **masks)
    [g] = run_kernel(strided_slice_op, [x, *operands], **masks)
    check(strided_slice_gradient, np.array(shape), *operands, array_of(g.shape, seed=1), **masks)


def test_slices_with_new_and_dropped_axes() -> None:
    x = array_of((4, 5, 6))
    bounds = [np.array([2, 0, -1]), np.array([3, 0, 0]), np.array([1, 1, 1])]
    for masks in (
        {"shrink_axis_mask": 5, "end_mask": 2, "begin_mask": 2},
        {"shrink_axis_mask": 7},
        {"shrink_axis_mask": 1, "ellipsis_mask": 2},
        {"new_axis_mask": 2, "end_mask": 5},
    ):
        check(strided_slice_op, x, *bounds, **masks)
        [g] = run_kernel(strided_slice_op, [x, *bounds], **masks)
        check(strided_slice_gradient, np.array(x.shape), *bounds, array_of(g.shape), **masks)


@pytest.mark.parametrize("shape", SHAPES)
def test_repetition(shape: tuple[int, ...]) -> None:
    x = array_of(shape)
    for counts in ([2] * len(shape), [1, 3, 2, 1][: len(shape)], [0] * len(shape), [1] * len(shape)):
        check(tile_op, x, np.array(counts))
    check(broadcast_to, x, np.array([3, *shape]))
    check(fill, np.array(shape), array_of(()))


@pytest.mark.parametrize("shape", SHAPES)
def test_borders(shape: tuple[int, ...]) -> None:
    x = array_of(shape)
    rank = len(shape)
    for borders in ([[1, 2]] * rank, [[0, 0]] * (rank - 1) + [[2, 0]], [[0, 3]] + [[0, 0]] * (rank - 1), [[0, 0]] * rank):
        check(pad_op, x, np.array(borders))
        check(pad_value_op, x, np.array(borders), array_of(()))
    for mode in ("reflect", "symmetric"):
        most = [max(size - (mode == "reflect"), 0) for size in shape]
        check(mirror_pad_op, x, np.array([[least // 2, least] for least in most]), mode=mode)
        check(mirror_pad_op, x, np.array([[least, 0] for least in most]), mode=mode)


@pytest.mark.parametrize("shape", SHAPES)
def test_rolls_and_reversals(shape: tuple[int, ...]) -> None:
    x = array_of(shape)
    for axis in range(len(shape)):
        check(roll_op, x, np.array([3, -shape[axis]]), axis=(axis, axis))
        check(reverse_op, x, axis=(axis,))
    check(roll_op, x, np.array([1] * len(shape)), axis=tuple(range(len(shape))))
    check(reverse_op, x, axis=tuple(range(len(shape))))


def test_blocks_of_space_and_depth() -> None:
    for n, height, width, depth, size in ((2, 4, 6, 3, 2), (1, 9, 3, 1, 3), (0, 4, 4, 1, 2), (3, 2, 2, 16, 1)):
        x = array_of((n, height, width, depth))
        check(space_to_depth_op, x, block_size=size)
        check(depth_to_space_op, array_of((n, height, width, depth * size**2)), block_size=size)


def test_bits_as_another_type() -> None:
    check(bitcast_op, array_of((5, 4), "int16"), dtype=dtypes.float64)
    check(bitcast_op, array_of((10007,), "float32"), dtype=dtypes.uint8)


# --- parts whose position the program computes -----------------------------------------------------------------------------------


def check_fed(op: Any, *arrays: Array, fed: list[int], **attributes: Any) -> None:
    """Compare the lowering with the kernel where some positions are inputs of the program."""
    [expected] = run_kernel(op, arrays, **attributes)
    for parts in PARTS:
        [result], status = run_natively(op, arrays, fed=fed, parts=parts, **attributes)
        assert status == 0
        assert (result.shape, result.tobytes()) == (expected.shape, expected.tobytes())


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("shape", [(1,), (10007,), (5, 7), (2, 3, 4, 5)])
def test_parts_at_computed_positions(shape: tuple[int, ...], index: str) -> None:
    generator = np.random.default_rng(0)
    x, size = array_of(shape), [int(generator.integers(1, whole + 1)) for whole in shape]
    for _ in range(4):
        begin = np.array([generator.integers(0, whole - own + 1) for whole, own in zip(shape, size, strict=True)], index)
        check_fed(slice_op, x, begin, np.array(size, index), fed=[1])
        check_fed(cut_op, x, array_of(size), begin, fed=[2])
        check_fed(place_op, array_of(size), x, begin, fed=[2])
    for axis in range(len(shape)):
        for wrong in (-1, shape[axis] - size[axis] + 1):
            begin = np.array([wrong if i == axis else 0 for i in range(len(shape))], index)
            with pytest.raises(InvalidArgumentError):
                run_kernel(slice_op, [x, begin, np.array(size, index)])
            assert run_natively(slice_op, [x, begin, np.array(size, index)], fed=[1])[1] != 0
            # What the slice has checked is not checked again, and nothing outside is touched.
            assert run_natively(cut_op, [x, array_of(size), begin], fed=[2])[1] == 0
            assert run_natively(place_op, [array_of(size), x, begin], fed=[2])[1] == 0


@pytest.mark.parametrize("position", [0, 2, 3, -1, -4])
def test_slices_at_computed_positions(position: int) -> None:
    x = array_of((4, 5, 6))
    bounds = [np.array([position, 0, 0]), np.array([position + 1, 0, 0]), np.array([1, -2, 1])]
    forms = [
        {"shrink_axis_mask": 1, "begin_mask": 6, "end_mask": 6},
        {"shrink_axis_mask": 5, "begin_mask": 2, "end_mask": 2},
        {"shrink_axis_mask": 5, "ellipsis_mask": 2},
        {"shrink_axis_mask": 1, "new_axis_mask": 2, "begin_mask": 4, "end_mask": 4},
        {"shrink_axis_mask": 7},
    ]
    for masks in forms:
        check_fed(strided_slice_op, x, *bounds, fed=[1, 2], **masks)
        [g] = run_kernel(strided_slice_op, [x, *bounds], **masks)
        check_fed(strided_slice_gradient, np.array(x.shape), *bounds, array_of(g.shape), fed=[1, 2], **masks)
    assert run_natively(strided_slice_op, [x, bounds[0] + 9, *bounds[1:]], fed=[1, 2], **forms[0])[1] != 0


# --- along an axis -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (3, 4, 5), (2, 3, 4, 5), (13, 101)])
def test_beginnings_of_rows_are_reversed(shape: tuple[int, ...], index: str) -> None:
    x, generator = array_of(shape), np.random.default_rng(0)
    for axis, batch in itertools.permutations(range(len(shape)), 2):
        lengths = generator.integers(0, shape[axis] + 1, shape[batch]).astype(index)
        check(reverse_sequence_op, x, lengths, seq_axis=axis, batch_axis=batch - len(shape))
        for wrong in (-1, shape[axis] + 1):
            lengths[-1] = wrong
            assert run_natively(reverse_sequence_op, [x, lengths], parts=2, seq_axis=axis, batch_axis=batch)[1] != 0


@pytest.mark.parametrize("shape", [(7,), (5, 6), (2, 3, 4), (3, 0), (0, 3), (10, 1001)])
def test_ranked_elements_are_taken_and_their_gradients_added(shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    for axis in range(-1, len(shape)):
        x, g = (generator.standard_normal(shape).astype(np.float32) for _ in range(2))
        order = np.argsort(x, axis, kind="stable").astype(np.int32)
        source = input_node("feed", "x", TensorType(dtypes.float32, shape))
        gradient = input_node("feed", "g", TensorType(dtypes.float32, shape))
        [ranked] = in_program(argsort_op, source, axis=axis)
        for op, operands in ((take_along, [source, ranked]), (take_along_gradient, [gradient, source, ranked])):
            [node] = in_program(op, *operands, axis=axis)
            arrays = {source: x, gradient: g, ranked: order, node: np.full(shape, 7, np.float32)}
            run_calls(LOWERINGS[op](node, this_host()), arrays, parts=3)
            [expected] = run_kernel(op, [arrays[operand] for operand in operands], axis=axis)
            assert arrays[node].tobytes() == expected.tobytes()


def test_indices_of_unknown_origin_are_refused() -> None:
    with pytest.raises(NotLowered, match="only NumPy checks"):
        lower(take_along, array_of((4,)), np.array([0]))


# --- what stays with NumPy -------------------------------------------------------------------------------------------------------


def lower(op: Any, *arrays: Array, **attributes: Any) -> list[Any]:
    """Return the calls of one call of an op whose position operands are not constants."""
    return LOWERINGS[op](call_of(op, arrays, **attributes)[0], this_host())


def test_slices_that_only_the_run_knows_are_refused() -> None:
    x, bounds = array_of((4, 5)), [np.array([1, 0]), np.array([2, 0]), np.array([1, 1])]
    node, _ = call_of(strided_slice_op, [x, *bounds], fed=[1], begin_mask=2, end_mask=3, shrink_axis_mask=0)
    with pytest.raises(NotLowered, match="known only when the program runs"):
        LOWERINGS[strided_slice_op](node, this_host())


def test_strings_are_refused() -> None:
    words = np.array([b"a", b"b"], object)
    for op, attributes in ((transpose_op, {}), (concat_op, {"axis": 0}), (reverse_op, {"axis": (0,)})):
        with pytest.raises(NotLowered, match="stay in Python"):
            lower(op, words, **attributes)
    with pytest.raises(NotLowered, match="stay in Python"):
        lower(reshape_op, words, np.array([2, 1]))
