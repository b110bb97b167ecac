"""`tf.contrib`: what training scripts took from it."""

from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from graphopt.deferred import at_first_use
from graphopt.tf1 import contrib_framework, contrib_layers, contrib_summaries, contrib_weights, rnn_cell
from graphopt.tf1.arg_scope import add_arg_scope, arg_scope
from graphopt.tf1.rnn import static_bidirectional_rnn, static_rnn
from graphopt.tf1.sequence_losses import legacy_sequence_loss, sequence_loss, sequence_loss_by_example
from graphopt.train import clip, slim_stages
from graphopt.train.adaptive_clipping import _adaptive_max_norm, adaptive_clipping_fn
from graphopt.train.averages import assign_moving_average, weighted_moving_average
from graphopt.train.checkpoints import (
    assigning,
    checkpoints_iterator,
    init_from_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
    wait_for_new_checkpoint,
)
from graphopt.train.create_train_op import create_train_op
from graphopt.train.global_step import assert_global_step, create_global_step, get_global_step, get_or_create_global_step
from graphopt.train.monitored import evaluation
from graphopt.train.optimize_loss import OPTIMIZER_CLS_NAMES, OPTIMIZER_SUMMARIES, optimize_loss
from graphopt.train.schedules import sgdr_decay
from graphopt.train.slim_train import contrib_train
from graphopt.train.stages.multiply import multiply_gradients_by_name
from graphopt.train.stages.noise import add_noise

if TYPE_CHECKING:
    from graphopt.tf1 import slim as slim
    from graphopt.tf1.contrib_opt import estimator as estimator
    from graphopt.tf1.contrib_opt import opt as opt
else:
    __getattr__, __dir__ = at_first_use(
        __name__,
        {
            "estimator": "graphopt.tf1.contrib_opt:estimator",
            "opt": "graphopt.tf1.contrib_opt:opt",
            "slim": "graphopt.tf1.slim",
        },
    )


def _defined_in(*modules: ModuleType) -> dict[str, Any]:
    """Return the public functions that the modules define."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def _clip_gradients_by_norm(pairs: Any, clip_gradients: Any) -> list[Any]:
    gradients, variables = zip(*pairs, strict=True)
    return list(zip(clip.clip_by_global_norm(gradients, clip_gradients)[0], variables, strict=True))


# tensorflow/contrib/layers/python/layers/optimizers.py, whose private helpers tests reached into.
_optimizers = SimpleNamespace(
    OPTIMIZER_CLS_NAMES=OPTIMIZER_CLS_NAMES,
    OPTIMIZER_SUMMARIES=OPTIMIZER_SUMMARIES,
    adaptive_clipping_fn=adaptive_clipping_fn,
    optimize_loss=optimize_loss,
    _adaptive_max_norm=_adaptive_max_norm,
    _add_scaled_noise_to_gradients=lambda pairs, scale: add_noise(scale)(pairs),
    _clip_gradients_by_norm=_clip_gradients_by_norm,
    _multiply_gradients=lambda pairs, multipliers: multiply_gradients_by_name(multipliers)(pairs),
)

layers = SimpleNamespace(
    python=SimpleNamespace(layers=SimpleNamespace(optimizers=_optimizers)),
    **_defined_in(contrib_layers, contrib_summaries, contrib_weights),
    OPTIMIZER_CLS_NAMES=OPTIMIZER_CLS_NAMES,
    OPTIMIZER_SUMMARIES=OPTIMIZER_SUMMARIES,
    adaptive_clipping_fn=adaptive_clipping_fn,
    optimize_loss=optimize_loss,
)

framework = SimpleNamespace(
    **_defined_in(contrib_framework, assigning),
    init_from_checkpoint=init_from_checkpoint,
    list_variables=list_variables,
    load_checkpoint=load_checkpoint,
    load_variable=load_variable,
    add_arg_scope=add_arg_scope,
    arg_scope=arg_scope,
    assert_global_step=assert_global_step,
    create_global_step=create_global_step,
    get_global_step=get_global_step,
    get_or_create_global_step=get_or_create_global_step,
)

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
    checkpoints_iterator=checkpoints_iterator,
    wait_for_new_checkpoint=wait_for_new_checkpoint,
    weighted_moving_average=weighted_moving_average,
)

rnn = SimpleNamespace(
    BasicLSTMCell=rnn_cell.BasicLSTMCell,
    BasicRNNCell=rnn_cell.BasicRNNCell,
    DeviceWrapper=rnn_cell.DeviceWrapper,
    DropoutWrapper=rnn_cell.DropoutWrapper,
    GRUCell=rnn_cell.GRUCell,
    LSTMCell=rnn_cell.LSTMCell,
    LSTMStateTuple=rnn_cell.LSTMStateTuple,
    MultiRNNCell=rnn_cell.MultiRNNCell,
    RNNCell=rnn_cell.RNNCell,
    ResidualWrapper=rnn_cell.ResidualWrapper,
    static_bidirectional_rnn=static_bidirectional_rnn,
    static_rnn=static_rnn,
)

seq2seq = SimpleNamespace(sequence_loss=sequence_loss)

legacy_seq2seq = SimpleNamespace(sequence_loss=legacy_sequence_loss, sequence_loss_by_example=sequence_loss_by_example)
