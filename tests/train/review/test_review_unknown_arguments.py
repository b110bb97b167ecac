"""Unknown keyword arguments of optimizers and of `training_op`."""

import inspect

import pytest

import graphopt as tf
from graphopt.train.optimizers.registry import OPTIMIZERS
from graphopt.train.unknown_arguments import naming_nearest


@pytest.mark.parametrize(
    "name", [name for name in OPTIMIZERS if isinstance(OPTIMIZERS[name].make, type) and name != "contrib.opt.MultitaskOptimizerWrapper"]
)
def test_an_optimizer_names_the_nearest_argument(name: str) -> None:
    entry = OPTIMIZERS[name]
    argument = next(p for p in reversed(inspect.signature(entry.make).parameters) if p not in ("kwargs", "args") and len(p) > 3)
    with pytest.raises(TypeError, match=rf"Did you mean [`']{argument}[`']\?"):
        entry.make(**entry.example, **{f"{argument[:-1]}": 1})


def test_training_op_names_the_nearest_argument() -> None:
    with pytest.raises(TypeError, match=r"training_op\(\) got an unexpected keyword argument 'optimiser'\. Did you mean 'optimizer'\?"):
        tf.train.training_op(tf.Variable(1.0), optimiser="SGD")


def test_without_a_near_name_all_are_listed() -> None:
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument 'x'\. There are rate, name\."):
        naming_nearest(lambda rate, name=None: rate)(x=1)
    assert naming_nearest(lambda rate: rate)(2) == 2
