"""What `GRAPHC_DEBUG=2` prints of a call: one line per kernel, with its time and rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.ir.dim import Size, evaluate, names_of
from graphc.schedule.plan import CopyStep, CumulativeStep, KernelStep, SortStep, Step

from .count import work_of


def table(name: str, timed: Sequence[tuple[Step, float]], sizes: Mapping[str, int]) -> str:
    """The steps of a call in the order in which they first ran: how often, for how long in all,
    bytes and operations per second."""
    found: dict[Step, list[float]] = {}
    for step, seconds in timed:
        found.setdefault(step, []).append(seconds)
    return "\n".join(
        f"{name}: {_name(step):<24} {_times(seconds)} {_rates(step, seconds, sizes)}".rstrip()
        for step, seconds in found.items()
    )


def _times(seconds: Sequence[float]) -> str:
    return f"{len(seconds):>5} x {1e3 * sum(seconds):>9.3f} ms"


def _rates(step: Step, seconds: Sequence[float], sizes: Mapping[str, int]) -> str:
    """Nothing for loops: only what surrounds their turns is timed under their name."""
    total = sum(seconds)
    if not isinstance(step, KernelStep | SortStep | CumulativeStep | CopyStep) or not total:
        return ""
    work = work_of(step)
    moved, flops = (_value(s, sizes) for s in (work.read + work.written, work.flops))
    if moved is None or flops is None:
        return ""
    count = len(seconds)
    return f"{count * moved / total / 1e9:>8.2f} GB/s {count * flops / total / 1e9:>8.2f} GFLOP/s"


def _value(size: Size, sizes: Mapping[str, int]) -> int | None:
    return evaluate(size, sizes) if names_of(size) <= set(sizes) else None


def _name(step: Step) -> str:
    match step:
        case KernelStep():
            return step.name
        case SortStep():
            return "sort"
        case CumulativeStep(kind=kind):
            return f"running {kind}"
        case CopyStep(target=target):
            return f"copy to {target.name}"
        case _:
            return type(step).__name__.removesuffix("Step").lower()
