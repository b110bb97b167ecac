"""`tensorflow.python...`: the few modules inside TensorFlow that training scripts reached into."""

from types import SimpleNamespace

from graphopt.train.averages import ExponentialMovingAverage, assign_moving_average, weighted_moving_average

training = SimpleNamespace(
    moving_averages=SimpleNamespace(
        ExponentialMovingAverage=ExponentialMovingAverage,
        assign_moving_average=assign_moving_average,
        weighted_moving_average=weighted_moving_average,
    )
)
