"""The code of a thread pool: ``parallel``, which generated code calls, what divides the work, and what the workers run.

A pool is a block of memory: a header, then a mailbox for each worker. `graphopt.backends.native.threads` makes it and starts the workers.
"""

from __future__ import annotations

import numpy as np

from graphopt.backends.native.emitter import Module
from graphopt.backends.native.host import Host

# The number of the system call on each processor (Linux's unistd.h), and what waits some ten cycles there.
_FUTEX = {"x86_64": 202, "aarch64": 98}
_PAUSE = {"x86_64": "call void @llvm.x86.sse2.pause()", "aarch64": 'call void asm sideeffect "isb", "~{memory}"()'}
# The caller looks longer: it knows that work is being done, and as a rule that it is nearly done.
_CALLER_PATIENCE = 4

BOX_BYTES = 128  # a processor fetches cache lines in pairs
CPU_BYTES = 128  # of a set of processors, as the C library has it
HEADER = np.dtype([("threads", "i8"), ("busy", "i4"), ("cpu_limit", "i4"), ("lookout", "i8"), ("divide", "i8"), ("cpus", "u1", CPU_BYTES)])
_BUSY, _CPU_LIMIT, _LOOKOUT, _DIVIDE, _CPUS = 8, 12, 16, 24, 32
FIRST_BOX = 256
# In a mailbox: two words, each with a flag beside it that says whether somebody sleeps until the word changes; then the work. Each piece of
# work has a number. Whoever counts `_CLAIMED` up to it does it: the worker, or the caller who has nothing else left to do.
_POSTED, _FINISHED, _KERNEL, _RECORD, _BEGIN, _END, _CALLER_CPU, _CLAIMED = 0, 8, 16, 24, 32, 40, 48, 52
_ASLEEP = 4

