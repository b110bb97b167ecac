"""`tf.test`: what scripts with tests took from it."""

from __future__ import annotations

import unittest
from typing import Any

from graphopt.graph.graph import get_default_graph, reset_default_graph
from graphopt.runtime.session import Session
from graphopt.testing.gradient_checker import compute_gradient as compute_gradient
from graphopt.testing.gradient_checker import compute_gradient_error as compute_gradient_error


class TestCase(unittest.TestCase):
    """A test case with a fresh default graph for each test and `test_session`."""

    def setUp(self) -> None:
        """Forget the graph of the test before."""
        super().setUp()
        reset_default_graph()

    def test_session(self, graph: Any = None, config: Any = None) -> Session:
        """Return a session on `graph`, or on the default graph."""
        return Session(graph=graph or get_default_graph(), config=config)

    session = test_session


def is_gpu_available(cuda_only: bool = False, min_cuda_compute_capability: Any = None) -> bool:
    """Return False: graphopt runs on the processor.

    >>> tf.test.is_gpu_available(cuda_only=True)
    False
    """
    return False


def is_built_with_cuda() -> bool:
    """Return False: graphopt runs on the processor.

    >>> tf.test.is_built_with_cuda()
    False
    """
    return False


def gpu_device_name() -> str:
    """Return "": there is no GPU that graphopt uses.

    >>> tf.test.gpu_device_name()
    ''
    """
    return ""


main = unittest.main
