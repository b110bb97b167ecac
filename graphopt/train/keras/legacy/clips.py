"""The clips of Keras's older optimizers: attributes like the other hyper-parameters, done all, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.indexed_slices import map_values
from graphopt.ops.elementwise import cast, greater, multiply, ones_as, select
from graphopt.train.hyper import HyperParameter, check_hyper
from graphopt.train.keras.clipping import CLIPS as CLIP_FUNCTIONS
from graphopt.train.keras.legacy.hypers import CLIPS, HyperAttributes


class ClipAttributes(HyperAttributes):
    """The part of an optimizer that clips gradients."""

    gradient_transformers: Sequence[Any]

    @property
    def clipvalue(self) -> Any:
        """What each element of each gradient is clipped to, in both directions; None: nothing."""
        return self._clip("clipvalue")

    @clipvalue.setter
    def clipvalue(self, val: Any) -> None:
        self._set_clip("clipvalue", val)

    @property
    def clipnorm(self) -> Any:
        """What the norm of each gradient is clipped to; None: nothing."""
        return self._clip("clipnorm")

    @clipnorm.setter
    def clipnorm(self, val: Any) -> None:
        self._set_clip("clipnorm", val)

    @property
    def global_clipnorm(self) -> Any:
        """What the norm of all gradients together is clipped to; None: nothing."""
        return self._clip("global_clipnorm")

    @global_clipnorm.setter
    def global_clipnorm(self, val: Any) -> None:
        self._set_clip("global_clipnorm", val)

    def _clip(self, name: str) -> Any:
        known = self._present_state.hypers.get(name)
        return self._clips[name] if known is None or known.kind != "number" else known.read()

    def _set_clip(self, name: str, value: Any) -> None:
        if value is not None:
            check_hyper(value, name, self.ranges[name])
            if self.gradient_transformers:
                raise ArgumentError(
                    f"`{name}` cannot be set when `gradient_transformers` is set. Instead, use the `gradient_transformers` to specify "
                    f"clipping and other transformations. Received: val={value}, gradient_transformers={self.gradient_transformers}."
                )
        norms = {**self._clips, name: value}
        if norms["clipnorm"] is not None and norms["global_clipnorm"] is not None:
            raise ArgumentError(
                f"Cannot accept both `clipnorm` and `global_clipnorm`. Received: `clipnorm`={norms['clipnorm']}, "
                f"`global_clipnorm`={norms['global_clipnorm']}."
            )
        if value is not None or self._clips[name] is not None:
            self._change(self._clips, name, value)

    def _clipped(self, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Return the pairs with all clips that are given done, in order."""
        gradients, variables = [g for g, _ in pairs], [v for _, v in pairs]
        for name in CLIPS:
            if self._clips[name] is not None:
                gradients = _clip_or_zero(name, gradients, self._recorded(name))
        return list(zip(gradients, variables, strict=True))


def _clip_or_zero(name: str, gradients: list[Any], limit: HyperParameter) -> list[Any]:
    """Return the clipped gradients; zeros where the limit is 0, for which the formulas would divide 0 by 0."""
    if name == "clipvalue":
        return CLIP_FUNCTIONS[name](gradients, limit)
    is_positive = greater(limit.tensor, 0.0)
    positive = replace(limit, tensor=select(is_positive, limit.tensor, ones_as(limit.tensor)), kind="number", _casts={})
    clipped = CLIP_FUNCTIONS[name](gradients, positive)
    return [map_values(lambda values: multiply(values, cast(is_positive, values.dtype)), g) for g in clipped]
