"""Programs before and after a pass, in the text form."""

import textwrap

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.compiler.passes.expand import expand
from graphopt.compiler.passes.fold import MAX_FOLDED_BYTES, fold_constants
from graphopt.compiler.passes.prune import prune
from graphopt.compiler.passes.simplify import simplify
from graphopt.compiler.passes.specialize import specialize
from graphopt.compiler.pipeline import PASSES, optimize
from graphopt.config import override
from graphopt.ir.node import constant_node
from graphopt.ir.program import Output, Program
from graphopt.ir.text import format_program, parse_program
from graphopt.ir.types import TensorType
from graphopt.ir.verify import verify


def program(text: str) -> Program:
    parsed = parse_program(textwrap.dedent(text).strip())
    verify(parsed)
    return parsed


def check(run_pass, before: str, after: str) -> None:
    result = run_pass(program(before))
    verify(result)
    assert format_program(result) == textwrap.dedent(after).strip()


X = '%0: f32[2,3] = input(kind="feed", name="x:0", dtype=f32, shape=[2, 3])'


def test_the_passes_stand_in_this_order():
    assert [name for name, _ in PASSES] == ["prune", "expand", "fold", "simplify", "fold-again", "prune-again"]


def test_prune_drops_updates_that_keep_the_value_and_checks_that_are_done():
    check(
        prune,
        """
        program {
          %0: f32[] = input(kind="variable", name="v", dtype=f32, shape=[])
          %1: bool[] = const(value=bool[] true)
          %2: f32[] = input(kind="variable", name="w", dtype=f32, shape=[])
          %3: f32[] = negative(%2)
          effect "effect:0" = %1
          fetch "v:0" = %0
          update "v" = %0
          update "w" = %3
        }
        """,
        """
        program {
          %0: f32[] = input(kind="variable", name="v", dtype=f32, shape=[])
          %1: f32[] = input(kind="variable", name="w", dtype=f32, shape=[])
          %2: f32[] = negative(%1)
          fetch "v:0" = %0
          update "w" = %2
        }
        """,
    )


def test_prune_keeps_an_update_with_another_variable_s_value():
    text = """
        program {
          %0: f32[] = input(kind="variable", name="v", dtype=f32, shape=[])
          update "w" = %0
        }
        """
    check(prune, text, text)


def test_expand_replaces_composite_ops_and_keeps_better_kernels():
    check(
        expand,
        f"""
        program {{
          {X}
          %1: f32[] = reduce_mean(%0, axis=null, keepdims=false)
          %2: f32[] = l2_loss(%0)
          fetch "mean:0" = %1
          fetch "half:0" = %2
        }}
        """,
        f"""
        program {{
          {X}
          %1: f32[] = reduce_sum(%0, axis=null, keepdims=false)
          %2: f32[] = const(value=f32[] 6.0)
          %3: f32[] = divide(%1, %2)
          %4: f32[] = l2_loss(%0)
          fetch "mean:0" = %3
          fetch "half:0" = %4
        }}
        """,
    )


def test_fold_computes_what_depends_on_no_input():
    check(
        fold_constants,
        """
        program {
          %0: f32[] = const(value=f32[] 2.0)
          %1: f32[] = const(value=f32[] 3.0)
          %2: f32[] = multiply(%0, %1)
          %3: f32[] = input(kind="feed", name="x:0", dtype=f32, shape=[])
          %4: f32[] = add(%3, %2)
          fetch "y:0" = %4
        }
        """,
        """
        program {
          %0: f32[] = input(kind="feed", name="x:0", dtype=f32, shape=[])
          %1: f32[] = const(value=f32[] 6.0)
          %2: f32[] = add(%0, %1)
          fetch "y:0" = %2
        }
        """,
    )


def test_fold_leaves_large_results_and_what_fails():
    size = MAX_FOLDED_BYTES // 4 + 1
    for text in (
        f"""
        program {{
          %0: i32[1] = const(value=i32[1] [{size}])
          %1: f32[] = const(value=f32[] 1.0)
          %2: f32[{size}] = fill(%0, %1)
          fetch "big:0" = %2
        }}
        """,
        """
        program {
          %0: i32[] = const(value=i32[] 1)
          %1: i32[] = const(value=i32[] 0)
          %2: i32[] = floordiv(%0, %1)
          fetch "fails:0" = %2
        }
        """,
    ):
        check(fold_constants, text, text)


