"""Where values stand: views that need no copy, copies that are made once, and memory that is never given away too early."""

from typing import Any

import numpy as np
import pytest
from random_views import RandomViews
from whole_programs import Feeds, call, expected_of, fetching, run_native

from graphopt.backends.native.executable import NativeExecutable
from graphopt.ir.node import ITEM, NODES, Node
from graphopt.ir.program import Program
from graphopt.ops import elementwise as ops
from graphopt.ops.array import concat_op, expand_dims_op, reshape_op, split_sizes, squeeze_op, transpose_op
from graphopt.ops.broadcast import broadcast_to
from graphopt.ops.linalg import matmul_op
from graphopt.ops.nd import nd_add
from graphopt.ops.picking import slice_op
from graphopt.ops.sequence import cumsum_op
from graphopt.testing import difference
from graphopt.testing.backends import inputs_of
from graphopt.testing.calls import in_program

X = np.arange(24, dtype=np.float32).reshape(4, 6)
CHUNKS = [range(start, start + 25) for start in range(0, 250, 25)]

VIEWS = {
    "reshape": lambda x: call(reshape_op, x, np.int32([2, 12])),
    "transpose": lambda x: call(transpose_op, x, perm=(1, 0)),
    "slice": lambda x: call(lambda value: value[1:3, 2:5], x),
    "strided slice": lambda x: call(lambda value: value[::-2, 1:6:2], x),
    "broadcast": lambda x: call(broadcast_to, x, np.int32([3, 4, 6])),
    "split": lambda x: in_program(split_sizes, x, sizes=(2, 4), axis=1)[1],
    "expand and squeeze": lambda x: call(squeeze_op, call(expand_dims_op, call(transpose_op, x, perm=(1, 0)), axis=1), axis=(1,)),
    "view of a view": lambda x: call(transpose_op, call(lambda value: value[1:, ::-1], x), perm=(1, 0)),
}


def check(program: Program, feeds: Feeds, where: str = "") -> None:
    """Run a program on copies and over its variables. A sum of zeros may have another sign."""
    expected = expected_of(program, feeds.named)
    for found in (run_native(program, feeds.named), run_over(program, feeds)):
        for output, a, b in zip(program.outputs, found, expected, strict=True):
            what = f"{where}: {output.kind} {output.name} {output.node!r}"
            assert np.asarray(a).dtype == b.dtype and np.array_equal(a, b), f"{what}: {difference(a, b)}"


def run_over(program: Program, feeds: Feeds) -> list[Any]:
    """Return the outputs of a run that may write new values over old ones."""
    executable = NativeExecutable(program, threads=1)
    named = {name: value.copy() for name, value in feeds.named.items()}
    values = executable.run(inputs_of(executable, named), may_overwrite=True)
    in_place = executable.plan.in_place
    return [named[o.name] if o.kind == "update" and o.name in in_place else v for o, v in zip(program.outputs, values, strict=True)]


def work_of(program: Program) -> tuple[NativeExecutable, list[Node]]:
    """Return a program's executable and the nodes that are work."""
    executable = NativeExecutable(program, threads=1)
    assert not executable.work.reasons
    return executable, [node for node in executable.plan.order if node in executable.work.calls]


@pytest.mark.parametrize("name", VIEWS)
def test_a_loop_reads_a_view_where_it_stands(name: str) -> None:
    feeds = Feeds()
    for x in (feeds(X), call(cumsum_op, feeds(X))):
        program = fetching(call(ops.add, VIEWS[name](x), 1.0))
        executable, work = work_of(program)
        assert executable.work.storage.copied == {}
        assert [node.op.name for node in work if node.op.name != "cumsum"] == ["fused"]
        check(program, feeds)


@pytest.mark.parametrize("name", [name for name in VIEWS if name != "reshape"])
def test_a_kernel_gets_a_view_copied_once(name: str) -> None:
    feeds = Feeds()
    view = VIEWS[name](call(ops.add, feeds(X), 1.0))
    program = fetching(call(cumsum_op, view), call(cumsum_op, view, axis=1), call(ops.multiply, view, 2.0), view)
    executable, work = work_of(program)
    assert len(executable.work.storage.copied) == 1
    assert len(work) == 5, "two loops, a copy and two running sums"
    check(program, feeds)


