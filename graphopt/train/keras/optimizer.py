"""The base of Keras's optimizers, in graph mode: one thing to run that makes a whole step.

A step is, in this order: gradients aggregated, clipped, weights decayed, updates, moving averages, weights overwritten by them, the
count of steps, constraints. An optimizer keeps its variables in one graph.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

from graphopt import dtypes
from graphopt.autodiff.gradients import gradients
from graphopt.errors import ArgumentError, GraphStateError, UnsupportedError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.training_info import record_update
from graphopt.graph.variables import Variable, assign_add, group, with_dependencies
from graphopt.ops.elementwise import cast, multiply
from graphopt.train.gradients_missing import check_any_gradient
from graphopt.train.hyper import FRACTION, NON_NEGATIVE, check_learning_rate
from graphopt.train.keras import clipping as clips
from graphopt.train.keras.averages import average_scalars, check_averages, record_averages
from graphopt.train.keras.hyper_arguments import Hyper, check_no_unknown, check_none_elsewhere, default_rate
from graphopt.train.keras.pairs import Pair, present_pairs, to_pairs, to_variables
from graphopt.train.keras.serialization import deserialize_keras_object
from graphopt.train.keras.state import OptimizerState
from graphopt.train.unknown_arguments import naming_nearest

_DEPRECATED = ("decay", "gradient_aggregator", "gradient_transformers")
_ARGUMENTS = (
    "name", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema", "ema_momentum", "ema_overwrite_frequency",
    "jit_compile", "clipping", "ema_start", "learning_rate", "lr",
)  # fmt: skip


class Optimizer(OptimizerState):
    """Base of Keras's optimizers.

    One's own optimizer overrides `build` (calling it first, then making slots with `add_variable_from_reference`), `update_step`, and
    `get_config`; its constructor calls ``self._build_learning_rate(learning_rate)``. Whatever `update_step` assigns is part of the step.

    Args:
      name: name of the step and prefix of the slots' names.
      weight_decay: every step first takes ``w weight_decay learning_rate`` from each variable; None or 0: no decay.
      clipnorm: the largest norm of each gradient. clipvalue: the largest absolute value of each element.
      global_clipnorm: the largest norm of all gradients together. None, 0 or less: no clipping.
      use_ema: keep a moving average of each variable. ema_momentum: how much of it each step keeps, between 0 and 1.
      ema_overwrite_frequency: after every so many steps the variables become their averages; None: never.
      jit_compile: kept for Keras's sake: every run of graphopt is compiled.
      clipping: what several clips mean: "first" of clipnorm, global_clipnorm and clipvalue is done, and a warning names the others
        (Keras 2.15); "one": two are refused (Keras 3); "all": clipvalue, then one of the norms (the legacy optimizers).
      ema_start: averages start from the variables' "weights" (Keras 2.15), or from "zeros", of which the first step leaves nothing
        (Keras 3).
      kwargs: `lr` is the same as `learning_rate`.

    Raises:
      TypeError: for an unknown argument. ValueError: for two norms, bad averages, both `lr` and `learning_rate`, or an argument that only
        the legacy optimizers take.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.SGD(0.1, momentum=0.9).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(step), session.run(w))
      1 [ 0.8 -1.6]

    Source: ``keras/optimizers/optimizer.py`` of Keras 2.15.
    """

    weight_decay = Hyper(NON_NEGATIVE, switches=True)
    clipnorm = Hyper(switches=True)
    clipvalue = Hyper(switches=True)
    global_clipnorm = Hyper(switches=True)
    ema_momentum = Hyper(FRACTION)

    def __init__(
        self,
        name: str | None,
        weight_decay: Any = 0,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        clipping: str = "first",
        ema_start: str = "weights",
        **kwargs: Any,
    ) -> None:
        super().__init__(use_ema, ema_start)
        self._rate_by_other_name = self._checked_kwargs(kwargs)
        if use_ema:
            check_averages(ema_momentum, ema_overwrite_frequency, ema_start)
        self.name = name
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.clipping = clipping
        clips.check_clips({"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}, clipping)
        self._given["ema_momentum"] = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.jit_compile = jit_compile
        self._excluded_variables: list[Variable] = []
        self._excluded_names: list[str] = []

    def _checked_kwargs(self, kwargs: dict[str, Any]) -> Any:
        """Return what was given as `lr`, after the other keyword arguments have been looked at."""
        rest = dict(kwargs)
        rest.pop("is_legacy_optimizer", None)
        if rest.pop("mesh", None) is not None:
            raise UnsupportedError("mesh: graphopt has no DTensor; a step runs on one machine.")
        check_none_elsewhere(rest, type(self).__name__)
        for word in _DEPRECATED:
            if word in rest:
                raise ArgumentError(
                    f"{word} is deprecated in the new Keras optimizer, please check the docstring for valid arguments, or use the legacy "
                    f"optimizer, e.g., tf.keras.optimizers.legacy.{type(self).__name__}."
                )
        rate = rest.pop("lr", None)
        check_no_unknown(rest, [*_ARGUMENTS, *self._declared(), *inspect.signature(type(self)).parameters], type(self).__name__)
        return rate

    def _build_learning_rate(self, learning_rate: Any) -> Any:
        """Take the learning rate: a number, scalar tensor, schedule or callable. A constructor calls it last.

        Raises:
          ValueError: for a negative number, NaN, or two different names. TypeError: for what is no learning rate.
        """
        if self._rate_by_other_name is not None:
            if learning_rate is not default_rate(type(self)):
                raise ArgumentError(
                    f"Both `learning_rate` ({learning_rate!r}) and `lr` ({self._rate_by_other_name!r}) are given: they are the same."
                )
            learning_rate = self._rate_by_other_name
        self._given["learning_rate"] = check_learning_rate(learning_rate)
        return learning_rate

    def _is_in_use(self, name: str) -> bool:
        return super()._is_in_use(name) and (name != "ema_momentum" or self.use_ema)

    # --- the step ----------------------------------------------------------------------------------------------------------------

    @naming_nearest
    def minimize(self, loss: Any, var_list: Any = None, tape: Any = None, name: str | None = None) -> Tensor:
        """Return a tensor that makes one step when it is run: `compute_gradients`, then `apply_gradients`.

        Args:
          loss, var_list, tape: see `compute_gradients`. name: name of the step.

        Returns:
          The number of steps after this one, an int64 scalar.

        Raises:
          ValueError: when the loss depends on none of the variables; it says for each why.
        """
        self._differentiated = None
        pairs = self.compute_gradients(loss, var_list, tape)
        if self._differentiated is not None:
            check_any_gradient(self._differentiated, pairs, pairs)
            self._differentiated = None
        return self.apply_gradients(pairs, name)

    @naming_nearest
    def compute_gradients(self, loss: Any, var_list: Any = None, tape: Any = None) -> list[Pair]:
        """Return the gradients of a loss, as pairs (gradient or None, variable).

        Args:
          loss: a floating point tensor, whose elements are added up, or a function without arguments that gives one.
          var_list: variables, or a function that gives them, called after `loss` (the trainable variables by default).
          tape: the `GradientTape` on which the loss was, or is to be, recorded; a graph needs none.

        Raises:
          ValueError: without variables.
        """
        if tape is not None:
            return self._gradients_of_tape(loss, var_list, tape)
        target = self._differentiated = convert_to_tensor(loss() if callable(loss) else loss)
        variables = to_variables(var_list)
        return list(zip(gradients(target, variables), variables, strict=True))

    _differentiated: Tensor | None = None

    def _gradients_of_tape(self, loss: Any, var_list: Any, tape: Any) -> list[Pair]:
        if callable(loss):
            with tape:
                if var_list is not None and not callable(var_list):
                    tape.watch(list(var_list))
                loss = loss()
        variables = to_variables(var_list)
        return list(zip(tape.gradient(loss, variables), variables, strict=True))

    def aggregate_gradients(self, grads_and_vars: Iterable[Pair]) -> list[Pair]:
        """Return the gradients added up over all replicas, of which graphopt has one: the pairs as they are, None among them.

        Args:
          grads_and_vars: pairs (gradient or None, variable).
        """
        return list(grads_and_vars)

    def apply_gradients(
        self, grads_and_vars: Iterable[Pair], name: str | None = None, skip_gradients_aggregation: bool = False, **kwargs: Any
    ) -> Tensor:
        """Return a tensor that makes one step when it is run.

        Args:
          grads_and_vars: pairs (gradient or None, variable): tensors, `IndexedSlices` or arrays. A variable whose gradient is None stays as
            it is, with a warning; a variable may stand in several pairs. Without pairs nothing happens.
          name: name of the step (the optimizer's by default). skip_gradients_aggregation: leave `aggregate_gradients` out.
          kwargs: `experimental_aggregate_gradients=False` is the same.

        Returns:
          The number of steps after this one, an int64 scalar.

        Raises:
          ValueError: when all gradients are None, or one has another shape than its variable. TypeError: for what are no pairs, or a
            gradient of another element type. KeyError: for a variable the optimizer was not built for. RuntimeError: in another graph.
        """
        old = "experimental_aggregate_gradients"
        check_no_unknown(set(kwargs) - {old}, [old, "grads_and_vars", "name", "skip_gradients_aggregation"], "apply_gradients")
        pairs = to_pairs(grads_and_vars)
        if not skip_gradients_aggregation and kwargs.get("experimental_aggregate_gradients", True):
            pairs = list(self.aggregate_gradients(pairs))
        if not pairs:
            return self.iterations.value()
        self._own_graph()
        with name_scope(name or self.name or "optimizer") as scope:
            with get_default_graph().collect_writes() as writes:
                self._build_once([variable for _, variable in pairs])
                steps = self._record_step(present_pairs(pairs))
            step = with_dependencies(list(writes), steps, name=scope)
        record_update(step, self, pairs, self.iterations)
        return step

    def _build_once(self, variables: list[Variable]) -> None:
        if not self._built:
            self.build(list(dict.fromkeys(variables)))
            self._built = True

    def _record_step(self, pairs: list[Pair]) -> Tensor:
        """Record all of one step; return the number of steps after it."""
        for _, variable in pairs:
            self._index_of(variable)
        self._renew_schedules()
        self._start_step()
        variables = [variable for _, variable in pairs]
        clipped = self._clipped([gradient for gradient, _ in pairs])
        self._decay_weights(variables)
        for gradient, variable in zip(clipped, variables, strict=True):
            self._rate_type = variable.dtype
            self.update_step(gradient, variable)
        self._rate_type = dtypes.float64
        self._record_averages(variables)
        self._has_updates = True
        steps = assign_add(self.iterations, convert_to_tensor(1, dtype=self.iterations.dtype))
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        return steps

    def _start_step(self) -> None:
        """Forget what was recorded for the step before."""

    def update_step(self, gradient: Any, variable: Variable) -> Any:
        """Record the update of one variable.

        Args:
          gradient: a tensor of the variable's shape, or an `IndexedSlices`. variable: the variable.
        """
        raise UnsupportedError(f"{type(self).__name__} must override `update_step(self, gradient, variable)`.")

    _rate_type = dtypes.float64

    def _learning_rate_tensor(self) -> Tensor:
        tensor = super()._learning_rate_tensor()
        # While a variable is updated: in its element type, so that one's own update_step may multiply by it.
        return tensor if self._rate_type is dtypes.float64 else self._hyper("learning_rate").in_type(self._rate_type)

    # --- the stages --------------------------------------------------------------------------------------------------------------

    def _clipped(self, given: Sequence[Any]) -> list[Any]:
        chosen = clips.chosen_clips([name for name in clips.ALL_IN_ORDER if not self._is_off(name)], self.clipping)
        found = [clips.with_summed_rows(gradient) for gradient in given] if chosen else list(given)
        for name in chosen:
            found = clips.CLIPS[name](found, self._hyper(name))
        return found

    def _decay_weights(self, variables: Sequence[Variable]) -> None:
        """Record the weight decay of the variables that are about to be updated."""
        self._decay_by("weight_decay", variables)

    def _decay_by(self, name: str, variables: Sequence[Variable]) -> None:
        if self._is_off(name):
            return
        factor = multiply(self._hyper(name).tensor, self._hyper("learning_rate").tensor)
        factors = {dtype: cast(factor, dtype) for dtype in dict.fromkeys(v.dtype for v in variables)}
        for variable in variables:
            if self._use_weight_decay(variable):
                variable.assign_sub(multiply(variable.value(), factors[variable.dtype]))

    def _use_weight_decay(self, variable: Variable) -> bool:
        """Tell whether a variable decays: whether it is not excluded."""
        by_name = any(re.search(pattern, variable.name) for pattern in self._excluded_names)
        return not by_name and all(variable is not excluded for excluded in self._excluded_variables)

    def exclude_from_weight_decay(self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None) -> None:
        """Let variables keep their weights; call it before the optimizer is built. A second call replaces what the first said.

        Args:
          var_list: variables. var_names: regular expressions, looked for in the variables' names (``"bias"``, ``"^layer_1/"``).

        Raises:
          ValueError: after the optimizer was built.
        """
        if self._built:
            raise ArgumentError("`exclude_from_weight_decay()` can only be configured before the optimizer is built.")
        self._excluded_variables = list(var_list or [])
        self._excluded_names = [var_names] if isinstance(var_names, str) else list(var_names or [])

    def _record_averages(self, variables: Sequence[Variable]) -> None:
        if not self.use_ema:
            return
        momentum = average_scalars(self._hyper("ema_momentum").tensor, self.iterations, self.ema_start)
        # From zeros also those without a gradient, as in Keras 3: their averages would stay zeros.
        averaged = variables if self.ema_start == "weights" else list(self._index_dict)
        pairs = [(variable, self._model_variables_moving_average[self._index_of(variable)]) for variable in dict.fromkeys(averaged)]
        record_averages(pairs, momentum, self.iterations, self.ema_overwrite_frequency)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> Operation:
        """Return an operation that replaces variables by their moving averages; it does nothing without `use_ema`.

        Args:
          var_list: the variables.

        Raises:
          RuntimeError: before the optimizer is built. KeyError: for a variable it was not built for.
        """
        if not self.use_ema:
            return group(name="finalize_variable_values")
        if not self._built:
            raise GraphStateError("There are no moving averages yet: call `build`, `apply_gradients` or `minimize` first.")
        averages = [(v, self._model_variables_moving_average[self._index_of(v)]) for v in var_list]
        return group(*[v.assign(average.value()) for v, average in averages], name="finalize_variable_values")

    # --- slots by name, and configuration ------------------------------------------------------------------------------------------

    def get_slot_names(self) -> list[str]:
        """Return the names of what is kept for each variable."""
        return ["average"] if self.use_ema else []

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """Return what is kept for a variable under a name, or None."""
        return self.average_of(var) if name == "average" else None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer, as JSON can hold them.

        Raises:
          ValueError: for an argument that is a tensor. TypeError: for a function that is no schedule with `get_config`.
        """
        config = {
            "name": self.name,
            **{name: self._plain_hyper(name) for name in ("weight_decay", "clipnorm", "global_clipnorm", "clipvalue")},
            "use_ema": self.use_ema,
            "ema_momentum": self._plain_hyper("ema_momentum"),
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "jit_compile": self.jit_compile,
            "is_legacy_optimizer": False,
        }
        # What Keras doesn't know stands there only when it says something.
        if self.clipping != "first":
            config["clipping"] = self.clipping
        if self.ema_start != "weights":
            config["ema_start"] = self.ema_start
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Return an optimizer from what `get_config` gave; `config` stays as it is.

        Args:
          config: the configuration. custom_objects: one's own schedules by name.
        """
        arguments = {
            key: deserialize_keras_object(value, "keras.optimizers.schedules", custom_objects) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**arguments)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"
