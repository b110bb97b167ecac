"""Recurrent networks: cells and the loops over steps (values are compared with TensorFlow's in tests/peers)."""
# Long because: every cell and every loop over steps stands beside the same few helpers.

import re
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.config import override
from graphopt.graph.nest import flatten

cells = tf.nn.rnn_cell
RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((3, 5, 2)).astype("float32")
LENGTHS = np.array([5, 0, 3], "int32")


@pytest.fixture(autouse=True)
def verified() -> Any:
    with override(verify=True):
        yield


def run(fetches: Any, feeds: Any = None, times: int = 1) -> Any:
    """The values of the last of several runs: after a few the second tier of the backend takes over."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            values = session.run(fetches, feeds)
    return values


def names(variables: Any) -> list[str]:
    return [v.name for v in variables]


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def some(scale: float = 0.5) -> Any:
    return tf.random_uniform_initializer(-scale, scale, seed=3)


# --- cells -----------------------------------------------------------------------------------------------------------------


def test_a_cell_makes_its_variables_once_in_a_scope_of_its_own() -> None:
    cell, x = cells.BasicLSTMCell(4), tf.zeros([3, 2])
    output, state = cell(x, cell.zero_state(3, tf.float32))
    cell(x, state)
    other = cells.BasicLSTMCell(4)
    other(x, state)
    with tf.variable_scope("net"):
        cells.GRUCell(4, name="gate")(x, output)
    assert names(cell.variables) == ["basic_lstm_cell/kernel:0", "basic_lstm_cell/bias:0"]
    assert names(other.trainable_variables) == ["basic_lstm_cell_1/kernel:0", "basic_lstm_cell_1/bias:0"]
    assert names(tf.global_variables("net/gate/cand")) == ["net/gate/candidate/kernel:0", "net/gate/candidate/bias:0"]
    assert cells.GRUCell(2).variables == []
    assert (output.name, state.c.shape.as_list()) == ("basic_lstm_cell/Mul_2:0", [3, 4])


def test_a_cell_takes_variables_that_exist() -> None:
    x = tf.zeros([3, 2])
    cells.BasicRNNCell(4)(x, tf.zeros([3, 4]))
    cells.BasicRNNCell(4, reuse=True)(x, tf.zeros([3, 4]))
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        cells.BasicRNNCell(4, name="basic_rnn_cell", reuse=tf.AUTO_REUSE)(x, tf.zeros([3, 4]))
    assert len(tf.global_variables()) == 2
    with tf.variable_scope("net"):
        cells.BasicRNNCell(4)(x, tf.zeros([3, 4]))
    with tf.variable_scope("net", reuse=True):
        cells.BasicRNNCell(4)(x, tf.zeros([3, 4]))
    assert len(tf.global_variables()) == 4
    with pytest.raises(ValueError, match="Variable net/basic_rnn_cell/kernel already exists, disallowed"), tf.variable_scope("net"):
        cells.BasicRNNCell(4)(x, tf.zeros([3, 4]))


def test_gru() -> None:
    cell, x = cells.GRUCell(4, kernel_initializer=some()), X[:, 0]
    h = RANDOM.standard_normal((3, 4)).astype("float32")
    output, state = cell(x, tf.constant(h))
    value, wg, bg, wc, bc = run([output, *cell.variables])
    r, u = np.split(sigmoid(np.concatenate([x, h], 1) @ wg + bg), 2, 1)
    c = np.tanh(np.concatenate([x, r * h], 1) @ wc + bc)
    np.testing.assert_allclose(value, u * h + (1 - u) * c, rtol=1e-5, atol=1e-6)
    assert (bg.tolist(), bc.tolist(), state is output) == ([1.0] * 8, [0.0] * 4, True)


def test_lstm_with_every_option() -> None:
    options: dict[str, Any] = {"use_peepholes": True, "cell_clip": 0.3, "num_proj": 3, "proj_clip": 0.1, "forget_bias": 0.5}
    cell, x = cells.LSTMCell(4, initializer=some(), activation=tf.nn.relu, **options), X[:, 0]
    c, h = RANDOM.standard_normal((3, 4)).astype("float32"), RANDOM.standard_normal((3, 3)).astype("float32")
    output, state = cell(x, cells.LSTMStateTuple(tf.constant(c), tf.constant(h)))
    assert [v.name.partition("/")[2] for v in cell.variables] == [
        "kernel:0", "bias:0", "w_f_diag:0", "w_i_diag:0", "w_o_diag:0", "projection/kernel:0"
    ]  # fmt: skip
    value, new_c, kernel, bias, wf, wi, wo, projection = run([output, state.c, *cell.variables])
    i, j, f, o = np.split(np.concatenate([x, h], 1) @ kernel + bias, 4, 1)
    wanted_c = np.clip(sigmoid(f + 0.5 + wf * c) * c + sigmoid(i + wi * c) * np.maximum(j, 0), -0.3, 0.3)
    wanted = np.clip(sigmoid(o + wo * wanted_c) * np.maximum(wanted_c, 0) @ projection, -0.1, 0.1)
    np.testing.assert_allclose(new_c, wanted_c, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)
    assert (cell.state_size, cell.output_size, state.dtype) == ((4, 3), 3, tf.float32)


@pytest.mark.parametrize("kind", [cells.BasicLSTMCell, cells.LSTMCell])
def test_the_state_in_one_tensor(kind: Any) -> None:
    together, apart = kind(4, state_is_tuple=False, name="cell"), kind(4, name="cell", reuse=tf.AUTO_REUSE)
    with tf.variable_scope("a", initializer=some()):
        one, whole = tf.nn.dynamic_rnn(cells.MultiRNNCell([together], state_is_tuple=False), X, dtype=tf.float32)
    with tf.variable_scope("a/rnn/multi_rnn_cell/cell_0", reuse=True):
        other, state = tf.nn.static_rnn(apart, tf.unstack(tf.constant(X), axis=1), dtype=tf.float32, scope=tf.get_variable_scope())
    found = run([one, tf.stack(other, 1), whole, tf.concat(state, 1)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[2], found[3], rtol=1e-5, atol=1e-7)
    assert together.state_size == 8


def test_the_type_of_the_inputs_decides() -> None:
    cell = cells.BasicRNNCell(4)
    outputs, _ = tf.nn.dynamic_rnn(cell, X.astype("float64"), dtype=tf.float64)
    assert (outputs.dtype, cell.variables[0].dtype) == (tf.float64, tf.float64)


def test_zero_states() -> None:
    cell = cells.MultiRNNCell([cells.BasicLSTMCell(2), cells.GRUCell(3)])
    state = cell.zero_state(tf.placeholder(tf.int32, []), tf.float32)
    assert isinstance(state[0], cells.LSTMStateTuple)
    assert [t.shape.as_list() for t in (*state[0], state[1])] == [[None, 2], [None, 2], [None, 3]]
    assert state[1].name.startswith("MultiRNNCellZeroState/GRUCellZeroState/zeros")


class Counter(cells.RNNCell):
    """A cell of one's own: it adds up, and counts its calls in a variable."""

    state_size = tf.TensorShape([2])
    output_size = 2

    def call(self, inputs: Any, state: Any) -> Any:
        scale = tf.get_variable("scale", [], initializer=tf.ones_initializer())
        with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
            calls = tf.get_variable("calls", [], tf.int32, initializer=tf.zeros_initializer(), trainable=False)
        with tf.control_dependencies([calls.assign_add(1)]):
            total = state + inputs * scale
        return total, total