def test_rows_that_stand_one_after_the_other_are_not_copied() -> None:
    feeds = Feeds()
    program = fetching(call(cumsum_op, call(lambda value: value[1:3], call(ops.add, feeds(X), 1.0))))
    assert work_of(program)[0].work.storage.copied == {}
    check(program, feeds)


def test_some_results_of_a_split_are_copied() -> None:
    """The last one late, when what was split is needed for nothing else and other results want its memory."""
    feeds = Feeds()
    first, second, third = in_program(split_sizes, call(ops.add, feeds(X), 1.0), sizes=(1, 2, 3), axis=1)
    between = call(cumsum_op, call(cumsum_op, call(cumsum_op, feeds(X))))
    program = fetching(call(ops.add, first, 2.0), call(cumsum_op, second), between, call(cumsum_op, third))
    executable, _ = work_of(program)
    assert all(node.op is ITEM for node in executable.work.storage.copied) and len(executable.work.storage.copied) == 2
    check(program, feeds)


def test_a_view_keeps_the_memory_it_looks_at() -> None:
    """Though many results of its size are made, and their memory is given back, between the view and its use."""
    feeds = Feeds()
    x = call(cumsum_op, feeds(X))
    view = call(transpose_op, x, perm=(1, 0))
    later = feeds(X)
    for _ in range(4):
        later = call(cumsum_op, later)
    program = fetching(call(concat_op, later, call(ops.add, later, later), axis=0), call(ops.subtract, view, 1.0), view)
    check(program, feeds)


def test_memory_is_used_again_when_nothing_looks_at_it() -> None:
    feeds = Feeds()
    x = feeds(np.zeros((64, 64), np.float32))
    for _ in range(10):
        x = call(matmul_op, x, x)
    executable, _ = work_of(fetching(x))
    assert executable.plan.arena_bytes == 2 * 64 * 64 * 4


def test_a_step_does_not_write_over_what_it_reads_besides() -> None:
    """Where an op may write over one operand, another operand may look at the same memory: as a whole, or in part."""
    for of_another in (lambda y: y, lambda y: call(lambda value: value[1:3], y), lambda y: call(transpose_op, y, perm=(1, 0))):
        for layout in ((0, 1), (1, 0)):
            feeds = Feeds()
            y = call(transpose_op, call(ops.add, feeds(X[:, :4].copy()), 1.0), perm=layout)
            update = of_another(y)
            indices = np.int32([[3], [2], [1], [0]]) if update.shape[0] == 4 else np.int32([[2], [3]])
            check(fetching(call(nd_add, y, NODES.constant(indices, None), update)), feeds)


def test_a_view_of_unknown_size_keeps_its_value() -> None:
    """It stays in Python, where nothing keeps the memory it looks at."""
    feeds = Feeds()
    x = call(ops.add, feeds(X), 1.0)
    part = call(slice_op, x, np.int32([0, 0]), feeds(np.int32([3, 2])))
    later = call(matmul_op, call(ops.negative, x), feeds(np.ones((6, 6), np.float32)))
    for _ in range(2):
        later = call(matmul_op, later, feeds(np.eye(6, dtype=np.float32)))
    check(fetching(later, part), feeds)


def test_a_view_of_a_variable_keeps_the_old_value() -> None:
    feeds = Feeds()
    v = feeds(X, "variable")
    part = call(slice_op, v, np.int32([0, 0]), feeds(np.int32([3, 2])))
    check(fetching(part, x0=call(ops.multiply, v, 2.0)), feeds)
    turned = call(transpose_op, v, perm=(1, 0))
    check(fetching(turned, call(ops.add, turned, 1.0), x0=call(ops.multiply, v, 2.0)), feeds)


@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_random_programs_of_views(seeds: range) -> None:
    for seed in seeds:
        random = RandomViews(seed)
        check(random.program, random.feeds, f"seed {seed}")


def test_random_programs_reach_copies_and_updates_in_place() -> None:
    programs = [RandomViews(seed).program for seed in range(60)]
    executables = [NativeExecutable(program, threads=1) for program in programs]
    assert sum(bool(executable.work.storage.copied) for executable in executables) > 2
    assert sum(bool(executable.plan.in_place) for executable in executables) > 5
    assert {"split", "strided_slice", "transpose", "nd_add", "matmul", "unstack"} <= {n.op.name for p in programs for n in p.nodes()}
