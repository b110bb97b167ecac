"""The base of Keras's optimizers: what a step does and in which order, what it is made of, and what it returns."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras.optimizers


def run_steps(step: Any, fetches: Any, times: int = 1, feeds: Any = None) -> Any:
    """Run a step some times in a new session, then return the fetches' values."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            session.run(step, feeds)
        return session.run(fetches)


# --- minimize and compute_gradients -----------------------------------------------------------------------------------


def test_minimize_of_a_function_returns_the_number_of_steps() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    step = keras.SGD(0.1).minimize(lambda: 3 * a * a + 2 * b * b, var_list=[a, b])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [session.run(step).item() for _ in range(2)] == [1, 2]
        np.testing.assert_allclose(session.run([a, b]), [1 * 0.4 * 0.4, 2 * 0.6 * 0.6], rtol=1e-6)


def test_minimize_of_a_tensor_needs_no_tape_and_takes_the_trainable_variables() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0, trainable=False)
    step = keras.SGD(1.0).minimize(a * b)
    assert run_steps(step, [a, b]) == [-1.0, 2.0]


def test_variables_may_come_from_a_function_that_is_called_after_the_loss() -> None:
    made: list[Any] = []

    def loss() -> Any:
        made.append(tf.Variable([1.0, 2.0], trainable=False))
        return made[0] * 3.0

    step = keras.SGD(1.0).minimize(loss, lambda: made)
    np.testing.assert_array_equal(run_steps(step, made[0]), [-2.0, -1.0])


def test_compute_gradients_gives_none_where_there_is_no_path() -> None:
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    pairs = keras.SGD().compute_gradients(a * 5.0, [a, b])
    assert pairs[1] == (None, b) and pairs[0][1] is a
    assert run_steps(tf.no_op(), pairs[0][0]) == 5.0


class Tape:
    """What an optimizer asks of a gradient tape."""

    def __init__(self) -> None:
        self.watched: list[Any] = []
        self.is_recording = False

    def __enter__(self) -> "Tape":
        self.is_recording = True
        return self

    def __exit__(self, *error: Any) -> None:
        self.is_recording = False

    def watch(self, variables: Any) -> None:
        self.watched += variables

    def gradient(self, loss: Any, variables: Any) -> Any:
        return tf.gradients(loss, variables)


def test_a_tape_is_asked_for_the_gradients() -> None:
    w, tape = tf.Variable(2.0), Tape()

    def loss() -> Any:
        assert tape.is_recording
        return w * w

    step = keras.SGD(0.25).minimize(loss, [w], tape=tape)
    assert tape.watched == [w]
    assert run_steps(step, w) == 1.0
    again = keras.SGD(0.25).minimize(w * w, [w], tape)
    assert run_steps(again, w) == 1.0


# --- apply_gradients --------------------------------------------------------------------------------------------------


def test_gradients_may_be_arrays_and_numbers() -> None:
    a, b = tf.Variable([1.0, 2.0]), tf.Variable(3.0, dtype=tf.float64)
    step = keras.SGD(3.0).apply_gradients(zip([np.array([5.0, 5.0]), 1], [a, b], strict=True))
    found = run_steps(step, [a, b])
    np.testing.assert_array_equal(found[0], [-14.0, -13.0])
    assert found[1] == 0.0


def test_a_variable_without_a_gradient_stays_and_is_warned_of_once() -> None:
    a, b = tf.Variable([1.0]), tf.Variable([2.0], name="still", constraint=lambda v: v * 0.0)
    optimizer = keras.SGD(1.0, weight_decay=0.5)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['still:0'\]") as caught:
        step = optimizer.apply_gradients([(tf.constant([1.0]), a), (None, b)])
    assert len(caught) == 1 and caught[0].filename == __file__
    assert [value.tolist() for value in run_steps(step, [a, b])] == [[-0.5], [2.0]]
    assert [v.name for v in optimizer.variables] == ["iteration:0", "SGD/m/Variable:0", "SGD/m/still:0"]


