"""Where the time of a workload goes: each kernel beside what the machine could do.

    python -m benchmarks.kernels W5 --train [--batch 8] [--top 30]

    bound of a kernel = max(operations / FMA peak, bytes / copy bandwidth)

The bandwidth is that of the level of memory which holds what the kernel moves: L2 or L3 where its
bytes are at most half of them. Operations are the nominal ones: Winograd can exceed its bound.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.pool import Pool, set_threads
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.compiler import Function
from graphc.crew import available_cores
from graphc.debug.count import Work, work_of
from graphc.ir.dim import evaluate
from graphc.ir.graph import Graph, topological
from graphc.ir.node import Node
from graphc.kernels.kernel import Reduce
from graphc.kernels.walk import expressions_of
from graphc.schedule.memory import regions_of
from graphc.schedule.plan import (
    CopyStep,
    CumulativeStep,
    KernelStep,
    Plan,
    ScanStep,
    SortStep,
    Step,
)
from graphc.schedule.touch import reads, writes

from . import machine, workloads
from .networks import WORKLOADS
from .peers.worker import median_seconds
from .record import RESULTS, markdown


@dataclass(frozen=True)
class Rates:
    """What the machine reaches: operations per second, and bytes per second up to so many bytes."""

    peak: float
    copies: tuple[tuple[float, float], ...]

    def bound(self, flops: float, nbytes: float) -> float:
        """The shortest time for so much work."""
        rate = next(rate for most, rate in self.copies if nbytes <= most)
        return max(flops / self.peak, nbytes / rate)


@dataclass(frozen=True)
class Timed:
    """One kernel of a call, all its turns together."""

    name: str
    family: str
    nodes: str
    seconds: float
    flops: float
    nbytes: float
    bound: float


def rates(pool: Pool) -> Rates:
    """Measured now. Caches count as long as half of them is enough."""
    l2, l3 = machine.cache_bytes(2) * pool.threads, machine.cache_bytes(3)
    limits = ((l2 / 2, l2 // 2), (l3 / 2, l3 // 2), (float("inf"), 8 * l3))
    copies = tuple((most, machine.copy_rate(pool, size)) for most, size in limits)
    return Rates(machine.fma_peak(pool), copies)


def family(step: Step, nodes: Mapping[str, Node]) -> str:
    """Kernels of one kind: convolutions by taps and by what they compute (`dx` and `dw` are the
    gradients of the input and of the weights), products, pooling, other reductions, maps."""
    if not isinstance(step, KernelStep):
        return type(step).__name__.removesuffix("Step").lower()
    if "finish" in step.kernel.name:
        return "sum of parts"
    made = [nodes[label] for label in step.nodes if label in nodes]
    names = {node.op.name for node in made}
    if conv := next((node for node in made if node.op.name == "conv"), None):
        return f"conv {convolution(conv)}"
    if "dot_general" in names:
        return "matmul"
    if any(name.startswith("window") for name in names):
        return "pool"
    reduces = any(isinstance(e, Reduce) for e in expressions_of(step.kernel))
    return "reduction" if reduces else "map"


def convolution(node: Node) -> str:
    """The taps, and which of the three computations of a convolution it is: the gradient of the
    weights has taps where the others have pixels."""
    kernel, result = node.inputs[1].shape, node.types[0].shape
    if isinstance(result[0], int):
        return f"{result[1]}x{result[2]} dw"
    return f"{kernel[0]}x{kernel[1]} {'dx' if node.source.role == 'backward' else 'forward'}"


def nodes_of(f: Function) -> dict[str, Node]:
    """The nodes of a function and of its regions, by label."""
    found: dict[str, Node] = {}
    graphs = [f.program.graph]
    while graphs:
        for node in topological(graphs.pop().outputs):
            found[node.label] = node
            graphs += [value for value in node.attrs.values() if isinstance(value, Graph)]
    return found


def turns(plan: Plan, times: int, sizes: Mapping[str, int]) -> dict[Step, int]:
    """How often each step runs in one call."""
    found: dict[Step, int] = {}
    for step in plan.steps:
        found[step] = times
        inner = evaluate(step.length, sizes) if isinstance(step, ScanStep) else 1
        for region in regions_of(step):
            found |= turns(region, times * inner, sizes)
    return found


def timed(f: Function, arrays: Sequence[np.ndarray], rate: Rates, calls: int) -> list[Timed]:
    """All kernels of a function, slowest first: medians over calls."""
    executable = f.executable
    assert isinstance(executable, LLVMExecutable | Restored), "kernels are those of the CPU backend"
    sizes = sizes_of(f, arrays)
    found: dict[Step, list[float]] = {}
    for _ in range(calls):
        sums: dict[Step, float] = {}
        for step, seconds in executable.profile(arrays, sizes):
            sums[step] = sums.get(step, 0.0) + seconds
        for step, seconds in sums.items():
            found.setdefault(step, []).append(seconds)
    often = turns(executable.plan, 1, sizes)
    nodes = nodes_of(f)
    rows = [
        _row(step, family(step, nodes), statistics.median(seconds), often[step], sizes, rate)
        for step, seconds in found.items()
    ]
    return sorted(rows, key=lambda r: -r.seconds)


def sizes_of(f: Function, arrays: Sequence[np.ndarray]) -> dict[str, int]:
    """The named sizes that these inputs fix."""
    return {
        str(size): given
        for t, a in zip(f.program.inputs, arrays, strict=True)
        for size, given in zip(t.shape, a.shape, strict=True)
        if not isinstance(size, int)
    }


def _row(
    step: Step, kind: str, seconds: float, often: int, sizes: Mapping[str, int], rate: Rates
) -> Timed:
    counted = isinstance(step, KernelStep | CopyStep | SortStep | CumulativeStep)
    work = work_of(step) if counted else Work()
    flops, elements = (evaluate(n, sizes) for n in (work.flops, work.read + work.written))
    # The last of the parts of a sum may be empty, so elements alone would count too much.
    arrays = sum(evaluate(s.nbytes, sizes) for s in (*reads(step), *writes(step)))
    nbytes = min(elements, arrays) if counted else 0
    name, labels = (step.name, step.nodes) if isinstance(step, KernelStep) else (kind, ())
    bound = often * rate.bound(flops, nbytes)
    return Timed(name, kind, ", ".join(labels), seconds, often * flops, often * nbytes, bound)


# ---------------------------------------------------------------------------- as text


def lines(rows: Sequence[Timed], total: float) -> list[list[str]]:
    """One line per kernel."""
    head = ["kernel", "family", "ms", "share", "GFLOP/s", "GB/s", "of bound", "nodes"]
    return [head, *([r.name, r.family, *_numbers(r, total), r.nodes[:48]] for r in rows)]


def families(rows: Sequence[Timed], total: float) -> list[list[str]]:
    """One line per family, and one for all."""
    found: dict[str, list[Timed]] = {}
    for row in rows:
        found.setdefault(row.family, []).append(row)
    joined = [_joined(name, members) for name, members in found.items()]
    joined.sort(key=lambda r: -r.seconds)
    joined.append(_joined("all", rows))
    head = ["family", "kernels", "ms", "share", "GFLOP/s", "GB/s", "of bound", "could save, ms"]
    return [
        head,
        *(
            [r.name, r.nodes, *_numbers(r, total), f"{1e3 * (r.seconds - r.bound):.3f}"]
            for r in joined
        ),
    ]


def _joined(name: str, rows: Sequence[Timed]) -> Timed:
    seconds, flops, nbytes, bound = (
        sum(values) for values in zip(*((r.seconds, r.flops, r.nbytes, r.bound) for r in rows))
    )
    return Timed(name, name, str(len(rows)), seconds, flops, nbytes, bound)


def _numbers(r: Timed, total: float) -> list[str]:
    speeds = [f"{n / r.seconds / 1e9:.1f}" for n in (r.flops, r.nbytes)]
    shares = [f"{share:.1%}" for share in (r.seconds / total, r.bound / r.seconds)]
    return [f"{1e3 * r.seconds:.3f}", shares[0], *speeds, shares[1]]


def page(title: str, rate: Rates, rows: Sequence[Timed], call: float, top: int) -> str:
    """Both tables."""
    total = sum(r.seconds for r in rows)
    speeds = zip(("L2", "L3", "DRAM"), rate.copies)
    copies = ", ".join(f"{level} {speed / 1e9:.0f} GB/s" for level, (_, speed) in speeds)
    return "\n\n".join(
        [
            f"# {title}",
            f"One call {1e3 * call:.3f} ms, its kernels one by one {1e3 * total:.3f} ms. "
            f"Machine: {rate.peak / 1e9:.0f} GFLOP/s, copies {copies}.",
            markdown(families(rows, total)),
            markdown(lines(rows[:top], total)),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--train", action="store_true", help="the training step, else inference")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--top", type=int, default=30, help="how many kernels are listed")
    parser.add_argument("--calls", type=int, default=7)
    parser.add_argument("--threads", type=int, default=available_cores())
    parser.add_argument("--save", action="store_true", help="write it into benchmarks/results")
    given = parser.parse_args()
    set_threads(given.threads)
    w = WORKLOADS[given.workload]
    batch = given.batch or (w.batch if given.train else w.inference[-1])
    x, labels = w.data(batch)
    f = workloads.training(w) if given.train else workloads.inference(w)
    arrays = [x, labels] if given.train else [x]
    with Pool(given.threads) as pool:
        rate = rates(pool)
    f(*arrays)
    call = median_seconds(lambda: f(*arrays), 0.5)
    rows = timed(f, arrays, rate, given.calls)
    kind = "training step" if given.train else "inference"
    title = f"{given.workload} {w.title}, {kind}, batch {batch}, {given.threads} threads"
    text = page(title, rate, rows, call, given.top)
    print(text)
    if given.save:
        mode = "train" if given.train else "infer"
        name = f"{machine.short_name()}-kernels-{given.workload}-{mode}-{batch}.md"
        (RESULTS / name).write_text(f"{text}\n")


if __name__ == "__main__":
    main()
