"""The native half of the thread pool: who may take chunks, and how waiting threads rest.

One i64 holds (epoch << 32 | chunks left). The chunks from `count - left` on belong to whoever
lowers it by their number with a compare-and-swap, so a worker that wakes late finds nothing and
nobody waits for it. That swap also proves that function, argument and count were read in the same
epoch: they change only when nothing is left. `pool.py` owns the memory and the threads.

Words that several cores write cost up to a microsecond each time where cores are far apart. So a
thread takes a share of what is left, one chunk only towards the end, and says once that all it took
are finished.
"""

from __future__ import annotations

from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import I8, I32, I64, POINTER, VOID, bytes_of

from .pool_words import (
    ACTIVE,
    ARGUMENT,
    BUSY,
    CALLER_SLEEPS,
    COUNT,
    DONE,
    EPOCH,
    FUNCTION,
    FUTEX,
    NAMES,
    SLEEPERS,
    SPIN,
    STATE,
    STOP,
    WAIT,
    WAKE,
    WORKERS,
)


def pool_module(target: Target, portable: bool) -> Module:
    """`graphc_worker(pool)`, `graphc_parallel(pool, function, argument, n)`, `graphc_stop(pool)`.

    Threads that have waited for long sleep in the kernel (futex) or, portable, leave for Python.
    """
    module = Module(target)
    futex = None if portable else FUTEX[_architecture(target)]
    _write_worker(Function(module, NAMES[0], [(POINTER, "pool")]), futex)
    arguments = [(POINTER, "pool"), (POINTER, "function"), (POINTER, "argument"), (I32, "count")]
    _write_parallel(Function(module, NAMES[1], arguments), futex)
    _write_stop(Function(module, NAMES[2], [(POINTER, "pool")]), futex)
    return module


# ---- the three functions


def _write_worker(f: Function, futex: int | None) -> None:
    poll, idle, patient, tired = (f.block(n) for n in ("poll", "idle", "patient", "tired"))
    claim, leave = f.block("claim"), f.block("leave")
    turns, mine = f.alloca(I32, 1, hint="turns"), _none_finished(f)
    f.store(I32, 0, turns)
    f.branch(poll)
    f.begin(poll)
    state = _read(f, I64, STATE, "acquire")
    left = f.cast("trunc", I64, state, I32)
    f.branch_if(f.relate("ne", I32, left, 0), claim, idle)

    f.begin(idle)
    _finish(f, futex, mine)
    turn = f.binary("add", I32, f.load(I32, turns), 1)
    f.store(I32, turn, turns)
    waiting = f.block("waiting")
    f.branch_if(f.relate("ne", I32, _read(f, I32, STOP, "acquire"), 0), leave, waiting)
    f.begin(waiting)
    f.branch_if(f.relate("lt", I32, turn, _read(f, I32, SPIN, "monotonic")), patient, tired)
    f.begin(patient)
    _pause(f)
    f.branch(poll)
    f.begin(tired)
    f.store(I32, 0, turns)
    epoch = f.cast("trunc", I64, f.binary("lshr", I64, state, 32), I32)
    _rest_worker(f, futex, epoch, poll, leave)

    f.begin(claim)
    f.store(I32, 0, turns)
    _take(f, state, left, mine)
    f.branch(poll)
    f.begin(leave)
    f.give_back()


def _write_parallel(f: Function, futex: int | None) -> None:
    alone, shared, free = f.block("alone"), f.block("shared"), f.block("free")
    several = f.relate("gt", I32, "%count", 1)
    crew = f.relate("ne", I32, _read(f, I32, WORKERS, "monotonic"), 0)
    f.branch_if(f.binary("and", "i1", several, crew), shared, alone)

    # Another thread owns the pool: this one does all its chunks itself.
    f.begin(shared)
    f.branch_if(_swap(f, I32, BUSY, 0, 1)[1], free, alone)
    f.begin(alone)
    count = f.cast("sext", I32, "%count", I64)

    def one(i: int | str, _: list[str]) -> None:
        _call_chunk(f, "%function", "%argument", f.cast("trunc", I64, i, I32), "%count")

    f.loop(0, count, 1, one)
    f.give_back()

    f.begin(free)
    _publish(f)
    _wake_workers(f, futex)
    look, claim, wait, finished = (f.block(n) for n in ("look", "claim", "wait", "finished"))
    mine = _none_finished(f)
    f.branch(look)
    f.begin(look)
    state = _read(f, I64, STATE, "acquire")
    left = f.cast("trunc", I64, state, I32)
    f.branch_if(f.relate("ne", I32, left, 0), claim, wait)
    f.begin(claim)
    _take(f, state, left, mine)
    f.branch(look)
    f.begin(wait)
    _finish(f, None, mine)
    _write_wait(f, futex, finished)
    f.begin(finished)
    _write(f, I32, BUSY, 0, "release")
    f.give_back()


