"""`tf.contrib.slim` (and `tf_slim`): layers, scopes of arguments, variables, losses and `learning`, as far as training scripts use them."""

from types import SimpleNamespace

from graphopt.tf1 import contrib_metrics
from graphopt.tf1 import losses as losses
from graphopt.tf1.arg_scope import add_arg_scope as add_arg_scope
from graphopt.tf1.arg_scope import arg_scope as arg_scope
from graphopt.tf1.arg_scope import current_arg_scope as current_arg_scope
from graphopt.tf1.arg_scope import has_arg_scope as has_arg_scope
from graphopt.tf1.contrib_framework import add_model_variable as add_model_variable
from graphopt.tf1.contrib_framework import get_local_variables as get_local_variables
from graphopt.tf1.contrib_framework import get_model_variables as get_model_variables
from graphopt.tf1.contrib_framework import get_trainable_variables as get_trainable_variables
from graphopt.tf1.contrib_framework import get_unique_variable as get_unique_variable
from graphopt.tf1.contrib_framework import get_variable_full_name as get_variable_full_name
from graphopt.tf1.contrib_framework import get_variables as get_variables
from graphopt.tf1.contrib_framework import get_variables_by_name as get_variables_by_name
from graphopt.tf1.contrib_framework import get_variables_by_suffix as get_variables_by_suffix
from graphopt.tf1.contrib_framework import get_variables_to_restore as get_variables_to_restore
from graphopt.tf1.contrib_framework import local_variable as local_variable
from graphopt.tf1.contrib_framework import model_variable as model_variable
from graphopt.tf1.contrib_framework import variable as variable
from graphopt.tf1.contrib_layers import avg_pool2d as avg_pool2d
from graphopt.tf1.contrib_layers import batch_norm as batch_norm
from graphopt.tf1.contrib_layers import bias_add as bias_add
from graphopt.tf1.contrib_layers import conv2d as conv2d
from graphopt.tf1.contrib_layers import dropout as dropout
from graphopt.tf1.contrib_layers import flatten as flatten
from graphopt.tf1.contrib_layers import fully_connected as fully_connected
from graphopt.tf1.contrib_layers import layer_norm as layer_norm
from graphopt.tf1.contrib_layers import max_pool2d as max_pool2d
from graphopt.tf1.contrib_layers import one_hot_encoding as one_hot_encoding
from graphopt.tf1.contrib_layers import relu as relu
from graphopt.tf1.contrib_layers import repeat as repeat
from graphopt.tf1.contrib_layers import softmax as softmax
from graphopt.tf1.contrib_layers import stack as stack
from graphopt.tf1.contrib_layers_more import conv2d_transpose as conv2d_transpose
from graphopt.tf1.contrib_layers_more import convolution2d_transpose as convolution2d_transpose
from graphopt.tf1.contrib_layers_more import embed_sequence as embed_sequence
from graphopt.tf1.contrib_layers_more import group_norm as group_norm
from graphopt.tf1.contrib_layers_more import instance_norm as instance_norm
from graphopt.tf1.contrib_layers_more import separable_conv2d as separable_conv2d
from graphopt.tf1.contrib_layers_more import separable_convolution2d as separable_convolution2d
from graphopt.tf1.contrib_layers_more import unit_norm as unit_norm
from graphopt.tf1.contrib_summaries import summarize_activation as summarize_activation
from graphopt.tf1.contrib_summaries import summarize_activations as summarize_activations
from graphopt.tf1.contrib_summaries import summarize_biases as summarize_biases
from graphopt.tf1.contrib_summaries import summarize_collection as summarize_collection
from graphopt.tf1.contrib_summaries import summarize_tensor as summarize_tensor
from graphopt.tf1.contrib_summaries import summarize_tensors as summarize_tensors
from graphopt.tf1.contrib_summaries import summarize_variables as summarize_variables
from graphopt.tf1.contrib_summaries import summarize_weights as summarize_weights
from graphopt.tf1.contrib_weights import apply_regularization as apply_regularization
from graphopt.tf1.contrib_weights import l1_l2_regularizer as l1_l2_regularizer
from graphopt.tf1.contrib_weights import l1_regularizer as l1_regularizer
from graphopt.tf1.contrib_weights import l2_regularizer as l2_regularizer
from graphopt.tf1.contrib_weights import sum_regularizer as sum_regularizer
from graphopt.tf1.contrib_weights import variance_scaling_initializer as variance_scaling_initializer
from graphopt.tf1.contrib_weights import xavier_initializer as xavier_initializer
from graphopt.train.checkpoints.assigning import assign_from_checkpoint as assign_from_checkpoint
from graphopt.train.checkpoints.assigning import assign_from_checkpoint_fn as assign_from_checkpoint_fn
from graphopt.train.checkpoints.assigning import assign_from_values as assign_from_values
from graphopt.train.checkpoints.assigning import assign_from_values_fn as assign_from_values_fn
from graphopt.train.create_train_op import create_slim_train_op
from graphopt.train.global_step import assert_global_step as assert_global_step
from graphopt.train.global_step import create_global_step as create_global_step
from graphopt.train.global_step import get_global_step as get_global_step
from graphopt.train.global_step import get_or_create_global_step as get_or_create_global_step
from graphopt.train.optimize_loss import optimize_loss as optimize_loss
from graphopt.train.slim_stages import add_slim_gradients_summaries, clip_gradient_norms, multiply_gradients
from graphopt.train.slim_train import slim_train, train_step

metrics = contrib_metrics

learning = SimpleNamespace(
    add_gradients_summaries=add_slim_gradients_summaries,
    clip_gradient_norms=clip_gradient_norms,
    create_train_op=create_slim_train_op,
    multiply_gradients=multiply_gradients,
    train=slim_train,
    train_step=train_step,
)
