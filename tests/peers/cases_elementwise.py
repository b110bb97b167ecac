"""Elementwise arithmetic, comparison, logic, selection and casts."""

from __future__ import annotations

import operator

import numpy as np
from peer_case import OpTable, call, call_list
from peer_data import FINITE, INF, NAN, NO_NAN, SPECIAL, booleans, integers, normal, positive, unit

unary = OpTable("unary")
binary = OpTable("binary")
operators = OpTable("operators")
compare = OpTable("compare")
cast = OpTable("cast")
special = OpTable("special")

ANY = normal(2, 3)
DOMAINS = {
    "abs negative sign square exp expm1 sin cos tan atan sinh cosh tanh sigmoid log_sigmoid erf erfc floor ceil round rint": ANY,
    "sqrt rsqrt reciprocal log log1p lgamma digamma": positive(2, 3),
    "asin acos": unit(2, 3),
    "is_nan is_inf is_finite": SPECIAL,
}
for words, values in DOMAINS.items():
    for word in words.split():
        unary(word, call(word), x=values)
for word in "exp log sqrt tanh sigmoid sin log1p expm1 erf lgamma".split():
    unary(f"{word}/float64", call(word), x=positive(2, 3, dtype="float64"))
unary("tanh/float16", call("tanh"), x=normal(2, 3, dtype="float16"))
unary("square/int32", call("square"), x=integers(4))
unary("abs/int32", call("abs"), x=integers(5))
unary("sign/int32", call("sign"), x=integers(5))
unary("negative/int64", call("negative"), x=integers(5, dtype="int64"))
unary("round/int32", call("round"), x=integers(3), names="off", why="rounding integers is an identity that some versions do not build")
unary("exp/scalar", call("exp"), x=np.float32(0.7))
unary("exp/empty", call("exp"), x=np.zeros((0, 3), "float32"))
unary("named", lambda tf, x: tf.tanh(x, name="mine"), x=ANY)
unary("square/second_order", lambda tf, x: tf.gradients(tf.exp(x) * tf.square(x), x), x=ANY)

# Special values: infinities, NaN, both zeros, ties of rounding.
for word in "abs negative sqrt square exp expm1 floor tanh sigmoid erf reciprocal rsqrt is_nan is_finite".split():
    special(word, call(word), x=SPECIAL, zero_sign=word in {"abs", "negative", "sqrt", "square", "floor", "reciprocal"})
for word in "log log1p".split():
    special(word, call(word), x=SPECIAL)
for word in "round rint ceil".split():
    special(word, call(word), x=FINITE, zero_sign=word != "ceil")
special("sign", call("sign"), x=NO_NAN)
special("lgamma", call("lgamma"), x=np.array([1, 2, 0.5, -0.5, 0, -1, INF, 10, 30], "float32"), gradient=False)
special("asin/outside", call("asin"), x=np.array([1, -1, 1.5, 0, -0.0], "float32"), gradient=False)
special(
    "atan2/quadrants",
    call("atan2"),
    y=np.array([0, 0, 1, -1, 0, INF], "float32"),
    x=np.array([1, -1, 0, 0, 0, 1], "float32"),
    gradient=False,
)
EDGES = np.array([0, -0.0, 1, -1, INF, -INF, NAN, 2], "float32")
for word in "add subtract multiply divide".split():
    special(word, call(word), x=EDGES[:, None] * np.ones(8, "float32"), y=EDGES, zero_sign=True)
