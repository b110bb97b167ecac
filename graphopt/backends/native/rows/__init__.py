"""Rows of arrays at given indices: taken, written, added up. Importing this enters the lowerings."""

from graphopt.backends.native.rows import checking as checking
from graphopt.backends.native.rows import duplicates as duplicates
from graphopt.backends.native.rows import one_hot as one_hot
from graphopt.backends.native.rows import segments as segments
from graphopt.backends.native.rows import sparse_softmax as sparse_softmax
from graphopt.backends.native.rows import taking as taking
from graphopt.backends.native.rows import writing as writing
