"""Random operations: TensorFlow's numbers for given seeds, counters as state, names in place of missing seeds."""

import gzip
import json
from typing import Any

import numpy as np
import pytest

from graphopt import dtypes
from graphopt.autodiff.gradients import gradients
from graphopt.errors import InvalidArgumentError
from graphopt.graph.graph import Graph, convert_to_tensor
from graphopt.ops import philox
from graphopt.runtime.session import Session
from graphopt.tf1 import array, math, random
from tests.peers.record_random import PATH, Case, decode, digest, kept_positions

RECORDED: list[Case] = [c for c in json.loads(gzip.decompress(PATH.read_bytes()))["cases"] if "op_seed" in c]
TOLERANCE = {"float64": 1e-14, "float32": 1e-6, "float16": 1e-3}


def build(case: Case, fed: Any) -> Any:
    """Record the function of a case."""
    kind, dtype, seed = case["kind"], case["dtype"], case["op_seed"]
    if kind == "uniform":
        return random.random_uniform(fed, dtype=dtype, seed=seed)
    if kind == "uniform_int":
        return random.random_uniform(fed, case["low"], case["high"], dtype=dtype, seed=seed)
    if kind == "normal":
        return random.random_normal(fed, dtype=dtype, seed=seed)
    if kind == "truncated_normal":
        return random.truncated_normal(fed, dtype=dtype, seed=seed)
    if kind == "shuffle":
        rows = array.range(math.cast(fed, dtypes.int64))
        return random.random_shuffle(rows if case["columns"] is None else array.stack([rows] * case["columns"], axis=1), seed=seed)
    if kind == "multinomial":
        return random.multinomial(np.array(case["logits"], case["logits_dtype"]), fed, seed=seed, output_dtype=dtype)
    return random.random_gamma(fed, np.array(case["alpha"], dtype), dtype=dtype, seed=seed)


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: f"{case['kind']}-{case['dtype']}")
def test_tensorflows_numbers_run_after_run(case: Case, feed: Any, fresh_graph: Graph) -> None:
    fresh_graph.seed = case["graph_seed"]
    rank = 0 if case["kind"] in ("shuffle", "multinomial") else 1
    fed = feed(np.zeros([2] * rank, np.int32), shape=(None,) * rank)
    drawn = build(case, fed)
    # More sizes than a session keeps compiled would only repeat what the kernels' own test shows.
    with Session() as session:
        for shape, output in zip(case["runs"][:6], case["outputs"][:6], strict=True):
            values = np.asarray(session.run(drawn, {fed: np.array(shape, np.int32)}))
            assert (list(values.shape), values.dtype.name) == (output["shape"], output["dtype"])
            if values.dtype.kind == "i":
                assert digest(values) == output["digest"]
            else:
                kept, tolerance = values.reshape(-1)[kept_positions(values.size)], TOLERANCE[case["dtype"]]
                np.testing.assert_allclose(kept.astype(float), decode(output).astype(float), rtol=tolerance, atol=tolerance)


def test_the_seeds_are_attributes(fresh_graph: Graph) -> None:
    def attributes(seed: int | None) -> tuple[Any, Any]:
        op = random.random_uniform([2], seed=seed).op.inputs[0].op.inputs[0].op
        assert op.type == "RandomUniform"
        return op.get_attr("seed"), op.get_attr("seed2")

    assert attributes(None) == (None, None) == random.get_seed(None)
    assert attributes(7) == (philox.DEFAULT_GRAPH_SEED, 7) == random.get_seed(7)
    random.set_random_seed(3)
    assert fresh_graph.seed == 3
    assert attributes(None) == (3, None) == random.get_seed(None)
    assert attributes(7) == (3, 7)
    random.set_random_seed(0)
    assert attributes(0) == (0, philox.MAX_SEED)
    random.set_random_seed(None)
    assert attributes(None) == (None, None)


def test_the_names_of_the_operations(fresh_graph: Graph) -> None:
    assert random.random_normal([2]).name == "random_normal:0"
    assert random.random_normal([2], name="noise").name == "noise:0"
    assert [op.name for op in fresh_graph.get_operations()][:6] == [
        "random_normal/shape",
        "random_normal/mean",
        "random_normal/stddev",
        "random_normal/RandomStandardNormal",
        "random_normal/mul",
        "random_normal",
    ]


