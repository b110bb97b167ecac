"""Placeholders, writes, collections and the framework functions of contrib under TensorFlow 1's names."""

import re

import numpy as np
import pytest

import graphopt as tf

framework = tf.contrib.framework


def run(fetches, feed=None):
    with tf.Session() as session:
        session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
        return session.run(fetches, feed)


def test_placeholders():
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    assert (x.name, x.dtype, x.shape.as_list()) == ("x:0", tf.float32, [None, 2])
    assert tf.placeholder("int64").dtype is tf.int64
    assert tf.placeholder(tf.float32).shape.ndims is None
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=re.escape("You must feed a value for placeholder tensor 'x' with dtype float and shape [?,2]")
    ):
        run(x)
    default = tf.placeholder_with_default([1.0], [None])
    assert [run(default).tolist(), run(default, {default: [1.0, 2.0]}).tolist()] == [[1.0], [1.0, 2.0]]


def test_writes_with_tensorflows_arguments():
    v = tf.Variable([1.0, 2.0])
    assert run(tf.assign(v, [3.0, 4.0], True, False, "set")).tolist() == [3.0, 4.0]
    assert run(tf.assign_add(v, [1.0, 1.0], True, "more")).tolist() == [2.0, 3.0]
    assert run(tf.assign_sub(v, [1.0, 1.0], use_locking=True)).tolist() == [0.0, 1.0]
    assert run(tf.scatter_update(v, [1], [9.0], False, "rows")).tolist() == [1.0, 9.0]
    n = tf.Variable(0)
    assert run(tf.count_up_to(n, 3, name="count")) == 0
    assert [op.name for op in tf.get_default_graph().get_operations() if op.name in ("set", "more", "rows", "count")] == [
        "set",
        "more",
        "rows",
        "count",
    ]


def test_convert_to_tensor():
    assert tf.convert_to_tensor(1, "float32").dtype is tf.float32
    assert tf.convert_to_tensor(1, dtype_hint=tf.float64).dtype is tf.float64
    assert tf.convert_to_tensor(1, preferred_dtype=tf.float64).dtype is tf.float64


def test_collections_of_the_default_graph():
    tf.add_to_collection("a", 1)
    tf.add_to_collections(["a", "b"], 2)
    tf.get_collection_ref("b").append(3)
    assert (tf.get_collection("a"), tf.get_collection("b"), tf.get_all_collection_keys()) == ([1, 2], [2, 3], ["a", "b"])


def test_blocks_without_effect():
    v = tf.Variable(1.0)
    with tf.device("/cpu:0"), tf.colocate_with(v), tf.container("mine") as name:
        assert name == "mine"
        assert tf.constant(1.0).device == "/device:CPU:0"
    assert tf.tables_initializer().type == "NoOp"


def test_init_scope_leaves_control_dependencies():
    with tf.control_dependencies([tf.no_op()]), tf.name_scope("s"):
        with tf.init_scope():
            x = tf.constant(1.0, name="c")
        assert (x.op.name, x.op.control_inputs) == ("s/c", [])


# --- contrib.framework -------------------------------------------------------------------------------------------------------


def test_model_variables():
    with tf.variable_scope("layer"):
        w = framework.model_variable("w", [2], initializer=tf.ones_initializer())
        b = framework.variable("b", [1], trainable=False)
    local = framework.local_variable(3.0, name="local")
    assert tf.model_variables() == framework.get_model_variables() == [w]
    assert framework.get_variables() == [w, b]
    assert framework.get_trainable_variables() == [w]
    assert framework.get_local_variables() == [local]
    framework.add_model_variable(b)
    framework.add_model_variable(b)
    assert framework.get_model_variables("layer") == [w, b]
    assert np.asarray(run(local)) == 3.0


def test_finding_variables():
    with tf.variable_scope("a") as scope:
        first = tf.get_variable("w", [1])
        long = tf.get_variable("ww", [1])
    with tf.variable_scope("b"):
        second = tf.get_variable("w", [1])
    top = tf.get_variable("w", [1])
    assert framework.get_variables(scope) == framework.get_variables("a/") == [first, long]
    assert framework.get_variables_by_name("w") == [first, second, top]
    assert framework.get_variables_by_name("w", "a") == [first]
    assert framework.get_variables_by_suffix("w") == [first, long, second, top]
    assert framework.get_unique_variable("a/w") is first
    assert framework.get_variable_full_name(second) == "b/w"
    assert framework.get_variables_to_restore() == [first, long, second, top]
    assert framework.get_variables_to_restore(["a"], ["a/ww"]) == [first]
    assert framework.get_variables_to_restore(exclude=["a", "w"]) == [second]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: framework.get_unique_variable("none"), ValueError, "Couldn't find variable none"),
        (lambda: framework.get_unique_variable("a"), ValueError, "Variable a does not uniquely identify a variable"),
        (lambda: framework.get_variables_to_restore("a"), TypeError, "include is provided but is not a list or a tuple."),
        (lambda: framework.get_variables_to_restore(None, "a"), TypeError, "exclude is provided but is not a list or a tuple."),
    ],
)
def test_what_is_refused(call, kind, message):
    tf.get_variable("a/w", [1])
    with pytest.raises(kind, match=re.escape(message)):
        call()


def test_sparse_placeholder() -> None:
    x = tf.sparse_placeholder(tf.float32, [None, 4], name="x")
    assert x.get_shape().as_list() == [None, 4]
    assert x.indices.shape.as_list() == [None, 2]
    value = tf.SparseTensorValue(np.array([[1, 3]]), np.array([5.0], "float32"), np.array([2, 4]))
    with tf.Session() as session:
        assert session.run(x, {x: value}).dense_shape.tolist() == [2, 4]
        with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value for placeholder tensor 'x/values'"):
            session.run(x.values)


def test_fixed_size_partitioner() -> None:
    partitioner = tf.fixed_size_partitioner(3, axis=1)
    assert partitioner(tf.TensorShape([10, 2])) == [1, 2]
    assert partitioner(shape=tf.TensorShape([None, 20]), dtype=tf.float32) == [1, 3]
    assert tf.get_variable("whole", [4, 20], partitioner=partitioner).name == "whole:0"
