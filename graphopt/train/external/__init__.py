"""Optimizers that run outside the graph: SciPy's, and an L-BFGS that needs no SciPy."""

from graphopt.train.external.base import ExternalOptimizerInterface as ExternalOptimizerInterface
from graphopt.train.external.lbfgs import LBFGSOptimizerInterface as LBFGSOptimizerInterface
from graphopt.train.external.lbfgs import LBFGSResult as LBFGSResult
from graphopt.train.external.scipy_interface import ScipyOptimizerInterface as ScipyOptimizerInterface
