"""Sums of products over named axes: einsum and tensordot, both made of transposes, reshapes and one matrix product."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt import shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import define_op
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType
from graphopt.ops.array import concat, reshape, shape_op, transpose_op
from graphopt.ops.broadcast import broadcast_to, reduce_sum_op
from graphopt.ops.composing import scope, symbolic_dtype, to_symbol
from graphopt.ops.elementwise import multiply
from graphopt.ops.linalg import matmul_op

LINALG = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf"


class Equation(NamedTuple):
    """A parsed einsum equation: the letters of each operand and of the result."""

    operands: tuple[str, ...]
    result: str

    @property
    def text(self) -> str:
        """The equation as it is written."""
        return f"{','.join(self.operands)}->{self.result}"


def parse_equation(text: str, ranks: Sequence[int | None]) -> Equation:
    """Return the parsed form of an equation, ``...`` spelled out.

    Args:
      text: such as "ij,jk->ik"; without "->" the letters that come once, in alphabetical order, are the result.
      ranks: ranks of the operands, needed for ``...``.

    Raises:
      ValueError: when the equation can't be read or doesn't fit the number of operands.

    >>> parse_equation("ij,jk", [2, 2]).text, parse_equation("...a->...", [3]).text
    ('ij,jk->ik', 'BAa->BA')
    """
    left, arrow, right = text.replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) != len(ranks):
        raise ArgumentError(f"Got {len(ranks)} arguments for equation {text!r}, expecting {len(operands)}")
    free = [letter for letter in string.ascii_uppercase if letter not in text]
    spelled = [_spell_out(operand, rank, free, text) for operand, rank in zip(operands, ranks, strict=True)]
    longest = max([len(operand) - len(given.replace("...", "")) for operand, given in zip(spelled, operands, strict=True)], default=0)
    if arrow:
        result = right.replace("...", "".join(free[:longest][::-1]))
    else:
        joined = "".join(spelled)
        result = "".join(free[:longest][::-1]) + "".join(sorted(c for c in set(joined) if joined.count(c) == 1 and c not in free[:longest]))
    _check_letters(text, spelled, result)
    return Equation(tuple(spelled), result)


def _spell_out(operand: str, rank: int | None, free: list[str], text: str) -> str:
    if "..." not in operand:
        return operand
    if rank is None:
        raise ArgumentError(f"Operands with '...' in {text!r} must have a known rank")
    return operand.replace("...", "".join(free[: rank - len(operand.replace("...", ""))][::-1]))


def _check_letters(text: str, operands: list[str], result: str) -> None:
    for term in (*operands, result):
        if not all(c in string.ascii_letters for c in term):
            raise ArgumentError(f"Indices have incorrect format: {text}")
        if len(set(term)) < len(term):
            raise ArgumentError(f"Subscript not supported: an axis appears more than once: {term}")
    missing = sorted(set(result) - set("".join(operands)))
    if missing:
        raise ArgumentError(f"Invalid equation {text!r}: the result has the index {missing[0]!r}, which no argument has")


def _sizes(equation: Equation, operands: Sequence[TensorType]) -> dict[str, int | None]:
    sizes: dict[str, int | None] = {}
    for term, operand in zip(equation.operands, operands, strict=True):
        if operand.shape is None:
            continue
        if len(operand.shape) != len(term):
            raise ShapeError(f"Shape must be rank {len(term)} but is rank {len(operand.shape)}: {equation.text}")
        for letter, size in zip(term, operand.shape, strict=True):
            known = sizes.get(letter)
            if known is not None and size is not None and known != size:
                raise ShapeError(f"Expected dimension {known} at axis {letter!r} but got dimension {size}")
            sizes[letter] = size if known is None else known
    return sizes


def _einsum_type(*xs: TensorType, equation: str) -> TensorType:
    parsed = parse_equation(equation, [x.rank for x in xs])
    sizes = _sizes(parsed, xs)
    return TensorType(xs[0].dtype, tuple([sizes.get(letter) for letter in parsed.result]))


def _einsum_kernel(xp: Any, *xs: Any, equation: str) -> Any:
    try:
        result = xp.einsum(equation, *xs, optimize=len(xs) > 1)
    except ValueError as error:
        raise invalid_argument(f"Shapes {[list(np.shape(x)) for x in xs]} don't fit the equation {equation}: {error}") from None
    return xp.array(result) if len(xs) == 1 else result


def _einsum_vjp(g: Any, out: Any, *xs: Any, equation: str) -> Any:
    parsed = parse_equation(equation, [x.tensor_type.rank for x in xs])
    return tuple([_gradient_of(i, g, xs, parsed) for i in range(len(xs))])


def _gradient_of(i: int, g: Any, xs: Any, equation: Equation) -> Any:
    """Return the einsum of the gradient with the other operands; axes that only this operand has were summed: spread them again."""
    own = equation.operands[i]
    others = [term for j, term in enumerate(equation.operands) if j != i]
    found = set(equation.result).union(*others)
    kept = "".join(c for c in own if c in found)
    result = einsum_op(g, *[x for j, x in enumerate(xs) if j != i], equation=Equation((equation.result, *others), kept).text)
    if kept == own:
        return result
    whole = shape_op(xs[i])
    ones = [whole[k : k + 1] if c in found else np.array([1], np.int32) for k, c in enumerate(own)]
    return broadcast_to(reshape(result, concat(ones, 0)), whole)


def _einsum_expand(*xs: Any, equation: str) -> Any:
    """Contract from left to right, two operands at a time."""
    parsed = parse_equation(equation, [x.tensor_type.rank for x in xs])
    value, term = xs[0], parsed.operands[0]
    for i in range(1, len(xs)):
        later = set(parsed.result).union(*parsed.operands[i + 1 :])
        value, term = _contract(value, term, xs[i], parsed.operands[i], later)
    return _arrange(value, term, parsed.result)


def _arrange(x: Any, term: str, wanted: str) -> Any:
    """Sum over the axes that aren't wanted and bring the rest in order."""
    dropped = tuple([i for i, c in enumerate(term) if c not in wanted])
    if dropped:
        x, term = reduce_sum_op(x, axis=dropped, keepdims=False), "".join(c for c in term if c in wanted)
    return x if term == wanted else transpose_op(x, perm=tuple([term.index(c) for c in wanted]))


