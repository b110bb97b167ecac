"""`get_variable` and `variable_scope`: the rules and the recorded sequences of TensorFlow 1."""
# Long because: every rule of one function.

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.graph.slots import create_slot, create_slot_with_initializer, create_zeros_slot


def op_name():
    return tf.constant(1.0, name="c").op.name


# --- names -------------------------------------------------------------------------------------------------------------------


def test_the_recorded_sequence():
    with tf.variable_scope("v") as scope:
        w = tf.get_variable("w", [1])
        assert (w.name, op_name(), scope.name, scope.original_name_scope) == ("v/w:0", "v/c", "v", "v/")
    with tf.variable_scope("v", reuse=True):
        assert tf.get_variable("w", [1]) is w
        assert op_name() == "v_1/c"
    with tf.variable_scope(scope, reuse=True) as again:
        assert tf.get_variable("w", [1]) is w
        assert op_name() == "v_2/c"
        assert again.original_name_scope == "v/"
    with tf.name_scope(scope.original_name_scope):
        assert op_name() == "v/c_1"
    with tf.name_scope("ns"):
        assert tf.get_variable("nsv", [1]).name == "nsv:0"
        assert tf.Variable(1.0, name="V").name == "ns/V:0"
        with tf.variable_scope("q"):
            assert tf.get_variable("nsv", [1]).name == "q/nsv:0"
            assert op_name() == "ns/q/c"


def test_scopes_nest():
    with tf.variable_scope("a"):
        with tf.variable_scope("b") as inner:
            assert tf.get_variable("w", [1]).name == "a/b/w:0"
            assert op_name() == "a/b/c"
        with tf.variable_scope("b", reuse=True):
            assert op_name() == "a/b_1/c"
    with tf.variable_scope(inner, reuse=True):
        assert tf.get_variable_scope().name == "a/b"
        assert op_name() == "b/c"
    assert tf.get_variable_scope().name == ""


def test_a_default_name_is_made_unique():
    names = []
    for _ in range(3):
        with tf.variable_scope(None, "layer") as scope:
            names.append((scope.name, op_name()))
    assert names == [("layer", "layer/c"), ("layer_1", "layer_1/c"), ("layer_2", "layer_2/c")]
    with tf.variable_scope("given", "layer") as scope:
        assert scope.name == "given"


def test_a_scope_entered_by_its_name_counts_its_inner_scopes_anew():
    def inner():
        with tf.variable_scope(None, "x") as scope:
            return scope.name

    with tf.variable_scope("a"):
        assert [inner(), inner()] == ["a/x", "a/x_1"]
    with tf.variable_scope("a") as outer:
        assert inner() == "a/x"
    with tf.variable_scope(outer):
        assert inner() == "a/x"
    with tf.variable_scope(outer):
        assert inner() == "a/x"


def test_without_a_name_scope():
    with tf.name_scope("ns"), tf.variable_scope("v", auxiliary_name_scope=False):
        assert tf.get_variable("w", [1]).name == "v/w:0"
        assert op_name() == "ns/c"
    with tf.variable_scope("v", auxiliary_name_scope=False) as scope:
        assert op_name() == "c"
        assert scope.original_name_scope == ""


def test_the_empty_name():
    with tf.variable_scope("a"), tf.variable_scope(""):
        assert op_name() == "a/c"
        assert tf.get_variable_scope().name == "a/"


def test_values_choose_the_graph(graph):
    other = tf.Graph()
    with other.as_default():
        x = tf.constant(1.0)
    with tf.variable_scope(None, "v", [x]):
        assert tf.get_default_graph() is other
        assert tf.get_variable("w", [1]).graph is other
    assert tf.get_default_graph() is graph


def test_operations_of_a_variable_and_its_regularizer(graph):
    with tf.name_scope("ignored"):
        tf.get_variable("w", [1], initializer=tf.zeros_initializer(), regularizer=lambda v: tf.reduce_sum(v, name="sum"))
    names = [op.name for op in graph.get_operations()]
    assert names == ["w/Initializer/zeros", "w", "w/Assign", "w/read", "w/Regularizer/sum"]


# --- sharing -----------------------------------------------------------------------------------------------------------------


