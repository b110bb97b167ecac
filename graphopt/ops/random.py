"""Random numbers: TensorFlow's Philox streams (`philox.py`), each operation with a counter that is saved state.

A recorded random operation draws with the counter as it is and then moves it, so the numbers of a run depend on the seeds and on how often
the operation ran before, and on nothing else. What it draws with is a pure op of the counter.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.bind import current_builder
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.rules import shape_from
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops import philox
from graphopt.ops.array import shape_op
from graphopt.ops.composing import scope, shape_operand, to_symbol
from graphopt.ops.elementwise import add, divide, floormod, maximum, multiply, subtract, zeros_as
from graphopt.ops.picking import slice_op

RANDOM = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/random"

_START = values(512, "i64")
_PAIR: dict[str, Any] = {"seed": 1234, "seed2": 7}

# --- pure: what a counter gives --------------------------------------------------------------------------------------------------


def _pure(signature: str, infer: Any, kernel: Any, samples: Any, doc: str, fallible: bool = False, rounding: str = "exact") -> OpDef:
    name = signature.partition("(")[0]
    return define_op(signature, infer=infer, kernel=kernel, vjp=NOT_DIFFERENTIABLE, host_only=True, fallible=fallible, samples=samples,
                     rounding=rounding, doc=doc,
                     tf_name="".join(part.title() for part in name.split("_")))  # fmt: skip


def _to_sizes(shape: Any) -> tuple[int, ...]:
    return tuple(np.asarray(shape).tolist())


def _drawn_type(counter: TensorType, shape: StaticOperand, *, seed: int, seed2: int, dtype: DType) -> TensorType:
    return TensorType(dtype, shape_from(shape))


def _drawing(draw: Any) -> Any:
    return lambda xp, counter, shape, seed, seed2, dtype: draw(seed, seed2, int(counter), _to_sizes(shape), dtype.np)


def _draw_samples(*names: str) -> list[Any]:
    return [case(_START, values([2, 3], "i32"), **_PAIR, dtype=dtypes.as_dtype(name)) for name in names]


_DRAW = "(counter: i64, shape: static index; seed, seed2, dtype)"
draw_uniform = _pure(
    "draw_uniform" + _DRAW,
    _drawn_type,
    _drawing(philox.uniform),
    _draw_samples("float16", "float32", "float64"),
    "Return the uniforms at a counter.",
)
draw_normal = _pure(
    "draw_normal" + _DRAW,
    _drawn_type,
    _drawing(philox.normal),
    _draw_samples("float16", "float32", "float64"),
    "Return the normals at a counter.",
    rounding="function",
)
draw_truncated = _pure("draw_truncated" + _DRAW, _drawn_type, _drawing(philox.truncated_normal),
                       _draw_samples("float16", "float32", "float64"),
                       "Return the normals between -2 and 2 at a counter.", rounding="function")  # fmt: skip


def _draw_int_kernel(xp: Any, counter: Any, shape: Any, low: Any, high: Any, seed: int, seed2: int) -> Any:
    sizes = _to_sizes(shape)
    if low >= high and 0 not in sizes:
        raise invalid_argument(f"Need minval < maxval, got {low} >= {high}")
    return philox.uniform_int(seed, seed2, int(counter), sizes, int(low), int(high), low.dtype)


draw_int = _pure(
    "draw_int(counter: i64, shape: static index, low: index, high: same(low); seed, seed2)",
    lambda counter, shape, low, high, seed, seed2: TensorType(low.dtype, shape_from(shape)), _draw_int_kernel,
    [case(_START, values([5], "i32"), values(3, "i32"), values(3, "i32"), **_PAIR, error="Need minval < maxval, got 3 >= 3"),
     case(_START, values([5], "i32"), values(-3, "i32"), values(9, "i32"), **_PAIR),
     case(_START, values([2], "i32"), values(0, "i64"), values(9, "i64"), **_PAIR)],
    "Return the integers of [low, high) at a counter.", fallible=True,
)  # fmt: skip


def _draw_order_kernel(xp: Any, counter: Any, x: Any, seed: int, seed2: int) -> Any:
    if np.ndim(x) == 0 or x.size == 0 or x.shape[0] < 2:
        return xp.array(x)
    return x[philox.shuffle_permutation(seed, seed2, int(counter), x.shape[0])]


draw_order = _pure("draw_order(counter: i64, x: any; seed, seed2)", lambda counter, x, seed, seed2: x, _draw_order_kernel,
                   [case(_START, "f32[5,2]", **_PAIR), case(_START, "i32[]", **_PAIR)],
                   "Return the rows of x in the order at a counter.")  # fmt: skip


def _classes_type(
    counter: TensorType, logits: TensorType, num_samples: StaticOperand, *, seed: int, seed2: int, dtype: DType
) -> TensorType:
    return multinomial_type(logits, num_samples, dtype)


def multinomial_type(logits: TensorType, num_samples: StaticOperand, dtype: DType) -> TensorType:
    """Return the type of `num_samples` drawn classes for each row of logits."""
    if logits.shape is not None and len(logits.shape) != 2:
        raise ShapeError(f"Shape must be rank 2 but is rank {len(logits.shape)}")
    return TensorType(dtype, (None if logits.shape is None else logits.shape[0], num_samples.value))


def _classes_kernel(xp: Any, counter: Any, logits: Any, num_samples: Any, seed: int, seed2: int, dtype: DType) -> Any:
    if num_samples < 0:
        raise invalid_argument(f"num_samples should be nonnegative, got {num_samples}")
    if logits.shape[1] == 0:
        raise invalid_argument("num_classes should be positive, got 0")
    return philox.multinomial(seed, seed2, int(counter), logits, int(num_samples), dtype.np)


draw_classes = _pure("draw_classes(counter: i64, logits: num, num_samples: static i32; seed, seed2, dtype)", _classes_type, _classes_kernel,
                     [case(_START, "f32[2,3]", values(4, "i32"), **_PAIR, dtype=dtypes.int64)], "Return drawn classes at a counter.",
                     fallible=True)  # fmt: skip


def _gamma_type(shape: StaticOperand, alpha: TensorType) -> TensorType:
    sizes = shape_from(shape)
    return TensorType(alpha.dtype, None if sizes is None or alpha.shape is None else sizes + alpha.shape)


draw_gamma = _pure("draw_gamma(counter: i64, shape: static index, alpha: float; seed, seed2)",
                   lambda counter, shape, alpha, seed, seed2: _gamma_type(shape, alpha),
                   lambda xp, counter, shape, alpha, seed, seed2: philox.gamma(seed, seed2, int(counter), _to_sizes(shape), alpha),
                   [case(_START, values([3], "i32"), arg("f32[2]", 0.5, 3.0), **_PAIR)],
                   "Return gamma variables of rate 1 at a counter.")  # fmt: skip


def _increment(drawn_shape: tuple[int, ...], kind: str) -> int:
    count = math.prod(drawn_shape)
    if kind == "shuffle":
        count = drawn_shape[0] if drawn_shape and count else 0
    elif kind == "multinomial":
        count = philox.multinomial_count(drawn_shape[0], drawn_shape[1])
    return philox.counter_increment(kind, count)


def _counter_kernel(xp: Any, counter: Any, drawn: Any, kind: str) -> Any:
    return np.int64(int(counter) + _increment(np.shape(drawn), kind))


counter_after = define_op(
    "counter_after(counter: i64, drawn: any; kind)",
    infer=lambda counter, drawn, kind: counter, kernel=_counter_kernel, vjp=NOT_DIFFERENTIABLE, tf_name="CounterAfter",
    expand=lambda counter, drawn, kind: add(counter, np.int64(_increment(drawn.tensor_type.shape, kind))),
    samples=[case(_START, "f32[2,3]", kind="uniform"), case(_START, "i64[2,3]", kind="multinomial"),
             case(_START, "f32[5]", kind="shuffle")],
    doc="Return the counter after the drawn values.",
)  # fmt: skip

# --- recorded: what moves the counter --------------------------------------------------------------------------------------------


def _seeds(ctx: Any, seed: int | None, seed2: int | None) -> dict[str, Any]:
    """Return the seeds the current operation draws with: what isn't given comes from its name, or from the session's entropy."""
    if seed is not None and seed2 is not None:
        return {"seed": seed, "seed2": seed2}
    pair = philox.seed_pair(ctx.entropy() if seed is None else seed, None, ctx.operation.name)
    return {"seed": pair[0], "seed2": pair[1]}


def _recorded(
    name: str, operands: str, attributes: str, pure: OpDef, kind: str, infer: Any, tf_name: str, doc: str, vjp: Any = NOT_DIFFERENTIABLE
) -> OpDef:
    """Define the op that draws with `pure` at the operation's counter and moves the counter."""

    def discharge(ctx: Any, *given: Any, seed: int | None, seed2: int | None, **rest: Any) -> Any:
        counter = ctx.counter()
        drawn = pure(counter, *given, **_seeds(ctx, seed, seed2), **rest)
        ctx.set_counter(counter_after(counter, drawn, kind=kind))
        return drawn

    return define_op(f"{name}({operands}; seed, seed2{attributes})", infer=lambda *types, seed, seed2, **rest: infer(*types, **rest),
                     discharge=discharge, vjp=vjp,
                     tf_name=tf_name, doc=doc, ref=f"{RANDOM}/{name.removeprefix('random_')}")  # fmt: skip


