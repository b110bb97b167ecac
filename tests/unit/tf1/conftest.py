"""A fresh default graph for each test."""

from collections.abc import Iterator

import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as fresh:
        yield fresh
