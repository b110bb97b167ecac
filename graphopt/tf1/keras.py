"""`tf.keras`: Keras's optimizers."""

from graphopt.tf1 import keras_optimizers as optimizers

__all__ = ["optimizers"]
