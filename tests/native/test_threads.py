"""The pool of worker threads: every item is done once, whoever asks, however often, asleep or awake, forked or ending."""

import ctypes
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from graphopt.backends.native import compiling, threads
from graphopt.backends.native.emitter import Module, Value, constant
from graphopt.backends.native.host import this_host
from graphopt.backends.native.threads import emit_parallel, pool_for

THREADS = 3


def _counting_module() -> str:
    """Return code whose kernel adds 1 to ``counts[i]`` for each of its items and notes in ``parts[thread]`` how many they were.

    ``drive(pool, record, extent, grain, times)`` calls ``parallel`` as often as said.
    """
    module = Module(this_host())
    emit_parallel(module)
    parameters = (("ptr", "record"), ("i64", "begin"), ("i64", "end"), ("i64", "thread"))
    kernel = module.function("count", parameters, attributes="nounwind")
    record, begin, end, thread = kernel.parameters
    counts, parts = (kernel.load("ptr", kernel.offset(record, "i64", index), 8) for index in range(2))
    with kernel.loop(begin, end) as loop:
        at = kernel.offset(counts, "i64", loop.index)
        kernel.store(kernel.add(kernel.load("i64", at), 1), at)
    kernel.store(kernel.let("sub", end, begin), kernel.offset(parts, "i64", thread))
    kernel.ret()
    names = (("ptr", "pool"), ("ptr", "record"), ("i64", "extent"), ("i64", "grain"), ("i64", "times"))
    drive = module.function("drive", names, internal=False)
    pool, record, extent, grain, times = drive.parameters
    with drive.loop(constant("i64", 0), times):
        drive.call("parallel", "void", pool, Value("@count", "ptr"), record, extent, grain)
    drive.ret()
    return module.text


class _Counting:
    """Runs the counting kernel on `pool` and keeps what it wrote."""

    def __init__(self, pool: int) -> None:
        host = this_host()
        self._loaded = compiling.Loaded(compiling.to_object(_counting_module(), host), host)
        signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        self._drive = signature(self._loaded.address("drive"))
        self._pool = pool
        self.counts = np.zeros(1000, np.int64)
        self.parts = np.zeros(64, np.int64)
        self._record = np.array([self.counts.ctypes.data, self.parts.ctypes.data], np.int64)

    def run(self, extent: int, grain: int = 1, times: int = 1) -> None:
        self.counts[:] = 0
        self.parts[:] = -1
        self._drive(self._pool, self._record.ctypes.data, extent, grain, times)


@pytest.fixture(scope="module")
def counting() -> _Counting:
    return _Counting(pool_for(THREADS).address)


@pytest.mark.parametrize(
    ("extent", "grain", "parts"),
    [
        (0, 1, [0]),
        (1, 1, [1]),
        (2, 1, [1, 1]),
        (3, 1, [1, 1, 1]),
        (7, 1, [2, 2, 3]),
        (1000, 1, [333, 333, 334]),
        (1000, 1000, [1000]),
        (1000, 999, [1000]),
        (1000, 500, [500, 500]),
        (1000, 0, [333, 333, 334]),
    ],
)
def test_work_is_divided_equally_by_the_grain(counting: _Counting, extent: int, grain: int, parts: list[int]) -> None:
    counting.run(extent, grain)
    assert counting.parts[: len(parts)].tolist() == parts
    assert (counting.parts[len(parts) :] == -1).all()
    assert (counting.counts[:extent] == 1).all()
    assert not counting.counts[extent:].any()


def test_a_pool_of_one_thread_has_no_address_and_does_all_itself() -> None:
    assert pool_for(1).address == 0
    alone = _Counting(0)
    alone.run(10)
    assert alone.parts[:2].tolist() == [10, -1]


def test_pools_are_shared_and_keep_their_address() -> None:
    assert pool_for(THREADS) is pool_for(THREADS)
    assert pool_for(THREADS).address == pool_for(THREADS).address
    assert pool_for(0) is pool_for(None)
    assert pool_for().threads >= 1


def test_no_call_of_many_thousands_is_lost(counting: _Counting) -> None:
    for extent in range(2, 40):
        counting.run(extent, times=500)
        assert (counting.counts[:extent] == 500).all()


