"""Matrix products: generated ones, dot products, BLAS, and which of them a node gets."""

from graphopt.backends.native.products import lower_matmul

__all__ = ["lower_matmul"]
