"""graphopt: a training-op compiler with TensorFlow 1's names.

    import graphopt as tf

A user records a small symbolic graph, calls `optimize_loss`, and gets one training op that bundles gradients, noise, multipliers, clipping,
learning-rate decay, the update, update ops and the global step. A session compiles it and runs it.
"""
# Long because: one line for each public name.

from typing import TYPE_CHECKING

from graphopt import errors as errors
from graphopt.autodiff.custom_gradient import custom_gradient as custom_gradient
from graphopt.autodiff.gradients import AggregationMethod as AggregationMethod
from graphopt.autodiff.gradients import UnconnectedGradients as UnconnectedGradients
from graphopt.autodiff.gradients import gradients as gradients
from graphopt.autodiff.gradients import hessians as hessians
from graphopt.autodiff.registered import RegisterGradient as RegisterGradient
from graphopt.autodiff.registered import no_gradient
from graphopt.autodiff.tape import GradientTape as GradientTape
from graphopt.config import override as override
from graphopt.config import settings as settings
from graphopt.deferred import at_first_use
from graphopt.dtypes import DType as DType
from graphopt.dtypes import as_dtype as as_dtype
from graphopt.dtypes import bool_, float16, float64
from graphopt.dtypes import float32 as float32
from graphopt.dtypes import int8 as int8
from graphopt.dtypes import int16 as int16
from graphopt.dtypes import int32 as int32
from graphopt.dtypes import int64 as int64
from graphopt.dtypes import string as string
from graphopt.dtypes import uint8 as uint8
from graphopt.dtypes import uint16 as uint16
from graphopt.dtypes import uint32 as uint32
from graphopt.dtypes import uint64 as uint64
from graphopt.graph.collections import GraphKeys as GraphKeys
from graphopt.graph.graph import Graph as Graph
from graphopt.graph.graph import get_default_graph as get_default_graph
from graphopt.graph.graph import register_tensor_conversion_function as register_tensor_conversion_function
from graphopt.graph.graph import reset_default_graph as reset_default_graph
from graphopt.graph.graph_def import GraphDef as GraphDef
from graphopt.graph.graph_def import NodeDef as NodeDef
from graphopt.graph.indexed_slices import IndexedSlices as IndexedSlices
from graphopt.graph.initializers import (
    Constant,
    ConvolutionDeltaOrthogonal,
    GlorotNormal,
    GlorotUniform,
    Identity,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    UniformUnitScaling,
    VarianceScaling,
    Zeros,
)
from graphopt.graph.operation import Operation as Operation
from graphopt.graph.operation import Tensor as Tensor
from graphopt.graph.sparse_tensor import SparseTensor as SparseTensor
from graphopt.graph.sparse_tensor import SparseTensorValue as SparseTensorValue
from graphopt.graph.template import make_template as make_template
from graphopt.graph.variable_scope import VariableScope as VariableScope
from graphopt.graph.variable_scope import get_local_variable as get_local_variable
from graphopt.graph.variable_scope import get_variable as get_variable
from graphopt.graph.variable_scope import get_variable_scope as get_variable_scope
from graphopt.graph.variable_scope import no_regularizer as no_regularizer
from graphopt.graph.variable_scope import variable_scope as variable_scope
from graphopt.graph.variable_store import AUTO_REUSE as AUTO_REUSE
from graphopt.graph.variables import Variable as Variable
from graphopt.graph.variables import global_variables as global_variables
from graphopt.graph.variables import global_variables_initializer as global_variables_initializer
from graphopt.graph.variables import is_variable_initialized as is_variable_initialized
from graphopt.graph.variables import local_variables as local_variables
from graphopt.graph.variables import local_variables_initializer as local_variables_initializer
from graphopt.graph.variables import model_variables as model_variables
from graphopt.graph.variables import moving_average_variables as moving_average_variables
from graphopt.graph.variables import trainable_variables as trainable_variables
from graphopt.graph.variables import variables_initializer as variables_initializer
from graphopt.ops import operators as _operators  # noqa: F401 (gives tensors, nodes and variables Python's operators)
from graphopt.ops.summary_proto import HistogramProto as HistogramProto
from graphopt.ops.summary_proto import SessionLog as SessionLog
from graphopt.ops.summary_proto import Summary as Summary
from graphopt.ops.summary_tensor import SummaryMetadata as SummaryMetadata
from graphopt.runtime.config import ConfigProto as ConfigProto
from graphopt.runtime.config import GPUOptions as GPUOptions
from graphopt.runtime.config import GraphOptions as GraphOptions
from graphopt.runtime.fetching import IndexedSlicesValue as IndexedSlicesValue
from graphopt.runtime.profile import RunMetadata as RunMetadata
from graphopt.runtime.profile import RunOptions as RunOptions
from graphopt.runtime.session import InteractiveSession as InteractiveSession
from graphopt.runtime.session import Session as Session
from graphopt.runtime.session import StepResult as StepResult
from graphopt.runtime.session import get_default_session as get_default_session
from graphopt.shapes import Dimension as Dimension
from graphopt.shapes import TensorShape as TensorShape
from graphopt.summary import Event as Event
from graphopt.tf1 import compat as compat
from graphopt.tf1 import contrib as contrib
from graphopt.tf1 import gfile as gfile
from graphopt.tf1 import initializers as initializers
from graphopt.tf1 import layers as layers
from graphopt.tf1 import linalg as linalg
from graphopt.tf1 import losses as losses
from graphopt.tf1 import math as math
from graphopt.tf1 import nn as nn
from graphopt.tf1 import python as python
from graphopt.tf1 import random as random
from graphopt.tf1 import strings as strings
from graphopt.tf1 import summary as summary
from graphopt.tf1 import train as train
from graphopt.tf1.array import Unique as Unique
from graphopt.tf1.array import UniqueWithCounts as UniqueWithCounts
from graphopt.tf1.array import argsort as argsort
from graphopt.tf1.array import bitcast as bitcast
from graphopt.tf1.array import boolean_mask as boolean_mask
from graphopt.tf1.array import broadcast_static_shape as broadcast_static_shape
from graphopt.tf1.array import broadcast_to as broadcast_to
from graphopt.tf1.array import concat as concat
from graphopt.tf1.array import depth_to_space as depth_to_space
from graphopt.tf1.array import dynamic_partition as dynamic_partition
from graphopt.tf1.array import dynamic_stitch as dynamic_stitch
from graphopt.tf1.array import expand_dims as expand_dims
from graphopt.tf1.array import eye as eye
from graphopt.tf1.array import fill as fill
from graphopt.tf1.array import gather as gather
from graphopt.tf1.array import gather_nd as gather_nd
from graphopt.tf1.array import identity as identity
from graphopt.tf1.array import identity_n as identity_n
from graphopt.tf1.array import lin_space as lin_space
from graphopt.tf1.array import linspace as linspace
from graphopt.tf1.array import meshgrid as meshgrid
from graphopt.tf1.array import newaxis as newaxis
from graphopt.tf1.array import one_hot as one_hot
from graphopt.tf1.array import ones as ones
from graphopt.tf1.array import ones_like as ones_like
from graphopt.tf1.array import pad as pad
from graphopt.tf1.array import range as range
from graphopt.tf1.array import rank as rank
from graphopt.tf1.array import reshape as reshape
from graphopt.tf1.array import reverse as reverse
from graphopt.tf1.array import reverse_sequence as reverse_sequence
from graphopt.tf1.array import reverse_v2 as reverse_v2
from graphopt.tf1.array import roll as roll
from graphopt.tf1.array import scatter_nd as scatter_nd
from graphopt.tf1.array import scatter_nd_add as scatter_nd_add
from graphopt.tf1.array import scatter_nd_sub as scatter_nd_sub
from graphopt.tf1.array import scatter_nd_update as scatter_nd_update
from graphopt.tf1.array import searchsorted as searchsorted
from graphopt.tf1.array import sequence_mask as sequence_mask
from graphopt.tf1.array import shape as shape
from graphopt.tf1.array import size as size
from graphopt.tf1.array import slice as slice
from graphopt.tf1.array import sort as sort
from graphopt.tf1.array import space_to_depth as space_to_depth
from graphopt.tf1.array import split as split
from graphopt.tf1.array import squeeze as squeeze
from graphopt.tf1.array import stack as stack
from graphopt.tf1.array import stop_gradient as stop_gradient
from graphopt.tf1.array import strided_slice as strided_slice
from graphopt.tf1.array import tile as tile
from graphopt.tf1.array import transpose as transpose
from graphopt.tf1.array import unique as unique
from graphopt.tf1.array import unique_with_counts as unique_with_counts
from graphopt.tf1.array import unstack as unstack
from graphopt.tf1.array import zeros as zeros
from graphopt.tf1.array import zeros_like as zeros_like
from graphopt.tf1.behavior import disable_control_flow_v2 as disable_control_flow_v2
from graphopt.tf1.behavior import disable_eager_execution as disable_eager_execution
from graphopt.tf1.behavior import disable_resource_variables as disable_resource_variables
from graphopt.tf1.behavior import disable_v2_behavior as disable_v2_behavior
from graphopt.tf1.behavior import disable_v2_tensorshape as disable_v2_tensorshape
from graphopt.tf1.behavior import enable_eager_execution as enable_eager_execution
from graphopt.tf1.behavior import enable_resource_variables as enable_resource_variables
from graphopt.tf1.behavior import enable_v2_behavior as enable_v2_behavior
from graphopt.tf1.behavior import executing_eagerly as executing_eagerly
from graphopt.tf1.checks import Assert as Assert
from graphopt.tf1.checks import assert_equal as assert_equal
from graphopt.tf1.checks import assert_greater as assert_greater
from graphopt.tf1.checks import assert_greater_equal as assert_greater_equal
from graphopt.tf1.checks import assert_integer as assert_integer
from graphopt.tf1.checks import assert_less as assert_less
from graphopt.tf1.checks import assert_less_equal as assert_less_equal
from graphopt.tf1.checks import assert_negative as assert_negative
from graphopt.tf1.checks import assert_non_negative as assert_non_negative
from graphopt.tf1.checks import assert_non_positive as assert_non_positive
from graphopt.tf1.checks import assert_none_equal as assert_none_equal
from graphopt.tf1.checks import assert_positive as assert_positive
from graphopt.tf1.checks import assert_proper_iterable as assert_proper_iterable
from graphopt.tf1.checks import assert_rank as assert_rank
from graphopt.tf1.checks import assert_rank_at_least as assert_rank_at_least
from graphopt.tf1.checks import assert_scalar as assert_scalar
from graphopt.tf1.checks import assert_type as assert_type
from graphopt.tf1.checks import check_numerics as check_numerics
from graphopt.tf1.checks import ensure_shape as ensure_shape
from graphopt.tf1.checks import is_non_decreasing as is_non_decreasing
from graphopt.tf1.checks import is_numeric_tensor as is_numeric_tensor
from graphopt.tf1.checks import is_strictly_increasing as is_strictly_increasing
from graphopt.tf1.checks import verify_tensor_all_finite as verify_tensor_all_finite
from graphopt.tf1.control_flow import Print as Print
from graphopt.tf1.control_flow import case as case
from graphopt.tf1.control_flow import cond as cond
from graphopt.tf1.control_flow import control_dependencies as control_dependencies
from graphopt.tf1.control_flow import foldl as foldl
from graphopt.tf1.control_flow import foldr as foldr
from graphopt.tf1.control_flow import group as group
from graphopt.tf1.control_flow import map_fn as map_fn
from graphopt.tf1.control_flow import no_op as no_op
from graphopt.tf1.control_flow import numpy_function as numpy_function
from graphopt.tf1.control_flow import py_func as py_func
from graphopt.tf1.control_flow import scan as scan
from graphopt.tf1.control_flow import tuple as tuple
from graphopt.tf1.control_flow import while_loop as while_loop
from graphopt.tf1.control_flow import with_dependencies as with_dependencies
from graphopt.tf1.framework import add_to_collection as add_to_collection
from graphopt.tf1.framework import add_to_collections as add_to_collections
from graphopt.tf1.framework import all_variables as all_variables
from graphopt.tf1.framework import assert_variables_initialized as assert_variables_initialized
from graphopt.tf1.framework import assign as assign
from graphopt.tf1.framework import assign_add as assign_add
from graphopt.tf1.framework import assign_sub as assign_sub
from graphopt.tf1.framework import colocate_with as colocate_with
from graphopt.tf1.framework import constant as constant
from graphopt.tf1.framework import container as container
from graphopt.tf1.framework import convert_to_tensor as convert_to_tensor
from graphopt.tf1.framework import count_up_to as count_up_to
from graphopt.tf1.framework import device as device
from graphopt.tf1.framework import fixed_size_partitioner as fixed_size_partitioner
from graphopt.tf1.framework import get_all_collection_keys as get_all_collection_keys
from graphopt.tf1.framework import get_collection as get_collection
from graphopt.tf1.framework import get_collection_ref as get_collection_ref
from graphopt.tf1.framework import init_scope as init_scope
from graphopt.tf1.framework import initialize_all_variables as initialize_all_variables
from graphopt.tf1.framework import initialize_local_variables as initialize_local_variables
from graphopt.tf1.framework import initialize_variables as initialize_variables
from graphopt.tf1.framework import name_scope as name_scope
from graphopt.tf1.framework import placeholder as placeholder
from graphopt.tf1.framework import placeholder_with_default as placeholder_with_default
from graphopt.tf1.framework import report_uninitialized_variables as report_uninitialized_variables
from graphopt.tf1.framework import scatter_add as scatter_add
from graphopt.tf1.framework import scatter_div as scatter_div
from graphopt.tf1.framework import scatter_max as scatter_max
from graphopt.tf1.framework import scatter_min as scatter_min
from graphopt.tf1.framework import scatter_mul as scatter_mul
from graphopt.tf1.framework import scatter_sub as scatter_sub
from graphopt.tf1.framework import scatter_update as scatter_update
from graphopt.tf1.framework import sparse_placeholder as sparse_placeholder
from graphopt.tf1.framework import tables_initializer as tables_initializer
from graphopt.tf1.linalg import cholesky as cholesky
from graphopt.tf1.linalg import cholesky_solve as cholesky_solve
from graphopt.tf1.linalg import cross as cross
from graphopt.tf1.linalg import einsum as einsum
from graphopt.tf1.linalg import logdet as logdet
from graphopt.tf1.linalg import matmul as matmul
from graphopt.tf1.linalg import matrix_band_part as matrix_band_part
from graphopt.tf1.linalg import matrix_determinant as matrix_determinant
from graphopt.tf1.linalg import matrix_diag as matrix_diag
from graphopt.tf1.linalg import matrix_diag_part as matrix_diag_part
from graphopt.tf1.linalg import matrix_inverse as matrix_inverse
from graphopt.tf1.linalg import matrix_set_diag as matrix_set_diag
from graphopt.tf1.linalg import matrix_solve as matrix_solve
from graphopt.tf1.linalg import matrix_transpose as matrix_transpose
from graphopt.tf1.linalg import matrix_triangular_solve as matrix_triangular_solve
from graphopt.tf1.linalg import qr as qr
from graphopt.tf1.linalg import self_adjoint_eig as self_adjoint_eig
from graphopt.tf1.linalg import self_adjoint_eigvals as self_adjoint_eigvals
from graphopt.tf1.linalg import svd as svd
from graphopt.tf1.linalg import tensor_diag, tensor_diag_part
from graphopt.tf1.linalg import tensordot as tensordot
from graphopt.tf1.linalg import trace as trace
from graphopt.tf1.math import abs as abs
from graphopt.tf1.math import accumulate_n as accumulate_n
from graphopt.tf1.math import acos as acos
from graphopt.tf1.math import add as add
from graphopt.tf1.math import add_n as add_n
from graphopt.tf1.math import argmax as argmax
from graphopt.tf1.math import argmin as argmin
from graphopt.tf1.math import asin as asin
from graphopt.tf1.math import atan as atan
from graphopt.tf1.math import atan2 as atan2
from graphopt.tf1.math import bincount as bincount
from graphopt.tf1.math import cast as cast
from graphopt.tf1.math import ceil as ceil
from graphopt.tf1.math import cos as cos
from graphopt.tf1.math import cosh as cosh
from graphopt.tf1.math import count_nonzero as count_nonzero
from graphopt.tf1.math import cumprod as cumprod
from graphopt.tf1.math import cumsum as cumsum
from graphopt.tf1.math import digamma as digamma
from graphopt.tf1.math import div as div
from graphopt.tf1.math import div_no_nan as div_no_nan
from graphopt.tf1.math import divide as divide
from graphopt.tf1.math import equal as equal
from graphopt.tf1.math import erf as erf
from graphopt.tf1.math import erfc as erfc
from graphopt.tf1.math import exp as exp
from graphopt.tf1.math import expm1 as expm1
from graphopt.tf1.math import floor as floor
from graphopt.tf1.math import floor_div as floor_div
from graphopt.tf1.math import floordiv as floordiv
from graphopt.tf1.math import floormod as floormod
from graphopt.tf1.math import greater as greater
from graphopt.tf1.math import greater_equal as greater_equal
from graphopt.tf1.math import invert_permutation as invert_permutation
from graphopt.tf1.math import is_finite as is_finite
from graphopt.tf1.math import is_inf as is_inf
from graphopt.tf1.math import is_nan as is_nan
from graphopt.tf1.math import less as less
from graphopt.tf1.math import less_equal as less_equal
from graphopt.tf1.math import lgamma as lgamma
from graphopt.tf1.math import log as log
from graphopt.tf1.math import log1p as log1p
from graphopt.tf1.math import log_sigmoid as log_sigmoid
from graphopt.tf1.math import logical_and as logical_and
from graphopt.tf1.math import logical_not as logical_not
from graphopt.tf1.math import logical_or as logical_or
from graphopt.tf1.math import logical_xor as logical_xor
from graphopt.tf1.math import maximum as maximum
from graphopt.tf1.math import minimum as minimum
from graphopt.tf1.math import mod as mod
from graphopt.tf1.math import multiply as multiply
from graphopt.tf1.math import negative as negative
from graphopt.tf1.math import norm as norm
from graphopt.tf1.math import not_equal as not_equal
from graphopt.tf1.math import pow as pow
from graphopt.tf1.math import realdiv as realdiv
from graphopt.tf1.math import reciprocal as reciprocal
from graphopt.tf1.math import reduce_all as reduce_all
from graphopt.tf1.math import reduce_any as reduce_any
from graphopt.tf1.math import reduce_logsumexp as reduce_logsumexp
from graphopt.tf1.math import reduce_max as reduce_max
from graphopt.tf1.math import reduce_mean as reduce_mean
from graphopt.tf1.math import reduce_min as reduce_min
from graphopt.tf1.math import reduce_prod as reduce_prod
from graphopt.tf1.math import reduce_sum as reduce_sum
from graphopt.tf1.math import rint as rint
from graphopt.tf1.math import round as round
from graphopt.tf1.math import rsqrt as rsqrt
from graphopt.tf1.math import saturate_cast as saturate_cast
from graphopt.tf1.math import scalar_mul as scalar_mul
from graphopt.tf1.math import segment_max as segment_max
from graphopt.tf1.math import segment_mean as segment_mean
from graphopt.tf1.math import segment_min as segment_min
from graphopt.tf1.math import segment_prod as segment_prod
from graphopt.tf1.math import segment_sum as segment_sum
from graphopt.tf1.math import sigmoid as sigmoid
from graphopt.tf1.math import sign as sign
from graphopt.tf1.math import sin as sin
from graphopt.tf1.math import sinh as sinh
from graphopt.tf1.math import sqrt as sqrt
from graphopt.tf1.math import square as square
from graphopt.tf1.math import squared_difference as squared_difference
from graphopt.tf1.math import subtract as subtract
from graphopt.tf1.math import tan as tan
from graphopt.tf1.math import tanh as tanh
from graphopt.tf1.math import to_double as to_double
from graphopt.tf1.math import to_float as to_float
from graphopt.tf1.math import to_int32 as to_int32
from graphopt.tf1.math import to_int64 as to_int64
from graphopt.tf1.math import truediv as truediv
from graphopt.tf1.math import truncatediv as truncatediv
from graphopt.tf1.math import unsorted_segment_max as unsorted_segment_max
from graphopt.tf1.math import unsorted_segment_mean as unsorted_segment_mean
from graphopt.tf1.math import unsorted_segment_min as unsorted_segment_min
from graphopt.tf1.math import unsorted_segment_prod as unsorted_segment_prod
from graphopt.tf1.math import unsorted_segment_sqrt_n as unsorted_segment_sqrt_n
from graphopt.tf1.math import unsorted_segment_sum as unsorted_segment_sum
from graphopt.tf1.math import where as where
from graphopt.tf1.platform import app as app
from graphopt.tf1.platform import flags as flags
from graphopt.tf1.platform import logging as logging
from graphopt.tf1.random import get_seed as get_seed
from graphopt.tf1.random import multinomial as multinomial
from graphopt.tf1.random import random_crop as random_crop
from graphopt.tf1.random import random_gamma as random_gamma
from graphopt.tf1.random import random_normal as random_normal
from graphopt.tf1.random import random_shuffle as random_shuffle
from graphopt.tf1.random import random_uniform as random_uniform
from graphopt.tf1.random import set_random_seed as set_random_seed
from graphopt.tf1.random import truncated_normal as truncated_normal
from graphopt.tf1.stand_in import install_as_tensorflow as install_as_tensorflow
from graphopt.tf1.strings import as_string as as_string
from graphopt.tf1.strings import string_join as string_join
from graphopt.tf1.strings import string_to_number as string_to_number
from graphopt.train.clip import clip_by_average_norm as clip_by_average_norm
from graphopt.train.clip import clip_by_global_norm as clip_by_global_norm
from graphopt.train.clip import clip_by_norm as clip_by_norm
from graphopt.train.clip import clip_by_value as clip_by_value
from graphopt.train.clip import global_norm as global_norm
from graphopt.train.optimize_loss import optimize_loss as optimize_loss

