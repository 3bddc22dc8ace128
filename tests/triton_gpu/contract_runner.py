"""Contractions of the GPU backend in Triton's interpreter, next to their meaning in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from contraction_forms import arrays_of, compare, rounding, run_oracle

from graphc import dtypes
from graphc.backends.triton_gpu.device import Device
from graphc.backends.triton_gpu.interpret.device import InterpretDevice
from graphc.backends.triton_gpu.launch import Emitted
from graphc.backends.triton_gpu.source.contract import emit_contraction
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.backends.triton_gpu.source.map import emit_map
from graphc.dtypes import DType
from graphc.ir import dim
from graphc.kernels.kernel import Kernel

Arrays = dict[str, np.ndarray]
Form = Callable[[DType], Kernel]
EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def emitted(kernel: Kernel, tile: ProductTile | None = None, wide: bool = False) -> Emitted:
    """The launches of a contraction."""
    made = emit_contraction(kernel, wide, tile)
    assert made is not None, f"{kernel.name} was declined"
    return made


def run(
    made: Emitted, arrays: Arrays, sizes: Mapping[str, int], device: Device | None = None
) -> Arrays:
    """The arrays after all launches, in memory that is NaN before."""
    device = device or InterpretDevice()
    memory, shapes = {}, {}
    for name, array in arrays.items():
        memory[name], shapes[name] = device.allocate(array.nbytes), array
        device.write(memory[name].address, array)
    for name, dtype, size in made.scratch:
        noise = np.full(dim.evaluate(size, sizes), np.nan if dtype.is_float else -1, dtype.numpy)
        memory[name] = device.allocate(noise.nbytes)
        device.write(memory[name].address, noise)
    for launch, ready in zip(made.launches, device.prepare(made.launches), strict=True):
        grid = tuple(dim.evaluate(g, sizes) for g in launch.grid)
        ready(grid, [memory[n].address for n, _ in launch.pointers],
              [sizes[n] for n in launch.sizes])  # fmt: skip
    after = {name: np.empty_like(array) for name, array in shapes.items()}
    for name, array in after.items():
        device.read(memory[name].address, array)
    return after


def check(
    form: Form,
    sizes: Mapping[str, int] | None = None,
    dtype: DType = dtypes.float32,
    tile: ProductTile | None = None,
    wide: bool = False,
    ulps: float = 8.0,
) -> Emitted:
    """A form near to its meaning in float64 of the same numbers."""
    made = emitted(form(dtype), tile, wide)
    near([form(dtype)], [form(dtypes.float64)], [made], sizes or {}, ulps)
    return made


def near(
    kernels: Sequence[Kernel], exact: Sequence[Kernel], made: Sequence[Emitted],
    sizes: Mapping[str, int], ulps: float = 8.0, device: Device | None = None,
) -> None:  # fmt: skip
    """Kernels that run one after the other are near to their meaning."""
    start = arrays_of(kernels, sizes)
    want = run_oracle(exact, {n: a.astype(np.float64) for n, a in start.items()}, sizes)
    got = start
    for m in made:
        got = run(m, got, sizes, device)
    stores = [s for k in kernels for s in k.stores]
    kind = "float64" if any(s.buffer.dtype is dtypes.float64 for s in stores) else "float32"
    sums = max(rounding(EPS[kind], k, sizes, ulps) for k in kernels)
    for s in stores:
        narrow = 0.0 if s.buffer.dtype.name == kind else EPS[s.buffer.dtype.name]
        bound = max(sums, narrow)
        compare(s.buffer.name, got[s.buffer.name], want[s.buffer.name], bound)


def launches_of(kernel: Kernel, tile: ProductTile | None = None) -> Emitted:
    """The launches of any kernel; contractions have a given tile."""
    return emit_contraction(kernel, tile=tile) or emit_map(kernel)
