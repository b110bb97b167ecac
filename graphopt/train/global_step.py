"""The global step: the integer variable that counts training steps."""

from __future__ import annotations

import logging
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.initializers import Zeros
from graphopt.graph.operation import Tensor
from graphopt.graph.variable_scope import get_variable
from graphopt.graph.variables import Variable, variable_of
from graphopt.ops.elementwise import add

_LOG = logging.getLogger("graphopt")
_READS = "global_step_read_op_cache"


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """Return the value of a global step in a session.

    >>> step = tf.train.get_or_create_global_step()
    >>> with tf.Session() as session:
    ...     session.run(tf.global_variables_initializer())
    ...     tf.train.global_step(session, step)
    0
    """
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Graph | None = None) -> Any:
    """Return the graph's global step: the one element of the collection GLOBAL_STEP, else what is called ``global_step:0``, else None.

    Args:
      graph: the graph (the default one by default).

    Raises:
      TypeError: when it is no integer scalar.

    >>> tf.train.get_global_step() is None
    True
    """
    graph = graph or get_default_graph().root
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        _LOG.error("Multiple tensors in global_step collection.")
        return None
    if found:
        step = found[0]
    else:
        try:
            step = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
        step = variable_of(step) or step
    assert_global_step(step)
    return step


def create_global_step(graph: Graph | None = None) -> Variable:
    """Make the graph's global step: an int64 scalar variable that is not trained.

    Args:
      graph: the graph (the default one by default).

    Raises:
      ValueError: when there is one.

    >>> tf.train.create_global_step()
    <tf.Variable 'global_step:0' shape=() dtype=int64>
    """
    graph = graph or get_default_graph().root
    if get_global_step(graph) is not None:
        raise ArgumentError('"global_step" already exists.')
    names = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP]
    with graph.as_default(), graph.name_scope(None):
        variable: Variable = get_variable(
            GraphKeys.GLOBAL_STEP, shape=[], dtype=dtypes.int64, initializer=Zeros(), trainable=False, collections=names
        )
    return variable


def get_or_create_global_step(graph: Graph | None = None) -> Any:
    """Return the graph's global step, made when there is none.

    >>> tf.train.get_or_create_global_step() is tf.train.get_or_create_global_step()
    True
    """
    graph = graph or get_default_graph().root
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def assert_global_step(global_step_tensor: Any) -> None:
    """Raise TypeError unless the argument is an integer variable or tensor that can be a scalar.

    >>> tf.train.assert_global_step(tf.constant(1.0))
    Traceback (most recent call last):
    graphopt.errors.ArgumentTypeError: Existing "global_step" does not have integer type: <dtype: 'float32'>...
    """
    if not isinstance(global_step_tensor, (Variable, Tensor)):
        raise ArgumentTypeError(f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}.')
    if not global_step_tensor.dtype.is_integer:
        raise ArgumentTypeError(f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}')
    shape = global_step_tensor.get_shape()
    if shape.ndims != 0 and shape.is_fully_defined():
        raise ArgumentTypeError(f'Existing "global_step" is not scalar: {shape}')


def get_or_create_global_step_read(graph: Graph | None = None) -> Tensor | None:
    """Return a tensor that reads the global step, recorded once in each graph; None when there is no global step.

    It stands where it was first asked for: in a run it gives the step as it is then.
    """
    graph = graph or get_default_graph().root
    reads = graph.get_collection_ref(_READS)
    if not reads:
        step = get_global_step(graph)
        if step is None:
            return None
        with graph.as_default(), graph.name_scope(None), graph.name_scope(f"{step.op.name}/"):
            value = step.initialized_value() if isinstance(step, Variable) else step
            reads.append(add(value, 0, name="add"))
    tensor: Tensor = reads[0]
    return tensor
