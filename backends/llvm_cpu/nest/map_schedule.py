"""How a map or reduce kernel runs: vector axis, axes divided among items, vectors side by side.

A `MapSchedule` is a value that can be printed, tuned and cached; `schedule_map` chooses one from
shapes alone. The loops that obey it are in `map.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from math import prod

from graphc.backends.llvm_cpu.host import Target
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels import build
from graphc.kernels.dense import UNKNOWN, dense_axis, is_keyed, owned_axes
from graphc.kernels.kernel import Affine, Expr, Kernel, Load, Op, Reduce, Store
from graphc.kernels.levels import reduced_axes
from graphc.kernels.walk import expressions_of, roots_of

from .border import interior_of
from .rows import COSTLY
from .turn import turning_axis

LEAST_WORK = 1 << 17
"""Scalar operations worth an item of their own: a few microseconds."""
COST = 10
"""What a costly operation counts for."""
LEAST_ROWS = 64
"""Items that should be left where rows are not divided."""
LONG = 120
"""Operations of a body that is too long to be written for many vectors."""


@dataclass(frozen=True, slots=True)
class MapSchedule:
    """Items are points of the outer axes, `grain` together, or blocks of the vector axis."""

    outer: tuple[str, ...]
    lanes: str | None
    groups: int
    grain: int = 1
    block: int = 0
    """Elements of the vector axis per item; 0: all of them."""
    square: str | None = None
    """The outer axis that is taken `side` values at a time, in squares turned in registers."""
    side: int = 1
    lanes_first: bool = False
    """Whether one set of vectors holds the whole vector axis, which is then bound around items:
    what depends on it alone (scales of channels) is computed once per chunk."""
    inner: str | None = None
    """The outer axis that is a loop inside of each item, which are then points of the others."""
    inside: tuple[tuple[str, tuple[int, int]], ...] = ()
    """Where no guard can fail (`border.py`)."""

    @property
    def divided(self) -> tuple[str, ...]:
        """The outer axes of which items are points."""
        return tuple(n for n in self.outer if n != self.inner)

    def extent(self, kernel: Kernel, axis: str) -> Size:
        """How many pieces of an outer axis there are."""
        size = kernel.axis(axis).size
        return ceil_div(size, self.side) if axis == self.square else size

    def items(self, kernel: Kernel) -> Size:
        """How many items there are."""
        points = product(self.extent(kernel, n) for n in self.divided)
        if self.block and self.lanes:
            return points * ceil_div(kernel.axis(self.lanes).size, self.block)
        return ceil_div(points, self.grain)


def vector_axis(kernel: Kernel, lanes: int) -> str | None:
    """The axis whose values lie side by side in vectors."""
    parents = {a.part.parent for a in kernel.axes if a.part}
    allowed = frozenset(a.name for a in kernel.axes) - parents
    for s in filter(is_keyed, kernel.stores):
        # Lanes of a scatter must not meet, or else meet in the order of the points.
        apart = owned_axes(s) & allowed
        last = frozenset(s.axes[-1:])
        allowed = (apart or last) if s.axes else allowed
    return dense_axis(kernel, lanes, allowed)


def without_met_lanes(kernel: Kernel, lanes: str | None) -> Kernel:
    """Combining stores whose index lacks the vector axis reduce over it first.

    y[i] sum= x[i, c] for i c   ->   y[i] sum= (sum x[i, c] over c) for i
    """

    def changed(s: Store) -> Store:
        named = {n for i in s.index for n in build.axes_of(i)}
        if s.combine in (None, "set") or lanes not in s.axes or lanes in named:
            return s
        value = build.reduce(s.combine, s.value, (lanes,))
        return replace(s, value=value, axes=tuple(n for n in s.axes if n != lanes))

    return replace(kernel, stores=tuple(map(changed, kernel.stores)))


def schedule_map(kernel: Kernel, target: Target) -> MapSchedule:
    """The schedule of a kernel whose stores share loops."""
    lanes = vector_axis(kernel, target.lanes)
    kernel = without_met_lanes(kernel, lanes)
    reduced = reduced_axes(roots_of(kernel))
    parallel = frozenset[str].intersection(*map(owned_axes, kernel.stores)) - reduced
    parallel -= {a.name for a in kernel.axes if a.part}
    outer = tuple(a.name for a in kernel.axes if a.name in parallel - {lanes})
    points, work = prod(_length(kernel, n) for n in outer), max(1.0, _work(kernel))
    grain = max(1, int(LEAST_WORK * points / work))
    schedule = MapSchedule(outer, lanes, _groups(kernel, lanes, target), grain)
    if lanes is None or lanes not in parallel:
        return schedule
    square = turning_axis(kernel, lanes, outer)
    if square and not any(s.combine for s in kernel.stores):
        grain = max(1, grain // target.lanes)
        schedule = replace(schedule, grain=grain, square=square, side=target.lanes)
    elif outer and (held := _vectors_held(kernel, lanes, schedule.groups, target)):
        schedule = replace(schedule, groups=held, lanes_first=True)
        return _with_rows(kernel, schedule, work)
    return _cut(kernel, schedule, lanes, work, schedule.groups * target.lanes)


def _cut(kernel: Kernel, schedule: MapSchedule, lanes: str, work: float, step: int) -> MapSchedule:
    """Items that are blocks of a long vector axis."""
    points = prod(_length(kernel, n) for n in schedule.outer)
    each = work / max(1, points * _length(kernel, lanes))
    block = -(-int(LEAST_WORK / each + 1) // step) * step
    size = kernel.axis(lanes).size
    if isinstance(size, int) and size <= (2 * block if schedule.outer else block):
        return _with_rows(kernel, schedule, work)
    return replace(schedule, grain=1, block=block)


def _with_rows(kernel: Kernel, schedule: MapSchedule, work: float) -> MapSchedule:
    """Items that are whole rows: the last outer axis becomes a loop, if enough items are left."""
    if len(schedule.outer) < 2 or schedule.square:
        return schedule
    *rows, inner = schedule.outer
    count = prod(_length(kernel, n) for n in rows)
    if count < LEAST_ROWS or not isinstance(kernel.axis(inner).size, int):
        return schedule
    inside = interior_of(kernel, schedule.outer)
    grain = max(1, int(LEAST_WORK * count / work))
    return replace(schedule, grain=grain, inner=inner, inside=tuple(inside.items()))


def _groups(kernel: Kernel, lanes: str | None, target: Target) -> int:
    """Vectors side by side: enough to hide latency, few enough for the registers and the code."""
    if lanes is None:
        return 1
    below = expressions_of(kernel)
    groups = 4 if target.registers >= 32 else 2
    if any(e.dtype.bits == 64 for e in below if lanes in e.free):
        groups //= 2
    together = Counter(e.axes for e in below if isinstance(e, Reduce) and lanes in e.free)
    most = max(together.values(), default=1)
    groups = max(1, min(groups, (target.registers - 8) // most))
    length = sum(map(_cost, below))
    groups = max(1, groups // (1 if length < LONG else 2 if length < 4 * LONG else 4))
    size = kernel.axis(lanes).size
    return max(1, min(groups, size // target.lanes)) if isinstance(size, int) else groups


def _vectors_held(kernel: Kernel, lanes: str, groups: int, target: Target) -> int | None:
    """How many vectors hold a short vector axis."""
    size = kernel.axis(lanes).size
    if not isinstance(size, int) or kernel.axis(lanes).part:
        return None
    held = -(-size // target.lanes)
    return held if 0 < held <= groups + (size % target.lanes != 0) else None


def _work(kernel: Kernel) -> float:
    """Scalar operations of a kernel, where unknown sizes count as `UNKNOWN`."""
    below = expressions_of(kernel)
    total = sum(_cost(e) * prod(float(_length(kernel, n)) for n in e.free) for e in below)
    return total + sum(prod(float(_length(kernel, n)) for n in s.axes) for s in kernel.stores)


def _cost(e: Expr) -> int:
    if isinstance(e, Op):
        return COST if e.name in COSTLY else 1
    if isinstance(e, Load):
        return COST if any(not isinstance(i, Affine) for i in e.index) else 1
    return 1


def _length(kernel: Kernel, axis: str) -> int:
    size = kernel.axis(axis).size
    return size if isinstance(size, int) else UNKNOWN
