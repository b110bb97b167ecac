"""Looking at a training op from outside."""

from graphopt.inspection.explain import Explanation as Explanation
from graphopt.inspection.explain import explain as explain
