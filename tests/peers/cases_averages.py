"""Moving averages: `tf.train.ExponentialMovingAverage` and the functions of `moving_averages`."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import ScenarioTable, raised
from peer_data import normal

averages = ScenarioTable("averages")

TARGETS = normal(5, 2, seed=131)


def followed(tf: Any, *, resource: bool = True, dtype: str = "float32", **options: Any) -> dict[str, Any]:
    """The average of a variable that is given a new value before each update."""
    v = tf.get_variable("v", initializer=tf.constant(np.zeros(2), dtype=dtype), use_resource=resource)
    value = tf.placeholder(dtype, [2])
    steps = options.pop("num_updates", None)
    count = tf.placeholder(tf.int32, []) if steps else None
    ema = tf.train.ExponentialMovingAverage(num_updates=count, **options)
    with tf.control_dependencies([tf.assign(v, value)]):
        update = ema.apply([v])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = []
        for i, target in enumerate(TARGETS):
            session.run(update, {value: target, **({count: 3 * i} if steps else {})})
            path.append(session.run(ema.average(v)))
        return {
            "path": np.stack(path),
            "update": update.name,
            "average": ema.average(v).name,
            "average_name": ema.average_name(v),
            "globals": [x.name for x in tf.global_variables()],
            "trainable": [x.name for x in tf.trainable_variables()],
            "averaged": [x.name for x in tf.moving_average_variables()],
        }


averages.add("variable", lambda tf: followed(tf, decay=0.75))
averages.add("variable/num_updates", lambda tf: followed(tf, decay=0.9, num_updates=True))
averages.add("variable/zero_debias", lambda tf: followed(tf, decay=0.75, zero_debias=True))
averages.add("variable/named", lambda tf: followed(tf, decay=0.75, name="Mean"))
averages.add("variable/float64", lambda tf: followed(tf, decay=0.75, dtype="float64"))


@averages("tensor")
def tensor(tf: Any, **options: Any) -> dict[str, Any]:
    """The average of a tensor starts at zero."""
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.multiply(x, 2.0, name="y")
    ema = tf.train.ExponentialMovingAverage(0.75, **options)
    update = ema.apply([y])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = []
        for target in TARGETS:
            session.run(update, {x: target})
            path.append(session.run(ema.average(y)))
        return {"path": np.stack(path), "average": ema.average(y).name, "averaged": [v.name for v in tf.moving_average_variables()]}


averages.add("tensor/zero_debias", lambda tf: tensor(tf, zero_debias=True))


@averages("names")
def names(tf: Any) -> dict[str, Any]:
    """Names of averages made and not yet made, inside scopes, and the map for restoring."""
    with tf.variable_scope("layer"):
        w = tf.get_variable("w", [2])
    b = tf.get_variable("b", [2])
    tf.get_variable("count", [], trainable=False)
    ema = tf.train.ExponentialMovingAverage(0.9)
    before = [ema.average_name(w), ema.average_name(b), ema.average(w)]
    with tf.name_scope("track"):
        op = ema.apply()
    restored = {k: v.name for k, v in ema.variables_to_restore().items()}
    return {
        "before": before,
        "op": op.name,
        "after": [ema.average(w).name, ema.average_name(w), ema.average(b).name],
        "restore": restored,
        "globals": [v.name for v in tf.global_variables()],
        "name": ema.name,
    }


@averages("with_a_training_op")
def training(tf: Any) -> dict[str, Any]:
    """The usual pattern: the averages are updated after the optimizer's step."""
    w = tf.get_variable("w", initializer=tf.constant([1.0, -2.0]), use_resource=True)
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(w * w))
    ema = tf.train.ExponentialMovingAverage(0.5)
    with tf.control_dependencies([train]):
        both = ema.apply([w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = []
        for _ in range(3):
            session.run(both)
            path.append(np.stack(session.run([w, ema.average(w)])))
        return {"path": np.stack(path)}


averages.add(
    "refused/int",
    lambda tf: raised(
        lambda: tf.train.ExponentialMovingAverage(0.9).apply([tf.constant(1)]), "The variables must be half, float, or double"
    ),
)


def assigned(tf: Any, zero_debias: bool, start: float = 0.0) -> dict[str, Any]:
    v = tf.get_variable("v", initializer=tf.constant([start, start]))
    value = tf.placeholder(tf.float32, [2])
    update = tf.python.training.moving_averages.assign_moving_average(v, value, 0.5, zero_debias=zero_debias)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = []
        for target in TARGETS:
            session.run(update, {value: target})
            path.append(session.run(v))
        return {"path": np.stack(path), "globals": [x.name for x in tf.global_variables()]}


averages.add("assign/plain", lambda tf: assigned(tf, zero_debias=False))
averages.add("assign/plain_from_two", lambda tf: assigned(tf, zero_debias=False, start=2.0))
averages.add("assign/zero_debias", lambda tf: assigned(tf, zero_debias=True))


@averages("weighted")
def weighted(tf: Any) -> dict[str, Any]:
    value, weight = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    average = tf.python.training.moving_averages.weighted_moving_average(value, 0.8, weight)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = [session.run(average, {value: v, weight: w}) for v, w in ((3.0, 1.0), (5.0, 2.0), (-1.0, 0.5))]
    return {"path": np.stack(found)}


TABLES = (averages,)
