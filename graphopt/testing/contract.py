"""What every op block promises, as a table of checks. `check_op` runs them on all samples of an op.

A check takes a `Call` and raises `ContractError`. To promise more, add a function to `CALL_CHECKS`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.backends.numpy_plan.steps import compile_statement, operand_names, scalar_expression, statement
from graphopt.compiler.passes.fold import fold_constants
from graphopt.compiler.passes.schedule import is_fallible
from graphopt.config import override
from graphopt.dtypes import DType
from graphopt.errors import GraphOptError, OpError
from graphopt.ir.bind import CURRENT
from graphopt.ir.node import CONST, NODES, Literal, Node, input_node
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef
from graphopt.ir.program import Output, Program
from graphopt.ir.samples import Sample
from graphopt.ir.text import format_program, parse_program
from graphopt.ir.verify import verify
from graphopt.runtime.session import Session
from graphopt.testing.backends import BACKENDS, inputs_of
from graphopt.testing.calls import Call, as_tuple, as_value
from graphopt.testing.compare import difference, has_same_bits, is_close
from graphopt.testing.errors import ContractError
from graphopt.testing.gradients import check_gradient

# Elements tried one by one, when an op has an expression for a single element.
_ELEMENTS = 60


def check_op(op: OpDef) -> None:
    """Check that an op keeps the contract of op blocks, on all its samples.

    Args:
      op: an op; one with an effect (`discharge`) needs no samples.

    Raises:
      ContractError: naming the check, the sample call and the difference.

    Example:
      >>> from graphopt.ops.elementwise import tanh
      >>> check_op(tanh)
    """
    check_block(op)
    for sample in op.samples:
        check_sample(op, sample)


def check_block(op: OpDef) -> None:
    """Check what an op block says without running it: texts, samples, and one answer about its gradient."""
    if not op.doc.strip().endswith("."):
        raise ContractError("doc", f"op '{op.name}' needs a sentence that says what it does")
    if op.kernel is not None and not any(sample.error is None for sample in op.samples):
        raise ContractError("samples", f"op '{op.name}' has a kernel but no samples")
    if op.kernel is not None and op.discharge is not None:
        raise ContractError("kernel", f"op '{op.name}' has a kernel and an effect")
    if isinstance(op.vjp, tuple) and not op.is_variadic and len(op.vjp) != len(op.parameters):
        raise ContractError("gradient", f"op '{op.name}' has {len(op.vjp)} gradient rules for {len(op.parameters)} operands")


def check_sample(op: OpDef, sample: Sample) -> None:
    """Run all checks on one sample of an op."""
    call = Call(op, sample)
    for name, check in (ERROR_CHECKS if sample.error is not None else CALL_CHECKS).items():
        try:
            check(call)
        except ContractError as error:
            raise ContractError(error.check, f"{call}: {str(error).partition('] ')[2]}") from None
        except (GraphOptError, OpError, ValueError, TypeError, IndexError, KeyError, AttributeError, LookupError, ArithmeticError) as error:
            raise ContractError(name, f"{call}: {type(error).__name__}: {error}") from error


def _same(check: str, what: str, found: Any, expected: Any) -> None:
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        if not has_same_bits(a, b):
            raise ContractError(check, f"{what} differs from the kernel in result {i}: {difference(a, b)}")


# --- types -------------------------------------------------------------------------------------------------------------------


def check_static_types(call: Call) -> None:
    """The inferred types are those of the kernel's results. A size may be open only where the host computes it from values."""
    inferred = [node.tensor_type for node in call.results()]
    if len(inferred) != len(call.expected):
        raise ContractError("types", f"{len(inferred)} results are inferred, the kernel gives {len(call.expected)}")
    for i, (known, value) in enumerate(zip(inferred, call.expected, strict=True)):
        if known.dtype.np != value.dtype or not shapes.is_compatible(known.shape, value.shape):
            raise ContractError("types", f"result {i} is inferred as {known}, the kernel gives {value.dtype}{list(value.shape)}")
        if not known.is_static and not call.op.host_only:
            raise ContractError("types", f"result {i} is inferred as {known} from known operands, but the op is not host_only")


