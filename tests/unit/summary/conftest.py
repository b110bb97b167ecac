"""A fresh default graph for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as fresh:
        yield fresh