def test_no_pairs_change_nothing() -> None:
    optimizer = keras.Adam()
    step = optimizer.apply_gradients([])
    assert run_steps(step, [step, optimizer.iterations]) == [0, 0]


def test_a_variable_may_stand_in_two_pairs() -> None:
    w = tf.Variable(1.0)
    step = keras.SGD(1.0).apply_gradients([(tf.constant(1.0), w), (tf.constant(3.0), w)])
    assert run_steps(step, w) == -3.0


def test_one_operation_stands_for_the_whole_step() -> None:
    w = tf.Variable([1.0, -2.0], name="w", constraint=lambda v: tf.maximum(v, 0.0))
    optimizer = keras.Adam(0.1, use_ema=True, weight_decay=0.1, ema_overwrite_frequency=1)
    step = optimizer.apply_gradients([(w * 1.0, w)])
    assert step.op.name == "Adam" and step.dtype == tf.int64
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step.op)
        values = session.run(list(optimizer.variables))
        assert values[0] == 1 and all(np.any(value != 0) for value in values)
        np.testing.assert_array_equal(session.run(w) >= 0, [True, True])


def test_a_name_is_that_of_the_step_and_the_slots() -> None:
    w = tf.Variable(1.0, name="k")
    optimizer = keras.Adam()
    assert optimizer.apply_gradients([(w * 1.0, w)], name="dummy").op.name == "dummy"
    assert [v.name for v in optimizer.variables] == ["iteration:0", "dummy/m/k:0", "dummy/v/k:0"]
    assert optimizer.apply_gradients([(w * 1.0, w)]).op.name == "Adam"


def test_the_name_may_be_missing() -> None:
    w = tf.Variable(1.0, name="k")
    assert keras.SGD(name=None).apply_gradients([(w * 1.0, w)]).op.name == "optimizer"