def check_hidden_types(call: Call) -> None:
    """With any size or rank hidden the op can be recorded, and what is inferred does not contradict the result."""
    for hidden in call.hidings():
        try:
            _, results, _ = call.record(hidden)
        except GraphOptError as error:
            raise ContractError("hidden types", f"hiding {hidden.what}: {error}") from None
        for i, (tensor, value) in enumerate(zip(results, call.expected, strict=True)):
            if tensor.dtype.np != value.dtype or not shapes.is_compatible(tensor.tensor_type.shape, value.shape):
                raise ContractError("hidden types", f"hiding {hidden.what}, result {i} is inferred as {tensor.tensor_type}, the kernel gives {value.dtype}{list(value.shape)}")


def check_value_from_types(call: Call) -> None:
    """The value that types alone decide is the kernel's."""
    find = call.op.value_from_types
    if find is not None:
        value = find(*call.types, **call.attributes)
        if value is not None:
            _same("value_from_types", "the value from types", [np.asarray(value)], call.expected)


# --- the kernel --------------------------------------------------------------------------------------------------------------


def check_memory(call: Call) -> None:
    """The kernel leaves its operands alone, and no result shares memory with an operand that `view_of` does not name."""
    operands = [as_value(array.copy()) for array in call.arrays]
    results = call.run_kernel(operands)
    for i, (operand, before) in enumerate(zip(operands, call.arrays, strict=True)):
        if not has_same_bits(operand, before):
            raise ContractError("mutation", f"the kernel changes operand {i}: {difference(operand, before)}")
        if call.op.parameter_of(i).name != call.op.view_of and any(_share(operand, result) for result in results):
            raise ContractError("view", f"a result shares memory with operand {i} ({call.op.parameter_of(i).name}), which view_of does not name")
    if call.op.view_of is None and any(_share(a, b) for a, b in itertools.combinations(results, 2)):
        raise ContractError("view", "two results share memory")


def _share(a: Any, b: Any) -> bool:
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.may_share_memory(a, b)


def check_layouts(call: Call) -> None:
    """The kernel gives the same for operands that are views, read-only, or 0-d arrays in place of scalars."""
    strided = [_as_strided(array) for array in call.arrays]
    for found, expected in zip(call.run_kernel(strided), call.expected, strict=True):
        if not is_close(np.asarray(found), expected, scale=_scale(call)):
            raise ContractError("layout", f"operands that are views give another result: {difference(found, expected)}")


def _as_strided(array: Any) -> Any:
    """Return the same values in memory that is neither contiguous nor writable."""
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]) if array.ndim else (2,), array.dtype)
    view = wide[..., ::2] if array.ndim else wide[0:1].reshape(())
    view[...] = array
    view.flags.writeable = False
    return view


def _scale(call: Call) -> float:
    """Return the size of the numbers that an op adds up; 1 where special values are among the operands."""
    sizes = [float(np.abs(a.astype(np.float64)).max(initial=1.0)) for a in call.arrays if a.dtype.kind == "f"]
    largest = max(sizes, default=1.0)
    return largest if largest < 1e6 else 1.0


def check_commutes(call: Call) -> None:
    """Operands of a commutative op may be swapped."""
    if call.op.commutative:
        _same("commutative", "swapping the operands", call.run_kernel([as_value(a) for a in reversed(call.arrays)]), call.expected)


def check_linear(call: Call) -> None:
    """The result is linear in the operands that `linear_in` names: in each of them, or in all together."""
    at = [i for i, a in enumerate(call.arrays) if call.op.parameter_of(i).name in call.op.linear_in and a.dtype.kind == "f"]
    if at and all(np.isfinite(call.arrays[i]).all() for i in at):
        together = _is_additive(call, at)
        if not together and not all(_is_additive(call, [i]) for i in at):
            raise ContractError("linear", f"the result is not linear in {', '.join(call.op.linear_in)}")


def _is_additive(call: Call, at: list[int]) -> bool:
    first = [as_value(a) for a in call.arrays]
    second = [as_value(2 * a[..., ::-1].copy() if a.ndim else 3 * a) if i in at else as_value(a) for i, a in enumerate(call.arrays)]
    both = [as_value(np.asarray(a + b, a.dtype)) if i in at else a for i, (a, b) in enumerate(zip(first, second, strict=True))]
    apart = zip(call.run_kernel(first), call.run_kernel(second), strict=True)
    return all(
        is_close(np.asarray(c), np.asarray(a + b, np.asarray(c).dtype), scale=8 * _scale(call))
        for (a, b), c in zip(apart, call.run_kernel(both), strict=True)
        if np.asarray(c).dtype.kind == "f"
    )


