"""Looking at a training op from outside."""

from graphopt.inspection.differences import Difference as Difference
from graphopt.inspection.differences import Differences as Differences
from graphopt.inspection.differences import diff as diff
from graphopt.inspection.explain import Explanation as Explanation
from graphopt.inspection.explain import explain as explain
from graphopt.inspection.paths import Path as Path
from graphopt.inspection.paths import path as path
from graphopt.inspection.reasons import why as why
