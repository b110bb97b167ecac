"""Names of operations and variables: unique names, name scopes, variable scopes, collections, and looking things up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peer_case import Reworded, ScenarioTable, raised

names = ScenarioTable("names")


def c(tf: Any, name: str = "c") -> str:
    """The name of a new constant."""
    return str(tf.constant(0.0, name=name).op.name)


def v(tf: Any, name: str = "w", **options: Any) -> str:
    return str(tf.get_variable(name, [], **options).name)


@names("unique")
def unique(tf: Any) -> list[str]:
    return [c(tf, name) for name in ("a", "a", "A", "a_1", "a_1", "a", "b_2", "b", "b", "b")]


@names("unique_name_method")
def unique_method(tf: Any) -> list[str]:
    g = tf.get_default_graph()
    return [g.unique_name("a"), g.unique_name("a"), g.unique_name("a", mark_as_used=False), g.unique_name("a"), c(tf, "a")]


@names("name_scope")
def name_scope(tf: Any) -> list[Any]:
    out: list[Any] = [c(tf)]
    with tf.name_scope("s") as s:
        out += [s, c(tf), c(tf), tf.get_default_graph().get_name_scope()]
        with tf.name_scope("t") as t:
            out += [t, c(tf)]
        with tf.name_scope("t") as t:
            out += [t, c(tf)]
        with tf.name_scope(None) as n:
            out += [n, c(tf)]
        with tf.name_scope("") as n:
            out += [n, c(tf)]
    with tf.name_scope("s") as again:
        out += [again, c(tf)]
    with tf.name_scope("s/") as same:
        out += [same, c(tf)]
    with tf.name_scope("a/b/c") as deep:
        out += [deep, c(tf)]
    with tf.name_scope(None, "default", [tf.constant(1.0)]) as d:
        out += [d, c(tf)]
    with tf.name_scope("given", "default") as d:
        out += [d, c(tf)]
    with tf.name_scope("S") as upper:
        out += [upper, c(tf)]
    return out


@names("name_with_slash")
def slash(tf: Any) -> list[str]:
    """A name that ends in a slash is used as it stands."""
    one = tf.constant(1.0)
    with tf.name_scope("s") as s:
        return [tf.add(one, one, name=s).op.name, tf.add(one, one, name="x").op.name, tf.add(one, one).op.name]


@names("scope_function")
def scope_function(tf: Any) -> list[str]:
    """The usual pattern for a composite op."""

    def affine(x: Any, name: str | None = None) -> Any:
        with tf.name_scope(name, "Affine", [x]) as scope:
            return tf.add(x * 2.0, 1.0, name=scope)

    x = tf.constant(1.0)
    return [affine(x).op.name, affine(x).op.name, affine(x, "mine").op.name]


@names("variable_scope")
def variable_scope(tf: Any) -> list[Any]:
    out: list[Any] = []
    with tf.variable_scope("v") as scope:
        out += [scope.name, scope.original_name_scope, v(tf), c(tf)]
    with tf.variable_scope("v", reuse=True):
        out += [v(tf), c(tf)]
    with tf.variable_scope(scope, reuse=True) as again:
        out += [again.name, again.original_name_scope, v(tf), c(tf)]
    with tf.name_scope(scope.original_name_scope):
        out.append(c(tf))
    with tf.variable_scope(scope, auxiliary_name_scope=False, reuse=True):
        out += [v(tf), c(tf)]
    with tf.name_scope("ns"):
        out += [v(tf, "nsv"), tf.Variable(1.0, name="V").name]
        with tf.variable_scope("q") as q:
            out += [q.name, q.original_name_scope, v(tf, "nsv"), c(tf), tf.Variable(1.0, name="V").name]
    with tf.variable_scope("v/deep"):
        out += [v(tf), c(tf)]
    return out


@names("variable_scope/default_name")
def default_name(tf: Any) -> list[Any]:
    out: list[Any] = []
    for _ in range(3):
        with tf.variable_scope(None, default_name="layer"):
            out += [v(tf), c(tf)]
    with tf.variable_scope("outer"):
        for _ in range(2):
            with tf.variable_scope(None, "layer"):
                out += [v(tf), c(tf)]
    with tf.variable_scope("outer"), tf.variable_scope(None, "layer"):
        out += [v(tf, "other"), c(tf)]
    with tf.variable_scope("given", default_name="layer"):
        out += [v(tf), c(tf)]
    return out


@names("variable_scope/reuse")
def reuse(tf: Any) -> list[Any]:
    out: list[Any] = []
    with tf.variable_scope("a") as scope:
        first = tf.get_variable("w", [2])
        out += [scope.reuse is True, tf.get_variable_scope().name]
        scope.reuse_variables()
        out += [tf.get_variable("w", [2]) is first, bool(tf.get_variable_scope().reuse)]
        with tf.variable_scope("b", reuse=False):
            out.append(bool(tf.get_variable_scope().reuse))
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        out += [tf.get_variable("w", [2]) is first, v(tf, "new"), v(tf, "new")]
    with tf.variable_scope("a"):
        out += [bool(tf.get_variable_scope().reuse), v(tf, "newer")]
    return [*out, [x.name for x in tf.global_variables()], [x.name for x in tf.trainable_variables()]]


@names("variable_scope/inherit")
def inherit(tf: Any) -> list[Any]:
    """Initializer, regularizer and dtype come from the scope; what the variable itself says wins."""
    with tf.variable_scope(
        "a", initializer=tf.constant_initializer(2.0), regularizer=lambda w: tf.reduce_sum(w, name="r"), dtype=tf.float64
    ):
        one = tf.get_variable("one", [2])
        with tf.variable_scope("b", initializer=tf.ones_initializer()):
            two = tf.get_variable("two", [2])
            three = tf.get_variable("three", [2], dtype=tf.float32, initializer=tf.zeros_initializer(), regularizer=None)
    losses = [t.name for t in tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = session.run([one, two, three])
    return [values, losses]


@names("variable_scope/custom_getter")
def custom_getter(tf: Any) -> list[Any]:
    seen: list[Any] = []

    def outer(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(["outer", name, kwargs["trainable"]])
        return getter(name, *args, **kwargs)

    def inner(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(["inner", name])
        return getter(name + "_x", *args, **{**kwargs, "trainable": False})

    with tf.variable_scope("a", custom_getter=outer), tf.variable_scope("b", custom_getter=inner):
        w = tf.get_variable("w", [2])
    return [w.name, seen, [x.name for x in tf.trainable_variables()]]


@names("variable_scope/collections")
def scope_collections(tf: Any) -> list[Any]:
    with tf.variable_scope("a") as a:
        tf.get_variable("w", [])
        tf.get_variable("frozen", [], trainable=False)
        tf.get_variable("local", [], collections=[tf.GraphKeys.LOCAL_VARIABLES])
    with tf.variable_scope("ab"):
        tf.get_variable("w", [])
    return [
        [x.name for x in a.global_variables()],
        [x.name for x in a.trainable_variables()],
        [x.name for x in tf.global_variables("a")],
        [x.name for x in tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="a/")],
        [x.name for x in tf.local_variables()],
    ]


@names("variables")
def variables(tf: Any) -> list[Any]:
    made = [tf.Variable(1.0), tf.Variable([1, 2]), tf.Variable(2.0, name="mine"), tf.Variable(2.0, name="mine", trainable=False)]
    with tf.name_scope("s"), tf.variable_scope("t"):
        made += [tf.Variable(1.0), tf.get_variable("g", [2])]
    details = [[x.name, x.op.name, x.initializer.name, x.dtype.base_dtype.name, x.get_shape().as_list()] for x in made]
    return [details, [x.value().name for x in made], [x.name for x in tf.trainable_variables()]]


@names("get_variable_operations")
def get_variable_operations(tf: Any) -> list[str]:
    w = tf.get_variable("layer/w", [2], initializer=tf.zeros_initializer())
    return [w.name, w.op.name, w.initializer.name, w.value().name, tf.identity(w).name]


@names("make_template")
def template(tf: Any) -> list[Any]:
    net = tf.make_template("net", lambda x: tf.multiply(x, tf.get_variable("w", []), name="out"))
    outputs = [net(tf.constant(1.0)).name, net(tf.constant(2.0)).name]
    return [outputs, [x.name for x in tf.global_variables()]]


@names("collections")
def collections(tf: Any) -> list[Any]:
    g = tf.get_default_graph()
    one, two = tf.constant(1.0, name="a/one"), tf.constant(2.0, name="b/two")
    tf.add_to_collection("mine", one)
    tf.add_to_collections(["mine", "mine", "other"], two)
    g.add_to_collection("mine", 7)
    copy = tf.get_collection("mine")
    copy.append(8)
    tf.get_collection_ref("other").append(one)
    out: list[Any] = [
        [getattr(x, "name", x) for x in tf.get_collection("mine")],
        [x.name for x in tf.get_collection("mine", scope="a")],
        [x.name for x in tf.get_collection("other")],
        tf.get_collection("missing"),
        sorted(g.get_all_collection_keys()),
    ]
    g.clear_collection("mine")
    return [*out, tf.get_collection("mine")]


@names("graph_keys")
def graph_keys(tf: Any) -> dict[str, str]:
    words = """GLOBAL_VARIABLES TRAINABLE_VARIABLES LOCAL_VARIABLES MODEL_VARIABLES MOVING_AVERAGE_VARIABLES SUMMARIES LOSSES
        REGULARIZATION_LOSSES UPDATE_OPS TRAIN_OP GLOBAL_STEP INIT_OP LOCAL_INIT_OP READY_OP SUMMARY_OP SAVERS QUEUE_RUNNERS
        TABLE_INITIALIZERS WEIGHTS BIASES ACTIVATIONS METRIC_VARIABLES READY_FOR_LOCAL_INIT_OP"""
    return {word: getattr(tf.GraphKeys, word) for word in words.split()}


@names("global_step")
def global_step(tf: Any) -> list[Any]:
    before = tf.train.get_global_step()
    step = tf.train.get_or_create_global_step()
    again = raised(lambda: tf.train.create_global_step(), '"global_step" already exists.')
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value = tf.train.global_step(session, step)
    return [
        before,
        step.name,
        step.dtype.base_dtype.name,
        tf.train.get_global_step() is step,
        again,
        value,
        [x.name for x in tf.trainable_variables()],
    ]


@names("devices")
def devices(tf: Any) -> list[str]:
    """Devices merge field by field, the inner one first; colocation does not change names."""
    a = tf.constant(1.0, name="a")
    with tf.device("/cpu:0"):
        b = tf.constant(1.0, name="b")
        with tf.device("/job:ps"):
            c_ = tf.constant(1.0, name="c")
        with tf.device(None):
            d = tf.constant(1.0, name="d")
    with tf.get_default_graph().colocate_with(b.op):
        f = tf.constant(1.0, name="f")
    return [t.device for t in (a, b, c_, d)] + [f.name]


@names("local_variables")
def local_variables(tf: Any) -> list[Any]:
    tf.get_local_variable("counter", [], initializer=tf.zeros_initializer())
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        value = session.run(tf.local_variables()[0])
    kinds = [tf.local_variables(), tf.global_variables(), tf.trainable_variables(), tf.model_variables()]
    return [[[x.name for x in kind] for kind in kinds], value]


@names("default_graph")
def default_graph(tf: Any) -> list[Any]:
    outer = tf.get_default_graph()
    with tf.Graph().as_default() as inner:
        tf.constant(1.0)
        inside = [tf.get_default_graph() is inner, len(inner.get_operations()), len(outer.get_operations())]
    return [
        *inside,
        tf.get_default_graph() is outer,
        raised(tf.reset_default_graph, "Do not use tf.reset_default_graph() to clear nested graphs."),
    ]


@names("gradient_names")
def gradient_names(tf: Any) -> list[str]:
    """The scope of each gradient is that of its op."""
    x = tf.constant([[1.0, 2.0]], name="x")
    with tf.name_scope("net"):
        y = tf.reduce_sum(tf.square(tf.matmul(x, tf.get_variable("w", [2, 1]), name="m"), name="s"), name="r")
    tf.gradients(y, tf.trainable_variables())
    found = {op.name for op in tf.get_default_graph().get_operations()}
    return [p for p in ("gradients/net/r_grad/", "gradients/net/s_grad/", "gradients/net/m_grad/") if any(n.startswith(p) for n in found)]


@names("summary")
def summary(tf: Any) -> list[str]:
    out = [tf.summary.scalar("loss", tf.constant(1.0)).name, tf.summary.scalar("loss", tf.constant(1.0)).name]
    with tf.name_scope("train"):
        out += [tf.summary.histogram("a b:0", tf.constant([1.0])).name, tf.summary.scalar("x", tf.constant(1.0), family="fam").name]
    return [*out, tf.summary.merge_all().name, tf.summary.merge(tf.get_collection("summaries")).name]


Lookup = Callable[[Any, Any], Any]
LOOKUPS: dict[str, tuple[Lookup, str]] = {
    "operation/number": (lambda tf, g: g.get_operation_by_name(3), "Operation names are strings (or similar), not"),
    "operation/tensor_name": (lambda tf, g: g.get_operation_by_name("a:0"), "Name 'a:0' appears to refer to a Tensor, not a Operation."),
    "operation/missing": (lambda tf, g: g.get_operation_by_name("x"), "The name 'x' refers to an Operation not in the graph."),
    "tensor/number": (lambda tf, g: g.get_tensor_by_name(3), ""),
    "tensor/operation_name": (lambda tf, g: g.get_tensor_by_name("a"), "The name 'a' refers to an Operation, not a Tensor."),
    "tensor/no_such_operation": (
        lambda tf, g: g.get_tensor_by_name("x"),
        "The name 'x' looks like an (invalid) Operation name, not a Tensor.",
    ),
    "tensor/missing": (
        lambda tf, g: g.get_tensor_by_name("x:0"),
        "The name 'x:0' refers to a Tensor which does not exist. The operation, 'x', does not exist in the graph.",
    ),
    "tensor/index": (lambda tf, g: g.get_tensor_by_name("a:1"), "exists but only has 1 outputs."),
    "tensor/form": (lambda tf, g: g.get_tensor_by_name("a:b"), "looks a like a Tensor name, but is not a valid one."),
    "element/type": (lambda tf, g: g.as_graph_element(3), "Can not convert a int into a Tensor or Operation."),
    "element/other_graph": (lambda tf, g: tf.Graph().as_graph_element(g.get_tensor_by_name("a:0")), "is not an element of this graph."),
    "name/invalid": (lambda tf, g: tf.constant(1.0, name="a b"), Reworded("'a b' is not a valid")),
    "name/leading_underscore": (lambda tf, g: tf.constant(1.0, name="_a"), Reworded("'_a' is not a valid")),
    "scope/invalid": (lambda tf, g: tf.name_scope("a b").__enter__(), Reworded("'a b' is not a valid scope name")),
    "scope/no_name": (
        lambda tf, g: tf.name_scope(None, None, [g.get_tensor_by_name("a:0")]).__enter__(),
        "At least one of name (None) and default_name (None)",
    ),
    "variable_scope/no_name": (lambda tf, g: tf.variable_scope(None).__enter__(), "If default_name is None then name_or_scope is required"),
    "variable_scope/reuse_without_name": (
        lambda tf, g: tf.variable_scope(None, "d", reuse=True).__enter__(),
        "reuse=True cannot be used without a name_or_scope",
    ),
    "variable_scope/reuse_kind": (lambda tf, g: tf.variable_scope("a", reuse=3).__enter__(), ""),
    "variable_scope/getter": (lambda tf, g: tf.get_variable("w", [2], custom_getter=3), ""),
    "finalized": (lambda tf, g: [g.finalize(), tf.constant(1.0)], "Graph is finalized and cannot be modified."),
    "other_graph/inputs": (lambda tf, g: in_other_graph(tf, g), "must be from the same graph as"),
    "other_graph/control": (lambda tf, g: other_control(tf, g), ""),
}


def in_other_graph(tf: Any, g: Any) -> Any:
    a = g.get_tensor_by_name("a:0")
    with tf.Graph().as_default():
        return tf.add(a, tf.constant(1.0))


def other_control(tf: Any, g: Any) -> Any:
    a = g.get_tensor_by_name("a:0")
    with tf.Graph().as_default(), tf.control_dependencies([a]):
        return tf.constant(1.0)


for label, (look, words) in LOOKUPS.items():

    def refuse(tf: Any, look: Any = look, words: str = words) -> Any:
        tf.constant(1.0, name="a")
        return raised(lambda: look(tf, tf.get_default_graph()), words)

    names.add(f"refused/{label}", refuse)


@names("lookup")
def lookup(tf: Any) -> list[Any]:
    a, w = tf.constant(1.0, name="s/a"), tf.get_variable("w", [])
    g = tf.get_default_graph()
    return [
        g.get_tensor_by_name("s/a:0") is a,
        g.get_operation_by_name("s/a") is a.op,
        g.as_graph_element("s/a:0") is a,
        g.as_graph_element("s/a") is a.op,
        g.as_graph_element(w).name,
        str(a),
        repr(a),
        repr(a.op).split(" type")[0],
        [a.name, a.value_index, a.op.type, a.graph is g],
    ]


TABLES = (names,)
