"""Random programs for Keras's older optimizers: data, and how one runs, on tf_keras as on graphopt.

Numbers are sums of few powers of two, which are the same in float32, in which Keras holds its hyper-parameters.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

Program = dict[str, Any]
STEPS = 6

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.75}),
    ("SGD", {"momentum": 0.75, "nesterov": True}),
    ("Adam", {"beta_1": 0.75, "beta_2": 0.875}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9375, "amsgrad": True, "epsilon": 0.0009765625}),
    ("Adamax", {"beta_1": 0.75, "beta_2": 0.875}),
    ("Nadam", {"beta_1": 0.75, "beta_2": 0.875}),
    ("Nadam", {"beta_1": 0.875, "beta_2": 0.9375, "schedule_decay": 0.25}),
    ("RMSprop", {"rho": 0.875}),
    ("RMSprop", {"rho": 0.875, "centered": True}),
    ("RMSprop", {"rho": 0.75, "momentum": 0.5}),
    ("RMSprop", {"rho": 0.75, "momentum": 0.5, "centered": True}),
    ("Adagrad", {"initial_accumulator_value": 0.25}),
    ("Adadelta", {"rho": 0.875, "epsilon": 0.0009765625}),
    ("Ftrl", {"initial_accumulator_value": 0.125}),
    ("Ftrl", {"l1_regularization_strength": 0.0625, "l2_regularization_strength": 0.125, "beta": 0.5}),
    ("Ftrl", {"l2_shrinkage_regularization_strength": 0.25, "learning_rate_power": -0.25}),
]
SCHEDULES: list[tuple[str, list[Any]]] = [
    ("ExponentialDecay", [0.5, 2, 0.5]),
    ("InverseTimeDecay", [0.5, 2, 0.5]),
    ("PolynomialDecay", [0.5, 4, 0.125]),
    ("PiecewiseConstantDecay", [[1, 3], [0.5, 0.25, 0.125]]),
    ("CosineDecay", [0.5, 8]),
]
CLIPS: list[dict[str, float]] = [{"clipvalue": 0.5}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}, {"clipvalue": 0.5, "clipnorm": 0.75}]


def programs() -> dict[str, Program]:
    """Return two programs for each line of `OPTIMIZERS`, by name; the same at every call."""
    chance = random.Random(20)
    made = {}
    for i, (name, arguments) in enumerate(OPTIMIZERS * 2):
        program: Program = {"optimizer": name, "arguments": dict(arguments), "schedule": None}
        schedule = chance.random() < 0.4 and name != "Nadam"
        if schedule:
            program["schedule"] = chance.choice(SCHEDULES)
        else:
            program["arguments"]["learning_rate"] = chance.choice([0.125, 0.25, 0.5])
        if chance.random() < 0.4 and name != "Nadam":
            program["arguments"]["decay"] = chance.choice([0.25, 0.5])
        if chance.random() < 0.5:
            program["arguments"].update(chance.choice(CLIPS))
        program["variables"] = [_variable(chance, f"v{k}", has_rows=k == 1) for k in range(3)]
        made[f"{i:02d} {name}"] = program
    return made


def _variable(chance: random.Random, name: str, has_rows: bool) -> Program:
    shape = chance.choice([[4], [5, 2]] if has_rows else [[3], [2, 3], []])
    gradients = [_rows(chance, shape) if has_rows else {"values": _numbers(chance, shape)} for _ in range(STEPS)]
    return {"name": name, "start": _numbers(chance, shape), "gradients": gradients}


def _rows(chance: random.Random, shape: list[int]) -> Program:
    indices = [chance.randrange(shape[0]) for _ in range(chance.choice([2, 3, 4]))]
    return {"values": _numbers(chance, [len(indices), *shape[1:]]), "indices": indices}


def _numbers(chance: random.Random, shape: list[int]) -> Any:
    if not shape:
        return chance.randint(-64, 64) / 32
    return [_numbers(chance, shape[1:]) for _ in range(shape[0])]


def run_program(tf: Any, legacy: Any, schedules: Any, program: Program) -> Program:
    """Run one program in a fresh graph; return what `record_legacy_keras.py` records of it."""
    with tf.Graph().as_default():
        arguments = dict(program["arguments"])
        if program["schedule"]:
            kind, given = program["schedule"]
            arguments["learning_rate"] = getattr(schedules, kind)(*given)
        optimizer = getattr(legacy, program["optimizer"])(**arguments)
        variables = [
            tf.get_variable(v["name"], initializer=np.array(v["start"], np.float64), use_resource=True) for v in program["variables"]
        ]
        fed, pairs = [], []
        for v, variable in zip(program["variables"], variables, strict=True):
            is_sparse = "indices" in v["gradients"][0]
            shape = list(np.shape(v["start"]))
            values = tf.placeholder(tf.float64, [None, *shape[1:]] if is_sparse else shape)
            indices = tf.placeholder(tf.int64, [None]) if is_sparse else None
            fed.append((values, indices))
            pairs.append((tf.IndexedSlices(values, indices) if is_sparse else values, variable))
        step = optimizer.apply_gradients(pairs)
        names = [v.name for v in optimizer.weights]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            states = []
            for k in range(STEPS):
                feeds = {}
                for v, (values, indices) in zip(program["variables"], fed, strict=True):
                    gradient = v["gradients"][k]
                    feeds[values] = np.array(gradient["values"], np.float64)
                    if indices is not None:
                        feeds[indices] = np.array(gradient["indices"], np.int64)
                session.run(step, feeds)
                values = session.run([variables, list(optimizer.weights)])
                states.append([np.asarray(x, np.float64).tolist() for x in [*values[0], *values[1]]])
        return {"names": [*[v["name"] for v in program["variables"]], *names], "states": states, "slots": list(optimizer.get_slot_names())}
