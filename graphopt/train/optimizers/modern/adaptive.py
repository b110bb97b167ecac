"""Adam's relatives, as optax defines them: AdamW, NAdamW, RAdam, AdaBelief, Yogi, Adan, AdEMAMix, ADOPT."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops import training_modern
from graphopt.ops.elementwise import cast, greater_equal, power, select, sqrt
from graphopt.ops.step_rule import StepRule
from graphopt.train.optimizers.modern.base import CountingOptimizer, StepSlot, bias_correction, direction_scales
from graphopt.train.optimizers.registry import registered


def adam_scalars(h: SimpleNamespace, t: Any, nesterov: bool) -> dict[str, Any]:
    """Return the scalars that Adam and its relatives share."""
    scales = direction_scales(h.b1, t, nesterov)
    return {**vars(h), **scales, "v_scale": bias_correction(h.b2, t), "lr": h.learning_rate}


@registered("optimizers.AdamW", sparse="as dense", learning_rate=0.1, weight_decay=1e-4)
class AdamW(CountingOptimizer):
    """Adam with decoupled weight decay: ``w -= lr (m̂ / (√(v̂ + ε_root) + ε) + λ w)``.

    Args:
      learning_rate, b1, b2, eps, eps_root, weight_decay: numbers, scalar tensors, schedules of the number of updates, or functions.
      mask: which variables decay: a list, a regular expression on the name, or a function of the variable (all by default).
      nesterov: look ahead, as Nadam. name: name of the training operation and the slots.

    Source: Loshchilov, Hutter 2019, https://arxiv.org/abs/1711.05101; optax.adamw.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.AdamW(0.1, weight_decay=0.01).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.899 -1.898]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-8,
        eps_root: Any = 0.0,
        weight_decay: Any = 1e-4,
        mask: Any = None,
        *,
        nesterov: bool = False,
        name: str = "AdamW",
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps, eps_root=eps_root, weight_decay=weight_decay)
        self.decays = mask
        self._nesterov = nesterov

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.adamw

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return adam_scalars(h, t, self._nesterov) | {"decay": h.learning_rate * h.weight_decay}


@registered("optimizers.NAdamW", sparse="as dense", learning_rate=0.1, weight_decay=1e-4)
class NAdamW(AdamW):
    """`AdamW` with Nesterov's look ahead.

    Args:
      learning_rate, b1, b2, eps, eps_root, weight_decay, mask, name: as `AdamW`.

    Source: Dozat 2016, https://openreview.net/pdf?id=OM0jvwB8jIp57ZJjtNEZ; optax.nadamw.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.NAdamW(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.853 -1.853]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-8,
        eps_root: Any = 0.0,
        weight_decay: Any = 1e-4,
        mask: Any = None,
        name: str = "NAdamW",
    ) -> None:
        super().__init__(learning_rate, b1, b2, eps, eps_root, weight_decay, mask, nesterov=True, name=name)


@registered("optimizers.RAdam", sparse="as dense", learning_rate=0.1)
class RAdam(CountingOptimizer):
    """Rectified Adam: while the second moment is known too badly, plain momentum; then Adam's step times a rectifier.

    Args:
      learning_rate, b1, b2, eps, eps_root: numbers, scalar tensors, schedules of the number of updates, or functions.
      threshold: from which length of the second moment's average on Adam's step is made.
      nesterov: look ahead. name: name of the training operation and the slots.

    Source: Liu et al. 2020, https://arxiv.org/abs/1908.03265; optax.radam.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.RAdam(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.8 -1.6]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-8,
        eps_root: Any = 0.0,
        threshold: Any = 5.0,
        *,
        nesterov: bool = False,
        name: str = "RAdam",
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps, eps_root=eps_root, threshold=threshold)
        self._nesterov = nesterov

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.radam

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars: the rectifier among them."""
        longest, decayed = 2 / (1 - h.b2) - 1, power(h.b2, t)
        length = longest - 2 * t * decayed / (1 - decayed)
        rectified = greater_equal(length, h.threshold)
        ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        rectifier = sqrt(select(rectified, ratio, np.float64(1.0)))
        return adam_scalars(h, t, self._nesterov) | {"rectifier": rectifier, "is_rectified": cast(rectified, dtypes.float64)}


@registered("optimizers.AdaBelief", sparse="as dense", learning_rate=0.1)
class AdaBelief(CountingOptimizer):
    """Adam that divides by how far the gradients are from their average: ``v`` averages ``(g - m)²``.

    Args:
      learning_rate, b1, b2, eps, eps_root: numbers, scalar tensors, schedules of the number of updates, or functions.
      nesterov: look ahead. name: name of the training operation and the slots.

    Source: Zhuang et al. 2020, https://arxiv.org/abs/2010.07468; optax.adabelief.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.AdaBelief(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.889 -1.889]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-16,
        eps_root: Any = 1e-16,
        *,
        nesterov: bool = False,
        name: str = "AdaBelief",
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps, eps_root=eps_root)
        self._nesterov = nesterov

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.adabelief

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return adam_scalars(h, t, self._nesterov)


