"""The work of each node: calls of kernels, or a numpy step with the reason why."""

from __future__ import annotations

from typing import NamedTuple

from graphopt import dtypes
from graphopt.backends.native.families import lowering_of
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer
from graphopt.backends.native.loops import contiguous_strides, lower_loop
from graphopt.backends.native.lowering import NotLowered
from graphopt.backends.native.movement.strided_copy import strided_copy_call
from graphopt.backends.native.storage import NativeStorage, is_native_type, viewed
from graphopt.compiler.passes.fuse import is_loop
from graphopt.compiler.passes.schedule import schedule
from graphopt.errors import GraphOptError, OpError
from graphopt.ir.node import INPUT, ITEM, Node, item_of
from graphopt.ir.program import Program


class Work(NamedTuple):
    """What a program's nodes do.

    Attributes:
      storage: where values stand.
      calls: for each node that runs natively its calls. reasons: for each numpy step why it is one.
    """

    storage: NativeStorage
    calls: dict[Node, list[Call]]
    reasons: dict[Node, str]


def find_work(program: Program, host: Host) -> Work:
    """Return the work of a fused program's nodes.

    Args:
      program: the program. host: the machine it is for.
    """
    calls: dict[Node, list[Call]] = {}
    reasons: dict[Node, str] = {}
    order = [node for node in schedule(program) if node.op is not ITEM]
    for node in order:
        if viewed(node) is None:
            _try(node, host, calls, reasons)
    while True:
        storage = NativeStorage(program, reasons)
        # What only seemed a view, such as a reshape of what doesn't stand row by row, is work after all.
        left = [node for node in order if node not in calls and node not in reasons and not storage.is_view(node)]
        for node in left:
            _try(node, host, calls, reasons)
        if not any([node in reasons for node in left]):
            break
    for node in order:
        if is_loop(node) and node not in reasons:
            calls[node] = lower_loop(node, storage.views.__getitem__)
    for node, view in storage.copied.items():
        copy = strided_copy_call(
            view.pointer, view.strides, Pointer(node), contiguous_strides(node.shape), node.shape, node.dtype.np.itemsize
        )
        calls[node] = [copy]
    return Work(storage, calls, reasons)


def _try(node: Node, host: Host, calls: dict[Node, list[Call]], reasons: dict[Node, str]) -> None:
    try:
        calls[node] = _calls_of(node, host)
    except NotLowered as refusal:
        reasons[node] = str(refusal)
    except (GraphOptError, OpError):
        reasons[node] = "it fails with operands of these shapes"


def _calls_of(node: Node, host: Host) -> list[Call]:
    for source in node.inputs:
        if not is_native_type(source):
            raise NotLowered(f"its operand {source.types[0]} is kept in Python")
        if source.op is INPUT and source.attributes["kind"] == "optional":
            raise NotLowered("a variable that may have no value is kept in Python")
    for index in range(len(node.types)):
        result = node if node.op.single_result else item_of(node, index)
        if not is_native_type(result):
            raise NotLowered(f"its result {result.types[0]} is kept in Python")
    if not host.converts_half and _uses_half(node):
        raise NotLowered("this processor has no instructions for half precision")
    if is_loop(node):
        _check_loop(node)
        return []
    lower = lowering_of(node.op)
    if lower is None:
        raise NotLowered("it runs in Python by nature" if node.op.host_only else "it has no native kernel")
    return lower(node, host)


def _uses_half(node: Node) -> bool:
    inside = node.attributes["body"].nodes() if is_loop(node) else ()
    return any([value.types[0].dtype is dtypes.float16 for value in (node, *node.inputs, *inside) if value.types])


def _check_loop(node: Node) -> None:
    for output in node.attributes["body"].outputs:
        if output.node.op.reduction is not None and output.node.dtype is dtypes.float16:
            raise NotLowered("NumPy keeps a sum in half precision in single precision")