if TYPE_CHECKING:
    from graphopt.inspection.doctor import Diagnosis as Diagnosis
    from graphopt.inspection.doctor import doctor as doctor
    from graphopt.inspection.explain import Explanation as Explanation
    from graphopt.inspection.explain import explain as explain
    from graphopt.inspection.export import export as export
    from graphopt.tf1 import keras as keras
    from graphopt.tf1 import metrics as metrics
    from graphopt.tf1 import optimizers as optimizers
    from graphopt.tf1 import test as test
    from graphopt.tf1.metrics_classes import confusion_matrix as confusion_matrix
else:
    # A third of the time of the import: loaded when first asked for.
    __getattr__, __dir__ = at_first_use(
        __name__,
        {
            "Diagnosis": "graphopt.inspection.doctor:Diagnosis",
            "doctor": "graphopt.inspection.doctor:doctor",
            "confusion_matrix": "graphopt.tf1.metrics_classes:confusion_matrix",
            "Explanation": "graphopt.inspection.explain:Explanation",
            "explain": "graphopt.inspection.explain:explain",
            "export": "graphopt.inspection.export:export",
            "keras": "graphopt.tf1.keras",
            "metrics": "graphopt.tf1.metrics",
            "optimizers": "graphopt.tf1.optimizers",
            "test": "graphopt.tf1.test",
        },
    )

__version__ = "0.1.0"

# Names that differ from those of the modules.
NoGradient = no_gradient
NotDifferentiable = no_gradient
bool = bool_
constant_initializer = Constant
convolutional_delta_orthogonal_initializer = ConvolutionDeltaOrthogonal
diag = tensor_diag
diag_part = tensor_diag_part
double = float64
glorot_normal_initializer = GlorotNormal
glorot_uniform_initializer = GlorotUniform
half = float16
identity_initializer = Identity
ones_initializer = Ones
orthogonal_initializer = Orthogonal
random_normal_initializer = RandomNormal
random_uniform_initializer = RandomUniform
truncated_normal_initializer = TruncatedNormal
uniform_unit_scaling_initializer = UniformUnitScaling
variance_scaling_initializer = VarianceScaling
zeros_initializer = Zeros
