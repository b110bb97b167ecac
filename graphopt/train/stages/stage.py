"""What a stage is, and what the stages of one training step share.

A stage takes pairs (gradient, variable) and gives such pairs. A gradient is a tensor, sparse rows or None; `map_values` and
`each_gradient` handle all three. What a stage does after the update, and whether what follows happens in a run, goes through `Step`.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Location, Operation, Tensor, user_location
from graphopt.graph.training_info import StageInfo
from graphopt.graph.variables import Variable, group
from graphopt.ops.array import shape_of
from graphopt.ops.elementwise import cast, logical_and
from graphopt.train.global_step import get_global_step
from graphopt.train.hyper import ANY_NUMBER, HyperParameter, Range, hyper_parameter
from graphopt.train.unknown_arguments import naming_nearest

Pairs = list[tuple[Any, Any]]


class Step:
    """One training step while it is recorded.

    `training_op` and `optimize_loss` make one. Make one yourself to use stages around an optimizer of your own: enter it, pass it to
    every stage, record the update, and run what `finish` gives.

    Args:
      global_step: the variable that counts the steps (the graph's own by default, if there is one).
      learning_rate: the rate of the step, for stages that ask for it: a scalar tensor, or a function that gives it.
      learning_rate_of: a function of a variable that gives its rate, where there is none for all.

    Attributes:
      hypers: the hyper-parameters of the stages, by name. counters: what stages count, by name: scalar tensors to fetch.

    Example:
      >>> w = tf.Variable([3.0, 4.0])
      >>> optimizer = tf.train.GradientDescentOptimizer(1.0)
      >>> with tf.train.Step() as step:
      ...     pairs = optimizer.compute_gradients(tf.nn.l2_loss(w))
      ...     pairs = tf.train.stages.clip_by_global_norm(1.0)(pairs, step)
      ...     train_op = step.finish(optimizer.apply_gradients(pairs), pairs)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(train_op)
      ...     print(session.run(w).round(2))
      [2.4 3.2]
    """

    @partial(naming_nearest, name="Step")
    def __init__(self, *, global_step: Any = None, learning_rate: Any = None, learning_rate_of: Callable[[Any], Any] | None = None) -> None:
        self.global_step = get_global_step() if global_step is None else global_step
        self._learning_rate = learning_rate
        self._learning_rate_of = learning_rate_of
        self._rates: dict[Any, Any] = {}
        self.hypers: dict[str, HyperParameter] = {}
        self.counters: dict[str, Any] = {}
        self._after: list[Callable[[Pairs], Any]] = []
        self._blocks = contextlib.ExitStack()
        self._writes: dict[Operation, None] = {}

    def __enter__(self) -> Step:
        return self

    def __exit__(self, *error: Any) -> None:
        self._blocks.close()

    @property
    def learning_rate(self) -> Any:
        """The rate of the step as a float64 scalar tensor.

        Raises:
          ValueError: when none was given.
        """
        return self._in_float64(self._given_rate())

    def learning_rate_of(self, variable: Any) -> Any:
        """Return the rate by which a variable is trained, as a float64 scalar tensor: that of the step, or of the variable's group.

        Args:
          variable: the variable.

        Raises:
          ValueError: when there is none.
        """
        given = self._given_rate()
        if given is None and self._learning_rate_of is not None:
            given = self._learning_rate_of(variable)
        return self._in_float64(given)

    def _given_rate(self) -> Any:
        return self._learning_rate() if callable(self._learning_rate) else self._learning_rate

    def _in_float64(self, rate: Any) -> Any:
        if rate is None:
            raise ArgumentError(
                "This stage needs the learning rate, and the step has none: give learning_rate to training_op, optimize_loss or Step."
            )
        tensor = convert_to_tensor(rate)
        if tensor not in self._rates:
            self._rates[tensor] = cast(tensor, dtypes.float64)
        return self._rates[tensor]

    def hyper(self, name: str, value: Any, allowed: Range = ANY_NUMBER) -> HyperParameter:
        """Return a new hyper-parameter of a stage, under its name or, if that is taken, with a number.

        Args:
          name: its name. value: what the user gave: a number, tensor, schedule of the global step, or callable. allowed: its range.
        """
        unique = unique_name(name, self.hypers)
        self.hypers[unique] = hyper_parameter(value, unique, step=self.global_step, allowed=allowed)
        return self.hypers[unique]

    def counter(self, name: str, dtype: Any = dtypes.int64) -> Variable:
        """Return a new variable that counts something, which `stats` of the training op shows; it starts at 0.

        Args:
          name: its name; with a number, if that is taken.
        """
        unique = unique_name(name, self.counters)
        self.counters[unique] = Variable(np.zeros((), dtype.np), name=name, trainable=False)
        counter: Variable = self.counters[unique]
        return counter

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Make the writes that are recorded inside a ``with`` block part of the step."""
        with get_default_graph().collect_writes() as found:
            yield
        self._writes.update(found)

    def after_update(self, action: Callable[[Pairs], Any]) -> None:
        """Have something recorded after the update: ``action(pairs)``, with the pairs that the optimizer was given."""
        self._after.append(action)

    def only_if(self, condition: Any) -> None:
        """Let everything that is recorded from here on change variables only in runs in which `condition`, a bool scalar, is true."""
        graph = get_default_graph()
        around = graph.current_guard
        both = condition if around is None else logical_and(around, condition)
        self._blocks.enter_context(graph.write_only_if(both))

    def finish(self, update: Operation, pairs: Pairs) -> Operation:
        """Record what comes after the update; return the operation of the whole step.

        Args:
          update: the operation that updates the variables. pairs: what it was given.
        """
        with self.collecting():
            for action in self._after:
                action(pairs)
        if not self._writes:
            return update
        operation: Operation = group(update, *self._writes)
        return operation


def unique_name(name: str, taken: Mapping[str, Any]) -> str:
    """Return a name, or the first of ``name_1``, ``name_2``... that is not taken."""
    unique, number = name, 0
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


@dataclass(eq=False)
class Stage:
    """A stage with its name and settings: call it with pairs, and with the step where it needs one.

    Attributes:
      name: what it does, in a few words. settings: by name. function: from pairs and step to pairs.
      location: the line it comes from.
      scale_loss: what it does to the loss before gradients are computed, or None.
      clips: whether it may limit gradients: statistics call what comes before the first such stage "before clipping".
      acts_after_update: whether, the last time it was called, it put something off until after the update.
    """

    name: str
    settings: Mapping[str, Any]
    function: Callable[[Pairs, Step], Pairs]
    location: Location
    scale_loss: Callable[[Tensor, Step], Tensor] | None = None
    clips: bool = False
    acts_after_update: bool = field(default=False, init=False)

    def __call__(self, pairs: Iterable[tuple[Any, Any]], step: Step | None = None) -> Pairs:
        """Return what the stage makes of the pairs.

        Args:
          pairs: (gradient, variable). step: the step it is part of; without one, a stage that does more than change gradients refuses.

        Raises:
          TypeError: when it gives something else than pairs, or a gradient of another element type than its variable.
          ValueError: for a gradient of another shape.
        """
        step = _Alone() if step is None else step
        known = len(step._after)
        with step.collecting():
            result = _checked(self.function(list(pairs), step), self.name)
        self.acts_after_update = len(step._after) > known
        return result

    @property
    def info(self) -> StageInfo:
        """The stage for inspection."""
        return StageInfo(self.name, self.settings, self.location, self.acts_after_update)


def _checked(given: Any, name: str) -> Pairs:
    """Return what a stage gave as a list; raise unless its gradients fit their variables."""
    if not isinstance(given, Iterable):
        raise ArgumentTypeError(f"The stage '{name}' must give pairs (gradient, variable), it gave {given!r}.")
    pairs = list(given)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ArgumentTypeError(f"The stage '{name}' must give pairs (gradient, variable), it gave {pair!r} among them.")
        gradient, v = pair
        if isinstance(gradient, Tensor | IndexedSlices) and isinstance(v, Tensor | Variable):
            _check_fits(gradient, v, name)
    return [(gradient, v) for gradient, v in pairs]


def _check_fits(gradient: Any, variable: Any, name: str) -> None:
    if gradient.dtype is not variable.dtype:
        raise ArgumentTypeError(
            f"The stage '{name}' gave a gradient of {gradient.dtype.name} for {variable.name}, which holds {variable.dtype.name}."
        )
    is_sparse = isinstance(gradient, IndexedSlices)
    shape, wanted = values_of(gradient).get_shape(), variable.get_shape()
    fits = shape[1:].is_compatible_with(wanted[1:]) if is_sparse else shape.is_compatible_with(wanted)
    if not fits:
        what = "rows" if is_sparse else "a gradient"
        raise ArgumentError(f"The stage '{name}' gave {what} of shape {shape} for {variable.name}, which has shape {wanted}.")


class _Alone(Step):
    """The step of a stage that is called with pairs alone: nothing comes after it."""

    def after_update(self, action: Callable[[Pairs], Any]) -> None:
        raise ArgumentError(_NEEDS_STEP.format(what="acts after the update"))

    def only_if(self, condition: Any) -> None:
        raise ArgumentError(_NEEDS_STEP.format(what="decides whether the update happens"))


_NEEDS_STEP = "This stage {what}: pass it to training_op or optimize_loss, or give a step: stage(pairs, step)."


def stage(name: str, function: Callable[[Pairs, Step], Pairs], **settings: Any) -> Stage:
    """Return a stage made at the user's line."""
    return Stage(name, {key: _shown(value) for key, value in settings.items() if value is not None}, function, user_location())


def clipping_stage(name: str, function: Callable[[Pairs, Step], Pairs], **settings: Any) -> Stage:
    """Return a stage made at the user's line that limits gradients."""
    made = stage(name, function, **settings)
    made.clips = True
    return made


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {getattr(key, "name", getattr(key, "pattern", key)): _shown(item) for key, item in value.items()}
    return value


def to_stage(given: Any) -> Stage:
    """Return a stage: one as it is, or one made of any function of pairs (or of pairs and step). What it writes is part of the step.

    Raises:
      TypeError: for anything else.
    """
    if isinstance(given, Stage):
        return given
    if not callable(given):
        raise ArgumentTypeError(f"A stage is a function of pairs (gradient, variable), got {given!r} of {type(given)}.")
    name = str(getattr(given, "stage_name", None) or getattr(given, "__name__", type(given).__name__))
    function = given if _takes_step(given) else (lambda pairs, _: given(pairs))
    return Stage(name, getattr(given, "settings", {}), function, location_of(given), clips=True)


def _takes_step(function: Callable[..., Any]) -> bool:
    """Return whether a function needs a second argument, or calls one `step`."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    in_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return bool(in_place) and (in_place[0].default is inspect.Parameter.empty or in_place[0].name == "step")


def location_of(function: Any) -> Location:
    """Return where a function is defined, or the user's current line."""
    own: Location | None = getattr(function, "location", None)
    code = getattr(function, "__code__", None)
    if own is not None or code is None:
        return own or user_location()
    return Location(code.co_filename, code.co_firstlineno, code.co_name)


def each_gradient(function: Callable[[Any, Any], Any], pairs: Pairs) -> Pairs:
    """Return the pairs with ``function(gradient, variable)`` for every gradient that is not None."""
    return [(None if gradient is None else function(gradient, v), v) for gradient, v in pairs]


def to_dense(gradient: Any, variable: Any) -> Tensor:
    """Return a gradient as a tensor as large as its variable."""
    if isinstance(gradient, IndexedSlices) and gradient.dense_shape is None:
        gradient = IndexedSlices(gradient.values, gradient.indices, shape_of(variable.value()))
    return convert_to_tensor(gradient)


def values_of(gradient: Any) -> Tensor:
    """Return the numbers of a gradient: of sparse rows the rows."""
    return gradient.values if isinstance(gradient, IndexedSlices) else convert_to_tensor(gradient)
