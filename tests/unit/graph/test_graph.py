"""Graphs: what they hold, how things are found in them, control dependencies, collections, conversion."""
# Long because: one section for each kind of member.

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.graph import graph as graphs

# --- default graph -----------------------------------------------------------------------------------------------------------


def test_default_graphs_nest(graph):
    inner = tf.Graph()
    with inner.as_default() as entered:
        assert entered is inner
        assert tf.get_default_graph() is inner
        assert tf.constant(1.0).graph is inner
    assert tf.get_default_graph() is graph


def test_default_graphs_are_left_in_order():
    first, second = tf.Graph().as_default(), tf.Graph().as_default()
    first.__enter__()
    second.__enter__()
    with pytest.raises(AssertionError, match=r"Nesting violated for default stack of <class 'graphopt.graph.graph.Graph'> objects"):
        first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    # The first one is still there: it goes as its exit would have taken it.
    graphs._stack().pop()


def test_a_nested_graph_is_not_reset():
    with pytest.raises(AssertionError, match=r"Do not use tf.reset_default_graph\(\) to clear nested graphs"):
        tf.reset_default_graph()


# --- looking up --------------------------------------------------------------------------------------------------------------


def test_operations_stand_in_order_of_creation(graph):
    x = tf.constant(1.0, name="x")
    y = tf.exp(x, name="y")
    assert graph.get_operations() == [x.op, y.op]
    graph.get_operations().clear()
    assert graph.version == 2


def test_elements_by_name(graph):
    x = tf.constant(1.0, name="x")
    v = tf.Variable(1.0, name="v")
    assert graph.get_operation_by_name("x") is x.op
    assert graph.get_tensor_by_name("x:0") is x
    assert graph.as_graph_element("x") is x.op
    assert graph.as_graph_element(x) is x
    assert graph.as_graph_element(v) is v.as_ref()


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda g: g.get_operation_by_name(3), TypeError, "Operation names are strings (or similar), not int."),
        (lambda g: g.get_operation_by_name("x:0"), ValueError, "Name 'x:0' appears to refer to a Tensor, not a Operation."),
        (lambda g: g.get_operation_by_name("no"), KeyError, "The name 'no' refers to an Operation not in the graph."),
        (lambda g: g.get_tensor_by_name(3), TypeError, "Tensor names are strings (or similar), not int."),
        (
            lambda g: g.get_tensor_by_name("x"),
            ValueError,
            "The name 'x' refers to an Operation, not a Tensor. Tensor names must be of the form",
        ),
        (lambda g: g.get_tensor_by_name("no"), ValueError, "The name 'no' looks like an (invalid) Operation name, not a Tensor."),
        (lambda g: g.get_tensor_by_name("x:y"), ValueError, "The name x:y looks a like a Tensor name, but is not a valid one."),
        (
            lambda g: g.get_tensor_by_name("no:0"),
            KeyError,
            "The name 'no:0' refers to a Tensor which does not exist. The operation, 'no', does not exist in the graph.",
        ),
        (lambda g: g.get_tensor_by_name("x:1"), KeyError, "The operation, 'x', exists but only has 1 outputs."),
        (lambda g: g.as_graph_element(3), TypeError, "Can not convert a int into a Tensor or Operation."),
        (
            lambda g: g.as_graph_element(g.get_tensor_by_name("x:0"), allow_tensor=False),
            TypeError,
            "Can not convert a Tensor into a Operation.",
        ),
        (lambda g: tf.Graph().as_graph_element(g.get_tensor_by_name("x:0")), ValueError, "is not an element of this graph."),
    ],
)
def test_what_is_not_found(graph, call, kind, message):
    tf.constant(1.0, name="x")
    with pytest.raises(kind, match=re.escape(message)):
        call(graph)


def test_consumers(graph):
    x = tf.constant(1.0)
    y = tf.exp(x)
    z = x + y
    assert x.consumers() == [y.op, z.op]
    w = tf.log(x)
    assert x.consumers() == [y.op, z.op, w.op]


def test_a_finalized_graph_does_not_change(graph):
    tf.constant(1.0)
    graph.finalize()
    assert graph.finalized
    for change in (lambda: tf.constant(1.0), lambda: tf.add_to_collection("c", 1), lambda: graph.clear_collection("c")):
        with pytest.raises(RuntimeError, match=r"Graph is finalized and cannot be modified."):
            change()


