"""Names of operations and name scopes: the sequences are facts about TensorFlow 1."""

import re

import pytest

import graphopt as tf
from graphopt.graph.names import NameTable


def names(graph):
    return [op.name for op in graph.get_operations()]


def test_the_recorded_sequence_of_unique_names():
    table = NameTable()
    assert [table.unique(n) for n in ["a", "a", "A", "a_1", "a_1", "a"]] == ["a", "a_1", "A_2", "a_1_1", "a_1_2", "a_3"]


def test_a_name_can_be_looked_up_without_taking_it(graph):
    assert graph.unique_name("x", mark_as_used=False) == "x"
    assert graph.unique_name("x") == "x"
    assert graph.unique_name("x", mark_as_used=False) == "x_1"
    assert graph.unique_name("x") == "x_1"


def test_operations_get_unique_names_in_their_scope(graph):
    tf.constant(1.0)
    with tf.name_scope("s"):
        tf.constant(1.0, name="c")
        tf.constant(1.0, name="c")
        with tf.name_scope("t"):
            tf.constant(1.0, name="c")
    assert names(graph) == ["Const", "s/c", "s/c_1", "s/t/c"]


def test_constants_of_an_op_are_named_after_it(graph):
    tf.placeholder(tf.float32, name="x") + 1.0
    assert names(graph) == ["x", "add/y", "add"]


def test_scopes_are_made_unique_and_can_be_entered_again():
    with tf.name_scope("s") as first:
        pass
    with tf.name_scope("s") as second:
        pass
    with tf.name_scope(first) as again, tf.name_scope("inner") as inner:
        pass
    assert [first, second, again, inner] == ["s/", "s_1/", "s/", "s/inner/"]


@pytest.mark.parametrize("empty", [None, ""])
def test_no_name_leaves_all_scopes(graph, empty):
    with tf.name_scope("s"), graph.name_scope(empty) as root:
        assert root == ""
        assert tf.constant(1.0, name="c").op.name == "c"
        assert graph.get_name_scope() == ""


def test_the_default_name_is_used_without_a_name():
    with tf.name_scope(None, "default", [tf.constant(1.0)]) as scope:
        assert scope == "default/"


def test_an_operation_may_take_the_scopes_own_name():
    with tf.name_scope("s") as scope:
        assert tf.identity(tf.constant(1.0), name=scope).op.name == "s"


def test_the_scope_is_left_when_something_fails(graph):
    with pytest.raises(KeyError, match="inside"), tf.name_scope("s"):
        raise KeyError("inside")
    assert graph.get_name_scope() == ""


@pytest.mark.parametrize("bad", ["_x", "a b", "-", "a:b"])
def test_bad_operation_names(bad):
    with pytest.raises(ValueError, match=re.escape(f"'{bad}' is not a valid node name")):
        tf.constant(1.0, name=bad)


@pytest.mark.parametrize("bad", ["_x", "a b", "/x"])
def test_bad_scope_names(bad):
    with pytest.raises(ValueError, match=re.escape(f"'{bad}' is not a valid scope name")), tf.name_scope(bad):
        pass


def test_nested_scopes_may_begin_with_what_the_first_may_not():
    with tf.name_scope("s"), tf.name_scope("_x") as scope:
        assert scope == "s/_x/"


def test_a_scope_name_is_a_string(graph):
    with pytest.raises(TypeError, match="Scope names are strings, got 3"), graph.name_scope(3):
        pass


def test_a_scope_with_values_needs_a_name():
    rule = re.escape("At least one of name (None) and default_name (None) must be provided.")
    with pytest.raises(ValueError, match=rule), tf.name_scope(None, values=[tf.constant(1.0)]):
        pass


def test_values_decide_about_the_graph(graph):
    other = tf.Graph()
    with other.as_default():
        x = tf.constant(1.0, name="x")
    with tf.name_scope("s", values=[x]):
        assert tf.get_default_graph() is other
    assert tf.get_default_graph() is graph
    with pytest.raises(ValueError, match="must be from the same graph as"), tf.name_scope("s", values=[x, tf.constant(1.0)]):
        pass