def _contract(a: Any, a_term: str, b: Any, b_term: str, later: set[str]) -> tuple[Any, str]:
    """Multiply two operands as one batch of matrix products; axes that nothing needs later are summed."""
    batch = "".join(c for c in a_term if c in b_term and c in later)
    inner = "".join(c for c in a_term if c in b_term and c not in later)
    left = "".join(c for c in a_term if c not in b_term and c in later)
    right = "".join(c for c in b_term if c not in a_term and c in later)
    a, b = _arrange(a, a_term, batch + left + inner), _arrange(b, b_term, batch + inner + right)
    sizes = dict(zip(batch + left + inner, a.tensor_type.shape, strict=True)) | dict(
        zip(batch + inner + right, b.tensor_type.shape, strict=True)
    )

    def size(term: str) -> list[int]:
        return [sizes[c] for c in term]

    if not inner:
        factors = (_reshaped(a, size(batch + left) + [1] * len(right)), _reshaped(b, size(batch) + [1] * len(left) + size(right)))
        return multiply(*factors), batch + left + right
    rows, middle, columns = math.prod(size(left)), math.prod(size(inner)), math.prod(size(right))
    product = matmul_op(_reshaped(a, [*size(batch), rows, middle]), _reshaped(b, [*size(batch), middle, columns]))
    return _reshaped(product, size(batch + left + right)), batch + left + right


def _reshaped(x: Any, sizes: list[int]) -> Any:
    return x if x.tensor_type.shape == tuple(sizes) else reshape(x, sizes)


einsum_op = define_op(
    "einsum(*xs: num; equation)",
    infer=_einsum_type, kernel=_einsum_kernel, vjp=_einsum_vjp, expand=_einsum_expand,
    fallible=lambda *xs, equation: not all(x.is_static for x in xs), tf_name="Einsum",
    default_name="einsum", public_name="einsum",
    samples=[case("f64[2,3]", "f64[3,4]", equation="ij,jk->ik"), case("f64[2,2,3]", "f64[2,3,2]", equation="bij,bjk->bki"),
             case("f64[2,3]", "f64[2,3]", equation="ij,ij->i"),
             case("f64[2]", "f64[3]", equation="i,j->ij"), case("f64[2,3,4]", equation="ijk->kj"),
             case("f64[2,3]", "f64[3,4]", "f64[4,2]", equation="ij,jk,kl->il"),
             case("f32[2,3]", "f32[3]", equation="ij,j"), case("i32[2,3]", "i32[3]", equation="ij,j->i")],
    doc="Multiply operands and sum over the axes that the result doesn't name.", ref=f"{LINALG}/einsum",
)  # fmt: skip


