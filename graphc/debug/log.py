"""What `GRAPHC_DEBUG` prints of passes: 1 a line per compile, 5 the graph as a diff.

Lines go to standard error, where the output of programs does not mix with them. What is printed of
kernels is in `stages.py`, what is printed of calls in `runs.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from graphc import knobs
from graphc.ir.graph import Graph
from graphc.passes.pipeline import Observe, PassReport

from . import dump

COMPILES, RUNS, DECISIONS, SOURCE, GRAPHS, KERNELS, ASSEMBLY = range(1, 8)


def is_on(level: int) -> bool:
    """Whether `GRAPHC_DEBUG` is at least this level."""
    return knobs.current().debug >= level


def say(level: int, text: str) -> None:
    """Print a text at this level."""
    if is_on(level):
        print(text, file=sys.stderr)


def summary(
    name: str, reports: Sequence[PassReport], kernels: int | None = None, seconds: float = 0.0
) -> str:
    """One line per compile: nodes in and out, kernels, milliseconds of the passes that took any,
    and of all that a backend did after them (`seconds`)."""
    if not reports:
        return f"{name}: no passes"
    times: dict[str, float] = {}
    for r in reports:
        times[r.name] = times.get(r.name, 0.0) + 1000 * r.seconds
    parts = " ".join(f"{n} {t:.1f}" for n, t in times.items() if t >= 0.05)
    count = "" if kernels is None else f", {kernels} kernels"
    nodes = f"{reports[0].before} -> {reports[-1].after} nodes{count}"
    total = sum(times.values())
    return f"{name}: {nodes}, passes {total:.1f} ms ({parts}), backend {1000 * seconds:.1f} ms"


def observer(name: str) -> Observe | None:
    """What to tell the pipeline to call, by the switches in force; None if nobody listens."""
    settings = knobs.current()
    listeners: list[Observe] = []
    if settings.dump is not None:
        listeners.append(dump.observer(dump.folder_of(settings.dump, name)))
    if settings.debug >= GRAPHS:
        listeners.append(_print_changes(name))
    if not listeners:
        return None

    def observe(number: int, report: PassReport, before: Graph, after: Graph) -> None:
        for listener in listeners:
            listener(number, report, before, after)

    return observe


def _print_changes(name: str) -> Observe:
    def observe(number: int, report: PassReport, before: Graph, after: Graph) -> None:
        changes = dump.diff(before, after) if report.changed else ""
        say(GRAPHS, f"{name} {number:02} {report}" + (f"\n{changes}" if changes else ""))

    return observe
