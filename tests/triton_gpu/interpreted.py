"""Kernels as Triton source in the interpreter, beside their meaning in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from llvm_cpu.map_runner import Arrays, arrays_for, compare, guards_hold
from llvm_cpu.numpy_meaning import MEANING

from graphc.backends.triton_gpu.interpret.device import interpreted
from graphc.backends.triton_gpu.kernels import emit
from graphc.ir import dim
from graphc.kernels.evaluate import evaluate
from graphc.kernels.kernel import Kernel
from graphc.kernels.laws import verify


def check(
    kernel: Kernel, sizes: Mapping[str, int] | None = None, inputs: Arrays | None = None,
    tolerance: float = 2e-5, wide: bool = False,
) -> None:  # fmt: skip
    """The numbers are near to the meaning; memory around arrays is untouched."""
    sizes = sizes or {}
    want = arrays_for(verify(kernel), sizes, inputs or {})
    evaluate(kernel, want, sizes, MEANING)
    got = arrays_for(kernel, sizes, inputs or {})
    run(kernel, got, sizes, wide)
    for name, value in got.items():
        assert guards_hold(value), f"{name}: memory around it has changed"
        compare(name, value, want[name], tolerance)


def run(kernel: Kernel, arrays: Arrays, sizes: Mapping[str, int], wide: bool = False) -> None:
    """All launches of a kernel."""
    emitted = emit(kernel, wide)
    scratch = {n: np.empty(dim.evaluate(c, sizes), d.numpy) for n, d, c in emitted.scratch}
    known = {**arrays, **scratch}
    for launch in emitted.launches:
        x, y, z = (dim.evaluate(n, sizes) for n in launch.grid)
        addresses = [known[name].ctypes.data for name, _ in launch.pointers]
        interpreted(launch)((x, y, z), addresses, [sizes[n] for n in launch.sizes])
