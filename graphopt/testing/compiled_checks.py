"""Checks that every other way to compute an op gives what its kernel gives."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphopt.backends import backend
from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.backends.numpy_plan.steps import compile_statement, operand_names, scalar_expression, statement
from graphopt.compiler.passes.expand import expand_all
from graphopt.compiler.passes.fold import fold_constants
from graphopt.config import override
from graphopt.dtypes import DType
from graphopt.errors import GraphOptError
from graphopt.ir.node import CONST, Literal, Node, input_node
from graphopt.ir.opdef import ROUNDINGS
from graphopt.ir.program import Output, Program
from graphopt.ir.text import format_program, parse_program
from graphopt.ir.verify import verify
from graphopt.ops.summary_proto import SerializedSummary
from graphopt.runtime.session import Session
from graphopt.testing.backends import BACKENDS, OTHER_BACKENDS, inputs_of
from graphopt.testing.calls import Call, as_value, in_program
from graphopt.testing.compare import difference, has_same_bits, is_close, units_apart
from graphopt.testing.errors import ContractError
from graphopt.testing.kernel_checks import NEEDS_RANK, check_same, scale_of

# Units in the last place by which a mathematical function may differ between backends.
_UNITS = 4
# Elements tried one by one, when an op has an expression for a single element.
_ELEMENTS = 60


# --- other ways to compute it ------------------------------------------------------------------------------------------------


def check_expansion(call: Call) -> None:
    """The definition in other ops gives what the kernel gives, but for rounding."""
    if call.op.expand is None:
        return
    program = call.program(in_program(call.op.expand, *call.nodes(), **call.attributes))
    verify(program, "expand")
    for found, expected in zip(BACKENDS["numpy closures"](program, call.named), call.expected, strict=True):
        if not is_close(np.asarray(found), expected, scale=scale_of(call)):
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
    check_same("statement", f"the statement {text!r}", [out], call.expected)
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
    check_same("into", "`into`", [fresh], call.expected)


def check_in_place(call: Call) -> None:
    """A new value written over the variable it comes from is the kernel's, and no other operand changes."""
    for i, name, program in _updates(call):
        executable = NumpyExecutable(program)
        if name not in executable.plan.in_place:
            continue
        named = call.named
        with np.errstate(all="ignore"):
            executable.source.compile()(*inputs_of(executable, named))
        check_same("in place", f"writing over operand {i}", [named.pop(name)], call.expected)
        _check_untouched("in place", f"writing over operand {i}", call, named)


def _updates(call: Call) -> Iterator[tuple[int, str, Program]]:
    """Yield, for each operand of the type of the result, its number, its name, and the program that updates it with the result."""
    for i, (name, known) in enumerate(zip(call.names, call.types, strict=True)):
        nodes = call.nodes()
        if nodes[i].op is CONST:
            continue
        nodes[i] = input_node("variable", name, known)
        results = in_program(call.op, *nodes, **call.sample.attributes)
        if len(results) == 1 and results[0].tensor_type == known:
            yield i, name, Program((Output("update", name, results[0]),))


def _check_untouched(check: str, what: str, call: Call, named: Mapping[str, Any]) -> None:
    """Check that these inputs are as they were."""
    for name, value in named.items():
        if not has_same_bits(value, call.named[name]):
            raise ContractError(check, f"{what} changes {name}")


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
    function = eval(f"lambda {', '.join(names)}: {text.format(**{name: name for name in names})}", dict(vars(np)))
    for at in itertools.islice(np.ndindex(whole[0].shape), _ELEMENTS):
        scalars = [a[at] for a in whole]
        with np.errstate(all="ignore"):
            found = np.asarray(function(*scalars))
        check_same("scalar", f"the expression {text!r} of {scalars}", [found], [np.array(r) for r in call.run_kernel(scalars)])