# Every other microsecond or so it lets others run: whoever it waits for may stand on the same processor.
_LOOK = """
    br label %look
  look:
    %round = phi i64 [ 0, %entry ], [ %next, %pause ], [ %next, %yield ]
    %seen = load atomic i32, ptr %word acquire, align 4
    %changed = icmp ne i32 %seen, %old
    br i1 %changed, label %out, label %again
  again:
    %tired = icmp sge i64 %round, %rounds
    br i1 %tired, label %out, label %pause
  pause:
    PAUSE
    %next = add i64 %round, 1
    %phase = and i64 %next, 63
    %polite = icmp eq i64 %phase, 0
    br i1 %polite, label %yield, label %look
  yield:
    %yielded = call i32 @sched_yield()
    br label %look
  out:
    ret i1 %changed
"""
_WAIT = f"""
    %changed = call i1 @look(ptr %word, i32 %old, i64 %rounds)
    br i1 %changed, label %out, label %tired
  tired:
    %asleep = getelementptr i8, ptr %word, i64 {_ASLEEP}
    %address = ptrtoint ptr %word to i64
    %value = zext i32 %old to i64
    br label %sleep
  sleep:
    store atomic i32 1, ptr %asleep seq_cst, align 4
    %now = load atomic i32, ptr %word seq_cst, align 4
    %late = icmp ne i32 %now, %old
    br i1 %late, label %awake, label %futex
  futex:
    %woken = call i64 @syscall(i64 FUTEX, i64 %address, i64 128, i64 %value, i64 0, i64 0, i64 0)
    br label %sleep
  awake:
    store atomic i32 0, ptr %asleep seq_cst, align 4
    br label %out
  out:
    ret void
"""
# The word is written before the flag is read, and the sleeper writes the flag before it reads the word; both in the one order that all
# threads see (seq_cst). So at least one of the two notices the other.
_ANNOUNCE = f"""
    %asleep = getelementptr i8, ptr %word, i64 {_ASLEEP}
    store atomic i32 %value, ptr %word seq_cst, align 4
    %flag = load atomic i32, ptr %asleep seq_cst, align 4
    %sleeps = icmp ne i32 %flag, 0
    br i1 %sleeps, label %wake, label %out
  wake:
    %address = ptrtoint ptr %word to i64
    %woken = call i64 @syscall(i64 FUTEX, i64 %address, i64 129, i64 1, i64 0, i64 0, i64 0)
    br label %out
  out:
    ret void
"""
_TAKE = f"""
    %busy = getelementptr i8, ptr %pool, i64 {_BUSY}
    %taken = cmpxchg ptr %busy, i32 0, i32 1 acquire monotonic
    %free = extractvalue {{ i32, i1 }} %taken, 1
    ret i1 %free
"""
_PARALLEL = f"""
    %large = icmp sgt i64 %extent, %grain
    %some = icmp ne ptr %pool, null
    %divisible = and i1 %large, %some
    br i1 %divisible, label %several, label %alone
  several:
    %divide_at = getelementptr i8, ptr %pool, i64 {_DIVIDE}
    %divide = load ptr, ptr %divide_at, align 8
    tail call void %divide(ptr %pool, ptr %kernel, ptr %record, i64 %extent, i64 %grain)
    ret void
  alone:
    tail call void %kernel(ptr %record, i64 0, i64 %extent, i64 0)
    ret void
"""
_DIVIDED = f"""
    %threads = load i64, ptr %pool, align 8
    %least = call i64 @llvm.smax.i64(i64 %grain, i64 1)
    %worth = sdiv i64 %extent, %least
    %parts = call i64 @llvm.smin.i64(i64 %worth, i64 %threads)
    %one = icmp slt i64 %parts, 2
    br i1 %one, label %alone, label %try
  alone:
    call void %kernel(ptr %record, i64 0, i64 %extent, i64 0)
    ret void
  try:
    %mine = call i1 @take(ptr %pool)
    br i1 %mine, label %prepare, label %alone
  prepare:
    %first_end = sdiv i64 %extent, %parts
    br label %post
  post:
    %part = phi i64 [ 1, %prepare ], [ %part_next, %post ]
    %begin = phi i64 [ %first_end, %prepare ], [ %end, %post ]
    %part_next = add i64 %part, 1
    %reached = mul i64 %extent, %part_next
    %end = sdiv i64 %reached, %parts
    call void @post(ptr %pool, i64 %part, ptr %kernel, ptr %record, i64 %begin, i64 %end)
    %posted_all = icmp eq i64 %part_next, %parts
    br i1 %posted_all, label %own, label %post
  own:
    call void %kernel(ptr %record, i64 0, i64 %first_end, i64 0)
    br label %help
  help:
    %other = phi i64 [ 1, %own ], [ %other_next, %help ]
    call void @help(ptr %pool, i64 %other)
    %other_next = add i64 %other, 1
    %helped_all = icmp eq i64 %other_next, %parts
    br i1 %helped_all, label %collect, label %help
  collect:
    %worker = phi i64 [ 1, %help ], [ %worker_next, %collect ]
    call void @collect(ptr %pool, i64 %worker)
    %worker_next = add i64 %worker, 1
    %collected_all = icmp eq i64 %worker_next, %parts
    br i1 %collected_all, label %release, label %collect
  release:
    %busy = getelementptr i8, ptr %pool, i64 {_BUSY}
    store atomic i32 0, ptr %busy release, align 4
    ret void
"""
_MAILBOX = f"""
    %before = sub i64 %number, 1
    %offset = mul i64 %before, {BOX_BYTES}
    %at = add i64 %offset, {FIRST_BOX}
    %box = getelementptr i8, ptr %pool, i64 %at
    ret ptr %box
"""
_POST = f"""
    %box = call ptr @mailbox(ptr %pool, i64 %number)
    %kernel_at = getelementptr i8, ptr %box, i64 {_KERNEL}
    store ptr %kernel, ptr %kernel_at, align 8
    %record_at = getelementptr i8, ptr %box, i64 {_RECORD}
    store ptr %record, ptr %record_at, align 8
    %begin_at = getelementptr i8, ptr %box, i64 {_BEGIN}
    store i64 %begin, ptr %begin_at, align 8
    %end_at = getelementptr i8, ptr %box, i64 {_END}
    store i64 %end, ptr %end_at, align 8
    %cpu = call i32 @sched_getcpu()
    %cpu_at = getelementptr i8, ptr %box, i64 {_CALLER_CPU}
    store i32 %cpu, ptr %cpu_at, align 8
    %last = load i32, ptr %box, align 4
    %ticket = add i32 %last, 1
    call void @announce(ptr %box, i32 %ticket)
    ret void
"""
_CLAIM = f"""
    %claimed_at = getelementptr i8, ptr %box, i64 {_CLAIMED}
    %before = sub i32 %ticket, 1
    %tried = cmpxchg ptr %claimed_at, i32 %before, i32 %ticket acq_rel monotonic
    %mine = extractvalue {{ i32, i1 }} %tried, 1
    ret i1 %mine
"""
_WORK = f"""
    %kernel_at = getelementptr i8, ptr %box, i64 {_KERNEL}
    %kernel = load ptr, ptr %kernel_at, align 8
    %stop = icmp eq ptr %kernel, null
    br i1 %stop, label %out, label %work
  work:
    %record_at = getelementptr i8, ptr %box, i64 {_RECORD}
    %record = load ptr, ptr %record_at, align 8
    %begin_at = getelementptr i8, ptr %box, i64 {_BEGIN}
    %begin = load i64, ptr %begin_at, align 8
    %end_at = getelementptr i8, ptr %box, i64 {_END}
    %end = load i64, ptr %end_at, align 8
    call void %kernel(ptr %record, i64 %begin, i64 %end, i64 %number)
    %finished = getelementptr i8, ptr %box, i64 {_FINISHED}
    call void @announce(ptr %finished, i32 %ticket)
    br label %out
  out:
    ret i1 %stop
"""
# What a worker has not begun when the caller is done with its own part, the caller does: it may be asleep, or the processors busy.
_HELP = """
    %box = call ptr @mailbox(ptr %pool, i64 %number)
    %ticket = load i32, ptr %box, align 4
    %mine = call i1 @claim(ptr %box, i32 %ticket)
    br i1 %mine, label %take, label %out
  take:
    %stop = call i1 @work(ptr %box, i64 %number, i32 %ticket)
    br label %out
  out:
    ret void
"""
_COLLECT = f"""
    %box = call ptr @mailbox(ptr %pool, i64 %number)
    %ticket = load i32, ptr %box, align 4
    %before = sub i32 %ticket, 1
    %finished = getelementptr i8, ptr %box, i64 {_FINISHED}
    %lookout_at = getelementptr i8, ptr %pool, i64 {_LOOKOUT}
    %short = load i64, ptr %lookout_at, align 8
    %rounds = mul i64 %short, {_CALLER_PATIENCE}
    call void @wait(ptr %finished, i32 %before, i64 %rounds)
    ret void
"""
# Linux may wake a worker on its caller's processor and leave it there for a second, though others idle; two threads then are slower than
# one. A worker that finds itself there asks for any other.
_STAND_APART = f"""
    %others = alloca [{CPU_BYTES} x i8], align 8
    %cpu_at = getelementptr i8, ptr %box, i64 {_CALLER_CPU}
    %cpu = load i32, ptr %cpu_at, align 8
    %own = call i32 @sched_getcpu()
    %together = icmp eq i32 %own, %cpu
    %limit_at = getelementptr i8, ptr %pool, i64 {_CPU_LIMIT}
    %limit = load i32, ptr %limit_at, align 4
    %inside = icmp ult i32 %cpu, %limit
    %move = and i1 %together, %inside
    br i1 %move, label %ask, label %out
  ask:
    %cpus = getelementptr i8, ptr %pool, i64 {_CPUS}
    call void @llvm.memcpy.p0.p0.i64(ptr %others, ptr %cpus, i64 {CPU_BYTES}, i1 false)
    %byte_number = lshr i32 %cpu, 3
    %byte_at = getelementptr i8, ptr %others, i32 %byte_number
    %bit_number = and i32 %cpu, 7
    %bit_wide = shl i32 1, %bit_number
    %bit = trunc i32 %bit_wide to i8
    %rest = xor i8 %bit, -1
    %byte = load i8, ptr %byte_at
    %kept = and i8 %byte, %rest
    store i8 %kept, ptr %byte_at
    %asked = call i32 @sched_setaffinity(i32 0, i64 {CPU_BYTES}, ptr %others)
    br label %out
  out:
    ret void
"""
_WORKER = f"""
    %box = call ptr @mailbox(ptr %pool, i64 %number)
    %lookout_at = getelementptr i8, ptr %pool, i64 {_LOOKOUT}
    %lookout = load i64, ptr %lookout_at, align 8
    br label %idle
  idle:
    %done = phi i32 [ 0, %entry ], [ %ticket, %idle ], [ %ticket, %take ]
    call void @wait(ptr %box, i32 %done, i64 %lookout)
    %ticket = load atomic i32, ptr %box acquire, align 4
    call void @stand_apart(ptr %pool, ptr %box)
    %mine = call i1 @claim(ptr %box, i32 %ticket)
    br i1 %mine, label %take, label %idle
  take:
    %stop = call i1 @work(ptr %box, i64 %number, i32 %ticket)
    br i1 %stop, label %out, label %idle
  out:
    ret void
"""
# A stopped pool stays taken, so that whoever still calls ``parallel`` works alone.
_STOP = """
    %mine = call i1 @take(ptr %pool)
    br i1 %mine, label %prepare, label %out
  prepare:
    %threads = load i64, ptr %pool, align 8
    br label %post
  post:
    %number = phi i64 [ 1, %prepare ], [ %next, %post ]
    call void @post(ptr %pool, i64 %number, ptr null, ptr null, i64 0, i64 0)
    %next = add i64 %number, 1
    %more = icmp slt i64 %next, %threads
    br i1 %more, label %post, label %out
  out:
    ret i1 %mine
"""
_CALL = "ptr pool, ptr kernel, ptr record, i64 extent, i64 grain"


