"""TensorFlow 1's control flow and grouping: its names and argument orders."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.autodiff import branches, loops, row_loops
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph import variables
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.nest import is_nested, map_structure
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops import control
from graphopt.ops.array import identity, stop_gradient
from graphopt.tf1.arguments import renamed


def cond(
    pred: Any, true_fn: Any = None, false_fn: Any = None, strict: bool = False, name: str | None = None, fn1: Any = None, fn2: Any = None
) -> Any:
    """Return what one of two functions gives, chosen at run time; see `graphopt.autodiff.branches.cond`.

    Args:
      pred: a bool scalar tensor. true_fn, false_fn: functions without arguments. strict: keep a list of one element a list.
      name: name of the scope. fn1, fn2: former names of true_fn and false_fn.

    Raises:
      TypeError: when pred is a Python bool, or a function is missing or none. ValueError: when the results don't fit together.

    Example:
      >>> x = tf.constant(2.0)
      >>> tf.Session().run(tf.cond(x > 1.0, lambda: x * 10.0, lambda: x)).item()
      20.0
    """
    then, otherwise = renamed("true_fn", true_fn, "fn1", fn1), renamed("false_fn", false_fn, "fn2", fn2)
    if then is None:
        raise ArgumentTypeError("cond(): true_fn argument required")
    if otherwise is None:
        raise ArgumentTypeError("cond(): false_fn argument required")
    return branches.cond(pred, then, otherwise, strict=strict, name=name)


def case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False, name: str = "case") -> Any:
    """Return what the function of the first true condition gives; see `graphopt.autodiff.branches.case`."""
    return branches.case(pred_fn_pairs, default, exclusive=exclusive, strict=strict, name=name)


def while_loop(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
) -> Any:
    """Return the loop variables after a body has run as long as a condition holds; see `graphopt.autodiff.loops.while_loop`.

    Args:
      cond: a function of the loop variables that gives a bool scalar. body: a function of them that gives their next values.
      loop_vars: a (nested) list or tuple of tensors and numbers. shape_invariants: shapes that hold in every turn.
      back_prop: with False no gradient flows back. name: name of the scope.
      maximum_iterations: how many turns there are at most. return_same_structure: give a list of one back as a list.
      parallel_iterations, swap_memory: accepted for TensorFlow's sake.

    Raises:
      TypeError: when cond or body is no function, or a type changes. ValueError: without loop variables, or when a shape changes.

    Example:
      >>> tf.Session().run(tf.while_loop(lambda x: x < 100.0, lambda x: x * 2.0, [3.0])).item()
      192.0
    """
    if isinstance(parallel_iterations, int) and parallel_iterations < 1:
        raise ArgumentTypeError("parallel_iterations must be a positive integer.")
    result = loops.while_loop(
        cond,
        body,
        loop_vars,
        shape_invariants=shape_invariants,
        maximum_iterations=maximum_iterations,
        return_same_structure=return_same_structure,
        name=name,
    )
    return result if back_prop else map_structure(stop_gradient, result)


def map_fn(
    fn: Any,
    elems: Any,
    dtype: Any = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
) -> Any:
    """Return a function applied to every row of tensors, stacked; see `graphopt.autodiff.row_loops.map_fn`."""
    result = row_loops.map_fn(fn, elems, dtype, name=name)
    return result if back_prop else map_structure(stop_gradient, result)


def scan(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """Return what a function of the result so far and the next row gives, after every row; see `graphopt.autodiff.row_loops.scan`."""
    result = row_loops.scan(fn, elems, initializer, reverse=reverse, name=name)
    return result if back_prop else map_structure(stop_gradient, result)


def foldl(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Return the last result of a function of the result so far and the next row; see `graphopt.autodiff.row_loops.foldl`."""
    result = row_loops.foldl(fn, elems, initializer, name=name)
    return result if back_prop else map_structure(stop_gradient, result)


def foldr(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    name: str | None = None,
) -> Any:
    """Return the last result of a function of the result so far and the next row, from the last row on; see `foldl`."""
    result = row_loops.foldr(fn, elems, initializer, name=name)
    return result if back_prop else map_structure(stop_gradient, result)


