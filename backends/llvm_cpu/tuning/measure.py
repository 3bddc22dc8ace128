"""Times forms of one kernel on arrays of its own, on the threads of this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import final

import numpy as np

from graphc.backends.llvm_cpu.ir.emitted import Emitted, Phase
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.objects import jit
from graphc.backends.llvm_cpu.run.arena import address_of, aligned_array
from graphc.backends.llvm_cpu.run.pool import pool
from graphc.dtypes import DType
from graphc.ir.dim import Size, evaluate
from graphc.kernels.kernel import Kernel
from graphc.kernels.walk import buffers_of, size_names

from .choice import Choice, Work, emit_chosen

LIKELY = 32
"""What a named size counts for, if that is not too much:"""
MOST_BYTES = 1 << 28
"""of all arrays of a kernel."""
CHUNKS = 16
FILLED = 0.5
"""A number whose sums and products stay ordinary numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """Compiled functions in order, with their arguments: (address, cells, chunks)."""

    calls: list[tuple[int, int, int]]
    held: tuple[object, ...]


@final
class Trial:
    """The candidates of one kernel as machine code, on the same arrays."""

    def __init__(self, work: Work, choices: Sequence[Choice]) -> None:
        kernel, target = work.kernel, work.target
        modules = [Module(target) for _ in choices]
        emitted = [emit_chosen(m, work, c) for m, c in zip(modules, choices)]
        pairs = [(m, e) for m, e in zip(modules, emitted) if e]
        assert len(pairs) == len(choices), "candidates are forms of a contraction"
        units = [jit.unit_of(m.text(), *(p.function_name for p in e.phases)) for m, e in pairs]
        self._sizes = sizes_of(kernel)
        self._kept = {i for i, b in enumerate(buffers_of(kernel)) if b.name in work.lasting}
        self._arrays = [self._array(b.dtype, b.shape) for b in buffers_of(kernel)]
        named = [self._sizes[n] for n in size_names(kernel)]
        self._forms = {
            choice: self._form(jit.link(data, unit.names), e, named)
            for choice, unit, data, (_, e) in zip(choices, units, jit.objects(units, target), pairs)
        }

    def seconds(self, choice: Choice) -> float:
        """One call."""
        crew = pool()
        start = time.perf_counter()
        for address, cells, chunks in self._forms[choice].calls:
            crew.run(address, cells, chunks)
        return time.perf_counter() - start

    def _form(self, code: jit.Code, emitted: Emitted, named: list[int]) -> _Form:
        scratch = [self._array(dtype, (elements,)) for dtype, elements in emitted.scratch]
        addresses = [address_of(a) for a in (*self._arrays, *scratch)]
        values = np.array([*addresses, *named, 0], np.int64)
        cells = values.ctypes.data + 8 * np.arange(len(values), dtype=np.int64)
        calls = [
            (code[p.function_name], cells.ctypes.data, max(1, min(CHUNKS, items)))
            for p in emitted.phases
            if not self._is_kept(p) and (items := evaluate(p.items, self._sizes))
        ]
        return _Form(calls, (code, scratch, values, cells))

    def _is_kept(self, phase: Phase) -> bool:
        """Whether a phase only copies what lasts, which other calls need not do again."""
        return bool(phase.reads) and self._kept.issuperset(phase.reads)

    def _array(self, dtype: DType, shape: Sequence[Size]) -> np.ndarray:
        known = tuple(evaluate(d, self._sizes) for d in shape)
        made, _ = aligned_array(known, dtype.numpy, max(1, prod(known)) * dtype.itemsize)
        made[...] = FILLED if dtype.is_float else 0
        return made


def sizes_of(kernel: Kernel) -> dict[str, int]:
    """Values of the named sizes for which the arrays are not too large."""
    names, value = size_names(kernel), LIKELY
    while value > 1 and _bytes(kernel, dict.fromkeys(names, value)) > MOST_BYTES:
        value //= 2
    return dict.fromkeys(names, value)


def _bytes(kernel: Kernel, sizes: dict[str, int]) -> int:
    arrays = buffers_of(kernel)
    return sum(prod(evaluate(d, sizes) for d in b.shape) * b.dtype.itemsize for b in arrays)
