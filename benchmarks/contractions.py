"""Speed of contractions: GF/s and the share of the machine's own peak, per shape and threads.

    python -m benchmarks.contractions [part of a name ..] [--threads 1 2] [--seconds 0.3]
Run it on a quiet machine; the best of many calls is shown. Packing is part of every call.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from contraction_forms import Conv, gates, matmul
from llvm_cpu.contract_runner import Compiled, inputs_of

from graphc.backends.llvm_cpu.contract.plan import plan_of
from graphc.backends.llvm_cpu.host import chosen
from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.dtypes import bfloat16
from graphc.ir import dim
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases

from .machine import best_seconds, fma_peak

B = dim.named("batch")
IMAGE = Conv(B, (56, 56), 64, 64, (3, 3), pad=1)

Kernels = tuple[Kernel, ...]


def cases() -> dict[str, tuple[Kernels, dict[str, int], float]]:
    """name -> (kernels, sizes, floating-point operations)"""
    found: dict[str, tuple[Kernels, dict[str, int], float]] = {}

    def product(m: int, k: int, n: int, form: str = "nn", known: bool = True, **more: str) -> None:
        kernel = matmul(m if known else B, n, k, form, **more)
        words = ["known M" if known else "symbolic M", *more.values()]
        name = f"{form} {m}x{k}x{n} {' '.join(words)}"
        found[name] = ((kernel,), {"batch": m}, 2.0 * m * n * k)

    for size in (256, 512, 1024, 2048):
        product(size, size, size)
    product(512, 512, 512, known=False)
    for form in ("nt", "tn", "tt"):
        product(512, 512, 512, form)
    product(1024, 1024, 1024, "nt")
    product(128, 784, 256)
    product(128, 784, 256, known=False)
    product(128, 784, 256, known=False, epilogue="bias relu")
    product(128, 256, 10, known=False)
    product(128, 10, 256, "nt", known=False)
    product(784, 128, 256, "tn")
    product(256, 128, 10, "tn")
    product(1, 784, 256, known=False)
    product(128, 9216, 128, known=False)
    product(512, 512, 512, epilogue="bias tanh")
    for form in ("nn", "nt", "tn", "tt"):
        for size in (512, 1024):
            kernel = matmul(size, size, size, form, storage=bfloat16)
            found[f"bfloat16 {form} {size}"] = ((kernel,), {}, 2.0 * size**3)
    half = replace(IMAGE, dtype=bfloat16)
    found |= convolutions("bfloat16 3x3 64-64 56x56 b8", half, 8)
    half = replace(half, image=(14, 14), ci=256, co=256)
    found |= convolutions("bfloat16 3x3 256-256 14x14 b8", half, 8)
    half = replace(half, image=(7, 7), ci=512, co=512)
    found |= convolutions("bfloat16 3x3 512-512 7x7 b8", half, 8)
    half = Conv(B, (56, 56), 256, 64, (1, 1), dtype=bfloat16)
    found |= convolutions("bfloat16 1x1 256-64 56x56 b8", half, 8)
    found["gates 64x256x256"] = ((gates(B, 256, 256),), {"batch": 64}, 4.0 * 64 * 256 * 256)
    found |= convolutions("3x3 64-64 56x56 b8", IMAGE, 8)
    found |= convolutions("3x3 1-32 28x28 b128", Conv(B, (28, 28), 1, 32, (3, 3)), 128)
    found |= convolutions("3x3 1-64 28x28 b128", Conv(B, (28, 28), 1, 64, (3, 3), pad=1), 128)
    found |= convolutions("3x3 32-64 26x26 b128", Conv(B, (26, 26), 32, 64, (3, 3)), 128)
    found |= convolutions("3x3 32-64 28x28 b128", Conv(B, (28, 28), 32, 64, (3, 3), pad=1), 128)
    found |= convolutions("3x3 64-64 11x11 b128", Conv(B, (11, 11), 64, 64, (3, 3)), 128)
    found |= convolutions("3x3 512-512 7x7 b8", Conv(B, (7, 7), 512, 512, (3, 3), pad=1), 8)
    found |= convolutions("7x7s2 3-64 224 b8", Conv(B, (224, 224), 3, 64, (7, 7), 2, 3), 8)
    found |= convolutions("1x1 256-64 56x56 b8", Conv(B, (56, 56), 256, 64, (1, 1)), 8)
    found |= convolutions("3x3s2 64-128 56 b8", Conv(B, (56, 56), 64, 128, (3, 3), 2, 1), 8)
    found |= convolutions("5x5 20-50 12x12 b128", Conv(B, (12, 12), 20, 50, (5, 5)), 128)
    return found


def convolutions(
    name: str, c: Conv, batch: int
) -> dict[str, tuple[Kernels, dict[str, int], float]]:
    """The forward pass and both gradients of a convolution."""
    pixels = np.prod(c.result)
    work = 2.0 * batch * pixels * np.prod(c.taps) * c.ci * c.co / c.groups
    dx = split_phases(c.input_gradient())
    assert dx is not None, "image sizes are known"
    forms = {
        "fwd": (c.forward("bias relu"),),
        "sums": (c.forward("sums"),),
        "dx": dx,
        "dw": split_for_parallelism(c.weight_gradient()),
    }
    return {f"{name} {form}": (k, {"batch": batch}, work) for form, k in forms.items()}


# ---------------------------------------------------------------------------- measuring


def aligned(value: np.ndarray) -> np.ndarray:
    """A copy that begins on a cache line, as the memory plan lays arrays out."""
    raw = np.zeros(value.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    copy = raw[start : start + value.nbytes].view(value.dtype).reshape(value.shape)
    copy[...] = value
    return copy


def runner(
    kernels: Kernels, sizes: Mapping[str, int], pool: Pool
) -> tuple[Callable[[], None], float]:
    """A call of all kernels that are contractions, and the seconds it took to make it."""
    start = time.perf_counter()
    made = [Compiled(k) for k in kernels if plan_of(k, chosen())]
    seconds = time.perf_counter() - start
    arrays: dict[str, np.ndarray] = {}
    for k in kernels:
        arrays = {n: aligned(a) for n, a in inputs_of(k, sizes).items()} | arrays
    work: list[tuple[int, int, int]] = []
    keep: list[object] = [arrays]
    for m in made:
        pointers, held = m.cells(arrays, sizes)
        keep += [pointers, held]
        for p in m.emitted.phases:
            chunks = max(1, min(16, dim.evaluate(p.items, sizes)))
            work.append((m.code[p.function_name], pointers.ctypes.data, chunks))

    def call(_keep: list[object] = keep) -> None:
        for address, argument, chunks in work:
            pool.run(address, argument, chunks)

    return call, seconds


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    with Pool(1) as one:
        top = fma_peak(one, 0.5)
    print(f"peak of one thread: {top / 1e9:.1f} GF/s")
    pools = {n: Pool(n) for n in options.threads}
    for name, (kernels, sizes, work) in cases().items():
        named = not options.names or any(x in name for x in options.names)
        if not named or not any(plan_of(k, chosen()) for k in kernels):
            continue
        columns = []
        for n, pool in pools.items():
            call, compiling = runner(kernels, sizes, pool)
            seconds = best_seconds(call, options.seconds)
            share = work / seconds / (n * top)
            text = f"{n}T {seconds * 1e3:8.3f} ms {work / seconds / 1e9:6.1f} GF/s {share:4.0%}"
            columns.append(text if n > 1 else f"{text}  compiled in {compiling * 1e3:4.0f} ms")
        plan = next(p for k in kernels if (p := plan_of(k, chosen())))
        print(f"{name:40} {'   '.join(columns)}   {plan.tile}", flush=True)


if __name__ == "__main__":
    main()
