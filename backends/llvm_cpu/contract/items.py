"""The items of a contraction: what runs in parallel, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.dim import Size, ceil_div
from graphc.kernels.build import axes_of
from graphc.kernels.roles import Contraction

from .plan import Plan


@dataclass(frozen=True, slots=True)
class Loop:
    """One parallel loop: an axis (or "" for blocks of panels), its turns, values per turn."""

    axis: str
    turns: Size
    step: int = 1


def loops_of(plan: Plan) -> list[Loop]:
    """The parallel loops, outermost first: neighbours in the order share a panel of `b`.

    Groups of channels are an exception: neighbours share the lines of memory of an image.
    """
    c, kernel = plan.c, plan.c.kernel
    found = [Loop(x, kernel.axis(x).size) for x in (*c.batch, *c.n[:-1])]
    found.append(Loop("", ceil_div(plan.panels, plan.tile.panels), plan.tile.panels))
    outer: list[Loop] = []
    for x in c.m:
        span = plan.tile.span(x)
        if span is not None:
            to = outer if _is_around(c, x) else found
            to.append(Loop(x, ceil_div(kernel.axis(x).size, span), span))
    return [*outer, *found]


def _is_around(c: Contraction, axis: str) -> bool:
    """Whether results move further along an axis of M than along every axis of the batch."""
    widest = max(c.kernel.stores, key=lambda s: len(s.axes))
    place = {n: d for d, i in enumerate(widest.index) for n in axes_of(i)}
    first = min((place.get(n, 0) for n in c.batch), default=0)
    return place.get(axis, first) < first