def _write_stop(f: Function, futex: int | None) -> None:
    """Workers leave when nothing is left; a new epoch makes sleepers look."""
    _write(f, I32, STOP, 1, "seq_cst")
    f.emit(f"atomicrmw add ptr {_at(f, STATE)}, i64 {1 << 32} seq_cst")
    _wake_workers(f, futex)
    f.give_back()


# ---- their parts


def _publish(f: Function) -> None:
    """Function, argument and count first, then the state that invites to take chunks."""
    _write(f, POINTER, FUNCTION, "%function", "monotonic")
    _write(f, POINTER, ARGUMENT, "%argument", "monotonic")
    _write(f, I32, COUNT, "%count", "monotonic")
    _write(f, I32, DONE, 0, "monotonic")
    old = f.binary("lshr", I64, _read(f, I64, STATE, "monotonic"), 32)
    epoch = f.binary("shl", I64, f.binary("add", I64, old, 1), 32)
    state = f.binary("or", I64, epoch, f.cast("zext", I32, "%count", I64))
    f.emit(f"atomicrmw xchg ptr {_at(f, STATE)}, i64 {state} seq_cst")


def _none_finished(f: Function) -> str:
    """A counter of chunks that this thread has finished, and has not told of."""
    mine = f.alloca(I32, 1, hint="mine")
    f.store(I32, 0, mine)
    return mine


def _take(f: Function, state: str, left: str, mine: str) -> None:
    """Try to own the next chunks of `state`, half of a fair share; run them if that worked."""
    function = _read(f, POINTER, FUNCTION, "monotonic")
    argument = _read(f, POINTER, ARGUMENT, "monotonic")
    count = _read(f, I32, COUNT, "monotonic")
    threads = f.binary("add", I32, _read(f, I32, WORKERS, "monotonic"), 1)
    share = f.binary("udiv", I32, left, f.binary("shl", I32, threads, 1))
    taken = f.intrinsic("umax", I32, share, "1")
    rest = f.binary("sub", I64, state, f.cast("zext", I32, taken, I64))
    _, owned = _swap(f, I64, STATE, state, rest)

    def run() -> None:
        first = f.binary("sub", I32, count, left)

        def one(i: int | str, _: list[str]) -> None:
            chunk = f.binary("add", I32, first, f.cast("trunc", I64, i, I32))
            _call_chunk(f, function, argument, chunk, count)

        f.loop(0, f.cast("zext", I32, taken, I64), 1, one)
        f.store(I32, f.binary("add", I32, f.load(I32, mine), taken), mine)

    f.if_(owned, run)


def _finish(f: Function, futex: int | None, mine: str) -> None:
    """Tell of the chunks that this thread has finished; after the last of all, wake the caller."""
    finished = f.load(I32, mine)

    def tell() -> None:
        count = _read(f, I32, COUNT, "monotonic")
        before = f.emit(f"atomicrmw add ptr {_at(f, DONE)}, i32 {finished} seq_cst", "done")
        f.store(I32, 0, mine)
        last = f.relate("eq", I32, f.binary("add", I32, before, finished), count)
        f.if_(last, lambda: _wake_caller(f, futex))

    f.if_(f.relate("ne", I32, finished, 0), tell)


def _write_wait(f: Function, futex: int | None, finished: str) -> None:
    """Until every chunk is finished: turns of a short pause, then rest."""
    turns, look, more = f.alloca(I32, 1, hint="turns"), f.block("look"), f.block("more")
    patient, tired = f.block("patient"), f.block("tired")
    f.store(I32, 0, turns)
    f.branch(look)
    f.begin(look)
    done = _read(f, I32, DONE, "acquire")
    f.branch_if(f.relate("eq", I32, done, "%count"), finished, more)
    f.begin(more)
    turn = f.binary("add", I32, f.load(I32, turns), 1)
    f.store(I32, turn, turns)
    f.branch_if(f.relate("lt", I32, turn, _read(f, I32, SPIN, "monotonic")), patient, tired)
    f.begin(patient)
    _pause(f)
    f.branch(look)
    f.begin(tired)
    f.store(I32, 0, turns)
    _rest_caller(f, futex)
    f.branch(look)


