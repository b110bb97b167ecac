"""Pictures of recorded graphs, and their forms for other tools."""

from graphopt.inspection.pictures.drawing import draw as draw
from graphopt.inspection.pictures.formats import to_dot as to_dot
from graphopt.inspection.pictures.formats import to_graph_def as to_graph_def
from graphopt.inspection.pictures.formats import to_model_explorer as to_model_explorer
from graphopt.inspection.pictures.formats import to_networkx as to_networkx
