"""Sessions: what may be fetched, how long they live, what they refuse."""

import collections
import json
import threading
from types import MappingProxyType

import numpy as np
import pytest

import graphopt as tf

Pair = collections.namedtuple("Pair", ["a", "b"])


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def test_fetches_keep_their_structure():
    a, b = tf.constant(1.0), tf.constant([2, 3])
    op = tf.no_op(name="nothing")
    with tf.Session() as session:
        assert session.run(a) == 1.0
        assert type(session.run(a)) is np.float32
        assert session.run([a, [a]]) == [1.0, [1.0]]
        assert session.run((a, op)) == (1.0, None)
        pair = session.run(Pair(a, [b]))
        assert type(pair) is Pair
        assert pair.a == 1.0
        assert pair.b[0].tolist() == [2, 3]
        ordered = session.run(collections.OrderedDict([("z", a), ("y", {"x": b})]))
        assert list(ordered) == ["z", "y"]
        assert type(ordered) is collections.OrderedDict
        assert ordered["y"]["x"].tolist() == [2, 3]
        assert session.run({"one": "Const:0", "none": "nothing"}) == {"one": 1.0, "none": None}
        assert session.run([]) == []
        assert session.run({}) == {}


def test_strings_come_back_as_bytes():
    with tf.Session() as session:
        assert session.run(tf.constant("héllo")) == "héllo".encode()
        array = session.run(tf.constant(["a", "bc"]))
        assert array.dtype == object
        assert array.tolist() == [b"a", b"bc"]


def test_sparse_slices_come_back_by_parts():
    w = tf.Variable(np.zeros((4, 2), np.float32))
    (gradient,) = tf.gradients(tf.reduce_sum(tf.gather(w, [1, 3, 1])), [w])
    assert isinstance(gradient, tf.IndexedSlices)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        value = session.run(gradient)
        assert value.indices.tolist() == [1, 3, 1]
        assert value.values.tolist() == [[1.0, 1.0]] * 3
        assert value.dense_shape.tolist() == [4, 2]


def test_sparse_tensors_are_fetched_and_fed_by_parts():
    values = tf.placeholder(tf.float32, [None])
    sparse = tf.SparseTensor(indices=[[0, 1], [2, 0]], values=values, dense_shape=[3, 4])
    with tf.Session() as session:
        got = session.run(sparse, {values: [5.0, 6.0]})
        assert type(got) is tf.SparseTensorValue
        assert got.indices.tolist() == [[0, 1], [2, 0]]
        assert got.values.tolist() == [5.0, 6.0]
        assert got.dense_shape.tolist() == [3, 4]
        again = session.run(sparse.values, {sparse: ([[0, 0], [0, 1]], [7.0], [1, 2])})
        assert again.tolist() == [7.0]


class _Fields:
    """Looks like a class made with attrs, without needing the package."""

    class _Field:
        def __init__(self, name):
            self.name = name

    __attrs_attrs__ = (_Field("a"), _Field("b"))

    def __init__(self, a, b):
        self.a = a
        self.b = b


def test_objects_of_attrs_classes_keep_their_structure():
    t = tf.constant(3.0)
    with tf.Session() as session:
        got = session.run(_Fields(t, [t, t.op]))
        assert type(got) is _Fields
        assert got.a == 3.0
        assert got.b == [3.0, None]


def test_fetched_arrays_belong_to_the_caller():
    v = tf.Variable(np.zeros(3, np.float32))
    c = tf.constant([1.0, 2.0])
    bump = tf.assign_add(v, np.ones(3, np.float32))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for i in range(6):
            got = session.run([v, c, bump])
            assert got[0].tolist() == [i + 1.0] * 3
            for array in got:
                array[:] = 77.0
        assert session.run(c).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("fetch", "error", "text"),
    [
        (None, TypeError, "Fetch argument None has invalid type <class 'NoneType'>"),
        (3, TypeError, "Fetch argument 3 has invalid type <class 'int'>, must be a string or Tensor"),
        ("missing:0", ValueError, "Fetch argument 'missing:0' cannot be interpreted as a Tensor"),
        ("missing", ValueError, "Fetch argument 'missing' cannot be interpreted as a Tensor"),
    ],
)
def test_bad_fetches_are_named(fetch, error, text):
    tf.constant(1.0)
    with tf.Session() as session, pytest.raises(error, match=text):
        session.run(fetch)