def test_a_cell_of_ones_own_with_an_effect() -> None:
    x = tf.constant(X)
    outputs, state = tf.nn.dynamic_rnn(Counter(), x, dtype=tf.float32)
    assert names(tf.global_variables()) == ["rnn/counter/scale:0", "rnn/counter/calls:0"]
    slope = tf.gradients(tf.reduce_sum(outputs), tf.trainable_variables()[0])[0]
    value, last, found, calls = run([outputs, state, slope, tf.global_variables()[1]], times=2)
    np.testing.assert_allclose(value, np.cumsum(X, 1), rtol=1e-5)
    np.testing.assert_allclose(last, X.sum(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found, np.cumsum(X, 1).sum(), rtol=1e-4)
    assert calls == 2 * X.shape[1]


# --- wrappers --------------------------------------------------------------------------------------------------------------


def test_dropout() -> None:
    x = tf.ones([4, 50, 8])
    wrapped = cells.DropoutWrapper(Counter8(), input_keep_prob=0.5, output_keep_prob=tf.constant(0.25), seed=5)
    outputs, state = tf.nn.dynamic_rnn(wrapped, x, dtype=tf.float32)
    with tf.Session() as session:
        first, total = session.run([outputs, state])
        second = session.run(outputs)
    assert 0.08 < (first > 0).mean() < 0.18  # half of the inputs, a quarter of the outputs
    assert 35 < total.mean() < 65  # 50 steps of 2.0, half of them dropped
    assert not np.array_equal(first[:, 0], first[:, 1])
    assert not np.array_equal(first, second)
    assert (wrapped.state_size, wrapped.output_size, wrapped.variables, wrapped.wrapped_cell) == (8, 8, [], wrapped.cell)


class Counter8(cells.RNNCell):
    """A cell without variables."""

    state_size = output_size = 8

    def __call__(self, inputs: Any, state: Any, scope: Any = None) -> Any:
        return inputs, state + inputs


def test_dropout_of_states_leaves_what_an_lstm_remembers() -> None:
    keep = {"input_keep_prob": 1.0, "state_keep_prob": 1e-6}
    cell = cells.DropoutWrapper(cells.MultiRNNCell([cells.BasicLSTMCell(3), cells.GRUCell(2)]), **keep)
    _, (lstm, gru) = cell(tf.ones([2, 4]), cell.zero_state(2, tf.float32))
    c, h, g = run([lstm.c, lstm.h, gru])
    assert (np.all(c != 0), np.any(h), np.any(g)) == (True, False, False)
    everywhere = cells.DropoutWrapper(cells.BasicLSTMCell(3), state_keep_prob=1e-6, dropout_state_filter_visitor=lambda _: True)
    _, state = everywhere(tf.ones([2, 4]), everywhere.zero_state(2, tf.float32))
    assert not np.any(run(state.c))
    nowhere = cells.DropoutWrapper(cells.BasicLSTMCell(3), state_keep_prob=1e-6, dropout_state_filter_visitor=lambda _: False)
    _, state = nowhere(tf.ones([2, 4]), nowhere.zero_state(2, tf.float32))
    assert np.all(run(state.h) != 0)


def test_residual_and_device() -> None:
    inner = cells.BasicRNNCell(2)
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        plain, _ = inner(X[:, 0], tf.zeros([3, 2]))
        added, _ = cells.ResidualWrapper(inner)(tf.constant(X[:, 0]), tf.zeros([3, 2]))
        doubled, _ = cells.ResidualWrapper(inner, lambda x, y: y * 2.0)(tf.constant(X[:, 0]), tf.zeros([3, 2]))
        placed, _ = cells.DeviceWrapper(inner, "/device:GPU:1")(tf.constant(X[:, 0]), tf.zeros([3, 2]))
    one, two, three = run([plain, added, doubled])
    np.testing.assert_allclose(two, one + X[:, 0], rtol=1e-5)
    np.testing.assert_allclose(three, 2 * one, rtol=1e-5)
    assert placed.device == "/device:GPU:1"


# --- loops over steps ------------------------------------------------------------------------------------------------------

KINDS = {
    "rnn": lambda: cells.BasicRNNCell(4, name="cell"),
    "lstm": lambda: cells.BasicLSTMCell(4, name="cell"),
    "gru": lambda: cells.GRUCell(4, name="cell"),
    "stack": lambda: cells.MultiRNNCell([cells.LSTMCell(4), cells.GRUCell(3)]),
}


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_and_the_recorded_steps_agree(kind: str, lengths: Any, times: int) -> None:
    x, cell = tf.placeholder(tf.float32, [3, 5, 2]), KINDS[kind]()
    with tf.variable_scope("net", initializer=some()):
        looped, last = tf.nn.dynamic_rnn(cell, x, lengths, dtype=tf.float32)
        listed, state = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32, sequence_length=lengths)
    listed = tf.stack(listed, 1)
    sources = [x, *tf.trainable_variables()]
    pairs = [(looped, listed), *zip(flatten(last), flatten(state), strict=True)]
    pairs += list(zip(tf.gradients(tf.sin(looped), sources), tf.gradients(tf.sin(listed), sources), strict=True))
    for one, other in run(pairs, {x: X}, times):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_second_order() -> None:
    x = tf.placeholder(tf.float32, [3, 5, 2])
    cell = cells.BasicRNNCell(4)
    with tf.variable_scope("net", initializer=some()):
        looped, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
        listed, _ = tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)
    found = []
    for y in (looped, tf.stack(listed, 1)):
        (slope,) = tf.gradients(tf.reduce_sum(tf.square(y)), x)
        found.append(tf.gradients(tf.reduce_sum(tf.square(slope)), [x, *tf.trainable_variables()]))
    for one, other in zip(*run(found, {x: X}), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_after_the_end_outputs_are_zero_and_the_state_stays() -> None:
    start = np.ones((3, 4), "float32")
    outputs, state = tf.nn.dynamic_rnn(cells.GRUCell(4), X, LENGTHS, initial_state=start)
    value, last = run([outputs, state])
    for row, length in enumerate(LENGTHS):
        assert not np.any(value[row, length:])
        np.testing.assert_array_equal(last[row], value[row, length - 1] if length else start[row])


def test_sizes_that_are_known_late() -> None:
    x, lengths = tf.placeholder(tf.float32, [None, None, 2]), tf.placeholder(tf.int64, [None])
    outputs, state = tf.nn.dynamic_rnn(cells.BasicLSTMCell(4), x, lengths, dtype=tf.float32)
    slope = tf.gradients(tf.reduce_sum(outputs), x)[0]
    assert [t.shape.as_list() for t in (outputs, *state)] == [[None, None, 4], [None, 4], [None, 4]]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for batch, steps in ((3, 5), (2, 1), (2, 0)):
            feeds = {x: X[:batch, :steps], lengths: [steps] * batch}
            found = session.run([outputs, slope], feeds)
            assert [f.shape for f in found] == [(batch, steps, 4), (batch, steps, 2)]
        with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape("Expected shape for Tensor rnn/sequence_length:0 is ")):
            session.run(outputs, {x: X, lengths: [1, 2]})


