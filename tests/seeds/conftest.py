"""What the tests of the documents share: a fresh default graph for each, and a session that initializes its variables."""

from collections.abc import Iterator
from typing import Any

import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as fresh:
        yield fresh


class Steps:
    """A session in which each variable gets its initial value before the first run after it was made."""

    def __init__(self) -> None:
        self.session: Any = None
        self.known: set[Any] = set()

    def __call__(self, fetches: Any, feeds: Any = None) -> Any:
        """Return the values of fetches, NumPy numbers and arrays as Python's."""
        if self.session is None:
            self.session = tf.Session()
        new = [v for v in tf.global_variables() if v not in self.known]
        if new:
            self.session.run(tf.variables_initializer(new))
            self.known.update(new)
        return _plain(self.session.run(fetches, feeds))


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.fixture
def run() -> Iterator[Steps]:
    """A function that runs fetches in one session; `run.session` is the session."""
    steps = Steps()
    yield steps
    if steps.session is not None:
        steps.session.close()