def test_reuse_is_inherited_and_can_not_be_turned_off():
    with tf.variable_scope("a"):
        w = tf.get_variable("w", [1])
    with tf.variable_scope("a", reuse=True):
        with tf.variable_scope("b", reuse=False) as scope:
            assert scope.reuse is True
        assert tf.get_variable("w") is w
    with tf.variable_scope("a") as scope:
        assert scope.reuse is False
        scope.reuse_variables()
        assert tf.get_variable("w") is w


def test_auto_reuse():
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE) as scope:
        w = tf.get_variable("w", [1])
        assert tf.get_variable("w", [1]) is w
        assert scope.reuse is tf.AUTO_REUSE
        assert repr(scope.reuse) == "tf.AUTO_REUSE"


def test_a_variable_that_exists():
    w = tf.get_variable("w", [1])
    rule = "Variable w already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
    rule += " Originally defined at:\n\n  File"
    with pytest.raises(ValueError, match=re.escape(rule)) as caught:
        tf.get_variable("w", [1])
    assert __file__ in str(caught.value)
    assert 'w = tf.get_variable("w", [1])' in str(caught.value)
    assert w.op.location.function == "test_a_variable_that_exists"


def test_a_variable_that_is_missing():
    rule = "Variable a/w does not exist, or was not created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
    with tf.variable_scope("a", reuse=True), pytest.raises(ValueError, match=re.escape(rule)):
        tf.get_variable("w", [1])


def test_a_shared_variable_must_fit():
    tf.get_variable("w", [2])
    tf.get_variable("n", initializer=3)
    with tf.variable_scope("", reuse=True):
        with pytest.raises(ValueError, match=re.escape("Trying to share variable w, but specified shape (3,) and found shape (2,).")):
            tf.get_variable("w", [3])
        with pytest.raises(ValueError, match=r"Trying to share variable w, but specified dtype float64 and found dtype float32."):
            tf.get_variable("w", [2], tf.float64)
        assert tf.get_variable("w", [None]).name == "w:0"
        assert tf.get_variable("n", initializer=3).dtype is tf.int32


def test_each_graph_has_its_own_variables():
    w = tf.get_variable("w", [1])
    with tf.Graph().as_default():
        assert tf.get_variable("w", [1]) is not w


# --- initializers, types, regularizers -----------------------------------------------------------------------------------------


def values(*variables):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [np.asarray(v).tolist() for v in session.run(list(variables))]


def test_initializers():
    given = [
        tf.get_variable("number", initializer=2.0),
        tf.get_variable("list", initializer=[1, 2]),
        tf.get_variable("array", initializer=np.float64([1.5])),
        tf.get_variable("tensor", initializer=tf.constant([3.0])),
        tf.get_variable("object", [2], initializer=tf.ones_initializer()),
        tf.get_variable("class", [2], initializer=tf.zeros_initializer),
        tf.get_variable("function", [2], initializer=lambda shape, dtype: tf.fill(shape, tf.constant(5.0, dtype))),
        tf.get_variable("partition", [2], initializer=lambda shape, dtype, partition_info: tf.constant(4.0, dtype, shape)),
        tf.get_variable("none", initializer=lambda: tf.constant([7.0])),
        tf.get_variable("int", [2], tf.int32),
        tf.get_variable("bool", [1], tf.bool),
        tf.get_variable("string", [1], tf.string),
    ]
    assert values(*given) == [2.0, [1, 2], [1.5], [3.0], [1.0, 1.0], [0.0, 0.0], [5.0, 5.0], [4.0, 4.0], [7.0], [0, 0], [False], [b""]]
    assert [v.dtype for v in given[:3]] == [tf.float32, tf.int32, tf.float64]