# --- other ways to compute it ------------------------------------------------------------------------------------------------


def check_expansion(call: Call) -> None:
    """The definition in other ops gives what the kernel gives, but for rounding."""
    if call.op.expand is None:
        return
    token = CURRENT.set(NODES)
    try:
        results = as_tuple(call.op.expand(*call.nodes(), **call.attributes))
    finally:
        CURRENT.reset(token)
    program = call.program(results)
    verify(program, "expand")
    for found, expected in zip(BACKENDS["numpy closures"](program, call.named), call.expected, strict=True):
        if not is_close(np.asarray(found), expected, scale=_scale(call)):
            raise ContractError("expand", f"the expansion differs from the kernel: {difference(found, expected)}")


def check_statement(call: Call) -> None:
    """The statement with ``out=`` writes the kernel's very bits, also over an operand when the memory pass may ask for that."""
    (node, *more) = call.results()
    text = None if more else statement(node)
    if text is None:
        return
    function = compile_statement(text, tuple(operand_names(node)))
    out = np.full(node.shape, _garbage(node.dtype), node.dtype.np)
    operands = [a.copy() for a in call.arrays]
    with np.errstate(all="ignore"):
        function(*operands, out)
    _same("statement", f"the statement {text!r}", [out], call.expected)
    for i, (operand, before) in enumerate(zip(operands, call.arrays, strict=True)):
        if not has_same_bits(operand, before):
            raise ContractError("statement", f"the statement {text!r} changes operand {i}")


def _garbage(dtype: DType) -> Any:
    return True if dtype.is_bool else np.nan if dtype.is_floating else 77


def check_into(call: Call) -> None:
    """`into` writes the kernel's very bits, into any memory and over the operand that `overwrites` names."""
    into = call.op.into
    if into is None:
        return
    operands = [as_value(a.copy()) for a in call.arrays]
    fresh = np.full(call.expected[0].shape, _garbage(call.results()[0].dtype), call.expected[0].dtype)
    with np.errstate(all="ignore"):
        into(fresh, *operands, **call.attributes)
    _same("into", "`into`", [fresh], call.expected)


def check_in_place(call: Call) -> None:
    """A new value written over the variable it comes from is the kernel's, and no other operand changes."""
    for i, (name, known) in enumerate(zip(call.names, call.types, strict=True)):
        nodes = call.nodes()
        if nodes[i].op is CONST:
            continue
        nodes[i] = input_node("variable", name, known)
        results = as_tuple(call.op(*nodes, **call.sample.attributes))
        if len(results) != 1 or results[0].tensor_type != known:
            continue
        executable = NumpyExecutable(Program((Output("update", name, results[0]),)))
        if name not in executable.plan.in_place:
            continue
        named = call.named
        with np.errstate(all="ignore"):
            executable.source.compile()(*inputs_of(executable, named))
        _same("in place", f"writing over operand {i}", [named.pop(name)], call.expected)
        for other, value in named.items():
            if not has_same_bits(value, call.named[other]):
                raise ContractError("in place", f"writing over operand {i} changes {other}")


def check_elements(call: Call) -> None:
    """The expression for one element gives the kernel's very bits for scalars."""
    if not call.op.elementwise or len(call.expected) != 1 or call.expected[0].size == 0:
        return
    whole = np.broadcast_arrays(*call.arrays) if len(call.arrays) > 1 else call.arrays
    nodes = [input_node("feed", name, t._replace(shape=())) for name, t in zip(call.names, call.types, strict=True)]
    node: Node = call.op(*nodes, **call.sample.attributes)
    text = scalar_expression(node)
    if text is None:
        return
    names = operand_names(node)
    function = eval(f"lambda {', '.join(names)}: {text.format(**{name: name for name in names})}", dict(vars(np)))  # noqa: S307 (text of op blocks)
    for at in itertools.islice(np.ndindex(whole[0].shape), _ELEMENTS):
        scalars = [a[at] for a in whole]
        with np.errstate(all="ignore"):
            found = np.asarray(function(*scalars))
        _same("scalar", f"the expression {text!r} of {scalars}", [found], [np.array(r) for r in call.run_kernel(scalars)])


