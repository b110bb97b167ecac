"""A fresh default graph for each test, and `run`: the values of tensors in a new session."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphopt.ops.operators  # noqa: F401  (enters the operators)
from graphopt import dtypes
from graphopt.graph.graph import Graph
from graphopt.ops.control import placeholder
from graphopt.runtime.session import Session

Run = Callable[..., Any]


@pytest.fixture(autouse=True)
def fresh_graph() -> Iterator[Graph]:
    with Graph().as_default() as graph:
        yield graph


@pytest.fixture
def run() -> Run:
    def evaluate(fetches: Any, feed: Any = None) -> Any:
        with Session() as session:
            return session.run(fetches, feed)

    return evaluate


@pytest.fixture
def feed() -> Callable[..., Any]:
    """Return a placeholder of unknown sizes for an array."""

    def make(array: Any, shape: Any = "hidden") -> Any:
        value = np.asarray(array)
        known = (None,) * value.ndim if shape == "hidden" else shape
        return placeholder(dtype=dtypes.as_dtype(value.dtype), shape=known, name="x")

    return make