def test_specialize_gives_inputs_their_actual_shapes():
    check(
        lambda p: specialize(p, {("feed", "x:0"): TensorType(dtypes.float32, (4, 3))}),
        """
        program {
          %0: f32[?,3] = input(kind="feed", name="x:0", dtype=f32, shape=[null, 3])
          %1: i32[2] = shape(%0, dtype=null)
          %2: f32[?,3] = tanh(%0)
          fetch "shape:0" = %1
          fetch "y:0" = %2
        }
        """,
        """
        program {
          %0: i32[2] = const(value=i32[2] [4, 3])
          %1: f32[4,3] = input(kind="feed", name="x:0", dtype=f32, shape=[4, 3])
          %2: f32[4,3] = tanh(%1)
          fetch "shape:0" = %0
          fetch "y:0" = %2
        }
        """,
    )


def test_simplify_applies_exact_rules_only_where_they_are_exact():
    check(
        simplify,
        """
        program {
          %0: f32[2] = input(kind="feed", name="x:0", dtype=f32, shape=[2])
          %1: f32[] = const(value=f32[] 1.0)
          %2: f32[] = const(value=f32[] 0.0)
          %3: f32[2] = multiply(%0, %1)
          %4: f32[2] = subtract(%3, %2)
          %5: f32[2] = add(%4, %2)
          fetch "y:0" = %5
        }
        """,
        """
        program {
          %0: f32[2] = input(kind="feed", name="x:0", dtype=f32, shape=[2])
          %1: f32[] = const(value=f32[] 0.0)
          %2: f32[2] = add(%0, %1)
          fetch "y:0" = %2
        }
        """,
    )


def test_simplify_moves_a_transpose_into_the_product():
    check(
        simplify,
        """
        program {
          %0: f32[3,2] = input(kind="feed", name="a:0", dtype=f32, shape=[3, 2])
          %1: f32[2,3] = transpose(%0, perm=[1, 0])
          %2: f32[3,4] = input(kind="feed", name="b:0", dtype=f32, shape=[3, 4])
          %3: f32[2,4] = matmul(%1, %2, transpose_a=false, transpose_b=false)
          fetch "c:0" = %3
        }
        """,
        """
        program {
          %0: f32[3,2] = input(kind="feed", name="a:0", dtype=f32, shape=[3, 2])
          %1: f32[3,4] = input(kind="feed", name="b:0", dtype=f32, shape=[3, 4])
          %2: f32[2,4] = matmul(%0, %1, transpose_a=true, transpose_b=false)
          fetch "c:0" = %2
        }
        """,
    )


def test_common_subexpressions_are_one_node_by_interning():
    parsed = program(
        """
        program {
          %0: f32[2] = input(kind="feed", name="x:0", dtype=f32, shape=[2])
          %1: f32[2] = tanh(%0)
          %2: f32[2] = tanh(%0)
          %3: f32[2] = add(%1, %2)
          fetch "y:0" = %3
        }
        """
    )
    assert [node.op.name for node in parsed.nodes()] == ["input", "tanh", "add"]


def test_level_0_runs_no_pass_that_changes_arithmetic():
    text = """
        program {
          %0: f32[2] = input(kind="feed", name="x:0", dtype=f32, shape=[2])
          %1: f32[] = const(value=f32[] 1.0)
          %2: f32[2] = multiply(%0, %1)
          fetch "y:0" = %2
        }
        """
    with override(optimize=0):
        assert optimize(program(text), {}) == program(text)
    with override(optimize=1):
        assert [node.op.name for node in optimize(program(text), {}).nodes()] == ["input"]


def test_stages_are_printed_and_verified_on_request(capsys):
    text = """
        program {
          %0: f32[] = input(kind="feed", name="x:0", dtype=f32, shape=[])
          %1: f32[] = negative(%0)
          %2: f32[] = negative(%1)
          fetch "y:0" = %2
        }
        """
    with override(print_stages=("after:simplify",), verify=True):
        optimize(program(text), {})
    printed = capsys.readouterr().err
    assert printed.startswith("# after simplify\nprogram {")
    assert "negative" not in printed


@pytest.mark.parametrize("value", [np.float32(np.nan), np.float32(np.inf), np.float32(-0.0), np.arange(100, dtype=np.float64)])
def test_constants_survive_the_text_form_bit_for_bit(value):
    before = Program([Output("fetch", "c:0", constant_node(value))])
    assert parse_program(format_program(before)).outputs[0].node.value.tobytes() == np.asarray(value).tobytes()
