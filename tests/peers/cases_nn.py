"""Activations, softmax and cross entropies, normalisation, embeddings and the small ops of `tf.nn`."""

from __future__ import annotations

import numpy as np
from peer_case import OpTable, call
from peer_data import INF, NO_NAN, integers, normal, one_hot, positive, probabilities

nn = OpTable("nn")
xent = OpTable("xent")
normalise = OpTable("normalise")
embedding = OpTable("embedding")

X = normal(3, 4)
for word in "relu relu6 elu selu softplus softsign tanh sigmoid leaky_relu crelu".split():
    nn(word, call(f"nn.{word}"), x=normal(3, 4, scale=3.0), names="scope" if word == "crelu" else "auto")
for word in "relu relu6 elu selu softplus leaky_relu".split():
    nn(f"{word}/special", call(f"nn.{word}"), x=NO_NAN)
nn("relu/int32", call("nn.relu"), x=integers(5))
nn("relu6/corners", call("nn.relu6"), x=np.array([0, 6, 3, -1, 7], "float32"))
nn("leaky_relu/alpha", call("nn.leaky_relu", alpha=0.3), x=X)
nn("softplus/far", call("nn.softplus"), x=np.array([-100, -20, -15, 15, 20, 100], "float32"), atol=1e-12)

nn("softmax", call("nn.softmax"), x=X)
nn("softmax/axis", call("nn.softmax", axis=1), x=normal(2, 3, 2), names="off")
nn("softmax/dim_alias", call("nn.softmax", dim=0), x=X, names="off")
nn("softmax/vector", call("nn.softmax"), x=normal(4), names="off")
nn("softmax/far", call("nn.softmax"), x=np.array([[1000, 999, 0], [-INF, 0, 1]], "float32"))
nn("softmax/float64", call("nn.softmax"), x=normal(3, 4, dtype="float64"))
nn("log_softmax", call("nn.log_softmax"), x=X)
nn("log_softmax/axis", call("nn.log_softmax", axis=0), x=X, names="off")
nn("log_softmax/far", call("nn.log_softmax"), x=np.array([[1000, 999, 0], [-1000, 0, 1]], "float32"))
nn("l2_loss", call("nn.l2_loss"), x=X)
nn("zero_fraction", call("nn.zero_fraction"), x=np.array([[0, 1, 0], [2, 0, 0]], "float32"), names="scope", gradient=False)
nn("bias_add", call("nn.bias_add"), x=X, b=normal(4), fixed=("b",))
nn("bias_add/rank_4", call("nn.bias_add"), x=normal(2, 2, 2, 3), b=normal(3), fixed=("b",))
nn("xw_plus_b", call("nn.xw_plus_b"), x=X, w=normal(4, 2), b=normal(2), fixed=("w", "b"))
nn("in_top_k", call("nn.in_top_k", 2), x=normal(4, 5), t=integers(4, low=0), names="scope", gradient=False)
nn(
    "in_top_k/ties",
    call("nn.in_top_k", 1),
    x=np.array([[1, 1, 0], [0, 2, 3]], "float32"),
    t=np.array([1, 1], "int32"),
    names="scope",
    gradient=False,
)
nn("lrn", call("nn.local_response_normalization"), x=normal(1, 2, 2, 7), names="off")
nn("lrn/arguments", call("nn.lrn", 2, bias=2.0, alpha=0.5, beta=0.75), x=normal(1, 2, 2, 7), names="off")
nn("dropout/keep_all", lambda tf, x: tf.nn.dropout(x, keep_prob=1.0), x=X, names="off")
nn("dropout/rate_zero", lambda tf, x: tf.nn.dropout(x, rate=0.0), x=X, names="off")

# Cross entropies.
LOGITS, LABELS, CLASSES = normal(4, 3, scale=2.0), probabilities(4, 3), integers(4, low=0, high=3)


def keywords(path: str, **options: object) -> object:
    """A cross entropy called as it must be: by keyword."""
    return lambda tf, labels, logits: call(path, labels=labels, logits=logits, **options)(tf)


