"""Monitored sessions: they initialise or restore, call hooks around every run, and stop threads at the end."""

from graphopt.train.monitored.coordinator import Coordinator as Coordinator
from graphopt.train.monitored.creators import ChiefSessionCreator as ChiefSessionCreator
from graphopt.train.monitored.creators import SessionCreator as SessionCreator
from graphopt.train.monitored.creators import WorkerSessionCreator as WorkerSessionCreator
from graphopt.train.monitored.scaffold import Scaffold as Scaffold
from graphopt.train.monitored.session import MonitoredSession as MonitoredSession
from graphopt.train.monitored.session import SingularMonitoredSession as SingularMonitoredSession
from graphopt.train.monitored.session import StepContext as StepContext
from graphopt.train.monitored.session_manager import SessionManager as SessionManager
from graphopt.train.monitored.training_session import MonitoredTrainingSession as MonitoredTrainingSession