def group(*inputs: Any, **kwargs: Any) -> Operation:
    """Return an operation that happens after all inputs.

    Args:
      inputs: operations, tensors, variables, or lists of them. kwargs: `name`.

    Raises:
      TypeError: for any other input. ValueError: for any other keyword.

    Example:
      >>> v = tf.Variable(0.0)
      >>> tf.group(v.initializer, tf.no_op(), name="start").name
      'start'
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise ArgumentError(f"Unknown keyword arguments: {', '.join(kwargs)}")
    return variables.group(*inputs, name=name)


def no_op(name: str | None = None) -> Operation:
    """Return an operation that does nothing: a place for control edges."""
    operation: Operation = control.no_op(name=name)
    return operation


def tuple(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:
    """Return the tensors, each available only when all of them are.

    Args:
      tensors: tensors, sparse slices and None. name: name of the scope.
      control_inputs: operations and tensors to wait for as well.

    Raises:
      ValueError: when there is no tensor. TypeError: when a control input is no operation or tensor.

    Example:
      >>> a, b = tf.tuple([tf.constant(1.0), tf.constant(2.0)])
      >>> tf.Session().run([a, b])
      [np.float32(1.0), np.float32(2.0)]
    """
    with name_scope(name, "tuple", [t for t in tensors if t is not None]):
        waits: list[Any] = [t.op if isinstance(t, IndexedSlices) else convert_to_tensor(t).op for t in tensors if t is not None]
        for item in control_inputs or ():
            if not isinstance(item, (Operation, Tensor)):
                raise ArgumentTypeError(f"Control input must be Operation or Tensor: {item}")
            waits.append(item)
        if not waits:
            raise ArgumentError(f"Must have at least one Tensor: {tensors}")
        gate = variables.group(*waits)
        return [None if t is None else with_dependencies([gate], t) for t in tensors]


def with_dependencies(dependencies: Any, output_tensor: Any, name: str | None = None) -> Any:
    """Return a tensor (or sparse slices) again, available only after the dependencies."""
    if isinstance(output_tensor, IndexedSlices):
        return output_tensor.with_values(variables.with_dependencies(dependencies, output_tensor.values, name))
    return variables.with_dependencies(dependencies, output_tensor, name)


def Print(
    input_: Any, data: Any, message: str | None = None, first_n: int | None = None, summarize: int | None = None, name: str | None = None
) -> Tensor:
    """Return a tensor again; a run that needs it writes the data to the standard error stream.

    Args:
      input_: the tensor. data: a list of tensors to write. message: what stands before them.
      first_n: write only that many times. summarize: how many elements of each (3). name: name of the operation.
    """
    if first_n == 0:
        nothing: Tensor = identity(input_, name=name or "Print")
        return nothing
    budget = control.Budget(first_n) if first_n is not None and first_n > 0 else None
    tensor: Tensor = control.print_op(
        input_, *data, message=message or "", summarize=3 if summarize is None else summarize, budget=budget, name=name
    )
    return tensor


def py_func(func: Any, inp: Any, Tout: Any, stateful: bool = True, name: str | None = None) -> Any:
    """Return what a Python function gives for the values of tensors.

    Args:
      func: takes arrays and gives arrays of the types `Tout`. inp: a list of tensors. Tout: an element type or a list of them.
      stateful: accepted for TensorFlow's sake. name: name of the operation.

    Returns:
      A tensor, a list of tensors when `Tout` is a list, or an operation when that is empty.

    Raises:
      tf.errors.InvalidArgumentError, tf.errors.UnknownError: at run time, for results of other types and for exceptions in the function.

    Example:
      >>> x = tf.constant([1.0, 2.0])
      >>> tf.Session().run(tf.py_func(np.cumsum, [x], tf.float32)).tolist()
      [1.0, 3.0]
    """
    several = is_nested(Tout)
    wanted = (*[dtypes.as_dtype(t) for t in (Tout if several else [Tout])],)
    made = control.py_func(*inp, function=func, dtypes_out=wanted, name=name)
    if isinstance(made, Operation):
        return made
    return list(made) if several else made[0]


def numpy_function(func: Any, inp: Any, Tout: Any, name: str | None = None) -> Any:
    """Return what a Python function gives for the values of tensors; see `py_func`."""
    return py_func(func, inp, Tout, name=name)


def control_dependencies(control_inputs: Any) -> Any:
    """Make operations and tensors happen before what is recorded inside a ``with`` block; None forgets the outer ones.

    Raises:
      TypeError: for anything that is no operation, tensor or variable.

    Example:
      >>> v = tf.Variable(1.0)
      >>> with tf.control_dependencies([tf.assign(v, 5.0)]):
      ...     after = v * 1.0
      >>> with tf.Session() as sess:
      ...     sess.run(v.initializer)
      ...     sess.run(after).item()
      5.0
    """
    return get_default_graph().control_dependencies(control_inputs)
