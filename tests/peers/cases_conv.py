"""Convolutions and pooling, channels last."""

from __future__ import annotations

import numpy as np
from peer_case import OpTable
from peer_data import normal

conv = OpTable("conv")
pool = OpTable("pool")

X = normal(2, 5, 6, 2)
SUMS = {"rtol": 1e-4, "atol": 1e-5, "why": "sums of many products in another order"}


def conv2d(strides: list[int], padding: str, **options: object) -> object:
    return lambda tf, x, w: tf.nn.conv2d(x, w, strides, padding, **options)


KERNEL = normal(3, 3, 2, 3, seed=51)
VARIANTS = {
    "same": ([1, 1, 1, 1], "SAME", KERNEL),
    "valid": ([1, 1, 1, 1], "VALID", KERNEL),
    "same_stride_2": ([1, 2, 2, 1], "SAME", KERNEL),
    "valid_stride_2": ([1, 2, 2, 1], "VALID", KERNEL),
    "strides_2_1": ([1, 2, 1, 1], "SAME", KERNEL),
    "one_by_one": ([1, 1, 1, 1], "SAME", normal(1, 1, 2, 4, seed=52)),
    "even_kernel": ([1, 2, 2, 1], "SAME", normal(2, 2, 2, 1, seed=53)),
    "tall_kernel": ([1, 1, 1, 1], "SAME", normal(3, 1, 2, 2, seed=54)),
    "stride_over_kernel": ([1, 3, 3, 1], "SAME", normal(2, 2, 2, 2, seed=55)),
    "whole_image": ([1, 1, 1, 1], "VALID", normal(5, 6, 2, 3, seed=56)),
}
for label, (strides, padding, kernel) in VARIANTS.items():
    conv(f"conv2d/{label}", conv2d(strides, padding), x=X, w=kernel, fixed=("w",), **SUMS)
conv("conv2d/dilated", conv2d([1, 1, 1, 1], "VALID", dilations=[1, 2, 2, 1]), x=X, w=KERNEL, fixed=("w",), names="off", gradient=False)
conv(
    "conv2d/float64",
    conv2d([1, 1, 1, 1], "SAME"),
    x=normal(1, 4, 4, 1, dtype="float64"),
    w=normal(3, 3, 1, 2, dtype="float64"),
    fixed=("w",),
)
conv(
    "conv2d/keywords",
    lambda tf, x, w: tf.nn.conv2d(input=x, filter=w, strides=[1, 1, 1, 1], padding="SAME", name="features"),
    x=X,
    w=KERNEL,
    fixed=("w",),
    **SUMS,
)
SEQUENCE = normal(2, 7, 2)
conv("conv1d/same", lambda tf, x, w: tf.nn.conv1d(x, w, 1, "SAME"), x=SEQUENCE, w=normal(3, 2, 3), fixed=("w",), names="scope", **SUMS)
conv(
    "conv1d/valid_stride",
    lambda tf, x, w: tf.nn.conv1d(x, w, stride=2, padding="VALID"),
    x=SEQUENCE,
    w=normal(3, 2, 3),
    fixed=("w",),
    names="scope",
    **SUMS,
)
SMALL, BACK = normal(2, 3, 3, 3, seed=57), normal(3, 3, 2, 3, seed=58)
TRANSPOSES = {
    "same_stride_2": ([2, 6, 5, 2], [1, 2, 2, 1], "SAME"),
    "valid": ([2, 5, 5, 2], [1, 1, 1, 1], "VALID"),
    "valid_2": ([2, 7, 7, 2], [1, 2, 2, 1], "VALID"),
}
for label, (shape, strides, padding) in TRANSPOSES.items():
    conv(
        f"conv2d_transpose/{label}",
        lambda tf, x, w, o=shape, s=strides, p=padding: tf.nn.conv2d_transpose(x, w, o, s, padding=p),
        x=SMALL,
        w=BACK,
        hidden=False,  # the batch size is in the given shape: graphopt knows it, as TensorFlow 1.15 does and 2.21 does not
        **SUMS,
    )
conv(
    "conv2d_transpose/dynamic_batch",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, tf.stack([tf.shape(x)[0], 6, 6, 2]), [1, 2, 2, 1]),
    x=SMALL,
    w=BACK,
    fixed=("w",),
    **SUMS,
)
DEPTH = normal(3, 3, 2, 2, seed=59)
for label, stride, padding in (("same", 1, "SAME"), ("valid_stride_2", 2, "VALID")):
    conv(
        f"depthwise_conv2d/{label}",
        lambda tf, x, w, s=stride, p=padding: tf.nn.depthwise_conv2d(x, w, [1, s, s, 1], p),
        x=X,
        w=DEPTH,
        fixed=("w",),
        names="off",
        **SUMS,
    )
conv(
    "depthwise_conv2d/rate",
    lambda tf, x, w: tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "VALID", rate=[2, 2]),
    x=X,
    w=DEPTH,
    fixed=("w",),
    names="off",
    **SUMS,
)
conv(
    "separable_conv2d",
    lambda tf, x, d, p: tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "SAME"),
    x=X,
    d=DEPTH,
    p=normal(1, 1, 4, 3, seed=60),
    fixed=("d", "p"),
    names="scope",
    **SUMS,
)

WINDOWS = {
    "valid": ([1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
    "same": ([1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
    "overlap": ([1, 3, 3, 1], [1, 2, 2, 1], "SAME"),
    "stride_1": ([1, 2, 3, 1], [1, 1, 1, 1], "VALID"),
}
for word in ("max_pool", "avg_pool"):
    for label, (size, strides, padding) in WINDOWS.items():
        pool(f"{word}/{label}", lambda tf, x, f=word, k=size, s=strides, p=padding: getattr(tf.nn, f)(x, k, s, p), x=X)
    pool(
        f"{word}/keywords",
        lambda tf, x, f=word: getattr(tf.nn, f)(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME", name="p"),
        x=X,
    )
pool("max_pool/ties", lambda tf, x: tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"), x=np.ones((1, 4, 4, 1), "float32"))
pool("max_pool/negative_padding", lambda tf, x: tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"), x=-np.abs(normal(1, 3, 3, 1)))

TABLES = (conv, pool)