def test_sleeping_workers_wake_up(counting: _Counting) -> None:
    for pause in [0.0, 2e-5, 5e-5, 1e-4, 1e-3] * 40:
        time.sleep(pause)
        counting.run(9)
        assert counting.parts[:4].tolist() == [3, 3, 3, -1]
        assert (counting.counts[:9] == 1).all()


def test_a_caller_does_what_no_worker_begins() -> None:
    pool = threads.Pool(THREADS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", lambda thread: None)
        alone = _Counting(pool.address)
    for extent in range(2, 40):
        alone.run(extent, times=50)
        assert (alone.counts[:extent] == 50).all()
    alone.run(9)
    assert alone.parts[:4].tolist() == [3, 3, 3, -1]


def test_two_callers_at_once_get_their_own_work_done() -> None:
    pool = pool_for(THREADS).address
    callers = [_Counting(pool) for _ in range(3)]
    wrong: list[int] = []

    def work(caller: _Counting) -> None:
        for extent in range(2, 60):
            caller.run(extent, times=300)
            if not (caller.counts[:extent] == 300).all():
                wrong.append(extent)

    running = [threading.Thread(target=work, args=(caller,)) for caller in callers]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert wrong == []


def _run_python(body: str) -> subprocess.CompletedProcess[str]:
    """Run code, after the imports and `counting = _Counting(...)`, in a new interpreter."""
    head = (
        f"import importlib.util, os, sys, threading, time\n"
        f"spec = importlib.util.spec_from_file_location('threads_test', {__file__!r})\n"
        f"module = importlib.util.module_from_spec(spec)\n"
        f"spec.loader.exec_module(module)\n"
        f"counting = module._Counting(module.pool_for({THREADS}).address)\n"
        f"counting.run(9)\n"
    )
    return subprocess.run([sys.executable, "-c", head + body], capture_output=True, text=True, timeout=60)


def test_a_forked_child_works_alone_and_then_with_workers_of_its_own() -> None:
    found = _run_python(
        "child = os.fork()\n"
        "if not child:\n"
        "    counting.run(9)\n"
        "    alone = counting.parts[:3].tolist()\n"
        f"    module.pool_for({THREADS}).address\n"
        "    counting.run(9)\n"
        "    os._exit(0 if (alone, counting.parts[:3].tolist()) == ([9, -1, -1], [3, 3, 3]) else 1)\n"
        "counting.run(9)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), counting.parts[:3].tolist())\n"
    )
    assert (found.stdout, found.returncode) == ("0 [3, 3, 3]\n", 0), found.stderr


def test_a_child_forked_in_the_middle_of_a_step_can_work() -> None:
    found = _run_python(
        "busy = threading.Thread(target=lambda: counting.run(1000, times=200_000), daemon=True)\n"
        "busy.start()\n"
        "time.sleep(0.01)\n"
        "child = os.fork()\n"
        "if not child:\n"
        f"    own = module._Counting(module.pool_for({THREADS}).address)\n"
        "    own.run(9)\n"
        "    os._exit(0 if own.parts[:3].tolist() == [3, 3, 3] else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert (found.stdout, found.returncode) == ("0\n", 0), found.stderr


@pytest.mark.parametrize(
    "body",
    [
        "",
        "time.sleep(0.01)\n",
        "import atexit\natexit.register(lambda: (counting.run(9), print(counting.counts[:9].sum())))\n",
        "threading.Thread(target=lambda: counting.run(1000, times=10_000_000), daemon=True).start()\ntime.sleep(0.01)\n",
    ],
    ids=["awake", "asleep", "used-at-exit", "in-a-step"],
)
def test_an_interpreter_ends_whatever_its_workers_do(body: str) -> None:
    found = _run_python(body)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_stopped_pool_leaves_the_work_to_its_caller() -> None:
    found = _run_python(
        f"module.pool_for({THREADS}).stop()\ncounting.run(9)\nprint(counting.parts[:2].tolist(), threading.active_count())\n"
    )
    assert (found.stdout, found.returncode) == ("[9, -1] 1\n", 0), found.stderr
