"""Initializers: callables that give the initial value of a variable from its shape and element type."""
# Long because: one small class per initializer of TensorFlow 1.

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.constants import bind_constant, constant, zeros_value
from graphopt.graph.operation import Tensor
from graphopt.ops.array import reshape, transpose_op
from graphopt.ops.decompositions import qr_op
from graphopt.ops.elementwise import multiply, sign
from graphopt.ops.random import random_normal, random_uniform, truncated_normal

# The standard deviation of a standard normal variable cut at two of its own: truncated values are scaled up by it.
TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Base of all initializers: ``init(shape, dtype=None, partition_info=None)`` gives a tensor.

    `get_config` gives the arguments as plain values, `from_config` makes the same initializer from them.
    """

    # The names of the arguments, which are attributes too.
    arguments: ClassVar[tuple[str, ...]] = ()

    def __call__(self, shape: Sequence[int], dtype: Any = None, partition_info: Any = None) -> Tensor:
        """Return the initial value.

        Args:
          shape: a fully known shape. dtype: element type, by default the initializer's own. partition_info: not used.
        """
        own = getattr(self, "dtype", dtypes.float32)
        return self.value([int(size) for size in shape], own if dtype is None else dtypes.as_dtype(dtype))

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return the initial value; what a subclass defines."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain values."""
        config = {name: getattr(self, name) for name in self.arguments}
        return {name: value.name if isinstance(value, DType) else value for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Return the initializer that `get_config` described.

        >>> tf.random_normal_initializer.from_config(tf.random_normal_initializer(stddev=0.1).get_config()).stddev
        0.1
        """
        return cls(**config)


def _float_dtype(dtype: Any) -> DType:
    known = dtypes.as_dtype(dtype)
    if not known.is_floating:
        raise ArgumentError(f"Expected floating point type, got {known}.")
    return known


class Zeros(Initializer):
    """Zeros."""

    arguments = ("dtype",)

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return zeros."""
        return zeros_value(shape, dtype)


class Ones(Initializer):
    """Ones."""

    arguments = ("dtype",)

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return ones."""
        return bind_constant(np.ones(shape, dtype.np), "ones")


class Constant(Initializer):
    """A given value, filled up to the shape as `tf.constant` does.

    Raises:
      TypeError: for anything but a number, string, list or array.
    """

    arguments = ("value", "dtype")

    def __init__(self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise ArgumentTypeError(
                f"Invalid type for initial value: {type(value)} (expected Python scalar, list or tuple of values, or numpy.ndarray)."
            )
        self.value = value  # type: ignore[method-assign, assignment]
        self.dtype = dtypes.as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None, verify_shape: bool | None = None) -> Tensor:
        """Return the value in this shape; see `constant`."""
        verify = self._verify_shape if verify_shape is None else verify_shape
        return constant(self.value, self.dtype if dtype is None else dtype, shape, verify_shape=verify)


class RandomUniform(Initializer):
    """Random numbers between minval and maxval (floats: 1 by default)."""

    arguments = ("minval", "maxval", "seed", "dtype")

    def __init__(self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.minval = minval
        self.maxval = maxval
        self.seed = seed
        self.dtype = dtypes.as_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return random numbers."""
        tensor: Tensor = random_uniform(shape, self.minval, self.maxval, dtype=dtype, seed=self.seed)
        return tensor


class _Normal(Initializer):
    arguments = ("mean", "stddev", "seed", "dtype")

    def __init__(self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.mean = mean
        self.stddev = stddev
        self.seed = seed
        self.dtype = _float_dtype(dtype)


class RandomNormal(_Normal):
    """Normally distributed random numbers."""

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return random numbers."""
        tensor: Tensor = random_normal(shape, self.mean, self.stddev, dtype=dtype, seed=self.seed)
        return tensor


class TruncatedNormal(_Normal):
    """Normally distributed random numbers, those beyond two standard deviations drawn again."""

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return random numbers."""
        tensor: Tensor = truncated_normal(shape, self.mean, self.stddev, dtype=dtype, seed=self.seed)
        return tensor


class UniformUnitScaling(Initializer):
    """Uniform random numbers that keep the scale of the input: between ±sqrt(3 / inputs) times factor."""

    arguments = ("factor", "seed", "dtype")

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.factor = factor
        self.seed = seed
        self.dtype = _float_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return random numbers."""
        limit = math.sqrt(3 / max(1.0, float(np.prod(shape[:-1])))) * self.factor
        tensor: Tensor = random_uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)
        return tensor


class VarianceScaling(Initializer):
    """Random numbers with variance scale / n, where n counts inputs, outputs or their mean.

    Args:
      scale: a positive number. mode: "fan_in", "fan_out" or "fan_avg".
      distribution: "truncated_normal" (also "normal"), "untruncated_normal" or "uniform".

    Raises:
      ValueError: for any other of these.

    Source: He et al. 2015, https://arxiv.org/abs/1502.01852; Glorot and Bengio 2010.
    """

    arguments: ClassVar[tuple[str, ...]] = ("scale", "mode", "distribution", "seed", "dtype")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if scale <= 0.0:
            raise ArgumentError("`scale` must be positive float")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ArgumentError(f"Invalid `mode` argument: {mode}")
        distribution = str(distribution).lower()
        if distribution not in ("normal", "uniform", "truncated_normal", "untruncated_normal"):
            raise ArgumentError(f"Invalid `distribution` argument: {distribution}")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.seed = seed
        self.dtype = _float_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return random numbers."""
        fan_in, fan_out = fans(shape)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        scale = self.scale / max(1.0, count)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            tensor: Tensor = random_uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)
        elif self.distribution == "untruncated_normal":
            tensor = random_normal(shape, 0.0, math.sqrt(scale), dtype=dtype, seed=self.seed)
        else:
            tensor = truncated_normal(shape, 0.0, math.sqrt(scale) / TRUNCATED_STDDEV, dtype=dtype, seed=self.seed)
        return tensor


def fans(shape: Sequence[int]) -> tuple[float, float]:
    """Return how many inputs and outputs a unit of a weight of this shape has.

    >>> fans([3, 3, 8, 16]), fans([5]), fans([])
    ((72.0, 144.0), (5.0, 5.0), (1.0, 1.0))
    """
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = float(np.prod(shape[:-2]))
    return field * shape[-2], field * shape[-1]


class GlorotUniform(VarianceScaling):
    """Uniform random numbers between ±sqrt(6 / (inputs + outputs))."""

    arguments = ("seed", "dtype")

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class GlorotNormal(VarianceScaling):
    """Truncated normal random numbers with variance 2 / (inputs + outputs)."""

    arguments = ("seed", "dtype")

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


def he_normal(seed: int | None = None, dtype: Any = dtypes.float32) -> VarianceScaling:
    """Return the initializer of truncated normal numbers with variance 2 / inputs."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed, dtype)


def he_uniform(seed: int | None = None, dtype: Any = dtypes.float32) -> VarianceScaling:
    """Return the initializer of uniform numbers between ±sqrt(6 / inputs)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed, dtype)


