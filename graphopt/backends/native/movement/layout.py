"""Lowerings of the ops that show an operand's elements in another arrangement: one copy, whatever the arrangement."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer
from graphopt.backends.native.lowering import lowers
from graphopt.backends.native.movement.located import located_calls, part_at_zero, part_starts, slice_at_zero
from graphopt.backends.native.movement.strided_copy import block_copy_call
from graphopt.backends.native.movement.views import (
    Region,
    constant_of,
    copy_calls,
    element_bytes,
    layout_array,
    region_of,
    sliced,
    whole_region,
)
from graphopt.ir.node import Node, item_of
from graphopt.ops.array import (
    concat_gradient,
    concat_op,
    expand_dims_op,
    identity,
    reshape_op,
    split_sizes,
    squeeze_op,
    stack_op,
    stop_gradient,
    transpose_op,
    unstack_op,
)
from graphopt.ops.broadcast import broadcast_back, broadcast_to, fill
from graphopt.ops.control import ensure_shape, placeholder_with_default
from graphopt.ops.indexing import strided_slice_op
from graphopt.ops.layout import (
    bitcast_op,
    depth_to_space_op,
    identity_n,
    reverse_op,
    roll_op,
    space_to_depth_op,
    split_even,
    tile_op,
)
from graphopt.ops.padding import cut_op
from graphopt.ops.picking import shaped_like, slice_op
from graphopt.ops.update_rule import same_shape

# --- views -------------------------------------------------------------------------------------------------------------


def _operands(node: Node) -> tuple[Any, list[Any]]:
    """Return a layout of the first operand, and what the kernel takes after it: layouts for shapes, constants for positions."""
    whole = layout_array(node.inputs[0].shape)
    rest = [source.value if source.is_constant else layout_array(source.shape) for source in node.inputs[1:]]
    return whole, rest


@lowers(expand_dims_op, squeeze_op, identity, stop_gradient, placeholder_with_default, ensure_shape, shaped_like, same_shape,
        transpose_op, reverse_op, broadcast_back)  # fmt: skip
def lower_view(node: Node, host: Host) -> list[Call]:
    """Return the copy of what the op's own kernel shows of its first operand."""
    whole, rest = _operands(node)
    # NumPy makes a scalar of a view without axes; the operand of such a kernel has none either.
    view = whole if whole.ndim == 0 and node.shape == () else node.op.kernel(np, whole, *rest, **node.attributes)  # type: ignore[misc]
    return copy_calls(region_of(node.inputs[0], view, whole), whole_region(node))


@lowers(broadcast_to)
def lower_broadcast(node: Node, host: Host) -> list[Call]:
    """Return the copy that repeats an operand."""
    constant_of(node.inputs[1])
    return lower_view(node, host)


@lowers(slice_op, cut_op)
def lower_part(node: Node, host: Host) -> list[Call]:
    """Return the copy of a part of the first operand."""
    x, begin = node.inputs[0], node.inputs[1 if node.op is slice_op else 2]
    if begin.is_constant:
        return lower_view(node, host)
    starts = part_starts(x.shape, node.shape)
    # The part that a gradient is cut out of has been checked by the slice that made it.
    return located_calls(part_at_zero(x, node.shape), whole_region(node), begin, starts, "source", checks=node.op is slice_op)


@lowers(strided_slice_op)
def lower_strided_slice(node: Node, host: Host) -> list[Call]:
    """Return the copy of a slice."""
    x, *bounds = node.inputs
    if bounds[0].is_constant and bounds[1].is_constant:
        whole = layout_array(x.shape)
        return copy_calls(region_of(x, sliced(whole, bounds, node.attributes), whole), whole_region(node))
    region, starts = slice_at_zero(x, bounds, node.attributes)
    return located_calls(region, whole_region(node), bounds[0], starts, "source", checks=True)


@lowers(concat_gradient, split_sizes, split_even)
def lower_parts(node: Node, host: Host) -> list[Call]:
    """Return the copies of an operand's parts."""
    whole, rest = _operands(node)
    views = node.op.kernel(np, whole, *rest, **node.attributes)  # type: ignore[misc]
    regions = [region_of(node.inputs[0], view, whole) for view in views]
    return [call for i, region in enumerate(regions) for call in copy_calls(region, whole_region(item_of(node, i)))]


@lowers(unstack_op)
def lower_unstack(node: Node, host: Host) -> list[Call]:
    """Return the copies of an operand's slices along an axis."""
    whole = layout_array(node.inputs[0].shape)
    slices = np.moveaxis(whole, node.attributes["axis"], 0)
    regions = [region_of(node.inputs[0], slices[i, ...], whole) for i in range(node.attributes["num"])]
    return [call for i, region in enumerate(regions) for call in copy_calls(region, whole_region(item_of(node, i)))]