def test_tensors_of_other_graphs_are_refused():
    tf.constant(1.0)
    with tf.Graph().as_default():
        other = tf.constant(2.0)
    with tf.Session() as session:
        with pytest.raises(ValueError, match="is not an element of this graph"):
            session.run(other)
        with pytest.raises(TypeError, match="is not an element of this graph"):
            session.run("Const:0", {other: 1.0})


def test_unfetchable_operations_are_refused(graph):
    t = tf.constant(1.0)
    graph.prevent_fetching(t.op)
    with tf.Session() as session, pytest.raises(ValueError, match="has been marked as not fetchable"):
        session.run(t)


def test_closed_sessions_and_empty_graphs_are_refused():
    session = tf.Session()
    with pytest.raises(RuntimeError, match=r"The Session graph is empty.  Add operations"):
        session.run("x:0")
    t = tf.constant(1.0)
    assert session.run(t) == 1.0
    call = session.make_callable(t)
    session.close()
    session.close()
    for run in (lambda: session.run(t), call):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
            run()


def test_arguments_of_the_wrong_type_are_refused():
    with pytest.raises(TypeError, match=r"graph must be a tf\.Graph, but got"):
        tf.Session(graph="g")
    with pytest.raises(TypeError, match=r'Did you do "Session\(config\)" instead of "Session\(config=config\)"'):
        tf.Session(tf.ConfigProto())
    with pytest.raises(TypeError, match="target must be a string, but got"):
        tf.Session(3)
    with pytest.raises(TypeError, match=r"config must be a tf\.ConfigProto, but got"):
        tf.Session(config=3)
    with pytest.raises(ValueError, match='ConfigProto has no "speed" field'):
        tf.ConfigProto(speed=11)


def test_context_managers():
    t = tf.constant(4.0)
    assert tf.get_default_session() is None
    with pytest.raises(ValueError, match=r"Cannot evaluate tensor using `eval\(\)`: No default session is registered"):
        t.eval()
    with pytest.raises(ValueError, match=r"Cannot execute operation using `run\(\)`: No default session is registered"):
        t.op.run()
    session = tf.Session()
    with session.as_default():
        assert tf.get_default_session() is session
        assert t.eval() == 4.0
        t.op.run()
    assert session.run(t) == 4.0
    with session:
        with pytest.raises(RuntimeError, match="Session context managers are not re-entrant"):
            session.__enter__()
        assert tf.get_default_session() is session
    with pytest.raises(RuntimeError, match="closed"):
        session.run(t)
    with tf.Graph().as_default():
        tf.constant(1.0)
        other = tf.Session()
    with pytest.raises(ValueError, match="the tensor's graph is different from the session's graph"):
        t.eval(session=other)


def test_interactive_sessions_are_default_until_closed():
    session = tf.InteractiveSession()
    try:
        assert tf.get_default_session() is session
        assert tf.constant(2.0).eval() == 2.0
        with pytest.warns(UserWarning, match="An interactive session is already active"):
            second = tf.InteractiveSession()
        second.close()
    finally:
        session.close()
    assert tf.get_default_session() is None


def test_values_belong_to_the_session():
    v = tf.Variable(1.0)
    bump = tf.assign_add(v, 1.0)
    with tf.Session() as one, tf.Session() as two:
        one.run(tf.global_variables_initializer())
        two.run(tf.global_variables_initializer())
        one.run(bump)
        assert one.run(v) == 2.0
        assert two.run(v) == 1.0


def test_make_callable():
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [])
    with tf.Session() as session:
        call = session.make_callable({"sum": x + y, "op": tf.no_op()}, [x, y])
        assert call([1.0, 2.0], 1.0)["sum"].tolist() == [2.0, 3.0]
        assert call(np.ones(3), 0)["op"] is None
        with pytest.raises(TypeError, match="takes 2 values, one for each feed, got 1"):
            call([1.0])
        with pytest.raises(TypeError, match="`feed_list` must be a list or tuple"):
            session.make_callable(x, x)
        with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value for placeholder"):
            session.make_callable(x + y, [x])([1.0])
        assert session.make_callable([])() == []


def test_a_traced_run_gives_a_time_for_each_step(tmp_path):
    x = tf.placeholder(tf.float32, [2, 2], name="x")
    product = tf.matmul(x, x, name="product")
    with tf.Session() as session:
        metadata = tf.RunMetadata()
        session.run(product, {x: np.eye(2)}, options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE), run_metadata=metadata)
        names = [stats.node_name for stats in metadata.step_stats.dev_stats[0].node_stats]
        assert names == ["product"]
        metadata.write_chrome_trace(tmp_path / "trace.json")
        trace = json.loads((tmp_path / "trace.json").read_text())
        assert [e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "X"] == ["product"]
        untouched = tf.RunMetadata()
        session.run(product, {x: np.eye(2)}, run_metadata=untouched)
        assert untouched.step_stats.dev_stats == []


