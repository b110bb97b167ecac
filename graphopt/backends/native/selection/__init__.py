"""Ops that look at elements one by one: divisions, extremes and their positions, sorted order, permutations, checks of values."""

from graphopt.backends.native.selection import checks, elements, extremes, permutations, ranking

__all__ = ["checks", "elements", "extremes", "permutations", "ranking"]
