"""Nested structures: lists, tuples, named tuples and dicts of anything, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError


def is_nested(value: Any) -> bool:
    """Return True for what is taken apart: lists, tuples and dicts."""
    return isinstance(value, (list, tuple, Mapping))


def flatten(structure: Any) -> list[Any]:
    """Return the leaves from left to right, those of a dict in the order of its sorted keys.

    >>> flatten({"b": [1, (2,)], "a": 0})
    [0, 1, 2]
    """
    return list(_leaves(structure))


def _leaves(structure: Any) -> Iterator[Any]:
    if isinstance(structure, Mapping):
        for key in _sorted_keys(structure):
            yield from _leaves(structure[key])
    elif isinstance(structure, (list, tuple)):
        for item in structure:
            yield from _leaves(item)
    else:
        yield structure


def _sorted_keys(structure: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(structure)
    except TypeError:
        raise ArgumentTypeError("nest only supports dicts with sortable keys.") from None


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Return the leaves in the form of `structure`.

    Raises:
      ValueError: when there are more or fewer leaves than the structure has.

    >>> pack_sequence_as({"b": [1, (2,)], "a": 0}, "xyz")
    {'a': 'x', 'b': ['y', ('z',)]}
    """
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ArgumentError(f"Could not pack sequence. Structure had {expected} elements, but flat_sequence had {len(leaves)} elements.")
    return _packed(structure, iter(leaves))


def _packed(structure: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, Mapping):
        values = {key: _packed(structure[key], leaves) for key in _sorted_keys(structure)}
        return type(structure)((key, values[key]) for key in structure) if type(structure) is not dict else values  # type: ignore[call-arg]
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*[_packed(item, leaves) for item in structure])
    if isinstance(structure, (list, tuple)):
        return type(structure)([_packed(item, leaves) for item in structure])
    return next(leaves)


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """Return the structure with `function` applied to the leaves (of several structures of one form, to those in the same place).

    >>> map_structure(lambda a, b: a + b, [1, (2,)], [10, (20,)])
    [11, (22,)]
    """
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return pack_sequence_as(structures[0], [function(*leaves) for leaves in zip(*map(flatten, structures), strict=True)])


def assert_same_structure(nest1: Any, nest2: Any) -> None:
    """Raise unless two structures have the same form.

    Raises:
      ValueError: when the numbers of elements differ, or one is a leaf. TypeError: when the kinds of the sequences differ.
    """
    if is_nested(nest1) != is_nested(nest2):
        raise ArgumentError(
            f"The two structures don't have the same nested structure. First structure: {nest1}. Second structure: {nest2}."
        )
    if not is_nested(nest1):
        return
    if type(nest1) is not type(nest2):
        raise ArgumentTypeError(
            f"The two structures don't have the same sequence type. First structure has type {type(nest1)}, "
            f"while second has type {type(nest2)}."
        )
    if len(nest1) != len(nest2):
        raise ArgumentError(
            f"The two structures don't have the same number of elements. First structure: {nest1}. Second structure: {nest2}."
        )
    if isinstance(nest1, Mapping):
        if set(nest1) != set(nest2):
            raise ArgumentError(f"The two dictionaries don't have the same set of keys: {sorted(nest1)} and {sorted(nest2)}.")
        nest1, nest2 = [nest1[key] for key in nest1], [nest2[key] for key in nest1]
    for first, second in zip(nest1, nest2, strict=True):
        assert_same_structure(first, second)
