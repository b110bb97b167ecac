"""The definition of one op, in one block: signature, kernel, gradient, texts, samples, and the properties passes look at.

`define_op` makes an `OpDef` and enters it in the registry. Calling an `OpDef` goes through `bind`, so the user, a gradient rule, a
rewrite and a pattern all use the same vocabulary. No list of op names stands outside ``ops/``: what a pass wants to know about an op
is a field here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.ir.rules import RULES, as_types
from graphopt.ir.signature import REQUIRED, Parameter, Signature, parse_signature
from graphopt.ir.types import TensorType


class NotDifferentiable:
    """The marker for "no gradient by nature" (as opposed to "not connected" or "no rule written")."""

    def __repr__(self) -> str:
        return "NOT_DIFFERENTIABLE"


NOT_DIFFERENTIABLE = NotDifferentiable()

# What `OpDef.rounding` may be, the strictest first.
ROUNDINGS = ("exact", "function", "sum")

Infer = Callable[..., "TensorType | tuple[TensorType, ...]"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OpDef:
    """One op. Made by `define_op`; see there for the fields."""

    signature: Signature
    infer: Callable[..., tuple[TensorType, ...]]
    kernel: Callable[..., Any] | None
    vjp: Any
    sparse_vjp: Callable[..., Any] | None
    expand: Callable[..., Any] | None
    discharge: Callable[..., Any] | None
    tf_name: str
    default_name: str
    ufunc: str | None
    buffered: str | Callable[..., str | None] | None
    into: Callable[..., None] | None
    scalar: str | Callable[..., str | None] | None
    reduction: str | None
    samples: tuple[Any, ...]
    doc: str
    ref: str
    commutative: bool
    linear_in: tuple[str, ...]
    host_only: bool
    fallible: bool | Callable[..., bool]
    view_of: str | None
    overwrites: str | None
    passes_slices: bool
    only_reads: bool
    value_from_types: Callable[..., Any] | None
    fused_kernel: bool
    correctly_rounded: bool
    rounding: str
    single_result: bool
    public_name: str

    # Taken from the signature once, because every call needs them.
    name: str
    parameters: tuple[Parameter, ...]
    attributes: dict[str, Any]
    has_static: bool
    is_variadic: bool

    def __call__(self, *operands: Any, name: str | None = None, **attributes: Any) -> Any:
        return _BIND[0](self, operands, attributes, name)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def elementwise(self) -> bool:
        """True when each result element depends on the operands' elements in the same place alone."""
        return self.ufunc is not None or self.scalar is not None

    def parameter_of(self, position: int) -> Parameter:
        """Return the parameter that describes the operand at `position`."""
        last = len(self.parameters) - 1
        return self.parameters[min(position, last)]

    def complete_attributes(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return `given` with the defaults filled in, in the order of the signature.

        Raises:
          ArgumentError: when one is unknown or a required one is missing.
        """
        complete = {key: given.get(key, default) for key, default in self.attributes.items()}
        if len(given) > len(complete) or any(key not in complete for key in given):
            unknown = sorted(set(given) - set(self.attributes))
            raise ArgumentError(f"Op '{self.name}' has no attribute {unknown[0]!r}; it has {sorted(self.attributes)}.")
        for key, value in complete.items():
            if value is REQUIRED:
                raise ArgumentError(f"Op '{self.name}' needs the attribute {key!r}.")
        return complete


REGISTRY: dict[str, OpDef] = {}

# `bind` stands above this module; it enters itself here so that calling an OpDef reaches it.
_BIND: list[Callable[..., Any]] = []


def define_op(
    signature: str,
    *,
    kernel: Callable[..., Any] | None = None,
    vjp: Any = None,
    sparse_vjp: Callable[..., Any] | None = None,
    infer: Infer | None = None,
    expand: Callable[..., Any] | None = None,
    discharge: Callable[..., Any] | None = None,
    tf_name: str | None = None,
    default_name: str | None = None,
    ufunc: str | None = None,
    buffered: str | Callable[..., str | None] | None = None,
    into: Callable[..., None] | None = None,
    scalar: str | Callable[..., str | None] | None = None,
    reduction: str | None = None,
    samples: Sequence[Any] = (),
    doc: str,
    ref: str = "",
    commutative: bool = False,
    linear_in: tuple[str, ...] = (),
    host_only: bool = False,
    fallible: bool | Callable[..., bool] = False,
    view_of: str | None = None,
    overwrites: str | None = None,
    passes_slices: bool = False,
    only_reads: bool = False,
    value_from_types: Callable[..., Any] | None = None,
    fused_kernel: bool = False,
    correctly_rounded: bool = False,
    rounding: str = "exact",
    public_name: str | None = None,
) -> OpDef:
    """Define an op and enter it in the registry.

    Args:
      signature: operands, attributes and result rule in one line (`ir/signature.py`).
      kernel: ``kernel(xp, *operands, **attributes)`` with the array namespace `xp` (numpy or jax.numpy). Several results come
        back as a tuple. It must not change its operands.
      vjp: the gradient: a tuple with one rule per operand, each ``rule(g, out, *operands, **attributes)`` or
        NOT_DIFFERENTIABLE or None for "not connected"; or one function with the same arguments that returns the gradients of all
        operands as a tuple (one operand: the gradient itself). Rules use ops, never numpy, and leave broadcasting, casts, sums
        and zeros to the driver. NOT_DIFFERENTIABLE alone when the op has no gradient by nature. With several results `g` and
        `out` are tuples, and an element of `g` may be None.
      sparse_vjp: the gradient of the first operand as sparse rows: same arguments as a rule, gives ``(values, indices,
        dense_shape)``, or None when the dense rule must be used.
      infer: ``infer(*operand_types, **attributes)``, in place of a rule after ``->``; write ``-> many()`` when it returns several
        types.
      expand: ``expand(*operands, **attributes)``: the op's definition in other ops.
      discharge: ``discharge(ctx, *operands, **attributes)`` in place of `kernel` for an op with an effect
        (`compiler/discharge.py`).
      tf_name: TensorFlow's type of the operation; default_name: the name an operation gets when the user gives none.
      ufunc: the numpy function that computes it and takes ``out=``.
      buffered: source of a statement with ``out=``, a format string over operand names, attributes and ``{out}``, or a function
        of the node that returns one or None.
      into: ``into(out, *operands, **attributes)``: a kernel that writes its result into `out`, which may be the operand that
        `overwrites` names.
      scalar: the expression for one element, for fused loops, or a function of the node that returns one or None.
      reduction: how a reduction over `axis` combines two elements: ``sum``, ``product``, ``max``, ``min``, ``and``, ``or``.
      samples: operands for the contract tests (`testing/samples.py`).
      doc: one imperative sentence; ref: where the definition comes from.
      commutative: the two operands may be swapped; linear_in: names of operands the result is linear in.
      host_only: runs in Python whatever the backend.
      fallible: may raise at run time (or a function of operand types and attributes that says so).
      view_of: the operand whose memory the result may share; overwrites: the operand whose memory may take the result.
      only_reads: its `discharge` changes no state.
      passes_slices: hands an `IndexedSlices` gradient through unchanged.
      value_from_types: ``value_from_types(*operand_types, **attributes)``: the value where types alone decide it, or None.
      fused_kernel: the kernel is better than the expansion: backends that call kernels keep the op whole.
      correctly_rounded: each element is the exact result rounded once (IEEE 754), or exact: the same bits however many are done
        at a time.
      rounding: how another backend's result may differ from the kernel's: ``exact`` (not at all, whatever the element type),
        ``function`` (a mathematical function: by a few units in the last place), ``sum`` (a sum or product of many terms, which may be
        taken in another order: by a bound that grows with their number and size). Of a composite op it says nothing: the ops of its
        definition do. Whole numbers and truth values are always the same.
      public_name: the function users call, if not the op's own name.

    Returns:
      The `OpDef`, callable on tensors, nodes and patterns.

    Raises:
      ValueError: when the name is taken or the signature can't be read.
    """
    parsed = parse_signature(signature)
    if parsed.name in REGISTRY:
        raise ValueError(f"Op {parsed.name!r} is defined twice")
    if rounding not in ROUNDINGS:
        raise ValueError(f"Op {parsed.name!r} has the rounding {rounding!r}; there are: {', '.join(ROUNDINGS)}")
    inference, single = _compile_inference(parsed, infer)
    parameters = parsed.parameters
    op = OpDef(
        signature=parsed,
        infer=inference,
        kernel=kernel,
        vjp=vjp,
        sparse_vjp=sparse_vjp,
        expand=expand,
        discharge=discharge,
        tf_name=tf_name or parsed.name,
        default_name=default_name or tf_name or parsed.name,
        ufunc=ufunc,
        buffered=buffered,
        into=into,
        scalar=scalar,
        reduction=reduction,
        samples=tuple(samples),
        doc=doc,
        ref=ref,
        commutative=commutative,
        linear_in=linear_in,
        host_only=host_only,
        fallible=fallible,
        view_of=view_of,
        overwrites=overwrites,
        passes_slices=passes_slices,
        only_reads=only_reads,
        value_from_types=value_from_types,
        fused_kernel=fused_kernel,
        correctly_rounded=correctly_rounded,
        rounding=rounding,
        single_result=single,
        public_name=public_name or parsed.name,
        name=parsed.name,
        parameters=parameters,
        attributes=parsed.attributes,
        has_static=any(p.static for p in parameters),
        is_variadic=any(p.variadic for p in parameters),
    )
    REGISTRY[op.name] = op
    return op


def _compile_inference(signature: Signature, infer: Infer | None) -> tuple[Callable[..., tuple[TensorType, ...]], bool]:
    """Return one function from operand types and attributes to result types, and whether there is one result."""
    if infer is not None:
        return (lambda *types, **attributes: as_types(infer(*types, **attributes))), not signature.results
    if not signature.results:
        return (lambda *types, **attributes: ()), False
    getters = [_compile_result(signature, rule, arguments) for rule, arguments in signature.results]
    if len(getters) == 1:
        only = getters[0]
        return (lambda *types, **attributes: (only(types, attributes),)), True
    return (lambda *types, **attributes: tuple([getter(types, attributes) for getter in getters])), False


def _compile_result(signature: Signature, rule_name: str, arguments: tuple[str, ...]) -> Callable[..., TensorType]:
    rule = RULES[rule_name]
    positions = {p.name: i for i, p in enumerate(signature.parameters)}
    if signature.parameters and signature.parameters[-1].variadic and signature.parameters[-1].name in arguments:
        return lambda types, attributes: rule(types, *[attributes[a] for a in arguments[1:]])
    if all(a in positions for a in arguments):
        indices = tuple(positions[a] for a in arguments)
        if len(indices) == 1:
            first = indices[0]
            return lambda types, attributes: rule(types[first])
        if len(indices) == 2:
            first, second = indices
            return lambda types, attributes: rule(types[first], types[second])
    return lambda types, attributes: rule(*[types[positions[a]] if a in positions else attributes[a] for a in arguments])