def test_tensors_of_two_graphs_do_not_mix():
    with tf.Graph().as_default():
        x = tf.constant(1.0, name="x")
    with pytest.raises(ValueError, match=r"Tensor Tensor\(\"y:0\", shape=\(\), dtype=float32\) must be from the same graph"):
        tf.add(x, tf.constant(1.0, name="y"))


# --- control dependencies ----------------------------------------------------------------------------------------------------


def test_control_dependencies_nest_and_are_cleared():
    a, b = tf.no_op(name="a"), tf.no_op(name="b")
    with tf.control_dependencies([a]):
        first = tf.constant(1.0)
        with tf.control_dependencies([b]):
            second = tf.constant(1.0)
            with tf.control_dependencies(None):
                third = tf.constant(1.0)
    assert [t.op.control_inputs for t in (first, second, third)] == [[a], [a, b], []]


def test_an_operation_that_follows_another_of_the_block_needs_no_edge():
    a = tf.no_op()
    with tf.control_dependencies([a]):
        first = tf.constant(1.0)
        second = tf.exp(first)
    assert second.op.control_inputs == []


def test_a_data_input_is_no_control_input():
    x = tf.constant(1.0)
    with tf.control_dependencies([x]):
        assert tf.exp(x).op.control_inputs == []


def test_control_inputs_may_be_variables_and_slices():
    v = tf.Variable([1.0, 2.0])
    slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    with tf.control_dependencies([v, slices]):
        assert tf.no_op().control_inputs == [v.op, slices.op]


def test_a_number_is_no_control_input():
    with pytest.raises(TypeError, match=r"Can not convert a int into a Tensor or Operation."), tf.control_dependencies([3]):
        pass


def test_a_late_control_edge(graph):
    x, other = tf.constant(1.0), tf.no_op()
    x.op.add_control_input(other)
    assert x.op.control_inputs == [other]
    assert graph.late_edges == 1
    with tf.Graph().as_default(), pytest.raises(ValueError, match=r"is not an element of this graph."):
        x.op.add_control_input(tf.no_op())


# --- collections, devices, overrides -----------------------------------------------------------------------------------------


def test_collections(graph):
    x = tf.constant(1.0, name="s/x")
    tf.add_to_collection("c", x)
    tf.add_to_collection("c", 3)
    graph.add_to_collections(["c", "d", "d"], "text")
    assert tf.get_collection("c") == [x, 3, "text"]
    assert tf.get_collection("d") == ["text"]
    assert tf.get_collection("c", scope="s/") == [x]
    assert tf.get_collection("none") == []
    tf.get_collection_ref("new").append(1)
    assert tf.get_collection("new") == [1]
    graph.clear_collection("c")
    assert graph.get_all_collection_keys() == ["d", "new"]


def test_feedable_and_fetchable(graph):
    x = tf.constant(1.0)
    assert graph.is_feedable(x)
    assert graph.is_fetchable(x)
    graph.prevent_feeding(x)
    graph.prevent_fetching(x.op)
    assert not graph.is_feedable(x)
    assert not graph.is_fetchable(x)


def test_devices_are_noted():
    with tf.device("/gpu:0"):
        assert tf.constant(1.0).device == "/device:GPU:0"
        with tf.device("/job:ps/task:1"):
            assert tf.constant(1.0).device == "/job:ps/task:1/device:GPU:0"
            with tf.device(lambda op: "/device:CPU:1" if op.type == "Const" else ""):
                assert tf.constant(1.0).device == "/job:ps/task:1/device:CPU:1"
        with tf.device(None):
            assert tf.constant(1.0).device == ""
    assert tf.constant(1.0).device == ""


@pytest.mark.parametrize("bad", [["Square"], {"Square": 1}, {1: "Square"}])
def test_an_override_map_is_a_dict_of_strings(graph, bad):
    with pytest.raises(TypeError, match="op_type_map must be a dictionary mapping strings to strings"), graph.gradient_override_map(bad):
        pass


# --- operations and tensors --------------------------------------------------------------------------------------------------


