"""`tf.keras`: Keras's optimizers."""

from graphopt.tf1 import keras_mixed_precision, keras_optimizers

mixed_precision = keras_mixed_precision
optimizers = keras_optimizers
