"""Compiles map kernels and runs them next to their meaning in NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from graphc.backends.llvm_cpu.host import Target, chosen, host
from graphc.backends.llvm_cpu.ir.emitted import Emitted
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.nest.emit_map import emit_map
from graphc.backends.llvm_cpu.objects import jit
from graphc.dtypes import DType
from graphc.ir import dim
from graphc.kernels.evaluate import evaluate
from graphc.kernels.kernel import Kernel
from graphc.kernels.laws import verify
from graphc.kernels.walk import buffers_of, size_names

from .numpy_meaning import MEANING

Arrays = dict[str, np.ndarray]
CHUNKS = (1, 2, 3, 7, 64)
GUARD = 64
"""Bytes on both sides of every array that must not change."""


def narrower(lanes: int) -> Target:
    """This machine with only its narrower vectors."""
    machine = host()
    off = ("avx512",) if lanes == 8 else ("avx", "fma", "f16c", "vaes", "vpclmul", "xop", "gfni")
    words = [w for w in machine.features.split(",") if not w[1:].startswith(off)]
    words += ["-avx512f"] if lanes == 8 else ["-avx512f", "-avx2", "-avx", "-fma", "-f16c"]
    cpu = "x86-64-v3" if lanes == 8 else "x86-64"
    return replace(machine, cpu=cpu, features=",".join(words), vector_bytes=4 * lanes, registers=16)


class Compiled:
    """A kernel as native code."""

    def __init__(self, kernel: Kernel, target: Target | None = None) -> None:
        self.kernel = verify(kernel)
        module = Module(target or chosen())
        self.emitted: Emitted = emit_map(module, kernel, module.target)
        self.text = module.text()
        names = [p.function_name for p in self.emitted.phases]
        self.code = jit.load([jit.unit_of(self.text, *names)])[0]
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32)
        self.functions = [prototype(self.code[n]) for n in names]

    def run(self, arrays: Arrays, sizes: Mapping[str, int], chunks: int = 1) -> None:
        """All phases, one chunk after the other."""
        assert not self.emitted.scratch, "maps have no scratch"
        # Nothing may be read from an empty buffer, so its address is that of no memory.
        buffers = [arrays[b.name] for b in buffers_of(self.kernel)]
        cells = [a.ctypes.data if a.size else 0 for a in buffers]
        cells += [sizes[n] for n in size_names(self.kernel)]
        held = np.array([*cells, 0], np.int64)
        pointers = held.ctypes.data + 8 * np.arange(len(held), dtype=np.int64)
        for f in self.functions:
            for c in range(chunks):
                f(pointers.ctypes.data, c, chunks)


def place(value: np.ndarray) -> np.ndarray:
    """A copy that is aligned to one element only, with guarded bytes around it."""
    size = value.nbytes
    raw = np.full(size + 2 * GUARD + 8, 0xA5, np.uint8)
    start = GUARD + (8 - value.itemsize if value.itemsize < 8 else 0)
    inner = raw[start : start + size].view(value.dtype).reshape(value.shape)
    inner[...] = value
    return inner


def guards_hold(array: np.ndarray) -> bool:
    """Whether the bytes around an array are as they were."""
    base = array
    while base.base is not None:
        base = base.base
    start = array.ctypes.data - base.ctypes.data
    raw = base.view(np.uint8)
    around = np.concatenate([raw[:start], raw[start + array.nbytes :]])
    return bool((around == 0xA5).all())


def arrays_for(kernel: Kernel, sizes: Mapping[str, int], inputs: Arrays, seed: int = 0) -> Arrays:
    """Inputs as given or random; outputs with values that must not survive."""
    rng = np.random.default_rng(seed)
    arrays: Arrays = {}
    for b in buffers_of(kernel):
        shape = tuple(dim.evaluate(d, sizes) for d in b.shape)
        value = inputs[b.name] if b.name in inputs else random_values(rng, b.dtype, shape)
        assert value.shape == shape, f"{b.name} has shape {shape}"
        arrays[b.name] = place(value.astype(b.dtype.numpy))
    return arrays


def random_values(rng: np.random.Generator, dtype: DType, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers, or all bits of integers, with some small ones."""
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.is_float:
        return rng.standard_normal(shape).astype(np.float32)
    limits = np.iinfo(dtype.numpy)
    wide = rng.integers(limits.min, limits.max, shape, dtype.numpy, endpoint=True)
    small = rng.integers(-3 if dtype.kind == "i" else 0, 4, shape).astype(dtype.numpy)
    return np.where(rng.random(shape) < 0.5, wide, small)


def check(
    kernel: Kernel,
    sizes: Mapping[str, int] | None = None,
    inputs: Arrays | None = None,
    tolerance: float = 2e-5,
    chunks: tuple[int, ...] = CHUNKS,
    target: Target | None = None,
    compiled: Compiled | None = None,
) -> Arrays:
    """Run natively with all numbers of chunks; equal bits, and near to the meaning."""
    sizes = sizes or {}
    compiled = compiled or Compiled(kernel, target)
    want = arrays_for(kernel, sizes, inputs or {})
    evaluate(kernel, want, sizes, MEANING)
    first: Arrays = {}
    for n in chunks:
        got = arrays_for(kernel, sizes, inputs or {})
        compiled.run(got, sizes, n)
        first = first or got
        for name, value in got.items():
            assert guards_hold(value), f"{name}: memory around it has changed"
            assert value.tobytes() == first[name].tobytes(), f"{name}: bits differ for {n} chunks"
    for name in first:
        compare(name, first[name], want[name], tolerance)
    return first


def compare(name: str, got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    """Equal integers; floats within a bound of the largest value beside them."""
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want, err_msg=name)
        return
    rough = 0.0 if want.dtype.itemsize > 2 else 1.0 / 128
    a, b = got.astype(np.float64), want.astype(np.float64)
    finite = b[np.isfinite(b)]
    scale = float(np.abs(finite).max()) if finite.size else 0.0
    # Sums may pass the largest number on one way and not on the other; tests avoid that.
    np.testing.assert_allclose(
        a, b, rtol=max(tolerance, rough), atol=tolerance * scale + 1e-30, err_msg=name
    )
