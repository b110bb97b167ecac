"""What an older Keras optimizer defines: its weights, what its updates share, and the updates themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import UnsupportedError
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable, scatter_add, scatter_update
from graphopt.ops.elementwise import cast
from graphopt.ops.gradient_rows import sum_duplicate_rows
from graphopt.train.keras.legacy.hypers import HyperAttributes
from graphopt.train.keras.legacy.weights import KeptWeights


class UpdateMethods(KeptWeights, HyperAttributes):
    """The part of an optimizer that a subclass overrides."""

    def _create_all_weights(self, var_list: Sequence[Variable]) -> None:
        """Make what is not there yet: the counter, and the slots of new variables."""
        _ = self.iterations
        self._create_slots(var_list)

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        """Make the slots of the variables. Nothing by default."""

    def _prepare(self, var_list: Sequence[Variable]) -> dict[Any, dict[str, Any]]:
        """Return what the updates share, by device and element type."""
        keys = dict.fromkeys((v.device, v.dtype.base_dtype) for v in var_list)
        apply_state: dict[Any, dict[str, Any]] = {}
        for device, dtype in keys:
            apply_state[(device, dtype)] = {}
            self._prepare_local(device, dtype, apply_state)
        return apply_state

    def _prepare_local(self, var_device: Any, var_dtype: DType, apply_state: dict[Any, dict[str, Any]]) -> None:
        """Enter in `apply_state` what the updates of variables of one device and element type share."""
        if "learning_rate" in self._hyper:
            apply_state[(var_device, var_dtype)]["lr_t"] = self._decayed_lr(var_dtype)

    def _fallback_apply_state(self, var_device: Any, var_dtype: DType) -> dict[str, Any]:
        """Return what `_prepare_local` gives, where an update is recorded by itself."""
        apply_state: dict[Any, dict[str, Any]] = {(var_device, var_dtype): {}}
        self._prepare_local(var_device, var_dtype, apply_state)
        return apply_state[(var_device, var_dtype)]

    def _coefficients(self, var: Variable, apply_state: Any) -> dict[str, Any]:
        key = (var.device, var.dtype.base_dtype)
        found: dict[str, Any] = (apply_state or {}).get(key) or self._fallback_apply_state(*key)
        return found

    def _rate(self) -> Tensor:
        """Return the learning rate of this step, after `decay`, as a float64 scalar."""
        rate = self._hyper_tensor("learning_rate")
        if "decay" not in self._hyper:
            return rate
        rate = rate / (self._hyper_tensor("decay") * cast(self.iterations.value(), dtypes.float64) + 1.0)
        return rate

    def _decayed_lr(self, var_dtype: Any) -> Tensor:
        """Return the learning rate of this step, after `decay`, in an element type."""
        rate: Tensor = cast(self._rate(), dtypes.as_dtype(var_dtype))
        return rate

    def _resource_apply_dense(self, grad: Tensor, handle: Variable, apply_state: Any) -> Any:
        """Record the update of one variable; return the operation or tensor that stands for it."""
        raise UnsupportedError(f"`_resource_apply_dense` must be implemented in subclasses: {type(self).__name__} has none.")

    def _resource_apply_sparse_duplicate_indices(self, grad: Tensor, handle: Variable, indices: Tensor, **kwargs: Any) -> Any:
        """Record the update of one variable by rows of which some may repeat: adds them up and calls `_resource_apply_sparse`."""
        rows, unique = sum_duplicate_rows(grad, indices)
        return self._resource_apply_sparse(rows, handle, unique, **kwargs)

    def _resource_apply_sparse(self, grad: Tensor, handle: Variable, indices: Tensor, apply_state: Any) -> Any:
        """Record the update of one variable by rows without repetition."""
        raise UnsupportedError(f"`_resource_apply_sparse` must be implemented in subclasses: {type(self).__name__} has none.")

    def _resource_scatter_add(self, x: Variable, i: Any, v: Any) -> Tensor:
        """Add rows to a variable; return its new value."""
        tensor: Tensor = scatter_add(x, i, v)
        return tensor

    def _resource_scatter_update(self, x: Variable, i: Any, v: Any) -> Tensor:
        """Replace rows of a variable; return its new value."""
        tensor: Tensor = scatter_update(x, i, v)
        return tensor
