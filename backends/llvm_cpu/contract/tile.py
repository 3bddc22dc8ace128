"""How a contraction is cut: the register tile, the part of each axis that one item covers.

A `Tile` is a value that can be printed, tuned and cached. The choice looks at shapes and at the
number of registers, never at threads, so bits follow from shapes and the target machine alone. The
constants are sizes of caches that nearly all machines have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
FEW = 4
"""What a named size counts for where items are counted: small batches should run in parallel."""
MOST_ROWS = 14
"""More rows make long functions and gain nothing."""
SUM_BYTES = 3 << 18
"""Of both operands under the whole sum: most of a large second-level cache."""
STEP_BYTES = 1 << 19
"""The same under one step of a sum that must be cut."""
LEAST_STEP = 256
"""Rows of `b` in a step that are worth the waiting of results."""
ITEM_BYTES = 1 << 18
"""Of the second operand for one item, and of scratch for results that wait."""
BOX_BYTES = 3 << 16
"""Of a copy of the first operand."""
ITEM_PRODUCTS = 1 << 21
"""Multiplications worth an item of their own: some ten microseconds."""
ENOUGH_ITEMS = 8
FULL = 0.75
"""Of the rows of a tile, on average, in blocks that divide a size."""
LINE_COST = 0.1
"""Cycles of a cache line that is touched once per step of the sum."""
LONG_ROW = 256
"""Positions of an image row up to this many belong to one item."""
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

    @property
    def is_boxed(self) -> bool:
        """Whether `a` is copied to a box."""
        return self.direct is None

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
    return Shape(c.kernel, c, groups, direct, *size, _apart(c))


def _apart(c: Contraction) -> int:
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
    return max((x for x in known if x * LEAST_STEP <= STEP_BYTES), default=0)


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


# ---------------------------------------------------------------------------- spans


def with_spans(s: Shape, tile: Tile, products: int = ITEM_PRODUCTS) -> Tile:
    """The tile with spans that fit the caches and make enough items of about so many products."""
    total = prod(map(s.length, (*s.c.m, *s.c.n, *s.c.k, *s.c.batch)))
    while True:
        found = _cut(s, tile, products)
        enough = _items(s, found) >= ENOUGH_ITEMS or total < 2 * products
        if enough or products < ITEM_PRODUCTS // 32:
            return found
        products //= 2


def _cut(s: Shape, tile: Tile, products: int) -> Tile:
    """Spans for items of about so many products."""
    width = tile.vectors * s.lanes
    steps = prod(map(s.steps, s.c.k))
    least = dict.fromkeys(s.c.m[:-1], 1) | {s.c.m[-1]: _last_span(s, tile)}
    whole = {**least, **{n: s.steps(n) for n in s.c.k}}
    if _sum_is_known(s) and _fits(s, width, whole, SUM_BYTES):
        panels = max(1, min(_panels(s, width), ITEM_BYTES // max(1, steps * width * s.bytes)))
        spans, panels = _cut_rows(s, tile, steps * width, panels, products)
    else:
        rows, panels = _cut_waiting(s, tile, products)
        spans = {**rows, **_cut_sum(s, width, rows)}
    return replace(tile, panels=panels, spans=tuple(sorted(_without_whole(s, spans).items())))


def _sum_is_known(s: Shape) -> bool:
    """Whether a box may hold all of K: the boxes are as large as sizes say, at least."""
    return not s.is_boxed or all(s.known(n) is not None for n in s.c.k)


def _panels(s: Shape, width: int) -> int:
    return -(-s.length(s.c.n[-1]) // width)


def _last_span(s: Shape, tile: Tile) -> int:
    """Rows of the last axis of M in one item at least."""
    size = s.known(s.c.m[-1])
    whole = len(s.c.m) > 1 and size is not None and size <= LONG_ROW
    return size if whole and size else tile.inner


def _cut_sum(s: Shape, width: int, rows: Mapping[str, int]) -> dict[str, int]:
    """Spans of K until a step fits the caches: images and channels are cut before windows."""
    spans = {n: s.steps(n) for n in s.c.k}
    for n in s.c.k:
        if s.is_boxed and s.known(n) is None:
            spans[n] = 1 if len(s.c.k) > 1 else 4 * UNKNOWN
    found: dict[str, int] = {n: x for n, x in spans.items() if s.known(n) is None}
    windows = {n for g in s.groups if not {*s.c.m}.isdisjoint(dict(g.steps)) for n, _ in g.steps}
    for n in sorted(s.c.k, key=lambda x: x in windows):
        size = spans[n]
        while size > 1 and not _fits(s, width, {**rows, **spans, n: size}, STEP_BYTES):
            size -= max(1, size // 8)
        if size != spans[n]:
            found[n] = spans[n] = _balanced(spans[n], size)
    return found


def _balanced(size: int, most: int) -> int:
    """Spans of equal size, none above `most`."""
    return -(-size // -(-size // most))


def _fits(s: Shape, width: int, spans: Mapping[str, int], most: int) -> bool:
    """Whether a step of the sum stays in the caches: a panel of `b`, and what it reads of `a`."""
    panel = prod(spans[n] for n in s.c.k) * max(width * s.bytes, s.apart) * s.sums
    return _first_bytes(s, spans) + panel <= most and _box_fits(s, spans)


def _box_fits(s: Shape, spans: Mapping[str, int]) -> bool:
    return not s.is_boxed or _first_bytes(s, spans) <= BOX_BYTES


def _first_bytes(s: Shape, spans: Mapping[str, int]) -> int:
    """The bytes of `a` within some spans."""
    names = [n for g in s.groups for n, _ in g.steps]
    box = Box(s.c.a, s.groups, {n: spans.get(n, 1) for n in names})
    return box.elements * s.bytes


def _cut_rows(
    s: Shape, tile: Tile, products_per_row: int, panels: int, products: int
) -> tuple[dict[str, int], int]:
    """Spans of M where the whole sum is done at once: the last two axes up to so many products."""
    m, last = s.c.m, _last_span(s, tile)
    spans = dict.fromkeys(m[:-1], 1) | {m[-1]: last}
    if not s.is_boxed or len(m) == 1:
        panels = min(panels, products // max(1, products_per_row * last))
        panels = max(1, min(panels, _panels(s, tile.vectors * s.lanes) // ENOUGH_ITEMS))
    wanted = max(1, products // max(1, products_per_row * panels))
    whole_sum = {n: s.steps(n) for n in s.c.k}
    is_cut = len(m) == 1 or s.known(m[-1]) != last
    axis = m[-1 if is_cut else -2]
    least, count = (tile.inner, wanted) if is_cut else (tile.outer, wanted // last)
    count = max(least, min(count, 32 * least) // least * least)
    while count > least and not _box_fits(s, {**spans, **whole_sum, axis: count}):
        count -= least
    spans[axis] = _block(s.known(axis), count, least)
    return spans, panels


def _block(size: int | None, most: int, least: int) -> int:
    """A span near `most` that divides the size, if there is one; else blocks of equal size."""
    if size is None or most >= size:
        return most if size is None else max(1, size)
    most = max(1, most)
    divisors = [
        d
        for d in range(max(least, -(-most // 2)), most + 1)
        if size % d == 0 and d >= FULL * least * -(-d // least)
    ]
    return divisors[-1] if divisors else _balanced(size, most)


def _cut_waiting(s: Shape, tile: Tile, products: int) -> tuple[dict[str, int], int]:
    """Spans of M where results wait in scratch: all rows, and fewer panels for more items."""
    m = s.c.m
    width = tile.vectors * s.lanes * s.sums * s.bytes
    spans = {n: s.known(n) or (8 * tile.inner if n == m[-1] else 1) for n in m}
    share = _panels(s, tile.vectors * s.lanes) * products / ITEM_PRODUCTS
    panels = max(1, int(share))
    if share < 1:
        rows = max(4 * tile.inner, int(spans[m[-1]] * share))
        whole = spans[m[-1]]
        spans[m[-1]] = _block(s.known(m[-1]), min(rows, whole), tile.inner)
        if m[:-1]:
            share *= whole / max(1, spans[m[-1]])
            spans[m[-2]] = max(1, min(spans[m[-2]], int(spans[m[-2]] * share)))
    while panels > 1 and prod(spans.values()) * width * panels > ITEM_BYTES:
        panels -= 1
    for n in (m[-1], *m[:-1]):
        least = tile.inner if n == m[-1] else 1
        rows = spans[n]
        while rows > least and prod({**spans, n: rows}.values()) * width * panels > ITEM_BYTES:
            rows = max(least, rows - least)
        spans[n] = rows if rows == spans[n] else _block(s.known(n), rows, least)
    return spans, panels


def _without_whole(s: Shape, spans: Mapping[str, int]) -> dict[str, int]:
    """Only the spans that cut something."""
    return {n: x for n, x in spans.items() if s.known(n) is None or x < (s.known(n) or 0)}


def _items(s: Shape, tile: Tile) -> int:
    width = tile.vectors * s.lanes
    counts = [-(-_panels(s, width) // tile.panels)]
    counts += [_turns(s.length(n, FEW), tile.span(n)) for n in s.c.m[:-1]]
    # Pixels of a batch of one image should be several items, rows of a batch need not be.
    least = s.length(s.c.m[-1], 1)
    last = least if least > 1 else s.length(s.c.m[-1])
    counts += [_turns(last, tile.span(s.c.m[-1]))]
    counts += [s.length(n, FEW) for n in (*s.c.batch, *s.c.n[:-1])]
    return prod(counts)


def _turns(size: int, span: int | None) -> int:
    return 1 if span is None else -(-size // span)
