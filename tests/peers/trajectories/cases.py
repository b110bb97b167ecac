"""The list of recorded trajectories, `CASES`: data alone, a file for each kind of peer."""

from trajectories import cases_keras, cases_optax, cases_tensorflow, cases_torch
from trajectories.table import CASES

__all__ = ["CASES", "cases_keras", "cases_optax", "cases_tensorflow", "cases_torch"]