def emit_parallel(module: Module) -> None:
    """Write ``void parallel(ptr pool, ptr kernel, ptr record, i64 extent, i64 grain)`` into a module, with what it calls.

    It returns when the kernel has done all of ``0`` to `extent`. The work is divided equally into as many parts as have at least `grain`
    items, at most one for each thread of the pool; a null `pool` means no division. The calling thread does part 0. The number of its part
    is the `thread` that a kernel is told.
    """
    if not module.has("parallel"):
        _write(module, "parallel", _CALL, _PARALLEL)


def pool_module(host: Host) -> str:
    """Return the text of the module that pools share.

    Its functions are ``divide``, to which ``parallel`` hands what may be worth several threads; ``worker(ptr pool, i64 number)``, which
    works until it is stopped; ``i1 stop(ptr pool)``, which tells the workers to end unless somebody has the pool; and
    ``i1 look(ptr word, i32 old, i64 rounds)``, which looks at a word until it changes.
    """
    module = Module(host)
    machine, futex = _machine(host), str(futex_number(host))
    _declare(module, machine)
    _write(module, "look", "ptr word, i32 old, i64 rounds", _LOOK.replace("PAUSE", _PAUSE[machine]), "i1", internal=False)
    _write(module, "wait", "ptr word, i32 old, i64 rounds", _WAIT.replace("FUTEX", futex))
    _write(module, "announce", "ptr word, i32 value", _ANNOUNCE.replace("FUTEX", futex))
    _write(module, "take", "ptr pool", _TAKE, "i1")
    _write(module, "mailbox", "ptr pool, i64 number", _MAILBOX, "ptr")
    _write(module, "post", "ptr pool, i64 number, ptr kernel, ptr record, i64 begin, i64 end", _POST)
    _write(module, "claim", "ptr box, i32 ticket", _CLAIM, "i1")
    _write(module, "work", "ptr box, i64 number, i32 ticket", _WORK, "i1")
    _write(module, "help", "ptr pool, i64 number", _HELP)
    _write(module, "collect", "ptr pool, i64 number", _COLLECT)
    _write(module, "divide", _CALL, _DIVIDED, internal=False)
    _write(module, "stand_apart", "ptr pool, ptr box", _STAND_APART)
    _write(module, "worker", "ptr pool, i64 number", _WORKER, internal=False)
    _write(module, "stop", "ptr pool", _STOP, "i1", internal=False)
    return module.text


