"""What all cells of recurrent networks share: variables in a scope of their own, and states of zeros."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from graphopt import shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentTypeError, UnsupportedError
from graphopt.graph.nest import flatten, is_nested, pack_sequence_as
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variable_scope import variable_scope
from graphopt.ops.broadcast import zeros


class LSTMStateTuple(NamedTuple):
    """The state of an LSTM: what it remembers, and its last output.

    Attributes:
      c: what it remembers. h: its last output.
    """

    c: Any
    h: Any

    @property
    def dtype(self) -> DType:
        """The element type; TypeError when the two differ."""
        if self.c.dtype is not self.h.dtype:
            raise ArgumentTypeError(f"Inconsistent internal state: {self.c.dtype} vs {self.h.dtype}")
        dtype: DType = self.c.dtype
        return dtype


class RNNCell:
    """The base of all cells. A class of yours gives `state_size`, `output_size` and ``call(inputs, state)``.

    Args:
      name: the name of the variable scope; by default that of the class. dtype, trainable: kept. _reuse: take variables that exist.

    Example:
      >>> class Sum(tf.nn.rnn_cell.RNNCell):
      ...     state_size = output_size = 2
      ...     def call(self, inputs, state):
      ...         return inputs + state, inputs + state
      >>> outputs, _ = tf.nn.dynamic_rnn(Sum(), tf.ones([1, 3, 2]), dtype=tf.float32)
      >>> tf.Session().run(outputs).tolist()
      [[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]]
    """

    name: str | None = None
    dtype: Any = None
    trainable: bool = True
    built: bool = False
    _reuse: Any = None
    _scope: Any = None

    def __init__(self, trainable: bool = True, name: str | None = None, dtype: Any = None, _reuse: Any = None, **kwargs: Any) -> None:
        self.name = name
        self.dtype = dtype
        self.trainable = trainable
        self._reuse = _reuse

    @property
    def state_size(self) -> Any:
        """The size of the state: a number, a shape, or a nested tuple of them."""
        raise UnsupportedError("Abstract method")

    @property
    def output_size(self) -> Any:
        """The size of the output: a number, a shape, or a nested tuple of them."""
        raise UnsupportedError("Abstract method")

    def build(self, inputs_shape: Any) -> None:
        """Make the variables. Called once, before the first `call`, in the cell's variable scope."""

    def call(self, inputs: Any, state: Any) -> Any:
        """Return the output and the new state of one step."""
        raise UnsupportedError("Abstract method")

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Return the output and the new state of one step.

        Args:
          inputs: a tensor ``[batch, size]``. state: as `zero_state` gives it. scope: the name of the variable scope at the first call.
        """
        with self._opened(scope):
            if not self.built:
                self.build(inputs.shape if isinstance(inputs, Tensor) else None)
                self.built = True
            return self.call(inputs, state)

    @contextlib.contextmanager
    def _opened(self, scope: Any) -> Iterator[None]:
        """Open the cell's variable scope: a new one at the first call, the same one afterwards."""
        if self._scope is not None:
            with variable_scope(self._scope, reuse=True, auxiliary_name_scope=False), name_scope(self._scope.original_name_scope):
                yield
            return
        base = self.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()
        chosen = base if scope is None and self._reuse else scope
        with variable_scope(chosen, default_name=base, reuse=self._reuse) as opened:
            self._scope = opened
            yield

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Return a state of zeros.

        Args:
          batch_size: a number or a scalar tensor. dtype: its element type.
        """
        with name_scope(f"{type(self).__name__}ZeroState"):
            return zeros_of(self.state_size, batch_size, dtype)

    @property
    def variables(self) -> list[Any]:
        """The variables made so far."""
        return [] if self._scope is None else list(self._scope.global_variables())

    weights = variables

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables made so far that optimizers change."""
        return [] if self._scope is None else list(self._scope.trainable_variables())

    trainable_weights = trainable_variables


def zeros_of(size: Any, batch_size: Any, dtype: Any) -> Any:
    """Return zeros for a size, or a nested tuple of sizes, with a batch dimension in front."""
    flat = [(s,) if isinstance(s, int) else tuple(shapes.to_shape(s) or ()) for s in map(_plain, flatten(size))]
    made = [zeros([batch_size, *sizes], dtype) for sizes in flat]
    return pack_sequence_as(size, made) if is_nested(size) else made[0]


def _plain(size: Any) -> Any:
    return int(size) if isinstance(size, shapes.Dimension) else size


def check_cell(name: str, cell: Any) -> None:
    """Raise TypeError unless an argument can be used as a cell."""
    has_zero_state = hasattr(cell, "zero_state") or hasattr(cell, "get_initial_state")
    conditions = {
        "'output_size' property is missing": hasattr(cell, "output_size"),
        "'state_size' property is missing": hasattr(cell, "state_size"),
        "either 'zero_state' or 'get_initial_state' method is required": has_zero_state,
        "is not callable": callable(cell),
    }
    missing = [text for text, holds in conditions.items() if not holds]
    if missing:
        raise ArgumentTypeError(f"The argument {name!r} ({cell}) is not an RNNCell: {', '.join(missing)}.")
