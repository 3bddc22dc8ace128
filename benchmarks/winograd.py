"""Winograd's algorithm beside the direct form, turn by turn, for 3x3 layers of known networks.

    python -m benchmarks.winograd [part of a name ..] [--threads 1 2] [--seconds 0.3]
GF/s count the products of the direct form, so they may exceed the machine's peak. Gradients of
weights are timed without the last sum over parts, which both forms share.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from contraction_forms import Conv
from llvm_cpu.contract_runner import Compiled, inputs_of

from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.emitted import Emitted
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.backends.llvm_cpu.winograd.convolution import emit_winograd
from graphc.backends.llvm_cpu.winograd.gradient import emit_gradient
from graphc.ir import dim
from graphc.kernels.kernel import Kernel
from graphc.kernels.parallel import split_for_parallelism

from .contractions import aligned

B = dim.named("batch")

# fmt: off
LAYERS = {  # network -> batches, and (image, channels, filters, padding) of its layers
    "ResNet-50": ((8, 1), [(56, 64, 64, 1), (28, 128, 128, 1), (14, 256, 256, 1),
                           (7, 512, 512, 1)]),
    "VGG-16":    ((1,),   [(224, 64, 64, 1), (112, 64, 128, 1), (112, 128, 128, 1),
                           (56, 128, 256, 1), (56, 256, 256, 1), (28, 256, 512, 1),
                           (28, 512, 512, 1), (14, 512, 512, 1)]),
    "GoogLeNet": ((8, 1), [(56, 64, 192, 1), (28, 96, 128, 1), (28, 128, 192, 1), (14, 96, 208, 1),
                           (14, 112, 224, 1), (14, 160, 320, 1), (7, 192, 384, 1)]),
    "demo":      ((128,), [(26, 64, 64, 0)]),
}
# fmt: on


def forms(c: Conv) -> dict[str, Kernel]:
    """The forward pass and both gradients."""
    weights, *_ = split_for_parallelism(c.weight_gradient())
    return {"forward": c.forward(), "dx": c.input_gradient(), "dw": weights}


def either(module: Module, kernel: Kernel, target: Target) -> Emitted | None:
    """Winograd's algorithm for whichever of the forms it is."""
    return emit_winograd(module, kernel, target) or emit_gradient(module, kernel, target)


def seconds_of(calls: list[Callable[[], None]], seconds: float) -> list[float]:
    """The median of calls that take turns."""
    found: list[list[float]] = [[] for _ in calls]
    for call in calls:
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for call, times in zip(calls, found):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [statistics.median(x) for x in found]


def runner(
    made: Compiled, arrays: dict[str, np.ndarray], batch: int, pool: Pool
) -> Callable[[], None]:
    """A call of all phases."""
    sizes = {"batch": batch}
    pointers, held = made.cells(arrays, sizes)
    counts = [max(1, min(16, dim.evaluate(p.items, sizes))) for p in made.emitted.phases]
    functions = [made.code[p.function_name] for p in made.emitted.phases]

    def call(_keep: object = held) -> None:
        for function, chunks in zip(functions, counts):
            pool.run(function, pointers.ctypes.data, chunks)

    return call


def row(name: str, kernel: Kernel, c: Conv, batch: int, threads: list[int], seconds: float) -> str:
    """Times of both forms on each number of threads."""
    try:
        start = time.perf_counter()
        fast = Compiled(kernel, emit=either)
        compiling = time.perf_counter() - start
    except AssertionError:
        return f"{name:36} direct"
    made = [Compiled(kernel), fast]
    arrays = {n: aligned(a) for n, a in inputs_of(kernel, {"batch": batch}).items()}
    work = 2.0 * batch * float(np.prod(c.result)) * 9 * c.ci * c.co
    cells: list[str] = []
    for n in threads:
        with Pool(n) as pool:
            a, b = seconds_of([runner(m, arrays, batch, pool) for m in made], seconds)
        pool.close()
        rates = f"{work / a / 1e9:5.0f} {work / b / 1e9:5.0f} GF/s"
        cells.append(f"{n}T {a * 1e3:8.3f} {b * 1e3:8.3f} ms {rates} {a / b:5.2f}x")
    return f"{name:36} {'   '.join(cells)}   compiled in {compiling * 1e3:3.0f} ms"


def main() -> None:
    """Print one line per layer, batch and form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    print("times and rates: direct, Winograd")
    for network, (batches, layers) in LAYERS.items():
        for batch in batches:
            for image, ci, co, pad in layers:
                c = Conv(B, (image, image), ci, co, (3, 3), pad=pad)
                for form, kernel in forms(c).items():
                    name = f"{network} {ci}-{co} {image} b{batch} {form}"
                    if not options.names or any(x in name for x in options.names):
                        print(row(name, kernel, c, batch, options.threads, options.seconds))


if __name__ == "__main__":
    main()
