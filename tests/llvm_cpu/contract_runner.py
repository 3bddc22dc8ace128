"""Compiles contractions and runs them next to their meaning in float64."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping

import numpy as np
from contraction_forms import compare, rounding, run_oracle

from graphc import dtypes
from graphc.backends.llvm_cpu.contract.emit import emit_contraction
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import Target, chosen
from graphc.backends.llvm_cpu.ir.emitted import Emitted
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.objects import jit
from graphc.dtypes import DType
from graphc.ir import dim
from graphc.kernels.kernel import Kernel
from graphc.kernels.walk import buffers_of, size_names

from .map_runner import CHUNKS, guards_hold, place

Arrays = dict[str, np.ndarray]
Form = Callable[[DType], Kernel]
Emit = Callable[[Module, Kernel, Target], Emitted | None]
RELATIVE = {"float32": 2.0**-23, "float64": 2.0**-52}


class Compiled:
    """A contraction as native code."""

    def __init__(
        self,
        kernel: Kernel,
        target: Target | None = None,
        tile: Tile | None = None,
        emit: Emit | None = None,
    ) -> None:
        self.kernel = kernel
        module = Module(target or chosen())
        if emit is not None:
            emitted = emit(module, kernel, module.target)
        else:
            emitted = emit_contraction(module, kernel, module.target, tile)
        assert emitted is not None, f"{kernel.name} was declined"
        self.emitted: Emitted = emitted
        self.text = module.text()
        names = [p.function_name for p in emitted.phases]
        self.code = jit.load([jit.unit_of(self.text, *names)])[0]
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)
        self.functions = [prototype(self.code[n]) for n in names]

    def cells(self, arrays: Arrays, sizes: Mapping[str, int]) -> tuple[np.ndarray, list[object]]:
        """The argument array, and what must stay alive with it."""
        scratch = [
            np.full(max(1, dim.evaluate(n, sizes)) + 16, np.nan if d.is_float else -1).astype(
                d.numpy
            )
            for d, n in self.emitted.scratch
        ]
        values = [arrays[b.name].ctypes.data for b in buffers_of(self.kernel)]
        values += [-(-s.ctypes.data // 64) * 64 for s in scratch]
        values += [sizes[n] for n in size_names(self.kernel)]
        held = np.array([*values, 0], np.int64)
        pointers = held.ctypes.data + 8 * np.arange(len(held), dtype=np.int64)
        return pointers, [held, scratch]

    def run(self, arrays: Arrays, sizes: Mapping[str, int], chunks: int = 1) -> None:
        """All phases, one chunk after the other, the last chunk first."""
        pointers, _keep = self.cells(arrays, sizes)
        for f in self.functions:
            for c in reversed(range(chunks)):
                f(pointers.ctypes.data, c, chunks)


def inputs_of(kernel: Kernel, sizes: Mapping[str, int], seed: int = 0) -> Arrays:
    """Random numbers of the dtypes of a kernel's buffers, guarded, aligned to one element."""
    rng = np.random.default_rng(seed)
    made: Arrays = {}
    for b in buffers_of(kernel):
        shape = tuple(dim.evaluate(d, sizes) for d in b.shape)
        made[b.name] = place(rng.standard_normal(shape).astype(b.dtype.numpy))
    return made


def check(
    form: Form,
    sizes: Mapping[str, int] | None = None,
    dtype: DType = dtypes.float32,
    target: Target | None = None,
    tile: Tile | None = None,
    chunks: tuple[int, ...] = CHUNKS,
    compiled: Compiled | None = None,
    ulps: float = 8.0,
    bound: float | None = None,
) -> Compiled:
    """Equal bits for all numbers of chunks, near to the meaning in float64.

    How near is said by `rounding`, or it is `bound`.
    """
    sizes = sizes or {}
    kernel, exact = form(dtype), form(dtypes.float64)
    compiled = compiled or Compiled(kernel, target, tile)
    outputs = [s.buffer.name for s in kernel.stores]
    start = inputs_of(kernel, sizes)
    want = run_oracle([exact], {n: a.astype(np.float64) for n, a in start.items()}, sizes)
    first: Arrays = {}
    for n in chunks:
        got = {name: place(a) for name, a in start.items()}
        compiled.run(got, sizes, n)
        first = first or got
        for name, value in got.items():
            assert guards_hold(value), f"{name}: memory around it has changed"
            assert value.tobytes() == first[name].tobytes(), f"{name}: bits differ, {n} chunks"
    tolerance = bound or rounding(RELATIVE[dtype.name], kernel, sizes, ulps)
    for name in outputs:
        compare(name, first[name], want[name], tolerance)
    return compiled