def _shaped(shape: StaticOperand, dtype: DType) -> TensorType:
    return TensorType(dtype, shape_from(shape))


_SHAPE = "shape: static index"
random_uniform_op = _recorded(
    "random_uniform", _SHAPE, ", dtype", draw_uniform, "uniform", _shaped, "RandomUniform", "Draw numbers of [0, 1)."
)
random_normal_op = _recorded(
    "random_standard_normal",
    _SHAPE,
    ", dtype",
    draw_normal,
    "normal",
    _shaped,
    "RandomStandardNormal",
    "Draw from the standard normal distribution.",
)
truncated_normal_op = _recorded("truncated_normal", _SHAPE, ", dtype", draw_truncated, "truncated_normal", _shaped, "TruncatedNormal",
                                "Draw from the standard normal distribution between -2 and 2.")  # fmt: skip
random_int_op = _recorded("random_uniform_int", f"{_SHAPE}, low: index, high: same(low)", "", draw_int, "uniform_int",
                          lambda shape, low, high: TensorType(low.dtype, shape_from(shape)), "RandomUniformInt",
                          "Draw integers of [low, high).")  # fmt: skip
random_shuffle_op = _recorded(
    "random_shuffle", "x: any", "", draw_order, "shuffle", lambda x: x, "RandomShuffle", "Put the rows in random order.", vjp=None
)
multinomial_op = _recorded("multinomial", "logits: num, num_samples: static i32", ", dtype", draw_classes, "multinomial", multinomial_type,
                           "Multinomial",
                           "Draw classes by their log-odds.")  # fmt: skip