def lecun_normal(seed: int | None = None, dtype: Any = dtypes.float32) -> VarianceScaling:
    """Return the initializer of truncated normal numbers with variance 1 / inputs."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed, dtype)


def lecun_uniform(seed: int | None = None, dtype: Any = dtypes.float32) -> VarianceScaling:
    """Return the initializer of uniform numbers between ±sqrt(3 / inputs)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed, dtype)


class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, times gain; leading dimensions are taken together.

    Raises:
      ValueError: for a shape of fewer than two dimensions.

    Source: Saxe et al. 2014, https://arxiv.org/abs/1312.6120.
    """

    arguments = ("gain", "seed", "dtype")

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = _float_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return the random matrix."""
        if len(shape) < 2:
            raise ArgumentError("The tensor to initialize must be at least two-dimensional")
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        matrix = _orthonormal([max(rows, columns), min(rows, columns)], dtype, self.seed)
        matrix = transpose_op(matrix) if rows < columns else matrix
        tensor: Tensor = multiply(reshape(matrix, shape), self.gain)
        return tensor


def _orthonormal(shape: list[int], dtype: DType, seed: int | None) -> Tensor:
    """Return a random matrix with orthonormal columns, uniform among all of them (hence the signs)."""
    q, r = qr_op(random_normal(shape, 0.0, 1.0, dtype=dtype, seed=seed))
    diagonal = multiply(r, np.eye(shape[1], dtype=dtype.np))
    signs: Tensor = sign(diagonal @ np.ones((shape[1], 1), dtype.np))
    return multiply(q, transpose_op(signs))


class Identity(Initializer):
    """The identity matrix, times gain (a rectangle of it where rows and columns differ).

    Raises:
      ValueError: for a shape that is not a matrix.
    """

    arguments = ("gain", "dtype")

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.dtype = _float_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return the matrix."""
        if len(shape) != 2:
            raise ArgumentError("Identity matrix initializer can only be used for 2D matrices.")
        return bind_constant((np.eye(shape[0], shape[1]) * self.gain).astype(dtype.np), "eye")


class ConvolutionDeltaOrthogonal(Initializer):
    """A convolution kernel that is zero but for its centre, where a random matrix has orthonormal rows, times gain.

    Raises:
      ValueError: for a shape without three to five dimensions, or with more inputs than outputs.

    Source: Xiao et al. 2018, https://arxiv.org/abs/1806.05393.
    """

    arguments = ("gain", "seed", "dtype")

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.seed = seed
        self.dtype = _float_dtype(dtype)

    def value(self, shape: list[int], dtype: DType) -> Tensor:
        """Return the kernel."""
        if not 3 <= len(shape) <= 5:
            raise ArgumentError("The tensor to initialize must be at least three-dimensional and at most five-dimensional")
        if shape[-2] > shape[-1]:
            raise ArgumentError("In_filters cannot be greater than out_filters.")
        rows = transpose_op(_orthonormal([shape[-1], shape[-2]], dtype, self.seed))
        centre = np.zeros((*shape[:-2], 1, 1), dtype.np)
        centre[tuple((size - 1) // 2 for size in shape[:-2])] = self.gain
        tensor: Tensor = multiply(rows, centre)
        return tensor
