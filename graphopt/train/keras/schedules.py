"""Keras's learning-rate schedules: objects called with the step that give the rate.

In the formulas `s` is the step. Every numeric argument is a number, a scalar tensor or a variable. The calculation is done in float64;
`schedule_base` says which type the result has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from graphopt.errors import ArgumentError
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import subtract
from graphopt.train.keras.schedule_base import (
    MODULE,
    ArgumentsSchedule,
    as_type_of,
    check_not_negative,
    check_number,
    check_positive,
    check_rate,
    check_sorted,
    in_float64,
    own_float_type,
    warmed_up,
    widened,
)
from graphopt.train.keras.schedule_base import LearningRateSchedule as LearningRateSchedule
from graphopt.train.keras.serialization import (
    deserialize_keras_object,
    deserialize_legacy_object,
    register,
    serialize_keras_object,
    serialize_legacy_object,
)
from graphopt.train.schedules import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    piecewise_constant,
    polynomial_decay,
)


class _DecayByRate(ArgumentsSchedule):
    """What schedules share whose formula, `_decayed`, has a decay rate."""

    _decayed: ClassVar[Callable[..., Tensor]]
    arguments = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self, initial_learning_rate: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: str | None = None
    ) -> None:
        self.initial_learning_rate = check_rate("initial_learning_rate", initial_learning_rate)
        self.decay_steps = check_positive("decay_steps", decay_steps)
        self.decay_rate = check_number("decay_rate", decay_rate)
        self.staircase = staircase
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        rate = self.initial_learning_rate
        decayed = self._decayed(in_float64(rate), in_float64(step), self.decay_steps, self.decay_rate, self.staircase, self.name)
        return as_type_of(decayed, rate)


@register(MODULE)
class ExponentialDecay(_DecayByRate):
    """Decay by a factor in every `decay_steps` steps: ``rate decay_rate^(s/decay_steps)``.

    Args:
      initial_learning_rate: the rate at step 0. decay_steps: see above, positive. decay_rate: the factor.
      staircase: round s/decay_steps down. name: name of the operation.

    Raises:
      ValueError: when `decay_steps` is not positive, or the rate negative or NaN. TypeError: for an argument that is no number.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.ExponentialDecay(1.0, decay_steps=3, decay_rate=0.5)
      >>> tf.Session().run(schedule(6)).item()
      0.25

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    _decayed = staticmethod(exponential_decay)


@register(MODULE)
class InverseTimeDecay(_DecayByRate):
    """Decay with the inverse of the step: ``rate / (1 + decay_rate s/decay_steps)``.

    Args:
      initial_learning_rate: the rate at step 0. decay_steps: see above, positive. decay_rate: how fast it decays.
      staircase: round s/decay_steps down. name: name of the operation.

    Raises:
      ValueError: when `decay_steps` is not positive, or the rate negative or NaN. TypeError: for an argument that is no number.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.InverseTimeDecay(1.0, decay_steps=2, decay_rate=0.5)
      >>> tf.Session().run(schedule(4)).item()
      0.5

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    _decayed = staticmethod(inverse_time_decay)


@register(MODULE)
class PolynomialDecay(ArgumentsSchedule):
    """Decay to a lower rate: ``(rate - end)(1 - s/decay_steps)^power + end``, with s at most `decay_steps`.

    Args:
      initial_learning_rate: the rate at step 0. decay_steps: see above, positive. end_learning_rate: the rate from then on.
      power: the exponent.
      cycle: begin again after `decay_steps` steps, from a lower rate: in place of stopping, `decay_steps` becomes its first multiple
        that is not below s.
      name: name of the operation.

    Raises:
      ValueError: when `decay_steps` is not positive, or a rate negative or NaN. TypeError: for an argument that is no number.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.0, power=2)
      >>> tf.Session().run(schedule(5)).item()
      0.25

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    arguments = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        end_learning_rate: Any = 0.0001,
        power: Any = 1.0,
        cycle: bool = False,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate = check_rate("initial_learning_rate", initial_learning_rate)
        self.decay_steps = check_positive("decay_steps", decay_steps)
        self.end_learning_rate = check_rate("end_learning_rate", end_learning_rate)
        self.power = check_number("power", power)
        self.cycle = cycle
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        rate = self.initial_learning_rate
        decayed = polynomial_decay(
            in_float64(rate), in_float64(step), self.decay_steps, self.end_learning_rate, self.power, self.cycle, self.name
        )
        return as_type_of(decayed, rate)


