"""`tf.nn.rnn_cell`: one step of a recurrent network, with TensorFlow 1's names, argument orders and names of variables.

A cell is a function ``(inputs, state) -> (output, new state)`` that makes its variables at the first call, in a variable scope named after
its class, and takes the same ones afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, lines
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.initializers import Constant, Zeros
from graphopt.graph.nest import is_nested
from graphopt.graph.scopes import name_scope
from graphopt.graph.variable_scope import get_variable, variable_scope
from graphopt.ops.array import concat
from graphopt.ops.elementwise import add, maximum, minimum, multiply, sigmoid, tanh
from graphopt.ops.layout import split_even
from graphopt.ops.linalg import matmul
from graphopt.ops.nn import bias_add
from graphopt.ops.picking import slice_
from graphopt.tf1.rnn_base import LSTMStateTuple as LSTMStateTuple
from graphopt.tf1.rnn_base import RNNCell as RNNCell
from graphopt.tf1.rnn_wrappers import DeviceWrapper as DeviceWrapper
from graphopt.tf1.rnn_wrappers import DropoutWrapper as DropoutWrapper
from graphopt.tf1.rnn_wrappers import ResidualWrapper as ResidualWrapper

_ZEROS, _ONES = Zeros(), Constant(1.0)


def _depth(inputs_shape: Any) -> int:
    size = None if inputs_shape is None or inputs_shape.ndims is None else inputs_shape.as_list()[-1]
    if size is None:
        raise ArgumentError(f"Expected inputs.shape[-1] to be known, saw shape: {inputs_shape}")
    return int(size)


class _SimpleCell(RNNCell):
    """A cell whose variables are matrices and biases over [inputs, state]."""

    def __init__(self, num_units: int, activation: Any, reuse: Any, name: str | None, dtype: Any) -> None:
        super().__init__(name=name, dtype=dtype, _reuse=reuse)
        self._num_units = num_units
        self._activation = activation or tanh

    @property
    def state_size(self) -> Any:
        """The number of units."""
        return self._num_units

    @property
    def output_size(self) -> Any:
        """The number of units."""
        return self._num_units

    def _variable(self, name: str, shape: Sequence[int], initializer: Any = None) -> Any:
        return get_variable(name, list(shape), self.dtype, initializer=initializer)

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        """Return the output and the new state of one step."""
        given = convert_to_tensor(inputs)
        if given.tensor_type.rank not in (None, 2):
            found = f"inputs: {given.tensor_type} = {given.name} ({given.op.location})"
            raise ArgumentError(lines(f"A cell takes inputs of rank 2, found rank {given.tensor_type.rank}.", found))
        if self.dtype is None:
            self.dtype = given.dtype
        return super().__call__(given, state, scope)


class BasicRNNCell(_SimpleCell):
    """The simplest cell: ``output = new state = activation([inputs, state] @ kernel + bias)``.

    Args:
      num_units: the number of units. activation: a function, by default tanh. reuse: take variables that exist.
      name: of the variable scope. dtype: of the variables, by default that of the inputs.

    Example:
      >>> cell = tf.nn.rnn_cell.BasicRNNCell(4)
      >>> output, state = cell(tf.zeros([1, 3]), cell.zero_state(1, tf.float32))
      >>> output.shape.as_list(), [v.name for v in cell.variables]
      ([1, 4], ['basic_rnn_cell/kernel:0', 'basic_rnn_cell/bias:0'])
    """

    def __init__(self, num_units: int, activation: Any = None, reuse: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(num_units, activation, reuse, name, dtype)

    def build(self, inputs_shape: Any) -> None:
        """Make the variables."""
        self._kernel = self._variable("kernel", [_depth(inputs_shape) + self._num_units, self._num_units])
        self._bias = self._variable("bias", [self._num_units], _ZEROS)

    def call(self, inputs: Any, state: Any) -> Any:
        """Return the output and the new state."""
        output = self._activation(bias_add(matmul(concat([inputs, state], 1), self._kernel), self._bias))
        return output, output


class GRUCell(_SimpleCell):
    """A gated recurrent unit (Cho et al. 2014).

    Args:
      num_units: the number of units. activation: a function, by default tanh. reuse: take variables that exist.
      kernel_initializer, bias_initializer: of the variables; the gates' bias is 1 by default.
      name: of the variable scope. dtype: of the variables, by default that of the inputs.
    """

    def __init__(self, num_units: int, activation: Any = None, reuse: Any = None, kernel_initializer: Any = None,
                 bias_initializer: Any = None, name: str | None = None, dtype: Any = None) -> None:  # fmt: skip
        super().__init__(num_units, activation, reuse, name, dtype)
        self._kernel_initializer = kernel_initializer
        self._bias_initializer = bias_initializer

    def build(self, inputs_shape: Any) -> None:
        """Make the variables."""
        units, rows = self._num_units, _depth(inputs_shape) + self._num_units
        first, rest = (self._bias_initializer or _ONES), (self._bias_initializer or _ZEROS)
        self._gate_kernel = self._variable("gates/kernel", [rows, 2 * units], self._kernel_initializer)
        self._gate_bias = self._variable("gates/bias", [2 * units], first)
        self._candidate_kernel = self._variable("candidate/kernel", [rows, units], self._kernel_initializer)
        self._candidate_bias = self._variable("candidate/bias", [units], rest)

    def call(self, inputs: Any, state: Any) -> Any:
        """Return the output and the new state."""
        gates = sigmoid(bias_add(matmul(concat([inputs, state], 1), self._gate_kernel), self._gate_bias))
        reset, update = split_even(gates, num=2, axis=1)
        mixed = matmul(concat([inputs, multiply(reset, state)], 1), self._candidate_kernel)
        candidate = self._activation(bias_add(mixed, self._candidate_bias))
        new_state = update * state + (1 - update) * candidate
        return new_state, new_state


class _LSTM(_SimpleCell):
    """What the LSTM cells share: a state of two parts, together in a tuple or in one tensor."""

    def __init__(self, num_units: int, activation: Any, reuse: Any, name: str | None, dtype: Any, state_is_tuple: bool) -> None:
        super().__init__(num_units, activation, reuse, name, dtype)
        self._state_is_tuple = state_is_tuple

    @property
    def state_size(self) -> Any:
        """The sizes of the two parts of the state."""
        sizes = LSTMStateTuple(self._num_units, self.output_size)
        return sizes if self._state_is_tuple else sizes.c + sizes.h

    def _parts(self, state: Any) -> tuple[Any, Any]:
        if self._state_is_tuple:
            c, h = state
            return c, h
        return slice_(state, [0, 0], [-1, self._num_units]), slice_(state, [0, self._num_units], [-1, self.output_size])

    def _whole(self, c: Any, h: Any) -> Any:
        return LSTMStateTuple(c, h) if self._state_is_tuple else concat([c, h], 1)


class BasicLSTMCell(_LSTM):
    """A long short-term memory without options (Zaremba et al. 2014).

    Args:
      num_units: the number of units. forget_bias: added to the forget gate. state_is_tuple: whether the state is an `LSTMStateTuple`.
      activation: a function, by default tanh. reuse: take variables that exist. name: of the variable scope.
      dtype: of the variables, by default that of the inputs.
    """

    def __init__(self, num_units: int, forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None, reuse: Any = None,
                 name: str | None = None, dtype: Any = None) -> None:  # fmt: skip
        super().__init__(num_units, activation, reuse, name, dtype, state_is_tuple)
        self._forget_bias = forget_bias

    def build(self, inputs_shape: Any) -> None:
        """Make the variables."""
        self._kernel = self._variable("kernel", [_depth(inputs_shape) + self._num_units, 4 * self._num_units])
        self._bias = self._variable("bias", [4 * self._num_units], _ZEROS)

    def call(self, inputs: Any, state: Any) -> Any:
        """Return the output and the new state."""
        c, h = self._parts(state)
        i, j, f, o = split_even(bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias), num=4, axis=1)
        new_c = add(multiply(c, sigmoid(add(f, self._forget_bias))), multiply(sigmoid(i), self._activation(j)))
        new_h = multiply(self._activation(new_c), sigmoid(o))
        return new_h, self._whole(new_c, new_h)


class LSTMCell(_LSTM):
    """A long short-term memory with peepholes, clipping and a projection (Sak et al. 2014).

    Args:
      num_units: the number of units. use_peepholes: let the gates see what the cell remembers. cell_clip: bounds of that.
      initializer: of the matrices. num_proj: the size of the output, if it is projected. proj_clip: bounds of the projected output.
      num_unit_shards, num_proj_shards: accepted for TensorFlow's sake. forget_bias: added to the forget gate.
      state_is_tuple: whether the state is an `LSTMStateTuple`. activation: a function, by default tanh.
      reuse: take variables that exist. name: of the variable scope. dtype: of the variables, by default that of the inputs.
    """

    def __init__(self, num_units: int, use_peepholes: bool = False, cell_clip: float | None = None, initializer: Any = None,
                 num_proj: int | None = None, proj_clip: float | None = None, num_unit_shards: Any = None, num_proj_shards: Any = None,
                 forget_bias: float = 1.0, state_is_tuple: bool = True, activation: Any = None, reuse: Any = None,
                 name: str | None = None, dtype: Any = None) -> None:  # fmt: skip
        super().__init__(num_units, activation, reuse, name, dtype, state_is_tuple)
        self._use_peepholes = use_peepholes
        self._cell_clip = cell_clip
        self._initializer = initializer
        self._num_proj = num_proj
        self._proj_clip = proj_clip
        self._forget_bias = forget_bias

    @property
    def output_size(self) -> Any:
        """The number of units, or the size of the projection."""
        return self._num_units if self._num_proj is None else self._num_proj

    def build(self, inputs_shape: Any) -> None:
        """Make the variables."""
        units = self._num_units
        self._kernel = self._variable("kernel", [_depth(inputs_shape) + self.output_size, 4 * units], self._initializer)
        self._bias = self._variable("bias", [4 * units], _ZEROS)
        if self._use_peepholes:
            self._w_f, self._w_i, self._w_o = [self._variable(f"w_{gate}_diag", [units], self._initializer) for gate in "fio"]
        if self._num_proj is not None:
            self._projection = self._variable("projection/kernel", [units, self._num_proj], self._initializer)

    def call(self, inputs: Any, state: Any) -> Any:
        """Return the output and the new state."""
        c, h = self._parts(state)
        i, j, f, o = split_even(bias_add(matmul(concat([inputs, h], 1), self._kernel), self._bias), num=4, axis=1)
        if self._use_peepholes:
            forget, let_in = sigmoid(f + self._forget_bias + self._w_f * c), sigmoid(i + self._w_i * c)
        else:
            forget, let_in = sigmoid(f + self._forget_bias), sigmoid(i)
        new_c = _within(forget * c + let_in * self._activation(j), self._cell_clip)
        let_out = sigmoid(o + self._w_o * new_c) if self._use_peepholes else sigmoid(o)
        new_h = let_out * self._activation(new_c)
        if self._num_proj is not None:
            new_h = _within(matmul(new_h, self._projection), self._proj_clip)
        return new_h, self._whole(new_c, new_h)


def _within(x: Any, bound: float | None) -> Any:
    return x if bound is None else maximum(minimum(x, bound), -bound)


class MultiRNNCell(RNNCell):
    """Several cells on top of each other: the output of each is the input of the next.

    Args:
      cells: a list of cells. state_is_tuple: whether the state is a tuple of theirs, or all in one tensor.

    Raises:
      ValueError: without cells, or with a cell whose state is a tuple while state_is_tuple is False. TypeError: for anything but a list.
    """

    def __init__(self, cells: Any, state_is_tuple: bool = True) -> None:
        super().__init__()
        if not cells:
            raise ArgumentError("Must specify at least one cell for MultiRNNCell.")
        if not isinstance(cells, (list, tuple)):
            raise ArgumentTypeError(f"cells must be a list or tuple, but saw: {cells}.")
        self._cells = list(cells)
        self._state_is_tuple = state_is_tuple
        if not state_is_tuple and any(is_nested(cell.state_size) for cell in cells):
            raise ArgumentError(f"Some cells return tuples of states, but the flag state_is_tuple is not set. State sizes are: "
                                f"{[cell.state_size for cell in cells]}")  # fmt: skip

    @property
    def state_size(self) -> Any:
        """The sizes of the cells' states."""
        sizes = tuple([cell.state_size for cell in self._cells])
        return sizes if self._state_is_tuple else sum(sizes)

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        return self._cells[-1].output_size

    def zero_state(self, batch_size: Any, dtype: Any) -> Any:
        """Return the cells' zero states."""
        if not self._state_is_tuple:
            return super().zero_state(batch_size, dtype)
        with name_scope(f"{type(self).__name__}ZeroState"):
            return tuple([cell.zero_state(batch_size, dtype) for cell in self._cells])

    def call(self, inputs: Any, state: Any) -> Any:
        """Return the last cell's output and the cells' new states."""
        if self._state_is_tuple and len(state) != len(self._cells):
            raise ArgumentError(f"Expected state to be a tuple of length {len(self._cells)}, but received: {state}")
        current, new_states, at = inputs, [], 0
        for i, cell in enumerate(self._cells):
            with variable_scope(f"cell_{i}"):
                own = state[i] if self._state_is_tuple else slice_(state, [0, at], [-1, cell.state_size])
                at += 0 if self._state_is_tuple else cell.state_size
                current, new_state = cell(current, own)
                new_states.append(new_state)
        return current, tuple(new_states) if self._state_is_tuple else concat(new_states, 1)
