"""What the faces of all peers are made of."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from trajectories.case import Call, Case
from trajectories.replay import MakeOptimizer

Key = tuple[str, str]
Pairs = list[tuple[Any, Any]]


class CountedSteps:
    """An optimizer whose update counts the global step, too."""

    def __init__(self, optimizer: Any, global_step: Any) -> None:
        self.optimizer, self.global_step = optimizer, global_step

    def apply_gradients(self, pairs: Pairs) -> Any:
        return self.optimizer.apply_gradients(pairs, global_step=self.global_step)


class Staged:
    """An optimizer behind stages.

    Args:
      tf: the module. optimizer: what makes the updates. stages: stages, and functions from pairs to pairs.
      beside: more to compare after every step, by what the record calls it: functions of the step and the variables by name.
      learning_rate: for stages that ask for it.
    """

    def __init__(self, tf: Any, optimizer: Any, stages: Sequence[Any], beside: Any = None, learning_rate: Any = None) -> None:
        self.tf, self.optimizer, self.stages = tf, optimizer, stages
        self.counted = beside or {}
        self.learning_rate = learning_rate

    def apply_gradients(self, pairs: Pairs) -> Any:
        global_step = self.tf.train.get_or_create_global_step()
        with self.tf.train.Step(global_step=global_step, learning_rate=self.learning_rate) as self.step:
            for stage in self.stages:
                with self.step.collecting():
                    pairs = stage(pairs, self.step) if isinstance(stage, self.tf.train.stages.Stage) else stage(pairs)
            return self.step.finish(self.optimizer.apply_gradients(pairs), pairs)

    def beside(self, variables: Any) -> Any:
        return {kind: function(self.step, variables) for kind, function in self.counted.items()}


class Quiet:
    """An optimizer of Keras that warns of what the case is about: a missing gradient, or a clip that another one outdoes."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)

    def apply_gradients(self, pairs: Pairs) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Gradients do not exist|.*clip")
            return self.optimizer.apply_gradients(pairs)


class WithAverages(Quiet):
    """A Keras optimizer with its moving averages."""

    def beside(self, variables: Any) -> Any:
        return {"averages": {name: self.optimizer.average_of(v) for name, v in variables.items()}}


def plus_weights(rate: float) -> Callable[[Pairs], Pairs]:
    """A stage that adds so much of the weights to their gradients: L2 regularisation, which is no weight decay."""
    return lambda pairs: [(gradient + rate * v, v) for gradient, v in pairs]


def made_of(name: str, *path: str, **renamed: str | None) -> MakeOptimizer:
    """A face that is a class of graphopt, with some arguments under other names.

    Args:
      name: the class, and path: where it is in the module. renamed: the peer's argument: graphopt's, or None for one to leave out.
    """

    def face(tf: Any, case: Case) -> Any:
        module = tf
        for part in path:
            module = getattr(module, part)
        return getattr(module, name)(**{renamed.get(k, k): v for k, v in case.kwargs.items() if renamed.get(k, k) is not None})

    return face


def is_call(value: Any, *names: str) -> bool:
    return isinstance(value, Call) and value.name in names