def check_backends(call: Call) -> None:
    """Every backend gives the kernel's bits, and none changes its inputs."""
    program = call.program()
    for name, backend in BACKENDS.items():
        named = call.named
        _same("backend", f"backend {name!r}", backend(program, named), call.expected)
        if any(not has_same_bits(value, before) for value, before in zip(named.values(), call.arrays, strict=True)):
            raise ContractError("backend", f"backend {name!r} changes its inputs")


def check_folding(call: Call) -> None:
    """Computed at compile time, the result has the kernel's bits."""
    folded = fold_constants(call.program(call.results(constants=True)))
    for output, expected in zip(folded.outputs, call.expected, strict=True):
        if output.node.is_constant:
            _same("fold", "the folded value", [output.node.value], [expected])


def check_hidden_values(call: Call) -> None:
    """Recorded with hidden types and run with the values, the op gives the kernel's bits; optimised the same but for rounding."""
    for hidden in call.blind():
        graph, results, feeds = call.record(hidden)
        for level in (0, 2):
            with override(optimize=level, verify=True):
                found = Session(graph=graph).run(list(results), feeds)
            for a, b in zip(found, call.expected, strict=True):
                if not (has_same_bits(a, b) if level == 0 else is_close(np.asarray(a), b, scale=_scale(call))):
                    raise ContractError("hidden values", f"hiding {hidden.what}, a session at level {level} gives another result: {difference(a, b)}")


def check_text(call: Call) -> None:
    """The program can be printed and parsed again."""
    if not all(_has_text(value) for value in call.attributes.values()):
        return
    program = call.program()
    text = format_program(program)
    if parse_program(text) != program:
        raise ContractError("text", f"parsed again this is another program:\n{text}")


def _has_text(value: Any) -> bool:
    return all(map(_has_text, value)) if isinstance(value, tuple) else value is None or isinstance(value, (bool, int, float, str, DType, Literal, Program))


# --- the gradient ------------------------------------------------------------------------------------------------------------


def check_gradients(call: Call) -> None:
    """The gradient rule and its own gradient agree with central differences, with known and with unknown sizes."""
    if call.op.vjp is NOT_DIFFERENTIABLE or call.op.vjp is None or not call.sample.differentiable:
        return
    for known_shapes in (True, False):
        check_gradient(lambda *xs: call.op(*xs, **call.sample.attributes), call.arrays, known_shapes=known_shapes)


# --- declared errors ---------------------------------------------------------------------------------------------------------


def check_declared_error(call: Call) -> None:
    """Recorded with nothing known, the call raises its error when it is run, and the error names the recorded operation."""
    graph, results, feeds = call.record(list(call.blind())[-1])
    for backend_runs in (0, 10**9):
        with override(hot_after=backend_runs):
            try:
                Session(graph=graph).run(list(results), feeds)
            except OpError as error:
                _check_message(call, error)
                if error.op is None or error.op.opdef is not call.op:
                    raise ContractError("error", f"the error does not name the operation: {error!r}") from None
                continue
        raise ContractError("error", f"no error; it should say {call.sample.error!r}")


def check_early_error(call: Call) -> None:
    """With all types known the call is refused while recording, or the op says that it may fail."""
    try:
        (node, *_) = call.results()
    except GraphOptError:
        return
    source = node.inputs[0] if node.op is not call.op else node
    if not is_fallible(source):
        raise ContractError("fallible", "the call fails at run time, but `fallible` says that it can't")


def _check_message(call: Call, error: OpError) -> None:
    if str(call.sample.error) not in error.message:
        raise ContractError("error", f"the message {error.message!r} does not say {call.sample.error!r}")


Check = Callable[[Call], None]

CALL_CHECKS: dict[str, Check] = {
    "mutation": check_memory,
    "types": check_static_types,
    "hidden types": check_hidden_types,
    "value_from_types": check_value_from_types,
    "layout": check_layouts,
    "commutative": check_commutes,
    "linear": check_linear,
    "expand": check_expansion,
    "statement": check_statement,
    "into": check_into,
    "in place": check_in_place,
    "scalar": check_elements,
    "backend": check_backends,
    "fold": check_folding,
    "hidden values": check_hidden_values,
    "text": check_text,
    "gradient": check_gradients,
}

ERROR_CHECKS: dict[str, Check] = {"error": check_declared_error, "fallible": check_early_error}