def test_steps_first() -> None:
    cell = cells.BasicRNNCell(4)
    first, _ = tf.nn.dynamic_rnn(cell, X.transpose(1, 0, 2), LENGTHS, dtype=tf.float32, time_major=True)
    second, _ = tf.nn.dynamic_rnn(cell, X, LENGTHS, dtype=tf.float32)
    one, other = run([first, second])
    np.testing.assert_allclose(one.transpose(1, 0, 2), other, rtol=1e-5)
    assert first.shape.as_list() == [5, 3, 4]
    assert len(tf.global_variables()) == 2


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_both_directions(lengths: Any) -> None:
    pair = [cells.GRUCell(4), cells.GRUCell(2)]
    (forward, backward), (_, state) = tf.nn.bidirectional_dynamic_rnn(*pair, X, lengths, dtype=tf.float32)
    assert [n for n in names(tf.global_variables()) if n.endswith("gates/kernel:0")] == [
        "bidirectional_rnn/fw/gru_cell/gates/kernel:0",
        "bidirectional_rnn/bw/gru_cell/gates/kernel:0",
    ]
    listed, last_fw, last_bw = tf.nn.static_bidirectional_rnn(*pair, tf.unstack(tf.constant(X), axis=1), dtype=tf.float32,
                                                              sequence_length=lengths)  # fmt: skip
    found = run([tf.concat([forward, backward], 2), tf.stack(listed, 1), state, last_bw])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[2], found[3], rtol=1e-5, atol=1e-7)
    assert last_fw.shape.as_list() == [3, 4]


