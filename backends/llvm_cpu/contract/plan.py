"""Everything that is decided about a contraction before anything is written.

How each operand is read (in place, from a box, from panels) and which tile is used; the loops that
follow the plan are `loops.py`, the register tile is `micro.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from graphc import dtypes
from graphc.backends.llvm_cpu.host import Target
from graphc.dtypes import DType
from graphc.ir.dim import Size, ceil_div, evaluate
from graphc.kernels.kernel import Affine, Expr, Kernel, Load
from graphc.kernels.merge import merge_axes
from graphc.kernels.roles import Contraction, contraction_of
from graphc.kernels.settle import settled, with_axes
from graphc.kernels.walk import size_names, walk

from .choose import choose_tile
from .crowd import columns_crowd, kept_rows_crowd, panel_crowds, rows_crowd
from .operands import Box, InPlace, Operand, Panels, groups_of, in_place
from .pack import panels_of, rows_of
from .pairs import PAIR, paired
from .spans import BOX_BYTES, COPY_BYTES
from .tile import Shape, Tile, shape_of

FLOATS = (dtypes.float32, dtypes.float64)
ARRAYS_ON_STACK = 1 << 18
"""Bytes of boxes and of waiting results together that one chunk may hold."""
PAD = 16
"""Elements between rows of a copy."""
NARROW_ROW_BYTES = 512
"""Rows up to here are read in place: whole, one after the other, as fast as panels."""
ROWS_OF_FAR = 256
"""Rows of one image up to which reading `b` takes about as long as the products."""
WORTH_SKIPPING = 0.03
"""The share of products that are zero at the edges of an image, from which on they are left out."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Guarded taps: only where 0 <= step * row + tap_step * tap + const < limit are products
    other than zero."""

    row: str
    tap: str
    step: int
    tap_step: int
    const: int
    limit: int

    def outside(self, rows: int, taps: int) -> float:
        """The share of all pairs of a row and a tap that are outside."""
        places = [
            self.step * i + self.tap_step * p + self.const for i in range(rows) for p in range(taps)
        ]
        return sum(not 0 <= x < self.limit for x in places) / max(1, len(places))


@dataclass(frozen=True, slots=True)
class Plan:
    """A contraction with everything decided."""

    c: Contraction
    a: Operand
    b: tuple[Operand, ...]
    tile: Tile
    lanes: int
    edge: Edge | None = None
    """Taps that are left out at the edges of an image."""
    is_far: bool = False
    """Whether `b` comes from memory and few rows use it: the next panel is asked for ahead."""

    @property
    def dtype(self) -> DType:
        """What is summed up."""
        return self.c.sums[0].dtype

    @property
    def of_pairs(self) -> bool:
        """Whether an element of an operand is two of bfloat16."""
        return self.a.dtype is PAIR

    @property
    def n(self) -> str:
        """The axis of the lanes."""
        return self.c.n[-1]

    @property
    def width(self) -> int:
        """Columns of one panel."""
        return self.tile.vectors * self.lanes

    @property
    def align(self) -> int:
        """The alignment of vectors in scratch that a function reserves for itself."""
        return min(64, self.lanes * self.dtype.itemsize)

    @property
    def panels(self) -> Size:
        """How many panels there are."""
        return ceil_div(self.c.kernel.axis(self.n).size, self.width)

    @property
    def is_masked(self) -> bool:
        """Whether a panel may hold columns beyond the last."""
        size = self.c.kernel.axis(self.n).size
        return not isinstance(size, int) or size % self.width != 0

    @property
    def waits(self) -> bool:
        """Whether results wait in scratch, because the sum is done in several steps."""
        return any(self.tile.span(n) is not None for n in self.c.k)

    @property
    def vectors(self) -> int:
        """Vectors of one row of the tile."""
        return self.tile.vectors * len(self.c.sums)

    @property
    def waiting_spans(self) -> list[int]:
        """How many values of each axis of M an item covers, where results wait."""
        sizes = [self.tile.span(n) or self.c.kernel.axis(n).size for n in self.c.m]
        assert all(isinstance(x, int) for x in sizes), "results wait only for known spans"
        return [x for x in sizes if isinstance(x, int)]

    @property
    def waiting_elements(self) -> int:
        """The size of the scratch in which the results of one item wait."""
        return prod(self.waiting_spans) * self.vectors * self.lanes * self.tile.panels

    @property
    def waiting_rows(self) -> list[int]:
        """How many rows of waiting results a step of each axis of M moves."""
        spans = self.waiting_spans
        return [prod(spans[i + 1 :]) for i in range(len(spans))]


def plan_of(
    kernel: Kernel, target: Target, tile: Tile | None = None, lasting: frozenset[str] = frozenset()
) -> Plan | None:
    """What is decided about a contraction before anything is written; None to decline it."""
    s = shape_for(kernel, target)
    if s is None:
        return None
    found = _planned(s, target, tile, lasting)
    if found or not s.is_copied:
        return found
    # A copy does not fit: in place is slower, but a map would be slower by far.
    return _planned(replace(s, direct=in_place(s.c.a), copies=False), target, tile, lasting)


def _planned(s: Shape, target: Target, tile: Tile | None, lasting: frozenset[str]) -> Plan | None:
    """A plan with the operands that the shape asks for, if they fit."""
    c, groups = s.c, s.groups
    tile = tile or choose_tile(s)
    a: Operand | None = s.direct
    if a is None:
        spans = {n: _span(c, tile, n) for g in groups for n, _ in g.steps}
        known = {n: x for n, x in spans.items() if x is not None}
        box = Box(c.a, groups, known, PAD if s.is_copied else 0)
        a = box if len(known) == len(spans) and _bytes(c, box.elements) <= BOX_BYTES else None
    width = tile.vectors * target.lanes
    found = [_second(c, tile, b, width, lasting) for b in c.b]
    if any(isinstance(x, Panels) for x in found):
        found = [_copied(c, tile, b, width) for b in c.b]
    far = all(isinstance(x, Panels) for x in found) and tile.along == "n" and _is_far(c, lasting)
    plan = Plan(c, a, tuple(found), tile, target.lanes, _edge(c, tile), far) if a else None
    if plan and plan.waits and s.copies and (box := _copy_of(plan)):
        copied = replace(plan, b=(box,))
        plan = copied if _fits(copied) else plan
    return plan if plan and _fits(plan) else None


def _copy_of(plan: Plan) -> Box | None:
    """`b` copied for a step of the sum, if it is read in place and a copy has a known size."""
    c, (b,) = plan.c, plan.b
    if not isinstance(b, InPlace) or plan.tile.along != "n":
        return None
    groups = groups_of(c.b[0], tuple(a.name for a in c.kernel.axes))
    spans = {n: _span(c, plan.tile, n) for n in c.b[0].free}
    spans |= dict.fromkeys(c.n[:-1], 1) | {plan.n: plan.width * plan.tile.panels}
    known = {n: x for n, x in spans.items() if x is not None}
    if len(known) < len(spans):
        return None
    box = Box(c.b[0], groups, known)
    fits = box.step(plan.n) == 1 and _bytes(c, box.elements) <= COPY_BYTES
    return replace(box, pad=PAD) if fits else None


def _is_far(c: Contraction, lasting: frozenset[str]) -> bool:
    """Whether all of `b` holds between calls, so that it was last read one call ago."""
    names = {e.buffer.name for e in walk(c.b) if isinstance(e, Load)}
    guess = dict.fromkeys(size_names(c.kernel), 1)
    rows = prod(evaluate(c.kernel.axis(n).size, guess) for n in c.m)
    return names <= lasting and rows <= ROWS_OF_FAR


def shape_for(kernel: Kernel, target: Target) -> Shape | None:
    """What the choice of a tile looks at; None if the kernel is no contraction done here."""
    c = contraction_of(merge_axes(settled(kernel)))
    if c is None or not _is_wanted(c):
        return None
    c = paired(forward(c), target)
    direct = in_place(c.a)
    direct = direct if direct and direct.dtype is c.a.dtype and not rows_crowd(c, direct) else None
    groups = groups_of(c.a, tuple(a.name for a in c.kernel.axes))
    return shape_of(c, groups, direct, target)


def _edge(c: Contraction, tile: Tile) -> Edge | None:
    """The outermost taps, if enough of them lie beside the image and they are a loop at all."""
    e, tap = c.a, c.k[0]
    if not isinstance(e, Load) or e.fill != 0 or tile.span(tap) is not None:
        return None
    for d in e.checked:
        index, limit = e.index[d], e.buffer.shape[d]
        if not isinstance(index, Affine) or not index.is_plain or tap not in index.axes:
            continue
        row = next((n for n, _ in index.terms if n in c.m), "")
        if not row or len(index.terms) != 2:
            return None
        numbers = (index.coef(row), index.coef(tap), index.const, limit)
        sizes = [c.kernel.axis(n).size for n in (row, tap)]
        known = [x for x in (*numbers, *sizes) if isinstance(x, int)]
        if len(known) < 6 or known[1] < 1 or c.kernel.axis(tap).part:
            return None
        edge = Edge(row, tap, *known[:4])
        return edge if edge.outside(*known[4:]) >= WORTH_SKIPPING else None
    return None


def _is_wanted(c: Contraction) -> bool:
    values = [c.a, *c.b, *c.sums]
    parts = [c.kernel.axis(n).part for n in (*c.m, *c.n, *c.batch)]
    parents = [p.parent for n in c.k if (p := c.kernel.axis(n).part)]
    floats = all(e.dtype in FLOATS and e.dtype is c.a.dtype for e in values)
    known = all(x in c.batch for x in parents)
    return bool(c.m and c.n and floats and known and not any(parts))


def forward(c: Contraction) -> Contraction:
    """The contraction with the axes of the sum turned so that `a` is walked upwards."""
    where = {}
    for n in c.k:
        size = c.kernel.axis(n).size
        steps = [i.coef(n) for e in walk((c.a,)) if isinstance(e, Load) for i in _affine(e)]
        down = any(isinstance(x, int) and x < 0 for x in steps)
        if down and isinstance(size, int) and c.kernel.axis(n).part is None:
            where[n] = Affine(((n, -1),), size - 1)
    if not where:
        return c
    turned = contraction_of(with_axes(c.kernel, c.kernel.axes, where))
    assert turned, "turning an axis changes no role"
    return turned


def _affine(e: Load) -> list[Affine]:
    return [i for i in e.index if isinstance(i, Affine)]


def _span(c: Contraction, tile: Tile, axis: str) -> int | None:
    """How many values of an axis a box covers."""
    if axis in c.batch:
        return 1
    size = c.kernel.axis(axis).size
    return tile.span(axis) or (size if isinstance(size, int) else None)


def _second(c: Contraction, tile: Tile, b: Expr, width: int, lasting: frozenset[str]) -> Operand:
    """`b` in place where lanes find it dense and its rows do not crowd out one another, unless
    panels cost nothing and rows are so wide that reading part of each skips much."""
    found, last = in_place(b), c.kernel.axis(c.k[-1]).size
    if found and tile.along == "n" and found.step(c.n[-1]) == 1:
        row = found.step(c.k[-1])
        wide = not isinstance(row, int) or row * found.dtype.itemsize > NARROW_ROW_BYTES
        wide = wide or kept_rows_crowd(found, c.k[-1], width)
        kept = wide and found.load.buffer.name in lasting
        copied = kept or panel_crowds(c, tile, found, width)
        return _copied(c, tile, b, width) if copied else found
    if found and tile.along == "m":
        return found
    if found and tile.along == "k" and found.step(c.k[-1]) == 1:
        is_long = len(c.k) == 1 or (isinstance(last, int) and last % width == 0)
        return found if is_long and not columns_crowd(c, found) else _copied(c, tile, b, width)
    return _copied(c, tile, b, width)


def _copied(c: Contraction, tile: Tile, b: Expr, width: int) -> Panels:
    """Copies of `b` in the order in which register tiles read them."""
    if tile.along == "k":
        return rows_of(c.kernel, b, c.batch, c.n, c.k)
    return panels_of(c.kernel, b, c.batch, c.n, c.k, width)


def _bytes(c: Contraction, elements: int) -> int:
    return elements * c.a.dtype.itemsize


def _fits(plan: Plan) -> bool:
    """Whether what one chunk keeps on its stack is not too much."""
    box = sum(x.elements for x in (plan.a, *plan.b) if isinstance(x, Box))
    if plan.waits and any(_span(plan.c, plan.tile, n) is None for n in plan.c.m):
        return False
    return _bytes(plan.c, box + (plan.waiting_elements if plan.waits else 0)) <= 2 * ARRAYS_ON_STACK
