"""`tf.contrib`: what training scripts took from it."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

from graphopt.deferred import at_first_use
from graphopt.graph import nest
from graphopt.tf1 import contrib_framework, rnn_cell
from graphopt.tf1.arg_scope import add_arg_scope, arg_scope
from graphopt.tf1.legacy_seq2seq import rnn_decoder
from graphopt.tf1.namespaces import defined_in
from graphopt.tf1.rnn import static_bidirectional_rnn, static_rnn
from graphopt.tf1.sequence_losses import legacy_sequence_loss, sequence_loss, sequence_loss_by_example
from graphopt.train.checkpoints import (
    assigning,
    init_from_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
)
from graphopt.train.global_step import assert_global_step, create_global_step, get_global_step, get_or_create_global_step

if TYPE_CHECKING:
    from graphopt.tf1 import contrib_metrics
    from graphopt.tf1 import slim as slim
    from graphopt.tf1.contrib_layers_all import layers as layers
    from graphopt.tf1.contrib_opt import estimator as estimator
    from graphopt.tf1.contrib_opt import opt as opt
    from graphopt.tf1.contrib_training import training as training

    metrics = contrib_metrics
else:
    __getattr__, __dir__ = at_first_use(
        __name__,
        {
            "estimator": "graphopt.tf1.contrib_opt:estimator",
            "layers": "graphopt.tf1.contrib_layers_all:layers",
            "metrics": "graphopt.tf1.contrib_metrics",
            "opt": "graphopt.tf1.contrib_opt:opt",
            "slim": "graphopt.tf1.slim",
            "training": "graphopt.tf1.contrib_training:training",
        },
    )


framework = SimpleNamespace(
    **defined_in(contrib_framework, assigning),
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
    nest=nest,
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

legacy_seq2seq = SimpleNamespace(
    sequence_loss=legacy_sequence_loss, sequence_loss_by_example=sequence_loss_by_example, rnn_decoder=rnn_decoder
)
