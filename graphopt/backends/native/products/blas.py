"""The matrix products of BLAS, as SciPy brings them: when they are used, and their addresses."""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import kernel_function, slot

SETTING = "GRAPHOPT_NATIVE_PRODUCTS"
_SYMBOLS = {"float": "sgemm", "double": "dgemm"}

# Below so many multiplications a call of BLAS, and dividing the work a second time, cost more than its better code saves.
_WORTH_A_CALL = 1 << 18


def choice() -> str:
    """Return who multiplies matrices, from the environment: ``generated``, ``blas``, or ``auto``, which is the default.

    Raises:
      ValueError: for another word.
    """
    word = os.environ.get(SETTING, "auto")
    if word not in ("generated", "blas", "auto"):
        raise ValueError(f"{SETTING} must be generated, blas or auto, got {word!r}")
    return word


def uses_blas(m: int, n: int, k: int, element: str, host: Host) -> bool:
    """Return True when a product of an [m, k] and a [k, n] matrix goes to BLAS.

    Where vectors have 64 bytes the generated product is at least as fast: the BLAS that SciPy brings often uses half of such a vector.
    On other machines its hand-written kernels are the better ones, from a size on.

    Args:
      m, n, k: the sizes. element: LLVM's type of an element. host: the machine.
    """
    if element not in _SYMBOLS:
        return False
    wanted = choice()
    if wanted == "auto":
        return host.vector_bytes < 64 and m * n * k >= _WORTH_A_CALL and is_available()
    return wanted == "blas"


@functools.cache
def is_available() -> bool:
    """Return True when SciPy is installed."""
    try:
        importlib.import_module("scipy.linalg.cython_blas")
    except ImportError:
        return False
    return True


@functools.cache
def address(name: str) -> int:
    """Return the address of a function of BLAS.

    Args:
      name: its name, such as ``sgemm``.

    Raises:
      ImportError: when SciPy is not installed. KeyError: for another name.
    """
    # The functions that SciPy offers to Cython stand in capsules whose name is the signature.
    capsule = importlib.import_module("scipy.linalg.cython_blas").__pyx_capi__[name]
    signature = ctypes.pythonapi.PyCapsule_GetName
    signature.restype, signature.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, signature(capsule)))


def symbol(element: str) -> str:
    """Return the name of the product of matrices with such elements."""
    return _SYMBOLS[element]


@dataclass(frozen=True)
class BlasProduct:
    """The structure of a call of BLAS: one product, or as many as the caller's part of a batch.

    The record: pointers to A, B, C and the function; the sizes m, n, k; the elements between rows of A and B in memory; 1 where A, and
    where B, stands transposed; and the elements from one product of the batch to the next in A, B and C.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"matrix product by BLAS ({_SYMBOLS[self.element]})"

    def emit(self, module: Module, name: str) -> None:
        """Write it. BLAS counts columns first: in its eyes all matrices here are transposed, and C' = B' A'."""
        f, record, begin, end, _ = kernel_function(module, name)
        a, b, c, function = (slot(f, record, i) for i in range(4))
        m, n, k, a_row, b_row, a_turned, b_turned, *steps = (slot(f, record, i, "i64") for i in range(4, 14))
        numbers = f.value("ptr", "alloca [6 x i32], align 16")
        scale = f.value("ptr", f"alloca [2 x {self.element}], align 16")
        letters = f.value("ptr", "alloca [2 x i8], align 16")
        at = [f.offset(numbers, "i32", i) for i in range(6)]
        for place, number in zip(at, (m, n, k, a_row, b_row, n), strict=True):
            f.store(f.convert("trunc", number, "i32"), place)
        one, zero = (f.offset(scale, self.element, i) for i in range(2))
        f.store(constant(self.element, 1), one)
        f.store(constant(self.element, 0), zero)
        turned = [f.offset(letters, "i8", i) for i in range(2)]
        for place, flag in zip(turned, (a_turned, b_turned), strict=True):
            letter = f.select(f.compare("ne", flag, constant("i64", 0)), constant("i8", ord("T")), constant("i8", ord("N")))
            f.store(letter, place)
        with f.loop(begin, end) as loop:
            pointers = [f.offset(p, self.element, f.mul(loop.index, step)) for p, step in zip((a, b, c), steps, strict=True)]
            arguments = (turned[1], turned[0], at[1], at[0], at[2], one, pointers[1], at[4], pointers[0], at[3], zero, pointers[2], at[5])
            f.line(f"call void {function.text}({', '.join(map(str, arguments))})")
            loop.carry()
        f.ret()
