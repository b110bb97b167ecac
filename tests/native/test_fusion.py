"""What the fusion pass joins, and what it must not join."""

import textwrap
from typing import Any

import numpy as np
import pytest
from random_loops import RandomLoop
from whole_programs import Feeds, call, expected_of, fetching, loops_of

import graphopt as tf
from graphopt.compiler.passes import fuse as fusion
from graphopt.compiler.passes.fuse import fuse
from graphopt.config import override
from graphopt.ir.node import INPUT, Node
from graphopt.ir.program import Program
from graphopt.ir.text import format_program, parse_program
from graphopt.ir.verify import verify
from graphopt.ops import elementwise as ops
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.elementwise.choice import cast_op
from graphopt.ops.reduce import reduce_max_op
from graphopt.ops.sequence import cumsum_op
from graphopt.testing import has_same_bits

X = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)


def fused_of(*nodes: Node, **updates: Node) -> tuple[Program, list[Node]]:
    """Return the fused program that gives these values, checked, and its loops."""
    program = fuse(fetching(*nodes, **updates))
    verify(program)
    return program, loops_of(program)


def steps_of(loop: Node) -> list[str]:
    """Return the names of the steps of a loop."""
    return [node.op.name for node in loop.attributes["body"].nodes() if node.op is not INPUT]


def chain(x: Node, length: int) -> Node:
    for _ in range(length):
        x = call(ops.tanh, x)
    return x


def test_a_chain_is_one_loop() -> None:
    text = """
        program {
          %0: f32[2,3] = input(kind="feed", name="x:0", dtype=f32, shape=[2, 3])
          %1: f32[3] = input(kind="feed", name="b:0", dtype=f32, shape=[3])
          %2: f32[2,3] = add(%0, %1)
          %3: f32[2,3] = exp(%2)
          fetch "y:0" = %3
        }
        """
    after = """
        program @1 {
          %0: f32[2,3] = input(kind="operand", name="0", dtype=f32, shape=[2, 3])
          %1: f32[3] = input(kind="operand", name="1", dtype=f32, shape=[3])
          %2: f32[2,3] = add(%0, %1)
          %3: f32[2,3] = exp(%2)
          fetch "0" = %3
        }
        program {
          %0: f32[2,3] = input(kind="feed", name="x:0", dtype=f32, shape=[2, 3])
          %1: f32[3] = input(kind="feed", name="b:0", dtype=f32, shape=[3])
          %2: f32[2,3] = fused(%0, %1, body=@1)
          %3: f32[2,3] = item(%2, index=0, dtype=f32, shape=[2, 3])
          fetch "y:0" = %3
        }
        """
    assert format_program(fuse(parse_program(textwrap.dedent(text).strip()))) == textwrap.dedent(after).strip()


def test_the_pass_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with tf.Graph().as_default(), override(print_stages=("after:fuse",)):
        x = tf.placeholder(tf.float32, [2, 3], name="x")
        tf.Session(backend="native").run(tf.exp(x + 1.0), {x: X})
    printed = capsys.readouterr().err
    assert printed.startswith("# after fuse\n") and "= fused(" in printed


def test_casts_selections_and_comparisons_are_steps() -> None:
    feeds = Feeds()
    x, y = feeds(X), feeds(X.astype(np.int32))
    result = call(ops.select, call(ops.greater, x, 0.0), x, call(cast_op, y, dtype=tf.float32))
    _, (loop,) = fused_of(call(ops.multiply, result, 2.0))
    assert sorted(steps_of(loop)) == ["cast", "greater", "multiply", "select"]


def test_a_reduction_takes_its_producer_in() -> None:
    x = Feeds()(X)
    square = call(ops.square, x)
    _, (loop,) = fused_of(call(reduce_sum_op, square, axis=(1,)), square, call(reduce_max_op, square, axis=(1,)))
    assert sorted(steps_of(loop)) == ["reduce_max", "reduce_sum", "square"]


def test_reductions_over_other_axes_are_other_loops() -> None:
    square = call(ops.square, Feeds()(X))
    _, loops = fused_of(call(reduce_sum_op, square, axis=(0,)), call(reduce_sum_op, square, axis=(1,)))
    assert len(loops) == 2


def test_what_takes_a_reduction_is_not_in_its_loop() -> None:
    x = Feeds()(X)
    exp = call(ops.exp, x)
    for keepdims in (True, False):
        total = call(reduce_sum_op, exp, axis=(0,), keepdims=keepdims)
        _, loops = fused_of(call(ops.divide, exp, total))
        assert [steps_of(loop) for loop in loops] == [["exp", "reduce_sum"], ["divide"]]
    # Of a single row the sum has the shape that it was made of.
    row = Feeds()(X[:1])
    scaled = call(ops.divide, call(ops.exp, row), call(reduce_sum_op, call(ops.exp, row), axis=(0,), keepdims=True))
    _, loops = fused_of(call(ops.exp, scaled))
    assert [steps_of(loop) for loop in loops] == [["exp", "reduce_sum"], ["divide", "exp"]]


def test_joining_makes_no_cycle() -> None:
    """`a` is used by `c` directly, and through a running sum, which is no step: both together would need their own result."""
    feeds = Feeds()
    a = call(ops.exp, feeds(X))
    b = call(ops.tanh, call(cumsum_op, a))
    c = call(ops.add, a, b)
    _, loops = fused_of(c)
    assert len(loops) == 2
    check(fetching(c), feeds)
    # Two loops, each of which has something that the other one waits for.
    x, y = call(ops.exp, feeds(X)), call(ops.tanh, feeds(X))
    over, under = call(ops.add, call(cumsum_op, x), y), call(ops.subtract, x, call(cumsum_op, call(ops.negative, y)))
    program, _ = fused_of(over, under, call(ops.multiply, over, under))
    check(fetching(over, under, call(ops.multiply, over, under)), feeds)
    assert any(node.op is cumsum_op for node in program.nodes())