class Pairs(cells.RNNCell):
    """A cell of nested inputs and outputs."""

    state_size = (2, 3)
    output_size = (2, 3)

    def call(self, inputs: Any, state: Any) -> Any:
        new = (state[0] + inputs[0], state[1] * 0.5 + inputs[1])
        return new, new


def test_nested_inputs_and_outputs() -> None:
    y = RANDOM.standard_normal((3, 5, 3)).astype("float32")
    (a, b), state = tf.nn.dynamic_rnn(Pairs(), (tf.constant(X), tf.constant(y)), LENGTHS, dtype=tf.float32)
    assert [t.shape.as_list() for t in (a, b, *state)] == [[3, 5, 2], [3, 5, 3], [3, 2], [3, 3]]
    np.testing.assert_allclose(run(a)[0], np.cumsum(X[0], 0), rtol=1e-5)


def test_training_a_network() -> None:
    x, y = tf.placeholder(tf.float32, [None, 6, 1]), tf.placeholder(tf.float32, [None, 1])
    outputs, _ = tf.nn.dynamic_rnn(cells.LSTMCell(8, initializer=some()), x, dtype=tf.float32)
    loss = tf.reduce_mean(tf.square(tf.layers.dense(outputs[:, -1], 1, kernel_initializer=some()) - y))
    step = tf.train.get_or_create_global_step()
    train = tf.contrib.layers.optimize_loss(loss, step, 0.03, "Adam", clip_gradients=1.0)
    data = RANDOM.uniform(-1, 1, (64, 6, 1)).astype("float32")
    feeds = {x: data, y: data.sum(1)}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [session.run(train, feeds) for _ in range(150)]
    assert losses[-1] < 0.02 * losses[0]


