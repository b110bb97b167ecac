"""Loss scaling: gradients of a loss that was multiplied, so that small ones don't vanish in float16."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import map_values
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import init_scope
from graphopt.graph.variables import Variable, assign_add, with_dependencies
from graphopt.ops.elementwise import add, cast, divide, greater_equal, logical_and, logical_not, maximum, multiply, select, zeros_as
from graphopt.train.keras import legacy
from graphopt.train.keras.hyper_arguments import warn_user
from graphopt.train.keras.identify import deserialize, serialize
from graphopt.train.keras.optimizer import Optimizer
from graphopt.train.keras.pairs import Pair, to_pairs
from graphopt.train.keras.serialization import register
from graphopt.train.keras.state import VariableList
from graphopt.train.stages.non_finite import all_finite
from graphopt.train.unknown_arguments import naming_nearest

_INITIAL_SCALE, _GROWTH_STEPS = 2.0**15, 2000


@register("keras.mixed_precision")
class LossScaleOptimizer:
    """An optimizer that scales the loss up and its gradients down again.

    With a dynamic scale, a step whose gradients are not all finite changes no variable and no slot; it only counts, and halves the scale
    (to 1 at least). After `dynamic_growth_steps` finite steps in a row the scale is doubled. A fixed scale looks at nothing.

    Args:
      inner_optimizer: the Keras optimizer that makes the steps. dynamic: whether the scale moves.
      initial_scale: the scale at first, or for good (2¹⁵ by default; a fixed scale must be given).
      dynamic_growth_steps: see above (2000 by default).

    Raises:
      TypeError: for what is no Keras optimizer, or is one of this class. ValueError: for an optimizer that is wrapped already, a fixed
        scale that is not given, or one with `dynamic_growth_steps`.

    Example:
      >>> w = tf.Variable(1.0)
      >>> optimizer = tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.SGD(0.25))
      >>> step = optimizer.minimize(lambda: w * w, [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run([w, optimizer.loss_scale]))
      [np.float32(0.5), np.float64(32768.0)]

    Source: ``keras/mixed_precision/loss_scale_optimizer.py`` of Keras 2.15; Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740.
    """

    def __init__(
        self, inner_optimizer: Any, dynamic: bool = True, initial_scale: float | None = None, dynamic_growth_steps: int | None = None
    ) -> None:
        _check_arguments(inner_optimizer, dynamic, initial_scale, dynamic_growth_steps)
        inner_optimizer._is_wrapped = True
        self.inner_optimizer = inner_optimizer
        self.dynamic = dynamic
        self.initial_scale = _INITIAL_SCALE if initial_scale is None else float(initial_scale)
        self.dynamic_growth_steps = (_GROWTH_STEPS if dynamic_growth_steps is None else int(dynamic_growth_steps)) if dynamic else None
        self._kept: tuple[Variable, Variable] | None = None
        self._has_scaled = self._has_unscaled = False

    def __getattr__(self, name: str) -> Any:
        if name == "inner_optimizer":
            raise AttributeError(name)
        return getattr(self.inner_optimizer, name)

    # --- what is kept ------------------------------------------------------------------------------------------------------------

    def _state(self) -> tuple[Variable, Variable]:
        """Return the variables of a dynamic scale: the scale, and the number of finite steps since it last moved."""
        if self._kept is None:
            with init_scope() as graph, graph.name_scope(None):
                scale = Variable(np.float64(self.initial_scale), name="current_loss_scale", trainable=False)
                self._kept = scale, Variable(np.int64(0), name="good_steps", trainable=False)
        return self._kept

    @property
    def loss_scale(self) -> Tensor:
        """The scale, a float64 scalar."""
        return self._state()[0].value() if self.dynamic else convert_to_tensor(np.float64(self.initial_scale))

    @property
    def dynamic_counter(self) -> Variable | None:
        """The number of finite steps since the scale last moved; None for a fixed scale."""
        return self._state()[1] if self.dynamic else None

    @property
    def variables(self) -> VariableList:
        """The variables of the inner optimizer, then those of the scale."""
        inner = self.inner_optimizer.variables
        return VariableList([*(inner() if callable(inner) else inner), *(self._state() if self.dynamic else ())])

    @property
    def iterations(self) -> Any:
        """The number of steps, skipped ones included."""
        return self.inner_optimizer.iterations

    @iterations.setter
    def iterations(self, value: Any) -> None:
        self.inner_optimizer.iterations = value

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    # --- the step ----------------------------------------------------------------------------------------------------------------

    def get_scaled_loss(self, loss: Any) -> Any:
        """Return a loss times the scale.

        Args:
          loss: a floating point tensor, or a function without arguments that gives one: then a function is returned.
        """
        self._has_scaled = True
        if callable(loss):
            return lambda: self._scaled(loss())
        return self._scaled(loss)

    def _scaled(self, loss: Any) -> Any:
        tensor = convert_to_tensor(loss)
        return multiply(tensor, cast(self.loss_scale, tensor.dtype))

    def get_unscaled_gradients(self, grads: Iterable[Any]) -> list[Any]:
        """Return gradients divided by the scale.

        Args:
          grads: tensors, `IndexedSlices` and None.
        """
        self._has_unscaled = True
        inverse = divide(np.float64(1.0), self.loss_scale)
        return [map_values(lambda x: multiply(x, cast(inverse, x.dtype)), gradient) for gradient in grads]

    @naming_nearest
    def compute_gradients(self, loss: Any, var_list: Any = None, tape: Any = None) -> list[Pair]:
        """Return the gradients of a loss, computed of the scaled loss, as pairs (gradient or None, variable).

        Args:
          loss, var_list, tape: as the inner optimizer takes them.
        """
        if tape is not None and not callable(loss):
            with tape:
                loss = self.get_scaled_loss(loss)
        else:
            loss = self.get_scaled_loss(loss)
        pairs = self.inner_optimizer.compute_gradients(loss, var_list, tape=tape)
        unscaled = self.get_unscaled_gradients([gradient for gradient, _ in pairs])
        return [(gradient, variable) for gradient, (_, variable) in zip(unscaled, pairs, strict=True)]

    @naming_nearest
    def minimize(self, loss: Any, var_list: Any = None, tape: Any = None, name: str | None = None) -> Any:
        """Return a tensor that makes one step when it is run: scale, gradients, unscale, `apply_gradients`.

        Args:
          loss, var_list, tape: as the inner optimizer takes them. name: name of the step.
        """
        return self.apply_gradients(self.compute_gradients(loss, var_list, tape), name=name)

    def apply_gradients(self, grads_and_vars: Iterable[Pair], name: str | None = None, **kwargs: Any) -> Any:
        """Return a tensor that makes one step with gradients that are not scaled any more.

        Args:
          grads_and_vars, name, kwargs: as the inner optimizer takes them.

        Returns:
          The number of steps after this one, an int64 scalar.
        """
        if self._has_scaled != self._has_unscaled:
            names = ("get_scaled_loss", "get_unscaled_gradients")
            done, missing = names if self._has_scaled else names[::-1]
            warn_user(f"You called `LossScaleOptimizer.{done}()` and `apply_gradients()`, but not `{missing}()`: both belong together.")
        pairs = to_pairs(grads_and_vars)
        if not self.dynamic or not pairs:
            return self.inner_optimizer.apply_gradients(pairs, name=name, **kwargs)
        graph, finite = get_default_graph(), all_finite([pair for pair in pairs if pair[0] is not None])
        around = graph.current_guard
        with graph.write_only_if(finite if around is None else logical_and(around, finite)):
            step = self.inner_optimizer.apply_gradients(pairs, name=name, **kwargs)
        with graph.collect_writes() as writes:
            skipped = logical_not(finite)
            with graph.write_only_if(skipped if around is None else logical_and(around, skipped)):
                assign_add(self.iterations, convert_to_tensor(1, dtype=self.iterations.dtype))
            self._move_scale(finite)
        return with_dependencies([step, *writes], self.iterations.read_value())

    def _move_scale(self, finite: Tensor) -> None:
        scale, good_steps = self._state()
        good = add(good_steps.value(), np.int64(1))
        grows = logical_and(finite, greater_equal(good, np.int64(self.dynamic_growth_steps or 0)))
        lower = maximum(multiply(scale.value(), 0.5), 1.0)
        scale.assign(select(finite, select(grows, multiply(scale.value(), 2.0), scale.value()), lower))
        good_steps.assign(select(logical_and(finite, logical_not(grows)), good, zeros_as(good)))

    # --- configuration -------------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer, as JSON can hold them."""
        return {
            "inner_optimizer": serialize(self.inner_optimizer),
            "dynamic": self.dynamic,
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Return an optimizer from what `get_config` gave; `config` stays as it is."""
        inner = config["inner_optimizer"]
        made = deserialize(inner, custom_objects) if isinstance(inner, Mapping) else inner
        return cls(**{**config, "inner_optimizer": made})


def _check_arguments(inner: Any, dynamic: Any, initial_scale: Any, growth_steps: Any) -> None:
    if isinstance(inner, LossScaleOptimizer):
        raise ArgumentTypeError("LossScaleOptimizer cannot wrap another LossScaleOptimizer.")
    if not isinstance(inner, Optimizer | legacy.Optimizer):
        raise ArgumentTypeError(f'"inner_optimizer" must be an instance of a Keras optimizer, but got {inner!r}.')
    if getattr(inner, "_is_wrapped", False):
        raise ArgumentError(f'"inner_optimizer" is already wrapped by a LossScaleOptimizer: {inner!r}. Make another optimizer.')
    if not isinstance(dynamic, bool):
        raise ArgumentTypeError(f'"dynamic" argument to LossScaleOptimizer.__init__ must be a bool, but got {dynamic!r}.')
    if not dynamic and initial_scale is None:
        raise ArgumentError('"initial_scale" must be specified if "dynamic" is False.')
    if not dynamic and growth_steps is not None:
        raise ArgumentError(f'"dynamic_growth_steps" must be None if "dynamic" is False, but got {growth_steps!r}.')
    for name, value in (("initial_scale", initial_scale), ("dynamic_growth_steps", growth_steps)):
        if value is not None and not (isinstance(value, numbers.Real) and float(value) > 0):
            raise ArgumentError(f"{name} must be a number above 0, got {value!r}.")