random_gamma_op = _recorded(
    "random_gamma",
    f"{_SHAPE}, alpha: float",
    "",
    draw_gamma,
    "gamma",
    _gamma_type,
    "RandomGamma",
    "Draw from gamma distributions of rate 1.",
    vjp=None,
)

# --- what users call -------------------------------------------------------------------------------------------------------------


def _given(op_seed: int | None) -> dict[str, Any]:
    """Return the seeds of an op made now: TensorFlow's pair when the op has one, else its graph's and None, for its name to decide."""
    graph_seed: int | None = getattr(current_builder(), "seed", None)
    if op_seed is None:
        return {"seed": graph_seed, "seed2": None}
    pair = philox.seed_pair(graph_seed, int(op_seed), "")
    return {"seed": pair[0], "seed2": pair[1]}


def _float_dtype(dtype: Any) -> DType:
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise ArgumentError(f"Invalid dtype {found!r}: random numbers of this kind are floating point")
    return found


def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, *, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Any:
    """Return uniform random numbers of [minval, maxval).

    Args:
      shape: an integer vector. minval, maxval: bounds (maxval: 1 by default; integers need it).
      dtype: float16, float32, float64, int32 or int64. seed: makes the numbers repeatable. name: scope of the operations.

    Raises:
      ValueError: for another element type, or integers without maxval.

    Example:
      >>> x = tf.random_uniform([2], seed=7)
      >>> tf.Session().run(x).shape
      (2,)
    """
    element = dtypes.as_dtype(dtype)
    if element not in (dtypes.float16, dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64):
        raise ArgumentError(f"Invalid dtype {element!r}")
    if maxval is None:
        if element.is_integer:
            raise ArgumentError(f"Must specify maxval for integer dtype {element!r}")
        maxval = 1
    with scope(name or "random_uniform", shape, minval, maxval) as entered:
        shape = to_symbol(shape_operand(shape), None, "shape", minval, maxval)
        low, high = to_symbol(minval, element, "min", shape), to_symbol(maxval, element, "max", shape)
        if element.is_integer:
            return random_int_op(shape, low, high, **_given(seed), name=entered)
        drawn = random_uniform_op(shape, **_given(seed), dtype=element)
        return add(multiply(drawn, subtract(high, low, name="sub"), name="mul"), low, name=entered)


