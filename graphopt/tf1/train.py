"""`tf.train` with TensorFlow 1's names."""

from graphopt.autodiff.gradients import AggregationMethod as AggregationMethod
from graphopt.deferred import called_at_first_use
from graphopt.graph.training_info import training_info as training_info
from graphopt.summary.iterating import summary_iterator as summary_iterator
from graphopt.summary.writer import FileWriterCache
from graphopt.tf1.graph_io import write_graph as write_graph
from graphopt.train import stages as stages
from graphopt.train.averages import ExponentialMovingAverage as ExponentialMovingAverage
from graphopt.train.averages import assign_moving_average as assign_moving_average
from graphopt.train.averages import weighted_moving_average as weighted_moving_average
from graphopt.train.checkpoints import CheckpointReader as CheckpointReader
from graphopt.train.checkpoints import CheckpointState as CheckpointState
from graphopt.train.checkpoints import NewCheckpointReader as NewCheckpointReader
from graphopt.train.checkpoints import Saver as Saver
from graphopt.train.checkpoints import checkpoint_exists as checkpoint_exists
from graphopt.train.checkpoints import checkpoints_iterator as checkpoints_iterator
from graphopt.train.checkpoints import export_meta_graph as export_meta_graph
from graphopt.train.checkpoints import generate_checkpoint_state_proto as generate_checkpoint_state_proto
from graphopt.train.checkpoints import get_checkpoint_mtimes as get_checkpoint_mtimes
from graphopt.train.checkpoints import get_checkpoint_state as get_checkpoint_state
from graphopt.train.checkpoints import import_meta_graph as import_meta_graph
from graphopt.train.checkpoints import init_from_checkpoint as init_from_checkpoint
from graphopt.train.checkpoints import latest_checkpoint as latest_checkpoint
from graphopt.train.checkpoints import list_variables as list_variables
from graphopt.train.checkpoints import load_checkpoint as load_checkpoint
from graphopt.train.checkpoints import load_variable as load_variable
from graphopt.train.checkpoints import remove_checkpoint as remove_checkpoint
from graphopt.train.checkpoints import update_checkpoint_state as update_checkpoint_state
from graphopt.train.checkpoints import warm_start as warm_start
from graphopt.train.global_step import assert_global_step as assert_global_step
from graphopt.train.global_step import create_global_step as create_global_step
from graphopt.train.global_step import get_global_step as get_global_step
from graphopt.train.global_step import get_or_create_global_step as get_or_create_global_step
from graphopt.train.global_step import global_step as global_step
from graphopt.train.hooks.checkpoint import CheckpointSaverHook as CheckpointSaverHook
from graphopt.train.hooks.checkpoint import CheckpointSaverListener as CheckpointSaverListener
from graphopt.train.hooks.diagnosis import NonFiniteReport as NonFiniteReport
from graphopt.train.hooks.feeding import FeedFnHook as FeedFnHook
from graphopt.train.hooks.feeding import FinalOpsHook as FinalOpsHook
from graphopt.train.hooks.logging_hooks import LoggingTensorHook as LoggingTensorHook
from graphopt.train.hooks.logging_hooks import StepCounterHook as StepCounterHook
from graphopt.train.hooks.nan import NanLossDuringTrainingError as NanLossDuringTrainingError
from graphopt.train.hooks.nan import NanTensorHook as NanTensorHook
from graphopt.train.hooks.non_finite import NonFiniteError as NonFiniteError
from graphopt.train.hooks.non_finite import NonFiniteHook as NonFiniteHook
from graphopt.train.hooks.on_error import OnErrorHook as OnErrorHook
from graphopt.train.hooks.profiler import ProfilerHook as ProfilerHook
from graphopt.train.hooks.progress import ProgressBarHook as ProgressBarHook
from graphopt.train.hooks.protocol import Recovered as Recovered
from graphopt.train.hooks.protocol import SessionRunArgs as SessionRunArgs
from graphopt.train.hooks.protocol import SessionRunContext as SessionRunContext
from graphopt.train.hooks.protocol import SessionRunHook as SessionRunHook
from graphopt.train.hooks.protocol import SessionRunValues as SessionRunValues
from graphopt.train.hooks.report import ReportDataHook as ReportDataHook
from graphopt.train.hooks.report import set_report_saver
from graphopt.train.hooks.stopping import GlobalStepWaiterHook as GlobalStepWaiterHook
from graphopt.train.hooks.stopping import StopAtStepHook as StopAtStepHook
from graphopt.train.hooks.summary import SummarySaverHook as SummarySaverHook
from graphopt.train.hooks.timer import SecondOrStepTimer as SecondOrStepTimer
from graphopt.train.hooks.writers import set_writer_of
from graphopt.train.hyper import HyperParameter as HyperParameter
from graphopt.train.hyper import HyperParameters as HyperParameters
from graphopt.train.hyper import hyper_parameter as hyper_parameter
from graphopt.train.monitored.coordinator import Coordinator as Coordinator
from graphopt.train.monitored.creators import ChiefSessionCreator as ChiefSessionCreator
from graphopt.train.monitored.creators import SessionCreator as SessionCreator
from graphopt.train.monitored.creators import WorkerSessionCreator as WorkerSessionCreator
from graphopt.train.monitored.scaffold import Scaffold as Scaffold
from graphopt.train.monitored.session import MonitoredSession as MonitoredSession
from graphopt.train.monitored.session import SingularMonitoredSession as SingularMonitoredSession
from graphopt.train.monitored.session_manager import SessionManager as SessionManager
from graphopt.train.monitored.training_session import MonitoredTrainingSession as MonitoredTrainingSession
from graphopt.train.optimizers import AdadeltaOptimizer as AdadeltaOptimizer
from graphopt.train.optimizers import AdagradDAOptimizer as AdagradDAOptimizer
from graphopt.train.optimizers import AdagradOptimizer as AdagradOptimizer
from graphopt.train.optimizers import AdamOptimizer as AdamOptimizer
from graphopt.train.optimizers import FtrlOptimizer as FtrlOptimizer
from graphopt.train.optimizers import GradientDescentOptimizer as GradientDescentOptimizer
from graphopt.train.optimizers import MomentumOptimizer as MomentumOptimizer
from graphopt.train.optimizers import Optimizer as Optimizer
from graphopt.train.optimizers import ProximalAdagradOptimizer as ProximalAdagradOptimizer
from graphopt.train.optimizers import ProximalGradientDescentOptimizer as ProximalGradientDescentOptimizer
from graphopt.train.optimizers import RMSPropOptimizer as RMSPropOptimizer
from graphopt.train.optimizers import RuleOptimizer as RuleOptimizer
from graphopt.train.optimizers.contrib import SyncReplicasOptimizer as SyncReplicasOptimizer
from graphopt.train.schedules import cosine_decay as cosine_decay
from graphopt.train.schedules import cosine_decay_restarts as cosine_decay_restarts
from graphopt.train.schedules import exponential_decay as exponential_decay
from graphopt.train.schedules import inverse_time_decay as inverse_time_decay
from graphopt.train.schedules import linear_cosine_decay as linear_cosine_decay
from graphopt.train.schedules import natural_exp_decay as natural_exp_decay
from graphopt.train.schedules import noisy_linear_cosine_decay as noisy_linear_cosine_decay
from graphopt.train.schedules import piecewise_constant as piecewise_constant
from graphopt.train.schedules import piecewise_constant_decay as piecewise_constant_decay
from graphopt.train.schedules import polynomial_decay as polynomial_decay
from graphopt.train.stages import Stage as Stage
from graphopt.train.stages import Step as Step
from graphopt.train.training_op import TrainingOp as TrainingOp
from graphopt.train.training_op import training_op as training_op

# Hooks stand beside the writers of summaries and beside inspection, and know them only by these functions.
set_writer_of(FileWriterCache.get)
set_report_saver(called_at_first_use("graphopt.inspection.report:save_report_data"))