@register(MODULE)
class PiecewiseConstantDecay(ArgumentsSchedule):
    """Hold ``values[0]`` up to and with step ``boundaries[0]``, ``values[1]`` up to and with ``boundaries[1]``, ..., then ``values[-1]``.

    Args:
      boundaries: steps, the smallest first. values: rates, one more. name: name of the operation.

    Raises:
      ValueError: when the lengths don't fit, or the boundaries are empty or not sorted. TypeError: for an argument that is no number.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])
      >>> tf.Session().run([schedule(10), schedule(11), schedule(21)])
      [np.float64(1.0), np.float64(0.5), np.float64(0.25)]

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    arguments = ("boundaries", "values", "name")

    def __init__(self, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> None:
        boundaries, values = list(boundaries), list(values)
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, and values={values} of length {len(values)}."
            )
        if not boundaries:
            raise ArgumentError("PiecewiseConstantDecay needs at least one boundary. Use the number itself for a constant rate.")
        self.boundaries = check_sorted("boundaries", boundaries)
        self.values = [check_rate(f"values[{i}]", value) for i, value in enumerate(values)]
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        boundaries, values = [in_float64(b) for b in self.boundaries], [in_float64(v) for v in self.values]
        return as_type_of(piecewise_constant(in_float64(step), boundaries, values, self.name), self._typed_value())

    def _typed_value(self) -> Any:
        """Return the value whose type the result has: the first that brings one."""
        types = {dtype: v for v in reversed(self.values) if (dtype := own_float_type(v)) is not None}
        if len(types) > 1:
            names = " and ".join(sorted(dtype.name for dtype in types))
            raise ArgumentError(f"The values of a PiecewiseConstantDecay must have one element type. Received: {names}.")
        return next(iter(types.values()), self.values[0])


@register(MODULE)
class CosineDecay(ArgumentsSchedule):
    """Decay along half a cosine, after a warm-up if `warmup_target` is given.

    Without warm-up: ``rate ((1-α) (1 + cos(π s/decay_steps)) / 2 + α)``, with s at most `decay_steps`. With it the rate goes in a straight
    line to `warmup_target` in the first `warmup_steps` steps, and the cosine starts there, from that rate; the whole takes
    ``warmup_steps + decay_steps`` steps.

    Args:
      initial_learning_rate: the rate at step 0. decay_steps: see above, positive.
      alpha: the part of the rate from which the cosine starts that is left at its end.
      name: name of the operation. warmup_target: the rate that the warm-up ends with. warmup_steps: its length; without a target it
        has no effect.

    Raises:
      ValueError: when `decay_steps` is not positive, or another argument negative or NaN. TypeError: for an argument that is no number.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.CosineDecay(0, decay_steps=10, warmup_target=1, warmup_steps=4)
      >>> [round(rate.item(), 3) for rate in tf.Session().run([schedule(2), schedule(4), schedule(9), schedule(14)])]
      [0.5, 1.0, 0.5, 0.0]

    Source: https://arxiv.org/abs/1608.03983; ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    arguments = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate: Any,
        decay_steps: Any,
        alpha: Any = 0.0,
        name: str | None = None,
        warmup_target: Any = None,
        warmup_steps: Any = 0,
    ) -> None:
        self.initial_learning_rate = check_rate("initial_learning_rate", initial_learning_rate)
        self.decay_steps = check_positive("decay_steps", decay_steps)
        self.alpha = check_not_negative("alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else check_rate("warmup_target", warmup_target)
        self.warmup_steps = check_not_negative("warmup_steps", warmup_steps)

    def __call__(self, step: Any) -> Tensor:
        rate = self.initial_learning_rate
        if self.warmup_target is None:
            return as_type_of(cosine_decay(in_float64(rate), in_float64(step), self.decay_steps, self.alpha, self.name), rate)
        with name_scope(self.name, "CosineDecay"):
            given, start, target, length = (widened(v) for v in (step, rate, self.warmup_target, self.warmup_steps))
            decayed = cosine_decay(target, subtract(given, length), self.decay_steps, self.alpha)
            return as_type_of(warmed_up(given, start, target, length, decayed), rate)


@register(MODULE)
class CosineDecayRestarts(ArgumentsSchedule):
    """Decay along half a cosine and start anew, each time `t_mul` as long and from a rate `m_mul` times as high.

    With `i` restarts so far and `f` the part of the current period that is over: ``rate ((1-α) m_mulⁱ (1 + cos(π f)) / 2 + α)``.

    Args:
      initial_learning_rate: the rate at step 0. first_decay_steps: length of the first period, positive.
      t_mul: positive; below 1 the periods add up to ``first_decay_steps / (1 - t_mul)`` steps, and beyond there is no rate (NaN).
      m_mul: see above. alpha: the part of the rate that is left at the end of a period. name: name of the operation.

    Raises:
      ValueError: when `first_decay_steps` or `t_mul` is not positive, or the rate negative or NaN. TypeError: for an argument that is no
        number.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.CosineDecayRestarts(1.0, first_decay_steps=10, m_mul=0.5)
      >>> [round(rate.item(), 3) for rate in tf.Session().run([schedule(5), schedule(10), schedule(20)])]
      [0.5, 0.5, 0.25]

    Source: https://arxiv.org/abs/1608.03983; ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    arguments = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self,
        initial_learning_rate: Any,
        first_decay_steps: Any,
        t_mul: Any = 2.0,
        m_mul: Any = 1.0,
        alpha: Any = 0.0,
        name: str | None = None,
    ) -> None:
        self.initial_learning_rate = check_rate("initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = check_positive("first_decay_steps", first_decay_steps)
        self.t_mul = check_positive("t_mul", t_mul)
        self.m_mul = check_number("m_mul", m_mul)
        self.alpha = check_not_negative("alpha", alpha)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        rate = self.initial_learning_rate
        decayed = cosine_decay_restarts(
            in_float64(rate), in_float64(step), self.first_decay_steps, self.t_mul, self.m_mul, self.alpha, self.name
        )
        return as_type_of(decayed, rate)


# --- serialisation -----------------------------------------------------------------------------------------------------------


def serialize(learning_rate_schedule: Any, use_legacy_format: bool = False) -> dict[str, Any]:
    """Return a schedule as a JSON-safe dictionary.

    Args:
      learning_rate_schedule: the schedule. use_legacy_format: give ``{"class_name", "config"}`` only.

    Raises:
      TypeError: for something without `get_config`. ValueError: when an argument is a tensor or a variable.

    Example:
      >>> schedules = tf.keras.optimizers.schedules
      >>> schedules.serialize(schedules.InverseTimeDecay(0.1, 10, 0.5), use_legacy_format=True)["class_name"]
      'InverseTimeDecay'

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """
    return serialize_legacy_object(learning_rate_schedule) if use_legacy_format else serialize_keras_object(learning_rate_schedule)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the schedule that `serialize` described, in either format.

    Args:
      config: the dictionary; it stays as it is. custom_objects: schedules of one's own, by the name of their class.
      use_legacy_format: raise what Keras's older function raises.

    Raises:
      TypeError: for an unknown class (ValueError with `use_legacy_format`) or no dictionary. ValueError: for one without
        `class_name` and `config`.

    Example:
      >>> schedules = tf.keras.optimizers.schedules
      >>> config = schedules.serialize(schedules.ExponentialDecay(0.1, 10, 0.5))
      >>> schedules.deserialize(config).decay_steps
      10

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """
    if use_legacy_format:
        return deserialize_legacy_object(config, MODULE, custom_objects, "decay")
    return deserialize_keras_object(config, MODULE, custom_objects)
