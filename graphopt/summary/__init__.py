"""Summaries: recording them, and writing them to a log directory."""

from graphopt.graph.summaries import histogram as histogram
from graphopt.graph.summaries import merge as merge
from graphopt.graph.summaries import merge_all as merge_all
from graphopt.graph.summaries import scalar as scalar
from graphopt.ops.summary_proto import HistogramProto as HistogramProto
from graphopt.ops.summary_proto import Summary as Summary
from graphopt.summary.writer import FileWriter as FileWriter
from graphopt.summary.writer import FileWriterCache as FileWriterCache