def test_steps_of_two_losses_share_the_state() -> None:
    w = tf.Variable(1.0)
    optimizer = keras.SGD(1.0, 0.5)
    first, second = optimizer.minimize(w * 2.0, [w]), optimizer.minimize(w * 4.0, [w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([first, second])
        assert session.run([w, optimizer.iterations]) == [1.0 - 2.0 - 5.0, 2]


def test_aggregation_comes_first_and_can_be_left_out() -> None:
    class Doubled(keras.SGD):
        def aggregate_gradients(self, grads_and_vars: Any) -> Any:
            return [(2.0 * gradient, v) for gradient, v in grads_and_vars]

    def change(**kwargs: Any) -> Any:
        w = tf.Variable(0.0)
        return run_steps(Doubled(1.0, clipvalue=1.5).apply_gradients([(tf.constant(1.0), w)], **kwargs), w)

    assert change() == -1.5
    assert change(skip_gradients_aggregation=True) == -1.0
    assert change(experimental_aggregate_gradients=False) == -1.0
    w = tf.Variable(0.0)
    assert keras.SGD().aggregate_gradients(iter([(None, w)])) == [(None, w)]


def test_a_guard_leaves_everything_as_it_is(graph: Any) -> None:
    w = tf.Variable([1.0], constraint=lambda v: tf.minimum(v, 0.5))
    optimizer = keras.Nadam(0.1, use_ema=True, weight_decay=0.1, ema_overwrite_frequency=1)
    guard = tf.placeholder(tf.bool, [])
    with graph.write_only_if(guard):
        step = optimizer.apply_gradients([(w * 1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        everything = [w, *optimizer.variables]
        before = session.run(everything)
        session.run(step, {guard: False})
        for old, new in zip(before, session.run(everything), strict=True):
            np.testing.assert_array_equal(old, new)
        assert session.run(step, {guard: True}) == 1
        assert all(np.any(old != new) for old, new in zip(before, session.run(everything), strict=True))


def test_what_tf_gradients_gives_is_taken() -> None:
    table, w = tf.Variable(np.ones((3, 2), np.float32)), tf.Variable(2.0)
    loss = w * tf.reduce_sum(tf.gather(table, [1, 1]))
    variables = [table, w]
    step = keras.SGD(1.0).apply_gradients(zip(tf.gradients(loss, variables), variables, strict=True), name="train")
    found = run_steps(step, variables)
    np.testing.assert_array_equal(found[0], [[1.0, 1.0], [-3.0, -3.0], [1.0, 1.0]])
    assert found[1] == -2.0 and step.op.name == "train"


# --- an optimizer of one's own ----------------------------------------------------------------------------------------


class Accumulating(keras.Optimizer):
    """Gradients are added up, and the sum is descended."""

    def __init__(self, learning_rate: Any = 0.1, **kwargs: Any) -> None:
        super().__init__("Accumulating", **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list: Any) -> None:
        super().build(var_list)
        self._sums = [self.add_variable_from_reference(v, "sum") for v in var_list]
        self._counts = self.add_variable(shape=None, initializer="ones", name="counts")
        self._built = True

    def update_step(self, gradient: Any, variable: Any) -> None:
        total = self._sums[self._index_dict[self._var_key(variable)]]
        total.assign_add(gradient)
        self._counts.assign_add(1.0)
        variable.assign_sub(self.learning_rate * total)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "learning_rate": 0.1}


def test_whatever_an_own_update_step_assigns_is_part_of_the_step() -> None:
    w, other = tf.Variable([1.0, 2.0]), tf.Variable(1.0, dtype=tf.float64)
    optimizer = Accumulating(clipvalue=0.5, weight_decay=0.1)
    step = optimizer.apply_gradients([([1.0, 0.1], w), (0.0, other)])
    found = run_steps(step, [w, other, optimizer._counts, optimizer.iterations], 2)
    np.testing.assert_allclose(found[0], [0.8306, 1.9303], rtol=1e-6)
    assert found[1] == pytest.approx(0.99**2) and found[2:] == [5.0, 2]
    names = ["iteration:0", "Accumulating/sum/Variable:0", "Accumulating/sum/Variable_1:0", "Accumulating/counts:0"]
    assert [v.name for v in optimizer.variables] == names


def test_an_own_optimizer_takes_lr_in_place_of_its_default() -> None:
    w = tf.Variable(0.0)
    assert run_steps(Accumulating(lr=0.5).apply_gradients([(1.0, w)]), w) == -0.5


# --- variables --------------------------------------------------------------------------------------------------------

ORDERS = [
    (lambda: keras.SGD(), "m/x m/y"),
    (lambda: keras.SGD(use_ema=True), "average/x average/y m/x m/y"),
    (lambda: keras.Adam(), "m/x v/x m/y v/y"),
    (lambda: keras.AdamW(), "m/x v/x m/y v/y"),
    (lambda: keras.Adam(amsgrad=True), "m/x v/x m/y v/y vhat/x vhat/y"),
    (lambda: keras.Nadam(), "m/x v/x m/y v/y u_product"),
    (lambda: keras.Adamax(), "m/x u/x m/y u/y"),
    (lambda: keras.RMSprop(), "velocity/x velocity/y"),
    (lambda: keras.RMSprop(momentum=0.5), "velocity/x velocity/y momentum/x momentum/y"),
    (lambda: keras.RMSprop(centered=True), "velocity/x velocity/y average_gradient/x average_gradient/y"),
    (lambda: keras.Adagrad(), "accumulator/x accumulator/y"),
    (lambda: keras.Adadelta(), "accumulated_grad/x accumulated_delta_var/x accumulated_grad/y accumulated_delta_var/y"),
    (lambda: keras.Ftrl(), "accumulator/x linear/x accumulator/y linear/y"),
    (lambda: keras.Lion(), "m/x m/y"),
    (lambda: keras.Adafactor(), "v/x r/y c/y v/y"),
    (lambda: keras.Lamb(), "m/x v/x m/y v/y"),
    (lambda: keras.Muon(), "m/x v/x m/y"),
]


@pytest.mark.parametrize(("make", "names"), ORDERS, ids=[names for _, names in ORDERS])
def test_order_and_names_of_the_variables(make: Any, names: str) -> None:
    x, y = tf.Variable([1.0, 2.0], name="x"), tf.Variable([[3.0]], name="y")
    optimizer = make()
    optimizer.build([x, y])
    assert [v.op.name for v in optimizer.variables] == ["iteration", *names.split()]
    optimizer.build([x, y])
    optimizer.apply_gradients([([1.0, 1.0], x), ([[1.0]], y)])
    assert [v.op.name for v in optimizer.variables()] == ["iteration", *names.split()]
    assert tf.trainable_variables() == [x, y]
    assert all(v in tf.global_variables() for v in optimizer.variables)
    slots = optimizer.get_slot_names()
    assert {optimizer.get_slot(y, name).op.name for name in slots if optimizer.get_slot(y, name)} <= set(names.split())
    assert optimizer.get_slot(x, "nothing") is None


def test_slots_have_the_type_of_their_variables() -> None:
    w = tf.Variable(np.ones(3, np.float16), name="w")
    optimizer = keras.Adam()
    optimizer.build([w])
    assert [v.dtype for v in optimizer.variables] == [tf.int64, tf.float16, tf.float16]


def test_variables_without_a_known_shape_get_slots() -> None:
    w = tf.Variable(tf.placeholder_with_default(np.ones(3, np.float32), [None]), validate_shape=False)
    optimizer = keras.Adagrad(0.1, use_ema=True)
    step = optimizer.apply_gradients([(tf.identity(w), w)])
    assert run_steps(step, w).tolist() == pytest.approx([1 - 0.1 / np.sqrt(1.1)] * 3)


def test_averages_start_from_what_a_variable_was_initialised_with() -> None:
    w = tf.Variable(tf.random_normal([4], seed=3))
    optimizer = keras.SGD(use_ema=True)
    optimizer.build([w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(*session.run([w, optimizer.average_of(w)]))


def test_iterations_may_be_set_before_the_optimizer_is_built() -> None:
    optimizer, w = keras.SGD(), tf.Variable(1.0)
    optimizer.iterations = 2
    step = optimizer.apply_gradients([(1.0, w)])
    assert optimizer.variables[0] is optimizer.iterations
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(step) == 3


def test_the_global_step_may_be_the_counter() -> None:
    optimizer, w, counter = keras.Adam(), tf.Variable(1.0), tf.train.get_or_create_global_step()
    optimizer.iterations = counter
    step = optimizer.apply_gradients([(1.0, w)])
    assert run_steps(step, counter, 2) == 2


def test_an_initializer_of_ones_own() -> None:
    optimizer = keras.Optimizer("mine")
    made = optimizer.add_variable((2,), tf.float64, lambda shape, dtype: tf.fill(shape, tf.constant(7.0, dtype)), "seven")
    value = optimizer.add_variable_from_reference(tf.Variable([1.0, 2.0], name="w"), "mine", shape=(3,))
    other = optimizer.add_variable_from_reference(tf.Variable(1.0, name="w"), "other", initial_value=[4.0, 5.0])
    found = run_steps(tf.no_op(), [made, value, other])
    assert [v.tolist() for v in found] == [[7.0, 7.0], [0.0, 0.0, 0.0], [4.0, 5.0]]
    assert [v.name for v in optimizer.variables] == ["iteration:0", "seven:0", "mine/w:0", "other/w_1:0"]


def test_a_step_inside_of_a_branch_and_a_loop() -> None:
    optimizer, w, wanted = keras.Nadam(0.1, use_ema=True, weight_decay=0.1), tf.Variable([1.0]), tf.placeholder(tf.bool, [])
    step = tf.cond(wanted, lambda: optimizer.apply_gradients([(w * 1.0, w)]), lambda: optimizer.iterations.value())
    loop = tf.while_loop(lambda n: n < 3, lambda n: optimizer.apply_gradients([(w * 1.0, w)]), [np.int64(0)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert [session.run(step, {wanted: value}).item() for value in (False, True, False)] == [0, 1, 1]
        assert session.run(loop) == 3
        assert session.run(optimizer.iterations) == 3
