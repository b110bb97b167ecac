"""`tf.summary` with TensorFlow 1's names."""

from graphopt.graph.summaries import histogram as histogram
from graphopt.graph.summaries import merge as merge
from graphopt.graph.summaries import merge_all as merge_all
from graphopt.graph.summaries import scalar as scalar
from graphopt.ops.summary_proto import Summary as Summary
from graphopt.summary.writer import FileWriter as FileWriter
from graphopt.summary.writer import FileWriterCache as FileWriterCache
