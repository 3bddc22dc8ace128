"""What more threads would do: the pool's schedule of chunks, played through on paper.

    a kernel's time on P threads = greedy list schedule of its chunks + cost of the parallel-for

A free thread takes half of its share of the chunks that are left, as the pool does. All items of a
kernel are taken to last equally long, and as long as on one thread: as if memory kept up.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

CLAIM = 0.1e-6
"""Seconds that one contended compare-and-swap takes, the least between two claims."""


@dataclass(frozen=True)
class Loop:
    """One parallel-for: its seconds on one thread, and how it is divided."""

    name: str
    seconds: float
    items: int
    chunks: int


def redivided(loop: Loop, most: int) -> Loop:
    """The same loop in up to so many chunks, if it is shared at all."""
    return replace(loop, chunks=min(loop.items, most)) if loop.chunks > 1 else loop


def chunk_seconds(loop: Loop) -> list[float]:
    """How long each chunk takes: chunk c does items c*items/n up to (c+1)*items/n."""
    n, items = loop.chunks, max(1, loop.items)
    ends = [(c + 1) * items // n for c in range(n)]
    each = loop.seconds / items
    return [each * (end - start) for start, end in zip([0, *ends], ends)]


def claims(chunks: Sequence[float], threads: int) -> list[float]:
    """How long what is claimed at once takes: of n chunks left, n // (2 * threads), at least 1."""
    found: list[float] = []
    start = 0
    while start < len(chunks):
        end = start + max(1, (len(chunks) - start) // (2 * threads))
        found.append(sum(chunks[start:end]))
        start = end
    return found


def makespan(claimed: Sequence[float], threads: int) -> float:
    """When the last claim ends if whoever is free takes the next one."""
    free = [0.0] * threads
    for seconds in claimed:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def simulated(loop: Loop, threads: int, overhead: float) -> float:
    """Seconds of one loop on so many threads; a loop of one chunk wakes nobody."""
    if threads == 1 or loop.chunks == 1:
        return loop.seconds
    claimed = claims(chunk_seconds(loop), threads)
    return makespan(claimed, threads) + overhead + CLAIM * len(claimed)


def speedup(loops: Sequence[Loop], threads: int, overhead: float) -> float:
    """How many times as fast as one thread."""
    alone = sum(loop.seconds for loop in loops)
    return alone / sum(simulated(loop, threads, overhead) for loop in loops)


def limiting(loops: Sequence[Loop], threads: int, overhead: float) -> list[tuple[str, float]]:
    """Kernels with the share of the simulated time that they lose against perfect division."""
    total = sum(simulated(loop, threads, overhead) for loop in loops)
    lost: dict[str, float] = {}
    for loop in loops:
        excess = simulated(loop, threads, overhead) - loop.seconds / threads
        lost[loop.name] = lost.get(loop.name, 0.0) + excess / total
    return sorted(lost.items(), key=lambda item: -item[1])