def test_the_default_initializer_of_floats_is_glorot_uniform():
    (found,) = values(tf.get_variable("w", [50, 100]))
    limit = np.sqrt(6 / 150)
    assert 0.9 * limit < np.abs(found).max() <= limit


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": [1], "initializer": 2.0}, "If initializer is a constant, do not specify shape."),
        (
            {"initializer": 2.0, "dtype": tf.float64},
            "Initializer type '<dtype: 'float32'>' and explicit dtype '<dtype: 'float64'>' don't match.",
        ),
        ({"shape": [None]}, "The initializer passed is not valid."),
        ({"initializer": tf.zeros_initializer()}, "The initializer passed is not valid."),
        ({"shape": [1], "custom_getter": 3}, "Passed a custom_getter which is not callable: 3"),
    ],
)
def test_bad_requests(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tf.get_variable("w", **arguments)


def test_defaults_of_a_scope_are_inherited():
    penalty = lambda v: tf.reduce_sum(v)  # noqa: E731
    with tf.variable_scope("a", initializer=tf.ones_initializer(), dtype=tf.float64, regularizer=penalty, constraint=tf.abs):
        with tf.variable_scope("b"):
            w = tf.get_variable("w", [2])
            other = tf.get_variable("o", [2], tf.float32, tf.zeros_initializer(), tf.no_regularizer)
        with tf.variable_scope("c", dtype=tf.float16) as scope:
            scope.set_initializer(tf.constant_initializer(3.0))
            scope.set_regularizer(None)
            scope.set_dtype(tf.float32)
            x = tf.get_variable("x", [1])
    assert (w.dtype, w.constraint, other.dtype, x.dtype) == (tf.float64, tf.abs, tf.float32, tf.float32)
    assert values(w, other, x) == [[1.0, 1.0], [0.0, 0.0], [3.0]]
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert [loss.op.name for loss in losses] == ["a/b/w/Regularizer/Sum"]


def test_settings_without_effect_are_kept():
    with tf.variable_scope("a", partitioner="p", caching_device="d", use_resource=True) as scope:
        assert (scope.partitioner, scope.caching_device, scope.use_resource) == ("p", "d", True)
        scope.set_partitioner(None)
        scope.set_caching_device(None)
        scope.set_use_resource(None)
        assert (scope.partitioner, scope.caching_device, scope.use_resource) == (None, None, None)


def test_a_regularizer_that_gives_none_and_one_of_a_shared_variable():
    tf.get_variable("w", [1], regularizer=lambda v: None)
    with tf.variable_scope("", reuse=True):
        tf.get_variable("w", [1], regularizer=lambda v: tf.reduce_sum(v))
    assert tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == []


def test_collections_of_a_scope():
    with tf.variable_scope("a") as scope:
        w = tf.get_variable("w", [1])
        fixed = tf.get_variable("f", [1], trainable=False)
        local = tf.get_local_variable("l", [1])
    tf.get_variable("outside", [1])
    assert scope.global_variables() == [w, fixed]
    assert scope.trainable_variables() == [w]
    assert scope.local_variables() == [local]
    assert scope.get_collection(tf.GraphKeys.GLOBAL_VARIABLES) == [w, fixed]
    assert not local.trainable


# --- custom getters ------------------------------------------------------------------------------------------------------------


def test_custom_getters_compose():
    calls = []

    def getter(word):
        def get(getter, name, **arguments):
            calls.append((word, name, sorted(arguments)))
            return getter(name, **arguments)

        return get

    with tf.variable_scope("a", custom_getter=getter("outer")), tf.variable_scope("b", custom_getter=getter("inner")):
        w = tf.get_variable("w", [1])
    assert [(word, name) for word, name, _ in calls] == [("inner", "a/b/w"), ("outer", "a/b/w")]
    assert calls[0][2] == [
        "aggregation",
        "caching_device",
        "collections",
        "constraint",
        "dtype",
        "initializer",
        "partitioner",
        "regularizer",
        "reuse",
        "shape",
        "synchronization",
        "trainable",
        "use_resource",
        "validate_shape",
    ]
    assert w.name == "a/b/w:0"


def test_a_custom_getter_may_give_something_else():
    def doubled(
        getter,
        name,
        shape=None,
        dtype=None,
        initializer=None,
        regularizer=None,
        reuse=None,
        trainable=None,
        collections=None,
        caching_device=None,
        partitioner=None,
        validate_shape=True,
        use_resource=None,
        synchronization=None,
        aggregation=None,
    ):
        return getter(name, shape, dtype, initializer=initializer, reuse=reuse) * 2.0

    w = tf.get_variable("w", [1], initializer=tf.ones_initializer(), custom_getter=doubled)
    assert values(w) == [[2.0]]
    with tf.variable_scope("a") as scope:
        scope.set_custom_getter(doubled)
        assert values(tf.get_variable("w", [1], initializer=tf.ones_initializer())) == [[2.0]]


# --- errors of scopes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"name_or_scope": None}, TypeError, "If default_name is None then name_or_scope is required"),
        ({"name_or_scope": 3}, TypeError, "VariableScope: name_or_scope must be a string or VariableScope, got 3."),
        ({"name_or_scope": "a", "reuse": "yes"}, ValueError, "The reuse parameter must be True or False or None."),
        ({"name_or_scope": None, "default_name": "a", "reuse": True}, ValueError, "reuse=True cannot be used without a name_or_scope"),
        ({"name_or_scope": "a", "auxiliary_name_scope": 1}, TypeError, "The auxiliary_name_scope must be `True` or `False`, while get 1"),
    ],
)
def test_bad_scopes(arguments, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        tf.variable_scope(**arguments)


def test_scopes_are_left_in_order():
    outer, inner = tf.variable_scope("a"), tf.variable_scope("b")
    outer.__enter__()
    inner.__enter__()
    with pytest.raises(RuntimeError, match=r"Improper nesting of variable_scope."):
        outer.__exit__(None, None, None)


def test_the_scope_is_left_when_something_fails():
    with pytest.raises(KeyError, match="inside"), tf.variable_scope("a"):
        raise KeyError("inside")
    assert tf.get_variable_scope().name == ""
    assert op_name() == "c"


# --- slots and templates -----------------------------------------------------------------------------------------------------------


def test_names_of_slots():
    w = tf.get_variable("test", [2], tf.float64)
    with tf.variable_scope(None, "OptimizeLoss"):
        slots = [create_zeros_slot(w, "Adam"), create_zeros_slot(w, "Adam"), create_slot(w, tf.constant([1.0, 2.0]), "Momentum")]
        slots.append(create_slot_with_initializer(w, tf.ones_initializer(), [3], tf.float32, "Adam"))
    assert [s.name for s in slots] == [
        "OptimizeLoss/test/Adam:0",
        "OptimizeLoss/test/Adam_1:0",
        "OptimizeLoss/test/Momentum:0",
        "OptimizeLoss/test/Adam_2:0",
    ]
    assert [s.dtype for s in slots] == [tf.float64, tf.float64, tf.float32, tf.float32]
    assert not any(s.trainable for s in slots)
    assert all(s in tf.global_variables() for s in slots)
    assert values(*slots) == [[0.0, 0.0], [0.0, 0.0], [1.0, 2.0], [1.0, 1.0, 1.0]]


def test_slots_are_not_regularised():
    with tf.variable_scope("a", regularizer=lambda v: tf.reduce_sum(v)):
        create_zeros_slot(tf.Variable([1.0], name="w"), "Adam")
    assert tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == []


def test_a_slot_of_a_variable_of_unknown_shape():
    x = tf.placeholder_with_default([1.0, 2.0], [None])
    w = tf.Variable(x, validate_shape=False, name="w")
    slot = create_zeros_slot(w, "Adam")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(slot).tolist() == [0.0, 0.0]


def test_templates_share_their_variables():
    scale = tf.make_template("scale", lambda x, by: x * tf.get_variable("w", [], initializer=tf.constant_initializer(by)), by=2.0)
    a, b = scale(1.0), scale(3.0)
    assert [v.name for v in scale.variables] == ["scale/w:0"]
    assert scale.trainable_variables == scale.variables
    assert (scale.name, scale.variable_scope.name) == ("scale", "scale")
    assert values(a, b) == [2.0, 6.0]
    other = tf.make_template("scale", lambda: tf.get_variable("w", []))
    assert other.variables == []
    assert other().name == "scale_1/w:0"


def test_a_template_may_open_its_scope_at_once():
    made = tf.make_template("t", lambda: tf.get_variable("w", []), create_scope_now_=True)
    assert made.variable_scope.name == "t"
    assert [made().name, made().name] == ["t/w:0", "t/w:0"]
    unique = tf.make_template("t", lambda: tf.get_variable("w", []), unique_name_="mine")
    assert unique().name == "mine/w:0"


def test_bad_templates():
    with pytest.raises(ValueError, match=r"name cannot be None."):
        tf.make_template(None, lambda: 1)
    made = tf.make_template("t", lambda: tf.Variable(1.0))
    made()
    with pytest.raises(ValueError, match="New trainable variable created when calling a template after the first time"):
        made()
