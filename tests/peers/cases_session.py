"""`tf.Session.run`: the shapes of fetches and feeds, what each is refused for, and the classes of run-time errors."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import numpy as np
from peer_case import Reworded, ScenarioTable, raised

session = ScenarioTable("session")

Pair = collections.namedtuple("Pair", ["left", "right"])


@session("fetches")
def fetches(tf: Any) -> dict[str, Any]:
    a, b = tf.constant([1.0, 2.0], name="a"), tf.constant(3, name="b")
    with tf.Session() as s:
        pair = s.run(Pair(a, b))
        kinds = [type(s.run(f)).__name__ for f in ([a], (a,), {"k": a}, collections.OrderedDict([("k", a)]), b, a)]
        return {
            "list": s.run([a, b]),
            "nested": s.run({"x": [a, (b, a)], "y": b}),
            "namedtuple": [type(pair).__name__, pair.left, pair.right],
            "names": s.run(["a:0", "b:0"]),
            "operation": s.run([a.op, tf.no_op()]),
            "operation_name": s.run("a"),
            "repeated": s.run([b, b]),
            "empty": [s.run([]), s.run({}), s.run(())],
            "kinds": kinds,
            "string": s.run(tf.constant("text")),
            "eval": [a.eval(), b.eval(session=s)],
        }


@session("feeds")
def feeds(tf: Any) -> dict[str, Any]:
    x, d = tf.placeholder(tf.float32, [None, 2], name="x"), tf.placeholder_with_default([[1.0, 1.0]], [None, 2])
    middle = x * 2.0
    y = middle + d
    with tf.Session() as s:
        return {
            "list": s.run(y, {x: [[1, 2], [3, 4]]}),
            "array": s.run(y, {x: np.ones((1, 2))}),
            "by_name": s.run(y, {"x:0": [[1.0, 2.0]]}),
            "middle": s.run(y, {middle: [[5.0, 6.0]]}),
            "default": s.run(y, {x: [[1.0, 2.0]], d: [[0.0, 7.0]]}),
            "fetched_too": s.run([x, middle], {x: [[1.0, 2.0]]}),
            "truncated": s.run(tf.identity(tf.placeholder(tf.int32, [2], name="n")), {"n:0": np.array([1.7, -1.7])}),
            "tuple_key": s.run(x + d, {(x, d): (np.ones((1, 2)), np.full((1, 2), 3.0))}),
        }


@session("slices")
def slices(tf: Any) -> list[Any]:
    s_value = tf.IndexedSlices(tf.constant([[1.0], [2.0]]), tf.constant([0, 2]), tf.constant([3, 1]))
    with tf.Session() as s:
        value = s.run(s_value)
    return [type(value).__name__, value.values, value.indices, value.dense_shape]


@session("variable_feeds")
def variable_feeds(tf: Any) -> list[Any]:
    """Feeding a variable stands in for its value in that run."""
    w = tf.get_variable("w", initializer=tf.constant([1.0, 2.0]))
    y = w * 2.0
    with tf.Session() as s:
        s.run(w.initializer)
        return [s.run(y, {w: [5.0, 6.0]}), s.run(y), s.run(w)]


@session("make_callable")
def make_callable(tf: Any) -> list[Any]:
    x = tf.placeholder(tf.float32, [2])
    with tf.Session() as s:
        double = s.make_callable([x * 2.0, {"k": x}], [x])
        return [double([1.0, 2.0]), double(np.ones(2, "float32"))]


@session("interactive")
def interactive(tf: Any) -> list[Any]:
    before = tf.get_default_session()
    s = tf.InteractiveSession()
    out = [before, tf.get_default_session() is s, tf.constant([1.0, 2.0]).eval()]
    s.close()
    return [*out, tf.get_default_session()]


@session("two_sessions")
def two_sessions(tf: Any) -> list[Any]:
    """Each session has values of its own."""
    w = tf.get_variable("w", initializer=tf.constant(1.0))
    add = tf.assign_add(w, 1.0)
    one, two = tf.Session(), tf.Session()
    one.run(w.initializer)
    two.run(w.initializer)
    one.run(add)
    out = [one.run(w), two.run(w)]
    one.close()
    two.close()
    return out


@session("each_op_runs_once")
def once(tf: Any) -> list[Any]:
    n = tf.get_variable("n", initializer=tf.constant(0.0))
    up = tf.assign_add(n, 1.0)
    with tf.Session() as s:
        s.run(n.initializer)
        s.run([up, up, up + 1.0, up.op])
        return [s.run(n)]


def closed(tf: Any) -> Any:
    s = tf.Session()
    s.close()
    return s.run(tf.constant(1.0))


def reentered(tf: Any) -> Any:
    s = tf.Session()
    with s, s:
        return None


def elsewhere(tf: Any) -> Any:
    with tf.Graph().as_default():
        return tf.constant(1.0)


def run(tf: Any, fetches_of: Any, feed: Any = None) -> Any:
    tf.constant(0.0)
    with tf.Session() as s:
        return s.run(fetches_of, feed)


def fed(tf: Any, value: Any, dtype: str = "float32", shape: Any = (2, 3)) -> Any:
    x = tf.placeholder(dtype, shape, name="x")
    return run(tf, x * x, {x: value})


def assign_run_time_shape(tf: Any) -> Any:
    w = tf.get_variable("w", initializer=tf.zeros([2]))
    value = tf.placeholder(tf.float32)
    return run(tf, tf.assign(w, value), {value: np.zeros(3, "float32")})


REFUSALS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "closed": (closed, "Attempted to use a closed Session."),
    "empty_graph": (
        lambda tf: tf.Session(graph=tf.Graph()).run("x"),
        Reworded("The Session graph is empty.  Add operations to the graph before calling run()."),
    ),
    "reentered": (reentered, "Session context managers are not re-entrant."),
    "graph_type": (lambda tf: tf.Session(graph=3), Reworded("graph must be a tf.Graph, but got")),
    "config_as_target": (lambda tf: tf.Session(tf.ConfigProto()), Reworded("target must be a string, but got")),
    "config_type": (lambda tf: tf.Session(config=3), Reworded("config must be a tf.ConfigProto, but got")),
    "fetch/none": (lambda tf: run(tf, None), "has invalid type"),
    "fetch/number": (lambda tf: run(tf, 3), "has invalid type"),
    "fetch/nested_none": (lambda tf: run(tf, [tf.constant(1.0), None]), "has invalid type"),
    "fetch/unknown_name": (lambda tf: run(tf, "nothing:0"), "cannot be interpreted as a Tensor."),
    "fetch/other_graph": (lambda tf: run(tf, elsewhere(tf)), "cannot be interpreted as a Tensor."),
    "feed/key": (lambda tf: run(tf, tf.constant(1.0), {3: 1.0}), "Cannot interpret feed_dict key as Tensor"),
    "feed/operation_name": (lambda tf: run(tf, tf.constant(1.0, name="c"), {"c": 1.0}), "Cannot interpret feed_dict key as Tensor"),
    "feed/tensor": (lambda tf: fed(tf, tf.constant(1.0)), "The value of a feed cannot be a tf.Tensor object."),
    "feed/shape": (lambda tf: fed(tf, np.zeros((3, 3))), "Cannot feed value of shape (3, 3) for Tensor"),
    "feed/rank": (lambda tf: fed(tf, [1.0, 2.0]), "Cannot feed value of shape (2,) for Tensor"),
    "feed/text": (lambda tf: fed(tf, "abc", shape=()), ""),
    "feed/int_overflow": (lambda tf: fed(tf, 2**40, dtype="int32", shape=()), "is not compatible with Tensor type"),
    "eval/no_session": (lambda tf: tf.constant(1.0).eval(), "Cannot evaluate tensor using `eval()`: No default session is registered."),
    "run/no_session": (lambda tf: tf.no_op().run(), "Cannot execute operation using `run()`: No default session is registered."),
    "uninitialised": (lambda tf: run(tf, tf.get_variable("w", [2]) * 2.0), "Attempting to use uninitialized value w"),
    "assign_shape": (assign_run_time_shape, "Assign requires shapes of both tensors to match. lhs shape= [2] rhs shape= [3]"),
    "make_callable/feed_list": (
        lambda tf: tf.Session().make_callable(tf.constant(1.0), feed_list=3),
        "`feed_list` must be a list or tuple.",
    ),
}
for label, (action, words) in REFUSALS.items():
    session.add(f"refused/{label}", lambda tf, a=action, s=words: raised(lambda: a(tf), s))


@session("error_attributes")
def error_attributes(tf: Any) -> list[Any]:
    x = tf.placeholder(tf.float32, [2], name="x")
    try:
        run(tf, x + 1.0)
    except tf.errors.InvalidArgumentError as error:
        return [error.op.name, error.error_code, isinstance(error, tf.errors.OpError)]
    return []


@session("error_codes")
def error_codes(tf: Any) -> dict[str, int]:
    words = """OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED
        FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED"""
    return {word: getattr(tf.errors, word) for word in words.split()}


TABLES = (session,)
