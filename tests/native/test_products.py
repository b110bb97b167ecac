"""Matrix products: every way one can run, against NumPy's, exactly where all sums are whole numbers."""

import dataclasses
import itertools

import numpy as np
import pytest
from machines import calls_for, narrow
from running import Guarded, call_of, run_calls, run_kernel, run_natively, unaligned

from graphopt.backends.native.emitter import Module
from graphopt.backends.native.host import this_host
from graphopt.backends.native.kernel import Pointer
from graphopt.backends.native.lowering import NotLowered
from graphopt.backends.native.products import blas
from graphopt.backends.native.products.blas import BlasProduct, uses_blas
from graphopt.backends.native.products.dots import DotProducts
from graphopt.backends.native.products.gemm import Product
from graphopt.backends.native.products.lower_matmul import Matrices, lower_matmul, product_calls
from graphopt.dtypes import as_dtype
from graphopt.ir.node import input_node
from graphopt.ir.types import TensorType
from graphopt.ops.linalg import matmul_op

SIZES = (1, 2, 3, 5, 7, 13, 31, 97)
TURNS = tuple(itertools.product((False, True), repeat=2))
SYMBOLS = {name: blas.address(name) for name in ("sgemm", "dgemm")}


def operands(m, n, k, turned, dtype="f4", *, whole=True, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (k, m) if turned[0] else (m, k), (n, k) if turned[1] else (k, n)
    make = (lambda shape: rng.integers(-4, 5, shape)) if whole else rng.standard_normal
    return [make(shape).astype(dtype) for shape in shapes]


def node_of(arrays, turned):
    return call_of(matmul_op, arrays, transpose_a=turned[0], transpose_b=turned[1])[0]


def product(arrays, turned, **settings):
    (found,), status = run_natively(matmul_op, arrays, transpose_a=turned[0], transpose_b=turned[1], symbols=SYMBOLS, **settings)
    assert status == 0
    return found


def check_exact(arrays, turned, **settings):
    (expected,) = run_kernel(matmul_op, arrays, transpose_a=turned[0], transpose_b=turned[1])
    np.testing.assert_array_equal(product(arrays, turned, **settings), expected)


@pytest.fixture(params=["generated", "blas"])
def way(request, monkeypatch):
    monkeypatch.setenv(blas.SETTING, request.param)
    return request.param


# --- right -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_all_mixes_of_small_and_prime_sizes_are_exact(way, turned, dtype):
    for m, n, k in itertools.product(SIZES, repeat=3):
        check_exact(operands(m, n, k, turned, dtype), turned)


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("sizes", [(0, 3, 4), (3, 0, 4), (3, 4, 0), (0, 0, 0), (1, 1, 0), (1, 5, 0), (5, 1, 0), (0, 1, 0)])
def test_empty_products_are_zeros(way, turned, sizes):
    check_exact(operands(*sizes, turned), turned)


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize(
    "sizes", [(10_007, 5, 3), (5, 10_007, 3), (5, 3, 10_007), (1, 10_007, 7), (10_007, 1, 7), (1, 1, 10_007), (64, 48, 1537)]
)
def test_one_long_dimension_is_exact(way, turned, sizes):
    check_exact(operands(*sizes, turned), turned)


@pytest.mark.parametrize("turned", TURNS)
def test_large_rows_that_are_packed_are_exact(turned):
    check_exact(operands(130, 1030, 600, turned), turned, parts=2)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("sizes", [(32, 33, 64), (4, 100, 300), (97, 31, 1300), (1, 50, 2000), (50, 1, 2000)])
def test_rounding_is_bounded(way, turned, dtype, sizes):
    arrays = operands(*sizes, turned, dtype, whole=False)
    a, b = (x.astype("f8").T if turn else x.astype("f8") for x, turn in zip(arrays, turned, strict=True))
    error = np.abs(product(arrays, turned) - (a.astype(np.longdouble) @ b.astype(np.longdouble)))
    assert (error <= 2 * np.sqrt(sizes[2]) * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b))).all()


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("sizes", [(3, 40, 6), (2, 40, 100), (1, 20, 50)])
def test_infinity_and_nan_reach_their_row_and_column_only(turned, sizes):
    arrays = operands(*sizes, turned)
    (arrays[0].T if turned[0] else arrays[0])[0, 1] = np.inf
    (arrays[1].T if turned[1] else arrays[1])[2, -1] = np.nan
    (expected,) = run_kernel(matmul_op, arrays, transpose_a=turned[0], transpose_b=turned[1])
    np.testing.assert_array_equal(product(arrays, turned), expected)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("turned", TURNS)
def test_whole_numbers_wrap_around_as_in_numpy(dtype, turned):
    rng = np.random.default_rng(3)
    info = np.iinfo(dtype)
    for m, n, k in [(1, 1, 1), (3, 5, 7), (13, 1, 31), (1, 13, 31), (2, 3, 0)]:
        shapes = (k, m) if turned[0] else (m, k), (n, k) if turned[1] else (k, n)
        check_exact([rng.integers(info.min, info.max, shape, dtype, endpoint=True) for shape in shapes], turned, parts=2)


