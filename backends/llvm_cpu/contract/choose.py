"""Which way the lanes of a register tile run, and the tile: whatever needs the fewest cycles.

Lanes along N are the rule. Few columns leave most of them idle; then they run along the sum or
along M, if `a` is dense there (`across.py`). Cycles are counted per row and step of the sum, for
the columns of one vector, as in `tile.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from math import prod

from .spans import ITEM_PRODUCTS, with_spans
from .tile import MOST_ROWS, Shape, Tile, pieces, registers, rows_of

ADDED_UP = 30
"""Cycles in which a vector of totals is made from as many accumulators as it has lanes."""
TURNED = 45
"""Cycles in which a square of results is turned and stored."""
MOST_VECTORS = 8
"""Of rows in a tile whose lanes run along M."""
NEAR = 1.5
"""Tiles up to so many times the cycles by count are worth measuring."""
UNROLLS = (2, 8)
PRODUCTS = (ITEM_PRODUCTS // 4, 4 * ITEM_PRODUCTS)
Found = tuple[float, Tile]


def choose_tile(s: Shape) -> Tile:
    """The tile that needs the fewest cycles by count, then spans that fit the caches."""
    cost, tile = registers(s)[0]
    found: list[Found] = [(cost, Tile(*tile)), *_few_columns(s)]
    return with_spans(s, min(found, key=lambda x: x[0])[1])


def tiles_near(s: Shape) -> list[Tile]:
    """The tile that is chosen, then others that may be faster: what tuning measures.

    The best rows of every number of vectors, more and fewer steps written out, items of another
    size.
    """
    usual = choose_tile(s)
    best, found = registers(s)[0][0], [usual]
    by_vectors: dict[int, Tile] = {}
    for cost, (outer, inner, vectors) in registers(s):
        if cost <= NEAR * best:
            by_vectors.setdefault(vectors, Tile(outer, inner, vectors))
    found += [with_spans(s, tile) for tile in by_vectors.values()]
    if usual.along == "n":
        found += [replace(usual, unroll=u) for u in UNROLLS]
        found += [with_spans(s, replace(usual, panels=1, spans=()), n) for n in PRODUCTS]
    return list(dict.fromkeys(found))


def _few_columns(s: Shape) -> Iterator[Found]:
    """Tiles of all columns, if they are fewer than lanes."""
    columns = s.known(s.c.n[-1])
    if columns is None or not 0 < columns < s.lanes or s.sums > 1 or len(s.c.n) > 1:
        return
    if 0 in _sizes(s) or 0 in map(s.steps, s.c.k):
        return
    if s.step(s.c.k[-1]) == 1:
        yield from _along_sum(s, columns)
    if s.step(s.c.m[-1]) == 1:
        yield from _along_rows(s, columns)


def _along_sum(s: Shape, columns: int) -> Iterator[Found]:
    sizes = list(map(s.steps, s.c.k))
    run = sizes.pop()
    if sizes and s.step(s.c.k[-2]) == run:
        run *= sizes.pop()
    steps = prod(sizes) * -(-run // s.lanes)
    together = max(1, s.lanes // (1 << (columns - 1).bit_length()))

    def cycles(outer: int, inner: int) -> float:
        rows = outer * inner
        turn = _cycles(rows, columns, s.per_vector)
        return steps * turn + -(-rows // together) * ADDED_UP + rows

    for rows in range(1, MOST_ROWS + 1):
        shape = rows_of(rows, *_sizes(s))
        if _held(rows, columns, s) and shape[0] * shape[1] == rows:
            yield _cost(s, shape, cycles), Tile(*shape, 1, along="k")


def _along_rows(s: Shape, columns: int) -> Iterator[Found]:
    outer, inner = _sizes(s)
    run = s.length(s.c.m[-1])
    is_run = len(s.c.m) > 1 and inner is not None and s.step(s.c.m[-2]) == inner
    steps = prod(map(s.steps, s.c.k))

    def vectors(i: int, j: int) -> int:
        return -(-i * j // s.lanes) if is_run and j == inner else i * -(-j // s.lanes)

    def cycles(i: int, j: int) -> float:
        many = vectors(i, j)
        return steps * _cycles(many, columns, s.per_vector) + many * TURNED

    wide = [(1, min(run, i * s.lanes)) for i in range(1, MOST_VECTORS + 1)]
    deep = [(i, run) for i in range(2, 1 + (outer or 1)) if inner is not None]
    for shape in dict.fromkeys([*wide, *deep]):
        if vectors(*shape) <= MOST_VECTORS and _held(vectors(*shape), columns, s):
            yield _cost(s, shape, cycles), Tile(*shape, 1, along="m")


# ---------------------------------------------------------------------------- counting


def _sizes(s: Shape) -> tuple[int | None, int | None]:
    """The known sizes of the last two axes of M."""
    m = s.c.m
    return s.known(m[-2]) if m[:-1] else 1, s.known(m[-1])


def _held(vectors: int, columns: int, s: Shape) -> bool:
    """Whether the accumulators and what they are made from fit the registers."""
    held = vectors * columns + min(vectors, columns) + 1
    return held * s.per_vector < s.registers


def _cycles(vectors: int, columns: int, per_vector: int) -> float:
    """Of one step: two products and two loads per cycle, eight products on their way."""
    return per_vector * max(vectors * columns / 2, (vectors + columns) / 2, 4.0 / per_vector)


def _cost(s: Shape, shape: tuple[int, int], cycles: Callable[[int, int], float]) -> float:
    """Cycles per row and step of the sum, for all columns."""
    outer, inner = (x or y for x, y in zip(_sizes(s), shape))
    pairs = product(pieces(outer, shape[0]), pieces(inner, shape[1]))
    total = sum(many * count * cycles(i, j) for (i, many), (j, count) in pairs if many and count)
    return total / max(1, outer * inner * prod(map(s.steps, s.c.k)))