@registered("optimizers.Yogi", sparse="as dense", learning_rate=0.1)
class Yogi(CountingOptimizer):
    """Adam whose second moment moves by a bounded amount: ``v -= (1-β2) sign(v - g²) g²``. Both moments start at 1e-6.

    Args:
      learning_rate, b1, b2, eps: numbers, scalar tensors, schedules of the number of updates, or functions.
      name: name of the training operation and the slots.

    Source: Zaheer et al. 2018, https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization; optax.yogi.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Yogi(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]
    """

    def __init__(self, learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-3, name: str = "Yogi") -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.yogi

    def slots_of(self, var: Variable) -> list[StepSlot]:
        """Return the slots: both averages start above 0."""
        return [StepSlot("m", 1e-6), StepSlot("v", 1e-6)]

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return adam_scalars(h, t, nesterov=False) | {"eps_root": np.float64(0.0)}


@registered("optimizers.Adan", sparse="as dense", learning_rate=0.1)
class Adan(CountingOptimizer):
    """Adam that also averages the change of the gradients, in place of Nesterov's look ahead.

    Args:
      learning_rate, b1, b2, b3, eps, eps_root, weight_decay: numbers, scalar tensors, schedules of the number of updates, or functions.
        b1 averages the gradients, b2 their changes, b3 the squares.
      mask: which variables decay (all by default). name: name of the training operation and the slots.

    Source: Xie et al. 2022, https://arxiv.org/abs/2208.06677; optax.adan.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Adan(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.98,
        b2: Any = 0.92,
        b3: Any = 0.99,
        eps: Any = 1e-8,
        eps_root: Any = 1e-8,
        weight_decay: Any = 0.0,
        mask: Any = None,
        name: str = "Adan",
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, b3=b3, eps=eps, eps_root=eps_root, weight_decay=weight_decay)
        self.decays = mask

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.adan

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return vars(h) | {
            "m_scale": bias_correction(h.b1, t),
            "v_scale": bias_correction(h.b2, t) * (1 - h.b2),
            "n_scale": bias_correction(h.b3, t),
            "is_later": 1 - self._is_first_number(),
            "lr": h.learning_rate,
            "decay": h.learning_rate * h.weight_decay,
        }


@registered("optimizers.AdEMAMix", sparse="as dense", learning_rate=0.02, b3=0.99, alpha=2.0)
class AdEMAMix(CountingOptimizer):
    """Adam with a second, much slower average of the gradients: ``w -= lr ((m̂ + α s) / (√(v̂ + ε_root) + ε) + λ w)``.

    Args:
      learning_rate, b1, b2, b3, alpha, eps, eps_root, weight_decay: numbers, scalar tensors, schedules of the number of updates, or
        functions. b3 belongs to the slow average, which is not corrected for its start; alpha is its weight.
      mask: which variables decay (all by default). name: name of the training operation and the slots.

    Source: Pagliardini, Ablin, Grangier 2024, https://arxiv.org/abs/2409.03137; optax.contrib.ademamix.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.AdEMAMix(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        b3: Any = 0.9999,
        alpha: Any = 5.0,
        eps: Any = 1e-8,
        eps_root: Any = 0.0,
        weight_decay: Any = 0.0,
        mask: Any = None,
        name: str = "AdEMAMix",
    ) -> None:
        numbers = {"b1": b1, "b2": b2, "b3": b3, "alpha": alpha, "eps": eps, "eps_root": eps_root}
        super().__init__(name, learning_rate=learning_rate, **numbers, weight_decay=weight_decay)
        self.decays = mask

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.ademamix

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        scales = {"m_scale": bias_correction(h.b1, t), "v_scale": bias_correction(h.b2, t)}
        return vars(h) | scales | {"lr": h.learning_rate, "decay": h.learning_rate * h.weight_decay}


def fourth_root(count: Tensor) -> Tensor:
    """Return the bound of ADOPT's clipping after so many updates, a float64 scalar: their fourth root."""
    bound: Tensor = power(count, np.float64(0.25))
    return bound


@registered("optimizers.ADOPT", sparse="as dense", learning_rate=0.1, b2=0.99)
class ADOPT(CountingOptimizer):
    """Adam that divides by the second moment of the steps before: it converges for every b2. The first step changes nothing.

    Args:
      learning_rate, b1, b2, eps: numbers, scalar tensors, schedules of the number of updates, or functions.
      nesterov: look ahead. use_clipping: bound the divided gradients.
      clip_value_fn: gives the bound from the number of updates made so far, both float64 scalar tensors.
      name: name of the training operation and the slots.

    Source: Taniguchi et al. 2024, https://arxiv.org/abs/2411.02853; optax.contrib.adopt.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.ADOPT(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for _ in range(2):
      ...         session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.99 -1.99]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.9999,
        eps: Any = 1e-6,
        *,
        nesterov: bool = False,
        use_clipping: bool = True,
        clip_value_fn: Callable[[Tensor], Any] = fourth_root,
        name: str = "ADOPT",
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps)
        self._options = {"nesterov": bool(nesterov), "use_clipping": bool(use_clipping)}
        self._clip_value_fn = clip_value_fn

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.adopt

    def rule_attributes_of(self, var: Variable) -> dict[str, Any]:
        """Return whether to look ahead and to clip."""
        return self._options

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars: the first step only measures the squares."""
        first = self._is_first()
        betas = {"b1": select(first, np.float64(1.0), h.b1), "b2": select(first, np.float64(0.0), h.b2)}
        return vars(h) | betas | {"clip_value": self._clip_value_fn(t - 1), "lr": h.learning_rate}
