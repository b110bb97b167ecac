"""Every family of lowerings, imported here so that the table of `lowering.py` is full."""

from graphopt.backends.native import convolution as convolution
from graphopt.backends.native import matrices as matrices
from graphopt.backends.native import movement as movement
from graphopt.backends.native import pooling as pooling
from graphopt.backends.native import products as products
from graphopt.backends.native import random_numbers as random_numbers
from graphopt.backends.native import rows as rows
from graphopt.backends.native import scans as scans
from graphopt.backends.native import selection as selection