def test_adding_an_operation_changes_no_number() -> None:
    def draw(between: bool) -> list[Any]:
        with Graph().as_default() as graph:
            graph.seed = 5
            first = random.random_normal([3], name="first")
            if between:
                math.add(1.0, 2.0)
                random.random_uniform([4], name="other")
            second = random.random_normal([3], name="second")
            return list(Session().run([first, second]))

    for a, b in zip(draw(False), draw(True), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(*draw(False))


def test_a_session_continues_and_a_new_one_starts_again() -> None:
    x = random.random_uniform([2, 3], seed=1)
    one, two = Session(), Session()
    first, second = one.run(x), one.run(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(two.run(x), first)
    np.testing.assert_array_equal(two.run([x, x])[1], second)


def test_one_run_draws_once() -> None:
    x = random.random_uniform([2], seed=1)
    a, b = Session().run([math.add(x, 0.0), math.multiply(x, 1.0)])
    np.testing.assert_array_equal(a, b)


def test_a_failed_run_draws_nothing(feed: Any) -> None:
    fed = feed(np.int32(0))
    x, bad = random.random_uniform([2], seed=1), math.floordiv(1, fed)
    session, other = Session(), Session()
    with pytest.raises(InvalidArgumentError, match="Integer division by zero"):
        session.run([x, bad], {fed: 0})
    np.testing.assert_array_equal(session.run(x), other.run(x))


def test_without_seeds_sessions_differ() -> None:
    x = random.random_uniform([4])
    assert not np.array_equal(Session().run(x), Session().run(x))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_moments(dtype: str, run: Any) -> None:
    n = 20000
    uniform, normal, truncated, gamma = run(
        [
            random.random_uniform([n], -1, 3, dtype=dtype, seed=1),
            random.random_normal([n], 1.0, 2.0, dtype=dtype, seed=1),
            random.truncated_normal([n], 1.0, 2.0, dtype=dtype, seed=1),
            random.random_gamma([n], 3.0, 2.0, dtype=dtype, seed=1),
        ]
    )
    assert {v.dtype.name for v in (uniform, normal, truncated, gamma)} == {dtype}
    assert uniform.min() >= -1
    assert uniform.max() <= 3
    assert abs(uniform.astype(float).mean() - 1) < 0.05
    assert abs(normal.astype(float).mean() - 1) < 0.05
    assert abs(normal.astype(float).std() - 2) < 0.05
    assert np.abs(truncated.astype(float) - 1).max() <= 4
    assert abs(gamma.astype(float).mean() - 1.5) < 0.05


def test_integers_and_classes(run: Any) -> None:
    whole = run(random.random_uniform([1000], -3, 4, dtype=dtypes.int32, seed=2))
    assert (set(whole.tolist()), whole.dtype) == (set(range(-3, 4)), np.int32)
    classes = run(random.multinomial([[0.0, -np.inf], [-np.inf, 0.0]], 5, seed=2))
    assert classes.tolist() == [[0] * 5, [1] * 5]
    assert run(random.categorical([[0.0]], 2, dtype=dtypes.int32)).dtype == np.int32


def test_shuffle_and_crop(run: Any) -> None:
    x = np.arange(20).reshape(10, 2)
    shuffled = run(random.random_shuffle(x, seed=4))
    assert not np.array_equal(shuffled, x)
    np.testing.assert_array_equal(shuffled[np.argsort(shuffled[:, 0])], x)
    crop = random.random_crop(x, [3, 1], seed=4)
    assert crop.tensor_type.shape == (3, 1)
    session = Session()
    found = {tuple(session.run(crop)[:, 0].tolist()) for _ in range(60)}
    assert found == {(i, i + 2, i + 4) for i in range(16)}
    with pytest.raises(ValueError, match=r"Need value.shape >= size, got  \[10,2\] \[11, 1\]"):
        random.random_crop(x, [11, 1])


def test_shapes(feed: Any, run: Any) -> None:
    assert random.random_uniform([]).tensor_type.shape == ()
    n = feed(np.int32(3))
    x = random.random_normal([n, 2])
    assert x.tensor_type.shape == (None, 2)
    assert run(x, {n: 3}).shape == (3, 2)
    assert random.random_gamma([4], [1.0, 2.0], [[1.0], [2.0], [3.0]]).tensor_type.shape == (4, 3, 2)
    assert random.multinomial(np.zeros((2, 3), np.float32), n).tensor_type.shape == (2, None)


def test_the_mean_and_the_spread_have_gradients(run: Any) -> None:
    mean, spread = convert_to_tensor(1.0), convert_to_tensor(2.0)
    x = random.random_normal([3], mean, spread, seed=1)
    slopes = gradients(x, [mean, spread])
    total, values, by_mean, by_spread = run([math.reduce_sum(x), x, *slopes])
    assert by_mean == 3
    assert by_spread == pytest.approx((total - 3) / 2, rel=1e-5)
    assert values.shape == (3,)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: random.random_uniform([2], dtype=dtypes.int32), "Must specify maxval for integer dtype tf.int32"),
        (lambda: random.random_uniform([2], dtype=dtypes.int8), "Invalid dtype tf.int8"),
        (lambda: random.random_normal([2], dtype=dtypes.int32), "Invalid dtype tf.int32"),
        (lambda: random.random_gamma([2], 1.0, dtype=dtypes.int64), "Invalid dtype tf.int64"),
        (lambda: random.random_normal([None, 2]), "Cannot convert a partially known shape"),
        (lambda: random.multinomial([0.0, 1.0], 2), "Shape must be rank 2 but is rank 1"),
    ],
)
def test_refused(call: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: random.random_uniform([2], 3, 3, dtype=dtypes.int32), "Need minval < maxval, got 3 >= 3"),
        (lambda: random.multinomial(np.zeros((1, 0), np.float32), 2), "num_classes should be positive, got 0"),
        (lambda: random.multinomial([[0.0]], -1), "num_samples should be nonnegative, got -1"),
    ],
)
def test_refused_while_running(call: Any, text: str, run: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=text):
        run(call())
