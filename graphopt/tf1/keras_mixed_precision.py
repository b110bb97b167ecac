"""`tf.keras.mixed_precision`: loss scaling."""

from graphopt.train.keras.loss_scale import LossScaleOptimizer as LossScaleOptimizer
