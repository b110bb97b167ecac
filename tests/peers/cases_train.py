"""All scenarios by name: one table a family, in the `cases_*` modules.

family                        module                 family          module
optimizers, minimize          cases_optimizers       averages        cases_averages
schedules                     cases_schedules        names           cases_names
clipping                      cases_clipping         session         cases_session
optimize_loss                 cases_optimize_loss    variables, initializers   cases_variables
"""

from __future__ import annotations

import cases_averages
import cases_clipping
import cases_names
import cases_optimize_loss
import cases_optimizers
import cases_random
import cases_schedules
import cases_session
import cases_variables
from cases_ops import by_name
from peer_case import Scenario

MODULES = (
    cases_optimizers,
    cases_schedules,
    cases_clipping,
    cases_averages,
    cases_optimize_loss,
    cases_names,
    cases_variables,
    cases_session,
    cases_random,
)

SCENARIOS: dict[str, Scenario] = by_name(table for module in MODULES for table in module.TABLES)
