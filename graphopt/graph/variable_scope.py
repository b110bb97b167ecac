"""`variable_scope` and `get_variable`: variables by name, with defaults that nested scopes inherit.

The name of a variable depends on variable scopes alone; the names of operations on name scopes. A variable scope opens a name scope too.
"""
# Long because: TensorFlow's arguments are repeated in each of the functions.

from __future__ import annotations

import contextlib
import functools
from types import TracebackType
from typing import Any, NamedTuple

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.scopes import graph_of, name_scope
from graphopt.graph.variable_store import AUTO_REUSE as AUTO_REUSE
from graphopt.graph.variable_store import Request, store_of, value_dtype

# What a scope hands on to the scopes inside it.
_INHERITED = ("initializer", "regularizer", "constraint", "caching_device", "partitioner", "dtype", "use_resource")


def no_regularizer(_: Any) -> None:
    """Stand for "no regularizer" where None would mean "the scope's"."""


class VariableScope:
    """The defaults of `get_variable` at one place of the program. `variable_scope` makes and yields it.

    Attributes of its own: `reuse`, `initializer`, `regularizer`, `constraint`, `caching_device`, `partitioner`, `custom_getter`, `dtype`,
    `use_resource`. `partitioner`, `caching_device` and `use_resource` are kept but change nothing: a variable is always whole.
    """

    def __init__(
        self,
        reuse: Any,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = dtypes.float32,
        use_resource: Any = None,
        constraint: Any = None,
    ) -> None:
        self._name = name
        self._name_scope = name_scope
        self.reuse = reuse
        self.initializer = initializer
        self.regularizer = regularizer
        self.constraint = constraint
        self.caching_device = caching_device
        self.partitioner = partitioner
        self.custom_getter = custom_getter
        self.dtype = dtype
        self.use_resource = use_resource

    @property
    def name(self) -> str:
        """The full name."""
        return self._name

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened together with the scope, with a final slash."""
        return self._name_scope

    def reuse_variables(self) -> None:
        """From here on only take variables that exist."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the default initializer."""
        self.initializer = initializer

    def set_regularizer(self, regularizer: Any) -> None:
        """Set the default regularizer."""
        self.regularizer = regularizer

    def set_dtype(self, dtype: Any) -> None:
        """Set the default element type."""
        self.dtype = dtype

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Set the custom getter."""
        self.custom_getter = custom_getter

    def set_partitioner(self, partitioner: Any) -> None:
        """Note a partitioner; it changes nothing."""
        self.partitioner = partitioner

    def set_caching_device(self, caching_device: Any) -> None:
        """Note a caching device; it changes nothing."""
        self.caching_device = caching_device

    def set_use_resource(self, use_resource: Any) -> None:
        """Note the kind of variable; it changes nothing."""
        self.use_resource = use_resource

    def get_collection(self, name: Any) -> list[Any]:
        """Return what the collection holds of this scope."""
        return get_default_graph().get_collection(name, f"{self._name}/" if self._name else None)

    def global_variables(self) -> list[Any]:
        """Return the global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Any]:
        """Return the local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def trainable_variables(self) -> list[Any]:
        """Return the trainable variables of this scope."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def get_variable(self, name: str, request: Request, custom_getter: Any = None) -> Any:
        """Return the variable `name` of this scope; what the request leaves open comes from the scope.

        Raises:
          ValueError: as the function `get_variable`.
        """
        full_name = f"{self._name}/{name}" if self._name else name
        is_value = request.initializer is not None and not callable(request.initializer)
        if is_value and request.dtype is not None:
            _check_initializer_dtype(request)
        complete = request._replace(
            initializer=self.initializer if request.initializer is None else request.initializer,
            regularizer=self.regularizer if request.regularizer is None else request.regularizer,
            constraint=self.constraint if request.constraint is None else request.constraint,
            reuse=self.reuse if request.reuse is None else request.reuse,
            dtype=request.dtype if request.dtype is not None else value_dtype(request.initializer) if is_value else self.dtype,
            caching_device=self.caching_device if request.caching_device is None else request.caching_device,
            partitioner=self.partitioner if request.partitioner is None else request.partitioner,
            use_resource=self.use_resource if request.use_resource is None else request.use_resource,
        )
        graph = get_default_graph().root
        with graph.as_default(), graph.name_scope(None):
            return store_of(graph).get_variable(full_name, complete, self.custom_getter if custom_getter is None else custom_getter)

    def __repr__(self) -> str:
        return f"<VariableScope {self._name!r}>"


