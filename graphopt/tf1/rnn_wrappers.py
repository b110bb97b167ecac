"""Cells around cells: dropout, residual connections, devices."""

from __future__ import annotations

import hashlib
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.nest import assert_same_structure, is_nested, map_structure
from graphopt.ops.elementwise import add, subtract
from graphopt.ops.nn import dropout
from graphopt.tf1.rnn_base import LSTMStateTuple, RNNCell, check_cell


class _Wrapper(RNNCell):
    """A cell that hands on to another one what it does not change."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        check_cell("cell", cell)
        self.cell = cell

    @property
    def wrapped_cell(self) -> Any:
        """The cell inside."""
        return self.cell

    @property
    def state_size(self) -> Any:
        """The size of the cell's state."""
        return self.cell.state_size

    @property
    def output_size(self) -> Any:
        """The size of the cell's output."""
        return self.cell.output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Return the cell's zero state."""
        return self.cell.zero_state(batch_size, dtype)

    @property
    def variables(self) -> list[Any]:
        """The cell's variables."""
        found: list[Any] = self.cell.variables
        return found

    weights = variables

    @property
    def trainable_variables(self) -> list[Any]:
        """The cell's variables that optimizers change."""
        found: list[Any] = self.cell.trainable_variables
        return found

    trainable_weights = trainable_variables


class DropoutWrapper(_Wrapper):
    """A cell with dropout of its inputs, outputs and state.

    Args:
      cell: the cell. input_keep_prob, output_keep_prob, state_keep_prob: the probability that an element is kept, numbers or tensors.
      variational_recurrent: not there yet. input_size, dtype: needed by that alone. seed: an integer.
      dropout_state_filter_visitor: a function of a state or a part of it that says which parts have dropout: by default all but the `c`
        of an `LSTMStateTuple`.

    Raises:
      TypeError: when cell is none. ValueError: for a probability outside of 0 to 1. NotImplementedError: for variational_recurrent.
    """

    def __init__(self, cell: Any, input_keep_prob: Any = 1.0, output_keep_prob: Any = 1.0, state_keep_prob: Any = 1.0,
                 variational_recurrent: bool = False, input_size: Any = None, dtype: Any = None, seed: int | None = None,
                 dropout_state_filter_visitor: Any = None) -> None:  # fmt: skip
        super().__init__(cell)
        if variational_recurrent:
            raise UnsupportedError("DropoutWrapper has no variational_recurrent.")
        if dropout_state_filter_visitor is not None and not callable(dropout_state_filter_visitor):
            raise ArgumentTypeError("dropout_state_filter_visitor must be callable")
        given = {"input_keep_prob": input_keep_prob, "output_keep_prob": output_keep_prob, "state_keep_prob": state_keep_prob}
        for name, probability in given.items():
            if not hasattr(probability, "builder") and not 0.0 <= probability <= 1.0:
                raise ArgumentError(f"Parameter {name} must be between 0 and 1: {probability}")
        self._keep = given
        self._seed = seed
        self._filter = dropout_state_filter_visitor or _all_but_c

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Return the output and the new state of one step."""
        output, new_state = self.cell(self._drop(inputs, "input"), state, scope=scope)
        if self._drops("state"):
            new_state = self._drop(new_state, "state", _chosen(self._filter, new_state))
        return self._drop(output, "output"), new_state

    def _drops(self, what: str) -> bool:
        probability = self._keep[f"{what}_keep_prob"]
        return hasattr(probability, "builder") or probability < 1.0

    def _drop(self, values: Any, what: str, chosen: Any = None) -> Any:
        """Return values with dropout where `chosen` is True (everywhere when it is None), each with a seed of its own."""
        if not self._drops(what):
            return values
        rate = subtract(1.0, self._keep[f"{what}_keep_prob"]) if hasattr(self._keep[f"{what}_keep_prob"], "builder") else None
        rate = 1.0 - self._keep[f"{what}_keep_prob"] if rate is None else rate
        count = iter(range(1 << 20))

        def one(value: Any, is_chosen: bool) -> Any:
            index = next(count)
            return dropout(value, rate=rate, seed=self._seed_of(what, index)) if is_chosen else value

        return map_structure(one, values, map_structure(lambda _: True, values) if chosen is None else chosen)

    def _seed_of(self, what: str, index: int) -> int | None:
        if self._seed is None:
            return None
        text = f"{self._seed}{what}_{index}".encode()
        return int(hashlib.md5(text).hexdigest()[:8], 16) & 0x7FFFFFFF


def _all_but_c(substate: Any) -> Any:
    return LSTMStateTuple(c=False, h=True) if isinstance(substate, LSTMStateTuple) else True


def _chosen(choose: Any, state: Any) -> Any:
    """Return the structure of a state with True where it has dropout; a choice for a part holds for all of it."""
    answer = choose(state)
    if is_nested(answer):
        return answer
    if not is_nested(state):
        return bool(answer)
    parts = [_chosen(choose, part) if answer else map_structure(lambda _: False, part) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)


class ResidualWrapper(_Wrapper):
    """A cell whose inputs are added to its outputs.

    Args:
      cell: the cell. residual_fn: ``residual_fn(inputs, outputs)`` in place of the sum.

    Raises:
      TypeError: when cell is none. ValueError: when inputs and outputs have not the same structure.
    """

    def __init__(self, cell: Any, residual_fn: Any = None) -> None:
        super().__init__(cell)
        self._residual = residual_fn or _sum

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Return the output and the new state of one step."""
        output, new_state = self.cell(inputs, state, scope=scope)
        return self._residual(inputs, output), new_state


def _sum(inputs: Any, outputs: Any) -> Any:
    assert_same_structure(inputs, outputs)
    return map_structure(add, inputs, outputs)


class DeviceWrapper(_Wrapper):
    """A cell whose operations carry a device name.

    Args:
      cell: the cell. device: the name.
    """

    def __init__(self, cell: Any, device: Any) -> None:
        super().__init__(cell)
        self._device = device

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Return the output and the new state of one step."""
        with get_default_graph().device(self._device):
            return self.cell(inputs, state, scope=scope)