def einsum(equation: str, *xs: Any, name: str | None = None) -> Any:
    """Return the sum of products that an equation such as "ij,jk->ik" names.

    Args:
      equation: the axes of each operand, and of the result. xs: tensors of one numeric type. name: name of the operation.

    Raises:
      ValueError: when the equation can't be read or the shapes don't fit it.

    Example:
      >>> y = tf.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
      >>> tf.Session().run(y).tolist()
      [12.0, 34.0]
    """
    symbols = [to_symbol(x, None, None, *xs) for x in xs]
    return einsum_op(*symbols, equation=parse_equation(equation, [x.tensor_type.rank for x in symbols]).text, name=name)


# --- tensordot ---------------------------------------------------------------------------------------------------------------


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """Return the sum of products over axes of `a` paired with axes of `b`.

    Args:
      a, b: tensors of one numeric type and known rank.
      axes: a number n (the last n axes of a with the first n of b), or two lists of axes.
      name: scope of the operations.

    Raises:
      ValueError: when the axes don't fit.

    Example:
      >>> y = tf.tensordot([[1.0, 2.0]], [3.0, 4.0], 1)
      >>> tf.Session().run(y).tolist()
      [11.0]
    """
    with scope(name or "Tensordot", a, b) as entered:
        a, b = to_symbol(a, symbolic_dtype(b), "a", b), to_symbol(b, symbolic_dtype(a), "b", a)
        if a.tensor_type.rank is None or b.tensor_type.rank is None:
            raise ArgumentError("tensordot needs arguments of known rank.")
        a_axes, b_axes = _paired_axes(a, b, axes)
        a_free = [i for i in range(a.tensor_type.rank) if i not in a_axes]
        b_free = [i for i in range(b.tensor_type.rank) if i not in b_axes]
        left = reshape(_permuted(a, [*a_free, *a_axes]), _flat(a, a_free, a_axes))
        right = reshape(_permuted(b, [*b_axes, *b_free]), _flat(b, b_axes, b_free))
        product = matmul_op(left, right, name="MatMul")
        if len(a_free) == 1 and len(b_free) == 1:
            return product
        return reshape(product, _joined(_known_or_traced(a, a_free), _known_or_traced(b, b_free)), name=entered)


def _paired_axes(a: Any, b: Any, axes: Any) -> tuple[list[int], list[int]]:
    if not isinstance(axes, (list, tuple)) and np.ndim(axes) == 0:
        count, rank = int(axes), a.tensor_type.rank
        if count < 0 or count > rank:
            raise ArgumentError(f"'axes' must be between 0 and {rank}, got {count}")
        return list(range(rank - count, rank)), list(range(count))
    if len(axes) != 2:
        raise ArgumentError("'axes' must be an integer or have length 2.")
    pairs = [
        [shapes.normalize_axis(int(i), x.tensor_type.rank) for i in np.reshape(part, -1)] for x, part in zip((a, b), axes, strict=True)
    ]
    if len(pairs[0]) != len(pairs[1]):
        raise ArgumentError(f"Different number of contraction axes 'a' and 'b', {len(pairs[0])} != {len(pairs[1])}.")
    for i, j in zip(*pairs, strict=True):
        shapes.merge_shapes((a.tensor_type.shape[i],), (b.tensor_type.shape[j],))
    return pairs[0], pairs[1]


def _permuted(x: Any, perm: list[int]) -> Any:
    return x if perm == sorted(perm) else transpose_op(x, perm=tuple(perm))


def _flat(x: Any, first: list[int], second: list[int]) -> Any:
    """Return the shape with two groups of axes made one axis each; at most one group may have unknown sizes, else the sizes are traced."""
    known = x.tensor_type.shape
    sizes = [None if any(known[i] is None for i in group) else math.prod([known[i] for i in group]) for group in (first, second)]
    if None not in sizes:
        return np.array(sizes, np.int32)
    if sizes[0] is None and sizes[1] is None:
        traced = shape_op(x)
        size: Any = np.array(1, np.int32)
        for i in second:
            size = multiply(traced[i], size)
        return [-1, size]
    return np.array([-1 if s is None else s for s in sizes], np.int32)


def _known_or_traced(x: Any, axes: list[int]) -> list[Any]:
    known = x.tensor_type.shape
    traced: Any = shape_op(x) if any(known[i] is None for i in axes) else None
    return [traced[i] if known[i] is None else known[i] for i in axes]


def _joined(first: list[Any], second: list[Any]) -> Any:
    sizes = [*first, *second]
    symbolic = [i for i, s in enumerate(sizes) if hasattr(s, "builder")]
    if len(symbolic) == 1:
        sizes[symbolic[0]] = -1
    return sizes
