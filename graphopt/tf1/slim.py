"""`tf.contrib.slim`: what training scripts took from its `learning`."""

from types import SimpleNamespace

from graphopt.train.create_train_op import create_slim_train_op
from graphopt.train.slim_stages import add_slim_gradients_summaries, clip_gradient_norms, multiply_gradients

learning = SimpleNamespace(
    add_gradients_summaries=add_slim_gradients_summaries,
    clip_gradient_norms=clip_gradient_norms,
    create_train_op=create_slim_train_op,
    multiply_gradients=multiply_gradients,
)
