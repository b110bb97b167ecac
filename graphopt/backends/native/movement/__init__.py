"""Data movement: copies of boxes with any strides, borders, fills, and the lowerings made of them."""

from graphopt.backends.native.movement import along, diagonals, layout, padding, progressions
from graphopt.backends.native.movement.strided_copy import strided_copy_call

__all__ = ["along", "diagonals", "layout", "padding", "progressions", "strided_copy_call"]
