"""Random numbers. Importing this enters the lowerings."""

from graphopt.backends.native.random_numbers import drawing as drawing
from graphopt.backends.native.random_numbers import order as order
from graphopt.backends.native.random_numbers import truncated as truncated