def test_how_operations_and_tensors_look():
    x = tf.placeholder(tf.float32, [2, None], name="x")
    unknown = tf.placeholder(tf.int32, name="u")
    assert repr(x) == "<tf.Tensor 'x:0' shape=(2, ?) dtype=float32>"
    assert str(x) == 'Tensor("x:0", shape=(2, ?), dtype=float32)'
    assert str(unknown) == 'Tensor("u:0", dtype=int32)'
    assert repr(unknown) == "<tf.Tensor 'u:0' shape=<unknown> dtype=int32>"
    assert repr(x.op) == "<tf.Operation 'x' type=Placeholder>"
    assert str(tf.exp(x, name="y").op) == 'name: "y"\nop: "Exp"\ninput: "x"\n'


def test_attributes_of_operations():
    x = tf.placeholder(tf.float32, [2], name="x")
    assert x.op.get_attr("dtype") is tf.float32
    assert x.op.colocation_groups() == [b"loc:@x"]
    assert x.op.values() == (x,)
    assert x.op.traceback[0].filename == __file__
    with pytest.raises(ValueError, match=r"Operation 'x' has no attr named 'padding'."):
        x.op.get_attr("padding")


def test_set_shape():
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    x.set_shape([2, None])
    assert x.shape.as_list() == [2, 3]
    with pytest.raises(ValueError, match=re.escape("Shapes (2, 3) and (4, 3) are not compatible: tensor 'x:0' made at")):
        x.set_shape([4, 3])


@pytest.mark.parametrize(
    ("use", "kind", "message"),
    [
        (bool, TypeError, "using a `tf.Tensor` as a Python `bool` is not allowed"),
        (list, TypeError, "iterating over `tf.Tensor` is not allowed"),
        (len, TypeError, "len is not well defined for symbolic tensor 'x:0'"),
        (np.array, NotImplementedError, "Cannot convert a symbolic Tensor (x:0) to a numpy array."),
    ],
)
def test_what_a_symbolic_tensor_can_not_do(use, kind, message):
    x = tf.constant([1.0], name="x")
    with pytest.raises(kind, match=re.escape(message)):
        use(x)


def test_eval_needs_a_session(graph):
    x = tf.constant(1.0)
    with pytest.raises(ValueError, match=re.escape("Cannot evaluate tensor using `eval()`: No default session is registered.")):
        x.eval()
    with pytest.raises(ValueError, match=re.escape("Cannot execute operation using `run()`: No default session is registered.")):
        x.op.run()
    with tf.Session() as session:
        assert x.eval() == 1.0
        assert x.op.run() is None
        with tf.Graph().as_default():
            y = tf.constant(1.0)
        with pytest.raises(ValueError, match="Cannot use the default session to evaluate tensor: the tensor's graph is different"):
            y.eval()
        with pytest.raises(ValueError, match="Cannot use the given session to evaluate tensor: the tensor's graph is different"):
            y.eval(session=session)


def test_tensors_are_compared_by_identity():
    x, y = tf.constant(1.0), tf.constant(1.0)
    assert x == x
    assert x != y
    assert len({x, y}) == 2


# --- conversion --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, tf.float32),
        (2, tf.int32),
        (2**40, tf.int64),
        (True, tf.bool),
        ("text", tf.string),
        ([1, 2.5], tf.float32),
        (np.float64(1.0), tf.float64),
        (np.zeros(2), tf.float64),
        (np.int8(1), tf.int8),
        ([], tf.float32),
        (tf.TensorShape([1, 2]), tf.int32),
    ],
)
def test_types_of_plain_values(value, dtype):
    assert tf.convert_to_tensor(value).dtype is dtype


def test_lists_with_tensors_become_stacks():
    x = tf.constant(1.0)
    packed = tf.convert_to_tensor([x, 2.0, [x, 1.0][0]])
    assert packed.shape.as_list() == [3]
    assert tf.Session().run(packed).tolist() == [1.0, 2.0, 1.0]


def test_the_preferred_type_is_taken_when_it_can_be():
    assert tf.convert_to_tensor(1, preferred_dtype=tf.float32).dtype is tf.float32
    assert tf.convert_to_tensor(1.5, preferred_dtype=tf.int32).dtype is tf.float32


class Money:
    def __init__(self, amount):
        self.amount = amount


def test_classes_can_be_registered():
    tf.register_tensor_conversion_function(
        Money, lambda value, dtype=None, name=None, as_ref=False: tf.constant(value.amount, dtype, name=name or "money")
    )
    assert tf.Session().run(tf.constant(1.0) + Money(2.0)) == 3.0
    with pytest.raises(TypeError, match=r"conversion_func must be callable."):
        tf.register_tensor_conversion_function(Money, 3)


