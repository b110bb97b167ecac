"""The base of Keras's older optimizers (OptimizerV2), in graph mode.

What it records is one tensor that stands for the whole step: all updates, then the constraints, then ``iterations + 1``.
"""

from __future__ import annotations

import copy
import difflib
import inspect
import re
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

from graphopt import dtypes
from graphopt.autodiff.gradients import gradients
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, UnsupportedError, lines
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import init_scope, name_scope
from graphopt.graph.training_info import record_update
from graphopt.graph.variables import Variable, assign_add, group, trainable_variables
from graphopt.ops.control import no_op
from graphopt.train.gradients_missing import reasons_for
from graphopt.train.hyper import check_hyper
from graphopt.train.keras.hyper_arguments import warn_user
from graphopt.train.keras.legacy.clips import ClipAttributes
from graphopt.train.keras.legacy.hypers import CLIPS
from graphopt.train.keras.legacy.pairs import Pair, as_gradient, as_pairs, checked, with_gradients
from graphopt.train.keras.legacy.updates import UpdateMethods
from graphopt.train.keras.schedules import deserialize
from graphopt.train.optimizers.chosen_variables import flatten
from graphopt.train.unknown_arguments import naming_nearest

Transformer = Callable[[list[Pair]], list[Pair]]


class Optimizer(UpdateMethods, ClipAttributes):
    """Base of Keras's older optimizers.

    A new optimizer makes its slots in `_create_slots` with `add_slot`, and records its update in `_resource_apply_dense` and
    `_resource_apply_sparse`, with hyper-parameters that its constructor made known by `_set_hyper`.

    Args:
      name: scope of what is recorded and of the slots; None or "" gives a unique one, made of the class's name.
      gradient_aggregator: a function of pairs (gradient, variable) that adds the gradients of all replicas; by default, with one
        replica, they stay as they are.
      gradient_transformers: functions of pairs, done one after the other behind it, in place of the clips.
      clipvalue, clipnorm, global_clipnorm: clip each element, each gradient, all together; whichever are given are done, in this order.
        0 makes every gradient zero.
      lr: an old name of `learning_rate`. decay: the rate of step s is divided by ``1 + decay s``.

    Raises:
      TypeError: for another keyword. ValueError: for a negative number, for both norms, or for a clip besides transformers.

    Example:
      >>> class Plain(tf.keras.optimizers.legacy.Optimizer):
      ...     def __init__(self, learning_rate=0.1, name="Plain", **kwargs):
      ...         super().__init__(name, **kwargs)
      ...         self._set_hyper("learning_rate", learning_rate)
      ...
      ...     def _resource_apply_dense(self, grad, var, apply_state=None):
      ...         return var.assign_sub(self._decayed_lr(var.dtype) * grad)
      >>> w = tf.Variable(3.0)
      >>> step = Plain().minimize(lambda: w * w, [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(step), round(float(session.run(w)), 4))
      1 2.4

    Source: ``tf_keras/optimizers/legacy/optimizer_v2.py`` (2.15).
    """

    _HAS_AGGREGATE_GRAD: ClassVar[bool] = True

    def __init__(
        self,
        name: str | None,
        gradient_aggregator: Transformer | None = None,
        gradient_transformers: Sequence[Transformer] | None = None,
        **kwargs: Any,
    ) -> None:
        self._check_keywords(kwargs)
        if "lr" in kwargs:
            warn_user("The `lr` argument is deprecated, use `learning_rate` instead.")
        self._graphs = weakref.WeakSet()
        self._name = name or _unique_name(type(self).__name__)
        self._use_locking = True
        self._slot_names: list[str] = []
        self._hyper: dict[str, Any] = {}
        self._initial_decay = kwargs.get("decay", 0.0)
        self.gradient_aggregator = gradient_aggregator or (lambda pairs: pairs)
        self.gradient_transformers = list(gradient_transformers or [])
        self._clips = dict.fromkeys(CLIPS)
        for clip in CLIPS:
            setattr(self, clip, kwargs.get(clip))

    def _check_keywords(self, kwargs: dict[str, Any]) -> None:
        allowed = [*CLIPS, "decay", "lr"]
        for key, value in kwargs.items():
            if key not in allowed:
                known = [*allowed, *list(inspect.signature(type(self)).parameters)]
                near = difflib.get_close_matches(key, known, n=1)
                hint = f" Did you mean `{near[0]}`?" if near else ""
                rule = f"Unexpected keyword argument passed to optimizer: {key}."
                raise ArgumentTypeError(f"{rule} Allowed kwargs are {', '.join(sorted(allowed))}.{hint}")
            if isinstance(value, int | float) and value < 0:
                raise ArgumentError(f"Expected {key} >= 0, received: {value}")
            if value is not None:
                check_hyper(value, key)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return an optimizer with the same settings, which keeps nothing in any graph yet."""
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        for key, value in self.__dict__.items():
            # What belongs to a graph is shared, as is the graph.
            made.__dict__[key] = weakref.WeakSet() if key == "_graphs" else copy.deepcopy(value, memo) if _is_plain(value) else value
        return made

    # --- the training operation ------------------------------------------------------------------------------------------------

    @naming_nearest
    def minimize(self, loss: Any, var_list: Any, grad_loss: Any = None, name: str | None = None, tape: Any = None) -> Any:
        """Return a tensor that makes one step when it is run: `compute_gradients`, then `apply_gradients`.

        Args:
          loss: what to make smaller: a function without arguments, or a tensor.
          var_list: variables, nested as you like, or a function that gives them, called after the loss.
          grad_loss: the gradient of the loss to start from (ones by default). name: scope of the updates.
          tape: a `GradientTape` that recorded the loss, or that is to record it.

        Returns:
          The number of steps after this one, an integer scalar.

        Raises:
          ValueError: when no variable has a gradient; it says for each why.
        """
        self._differentiated = None
        pairs = self._compute_gradients(loss, var_list, grad_loss, tape)
        target, self._differentiated = self._differentiated, None
        if target is not None and pairs and all([gradient is None for gradient, _ in pairs]):
            names = [v.name for _, v in pairs]
            raise ArgumentError(lines(f"No gradients provided for any variable: {names}.", *reasons_for(target, [v for _, v in pairs])))
        return self.apply_gradients(pairs, name=name)

    _differentiated: Tensor | None = None

    @naming_nearest
    def compute_gradients(self, loss: Any, var_list: Any = None, grad_loss: Any = None, tape: Any = None) -> list[Pair]:
        """Return the gradient of the loss for each variable, as pairs (gradient or None, variable).

        Args:
          loss, grad_loss, tape: see `minimize`. var_list: see there; by default the trainable variables.

        Raises:
          ValueError: for a loss or a variable that is no floating point number.
        """
        return self._compute_gradients(loss, trainable_variables if var_list is None else var_list, grad_loss, tape)

    def _compute_gradients(self, loss: Any, var_list: Any, grad_loss: Any = None, tape: Any = None) -> list[Pair]:
        if callable(loss) and not isinstance(loss, Tensor | Variable):
            if tape is None:
                loss = loss()
            else:
                with tape:
                    loss = loss()
        target = self._differentiated = convert_to_tensor(loss)
        variables = list(flatten(var_list() if callable(var_list) and not isinstance(var_list, Variable) else var_list))
        self._assert_valid_dtypes([target])
        with name_scope(f"{self._name}/gradients"):
            target = self._transform_loss(target)
            pairs = self._get_gradients(tape, target, variables, grad_loss)
        self._assert_valid_dtypes([v for g, v in pairs if g is not None])
        return pairs

    def _transform_loss(self, loss: Any) -> Any:
        """Return what is differentiated in place of the loss. The loss itself by default."""
        return loss

    def _get_gradients(self, tape: Any, loss: Any, var_list: Any, grad_loss: Any = None) -> list[Pair]:
        """Return the pairs of gradients and variables."""
        if tape is not None:
            return list(zip(tape.gradient(loss, var_list, grad_loss), var_list, strict=True))
        return list(zip(gradients(loss, var_list, grad_ys=grad_loss) if var_list else [], var_list, strict=True))

    def get_gradients(self, loss: Any, params: Any) -> list[Any]:
        """Return the gradient of the loss for each of `params`.

        Args:
          loss: a tensor. params: variables, nested as you like.

        Raises:
          ValueError: when one has no gradient.
        """
        variables = list(flatten(params))
        with name_scope(f"{self._name}/gradients"):
            found = gradients(loss, variables)
        for gradient, param in zip(found, variables, strict=True):
            if gradient is None:
                raise ArgumentError(
                    f"Variable {param} has `None` for gradient. Please make sure that the loss depends on it, "
                    "by operations that have a gradient defined (i.e. are differentiable)."
                )
        return found

    def get_updates(self, loss: Any, params: Any) -> list[Any]:
        """Return a list of one tensor, which makes one step when it is run."""
        variables = list(flatten(params))
        found = self.get_gradients(loss, variables)
        self._assert_valid_dtypes(variables)
        return [self.apply_gradients(zip(found, variables, strict=True))]

    @naming_nearest
    def apply_gradients(
        self, grads_and_vars: Iterable[Pair], name: str | None = None, experimental_aggregate_gradients: bool = True
    ) -> Tensor | Operation:
        """Return a tensor that, when it is run, changes each variable by its gradient, and then adds one to `iterations`.

        Args:
          grads_and_vars: pairs (gradient, variable); a variable whose gradient is None stays as it is. An empty list does nothing.
          name: scope of the updates (the optimizer's name by default).
          experimental_aggregate_gradients: whether `gradient_aggregator` is called.

        Returns:
          The number of steps after this one, an integer scalar; for an empty list an operation.

        Raises:
          ValueError: when all gradients are None, or one has another shape than its variable. TypeError: for something else than pairs,
          or another element type. NotImplementedError: for a tensor in a variable's place. RuntimeError: for sparse rows of a variable
          with a constraint.
        """
        pairs = with_gradients(as_pairs(grads_and_vars))
        variables = [v for _, v in pairs]
        graph = get_default_graph()
        for v in variables:
            if not isinstance(v, Variable):
                raise UnsupportedError(f"Updating a `Tensor` is not implemented. Received: var={v}.")
        with name_scope(None, self._name):
            with init_scope():
                self._create_all_weights(variables)
            if not pairs:
                nothing: Operation = no_op()
                return nothing
            # Everything that a method records has to happen, not only what it returns.
            with graph.collect_writes() as writes:
                updates = self._record_updates(pairs, name or self._name, experimental_aggregate_gradients)
            self._state_in(graph).has_updates = True
            with graph.control_dependencies([group(*updates, *writes)]), name_scope(None, name or self._name):
                counter = self.iterations
                step = assign_add(counter, convert_to_tensor(1, dtype=counter.dtype))
            record_update(step, self, pairs, counter)
            return step

    def _record_updates(self, pairs: list[Pair], scope: str, aggregate: bool) -> list[Any]:
        self._create_hypers()
        pairs = [(as_gradient(gradient, v), v) for gradient, v in pairs]
        apply_state = self._prepare([v for _, v in pairs])
        if aggregate:
            pairs = self._aggregate_gradients(self._transform_unaggregated_gradients(pairs))
        pairs = self._transform_gradients(pairs)
        with name_scope(None, scope):
            return [self._update(checked(gradient, v), v, apply_state) for gradient, v in pairs]

    def _update(self, gradient: Any, var: Variable, apply_state: Any) -> Any:
        """Record the update of one variable, and its constraint."""
        with name_scope(f"update_{var.op.name}"):
            if isinstance(gradient, IndexedSlices):
                if var.constraint is not None:
                    raise GraphStateError(f"Cannot use a constraint function on a sparse variable. Received: {var.name}, {gradient}.")
                extra = _state_if_wanted(self._resource_apply_sparse, apply_state)
                return self._resource_apply_sparse_duplicate_indices(gradient.values, var, gradient.indices, **extra)
            update = self._resource_apply_dense(gradient, var, **_state_if_wanted(self._resource_apply_dense, apply_state))
            if var.constraint is None:
                return update if update is not None else []
            with get_default_graph().control_dependencies([] if update is None else [update]):
                return var.assign(var.constraint(var))

    # --- gradients on their way to the updates -----------------------------------------------------------------------------------

    def _transform_unaggregated_gradients(self, grads_and_vars: list[Pair]) -> list[Pair]:
        """Return the pairs that are aggregated. Those given by default."""
        return grads_and_vars

    def _aggregate_gradients(self, grads_and_vars: list[Pair]) -> list[Pair]:
        """Return the pairs with the gradients of all replicas."""
        return self.gradient_aggregator(grads_and_vars)

    def _transform_gradients(self, grads_and_vars: list[Pair]) -> list[Pair]:
        """Return the pairs clipped and transformed."""
        pairs = self._clipped(list(grads_and_vars))
        for transform in self.gradient_transformers:
            pairs = transform(pairs)
        return list(pairs)

    def _valid_dtypes(self) -> set[DType]:
        """Return the element types that losses and variables may have."""
        return set(dtypes.FLOATS)

    def _assert_valid_dtypes(self, tensors: Iterable[Any]) -> None:
        valid = self._valid_dtypes()
        for t in tensors:
            if t.dtype not in valid:
                raise ArgumentError(f"Invalid type {t.dtype!r} for {t.name}, expected: {sorted(valid, key=lambda d: d.name)}.")

    def _call_if_callable(self, param: Any) -> Any:
        """Return a value, or what it gives when it is a function."""
        return param() if callable(param) else param

    # --- configuration -----------------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer, as plain data: floats, and dictionaries for schedules.

        Raises:
          ValueError: for a tensor or variable, without a default session.
        """
        clips = {name: self._plain(name, given) for name, given in self._clips.items() if given is not None}
        return {"name": self._name, **clips}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Return an optimizer from what `get_config` gave; `config` stays as it is.

        Args:
          config: the arguments by name. custom_objects: classes of schedules of your own, by name.
        """
        arguments = dict(config)
        if "lr" in arguments:
            arguments["learning_rate"] = arguments.pop("lr")
        if isinstance(arguments.get("learning_rate"), dict):
            arguments["learning_rate"] = deserialize(arguments["learning_rate"], custom_objects)
        return cls(**arguments)


def _unique_name(class_name: str) -> str:
    """Return a name made of the class's, such as ``sgd``, ``sgd_1``."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)).lower()
    counts: dict[str, int] = get_default_graph().root.state.setdefault("legacy_keras_optimizer_names", {})
    counts[words] = counts.get(words, -1) + 1
    return f"{words}_{counts[words]}" if counts[words] else words


def _is_plain(value: Any) -> bool:
    """Tell whether a value may be copied: no tensor, variable or function is among it."""
    if isinstance(value, dict | list | tuple):
        return all(_is_plain(item) for item in (value.values() if isinstance(value, dict) else value))
    return value is None or isinstance(value, bool | int | float | str)


def _state_if_wanted(method: Callable[..., Any], apply_state: Any) -> dict[str, Any]:
    """Return `apply_state` as a keyword argument, if a method takes it: a subclass may leave it out."""
    return {"apply_state": apply_state} if "apply_state" in inspect.signature(method).parameters else {}
