"""The state of a session that a checkpoint holds: variables, and the random streams and settings of the whole graph."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, FailedPreconditionError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph
from graphopt.graph.settings import default_settings
from graphopt.graph.variables import Variable
from graphopt.runtime.interrupts import DeferredInterrupt
from graphopt.runtime.session import Session
from graphopt.runtime.store import Store
from graphopt.train.checkpoints.formulas import formulas
from graphopt.train.checkpoints.hyper_differences import code_values


@dataclass
class SessionState:
    """What stands in a checkpoint.

    Attributes:
      variables: element type and value by the name in the checkpoint.
      manifest: the rest, in the form that JSON holds: ``counters`` and ``seeds`` of random operations, ``settings``, ``code`` (what the
        code gave the hyper-parameters), ``formulas`` (what computes them), ``graph`` (a fingerprint) and ``step``.
    """

    variables: dict[str, tuple[DType, Any]]
    manifest: dict[str, Any]


def session_of(given: Any) -> Session:
    """Return the session that a session, or a monitored one around it, runs in.

    Raises:
      TypeError: for anything else. RuntimeError: for a closed session.
    """
    inner = next((getattr(given, name) for name in ("raw_session", "_tf_sess") if callable(getattr(given, name, None))), None)
    session = given if inner is None else inner()
    if not isinstance(session, Session):
        raise ArgumentTypeError(f"'sess' must be a Session; {given}")
    session.run([])  # raises where it is closed
    return session


def check_graph(session: Session, variables: Mapping[str, Variable]) -> None:
    """Raise a ValueError unless the variables belong to the session's graph."""
    for variable in variables.values():
        if variable.graph is not session.graph:
            raise ArgumentError(f"The variable {variable.name} of the Saver is not an element of the session's graph.")


@contextlib.contextmanager
def held_state(session: Session, variables: Mapping[str, Variable]) -> Iterator[SessionState]:
    """Give a session's state, which stays as it is inside the ``with`` block though the session may run in other threads.

    Args:
      session: the session. variables: what is saved, by the name in the checkpoint.

    Raises:
      tf.errors.FailedPreconditionError: when a variable has no value.
    """
    store = session.store
    with store.lock:
        state = _state(session, store, variables)
        # As for a run with a snapshot: whoever writes a variable leaves this array alone and makes another.
        store.readers += 1
    try:
        yield state
    finally:
        with store.lock:
            store.readers -= 1


def copied_state(session: Session, variables: Mapping[str, Variable]) -> SessionState:
    """Return a copy of a session's state; errors as `held_state`."""
    with held_state(session, variables) as state:
        copies = {name: (dtype, np.array(value)[()]) for name, (dtype, value) in state.variables.items()}
    return SessionState(copies, state.manifest)


def _state(session: Session, store: Store, variables: Mapping[str, Variable]) -> SessionState:
    cells = {name: store.cell(variable.op.name) for name, variable in variables.items()}
    values = {name: cell.value for name, cell in cells.items()}
    _check_initialized(variables, values)
    graph = session.graph
    settings = {name: float(store.cell(name).value) for name in default_settings(graph)}
    manifest = {
        "graph": fingerprint(variables),
        "step": _step(graph, store),
        "counters": {name: int(store.cells[name].value) for name in counters_of(graph, store)},
        "seeds": store.drawn_seeds(),
        "settings": settings,
        "code": _names_in_checkpoint(code_values(graph), variables),
        "formulas": {name: formula.to_json() for name, formula in formulas(graph).items()},
    }
    return SessionState({name: (variables[name].dtype, value) for name, value in values.items()}, manifest)


def _names_in_checkpoint(values: dict[str, float], variables: Mapping[str, Variable]) -> dict[str, float]:
    names = {variable.op.name: name for name, variable in variables.items()}
    return {names.get(name, name): value for name, value in values.items()}


def _check_initialized(variables: Mapping[str, Variable], values: Mapping[str, Any]) -> None:
    missing = [variables[name].op for name, value in values.items() if value is None]
    if missing:
        names = ", ".join(operation.name for operation in missing[1:6])
        more = None if len(missing) == 1 else f"(nor have {len(missing) - 1} others a value: {names}{', ...' if len(missing) > 6 else ''})"
        raise FailedPreconditionError(None, missing[0], lines(f"Attempting to use uninitialized value {missing[0].name}", more))


def _step(graph: Graph, store: Store) -> int | None:
    step = next(iter(graph.get_collection(GraphKeys.GLOBAL_STEP)), None)
    value = store.cell(step.op.name).value if isinstance(step, Variable) else None
    return None if value is None else int(value)


def counters_of(graph: Graph, store: Store) -> list[str]:
    """Return the names of the random operations that have drawn in a session."""
    others = {ref.op.name for ref in graph.root.state.get("variables", {})} | set(default_settings(graph))
    return [name for name, cell in store.cells.items() if cell.value is not None and name not in others]


def fingerprint(variables: Mapping[str, Variable]) -> str:
    """Return a text that two sets of variables share only when names, element types and shapes are the same."""
    rows = [f"{name} {variable.dtype.name} {variable.shape}" for name, variable in sorted(variables.items())]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def put_state(session: Session, variables: Mapping[Variable, Any], manifest: Mapping[str, Any] | None) -> None:
    """Give a session's variables values, and its random streams and settings those of a manifest, all together.

    Args:
      session: the session. variables: arrays or scalars that the caller gives away.
      manifest: the checkpoint's; None to leave streams and settings as they are.
    """
    store = session.store
    with store.lock, DeferredInterrupt():
        alone = store.readers == 0
        for variable, value in variables.items():
            store.commit(store.cell(variable.op.name), value, alone=alone)
        if manifest:
            _put_streams(session, store, manifest)


def _put_streams(session: Session, store: Store, manifest: Mapping[str, Any]) -> None:
    counters = {str(name): np.int64(count) for name, count in manifest.get("counters", {}).items()}
    for name in {*counters, *counters_of(session.graph, store)}:
        store.cell(name).value = counters.get(name)
    store.restore_seeds({str(name): int(seed) for name, seed in manifest.get("seeds", {}).items()})
    for name, value in manifest.get("settings", {}).items():
        if name in default_settings(session.graph):
            store.cell(name).value = np.float64(value)