@pytest.mark.parametrize(
    ("convert", "kind", "message"),
    [
        (lambda: tf.convert_to_tensor(None), ValueError, "None values not supported."),
        (
            lambda: tf.convert_to_tensor(tf.constant(1.0), tf.int32),
            ValueError,
            "Tensor conversion requested dtype int32 for Tensor with dtype float32",
        ),
        (lambda: tf.convert_to_tensor(1.5, tf.int32), TypeError, "Expected int32, got 1.5 of type 'float' instead."),
        (lambda: tf.convert_to_tensor(object()), TypeError, "to Tensor"),
        (lambda: tf.convert_to_tensor(tf.float32), TypeError, "Cannot convert tf.float32"),
        (
            lambda: tf.convert_to_tensor(tf.TensorShape([None])),
            ValueError,
            "Cannot convert a partially known TensorShape to a Tensor: (?,)",
        ),
    ],
)
def test_what_can_not_be_converted(convert, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        convert()


# --- constants ---------------------------------------------------------------------------------------------------------------


def test_constants_are_filled_up():
    assert tf.Session().run(tf.constant([1, 2], shape=[2, 2])).tolist() == [[1, 2], [2, 2]]
    assert tf.Session().run(tf.constant(7.0, shape=[3])).tolist() == [7.0, 7.0, 7.0]
    assert tf.Session().run(tf.constant([], shape=[2])).tolist() == [0.0, 0.0]
    assert tf.constant([1, 2, 3, 4], shape=[2, 2]).shape.as_list() == [2, 2]


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: tf.constant([1, 2, 3], shape=[2]), ValueError, "Too many elements provided. Needed at most 2, but received 3"),
        (lambda: tf.constant([1, 2], shape=[2, 1], verify_shape=True), TypeError, "Expected Tensor's shape: (2, 1), got (2,)."),
        (lambda: tf.constant(1, shape=[None]), TypeError, "A constant needs a fully known shape, got (?,)."),
    ],
)
def test_bad_constants(make, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        make()


# --- grouping ----------------------------------------------------------------------------------------------------------------


def test_group_waits_for_all_of_them():
    v = tf.Variable(0.0)
    both = tf.group(v.initializer, [tf.constant(1.0)], name="both")
    assert both.name == "both"
    assert len(both.control_inputs) == 2
    with pytest.raises(TypeError, match=r"Expected tf.group\(\) expected Tensor objects not None"):
        tf.group(None)
    with pytest.raises(TypeError, match=r"Expected tf.group\(\) to get operations or tensors, got 3 of type int"):
        tf.group(3)
    with pytest.raises(ValueError, match="Unknown keyword arguments: names"):
        tf.group(names="x")


def test_tuple_gates_all():
    a, b = tf.constant(1.0), tf.constant(2.0)
    first, none, second = tf.tuple([a, None, b], control_inputs=[tf.no_op()])
    assert none is None
    assert tf.Session().run([first, second]) == [1.0, 2.0]
    slices = tf.IndexedSlices(tf.constant([1.0]), tf.constant([0]))
    assert isinstance(tf.tuple([slices])[0], tf.IndexedSlices)
    with pytest.raises(ValueError, match=r"Must have at least one Tensor: \[None\]"):
        tf.tuple([None])
    with pytest.raises(TypeError, match="Control input must be Operation or Tensor: 3"):
        tf.tuple([a], control_inputs=[3])


# --- as a message ----------------------------------------------------------------------------------------------------------


def test_a_graph_as_a_message(graph):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    before = graph.version
    tf.nn.relu(x, name="y")
    made = graph.as_graph_def()
    assert isinstance(made, tf.GraphDef) and [type(node) for node in made.node] == [tf.NodeDef] * 2
    assert [(node.name, node.op, list(node.input)) for node in made.node] == [("x", "Placeholder", []), ("y", "Relu", ["x"])]
    assert not any("_output_shapes" in node.attr for node in made.node)
    (added,) = graph.as_graph_def(from_version=before, add_shapes=True).node
    assert (added.name, [d.size for d in added.attr["_output_shapes"].list.shape[0].dim]) == ("y", [-1, 2])


def test_messages_stand_where_tensorflow_has_them():
    for name in ("Event", "SessionLog", "SummaryMetadata", "HistogramProto", "GraphDef", "NodeDef"):
        assert getattr(tf, name) is getattr(tf.summary, name)