def _check_initializer_dtype(request: Request) -> None:
    own, wanted = value_dtype(request.initializer), dtypes.as_dtype(request.dtype)
    if own is not wanted:
        raise ArgumentError(f"Initializer type '{own}' and explicit dtype '{wanted}' don't match.")


class _Scopes:
    """The current variable scope of a graph, and how often each name was entered."""

    def __init__(self) -> None:
        self.current = VariableScope(False)
        self.counts: dict[str, int] = {}

    def enter(self, name: str) -> None:
        """Count one more scope of that name."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def forget_inside(self, name: str) -> None:
        """Forget how often the scopes inside of `name` were entered."""
        for key in self.counts:
            if not name or key.startswith(f"{name}/"):
                self.counts[key] = 0

    def unique(self, prefix: str) -> str:
        """Return `prefix`, or `prefix_1`, `prefix_2`..., whichever was not entered yet in the current scope."""
        outer = f"{self.current.name}/" if self.current.name else ""
        candidate, number = prefix, 0
        while self.counts.get(outer + candidate, 0):
            number += 1
            candidate = f"{prefix}_{number}"
        return candidate


def _scopes_of(graph: Graph) -> _Scopes:
    scopes: _Scopes = graph.root.state.setdefault("variable_scopes", _Scopes())
    return scopes


def get_variable_scope() -> VariableScope:
    """Return the current variable scope.

    >>> with tf.variable_scope("layer"):
    ...     tf.get_variable_scope().name
    'layer'
    """
    return _scopes_of(get_default_graph()).current


class variable_scope:
    """A ``with`` block in which `get_variable` puts the scope's name before its own and takes the scope's defaults.

    Args:
      name_or_scope: a name, added to the current scope's; a `VariableScope`, to go back there; or None.
      default_name: with None above: a name that is made unique among the scopes opened here.
      values: tensors whose graph becomes the default one inside.
      initializer, regularizer, dtype, constraint: defaults of `get_variable`, inherited by scopes inside.
      custom_getter: ``custom_getter(getter, name, **arguments)`` in place of the usual getter; those of outer scopes are called by it.
      reuse: True (take variables that exist), `AUTO_REUSE` (take or make), None or False (as the outer scope).
      auxiliary_name_scope: whether a name scope is opened too.
      caching_device, partitioner, use_resource: kept, without effect.

    Raises:
      TypeError: without any name. ValueError: for another `reuse`, or True without a name.
      RuntimeError: when scopes are left in the wrong order.

    Example:
      >>> with tf.variable_scope("layer"):
      ...     w = tf.get_variable("w", [2])
      >>> with tf.variable_scope("layer", reuse=True):
      ...     tf.get_variable("w", [2]) is w
      True
    """

    def __init__(
        self,
        name_or_scope: Any,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Any = None,
        dtype: Any = None,
        use_resource: Any = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise ArgumentTypeError("If default_name is None then name_or_scope is required")
        if not (name_or_scope is None or isinstance(name_or_scope, (str, VariableScope))):
            raise ArgumentTypeError(f"VariableScope: name_or_scope must be a string or VariableScope, got {name_or_scope!r}.")
        if not any(reuse is allowed for allowed in (None, True, False, AUTO_REUSE)):
            raise ArgumentError("The reuse parameter must be True or False or None.")
        if reuse and name_or_scope is None:
            raise ArgumentError("reuse=True cannot be used without a name_or_scope")
        if not isinstance(auxiliary_name_scope, bool):
            raise ArgumentTypeError(f"The auxiliary_name_scope must be `True` or `False`, while get {auxiliary_name_scope}")
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._values = values
        self._reuse = reuse
        self._custom_getter = custom_getter
        self._own = {"initializer": initializer, "regularizer": regularizer, "constraint": constraint, "caching_device": caching_device,
                     "partitioner": partitioner, "dtype": dtype, "use_resource": use_resource}  # fmt: skip
        self._opens_name_scope = auxiliary_name_scope
        self._entered: list[_Entered] = []

    def __enter__(self) -> VariableScope:
        graph = graph_of(self._values or ())
        with contextlib.ExitStack() as stack:
            if graph is not get_default_graph():
                stack.enter_context(graph.as_default())
            op_scope = stack.enter_context(self._name_scope(graph))
            scopes = _scopes_of(graph)
            inner = self._make_scope(scopes, op_scope)
            self._entered.append(_Entered(scopes, scopes.current, inner, dict(scopes.counts), stack.pop_all()))
        scopes.current = inner
        scopes.enter(inner.name)
        return inner

    def _name_scope(self, graph: Graph) -> Any:
        current = graph.get_name_scope()
        if not self._opens_name_scope:
            return graph.name_scope(f"{current}/" if current else None)
        given = self._name_or_scope
        word = self._default_name if given is None else given if isinstance(given, str) else given.name.rsplit("/", 1)[-1]
        return name_scope(word) if word else graph.name_scope(f"{current}/" if current else None)

    def _make_scope(self, scopes: _Scopes, op_scope: str) -> VariableScope:
        given, outer = self._name_or_scope, scopes.current
        base: VariableScope = given if isinstance(given, VariableScope) else outer
        if isinstance(given, VariableScope):
            name, op_scope = given.name, given.original_name_scope
        else:
            word = given if given is not None else scopes.unique(self._default_name or "")
            name = f"{outer.name}/{word}" if outer.name else word
        defaults = {key: getattr(base, key) if self._own[key] is None else self._own[key] for key in _INHERITED}
        getter = _composed(self._custom_getter, base.custom_getter)
        return VariableScope(self._reuse or base.reuse, name=name, name_scope=op_scope, custom_getter=getter, **defaults)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        entered = self._entered.pop()
        scopes = entered.scopes
        if scopes.current is not entered.inner:
            raise GraphStateError("Improper nesting of variable_scope.")
        if isinstance(self._name_or_scope, VariableScope):
            scopes.counts = entered.counts
        else:
            scopes.forget_inside(entered.inner.name)
        scopes.current = entered.outer
        entered.stack.__exit__(kind, value, trace)


class _Entered(NamedTuple):
    """What a `variable_scope` puts back when it is left."""

    scopes: _Scopes
    outer: VariableScope
    inner: VariableScope
    counts: dict[str, int]
    stack: contextlib.ExitStack[Any]


def _composed(inner: Any, outer: Any) -> Any:
    """Return a getter that calls `inner`, which then gets `outer` as its getter."""
    if inner is None or outer is None:
        return outer if inner is None else inner

    def both(getter: Any, *args: Any, **kwargs: Any) -> Any:
        return inner(functools.partial(outer, getter), *args, **kwargs)

    return both


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: Any = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """Return the variable of that name in the current variable scope, or make it, as the scope's `reuse` says.

    Args:
      name: its name in the scope. shape: its shape. dtype: its element type (the scope's, or float32).
      initializer: a callable ``(shape, dtype)`` or its class, a callable without arguments, or a value that also gives shape and type;
        by default the scope's, else `glorot_uniform_initializer` for floats and zeros for the rest.
      regularizer: a function of the variable; what it gives enters REGULARIZATION_LOSSES when the variable is made.
      trainable, collections, validate_shape, constraint: as in `Variable`.
      custom_getter: called in place of the usual getter.
      The other arguments are accepted for TensorFlow's sake and have no effect.

    Raises:
      ValueError: when the variable exists and may not be taken, does not exist and may not be made, or has another shape or type.

    Example:
      >>> with tf.variable_scope("net"):
      ...     tf.get_variable("w", [2, 3]).name
      'net/w:0'
    """
    request = Request(
        shape,
        dtype,
        initializer,
        regularizer,
        None,
        trainable,
        collections,
        caching_device,
        partitioner,
        validate_shape,
        use_resource,
        constraint,
        synchronization,
        aggregation,
    )
    return get_variable_scope().get_variable(name, request, custom_getter)


def get_local_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = False,
    collections: Any = None,
    **others: Any,
) -> Any:
    """Return a variable as `get_variable` does, in LOCAL_VARIABLES and not trainable: it is initialised, but not saved.

    >>> tf.get_local_variable("count", [], tf.int32).name, len(tf.local_variables()), len(tf.global_variables())
    ('count:0', 1, 0)
    """
    names = [*(collections or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(name, shape, dtype, initializer, regularizer, False, names, **others)
