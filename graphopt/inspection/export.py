"""Write a compiled step as one Python file that needs NumPy alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.compiler.needed import needed_operations
from graphopt.errors import ArgumentError, ArgumentTypeError, lines
from graphopt.graph.operation import Tensor
from graphopt.inspection.exporting.layout import Exported, file_text
from graphopt.inspection.exporting.syntax import NotStandAlone
from graphopt.inspection.files import write_text
from graphopt.ir.plan import Plan
from graphopt.ir.types import TensorType
from graphopt.runtime.fetching import Fetches, flatten_feeds, to_feed
from graphopt.runtime.session import Session, get_default_session
from graphopt.runtime.signature import Signature
from graphopt.runtime.store import Store


def export(train_op: Any, path: str | PathLike[str], *, feed_dict: Mapping[Any, Any] | None = None, session: Session | None = None) -> None:
    """Write the compiled step of a training op as one Python file that needs NumPy alone, with the session's present state.

    The file runs to the same numbers, bit for bit, as ``Session(backend="numpy")``, for as many steps as one likes. It can be read:
    the step stands in it as one statement after another. ``docs/export.md`` says how it is used.

    Args:
      train_op: what `optimize_loss` returned, or anything else that `Session.run` fetches.
      path: where the file is written.
      feed_dict: values for placeholders; only their shapes count. Those whose shape is known can be left out.
      session: the session whose state is written; the default session if there is none.

    Raises:
      ValueError: when there is no session, a shape isn't known, or an operation can't stand alone: strings, summaries, Python functions.
      TypeError: for what can't be fetched or fed. tf.errors.FailedPreconditionError: when a variable has no value yet.
      tf.errors.OpError: when the file can't be written.

    Example:
      >>> w = tf.Variable(3.0, name="w")
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.25, "SGD")
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     tf.export(train_op, "descend.py")
      >>> import runpy
      >>> descend = runpy.run_path("descend.py")
      >>> state = descend["initial_state"]()
      >>> descend["step"](state).item(), state["w"].item()
      (9.0, 1.5)
    """
    session = session or get_default_session()
    if session is None:
        raise ArgumentError("There is no session whose state could be exported: give session=, or call export inside of a session.")
    if not isinstance(session, Session):
        raise ArgumentTypeError(f"session must be a tf.Session, got {type(session)}")
    fetches = Fetches(session.graph, train_op)
    feeds = _feeds(fetches, flatten_feeds(session.graph, feed_dict or {}))
    plan = _plan(session, fetches, feeds)
    exported = Exported(
        title=f"The step of {_names(fetches)}",
        version=sys.modules[__name__.partition(".")[0]].__version__,
        plan=plan,
        feeds={t.name: TensorType(t.dtype, np.shape(value)) for t, value in feeds.items() if t.dtype is not dtypes.string},
        fetches=_structure(fetches, plan),
        fetched=_structure_names(fetches),
        values=_state(session.store, plan),
    )
    try:
        text = file_text(exported)
    except NotStandAlone as error:
        raise _refusal(error) from None
    write_text(path, text)


def _plan(session: Session, fetches: Fetches, feeds: Mapping[Tensor, Any]) -> Plan:
    """Return the plan of the numpy backend, one variable at a time, for feeds of these shapes."""
    signature = Signature(session.graph, session.store, fetches, list(feeds), backend="numpy")
    program = signature.runner_for(list(feeds.values())).executable.plan.program
    return NumpyExecutable(program, batched=False).plan


def _feeds(fetches: Fetches, given: Mapping[Tensor, Any]) -> dict[Tensor, Any]:
    """Return the feeds, with those of the placeholders that a run of the fetches needs and nobody gives."""
    operations = needed_operations(fetches.elements, given)
    missing = [op.outputs[0] for op in operations if op.opdef.tf_name == "Placeholder" and op.outputs[0] not in given]
    return {**{t: to_feed(t, value) for t, value in given.items()}, **{t: _blank(t) for t in missing}}


def _blank(tensor: Tensor) -> Any:
    """Return a value of the shape a placeholder is recorded with."""
    shape = tensor.tensor_type.shape
    if not tensor.tensor_type.is_static or shape is None:
        rule = f"The shape of the placeholder {tensor.name!r} is not known: {shapes.format_tf(shape)}."
        raise ArgumentError(lines(rule, f"An exported step is for one shape: export(..., feed_dict={{{tensor.op.name}: value}})"))
    return to_feed(tensor, np.zeros(shape, tensor.dtype.np))


def _state(store: Store, plan: Plan) -> dict[str, Any]:
    """Return copies of the present values of all state that the step reads or writes."""
    read = {n.attributes["name"]: n.attributes["kind"] for n in plan.inputs if n.attributes["kind"] != "feed"}
    written = {name: "variable" for kind, name, _ in plan.program.outputs if kind == "update"}
    found = {}
    with store.lock:
        for name, kind in {**written, **read}.items():
            value = store.cell(name).value
            if value is None and kind == "counter":
                value = np.int64(0)
            if value is not None:
                found[name] = np.array(value)
    return found


def _refusal(error: NotStandAlone) -> ArgumentError:
    operation = error.operation
    if operation is None:
        return ArgumentError(f"This step can't be exported: {error}.")
    return ArgumentError(
        lines(
            f"The operation {operation.name!r} ({operation.type}) can't be exported: {error}.",
            f"made at {operation.location}",
            "See docs/export.md#what-cant-be-exported",
        )
    )


# --- what is fetched -----------------------------------------------------------------------------------------------------------


class _Place:
    """Stands for the value of one fetched element while the structure of the fetches is written down."""

    def __init__(self, text: str) -> None:
        self.text = text


def _structure(fetches: Fetches, plan: Plan) -> str:
    """Return the expression that puts the results together as the caller's structure wants it."""
    places = {name: i for i, (kind, name, _) in enumerate(plan.program.outputs) if kind == "fetch"}
    texts = [f"results[{places[e.name]}]" if isinstance(e, Tensor) else "None" for e in fetches.elements]
    return _code(fetches.assemble([_Place(text) for text in texts]))


def _structure_names(fetches: Fetches) -> str:
    names = [e.name if isinstance(e, Tensor) else f"None (the operation {e.name})" for e in fetches.elements]
    return _code(fetches.assemble([_Place(name) for name in names]))


def _names(fetches: Fetches) -> str:
    return ", ".join([element.name for element in fetches.elements])


def _code(structure: Any) -> str:
    """Return a structure of places as code; a named tuple becomes a tuple."""
    if isinstance(structure, _Place):
        return structure.text
    if isinstance(structure, Mapping) and all(isinstance(key, (str, int)) for key in structure):
        return f"{{{', '.join([f'{key!r}: {_code(value)}' for key, value in structure.items()])}}}"
    if isinstance(structure, list):
        return f"[{', '.join(map(_code, structure))}]"
    if isinstance(structure, tuple):
        return f"({', '.join(map(_code, structure))}{',' if len(structure) == 1 else ''})"
    if structure is None:
        return "None"
    raise ArgumentError(f"Fetches of the class {type(structure).__name__} can't be exported: use lists, tuples and dicts.")
