"""How the axes of K are walked: those of which a turn has one value, and those of a block.

outer axes    one value each in a turn
inner axes    DEPTH values at once, decoded from one number
"""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.kernel import Axis
from graphc.kernels.roles import Contraction

FILLED = 4
"""Blocks of an axis from which on its last one may be filled badly."""


@dataclass(frozen=True, slots=True)
class Turns:
    """How K is walked. Where the first axis is a part that may be short, `count` are the points of
    it that exist; they are counted instead of being masked."""

    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    depth: int
    short: Axis | None

    @property
    def length(self) -> Size:
        """Points of the inner axes, where they are whole."""
        return product(a.size for a in self.inner)

    @property
    def blocks(self) -> Size:
        """Turns along the inner axes."""
        return ceil_div(self.length, self.depth)

    @property
    def is_exact(self) -> bool:
        """Whether every block of the inner axes is full."""
        short = self.short is not None and self.short in self.inner
        return not short and isinstance(self.length, int) and self.length % self.depth == 0


def turns_of(c: Contraction, depth: int) -> Turns:
    """Blocks of the last axis if they fill it well, so that all else is numbers; else of all."""
    axes = tuple(c.kernel.axis(n) for n in c.k)
    last = axes[-1].size
    fills = isinstance(last, int) and (last % depth == 0 or last >= FILLED * depth)
    outer = axes[:-1] if fills else ()
    return Turns(outer, axes[len(outer) :], depth, _short(axes[0], c))


def _short(first: Axis, c: Contraction) -> Axis | None:
    part = first.part
    return first if part and part.parent not in c.k and may_be_short(first, c) else None


def may_be_short(axis: Axis, c: Contraction) -> bool:
    """Whether the axis is a part of which not all points always exist."""
    part = axis.part
    if part is None:
        return False
    return c.kernel.axis(part.parent).size * part.block != part.total or axis.size != part.block
