"""What op blocks, rules and backends are tested with. Use it for your own ops: `check_op(my_op)`."""

from graphopt.ir.samples import SPECIAL as SPECIAL
from graphopt.ir.samples import arg as arg
from graphopt.ir.samples import case as case
from graphopt.ir.samples import values as values
from graphopt.testing.backends import BACKENDS as BACKENDS
from graphopt.testing.compare import difference as difference
from graphopt.testing.compare import has_same_bits as has_same_bits
from graphopt.testing.compare import is_close as is_close
from graphopt.testing.contract import CALL_CHECKS as CALL_CHECKS
from graphopt.testing.contract import ERROR_CHECKS as ERROR_CHECKS
from graphopt.testing.contract import check_block as check_block
from graphopt.testing.contract import check_op as check_op
from graphopt.testing.contract import check_sample as check_sample
from graphopt.testing.contract import registered_ops as registered_ops
from graphopt.testing.errors import ContractError as ContractError
from graphopt.testing.gradients import check_gradient as check_gradient
from graphopt.testing.random_program import RandomProgram as RandomProgram
from graphopt.testing.random_program import random_program as random_program
from graphopt.testing.recorded import run_recorded as run_recorded
