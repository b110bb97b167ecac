"""All scenarios by name: one table a family, in the `cases_*` modules.

    family                  module
    optimizers, minimize    cases_optimizers
    schedules               cases_schedules
"""

from __future__ import annotations

import cases_optimizers
import cases_schedules
from cases_ops import by_name
from peer_case import Scenario

MODULES = (cases_optimizers, cases_schedules)

SCENARIOS: dict[str, Scenario] = by_name(table for module in MODULES for table in module.TABLES)