def test_other_names() -> None:
    assert tf.contrib.rnn.LSTMCell is cells.LSTMCell
    assert tf.contrib.rnn.static_rnn is tf.nn.static_rnn


# --- errors ----------------------------------------------------------------------------------------------------------------


def wrap(**options: Any) -> Any:
    return cells.DropoutWrapper(cells.GRUCell(2), **options)


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (
            lambda: tf.nn.dynamic_rnn(3, X, dtype=tf.float32),
            TypeError,
            "The argument 'cell' (3) is not an RNNCell: 'output_size' property is",
        ),
        (lambda: cells.ResidualWrapper(max), TypeError, "either 'zero_state' or 'get_initial_state' method is required."),
        (lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), X), ValueError, "If there is no initial_state, you must give a dtype."),
        (lambda: tf.nn.static_rnn(cells.GRUCell(2), [X[0]]), ValueError, "If no initial_state is provided, dtype must be specified"),
        (lambda: tf.nn.static_rnn(cells.GRUCell(2), X[0], dtype=tf.float32), TypeError, "inputs must be a sequence"),
        (lambda: tf.nn.static_rnn(cells.GRUCell(2), [], dtype=tf.float32), ValueError, "inputs must not be empty"),
        (
            lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), tf.placeholder(tf.float32, [3, 5, None]), dtype=tf.float32),
            ValueError,
            "Input size (depth of inputs) must be accessible via shape inference, but saw value None.",
        ),
        (
            lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), X[0, 0], dtype=tf.float32),
            ValueError,
            "to have rank at least 2, but saw shape: (2,)",
        ),
        (
            lambda: tf.nn.dynamic_rnn(Pairs(), (X, X[:, :3]), dtype=tf.float32),
            ValueError,
            "Time steps is not the same for all the elements in the input in a batch.",
        ),
        (
            lambda: tf.nn.dynamic_rnn(cells.GRUCell(2), X, [[1]], dtype=tf.float32),
            ValueError,
            "sequence_length must be a vector of length batch_size, but saw shape: (1, 1)",
        ),
        (lambda: cells.GRUCell(2)(X, X), ValueError, "A cell takes inputs of rank 2, found rank 3."),
        (
            lambda: cells.GRUCell(2)(tf.placeholder(tf.float32, [3, None]), tf.zeros([3, 2])),
            ValueError,
            "Expected inputs.shape[-1] to be known, saw shape: (3, ?)",
        ),
        (lambda: cells.MultiRNNCell([]), ValueError, "Must specify at least one cell for MultiRNNCell."),
        (lambda: cells.MultiRNNCell(cells.GRUCell(2)), TypeError, "cells must be a list or tuple, but saw: "),
        (
            lambda: cells.MultiRNNCell([cells.LSTMCell(2)], state_is_tuple=False),
            ValueError,
            "Some cells return tuples of states, but the flag state_is_tuple is not set.",
        ),
        (
            lambda: cells.MultiRNNCell([cells.GRUCell(2)])(X[0], (X[0], X[0])),
            ValueError,
            "Expected state to be a tuple of length 1, but received: ",
        ),
        (lambda: wrap(input_keep_prob=1.5), ValueError, "Parameter input_keep_prob must be between 0 and 1: 1.5"),
        (lambda: wrap(variational_recurrent=True), NotImplementedError, "DropoutWrapper has no variational_recurrent."),
        (lambda: wrap(dropout_state_filter_visitor=3), TypeError, "dropout_state_filter_visitor must be callable"),
        (lambda: cells.RNNCell().state_size, NotImplementedError, "Abstract method"),
        (lambda: cells.RNNCell().output_size, NotImplementedError, "Abstract method"),
        (lambda: cells.RNNCell()(X[0], X[0]), NotImplementedError, "Abstract method"),
        (
            lambda: cells.LSTMStateTuple(tf.constant(1.0), tf.constant(1)).dtype,
            TypeError,
            "Inconsistent internal state: <dtype: 'float32'> vs <dtype: 'int32'>",
        ),
    ],
)
def test_what_is_refused(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        make()
