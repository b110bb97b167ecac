"""The eight workloads of the benchmark, in small: natively from end to end, with the numbers of numpy."""

from typing import Any

import numpy as np
import pytest
from training_ops import WORKLOADS, session_of

import graphopt as tf

STEPS = {"wide": 12, "lenet": 12}

# How far the losses may be apart, relatively. Sums are taken in another order, and what that makes of a float32 grows from step to step.
CLOSE = {"regression": 1e-6, "small": 1e-6, "middle": 2e-5, "wide": 2e-5, "lenet": 1e-5, "embedding": 1e-6, "lstm": 1e-6, "large": 1e-6}


def _trained(name: str, backend: str, threads: int = 0, steps: int = 0) -> tuple[Any, Any]:
    """Return the losses of all steps and the compiled step."""
    with tf.Graph().as_default():
        train_op, feeds = WORKLOADS[name]()
        session = session_of(backend, threads)
        step = session.make_callable(train_op, list(feeds))
        losses = [step(*feeds.values()) for _ in range(steps or STEPS.get(name, 50))]
        return np.array(losses), session.compiled(train_op, feeds)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_trains_as_with_numpy(name: str) -> None:
    expected, _ = _trained(name, "numpy")
    found, compiled = _trained(name, "native")
    np.testing.assert_allclose(found, expected, rtol=CLOSE[name])
    assert found[-1] < found[0]
    assert compiled.description.python_steps == ()
    assert compiled.backend == "native"


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    alone, _ = _trained(name, "native", 1, 5)
    together, compiled = _trained(name, "native", 2, 5)
    assert compiled.description.threads == 2
    assert alone.tobytes() == together.tobytes()
