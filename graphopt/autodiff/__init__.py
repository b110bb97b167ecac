"""Gradients of the recorded graph."""

from graphopt.autodiff.gradients import AggregationMethod as AggregationMethod
from graphopt.autodiff.gradients import UnconnectedGradients as UnconnectedGradients
from graphopt.autodiff.gradients import gradients as gradients
from graphopt.autodiff.gradients import hessians as hessians
