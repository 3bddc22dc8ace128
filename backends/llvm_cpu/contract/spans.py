"""Which part of each axis an item of a contraction covers, and a step of its sum: what fits caches.

The register tile is chosen before (`tile.py`); blocks are as large as caches allow, and small
enough for items to share. The constants are sizes of caches that nearly all machines have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from .operands import Box
from .tile import UNKNOWN, Shape, Tile, step_bytes

FEW = 4
"""What a named size counts for where items are counted: small batches should run in parallel."""
SUM_BYTES = 3 << 18
"""Of both operands under the whole sum: most of a large second-level cache."""
ITEM_BYTES = 1 << 18
"""Of the second operand for one item, and of scratch for results that wait."""
BOX_BYTES = 3 << 16
"""Of a copy of the first operand."""
ITEM_PRODUCTS = 1 << 21
"""Multiplications worth an item of their own: some ten microseconds."""
ENOUGH_ITEMS = 8
FULL = 0.75
"""Of the rows of a tile, on average, in blocks that divide a size."""
SHORT_SUM = 96
"""Products per result, up to which it takes longer to write it than to compute it."""
SHORT_BYTES = 3 << 16
"""Of `b` where all of it is read for each tile of rows."""
COPY_BYTES = 1 << 17
"""Of a copy of the second operand."""
COPIED_ROWS = 256
"""Rows of a copy of `a` along which its memory is contiguous."""
LONG_ROW = 256
"""Positions of an image row up to this many belong to one item."""


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
    tile = replace(tile, rows_first=_by_whole_rows(s, steps))
    if tile.rows_first:
        spans, panels = _cut_rows(s, tile, steps * width, _panels(s, width), products)
    elif _sum_is_known(s) and _fits(s, width, whole, SUM_BYTES):
        panels = max(1, min(_panels(s, width), ITEM_BYTES // max(1, steps * width * s.bytes)))
        spans, panels = _cut_rows(s, tile, steps * width, panels, products)
    else:
        rows, panels = _cut_waiting(s, tile, products)
        spans = {**rows, **_cut_sum(s, width, panels, rows)}
    return replace(tile, panels=panels, spans=tuple(sorted(_without_whole(s, spans).items())))


def _by_whole_rows(s: Shape, steps: int) -> bool:
    """Whether few products belong to a result, and all of `b` stays in a cache: then writing
    results takes longest, and is fastest along whole rows."""
    columns = s.length(s.c.n[-1])
    results = prod(map(s.length, (*s.c.m, *s.c.n, *s.c.batch)))
    short = steps <= SHORT_SUM and steps * columns * s.bytes <= SHORT_BYTES
    return short and columns > s.lanes and results * s.bytes >= SUM_BYTES and _sum_is_known(s)


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


def _cut_sum(s: Shape, width: int, panels: int, rows: Mapping[str, int]) -> dict[str, int]:
    """Spans of K until a step fits the caches: images and channels are cut before windows."""
    spans = {n: s.steps(n) for n in s.c.k}
    for n in s.c.k:
        if s.is_boxed and s.known(n) is None:
            spans[n] = 1 if len(s.c.k) > 1 else 4 * UNKNOWN
    found: dict[str, int] = {n: x for n, x in spans.items() if s.known(n) is None}
    windows = {n for g in s.groups if not {*s.c.m}.isdisjoint(dict(g.steps)) for n, _ in g.steps}

    def fits(some: Mapping[str, int]) -> bool:
        copied = prod(some[n] for n in s.c.k) * width * panels * s.bytes
        return _fits(s, width, some, step_bytes(s.lanes)) and not (s.copies and copied > COPY_BYTES)

    for n in sorted(s.c.k, key=lambda x: x in windows):
        size = spans[n]
        while size > 1 and not fits({**rows, **spans, n: size}):
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
    if not tile.rows_first and (not s.is_boxed or len(m) == 1):
        panels = max(1, min(panels, products // max(1, products_per_row * last)))
        rows = prod(s.length(n, FEW if m[1:] else UNKNOWN) for n in m)
        if rows * products_per_row * panels < ENOUGH_ITEMS * products:
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
    if s.is_copied and spans[m[-1]] > COPIED_ROWS:
        spans[m[-1]] = _block(s.known(m[-1]), COPIED_ROWS, tile.inner)
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
