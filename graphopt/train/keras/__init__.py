"""The Keras face of training: optimizers and learning-rate schedules under Keras's names, in graph mode."""
