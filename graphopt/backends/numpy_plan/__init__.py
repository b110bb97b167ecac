"""The numpy backend: a plan as a list of closures, then as generated source with preallocated buffers."""

from graphopt.backends.numpy_plan.executable import NumpyExecutable as NumpyExecutable
