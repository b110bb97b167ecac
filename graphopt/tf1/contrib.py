"""`tf.contrib`: what training scripts took from it."""

from types import ModuleType, SimpleNamespace
from typing import Any

from graphopt.tf1 import contrib_framework, contrib_layers, contrib_summaries, contrib_weights, rnn_cell
from graphopt.tf1.arg_scope import add_arg_scope, arg_scope
from graphopt.tf1.rnn import static_bidirectional_rnn, static_rnn
from graphopt.train.adaptive_clipping import _adaptive_max_norm, adaptive_clipping_fn
from graphopt.train.averages import assign_moving_average, weighted_moving_average
from graphopt.train.global_step import assert_global_step, create_global_step, get_global_step, get_or_create_global_step
from graphopt.train.optimize_loss import OPTIMIZER_CLS_NAMES, OPTIMIZER_SUMMARIES, optimize_loss
from graphopt.train.schedules import sgdr_decay
from graphopt.train.stages import add_noise, clip_by_norm, multiply_gradients


def _defined_in(*modules: ModuleType) -> dict[str, Any]:
    """Return the public functions that the modules define."""
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


# tensorflow/contrib/layers/python/layers/optimizers.py, whose private helpers tests reached into.
_optimizers = SimpleNamespace(
    OPTIMIZER_CLS_NAMES=OPTIMIZER_CLS_NAMES,
    OPTIMIZER_SUMMARIES=OPTIMIZER_SUMMARIES,
    adaptive_clipping_fn=adaptive_clipping_fn,
    optimize_loss=optimize_loss,
    _adaptive_max_norm=_adaptive_max_norm,
    _add_scaled_noise_to_gradients=add_noise,
    _clip_gradients_by_norm=clip_by_norm,
    _multiply_gradients=multiply_gradients,
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
    **_defined_in(contrib_framework),
    add_arg_scope=add_arg_scope,
    arg_scope=arg_scope,
    assert_global_step=assert_global_step,
    create_global_step=create_global_step,
    get_global_step=get_global_step,
    get_or_create_global_step=get_or_create_global_step,
)

training = SimpleNamespace(
    assign_moving_average=assign_moving_average,
    sgdr_decay=sgdr_decay,
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
