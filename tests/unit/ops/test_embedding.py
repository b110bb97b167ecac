"""Embeddings, whole and in parts, dense and sparse; losses over sampled classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphopt import errors
from graphopt.autodiff.gradients import gradients
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.sparse_tensor import SparseTensor
from graphopt.graph.variables import Variable, global_variables_initializer
from graphopt.ops import embedding, sampled
from graphopt.ops.control import placeholder
from graphopt.runtime.session import Session
from graphopt.tf1 import nn

RANDOM = np.random.default_rng(0)


def run(fetches: Any, feeds: Any = None) -> Any:
    with Session() as session:
        session.run(global_variables_initializer())
        return session.run(fetches, feeds)


def tensor(array: Any, dtype: str = "float64") -> Any:
    return convert_to_tensor(np.asarray(array, dtype))


def normal(*shape: int) -> Any:
    return RANDOM.standard_normal(shape)


def gradient(y: Any, x: Any) -> Any:
    return run(gradients(y, x)[0])


def reference_softmax(x: Any, axis: int = -1) -> Any:
    grown = np.exp(x - x.max(axis, keepdims=True))
    return grown / grown.sum(axis, keepdims=True)


# --- embeddings --------------------------------------------------------------------------------------------------------

TABLE = normal(7, 2).astype("float32")
IDS = np.array([[6, 0], [3, 3]], "int32")


def test_embedding_lookup_of_a_variable_has_sparse_gradients() -> None:
    table = Variable(TABLE)
    rows = nn.embedding_lookup(table, IDS)
    slope = gradients(rows, table)[0]
    assert isinstance(slope, IndexedSlices)
    got, indices = run([rows, slope.indices])
    np.testing.assert_array_equal(got, TABLE[IDS])
    assert indices.tolist() == [6, 0, 3, 3]


@pytest.mark.parametrize("strategy", ["mod", "div"])
@pytest.mark.parametrize("parts", [2, 3])
def test_embedding_lookup_in_parts(strategy: str, parts: int) -> None:
    pieces = [TABLE[i::parts] for i in range(parts)] if strategy == "mod" else np.array_split(TABLE, parts)
    rows = nn.embedding_lookup([convert_to_tensor(p) for p in pieces], IDS, partition_strategy=strategy)
    np.testing.assert_array_equal(run(rows), TABLE[IDS])


def test_embedding_lookup_shortens_long_rows() -> None:
    norm = np.linalg.norm(TABLE[IDS], axis=-1, keepdims=True)
    expected = TABLE[IDS] * np.minimum(1, 0.5 / norm)
    np.testing.assert_allclose(run(nn.embedding_lookup(convert_to_tensor(TABLE), IDS, max_norm=0.5)), expected, rtol=1e-6)
    halves = [convert_to_tensor(TABLE[0::2]), convert_to_tensor(TABLE[1::2])]
    np.testing.assert_allclose(run(nn.embedding_lookup(halves, IDS, max_norm=0.5)), expected, rtol=1e-6)


@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_embedding_lookup_sparse(combiner: str, is_weighted: bool) -> None:
    places, ids, weights = [[0, 0], [1, 0], [1, 2]], [4, 0, 4], np.array([0.5, 2.0, 3.0], "float32")
    given = SparseTensor(places, weights, [2, 3]) if is_weighted else None
    got = run(nn.embedding_lookup_sparse(convert_to_tensor(TABLE), SparseTensor(places, ids, [2, 3]), given, combiner=combiner))
    w = weights if is_weighted else np.ones(3, "float32")
    total = np.stack([w[0] * TABLE[4], w[1] * TABLE[0] + w[2] * TABLE[4]])
    norm = {"sum": [1, 1], "mean": [w[0], w[1] + w[2]], "sqrtn": [w[0], np.hypot(w[1], w[2])]}[combiner]
    np.testing.assert_allclose(got, total / np.array(norm)[:, None], rtol=1e-6)


def test_embedding_lookup_refuses_arguments() -> None:
    table, ids = convert_to_tensor(TABLE), convert_to_tensor([0])
    with pytest.raises(ValueError, match="params must be specified"):
        nn.embedding_lookup(None, ids)
    with pytest.raises(ValueError, match="Need at least one param"):
        nn.embedding_lookup([], ids)
    with pytest.raises(ValueError, match="Unrecognized partition strategy: odd"):
        nn.embedding_lookup([table, table], ids, partition_strategy="odd")
    with pytest.raises(errors.InvalidArgumentError, match=r"indices\[0\] = 7 is not in \[0, 7\)"):
        run(nn.embedding_lookup(table, [7]))
    unknown = placeholder(dtype=table.dtype, shape=None)
    with pytest.raises(ValueError, match="The ranks of params and ids must be known to clip"):
        nn.embedding_lookup(unknown, ids, max_norm=1.0)
    with pytest.raises(ValueError, match="must have a known number of rows for the strategy 'div'"):
        nn.embedding_lookup([unknown, unknown], ids, partition_strategy="div")
    sparse = SparseTensor([[0, 0]], [1], [1, 1])
    with pytest.raises(ValueError, match="combiner must be one of 'mean', 'sqrtn' or 'sum'"):
        nn.embedding_lookup_sparse(table, sparse, None, combiner="max")
    with pytest.raises(TypeError, match="sp_ids must be SparseTensor"):
        nn.embedding_lookup_sparse(table, ids, None)
    with pytest.raises(TypeError, match="sp_weights must be SparseTensor"):
        nn.embedding_lookup_sparse(table, sparse, ids)
    with pytest.raises(ValueError, match="The rank of params must be known"):
        embedding.embedding_lookup_sparse(unknown, sparse, None, combiner="sqrtn")


# --- sampled losses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nce_loss", "sampled_softmax_loss"])
@pytest.mark.parametrize("removes_hits", [False, True])
def test_sampled_losses(name: str, removes_hits: bool) -> None:
    w, b, x = normal(6, 3), normal(6), normal(2, 3)
    labels, classes = np.array([[5], [0]], "int64"), np.array([1, 5, 2], "int64")
    expected = np.full((2, 1), 0.5), np.array([0.2, 0.3, 0.4])
    loss = getattr(nn, name)(
        tensor(w), tensor(b), labels, tensor(x), 3, 6, sampled_values=(classes, *expected), remove_accidental_hits=removes_hits
    )
    of_true = (x * w[labels[:, 0]]).sum(1, keepdims=True) + b[labels] - np.log(0.5)
    of_sampled = x @ w[classes].T + b[classes] - np.log(expected[1])
    if removes_hits:
        of_sampled[labels == classes] = -np.inf
    logits = np.concatenate([of_true, of_sampled], 1)
    if name == "nce_loss":
        want = np.log1p(np.exp(-of_true[:, 0])) + np.log1p(np.exp(of_sampled)).sum(1)
    else:
        want = -np.log(reference_softmax(logits)[:, 0])
    np.testing.assert_allclose(run(loss), want)


def test_sampled_losses_need_samples() -> None:
    with pytest.raises(NotImplementedError, match="sampled_values must be given"):
        sampled.nce_loss(tensor(normal(6, 3)), tensor(normal(6)), [[1]], tensor(normal(1, 3)))
