"""Every contraction of whole networks, in place: time, GF/s, and the share of what can be reached.

    python -m benchmarks.layers [W5t W5i8 W7i ..] [--top 20] [--turns 7]
W5t is a training step, W5i8 inference at batch 8. Bounds are those of
`kernels.py`, with the products of the contraction alone; the list is sorted by time lost. Beside
each kernel stand its sizes by role (batch, M, K, N), the register tile, panels per item, the spans
of items and steps, and how both operands are read.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from graphc.backends.llvm_cpu.contract.plan import Plan, plan_of
from graphc.backends.llvm_cpu.host import host
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.pool import Pool
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.compiler import Function
from graphc.crew import available_cores
from graphc.ir.dim import evaluate, product
from graphc.kernels import cost
from graphc.kernels.canonical import canonical
from graphc.kernels.kernel import Kernel
from graphc.kernels.printer import show
from graphc.kernels.roles import contraction_of
from graphc.schedule.plan import KernelStep

from .kernels import Rates, rates
from .networks import WORKLOADS
from .workloads import inference, training

EVERYTHING = ("W5t", "W5i1", "W5i8", "W6i1", "W7t", "W7i1")


@dataclass(frozen=True)
class Layer:
    """One distinct kernel of a network: medians over calls, work per call."""

    name: str
    kernel: Kernel
    plan: Plan | None
    seconds: float
    flops: float
    nbytes: float
    count: int = 1


def contraction_flops(kernel: Kernel, sizes: dict[str, int]) -> float:
    """Products and sums of a contraction alone; 0 if the kernel is none."""
    c = contraction_of(kernel)
    if c is None:
        return 0.0
    axes = (*c.batch, *c.m, *c.n, *c.k)
    points = product(c.kernel.axis(n).size for n in axes)
    total = evaluate(points, sizes)
    for a in c.kernel.axes:  # a part axis is counted with the axis it is a part of
        if a.part and a.name in axes:
            padded = evaluate(a.size, sizes) * evaluate(c.kernel.axis(a.part.parent).size, sizes)
            total = total * evaluate(a.part.total, sizes) / max(1, padded)
    return 2.0 * total * len(c.sums)


def layers_of(f: Function, arrays: list[np.ndarray], turns: int) -> list[Layer]:
    """The contractions of a compiled function, equal kernels together, with their times."""
    executable = f.executable
    assert isinstance(executable, LLVMExecutable | Restored), "kernels are timed on the processor"
    size = str(f.program.inputs[0].shape[0])
    sizes = {size: len(arrays[0])}
    times: dict[KernelStep, list[float]] = defaultdict(list)
    for _ in range(turns):
        one: dict[KernelStep, float] = defaultdict(float)
        for step, seconds in executable.profile(arrays, sizes):
            if isinstance(step, KernelStep):
                one[step] += seconds
        for step, seconds in one.items():
            times[step].append(seconds)
    groups: dict[str, list[KernelStep]] = defaultdict(list)
    for step in times:
        if contraction_of(step.kernel):
            groups[show(canonical(step.kernel).kernel)].append(step)
    return [_layer(steps, times, sizes) for steps in groups.values()]


def _layer(
    steps: list[KernelStep], times: dict[KernelStep, list[float]], sizes: dict[str, int]
) -> Layer:
    kernel = steps[0].kernel
    moved = cost.bytes_read(kernel) + cost.bytes_written(kernel)
    return Layer(
        kernel.name,
        kernel,
        plan_of(kernel, host()),
        statistics.mean(statistics.median(times[s]) for s in steps),
        contraction_flops(kernel, sizes),
        float(evaluate(moved, sizes)),
        len(steps),
    )


def describe(x: Layer) -> str:
    """Sizes by role, then how it is run."""
    c = contraction_of(x.kernel)
    assert c, "only contractions are listed"
    kernel = x.plan.c.kernel if x.plan else c.kernel
    c = x.plan.c if x.plan else c
    sizes = ["x".join(str(kernel.axis(n).size) for n in part) for part in (c.batch, c.m, c.k, c.n)]
    text = "b{} m{} k{} n{}".format(*sizes)
    if x.plan is None:
        return f"{text}  map"
    a, b = type(x.plan.a).__name__, "+".join(type(o).__name__ for o in x.plan.b)
    t = x.plan.tile
    spans = ",".join(f"{kernel.axis(n).size}/{s}" for n, s in t.spans)
    return f"{text}  {t.outer}x{t.inner}x{t.vectors} p{t.panels} {spans} {a} {b}"


def parsed(word: str) -> tuple[str, bool, int]:
    """(workload, whether it trains, batch)"""
    found = re.fullmatch(r"(W\d)([ti])(\d*)", word)
    assert found, f"{word} is not like W5t or W5i8"
    name, mode, batch = found.groups()
    return name, mode == "t", int(batch) if batch else WORKLOADS[name].batch


def measured(word: str, turns: int) -> list[Layer]:
    name, trains, batch = parsed(word)
    w = WORKLOADS[name]
    f = training(w, None) if trains else inference(w, None)
    arrays = list(w.data(batch))[: 2 if trains else 1]
    f(*arrays)
    return layers_of(f, arrays, turns)


def lines(found: list[Layer], rate: Rates, limit: int) -> Iterator[str]:
    """A table, the kernels that lose most time first."""

    def lost(x: Layer) -> float:
        return x.count * (x.seconds - rate.bound(x.flops, x.nbytes))

    total = sum(x.count * x.seconds for x in found)
    flops = sum(x.count * x.flops for x in found)
    below = sum(rate.bound(x.flops, x.nbytes) < 0.85 * x.seconds for x in found)
    yield (
        f"{len(found)} distinct contractions, {total * 1e3:.2f} ms, {flops / total / 1e9:.0f} GF/s,"
        f" {below} below 0.85 of their bound, lost {sum(map(lost, found)) * 1e3:.2f} ms"
    )
    for x in sorted(found, key=lost, reverse=True)[:limit]:
        bound = rate.bound(x.flops, x.nbytes)
        share, limited = bound / x.seconds, "bytes" if bound > x.flops / rate.peak else "flops"
        yield (
            f"{lost(x) * 1e3:7.3f} ms lost {x.count:3} x {x.seconds * 1e3:7.3f} ms"
            f" {x.flops / x.seconds / 1e9:6.0f} GF/s {share:5.0%} of {limited}"
            f"  {x.name:12} {describe(x)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="layers", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=EVERYTHING)
    parser.add_argument("--top", type=int, default=20)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    with Pool(available_cores()) as pool:
        rate = rates(pool)
    copies = ", ".join(f"{speed / 1e9:.0f}" for _, speed in rate.copies)
    print(f"{rate.peak / 1e9:.0f} GF/s; copies in L2, L3, DRAM: {copies} GB/s")
    for word in options.workloads:
        print(f"\n{word}: ", end="")
        for line in lines(measured(word, options.turns), rate, options.top):
            print(line, flush=True)


if __name__ == "__main__":
    main()
