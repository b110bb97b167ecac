"""`tf.contrib.training`: the simplest training loop, evaluation, and hyper-parameters."""

from types import SimpleNamespace

from graphopt.tf1.hparams import HParams
from graphopt.train import slim_stages
from graphopt.train.averages import assign_moving_average, weighted_moving_average
from graphopt.train.checkpoints import checkpoints_iterator, wait_for_new_checkpoint
from graphopt.train.create_train_op import create_train_op
from graphopt.train.monitored import evaluation
from graphopt.train.schedules import sgdr_decay
from graphopt.train.slim_train import contrib_train

training = SimpleNamespace(
    add_gradients_summaries=slim_stages.add_gradients_summaries,
    clip_gradient_norms=slim_stages.clip_gradient_norms,
    clip_gradient_norms_fn=slim_stages.clip_gradient_norms_fn,
    create_train_op=create_train_op,
    train=contrib_train,
    evaluate_once=evaluation.evaluate_once,
    evaluate_repeatedly=evaluation.evaluate_repeatedly,
    get_or_create_eval_step=evaluation.get_or_create_eval_step,
    StopAfterNEvalsHook=evaluation.StopAfterNEvalsHook,
    SummaryAtEndHook=evaluation.SummaryAtEndHook,
    multiply_gradients=slim_stages.multiply_gradients,
    assign_moving_average=assign_moving_average,
    sgdr_decay=sgdr_decay,
    HParams=HParams,
    checkpoints_iterator=checkpoints_iterator,
    wait_for_new_checkpoint=wait_for_new_checkpoint,
    weighted_moving_average=weighted_moving_average,
)
