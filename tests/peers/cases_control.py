"""Control flow, grouping, Python functions, checks that pass, and what `tf.gradients` promises."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import OpTable
from peer_data import integers, normal, positive

control = OpTable("control")
checks = OpTable("checks")
gradients = OpTable("gradients")

X = normal(3, 2)
TRUE, FALSE = np.bool_(True), np.bool_(False)

for label, flag in (("true", TRUE), ("false", FALSE)):
    control(f"cond/{label}", lambda tf, c, x: tf.cond(c, lambda: tf.exp(x), lambda: x * 2.0), c=flag, x=X)
    control(f"cond/pair_{label}", lambda tf, c, x: tf.cond(c, lambda: [x, x + 1.0], lambda: [x * x, tf.sin(x)]), c=flag, x=X)
control("cond/comparison", lambda tf, x: tf.cond(tf.reduce_sum(x) > 0.0, lambda: x, lambda: -x), x=X)
control("cond/nested", lambda tf, n: tf.cond(n > 2, lambda: tf.cond(n > 4, lambda: 3.0, lambda: 2.0), lambda: 1.0), n=np.int32(3))
control("cond/old_names", lambda tf, c, x: tf.cond(c, fn1=lambda: x, fn2=lambda: x * 3.0), c=FALSE, x=X)
control("case/first", lambda tf, n: tf.case([(n < 3, lambda: 1.0), (n < 5, lambda: 2.0)], default=lambda: 3.0), n=np.int32(2))
control("case/second", lambda tf, n: tf.case([(n < 3, lambda: 1.0), (n < 5, lambda: 2.0)], default=lambda: 3.0), n=np.int32(4))
control("case/default", lambda tf, n: tf.case([(n < 3, lambda: 1.0), (n < 5, lambda: 2.0)], default=lambda: 3.0), n=np.int32(9))
control(
    "case/exclusive", lambda tf, n: tf.case({n < 3: lambda: n * 2, n > 5: lambda: n * 3}, default=lambda: n, exclusive=True), n=np.int32(7)
)
control("while/counter", lambda tf, n: tf.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i), [0, 0]), n=np.int32(5))
control("while/single", lambda tf, x: tf.while_loop(lambda v: tf.reduce_sum(v) < 50.0, lambda v: v * 2.0, [x]), x=positive(3))
control("while/zero_times", lambda tf, x: tf.while_loop(lambda v: tf.reduce_sum(v) < -1e6, lambda v: v * 2.0, [x]), x=X)
control("while/gradient", lambda tf, x: tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.sin(v) * v), [0, x])[1], x=X)
control(
    "while/outer_input",
    lambda tf, x, w: tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.tanh(v * w)), [0, x])[1],
    x=X,
    w=normal(2),
    fixed=("w",),
)
control(
    "while/maximum_iterations",
    lambda tf, x: tf.while_loop(lambda v: v < 100.0, lambda v: v + 1.0, [x], maximum_iterations=4),
    x=np.float32(1),
)
control(
    "while/shape_invariants",
    lambda tf, x: tf.while_loop(
        lambda i, v: i < 2,
        lambda i, v: (i + 1, tf.concat([v, v], 0)),
        [tf.constant(0), x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])],
    )[1],
    x=X,
    gradient=False,
)
control("map_fn", lambda tf, x: tf.map_fn(lambda r: tf.reduce_sum(r * r), x), x=X)
control("map_fn/dtype", lambda tf, x: tf.map_fn(lambda i: tf.cast(i, tf.float32) * 0.5, x, dtype=tf.float32), x=integers(4))
control("map_fn/pair", lambda tf, x, y: tf.map_fn(lambda p: p[0] * p[1], (x, y), dtype=tf.float32), x=X, y=normal(3, 2, seed=71))
control("scan", lambda tf, x: tf.scan(lambda a, r: 0.5 * a + r, x), x=X)
control("scan/initializer", lambda tf, x: tf.scan(lambda a, r: a * r, x, initializer=tf.ones([2])), x=X)
control("scan/reverse", lambda tf, x: tf.scan(lambda a, r: 0.5 * a + r, x, reverse=True), x=X)
control("foldl", lambda tf, x: tf.foldl(lambda a, r: 2.0 * a + r, x), x=X)
control("foldl/initializer", lambda tf, x: tf.foldl(lambda a, r: a + r, x, initializer=tf.constant([10.0, 0.0])), x=X)
control("foldr", lambda tf, x: tf.foldr(lambda a, r: 2.0 * a + r, x), x=X)
control("tuple", lambda tf, a, b: tf.tuple([a, None, b]), a=X, b=normal(2))
control("py_func", lambda tf, x: tf.py_func(lambda v: v * 2 + 1, [x], tf.float32), x=X, gradient=False)
control("py_func/two", lambda tf, x: tf.py_func(lambda v: (v.sum(), np.int64(v.size)), [x], [tf.float32, tf.int64]), x=X, gradient=False)
control(
    "py_func/stateless", lambda tf, x: tf.py_func(np.sin, [x], tf.float32, stateful=False, name="sine"), x=X, gradient=False, names="off"
)


@control.define("dependencies", x=X)
def dependencies(tf: Any, x: Any) -> Any:
    v = tf.get_variable("v", [], initializer=tf.constant_initializer(2.0), use_resource=True)
    with tf.control_dependencies([tf.assign_add(v, 3.0)]):
        return x * v.read_value()


@control.define("group", x=X)
def grouped(tf: Any, x: Any) -> Any:
    v = tf.get_variable("v", [], initializer=tf.zeros_initializer(), use_resource=True)
    w = tf.get_variable("w", [], initializer=tf.zeros_initializer(), use_resource=True)
    both = tf.group(tf.assign(v, 1.0), tf.assign(w, 2.0), tf.no_op())
    with tf.control_dependencies([both]):
        return tf.identity(x) + v.read_value() + w.read_value()


# Checks that pass let the value through.
CHECKS = {
    "assert_equal": lambda tf, x: tf.assert_equal(x, x),
    "assert_less": lambda tf, x: tf.assert_less(x, x + 1.0),
    "assert_less_equal": lambda tf, x: tf.assert_less_equal(x, x),
    "assert_greater": lambda tf, x: tf.assert_greater(x + 1.0, x),
    "assert_greater_equal": lambda tf, x: tf.assert_greater_equal(x, x),
    "assert_positive": lambda tf, x: tf.assert_positive(tf.exp(x)),
    "assert_rank": lambda tf, x: tf.assert_rank(x, 2),
    "Assert": lambda tf, x: tf.Assert(tf.reduce_sum(x) < 1e6, [x]),
}
for word, make in CHECKS.items():

    def through(tf: Any, x: Any, make: Any = make) -> Any:
        with tf.control_dependencies([make(tf, x)]):
            return tf.identity(x, name="checked")

    checks(word, through, x=X)
checks("check_numerics", lambda tf, x: tf.check_numerics(x, "bad"), x=X)
checks("verify_tensor_all_finite", lambda tf, x: tf.verify_tensor_all_finite(x, "bad"), x=X, names="scope")
checks("assert_scalar", lambda tf, x: tf.assert_scalar(x) + 0.0, x=np.float32(2))
checks("Print", lambda tf, x: tf.Print(x, [tf.shape(x)], message="", first_n=0), x=X)

# tf.gradients itself.
gradients("sum_of_ys", lambda tf, x: tf.gradients([x * x, tf.sin(x)], [x]), x=X)
gradients("several_xs", lambda tf, x, y: tf.gradients(tf.reduce_sum(x * y), [x, y]), x=X, y=normal(3, 2, seed=72))
gradients("unconnected", lambda tf, x, y: tf.gradients(x * x, [x, y]), x=X, y=X, gradient=False)
gradients(
    "unconnected_zero",
    lambda tf, x, y: tf.gradients(x * x, [x, y], unconnected_gradients=tf.UnconnectedGradients.ZERO),
    x=X,
    y=X,
    gradient=False,
    names="off",
)
gradients("grad_ys", lambda tf, x, g: tf.gradients(tf.exp(x), x, grad_ys=g), x=X, g=normal(3, 2, seed=73))
gradients("grad_ys_list_with_none", lambda tf, x: tf.gradients([x * x, x * 3.0], x, grad_ys=[None, tf.ones_like(x)]), x=X, gradient=False)
gradients("of_itself", lambda tf, x: tf.gradients(x, x), x=X, gradient=False)
gradients("twice", lambda tf, x: tf.gradients(tf.gradients(x * x * x, x)[0], x), x=X)
gradients("thrice", lambda tf, x: tf.gradients(tf.gradients(tf.gradients(tf.tanh(x), x)[0], x)[0], x), x=X, gradient=False)
gradients(
    "through_matmul_twice",
    lambda tf, x: tf.gradients(tf.reduce_sum(tf.square(tf.gradients(tf.matmul(x, x, transpose_b=True), x)[0])), x),
    x=X,
)
gradients("hessians", lambda tf, x: tf.hessians(tf.reduce_sum(x * x * x), x), x=normal(3), fixed=("x",), names="off")
gradients("through_argmax", lambda tf, x: tf.gradients(tf.cast(tf.argmax(x, 1), tf.float32), x), x=X, gradient=False)
gradients("through_cast_to_int", lambda tf, x: tf.gradients(tf.cast(tf.cast(x, tf.int32), tf.float32), x), x=X, gradient=False)
gradients("through_floor", lambda tf, x: tf.gradients(tf.floor(x), x), x=X, gradient=False)
gradients("through_sign", lambda tf, x: tf.gradients(tf.sign(x), x), x=X, gradient=False)
gradients("through_comparison", lambda tf, x: tf.gradients(tf.cast(x > 0.0, tf.float32) * x, x), x=X, gradient=False)
gradients("shared_use", lambda tf, x: tf.gradients(x * x + tf.exp(x) * x, x), x=X)
gradients("broadcast", lambda tf, x, b: tf.gradients(x * b, [x, b]), x=X, b=normal(2, seed=74), fixed=("b",))
gradients("gate", lambda tf, x, y: tf.gradients(x * y, [x, y], gate_gradients=True), x=X, y=X, gradient=False)
gradients("named", lambda tf, x: tf.gradients(x * x, x, name="slope"), x=X, gradient=False)
gradients(
    "both_slices",
    lambda tf, t: tf.convert_to_tensor(tf.gradients(tf.gather(t, [0, 1]) * tf.gather(t, [1, 1]), t)[0]),
    t=X,
    names="off",
    gradient=False,
    fixed=("t",),
)


@gradients.define("slices_values", t=X, names="off", gradient=False)
def slices_values(tf: Any, t: Any) -> list[Any]:
    gradient = tf.gradients(tf.gather(t, [2, 0, 2]) * 3.0, t)[0]
    return [gradient.values, gradient.indices]


@gradients.define("stop_gradients", gradient=False)
def stopped(tf: Any) -> Any:
    a = tf.constant(0.0)
    b = 2.0 * a
    return tf.gradients(a + b, [a, b]) + tf.gradients(a + b, [a, b], stop_gradients=[a, b])


@gradients.define("custom_gradient", x=X, names="off")
def custom(tf: Any, x: Any) -> Any:
    @tf.custom_gradient
    def log1pexp(v: Any) -> Any:
        e = tf.exp(v)
        return tf.log(1.0 + e), lambda dy: dy * 100.0 * (1.0 - 1.0 / (1.0 + e))

    return log1pexp(x)


for label, method in (("add_n", 0), ("tree", 1), ("accumulate_n", 2)):
    gradients(
        f"aggregation/{label}",
        lambda tf, x, m=method: tf.gradients(tf.exp(x) + x * x + tf.sin(x), x, aggregation_method=m),
        x=X,
        gradient=False,
        hidden=False,
    )

TABLES = (control, checks, gradients)