V1, V2 = "nn.softmax_cross_entropy_with_logits", "nn.softmax_cross_entropy_with_logits_v2"
SPARSE, SIGMOID = "nn.sparse_softmax_cross_entropy_with_logits", "nn.sigmoid_cross_entropy_with_logits"
xent("softmax", keywords(V1), labels=LABELS, logits=LOGITS)
xent("softmax/one_hot", keywords(V1), labels=one_hot(4, 3), logits=LOGITS)
xent("softmax/rank_3", keywords(V1), labels=probabilities(4, 3).reshape(2, 2, 3), logits=LOGITS.reshape(2, 2, 3))
xent("softmax/dim", keywords(V1, dim=0), labels=LABELS, logits=LOGITS)
xent("softmax_v2", keywords(V2), labels=LABELS, logits=LOGITS)
xent("softmax_v2/axis", keywords(V2, axis=0), labels=LABELS, logits=LOGITS)
xent("softmax_v2/positional", call(V2), labels=LABELS, logits=LOGITS)
xent("softmax/far", keywords(V1), labels=one_hot(2, 3), logits=np.array([[1000, 0, -1000], [0, -1000, 5]], "float32"))
xent("sparse", keywords(SPARSE), labels=CLASSES, logits=LOGITS)
xent("sparse/int64", keywords(SPARSE), labels=CLASSES.astype("int64"), logits=LOGITS)
xent("sparse/float64", keywords(SPARSE), labels=CLASSES, logits=LOGITS.astype("float64"))
xent("sparse/rank_3", keywords(SPARSE), labels=CLASSES.reshape(2, 2), logits=LOGITS.reshape(2, 2, 3))
xent("sparse/named", keywords(SPARSE, name="loss"), labels=CLASSES, logits=LOGITS, names="scope")
xent("sigmoid", keywords(SIGMOID), labels=LABELS, logits=LOGITS, names="scope")
xent(
    "sigmoid/far",
    keywords(SIGMOID),
    labels=np.array([0, 1, 1, 0], "float32"),
    logits=np.array([-200, -200, 200, 200], "float32"),
    atol=1e-12,
)
xent(
    "weighted",
    lambda tf, t, z: tf.nn.weighted_cross_entropy_with_logits(targets=t, logits=z, pos_weight=2.5),
    t=LABELS,
    z=LOGITS,
    names="scope",
    gradient=False,
)
xent(
    "weighted/logits",
    lambda tf, z: tf.nn.weighted_cross_entropy_with_logits(labels=tf.ones_like(z), logits=z, pos_weight=0.3),
    z=LOGITS,
    names="scope",
)
# No hidden run: the gradient of a tensor of unknown size has that size here; TensorFlow takes it from the labels.
xent(
    "second_order",
    lambda tf, z: tf.gradients(tf.nn.softmax_cross_entropy_with_logits(labels=LABELS, logits=z), z),
    z=LOGITS,
    hidden=False,
    names="off",
)
xent(
    "handmade",
    lambda tf, z, y: -tf.reduce_mean(tf.reduce_sum(y * tf.log(tf.nn.softmax(z)), reduction_indices=[1])),
    z=LOGITS,
    y=one_hot(4, 3),
)

