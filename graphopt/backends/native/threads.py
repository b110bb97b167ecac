"""Worker threads that generated code hands work to without going back to Python.

A pool is a block of memory: a header and a mailbox for each worker. Generated code calls ``parallel``, which writes a kernel and a part of
its work into the mailboxes, does the first part itself, then those that no worker has begun, and waits for the others. So a call takes
hardly longer than without workers even when they get no processor. A worker waits for its mailbox by looking at it for some
microseconds, then sleeps in Linux (a futex) until somebody posts. Neither side makes a system call while both are awake.

Whether a call is divided changes nothing but its speed, so whenever the pool can't be had (another session's step has it, its process was
forked, the interpreter is ending) ``parallel`` does all the work itself. Where there are no futexes (other systems than Linux) all pools
have one thread.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import threading
import time

import numpy as np

from graphopt.backends.native import compiling
from graphopt.backends.native.host import this_host
from graphopt.backends.native.parallel import BOX_BYTES, CPU_BYTES, FIRST_BOX, HEADER, emit_parallel, futex_number, pool_module

__all__ = ["Pool", "emit_parallel", "pool_for"]

# How long a worker looks out for work before it sleeps: longer than the stretches between the parallel kernels of a step, and than the
# Python between two steps.
_LOOKOUT_SECONDS = 50e-6


class Pool:
    """Worker threads, shared by all who ask for as many. Make it with `pool_for`.

    Args:
      threads: how many threads work on a call: the caller's own and ``threads - 1`` workers.

    Attributes:
      threads: as given.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._memory = np.zeros(FIRST_BOX + threads * BOX_BYTES, np.uint8)
        skipped = -self._memory.ctypes.data % BOX_BYTES
        self._aligned = self._memory[skipped : skipped + FIRST_BOX + (threads - 1) * BOX_BYTES]
        self._address = self._aligned.ctypes.data
        self._header = self._aligned[: HEADER.itemsize].view(HEADER)
        self._workers: list[threading.Thread] = []
        self._starting = threading.Lock()
        self.forget_workers()

    @property
    def address(self) -> int:
        """The address that ``parallel`` is given; 0 for a pool of one thread. Asking for it starts the workers; it never changes."""
        if self.threads == 1:
            return 0
        if not self._workers:
            with self._starting:
                if not self._workers and not _ENDING.is_set():
                    self._workers = self._start()
        return self._address

    def _start(self) -> list[threading.Thread]:
        native = _native()
        self._header["lookout"], self._header["divide"] = native.lookout, native.divide
        self._note_processors()
        workers: list[threading.Thread] = []
        for number in range(1, self.threads):
            worker = threading.Thread(target=native.worker, args=(self._address, number), name=f"graphopt-{number}", daemon=True)
            try:
                worker.start()
            except RuntimeError:  # the system gives no more threads: work with those there are
                break
            workers.append(worker)
        self._header["threads"] = 1 + len(workers)
        self._header["busy"] = 0
        return workers

    def _note_processors(self) -> None:
        """Write down where workers may run, so that they can leave their caller's processor, if there is one for each thread."""
        processors = sorted(os.sched_getaffinity(0))
        if self.threads <= len(processors) and processors[-1] < 8 * CPU_BYTES:
            self._header["cpu_limit"] = 8 * CPU_BYTES
            self._header["cpus"] = np.packbits(np.isin(np.arange(8 * CPU_BYTES), processors), bitorder="little")

    def stop(self) -> None:
        """End the workers, unless another thread's step has them: then they end with the process."""
        if self._workers and _native().stop(self._address):
            for worker in self._workers:
                worker.join(1.0)

    def forget_workers(self) -> None:
        """Become a pool whose workers haven't started, at the same address. Until they do, ``parallel`` finds it taken and works alone."""
        self._workers = []
        self._starting = threading.Lock()  # a new one, because whoever held it is not here
        self._aligned[FIRST_BOX:] = 0
        self._header["threads"] = self.threads
        self._header["busy"] = 1


class _Native:
    """The compiled functions of `pool_module`.

    Attributes:
      divide: the address of what ``parallel`` hands work to.
      worker: works until it is stopped. stop: returns True when it could tell the workers of a pool to end.
      lookout: how many looks at a mailbox take `_LOOKOUT_SECONDS`.
    """

    def __init__(self) -> None:
        host = this_host()
        code, _ = compiling.cached_object("pool", lambda: pool_module(host), host, level=0)  # waiting needs no fast code
        self._loaded = compiling.Loaded(code, host)
        self.divide = self._loaded.address("divide")
        self.worker = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(self._loaded.address("worker"))
        self.stop = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p)(self._loaded.address("stop"))
        self.lookout = self._measured_lookout()

    def _measured_lookout(self) -> int:
        look = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64)(self._loaded.address("look"))
        word, rounds, shortest = ctypes.c_int32(0), 1000, float("inf")
        for _ in range(5):  # the shortest: nothing came between
            start = time.perf_counter()
            look(ctypes.addressof(word), 0, rounds)
            shortest = min(shortest, time.perf_counter() - start)
        return max(1, round(rounds * _LOOKOUT_SECONDS / shortest))


@functools.cache
def _native() -> _Native:
    return _Native()


_POOLS: dict[int, Pool] = {}
_ENDING = threading.Event()


def pool_for(threads: int | None = None) -> Pool:
    """Return the pool of so many threads.

    Args:
      threads: 0 or None for one on each processor that this process may use.
    """
    wanted = threads or _processors()
    if futex_number(this_host()) is None:
        wanted = 1
    return _POOLS.setdefault(wanted, _POOLS.get(wanted) or Pool(wanted))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _forget_all_workers() -> None:
    """Threads don't survive a fork: the child starts its own when it asks for a pool's address."""
    for pool in _POOLS.values():
        pool.forget_workers()


def _stop_all() -> None:
    _ENDING.set()
    for pool in _POOLS.values():
        pool.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all_workers)
atexit.register(_stop_all)