# --- batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4,), (4,)), ((2, 3), (2, 3)), ((), (5,)), ((5,), ()), ((1,), (5,)), ((5,), (1,)), ((1, 1), (2, 3)), ((2, 3), (1,)),
        ((0,), ()), ((0,), (0,)), ((1,), (0,)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("sizes", [(3, 20, 5), (2, 3, 40), (1, 17, 9), (6, 1, 9)])
def test_batches_are_exact(way, turned, a, b, sizes):
    rng = np.random.default_rng(1)
    m, n, k = sizes
    shapes = (*a, *((k, m) if turned[0] else (m, k))), (*b, *((n, k) if turned[1] else (k, n)))
    arrays = [rng.integers(-4, 5, shape).astype("f4") for shape in shapes]
    for parts in (1, 3):
        check_exact(arrays, turned, parts=parts)
    check_exact([x.astype("i4") for x in arrays], turned)


def test_what_does_not_run_natively_says_why():
    with pytest.raises(NotLowered, match="both operands are broadcast"):
        run_natively(matmul_op, [np.ones((2, 1, 3, 3), "f4"), np.ones((1, 2, 3, 3), "f4")])
    with pytest.raises(NotLowered, match="float16"):
        run_natively(matmul_op, [np.ones((3, 3), "f2")] * 2)


# --- independent of threads, batch size and machine --------------------------------------------------------------------


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("sizes", [(61, 90, 700), (300, 20, 50), (3, 400, 1100), (1, 300, 77), (130, 1030, 40)])
def test_bits_do_not_depend_on_the_parts(turned, sizes):
    arrays = operands(*sizes, turned, whole=False)
    whole = product(arrays, turned)
    for parts in (2, 3, 5):
        assert product(arrays, turned, parts=parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("turned", TURNS)
def test_another_batch_size_runs_the_same_code(turned):
    assert kernel_of(32, 48, 40, turned) == kernel_of(57, 48, 40, turned)


@pytest.mark.parametrize("size", [32, 16])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("turned", TURNS)
def test_narrower_vectors_give_exact_products(size, dtype, turned, monkeypatch):
    monkeypatch.setenv(blas.SETTING, "generated")
    for m, n, k in [(7, 5, 3), (13, 37, 31), (2, 9, 50), (1, 20, 33)]:
        arrays = operands(m, n, k, turned, dtype)
        result = node_of(arrays, turned)
        place = Guarded(result.types[0])
        memory = {node: unaligned(x) for node, x in zip(result.inputs, arrays, strict=True)} | {result: place.array}
        run_calls(calls_for(narrow(size), lower_matmul, result), memory, parts=2)
        place.check()
        np.testing.assert_array_equal(place.array, run_kernel(matmul_op, arrays, transpose_a=turned[0], transpose_b=turned[1])[0])


# --- which way -------------------------------------------------------------------------------------------------------


def kernel_of(m, n, k, turned=(False, False), dtype="f4"):
    (call,) = lower_matmul(node_of(operands(m, n, k, turned, dtype), turned), this_host())
    return call.kernel


def test_each_shape_gets_its_kernel(monkeypatch):
    monkeypatch.setenv(blas.SETTING, "generated")
    assert kernel_of(32, 64, 32) == kernel_of(32, 64, 32, (True, False)) == Product("float")
    assert kernel_of(32, 64, 32, (False, True)) == Product("float", by_columns=True)
    assert isinstance(kernel_of(16, 96, 256, (False, True)), DotProducts)
    assert kernel_of(32, 1, 10) == kernel_of(1, 32, 10, (False, True)) == DotProducts("float", 1)
    monkeypatch.setenv(blas.SETTING, "blas")
    assert kernel_of(32, 64, 32, dtype="f8") == BlasProduct("double")


def test_blas_is_for_large_products_on_narrow_machines(monkeypatch):
    monkeypatch.delenv(blas.SETTING, raising=False)
    wide, narrow = (dataclasses.replace(this_host(), vector_bytes=size) for size in (64, 32))
    assert not uses_blas(1000, 1000, 1000, "float", wide)
    assert uses_blas(1000, 1000, 1000, "float", narrow)
    assert not uses_blas(10, 10, 10, "float", narrow)
    monkeypatch.setenv(blas.SETTING, "generated")
    assert not uses_blas(1000, 1000, 1000, "float", narrow)
    monkeypatch.setenv(blas.SETTING, "blas")
    assert uses_blas(10, 10, 10, "double", wide)
    assert not uses_blas(10, 10, 10, "i32", wide)


def test_a_wrong_setting_is_refused(monkeypatch):
    monkeypatch.setenv(blas.SETTING, "fast")
    with pytest.raises(ValueError, match=r"must be generated, blas or auto, got 'fast'"):
        blas.choice()


def test_kernels_share_their_tiles():
    host = this_host()
    texts = []
    for kernels in ([Product("float")], [Product("float", by_columns=True)], [Product("float"), Product("float", by_columns=True)]):
        module = Module(host)
        for i, kernel in enumerate(kernels):
            kernel.emit(module, f"kernel{i}")
        texts.append(module.text)
    assert [text.count("define internal void @tile") for text in texts] == [3, 3, 3] if host.registers >= 32 else [2, 2, 2]


def test_matrices_turned_over_are_the_same_product():
    node = input_node("feed", "a", TensorType(as_dtype(np.dtype("f4")), (4, 6)))
    x = Matrices(Pointer(node), Pointer(node), Pointer(node), 4, 1, 6, False, True, "float")
    assert x.turned_over.turned_over == x
    assert product_calls(x, this_host())[0].arguments == product_calls(x.turned_over, this_host())[0].arguments
