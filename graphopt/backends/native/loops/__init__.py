"""Fused loops: from a ``fused`` node to calls of one general kernel."""

from graphopt.backends.native.loops.lower import View as View
from graphopt.backends.native.loops.lower import contiguous_strides as contiguous_strides
from graphopt.backends.native.loops.lower import lower_loop as lower_loop
