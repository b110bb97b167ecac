"""Noise that is added to gradients."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.ops.array import shape_of
from graphopt.ops.elementwise import add, cast, divide, multiply, power, sqrt
from graphopt.ops.random import random_normal, truncated_normal
from graphopt.train.hyper import NON_NEGATIVE, check_hyper
from graphopt.train.stages.stage import Pairs, Stage, Step, each_gradient, stage, to_dense
from graphopt.train.unknown_arguments import naming_nearest


@naming_nearest
def add_noise(scale: Any) -> Stage:
    """Return the stage that adds normal noise, cut at two standard deviations, times `scale`; sparse rows become dense.

    Args:
      scale: a number, scalar tensor, schedule or callable. The noise is fresh in every run.

    Source: tensorflow/contrib/layers/python/layers/optimizers.py (r1.15).

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> noisy = tf.train.stages.add_noise(0.0)([(tf.constant([3.0, 4.0]), w)])
      >>> tf.Session().run(noisy[0][0])
      array([3., 4.], dtype=float32)
    """

    check_hyper(scale, "gradient_noise_scale")

    def function(pairs: Pairs, step: Step) -> Pairs:
        size = step.hyper("gradient_noise_scale", scale)
        return _with_noise(pairs, truncated_normal, lambda dtype: size.in_type(dtype))

    return stage("add noise", function, scale=scale)


@naming_nearest
def add_annealed_noise(eta: Any, gamma: Any = 0.55) -> Stage:
    """Return the stage that adds normal noise of variance ``eta / (1 + t)^gamma``, `t` the global step; sparse rows become dense.

    Args:
      eta: the variance in the first step. gamma: how fast it falls. Numbers, scalar tensors, schedules or callables.

    Raises:
      ValueError: when there is no global step.

    Source: Neelakantan et al. 2015, https://arxiv.org/abs/1511.06807.

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> count = tf.train.get_or_create_global_step()
      >>> noisy = tf.train.stages.add_annealed_noise(0.0)([(tf.constant([3.0, 4.0]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(noisy[0][0]))
      [3. 4.]
    """

    check_hyper(eta, "gradient_noise_eta", NON_NEGATIVE)
    check_hyper(gamma, "gradient_noise_gamma")

    def function(pairs: Pairs, step: Step) -> Pairs:
        if step.global_step is None:
            raise ArgumentError("Annealed noise needs a global step: make one with tf.train.get_or_create_global_step().")
        first = step.hyper("gradient_noise_eta", eta, NON_NEGATIVE).tensor
        falls = step.hyper("gradient_noise_gamma", gamma).tensor
        count = add(cast(convert_to_tensor(step.global_step), first.dtype), 1.0)
        deviation = sqrt(divide(first, power(count, falls)))
        return _with_noise(pairs, random_normal, lambda dtype: cast(deviation, dtype))

    return stage("add annealed noise", function, eta=eta, gamma=gamma)


def _with_noise(pairs: Pairs, draw: Any, scale: Any) -> Pairs:
    def noisy(gradient: Any, variable: Any) -> Any:
        dense = to_dense(gradient, variable)
        return add(dense, multiply(draw(shape_of(dense), dtype=dense.dtype), scale(dense.dtype)))

    return each_gradient(noisy, pairs)