def _scaled_normal(kernel: OpDef, label: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: int | None) -> Any:
    element = _float_dtype(dtype)
    with scope(label, shape, mean, stddev) as entered:
        shape = to_symbol(shape_operand(shape), None, "shape", mean, stddev)
        mean, stddev = to_symbol(mean, element, "mean", shape), to_symbol(stddev, element, "stddev", shape)
        drawn = kernel(shape, **_given(seed), dtype=element)
        return add(multiply(drawn, stddev, name="mul"), mean, name=entered)


def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, *, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Any:
    """Return random numbers of the normal distribution.

    Args:
      shape: an integer vector. mean, stddev: of the distribution. dtype: a float type.
      seed: makes the numbers repeatable. name: scope of the operations.

    Raises:
      ValueError: for another element type.
    """
    return _scaled_normal(random_normal_op, name or "random_normal", shape, mean, stddev, dtype, seed)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, *, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Any:
    """Return random numbers of the normal distribution, those further than two standard deviations from the mean drawn again.

    Args:
      shape: an integer vector. mean, stddev: of the distribution. dtype: a float type.
      seed: makes the numbers repeatable. name: scope of the operations.

    Raises:
      ValueError: for another element type.
    """
    return _scaled_normal(truncated_normal_op, name or "truncated_normal", shape, mean, stddev, dtype, seed)


def random_shuffle(x: Any, *, seed: int | None = None, name: str | None = None) -> Any:
    """Return the rows of `x` (slices along its first axis) in random order.

    Args:
      x: any tensor. seed: makes the order repeatable. name: name of the operation.
    """
    return random_shuffle_op(x, **_given(seed), name=name)


def random_crop(x: Any, size: Any, *, seed: int | None = None, name: str | None = None) -> Any:
    """Return a part of `x` at a random place.

    Args:
      x: any tensor. size: an integer for each axis. seed: makes the place repeatable. name: scope of the operations.

    Raises:
      InvalidArgumentError: at run time, when the part is larger than x.
    """
    with scope(name or "random_crop", x, size) as entered:
        x, size = to_symbol(x, None, "value", size), to_symbol(shape_operand(size), dtypes.int32, "size", x)
        whole = shape_op(x)
        _check_crop(x, size)
        room = add(subtract(whole, size), 1)
        place = random_uniform(shape_op(whole), 0, size.dtype.max, dtype=size.dtype, seed=seed)
        return slice_op(x, floormod(place, room), size, name=entered)


def _check_crop(x: Any, size: Any) -> None:
    """Refuse a part that is known to be too large. What is not known is left to the slice, which refuses it at run time."""
    known, wanted = x.tensor_type.shape, x.builder.static_value(size)
    if known is not None and isinstance(wanted, tuple):
        for whole, part in zip(known, wanted, strict=True):
            if whole is not None and part is not None and part > whole:
                raise ShapeError(f"Need value.shape >= size, got  {shapes.format_shape(known)} {list(wanted)}")


def multinomial(logits: Any, num_samples: Any, *, seed: int | None = None, name: str | None = None, dtype: Any = dtypes.int64) -> Any:
    """Return classes drawn for each row of log-odds.

    Args:
      logits: unnormalised log-probabilities ``[batch, classes]``. num_samples: how many to draw for each row.
      seed: makes the draws repeatable. name: scope of the operations. dtype: int64 or int32.
    """
    with scope(name or "multinomial", logits, num_samples):
        count = to_symbol(num_samples, dtypes.int32, "num_samples", logits)
        return multinomial_op(to_symbol(logits, None, "logits", count), count, **_given(seed), dtype=dtypes.as_dtype(dtype))


def random_gamma(
    shape: Any, alpha: Any, beta: Any = None, *, dtype: Any = dtypes.float32, seed: int | None = None, name: str | None = None
) -> Any:
    """Return random numbers of gamma distributions: ``[*shape, *alpha's and beta's shape]``.

    Args:
      shape: an integer vector. alpha: shape parameters. beta: rates, 1 by default. dtype: a float type.
      seed: makes the numbers repeatable. name: scope of the operations.

    Raises:
      ValueError: for another element type.
    """
    element = _float_dtype(dtype)
    with scope(name or "random_gamma", shape, alpha, beta) as entered:
        shape = to_symbol(shape_operand(shape), None, "shape", alpha, beta)
        alpha, beta = to_symbol(alpha, element, "alpha", shape), to_symbol(1 if beta is None else beta, element, "beta", shape)
        drawn = random_gamma_op(shape, add(alpha, zeros_as(beta)), **_given(seed))
        return maximum(divide(drawn, beta), np.array(np.finfo(element.np).tiny, element.np), name=entered)
