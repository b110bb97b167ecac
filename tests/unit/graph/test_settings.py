"""Settings: numbers from outside, with a value from the start, one for each session; and which writes a block records."""

import numpy as np
import pytest

import graphopt as tf
from graphopt.graph.settings import default_settings, setting, stores_of


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_setting_has_a_value_without_initializer_and_each_session_has_its_own(backend):
    rate = setting(0.1, "rate")
    doubled = rate * 2.0
    with tf.Session(backend=backend) as one, tf.Session(backend=backend) as other:
        assert one.run(doubled) == 0.2
        one.store.cell("rate").value = np.float64(5.0)
        assert one.run(doubled) == 10.0
        assert other.run(doubled) == 0.2
        assert len(stores_of(rate.graph)) == 2


def test_a_setting_is_no_variable_and_may_be_fed():
    rate = setting(0.25, "rate")
    assert tf.global_variables() == []
    assert default_settings(rate.graph) == {"rate": 0.25}
    assert rate.dtype is tf.float64
    assert tf.Session().run(rate + 1.0, {rate: 3.0}) == 4.0


def test_a_setting_made_in_a_branch_belongs_to_the_graph_around():
    chosen = tf.cond(tf.constant(True), lambda: setting(2.0, "inner") * 1.0, lambda: tf.constant(0.0, tf.float64))
    assert tf.Session().run(chosen) == 2.0


def test_the_writes_of_a_block_are_collected_without_initializers():
    w = tf.Variable(1.0, name="w")
    with tf.get_default_graph().collect_writes() as writes:
        added = w.assign_add(1.0)
        tf.Variable(3.0)
        with tf.get_default_graph().collect_writes() as inner:
            subtracted = tf.assign_sub(w, 1.0)
        with tf.get_default_graph().collect_writes(suspend=True):
            w.assign(9.0)
        w.read_value()
    later = w.assign(2.0)
    assert list(inner) == [subtracted.op]
    assert list(writes) == [added.op, subtracted.op]
    assert later.op not in writes


def test_a_branch_that_writes_counts_as_a_write():
    w = tf.Variable(1.0)
    with tf.get_default_graph().collect_writes() as writes:
        tf.cond(w > 0.0, lambda: w.assign_add(1.0), lambda: w.assign_add(2.0))
        tf.cond(w > 0.0, lambda: w + 1.0, lambda: w + 2.0)
    assert [op.type for op in writes] == ["If"]
