"""Initial values from a checkpoint: fine-tuning, and models whose variables were renamed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.scopes import init_scope
from graphopt.graph.variable_store import store_of
from graphopt.graph.variables import Variable
from graphopt.ops import control
from graphopt.ops.array import reshape
from graphopt.train.checkpoints.reader import CheckpointReader, checkpoint_of


def init_from_checkpoint(ckpt_dir_or_file: Any, assignment_map: Any) -> None:
    """Make variables begin with values of a checkpoint: their initializers read them when they run.

    Args:
      ckpt_dir_or_file: what `Saver.save` returned, or a folder, whose newest checkpoint is taken; ours or TensorFlow's.
      assignment_map: a dict, or a list of pairs, from names in the checkpoint to variables or names of variables made by `get_variable`;
        ``"scope/": "other/"`` takes all variables of the scope ``other`` from ``scope``, and ``"/"`` stands for everything.

    Raises:
      ValueError: when there is no such checkpoint, tensor or variable, or when shapes or element types differ.

    Example:
      >>> import tempfile
      >>> folder = tempfile.TemporaryDirectory()
      >>> w = tf.get_variable("old/w", initializer=7.0)
      >>> with tf.Session() as session:
      ...     session.run(w.initializer)
      ...     path = tf.train.Saver([w]).save(session, f"{folder.name}/model.ckpt")
      >>> with tf.Graph().as_default(), tf.Session() as session:
      ...     w = tf.get_variable("new/w", [])
      ...     tf.train.init_from_checkpoint(path, {"old/": "new/"})
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(w).item()
      7.0
      >>> folder.cleanup()

    Source: tensorflow/python/training/checkpoint_utils.py.
    """
    reader = CheckpointReader(checkpoint_of(ckpt_dir_or_file))
    pairs = list(assignment_map.items()) if isinstance(assignment_map, Mapping) else [(name, item) for name, item in assignment_map]
    made = store_of(get_default_graph()).variables
    for name, target in sorted(pairs, key=lambda pair: str(pair[0])):
        variable = made.get(target) if isinstance(target, str) else target
        if isinstance(variable, list | tuple) and len(variable) == 1:
            variable = variable[0]
        if isinstance(variable, Variable):
            _initialize(variable, reader, name)
        elif not isinstance(target, str):
            raise ArgumentTypeError(f"An assignment map leads to variables or names of variables, got {target!r} for {name!r}.")
        else:
            for tensor, own in _scope_pairs(name, target, made):
                _initialize(own, reader, tensor)


def _scope_pairs(name: str, target: str, made: Mapping[str, Variable]) -> list[tuple[str, Variable]]:
    """Return the tensors' names and the variables that a pair of scopes stands for."""
    scope = target[: target.rindex("/")] if "/" in target else ""
    if not name.endswith("/"):
        rule = f"Assignment map with scope only name {scope or target} should map to scope only {name}. Should be 'scope/': 'other_scope/'."
        raise ArgumentError(f"{rule} (There is no variable {target!r} made by get_variable.)")
    prefix = f"{scope}/" if scope else ""
    root = "" if name == "/" else name
    return [(root + own.removeprefix(prefix), variable) for own, variable in sorted(made.items()) if own.startswith(prefix)]


def _initialize(variable: Variable, reader: CheckpointReader, name: str) -> None:
    """Make a variable's initializer read a tensor of a checkpoint."""
    if not reader.has_tensor(name):
        known = ", ".join(sorted(reader.variables)[:20])
        raise ArgumentError(f"Tensor {name} (for {variable.name}) is not found in {reader.path} checkpoint, which has {known}")
    dtype, shape = reader.variables[name]
    if not variable.shape.is_compatible_with(shape):
        raise ArgumentError(
            f"Shape of variable {variable.name} ({variable.shape}) doesn't match with shape of tensor {name} ({list(shape)}) "
            f"from checkpoint reader."
        )
    if dtype is not variable.dtype:
        found = "of a type graphopt has not" if dtype is None else dtype.name
        raise ArgumentError(f"Variable {variable.name} is {variable.dtype.name}, and tensor {name} of {reader.path} is {found}.")
    with init_scope():
        read = control.py_func(function=lambda: reader.get_tensor(name), dtypes_out=(variable.dtype,), name="checkpoint_initializer")
        variable.start_with(reshape(read[0], shape))


def warm_start(
    ckpt_to_initialize_from: Any,
    vars_to_warm_start: Any = ".*",
    var_name_to_vocab_info: Any = None,
    var_name_to_prev_var_name: Mapping[str, str] | None = None,
) -> None:
    """Make variables begin with the values that a checkpoint has for them.

    Args:
      ckpt_to_initialize_from: as in `init_from_checkpoint`.
      vars_to_warm_start: a regular expression that names of trainable variables begin with; a list of expressions, for all global
        variables; a list of variables; or None for those of `var_name_to_prev_var_name`.
      var_name_to_vocab_info: not supported. var_name_to_prev_var_name: names in the checkpoint where they are other ones.

    Raises:
      NotImplementedError: for vocabularies. ValueError: as `init_from_checkpoint`; for names of variables that there are not.

    Example:
      >>> import tempfile
      >>> folder = tempfile.TemporaryDirectory()
      >>> w = tf.get_variable("w", initializer=7.0)
      >>> with tf.Session() as session:
      ...     session.run(w.initializer)
      ...     path = tf.train.Saver([w]).save(session, f"{folder.name}/model.ckpt")
      >>> with tf.Graph().as_default(), tf.Session() as session:
      ...     w, head = tf.get_variable("w", []), tf.get_variable("head", initializer=1.0)
      ...     tf.train.warm_start(path, "w")
      ...     session.run(tf.global_variables_initializer())
      ...     [value.item() for value in session.run([w, head])]
      [7.0, 1.0]
      >>> folder.cleanup()

    Source: tensorflow/python/training/warm_starting_util.py.
    """
    if var_name_to_vocab_info:
        raise UnsupportedError("warm_start with vocabularies is not supported: rearrange the rows, and use init_from_checkpoint.")
    renamed = dict(var_name_to_prev_var_name or {})
    chosen = {variable.op.name: variable for variable in _warm_variables(vars_to_warm_start)}
    unknown = sorted(set(renamed) - set(chosen))
    if unknown:
        raise ArgumentError(f"var_name_to_prev_var_name names variables that are not warm-started: {', '.join(unknown)}")
    init_from_checkpoint(ckpt_to_initialize_from, [(renamed.get(name, name), variable) for name, variable in chosen.items()])


def _warm_variables(wanted: Any) -> list[Variable]:
    graph = get_default_graph()
    if wanted is None or isinstance(wanted, str):
        return [] if wanted is None else _matching(graph.get_collection(GraphKeys.TRAINABLE_VARIABLES), [wanted])
    if all(isinstance(item, str) for item in wanted):
        return _matching(graph.get_collection(GraphKeys.GLOBAL_VARIABLES), wanted)
    return list(wanted)


def _matching(variables: Sequence[Variable], patterns: Sequence[str]) -> list[Variable]:
    return [variable for variable in variables if any(re.match(pattern, variable.op.name) for pattern in patterns)]
