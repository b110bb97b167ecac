"""`tf.random` and the top-level names of TensorFlow 1's random numbers, with its argument orders."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.ops import philox, random


def set_random_seed(seed: int | None) -> None:
    """Set the seed of the default graph: it makes the numbers of all random operations recorded from here on repeatable.

    Args:
      seed: an int, or None to take it away.

    Example:
      >>> tf.set_random_seed(1)
      >>> x = tf.random_normal([2], name="x")
      >>> bool((tf.Session().run(x) == tf.Session().run(x)).all())
      True
    """
    get_default_graph().seed = None if seed is None else int(seed)


def get_seed(op_seed: int | None) -> tuple[int | None, int | None]:
    """Return the seeds of an operation recorded now: its graph's, and its own.

    Args:
      op_seed: the operation's seed. Without one the second is None: the operation's name gives it when it runs.
    """
    graph_seed = get_default_graph().seed
    if op_seed is None:
        return graph_seed, None
    return philox.seed_pair(graph_seed, int(op_seed), "")


def random_uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = dtypes.float32, seed: int | None = None,
                   name: str | None = None) -> Tensor:  # fmt: skip
    """Return uniform random numbers of [minval, maxval).

    Args:
      shape: an integer vector. minval, maxval: bounds (maxval: 1 by default; integers need it).
      dtype: float16, float32, float64, int32 or int64. seed: makes the numbers repeatable. name: scope of the operations.

    Raises:
      ValueError: for another element type, or integers without maxval.
    """
    return random.random_uniform(shape, minval, maxval, dtype=dtype, seed=seed, name=name)


def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, seed: int | None = None,
                  name: str | None = None) -> Tensor:  # fmt: skip
    """Return random numbers of the normal distribution.

    Args:
      shape: an integer vector. mean, stddev: of the distribution. dtype: a float type. seed: makes the numbers repeatable.
      name: scope of the operations.
    """
    return random.random_normal(shape, mean, stddev, dtype=dtype, seed=seed, name=name)


def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = dtypes.float32, seed: int | None = None,
                     name: str | None = None) -> Tensor:  # fmt: skip
    """Return random numbers of the normal distribution, none further than two standard deviations from the mean.

    Arguments as for `random_normal`.
    """
    return random.truncated_normal(shape, mean, stddev, dtype=dtype, seed=seed, name=name)


def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return the rows of a tensor in random order."""
    return random.random_shuffle(value, seed=seed, name=name)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return a part of a tensor at a random place.

    Args:
      value: any tensor. size: an integer for each axis. seed: makes the place repeatable. name: scope of the operations.

    Raises:
      ValueError: when the part is known to be larger (InvalidArgumentError when only the run knows).
    """
    return random.random_crop(value, size, seed=seed, name=name)


def multinomial(logits: Any, num_samples: Any, seed: int | None = None, name: str | None = None, output_dtype: Any = None) -> Tensor:
    """Return classes drawn for each row of log-odds.

    Args:
      logits: unnormalised log-probabilities ``[batch, classes]``. num_samples: how many to draw for each row.
      seed: makes the draws repeatable. name: scope of the operations. output_dtype: int64 (the default) or int32.
    """
    return random.multinomial(logits, num_samples, seed=seed, name=name, dtype=output_dtype or dtypes.int64)


def categorical(logits: Any, num_samples: Any, dtype: Any = None, seed: int | None = None, name: str | None = None) -> Tensor:
    """Return classes drawn for each row of log-odds: `multinomial` under its newer name."""
    return random.multinomial(logits, num_samples, seed=seed, name=name or "categorical", dtype=dtype or dtypes.int64)


def random_gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = dtypes.float32, seed: int | None = None,
                 name: str | None = None) -> Tensor:  # fmt: skip
    """Return random numbers of gamma distributions.

    Args:
      shape: an integer vector. alpha: shape parameters. beta: rates, 1 by default. dtype: a float type.
      seed: makes the numbers repeatable. name: scope of the operations.
    """
    return random.random_gamma(shape, alpha, beta, dtype=dtype, seed=seed, name=name)


# `tf.random` leaves "random" out of the names.
gamma = random_gamma
normal = random_normal
shuffle = random_shuffle
uniform = random_uniform
