"""The random streams against what TensorFlow's kernels gave (`record_random.py`), and what must hold for any seed."""

from __future__ import annotations

import gzip
import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphopt.ops import philox
from tests.peers.record_random import PATH, Case, decode, digest, kept_positions

RECORDED: list[Case] = json.loads(gzip.decompress(PATH.read_bytes()))["cases"]
EXACT = ("uniform", "uniform_int", "shuffle", "multinomial")
BY_SHAPE: dict[str, Callable[..., np.ndarray]] = {
    "uniform": philox.uniform,
    "normal": philox.normal,
    "truncated_normal": philox.truncated_normal,
}


def draw(case: Case, counter: int, run: Any) -> tuple[np.ndarray, int]:
    """Draw what the op of a case gives when fed `run`; return it and the op's next counter."""
    kind, dtype = case["kind"], case["dtype"]
    start = (*case["seeds"], counter)
    if kind == "shuffle":
        rows = np.arange(run)
        value = rows if case["columns"] is None else np.stack([rows] * case["columns"], axis=1)
        return value[philox.shuffle_permutation(*start, run)], counter + philox.counter_increment(kind, run)
    if kind == "multinomial":
        logits = np.array(case["logits"], case["logits_dtype"])
        count = philox.multinomial_count(len(logits), run)
        return philox.multinomial(*start, logits, run, dtype), counter + philox.counter_increment(kind, count)
    if kind == "gamma":
        values = philox.gamma(*start, tuple(run), np.array(case["alpha"], dtype))
    elif kind == "uniform_int":
        values = philox.uniform_int(*start, tuple(run), case["low"], case["high"], dtype)
    else:
        values = BY_SHAPE[kind](*start, tuple(run), dtype)
    return values, counter + philox.counter_increment(kind, values.size)


def case_name(case: Case) -> str:
    return f"{case['kind']}-{case['dtype']}"