special("div_no_nan", call("div_no_nan"), x=np.array([1, 0, -2, 3, INF, NAN], "float32"), y=np.array([0, 0, 4, -0.0, 2, 0], "float32"))
POWERS = np.array([0, 1, -1, 2, -2, 0.5, INF], "float32")
special("pow", call("pow"), x=POWERS[:, None] * np.ones(7, "float32"), y=POWERS, gradient=False)
BASES, EXPONENTS = np.meshgrid(np.array([0, 1, 2, -2], "float32"), np.array([0, 1, 2, 3], "float32"))
special("pow/gradient_at_zero", call("pow"), x=BASES, y=EXPONENTS)
special("maximum/infinite", call("maximum"), x=NO_NAN, y=NO_NAN[::-1])
special("minimum/infinite", call("minimum"), x=NO_NAN, y=NO_NAN[::-1])
TIES = np.array([1, 2, 3, 0], "float32")
special("maximum/ties", call("maximum"), x=TIES, y=np.array([1, 1, 3, 1], "float32"))
special("minimum/ties", call("minimum"), x=TIES, y=np.array([1, 1, 3, 1], "float32"))
special("abs/gradient_at_zero", call("abs"), x=np.array([0, -0.0, 2, -2], "float32"))
special("sqrt/gradient_at_zero", call("sqrt"), x=np.array([0, 4], "float32"))
special("sigmoid/far", call("sigmoid"), x=np.array([-100, -88, -20, 20, 88, 100], "float32"), atol=1e-37)
special("log_sigmoid/far", call("log_sigmoid"), x=np.array([-100, -20, 20, 100], "float32"), atol=1e-12)
special("expm1/small", call("expm1"), x=np.array([1e-7, -1e-6, 1e-4], "float32"), atol=1e-12)
special("log1p/small", call("log1p"), x=np.array([1e-7, -1e-6, 1e-4], "float32"), atol=1e-12)
special(
    "mod/signs", call("floormod"), x=np.array([5, -5, 5, -5, 0.5], "float32"), y=np.array([3, 3, -3, -3, -0.2], "float32"), gradient=False
)
special("floordiv/signs", call("floordiv"), x=np.array([5, -5, 5, -5], "float32"), y=np.array([3, 3, -3, -3], "float32"))

# Two arguments.
SHAPES = {"same": ((2, 3), (2, 3)), "row": ((2, 3), (3,)), "column": ((2, 3), (2, 1)), "outer": ((2, 1), (1, 3)), "scalar": ((2, 3), ())}
for shape, (left, right) in SHAPES.items():
    binary(f"multiply/{shape}", call("multiply"), x=normal(*left), y=normal(*right, seed=11))
    binary(f"divide/{shape}", call("divide"), x=normal(*left), y=positive(*right, seed=12))
for word in "add subtract maximum minimum squared_difference atan2 truediv div".split():
    binary(f"{word}/row", call(word), x=normal(2, 3), y=normal(3, seed=13))
binary("add/rank_3", call("add"), x=normal(2, 1, 3), y=normal(4, 1, seed=14))
binary("add/float64", call("add"), x=normal(2, 3, dtype="float64"), y=normal(3, seed=13, dtype="float64"))
binary("add/empty", call("add"), x=np.zeros((0, 3), "float32"), y=normal(3))
binary("pow/row", call("pow"), x=positive(2, 3), y=normal(3, seed=15))
binary("pow/int32", call("pow"), x=integers(4, low=1), y=np.array([0, 1, 2, 3], "int32"))
for word in "floordiv floormod mod".split():
    binary(f"{word}/float32", call(word), x=normal(2, 3, scale=3), y=positive(3))
    binary(f"{word}/int32", call(word), x=np.array([7, -7, 7, -7, 0], "int32"), y=np.array([3, 3, -3, -3, 5], "int32"))
binary("truediv/int32", call("truediv"), x=integers(4), y=np.array([2, 3, -4, 5], "int32"))
binary("truediv/int8", call("truediv"), x=integers(4, dtype="int8"), y=np.array([2, 3, -4, 5], "int8"))
binary("div/int32", call("div"), x=np.array([7, -7, 7, -7], "int32"), y=np.array([2, 2, -2, -2], "int32"))
binary("divide/int64", call("divide"), x=np.array([7, -7], "int64"), y=np.array([2, 2], "int64"))
binary("div_no_nan/row", call("div_no_nan"), x=normal(2, 3), y=np.array([2, 0, -4], "float32"))
binary("add_n", call_list("add_n"), a=normal(2, 3), b=normal(2, 3, seed=2), c=normal(2, 3, seed=3))
binary("add_n/one", call_list("add_n"), a=normal(2, 3), names="off", why="the sum of one tensor is that tensor in some versions")
binary("accumulate_n", call_list("accumulate_n"), a=normal(2, 3), b=normal(2, 3, seed=2), names="scope")
binary("python_scalar", lambda tf, x: tf.multiply(x, 2), x=ANY)
binary("python_list", lambda tf, x: tf.add([1.0, 2.0, 3.0], x), x=ANY)
binary("numpy_array", lambda tf, x: np.ones(3, "float32") + x, x=ANY)

