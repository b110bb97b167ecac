"""All op cases by name: one table a family, in the `cases_*` modules.

family       module             family      module            family      module
unary        elementwise        reduce      reduce            conv, pool  conv
binary       elementwise        norm        reduce            losses      losses
operators    elementwise        cumulative  reduce            control     control
compare      elementwise        segment     reduce            checks      control
cast         elementwise        slicing     indexing          gradients   control
special      elementwise        gather      indexing          layers      layers
constant     array              scatter     indexing          rnn         layers
shape        array              product     linalg            clip        clip
array        array              matrix      linalg            refused     refused (ERRORS)
nn, xent, normalise, embedding  nn
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import cases_array
import cases_clip
import cases_control
import cases_conv
import cases_elementwise
import cases_indexing
import cases_layers
import cases_linalg
import cases_losses
import cases_nn
import cases_reduce
import cases_refused
from peer_case import ErrorCase, OpCase, Scenario

AnyCase = TypeVar("AnyCase", OpCase, ErrorCase, Scenario)

MODULES = (
    cases_elementwise,
    cases_reduce,
    cases_array,
    cases_indexing,
    cases_linalg,
    cases_nn,
    cases_conv,
    cases_losses,
    cases_layers,
    cases_control,
    cases_clip,
)


def by_name(tables: Iterable[Iterable[AnyCase]]) -> dict[str, AnyCase]:
    """The cases of several tables; two of one name are a mistake."""
    found: dict[str, AnyCase] = {}
    for table in tables:
        for case in table:
            if case.name in found:
                raise ValueError(f"two cases are called {case.name}")
            found[case.name] = case
    return found


OPS: dict[str, OpCase] = by_name(table for module in MODULES for table in module.TABLES)
ERRORS: dict[str, ErrorCase] = by_name(cases_refused.TABLES)
