"""Summaries: writing them to a log directory, and reading them."""

from graphopt.summary.json_lines import JSONLinesWriter as JSONLinesWriter
from graphopt.summary.protos import Event as Event
from graphopt.summary.protos import LogMessage as LogMessage
from graphopt.summary.protos import SessionLog as SessionLog
from graphopt.summary.protos import TaggedRunMetadata as TaggedRunMetadata
from graphopt.summary.writer import FileWriter as FileWriter
from graphopt.summary.writer import FileWriterCache as FileWriterCache
