"""What every op block promises, as a table of checks. `check_op` runs them on all samples of an op.

A check takes a `Call` and raises `ContractError`. To promise more, add a function to `CALL_CHECKS`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

import graphopt.ops as families
from graphopt.compiler.passes.views import is_fallible
from graphopt.config import override
from graphopt.errors import GraphOptError, OpError
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, REGISTRY, OpDef
from graphopt.ir.samples import Sample
from graphopt.runtime.session import Session
from graphopt.testing import compiled_checks, kernel_checks
from graphopt.testing.calls import Call
from graphopt.testing.errors import ContractError
from graphopt.testing.gradients import check_gradient
from graphopt.testing.kernel_checks import NEEDS_RANK


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


def registered_ops() -> list[OpDef]:
    """Return every op of graphopt, whether or not something has imported its family already."""
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")
    return list(REGISTRY.values())


def check_block(op: OpDef) -> None:
    """Check what an op block says without running it: its text, its samples, the number of its gradient rules."""
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
        except Exception as error:
            raise ContractError(name, f"{call}: {type(error).__name__}: {error}") from error


# --- the gradient ------------------------------------------------------------------------------------------------------------


def check_gradients(call: Call) -> None:
    """The gradient rule and its own gradient agree with central differences, with known and with unknown sizes."""
    if call.op.vjp is NOT_DIFFERENTIABLE or call.op.vjp is None or not call.sample.differentiable:
        return
    for known in ("sizes", "ranks", "nothing"):
        try:
            check_gradient(lambda *xs: call.op(*xs, **call.sample.attributes), call.arrays, known=known)
        except GraphOptError as error:
            if NEEDS_RANK not in str(error):
                raise


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
    "mutation": kernel_checks.check_memory,
    "types": kernel_checks.check_static_types,
    "hidden types": kernel_checks.check_hidden_types,
    "value_from_types": kernel_checks.check_value_from_types,
    "layout": kernel_checks.check_layouts,
    "commutative": kernel_checks.check_commutes,
    "linear": kernel_checks.check_linear,
    "expand": compiled_checks.check_expansion,
    "statement": compiled_checks.check_statement,
    "into": compiled_checks.check_into,
    "in place": compiled_checks.check_in_place,
    "scalar": compiled_checks.check_elements,
    "backend": compiled_checks.check_backends,
    "native": compiled_checks.check_native,
    "native in place": compiled_checks.check_native_in_place,
    "fold": compiled_checks.check_folding,
    "hidden values": compiled_checks.check_hidden_values,
    "text": compiled_checks.check_text,
    "gradient": check_gradients,
}

ERROR_CHECKS: dict[str, Check] = {"error": check_declared_error, "fallible": check_early_error}