# Normalisation.
IMAGES = normal(2, 3, 3, 2)
normalise("moments/batch", call("nn.moments", [0]), x=X, names="scope")
normalise("moments/image", call("nn.moments", [0, 1, 2]), x=IMAGES, names="scope")
normalise("moments/keep_dims", call("nn.moments", axes=[1], keep_dims=True), x=X, names="scope")
normalise(
    "batch_normalization",
    lambda tf, x, m, v, b, s: tf.nn.batch_normalization(x, m, v, b, s, 1e-3),
    x=X,
    m=normal(4, seed=31),
    v=positive(4),
    b=normal(4, seed=32),
    s=normal(4, seed=33),
    fixed=("m", "v", "b", "s"),
)
normalise(
    "batch_normalization/no_scale",
    lambda tf, x, m, v: tf.nn.batch_normalization(x, m, v, None, None, 0.01),
    x=X,
    m=normal(4, seed=31),
    v=positive(4),
    fixed=("m", "v"),
)
normalise(
    "moments_and_normalization",
    lambda tf, x: tf.nn.batch_normalization(x, *tf.nn.moments(x, [0]), offset=None, scale=None, variance_epsilon=1e-3),
    x=X,
    rtol=1e-4,
    atol=1e-5,
    why="the gradient is a small difference of large terms",
)
SCALES = {"scale": positive(2), "offset": normal(2, seed=34)}
normalise(
    "fused_batch_norm/training",
    lambda tf, x, scale, offset: tf.nn.fused_batch_norm(x, scale, offset),
    x=IMAGES,
    **SCALES,
    fixed=("scale", "offset"),
    names="off",
    atol=1e-5,
    why="the gradient is a small difference of large terms",
)
normalise(
    "fused_batch_norm/inference",
    lambda tf, x, scale, offset, m, v: tf.nn.fused_batch_norm(x, scale, offset, m, v, epsilon=0.01, is_training=False)[0],
    x=IMAGES,
    **SCALES,
    m=normal(2, seed=35),
    v=positive(2, seed=36),
    fixed=("scale", "offset", "m", "v"),
    names="off",
    gradient=False,
)
normalise("l2_normalize", call("nn.l2_normalize", 1), x=X)
normalise("l2_normalize/all", call("nn.l2_normalize", None), x=X)
normalise("l2_normalize/dim_alias", call("nn.l2_normalize", dim=0), x=X)
normalise("l2_normalize/zero", call("nn.l2_normalize", 1), x=np.array([[0, 0], [3, 4]], "float32"), gradient=False)

# Embeddings.
TABLE = normal(6, 3)
IDS = np.array([[0, 5, 2], [2, 2, 4]], "int32")
embedding("lookup", call("nn.embedding_lookup"), table=TABLE, ids=IDS, fixed=("table",))
embedding("lookup/vector", call("nn.embedding_lookup"), table=TABLE, ids=np.array([1, 1, 3], "int64"), fixed=("table",))
embedding("lookup/mean", lambda tf, t, i: tf.reduce_mean(tf.nn.embedding_lookup(t, i), axis=1), t=TABLE, i=IDS, fixed=("t",))
for strategy in ("mod", "div"):
    embedding(
        f"lookup/two_parts_{strategy}",
        lambda tf, a, b, ids, s=strategy: tf.nn.embedding_lookup([a, b], ids, partition_strategy=s),
        a=normal(3, 2),
        b=normal(3, 2, seed=41),
        ids=IDS,
        fixed=("a", "b"),
        names="scope",
    )
embedding("lookup/max_norm", call("nn.embedding_lookup", max_norm=1.0), table=TABLE, ids=IDS, fixed=("table",), names="scope")
for combiner in ("sum", "mean", "sqrtn"):
    embedding(
        f"lookup_sparse/{combiner}",
        lambda tf, table, c=combiner: tf.nn.embedding_lookup_sparse(
            table,
            tf.SparseTensor([[0, 0], [0, 2], [1, 1], [1, 2]], np.array([1, 3, 0, 3]), [2, 4]),
            None,
            combiner=c,
        ),
        table=TABLE,
        hidden=False,
        names="off",
    )
CANDIDATES = {
    "sampled": np.array([1, 4, 2], "int64"),
    "expected_true": positive(2, 1, high=1.0),
    "expected": positive(3, high=1.0, seed=42),
}
for word in ("nce_loss", "sampled_softmax_loss"):
    embedding(
        f"{word}/given_candidates",
        lambda tf, w, b, labels, inputs, sampled, expected_true, expected, word=word: getattr(tf.nn, word)(
            w,
            b,
            labels,
            inputs,
            num_sampled=3,
            num_classes=6,
            sampled_values=(sampled, expected_true, expected),
            remove_accidental_hits=False,
        ),
        w=TABLE,
        b=normal(6, seed=43),
        labels=np.array([[5], [0]], "int64"),
        inputs=normal(2, 3, seed=44),
        **CANDIDATES,
        hidden=False,
        names="off",
        gradient=False,
    )

TABLES = (nn, xent, normalise, embedding)
