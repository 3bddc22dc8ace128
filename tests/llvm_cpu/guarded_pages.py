"""Runs every kernel of the table on arrays that begin or end at memory nobody may touch.

A program of its own, because a read outside an array ends it: `python -m llvm_cpu.guarded_pages`.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import warnings

import numpy as np

from graphc.ir.dim import named

from . import map_runner
from .map_cases import CASES, inputs_for
from .random_kernels import RandomKernel

PAGE = mmap.PAGESIZE
SIZES = ((1, 1), (3, 17), (19, 37), (33, 70))
RANDOM = range(30)

_kept: list[mmap.mmap] = []
_turn = itertools.cycle((True, False))


def at_a_border(value: np.ndarray) -> np.ndarray:
    """A copy that ends where protected memory begins, or begins where it ends."""
    pages = -(-value.nbytes // PAGE)
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    _kept.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    protect(ctypes.c_void_p(start), PAGE, 0)
    protect(ctypes.c_void_p(start + (pages + 1) * PAGE), PAGE, 0)
    if not value.size:
        return value.copy()
    at_end = next(_turn)
    offset = (pages + 1) * PAGE - value.nbytes if at_end else PAGE
    result = np.frombuffer(memory, value.dtype, value.size, offset).reshape(value.shape)
    result[...] = value
    return result


def main() -> None:
    """All cases, then some random kernels."""
    warnings.simplefilter("ignore")
    map_runner.place = at_a_border
    for name, build in CASES.items():
        kernel = build(named("n"), named("c"))
        compiled = map_runner.Compiled(kernel)
        for n, c in SIZES:
            run(compiled, {"n": n, "c": c}, inputs_for(name, n, c))
        run(map_runner.Compiled(build(19, 37)), {}, inputs_for(name, 19, 37))
    for seed in RANDOM:
        drawn = RandomKernel(seed)
        run(map_runner.Compiled(drawn.kernel), drawn.sizes, drawn.inputs)


def run(compiled: map_runner.Compiled, sizes: dict[str, int], inputs: map_runner.Arrays) -> None:
    """Twice, so that each array begins and ends at a border."""
    for _ in range(2):
        compiled.run(map_runner.arrays_for(compiled.kernel, sizes, inputs), sizes, 2)
        next(_turn)


if __name__ == "__main__":
    main()