def _declare(module: Module, machine: str) -> None:
    module.declare("syscall", "i64", ["i64"] * 7)
    module.declare("sched_yield", "i32", [])
    module.declare("sched_getcpu", "i32", [])
    module.declare("sched_setaffinity", "i32", ["i32", "i64", "ptr"])
    module.declare("llvm.memcpy.p0.p0.i64", "void", ["ptr", "ptr", "i64", "i1"])
    for name in ("llvm.smax.i64", "llvm.smin.i64"):
        module.declare(name, "i64", ["i64", "i64"])
    if machine == "x86_64":
        module.declare("llvm.x86.sse2.pause", "void", [])


def _write(module: Module, name: str, parameters: str, text: str, result: str = "void", internal: bool = True) -> None:
    pairs = [(type_, label) for type_, label in (parameter.split() for parameter in parameters.split(", "))]
    function = module.function(name, pairs, result, internal=internal, attributes="nounwind")
    for line in text.strip().splitlines():
        function.line(line.strip())


def _machine(host: Host) -> str:
    return host.triple.partition("-")[0]


def futex_number(host: Host) -> int | None:
    """Return the number of Linux's system call ``futex``, or None where threads can't be parked that way."""
    return _FUTEX.get(_machine(host)) if "linux" in host.triple else None
