"""The settings that the environment gives: read when graphopt is imported, so each case is a process of its own."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import graphopt as tf
x = tf.placeholder(tf.float32, [])
y = -(-(x * 1.0))
with tf.Session() as session:
    assert session.run(y, {x: 3.0}) == 3.0
    print(len(session.compiled(y, {x: 3.0}).plan.order), "steps;", session.plan_of(y) is not None)
"""


def run(**environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "GRAPHOPT_BACKEND": "numpy", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("level", "steps"), [("0", 3), ("1", 0), ("2", 0), ("3", 0)])
def test_the_optimisation_level(level: str, steps: int) -> None:
    assert run(GRAPHOPT_OPTIMIZE=level, GRAPHOPT_VERIFY="1").stdout == f"{steps} steps; True\n"


def test_stages_are_printed() -> None:
    printed = run(GRAPHOPT_PRINT="after:specialize,after:simplify").stderr
    assert printed.index("# after specialize") < printed.index("negative(") < printed.index("# after simplify")
    assert "negative(" not in printed.split("# after simplify")[1].split("# after")[0]


def test_the_generated_source_may_be_used_at_once() -> None:
    assert run(GRAPHOPT_HOT_AFTER="0").returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("GRAPHOPT_OPTIMIZE", "9", "The environment variable GRAPHOPT_OPTIMIZE must be a whole number from 0 to 3, got '9'."),
        ("GRAPHOPT_OPTIMIZE", "abc", "The environment variable GRAPHOPT_OPTIMIZE must be a whole number from 0 to 3, got 'abc'."),
        ("GRAPHOPT_HOT_AFTER", "-1", "The environment variable GRAPHOPT_HOT_AFTER must be a whole number, got '-1'."),
        ("GRAPHOPT_PRINT", "after:nope", "GRAPHOPT_PRINT names the unknown stage 'after:nope'; there are: after:specialize, after:prune"),
        ("GRAPHOPT_BACKEND", "foo", "There is no backend 'foo'; there are: auto, numpy, native (GRAPHOPT_BACKEND chooses)."),
    ],
)
def test_a_value_that_means_nothing_is_refused(name: str, value: str, text: str) -> None:
    result = run(**{name: value})
    assert result.returncode != 0
    assert text in result.stderr
