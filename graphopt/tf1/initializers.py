"""`tf.initializers` with TensorFlow 1's names."""

from graphopt.graph.initializers import Constant as constant
from graphopt.graph.initializers import GlorotNormal as glorot_normal
from graphopt.graph.initializers import GlorotUniform as glorot_uniform
from graphopt.graph.initializers import Identity as identity
from graphopt.graph.initializers import Ones as ones
from graphopt.graph.initializers import Orthogonal as orthogonal
from graphopt.graph.initializers import RandomNormal as random_normal
from graphopt.graph.initializers import RandomUniform as random_uniform
from graphopt.graph.initializers import TruncatedNormal as truncated_normal
from graphopt.graph.initializers import UniformUnitScaling as uniform_unit_scaling
from graphopt.graph.initializers import VarianceScaling as variance_scaling
from graphopt.graph.initializers import Zeros as zeros
from graphopt.graph.initializers import he_normal, he_uniform, lecun_normal, lecun_uniform
from graphopt.graph.variables import global_variables_initializer as global_variables
from graphopt.graph.variables import local_variables_initializer as local_variables
from graphopt.graph.variables import variables_initializer as variables

__all__ = [
    "constant",
    "global_variables",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "local_variables",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "truncated_normal",
    "uniform_unit_scaling",
    "variables",
    "variance_scaling",
    "zeros",
]
