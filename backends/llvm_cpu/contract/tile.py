"""How a contraction is cut: the register tile, the part of each axis that one item covers.

A `Tile` is a value that can be printed, tuned and cached. The choice looks at shapes and at the
number of registers, never at threads, so bits follow from shapes and the target machine alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod

from graphc.backends.llvm_cpu.host import Target
from graphc.ir import dim
from graphc.ir.dim import Size
from graphc.kernels.kernel import Kernel
from graphc.kernels.roles import Contraction

from .operands import Box, Group, InPlace, in_place

UNKNOWN = 64
"""What a named size counts for in work and memory."""
MOST_ROWS = 14
"""More rows make long functions and gain nothing."""
WIDE = 16
"""Lanes of float32 in the vectors of processors whose second-level caches hold a megabyte or more;
those of the others hold a quarter to half of that."""
LEAST_STEP = 256
"""Rows of `b` in a step that are worth the waiting of results."""
LINE_COST = 0.1
"""Cycles of a cache line that is touched once per step of the sum."""
FAR_ROW = 8
"""Vectors between rows of `b`, from which on pieces of them are worth a copy."""
LARGE = 1 << 22
"""Bytes of `b` that no second-level cache holds: worth a copy if a batch has a few rows."""
ROWS_OF_COPY = 32
"""Rows of a step that make up for a copy of `b`."""
LONG_SUM = 1 << 10
LONG_SUMS = 1 << 12
"""What a named size counts for in K: alone (a batch), and beside positions (images)."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The register tile is (outer x inner) rows by `vectors` vectors for each sum.

    `spans` are the values of an axis that one item (M) or one step of the sum (K) covers; an axis
    without a span is covered whole. An item does `panels` panels of `vectors` vectors of N.
    """

    outer: int
    inner: int
    vectors: int
    unroll: int = 4
    """About so many steps of the sum are written out in its innermost loop."""
    panels: int = 1
    spans: tuple[tuple[str, int], ...] = ()
    rows_first: bool = False
    """Whether a tile of rows does all panels of the item before the next one, so that rows of
    results are written from end to end."""
    along: str = "n"
    """Where lanes run: along N, or with few columns along the sum (k) or along M (m)."""

    def span(self, axis: str) -> int | None:
        """The values of an axis that are done together; None for all."""
        return dict(self.spans).get(axis)

    @property
    def rows(self) -> int:
        """Rows of the register tile."""
        return self.outer * self.inner


@dataclass(frozen=True, slots=True)
class Shape:
    """What the choice of a tile looks at."""

    kernel: Kernel
    c: Contraction
    groups: tuple[Group, ...]
    """The coordinates of `a`."""
    direct: InPlace | None
    """`a` if it is read in place, else it is copied to a box."""
    lanes: int
    registers: int
    per_vector: int
    """Registers of one vector: 2 where lanes of float64 fill two."""
    apart: int = 0
    """Bytes of a cache that a row of `b` takes up where it lies, if that is more than its panel."""
    copies: bool = False
    """Whether an item copies what a step of the sum reads of `b`, if its results wait."""

    @property
    def is_boxed(self) -> bool:
        """Whether `a` is copied to a box."""
        return self.direct is None

    @property
    def is_copied(self) -> bool:
        """Whether `a` could be read in place, but is copied for its far rows."""
        a = in_place(self.c.a) if self.direct is None else None
        return a is not None and a.dtype is self.c.a.dtype

    @property
    def by_rows(self) -> bool:
        """Whether memory of `a` is contiguous along the sum."""
        return self.direct is None or self.step(self.c.k[-1]) == 1

    def step(self, axis: str) -> Size:
        """How far an axis moves in `a`, if a box holds all of it."""
        if self.direct is not None:
            return self.direct.step(axis)
        names = [n for g in self.groups for n, _ in g.steps]
        return Box(self.c.a, self.groups, {n: self.length(n) for n in names}).step(axis)

    def steps(self, axis: str) -> int:
        """The size of an axis of K, or a guess on the long side."""
        return self.length(axis, LONG_SUM if len(self.c.k) == 1 else LONG_SUMS)

    @property
    def sums(self) -> int:
        """How many sums share `a`."""
        return len(self.c.sums)

    @property
    def bytes(self) -> int:
        """Of one element while computing."""
        return self.c.a.dtype.itemsize

    def known(self, axis: str) -> int | None:
        """The size of an axis, if it is known and each of its values always exists."""
        a = self.kernel.axis(axis)
        return a.size if isinstance(a.size, int) and a.part is None else None

    def length(self, axis: str, unknown: int = UNKNOWN) -> int:
        """The size of an axis, or a guess."""
        size = self.kernel.axis(axis).size
        return dim.evaluate(size, dict.fromkeys(dim.names_of(size), unknown))


def shape_of(
    c: Contraction, groups: tuple[Group, ...], direct: InPlace | None, target: Target
) -> Shape:
    """The facts about a contraction on a machine; `direct` is `a` if it is read in place."""
    per_vector = max(1, c.a.dtype.itemsize // 4)
    size = target.lanes, target.registers, per_vector
    apart, copies = _apart(c, step_bytes(target.lanes)), _copies_second(c, target.lanes)
    return Shape(c.kernel, c, groups, direct, *size, apart, copies)


def step_bytes(lanes: int) -> int:
    """Of both operands under one step of a sum that must be cut."""
    return 1 << 19 if lanes >= WIDE else 1 << 17


def _copies_second(c: Contraction, lanes: int) -> bool:
    """Whether a copy of `b` pays within an item: many rows use it, and its own rows are so far
    apart that each of their pieces is a stream of its own, or pushes others out of the caches."""
    b = in_place(c.b[0]) if len(c.b) == 1 else None
    if b is None or b.dtype is not c.sums[0].dtype or b.step(c.n[-1]) != 1:
        return False
    step, sizes = b.step(c.k[-1]), [c.kernel.axis(n).size for n in c.m]
    held = prod(x for n in b.load.free if isinstance(x := c.kernel.axis(n).size, int))
    unknown = UNKNOWN if held * b.dtype.itemsize >= LARGE else 1
    rows = prod(x if isinstance(x, int) else unknown for x in sizes)
    return isinstance(step, int) and step >= FAR_ROW * lanes and rows >= ROWS_OF_COPY


def _apart(c: Contraction, most: int) -> int:
    """The power of two that divides the distance of rows of `b`, which then share few sets.

    Counted for sums of known length, where a step of many rows fits a cache all the same, and where
    M may be too short for a copy to be worthwhile.
    """
    found = [in_place(b) for b in c.b]
    steps = [b.step(c.k[-1]) * b.dtype.itemsize for b in found if b and b.step(c.n[-1]) == 1]
    sum_is_known, m_is_known = (
        all(isinstance(c.kernel.axis(n).size, int) for n in axes) for axes in (c.k, c.m)
    )
    if m_is_known or not sum_is_known:
        return 0
    known = [x & -x for x in steps if isinstance(x, int)]
    return max((x for x in known if x * LEAST_STEP <= most), default=0)


# ---------------------------------------------------------------------------- registers


def registers(s: Shape) -> list[tuple[float, tuple[int, int, int]]]:
    """Cycles by count, and (outer rows, inner rows, vectors) of register tiles, the best first."""
    m = s.c.m
    inner, outer = s.known(m[-1]), s.known(m[-2]) if len(m) > 1 else 1
    found: list[tuple[float, tuple[int, int, int]]] = []
    for vectors in range(1, 7):
        width = vectors * s.sums * s.per_vector
        most = (s.registers - 2 - width) // width
        if most < 1 and vectors > 1:
            break
        for rows in range(1, max(1, min(most, MOST_ROWS)) + 1):
            shape = rows_of(rows, outer, inner)
            turns = _cycles_of_rows(shape, inner, outer, width)
            # Every step of the sum is a new line of memory of `a`, shared by all rows.
            turns += 0.0 if s.by_rows else LINE_COST * (1 + width) / rows
            found.append((round(_columns(s, vectors) * turns, 6), (*shape, vectors)))
    return sorted(found)


def rows_of(rows: int, outer: int | None, inner: int | None) -> tuple[int, int]:
    """Rows of a short last axis that is covered whole are taken from two axes."""
    if inner is None or outer is None or inner >= rows or inner < 1:
        return 1, rows if inner is None else min(rows, max(1, inner))
    return max(1, min(outer, rows // inner)), inner


def _columns(s: Shape, vectors: int) -> float:
    """Panels per useful column."""
    n = s.known(s.c.n[-1])
    if n is None:
        return 1.0 / vectors + 0.02 * vectors
    return -(-n // (vectors * s.lanes)) / max(1, n / s.lanes)


def _cycles_of_rows(
    shape: tuple[int, int], inner: int | None, outer: int | None, width: int
) -> float:
    """Cycles per step of the sum and per row."""
    if inner is None or inner == 0:
        return _cycles(shape[0] * shape[1], width) / (shape[0] * shape[1])
    total = outer or shape[0]
    pairs = product(pieces(total, shape[0]), pieces(inner, shape[1]))
    turns = sum(many * count * _cycles(a * b, width) for (a, many), (b, count) in pairs)
    return turns / max(1, total * inner)


def pieces(size: int, most: int) -> list[tuple[int, int]]:
    """Balanced pieces of an extent: (rows, how many)."""
    count = -(-size // most)
    rows, longer = divmod(size, count)
    return [(rows + 1, longer), (rows, count - longer)]


def _cycles(rows: int, width: int) -> float:
    """Two products and two loads per cycle, eight products on their way; rows save traffic."""
    products, loads = rows * width, rows + width
    return max(products / 2, loads / 2, 4.0) + 0.03 * loads + 0.03 * width
