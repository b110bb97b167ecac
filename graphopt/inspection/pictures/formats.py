"""A graph in the forms that other tools read: networkx, DOT, TensorBoard's GraphDef, Model Explorer's JSON."""

from __future__ import annotations

import json
from typing import Any

from graphopt.graph.graph import Graph
from graphopt.graph.graph_def import to_graph_def as recorded_graph_def
from graphopt.graph.operation import Operation, Tensor
from graphopt.inspection.formula import constant_text
from graphopt.inspection.networks import networkx
from graphopt.inspection.pictures.boxes import Box, Drawing, Scope, drawing_of, operations_of
from graphopt.inspection.pictures.looks import LOOKS, UNPRINTABLE
from graphopt.inspection.pictures.place import second_line
from graphopt.inspection.recorded import place, written_variables
from graphopt.inspection.roles import roles_of
from graphopt.ir.node import CONST


def to_networkx(given: Any) -> Any:
    """Return a graph as a `networkx.MultiDiGraph`: a node for each operation, an edge for each tensor that one takes and each control edge.

    Nodes are the operations' names, with the attributes ``type``, ``role`` (state, forward, backward, update, other), ``scope``,
    ``shapes``, ``dtypes``, ``made_at``, ``value`` (of constants), ``writes``, ``id`` and ``operation``; edges have ``kind`` (``data``,
    ``control`` or ``guard``), ``tensor``, ``type`` and ``bytes``.

    Args:
      given: a training op, tensor, operation or a list of these: what a run of it needs; or a graph.

    Raises:
      TypeError: for anything else.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> graph = tf.inspection.to_networkx(tf.square(w, name="loss"))
      >>> sorted(graph), graph.nodes["loss"]["type"]
      (['loss', 'w', 'w/read'], 'Square')
    """
    title, operations = operations_of(given)
    roles = roles_of(operations)
    graph = networkx().MultiDiGraph(name=title)
    for operation in operations:
        graph.add_node(operation.name, **_attributes(operation, roles[operation]))
    present = set(operations)
    for operation in operations:
        for i, tensor in enumerate(operation.inputs):
            if tensor.op in present:
                size = tensor.tensor_type.num_bytes
                graph.add_edge(
                    tensor.op.name, operation.name, kind="data", tensor=tensor.name, type=str(tensor.tensor_type), bytes=size, place=i
                )
        for earlier in operation.control_inputs:
            if earlier in present:
                graph.add_edge(earlier.name, operation.name, kind="control")
        if operation.guard is not None and operation.guard.op in present:
            graph.add_edge(operation.guard.op.name, operation.name, kind="guard", tensor=operation.guard.name)
    return graph


def _attributes(operation: Operation, role: str) -> dict[str, Any]:
    return {
        "type": operation.type,
        "role": role,
        "scope": operation.name.rpartition("/")[0],
        "shapes": [t.tensor_type.shape for t in operation.outputs],
        "dtypes": [t.dtype.name for t in operation.outputs],
        "made_at": place(operation),
        "value": constant_text(operation) if operation.opdef is CONST else None,
        "writes": [v.name for v in written_variables(operation)],
        "id": operation.id,
        "operation": operation,
    }


# --- DOT ---------------------------------------------------------------------------------------------------------------------------------


def to_dot(given: Any) -> str:
    """Return a graph as DOT text for Graphviz: name scopes are clusters, roles have colours and letters.

    Args:
      given: a training op, tensor, operation or a list of these: what a run of it needs; or a graph.

    Raises:
      TypeError: for anything else.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> print(tf.inspection.to_dot(tf.square(w, name="loss")).splitlines()[0])
      digraph "loss:0: 3 operations" {
    """
    return dot_text(drawing_of(given))


def dot_text(drawing: Drawing) -> str:
    """Return a drawing as DOT text."""
    numbers = {box: f"n{i}" for i, box in enumerate(drawing.root.boxes)}
    rows = [f"digraph {_quoted(drawing.title)} {{"]
    rows.append('  graph [fontname="Helvetica", rankdir=TB]; node [fontname="Helvetica", fontsize=11, style=filled];')
    rows += _dot_scope(drawing.root, numbers, "  ")
    for edge in drawing.edges:
        style = ", style=dashed" if edge.is_control else ""
        rows.append(f"  {numbers[edge.a]} -> {numbers[edge.b]} [tooltip={_quoted(edge.label)}{style}];")
    return "\n".join([*rows, "}", ""])


