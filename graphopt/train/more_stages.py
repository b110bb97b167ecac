"""The keyword arguments by which `optimize_loss` takes the stages that TensorFlow's does not have, each at its fixed place."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Mapping
from typing import Any, Literal

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.train import stages
from graphopt.train.stages.stage import Stage, to_stage


class MoreStages:
    """The further stages of a training op, in their documented order.

    Each argument is what the stage's function in `tf.train.stages` takes first, or a stage made by it with all its settings; None leaves it
    out. In the order in which they act:

    Args:
      loss_scale: a number or "dynamic": `scale_loss`.
      aggregate_gradients: a function that sums a tensor over replicas: `aggregate`.
      accumulate_steps: how many runs make one step: `accumulate`.
      (`gradient_noise_scale` acts here.)
      gradient_noise: the variance `eta` of `add_annealed_noise`, or a pair (eta, gamma).
      (`gradient_multipliers` act here.)
      learning_rate_multipliers: factors of the change, by variable: `multiply_learning_rates`.
      (The norm before clipping is measured here.)
      centralize_gradients: True: `centralize`.
      clip_value: the largest absolute value: `clip_by_value`.
      clip_norm: the largest norm of each gradient: `clip_each_by_norm`.
      clip_block_rms: the largest root mean square of each: `clip_by_block_rms`.
      (`clip_gradients` acts here: the largest global norm, or a function.)
      clip_unit_ratio: the largest ratio to the norm of the weights: `clip_by_unit_ratio`.
      clipping: what several clips mean: "one": two are refused; "first": the first of this order acts, and a warning names the others;
        "all": all, in this order.
      (The clipped gradients are measured here.)
      non_finite: "skip" or "zero": `skip_non_finite`, `zero_non_finite`. max_non_finite: how many such steps in a row are allowed.
      weight_decay: the rate of `decay_weights`. weight_decay_exclude: variables, names or compiled expressions that do not decay.
      (The update happens here.)
      lookahead: every how many steps: `look_ahead`.
      constraints: functions of the variables: `constrain`.
      moving_average: the decay, or a `MovingAverages`.
    """

    def __init__(
        self,
        *,
        loss_scale: Any = None,
        aggregate_gradients: Any = None,
        accumulate_steps: Any = None,
        gradient_noise: Any = None,
        learning_rate_multipliers: Any = None,
        centralize_gradients: Any = None,
        clip_value: Any = None,
        clip_norm: Any = None,
        clip_block_rms: Any = None,
        clip_unit_ratio: Any = None,
        clipping: Literal["one", "first", "all"] = "one",
        non_finite: Any = None,
        max_non_finite: Any = None,
        weight_decay: Any = None,
        weight_decay_exclude: Any = (),
        lookahead: Any = None,
        constraints: Any = None,
        moving_average: Any = None,
    ) -> None:
        if clipping not in ("one", "first", "all"):
            raise ArgumentError(f"clipping is 'one', 'first' or 'all', got {clipping!r}.")
        if weight_decay_exclude and (weight_decay is None or isinstance(weight_decay, Stage)):
            raise ArgumentError("weight_decay_exclude was given without weight_decay, or with a stage, which has its own exclusions.")
        if max_non_finite is not None and not isinstance(non_finite, str):
            raise ArgumentError("max_non_finite was given without non_finite, or with a stage, which has its own bound.")
        self.clipping = clipping
        self.scaling = _made(loss_scale, stages.scale_loss)
        self.before_noise = [
            *self.scaling,
            *_made(aggregate_gradients, stages.aggregate),
            *_made(accumulate_steps, stages.accumulate),
        ]
        self.noise = _made(gradient_noise, lambda eta: stages.add_annealed_noise(*(eta if isinstance(eta, tuple) else (eta,))))
        self.multipliers = _made(learning_rate_multipliers, stages.multiply_learning_rates)
        self.centralize = _made(centralize_gradients or None, lambda _: stages.centralize())
        self.clips_before = [
            *_made(clip_value, stages.clip_by_value),
            *_made(clip_norm, stages.clip_each_by_norm),
            *_made(clip_block_rms, stages.clip_by_block_rms),
        ]
        self.clips_after = _made(clip_unit_ratio, stages.clip_by_unit_ratio)
        self.after_clipping = [
            *_made(non_finite, lambda word: _non_finite(word, max_non_finite)),
            *_made(weight_decay, lambda rate: stages.decay_weights(rate, exclude=weight_decay_exclude)),
            *_made(lookahead, stages.look_ahead),
            *_made(constraints, stages.constrain),
            *_made(moving_average, stages.MovingAverages),
        ]

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> MoreStages:
        """Return the stages that keyword arguments ask for.

        Raises:
          TypeError: for an argument that there is not; it names the nearest.
        """
        known = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
        for name in arguments:
            if name not in known:
                near = difflib.get_close_matches(name, [*known, *_FIRST_ARGUMENTS], n=1)
                hint = f" Did you mean {near[0]!r}?" if near else ""
                raise ArgumentTypeError(f"optimize_loss() got an unexpected keyword argument {name!r}.{hint}")
        return cls(**arguments)

    def clips_around(self, given: list[Stage]) -> list[Stage]:
        """Return the clips that act, with those of the argument `clip_gradients` at their place.

        Raises:
          ValueError: for two, unless `clipping` says what they mean.
        """
        clips = [*self.clips_before, *given, *self.clips_after]
        names = ", then ".join(repr(clip.name) for clip in clips)
        if len(clips) > 1 and self.clipping == "one":
            raise ArgumentError(
                f"Two ways of clipping were given: {names}. Pass clipping='all' for all in this order, or clipping='first'."
            )
        if len(clips) > 1 and self.clipping == "first":
            warnings.warn(f"Of {names} only the first is done, as clipping='first' says.", UserWarning, stacklevel=3)
            clips = clips[:1]
        return [*self.centralize, *clips]


_FIRST_ARGUMENTS = (
    "gradient_noise_scale",
    "gradient_multipliers",
    "clip_gradients",
    "learning_rate_decay_fn",
    "update_ops",
    "variables",
    "summaries",
    "increment_global_step",
)


def _made(given: Any, make: Any) -> list[Stage]:
    """Return the stage of an argument: one that was given, or one made of its setting."""
    if given is None:
        return []
    return [given if isinstance(given, Stage) else to_stage(make(given))]


def _non_finite(word: Any, most: Any) -> Stage:
    if word == "skip":
        return stages.skip_non_finite(most)
    if word == "zero":
        return stages.zero_non_finite(most)
    raise ArgumentError(f"non_finite is 'skip' or 'zero', or a stage, got {word!r}.")
