"""The thread pool of this process: Python threads that live inside native code.

`Pool.run` divides one kernel call into chunks; native code does the same through the addresses
`parallel` and `state`, inside `with pool():`. How work is divided is the caller's choice and
never depends on the number of threads, so results do not either. The protocol is in `pool_ir.py`.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading

from graphc import cache
from graphc.backends.llvm_cpu import host, late
from graphc.backends.llvm_cpu.objects import keys
from graphc.crew import available_cores
from graphc.errors import ArgumentError
from graphc.knobs import current

from . import pool_words, stored

PATIENCE = 20_000
"""Turns of a waiting loop, about half a millisecond, before a thread rests."""
NO_PATIENCE = 50
"""The same where threads share cores: waiting would keep others from working."""
_STACK = 16 << 20
_ALIGN = 64

_void_pointer = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_void_parallel = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32
)


class Pool:
    """`threads` threads that share the chunks of native calls, the caller being one of them.

    Attributes:
        parallel: address of `void (ptr state, ptr function, ptr argument, i32 chunks)`, where the
            function is `void (ptr argument, i32 chunk, i32 chunks)`.
        state: address of the pool's memory, the first argument.
        is_up: whether native calls may use the pool without `with`: the workers are there, and
            rest without help.
    """

    def __init__(self, threads: int, portable: bool = False) -> None:
        self.threads = threads
        self.portable = portable or not pool_words.has_futex()
        self._process = os.getpid()
        (worker, self.parallel, stop), self._code = _functions(self.portable)
        self._memory = ctypes.create_string_buffer(pool_words.SIZE + _ALIGN)
        self.state = -(-ctypes.addressof(self._memory) // _ALIGN) * _ALIGN
        self._worker, self._stop = _void_pointer(worker), _void_pointer(stop)
        self._run = _void_parallel(self.parallel)
        self.is_up = False
        self._crew: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._stopping = False
        crowded = threads > available_cores()
        self._word(pool_words.SPIN).value = NO_PATIENCE if crowded else PATIENCE

    def run(self, function: int, argument: int, chunks: int) -> None:
        """Call `function(argument, chunk, chunks)` once for each chunk, on all threads."""
        with self:
            self._run(self.state, function, argument, chunks)

    def __enter__(self) -> Pool:
        """Surround native calls that use the pool: its workers are there, and stay."""
        if not self._crew:
            self._start()
        if self.portable:
            with self._changed:
                self._word(pool_words.ACTIVE).value += 1
                self._changed.notify_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.portable:
            with self._changed:
                self._word(pool_words.ACTIVE).value -= 1

    def close(self) -> None:
        """End the worker threads; calls under way finish on their own."""
        if self._process != os.getpid():
            return
        with self._changed:
            self._stopping = True
            crew, self._crew = self._crew, []
            self._word(pool_words.WORKERS).value = 0
            self._changed.notify_all()
        self._stop(self.state)
        for thread in crew:
            thread.join()

    def _start(self) -> None:
        """Make the threads, once; the first native call does it."""
        with self._changed:
            if self.threads == 1:
                self.is_up = not self.portable
            if self._crew or self._stopping or self.threads == 1:
                return
            atexit.register(self.close)
            before = threading.stack_size(_STACK)
            try:
                for number in range(1, self.threads):
                    name = f"graphc worker {number}"
                    thread = threading.Thread(target=self._live, name=name, daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:  # the system has no more threads: fewer do as well
                        break
                    self._crew.append(thread)
                    self._word(pool_words.WORKERS).value = number
            finally:
                threading.stack_size(before)
            self.is_up = not self.portable

    def _live(self) -> None:
        """Be a worker; where the native code returns from idleness, wait for the next call."""
        while not self._stopping:
            self._worker(self.state)
            with self._changed:
                while not (self._stopping or self._word(pool_words.ACTIVE).value):
                    self._changed.wait()

    def _word(self, offset: int) -> ctypes.c_int32:
        return ctypes.c_int32.from_address(self.state + offset)


_pools: list[Pool] = []
"""The pool of this process, if it has been made."""


def pool() -> Pool:
    """The pool of this process, made on first use from the switches `threads` and `pool`.

    Ask for it before each native call: `set_threads` replaces it, and a forked child has its own.

    >>> with pool() as crew:
    ...     crew.threads >= 1  # pass crew.parallel and crew.state to native code
    True
    """
    if not _pools:
        with _making[0]:
            if not _pools:
                _pools.append(_made(current().threads or available_cores()))
    return _pools[0]


def set_threads(count: int) -> None:
    """Use this many threads from the next call on; more than there are cores is allowed.

    Raises:
        ArgumentError: `count` is not a positive integer.
    """
    if not isinstance(count, int) or count < 1:
        raise ArgumentError("not a number of threads", received=count, expected="1, 2, 3, ...")
    made = _made(count)
    with _making[0]:
        before, _pools[:] = list(_pools), [made]
    for one in before:
        one.close()


def _made(threads: int) -> Pool:
    return Pool(threads, portable=current().pool == "portable")


def _functions(portable: bool) -> tuple[tuple[int, ...], object]:
    """The addresses of `pool_words.NAMES`, and what keeps the code in memory."""
    key = keys.key_of("pool", host.fingerprint(), str(portable), str(current().llvm_opt))
    data = cache.lookup(key)
    found = stored.decoded_image(data) if data is not None else None
    if found is not None:
        return found.entries, found
    entries, image, memory = late.pool_functions(portable)
    if image is not None:
        cache.store(key, stored.encoded_image(image))
    return entries, memory


_making = [threading.Lock()]


def _forget() -> None:
    """A forked child has none of the threads."""
    _making[0] = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