def test_runs_from_several_threads_lose_no_update():
    v = tf.Variable(np.zeros(50, np.float32))
    n = tf.Variable(0)
    bump = [tf.assign_add(v, np.ones(50, np.float32)).op, tf.assign_add(n, 1).op]
    torn = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())

        def work():
            for _ in range(100):
                session.run(bump)
                value = session.run(v)
                if len(set(value.tolist())) != 1:
                    torn.append(value)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not torn
        assert session.run(n) == 400
        assert session.run(v).tolist() == [400.0] * 50


def test_step_runs_the_op_with_every_summary_the_feeds_allow():
    x = tf.placeholder(tf.float32, [])
    unfed = tf.placeholder(tf.float32, [])
    w = tf.get_variable("w", initializer=2.0)
    step = tf.train.get_or_create_global_step()
    train = tf.contrib.layers.optimize_loss(w * x, step, 0.5, "SGD", summaries=["loss", "gradients"])
    tf.summary.scalar("mine", w * 10.0)
    tf.summary.scalar("needs_more", unfed)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        result = session.step(train, {x: 1.0})
        assert result.loss == 2.0
        assert result.global_step == 1
        assert {v.tag for v in result.summaries.value} == {"OptimizeLoss/loss", "OptimizeLoss/gradients/w_0", "mine"}
        assert session.run(w) == 1.5
        assert session.step(train, {x: 1.0, unfed: 4.0}).global_step == 2


def test_two_training_ops_over_different_variables_share_a_session():
    d = [tf.Variable(np.full(s, 1.0, np.float32), name="d") for s in ((3,), (2, 2))]
    g = [tf.Variable(np.full(s, 1.0, np.float32), name="g") for s in ((4,), (5,))]
    loss_d = tf.add_n([tf.reduce_sum(tf.square(v)) for v in d])
    loss_g = tf.add_n([tf.reduce_sum(tf.square(v)) for v in g])
    ops = [tf.train.AdamOptimizer(0.1).minimize(loss_d, var_list=d), tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss_g, var_list=g)]
    both = tf.train.AdagradOptimizer(0.1).minimize(loss_d + loss_g, var_list=d + g)

    def train():
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for i in range(30):
                session.run(ops[i % 2])
                if i % 5 == 0:
                    session.run(both)
            return session.run(d + g)

    first, second = train(), train()
    for a, b in zip(first, second, strict=True):
        assert a.tobytes() == b.tobytes()
        assert np.ptp(a) == 0.0


def test_a_fetched_defaultdict_stays_one():
    c = tf.constant(1.0)
    with tf.Session() as session:
        fetched = session.run(collections.defaultdict(list, c=c))
    assert type(fetched) is collections.defaultdict
    assert fetched["c"] == 1.0
    assert fetched["missing"] == []


def test_feeds_must_be_a_dictionary():
    x = tf.placeholder(tf.float32, [])
    y = x + 1.0
    with tf.Session() as session:
        for _ in range(2):
            with pytest.raises(TypeError, match="feed_dict must be a dictionary, got <class 'list'>"):
                session.run(y, [x])
            assert session.run(y, {x: 1.0}) == 2.0
        assert session.run(y, MappingProxyType({x: 2.0})) == 3.0


def test_the_graph_as_a_message():
    x = tf.constant(1.0, name="x")
    with tf.Session() as session:
        assert [node.name for node in session.graph_def.node] == ["x"]
        assert session.graph_def == x.graph.as_graph_def()


def test_many_nested_fetches_keep_their_structure():
    numbers = [tf.constant(float(i)) for i in range(8)]
    a, b, c, d = numbers[:4]
    with tf.Session() as session:
        for count in range(2, 9):
            found = session.run([tuple(numbers[:count]), (a, (b, c)), [d, (a, b)], (c, [d, (b, a)]), (a, tf.no_op())])
            assert found == [tuple(map(float, range(count))), (0.0, (1.0, 2.0)), [3.0, (0.0, 1.0)], (2.0, [3.0, (1.0, 0.0)]), (0.0, None)]
