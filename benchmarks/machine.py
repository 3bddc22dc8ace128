"""The machine: what it is, and what it reaches at the moment in products and in copies."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from graphc.backends.llvm_cpu.host import chosen
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import I32, I64, POINTER, Number, vector
from graphc.backends.llvm_cpu.objects import jit
from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.crew import available_cores

CHAINS = 12
TURNS = 500_000
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def best_seconds(call: Callable[[], object], seconds: float) -> float:
    """The shortest of many calls."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


# ---------------------------------------------------------------------------- what it reaches


def fma_peak(pool: Pool, seconds: float = 0.2) -> float:
    """Products and sums per second of all threads that do nothing else."""
    data = np.zeros(1024, np.float32)
    work = np.array([data.ctypes.data, TURNS], np.int64)
    address = _code()["peak"]
    best = best_seconds(lambda: pool.run(address, work.ctypes.data, pool.threads), seconds)
    return 2.0 * chosen().lanes * CHAINS * TURNS * pool.threads / best


def copy_rate(pool: Pool, nbytes: int, seconds: float = 0.2) -> float:
    """Bytes read and written per second in copies whose two arrays have so many bytes in all."""
    unit = 64 * chosen().vector_bytes * pool.threads
    half = max(1, nbytes // 2 // unit) * unit
    arrays = [np.zeros(half + 64, np.uint8) for _ in range(2)]
    starts = [a.ctypes.data + -a.ctypes.data % 64 for a in arrays]
    turns = max(1, (16 << 20) // half)
    work = np.array([*starts, half // pool.threads, turns], np.int64)
    address = _code()["copy"]
    best = best_seconds(lambda: pool.run(address, work.ctypes.data, pool.threads), seconds)
    return 2.0 * half * turns / best


def parallel_overhead(pool: Pool) -> float:
    """Seconds that a parallel-for of no work takes longer than one call on the same thread."""
    data = np.zeros(1024, np.float32)
    work = np.array([data.ctypes.data, 0], np.int64)
    address = _code()["peak"]

    def calls(chunks: int) -> None:
        for _ in range(1000):
            pool.run(address, work.ctypes.data, chunks)

    shared, alone = (best_seconds(lambda n=n: calls(n), 0.2) for n in (pool.threads, 1))
    return max(0.0, shared - alone) / 1000


@lru_cache(maxsize=1)
def _code() -> jit.Code:
    module = Module(chosen())
    _write_peak(module)
    _write_copy(module)
    return jit.load([jit.unit_of(module.text(), "peak", "copy")])[0]


def _opened(module: Module, name: str, *words: str) -> tuple[Function, list[str]]:
    """A function that runs as chunks, and the words of these types that its argument points to."""
    f = Function(module, name, [(POINTER, "args"), (I32, "chunk"), (I32, "nchunks")])
    return f, [f.load(type_, f.gep(I64, "%args", i)) for i, type_ in enumerate(words)]


def _write_peak(module: Module) -> None:
    f, (pointer, turns) = _opened(module, "peak", POINTER, I64)
    kind = vector("float", chosen().lanes)
    x = f.load(kind, pointer)
    # Different starts: equal chains of products would be merged into one.
    start = [(kind, f.load(kind, f.gep("float", pointer, i))) for i in range(CHAINS)]
    sums = f.loop(0, turns, 1, lambda _, c: [f.fma(kind, x, x, y) for y in c], start)
    for y in sums:
        x = f.binary("fadd", kind, x, y)
    f.store(kind, x, pointer)
    f.give_back()


def _write_copy(module: Module) -> None:
    f, (source, target, share, turns) = _opened(module, "copy", POINTER, POINTER, I64, I64)
    begin = f.mul(f.cast("zext", I32, "%chunk", I64), share)
    places = [f.gep("i8", base, begin) for base in (source, target)]
    kind, step = vector("float", chosen().lanes), 4 * chosen().vector_bytes

    def block(at: Number, _: object) -> list[str]:
        for i in range(4):
            offset = f.add(at, i * chosen().vector_bytes)
            here, there = (f.gep("i8", place, offset) for place in places)
            f.store(kind, f.load(kind, here), there)
        return []

    f.loop(0, turns, 1, lambda _, __: f.loop(0, share, step, block, []), [])
    f.give_back()


# ---------------------------------------------------------------------------- what it is


def cache_bytes(level: int) -> int:
    """The size of one cache of this level; a guess where the system does not tell."""
    for folder in CACHES.glob("index*"):
        kind, number, size = ((folder / n).read_text().strip() for n in ("type", "level", "size"))
        if kind != "Instruction" and int(number) == level:
            return int(size.rstrip("K")) << 10
    return {1: 32 << 10, 2: 1 << 20, 3: 32 << 20}[level]


def busy_seconds() -> float:
    """Processor time that everybody has used since the start, other guests of the host included;
    0 where the system does not tell."""
    try:
        words = Path("/proc/stat").read_text().split(maxsplit=9)
    except OSError:
        return 0.0
    user, nice, system, _, _, hard, soft, stolen = map(int, words[1:9])
    ticks = user + nice + system + hard + soft + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def processor() -> str:
    """The name of the processor, with family and model where the system hides the product."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", text.split("\n\n")[0], re.MULTILINE))
    name = found.get("model name", platform.machine())
    return f"{name} (family {found.get('cpu family', '?')}, model {found.get('model', '?')})"


def memory_bytes() -> int:
    """Installed memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def described() -> str:
    """One line about the machine."""
    caches = ", ".join(f"L{level} {cache_bytes(level) / 2**20:.3g} MiB" for level in (1, 2, 3))
    return (
        f"{processor()}, {available_cores()} cores, {caches}, "
        f"{memory_bytes() / 2**30:.0f} GiB, {platform.system()} {platform.release()}"
    )


def short_name() -> str:
    """The machine as the name of a file."""
    words = re.findall(r"[a-z0-9]+", processor().lower().replace("family", "").replace("model", ""))
    return "-".join([*words, f"{available_cores()}-cores"])