def check_backends(call: Call) -> None:
    """Every backend gives the kernel's bits, and none changes its inputs."""
    program = call.program()
    for name, run in BACKENDS.items():
        named = call.named
        check_same("backend", f"backend {name!r}", run(program, named), call.expected)
        if any(not has_same_bits(value, before) for value, before in zip(named.values(), call.arrays, strict=True)):
            raise ContractError("backend", f"backend {name!r} changes its inputs")


def check_native(call: Call) -> None:
    """A backend with kernels of its own gives the kernel's results as nearly as `OpDef.rounding` promises, and leaves its inputs alone."""
    program = call.program()
    for name, run in OTHER_BACKENDS.items():
        named = call.named
        _check_rounding("native", f"backend {name!r}", call, program, run(program, named))
        _check_untouched("native", f"backend {name!r}", call, named)


def check_native_in_place(call: Call) -> None:
    """On such a backend, too, a new value may be written over the variable it comes from."""
    for i, name, program in _updates(call):
        for backend_name in OTHER_BACKENDS:
            executable = backend(backend_name)(expand_all(program))
            if name not in executable.plan.in_place:
                continue
            named = call.named
            with np.errstate(all="ignore"):
                executable.run(inputs_of(executable, named), may_overwrite=True)
            what = f"backend {backend_name!r}, writing over operand {i},"
            _check_rounding("native in place", what, call, program, [named.pop(name)])
            _check_untouched("native in place", what, call, named)


def _check_rounding(check: str, what: str, call: Call, program: Program, found: list[Any]) -> None:
    rounding = loosest_rounding(program)
    for i, (a, b) in enumerate(zip(found, call.expected, strict=True)):
        if rounding == "exact":
            agrees = has_same_bits(a, b)
        elif rounding == "function" and call.op.expand is None:
            agrees = units_apart(a, b) <= _UNITS
        else:
            agrees = is_close(np.asarray(a), b, scale=scale_of(call))
        if not agrees:
            raise ContractError(check, f"{what} differs in result {i} by more than {rounding!r} allows: {difference(a, b)}")


def loosest_rounding(program: Program) -> str:
    """Return the loosest `OpDef.rounding` among the ops of a program and of programs inside of it, composite ones taken apart."""
    found = ["exact"]
    for node in expand_all(program).nodes():
        found += [node.op.rounding, *[loosest_rounding(value) for value in node.attributes.values() if isinstance(value, Program)]]
    return max(found, key=ROUNDINGS.index)


def check_folding(call: Call) -> None:
    """Computed at compile time, the result has the kernel's bits."""
    folded = fold_constants(call.program(call.results(constants=True)))
    for output, expected in zip(folded.outputs, call.expected, strict=True):
        if output.node.is_constant:
            check_same("fold", "the folded value", [output.node.value], [expected])


def check_hidden_values(call: Call) -> None:
    """Recorded with hidden types and run with the values, the op gives the kernel's bits; optimised the same but for rounding."""
    for hidden in call.blind():
        try:
            graph, results, feeds = call.record(hidden)
        except GraphOptError as error:
            if NEEDS_RANK in str(error):
                continue
            raise
        for level in (0, 2):
            with override(optimize=level, verify=True):
                found = Session(graph=graph, backend="numpy").run(list(results), feeds)
            found = [each.take() if isinstance(each, SerializedSummary) else each for each in found]
            for a, b in zip(found, call.expected, strict=True):
                if not (has_same_bits(a, b) if level == 0 else is_close(np.asarray(a), b, scale=scale_of(call))):
                    where = f"hiding {hidden.what}, at level {level}"
                    raise ContractError("hidden values", f"{where}, a session gives another result: {difference(a, b)}")


def check_text(call: Call) -> None:
    """The program can be printed and parsed again."""
    if not all(_has_text(value) for value in call.attributes.values()):
        return
    program = call.program()
    text = format_program(program)
    if parse_program(text) != program:
        raise ContractError("text", f"parsed again this is another program:\n{text}")


def _has_text(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_has_text, value))
    return value is None or isinstance(value, (bool, int, float, str, DType, Literal, Program))