def replay(case: Case) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Return for each run of a case what is drawn here and what was recorded."""
    pairs, counter = [], 0
    for run, output in zip(case["runs"], case["outputs"], strict=True):
        values, counter = draw(case, counter, run)
        assert list(values.shape) == output["shape"]
        assert values.dtype.name == output["dtype"]
        pairs.append((values, output))
    return pairs


@pytest.mark.parametrize("case", [c for c in RECORDED if c["kind"] in EXACT], ids=case_name)
def test_bits_equal_tensorflow(case: Case) -> None:
    for values, output in replay(case):
        np.testing.assert_array_equal(values.reshape(-1)[kept_positions(values.size)], decode(output))
        assert digest(values) == output["digest"]


@pytest.mark.parametrize("case", [c for c in RECORDED if c["kind"] not in EXACT], ids=case_name)
def test_floats_are_close_to_tensorflow(case: Case) -> None:
    tolerance = {"float64": 1e-14, "float32": 1e-6, "float16": 1e-3}[case["dtype"]]
    for values, output in replay(case):
        kept = values.reshape(-1)[kept_positions(values.size)]
        np.testing.assert_allclose(kept.astype(np.float64), decode(output).astype(np.float64), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["normal", "truncated_normal", "gamma"])
def test_most_floats_equal_tensorflow_bit_for_bit(kind: str) -> None:
    ours, theirs = [], []
    for case in RECORDED:
        if case["kind"] == kind and case["dtype"] == "float32":
            for values, output in replay(case):
                ours.append(values.reshape(-1)[kept_positions(values.size)])
                theirs.append(decode(output))
    assert np.mean(np.concatenate(ours) == np.concatenate(theirs)) > 0.97


@pytest.mark.parametrize("case", [c for c in RECORDED if "op_seed" in c], ids=case_name)
def test_seed_pair_is_tensorflows_when_the_op_has_a_seed(case: Case) -> None:
    assert list(philox.seed_pair(case["graph_seed"], case["op_seed"], "any")) == case["seeds"]


# ---- the generator


@pytest.mark.parametrize(
    ("counter", "key", "block"),
    [
        # Known answers of the generator's authors (Random123, kat_vectors).
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(counter: tuple[int, ...], key: tuple[int, int], block: tuple[int, ...]) -> None:
    seed, start, seed2 = key[0] | key[1] << 32, counter[0] | counter[1] << 32, counter[2] | counter[3] << 32
    assert tuple(philox.blocks(seed, seed2, start, 1)[0].tolist()) == block


def test_any_part_of_a_stream_can_be_drawn_alone() -> None:
    whole = philox.blocks(5, 6, 2**32 - 50, 100)  # the low word of the counter wraps round on the way
    np.testing.assert_array_equal(philox.blocks(5, 6, 2**32 - 3, 7), whole[47:54])
    assert whole.dtype == np.uint32
    assert philox.blocks(5, 6, 0, 0).shape == (0, 4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", BY_SHAPE)
def test_shape_does_not_change_the_numbers(kind: str, dtype: str) -> None:
    flat = BY_SHAPE[kind](1, 2, 768, (3000,), dtype)
    np.testing.assert_array_equal(BY_SHAPE[kind](1, 2, 768, (30, 1, 100), dtype).reshape(-1), flat)
    np.testing.assert_array_equal(BY_SHAPE[kind](1, 2, 768, (4001,), dtype)[:3000], flat)
    assert BY_SHAPE[kind](1, 2, 768, (), dtype) == flat[0]


# ---- distributions


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_uniform_range_and_moments(dtype: str) -> None:
    values = philox.uniform(1, 2, 0, (100_000,), dtype).astype(np.float64)
    assert values.min() >= 0
    assert values.max() < 1
    assert abs(values.mean() - 0.5) < 0.005
    assert abs(values.var() - 1 / 12) < 0.002


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_uniform_int_takes_every_value_of_its_range(dtype: str) -> None:
    values = philox.uniform_int(1, 2, 0, (10_000,), -3, 4, dtype)
    found, counts = np.unique(values, return_counts=True)
    assert found.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert counts.min() > 1200


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_normal_moments(dtype: str) -> None:
    values = philox.normal(1, 2, 0, (100_000,), dtype).astype(np.float64)
    assert abs(values.mean()) < 0.01
    assert abs(values.var() - 1) < 0.02
    assert abs(np.mean(values**4) - 3) < 0.15


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_truncated_normal_bounds_and_moments(dtype: str) -> None:
    values = philox.truncated_normal(1, 2, 0, (100_000,), dtype).astype(np.float64)
    assert np.abs(values).max() <= 2  # half precision rounds a number just inside to 2
    assert abs(values.mean()) < 0.01
    assert abs(values.std() - 0.87962566103423978) < 0.01


@pytest.mark.parametrize(("dtype", "per_group", "long_group"), [("float32", 4, 10568), ("float64", 2, 4882)])
def test_truncated_normal_takes_the_first_candidates_of_each_group(dtype: str, per_group: int, long_group: int) -> None:
    stride = 64 * per_group
    drawn = philox.truncated_normal(1, 2, 512, (15_000 * per_group,), dtype).reshape(-1, per_group)
    for group in [*range(100), long_group, *range(14_900, 15_000)]:
        candidates = philox.normal(1, 2, 512 + group * stride, (stride,), dtype)
        expected = candidates[np.abs(candidates) < 2][:per_group]
        np.testing.assert_array_equal(drawn[group], expected)
        if group == long_group:  # two blocks don't suffice for it, however many groups are drawn at once
            assert np.sum(np.abs(candidates[: 2 * per_group]) < 2) < per_group
            alone = philox.truncated_normal(1, 2, 512 + group * stride, (per_group,), dtype)
            np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 1000])
def test_shuffle_is_a_permutation(n: int) -> None:
    order = philox.shuffle_permutation(1, 2, 3, n)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_shuffles_of_three_are_equally_likely() -> None:
    orders = [tuple(philox.shuffle_permutation(1, 2, counter, 3).tolist()) for counter in range(3000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    assert min(counts) > 400


def test_multinomial_frequencies() -> None:
    chances = np.array([[0.1, 0.2, 0.7], [0.5, 0.0, 0.5]])
    with np.errstate(divide="ignore"):
        logits = np.log(chances) + 40
    drawn = philox.multinomial(1, 2, 0, logits, 20_000)
    frequencies = [np.bincount(row, minlength=3) / 20_000 for row in drawn]
    np.testing.assert_allclose(frequencies, chances, atol=0.015)
    assert drawn[1].tolist().count(1) == 0


def test_multinomial_gives_the_same_whichever_loop_is_shorter() -> None:
    logits = np.sin(np.arange(40.0)).reshape(8, 5)
    tall = philox.multinomial(1, 2, 0, logits, 6)
    rows = [philox.multinomial(1, 2, 3 * row, logits[row : row + 1], 6)[0] for row in range(8)]
    np.testing.assert_array_equal(tall, rows)


@pytest.mark.parametrize("alpha", [0.05, 0.7, 1.0, 1.5, 30.0])
def test_gamma_moments(alpha: float) -> None:
    values = philox.gamma(1, 2, 0, (50_000,), np.float64(alpha))
    assert values.min() >= 0
    assert abs(values.mean() - alpha) < 5 * math.sqrt(alpha / 50_000)
    assert abs(values.var() / alpha - 1) < 0.1


def test_gamma_of_odd_alphas() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = philox.gamma(1, 2, 0, (50,), np.array([np.nan, -1.0, 0.0, np.inf, 1e30], np.float32))
    assert np.isnan(values[:, :2]).all()
    assert (values[:, 2] == 0).all()
    assert np.isinf(values[:, 3]).all()
    np.testing.assert_allclose(values[:, 4], 1e30, rtol=1e-5)


# ---- state, seeds and errors


def test_counter_increments() -> None:
    assert philox.counter_increment("normal", 0) == 0
    assert philox.counter_increment("truncated_normal", 10) == 2560
    assert [philox.counter_increment("shuffle", n) for n in (0, 1, 2, 5, 6)] == [0, 0, 1, 1, 2]
    assert philox.counter_increment("multinomial", philox.multinomial_count(5, 13)) == 5 * 32 * 256
    with pytest.raises(ValueError, match="no random op of the kind 'cauchy'"):
        philox.counter_increment("cauchy", 3)


def test_seed_pair_without_an_op_seed_comes_from_the_name() -> None:
    pair = philox.seed_pair(1, None, "noise")
    assert pair == (1, 2117244251)  # must never change: it would change every number of every program
    assert pair != philox.seed_pair(1, None, "noise_1")
    assert philox.seed_pair(2, None, "noise") == (2, pair[1])


def test_seed_pair_without_any_seed_is_different_each_time() -> None:
    pairs = {philox.seed_pair(None, None, "noise") for _ in range(20)}
    assert len(pairs) == 20
    assert all(0 < seed < 2**31 - 1 for pair in pairs for seed in pair)


def test_seed_pair_is_never_zero_zero() -> None:
    assert philox.seed_pair(2**31 - 1, 0, "noise") == (0, 2**31 - 1)


def test_errors() -> None:
    with pytest.raises(ValueError, match="Need minval < maxval, got 5 >= 5"):
        philox.uniform_int(1, 2, 0, (1,), 5, 5)
    assert philox.uniform_int(1, 2, 0, (0, 3), 5, 5).shape == (0, 3)
    with pytest.raises(TypeError, match="random numbers of dtype int32 are not supported; use float16, float32, float64"):
        philox.uniform(1, 2, 0, (1,), np.int32)
    with pytest.raises(TypeError, match="random numbers of dtype float32 are not supported; use int32, int64"):
        philox.uniform_int(1, 2, 0, (1,), 0, 5, np.float32)
    with pytest.raises(ValueError, match="num_classes should be positive, got 0"):
        philox.multinomial(1, 2, 0, np.zeros((2, 0)), 3)