# Operators of tensors, on both sides.
for symbol in "add sub mul truediv floordiv mod pow".split():
    do = getattr(operator, symbol)
    operators(symbol, lambda tf, x, y, do=do: do(x, y), x=positive(2, 3), y=positive(3, seed=16))
    operators(f"{symbol}/scalar_left", lambda tf, x, do=do: do(2.0, x), x=positive(2, 3))
    operators(f"{symbol}/scalar_right", lambda tf, x, do=do: do(x, 2.0), x=positive(2, 3))
operators("truediv/int32", lambda tf, x: x / 2, x=integers(5))
operators("floordiv/int32", lambda tf, x: x // 2, x=integers(5))
operators("sub/int32_left", lambda tf, x: 10 - x, x=integers(5))
operators("neg", lambda tf, x: -x, x=ANY)
operators("abs", lambda tf, x: abs(x), x=ANY)
operators("square_power", lambda tf, x: x**2, x=ANY)
operators("matmul", lambda tf, x, y: x @ y, x=normal(2, 3), y=normal(3, 2), fixed=("y",))
for symbol in "lt le gt ge".split():
    do = getattr(operator, symbol)
    operators(symbol, lambda tf, x, y, do=do: do(x, y), x=np.array([1, 2, 3], "float32"), y=np.array([2, 2, 2], "float32"))
for symbol in "and_ or_ xor".split():
    do = getattr(operator, symbol)
    operators(symbol, lambda tf, x, y, do=do: do(x, y), x=booleans(4), y=booleans(4, seed=17))
operators("invert", lambda tf, x: ~x, x=booleans(4))
operators("names_count_up", lambda tf, x: [x + x, x * x, x + 1.0, tf.add(x, x), tf.add(x, x, name="add")], x=ANY)

# Comparison and logic.
for word in "equal not_equal less less_equal greater greater_equal".split():
    compare(word, call(word), x=np.array([1, 2, 3, NAN, INF, 0], "float32"), y=np.array([2, 2, 2, NAN, INF, -0.0], "float32"))
compare("equal/row", call("equal"), x=integers(2, 3), y=integers(3, seed=18))
compare("equal/bool", call("equal"), x=booleans(4), y=booleans(4, seed=19))
for word in "logical_and logical_or logical_xor".split():
    compare(word, call(word), x=booleans(2, 4), y=booleans(4, seed=17), names="scope")
compare("logical_not", call("logical_not"), x=booleans(4))
compare("where", call("where"), c=booleans(2, 3), x=normal(2, 3), y=normal(2, 3, seed=20))
compare("where/rows", call("where"), c=booleans(4), x=normal(4, 3), y=normal(4, 3, seed=20))
compare("where/nan_not_taken", lambda tf, x: tf.where(x > 0.0, tf.log(x), tf.zeros_like(x)), x=np.array([1, -1, 2], "float32"))
compare("where/indices", call("where"), c=booleans(3, 4))
compare("where/indices_of_floats", call("where"), x=np.array([0, 2, 0, -1], "float32"), gradient=False)
compare("where/scalars", lambda tf, c: tf.where(c, 1.5, -1.5), c=np.bool_(True))

# Casts.
HALVES = np.array([-1.7, -0.2, 0.0, 0.9, 2.5], "float32")
for target in "int32 int64 float64 float16 bool uint8".split():
    source = np.abs(HALVES) if target == "uint8" else HALVES
    cast(f"float32_to_{target}", lambda tf, x, target=target: tf.cast(x, getattr(tf, target)), x=source)
cast("int32_to_float32", lambda tf, x: tf.cast(x, tf.float32), x=integers(5))
cast("bool_to_float32", lambda tf, x: tf.cast(x, tf.float32), x=booleans(5))
cast("int32_to_bool", lambda tf, x: tf.cast(x, tf.bool), x=integers(5))
cast("float64_to_float32", lambda tf, x: tf.cast(x, tf.float32), x=normal(5, dtype="float64"))
cast("same_type", lambda tf, x: tf.cast(x, tf.float32), x=HALVES)
cast("by_name", lambda tf, x: tf.cast(x, "float64"), x=HALVES)
for word in "to_float to_double to_int32 to_int64".split():
    cast(word, call(word), x=HALVES if word != "to_float" else integers(4))
cast("bitcast", lambda tf, x: tf.bitcast(x, tf.int32), x=HALVES, gradient=False)
cast("saturate_cast", lambda tf, x: tf.saturate_cast(x, tf.uint8), x=np.array([-5, 0, 100, 300], "float32"), names="scope", gradient=False)

TABLES = (unary, binary, operators, compare, cast, special)