def test_a_cycle_through_a_third_loop_is_found() -> None:
    """From `a` to `d` through a loop over another shape."""
    feeds = Feeds()
    a = call(ops.exp, feeds(X))
    mean = call(ops.sqrt, call(reduce_sum_op, call(cumsum_op, a), axis=(0,)))
    d = call(ops.multiply, a, mean)
    _, loops = fused_of(d)
    assert sorted(map(steps_of, loops), key=str) == [["exp"], ["multiply"], ["reduce_sum"], ["sqrt"]]
    check(fetching(d), feeds)


def test_a_cheap_step_is_done_again_where_it_is_used() -> None:
    """`w - 0.1` is part of the loss, of the norm and of the update; it is stored nowhere."""
    feeds = Feeds()
    w = feeds(X, "variable")
    away = call(ops.subtract, w, 0.1)
    loss = call(reduce_sum_op, call(ops.square, away), axis=None)
    gradient = call(ops.multiply, away, 2.0)
    norm = call(ops.sqrt, call(reduce_sum_op, call(ops.square, gradient), axis=(0, 1)))
    new = call(ops.subtract, w, call(ops.divide, call(ops.add, away, gradient), norm))
    _, loops = fused_of(loss, x0=new)
    stored = [node for loop in loops for node in loop.types if node.shape == (2, 3)]
    doing = [loop for loop in loops if any(n.op is ops.subtract and n.inputs[0].op is INPUT for n in loop.attributes["body"].nodes())]
    assert len(doing) > 1, "each loop does it for itself"
    assert len(stored) <= 2, "the new value, and at most the gradient"
    check(fetching(loss, x0=new), feeds)


def test_scalar_steps_that_need_inputs_alone_are_one_loop() -> None:
    feeds = Feeds()
    powers = [feeds(np.float32(value), "variable") for value in (0.9, 0.99)]
    rate = call(ops.multiply, feeds(np.float32(2.0)), 0.5)
    _, loops = fused_of(rate, *[call(ops.multiply, power, 0.9) for power in powers])
    assert [steps_of(loop) for loop in loops] == [["multiply"] * 3]


def test_an_update_of_adam_with_clipping_is_one_loop_for_each_variable() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [5, 4])
        w, b = tf.get_variable("w", [4, 3]), tf.get_variable("b", [3])
        loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b))
        step = tf.train.get_or_create_global_step()
        train_op = tf.contrib.layers.optimize_loss(loss, step, 0.01, "Adam", clip_gradients=1.0)
        session = tf.Session(backend="native")
        session.run(tf.global_variables_initializer())
        program = session.compiled(train_op, {x: np.ones((5, 4), np.float32)}).plan.program
    new = {name: node for kind, name, node in program.outputs if kind == "update"}
    for name, shape in (("w", (4, 3)), ("b", (3,))):
        made = [node for found, node in new.items() if found == name or found.startswith((f"{name}/", f"OptimizeLoss/{name}/"))]
        (loop,) = {node.inputs[0] for node in made}
        assert len(made) == 3 == len(loop.types)
        arrays = [source for source in loop.inputs if source.shape == shape]
        assert len(arrays) == 4, "the variable, its two slots and its gradient, once each"
        assert all(source.shape in (shape, ()) for source in loop.inputs)


def test_a_loop_has_no_more_operands_and_steps_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = Feeds()
    total = feeds(X)
    for _ in range(60):
        total = call(ops.add, total, feeds(X))
    _, loops = fused_of(total)
    assert len(loops) > 2 and all(len(loop.inputs) <= fusion.MOST_OPERANDS for loop in loops)
    check(fetching(total), feeds)
    _, loops = fused_of(chain(feeds(X), 400))
    assert len(loops) == 3 and all(len(steps_of(loop)) <= fusion.MOST_STEPS for loop in loops)
    monkeypatch.setattr(fusion, "MOST_STEPS", 2)
    _, loops = fused_of(chain(feeds(X), 6))
    assert len(loops) == 3


def test_what_is_no_number_or_may_fail_is_no_step() -> None:
    feeds = Feeds()
    names, divisor = feeds(np.array(["a", "b"], object)), feeds(np.int32([1, 2]))
    _, loops = fused_of(call(ops.add, names, names), call(ops.floordiv, divisor, divisor))
    assert loops == []


def test_the_origins_of_steps_are_kept() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2, 3])
        y = tf.exp(x + 1.0, name="mine")
        session = tf.Session(backend="native")
        program: Any = session.compiled(y, {x: X}).plan.program
    (loop,) = loops_of(program)
    assert program.origins[loop].name == "mine"


def check(program: Program, feeds: Feeds) -> None:
    """Check that NumPy gives the same bits for the program before and after."""
    made = fuse(program)
    verify(made)
    for a, b in zip(expected_of(made, feeds.named), expected_of(program, feeds.named), strict=True):
        assert has_same_bits(a, b)


@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, 200, 50)], ids=str)
def test_random_programs_mean_the_same_after_fusion(seeds: range) -> None:
    for seed in seeds:
        loop = RandomLoop(1000 + seed)
        check(loop.program, loop.feeds)
