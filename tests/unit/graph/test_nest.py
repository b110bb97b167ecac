"""Nested structures taken apart and put together."""

import re
from collections import OrderedDict, namedtuple

import pytest

from graphopt.graph.nest import assert_same_structure, flatten, is_nested, map_structure, pack_sequence_as

Pair = namedtuple("Pair", ["a", "b"])


@pytest.mark.parametrize(
    "structure", [1, [1, (2, [3])], Pair(1, [2, 3]), {"b": 2, "a": [1]}, OrderedDict([("b", 2), ("a", 1)]), [], {}, [(), {"x": []}]]
)
def test_there_and_back(structure):
    packed = pack_sequence_as(structure, flatten(structure))
    assert packed == structure
    assert type(packed) is type(structure)


def test_order_of_leaves():
    assert flatten({"b": 1, "a": (2, 3)}) == [2, 3, 1]
    assert list(pack_sequence_as(OrderedDict([("b", 0), ("a", 0)]), [1, 2]).items()) == [("b", 2), ("a", 1)]
    assert flatten("text") == ["text"]
    assert is_nested([1])
    assert not is_nested("text")


def test_map():
    assert map_structure(lambda x: x * 2, {"a": [1, 2]}) == {"a": [2, 4]}
    assert map_structure(lambda x, y: x + y, Pair(1, [2]), Pair(10, [20])) == Pair(11, [22])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: pack_sequence_as([1, 2], [1]),
            ValueError,
            "Could not pack sequence. Structure had 2 elements, but flat_sequence had 1 elements.",
        ),
        (lambda: flatten({1: 0, "a": 0}), TypeError, "nest only supports dicts with sortable keys."),
        (lambda: assert_same_structure([1], 1), ValueError, "The two structures don't have the same nested structure."),
        (lambda: assert_same_structure([1], (1,)), TypeError, "The two structures don't have the same sequence type."),
        (lambda: assert_same_structure([1], [1, 2]), ValueError, "The two structures don't have the same number of elements."),
        (
            lambda: assert_same_structure({"a": 1}, {"b": 1}),
            ValueError,
            "The two dictionaries don't have the same set of keys: ['a'] and ['b'].",
        ),
        (lambda: map_structure(max, [1], [[1]]), ValueError, "The two structures don't have the same nested structure."),
    ],
)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        call()
