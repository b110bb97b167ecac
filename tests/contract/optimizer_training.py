"""The losses on which every optimizer trains, and what some need for them besides the example of the registry."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphopt as tf

CURVATURE = np.linspace(0.5, 2.0, 12).reshape(3, 4)


def parabola() -> Any:
    """A parabola in a matrix and a vector, whose lowest point is 0 away from the start."""
    matrix = tf.Variable(np.linspace(-2.0, 3.0, 12).reshape(3, 4), name="matrix")
    vector = tf.Variable(np.array([2.0, -1.0]), name="vector")
    return 0.5 * (tf.reduce_sum(CURVATURE * tf.square(matrix - 0.5)) + tf.reduce_sum(tf.square(vector)))


def rosenbrock() -> Any:
    """Rosenbrock's function from its usual start, where it is 24.2: a curved valley, 1000 times as steep across as along."""
    w = tf.Variable(np.array([-1.2, 1.0]), name="w")
    return tf.square(1.0 - w[0]) + 100.0 * tf.square(w[1] - tf.square(w[0]))


STEEP = "its steps grow with the gradient, and the steep sides of the valley allow rates up to 2/1000"
RELATIVE = "its steps are as long as the rate says, whatever the gradient: long ones jump from side to side of the valley"
PAPER = "the larger ε of the example is in a hurry that the valley does not allow: the paper's small one"
DESCENT, MOMENTUM = {"learning_rate": 0.001}, {"learning_rate": 0.001, "momentum": 0.9}
INSIDE = {"opt": tf.train.MomentumOptimizer(0.001, 0.9)}
ADADELTA = {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-8}

# For Rosenbrock: other arguments than the example's, and why.
FOR_ROSENBROCK: dict[str, tuple[dict[str, Any], str]] = {
    "contrib.opt.AddSignOptimizer": (DESCENT, STEEP),
    "contrib.opt.LARSOptimizer": ({"learning_rate": 0.3}, RELATIVE),
    "contrib.opt.MomentumWOptimizer": (MOMENTUM, STEEP),
    "contrib.opt.MovingAverageOptimizer": (INSIDE, STEEP),
    "contrib.opt.MultitaskOptimizerWrapper": (INSIDE, STEEP),
    "contrib.opt.PowerSignOptimizer": ({"learning_rate": 0.0005}, STEEP),
    "contrib.opt.VariableClippingOptimizer": (INSIDE, STEEP),
    "keras.optimizers.Adadelta": (ADADELTA, PAPER),
    "keras.optimizers.SGD": (MOMENTUM, STEEP),
    "keras.optimizers.legacy.Adadelta": (ADADELTA, PAPER),
    "optimizers.Adafactor": ({"learning_rate": 0.02}, RELATIVE),
    "optimizers.LAMB": ({"learning_rate": 0.01}, RELATIVE),
    "optimizers.LARS": ({"learning_rate": 0.1}, RELATIVE),
    "optimizers.NovoGrad": ({"learning_rate": 0.01}, RELATIVE),
    "optimizers.RAdam": ({"learning_rate": 0.005}, "its first steps are plain gradient descent: " + STEEP),
    "optimizers.SAM": ({"learning_rate": 0.0015, "rho": 0.01}, STEEP),
    "optimizers.SM3": ({"learning_rate": 0.5}, "it adds up all squares, and the first ones are large"),
    "optimizers.ScheduleFreeSGD": ({"learning_rate": 0.002}, STEEP),
    "optimizers.SignSGD": ({"learning_rate": 0.001}, RELATIVE),
    "train.AdadeltaOptimizer": (ADADELTA, PAPER),
    "train.GradientDescentOptimizer": (DESCENT, STEEP),
    "train.MomentumOptimizer": (MOMENTUM, STEEP),
    "train.ProximalGradientDescentOptimizer": (DESCENT, STEEP),
}