@lowers(reshape_op, bitcast_op)
def lower_same_bytes(node: Node, host: Host) -> list[Call]:
    """Return the copy of an operand that stands in memory like the result."""
    for shape in node.inputs[1:]:
        constant_of(shape)
    size = node.types[0].num_bytes or 0
    element_bytes(node)
    return [block_copy_call(Pointer(node.inputs[0]), Pointer(node), size)] if size else []


@lowers(identity_n)
def lower_identity_n(node: Node, host: Host) -> list[Call]:
    """Return one copy for each operand."""
    pairs = [(whole_region(source), whole_region(item_of(node, i))) for i, source in enumerate(node.inputs)]
    return [call for source, target in pairs for call in copy_calls(source, target)]


@lowers(fill)
def lower_fill(node: Node, host: Host) -> list[Call]:
    """Return the call that repeats a scalar."""
    constant_of(node.inputs[0])
    scalar = Region(node.inputs[1], node.shape, (0,) * len(node.shape), 0)
    return copy_calls(scalar, whole_region(node))


# --- several operands beside each other --------------------------------------------------------------------------------


@lowers(concat_op)
def lower_concat(node: Node, host: Host) -> list[Call]:
    """Return one copy for each operand, into its part of the result."""
    whole, axis = layout_array(node.shape), node.attributes["axis"]
    ends = np.cumsum([source.shape[axis] for source in node.inputs])
    parts = np.split(whole, ends[:-1].tolist(), axis)
    pairs = zip(node.inputs, parts, strict=True)
    return [call for source, part in pairs for call in copy_calls(whole_region(source), region_of(node, part, whole))]


@lowers(stack_op)
def lower_stack(node: Node, host: Host) -> list[Call]:
    """Return one copy for each operand, into its slice of the result."""
    whole = layout_array(node.shape)
    slices = np.moveaxis(whole, node.attributes["axis"], 0)
    pairs = [(whole_region(source), region_of(node, slices[i, ...], whole)) for i, source in enumerate(node.inputs)]
    return [call for source, target in pairs for call in copy_calls(source, target)]


# --- more dimensions than the operand has ------------------------------------------------------------------------------


@lowers(tile_op)
def lower_tile(node: Node, host: Host) -> list[Call]:
    """Return one copy in which each axis is two: the repetitions, read again and again, and the operand's own."""
    counts, x = constant_of(node.inputs[1]).tolist(), node.inputs[0]
    whole = whole_region(x)
    shape = [size for pair in zip(counts, x.shape, strict=True) for size in pair]
    reads = [step for own in whole.strides for step in (0, own)]
    target = layout_array(node.shape).reshape(shape)
    source = Region(x, tuple(shape), tuple(reads), 0)
    return copy_calls(source, Region(node, tuple(shape), target.strides, 0))


@lowers(space_to_depth_op, depth_to_space_op)
def lower_blocks(node: Node, host: Host) -> list[Call]:
    """Return the copy between an image and its blocks, both seen with six dimensions."""
    size, x = node.attributes["block_size"], node.inputs[0]
    to_depth = node.op is space_to_depth_op
    n, rows, columns, _ = node.shape if to_depth else x.shape
    channels = (x if to_depth else node).shape[-1]
    image = np.transpose(layout_array((n, rows, size, columns, size, channels)), (0, 1, 3, 2, 4, 5))
    blocks = layout_array((n, rows, columns, size, size, channels))
    reads, writes = (image, blocks) if to_depth else (blocks, image)
    return copy_calls(Region(x, reads.shape, reads.strides, 0), Region(node, writes.shape, writes.strides, 0))


@lowers(roll_op)
def lower_roll(node: Node, host: Host) -> list[Call]:
    """Return a copy for each part that stays in one piece: two along each axis that is rolled."""
    shifts = [0] * len(node.shape)
    for shift, axis in zip(constant_of(node.inputs[1]).reshape(-1).tolist(), node.attributes["axis"], strict=True):
        shifts[axis] += shift
    source, target = layout_array(node.shape), layout_array(node.shape)
    pieces: list[tuple[Any, Any]] = [(source, target)]
    for axis, (size, shift) in enumerate(zip(node.shape, shifts, strict=True)):
        cut = -shift % size if size else 0
        pieces = [piece for pair in pieces for piece in _rolled(*pair, axis, cut)]
    return [call for a, b in pieces for call in copy_calls(region_of(node.inputs[0], a, source), region_of(node, b, target))]


def _rolled(source: Any, target: Any, axis: int, cut: int) -> list[tuple[Any, Any]]:
    if not cut:
        return [(source, target)]
    first, second = np.split(source, [cut], axis)
    front, back = np.split(target, [source.shape[axis] - cut], axis)
    return [(first, back), (second, front)]
