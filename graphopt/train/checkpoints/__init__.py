"""Checkpoints: one file holds all that training needs to go on as if it had never stopped."""

from graphopt.train.checkpoints.files import checkpoint_exists as checkpoint_exists
from graphopt.train.checkpoints.files import get_checkpoint_mtimes as get_checkpoint_mtimes
from graphopt.train.checkpoints.files import latest_checkpoint as latest_checkpoint
from graphopt.train.checkpoints.files import remove_checkpoint as remove_checkpoint
from graphopt.train.checkpoints.initial_values import init_from_checkpoint as init_from_checkpoint
from graphopt.train.checkpoints.initial_values import warm_start as warm_start
from graphopt.train.checkpoints.meta_graph import export_meta_graph as export_meta_graph
from graphopt.train.checkpoints.meta_graph import import_meta_graph as import_meta_graph
from graphopt.train.checkpoints.reader import CheckpointReader as CheckpointReader
from graphopt.train.checkpoints.reader import NewCheckpointReader as NewCheckpointReader
from graphopt.train.checkpoints.reader import list_variables as list_variables
from graphopt.train.checkpoints.reader import load_checkpoint as load_checkpoint
from graphopt.train.checkpoints.reader import load_variable as load_variable
from graphopt.train.checkpoints.saver import Saver as Saver
from graphopt.train.checkpoints.state_file import CheckpointState as CheckpointState
from graphopt.train.checkpoints.state_file import generate_checkpoint_state_proto as generate_checkpoint_state_proto
from graphopt.train.checkpoints.state_file import get_checkpoint_state as get_checkpoint_state
from graphopt.train.checkpoints.state_file import update_checkpoint_state as update_checkpoint_state
from graphopt.train.checkpoints.waiting import checkpoints_iterator as checkpoints_iterator
from graphopt.train.checkpoints.waiting import wait_for_new_checkpoint as wait_for_new_checkpoint
