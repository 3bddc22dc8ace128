"""How workloads scale with threads: measured as far as the machine has cores, then simulated.

    python -m benchmarks.threads [W1 W2 W5-inference ..] [--simulate 16 64]

Times of each kernel on one thread and its number of chunks go through `simulate.py`. Writes
`benchmarks/results/<machine>-threads.md`.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.pool import Pool, set_threads
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.backends.llvm_cpu.run.runtime_ir import WORDS
from graphc.backends.llvm_cpu.run.table import Table
from graphc.backends.llvm_cpu.run.words import Sizes
from graphc.compiler import Function
from graphc.crew import available_cores
from graphc.schedule.plan import KernelStep

from . import machine, workloads
from .interleave import interleaved, medians, ratio
from .kernels import family, nodes_of, sizes_of
from .networks import WORKLOADS
from .peers.worker import median_seconds
from .record import RESULTS, kept, markdown, milliseconds
from .simulate import Loop, limiting, redivided, speedup

ROUNDS = 5
INFERENCE = "-inference"
"""What the name of a workload ends with where it is not to be trained."""
CALLS = 7


def loops(f: Function, arrays: Sequence[np.ndarray]) -> list[Loop]:
    """All parallel-fors of one call in order, with their seconds on one thread."""
    executable = f.executable
    assert isinstance(executable, LLVMExecutable | Restored), "chunks are those of the CPU backend"
    if isinstance(executable, Restored):
        executable = executable.whole
    set_threads(1)
    sizes = sizes_of(f, arrays)
    executable.launches(arrays, sizes)  # what is kept between calls is not seen again
    calls = [executable.launches(arrays, sizes) for _ in range(CALLS)]
    seconds = [statistics.median(s for _, s in records) for records in zip(*calls, strict=True)]
    value, nodes = Sizes(sizes).value, nodes_of(f)
    items = {at: value(n) for x in executable.native.values() for at, n in x.phases}
    found: list[Loop] = []
    for (record, _), time in zip(calls[0], seconds, strict=True):
        step = executable.step_of(record)
        name = step.name if isinstance(step, KernelStep) else ""
        label = f"{family(step, nodes)} {name}".strip()
        found.append(Loop(label, time, *launched(executable.table, record, items)))
    return found


def launched(table: Table, record: int, items: Mapping[int, int]) -> tuple[int, int]:
    """How many items a record shares, and in how many chunks; `items` are those of phases by the
    address of their function."""
    memory, start = table.memory, table.records.position + WORDS * record
    function, arguments, chunks = (int(n) for n in memory.array[start + 1 : start + 4])
    if function in items:
        return max(chunks, items[function]), chunks
    # A part of a phase is given its function, its arguments, its number and the chunks of all.
    inner, every = memory.at(arguments), memory.at(arguments + 24)
    return max(chunks, items.get(inner, chunks) * chunks // max(chunks, every)), chunks


def measured(
    f: Function, arrays: Sequence[np.ndarray], counts: Sequence[int]
) -> dict[str, list[float]]:
    """Seconds of a call on so many threads, in turn."""

    def turn(threads: int) -> float:
        set_threads(threads)
        return median_seconds(lambda: f(*arrays), 0.1)

    return interleaved({str(n): lambda n=n: turn(n) for n in counts}, ROUNDS)


def line(name: str, counts: Sequence[int], more: Sequence[int], overhead: float) -> list[str]:
    """One workload: its training step, or inference where it has none."""
    w = WORKLOADS[name.removesuffix(INFERENCE)]
    trains = w.optimizer is not None and not name.endswith(INFERENCE)
    f = workloads.training(w) if trains else workloads.inference(w)
    batch = w.batch if trains else w.inference[-1]
    arrays = w.data(batch) if trains else w.data(batch)[:1]
    rounds = measured(f, arrays, counts)
    found = loops(f, arrays)
    most = max(more)
    worst = [f"{n} {share:.0%}" for n, share in limiting(found, most, overhead)[:3]]
    return [
        f"{name} {w.title}", str(batch),
        *(milliseconds(t) for t in medians(rounds).values()),
        *(f"{ratio(rounds, '1', str(n)):.2f}" for n in counts[1:]),
        *(f"{speedup(found, n, overhead):.2f}" for n in more),
        f"{speedup([redivided(x, 4 * most) for x in found], most, overhead):.2f}",
        ", ".join(worst),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.threads", description=__doc__)
    usual = [*list(WORKLOADS)[:5], f"W5{INFERENCE}"]
    parser.add_argument("workloads", nargs="*", default=usual)
    parser.add_argument("--simulate", type=int, nargs="+", default=[16, 64])
    given = parser.parse_args()
    counts = list(range(1, available_cores() + 1))[:2]
    with Pool(counts[-1]) as pool:
        overhead = machine.parallel_overhead(pool)
    more = [*counts[1:], *given.simulate]
    head = [
        "workload", "batch", *(f"ms on {n}" for n in counts),
        *(f"speedup on {n}" for n in counts[1:]), *(f"simulated {n}" for n in more),
        f"{max(more)} in {4 * max(more)} chunks",
        f"what {max(more)} threads lose most with",
    ]  # fmt: skip
    found: dict[str, list[str]] = {}
    for name in given.workloads:
        found[name] = line(name, counts, more, overhead)
        print(" ".join(found[name]), flush=True)
    file = RESULTS / f"{machine.short_name()}-threads.json"
    lines = [head, *kept(file, found)]
    about = (
        f"Speedups over one thread: measured, then simulated from the times of kernels on one "
        f"thread, their chunks, and {1e6 * overhead:.2f} µs for a parallel-for (measured on "
        f"{counts[-1]}). One column lets kernels have more chunks than they have now. The shares "
        f"are of the simulated time, over perfect division."
    )
    page = f"# Threads\n\n{machine.described()}\n\n{about}\n\n{markdown(lines)}\n"
    file.with_suffix(".md").write_text(page)
    print(f"\n{page}")


if __name__ == "__main__":
    main()
