"""Summaries: writing them to a log directory, and reading them."""

from graphopt.ops.summary_proto import SessionLog as SessionLog
from graphopt.summary.iterating import summary_iterator as summary_iterator
from graphopt.summary.json_lines import JSONLinesWriter as JSONLinesWriter
from graphopt.summary.log_data import LogData as LogData
from graphopt.summary.log_data import Series as Series
from graphopt.summary.protos import Event as Event
from graphopt.summary.protos import LogMessage as LogMessage
from graphopt.summary.protos import TaggedRunMetadata as TaggedRunMetadata
from graphopt.summary.reader import read as read
from graphopt.summary.sinks import MlflowSink as MlflowSink
from graphopt.summary.sinks import Sink as Sink
from graphopt.summary.sinks import Tee as Tee
from graphopt.summary.sinks import WandbSink as WandbSink
from graphopt.summary.writer import FileWriter as FileWriter
from graphopt.summary.writer import FileWriterCache as FileWriterCache
