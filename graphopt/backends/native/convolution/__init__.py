"""Convolutions: matrix products whose left factor is read from the images where they stand."""

from graphopt.backends.native.convolution import depthwise, lower_conv2d, lower_input_gradient

__all__ = ["depthwise", "lower_conv2d", "lower_input_gradient"]