# ---- resting and waking


def _rest_worker(f: Function, futex: int | None, epoch: str, poll: str, leave: str) -> None:
    """Sleep until the epoch is another one; portable: leave, unless a native call is under way."""
    if futex is None:
        _yield_core(f)
        active = f.relate("ne", I32, _read(f, I32, ACTIVE, "acquire"), 0)
        return f.branch_if(active, poll, leave)
    f.emit(f"atomicrmw add ptr {_at(f, SLEEPERS)}, i32 1 seq_cst")
    _futex(f, futex, EPOCH, WAIT, epoch)
    f.emit(f"atomicrmw sub ptr {_at(f, SLEEPERS)}, i32 1 seq_cst")
    return f.branch(poll)


def _wake_workers(f: Function, futex: int | None) -> None:
    """After a new epoch; portable workers are woken by Python before the native call."""
    if futex is None:
        return
    asleep = f.relate("ne", I32, _read(f, I32, SLEEPERS, "seq_cst"), 0)
    f.if_(asleep, lambda: _futex(f, futex, EPOCH, WAKE, 2**31 - 1))


def _rest_caller(f: Function, futex: int | None) -> None:
    """Sleep until DONE changes to its last value; portable: give the core away once."""
    if futex is None:
        return _yield_core(f)
    _write(f, I32, CALLER_SLEEPS, 1, "seq_cst")
    done = _read(f, I32, DONE, "seq_cst")
    unfinished = f.relate("ne", I32, done, "%count")
    f.if_(unfinished, lambda: _futex(f, futex, DONE, WAIT, done))
    return _write(f, I32, CALLER_SLEEPS, 0, "seq_cst")


def _wake_caller(f: Function, futex: int | None) -> None:
    """After the last chunk; a portable caller looks by itself."""
    if futex is None:
        return
    asleep = f.relate("ne", I32, _read(f, I32, CALLER_SLEEPS, "seq_cst"), 0)
    f.if_(asleep, lambda: _futex(f, futex, DONE, WAKE, 1))


def _futex(f: Function, number: int, offset: int, operation: int, value: int | str) -> None:
    """The system call futex(address, operation, value, no timeout)."""
    f.module.declare(I64, "syscall", [I64, "..."])
    f.emit(
        f"call i64 (i64, ...) @syscall(i64 {number}, ptr {_at(f, offset)}, "
        f"i32 {operation}, i32 {value}, ptr null, ptr null, i32 0)"
    )


def _yield_core(f: Function) -> None:
    """Let another thread run; the C library of Windows has no such function."""
    if "windows" not in f.target.triple:
        f.call(I32, "sched_yield", [])


# ---- plain parts


def _call_chunk(f: Function, function: str, argument: str, chunk: str, count: str) -> None:
    f.call_pointer(VOID, function, [(POINTER, argument), (I32, chunk), (I32, count)])


def _pause(f: Function) -> None:
    """Tell the core that this loop only waits."""
    if f.target.is_x86:
        f.call(VOID, "llvm.x86.sse2.pause", [])
    elif f.target.is_arm:
        f.call(VOID, "llvm.aarch64.isb", [(I32, 15)])


def _at(f: Function, offset: int) -> str:
    return f.gep(I8, "%pool", offset)


def _read(f: Function, type_: str, offset: int, order: str) -> str:
    where = _at(f, offset)
    return f.emit(f"load atomic {type_}, ptr {where} {order}, align {bytes_of(type_)}", "read")


def _write(f: Function, type_: str, offset: int, value: int | str, order: str) -> None:
    where = _at(f, offset)
    f.do(f"store atomic {type_} {value}, ptr {where} {order}, align {bytes_of(type_)}")


def _swap(f: Function, type_: str, offset: int, old: int | str, new: int | str) -> tuple[str, str]:
    """Compare and swap: (what was there, whether it was `old` and is now `new`)."""
    both = f.emit(f"cmpxchg ptr {_at(f, offset)}, {type_} {old}, {type_} {new} seq_cst seq_cst")
    pair = f"{{ {type_}, i1 }} {both}"
    return f.emit(f"extractvalue {pair}, 0"), f.emit(f"extractvalue {pair}, 1", "swapped")


def _architecture(target: Target) -> str:
    return target.triple.partition("-")[0]
