"""Op definitions, interned nodes, programs, and the one call path (`bind`) between them."""

from graphopt.ir.bind import bind as bind
from graphopt.ir.node import Node as Node
from graphopt.ir.opdef import define_op as define_op
from graphopt.ir.program import Program as Program
