"""Looking at a training op from outside."""

from graphopt.inspection.differences import Difference as Difference
from graphopt.inspection.differences import Differences as Differences
from graphopt.inspection.differences import diff as diff
from graphopt.inspection.explain import Explanation as Explanation
from graphopt.inspection.explain import explain as explain
from graphopt.inspection.paths import Path as Path
from graphopt.inspection.paths import path as path
from graphopt.inspection.pictures import draw as draw
from graphopt.inspection.pictures import to_dot as to_dot
from graphopt.inspection.pictures import to_graph_def as to_graph_def
from graphopt.inspection.pictures import to_model_explorer as to_model_explorer
from graphopt.inspection.pictures import to_networkx as to_networkx
from graphopt.inspection.reasons import why as why
from graphopt.inspection.report import read_report_data as read_report_data
from graphopt.inspection.report import report as report
from graphopt.inspection.report import save_report_data as save_report_data
