"""Older Keras optimizers of one's own: subclasses that define what Keras lets them define."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import legacy


def values_after(step: Any, fetches: Any) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        return session.run(fetches)


class Remembering(legacy.Optimizer):
    """Descent along the sum of this gradient and half of the last one, with everything that Keras lets a subclass define."""

    def __init__(self, learning_rate: Any = 0.01, share: Any = 0.5, name: str = "Remembering", **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("share", share)

    def _create_slots(self, var_list: Any) -> None:
        for var in var_list:
            self.add_slot(var, "last")

    def _prepare_local(self, var_device: Any, var_dtype: Any, apply_state: Any) -> None:
        super()._prepare_local(var_device, var_dtype, apply_state)
        apply_state[(var_device, var_dtype)]["share"] = tf.identity(self._get_hyper("share", var_dtype))

    def _resource_apply_dense(self, grad: Any, var: Any, apply_state: Any = None) -> Any:
        var_device, var_dtype = var.device, var.dtype.base_dtype
        coefficients = (apply_state or {}).get((var_device, var_dtype)) or self._fallback_apply_state(var_device, var_dtype)
        last = self.get_slot(var, "last")
        change = coefficients["lr_t"] * (grad + coefficients["share"] * last)
        var_update = var.assign_sub(change, use_locking=self._use_locking)
        last.assign(grad, use_locking=self._use_locking)  # not returned, but recorded
        return var_update

    def _resource_apply_sparse(self, grad: Any, var: Any, indices: Any, apply_state: Any = None) -> Any:
        coefficients = (apply_state or {}).get((var.device, var.dtype.base_dtype))
        return self._resource_scatter_add(var, indices, -coefficients["lr_t"] * grad)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "learning_rate": self._serialize_hyperparameter("learning_rate"),
            "decay": self._initial_decay,
            "share": self._serialize_hyperparameter("share"),
        }


def test_an_optimizer_of_ones_own() -> None:
    w = tf.Variable(np.float64(1.0), name="w")
    opt = Remembering(0.1)
    step = opt.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run([w, opt.get_slot(w, "last")]) == [pytest.approx(0.9), 1.0]
        opt.share = 1.0
        session.run(step)
        assert session.run(w) == pytest.approx(0.9 - 0.2)
        assert Remembering.from_config(opt.get_config()).get_config() == opt.get_config()
    assert opt.get_config()["share"] == 0.5 or opt.share == 1.0


def test_an_optimizer_of_ones_own_with_rows() -> None:
    table = tf.Variable(np.array([1.0, 2.0, 3.0]))
    rows = tf.IndexedSlices(tf.constant(np.array([1.0, 2.0, 3.0])), tf.constant([2, 0, 2]))
    np.testing.assert_allclose(values_after(Remembering(0.1).apply_gradients([(rows, table)]), table), [0.8, 2.0, 2.6])


def test_methods_without_apply_state_and_without_result() -> None:
    class Plain(legacy.Optimizer):
        def __init__(self) -> None:
            super().__init__("Plain")

        def _resource_apply_dense(self, grad: Any, var: Any) -> None:  # type: ignore[override]
            var.assign_sub(grad)

    w = tf.Variable(1.0, constraint=lambda x: tf.maximum(x, -0.5))
    v = tf.Variable(1.0)
    assert values_after(Plain().apply_gradients([(2.0, w), (2.0, v)]), [w, v]) == [-0.5, -1.0]


def test_a_subclass_that_changes_gradients_on_their_way() -> None:
    class Halving(legacy.SGD):
        def _transform_loss(self, loss: Any) -> Any:
            return loss * 4.0

        def _transform_unaggregated_gradients(self, grads_and_vars: Any) -> Any:
            return [(g / 2.0, v) for g, v in grads_and_vars]

        def _aggregate_gradients(self, grads_and_vars: Any) -> Any:
            return [(g + 1.0, v) for g, v in grads_and_vars]

    w = tf.Variable(1.0)
    assert values_after(Halving(1.0).minimize(lambda: 3.0 * w, [w]), w) == 1.0 - 7.0


def test_a_subclass_of_a_rule_that_updates_rows_itself() -> None:
    class Rows(legacy.SGD):
        def _resource_apply_sparse(self, grad: Any, var: Any, indices: Any, apply_state: Any = None) -> Any:
            return self._resource_scatter_update(var, indices, grad)

    table = tf.Variable([1.0, 2.0])
    rows = tf.IndexedSlices(tf.constant([3.0, 4.0]), tf.constant([1, 1]))
    np.testing.assert_allclose(values_after(Rows().apply_gradients([(rows, table)]), table), [1.0, 7.0])