def _dot_scope(scope: Scope, numbers: dict[Box, str], indent: str) -> list[str]:
    rows = []
    for child in scope.children:
        if isinstance(child, Box):
            look = LOOKS[child.role]
            label = _quoted(f"{look.letter}  {child.label}\n{second_line(child)}")
            shape = "ellipse" if child.role == "state" else "box"
            colours = f'fillcolor="{look.fill}", color="{look.edge}"'
            rows.append(f"{indent}{numbers[child]} [label={label}, tooltip={_quoted(child.name)}, shape={shape}, {colours}];")
        else:
            cluster = f"cluster_{numbers[child.boxes[0]]}_{len(indent)}"
            inner = _dot_scope(child, numbers, f"{indent}  ")
            rows += [f"{indent}subgraph {cluster} {{", f"{indent}  label={_quoted(child.label)};", *inner, f"{indent}}}"]
    return rows


def _quoted(text: str) -> str:
    cleaned = UNPRINTABLE.sub("\ufffd", text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{cleaned}"'


# --- viewers -----------------------------------------------------------------------------------------------------------------------------


def to_graph_def(given: Any) -> Any:
    """Return the recorded graph as TensorFlow's `GraphDef`: what TensorBoard's graph page reads. ``.serialize()`` gives its bytes.

    Args:
      given: a graph, or anything of it: a training op, a tensor, an operation. The `GraphDef` always has the whole graph.

    Raises:
      TypeError: for anything else.

    Example:
      >>> loss = tf.square(tf.Variable(1.0, name="w"), name="loss")
      >>> [node.op for node in tf.inspection.to_graph_def(loss).node if node.name == "loss"]
      ['Square']
    """
    return recorded_graph_def(_graph_of(given))


def _graph_of(given: Any) -> Graph:
    if isinstance(given, Graph):
        return given
    operations_of(given)  # raises for what is nothing of a graph
    element = given[0] if isinstance(given, list | tuple) else given
    graph: Graph = element.graph.root
    return graph


def to_model_explorer(given: Any) -> str:
    """Return a graph as JSON for Google's Model Explorer: open the file there, or pass it to ``model_explorer.visualize``.

    Args:
      given: a training op, tensor, operation or a list of these: what a run of it needs; or a graph.

    Raises:
      TypeError: for anything else.

    Source: https://github.com/google-ai-edge/model-explorer/wiki (graph collections).

    Example:
      >>> import json
      >>> found = json.loads(tf.inspection.to_model_explorer(tf.square(3.0, name="loss")))
      >>> [node["label"] for node in found["graphs"][0]["nodes"]]
      ['Const', 'Square']
    """
    title, operations = operations_of(given)
    roles = roles_of(operations)
    present = set(operations)
    nodes = [_explorer_node(operation, roles[operation], present) for operation in operations]
    collection = {"label": title, "graphs": [{"id": title, "nodes": nodes}]}
    return json.dumps(collection, indent=1)


def _explorer_node(operation: Operation, role: str, present: set[Operation]) -> dict[str, Any]:
    look = LOOKS[role]
    attributes = {"role": role, "made at": place(operation) or "", "name": operation.name}
    if operation.opdef is CONST:
        attributes["value"] = constant_text(operation)
    taken: list[tuple[Tensor | None, Operation]] = [(t, t.op) for t in operation.inputs]
    taken += [(None, earlier) for earlier in operation.control_inputs]
    edges = [
        {
            "sourceNodeId": str(source.id),
            "sourceNodeOutputId": str(tensor.value_index) if tensor is not None else "control",
            "targetNodeInputId": str(i),
        }
        for i, (tensor, source) in enumerate(taken)
        if source in present
    ]
    outputs = [
        {"id": str(t.value_index), "attrs": [{"key": "tensor_shape", "value": str(t.tensor_type)}, {"key": "name", "value": t.name}]}
        for t in operation.outputs
    ]
    return {
        "id": str(operation.id),
        "label": operation.type,
        "namespace": operation.name.rpartition("/")[0],
        "attrs": [{"key": key, "value": value} for key, value in attributes.items()],
        "incomingEdges": edges,
        "outputsMetadata": outputs,
        "style": {"backgroundColor": look.fill, "borderColor": look.edge},
    }
